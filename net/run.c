/* SPDX-License-Identifier: BSD-2-Clause
 * The loop of each core: a burst of each of its lanes; on core 0 also links, timers and the
 * console. An idle core arms its interrupts, polls once more and sleeps. net_start sets all of it
 * up from the boot line.
 */
#include "net/run.h"
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/irq.h"
#include "arch/smp.h"
#include "arch/task.h"
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "kernel/bootlog.h"
#include "kernel/console/console.h"
#include "kernel/iommu/iommu.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/mailbox.h"
#include "kernel/slice.h"
#include "kernel/start.h"
#include "kernel/watchdog.h"
#include "net/addresses.h"
#include "net/lane/capture.h"
#include "net/lane/control.h"
#include "net/lane/lane_control.h"
#include "net/lane/rss_key.h"
#include "net/stack/eth.h"
#include "net/stack/netif.h"
#include "net/lane/vlans.h"

enum {
    SERVICE_NS = 100000000, /* from one service to the next */
    IDLE_ROUNDS = 1000,     /* rounds without a frame before a core sleeps */
    NAP_LEAST_NS = 50000,   /* a shorter sleep would cost more than it saves */
    FRAMES_A_STEP = 4,      /* of a stack's timers */
    LINK_NS = 10000000,     /* between two runs of it for a card's interrupt */
    CORES_MS = 10000,       /* for the other cores to enter their loops */
    IN_FLIGHT_NS = 1000000, /* longest sleep while an output holds frames: no interrupt reports
                             * their completion, and receive needs their slots */
};

BOOT_KEY("app", CMDLINE_TEXT);
BOOT_KEY("port#.state", CMDLINE_ENUM, .words = "up|down");
BOOT_KEY("poll", CMDLINE_ENUM, .words = "always|adaptive");

static READ_MOSTLY const struct app *app;
static READ_MOSTLY bool may_sleep; /* poll=adaptive, and all vectors are set */

/* Used by core 0 only. */
static bool is_sleep_wanted; /* poll=adaptive */
static bool has_vectors;
static bool link_event_pending; /* vector 0 of a port has fired */
static bool was_up[PORTS_MAX];
static uint64_t reported_ns[PORTS_MAX]; /* netif->defended_ns of the last conflict logged */
static bool was_refused[PORTS_MAX];

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

lane_poll *run_poll(void)
{
    return lane_slots.bytes == SLOT_BYTES ? app->poll : app->long_poll;
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
    own->poll = lanes_per_core != 0 ? run_poll() : poll_nothing;
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

/* Not inlined: tests find it by its symbol to count a round's instructions. */
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
    link_event_pending = true;
}

/* Log the last steps of `show boot`: all links up, and the first round of any core that handled
 * frames. Called ten times a second until both have happened. */
