/* SPDX-License-Identifier: BSD-2-Clause
 * The data structures: lanes and side queues, which are rings of slots between cards, and their
 * counters.
 *
 * A lane is one receive queue of a port and one transmit queue of a port (the same or another).
 * Both share one ring of legacy descriptors and one buffer array. Slot i is
 *
 *     given to Rx -> Rx done (DD) -> handled in place -> given to Tx -> Tx done -> given to Rx
 *     by RDT         by the card     by the core         by TDT         by the card (head word)
 *
 * and its descriptor always points at buffer i, so a single 8-byte store turns a received frame
 * into one to send. Positions run free and are masked at use:
 * done <= next <= done + LANE_SLOTS - 1.
 */
#ifndef NET_LANE_RING_H
#define NET_LANE_RING_H

#include "drivers/nic.h"
#include "net/drops.h"
#include "net/lane/wire.h"

#ifndef LANE_SLOTS /* tests/bench varies it */
#define LANE_SLOTS 512u
#endif
#define LANE_BURST  32u  /* frames between two writes of the tail; LANE_SLOTS is a multiple */
#define LANE_GROUP  8u   /* descriptors tested at once by the DD of the last; divides LANE_BURST */
#define SIDE_SLOTS  64u  /* of a side queue, unless the application asks for SIDE_DEEP */
#define SIDE_DEEP   512u /* both are powers of two */
#define SIDE_KEPT   8u   /* of them, free slots that only ARP frames get */
#define SIDE_QUEUES 32u  /* first transmit queue of side queues */
#define FEED_QUEUES 16u  /* first transmit queue of feeds; lanes use the 16 below */

/* Counters of one lane; written by its owner core only, read by any core. A frame sent with the
 * length received costs one addition; other frames are counted by their difference from that. */
struct lane_counters {
    uint64_t rx_bytes;
    uint64_t unsent;       /* received frames that were not handed to the output card */
    uint64_t unsent_bytes; /* bytes received less bytes sent; wraps where replies are longer */
    uint64_t consumed;     /* of unsent: delivered to this machine */
    uint64_t head_bad;     /* head words outside what was sent; ignored */
    uint64_t tx_lost;      /* handed to the output card, and dropped when the lane stopped */
    uint64_t drops[DROP_COUNT];
};

/* Data of an application's fast handler, set by its `start`. */
struct lane_app {
    uint64_t a, b;
};

struct core_lanes;
typedef uint32_t lane_poll(const struct core_lanes *own);

struct lane {
    /* Read by every poll; one cache line. A lane that does not run is parked: slot and head point
     * at words that never change, so that the loop needs no test of the state. */
    struct descriptor *slot; /* the next to poll */
    const uint32_t *head;    /* written by the output card: index of the next slot it will send */
    uint32_t head_seen;      /* its last valid value */
    uint32_t done;           /* runs free: the next slot that the output card has not finished */
    uint64_t next;           /* runs free: index of `slot` */
    mmio_t rdt, tdt;         /* the two tail registers */
    struct lane_app app;

    struct lane_counters count __attribute__((aligned(CACHE_LINE_BYTES)));

    /* Not used by the loop; written by the owner core only. */
    struct descriptor *ring;  /* aligned to its size */
    wire_frame_t frames;      /* that of slot 0 */
    struct port *in, *out;    /* equal for an echo, and for a sink */
    struct netif *netif;      /* the stack of `in` on this core; NULL: none */
    struct side *sides;       /* this core's side queues: of port p at p * QUEUES_MAX */
    lane_poll *poll;          /* of a control lane; NULL: the application's */
    uint64_t received_before; /* frames of earlier runs: next starts at 0 in each */
    uint16_t core;            /* owner */
    uint16_t queue;           /* number of both queues: the core's, or CONTROL_QUEUE */
    bool is_sink;             /* no transmit queue: `head` points at `taken` */
    bool is_traced;           /* each frame that is not plain takes the slow path, which notes it */
    uint32_t taken;           /* of a sink: index of the first slot not handled */
    enum lane_state {
        LANE_PARKED,   /* no queue is live */
        LANE_RUNNING,  /* both are */
        LANE_DRAINING, /* output without a link: receive is live, frames are dropped */
        LANE_STOPPING, /* a task switches its queues off; nothing polls it */
    } state;
    struct dma_buf ring_buf, frames_buf, head_buf;
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* A transmit ring of a port for one core, filled by software. A side queue sends frames that did
 * not arrive by a lane to this port: SIDE_SLOTS of them, or SIDE_DEEP. A generator's feed has up to
 * LANE_SLOTS slots, whose frames are sent again and again. */
struct side {
    /* What net/lane/side.h uses for each frame, in one cache line. */
    struct descriptor *ring;
    uint8_t *frames;
    uint64_t next;  /* runs free; done <= next <= done + slots - 1 */
    uint64_t limit; /* of a side queue: what next may become before side_renew is asked */
    uint32_t *put;  /* of a side queue: its core's bits of side queues to flush; */
    uint32_t bit;   /* its own */
    uint32_t last;  /* slot of a side queue's next frame: next & last */
    uint32_t slots; /* of the ring */
    uint16_t queue;
    bool is_running, is_feed;

