/* SPDX-License-Identifier: BSD-2-Clause
 * The whole data path. LANE_LOOP makes an application's loop from a function that handles one frame
 * in place and says how many bytes to send; what else is done with a lane is
 * net/lane/lane_control.h's, what a lane is stands in net/lane/ring.h.
 *
 * What the card wrote is read once and bounded before it is used: the descriptor's word by one
 * mask and one compare (done, whole, no error, length 17..2047), the head word by the window of
 * what was sent. Nothing that the card can write holds a pointer that we follow.
 */
#ifndef NET_LANE_LANE_H
#define NET_LANE_LANE_H

#include "arch/cpu.h"
#include "drivers/desc.h"
#include "net/lane/ring.h"

#define LANE_FAST inline __attribute__((always_inline))

/* ---- Per frame ---- */

/* What a received descriptor's word must be to be a frame: done, whole, without error, and of
 * FRAME_MIN to SLOT_BYTES - 1 bytes. All of it is one subtraction and one unsigned compare. */
#define RX_CHECKED (RX_DD | RX_EOP | RX_RXE | RX_LENGTH)
#define RX_WHOLE (RX_DD | RX_EOP)
static inline bool slot_is_whole(uint64_t word)
{
    return (word & RX_CHECKED) - (RX_WHOLE + FRAME_MIN) <= SLOT_BYTES - 1 - FRAME_MIN;
}

/* An application's two handlers. The fast one is compiled into the loop: it may change the frame's
 * bytes and answers true to send it as long as it came, or false, having changed nothing, to hand
 * it to the slow one. */
typedef bool lane_fast(struct lane_app app, uint8_t *frame, size_t length);
/* The slow one may do anything to the frame within SLOT_BYTES and returns how many bytes to send
 * (FRAME_MIN..FRAME_MAX), or 0 and what it has counted the frame as: consumed, or dropped by name. */
typedef struct outcome lane_slow(struct lane *lane, uint8_t *frame, uint32_t length);

/* Which frames the fast handler gets: those whose words also have these status bits so. */
struct lane_shape {
    lane_fast *fast;
    lane_slow *slow;
    uint64_t status_checked, status_wanted; /* RX_ bits besides RX_CHECKED and RX_WHOLE */
    uint32_t length_least;                  /* at least FRAME_MIN */
    bool is_sink; /* frames end here, and their slots go back to the receiver at once */
};

static inline struct outcome lane_drop(struct lane *lane, enum drop why)
{
    lane->count.drops[why]++;
    return outcome_dropped(why);
}

static inline struct outcome lane_consume(struct lane *lane)
{
    lane->count.consumed++;
    return (struct outcome){0, FATE_CONSUMED};
}

/* The way out of the loop for every frame that is not fast, and for every descriptor that is no
 * frame: finds out which, and counts all of it, but for `counted` bytes of its length. `checked` is
 * the word under the masks. */
void lane_aside(struct lane *lane, struct descriptor *slot, uint64_t checked, lane_slow *slow,
                uint32_t counted);

/* The card's word becomes ours: the only load and the only store of a descriptor per frame. */
static LANE_FAST void lane_step(struct lane *lane, struct lane_app app, struct descriptor *slot,
                                uint8_t *frame, struct lane_shape shape, uint64_t *bytes)
{
    const uint64_t wanted = (RX_WHOLE | shape.status_wanted) + shape.length_least;
    uint64_t excess =
        opaque((dma_load64(&slot->word) & (RX_CHECKED | shape.status_checked)) - wanted);
    if (__builtin_expect(excess > SLOT_BYTES - 1 - shape.length_least, 0) ||
        __builtin_expect(!shape.fast(app, frame, excess + shape.length_least), 0)) {
        lane_aside(lane, slot, excess + wanted, shape.slow, shape.length_least);
        return;
    }
    *bytes += excess; /* length_least is added for the whole burst */
    if (shape.is_sink)
        dma_store64(&slot->word, 0);
    else
        dma_store64(&slot->word, excess + (shape.length_least + (TX_EOP | TX_IFCS)));
}

static LANE_FAST bool slot_is_done(const struct descriptor *slot)
{
    return dma_test32((const uint32_t *)&slot->word + 1, (uint32_t)(RX_DD >> 32));
}

/* ---- Per burst ---- */

/* The output card's word has changed to `head`. Bounded: it must lie within what was sent; if not
 * it is counted and ignored. Slots that are finished go back to the receiver. */
