/* SPDX-License-Identifier: BSD-2-Clause
 * The slow half of a lane: opening, starting, stopping, the slow path, and the side queue. On every
 * path through this file, a frame that was counted as received or generated ends as sent, consumed
 * or a named drop.
 */
#include "net/lane/lane_control.h"
#include "arch/image.h"
#include "arch/tsc.h"
#include "kernel/iommu/iommu.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/mailbox.h"
#include "kernel/memory/memory.h"
#include "net/lane/rss_check.h"
#include "net/stack/netif.h"

enum {
    HEAD_BYTES = 16,          /* a head word, alone in its 16 bytes */
    STUCK_NS = 1000000000,    /* no progress for so long with the link up: the output is stuck */
    LATE_NS = 50000000,       /* the same if its head words are late: read the register */
    COUNTERS_NS = 1000000000, /* between two reads of the cards' counters */
};

struct lane lanes[LANES_MAX];
READ_MOSTLY unsigned lanes_n, lanes_per_core, lanes_cores = 1, lanes_control_n;
struct core_lanes core_lanes[QUEUES_MAX];
struct side lanes_sides[PORTS_MAX][QUEUES_MAX];
struct side *lanes_feeds[PORTS_MAX];
struct rare_work rare_work[QUEUES_MAX];

/* Set by the console's `stop`. Written by core 0; other cores read it only in apply_change and
 * apply_pause, which core 0 has them run. */
static bool is_stopped;

/* Core 0's record of each output's progress, to detect stuck ones. */
static struct progress {
    uint64_t ns;   /* when `done` last advanced or nothing was queued; 0: not yet recorded */
    uint32_t done; /* what it was then */
} lanes_progress[LANES_MAX], feeds_progress[LANES_MAX];

/* Polled by parked lanes; never change. */
static struct descriptor parked_slot;
static const uint32_t parked_head;

/* ---- The slow path ---- */

/* Count a descriptor that holds no whole frame. */
static struct outcome refuse(struct lane *lane, uint64_t checked)
{
    enum drop why = DROP_rx_length;

    if (!(checked & RX_DD))
        why = DROP_rx_not_done;
    else if (checked & RX_RXE)
        why = DROP_rx_error;
    else if (!(checked & RX_EOP))
        why = DROP_rx_split;
    return lane_drop(lane, why);
}

static void count_unsent(struct lane *lane, uint32_t length)
{
    lane->count.unsent++;
    lane->count.unsent_bytes += length;
}

/* Note the fate of a frame that took the slow path, for a tap. */
static void note(const struct lane *lane, const struct descriptor *slot, uint32_t length,
                 struct outcome outcome)
{
    struct lane_note *notes = rare_work[lane->core].notes;

    if (notes)
        notes[(slot - lane->ring) % LANE_BURST] =
            (struct lane_note){(uint16_t)length, (uint16_t)outcome.length, (uint16_t)outcome.fate};
}

void lane_slow_path(struct lane *lane, struct descriptor *slot, uint64_t checked, lane_slow *slow,
                    uint32_t counted)
{
    uint32_t length = (uint32_t)(checked & RX_LENGTH);
    struct outcome out;

    lane->count.rx_bytes += (uint64_t)length - counted;
    if (slot_is_whole(checked)) {
        wire_frame_t received = wire_slot(lane->frames, (size_t)(slot - lane->ring));
        uint8_t *frame = wire_copy(received, lane->core, length);
        out = slow(lane, frame, length);
        if (out.length > FRAME_MAX || (out.length != 0 && out.length < FRAME_MIN))
            out = lane_drop(lane, DROP_side_length);
        wire_copy_back(received, frame, out.length);
    } else {
        out = refuse(lane, checked);
    }
    if (out.length == 0)
        count_unsent(lane, length);
    else
        lane->count.unsent_bytes += (uint64_t)length - out.length;
    /* Length 0 sends nothing, and the slot completes in order like any other. */
    dma_store64(&slot->word, out.length | TX_EOP | TX_IFCS);
    note(lane, slot, length, out);
}

/* ---- Ledger ---- */

static uint64_t held(const struct lane *lane)
{
    uint64_t n = 0;

    for (uint32_t i = lane->done; i != (uint32_t)lane->next; i++)
        n += (dma_load64(&lane->ring[i & (LANE_SLOTS - 1)].word) & TX_LENGTH) != 0;
    return n;
}

