/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/memory/dma.c over simulated memory, addresses only. Without an IOMMU cards use physical
 * addresses; with one every buffer has its own card address, aligned as asked, separated from all
 * others by a hole, below 2^39, and never equal to its physical address. Grants reach the domain
 * unchanged.
 *
 * links: kernel/memory/dma.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arch/paging.h"
#include "kernel/log/log.h"
#include "kernel/memory/dma.h"
#include "kernel/memory/memory.h"

/* Physical memory is handed out from here upward. */
static uint64_t next_paddr;
static bool is_empty;
static unsigned n_lines;

void *memory_alloc(size_t bytes, size_t align)
{
    if (is_empty)
        return NULL;
    next_paddr = ALIGN_UP(next_paddr, (uint64_t)align);
    void *p = paging_pointer((paddr_t){next_paddr});
    next_paddr += bytes;
    return p;
}
static unsigned n_as_is;
void *memory_alloc_uninitialized(size_t bytes, size_t align)
{
    n_as_is++;
    return memory_alloc(bytes, align);
}
static uint64_t free_bytes = 1 << 30;
uint64_t memory_free_bytes(void)
{
    return free_bytes;
}
uint64_t memory_ram_bytes(void)
{
    return 1 << 30;
}
void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
    n_lines++;
}

static void alloc__bad_sizes_and_no_memory__are_refused_with_a_line(void **state)
{
    (void)state;
    static const struct {
        size_t bytes, align;
    } bad[] = {{0, 4096}, {1, 0}, {1, 64}, {1, 4 << 20}, {1, 12288}};
    struct dma_buf b;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        n_lines = 0;
        assert_int_equal(dma_alloc(bad[i].bytes, bad[i].align, &b), ERR_BAD_VALUE);
        assert_int_equal(n_lines, 1);
        assert_null(b.va);
    }
    n_lines = 0;
    is_empty = true;
    assert_int_equal(dma_alloc(1, 4096, &b), ERR_NO_MEMORY);
    assert_int_equal(n_lines, 1);
    is_empty = false;
}

static void alloc__without_iommu__gives_physical_addresses(void **state)
{
    (void)state;
    struct dma_buf b;
    next_paddr = 0x1000;
    assert_int_equal(dma_alloc(5000, 4096, &b), OK);
    assert_int_equal(b.bytes, 8192);
    assert_int_equal(b.iova.v, 0x1000);
    assert_int_equal(paging_paddr(b.va).v, 0x1000);
}

static void alloc__with_iommu__never_gives_the_physical_address(void **state)
{
    (void)state;
    /* RAM at the very addresses where the cards' addresses start. */
    next_paddr = 1ull << 38;
    dma_translate(39, (struct range){0});
    uint64_t last_end = 0;
    for (unsigned i = 0; i < 3000; i++) {
        size_t align = 4096u << i % 10, bytes = 1 + i * 37 % 70000;
        struct dma_buf b;
        assert_int_equal(dma_alloc(bytes, align, &b), OK);
        assert_int_not_equal(b.iova.v, paging_paddr(b.va).v);
        assert_int_equal(b.iova.v % align, 0);
        assert_true(b.iova.v + b.bytes <= 1ull << 39);
        assert_true(last_end == 0 || b.iova.v >= last_end + 4096);
        last_end = b.iova.v + b.bytes;
        /* From time to time, make physical and card addresses coincide again. */
        if (i % 7 == 0)
            next_paddr = last_end + 4096;
    }
}

static void alloc__with_short_iovas__uses_them_up_before_others(void **state)
{
    (void)state;
    const struct range first = {0xA0000000 + 512, 0xA0800000};
    struct dma_buf b;
    unsigned n = 0;

    next_paddr = 0x200000;
    dma_translate(39, first);
    for (uint64_t last_end = first.start;; n++) {
        assert_int_equal(dma_alloc(70000, 4096, &b), OK);
        if (b.iova.v >= first.end)
            break;
        assert_int_equal(b.iova.v % 4096, 0);
        assert_true(b.iova.v >= last_end && b.iova.v + b.bytes <= first.end);
        last_end = b.iova.v + b.bytes + 4096;
    }
    assert_in_range(n, 8 * 1048576 / (73728 + 4096) - 1, 8 * 1048576 / (73728 + 4096));
    assert_true(b.iova.v >= 1ull << 38 && b.iova.v + b.bytes <= 1ull << 39);
    assert_int_equal(dma_alloc(4096, 4096, &b), OK); /* a smaller piece may still fit, or not */
    assert_int_not_equal(b.iova.v, paging_paddr(b.va).v);
}

