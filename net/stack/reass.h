/* SPDX-License-Identifier: BSD-2-Clause
 * Datagrams for us that come in fragments (RFC 791 section 3.2, RFC 1122 section 3.3.2). A table of
 * fixed size; each slot has room for the largest datagram there is, so that nothing is allocated
 * and a fragment is written once, to where it belongs.
 *
 * Fragments that contradict each other end their datagram and whatever else of it comes in (RFC
 * 5722, which Linux applies to IPv4 too). To prefer the first bytes or the last would let a sender
 * show one datagram to a filter and another to us. The same bytes once more are no contradiction:
 * wires repeat frames.
 *
 * A datagram has REASS_NS to come together. Where a new one finds no slot, the oldest gives way: of
 * the same source, if that has its share already, so that no host alone can push out all others.
 * Pure; time comes in as nanoseconds.
 */
#ifndef NET_STACK_REASS_H
#define NET_STACK_REASS_H

#include "arch/types.h"
#include "net/drops.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"

#define REASS_SLOTS      8u
#define REASS_SOURCE_MAX 4u                    /* slots that one source may have */
#define REASS_NS         60000000000ull        /* RFC 1122 section 3.3.2: 60 to 120 s, fixed */
#define REASS_BYTES      (65535u - IP_BYTES)   /* the largest payload of a datagram */
#define REASS_QUOTE      (ETH_BYTES + 548u)    /* what an ICMP error can quote */

struct reass_slot {
    enum { REASS_FREE, REASS_GATHERS, REASS_REFUSED } state;
    uint32_t src, dst;
    uint16_t id;
    uint8_t protocol;
    uint8_t tos, ttl;  /* of the first fragment */
    uint64_t began_ns;
    uint32_t frames;   /* fragments taken */
    uint32_t end;      /* payload bytes of the datagram; 0: the last fragment is still to come */
    uint32_t top;      /* where the fragment that reaches farthest ends */
    uint32_t blocks;   /* of 8 bytes, that are there */
    uint32_t first_bytes;        /* of `first`; 0: the first fragment is still to come */
    void *way;                   /* of `first`: as reass_add was told */
    uint8_t first[REASS_QUOTE];  /* its beginning, Ethernet header and all */
    uint8_t have[(REASS_BYTES + 63) / 64]; /* a bit for each block */
    uint8_t data[65536];
};

struct reass {
    uint32_t held; /* fragments in all slots: frames that came in and are not yet settled */
    struct reass_slot slots[REASS_SLOTS];
};

/* Take a fragment: the frame, whose header ip_parse found good; `way` is kept with the first one, so
 * that its sender can be told. NULL: it is held, or settled, as *fate says (enum fate): a
 * repetition is counted in *consumed; in drops, it, and others of the datagram or of one that gave
 * way. Else the slot of the datagram that it completes: `end` bytes in data, slot->frames frames
 * (of which this is one) that the caller settles; then reass_free. */
struct reass_slot *reass_add(struct reass *reass, const struct ip_view *ip, const uint8_t *frame,
                             void *way, uint64_t now_ns, uint64_t *consumed,
                             uint64_t drops[DROP_COUNT], uint32_t *fate);

/* A slot whose time is over, or NULL. The caller settles its frames, then reass_free. */
struct reass_slot *reass_expired(struct reass *reass, uint64_t now_ns);

/* Its frames are settled, the slot is free. */
void reass_free(struct reass *reass, struct reass_slot *slot);

#endif
