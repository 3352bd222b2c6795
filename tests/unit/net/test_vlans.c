/* SPDX-License-Identifier: BSD-2-Clause
 * app=route with addresses in VLANs:
 *
 *     port0      192.0.2.1/24, untagged      port0.10  10.0.10.1/24     port0.20  10.0.20.1/24, MTU 576
 *     port1      none                        port1.30  10.0.30.1/24
 *
 * Hosts .10 and .20 of each net answer ARP, in its VLAN only. Covers:
 *  - each net to each other, and back to itself: port, tag, MAC addresses, every byte;
 *  - frames without a tag, with another VLAN's, with two: dropped as eth_vlan;
 *  - a tag of VLAN 0 before that of a VLAN;
 *  - ARP: answered in the VLAN that asks, asked for in the VLAN of the address;
 *  - the router's addresses, errors and fragments: sent with the tag of the VLAN they go to;
 *  - routes by a gateway in a VLAN and by a VLAN's port; gateways that are moved;
 *  - which ports can be added.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/route.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "net/lane/lane_control.h"
#include "net/lane/ledger.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/stack/netif.h"
#include "net/lane/vlans.h"
#include "tests/unit/frames.h"
#include "tests/unit/net/loop_host.h"

extern const struct app app_route;
extern uint64_t tsc_now_ns(void);

#define SECOND 1000000000ull
#define HOST   10u /* the last byte of the first host's address */

enum { NETS = 4, FRAMES = 16 };

static const struct {
    unsigned card, vlan, mtu;
    uint32_t ip;
} nets[NETS] = {
    {0, 0, 1500, IP(192, 0, 2, 1)},
    {0, 10, 1500, IP(10, 0, 10, 1)},
    {0, 20, 576, IP(10, 0, 20, 1)},
    {1, 30, 1500, IP(10, 0, 30, 1)},
};

/* The frames that the cards sent, without their tags, except ARP requests, which are answered. */
static struct {
    unsigned card, vlan;
    uint32_t length;
    uint8_t bytes[2048];
} sent[FRAMES];
static unsigned sent_n;
static struct {
    unsigned card;
    uint32_t length;
    uint8_t bytes[64];
} replies[16];
static unsigned replies_n;

static uint32_t net_of(unsigned net)
{
    return nets[net].ip & 0xFFFFFF00;
}

static void mac_of(uint32_t ip, uint8_t *mac)
{
    memcpy(mac, "\x02\x00", 2);
    wire_put32(mac + 2, ip);
}

/* Insert the tag of a VLAN, if it is not 0; returns the new length. */
static uint32_t tag(uint8_t *frame, uint32_t length, unsigned value)
{
    if (value == 0)
        return length;
    memmove(frame + 16, frame + 12, length - 12);
    wire_put16(frame + 12, ETH_VLAN);
    wire_put16(frame + 14, (uint16_t)value);
    return length + 4;
}

static void answer_arp(unsigned card, unsigned vlan, const uint8_t *frame)
{
    uint32_t ip = wire_get32(frame + 38);
    struct arp_packet reply = {
        .op = ARP_REPLY, .sender_ip = ip, .target_ip = wire_get32(frame + 28)};

    for (unsigned i = 0; i < NETS; i++)
        if (nets[i].card == card && nets[i].vlan == vlan &&
            (ip == net_of(i) + HOST || ip == net_of(i) + 20)) {
            mac_of(ip, reply.sender_mac);
            memcpy(reply.target_mac, frame + 6, 6);
            assert_true(replies_n < ARRAY_SIZE(replies));
            replies[replies_n].card = card;
            (void)arp_build(replies[replies_n].bytes, frame + 6, &reply);
            replies[replies_n].length = tag(replies[replies_n].bytes, 60, vlan);
            replies_n++;
        }
}

static void keep_sent_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    unsigned card = (unsigned)(uintptr_t)opaque;
    uint8_t bytes[2048];

    assert_true(length >= 60 && length <= 1518);
    memcpy(bytes, frame, length);
    unsigned vlan = vlan_untag(bytes, &length);
    if (wire_get16(bytes + 12) == ETH_ARP && bytes[21] == 1) {
        answer_arp(card, vlan, bytes);
        return;
    }
    assert_true(sent_n < FRAMES);
    sent[sent_n].card = card;
    sent[sent_n].vlan = vlan;
    sent[sent_n].length = length;
    memcpy(sent[sent_n++].bytes, bytes, length);
}

