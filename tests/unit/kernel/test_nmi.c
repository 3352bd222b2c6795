/* SPDX-License-Identifier: BSD-2-Clause
 * arch/nmi.c, with two cores that take turns in one thread: a trace that is answered, answered late
 * or never; a stop, also of a core that is already in the handler of an NMI; board errors; and an NMI
 * between the two instructions of cpu_sleep.
 *
 * links: kernel/lib/fmt.c
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* The real header, not the stand-in for programs with one core. */
#include "../../../arch/smp.h"
#include "arch/cpu.h"
#include "arch/port.h"

static jmp_buf halted;
static uint8_t board_status;
static _Noreturn void cpu_halt(void)
{
    longjmp(halted, 1);
}
#define port_in8(port) ((void)(port), board_status)
#include "arch/nmi.c"

uint64_t machine_clock_ns;
struct cpu *cpus[CPUS_MAX];
unsigned cpus_n = 2;
static struct cpu cpu[2];

/* What the NMI that core 0 sends does at core 1. */
static enum { IS_ANSWERED, IS_LOST, IS_LATE } nmi;
static unsigned nmis_sent;
static struct trap_frame frame;

/* The bytes of nop; sti; hlt; cli; cli; hlt; nop. */
__asm__(".pushsection .rodata\n"
        ".globl image_text_start, image_text_end\n"
        "image_text_start: .byte 0x90, 0xFB, 0xF4, 0xFA, 0xFA, 0xF4, 0x90\n"
        "image_text_end:\n"
        ".popsection");

static void become(unsigned core)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu[core]), 0);
}

/* Run the handler on core 1. 1: handled; 0: a board error; -1: the core has halted. */
static int interrupt_core_1(void)
{
    become(1);
    int result = setjmp(halted) ? -1 : smp_nmi(&frame);
    become(0);
    return result;
}

void machine_wait_ns(uint64_t ns)
{
    machine_clock_ns += ns;
    if (nmi == IS_LATE && machine_clock_ns > TRACE_WAIT_NS) {
        nmi = IS_LOST;
        (void)interrupt_core_1();
    }
}
uint64_t tsc_ticks(uint64_t ns)
{
    return ns;
}
void lapic_send_nmi(uint32_t apic_id)
{
    assert_int_equal(apic_id, 1);
    nmis_sent++;
    if (nmi == IS_ANSWERED)
        (void)interrupt_core_1();
}
unsigned trap_backtrace(uint64_t rbp, uint64_t *rip, unsigned max)
{
    assert_true(max >= 1);
    rip[0] = rbp + 1;
    return 1;
}

static int start(void **state)
{
    (void)state;
    memset(cpu, 0, sizeof(cpu));
    for (unsigned i = 0; i < 2; i++) {
        cpu[i].self = cpus[i] = &cpu[i];
        cpu[i].index = cpu[i].apic_id = i;
        cpu[i].state = CPU_RUNNING;
    }
    become(0);
    nmi = IS_ANSWERED;
    board_status = 0;
    nmis_sent = 0;
    machine_clock_ns = 0;
    frame = (struct trap_frame){.rip = 0x1111, .rbp = 0x2222};
    return 0;
}

static void trace__core_answers__has_rip_and_callers(void **state)
{
    (void)state;
    board_status = NMI_SERR; /* no reason to panic: the NMI is ours */
    assert_true(smp_trace(1));
    assert_int_equal(cpu[1].trace.n, 2);
    assert_int_equal(cpu[1].trace.rip[0], 0x1111);
    assert_int_equal(cpu[1].trace.rip[1], 0x2223);
    assert_int_equal(cpu[1].irqs[TRAP_NMI].count, 0);
}

static void trace__core_does_not_answer__ends_in_time(void **state)
{
    (void)state;
    nmi = IS_LOST;
    assert_false(smp_trace(1));
    assert_in_range(machine_clock_ns, TRACE_WAIT_NS, TRACE_WAIT_NS + 1000);
}

static void board_error__after_a_trace_that_timed_out__is_not_taken_for_the_trace(void **state)
{
    (void)state;
    nmi = IS_LOST;
    assert_false(smp_trace(1));
    board_status = NMI_IOCHK;
    assert_int_equal(interrupt_core_1(), 0);
}

