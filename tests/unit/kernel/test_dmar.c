/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/firmware/dmar.c: units and reserved memory are read, damage is reported and skipped, scopes
 * lead through bridges, and the right unit is found for a function. (tests/tables/test_dmar.py
 * compares real tables with iasl; tests/fuzz/fuzz_dmar.c tries arbitrary bytes.)
 *
 * links: kernel/firmware/dmar.c kernel/firmware/acpi.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/firmware/dmar.h"

/* A table under construction, in a buffer of its exact size: ASan detects overruns. */
static uint8_t *bytes;
static uint32_t n;
static struct dmar dmar;

static uint8_t *add(uint32_t more)
{
    bytes = realloc(bytes, n + more);
    memset(bytes + n, 0, more);
    n += more;
    return bytes + n - more;
}

static void put(uint8_t *at, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* A structure without scopes yet; returns where it is. */
static uint32_t add_struct(unsigned kind, uint32_t length)
{
    uint8_t *at = add(length);
    put(at, kind, 2);
    put(at + 2, length, 2);
    return n - length;
}

static uint32_t add_unit(uint8_t flags, uint64_t base)
{
    uint32_t at = add_struct(DMAR_DRHD, 16);
    bytes[at + 4] = flags;
    put(bytes + at + 8, base, 8);
    return at;
}

/* A scope of the structure at `of`, which must be the last. */
static void add_scope(uint32_t of, uint8_t type, uint8_t id, uint8_t bus, unsigned steps, ...)
{
    uint32_t length = 6 + 2 * steps;
    uint8_t *at = add(length);
    va_list args;
    va_start(args, steps);
    at[0] = type;
    at[1] = (uint8_t)length;
    at[4] = id;
    at[5] = bus;
    for (unsigned i = 0; i < 2 * steps; i++)
        at[6 + i] = (uint8_t)va_arg(args, int);
    va_end(args);
    put(bytes + of + 2, n - of, 2);
}

static void open_table(void)
{
    const struct acpi_table table = {bytes, n, 0};
    assert_true(dmar_open(&dmar, &table));
}

static int set_up(void **state)
{
    (void)state;
    bytes = NULL;
    n = 0;
    uint8_t *head = add(DMAR_BYTES);
    memcpy(head, "DMAR", 4);
    head[36] = 38;
    head[37] = DMAR_INTR_REMAP | DMAR_X2APIC_OPT_OUT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

/* --- a machine: bus 0 has root ports 00:1c.0 (to bus 1, with bus 2 below it by 01:00.0) and
 * 00:1d.0 (to bus 5); 00:02.0 and everything on buses 1, 2, 5 are endpoints --- */

static uint8_t read8(void *context, struct dmar_function f, uint32_t offset)
{
    static const struct {
        uint8_t bus, devfn, secondary, subordinate;
    } bridges[] = {{0, 0x1C << 3, 1, 2}, {1, 0, 2, 2}, {0, 0x1D << 3, 5, 5}};
    (void)context;
    for (unsigned i = 0; i < ARRAY_SIZE(bridges); i++)
        if (f.segment == 0 && f.bus == bridges[i].bus && f.devfn == bridges[i].devfn)
            return offset == 0x0E   ? 0x81
                   : offset == 0x19 ? bridges[i].secondary
                   : offset == 0x1A ? bridges[i].subordinate
                                    : 0xFF;
    return offset == 0x0E && f.segment == 0 && f.bus < 6 ? 0 : 0xFF;
}
static const struct dmar_pci pci = {read8, NULL};

static uint64_t unit_of(uint16_t segment, uint8_t bus, uint8_t device, uint8_t function)
{
    struct dmar_entry unit;
    struct dmar_function f = {segment, bus, (uint8_t)(device << 3 | function)};
    return dmar_unit_of(&dmar, &pci, f, &unit) ? unit.base : 0;
}

static struct dmar_entry first_entry(void)
{
    struct dmar_entry e;
    open_table();
    struct acpi_walk walk = dmar_walk(&dmar);
    assert_true(dmar_next(&walk, &e));
    return e;
}

static void open__head__gives_width_and_flags(void **state)
{
    (void)state;
    open_table();
    assert_int_equal(dmar.address_bits, 39);
    assert_int_equal(dmar.flags, DMAR_INTR_REMAP | DMAR_X2APIC_OPT_OUT);
    const struct acpi_table cut = {bytes, DMAR_BYTES - 1, 0};
    struct dmar none;
    assert_false(dmar_open(&none, &cut));
}

static void drhd__all_fields__are_read(void **state)
{
    (void)state;
    uint32_t at = add_unit(1, 0xFED91000);
    bytes[at + 5] = 2;
    put(bytes + at + 6, 3, 2);
    add_scope(at, DMAR_SCOPE_IOAPIC, 8, 0xF0, 1, 0x1F, 0);
    struct dmar_entry e = first_entry();
    assert_int_equal(e.kind, DMAR_DRHD);
    assert_true(e.is_for_all);
    assert_int_equal(e.base, 0xFED91000);
    assert_int_equal(e.register_bytes, 16384);
    assert_int_equal(e.segment, 3);
    assert_null(e.damage);
    struct dmar_scopes scopes = dmar_scopes(&e);
    struct dmar_scope s;
    assert_true(dmar_scope_next(&scopes, &s));
    assert_int_equal(s.type, DMAR_SCOPE_IOAPIC);
    assert_int_equal(s.id, 8);
    assert_int_equal(s.start_bus, 0xF0);
    assert_int_equal(s.steps, 1);
    assert_int_equal(s.path[0], 0x1F);
    assert_false(dmar_scope_next(&scopes, &s));
    assert_false(scopes.is_broken);
}

static void drhd__invalid_register_base__is_reported(void **state)
{
    (void)state;
    static const uint64_t bases[] = {0, UINT64_MAX, 0xFED91800, 1ull << 60};
    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        n = DMAR_BYTES;
        add_unit(1, bases[i]);
        assert_non_null(first_entry().damage);
        assert_int_equal(unit_of(0, 0, 2, 0), 0);
    }
}

static void rmrr__limit__is_the_last_byte(void **state)
{
    (void)state;
    static const struct {
        uint64_t base, limit;
        bool is_good;
    } cases[] = {
        {0xBCF0D000, 0xBCF37FFF, true}, {0, 0, false},           {0x2000, 0x1FFF, false},
        {0x2000, 0x2FFE, false},        {0x2010, 0x2FFF, false}, {0x1000, UINT64_MAX, false},
        {0x2000, 0x2FFF, true},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        n = DMAR_BYTES;
        uint32_t at = add_struct(DMAR_RMRR, 24);
        put(bytes + at + 8, cases[i].base, 8);
        put(bytes + at + 16, cases[i].limit, 8);
        struct dmar_entry e = first_entry();
        assert_int_equal(e.base, cases[i].base);
        assert_int_equal(e.limit, cases[i].limit);
        assert_int_equal(e.damage == NULL, cases[i].is_good);
    }
}

static void walk__structures_too_short_or_of_other_kinds__are_reported_or_skipped(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {15, 23};
    static const unsigned others[] = {2, 3, 4, 5, 6, 200}; /* ATSR, RHSA, ANDD, SATC, SIDP */
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
        add_struct(others[i], i % 2 == 0 ? 4 : 40);
    for (unsigned kind = 0; kind < ARRAY_SIZE(lengths); kind++)
        add_struct(kind, lengths[kind]);
    add_unit(0, 0x1000);
    open_table();
    struct acpi_walk walk = dmar_walk(&dmar);
    struct dmar_entry e;
    for (unsigned kind = 0; kind < ARRAY_SIZE(lengths); kind++) {
        assert_true(dmar_next(&walk, &e));
        assert_int_equal(e.kind, kind);
        assert_non_null(e.damage);
        struct dmar_scopes scopes = dmar_scopes(&e);
        struct dmar_scope s;
        assert_false(dmar_scope_next(&scopes, &s));
    }
    assert_true(dmar_next(&walk, &e));
    assert_null(e.damage);
    assert_false(dmar_next(&walk, &e));
    assert_false(walk.is_broken);
}

static void walk__length_zero_or_past_the_end__breaks(void **state)
{
    (void)state;
    static const uint16_t lengths[] = {0, 3, 17, 0xFFFF};
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        n = DMAR_BYTES;
        uint32_t at = add_unit(0, 0x1000);
        put(bytes + at + 2, lengths[i], 2);
        open_table();
        struct acpi_walk walk = dmar_walk(&dmar);
        struct dmar_entry e;
        assert_false(dmar_next(&walk, &e));
        assert_true(walk.is_broken);
    }
}

