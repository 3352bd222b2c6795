/* SPDX-License-Identifier: BSD-2-Clause
 * arch/vtd_table.c compared with an independent walker that follows the tables as the hardware
 * does, and with a plain list of mappings: translations and rights at the ends of every range, one
 * byte outside, and at random places, for 3 and 4 levels with and without large pages. Then
 * entries, messages and fault records, bit by bit.
 *
 * links: arch/vtd_table.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/vtd_table.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* --- memory for tables: page i is at FIRST + i pages, each allocated apart: ASan sees overruns
 * --- */

#define FIRST     0x123000ull
#define PAGES_MAX 4096
static uint64_t *pages[PAGES_MAX];
static unsigned pages_n, pages_limit = PAGES_MAX;
static unsigned changed_n;

static bool take(void *context, paddr_t *table)
{
    (void)context;
    if (pages_n == pages_limit)
        return false;
    pages[pages_n] = calloc(1, 4096);
    table->v = FIRST + 4096ull * pages_n++;
    return true;
}

static uint64_t *page_at(uint64_t paddr)
{
    if (paddr < FIRST || paddr % 4096 || (paddr - FIRST) / 4096 >= pages_n)
        return NULL;
    return pages[(paddr - FIRST) / 4096];
}

static uint64_t *look(void *context, paddr_t table)
{
    (void)context;
    uint64_t *page = page_at(table.v);
    assert_non_null(page);
    return page;
}

/* The entries that were flushed to the unit: the walker reads this copy, so a missing flush
 * fails. */
static uint64_t *flushed[PAGES_MAX];
static void changed(void *context, const void *entry, size_t bytes)
{
    (void)context;
    changed_n++;
    for (unsigned i = 0; i < pages_n; i++)
        if ((uintptr_t)entry - (uintptr_t)pages[i] < 4096) {
            if (!flushed[i])
                flushed[i] = calloc(1, 4096);
            memcpy((char *)flushed[i] + ((uintptr_t)entry - (uintptr_t)pages[i]), entry, bytes);
        }
}

static struct vtd_tables t;

static void begin(unsigned levels, bool has_2m, bool has_1g)
{
    for (unsigned i = 0; i < PAGES_MAX; i++) {
        free(pages[i]);
        free(flushed[i]);
        pages[i] = flushed[i] = NULL;
    }
    pages_n = changed_n = 0;
    pages_limit = PAGES_MAX;
    t = (struct vtd_tables){
        .levels = levels,
        .address_bits = levels == 3 ? 39 : 48,
        .has_2m = has_2m,
        .has_1g = has_1g,
        .alloc = take,
        .map = look,
        .flush = changed,
    };
    assert_int_equal(vtd_tables_init(&t), OK);
}

/* --- the walker: how a unit translates an address. Constants from the specification --- */

struct answer {
    unsigned r, w;
    uint64_t to;
    unsigned page_shift;
};
static struct answer hardware(uint64_t iova)
{
    struct answer a = {1, 1, 0, 0};
    uint64_t table = t.top.v;
    unsigned shift = t.levels == 4 ? 39 : 30;

    if (iova >> (shift + 9))
        return (struct answer){0};
    for (;; shift -= 9) {
        uint64_t index = iova >> shift & 0x1FF;
        assert_true(table >= FIRST && (table - FIRST) / 4096 < pages_n);
        const uint64_t *page = flushed[(table - FIRST) / 4096];
        uint64_t e = page ? page[index] : 0;
        a.r &= e & 1;
        a.w &= e >> 1 & 1;
        if (!a.r && !a.w)
            return (struct answer){0};
        /* Bits that are reserved or unused. */
        assert_int_equal(e & 0xFFF0000000000F7Cull, 0);
        if (shift == 12 || (e & 0x80)) {
            assert_true(shift <= 30);
            assert_true(shift != 12 || !(e & 0x80));
            assert_int_equal(e & 0x000FFFFFFFFFF000ull & ((1ull << shift) - 1), 0);
            a.to = (e & 0x000FFFFFFFFFF000ull) | (iova & ((1ull << shift) - 1));
            a.page_shift = shift;
            return a;
        }
        table = e & 0x000FFFFFFFFFF000ull;
    }
}

