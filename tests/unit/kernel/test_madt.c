/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/firmware/madt.c on tables built here; tests/tables compares real ones with iasl.
 *  - cores: enabled ones only, each id once, LAPIC and x2APIC, more than there is room for
 *  - IOAPICs, interrupt overrides and the ISA lines they define, NMI pins by core
 *  - structures too short, lengths of 0, 1 and past the end, tables too short
 *  - HPET: valid and invalid addresses
 *
 * links: kernel/firmware/madt.c kernel/firmware/acpi.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/firmware/madt.h"

static uint8_t bytes[16384];
static uint32_t used;
static struct madt madt;

static void begin(void)
{
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, "APIC", 4);
    bytes[36 + 2] = 0xE0, bytes[36 + 3] = 0xFE; /* FEE00000h */
    bytes[40] = 1;
    used = 44;
}
static uint8_t *add(uint8_t type, uint8_t length)
{
    uint8_t *at = bytes + used;
    at[0] = type, at[1] = length;
    used += length;
    return at;
}
static void add_lapic(uint8_t uid, uint8_t id, uint8_t flags)
{
    uint8_t *at = add(0, 8);
    at[2] = uid, at[3] = id, at[4] = flags;
}
static void add_x2apic(uint32_t id, uint32_t uid, uint8_t flags)
{
    uint8_t *at = add(9, 16);
    memcpy(at + 4, &id, 4);
    at[8] = flags;
    memcpy(at + 12, &uid, 4);
}
/* Read the table from a buffer of its exact size. */
static bool read_all(void)
{
    uint8_t *copy = malloc(used);
    memcpy(copy, bytes, used);
    struct acpi_table table = {copy, used, 0};
    bool is_read = madt_read(&table, &madt);
    free(copy);
    return is_read;
}

static void cores__enabled_and_disabled__only_enabled_are_kept(void **state)
{
    (void)state;
    begin();
    add_lapic(1, 0, 1);
    add_lapic(2, 2, 0);
    add_lapic(3, 4, 2); /* online-capable, not enabled */
    add_lapic(4, 6, 1);
    assert_true(read_all());
    assert_int_equal(madt.n_cpus, 2);
    assert_int_equal(madt.cpus[0].apic_id, 0);
    assert_int_equal(madt.cpus[1].apic_id, 6);
    assert_int_equal(madt.cpus[1].acpi_uid, 4);
    assert_int_equal(madt.n_disabled, 2);
    assert_int_equal(madt.lapic_paddr, 0xFEE00000);
    assert_true(madt.has_8259);
}

static void cores__listed_twice__are_one(void **state)
{
    (void)state;
    begin();
    add_lapic(1, 3, 1);
    add_x2apic(3, 1, 1);
    add_x2apic(300, 2, 1);
    add_lapic(9, 255, 1); /* a placeholder: the x2APIC entry is used */
    assert_true(read_all());
    assert_int_equal(madt.n_cpus, 2);
    assert_int_equal(madt.cpus[1].apic_id, 300);
}

static void cores__more_than_room__are_counted(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < MADT_CPUS_MAX + 5; i++)
        add_x2apic(i, i, 1);
    assert_true(read_all());
    assert_int_equal(madt.n_cpus, MADT_CPUS_MAX);
    assert_int_equal(madt.n_lost, 5);
}

static void lines__without_override__follow_the_isa_bus(void **state)
{
    (void)state;
    begin();
    assert_true(read_all());
    struct madt_line line = madt_isa_line(&madt, 4);
    assert_int_equal(line.gsi, 4);
    assert_false(line.is_low_active);
    assert_false(line.is_level);
}

