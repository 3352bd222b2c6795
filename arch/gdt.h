/* SPDX-License-Identifier: BSD-2-Clause
 * Segments, and the TSS, which gives #DF, NMI and #MC a stack each.
 */
#ifndef ARCH_GDT_H
#define ARCH_GDT_H

#include "arch/types.h"

#define GDT_CODE 0x08
#define GDT_DATA 0x10
#define GDT_TSS  0x18

/* Interrupt stack table numbers, for exceptions that may be raised while the stack is unusable. */
enum ist { IST_NONE, IST_DOUBLE_FAULT, IST_NMI, IST_MACHINE_CHECK };

struct tss {
    uint32_t reserved0;
    uint32_t rsp[3][2];
    uint32_t reserved1[2];
    uint32_t ist[7][2]; /* low, high: the fields are not 8-byte aligned */
    uint32_t reserved2[2];
    uint16_t reserved3;
    uint16_t io_map; /* offset; at or beyond the end = no map */
};
static_assert(sizeof(struct tss) == 104, "as the CPU reads it");

/* One core's tables. In 64-bit mode the CPU only reads a TSS. */
struct gdt_area {
    uint64_t gdt[5];
    struct tss tss;
};

/* Load our GDT and TSS on the boot CPU. */
void gdt_init(void);

/* Fill an area for a core with these stacks. The area stays where it is. */
void gdt_fill(struct gdt_area *area, const uint8_t *fault_top, const uint8_t *nmi_top,
              const uint8_t *check_top);
/* Load a filled area on this core. It is not written to, then or later: it may be read-only. */
void gdt_load(const struct gdt_area *area);

#endif
