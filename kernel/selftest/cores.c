/* SPDX-License-Identifier: BSD-2-Clause
 * Selftests of cores other than core 0: a panic, a stack overflow, a core that becomes silent; and
 * that a core which sleeps between two polls of its mailbox loses no wake-up, nor one that gets an
 * NMI between sti and hlt.
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/lapic.h"
#include "arch/mmio.h"
#include "arch/paging.h"
#include "arch/selftest.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "kernel/log/log.h"
#include "kernel/mailbox.h"
#include "kernel/panic.h"
#include "kernel/selftest/selftest.h"
#include "kernel/watchdog.h"

#define WAKE_CALLS   2000u
#define WAKE_MAX_US  2000000u /* an emulated core on a busy host is slow */
#define WAKE_GAP_US  60u
#define WATCH_ROUNDS 20u

static void read_null_on_a_core(void)
{
    selftest_read(0);
}
static void overflow_on_a_core(void)
{
    selftest_use_stack(1 << 20);
}
static void spin_forever(void)
{
    for (;;)
        cpu_pause();
}

static bool on_core_1(void (*run)(void))
{
    if (cpus_n < 2) {
        log_error("selftest: there is no second core");
        return false;
    }
    smp_run(run, 2);
    return true;
}

void selftest_core_null(void)
{
    if (on_core_1(read_null_on_a_core))
        tsc_wait_us(3000000);
}
void selftest_core_stack(void)
{
    if (on_core_1(overflow_on_a_core))
        tsc_wait_us(3000000);
}

/* Each core has a GDT and a TSS of its own, and all have one IDT. */
static void write_gdt_on_a_core(void)
{
    selftest_write(selftest_gdt_base(), 0);
}
static void write_tss_on_a_core(void)
{
    selftest_write(selftest_tss_base(), 0);
}
static void write_idt_on_a_core(void)
{
    selftest_write(selftest_idt_base(), 0);
}
void selftest_core_gdt(void)
{
    if (on_core_1(write_gdt_on_a_core))
        tsc_wait_us(3000000);
}
void selftest_core_tss(void)
{
    if (on_core_1(write_tss_on_a_core))
        tsc_wait_us(3000000);
}
void selftest_core_idt(void)
{
    if (on_core_1(write_idt_on_a_core))
        tsc_wait_us(3000000);
}

void selftest_core_silent(void)
{
    if (!on_core_1(spin_forever))
        return;
    for (unsigned i = 0; i < WATCH_ROUNDS; i++) {
        tsc_wait_us(100000);
        watchdog_poll();
    }
    panic("selftest: two seconds are over");
}

void selftest_nmi(void)
{
    lapic_send_nmi(cpu_this()->apic_id);
}

/* --- an NMI between sti and hlt --- */

#define XAPIC_ICR      0x300
#define XAPIC_ICR_HIGH 0x310
#define ICR_NMI        0x4400u /* delivery mode NMI, assert */
#define CODE_HLT       0xF4
#define NMI_TRIES      1000u
#define NMI_SLEEP_NS   1000000000u

/* Sleep with a wake-up pending, and send this core an NMI by the last instruction before sti: an
 * emulator takes it before the hlt. Returns whether it was taken there. */
static bool nmi_hits_the_halt(mmio_t lapic, uint64_t *slept_tsc)
{
    struct cpu *cpu = cpu_this();
    mmio_write32(lapic, XAPIC_ICR_HIGH, cpu->apic_id << 24);
    lapic_timer_arm(NMI_SLEEP_NS); /* the end where the wake-up is lost */
    smp_wake(cpu->index);
    cpu->is_trace_wanted = true; /* the NMI is expected */
    uint64_t start = cpu_tsc();
    mmio_write32(lapic, XAPIC_ICR, ICR_NMI);
    cpu_sleep();
    *slept_tsc = cpu_tsc() - start;
    lapic_timer_arm(0);
    tsc_wait_us(1000);
    const uint8_t *at = (const uint8_t *)cpu->trace.rip[0];
    return !cpu->is_trace_wanted && at > image_text_start && at < image_text_end && *at == CODE_HLT;
}

void selftest_nmi_halt(void)
{
    mmio_t lapic = lapic_regs();
    if (!lapic.base) {
        log_error("selftest: this needs a LAPIC in xAPIC mode");
        return;
    }
    for (unsigned i = 1; i <= NMI_TRIES; i++) {
        uint64_t slept_tsc;
        if (nmi_hits_the_halt(lapic, &slept_tsc)) {
            log_info("selftest: an NMI came before hlt at try %u; slept %lu us", i,
                     tsc_ns(slept_tsc) / 1000);
            return;
        }
    }
    log_error("selftest: no NMI came before hlt");
}

/* --- wake-ups --- */

static bool is_over;
static uint32_t calls_run;

static void sleep_between_polls(void)
{
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        if (mailbox_poll())
            continue;
        /* Extends the time between the last poll and the halt: most calls fall into it. */
        for (uint64_t start = cpu_tsc(); cpu_tsc() - start < tsc_ticks(WAKE_GAP_US * 1000);)
            cpu_pause();
        smp_sleep(0);
    }
}
static void count_call(void *context)
{
    (*(uint32_t *)context)++;
}
static void end_loop(void *context)
{
    (void)context;
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
}

void selftest_wake(void)
{
    if (!on_core_1(sleep_between_polls))
        return;
    /* Wait until core 1 has left the park: mailbox_call refuses a core that runs no loop. */
    for (unsigned i = 0; i < 1000 && cpus[1]->state != CPU_RUNNING; i++)
        tsc_wait_us(1000);
    uint64_t random = cpu_tsc(), slowest = 0;
    unsigned lost = 0;
    for (unsigned i = 0; i < WAKE_CALLS; i++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        tsc_wait_us((uint32_t)(random >> 33) % WAKE_GAP_US);
        uint64_t start = cpu_tsc();
        if (mailbox_call(1, count_call, &calls_run, WAKE_MAX_US) != OK)
            lost++;
        slowest = MAX(slowest, cpu_tsc() - start);
    }
    uint64_t sleeps = cpus[1]->sleeps;
    bool has_ended = mailbox_call(1, end_loop, NULL, WAKE_MAX_US) == OK;
    for (unsigned i = 0; i < 1000 && cpus[1]->state != CPU_PARKED; i++)
        tsc_wait_us(1000);
    log_info("selftest: wake %u of %u calls ran, %u lost, %lu sleeps, slowest %lu us, loop %s",
             calls_run, WAKE_CALLS, lost, sleeps, tsc_ns(slowest) / 1000,
             has_ended && cpus[1]->state == CPU_PARKED ? "ended" : "did not end");

    uint64_t start = cpu_tsc();
    for (unsigned i = 0; i < 10; i++)
        smp_sleep(2000000);
    log_info("selftest: 10 sleeps of 2 ms took %lu us", tsc_ns(cpu_tsc() - start) / 1000);
}
