/* SPDX-License-Identifier: BSD-2-Clause
 * Tasks; see task.h. A task's stack keeps its frames between two steps: stack_switch saves the
 * registers that a function must preserve, and changes the stack.
 */
#include "arch/task.h"
#include "arch/cpu.h"
#include "arch/smp.h"
#include "arch/tsc.h"

/* arch/stack_switch.asm. */
void stack_switch(uint64_t *from, uint64_t to);

/* What a new task's stack holds: the registers that stack_switch pops, its return address, and a
 * return address of 0, where a backtrace ends. */
struct first_frame {
    uint64_t registers[6], entry, end;
};

/* Where a new task's stack begins to run; it never returns. */
static void task_main(void)
{
    struct task *task = &cpu_this()->task;

    for (;;) {
        task->run(task->context);
        task->is_busy = false;
        stack_switch(&task->sp, task->loop_sp);
    }
}

void task_start(void (*run)(void *context), void *context)
{
    struct task *task = &cpu_this()->task;

    if (task->sp == 0) {
        struct first_frame *frame = (struct first_frame *)smp_task_stack_top() - 1;
        *frame = (struct first_frame){.entry = (uintptr_t)task_main};
        task->sp = (uintptr_t)frame;
    }
    task->run = run;
    task->context = context;
    task->due_tsc = cpu_tsc();
    task->is_busy = true;
}

bool task_is_busy(void)
{
    return cpu_this()->task.is_busy;
}

bool task_is_running(void)
{
    return cpu_this()->task.is_running;
}

bool task_step(void)
{
    struct task *task = &cpu_this()->task;

    if (!task->is_busy || (int64_t)(cpu_tsc() - task->due_tsc) < 0)
        return false;
    task->left = TASK_STEP_UNITS;
    task->is_running = true;
    stack_switch(&task->loop_sp, task->sp);
    task->is_running = false;
    return true;
}

void task_pause(void)
{
    struct task *task = &cpu_this()->task;

    if (task->is_running)
        stack_switch(&task->sp, task->loop_sp);
}

void task_wait_us(uint32_t us)
{
    struct task *task = &cpu_this()->task;

    if (!task->is_running) {
        tsc_wait_us(us);
        return;
    }
    task->due_tsc = cpu_tsc() + tsc_ticks(us * 1000ull);
    task_pause();
}

void task_pay(unsigned units)
{
    struct task *task = &cpu_this()->task;

    if (!task->is_running)
        return;
    if (task->left < units)
        task_pause();
    task->left -= units;
}
