/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/icmp.c: every type and code, messages truncated at each byte, checksums, quotes in
 * errors truncated at each byte and quotes of other hosts' datagrams; the change from echo to reply
 * for every checksum, and for a message of zeroes; the echo it builds. Errors that we send: which
 * datagrams may cause one, the quote at each length and at overlapping places, the rate limit.
 *
 * links: net/stack/icmp.c net/stack/ip.c net/stack/csum.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "net/stack/icmp.h"
#include "tests/unit/frames.h"

static struct icmp_view view;

static enum icmp_kind parse(const uint8_t *p, size_t n)
{
    uint8_t *exact = malloc(n > 0 ? n : 1);
    memcpy(exact, p, n);
    enum icmp_kind kind = icmp_parse(exact, (uint32_t)n, US_IP, &view);
    free(exact);
    return kind;
}

static void sum(uint8_t *p, size_t n)
{
    put16(p + 2, 0);
    put16(p + 2, slow_check(p, n));
}

/* Make an error of this type that quotes our echo with `options` bytes of IP options. */
static size_t make_error(uint8_t *p, unsigned type, unsigned code, unsigned options)
{
    memset(p, 0, 8);
    p[0] = (uint8_t)type;
    p[1] = (uint8_t)code;
    uint8_t *q = p + 8;
    memset(q, 1, 20 + options);
    q[0] = (uint8_t)(0x45 + options / 4);
    q[9] = 1;
    put32(q + 12, US_IP);
    put32(q + 16, PEER_IP);
    uint8_t *inner = q + 20 + options;
    memcpy(inner, "\x08\x00\x00\x00\x12\x34\x00\x07", 8);
    sum(p, 36 + options);
    return 36 + options;
}

static void parse__each_type_and_code__is_of_its_kind(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned code = 0; code < 256; code += code < 17 ? 1 : 34) {
            uint8_t p[64];
            size_t n = make_error(p, type, code, 0);
            enum icmp_kind want = ICMP_IS_BAD;
            if (type == 3 || type == 4 || type == 5 || type == 11 || type == 12)
                want = ICMP_IS_ERROR_ABOUT_ECHO;
            else if (type == 8 && code == 0)
                want = ICMP_IS_ECHO;
            else if (type == 0 && code == 0)
                want = ICMP_IS_REPLY;
            assert_int_equal(parse(p, n), want);
            if (want != ICMP_IS_BAD)
                assert_true(view.type == type && view.code == code);
        }
    }
}

static void parse__echo_cut_at_each_byte__needs_eight(void **state)
{
    uint8_t p[8] = {8, 0, 0, 0, 0xAB, 0xCD, 0x12, 0x34};
    (void)state;
    for (size_t n = 0; n < 8; n++) {
        uint8_t q[8];
        memcpy(q, p, 8);
        if (n >= 4)
            sum(q, n);
        assert_int_equal(parse(q, n), ICMP_IS_BAD);
    }
    sum(p, 8);
    assert_int_equal(parse(p, 8), ICMP_IS_ECHO);
    assert_int_equal(view.id, 0xABCD);
    assert_int_equal(view.sequence, 0x1234);
}

