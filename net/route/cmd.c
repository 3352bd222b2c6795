/* SPDX-License-Identifier: BSD-2-Clause
 * The router on the console: `show routes`, `set route`, `clear route`, and its part of `show
 * config`. A change of many entries is spread over many slices (kernel/slice.h).
 */
#include "kernel/console/command.h"
#include "kernel/console/config.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"
#include "kernel/slice.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "net/lane/vlans.h"

enum {
    ENTRIES = 256, /* changed between two spendings of */
    ENTRIES_COST = ENTRIES * 12,
};

/* ---- Text ---- */

static const char *kind_text(unsigned hop)
{
    static const char *const kinds[] = {"none",  "port",   "local",  "broadcast",
                                        "never", "reject", "gateway"};
    unsigned kind = hop_kind(hop);
    return kind == HOP_FIRST && hop_is_host(hop) ? "host" : kinds[kind];
}

/* The next hop as the argument of `set route`. */
static const char *via_text(unsigned hop, char text[24])
{
    be32_t ip = be32_of(hops[hop].ip);
    char name[PORT_NAME_BYTES];

    if (hop_kind(hop) == HOP_FIRST)
        fmt_print(text, 24, "%pI4", &ip);
    else if (hop_kind(hop) == HOP_LINK)
        fmt_print(text, 24, "%s", port_name(&ports[hop_port(hop)], name));
    else
        fmt_print(text, 24, "%s", kind_text(hop));
    return text;
}

static const char *state_text(unsigned hop)
{
    static const char *const states[] = {"", "asking", "known", "known", "failed", ""};
    return hop_kind(hop) == HOP_FIRST ? states[hop_state(hop)] : "";
}

static void print_route(const struct call *call, uint32_t prefix, unsigned bits, unsigned hop)
{
    const struct route_hop *to = &routes.table->hops[hop];
    bool has_port = hop_kind(hop) == HOP_FIRST || hop_kind(hop) == HOP_LINK;
    bool is_known = hop_kind(hop) == HOP_FIRST &&
                    (hop_state(hop) == HOP_KNOWN || hop_state(hop) == HOP_CHECKED);
    const struct port *port = &ports[hop_port(hop)];
    char prefix_text[24], via[24], mac[18] = "-", name[PORT_NAME_BYTES];
    be32_t wire = be32_of(prefix);

    fmt_print(prefix_text, sizeof(prefix_text), "%pI4/%u", &wire, bits);
    via_text(hop, via);
    if (is_known)
        fmt_print(mac, sizeof(mac), "%pM", &to->macs);
    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_string(&j, "prefix", prefix_text);
        json_string(&j, "via", via);
        json_string(&j, "kind", kind_text(hop));
        if (has_port)
            json_u64(&j, "port", port->wire->index);
        if (has_port && port->vlan)
            json_u64(&j, "vlan", port->vlan);
        if (hop_kind(hop) == HOP_FIRST)
            json_string(&j, "state", state_text(hop));
        json_string(&j, "mac", is_known ? mac : NULL);
        json_line(&j);
    } else if (has_port) {
        out_printf(call->out, "%-18s via %-15s %s  %-7s %-17s %s\n", prefix_text, via,
                   port_name(port, name), kind_text(hop), mac, state_text(hop));
    } else {
        out_printf(call->out, "%-18s %s\n", prefix_text, via);
    }
}

/* ---- show routes ---- */

static void print_summary(const struct call *call)
{
    unsigned hosts = hops_count(true, HOP_KNOWN) + hops_count(true, HOP_CHECKED), gateways = 0;
    unsigned asking = hops_count(true, HOP_ASKING), failed = hops_count(true, HOP_FAILED);

    for (enum hop_state state = HOP_ASKING; state < HOP_RETIRED; state++)
        gateways += hops_count(false, state);
    if (call->json) {
        struct json j;
        char bits[8];
        json_begin(&j, call->out);
        json_u64(&j, "routes", routes.n);
        json_u64(&j, "from_module", router_loaded());
        json_u64(&j, "gateways", gateways);
        json_u64(&j, "hosts", hosts);
        json_u64(&j, "hosts_asking", asking);
        json_u64(&j, "hosts_failed", failed);
        json_u64(&j, "waiting", router_waiting());
        json_object(&j, "by_bits");
        for (unsigned b = 0; b <= 32; b++)
            if (routes.n_by_bits[b] > 0) {
                fmt_print(bits, sizeof(bits), "%u", b);
                json_u64(&j, bits, routes.n_by_bits[b]);
            }
        json_end(&j);
        json_line(&j);
        return;
    }
    out_printf(call->out,
               "%u routes (routes.txt: %u, not listed), %u gateways, %u hosts found, %u "
               "asked for, %u silent, %u frames queued\n",
               routes.n, router_loaded(), gateways, hosts, asking, failed, router_waiting());
    for (unsigned b = 0, column = 0; b <= 32; b++)
        if (routes.n_by_bits[b] > 0)
            out_printf(call->out, "%s/%-2u %8u",
                       column++ % 6 ? "  "
                       : column > 1 ? "\n"
                                    : "",
                       b, routes.n_by_bits[b]);
    out_text(call->out, "\n");
}

