/* SPDX-License-Identifier: BSD-2-Clause
 * Words of ordinary memory that a device reads and writes too; the same where the device is a model.
 */
#ifndef ARCH_DMA_WORD_H
#define ARCH_DMA_WORD_H

#include "arch/types.h"

/* A word of ordinary memory that a device may change at any time: read once, then bounded. x86
 * keeps loads in order, so what the device wrote before this word is seen after it. */
static inline uint64_t dma_load64(const uint64_t *word)
{
    return *(const volatile uint64_t *)word;
}
static inline uint32_t dma_load32(const uint32_t *word)
{
    return *(const volatile uint32_t *)word;
}
/* Is one of the bits set in the word as it is now? As one instruction that tests it in place, which
 * a compiler never makes of a volatile. */
static inline __attribute__((always_inline)) bool dma_test32(const uint32_t *word, uint32_t bits)
{
    bool is_set;
    __asm__ volatile("testl %2, %1" : "=@ccnz"(is_set) : "m"(*word), "i"(bits) : "memory");
    return is_set;
}
static inline void dma_store64(uint64_t *word, uint64_t value)
{
    *(volatile uint64_t *)word = value;
}

#endif
