/* SPDX-License-Identifier: BSD-2-Clause
 * Long work of a core, in steps between its polls. A core may have one task: a function on a stack of
 * its own, which the core's loop lets run for a step at a time (task_step). A step ends where the
 * function waits (task_wait_us), where its accesses to devices have used up the step (task_pay), or
 * where it says so (task_pause). So code that accesses a card is written straight down, and is the
 * same while the machine starts and nothing needs to be polled: outside of a task these functions
 * wait in place or do nothing.
 *
 * Between two steps everything else of the core's loop runs: what a task and that share must be
 * consistent wherever the task may pause. Tasks of different cores run at the same time.
 */
#ifndef ARCH_TASK_H
#define ARCH_TASK_H

#include "arch/types.h"

/* A step, in units of a posted write of a device register, about 100 ns: at most four reads, which
 * take about 1 us each. */
enum { TASK_STEP_UNITS = 32, TASK_READ = 8, TASK_WRITE = 1 };

/* In struct cpu; the core's own. */
struct task {
    void (*run)(void *context);
    void *context;
    uint64_t sp, loop_sp; /* of the side that does not run; sp 0: never run */
    uint64_t due_tsc;     /* no step before this time */
    unsigned left;        /* units of the step */
    bool is_busy;         /* started, and not ended */
    bool is_running;      /* the code that runs now is the task's */
};

/* Begin a task of this core: run(context), from the next task_step on. Not while task_is_busy. */
void task_start(void (*run)(void *context), void *context);
/* Has this core's task not ended? */
bool task_is_busy(void);
/* Is the code that asks a task's? */
bool task_is_running(void);
/* One step, if one is due; false: none was. The core's loop, between two polls. */
bool task_step(void);

/* In a task: end the step. */
void task_pause(void);
/* In a task: let the loop run until so much time has passed; else tsc_wait_us. */
void task_wait_us(uint32_t us);
/* In a task, before accesses of that many units (at most TASK_STEP_UNITS): end the step if it has
 * fewer left. */
void task_pay(unsigned units);

#endif
