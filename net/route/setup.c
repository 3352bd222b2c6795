/* SPDX-License-Identifier: BSD-2-Clause
 * Set-up of the router: its table from the ports' addresses, the boot line and a boot module.
 */
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "kernel/console/config.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/memory/module.h"
#include "kernel/slice.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/stack/netif.h"

#define MODULE "routes.txt"

enum {
    WRONG_LINES_LOGGED = 50,
    SETTLE_NS = 20000000, /* a core whose loop takes longer hangs */
};

BOOT_KEY("route", CMDLINE_ROUTE, .repeats = true, .app = "route");

static const struct cmdline *boot_line;

void router_configure(const struct cmdline *line)
{
    boot_line = line;
}

/* Routes configured by route= and by command. */
static struct route_line configured[CMDLINE_PARAMS_MAX];
static unsigned configured_n;

static unsigned configured_find(const struct route_line *line)
{
    unsigned i = 0;

    while (i < configured_n &&
           (configured[i].prefix != line->prefix || configured[i].bits != line->bits))
        i++;
    return i;
}

/* A command waits in slices for a grace period; at boot no loop runs yet, and none is needed. */
static void settle(void)
{
    uint64_t start_ns = tsc_now_ns();

    while (!router_settle() && tsc_now_ns() - start_ns < SETTLE_NS && slice_end())
        ;
}

const char *router_add(const struct route_line *line)
{
    settle(); /* many changes in a row need next hops that the earlier ones gave up */
    const char *wrong = hops_route(line);
    unsigned i = configured_find(line);

    if (wrong)
        return wrong;
    if (i == configured_n && i == ARRAY_SIZE(configured))
        log_warn("route: a boot line holds at most %u routes: show config omits this one", i);
    else
        configured[i] = *line;
    configured_n += i == configured_n && i < ARRAY_SIZE(configured);
    return NULL;
}

const char *router_remove(const struct route_line *line)
{
    const char *wrong = hops_clear(line->prefix, line->bits);
    unsigned i = configured_find(line);

    if (!wrong && i < configured_n)
        configured[i] = configured[--configured_n];
    return wrong;
}

const struct route_line *router_configured(unsigned *n)
{
    *n = configured_n;
    return configured;
}

/* Add one route=PREFIX,GATEWAY. */
static void add_from_line(const char *value)
{
    struct route_line line = {0};
    char prefix[24] = "";
    const char *comma = strchr(value, ','), *wrong = "the prefix is too long";

    if (comma && (size_t)(comma - value) < sizeof(prefix)) {
        memcpy(prefix, value, (size_t)(comma - value));
        wrong = route_parse_prefix(prefix, &line);
        if (!wrong)
            wrong = route_parse_via(comma + 1, &line);
        if (!wrong)
            wrong = router_add(&line);
        routes_work(&routes, ~0u);
    }
    if (wrong)
        log_warn("route=%s: %s", value, wrong);
}

static unsigned loaded;

unsigned router_loaded(void)
{
    return loaded;
}

static void add_from_module(struct route_text text)
{
    struct route_line line;
    const char *wrong;
    unsigned left_out = 0;

    loaded = 0;
    while (route_text_next(&text, &line, &wrong)) {
        if (!wrong)
            wrong = hops_route(&line);
        routes_work(&routes, ~0u);
        if (!wrong)
            loaded++;
        else if (left_out++ < WRONG_LINES_LOGGED)
            log_warn(MODULE ", line %u: %s", text.number, wrong);
    }
    if (left_out > WRONG_LINES_LOGGED)
        log_warn(MODULE ": %u more lines are invalid", left_out - WRONG_LINES_LOGGED);
    log_info(MODULE ": %u routes in %u lines, %u left out", loaded, text.number, left_out);
}

void router_start(void)
{
    struct route_text text = {0}, count;
    struct route_line line;
    const char *wrong;
    uint32_t rules = 0, long_rules = 0;

    text.at = module_find(MODULE, &text.bytes);
    if (!text.at)
        text.bytes = 0;
    for (count = text; route_text_next(&count, &line, &wrong); rules++)
        long_rules += !wrong && line.bits > 24;
    wrong = hops_start(rules, long_rules);
    if (!wrong)
        wrong = router_open();
    if (wrong) {
        log_error("route: not started: %s (%lu MiB for %u routes)", wrong,
                  routes_bytes(rules, long_rules) >> 20, rules);
        routes.table = NULL;
        return;
    }
    unsigned cursor = 0;
    if (text.bytes)
        add_from_module(text);
    for (const char *value; boot_line && (value = cmdline_next(boot_line, "route", &cursor));)
        add_from_line(value);
    for (unsigned i = 0; i < ports_all; i++)
        if (ports[i].netif && ports[i].netif->gateways[0] && !routes_find(&routes, 0, 0)) {
            line = (struct route_line){.via = ROUTE_VIA_GATEWAY,
                                       .gateway = ports[i].netif->gateways[0]};
            (void)hops_route(&line);
            routes_work(&routes, ~0u);
        }
    log_info("route: %u routes, room for %u gateways and %u hosts on each port, table of %lu MiB",
             routes.n, ROUTE_NEAR_HOPS - HOP_FIRST, ROUTE_FAR_HOPS,
             routes_bytes(rules, long_rules) >> 20);
}
