/* SPDX-License-Identifier: BSD-2-Clause
 * The whole of app=route: driver, model, lanes, fast and slow path. The fast path must do exactly
 * what the slow path does: each frame goes through the lane, and a copy of it to router_input; the
 * same frames must leave by the same ports. Covers:
 *  - every length, padding and bytes after the datagram, to each kind of destination;
 *  - every byte of the headers at its boundary values, checksum stale or right;
 *  - every pair of header bytes at their extremes, checksum right;
 *  - a tag of VLAN 0, which changes nothing, and other tags, which are not ours;
 *  - every header checksum, with each TTL that matters;
 *  - forwarded frames, byte by byte: by the lane, by another port, back by the input port;
 *  - fragments for one port's address that came in by another port: answers and errors leave by the
 *    port where the first one came in, whichever port's core notices that their time is over;
 *  - neighbours: frames wait for ARP; lost replies stop nothing; a neighbour that is gone is removed;
 *    a new MAC address is used. Many neighbours: test_neighbours.c.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/route.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "tests/unit/net/router_host.h"

/* ---- The fast path compared with the slow path ---- */

/* Compare two frames, except for the IPv4 identification of those that the router's stacks send, and
 * for the padding of the shortest frames, which the slow path sets to zero. */
static bool is_same(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    uint8_t x[2048], y[2048];

    if (length == 60)
        length = MIN(length, 14u + wire_get16(a + 16));

    memcpy(x, a, length);
    memcpy(y, b, length);
    uint32_t source = wire_get32(x + 26);
    if (source == ports[0].netif->ip || source == ports[1].netif->ip ||
        source == ports[2].netif->ip) {
        memset(x + 18, 0, 2);
        memset(y + 18, 0, 2);
        fix_ip(x);
        fix_ip(y);
    }
    return memcmp(x, y, length) == 0;
}

/* Is it what the counters of the lane and of the ports' stacks say? */
static bool is_fate(struct outcome outcome, const struct lane *before, const struct lane *after,
                    const struct netif *stacks_before)
{
    uint64_t consumed = after->count.consumed - before->count.consumed, drops = 0;

    if (outcome.fate == FATE_SENT)
        return outcome.length != 0;
    for (unsigned i = 0; i < PORTS; i++)
        consumed += ports[i].netif->consumed - stacks_before[i].consumed;
    if (outcome.fate == FATE_CONSUMED)
        return outcome.length == 0 && consumed == 1;
    if (outcome.fate < FATE_DROPPED)
        return false;
    drops = after->count.drops[outcome.fate - FATE_DROPPED] -
            before->count.drops[outcome.fate - FATE_DROPPED];
    for (unsigned i = 0; i < PORTS; i++)
        drops += ports[i].netif->drops[outcome.fate - FATE_DROPPED] -
                 stacks_before[i].drops[outcome.fate - FATE_DROPPED];
    return outcome.length == 0 && drops == 1;
}

static void compare_paths(const uint8_t *frame, uint32_t length, const char *what, int a, int b)
{
    static uint8_t slow[2048], lane_sent[8][2048];
    static uint32_t lane_length[8];
    static unsigned lane_port[8];
    uint32_t wire_length = length < 60 ? 60 : length;
    unsigned n;

    machine_wait_ns(20 * ICMP_GAP_NS); /* the rate limit is not reached, */
    router_end_round(0);               /* and no earlier frame has made a port quiet */
    give(frame, length);
    n = sent_n;
    assert_true(n <= 8);
    for (unsigned i = 0; i < n; i++) {
        lane_port[i] = sent[i].port;
        lane_length[i] = sent[i].length;
        memcpy(lane_sent[i], sent[i].bytes, sent[i].length);
    }
    if (memcmp(frame, ports[0].mac, 6) != 0) {
        assert_int_equal(n, 0); /* another MAC address: the card's filter drops it */
        return;
    }
    sent_n = 0;
    memset(slow, 0, sizeof(slow));
    memcpy(slow, frame, length);
    /* The copy was not received by a card: undo its counts. */
    static struct netif kept[PORTS];
    for (unsigned i = 0; i < PORTS; i++)
        kept[i] = *ports[i].netif;
    struct lane lane = lanes[0];
    const struct outcome outcome = router_input(&lane, slow, wire_length);
    uint32_t out = outcome.length;
    assert_true(is_fate(outcome, &lanes[0], &lane, kept));
    for (unsigned i = 0; i < PORTS; i++) {
        memcpy(ports[i].netif->drops, kept[i].drops, sizeof(kept[i].drops));
        ports[i].netif->consumed = kept[i].consumed;
    }
    rounds();
    if (out != 0)
        keep_sent_frame((void *)(uintptr_t)1, slow, out < 60 ? 60 : out);
    bool same = sent_n == n;
    for (unsigned i = 0; i < n && same; i++)
        same = sent[i].port == lane_port[i] && sent[i].length == lane_length[i] &&
               is_same(sent[i].bytes, lane_sent[i], lane_length[i]);
    if (!same)
        fail_msg("%s, %d, %d, %u bytes: the lane sent %u frames, the slow path %u", what, a, b,
                 length, n, sent_n);
}