    uint64_t told;      /* of a side queue: next when the tail was last written */
    uint64_t generated; /* frames made here: sent, held or dropped; of a side queue up to `told` */
    uint64_t done;      /* runs free */
    uint64_t sent_before; /* frames sent in earlier runs */
    const uint32_t *head;
    mmio_t tdt;
    uint32_t at, done_at; /* slot indices of `next` (a feed's) and `done` */
    uint64_t head_bad;
    uint64_t drops[DROP_COUNT];
    struct dma_buf ring_buf, frames_buf, head_buf;
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* The frame buffer of slot i. */
static inline uint8_t *side_frame(const struct side *side, uint32_t i)
{
    return side->frames + multiply(i, SLOT_STRIDE);
}

/* The slots of all lanes: SLOT_BYTES and SLOT_STRIDE, or the long ones. Set before a lane is opened. */
extern struct lane_slots {
    uint32_t bytes, stride;
} lane_slots;

/* The frame of slot i of a lane, for all but the loops. */
static inline wire_frame_t lane_frame(const struct lane *lane, uint32_t i)
{
    return wire_slot_of(lane->frames, i, lane_slots.stride);
}

/* The side queues by port and core, and each port's feeds by core (NULL: the application generates
 * nothing). Filled by side_open and feeds_open. */
extern struct side lanes_sides[PORTS_MAX][QUEUES_MAX];
extern struct side *lanes_feeds[PORTS_MAX];

static inline struct side *port_side(const struct port *port, unsigned core)
{
    return &lanes_sides[port->wire->index][core]; /* a VLAN's port has that of its wire */
}
static inline struct side *port_feeds(const struct port *port)
{
    return lanes_feeds[port->index];
}

/* Count a frame as dropped, or as consumed; the outcome that the slow handler returns. */
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

#define LANES_MAX (PORTS_MAX * (QUEUES_MAX + 1))

/* The lanes_n lanes that run_round polls, ordered by core: core c of lanes_cores owns the
 * lanes_per_core lanes from lanes[c * lanes_per_core] on. After them, from lanes[lanes_n] on, the
 * lanes_control_n control lanes (net/lane/control.h), which core 0 owns. Fixed before the loops
 * start. */
extern struct lane lanes[LANES_MAX];
extern unsigned lanes_n, lanes_per_core, lanes_cores, lanes_control_n;

static inline unsigned lanes_total(void)
{
    return lanes_n + lanes_control_n;
}

/* The lanes of one core, at least one, and its application's poll: one round of the core's loop
 * polls each lane once. Every SLOW_ROUND_EVERY-th round is a slow one, which also collects finished
 * frames from outputs whose inputs are idle. While the core has rare work (struct rare_work), every
 * round is a slow one. */
enum { SLOW_ROUND_EVERY = 128 };
struct core_lanes {
    struct lane *first;
    const struct lane *end;
    lane_poll *poll;         /* the application's */
    uint32_t rounds_to_slow; /* rounds up to and with the next slow one */
    unsigned core;
} __attribute__((aligned(CACHE_LINE_BYTES)));
extern struct core_lanes core_lanes[QUEUES_MAX];

/* Rare work of a core; while n > 0 every round is a slow one, so that the loop needs one test for
 * all kinds. A change takes effect in the next slow round. Written by the owner core only. */
struct rare_work {
    uint32_t n; /* lanes that drain, plus 1 while the core's tap is on */
    /* Set by net/lane/capture.c while its tap is on, else NULL. notes[i % LANE_BURST]: the fate of
     * the frame in slot i, if it took the slow path. side_sent: called for each frame sent by a
     * side queue. */
    struct lane_note *notes;
    void (*side_sent)(const struct port *port, const uint8_t *frame, uint32_t length);
} __attribute__((aligned(CACHE_LINE_BYTES)));
struct lane_note {
    uint16_t length; /* as received */
    uint16_t sent;   /* bytes handed to the output card; 0: none */
    uint16_t fate;   /* enum fate; FATE_FAST: nothing was noted */
};
extern struct rare_work rare_work[QUEUES_MAX];

#endif
