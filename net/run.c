/* SPDX-License-Identifier: BSD-2-Clause
 * What a core does all day: a burst of every lane of its own, and now and then a look at links,
 * clocks and the console (core 0 alone). With nothing to do it arms its interrupts, looks once more
 * and sleeps. net_start sets it up from the boot line.
 */
#include "net/run.h"
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/irq.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "kernel/bootlog.h"
#include "kernel/console/console.h"
#include "kernel/iommu/iommu.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/mailbox.h"
#include "kernel/memory/memory.h"
#include "kernel/start.h"
#include "kernel/watchdog.h"
#include "net/lane/capture.h"
#include "net/lane/lane_control.h"
#include "net/stack/eth.h"
#include "net/stack/netif.h"
#include "net/stack/services.h"

enum {
    SERVICE_NS = 100000000, /* links and the stacks' clocks are looked at ten times a second */
    IDLE_ROUNDS = 1000,     /* rounds without a frame before a core sleeps */
    NAP_LEAST_NS = 50000,   /* less is not worth the way to sleep and back */
    ECC_RESETS_MAX = 3, /* the third memory error without a link in between ends the port's service */
    IN_FLIGHT_NS = 1000000, /* the longest sleep while a card holds frames: nobody tells when it
                             * has sent them, and without free slots nothing comes in */
};

BOOT_KEY("app", CMDLINE_TEXT);
BOOT_KEY("port#.ip", CMDLINE_PREFIX);
BOOT_KEY("port#.gw", CMDLINE_IPV4, .needs_address = true);
BOOT_KEY("port#.gw2", CMDLINE_IPV4, .needs_address = true);
BOOT_KEY("port#.state", CMDLINE_ENUM, .words = "up|down");
BOOT_KEY("port#.vlan", CMDLINE_COUNT, .needs_address = true);
BOOT_KEY("probe", CMDLINE_ENUM, .words = "first|meanwhile", .needs_address = true);
BOOT_KEY("twamp", CMDLINE_COUNT, .needs_address = true);
BOOT_KEY("poll", CMDLINE_ENUM, .words = "always|adaptive");

static READ_MOSTLY const struct app *app;
static READ_MOSTLY bool may_sleep; /* poll=adaptive, and every vector could be set */

/* Core 0's own. */
static bool is_sleep_wanted; /* poll=adaptive */
static bool has_vectors;
static bool link_news;  /* vector 0 of some port has fired; core 0 alone */
static bool was_up[PORTS_MAX];
static uint64_t told_ns[PORTS_MAX]; /* when we last defended an address and said so */
static bool was_refused[PORTS_MAX];
static unsigned ecc_resets[PORTS_MAX]; /* memory errors in a card since its link was last up */

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

static uint32_t poll_nothing(const struct core_lanes *own)
{
    (void)own;
    return 0;
}

struct core_lanes *run_core_lanes(unsigned core)
{
    struct core_lanes *own = &core_lanes[core];

    own->first = &lanes[core * lanes_per_core];
    own->end = &lanes[(core + 1) * lanes_per_core];
    own->poll = lanes_per_core != 0 ? app->poll : poll_nothing;
    own->rounds_to_slow = SLOW_ROUND_EVERY;
    own->core = core;
    return own;
}

/* A round that also does rare work. */
static __attribute__((noinline)) uint32_t slow_round(struct core_lanes *own)
{
    const bool has_rare_work = rare_work[own->core].n != 0;
    uint32_t n = 0;

    own->rounds_to_slow = has_rare_work ? 1 : SLOW_ROUND_EVERY;
    if (!capture_is_on(own->core)) {
        n = own->poll(own);
        if (has_rare_work)
            n += lanes_drain(own->core);
        lanes_collect(own->core);
        return n;
    }
    for (struct lane *lane = own->first; lane != own->end; lane++) {
        capture_before(lane);
        n += own->poll(&(struct core_lanes){.first = lane, .end = lane + 1, .core = own->core}) +
             lane_drain(lane);
        capture_after(lane);
    }
    lanes_collect(own->core);
    return n;
}

/* Not inlined: the tests that count a round's instructions find it by its symbol. */
uint32_t run_round(struct core_lanes *own)
{
    if (__builtin_expect(--own->rounds_to_slow == 0, 0))
        return slow_round(own);
    return own->poll(own);
}

/* ---- Core 0's other work ---- */

static void link_event(void *context)
{
    (void)context;
    link_news = true;
}

