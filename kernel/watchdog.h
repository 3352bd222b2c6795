/* SPDX-License-Identifier: BSD-2-Clause
 * Is every core alive? Each stamps its rounds; a round that took a millisecond or more is counted
 * in the core's histogram, and a core that does not stamp for WATCHDOG_SILENT_NS is named on the
 * console with a backtrace, taken by NMI. One that sleeps so long is woken, and has WATCHDOG_SLEEP
 * times as long to stamp: an INIT that was sent to it would show in nothing else. It gets no NMI:
 * QEMU lets one out of the wait for STARTUP by it, to the firmware's reset. An NMI that nobody
 * asked for is told of.
 */
#ifndef KERNEL_WATCHDOG_H
#define KERNEL_WATCHDOG_H

#include "arch/cpu.h"
#include "arch/smp.h"

#define WATCHDOG_STALL_NS  1000000u
#define WATCHDOG_SILENT_NS 700000000u
#define WATCHDOG_SLEEP     8

/* WATCHDOG_STALL_NS in ticks; set by watchdog_init. */
extern uint64_t watchdog_stall_tsc;
void watchdog_init(void);

void watchdog_stalled(struct cpu *cpu, uint64_t ticks);

/* Once a round, by its core: now = cpu_tsc(). */
static inline void watchdog_stamp(struct cpu *cpu, uint64_t now)
{
    uint64_t ticks = now - cpu->loop_tsc;
    cpu->loop_tsc = now;
    if (__builtin_expect(ticks >= watchdog_stall_tsc, 0))
        watchdog_stalled(cpu, ticks);
}

/* A trace in log lines, with names. */
void watchdog_log_trace(const struct cpu_trace *trace);

/* Look at all cores, a few times a second. Core 0. */
void watchdog_poll(void);

#endif
