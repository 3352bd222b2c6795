/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/csum.c compared with a simple sum: every length up to 300 at every alignment, all ones
 * and all zeroes, the longest datagram, pieces, the pseudo-header, updates in place.
 *
 * links: net/stack/csum.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "net/stack/csum.h"
#include "tests/unit/frames.h"

static uint32_t seed = 12345;
static uint8_t any(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint8_t)(seed >> 24);
}

static void same(const uint8_t *p, size_t n)
{
    /* Compared bit by bit, though 0 and 0xFFFF are both zero: only all-zero bytes give a sum of
     * 0. */
    assert_int_equal(csum_close(csum_bytes(p, (uint32_t)n)), (uint16_t)~slow_sum(p, n, 0));
}

static void bytes__each_length_and_alignment__equals_the_slow_sum(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 300; n++) {
        for (size_t shift = 0; shift < 8; shift++) {
            uint8_t *block = malloc(n + shift + 1), *p = block + shift;
            for (size_t i = 0; i < n; i++)
                p[i] = any();
            p[n] = 0xAA; /* not part of it */
            same(p, n);
            memset(p, 0xFF, n);
            same(p, n);
            memset(p, 0, n);
            same(p, n);
            free(block);
        }
    }
}

static void bytes__longest_datagram_of_ones__keeps_every_carry(void **state)
{
    uint8_t *p = malloc(65535);
    (void)state;
    memset(p, 0xFF, 65535);
    same(p, 65535);
    same(p, 65534);
    for (size_t i = 0; i < 65535; i++)
        p[i] = any() | 0xF0;
    same(p, 65535);
    free(p);
}

static void bytes__single_bits__are_added_to_their_half(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        uint8_t p[20] = {0};
        p[i] = 0x81;
        assert_int_equal(csum_bytes(p, 20), i % 2 ? 0x0081 : 0x8100);
        assert_int_equal(csum_bytes(p, (uint32_t)i + 1), i % 2 ? 0x0081 : 0x8100);
    }
}

static void pieces__added__equal_the_whole(void **state)
{
    uint8_t p[64];
    (void)state;
    for (size_t i = 0; i < 64; i++)
        p[i] = any();
    for (uint32_t cut = 0; cut <= 62; cut += 2)
        assert_int_equal(csum_close(csum_bytes(p, cut) + csum_bytes(p + cut, 63 - cut)),
                         csum_close(csum_bytes(p, 63)));
}

static void close__any_partial_sum__folds_twice(void **state)
{
    (void)state;
    assert_int_equal(csum_close(0), 0xFFFF);
    assert_int_equal(csum_close(0xFFFF), 0);
    assert_int_equal(csum_close(0x10000), 0xFFFE);
    assert_int_equal(csum_close(0x1FFFF), 0xFFFE);
    assert_int_equal(csum_close(0xFFFFFFFF), 0);
    assert_int_equal(csum_close(0xFFFF0001), 0xFFFE);
}

static void pseudo__addresses_of_ones__keeps_carries(void **state)
{
    uint8_t ip[20] = {0};
    (void)state;
    ip[9] = 255;
    put32(ip + 12, 0xFFFFFFFF);
    put32(ip + 16, 0xFFFEFFFF);
    assert_int_equal(csum_close(csum_pseudo(0xFFFFFFFF, 0xFFFEFFFF, 255, 65535)),
                     (uint16_t)~slow_pseudo(ip, 65535));
}

static void update__any_word_changed__equals_a_new_sum(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t p[12];
        for (size_t i = 0; i < sizeof(p); i++)
            p[i] = round % 4 == 0 ? 0xFF : any();
        p[0] |= 1; /* an all-zero message does not occur */
        unsigned old_sum = csum_close(csum_bytes(p, 12));
        unsigned was = get16(p + 4), is = round % 3 == 0   ? 0xFFFF
                                          : round % 5 == 0 ? 0
                                                           : any() << 8 | any();
        put16(p + 4, is);
        assert_int_equal(csum_update((uint16_t)old_sum, (uint16_t)was, (uint16_t)is),
                         csum_close(csum_bytes(p, 12)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes__each_length_and_alignment__equals_the_slow_sum),
        cmocka_unit_test(bytes__longest_datagram_of_ones__keeps_every_carry),
        cmocka_unit_test(bytes__single_bits__are_added_to_their_half),
        cmocka_unit_test(pieces__added__equal_the_whole),
        cmocka_unit_test(close__any_partial_sum__folds_twice),
        cmocka_unit_test(pseudo__addresses_of_ones__keeps_carries),
        cmocka_unit_test(update__any_word_changed__equals_a_new_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