static const uint32_t destinations[] = {
    IP(10, 9, 9, 9),        IP(10, 4, 4, 4),  IP(10, 4, 4, 200),    IP(10, 1, 0, 1),
    IP(10, 2, 0, 1),        IP(10, 3, 0, 1),  IP(198, 51, 100, 10), IP(198, 51, 100, 1),
    IP(198, 51, 100, 255),  IP(192, 0, 2, 1), IP(192, 0, 2, 20),    IP(172, 16, 0, 1),
    IP(255, 255, 255, 255), IP(224, 0, 0, 5), IP(240, 0, 0, 1),     IP(127, 0, 0, 1),
    IP(0, 0, 0, 0),
};

static void route__every_length__fast_path_equals_slow_path(void **state)
{
    (void)state;
    uint8_t frame[2048];

    for (unsigned d = 0; d < ARRAY_SIZE(destinations); d++)
        for (uint32_t length = 34; length <= 1514;
             length += length < 100 || length > 1500 ? 1 : 61) {
            make(frame, length, destinations[d], 0);
            compare_paths(frame, length, "length", (int)d, 0);
            for (uint32_t less = 1; less < 60 && 34 + less <= length; less = less * 2 + 1) {
                make(frame, length, destinations[d], 0);
                wire_put16(frame + 16, (uint16_t)(length - 14 - less));
                fix_ip(frame);
                compare_paths(frame, length, "bytes after it", (int)d, (int)less);
            }
        }
}

static const uint8_t extremes[] = {0,    1,    2,    7,    0x0F, 0x40, 0x45, 0x46,
                                   0x7F, 0x80, 0xC0, 0xDF, 0xE0, 0xFE, 0xFF};

/* Pings and datagrams to each port's own address: the answer leaves by the port that received the
 * frame, whether or not that is the lane's output, and is the same the slow way. */
static void route__to_the_router_itself__wide_way_equals_slow_path(void **state)
{
    static const uint32_t ours[] = {IP(192, 0, 2, 1), IP(198, 51, 100, 1)};
    uint8_t frame[2048];
    (void)state;

    for (unsigned to = 0; to < ARRAY_SIZE(ours); to++)
        for (unsigned target = 6; target <= 9; target++) /* 6: a ping; 8: no service */
            for (uint32_t length = 42; length <= 1514; length += length < 120 ? 1 : 73) {
                make(frame, length, ours[to], 0);
                if (target == 6) {
                    frame[23] = IP_ICMP;
                    memset(frame + 34, 0, 2);
                    frame[34] = ICMP_ECHO;
                }
                wire_put16(frame + 36, (uint16_t)target);
                wire_put16(frame + 38, (uint16_t)(length - 34));
                fix_ip(frame);
                fix_payload(frame, sizeof(frame));
                uint64_t answered = ports[to].netif->answered;
                compare_paths(frame, length, "to the router itself", (int)target, (int)to);
                if (target < 8) /* once each way */
                    assert_int_equal(ports[to].netif->answered, answered + 2);
            }
}

