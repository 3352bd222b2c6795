/* SPDX-License-Identifier: BSD-2-Clause
 * From the loader's memory map to page tables. Where ranges overlap, the less usable one wins;
 * nothing beyond the CPU's physical width or our physmap is used.
 */
#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/image.h"
#include "arch/mmio.h"
#include "arch/paging.h"
#include "boot/bootinfo.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/ranges.h"
#include "kernel/log/log.h"
#include "kernel/log/screen.h"
#include "kernel/memory/memory.h"
#include "kernel/panic.h"

#define MIB     (UINT64_C(1) << 20)
#define LOW_END MIB
/* Interrupt vectors, BIOS data, and memory that some firmware writes to at any time. */
#define LOW_KEPT 0x10000u

static struct ranges ram;                   /* all RAM except the image: what the physmap maps */
static struct ranges spare;                 /* free RAM above 1 MiB */
static struct ranges low;                   /* free RAM below 1 MiB */
static struct ranges unlisted;              /* below 4 GiB, in no range of the map */
static uint64_t reach = PAGING_FIRST_BYTES; /* the physmap is mapped below this address */
static uint64_t ram_bytes;

/* Fill `ram` from the map: usable ranges, minus every range with another type. Returns how many
 * bytes lie beyond the supported addresses. */
static uint64_t ram_find(const struct bootinfo *info)
{
    uint64_t limit = MIN(1ull << features()->physical_bits, PHYSMAP_BYTES);
    uint64_t beyond = 0;
    for (unsigned i = 0; i < info->n_ranges; i++) {
        const struct boot_range *r = &info->ranges[i];
        uint64_t last = r->start + (r->bytes - 1); /* bootinfo.c ensures that this is >= start */
        if (r->type != BOOT_MEMORY_USABLE)
            continue;
        if (last >= limit) {
            beyond += last - MAX(r->start, limit) + 1;
            if (r->start >= limit)
                continue;
            last = limit - 1;
        }
        ranges_add(&ram, ALIGN_UP(r->start, (uint64_t)PAGE_BYTES),
                   (last + 1) & ~(PAGE_BYTES - 1ull));
    }
    for (unsigned i = 0; i < info->n_ranges; i++) {
        const struct boot_range *r = &info->ranges[i];
        uint64_t last = r->start + (r->bytes - 1);
        if (r->type != BOOT_MEMORY_USABLE && r->start < limit)
            ranges_remove(&ram, r->start & ~(PAGE_BYTES - 1ull),
                          ALIGN_UP(MIN(last, limit - 1) + 1, (uint64_t)PAGE_BYTES));
    }
    return beyond;
}

static void unlisted_find(const struct bootinfo *info)
{
    const uint64_t end = UINT64_C(1) << 32;

    ranges_add(&unlisted, 0, end);
    for (unsigned i = 0; i < info->n_ranges; i++) {
        const struct boot_range *r = &info->ranges[i];
        uint64_t last = r->start + (r->bytes - 1);
        ranges_remove(&unlisted, r->start & ~(PAGE_BYTES - 1ull),
                      ALIGN_UP(MIN(last, end - 1) + 1, (uint64_t)PAGE_BYTES));
    }
}

const struct ranges *memory_unlisted(void)
{
    return &unlisted;
}

static uint64_t module_start(const struct boot_module *m)
{
    return m->start & ~(PAGE_BYTES - 1ull);
}
static uint64_t module_end(const struct boot_module *m)
{
    return ALIGN_UP(m->start + (m->bytes - 1) + 1, (uint64_t)PAGE_BYTES);
}

/* Modules stay where the loader put them, on pages that are removed from `ram`. A module that is
 * not completely in RAM, or overlaps the image or another module, gets a length of 0, with a log
 * line. */
static void modules_keep(struct bootinfo *info)
{
    for (unsigned i = 0; i < info->n_modules; i++) {
        struct boot_module *m = &info->modules[i];
        uint64_t start = module_start(m), end = module_end(m), before = ranges_bytes(&ram);
        if (start < end)
            ranges_remove(&ram, start, end);
        bool is_whole = start < end && before - ranges_bytes(&ram) == end - start;
        log_line(is_whole ? LOG_INFO : LOG_WARN, "module  %u \"%s\", %lu bytes at 0x%lx%s", i,
                 m->name, m->bytes, m->start, is_whole ? "" : ": not all in free RAM; left out");
        if (!is_whole)
            m->bytes = 0;
    }
}

