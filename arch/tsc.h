/* SPDX-License-Identifier: BSD-2-Clause
 * Time: nanoseconds since entry, counted by the TSC.
 */
#ifndef ARCH_TSC_H
#define ARCH_TSC_H

#include "arch/mmio.h"
#include "arch/types.h"

/* Take the TSC's rate from a CPUID leaf if one states it. Boot CPU, first of all. */
void tsc_start(void);
/* Offer the ACPI PM timer as a clock to calibrate against. is_32_bit: else it has 24 bits. */
void tsc_offer_pm_timer(uint16_t port, bool is_32_bit);
/* Offer the HPET, which is tried before the PM timer; registers of 1 KiB. It is switched on. */
void tsc_offer_hpet(mmio_t regs);
/* Find out how fast the TSC runs, unless tsc_start already has: against the HPET or the PM timer if
 * offered, else PIT channel 2. Takes a few milliseconds. Boot CPU, once, before anything below.
 * ERR_TIMEOUT: no clock moved; a guess of 2 GHz is then in force. */
enum err tsc_calibrate(void) MUST_CHECK;
/* Is the rate known, or is it the guess? */
bool tsc_is_known(void);
/* What it was taken from: "CPUID leaf 15h", "ACPI PM timer"... */
const char *tsc_source(void);

/* Ticks a second; never 0. */
uint64_t tsc_hz(void);
/* Nanoseconds since the first instructions (boot/entry.asm); never goes back on one CPU. Any CPU,
 * any time. */
uint64_t tsc_now_ns(void);
/* A count of nanoseconds as TSC ticks, and back, for loops that compare raw stamps. */
uint64_t tsc_ticks(uint64_t ns);
uint64_t tsc_ns(uint64_t ticks);
/* Wait at least this long. Not for the data path. A long wait halts, and takes interrupts
 * meanwhile, once there is an alarm and if interrupts are off. */
void tsc_wait_us(uint32_t us);
/* From now on long waits halt: arm(ns) raises an interrupt on this core once, in at most ns; arm(0)
 * not at all. arch/lapic.c registers its timer so. Boot CPU. */
void tsc_set_alarm(void (*arm)(uint64_t ns));

#endif