static void parse__any_bit_flipped__breaks_the_checksum(void **state)
{
    uint8_t p[33] = {0, 0, 0, 0, 1, 2, 3, 4, 5};
    (void)state;
    sum(p, 33);
    for (unsigned bit = 0; bit < 33 * 8; bit++) {
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(parse(p, 33), ICMP_IS_BAD);
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(parse(p, 33), ICMP_IS_REPLY);
}

static void error__quote_cut_at_each_byte__needs_header_and_eight(void **state)
{
    (void)state;
    for (unsigned options = 0; options <= 40; options += 4) {
        uint8_t p[128];
        size_t whole = make_error(p, 3, 1, options);
        for (size_t n = 8; n < whole; n++) {
            sum(p, n);
            assert_int_equal(parse(p, n), ICMP_IS_BAD);
        }
        sum(p, whole);
        assert_int_equal(parse(p, whole), ICMP_IS_ERROR_ABOUT_ECHO);
        assert_int_equal(view.id, 0x1234);
        assert_int_equal(view.sequence, 7);
        assert_int_equal(view.about_dst, PEER_IP);
    }
}

static void error__quote_of_something_else__is_not_about_our_echo(void **state)
{
    uint8_t p[64];
    size_t n;
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        n = make_error(p, 11, 0, 0);
        p[8] = (uint8_t)v; /* version and header length */
        sum(p, n);
        assert_int_equal(parse(p, n), v == 0x45 ? ICMP_IS_ERROR_ABOUT_ECHO : ICMP_IS_BAD);
        n = make_error(p, 11, 0, 0);
        p[8 + 9] = (uint8_t)v; /* protocol */
        sum(p, n);
        assert_int_equal(parse(p, n), v == 1 ? ICMP_IS_ERROR_ABOUT_ECHO : ICMP_IS_ERROR);
        n = make_error(p, 11, 0, 0);
        p[8 + 20] = (uint8_t)v; /* type of the quoted message */
        sum(p, n);
        assert_int_equal(parse(p, n), v == 8 ? ICMP_IS_ERROR_ABOUT_ECHO : ICMP_IS_ERROR);
    }
    n = make_error(p, 11, 0, 0);
    p[8 + 15] ^= 1; /* the quoted datagram is from another host */
    sum(p, n);
    assert_int_equal(parse(p, n), ICMP_IS_ERROR);
}

static void reply__from_an_echo_with_any_checksum__has_the_right_one(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 65536; v++) {
        uint8_t p[12] = {8, 0, 0, 0, 0, 1, 0, 2, (uint8_t)(v >> 8), (uint8_t)v, 9, 9};
        sum(p, 12);
        icmp_echo_to_reply(p);
        assert_int_equal(p[0], 0);
        assert_int_equal(slow_sum(p, 12, 0), 0xFFFF);
    }
}

static void reply__all_other_bytes_zero__has_a_checksum_of_ones(void **state)
{
    (void)state;
    for (size_t n = 8; n < 80; n++) {
        uint8_t p[80] = {8};
        sum(p, n);
        icmp_echo_to_reply(p);
        assert_int_equal(get16(p + 2), 0xFFFF);
        assert_int_equal(parse(p, n), ICMP_IS_REPLY);
    }
}

static void build__any_size__is_an_echo(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 1472; n += n < 20 ? 1 : 121) {
        uint8_t p[1480];
        assert_int_equal(icmp_build_echo(p, 0xFFFF, 0x8000, n), n + 8);
        assert_int_equal(parse(p, n + 8), ICMP_IS_ECHO);
        assert_true(view.id == 0xFFFF && view.sequence == 0x8000);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(p[8 + i], (uint8_t)i);
    }
}

static void error_may__each_protocol_type_and_fragment__only_for_first_of_queries(void **state)
{
    uint8_t frame[128];
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        make_icmp(frame, v, 1, 1, 0, 8);
        bool is_query = v == 0 || v == 8 || (v >= 13 && v <= 18);
        assert_int_equal(icmp_error_may(frame + 14, 36), is_query);
        assert_false(icmp_error_may(frame + 14, 20)); /* too short to hold its type */
        make_udp(frame, 5, 6, 0, 8);
        frame[14 + 9] = (uint8_t)v;
        frame[34] = 3; /* would be an error in ICMP */
        assert_int_equal(icmp_error_may(frame + 14, 36), v != 1);
        assert_int_equal(icmp_error_may(frame + 14, 20), v != 1);
    }
    for (unsigned bit = 0; bit < 16; bit++) {
        make_udp(frame, 5, 6, 0, 8);
        put16(frame + 20, 1u << bit);
        assert_int_equal(icmp_error_may(frame + 14, 36), bit >= 13);
    }
}

