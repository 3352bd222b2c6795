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
#include "net/lane/vlans.h"

enum {
    CHAIN_BITS = 12, /* of the hash of hosts */
    CHAINS = 1 << CHAIN_BITS,
    ARP_MAX = 2 * ROUTE_FAR_HOPS, /* each next hop has an entry, and so has each host asked for */
    HOSTS_SPARE = 96,             /* with fewer next hops left, hosts give way */
    CHECKED_MAX = 1024,           /* hosts that are checked at a time */
    FAILED_MAX = 1024,            /* next hops for hosts that do not answer */
    /* What hops_refresh does at a time: about 300 instructions for a next hop, ... */
    STEP_COST = 32,
    REMOVE_COST = 8, /* ... so many times as many for a route that is made or removed */
};
static_assert(CHAINS == ROUTE_FAR_HOPS, "chains are short");
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
    uint16_t n;              /* in use */
    uint16_t hand;           /* the last one checked */
    bool is_urgent;          /* nearly none is left: they give way at once, not after CHECK_NS */
    uint32_t arp_changes;    /* of the port's ARP table when they were last refreshed, and when */
    uint64_t refreshed_ns;
} * hosts;

static uint16_t retired;     /* a list: they await the next grace period */
static uint16_t graced;      /* a list: they await the end of the one that has begun */
static uint32_t hash_factor; /* odd and random, see arp_extend */
/* How many next hops are in each state: of all gateways, of all hosts; and of the hosts of a port. */
static uint32_t counts[2][HOP_STATES], port_counts[PORTS_MAX][HOP_STATES];

/* ---- Allocating and releasing next hops ---- */

static bool is_neighbour(unsigned hop)
{
    return hop_kind(hop) == HOP_FIRST;
}

static void set_state(unsigned hop, enum hop_state state)
{
    const bool is_host = hop_is_host(hop);

    if (is_neighbour(hop)) {
        counts[is_host][hops[hop].state]--;
        counts[is_host][state]++;
    }
    if (is_host) {
        port_counts[hop_port(hop)][hops[hop].state]--;
        port_counts[hop_port(hop)][state]++;
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
            hops[i] = (struct hop){.ip = ip, .state = hops[i].state};
            set_state(i, HOP_ASKING);
            return i;
        }
    return 0;
}

