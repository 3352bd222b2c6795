/* SPDX-License-Identifier: BSD-2-Clause
 * Prints, for test_madt.py, what kernel/firmware/madt.c and kernel/firmware/acpi.c read from the MADT,
 * MCFG and HPET tables named on the command line: one line for each fact.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/firmware/madt.h"

static void print_madt(const struct acpi_table *table)
{
    static struct madt m;
    if (!madt_read(table, &m)) {
        printf("refused\n");
        return;
    }
    printf("madt %llu %u %u %u %u %u\n", (unsigned long long)m.lapic_paddr, m.has_8259,
           m.n_disabled, m.n_lost, m.n_bad, m.is_broken);
    for (unsigned i = 0; i < m.n_cpus; i++)
        printf("cpu %u %u\n", m.cpus[i].apic_id, m.cpus[i].acpi_uid);
    for (unsigned i = 0; i < m.n_ioapics; i++)
        printf("ioapic %u %llu %u\n", m.ioapics[i].id, (unsigned long long)m.ioapics[i].paddr,
               m.ioapics[i].gsi_first);
    for (unsigned i = 0; i < m.n_overrides; i++)
        printf("override %u %u %u\n", m.overrides[i].irq, m.overrides[i].gsi, m.overrides[i].flags);
    for (unsigned i = 0; i < m.n_nmis; i++)
        printf("nmi %u %u %u\n", m.nmis[i].acpi_uid, m.nmis[i].flags, m.nmis[i].pin);
    for (unsigned irq = 0; irq < 16; irq++) {
        struct madt_line line = madt_isa_line(&m, (uint8_t)irq);
        printf("isa %u %u %u %u\n", irq, line.gsi, line.is_low_active, line.is_level);
    }
}

static void print_mcfg(const struct acpi_table *table)
{
    struct acpi_mcfg e;
    for (unsigned i = 0; acpi_mcfg_entry(table, i, &e); i++)
        printf("mcfg %llu %u %u %u\n", (unsigned long long)e.base, e.segment, e.first_bus,
               e.last_bus);
}

static void print_hpet(const struct acpi_table *table)
{
    struct acpi_hpet h;
    if (acpi_hpet_read(table, &h))
        printf("hpet %llu %u %u\n", (unsigned long long)h.paddr, h.number, h.min_tick);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f || fseek(f, 0, SEEK_END) != 0)
            return 1;
        size_t n = (size_t)ftell(f);
        rewind(f);
        uint8_t *bytes = malloc(n ? n : 1); /* of exact size: ASan detects an overrun */
        if (fread(bytes, 1, n, f) != n)
            return 1;
        fclose(f);
        printf("file %s\n", argv[i]);
        const struct acpi_table table = {bytes, (uint32_t)n, 0};
        if (n >= 4 && memcmp(bytes, "MCFG", 4) == 0)
            print_mcfg(&table);
        else if (n >= 4 && memcmp(bytes, "HPET", 4) == 0)
            print_hpet(&table);
        else
            print_madt(&table);
        free(bytes);
    }
    return 0;
}
