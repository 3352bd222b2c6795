/* SPDX-License-Identifier: BSD-2-Clause
 * Side queues and feeds: transmit rings that software fills. Every frame that was counted as
 * generated ends as sent or as a named drop.
 */
#include "arch/smp.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "net/lane/internal.h"
#include "net/lane/side.h"
#include "net/stack/eth.h"

struct sides_put sides_put[QUEUES_MAX];

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

bool side_start(struct port *port, struct side *side)
{
    for (uint32_t i = 0; i < side->slots; i++) {
        /* A feed's slot keeps its frame. */
        uint64_t length = side->is_feed ? side->ring[i].word & TX_LENGTH : 0;
        side->ring[i].address = side->frames_buf.iova.v + (uint64_t)i * SLOT_STRIDE;
        side->ring[i].word = length != 0 ? length | TX_EOP | TX_IFCS : 0;
    }
    memset(side->head_buf.va, 0, HEAD_BYTES);
    side->next = side->done = 0;
    side->at = side->done_at = 0;
    side->limit = side->told = 0;
    if (!port_is_usable(port))
        return true;
    side->is_running = port->ops->tx_start(port, side->queue, side->ring_buf.iova, side->slots,
                                           side->head_buf.iova, &side->tdt) == OK;
    return side->is_running;
}

bool side_stop(struct port *port, struct side *side, enum drop why)
{
    if (!side->is_running)
        return true;
    side->is_running = false; /* nothing is sent by it while the task waits for the card */
    side->limit = side->next; /* no place either */
    const uint32_t not_reported = side->slots;
    uint32_t head = not_reported;
    bool is_clean = port->ops->tx_stop(port, side->queue, &head) == OK;
    side_collect(side, head == not_reported ? dma_load32(side->head) : head);
    side->drops[why] += side->next - side->done;
    side->sent_before += side->done;
    side->next = side->done = 0;
    side->at = side->done_at = 0;
    side->limit = side->told = 0;
    return is_clean;
}

/* With less memory than for `slots`, and enough for `least`, the queue has that many. */
static enum err make_side(struct port *port, struct side *side, uint32_t slots, uint32_t least,
                          unsigned queue)
{
    enum err err = dma_alloc_frames((size_t)slots * SLOT_STRIDE, PAGE_BYTES, &side->frames_buf);

    if (err && slots != least) {
        slots = least;
        log_warn("port%u: its side queue %u has %u slots: memory is short", port->index, queue,
                 slots);
        err = dma_alloc_frames((size_t)slots * SLOT_STRIDE, PAGE_BYTES, &side->frames_buf);
    }
    if (!err)
        err = dma_alloc(slots * sizeof(struct descriptor), PAGE_BYTES, &side->ring_buf);
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
    side->last = slots - 1;
    side->queue = (uint16_t)queue;
    return OK;
}

enum err side_open(struct port *port, unsigned core, uint32_t slots)
{
    struct side *side = port_side(port, core);
    enum err err = make_side(port, side, slots, SIDE_SLOTS, SIDE_QUEUES + core);

    side->put = &sides_put[core].ports;
    side->bit = BIT(port->index);
    if (!err && !side_start(port, side))
        port_give_up(port);
    return err;
}

enum err feeds_open(void)
{
    enum err err = OK;

    for (unsigned i = 0; !err && i < ports_n; i++) {
        if (ports[i].no_card)
            continue;
        lanes_feeds[i] = memory_alloc(lanes_cores * sizeof(struct side), PAGE_BYTES);
        err = lanes_feeds[i] ? OK : ERR_NO_MEMORY;
        for (unsigned core = 0; !err && core < lanes_cores; core++) {
            lanes_feeds[i][core].is_feed = true;
            err = make_side(&ports[i], &lanes_feeds[i][core], LANE_SLOTS, LANE_SLOTS,
                            FEED_QUEUES + core);
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
        feed->ring[i].word = fill(context, i, side_frame(feed, i));
    return side_start(port, feed) ? OK : ERR_TIMEOUT;
}

/* ---- Sending ---- */

bool side_renew(struct side *side)
{
    uint32_t room = 0;

    if (side->is_running) {
        side_collect(side, dma_load32(side->head));
        room = side_room(side);
    }
    if (rare_work[side->queue - SIDE_QUEUES].side_sent)
        room = 0;
    side->limit = side->next + (room > SIDE_KEPT ? room - SIDE_KEPT : 0);
    return side->limit != side->next;
}

void sides_renew(unsigned core)
{
    for (unsigned i = 0; i < ports_n; i++)
        if (lanes_sides[i][core].ring)
            (void)side_renew(&lanes_sides[i][core]);
}

void side_refuse(struct side *side)
{
    side->generated++;
    side->drops[DROP_side_full]++;
}

/* Hand what was put to the card. Its last frame has the head word written back. */
static void flush(struct side *side)
{
    *side->put &= ~side->bit;
    side->ring[(side->next - 1) & side->last].word |= TX_RS;
    mmio_write32(side->tdt, 0, (uint32_t)side->next & side->last);
    side->generated += side->next - side->told;
    side->told = side->next;
    (void)side_renew(side);
}

void sides_flush_all(unsigned core)
{
    while (sides_put[core].ports != 0)
        flush(&lanes_sides[__builtin_ctz(sides_put[core].ports)][core]);
}

/* Copy a frame to its slot, with the tag of the port's VLAN, if it is a VLAN's. Returns the length. */
static uint32_t copy_frame(const struct port *port, uint8_t *to, const uint8_t *frame,
                           uint32_t length)
{
    if (port->vlan == 0) {
        memcpy(to, frame, length);
        return length;
    }
    memcpy(to, frame, ETH_TYPE);
    wire_put16(to + ETH_TYPE, ETH_VLAN);
    wire_put16(to + ETH_BYTES, port->vlan);
    memcpy(to + ETH_TYPE + VLAN_BYTES, frame + ETH_TYPE, length - ETH_TYPE);
    return length + VLAN_BYTES;
}

bool side_send(struct port *port, const uint8_t *frame, uint32_t length)
{
    struct side *side = port_side(port, cpu_this()->index);
    enum drop why = DROP_NONE;

    if (length < FRAME_MIN || length > port_frame_most(port->wire) - (port->vlan ? FRAME_TAG : 0))
        why = DROP_side_length;
    else if (!side->is_running)
        why = DROP_tx_no_link;
    else {
        side_collect(side, dma_load32(side->head));
        if (!side_has_room(side, frame))
            why = DROP_side_full;
    }
    if (why != DROP_NONE) {
        side->generated++;
        side->drops[why]++;
        return false;
    }
    uint8_t *to = side_frame(side, (uint32_t)side->next & side->last);
    length = copy_frame(port, to, frame, length);
    side_put(side, length);
    flush(side);
    if (rare_work[cpu_this()->index].side_sent)
        rare_work[cpu_this()->index].side_sent(port->wire, to, length);
    return true;
}
