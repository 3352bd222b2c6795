/* SPDX-License-Identifier: BSD-2-Clause
 * Break one protection on purpose, so that tests can see it hold.
 */
#ifndef KERNEL_SELFTEST_H
#define KERNEL_SELFTEST_H

/* Do what the boot line's selftest= names; the machine then panics. Returns, after a line that says
 * so, if the name is unknown or nothing stopped the deed. */
void selftest_run(const char *name);

#endif
