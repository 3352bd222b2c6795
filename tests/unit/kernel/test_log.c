/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/log/log.c with a thread a core. With the lock each line is printed whole or counted as
 * lost. Where the lock is given up at once, as after the death of its holder, lines may mix, but
 * memory stays whole: the address sanitizer looks on here, and the thread sanitizer in
 * test_log_threads.c. Then who prints: core 0, one line at a time while there is a sink, and after a
 * panic the core that panics, and core 1 while core 0 hangs.
 *
 * links: kernel/lib/fmt.c
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* In place of arch/smp.h: a core a thread. */
#define ARCH_SMP_H
#include "arch/types.h"
struct cpu {
    uint32_t index;
};
static _Thread_local struct cpu this_cpu;
static struct cpu *cpu_this(void)
{
    return &this_cpu;
}

static uint32_t lock_tries;
#define LOCK_TRIES lock_tries
#include "kernel/log/log.c"

uint64_t machine_clock_ns;
void machine_wait_ns(uint64_t ns)
{
    (void)ns;
}
bool tsc_is_known(void)
{
    return false;
}
uint64_t tsc_now_ns(void)
{
    return 0;
}

enum {
    WRITERS = 4,
    LINES = 20000,
    SHOWN_BYTES = 1 << 24,
};

/* What was printed, by the one thread that prints. */
static char shown[SHOWN_BYTES + 1];
static size_t shown_n, longest;

void serial_write(const char *text, size_t n)
{
    assert_true(shown_n + n <= SHOWN_BYTES);
    memcpy(shown + shown_n, text, n);
    shown_n += n;
    shown[shown_n] = 0;
    longest = MAX(longest, n);
}

static int start(void **state)
{
    (void)state;
    ring_end = pending_in = pending_out = pending_lost = lock = printer = 0;
    is_standing_in = false;
    memset(ring, 0, sizeof ring);
    log_set_sink(NULL);
    lock_tries = UINT32_MAX;
    shown_n = longest = 0;
    shown[0] = 0;
    this_cpu.index = 0;
    return 0;
}

/* Each line ends in as many letters as its number says, so that a torn one is found. */
static void *write_lines(void *context)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop";
    this_cpu.index = (uint32_t)(uintptr_t)context;
    for (unsigned i = 0; i < LINES; i++)
        log_info("core %u line %u %u %s", this_cpu.index, i, i % 64,
                 letters + sizeof letters - 1 - i % 64);
    return NULL;
}

static unsigned running;
static void *write_and_end(void *context)
{
    (void)write_lines(context);
    __atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void count_line(void *context, const char *text, size_t n)
{
    assert_true(n <= LOG_LINE_BYTES + 1);
    (void)text;
    *(size_t *)context += n;
}

static void pump_all(void)
{
    while (log_is_pending())
        log_pump();
}

/* WRITERS cores write while core 0 prints and looks at the log's tail. */
static void run_writers(void)
{
    pthread_t threads[WRITERS];
    running = WRITERS;
    for (uintptr_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_end, (void *)(i + 1)), 0);
    while (__atomic_load_n(&running, __ATOMIC_ACQUIRE)) {
        size_t bytes = 0;
        for (unsigned i = 0; i < 100; i++)
            log_pump();
        log_tail(20, count_line, &bytes);
        assert_true(bytes <= 21 * (LOG_LINE_BYTES + 1));
    }
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pump_all();
}

static void lines__of_four_cores_with_the_lock__are_whole_or_counted_as_lost(void **state)
{
    (void)state;
    run_writers();
    unsigned next[WRITERS + 1] = {0}, lines = 0, lost = 0;
    for (char *line = shown, *end; (end = strchr(line, '\n')); line = end + 1) {
        unsigned core, number, n, now;
        char tail[80] = "";
        *end = 0;
        if (sscanf(line, "[log: %u lines were not", &now) == 1) {
            lost += now;
            continue;
        }
        assert_true(sscanf(line, " -.------ core %u line %u %u %79s", &core, &number, &n, tail) >=
                    3);
        assert_in_range(core, 1, WRITERS);
        assert_int_equal(n, number % 64);
        assert_int_equal(strlen(tail), n);
        assert_true(number >= next[core]); /* in order */
        next[core] = number + 1;
        lines++;
    }
    assert_int_equal(lines + lost, WRITERS * LINES);
    assert_int_equal(ring_end > 0, 1);
}

static void lines__of_four_cores_without_the_lock__stay_inside_the_arrays(void **state)
{
    (void)state;
    lock_tries = 0;
    run_writers();
    assert_in_range(longest, 1, LOG_LINE_BYTES + 1);
    assert_true(pending_in - pending_out <= PENDING_BYTES);
}

/* Two cores that have both given up the lock, and both seen that there is room for one line. */
static void *add_at_the_limit(void *context)
{
    char line[LOG_LINE_BYTES];
    (void)context;
    memset(line, 'x', sizeof line);
    for (unsigned i = 0; i < 1000; i++)
        pending_add(line, sizeof line);
    return NULL;
}

