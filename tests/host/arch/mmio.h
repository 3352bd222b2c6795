/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for arch/mmio.h: the same functions, which call tests/host/machine.c, where
 * every block of registers is a model.
 */
#ifndef ARCH_MMIO_H
#define ARCH_MMIO_H

#include "arch/dma_word.h"
#include "arch/types.h"

typedef struct {
    uintptr_t base; /* an address in machine.c's address space; never a pointer */
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

#endif
