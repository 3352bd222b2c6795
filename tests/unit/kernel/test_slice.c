/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/slice.c with its real stack switch:
 *  - work runs on its own stack, up to what it has spent, and continues where it stopped, with its
 *    variables as they were; so does the loop that called it;
 *  - work that returns begins anew, and other work takes its place;
 *  - elsewhere than in the work, spending and waiting do nothing;
 *  - a wait for another core is known to the loop as such.
 *
 * links: arch/stack_switch.asm
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* In place of arch/image.h. */
#define ARCH_IMAGE_H
#include "arch/types.h"
#define STACK_BYTES 65536
static uint8_t stack_work_bottom[STACK_BYTES] __attribute__((aligned(16)));
static uint8_t *const stack_work_top = stack_work_bottom + STACK_BYTES;

#include "../../../kernel/slice.h"
#include "kernel/slice.c"

static unsigned steps, returns;

static bool is_on_work_stack(const void *here)
{
    return (const uint8_t *)here >= stack_work_bottom && (const uint8_t *)here < stack_work_top;
}

/* Uses a variable of each kind over the switch: registers that a function keeps, and the stack. */
static void spend_in_a_call(volatile unsigned *kept, unsigned depth)
{
    unsigned before = *kept;
    uint64_t a = depth * 3, b = depth * 5, c = depth * 7, d = depth * 11, e = depth * 13;

    if (depth > 0)
        spend_in_a_call(kept, depth - 1);
    slice_spend(SLICE_INSTRUCTIONS / 2);
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
    assert_int_equal(a + b + c + d + e, depth * 39);
    assert_int_equal(*kept, before);
    steps++;
}

static void work_of_steps(void)
{
    volatile unsigned kept = 77;

    assert_true(is_on_work_stack((const void *)&kept));
    spend_in_a_call(&kept, 9);
    returns++;
}

static void work__that_spends__runs_in_slices_and_continues(void **state)
{
    (void)state;
    unsigned slices = 0;
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5;

    steps = returns = 0;
    bool has_more;
    do {
        unsigned before = steps;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
        has_more = slice_run(work_of_steps);
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
        assert_int_equal(a + b * 10 + c * 100 + d * 1000 + e * 10000, 54321);
        assert_true(steps - before <= 2);
        assert_int_equal(slice_is_suspended(), has_more);
        slices++;
    } while (has_more);
    assert_int_equal(steps, 10);
    assert_int_equal(returns, 1);
    assert_int_equal(slices, 6);
}

static void work_of_one_step(void)
{
    returns++;
}

static void work__that_returned__begins_anew_or_gives_way_to_other_work(void **state)
{
    (void)state;
    steps = returns = 0;
    for (unsigned i = 0; i < 3; i++)
        while (slice_run(work_of_steps))
            ;
    assert_int_equal(returns, 3);
    assert_int_equal(steps, 30);
    assert_true(slice_run(work_of_steps)); /* in the middle: */
    assert_true(slice_run(work_of_one_step));
    assert_int_equal(returns, 3);
    while (slice_run(work_of_one_step))
        ;
    assert_int_equal(returns, 4);
    assert_int_equal(steps, 40);
    assert_false(slice_run(work_of_one_step));
    assert_int_equal(returns, 5);
}

static void spend__elsewhere_than_in_the_work__does_nothing(void **state)
{
    (void)state;
    slice_spend(SLICE_INSTRUCTIONS);
    assert_false(slice_end());
    assert_false(slice_wait());
    assert_false(slice_is_suspended());
    assert_true(slice_run(work_of_steps));
    slice_spend(SLICE_INSTRUCTIONS); /* the work is suspended, and this is not it */
    assert_false(slice_wait());
    while (slice_run(work_of_steps))
        ;
}

static bool has_come;
static void work_that_waits(void)
{
    while (!has_come)
        assert_true(slice_wait());
    assert_true(slice_end());
    returns++;
}

static void wait__of_the_work__is_known_to_the_loop(void **state)
{
    (void)state;
    returns = 0;
    has_come = false;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(slice_run(work_that_waits));
        assert_true(slice_is_waiting());
    }
    has_come = true;
    assert_true(slice_run(work_that_waits));
    assert_false(slice_is_waiting());
    assert_true(slice_is_suspended());
    assert_false(slice_run(work_that_waits));
    assert_int_equal(returns, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work__that_spends__runs_in_slices_and_continues),
        cmocka_unit_test(work__that_returned__begins_anew_or_gives_way_to_other_work),
        cmocka_unit_test(spend__elsewhere_than_in_the_work__does_nothing),
        cmocka_unit_test(wait__of_the_work__is_known_to_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
