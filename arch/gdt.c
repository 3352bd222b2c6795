/* SPDX-License-Identifier: BSD-2-Clause
 * One flat code segment, one data segment, one TSS. In long mode a segment only sets the privilege
 * level; the TSS holds the stacks for #DF, NMI and #MC. Read next: arch/trap.c.
 */
#include "arch/gdt.h"
#include "arch/image.h"

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
static_assert(sizeof(struct table_register) == 10, "as lgdt reads it");

#define SEGMENT_CODE_64 0x00AF9B000000FFFFull /* present, ring 0, execute/read, accessed, L */
#define SEGMENT_DATA    0x00CF93000000FFFFull /* present, ring 0, read/write, accessed */
#define TSS_BUSY        0x8Bull               /* present, 64-bit TSS, in use */
#define TSS_IS_BUSY     BIT64(41)

static READ_ONLY_AFTER_BOOT struct gdt_area boot_area;

static void set_stack(struct tss *tss, enum ist n, const uint8_t *top)
{
    uint64_t address = (uintptr_t)top;
    tss->ist[n - 1][0] = (uint32_t)address;
    tss->ist[n - 1][1] = (uint32_t)(address >> 32);
}

void gdt_fill(struct gdt_area *area, const uint8_t *fault_top, const uint8_t *nmi_top,
              const uint8_t *check_top)
{
    struct tss *tss = &area->tss;
    set_stack(tss, IST_DOUBLE_FAULT, fault_top);
    set_stack(tss, IST_NMI, nmi_top);
    set_stack(tss, IST_MACHINE_CHECK, check_top);
    tss->io_map = sizeof *tss;

    uint64_t base = (uintptr_t)tss;
    uint64_t *gdt = area->gdt;
    gdt[GDT_CODE / 8] = SEGMENT_CODE_64;
    gdt[GDT_DATA / 8] = SEGMENT_DATA;
    gdt[GDT_TSS / 8] =
        (sizeof *tss - 1) | (base & 0xFFFFFF) << 16 | TSS_BUSY << 40 | (base >> 24 & 0xFF) << 56;
    gdt[GDT_TSS / 8 + 1] = base >> 32;
}

void gdt_load(const struct gdt_area *area)
{
    /* ltr wants a descriptor that is not busy, and sets that bit: in a copy. TR keeps the base. */
    uint64_t copy[ARRAY_SIZE(area->gdt)];
    for (unsigned i = 0; i < ARRAY_SIZE(copy); i++)
        copy[i] = area->gdt[i];
    copy[GDT_TSS / 8] &= ~TSS_IS_BUSY;
    struct table_register first = {sizeof copy - 1, (uintptr_t)copy};
    struct table_register where = {sizeof area->gdt - 1, (uintptr_t)area->gdt};
    __asm__ volatile("lgdt %4\n\t"
                     "ltr %w3\n\t"
                     "lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movw %w2, %%ds\n\t"
                     "movw %w2, %%es\n\t"
                     "movw %w2, %%ss"
                     :
                     : "m"(where), "i"(GDT_CODE), "r"(GDT_DATA), "r"(GDT_TSS), "m"(first)
                     : "rax", "memory");
}

void gdt_init(void)
{
    gdt_fill(&boot_area, stack_fault_top, stack_nmi_top, stack_check_top);
    gdt_load(&boot_area);
}
