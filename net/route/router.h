/* SPDX-License-Identifier: BSD-2-Clause
 * The router's slow way: every frame that app=route's loop does not turn round itself. Read next:
 * net/route/hops.h, for where a datagram goes.
 */
#ifndef NET_ROUTE_ROUTER_H
#define NET_ROUTE_ROUTER_H

#include "net/lane/lane.h"
#include "net/route/text.h"

struct cmdline;

/* The boot line, kept for router_start: route= and portN.mtu=. Boot CPU. */
void router_configure(const struct cmdline *line);

/* Make the table from the ports' addresses, the boot line and the boot module "routes.txt", with a
 * line for what cannot be. Boot CPU, before any lane runs. */
void router_start(void);

/* Memory for what each core has of its own. NULL, or why not. Boot CPU. */
const char *router_open(void);

/* Set or clear a route at the operator's word, and remember that for `show config` (the module's
 * routes come back by themselves). As hops_route and hops_clear. Core 0. */
const char *router_add(const struct route_line *line);
const char *router_remove(const struct route_line *line);
const struct route_line *router_configured(unsigned *n);

/* How many routes the module brought. */
unsigned router_loaded(void);

/* A lane's slow handler: frames for us to the stack, datagrams for others on their way. */
lane_slow router_input;

/* Ten times a second: neighbours, and frames that wait for one. Core 0. */
void router_service(uint64_t now_ns);

/* How many frames wait for a neighbour, on all cores. */
unsigned router_waiting(void);

#endif