static void rounds(void)
{
    for (;;) {
        while (poll_once() != 0)
            ;
        if (replies_n == 0)
            return;
        replies_n--;
        machine_frame_in(replies[replies_n].card, replies[replies_n].bytes,
                         replies[replies_n].length);
    }
}

static void pass(uint64_t ns)
{
    for (uint64_t t = 0; t < ns; t += SECOND / 10) {
        machine_wait_ns(SECOND / 10);
        run_service(machine_now_ns());
        rounds();
    }
}

static void send_by_side(void *context, const uint8_t *frame, uint32_t length)
{
    (void)side_send(context, frame, length);
}

static struct port *port_of(unsigned net)
{
    return vlan_find(&ports[nets[net].card], nets[net].vlan);
}

static int start(void **state)
{
    static struct netif netifs[NETS][QUEUES_MAX];
    static struct reass reasses[NETS];

    (void)state;
    memset(netifs, 0, sizeof(netifs));
    memset(reasses, 0, sizeof(reasses));
    lanes_cores = 1;
    replies_n = 0;
    start_ports(2);
    for (unsigned i = 0; i < NETS; i++) {
        if (nets[i].vlan != 0)
            assert_non_null(vlan_add(&ports[nets[i].card], nets[i].vlan));
        struct port *port = port_of(i);
        port->mtu = nets[i].mtu;
        port->netif = netifs[i];
        netifs[i][0].clock = tsc_now_ns;
        netifs[i][0].reass = &reasses[i];
        netifs[i][0].send = send_by_side;
        netifs[i][0].send_context = port;
        netifs[i][0].mtu = (uint16_t)nets[i].mtu;
        assert_null(netif_configure(port->netif, port->mac, nets[i].ip, 24, (uint32_t[2]){0}));
    }
    for (unsigned i = 0; i < 2; i++) {
        machine_cards[i].on_frame = keep_sent_frame;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
    }
    machine_module = "172.16.0.0/16 10.0.20.20\n172.17.0.0/16 port1.30\n172.18.0.0/16 port0.11\n"
                     "172.19.0.0/16 192.0.2.20\n";
    run_start_app(&app_route);
    pass(10 * SECOND);
    assert_true(ports[0].link_is_up && ports[1].link_is_up);
    sent_n = 0;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    struct ledger ledger = ledger_read();
    bool is_good = ledger.is_balanced && machine_complaints() == 0;

    machine_module = NULL;
    return is_good ? 0 : -1;
}

/* ---- Frames ---- */

/* An untagged UDP datagram, a frame of `length` bytes, from the first host of a net. */
static void make(uint8_t *f, uint32_t length, unsigned from, uint32_t dst)
{
    for (uint32_t i = 0; i < length; i++)
        f[i] = (uint8_t)(i * 13 + 1);
    memcpy(f, port_of(from)->mac, 6);
    mac_of(net_of(from) + HOST, f + 6);
    wire_put16(f + 12, ETH_IPV4);
    f[14] = 0x45;
    f[15] = 0;
    wire_put16(f + 16, (uint16_t)(length - 14));
    wire_put32(f + 18, 0x12340000);
    f[22] = 64;
    f[23] = 17;
    wire_put32(f + 26, net_of(from) + HOST);
    wire_put32(f + 30, dst);
    fix_ip(f);
}

/* Input a copy of the frame with this tag, 0 for none. */
static void give(unsigned card, unsigned value, const uint8_t *frame, uint32_t length)
{
    uint8_t tagged[2048];

    memcpy(tagged, frame, length);
    sent_n = 0;
    machine_wait_ns(20 * ICMP_GAP_NS);
    machine_frame_in(card, tagged, tag(tagged, length, value));
    rounds();
}

static void is_sent_to(unsigned i, unsigned net, uint32_t length)
{
    assert_true(i < sent_n);
    assert_int_equal(sent[i].card, nets[net].card);
    assert_int_equal(sent[i].vlan, nets[net].vlan);
    assert_int_equal(sent[i].length, length);
}

