/* SPDX-License-Identifier: BSD-2-Clause
 * Upward calls at start: kmain calls them in this order once the machine is up (traps, memory,
 * ACPI, time, PCI, VT-d, cores). Declared here, implemented in drivers/ and net/, so that no lower
 * file includes a higher one. Read next: kernel/main.c.
 */
#ifndef KERNEL_START_H
#define KERNEL_START_H

#include "arch/types.h"

struct cmdline;

/* Find the cards that a driver supports and bring them up; one log line per port. If a card fails,
 * its line says so, its port is missing, and booting goes on. Boot CPU. Implemented in drivers/. */
void drivers_start(const struct cmdline *line);

/* Give ports their addresses and routes, make the lanes, choose the application. Boot CPU, after
 * drivers_start. Implemented in net/. */
void net_start(const struct cmdline *line);

/* The loop of core 0: packets, then the console (console_poll). Implemented in net/. */
_Noreturn void net_run(void);

#endif
