/* SPDX-License-Identifier: BSD-2-Clause
 * arch/tsc.c: the time of cores whose TSCs differ, and conversions.
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
#include "arch/cpu.h"

static void cpu_sleep(void)
{
}
static bool cpu_interrupts_are_on(void)
{
    return true;
}
#define alarm tsc_alarm /* unistd.h has another */
#include "arch/tsc.c"

#define S 1000000000ull

uint64_t machine_clock_ns;
static struct cpu cpu[3];

void machine_wait_ns(uint64_t ns)
{
    (void)ns;
}
uint64_t machine_read(uintptr_t address, uint32_t bytes)
{
    (void)address, (void)bytes;
    return 0;
}
void machine_write(uintptr_t address, uint64_t value, uint32_t bytes)
{
    (void)address, (void)value, (void)bytes;
}

/* tsc_now_ns of a core, its TSC being that of core 0 plus its skew. */
static uint64_t now_on(unsigned core, uint64_t core_0_tsc)
{
    assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu[core]), 0);
    machine_clock_ns = core_0_tsc + (uint64_t)cpu[core].tsc_skew;
    return tsc_now_ns();
}

static void now__on_cores_with_other_tscs__is_that_of_core_0(void **state)
{
    (void)state;
    entry_tsc = 1000 * S;
    hz = S;
    for (unsigned i = 0; i < 3; i++)
        cpu[i].self = &cpu[i];
    cpu[1].tsc_skew = -(int64_t)(900 * S); /* behind by more than the machine is up */
    cpu[2].tsc_skew = (int64_t)(7200 * S);
    for (uint64_t up = 0; up < 2000 * S; up += 100 * S + 7)
        for (unsigned core = 0; core < 3; core++)
            assert_true(now_on(core, entry_tsc + up) == up);
}

static void ticks__to_nanoseconds_and_back__lose_at_most_one(void **state)
{
    (void)state;
    hz = 2893437000ull;
    for (uint64_t ns = 1; ns < 1ull << 60; ns *= 3) {
        uint64_t back = tsc_ns(tsc_ticks(ns));
        assert_true(back == ns || back == ns - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now__on_cores_with_other_tscs__is_that_of_core_0),
        cmocka_unit_test(ticks__to_nanoseconds_and_back__lose_at_most_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