static void route__every_header_byte_at_its_bounds__fast_path_equals_slow_path(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {34, 60, 61, 600, 1514};
    uint8_t frame[2048];

    for (unsigned l = 0; l < ARRAY_SIZE(lengths); l++)
        for (unsigned d = 0; d < 5; d++)
            for (unsigned at = 0; at < 42; at++)
                for (unsigned v = 0; v < ARRAY_SIZE(extremes); v++)
                    for (unsigned is_fixed = 0; is_fixed < 2; is_fixed++) {
                        make(frame, lengths[l], destinations[d], 0);
                        frame[at] = extremes[v];
                        if (is_fixed)
                            fix_ip(frame);
                        compare_paths(frame, lengths[l], "byte", (int)at, frame[at]);
                    }
}

static void route__every_pair_of_header_bytes__fast_path_equals_slow_path(void **state)
{
    (void)state;
    static const uint8_t values[] = {0, 1, 0x46, 0xFF};
    uint8_t frame[2048];

    for (unsigned i = 6; i < 34; i++)
        for (unsigned k = i + 1; k < 34; k++)
            for (unsigned v = 0; v < 16; v++) {
                make(frame, 64, destinations[0], 0);
                frame[i] = values[v & 3];
                frame[k] = values[v >> 2];
                fix_ip(frame);
                compare_paths(frame, 64, "pair", (int)i, (int)k);
            }
}

/* Insert a tag; returns the new length. */
static uint32_t tag(uint8_t *frame, uint32_t length, unsigned value)
{
    memmove(frame + 16, frame + 12, length - 12);
    wire_put16(frame + 12, ETH_VLAN);
    wire_put16(frame + 14, (uint16_t)value);
    return length + 4;
}

/* With any priority a frame has the fate that it has without a tag, and what is sent has none. */
static void route__tag_of_vlan_0__changes_nothing(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {34, 60, 61, 600, 1514};
    uint8_t frame[2048];

    for (unsigned d = 0; d < ARRAY_SIZE(destinations); d++)
        for (unsigned l = 0; l < ARRAY_SIZE(lengths); l++)
            for (unsigned priority = 0; priority < 16; priority += l == 1 ? 1 : 5) {
                static uint8_t plain[8][2048];
                uint32_t length[8];
                unsigned port[8], n;

                make(frame, lengths[l], destinations[d], 0);
                machine_wait_ns(20 * ICMP_GAP_NS);
                give(frame, lengths[l]);
                n = sent_n;
                assert_true(n <= 8);
                for (unsigned i = 0; i < n; i++) {
                    port[i] = sent[i].port;
                    length[i] = sent[i].length;
                    memcpy(plain[i], sent[i].bytes, sent[i].length);
                }
                machine_wait_ns(20 * ICMP_GAP_NS);
                give(frame, tag(frame, lengths[l], priority << 12));
                assert_int_equal(sent_n, n);
                for (unsigned i = 0; i < n; i++) {
                    assert_int_equal(sent[i].port, port[i]);
                    assert_int_equal(sent[i].length, length[i]);
                    assert_true(is_same(sent[i].bytes, plain[i], length[i]));
                }
            }
}

static void route__tag_of_a_vlan__is_dropped_as_eth_vlan(void **state)
{
    (void)state;
    static const unsigned tags[] = {1, 2, 0x7FF, 0x800, 0xFFF, 0xE001};
    uint8_t frame[2048];

    for (unsigned d = 0; d < ARRAY_SIZE(destinations); d++)
        for (unsigned t = 0; t < ARRAY_SIZE(tags); t++)
            for (unsigned outer = 0; outer < 2; outer++) {
                uint64_t before = dropped(DROP_eth_vlan);
                make(frame, 100, destinations[d], 0);
                uint32_t length = tag(frame, 100, tags[t]);
                give(frame, outer ? tag(frame, length, 0x4000) : length);
                assert_int_equal(sent_n, 0);
                assert_int_equal(dropped(DROP_eth_vlan), before + 1);
            }
}

