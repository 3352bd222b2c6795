/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/firmware/acpi.c. For every real table in tests/data/acpi, it finds the same structures as
 * iasl, at the same offsets with the same types and lengths, and the same MCFG fields. Then tables
 * built here: root pointers, XSDT and RSDT, wrong checksums and lengths, structures of length zero,
 * FADT fields, and \_S5 packages in the forms that firmware writes.
 *
 * links: kernel/firmware/acpi.c kernel/lib/fmt.c
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kernel/firmware/acpi.h"
#include "tests/unit/kernel/physical.h"

static char warnings[4096];
static void keep_warning(const char *text)
{
    if (strlen(warnings) + strlen(text) + 2 < sizeof warnings) {
        strcat(warnings, text);
        strcat(warnings, "\n");
    }
}
static struct acpi a;

static int clear(void **state)
{
    (void)state;
    physical_clear();
    warnings[0] = 0;
    a = (struct acpi){.map = physical_look, .warn = keep_warning};
    return 0;
}

static void put16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, 2);
}
static void put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
}
static void put64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, 8);
}

static void set_sum(uint8_t *table, size_t n, size_t at)
{
    uint8_t s = 0;
    table[at] = 0;
    for (size_t i = 0; i < n; i++)
        s += table[i];
    table[at] = (uint8_t)-s;
}

/* A table of `n` bytes at paddr, header filled in, body from `body`. */
static uint8_t *put_table(uint64_t paddr, const char *signature, const void *body,
                          size_t body_bytes)
{
    uint8_t table[4096] = {0};
    size_t n = ACPI_HEADER_BYTES + body_bytes;
    assert_true(n <= sizeof table);
    memcpy(table, signature, 4);
    put32(table + 4, (uint32_t)n);
    if (body_bytes)
        memcpy(table + ACPI_HEADER_BYTES, body, body_bytes);
    set_sum(table, n, 9);
    return physical_put(paddr, table, n);
}

static struct acpi_table in_memory(const uint8_t *at, size_t n)
{
    return (struct acpi_table){at, (uint32_t)n, 0};
}

/* --- real tables, compared with iasl --- */

struct listed {
    unsigned offset, type, bytes;
};

/* Read a line of iasl: "[02Ch 0044   1]   Subtable Type : 00 [...]", newer: "[02Ch 0044 001h]".
 * Returns whether the field has this name; *value is the number after the colon. */
static bool field_of(const char *line, const char *name, unsigned *offset,
                     unsigned long long *value)
{
    char label[64];
    unsigned decimal, hex;
    int end = 0;
    if (sscanf(line, "[%xh %u %*[0-9A-Fh]%n", &hex, &decimal, &end) != 2 || line[end] != ']')
        return false;
    snprintf(label, sizeof label, " %s : ", name);
    const char *at = strstr(line, label);
    if (!at || strspn(line + end + 1, " ") < (size_t)(at - (line + end + 1)))
        return false;
    *offset = decimal;
    *value = strtoull(at + strlen(label), NULL, 16);
    return true;
}

/* Disassemble one table with iasl. */
static FILE *disassemble(const char *path)
{
    char command[1024];
    mkdir("build/unit/iasl", 0777);
    snprintf(command, sizeof command,
             "iasl -p build/unit/iasl/table -d '%s' >build/unit/iasl/log 2>&1 && "
             "cat build/unit/iasl/table.dsl",
             path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    return f;
}

static size_t read_file(const char *path, uint8_t **out)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    struct stat st;
    assert_int_equal(fstat(fileno(f), &st), 0);
    *out = malloc((size_t)st.st_size);
    assert_int_equal(fread(*out, 1, (size_t)st.st_size, f), st.st_size);
    fclose(f);
    return (size_t)st.st_size;
}

static unsigned each_file(const char *folder, void (*visit)(const char *path))
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    unsigned visited = 0;
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        if (strstr(names[i]->d_name, ".bin")) {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
            visit(path);
            visited++;
        }
        free(names[i]);
    }
    free(names);
    return visited;
}

