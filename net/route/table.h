/* SPDX-License-Identifier: BSD-2-Clause
 * The routing table: the next hop of an address, by longest prefix match. DIR-24-8 (Gupta, Lin,
 * McKeown, INFOCOM 1998): one entry for each value of an address's first three bytes, and a group
 * of 256 entries where a prefix is longer than 24 bits. Pure. Read next: net/route/router.h, which
 * fills it, and net/app/route.c, whose loop reads it.
 *
 * An entry has 16 bits and is read and written whole:
 *
 *     0 hhhhhhhhh dddddd     next hop h, by a route of d bits; 0: no route
 *     1 ggggggggggggggg      look up the last byte in group g
 *
 * Only core 0 writes, on command or when a neighbour is found or lost; the loops of all cores read
 * meanwhile, without a lock. Each store replaces an old answer by the new one atomically, and a
 * group or next hop that is no longer referred to is reused only after a grace period, in which
 * every core has been outside of its loop: see routes_reclaim.
 */
#ifndef NET_ROUTE_TABLE_H
#define NET_ROUTE_TABLE_H

#include "arch/types.h"

#define ROUTE_DEPTH        0x003Fu /* of an entry: the prefix length of its route */
#define ROUTE_HOP          0x7FC0u /* of an entry: next hop * 64, its offset in hops[] */
#define ROUTE_GROUP        0x8000u
#define ROUTE_FIRST        (1u << 24)
#define ROUTE_HOPS         512u
#define ROUTE_PORT_HOPS    64u     /* next hops p * 64 to p * 64 + 63 belong to port p */
#define ROUTE_PORT_HOP     0x0FC0u /* the part of ROUTE_HOP within a port */
#define ROUTE_PORT_ENTRIES (ROUTE_PORT_HOPS * 64) /* the range of a port's entries */
#define ROUTE_GROUPS_MAX   0x8000u

/* What the loops read of a next hop: both MAC addresses as in a frame's header. */
struct route_hop {
    uint64_t macs;     /* its MAC address, then the first two bytes of the port's */
    int64_t bytes_max; /* frame bytes allowed after plain headers; below 0: no address yet */
    uint32_t our_mac;  /* the last four bytes of the port's */
} __attribute__((aligned(CACHE_LINE_BYTES)));
static_assert(sizeof(struct route_hop) == 64, "an entry's hop field is an offset");
#define ROUTE_PLAIN_HEADERS 34u /* Ethernet and IPv4 without options */

/* Everything that the loops read, aligned to ROUTE_ALIGN. So the low 16 bits of the address of a
 * port's first next hop equal the first entry of that port, and one XOR of an entry with the
 * address shows whether the entry is of that port, and its offset. */
struct route_table {
    uint16_t first[ROUTE_FIRST];
    struct route_hop hops[ROUTE_HOPS];
    struct route_hop nowhere[ROUTE_PORT_HOPS]; /* never known: for lanes without an output port */
    uint16_t (*groups)[256];                   /* never changes */
};
#define ROUTE_ALIGN 0x10000u
static_assert(offsetof(struct route_table, hops) % ROUTE_ALIGN == 0, "entries match addresses");

struct route_rule {
    uint32_t prefix;
    uint16_t hop;
    uint8_t bits;
    bool is_used;
};

struct routes {
    struct route_table *table;
    uint32_t groups_max, groups_n; /* 0..groups_n - 1 have been used at least once */
    uint16_t groups_free;          /* free list, linked through entry 0; ROUTE_NONE ends it */
    uint16_t *retired;             /* unused groups that a loop may still be reading */
    uint32_t retired_n;
    struct route_rule *rules; /* open addressing */
    uint32_t slots, n;        /* slots: a power of two; at most half of them are used */
    uint32_t n_by_bits[33];
    /* The change in progress: entries from `next` to `last` whose route has at most `depth` bits
     * become `entry`. */
    struct {
        uint32_t next, last;
        uint16_t entry;
        uint8_t depth;
        bool is_on, is_exact; /* exact: only entries of exactly `depth` bits */
    } change;
};
#define ROUTE_NONE 0xFFFFu

/* The memory needed for so many routes and groups, in bytes; initialize the table in such memory
 * (zeroed, aligned to ROUTE_ALIGN), which it uses from then on. */
size_t routes_bytes(uint32_t rules_max, uint32_t groups_max);
void routes_init(struct routes *r, void *memory, uint32_t rules_max, uint32_t groups_max);

/* The entry of an address's last byte in the group of `entry`, which has ROUTE_GROUP set. */
static inline uint16_t route_group_entry(const struct route_table *table, uint16_t entry,
                                         uint8_t last)
{
    return __atomic_load_n(&table->groups[entry & ~ROUTE_GROUP][last], __ATOMIC_RELAXED);
}
/* The entry of an address, without ROUTE_GROUP. Any core. */
static inline uint16_t route_entry(const struct route_table *table, uint32_t ip)
{
    uint16_t entry = __atomic_load_n(&table->first[ip >> 8], __ATOMIC_RELAXED);

    return entry & ROUTE_GROUP ? route_group_entry(table, entry, (uint8_t)ip) : entry;
}
static inline unsigned route_hop_of(uint16_t entry)
{
    return (entry & ROUTE_HOP) / 64;
}

/* The rule of exactly this prefix; NULL: none. */
const struct route_rule *routes_find(const struct routes *r, uint32_t prefix, unsigned bits);

/* Add or change a route; remove one. The bits after the prefix are 0. NULL: the change has begun,
 * and routes_work completes it. Only one may be in progress; routes longer than 24 bits are changed
 * at once, at any time. Else the error as text. Core 0. */
const char *routes_set(struct routes *r, uint32_t prefix, unsigned bits, unsigned hop);
const char *routes_clear(struct routes *r, uint32_t prefix, unsigned bits);

/* Continue a change for about `budget` entries. True: it is complete. */
bool routes_work(struct routes *r, uint32_t budget);

/* End of a grace period: every core has been outside of its loop since the last change was
 * complete. Retired groups become free. Call only if routes_have_retired. */
void routes_reclaim(struct routes *r);
static inline bool routes_have_retired(const struct routes *r)
{
    return r->retired_n != 0;
}

#endif
