/* SPDX-License-Identifier: BSD-2-Clause
 * The whole data path. LANE_LOOP makes an application's loop from a function that handles one frame
 * in place. What a lane is: net/lane/ring.h. What else is done with it: net/lane/lane_control.h.
 *
 * The card is not trusted: every value it writes is read once and range-checked before use. A
 * descriptor's word takes one mask and one compare (done, whole, no error, length 17..2047); the
 * head word must lie within what was sent. Nothing that the card can write is used as a pointer.
 */
#ifndef NET_LANE_LANE_H
#define NET_LANE_LANE_H

#include "arch/cpu.h"
#include "drivers/desc.h"
#include "net/lane/ring.h"

#define LANE_FAST inline __attribute__((always_inline))
/* A condition of which the compiler assumes that it is never true: what then is done costs the straight
 * code no register. */
#define RARELY(condition) __builtin_expect_with_probability(!!(condition), 0, 1.0)

/* Does a received descriptor hold a frame: done, whole, without error, FRAME_MIN to slot_bytes - 1
 * bytes? One subtraction and one unsigned compare test all of it. */
#define RX_CHECKED (RX_DD | RX_EOP | RX_RXE | RX_LENGTH)
#define RX_WHOLE   (RX_DD | RX_EOP)
static inline bool slot_is_whole(uint64_t word, uint32_t slot_bytes)
{
    return (word & RX_CHECKED) - (RX_WHOLE + FRAME_MIN) <= slot_bytes - 1 - FRAME_MIN;
}

/* An application's two handlers. The fast one is compiled into the loop. It may change the frame's
 * bytes and returns true to send it with the length received, or it changes nothing and returns
 * false to pass it to the slow one. It loads what it decides on once (net/lane/wire.h). */
typedef bool lane_fast(struct lane_app app, wire_frame_t frame, size_t length);
/* The slow one gets a copy of the frame in the core's own memory, valid until it returns, and may
 * change all SLOT_BYTES of it. It returns how many bytes of it to send (FRAME_MIN to
 * port_frame_most of lane->out), or 0 and what it counted the frame as: consumed, or a named drop. */
typedef struct outcome lane_slow(struct lane *lane, uint8_t *frame, uint32_t length);

/* Between them, the wide one, compiled into a function of its own (name##_rest), so that the loop
 * pays nothing for it. It gets a whole frame that the fast one did not take, in place, and of the
 * descriptor's word the length, the status bits that are checked, and RX_SUMS. It reads bytes as the
 * fast one does. It returns FATE_FAST, having changed and counted nothing: the slow one gets the
 * frame. Or it returns the length to send and FATE_SENT, or 0 and what it counted the frame as, like
 * the slow one, which must have answered alike: it gets all frames while the core's trace is on. */
typedef struct outcome lane_wide(struct lane *lane, wire_frame_t frame, uint64_t checked);

/* The fast handler of an application that also sends by other ports than the lane's output. WAY_LANE
 * and WAY_ASIDE are `fast`'s true and false. WAY_OTHER: the frame is as WAY_LANE wants it, but another
 * port may send it: the handler `other` gets it, in a function of its own (name##_elsewhere). That is
 * one as `wide` is, which follows if it declines; but it is called under a trace too: then it must
 * decline what it does not send by the lane with the length received. */
enum lane_way { WAY_ASIDE, WAY_LANE, WAY_OTHER };
typedef enum lane_way lane_choose(struct lane_app app, wire_frame_t frame, size_t length);

/* An application's handlers, and the frames that the fast one gets. */
struct lane_shape {
    lane_fast *fast;
    lane_choose *choose; /* instead of `fast`, with `other` */
    /* Or, with `fast`: gets, before `wide`, each frame that `fast` declined and whose word is as wanted
     * below; like `wide`, not while the core's trace is on. May be NULL. */
    lane_wide *other;
    lane_wide *wide; /* may be NULL */
    lane_slow *slow;
    uint64_t status_checked, status_wanted; /* further RX_ bits, and their required values */
    uint32_t length_least;                  /* of frames for the fast handler; at least FRAME_MIN */
    uint32_t
        slot_bytes; /* LONG_SLOT_BYTES in a loop for long frames, whose fast handler takes every
                          * frame and looks at no byte of it; else 0 */
    bool is_sink;   /* frames are not sent; their slots go back to the receiver at once */
    /* Called for the frames of a burst before the first of them is handled: prefetches the memory
     * that `fast` will look into for this one. Decides nothing. May be NULL. */
    void (*ahead)(struct lane_app app, wire_frame_t frame);
    /* Called after a poll that has handled frames, with one of the core's lanes: for handlers that
     * queue frames elsewhere, and write that queue's tail once for all of them. May be NULL. */
    void (*flush)(const struct lane *lane);
    /* By LANE_LOOP. */
    bool (*aside)(struct lane *lane, struct descriptor *slot, uint64_t checked);
    bool (*elsewhere)(struct lane *lane, struct descriptor *slot, wire_frame_t frame,
                      uint64_t checked, enum lane_way way);
};