static uint16_t *chain_of(unsigned port, uint32_t ip)
{
    return &hosts[port].chains[ip * hash_factor >> (32 - CHAIN_BITS)];
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

/* A next hop for a host that has none, if can_make_host; publish it in its chain when it is filled
 * in. */
static unsigned make_host(const struct port *port, uint32_t ip)
{
    struct hosts *own = &hosts[port->index];
    unsigned hop = own->free;

    if (hop != 0)
        own->free = hops[hop].link;
    else
        hop = port->index * ROUTE_PORT_HOPS + ROUTE_NEAR_HOPS + own->top++;
    own->n++;
    hops[hop] = (struct hop){.ip = ip, .chain = *chain_of(port->index, ip)};
    return hop;
}

static void publish_host(unsigned hop)
{
    uint16_t *chain = chain_of(hop_port(hop), hops[hop].ip);

    __atomic_store_n(chain, (uint16_t)hop, __ATOMIC_RELEASE); /* pairs with hops_find */
}

/* The port on whose link the address is: the one with the smallest subnet; of those with the same, the
 * first. NULL: none. */
static struct port *port_of_neighbour(uint32_t ip)
{
    struct port *port = NULL;

    for (unsigned i = 0; i < ports_all; i++)
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
        for (unsigned i = 0; i < ports_all; i++)
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
    return retired != 0 || graced != 0 || routes_have_retired(&routes);
}

void hops_begin_grace(void)
{
    graced = retired; /* the last period's are free */
    retired = 0;
    routes_begin_grace(&routes);
}

bool hops_reclaim(void)
{
    for (unsigned i = 0; i < ROUTE_RECLAIM && graced != 0; i++) {
        struct hop *hop = &hops[graced];
        struct hosts *own = &hosts[hop_port(graced)];
        unsigned next = hop->link;

        if (hop_is_host(graced)) {
            hop->link = own->free;
            own->free = graced;
        }
        set_state(graced, HOP_FREE);
        graced = (uint16_t)next;
    }
    return graced == 0 && routes_reclaim(&routes);
}

/* ---- Neighbours ---- */

/* Update what the loops read of a next hop; a value that has not changed is not written. With
 * is_open the loops forward to it. mac may be NULL: none is known. */
static void put(unsigned hop, const uint8_t *mac, bool is_open)
{
    struct route_hop *to = &routes.table->hops[hop];
    const struct port *port = &ports[hop_port(hop)];
    int64_t bytes_max =
        mac && is_open ? (int64_t)(ETH_BYTES + port->mtu) - (int64_t)ROUTE_PLAIN_HEADERS : -1;
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

/* Returns the cost. */
static unsigned refresh_known(unsigned hop, const uint8_t *mac, uint64_t now_ns)
{
    bool is_idle = hops[hop].state == HOP_CHECKED && !hops[hop].is_used;

    if (is_idle && gives_way(hop, now_ns)) {
        remove_host(hop);
        return REMOVE_COST;
    }
    put(hop, mac, !is_idle);
    if (!is_idle && hops[hop].state != HOP_KNOWN)
        set_state(hop, HOP_KNOWN);
    if (!hop_is_host(hop) || hops[hop].refs > 0 || routes_find(&routes, hops[hop].ip, 32))
        return 1;
    (void)set_rule(hops[hop].ip, 32, hop); /* if the table is full, frames take the slow path */
    return REMOVE_COST;
}

/* From now on frames to this neighbour are refused, for the time of the hold-off. */
static void set_failed(unsigned hop, uint64_t now_ns)
{
    hops[hop].is_used = false;
    hops[hop].until_ns = now_ns + ARP_HOLD_OFF_NS;
    set_state(hop, HOP_FAILED);
}

/* Of a host whose MAC address is not known. Returns the cost. */
static unsigned refresh_unknown_host(unsigned hop, enum arp_state state, uint64_t now_ns)
{
    if (state == ARP_FAILED && hops[hop].state != HOP_FAILED)
        set_failed(hop, now_ns);
    if (state == ARP_FAILED)
        return 1;
    remove_host(hop); /* until it answers */
    return REMOVE_COST;
}

/* Returns the cost. */
static unsigned refresh(unsigned hop, uint64_t now_ns)
{
    struct arp_cache *arp = &ports[hop_port(hop)].netif->arp;
    struct hop *h = &hops[hop];
    enum arp_state state;
    uint8_t mac[6];

    if (h->state == HOP_FAILED && hop_is_host(hop)) {
        bool is_in_the_way = is_short(&hosts[hop_port(hop)], HOSTS_SPARE);
        if (now_ns < h->until_ns && !is_in_the_way)
            return 1;
        if (!h->is_used || is_in_the_way) {
            remove_host(hop);
            return REMOVE_COST;
        }
    }
    if (arp_lookup(arp, h->ip, now_ns, mac, &state))
        return refresh_known(hop, mac, now_ns);
    put(hop, NULL, false);
    if (hop_is_host(hop))
        return refresh_unknown_host(hop, state, now_ns);
    set_state(hop, state == ARP_FAILED ? HOP_FAILED : HOP_ASKING);
    return 1;
}

/* A host without a next hop has a MAC address. If no next hop is free, its frames go on asking. */
static void enter_known(const struct port *port, uint32_t ip, const uint8_t *mac, uint64_t now_ns)
{
    if (!can_make_host(port))
        return;
    unsigned hop = make_host(port, ip);
    put(hop, mac, true);
    set_state(hop, HOP_KNOWN);
    publish_host(hop);
    (void)refresh_known(hop, mac, now_ns);
}

/* A host without a next hop has failed. If there are few next hops, the core that asks is told. */
static void enter_failed(const struct port *port, uint32_t ip, uint64_t now_ns)
{
    if (port_counts[port->index][HOP_FAILED] >= FAILED_MAX ||
        is_short(&hosts[port->index], HOSTS_SPARE))
        return;
    unsigned hop = make_host(port, ip);
    set_failed(hop, now_ns);
    publish_host(hop);
}

enum arp_state hops_resolve(struct port *port, uint32_t ip, bool is_wanted, uint64_t now_ns)
{
    unsigned gateway = hops_gateway(port, ip), host = hops_find(port, ip);
    enum arp_state state;
    uint8_t mac[6];

    if (gateway != 0)
        (void)refresh(gateway, now_ns);
    if (host != 0)
        (void)refresh(host, now_ns);
    bool is_known = arp_lookup(&port->netif->arp, ip, now_ns, mac, &state);
    if (host != 0 || (gateway != 0 && !is_wanted))
        return state;
    if (is_known)
        enter_known(port, ip, mac, now_ns);
    else if (state == ARP_FAILED)
        enter_failed(port, ip, now_ns);
    return state;
}

/* ARP's: the requests for a neighbour were not answered. */
static void on_failed(void *context, uint32_t ip, uint64_t now_ns)
{
    if (routes.table)
        (void)hops_resolve(context, ip, false, now_ns);
}

/* Have a host checked for use, if it is known. Returns the cost. */
static unsigned check_host(unsigned hop, uint64_t now_ns)
{
    if (hops[hop].state != HOP_KNOWN)
        return 1;
    hops[hop].is_used = false;
    hops[hop].until_ns = now_ns + CHECK_NS;
    set_state(hop, HOP_CHECKED);
    routes.table->hops[hop].bytes_max = -1;
    return 1;
}

/* Where a refresh of all neighbours is: first the gateways of each port, then its hosts, then hosts to
 * be checked. */
static struct {
    unsigned port, at, checked;
} pass = {.at = HOP_FIRST};

/* Hosts change only as their ARP entries do, and as time passes. */
static bool hosts_are_due(unsigned port, uint64_t now_ns)
{
    const struct arp_cache *arp = &ports[port].netif->arp;
    struct hosts *own = &hosts[port];

    if (port_counts[port][HOP_CHECKED] == 0 && own->arp_changes == arp->changes &&
        now_ns - own->refreshed_ns < REFRESH_NS)
        return false;
    own->arp_changes = arp->changes;
    own->refreshed_ns = now_ns;
    own->is_urgent = is_short(own, HOSTS_SPARE / 2);
    return true;
}

/* One of the port's next hops. Returns the cost; 0: there are no more. */
static unsigned refresh_next(unsigned port, uint64_t now_ns)
{
    struct hosts *own = &hosts[port];
    unsigned hop = port * ROUTE_PORT_HOPS + pass.at;

    if (pass.at < ROUTE_NEAR_HOPS) {
        pass.at++;
        return hops[hop].refs > 0 ? refresh(hop, now_ns) : 1;
    }
    if (pass.at == ROUTE_NEAR_HOPS && !hosts_are_due(port, now_ns))
        pass.at = ROUTE_PORT_HOPS;
    if (pass.at < ROUTE_NEAR_HOPS + own->top) {
        pass.at++;
        bool is_used = hops[hop].state != HOP_FREE && hops[hop].state != HOP_RETIRED;
        return is_used ? refresh(hop, now_ns) : 1;
    }
    if (!is_short(own, HOSTS_SPARE) || port_counts[port][HOP_CHECKED] >= CHECKED_MAX ||
        pass.checked == own->top)
        return 0;
    pass.checked++;
    own->hand = (uint16_t)((own->hand + 1) % own->top);
    return check_host(port * ROUTE_PORT_HOPS + ROUTE_NEAR_HOPS + own->hand, now_ns);
}

bool hops_refresh(uint64_t now_ns)
{
    unsigned cost = 0;

    if (pass.port >= ports_all)
        pass.port = 0;
    while (pass.port < ports_all && cost < STEP_COST) {
        unsigned one = ports[pass.port].netif ? refresh_next(pass.port, now_ns) : 0;
        cost += one;
        if (one != 0)
            continue;
        pass.port++;
        pass.at = HOP_FIRST;
        pass.checked = 0;
    }
    return pass.port < ports_all;
}

unsigned hops_count(bool is_host, enum hop_state state)
{
    unsigned asking = 0;

    for (unsigned i = 0; i < ports_all; i++)
        asking += ports[i].netif ? ports[i].netif->arp.asking : 0;
    asking -= MIN(asking, counts[false][HOP_ASKING]);
    return is_host && state == HOP_ASKING ? asking : counts[is_host][state];
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
        for (unsigned i = 0; i < ports_all; i++)
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
        const struct port *port =
            line->port < ports_n ? vlan_find(&ports[line->port], line->vlan) : NULL;
        if (!port || !port->netif)
            return "no such port, or it has no address";
        hop = port->index * ROUTE_PORT_HOPS + HOP_LINK;
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
    char name[PORT_NAME_BYTES], first[PORT_NAME_BYTES];

    for (unsigned i = 0; i < port->index; i++) {
        const struct netif *other = ports[i].netif;
        if (!other || other->prefix != nif->prefix || ((other->ip ^ nif->ip) & nif->mask) != 0)
            continue;
        log_warn("%s: %pI4/%u is the subnet of %s too: its hosts are reached by %s",
                 port_name(port, name), &net, nif->prefix, port_name(&ports[i], first),
                 port_name(&ports[i], first));
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
    uint32_t most = rules + OWN + ports_all * ROUTE_FAR_HOPS;
    void *memory = memory_alloc(routes_bytes(most, groups), ROUTE_ALIGN);

    hops = memory_alloc(ports_all * ROUTE_PORT_HOPS * sizeof(struct hop), PAGE_BYTES);
    hosts = memory_alloc(ports_all * sizeof(struct hosts), PAGE_BYTES);
    if (!memory || !hops || !hosts)
        return "not enough memory for the routing table";
    routes_init(&routes, memory, most, groups);
    retired = graced = 0;
    pass.port = pass.checked = 0;
    pass.at = HOP_FIRST;
    memset(counts, 0, sizeof(counts));
    memset(port_counts, 0, sizeof(port_counts));
    hash_factor = (uint32_t)random_u64() | 1;
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        (void)set_rule(fixed[i].prefix, fixed[i].bits, fixed[i].hop);
        routes_work(&routes, ~0u);
    }
    for (unsigned i = 0; i < ports_all; i++) {
        if (!ports[i].netif)
            continue;
        void *neighbours = memory_alloc(arp_bytes(ARP_MAX), PAGE_BYTES);
        if (!neighbours)
            return "not enough memory for neighbours";
        arp_extend(&ports[i].netif->arp, neighbours, ARP_MAX, hash_factor);
        ports[i].netif->arp.on_failed = on_failed;
        ports[i].netif->arp.context = &ports[i];
        const char *wrong = start_port(&ports[i]);
        if (wrong)
            return wrong;
    }
    return NULL;
}
