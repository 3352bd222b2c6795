/* SPDX-License-Identifier: BSD-2-Clause
 * Long work in slices; see slice.h. The work's stack is written by stack_switch and by the work only;
 * its guard page stops it from growing into other memory, and its first frame ends a backtrace.
 */
#include "kernel/slice.h"

#include "arch/image.h"

/* arch/stack_switch.asm. */
void stack_switch(uint64_t *from, uint64_t to);

/* Core 0 alone uses it: other cores are never on the work's stack. */
static struct {
    void (*work)(void);
    uint64_t loop_stack, work_stack; /* of the one that does not run; work_stack 0: none yet */
    uint32_t spent;
    bool is_suspended, is_waiting;
} slice;

static bool is_work(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    return here >= (uintptr_t)stack_work_bottom && here < (uintptr_t)stack_work_top;
}

static _Noreturn void work_for_ever(void)
{
    for (;;) {
        slice.work();
        slice.is_suspended = false;
        stack_switch(&slice.work_stack, slice.loop_stack);
    }
}

/* The stack as stack_switch leaves one: registers, of which rbp is 0, then where it returns to; and
 * above that, where a caller's return address would be, a 0. */
static uint64_t new_stack(void)
{
    uint64_t *words = (uint64_t *)(void *)stack_work_bottom;
    size_t n = (size_t)(stack_work_top - stack_work_bottom) / sizeof(uint64_t);

    words[n - 1] = 0;
    words[n - 2] = (uintptr_t)work_for_ever;
    for (size_t i = n - 8; i < n - 2; i++)
        words[i] = 0;
    return (uintptr_t)&words[n - 8];
}

bool slice_run(void (*work)(void))
{
    if (slice.work_stack == 0)
        slice.work_stack = new_stack();
    if (!slice.is_suspended)
        slice.work = work;
    slice.is_suspended = true;
    slice.spent = 0;
    stack_switch(&slice.loop_stack, slice.work_stack);
    return slice.is_suspended;
}

bool slice_is_suspended(void)
{
    return slice.is_suspended;
}

bool slice_is_waiting(void)
{
    return slice.is_waiting;
}

bool slice_end(void)
{
    if (!is_work())
        return false;
    stack_switch(&slice.work_stack, slice.loop_stack);
    return true;
}

void slice_spend(uint32_t instructions)
{
    if (!is_work())
        return;
    slice.spent += instructions;
    if (slice.spent >= SLICE_INSTRUCTIONS)
        stack_switch(&slice.work_stack, slice.loop_stack);
}

bool slice_wait(void)
{
    if (!is_work())
        return false;
    slice.is_waiting = true;
    stack_switch(&slice.work_stack, slice.loop_stack);
    slice.is_waiting = false;
    return true;
}