/* Handle a frame that the fast handler did not take, or a descriptor that holds no frame, and count
 * it. `checked`: the masked word; `counted`: bytes of its length that lane_burst counts. Returns
 * false, having done nothing, if the descriptor is not done: the slot is still the card's. */
bool lane_slow_path(struct lane *lane, struct descriptor *slot, uint64_t checked, lane_slow *slow,
                    uint32_t counted);

/* Give a whole frame to a handler and count it. False: the handler declined. */
static LANE_FAST bool lane_try(struct lane *lane, struct descriptor *slot, wire_frame_t frame,
                               uint64_t checked, lane_wide *handler, uint32_t counted)
{
    uint64_t length = checked & RX_LENGTH;
    struct outcome out = handler(lane, frame, checked);

    if (__builtin_expect(out.fate == FATE_FAST, 0))
        return false;
    lane->count.rx_bytes += length - counted;
    if (out.length == 0) {
        lane->count.unsent++;
        lane->count.unsent_bytes += length;
        dma_store64(&slot->word, TX_EOP | TX_IFCS);
    } else {
        lane->count.unsent_bytes += length - out.length;
        dma_store64(&slot->word, out.length | TX_EOP | TX_IFCS);
    }
    return true;
}

/* Does the word hold a frame for the fast handler: whole, with the wanted status bits, and not too
 * short? One subtraction and one compare. */
static LANE_FAST bool word_is_plain(uint64_t checked, struct lane_shape shape)
{
    return checked - ((RX_WHOLE | shape.status_wanted) + shape.length_least) <=
           SLOT_BYTES - 1 - shape.length_least;
}

/* For frames that `fast` declined. */
static LANE_FAST bool lane_aside(struct lane *lane, struct descriptor *slot, uint64_t checked,
                                 struct lane_shape shape)
{
    return shape.other && !shape.choose && !lane->is_traced && word_is_plain(checked, shape) &&
           lane_try(lane, slot, wire_of(lane->frames, lane->ring, slot), checked, shape.other,
                    shape.length_least);
}

/* For all frames that are not plain: the wide handler first. */
static LANE_FAST bool lane_rest(struct lane *lane, struct descriptor *slot, uint64_t checked,
                                struct lane_shape shape)
{
    wire_frame_t frame = wire_of(lane->frames, lane->ring, slot);

    if (shape.wide && slot_is_whole(checked, SLOT_BYTES) && !lane->is_traced) {
        if (RX_SUMS & ~shape.status_checked) /* loaded again: only to be believed or not */
            checked |= dma_load64(&slot->word) & RX_SUMS;
        if (lane_try(lane, slot, frame, checked, shape.wide, shape.length_least))
            return true;
    }
    return lane_slow_path(lane, slot, checked, shape.slow, shape.length_least);
}

/* Turn a receive descriptor into a transmit descriptor: one load and one store per frame. False: it
 * is not done, and nothing was stored. */
static LANE_FAST bool lane_step(struct lane *lane, struct lane_app app, struct descriptor *slot,
                                wire_frame_t frame, struct lane_shape shape, uint64_t *bytes)
{
    const uint64_t wanted = (RX_WHOLE | shape.status_wanted) + shape.length_least;
    uint64_t excess =
        opaque((dma_load64(&slot->word) & (RX_CHECKED | shape.status_checked)) - wanted);
    const uint32_t slot_bytes = shape.slot_bytes ? shape.slot_bytes : SLOT_BYTES;
    const bool is_plain = excess <= slot_bytes - 1 - shape.length_least;
    const size_t length = excess + shape.length_least;
    enum lane_way way = WAY_ASIDE;
    if (!RARELY(!is_plain))
        way = shape.choose ? shape.choose(app, frame, length)
                           : (enum lane_way)shape.fast(app, frame, length);
    if (RARELY(way != WAY_LANE)) {
        if (shape.choose)
            return shape.elsewhere(lane, slot, frame, excess + wanted, way);
        if (shape.wide || shape.other)
            return shape.aside(lane, slot, excess + wanted);
        return lane_slow_path(lane, slot, excess + wanted, shape.slow, shape.length_least);
    }
    *bytes += excess; /* length_least is added for the whole burst */
    if (shape.is_sink)
        dma_store64(&slot->word, 0);
    else
        dma_store64(&slot->word, excess + (shape.length_least + (TX_EOP | TX_IFCS)));
    return true;
}

