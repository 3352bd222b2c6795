/* SPDX-License-Identifier: BSD-2-Clause
 * NMIs: a backtrace of another core, the stop of all others, and NMIs that nothing here has sent;
 * see smp.h. An NMI comes at any instruction, with interrupts on or off.
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/lapic.h"
#include "arch/port.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "arch/tsc.h"

#define TRACE_WAIT_NS 100000000u /* a core answers in microseconds, an emulated one later */
#define STOP_WAIT_NS  1000000000u

#define NMI_STATUS    0x61 /* of the chipset: which board error has raised an NMI */
#define NMI_SERR      BIT(7)
#define NMI_IOCHK     BIT(6)

#define CODE_STI      0xFB
#define CODE_HLT      0xF4
#define FLAG_IF       BIT(9)

/* cpu_sleep enables interrupts by sti, which takes effect one instruction later: a pending
 * interrupt cannot be taken before the hlt, and so ends it. An NMI between the two voids that: its
 * iretq enables interrupts at once, a pending one is taken before the hlt, and the core sleeps with
 * its work undone. So the handler returns behind the hlt, as if that had been ended by the NMI; the
 * caller of cpu_sleep looks for work again. */
static void step_over_halt(struct trap_frame *frame)
{
    const uint8_t *at = (const uint8_t *)frame->rip;
    if ((frame->rflags & FLAG_IF) && at > image_text_start && at < image_text_end &&
        at[0] == CODE_HLT && at[-1] == CODE_STI)
        frame->rip++;
}

static void leave_trace(struct cpu *cpu, uint64_t rip, uint64_t rbp)
{
    cpu->trace.rip[0] = rip;
    cpu->trace.n = 1 + trap_backtrace(rbp, cpu->trace.rip + 1, TRACE_MAX - 1);
}

void smp_stop(uint64_t rip, uint64_t rbp)
{
    struct cpu *cpu = cpu_this();
    /* A core that has stopped already, outside of an NMI's handler, keeps its first trace. */
    if (__atomic_load_n(&cpu->state, __ATOMIC_RELAXED) != CPU_STOPPED) {
        leave_trace(cpu, rip, rbp);
        __atomic_store_n(&cpu->state, CPU_STOPPED, __ATOMIC_RELEASE);
    }
    for (;;)
        cpu_halt();
}

bool smp_nmi(struct trap_frame *frame)
{
    struct cpu *cpu = cpu_this();
    bool is_ours = __atomic_load_n(&cpu->is_trace_wanted, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&cpu->is_stop_wanted, __ATOMIC_ACQUIRE))
        smp_stop(frame->rip, frame->rbp);
    if (is_ours) {
        leave_trace(cpu, frame->rip, frame->rbp);
        __atomic_store_n(&cpu->is_trace_wanted, false, __ATOMIC_RELEASE);
    } else if (port_in8(NMI_STATUS) & (NMI_SERR | NMI_IOCHK)) {
        return false;
    } else {
        uint64_t *strays = &cpu->irqs[TRAP_NMI].count;
        leave_trace(cpu, frame->rip, frame->rbp);
        __atomic_store_n(strays, *strays + 1, __ATOMIC_RELEASE);
    }
    step_over_halt(frame);
    return true;
}

bool smp_trace(unsigned core)
{
    struct cpu *cpu = cpus[core];
    __atomic_store_n(&cpu->is_trace_wanted, true, __ATOMIC_RELEASE);
    lapic_send_nmi(cpu->apic_id);
    uint64_t start = cpu_tsc(), limit = tsc_ticks(TRACE_WAIT_NS);
    while (__atomic_load_n(&cpu->is_trace_wanted, __ATOMIC_ACQUIRE)) {
        /* Withdrawn, so that the core does not take the board's next NMI for this one. If it was
         * answered after all meanwhile, the trace is there. */
        if (cpu_tsc() - start > limit)
            return !__atomic_exchange_n(&cpu->is_trace_wanted, false, __ATOMIC_ACQ_REL);
        cpu_pause();
    }
    return true;
}

void smp_stop_others(void)
{
    struct cpu *self = cpu_this();
    for (unsigned i = 0; i < cpus_n; i++)
        if (cpus[i] != self) {
            __atomic_store_n(&cpus[i]->is_stop_wanted, true, __ATOMIC_RELEASE);
            lapic_send_nmi(cpus[i]->apic_id);
        }
    uint64_t start = cpu_tsc(), limit = tsc_ticks(STOP_WAIT_NS);
    for (unsigned i = 0; i < cpus_n; i++)
        while (cpus[i] != self &&
               __atomic_load_n(&cpus[i]->state, __ATOMIC_ACQUIRE) != CPU_STOPPED) {
            if (cpu_tsc() - start > limit)
                return;
            cpu_pause();
        }
}
