/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupt remapping: one table for all units, with an entry for each MSI-X vector and each IOAPIC
 * line in use, valid for that one source only. Compatibility-format interrupts are blocked.
 */
#include "arch/ioapic.h"
#include "arch/irq.h"
#include "arch/lapic.h"
#include "arch/paging.h"
#include "arch/smp.h"
#include "kernel/iommu/internal.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/panic.h"

enum {
    TABLE_BITS = 8, /* 256 entries, one page */
    LINES_MAX = 256,
};
static_assert(sizeof(struct vtd_entry) << TABLE_BITS == PAGE_BYTES, "one page");

/* Fields of an IOAPIC's entry; 82093AA datasheet, section 3.2.4. */
#define LINE_VECTOR      0xFFull
#define LINE_LOW_ACTIVE  BIT64(13)
#define LINE_LEVEL       BIT64(15)
#define LINE_MASKED      BIT64(16)
#define LINE_DESTINATION 56

static struct vtd_entry *table;
static struct vtd_irte irtes[1 << TABLE_BITS];
static unsigned irtes_n;
static bool is_remapping, is_x2apic;
bool iommu_irq_forges;

bool iommu_irq_get(unsigned i, struct vtd_irte *out)
{
    if (i >= irtes_n)
        return false;
    *out = irtes[i];
    return true;
}

static enum err add(const struct vtd_irte *irte, uint16_t *index)
{
    if (irtes_n == ARRAY_SIZE(irtes)) {
        log_error("iommu: no interrupt entry is left");
        return ERR_NO_MEMORY;
    }
    struct vtd_entry *entry = &table[irtes_n], value = vtd_irte_entry(irte, is_x2apic);
    entry->high = value.high;
    entry->low = value.low; /* last: it holds the present bit */
    for (unsigned i = 0; i < iommu_units_n; i++) {
        struct vtd_unit *vtd = &iommu_units[i].vtd;
        if (!vtd->is_remapping)
            continue;
        vtd_flush_entries(vtd, entry, sizeof(*entry));
        enum err err = vtd_invalidate_interrupts(vtd);
        if (err) {
            log_error("iommu: unit %u: %s", i, vtd->wrong);
            return err;
        }
    }
    *index = (uint16_t)irtes_n;
    irtes[irtes_n++] = *irte;
    return OK;
}

struct ioapic_place {
    uint16_t source; /* the requester id that it uses */
    uint64_t unit;   /* registers of the unit above it */
    int id;          /* as DMAR has it */
};

/* Find an IOAPIC in DMAR's scopes: by its id in MADT, else the only one, if both tables have one: some
 * firmware numbers it differently. */
static bool find_ioapic(const struct dmar *dmar, int id, struct ioapic_place *place)
{
    struct acpi_walk walk = dmar_walk(dmar);
    struct dmar_entry entry;
    struct dmar_scope scope;
    struct dmar_function f;
    unsigned n = 0;

    while (dmar_next(&walk, &entry)) {
        struct dmar_scopes scopes = dmar_scopes(&entry);
        while (entry.kind == DMAR_DRHD && dmar_scope_next(&scopes, &scope)) {
            if (scope.type != DMAR_SCOPE_IOAPIC ||
                !dmar_scope_function(&scope, entry.segment, &iommu_pci, &f))
                continue;
            *place = (struct ioapic_place){(uint16_t)(f.bus << 8 | f.devfn), entry.base, scope.id};
            if (scope.id == id)
                return true;
            n++;
        }
    }
    return n == 1 && ioapic_count() == 1;
}

static bool remaps(uint64_t base)
{
    for (unsigned i = 0; i < iommu_units_n; i++)
        if (iommu_units[i].vtd.base.v == base)
            return iommu_units[i].vtd.is_remapping;
    return false;
}

