/* SPDX-License-Identifier: BSD-2-Clause
 * The frames of one core that wait until their next hop's MAC address is known: for each neighbour the
 * newest (RFC 1122 section 2.3.2.2 wants one at least). They are found by their neighbour, and stand
 * in the order in which they came: when there is no free place, the oldest gives way. Every function
 * but waiting_init takes the same time however many wait. Read next: net/route/router.c, which counts
 * what becomes of a frame.
 */
#ifndef NET_ROUTE_WAITING_H
#define NET_ROUTE_WAITING_H

#include "arch/types.h"

struct port;

/* A place. Links to others are their numbers plus 1; 0: none. */
struct waiting {
    uint64_t since_ns; /* the frame came */
    uint64_t asked_ns; /* core 0 was told of it */
    struct port *in, *out;
    uint8_t *frame;  /* WAITING_BYTES */
    uint32_t length; /* 0: the place is free */
    uint32_t next;   /* the neighbour, at `out` */
    unsigned hop; /* that of the route if it has a gateway; 0: the neighbour is the destination */
    uint32_t chain;
    uint32_t before, after; /* the next older and newer one */
};
#define WAITING_BYTES 2048u

struct waiting_frames {
    struct waiting *places;
    uint32_t *heads; /* hash chains: a power of two */
    unsigned shift;  /* of the hash: 32 - their bits */
    uint32_t factor; /* of the hash, odd and random, see arp_extend */
    uint32_t max;    /* places */
    uint32_t used;   /* places used since none was */
    uint32_t n;      /* frames. Core 0 reads it too */
    uint32_t oldest, newest, free;
};

/* The memory for n places (1 to 2^20), in bytes: zeroed; and for their frames: of any contents. */
size_t waiting_bytes(uint32_t n);
static inline size_t waiting_frame_bytes(uint32_t n)
{
    return (size_t)n * WAITING_BYTES;
}
void waiting_init(struct waiting_frames *all, void *memory, uint8_t *frames, uint32_t n,
                  uint32_t factor);

/* The frame that waits for this neighbour; NULL: none does. */
struct waiting *waiting_find(const struct waiting_frames *all, const struct port *out,
                             uint32_t next);

/* A place for a frame for this neighbour, with out, next and frame set; the caller sets the rest. In
 * *lost: the port that had received the frame that gave way, which the caller counts; NULL: none
 * did. */
struct waiting *waiting_add(struct waiting_frames *all, struct port *out, uint32_t next,
                            struct port **lost);

/* The frame does not wait any more; its bytes stay until the next waiting_add. */
void waiting_remove(struct waiting_frames *all, struct waiting *frame);

/* How many wait. Any core. */
static inline uint32_t waiting_n(const struct waiting_frames *all)
{
    return __atomic_load_n(&all->n, __ATOMIC_ACQUIRE);
}

#endif
