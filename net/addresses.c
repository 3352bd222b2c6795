/* SPDX-License-Identifier: BSD-2-Clause
 * The ports' addresses, MTUs and VLANs, from the boot line; see addresses.h.
 */
#include "net/addresses.h"

#include "arch/random.h"
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "net/lane/lane_control.h"
#include "net/lane/vlans.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "net/stack/services.h"

BOOT_KEY("port#.ip", CMDLINE_PREFIX);
BOOT_KEY("port#.gw", CMDLINE_IPV4, .needs_address = true);
BOOT_KEY("port#.gw2", CMDLINE_IPV4, .needs_address = true);
BOOT_KEY("port#.arp", CMDLINE_NEIGHBOUR, .repeats = true, .needs_address = true);
BOOT_KEY("port#.vlan", CMDLINE_COUNT, .needs_address = true);
BOOT_KEY("port#.mtu", CMDLINE_COUNT);
BOOT_KEY("port#.*.ip", CMDLINE_PREFIX, .app = "route");
BOOT_KEY("port#.*.gw", CMDLINE_IPV4, .app = "route", .needs_address = true);
BOOT_KEY("port#.*.arp", CMDLINE_NEIGHBOUR, .repeats = true, .app = "route", .needs_address = true);
BOOT_KEY("port#.*.mtu", CMDLINE_COUNT, .app = "route", .needs_address = true);
BOOT_KEY("probe", CMDLINE_ENUM, .words = "first|meanwhile", .needs_address = true);
BOOT_KEY("twamp", CMDLINE_COUNT, .needs_address = true);
BOOT_KEY("twamp.from", CMDLINE_PREFIXES, .needs_address = true);

/* netif->send: frames of a stack that are not answers in place. */
static void send_by_side(void *port, const uint8_t *frame, uint32_t length)
{
    (void)side_send(port, frame, length); /* a loss is counted there */
}

/* twamp=, twamp.from=. Without valid senders there is no reflector. */
static void bind_twamp(const struct cmdline *line, struct netif *nif, bool may_log)
{
    static struct twamp_senders senders;
    struct ipv4_prefix from[PREFIXES_MAX];
    const char *listed = cmdline_get(line, "twamp.from"), *wrong = NULL;
    uint64_t twamp;

    static_assert(TWAMP_SENDERS_MAX == PREFIXES_MAX, "a sender for each prefix");
    if (!cmdline_u64(line, "twamp", &twamp))
        return;
    senders.n = 0;
    if (listed && !cmdline_prefixes(line, "twamp.from", from, &senders.n))
        wrong = "no reflector: twamp.from= is invalid";
    for (unsigned i = 0; i < senders.n; i++) {
        senders.net[i].ip = be32_get(from[i].address);
        senders.net[i].mask = ip_mask(from[i].bits);
    }
    if (twamp < 1 || twamp > 65535)
        wrong = "a UDP port must be 1 to 65535";
    if (!wrong &&
        !netif_bind_head(nif, (uint16_t)twamp, udp_twamp, listed ? &senders : NULL, TWAMP_BYTES))
        wrong = "the port is in use";
    if (wrong && may_log)
        log_error("twamp=%lu: %s", twamp, wrong);
}

/* portN.arp=, portN.VLAN.arp=; `name`: what is before the last dot. */
static void set_neighbours(const struct cmdline *line, const char *name, struct netif *nif)
{
    char key[24];
    unsigned cursor = 0;
    be32_t ip;
    uint8_t mac[6];

    fmt_print(key, sizeof(key), "%s.arp", name);
    for (const char *value; (value = cmdline_next(line, key, &cursor)) != NULL;) {
        if (!parse_neighbour(value, &ip, mac))
            continue; /* cmdline_validate has warned */
        const char *wrong = netif_set_neighbour(nif, be32_get(ip), mac);
        if (wrong)
            log_warn("%s=%s: %s", key, value, wrong);
    }
}

/* portN.mtu=, portN.VLAN.mtu=; `name`: what is before the last dot. */
static void configure_mtu(const struct cmdline *line, struct port *port, const char *name,
                          const struct app *chosen)
{
    const uint32_t most = chosen->long_poll ? MTU_LONG_MOST : MTU_MOST;
    char key[24];
    uint64_t mtu;

    fmt_print(key, sizeof(key), "%s.mtu", name);
    if (!cmdline_u64(line, key, &mtu))
        return;
    if (mtu < MTU_LEAST || mtu > most) {
        log_warn("%s=%lu is invalid; expected %u to %u", key, mtu, MTU_LEAST, most);
        return;
    }
    port->mtu = (uint32_t)mtu;
    port->frame_max = MAX(FRAME_USUAL, ETH_BYTES + port->mtu);
    port->wire->frame_max = MAX(port->wire->frame_max, port->frame_max);
}

