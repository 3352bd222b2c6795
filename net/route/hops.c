/* SPDX-License-Identifier: BSD-2-Clause
 * Next hops and the routing table that refers to them; see hops.h.
 */
#include "net/route/hops.h"

#include "arch/image.h"
#include "kernel/lib/str.h"
#include "kernel/memory/memory.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"

static_assert(HOPS_MTU == ETH_MAX - ETH_BYTES, "the longest frame holds the longest datagram");

READ_MOSTLY struct routes routes;
struct hop hops[ROUTE_HOPS] __attribute__((aligned(CACHE_LINE_BYTES)));

static uint32_t mtus[PORTS_MAX]; /* 0: HOPS_MTU */
static bool has_retired;

uint32_t hops_mtu(const struct port *port)
{
    return mtus[port->index] ? mtus[port->index] : HOPS_MTU;
}

void hops_set_mtu(unsigned port, uint32_t mtu)
{
    mtus[port] = mtu;
}

/* ---- Allocating and releasing next hops ---- */

/* The next hop of a neighbour of the port; with `may_make` a free one is allocated. 0: none. */
static unsigned hop_for(const struct port *port, uint32_t ip, bool may_make)
{
    unsigned first = port->index * ROUTE_PORT_HOPS, free = 0;

    for (unsigned i = first + HOP_FIRST; i < first + ROUTE_PORT_HOPS; i++) {
        if (hops[i].refs > 0 && hops[i].ip == ip)
            return i;
        if (hops[i].refs == 0 && !hops[i].is_retired && free == 0)
            free = i;
    }
    if (!may_make || free == 0)
        return 0;
    hops[free] = (struct hop){.ip = ip};
    return free;
}

unsigned hops_find(const struct port *port, uint32_t ip)
{
    return hop_for(port, ip, false);
}

static bool is_neighbour(unsigned hop)
{
    return hop_kind(hop) == HOP_FIRST;
}

struct port *hops_towards(uint32_t ip, uint32_t *next)
{
    if (!routes.table)
        return NULL;
    unsigned hop = route_hop_of(route_entry(routes.table, ip)), kind = hop_kind(hop);

    if (kind == HOP_LOCAL) /* the port with this address; *next is not set */
        for (unsigned i = 0; i < ports_n; i++)
            if (ports[i].netif && ports[i].netif->ip == ip)
                return &ports[i];
    if (kind != HOP_LINK && kind != HOP_FIRST)
        return NULL;
    *next = kind == HOP_LINK ? ip : hops[hop].ip;
    return &ports[hop_port(hop)];
}

static void release_hop(unsigned hop)
{
    if (!is_neighbour(hop) || --hops[hop].refs > 0)
        return;
    hops[hop].is_retired = true;
    has_retired = true;
    routes.table->hops[hop].bytes_max = -1;
}

static const char *set_rule(uint32_t prefix, unsigned bits, unsigned hop)
{
    const struct route_rule *old = routes_find(&routes, prefix, bits);
    unsigned old_hop = old ? old->hop : HOP_NONE;
    const char *wrong = routes_set(&routes, prefix, bits, hop);

    if (wrong)
        return wrong;
    if (is_neighbour(hop))
        hops[hop].refs++;
    release_hop(old_hop);
    return NULL;
}

bool hops_have_retired(void)
{
    return has_retired || routes_have_retired(&routes);
}

void hops_reclaim(void)
{
    for (unsigned i = 0; i < ROUTE_HOPS && has_retired; i++)
        hops[i].is_retired = false;
    has_retired = false;
    routes_reclaim(&routes);
}

/* ---- Neighbours ---- */

