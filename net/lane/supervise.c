/* SPDX-License-Identifier: BSD-2-Clause
 * Core 0's supervision of lanes and side queues: links, resets, stuck outputs, `stop` and `start`.
 * A core's lanes are changed by that core, at core 0's request.
 *
 * All of this waits: for cards, for other cores. So whoever finds or orders something writes it down
 * (ask_for), and core 0's task (arch/task.h) does it, one thing after the other, in steps between
 * core 0's polls. A core carries an order out in a task of its own, likewise. Until then everything
 * else goes on: lanes of other ports, the services, the console.
 */
#include "arch/task.h"
#include "arch/tsc.h"
#include "kernel/ask.h"
#include "kernel/iommu/iommu.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"
#include "net/lane/internal.h"
#include "net/lane/rss_check.h"

enum {
    STUCK_NS = 1000000000,    /* no progress for so long with the link up: the output is stuck */
    LATE_NS = 50000000,       /* the same if its head words are late: read the register */
    COUNTERS_NS = 1000000000, /* between two reads of the cards' counters */
    CAUSE_LINES_MAX = 4,      /* log lines about a port's causes in each period of */
    CAUSE_LINES_NS = 1000000000,
    ECC_RESETS_MAX = 3, /* memory errors that take a port down if they come within ECC_S */
    ECC_S = 60,
};

/* Core 0's record of each output's progress, to detect stuck ones. */
static struct progress {
    uint64_t ns;   /* when `done` last advanced or nothing was queued; 0: not yet recorded */
    uint32_t done; /* what it was then */
} lanes_progress[LANES_MAX], feeds_progress[LANES_MAX];
/* The same for inputs: ns 0 while the next descriptor is not overtaken, else since when it has been. */
static struct progress inputs_progress[LANES_MAX];

/* For a core to stop or start its queues of a port; for one that is late already, of which core 0
 * bears a wait ten times a second. */
enum { CALL_LIMIT_US = 2000000, AGAIN_LIMIT_US = 3000, ORDER_STEP_US = 20 };

/* An order of core 0 to a core. PAUSE and RESUME, the console's `stop` and `start`, are for all its
 * lanes; the others for all its lanes and side queues that use a port. START also stops what it
 * finds running: the core may have missed STOP, and the card been reset since. */
static struct order {
    struct order_request {
        enum { STOP, START, FOLLOW, PAUSE, RESUME } what;
        struct port *port;
        enum drop why;
        lane_poll *finish; /* of PAUSE */
    } request;
    /* Result: ports to reset, since a queue did not stop or start, a bit each. Kept until core 0 has
     * read it, as the order may be carried out late; such a port's queues are not started. */
    uint32_t stuck;
    bool is_under_way; /* set and cleared by the core: its task is at it */
} orders[QUEUES_MAX];

/* What is to be done with a port next. Written by core 0, read by its task. */
static struct wanted {
    enum { NOTHING, RESET, TAKE_DOWN, PUT_BACK } what;
    enum drop why;    /* for frames that its queues hold */
    const char *text; /* why it is taken down */
    bool is_follow;   /* lanes are not as its link wants them */
    enum err err;     /* how the last one ended */
} wanted[PORTS_MAX];
/* The console's `stop` or `start`. */
static struct {
    bool is_wanted, is_under_way;
    lane_poll *finish;
} wanted_pause;
static bool is_asking_again; /* the service wants late cores to be asked again */

/* The cores that have not carried out the last order about a port (late[i]), or the last `stop` or
 * `start` (late_pause), a bit each. lanes_service_queues asks them again. */
static uint32_t late[PORTS_MAX], late_pause;
static uint32_t must_reset; /* ports with a queue that did not stop; the next service resets them */
static lane_poll *pause_finish; /* of the last `stop` */

/* Has core 0 something to do to the port's card that is not over? */
static bool is_busy(const struct port *port)
{
    return port->step != NULL;
}

