/* SPDX-License-Identifier: BSD-2-Clause
 * The image's loops on the model, for counting: `bench_loop APP BURST FRAMES CORES` brings up two
 * ports with the real driver, starts the application on CORES cores (simulated one after the
 * other), and inputs BURST 64-byte frames for every core at each port before each round of the
 * loops, until FRAMES frames have been handled. callgrind collects run_round
 * (tests/bench/count.py). The run checks itself: every frame must be sent once, changed as the
 * application specifies (traffic.h), and the counters must balance, else it fails. Tail writes
 * reach the card between two rounds (bar.h), so that run_round contains only the image's code.
 *
 * A new application is a row in `works` here, one in traffic.c and one in count.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "drivers/nic.h"
#include "kernel/start.h"
#include "net/lane/lane_control.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/run.h"
#include "net/stack/netif.h"
#include "tests/bench/bar.h"
#include "tests/bench/clock.h"
#include "tests/bench/probes.h"
#include "tests/bench/routes.h"
#include "tests/bench/traffic.h"
#include "tests/host/machine.h"

const struct app apps_start[1], apps_end[1];
extern const struct app app_forward, app_echo, app_route, app_generate;

static unsigned cores;

static void fail(const char *what)
{
    fprintf(stderr, "bench_loop: %s\n", what);
    exit(1);
}

/* ---- Set-up of route ---- */

enum { ROUTES = 100000, TARGETS = 65536, GATEWAY_FIRST = 100 };

static uint32_t gateway_ip(unsigned port, unsigned gateway)
{
    return (port ? 0xC6336400 : 0xC0000200) + GATEWAY_FIRST + gateway;
}

/* Give port 1 a net of its own, 198.51.100.1/24, and put the routes into a boot module. */
static void route_before(void)
{
    for (unsigned c = 0; c < cores; c++)
        if (netif_configure(&ports[1].netif[c], ports[1].mac, 0xC6336401, 24, (uint32_t[2]){0}))
            fail("address refused");
    bench_routes_make(traffic_number("BENCH_ROUTES_N", ROUTES));
    char *text = malloc(bench_routes_n * 40 + 1);
    size_t at = 0;
    for (unsigned i = 0; i < bench_routes_n; i++) {
        const struct bench_route *r = &bench_routes[i];
        uint32_t p = r->prefix, g = gateway_ip(r->port, r->gateway);
        at += (size_t)sprintf(text + at, "%u.%u.%u.%u/%u %u.%u.%u.%u\n", p >> 24, p >> 16 & 255,
                              p >> 8 & 255, p & 255, r->bits, g >> 24, g >> 16 & 255, g >> 8 & 255,
                              g & 255);
    }
    machine_module = text;
}

/* Resolve the gateways by ARP, and make for each port destinations that are reached via the
 * other. */
static void route_after(void)
{
    while (router_service(machine_now_ns()))
        ;
    for (unsigned p = 0; p < 2; p++)
        for (unsigned g = 0; g < BENCH_GATEWAYS; g++) {
            const uint8_t mac[6] = {2, 0, 0, 0, (uint8_t)p, (uint8_t)g};
            uint32_t ip;
            uint8_t whom[6];
            while (arp_due(&ports[p].netif->arp, machine_now_ns(), &ip, whom))
                ;
            arp_answer(&ports[p].netif->arp, gateway_ip(p, g), mac, machine_now_ns());
        }
    while (router_service(machine_now_ns()))
        ;
    traffic_targets_make(cores == 1 ? traffic_number("BENCH_FLOWS", TARGETS) : 1);
}

/* An application and its set-up beyond two ports with the addresses 192.0.2.1 and .2. */
static const struct work {
    const char *name; /* the name of its traffic, too */
    const struct app *app;
    void (*before)(void); /* the ports have addresses, no lane is open; may be NULL */
    void (*after)(void);  /* lanes and links are up; may be NULL */
    /* Instead of inputting frames: make `burst` generated frames due for each core and port. */
    void (*round)(unsigned burst);
    const char *(*check)(void); /* at the end: returns the fault, or NULL */
} works[] = {
    {.name = "forward", .app = &app_forward},
    {.name = "echo", .app = &app_echo},
    {.name = "route", .app = &app_route, .before = route_before, .after = route_after},
    {.name = "sink", .app = &app_generate, .after = probes_receive, .check = probes_wrong},
    {.name = "generate",
     .app = &app_generate,
     .after = probes_send,
     .round = probes_round,
     .check = probes_wrong},
};

enum { TICK_NS = 100000000, SOURCES = 200 };
#define SPAN 0x40000000ull /* of one card's registers in machine.c */
uint64_t machine_read(uintptr_t address, uint32_t bytes);
void machine_write(uintptr_t address, uint64_t value, uint32_t bytes);

static uint16_t flow_of_core[2][QUEUES_MAX]; /* a UDP source port that RSS assigns to that core */

static void check_sent_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    traffic_check_sent((unsigned)(uintptr_t)opaque, frame, length);
}

static void feed(unsigned port, uint16_t flow)
{
    uint8_t frame[TRAFFIC_BYTES_MAX];

    traffic_next(port, flow, frame);
    machine_frame_in(port, frame, traffic_bytes);
}

