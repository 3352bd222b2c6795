/* SPDX-License-Identifier: BSD-2-Clause
 * From the loader's memory map to page tables. Where ranges overlap, the less usable one wins;
 * nothing beyond the CPU's physical width or our physmap is used.
 */
#include "arch/features.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "boot/bootinfo.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/pmem.h"
#include "kernel/screen.h"
#include "kernel/str.h"

#define MIB     (UINT64_C(1) << 20)
#define LOW_END MIB
/* Interrupt vectors, BIOS data, and what firmware is known to scribble on. */
#define LOW_KEPT 0x10000u

static struct pmem ram;   /* all of it, the image left out: what the physmap holds */
static struct pmem spare; /* of that, what nobody has taken, above 1 MiB */
static struct pmem low;   /* the same below 1 MiB */
static uint64_t reach = PAGING_FIRST_BYTES; /* physmap addresses below it can be used now */
static uint64_t ram_bytes;

/* RAM by the map: usable, less everything that another entry claims. Returns what was cut off. */
static uint64_t ram_find(const struct bootinfo *info)
{
    uint64_t limit = MIN(1ull << features()->physical_bits, PHYSMAP_BYTES);
    uint64_t beyond = 0;
    for (unsigned i = 0; i < info->n_ranges; i++) {
        const struct boot_range *r = &info->ranges[i];
        uint64_t last =
            r->start + (r->bytes - 1); /* bootinfo has seen to it that this is >= start */
        if (r->type != BOOT_MEMORY_USABLE)
            continue;
        if (last >= limit) {
            beyond += last - MAX(r->start, limit) + 1;
            if (r->start >= limit)
                continue;
            last = limit - 1;
        }
        pmem_add(&ram, ALIGN_UP(r->start, (uint64_t)PAGE_BYTES), (last + 1) & ~(PAGE_BYTES - 1ull));
    }
    for (unsigned i = 0; i < info->n_ranges; i++) {
        const struct boot_range *r = &info->ranges[i];
        uint64_t last = r->start + (r->bytes - 1);
        if (r->type != BOOT_MEMORY_USABLE && r->start < limit)
            pmem_remove(&ram, r->start & ~(PAGE_BYTES - 1ull),
                        ALIGN_UP(MIN(last, limit - 1) + 1, (uint64_t)PAGE_BYTES));
    }
    return beyond;
}

static void spare_find(const struct bootinfo *info)
{
    spare = ram;
    for (unsigned i = 0; i < info->n_modules; i++) {
        const struct boot_module *m = &info->modules[i];
        if (m->start < PHYSMAP_BYTES)
            pmem_remove(&spare, m->start & ~(PAGE_BYTES - 1ull),
                        ALIGN_UP(MIN(m->start + (m->bytes - 1), PHYSMAP_BYTES - 1) + 1,
                                 (uint64_t)PAGE_BYTES));
    }
    low = spare;
    pmem_remove(&spare, 0, LOW_END);
    pmem_remove(&low, 0, LOW_KEPT);
    pmem_remove(&low, LOW_END, PHYSMAP_BYTES);
}

static void *take(struct pmem *from, size_t bytes, size_t align)
{
    uint64_t start;
    bytes = ALIGN_UP(bytes, (size_t)PAGE_BYTES);
    if (bytes == 0 || !pmem_take(from, bytes, align, reach, &start))
        return NULL;
    void *p = paging_pointer((paddr_t){start});
    memset(p, 0, bytes);
    return p;
}

void *memory_take(size_t bytes, size_t align)
{
    void *p = take(&spare, bytes, align);
    return p ? p : take(&low, bytes, align);
}

void *memory_take_low(size_t bytes)
{
    return take(&low, bytes, PAGE_BYTES);
}

static paddr_t take_table(void)
{
    void *page = memory_take(PAGE_BYTES, PAGE_BYTES);
    return page ? paging_paddr(page) : (paddr_t){0};
}

static enum err build_tables(void)
{
    enum err e = paging_init(take_table);
    if (e == OK)
        e = paging_map_image();
    for (unsigned i = 0; e == OK && i < ram.n; i++)
        e = paging_map(PHYSMAP_BASE + ram.ranges[i].start, (paddr_t){ram.ranges[i].start},
                       ram.ranges[i].end - ram.ranges[i].start, PAGING_WRITE);
    return e;
}

enum err memory_init(const struct bootinfo *info, char *found, size_t n)
{
    uint64_t beyond = ram_find(info);
    ram_bytes = pmem_bytes(&ram);
    if (beyond)
        log_warn("memory: %lu MiB lie beyond the %u address bits of this CPU or beyond 64 TiB; "
                 "not used",
                 beyond / MIB, features()->physical_bits);
    if (ram.lost_bytes || info->n_lost)
        log_warn("memory: the map has too many pieces; %lu MiB are not used", ram.lost_bytes / MIB);
    if (ram.n == 0)
        return ERR_BAD_VALUE;
    pmem_remove(&ram, (uintptr_t)image_start_paddr, (uintptr_t)image_end_paddr);
    spare_find(info);

    enum err e = build_tables();
    if (e != OK)
        return e;
    screen_map();
    paging_switch();
    screen_moved();
    features_enable();
    reach = PHYSMAP_BYTES;
    fmt_print(found, n, "%lu MiB of RAM in %u ranges, image %lu KiB, %lu MiB free", ram_bytes / MIB,
              ram.n, (uint64_t)(image_end_paddr - image_start_paddr) / 1024,
              memory_free_bytes() / MIB);
    return OK;
}

uint64_t memory_free_bytes(void)
{
    return pmem_bytes(&spare) + pmem_bytes(&low);
}

uint64_t memory_ram_bytes(void)
{
    return ram_bytes;
}
