/* SPDX-License-Identifier: BSD-2-Clause
 * The slow half of a lane: the slow path, opening, starting, stopping, draining. On every path
 * through this file, a frame that was counted as received ends as sent, consumed or a named drop.
 * Read next: side.c, supervise.c.
 */
#include "net/lane/internal.h"
#include "arch/image.h"
#include "arch/task.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"

struct lane lanes[LANES_MAX];
READ_MOSTLY unsigned lanes_n, lanes_per_core, lanes_cores = 1, lanes_control_n;
struct core_lanes core_lanes[QUEUES_MAX];
READ_MOSTLY struct lane_slots lane_slots = {SLOT_BYTES, SLOT_STRIDE};
struct side lanes_sides[PORTS_MAX][QUEUES_MAX];
struct side *lanes_feeds[PORTS_MAX];
struct rare_work rare_work[QUEUES_MAX];

/* Polled by parked lanes; never change. */
static struct descriptor parked_slot;
static const uint32_t parked_head;

/* ---- The slow path ---- */

/* Count a done descriptor that holds no whole frame. */
static struct outcome refuse(struct lane *lane, uint64_t checked)
{
    enum drop why = DROP_rx_length;

    if (checked & RX_RXE)
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

bool lane_slow_path(struct lane *lane, struct descriptor *slot, uint64_t checked, lane_slow *slow,
                    uint32_t counted)
{
    uint32_t length = (uint32_t)(checked & RX_LENGTH);
    struct outcome out;

    if (!(checked & RX_DD))
        return false;
    lane->count.rx_bytes += (uint64_t)length - counted;
    if (slot_is_whole(checked, SLOT_BYTES)) {
        wire_frame_t received = wire_of(lane->frames, lane->ring, slot);
        uint8_t *frame = wire_copy(received, lane->core, length);
        out = slow(lane, frame, length);
        if (out.length > port_frame_most(lane->out) || (out.length != 0 && out.length < FRAME_MIN))
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
    return true;
}

uint32_t lane_end_early(struct lane *lane, struct descriptor *slot, uint64_t bytes,
                        uint32_t length_least, bool is_sink)
{
    return lane_end_burst(lane, slot, bytes, length_least, is_sink);
}

/* ---- Ledger ---- */

static uint64_t held(const struct lane *lane)
{
    uint64_t n = 0;

    for (uint32_t i = lane->done; i != (uint32_t)lane->next; i++)
        n += (dma_load64(&lane->ring[i & (LANE_SLOTS - 1)].word) & TX_LENGTH) != 0;
    return n;
}

/* The slots behind `next` that the card may still write. */
static uint32_t receivers(const struct lane *lane)
{
    return LANE_SLOTS - 1 - ((uint32_t)lane->next - lane->done);
}

static uint64_t waiting(const struct lane *lane)
{
    uint64_t n = 0;

    while (n < receivers(lane) && slot_is_done(&lane->ring[(lane->next + n) & (LANE_SLOTS - 1)]))
        n++;
    return n;
}

bool lane_is_overtaken(const struct lane *lane)
{
    uint32_t n = MIN(receivers(lane), LANE_GROUP);

    if (lane->state == LANE_PARKED || slot_is_done(&lane->ring[lane->next & (LANE_SLOTS - 1)]))
        return false;
    for (uint32_t i = 1; i < n; i++)
        if (slot_is_done(&lane->ring[(lane->next + i) & (LANE_SLOTS - 1)]))
            return true;
    return false;
}

/* Is one of the four from `slot` on done? */
static bool are_any_done(const struct descriptor *slot)
{
    return (dma_load64(&slot[0].word) | dma_load64(&slot[1].word) | dma_load64(&slot[2].word) |
            dma_load64(&slot[3].word)) &
           RX_DD;
}

/* Received and not handled: descriptors that are done, and those before the last of them that the
 * card has not written back. */
static struct unhandled {
    uint32_t not_done, done;
} unhandled(const struct lane *lane)
{
    uint32_t left = lane->state == LANE_PARKED ? 0 : receivers(lane), done = 0, end = 0;

    for (uint32_t at = 0, first = lane->next & (LANE_SLOTS - 1), n; left > 0; left -= n, at += n) {
        n = MIN(left, LANE_SLOTS - first); /* up to the ring's end, then from its beginning */
        for (uint32_t i = 0; i < n; i++) {
            while (i + 4 <= n && !are_any_done(&lane->ring[first + i]))
                i += 4;
            if (i < n && slot_is_done(&lane->ring[first + i])) {
                done++;
                end = at + i + 1;
            }
        }
        first = 0;
    }
    return (struct unhandled){.not_done = end - done, .done = done};
}

struct lane_ledger lane_ledger(const struct lane *lane)
{
    struct unhandled behind = unhandled(lane);
    struct lane_ledger l = {
        .received = lane->received_before + lane->next,
        .held = held(lane),
        .waiting = behind.done + behind.not_done,
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

/* ---- Starting and stopping a lane ---- */

/* Set by the console's `stop`. Written by core 0; other cores read it only while they change their
 * lanes, at core 0's request. */
static bool is_stopped;

void lanes_set_stopped(bool stopped)
{
    is_stopped = stopped;
}

bool lanes_are_stopped(void)
{
    return is_stopped;
}

/* A queue did not start, even after a reset. No automatic retry: a dead card would fill the log. */
void port_give_up(struct port *port)
{
    port->is_down = true;
    log_error("port%u: out of service: a queue did not start", port->index);
}

static void park(struct lane *lane)
{
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
        lane->ring[i].address = lane->frames_buf.iova.v + (uint64_t)i * lane_slots.stride;
        lane->ring[i].word = 0;
    }
    if (!lane->is_sink)
        memset(lane->head_buf.va, 0, HEAD_BYTES);
    lane->taken = 0;
    lane->next = 0;
    lane->done = 0;
}

struct port *lane_start(struct lane *lane)
{
    struct port *in = lane->in, *out = lane->out;
    bool has_output = lane->is_sink || port_is_usable(out);
    struct port *stuck = out;
    enum err err = OK;

    if (!lane->ring || lane->state != LANE_PARKED || in->is_down || in->is_gone || is_stopped)
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

/* The core's loop leaves the lane alone while its task stops it, and gives no slot back to the
 * receiver. */
static void leave_polls(struct lane *lane)
{
    if (lane->state == LANE_DRAINING)
        rare_work[lane->core].n--;
    lane->state = LANE_STOPPING;
    lane->slot = &parked_slot;
    lane->head = &lane->head_seen;
}

/* Handle a burst of the frames that a lane which stops has received. */
static void finish_burst(struct lane *lane, lane_poll *finish)
{
    lane->slot = &lane->ring[lane->next & (LANE_SLOTS - 1)];
    (void)finish(&(struct core_lanes){.first = lane, .end = lane + 1, .core = lane->core});
    lane->slot = &parked_slot;
    task_pause();
}

struct port *lane_stop(struct lane *lane, enum drop why, lane_poll *finish)
{
    struct port *stuck = NULL;

    if (lane->state == LANE_PARKED)
        return NULL;
    const bool was_running = lane->state == LANE_RUNNING;
    leave_polls(lane);
    if (lane->in->ops->rx_stop(lane->in, lane->queue) != OK)
        stuck = lane->in;
    if (was_running) {
        for (unsigned i = 0; finish && i <= LANE_SLOTS / LANE_BURST && waiting(lane) != 0; i++)
            finish_burst(lane, finish);
        const uint32_t not_reported = LANE_SLOTS;
        uint32_t head = lane->is_sink ? lane->done & (LANE_SLOTS - 1) : not_reported;
        if (!lane->is_sink && lane->out->ops->tx_stop(lane->out, lane->queue, &head) != OK)
            stuck = lane->out;
        if (head == not_reported)
            head = dma_load32(lane->head_buf.va) & (LANE_SLOTS - 1); /* the last that it wrote */
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
    struct unhandled behind = unhandled(lane);
    lost = behind.done + behind.not_done;
    lane->count.unsent += lost;
    lane->count.drops[why] += behind.done;
    lane->count.drops[DROP_rx_not_done] += behind.not_done;
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
        wire_frame_t frame = lane_frame(lane, i);
        uint64_t checked = dma_load64(&slot->word) & RX_CHECKED;
        uint32_t length = (uint32_t)(checked & RX_LENGTH);
        struct outcome out;

        if (!(checked & RX_DD))
            break; /* the card has taken it back: it is the card's */
        if (!slot_is_whole(checked, lane_slots.bytes))
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

bool lanes_have_work(unsigned core)
{
    const struct lane *lane;

    for (unsigned i = 0; (lane = lane_at(core, i)) != NULL; i++) {
        if (lane->state != LANE_PARKED && slot_is_done(&lane->ring[lane->next & (LANE_SLOTS - 1)]))
            return true;
        if (lane_is_overtaken(lane))
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
    lane->sides = &lanes_sides[0][core];
    lane->queue = (uint16_t)queue;
    park(lane);
    const size_t ring_bytes = LANE_SLOTS * sizeof(struct descriptor);
    enum err err = dma_alloc(ring_bytes, ring_bytes, &lane->ring_buf);
    if (!err)
        err =
            dma_alloc_frames((size_t)LANE_SLOTS * lane_slots.stride, PAGE_BYTES, &lane->frames_buf);
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
        port_give_up(stuck);
    return stuck == in ? ERR_TIMEOUT : OK; /* without `out` it drains from the next service on */
}