/* .ip=, .gw=, .gw2= of a port, or of a VLAN's: one stack per core, since cores share no data that they
 * write. State of the whole host (neighbours, pings, announcements, fragments) is kept on core 0, where
 * RSS delivers frames without a UDP or TCP port. An application that takes everything passes nothing to
 * the stack. `name`: what is before the last dot. `vlan`: of the stack; 0: none. */
static void configure_port(const struct cmdline *line, struct port *port, const char *name,
                           unsigned vlan, const struct app *chosen)
{
    char key[24];
    struct ipv4_prefix address;
    uint32_t gateways[2] = {0};
    enum { PROBE_FIRST, PROBE_MEANWHILE }; /* in the order of the key's words */
    unsigned probe = PROBE_MEANWHILE;

    fmt_print(key, sizeof(key), "%s.ip", name);
    if (!cmdline_prefix(line, key, &address))
        return;
    for (unsigned k = 0; k < 2; k++) {
        be32_t gateway;
        fmt_print(key, sizeof(key), k == 0 ? "%s.gw" : "%s.gw2", name);
        if (cmdline_ipv4(line, key, &gateway))
            gateways[k] = be32_get(gateway);
    }
    (void)cmdline_enum(line, "probe", &probe);
    struct netif *nifs = memory_alloc(lanes_cores * sizeof(struct netif), PAGE_BYTES);
    struct reass *reass =
        chosen->takes_everything ? NULL : memory_alloc(sizeof(struct reass), PAGE_BYTES);
    if (!nifs || (!reass && !chosen->takes_everything)) {
        log_error("%s: no memory for its address", name);
        return;
    }
    uint16_t first_id = (uint16_t)random_u64();
    for (unsigned core = 0; core < lanes_cores; core++) {
        netif_share_ids(&nifs[core], first_id, core, lanes_cores);
        nifs[core].clock = tsc_now_ns;
        nifs[core].send = send_by_side;
        nifs[core].send_context = port;
        nifs[core].errors_full_ns = &nifs[0].errors_full_own_ns;
        nifs[core].vlan = (uint16_t)vlan;
        nifs[core].mtu = (uint16_t)port->mtu;
        nifs[core].reass = core == 0 ? reass : NULL;
        /* Only core 0 answers ARP: until it does, no host can reach the other cores. */
        nifs[core].probes_first = core == 0 && probe == PROBE_FIRST;
        const char *wrong = netif_configure(&nifs[core], port->mac, be32_get(address.address),
                                            address.bits, gateways);
        if (wrong) {
            log_error("%s: address not set: %s", name, wrong);
            return;
        }
        bind_twamp(line, &nifs[core], core == 0);
    }
    set_neighbours(line, name, &nifs[0]);
    port->netif = nifs;
}

/* An address in a VLAN, of an application that has ports for them. */
static void configure_vlan(const struct cmdline *line, struct port *wire, unsigned vlan,
                           const char *name, const struct app *chosen)
{
    struct port *port = vlan_add(wire, vlan);

    if (!port) {
        log_error("%s: address not set: %s", name,
                  vlan_find(wire, vlan) ? "the VLAN has one already"
                                        : "there are too many ports and VLANs");
        return;
    }
    configure_mtu(line, port, name, chosen);
    configure_port(line, port, name, 0, chosen);
}

void addresses_configure(const struct cmdline *line, struct port *port, const struct app *chosen)
{
    char name[PORT_NAME_BYTES], key[24];
    unsigned cursor = 0, further;
    uint64_t vlan = 0;

    port_name(port, name);
    configure_mtu(line, port, name, chosen);
    fmt_print(key, sizeof(key), "%s.vlan", name);
    if (cmdline_u64(line, key, &vlan) && (vlan < 1 || vlan >= VLAN_ID))
        log_error("%s: address not set: VLAN must be 1 to %u, not %lu", name, VLAN_ID - 1, vlan);
    else if (vlan != 0 && chosen->has_vlans)
        configure_vlan(line, port, (unsigned)vlan, name, chosen);
    else
        configure_port(line, port, name, (unsigned)vlan, chosen);
    while (chosen->has_vlans && cmdline_next_vlan(line, port->index, &cursor, &further)) {
        fmt_print(name, sizeof(name), "port%u.%u", port->index, further);
        if (further < 1 || further >= VLAN_ID)
            log_error("%s: address not set: VLAN must be 1 to %u", name, VLAN_ID - 1);
        else
            configure_vlan(line, port, further, name, chosen);
    }
}
