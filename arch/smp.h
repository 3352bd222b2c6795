/* SPDX-License-Identifier: BSD-2-Clause
 * The cores: what each knows of itself, starting them, sleeping.
 *
 * Interrupts are off on every core while it works. They are taken only while the core sleeps
 * (smp_sleep, long waits during bring-up): an interrupt wakes and does nothing else, all work is
 * done in the loop. So no loop is ever interrupted, a storm of interrupts costs a sleeping core its
 * sleep and a working one nothing, and between the last look for work and the halt no wake-up can
 * be lost: what comes in between is pending when the halt begins, and ends it.
 *
 * Read next: arch/irq.h, kernel/mailbox.h.
 */
#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include "arch/irq.h"
#include "arch/types.h"
#include "kernel/lib/hist.h"

#define CPUS_MAX 256u

enum cpu_state {
    CPU_ABSENT,
    CPU_COMPARING, /* up, and waits for core 0 to compare TSCs */
    CPU_PARKED,    /* started, has nothing to do */
    CPU_RUNNING,   /* in the loop that smp_run gave it; core 0 always is */
    CPU_STOPPED,   /* halted for good, by a panic */
};

/* Where a core was when it was asked by NMI; see smp_trace. */
#define TRACE_MAX 16u
struct cpu_trace {
    uint64_t rip[TRACE_MAX];
    unsigned n;
};

/* One core. GS points at it. Each group is a cache line of its own: what one core writes, no other
 * core's loop reads. */
struct cpu {
    /* Set before the core runs. */
    struct cpu *self; /* at GS:0 */
    uint32_t index;   /* 0..cpus_n - 1; 0 is the core that booted */
    uint32_t apic_id;
    uint64_t stacks;     /* virtual: where its stacks begin, see smp.c; 0 for core 0 */
    int64_t tsc_skew;    /* TSC less core 0's, as far as it was beyond doubt; 0: they agree */

    /* Written by the core alone, each round. */
    uint64_t loop_tsc __attribute__((aligned(CACHE_LINE_BYTES))); /* stamp of the last round */
    uint64_t polls, empty_polls; /* rounds; those of them that found nothing */
    bool is_asleep;              /* it may be silent */

    /* Written by the core alone, now and then. */
    uint64_t interrupts __attribute__((aligned(CACHE_LINE_BYTES))); /* taken, of all kinds */
    uint64_t sleeps;
    uint64_t first_tsc;          /* the first round that found a frame; 0: none yet */
    struct hist stalls; /* ns between two rounds, from a millisecond on */

    /* Written by others. */
    uint32_t state __attribute__((aligned(CACHE_LINE_BYTES))); /* enum cpu_state */
    bool is_trace_wanted, is_stop_wanted;                      /* what the next NMI is for */
    void (*main)(void);

    struct cpu_trace trace __attribute__((aligned(CACHE_LINE_BYTES)));
    struct irq_slot irqs[IRQ_VECTORS];
};

/* The cores that started, cpus[0..cpus_n-1], core 0 first. Fixed after smp_start. */
extern struct cpu *cpus[CPUS_MAX];
extern unsigned cpus_n;

/* The core that runs this. */
static inline struct cpu *cpu_this(void)
{
    struct cpu *cpu;
    __asm__("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* Give core 0 its struct cpu, before the first line of the log: until then cpu_this faults. */
void smp_init(void);

/* Start one core after the other; those that come up stay parked. Boot CPU, once, after lapic_init.
 * apic_ids: of all usable cores, core 0's among them or not; at most `max` cores run in the end
 * (core 0 counts). take: zeroed pages for areas and stacks, NULL if memory is short. low_pages:
 * SMP_LOW_PAGES of them below 640 KiB, for the trampoline and its page tables. set_up: called on
 * each new core before it parks; it must not log. failed: called on core 0 for each core that did
 * not start. Returns how many cores there are now. */
#define SMP_LOW_PAGES 5u
struct smp_plan {
    const uint32_t *apic_ids;
    unsigned n, max;
    void *(*take)(size_t bytes);
    void *low_pages;
    void (*set_up)(struct cpu *cpu);
    void (*failed)(uint32_t apic_id, const char *why);
};
unsigned smp_start(const struct smp_plan *plan);

/* Let cores 1 to n - 1 (all that are started, if fewer) leave the park and run `main`, each on its
 * own stack with interrupts off. Core 0. The others stay parked: halted, never woken. */
void smp_run(void (*main)(void), unsigned n);

/* Sleep until an interrupt comes (a queue's, a wake-up, the serial line's) or until max_ns have
 * passed; 0: no limit. Call it with interrupts off, after a last look for work with the device's
 * interrupt armed; it returns with interrupts off. Any core. */
void smp_sleep(uint64_t max_ns);

/* End that core's sleep, or its next one at once if it is awake. Any core, any number of times. */
void smp_wake(unsigned core);

/* Ask a core by NMI where it is; wait at most a tenth of a second. False: it does not answer even
 * that. The answer is in cpus[core]->trace. Core 0. */
bool smp_trace(unsigned core);

/* Stop all other cores for good, by NMI; for panic. They leave their traces. */
void smp_stop_others(void);

/* The NMI's handler. False: the board cries out, for the chipset names an error. True: it was one of
 * ours; or nobody knows whose, then it is counted as vector 2 of this core, with a trace. */
struct trap_frame;
bool smp_nmi(const struct trap_frame *frame);

/* Does the address lie in the hole below one of a core's stacks? For panic. */
bool smp_is_guard(uint64_t address);

#endif