uint32_t lanes_late(const struct port *port)
{
    return port ? late[port->index] : late_pause;
}

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
    if (!lane->ring)
        return false; /* never made: memory was short */
    if (lane->in->is_gone || lane->in->is_down || lanes_are_stopped())
        return lane->state != LANE_PARKED;
    bool has_output = lane->is_sink || port_is_usable(lane->out);
    return lane->state != (has_output ? LANE_RUNNING : LANE_DRAINING);
}

static bool is_stuck(const struct order *order, const struct port *port)
{
    return order->stuck & BIT(port->index);
}

static void side_apply(struct order *order, struct side *side)
{
    const struct order_request *request = &order->request;
    struct port *port = request->port;

    if (!side || (request->what == FOLLOW && !side_must_change(port, side)))
        return;
    if (!side_stop(port, side, request->why) ||
        (request->what != STOP && !is_stuck(order, port) && !side_start(port, side)))
        order->stuck |= BIT(port->index);
}

static void lane_apply(struct order *order, struct lane *lane)
{
    const struct order_request *request = &order->request;
    enum drop why = request->why;
    struct port *stuck = NULL;

    if (request->port &&
        (!touches(lane, request->port) || (request->what == FOLLOW && !lane_must_change(lane))))
        return;
    if (request->what == PAUSE)
        why = lane->state == LANE_DRAINING ? DROP_tx_no_link : DROP_tx_stuck;
    if (request->what != RESUME)
        stuck = lane_stop(lane, why, request->finish && lane->poll ? lane->poll : request->finish);
    if (request->what != STOP && request->what != PAUSE && !stuck && !is_stuck(order, lane->in) &&
        !is_stuck(order, lane->out))
        stuck = lane_start(lane);
    if (stuck)
        order->stuck |= BIT(stuck->index);
}

static bool order_is_under_way(unsigned core)
{
    return __atomic_load_n(&orders[core].is_under_way, __ATOMIC_ACQUIRE);
}

/* The task of the core that owns the lanes. */
static void carry_out(void *context)
{
    struct order *order = context;
    unsigned core = (unsigned)(order - orders);
    struct lane *lane;

    for (unsigned i = 0; order->request.port && i < SIDES; i++) {
        side_apply(order, side_of(order->request.port, core, i));
        task_pause(); /* a ring is written whole */
    }
    for (unsigned i = 0; (lane = lane_at(core, i)) != NULL; i++) {
        lane_apply(order, lane);
        task_pause();
    }
    __atomic_store_n(&order->is_under_way, false,
                     __ATOMIC_RELEASE); /* last: core 0 reads `stuck` */
}

/* Runs on that core. On core 0 the order is part of the task that gives it. */
static void begin_order(void *context)
{
    struct order *order = context;

    order->is_under_way = true;
    if (task_is_running())
        carry_out(order);
    else
        task_start(carry_out, order);
}

/* Ask a core to carry out an order, and wait until it has, max_us in all. */
static struct answer ask_for_order(unsigned core, const struct order_request *request,
                                   uint32_t max_us)
{
    uint64_t start_ns = tsc_now_ns(), end_ns = start_ns + max_us * 1000ull;
    struct answer answer = {.err = ERR_BUSY};

    /* While an earlier order is under way, the core reads it. */
    if (mailbox_is_free(core) && !order_is_under_way(core))
        answer = ask_core(core, &(struct question){.run = begin_order,
                                                   .contexts = orders,
                                                   .bytes = sizeof(orders[0]),
                                                   .request = request,
                                                   .request_bytes = sizeof(*request),
                                                   .max_us = max_us});
    while (!answer.err && order_is_under_way(core) && tsc_now_ns() < end_ns)
        task_wait_us(ORDER_STEP_US);
    if (!answer.err && order_is_under_way(core))
        answer.err = ERR_BUSY;
    answer.waited_us = (uint32_t)((tsc_now_ns() - start_ns) / 1000);
    return answer;
}

