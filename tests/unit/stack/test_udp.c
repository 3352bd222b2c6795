/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/udp.c: every length field with a payload, the header truncated at each byte, checksums
 * right, wrong, absent and 0xFFFF; built headers, also with a sum of 0; source ports that would
 * cause a loop.
 *
 * links: net/stack/udp.c net/stack/csum.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "net/stack/udp.h"
#include "tests/unit/frames.h"

static uint8_t frame[2048];
static uint8_t *const udp = frame + 34;
static struct udp_datagram datagram;

static enum drop parse(size_t n)
{
    static uint8_t *exact;
    free(exact); /* kept until the next call: the view points into it */
    exact = malloc(n > 0 ? n : 1);
    memcpy(exact, udp, n);
    return udp_parse(exact, (uint32_t)n, PEER_IP, US_IP, &datagram);
}

static void parse__good_datagram__reads_every_field(void **state)
{
    (void)state;
    for (size_t n = 0; n < 64; n++) {
        make_udp(frame, 0x8001, 0x1234, 0, n);
        assert_int_equal(parse(8 + n), DROP_NONE);
        assert_int_equal(datagram.src_port, 0x8001);
        assert_int_equal(datagram.dst_port, 0x1234);
        assert_int_equal(datagram.data_bytes, n);
        assert_memory_equal(datagram.data, udp + 8, n);
        assert_true(datagram.src == PEER_IP && datagram.dst == US_IP);
    }
}

static void parse__cut_at_each_byte__is_refused(void **state)
{
    (void)state;
    make_udp(frame, 1, 2, 0, 10);
    for (size_t n = 0; n < 18; n++)
        assert_int_equal(parse(n), DROP_udp_length);
    assert_int_equal(parse(18), DROP_NONE);
    assert_int_equal(parse(30), DROP_NONE); /* bytes after it are ignored */
    assert_int_equal(datagram.data_bytes, 10);
}

static void parse__each_length_field__must_hold_the_header_and_fit(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= 65535; length = length < 64 ? length + 1 : length * 2 + 1) {
        make_udp(frame, 1, 2, 0, 20);
        put16(udp + 4, length);
        fix_payload(frame, 2048);
        if (length > 28)
            put16(udp + 6, 0);
        assert_int_equal(parse(28), length >= 8 && length <= 28 ? DROP_NONE : DROP_udp_length);
    }
}

static void parse__any_bit_flipped__breaks_the_checksum(void **state)
{
    (void)state;
    make_udp(frame, 7, 9, 0, 9);
    for (unsigned bit = 0; bit < 17 * 8; bit++) {
        udp[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(parse(17), DROP_NONE);
        udp[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(parse(17), DROP_NONE);
    /* The checksum covers the addresses. */
    assert_int_equal(udp_parse(udp, 17, PEER_IP + 1, US_IP, &datagram), DROP_udp_checksum);
    assert_int_equal(udp_parse(udp, 17, PEER_IP, US_IP + 1, &datagram), DROP_udp_checksum);
}

static void parse__no_checksum__accepts_any_data(void **state)
{
    (void)state;
    make_udp(frame, 7, 9, 0, 9);
    put16(udp + 6, 0);
    udp[10] ^= 0xFF;
    assert_int_equal(parse(17), DROP_NONE);
}

/* Try two data bytes until the checksum is 0, which UDP sends as 0xFFFF. */
static void build__sum_of_zero__is_sent_and_accepted_as_all_ones(void **state)
{
    (void)state;
    memset(frame, 0, sizeof(frame));
    for (unsigned v = 0; v < 65536; v++) {
        put16(udp + 8, v);
        assert_int_equal(udp_build(udp, 2, PEER_IP, 7, US_IP, 9), 10);
        assert_int_not_equal(get16(udp + 6), 0);
        assert_int_equal(parse(10), DROP_NONE);
        if (get16(udp + 6) == 0xFFFF)
            return;
    }
    fail_msg("no data gave a sum of 0");
}

static void build__any_size__equals_the_slow_sum(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 1472; n += n < 40 ? 1 : 101) {
        make_udp(frame, 0xFFFF, 0xFFFE, 0, n);
        uint8_t want[8];
        memcpy(want, udp, 8);
        memset(udp, 0xEE, 8);
        assert_int_equal(udp_build(udp, n, PEER_IP, 0xFFFF, US_IP, 0xFFFE), 8 + n);
        assert_memory_equal(udp, want, 8);
    }
}

static void loop__each_port__is_refused_if_it_is_well_known(void **state)
{
    (void)state;
    for (unsigned port = 0; port < 65536; port++)
        assert_int_equal(udp_port_would_loop((uint16_t)port), port < 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__good_datagram__reads_every_field),
        cmocka_unit_test(parse__cut_at_each_byte__is_refused),
        cmocka_unit_test(parse__each_length_field__must_hold_the_header_and_fit),
        cmocka_unit_test(parse__any_bit_flipped__breaks_the_checksum),
        cmocka_unit_test(parse__no_checksum__accepts_any_data),
        cmocka_unit_test(build__sum_of_zero__is_sent_and_accepted_as_all_ones),
        cmocka_unit_test(build__any_size__equals_the_slow_sum),
        cmocka_unit_test(loop__each_port__is_refused_if_it_is_well_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
