/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port against RFC 1122: ICMP (section 3.2.2), reassembly and sizes (3.3.2,
 * 3.3.3), errors (3.3.8), the interface to services (3.4) and UDP (4.1). Each test has the number
 * of its section in its name, and one or more rows in tests/rfc/rfc1122.tsv. The sections before
 * are in test_rfc1122.c.
 *
 * links: $(STACK)
 */
#include "tests/unit/fragments.h"

#define GATEWAY IP(192, 0, 2, 254)

static void silent(size_t n, enum drop why)
{
    dropped(n, why);
    assert_int_equal(out_n, 0);
}

/* The last input caused one ICMP error of this type and code, with this word after the checksum,
 * that quotes the input. */
static void assert_error_sent(unsigned type, unsigned code, uint32_t rest, uint32_t ip_bytes)
{
    assert_int_equal(out_n, 1);
    const uint8_t *icmp = out[0] + 34;
    assert_memory_equal(out[0], PEER_MAC, 6);
    assert_int_equal(get32(out[0] + 30), PEER_IP);
    assert_int_equal(icmp[0], type);
    assert_int_equal(icmp[1], code);
    assert_int_equal(get32(icmp + 4), rest);
    assert_int_equal(get16(out[0] + 16), MIN(20 + 8 + ip_bytes, 576u));
    assert_memory_equal(icmp + 8, sent + 14, MIN(ip_bytes, 548u));
}

/* ---- 3.2.2: ICMP ---- */

static void rfc1122_3_2_2__type_unknown__silently_dropped(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        if (type == 8)
            continue;
        size_t n = make_icmp(frame, type, 1, 1, 0, 56);
        assert_int_equal(input(n), 0);
        assert_int_equal(out_n, 0);
    }
    assert_int_equal(nif.consumed, 0);
    assert_int_equal(nif.drops[DROP_icmp_bad] + nif.drops[DROP_icmp_other], 255);
}

static void rfc1122_3_2_2__error__quotes_the_datagram_unchanged(void **state)
{
    (void)state;
    for (unsigned options = 0; options <= 40; options += 20)
        for (uint32_t data = 0; data <= 1400; data += data < 16 ? 1 : 77) {
            nif.now_ns += SECOND;
            dropped(make_udp(frame, 4000, 53, options, data), DROP_udp_no_port);
            assert_error_sent(3, 3, 0, 28 + options + data);
        }
}

/* Make an ICMP error that quotes a datagram from us to the peer, with this protocol and the first 8
 * bytes of its payload. */
static size_t make_error(unsigned type, unsigned code, unsigned protocol, const char *first_8)
{
    uint8_t *p = frame + 34, *quote = p + 8;
    memset(p, 0, 8 + 28);
    p[0] = (uint8_t)type;
    p[1] = (uint8_t)code;
    quote[0] = 0x45;
    put16(quote + 2, 84);
    quote[8] = 1;
    quote[9] = (uint8_t)protocol;
    put32(quote + 12, US_IP);
    put32(quote + 16, PEER_IP);
    memcpy(quote + 20, first_8, 8);
    return make_ip(frame, 1, GATEWAY, US_IP, 0, 36);
}

#define OUR_ECHO "\x08\x00\x00\x00\x12\x34\x00\x05"

static void start_ping(void)
{
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 0x1234, 5, 56);
}

static void rfc1122_3_2_2__error_about_another_protocol__does_not_reach_ping(void **state)
{
    (void)state;
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        start_ping();
        size_t n = make_error(3, 1, protocol, OUR_ECHO);
        if (protocol == 1)
            consumed(n);
        else
            silent(n, DROP_icmp_other);
        assert_int_equal(nif.ping.event, protocol == 1 ? PING_ERROR : PING_NOTHING);
    }
}

static void rfc1122_3_2_2__error_about_an_error__is_not_sent(void **state)
{
    static const uint8_t errors[] = {3, 4, 5, 11, 12};
    (void)state;
    /* Each has malformed options, which alone would cause an error. */
    for (unsigned type = 0; type < 256; type++) {
        size_t n = make_icmp(frame, type, 1, 1, 4, 56);
        memcpy(frame + 34, "\x07\x28\x04\x00", 4);
        fix_ip(frame);
        nif.now_ns += SECOND;
        dropped(n, DROP_ip_option);
        bool is_query = type == 0 || type == 8 || (type >= 13 && type <= 18);
        assert_int_equal(out_n, is_query);
    }
    for (size_t i = 0; i < sizeof(errors); i++) {
        silent(make_error(errors[i], 0, 17, "\x00\x07\x00\x35\x00\x08\x00\x00"), DROP_icmp_other);
        silent(make_icmp(frame, errors[i], 1, 1, 0, 8), DROP_icmp_bad);
    }
}

