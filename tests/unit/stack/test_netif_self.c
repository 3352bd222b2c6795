/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/netif.c, what the stack of one port sends by itself: probes, announcements, and the
 * defence of our address; requests for neighbours and the gateway, and unsolicited claims; our own
 * pings and their replies.
 *
 * links: $(STACK)
 */
#include "tests/unit/stack/netif_host.h"

static void arp__other_host_with_our_address__is_counted_and_defended_at_intervals(void **state)
{
    (void)state;
    uint64_t t = 200 * SECOND;
    assert_int_equal(netif_poll(&nif, t, frame), 0);
    consumed(make_arp(frame, 1, ALL_MAC, PEER_MAC, US_IP, "\0\0\0\0\0\0", US_IP));
    assert_int_equal(nif.conflicts, 1);
    assert_memory_equal(nif.conflict_mac, PEER_MAC, 6);
    assert_int_equal(netif_poll(&nif, t, frame), 60);
    assert_null(fault_of(frame, 60));
    assert_memory_equal(frame, ALL_MAC, 6);
    assert_int_equal(get16(frame + 20), 1);
    assert_int_equal(get32(frame + 38), US_IP);
    assert_int_equal(netif_poll(&nif, t, frame), 0);
    /* A second conflict at once, by reply, is counted only; one ten seconds later is defended. */
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, US_IP, US_MAC, US_IP));
    assert_int_equal(netif_poll(&nif, t + NETIF_DEFEND_GAP_NS - 1, frame), 0);
    assert_int_equal(nif.conflicts, 2);
    assert_int_equal(netif_poll(&nif, t + NETIF_DEFEND_GAP_NS, frame), 0);
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, US_IP, US_MAC, US_IP));
    assert_int_equal(netif_poll(&nif, t + NETIF_DEFEND_GAP_NS, frame), 60);
    /* Our own announcement, received back, is no conflict. */
    consumed(make_arp(frame, 1, ALL_MAC, US_MAC, US_IP, "\0\0\0\0\0\0", US_IP));
    assert_int_equal(nif.conflicts, 3);
}

/* Call netif_poll ten times a second for `seconds` from t on; record when it sent a packet, and the
 * sender address in it. */
static unsigned record(uint64_t t, unsigned seconds, uint64_t at[8], uint32_t sender[8])
{
    unsigned n = 0;
    for (uint64_t now = t; now < t + seconds * SECOND; now += SECOND / 10)
        while (netif_poll(&nif, now, frame) != 0) {
            assert_true(n < 8);
            assert_null(fault_of(frame, 60));
            assert_memory_equal(frame, ALL_MAC, 6);
            assert_int_equal(get16(frame + 20), 1);
            assert_int_equal(get32(frame + 38), US_IP);
            at[n] = now;
            sender[n++] = get32(frame + 28);
        }
    return n;
}

static void link_up__no_conflict__sends_three_probes_and_two_announcements(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        uint64_t t = (300 + 61 * round) * SECOND, at[8];
        uint32_t sender[8];
        assert_int_equal(netif_poll(&nif, t, frame), 0);
        netif_link_up(&nif);
        assert_int_equal(record(t, 60, at, sender), 5);
        assert_true(at[0] <= t + SECOND + SECOND / 10);
        for (unsigned i = 1; i < 3; i++)
            assert_in_range(at[i] - at[i - 1], SECOND, 2 * SECOND + SECOND / 10);
        assert_int_equal(at[3] - at[2], 2 * SECOND);
        assert_int_equal(at[4] - at[3], 2 * SECOND);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(sender[i], i < 3 ? 0 : US_IP);
        assert_false(nif.is_probing || nif.is_refused);
    }
}

