/* SPDX-License-Identifier: BSD-2-Clause
 * DPDK's ixgbe driver, for comparison with ours: in `bench_dpdk APP BURST FRAMES` Debian's
 * unchanged driver brings up two of our models, and its vector receive and transmit do the same
 * work as bench_loop, with the same card, the same frames and the same check of the output.
 * callgrind collects the poll_* functions (tests/bench/count.py).
 *
 * DPDK's environment layer finds the cards in a folder that imitates sysfs (SYSFS_PCI_DEVICES,
 * DPDK's own variable). Some of DPDK's functions are replaced at link time (--wrap): mapping a
 * card's registers, which are at addresses that trap here (bar.h); waiting, which advances the
 * models' time; and interrupts, which do not exist here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <valgrind/callgrind.h>
#include <x86intrin.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_lpm.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "tests/bench/bar.h"
#include "tests/bench/clock.h"
#include "tests/bench/routes.h"
#include "tests/bench/traffic.h"
#include "tests/model/x540_core.h"

enum { PORTS = 2, RING = 512, RING_MAX = 4096, BURST_MAX = 32, WARM_ROUNDS = 64 };
#define REGISTERS 0x2000000000ull
#define SPAN      0x40000000ull

static struct x540 *cards[PORTS];
static uint64_t now_ns;
static unsigned ring; /* slots of each */
static struct rte_lpm *table;
static struct rte_ether_addr macs[PORTS], hops[PORTS * BENCH_GATEWAYS];
static const uint8_t neighbour[6] = {0x02, 0, 0, 0, 0, 0x77};

static void fail(const char *what)
{
    fprintf(stderr, "bench_dpdk: %s\n", what);
    exit(1);
}

/* ---- The cards ---- */

static void advance(uint64_t ns)
{
    now_ns += ns;
    for (unsigned i = 0; i < PORTS; i++)
        x540_run(cards[i], now_ns);
}

static uint64_t card_read(uintptr_t address, uint32_t bytes)
{
    advance(250);
    return x540_read(cards[(address - REGISTERS) / SPAN], (uint32_t)((address - REGISTERS) % SPAN),
                     bytes);
}

static void card_write(uintptr_t address, uint64_t value, uint32_t bytes)
{
    x540_write(cards[(address - REGISTERS) / SPAN], (uint32_t)((address - REGISTERS) % SPAN), value,
               bytes);
    advance(20);
}

static bool memory_read(void *opaque, uint64_t address, void *to, uint32_t bytes)
{
    (void)opaque;
    memcpy(to, (const void *)(uintptr_t)address, bytes);
    return true;
}

static bool memory_write(void *opaque, uint64_t address, const void *from, uint32_t bytes)
{
    (void)opaque;
    memcpy((void *)(uintptr_t)address, from, bytes);
    return true;
}

static void no_interrupt(void *opaque, uint32_t vector, bool asserted)
{
    (void)opaque, (void)vector, (void)asserted;
}

static bool frame_out(void *opaque, const uint8_t *frame, uint32_t length)
{
    traffic_check_sent((unsigned)(uintptr_t)opaque, frame, length);
    return true;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        fail("cannot write the folder that imitates sysfs");
}

/* Make card i's folder, as Linux shows an X540. Its PCI address there only distinguishes the
 * cards. */
static void show_card(const char *sysfs, unsigned i)
{
    char folder[100], text[128];
    uint64_t at = REGISTERS + i * SPAN;

    snprintf(folder, sizeof(folder), "%s/0000:0%u:00.0", sysfs, i + 1);
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        fail("cannot make the folder that imitates sysfs");
    write_file(folder, "vendor", "0x8086\n");
    write_file(folder, "device", "0x1528\n");
    write_file(folder, "subsystem_vendor", "0x8086\n");
    write_file(folder, "subsystem_device", "0x0001\n");
    write_file(folder, "class", "0x020000\n");
    write_file(folder, "numa_node", "0\n");
    int n = snprintf(text, sizeof(text), "0x%016lx 0x%016lx 0x000000000014220c\n", at,
                     at + X540_BAR0_BYTES - 1);
    for (unsigned k = 1; k < 6 && n < (int)sizeof(text); k++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "0x0 0x0 0x0\n");
    write_file(folder, "resource", text);
    /* DPDK skips a card without a kernel driver; which driver it is does not matter. */
    snprintf(text, sizeof(text), "%s/driver", folder);
    if (symlink("../drivers/bar", text) != 0 && errno != EEXIST)
        fail("cannot make the folder that imitates sysfs");
}

/* Debian's package has no headers of DPDK's PCI layer. The only known part of a device is its first
 * resource (address, length, and the pointer to set), so this searches for it. */
int __wrap_rte_pci_map_device(uint64_t *device);
int __wrap_rte_pci_map_device(uint64_t *device)
{
    for (unsigned i = 0; i < 128; i++)
        if (device[i + 1] == X540_BAR0_BYTES && device[i] >= REGISTERS &&
            device[i] < REGISTERS + PORTS * SPAN) {
            device[i + 2] = device[i];
            return 0;
        }
    fail("no first resource in DPDK's device");
    return -1;
}