static uint64_t waiting(const struct lane *lane)
{
    uint64_t n = 0;

    while (n < LANE_SLOTS - 1 - ((uint32_t)lane->next - lane->done) &&
           slot_is_done(&lane->ring[(lane->next + n) & (LANE_SLOTS - 1)]))
        n++;
    return n;
}

struct lane_ledger lane_ledger(const struct lane *lane)
{
    struct lane_ledger l = {
        .received = lane->received_before + lane->next,
        .held = lane->state == LANE_RUNNING ? held(lane) : 0,
        .waiting = lane->state != LANE_PARKED ? waiting(lane) : 0,
        .consumed = lane->count.consumed,
    };

    for (unsigned i = 0; i < DROP_COUNT; i++)
        l.dropped += lane->count.drops[i];
    l.sent = l.received - lane->count.unsent - lane->count.tx_lost - l.held;
    l.tx_bytes = lane->count.rx_bytes - lane->count.unsent_bytes;
    if (lane->is_sink) { /* frames count as consumed here, not as sent */
        l.consumed += l.sent;
        l.sent = l.tx_bytes = 0;
    }
    return l;
}

struct side_ledger side_ledger(const struct side *side)
{
    uint64_t queued = side->next - side->done, finished = 0;

    /* side_send reads the head word; here it is only looked at, with the same check. */
    if (side->is_running)
        finished = side_finished(side, dma_load32(side->head));
    if (finished > queued)
        finished = 0;
    struct side_ledger l = {
        .generated = side->generated,
        .sent = side->sent_before + side->done + finished,
        .held = queued - finished,
    };

    for (unsigned i = 0; i < DROP_COUNT; i++)
        l.dropped += side->drops[i];
    return l;
}

/* ---- Starting and stopping a lane ---- */

static bool is_usable(const struct port *port)
{
    return port->link_is_up && !port->is_down && !port->is_gone;
}

static void park(struct lane *lane)
{
    if (lane->state == LANE_DRAINING)
        rare_work[lane->core].n--;
    lane->state = LANE_PARKED;
    lane->slot = &parked_slot;
    lane->head = &parked_head;
    lane->head_seen = parked_head;
    lane->next = 0;
    lane->done = 0;
}

/* Initialize all descriptors, owned by software; reset both positions to 0. */
static void clear_ring(struct lane *lane)
{
    for (uint32_t i = 0; i < LANE_SLOTS; i++) {
        lane->ring[i].address = lane->frames_buf.iova.v + (uint64_t)i * SLOT_BYTES;
        lane->ring[i].word = 0;
    }
    if (!lane->is_sink)
        memset(lane->head_buf.va, 0, HEAD_BYTES);
    lane->taken = 0;
    lane->next = 0;
    lane->done = 0;
}

/* Start the queues of a stopped lane: both, or only receive where the output has no link. NULL, or
 * the port whose queue did not start. */
static struct port *lane_start(struct lane *lane)
{
    struct port *in = lane->in, *out = lane->out;
    bool has_output = lane->is_sink || is_usable(out);
    struct port *stuck = out;
    enum err err = OK;

    if (lane->state != LANE_PARKED || in->is_down || in->is_gone || is_stopped)
        return NULL;
    clear_ring(lane);
    if (has_output && !lane->is_sink)
        err = out->ops->tx_start(out, lane->queue, lane->ring_buf.iova, LANE_SLOTS,
                                 lane->head_buf.iova, &lane->tdt);
    if (!err) {
        stuck = in;
        err = in->ops->rx_start(in, lane->queue, lane->ring_buf.iova, LANE_SLOTS, &lane->rdt);
    }
    if (err)
        return stuck;
    lane->state = has_output ? LANE_RUNNING : LANE_DRAINING;
    /* A draining lane is parked for the application's loop. */
    rare_work[lane->core].n += !has_output;
    lane->slot = has_output ? lane->ring : &parked_slot;
    lane->head = lane->is_sink ? &lane->taken : has_output ? lane->head_buf.va : &parked_head;
    lane->head_seen = 0;
    return NULL;
}

/* A queue did not start, even after a reset. No automatic retry: a dead card would fill the log. */
static void give_up(struct port *port)
{
    port->is_down = true;
    log_error("port%u: out of service: a queue did not start", port->index);
}