/* --- the list of mappings and unmappings, in order --- */

static struct mapping {
    uint64_t iova, paddr, bytes;
    unsigned rights; /* 0: unmapped */
} mappings[256];
static unsigned mappings_n;

static struct answer expected(uint64_t iova)
{
    struct answer a = {0};
    for (unsigned i = 0; i < mappings_n; i++) {
        struct mapping *d = &mappings[i];
        if (iova - d->iova >= d->bytes || iova < d->iova)
            continue;
        if (!d->rights) {
            a = (struct answer){0};
            continue;
        }
        a.r |= d->rights & 1;
        a.w |= d->rights >> 1 & 1;
        a.to = d->paddr + (iova - d->iova);
    }
    return a;
}

static void probe(uint64_t iova)
{
    struct answer want = expected(iova), is = hardware(iova);
    struct vtd_page ours = vtd_lookup(&t, (iova_t){iova});
    if (is.r != want.r || is.w != want.w || is.to != want.to)
        fail_msg("%lx: %u%u to %lx, expected %u%u to %lx", iova, is.r, is.w, is.to, want.r, want.w,
                 want.to);
    assert_int_equal(ours.rights, want.r | want.w << 1);
    assert_int_equal(ours.paddr, want.to);
    if (ours.rights)
        assert_int_equal(ours.page_bytes, 1ull << is.page_shift);
}

static void probe_all(void)
{
    for (unsigned i = 0; i < mappings_n; i++) {
        struct mapping *d = &mappings[i];
        static const int64_t near[] = {-4096, -1, 0, 1, 4095, 4096};
        for (unsigned k = 0; k < ARRAY_SIZE(near); k++) {
            probe(d->iova + (uint64_t)near[k]);
            probe(d->iova + d->bytes + (uint64_t)near[k]);
        }
        for (unsigned k = 0; k < 20; k++)
            probe(d->iova + ((uint64_t)rand() << 20 ^ (uint64_t)rand()) % d->bytes);
    }
}

static void map(uint64_t iova, uint64_t paddr, uint64_t bytes, unsigned rights)
{
    assert_int_equal(vtd_map(&t, (iova_t){iova}, (paddr_t){paddr}, bytes, rights), OK);
    mappings[mappings_n++] = (struct mapping){iova, paddr, bytes, rights};
}

static void unmap(uint64_t iova, uint64_t bytes)
{
    assert_int_equal(vtd_unmap(&t, (iova_t){iova}, bytes), OK);
    mappings[mappings_n++] = (struct mapping){iova, 0, bytes, 0};
}

static const struct {
    unsigned levels;
    bool has_2m, has_1g;
} shapes[] = {{3, false, false}, {3, true, false}, {3, true, true},
              {4, false, false}, {4, true, false}, {4, true, true}};

#define FOR_EACH_SHAPE                                                                             \
    for (unsigned shape = 0; shape < ARRAY_SIZE(shapes); shape++)                                  \
        if (mappings_n = 0,                                                                        \
            begin(shapes[shape].levels, shapes[shape].has_2m, shapes[shape].has_1g), true)

/* --- tests --- */

static void map__ends_of_every_range__are_exact(void **state)
{
    (void)state;
    FOR_EACH_SHAPE
    {
        uint64_t top = 1ull << t.address_bits;
        map(0, 0x5000, 4096, VTD_READ);
        map(2 * MIB, 64 * MIB, 2 * MIB, VTD_WRITE);
        map(5 * MIB, 3 * MIB, 1 * MIB, VTD_WRITE);
        map(8 * MIB - 4096, 16 * MIB - 4096, 6 * MIB + 8192, VTD_READ | VTD_WRITE);
        map(30 * MIB, 31 * MIB, 4 * MIB, VTD_READ); /* aligned differently: small pages */
        map(1 * GIB - 4096, 5 * GIB - 4096, 4096 + 16 * MIB, VTD_READ);
        map(top - 4096, 0x9000, 4096, VTD_WRITE);
        probe_all();
    }
}

