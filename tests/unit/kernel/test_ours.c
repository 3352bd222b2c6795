/* SPDX-License-Identifier: BSD-2-Clause
 * What is ours is neither mapped as a device nor granted to a card, whoever names it: arch/paging.c
 * with the image, RAM, a boot module, ACPI tables, a frame buffer and a unit's registers, and all
 * code that follows an address of a card or of firmware: BARs and the ECAM window (kernel/pci.c),
 * IOAPICs, VT-d units, reserved memory (kernel/iommu/iommu.c). Each is given every page of what is
 * ours, and ranges that only touch it; each pays with the one thing concerned, after one line. The
 * pages beside it are accepted. Addresses that the CPU does not have, and huge ranges, are refused.
 * And a page that is made read-only inside a large one.
 *
 * links: arch/paging.c arch/ioapic.c arch/vtd.c arch/vtd_table.c kernel/pci.c kernel/iommu/iommu.c
 * kernel/iommu/policy.c kernel/firmware/dmar.c kernel/firmware/acpi.c kernel/lib/fmt.c
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
#include "arch/features.h"
#include "arch/image.h"
#include "arch/ioapic.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "kernel/iommu/internal.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/panic.h"
#include "kernel/pci.h"

/* The image: 16 pages of this program, so that its physical address is a host address. */
__asm__(".pushsection .bss\n"
        ".balign 4096\n"
        ".globl image_start_paddr, image_end_paddr\n"
        "image_start_paddr: .skip 16 * 4096\n"
        "image_end_paddr: .skip 8\n"
        ".popsection\n");
/* paging_map_image is not called here. */
const uint8_t image_text_start[1], image_text_end[1], image_rodata_start[1], image_rodata_end[1];
uint8_t image_data_start[1], image_sealed_start[1], image_sealed_end[1];
uint8_t stack_boot_guard[1], stack_boot_bottom[1], stack_boot_top[1];
uint8_t stack_fault_bottom[1], stack_fault_top[1], stack_nmi_bottom[1], stack_nmi_top[1];
uint8_t stack_check_bottom[1], stack_check_top[1];
uint8_t stack_work_bottom[1], stack_work_top[1];
uint8_t stack_task_bottom[1], stack_task_top[1];

enum {
    RAM_LOW = 0x10000,
    RAM_LOW_END = 0x9F000,
    RAM = 0x200000,
    RAM_END = 0x600000,
    MODULE = 0x700000,
    MODULE_END = 0x703000,
    TABLES = 0x7FE0000,
    TABLES_END = 0x7FE2000,
};
#define SCREEN     0xC0000000ull
#define SCREEN_END 0xC0075300ull /* not a whole page */
#define UNIT       0xFED90000ull
#define ECAM       0xB0000000ull
#define BAR_BYTES  0x4000u

static struct area {
    uint64_t start, end;
    const char *text;
} areas[] = {
    {0, 0, "overlaps the image"},
    {RAM_LOW, RAM_LOW_END, "overlaps RAM in use"},
    {RAM, RAM_END, "overlaps RAM in use"},
    {MODULE, MODULE_END, "overlaps read-only memory in use"},
    {TABLES, TABLES_END, "overlaps read-only memory in use"},
    {SCREEN, SCREEN_END, "overlaps registers or a frame buffer in use"},
};

/* --- the machine --- */

static char log_text[1024];
static unsigned lines;
static void *taken[8192];
static unsigned taken_n;
static uint64_t now_ns;

static struct {
    uint64_t rtaddr, iqa;
    uint32_t gsts;
} unit;
static uint32_t config[64], bar_mask[2]; /* of 00:02.0 */

