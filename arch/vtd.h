/* SPDX-License-Identifier: BSD-2-Clause
 * One VT-d remapping unit: its registers, its invalidation queue, its fault records. What it reads
 * from memory is in arch/vtd_table.h; kernel/iommu/iommu.c decides which device gets which tables,
 * and calls these functions in the order in which they stand here. Intel Virtualization Technology
 * for Directed I/O, chapter 11 (registers) and 6 (invalidation).
 *
 * Boot CPU, except vtd_faults. After an error unit->wrong says which register held which value.
 */
#ifndef ARCH_VTD_H
#define ARCH_VTD_H

#include "arch/mmio.h"
#include "arch/types.h"
#include "arch/vtd_table.h"

struct vtd_unit {
    mmio_t regs;
    paddr_t base;
    uint32_t version; /* [7:4] major, [3:0] minor */
    uint64_t cap, ecap;
    /* Flags that quirks may change between vtd_open and the rest. */
    bool is_coherent; /* snoops the CPU's caches when it reads tables */
    bool is_caching;  /* caching mode: it also caches absent entries (emulators) */
    bool wants_flush; /* its write buffer must be flushed after changes */
    bool has_queue;   /* queued invalidation; else registers */
    bool can_remap_interrupts, has_x2apic; /* has_x2apic: it supports 32-bit APIC ids (EIM) */
    bool has_zlr;                          /* it allows zero-length reads of write-only pages */
    bool is_translating, is_remapping;

    struct vtd_entry *queue;
    uint32_t *status; /* the unit writes the sequence number of the last completed wait here */
    uint32_t tail, sequence;
    uint64_t invalidations; /* requested so far */
    char wrong[160];
};

/* Capabilities as numbers. */
unsigned vtd_address_bits(const struct vtd_unit *unit);          /* width of device addresses */
unsigned vtd_domains(const struct vtd_unit *unit);               /* domain numbers are below this */
bool vtd_has_pages(const struct vtd_unit *unit, unsigned level); /* 2: 2 MiB, 3: 1 GiB */

/* Map the registers at base (from DMAR; at least `bytes` of them) and read the capabilities.
 * ERR_NO_DEVICE: they read all ones or zeroes. ERR_UNSUPPORTED: it supports neither 3 nor 4 levels
 * of tables, or has no way to invalidate. */
enum err vtd_open(struct vtd_unit *unit, paddr_t base, uint32_t bytes) MUST_CHECK;

/* Registers as they read now, for a report. */
struct vtd_words {
    uint32_t version;
    uint64_t cap, ecap;
    uint32_t gsts, fsts;
};
struct vtd_words vtd_words(const struct vtd_unit *unit);

/* Disable what a loader left on: translation, and the queue once it is empty; clear old faults.
 * Interrupt remapping is disabled by vtd_start, which first empties its cache through our queue. */
enum err vtd_take_over(struct vtd_unit *unit) MUST_CHECK;

/* Enable the queue, with two zeroed pages (descriptors, status word) that the unit keeps using. */
enum err vtd_start(struct vtd_unit *unit, void *queue, void *status) MUST_CHECK;

/* Make changed entries visible to the unit: flush them from the CPU's caches if it does not snoop.
 * Any CPU. */
void vtd_flush_entries(const struct vtd_unit *unit, const void *entry, size_t bytes);
/* After absent entries have become present: invalidate if the unit caches absent entries, else
 * flush its write buffer if it needs that. */
enum err vtd_entries_added(struct vtd_unit *unit) MUST_CHECK;
/* Invalidate all cached context entries, then all cached translations. */
enum err vtd_invalidate(struct vtd_unit *unit) MUST_CHECK;
/* Invalidate all cached interrupt entries. */
enum err vtd_invalidate_interrupts(struct vtd_unit *unit) MUST_CHECK;

/* Use this root table, and invalidate everything cached under the previous one. */
enum err vtd_set_root(struct vtd_unit *unit, paddr_t root) MUST_CHECK;
/* Enable translation: from now on every request goes through the tables. Disables firmware's
 * protected memory regions. */
enum err vtd_translate(struct vtd_unit *unit) MUST_CHECK;

/* Enable interrupt remapping with this table of 2^bits entries, each absent or complete. is_x2apic:
 * APIC ids of 32 bits. From now on compatibility-format interrupts are blocked. */
enum err vtd_remap(struct vtd_unit *unit, paddr_t table, unsigned bits, bool is_x2apic) MUST_CHECK;
/* Disable interrupt remapping: messages pass unchanged. */
enum err vtd_remap_off(struct vtd_unit *unit) MUST_CHECK;

/* Pass each fault recorded since the last call to `visit` and clear it. Costs one register read if
 * there is none. *lost: faults were lost because all records were full. *is_gone: the registers
 * read all ones. Returns how many faults were visited; bounded. */
unsigned vtd_faults(struct vtd_unit *unit, void (*visit)(void *context, const struct vtd_fault *),
                    void *context, bool *lost, bool *is_gone);

#endif
