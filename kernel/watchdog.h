/* SPDX-License-Identifier: BSD-2-Clause
 * The watchdog. Each core stamps its rounds; a round of a millisecond or more is counted in the
 * core's histogram, and a core without a stamp for WATCHDOG_SILENT_NS is reported with a backtrace,
 * taken by NMI. A core that has slept that long is woken, and reported if it then makes no stamp
 * for WATCHDOG_SLEEP_FACTOR times as long: that it received an INIT is otherwise undetectable. It
 * gets no NMI, because under QEMU an NMI ends the wait for STARTUP, and the core would run into
 * the firmware's reset code. Unexpected NMIs are logged.
 *
 * Core 0 checks all others; core 1, if it runs, checks core 0 in the same way, but later, since
 * core 0 waits for cards and for other cores. While core 0 is silent, core 1 prints the log.
 */
#ifndef KERNEL_WATCHDOG_H
#define KERNEL_WATCHDOG_H

#include "arch/cpu.h"
#include "arch/smp.h"

#define WATCHDOG_STALL_NS     1000000u
#define WATCHDOG_SILENT_NS    700000000u
#define WATCHDOG_CORE_0_NS    3000000000u /* a mailbox call and a reset may take two seconds */
#define WATCHDOG_SLEEP_FACTOR 8
#define WATCHDOG_OF_CORE_0    1u

/* WATCHDOG_STALL_NS in ticks; set by watchdog_init. */
extern uint64_t watchdog_stall_tsc;
/* Set the limits in ticks. Core 0, after tsc_calibrate, before the loops start. */
void watchdog_init(void);

/* Count a round of `ticks` in the core's histogram. */
void watchdog_count_stall(struct cpu *cpu, uint64_t ticks);

/* Stamp a round, right after the queues were polled, with now = cpu_tsc(). The core itself. */
static inline void watchdog_stamp(struct cpu *cpu, uint64_t now)
{
    uint64_t ticks = now - cpu->loop_tsc;
    stretch_end(&cpu->stretch, now, cpu->loop_tsc);
    cpu->loop_tsc = now;
    if (__builtin_expect(ticks >= watchdog_stall_tsc, 0))
        watchdog_count_stall(cpu, ticks);
}

/* From now on this core does `part` of its work between two polls (a constant text of at most 24
 * characters, or NULL: the lanes, or nothing that has a name). A part may name others within it, and
 * gives the part that was there before back at their end:
 *
 *     const char *before = watchdog_part("routes");
 *     ...
 *     (void)watchdog_part(before);
 *
 * `show cores` shows the part that took most of the longest stretch between two polls. Any core,
 * where it has work: not in each round. */
static inline const char *watchdog_part(const char *part)
{
    struct cpu *cpu = cpu_this();

    return stretch_part(&cpu->stretch, part, cpu_tsc(), cpu->loop_tsc);
}

/* Log a backtrace, with the names of functions. */
void watchdog_log_trace(const struct cpu_trace *trace);

/* Check all cores but core 0. Core 0, a few times a second. */
void watchdog_poll(void);

/* Check core 0. Core WATCHDOG_OF_CORE_0, a few times a second while it is awake. */
void watchdog_poll_core_0(void);
/* How long this core may sleep without a look at core 0; 0: without limit. */
uint64_t watchdog_sleep_ns(unsigned core);

#endif
