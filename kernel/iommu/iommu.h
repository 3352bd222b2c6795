/* SPDX-License-Identifier: BSD-2-Clause
 * Cards behind VT-d: each may touch the pages that were mapped for it, in the direction in which
 * they were mapped, and nothing else. All of it is made before the loops start; after that nothing
 * changes and nothing is invalidated, so it costs no packet anything.
 *
 * iommu_init runs before any driver, while bus mastering is off in every function. A driver's card
 * is confined (iommu_confine) before it may master the bus. Faults are collected now and then by
 * iommu_poll. Read next: kernel/iommu/iommu.c, then arch/vtd.h and arch/vtd_table.h.
 */
#ifndef KERNEL_IOMMU_IOMMU_H
#define KERNEL_IOMMU_IOMMU_H

#include "kernel/firmware/acpi.h"
#include "kernel/memory/dma.h"
#include "kernel/pci.h"

/* In the order of the boot line's iommu=require|on|off. */
enum iommu_mode { IOMMU_REQUIRE, IOMMU_ON, IOMMU_OFF };

/* Find the units that DMAR names, take them over from a loader that left them on, and switch
 * translation on with nothing mapped. Says in `found` what came of it, after a line for each unit
 * that cannot be used. IOMMU_OFF: units are only switched off. IOMMU_REQUIRE: panics where nothing
 * works. Boot CPU, after pci_silence. */
void iommu_init(const struct acpi_table *dmar, enum iommu_mode mode, char *found, size_t n);

/* Make the domain of a card that is to be port `port` (0..31): reserved memory that firmware names
 * for it, and nothing else yet. *out is NULL without an IOMMU. An error, after its line: the card
 * cannot be confined and must not be used. Boot CPU, before start. */
enum err iommu_confine(const struct pci_dev *pci, unsigned port,
                       struct dma_domain **out) MUST_CHECK;
/* The card is not used after all: nothing is mapped for it any more. NULL does nothing. */
void iommu_release(struct dma_domain *domain);

/* For tests: take every unit to answer zero-length reads, whatever its ZLR bit says, so that pages
 * may be write-only. Before any card is confined. */
void iommu_assume_zlr(void);
/* For tests: let every card send the interrupt of entry 0, which is somebody else's. */
void iommu_forge(void);

/* What to write into an MSI or MSI-X entry of the domain's card so that it raises this vector on
 * this core: with interrupt remapping an entry that only this card can use, else (and without a
 * domain) what msi_compose says. Boot CPU, before start. */
enum err iommu_msi(struct dma_domain *domain, unsigned core, uint8_t vector, uint64_t *address,
                   uint32_t *data) MUST_CHECK;

/* The loops are about to start: from now on no mapping changes. Boot CPU. */
void iommu_seal(void);

/* Report the faults that units have recorded, and take bus mastering from the cards that caused
 * them. Returns a bit for each port that was cut off now. Service loop of one core. */
uint32_t iommu_poll(void);
/* Let the card master the bus again. NULL does nothing. */
void iommu_allow(struct dma_domain *domain);

#endif
