/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port against RFC 1122, sections 2 to 3.3: each test has the number of its
 * section in its name, and one or more rows in tests/rfc/rfc1122.tsv. test_rfc1122_messages.c
 * covers ICMP, reassembly and UDP.
 *
 * links: $(STACK)
 */
#include "tests/unit/fragments.h"

#define OTHER_MAC "\x02\x00\x00\x00\x00\x09"
#define GATEWAY   IP(192, 0, 2, 254)
#define GATEWAY_2 IP(192, 0, 2, 253)
#define FAR       IP(198, 51, 100, 9)

static size_t echo_to_us(void)
{
    return make_icmp(frame, 8, 1, 1, 0, 56);
}

/* Input a frame that must only count a drop: no answer, no ICMP error. */
static void silent(size_t n, enum drop why)
{
    dropped(n, why);
    assert_int_equal(out_n, 0);
}

static unsigned poll_from(uint64_t t, uint64_t until, uint64_t step)
{
    unsigned n = 0;
    for (uint64_t at = t; at < until; at += step)
        while (netif_poll(&nif, at, frame) != 0)
            n++;
    return n;
}

/* ---- 2: the link layer ---- */

static void rfc1122_2_3_1__trailer_types__are_not_accepted(void **state)
{
    (void)state;
    for (unsigned type = 0x1000; type <= 0x100F; type++) {
        size_t n = echo_to_us();
        put16(frame + 12, type);
        silent(n, DROP_eth_other);
    }
}

static void rfc1122_2_3_2_1__entry_without_a_new_reply__expires(void **state)
{
    uint8_t mac[6];
    (void)state;
    uint64_t t = nif.now_ns;
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    assert_int_equal(poll_from(t, t + 1, 1), 1);
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, PEER_IP, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_READY);
    /* Used all the time without a new reply: the entry must expire. */
    for (unsigned s = 0; s < 700; s++) {
        poll_from(t + s * SECOND, t + s * SECOND + 1, 1);
        if (netif_resolve(&nif, PEER_IP, mac) != NETIF_READY) {
            assert_in_range(s, 600, 602);
            return;
        }
    }
    fail_msg("still used after eleven minutes");
}

static void rfc1122_2_3_2_1__address_looked_up_often__is_asked_for_once_a_second(void **state)
{
    uint8_t mac[6];
    (void)state;
    uint64_t t = nif.now_ns, last = 0;
    unsigned n = 0;
    for (unsigned i = 0; i < 60000; i++) {
        uint64_t now = t + i * 1000000ull;
        netif_resolve(&nif, PEER_IP, mac);
        while (netif_poll(&nif, now, frame) != 0) {
            assert_int_equal(get32(frame + 38), PEER_IP);
            assert_true(n == 0 || now - last >= SECOND);
            last = now;
            n++;
        }
    }
    assert_in_range(n, 3, 30);
}

static void rfc1122_2_3_3__frame_of_type_0800__is_accepted_and_answered_with_it(void **state)
{
    (void)state;
    assert_int_equal(input(echo_to_us()), 98);
    assert_int_equal(get16(frame + 12), 0x0800);
}

/* An 802.3 frame has a length where the type would be: it is neither accepted nor ever sent. */
static void rfc1122_2_3_3__ieee_802_frame__is_neither_accepted_nor_sent(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= 1500; length++) {
        size_t n = echo_to_us();
        put16(frame + 12, length);
        silent(n, DROP_eth_other);
    }
    netif_link_up(&nif);
    unsigned n = 0;
    for (uint64_t t = nif.now_ns, at = t; at < t + 20 * SECOND; at += SECOND / 10)
        while (netif_poll(&nif, at, frame) != 0) {
            assert_true(get16(frame + 12) > 1500);
            n++;
        }
    assert_int_equal(n, 5);
}

