/* SPDX-License-Identifier: BSD-2-Clause
 * Entries that VT-d units read. See the header.
 */
#include "arch/vtd_table.h"

#define ENTRY_PRESENT         BIT64(0)
#define CONTEXT_TRANSLATE     (0ull << 2) /* untranslated requests only */
#define CONTEXT_DOMAIN_SHIFT  8
#define ADDRESS               0x000FFFFFFFFFF000ull

#define PAGE_RIGHTS           3ull
#define PAGE_IS_LARGE         BIT64(7) /* a leaf at level 2 or 3 */

#define CAP_SAGAW_3           BIT64(9)
#define CAP_SAGAW_4           BIT64(10)

#define IRTE_LEVEL            BIT64(4) /* trigger mode */
#define IRTE_VECTOR_SHIFT     16
#define IRTE_DESTINATION      32           /* where x2APIC ids begin */
#define IRTE_DESTINATION_8    40           /* where xAPIC ids begin */
#define IRTE_VERIFY_ALL       (1ull << 18) /* SVT 1, SQ 0: the whole requester id */

#define MSI_BASE              0xFEE00000u
#define MSI_REMAPPABLE        BIT(4)
#define RTE_REMAPPABLE        BIT64(48)

#define FAULT_ADDRESS         0xFFFFFFFFFFFFF000ull
#define FAULT_INDEX_SHIFT     48
#define FAULT_REASON_SHIFT    32
#define FAULT_IS_READ         BIT64(62)
#define FAULT_IS_THERE        BIT64(63)
#define REASON_INTERRUPTS     0x20
#define REASON_INTERRUPTS_END 0x30

struct vtd_entry vtd_root_entry(paddr_t context_table)
{
    return (struct vtd_entry){context_table.v | ENTRY_PRESENT, 0};
}

struct vtd_entry vtd_context_entry(paddr_t top, unsigned levels, uint16_t domain)
{
    return (struct vtd_entry){
        .low = top.v | CONTEXT_TRANSLATE | ENTRY_PRESENT,
        .high = (uint64_t)domain << CONTEXT_DOMAIN_SHIFT | (levels - 2),
    };
}

unsigned vtd_levels(uint64_t cap)
{
    return cap & CAP_SAGAW_4 ? 4 : cap & CAP_SAGAW_3 ? 3 : 0;
}

/* --- second-stage tables: level 1 maps 4 KiB pages, each level above 9 bits more --- */

static uint64_t span(unsigned level) /* what one entry of the level covers */
{
    return 1ull << (12 + 9 * (level - 1));
}

static uint64_t *entry_at(const struct vtd_tables *t, paddr_t table, uint64_t iova, unsigned level)
{
    return t->map(t->context, table) + (iova / span(level) & 511);
}

static bool is_there(uint64_t entry)
{
    return entry & PAGE_RIGHTS;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
    return level == 1 || (entry & PAGE_IS_LARGE);
}

static void set(struct vtd_tables *t, uint64_t *entry, uint64_t value)
{
    *entry = value;
    t->flush(t->context, entry, sizeof(*entry));
}

static uint64_t leaf(uint64_t paddr, unsigned level, unsigned rights)
{
    return paddr | rights | (level > 1 ? PAGE_IS_LARGE : 0);
}

enum err vtd_tables_init(struct vtd_tables *t)
{
    if (t->levels < 3 || t->levels > 4 || t->address_bits > 12 + 9 * t->levels)
        return ERR_UNSUPPORTED;
    return t->alloc(t->context, &t->top) ? OK : ERR_NO_MEMORY;
}

static bool is_range(const struct vtd_tables *t, uint64_t iova, uint64_t bytes)
{
    uint64_t limit = 1ull << t->address_bits;
    return bytes != 0 && (iova | bytes) % PAGE_BYTES == 0 && iova < limit && bytes <= limit - iova;
}

/* Replace a large page by a table of smaller ones, which is filled before the entry points to it.
 */
static enum err split(struct vtd_tables *t, uint64_t *entry, unsigned level)
{
    paddr_t table;
    uint64_t large = *entry;

