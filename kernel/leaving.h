/* SPDX-License-Identifier: BSD-2-Clause
 * The calls upward at the end of the machine: what poweroff and reboot, and what a panic, ask of the
 * cards' drivers. Declared here, implemented in drivers/drivers.c, so that no lower file includes a
 * higher one.
 */
#ifndef KERNEL_LEAVING_H
#define KERNEL_LEAVING_H

/* Before the machine ends: every card masked, stopped and without access to memory, its firmware told
 * that the driver has gone. Bounded. Boot CPU, the other cores stopped. Implemented in drivers/. */
void drivers_quiet(void);
/* The same for a panic, as far as nothing can be waited for: access to memory is taken from every
 * card by one write to its configuration space. Any core, any state. */
void drivers_cut_off(void);

#endif
