/* SPDX-License-Identifier: BSD-2-Clause
 * Core 0's supervision of lanes and side queues: links, resets, stuck outputs, `stop` and `start`.
 * A core's lanes are changed by that core, at core 0's request.
 */
#include "arch/tsc.h"
#include "kernel/iommu/iommu.h"
#include "kernel/log/log.h"
#include "kernel/mailbox.h"
#include "net/lane/internal.h"
#include "net/lane/rss_check.h"

enum {
    STUCK_NS = 1000000000,    /* no progress for so long with the link up: the output is stuck */
    LATE_NS = 50000000,       /* the same if its head words are late: read the register */
    COUNTERS_NS = 1000000000, /* between two reads of the cards' counters */
};

/* Core 0's record of each output's progress, to detect stuck ones. */
static struct progress {
    uint64_t ns;   /* when `done` last advanced or nothing was queued; 0: not yet recorded */
    uint32_t done; /* what it was then */
} lanes_progress[LANES_MAX], feeds_progress[LANES_MAX];

enum { CALL_LIMIT_US = 2000000 }; /* for a core to stop or start its queues of a port */

/* A request of core 0 to a core, for all its lanes and side queues that use a port. Static, since
 * the core may run it after the call has timed out. */
static struct change {
    struct port *port;
    enum { STOP, START, FOLLOW } what;
    enum drop why;
    struct port *stuck; /* result: port to reset, a queue did not stop or start; or NULL */
} changes[QUEUES_MAX];

static bool touches(const struct lane *lane, const struct port *port)
{
    return lane->in == port || lane->out == port;
}

/* i = 0: the core's side queue of the port; 1: its feed. NULL if it is not open. */
enum { SIDES = 2 };
static struct side *side_of(struct port *port, unsigned core, unsigned i)
{
    struct side *feeds = port_feeds(port), *feed = feeds ? &feeds[core] : NULL;
    struct side *side = i == 0 ? port_side(port, core) : feed;

    return side && side->ring ? side : NULL;
}

static bool side_must_change(const struct port *port, const struct side *side)
{
    return side && side->is_running != port_is_usable(port);
}

/* With a link at its output a lane runs; without one it drains. */
static bool lane_must_change(const struct lane *lane)
{
    if (lane->in->is_gone || lane->in->is_down || lanes_are_stopped())
        return lane->state != LANE_PARKED;
    bool has_output = lane->is_sink || port_is_usable(lane->out);
    return lane->state != (has_output ? LANE_RUNNING : LANE_DRAINING);
}

static void side_apply_change(struct change *change, struct side *side)
{
    struct port *port = change->port;

    if (!side || (change->what == FOLLOW && !side_must_change(port, side)))
        return;
    if (change->what != START && !side_stop(port, side, change->why))
        change->stuck = port;
    if (change->what != STOP && !change->stuck && !side_start(port, side))
        change->stuck = port;
}

/* Runs on the core that owns the lanes. */
static void apply_change(void *context)
{
    struct change *change = context;
    unsigned core = (unsigned)(change - changes);

    change->stuck = NULL;
    for (unsigned i = 0; i < SIDES; i++)
        side_apply_change(change, side_of(change->port, core, i));
    for (struct lane *lane = lanes_of(core); lane != lanes_of(core + 1); lane++) {
        struct port *stuck = NULL;

        if (!touches(lane, change->port) || (change->what == FOLLOW && !lane_must_change(lane)))
            continue;
        if (change->what != START)
            stuck = lane_stop(lane, change->why, NULL);
        if (change->what != STOP && !stuck)
            stuck = lane_start(lane);
        if (stuck)
            change->stuck = stuck;
    }
}

/* Have a core apply a change. Returns the port that must be reset, since its queue did not stop or
 * start, or NULL. */
static struct port *request_change(unsigned core, struct port *port, int what, enum drop why)
{
    struct change *change = &changes[core];

