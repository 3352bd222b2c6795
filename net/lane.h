/* SPDX-License-Identifier: BSD-2-Clause
 * The whole data path. LANE_LOOP makes an application's loop from a function that handles one frame
 * in place and says how many bytes to send; everything else about a lane is in net/lane.c, and what
 * a lane is stands in drivers/nic.h.
 *
 * What the card wrote is read once and bounded before it is used: the descriptor's word by one
 * mask and one compare (done, whole, no error, length 17..2047), the head word by the window of
 * what was sent. Nothing that the card can write holds a pointer that we follow.
 */
#ifndef NET_LANE_H
#define NET_LANE_H

#include "drivers/nic.h"
#include "drivers/x540/desc.h"

#define LANES_MAX PORTS_MAX

/* One lane a port, on core 0; lanes[i].in is &ports[i] where lane i is in use. */
extern struct lane lanes[LANES_MAX];
extern unsigned lanes_n;

/* ---- Per frame ---- */

/* What a received descriptor's word must be to be a frame: done, whole, without error, and of
 * FRAME_MIN to SLOT_BYTES - 1 bytes. All of it is one subtraction and one unsigned compare. */
#define RX_CHECKED (RX_DD | RX_EOP | RX_RXE | RX_LENGTH)
#define RX_WHOLE (RX_DD | RX_EOP)

/* An application's two handlers. The fast one is compiled into the loop: it may change the frame's
 * bytes and answers true to send it as long as it came, or false, having changed nothing, to hand
 * it to the slow one. */
typedef bool lane_fast(struct lane_app app, uint8_t *frame, size_t length);
#define LANE_FAST inline __attribute__((always_inline))
/* The slow one may do anything to the frame within SLOT_BYTES and returns how many bytes to send
 * (FRAME_MIN..FRAME_MAX), or 0 after it has counted the frame: consumed, or dropped by name. */
typedef uint32_t lane_slow(struct lane *lane, uint8_t *frame, uint32_t length);

/* Which frames the fast handler gets: those whose words also have these status bits so. */
struct lane_shape {
    lane_fast *fast;
    lane_slow *slow;
    uint64_t status_checked, status_wanted; /* RX_ bits besides RX_CHECKED and RX_WHOLE */
    uint32_t length_least;                  /* at least FRAME_MIN */
};

static inline uint32_t lane_drop(struct lane *lane, enum drop why)
{
    lane->count.drops[why]++;
    return 0;
}

/* The way out of the loop for every frame that is not fast, and for every descriptor that is no
 * frame: finds out which, and counts all of it. `checked` is the word under the masks. */
void lane_aside(struct lane *lane, struct descriptor *slot, uint64_t checked, lane_slow *slow);

/* What one burst adds up in registers; frames that went aside are in the lane's counters already. */
struct burst_sum {
    uint64_t excess; /* lengths of the fast frames, length_least left out of each */
    uint32_t aside;
};

/* The card's word becomes ours: the only load and the only store of a descriptor per frame. */
static inline __attribute__((always_inline)) void
lane_step(struct lane *lane, struct lane_app app, struct descriptor *slot, uint8_t *frame,
          struct lane_shape shape, struct burst_sum *sum)
{
    const uint64_t wanted = (RX_WHOLE | shape.status_wanted) + shape.length_least;
    uint64_t excess = (dma_load64(&slot->word) & (RX_CHECKED | shape.status_checked)) - wanted;

    if (__builtin_expect(excess > SLOT_BYTES - 1 - shape.length_least, 0) ||
        __builtin_expect(!shape.fast(app, frame, excess + shape.length_least), 0)) {
        lane_aside(lane, slot, excess + wanted, shape.slow);
        sum->aside++;
        return;
    }
    sum->excess += excess;
    dma_store64(&slot->word, excess + (shape.length_least + (TX_EOP | TX_IFCS)));
}

static inline __attribute__((always_inline)) bool slot_is_done(const struct descriptor *slot)
{
    const uint32_t *high = (const uint32_t *)&slot->word + 1; /* DD alone: half a word will do */
    return dma_load32(high) & (uint32_t)(RX_DD >> 32);
}

/* ---- Per burst ---- */

/* The output card's word, bounded: how many slots it has finished since the last look. A word
 * outside the window of what was sent is counted and ignored. */
