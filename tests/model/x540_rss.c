/* SPDX-License-Identifier: BSD-2-Clause
 * RSS: the Toeplitz hash over the fields that MRQC selects, and the redirection table.
 */
#include <string.h>

#include "x540_internal.h"

/* Toeplitz is linear, so the hash of an input is the XOR of one table entry a byte. The table is
 * made from the key when the first packet after a change of the key needs it. */
static void build_table(struct x540 *card)
{
    uint8_t key[44] = {0};

    for (uint32_t i = 0; i < 40; i++)
        key[i] = (uint8_t)(REG(card, RSSRK + (i & ~3u)) >> (8 * (i & 3)));
    for (uint32_t at = 0; at < 36; at++) {
        uint64_t window = 0;

        for (uint32_t i = 0; i < 8 && at + i < 44; i++)
            window |= (uint64_t)key[at + i] << (56 - 8 * i);
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t hash = 0;

            for (uint32_t bit = 0; bit < 8; bit++)
                if (value & (0x80u >> bit))
                    hash ^= (uint32_t)(window << bit >> 32);
            card->rss_table[at][value] = hash;
        }
    }
    card->rss_stale = false;
}

static uint32_t hash_bytes(const struct x540 *card, uint32_t hash, uint32_t *at,
                           const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        hash ^= card->rss_table[(*at)++][bytes[i]];
    return hash;
}

/* Types as the advanced descriptor shows them: facts, section 13. */
static uint8_t rss_type(uint32_t mrqc, uint32_t flags)
{
    if (flags & PK_IPV4) {
        if ((flags & PK_TCP) && (mrqc & MRQC_IPV4_TCP))
            return 1;
        if ((flags & PK_UDP) && (mrqc & MRQC_IPV4_UDP))
            return 7;
        return mrqc & MRQC_IPV4 ? 2 : 0;
    }
    if (flags & PK_IPV6) {
        if ((flags & PK_TCP) && (mrqc & MRQC_IPV6_TCP))
            return 3;
        if ((flags & PK_UDP) && (mrqc & MRQC_IPV6_UDP))
            return 8;
        return mrqc & MRQC_IPV6 ? 5 : 0;
    }
    return 0;
}

void x540_rss_hash(struct x540 *card, struct packet *packet)
{
    const uint8_t *ip = packet->data + packet->l3;
    uint32_t at = 0, hash;
    bool ipv4 = packet->flags & PK_IPV4;

    packet->rss_type = rss_type(REG(card, MRQC), packet->flags);
    packet->hash = 0;
    if (!packet->rss_type)
        return;
    if (card->rss_stale)
        build_table(card);
    hash = hash_bytes(card, 0, &at, ip + (ipv4 ? 12 : 8), ipv4 ? 8 : 32);
    if (packet->rss_type != 2 && packet->rss_type != 5)
        hash = hash_bytes(card, hash, &at, packet->data + packet->l4, 4);
    packet->hash = hash;
}

uint32_t x540_rss_queue(struct x540 *card, const struct packet *packet)
{
    uint32_t entry;

    if (!packet->rss_type)
        return 0;
    if (card->evil[X540_EVIL_RSS_LEGACY] && !card->rxq[0].advanced)
        return 0;
    if (card->config.kind == X540_X550) {
        entry = packet->hash & 0x1FF;
        entry = entry < 128 ? REG(card, RETA + (entry & ~3u)) >> (8 * (entry & 3))
                            : REG(card, ERETA + ((entry - 128) & ~3u)) >> (8 * (entry & 3));
        return entry & 0x3F;
    }
    entry = packet->hash & 0x7F;
    return REG(card, RETA + (entry & ~3u)) >> (8 * (entry & 3)) & 0xF;
}