static void route__every_checksum__is_updated_correctly(void **state)
{
    (void)state;
    static const uint8_t ttls[] = {2, 64, 255};
    uint8_t frame[2048];

    for (unsigned t = 0; t < ARRAY_SIZE(ttls); t++)
        for (uint32_t id = 0; id <= 0xFFFF; id += t == 1 ? 1 : 97) {
            make(frame, 60, destinations[0], 0);
            frame[22] = ttls[t];
            wire_put16(frame + 18, (uint16_t)id);
            fix_ip(frame);
            give(frame, 60);
            is_forwarded(frame, 60, 1, IP(198, 51, 100, 10));
        }
    /* A checksum of all ones also stands for 0, and is right too. */
    make(frame, 60, destinations[0], 0);
    for (uint32_t id = 0; id <= 0xFFFF && wire_get16(frame + 24) != 0; id++) {
        wire_put16(frame + 18, (uint16_t)id);
        fix_ip(frame);
    }
    assert_int_equal(wire_get16(frame + 24), 0);
    wire_put16(frame + 24, 0xFFFF);
    give(frame, 60);
    assert_int_equal(sent_n, 1);
    assert_int_equal(slow_check(sent[0].bytes + 14, 20), 0);
}

/* ---- Forwarded frames ---- */

static void route__each_route__output_is_exact(void **state)
{
    (void)state;
    static const struct {
        uint32_t dst;
        unsigned port;
        uint32_t next;
    } ways[] = {
        {IP(10, 9, 9, 9), 1, IP(198, 51, 100, 10)},
        {IP(10, 4, 4, 127), 1, IP(198, 51, 100, 11)}, /* /25 */
        {IP(10, 4, 4, 128), 1, IP(198, 51, 100, 10)},
        {IP(10, 2, 0, 1), 2, IP(203, 0, 113, 10)}, /* another port */
    };
    uint8_t frame[2048];

    for (unsigned i = 0; i < ARRAY_SIZE(ways); i++)
        for (uint32_t length = 34; length < 500; length += 29) {
            make(frame, length, ways[i].dst, 0);
            give(frame, length);
            is_forwarded(frame, length, ways[i].port, ways[i].next);
        }
    struct ledger ledger = ledger_read();
    assert_int_equal(ledger.dropped, 0);
}

static void route__datagram_shorter_than_frame__rest_is_left_out(void **state)
{
    (void)state;
    uint8_t frame[2048];

    make(frame, 200, destinations[0], 0);
    wire_put16(frame + 16, 100);
    fix_ip(frame);
    give(frame, 200);
    is_forwarded(frame, 114, 1, IP(198, 51, 100, 10));
}

static void route__shortest_frame_with_padding__is_fast(void **state)
{
    (void)state;
    uint8_t frame[2048];

    for (uint32_t total = 20; total <= 46; total++) {
        make(frame, 60, destinations[0], 0);
        wire_put16(frame + 16, (uint16_t)total);
        fix_ip(frame);
        give(frame, 60);
        is_forwarded(frame, 60, 1, IP(198, 51, 100, 10)); /* including its padding, unchanged */
    }
}