/* Remap a line that was routed before. `old` is its entry, which has been masked since. */
static void remap_line(const struct dmar *dmar, uint32_t gsi, uint64_t old)
{
    struct vtd_irte irte = {
        .vector = (uint8_t)(old & LINE_VECTOR),
        .is_level = old & LINE_LEVEL,
        .destination = (uint32_t)(old >> LINE_DESTINATION),
    };
    int id = ioapic_id_of(gsi);
    struct ioapic_place place;
    uint16_t index;

    if (!find_ioapic(dmar, id, &place)) {
        log_warn("iommu: line %u stays masked: DMAR does not name IOAPIC %d", gsi, id);
        return;
    }
    if (place.id != id)
        log_info("iommu: IOAPIC %d is taken for the one that DMAR calls %d", id, place.id);
    if (!remaps(
            place.unit)) { /* that unit does not answer: the line's messages pass it unchanged */
        ioapic_write(gsi, old);
        return;
    }
    irte.source = place.source;
    if (add(&irte, &index) == OK)
        ioapic_write(gsi, vtd_ioapic_entry(index) |
                              (old & (LINE_VECTOR | LINE_LOW_ACTIVE | LINE_LEVEL)));
}

/* NULL, or why interrupts cannot be remapped. */
static const char *why_not(const struct dmar *dmar)
{
    if (!(dmar->flags & DMAR_INTR_REMAP))
        return "unsupported by the platform (DMAR flag INTR_REMAP is 0)";
    for (unsigned i = 0; i < iommu_units_n; i++) {
        const struct iommu_unit *unit = &iommu_units[i];
        bool is_usable = unit->works || (unit->is_ready && unit->why_off);
        if (!is_usable || !unit->vtd.can_remap_interrupts)
            return "unsupported by a unit";
        if (is_x2apic && !unit->vtd.has_x2apic)
            return "a unit does not support x2APIC ids";
    }
    return NULL;
}

/* Enable remapping in every unit, or in none. Returns NULL, or what failed. */
static const char *switch_on(void)
{
    const char *why = NULL;
    unsigned n = 0;

    for (; n < iommu_units_n && !why; n++) {
        struct vtd_unit *vtd = &iommu_units[n].vtd;
        vtd_flush_entries(vtd, table, PAGE_BYTES);
        if (vtd_remap(vtd, paging_paddr(table), TABLE_BITS, is_x2apic) != OK)
            why = vtd->wrong;
    }
    for (unsigned i = 0; why && i < n; i++) {
        static char first[sizeof(iommu_units[0].vtd.wrong)];
        struct vtd_unit *vtd = &iommu_units[i].vtd;
        if (why != first)
            memcpy(first, why, sizeof(first));
        why = first;
        if (vtd_remap_off(vtd) != OK)
            log_error("iommu: unit %u: %s; its interrupts are lost", i, vtd->wrong);
    }
    return why;
}

const char *iommu_irq_start(const struct dmar *dmar)
{
    static uint64_t old[LINES_MAX];

    is_x2apic = lapic_mode() == LAPIC_X2APIC;
    const char *why = why_not(dmar);
    if (why)
        return why;
    table = memory_alloc(PAGE_BYTES, PAGE_BYTES);
    if (!table)
        return "no memory for the table";
    /* Unmasked lines are masked until their table entries are written. */
    for (uint32_t gsi = 0; gsi < LINES_MAX; gsi++) {
        old[gsi] = ioapic_id_of(gsi) >= 0 ? ioapic_read(gsi) : LINE_MASKED;
        if (!(old[gsi] & LINE_MASKED))
            ioapic_mask(gsi);
    }
    why = switch_on();
    is_remapping = !why;
    for (uint32_t gsi = 0; gsi < LINES_MAX; gsi++) {
        if (old[gsi] & LINE_MASKED)
            continue;
        if (is_remapping)
            remap_line(dmar, gsi, old[gsi]);
        else
            ioapic_write(gsi, old[gsi]);
    }
    return why;
}

enum err iommu_msi(struct dma_domain *dma, unsigned core, uint8_t vector, uint64_t *address,
                   uint32_t *data)
{
    const struct iommu_domain *domain = (const struct iommu_domain *)dma;
    uint16_t index;

    if (!is_remapping || !domain) /* without a domain no unit above the card is in use */
        return msi_compose(core, vector, address, data);
    CHECK(!iommu_is_sealed);
    const struct vtd_irte irte = {
        .vector = vector,
        .destination = cpus[core]->apic_id,
        .source = (uint16_t)(domain->pci.bus << 8 | domain->pci.device << 3 | domain->pci.function),
    };
    enum err err = add(&irte, &index);
    if (err)
        return err;
    *address = vtd_msi_address(iommu_irq_forges ? 0 : index);
    *data = 0;
    return OK;
}