static void spare_find(void)
{
    spare = ram;
    low = ram;
    ranges_remove(&spare, 0, LOW_END);
    ranges_remove(&low, 0, LOW_KEPT);
    ranges_remove(&low, LOW_END, PHYSMAP_BYTES);
}

static void *take_below(struct ranges *from, size_t bytes, size_t align, uint64_t below)
{
    uint64_t start;
    bytes = ALIGN_UP(bytes, (size_t)PAGE_BYTES);
    if (bytes == 0 || !ranges_take(from, bytes, align, MIN(below, reach), &start))
        return NULL;
    mmio_t word = {PHYSMAP_BASE + start}; /* check that there is RAM: write a word, read it back */
    mmio_write64(word, 0, ~start);
    if (mmio_read64(word, 0) != ~start)
        panic("memory: no RAM at 0x%lx, where the loader's map has some", start);
    return paging_pointer((paddr_t){start});
}

static void *take(struct ranges *from, size_t bytes, size_t align)
{
    return take_below(from, bytes, align, PHYSMAP_BYTES);
}

static void *zeroed(void *p, size_t bytes)
{
    if (p)
        cpu_zero(p, ALIGN_UP(bytes, (size_t)PAGE_BYTES) / sizeof(uint64_t));
    return p;
}

void *memory_alloc_uninitialized(size_t bytes, size_t align)
{
    void *p = take(&spare, bytes, align);
    return p ? p : take(&low, bytes, align);
}

void *memory_alloc(size_t bytes, size_t align)
{
    return zeroed(memory_alloc_uninitialized(bytes, align), bytes);
}

void *memory_alloc_low(size_t bytes)
{
    return zeroed(take(&low, bytes, PAGE_BYTES), bytes);
}

/* A page for tables: next to the image, one after the other, as the physmap has small pages there.
 * Making tables read-only then splits no large page with other data in it. Else any page. */
static paddr_t take_table(void)
{
    static uint64_t taken;
    uint64_t end = ALIGN_UP((uintptr_t)image_end_paddr, (uint64_t)PAGE_BYTES) + taken + PAGE_BYTES;
    void *page = zeroed(take_below(&spare, PAGE_BYTES, PAGE_BYTES, end), PAGE_BYTES);
    if (page)
        taken += PAGE_BYTES;
    else
        page = memory_alloc(PAGE_BYTES, PAGE_BYTES);
    return page ? paging_paddr(page) : (paddr_t){0};
}

static enum err build_tables(const struct bootinfo *info)
{
    enum err e = paging_init(take_table);
    if (e == OK)
        e = paging_map_image();
    for (unsigned i = 0; e == OK && i < ram.n; i++)
        e = paging_map(PHYSMAP_BASE + ram.ranges[i].start, (paddr_t){ram.ranges[i].start},
                       ram.ranges[i].end - ram.ranges[i].start, PAGING_WRITE);
    for (unsigned i = 0; e == OK && i < info->n_modules; i++) {
        const struct boot_module *m = &info->modules[i];
        if (m->bytes)
            e = paging_map(PHYSMAP_BASE + module_start(m), (paddr_t){module_start(m)},
                           module_end(m) - module_start(m), PAGING_READ);
    }
    return e;
}

enum err memory_init(struct bootinfo *info, char *found, size_t n)
{
    uint64_t beyond = ram_find(info);
    unlisted_find(info);
    ram_bytes = ranges_bytes(&ram);
    if (beyond)
        log_warn("memory: %lu MiB lie beyond the %u address bits of this CPU or beyond 64 TiB; "
                 "not used",
                 beyond / MIB, features()->physical_bits);
    if (ram.lost_bytes || info->n_lost)
        log_warn("memory: the map has too many ranges; %lu MiB are not used", ram.lost_bytes / MIB);
    if (ram.n == 0)
        return ERR_BAD_VALUE;
    ranges_remove(&ram, (uintptr_t)image_start_paddr, (uintptr_t)image_end_paddr);
    modules_keep(info);
    spare_find();

    enum err e = build_tables(info);
    if (e != OK)
        return e;
    screen_map();
    paging_switch();
    features_enable();
    screen_moved();
    reach = PHYSMAP_BYTES;
    fmt_print(found, n, "%lu MiB of RAM in %u ranges, image %lu KiB, %lu MiB free", ram_bytes / MIB,
              ram.n, (uint64_t)(image_end_paddr - image_start_paddr) / 1024,
              memory_free_bytes() / MIB);
    return OK;
}

uint64_t memory_free_bytes(void)
{
    return ranges_bytes(&spare) + ranges_bytes(&low);
}

uint64_t memory_ram_bytes(void)
{
    return ram_bytes;
}
