/* SPDX-License-Identifier: BSD-2-Clause
 * Next hops and the routing table that refers to them; see hops.h.
 */
#include "net/route/hops.h"

#include "arch/image.h"
#include "arch/random.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"

static_assert(HOPS_MTU == ETH_MAX - ETH_BYTES, "the longest frame holds the longest datagram");

enum {
    CHAINS = ROUTE_FAR_HOPS,
    ARP_MAX = ROUTE_PORT_HOPS + ARP_ENTRIES, /* each next hop has an entry, and so has the stack */
    HOSTS_SPARE = 96,                        /* with fewer next hops left, hosts give way */
    CHECKED_MAX = 1024,                      /* hosts that are checked at a time */
};
#define CHECK_NS   1000000000ull /* a host to which no frame is sent for so long may give way */
#define REFRESH_NS 1000000000ull

READ_MOSTLY struct routes routes;
READ_MOSTLY struct hop *hops;

/* The hosts of a port. They are found by any core, so a host is taken out of its chain but keeps its
 * place in it until the grace period is over. */
READ_MOSTLY static struct hosts {
    uint16_t chains[CHAINS]; /* by ip: the first one's hop; 0: none */
    uint16_t free;           /* released ones, a list */
    uint16_t top;            /* far next hops used so far */
    uint16_t n, checked;     /* in use; of them, those in state HOP_CHECKED */
    uint16_t hand;           /* the last one checked */
    bool is_urgent;          /* nearly none is left: they give way at once, not after CHECK_NS */
    uint32_t arp_changes;    /* of the port's ARP table when they were last refreshed, and when */
    uint64_t refreshed_ns;
} * hosts;

static uint32_t mtus[PORTS_MAX]; /* 0: HOPS_MTU */
static uint16_t retired;         /* a list */

uint32_t hops_mtu(const struct port *port)
{
    return mtus[port->index] ? mtus[port->index] : HOPS_MTU;
}

void hops_set_mtu(unsigned port, uint32_t mtu)
{
    mtus[port] = mtu;
}

/* ---- Allocating and releasing next hops ---- */

static void set_state(unsigned hop, enum hop_state state)
{
    if (hop_is_host(hop)) {
        struct hosts *own = &hosts[hop_port(hop)];
        own->checked -= hops[hop].state == HOP_CHECKED;
        own->checked += state == HOP_CHECKED;
    }
    __atomic_store_n(&hops[hop].state, (uint8_t)state, __ATOMIC_RELEASE); /* pairs with hop_state */
}

unsigned hops_gateway(const struct port *port, uint32_t ip)
{
    unsigned first = port->index * ROUTE_PORT_HOPS;

    for (unsigned i = first + HOP_FIRST; i < first + ROUTE_NEAR_HOPS; i++)
        if (hops[i].refs > 0 && hops[i].ip == ip)
            return i;
    return 0;
}

/* A next hop for a gateway that has none. 0: none is free. */
static unsigned make_gateway(const struct port *port, uint32_t ip)
{
    unsigned first = port->index * ROUTE_PORT_HOPS;

    for (unsigned i = first + HOP_FIRST; i < first + ROUTE_NEAR_HOPS; i++)
        if (hops[i].refs == 0 && hops[i].state != HOP_RETIRED) {
            hops[i] = (struct hop){.ip = ip, .state = HOP_ASKING};
            return i;
        }
    return 0;
}

static uint16_t *chain_of(unsigned port, uint32_t ip)
{
    return &hosts[port].chains[(ip * 0x9E3779B1u) >> 16 & (CHAINS - 1)];
}

unsigned hops_find(const struct port *port, uint32_t ip)
{
    unsigned hop = __atomic_load_n(chain_of(port->index, ip), __ATOMIC_ACQUIRE);

    while (hop != 0 && hops[hop].ip != ip)
        hop = __atomic_load_n(&hops[hop].chain, __ATOMIC_ACQUIRE);
    return hop;
}

