/* SPDX-License-Identifier: BSD-2-Clause
 * Which serial line is the console's: that of console=, else the one that ACPI's SPCR names, else
 * COM1. A line at an I/O port is used from the boot line on, one in memory once there are page
 * tables, a PCI card's once there is PCI; until then COM1 has the log, and the new line gets it all
 * again. Steps of kmain; each describes the line in `found`, a buffer of n bytes. Boot CPU.
 */
#ifndef KERNEL_SERIAL_LINE_H
#define KERNEL_SERIAL_LINE_H

#include "arch/types.h"

struct acpi;
struct cmdline;
struct madt;

/* After the boot line has been read. */
void serial_line_early(const struct cmdline *line, char *found, size_t n);
/* After memory and ACPI. */
void serial_line_firmware(struct acpi *acpi, char *found, size_t n);
/* After PCI. */
void serial_line_pci(char *found, size_t n);
/* Let the line's input wake core 0. After interrupts and serial_line_pci. Without an interrupt core 0
 * looks for input each millisecond; see serial_line_nap_ns. */
void serial_line_interrupt(const struct madt *madt);

/* Let the next input end a sleep. Core 0, interrupts off, before it looks for input the last time. */
void serial_line_arm(void);
/* The longest time that core 0 may sleep without looking for input: UINT64_MAX if an interrupt ends
 * the sleep. Core 0. */
uint64_t serial_line_nap_ns(void);
/* To be called when a sleep of core 0 has ended. An interrupt that several times did not come for
 * input that was there is given up, with a log line. */
void serial_line_woke(void);

#endif
