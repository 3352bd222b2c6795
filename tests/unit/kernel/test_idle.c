/* SPDX-License-Identifier: BSD-2-Clause
 * arch/idle.h: a thermal interrupt that goes to SMM stays as firmware set it, any other is masked; and
 * which CPUs have a C1E that stops the local APIC's timer.
 *
 * links:
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/idle.h"

static void thermal__smi__is_kept(void **state)
{
    (void)state;
    assert_int_equal(idle_thermal_entry(0x00000200), 0x00000200);
    assert_int_equal(idle_thermal_entry(0x00010200), 0x00010200); /* masked by firmware */
}

static void thermal__anything_else__is_masked(void **state)
{
    (void)state;
    static const uint32_t entries[] = {0x10000, 0, 0xFA, 0x400, 0x700, 0x500, 0x5FF};
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
        assert_int_equal(idle_thermal_entry(entries[i]), 0x10000);
}

static void c1e__cpus__are_told_apart(void **state)
{
    (void)state;
    const uint32_t amd = 0x68747541, intel = 0x756E6547;
    static const struct {
        uint32_t version;
        bool has;
    } cpus[] = {
        {0x00060FB1, true},  /* Athlon 64 X2, family 0Fh */
        {0x00100F42, true},  /* Phenom II, 10h */
        {0x00500F10, false}, /* E-350, 14h */
        {0x00600F12, false}, /* FX-8150, 15h */
        {0x00800F11, false}, /* Ryzen, 17h */
        {0x00000F4A, true},  /* of AMD: also 0Fh */
        {0x000006A0, false}, /* K7 */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
        assert_int_equal(idle_may_stop_timer(amd, cpus[i].version, false), cpus[i].has);
        assert_false(idle_may_stop_timer(amd, cpus[i].version, true));
        assert_false(idle_may_stop_timer(intel, cpus[i].version, false));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thermal__smi__is_kept),
        cmocka_unit_test(thermal__anything_else__is_masked),
        cmocka_unit_test(c1e__cpus__are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
