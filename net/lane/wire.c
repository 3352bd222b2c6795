/* SPDX-License-Identifier: BSD-2-Clause
 * The copies of received frames; see wire.h.
 */
#include "net/lane/wire.h"

#include "kernel/lib/str.h"

/* Part of the image, which no card is granted. */
static struct {
    uint8_t bytes[SLOT_BYTES];
} __attribute__((aligned(CACHE_LINE_BYTES))) copies[QUEUES_MAX];

uint8_t *wire_copy(wire_frame_t frame, unsigned core, uint32_t length)
{
    return memcpy(copies[core].bytes, wire_at(frame, 0), length);
}

void wire_copy_back(wire_frame_t frame, const uint8_t *bytes, uint32_t length)
{
    memcpy(wire_at(frame, 0), bytes, length);
}
