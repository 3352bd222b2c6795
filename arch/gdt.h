/* SPDX-License-Identifier: BSD-2-Clause
 * Segments, and the TSS that gives the worst exceptions a stack of their own.
 */
#ifndef ARCH_GDT_H
#define ARCH_GDT_H

#include "arch/types.h"

#define GDT_CODE 0x08
#define GDT_DATA 0x10
#define GDT_TSS  0x18

/* Interrupt stack table numbers: an exception that may come when the stack itself is bad. */
enum ist { IST_NONE, IST_DOUBLE_FAULT, IST_NMI, IST_MACHINE_CHECK };

/* Load our GDT and TSS on the boot CPU. */
void gdt_init(void);

#endif