static void rfc1122_3_2_2__error_about_a_broadcast_or_multicast__is_not_sent(void **state)
{
    static const uint32_t groups[] = {IP(255, 255, 255, 255), IP(192, 0, 2, 255), IP(192, 0, 2, 0),
                                      IP(224, 0, 0, 1), IP(239, 1, 2, 3)};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
        for (unsigned kind = 0; kind < 3; kind++) {
            size_t n = make_udp(frame, 4000, 53, 4, 5);
            put32(frame + 30, groups[i]);
            if (kind == 1)
                frame[23] = 89;
            if (kind == 2)
                memcpy(frame + 34, "\x07\x28\x04\x00", 4);
            fix_ip(frame);
            fix_payload(frame, n);
            silent(n, DROP_ip_broadcast);
        }
}

static void rfc1122_3_2_2__error_about_a_link_broadcast__is_not_sent(void **state)
{
    (void)state;
    for (unsigned group = 0; group < 2; group++) {
        size_t n = make_udp(frame, 4000, 53, 0, 5);
        memcpy(frame, group ? "\x01\x00\x5E\x00\x00\x01" : ALL_MAC, 6);
        silent(n, DROP_ip_link_group);
    }
}

static void rfc1122_3_2_2__error_about_a_later_fragment__is_not_sent(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 0x2000; at += 13) {
        size_t n = make_udp(frame, 4000, 53, 4, 12);
        memcpy(frame + 34, "\x07\x28\x04\x00", 4);
        put16(frame + 20, at);
        fix_ip(frame);
        silent(n, DROP_ip_option);
    }
    /* Nor when the time for reassembly ends without the first fragment. */
    make_big_udp(4000, 7, 3000);
    give_fragment(1, 17, 1480, 1480, true);
    assert_int_equal(netif_poll(&nif, nif.now_ns + REASS_NS, frame), 0);
    assert_int_equal(nif.drops[DROP_ip_timeout], 1);
    assert_int_equal(out_n, 0);
}

static void rfc1122_3_2_2__error_to_an_invalid_source__is_not_sent(void **state)
{
    static const uint32_t bad[] = {0,
                                   IP(0, 0, 0, 9),
                                   IP(127, 0, 0, 1),
                                   IP(224, 0, 0, 1),
                                   IP(240, 0, 0, 1),
                                   IP(255, 255, 255, 255),
                                   IP(192, 0, 2, 255),
                                   IP(192, 0, 2, 0)};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        size_t n = make_udp(frame, 4000, 53, 0, 5);
        put32(frame + 26, bad[i]);
        fix_ip(frame);
        fix_payload(frame, n);
        silent(n, DROP_ip_source);
    }
}

/* An error about our ping is passed to the ping, whatever its code. */
static void assert_ping_error(unsigned type, unsigned codes)
{
    for (unsigned code = 0; code < codes; code++) {
        start_ping();
        consumed(make_error(type, code, 1, OUR_ECHO));
        assert_int_equal(nif.ping.event, PING_ERROR);
        assert_int_equal(nif.ping.type, type);
        assert_int_equal(nif.ping.code, code);
        assert_int_equal(nif.ping.from, GATEWAY);
    }
}

static void rfc1122_3_2_2_1__unreachable_about_our_ping__is_reported(void **state)
{
    (void)state;
    assert_ping_error(3, 16);
}

static void rfc1122_3_2_2_1__net_or_host_unreachable__changes_no_neighbour(void **state)
{
    static const uint8_t codes[] = {0, 1, 5};
    uint8_t mac[6];
    (void)state;
    assert_int_equal(netif_resolve(&nif, IP(198, 51, 100, 9), mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, GATEWAY, US_MAC, US_IP));
    for (size_t i = 0; i < sizeof(codes); i++) {
        start_ping();
        struct arp_cache before = nif.arp;
        consumed(make_error(3, codes[i], 1, OUR_ECHO));
        assert_memory_equal(&nif.arp, &before, sizeof(before));
        assert_int_equal(netif_resolve(&nif, IP(198, 51, 100, 9), mac), NETIF_READY);
    }
}