/* Registers are found by their physical address, so that an access to what is ours shows. */
static uint64_t physical(uintptr_t at)
{
    struct paging_entry e = paging_lookup(at);
    assert_true(e.is_present && e.is_writable && e.is_uncached);
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
        assert_false(e.paddr >= areas[i].start && e.paddr < areas[i].end);
    return e.paddr;
}
static uint32_t *config_word(uint64_t paddr)
{
    return paddr >> 12 == (ECAM >> 12) + (2 << 3) && (paddr & 0xFFF) < 256
               ? &config[(paddr & 0xFF) / 4]
               : NULL;
}
uint64_t machine_read(uintptr_t at, uint32_t bytes)
{
    uint64_t p = physical(at), v = UINT64_MAX;
    if (p >> 12 == UNIT >> 12) {
        v = 0;
        /* clang-format off */
        switch (p & 0xFF8) {
        case 0x00: v = 0x10; break;
        case 0x08: v = 0xD2008C222F0606; break;
        case 0x10: v = 0xF00F42; break;
        case 0x18: v = (uint64_t)unit.gsts << 32; break;
        }
        /* clang-format on */
        return p & 4 ? v >> 32 : v;
    }
    if (config_word(p))
        v = (uint64_t)*config_word(p) >> 8 * (p & 3);
    return v & UINT64_MAX >> (64 - 8 * bytes);
}
void machine_write32(uintptr_t at, uint32_t v)
{
    machine_write(at, v, 4);
}
void machine_write(uintptr_t at, uint64_t v, uint32_t bytes)
{
    uint64_t p = physical(at);
    if (p >> 12 == UNIT >> 12) {
        /* clang-format off */
        switch (p & 0xFFF) {
        case 0x18: unit.gsts = (uint32_t)v; break;
        case 0x20: unit.rtaddr = v; break;
        case 0x88:
            if (unit.iqa) { /* the last descriptor is a wait, which stores a number */
                const uint64_t *d = paging_pointer((paddr_t){unit.iqa + (v + 4096 - 16) % 4096});
                if ((d[0] & 15) != 5)
                    break;
                *(uint32_t *)paging_pointer((paddr_t){d[1]}) = (uint32_t)(d[0] >> 32);
            }
            break;
        case 0x90: unit.iqa = v; break;
        }
        /* clang-format on */
        return;
    }
    uint32_t *word = config_word(p);
    unsigned n = (p & 0xFF) / 4;
    if (word && bytes == 2)
        *word = (*word & ~(0xFFFFu << 8 * (p & 2))) | (uint32_t)v << 8 * (p & 2);
    else if (word)
        *word = n - 4 < 2 ? ((uint32_t)v & bar_mask[n - 4]) | (n == 4 ? 4 : 0) : (uint32_t)v;
}
const struct features *features(void)
{
    static const struct features host = {.physical_bits = 48, .has_pages_1g = true};
    return &host;
}
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
    return now_ns += 10;
}
void machine_flush_line(const void *line)
{
    (void)line;
}
void *memory_alloc(size_t bytes, size_t align)
{
    assert_true(taken_n < ARRAY_SIZE(taken));
    void *p = aligned_alloc(align, bytes);
    memset(p, 0, bytes);
    return taken[taken_n++] = p;
}
void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;
    (void)level;
    va_start(args, fmt);
    vsnprintf(log_text, sizeof(log_text), fmt, args);
    va_end(args);
    lines++;
}
void panic(const char *fmt, ...)
{
    fail_msg("%s", fmt);
    abort();
}
void dma_translate(unsigned bits)
{
    (void)bits;
}
const char *iommu_irq_start(const struct dmar *dmar)
{
    (void)dmar;
    return "not here";
}

static paddr_t take(void)
{
    return paging_paddr(memory_alloc(PAGE_BYTES, PAGE_BYTES));
}
static void map(uint64_t start, uint64_t end, unsigned rights)
{
    assert_int_equal(paging_map(PHYSMAP_BASE + start, (paddr_t){start}, end - start, rights), OK);
}

