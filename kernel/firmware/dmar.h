/* SPDX-License-Identifier: BSD-2-Clause
 * ACPI's DMAR table: where the machine's remapping units are, which devices each covers, and what
 * memory firmware reserves for some of them. Its other structures (ATS, NUMA nodes, devices that only
 * ACPI describes) concern nothing that the image does, and are skipped. Firmware is not trusted: every
 * length is checked against what remains, and an invalid structure is marked with its `damage`.
 * Layouts: Intel Virtualization Technology for Directed I/O, chapter 8. Pure: the caller supplies
 * access to configuration space. Read next: kernel/iommu/iommu.c, which uses it.
 */
#ifndef KERNEL_FIRMWARE_DMAR_H
#define KERNEL_FIRMWARE_DMAR_H

#include "kernel/firmware/acpi.h"

#define DMAR_BYTES          48u /* before the first structure */

#define DMAR_INTR_REMAP     BIT(0) /* the platform can remap interrupts */
#define DMAR_X2APIC_OPT_OUT BIT(1) /* firmware asks us to stay in xAPIC mode */

enum dmar_kind {
    DMAR_DRHD = 0, /* a remapping unit */
    DMAR_RMRR = 1, /* memory reserved by firmware that a device may access at any time */
};

/* One structure. Fields that its kind does not have are 0. */
struct dmar_entry {
    enum dmar_kind kind;
    uint8_t flags;   /* DRHD */
    bool is_for_all; /* DRHD: all functions of the segment that no other unit covers */
    uint16_t segment;
    uint64_t base;           /* DRHD: the unit's registers. RMRR: first byte */
    uint64_t limit;          /* RMRR: last byte */
    uint32_t register_bytes; /* DRHD */
    const uint8_t *scopes;   /* for dmar_scopes */
    uint32_t scope_bytes;
    const char *damage; /* why it must not be used; NULL: valid */
};

struct dmar {
    struct acpi_table table;
    unsigned address_bits; /* of the host */
    uint8_t flags;
};

/* Use this table. False: it is shorter than its head. */
bool dmar_open(struct dmar *dmar, const struct acpi_table *table);

/* Walk its structures in order; other kinds are skipped. Check is_broken after the last: true if
 * an invalid length ended the walk, so that what follows is unknown; what came before is valid. Zeroes
 * up to the end of the table are padding, not an invalid length. */
struct acpi_walk dmar_walk(const struct dmar *dmar);
bool dmar_next(struct acpi_walk *walk, struct dmar_entry *entry);

enum dmar_scope_type {
    DMAR_SCOPE_ENDPOINT = 1,
    DMAR_SCOPE_BRIDGE = 2, /* and everything below it */
    DMAR_SCOPE_IOAPIC = 3,
    DMAR_SCOPE_HPET = 4,
};

/* One device scope: a start bus and a path from there. */
struct dmar_scope {
    uint8_t type;
    uint8_t id; /* MADT's id of the IOAPIC, number of the HPET */
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

/* A PCI function, and the callback that reads a byte of configuration space (all ones without a
 * function). */
struct dmar_function {
    uint16_t segment;
    uint8_t bus, devfn;
};
struct dmar_pci {
    uint8_t (*read8)(void *context, struct dmar_function function, uint32_t offset);
    void *context;
};

/* Find the function that a scope names by following its path, one bridge per step. Bridges must
 * have their bus numbers. False: a step of the path is not a bridge, or is not a valid device. */
bool dmar_scope_function(const struct dmar_scope *scope, uint16_t segment,
                         const struct dmar_pci *pci, struct dmar_function *out);

/* Do the structure's scopes contain this function, or a bridge above it? */
bool dmar_covers(const struct dmar_entry *entry, const struct dmar_pci *pci,
                 struct dmar_function function);

/* Find the unit that covers a function: a unit whose scopes contain it, else its segment's
 * is_for_all unit. False: there is no valid one. */
bool dmar_unit_of(const struct dmar *dmar, const struct dmar_pci *pci,
                  struct dmar_function function, struct dmar_entry *unit);

#endif