static void rfc1122_3_2_2_3__source_quench_about_our_ping__is_reported(void **state)
{
    (void)state;
    assert_ping_error(4, 1);
}

static void rfc1122_3_2_2_4__time_exceeded_about_our_ping__is_reported(void **state)
{
    (void)state;
    assert_ping_error(11, 2);
}

static void rfc1122_3_2_2_5__parameter_problem_about_our_ping__is_reported(void **state)
{
    (void)state;
    assert_ping_error(12, 2);
}

static void rfc1122_3_2_2_5__malformed_option__error_points_at_it(void **state)
{
    static const struct {
        char options[5];
        unsigned at;
    } rows[] = {
        {"\x07\x28\x04\x00", 21}, {"\x07\x01\x00\x00", 21}, {"\x07\x00\x00\x00", 21},
        {"\x01\x07\x05\x00", 22}, {"\x01\x01\x07\x03", 23}, {"\x01\x01\x01\x07", 23},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t n = make_udp(frame, 4000, 7, 4, 5);
        memcpy(frame + 34, rows[i].options, 4);
        fix_ip(frame);
        dropped(n, DROP_ip_option);
        assert_error_sent(12, 0, rows[i].at << 24, 37);
    }
}

static void rfc1122_3_2_2_6__echo__is_answered_with_all_its_data(void **state)
{
    (void)state;
    for (size_t data = 0; data <= 1472; data++) {
        size_t n = make_icmp(frame, 8, data, 7, 0, data);
        assert_int_equal(input(n), MAX(42 + data, 60u));
        assert_int_equal(frame[34], 0);
        assert_int_equal(get32(frame + 26), US_IP); /* the request's destination */
        assert_memory_equal(frame + 38, sent + 38, 4 + data);
    }
    for (uint32_t data = 1473; data <= 65507; data += data < 1490 ? 1 : 9145) {
        uint32_t bytes = make_big_echo(data);
        out_n = 0;
        for (uint32_t at = 0; at < bytes; at += 1480)
            give_fragment(data, 1, at, MIN(1480u, bytes - at), at + 1480 < bytes);
        assert_int_equal(gather(1), bytes);
        assert_memory_equal(whole + 4, payload + 4, bytes - 4);
    }
}

static void rfc1122_3_2_2_6__reply_to_our_ping__is_reported(void **state)
{
    (void)state;
    start_ping();
    consumed(make_icmp(frame, 0, 0x1234, 5, 0, 56));
    assert_int_equal(nif.ping.event, PING_REPLY);
    assert_int_equal(nif.ping.data_bytes, 56);
}

static void rfc1122_3_2_2_9__mask__is_as_configured(void **state)
{
    (void)state;
    for (unsigned prefix = 8; prefix <= 30; prefix++) {
        assert_null(configure(US_IP, prefix, 0));
        assert_int_equal(nif.mask, ~0u << (32 - prefix));
    }
}

static void rfc1122_3_2_2_9__mask_reply__changes_nothing(void **state)
{
    (void)state;
    size_t n = make_icmp(frame, 18, 1, 1, 0, 4);
    put32(frame + 42, 0xFFFF0000);
    fix_payload(frame, n);
    silent(n, DROP_icmp_bad);
    assert_int_equal(nif.mask, 0xFFFFFF00);
}

static void rfc1122_3_2_2_9__mask_request__is_not_answered(void **state)
{
    (void)state;
    silent(make_icmp(frame, 17, 1, 1, 0, 4), DROP_icmp_bad);
    size_t n = make_icmp(frame, 17, 1, 1, 0, 4);
    put32(frame + 30, 0xFFFFFFFF);
    fix_ip(frame);
    memcpy(frame, ALL_MAC, 6);
    silent(n, DROP_ip_broadcast);
}

/* ---- 3.3.2, 3.3.3: sizes ---- */

static void rfc1122_3_3_2__fragments__are_reassembled(void **state)
{
    (void)state;
    uint32_t bytes = make_big_udp(4000, 7, 5000);
    for (uint32_t at = (bytes - 1) / 1480 * 1480;; at -= 1480) { /* the last one first */
        give_fragment(1, 17, at, MIN(1480u, bytes - at), at + 1480 < bytes);
        if (at == 0)
            break;
    }
    assert_int_equal(gather(17), bytes);
    assert_memory_equal(whole + 8, payload + 8, bytes - 8);
}

