/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/mailbox.c itself, core 0 and one owner as two threads, with a pause of random length around
 * each atomic store and exchange, as on a virtual machine whose core was taken away:
 *  - OK is returned only for a call that has run, also after calls that were withdrawn or late;
 *  - a call that was withdrawn never runs; one that was late runs once;
 *  - a request is written only where no earlier call can read it, so each call sees its own;
 *  - the three errors, and the time that each has taken;
 *  - a call of core 0's task lets the loop go on, and another call to that core meanwhile.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "arch/types.h"

/* ---- Two cores, for the real header and source ---- */

#define ARCH_SMP_H
#define ARCH_CPU_H
#define ARCH_TSC_H
#define ARCH_TASK_H
#define KERNEL_WATCHDOG_H
#define CPUS_MAX 4u
enum cpu_state { CPU_PARKED, CPU_RUNNING };
struct cpu {
    uint32_t index, state;
};
static struct cpu the_cpus[CPUS_MAX] = {{0, CPU_RUNNING}, {1, CPU_RUNNING}, {2, CPU_PARKED}};
static struct cpu *cpus[CPUS_MAX] = {&the_cpus[0], &the_cpus[1], &the_cpus[2]};
static unsigned cpus_n = 3;
static _Thread_local struct cpu *this_cpu;
static struct cpu *cpu_this(void)
{
    return this_cpu;
}
static void smp_wake(unsigned core)
{
    (void)core;
}
static uint64_t cpu_tsc(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}
static uint64_t tsc_ticks(uint64_t ns)
{
    return ns;
}
static uint64_t __attribute__((unused)) tsc_ns(uint64_t ticks)
{
    return ticks;
}
static void cpu_pause(void)
{
}
static const char *watchdog_part(const char *part)
{
    return part;
}
static bool is_task;             /* the code that runs is core 0's task */
static void (*in_between)(void); /* what core 0's loop does when the task pauses */
static bool task_is_running(void)
{
    return is_task;
}
static void task_pause(void)
{
    is_task = false;
    if (in_between)
        in_between();
    is_task = true;
}

static bool is_slow;             /* both threads pause at each store */
static _Thread_local uint32_t x; /* xorshift32 */
static void stall(void)
{
    if (!__atomic_load_n(&is_slow, __ATOMIC_RELAXED))
        return;
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    for (volatile unsigned i = x % 4 ? 0 : x / 4 % 4000; i > 0; i--)
        ;
}
#define __atomic_store_n(at, value, order)    (stall(), __atomic_store_n(at, value, order), stall())
#define __atomic_exchange_n(at, value, order) (stall(), __atomic_exchange_n(at, value, order))
#include "../../../kernel/mailbox.h"
#include "../../../kernel/mailbox.c"
#include "../../../kernel/ask.c"
#undef __atomic_store_n
#undef __atomic_exchange_n

/* ---- The owner ---- */

static pthread_t owner;
static bool is_over, is_halted; /* halted: the owner looks into its mailbox no more */

static void *owner_main(void *context)
{
    (void)context;
    this_cpu = &the_cpus[1];
    x = 88172645;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE))
        if (!__atomic_load_n(&is_halted, __ATOMIC_ACQUIRE))
            (void)mailbox_poll();
    return NULL;
}

static int start(void **state)
{
    (void)state;
    memset(mailboxes, 0, sizeof(mailboxes));
    this_cpu = &the_cpus[0];
    x = 2463534242;
    is_over = is_halted = is_slow = false;
    return pthread_create(&owner, NULL, owner_main, NULL);
}

static int stop(void **state)
{
    (void)state;
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    return pthread_join(owner, NULL);
}

enum { CALLS = 20000, ROUNDS_MAX = 200 };
static uint32_t ran[CALLS]; /* by call; written by the owner */
static void count(void *context)
{
    uint32_t *n = context;

    __atomic_store_n(n, *n + 1, __ATOMIC_RELEASE);
}

/* ---- Tests ---- */

/* A limit so short that many calls are withdrawn or late. */
/* Until each way to end has been seen often enough: how soon depends on the host's scheduling. */
static void call__owner_stalls_at_each_store__ok_means_that_it_has_run(void **state)
{
    static enum err results[CALLS];
    unsigned late = 0, n[2] = {0};

    (void)state;
    is_slow = true;
    for (unsigned round = 0; round < ROUNDS_MAX && !(n[0] > 100 && n[1] > 100 && late > 0);
         round++) {
        unsigned lies = 0;

        memset(ran, 0, sizeof(ran));
        for (unsigned i = 0; i < CALLS; i++) {
            results[i] = mailbox_call(1, count, &ran[i], i % 64 << round % 8);
            lies += results[i] == OK && __atomic_load_n(&ran[i], __ATOMIC_ACQUIRE) != 1;
            n[results[i] == OK]++;
        }
        assert_int_equal(lies, 0);
        while (!mailbox_is_free(1))
            ;
        for (unsigned i = 0; i < CALLS; i++) {
            assert_true(ran[i] <= (results[i] != ERR_TIMEOUT));
            late += results[i] == ERR_BUSY && ran[i] == 1;
        }
    }
    assert_true(n[0] > 100 && n[1] > 100 && late > 0);
}

