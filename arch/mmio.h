/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of devices: with arch/port.h and arch/cpu.h the only way to devices, and with dma_word.h,
 * which it brings along, the only `volatile` objects in the tree. The host build finds
 * tests/host/arch/mmio.h under the same name, where the X540 model answers.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "arch/dma_word.h"
#include "arch/types.h"

/* A block of device registers, mapped uncached. Only paging.c and the functions here look inside.
 */
typedef struct {
    uintptr_t base;
} mmio_t;

/* The block that starts `offset` bytes further on. */
static inline mmio_t mmio_at(mmio_t regs, uint32_t offset)
{
    return (mmio_t){regs.base + offset};
}

static inline uint8_t mmio_read8(mmio_t regs, uint32_t offset)
{
    return *(volatile uint8_t *)(regs.base + offset);
}
static inline uint16_t mmio_read16(mmio_t regs, uint32_t offset)
{
    return *(volatile uint16_t *)(regs.base + offset);
}
static inline uint32_t mmio_read32(mmio_t regs, uint32_t offset)
{
    return *(volatile uint32_t *)(regs.base + offset);
}
static inline uint64_t mmio_read64(mmio_t regs, uint32_t offset)
{
    return *(volatile uint64_t *)(regs.base + offset);
}
static inline void mmio_write8(mmio_t regs, uint32_t offset, uint8_t value)
{
    *(volatile uint8_t *)(regs.base + offset) = value;
}
static inline void mmio_write16(mmio_t regs, uint32_t offset, uint16_t value)
{
    *(volatile uint16_t *)(regs.base + offset) = value;
}
/* Stores to write-back memory that come before this one in the program are visible to the device
 * before it sees the register change: x86 keeps stores in order, the clobber keeps the compiler's.
 */
static inline void mmio_write32(mmio_t regs, uint32_t offset, uint32_t value)
{
    __asm__ volatile("" ::: "memory");
    *(volatile uint32_t *)(regs.base + offset) = value;
}
static inline void mmio_write64(mmio_t regs, uint32_t offset, uint64_t value)
{
    __asm__ volatile("" ::: "memory");
    *(volatile uint64_t *)(regs.base + offset) = value;
}

#endif
