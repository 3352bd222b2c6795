/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/watchdog.c with three cores: who is reported when, with which words; a sleeping core is
 * woken first, core 0's watch over the others and core 1's over core 0; TSCs that differ; the
 * longest time between two polls and the part of the work that caused it.
 *
 * links: kernel/lib/fmt.c
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* The real header, not the stand-in for programs with one core. */
#include "../../../arch/smp.h"
#include "kernel/watchdog.c"

#define MS     1000000ull
#define CPUS_N 3

uint64_t machine_clock_ns;
struct cpu *cpus[CPUS_MAX];
unsigned cpus_n = CPUS_N;
static struct cpu cpu[CPUS_N];
static uint64_t now_ns; /* true time; each core's TSC is ahead of it by its skew */
static char logged[4096];
static unsigned woken[CPUS_N], traced[CPUS_N];
static bool answers, has_timer, is_standing_in;

void machine_wait_ns(uint64_t ns)
{
    (void)ns;
}
uint64_t tsc_ticks(uint64_t ns)
{
    return ns;
}
uint64_t tsc_ns(uint64_t ticks)
{
    return ticks;
}
void smp_wake(unsigned core)
{
    woken[core]++;
}
bool smp_trace(unsigned core)
{
    traced[core]++;
    cpu[core].trace = (struct cpu_trace){.rip = {0x1234}, .n = 1};
    return answers;
}
bool lapic_timer_is_known(void)
{
    return has_timer;
}
void log_stand_in(bool is_on)
{
    is_standing_in = is_on;
}
const char *ksym_find(uint64_t address, uint64_t *offset)
{
    (void)address;
    *offset = 4;
    return "a_function";
}
void log_line(enum log_level level, const char *fmt, ...)
{
    size_t n = strlen(logged);
    va_list args;
    (void)level;
    va_start(args, fmt);
    vsnprintf(logged + n, sizeof logged - n, fmt, args);
    va_end(args);
    strncat(logged, is_standing_in ? " (printed by core 1)\n" : "\n",
            sizeof logged - strlen(logged) - 1);
}

static void become(unsigned core)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu[core]), 0);
    machine_clock_ns = now_ns + (uint64_t)cpu[core].tsc_skew;
}

static void stamp(unsigned core)
{
    cpu[core].loop_tsc = now_ns + (uint64_t)cpu[core].tsc_skew;
}

static int start(void **state)
{
    (void)state;
    memset(cpu, 0, sizeof cpu);
    memset(woken, 0, sizeof woken);
    memset(traced, 0, sizeof traced);
    memset(is_reported, 0, sizeof is_reported);
    memset(nmis_reported, 0, sizeof nmis_reported);
    answers = has_timer = true;
    is_standing_in = false;
    logged[0] = 0;
    now_ns = 60000 * MS;
    for (unsigned i = 0; i < CPUS_N; i++) {
        cpu[i].self = cpus[i] = &cpu[i];
        cpu[i].index = i;
        cpu[i].state = CPU_RUNNING;
        stamp(i);
    }
    become(0);
    watchdog_init();
    return 0;
}

/* Let ms pass, with stamps of all cores but `silent`, and both watchers looking ten times a second.
 */
static void pass(unsigned ms, unsigned silent)
{
    for (unsigned i = 0; i < ms / 100; i++) {
        now_ns += 100 * MS;
        for (unsigned core = 0; core < CPUS_N; core++)
            if (core != silent)
                stamp(core);
        if (silent != 0) {
            become(0);
            watchdog_poll();
        }
        if (silent != 1) {
            become(1);
            watchdog_poll_core_0();
        }
    }
}

static void cores__all_stamp__nothing_is_said(void **state)
{
    (void)state;
    pass(60000, CPUS_N);
    assert_string_equal(logged, "");
}

static void core_2__silent__is_named_once_and_when_it_responds(void **state)
{
    (void)state;
    pass(600, 2);
    assert_string_equal(logged, "");
    pass(10000, 2);
    pass(200, CPUS_N);
    assert_string_equal(logged, "core 2 has been silent for 700 ms; it is at\n"
                                "  0x0000000000001234 a_function+0x4\n"
                                "core 2 responds again\n");
    assert_int_equal(traced[2], 1);
}

static void core_0__silent__is_named_by_core_1_which_prints(void **state)
{
    (void)state;
    pass(2900, 0);
    assert_string_equal(logged, "");
    pass(10000, 0);
    assert_true(is_standing_in);
    pass(200, CPUS_N);
    assert_false(is_standing_in);
    assert_string_equal(logged, "core 0 has been silent for 3000 ms; it is at (printed by core 1)\n"
                                "  0x0000000000001234 a_function+0x4 (printed by core 1)\n"
                                "core 0 responds again\n");
    assert_int_equal(traced[0], 1);
}

static void core_0__does_not_answer_its_nmi__is_named_all_the_same(void **state)
{
    (void)state;
    answers = false;
    pass(3000, 0);
    assert_string_equal(logged, "core 0 has been silent for 3000 ms and does not answer an NMI "
                                "(printed by core 1)\n");
}

