/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of devices. Devices are reached only through this file, arch/port.h and arch/cpu.h;
 * `volatile` objects are in this file and in dma_word.h, which it includes, and nowhere else. The
 * host build finds tests/host/arch/mmio.h under the same name, backed by the X540 model.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "arch/dma_word.h"
#include "arch/types.h"

/* A block of device registers, mapped uncached. Only paging.c and the functions here use `base`. */
typedef struct {
    uintptr_t base;
} mmio_t;

/* The block that starts `offset` bytes into regs. */
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
/* The device sees earlier stores to write-back memory before it sees this register write: x86 keeps
 * stores in order, and the clobber stops the compiler from moving them. */
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
