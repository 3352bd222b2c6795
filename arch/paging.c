/* SPDX-License-Identifier: BSD-2-Clause
 * Four-level page tables, built once at boot. Table pages are reached through the physmap, which
 * the first tables of boot/entry.asm map until paging_switch and these tables map after it.
 *
 * Invariants, checked where an entry is written: no page is both writable and executable; a present
 * entry is never overwritten, except to remove the right to write, or to split a large page.
 */
#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/image.h"
#include "arch/paging.h"

/* An entry (Intel SDM volume 3, section 4.5). */
#define PTE_PRESENT    BIT64(0)
#define PTE_WRITE      BIT64(1)
#define PTE_UNCACHED   (BIT64(3) | BIT64(4)) /* PWT and PCD: entry 3 of the PAT, UC at reset */
#define PTE_COMBINING  BIT64(3)              /* PWT: entry 1, which features_enable sets to WC */
#define PTE_LARGE      BIT64(7)              /* in a PDPT or PD: a page and not a table */
#define PTE_GLOBAL     BIT64(8)
#define PTE_ADDRESS    0x000FFFFFFFFFF000ull
#define PTE_NO_EXECUTE BIT64(63)

#define CR0_WP         BIT64(16)

#define LEVELS         4
#define ENTRIES        512u

/* Blocks of registers: 8 ports with 2 each, 32 IOAPICs, 32 units with 2, and a few more. */
#define DEVICES_MAX 128u

static paddr_t (*source)(void);
static paddr_t root;
static uint64_t device_next = DEVICE_BASE;
static struct device {
    uint64_t start, end; /* bytes, physical: blocks may share a page */
} devices[DEVICES_MAX];
static unsigned devices_n;
static bool is_sealed; /* tables are read-only in the physmap */

/* Bytes that one entry of a table at this level covers; level 1 holds 4 KiB pages. */
static uint64_t entry_bytes(unsigned level)
{
    return 1ull << (12 + 9 * (level - 1));
}

static unsigned entry_index(uint64_t va, unsigned level)
{
    return va / entry_bytes(level) % ENTRIES;
}

static bool is_canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* Does the CPU have all these addresses? An access to others is a page fault. */
static bool is_physical(uint64_t paddr, uint64_t bytes)
{
    uint64_t limit = MIN(1ull << features()->physical_bits, PTE_ADDRESS + PAGE_BYTES);
    return bytes != 0 && paddr < limit && bytes <= limit - paddr;
}

static uint64_t *table_of(uint64_t entry)
{
    return paging_pointer((paddr_t){entry & PTE_ADDRESS});
}

enum err paging_init(paddr_t (*take_page)(void))
{
    source = take_page;
    root = source();
    return root.v ? OK : ERR_NO_MEMORY;
}

/* The leaf entry for va, or the first absent entry on the way to it; *level is that entry's level.
 */
static uint64_t *entry_for(uint64_t va, unsigned *level)
{
    uint64_t *table = paging_pointer(root);
    for (*level = LEVELS;; --*level) {
        uint64_t *entry = &table[entry_index(va, *level)];
        if (!(*entry & PTE_PRESENT) || *level == 1 || (*entry & PTE_LARGE))
            return entry;
        table = table_of(*entry);
    }
}

/* --- writing to tables that are read-only --- */

/* Between these two calls this CPU may write to tables. Interrupts are off; an NMI's handler runs
 * with the same right. Returns CR0 as it was. */
static uint64_t open_tables(void)
{
    uint64_t cr0 = is_sealed ? cpu_cr0_read() : 0;
    if (is_sealed)
        cpu_cr0_write(cr0 & ~CR0_WP);
    return cr0;
}
static void close_tables(uint64_t cr0)
{
    if (is_sealed)
        cpu_cr0_write(cr0);
}

/* Make a page of RAM read-only in the physmap. A large page that contains it is split, by tables that
 * are made read-only in turn: the next one mostly lies in the same page, so the depth is small. */
static enum err protect(uint64_t paddr)
{
    uint64_t va = PHYSMAP_BASE + paddr;
    unsigned level;
    uint64_t *entry;
    while (entry = entry_for(va, &level), level > 1) {
        if (!(*entry & PTE_PRESENT))
            return OK; /* it has no right to lose */
        paddr_t page = source();
        if (!page.v)
            return ERR_NO_MEMORY;
        uint64_t *table = paging_pointer(page), small = *entry & ~(level == 2 ? PTE_LARGE : 0);
        for (unsigned i = 0; i < ENTRIES; i++)
            table[i] = small + i * entry_bytes(level - 1);
        *entry = page.v | PTE_PRESENT | PTE_WRITE;
        cpu_flush_page((const void *)va);
        enum err e = protect(page.v);
        if (e != OK)
            return e;
    }
    *entry &= ~PTE_WRITE;
    cpu_flush_page((const void *)va);
    return OK;
}