static void alloc__much_memory__takes_large_pages_only_while_half_is_left(void **state)
{
    (void)state;
    struct dma_buf b;
    next_paddr = 0x201000;
    assert_int_equal(dma_alloc(1 << 20, 4096, &b), OK);
    assert_int_equal(b.bytes, 2 << 20);
    assert_int_equal(b.iova.v % (2 << 20), 0);
    assert_int_equal(paging_paddr(b.va).v % (2 << 20), 0);
    uint64_t before = free_bytes;
    free_bytes = (1 << 29) + (2 << 20) - 1;
    next_paddr = 0x201000;
    assert_int_equal(dma_alloc(1 << 20, 4096, &b), OK);
    assert_int_equal(b.bytes, 1 << 20);
    assert_int_equal(paging_paddr(b.va).v, 0x201000);
    free_bytes = before;
}

static void alloc__card_addresses_exhausted__is_refused_with_a_line(void **state)
{
    (void)state;
    struct dma_buf b;
    next_paddr = 0x100000;
    n_lines = 0;
    assert_int_equal(dma_alloc((size_t)1 << 39, 4096, &b), ERR_NO_MEMORY);
    assert_int_equal(n_lines, 1);
    assert_int_equal(dma_alloc(4096, 4096, &b), OK);
}

static struct {
    struct dma_domain domain;
    uint64_t iova, paddr;
    size_t bytes;
    enum dma_rights rights;
} seen;

static enum err record_map(struct dma_domain *domain, iova_t iova, paddr_t paddr, size_t bytes,
                           enum dma_rights rights)
{
    assert_ptr_equal(domain, &seen.domain);
    seen.iova = iova.v;
    seen.paddr = paddr.v;
    seen.bytes = bytes;
    seen.rights = rights;
    return ERR_BUSY;
}

static void grant__piece__reaches_the_domain(void **state)
{
    (void)state;
    struct dma_buf b;
    next_paddr = 0x700000;
    assert_int_equal(dma_alloc(4096, 4096, &b), OK);
    assert_int_equal(dma_grant(NULL, &b, DMA_READ), OK);
    seen.domain.map = record_map;
    assert_int_equal(dma_grant(&seen.domain, &b, DMA_WRITE), ERR_BUSY);
    assert_int_equal(seen.iova, b.iova.v);
    assert_int_equal(seen.paddr, 0x700000);
    assert_int_equal(seen.bytes, 4096);
    assert_int_equal(seen.rights, DMA_WRITE);
}

/* Only without an IOMMU, which could deny cards the rest of memory, are frame buffers not
 * zeroed. */
static void alloc_frames__with_an_iommu__are_zeroed(void **state)
{
    (void)state;
    struct dma_buf buf;
    n_as_is = 0;
    assert_int_equal(dma_alloc_frames(1 << 20, PAGE_BYTES, &buf), OK);
    assert_int_equal(n_as_is, 1);
    assert_int_equal(dma_alloc(1 << 20, PAGE_BYTES, &buf), OK);
    assert_int_equal(n_as_is, 1);
    dma_translate(39, (struct range){0});
    assert_int_equal(dma_alloc_frames(1 << 20, PAGE_BYTES, &buf), OK);
    assert_int_equal(n_as_is, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc__bad_sizes_and_no_memory__are_refused_with_a_line),
        cmocka_unit_test(alloc__without_iommu__gives_physical_addresses),
        cmocka_unit_test(alloc_frames__with_an_iommu__are_zeroed),
        cmocka_unit_test(alloc__with_iommu__never_gives_the_physical_address),
        cmocka_unit_test(alloc__with_short_iovas__uses_them_up_before_others),
        cmocka_unit_test(alloc__much_memory__takes_large_pages_only_while_half_is_left),
        cmocka_unit_test(alloc__card_addresses_exhausted__is_refused_with_a_line),
        cmocka_unit_test(grant__piece__reaches_the_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