static unsigned iasl_refused;

static void same_structures(const char *path, uint32_t first, bool is_wide)
{
    uint8_t *bytes;
    size_t n = read_file(path, &bytes);
    physical_put(0x1000, bytes, n);
    char signature[5] = {0};
    memcpy(signature, bytes, 4);
    struct acpi_table table = acpi_table_at(&a, 0x1000, signature);
    assert_int_equal(table.bytes, n); /* the checksums are right */

    struct listed ours[512], theirs[512];
    unsigned n_ours = 0, n_theirs = 0;
    struct acpi_walk walk = acpi_walk(&table, first, is_wide);
    struct acpi_entry e;
    while (acpi_walk_next(&walk, &e)) {
        assert_true(n_ours < 512);
        ours[n_ours++] = (struct listed){(unsigned)(e.at - table.at), e.type, e.bytes};
    }
    assert_false(walk.is_broken);

    FILE *f = disassemble(path);
    char line[1024];
    bool is_complete = true;
    while (fgets(line, sizeof line, f)) {
        unsigned offset;
        unsigned long long value;
        /* A structure starts at "Subtable Type"; its next field is its length. */
        if (field_of(line, "Subtable Type", &offset, &value)) {
            assert_true(n_theirs < 512);
            theirs[n_theirs++] = (struct listed){offset, (unsigned)value, 0};
        } else if (n_theirs > 0 && theirs[n_theirs - 1].bytes == 0 &&
                   field_of(line, "Length", &offset, &value)) {
            theirs[n_theirs - 1].bytes = (unsigned)value;
        } else if (strstr(line, "Unknown") && strstr(line, "ubtable")) {
            is_complete = false; /* a type newer than this iasl; it stops there */
        }
    }
    is_complete &= pclose(f) == 0;
    iasl_refused += !is_complete;
    if (is_complete)
        assert_int_equal(n_ours, n_theirs);
    assert_true(n_theirs <= n_ours);
    for (unsigned i = 0; i < n_theirs && theirs[i].bytes; i++) {
        assert_int_equal(ours[i].offset, theirs[i].offset);
        assert_int_equal(ours[i].type, theirs[i].type);
        assert_int_equal(ours[i].bytes, theirs[i].bytes);
    }
    free(bytes);
    physical_clear();
}

static void one_madt(const char *path)
{
    same_structures(path, 44, false);
}
static void one_dmar(const char *path)
{
    same_structures(path, 48, true);
}

static void walk__real_madts__finds_the_same_as_iasl(void **state)
{
    (void)state;
    iasl_refused = 0;
    unsigned n = each_file("tests/data/acpi/madt", one_madt);
    assert_true(n >= 40);
    assert_true(iasl_refused <= n / 8);
}

static void walk__real_dmars__finds_the_same_as_iasl(void **state)
{
    (void)state;
    iasl_refused = 0;
    unsigned n = each_file("tests/data/acpi/dmar", one_dmar);
    assert_true(n >= 40);
    assert_true(iasl_refused <= n / 8);
}

static void one_mcfg(const char *path)
{
    uint8_t *bytes;
    size_t n = read_file(path, &bytes);
    physical_put(0x1000, bytes, n);
    struct acpi_table table = acpi_table_at(&a, 0x1000, "MCFG");
    assert_int_equal(table.bytes, n);
    FILE *f = disassemble(path);
    char line[1024];
    unsigned offset, entries = 0;
    unsigned long long base = 0, segment = 0, first = 0, value;
    while (fgets(line, sizeof line, f)) {
        if (field_of(line, "Base Address", &offset, &value))
            base = value;
        else if (field_of(line, "Segment Group Number", &offset, &value))
            segment = value;
        else if (field_of(line, "Start Bus Number", &offset, &value))
            first = value;
        else if (field_of(line, "End Bus Number", &offset, &value)) {
            struct acpi_mcfg e;
            assert_true(acpi_mcfg_entry(&table, entries++, &e));
            assert_int_equal(e.base, base);
            assert_int_equal(e.segment, segment);
            assert_int_equal(e.first_bus, first);
            assert_int_equal(e.last_bus, value);
        }
    }
    assert_int_equal(pclose(f), 0);
    assert_true(entries > 0);
    struct acpi_mcfg none;
    assert_false(acpi_mcfg_entry(&table, entries, &none));
    free(bytes);
    physical_clear();
}

