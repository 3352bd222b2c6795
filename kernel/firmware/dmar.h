/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI's DMAR table: where the machine's remapping units are, which devices each is responsible
 * for, and what memory firmware keeps for some of them. Firmware lies: every length is checked
 * against what remains, and what cannot be right is named and not used. Layouts: Intel
 * Virtualization Technology for Directed I/O, chapter 8. Pure: the caller lends the way to
 * configuration space. Read next: kernel/iommu/iommu.c, which uses it.
 */
#ifndef KERNEL_FIRMWARE_DMAR_H
#define KERNEL_FIRMWARE_DMAR_H

#include "kernel/firmware/acpi.h"

#define DMAR_BYTES          48u /* before the first structure */

#define DMAR_INTR_REMAP     BIT(0) /* the platform can remap interrupts */
#define DMAR_X2APIC_OPT_OUT BIT(1) /* firmware asks us to stay in xAPIC mode */
#define DMAR_DMA_OPT_IN     BIT(2) /* firmware asks for DMA protection from the start */

enum dmar_kind {
    DMAR_DRHD = 0, /* a remapping unit */
    DMAR_RMRR = 1, /* memory that devices use behind our back */
    DMAR_ATSR = 2, /* root ports that can translate for devices below */
    DMAR_RHSA = 3, /* which node a unit belongs to */
    DMAR_ANDD = 4, /* a device that only ACPI names */
    DMAR_SATC = 5, /* devices in the chipset that can translate */
    DMAR_SIDP = 6, /* properties of devices in the chipset */
};

/* One structure. Fields that its kind does not have are 0. */
struct dmar_entry {
    enum dmar_kind kind;
    uint8_t flags;
    bool is_for_all;         /* DRHD: all functions of the segment that no other unit names;
                              * ATSR: all root ports of the segment */
    uint16_t segment;
    uint64_t base;           /* DRHD and RHSA: the unit's registers. RMRR: first byte */
    uint64_t limit;          /* RMRR: last byte */
    uint32_t register_bytes; /* DRHD */
    uint32_t proximity;      /* RHSA */
    uint8_t device;          /* ANDD: its number in scopes */
    const char *name;        /* ANDD: its path, ended by a NUL inside the table */
    const uint8_t *scopes;   /* for dmar_scopes */
    uint32_t scope_bytes;
    const char *damage;      /* why it must not be used, or NULL */
};

struct dmar {
    struct acpi_table table;
    unsigned address_bits; /* of the host */
    uint8_t flags;
};

/* Take the table. False: shorter than its head. */
bool dmar_open(struct dmar *dmar, const struct acpi_table *table);

/* Its structures, in order; those of kinds that we do not know are passed over. Check is_broken
 * after the last: a length that cannot be right ended the walk, and the table is distrusted. */
struct acpi_walk dmar_walk(const struct dmar *dmar);
bool dmar_next(struct acpi_walk *walk, struct dmar_entry *entry);

enum dmar_scope_type {
    DMAR_SCOPE_ENDPOINT = 1,
    DMAR_SCOPE_BRIDGE = 2, /* and everything below */
    DMAR_SCOPE_IOAPIC = 3,
    DMAR_SCOPE_HPET = 4,
    DMAR_SCOPE_ACPI = 5,
};

/* One device scope: a bus to start from and a path down from there. */
struct dmar_scope {
    uint8_t type, flags;
    uint8_t id;          /* MADT's id of the IOAPIC, number of the HPET, ANDD's device number */
    uint8_t start_bus;
    const uint8_t *path; /* `steps` pairs of device and function; at least one */
    unsigned steps;
};
struct dmar_scopes {
    const uint8_t *at, *end;
    bool is_broken;
};
struct dmar_scopes dmar_scopes(const struct dmar_entry *entry);
/* False at the end or once broken. */
bool dmar_scope_next(struct dmar_scopes *scopes, struct dmar_scope *scope);

/* A function, and how to read a byte of its configuration space (all ones where nobody is). */
struct dmar_function {
    uint16_t segment;
    uint8_t bus, devfn;
};
struct dmar_pci {
    uint8_t (*read8)(void *context, struct dmar_function function, uint32_t offset);
    void *context;
};

/* The function that a scope of this segment names: down its path, a bridge a step. Bridges must
 * have their bus numbers. False: the path does not lead through bridges, or off a bus. */
bool dmar_scope_function(const struct dmar_scope *scope, uint16_t segment,
                         const struct dmar_pci *pci, struct dmar_function *out);

/* Does the structure name this function, or a bridge above it? */
bool dmar_names(const struct dmar_entry *entry, const struct dmar_pci *pci,
                struct dmar_function function);

/* The unit responsible for a function: one that names it, else its segment's is_for_all. False:
 * none that is undamaged. */
bool dmar_unit_of(const struct dmar *dmar, const struct dmar_pci *pci,
                  struct dmar_function function, struct dmar_entry *unit);

#endif
