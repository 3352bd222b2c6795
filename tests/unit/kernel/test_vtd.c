/* SPDX-License-Identifier: BSD-2-Clause
 * arch/vtd.c with a simulated unit, register by register: no unit, units without a queue, units
 * left on by a loader, caching mode, write buffers, page walks that bypass the CPU's caches,
 * commands that never finish, faults and their overflow. The simulated unit checks its commands:
 * one at a time, one-shot bits written once, no register invalidation while the queue is on,
 * translation only after both caches were invalidated under the new root.
 *
 * links: arch/vtd.c arch/vtd_table.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "arch/vtd.h"

#define CAP_QEMU  0xD2008C22260206ull /* QEMU's value: FRO 220h, one record */
#define CAP_RWBF  (1ull << 4)
#define CAP_PLMR  (1ull << 5)
#define CAP_CM    (1ull << 7)
#define ECAP_QEMU 0xF00F4Aull /* queue, remapping, IRO F0h; page walks not coherent */
#define ECAP_C    1ull
#define ECAP_QI   2ull
#define TE        (1u << 31)
#define SRTP      (1u << 30)
#define WBF       (1u << 27)
#define QIE       (1u << 26)
#define IRE       (1u << 25)
#define SIRTP     (1u << 24)
#define CFI       (1u << 23)
#define ONE_SHOT  (SRTP | WBF | (1u << 29) | (1u << 28) | SIRTP)
#define FRO       0x220
#define IOTLB     0xF8

/* --- the unit --- */

static struct {
    uint32_t version, gsts, fsts, pmen, fectl, iectl;
    uint32_t stuck; /* GSTS bits that never change */
    uint64_t cap, ecap, rtaddr, ccmd, iotlb, iqh, iqt, iqa, irta;
    uint64_t frcd[8][2];
    uint64_t root; /* taken by SRTP */
    bool context_is_clean, iotlb_is_clean, irt_is_clean;
    bool queue_is_stuck, invalidates_nothing;
    unsigned contexts, iotlbs, irts, flushes, drains; /* counts */
    char order[64];                                   /* a letter for each of the first actions */
} u;

static void record_action(char what)
{
    size_t n = strlen(u.order);
    if (n < sizeof(u.order) - 1)
        u.order[n] = what;
}

static void invalidate_context(void)
{
    u.contexts++;
    u.context_is_clean = true;
    record_action('c');
}
static void invalidate_iotlb(void)
{
    u.iotlbs++;
    u.iotlb_is_clean = u.context_is_clean; /* only after the context cache */
    record_action('t');
}

static void run_queue(void)
{
    while ((u.gsts & QIE) && u.iqh != u.iqt && !u.queue_is_stuck) {
        const uint64_t *d = paging_pointer((paddr_t){(u.iqa & ~0xFFFull) + u.iqh});
        switch (d[0] & 15) {
        case 1:
            assert_int_equal(d[0] >> 4 & 3, 1);
            invalidate_context();
            break;
        case 2:
            assert_int_equal(d[0], 0xD2); /* global, drain both */
            invalidate_iotlb();
            break;
        case 4:
            assert_int_equal(d[0], 4);
            u.irts++;
            u.irt_is_clean = true;
            record_action('i');
            break;
        case 5:
            assert_true(d[0] & 0x20);
            *(uint32_t *)paging_pointer((paddr_t){d[1]}) = (uint32_t)(d[0] >> 32);
            break;
        default:
            fail_msg("descriptor %lx", d[0]);
        }
        u.iqh = (u.iqh + 16) % 4096;
    }
}