/* What each call was asked, and what the owner has found when it began and when it ended. */
static struct context {
    uint64_t number, twice; /* the request */
    uint64_t seen;
    uint64_t wrong;
} contexts[CPUS_MAX];

static void look_twice(void *context)
{
    struct context *c = context;
    uint64_t number = *(volatile uint64_t *)&c->number;

    for (volatile unsigned i = 0; i < 300; i++)
        ;
    c->wrong += *(volatile uint64_t *)&c->twice != 2 * number || c->number != number;
    c->seen = number;
}

static void ask__core_still_at_an_earlier_call__request_is_not_overwritten(void **state)
{
    (void)state;
    is_slow = true;
    memset(contexts, 0, sizeof(contexts));
    unsigned answers = 0;
    for (uint64_t i = 1; i <= CALLS; i++) {
        const uint64_t request[] = {i, 2 * i};
        struct answer a = ask_core(1, &(struct question){.run = look_twice,
                                                         .contexts = contexts,
                                                         .bytes = sizeof(contexts[0]),
                                                         .request = request,
                                                         .request_bytes = sizeof(request),
                                                         .max_us = (uint32_t)(i % 64)});
        if (a.err == OK) {
            assert_int_equal(contexts[1].seen, i);
            answers++;
        }
    }
    while (!mailbox_is_free(1))
        ;
    assert_int_equal(contexts[1].wrong, 0);
    assert_true(answers > 100);
}

static bool may_end;
static void wait_for_may_end(void *context)
{
    (void)context;
    while (!__atomic_load_n(&may_end, __ATOMIC_ACQUIRE))
        ;
}

static void call__each_error__is_told_from_the_others(void **state)
{
    const struct question q = {.run = count, .contexts = ran, .max_us = 3000};

    (void)state;
    assert_int_equal(mailbox_call(2, count, ran, 1000), ERR_NO_DEVICE); /* parked */
    assert_int_equal(mailbox_call(3, count, ran, 1000), ERR_NO_DEVICE); /* not there */
    ran[0] = 0;
    assert_int_equal(mailbox_call(0, count, ran, 0), OK);
    assert_int_equal(ran[0], 1);

    __atomic_store_n(&is_halted, true, __ATOMIC_RELEASE);
    struct answer a = ask_core(1, &q);
    assert_int_equal(a.err, ERR_TIMEOUT);
    assert_true(a.waited_us >= 3000);
    assert_true(mailbox_is_free(1));
    __atomic_store_n(&is_halted, false, __ATOMIC_RELEASE);

    may_end = false;
    enum err err;
    do /* on a busy host the owner may not begin in time: withdrawn, and called again */
        err = mailbox_call(1, wait_for_may_end, NULL, 100000);
    while (err == ERR_TIMEOUT);
    assert_int_equal(err, ERR_BUSY);
    assert_false(mailbox_is_free(1));
    a = ask_core(1, &q);
    assert_int_equal(a.err, ERR_BUSY); /* the earlier call has not ended */
    assert_int_equal(ran[0], 1);
    __atomic_store_n(&may_end, true, __ATOMIC_RELEASE);
    while (!mailbox_is_free(1))
        ;
    assert_int_equal(mailbox_call(1, count, ran, 10000000), OK);
    assert_int_equal(ran[0], 2);
}

static struct answer answer_in_between;
static unsigned asked_in_between;
static void ask_in_between(void)
{
    static const struct question q = {.run = count, .contexts = &ran[1], .max_us = 10000000};

    if (asked_in_between++ != 0)
        return;
    __atomic_store_n(&is_halted, false, __ATOMIC_RELEASE);
    answer_in_between = ask_core(1, &q);
}

static void call_of_a_task__another_one_meanwhile__both_are_answered(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        ran[0] = ran[1] = asked_in_between = 0;
        __atomic_store_n(&is_halted, true, __ATOMIC_RELEASE);
        in_between = ask_in_between;
        is_task = true;
        struct answer a =
            ask_core(1, &(struct question){.run = count, .contexts = &ran[0], .max_us = 10000000});
        is_task = false;
        in_between = NULL;
        assert_true(asked_in_between > 0);
        assert_int_equal(answer_in_between.err, OK);
        assert_int_equal(a.err, OK);
        assert_int_equal(ran[0], 1);
        assert_int_equal(ran[1], 1);
    }
}

static void ask__several_cores__each_is_counted_by_its_answer(void **state)
{
    (void)state;
    ran[0] = 0;
    struct ask ask =
        ask_cores(0, 4, &(struct question){.run = count, .contexts = ran, .max_us = 10000000});
    assert_int_equal(ran[0], 2);
    assert_int_equal(ask.silent, 0);
    assert_int_equal(ask.absent, 0xC);
    assert_int_equal(ask.absent_n, 2);
    assert_int_equal(ask.answered, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(call__owner_stalls_at_each_store__ok_means_that_it_has_run,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            ask__core_still_at_an_earlier_call__request_is_not_overwritten, start, stop),
        cmocka_unit_test_setup_teardown(call__each_error__is_told_from_the_others, start, stop),
        cmocka_unit_test_setup_teardown(call_of_a_task__another_one_meanwhile__both_are_answered,
                                        start, stop),
        cmocka_unit_test_setup_teardown(ask__several_cores__each_is_counted_by_its_answer, start,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
