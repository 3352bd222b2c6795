/* SPDX-License-Identifier: BSD-2-Clause
 * arch/dma_bytes.h for programs whose loads are seen by loads.c: as it is, but for what is in
 * assembler, which becomes loads.
 */
#ifndef TESTS_UNIT_EVIL_DMA_BYTES_H
#define TESTS_UNIT_EVIL_DMA_BYTES_H

#define dma_is32       dma_is32_in_assembler
#define dma_is_below16 dma_is_below16_in_assembler
#define dma_tests64    dma_tests64_in_assembler
#define dma_tests8     dma_tests8_in_assembler
#define dma_copy       dma_copy_in_assembler
#include_next "arch/dma_bytes.h"
#undef dma_is32
#undef dma_is_below16
#undef dma_tests64
#undef dma_tests8
#undef dma_copy

static inline bool dma_is32(const void *p, uint32_t value)
{
    return dma_once32(p) == value;
}
static inline bool dma_is_below16(const void *p, uint16_t limit)
{
    return dma_once16(p) < limit;
}
static inline bool dma_tests64(const void *p, uint64_t bits)
{
    return (dma_once64(p) & bits) != 0;
}
static inline bool dma_tests8(const uint8_t *p, uint8_t bits)
{
    return (dma_once8(p) & bits) != 0;
}
static inline void dma_copy(void *to, const void *from, size_t bytes)
{
    __builtin_memcpy(to, from, bytes);
}

#endif
