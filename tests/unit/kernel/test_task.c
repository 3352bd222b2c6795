/* SPDX-License-Identifier: BSD-2-Clause
 * arch/task.c with the real stack switch, two cores:
 *  - a task runs in steps on its core's stack, from where it paused, with its variables as they were,
 *    and may begin again once it has ended; the tasks of two cores do not mix;
 *  - a step ends when its accesses are paid for, and no step is made before a wait is over;
 *  - outside of a task pausing and paying do nothing, and a wait waits in place.
 *
 * links: arch/stack_switch.asm
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* The real header, not the stand-in for programs with one core. */
#include "../../../arch/smp.h"
#include "arch/task.c"

enum { CORES = 2, STACK_BYTES = 65536 };

uint64_t machine_clock_ns;
static struct cpu cpu[CORES];
static uint8_t stacks[CORES][STACK_BYTES] __attribute__((aligned(16)));
static uint64_t waited_us;

void machine_wait_ns(uint64_t ns)
{
    machine_clock_ns += ns;
}
uint64_t tsc_ticks(uint64_t ns)
{
    return ns;
}
void tsc_wait_us(uint32_t us)
{
    waited_us += us;
}
uint8_t *smp_task_stack_top(void)
{
    return stacks[cpu_this()->index] + STACK_BYTES;
}

static void become(unsigned core)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu[core]), 0);
}

static int start(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CORES; i++)
        cpu[i] = (struct cpu){.self = &cpu[i], .index = i};
    waited_us = 0;
    become(0);
    return 0;
}

/* Counts in steps, with its own number in registers and on the stack. */
static void count_to_5(void *context)
{
    unsigned *count = context;
    const uint8_t *here = (const uint8_t *)__builtin_frame_address(0);
    uint64_t a = (uintptr_t)context, b = a * 3, c = a * 5;

    assert_true(here >= stacks[cpu_this()->index] &&
                here < stacks[cpu_this()->index] + STACK_BYTES);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(task_is_running());
        ++*count;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c));
        task_pause();
        assert_int_equal(a + b + c, 9 * (uintptr_t)context);
    }
}

static void task__of_each_core__goes_on_where_it_paused(void **state)
{
    (void)state;
    unsigned count[CORES] = {0}, again = 0;

    for (unsigned core = 0; core < CORES; core++) {
        become(core);
        assert_false(task_step());
        task_start(count_to_5, &count[core]);
    }
    for (unsigned step = 1; step <= 5; step++)
        for (unsigned core = 0; core < CORES; core++) {
            become(core);
            assert_true(task_is_busy() && !task_is_running());
            assert_true(task_step());
            assert_int_equal(count[core], step);
        }
    for (unsigned core = 0; core < CORES; core++) {
        become(core);
        assert_true(task_step()); /* it ends */
        assert_false(task_is_busy() || task_step());
    }
    task_start(count_to_5, &again);
    while (task_is_busy())
        assert_true(task_step());
    assert_int_equal(again, 5);
    assert_int_equal(count[0] + count[1], 10);
}

static unsigned reads, writes;
static void access_a_card(void *context)
{
    (void)context;
    for (unsigned i = 0; i < 20; i++) {
        task_pay(TASK_READ);
        reads++;
    }
    for (unsigned i = 0; i < 100; i++) {
        task_pay(TASK_WRITE);
        writes++;
    }
}

static void step__accesses_are_paid__ends(void **state)
{
    (void)state;
    unsigned steps = 0;

    reads = writes = 0;
    task_start(access_a_card, NULL);
    while (task_is_busy()) {
        unsigned reads_before = reads, writes_before = writes;
        assert_true(task_step());
        assert_true((reads - reads_before) * TASK_READ + (writes - writes_before) * TASK_WRITE <=
                    TASK_STEP_UNITS);
        steps++;
    }
    assert_int_equal(reads, 20);
    assert_int_equal(writes, 100);
    assert_in_range(steps, 5 + 3, 5 + 5);
}

static void wait_twice(void *context)
{
    task_wait_us(50);
    ++*(unsigned *)context;
    task_wait_us(100000);
    ++*(unsigned *)context;
}

static void wait__in_a_task__no_step_before_its_end(void **state)
{
    (void)state;
    unsigned ended = 0;

    machine_clock_ns = 1000;
    task_start(wait_twice, &ended);
    assert_true(task_step());
    assert_false(task_step());
    machine_clock_ns += 49000;
    assert_false(task_step());
    machine_clock_ns += 1000;
    assert_true(task_step());
    assert_int_equal(ended, 1);
    machine_clock_ns += 99999999;
    assert_false(task_step());
    machine_clock_ns += 1;
    assert_true(task_step());
    assert_int_equal(ended, 2);
    assert_int_equal(waited_us, 0);
}

static void outside_of_a_task__waits_are_made_in_place(void **state)
{
    (void)state;
    assert_false(task_is_running() || task_is_busy());
    task_pause();
    task_pay(TASK_STEP_UNITS);
    task_pay(TASK_STEP_UNITS);
    task_wait_us(7);
    assert_int_equal(waited_us, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(task__of_each_core__goes_on_where_it_paused, start),
        cmocka_unit_test_setup(step__accesses_are_paid__ends, start),
        cmocka_unit_test_setup(wait__in_a_task__no_step_before_its_end, start),
        cmocka_unit_test_setup(outside_of_a_task__waits_are_made_in_place, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
