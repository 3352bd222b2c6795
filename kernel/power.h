/* SPDX-License-Identifier: BSD-2-Clause
 * Ways to leave: power off, start again, hand a test its exit code.
 */
#ifndef KERNEL_POWER_H
#define KERNEL_POWER_H

#include "arch/types.h"

struct acpi_fadt;

/* Remember what ACPI says about power; NULL where there is no usable FADT. Boot CPU, once. */
void power_init(const struct acpi_fadt *fadt);

/* Write to `text` (n bytes) how power_off switches off: "S5 is sleep type 0 at port 0x604". */
void power_describe(char *text, size_t n);

/* Switch the machine off (ACPI S5). If it is still on after a second: a line, then halt. */
_Noreturn void power_off(void);

/* Start again: reset register, port CF9, keyboard controller, triple fault, in that order. */
_Noreturn void power_reboot(void);

/* Leave QEMU with exit code (code << 1) | 1 through isa-debug-exit at port F4; halt elsewhere. */
_Noreturn void power_exit(uint8_t code);

/* Stop this CPU for good. */
_Noreturn void power_halt(void);

#endif