static void follow_start(uint64_t now_tsc)
{
    static bool is_up, is_over;
    unsigned up = 0, working = 0;
    uint64_t first = 0;

    if (is_over)
        return;
    for (unsigned i = 0; i < ports_n; i++)
        if (!ports[i].no_card) {
            working++;
            up += ports[i].link_is_up;
        }
    if (up == working && up > 0 && !is_up) {
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
    bootlog_say("frame", "first handled", first);
}

static void service_faults(void)
{
    uint32_t cut_off = iommu_poll();

    for (unsigned i = 0; i < ports_n; i++)
        if (cut_off & BIT(i))
            port_take_down(&ports[i],
                           "its card accessed memory outside its buffers and was cut off");
}

static void service_port(struct port *port, uint64_t now_ns)
{
    if (may_sleep && !port->is_in_reset)
        lanes_service_causes(port, now_ns);
    lanes_service_port(port);
}

/* Timers of the port's stack on core 0, and some of the frames that they send. True: more are due. */
static bool service_stack(struct port *port, uint64_t now_ns)
{
    static uint8_t frame[ETH_BUFFER];
    const unsigned i = port->index;
    struct netif *nif = port->netif;
    char name[PORT_NAME_BYTES];
    uint32_t length;

    if (!nif)
        return false;
    bool is_up = port_side(port, 0)->is_running;
    port_name(port, name);
    if (is_up && !was_up[i])
        netif_link_up(nif);
    was_up[i] = is_up;
    for (unsigned n = 0; n < FRAMES_A_STEP && (length = netif_poll(nif, now_ns, frame)) != 0; n++)
        (void)side_send(port, frame, length); /* a loss is counted there */
    if (nif->is_refused != was_refused[i]) {
        was_refused[i] = nif->is_refused;
        if (nif->is_refused)
            log_error("%s: %pM has our address: it is not used, and probed again in a minute", name,
                      nif->conflict_mac);
        else
            log_info("%s: no other host has our address any more", name);
    }
    if (nif->defended_ns != reported_ns[i]) {
        reported_ns[i] = nif->defended_ns;
        log_warn("%s: %pM claims our address (%lu claims so far); announced as ours", name,
                 nif->conflict_mac, nif->conflicts);
    }
    return netif_is_due(nif, now_ns);
}

/* The steps of a service whose number depends on what there is to do: first the application's, then
 * those of the ports' stacks. */
static struct {
    bool app;       /* is to be called again */
    unsigned stack; /* the port whose stack is next */
} left;

static bool service_left(uint64_t now_ns)
{
    if (left.app) {
        (void)watchdog_part("application");
        left.app = app->service(now_ns);
        return true;
    }
    if (left.stack == ports_all)
        return false;
    (void)watchdog_part("neighbours");
    if (!service_stack(&ports[left.stack], now_ns))
        left.stack++;
    return true;
}

static void service_all(uint64_t now_ns, uint64_t began_tsc)
{
    (void)watchdog_part("queues");
    lanes_service_queues(now_ns);
    capture_service();
    follow_start(began_tsc);
    left.app = app->service != NULL;
    left.stack = 0;
}

bool run_service_step(uint64_t now_ns, unsigned step)
{
    static uint64_t began_tsc; /* before poll_link: no frame can have arrived yet */

    if (step == 0) {
        began_tsc = cpu_tsc();
        (void)watchdog_part("faults");
        service_faults();
        link_event_pending = false;
        return true;
    }
    step--;
    if (step < ports_n) {
        (void)watchdog_part("links");
        service_port(&ports[step], now_ns);
        return true;
    }
    step -= ports_n;
    if (step == 0) {
        service_all(now_ns, began_tsc);
        return true;
    }
    if (service_left(now_ns))
        return true;
    (void)watchdog_part("counters");
    return lanes_service_counters(now_ns);
}

/* ---- Setting up ---- */

/* Route the port's vectors: 0 to core 0, c + 1 to core c. */
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
            log_warn("port%u: interrupt %u for core %u cannot be set: cores poll without sleeping",
                     port->index, v, core);
            return false;
        }
    }
    return true;
}

/* The port to which the application sends what `in` receives; NULL: there is no lane. */
static struct port *output_of(struct port *in)
{
    return in->no_card ? NULL : app->output(in);
}

static bool open_lane(struct lane *lane, struct port *port, unsigned core)
{
    struct port *out = app->output(port);
    bool is_open = lane_open(lane, port, app->is_sink ? NULL : out, core, core) == OK;

    if (!is_open)
        log_error("port%u: no lane to port%u on core %u", port->index, out->index, core);
    lane->netif = port->netif ? &port->netif[core] : NULL;
    if (app->start)
        app->start(lane);
    return is_open;
}

/* The slots of all lanes, by the longest frames of any port: a loop handles those of several ports. */
static void choose_slots(void)
{
    bool is_long = false;

    for (unsigned i = 0; i < ports_n; i++)
        is_long |= app->long_poll && ports[i].mtu > MTU_MOST;
    lane_slots = is_long ? (struct lane_slots){LONG_SLOT_BYTES, LONG_SLOT_STRIDE}
                         : (struct lane_slots){SLOT_BYTES, SLOT_STRIDE};
    for (unsigned i = 0; i < ports_n; i++)
        ports[i].slot_bytes = lane_slots.bytes;
}

/* After the lanes, which need their memory more. */
static void open_sides(void)
{
    for (unsigned i = 0; i < ports_n; i++)
        for (unsigned core = 0; core < lanes_cores && !ports[i].no_card; core++)
            if (side_open(&ports[i], core, app->side_slots ? app->side_slots : SIDE_SLOTS) != OK)
                log_error("port%u: no side queue on core %u", i, core);
}

