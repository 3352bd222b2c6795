/* SPDX-License-Identifier: BSD-2-Clause
 * Selftests: each violates one protection on purpose, so that tests can check that it works.
 */
#ifndef KERNEL_SELFTEST_SELFTEST_H
#define KERNEL_SELFTEST_SELFTEST_H

/* Run the selftest that the boot line's selftest= names. A violation must end in a panic; if
 * nothing stops it, or the name is unknown, this logs an error and returns. map, wake, edu, zlr and
 * forge violate nothing that panics, and return. */
void selftest_run(const char *name);

/* Make QEMU's edu device attempt to access memory, and log the result. Returns. */
void selftest_edu(void);

/* Selftests with more than one core, in kernel/selftest/cores.c. */
void selftest_core_null(void);
void selftest_core_stack(void);
void selftest_core_gdt(void);
void selftest_core_tss(void);
void selftest_core_idt(void);
void selftest_core_silent(void);
void selftest_nmi(void);
/* Selftests with user pages, and writes to the CPU's tables, in kernel/selftest/user.c. */
void selftest_run_user_page(void);
void selftest_read_user_page(void);
void selftest_smsw_from_user_page(void);
void selftest_write_idt(void);
void selftest_write_gdt(void);
void selftest_write_tss(void);
void selftest_write_root(void);
void selftest_write_table(void);
void selftest_write_new_table(void);
void selftest_write_table_of_tables(void);
void selftest_write_firmware(void);
/* Selftests of the IOMMU, in kernel/selftest/iommu.c: what they change takes effect when cards are
 * confined. They return. */
void selftest_zlr(void);
void selftest_forge(void);
/* Wake core 1 many times and log how many wake-ups were lost (none must be). Returns. */
void selftest_wake(void);
/* Send this core an NMI between sti and hlt and log how long it slept with a wake-up pending. Only
 * in xAPIC mode. Returns. */
void selftest_nmi_halt(void);

#endif