static inline __attribute__((always_inline)) void lane_collect(struct lane *lane)
{
    uint32_t finished = (dma_load32(lane->head) - (uint32_t)lane->done) & (LANE_SLOTS - 1);

    if (finished == 0)
        return;
    if (__builtin_expect(finished > lane->next - lane->done, 0)) {
        lane->count.head_bad++;
        return;
    }
    lane->done += finished;
    /* One slot stays with us for ever: a tail that met the head would mean an empty ring. */
    mmio_write32(lane->rdt, 0, (uint32_t)(lane->done - 1) & (LANE_SLOTS - 1));
}

/* Handle what has come in, at most LANE_BURST frames and never across a multiple of LANE_BURST, so
 * that slots follow each other in memory. Returns how many. Owner core only; lane is running. */
static inline __attribute__((always_inline)) uint32_t lane_burst(struct lane *lane,
                                                                 struct lane_shape shape)
{
    uint32_t first = (uint32_t)lane->next & (LANE_SLOTS - 1);
    struct descriptor *slot = lane->ring + first;
    struct descriptor *end = lane->ring + (first | (LANE_BURST - 1)) + 1;
    uint8_t *frame = lane->frames + (size_t)first * SLOT_BYTES;
    struct burst_sum sum = {0};
    const struct lane_app app = lane->app; /* kept in registers: no frame byte can change it */

    /* The card writes back in order: where the last of a group is done, so are those before it. If
     * not, the check of the single word says so. */
    while (slot < end - (LANE_GROUP - 1) && slot_is_done(slot + (LANE_GROUP - 1))) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < LANE_GROUP; i++)
            lane_step(lane, app, slot + i, frame + i * SLOT_BYTES, shape, &sum);
        slot += LANE_GROUP;
        frame += LANE_GROUP * SLOT_BYTES;
    }
    while (slot != end && slot_is_done(slot)) {
        lane_step(lane, app, slot, frame, shape, &sum);
        slot++;
        frame += SLOT_BYTES;
    }

    uint32_t n = (uint32_t)(slot - (lane->ring + first));
    if (n != 0) {
        slot[-1].word |= TX_RS; /* report the head once this one is out */
        lane->next += n;
        uint64_t bytes = sum.excess + (uint64_t)(n - sum.aside) * shape.length_least;
        lane->count.rx_bytes += bytes;
        lane->count.tx_bytes += bytes;
        lane->count.tx_frames += n - sum.aside;
        mmio_write32(lane->tdt, 0, (uint32_t)lane->next & (LANE_SLOTS - 1));
    }
    lane_collect(lane);
    return n;
}

/* Make an application's loop: `name(lane)` handles one burst, with the shape compiled into it. */
#define LANE_LOOP(name, ...)                                                                       \
    uint32_t name(struct lane *lane)                                                               \
    {                                                                                              \
        return lane_burst(lane, (struct lane_shape){__VA_ARGS__});                                 \
    }
typedef uint32_t lane_poll(struct lane *lane);

/* ---- Slow: in net/lane.c ---- */

/* Take memory for the lane, show it to the cards (buffers: in writes, out reads; ring: in both, out
 * reads; head word: out writes), start both queues. Boot CPU. */
enum err lane_open(struct lane *lane, struct port *in, struct port *out) MUST_CHECK;
/* The same for a port's side queue. */
enum err side_open(struct port *port) MUST_CHECK;

/* Copy `length` (FRAME_MIN..FRAME_MAX) bytes to the port's side queue and send them. Never waits;
 * the caller keeps the frame. Owner core only. false: dropped and counted. The frame counts as
 * generated either way. */
bool side_send(struct port *port, const uint8_t *frame, uint32_t length);

/* Look after lanes and side queues: link changes, lanes whose output is stuck, counters of the
 * cards. Owner core, between bursts, at most ten times a second. */
void lanes_service(uint64_t now_ns);
/* Receive on a draining lane (its output has no link): frames are counted and dropped. */
uint32_t lane_drain(struct lane *lane);
/* Reset the port's card and restart every lane and side queue that touches it; what was in their
 * hands is counted as drops. The port stays down if the card does not come back. */
enum err port_restart(struct port *port);

/* The ledger's view of a lane; exact when the owner core is not in a burst. */
struct lane_ledger {
    uint64_t received; /* frames taken from the card */
    uint64_t sent;     /* frames that the output card has finished */
    uint64_t held;     /* frames handed to the output card and not finished */
    uint64_t waiting;  /* frames that the input card has written and nobody has looked at */
    uint64_t consumed, dropped;
};
struct lane_ledger lane_ledger(const struct lane *lane);
struct side_ledger {
    uint64_t generated, sent, held, dropped;
};
struct side_ledger side_ledger(const struct side *side);

#endif
