/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/firmware/dmar.c: arbitrary bytes as a DMAR table, with a PCI configuration space made of
 * the same bytes; then the units of several functions are looked up, and it is decided which units
 * translate. Every result must lie within the table.
 *
 * links: kernel/iommu/policy.c kernel/firmware/dmar.c kernel/firmware/acpi.c kernel/lib/fmt.c
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/firmware/dmar.h"
#include "kernel/iommu/policy.h"

static const uint8_t *noise;
static size_t noise_bytes;

static void require(bool is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "fuzz_dmar: %s\n", what);
    abort();
}

static uint8_t read8(void *context, struct dmar_function f, uint32_t offset)
{
    (void)context;
    uint32_t at = f.bus * 2654435761u + f.devfn * 40503u + offset;
    if (offset == 0x0E) /* bridges are common here */
        return at & 64 ? 1 : noise[at % noise_bytes];
    return noise[at % noise_bytes];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct acpi_table table = {data, (uint32_t)n, 0};
    const struct dmar_pci pci = {read8, NULL};
    struct dmar dmar;
    struct dmar_entry e;
    struct dmar_scope s;
    struct dmar_function f;

    if (!dmar_open(&dmar, &table))
        return 0;
    noise = data;
    noise_bytes = n;
    struct acpi_walk walk = dmar_walk(&dmar);
    size_t steps = 0;
    while (dmar_next(&walk, &e)) {
        require(++steps <= n / 4, "more structures than bytes");
        require(e.kind == DMAR_DRHD || e.kind == DMAR_RMRR, "a structure of another kind");
        if (e.kind == DMAR_RMRR && !e.damage)
            require(e.limit > e.base && (e.limit - e.base + 1) % 4096 == 0,
                    "a region that is not whole pages");
        struct dmar_scopes scopes = dmar_scopes(&e);
        while (dmar_scope_next(&scopes, &s)) {
            require(++steps <= n, "more scopes than bytes");
            require(s.steps > 0 && s.path >= data && s.path + 2 * s.steps <= data + n,
                    "a path beyond the table");
            (void)dmar_scope_function(&s, e.segment, &pci, &f);
        }
        struct policy_walk functions = policy_walk(&e, &pci);
        bool is_below;
        while (policy_next(&functions, &f, &is_below))
            require(++steps <= 2 * n, "more functions than bytes");
        if (e.kind == DMAR_DRHD && !e.damage && e.is_for_all)
            require(!policy_why_off(&e, &pci), "a unit for all others stays off");
        else if (e.kind == DMAR_DRHD && !e.damage)
            (void)policy_why_off(&e, &pci);
    }
    for (unsigned i = 0; i < 16; i++) {
        f = (struct dmar_function){data[i] & 1, data[i + 16], data[i + 32]};
        if (dmar_unit_of(&dmar, &pci, f, &e))
            require(e.kind == DMAR_DRHD && !e.damage && e.segment == f.segment,
                    "the unit is not a valid one of this segment");
    }
    return 0;
}
