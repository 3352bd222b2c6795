/* SPDX-License-Identifier: BSD-2-Clause
 * DPDK's ixgbe driver, for comparison with ours: in `bench_dpdk APP BURST FRAMES` Debian's
 * unchanged driver brings up two of our models, and its vector receive and transmit do the same
 * work as bench_loop, with the same card, the same frames and the same check of the output.
 * callgrind collects the poll_* functions (tests/bench/count.py).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_lpm.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "tests/bench/bar.h"
#include "tests/bench/clock.h"
#include "tests/bench/dpdk_cards.h"
#include "tests/bench/routes.h"
#include "tests/bench/traffic.h"

enum { PORTS = 2, RING = 512, BURST_MAX = DPDK_BURST_MAX, WARM_ROUNDS = 64 };

static struct rte_lpm *table;
static struct rte_ether_addr hops[PORTS * BENCH_GATEWAYS];
static const uint8_t neighbour[6] = {0x02, 0, 0, 0, 0, 0x77};

static void fail(const char *what)
{
    fprintf(stderr, "bench_dpdk: %s\n", what);
    exit(1);
}

/* ---- The handler of each application; it returns false to drop the frame ---- */

typedef bool handler(unsigned port, struct rte_mbuf *m);

static inline bool forward_frame(unsigned port, struct rte_mbuf *m)
{
    (void)port, (void)m;
    return true;
}

static inline bool touch_frame(unsigned port, struct rte_mbuf *m)
{
    (void)port;
    rte_pktmbuf_mtod(m, uint8_t *)[0] ^= 2;
    return true;
}

static inline bool mac_frame(unsigned port, struct rte_mbuf *m)
{
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

    memcpy(&eth->dst_addr, neighbour, 6);
    eth->src_addr = dpdk_macs[1 - port];
    return true;
}

static inline bool checksum_is_good(const struct rte_mbuf *m)
{
    const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    return (m->ol_flags & good) == good;
}

static inline bool route_frame(unsigned port, struct rte_mbuf *m)
{
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
    uint32_t hop;

    if (eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) || ip->version_ihl != 0x45 ||
        !rte_is_same_ether_addr(&eth->dst_addr, &dpdk_macs[port]) ||
        rte_be_to_cpu_16(ip->total_length) > m->data_len - sizeof(*eth) ||
        rte_be_to_cpu_16(ip->total_length) < sizeof(*ip) ||
        !(m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_GOOD) || ip->time_to_live <= 1)
        return false;
    if (rte_lpm_lookup(table, rte_be_to_cpu_32(ip->dst_addr), &hop) != 0 ||
        hop / BENCH_GATEWAYS != 1 - port)
        return false;
    ip->time_to_live--;
    uint32_t sum = ip->hdr_checksum + rte_cpu_to_be_16(0x0100);
    ip->hdr_checksum = (rte_be16_t)(sum + (sum >= 0xFFFF));
    eth->dst_addr = hops[hop];
    eth->src_addr = dpdk_macs[1 - port];
    return true;
}

static inline bool echo_frame(unsigned port, struct rte_mbuf *m)
{
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
    struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

    if (eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) || ip->version_ihl != 0x45 ||
        ip->next_proto_id != IPPROTO_UDP || udp->dst_port != rte_cpu_to_be_16(7) ||
        (ip->fragment_offset & rte_cpu_to_be_16(0x3FFF)) || !checksum_is_good(m) ||
        rte_be_to_cpu_16(ip->total_length) + sizeof(*eth) != m->data_len ||
        rte_be_to_cpu_16(udp->dgram_len) + sizeof(*eth) + sizeof(*ip) != m->data_len ||
        ip->dst_addr != rte_cpu_to_be_32(0xC0000201 + port) ||
        rte_is_multicast_ether_addr(&eth->dst_addr) || rte_is_multicast_ether_addr(&eth->src_addr))
        return false;
    eth->dst_addr = eth->src_addr;
    eth->src_addr = dpdk_macs[port];
    rte_be32_t address = ip->src_addr;
    ip->src_addr = ip->dst_addr;
    ip->dst_addr = address;
    rte_be16_t udp_port = udp->src_port;
    udp->src_port = udp->dst_port;
    udp->dst_port = udp_port;
    return true;
}

/* ---- The loop ---- */

static __rte_always_inline uint32_t poll_with(handler *handle, bool comes_back)
{
    struct rte_mbuf *packets[BURST_MAX];
    uint32_t handled = 0;

    for (uint16_t port = 0; port < PORTS; port++) {
        uint16_t n = rte_eth_rx_burst(port, 0, packets, BURST_MAX), kept = 0;
        if (n == 0)
            continue;
        for (uint16_t i = 0; i < n; i++) {
            if (likely(handle(port, packets[i])))
                packets[kept++] = packets[i];
            else
                rte_pktmbuf_free(packets[i]);
        }
        uint16_t sent = rte_eth_tx_burst(comes_back ? port : 1 - port, 0, packets, kept);
        while (unlikely(sent < kept))
            rte_pktmbuf_free(packets[sent++]);
        handled += n;
    }
    return handled;
}