static void mcfg__real_tables__equal_iasl(void **state)
{
    (void)state;
    assert_true(each_file("tests/data/acpi/mcfg", one_mcfg) >= 30);
}

/* --- invalid MCFG entries and structure lengths --- */

static void mcfg__invalid_entries__have_base_zero(void **state)
{
    (void)state;
    struct {
        uint64_t base;
        uint16_t segment;
        uint8_t first, last;
    } bad[] = {{0xE0000000, 0, 5, 4}, {0xE0001000, 0, 0, 255}, {1ull << 52, 0, 0, 255}};
    uint8_t body[8 + 3 * 16] = {0};
    for (unsigned i = 0; i < 3; i++) {
        put64(body + 8 + 16 * i, bad[i].base);
        put16(body + 16 + 16 * i, bad[i].segment);
        body[18 + 16 * i] = bad[i].first;
        body[19 + 16 * i] = bad[i].last;
    }
    put_table(0x1000, "MCFG", body, sizeof body);
    struct acpi_table t = acpi_table_at(&a, 0x1000, "MCFG");
    struct acpi_mcfg e;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(acpi_mcfg_entry(&t, i, &e));
        assert_int_equal(e.base, 0);
    }
    assert_false(acpi_mcfg_entry(&t, 3, &e));
    assert_false(acpi_mcfg_entry(&t, 0xFFFFFFFF, &e));
    t.bytes = 44 + 15; /* a truncated entry */
    assert_false(acpi_mcfg_entry(&t, 0, &e));
    t.bytes = 36;
    assert_false(acpi_mcfg_entry(&t, 0, &e));
}

static void walk__bad_lengths__stop_and_set_is_broken(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        bool is_wide;
        unsigned entries;
        bool is_broken;
    } cases[] = {
        {"", 0, false, 0, false},
        {"\0\2\1\3x", 5, false, 2, false},
        {"\0\2\1\0x", 5, false, 1, true}, /* length 0 */
        {"\0\2\1\1x", 5, false, 1, true}, /* shorter than its own head */
        {"\0\2\1\4x", 5, false, 1, true}, /* past the end */
        {"\0\2\1", 3, false, 1, true},    /* half a head */
        {"\0\0\4\0\1\0\6\0xx", 10, true, 2, false},
        {"\0\0\4\0\1\0\3\0xx", 10, true, 1, true},
        {"\0\0\4\0\1\0\0\1xx", 10, true, 1, true},
        {"\0\0\4\0\1\0\6", 7, true, 1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *copy = malloc(cases[i].n + 1);
        memcpy(copy, cases[i].bytes, cases[i].n);
        uint8_t *exact = realloc(copy, cases[i].n ? cases[i].n : 1);
        struct acpi_table t = in_memory(exact, cases[i].n);
        struct acpi_walk w = acpi_walk(&t, 0, cases[i].is_wide);
        struct acpi_entry e;
        unsigned n = 0;
        while (acpi_walk_next(&w, &e))
            n++;
        assert_int_equal(n, cases[i].entries);
        assert_int_equal(w.is_broken, cases[i].is_broken);
        assert_false(acpi_walk_next(&w, &e));
        free(exact);
    }
    struct acpi_table t = in_memory((const uint8_t *)"12", 2);
    struct acpi_walk w = acpi_walk(&t, 3, false);
    struct acpi_entry e;
    assert_false(acpi_walk_next(&w, &e));
    assert_true(w.is_broken);
}

