/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of kernel/iommu share with each other, and with kernel/selftest/iommu.c.
 */
#ifndef KERNEL_IOMMU_INTERNAL_H
#define KERNEL_IOMMU_INTERNAL_H

#include "arch/vtd.h"
#include "kernel/firmware/dmar.h"
#include "kernel/iommu/iommu.h"

enum { IOMMU_UNITS_MAX = 32, IOMMU_DOMAINS_MAX = 64, IOMMU_BUSES = 256 };

struct iommu_unit {
    struct vtd_unit vtd;
    struct dmar_entry drhd;
    const char *why_off; /* it stays off on purpose; NULL: it is to translate */
    bool is_ready;       /* taken over, its queue runs */
    bool works;          /* translation is on */
    struct vtd_entry *root;
    struct vtd_entry *contexts[IOMMU_BUSES]; /* 256 entries each; NULL: the bus has none */
    uint64_t invalidations_at_start;
    uint64_t faults, lost;
};

struct iommu_domain {
    struct dma_domain dma; /* first member: drivers hold a pointer to it */
    struct pci_dev pci;
    struct iommu_unit *unit;
    struct vtd_tables tables;
    unsigned port;
    char name[12];   /* port0; or 00:14.0 */
    bool has_port;   /* else a function for which firmware reserves memory */
    uint16_t number; /* never 0: units in caching mode reserve it */
    bool is_used, is_cut_off;
    uint64_t faults;
};

extern struct dmar iommu_dmar; /* ACPI's table; without one its table.at is NULL */
extern struct iommu_unit iommu_units[IOMMU_UNITS_MAX];
extern unsigned iommu_units_n;
extern struct iommu_domain iommu_domains[IOMMU_DOMAINS_MAX];
extern bool iommu_is_on;     /* cards are confined */
extern bool iommu_is_sealed; /* the loops run: mappings no longer change */

/* Configuration space, for scopes. */
extern const struct dmar_pci iommu_pci;

/* irq.c: enable interrupt remapping in every unit, if all of them and firmware support it. Returns
 * NULL, or why it stays off. */
const char *iommu_irq_start(const struct dmar *dmar);
/* Set by selftest=forge: iommu_msi gives every card the message of entry 0. */
extern bool iommu_irq_forges;
/* For `show iommu`: remapped interrupt i; false past the end. */
bool iommu_irq_get(unsigned i, struct vtd_irte *out);

#endif
