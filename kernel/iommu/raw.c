/* SPDX-License-Identifier: BSD-2-Clause
 * What DMAR says and its units read, for a bug report: bringup=verbose.
 */
#include "kernel/iommu/internal.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"

/* The scopes of a structure, as the table has them: type, id, bus, path of devices and functions. */
static void log_scopes(const struct dmar_entry *entry)
{
    struct dmar_scopes scopes = dmar_scopes(entry);
    struct dmar_scope scope;

    while (dmar_scope_next(&scopes, &scope)) {
        char path[64] = "";
        size_t at = 0;
        for (unsigned i = 0; i < scope.steps && at < sizeof(path); i++)
            at += fmt_print(path + at, sizeof(path) - at, " %02x.%x", scope.path[2 * i],
                            scope.path[2 * i + 1]);
        log_info("iommu:   scope type %u id %u bus %02x path%s", scope.type, scope.id,
                 scope.start_bus, path);
    }
    if (scopes.is_broken)
        log_info("iommu:   what follows of its scopes has an invalid length");
}

void iommu_log_raw(void)
{
    struct acpi_walk walk = dmar_walk(&iommu_dmar);
    struct dmar_entry entry;

    if (!iommu_dmar.table.at) {
        log_info("iommu: no DMAR table");
        return;
    }
    log_info("iommu: DMAR of %lu bytes, flags 0x%02x, addresses of %u bits",
             (uint64_t)iommu_dmar.table.bytes, iommu_dmar.flags, iommu_dmar.address_bits);
    while (dmar_next(&walk, &entry)) {
        if (entry.kind == DMAR_DRHD)
            log_info("iommu: DRHD 0x%lx segment %u flags 0x%02x%s%s", entry.base, entry.segment,
                     entry.flags, entry.damage ? ": " : "", entry.damage ? entry.damage : "");
        else
            log_info("iommu: RMRR 0x%lx to 0x%lx segment %u%s%s", entry.base, entry.limit,
                     entry.segment, entry.damage ? ": " : "", entry.damage ? entry.damage : "");
        log_scopes(&entry);
    }
    for (unsigned i = 0; i < iommu_units_n; i++) {
        const struct iommu_unit *unit = &iommu_units[i];
        struct vtd_words words = vtd_words(&unit->vtd);
        log_info("iommu: unit %u at 0x%lx: VER 0x%x CAP 0x%lx ECAP 0x%lx GSTS 0x%08x FSTS 0x%08x",
                 i, unit->vtd.base.v, words.version, words.cap, words.ecap, words.gsts, words.fsts);
    }
}
