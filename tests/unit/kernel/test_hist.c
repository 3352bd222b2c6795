/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/lib/hist.h: each value falls into the bucket of its highest bit; the largest is kept.
 *
 * links: kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/lib/hist.h"

static void bucket__every_power_of_two__begins_one(void **state)
{
    (void)state;
    assert_int_equal(hist_bucket(0), 0);
    for (unsigned b = 0; b < 64; b++) {
        uint64_t first = 1ull << b;
        assert_int_equal(hist_bucket(first), b);
        assert_int_equal(hist_bucket(first + (first - 1)), b);
    }
}

static void add__many_values__all_are_counted_and_the_largest_kept(void **state)
{
    (void)state;
    struct hist h = {0};
    hist_add(&h, 0);
    hist_add(&h, UINT64_MAX);
    for (uint64_t v = 1; v <= 1000; v++)
        hist_add(&h, v);
    assert_int_equal(hist_total(&h), 1002);
    assert_int_equal(h.count[9], 1000 - 511);
    assert_true(h.max == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket__every_power_of_two__begins_one),
        cmocka_unit_test(add__many_values__all_are_counted_and_the_largest_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
