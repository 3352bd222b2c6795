/* SPDX-License-Identifier: BSD-2-Clause
 * A row of the bench of mixes through DPDK: `bench_dpdk_mix ROW FRAMES`, with the same cards, frames
 * and judge as bench_mix. The loop is DPDK's rte_eth_rx_burst and rte_eth_tx_burst around handlers that
 * do what ours do, in our way: the same checks by the same tables, a fast path for the plain frame, a
 * second one for all other ordinary frames, DIR-24-8 with 16-bit entries (fib.h). Headers and table
 * entries are prefetched for the whole burst, as DPDK's own l3fwd does. From DPDK 23.11 on, sent
 * buffers go from the transmit queue straight back to the receive queue (rte_eth_recycle_mbufs) where a
 * row's frames have one output. callgrind collects the poll_* functions.
 *
 * Printed: frames, then cycles a frame: best, median; then the same with the headers in L3 only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_version.h>

#include "tests/bench/bar.h"
#include "tests/bench/clock.h"
#include "tests/bench/dpdk_cards.h"
#include "tests/bench/fib.h"
#include "tests/bench/mixes.h"

enum {
    WARM_FRAMES = 8192,
    ROUNDS_MAX = 100,
    LENGTHS = 2048,
    AT_TYPE = 12,
    AT_IP = 14,
    AT_LENGTH = 16, /* total length, identification, fragment, TTL, protocol */
    AT_TTL = 22,
    AT_CHECKSUM = 24,
    AT_SOURCE = 26,
    AT_TARGET = 30,
    AT_PORTS = 34, /* source, target, length, checksum */
    HEADERS = 42,
    TTL = 64,
    WELL_KNOWN = 1024,
    NO_OUTPUT = DPDK_PORTS_MAX,
};
#define HANDLER static __rte_always_inline

static unsigned ports_n;
static uint16_t partner[DPDK_PORTS_MAX];
/* A route's next hop: the first 12 bytes of the frame, and the longest frame. */
static struct hop {
    uint8_t macs[12];
    uint16_t bytes_max, output;
} hops[DPDK_PORTS_MAX * BENCH_GATEWAYS];
/* See net/app/echo.c and net/app/route.c, whose tables these are. */
static uint8_t is_host_first[256], is_host_last[256], port_bits[256];
static uint64_t plain_ip[LENGTHS], plain_udp[LENGTHS], plain_routed[LENGTHS];
static uint32_t our_ip[DPDK_PORTS_MAX]; /* in network byte order */

static void fail(const char *what)
{
    fprintf(stderr, "bench_dpdk_mix: %s\n", what);
    exit(1);
}

/* ---- Loads and stores of a frame's bytes ---- */

#define LOAD(type, at)         (*(const type *)(const void *)(frame + (at)))
#define STORE(type, at, value) (*(type *)(void *)(frame + (at)) = (value))
typedef uint64_t __attribute__((may_alias, aligned(1))) u64;
typedef uint32_t __attribute__((may_alias, aligned(1))) u32;
typedef uint16_t __attribute__((may_alias, aligned(1))) u16;

/* The header's checksum after a change of the 16-bit word at AT_TTL (RFC 1624). */
HANDLER void fix_checksum(uint8_t *frame, uint16_t was)
{
    uint32_t sum = (uint16_t)~LOAD(u16, AT_CHECKSUM) + (uint16_t)~was + (uint32_t)LOAD(u16, AT_TTL);

    sum = (sum & 0xFFFF) + (sum >> 16);
    STORE(u16, AT_CHECKSUM, (uint16_t) ~((sum & 0xFFFF) + (sum >> 16)));
}

HANDLER bool has_good(const struct rte_mbuf *m, uint64_t good)
{
    return (m->ol_flags & good) == good;
}

/* ---- Handlers: false, or NO_OUTPUT, to drop the frame ---- */

HANDLER void swap_ends(unsigned port, uint8_t *frame)
{
    uint64_t source_mac = LOAD(u64, 6);
    uint64_t addresses = LOAD(u64, AT_SOURCE);
    uint32_t ports = LOAD(u32, AT_PORTS);

    STORE(u64, 0, source_mac); /* the next store overwrites 2 excess bytes */
    memcpy(frame + 6, &dpdk_macs[port], 6);
    STORE(u64, AT_SOURCE, addresses << 32 | addresses >> 32);
    STORE(u32, AT_PORTS, ports << 16 | ports >> 16);
}

