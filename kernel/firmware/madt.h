/* SPDX-License-Identifier: BSD-2-Clause
 * The MADT: cores, IOAPICs, and how ISA interrupts and NMIs are wired to them. Also the HPET table,
 * which gives the address of that clock. Layouts: ACPI specification 6.4, section 5.2.12; IA-PC
 * HPET specification 1.0a, section 3.2.4. Pure. Read next: kernel/platform.c.
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
    uint32_t acpi_uid; /* MADT_EVERY_CPU: of all */
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
    unsigned n_lost;    /* structures that did not fit here */
    unsigned n_bad;     /* structures too short for their type; left out */
    unsigned n_unknown; /* structures of unused types */
    bool is_broken;     /* the walk stopped at an invalid length */
};

/* Read the whole table. False: too short to be a MADT; *out is then empty. */
bool madt_read(const struct acpi_table *table, struct madt *out);

/* The global number, polarity and trigger mode of an ISA interrupt. Without an override: the same
 * number, edge-triggered, active high. */
struct madt_line {
    uint32_t gsi;
    bool is_low_active, is_level;
};
struct madt_line madt_isa_line(const struct madt *madt, uint8_t irq);

/* The LAPIC pins of a core that deliver NMIs: bit 0 LINT0, bit 1 LINT1. *low: those active low. */
unsigned madt_nmi_pins(const struct madt *madt, uint32_t acpi_uid, unsigned *low);

struct acpi_hpet {
    uint64_t paddr; /* of 1 KiB of registers */
    uint16_t min_tick;
    uint8_t number;
};
/* False: the table is too short, or the registers are not in memory space. */
bool acpi_hpet_read(const struct acpi_table *table, struct acpi_hpet *out);

#endif