static void late_nmi__after_a_trace_that_timed_out__is_counted_as_unexpected(void **state)
{
    (void)state;
    nmi = IS_LOST;
    assert_false(smp_trace(1));
    assert_int_equal(interrupt_core_1(), 1);
    assert_int_equal(cpu[1].irqs[TRAP_NMI].count, 1);
}

static void trace__answered_at_the_last_moment__counts(void **state)
{
    (void)state;
    nmi = IS_LATE;
    assert_true(smp_trace(1));
    assert_int_equal(cpu[1].trace.rip[0], 0x1111);
}

static void stop__core_answers__is_stopped_with_a_trace(void **state)
{
    (void)state;
    smp_stop_others();
    assert_int_equal(cpu[1].state, CPU_STOPPED);
    assert_int_equal(cpu[1].trace.rip[0], 0x1111);
    assert_int_equal(nmis_sent, 1);
    assert_int_equal(cpu[0].state, CPU_RUNNING);
}

static void stop__core_does_not_answer__ends_in_time(void **state)
{
    (void)state;
    nmi = IS_LOST;
    smp_stop_others();
    assert_int_equal(cpu[1].state, CPU_RUNNING);
    assert_in_range(machine_clock_ns, STOP_WAIT_NS, STOP_WAIT_NS + 1000);
}

/* Both cores get the NMI of a board error. Core 1 is in its handler, which no NMI interrupts, when
 * core 0 stops it: it has stopped itself. */
static void stop__core_is_in_an_nmi_handler__has_stopped_itself(void **state)
{
    (void)state;
    become(1);
    if (!setjmp(halted))
        smp_stop(0x3333, 0x4444);
    become(0);
    nmi = IS_LOST;
    smp_stop_others();
    assert_int_equal(machine_clock_ns, 0); /* nothing to wait for */
    assert_int_equal(cpu[1].state, CPU_STOPPED);
    assert_int_equal(cpu[1].trace.rip[0], 0x3333);
    assert_int_equal(cpu[1].trace.rip[1], 0x4445);
}

static void stop__core_has_stopped_itself_elsewhere__keeps_its_trace(void **state)
{
    (void)state;
    become(1);
    if (!setjmp(halted))
        smp_stop(0x3333, 0x4444);
    become(0);
    smp_stop_others(); /* the NMI arrives while it is halted */
    assert_int_equal(cpu[1].trace.rip[0], 0x3333);
}

static uint64_t rip_after_nmi(size_t offset, uint64_t flags)
{
    frame.rip = (uintptr_t)image_text_start + offset;
    frame.rflags = flags;
    assert_int_equal(interrupt_core_1(), 1);
    return frame.rip - (uintptr_t)image_text_start;
}

static void nmi__between_sti_and_hlt__returns_behind_the_hlt(void **state)
{
    (void)state;
    assert_int_equal(rip_after_nmi(2, FLAG_IF), 3); /* of a stray NMI */
    cpu[1].is_trace_wanted = true;
    assert_int_equal(rip_after_nmi(2, FLAG_IF), 3); /* of one that asks for a trace */
}

static void nmi__anywhere_else__returns_to_where_it_was(void **state)
{
    (void)state;
    for (size_t at = 0; at < 8; at++)
        if (at != 2)
            assert_int_equal(rip_after_nmi(at, FLAG_IF), at);
    assert_int_equal(rip_after_nmi(2, 0), 2); /* interrupts off: not cpu_sleep's */
    frame.rip = 0x10;                         /* not code of the image: never read */
    assert_int_equal(interrupt_core_1(), 1);
    assert_int_equal(frame.rip, 0x10);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, start)
    const struct CMUnitTest tests[] = {
        ROW(trace__core_answers__has_rip_and_callers),
        ROW(trace__core_does_not_answer__ends_in_time),
        ROW(board_error__after_a_trace_that_timed_out__is_not_taken_for_the_trace),
        ROW(late_nmi__after_a_trace_that_timed_out__is_counted_as_unexpected),
        ROW(trace__answered_at_the_last_moment__counts),
        ROW(stop__core_answers__is_stopped_with_a_trace),
        ROW(stop__core_does_not_answer__ends_in_time),
        ROW(stop__core_is_in_an_nmi_handler__has_stopped_itself),
        ROW(stop__core_has_stopped_itself_elsewhere__keeps_its_trace),
        ROW(nmi__between_sti_and_hlt__returns_behind_the_hlt),
        ROW(nmi__anywhere_else__returns_to_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