static void look_at_causes(struct port *port)
{
    uint32_t causes = port->ops->irq_causes(port);

    if (causes & CAUSE_TOO_HOT)
        log_warn("port%u: the card is too hot; a link that it switches off comes back only after a "
                 "power off and on", port->index);
    if (port->link_is_up)
        ecc_resets[port->index] = 0;
    if ((causes & CAUSE_NEEDS_RESET) && !port->is_down) {
        if (++ecc_resets[port->index] == ECC_RESETS_MAX) {
            port_take_down(port, "a third memory error in its card, and no link in between");
        } else {
            log_error("port%u: memory error in the card: reset", port->index);
            (void)port_restart(port);
        }
    }
    port->ops->irq_arm(port, 0);
}

/* The last steps of `show boot`: all links up, and the first round of any core that found frames and
 * passed on or answered what was to be. Looked at ten times a second, until both were seen. */
static void follow_start(uint64_t now_tsc)
{
    static bool is_up, is_over;
    bool all_up = ports_n > 0;
    uint64_t first = 0;

    if (is_over)
        return;
    for (unsigned i = 0; i < ports_n; i++)
        all_up &= ports[i].link_is_up;
    if (all_up && !is_up) {
        is_up = true;
        bootlog_say("links", "all up", now_tsc);
    }
    for (unsigned i = 0; i < lanes_cores; i++) {
        uint64_t at = __atomic_load_n(&cpus[i]->first_tsc, __ATOMIC_RELAXED);
        at -= at ? (uint64_t)cpus[i]->tsc_skew : 0;
        if (at && (!first || at < first))
            first = at;
    }
    if (!first)
        return;
    is_over = true;
    bootlog_say("frame", "the first one", first);
}

void run_service(uint64_t now_ns)
{
    static uint8_t frame[ETH_BUFFER];
    uint64_t now_tsc = cpu_tsc(); /* before links are looked at: no frame can have come by them */

    uint32_t cut_off = iommu_poll();
    for (unsigned i = 0; i < ports_n; i++)
        if (cut_off & BIT(i))
            port_take_down(&ports[i], "its card broke out of its memory and was cut off");
    if (may_sleep)
        for (unsigned i = 0; i < ports_n; i++)
            look_at_causes(&ports[i]);
    link_news = false;
    lanes_service(now_ns);
    follow_start(now_tsc);
    if (app->service)
        app->service(now_ns);
    for (unsigned i = 0; i < ports_n; i++) {
        struct netif *nif = ports[i].netif;
        bool is_up = port_side(&ports[i], 0)->is_running;
        uint32_t length;

        if (!nif)
            continue;
        if (is_up && !was_up[i])
            netif_link_up(nif);
        was_up[i] = is_up;
        while ((length = netif_poll(nif, now_ns, frame)) != 0)
            (void)side_send(&ports[i], frame, length); /* a loss is counted there */
        if (nif->is_refused != was_refused[i]) {
            was_refused[i] = nif->is_refused;
            if (nif->is_refused)
                log_error("port%u: %pM has our address: it is not used, and asked for again in a "
                          "minute", i, nif->conflict_mac);
            else
                log_info("port%u: nobody else has our address any more", i);
        }
        if (nif->defended_ns != told_ns[i]) {
            told_ns[i] = nif->defended_ns;
            log_warn("port%u: %pM claims our address (%lu times now); announced that it is ours",
                     i, nif->conflict_mac, nif->conflicts);
        }
    }
}

/* ---- Setting up ---- */

/* What a stack sends that is no answer in place. */
static void send_aside(void *port, const uint8_t *frame, uint32_t length)
{
    (void)side_send(port, frame, length); /* a loss is counted there */
}

/* portN.ip=, portN.gw=, portN.gw2=, portN.vlan=: one stack for each core, since cores share nothing
 * that they write. What belongs to the host as a whole (neighbours, pings, announcements, fragments)
 * is core 0's: frames without a UDP or TCP port come in there, where an application takes only what is
 * for us; one that takes everything gives the stack nothing. */
