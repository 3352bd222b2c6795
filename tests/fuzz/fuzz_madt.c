/* SPDX-License-Identifier: BSD-2-Clause
 * Arbitrary bytes as a MADT, an MCFG and an HPET table: no byte outside them is read, every count
 * stays within its array, every core is listed once.
 *
 * links: kernel/firmware/madt.c kernel/firmware/acpi.c kernel/lib/fmt.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/firmware/madt.h"

#define REQUIRE(claim)                                                                             \
    do {                                                                                           \
        if (!(claim))                                                                              \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > ACPI_TABLE_BYTES_MAX)
        return 0;
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    const struct acpi_table table = {copy, (uint32_t)size, 0};

    static struct madt m;
    if (madt_read(&table, &m)) {
        REQUIRE(m.n_cpus <= MADT_CPUS_MAX && m.n_ioapics <= MADT_IOAPICS_MAX);
        REQUIRE(m.n_overrides <= MADT_OVERRIDES_MAX && m.n_nmis <= MADT_NMIS_MAX);
        for (unsigned i = 0; i < m.n_cpus; i++)
            for (unsigned j = 0; j < i; j++)
                REQUIRE(m.cpus[i].apic_id != m.cpus[j].apic_id);
        for (unsigned irq = 0; irq < 256; irq++)
            (void)madt_isa_line(&m, (uint8_t)irq);
        unsigned low;
        for (unsigned i = 0; i < m.n_cpus; i++) {
            unsigned pins = madt_nmi_pins(&m, m.cpus[i].acpi_uid, &low);
            REQUIRE(pins < 4 && (low & ~pins) == 0);
        }
    } else {
        REQUIRE(m.n_cpus == 0);
    }
    struct acpi_mcfg window;
    unsigned i = 0;
    while (acpi_mcfg_entry(&table, i, &window))
        i++;
    REQUIRE(size < 44 ? i == 0 : i == (size - 44) / 16);
    struct acpi_hpet hpet;
    if (acpi_hpet_read(&table, &hpet))
        REQUIRE(hpet.paddr != 0);
    free(copy);
    return 0;
}
