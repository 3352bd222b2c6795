/* SPDX-License-Identifier: BSD-2-Clause
 * The interrupt controllers for interrupt lines (MSIs bypass them). All lines stay masked except
 * the one that is routed, the serial line's. Facts: Intel 82093AA datasheet.
 */
#ifndef ARCH_IOAPIC_H
#define ARCH_IOAPIC_H

#include "arch/types.h"

#define IOAPICS_MAX 32u

/* Map an IOAPIC of the MADT and mask all its lines. Boot CPU. After an error its lines cannot be
 * used: ERR_NO_DEVICE: it does not answer; else those of paging_map_device. */
#define IOAPIC_BYTES 0x20u
enum err ioapic_add(uint8_t id, uint64_t paddr, uint32_t gsi_first) MUST_CHECK;
unsigned ioapic_count(void);
unsigned ioapic_lines(void);

struct ioapic_line {
    uint32_t gsi;
    bool is_low_active, is_level;
};
/* Route this line to a vector of the core with this APIC id, and unmask it. ERR_NO_DEVICE: no
 * IOAPIC has that line. ERR_UNSUPPORTED: the id does not fit into an entry (needs interrupt
 * remapping). */
enum err ioapic_route(struct ioapic_line line, uint32_t apic_id, uint8_t vector) MUST_CHECK;
void ioapic_mask(uint32_t gsi);

/* For interrupt remapping: the MADT id of the IOAPIC that has this line (-1: none), and the line's
 * raw entry (all ones without an IOAPIC). */
int ioapic_id_of(uint32_t gsi);
uint64_t ioapic_read(uint32_t gsi);
void ioapic_write(uint32_t gsi, uint64_t entry);

#endif