static int boot(void **state)
{
    mmio_t screen;
    (void)state;
    areas[0].start = (uintptr_t)image_start_paddr;
    areas[0].end = (uintptr_t)image_end_paddr;
    assert_int_equal(areas[0].end - areas[0].start, 16 * PAGE_BYTES);
    assert_int_equal(paging_init(take), OK);
    map(RAM_LOW, RAM_LOW_END, PAGING_WRITE);
    map(RAM, RAM_END, PAGING_WRITE);
    map(MODULE, MODULE_END, PAGING_READ);
    assert_non_null(paging_map_firmware((paddr_t){TABLES + 0x123}, 0x1000));
    assert_int_equal(paging_map_device((paddr_t){SCREEN}, SCREEN_END - SCREEN, &screen), OK);
    return 0;
}
static int shut_down(void **state)
{
    (void)state;
    while (taken_n > 0)
        free(taken[--taken_n]);
    return 0;
}

/* --- the sweep --- */

/* What these bytes overlap; memory is mapped in whole pages. NULL: nothing. */
static const char *expected(uint64_t start, uint64_t bytes)
{
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
        if (start < areas[i].end && start + bytes > areas[i].start)
            return areas[i].text;
    return NULL;
}

/* Give `attempt` ranges of this many bytes at every page of what is ours, and those that touch its
 * first or its last bytes. It returns true if the range was refused. */
static void sweep(uint64_t bytes, bool (*attempt)(uint64_t at))
{
    unsigned n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
        uint64_t first = areas[i].start & ~(PAGE_BYTES - 1ull);
        for (uint64_t at = first; at < areas[i].end + bytes; at += PAGE_BYTES) {
            uint64_t start = at - (bytes - 1) / PAGE_BYTES * PAGE_BYTES;
            if (start > at || !expected(start, bytes))
                continue;
            lines = 0;
            log_text[0] = 0;
            if (!attempt(start))
                fail_msg("0x%lx, 0x%lx bytes, was accepted: %s", start, bytes,
                         expected(start, bytes));
            if (log_text[0]) {
                assert_int_equal(lines, 1);
                assert_non_null(strstr(log_text, expected(start, bytes)));
            }
            n++;
        }
    }
    assert_true(n > 1000);
}

static bool is_ours(uint64_t at)
{
    const char *text = paging_ours((paddr_t){at}, PAGE_BYTES);
    return text && strcmp(text, expected(at, PAGE_BYTES)) == 0;
}
static bool device_is_refused(uint64_t at)
{
    mmio_t regs;
    return paging_map_device((paddr_t){at}, PAGE_BYTES, &regs) == ERR_BUSY;
}
static bool ioapic_is_refused(uint64_t at)
{
    return ioapic_add(1, at, 0) == ERR_BUSY && ioapic_count() == 0;
}
static bool unit_is_refused(uint64_t at)
{
    struct vtd_unit u;
    return vtd_open(&u, (paddr_t){at}, PAGE_BYTES) == ERR_BUSY &&
           strstr(u.wrong, expected(at, PAGE_BYTES));
}
static bool ecam_is_refused(uint64_t at)
{
    pci_init(&(struct pci_ecam){.base = {at}}, 1);
    struct pci_dev dev;
    return lines == 1 && pci_at(0, 0, 2, 0, &dev) && dev.ecam.base == 0;
}

static void ours__every_page__is_named(void **state)
{
    (void)state;
    sweep(PAGE_BYTES, is_ours);
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
        const struct area *a = &areas[i];
        assert_null(paging_ours((paddr_t){a->start - PAGE_BYTES}, PAGE_BYTES));
        assert_null(paging_ours((paddr_t){ALIGN_UP(a->end, PAGE_BYTES)}, PAGE_BYTES));
        assert_string_equal(paging_ours((paddr_t){a->start - 1}, 2), a->text);
        assert_string_equal(paging_ours((paddr_t){a->end - 1}, 1), a->text);
        assert_string_equal(paging_ours((paddr_t){a->start - 1}, a->end - a->start + 2), a->text);
    }
    assert_non_null(paging_ours((paddr_t){0}, UINT64_MAX));
    /* Registers share a page with others, byte by byte; the frame buffer ends within one. */
    assert_null(paging_ours((paddr_t){SCREEN_END}, 1));
}