static enum command_result need_router(const struct call *call)
{
    return routes.table ? COMMAND_DONE : command_fail(call, "app=route is not running");
}

/* The route of exactly a prefix, or the longest match of an address. */
static enum command_result show_one(const struct call *call)
{
    struct route_line line;
    const char *wrong = route_parse_prefix(call->argv[0], &line);

    if (wrong)
        return command_fail(call, "%s: %s", call->argv[0], wrong);
    if (strchr(call->argv[0], '/')) {
        const struct route_rule *rule = routes_find(&routes, line.prefix, line.bits);
        if (!rule)
            return command_fail(call, "no route has the prefix %s", call->argv[0]);
        print_route(call, line.prefix, line.bits, rule->hop);
        return COMMAND_DONE;
    }
    uint32_t entry = route_entry(routes.table, line.prefix);
    unsigned bits = entry & ROUTE_DEPTH, hop = route_hop_of(entry);
    if (entry == 0)
        return command_fail(call, "no route to %s", call->argv[0]);
    if (hop_kind(hop) == HOP_LINK) { /* a host of the subnet, or a gateway, as far as it is known */
        const struct port *port = &ports[hop_port(hop)];
        unsigned host = hops_find(port, line.prefix), gateway = hops_gateway(port, line.prefix);
        hop = host ? host : gateway ? gateway : hop;
    }
    print_route(call, line.prefix & ip_mask(bits), bits, hop);
    return COMMAND_DONE;
}

static enum command_result show_routes(const struct call *call)
{
    const struct route_line *configured;
    unsigned n;

    if (need_router(call) != COMMAND_DONE)
        return COMMAND_FAILED;
    if (call->argc > 1)
        return command_fail(call, "usage: show routes [ADDRESS|PREFIX]");
    if (call->argc == 1)
        return show_one(call);
    for (unsigned i = 0; i < ports_all; i++)
        if (ports[i].netif)
            print_route(call, ports[i].netif->ip & ports[i].netif->mask, ports[i].netif->prefix,
                        i * ROUTE_PORT_HOPS + HOP_LINK);
    configured = router_configured(&n);
    for (unsigned i = 0; i < n; i++) {
        const struct route_rule *rule =
            routes_find(&routes, configured[i].prefix, configured[i].bits);
        if (rule)
            print_route(call, rule->prefix, rule->bits, rule->hop);
    }
    print_summary(call);
    return COMMAND_DONE;
}
COMMAND("show routes", "[address|prefix] [-j]", "all routes, or that of an address or prefix",
        show_routes);

/* ---- set route, clear route ---- */

/* A change that has begun is completed, whatever is typed. Readers find each entry as it was or as it
 * will be. */
static enum command_result change(const struct call *call, const char *wrong)
{
    if (wrong)
        return command_fail(call, "%s: %s", call->argv[0], wrong);
    while (!routes_work(&routes, ENTRIES))
        slice_spend(ENTRIES_COST);
    return COMMAND_DONE;
}

static enum command_result set_route(const struct call *call)
{
    struct route_line line;

    if (need_router(call) != COMMAND_DONE)
        return COMMAND_FAILED;
    if (call->argc != 3 || !str_equal(call->argv[1], "via"))
        return command_fail(call, "usage: set route PREFIX via GATEWAY|portN|reject");
    const char *wrong = route_parse_prefix(call->argv[0], &line);
    if (!wrong)
        wrong = route_parse_via(call->argv[2], &line);
    return change(call, wrong ? wrong : router_add(&line));
}
COMMAND("set route", "P via gateway|portN|reject", "add or change the route of a prefix",
        set_route);

static enum command_result clear_route(const struct call *call)
{
    struct route_line line;

    if (need_router(call) != COMMAND_DONE)
        return COMMAND_FAILED;
    if (call->argc != 1)
        return command_fail(call, "usage: clear route PREFIX");
    const char *wrong = route_parse_prefix(call->argv[0], &line);
    return change(call, wrong ? wrong : router_remove(&line));
}
COMMAND("clear route", "P", "remove the route of a prefix", clear_route);

static void put_routes(struct config *config)
{
    const struct route_line *configured;
    unsigned n;
    char via[24];

    configured = router_configured(&n);
    for (unsigned i = 0; i < n; i++) {
        const struct route_rule *rule =
            routes_find(&routes, configured[i].prefix, configured[i].bits);
        be32_t wire = be32_of(configured[i].prefix);
        if (rule)
            config_put(config, "route", "%pI4/%u,%s", &wire, configured[i].bits,
                       via_text(rule->hop, via));
    }
}
CONFIG_PART(3, put_routes, "route");
