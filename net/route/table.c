/* SPDX-License-Identifier: BSD-2-Clause
 * The routing table; see table.h. Rules are kept in a hash table, looked up by exact prefix; the
 * rule that covers a prefix is found by looking up each shorter length.
 */
#include "net/route/table.h"

#include "kernel/lib/str.h"
#include "net/stack/ip.h"

/* ---- Rules ---- */

static uint32_t slots_for(uint32_t rules_max)
{
    uint32_t slots = 1024;

    while (slots / 2 < rules_max)
        slots *= 2;
    return slots;
}

/* The first slot of a rule: a multiplicative hash by an odd number near 2^32 / phi. */
static uint32_t home_of(const struct routes *r, uint32_t prefix, unsigned bits)
{
    uint32_t h = (prefix ^ bits) * 0x9E3779B1u;
    return (h ^ h >> 15) & (r->slots - 1);
}

static struct route_rule *slot_of(const struct routes *r, uint32_t prefix, unsigned bits)
{
    uint32_t i = home_of(r, prefix, bits);

    while (r->rules[i].is_used && (r->rules[i].prefix != prefix || r->rules[i].bits != bits))
        i = (i + 1) & (r->slots - 1);
    return &r->rules[i];
}

const struct route_rule *routes_find(const struct routes *r, uint32_t prefix, unsigned bits)
{
    const struct route_rule *rule = slot_of(r, prefix, bits);
    return rule->is_used ? rule : NULL;
}

/* Remove a rule and move the following ones up, so that no search ends at the gap. */
static void delete_rule(struct routes *r, struct route_rule *rule)
{
    uint32_t mask = r->slots - 1, gap = (uint32_t)(rule - r->rules);

    for (uint32_t i = (gap + 1) & mask; r->rules[i].is_used; i = (i + 1) & mask) {
        uint32_t home = home_of(r, r->rules[i].prefix, r->rules[i].bits);
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            r->rules[gap] = r->rules[i];
            gap = i;
        }
    }
    r->rules[gap].is_used = false;
}

/* The entry of the longest shorter route that covers the prefix; 0: none. */
static uint32_t covering(const struct routes *r, uint32_t prefix, unsigned bits)
{
    while (bits-- > 0) {
        const struct route_rule *rule = routes_find(r, prefix & ip_mask(bits), bits);
        if (rule)
            return rule->hop * 64u | bits;
    }
    return 0;
}

/* ---- Entries ---- */

/* After the group or next hop that it refers to. */
static void put(uint16_t *at, uint16_t entry)
{
    __atomic_store_n(at, entry, __ATOMIC_RELEASE);
}
static void put_in_group(uint32_t *at, uint32_t entry)
{
    __atomic_store_n(at, entry, __ATOMIC_RELEASE);
}

/* The group of ip's first three bytes, allocated if there is none. NULL: no group is left. */
static uint32_t *group_of(struct routes *r, uint32_t ip)
{
    uint16_t *at = &r->table->first[ip >> 8], g;

    if (*at & ROUTE_GROUP)
        return r->table->groups[*at & ~ROUTE_GROUP];
    if (r->groups_free != ROUTE_NONE) {
        g = r->groups_free;
        r->groups_free = (uint16_t)r->table->groups[g][0];
    } else if (r->groups_n < r->groups_max) {
        g = (uint16_t)r->groups_n++;
    } else {
        return NULL;
    }
    for (unsigned i = 0; i < 256; i++)
        r->table->groups[g][i] = route_wide(*at);
    put(at, ROUTE_GROUP | g);
    return r->table->groups[g];
}

/* Replace a group that has no routes longer than 24 bits by one entry. */
static void ungroup(struct routes *r, uint32_t ip)
{
    uint16_t *at = &r->table->first[ip >> 8];
    uint16_t g = *at & (uint16_t)~ROUTE_GROUP;

    if (!(*at & ROUTE_GROUP))
        return;
    for (unsigned i = 0; i < 256; i++)
        if ((r->table->groups[g][i] & ROUTE_DEPTH) > 24)
            return;
    put(at, route_narrow(r->table->groups[g][0]));
    r->retired[r->retired_in++ & r->retired_mask] = g; /* each group is in the queue once at most */
}

void routes_begin_grace(struct routes *r)
{
    r->retired_graced = r->retired_in;
}

bool routes_reclaim(struct routes *r)
{
    for (unsigned i = 0; i < ROUTE_RECLAIM && r->retired_out != r->retired_graced; i++) {
        uint16_t g = r->retired[r->retired_out++ & r->retired_mask];
        r->table->groups[g][0] = r->groups_free;
        r->groups_free = g;
    }
    return r->retired_out == r->retired_graced;
}

/* A change replaces the entries whose depth is from this to change.depth: one comparison checks both
 * bounds. */
static unsigned depth_least(const struct routes *r)
{
    return r->change.is_exact ? r->change.depth : 0;
}