static void map__sizes_of_pages__are_the_largest_that_fit(void **state)
{
    (void)state;
    FOR_EACH_SHAPE
    {
        unsigned large = shapes[shape].has_2m ? 21 : 12;
        map(256 * GIB, 2 * GIB, 2 * MIB, VTD_WRITE);
        assert_int_equal(hardware(256 * GIB).page_shift, large);
        map(257 * GIB, 3 * GIB + 4096, 2 * MIB, VTD_WRITE);
        assert_int_equal(hardware(257 * GIB).page_shift, 12);
        if (shapes[shape].has_1g) {
            map(258 * GIB, 8 * GIB, 1 * GIB + 2 * MIB, VTD_READ);
            assert_int_equal(hardware(258 * GIB).page_shift, 30);
            assert_int_equal(hardware(259 * GIB).page_shift, 21);
        }
        probe_all();
    }
}

static void map__the_same_twice__combines_rights(void **state)
{
    (void)state;
    FOR_EACH_SHAPE
    {
        map(4 * MIB, 20 * MIB, 4 * MIB, VTD_WRITE);
        map(4 * MIB, 20 * MIB, 4 * MIB, VTD_WRITE); /* no effect */
        map(6 * MIB, 22 * MIB, 2 * MIB, VTD_READ);  /* a whole large page */
        map(5 * MIB, 21 * MIB, 4096, VTD_READ);     /* a part of one, which is split */
        probe_all();
        map(4 * MIB, 20 * MIB, 4 * MIB, VTD_READ); /* large pages over small ones */
        probe_all();
        assert_int_equal(vtd_lookup(&t, (iova_t){5 * MIB}).rights, VTD_READ | VTD_WRITE);
    }
}

static void map__to_another_address__is_refused(void **state)
{
    (void)state;
    FOR_EACH_SHAPE
    {
        map(4 * MIB, 20 * MIB, 2 * MIB, VTD_WRITE);
        assert_int_equal(vtd_map(&t, (iova_t){4 * MIB}, (paddr_t){24 * MIB}, 2 * MIB, VTD_READ),
                         ERR_BUSY);
        assert_int_equal(vtd_map(&t, (iova_t){5 * MIB}, (paddr_t){20 * MIB}, 4096, VTD_READ),
                         ERR_BUSY);
        assert_int_equal(vtd_map(&t, (iova_t){5 * MIB}, (paddr_t){20 * MIB}, 4096, VTD_WRITE),
                         ERR_BUSY);
        probe_all();
    }
}

static void map__invalid_arguments__are_refused(void **state)
{
    (void)state;
    FOR_EACH_SHAPE
    {
        uint64_t top = 1ull << t.address_bits;
        const struct mapping bad[] = {
            {0x1001, 0x2000, 4096, 1},        {0x1000, 0x2001, 4096, 1},
            {0x1000, 0x2000, 4095, 1},        {0x1000, 0x2000, 0, 1},
            {0x1000, 0x2000, 4096, 0},        {0x1000, 0x2000, 4096, 4},
            {top, 0x2000, 4096, 1},           {top - 4096, 0x2000, 8192, 1},
            {UINT64_MAX - 4095, 0, 4096, 1},  {0x1000, 1ull << 52, 4096, 1},
            {0x1000, 0x2000, 0 - 4096ull, 1},
        };
        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
            assert_int_equal(vtd_map(&t, (iova_t){bad[i].iova}, (paddr_t){bad[i].paddr},
                                     bad[i].bytes, bad[i].rights),
                             ERR_BAD_VALUE);
        assert_int_equal(changed_n, 0);
        t.address_bits = 38; /* a unit whose addresses are shorter than its tables */
        assert_int_equal(vtd_map(&t, (iova_t){1ull << 38}, (paddr_t){0}, 4096, 1), ERR_BAD_VALUE);
    }
}

static void map__no_memory__is_refused_and_tables_stay_valid(void **state)
{
    (void)state;
    FOR_EACH_SHAPE
    {
        map(4 * MIB, 20 * MIB, 2 * MIB, VTD_WRITE);
        pages_limit = pages_n;
        assert_int_equal(vtd_map(&t, (iova_t){100 * GIB}, (paddr_t){0}, 4096, VTD_READ),
                         ERR_NO_MEMORY);
        if (shapes[shape].has_2m) {
            assert_int_equal(vtd_map(&t, (iova_t){5 * MIB}, (paddr_t){21 * MIB}, 4096, VTD_READ),
                             ERR_NO_MEMORY);
            assert_int_equal(vtd_unmap(&t, (iova_t){5 * MIB}, 4096), ERR_NO_MEMORY);
        }
        probe_all();
    }
}

