/* SPDX-License-Identifier: BSD-2-Clause
 * The whole data path. LANE_LOOP makes an application's loop from a function that handles one frame
 * in place and says how many bytes to send; everything else about a lane is in net/lane/lane.c, and
 * what a lane is stands in net/lane/ring.h.
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

#define LANES_MAX (PORTS_MAX * QUEUES_MAX)

/* All lanes, those of one core beside each other: core c of lanes_cores owns the lanes_row lanes from
 * lanes[c * lanes_row] on. Fixed before the loops start. */
extern struct lane lanes[LANES_MAX];
extern unsigned lanes_n, lanes_row, lanes_cores;

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
 * (FRAME_MIN..FRAME_MAX), or 0 after it has counted the frame: consumed, or dropped by name. */
typedef uint32_t lane_slow(struct lane *lane, uint8_t *frame, uint32_t length);

/* Which frames the fast handler gets: those whose words also have these status bits so. */
struct lane_shape {
    lane_fast *fast;
    lane_slow *slow;
    uint64_t status_checked, status_wanted; /* RX_ bits besides RX_CHECKED and RX_WHOLE */
    uint32_t length_least;                  /* at least FRAME_MIN */
    bool is_sink; /* frames end here, and their slots go back to the receiver at once */
};

static inline uint32_t lane_drop(struct lane *lane, enum drop why)
{
    lane->count.drops[why]++;
    return 0;
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

struct row;
typedef uint32_t lane_poll(const struct row *row);

/* What a core looks at in each round: its lanes, at least one. Every ROUNDS_SHORT-th round is a long
 * one: it collects what outputs have finished where nothing came in. While there are extras, each
 * is, and does what is rare. */
enum { ROUNDS_SHORT = 128 };
struct row {
    struct lane *first;
    const struct lane *end;
    lane_poll *poll;     /* the application's */
    uint32_t until_long; /* rounds */
    unsigned core;
} __attribute__((aligned(CACHE_LINE_BYTES)));
extern struct row lanes_rows[QUEUES_MAX];
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

/* ---- Slow: in net/lane/lane.c ---- */

/* Take memory for the lane, show it to the cards (buffers: in writes, out reads; ring: in both, out
 * reads; head word: out writes), start both queues `core`; receive alone where out has no link. out
 * NULL: a sink, see ring.h. Boot CPU, before that core's loop. */
enum err lane_open(struct lane *lane, struct port *in, struct port *out, unsigned core) MUST_CHECK;
/* The same for a port's side queue of that core. */
enum err side_open(struct port *port, unsigned core) MUST_CHECK;
/* Take memory for a feed of each core on every port. Boot CPU, before any lane. */
enum err feeds_open(void) MUST_CHECK;
/* Give a feed a ring of `slots` (a multiple of 8, up to LANE_SLOTS): what is queued goes out, then
 * fill writes each frame into its slot (0..slots-1) and returns its length. It runs again if the
 * port has a link, else as soon as it has. Core `core`. ERR_BUSY: the queue did not stop. */
enum err feed_fill(struct port *port, unsigned core, uint32_t slots,
                   uint32_t (*fill)(void *context, uint32_t slot, uint8_t *frame),
                   void *context) MUST_CHECK;
/* The card's head word is now `head`: how many frames it has finished since; more than there are if
 * it makes no sense. */
static inline uint32_t side_finished(const struct side *side, uint32_t head)
{
    uint32_t finished = head - side->done_at;

    if (head >= side->slots)
        return UINT32_MAX;
    return head >= side->done_at ? finished : finished + side->slots;
}
/* Take them up. Bounded: what does not make sense is counted and ignored. Owner core. */
static inline void side_collect(struct side *side, uint32_t head)
{
    uint32_t finished = side_finished(side, head);

    if (finished > side->next - side->done) {
        side->head_bad++;
        return;
    }
    side->done += finished;
    side->done_at = head;
}

/* Copy `length` (FRAME_MIN..FRAME_MAX) bytes to the port's side queue of this core and send them.
 * Never waits; the caller keeps the frame. Any core, its own queue. false: dropped and counted. The
 * frame counts as generated either way. */
bool side_send(struct port *port, const uint8_t *frame, uint32_t length);

/* Look after lanes and side queues: link changes, lanes whose output is stuck; once a second, the
 * counters of the cards. What concerns another core's lane is done by that core, at core 0's request.
 * Core 0, between bursts, about ten times a second. */
void lanes_service(uint64_t now_ns);
/* Receive on this core's draining lanes (their output has no link): frames are counted and dropped,
 * unless the application's slow handler, told by lanes_drain_by before any lane runs, finds another
 * use for them. Returns how many. */
uint32_t lanes_drain(unsigned core);
void lanes_drain_by(lane_slow *slow);
/* The same for one lane, which may be in any state. */
uint32_t lane_drain(struct lane *lane);
/* Collect what the outputs of this core's lanes have finished; every so often, see struct row. */
void lanes_collect(unsigned core);
/* Why all of a core's rounds must be long: one for each of its lanes that drains, and for whatever
 * else is rare and would cost the loop a test of its own. A change is seen in the next long round.
 * The owner core alone writes it. */
struct extras {
    uint32_t n;
    /* For whoever traces frames (net/lane/capture.c); NULL: nobody does. What became of each that
     * left the fast way: in slot i of its ring, notes[i % LANE_BURST]. And a call for each frame
     * that leaves by a side queue. */
    struct lane_note *notes;
    void (*side_sent)(const struct port *port, const uint8_t *frame, uint32_t length);
} __attribute__((aligned(CACHE_LINE_BYTES)));
struct lane_note {
    uint16_t length; /* as it came */
    uint16_t sent;   /* bytes handed to the output card; 0: none */
    uint16_t fate;
};
enum lane_fate {
    FATE_FAST,  /* nothing was noted */
    FATE_SENT,
    FATE_CONSUMED,
    FATE_KEPT, /* counted as nothing so far */
    FATE_DROPPED, /* as FATE_DROPPED + enum drop */
};
extern struct extras lanes_extras[QUEUES_MAX];

/* The console's `stop`: no lane receives any more; what had come in is handled by `poll`, the
 * application's, and goes out first. Where an output sends nothing it is a drop, by name. The
 * console's `start`: lanes run again as the links allow. Core 0, between bursts. */
void lanes_stop(lane_poll *poll);
void lanes_start(void);
bool lanes_are_stopped(void);
/* Before a core sleeps: has something come in since its last look? And does a card still hold
 * frames of ours, of which no interrupt will tell? */
bool lanes_have_work(unsigned core);
bool lanes_are_in_flight(unsigned core);
/* Reset the port's card and restart every lane and side queue that touches it; what was in their
 * hands is counted as drops. The port stays down if the card does not come back. Core 0. */
enum err port_restart(struct port *port);
/* Take the port out of service until port_restart, and say why: its queues are stopped, what was in
 * their hands is counted as drops, lanes that lead to it drain. */
void port_take_down(struct port *port, const char *why);

/* The ledger's view of a lane; exact when the owner core is not in a burst. */
struct lane_ledger {
    uint64_t received; /* frames taken from the card; the others but `waiting` add up to it */
    uint64_t sent;     /* frames that the output card has finished */
    uint64_t held;     /* frames handed to the output card and not finished */
    uint64_t waiting;  /* frames that the input card has written and nobody has looked at */
    uint64_t consumed, dropped;
    uint64_t tx_bytes; /* handed to the output card */
};
/* On the owner core, or before its loop runs. */
struct lane_ledger lane_ledger(const struct lane *lane);
struct side_ledger {
    uint64_t generated, sent, held, dropped;
};
struct side_ledger side_ledger(const struct side *side);

#endif