    change->port = port;
    change->what = what;
    change->why = why;
    change->stuck = NULL;
    enum err err = mailbox_call(core, apply_change, change, CALL_LIMIT_US);
    if (err)
        log_error("port%u: core %u does not %s its queues within %u ms", port->index, core,
                  what == STOP ? "stop" : "start", CALL_LIMIT_US / 1000);
    return err ? NULL : change->stuck;
}

static void stop_all(struct port *port, enum drop why)
{
    for (unsigned core = 0; core < lanes_cores; core++)
        (void)request_change(core, port, STOP, why); /* a stuck card is reset or cut off next */
}

static void start_all(struct port *port)
{
    for (unsigned core = 0; core < lanes_cores; core++) {
        struct port *stuck = request_change(core, port, START, DROP_port_reset);
        if (stuck)
            port_give_up(stuck);
    }
}

static enum err restart(struct port *port, enum drop why)
{
    /* A core sees this no later than its request to stop, and then arms no interrupt until its
     * request to start: all interrupts are masked during the reset. */
    __atomic_store_n(&port->is_in_reset, true, __ATOMIC_RELEASE);
    stop_all(port, why);
    enum err err = port->is_gone ? ERR_NO_DEVICE : port->ops->reset(port);
    port->is_down = err != OK;
    __atomic_store_n(&port->is_in_reset, false, __ATOMIC_RELEASE);
    if (err)
        log_error("port%u: out of service: reset failed", port->index);
    start_all(port);
    return err;
}

enum err port_restart(struct port *port)
{
    iommu_enable_bus_mastering(port->domain);
    return restart(port, DROP_port_reset);
}

void port_take_down(struct port *port, const char *why)
{
    stop_all(port, DROP_port_reset);
    port->is_down = true;
    log_warn("port%u: out of service: %s; \"set port %u up\" brings it back", port->index, why,
             port->index);
    port->ops->link_off(port);
    start_all(port); /* lanes to this port drain */
}

/* Stops or starts all lanes of a core by console command; side queues keep running. */
static struct pause {
    lane_poll *finish; /* NULL: start them */
    struct port *stuck;
} pauses[QUEUES_MAX];

static void apply_pause(void *context)
{
    struct pause *pause = context;
    unsigned core = (unsigned)(pause - pauses);

    for (struct lane *lane = lanes_of(core); lane != lanes_of(core + 1); lane++) {
        struct port *stuck = NULL;

        if (pause->finish)
            stuck = lane_stop(lane, lane->state == LANE_DRAINING ? DROP_tx_no_link : DROP_tx_stuck,
                              pause->finish);
        else
            stuck = lane_start(lane);
        if (stuck)
            pause->stuck = stuck;
    }
}

static void pause_all(lane_poll *finish)
{
    lanes_set_stopped(finish != NULL);
    for (unsigned core = 0; core < lanes_cores; core++) {
        struct pause *pause = &pauses[core];

        *pause = (struct pause){.finish = finish};
        if (mailbox_call(core, apply_pause, pause, CALL_LIMIT_US) != OK)
            log_error("core %u does not %s its lanes within %u ms", core, finish ? "stop" : "start",
                      CALL_LIMIT_US / 1000);
        else if (pause->stuck)
            (void)restart(pause->stuck, DROP_tx_stuck);
    }
}

void lanes_stop(lane_poll *poll)
{
    pause_all(poll);
}

void lanes_start(void)
{
    pause_all(NULL);
}

static bool core_must_change(unsigned core, struct port *port)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (side_must_change(port, side_of(port, core, i)))
            return true;
    for (const struct lane *lane = lanes_of(core); lane != lanes_of(core + 1); lane++)
        if (touches(lane, port) && lane_must_change(lane))
            return true;
    return false;
}

static void follow_port(struct port *port)
{
    for (unsigned core = 0; core < lanes_cores; core++) {
        if (!core_must_change(core, port))
            continue;
        struct port *stuck =
            request_change(core, port, FOLLOW, port->is_down ? DROP_port_reset : DROP_tx_no_link);
        if (stuck) {
            (void)restart(stuck, DROP_tx_no_link);
            return;
        }
    }
}