static void rfc1122_3_3_2__datagrams_of_576_bytes_and_up__are_accepted(void **state)
{
    (void)state;
    for (uint32_t total = 576; total <= 65535; total += total < 600 ? 1 : 6497) {
        uint32_t bytes = make_big_echo(total - 28);
        out_n = 0;
        for (uint32_t at = 0; at < bytes; at += 1480)
            if (bytes <= 1480) {
                give_fragment(total, 1, 0, 552, true);
                give_fragment(total, 1, 552, bytes - 552, false);
            } else {
                give_fragment(total, 1, at, MIN(1480u, bytes - at), at + 1480 < bytes);
            }
        assert_int_equal(gather(1), bytes);
    }
}

static void rfc1122_3_3_2__incomplete_datagram__ends_after_a_fixed_time(void **state)
{
    (void)state;
    for (unsigned ttl = 1; ttl < 256; ttl += 127) {
        uint64_t t = nif.now_ns;
        make_big_udp(4000, 7, 3000);
        uint32_t n = make_fragment(PEER_IP, 1, 17, 0, 1480, true);
        frame[22] = (uint8_t)ttl; /* has no influence */
        fix_ip(frame);
        give_frame(n);
        assert_int_equal(netif_poll(&nif, t + 60 * SECOND - 1, frame), 0);
        assert_int_equal(netif_held(&nif), 1);
        assert_int_equal(netif_poll(&nif, t + 60 * SECOND, frame), 0);
        assert_int_equal(netif_held(&nif), 0);
    }
}

static void rfc1122_3_3_2__incomplete_datagram__is_reported_if_first_fragment_came(void **state)
{
    (void)state;
    uint64_t t = nif.now_ns;
    make_big_udp(4000, 7, 3000);
    uint32_t n = make_fragment(PEER_IP, 1, 17, 0, 1480, true);
    memcpy(sent, frame, n);
    give_frame(n);
    give_fragment(2, 17, 1480, 1480, true); /* of another datagram, without its first */
    assert_int_equal(netif_poll(&nif, t + 60 * SECOND, frame), 0);
    assert_int_equal(nif.drops[DROP_ip_timeout], 2);
    assert_error_sent(11, 1, 0, 1500);
}

/* ---- 3.3.8, 3.4: errors, and the interface to services ---- */

static void rfc1122_3_3_8__permitted_errors__are_sent(void **state)
{
    (void)state;
    dropped(make_udp(frame, 4000, 53, 0, 5), DROP_udp_no_port);
    assert_error_sent(3, 3, 0, 33);
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        if (protocol == 1 || protocol == 17)
            continue;
        size_t n = make_udp(frame, 4000, 53, 0, 5);
        frame[23] = (uint8_t)protocol;
        fix_ip(frame);
        nif.now_ns += SECOND;
        dropped(n, DROP_ip_protocol);
        assert_error_sent(3, 2, 0, 33);
    }
}

static struct udp_datagram seen;
static uint32_t look(void *context, struct udp_datagram *datagram)
{
    (void)context;
    seen = *datagram;
    return UDP_SILENT;
}

static void rfc1122_3_4__service__gets_the_destination_address(void **state)
{
    (void)state;
    assert_true(netif_bind(&nif, 5000, look, NULL));
    consumed(make_udp(frame, 4000, 5000, 0, 5));
    assert_int_equal(seen.dst, US_IP);
    assert_int_equal(seen.src, PEER_IP);
    assert_int_equal(seen.src_port, 4000);
    assert_int_equal(seen.dst_port, 5000);
    assert_int_equal(seen.ttl, 63);
}

static uint32_t fill(void *context, struct udp_datagram *datagram)
{
    uint32_t *most = context;
    *most = datagram->room;
    memset(datagram->data, 0xCC, *most);
    return *most;
}

static void rfc1122_3_3_3__service__gets_the_greatest_answer_size(void **state)
{
    uint32_t most = 0;
    (void)state;
    assert_true(netif_bind(&nif, 5000, fill, &most));
    memset(frame, 0, ETH_BUFFER);
    uint32_t n = (uint32_t)make_udp(frame, 4000, 5000, 0, 5);
    assert_int_equal(netif_input(&nif, frame, n).length, 1514);
    assert_int_equal(most, 1472);
    uint32_t bytes = make_big_udp(4000, 5000, 2000);
    out_n = 0;
    give_fragment(1, 17, 0, 1480, true);
    give_fragment(1, 17, 1480, bytes - 1480, false);
    assert_int_equal(most, 65507);
    assert_int_equal(gather(17), 65515);
}