static void rfc1122_2_3_3__address_on_our_net__is_resolved_by_arp(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    assert_int_equal(get16(frame + 12), 0x0806);
    assert_int_equal(get32(frame + 38), PEER_IP);
    consumed(make_arp(frame, 2, US_MAC, OTHER_MAC, PEER_IP, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_READY);
    assert_memory_equal(mac, OTHER_MAC, 6);
}

static void rfc1122_2_4__link_broadcast__is_flagged_to_ip(void **state)
{
    (void)state;
    size_t n = echo_to_us();
    memcpy(frame, ALL_MAC, 6);
    silent(n, DROP_ip_link_group);
}

static void rfc1122_2_4__no_arp_entry__is_not_a_failure(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
}

/* ---- 3.1, 3.2.1: IP ---- */

static void rfc1122_3_1__ip_and_icmp__are_implemented(void **state)
{
    (void)state;
    assert_int_equal(input(echo_to_us()), 98);
    assert_int_equal(frame[23], 1);
    assert_int_equal(frame[34], 0);
}

static void rfc1122_3_1__datagram_for_another_host__is_not_forwarded(void **state)
{
    static const uint32_t others[] = {PEER_IP + 1, FAR, GATEWAY};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        size_t n = echo_to_us();
        put32(frame + 30, others[i]);
        fix_ip(frame);
        silent(n, DROP_ip_not_ours);
    }
}

static void rfc1122_3_2_1_1__version_is_not_4__silently_dropped(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 16; version++) {
        size_t n = echo_to_us();
        frame[14] = (uint8_t)(version << 4 | 5);
        fix_ip(frame);
        if (version == 4)
            assert_int_not_equal(input(n), 0);
        else
            silent(n, DROP_ip_header);
    }
}

static void rfc1122_3_2_1_2__header_checksum_is_wrong__silently_dropped(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        size_t n = echo_to_us();
        put16(frame + 24, get16(frame + 24) ^ 1u << bit);
        silent(n, DROP_ip_checksum);
    }
    for (unsigned byte = 15; byte < 34; byte++) { /* any other change that makes it wrong */
        size_t n = echo_to_us();
        frame[byte] ^= 4;
        assert_int_equal(input(n), 0);
        assert_int_equal(out_n, 0);
    }
}

static void rfc1122_3_2_1_3__addresses_that_no_host_has__cannot_be_ours(void **state)
{
    static const struct {
        uint32_t ip;
        unsigned prefix;
    } rows[] = {{0, 24},
                {IP(0, 0, 0, 9), 8},
                {IP(255, 255, 255, 255), 24},
                {IP(10, 255, 255, 255), 8},
                {IP(192, 0, 2, 255), 24},
                {IP(127, 0, 0, 1), 8},
                {IP(127, 1, 2, 3), 16},
                {IP(224, 0, 0, 1), 24}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_non_null(configure(rows[i].ip, rows[i].prefix, 0));
    assert_int_equal(nif.ip, US_IP);
}

static void rfc1122_3_2_1_3__addresses_that_no_host_has__are_no_destinations(void **state)
{
    static const uint32_t none[] = {0, IP(0, 0, 0, 9), IP(127, 0, 0, 1), IP(127, 255, 255, 255)};
    uint8_t mac[6];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        assert_int_equal(netif_resolve(&nif, none[i], mac), NETIF_NO_ROUTE);
    assert_int_equal(poll_from(nif.now_ns, nif.now_ns + SECOND, SECOND / 10), 0);
}

static void rfc1122_3_2_1_3__each_mask__decides_what_is_on_our_net(void **state)
{
    (void)state;
    for (unsigned prefix = 1; prefix <= 30; prefix++) {
        assert_null(configure(IP(193, 85, 170, 85), prefix, 0));
        for (unsigned bit = 0; bit < 32; bit++) {
            uint32_t ip = IP(193, 85, 170, 85) ^ 1u << bit;
            bool is_host = (ip & ~nif.mask) != 0 && (ip & ~nif.mask) != ~nif.mask;
            assert_int_equal(netif_is_on_net(&nif, ip), bit < 32 - prefix && is_host);
        }
    }
}

static void rfc1122_3_2_1_3__every_sent_datagram__has_our_source_address(void **state)
{
    (void)state;
    assert_int_equal(input(echo_to_us()), 98);
    assert_int_equal(get32(frame + 26), US_IP);
    assert_int_equal(input(make_udp(frame, 4000, 7, 0, 5)), 60);
    assert_int_equal(get32(frame + 26), US_IP);
    dropped(make_udp(frame, 4000, 53, 0, 5), DROP_udp_no_port);
    assert_int_equal(get32(out[0] + 26), US_IP);
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 1, 1, 5);
    assert_int_equal(get32(frame + 26), US_IP);
}

