/* SPDX-License-Identifier: BSD-2-Clause
 * Cards behind VT-d: each card may access only the pages mapped for it, in the direction in which
 * they were mapped. All mappings are made before the loops start; after that nothing changes and
 * nothing is invalidated, but for a card that is cut off, so the data path does no work for it.
 *
 * iommu_init runs before any driver, while bus mastering is off in every function. A driver's card
 * is confined (iommu_confine) before it may master the bus. iommu_poll collects faults a few times
 * a second. Read next: kernel/iommu/iommu.c, then arch/vtd.h and arch/vtd_table.h.
 */
#ifndef KERNEL_IOMMU_IOMMU_H
#define KERNEL_IOMMU_IOMMU_H

#include "kernel/firmware/acpi.h"
#include "kernel/memory/dma.h"
#include "kernel/pci.h"

/* In the order of the boot line's iommu=require|on|off. */
enum iommu_mode { IOMMU_REQUIRE, IOMMU_ON, IOMMU_OFF };

/* Find the units that DMAR names, take them over from a loader that left them on, and enable
 * translation with only firmware's reserved memory mapped, for functions that cannot become ports.
 * Logs one line for each unit that cannot be used or stays off (kernel/iommu/policy.h), and describes
 * the result in `found`, a buffer of n bytes. IOMMU_OFF: units are only disabled. IOMMU_REQUIRE: no
 * unit stays off on purpose, and panics if none works. Boot CPU, after pci_disable_bus_mastering. */
void iommu_init(const struct acpi_table *dmar, enum iommu_mode mode, char *found, size_t n);

/* Create the domain of the card of port `port` (0..31), with only the reserved memory that firmware
 * names for it mapped. *out is NULL without an IOMMU, and with IOMMU_ON, after a warning, if no
 * working unit covers the card. After an error, which is logged, the card must not be used. Boot CPU,
 * before start. */
enum err iommu_confine(const struct pci_dev *pci, unsigned port,
                       struct dma_domain **out) MUST_CHECK;
/* Remove the domain of a card that is not used after all. NULL does nothing. */
void iommu_release(struct dma_domain *domain);

/* Get the address and data of an MSI or MSI-X entry with which the domain's card raises this vector
 * on this core: with interrupt remapping those of a table entry that only this card can use, else
 * (and without a domain) those of msi_compose. Boot CPU, before start. */
enum err iommu_msi(struct dma_domain *domain, unsigned core, uint8_t vector, uint64_t *address,
                   uint32_t *data) MUST_CHECK;

/* Map the reserved memory of network functions that have not become ports, then forbid further changes
 * of mappings. Boot CPU, before the loops start. */
void iommu_seal(void);

/* Log what DMAR says, and the words that each unit reads. Boot CPU, after iommu_init. */
void iommu_log_raw(void);

/* Log the faults that units have recorded, and cut off the cards that caused them: no bus mastering,
 * and no entry in the unit's tables, so that a card which ignores the former is blocked all the
 * same. Of a function that is no port only the first is recorded. Returns a bit for each port whose
 * card was cut off by this call. Service loop of one core. */
uint32_t iommu_poll(void);
/* Is it cut off? NULL: no. */
bool iommu_is_cut_off(const struct dma_domain *domain);
/* Call it when the card's queues are off: what it did until now has no further consequence. Undo the
 * cut-off, but for bus mastering, which is the driver's to enable once the card's queues are
 * off. NULL does nothing. An error is logged: the unit does not answer. */
enum err iommu_readmit(struct dma_domain *domain) MUST_CHECK;

#endif