/* Stop the lane's queues and count the frames they held as drops. With `finish` (the application's
 * poll), frames already received are handled first. Returns NULL, or the port whose queue did not
 * stop: only a reset then keeps the card from the lane's memory. */
static struct port *lane_stop(struct lane *lane, enum drop why, lane_poll *finish)
{
    uint32_t head = lane->done & (LANE_SLOTS - 1);
    struct port *stuck = NULL;

    if (lane->state == LANE_PARKED)
        return NULL;
    if (lane->in->ops->rx_stop(lane->in, lane->queue) != OK)
        stuck = lane->in;
    if (lane->state == LANE_RUNNING) {
        lane->head = &lane->head_seen; /* give no slot back to the receiver, which is off */
        for (unsigned i = 0; finish && i <= LANE_SLOTS / LANE_BURST && waiting(lane) != 0; i++)
            (void)finish(&(struct core_lanes){.first = lane, .end = lane + 1, .core = lane->core});
        if (!lane->is_sink && lane->out->ops->tx_stop(lane->out, lane->queue, &head) != OK)
            stuck = lane->out;
        uint32_t finished = (head - lane->done) & (LANE_SLOTS - 1);
        if (finished <= (uint32_t)lane->next - lane->done)
            lane->done += finished;
        else
            lane->count.head_bad++;
    }
    /* First frames handed to the output and not sent, then frames received and not handled. */
    uint64_t lost = held(lane);
    lane->count.tx_lost += lost;
    lane->count.drops[why] += lost;
    lost = waiting(lane);
    lane->count.unsent += lost;
    lane->count.drops[why] += lost;
    lane->received_before += lane->next + lost;
    park(lane);
    return stuck;
}

static READ_MOSTLY lane_slow *drain_slow;

void lanes_drain_by(lane_slow *slow)
{
    drain_slow = slow;
}

uint32_t lane_drain(struct lane *lane)
{
    uint32_t n = 0;

    if (lane->state != LANE_DRAINING)
        return 0;
    while (n < LANE_BURST && slot_is_done(&lane->ring[lane->next & (LANE_SLOTS - 1)])) {
        uint32_t i = lane->next & (LANE_SLOTS - 1);
        struct descriptor *slot = &lane->ring[i];
        wire_frame_t frame = wire_slot(lane->frames, i);
        uint64_t checked = dma_load64(&slot->word) & RX_CHECKED;
        uint32_t length = (uint32_t)(checked & RX_LENGTH);
        struct outcome out;

        if (!slot_is_whole(checked))
            out = refuse(lane, checked);
        else if (!drain_slow ||
                 (out = drain_slow(lane, wire_copy(frame, lane->core, length), length)).length != 0)
            out = lane_drop(lane, DROP_tx_no_link);
        lane->count.rx_bytes += length;
        count_unsent(lane, length);
        dma_store64(&slot->word, 0);
        note(lane, slot, length, out);
        lane->next++;
        n++;
    }
    if (n != 0) {
        lane->done = (uint32_t)lane->next;
        mmio_write32(lane->rdt, 0, (lane->done - 1) & (LANE_SLOTS - 1));
    }
    return n;
}

/* The first lane of a core; that of core + 1 is the end. */
static struct lane *lanes_of(unsigned core)
{
    return &lanes[core * lanes_per_core];
}

uint32_t lanes_drain(unsigned core)
{
    uint32_t n = 0;

    for (struct lane *lane = lanes_of(core); lane != lanes_of(core + 1); lane++)
        n += lane_drain(lane);
    return n;
}

void lanes_collect(unsigned core)
{
    for (struct lane *lane = lanes_of(core); lane != lanes_of(core + 1); lane++) {
        uint32_t head = dma_load32(lane->head);

        if (head != lane->head_seen)
            lane_collect(lane, head);
    }
}

/* Lane i of a core: on core 0 first the control lanes; then those that run_round polls. NULL past
 * the last. */
static struct lane *lane_at(unsigned core, unsigned i)
{
    unsigned control_n = core == 0 ? lanes_control_n : 0;

    if (i < control_n)
        return &lanes[lanes_n + i];
    return i - control_n < lanes_per_core ? lanes_of(core) + (i - control_n) : NULL;
}