    if (!t->alloc(t->context, &table))
        return ERR_NO_MEMORY;
    uint64_t *to = t->map(t->context, table);
    for (uint64_t i = 0; i < 512; i++)
        to[i] = leaf((large & ADDRESS) + i * span(level - 1), level - 1, large & PAGE_RIGHTS);
    t->flush(t->context, to, PAGE_BYTES);
    set(t, entry, table.v | PAGE_RIGHTS);
    return OK;
}

/* Map one page of the size of `level`. */
static enum err map_page(struct vtd_tables *t, uint64_t iova, uint64_t paddr, unsigned level,
                         unsigned rights)
{
    paddr_t table = t->top;
    enum err err = OK;

    for (unsigned at = t->levels; at > level; at--) {
        uint64_t *entry = entry_at(t, table, iova, at);
        if (!is_there(*entry)) {
            paddr_t more;
            if (!t->alloc(t->context, &more))
                return ERR_NO_MEMORY;
            set(t, entry, more.v | PAGE_RIGHTS);
        } else if (is_leaf(*entry, at)) {
            if ((*entry & ADDRESS) + iova % span(at) != paddr)
                return ERR_BUSY;
            if ((*entry & rights) == rights)
                return OK;
            err = split(t, entry, at);
            if (err)
                return err;
        }
        table.v = *entry & ADDRESS;
    }
    uint64_t *entry = entry_at(t, table, iova, level);
    if (is_there(*entry) && !is_leaf(*entry, level)) {
        /* Smaller pages are mapped here: recurse, at most two levels down. */
        for (uint64_t i = 0; i < 512 && !err; i++)
            err = map_page(t, iova + i * span(level - 1), paddr + i * span(level - 1), level - 1,
                           rights);
        return err;
    }
    if (is_there(*entry) && (*entry & ADDRESS) != paddr)
        return ERR_BUSY;
    set(t, entry, leaf(paddr, level, rights) | (*entry & PAGE_RIGHTS));
    return OK;
}

static unsigned largest_level(const struct vtd_tables *t, uint64_t aligned, uint64_t bytes)
{
    if (t->has_1g && aligned % span(3) == 0 && bytes >= span(3))
        return 3;
    return t->has_2m && aligned % span(2) == 0 && bytes >= span(2) ? 2 : 1;
}

enum err vtd_map(struct vtd_tables *t, iova_t iova, paddr_t paddr, uint64_t bytes, unsigned rights)
{
    if (!is_range(t, iova.v, bytes) || paddr.v % PAGE_BYTES != 0 || paddr.v > ADDRESS ||
        bytes > ADDRESS - paddr.v || rights == 0 || (rights & ~PAGE_RIGHTS))
        return ERR_BAD_VALUE;
    while (bytes > 0) {
        unsigned level = largest_level(t, iova.v | paddr.v, bytes);
        enum err err = map_page(t, iova.v, paddr.v, level, rights);
        if (err)
            return err;
        iova.v += span(level);
        paddr.v += span(level);
        bytes -= span(level);
    }
    return OK;
}

enum err vtd_unmap(struct vtd_tables *t, iova_t iova, uint64_t bytes)
{
    if (!is_range(t, iova.v, bytes))
        return ERR_BAD_VALUE;
    for (uint64_t at = iova.v, end = iova.v + bytes; at < end;) {
        paddr_t table = t->top;
        unsigned level = t->levels;
        uint64_t *entry;
        while (is_there(*(entry = entry_at(t, table, at, level)))) {
            if (is_leaf(*entry, level)) {
                if (at % span(level) == 0 && end - at >= span(level)) {
                    set(t, entry, 0);
                    break;
                }
                enum err err = split(t, entry, level);
                if (err)
                    return err;
            }
            table.v = *entry & ADDRESS;
            level--;
        }
        at = (at | (span(level) - 1)) + 1;
    }
    return OK;
}

struct vtd_page vtd_lookup(const struct vtd_tables *t, iova_t iova)
{
    paddr_t table = t->top;
    unsigned rights = PAGE_RIGHTS;

    if (iova.v >> t->address_bits)
        return (struct vtd_page){0, PAGE_BYTES, 0};
    for (unsigned level = t->levels;; level--) {
        uint64_t entry = *entry_at(t, table, iova.v, level);
        rights &= entry;
        if (rights == 0)
            return (struct vtd_page){0, span(level), 0};
        if (is_leaf(entry, level))
            return (struct vtd_page){(entry & ADDRESS) + iova.v % span(level), span(level), rights};
        table.v = entry & ADDRESS;
    }
}

