/* SPDX-License-Identifier: BSD-2-Clause
 * The copies of received frames; see wire.h.
 */
#include "net/lane/wire.h"

/* Part of the image, which no card is granted. */
static struct {
    uint8_t bytes[SLOT_BYTES];
} __attribute__((aligned(CACHE_LINE_BYTES))) copies[QUEUES_MAX];

/* Copy n bytes, and no other, in whole words. */
static inline void copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
    uint32_t at = 0;

    for (; at + 32 <= n; at += 32)
#pragma GCC unroll 4
        for (uint32_t i = at; i < at + 32; i += 8)
            store64(to + i, load64(from + i));
    for (; at + 8 <= n; at += 8)
        store64(to + at, load64(from + at));
    if (at == n)
        return;
    if (n >= 8) {
        store64(to + n - 8, load64(from + n - 8));
        return;
    }
    for (; at < n; at++)
        to[at] = from[at];
}

uint8_t *wire_copy(wire_frame_t frame, unsigned core, uint32_t length)
{
    copy(copies[core].bytes, wire_at(frame, 0), length);
    return copies[core].bytes;
}

uint8_t *wire_copy_part(wire_frame_t frame, unsigned core, uint32_t at, uint32_t length)
{
    copy(copies[core].bytes + at, wire_at(frame, at), length);
    return copies[core].bytes + at;
}

void wire_copy_back(wire_frame_t frame, const uint8_t *bytes, uint32_t length)
{
    copy(wire_at(frame, 0), bytes, length);
}

void wire_store_part(wire_frame_t frame, uint32_t at, const uint8_t *bytes, uint32_t length)
{
    copy(wire_at(frame, at), bytes, length);
}