static bool can_make_host(const struct port *port)
{
    const struct hosts *own = &hosts[port->index];
    return own->free != 0 || own->top < ROUTE_FAR_HOPS;
}

/* A next hop for a host that has none, if can_make_host. */
static unsigned make_host(const struct port *port, uint32_t ip)
{
    struct hosts *own = &hosts[port->index];
    uint16_t *chain = chain_of(port->index, ip);
    unsigned hop = own->free;

    if (hop != 0)
        own->free = hops[hop].link;
    else
        hop = port->index * ROUTE_PORT_HOPS + ROUTE_NEAR_HOPS + own->top++;
    own->n++;
    hops[hop] = (struct hop){.ip = ip, .chain = *chain, .state = HOP_ASKING};
    __atomic_store_n(chain, (uint16_t)hop, __ATOMIC_RELEASE); /* pairs with hops_find */
    return hop;
}

static bool is_neighbour(unsigned hop)
{
    return hop_kind(hop) == HOP_FIRST;
}

/* The port on whose link the address is: the one with the smallest subnet; of those with the same, the
 * first. NULL: none. */
static struct port *port_of_neighbour(uint32_t ip)
{
    struct port *port = NULL;

    for (unsigned i = 0; i < ports_n; i++)
        if (ports[i].netif && netif_is_neighbour(ports[i].netif, ip) &&
            (!port || ports[i].netif->prefix > port->netif->prefix))
            port = &ports[i];
    return port;
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
    if (kind == HOP_NEVER && ip_is_link_local(ip)) {
        *next = ip;
        return port_of_neighbour(ip);
    }
    if (kind != HOP_LINK && kind != HOP_FIRST)
        return NULL;
    *next = kind == HOP_LINK ? ip : hops[hop].ip;
    return &ports[hop_port(hop)];
}

/* No rule refers to it any more. */
static void retire(unsigned hop)
{
    if (hop_is_host(hop)) {
        uint16_t *at = chain_of(hop_port(hop), hops[hop].ip);
        while (*at != hop)
            at = &hops[*at].chain;
        __atomic_store_n(at, hops[hop].chain, __ATOMIC_RELEASE);
        hosts[hop_port(hop)].n--;
    }
    set_state(hop, HOP_RETIRED);
    routes.table->hops[hop].bytes_max = -1;
    hops[hop].link = retired;
    retired = (uint16_t)hop;
}

static void release_hop(unsigned hop)
{
    if (is_neighbour(hop) && --hops[hop].refs == 0)
        retire(hop);
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
    return retired != 0 || routes_have_retired(&routes);
}

void hops_reclaim(void)
{
    while (retired != 0) {
        struct hop *hop = &hops[retired];
        struct hosts *own = &hosts[hop_port(retired)];
        unsigned next = hop->link;

        if (hop_is_host(retired)) {
            hop->link = own->free;
            own->free = retired;
        }
        set_state(retired, HOP_FREE);
        retired = (uint16_t)next;
    }
    routes_reclaim(&routes);
}

/* ---- Neighbours ---- */

/* Update what the loops read of a next hop; a value that has not changed is not written. With
 * is_open the loops forward to it. mac may be NULL: none is known. */