/* Protect all tables below this one. */
static enum err protect_below(uint64_t *table, unsigned level)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (!(table[i] & PTE_PRESENT) || (table[i] & PTE_LARGE))
            continue;
        enum err e = protect(table[i] & PTE_ADDRESS);
        if (e == OK && level > 2)
            e = protect_below(table_of(table[i]), level - 1);
        if (e != OK)
            return e;
    }
    return OK;
}

void *paging_take(void)
{
    paddr_t page = source();
    return page.v ? paging_pointer(page) : NULL;
}

enum err paging_protect(const void *page)
{
    uint64_t cr0 = open_tables();
    enum err e = protect(paging_paddr(page).v);
    close_tables(cr0);
    return e;
}

/* --- mapping --- */

/* The table below *entry, created if missing; NULL if a page is mapped there or memory is short. */
static uint64_t *table_below(uint64_t *entry, enum err *why)
{
    if (!(*entry & PTE_PRESENT)) {
        paddr_t page = source();
        if (!page.v || (is_sealed && protect(page.v) != OK)) {
            *why = ERR_NO_MEMORY;
            return NULL;
        }
        /* Rights are set in the leaves only; above them everything is allowed. */
        *entry = page.v | PTE_PRESENT | PTE_WRITE;
    } else if (*entry & PTE_LARGE) {
        *why = ERR_BUSY;
        return NULL;
    }
    return table_of(*entry);
}

/* The level of the largest page that fits: aligned at va and paddr, and not longer than bytes. */
static unsigned level_for(uint64_t va, uint64_t paddr, uint64_t bytes)
{
    const uint64_t large = 1ull << 21, huge = 1ull << 30;
    if ((va | paddr) & (large - 1) || bytes < large)
        return 1;
    return (va | paddr) & (huge - 1) || bytes < huge || !features()->has_pages_1g ? 2 : 3;
}

/* The table at this level that holds va's entry; missing tables down to it are created. */
static uint64_t *table_for(uint64_t va, unsigned page_level, enum err *why)
{
    uint64_t *table = paging_pointer(root);
    for (unsigned level = LEVELS; table && level > page_level; level--)
        table = table_below(&table[entry_index(va, level)], why);
    return table;
}

/* Write the entries for these pages. */
static enum err fill(uint64_t va, paddr_t paddr, uint64_t bytes, uint64_t flags)
{
    while (bytes > 0) {
        /* Fill the entries of one table with pages of one size. */
        enum err why = OK;
        unsigned level = level_for(va, paddr.v, bytes);
        uint64_t size = entry_bytes(level);
        uint64_t *table = table_for(va, level, &why);
        if (!table)
            return why;
        unsigned i = entry_index(va, level);
        do {
            if (table[i] & PTE_PRESENT)
                return ERR_BUSY;
            table[i] = paddr.v | flags | (level > 1 ? PTE_LARGE : 0);
            va += size;
            paddr.v += size;
            bytes -= size;
        } while (++i < ENTRIES && bytes > 0 && level_for(va, paddr.v, bytes) == level);
    }
    return OK;
}

enum err paging_map(uint64_t va, paddr_t paddr, uint64_t bytes, unsigned rights)
{
    if ((va | paddr.v | bytes) % PAGE_BYTES != 0 || bytes == 0 || va + (bytes - 1) < va ||
        !is_canonical(va) || !is_canonical(va + (bytes - 1)) || !is_physical(paddr.v, bytes) ||
        ((rights & PAGING_WRITE) && (rights & PAGING_EXECUTE)))
        return ERR_BAD_VALUE;

    uint64_t flags = PTE_PRESENT;
    if (rights & PAGING_WRITE)
        flags |= PTE_WRITE;
    if (!(rights & PAGING_EXECUTE))
        flags |= PTE_NO_EXECUTE;
    if (rights & PAGING_DEVICE)
        flags |= PTE_UNCACHED;
    if (rights & PAGING_WRITE_COMBINING)
        flags |= features()->has_pat ? PTE_COMBINING : PTE_UNCACHED;
    if (features()->has_global_pages)
        flags |= PTE_GLOBAL;

    uint64_t cr0 = open_tables();
    enum err why = fill(va, paddr, bytes, flags);
    close_tables(cr0);
    return why;
}

static enum err map_part(const uint8_t *start, const uint8_t *end, unsigned rights)
{
    return start == end ? OK
                        : paging_map((uintptr_t)start, paging_image_paddr(start),
                                     (size_t)(end - start), rights);
}