static LANE_FAST bool slot_is_done(const struct descriptor *slot)
{
    return dma_test32((const uint32_t *)&slot->word + 1, (uint32_t)(RX_DD >> 32));
}

/* ---- Per burst ---- */

/* Give the slots that the output has finished, up to its head word `head`, back to the receiver. A
 * head outside what was sent is counted and ignored. */
static LANE_FAST void lane_collect(struct lane *lane, uint32_t head)
{
    uint32_t finished = (head - lane->done) & (LANE_SLOTS - 1);

    lane->head_seen = head;
    if (__builtin_expect(finished > (uint32_t)lane->next - lane->done, 0)) {
        lane->count.head_bad++;
        return;
    }
    lane->done += finished;
    /* One slot is never given back: a tail equal to the head would mean an empty ring. */
    mmio_write32(lane->rdt, 0, (lane->done - 1) & (LANE_SLOTS - 1));
}

/* End a burst before `slot`: count its frames and give them to the output. Returns their number. */
static LANE_FAST uint32_t lane_end_burst(struct lane *lane, struct descriptor *slot, uint64_t bytes,
                                         uint32_t length_least, bool is_sink)
{
    const size_t ring_bytes = LANE_SLOTS * sizeof(struct descriptor);
    struct descriptor *first = lane->slot;
    uint32_t n = (uint32_t)(slot - first);

    if (n == 0)
        return 0;
    lane->count.rx_bytes += bytes + (uint64_t)n * length_least;
    lane->next += n;
    if (!is_sink)
        slot[-1].word |= TX_RS; /* write the head back after this one */
    uintptr_t in_ring = (uintptr_t)slot & (ring_bytes - 1);
    lane->slot = (struct descriptor *)(((uintptr_t)first & ~(ring_bytes - 1)) | in_ring);
    uint32_t tail = (uint32_t)(in_ring / sizeof(struct descriptor));
    if (is_sink)
        lane->taken = tail; /* read by lane_collect as the head word */
    else
        mmio_write32(lane->tdt, 0, tail);
    return n;
}

/* The same, out of line, before a slot that is not done. */
uint32_t lane_end_early(struct lane *lane, struct descriptor *slot, uint64_t bytes,
                        uint32_t length_least, bool is_sink);

/* The i-th slot from `slot`, computed where it is used: in no register until then. */
static LANE_FAST struct descriptor *after(struct descriptor *slot, unsigned i)
{
    return (struct descriptor *)opaque((uintptr_t)slot) + i;
}

/* Look ahead at the whole groups from `slot` on, so that the waits for memory overlap. */
static LANE_FAST void lane_look_ahead(const struct descriptor *slot, const struct descriptor *end,
                                      struct lane_app app, wire_frame_t frame,
                                      struct lane_shape shape)
{
    while (slot < end - (LANE_GROUP - 1) && slot_is_done(slot + (LANE_GROUP - 1))) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < LANE_GROUP; i++)
            shape.ahead(app, wire_slot(frame, i));
        slot += LANE_GROUP;
        frame = wire_slot(frame, LANE_GROUP);
    }
}

/* Handle received frames: at most LANE_BURST, and not across a multiple of LANE_BURST, so that
 * their slots are contiguous (a ring is aligned to its size). Returns the number. */
