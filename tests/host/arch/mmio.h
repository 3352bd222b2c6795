/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for arch/mmio.h: the same functions, answered by tests/host/machine.c, where
 * every block of registers is a model. Loads and stores of shared memory are what they are there.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "arch/types.h"

typedef struct {
    uintptr_t base; /* a place in machine.c's address space; never a pointer */
} mmio_t;

static inline mmio_t mmio_at(mmio_t regs, uint32_t offset)
{
    return (mmio_t){regs.base + offset};
}

uint64_t machine_read(uintptr_t address, uint32_t bytes);
void machine_write(uintptr_t address, uint64_t value, uint32_t bytes);
void machine_write32(uintptr_t address, uint32_t value);

static inline uint8_t mmio_read8(mmio_t regs, uint32_t offset)
{
    return (uint8_t)machine_read(regs.base + offset, 1);
}
static inline uint16_t mmio_read16(mmio_t regs, uint32_t offset)
{
    return (uint16_t)machine_read(regs.base + offset, 2);
}
static inline uint32_t mmio_read32(mmio_t regs, uint32_t offset)
{
    return (uint32_t)machine_read(regs.base + offset, 4);
}
static inline uint64_t mmio_read64(mmio_t regs, uint32_t offset)
{
    return machine_read(regs.base + offset, 8);
}
static inline void mmio_write8(mmio_t regs, uint32_t offset, uint8_t value)
{
    machine_write(regs.base + offset, value, 1);
}
static inline void mmio_write16(mmio_t regs, uint32_t offset, uint16_t value)
{
    machine_write(regs.base + offset, value, 2);
}
static inline void mmio_write32(mmio_t regs, uint32_t offset, uint32_t value)
{
    machine_write32(regs.base + offset, value);
}
static inline void mmio_write64(mmio_t regs, uint32_t offset, uint64_t value)
{
    machine_write(regs.base + offset, value, 8);
}

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
