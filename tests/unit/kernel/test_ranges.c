/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/lib/ranges.c. A plain bitmap of the same pages repeats thousands of random additions,
 * removals and allocations and must agree; then alignment, limits, the order of choice, a full
 * table.
 *
 * links: kernel/lib/ranges.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lib/ranges.h"

#define UNITS 512u

static uint32_t seed = 4711;
static uint32_t any(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

static void assert_sorted(const struct ranges *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        assert_true(m->ranges[i].start < m->ranges[i].end);
        if (i > 0)
            assert_true(m->ranges[i - 1].end < m->ranges[i].start);
    }
}

static bool holds(const struct ranges *m, uint64_t at)
{
    for (unsigned i = 0; i < m->n; i++)
        if (at >= m->ranges[i].start && at < m->ranges[i].end)
            return true;
    return false;
}

static void assert_same(const struct ranges *m, const uint8_t *map)
{
    assert_sorted(m);
    uint64_t n = 0;
    for (unsigned i = 0; i < UNITS; i++) {
        assert_int_equal(holds(m, i), map[i]);
        n += map[i];
    }
    assert_int_equal(ranges_bytes(m), n);
}

static void steps__random__agree_with_a_bitmap(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        struct ranges m = {0};
        uint8_t map[UNITS] = {0};
        for (unsigned step = 0; step < 120; step++) {
            uint64_t start = any(UNITS), end = start + any(60);
            end = MIN(end, UNITS);
            switch (any(3)) {
            case 0:
                ranges_add(&m, start, end);
                for (uint64_t i = start; i < end; i++)
                    map[i] = 1;
                break;
            case 1:
                ranges_remove(&m, start, end);
                for (uint64_t i = start; i < end; i++)
                    map[i] = 0;
                break;
            default: {
                uint64_t at, bytes = 1 + any(20), align = 1u << any(5), below = any(UNITS + 1);
                bool fits = false;
                for (uint64_t i = 0; i + bytes <= below; i += align) {
                    uint64_t run = 0;
                    while (run < bytes && map[i + run])
                        run++;
                    fits |= run == bytes;
                }
                bool is_taken = ranges_take(&m, bytes, align, below, &at);
                assert_int_equal(is_taken, fits);
                if (is_taken) {
                    assert_int_equal(at % align, 0);
                    assert_true(at + bytes <= below);
                    for (uint64_t i = at; i < at + bytes; i++) {
                        assert_int_equal(map[i], 1);
                        map[i] = 0;
                    }
                }
            }
            }
            assert_same(&m, map);
        }
    }
}

static void take__several_fit__prefers_the_smallest_and_its_top(void **state)
{
    (void)state;
    struct ranges m = {0};
    uint64_t at;
    ranges_add(&m, 0x1000, 0x9000);
    ranges_add(&m, 0x100000, 0x104000);
    ranges_add(&m, 0x200000, 0x201000);
    assert_true(ranges_take(&m, 0x2000, 0x1000, ~0ull, &at));
    assert_int_equal(at, 0x102000);
    assert_true(ranges_take(&m, 0x1000, 0x1000, ~0ull, &at));
    assert_int_equal(at, 0x200000);
    assert_true(ranges_take(&m, 0x1000, 0x1000, 0x100000, &at));
    assert_int_equal(at, 0x8000);
    assert_false(ranges_take(&m, 0x8000, 0x1000, ~0ull, &at));
}

static void ranges__at_the_end_of_the_address_space__do_not_wrap(void **state)
{
    (void)state;
    struct ranges m = {0};
    uint64_t at;
    ranges_add(&m, 0xFFFFFFFFFFFF0000, 0xFFFFFFFFFFFFF000);
    ranges_add(&m, 5, 5);
    ranges_add(&m, 6, 5);
    assert_int_equal(m.n, 1);
    assert_false(ranges_take(&m, 0x10000, 0x1000, ~0ull, &at));
    assert_true(ranges_take(&m, 0x1000, 0x1000, ~0ull, &at));
    assert_int_equal(at, 0xFFFFFFFFFFFFE000);
    assert_false(ranges_take(&m, ~0ull, 0x1000, ~0ull, &at));
}

static void table__full__loses_memory_and_counts_it(void **state)
{
    (void)state;
    struct ranges m = {0};
    for (uint64_t i = 0; i < RANGES_MAX + 5; i++)
        ranges_add(&m, i * 0x10000, i * 0x10000 + 0x3000);
    assert_int_equal(m.n, RANGES_MAX);
    assert_int_equal(m.lost_bytes, 5 * 0x3000);
    assert_sorted(&m);
    /* A hole in a range needs another table entry. */
    ranges_remove(&m, 0x1000, 0x2000);
    assert_int_equal(m.lost_bytes, 5 * 0x3000 + 0x1000);
    assert_true(holds(&m, 0) && !holds(&m, 0x1000) && !holds(&m, 0x2000));
    assert_sorted(&m);
    /* Bridging two ranges frees one. */
    ranges_add(&m, 0x13000, 0x20000);
    assert_int_equal(m.n, RANGES_MAX - 1);
    assert_sorted(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps__random__agree_with_a_bitmap),
        cmocka_unit_test(take__several_fit__prefers_the_smallest_and_its_top),
        cmocka_unit_test(ranges__at_the_end_of_the_address_space__do_not_wrap),
        cmocka_unit_test(table__full__loses_memory_and_counts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
