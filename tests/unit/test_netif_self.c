/* SPDX-License-Identifier: BSD-2-Clause
 * net/netif.c, what the stack of one port sends of itself: announcements, and the defence of our
 * address; requests for neighbours and the gateway, and claims that nobody asked for; our own pings
 * and what comes back.
 *
 * links: net/netif.c net/arp.c net/ip.c net/icmp.c net/udp.c net/csum.c
 */
#include "tests/unit/netif_host.h"

static void arp__somebody_with_our_address__is_noticed_and_defended_now_and_then(void **state)
{
    (void)state;
    uint64_t t = 200 * SECOND;
    assert_int_equal(netif_poll(&nif, t, frame), 60); /* the second announcement, by now due */
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
    /* Again at once, by reply: counted, not defended. Ten seconds later: defended. */
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, US_IP, US_MAC, US_IP));
    assert_int_equal(netif_poll(&nif, t + NETIF_DEFEND_GAP_NS - 1, frame), 0);
    assert_int_equal(nif.conflicts, 2);
    assert_int_equal(netif_poll(&nif, t + NETIF_DEFEND_GAP_NS, frame), 0);
    consumed(make_arp(frame, 2, US_MAC, PEER_MAC, US_IP, US_MAC, US_IP));
    assert_int_equal(netif_poll(&nif, t + NETIF_DEFEND_GAP_NS, frame), 60);
    /* Our own announcement coming back is no conflict. */
    consumed(make_arp(frame, 1, ALL_MAC, US_MAC, US_IP, "\0\0\0\0\0\0", US_IP));
    assert_int_equal(nif.conflicts, 3);
}

static void announce__link_up__twice_two_seconds_apart(void **state)
{
    (void)state;
    uint64_t t = 300 * SECOND;
    while (netif_poll(&nif, t, frame) != 0)
        ;
    netif_link_up(&nif);
    assert_int_equal(netif_poll(&nif, t, frame), 60);
    assert_int_equal(get32(frame + 38), US_IP);
    assert_int_equal(netif_poll(&nif, t + 2 * SECOND - 1, frame), 0);
    assert_int_equal(netif_poll(&nif, t + 2 * SECOND, frame), 60);
    assert_int_equal(netif_poll(&nif, t + 100 * SECOND, frame), 0);
}

static void resolve__neighbour_gateway_or_nowhere(void **state)
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
    /* Poison does not help: from another than the one asked for. */
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

/* Look a neighbour up and let it answer. */
static void learn(uint32_t ip, const char *its_mac, uint64_t t)
{
    uint8_t mac[6];
    assert_int_equal(netif_resolve(&nif, ip, mac), NETIF_ASKING);
    while (netif_poll(&nif, t, frame) != 0)
        ;
    consumed(make_arp(frame, 2, US_MAC, its_mac, ip, US_MAC, US_IP));
    assert_int_equal(netif_resolve(&nif, ip, mac), NETIF_READY);
}

static void arp__reply_for_somebody_else__is_not_taken(void **state)
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

/* A neighbour moves to another MAC address and says so in each of the ways there are. We keep what
 * we know and ask; the answer decides. */
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
        {2, US_MAC, US_IP},      /* reply that nobody asked for */
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

/* Turn the echo that we made into what the peer would send back. */
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

static void ping__each_size__is_a_right_frame_and_its_reply_is_taken_once(void **state)
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

static void ping__replies_to_nothing_of_ours__are_dropped(void **state)
{
    (void)state;
    dropped(make_icmp(frame, 0, 0x1234, 5, 0, 56), DROP_icmp_unasked); /* no ping is out */
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 0x1234, 5, 56);
    dropped(make_icmp(frame, 0, 0x1235, 5, 0, 56), DROP_icmp_unasked);
    size_t n = make_icmp(frame, 0, 0x1234, 5, 0, 56);
    put32(frame + 26, PEER_IP + 1);
    fix_ip(frame);
    dropped(n, DROP_icmp_unasked);
    consumed(make_icmp(frame, 0, 0x1234, 4, 0, 56)); /* late: to an earlier one */
    assert_int_equal(nif.ping.event, PING_NOTHING);
    assert_int_equal(nif.ping.extra, 1);
}

static void ping__new_addresses__end_it(void **state)
{
    (void)state;
    netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 0x1234, 5, 56);
    assert_null(configure(US_IP, 24, 0));
    dropped(make_icmp(frame, 0, 0x1234, 5, 0, 56), DROP_icmp_unasked);
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
    /* About somebody else's: not ours to look at. */
    memset(frame + 34, 0, 8);
    frame[34] = 11;
    memcpy(frame + 42, quote, 28);
    put32(frame + 42 + 12, PEER_IP);
    n = (uint32_t)make_ip(frame, 1, IP(192, 0, 2, 254), US_IP, 0, 36);
    dropped(n, DROP_icmp_unasked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arp__somebody_with_our_address__is_noticed_and_defended_now_and_then),
        TEST(announce__link_up__twice_two_seconds_apart),
        TEST(resolve__neighbour_gateway_or_nowhere),
        TEST(arp__reply_for_somebody_else__is_not_taken),
        TEST(arp__neighbour_claims_another_address__is_asked),
        TEST(ping__each_size__is_a_right_frame_and_its_reply_is_taken_once),
        TEST(ping__replies_to_nothing_of_ours__are_dropped),
        TEST(ping__new_addresses__end_it),
        TEST(ping__error_about_it__is_reported_with_its_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
