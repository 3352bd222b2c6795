/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/ip.c: each field of the header at its limits and one beyond, the header truncated at
 * each byte, every option length, source routes, fragments, checksums; the header that it builds;
 * kinds of address.
 *
 * links: net/stack/ip.c net/stack/csum.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "net/stack/ip.h"
#include "tests/unit/frames.h"

static uint8_t frame[2048];
static uint8_t *const ip = frame + 14;
static struct ip_view view;

/* Parse from a block of exactly n bytes: ASan detects an overrun. */
static enum drop parse(size_t n)
{
    uint8_t *exact = malloc(n > 0 ? n : 1);
    memcpy(exact, ip, n);
    enum drop result = ip_parse(exact, (uint32_t)n, &view);
    free(exact);
    return result;
}

static int start(void **state)
{
    (void)state;
    memset(frame, 0, sizeof(frame));
    make_icmp(frame, 8, 1, 1, 0, 56);
    return 0;
}

static void parse__good_header__reads_every_field(void **state)
{
    (void)state;
    assert_int_equal(parse(84), DROP_NONE);
    assert_int_equal(view.src, PEER_IP);
    assert_int_equal(view.dst, US_IP);
    assert_int_equal(view.header_bytes, 20);
    assert_int_equal(view.total_bytes, 84);
    assert_int_equal(view.tos, 0x10);
    assert_int_equal(view.ttl, 63);
    assert_int_equal(view.protocol, 1);
    assert_false(view.is_fragment);
}

static void parse__cut_at_each_byte__is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < 84; n++)
        assert_int_equal(parse(n), DROP_ip_header);
    assert_int_equal(parse(84), DROP_NONE);
    assert_int_equal(parse(85), DROP_NONE); /* padding */
}

static void parse__each_version_and_header_length__accepts_only_valid_ones(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        make_ip(frame, 17, PEER_IP, US_IP, 40, 100);
        ip[0] = (uint8_t)v;
        fix_ip(frame);
        bool is_good = v >> 4 == 4 && (v & 15) >= 5;
        assert_int_equal(parse(160), is_good ? DROP_NONE : DROP_ip_header);
        if (is_good)
            assert_int_equal(view.header_bytes, (v & 15) * 4);
    }
}

static void parse__each_total_length__must_hold_the_header_and_fit(void **state)
{
    (void)state;
    for (unsigned total = 0; total <= 65535; total = total < 200 ? total + 1 : total * 2 + 1) {
        put16(ip + 2, total);
        fix_ip(frame);
        assert_int_equal(parse(100), total >= 20 && total <= 100 ? DROP_NONE : DROP_ip_header);
    }
    put16(ip + 2, 65535);
    fix_ip(frame);
    assert_int_equal(parse(100), DROP_ip_header);
    put16(ip + 2, 20); /* a header and nothing else */
    fix_ip(frame);
    assert_int_equal(parse(20), DROP_NONE);
    assert_int_equal(view.total_bytes, 20);
    ip[0] = 0x46;
    for (unsigned total = 20; total <= 28; total++) {
        memset(ip + 20, 0, 4);
        put16(ip + 2, total);
        fix_ip(frame);
        assert_int_equal(parse(100), total >= 24 ? DROP_NONE : DROP_ip_header);
    }
}

static void parse__any_single_bit_flipped__breaks_the_checksum_or_more(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 160; bit++) {
        ip[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum drop result = parse(84);
        assert_true(result == DROP_ip_checksum || result == DROP_ip_header);
        assert_true(bit < 8 || (bit >= 16 && bit < 32) || result == DROP_ip_checksum);
        ip[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(parse(84), DROP_NONE);
}

static void parse__fragment_field__each_bit_is_read(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        put16(ip + 6, 1u << bit);
        fix_ip(frame);
        assert_int_equal(parse(84), DROP_NONE);
        /* Bit 15 is reserved, bit 14 is Don't Fragment: neither makes a fragment. */
        assert_int_equal(view.is_fragment, bit < 14);
    }
}

static void parse__ttl_and_protocol_and_tos__take_any_value(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        ip[1] = ip[8] = ip[9] = (uint8_t)v; /* TTL 0 too: RFC 1122 section 3.2.1.7 */
        fix_ip(frame);
        assert_int_equal(parse(84), DROP_NONE);
        assert_true(view.tos == v && view.ttl == v && view.protocol == v);
    }
}

