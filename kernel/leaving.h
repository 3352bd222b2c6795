/* SPDX-License-Identifier: BSD-2-Clause
 * Upward calls at shutdown: what poweroff, reboot and panic require of the cards' drivers. Declared
 * here, implemented in drivers/drivers.c, so that no lower file includes a higher one.
 */
#ifndef KERNEL_LEAVING_H
#define KERNEL_LEAVING_H

/* Mask and stop every card, take away its memory access, and tell its firmware that the driver is
 * gone. Each wait has a limit. Boot CPU, with the other cores stopped. */
void drivers_quiet(void);
/* For a panic, without waits: take away the memory access of every card, also of one that is being
 * probed, by one write to its configuration space. Any core, any state. */
void drivers_cut_off(void);

#endif