static void probe__address_in_use__is_not_used_until_free(void **state)
{
    uint64_t at[8], t = 400 * SECOND;
    uint32_t sender[8];
    uint8_t mac[6];
    (void)state;
    for (unsigned way = 0; way < 2; way++, t += 1000 * SECOND) {
        assert_int_equal(netif_poll(&nif, t, frame), 0);
        netif_link_up(&nif);
        assert_in_range(record(t, 2, at, sender), 1, 2);
        /* The address is used during the probes: an answer after six seconds would be useless. */
        assert_int_equal(input(make_icmp(frame, 8, 1, 1, 0, 56)), 98);
        consumed(way == 0 ? make_arp(frame, 2, US_MAC, PEER_MAC, US_IP, US_MAC, 0)
                          : make_arp(frame, 1, ALL_MAC, PEER_MAC, US_IP, "\0\0\0\0\0\0", PEER_IP));
        assert_true(nif.is_refused);
        assert_memory_equal(nif.conflict_mac, PEER_MAC, 6);
        dropped(make_icmp(frame, 8, 1, 1, 0, 56), DROP_ip_not_ours);
        consumed(make_arp(frame, 1, ALL_MAC, "\x02\x00\x00\x00\x00\x09", IP(192, 0, 2, 9),
                          "\0\0\0\0\0\0", US_IP));
        assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_NO_ROUTE);
        /* A minute later it is probed again, and still in use. */
        assert_int_equal(record(t + 2 * SECOND, 59, at, sender), 0);
        assert_in_range(record(t + 61 * SECOND, 2, at, sender), 1, 2);
        assert_int_equal(sender[0], 0);
        consumed(make_arp(frame, 2, US_MAC, PEER_MAC, US_IP, US_MAC, 0));
        /* Then it is free: no answers during the probes; in use from the first announcement on. */
        assert_int_equal(record(t + 63 * SECOND, 59, at, sender), 0);
        unsigned probes = record(t + 122 * SECOND, 4, at, sender);
        assert_in_range(probes, 2, 3);
        dropped(make_icmp(frame, 8, 1, 1, 0, 56), DROP_ip_not_ours);
        assert_int_equal(record(t + 126 * SECOND, 10, at, sender), 5 - probes);
        assert_int_equal(sender[4 - probes], US_IP);
        assert_int_equal(input(make_icmp(frame, 8, 1, 1, 0, 56)), 98);
    }
}

static void probes_first__during_the_probes__address_is_not_used(void **state)
{
    uint64_t at[8], t = 400 * SECOND;
    uint32_t sender[8];
    uint8_t mac[6];
    (void)state;
    nif.probes_first = true;
    assert_int_equal(netif_poll(&nif, t, frame), 0);
    netif_link_up(&nif);
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    for (unsigned s = 0; nif.is_probing; s++) {
        assert_true(s < 8);
        dropped(make_icmp(frame, 8, 1, 1, 0, 56), DROP_ip_not_ours);
        consumed(make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP));
        /* Only probes, and then the announcement: no request for a neighbour. */
        unsigned n = record(t + s * SECOND, 1, at, sender);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(sender[i], nif.is_probing ? 0 : US_IP);
    }
    assert_false(nif.is_refused);
    assert_int_equal(input(make_icmp(frame, 8, 1, 1, 0, 56)), 98);
    assert_int_equal(input(make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP)),
                     60);
    /* Now the neighbour is asked for, and a probe for our address is answered. */
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 60);
    assert_int_equal(get32(frame + 38), PEER_IP);
    assert_int_equal(input(make_arp(frame, 1, ALL_MAC, PEER_MAC, 0, "\0\0\0\0\0\0", US_IP)), 60);
    assert_int_equal(nif.conflicts, 0);
}

static void probes_first__other_host_probes_too__is_a_conflict(void **state)
{
    (void)state;
    nif.probes_first = true;
    assert_int_equal(netif_poll(&nif, 400 * SECOND, frame), 0);
    netif_link_up(&nif);
    /* Our own probe, received back, and a probe for another address are no conflicts. */
    consumed(make_arp(frame, 1, ALL_MAC, US_MAC, 0, "\0\0\0\0\0\0", US_IP));
    consumed(make_arp(frame, 1, ALL_MAC, PEER_MAC, 0, "\0\0\0\0\0\0", PEER_IP));
    assert_false(nif.is_refused);
    consumed(make_arp(frame, 1, ALL_MAC, PEER_MAC, 0, "\0\0\0\0\0\0", US_IP));
    assert_true(nif.is_refused);
    assert_memory_equal(nif.conflict_mac, PEER_MAC, 6);
}

static void resolve__address_alone__gateways_on_the_link_are_the_only_neighbours(void **state)
{
    (void)state;
    uint8_t mac[6];
    const uint32_t gateways[2] = {IP(10, 255, 0, 1), IP(10, 255, 0, 2)};
    uint64_t t = 400 * SECOND;

    assert_null(netif_configure(&nif, (const uint8_t *)US_MAC, US_IP, 32, gateways));
    while (netif_poll(&nif, t, frame) != 0)
        ;
    /* Our neighbour of the other tests, each gateway itself: who is asked for. */
    static const uint32_t to[][2] = {{PEER_IP, IP(10, 255, 0, 1)},
                                     {IP(10, 255, 0, 1), IP(10, 255, 0, 1)},
                                     {IP(10, 255, 0, 2), IP(10, 255, 0, 2)}};
    for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
        arp_clear(&nif.arp);
        assert_int_equal(netif_resolve(&nif, to[i][0], mac), NETIF_ASKING);
        assert_int_equal(netif_poll(&nif, t, frame), 60);
        assert_int_equal(get32(frame + 38), to[i][1]);
        consumed(make_arp(frame, 2, US_MAC, PEER_MAC, to[i][1], US_MAC, US_IP));
        assert_int_equal(netif_resolve(&nif, to[i][0], mac), NETIF_READY);
    }
}