/* --- root pointers and roots --- */

static void make_rsdp(uint8_t *p, uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
    memset(p, 0, ACPI_RSDP_BYTES);
    memcpy(p, "RSD PTR ", 8);
    p[15] = revision;
    put32(p + 16, rsdt);
    put32(p + 20, ACPI_RSDP_BYTES);
    put64(p + 24, xsdt);
    set_sum(p, 20, 8);
    set_sum(p, ACPI_RSDP_BYTES, 32);
}

static void rsdp__checksums_and_lengths__are_checked(void **state)
{
    (void)state;
    uint8_t p[ACPI_RSDP_BYTES];
    make_rsdp(p, 2, 0x1000, 0x2000);
    assert_true(acpi_is_rsdp(p, sizeof p));
    for (size_t n = 0; n < 20; n++)
        assert_false(acpi_is_rsdp(p, n));
    for (size_t i = 0; i < sizeof p; i++) {
        uint8_t bad[ACPI_RSDP_BYTES];
        memcpy(bad, p, sizeof p);
        bad[i] ^= 0x10;
        assert_false(acpi_is_rsdp(bad, sizeof bad));
    }
    make_rsdp(p, 0, 0x1000, 0);
    p[33] = 77; /* after the end of the version 0 structure */
    assert_true(acpi_is_rsdp(p, 20));
    assert_true(acpi_is_rsdp(p, sizeof p));
    p[17]++;
    assert_false(acpi_is_rsdp(p, 20));
}

static void find_rsdp__ebda_or_bios_area__is_scanned(void **state)
{
    (void)state;
    uint8_t rsdp[ACPI_RSDP_BYTES], area[0x20000] = {0}, found[ACPI_RSDP_BYTES];
    make_rsdp(rsdp, 2, 0x1000, 0x2000);
    memcpy(area + 0x15878 - 8, rsdp, sizeof rsdp); /* 16-byte boundary */
    make_rsdp(area + 0x300 + 8, 0, 0x3333, 0);     /* not on one: not found */
    physical_put(0xE0000, area, sizeof area);
    assert_true(acpi_find_rsdp(&a, found)); /* without BIOS data there is no EBDA to look at */
    assert_memory_equal(found, rsdp, sizeof rsdp);

    uint8_t ebda[1024] = {0};
    make_rsdp(rsdp, 0, 0x7777, 0);
    memcpy(ebda + 1024 - 32, rsdp, 20);
    uint16_t segment = 0x9FC0;
    physical_put(0x40E, &segment, 2);
    physical_put(0x9FC00, ebda, sizeof ebda);
    assert_true(acpi_find_rsdp(&a, found));
    assert_int_equal(acpi_u32(found + 16), 0x7777);

    physical_clear();
    assert_false(acpi_find_rsdp(&a, found));
}

