/* SPDX-License-Identifier: BSD-2-Clause
 * The router's table and the next hops that its entries lead to. Core 0 alone writes any of it: at
 * start, on command, and when a neighbour is found, moves or is lost; what did not change is not
 * written, so that in the steady state the loops of all cores share lines that nobody writes.
 */
#ifndef NET_ROUTE_HOPS_H
#define NET_ROUTE_HOPS_H

#include "drivers/nic.h"
#include "net/route/table.h"
#include "net/route/text.h"

/* What an entry may lead to besides a neighbour. The first is of every port: p * 64 + HOP_LINK. */
enum {
    HOP_NONE = 0,      /* there is no route */
    HOP_LINK = 1,      /* the port's own net: the destination is the neighbour */
    HOP_LOCAL = 2,     /* our own addresses */
    HOP_BROADCAST = 3, /* addresses of many */
    HOP_NEVER = 4,     /* addresses that are never forwarded to */
    HOP_REJECT = 5,    /* by a route that says so */
    HOP_FIRST = 6,     /* of each port: from here on neighbours */
};

/* What the slow way reads of a next hop, beside what is in the table. */
struct hop {
    uint32_t ip;
    uint32_t refs; /* rules that lead here; 0: free */
    bool is_host;  /* made when the neighbour itself was sent to, not for a gateway */
    bool is_retired;
};

extern struct routes routes; /* .table: NULL until hops_start has made it */
extern struct hop hops[ROUTE_HOPS];

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

/* The most bytes of a datagram that a port sends, HOPS_MTU unless set. */
#define HOPS_MTU 1500u
uint32_t hops_mtu(const struct port *port);
void hops_set_mtu(unsigned port, uint32_t mtu);

/* Make a table with room for so many routes and routes of more than 24 bits besides those of our
 * own, and enter our own addresses, their nets and what is never forwarded. NULL, or why not. Boot
 * CPU. */
const char *hops_start(uint32_t rules, uint32_t long_rules);

/* Add, change, take away a route. NULL: done as far as routes_set and routes_clear say. Core 0. */
const char *hops_route(const struct route_line *line);
const char *hops_clear(uint32_t prefix, unsigned bits);

/* The next hop that is this neighbour of the port; 0: there is none yet. Any core. */
unsigned hops_find(const struct port *port, uint32_t ip);

/* By which port, and by which neighbour there, an address is reached; NULL: by none. */
struct port *hops_towards(uint32_t ip, uint32_t *next);

/* Somebody waits for this neighbour of a port: ask for it, or take up what is known. Core 0. */
void hops_resolve(struct port *port, uint32_t ip, uint64_t now_ns);
/* Look at all neighbours in use: keep them known, take up what changed. Core 0. */
void hops_refresh(uint64_t now_ns);
/* Is there something that waits until every core has been outside of its loop? And: they were. */
bool hops_have_retired(void);
void hops_reclaim(void);

#endif
