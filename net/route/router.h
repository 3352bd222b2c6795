/* SPDX-License-Identifier: BSD-2-Clause
 * The router's slow path: every frame that app=route's loop does not forward itself. Read next:
 * net/route/hops.h, for the next hops.
 */
#ifndef NET_ROUTE_ROUTER_H
#define NET_ROUTE_ROUTER_H

#include "net/lane/lane.h"
#include "net/route/text.h"
#include "net/stack/icmp.h"

struct cmdline;

/* Keep the boot line (route=) for router_start. Boot CPU. */
void router_configure(const struct cmdline *line);

/* Make the table from the ports' addresses, the boot line and the boot module "routes.txt". Invalid
 * entries are logged and left out. Boot CPU, before any lane runs. */
void router_start(void);

/* Allocate the per-core state, after hops_start: a part of the memory that is left is for waiting
 * frames. NULL, or the error. Boot CPU. */
const char *router_open(void);

/* Add or remove a route by route= or command, and keep the list of them for `show config`, which
 * omits the routes of the boot module. Return as hops_route and hops_clear. Core 0. */
const char *router_add(const struct route_line *line);
const char *router_remove(const struct route_line *line);
const struct route_line *router_configured(unsigned *n);

/* Number of routes loaded from the module. */
unsigned router_loaded(void);

/* May a redirect be due for a frame that leaves by the port that received it, from a host of that
 * port's subnet? Then it takes the slow way, which sends the redirect. If that sent none (the rate
 * limit is reached, or there is none for this datagram), the answer is no for the next ROUTER_QUIET_NS,
 * for this port and core. Owner core; one clock reading in each round that asks. */
#define ROUTER_QUIET_NS ICMP_GAP_NS
struct router_round {
    uint64_t now_tsc;              /* 0: not read in this round */
    uint64_t quiet_tsc[PORTS_MAX]; /* no redirect before, by port */
} __attribute__((aligned(CACHE_LINE_BYTES)));
extern struct router_round router_rounds[QUEUES_MAX];
static inline bool router_may_redirect(unsigned core, unsigned port)
{
    struct router_round *round = &router_rounds[core];

    if (round->now_tsc == 0)
        round->now_tsc = cpu_tsc();
    return round->now_tsc >= round->quiet_tsc[port];
}
/* The end of a core's round. */
static inline void router_end_round(unsigned core)
{
    router_rounds[core].now_tsc = 0;
}

/* The slow handler of a lane: delivers to the stack, forwards the rest. */
lane_slow router_input;

/* Make what is retired available again, after a grace period. Core 0. */
void router_settle(void);

/* Refresh neighbours, serve the waiting queues and end grace periods. Ten times a second, core 0. True:
 * there is more to do, see struct app. */
bool router_service(uint64_t now_ns);

/* Number of frames queued for a neighbour, on all cores. */
unsigned router_waiting(void);

#endif