enum err paging_map_image(void)
{
    const struct {
        const uint8_t *start, *end;
        unsigned rights;
    } parts[] = {
        {image_text_start, image_text_end, PAGING_EXECUTE},
        {image_rodata_start, image_rodata_end, PAGING_READ},
        {image_data_start, stack_boot_guard, PAGING_WRITE},
        {stack_boot_bottom, stack_boot_top, PAGING_WRITE},
        {stack_fault_bottom, stack_fault_top, PAGING_WRITE},
        {stack_nmi_bottom, stack_nmi_top, PAGING_WRITE},
        {stack_check_bottom, stack_check_top, PAGING_WRITE},
        {stack_work_bottom, stack_work_top, PAGING_WRITE},
        {stack_task_bottom, stack_task_top, PAGING_WRITE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        enum err e = map_part(parts[i].start, parts[i].end, parts[i].rights);
        if (e != OK)
            return e;
    }
    return OK;
}

void paging_switch(void)
{
    cpu_cr3_write(root.v);
}

paddr_t paging_trampoline_tables(void *pages, paddr_t code)
{
    uint64_t *table = pages, *top = paging_pointer(root);
    for (unsigned i = ENTRIES / 2; i < ENTRIES; i++)
        table[i] = top[i];
    for (unsigned level = LEVELS; level > 1; level--) {
        uint64_t *below = table + ENTRIES;
        table[entry_index(code.v, level)] = paging_paddr(below).v | PTE_PRESENT | PTE_WRITE;
        table = below;
    }
    table[entry_index(code.v, 1)] = code.v | PTE_PRESENT;
    return paging_paddr(pages);
}

enum err paging_seal(void)
{
    is_sealed = true;
    uint64_t cr0 = open_tables();
    enum err e = protect(root.v);
    if (e == OK)
        e = protect_below(paging_pointer(root), LEVELS);
    for (uint8_t *page = image_sealed_start; page < image_sealed_end; page += PAGE_BYTES) {
        unsigned level;
        *entry_for((uintptr_t)page, &level) &= ~PTE_WRITE;
        cpu_flush_page(page);
    }
    close_tables(cr0);
    return e;
}

struct paging_entry paging_lookup(uint64_t va)
{
    if (!is_canonical(va) || !root.v)
        return (struct paging_entry){0};
    unsigned level;
    uint64_t entry = *entry_for(va, &level);
    if (!(entry & PTE_PRESENT))
        return (struct paging_entry){.page_bytes = entry_bytes(level)};
    uint64_t size = entry_bytes(level);
    return (struct paging_entry){
        .paddr = (entry & PTE_ADDRESS & ~(size - 1)) + va % size,
        .page_bytes = size,
        .is_present = true,
        .is_writable = entry & PTE_WRITE,
        .is_executable = !(entry & PTE_NO_EXECUTE),
        .is_uncached = (entry & PTE_UNCACHED) == PTE_UNCACHED,
        .is_write_combining = (entry & PTE_UNCACHED) == PTE_COMBINING,
    };
}

void paging_walk(void (*visit)(void *context, uint64_t va, uint64_t bytes,
                               const struct paging_entry *first),
                 void *context)
{
    if (!root.v)
        return;
    const uint64_t lower_end = BIT64(47), upper_start = 0 - BIT64(47);
    struct paging_entry run = {0};
    uint64_t run_va = 0, run_bytes = 0, va = 0;
    do {
        struct paging_entry here = paging_lookup(va);
        bool goes_on = run_bytes && here.is_present && va == run_va + run_bytes &&
                       here.is_writable == run.is_writable &&
                       here.is_executable == run.is_executable &&
                       here.is_uncached == run.is_uncached &&
                       here.is_write_combining == run.is_write_combining;
        if (run_bytes && !goes_on) {
            visit(context, run_va, run_bytes, &run);
            run_bytes = 0;
        }
        if (here.is_present && !run_bytes) {
            run = here;
            run_va = va;
        }
        if (here.is_present)
            run_bytes += here.page_bytes;
        va += here.page_bytes;
        if (va == lower_end)
            va = upper_start;
    } while (va != 0);
    if (run_bytes)
        visit(context, run_va, run_bytes, &run);
}

static bool overlaps(uint64_t start, uint64_t last, uint64_t other, uint64_t other_end)
{
    return other_end > other && start < other_end && last >= other;
}

/* The first mapping in the physmap of a page of [start, last]. */
static struct paging_entry find_in_physmap(uint64_t start, uint64_t last)
{
    for (uint64_t at = start; root.v && at <= last && at < PHYSMAP_BYTES;) {
        struct paging_entry e = paging_lookup(PHYSMAP_BASE + at);
        if (e.is_present)
            return e;
        at = (at | (e.page_bytes - 1)) + 1;
    }
    return (struct paging_entry){0};
}

const char *paging_ours(paddr_t paddr, uint64_t bytes)
{
    uint64_t start = paddr.v, last = start + (bytes - 1);
    if (overlaps(start, last, (uintptr_t)image_start_paddr, (uintptr_t)image_end_paddr))
        return "overlaps the image";
    /* In whole pages, as that is what would be mapped. */
    struct paging_entry e =
        find_in_physmap(start & ~(PAGE_BYTES - 1ull), last | (PAGE_BYTES - 1ull));
    if (e.is_present)
        return e.is_writable ? "overlaps RAM in use" : "overlaps read-only memory in use";
    for (unsigned i = 0; i < devices_n; i++)
        if (overlaps(start, last, devices[i].start, devices[i].end))
            return "overlaps registers or a frame buffer in use";
    return NULL;
}

const char *paging_refusal(enum err err, paddr_t paddr, uint64_t bytes)
{
    const char *ours = err == ERR_BUSY ? paging_ours(paddr, bytes) : NULL;
    if (ours)
        return ours;
    return err == ERR_NO_MEMORY ? "finds no memory for its page tables"
                                : "is empty, or beyond the CPU's physical addresses";
}

static enum err map_device(paddr_t paddr, uint64_t bytes, unsigned kind, mmio_t *out)
{
    uint64_t inside = paddr.v % PAGE_BYTES;
    uint64_t start = paddr.v - inside;
    if (!is_physical(paddr.v, bytes) || bytes > DEVICE_BYTES)
        return ERR_BAD_VALUE;
    if (paging_ours(paddr, bytes))
        return ERR_BUSY;

