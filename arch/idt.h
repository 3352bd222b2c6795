/* SPDX-License-Identifier: BSD-2-Clause
 * The interrupt descriptor table.
 */
#ifndef ARCH_IDT_H
#define ARCH_IDT_H

/* Fill the table with all 256 vectors (arch/vectors.asm) and load it. Boot CPU, after gdt_init.
 * Interrupts stay off. */
void idt_init(void);
/* Load the same table on another core. */
void idt_load(void);

#endif
