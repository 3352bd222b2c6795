/* SPDX-License-Identifier: BSD-2-Clause
 * Time: nanoseconds since entry, counted by the TSC.
 */
#ifndef ARCH_TSC_H
#define ARCH_TSC_H

#include "arch/types.h"

/* Find out how fast the TSC runs, from a CPUID leaf or else against a platform clock. Boot CPU,
 * once, before anything below. ERR_TIMEOUT: no clock moved; a guess of 2 GHz is then in force. */
enum err tsc_calibrate(void) MUST_CHECK;
/* Ticks a second, as calibrated; never 0. */
uint64_t tsc_hz(void);
/* Nanoseconds since tsc_calibrate; never goes back on one CPU. Any CPU, any time. */
uint64_t tsc_now_ns(void);
/* A count of nanoseconds as TSC ticks, for loops that compare raw stamps. */
uint64_t tsc_ticks(uint64_t ns);
/* Wait at least this long. Not for the data path. */
void tsc_wait_us(uint32_t us);

#endif