static void rfc1122_3_2_1_3__destination_not_ours__silently_dropped(void **state)
{
    (void)state;
    for (unsigned byte = 30; byte < 34; byte++)
        for (unsigned change = 1; change < 256; change++) {
            size_t n = make_udp(frame, 4000, 7, 0, 5);
            frame[byte] ^= (uint8_t)change;
            fix_ip(frame);
            fix_payload(frame, n);
            assert_int_equal(input(n), 0);
            assert_int_equal(out_n, 0);
        }
    assert_int_equal(nif.drops[DROP_ip_not_ours] + nif.drops[DROP_ip_broadcast], 4 * 255);
}

static void rfc1122_3_2_1_3__source_that_no_host_has__silently_dropped(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        size_t n = make_udp(frame, 4000, 53, 0, 5);
        frame[26] = (uint8_t)first;
        fix_ip(frame);
        fix_payload(frame, n);
        bool is_host = first != 0 && first != 127 && first < 224;
        dropped(n, is_host ? DROP_udp_no_port : DROP_ip_source);
        assert_true(is_host || out_n == 0);
    }
    static const uint32_t ours[] = {US_IP, IP(192, 0, 2, 255), IP(192, 0, 2, 0)};
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
        size_t n = make_udp(frame, 4000, 53, 0, 5);
        put32(frame + 26, ours[i]);
        fix_ip(frame);
        silent(n, DROP_ip_source);
    }
}

static void rfc1122_3_2_1_6__answer__has_the_tos_of_its_request(void **state)
{
    (void)state;
    for (unsigned tos = 0; tos < 256; tos++) {
        size_t n = make_udp(frame, 4000, 7, 0, 5);
        frame[15] = (uint8_t)tos;
        fix_ip(frame);
        assert_int_equal(input(n), 60);
        assert_int_equal(frame[15], tos);
    }
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 1, 1, 5);
    assert_int_equal(frame[15], 0); /* the default */
}

static uint8_t wanted_ttl;
static uint32_t with_ttl(void *context, struct udp_datagram *datagram)
{
    (void)context;
    if (wanted_ttl != 0)
        datagram->answer_ttl = wanted_ttl;
    return datagram->data_bytes;
}

static void rfc1122_3_2_1_7__every_sent_datagram__has_a_ttl(void **state)
{
    (void)state;
    for (unsigned ttl = 0; ttl < 256; ttl++) {
        size_t n = echo_to_us();
        frame[22] = (uint8_t)ttl;
        fix_ip(frame);
        assert_int_equal(input(n), 98);
        assert_int_equal(frame[22], 64);
    }
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 1, 1, 5);
    assert_int_equal(frame[22], 64);
    dropped(make_udp(frame, 4000, 53, 0, 5), DROP_udp_no_port);
    assert_int_equal(out[0][22], 64);
}

static void rfc1122_3_2_1_7__ttl_below_2__is_accepted(void **state)
{
    (void)state;
    for (unsigned ttl = 0; ttl < 2; ttl++) {
        size_t n = make_udp(frame, 4000, 7, 0, 5);
        frame[22] = (uint8_t)ttl;
        fix_ip(frame);
        assert_int_equal(input(n), 60);
    }
}

