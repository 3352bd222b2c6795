/* SPDX-License-Identifier: BSD-2-Clause
 * Is every core alive? Each stamps its rounds; a round that took a millisecond or more is counted
 * in the core's histogram, and a core that does not stamp for WATCH_SILENT_NS is named on the console
 * with a backtrace, taken by NMI. One that sleeps so long is woken, and has WATCH_SLEEP times as long
 * to stamp: an INIT that was sent to it would show in nothing else. It gets no NMI: QEMU lets one out
 * of the wait for STARTUP by it, to the firmware's reset. An NMI that nobody asked for is told of.
 */
#ifndef KERNEL_WATCH_H
#define KERNEL_WATCH_H

#include "arch/cpu.h"
#include "arch/smp.h"

#define WATCH_STALL_NS  1000000u
#define WATCH_SILENT_NS 700000000u
#define WATCH_SLEEP     8

/* WATCH_STALL_NS in ticks; set by watch_init. */
extern uint64_t watch_stall_tsc;
void watch_init(void);

void watch_stalled(struct cpu *cpu, uint64_t ticks);

/* Once a round, by its core: now = cpu_tsc(). */
static inline void watch_stamp(struct cpu *cpu, uint64_t now)
{
    uint64_t ticks = now - cpu->loop_tsc;
    cpu->loop_tsc = now;
    if (__builtin_expect(ticks >= watch_stall_tsc, 0))
        watch_stalled(cpu, ticks);
}

/* A trace in log lines, with names. */
void watch_log_trace(const struct cpu_trace *trace);

/* Look at all cores, a few times a second. Core 0. */
void watch_poll(void);

#endif
