/* SPDX-License-Identifier: BSD-2-Clause
 * The order of kernel/panic.c: the other cores stop first, then the cards lose the bus, then the
 * report is printed. A panic on a second core stops that core by itself; one within a panic names
 * both and ends.
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

static void cpu_interrupts_off(void)
{
}
#define cpu_cr0_read()    0ul
#define cpu_cr2_read()    0ul
#define cpu_cr3_read()    0ul
#define cpu_cr4_read()    0ul
#define cpu_msr_read(msr) ((void)(msr), 0ul)
#include "kernel/panic.c"

uint64_t machine_clock_ns;
struct cpu *cpus[CPUS_MAX];
unsigned cpus_n = 2;
static struct cpu cpu[2];
const uint8_t image_text_start[1], image_text_end[1], image_rodata_start[1], image_rodata_end[1];
uint8_t image_data_start[1], image_end[1], image_sealed_start[1], image_sealed_end[1];
uint8_t stack_boot_guard[1], stack_boot_bottom[1], stack_boot_top[1];
uint8_t stack_fault_guard[1], stack_fault_bottom[1], stack_nmi_guard[1], stack_nmi_bottom[1];
uint8_t stack_check_guard[1], stack_check_bottom[1];
uint8_t stack_work_guard[1], stack_work_bottom[1];
uint8_t stack_task_guard[1], stack_task_bottom[1];
panic_view *const panic_views_start[1], *const panic_views_end[1];

static jmp_buf ended;
/* S: others stopped; c: cards cut off; p: something printed, many times in a row noted once; t: the
 * log taken over; s: this core stopped; h, r, x: halt, reboot, exit. */
static char order[16];
static char printed[8192];
static bool faults_once; /* the stop of the others faults */

static void note(char what)
{
    size_t n = strlen(order);
    assert_true(n + 1 < sizeof order);
    if (!n || order[n - 1] != what)
        order[n] = what;
}
static _Noreturn void end_by(char what)
{
    note(what);
    longjmp(ended, 1);
}

void machine_wait_ns(uint64_t ns)
{
    (void)ns;
}
void smp_stop_others(void)
{
    note('S');
    cpu[0].state = CPU_STOPPED;
    if (faults_once) {
        faults_once = false;
        trap_dispatch(&(struct trap_frame){.vector = TRAP_PAGE_FAULT, .rip = 0x7777});
    }
}
_Noreturn void smp_stop(uint64_t rip, uint64_t rbp)
{
    assert_true(rip != 0 && rbp != 0);
    end_by('s');
}
bool smp_nmi(struct trap_frame *frame)
{
    (void)frame;
    return false; /* a board error */
}
bool smp_is_guard(uint64_t address)
{
    (void)address;
    return false;
}
void drivers_cut_off(void)
{
    note('c');
}
void serial_write(const char *text, size_t n)
{
    note('p');
    strncat(printed, text, n);
}
void screen_write(const char *text, size_t n)
{
    (void)text, (void)n;
    note('p');
}
void screen_keep(void)
{
}
void log_take_over(void)
{
    note('t');
}
void log_tail(unsigned max, void (*visit)(void *context, const char *text, size_t n), void *context)
{
    (void)max, (void)visit, (void)context;
}
const char *ksym_find(uint64_t address, uint64_t *offset)
{
    (void)address, (void)offset;
    return NULL;
}
struct paging_entry paging_lookup(uint64_t va)
{
    (void)va;
    return (struct paging_entry){0};
}
const char *trap_name(uint64_t vector)
{
    return vector == TRAP_NMI ? "an NMI" : "a fault";
}
void trap_explain(const struct trap_frame *frame, char *buf, size_t n)
{
    (void)frame, (void)n;
    buf[0] = 0;
}
bool trap_is_frame(uint64_t rbp)
{
    (void)rbp;
    return false;
}
unsigned trap_backtrace(uint64_t rbp, uint64_t *rip, unsigned max)
{
    (void)rbp, (void)rip, (void)max;
    return 0;
}
void irq_handle(uint64_t vector)
{
    (void)vector;
}
_Noreturn void power_halt(void)
{
    end_by('h');
}
_Noreturn void power_reboot(void)
{
    end_by('r');
}
_Noreturn void power_exit(uint8_t code)
{
    (void)code;
    end_by('x');
}

static int start(void **state)
{
    (void)state;
    memset(cpu, 0, sizeof cpu);
    for (unsigned i = 0; i < 2; i++) {
        cpu[i].self = cpus[i] = &cpu[i];
        cpu[i].index = i;
    }
    panicking = NULL;
    memset(order, 0, sizeof order);
    printed[0] = 0;
    faults_once = false;
    panic_set_end(PANIC_HALT);
    return 0;
}

static void become(unsigned core)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu[core]), 0);
}

static struct trap_frame frame_of(uint64_t vector)
{
    return (struct trap_frame){.vector = vector, .rip = 0x1111, .rbp = 0x2222};
}

static void panic__on_core_1__stops_cores_then_cards_then_prints(void **state)
{
    (void)state;
    become(1);
    if (!setjmp(ended))
        panic("test %u", 7);
    assert_string_equal(order, "Scptph");
    assert_non_null(strstr(printed, "\nPANIC: test 7\non core 1 of 2\n"));
}

static void trap__on_core_1__stops_cores_then_cards_then_prints(void **state)
{
    (void)state;
    struct trap_frame frame = frame_of(TRAP_PAGE_FAULT);
    become(1);
    panic_set_end(PANIC_REBOOT);
    if (!setjmp(ended))
        trap_dispatch(&frame);
    assert_string_equal(order, "Scptpr"); /* the cards are cut off before the reset */
    assert_non_null(strstr(printed, "\nPANIC: a fault (vector 14"));
}

/* An NMI of the board reaches both cores; the second is in a handler where none reaches it. */
static void nmi__second_core_panics_too__stops_by_itself_and_prints_nothing(void **state)
{
    (void)state;
    struct trap_frame frame = frame_of(TRAP_NMI);
    become(0);
    if (!setjmp(ended))
        trap_dispatch(&frame);
    memset(order, 0, sizeof order);
    become(1);
    if (!setjmp(ended))
        trap_dispatch(&frame);
    assert_string_equal(order, "s");
    if (!setjmp(ended))
        panic("the same by a broken invariant");
    assert_string_equal(order, "s");
}

static void panic__within_a_panic__names_both_and_ends(void **state)
{
    (void)state;
    become(1);
    faults_once = true;
    panic_set_end(PANIC_EXIT);
    if (!setjmp(ended))
        panic("the cause");
    assert_string_equal(order, "Spx");
    assert_non_null(strstr(printed, "panic inside a panic: a fault at 0x7777; the first was: the "
                                    "cause at 0x"));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, start)
    const struct CMUnitTest tests[] = {
        ROW(panic__on_core_1__stops_cores_then_cards_then_prints),
        ROW(trap__on_core_1__stops_cores_then_cards_then_prints),
        ROW(nmi__second_core_panics_too__stops_by_itself_and_prints_nothing),
        ROW(panic__within_a_panic__names_both_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