static void rfc1122_3_2_1_7__service_sets_a_ttl__answer_has_it(void **state)
{
    (void)state;
    assert_true(netif_bind(&nif, 5000, with_ttl, NULL));
    for (unsigned ttl = 0; ttl < 256; ttl++) {
        wanted_ttl = (uint8_t)ttl;
        size_t n = make_udp(frame, 4000, 5000, 0, 30);
        memset(frame + n, 0, ETH_BUFFER - n);
        assert_int_equal(netif_input(&nif, frame, (uint32_t)n).length, 72);
        assert_int_equal(frame[22], ttl != 0 ? ttl : 64);
        assert_int_equal(slow_sum(frame + 14, 20, 0), 0xFFFF);
    }
}

/* Make an echo with one option of this type and (except types 0 and 1) length, then end of
 * options. */
static size_t with_option(unsigned type, unsigned length)
{
    size_t n = make_icmp(frame, 8, 1, 1, 12, 56);
    memset(frame + 34, 0, 12);
    frame[34] = (uint8_t)type;
    if (type > 1)
        frame[35] = (uint8_t)length;
    fix_ip(frame);
    return n;
}

static void rfc1122_3_2_1_8__other_options__are_ignored(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        if (type == 131 || type == 137)
            continue; /* source routes */
        for (unsigned length = 2; length <= 12; length++) {
            assert_int_equal(input(with_option(type, length)), 98);
            assert_int_equal(frame[14], 0x45); /* an answer has no options */
        }
    }
}

static void rfc1122_3_2_1_8__stream_identifier__is_ignored(void **state)
{
    (void)state;
    assert_int_equal(input(with_option(136, 4)), 98);
}

static void rfc1122_3_2_1_8__every_sent_datagram__has_no_source_route(void **state)
{
    (void)state;
    for (unsigned type = 131; type <= 137; type += 6)
        for (unsigned length = 2; length <= 12; length++)
            silent(with_option(type, length), DROP_ip_option);
    assert_int_equal(input(make_udp(frame, 4000, 7, 40, 5)), 60);
    assert_int_equal(frame[14], 0x45);
}

/* ---- 3.3: routing, broadcasts ---- */

/* Input a redirect by `from` about our ping to `dst`: the better gateway is `to`. */
static void redirect(uint32_t from, uint32_t dst, uint32_t to, unsigned code)
{
    uint8_t quote[28];

    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, dst, 0x1234, 5, 56);
    memcpy(quote, frame + 14, 28);
    memcpy(frame + 42, quote, 28);
    memset(frame + 34, 0, 8);
    frame[34] = ICMP_REDIRECT;
    frame[35] = (uint8_t)code;
    put32(frame + 38, to);
    consumed(make_ip(frame, 1, from, US_IP, 0, 36));
}