/* Any datagram to port 7 without options: any TTL, service, identification, padding and length. */
static __rte_noinline bool echo_wide(unsigned port, struct rte_mbuf *m)
{
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
    uint32_t total = rte_be_to_cpu_16(LOAD(u16, AT_LENGTH));
    uint16_t was = LOAD(u16, AT_TTL);

    if (!has_good(m, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD) ||
        LOAD(u16, AT_TYPE) != rte_cpu_to_be_16(0x0800) || frame[AT_IP] != 0x45 ||
        frame[AT_TTL + 1] != 17 || (LOAD(u16, AT_LENGTH + 4) & rte_cpu_to_be_16(0x3FFF)) ||
        total + AT_IP > m->data_len || total < 28 ||
        rte_be_to_cpu_16(LOAD(u16, AT_PORTS + 4)) != total - 20 ||
        LOAD(u32, AT_TARGET) != our_ip[port] || ((frame[0] | frame[6]) & 1) ||
        LOAD(u16, AT_PORTS + 2) != rte_cpu_to_be_16(7) ||
        rte_be_to_cpu_16(LOAD(u16, AT_PORTS)) < WELL_KNOWN || !is_host_first[frame[AT_SOURCE]] ||
        !is_host_last[frame[AT_SOURCE + 3]])
        return false;
    swap_ends(port, frame);
    frame[AT_TTL] = TTL;
    fix_checksum(frame, was);
    return true;
}

HANDLER bool echo_frame(unsigned port, struct rte_mbuf *m)
{
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
    size_t length = m->data_len;

    if (unlikely(
            !has_good(m, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD) ||
            LOAD(u32, AT_TYPE) != 0x00450008 ||
            (LOAD(u64, AT_LENGTH) & 0xFFFFFFBF0000FFFFull) != plain_ip[length] ||
            (LOAD(u64, AT_PORTS) & 0x0000FFFFFFFF0000ull) != plain_udp[length] ||
            LOAD(u32, AT_TARGET) != our_ip[port] || ((frame[0] | frame[6]) & 1) ||
            !(frame[AT_PORTS] & port_bits[frame[AT_SOURCE]] & is_host_last[frame[AT_SOURCE + 3]])))
        return echo_wide(port, m);
    swap_ends(port, frame);
    return true;
}

/* Any datagram without options, to any output. */
HANDLER unsigned route_frame(unsigned port, struct rte_mbuf *m)
{
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
    uint32_t total = rte_be_to_cpu_16(LOAD(u16, AT_LENGTH));
    uint16_t was = LOAD(u16, AT_TTL);

    (void)port;
    if (unlikely(!has_good(m, RTE_MBUF_F_RX_IP_CKSUM_GOOD) || ((frame[0] | frame[6]) & 1) ||
                 LOAD(u16, AT_TYPE) != rte_cpu_to_be_16(0x0800) || frame[AT_IP] != 0x45 ||
                 total + AT_IP > m->data_len || total < 20 ||
                 !(frame[AT_TTL] & is_host_first[frame[AT_SOURCE]] &
                   is_host_last[frame[AT_SOURCE + 3]])))
        return NO_OUTPUT;
    unsigned at = bench_fib_hop(rte_be_to_cpu_32(LOAD(u32, AT_TARGET)));
    if (unlikely(at == BENCH_FIB_NONE))
        return NO_OUTPUT;
    const struct hop *hop = &hops[at];
    if (unlikely(m->data_len > hop->bytes_max))
        return NO_OUTPUT;
    memcpy(frame, hop->macs, 12);
    frame[AT_TTL]--;
    fix_checksum(frame, was);
    return hop->output;
}

static __rte_noinline unsigned route_wide(unsigned port, struct rte_mbuf *m)
{
    return route_frame(port, m);
}

/* The plain frame to the partner, whose first next hop is hops[base]; as net/app/route.c. */
HANDLER bool route_plain(unsigned base, struct rte_mbuf *m)
{
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
    size_t length = m->data_len;

    if (unlikely(!has_good(m, RTE_MBUF_F_RX_IP_CKSUM_GOOD) ||
                 (LOAD(u64, 0) & 0x0001000000000001ull) ||
                 (LOAD(u64, AT_TYPE - 2) & 0xFFFF00FFFFFF0000ull) != plain_routed[length] ||
                 !(frame[AT_TTL] & is_host_first[frame[AT_SOURCE]] &
                   is_host_last[frame[AT_SOURCE + 3]]) ||
                 LOAD(u16, AT_CHECKSUM) >= 0xFFFE))
        return false;
    size_t at = bench_fib[rte_be_to_cpu_32(LOAD(u32, AT_TARGET)) >> 8] ^ base;
    if (unlikely(at >= BENCH_GATEWAYS))
        return false;
    const struct hop *hop = &hops[base + at];
    if (unlikely(length > hop->bytes_max))
        return false;
    memcpy(frame, hop->macs, 12);
    STORE(u32, AT_TTL, LOAD(u32, AT_TTL) + 0xFFFF);
    return true;
}

