/* SPDX-License-Identifier: BSD-2-Clause
 * arch/dma_word.h for programs whose loads are seen by loads.c: as it is, but for the test of a bit
 * in assembler, which becomes a load.
 */
#ifndef TESTS_UNIT_EVIL_DMA_WORD_H
#define TESTS_UNIT_EVIL_DMA_WORD_H

#define dma_test32 dma_test32_in_assembler
#include_next "arch/dma_word.h"
#undef dma_test32

static inline bool dma_test32(const uint32_t *word, uint32_t bits)
{
    return (*(const volatile uint32_t *)word & bits) != 0;
}

#endif
