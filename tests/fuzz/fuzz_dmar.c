/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/firmware/dmar.c: any bytes as a DMAR table, with a configuration space made of the same
 * bytes; then the unit of many functions is asked for. What comes out must lie inside the table.
 *
 * links: kernel/firmware/dmar.c kernel/firmware/acpi.c kernel/lib/fmt.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/firmware/dmar.h"

static const uint8_t *noise;
static size_t noise_bytes;

static void demand(bool is_true, const char *what)
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
        demand(++steps <= n / 4, "more structures than bytes");
        demand(!e.name || e.name + strlen(e.name) < (const char *)data + n, "name beyond the table");
        if (e.kind == DMAR_RMRR && !e.damage)
            demand(e.limit > e.base && (e.limit - e.base + 1) % 4096 == 0, "a region of no pages");
        struct dmar_scopes scopes = dmar_scopes(&e);
        while (dmar_scope_next(&scopes, &s)) {
            demand(++steps <= n, "more scopes than bytes");
            demand(s.steps > 0 && s.path >= data && s.path + 2 * s.steps <= data + n,
                   "a path beyond the table");
            (void)dmar_scope_function(&s, e.segment, &pci, &f);
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        f = (struct dmar_function){data[i] & 1, data[i + 16], data[i + 32]};
        if (dmar_unit_of(&dmar, &pci, f, &e))
            demand(e.kind == DMAR_DRHD && !e.damage && e.segment == f.segment, "no unit of ours");
    }
    return 0;
}