static void configure_port(const struct cmdline *line, struct port *port, const struct app *chosen)
{
    char key[24];
    struct ipv4_prefix address;
    uint32_t gateways[2] = {0};
    uint64_t vlan = 0, twamp = 0;
    enum { PROBE_FIRST, PROBE_MEANWHILE }; /* in the order of the key's words */
    unsigned probe = PROBE_MEANWHILE;

    fmt_print(key, sizeof(key), "port%u.ip", port->index);
    if (!cmdline_prefix(line, key, &address))
        return;
    for (unsigned k = 0; k < 2; k++) {
        be32_t gateway;
        fmt_print(key, sizeof(key), k == 0 ? "port%u.gw" : "port%u.gw2", port->index);
        if (cmdline_ipv4(line, key, &gateway))
            gateways[k] = be32_get(gateway);
    }
    fmt_print(key, sizeof(key), "port%u.vlan", port->index);
    if (cmdline_u64(line, key, &vlan) && (vlan < 1 || vlan >= VLAN_ID)) {
        log_error("port%u: address not set: a VLAN is 1 to %u, not %lu", port->index, VLAN_ID - 1,
                  vlan);
        return;
    }
    if (cmdline_u64(line, "twamp", &twamp) && (twamp < 1 || twamp > 65535)) {
        log_error("twamp=%lu: a UDP port is 1 to 65535", twamp);
        twamp = 0;
    }

    (void)cmdline_enum(line, "probe", &probe);
    struct netif *nifs = memory_alloc(lanes_cores * sizeof(struct netif), PAGE_BYTES);
    struct reass *reass =
        chosen->takes_everything ? NULL : memory_alloc(sizeof(struct reass), PAGE_BYTES);
    if (!nifs || (!reass && !chosen->takes_everything)) {
        log_error("port%u: no memory for its address", port->index);
        return;
    }
    for (unsigned core = 0; core < lanes_cores; core++) {
        nifs[core].clock = tsc_now_ns;
        nifs[core].send = send_aside;
        nifs[core].send_context = port;
        nifs[core].vlan = (uint16_t)vlan;
        nifs[core].reass = core == 0 ? reass : NULL;
        /* ARP is core 0's: while it says nothing nobody finds the way to another core. */
        nifs[core].probes_first = core == 0 && probe == PROBE_FIRST;
        const char *wrong = netif_configure(&nifs[core], port->mac, be32_get(address.address),
                                            address.bits, gateways);
        if (wrong) {
            log_error("port%u: address not set: %s", port->index, wrong);
            return;
        }
        if (twamp != 0 && !netif_bind(&nifs[core], (uint16_t)twamp, udp_twamp, NULL) && core == 0)
            log_error("twamp=%lu: the port is taken", twamp);
    }
    port->netif = nifs;
}

/* Point the port's vectors at cores: 0 to core 0, c + 1 to core c. */
static bool set_vectors(struct port *port)
{
    for (unsigned v = 0; v <= lanes_cores; v++) {
        unsigned core = v == 0 ? 0 : v - 1;
        uint8_t vector = 0;
        uint64_t address = 0;
        uint32_t data = 0;

        enum err err = irq_alloc(core, v == 0 ? link_event : NULL, NULL,
                                 v == 0 ? "port events" : "port receive", &vector);
        if (!err)
            err = iommu_msi(port->domain, core, vector, &address, &data);
        if (!err)
            err = port->ops->irq_set(port, v, address, data);
        if (err) {
            log_warn("port%u: interrupt %u for core %u cannot be set: cores will poll and not "
                     "sleep",
                     port->index, v, core);
            return false;
        }
    }
    return true;
}

static bool open_lane(struct lane *lane, struct port *port, unsigned core)
{
    struct port *out = app->output(port);
    bool is_open = lane_open(lane, port, app->is_sink ? NULL : out, core) == OK;

    if (!is_open)
        log_error("port%u: no lane to port%u on core %u", port->index, out->index, core);
    lane->netif = port->netif ? &port->netif[core] : NULL;
    if (app->start)
        app->start(lane);
    return is_open;
}

void run_start_app(const struct app *chosen)
{
    app = chosen;
    lanes_per_core = 0;
    lanes_drain_by(app->slow);
    if (app->prepare)
        app->prepare();
    for (unsigned i = 0; i < ports_n; i++) {
        ports[i].ops->set_promiscuous(&ports[i], app->takes_everything);
        ports[i].ops->set_queues(&ports[i], lanes_cores, app->takes_everything);
        ports[i].ops->poll_link(&ports[i]);
        lanes_per_core += app->output(&ports[i]) != NULL;
    }
    lanes_n = lanes_per_core * lanes_cores;
    for (unsigned i = 0, at = 0; i < ports_n; i++) {
        struct port *out = app->output(&ports[i]);

        for (unsigned core = 0; core < lanes_cores; core++)
            if (side_open(&ports[i], core) != OK)
                log_error("port%u: no side queue on core %u", i, core);
        if (!out) {
            log_info("port%u: no lane: app=%s has no use for it", i, app->name);
            continue;
        }
        unsigned n = 0;
        for (unsigned core = 0; core < lanes_cores; core++)
            n += open_lane(&lanes[core * lanes_per_core + at], &ports[i], core);
        at++;
        log_info("port%u -> port%u: %u lanes of %u slots", i, out->index, n, LANE_SLOTS);
        if (n < lanes_cores)
            log_error("port%u: out of service: a lane for %u of %u cores; fewer (cpus=) need less "
                      "memory", i, n, lanes_cores);
    }
}