static void route__from_a_port_without_partner__uses_side_queues(void **state)
{
    (void)state;
    uint8_t frame[2048];

    make(frame, 100, IP(10, 9, 9, 9), 0);
    memcpy(frame, ports[2].mac, 6);
    wire_put32(frame + 26, IP(203, 0, 113, 10));
    fix_ip(frame);
    give_by(2, frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
}

/* Make a fragment of 24 bytes from the neighbour .10 of `port` to port 1's address. */
static void make_fragment(uint8_t *frame, unsigned port, uint16_t id, uint16_t word)
{
    uint32_t from = ports[port].netif->ip + 9;

    make(frame, 34 + 24, IP(198, 51, 100, 1), 0);
    memcpy(frame, ports[port].mac, 6);
    mac_of(port, from, frame + 6);
    wire_put32(frame + 26, from);
    wire_put16(frame + 18, id);
    wire_put16(frame + 20, word);
    fix_ip(frame);
}

/* The only frame sent is the error to the host on port 0 that reassembly of `first` timed out. */
static void assert_timeout_error_by_port_0(const uint8_t *first)
{
    assert_int_equal(sent_n, 1);
    assert_int_equal(sent[0].port, 0);
    assert_memory_equal(sent[0].bytes, first + 6, 6);
    assert_memory_equal(sent[0].bytes + 6, ports[0].mac, 6);
    assert_int_equal(wire_get32(sent[0].bytes + 30), HOST_IP);
    assert_int_equal(sent[0].bytes[34], ICMP_TIME_EXCEEDED);
    assert_int_equal(sent[0].bytes[35], ICMP_REASSEMBLY_EXCEEDED);
    assert_memory_equal(sent[0].bytes + 42, first + 14, 44);
}

static void route__fragments_via_another_port__are_answered_by_the_first_ones_port(void **state)
{
    (void)state;
    uint8_t first[128], other[128];

    /* The service notices that their time is over. */
    make_fragment(first, 0, 1, 0x2000);
    give(first, 58);
    assert_int_equal(sent_n, 0);
    pass(REASS_NS + SECOND);
    assert_timeout_error_by_port_0(first);

    /* Or a fragment to the same address, by a third port, notices it. */
    give(first, 58);
    machine_wait_ns(REASS_NS + SECOND);
    make_fragment(other, 2, 2, 0x2000);
    give_by(2, other, 58);
    assert_timeout_error_by_port_0(first);

    /* The last one comes by a third port, from the same sender; the whole has an unknown
     * protocol. */
    give(first, 58);
    memcpy(other, first, 58);
    memcpy(other, ports[2].mac, 6);
    wire_put16(other + 20, 3);
    fix_ip(other);
    give_by(2, other, 58);
    assert_int_equal(sent_n, 0); /* as UDP, its checksum is wrong */
    first[23] = other[23] = 99;
    fix_ip(first);
    fix_ip(other);
    give(first, 58);
    give_by(2, other, 58);
    assert_int_equal(sent_n, 1);
    assert_int_equal(sent[0].port, 0);
    assert_int_equal(sent[0].bytes[35], ICMP_PROTOCOL_UNREACHABLE);
    assert_memory_equal(sent[0].bytes, first + 6, 6);
}

static void route__output_without_link__is_reported_and_others_work(void **state)
{
    (void)state;
    uint8_t frame[2048];

    x540_set_cable(machine_cards[1].model, false);
    pass(SECOND);
    make(frame, 100, IP(10, 9, 9, 9), 0);
    give(frame, 100);
    assert_int_equal(sent_n, 1);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
    assert_int_equal(dropped(DROP_tx_no_link), 1);
    make(frame, 100, IP(10, 2, 0, 1), 0);
    give(frame, 100);
    is_forwarded(frame, 100, 2, IP(203, 0, 113, 10));
    x540_set_cable(machine_cards[1].model, true);
    pass(3 * SECOND);
    make(frame, 100, IP(10, 9, 9, 9), 0);
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
}

/* ---- Neighbours ---- */

static void route__host_of_a_net__waits_for_arp_then_takes_the_fast_path(void **state)
{
    (void)state;
    uint8_t frame[2048];

    make(frame, 100, IP(198, 51, 100, 30), 0);
    assert_int_equal(route_hop_of(route_entry(routes.table, IP(198, 51, 100, 30))),
                     ROUTE_PORT_HOPS + HOP_LINK);
    give(frame, 100); /* the ARP reply comes in the same rounds */
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 30));
    assert_true(hop_kind(route_hop_of(route_entry(routes.table, IP(198, 51, 100, 30)))) ==
                HOP_FIRST);
    uint64_t consumed = lanes[0].count.consumed;
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 30));
    assert_int_equal(lanes[0].count.consumed, consumed); /* the fast path */
}

static void route__lost_arp_replies__stop_no_traffic(void **state)
{
    (void)state;
    uint8_t frame[2048];

    pass(50 * SECOND);
    neighbours_are_silent = true; /* their replies are lost */
    for (unsigned i = 0; i < 300; i++) {
        pass(SECOND);
        make(frame, 100, IP(10, 9, 9, 9), 0);
        give(frame, 100);
        is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
    }
    assert_int_equal(lanes[0].count.consumed, 0); /* all by the fast path */
    struct ledger ledger = ledger_read();
    assert_int_equal(ledger.dropped, 0);
}

static void route__host_that_is_gone__is_removed(void **state)
{
    (void)state;
    const uint32_t host = IP(198, 51, 100, 30);
    uint8_t frame[2048];

    make(frame, 100, host, 0);
    give(frame, 100);
    assert_int_equal(hop_kind(route_hop_of(route_entry(routes.table, host))), HOP_FIRST);
    pass(59 * SECOND);
    neighbours_are_silent = true;
    pass(500 * SECOND);
    assert_int_equal(hop_kind(route_hop_of(route_entry(routes.table, host))), HOP_FIRST);
    pass(120 * SECOND);
    assert_int_equal(hop_kind(route_hop_of(route_entry(routes.table, host))), HOP_LINK);
    assert_int_equal(hops_find(&ports[1], host), 0);
    /* Its next hop can be reused. */
    assert_false(hops_have_retired());
}

