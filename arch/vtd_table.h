/* SPDX-License-Identifier: BSD-2-Clause
 * What a VT-d unit reads from memory: root and context entries, second-stage page tables, interrupt
 * entries; and what it reports: fault records. Computes values only; the registers are in
 * arch/vtd.h. Intel Virtualization Technology for Directed I/O, chapters 9 (entries) and 7
 * (faults), legacy mode. Pure: tables are reached through the caller's functions.
 */
#ifndef ARCH_VTD_TABLE_H
#define ARCH_VTD_TABLE_H

#include "arch/types.h"

/* An entry of 16 bytes: root (256 of them, by bus), context (256, by device and function),
 * interrupt. All zero: absent. */
struct vtd_entry {
    uint64_t low, high;
};
static_assert(sizeof(struct vtd_entry) == 16, "entry size");

struct vtd_entry vtd_root_entry(paddr_t context_table);
/* levels: 3 or 4. A domain number identifies one set of tables within a unit. */
struct vtd_entry vtd_context_entry(paddr_t top, unsigned levels, uint16_t domain);

/* FPD, in the low word of a context entry, present or not: faults of its function are not recorded. */
#define VTD_CONTEXT_NO_FAULTS BIT64(1)

/* Levels of tables to use with a unit of this CAP: 4 if supported, else 3, else 0. */
unsigned vtd_levels(uint64_t cap);

/* ---- Second-stage tables ---- */

enum vtd_rights { VTD_READ = 1, VTD_WRITE = 2 }; /* bits 0 and 1 of an entry */

struct vtd_tables {
    /* Set by the caller. */
    unsigned levels;       /* 3 (39 bits) or 4 (48 bits) */
    unsigned address_bits; /* width of the unit's addresses; at most 12 + 9 * levels */
    bool has_2m, has_1g;   /* sizes of pages besides 4 KiB */
    /* alloc: get a zeroed page for a table; false: no memory. map: the pointer to a table. flush:
     * an entry was changed; flush it if the unit does not snoop the CPU's caches. */
    bool (*alloc)(void *context, paddr_t *table);
    uint64_t *(*map)(void *context, paddr_t table);
    void (*flush)(void *context, const void *entry, size_t bytes);
    void *context;
    /* Set by vtd_tables_init. */
    paddr_t top;
};

/* Take the top table. ERR_UNSUPPORTED: levels or address_bits is out of range. ERR_NO_MEMORY. */
enum err vtd_tables_init(struct vtd_tables *t) MUST_CHECK;

/* Map [iova, iova + bytes) to paddr, all multiples of 4 KiB, in the largest pages that fit. Pages
 * that are already mapped to the same paddr get these rights in addition to theirs. ERR_BUSY: a
 * page is mapped to another paddr. ERR_BAD_VALUE: not aligned, no rights, or beyond address_bits.
 * ERR_NO_MEMORY. After an error the part before it stays mapped. */
enum err vtd_map(struct vtd_tables *t, iova_t iova, paddr_t paddr, uint64_t bytes,
                 unsigned rights) MUST_CHECK;
/* Unmap what is mapped in the range, if anything; larger pages are split at its ends. Tables are
 * not freed. The caller invalidates. */
enum err vtd_unmap(struct vtd_tables *t, iova_t iova, uint64_t bytes) MUST_CHECK;

/* The mapping of an address. rights 0: not mapped, and page_bytes is the size of the hole that the
 * missing entry leaves. */
struct vtd_page {
    uint64_t paddr; /* of the byte asked for */
    uint64_t page_bytes;
    unsigned rights;
};
struct vtd_page vtd_lookup(const struct vtd_tables *t, iova_t iova);

/* Call visit for each run of pages that are adjacent in iova and in paddr and have equal rights. spend
 * is called for each page or hole, with the number of instructions that it takes. */
void vtd_visit(const struct vtd_tables *t,
               void (*visit)(void *context, iova_t iova, paddr_t paddr, uint64_t bytes,
                             unsigned rights),
               void *context, void (*spend)(uint32_t instructions));

/* ---- Interrupts ---- */

/* One remapped interrupt: fixed delivery to one CPU, accepted from one source only. */
struct vtd_irte {
    uint8_t vector;
    bool is_level;
    uint32_t destination; /* APIC id */
    uint16_t source;      /* requester id: bus, device and function; all 16 bits are compared */
};
/* is_x2apic: the unit uses 32-bit APIC ids (EIME), else 8-bit ones. */
struct vtd_entry vtd_irte_entry(const struct vtd_irte *irte, bool is_x2apic);
/* The address of an MSI that uses entry `index`; its data are 0. */
uint32_t vtd_msi_address(uint16_t index);
/* The bits of an IOAPIC's redirection entry besides vector, polarity, trigger and mask. */
uint64_t vtd_ioapic_entry(uint16_t index);

/* ---- Faults ---- */

struct vtd_fault {
    uint16_t source; /* requester id */
    uint8_t reason;
    bool is_interrupt;
    bool is_read;     /* else a write; unused for interrupts */
    uint64_t address; /* of the page */
    uint16_t index;   /* interrupts: the requested entry */
};
/* Decode a fault record of two 64-bit words. False: the record is empty. */
bool vtd_fault_decode(uint64_t low, uint64_t high, struct vtd_fault *out);
/* The text for a fault reason; never NULL. */
const char *vtd_reason_text(uint8_t reason);

#endif