static void pending__two_cores_at_its_end__never_exceeds_its_size(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        pthread_t threads[2];
        pending_in = pending_out = pending_lost = 0;
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, add_at_the_limit, NULL), 0);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(pending_in, PENDING_BYTES / LOG_LINE_BYTES * LOG_LINE_BYTES);
        assert_int_equal(pending_lost, 2000 - PENDING_BYTES / LOG_LINE_BYTES);
    }
}

/* A number of pending bytes that cannot be: the last line of defence of core 0's stack. */
static void pump__number_beyond_the_array__copies_no_more_than_it_has(void **state)
{
    (void)state;
    pending_in = PENDING_BYTES + LOG_LINE_BYTES;
    log_pump();
    assert_int_equal(shown_n, LOG_LINE_BYTES + 1);
}

static void line__of_another_core__waits_for_core_0(void **state)
{
    (void)state;
    this_cpu.index = 2;
    log_error("from core 2");
    log_pump(); /* not the printer */
    assert_int_equal(shown_n, 0);
    this_cpu.index = 0;
    log_pump();
    assert_non_null(strstr(shown, "error: from core 2\n"));
}

static void print_elsewhere(const char *text, size_t n)
{
    (void)text, (void)n;
}

static char sunk[4096];
static size_t sunk_n;
static void sink_lines(const char *text, size_t n)
{
    memcpy(sunk + sunk_n, text, n);
    sunk_n += n;
    sunk[sunk_n] = 0;
}

/* However many come at once, printing one is all that core 0 does between two polls. */
static void lines__of_core_0_with_a_sink__are_printed_one_by_one_in_order(void **state)
{
    (void)state;
    sunk_n = 0;
    log_set_sink(sink_lines);
    log_error("first");
    this_cpu.index = 2;
    log_error("second, of core 2");
    this_cpu.index = 0;
    log_error("third");
    assert_int_equal(sunk_n, 0);
    log_pump();
    assert_string_equal(sunk, "   -.------ error: first\n");
    log_pump();
    assert_non_null(strstr(sunk, "second, of core 2\n"));
    assert_null(strstr(sunk, "third"));
    log_set_sink(NULL); /* as before power off: what is queued comes first */
    log_error("fourth");
    const char *third = strstr(shown, "third\n");
    assert_non_null(third);
    assert_non_null(strstr(third, "fourth\n"));
    assert_false(log_is_pending());
}

static void lines__more_than_fit__are_counted(void **state)
{
    (void)state;
    sunk_n = 0;
    log_set_sink(sink_lines);
    for (unsigned i = 0; i < 1000; i++)
        log_info("line %u of many that are too many", i);
    log_set_sink(NULL);
    pump_all();
    unsigned lines = 0, lost = 0;
    for (const char *line = shown; *line; line = strchr(line, '\n') + 1)
        if (sscanf(line, "[log: %u lines were not", &lost) != 1)
            lines++;
    assert_true(lost > 0);
    assert_int_equal(lines + lost, 1000);
}

static void lines__of_the_core_that_took_over__are_printed_at_once(void **state)
{
    (void)state;
    log_set_sink(print_elsewhere); /* the console's */
    this_cpu.index = 1;
    log_error("before");
    lock = 1; /* its holder was stopped */
    this_cpu.index = 2;
    log_take_over();
    assert_non_null(strstr(shown, "error: before\n"));
    log_error("exit: no device");
    assert_non_null(strstr(shown, "error: exit: no device\n"));
    assert_int_equal(lock, 0);
}

/* Core 0 hangs, perhaps inside the sink: the stand-in uses the serial line, and gives way again. */
static void lines__of_a_stand_in__bypass_the_sink_until_core_0_is_back(void **state)
{
    (void)state;
    log_set_sink(print_elsewhere);
    log_set_mirror(print_elsewhere);
    this_cpu.index = 2;
    log_warn("waits");
    this_cpu.index = 1;
    log_stand_in(true);
    log_error("core 0 is silent");
    assert_non_null(strstr(shown, "waits\n"));
    assert_non_null(strstr(shown, "core 0 is silent\n"));
    log_stand_in(false);
    log_error("core 0 is back");
    assert_null(strstr(shown, "is back"));
    this_cpu.index = 0;
    log_set_sink(NULL);
    log_pump();
    assert_non_null(strstr(shown, "core 0 is back\n"));
    log_set_mirror(NULL);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, start)
    const struct CMUnitTest tests[] = {
        ROW(lines__of_four_cores_with_the_lock__are_whole_or_counted_as_lost),
        ROW(lines__of_four_cores_without_the_lock__stay_inside_the_arrays),
        ROW(pending__two_cores_at_its_end__never_exceeds_its_size),
        ROW(pump__number_beyond_the_array__copies_no_more_than_it_has),
        ROW(line__of_another_core__waits_for_core_0),
        ROW(lines__of_core_0_with_a_sink__are_printed_one_by_one_in_order),
        ROW(lines__more_than_fit__are_counted),
        ROW(lines__of_the_core_that_took_over__are_printed_at_once),
        ROW(lines__of_a_stand_in__bypass_the_sink_until_core_0_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