static void lines__with_override__follow_the_override(void **state)
{
    (void)state;
    static const struct {
        uint8_t flags;
        bool is_low, is_level;
    } cases[] = {{0x0, 0, 0}, {0x5, 0, 0}, {0xD, 0, 1}, {0xF, 1, 1}, {0x7, 1, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        begin();
        uint8_t *at = add(2, 10);
        at[3] = 4, at[4] = 20, at[8] = cases[i].flags;
        assert_true(read_all());
        struct madt_line line = madt_isa_line(&madt, 4);
        assert_int_equal(line.gsi, 20);
        assert_int_equal(line.is_low_active, cases[i].is_low);
        assert_int_equal(line.is_level, cases[i].is_level);
        assert_int_equal(madt_isa_line(&madt, 3).gsi, 3);
    }
}

static void nmi_pins__of_one_core_and_of_all__are_combined(void **state)
{
    (void)state;
    begin();
    uint8_t *at = add(4, 6);
    at[2] = 0xFF, at[3] = 5, at[5] = 1;
    at = add(4, 6);
    at[2] = 7, at[3] = 7, at[5] = 0;
    at = add(10, 12);
    at[4] = 9, at[8] = 0;
    at = add(4, 6);
    at[5] = 2; /* no such pin */
    assert_true(read_all());
    unsigned low;
    assert_int_equal(madt_nmi_pins(&madt, 1, &low), 2);
    assert_int_equal(low, 0);
    assert_int_equal(madt_nmi_pins(&madt, 7, &low), 3);
    assert_int_equal(low, 1);
    assert_int_equal(madt_nmi_pins(&madt, 9, &low), 3);
    assert_int_equal(madt.n_bad, 1);
}

static void structures__too_short_for_their_type__are_left_out(void **state)
{
    (void)state;
    static const uint8_t types[] = {0, 1, 2, 4, 5, 9, 10}, least[] = {8, 12, 10, 6, 12, 16, 12};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        for (uint8_t length = 2; length < least[i]; length++) {
            begin();
            memset(add(types[i], length) + 2, 1, length - 2u);
            add_lapic(1, 9, 1);
            assert_true(read_all());
            assert_int_equal(madt.n_bad, 1);
            assert_int_equal(madt.n_cpus, 1);
            assert_int_equal(madt.n_ioapics + madt.n_overrides + madt.n_nmis, 0);
            assert_int_equal(madt.lapic_paddr, 0xFEE00000);
        }
}

static void lengths__invalid__end_the_walk(void **state)
{
    (void)state;
    static const uint8_t wrong[] = {0, 1, 255};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        begin();
        add_lapic(1, 5, 1);
        add_lapic(2, 6, 1);
        bytes[44 + 8 + 1] = wrong[i];
        assert_true(read_all());
        assert_true(madt.is_broken);
        assert_int_equal(madt.n_cpus, 1);
    }
}

static void tables__truncated_anywhere__are_read_up_to_there(void **state)
{
    (void)state;
    begin();
    for (uint8_t i = 0; i < 4; i++)
        add_lapic(i, i, 1);
    uint32_t whole = used;
    for (used = 0; used <= whole; used++) {
        if (used < 44) {
            assert_false(read_all());
            assert_int_equal(madt.n_cpus, 0);
        } else {
            assert_true(read_all());
            assert_int_equal(madt.n_cpus, (used - 44) / 8);
            assert_int_equal(madt.is_broken, (used - 44) % 8 != 0);
        }
    }
}

static void hpet__in_memory__is_found(void **state)
{
    (void)state;
    uint8_t table[56] = "HPET";
    uint64_t where = 0xFED00000;
    struct acpi_hpet hpet;
    memcpy(table + 44, &where, 8);
    table[52] = 2, table[53] = 0x80;
    assert_true(acpi_hpet_read(&(struct acpi_table){table, 56, 0}, &hpet));
    assert_int_equal(hpet.paddr, where);
    assert_int_equal(hpet.number, 2);
    assert_int_equal(hpet.min_tick, 0x80);
    assert_false(acpi_hpet_read(&(struct acpi_table){table, 55, 0}, &hpet));
    table[40] = 1; /* in I/O space */
    assert_false(acpi_hpet_read(&(struct acpi_table){table, 56, 0}, &hpet));
    table[40] = 0;
    memset(table + 44, 0, 8);
    assert_false(acpi_hpet_read(&(struct acpi_table){table, 56, 0}, &hpet));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cores__enabled_and_disabled__only_enabled_are_kept),
        cmocka_unit_test(cores__listed_twice__are_one),
        cmocka_unit_test(cores__more_than_room__are_counted),
        cmocka_unit_test(lines__without_override__follow_the_isa_bus),
        cmocka_unit_test(lines__with_override__follow_the_override),
        cmocka_unit_test(nmi_pins__of_one_core_and_of_all__are_combined),
        cmocka_unit_test(structures__too_short_for_their_type__are_left_out),
        cmocka_unit_test(lengths__invalid__end_the_walk),
        cmocka_unit_test(tables__truncated_anywhere__are_read_up_to_there),
        cmocka_unit_test(hpet__in_memory__is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