void net_start(const struct cmdline *line)
{
    const char *name = cmdline_get(line, "app");
    const struct app *chosen = run_find_app(name ? name : "forward");
    enum { POLL_ALWAYS, POLL_ADAPTIVE }; /* in the order of the key's words */
    unsigned poll = POLL_ADAPTIVE;

    if (!chosen) {
        log_error("app=%s: no such application; forward is started", name);
        chosen = run_find_app("forward");
    }
    lanes_cores = MIN(cpus_n, QUEUES_MAX);
    for (unsigned i = 0; i < ports_n; i++) {
        char key[24];
        unsigned is_down = 0;

        fmt_print(key, sizeof(key), "port%u.state", i);
        if (cmdline_enum(line, key, &is_down) && is_down) {
            ports[i].is_down = true;
            ports[i].ops->link_off(&ports[i]);
        }
        configure_port(line, &ports[i], chosen);
    }
    for (unsigned i = 0; i < line->n; i++) {
        char text[128];
        if (cmdline_has_no_effect(line, i, chosen->name, ports_n, text, sizeof(text)))
            log_warn("boot line: %s", text);
    }
    capture_prepare();
    log_info("app=%s: %s", chosen->name, chosen->help);
    if (chosen->configure)
        chosen->configure(line);
    /* Before lanes take what memory there is: a page may be needed to map the card's vectors, and
     * cores that cannot sleep leave an emulator no time for the console. */
    has_vectors = true;
    for (unsigned i = 0; i < ports_n && has_vectors; i++)
        has_vectors = set_vectors(&ports[i]);
    run_start_app(chosen);
    (void)cmdline_enum(line, "poll", &poll);
    run_set_sleep(poll == POLL_ADAPTIVE);
    follow_start(cpu_tsc());
}

void run_set_sleep(bool is_wanted)
{
    is_sleep_wanted = is_wanted;
    may_sleep = is_wanted && has_vectors;
    for (unsigned core = 1; core < lanes_cores && !may_sleep; core++)
        smp_wake(core);
}

bool run_may_sleep(void)
{
    return is_sleep_wanted;
}

/* ---- The loop ---- */

/* Nothing came for a while. Arm, look once more, sleep: what comes in between is pending when the
 * sleep begins, and ends it. */
static void rest(unsigned core, uint64_t until_service_ns)
{
    uint64_t due_ns = app->idle_ns ? app->idle_ns(core) : UINT64_MAX;

    if (due_ns < NAP_LEAST_NS)
        return;
    for (unsigned i = 0; i < ports_n; i++)
        if (!__atomic_load_n(&ports[i].is_in_reset, __ATOMIC_ACQUIRE))
            ports[i].ops->irq_arm(&ports[i], core + 1);
    if (lanes_have_work(core) || mailbox_poll() || (core == 0 && (link_news || !console_may_sleep())))
        return;
    uint64_t limit_ns = core == 0 ? until_service_ns : 0;
    if (lanes_are_in_flight(core))
        limit_ns = limit_ns ? MIN(limit_ns, (uint64_t)IN_FLIGHT_NS) : IN_FLIGHT_NS;
    if (due_ns != UINT64_MAX)
        limit_ns = limit_ns ? MIN(limit_ns, due_ns) : due_ns;
    smp_sleep(limit_ns);
}

static _Noreturn void core_loop(void)
{
    struct cpu *cpu = cpu_this();
    const unsigned core = cpu->index;
    struct core_lanes *own = run_core_lanes(core);
    const uint64_t interval_tsc = tsc_ticks(SERVICE_NS);
    uint64_t service_tsc = cpu_tsc();
    uint32_t idle = 0;

    cpu->loop_tsc = cpu_tsc(); /* what came before the first round is no stall */
    for (;;) {
        uint32_t n = run_round(own);
        uint64_t now_tsc = cpu_tsc();

        watchdog_stamp(cpu, now_tsc);
        cpu->polls++;
        if (n != 0) {
            idle = 0;
            if (__builtin_expect(cpu->first_tsc == 0, 0))
                cpu->first_tsc = now_tsc;
        } else {
            cpu->empty_polls++;
            idle++;
        }
        if (mailbox_poll())
            idle = 0;
        if (core == 0) {
            if (now_tsc - service_tsc >= interval_tsc || link_news) {
                service_tsc = now_tsc;
                run_service(tsc_now_ns());
                watchdog_poll();
            }
            console_poll();
            if (console_is_busy())
                idle = 0;
        }
        if (idle >= IDLE_ROUNDS && may_sleep) {
            uint64_t since_tsc = cpu_tsc() - service_tsc;
            rest(core, since_tsc < interval_tsc ? tsc_ns(interval_tsc - since_tsc) : 1);
            idle = IDLE_ROUNDS / 2; /* awake for nothing: asleep again sooner */
            cpu->loop_tsc = cpu_tsc(); /* sleep is no stall */
        }
    }
}

_Noreturn void net_run(void)
{
    smp_run(core_loop, lanes_cores);
    core_loop();
}