/* A table in the field has 24 zeroes behind its last structure. */
static void walk__zeroes_up_to_the_end__are_padding(void **state)
{
    (void)state;
    for (uint32_t zeroes = 1; zeroes <= 24; zeroes++) {
        n = DMAR_BYTES;
        add_unit(1, 0x1000);
        add(zeroes);
        open_table();
        struct acpi_walk walk = dmar_walk(&dmar);
        struct dmar_entry e;
        assert_true(dmar_next(&walk, &e));
        assert_false(dmar_next(&walk, &e));
        assert_false(walk.is_broken);
        assert_int_equal(unit_of(0, 0, 3, 0), 0x1000);
        bytes[n - 1] = 1; /* not only zeroes */
        walk = dmar_walk(&dmar);
        assert_true(dmar_next(&walk, &e));
        assert_false(dmar_next(&walk, &e));
        assert_true(walk.is_broken);
    }
}

static void scopes__bad_lengths__break(void **state)
{
    (void)state;
    static const uint8_t lengths[] = {0, 2, 6, 7, 9, 10, 255};
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        n = DMAR_BYTES;
        uint32_t at = add_unit(0, 0x1000);
        add_scope(at, DMAR_SCOPE_ENDPOINT, 0, 0, 1, 2, 0);
        bytes[at + 17] = lengths[i];
        struct dmar_entry e = first_entry();
        struct dmar_scopes scopes = dmar_scopes(&e);
        struct dmar_scope s;
        assert_false(dmar_scope_next(&scopes, &s));
        assert_true(scopes.is_broken);
    }
}

