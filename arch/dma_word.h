/* SPDX-License-Identifier: BSD-2-Clause
 * Access to words of ordinary memory that a device also reads and writes. The host build uses this
 * file too: there the device is the model.
 */
#ifndef ARCH_DMA_WORD_H
#define ARCH_DMA_WORD_H

#include "arch/types.h"

/* Load a word that a device may change at any time: read it once, then check its range. x86 keeps
 * loads in order, so later loads see what the device wrote before this word. */
static inline uint64_t dma_load64(const uint64_t *word)
{
    return *(const volatile uint64_t *)word;
}
static inline uint32_t dma_load32(const uint32_t *word)
{
    return *(const volatile uint32_t *)word;
}
/* Is any of the bits set in the word now? One instruction that tests memory in place, which
 * compilers do not generate for a volatile. */
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