static void configure__static_neighbours__stay_where_they_are_on_the_link(void **state)
{
    (void)state;
    uint8_t mac[6];

    assert_true(arp_set(&nif.arp, PEER_IP, (const uint8_t *)PEER_MAC));
    assert_null(configure(US_IP + 1, 24, 0));
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_READY);
    assert_memory_equal(mac, PEER_MAC, 6);
    assert_null(configure(US_IP, 32, PEER_IP));
    assert_int_equal(netif_resolve(&nif, IP(8, 8, 8, 8), mac), NETIF_READY);
    assert_null(configure(IP(10, 0, 0, 1), 8, 0));
    assert_null(configure(US_IP, 24, 0));
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
}

static void resolve__neighbour_gateway_or_neither__gives_its_state(void **state)
{
    (void)state;
    uint8_t mac[6];
    const uint32_t far = IP(198, 51, 100, 9), gateway = IP(192, 0, 2, 254);
    uint64_t t = 400 * SECOND;
    while (netif_poll(&nif, t, frame) != 0)
        ;
    assert_int_equal(netif_resolve(&nif, far, mac), NETIF_ASKING);
    assert_int_equal(netif_poll(&nif, t, frame), 60);
    assert_null(fault_of(frame, 60));
    assert_int_equal(get32(frame + 38), gateway);
    /* ARP poisoning has no effect: a reply for an address that was not asked for. */
    consumed(make_arp(frame, 2, US_MAC, "\x02\x00\x00\x00\x00\x66", PEER_IP, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, far, mac), NETIF_ASKING);
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, gateway, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, far, mac), NETIF_READY);
    assert_memory_equal(mac, PEER_MAC, 6);
    consumed(make_arp(frame, 2, US_MAC, "\x02\x00\x00\x00\x00\x66", gateway, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, far, mac), NETIF_READY);
    assert_memory_equal(mac, PEER_MAC, 6);

    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    for (uint64_t s = 0; s <= 10; s++)
        while (netif_poll(&nif, t + s * SECOND, frame) != 0)
            ;
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_NO_ANSWER);

    static const uint32_t nowhere[] = {0,
                                       US_IP,
                                       IP(192, 0, 2, 0),
                                       IP(192, 0, 2, 255),
                                       IP(255, 255, 255, 255),
                                       IP(224, 0, 0, 1),
                                       IP(127, 0, 0, 1)};
    for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
        assert_int_equal(netif_resolve(&nif, nowhere[i], mac), NETIF_NO_ROUTE);
    assert_null(configure(US_IP, 24, 0));
    assert_int_equal(netif_resolve(&nif, far, mac), NETIF_NO_ROUTE);
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    assert_null(configure(US_IP, 31, 0)); /* a net of two hosts and no broadcast, RFC 3021 */
    assert_int_equal(netif_resolve(&nif, US_IP - 1, mac), NETIF_ASKING);
    assert_int_equal(netif_resolve(&nif, US_IP + 1, mac), NETIF_NO_ROUTE);
}

/* Look up a neighbour, which answers. */
static void learn(uint32_t ip, const char *its_mac, uint64_t t)
{
    uint8_t mac[6];
    assert_int_equal(netif_resolve(&nif, ip, mac), NETIF_ASKING);
    while (netif_poll(&nif, t, frame) != 0)
        ;
    consumed(make_arp(frame, 2, US_MAC, its_mac, ip, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, ip, mac), NETIF_READY);
}

static void arp__reply_for_another_host__is_ignored(void **state)
{
    uint8_t mac[6];
    (void)state;
    uint64_t t = 400 * SECOND;
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    while (netif_poll(&nif, t, frame) != 0)
        ;
    consumed(make_arp(frame, 2, ALL_MAC, PEER_MAC, PEER_IP, US_MAC, US_IP + 1));
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
}

/* A neighbour moves to another MAC address and announces it in each possible way. The stack keeps
 * the known MAC address and sends a request; the reply decides. */