static void put(unsigned hop, const uint8_t *mac, bool is_open)
{
    struct route_hop *to = &routes.table->hops[hop];
    const struct port *port = &ports[hop_port(hop)];
    int64_t bytes_max =
        mac && is_open ? (int64_t)(ETH_BYTES + hops_mtu(port)) - (int64_t)ROUTE_PLAIN_HEADERS : -1;
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

/* Remove the route and next hop of a host. */
static void remove_host(unsigned hop)
{
    if (hops[hop].refs > 0)
        (void)hops_clear(hops[hop].ip, 32);
    else
        retire(hop);
}

/* Are so few next hops left for hosts of the port? */
static bool is_short(const struct hosts *own, unsigned left)
{
    return own->n + left > ROUTE_FAR_HOPS;
}

/* May a host to which no frame was sent since it is checked give way now? */
static bool gives_way(unsigned hop, uint64_t now_ns)
{
    const struct hosts *own = &hosts[hop_port(hop)];

    return is_short(own, HOSTS_SPARE) && (own->is_urgent || now_ns >= hops[hop].until_ns);
}

static void refresh_known(unsigned hop, const uint8_t *mac, uint64_t now_ns)
{
    bool is_idle = hops[hop].state == HOP_CHECKED && !hops[hop].is_used;

    if (is_idle && gives_way(hop, now_ns)) {
        remove_host(hop);
        return;
    }
    put(hop, mac, !is_idle);
    if (!is_idle && hops[hop].state != HOP_KNOWN)
        set_state(hop, HOP_KNOWN);
    if (hop_is_host(hop) && !routes_find(&routes, hops[hop].ip, 32))
        (void)set_rule(hops[hop].ip, 32,
                       hop); /* if the table is full, its frames take the slow path */
}

static void refresh(unsigned hop, uint64_t now_ns)
{
    struct arp_cache *arp = &ports[hop_port(hop)].netif->arp;
    struct hop *h = &hops[hop];
    enum arp_state state;
    uint8_t mac[6];

    if (h->state == HOP_FAILED && hop_is_host(hop)) {
        if (now_ns < h->until_ns)
            return;
        if (!h->is_used) {
            remove_host(hop);
            return;
        }
    }
    if (arp_lookup(arp, h->ip, now_ns, mac, &state)) {
        refresh_known(hop, mac, now_ns);
        return;
    }
    put(hop, NULL, false);
    if (state != ARP_FAILED) {
        set_state(hop, HOP_ASKING);
        return;
    }
    if (h->state != HOP_FAILED) {
        h->is_used = false;
        h->until_ns = now_ns + ARP_HOLD_OFF_NS;
    }
    set_state(hop, HOP_FAILED);
}

void hops_resolve(struct port *port, uint32_t ip, bool is_wanted, uint64_t now_ns)
{
    unsigned gateway = hops_gateway(port, ip), host = hops_find(port, ip);
    enum arp_state state;
    uint8_t mac[6];

    if (gateway != 0)
        refresh(gateway, now_ns);
    if (host == 0 && is_wanted && can_make_host(port)) {
        (void)arp_lookup(&port->netif->arp, ip, now_ns, mac, &state);
        if (state != ARP_FREE)
            host = make_host(port, ip);
    }
    if (host != 0)
        refresh(host, now_ns);
}

/* Have the next hosts checked for use. */
static void check_hosts(unsigned port, uint64_t now_ns)
{
    struct hosts *own = &hosts[port];

    for (unsigned i = 0; i < own->top && own->checked < CHECKED_MAX; i++) {
        own->hand = (uint16_t)((own->hand + 1) % own->top);
        unsigned hop = port * ROUTE_PORT_HOPS + ROUTE_NEAR_HOPS + own->hand;

        if (hops[hop].state == HOP_FAILED)
            remove_host(hop);
        if (hops[hop].state != HOP_KNOWN)
            continue;
        hops[hop].is_used = false;
        hops[hop].until_ns = now_ns + CHECK_NS;
        set_state(hop, HOP_CHECKED);
        routes.table->hops[hop].bytes_max = -1;
    }
}

static void refresh_port(unsigned port, uint64_t now_ns)
{
    const struct arp_cache *arp = &ports[port].netif->arp;
    struct hosts *own = &hosts[port];
    unsigned first = port * ROUTE_PORT_HOPS, hop;

    for (unsigned i = HOP_FIRST; i < ROUTE_NEAR_HOPS; i++)
        if (hops[first + i].refs > 0)
            refresh(first + i, now_ns);
    /* Hosts change only as their ARP entries do, and as time passes. */
    if (own->checked > 0 || own->arp_changes != arp->changes ||
        now_ns - own->refreshed_ns >= REFRESH_NS) {
        own->arp_changes = arp->changes;
        own->refreshed_ns = now_ns;
        own->is_urgent = is_short(own, HOSTS_SPARE / 2);
        for (unsigned i = 0; i < own->top; i++) {
            hop = first + ROUTE_NEAR_HOPS + i;
            if (hops[hop].state != HOP_FREE && hops[hop].state != HOP_RETIRED)
                refresh(hop, now_ns);
        }
    }
    if (is_short(own, HOSTS_SPARE))
        check_hosts(port, now_ns);
}

void hops_refresh(uint64_t now_ns)
{
    for (unsigned i = 0; i < ports_n; i++)
        if (ports[i].netif)
            refresh_port(i, now_ns);
}

unsigned hops_count(bool is_host, enum hop_state state)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ports_n * ROUTE_PORT_HOPS; i++)
        n += is_neighbour(i) && hop_is_host(i) == is_host && hops[i].state == state;
    return n;
}

