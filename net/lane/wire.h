/* SPDX-License-Identifier: BSD-2-Clause
 * Frames in the receive buffers of lanes: memory that the card which received them can still write,
 * whatever it has said about them. So no byte of it is looked at twice:
 *
 *   - A fast handler gets a wire_frame_t. It loads each byte that it decides on once, by the
 *     functions below, and keeps it in a register.
 *   - All other code works on a copy in the core's own memory, made by wire_copy. Lengths are those
 *     of the descriptor's word and of parsed views (struct ip_view).
 *   - What is stored here is sent as it is then, and not looked at again.
 *
 * No function for bytes accepts a wire_frame_t, and only this file and wire.c cast it to a pointer
 * to bytes; tests/lint/frames.py checks both.
 */
#ifndef NET_LANE_WIRE_H
#define NET_LANE_WIRE_H

#include "arch/cpu.h"
#include "arch/dma_bytes.h"
#include "drivers/nic.h"
#include "net/stack/csum.h"

typedef dma_bytes_t wire_frame_t;

/* The frame at the start of an array of slots. */
static inline wire_frame_t wire_frames(void *slots)
{
    return slots;
}
/* Only for this file and wire.c. */
static inline uint8_t *wire_at(wire_frame_t frame, size_t at)
{
    return (uint8_t *)frame + at;
}
/* The frame i slots of `stride` bytes further on. */
static inline wire_frame_t wire_slot_of(wire_frame_t frame, size_t i, size_t stride)
{
    return wire_frames(wire_at(frame, i * stride));
}
/* The same in slots of the usual size. */
static inline wire_frame_t wire_slot(wire_frame_t frame, size_t i)
{
    return wire_slot_of(frame, i, SLOT_STRIDE);
}
/* A frame with a VLAN tag, seen without it: all behind the MAC addresses is where it is in others. */
static inline wire_frame_t wire_after_tag(wire_frame_t frame)
{
    return wire_frames(wire_at(frame, 4));
}
/* The frame of a ring's descriptor `slot`; `frames` is that of the ring's first one. */
static inline wire_frame_t wire_of(wire_frame_t frames, const struct descriptor *ring,
                                   const struct descriptor *slot)
{
    const size_t at = (uintptr_t)slot - (uintptr_t)ring;

    return wire_frames(wire_at(frames, multiply(at, SLOT_STRIDE / sizeof(*slot))));
}

/* ---- For fast handlers: the number at byte `at`, each loaded once ---- */

static inline uint64_t wire_load64(wire_frame_t frame, size_t at)
{
    return dma_once64(wire_at(frame, at));
}
static inline uint32_t wire_load32(wire_frame_t frame, size_t at)
{
    return dma_once32(wire_at(frame, at));
}
static inline size_t wire_load16(wire_frame_t frame, size_t at)
{
    return dma_once16(wire_at(frame, at));
}
static inline size_t wire_load8(wire_frame_t frame, size_t at)
{
    return dma_once8(wire_at(frame, at));
}
/* In network byte order. */
static inline uint16_t wire_load_be16(wire_frame_t frame, size_t at)
{
    return __builtin_bswap16((uint16_t)dma_once16(wire_at(frame, at)));
}
/* See arch/dma_bytes.h. */
static inline uint64_t wire_bits64(wire_frame_t frame, size_t at, uint64_t bits)
{
    return dma_bits64(wire_at(frame, at), bits);
}
static inline uint64_t wire_subtract64(uint64_t from, wire_frame_t frame, size_t at)
{
    return dma_subtract64(from, wire_at(frame, at));
}
static inline bool wire_is32(wire_frame_t frame, size_t at, uint32_t value)
{
    return dma_is32(wire_at(frame, at), value);
}
static inline bool wire_is_below16(wire_frame_t frame, size_t at, uint16_t limit)
{
    return dma_is_below16(wire_at(frame, at), limit);
}
static inline bool wire_tests64(wire_frame_t frame, size_t at, uint64_t bits)
{
    return dma_tests64(wire_at(frame, at), bits);
}
static inline bool wire_tests8(wire_frame_t frame, size_t at, uint8_t bits)
{
    return dma_tests8(wire_at(frame, at), bits);
}

static inline void wire_store64(wire_frame_t frame, size_t at, uint64_t value)
{
    store64(wire_at(frame, at), value);
}
static inline void wire_store32(wire_frame_t frame, size_t at, uint32_t value)
{
    store32(wire_at(frame, at), value);
}
static inline void wire_store8(wire_frame_t frame, size_t at, uint8_t value)
{
    *wire_at(frame, at) = value;
}
static inline void wire_store16(wire_frame_t frame, size_t at, uint16_t value)
{
    store16(wire_at(frame, at), value);
}
/* Change a number in place, whatever it is by now; nothing depends on it here. */
static inline void wire_add32(wire_frame_t frame, size_t at, uint32_t value)
{
    store32(wire_at(frame, at), load32(wire_at(frame, at)) + value);
}
static inline void wire_swap_halves32(wire_frame_t frame, size_t at)
{
    uint32_t value = load32(wire_at(frame, at));
    store32(wire_at(frame, at), value << 16 | value >> 16);
}
static inline void wire_swap_halves64(wire_frame_t frame, size_t at)
{
    uint64_t value = load64(wire_at(frame, at));
    store64(wire_at(frame, at), value << 32 | value >> 32);
}
/* Copy bytes `at` to `length` - 1, at least 8 of them, to the same place of another slot, whatever
 * they are by then: to be sent, and not looked at there either. No byte beyond is copied: it is of an
 * earlier frame, and the output's card may read the slot. */
static inline __attribute__((always_inline)) void wire_move(wire_frame_t to, wire_frame_t from,
                                                            size_t at, size_t length)
{
    dma_copy(wire_at(to, at), wire_at(from, at), length - at);
}

/* ---- For all others ---- */

/* Copy the first `length` bytes (up to SLOT_BYTES) to the core's own buffer of SLOT_BYTES, which no
 * card may access, and return it. Valid until the next call on that core; bytes after `length` are
 * those of earlier frames. That core only. */
uint8_t *wire_copy(wire_frame_t frame, unsigned core, uint32_t length);
/* The same for `length` bytes from `at` on only; returns the copy of the first of them. */
uint8_t *wire_copy_part(wire_frame_t frame, unsigned core, uint32_t at, uint32_t length);
/* The sum of n bytes' words from `at` on (csum_words of net/stack/csum.h), each loaded once. */
static inline uint64_t wire_sum(wire_frame_t frame, uint32_t at, uint32_t n)
{
    return csum_words(wire_at(frame, at), n);
}
/* Store `length` bytes, to be sent; the same from `at` on. */
void wire_copy_back(wire_frame_t frame, const uint8_t *bytes, uint32_t length);
void wire_store_part(wire_frame_t frame, uint32_t at, const uint8_t *bytes, uint32_t length);

#endif