static void arp__neighbour_claims_another_address__is_asked(void **state)
{
    static const struct {
        unsigned op;
        const char *dst;
        uint32_t target_ip;
    } ways[] = {
        {1, ALL_MAC, PEER_IP},   /* announcement by request */
        {2, ALL_MAC, PEER_IP},   /* announcement by reply */
        {1, ALL_MAC, US_IP + 7}, /* request for another */
        {2, US_MAC, US_IP},      /* unsolicited reply */
    };
    uint8_t mac[6];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        uint64_t t = (1000 + 100 * i) * SECOND;
        assert_null(configure(US_IP, 24, 0));
        while (netif_poll(&nif, t, frame) != 0)
            ;
        learn(PEER_IP, PEER_MAC, t);
        while (netif_poll(&nif, t + 10 * SECOND, frame) != 0)
            ;
        consumed(make_arp(frame, ways[i].op, ways[i].dst, "\x02\x00\x00\x00\x00\x99", PEER_IP,
                          "\0\0\0\0\0\0", ways[i].target_ip));
        assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_READY);
        assert_memory_equal(mac, PEER_MAC, 6);
        assert_int_equal(netif_poll(&nif, t + 10 * SECOND, frame), 60);
        assert_int_equal(get32(frame + 38), PEER_IP);
        consumed(make_arp(frame, 2, US_MAC, "\x02\x00\x00\x00\x00\x99", PEER_IP, US_MAC, US_IP));
        assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_READY);
        assert_memory_equal(mac, "\x02\x00\x00\x00\x00\x99", 6);
    }
}

static uint64_t now_is_77(void)
{
    return 77;
}

/* Turn our echo request into the peer's reply. */
static void peer_answers(uint8_t *f)
{
    memcpy(f, US_MAC, 6);
    memcpy(f + 6, PEER_MAC, 6);
    put32(f + 26, PEER_IP);
    put32(f + 30, US_IP);
    f[34] = 0;
    fix_ip(f);
    fix_payload(f, ETH_BUFFER);
}

static void ping__each_size__is_valid_and_its_reply_is_accepted_once(void **state)
{
    (void)state;
    nif.clock = now_is_77;
    for (uint32_t data = 0; data <= NETIF_PING_DATA_MAX + 1; data += data < 30 ? 1 : 103) {
        uint32_t n = netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 0x1234, 5, data);
        assert_int_equal(n, MAX(42 + MIN(data, NETIF_PING_DATA_MAX), 60u));
        assert_null(fault_of(frame, n));
        assert_memory_equal(frame, PEER_MAC, 6);
        assert_int_equal(get32(frame + 30), PEER_IP);
        peer_answers(frame);
        uint8_t reply[ETH_BUFFER];
        memcpy(reply, frame, n);
        nif.ping.extra = 0;
        consumed(n);
        assert_int_equal(nif.ping.event, PING_REPLY);
        assert_int_equal(nif.ping.event_ns, 77);
        assert_int_equal(nif.ping.data_bytes, data);
        assert_int_equal(nif.ping.from, PEER_IP);
        assert_int_equal(nif.ping.ttl, 64);
        memcpy(frame, reply, n);
        consumed(n); /* the same again */
        assert_int_equal(nif.ping.extra, 1);
    }
    assert_int_equal(nif.ping.event, PING_REPLY);
    assert_int_equal(
        netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 1, 1, NETIF_PING_DATA_MAX + 1),
        ETH_MAX);
}

static void ping__replies_without_a_request__are_dropped(void **state)
{
    (void)state;
    dropped(make_icmp(frame, 0, 0x1234, 5, 0, 56), DROP_icmp_other); /* no ping is out */
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 0x1234, 5, 56);
    dropped(make_icmp(frame, 0, 0x1235, 5, 0, 56), DROP_icmp_other);
    size_t n = make_icmp(frame, 0, 0x1234, 5, 0, 56);
    put32(frame + 26, PEER_IP + 1);
    fix_ip(frame);
    dropped(n, DROP_icmp_other);
    consumed(make_icmp(frame, 0, 0x1234, 4, 0, 56)); /* late: to an earlier request */
    assert_int_equal(nif.ping.event, PING_NOTHING);
    assert_int_equal(nif.ping.extra, 1);
}

static void ping__address_changed__ends_it(void **state)
{
    (void)state;
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 0x1234, 5, 56);
    assert_null(configure(US_IP, 24, 0));
    dropped(make_icmp(frame, 0, 0x1234, 5, 0, 56), DROP_icmp_other);
}

