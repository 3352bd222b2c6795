/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for arch/smp.h: a machine of one core, which never sleeps.
 */
#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include "arch/stretch.h"
#include "arch/types.h"
#include "kernel/lib/hist.h"

#define CPUS_MAX 256u

enum cpu_state { CPU_PARKED, CPU_RUNNING };
struct cpu_trace;

struct cpu {
    struct cpu *self;
    uint32_t index, apic_id, state;
    uint64_t loop_tsc, polls, empty_polls;
    uint64_t interrupts, sleeps, first_tsc;
    int64_t tsc_skew;
    bool is_asleep;
    struct hist stalls;
    struct stretch stretch;
};

__attribute__((weak)) struct cpu host_cpu;
#define cpus_n 1u
/* A test may give lanes to more cores; they are the same. */
#define cpus ((struct cpu *[]){&host_cpu, &host_cpu, &host_cpu, &host_cpu})

static inline struct cpu *cpu_this(void)
{
    return &host_cpu;
}
static inline void smp_sleep(uint64_t max_ns)
{
    (void)max_ns;
}
void smp_run(void (*main)(void), unsigned n);
static inline void smp_wake(unsigned core)
{
    (void)core;
}

#endif