static void open__damaged_xsdt__falls_back_to_rsdt(void **state)
{
    (void)state;
    uint8_t rsdp[ACPI_RSDP_BYTES], rsdt[8], xsdt[16];
    put32(rsdt, 0x5000);
    put32(rsdt + 4, 0x6000);
    put64(xsdt, 0x6000);
    put64(xsdt + 8, 0x5000);
    make_rsdp(rsdp, 2, 0x1000, 0x2000);
    put_table(0x1000, "RSDT", rsdt, sizeof rsdt);
    uint8_t *x = put_table(0x2000, "XSDT", xsdt, sizeof xsdt);
    put_table(0x5000, "APIC", "one", 3);
    put_table(0x6000, "APIC", "twotwo", 6);

    assert_true(acpi_open(&a, rsdp, sizeof rsdp));
    assert_true(a.root_is_xsdt);
    assert_int_equal(acpi_find(&a, "APIC", 0).paddr, 0x6000);
    assert_int_equal(acpi_find(&a, "APIC", 1).paddr, 0x5000);
    assert_int_equal(acpi_find(&a, "APIC", 2).bytes, 0);
    assert_int_equal(acpi_find(&a, "MCFG", 0).bytes, 0);
    assert_string_equal(warnings, "");

    x[9]++; /* a wrong checksum costs a warning */
    assert_true(acpi_open(&a, rsdp, sizeof rsdp));
    assert_true(a.root_is_xsdt);
    assert_int_equal(acpi_find(&a, "APIC", 0).paddr, 0x6000);
    assert_string_equal(warnings, "ACPI table XSDT at 0x2000 has a wrong checksum; used all the "
                                  "same\n");
    put32(x + 4, 35);
    assert_true(acpi_open(&a, rsdp, sizeof rsdp));
    assert_false(a.root_is_xsdt);
    assert_int_equal(acpi_find(&a, "APIC", 0).paddr, 0x5000);
    /* Twenty bytes of an RSDP are version 0: no XSDT. */
    assert_true(acpi_open(&a, rsdp, 20));
    assert_false(a.root_is_xsdt);
}

static void open__no_usable_root__is_reported(void **state)
{
    (void)state;
    uint8_t rsdp[ACPI_RSDP_BYTES];
    make_rsdp(rsdp, 2, 0x1000, 0xFFFFFFFFFFFFFFF0);
    assert_false(acpi_open(&a, rsdp, sizeof rsdp));
    assert_non_null(strstr(warnings, "no usable XSDT or RSDT"));
    assert_int_equal(acpi_find(&a, "APIC", 0).bytes, 0);
    rsdp[0] = 'X';
    assert_false(acpi_open(&a, rsdp, sizeof rsdp));
    assert_non_null(strstr(warnings, "damaged"));
}

static void table__invalid_length__is_reported_and_the_table_unused(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 8, 35, 0x00400001, 0xFFFFFFFF, 0x3000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        clear(NULL);
        uint8_t *t = put_table(0x5000, "A\tIC", "body", 4);
        put32(t + 4, lengths[i]);
        assert_int_equal(acpi_table_at(&a, 0x5000, "A\tIC").bytes, 0);
        assert_non_null(strstr(warnings, "ACPI table A?IC at 0x5000 "));
    }
}

/* Linux and FreeBSD use such tables too: machines are sold with them. */
static void table__wrong_checksum__is_reported_once_and_the_table_used(void **state)
{
    (void)state;
    put_table(0x5000, "APIC", "body", 4)[37] ^= 1;
    put_table(0x6000, "APIC", "body", 4)[38] ^= 1;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(acpi_table_at(&a, 0x5000, "APIC").bytes, 40);
        assert_int_equal(acpi_table_at(&a, 0x6000, "APIC").bytes, 40);
    }
    assert_string_equal(warnings,
                        "ACPI table APIC at 0x5000 has a wrong checksum; used all the same\n"
                        "ACPI table APIC at 0x6000 has a wrong checksum; used all the same\n");
    warnings[0] = 0;
    assert_int_equal(acpi_table_at(&a, 0x5000, "MCFG").bytes, 0); /* other name: no warning */
    assert_int_equal(acpi_table_at(&a, 0x9999999, "MCFG").bytes, 0);
    assert_string_equal(warnings, "");
}

/* --- SPCR --- */

/* A table of 80 bytes: kind of UART, its generic address, interrupt type, 8259's, IOAPIC's, baud. */
static bool spcr(uint8_t interface, uint8_t space, uint8_t bits, uint8_t access, uint64_t address,
                 uint8_t irq_type, struct acpi_spcr *out)
{
    uint8_t whole[80] = {0}, *table = whole;
    table[36] = interface;
    table[40] = space;
    table[41] = bits;
    table[43] = access;
    put64(table + 44, address);
    table[52] = irq_type;
    table[53] = 5;
    put32(table + 54, 37);
    table[58] = 7;
    physical_clear();
    put_table(0x1000, "SPCR", whole + ACPI_HEADER_BYTES, sizeof whole - ACPI_HEADER_BYTES);
    struct acpi_table t = acpi_table_at(&a, 0x1000, "SPCR");
    return acpi_spcr_read(&t, out);
}

