/* SPDX-License-Identifier: BSD-2-Clause
 * Reassembly; see reass.h.
 */
#include "net/stack/reass.h"

#include "kernel/lib/str.h"

void reass_free(struct reass *reass, struct reass_slot *slot)
{
    reass->held -= slot->frames;
    slot->frames = 0;
    slot->state = REASS_FREE;
}

struct reass_slot *reass_expired(struct reass *reass, uint64_t now_ns)
{
    for (unsigned i = 0; i < REASS_SLOTS; i++)
        if (reass->slots[i].state != REASS_FREE && now_ns - reass->slots[i].began_ns >= REASS_NS)
            return &reass->slots[i];
    return NULL;
}

static bool is_of(const struct reass_slot *slot, const struct ip_view *ip, uint16_t id)
{
    return slot->state != REASS_FREE && slot->src == ip->src && slot->dst == ip->dst &&
           slot->id == id && slot->protocol == ip->protocol;
}

/* A slot for a new datagram: a free one, or the oldest, evicted. */
static struct reass_slot *make_room(struct reass *reass, uint32_t src, uint64_t drops[DROP_COUNT])
{
    struct reass_slot *free = NULL, *oldest = reass->slots, *of_source = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < REASS_SLOTS; i++) {
        struct reass_slot *slot = &reass->slots[i];
        if (slot->state == REASS_FREE) {
            free = slot;
            continue;
        }
        if (oldest->state == REASS_FREE || slot->began_ns < oldest->began_ns)
            oldest = slot;
        if (slot->src != src)
            continue;
        n++;
        if (of_source == NULL || slot->began_ns < of_source->began_ns)
            of_source = slot;
    }
    if (n < REASS_SOURCE_MAX && free != NULL)
        return free;
    struct reass_slot *slot = n < REASS_SOURCE_MAX ? oldest : of_source;
    drops[DROP_ip_evicted] += slot->frames;
    reass_free(reass, slot);
    return slot;
}

static void start(struct reass_slot *slot, const struct ip_view *ip, uint16_t id, uint64_t now_ns)
{
    slot->state = REASS_COLLECTING;
    slot->src = ip->src;
    slot->dst = ip->dst;
    slot->id = id;
    slot->protocol = ip->protocol;
    slot->began_ns = now_ns;
    slot->frames = 0;
    slot->end = 0;
    slot->top = 0;
    slot->blocks = 0;
    slot->first_bytes = 0;
    memset(slot->have, 0, sizeof(slot->have));
}

/* The number of blocks from byte `at` to `end` that are present. */
static uint32_t blocks_there(const struct reass_slot *slot, uint32_t at, uint32_t end)
{
    uint32_t n = 0;

    for (uint32_t block = at / 8; block * 8 < end; block++)
        n += slot->have[block / 8] >> block % 8 & 1u;
    return n;
}

struct reass_slot *reass_add(struct reass *reass, const struct ip_view *ip, const uint8_t *frame,
                             void *way, uint64_t now_ns, uint64_t *consumed,
                             uint64_t drops[DROP_COUNT], uint32_t *fate)
{
    const uint8_t *header = frame + ETH_BYTES, *data = header + ip->header_bytes;
    uint32_t field = ip->fragment, at = (field & IP_FRAGMENT_OFFSET) * 8;
    uint32_t bytes = ip->total_bytes - ip->header_bytes, end = at + bytes;
    bool is_last = !(field & IP_FRAGMENT_MORE);
    uint16_t id = wire_get16(header + IP_ID);
    struct reass_slot *slot = NULL;

    /* No valid datagram has such a fragment. */
    if (bytes == 0 || end > REASS_BYTES || (!is_last && bytes % 8 != 0)) {
        drops[DROP_ip_fragment]++;
        *fate = FATE_DROPPED + DROP_ip_fragment;
        return NULL;
    }
    for (unsigned i = 0; i < REASS_SLOTS && slot == NULL; i++)
        if (is_of(&reass->slots[i], ip, id))
            slot = &reass->slots[i];
    if (slot == NULL) {
        slot = make_room(reass, ip->src, drops);
        start(slot, ip, id, now_ns);
    }

    uint32_t there = blocks_there(slot, at, end), blocks = (bytes + 7) / 8;
    bool is_end_wrong = is_last ? end < slot->top || (slot->end != 0 && end != slot->end)
                                : slot->end != 0 && end >= slot->end;
    if (slot->state == REASS_COLLECTING && !is_end_wrong && there == blocks &&
        memcmp(slot->data + at, data, bytes) == 0) {
        (*consumed)++;
        *fate = FATE_CONSUMED;
        return NULL;
    }
    if (slot->state == REASS_REFUSED || is_end_wrong || there != 0) {
        drops[DROP_ip_overlap] += slot->frames + 1;
        reass->held -= slot->frames;
        slot->frames = 0;
        slot->state = REASS_REFUSED;
        *fate = FATE_DROPPED + DROP_ip_overlap;
        return NULL;
    }

    *fate = FATE_KEPT;
    memcpy(slot->data + at, data, bytes);
    for (uint32_t block = at / 8; block * 8 < end; block++)
        slot->have[block / 8] |= (uint8_t)(1u << block % 8);
    slot->blocks += blocks;
    slot->frames++;
    reass->held++;
    slot->top = MAX(slot->top, end);
    if (is_last)
        slot->end = end;
    if (at == 0) {
        slot->tos = ip->tos;
        slot->ttl = ip->ttl;
        slot->first_bytes = MIN(ETH_BYTES + ip->total_bytes, REASS_QUOTE);
        memcpy(slot->first, frame, slot->first_bytes);
        slot->way = way;
    }
    return slot->end != 0 && slot->blocks == (slot->end + 7) / 8 ? slot : NULL;
}