static uint64_t dropped(enum drop why)
{
    return ledger_read().drops[why];
}

/* ---- Tests ---- */

static void is_forwarded(const uint8_t *frame, uint32_t length, unsigned to, uint32_t next)
{
    uint8_t expected[2048];

    memcpy(expected, frame, length);
    mac_of(next, expected);
    memcpy(expected + 6, port_of(to)->mac, 6);
    expected[22]--;
    fix_ip(expected);
    assert_int_equal(sent_n, 1);
    is_sent_to(0, to, length);
    assert_memory_equal(sent[0].bytes, expected, length);
}

static void vlans__each_net_to_each_other__is_forwarded_with_the_outputs_tag(void **state)
{
    uint8_t frame[2048];
    (void)state;

    for (unsigned from = 0; from < NETS; from++)
        for (unsigned to = 0; to < NETS; to++)
            for (uint32_t length = 60; to != from && length <= nets[to].mtu + 14;
                 length += length < 70 || length > 1500 ? 1 : 43) {
                make(frame, length, from, net_of(to) + 20);
                give(nets[from].card, nets[from].vlan, frame, length);
                is_forwarded(frame, length, to, net_of(to) + 20);
            }
}

static void vlans__back_to_the_same_net__is_forwarded_with_a_redirect(void **state)
{
    uint8_t frame[2048];
    (void)state;

    for (unsigned net = 0; net < NETS; net++) {
        make(frame, 100, net, net_of(net) + 20);
        give(nets[net].card, nets[net].vlan, frame, 100);
        assert_int_equal(sent_n, 2);
        for (unsigned i = 0; i < 2; i++) {
            bool is_redirect = sent[i].bytes[23] == 1;
            is_sent_to(i, net, is_redirect ? 14 + 28 + 86 : 100);
            assert_true(!is_redirect || sent[i].bytes[34] == ICMP_REDIRECT);
            assert_int_equal(sent[i].bytes[22], is_redirect ? 64 : 63);
        }
    }
}

/* Beyond the limit of errors frames go without a redirect, for a time that ends. */
static void vlans__redirects_beyond_the_limit__are_left_out_for_a_time(void **state)
{
    uint8_t frame[2048];
    (void)state;

    make(frame, 100, 1, net_of(1) + 20);
    give(0, 10, frame, 100); /* its neighbour is known: no frame waits */
    uint32_t length = tag(frame, 100, 10);
    for (unsigned i = 0; i < 2 * ICMP_BURST; i++) {
        sent_n = 0;
        machine_frame_in(0, frame, length);
        rounds();
    }
    assert_int_equal(sent_n, 1);
    assert_int_equal(router_quiet[0].n, 1);
    machine_wait_ns(2 * ROUTER_QUIET_NS);
    sent_n = 0;
    machine_frame_in(0, frame, length);
    rounds();
    assert_int_equal(sent_n, 2);
    assert_int_equal(router_quiet[0].n, 0);
}

static void vlans__other_tags_and_none__are_dropped_as_eth_vlan(void **state)
{
    uint8_t frame[2048];
    (void)state;

    make(frame, 200, 3, net_of(0) + 20); /* its neighbour is known: no frame waits */
    give(1, 30, frame, 200);
    is_forwarded(frame, 200, 0, net_of(0) + 20);
    for (unsigned card = 0; card < 2; card++)
        for (unsigned value = 0; value < 65536; value += value < 64 ? 1 : 61)
            for (unsigned kind = 0; kind < 4; kind++) {
                unsigned outer = kind & 1, vlan = value & 0xFFF, net = NETS;
                for (unsigned i = 0; i < NETS; i++)
                    if (nets[i].card == card && nets[i].vlan == vlan)
                        net = i;
                /* Of two tags the outer has to be of VLAN 0, the inner of another. */
                bool is_ours = net < NETS && !(outer && vlan == 0);
                unsigned to = card == 0 ? 3 : 0;
                uint64_t before = dropped(DROP_eth_vlan);
                make(frame, 200, net < NETS ? net : to,
                     card == 0 ? net_of(to) + 20 : IP(172, 19, 0, 1));
                memcpy(frame, ports[card].mac, 6);
                if (kind & 2) /* a source that takes the wide way */
                    wire_put32(frame + 26, IP(77, 0, 0, 1));
                fix_ip(frame);
                uint8_t tagged[2048];
                memcpy(tagged, frame, 200);
                uint32_t length = 200;
                if (value != 0 || outer) {
                    memmove(tagged + 16, tagged + 12, 188);
                    wire_put16(tagged + 12, ETH_VLAN);
                    wire_put16(tagged + 14, (uint16_t)value);
                    length = 204;
                }
                give(card, outer ? 0xE000 : 0, tagged, length);
                assert_int_equal(dropped(DROP_eth_vlan) - before, !is_ours);
                if (is_ours)
                    is_forwarded(frame, 200, to, net_of(to) + 20);
                else
                    assert_int_equal(sent_n, 0);
            }
}

