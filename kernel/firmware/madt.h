/* SPDX-License-Identifier: BSD-2-Clause
 * The MADT: cores, IOAPICs, and how the lines of old are wired to them. And the HPET's table, which
 * says where that clock is. Layouts: ACPI specification 6.4, section 5.2.12; IA-PC HPET
 * specification 1.0a, section 3.2.4. Pure. Read next: kernel/platform.c.
 */
#ifndef KERNEL_FIRMWARE_MADT_H
#define KERNEL_FIRMWARE_MADT_H

#include "kernel/firmware/acpi.h"

#define MADT_CPUS_MAX      256u
#define MADT_IOAPICS_MAX   32u
#define MADT_OVERRIDES_MAX 32u
#define MADT_NMIS_MAX      64u

struct madt_cpu {
    uint32_t apic_id, acpi_uid;
};
struct madt_ioapic {
    uint64_t paddr;
    uint32_t gsi_first;
    uint8_t id;
};
struct madt_override {
    uint32_t gsi;
    uint16_t flags; /* MADT_ACTIVE_LOW, ... as in the table */
    uint8_t irq;
};
struct madt_nmi {
    uint32_t acpi_uid; /* MADT_EVERY_CPU: of each */
    uint16_t flags;
    uint8_t pin; /* LINT0 or LINT1 */
};
#define MADT_EVERY_CPU 0xFFFFFFFFu

struct madt {
    uint64_t lapic_paddr;
    bool has_8259;
    struct madt_cpu cpus[MADT_CPUS_MAX]; /* enabled ones, in the table's order, each id once */
    unsigned n_cpus, n_disabled;
    struct madt_ioapic ioapics[MADT_IOAPICS_MAX];
    unsigned n_ioapics;
    struct madt_override overrides[MADT_OVERRIDES_MAX];
    unsigned n_overrides;
    struct madt_nmi nmis[MADT_NMIS_MAX];
    unsigned n_nmis;
    unsigned n_lost;    /* structures for which there was no room here */
    unsigned n_bad;     /* structures too short for their type; left out */
    unsigned n_unknown; /* types that we have no use for */
    bool is_broken;     /* the walk stopped at a length that cannot be right */
};

/* Read it all. False: too short to be a MADT; *out is then empty. */
bool madt_read(const struct acpi_table *table, struct madt *out);

/* Where a line of the ISA bus comes in: its global number, and how it signals. Without an override
 * the number is the same, edge-triggered and active high. */
struct madt_line {
    uint32_t gsi;
    bool is_low_active, is_level;
};
struct madt_line madt_isa_line(const struct madt *madt, uint8_t irq);

/* Pins of a core that deliver NMIs: bit 0 LINT0, bit 1 LINT1; those that are active low in *low. */
unsigned madt_nmi_pins(const struct madt *madt, uint32_t acpi_uid, unsigned *low);

struct acpi_hpet {
    uint64_t paddr; /* of 1 KiB of registers */
    uint16_t min_tick;
    uint8_t number;
};
/* False: too short, or not in memory. */
bool acpi_hpet_read(const struct acpi_table *table, struct acpi_hpet *out);

#endif
