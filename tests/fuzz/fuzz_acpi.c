/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI tables from arbitrary bytes: the input is physical memory from address 0 on, with the root
 * pointer at 0. All checksums that the walk checks are corrected first; otherwise the fuzzer would
 * never get past them.
 *
 * links: kernel/firmware/acpi.c kernel/lib/fmt.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/firmware/acpi.h"

static uint8_t *memory;
static size_t memory_bytes;

static const void *look_up(uint64_t paddr, size_t bytes)
{
    if (paddr > memory_bytes || bytes > memory_bytes - paddr)
        return NULL;
    return memory + paddr;
}

static void check_warning(const char *text)
{
    if (strlen(text) == 0)
        abort();
}

static void fix_checksum(uint64_t paddr, size_t bytes, size_t at)
{
    uint8_t *p = (uint8_t *)(uintptr_t)look_up(paddr, bytes);
    if (!p || bytes <= at)
        return;
    uint8_t sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum += p[i];
    p[at] -= sum;
}

static void fix_table(uint64_t paddr)
{
    const uint8_t *header = look_up(paddr, ACPI_HEADER_BYTES);
    if (header)
        fix_checksum(paddr, acpi_u32(header + 4), 9);
}

static void walk(const struct acpi_table *table, uint32_t offset, bool is_wide)
{
    struct acpi_walk w = acpi_walk(table, offset, is_wide);
    struct acpi_entry e;
    while (acpi_walk_next(&w, &e))
        if (e.bytes < 2 || e.at < table->at || e.at + e.bytes > table->at + table->bytes)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < ACPI_RSDP_BYTES)
        return 0;
    memory = malloc(size);
    memory_bytes = size;
    memcpy(memory, data, size);

    fix_checksum(0, 20, 8);
    fix_checksum(0, ACPI_RSDP_BYTES, 32);
    uint64_t roots[] = {acpi_u32(memory + 16), acpi_u64(memory + 24)};
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *root = look_up(roots[i], ACPI_HEADER_BYTES + 32);
        for (unsigned j = 0; root && j < 4; j++) {
            fix_table(acpi_u32(root + ACPI_HEADER_BYTES + 4 * j));
            fix_table(acpi_u64(root + ACPI_HEADER_BYTES + 8 * j));
        }
        fix_table(roots[i]);
    }

    struct acpi a = {.map = look_up, .warn = check_warning};
    uint8_t rsdp[ACPI_RSDP_BYTES];
    acpi_find_rsdp(&a, rsdp);
    if (acpi_open(&a, memory, ACPI_RSDP_BYTES)) {
        struct acpi_table madt = acpi_find(&a, "APIC", 0), dmar = acpi_find(&a, "DMAR", 0);
        struct acpi_table mcfg = acpi_find(&a, "MCFG", 1), fadt = acpi_find(&a, "FACP", 0);
        walk(&madt, 44, false);
        walk(&dmar, 48, true);
        struct acpi_mcfg window;
        for (unsigned i = 0; acpi_mcfg_entry(&mcfg, i, &window); i++)
            if (window.base % (1 << 20))
                abort();
        struct acpi_fadt power;
        if (acpi_fadt_read(&fadt, &power)) {
            struct acpi_table dsdt = acpi_table_at(&a, power.dsdt_paddr, "DSDT");
            acpi_s5_find(&dsdt, &power);
            if (power.s5_type_a > 7 || power.s5_type_b > 7)
                abort();
        }
    }
    free(memory);
    return 0;
}