/* ---- The loop ---- */

static struct output {
    uint16_t n;
    struct rte_mbuf *frames[DPDK_BURST_MAX];
} outputs[DPDK_PORTS_MAX];

HANDLER void send_burst(unsigned port, struct rte_mbuf **frames, uint16_t n)
{
    uint16_t sent = rte_eth_tx_burst((uint16_t)port, 0, frames, n);

    while (unlikely(sent < n))
        rte_pktmbuf_free(frames[sent++]);
}

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
static struct rte_eth_recycle_rxq_info recycled[DPDK_PORTS_MAX];

static void recycle_start(unsigned port)
{
    if (rte_eth_recycle_rx_queue_info_get((uint16_t)port, 0, &recycled[port]))
        fail("the driver does not recycle buffers");
}
HANDLER void recycle(unsigned port, unsigned output)
{
    (void)rte_eth_recycle_mbufs((uint16_t)port, 0, (uint16_t)output, 0, &recycled[port]);
}
#else
static void recycle_start(unsigned port)
{
    (void)port;
}
HANDLER void recycle(unsigned port, unsigned output)
{
    (void)port, (void)output;
}
#endif

static __rte_noinline uint32_t poll_forward(void)
{
    struct rte_mbuf *packets[DPDK_BURST_MAX];
    uint32_t handled = 0;

    for (uint16_t port = 0; port < ports_n; port++) {
        recycle(port, partner[port]);
        uint16_t n = rte_eth_rx_burst(port, 0, packets, DPDK_BURST_MAX);
        if (n)
            send_burst(partner[port], packets, n);
        handled += n;
    }
    return handled;
}

static __rte_noinline uint32_t poll_echo(void)
{
    struct rte_mbuf *packets[DPDK_BURST_MAX];
    uint32_t handled = 0;

    for (uint16_t port = 0; port < ports_n; port++) {
        recycle(port, port);
        uint16_t n = rte_eth_rx_burst(port, 0, packets, DPDK_BURST_MAX), kept = 0;
        for (uint16_t i = 0; i < n; i++)
            rte_prefetch0(rte_pktmbuf_mtod(packets[i], void *));
        for (uint16_t i = 0; i < n; i++) {
            if (likely(echo_frame(port, packets[i])))
                packets[kept++] = packets[i];
            else
                rte_pktmbuf_free(packets[i]);
        }
        if (kept)
            send_burst(port, packets, kept);
        handled += n;
    }
    return handled;
}

/* Keep the frame for this output until its burst is full or the round ends. */
HANDLER void keep(unsigned output, struct rte_mbuf *m)
{
    if (unlikely(output == NO_OUTPUT)) {
        rte_pktmbuf_free(m);
        return;
    }
    struct output *o = &outputs[output];
    o->frames[o->n++] = m;
    if (unlikely(o->n == DPDK_BURST_MAX)) {
        send_burst(output, o->frames, o->n);
        o->n = 0;
    }
}

HANDLER uint32_t poll_routed(bool is_mesh)
{
    struct rte_mbuf *packets[DPDK_BURST_MAX];
    uint32_t handled = 0;

    for (uint16_t port = 0; port < ports_n; port++) {
        const unsigned base = partner[port] * BENCH_GATEWAYS;
        if (!is_mesh)
            recycle(port, partner[port]);
        uint16_t n = rte_eth_rx_burst(port, 0, packets, DPDK_BURST_MAX), kept = 0;
        for (uint16_t i = 0; i < n; i++) {
            const uint8_t *frame = rte_pktmbuf_mtod(packets[i], uint8_t *);
            rte_prefetch0(&bench_fib[rte_be_to_cpu_32(LOAD(u32, AT_TARGET)) >> 8]);
        }
        for (uint16_t i = 0; i < n; i++) {
            if (is_mesh)
                keep(route_frame(port, packets[i]), packets[i]);
            else if (likely(route_plain(base, packets[i])))
                packets[kept++] = packets[i];
            else
                keep(route_wide(port, packets[i]), packets[i]);
        }
        if (kept)
            send_burst(partner[port], packets, kept);
        handled += n;
    }
    for (uint16_t port = 0; port < ports_n; port++)
        if (outputs[port].n) {
            send_burst(port, outputs[port].frames, outputs[port].n);
            outputs[port].n = 0;
        }
    return handled;
}

/* Most frames leave by the partner, or by any port. */
static __rte_noinline uint32_t poll_route(void)
{
    return poll_routed(false);
}
static __rte_noinline uint32_t poll_route_mesh(void)
{
    return poll_routed(true);
}