static void global_command(uint32_t v)
{
    uint32_t change = (v ^ u.gsts) & ~ONE_SHOT & 0xFF800000;
    uint32_t shot = v & ONE_SHOT;

    /* One command at a time: either one bit changes or one one-shot bit is set. */
    assert_int_equal(__builtin_popcount(change) + __builtin_popcount(shot), 1);
    if (u.stuck & (change | shot))
        return;
    if (shot == SRTP) {
        u.root = u.rtaddr;
        u.gsts |= SRTP;
        u.context_is_clean = u.iotlb_is_clean = false;
        record_action('R');
    } else if (shot == SIRTP) {
        u.gsts |= SIRTP;
        u.irt_is_clean = false;
        record_action('S');
    } else if (shot == WBF) {
        u.flushes++; /* done at once */
    } else {
        u.gsts ^= change;
        if (change == TE)
            record_action(v & TE ? 'T' : 'x');
        if (change == TE && (v & TE)) {
            assert_true(u.gsts & SRTP);
            assert_true(u.context_is_clean && u.iotlb_is_clean);
        }
        if (change == QIE)
            record_action(v & QIE ? 'Q' : 'q');
        if (change == QIE && !(v & QIE))
            assert_int_equal(u.iqh, u.iqt);
        if (change == IRE)
            record_action(v & IRE ? 'I' : 'n');
        if (change == IRE)
            assert_true(u.irt_is_clean);
    }
}

uint64_t machine_read(uintptr_t at, uint32_t bytes)
{
    uint32_t offset = (uint32_t)at & 0xFFF;
    uint64_t v = 0;
    (void)bytes;
    /* clang-format off */
    switch (offset & ~7u) {
    case 0x00: v = u.version; break;
    case 0x08: v = u.cap; break;
    case 0x10: v = u.ecap; break;
    case 0x18: v = (uint64_t)u.gsts << 32; break;
    case 0x28: v = u.ccmd; break;
    case 0x30: v = (uint64_t)u.fsts << 32; break;
    case 0x60: v = (uint64_t)u.pmen << 32; break;
    case 0x80: v = u.iqh; break;
    case 0x88: v = u.iqt; break;
    case IOTLB: v = u.iotlb; break;
    default:
        assert_true(offset >= FRO && offset < FRO + sizeof(u.frcd));
        v = u.frcd[(offset - FRO) / 16][offset / 8 & 1];
    }
    /* clang-format on */
    return offset & 4 ? v >> 32 : v;
}

static void records_changed(void)
{
    bool any = false;
    for (unsigned i = 0; i < 8; i++)
        any |= u.frcd[i][1] >> 63;
    u.fsts = (u.fsts & ~2u) | (any ? 2 : 0);
}

static void write(uint32_t offset, uint64_t v)
{
    /* clang-format off */
    switch (offset) {
    case 0x18:
        global_command((uint32_t)v);
        break;
    case 0x20: u.rtaddr = v; break;
    case 0x28:
        assert_false(u.gsts & QIE);
        assert_int_equal(v, 1ull << 63 | 1ull << 61);
        invalidate_context();
        u.ccmd = u.invalidates_nothing ? 0 : 1ull << 59;
        break;
    case IOTLB:
        assert_false(u.gsts & QIE);
        assert_int_equal(v, 1ull << 63 | 1ull << 60 | 3ull << 48);
        invalidate_iotlb();
        u.iotlb = 1ull << 57;
        break;
    case 0x34: u.fsts &= ~((uint32_t)v & 0xFD); break;
    case 0x38: u.fectl = (uint32_t)v; break;
    case 0xA0: u.iectl = (uint32_t)v; break;
    case 0x64:
        u.pmen = (uint32_t)v & 0x80000000 ? 0x80000001 : 0;
        record_action('p');
        break;
    case 0x88:
        u.iqt = v;
        run_queue();
        break;
    case 0x90:
        assert_false(u.gsts & QIE);
        u.iqa = v;
        u.iqh = 0;
        break;
    case 0xB8: u.irta = v; break;
    default:
        assert_true(offset >= FRO && offset < FRO + sizeof(u.frcd) && offset % 16 == 12);
        if (v >> 31)
            u.frcd[(offset - FRO) / 16][1] &= ~(1ull << 63);
        records_changed();
    }
    /* clang-format on */
}

void machine_write(uintptr_t at, uint64_t v, uint32_t bytes)
{
    (void)bytes;
    write((uint32_t)at & 0xFFF, v);
}
void machine_write32(uintptr_t at, uint32_t v)
{
    write((uint32_t)at & 0xFFF, v);
}

/* --- the rest of the machine --- */

static uint64_t now_ns;
static unsigned lines_flushed;
static enum err map_result;