static void map_device__every_page_of_ours__is_refused(void **state)
{
    (void)state;
    sweep(PAGE_BYTES, device_is_refused);
}
static void ioapic__every_page_of_ours__is_refused(void **state)
{
    (void)state;
    sweep(IOAPIC_BYTES, ioapic_is_refused);
}
static void unit__every_page_of_ours__is_refused(void **state)
{
    (void)state;
    sweep(PAGE_BYTES, unit_is_refused);
}
static void ecam__every_page_of_ours__falls_back_to_ports(void **state)
{
    (void)state;
    sweep(1 << 20, ecam_is_refused);
}

static bool bar_is_refused(uint64_t at)
{
    struct pci_dev dev;
    uint64_t bytes;
    mmio_t regs = {0};
    config[4] = (uint32_t)at | 4;
    config[5] = (uint32_t)(at >> 32);
    assert_true(pci_at(0, 0, 2, 0, &dev));
    return pci_map_bar(&dev, 0, &regs, &bytes) != OK && regs.base == 0 && lines == 1;
}
/* The BAR's size, as a card that says any address reports it. */
static void set_bar_bytes(uint64_t bytes)
{
    uint64_t mask = ~(bytes - 1);
    bar_mask[0] = (uint32_t)mask;
    bar_mask[1] = (uint32_t)(mask >> 32);
}

static void bar__every_page_of_ours__is_refused(void **state)
{
    (void)state;
    struct pci_dev dev;
    pci_init(&(struct pci_ecam){.base = {ECAM}}, 1);
    assert_true(pci_at(0, 0, 2, 0, &dev) && dev.ecam.base);
    bar_mask[1] = UINT32_MAX;
    bar_mask[0] = ~(BAR_BYTES - 1u);
    sweep(BAR_BYTES, bar_is_refused);

    /* The window itself, a range beyond the CPU's 48 bits, one across their end; huge ones. */
    lines = 0;
    assert_true(bar_is_refused(ECAM + 0x10000));
    assert_non_null(strstr(log_text, "overlaps registers"));
    for (unsigned bit = 48; bit < 64; bit++) {
        lines = 0;
        assert_true(bar_is_refused(1ull << bit));
        assert_non_null(strstr(log_text, "beyond the CPU's physical addresses"));
    }
    unsigned before = taken_n;
    for (unsigned bit = 27; bit < 48; bit++) {
        lines = 0;
        set_bar_bytes(1ull << bit);
        assert_true(bar_is_refused(1ull << 47));
    }
    assert_int_equal(taken_n, before);
    set_bar_bytes(BAR_BYTES);
    lines = 0;
    assert_false(bar_is_refused(0xFE000000));
    assert_int_equal(lines, 0);
}

/* --- reserved memory --- */

static uint8_t dmar[48 + 16 + 32];
static const struct pci_dev card = {.device = 2};

static void put(uint32_t at, uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        dmar[at + i] = (uint8_t)(v >> (8 * i));
}
static void reserve(uint64_t start, uint64_t bytes)
{
    put(64, 1, 2), put(66, 32, 2), put(72, start, 8), put(80, start + bytes - 1, 8);
    put(88, 1 | 8 << 8, 2), put(94, 2, 1);
}
static void start_iommu(void)
{
    static bool is_started;
    char found[200];
    if (is_started)
        return;
    is_started = true;
    config[2] = 0x02000000; /* a network function: its memory is mapped when it becomes a port */
    dmar[36] = 47;
    put(48, 0, 2), put(50, 16, 2), put(52, 1, 1), put(56, UNIT, 8);
    reserve(0xE5000, 0x4000);
    iommu_init(&(struct acpi_table){dmar, sizeof(dmar), 0}, IOMMU_ON, found, sizeof(found));
    assert_true(iommu_is_on);
}