static void unit__named_function__is_found_before_include_all(void **state)
{
    (void)state;
    uint32_t at = add_unit(1, 0x9000); /* for all others; real tables have it last */
    at = add_unit(0, 0x1000);
    add_scope(at, DMAR_SCOPE_ENDPOINT, 0, 0, 1, 2, 0);
    at = add_unit(0, 0x2000);
    add_scope(at, DMAR_SCOPE_BRIDGE, 0, 0, 1, 0x1C, 0);
    open_table();
    assert_int_equal(unit_of(0, 0, 2, 0), 0x1000);
    assert_int_equal(unit_of(0, 0, 2, 1), 0x9000);
    assert_int_equal(unit_of(0, 0, 0x1C, 0), 0x2000);
    assert_int_equal(unit_of(0, 1, 7, 3), 0x2000);
    assert_int_equal(unit_of(0, 2, 0, 0), 0x2000);
    assert_int_equal(unit_of(0, 5, 0, 0), 0x9000);
    assert_int_equal(unit_of(1, 0, 2, 0), 0); /* another segment */
}

static void unit__path_through_bridges__is_followed(void **state)
{
    (void)state;
    uint32_t at = add_unit(0, 0x1000);
    add_scope(at, DMAR_SCOPE_ENDPOINT, 0, 0, 3, 0x1C, 0, 0, 0, 3, 1); /* 02:03.1 */
    add_scope(at, DMAR_SCOPE_ENDPOINT, 0, 0, 2, 2, 0, 0, 0);          /* 00:02.0 is no bridge */
    add_scope(at, DMAR_SCOPE_ENDPOINT, 0, 0, 1, 33, 0);               /* there is no device 33 */
    add_unit(1, 0x9000);
    open_table();
    assert_int_equal(unit_of(0, 2, 3, 1), 0x1000);
    assert_int_equal(unit_of(0, 2, 3, 0), 0x9000);
    assert_int_equal(unit_of(0, 0, 1, 0), 0x9000);
    assert_int_equal(unit_of(0, 0xFF, 0, 0), 0x9000);
}

static void unit__ioapic_of_the_same_number__is_not_a_function(void **state)
{
    (void)state;
    uint32_t at = add_unit(0, 0x1000);
    add_scope(at, DMAR_SCOPE_IOAPIC, 0, 5, 1, 0, 0);
    add_scope(at, DMAR_SCOPE_HPET, 0, 5, 1, 0, 0);
    open_table();
    assert_int_equal(unit_of(0, 5, 0, 0), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(open__head__gives_width_and_flags),
        TEST(drhd__all_fields__are_read),
        TEST(drhd__invalid_register_base__is_reported),
        TEST(rmrr__limit__is_the_last_byte),
        TEST(walk__structures_too_short_or_of_other_kinds__are_reported_or_skipped),
        TEST(walk__length_zero_or_past_the_end__breaks),
        TEST(walk__zeroes_up_to_the_end__are_padding),
        TEST(scopes__bad_lengths__break),
        TEST(unit__named_function__is_found_before_include_all),
        TEST(unit__path_through_bridges__is_followed),
        TEST(unit__ioapic_of_the_same_number__is_not_a_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
