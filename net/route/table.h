/* SPDX-License-Identifier: BSD-2-Clause
 * The routing table: which next hop an address has, by the longest prefix that holds it. DIR-24-8
 * (Gupta, Lin, McKeown, INFOCOM 1998): one entry for each value of an address's first three bytes,
 * and a group of 256 where a prefix is longer than that. Pure. Read next: net/route/router.h, which
 * fills it, and net/app/route.c, whose loop reads it.
 *
 * An entry is 16 bits, and read and written whole:
 *
 *     0 hhhhhhhhh dddddd     next hop h, by a route of d bits; 0: there is no route
 *     1 ggggggggggggggg      group g decides by the last byte
 *
 * Core 0 alone writes, on command or when a neighbour comes or goes; the loops of all cores read
 * meanwhile and take no lock. It works because each store makes one address's old answer into its
 * new one, and because a group or next hop that nobody points at any more is used for something else
 * only after every core has been seen outside of its loop: see routes_reclaim.
 */
#ifndef NET_ROUTE_TABLE_H
#define NET_ROUTE_TABLE_H

#include "arch/types.h"

#define ROUTE_DEPTH        0x003Fu /* of an entry: the route's bits */
#define ROUTE_HOP          0x7FC0u /* of an entry: the next hop, times 64, the size of one */
#define ROUTE_GROUP        0x8000u
#define ROUTE_FIRST        (1u << 24)
#define ROUTE_HOPS         512u
#define ROUTE_PORT_HOPS    64u /* next hops p * 64 to p * 64 + 63 are behind port p */
#define ROUTE_PORT_HOP     0x0FC0u /* the part of ROUTE_HOP that counts a port's */
#define ROUTE_PORT_ENTRIES (ROUTE_PORT_HOPS * 64) /* so their entries are a range of so many */
#define ROUTE_GROUPS_MAX   0x8000u

/* What the loops read of a next hop: both MAC addresses as they stand in a frame. */
struct route_hop {
    uint64_t macs;     /* its MAC address, then the first two bytes of ours */
    int64_t bytes_max; /* that a frame for it may have behind plain headers; below 0: none may go, its
                        * address is not known */
    uint32_t our_mac;  /* the last four bytes of ours */
} __attribute__((aligned(CACHE_LINE_BYTES)));
static_assert(sizeof(struct route_hop) == 64, "an entry's hop field is an offset");
#define ROUTE_PLAIN_HEADERS 34u /* Ethernet and IPv4 without options */

/* Everything that the loops read, on a multiple of ROUTE_ALIGN: so the low 16 bits of the address of
 * a port's first next hop are the first entry that leads to that port, and one XOR of an entry with
 * the address tells whether it does, and where. */
struct route_table {
    uint16_t first[ROUTE_FIRST];
    struct route_hop hops[ROUTE_HOPS];
    struct route_hop nowhere[ROUTE_PORT_HOPS]; /* never known: for lanes that lead to no port */
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
    uint32_t groups_max, groups_n; /* of these, 0..groups_n - 1 have been used once */
    uint16_t groups_free;          /* a list through entry 0 of each; ROUTE_NONE ends it */
    uint16_t retired[64];          /* groups not pointed at, but a loop may still be looking */
    uint32_t retired_n;
    struct route_rule *rules;      /* open addressing */
    uint32_t slots, n;             /* slots: a power of two; at most half of them are used */
    uint32_t n_by_bits[33];
    /* The change under way: entries from `next` to `last` with at most `depth` bits of their own
     * become `entry`. */
    struct {
        uint32_t next, last;
        uint16_t entry;
        uint8_t depth;
        bool is_on, is_exact; /* exact: only entries of exactly `depth` bits */
    } change;
};
#define ROUTE_NONE 0xFFFFu

/* Memory for so many routes and groups; and begin in it (zeroed, on a multiple of ROUTE_ALIGN). */
size_t routes_bytes(uint32_t rules_max, uint32_t groups_max);
void routes_init(struct routes *r, void *memory, uint32_t rules_max, uint32_t groups_max);

/* An entry with ROUTE_GROUP, by the last byte of an address. */
static inline uint16_t route_group_entry(const struct route_table *table, uint16_t entry,
                                         uint8_t last)
{
    return __atomic_load_n(&table->groups[entry & ~ROUTE_GROUP][last], __ATOMIC_RELAXED);
}
/* The entry that decides for an address; never one with ROUTE_GROUP. Any core. */
static inline uint16_t route_entry(const struct route_table *table, uint32_t ip)
{
    uint16_t entry = __atomic_load_n(&table->first[ip >> 8], __ATOMIC_RELAXED);

    return entry & ROUTE_GROUP ? route_group_entry(table, entry, (uint8_t)ip) : entry;
}
static inline unsigned route_hop_of(uint16_t entry)
{
    return (entry & ROUTE_HOP) / 64;
}

/* The rule of exactly this prefix; NULL: there is none. */
const struct route_rule *routes_find(const struct routes *r, uint32_t prefix, unsigned bits);

/* Add or change a route / take one away. The bits behind the prefix are 0. NULL: the change has
 * begun, and routes_work ends it; one at a time, but for routes of more than 24 bits, which are
 * changed at once and at any time. Else why not, in a few words. Core 0. */
const char *routes_set(struct routes *r, uint32_t prefix, unsigned bits, unsigned hop);
const char *routes_clear(struct routes *r, uint32_t prefix, unsigned bits);

/* Go on with a change, for about `budget` entries. True: nothing is left to do. */
bool routes_work(struct routes *r, uint32_t budget);

/* Every core has been outside of its loop since the last change was done: what was retired may be
 * used again. Call only if routes_have_retired. */
void routes_reclaim(struct routes *r);
static inline bool routes_have_retired(const struct routes *r)
{
    return r->retired_n != 0;
}

#endif