static void route__neighbour_moves__its_new_address_is_used(void **state)
{
    (void)state;
    uint8_t frame[2048], mac[6] = {2, 9, 9, 9, 9, 9};
    struct netif *nif = ports[1].netif;
    enum arp_state arp;

    neighbours_are_silent = true; /* the test answers instead */
    /* A request is sent when the entry is a minute old. */
    unsigned tenths = 0;
    while (!arp_answer(&nif->arp, IP(198, 51, 100, 10), mac, machine_now_ns())) {
        assert_true(tenths++ < 700);
        pass(SECOND / 10);
    }
    pass(SECOND / 10);
    make(frame, 100, IP(10, 9, 9, 9), 0);
    give(frame, 100);
    assert_int_equal(sent_n, 1);
    assert_memory_equal(sent[0].bytes, mac, 6);
    /* The entry has expired: frames wait again, and a request is sent. */
    pass(700 * SECOND);
    assert_false(arp_lookup(&nif->arp, IP(198, 51, 100, 10), machine_now_ns(), mac, &arp));
    give(frame, 100);
    assert_int_equal(sent_n, 0);
    assert_int_equal(router_waiting(), 1);
    neighbours_are_silent = false;
    sent_n = 0;
    pass(10 * SECOND);
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
}

static void route__next_hop_given_up_by_an_unfinished_change__is_not_reused(void **state)
{
    (void)state;
    struct route_line line = {.via = ROUTE_VIA_GATEWAY, .gateway = IP(198, 51, 100, 99)};
    uint8_t frame[2048];

    assert_null(hops_clear(IP(10, 5, 0, 0), 16)); /* only the default route uses .99 */
    routes_work(&routes, ~0u);
    pass(SECOND);
    assert_null(hops_route(&line));
    routes_work(&routes, ~0u);
    line.gateway = IP(198, 51, 100, 10);
    assert_null(hops_route(&line));
    assert_false(routes_work(&routes, 1 << 17)); /* one slice: 200.1.1.1 still leads to .99 */
    while (router_service(machine_now_ns()))
        ;
    make(frame, 100, IP(198, 51, 100, 30), 0); /* a new host */
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 30));
    make(frame, 100, IP(200, 1, 1, 1), 0);
    give(frame, 100);
    if (sent_n == 1)
        assert_memory_not_equal(sent[0].bytes, "\x02\x00\x00\x00\x01\x1e", 6);
    assert_true(hops_have_retired());
    assert_true(routes_work(&routes, ~0u));
    while (router_service(machine_now_ns()))
        ;
    assert_false(hops_have_retired());
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(route__every_length__fast_path_equals_slow_path),
        TEST(route__to_the_router_itself__wide_way_equals_slow_path),
        TEST(route__every_header_byte_at_its_bounds__fast_path_equals_slow_path),
        TEST(route__every_pair_of_header_bytes__fast_path_equals_slow_path),
        TEST(route__tag_of_vlan_0__changes_nothing),
        TEST(route__tag_of_a_vlan__is_dropped_as_eth_vlan),
        TEST(route__every_checksum__is_updated_correctly),
        TEST(route__each_route__output_is_exact),
        TEST(route__datagram_shorter_than_frame__rest_is_left_out),
        TEST(route__shortest_frame_with_padding__is_fast),
        TEST(route__from_a_port_without_partner__uses_side_queues),
        TEST(route__fragments_via_another_port__are_answered_by_the_first_ones_port),
        TEST(route__output_without_link__is_reported_and_others_work),
        TEST(route__host_of_a_net__waits_for_arp_then_takes_the_fast_path),
        TEST(route__lost_arp_replies__stop_no_traffic),
        TEST(route__host_that_is_gone__is_removed),
        TEST(route__neighbour_moves__its_new_address_is_used),
        TEST(route__next_hop_given_up_by_an_unfinished_change__is_not_reused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