static void vlans__a_vlans_tag_outside_another__is_not_looked_below(void **state)
{
    uint8_t frame[2048];
    (void)state;

    make(frame, 200, 1, net_of(3) + 20);
    uint32_t length = tag(frame, 200, 20);
    give(0, 10, frame, length);
    assert_int_equal(sent_n, 0);
    assert_int_equal(dropped(DROP_eth_vlan) + dropped(DROP_eth_other), 1);
}

static void vlans__arp__is_answered_in_the_vlan_that_asks(void **state)
{
    uint8_t frame[60];
    (void)state;

    for (unsigned net = 0; net < NETS; net++)
        for (unsigned about = 0; about < NETS; about++) {
            struct arp_packet request = {
                .op = ARP_REQUEST, .sender_ip = net_of(net) + 77, .target_ip = nets[about].ip};
            mac_of(net_of(net) + 77, request.sender_mac);
            (void)arp_build(frame, (const uint8_t *)"\xFF\xFF\xFF\xFF\xFF\xFF", &request);
            give(nets[net].card, nets[net].vlan, frame, 60);
            assert_int_equal(sent_n, net == about);
            if (net != about)
                continue;
            is_sent_to(0, net, 60);
            assert_memory_equal(sent[0].bytes, request.sender_mac, 6);
            assert_memory_equal(sent[0].bytes + 6, port_of(net)->mac, 6);
            assert_int_equal(wire_get32(sent[0].bytes + 28), nets[net].ip);
        }
}

static void vlans__pings_of_each_address__are_answered_where_they_came_from(void **state)
{
    uint8_t frame[2048];
    (void)state;

    for (unsigned from = 0; from < NETS; from++)
        for (unsigned about = 0; about < NETS; about++) {
            make(frame, 98, from, nets[about].ip);
            frame[23] = 1;
            memcpy(frame + 34, "\x08\x00\x00\x00\x00\x01\x00\x01", 8);
            wire_put16(frame + 36, slow_check(frame + 34, 64));
            fix_ip(frame);
            give(nets[from].card, nets[from].vlan, frame, 98);
            assert_int_equal(sent_n, 1);
            is_sent_to(0, from, 98);
            assert_memory_equal(sent[0].bytes, frame + 6, 6);
            assert_int_equal(sent[0].bytes[34], 0);
            assert_int_equal(wire_get32(sent[0].bytes + 26), nets[about].ip);
        }
}

static void vlans__errors__have_the_tag_and_address_of_the_senders_vlan(void **state)
{
    uint8_t frame[2048];
    (void)state;

    for (unsigned from = 0; from < NETS; from++)
        for (unsigned what = 0; what < 3; what++) {
            static const uint16_t types[] = {0x0B00, 0x0300, 0x0304};
            make(frame, 700, from, what == 1 ? IP(8, 8, 8, 8) : net_of(2) + 20);
            if (what == 2 && from == 2)
                continue; /* it is that net */
            if (what == 0)
                frame[22] = 1;
            frame[20] = 0x40;
            fix_ip(frame);
            give(nets[from].card, nets[from].vlan, frame, 700);
            assert_int_equal(sent_n, 1);
            is_sent_to(0, from, 14 + MIN(576u, nets[from].mtu));
            assert_memory_equal(sent[0].bytes, frame + 6, 6);
            assert_int_equal(wire_get16(sent[0].bytes + 34), types[what]);
            assert_int_equal(wire_get32(sent[0].bytes + 26), nets[from].ip);
        }
}