static void unmap__part_of_a_large_page__leaves_the_rest(void **state)
{
    (void)state;
    FOR_EACH_SHAPE
    {
        map(32 * MIB, 64 * MIB, 8 * MIB, VTD_READ | VTD_WRITE);
        unmap(33 * MIB, 4096);
        unmap(36 * MIB - 4096, 2 * MIB + 8192);
        unmap(512 * MIB, 1 * GIB); /* nothing is there */
        probe_all();
        if (shapes[shape].has_1g) {
            map(8 * GIB, 16 * GIB, 2 * GIB, VTD_WRITE);
            unmap(8 * GIB + 6 * MIB, 4096);
            probe_all();
        }
    }
}

static void map__random_ranges__translate_as_listed(void **state)
{
    (void)state;
    srand(540);
    for (unsigned round = 0; round < 10; round++)
        FOR_EACH_SHAPE
        {
            uint64_t window = (uint64_t)(rand() % 200) * GIB;
            for (unsigned i = 0; i < 30; i++) {
                /* A constant offset between both addresses, so that overlapping ranges agree. */
                uint64_t at = (uint64_t)(rand() % 16384) * 4096;
                uint64_t bytes = (uint64_t)(1 + rand() % (rand() % 4 ? 32 : 2048)) * 4096;
                if (rand() % 3 == 0)
                    at &= ~(2 * MIB - 1);
                if (rand() % 4)
                    map(window + at, 4 * MIB + at, bytes, 1 + (unsigned)rand() % 3);
                else
                    unmap(window + at, bytes);
            }
            probe_all();
        }
}

static struct mapping visited[16];
static unsigned visited_n;
static void spend(uint32_t instructions)
{
    (void)instructions;
}

static void visit(void *context, iova_t iova, paddr_t paddr, uint64_t bytes, unsigned rights)
{
    assert_null(context);
    assert_true(visited_n < ARRAY_SIZE(visited));
    visited[visited_n++] = (struct mapping){iova.v, paddr.v, bytes, rights};
}

static void visit__runs__are_merged_and_in_order(void **state)
{
    (void)state;
    FOR_EACH_SHAPE
    {
        uint64_t top = 1ull << t.address_bits;
        map(top - 4096, 0x1000, 4096, VTD_READ);
        map(4 * MIB, 20 * MIB, 3 * MIB, VTD_WRITE);    /* large and small pages: one run */
        map(7 * MIB, 23 * MIB, 4096, VTD_READ);        /* other rights */
        map(7 * MIB + 4096, 30 * MIB, 4096, VTD_READ); /* another place */
        const struct mapping want[] = {{4 * MIB, 20 * MIB, 3 * MIB, 2},
                                       {7 * MIB, 23 * MIB, 4096, 1},
                                       {7 * MIB + 4096, 30 * MIB, 4096, 1},
                                       {top - 4096, 0x1000, 4096, 1}};
        visited_n = 0;
        vtd_visit(&t, visit, NULL, spend);
        assert_int_equal(visited_n, ARRAY_SIZE(want));
        for (unsigned i = 0; i < visited_n; i++) {
            assert_int_equal(visited[i].iova, want[i].iova);
            assert_int_equal(visited[i].paddr, want[i].paddr);
            assert_int_equal(visited[i].bytes, want[i].bytes);
            assert_int_equal(visited[i].rights, want[i].rights);
        }
    }
}

static void init__levels__are_three_or_four(void **state)
{
    (void)state;
    begin(3, true, true);
    t.levels = 2;
    assert_int_equal(vtd_tables_init(&t), ERR_UNSUPPORTED);
    t.levels = 5;
    assert_int_equal(vtd_tables_init(&t), ERR_UNSUPPORTED);
    t.levels = 3, t.address_bits = 40;
    assert_int_equal(vtd_tables_init(&t), ERR_UNSUPPORTED);
    /* Capabilities of real chips and of QEMU. */
    assert_int_equal(vtd_levels(0x8D2078C106F0466), 4);
    assert_int_equal(vtd_levels(0x19ED008C40780C66), 4);
    assert_int_equal(vtd_levels(0xD2008C22260206), 3);
    assert_int_equal(vtd_levels(0xD2008C222F0606), 4);
    assert_int_equal(vtd_levels(0x800), 0);
}

