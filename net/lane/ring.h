/* SPDX-License-Identifier: BSD-2-Clause
 * What a lane is, and a side queue: rings of slots between cards, and what is counted about them.
 *
 * A lane is one receive queue of a port and one transmit queue of a port (the same or another), on
 * one ring of legacy descriptors and one row of buffers that both queues share. Slot i is
 *
 *     given to Rx -> Rx done (DD) -> handled in place -> given to Tx -> Tx done -> given to Rx
 *     by RDT         by the card     by the core         by TDT         by the card (head word)
 *
 * and its descriptor's address points at buffer i for ever; turning a received frame into a sent
 * one is a single 8-byte store. Positions run free and are masked at use:
 * done <= next <= done + LANE_SLOTS - 1.
 */
#ifndef NET_LANE_RING_H
#define NET_LANE_RING_H

#include "drivers/nic.h"
#include "net/drops.h"

#ifndef LANE_SLOTS /* tests/bench sets others, for a curve over the ring's size */
#define LANE_SLOTS 512u
#endif
#define LANE_BURST 32u /* frames between two writes of the tail; LANE_SLOTS is a multiple */
#define LANE_GROUP 8u  /* frames that one look at the last of them finds done; divides LANE_BURST */
#define SIDE_SLOTS 64u
#define SIDE_QUEUES 32u /* first transmit queue of side queues; lanes have those below */
#define FEED_QUEUES 16u /* first transmit queue of feeds; lanes have the 16 below */

/* Counters of one lane; written by its owner core alone, read by anybody. The common frame,
 * received and sent as long as it came, costs one addition; the others are counted as they differ
 * from it. */
struct lane_counters {
    uint64_t rx_bytes;
    uint64_t unsent;       /* received frames that were not handed to the output card */
    uint64_t unsent_bytes; /* bytes received less bytes handed on; wraps where replies grow */
    uint64_t consumed;     /* of unsent: taken by this machine (ARP, replies to our pings, ...) */
    uint64_t head_bad;     /* head words outside what was sent; ignored */
    uint64_t tx_lost;      /* handed to the output card, then a drop when the lane stopped */
    uint64_t drops[DROP_COUNT];
};

/* What an application's fast handler needs to know, put there by its start. */
struct lane_app {
    uint64_t a, b;
};

struct lane {
    /* What every poll reads; one cache line. A lane that does not run is parked: slot and head then
     * point at words that never change, so that the loop need not ask. */
    struct descriptor *slot; /* the next one to look at */
    const uint32_t *head;    /* written by the output card: index of the next slot it will send */
    uint32_t head_seen;      /* its last value that made sense */
    uint32_t done;           /* runs free: the next slot that the output card has not finished */
    uint64_t next;           /* runs free: index of `slot` */
    mmio_t rdt, tdt;         /* the two tail registers */
    struct lane_app app;

    struct lane_counters count __attribute__((aligned(CACHE_LINE_BYTES)));

    /* Slow state; the owner core alone writes it. */
    struct descriptor *ring;  /* on a multiple of its size */
    uint8_t *frames;          /* slot i at frames + i * SLOT_BYTES */
    struct port *in, *out;    /* equal for an echo, and for a sink */
    struct netif *netif;      /* the stack of `in` on this core; NULL: none */
    uint64_t received_before; /* frames of earlier runs: next starts at 0 in each */
    uint16_t core;            /* its owner: receive and transmit queue have the same number */
    bool is_sink;             /* frames end here: no transmit queue; `head` then points at `taken` */
    uint32_t taken;           /* of a sink: index of the next slot that is not handled */
    enum lane_state {
        LANE_PARKED,   /* no queue is live */
        LANE_RUNNING,  /* both are */
        LANE_DRAINING, /* no output: receive is live, frames are counted and dropped */
    } state;
    struct dma_buf ring_buf, frames_buf, head_buf;
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* A transmit ring of a port for one core, filled by software: the side queue, small, for what did
 * not come in by a lane that leads there; and the generator's feed, LANE_SLOTS long, whose frames
 * stay in their slots. */
struct side {
    struct descriptor *ring;
    uint8_t *frames;
    const uint32_t *head;
    mmio_t tdt;
    uint32_t at, done_at;   /* the slots of `next` and `done` */
    uint64_t next, done;    /* run free; done <= next <= done + slots - 1 */
    uint64_t sent_before;   /* frames of earlier runs that went out */
    uint64_t generated;     /* frames made here: sent, held or dropped */
    uint64_t tx_bytes;
    uint64_t head_bad;
    uint64_t drops[DROP_COUNT];
    uint32_t slots; /* of the ring */
    uint16_t queue;
    bool is_running, is_feed;
    struct dma_buf ring_buf, frames_buf, head_buf;
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* Each port's side queue for each core; and the feeds of the ports, one for each core in use. NULL: no
 * port generates. Filled by side_open and feeds_open. */
extern struct side lanes_sides[PORTS_MAX][QUEUES_MAX];
extern struct side *lanes_feeds[PORTS_MAX];

static inline struct side *port_side(const struct port *port, unsigned core)
{
    return &lanes_sides[port->index][core];
}
static inline struct side *port_feeds(const struct port *port)
{
    return lanes_feeds[port->index];
}

#define LANES_MAX (PORTS_MAX * QUEUES_MAX)

/* All lanes, those of one core beside each other: core c of lanes_cores owns the lanes_per_core lanes
 * from lanes[c * lanes_per_core] on. Fixed before the loops start. */
extern struct lane lanes[LANES_MAX];
extern unsigned lanes_n, lanes_per_core, lanes_cores;

struct core_lanes;
typedef uint32_t lane_poll(const struct core_lanes *own);

/* The lanes of one core, at least one, and its application's poll: one round of the core's loop
 * polls each lane once. Every SLOW_ROUND_EVERY-th round is a slow one, which also collects finished
 * frames from outputs whose inputs are idle. While the core has rare work (rare_work in
 * net/lane/lane_control.h), every round is a slow one. */
enum { SLOW_ROUND_EVERY = 128 };
struct core_lanes {
    struct lane *first;
    const struct lane *end;
    lane_poll *poll; /* the application's */
    uint32_t rounds_to_slow; /* rounds up to and with the next slow one */
    unsigned core;
} __attribute__((aligned(CACHE_LINE_BYTES)));
extern struct core_lanes core_lanes[QUEUES_MAX];

#endif
