/* SPDX-License-Identifier: BSD-2-Clause
 * Which remapping units translate, and for whom reserved memory is mapped: decided from ACPI's DMAR
 * table and the class codes of PCI functions alone. Pure, so that the decisions are tested over the
 * tables of real machines (tests/tables/units.md lists them all). Read next: kernel/iommu/iommu.c,
 * which acts on them.
 *
 * A unit whose functions are all displays or audio devices stays off, as Linux and Xen can leave it: a
 * display reads its picture through the unit, some chipsets' graphics units do not work, and some
 * firmware leaves the audio unit without a translation cache, so that it hangs. No card is below such
 * a unit. Functions whose unit stays off may access all memory.
 */
#ifndef KERNEL_IOMMU_POLICY_H
#define KERNEL_IOMMU_POLICY_H

#include "kernel/firmware/dmar.h"

/* The functions that a structure's scopes name and that are present. */
struct policy_walk {
    struct dmar_scopes scopes;
    uint16_t segment;
    const struct dmar_pci *pci;
    bool
        is_unclear; /* passed a device that only ACPI describes, or a path through what is no bridge */
};
struct policy_walk policy_walk(const struct dmar_entry *entry, const struct dmar_pci *pci);
/* *is_below: the functions behind it are meant as well. False at the end. */
bool policy_next(struct policy_walk *walk, struct dmar_function *function, bool *is_below);

/* The class of a present function. */
enum policy_class { POLICY_DISPLAY, POLICY_AUDIO, POLICY_NETWORK, POLICY_BRIDGE, POLICY_OTHER };
enum policy_class policy_class(const struct dmar_pci *pci, struct dmar_function function);

/* Why this valid unit does not translate, as text that follows "stays off: "; NULL: it does. */
const char *policy_why_off(const struct dmar_entry *drhd, const struct dmar_pci *pci);

#endif