static void spcr__ports_and_memory__have_access_and_interrupt(void **state)
{
    (void)state;
    struct acpi_spcr s;
    assert_true(spcr(0, ACPI_IO, 8, 1, 0x3E8, 1, &s));
    assert_true(s.is_port && !s.is_memory && s.irq == 5 && s.gsi == ACPI_NO_IRQ);
    assert_int_equal(s.baud, 115200);
    assert_true(spcr(1, ACPI_IO, 8, 0, 0xFFF9, 2, &s));
    assert_true(!s.is_port && !s.is_memory && s.irq == ACPI_NO_IRQ && s.gsi == 37);
    assert_false(spcr(0, ACPI_IO, 8, 1, 0, 1, &s));
    /* In memory: access size 1 to 4 is 8 to 64 bits, 0 means the register's width. */
    static const struct {
        uint8_t bits, access;
        bool fits;
        uint8_t bytes, stride;
    } rows[] = {
        {8, 1, true, 1, 1},   {32, 3, true, 4, 4},      {32, 1, true, 1, 4}, {16, 2, true, 2, 2},
        {32, 0, true, 4, 4},  {0, 0, true, 1, 1},       {8, 3, true, 4, 4},  {64, 4, false, 8, 8},
        {64, 0, false, 8, 8}, {255, 255, false, 8, 31},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(spcr(18, ACPI_MEMORY, rows[i].bits, rows[i].access, 0xFE030000, 0, &s));
        assert_int_equal(s.is_memory, rows[i].fits);
        assert_int_equal(s.bytes, rows[i].bytes);
        assert_int_equal(s.stride, rows[i].stride);
    }
    assert_true(spcr(2, ACPI_MEMORY, 8, 1, 0xFE030000, 0, &s)); /* no 16550 */
    assert_false(s.is_port || s.is_memory);
}

/* --- FADT and \_S5 --- */

static uint8_t fadt_body[276 - ACPI_HEADER_BYTES];
static uint8_t *fadt_at(unsigned offset)
{
    return fadt_body + offset - ACPI_HEADER_BYTES;
}
static void gas(unsigned offset, uint8_t space, uint64_t address)
{
    fadt_at(offset)[0] = space;
    put64(fadt_at(offset) + 4, address);
}

static void fadt__fields__come_from_the_right_place(void **state)
{
    (void)state;
    memset(fadt_body, 0, sizeof fadt_body);
    put32(fadt_at(40), 0x12345678);
    put32(fadt_at(48), 0xB2);
    *fadt_at(52) = 0xF1;
    put32(fadt_at(64), 0x604);
    put32(fadt_at(68), 0x10001); /* no port */
    put32(fadt_at(76), 0x608);
    *fadt_at(91) = 4;
    put32(fadt_at(112), 1 << 10 | 1 << 8);
    gas(116, 1, 0xCF9);
    *fadt_at(128) = 0x0F;
    put_table(0x1000, "FACP", fadt_body, sizeof fadt_body);
    struct acpi_table t = acpi_table_at(&a, 0x1000, "FACP");
    struct acpi_fadt f;
    assert_true(acpi_fadt_read(&t, &f));
    assert_int_equal(f.dsdt_paddr, 0x12345678);
    assert_int_equal(f.smi_port, 0xB2);
    assert_int_equal(f.acpi_enable, 0xF1);
    assert_int_equal(f.pm1a_control, 0x604);
    assert_int_equal(f.pm1b_control, 0);
    assert_int_equal(f.pm_timer, 0x608);
    assert_true(f.pm_timer_is_32_bit);
    assert_int_equal(f.reset_space, ACPI_IO);
    assert_int_equal(f.reset_address, 0xCF9);
    assert_int_equal(f.reset_value, 0x0F);
    assert_false(f.has_s5);

    /* The extended fields take precedence where they name a port. */
    put64(fadt_at(140), 0x1122334455);
    gas(172, 1, 0x1804);
    gas(184, 0, 0xFED00000);
    gas(208, 1, 0x1808);
    physical_clear();
    put_table(0x1000, "FACP", fadt_body, sizeof fadt_body);
    t = acpi_table_at(&a, 0x1000, "FACP");
    assert_true(acpi_fadt_read(&t, &f));
    assert_int_equal(f.dsdt_paddr, 0x1122334455);
    assert_int_equal(f.pm1a_control, 0x1804);
    assert_int_equal(f.pm1b_control, 0);
    assert_int_equal(f.pm_timer, 0x1808);
}