static void vlans__datagram_longer_than_the_vlans_mtu__is_fragmented_with_the_tag(void **state)
{
    uint8_t frame[2048], payload[2048];
    (void)state;

    make(frame, 1514, 3, net_of(2) + 20);
    give(1, 30, frame, 1514);
    assert_int_equal(sent_n, 3);
    uint32_t had = 0;
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *ip = sent[i].bytes + 14;
        uint32_t bytes = wire_get16(ip + 2) - 20u, at = (wire_get16(ip + 6) & 0x1FFFu) * 8;
        is_sent_to(i, 2, 34 + bytes);
        assert_true(bytes <= 556);
        memcpy(payload + at, ip + 20, bytes);
        had += bytes;
    }
    assert_int_equal(had, 1480);
    assert_memory_equal(payload, frame + 34, 1480);
}

static void vlans__routes_by_a_gateway_and_by_a_port__lead_into_the_vlan(void **state)
{
    uint8_t frame[2048];
    struct route_line line = {.prefix = IP(172, 16, 0, 0),
                              .bits = 16,
                              .via = ROUTE_VIA_GATEWAY,
                              .gateway = net_of(1) + 20};
    (void)state;

    make(frame, 300, 0, IP(172, 16, 1, 1));
    give(0, 0, frame, 300);
    is_forwarded(frame, 300, 2, net_of(2) + 20);
    assert_null(router_add(&line)); /* into another VLAN of the same port */
    assert_true(routes_work(&routes, ~0u));
    pass(SECOND);
    give(0, 0, frame, 300);
    is_forwarded(frame, 300, 1, net_of(1) + 20);
    make(frame, 300, 0, IP(172, 17, 0, 1)); /* nobody answers there */
    give(0, 0, frame, 300);
    pass(10 * SECOND);
    assert_int_equal(sent_n, 1);
    is_sent_to(0, 0, 14 + 28 + 286);
    assert_int_equal(wire_get16(sent[0].bytes + 34), 0x301);
    make(frame, 300, 0, IP(172, 18, 0, 1)); /* that route was refused: there is no port0.11 */
    give(0, 0, frame, 300);
    assert_int_equal(wire_get16(sent[0].bytes + 34), 0x300);
}

static void vlan_add__twice_or_without_room__is_refused(void **state)
{
    char name[PORT_NAME_BYTES];
    (void)state;

    assert_null(vlan_add(&ports[0], 10));
    struct port *port = vlan_add(&ports[1], 10);
    assert_non_null(port);
    assert_ptr_equal(vlan_find(&ports[1], 10), port);
    assert_string_equal(port_name(port, name), "port1.10");
    assert_string_equal(port_name(&ports[1], name), "port1");
    assert_null(vlan_find(&ports[0], 30));
    while (ports_all < PORTS_MAX)
        assert_non_null(vlan_add(&ports[1], 100 + ports_all));
    assert_null(vlan_add(&ports[1], 4094));
    assert_int_equal(ports_n, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(vlans__each_net_to_each_other__is_forwarded_with_the_outputs_tag),
        TEST(vlans__back_to_the_same_net__is_forwarded_with_a_redirect),
        TEST(vlans__redirects_beyond_the_limit__are_left_out_for_a_time),
        TEST(vlans__other_tags_and_none__are_dropped_as_eth_vlan),
        TEST(vlans__a_vlans_tag_outside_another__is_not_looked_below),
        TEST(vlans__arp__is_answered_in_the_vlan_that_asks),
        TEST(vlans__pings_of_each_address__are_answered_where_they_came_from),
        TEST(vlans__errors__have_the_tag_and_address_of_the_senders_vlan),
        TEST(vlans__datagram_longer_than_the_vlans_mtu__is_fragmented_with_the_tag),
        TEST(vlans__routes_by_a_gateway_and_by_a_port__lead_into_the_vlan),
        TEST(vlan_add__twice_or_without_room__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
