/* SPDX-License-Identifier: BSD-2-Clause
 * arch/tsc.c: its rate by a clock or by CPUID, the time of cores whose TSCs differ, and conversions.
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
/* The CPU of this program: one that states 3500 MHz in leaf 16h and no crystal. */
static struct cpuid stated_cpu_id(uint32_t leaf)
{
    return leaf == 0      ? (struct cpuid){.eax = 0x16}
           : leaf == 0x15 ? (struct cpuid){.eax = 2, .ebx = 292}
           : leaf == 0x16 ? (struct cpuid){.eax = 3500}
                          : (struct cpuid){0};
}
#define cpu_id(leaf, subleaf) stated_cpu_id(leaf)
#define alarm                 tsc_alarm /* unistd.h has another */
#include "arch/tsc.c"

#define S 1000000000ull

uint64_t machine_clock_ns;
static struct cpu cpu[3];

/* An HPET of 10 MHz beside a TSC of true_hz, which machine_clock_ns counts. Each read takes ten
 * ticks of the TSC. */
static uint64_t true_hz;

void machine_wait_ns(uint64_t ns)
{
    (void)ns;
    machine_clock_ns += 3;
}
uint64_t machine_read(uintptr_t address, uint32_t bytes)
{
    (void)bytes;
    if (address == 0x1000 + HPET_CAPS)
        return 100000000ull << 32;
    machine_clock_ns += 10;
    return true_hz ? machine_clock_ns * 10000000 / true_hz : 0;
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

static void expect_rate(uint64_t clock_hz, uint64_t least, uint64_t most, const char *from)
{
    true_hz = clock_hz;
    machine_clock_ns = 0;
    hz = GUESS_HZ;
    source = NULL;
    hpet_hz = 0;
    tsc_start();
    tsc_offer_hpet((mmio_t){0x1000});
    assert_int_equal(tsc_calibrate(), OK);
    assert_string_equal(tsc_source(), from);
    assert_in_range(tsc_hz(), least, most);
}

/* A TSC that counts an emulator's instructions is slow: the clock counts, not what CPUID states. */
static void rate__by_a_clock__is_preferred_to_leaf_16h(void **state)
{
    static const uint64_t rates[] = {1100000, 4000000, 50000000, 99000000, 2893437000, 9000000000};

    (void)state;
    for (unsigned i = 0; i < sizeof(rates) / sizeof(*rates); i++)
        expect_rate(rates[i], rates[i] / 100 * 97, rates[i] / 100 * 103, "HPET");
}

static void rate__no_clock_moves_or_its_rate_is_absurd__is_of_leaf_16h(void **state)
{
    (void)state;
    expect_rate(0, 3500000000, 3500000000, "CPUID leaf 16h");
    expect_rate(40000000000, 3500000000, 3500000000, "CPUID leaf 16h");
    expect_rate(100000, 3500000000, 3500000000, "CPUID leaf 16h");
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
        cmocka_unit_test(rate__by_a_clock__is_preferred_to_leaf_16h),
        cmocka_unit_test(rate__no_clock_moves_or_its_rate_is_absurd__is_of_leaf_16h),
        cmocka_unit_test(ticks__to_nanoseconds_and_back__lose_at_most_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
