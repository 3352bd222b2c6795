/* SPDX-License-Identifier: BSD-2-Clause
 * What a core does all day: a burst of every lane, and now and then a look at links, clocks and the
 * console. net_start sets it up from the boot line.
 */
#include "net/run.h"
#include "arch/cpu.h"
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "kernel/console.h"
#include "kernel/fmt.h"
#include "kernel/iommu.h"
#include "kernel/log.h"
#include "kernel/start.h"
#include "kernel/str.h"
#include "net/eth.h"
#include "net/netif.h"

enum {
    SERVICE_NS = 100000000,     /* links, counters and clocks are looked at ten times a second */
    SIDE_QUEUE_FIRST = 32,      /* transmit queue of core 0's side queue; lanes have those below */
};

static struct netif netifs[PORTS_MAX];
static bool was_up[PORTS_MAX];
static uint64_t told_ns[PORTS_MAX]; /* when we last defended an address and said so */
static const struct app *app;
static uint64_t rounds;

const struct app *run_app(void)
{
    return app;
}

const struct app *run_find_app(const char *name)
{
    for (const struct app *a = apps_start; a < apps_end; a++)
        if (str_equal(a->name, name))
            return a;
    return NULL;
}

uint32_t run_round(void)
{
    uint32_t n = app->poll(lanes, lanes + lanes_n);

    rounds++;
    if (lanes_draining)
        n += lanes_drain();
    return n;
}

uint64_t run_rounds(void)
{
    return rounds;
}

void run_service(uint64_t now_ns)
{
    static uint8_t frame[ETH_BUFFER];

    uint32_t cut_off = iommu_poll();
    for (unsigned i = 0; i < ports_n; i++)
        if (cut_off & BIT(i))
            port_take_down(&ports[i], "its card broke out of its memory and was cut off");
    lanes_service(now_ns);
    for (unsigned i = 0; i < ports_n; i++) {
        struct netif *nif = ports[i].netif;
        uint32_t length;

        if (!nif)
            continue;
        if (ports[i].side.is_running && !was_up[i])
            netif_link_up(nif);
        was_up[i] = ports[i].side.is_running;
        while ((length = netif_poll(nif, now_ns, frame)) != 0)
            (void)side_send(&ports[i], frame, length); /* a loss is counted there */
        if (nif->defended_ns != told_ns[i]) {
            told_ns[i] = nif->defended_ns;
            log_warn("port%u: %pM claims our address (%lu times now); announced that it is ours",
                     i, nif->conflict_mac, nif->conflicts);
        }
    }
}

/* portN.ip= and portN.gw= */
static void configure_port(const struct cmdline *line, struct port *port)
{
    char key[24];
    struct ipv4_prefix address;
    be32_t gateway = {0};

    fmt_print(key, sizeof(key), "port%u.ip", port->index);
    if (!cmdline_prefix(line, key, &address))
        return;
    fmt_print(key, sizeof(key), "port%u.gw", port->index);
    (void)cmdline_ipv4(line, key, &gateway);

    struct netif *nif = &netifs[port->index];
    nif->clock = tsc_now_ns;
    const char *wrong = netif_configure(nif, port->mac, be32_get(address.address), address.bits,
                                        be32_get(gateway));
    if (wrong)
        log_error("port%u: address not set: %s", port->index, wrong);
    else
        port->netif = nif;
}

void run_start_app(const struct app *chosen)
{
    app = chosen;
    if (app->prepare)
        app->prepare();
    for (unsigned i = 0; i < ports_n; i++) {
        ports[i].ops->set_promiscuous(&ports[i], app->takes_everything);
        ports[i].ops->poll_link(&ports[i]);
    }
    for (unsigned i = 0; i < ports_n; i++) {
        struct port *port = &ports[i], *out = app->output(port);

        port->side.tx_queue = SIDE_QUEUE_FIRST;
        if (side_open(port) != OK)
            log_error("port%u: no side queue", i);
        if (!out) {
            log_info("port%u: no lane: app=%s has no use for it", i, app->name);
            continue;
        }
        struct lane *lane = &lanes[lanes_n++];
        if (lane_open(lane, port, out) != OK) {
            log_error("port%u: no lane to port%u", i, out->index);
            continue;
        }
        if (app->start)
            app->start(lane);
        log_info("lane %u: port%u -> port%u, %u slots", lanes_n - 1, i, out->index, LANE_SLOTS);
    }
}

void net_start(const struct cmdline *line)
{
    const char *name = cmdline_get(line, "app");
    const struct app *chosen = run_find_app(name ? name : "forward");

    if (!chosen) {
        log_error("app=%s: no such application; forward is started", name);
        chosen = run_find_app("forward");
    }
    for (unsigned i = 0; i < ports_n; i++)
        configure_port(line, &ports[i]);
    log_info("app=%s: %s", chosen->name, chosen->help);
    run_start_app(chosen);
}

_Noreturn void net_run(void)
{
    uint64_t interval_tsc = tsc_ticks(SERVICE_NS);
    uint64_t last_tsc = cpu_tsc();

    for (;;) {
        run_round();
        uint64_t now_tsc = cpu_tsc();
        if (now_tsc - last_tsc >= interval_tsc) {
            last_tsc = now_tsc;
            run_service(tsc_now_ns());
        }
        console_poll();
    }
}