/* ACPI 6.4, sections 4.8.3.7 and 5.2.9: machines without PM1 registers. */
static void fadt__hardware_reduced__has_sleep_registers(void **state)
{
    (void)state;
    struct acpi_fadt f;
    memset(fadt_body, 0, sizeof fadt_body);
    for (unsigned reduced = 0; reduced < 2; reduced++)
        for (unsigned space = 0; space < 4; space++) {
            physical_clear();
            put32(fadt_at(112), reduced << 20);
            gas(244, (uint8_t)space, 0x10604);
            gas(256, (uint8_t)space, 0x605);
            put_table(0x1000, "FACP", fadt_body, 268 - ACPI_HEADER_BYTES);
            struct acpi_table t = acpi_table_at(&a, 0x1000, "FACP");
            assert_true(acpi_fadt_read(&t, &f));
            assert_int_equal(f.is_reduced, reduced);
            bool fits = reduced && space == ACPI_MEMORY; /* no port is that high */
            assert_int_equal(f.sleep_control.address, fits ? 0x10604 : 0);
            assert_int_equal(f.sleep_status.address, reduced && space < 2 ? 0x605 : 0);
            assert_int_equal(f.sleep_status.space, reduced && space < 2 ? space : 0);
        }
}

static void fadt__every_length__is_read_within_bounds(void **state)
{
    (void)state;
    memset(fadt_body, 0xFF, sizeof fadt_body);
    for (size_t n = 0; n <= sizeof fadt_body; n++) {
        physical_clear();
        put_table(0x1000, "FACP", fadt_body, n);
        struct acpi_table t = acpi_table_at(&a, 0x1000, "FACP");
        struct acpi_fadt f;
        assert_int_equal(acpi_fadt_read(&t, &f), ACPI_HEADER_BYTES + n >= 116);
        assert_int_equal(f.pm1a_control, 0);
    }
}

static bool s5(const char *aml, size_t n, struct acpi_fadt *f)
{
    physical_clear();
    memset(f, 0, sizeof *f);
    put_table(0x1000, "DSDT", aml, n);
    struct acpi_table t = acpi_table_at(&a, 0x1000, "DSDT");
    return acpi_s5_find(&t, f);
}
#define S5(aml, f) s5(aml, sizeof aml - 1, f)

static void s5__forms_that_firmware_writes__are_read(void **state)
{
    (void)state;
    struct acpi_fadt f;
    /* QEMU: Name (_S5, Package (4) {Zero, Zero, Zero, Zero}) */
    assert_true(S5("xx\x08_S5_\x12\x06\x04\x00\x00\x00\x00yy", &f));
    assert_true(f.has_s5);
    assert_int_equal(f.s5_type_a, 0);
    /* Byte constants, a root prefix, similar bytes before it. */
    assert_true(S5("_S5_\x08_S5X\x12\x08\\_S5_\x12\x0A\x04\x0A\x07\x0A\x05\x00\x00", &f));
    assert_int_equal(f.s5_type_a, 7);
    assert_int_equal(f.s5_type_b, 5);
    /* A package length of two bytes; the constant One; a word and a double word. */
    assert_true(S5("\x08_S5_\x12\x48\x01\x04\x01\x01", &f));
    assert_int_equal(f.s5_type_a, 1);
    assert_true(S5("\x08_S5_\x12\x08\x02\x0B\x03\x00\x0C\x06\x00\x00\x00", &f));
    assert_int_equal(f.s5_type_a, 3);
    assert_int_equal(f.s5_type_b, 6);
    /* One element: the second register gets the same. */
    assert_true(S5("\x08_S5_\x12\x04\x01\x0A\x05", &f));
    assert_int_equal(f.s5_type_b, 5);
}

