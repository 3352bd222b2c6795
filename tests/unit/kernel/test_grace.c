/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/grace.c: a period ends when each other core has gone through its loop often enough, sleeps, or
 * runs no loop; a core that hangs keeps it open, and one that has passed need not pass again.
 *
 * links:
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* In place of arch/smp.h and arch/cpu.h. */
#define ARCH_SMP_H
#define ARCH_CPU_H
#include "arch/types.h"
#define CPUS_MAX 4u
enum cpu_state { CPU_PARKED, CPU_RUNNING };
struct cpu {
    uint32_t state;
    uint64_t polls;
    bool is_asleep;
};
static struct cpu all[CPUS_MAX];
static struct cpu *cpus[CPUS_MAX] = {&all[0], &all[1], &all[2], &all[3]};
static unsigned fences;
static void cpu_fence(void)
{
    fences++;
}

#include "kernel/grace.c"

static int start(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CPUS_MAX; i++)
        all[i] = (struct cpu){CPU_RUNNING, 1000 * i, false};
    return 0;
}

static void grace__every_core_has_made_its_rounds__is_over(void **state)
{
    (void)state;
    struct grace grace;

    fences = 0;
    grace_begin(&grace, 3);
    assert_int_equal(fences, 1);
    assert_false(grace_is_over(&grace));
    all[1].polls += ROUNDS;
    all[2].polls += ROUNDS - 1; /* core 3 does not count, nor does core 0, which asks */
    assert_false(grace_is_over(&grace));
    all[2].polls++;
    assert_true(grace_is_over(&grace));
    grace_begin(&grace, 3);
    assert_false(grace_is_over(&grace));
}

static void grace__cores_that_sleep_or_run_no_loop__do_not_hold_it_up(void **state)
{
    (void)state;
    struct grace grace;

    all[1].is_asleep = true;
    all[2].state = CPU_PARKED;
    grace_begin(&grace, 4);
    assert_false(grace_is_over(&grace));
    all[1].is_asleep = false; /* it has been seen asleep: what it reads now is new */
    all[3].is_asleep = true;
    assert_true(grace_is_over(&grace));
}

static void grace__one_core_only__is_over_at_once(void **state)
{
    (void)state;
    struct grace grace;

    grace_begin(&grace, 1);
    assert_true(grace_is_over(&grace));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(grace__every_core_has_made_its_rounds__is_over, start),
        cmocka_unit_test_setup(grace__cores_that_sleep_or_run_no_loop__do_not_hold_it_up, start),
        cmocka_unit_test_setup(grace__one_core_only__is_over_at_once, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