static void sleeping_core__missed_its_wake_up__is_woken_and_then_named(void **state)
{
    for (unsigned core = 0; core < CPUS_N; core++) {
        char expected[128];
        start(state);
        cpu[core].is_asleep = true;
        pass(700, core);
        assert_int_equal(woken[core], 0);
        pass(100, core);
        assert_int_equal(woken[core], 1);
        pass(5400, core);
        assert_string_equal(logged, "");
        pass(1000, core);
        snprintf(expected, sizeof expected,
                 "core %u has been silent for 6300 ms and does not wake%s\n", core,
                 core == 0 ? " (printed by core 1)" : "");
        assert_string_equal(logged, expected);
        assert_int_equal(traced[core], 0);
    }
}

static void core__woken_by_the_watchdog__is_not_named(void **state)
{
    (void)state;
    cpu[0].is_asleep = true;
    for (unsigned i = 0; i < 20; i++) {
        pass(800, 0);
        stamp(0); /* the wake-up makes it stamp */
    }
    assert_string_equal(logged, "");
    assert_true(woken[0] >= 20);
}

static void tscs__hours_apart__change_nothing(void **state)
{
    (void)state;
    cpu[1].tsc_skew = -7200000 * (int64_t)MS;
    cpu[2].tsc_skew = 7200000 * (int64_t)MS;
    for (unsigned i = 0; i < CPUS_N; i++)
        stamp(i);
    pass(10000, CPUS_N);
    assert_string_equal(logged, "");
    pass(3000, 0);
    assert_non_null(strstr(logged, "core 0 has been silent for 3000 ms"));
    stamp(0);
    logged[0] = 0;
    pass(1000, 2);
    assert_non_null(strstr(logged, "core 2 has been silent for 700 ms"));
}

static void core__parked__is_not_watched(void **state)
{
    (void)state;
    cpu[2].state = CPU_PARKED;
    pass(60000, 2);
    assert_string_equal(logged, "");
}

static void sleep__of_core_1_alone__is_limited_if_a_timer_ends_it(void **state)
{
    (void)state;
    assert_int_equal(watchdog_sleep_ns(1), WATCHDOG_SILENT_NS);
    assert_int_equal(watchdog_sleep_ns(2), 0);
    has_timer = false;
    assert_int_equal(watchdog_sleep_ns(1), 0);
}

/* A round of core 1: the parts of its work, each with its time in us, then a poll. */
static void round_of(const char *const *parts, const unsigned *us, unsigned n, unsigned poll_us)
{
    for (unsigned i = 0; i < n; i++) {
        (void)watchdog_part(parts[i]);
        machine_clock_ns += us[i] * 1000ull;
    }
    if (n != 0)
        (void)watchdog_part(NULL);
    machine_clock_ns += poll_us * 1000ull;
    watchdog_stamp(&cpu[1], machine_clock_ns);
}

static void stretch__of_several_parts__the_longest_part_is_its_cause(void **state)
{
    (void)state;
    static const char *const parts[] = {"log", "console", "counters"};
    const struct stretch *s = &cpu[1].stretch;

    become(1);
    cpu[1].loop_tsc = machine_clock_ns;
    round_of(parts, NULL, 0, 5);
    assert_string_equal(s->max_part, "lanes");
    assert_int_equal(s->max_ticks, 5000);
    round_of(parts, (unsigned[]){1, 7, 2}, 3, 3);
    assert_string_equal(s->max_part, "console");
    assert_int_equal(s->max_ticks, 13000);
    round_of(parts, (unsigned[]){1, 2, 3}, 3, 4); /* shorter */
    assert_string_equal(s->max_part, "console");
    assert_int_equal(s->max_ticks, 13000);
    round_of(parts, (unsigned[]){1, 2, 3}, 3, 20); /* what comes before is no cause of this one */
    assert_string_equal(s->max_part, "lanes");
    assert_int_equal(s->max_ticks, 26000);
    round_of(parts, NULL, 0, 30);
    assert_string_equal(s->max_part, "lanes");
    assert_int_equal(s->max_ticks, 30000);
}

static void part__names_another_within_it__gives_the_first_back(void **state)
{
    (void)state;
    become(1);
    cpu[1].loop_tsc = machine_clock_ns;
    (void)watchdog_part("console");
    machine_clock_ns += 10000;
    const char *before = watchdog_part("routes");
    machine_clock_ns += 30000;
    assert_string_equal(before, "console");
    (void)watchdog_part(before);
    machine_clock_ns += 20000;
    assert_string_equal(watchdog_part(NULL), "console");
    watchdog_stamp(&cpu[1], machine_clock_ns);
    assert_string_equal(cpu[1].stretch.max_part, "routes");
    assert_int_equal(cpu[1].stretch.max_ticks, 60000);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, start)
    const struct CMUnitTest tests[] = {
        ROW(cores__all_stamp__nothing_is_said),
        ROW(core_2__silent__is_named_once_and_when_it_responds),
        ROW(core_0__silent__is_named_by_core_1_which_prints),
        ROW(core_0__does_not_answer_its_nmi__is_named_all_the_same),
        ROW(sleeping_core__missed_its_wake_up__is_woken_and_then_named),
        ROW(core__woken_by_the_watchdog__is_not_named),
        ROW(tscs__hours_apart__change_nothing),
        ROW(core__parked__is_not_watched),
        ROW(sleep__of_core_1_alone__is_limited_if_a_timer_ends_it),
        ROW(stretch__of_several_parts__the_longest_part_is_its_cause),
        ROW(part__names_another_within_it__gives_the_first_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
