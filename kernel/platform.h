/* SPDX-License-Identifier: BSD-2-Clause
 * What ACPI says about the platform, made so: interrupt controllers and cores. Steps of kmain.
 */
#ifndef KERNEL_PLATFORM_H
#define KERNEL_PLATFORM_H

#include "arch/types.h"
#include "kernel/firmware/acpi.h"

struct cmdline;

/* Offer the HPET as a clock, if there is one. Boot CPU, before tsc_calibrate. */
void platform_hpet(const struct acpi *acpi);

/* Mask the 8259s, switch on this core's controller and timer, mask the IOAPICs. Says what was found.
 * Boot CPU, after tsc_calibrate. A machine without them is survived: one core that never sleeps. */
void platform_interrupts(const struct acpi *acpi, char *found, size_t n);

/* Start the cores, cpus= at most. Boot CPU, after paging_seal. */
void platform_cores(const struct cmdline *line, char *found, size_t n);

/* Let the serial line's input wake core 0. Boot CPU, after platform_interrupts and serial_init. */
void platform_serial_interrupt(void);

#endif