static LANE_FAST uint32_t lane_burst(struct lane *lane, struct lane_shape shape)
{
    const size_t burst_bytes = LANE_BURST * sizeof(struct descriptor);
    struct descriptor *first = lane->slot, *slot = first;
    struct descriptor *end = (struct descriptor *)(((uintptr_t)first | (burst_bytes - 1)) + 1);
    wire_frame_t frame = wire_of(lane->frames, lane->ring, first);
    const struct lane_app app = lane->app; /* in registers: stores to frames cannot change it */
    uint64_t bytes = 0;

    if (shape.ahead)
        lane_look_ahead(first, end, app, frame, shape);
    /* The card writes back in order: if the last of a group is done, so are those before it. If the
     * card breaks this, the check of each word finds it, and the burst ends before that slot: a
     * write-back that is still to come would replace the word stored here. */
    while (slot < end - (LANE_GROUP - 1) && slot_is_done(slot + (LANE_GROUP - 1))) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < LANE_GROUP; i++)
            if (!lane_step(lane, app, slot + i, wire_slot(frame, i), shape, &bytes))
                return lane_end_early(lane, after(slot, i), bytes, shape.length_least,
                                      shape.is_sink);
        slot += LANE_GROUP;
        frame = wire_slot(frame, LANE_GROUP);
    }
    while (slot != end && slot_is_done(slot)) {
        if (!lane_step(lane, app, slot, frame, shape, &bytes))
            break;
        slot++;
        frame = wire_slot(frame, 1);
    }
    return lane_end_burst(lane, slot, bytes, shape.length_least, shape.is_sink);
}

/* Handle a burst, then what the output has finished. */
static LANE_FAST uint32_t lane_work(struct lane *lane, struct lane_shape shape)
{
    uint32_t n = lane_burst(lane, shape), head = dma_load32(lane->head);

    if (head != lane->head_seen)
        lane_collect(lane, head);
    return n;
}

/* Define an application's poll: `name(own)` polls each lane of a core once and returns the number
 * of frames handled. Owner core only. name##_busy, with the fast handler compiled in, continues from
 * the first lane that has received a frame; split out so that an empty poll saves no registers and
 * costs six instructions a lane. name##_aside, with the wide handler, gets what the fast one does
 * not take. Outputs of idle inputs are collected in slow rounds. */
#define LANE_LOOP(name, ...)                                                                       \
    static bool name##_aside(struct lane *lane, struct descriptor *slot, uint64_t checked)         \
        __attribute__((noinline));                                                                 \
    static bool name##_rest(struct lane *lane, struct descriptor *slot, uint64_t checked)          \
        __attribute__((noinline));                                                                 \
    static bool name##_elsewhere(struct lane *lane, struct descriptor *slot, wire_frame_t frame,   \
                                 uint64_t checked, enum lane_way way) __attribute__((noinline));   \
    static uint32_t name##_busy(struct lane *lane, const struct lane *end)                         \
        __attribute__((noinline));                                                                 \
    static uint32_t name##_busy(struct lane *lane, const struct lane *end)                         \
    {                                                                                              \
        const struct lane_shape shape = {                                                          \
            .aside = name##_aside, .elsewhere = name##_elsewhere, __VA_ARGS__};                    \
        uint32_t n = 0;                                                                            \
        do                                                                                         \
            if (slot_is_done(lane->slot))                                                          \
                n += lane_work(lane, shape);                                                       \
        while (++lane != end);                                                                     \
        if (shape.flush)                                                                           \
            shape.flush(lane - 1);                                                                 \
        return n;                                                                                  \
    }                                                                                              \
    static bool name##_aside(struct lane *lane, struct descriptor *slot, uint64_t checked)         \
    {                                                                                              \
        return lane_aside(lane, slot, checked, (struct lane_shape){__VA_ARGS__}) ||                \
               name##_rest(lane, slot, checked);                                                   \
    }                                                                                              \
    static bool name##_rest(struct lane *lane, struct descriptor *slot, uint64_t checked)          \
    {                                                                                              \
        return lane_rest(lane, slot, checked, (struct lane_shape){__VA_ARGS__});                   \
    }                                                                                              \
    static bool name##_elsewhere(struct lane *lane, struct descriptor *slot, wire_frame_t frame,   \
                                 uint64_t checked, enum lane_way way)                              \
    {                                                                                              \
        const struct lane_shape shape = {__VA_ARGS__};                                             \
        return (way == WAY_OTHER &&                                                                \
                lane_try(lane, slot, frame, checked, shape.other, shape.length_least)) ||          \
               name##_rest(lane, slot, checked);                                                   \
    }                                                                                              \
    uint32_t name(const struct core_lanes *own)                                                    \
    {                                                                                              \
        const struct lane *end = own->end;                                                         \
        struct lane *lane = own->first;                                                            \
        do                                                                                         \
            if (__builtin_expect(slot_is_done(lane->slot), 1)) /* 1: saves a jump */               \
                return name##_busy(lane, end);                                                     \
        while (++lane != end);                                                                     \
        return 0;                                                                                  \
    }

#endif
