/* SPDX-License-Identifier: BSD-2-Clause
 * The routing table (FIB) and the next hops that its entries refer to. Only core 0 writes them: at
 * start, on command, and when a neighbour is found, moves or is lost. A value that has not changed
 * is not written, so in steady state the cache lines that all loops read stay shared.
 */
#ifndef NET_ROUTE_HOPS_H
#define NET_ROUTE_HOPS_H

#include "drivers/nic.h"
#include "net/route/table.h"
#include "net/route/text.h"
#include "net/stack/arp.h"

/* What an entry may refer to besides a neighbour. Each port has its own HOP_LINK. The near next hops
 * of a port from HOP_FIRST on are gateways, the far ones hosts of its subnet; a neighbour that is both
 * has one of each. */
enum {
    HOP_NONE = 0,      /* no route */
    HOP_LINK = 1,      /* the port's subnet: the destination is the neighbour */
    HOP_LOCAL = 2,     /* addresses of the ports */
    HOP_BROADCAST = 3, /* broadcast and multicast addresses */
    HOP_NEVER = 4,     /* addresses that are never forwarded to */
    HOP_REJECT = 5,    /* reject routes */
    HOP_FIRST = 6,     /* the first neighbour of each port */
};

enum hop_state {
    HOP_FREE,
    HOP_ASKING, /* a gateway whose MAC address is being asked for: frames wait */
    HOP_KNOWN,
    HOP_CHECKED, /* a host: known, but its frames take the slow path, to see whether it is in use */
    HOP_FAILED,  /* does not answer: frames are refused */
    HOP_RETIRED, /* released; may be reused after a grace period */
    HOP_STATES,
};

/* What the slow path reads of a next hop, besides what is in the table. Core 0 writes all but
 * is_used. */
struct hop {
    uint32_t ip;
    uint32_t refs;     /* rules that refer to it: of a gateway its routes, of a host its own */
    uint64_t until_ns; /* FAILED, CHECKED: until then */
    uint16_t chain;    /* of a host: the next in its hash chain; 0: none */
    uint16_t link;     /* in the list of retired or free ones; 0: none */
    uint8_t state;     /* enum hop_state */
    bool is_used;      /* a frame met it in state FAILED or CHECKED */
};

extern struct routes routes; /* .table: NULL before hops_start */
extern struct hop *hops;     /* of the ports that there are */

static inline unsigned hop_port(unsigned hop)
{
    return hop / ROUTE_PORT_HOPS;
}
/* HOP_LINK to HOP_REJECT, or HOP_FIRST for every neighbour. */
static inline unsigned hop_kind(unsigned hop)
{
    unsigned i = hop % ROUTE_PORT_HOPS;
    return hop == HOP_NONE ? HOP_NONE : i < HOP_FIRST ? i : HOP_FIRST;
}
static inline bool hop_is_host(unsigned hop)
{
    return !route_hop_is_near(hop);
}
static inline enum hop_state hop_state(unsigned hop)
{
    return __atomic_load_n(&hops[hop].state, __ATOMIC_ACQUIRE);
}

/* Make the table, with room for `rules` routes, `long_rules` of them longer than 24 bits, and enter
 * the ports' addresses and subnets and the reserved prefixes. NULL, or the error. Boot CPU. */
const char *hops_start(uint32_t rules, uint32_t long_rules);

/* Add or change a route; remove one. Returns as routes_set and routes_clear do. Core 0. */
const char *hops_route(const struct route_line *line);
const char *hops_clear(uint32_t prefix, unsigned bits);

/* The next hop of this host of the port's subnet; 0: none yet. Any core. */
unsigned hops_find(const struct port *port, uint32_t ip);
/* That of this gateway; 0: none. Core 0. */
unsigned hops_gateway(const struct port *port, uint32_t ip);

/* The port by which an address is reached, and in *next the neighbour there. NULL: unreachable. */
struct port *hops_towards(uint32_t ip, uint32_t *next);

/* Enter a neighbour of a port if its MAC address is known, or if it has failed; else have an ARP
 * request sent. A host that is only asked for has no next hop: an absent one takes none from the
 * others. A gateway gets a second one, as a host, only if that is_wanted. Returns what ARP knows. Core
 * 0. */
enum arp_state hops_resolve(struct port *port, uint32_t ip, bool is_wanted, uint64_t now_ns);
/* Refresh all neighbours and enter their changed MAC addresses; release hosts that do not answer
 * and, where few next hops are left, those not in use. Ten times a second, core 0. True: there are
 * more, call again; each call takes at most about 10,000 instructions. */
bool hops_refresh(uint64_t now_ns);
/* How many neighbours are in a state: gateways, or hosts; of hosts HOP_ASKING is all that ARP asks
 * for. */
unsigned hops_count(bool is_host, enum hop_state state);
/* Retired groups and next hops await a grace period (kernel/grace.h), which hops_begin_grace begins if
 * no change is in progress and the last one's have all been reclaimed. After its end each hops_reclaim
 * makes some hundred available again; true: all for which it was. Core 0. */
bool hops_have_retired(void);
void hops_begin_grace(void);
bool hops_reclaim(void);

#endif
