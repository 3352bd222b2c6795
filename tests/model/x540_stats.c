/* SPDX-License-Identifier: BSD-2-Clause
 * Statistics: they clear when read, stick at all ones, and hold anything after power-on until they
 * have been read once. Byte counters have 36 bits in two registers, each of which clears itself.
 */
#include "x540_internal.h"

void x540_stats_power_on(struct x540 *card)
{
    uint32_t rows;
    const struct x540_register *table = x540_registers(&rows);

    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < table[r].count && table[r].section == 9; i++) {
            uint32_t offset = table[r].offset + i * table[r].stride;
            /* Only those that every driver reads: small junk, so that it is seen and not feared. */
            if (table[r].behaviour == B_STAT && offset >= 0x4000 && offset < 0x4120)
                REG(card, offset) = 1 + (x540_junk(offset) & 7);
        }
    for (uint32_t i = 0; i < sizeof(card->wide) / sizeof(card->wide[0]); i++)
        card->wide[i] = i < 3 ? 64 + i : 0;
}

void x540_stats_add16(struct x540 *card, uint32_t offset)
{
    if (REG(card, offset) < 0xFFFF)
        REG(card, offset)++;
}

void x540_stats_size(struct x540 *card, uint32_t first_offset, uint32_t bytes_with_crc)
{
    uint32_t bucket = bytes_with_crc <= 64     ? 0
                      : bytes_with_crc <= 127  ? 1
                      : bytes_with_crc <= 255  ? 2
                      : bytes_with_crc <= 511  ? 3
                      : bytes_with_crc <= 1023 ? 4
                                               : 5;

    x540_stats_add(card, first_offset + 4 * bucket, 1);
}

uint32_t x540_stats_read(struct x540 *card, uint32_t offset, uint32_t behaviour)
{
    uint32_t value;
    uint64_t *wide;

    card->touched[offset >> 5] |= (uint8_t)(1u << (offset >> 2 & 7));
    if (behaviour == B_STAT) {
        value = REG(card, offset);
        REG(card, offset) = 0;
        return value;
    }
    wide = &card->wide[x540_stats_wide(offset)];
    if (behaviour == B_STAT_LOW) {
        value = (uint32_t)*wide;
        *wide &= ~0xFFFFFFFFull;
    } else {
        value = (uint32_t)(*wide >> 32);
        *wide &= 0xFFFFFFFF;
    }
    return value;
}

/* Has every register that holds junk after power-on been read? If not, offset is the first. */
bool x540_stats_cleared(const struct x540 *card, uint32_t *offset)
{
    uint32_t rows;
    const struct x540_register *table = x540_registers(&rows);

    for (uint32_t r = 0; r < rows; r++) {
        uint32_t at = table[r].offset;
        bool stat = table[r].behaviour == B_STAT || table[r].behaviour == B_STAT_HIGH;

        if (!stat || at < 0x4000 || at >= 0x4120 || (card->touched[at >> 5] >> (at >> 2 & 7) & 1))
            continue;
        *offset = at;
        return false;
    }
    return true;
}

void x540_stats_map_changed(struct x540 *card, uint32_t offset)
{
    bool rx = offset < 0x4000;
    uint32_t first = rx ? offset - RQSMR : offset - TQSM, map = REG(card, offset);

    for (uint32_t b = 0; b < 4; b++)
        if (rx)
            card->rxq[first + b].counter = (map >> (8 * b)) & 0xF;
        else
            card->txq[first + b].counter = (map >> (8 * b)) & 0xF;
}