uint64_t machine_now_ns(void)
{
    return now_ns;
}
void machine_wait_ns(uint64_t ns)
{
    now_ns += ns;
}
uint64_t tsc_now_ns(void)
{
    return now_ns += 1000;
}
void machine_flush_line(const void *line)
{
    assert_int_equal((uintptr_t)line % 64, 0);
    lines_flushed++;
}
enum err paging_map_device(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    assert_int_equal(paddr.v, 0xFED90000);
    assert_int_equal(bytes % 4096, 0);
    out->base = 0x10000;
    return map_result;
}

enum err paging_extend_device(uint64_t bytes)
{
    assert_int_equal(bytes % 4096, 0);
    return map_result;
}
const char *paging_refusal(enum err err, paddr_t paddr, uint64_t bytes)
{
    (void)err, (void)paddr, (void)bytes;
    return "overlaps RAM in use";
}

static struct vtd_unit unit;
static uint8_t pages[2][4096] __attribute__((aligned(4096)));

static int power_on(void **state)
{
    (void)state;
    memset(&u, 0, sizeof(u));
    memset(pages, 0, sizeof(pages));
    u.version = 0x10;
    u.cap = CAP_QEMU;
    u.ecap = ECAP_QEMU;
    now_ns = 0;
    lines_flushed = 0;
    map_result = OK;
    return 0;
}

static enum err open_unit(void)
{
    return vtd_open(&unit, (paddr_t){0xFED90000}, 4096);
}

static enum err bring_up(void)
{
    enum err err = open_unit();
    if (!err)
        err = vtd_take_over(&unit);
    if (!err)
        err = vtd_start(&unit, pages[0], pages[1]);
    if (!err)
        err = vtd_set_root(&unit, (paddr_t){0x7000});
    if (!err)
        err = vtd_translate(&unit);
    return err;
}

/* --- tests --- */

static void open__all_ones_or_zeroes__is_no_device(void **state)
{
    (void)state;
    u.cap = u.ecap = UINT64_MAX, u.version = UINT32_MAX;
    assert_int_equal(open_unit(), ERR_NO_DEVICE);
    assert_non_null(strstr(unit.wrong, "no unit answers"));
    u.cap = u.ecap = 0, u.version = 0;
    assert_int_equal(open_unit(), ERR_NO_DEVICE);
    power_on(NULL);
    map_result = ERR_BUSY;
    assert_int_equal(open_unit(), ERR_BUSY);
    assert_non_null(strstr(unit.wrong, "its page of registers overlaps RAM in use"));
}

static void open__unusable_unit__is_refused(void **state)
{
    (void)state;
    u.cap &= ~0x1F00ull; /* SAGAW 0 */
    assert_int_equal(open_unit(), ERR_UNSUPPORTED);
    power_on(NULL);
    u.ecap &= ~ECAP_QI;
    u.version = 0x60;
    assert_int_equal(open_unit(), ERR_UNSUPPORTED);
    assert_non_null(strstr(unit.wrong, "no way to invalidate"));
}

static void open__capabilities__are_decoded(void **state)
{
    (void)state;
    assert_int_equal(open_unit(), OK);
    assert_int_equal(vtd_address_bits(&unit), 39);
    assert_int_equal(vtd_domains(&unit), 65536);
    assert_true(vtd_has_pages(&unit, 2) && vtd_has_pages(&unit, 3));
    assert_false(unit.is_coherent || unit.is_caching || unit.wants_flush || unit.has_zlr);
    assert_true(unit.has_queue && unit.can_remap_interrupts);
    u.cap = 0x1C0000C40660462; /* Skylake's graphics unit: 48-bit tables, addresses of 39 bits */
    u.ecap = 0x19E2FF0505E;
    assert_int_equal(open_unit(), OK);
    assert_int_equal(vtd_levels(unit.cap), 4);
    assert_int_equal(vtd_address_bits(&unit), 39);
    assert_true(unit.has_zlr);
}

static void start__command_order__follows_the_specification(void **state)
{
    (void)state;
    assert_int_equal(bring_up(), OK);
    assert_string_equal(u.order, "QRctT");
    assert_int_equal(u.root, 0x7000);
    assert_int_equal(u.iqa, paging_paddr(pages[0]).v);
    assert_true(unit.is_translating);
    assert_int_equal(unit.invalidations, 2);
}