static enum drop parse_options(const uint8_t *options, unsigned n, unsigned room)
{
    make_ip(frame, 17, PEER_IP, US_IP, room, 8);
    memset(ip + 20, 0, room);
    memcpy(ip + 20, options, n);
    fix_ip(frame);
    return parse(28 + room);
}

static void options__each_length__must_fit_the_room(void **state)
{
    (void)state;
    for (unsigned room = 4; room <= 40; room += 4) {
        for (unsigned length = 0; length < 256; length++) {
            uint8_t option[2] = {7, (uint8_t)length}; /* record route */
            bool is_good = length >= 2 && length <= room;
            assert_int_equal(parse_options(option, 2, room), is_good ? DROP_NONE : DROP_ip_option);
            /* The same after no-operations that fill all but two bytes. */
            uint8_t late[40];
            memset(late, 1, sizeof(late));
            late[room - 2] = 68;
            late[room - 1] = (uint8_t)length;
            assert_int_equal(parse_options(late, room, room),
                             length == 2 ? DROP_NONE : DROP_ip_option);
        }
        uint8_t last[40];
        memset(last, 1, sizeof(last));
        last[room - 1] = 7; /* its length byte would be outside */
        assert_int_equal(parse_options(last, room, room), DROP_ip_option);
    }
}

static void options__after_end_of_options__are_ignored(void **state)
{
    (void)state;
    assert_int_equal(parse_options((const uint8_t[]){0, 7, 99, 131}, 4, 4), DROP_NONE);
    assert_int_equal(parse_options((const uint8_t[]){1, 1, 1, 0}, 4, 4), DROP_NONE);
}

static void options__source_routes__are_refused(void **state)
{
    (void)state;
    for (unsigned kind = 2; kind < 256; kind++) {
        uint8_t option[4] = {(uint8_t)kind, 4, 4, 0};
        assert_int_equal(parse_options(option, 4, 8),
                         kind == 131 || kind == 137 ? DROP_ip_option : DROP_NONE);
    }
}

static void build__any_payload__makes_a_valid_header(void **state)
{
    (void)state;
    for (unsigned n = 8; n < 1480; n += 97) {
        uint8_t p[20];
        ip_build(p, n, 0xBEEF, 7, 17, US_IP, PEER_IP);
        assert_int_equal(slow_sum(p, 20, 0), 0xFFFF);
        assert_int_equal(get16(p + 2), 20 + n);
        assert_int_equal(get16(p + 4), 0xBEEF);
        assert_int_equal(get16(p + 6), 0);
        assert_int_equal(p[1], 7);
        assert_int_equal(p[8], 64);
        assert_int_equal(p[9], 17);
        assert_int_equal(get32(p + 12), US_IP);
        assert_int_equal(get32(p + 16), PEER_IP);
    }
}

static void address__at_each_boundary__is_of_its_kind(void **state)
{
    static const struct {
        uint32_t ip;
        bool is_host;
    } rows[] = {
        {0, false},
        {IP(0, 255, 255, 255), false},
        {IP(1, 0, 0, 0), true},
        {IP(126, 255, 255, 255), true},
        {IP(127, 0, 0, 0), false},
        {IP(127, 255, 255, 255), false},
        {IP(128, 0, 0, 0), true},
        {IP(223, 255, 255, 255), true},
        {IP(224, 0, 0, 0), false},
        {IP(239, 255, 255, 255), false},
        {IP(240, 0, 0, 0), false},
        {IP(255, 255, 255, 255), false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(ip_is_host(rows[i].ip), rows[i].is_host);
        assert_int_equal(ip_is_multicast(rows[i].ip),
                         rows[i].ip >= IP(224, 0, 0, 0) && rows[i].ip < IP(240, 0, 0, 0));
    }
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parse__good_header__reads_every_field),
        TEST(parse__cut_at_each_byte__is_refused),
        TEST(parse__each_version_and_header_length__accepts_only_valid_ones),
        TEST(parse__each_total_length__must_hold_the_header_and_fit),
        TEST(parse__any_single_bit_flipped__breaks_the_checksum_or_more),
        TEST(parse__fragment_field__each_bit_is_read),
        TEST(parse__ttl_and_protocol_and_tos__take_any_value),
        TEST(options__each_length__must_fit_the_room),
        TEST(options__after_end_of_options__are_ignored),
        TEST(options__source_routes__are_refused),
        TEST(build__any_payload__makes_a_valid_header),
        TEST(address__at_each_boundary__is_of_its_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