bool lanes_have_work(unsigned core)
{
    const struct lane *lane;

    for (unsigned i = 0; (lane = lane_at(core, i)) != NULL; i++) {
        if (lane->state != LANE_PARKED && slot_is_done(&lane->ring[lane->next & (LANE_SLOTS - 1)]))
            return true;
        if (dma_load32(lane->head) != lane->head_seen)
            return true;
    }
    return false;
}

bool lanes_are_in_flight(unsigned core)
{
    for (const struct lane *lane = lanes_of(core); lane != lanes_of(core + 1); lane++)
        if (lane->done != (uint32_t)lane->next)
            return true;
    return false;
}

enum err lane_open(struct lane *lane, struct port *in, struct port *out, unsigned core,
                   unsigned queue)
{
    lane->in = in;
    lane->out = out ? out : in;
    lane->is_sink = out == NULL;
    lane->core = (uint16_t)core;
    lane->queue = (uint16_t)queue;
    park(lane);
    const size_t ring_bytes = LANE_SLOTS * sizeof(struct descriptor);
    enum err err = dma_alloc(ring_bytes, ring_bytes, &lane->ring_buf);
    if (!err)
        err = dma_alloc_frames((size_t)LANE_SLOTS * SLOT_BYTES, PAGE_BYTES, &lane->frames_buf);
    if (!err && out)
        err = dma_alloc(HEAD_BYTES, PAGE_BYTES, &lane->head_buf);
    /* The receiver writes buffers and rings; the sender reads them; the head word is written. */
    if (!err)
        err = dma_grant(in->domain, &lane->ring_buf, DMA_READ_WRITE);
    if (!err)
        err = dma_grant(in->domain, &lane->frames_buf, DMA_WRITE);
    if (!err && out)
        err = dma_grant(out->domain, &lane->ring_buf, DMA_READ);
    if (!err && out)
        err = dma_grant(out->domain, &lane->frames_buf, DMA_READ);
    if (!err && out)
        err = dma_grant(out->domain, &lane->head_buf, DMA_WRITE);
    if (err) {
        in->is_down |= queue != CONTROL_QUEUE; /* there is no lane to start */
        return err;
    }
    lane->ring = lane->ring_buf.va;
    lane->frames = wire_frames(lane->frames_buf.va);
    struct port *stuck = lane_start(lane);
    if (stuck)
        give_up(stuck);
    return stuck == in ? ERR_TIMEOUT : OK; /* without `out` it drains from the next service on */
}

/* ---- Side queues and feeds ---- */

/* Start the queue if the port can send. Returns false if it did not start. */
static bool side_start(struct port *port, struct side *side)
{
    for (uint32_t i = 0; i < side->slots; i++) {
        /* A feed's slot keeps its frame. */
        uint64_t length = side->is_feed ? side->ring[i].word & TX_LENGTH : 0;
        side->ring[i].address = side->frames_buf.iova.v + (uint64_t)i * SLOT_BYTES;
        side->ring[i].word = length != 0 ? length | TX_EOP | TX_IFCS : 0;
    }
    memset(side->head_buf.va, 0, HEAD_BYTES);
    side->next = side->done = 0;
    side->at = side->done_at = 0;
    if (!is_usable(port))
        return true;
    side->is_running = port->ops->tx_start(port, side->queue, side->ring_buf.iova, side->slots,
                                           side->head_buf.iova, &side->tdt) == OK;
    return side->is_running;
}

static bool side_stop(struct port *port, struct side *side, enum drop why)
{
    uint32_t head = side->done_at;

    if (!side->is_running)
        return true;
    bool is_clean = port->ops->tx_stop(port, side->queue, &head) == OK;
    side_collect(side, head);
    side->drops[why] += side->next - side->done;
    side->sent_before += side->done;
    side->next = side->done = 0;
    side->at = side->done_at = 0;
    side->is_running = false;
    return is_clean;
}

static enum err make_side(struct port *port, struct side *side, uint32_t slots, unsigned queue)
{
    enum err err = dma_alloc(slots * sizeof(struct descriptor), PAGE_BYTES, &side->ring_buf);