static void start__no_queue__invalidates_by_registers(void **state)
{
    (void)state;
    u.ecap &= ~ECAP_QI;
    assert_int_equal(bring_up(), OK);
    assert_string_equal(u.order, "RctT");
    assert_false(unit.can_remap_interrupts);
    u.invalidates_nothing = true;
    assert_int_equal(vtd_invalidate(&unit), ERR_BAD_VALUE);
    assert_non_null(strstr(unit.wrong, "nothing was invalidated"));
}

static void start__left_on_by_a_loader__is_switched_off_first(void **state)
{
    (void)state;
    u.gsts = TE | SRTP | QIE | IRE | SIRTP;
    u.iqh = u.iqt = 0x120;
    u.irt_is_clean = false;
    u.fsts = 1;
    u.frcd[0][1] = 1ull << 63;
    records_changed();
    u.cap |= CAP_PLMR;
    u.pmen = 0x80000001;
    assert_int_equal(bring_up(), OK);
    /* Translation off, the loader's queue off, ours on, interrupt cache invalidated, remapping off;
     * then our start; the firmware's protected regions are opened last. */
    assert_string_equal(u.order, "xqQinRctTp");
    assert_int_equal(u.fsts, 0);
    assert_int_equal(u.fectl, 1u << 31); /* no messages */
    assert_int_equal(u.iectl, 1u << 31);
    assert_int_equal(u.frcd[0][1] >> 63, 0);
    assert_int_equal(u.pmen, 0);
}

static void take_over__queue_that_does_not_empty__is_reported(void **state)
{
    (void)state;
    u.gsts = QIE;
    u.iqh = 0x100, u.iqt = 0x120;
    assert_int_equal(open_unit(), OK);
    assert_int_equal(vtd_take_over(&unit), ERR_TIMEOUT);
    assert_non_null(strstr(unit.wrong, "IQH (0x80) reads 0x00000100"));
    assert_in_range(now_ns, 1000000000, 1100000000);
}

static void wait__command_that_never_finishes__is_reported(void **state)
{
    (void)state;
    static const uint32_t bits[] = {QIE, SRTP, TE};
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
        power_on(NULL);
        u.stuck = bits[i];
        assert_int_equal(bring_up(), ERR_TIMEOUT);
        assert_non_null(strstr(unit.wrong, "GSTS (0x1c) reads 0x"));
        assert_in_range(now_ns, 1000000000, 1100000000);
        assert_false(unit.is_translating);
    }
}

static void queue__stuck_or_in_error__is_reported(void **state)
{
    (void)state;
    assert_int_equal(bring_up(), OK);
    u.queue_is_stuck = true;
    assert_int_equal(vtd_invalidate(&unit), ERR_TIMEOUT);
    assert_non_null(strstr(unit.wrong, "the queue is stuck: IQH reads 0x30, IQT 0x60"));
    uint64_t before = now_ns;
    u.fsts = 0x10; /* IQE */
    assert_int_equal(vtd_invalidate(&unit), ERR_TIMEOUT);
    assert_true(now_ns - before < 1000000); /* without a wait */
}

static void queue__many_rounds__wrap(void **state)
{
    (void)state;
    assert_int_equal(bring_up(), OK);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(vtd_invalidate(&unit), OK);
    assert_int_equal(u.contexts, 1001);
    assert_int_equal(u.iotlbs, 1001);
}

static void grown__caching_mode__invalidates_absent_entries(void **state)
{
    (void)state;
    u.cap |= CAP_CM;
    assert_int_equal(bring_up(), OK);
    assert_int_equal(vtd_entries_added(&unit), OK);
    assert_int_equal(u.iotlbs, 2);
    power_on(NULL);
    u.cap |= CAP_RWBF;
    assert_int_equal(bring_up(), OK);
    assert_int_equal(vtd_entries_added(&unit), OK);
    assert_int_equal(u.iotlbs, 1);
    assert_int_equal(u.flushes, 1);
    power_on(NULL);
    assert_int_equal(bring_up(), OK);
    assert_int_equal(vtd_entries_added(&unit), OK);
    assert_int_equal(u.iotlbs + u.flushes, 1);
}

