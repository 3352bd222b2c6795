/* SPDX-License-Identifier: BSD-2-Clause
 * One flat code segment, one data segment, one TSS. In long mode segments do no more than hold the
 * privilege level; the TSS holds the stacks for #DF, NMI and #MC. Read next: arch/trap.c.
 */
#include "arch/gdt.h"
#include "arch/image.h"

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

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
static_assert(sizeof(struct table_register) == 10, "as lgdt reads it");

#define SEGMENT_CODE_64 0x00AF9B000000FFFFull /* present, ring 0, execute/read, accessed, L */
#define SEGMENT_DATA    0x00CF93000000FFFFull /* present, ring 0, read/write, accessed */
#define TSS_AVAILABLE   0x89ull               /* present, 64-bit TSS */

static SEALED struct tss tss;
static SEALED uint64_t gdt[5];

static void tss_set_stack(enum ist n, const uint8_t *top)
{
    uint64_t address = (uintptr_t)top;
    tss.ist[n - 1][0] = (uint32_t)address;
    tss.ist[n - 1][1] = (uint32_t)(address >> 32);
}

void gdt_init(void)
{
    tss_set_stack(IST_DOUBLE_FAULT, stack_fault_top);
    tss_set_stack(IST_NMI, stack_nmi_top);
    tss_set_stack(IST_MACHINE_CHECK, stack_check_top);
    tss.io_map = sizeof tss;

    uint64_t base = (uintptr_t)&tss;
    gdt[GDT_CODE / 8] = SEGMENT_CODE_64;
    gdt[GDT_DATA / 8] = SEGMENT_DATA;
    gdt[GDT_TSS / 8] = (sizeof tss - 1) | (base & 0xFFFFFF) << 16 | TSS_AVAILABLE << 40 |
                       (base >> 24 & 0xFF) << 56;
    gdt[GDT_TSS / 8 + 1] = base >> 32;

    struct table_register where = {sizeof gdt - 1, (uintptr_t)gdt};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movw %w2, %%ds\n\t"
                     "movw %w2, %%es\n\t"
                     "movw %w2, %%ss\n\t"
                     "ltr %w3"
                     :
                     : "m"(where), "i"(GDT_CODE), "r"(GDT_DATA), "r"(GDT_TSS)
                     : "rax", "memory");
}