static void entries__fields__are_where_the_specification_has_them(void **state)
{
    (void)state;
    struct vtd_entry e = vtd_root_entry((paddr_t){0x123456000});
    assert_int_equal(e.low, 0x123456001);
    assert_int_equal(e.high, 0);
    e = vtd_context_entry((paddr_t){0x123456000}, 3, 0xABCD);
    assert_int_equal(e.low, 0x123456001); /* P, TT 0 */
    assert_int_equal(e.high, 0xABCD01);   /* DID, AW 1 */
    e = vtd_context_entry((paddr_t){0x1000}, 4, 1);
    assert_int_equal(e.high, 0x102);

    const struct vtd_irte edge = {.vector = 0x41, .destination = 0x203, .source = 0x0108};
    e = vtd_irte_entry(&edge, true);
    assert_int_equal(e.low, 0x0000020300410001);
    assert_int_equal(e.high, 0x40108); /* SVT 1, SQ 0 */
    const struct vtd_irte level = {
        .vector = 0x30, .is_level = true, .destination = 3, .source = 0xF0F8};
    e = vtd_irte_entry(&level, false);
    assert_int_equal(e.low, 0x0000030000300011);
    assert_int_equal(e.high, 0x4F0F8);

    assert_int_equal(vtd_msi_address(0), 0xFEE00010);
    assert_int_equal(vtd_msi_address(5), 0xFEE000B0);
    assert_int_equal(vtd_msi_address(0x7FFF), 0xFEEFFFF0);
    assert_int_equal(vtd_msi_address(0x8001), 0xFEE00034);
    assert_int_equal(vtd_ioapic_entry(0), 0x1000000000000);
    assert_int_equal(vtd_ioapic_entry(0x8001), 0x3000000000800);
}

static void fault__records__are_decoded(void **state)
{
    (void)state;
    struct vtd_fault f;
    assert_false(vtd_fault_decode(0x1000, 0x0000000500000108, &f));
    assert_true(vtd_fault_decode(0x4000001000, 0x8000000500000108, &f));
    assert_int_equal(f.source, 0x0108);
    assert_int_equal(f.reason, 5);
    assert_false(f.is_read);
    assert_false(f.is_interrupt);
    assert_int_equal(f.address, 0x4000001000);
    assert_true(vtd_fault_decode(0xFFFFFFFFFFFFF000, 0xC000000600000208, &f));
    assert_true(f.is_read);
    assert_int_equal(f.address, 0xFFFFFFFFFFFFF000);
    assert_true(vtd_fault_decode(0x0007000000000000, 0x8000002600000108, &f));
    assert_true(f.is_interrupt);
    assert_int_equal(f.index, 7);
    assert_string_equal(vtd_reason_text(5), "no write permission for the page");
    for (unsigned reason = 0; reason < 256; reason++)
        assert_true(strlen(vtd_reason_text((uint8_t)reason)) > 8);
}

static int tidy(void **state)
{
    (void)state;
    begin(3, false, false);
    free(pages[0]);
    pages[0] = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map__ends_of_every_range__are_exact),
        cmocka_unit_test(map__sizes_of_pages__are_the_largest_that_fit),
        cmocka_unit_test(map__the_same_twice__combines_rights),
        cmocka_unit_test(map__to_another_address__is_refused),
        cmocka_unit_test(map__invalid_arguments__are_refused),
        cmocka_unit_test(map__no_memory__is_refused_and_tables_stay_valid),
        cmocka_unit_test(unmap__part_of_a_large_page__leaves_the_rest),
        cmocka_unit_test(map__random_ranges__translate_as_listed),
        cmocka_unit_test(visit__runs__are_merged_and_in_order),
        cmocka_unit_test(init__levels__are_three_or_four),
        cmocka_unit_test(entries__fields__are_where_the_specification_has_them),
        cmocka_unit_test(fault__records__are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, tidy);
}