static LANE_FAST void lane_collect(struct lane *lane, uint32_t head)
{
    uint32_t finished = (head - lane->done) & (LANE_SLOTS - 1);

    lane->head_seen = head;
    if (__builtin_expect(finished > (uint32_t)lane->next - lane->done, 0)) {
        lane->count.head_bad++;
        return;
    }
    lane->done += finished;
    /* One slot stays with us for ever: a tail that met the head would mean an empty ring. */
    mmio_write32(lane->rdt, 0, (lane->done - 1) & (LANE_SLOTS - 1));
}

/* Handle what has come in, at most LANE_BURST frames and never across a multiple of LANE_BURST, so
 * that slots follow each other in memory (a ring is aligned to its size). Returns how many. */
static LANE_FAST uint32_t lane_burst(struct lane *lane, struct lane_shape shape)
{
    const size_t burst_bytes = LANE_BURST * sizeof(struct descriptor);
    const size_t ring_bytes = LANE_SLOTS * sizeof(struct descriptor);
    struct descriptor *first = lane->slot, *slot = first;
    struct descriptor *end = (struct descriptor *)(((uintptr_t)first | (burst_bytes - 1)) + 1);
    uint8_t *frame = lane->frames + (size_t)(first - lane->ring) * SLOT_BYTES;
    const struct lane_app app = lane->app; /* kept in registers: no frame byte can change it */
    uint64_t bytes = 0;

    /* The card writes back in order: where the last of a group is done, so are those before it. If
     * not, the check of the single word says so. */
    while (slot < end - (LANE_GROUP - 1) && slot_is_done(slot + (LANE_GROUP - 1))) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < LANE_GROUP; i++)
            lane_step(lane, app, slot + i, frame + i * SLOT_BYTES, shape, &bytes);
        slot += LANE_GROUP;
        frame += LANE_GROUP * SLOT_BYTES;
    }
    while (slot != end && slot_is_done(slot)) {
        lane_step(lane, app, slot, frame, shape, &bytes);
        slot++;
        frame += SLOT_BYTES;
    }

    uint32_t n = (uint32_t)(slot - first);
    if (n == 0)
        return 0;
    lane->count.rx_bytes += bytes + (uint64_t)n * shape.length_least;
    lane->next += n;
    if (!shape.is_sink)
        slot[-1].word |= TX_RS; /* report the head once this one is out */
    uintptr_t in_ring = (uintptr_t)slot & (ring_bytes - 1);
    lane->slot = (struct descriptor *)(((uintptr_t)first & ~(ring_bytes - 1)) | in_ring);
    uint32_t tail = (uint32_t)(in_ring / sizeof(struct descriptor));
    if (shape.is_sink)
        lane->taken = tail; /* lane_collect gives them back */
    else
        mmio_write32(lane->tdt, 0, tail);
    return n;
}

/* Something has happened to a lane: frames have come in, or the output card has moved on. */
static LANE_FAST uint32_t lane_work(struct lane *lane, struct lane_shape shape)
{
    uint32_t n = lane_burst(lane, shape);
    uint32_t head = dma_load32(lane->head);

    if (head != lane->head_seen)
        lane_collect(lane, head);
    return n;
}

/* Make an application's loop: `name(row)` looks at each lane of the row once and returns the number
 * of frames handled. The shape is compiled into name_busy, which takes over from the first lane that
 * has something and alone needs registers to be saved: a look that finds nothing costs six
 * instructions a lane. What an output has finished while nothing came in, long rounds collect. Owner
 * core only. */
#define LANE_LOOP(name, ...)                                                                       \
    static __attribute__((noinline)) uint32_t name##_busy(struct lane *lane, const struct lane *end) \
    {                                                                                              \
        uint32_t n = 0;                                                                            \
                                                                                                   \
        do                                                                                         \
            if (slot_is_done(lane->slot))                                                          \
                n += lane_work(lane, (struct lane_shape){__VA_ARGS__});                            \
        while (++lane != end);                                                                     \
        return n;                                                                                  \
    }                                                                                              \
    uint32_t name(const struct row *row)                                                           \
    {                                                                                              \
        const struct lane *end = row->end;                                                         \
        struct lane *lane = row->first;                                                            \
                                                                                                   \
        do                                                                                         \
            if (__builtin_expect(slot_is_done(lane->slot), 1)) /* or the loop gets a jump more */  \
                return name##_busy(lane, end);                                                     \
        while (++lane != end);                                                                     \
        return 0;                                                                                  \
    }

#endif