/* The first hop to `dst`: the address that ARP asks for. */
static uint32_t first_hop(uint32_t dst)
{
    uint8_t mac[6];

    memset(&nif.arp, 0, sizeof(nif.arp));
    assert_int_equal(netif_resolve(&nif, dst, mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    return get32(frame + 38);
}

static void rfc1122_3_2_2_2__redirect_of_any_code__changes_the_first_hop(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 4; code++) {
        uint32_t better = IP(192, 0, 2, 90 + code);
        assert_int_equal(first_hop(FAR + code), GATEWAY);
        redirect(GATEWAY, FAR + code, better, code);
        assert_int_equal(first_hop(FAR + code), better);
        redirect(better, FAR + code, better + 10, code); /* again, by the new first hop */
        assert_int_equal(first_hop(FAR + code), better + 10);
        assert_int_equal(first_hop(FAR + 10), GATEWAY); /* other destinations are unaffected */
    }
    /* The table is full: the oldest entry is dropped, and its destination uses the gateway
     * again. */
    redirect(GATEWAY, FAR + 4, IP(192, 0, 2, 90), 1);
    assert_int_equal(first_hop(FAR + 4), IP(192, 0, 2, 90));
    assert_int_equal(first_hop(FAR), GATEWAY);
    assert_int_equal(first_hop(FAR + 1), IP(192, 0, 2, 101));
    assert_null(configure(US_IP, 24, GATEWAY));
    settle(nif.now_ns + 100 * SECOND);
    assert_int_equal(first_hop(FAR + 1), GATEWAY);
}

static void rfc1122_3_2_2_2__invalid_redirect__is_ignored(void **state)
{
    (void)state;
    static const uint32_t nowhere[] = {
        FAR + 9,          US_IP,           0, IP(192, 0, 2, 255), IP(192, 0, 2, 0),
        IP(224, 0, 0, 1), IP(127, 0, 0, 1)};

    redirect(PEER_IP, FAR, IP(192, 0, 2, 90), 1);
    assert_int_equal(first_hop(FAR), GATEWAY);
    for (unsigned i = 0; i < ARRAY_SIZE(nowhere); i++) {
        redirect(GATEWAY, FAR, nowhere[i], 1);
        assert_int_equal(first_hop(FAR), GATEWAY);
    }
    redirect(GATEWAY, PEER_IP, IP(192, 0, 2, 90), 1); /* hosts of our own net are not redirected */
    assert_int_equal(first_hop(PEER_IP), PEER_IP);
}

static void rfc1122_3_3_1_4__redirected_to_a_silent_host__goes_back_to_the_gateway(void **state)
{
    uint8_t mac[6];
    (void)state;
    redirect(GATEWAY, FAR, IP(192, 0, 2, 90), 1);
    uint64_t t = nif.now_ns;
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
    assert_int_equal(poll_from(t, t + 10 * SECOND, SECOND / 10), 3);
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
    assert_int_equal(first_hop(FAR), GATEWAY);
}

static void rfc1122_3_3_1_1__destination_off_our_net__goes_via_the_gateway(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_int_equal(netif_resolve(&nif, IP(192, 0, 2, 200), mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    assert_int_equal(get32(frame + 38), IP(192, 0, 2, 200));
    assert_int_equal(netif_resolve(&nif, IP(192, 0, 3, 200), mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    assert_int_equal(get32(frame + 38), GATEWAY);
}

static void rfc1122_3_3_1_1__no_gateway__neighbours_are_reached(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_null(configure(US_IP, 24, 0));
    assert_int_equal(input(echo_to_us()), 98);
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_NO_ROUTE);
}

static void rfc1122_3_3_1_4__gateway_does_not_answer__is_detected(void **state)
{
    uint8_t mac[6];
    (void)state;
    uint64_t t = nif.now_ns;
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
    assert_int_equal(poll_from(t, t + 10 * SECOND, SECOND / 10), 3);
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_NO_ANSWER);
}

static const char *configure_two(uint32_t gateway, uint32_t gateway2)
{
    return netif_configure(&nif, (const uint8_t *)US_MAC, US_IP, 24,
                           (uint32_t[2]){gateway, gateway2});
}

/* It does not change back and forth for ever: when both are silent, resolve reports it. */
static void rfc1122_3_3_1_5__gateway_does_not_answer__the_other_is_used(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_null(configure_two(GATEWAY, GATEWAY_2));
    settle(nif.now_ns + 100 * SECOND);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING); /* changes gateways */
            assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
            assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
            assert_int_equal(get32(frame + 38), i == 0 ? GATEWAY : GATEWAY_2);
            assert_int_equal(poll_from(nif.now_ns, nif.now_ns + 8 * SECOND, SECOND / 10), 2);
            assert_true(nif.gateways[0] == GATEWAY && nif.gateways[1] == GATEWAY_2);
        }
        assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_NO_ANSWER);
        nif.now_ns += 5 * SECOND; /* the hold-off of the first ends */
    }
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, GATEWAY, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_READY);
    assert_memory_equal(mac, PEER_MAC, 6);
}

/* A gateway that answered once and no longer does is replaced by one that answers, long before its
 * entry expires; it is kept while the other does not answer either. */
