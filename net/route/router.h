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

/* A frame that leaves by the port that received it, from a host of that port's subnet, takes the
 * slow way, which sends a redirect. If that sent none (the limit of errors is reached, or there is
 * none about this datagram), the port is quiet on this core: its frames need not take the slow way
 * until the end of the first round that handles frames after ROUTER_QUIET_NS. Owner core. */
#define ROUTER_QUIET_NS ICMP_GAP_NS
struct router_quiet {
    uint32_t n; /* ports that are */
    bool is[PORTS_MAX];
    uint64_t until_tsc[PORTS_MAX];
} __attribute__((aligned(CACHE_LINE_BYTES)));
extern struct router_quiet router_quiet[QUEUES_MAX];
static inline bool router_may_redirect(unsigned core, unsigned port)
{
    return !router_quiet[core].is[port];
}
/* At the end of a round: end the quiet of ports whose time is over. */
void router_end_quiet(unsigned core);
static inline void router_end_round(unsigned core)
{
    if (__builtin_expect(router_quiet[core].n != 0, 0))
        router_end_quiet(core);
}

/* The slow handler of a lane: delivers to the stack, forwards the rest. */
lane_slow router_input;

/* Make what is retired available again, after a grace period: one step, which never waits. True:
 * nothing is retired, or it cannot be helped now. Core 0. */
bool router_settle(void);

/* Refresh neighbours, serve the waiting queues and end grace periods. Ten times a second, core 0. True:
 * there is more to do, see struct app. */
bool router_service(uint64_t now_ns);

/* Number of frames queued for a neighbour, on all cores. */
unsigned router_waiting(void);

#endif
