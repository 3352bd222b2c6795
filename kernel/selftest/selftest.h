/* SPDX-License-Identifier: BSD-2-Clause
 * Break one protection on purpose, so that tests can see it hold.
 */
#ifndef KERNEL_SELFTEST_SELFTEST_H
#define KERNEL_SELFTEST_SELFTEST_H

/* Do what the boot line's selftest= names; after a deed the machine panics. Returns where the name is
 * of no deed (map, wake, edu, zlr, forge); and, after a line that says so, if it is unknown or nothing
 * stopped the deed. */
void selftest_run(const char *name);

/* No panic either: QEMU's edu device tries to reach memory; prints what came of it. */
void selftest_edu(void);

/* Deeds of more than one core, in kernel/selftest/cores.c. */
void selftest_core_null(void);
void selftest_core_stack(void);
void selftest_core_silent(void);
void selftest_nmi(void);
/* Deeds with pages of user code, and to tables, in kernel/selftest/user.c. */
void selftest_run_user_page(void);
void selftest_read_user_page(void);
void selftest_ask_from_user_page(void);
void selftest_write_idt(void);
void selftest_write_gdt(void);
void selftest_write_firmware(void);
/* No deed: prints how many of many wake-ups got lost (none), and returns. */
void selftest_wake(void);

#endif