    /* The same offset in a large page as in physical memory, so that large pages can be used. */
    uint64_t pages = ALIGN_UP(inside + bytes, PAGE_BYTES);
    uint64_t large = entry_bytes(pages >= entry_bytes(3) ? 3 : 2);
    uint64_t va = device_next;
    if (pages >= large)
        va = ALIGN_UP(va - start % large, large) + start % large;
    if (va + pages + PAGE_BYTES > DEVICE_BASE + DEVICE_BYTES || devices_n == DEVICES_MAX)
        return ERR_NO_MEMORY;
    device_next = va + pages + PAGE_BYTES; /* a guard page catches too large a register offset */
    enum err e = paging_map(va, (paddr_t){start}, pages, PAGING_WRITE | kind);
    if (e != OK)
        return e;
    devices[devices_n] = (struct device){paddr.v, paddr.v + bytes};
    devices_n++;
    out->base = va + inside;
    return OK;
}

enum err paging_map_device(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    return map_device(paddr, bytes, PAGING_DEVICE, out);
}

enum err paging_map_frame_buffer(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    return map_device(paddr, bytes, PAGING_WRITE_COMBINING, out);
}

enum err paging_extend_device(uint64_t bytes)
{
    if (devices_n == 0)
        return ERR_BAD_VALUE;
    struct device *last = &devices[devices_n - 1];
    uint64_t start = ALIGN_UP(last->end, (uint64_t)PAGE_BYTES);
    uint64_t end = last->end + bytes;
    if (!is_physical(last->end, bytes))
        return ERR_BAD_VALUE;
    if (paging_ours((paddr_t){last->end}, bytes))
        return ERR_BUSY;
    if (end > start) {
        uint64_t va = device_next - PAGE_BYTES, pages = ALIGN_UP(end - start, (uint64_t)PAGE_BYTES);
        if (device_next + pages > DEVICE_BASE + DEVICE_BYTES)
            return ERR_NO_MEMORY;
        device_next += pages;
        enum err e = paging_map(va, (paddr_t){start}, pages, PAGING_WRITE | PAGING_DEVICE);
        if (e != OK)
            return e;
    }
    last->end = end;
    return OK;
}

const void *paging_map_firmware(paddr_t paddr, uint64_t bytes)
{
    if (bytes == 0 || paddr.v >= PHYSMAP_BYTES || bytes > PHYSMAP_BYTES - paddr.v)
        return NULL;
    uint64_t end = ALIGN_UP(paddr.v + bytes, PAGE_BYTES);
    for (uint64_t at = paddr.v & ~(uint64_t)(PAGE_BYTES - 1); at < end;) {
        struct paging_entry e = paging_lookup(PHYSMAP_BASE + at);
        if (!e.is_present) {
            if (paging_map(PHYSMAP_BASE + at, (paddr_t){at}, PAGE_BYTES, PAGING_READ) != OK)
                return NULL;
            e.page_bytes = PAGE_BYTES;
        }
        at = (at | (e.page_bytes - 1)) + 1;
    }
    return paging_pointer(paddr);
}
