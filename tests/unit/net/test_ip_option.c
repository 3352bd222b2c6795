/* SPDX-License-Identifier: BSD-2-Clause
 * Options of forwarded datagrams and of their fragments, each header in memory of its exact size, so
 * that a read after its end is detected. Covers:
 *  - every option of two bytes, and of one, at a header's end;
 *  - an option whose length is below two or beyond the header is refused, and no step is of zero;
 *  - a record route and a time stamp with room get the router's address and time;
 *  - fragments after the first have only the options with the copied flag, also after no-operation
 *    ones and at the header's end, and none from after the end of the list.
 */
/* links: net/route/ip_option.c net/route/fragment.c net/stack/ip.c net/stack/csum.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/route/fragment.h"
#include "net/route/ip_option.h"
#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"

static bool is_ours(uint32_t ip)
{
    return ip == 0xC0000201;
}

static const struct ip_router router = {0xC0000201, 0x01020304, is_ours};

/* A header of 20 bytes and n bytes of options, in memory of that size. */
static uint8_t *header_of(const uint8_t *options, uint32_t n)
{
    uint8_t *p = malloc(20 + n);

    ip_build(p, 0, 0, 0, IP_UDP, 0x0A000001, 0x0A000002);
    memcpy(p + 20, options, n);
    return p;
}

static uint8_t forward(const uint8_t *options, uint32_t n, uint8_t *after)
{
    uint8_t *p = header_of(options, n);

    alarm(20); /* a loop that does not end fails the test */
    uint8_t bad = ip_options_forward(p, 20 + n, &router);
    alarm(0);
    memcpy(after, p + 20, n);
    free(p);
    return bad;
}

static void options_forward__two_bytes_at_the_end__reads_no_further(void **state)
{
    uint8_t options[40], after[40];

    (void)state;
    memset(options, 1, sizeof(options));
    for (unsigned type = 2; type < 256; type++) {
        bool has_pointer = type == 7 || type == 68; /* which two bytes have no room for */
        options[38] = (uint8_t)type;
        options[39] = 2;
        assert_int_equal(forward(options, 40, after), has_pointer ? 59 : 0);
        assert_memory_equal(after, options, 40);
    }
}

static void options_forward__length_does_not_fit__is_refused(void **state)
{
    static const uint8_t types[] = {7, 68, 0x82, 0x88, 0x94, 255};
    uint8_t options[8], after[8];

    (void)state;
    for (unsigned i = 0; i < sizeof(types); i++) {
        memset(options, 1, sizeof(options));
        options[7] = types[i];
        assert_int_equal(forward(options, 8, after), 27);
        for (unsigned length = 0; length < 256; length++) {
            if (length >= 2 && length <= 6)
                continue;
            memset(options, 1, sizeof(options));
            options[2] = types[i];
            options[3] = (uint8_t)length;
            assert_int_equal(forward(options, 8, after), 23);
            assert_memory_equal(after, options, 8);
        }
    }
}

static void options_forward__room_for_us__is_filled(void **state)
{
    uint8_t after[12];

    (void)state;
    assert_int_equal(forward((const uint8_t[]){1, 7, 7, 4, 0, 0, 0, 0}, 8, after), 0);
    assert_memory_equal(after, ((uint8_t[]){1, 7, 7, 8, 0xC0, 0, 2, 1}), 8);
    assert_int_equal(forward((const uint8_t[]){68, 8, 5, 0, 0, 0, 0, 0}, 8, after), 0);
    assert_memory_equal(after, ((uint8_t[]){68, 8, 9, 0, 0x81, 2, 3, 4}), 8);
    assert_int_equal(forward((const uint8_t[]){68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 12, after),
                     0);
    assert_memory_equal(after, ((uint8_t[]){68, 12, 13, 1, 0xC0, 0, 2, 1, 0x81, 2, 3, 4}), 12);
}

/* The options of the second fragment of a datagram with these (n bytes) are `expected` (m bytes). */
static void assert_copied(const uint8_t *options, uint32_t n, const uint8_t *expected, uint32_t m)
{
    const struct ip_view view = {.header_bytes = 20 + n, .total_bytes = 20 + n + 64};
    uint8_t *p = malloc(view.total_bytes), *header = header_of(options, n);
    uint8_t *out = malloc(68);

    memcpy(p, header, 20 + n);
    memset(p + 20 + n, 0x5A, 64);
    p[0] = (uint8_t)(0x45 + n / 4);
    struct fragmenter f = {.datagram = p, .ip = &view, .mtu = 68};
    assert_int_equal(fragment_next(&f, out), 20 + n + ((48 - n) & ~7u));
    assert_memory_equal(out + 20, options, n);
    uint32_t bytes = fragment_next(&f, out);
    assert_true(bytes > 20 + m);
    assert_int_equal(out[0], 0x45 + m / 4);
    assert_memory_equal(out + 20, expected, m);
    assert_int_equal(out[20 + m], 0x5A);
    assert_int_equal(csum_close(csum_bytes(out, 20 + m)), 0);
    free(p);
    free(out);
    free(header);
}

static void fragment__options__only_the_copied_ones_in_later_fragments(void **state)
{
    (void)state;
    assert_copied((const uint8_t[]){1, 1, 0x94, 4, 0, 0, 1, 1}, 8, (const uint8_t[]){0x94, 4, 0, 0},
                  4);
    assert_copied((const uint8_t[]){7, 3, 4, 0, 0x94, 4, 0, 0}, 8, NULL, 0);
    assert_copied((const uint8_t[]){7, 4, 5, 0, 0x94, 4, 0, 0}, 8, (const uint8_t[]){0x94, 4, 0, 0},
                  4);
    assert_copied((const uint8_t[]){1, 1, 0x9E, 2}, 4, (const uint8_t[]){0x9E, 2, 0, 0}, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_forward__two_bytes_at_the_end__reads_no_further),
        cmocka_unit_test(options_forward__length_does_not_fit__is_refused),
        cmocka_unit_test(options_forward__room_for_us__is_filled),
        cmocka_unit_test(fragment__options__only_the_copied_ones_in_later_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
