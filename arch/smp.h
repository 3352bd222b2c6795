/* SPDX-License-Identifier: BSD-2-Clause
 * The cores: per-core data, start-up, sleep.
 *
 * Interrupts are off on every core while it works. They are taken only while the core sleeps
 * (smp_sleep, long waits during bring-up): an interrupt only wakes the core, all work is done in
 * the loop. So no loop is ever interrupted, an interrupt storm keeps a sleeping core awake but
 * costs a working one nothing, and no wake-up is lost: an interrupt between the last check for work
 * and the halt stays pending and ends the halt.
 *
 * Read next: arch/irq.h, kernel/mailbox.h.
 */
#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include "arch/irq.h"
#include "arch/stretch.h"
#include "arch/task.h"
#include "arch/types.h"
#include "kernel/lib/hist.h"

#define CPUS_MAX 256u

enum cpu_state {
    CPU_ABSENT,
    CPU_COMPARING, /* set up; waits for core 0 to compare TSCs */
    CPU_PARKED,    /* started, without work */
    CPU_RUNNING,   /* in the loop that smp_run gave it; core 0 always is */
    CPU_STOPPED,   /* halted for good, by a panic */
};

/* Where a core was when an NMI reached it; see smp_trace. */
#define TRACE_MAX 16u
struct cpu_trace {
    uint64_t rip[TRACE_MAX];
    unsigned n;
};

/* One core. GS points at it. Each group has its own cache lines: no core's loop reads a line that
 * another core writes often. */
struct cpu {
    /* Set before the core runs. */
    struct cpu *self; /* at GS:0 */
    uint32_t index;   /* 0..cpus_n - 1; 0 is the core that booted */
    uint32_t apic_id;
    uint64_t stacks;  /* virtual: where its stacks begin, see smp.c; 0 for core 0 */
    int64_t tsc_skew; /* by how much the TSC is certainly ahead of core 0's; 0: they agree */

    /* Written by the core alone, each round. */
    uint64_t loop_tsc __attribute__((aligned(CACHE_LINE_BYTES))); /* stamp of the last round */
    uint64_t polls, empty_polls; /* rounds; those of them that found nothing */
    bool is_asleep;              /* then a stale stamp is no fault */
    struct stretch stretch;

    /* Written by the core alone, rarely. */
    uint64_t interrupts __attribute__((aligned(CACHE_LINE_BYTES))); /* taken, of all kinds */
    uint64_t sleeps;
    uint64_t first_tsc; /* the first round that found a frame; 0: none yet */
    struct hist stalls; /* ns between two rounds, if a millisecond or more */
    struct task task;

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

/* Set up core 0's struct cpu. Boot CPU, before the first log line: until then cpu_this faults. */
void smp_init(void);

/* Start the cores one after the other and park them. Boot CPU, once, after lapic_init. apic_ids: of
 * all usable cores, with or without core 0's; at most `max` cores are used (core 0 counts). take:
 * returns zeroed pages for areas and stacks, NULL if memory is short. low_pages: SMP_LOW_PAGES
 * zeroed pages below 640 KiB, for the trampoline and its page tables. set_up: called on each new
 * core before it parks; it must not log. failed: called on core 0 for each core that did not start.
 * Returns the number of cores, core 0 included. */
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

/* Make cores 1 to n - 1 (as far as they are started) leave the park and run `main`, each on its own
 * stack with interrupts off. Core 0. The others stay parked: halted, never woken. */
void smp_run(void (*main)(void), unsigned n);

/* Sleep until an interrupt comes (a queue's, a wake-up, the serial line's) or max_ns have passed;
 * 0: no limit. Call it with interrupts off, after a last check for work made with the device's
 * interrupt armed; it returns with interrupts off. Any core. */
void smp_sleep(uint64_t max_ns);

/* End that core's sleep; if it is awake, its next sleep ends at once. Any core, any number of
 * times.
 */
void smp_wake(unsigned core);

/* Get a backtrace of another core by NMI into cpus[core]->trace; waits at most a tenth of a second.
 * False: the core does not answer the NMI. One caller at a time for each core. */
bool smp_trace(unsigned core);

/* Stop all other cores for good, by NMI; for panic. Each stores its backtrace in its trace. Waits
 * at most a second, prints nothing; the state of a core that stopped is CPU_STOPPED. */
void smp_stop_others(void);

/* Stop this core as smp_stop_others would, with a trace that begins at rip and rbp. For a core that
 * another one's NMI cannot stop, since it is in the handler of an NMI itself. */
_Noreturn void smp_stop(uint64_t rip, uint64_t rbp);

/* The NMI handler. True: the NMI was one of smp_trace or smp_stop_others; or its source is unknown,
 * and then it is counted as vector 2 of this core, with a trace. An NMI between the two
 * instructions of cpu_sleep ends the sleep: frame then returns behind the hlt. False: the chipset
 * reports a board error. */
struct trap_frame;
bool smp_nmi(struct trap_frame *frame);

/* The end of the stack of this core's task (arch/task.h). */
uint8_t *smp_task_stack_top(void);

/* Does the address lie in the hole below one of a core's stacks? For panic. */
bool smp_is_guard(uint64_t address);

#endif