#define PAGE_COST 120u /* instructions to look one up */

void vtd_visit(const struct vtd_tables *t,
               void (*visit)(void *context, iova_t iova, paddr_t paddr, uint64_t bytes,
                             unsigned rights),
               void *context, void (*spend)(uint32_t instructions))
{
    uint64_t run_iova = 0, run_bytes = 0;
    struct vtd_page run = {0};

    for (uint64_t at = 0, end = 1ull << t->address_bits; at < end;) {
        spend(PAGE_COST);
        struct vtd_page page = vtd_lookup(t, (iova_t){at});
        bool goes_on =
            run.rights != 0 && page.rights == run.rights && page.paddr == run.paddr + run_bytes;
        if (!goes_on) {
            if (run.rights != 0)
                visit(context, (iova_t){run_iova}, (paddr_t){run.paddr}, run_bytes, run.rights);
            run = page;
            run_iova = at;
            run_bytes = 0;
        }
        run_bytes += page.page_bytes;
        at += page.page_bytes;
    }
    if (run.rights != 0)
        visit(context, (iova_t){run_iova}, (paddr_t){run.paddr}, run_bytes, run.rights);
}

/* --- interrupts --- */

struct vtd_entry vtd_irte_entry(const struct vtd_irte *irte, bool is_x2apic)
{
    return (struct vtd_entry){
        .low = ENTRY_PRESENT | (irte->is_level ? IRTE_LEVEL : 0) |
               (uint64_t)irte->vector << IRTE_VECTOR_SHIFT |
               (is_x2apic ? (uint64_t)irte->destination << IRTE_DESTINATION
                          : (uint64_t)(irte->destination & 0xFF) << IRTE_DESTINATION_8),
        .high = IRTE_VERIFY_ALL | irte->source,
    };
}

uint32_t vtd_msi_address(uint16_t index)
{
    return MSI_BASE | (index & 0x7FFFu) << 5 | MSI_REMAPPABLE | (uint32_t)(index >> 15) << 2;
}

uint64_t vtd_ioapic_entry(uint16_t index)
{
    return (uint64_t)(index & 0x7FFF) << 49 | RTE_REMAPPABLE | (uint64_t)(index >> 15) << 11;
}

/* --- faults --- */

bool vtd_fault_decode(uint64_t low, uint64_t high, struct vtd_fault *out)
{
    uint8_t reason = (uint8_t)(high >> FAULT_REASON_SHIFT);

    *out = (struct vtd_fault){
        .source = (uint16_t)high,
        .reason = reason,
        .is_interrupt = reason >= REASON_INTERRUPTS && reason < REASON_INTERRUPTS_END,
        .is_read = high & FAULT_IS_READ,
    };
    if (out->is_interrupt)
        out->index = (uint16_t)(low >> FAULT_INDEX_SHIFT);
    else
        out->address = low & FAULT_ADDRESS;
    return high & FAULT_IS_THERE;
}

const char *vtd_reason_text(uint8_t reason)
{
    static const char *const words[] = {
        [0x01] = "the root entry of its bus is not present",
        [0x02] = "its context entry is not present",
        [0x03] = "its context entry is invalid",
        [0x04] = "address beyond the width of its tables",
        [0x05] = "no write permission for the page",
        [0x06] = "no read permission for the page",
        [0x07] = "a page table could not be read",
        [0x08] = "the root table could not be read",
        [0x09] = "the context table could not be read",
        [0x0A] = "reserved bits are set in the root entry",
        [0x0B] = "reserved bits are set in the context entry",
        [0x0C] = "reserved bits are set in a page table",
        [0x0D] = "translation requests (ATS) are blocked",
        [0x20] = "reserved bits are set in the request",
        [0x21] = "the index is beyond the table",
        [0x22] = "the entry is not present",
        [0x23] = "the table could not be read",
        [0x24] = "reserved bits are set in the entry",
        [0x25] = "compatibility-format interrupts are blocked",
        [0x26] = "the entry belongs to another device",
    };

    if (reason < ARRAY_SIZE(words) && words[reason])
        return words[reason];
    return "unknown reason";
}