/* Update what the loops read of a next hop; a value that has not changed is not written. */
static void put(unsigned hop, const uint8_t *mac)
{
    struct route_hop *to = &routes.table->hops[hop];
    const struct port *port = &ports[hop_port(hop)];
    int64_t bytes_max =
        mac ? (int64_t)(ETH_BYTES + hops_mtu(port)) - (int64_t)ROUTE_PLAIN_HEADERS : -1;
    uint64_t macs = to->macs;
    uint32_t our_mac;

    memcpy(&our_mac, port->mac + 2, 4);
    if (mac) {
        memcpy(&macs, mac, 6);
        memcpy((uint8_t *)&macs + 6, port->mac, 2);
    }
    if (to->our_mac != our_mac)
        to->our_mac = our_mac;
    if (to->macs != macs)
        __atomic_store_n(&to->macs, macs, __ATOMIC_RELEASE);
    if (to->bytes_max != bytes_max)
        __atomic_store_n(&to->bytes_max, bytes_max, __ATOMIC_RELEASE);
}

/* Remove the route and next hop of a host on a port's own subnet. */
static void remove_host(unsigned hop)
{
    (void)hops_clear(hops[hop].ip, 32);
}

/* All next hops of the port are in use: remove a host's, round robin. */
static void evict_host(const struct port *port)
{
    static unsigned victim;

    for (unsigned i = 0; i < ROUTE_PORT_HOPS; i++) {
        unsigned hop = port->index * ROUTE_PORT_HOPS + ++victim % ROUTE_PORT_HOPS;
        if (is_neighbour(hop) && hops[hop].refs > 0 && hops[hop].is_host) {
            remove_host(hop);
            return;
        }
    }
}

void hops_resolve(struct port *port, uint32_t ip, uint64_t now_ns)
{
    unsigned hop = hop_for(port, ip, false);
    enum arp_state state;
    uint8_t mac[6];

    if (!arp_lookup(&port->netif->arp, ip, now_ns, mac, &state))
        return;
    if (hop == 0) {
        hop = hop_for(port, ip, true);
        if (hop == 0) {
            if (!has_retired)
                evict_host(port);
            return;
        }
        hops[hop].is_host = true;
    }
    put(hop, mac);
    if (!routes_find(&routes, ip, 32))
        (void)set_rule(ip, 32, hop); /* if the table is full, its frames take the slow path */
}

void hops_refresh(uint64_t now_ns)
{
    for (unsigned i = 0; i < ports_n * ROUTE_PORT_HOPS; i++) {
        struct port *port = &ports[hop_port(i)];
        enum arp_state state;
        uint8_t mac[6];

        if (!is_neighbour(i) || hops[i].refs == 0)
            continue;
        bool is_known = arp_lookup(&port->netif->arp, hops[i].ip, now_ns, mac, &state);
        put(i, is_known ? mac : NULL);
        if (is_known && !routes_find(&routes, hops[i].ip, 32))
            (void)set_rule(hops[i].ip, 32, i); /* the gateway's own address */
        if (state == ARP_FAILED && hops[i].is_host)
            remove_host(i);
    }
}

/* ---- Routes ---- */

static struct port *port_of_net(uint32_t ip)
{
    for (unsigned i = 0; i < ports_n; i++)
        if (ports[i].netif && netif_is_on_net(ports[i].netif, ip))
            return &ports[i];
    return NULL;
}

/* Addresses that are never forwarded to (RFC 1812 sections 4.2.2.11, 4.2.3.1 and 5.3.7). */
static const struct {
    uint32_t prefix;
    uint8_t bits, hop;
} fixed[] = {
    {0x00000000, 8, HOP_NEVER},     {0x7F000000, 8, HOP_NEVER},      {0xF0000000, 4, HOP_NEVER},
    {0xE0000000, 4, HOP_BROADCAST}, {0xFFFFFFFF, 32, HOP_BROADCAST},
};

static bool is_fixed(uint32_t prefix, unsigned bits)
{
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++)
        if (bits >= fixed[i].bits && (prefix ^ fixed[i].prefix) >> (32 - fixed[i].bits) == 0)
            return true;
    return false;
}

