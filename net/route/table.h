/* SPDX-License-Identifier: BSD-2-Clause
 * The routing table: the next hop of an address, by longest prefix match. DIR-24-8 (Gupta, Lin,
 * McKeown, INFOCOM 1998): one entry for each value of an address's first three bytes, and a group
 * of 256 entries where a prefix is longer than 24 bits. Pure. Read next: net/route/router.h, which
 * fills it, and net/app/route.c, whose loop reads it.
 *
 * An entry is read and written whole. One of `first` has 16 bits, one of a group 32 bits, and so a
 * group may lead to any next hop, `first` only to the first 64 of each port:
 *
 *     0 ppp hhhhhh dddddd    next hop h of port p, by a route of d bits; 0: no route
 *     1 ggggggggggggggg      look up the last byte in group g
 *
 *     h..h dddddd            of a group: next hop h of all
 *
 * Only core 0 writes, on command or when a neighbour is found or lost; the loops of all cores read
 * meanwhile, without a lock. Each store replaces an old answer by the new one atomically, and a
 * group or next hop that is no longer referred to is reused only after a grace period
 * (kernel/grace.h): see routes_reclaim.
 */
#ifndef NET_ROUTE_TABLE_H
#define NET_ROUTE_TABLE_H

#include "arch/types.h"

#define ROUTE_DEPTH        0x003Fu /* of an entry: the prefix length of its route */
#define ROUTE_GROUP        0x8000u
#define ROUTE_FIRST        (1u << 24)
#define ROUTE_NEAR_HOPS    64u   /* of a port: those that entries of `first` can refer to */
#define ROUTE_FAR_HOPS     4096u /* its others */
#define ROUTE_PORT_HOPS    (ROUTE_NEAR_HOPS + ROUTE_FAR_HOPS) /* next hops of port p: from p * this */
#define ROUTE_HOPS         (8 * ROUTE_PORT_HOPS)
#define ROUTE_PORT_HOP     0x0FC0u /* of an entry of `first`: hop within its port * 64 */
#define ROUTE_PORT_ENTRIES (ROUTE_NEAR_HOPS * 64) /* the range of a port's entries in `first` */
#define ROUTE_PORT_BYTES   (ROUTE_PORT_HOPS * 64) /* and in groups: the bytes of its next hops */
#define ROUTE_GROUPS_MAX   0x8000u

/* What the loops read of a next hop: both MAC addresses as in a frame's header. */
struct route_hop {
    uint64_t macs;     /* its MAC address, then the first two bytes of the port's */
    int64_t bytes_max; /* frame bytes allowed after plain headers; below 0: no address yet */
    uint32_t our_mac;  /* the last four bytes of the port's */
} __attribute__((aligned(CACHE_LINE_BYTES)));
static_assert(sizeof(struct route_hop) == 64, "an entry's hop field is an offset");
#define ROUTE_PLAIN_HEADERS 34u /* Ethernet and IPv4 without options */

/* Everything that the loops read, aligned to ROUTE_ALIGN. The next hops of a port take 0x41000 bytes.
 * So the low 16 bits of the address of port p's first next hop are p * 0x1000, which is also the
 * first entry of that port, and one XOR of an entry with the address shows whether the entry is of
 * that port, and its offset. In a group, the first entry of a port is those bits times 0x41. */
struct route_table {
    uint16_t first[ROUTE_FIRST];
    struct route_hop hops[ROUTE_HOPS];
    struct route_hop nowhere[ROUTE_NEAR_HOPS]; /* never known: for lanes without an output port */
    uint32_t (*groups)[256];                   /* never changes */
};
#define ROUTE_ALIGN 0x10000u
static_assert(offsetof(struct route_table, hops) % ROUTE_ALIGN == 0, "entries match addresses");
static_assert(ROUTE_PORT_BYTES == 0x41 * ROUTE_PORT_ENTRIES &&
                  ROUTE_PORT_BYTES % ROUTE_ALIGN == ROUTE_PORT_ENTRIES,
              "the same for each port");
#define ROUTE_GROUP_FACTOR 0x41u

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
    /* A queue of unused groups that a loop may still be reading, with room for all groups. Positions
     * run free: retired_out up to retired_graced await the end of the grace period that has begun,
     * those up to retired_in the next one. */
    uint16_t *retired;
    uint32_t retired_mask; /* their number - 1; a power of two - 1 */
    uint32_t retired_in, retired_graced, retired_out;
    struct route_rule *rules; /* open addressing */
    uint32_t slots, n;        /* slots: a power of two; at most half of them are used */
    uint32_t n_by_bits[33];
    /* The change in progress: entries from `next` to `last` whose route has at most `depth` bits
     * become `entry`. */
    struct {
        uint32_t next, last;
        uint32_t entry; /* as in a group */
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
static inline uint32_t route_group_entry(const struct route_table *table, uint16_t entry,
                                         uint8_t last)
{
    return __atomic_load_n(&table->groups[entry & ~ROUTE_GROUP][last], __ATOMIC_RELAXED);
}
/* An entry of `first` without ROUTE_GROUP as it is in a group, and back. */
static inline uint32_t route_wide(uint16_t entry)
{
    uint32_t in_port = entry & (ROUTE_PORT_ENTRIES - 1);
    return (entry - in_port) * ROUTE_GROUP_FACTOR + in_port;
}
static inline uint16_t route_narrow(uint32_t entry)
{
    return (uint16_t)(entry / ROUTE_PORT_BYTES * ROUTE_PORT_ENTRIES + entry % ROUTE_PORT_BYTES);
}
/* The entry of an address, as in a group. Any core. */
static inline uint32_t route_entry(const struct route_table *table, uint32_t ip)
{
    uint16_t entry = __atomic_load_n(&table->first[ip >> 8], __ATOMIC_RELAXED);

    return entry & ROUTE_GROUP ? route_group_entry(table, entry, (uint8_t)ip) : route_wide(entry);
}
static inline unsigned route_hop_of(uint32_t entry)
{
    return entry / 64;
}
static inline bool route_hop_is_near(unsigned hop)
{
    return hop % ROUTE_PORT_HOPS < ROUTE_NEAR_HOPS;
}

/* The rule of exactly this prefix; NULL: none. */
const struct route_rule *routes_find(const struct routes *r, uint32_t prefix, unsigned bits);

/* Add or change a route; remove one. The bits after the prefix are 0; one of up to 24 bits needs a
 * near next hop. NULL: the change has begun,
 * and routes_work completes it. Only one may be in progress; routes longer than 24 bits are changed
 * at once, at any time. Else the error as text. Core 0. */
const char *routes_set(struct routes *r, uint32_t prefix, unsigned bits, unsigned hop);
const char *routes_clear(struct routes *r, uint32_t prefix, unsigned bits);

/* Continue a change for about `budget` entries, of some 11 instructions each (a group counts as 256).
 * True: it is complete. */
bool routes_work(struct routes *r, uint32_t budget);

/* Groups that are not used any more await a grace period, which begins with routes_begin_grace, to be
 * called when no change is in progress. After its end each routes_reclaim makes up to ROUTE_RECLAIM of
 * them available again; true: all for which it was. */
#define ROUTE_RECLAIM 256u
void routes_begin_grace(struct routes *r);
bool routes_reclaim(struct routes *r);
static inline bool routes_have_retired(const struct routes *r)
{
    return r->retired_in != r->retired_out;
}

#endif