static void error_may__each_kind_of_address__needs_two_hosts(void **state)
{
    uint8_t frame[128];
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        make_udp(frame, 5, 6, 0, 8);
        frame[26] = (uint8_t)v;
        assert_int_equal(icmp_error_may(frame + 14, 36), v != 0 && v != 127 && v < 224);
        make_udp(frame, 5, 6, 0, 8);
        frame[30] = (uint8_t)v;
        assert_int_equal(icmp_error_may(frame + 14, 36), v < 224 || v >= 240);
    }
    put32(frame + 30, 0xFFFFFFFF);
    assert_false(icmp_error_may(frame + 14, 36));
}

static void error_build__each_length_and_place__quotes_up_to_576(void **state)
{
    static const struct icmp_error error = {12, 7, 0x15000000};
    uint8_t about[700], out[1400];
    (void)state;
    for (uint32_t n = 20; n <= 700; n++) {
        for (unsigned shift = 0; shift <= 60; shift += 15) {
            for (uint32_t i = 0; i < n; i++)
                about[i] = (uint8_t)(i * 11);
            put32(about + 12, PEER_IP);
            memset(out, 0xEE, sizeof(out));
            memcpy(out + shift, about, n); /* the quote overlaps the output */
            uint32_t bytes = icmp_error_build(out, error, US_IP, 0x4321, out + shift, n);
            assert_int_equal(bytes, n + 28 < 576 ? n + 28 : 576);
            assert_int_equal(slow_sum(out, 20, 0), 0xFFFF);
            assert_int_equal(slow_sum(out + 20, bytes - 20, 0), 0xFFFF);
            assert_int_equal(get16(out + 2), bytes);
            assert_int_equal(get16(out + 4), 0x4321);
            assert_true(out[0] == 0x45 && out[1] == 0xC0 && out[8] == 64 && out[9] == 1);
            assert_int_equal(get32(out + 12), US_IP);
            assert_int_equal(get32(out + 16), PEER_IP);
            assert_true(out[20] == 12 && out[21] == 7 && get32(out + 24) == 0x15000000);
            assert_memory_equal(out + 28, about, bytes - 28);
        }
    }
}

static void limit__burst_then_rate__holds_at_any_clock_value(void **state)
{
    (void)state;
    for (unsigned start = 0; start < 3; start++) {
        uint64_t limit = 0;
        uint64_t now = (uint64_t)start * 1000000007u;
        for (unsigned i = 0; i < ICMP_BURST; i++)
            assert_true(icmp_limit_take(&limit, now));
        assert_false(icmp_limit_take(&limit, now));
        assert_false(icmp_limit_take(&limit, now + ICMP_GAP_NS - 1));
        unsigned sent = 0;
        for (uint64_t t = 1; t <= 1000; t++)
            sent += icmp_limit_take(&limit, now + t * 1000000);
        assert_int_equal(sent, 100);
        now += 3600ull * 1000000000;
        for (unsigned i = 0; i < 2 * ICMP_BURST; i++)
            sent += icmp_limit_take(&limit, now);
        assert_int_equal(sent, 100 + ICMP_BURST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__each_type_and_code__is_of_its_kind),
        cmocka_unit_test(parse__echo_cut_at_each_byte__needs_eight),
        cmocka_unit_test(parse__any_bit_flipped__breaks_the_checksum),
        cmocka_unit_test(error__quote_cut_at_each_byte__needs_header_and_eight),
        cmocka_unit_test(error__quote_of_something_else__is_not_about_our_echo),
        cmocka_unit_test(reply__from_an_echo_with_any_checksum__has_the_right_one),
        cmocka_unit_test(reply__all_other_bytes_zero__has_a_checksum_of_ones),
        cmocka_unit_test(build__any_size__is_an_echo),
        cmocka_unit_test(error_may__each_protocol_type_and_fragment__only_for_first_of_queries),
        cmocka_unit_test(error_may__each_kind_of_address__needs_two_hosts),
        cmocka_unit_test(error_build__each_length_and_place__quotes_up_to_576),
        cmocka_unit_test(limit__burst_then_rate__holds_at_any_clock_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
