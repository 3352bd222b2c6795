/* SPDX-License-Identifier: BSD-2-Clause
 * The steps of bring-up. kmain (kernel/main.c) calls each once, in this order, on the boot CPU. A
 * step panics if the machine cannot run without it; otherwise a failure is one log line.
 */
#ifndef KERNEL_STEPS_H
#define KERNEL_STEPS_H

#include "arch/types.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"

struct cmdline;

/* The log line of a step; empty: the step has logged its own. */
struct found {
    char text[LOG_LINE_BYTES];
};
#define FOUND(...) fmt_print(found->text, sizeof found->text, __VA_ARGS__)

/* Keep the two registers passed by the loader. Before the steps. */
void steps_begin(uint32_t eax, uint32_t ebx);

void step_traps(struct found *found);            /* GDT, IDT, separate exception stacks */
void step_boot_information(struct found *found); /* multiboot2's or PVH's */
void step_screen(struct found *found);
void step_boot_line(struct found *found);
void step_serial_line(struct found *found); /* console= */
void step_cpu(struct found *found);
void step_memory(struct found *found); /* the final page tables are in force after it */
void step_acpi_tables(struct found *found);
void step_firmware_line(struct found *found); /* ACPI's SPCR */
void step_power(struct found *found);
void step_clock(struct found *found);
void step_interrupts(struct found *found);
void step_pci(struct found *found);      /* and bus mastering off everywhere */
void step_pci_line(struct found *found); /* console=pciserial, and the line's interrupt */
void step_iommu(struct found *found);
void step_cores(struct found *found);

/* The boot line; after step_boot_line. */
const struct cmdline *steps_line(void);

#endif
