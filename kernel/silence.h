/* SPDX-License-Identifier: BSD-2-Clause
 * What firmware and the loader left running stops: USB is taken from firmware, then every function
 * loses bus mastering, except a display whose picture is in use. Endpoints come before bridges.
 */
#ifndef KERNEL_SILENCE_H
#define KERNEL_SILENCE_H

#include "kernel/pci.h"

/* Silence the devices on bus 0 and below its bridges, through the two ports: what a loader left on
 * stops writing to memory before we use any. Displays, bridges, and buses that only ACPI's AML names
 * follow in silence_all. Boot CPU, before pci_init, on the first page tables. */
void silence_devices(void);

/* Silence every function, bridges last, and count the functions. `screen`: the physical address of
 * the frame buffer in use, 0: none. The display that has it in a BAR keeps bus mastering, since it
 * may read its picture from RAM; so do the bridges above it. Boot CPU, after pci_init, before any
 * driver. */
struct silenced {
    unsigned functions, bridges;
    unsigned masters; /* had bus mastering on, before silence_devices too */
    bool has_display; /* this one keeps it: */
    struct pci_dev display;
};
struct silenced silence_all(uint64_t screen);

#endif