/* ---- Routes ---- */

/* Addresses that are never forwarded to (RFC 1812 sections 4.2.2.11, 4.2.3.1 and 5.3.7; RFC 3927
 * section 7). */
static const struct {
    uint32_t prefix;
    uint8_t bits, hop;
} fixed[] = {
    {0x00000000, 8, HOP_NEVER},  {0x7F000000, 8, HOP_NEVER},     {0xF0000000, 4, HOP_NEVER},
    {0xA9FE0000, 16, HOP_NEVER}, {0xE0000000, 4, HOP_BROADCAST}, {0xFFFFFFFF, 32, HOP_BROADCAST},
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
        struct port *port = port_of_neighbour(line->gateway);
        if (!port || line->gateway == port->netif->ip)
            return "the gateway is not a host on any port's link";
        hop = hops_gateway(port, line->gateway);
        if (hop == 0)
            hop = make_gateway(port, line->gateway);
        if (hop == 0)
            return "that port has no room for another gateway";
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
    return NULL;
}

/* Does an earlier port have the same subnet? Then hosts are reached by that one. */
static bool has_rival(const struct port *port)
{
    const struct netif *nif = port->netif;
    be32_t net = be32_of(nif->ip & nif->mask);

    for (unsigned i = 0; i < port->index; i++) {
        const struct netif *other = ports[i].netif;
        if (!other || other->prefix != nif->prefix || ((other->ip ^ nif->ip) & nif->mask) != 0)
            continue;
        log_warn("port%u: %pI4/%u is the subnet of port%u too: its hosts are reached by port%u",
                 port->index, &net, nif->prefix, i, i);
        return true;
    }
    return false;
}

static const char *start_port(const struct port *port)
{
    const struct netif *nif = port->netif;
    uint32_t net = nif->ip & nif->mask;
    const char *wrong = NULL;

    if (!has_rival(port) && !ip_is_link_local(net))
        wrong = set_rule(net, nif->prefix, port->index * ROUTE_PORT_HOPS + HOP_LINK);
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
    uint32_t most = rules + OWN + ports_n * ROUTE_FAR_HOPS;
    void *memory = memory_alloc(routes_bytes(most, groups), ROUTE_ALIGN);

    hops = memory_alloc(ports_n * ROUTE_PORT_HOPS * sizeof(struct hop), PAGE_BYTES);
    hosts = memory_alloc(ports_n * sizeof(struct hosts), PAGE_BYTES);
    if (!memory || !hops || !hosts)
        return "not enough memory for the routing table";
    routes_init(&routes, memory, most, groups);
    retired = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        (void)set_rule(fixed[i].prefix, fixed[i].bits, fixed[i].hop);
        routes_work(&routes, ~0u);
    }
    for (unsigned i = 0; i < ports_n; i++) {
        if (!ports[i].netif)
            continue;
        void *neighbours = memory_alloc(arp_bytes(ARP_MAX), PAGE_BYTES);
        if (!neighbours)
            return "not enough memory for neighbours";
        arp_extend(&ports[i].netif->arp, neighbours, ARP_MAX, (uint32_t)random_u64() | 1);
        const char *wrong = start_port(&ports[i]);
        if (wrong)
            return wrong;
    }
    return NULL;
}