/* No card sends interrupts here. */
int __wrap_rte_intr_callback_register(void *handle, void *function, void *context);
int __wrap_rte_intr_callback_register(void *handle, void *function, void *context)
{
    (void)handle, (void)function, (void)context;
    return 0;
}
int __wrap_rte_intr_enable(void *handle);
int __wrap_rte_intr_enable(void *handle)
{
    (void)handle;
    return 0;
}

int __wrap_rte_intr_disable(void *handle);
int __wrap_rte_intr_disable(void *handle)
{
    (void)handle;
    return 0;
}

static void wait_us(unsigned us)
{
    advance(us * 1000ull);
}

void __wrap_rte_delay_us_sleep(unsigned us);
void __wrap_rte_delay_us_sleep(unsigned us)
{
    wait_us(us);
}

static void add_cards(void)
{
    const char *given = getenv("BENCH_SYSFS"); /* each of several concurrent runs has its own */
    const char *sysfs = given ? given : "build/bench/sysfs";

    if (mkdir(sysfs, 0755) != 0 && errno != EEXIST)
        fail("no folder for sysfs: start it at the top of the tree");
    setenv("SYSFS_PCI_DEVICES", sysfs, 1);
    for (unsigned i = 0; i < PORTS; i++) {
        const struct x540_config config = {
            .kind = X540_AT2,
            .mac = {0x02, 0x00, 0x5E, 0x10, 0x00, (uint8_t)(i + 1)},
            .lan_id = (uint8_t)i,
            .link_at_start = true,
        };
        const struct x540_env env = {(void *)(uintptr_t)i, memory_read,  memory_write,
                                     memory_write,         no_interrupt, frame_out};
        cards[i] = x540_create(&config, &env);
        if (!cards[i])
            fail("no memory for a card");
        x540_set_bus_master(cards[i], true);
        memcpy(traffic_mac[i], config.mac, 6);
        memcpy(macs[i].addr_bytes, config.mac, 6);
        bar_trap(REGISTERS + i * SPAN, X540_BAR0_BYTES, (struct bar_access){card_read, card_write});
        show_card(sysfs, i);
    }
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
    eth->src_addr = macs[1 - port];
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
        !rte_is_same_ether_addr(&eth->dst_addr, &macs[port]) ||
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
    eth->src_addr = macs[1 - port];
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
    eth->src_addr = macs[port];
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

/* The driver's vector receive. (count.py checks that the transmit function is the vector one
 * too.) */
uint16_t ixgbe_recv_pkts_vec(void *queue, struct rte_mbuf **packets, uint16_t n);

static void set_up(bool wants_checksums)
{
    char *arguments[] = {"bench_dpdk",
                         "-l",
                         "0",
                         "--no-huge",
                         "-m",
                         "512",
                         "--no-shconf",
                         "--no-telemetry",
                         "--iova-mode=va",
                         "--log-level=error",
                         NULL};
    const struct rte_eth_conf conf = {
        .rxmode.offloads = wants_checksums ? RTE_ETH_RX_OFFLOAD_CHECKSUM : 0,
    };

    rte_delay_us_callback_register(wait_us);
    if (rte_eal_init((int)RTE_DIM(arguments) - 1, arguments) < 0)
        fail("rte_eal_init");
    if (rte_eth_dev_count_avail() != PORTS)
        fail("DPDK's driver did not take both cards");
    ring = traffic_number("BENCH_RING", RING);
    if (ring > RING_MAX)
        fail("rings of at most 4096");
    unsigned buffers = (ring > RING ? 32u : 8u) * 1024 - 1;
    struct rte_mempool *pool = rte_pktmbuf_pool_create("frames", buffers, 256, 0,
                                                       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (!pool)
        fail("no memory for buffers");
    for (uint16_t p = 0; p < PORTS; p++)
        if (rte_eth_dev_configure(p, 1, 1, &conf) ||
            rte_eth_rx_queue_setup(p, 0, (uint16_t)ring, SOCKET_ID_ANY, NULL, pool) ||
            rte_eth_tx_queue_setup(p, 0, (uint16_t)ring, SOCKET_ID_ANY, NULL) ||
            rte_eth_dev_start(p) || rte_eth_promiscuous_enable(p))
            fail("a port did not start");
    for (unsigned i = 0; i < 100 && !(x540_link_is_up(cards[0]) && x540_link_is_up(cards[1])); i++)
        advance(100000000);
    for (uint16_t p = 0; p < PORTS; p++) {
        if (rte_eth_fp_ops[p].rx_pkt_burst != ixgbe_recv_pkts_vec)
            fail("the driver did not choose its vector path");
        bar_tails_are_memory(REGISTERS + p * SPAN);
    }
}

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
    x540_frame_in(cards[port], frame, traffic_bytes);
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
        advance(1000);
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

    add_cards();
    set_up(strcmp(argv[1], "route") == 0 || strcmp(argv[1], "echo") == 0);
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