static void s5__invalid_objects__are_refused(void **state)
{
    (void)state;
    struct acpi_fadt f;
    const struct acpi_table none = {0};
    assert_false(acpi_s5_find(&none, &f));
    assert_false(S5("", &f));
    assert_false(S5("\x08_S5", &f));
    assert_false(S5("xx_S5_\x12\x06\x04\x00\x00\x00\x00", &f));   /* not a Name */
    assert_false(S5("\x08_S5_\x11\x06\x04\x00\x00\x00\x00", &f)); /* not a package */
    assert_false(S5("\x08_S5_\x12\x06\x04\x0A\x08\x00", &f));     /* four bits */
    assert_false(S5("\x08_S5_\x12\x06\x00\x00\x00", &f));         /* empty */
    assert_false(S5("\x08_S5_\x12\x06\x04\x68\x00", &f));         /* not a constant */
    static const char whole[] = "\x08_S5_\x12\x4A\x01\x04\x0A\x07\x0A\x05";
    for (size_t n = 0; n < sizeof whole - 3; n++) /* truncated before the second value */
        assert_int_equal(s5(whole, n, &f), n >= 11);
    assert_false(f.s5_type_a == 7 && !f.has_s5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, clear, clear)

/* Three of 655 machines looked at keep \_S5 in an SSDT. */
static void s5__in_an_ssdt_alone__is_found(void **state)
{
    (void)state;
    struct acpi_fadt f = {0};
    uint8_t *bytes;
    size_t n = read_file("tests/data/acpi/aml/dell-t3500-dsdt-without-s5.aml", &bytes);
    struct acpi_table t = {bytes, (uint32_t)n, 0};
    assert_false(acpi_s5_find(&t, &f));
    free(bytes);
    n = read_file("tests/data/acpi/aml/dell-t3500-t7500-ssdt-with-s5.aml", &bytes);
    t = (struct acpi_table){bytes, (uint32_t)n, 0};
    assert_true(acpi_s5_find(&t, &f));
    assert_int_equal(f.s5_type_a, 2);
    assert_int_equal(f.s5_type_b, 2);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(walk__real_madts__finds_the_same_as_iasl),
        TEST(walk__real_dmars__finds_the_same_as_iasl),
        TEST(mcfg__real_tables__equal_iasl),
        TEST(mcfg__invalid_entries__have_base_zero),
        TEST(walk__bad_lengths__stop_and_set_is_broken),
        TEST(rsdp__checksums_and_lengths__are_checked),
        TEST(find_rsdp__ebda_or_bios_area__is_scanned),
        TEST(open__damaged_xsdt__falls_back_to_rsdt),
        TEST(open__no_usable_root__is_reported),
        TEST(table__invalid_length__is_reported_and_the_table_unused),
        TEST(table__wrong_checksum__is_reported_once_and_the_table_used),
        TEST(spcr__ports_and_memory__have_access_and_interrupt),
        TEST(fadt__fields__come_from_the_right_place),
        TEST(fadt__hardware_reduced__has_sleep_registers),
        TEST(fadt__every_length__is_read_within_bounds),
        TEST(s5__forms_that_firmware_writes__are_read),
        TEST(s5__in_an_ssdt_alone__is_found),
        TEST(s5__invalid_objects__are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