void run_start_app(const struct app *chosen)
{
    app = chosen;
    lanes_per_core = 0;
    choose_slots();
    lanes_drain_by(app->slow);
    if (app->prepare)
        app->prepare();
    for (unsigned i = 0; i < ports_n; i++) {
        ports[i].ops->set_promiscuous(&ports[i], app->takes_everything);
        ports[i].ops->set_queues(&ports[i], lanes_cores, app->takes_everything, rss_key());
        ports[i].ops->poll_link(&ports[i]);
        lanes_per_core += output_of(&ports[i]) != NULL;
    }
    lanes_n = lanes_per_core * lanes_cores;
    lanes_control_n = 0;
    for (unsigned i = 0, at = 0; i < ports_n; i++) {
        struct port *out = output_of(&ports[i]);

        if (ports[i].no_card) {
            log_info("port%u is not used: no working card", i);
            continue;
        }
        if (!out) {
            bool needs_address = !ports[i].netif && !app->takes_everything && !app->is_sink;
            if (needs_address)
                log_info("port%u is not used by app=%s: it has no address (port%u.ip=)", i,
                         app->name, i);
            else
                log_info("port%u is not used by app=%s", i, app->name);
            continue;
        }
        unsigned n = 0;
        for (unsigned core = 0; core < lanes_cores; core++)
            n += open_lane(&lanes[core * lanes_per_core + at], &ports[i], core);
        at++;
        log_info("port%u -> port%u: %u lanes of %u slots", i, out->index, n, LANE_SLOTS);
        if (n < lanes_cores)
            log_error("port%u: out of service: memory for the lanes of %u of %u cores; use fewer "
                      "(cpus=)",
                      i, n, lanes_cores);
    }
    for (unsigned i = 0; i < ports_n && app->control; i++)
        if (vlan_is_addressed(&ports[i]) && output_of(&ports[i]))
            control_open(&ports[i], app->control);
    open_sides();
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
    rss_key_choose(line);
    for (unsigned i = 0; i < ports_n; i++) {
        char key[24];
        unsigned is_down = 0;

        if (ports[i].no_card)
            continue;
        fmt_print(key, sizeof(key), "port%u.state", i);
        if (cmdline_enum(line, key, &is_down) && is_down) {
            ports[i].is_down = true;
            ports[i].ops->link_off(&ports[i]);
        }
        addresses_configure(line, &ports[i], chosen);
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
    /* Before the lanes use up the memory: mapping the card's vectors may need a page, and without
     * vectors cores cannot sleep, which leaves an emulator no time for the console. */
    has_vectors = true;
    for (unsigned i = 0; i < ports_n && has_vectors; i++)
        has_vectors = ports[i].no_card || set_vectors(&ports[i]);
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

/* Sleep until an interrupt or the next deadline. The vectors are armed before the last look for
 * work, so a frame that arrives in between is pending when the sleep begins, and ends it. */
static void sleep_until_event(unsigned core, uint64_t until_service_ns)
{
    uint64_t due_ns = app->idle_ns ? app->idle_ns(core) : UINT64_MAX;

    if (due_ns < NAP_LEAST_NS)
        return;
    for (unsigned i = 0; i < ports_n; i++)
        if (!__atomic_load_n(&ports[i].is_in_reset, __ATOMIC_ACQUIRE))
            ports[i].ops->irq_arm(&ports[i], core + 1);
    if (lanes_have_work(core) || mailbox_poll() ||
        (core == 0 && (link_event_pending || !console_may_sleep())))
        return;
    uint64_t limit_ns = core == 0 ? until_service_ns : watchdog_sleep_ns(core);
    if (lanes_are_in_flight(core))
        limit_ns = limit_ns ? MIN(limit_ns, (uint64_t)IN_FLIGHT_NS) : IN_FLIGHT_NS;
    if (due_ns != UINT64_MAX)
        limit_ns = limit_ns ? MIN(limit_ns, due_ns) : due_ns;
    if (core == 0)
        limit_ns = MIN(limit_ns ? limit_ns : UINT64_MAX, console_nap_ns());
    smp_sleep(limit_ns);
    if (core == 0)
        console_woke();
}

/* A step of this core's task, if one is due; false: none was. */
static bool step_task(void)
{
    if (!task_is_busy())
        return false;
    (void)watchdog_part("port change");
    bool has_run = task_step();
    (void)watchdog_part(NULL);
    return has_run;
}

/* Is it time for a part of the other work? At once after a round without frames, else after so many
 * rounds. */
static bool has_turn(uint32_t n, unsigned *rounds)
{
    if (n != 0 && ++*rounds < ROUNDS_A_STEP)
        return false;
    *rounds = 0;
    return true;
}

/* Core 0's. */
static struct {
    uint64_t began_tsc, began_ns; /* the last service */
    bool is_under_way;
    unsigned step; /* its next */
} service;

static void begin_service(uint64_t now_tsc)
{
    static uint64_t interval_tsc, link_tsc;

    if (interval_tsc == 0) {
        interval_tsc = tsc_ticks(SERVICE_NS);
        link_tsc = tsc_ticks(LINK_NS);
    }
    if (service.is_under_way ||
        now_tsc - service.began_tsc < (link_event_pending ? link_tsc : interval_tsc))
        return;
    service.began_tsc = now_tsc;
    service.began_ns = tsc_now_ns();
    service.is_under_way = true;
    service.step = 0;
    (void)watchdog_part("watchdog");
    watchdog_poll();
    (void)watchdog_part(NULL);
}

void run_other_work(uint64_t now_tsc, uint32_t n)
{
    static unsigned rounds, turn;

    begin_service(now_tsc);
    if (!has_turn(n, &rounds)) {
        console_poll(n == 0);
        return;
    }
    turn++;
    if (turn % 3 == 0 && step_task())
        return;
    /* Not while a command waits for another core: it may be about what the service changes. */
    if (turn % 3 == 1 && service.is_under_way && !slice_is_waiting()) {
        service.is_under_way = run_service_step(service.began_ns, service.step++);
        (void)watchdog_part(NULL);
        return;
    }
    console_poll(n == 0);
}

static _Noreturn void core_loop(void)
{
    struct cpu *cpu = cpu_this();
    const unsigned core = cpu->index;
    struct core_lanes *own = run_core_lanes(core);
    const uint64_t interval_tsc = tsc_ticks(SERVICE_NS);
    uint64_t looked_tsc = cpu_tsc(); /* at core 0, or as core 0 began a service */
    unsigned rounds = 0;
    uint32_t idle = 0;

    if (core == 0)
        service.began_tsc = looked_tsc;
    cpu->loop_tsc = cpu_tsc(); /* time before the first round is not a stall */
    for (;;) {
        uint32_t n = run_round(own);
        if (core == 0)
            n += control_poll();
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
            run_other_work(now_tsc, n);
            looked_tsc = service.began_tsc;
            if (console_is_busy())
                idle = 0;
        } else {
            if (task_is_busy() && has_turn(n, &rounds))
                (void)step_task();
            if (core == WATCHDOG_OF_CORE_0 && now_tsc - looked_tsc >= interval_tsc) {
                looked_tsc = now_tsc;
                watchdog_poll_core_0();
            }
        }
        if (idle >= IDLE_ROUNDS && may_sleep && !task_is_busy() &&
            !(core == 0 && service.is_under_way)) {
            uint64_t since_tsc = cpu_tsc() - looked_tsc;
            sleep_until_event(core,
                              since_tsc < interval_tsc ? tsc_ns(interval_tsc - since_tsc) : 1);
            idle = IDLE_ROUNDS / 2;    /* after a wake-up without work, sleep again sooner */
            cpu->loop_tsc = cpu_tsc(); /* sleep is not a stall */
        }
    }
}

/* Wait until the other cores are in their loops: an order to one that is not cannot be carried
 * out. */
static void wait_for_cores(void)
{
    uint64_t start_ns = tsc_now_ns();

    for (unsigned core = 1; core < lanes_cores; core++) {
        while (__atomic_load_n(&cpus[core]->state, __ATOMIC_ACQUIRE) != CPU_RUNNING &&
               tsc_now_ns() - start_ns < CORES_MS * 1000000ull)
            cpu_pause();
        if (__atomic_load_n(&cpus[core]->state, __ATOMIC_ACQUIRE) != CPU_RUNNING)
            log_error("core %u: not in its loop after %u ms: it carries out orders once it is",
                      core, (unsigned)((tsc_now_ns() - start_ns) / 1000000));
    }
}

_Noreturn void net_run(void)
{
    smp_run(core_loop, lanes_cores);
    wait_for_cores();
    core_loop();
}