/* One loop for each application, as if each were compiled alone. */
#define LOOP(name, comes_back)                                                                     \
    static __rte_noinline uint32_t poll_##name(void)                                               \
    {                                                                                              \
        return poll_with(name##_frame, comes_back);                                                \
    }
LOOP(forward, false)
LOOP(touch, false)
LOOP(mac, false)
LOOP(route, false)
LOOP(echo, true)

static const struct loop {
    const char *name;
    uint32_t (*poll)(void);
} loops[] = {
    {"forward", poll_forward}, {"touch", poll_touch}, {"mac", poll_mac},
    {"route", poll_route},     {"echo", poll_echo},
};

/* ---- Set-up ---- */

/* The same routes as bench_loop's, and the gateways' addresses as if ARP had found them. */
static void fill_table(void)
{
    bench_routes_make(traffic_number("BENCH_ROUTES_N", 100000));
    const struct rte_lpm_config config = {.max_rules = bench_routes_n, .number_tbl8s = 1 << 16};

    table = rte_lpm_create("routes", SOCKET_ID_ANY, &config);
    if (!table)
        fail("no memory for routes");
    for (uint32_t i = 0; i < bench_routes_n; i++) {
        const struct bench_route *r = &bench_routes[i];
        if (rte_lpm_add(table, r->prefix, r->bits, r->port * BENCH_GATEWAYS + r->gateway) != 0)
            fail("a route was refused");
    }
    for (unsigned h = 0; h < PORTS * BENCH_GATEWAYS; h++)
        hops[h] = (struct rte_ether_addr){
            {2, 0, 0, 0, (uint8_t)(h / BENCH_GATEWAYS), (uint8_t)(h % BENCH_GATEWAYS)}};
    traffic_targets_make(traffic_number("BENCH_FLOWS", 65536));
}

static void feed(unsigned port)
{
    uint8_t frame[TRAFFIC_BYTES_MAX];

    traffic_next(port, 4000, frame);
    dpdk_frame_in(port, frame, traffic_bytes);
}

static uint64_t run(const struct loop *loop, unsigned burst, uint64_t frames)
{
    uint64_t handled = 0;

    while (handled < frames) {
        for (unsigned k = 0; k < burst; k++)
            for (unsigned p = 0; p < PORTS; p++)
                feed(p);
        uint64_t began = clock_start();
        uint32_t n = loop->poll();
        clock_stop(began, n);
        if (n != PORTS * burst)
            fail("a port did not get its burst");
        handled += n;
        bar_sync();
        dpdk_advance(1000);
    }
    return handled;
}

int main(int argc, char **argv)
{
    const struct loop *loop = NULL;

    if (argc != 4)
        fail("usage: bench_dpdk APP BURST FRAMES");
    for (size_t i = 0; i < RTE_DIM(loops); i++)
        if (strcmp(loops[i].name, argv[1]) == 0)
            loop = &loops[i];
    traffic = traffic_find(argv[1]);
    if (!loop || !traffic)
        fail("no such application");
    unsigned burst = (unsigned)atoi(argv[2]);
    uint64_t frames = (uint64_t)atoll(argv[3]);
    if (burst > BURST_MAX)
        fail("bursts of at most 32");
    traffic_bytes = traffic_number("BENCH_BYTES", TRAFFIC_BYTES_LEAST);
    if (getenv("BENCH_FLOWS") && strcmp(argv[1], "route") != 0)
        traffic_flows_make(traffic_number("BENCH_FLOWS", 1));

    unsigned ring = traffic_number("BENCH_RING", RING);
    dpdk_start(PORTS, strcmp(argv[1], "route") == 0 || strcmp(argv[1], "echo") == 0, ring,
               traffic_check_sent);
    for (unsigned p = 0; p < PORTS; p++)
        memcpy(traffic_mac[p], dpdk_macs[p].addr_bytes, 6);
    for (uint16_t p = 0; p < PORTS; p++)
        if (rte_eth_promiscuous_enable(p))
            fail("promiscuous mode");
    if (strcmp(argv[1], "route") == 0)
        fill_table();
    /* Before counting, every ring slot and buffer is used at least once. */
    unsigned warm = ring > RING ? 2 * ring / BURST_MAX : WARM_ROUNDS;
    (void)run(loop, BURST_MAX, (uint64_t)warm * PORTS * BURST_MAX);
    clock_forget();
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    uint64_t handled = frames;
    if (burst) {
        handled = run(loop, burst, frames);
    } else {
        for (uint64_t i = 0; i < frames; i++) {
            uint64_t began = clock_start();
            (void)loop->poll();
            clock_stop(began, 1);
        }
    }
    if (traffic_wrong())
        fail(traffic_wrong());
    printf("%lu %.1f %.1f\n", handled, clock_best(), clock_median());
    return 0;
}
