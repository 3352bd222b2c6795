/* SPDX-License-Identifier: BSD-2-Clause
 * See dpdk_cards.h. DPDK's environment layer finds the cards in a folder that imitates sysfs
 * (SYSFS_PCI_DEVICES, DPDK's own variable). Some of DPDK's functions are replaced at link time
 * (--wrap): mapping a card's registers, which are at addresses that trap here (bar.h); waiting, which
 * advances the models' time; and interrupts, which do not exist here.
 */
#include "tests/bench/dpdk_cards.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "tests/bench/bar.h"
#include "tests/model/x540_core.h"

enum { RING = 512, RING_MAX = 4096 };
#define REGISTERS 0x2000000000ull
#define SPAN      0x40000000ull

struct rte_ether_addr dpdk_macs[DPDK_PORTS_MAX];
static unsigned cards_n;
static struct x540 *cards[DPDK_PORTS_MAX];
static uint64_t now_ns;
static dpdk_frame_out *on_frame;

static void fail(const char *what)
{
    fprintf(stderr, "dpdk_cards: %s\n", what);
    exit(1);
}

void dpdk_advance(uint64_t ns)
{
    now_ns += ns;
    for (unsigned i = 0; i < cards_n; i++)
        x540_run(cards[i], now_ns);
}

static uint64_t card_read(uintptr_t address, uint32_t bytes)
{
    dpdk_advance(250);
    return x540_read(cards[(address - REGISTERS) / SPAN], (uint32_t)((address - REGISTERS) % SPAN),
                     bytes);
}

static void card_write(uintptr_t address, uint64_t value, uint32_t bytes)
{
    x540_write(cards[(address - REGISTERS) / SPAN], (uint32_t)((address - REGISTERS) % SPAN), value,
               bytes);
    dpdk_advance(20);
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
    on_frame((unsigned)(uintptr_t)opaque, frame, length);
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

/* Remove what an earlier run with more cards has left. */
static void hide_card(const char *sysfs, unsigned i)
{
    static const char *const names[] = {"vendor",           "device", "subsystem_vendor",
                                        "subsystem_device", "class",  "numa_node",
                                        "resource",         "driver"};
    char path[256];

    for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        snprintf(path, sizeof(path), "%s/0000:0%u:00.0/%s", sysfs, i + 1, names[k]);
        (void)unlink(path);
    }
    snprintf(path, sizeof(path), "%s/0000:0%u:00.0", sysfs, i + 1);
    (void)rmdir(path);
}

/* Debian's package has no headers of DPDK's PCI layer. The only known part of a device is its first
 * resource (address, length, and the pointer to set), so this searches for it. */
int __wrap_rte_pci_map_device(uint64_t *device);
int __wrap_rte_pci_map_device(uint64_t *device)
{
    for (unsigned i = 0; i < 128; i++)
        if (device[i + 1] == X540_BAR0_BYTES && device[i] >= REGISTERS &&
            device[i] < REGISTERS + DPDK_PORTS_MAX * SPAN) {
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
    dpdk_advance(us * 1000ull);
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
    for (unsigned i = cards_n; i < DPDK_PORTS_MAX; i++)
        hide_card(sysfs, i);
    for (unsigned i = 0; i < cards_n; i++) {
        const struct x540_config config = {
            .kind = X540_AT2,
            .mac = {0x02, 0x00, 0x5E, 0x10, 0x00, (uint8_t)(i + 1)},
            .lan_id = (uint8_t)(i & 1),
            .link_at_start = true,
        };
        const struct x540_env env = {(void *)(uintptr_t)i, memory_read,  memory_write,
                                     memory_write,         no_interrupt, frame_out};
        cards[i] = x540_create(&config, &env);
        if (!cards[i])
            fail("no memory for a card");
        x540_set_bus_master(cards[i], true);
        memcpy(dpdk_macs[i].addr_bytes, config.mac, 6);
        bar_trap(REGISTERS + i * SPAN, X540_BAR0_BYTES, (struct bar_access){card_read, card_write});
        show_card(sysfs, i);
    }
}

/* ---- Set-up ---- */

/* The driver's vector receive. (count.py checks that the transmit function is the vector one
 * too.) */
uint16_t ixgbe_recv_pkts_vec(void *queue, struct rte_mbuf **packets, uint16_t n);

void dpdk_start(unsigned ports, bool wants_checksums, unsigned ring, dpdk_frame_out *out)
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

    if (ring == 0)
        ring = RING;
    if (ring > RING_MAX || ports > DPDK_PORTS_MAX)
        fail("rings of at most 4096, at most 4 ports");
    cards_n = ports;
    on_frame = out;
    add_cards();
    rte_delay_us_callback_register(wait_us);
    if (rte_eal_init((int)RTE_DIM(arguments) - 1, arguments) < 0)
        fail("rte_eal_init");
    if (rte_eth_dev_count_avail() != cards_n)
        fail("DPDK's driver did not take both cards");
    unsigned buffers = (ring > RING || ports > 2 ? 32u : 8u) * 1024 - 1;
    struct rte_mempool *pool = rte_pktmbuf_pool_create("frames", buffers, 256, 0,
                                                       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (!pool)
        fail("no memory for buffers");
    for (uint16_t p = 0; p < cards_n; p++)
        if (rte_eth_dev_configure(p, 1, 1, &conf) ||
            rte_eth_rx_queue_setup(p, 0, (uint16_t)ring, SOCKET_ID_ANY, NULL, pool) ||
            rte_eth_tx_queue_setup(p, 0, (uint16_t)ring, SOCKET_ID_ANY, NULL) ||
            rte_eth_dev_start(p))
            fail("a port did not start");
    for (unsigned i = 0; i < 100; i++)
        dpdk_advance(100000000);
    for (uint16_t p = 0; p < cards_n; p++) {
        if (rte_eth_fp_ops[p].rx_pkt_burst != ixgbe_recv_pkts_vec)
            fail("the driver did not choose its vector path");
        if (!x540_link_is_up(cards[p]))
            fail("a link is not up");
        bar_tails_are_memory(REGISTERS + p * SPAN);
    }
}

void dpdk_frame_in(unsigned port, const uint8_t *frame, uint32_t length)
{
    x540_frame_in(cards[port], frame, length);
}