/* Change up to n entries at `at`, as far as they are no groups. Returns how many it went through. */
static uint32_t change_run(const struct routes *r, uint16_t *at, uint32_t n)
{
    const uint16_t entry = route_narrow(r->change.entry);
    const unsigned least = depth_least(r), range = r->change.depth - least;
    uint32_t i = 0;

    for (; i < n && !(at[i] & ROUTE_GROUP); i++)
        if ((at[i] & ROUTE_DEPTH) - least <= range)
            put(&at[i], entry);
    return i;
}

static void change_group(const struct routes *r, uint32_t *group)
{
    const unsigned least = depth_least(r), range = r->change.depth - least;

    for (unsigned i = 0; i < 256; i++)
        if ((group[i] & ROUTE_DEPTH) - least <= range)
            put_in_group(&group[i], r->change.entry);
}

bool routes_work(struct routes *r, uint32_t budget)
{
    while (r->change.is_on && budget > 0) {
        uint16_t *at = &r->table->first[r->change.next];
        uint32_t left = r->change.last - r->change.next + 1, cost = 256, n = 1;

        if (*at & ROUTE_GROUP)
            change_group(r, r->table->groups[*at & ~ROUTE_GROUP]);
        else
            cost = n = change_run(r, at, MIN(left, budget));
        budget -= MIN(budget, cost);
        r->change.next += n;
        r->change.is_on = n < left;
    }
    return !r->change.is_on;
}

/* Begin the change of the prefix's entries with at most `bits` bits (is_exact: exactly) to
 * `entry`. */
static void begin(struct routes *r, uint32_t prefix, unsigned bits, uint32_t entry, bool is_exact)
{
    uint32_t last = prefix | ~ip_mask(bits);

    if (bits <= 24) {
        r->change.next = prefix >> 8;
        r->change.last = last >> 8;
        r->change.entry = entry;
        r->change.depth = (uint8_t)bits;
        r->change.is_exact = is_exact;
        r->change.is_on = true;
        return;
    }
    uint32_t *group = r->table->groups[r->table->first[prefix >> 8] & ~ROUTE_GROUP];
    for (uint32_t i = prefix & 0xFF; i <= (last & 0xFF); i++) {
        unsigned depth = group[i] & ROUTE_DEPTH;
        if (is_exact ? depth == bits : depth <= bits)
            put_in_group(&group[i], entry);
    }
}

const char *routes_set(struct routes *r, uint32_t prefix, unsigned bits, unsigned hop)
{
    struct route_rule *rule = slot_of(r, prefix, bits);

    if (bits <= 24 && !route_hop_is_near(hop))
        return "this next hop is for routes longer than 24 bits";
    if (bits <= 24 && r->change.is_on)
        return "another change is in progress";
    if (!rule->is_used && r->n >= r->slots / 2)
        return "the table is full";
    if (bits > 24 && !group_of(r, prefix))
        return "the table has no room for another route longer than 24 bits";
    if (!rule->is_used) {
        r->n++;
        r->n_by_bits[bits]++;
    }
    *rule = (struct route_rule){prefix, (uint16_t)hop, (uint8_t)bits, true};
    begin(r, prefix, bits, hop * 64 | bits, false);
    return NULL;
}

const char *routes_clear(struct routes *r, uint32_t prefix, unsigned bits)
{
    struct route_rule *rule = slot_of(r, prefix, bits);

    if (!rule->is_used)
        return "no such route";
    if (bits <= 24 && r->change.is_on)
        return "another change is in progress";
    delete_rule(r, rule);
    r->n--;
    r->n_by_bits[bits]--;
    begin(r, prefix, bits, covering(r, prefix, bits), true);
    if (bits > 24)
        ungroup(r, prefix);
    return NULL;
}

/* ---- Memory ---- */

/* Places in the queue of retired groups: room for them all. */
static uint32_t retired_places(uint32_t groups_max)
{
    uint32_t places = 1;

    while (places < groups_max)
        places *= 2;
    return places;
}

size_t routes_bytes(uint32_t rules_max, uint32_t groups_max)
{
    return sizeof(struct route_table) + (size_t)groups_max * sizeof(uint32_t[256]) +
           (size_t)slots_for(rules_max) * sizeof(struct route_rule) +
           (size_t)retired_places(groups_max) * sizeof(uint16_t);
}

void routes_init(struct routes *r, void *memory, uint32_t rules_max, uint32_t groups_max)
{
    memset(r, 0, sizeof(*r));
    r->table = memory;
    r->table->groups = (uint32_t(*)[256])(r->table + 1);
    for (unsigned i = 0; i < ROUTE_HOPS; i++)
        r->table->hops[i].bytes_max = -1;
    for (unsigned i = 0; i < ROUTE_NEAR_HOPS; i++)
        r->table->nowhere[i].bytes_max = -1;
    r->groups_max = groups_max;
    r->groups_free = ROUTE_NONE;
    r->slots = slots_for(rules_max);
    r->rules = (struct route_rule *)(r->table->groups + groups_max);
    r->retired = (uint16_t *)(r->rules + r->slots);
    r->retired_mask = retired_places(groups_max) - 1;
}