/* A transmit queue as core 0 sees it. */
struct output {
    struct port *port;
    unsigned queue;
    uint32_t done;  /* frames finished; runs free */
    uint64_t held;  /* frames queued and not finished */
    uint32_t *head; /* its head word */
    uint32_t at;    /* index of the first slot not finished */
    uint32_t slots;
};

/* For a head word that does not change: read the head from the card's register. If the card has
 * finished frames, store that index in the head word, as the card should have; a write by the card
 * meanwhile wins. Returns false if the card has finished nothing, or if the word had this value
 * already and the owner core has rejected it. */
static bool take_late_head(const struct output *o)
{
    uint32_t word = dma_load32(o->head), index = o->port->ops->tx_head(o->port, o->queue);
    uint32_t finished = index >= o->at ? index - o->at : index + o->slots - o->at;

    if (index >= o->slots || finished == 0 || finished > o->held || index == word)
        return false;
    if (!o->port->is_late)
        log_warn("port%u: transmit queue %u: head word late: memory has %u, the card %u; from now "
                 "on its register is read when it stalls (NULL-RS in drivers/x540/README.md)",
                 o->port->index, o->queue, word, index);
    o->port->is_late = true;
    (void)__atomic_compare_exchange_n(o->head, &word, index, false, __ATOMIC_RELEASE,
                                      __ATOMIC_RELAXED);
    return true;
}

static void follow_queue(struct progress *m, const struct output *o, uint64_t now_ns)
{
    if (o->done != m->done || o->held == 0 || m->ns == 0) {
        m->done = o->done;
        m->ns = now_ns;
    } else if (now_ns - m->ns > (o->port->is_late ? LATE_NS : STUCK_NS) && take_late_head(o)) {
        m->ns = now_ns;
    } else if (now_ns - m->ns > STUCK_NS) {
        log_error("port%u: transmit queue %u has sent nothing for %u ms, of %u slots: reset",
                  o->port->index, o->queue, (uint32_t)((now_ns - m->ns) / 1000000),
                  (uint32_t)o->held);
        m->ns = now_ns;
        (void)restart(o->port, DROP_tx_stuck);
    }
}

void lanes_service(uint64_t now_ns)
{
    static uint64_t counters_ns;
    bool is_time_to_count = now_ns - counters_ns >= COUNTERS_NS;

    if (is_time_to_count)
        counters_ns = now_ns;
    for (unsigned i = 0; i < ports_n; i++) {
        ports[i].ops->poll_link(&ports[i]);
        if (is_time_to_count)
            ports[i].ops->poll_counters(&ports[i]);
        follow_port(&ports[i]);
        rss_check(&ports[i]);
    }
    for (unsigned i = 0; i < lanes_n; i++) {
        const struct lane *lane = &lanes[i];
        bool sends = lane->state == LANE_RUNNING && !lane->is_sink;
        const struct output o = {
            .port = lane->out,
            .queue = lane->core,
            .done = lane->done,
            .held = sends ? (uint32_t)lane->next - lane->done : 0,
            .head = lane->head_buf.va,
            .at = lane->done & (LANE_SLOTS - 1),
            .slots = LANE_SLOTS,
        };
        follow_queue(&lanes_progress[i], &o, now_ns);
    }
    for (unsigned i = 0; i < ports_n * lanes_cores; i++) {
        struct port *port = &ports[i / lanes_cores];
        struct side *feed = side_of(port, i % lanes_cores, 1);
        if (feed) {
            struct side_ledger l = side_ledger(feed);
            const struct output o = {
                .port = port,
                .queue = feed->queue,
                .done = (uint32_t)l.sent,
                .held = l.held,
                .head = feed->head_buf.va,
                .at = (feed->done_at + (uint32_t)(l.sent - feed->sent_before - feed->done)) %
                      feed->slots,
                .slots = feed->slots,
            };
            follow_queue(&feeds_progress[i], &o, now_ns);
        }
    }
}