/* The bytes that the card may access at this address. */
static unsigned rights_at(uint64_t at)
{
    return vtd_lookup(&iommu_domains[0].tables, (iova_t){at}).rights;
}
static bool is_not_granted(uint64_t at, uint64_t bytes)
{
    struct dma_domain *domain;
    reserve(at, bytes);
    lines = 0;
    if (iommu_confine(&card, 0, &domain) != OK) /* the port works without */
        fail_msg("at 0x%lx: %s", at, log_text);
    bool is_absent =
        lines == 1 && strstr(log_text, "reserved memory") && strstr(log_text, "not mapped");
    for (uint64_t page = at; page < at + MIN(bytes, 16 * PAGE_BYTES); page += PAGE_BYTES)
        is_absent &= rights_at(page) == 0;
    iommu_release(domain);
    return is_absent;
}
static bool page_is_not_granted(uint64_t at)
{
    return is_not_granted(at, PAGE_BYTES);
}
static bool pages_are_not_granted(uint64_t at)
{
    return is_not_granted(at, 4 * PAGE_BYTES);
}

static void reserved_memory__every_page_of_ours__is_not_granted(void **state)
{
    (void)state;
    start_iommu();
    sweep(PAGE_BYTES, page_is_not_granted);
    sweep(4 * PAGE_BYTES, pages_are_not_granted);
    assert_true(page_is_not_granted(UNIT));
    assert_true(is_not_granted(1ull << 32, (1ull << 30) + PAGE_BYTES));
}

/* Where firmware of real machines has it: BIOS memory (E5000h on an X8DTN), and reserved memory right
 * beside RAM. */
static void reserved_memory__beside_ours__is_granted(void **state)
{
    (void)state;
    static const uint64_t good[][2] = {
        {0xE5000, 0x4000},
        {RAM_LOW_END, PAGE_BYTES},
        {RAM - 2 * PAGE_BYTES, 2 * PAGE_BYTES},
        {RAM_END, MODULE - RAM_END},
        {MODULE_END, TABLES - MODULE_END},
        {TABLES_END, 0x10000},
    };
    struct dma_domain *domain;
    start_iommu();
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        reserve(good[i][0], good[i][1]);
        assert_int_equal(iommu_confine(&card, 0, &domain), OK);
        assert_int_equal(rights_at(good[i][0]), DMA_READ_WRITE);
        assert_int_equal(rights_at(good[i][0] + good[i][1] - 1), DMA_READ_WRITE);
        assert_int_equal(rights_at(good[i][0] - 1), 0);
        assert_int_equal(rights_at(good[i][0] + good[i][1]), 0);
        iommu_release(domain);
    }
}

/* --- mappings of registers --- */

static void extend_device__next_pages__are_adjacent(void **state)
{
    (void)state;
    mmio_t regs, other;
    assert_int_equal(paging_map_device((paddr_t){0xFEB00000}, 0x20, &regs), OK);
    assert_int_equal(paging_extend_device(0x40), OK);
    assert_int_equal(paging_extend_device(0x2000), OK);
    for (uint64_t at = 0; at < 0x2060; at += 0x20)
        assert_int_equal(paging_lookup(regs.base + at).paddr, 0xFEB00000 + at);
    assert_false(paging_lookup(regs.base + 0x3000).is_present); /* the guard page */
    assert_string_equal(paging_ours((paddr_t){0xFEB0205F}, 1),
                        "overlaps registers or a frame buffer in use");
    assert_null(paging_ours((paddr_t){0xFEB02060}, 1));
    assert_int_equal(paging_map_device((paddr_t){0xFEB02060}, 0x20, &other), OK);
    assert_true(other.base > regs.base + 0x3000);
    assert_int_equal(paging_map_device((paddr_t){SCREEN - PAGE_BYTES}, PAGE_BYTES, &other), OK);
    assert_int_equal(paging_extend_device(PAGE_BYTES), ERR_BUSY);
    assert_int_equal(paging_extend_device(0), ERR_BAD_VALUE);
    assert_int_equal(paging_extend_device(1ull << 50), ERR_BAD_VALUE);
}