static void rfc1122_3_3_1_5__gateway_stops_answering__the_other_is_used(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_null(configure_two(GATEWAY, GATEWAY_2));
    settle(nif.now_ns + 100 * SECOND);
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, GATEWAY, US_MAC, US_IP));
    uint64_t t = nif.now_ns;
    for (unsigned s = 0; s < 100; s++) {
        assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_READY);
        assert_memory_equal(mac, PEER_MAC, 6);
        poll_from(t + s * SECOND, t + s * SECOND + 1, 1);
    }
    unsigned s = 100;
    for (bool is_asked = false; !is_asked; s++) { /* the second is asked for, too */
        assert_true(s < 120);
        assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_READY);
        nif.now_ns = t + s * SECOND;
        while (netif_poll(&nif, nif.now_ns, frame) != 0)
            is_asked |= get32(frame + 38) == GATEWAY_2;
    }
    consumed(make_arp(frame, 2, US_MAC, OTHER_MAC, GATEWAY_2, US_MAC, US_IP));
    for (; memcmp(mac, OTHER_MAC, 6) != 0; s++) { /* at the end of the first one's next round */
        assert_true(s < 140);
        nif.now_ns = t + s * SECOND;
        while (netif_poll(&nif, nif.now_ns, frame) != 0)
            ;
        assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_READY);
    }
    assert_true(nif.uses_second);
}

static void rfc1122_3_3_1_2__second_gateway__needs_a_first_and_our_net(void **state)
{
    (void)state;
    assert_null(configure_two(GATEWAY, GATEWAY_2));
    assert_non_null(configure_two(GATEWAY, FAR));
    assert_non_null(configure_two(GATEWAY, US_IP));
    assert_non_null(configure_two(0, GATEWAY));
    assert_true(nif.gateways[0] == GATEWAY && nif.gateways[1] == GATEWAY_2);
    /* Whichever was in use, a new configuration begins with the first. */
    nif.uses_second = true;
    assert_null(configure_two(GATEWAY_2, GATEWAY));
    settle(nif.now_ns + 100 * SECOND);
    assert_int_equal(first_hop(FAR), GATEWAY_2);
}

static void rfc1122_3_3_1_4__idle_for_an_hour__nothing_is_sent(void **state)
{
    uint8_t mac[6];
    (void)state;
    uint64_t t = nif.now_ns;
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
    assert_int_equal(poll_from(t, t + 1, 1), 1);
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, GATEWAY, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_READY);
    assert_int_equal(poll_from(t + 1, t + 3600 * SECOND, SECOND), 0);
}