/* Have a core carry out an order; what it does not carry out stays in `late`. False: it did not.
 * *stuck: the ports that must be reset, since a queue did not stop or start, a bit each. */
static bool give_order(unsigned core, const struct order_request *request, uint32_t *stuck)
{
    uint32_t *cores = request->port ? &late[request->port->index] : &late_pause;
    const char *verb = request->what == STOP || request->what == PAUSE ? "stopped" : "started";
    char about[16] = "";
    struct answer answer =
        ask_for_order(core, request, *cores & BIT(core) ? AGAIN_LIMIT_US : CALL_LIMIT_US);

    *stuck = 0;
    if (!answer.err) {
        *stuck = orders[core].stuck;
        orders[core].stuck = 0;
    }
    if (request->port)
        fmt_print(about, sizeof(about), "port%u: ", request->port->index);
    if (answer.err && !(*cores & BIT(core)))
        log_error("%score %u has not %s its queues: %s after %u ms; asked again until it has",
                  about, core, verb, ask_error_text(answer.err), answer.waited_us / 1000);
    if (!answer.err && (*cores & BIT(core)) && request->what != STOP)
        log_warn("%score %u has %s its queues now", about, core, verb);
    if (answer.err)
        *cores |= BIT(core);
    else if (request->what != STOP) /* START is still to come */
        *cores &= ~BIT(core);
    return answer.err == OK;
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

static struct output lane_output(const struct lane *lane)
{
    bool sends = (lane->state == LANE_RUNNING || lane->state == LANE_STOPPING) && !lane->is_sink;

    return (struct output){
        .port = lane->out,
        .queue = lane->core,
        .done = lane->done,
        .held = sends ? (uint32_t)lane->next - lane->done : 0,
        .head = lane->head_buf.va,
        .at = lane->done & (LANE_SLOTS - 1),
        .slots = LANE_SLOTS,
    };
}

static struct output side_output(struct port *port, const struct side *side)
{
    struct side_ledger l = side_ledger(side);

    return (struct output){
        .port = port,
        .queue = side->queue,
        .done = (uint32_t)l.sent,
        .held = l.held,
        .head = side->head_buf.va,
        .at = (side->done_at + (uint32_t)(l.sent - side->sent_before - side->done)) % side->slots,
        .slots = side->slots,
    };
}

/* Read the head from the card's register. If the card has finished frames, store that index in the
 * head word, as the card should have; a write by the card meanwhile wins. *word: what the head word
 * was. Returns false if the card has finished nothing, or if the word had this value already and the
 * owner core has rejected it. */
static bool store_head(const struct output *o, uint32_t *word, uint32_t *index)
{
    *word = dma_load32(o->head);
    *index = o->port->ops->tx_head(o->port, o->queue);
    uint32_t finished = *index >= o->at ? *index - o->at : *index + o->slots - o->at;

    if (*index >= o->slots || finished == 0 || finished > o->held || *index == *word)
        return false;
    uint32_t expected = *word;
    (void)__atomic_compare_exchange_n(o->head, &expected, *index, false, __ATOMIC_RELEASE,
                                      __ATOMIC_RELAXED);
    return true;
}

/* Before a reset: store the heads of queues whose cores have not answered, which find them when
 * they do. */
static void store_heads(struct port *port)
{
    uint32_t word, index;

    for (unsigned i = 0; i < lanes_n; i++)
        if (lanes[i].out == port && (late[port->index] & BIT(lanes[i].core))) {
            const struct output o = lane_output(&lanes[i]);
            (void)(o.held != 0 && store_head(&o, &word, &index));
        }
    for (unsigned i = 0; i < SIDES * lanes_cores; i++) {
        const struct side *side = side_of(port, i / SIDES, i % SIDES);
        if (side && side->is_running && (late[port->index] & BIT(i / SIDES))) {
            const struct output o = side_output(port, side);
            (void)(o.held != 0 && store_head(&o, &word, &index));
        }
    }
}

/* Returns whether all queues of the port are known to be off. */
static bool stop_all(struct port *port, enum drop why)
{
    const struct order_request request = {.what = STOP, .port = port, .why = why};
    bool are_off = true;

    for (unsigned core = 0; core < lanes_cores; core++) {
        uint32_t stuck;
        are_off &= give_order(core, &request, &stuck);
        are_off &= !(stuck & BIT(port->index));
        must_reset |= stuck;
    }
    return are_off;
}

static void start_all(struct port *port)
{
    const struct order_request request = {.what = START, .port = port, .why = DROP_port_reset};

    for (unsigned core = 0; core < lanes_cores; core++) {
        uint32_t stuck;
        (void)give_order(core, &request, &stuck);
        if (stuck & BIT(port->index) && !port->is_down)
            port_give_up(port);
        must_reset |= stuck & ~BIT(port->index);
    }
    /* The queues of a core that has not answered are missing: the others receive nevertheless. */
    if (late[port->index] && !port->is_down && !port->is_gone && !lanes_are_stopped())
        port->ops->receive(port);
}

/* Stop the port's queues, reset its card, start the queues again. is_lifted: the operator puts the
 * port back into service, also after its card was cut off. Else a port that is out of service stays
 * so. */
static enum err restart(struct port *port, enum drop why, bool is_lifted)
{
    /* A core sees this no later than its request to stop, and then arms no interrupt until its
     * request to start: all interrupts are masked during the reset. */
    __atomic_store_n(&port->is_in_reset, true, __ATOMIC_RELEASE);
    port->step = "lanes stop";
    (void)stop_all(port, why); /* what did not stop is reset now */
    store_heads(port);
    must_reset &= ~BIT(port->index);
    enum err err = is_lifted ? iommu_readmit(port->domain) : OK;
    if (!err)
        err = port->is_gone ? ERR_NO_DEVICE : port->ops->reset(port);
    if (err)
        log_error("port%u: out of service: reset failed", port->index);
    if (err || is_lifted)
        port->is_down = err != OK;
    else if (port->is_down)
        port->ops->link_off(port);
    __atomic_store_n(&port->is_in_reset, false, __ATOMIC_RELEASE);
    port->step = "lanes start";
    start_all(port);
    return err;
}

/* What core 0 does to the port is over. */
static void end_step(struct port *port)
{
    port->step = wanted[port->index].what != NOTHING ? "waits for its turn" : NULL;
}

/* Reset the ports with a queue that did not stop. One that such a reset finds waits for the next
 * service. */
static void reset_stuck(enum drop why)
{
    uint32_t now = must_reset;

    for (unsigned i = 0; i < ports_n; i++)
        if (now & BIT(i)) {
            (void)restart(&ports[i], why, false);
            end_step(&ports[i]);
        }
}

static void wake(void);

/* Write down what is to be done with the port, and have core 0's task do it. What the operator or a
 * fault wants replaces what was wanted before; a reset does not. */
static void ask_for(struct port *port, struct wanted what)
{
    struct wanted *w = &wanted[port->index];

    if (w->what != NOTHING && what.what == RESET)
        return;
    w->what = what.what;
    w->why = what.why;
    w->text = what.text;
    w->err = OK;
    if (!is_busy(port))
        port->step = "waits for its turn";
    wake();
}

bool port_is_busy(const struct port *port, enum err *err)
{
    *err = wanted[port->index].err;
    return is_busy(port);
}

enum err port_reset_card(struct port *port)
{
    ask_for(port, (struct wanted){.what = RESET, .why = DROP_port_reset});
    return wanted[port->index].err;
}

enum err port_restart(struct port *port)
{
    for (unsigned i = 0; i < lanes_n; i++)
        if (lanes[i].in == port && !lanes[i].ring) {
            log_error("port%u: stays out of service: core %u has no lane for it, memory was short "
                      "at boot; use fewer cores (cpus=)",
                      port->index, lanes[i].core);
            return ERR_NO_MEMORY;
        }
    ask_for(port, (struct wanted){.what = PUT_BACK, .why = DROP_port_reset});
    return wanted[port->index].err;
}

void port_take_down(struct port *port, const char *why)
{
    ask_for(port, (struct wanted){.what = TAKE_DOWN, .why = DROP_port_reset, .text = why});
}

static void take_down(struct port *port, enum drop why_lost, const char *why)
{
    __atomic_store_n(&port->is_in_reset, true, __ATOMIC_RELEASE);
    port->step = "lanes stop";
    bool are_off = stop_all(port, why_lost);
    store_heads(port);
    port->is_down = true;
    log_warn("port%u: out of service: %s; \"set port %u up\" brings it back", port->index, why,
             port->index);
    must_reset &= ~BIT(port->index);
    if (!are_off && !port->is_gone && port->ops->reset(port) != OK)
        log_error("port%u: reset failed", port->index);
    port->step = "its link is dropped";
    port->ops->link_off(port);
    __atomic_store_n(&port->is_in_reset, false, __ATOMIC_RELEASE);
    port->step = "lanes start";
    start_all(port); /* lanes to this port drain */
}

static void pause_core(unsigned core)
{
    const struct order_request request = {.what = lanes_are_stopped() ? PAUSE : RESUME,
                                          .finish = pause_finish};
    uint32_t stuck;

    (void)give_order(core, &request, &stuck);
    must_reset |= stuck;
}

static void pause_all(lane_poll *finish)
{
    lanes_set_stopped(finish != NULL);
    pause_finish = finish;
    for (unsigned core = 0; core < lanes_cores; core++)
        pause_core(core);
    reset_stuck(DROP_tx_stuck);
    for (unsigned i = 0; i < ports_n && late_pause && !finish; i++)
        if (!ports[i].is_down && !ports[i].is_gone)
            ports[i].ops->receive(&ports[i]);
}

static void ask_for_pause(lane_poll *finish)
{
    wanted_pause.is_wanted = true;
    wanted_pause.finish = finish;
    wake();
}

void lanes_stop(lane_poll *poll)
{
    ask_for_pause(poll);
}

void lanes_start(void)
{
    ask_for_pause(NULL);
}

bool lanes_are_changing(void)
{
    return wanted_pause.is_wanted || wanted_pause.is_under_way;
}

/* Ask the cores again that have not carried out an order. One that does not answer is asked about
 * nothing else, so that it costs core 0 one short wait. */
static void ask_again(void)
{
    for (unsigned core = 0; core < lanes_cores; core++) {
        bool answers = true;

        if (late_pause & BIT(core))
            pause_core(core);
        answers = !(late_pause & BIT(core));
        for (unsigned i = 0; i < ports_n && answers; i++) {
            const struct order_request request = {
                .what = START, .port = &ports[i], .why = DROP_port_reset};
            uint32_t stuck = 0;

            if (late[i] & BIT(core))
                answers = give_order(core, &request, &stuck);
            must_reset |= stuck;
        }
    }
    reset_stuck(DROP_tx_stuck);
}

static bool core_must_change(unsigned core, struct port *port)
{
    for (unsigned i = 0; i < SIDES; i++)
        if (side_must_change(port, side_of(port, core, i)))
            return true;
    const struct lane *lane;
    for (unsigned i = 0; (lane = lane_at(core, i)) != NULL; i++)
        if (touches(lane, port) && lane_must_change(lane))
            return true;
    return false;
}

static bool follows(unsigned core, struct port *port)
{
    return ((late[port->index] | late_pause) & BIT(core)) || !core_must_change(core, port);
}

static void follow_port(struct port *port)
{
    const struct order_request request = {
        .what = FOLLOW, .port = port, .why = port->is_down ? DROP_port_reset : DROP_tx_no_link};

    for (unsigned core = 0; core < lanes_cores; core++) {
        uint32_t stuck;

        if (follows(core, port))
            continue;
        (void)give_order(core, &request, &stuck);
        if (stuck) {
            must_reset |= stuck;
            reset_stuck(DROP_tx_no_link);
            return;
        }
    }
}

/* ---- Core 0's task ---- */

/* Do what is wanted of the port. Returns false if nothing was. */
static bool serve_port(struct port *port)
{
    struct wanted *w = &wanted[port->index];
    const struct wanted now = *w;

    w->what = NOTHING;
    w->is_follow = false;
    if (now.what == TAKE_DOWN)
        take_down(port, now.why, now.text);
    else if (now.what != NOTHING)
        w->err = restart(port, now.why, now.what == PUT_BACK);
    else if (port->needs_tending)
        port->ops->tend(port);
    else if (now.is_follow)
        follow_port(port);
    else
        return false;
    end_step(port);
    return true;
}

static bool serve_pause(void)
{
    if (!wanted_pause.is_wanted)
        return false;
    wanted_pause.is_wanted = false;
    wanted_pause.is_under_way = true;
    pause_all(wanted_pause.finish);
    wanted_pause.is_under_way = false;
    return true;
}

static void supervise(void *context)
{
    bool is_again = true;

    (void)context;
    while (is_again) {
        is_again = serve_pause();
        if (is_asking_again) {
            is_asking_again = false;
            ask_again();
            is_again = true;
        }
        for (unsigned i = 0; i < ports_n; i++)
            is_again |= serve_port(&ports[i]);
    }
}

static void wake(void)
{
    if (!task_is_busy()) /* else it looks once more before it ends */
        task_start(supervise, NULL);
}

/* ---- The service ---- */

/* For a head word that does not change. */
static bool take_late_head(const struct output *o)
{
    uint32_t word, index;

    if (!store_head(o, &word, &index))
        return false;
    if (!o->port->is_late)
        log_warn("port%u: transmit queue %u: head word late: memory has %u, the card %u; from now "
                 "on its register is read when it stalls (NULL-RS in drivers/x540/README.md)",
                 o->port->index, o->queue, word, index);
    o->port->is_late = true;
    return true;
}

static void follow_queue(struct progress *m, const struct output *o, uint64_t now_ns)
{
    if (o->done != m->done || o->held == 0 || m->ns == 0 || is_busy(o->port)) {
        m->done = o->done;
        m->ns = now_ns;
    } else if (now_ns - m->ns > (o->port->is_late ? LATE_NS : STUCK_NS) && take_late_head(o)) {
        m->ns = now_ns;
    } else if (now_ns - m->ns > STUCK_NS) {
        log_error("port%u: transmit queue %u has sent nothing for %u ms, of %u slots: reset",
                  o->port->index, o->queue, (uint32_t)((now_ns - m->ns) / 1000000),
                  (uint32_t)o->held);
        m->ns = now_ns;
        ask_for(o->port, (struct wanted){.what = RESET, .why = DROP_tx_stuck});
    }
}

/* A receive descriptor that is not written back though later ones are: the lane waits for it, and
 * only a reset helps if it never is. */
static void follow_input(struct progress *m, const struct lane *lane, uint64_t now_ns)
{
    uint32_t next = (uint32_t)lane->next;

    if (!lane->ring || is_busy(lane->in) || !lane_is_overtaken(lane)) {
        m->ns = 0;
    } else if (m->ns == 0 || m->done != next) {
        m->done = next;
        m->ns = now_ns;
    } else if (now_ns - m->ns > STUCK_NS) {
        log_error("port%u: receive queue %u: slot %u not written back for %u ms though later ones "
                  "are: reset",
                  lane->in->index, lane->queue, next & (LANE_SLOTS - 1),
                  (uint32_t)((now_ns - m->ns) / 1000000));
        m->ns = 0;
        ask_for(lane->in, (struct wanted){.what = RESET, .why = DROP_port_reset});
    }
}

void lanes_service_port(struct port *port)
{
    struct wanted *w = &wanted[port->index];

    if (port->is_in_reset)
        return; /* its registers are the task's */
    port->ops->poll_link(port);
    for (unsigned core = 0; core < lanes_cores && !is_busy(port); core++)
        w->is_follow |= !follows(core, port);
    if (w->is_follow || port->needs_tending)
        wake();
    rss_check(port);
}

static struct {
    uint64_t ns[ECC_RESETS_MAX]; /* when the last ones came; error n is in ns[n % ECC_RESETS_MAX] */
    unsigned n;                  /* since the port was last taken down for them */
} memory_errors[PORTS_MAX];

/* May one more line about this port's causes be logged? A few a second may. */
static bool may_log(const struct port *port, uint64_t now_ns)
{
    static struct {
        uint64_t since_ns;
        unsigned n;
    } lines[PORTS_MAX];

    if (now_ns - lines[port->index].since_ns >= CAUSE_LINES_NS) {
        lines[port->index].since_ns = now_ns;
        lines[port->index].n = 0;
    }
    return lines[port->index].n++ < CAUSE_LINES_MAX;
}

/* Is a memory error in the port's card one too many? Then counting begins anew. */
static bool is_last_memory_error(const struct port *port, uint64_t now_ns)
{
    unsigned n = memory_errors[port->index].n++;
    uint64_t *ns = memory_errors[port->index].ns;

    ns[n % ECC_RESETS_MAX] = now_ns;
    if (n + 1 < ECC_RESETS_MAX || now_ns - ns[(n + 1) % ECC_RESETS_MAX] > ECC_S * 1000000000ull)
        return false;
    memory_errors[port->index].n = 0;
    return true;
}

/* The causes of a port that is out of service are cleared and not acted on: only the operator puts
 * it back. */
void lanes_service_causes(struct port *port, uint64_t now_ns)
{
    uint32_t causes = port->ops->irq_causes(port);

    if ((causes & CAUSE_TOO_HOT) && may_log(port, now_ns))
        log_warn("port%u: the card is too hot; if it switches the link off, only a power cycle "
                 "brings it back",
                 port->index);
    if ((causes & CAUSE_NEEDS_RESET) && !port->is_down) {
        if (is_last_memory_error(port, now_ns)) {
            port_take_down(port, "third memory error in its card within a minute");
        } else {
            if (may_log(port, now_ns))
                log_error("port%u: memory error in the card: reset", port->index);
            (void)port_reset_card(port);
        }
    }
    port->ops->irq_arm(port, 0);
}

void lanes_service_queues(uint64_t now_ns)
{
    for (unsigned i = 0; i < ports_n; i++)
        is_asking_again |= late[i] != 0;
    is_asking_again |= late_pause != 0 || must_reset != 0;
    if (is_asking_again)
        wake();
    for (unsigned i = 0; i < lanes_total(); i++)
        follow_input(&inputs_progress[i], &lanes[i], now_ns);
    for (unsigned i = 0; i < lanes_n; i++) {
        const struct output o = lane_output(&lanes[i]);
        follow_queue(&lanes_progress[i], &o, now_ns);
    }
    for (unsigned i = 0; i < ports_n * lanes_cores; i++) {
        struct port *port = &ports[i / lanes_cores];
        struct side *feed = side_of(port, i % lanes_cores, 1);
        if (feed) {
            const struct output o = side_output(port, feed);
            follow_queue(&feeds_progress[i], &o, now_ns);
        }
    }
}

bool lanes_service_counters(uint64_t now_ns)
{
    static uint64_t since_ns;
    static unsigned port, group;

    if (port >= ports_n) { /* the last pass is over */
        if (now_ns - since_ns < COUNTERS_NS)
            return false;
        port = 0;
    }
    if (port == 0 && group == 0)
        since_ns = now_ns;
    if (port < ports_n && !ports[port].is_in_reset &&
        ports[port].ops->poll_counter_group(&ports[port], group)) {
        group++;
    } else {
        group = 0;
        port++;
    }
    return port < ports_n;
}