    if (!err)
        err = dma_alloc_frames((size_t)slots * SLOT_BYTES, PAGE_BYTES, &side->frames_buf);
    if (!err)
        err = dma_alloc(HEAD_BYTES, PAGE_BYTES, &side->head_buf);
    if (!err)
        err = dma_grant(port->domain, &side->ring_buf, DMA_READ);
    if (!err)
        err = dma_grant(port->domain, &side->frames_buf, DMA_READ);
    if (!err)
        err = dma_grant(port->domain, &side->head_buf, DMA_WRITE);
    if (err)
        return err;
    side->ring = side->ring_buf.va;
    side->frames = side->frames_buf.va;
    side->head = side->head_buf.va;
    side->slots = slots;
    side->queue = (uint16_t)queue;
    return OK;
}

enum err side_open(struct port *port, unsigned core)
{
    struct side *side = port_side(port, core);
    enum err err = make_side(port, side, SIDE_SLOTS, SIDE_QUEUES + core);

    if (!err && !side_start(port, side))
        give_up(port);
    return err;
}

enum err feeds_open(void)
{
    enum err err = OK;

    for (unsigned i = 0; !err && i < ports_n; i++) {
        lanes_feeds[i] = memory_alloc(lanes_cores * sizeof(struct side), PAGE_BYTES);
        err = lanes_feeds[i] ? OK : ERR_NO_MEMORY;
        for (unsigned core = 0; !err && core < lanes_cores; core++) {
            lanes_feeds[i][core].is_feed = true;
            err = make_side(&ports[i], &lanes_feeds[i][core], LANE_SLOTS, FEED_QUEUES + core);
        }
    }
    return err;
}

enum err feed_fill(struct port *port, unsigned core, uint32_t slots,
                   uint32_t (*fill)(void *context, uint32_t slot, uint8_t *frame), void *context)
{
    struct side *feed = &port_feeds(port)[core];

    if (!side_stop(port, feed, DROP_tx_stuck))
        return ERR_BUSY;
    feed->slots = slots;
    for (uint32_t i = 0; i < slots; i++)
        feed->ring[i].word = fill(context, i, feed->frames + (size_t)i * SLOT_BYTES);
    return side_start(port, feed) ? OK : ERR_TIMEOUT;
}

bool side_send(struct port *port, const uint8_t *frame, uint32_t length)
{
    struct side *side = port_side(port, cpu_this()->index);

    side->generated++;
    if (length < FRAME_MIN || length > FRAME_MAX) {
        side->drops[DROP_side_length]++;
        return false;
    }
    if (!side->is_running) {
        side->drops[DROP_tx_no_link]++;
        return false;
    }
    side_collect(side, dma_load32(side->head));
    if (!side_has_room(side, frame)) {
        side->drops[DROP_side_full]++;
        return false;
    }
    uint32_t i = side->at;
    memcpy(side->frames + (size_t)i * SLOT_BYTES, frame, length);
    dma_store64(&side->ring[i].word, length | TX_EOP | TX_IFCS | TX_RS);
    side->tx_bytes += length;
    side->next++;
    side->at = (i + 1) & (SIDE_SLOTS - 1);
    mmio_write32(side->tdt, 0, side->at);
    if (rare_work[cpu_this()->index].side_sent)
        rare_work[cpu_this()->index].side_sent(port, frame, length);
    return true;
}

/* ---- Supervision ---- */

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
    return side && side->is_running != is_usable(port);
}

/* With a link at its output a lane runs; without one it drains. */
static bool lane_must_change(const struct lane *lane)
{
    if (lane->in->is_gone || lane->in->is_down || is_stopped)
        return lane->state != LANE_PARKED;
    bool has_output = lane->is_sink || is_usable(lane->out);
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
    struct lane *lane;
    for (unsigned i = 0; (lane = lane_at(core, i)) != NULL; i++) {
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
            give_up(stuck);
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
    struct lane *lane;

    for (unsigned i = 0; (lane = lane_at(core, i)) != NULL; i++) {
        struct port *stuck = NULL;

        if (pause->finish)
            stuck = lane_stop(lane, lane->state == LANE_DRAINING ? DROP_tx_no_link : DROP_tx_stuck,
                              lane->poll ? lane->poll : pause->finish);
        else
            stuck = lane_start(lane);
        if (stuck)
            pause->stuck = stuck;
    }
}

static void pause_all(lane_poll *finish)
{
    is_stopped = finish != NULL;
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

bool lanes_are_stopped(void)
{
    return is_stopped;
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
