/* SPDX-License-Identifier: BSD-2-Clause
 * One VT-d remapping unit: its registers, its invalidation queue, its fault records. What it reads
 * from memory is arch/vtd_table.h; who gets which tables is kernel/iommu/iommu.c, which calls these
 * functions in the order in which they stand here. Intel Virtualization Technology for Directed
 * I/O, chapter 11 (registers) and 6 (invalidation).
 *
 * Boot CPU, but for vtd_faults. Where a function fails, unit->wrong says which register held what.
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
    bool is_coherent;   /* looks into the CPU's caches when it reads tables */
    bool is_caching;    /* keeps absent entries too: an emulator */
    bool wants_flush;   /* its write buffer must be flushed after changes */
    bool has_queue;     /* queued invalidation; else registers */
    bool can_remap_interrupts, has_x2apic; /* the latter: for CPUs with ids of 32 bits */
    bool has_zlr;       /* zero-length reads of write-only pages are answered */
    bool is_translating, is_remapping;

    struct vtd_entry *queue;
    uint32_t *status; /* where the unit says how far it is */
    uint32_t tail, sequence;
    uint64_t invalidations; /* asked for so far */
    char wrong[160];
};

/* Capabilities as numbers. */
unsigned vtd_address_bits(const struct vtd_unit *unit);   /* of what devices may ask for */
unsigned vtd_domains(const struct vtd_unit *unit);        /* numbers 0 to one less */
bool vtd_has_pages(const struct vtd_unit *unit, unsigned level); /* 2: 2 MiB, 3: 1 GiB */

/* Map the registers at base (as DMAR gives it, `bytes` of them at least) and read what the unit
 * can. ERR_NO_DEVICE: they read all ones or zeroes. ERR_UNSUPPORTED: neither 3 nor 4 levels. */
enum err vtd_open(struct vtd_unit *unit, paddr_t base, uint32_t bytes) MUST_CHECK;

/* Switch off what a loader left on: translation, the queue once it is empty, old faults.
 * Interrupt remapping goes with vtd_start, which has a queue of ours to empty its cache first. */
enum err vtd_take_over(struct vtd_unit *unit) MUST_CHECK;

/* Switch the queue on, on two zeroed pages (descriptors, status word) that the unit keeps. */
enum err vtd_start(struct vtd_unit *unit, void *queue, void *status) MUST_CHECK;

/* Entries have been changed: make them visible to the unit. Any CPU. */
void vtd_changed(const struct vtd_unit *unit, const void *entry, size_t bytes);
/* Tables have grown: forget what was absent, where the unit keeps it; flush its write buffer. */
enum err vtd_grown(struct vtd_unit *unit) MUST_CHECK;
/* Forget every context entry, then every translation. */
enum err vtd_invalidate(struct vtd_unit *unit) MUST_CHECK;
/* Forget every interrupt entry. */
enum err vtd_invalidate_interrupts(struct vtd_unit *unit) MUST_CHECK;

/* Use this root table. Forgets what was known under another. */
enum err vtd_set_root(struct vtd_unit *unit, paddr_t root) MUST_CHECK;
/* From now on every request goes through the tables; firmware's protected regions are opened. */
enum err vtd_translate(struct vtd_unit *unit) MUST_CHECK;

/* Use this interrupt table of 2^bits entries, which must be absent or right. is_x2apic: ids of 32
 * bits. From now on messages in the old format are blocked. */
enum err vtd_remap(struct vtd_unit *unit, paddr_t table, unsigned bits, bool is_x2apic) MUST_CHECK;
/* Messages go through as they are again. */
enum err vtd_remap_off(struct vtd_unit *unit) MUST_CHECK;

/* Hand each fault recorded since the last call to `visit` and clear it. Costs one register read
 * where there is none. *lost is true if faults came that found no room. Returns how many; bounded.
 * ERR_NO_DEVICE is told as *is_gone: the registers read all ones. */
unsigned vtd_faults(struct vtd_unit *unit, void (*visit)(void *context, const struct vtd_fault *),
                    void *context, bool *lost, bool *is_gone);

#endif