static void rfc1122_3_3_1_6__address_mask_and_gateway__are_as_configured(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_null(configure(IP(10, 1, 2, 3), 20, IP(10, 1, 15, 254)));
    assert_int_equal(nif.ip, IP(10, 1, 2, 3));
    assert_int_equal(nif.mask, 0xFFFFF000);
    settle(nif.now_ns + 20 * SECOND);
    assert_int_equal(netif_resolve(&nif, FAR, mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    assert_int_equal(get32(frame + 38), IP(10, 1, 15, 254));
}

static void rfc1122_3_3_6__broadcast_forms__are_recognized(void **state)
{
    static const uint32_t forms[] = {IP(255, 255, 255, 255), IP(192, 0, 2, 255), IP(192, 0, 2, 0)};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        size_t n = make_udp(frame, 4000, 53, 0, 5);
        put32(frame + 30, forms[i]);
        fix_ip(frame);
        fix_payload(frame, n);
        memcpy(frame, ALL_MAC, 6);
        silent(n, DROP_ip_broadcast);
    }
}

static void rfc1122_3_3_6__link_broadcasts__are_only_arp(void **state)
{
    uint8_t mac[6];
    (void)state;
    netif_link_up(&nif);
    netif_resolve(&nif, PEER_IP, mac);
    uint64_t t = nif.now_ns;
    for (uint64_t at = t; at < t + 20 * SECOND; at += SECOND / 10)
        while (netif_poll(&nif, at, frame) != 0)
            assert_int_equal(get16(frame + 12), 0x0806);
    static const uint32_t groups[] = {IP(255, 255, 255, 255), IP(192, 0, 2, 255), IP(224, 0, 0, 1)};
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
        assert_int_equal(netif_resolve(&nif, groups[i], mac), NETIF_NO_ROUTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rfc1122_2_3_1__trailer_types__are_not_accepted),
        TEST(rfc1122_2_3_2_1__entry_without_a_new_reply__expires),
        TEST(rfc1122_2_3_2_1__address_looked_up_often__is_asked_for_once_a_second),
        TEST(rfc1122_2_3_3__frame_of_type_0800__is_accepted_and_answered_with_it),
        TEST(rfc1122_2_3_3__ieee_802_frame__is_neither_accepted_nor_sent),
        TEST(rfc1122_2_3_3__address_on_our_net__is_resolved_by_arp),
        TEST(rfc1122_2_4__link_broadcast__is_flagged_to_ip),
        TEST(rfc1122_2_4__no_arp_entry__is_not_a_failure),
        TEST(rfc1122_3_1__ip_and_icmp__are_implemented),
        TEST(rfc1122_3_1__datagram_for_another_host__is_not_forwarded),
        TEST(rfc1122_3_2_1_1__version_is_not_4__silently_dropped),
        TEST(rfc1122_3_2_1_2__header_checksum_is_wrong__silently_dropped),
        TEST(rfc1122_3_2_1_3__addresses_that_no_host_has__cannot_be_ours),
        TEST(rfc1122_3_2_1_3__addresses_that_no_host_has__are_no_destinations),
        TEST(rfc1122_3_2_1_3__each_mask__decides_what_is_on_our_net),
        TEST(rfc1122_3_2_1_3__every_sent_datagram__has_our_source_address),
        TEST(rfc1122_3_2_1_3__destination_not_ours__silently_dropped),
        TEST(rfc1122_3_2_1_3__source_that_no_host_has__silently_dropped),
        TEST(rfc1122_3_2_1_6__answer__has_the_tos_of_its_request),
        TEST(rfc1122_3_2_1_7__every_sent_datagram__has_a_ttl),
        TEST(rfc1122_3_2_1_7__ttl_below_2__is_accepted),
        TEST(rfc1122_3_2_1_7__service_sets_a_ttl__answer_has_it),
        TEST(rfc1122_3_2_1_8__other_options__are_ignored),
        TEST(rfc1122_3_2_1_8__stream_identifier__is_ignored),
        TEST(rfc1122_3_2_1_8__every_sent_datagram__has_no_source_route),
        TEST(rfc1122_3_2_2_2__redirect_of_any_code__changes_the_first_hop),
        TEST(rfc1122_3_2_2_2__invalid_redirect__is_ignored),
        TEST(rfc1122_3_3_1_4__redirected_to_a_silent_host__goes_back_to_the_gateway),
        TEST(rfc1122_3_3_1_1__destination_off_our_net__goes_via_the_gateway),
        TEST(rfc1122_3_3_1_1__no_gateway__neighbours_are_reached),
        TEST(rfc1122_3_3_1_4__gateway_does_not_answer__is_detected),
        TEST(rfc1122_3_3_1_5__gateway_does_not_answer__the_other_is_used),
        TEST(rfc1122_3_3_1_5__gateway_stops_answering__the_other_is_used),
        TEST(rfc1122_3_3_1_2__second_gateway__needs_a_first_and_our_net),
        TEST(rfc1122_3_3_1_4__idle_for_an_hour__nothing_is_sent),
        TEST(rfc1122_3_3_1_6__address_mask_and_gateway__are_as_configured),
        TEST(rfc1122_3_3_6__broadcast_forms__are_recognized),
        TEST(rfc1122_3_3_6__link_broadcasts__are_only_arp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
