/* SPDX-License-Identifier: BSD-2-Clause
 * app=route on three model cards, for tests, with neighbours that answer ARP:
 *
 *     port0 192.0.2.1/24        host .10 (MAC 02:..:00:0a), gateway .20
 *     port1 198.51.100.1/24     gateways .10 and .11, host .30; .99 never answers
 *     port2 203.0.113.1/24      gateway .10; MTU 576
 *
 *     routes: 10/8 via .10 of port1, 10.1/16 via .20 of port0, 10.2/16 via .10 of port2,
 *     10.3/16 reject, 10.4.4.0/25 via .11 of port1, 10.5/16 via .99 of port1; no others
 *
 * Ports 0 and 1 are partners; port 2 has its own lane back. give() inputs a frame at port 0.
 */
#ifndef TESTS_UNIT_ROUTER_HOST_H
#define TESTS_UNIT_ROUTER_HOST_H

#include "net/lane/ledger.h"
#include "net/lane/lane_control.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/stack/eth.h"
#include "net/stack/icmp.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "tests/unit/frames.h"
#include "tests/unit/net/loop_host.h"

extern const struct app app_route;

#define HOST_IP IP(192, 0, 2, 10)
#define SECOND  1000000000ull

enum { PORTS = 3, SENT_MAX = 4608, REPLIES_MAX = 8192 };

/* The frames that the cards sent, except ARP. */
static struct {
    unsigned port;
    uint32_t length;
    uint8_t bytes[LONG_SLOT_BYTES];
} sent[SENT_MAX];
static unsigned sent_n;

static const struct {
    unsigned port;
    uint32_t ip;
} neighbours[] = {
    {0, HOST_IP},
    {0, IP(192, 0, 2, 20)},
    {1, IP(198, 51, 100, 10)},
    {1, IP(198, 51, 100, 11)},
    {1, IP(198, 51, 100, 30)},
    {2, IP(203, 0, 113, 10)},
};
static bool neighbours_are_silent; /* they do not answer ARP */
/* Further neighbours, of 172.16/12: does this one answer? NULL: none does. */
static bool (*is_live)(uint32_t ip);

static struct {
    unsigned port;
    uint8_t bytes[60];
} replies[REPLIES_MAX];
static unsigned replies_n;
static bool replies_are_held; /* by the network, until it is false again */

static inline void mac_of(unsigned port, uint32_t ip, uint8_t *mac)
{
    memcpy(mac, "\x02\x00\x00\x00", 4);
    mac[4] = (uint8_t)port;
    mac[5] = (uint8_t)ip;
    if (ip >> 20 == 0xAC1) {
        mac[2] = (uint8_t)(ip >> 16);
        mac[3] = (uint8_t)(ip >> 8);
    }
}

static inline void answer_arp(unsigned port, const uint8_t *frame)
{
    uint32_t ip = wire_get32(frame + ETH_BYTES + 24);
    bool answers = ip >> 20 == 0xAC1 && is_live && is_live(ip);

    for (unsigned i = 0; i < ARRAY_SIZE(neighbours) && !neighbours_are_silent; i++)
        answers |= neighbours[i].port == port && neighbours[i].ip == ip;
    if (!answers || replies_n == REPLIES_MAX)
        return;
    struct arp_packet reply = {
        .op = ARP_REPLY, .sender_ip = ip, .target_ip = wire_get32(frame + ETH_BYTES + 14)};
    mac_of(port, ip, reply.sender_mac);
    memcpy(reply.target_mac, frame + 6, 6);
    replies[replies_n].port = port;
    (void)arp_build(replies[replies_n++].bytes, frame + 6, &reply);
}

static inline void keep_sent_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    unsigned port = (unsigned)(uintptr_t)opaque;

    if (wire_get16(frame + ETH_TYPE) == ETH_ARP) {
        answer_arp(port, frame);
        return;
    }
    assert_true(sent_n < SENT_MAX && length <= sizeof(sent[0].bytes));
    sent[sent_n].port = port;
    sent[sent_n].length = length;
    memcpy(sent[sent_n++].bytes, frame, length);
}

static inline void rounds(void)
{
    for (;;) {
        while (poll_once() != 0)
            ;
        if (replies_n == 0 || replies_are_held)
            return;
        replies_n--;
        machine_frame_in(replies[replies_n].port, replies[replies_n].bytes, 60);
    }
}

static inline void pass(uint64_t ns)
{
    for (uint64_t t = 0; t < ns; t += SECOND / 10) {
        machine_wait_ns(SECOND / 10);
        run_service(machine_now_ns());
        rounds();
    }
}

/* For start(); a test may change them before. */
static struct {
    uint32_t ip;
    unsigned prefix;
    uint32_t gateway;
} addresses[PORTS] = {
    {IP(192, 0, 2, 1), 24, 0},
    {IP(198, 51, 100, 1), 24, 0},
    {IP(203, 0, 113, 1), 24, 0},
};

static uint64_t free_bytes = 1 << 30; /* of the machine's memory, for start() */