/* ---- 4.1: UDP ---- */

static void rfc1122_4_1_3_4__checksum__is_sent_and_right(void **state)
{
    (void)state;
    for (size_t data = 0; data < 200; data++)
        for (unsigned without = 0; without < 2; without++) {
            size_t n = make_udp(frame, 4000, 7, 0, data);
            if (without)
                put16(frame + 40, 0);
            assert_int_not_equal(input(n), 0); /* input() checks the sum */
            assert_int_not_equal(get16(frame + 40), 0);
        }
}

static void rfc1122_4_1_3_4__checksum_is_wrong__silently_dropped(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++)
        for (unsigned port = 7; port < 54; port += 46) {
            size_t n = make_udp(frame, 4000, port, 0, 5);
            put16(frame + 40, get16(frame + 40) ^ 1u << bit);
            silent(n, DROP_udp_checksum);
        }
}

static void rfc1122_4_1_3_5__answer__has_the_requested_address_as_source(void **state)
{
    (void)state;
    for (unsigned last = 1; last < 255; last++) {
        if (IP(192, 0, 2, last) == PEER_IP)
            continue;
        assert_null(configure(IP(192, 0, 2, last), 24, 0));
        size_t n = make_udp(frame, 4000, 7, 0, 18);
        put32(frame + 30, IP(192, 0, 2, last));
        fix_ip(frame);
        fix_payload(frame, n);
        assert_int_equal(netif_input(&nif, frame, (uint32_t)n).length, 60);
        assert_int_equal(get32(frame + 26), IP(192, 0, 2, last));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rfc1122_3_2_2__type_unknown__silently_dropped),
        TEST(rfc1122_3_2_2__error__quotes_the_datagram_unchanged),
        TEST(rfc1122_3_2_2__error_about_another_protocol__does_not_reach_ping),
        TEST(rfc1122_3_2_2__error_about_an_error__is_not_sent),
        TEST(rfc1122_3_2_2__error_about_a_broadcast_or_multicast__is_not_sent),
        TEST(rfc1122_3_2_2__error_about_a_link_broadcast__is_not_sent),
        TEST_FRAGMENTS(rfc1122_3_2_2__error_about_a_later_fragment__is_not_sent),
        TEST(rfc1122_3_2_2__error_to_an_invalid_source__is_not_sent),
        TEST(rfc1122_3_2_2_1__unreachable_about_our_ping__is_reported),
        TEST(rfc1122_3_2_2_1__net_or_host_unreachable__changes_no_neighbour),
        TEST(rfc1122_3_2_2_3__source_quench_about_our_ping__is_reported),
        TEST(rfc1122_3_2_2_4__time_exceeded_about_our_ping__is_reported),
        TEST(rfc1122_3_2_2_5__parameter_problem_about_our_ping__is_reported),
        TEST(rfc1122_3_2_2_5__malformed_option__error_points_at_it),
        TEST_FRAGMENTS(rfc1122_3_2_2_6__echo__is_answered_with_all_its_data),
        TEST(rfc1122_3_2_2_6__reply_to_our_ping__is_reported),
        TEST(rfc1122_3_2_2_9__mask__is_as_configured),
        TEST(rfc1122_3_2_2_9__mask_reply__changes_nothing),
        TEST(rfc1122_3_2_2_9__mask_request__is_not_answered),
        TEST_FRAGMENTS(rfc1122_3_3_2__fragments__are_reassembled),
        TEST_FRAGMENTS(rfc1122_3_3_2__datagrams_of_576_bytes_and_up__are_accepted),
        TEST_FRAGMENTS(rfc1122_3_3_2__incomplete_datagram__ends_after_a_fixed_time),
        TEST_FRAGMENTS(rfc1122_3_3_2__incomplete_datagram__is_reported_if_first_fragment_came),
        TEST_FRAGMENTS(rfc1122_3_3_3__service__gets_the_greatest_answer_size),
        TEST(rfc1122_3_3_8__permitted_errors__are_sent),
        TEST(rfc1122_3_4__service__gets_the_destination_address),
        TEST(rfc1122_4_1_3_4__checksum__is_sent_and_right),
        TEST(rfc1122_4_1_3_4__checksum_is_wrong__silently_dropped),
        TEST(rfc1122_4_1_3_5__answer__has_the_requested_address_as_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
