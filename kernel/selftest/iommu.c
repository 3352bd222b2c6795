/* SPDX-License-Identifier: BSD-2-Clause
 * Selftests of the IOMMU: cards that are confined afterwards get write-only pages on a unit without
 * that capability, or send an interrupt that belongs to another device.
 */
#include "kernel/iommu/internal.h"
#include "kernel/log/log.h"
#include "kernel/selftest/selftest.h"

/* Assume that every unit supports zero-length reads, also if its ZLR bit is 0, so that pages may be
 * write-only. QEMU's unit lacks the bit, but blocks no zero-length read either. */
void selftest_zlr(void)
{
    for (unsigned i = 0; i < iommu_units_n; i++)
        iommu_units[i].vtd.has_zlr = true;
    log_info("selftest: pages may be write-only for cards");
}

/* Entry 0 of the interrupt remapping table belongs to another device. */
void selftest_forge(void)
{
    iommu_irq_forges = true;
    log_info("selftest: cards send an interrupt of another device");
}
