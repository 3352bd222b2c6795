/* SPDX-License-Identifier: BSD-2-Clause
 * Sets up interrupt controllers and cores as ACPI describes them. Steps of kmain.
 */
#ifndef KERNEL_PLATFORM_H
#define KERNEL_PLATFORM_H

#include "arch/types.h"
#include "kernel/firmware/acpi.h"

struct cmdline;

/* Offer the HPET as a clock, if there is one. Boot CPU, before tsc_calibrate. */
void platform_hpet(struct acpi *acpi);

/* Mask the 8259s, enable this core's LAPIC and its timer, mask the IOAPICs, and describe them in
 * `found`, a buffer of n bytes. Boot CPU, after tsc_calibrate. Without a LAPIC the machine runs on
 * one core that never sleeps. */
void platform_interrupts(struct acpi *acpi, char *found, size_t n);

/* Start the cores, at most as many as cpus= says, and describe them in `found`. Boot CPU, after
 * paging_seal. */
void platform_cores(const struct cmdline *line, char *found, size_t n);

/* Let the serial line's input wake core 0. Boot CPU, after platform_interrupts and serial_init. */
void platform_serial_interrupt(void);

#endif