static void ping__error_about_it__is_reported_with_its_code(void **state)
{
    (void)state;
    uint32_t n = netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 0x1234, 5, 56);
    uint8_t quote[28];
    memcpy(quote, frame + 14, 28);
    (void)n;
    memcpy(frame + 42, quote, 28);
    memset(frame + 34, 0, 8);
    frame[34] = 3;
    frame[35] = 1;
    n = (uint32_t)make_ip(frame, 1, IP(192, 0, 2, 254), US_IP, 0, 36);
    consumed(n);
    assert_int_equal(nif.ping.event, PING_ERROR);
    assert_int_equal(nif.ping.type, 3);
    assert_int_equal(nif.ping.code, 1);
    assert_int_equal(nif.ping.from, IP(192, 0, 2, 254));
    /* An error about another host's datagram is dropped. */
    memset(frame + 34, 0, 8);
    frame[34] = 11;
    memcpy(frame + 42, quote, 28);
    put32(frame + 42 + 12, PEER_IP);
    n = (uint32_t)make_ip(frame, 1, IP(192, 0, 2, 254), US_IP, 0, 36);
    dropped(n, DROP_icmp_other);
}

static void ping__redirect_about_it__does_not_end_it(void **state)
{
    (void)state;
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 0x1234, 5, 56);
    uint8_t quote[28];
    memcpy(quote, frame + 14, 28);
    for (unsigned code = 0; code < 4; code++) {
        memcpy(frame + 42, quote, 28);
        memset(frame + 34, 0, 8);
        frame[34] = 5;
        frame[35] = (uint8_t)code;
        put32(frame + 38, IP(192, 0, 2, 99));
        consumed(make_ip(frame, 1, IP(192, 0, 2, 254), US_IP, 0, 36));
        assert_int_equal(nif.ping.event, PING_NOTHING);
        assert_int_equal(nif.gateways[0], IP(192, 0, 2, 254));
    }
    consumed(make_icmp(frame, 0, 0x1234, 5, 0, 56));
    assert_int_equal(nif.ping.event, PING_REPLY);
    assert_int_equal(nif.ping.extra, 0);
}

/* netif_error for other callers: app=route reports errors about datagrams that it forwards. */
static void error__unicast_or_group_frame__is_sent_only_for_unicast(void **state)
{
    static const struct icmp_error error = {ICMP_TIME_EXCEEDED, ICMP_TTL_EXCEEDED, 0};
    (void)state;
    make_udp(frame, 4000, 5000, 0, 20);
    put32(frame + 30, IP(198, 51, 100, 9));
    fix_ip(frame);
    out_n = 0;
    assert_true(netif_error(&nif, frame, 48, error));
    assert_int_equal(out_n, 1);
    assert_null(fault_of(out[0], out_bytes[0]));
    assert_memory_equal(out[0], PEER_MAC, 6);
    assert_int_equal(get32(out[0] + 30), PEER_IP);
    assert_int_equal(get16(out[0] + 34), 11 << 8);
    assert_memory_equal(out[0] + 42, frame + 14, 48);
    memcpy(frame, "\x01\x00\x5E\x00\x00\x01", 6);
    assert_false(netif_error(&nif, frame, 48, error));
    memcpy(frame, ALL_MAC, 6);
    assert_false(netif_error(&nif, frame, 48, error));
    assert_int_equal(out_n, 1);
    memcpy(frame, US_MAC, 6);
    for (unsigned i = 0; i < ICMP_BURST + 10; i++, out_n = 0)
        (void)netif_error(&nif, frame, 48, error);
    assert_false(netif_error(&nif, frame, 48, error));
    assert_int_equal(out_n, 0); /* the rate limit */
    nif.send = NULL;
    nif.now_ns += SECOND;
    assert_false(netif_error(&nif, frame, 48, error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arp__other_host_with_our_address__is_counted_and_defended_at_intervals),
        TEST(link_up__no_conflict__sends_three_probes_and_two_announcements),
        TEST(probes_first__during_the_probes__address_is_not_used),
        TEST(probes_first__other_host_probes_too__is_a_conflict),
        TEST(probe__address_in_use__is_not_used_until_free),
        TEST(resolve__address_alone__gateways_on_the_link_are_the_only_neighbours),
        TEST(configure__static_neighbours__stay_where_they_are_on_the_link),
        TEST(resolve__neighbour_gateway_or_neither__gives_its_state),
        TEST(arp__reply_for_another_host__is_ignored),
        TEST(arp__neighbour_claims_another_address__is_asked),
        TEST(ping__each_size__is_valid_and_its_reply_is_accepted_once),
        TEST(ping__replies_without_a_request__are_dropped),
        TEST(ping__address_changed__ends_it),
        TEST(ping__error_about_it__is_reported_with_its_code),
        TEST(ping__redirect_about_it__does_not_end_it),
        TEST(error__unicast_or_group_frame__is_sent_only_for_unicast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
