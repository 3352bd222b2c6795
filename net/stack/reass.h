/* SPDX-License-Identifier: BSD-2-Clause
 * Reassembly of datagrams for us (RFC 791 section 3.2, RFC 1122 section 3.3.2). A table of fixed
 * size; each slot has room for the largest possible datagram, so nothing is allocated and each
 * fragment is copied once, to its final place.
 *
 * If fragments contradict each other, the datagram and all its later fragments are dropped (RFC
 * 5722, which Linux applies to IPv4 too). Preferring the first or the last bytes would let a sender
 * show one datagram to a filter and another to us. A duplicate with the same bytes is not a
 * contradiction.
 *
 * A datagram must be complete within REASS_NS. If a new one finds no free slot, the oldest is
 * evicted; if its source already has REASS_SOURCE_MAX slots, the oldest of that source, so that one
 * host cannot evict all others. Pure; time is passed in as nanoseconds.
 */
#ifndef NET_STACK_REASS_H
#define NET_STACK_REASS_H

#include "arch/types.h"
#include "net/drops.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"

#define REASS_SLOTS      8u
#define REASS_SOURCE_MAX 4u                  /* slots that one source may have */
#define REASS_NS         60000000000ull      /* RFC 1122 section 3.3.2: 60 to 120 s, fixed */
#define REASS_BYTES      (65535u - IP_BYTES) /* the largest payload of a datagram */
#define REASS_QUOTE      (ETH_BYTES + 548u)  /* what an ICMP error can quote */

struct reass_slot {
    enum { REASS_FREE, REASS_COLLECTING, REASS_REFUSED } state;
    uint32_t src, dst;
    uint16_t id;
    uint8_t protocol;
    uint8_t tos, ttl; /* from the first fragment */
    uint64_t began_ns;
    uint32_t frames;            /* fragments held */
    uint32_t end;               /* payload bytes of the datagram; 0: the last fragment is missing */
    uint32_t top;               /* highest end of a fragment */
    uint32_t blocks;            /* 8-byte blocks present */
    uint32_t first_bytes;       /* of `first`; 0: the first fragment is missing */
    void *way;                  /* reass_add's argument for the first fragment */
    uint8_t first[REASS_QUOTE]; /* start of its frame, from the Ethernet header on */
    uint8_t have[(REASS_BYTES + 63) / 64]; /* a bit for each block */
    uint8_t data[65536];
};

struct reass {
    uint32_t held; /* fragments in all slots: frames received and not counted yet */
    struct reass_slot slots[REASS_SLOTS];
};

/* Add a fragment: a frame whose header ip_parse found valid. `way` is kept with the first fragment,
 * for the answer or error. Returns NULL if the fragment is held or was counted, as *fate says: a
 * duplicate in *consumed, a contradiction or an evicted datagram in drops, with all its fragments.
 * Otherwise returns the slot of the datagram that is now complete, with `end` bytes in data; the
 * caller counts its slot->frames frames, this one included, and calls reass_free. */
struct reass_slot *reass_add(struct reass *reass, const struct ip_view *ip, const uint8_t *frame,
                             void *way, uint64_t now_ns, uint64_t *consumed,
                             uint64_t drops[DROP_COUNT], uint32_t *fate);

/* A slot that has timed out, or NULL. The caller counts its frames and calls reass_free. */
struct reass_slot *reass_expired(struct reass *reass, uint64_t now_ns);

/* Free the slot, whose frames the caller has counted. */
void reass_free(struct reass *reass, struct reass_slot *slot);

#endif