static void changed__page_walks_not_coherent__flushes_every_line(void **state)
{
    (void)state;
    assert_int_equal(open_unit(), OK);
    vtd_flush_entries(&unit, pages[0], 4096);
    assert_int_equal(lines_flushed, 64);
    vtd_flush_entries(&unit, pages[0] + 56, 16); /* spans two lines */
    assert_int_equal(lines_flushed, 66);
    u.ecap |= ECAP_C;
    assert_int_equal(open_unit(), OK);
    vtd_flush_entries(&unit, pages[0], 4096);
    assert_int_equal(lines_flushed, 66);
}

static void remap__old_format__is_blocked(void **state)
{
    (void)state;
    assert_int_equal(bring_up(), OK);
    memset(u.order, 0, sizeof(u.order));
    u.gsts |= CFI;
    assert_int_equal(vtd_remap(&unit, (paddr_t){0x9000}, 8, true), OK);
    assert_string_equal(u.order, "SiI");
    assert_int_equal(u.irta, 0x9000 | 1 << 11 | 7);
    assert_false(u.gsts & CFI);
    assert_true(unit.is_remapping);
    assert_int_equal(vtd_remap_off(&unit), OK);
    assert_false(u.gsts & IRE);
    u.gsts |= CFI;
    u.stuck = CFI;
    assert_int_equal(vtd_remap(&unit, (paddr_t){0x9000}, 8, false), ERR_TIMEOUT);
    assert_false(unit.is_remapping);
}

static struct vtd_fault seen[16];
static unsigned seen_n;
static void keep_fault(void *context, const struct vtd_fault *fault)
{
    assert_ptr_equal(context, &seen_n);
    seen[seen_n++] = *fault;
}

static void record(unsigned i, uint64_t address, uint16_t source)
{
    u.frcd[i][0] = address;
    u.frcd[i][1] = 1ull << 63 | 5ull << 32 | source;
    records_changed();
}

static void faults__records_in_order__are_reported_once(void **state)
{
    (void)state;
    bool lost, is_gone;
    u.cap |= 7ull << 40; /* eight records */
    assert_int_equal(bring_up(), OK);
    seen_n = 0;
    assert_int_equal(vtd_faults(&unit, keep_fault, &seen_n, &lost, &is_gone), 0);
    assert_false(lost || is_gone);

    record(6, 0x1000, 1), record(7, 0x2000, 2), record(0, 0x3000, 3); /* wraps */
    u.fsts |= 6 << 8;
    assert_int_equal(vtd_faults(&unit, keep_fault, &seen_n, &lost, &is_gone), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(seen[i].address, 0x1000 * (i + 1));
        assert_int_equal(seen[i].source, i + 1);
    }
    assert_false(lost);
    assert_int_equal(vtd_faults(&unit, keep_fault, &seen_n, &lost, &is_gone), 0);

    for (unsigned i = 0; i < 8; i++)
        record(i, 0x1000, 9);
    u.fsts = (u.fsts & 0xFF) | 3 << 8 | 1; /* full, with overflow */
    seen_n = 0;
    assert_int_equal(vtd_faults(&unit, keep_fault, &seen_n, &lost, &is_gone), 8);
    assert_true(lost);
    assert_int_equal(u.fsts & 3, 0);
    u.fsts = UINT32_MAX;
    assert_int_equal(vtd_faults(&unit, keep_fault, &seen_n, &lost, &is_gone), 0);
    assert_true(is_gone);
    assert_false(lost);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, power_on)
    const struct CMUnitTest tests[] = {
        TEST(open__all_ones_or_zeroes__is_no_device),
        TEST(open__unusable_unit__is_refused),
        TEST(open__capabilities__are_decoded),
        TEST(start__command_order__follows_the_specification),
        TEST(start__no_queue__invalidates_by_registers),
        TEST(start__left_on_by_a_loader__is_switched_off_first),
        TEST(take_over__queue_that_does_not_empty__is_reported),
        TEST(wait__command_that_never_finishes__is_reported),
        TEST(queue__stuck_or_in_error__is_reported),
        TEST(queue__many_rounds__wrap),
        TEST(grown__caching_mode__invalidates_absent_entries),
        TEST(changed__page_walks_not_coherent__flushes_every_line),
        TEST(remap__old_format__is_blocked),
        TEST(faults__records_in_order__are_reported_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