static void map_device__the_same_registers_again__are_refused(void **state)
{
    (void)state;
    mmio_t regs;
    assert_int_equal(paging_map_device((paddr_t){0xFEA00000}, 0x1000, &regs), OK);
    assert_int_equal(paging_map_device((paddr_t){0xFEA00000}, 0x1000, &regs), ERR_BUSY);
    assert_int_equal(paging_map_device((paddr_t){0xFEA00FFF}, 1, &regs), ERR_BUSY);
}

static void map__addresses_that_the_cpu_lacks__are_refused(void **state)
{
    (void)state;
    mmio_t regs;
    for (unsigned bit = 48; bit < 64; bit++) {
        assert_int_equal(paging_map_device((paddr_t){1ull << bit}, 16, &regs), ERR_BAD_VALUE);
        assert_int_equal(
            paging_map(DEVICE_BASE + (1ull << 43), (paddr_t){1ull << bit}, PAGE_BYTES, PAGING_READ),
            ERR_BAD_VALUE);
    }
    assert_int_equal(paging_map_device((paddr_t){(1ull << 48) - 16}, 17, &regs), ERR_BAD_VALUE);
    assert_int_equal(paging_map_device((paddr_t){(1ull << 48) - 16}, 16, &regs), OK);
    assert_int_equal(paging_map_device((paddr_t){0xFE900000}, 0, &regs), ERR_BAD_VALUE);
    assert_int_equal(paging_map_device((paddr_t){0xFE900000}, UINT64_MAX, &regs), ERR_BAD_VALUE);
}

/* A page of 2 MiB or 1 GiB is split; all others keep their address and their rights. */
static void protect__page_inside_a_large_one__splits_it(void **state)
{
    (void)state;
    static const struct {
        uint64_t start, bytes, page;
    } tries[] = {
        {RAM, 0x200000, RAM + 0x5000},
        {RAM + 0x200000, 0x200000, RAM_END - PAGE_BYTES},
        {1ull << 30, 1ull << 30, (1ull << 30) + 0x12345000},
    };
    map(1ull << 30, 2ull << 30, PAGING_WRITE);
    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        uint64_t at = tries[i].start, end = at + tries[i].bytes, n = 0;
        assert_int_equal(paging_lookup(PHYSMAP_BASE + at).page_bytes, tries[i].bytes);
        assert_int_equal(paging_protect(paging_pointer((paddr_t){tries[i].page})), OK);
        while (at < end) {
            struct paging_entry e = paging_lookup(PHYSMAP_BASE + at);
            assert_true(e.is_present && !e.is_executable && e.paddr == at && !e.is_uncached);
            assert_int_equal(e.is_writable, at != tries[i].page);
            if (at == tries[i].page)
                assert_int_equal(e.page_bytes, PAGE_BYTES);
            at += e.page_bytes;
            n++;
        }
        assert_int_equal(n, tries[i].bytes > 0x200000 ? 511 + 512 : 512);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours__every_page__is_named),
        cmocka_unit_test(map_device__every_page_of_ours__is_refused),
        cmocka_unit_test(ioapic__every_page_of_ours__is_refused),
        cmocka_unit_test(unit__every_page_of_ours__is_refused),
        cmocka_unit_test(ecam__every_page_of_ours__falls_back_to_ports),
        cmocka_unit_test(bar__every_page_of_ours__is_refused),
        cmocka_unit_test(reserved_memory__every_page_of_ours__is_not_granted),
        cmocka_unit_test(reserved_memory__beside_ours__is_granted),
        cmocka_unit_test(extend_device__next_pages__are_adjacent),
        cmocka_unit_test(map_device__the_same_registers_again__are_refused),
        cmocka_unit_test(map__addresses_that_the_cpu_lacks__are_refused),
        cmocka_unit_test(protect__page_inside_a_large_one__splits_it),
    };
    return cmocka_run_group_tests(tests, boot, shut_down);
}