/* ---- Set-up ---- */

static void fill_tables(void)
{
    for (uint32_t length = HEADERS; length < LENGTHS; length++) {
        plain_ip[length] = 0x1140000000000000ull | rte_cpu_to_be_16((uint16_t)(length - AT_IP));
        plain_udp[length] =
            0x07000000ull | (uint64_t)rte_cpu_to_be_16((uint16_t)(length - AT_IP - 20)) << 32;
        plain_routed[length] =
            0x0000004500080000ull | (uint64_t)rte_cpu_to_be_16((uint16_t)(length - AT_IP)) << 48;
    }
    for (unsigned i = 0; i < 256; i++) {
        is_host_first[i] = i > 0 && i < 224 && i != 127 ? 0xFE : 0;
        port_bits[i] = is_host_first[i] & 0xFC; /* ports from 1,024 on */
        is_host_last[i] = i == 0 || i == 255 ? 0 : 0xFE;
    }
    for (unsigned p = 0; p < ports_n; p++) {
        our_ip[p] = rte_cpu_to_be_32(mix_port_ip(p));
        is_host_last[mix_port_ip(p) & 0xFF] = 0;
        partner[p] = (uint16_t)mix_partner(p);
        memcpy(mix_mac[p], dpdk_macs[p].addr_bytes, 6);
        for (unsigned g = 0; g < BENCH_GATEWAYS && mix->app == MIX_ROUTE; g++) {
            struct hop *hop = &hops[p * BENCH_GATEWAYS + g];
            mix_gateway_mac(p, g, hop->macs);
            memcpy(hop->macs + 6, mix_mac[p], 6);
            hop->output = (uint16_t)p;
            hop->bytes_max = MIX_BYTES_MAX;
        }
    }
}

static void frame_out(unsigned port, const uint8_t *bytes, uint32_t length)
{
    mix_sent(port, bytes, length);
}

/* Rounds until `frames` have been handled. With `is_cold` headers are in L3 only. */
static uint64_t run(uint32_t (*poll)(void), uint64_t frames, bool is_cold)
{
    uint64_t handled = 0;

    clock_forget();
    while (handled < frames) {
        uint8_t bytes[MIX_BYTES_MAX];
        uint32_t n = 0, wanted = mix_burst() * ports_n;
        uint64_t cycles = 0;
        for (unsigned k = 0; k < mix_burst(); k++)
            for (unsigned p = 0; p < ports_n; p++) {
                uint32_t length = mix_next(p, bytes);
                dpdk_frame_in(p, bytes, length);
            }
        for (unsigned tries = 0; n < wanted; tries++) {
            if (tries == ROUNDS_MAX)
                fail("frames were not received");
            if (is_cold)
                clock_push_out();
            uint64_t began = clock_start();
            n += poll();
            cycles += clock_now() - began;
            bar_sync();
            dpdk_advance(1000);
        }
        clock_count(cycles, n);
        handled += n;
    }
    return handled;
}

int main(int argc, char **argv)
{
    const struct mix *row = argc == 3 ? mix_find(argv[1]) : NULL;

    if (!row || !row->has_dpdk)
        fail("usage: bench_dpdk_mix ROW FRAMES; a row that DPDK has a handler for");
    uint64_t frames = (uint64_t)atoll(argv[2]);
    bool is_mesh = row->any_output || row->hairpin_percent > 50;
    mix_prepare(row);
    mix_checks_order = row->app != MIX_ROUTE; /* keep() lets plain frames overtake others */
    ports_n = mix_ports();
    dpdk_start(ports_n, row->app != MIX_FORWARD, 0, frame_out);
    for (unsigned p = 0; p < ports_n; p++) {
        if (row->app == MIX_FORWARD && rte_eth_promiscuous_enable((uint16_t)p))
            fail("promiscuous mode");
        recycle_start(p);
    }
    fill_tables();
    uint32_t (*poll)(void) = row->app == MIX_FORWARD ? poll_forward
                             : row->app == MIX_ECHO  ? poll_echo
                             : is_mesh               ? poll_route_mesh
                                                     : poll_route;
    (void)run(poll, WARM_FRAMES, false);
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    uint64_t counted = run(poll, frames, false);
    double best = clock_best(), median = clock_median();
    if (!RUNNING_ON_VALGRIND)
        (void)run(poll, frames, true);
    if (mix_wrong())
        fail(mix_wrong());
    if (mix_right() != mix_fed())
        fail("a frame did not come out");
    printf("%lu %.1f %.1f %.1f %.1f\n", counted, best, median, clock_best(), clock_median());
    return 0;
}