/* Is it the prefix of a port's address, subnet or broadcast, which commands may not change? */
static bool is_own(uint32_t prefix, unsigned bits)
{
    const struct route_rule *rule = routes_find(&routes, prefix, bits);
    unsigned kind = rule ? hop_kind(rule->hop) : HOP_NONE;

    if (kind == HOP_LINK)
        for (unsigned i = 0; i < ports_n; i++)
            if (ports[i].netif && ports[i].netif->prefix == bits &&
                (ports[i].netif->ip & ports[i].netif->mask) == prefix)
                return true;
    return kind == HOP_LOCAL || kind == HOP_BROADCAST || kind == HOP_NEVER;
}

const char *hops_route(const struct route_line *line)
{
    unsigned hop = HOP_REJECT;

    if (is_fixed(line->prefix, line->bits) || is_own(line->prefix, line->bits))
        return "this prefix is reserved";
    if (line->via == ROUTE_VIA_PORT) {
        if (line->port >= ports_n || !ports[line->port].netif)
            return "no such port, or it has no address";
        hop = line->port * ROUTE_PORT_HOPS + HOP_LINK;
    } else if (line->via == ROUTE_VIA_GATEWAY) {
        struct port *port = port_of_net(line->gateway);
        if (!port || line->gateway == port->netif->ip)
            return "the gateway is not a host on any port's subnet";
        hop = hop_for(port, line->gateway, true);
        if (hop == 0)
            return "that port has no room for another gateway";
        hops[hop].is_host = false;
    }
    return set_rule(line->prefix, line->bits, hop);
}

const char *hops_clear(uint32_t prefix, unsigned bits)
{
    const struct route_rule *rule = routes_find(&routes, prefix, bits);
    unsigned hop = rule ? rule->hop : HOP_NONE;

    if (is_own(prefix, bits))
        return "the route belongs to a port's address";
    const char *wrong = routes_clear(&routes, prefix, bits);
    if (wrong)
        return wrong;
    release_hop(hop);
    /* If no route uses it as a gateway any more, it may still be a host with its own route. */
    rule = is_neighbour(hop) && hops[hop].refs == 1 ? routes_find(&routes, hops[hop].ip, 32) : NULL;
    if (rule && rule->hop == hop)
        hops[hop].is_host = true;
    return NULL;
}

static const char *start_port(const struct port *port)
{
    const struct netif *nif = port->netif;
    uint32_t net = nif->ip & nif->mask;
    const char *wrong = set_rule(net, nif->prefix, port->index * ROUTE_PORT_HOPS + HOP_LINK);

    routes_work(&routes, ~0u);
    if (!wrong && nif->prefix < 31)
        wrong = set_rule(net, 32, HOP_BROADCAST);
    if (!wrong && nif->prefix < 31)
        wrong = set_rule(net | ~nif->mask, 32, HOP_BROADCAST);
    return wrong ? wrong : set_rule(nif->ip, 32, HOP_LOCAL);
}

const char *hops_start(uint32_t rules, uint32_t long_rules)
{
    enum { OWN = 4096, OWN_GROUPS = 1024 };
    uint32_t groups = MIN(long_rules + OWN_GROUPS, ROUTE_GROUPS_MAX);
    void *memory = memory_alloc(routes_bytes(rules + OWN, groups), ROUTE_ALIGN);

    if (!memory)
        return "not enough memory for the routing table";
    routes_init(&routes, memory, rules + OWN, groups);
    memset(hops, 0, sizeof(hops));
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        (void)set_rule(fixed[i].prefix, fixed[i].bits, fixed[i].hop);
        routes_work(&routes, ~0u);
    }
    for (unsigned i = 0; i < ports_n; i++) {
        const char *wrong = ports[i].netif ? start_port(&ports[i]) : NULL;
        if (wrong)
            return wrong;
    }
    return NULL;
}