/* Find by trial, for each port and core, a flow that RSS assigns to it. Not part of the count. */
static uint64_t find_flows(void)
{
    uint64_t handled = 0;

    for (unsigned p = 0; p < 2; p++)
        for (unsigned flow = 4000, found = 0; found < cores; flow++) {
            if (flow == 60000)
                fail("no flow for some core");
            feed(p, (uint16_t)flow);
            for (unsigned c = 0; c < cores; c++) {
                uint32_t n = run_app()->poll(run_core_lanes(c));
                bar_sync();
                if (n == 0)
                    continue;
                handled++;
                if (flow_of_core[p][c] == 0) {
                    flow_of_core[p][c] = (uint16_t)flow;
                    found++;
                }
            }
        }
    /* Move every lane to the start of a burst, so that only whole bursts are counted. */
    for (unsigned i = 0; i < lanes_n; i++)
        for (; lanes[i].next % LANE_BURST; handled++) {
            feed(lanes[i].in->index, flow_of_core[lanes[i].in->index][lanes[i].core]);
            (void)run_app()->poll(run_core_lanes(lanes[i].core));
            bar_sync();
        }
    return handled;
}

int main(int argc, char **argv)
{
    static struct netif netifs[2][QUEUES_MAX];

    if (argc != 5)
        fail("usage: bench_loop APP BURST FRAMES CORES");
    const struct work *work = works;
    while (strcmp(work->name, argv[1]) != 0)
        if (++work == works + ARRAY_SIZE(works))
            fail("no such application");
    traffic = traffic_find(work->name);
    if (!traffic)
        fail("no traffic for this application");
    unsigned burst = (unsigned)atoi(argv[2]);
    uint64_t frames = (uint64_t)atoll(argv[3]), handled = 0;
    cores = (unsigned)atoi(argv[4]);
    if (cores < 1 || cores > QUEUES_MAX)
        fail("1 to 16 cores");
    traffic_sources = cores == 1 ? SOURCES : 1;
    traffic_bytes = traffic_number("BENCH_BYTES", TRAFFIC_BYTES_LEAST);
    if (getenv("BENCH_FLOWS") && cores == 1 && work->app != &app_route)
        traffic_flows_make(traffic_number("BENCH_FLOWS", 1));

    for (unsigned i = 0; i < 2; i++)
        bar_trap(REGISTERS + i * SPAN, SPAN, (struct bar_access){machine_read, machine_write});
    machine_reset();
    machine_add_card(NULL);
    machine_add_card(NULL);
    drivers_start(NULL);
    if (ports_n != 2)
        fail("cards did not come up");
    lanes_cores = cores;
    for (unsigned i = 0; i < 2; i++) {
        ports[i].domain = machine_cards[i].domain;
        ports[i].netif = netifs[i];
        memcpy(traffic_mac[i], ports[i].mac, 6);
        for (unsigned c = 0; c < cores; c++)
            if (netif_configure(&netifs[i][c], ports[i].mac, 0xC0000201 + i, 24, (uint32_t[2]){0}))
                fail("address refused");
    }
    if (work->before)
        work->before();
    run_start_app(work->app);
    for (unsigned i = 0; i < 100 && !(ports[0].link_is_up && ports[1].link_is_up); i++) {
        machine_wait_ns(TICK_NS);
        for (unsigned i = 0; i < ports_n; i++)
            lanes_service_port(&ports[i]);
        lanes_service_queues(machine_now_ns());
    }
    for (unsigned i = 0; i < 2; i++) {
        machine_cards[i].on_frame = check_sent_frame;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
    }

    if (work->after)
        work->after();
    for (unsigned i = 0; i < 2; i++)
        bar_tails_are_memory(REGISTERS + i * SPAN);
    CALLGRIND_START_INSTRUMENTATION;

    for (unsigned c = 0; c < cores; c++)
        (void)run_core_lanes(c);
    uint64_t before = work->round ? 0 : find_flows();
    while (burst && handled < frames) {
        if (work->round)
            work->round(burst);
        for (unsigned c = 0; c < cores && !work->round; c++)
            for (unsigned k = 0; k < burst; k++)
                for (unsigned p = 0; p < 2; p++)
                    feed(p, flow_of_core[p][c]);
        for (unsigned c = 0; c < cores; c++) {
            uint64_t began = clock_start();
            uint32_t n = run_round(&core_lanes[c]);
            clock_stop(began, n);
            if (n != 2 * MIN(burst, LANE_BURST))
                fail("a core did not get its burst");
            handled += n;
        }
        bar_sync();
    }
    for (uint64_t i = 0; !burst && i < frames; i++) {
        uint64_t began = clock_start();
        run_round(&core_lanes[0]);
        clock_stop(began, 1);
    }

    struct lane_ledger sum = {0};
    for (unsigned i = 0; i < lanes_n; i++) {
        struct lane_ledger l = lane_ledger(&lanes[i]);
        sum.received += l.received;
        sum.sent += l.sent + l.held;
        sum.consumed += l.consumed;
    }
    if (traffic_wrong())
        fail(traffic_wrong());
    if (work->check && work->check())
        fail(work->check());
    uint64_t fed = work->round ? probes_sent() : traffic_fed();
    bool is_whole = sum.received == fed && sum.sent + sum.consumed == fed;
    if (fed != handled + before || !(is_whole || work->round))
        fail("the counters do not balance");
    printf("%lu %.1f %.1f\n", burst ? handled : frames, clock_best(), clock_median());
    return 0;
}