static inline int start(void **state)
{
    static struct netif netifs[PORTS][QUEUES_MAX];
    static struct reass reasses[PORTS];
    extern void test_send(void *context, const uint8_t *frame, uint32_t length);
    extern uint64_t tsc_now_ns(void);

    (void)state;
    memset(netifs, 0, sizeof(netifs));
    memset(reasses, 0, sizeof(reasses));
    lanes_cores = 1;
    neighbours_are_silent = false;
    is_live = NULL;
    replies_n = 0;
    replies_are_held = false;
    start_ports(PORTS);
    machine_free_bytes = free_bytes;
    for (unsigned i = 0; i < PORTS; i++) {
        ports[i].netif = netifs[i];
        assert_null(netif_configure(&netifs[i][0], ports[i].mac, addresses[i].ip,
                                    addresses[i].prefix, (uint32_t[2]){addresses[i].gateway}));
        netifs[i][0].clock = tsc_now_ns;
        netifs[i][0].reass = &reasses[i];
        netifs[i][0].send = test_send;
        netifs[i][0].send_context = &ports[i];
        machine_cards[i].on_frame = keep_sent_frame;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
    }
    ports[2].mtu = 576;
    machine_module = "10.0.0.0/8 198.51.100.10\n10.1.0.0/16 192.0.2.20\n"
                     "10.2.0.0/16 203.0.113.10\n10.3.0.0/16 reject\n"
                     "10.4.4.0/25 198.51.100.11\n10.5.0.0/16 198.51.100.99\n";
    run_start_app(&app_route);
    pass(10 * SECOND);
    assert_true(ports[0].link_is_up && ports[1].link_is_up && ports[2].link_is_up);
    sent_n = 0;
    return 0;
}

void test_send(void *context, const uint8_t *frame, uint32_t length);
void test_send(void *context, const uint8_t *frame, uint32_t length)
{
    (void)side_send(context, frame, length);
}

/* At the end of each test: the ledger balances, and the model reported no broken rule. */
static inline int stop(void **state)
{
    (void)state;
    struct ledger ledger = ledger_read();
    bool is_good = ledger.is_balanced && machine_complaints() == 0;

    machine_module = NULL;
    return is_good ? 0 : -1;
}

/* ---- Frames ---- */

/* A UDP datagram of `length` bytes of frame from the host on port 0 to `dst`, with `options` bytes
 * (a multiple of 4) of NOP options. */
static inline void make(uint8_t *f, uint32_t length, uint32_t dst, uint32_t options)
{
    for (uint32_t i = 0; i < length; i++)
        f[i] = (uint8_t)(i * 13 + 1);
    memcpy(f, ports[0].mac, 6);
    mac_of(0, HOST_IP, f + 6);
    wire_put16(f + 12, ETH_IPV4);
    f[14] = (uint8_t)(0x45 + options / 4);
    f[15] = 0;
    wire_put16(f + 16, (uint16_t)(length - 14));
    wire_put16(f + 18, 0x1234);
    wire_put16(f + 20, 0);
    f[22] = 64;
    f[23] = 17;
    wire_put32(f + 26, HOST_IP);
    wire_put32(f + 30, dst);
    memset(f + 34, 1, options);
    fix_ip(f);
}

static inline void give_by(unsigned port, const uint8_t *frame, uint32_t length)
{
    sent_n = 0;
    machine_frame_in(port, frame, length);
    rounds();
}
static inline void give(const uint8_t *frame, uint32_t length)
{
    give_by(0, frame, length);
}

static inline uint64_t dropped(enum drop why)
{
    return lanes[0].count.drops[why] + lanes[1].count.drops[why] + lanes[2].count.drops[why] +
           port_side(&ports[0], 0)->drops[why] + port_side(&ports[1], 0)->drops[why] +
           port_side(&ports[2], 0)->drops[why] + ports[0].netif->drops[why] +
           ports[1].netif->drops[why] + ports[2].netif->drops[why];
}

/* The only frame sent is the input (`frame`), forwarded by `port` to the next hop `next`. */
static inline void is_forwarded(const uint8_t *frame, uint32_t length, unsigned port, uint32_t next)
{
    uint8_t expected[2048];

    memcpy(expected, frame, length);
    mac_of(port, next, expected);
    memcpy(expected + 6, ports[port].mac, 6);
    expected[22]--;
    fix_ip(expected);
    assert_int_equal(sent_n, 1);
    assert_int_equal(sent[0].port, port);
    assert_int_equal(sent[0].length, length < 60 ? 60 : length);
    assert_memory_equal(sent[0].bytes, expected, length);
}

/* Frame `index` of those sent is a correct ICMP error about `frame`, sent from the address of port
 * 0, where that came in, to the host that sent it. */
static inline void is_error(unsigned index, const uint8_t *frame, unsigned type, unsigned code,
                            uint32_t rest)
{
    const uint8_t *f = sent[index].bytes, *ip = f + 14;
    uint32_t total = wire_get16(ip + 2), quoted = total - 28;
    uint8_t host[6];

    assert_true(index < sent_n);
    mac_of(0, HOST_IP, host);
    assert_int_equal(sent[index].port, 0);
    assert_memory_equal(f, host, 6);
    assert_memory_equal(f + 6, ports[0].mac, 6);
    assert_int_equal(ip[0], 0x45);
    assert_int_equal(ip[1], 0xC0);
    assert_true(total <= 576 && total <= sent[index].length - 14);
    assert_int_equal(slow_check(ip, 20), 0);
    assert_true(ip[8] > 0);
    assert_int_equal(ip[9], 1);
    assert_int_equal(wire_get32(ip + 12), ports[0].netif->ip);
    assert_int_equal(wire_get32(ip + 16), wire_get32(frame + 26));
    assert_int_equal(slow_check(ip + 20, total - 20), 0);
    assert_int_equal(ip[20], type);
    assert_int_equal(ip[21], code);
    assert_int_equal(wire_get32(ip + 24), rest);
    assert_int_equal(quoted, MIN(wire_get16(frame + 16), 548));
    assert_memory_equal(ip + 28, frame + 14, quoted);
}

#endif
