/* SPDX-License-Identifier: BSD-2-Clause
 * The CPU's page tables. There is one address space; arch/README.md draws its map:
 *
 *     0                        never mapped: a null pointer, or a paddr_t used as one, faults
 *     PHYSMAP_BASE + paddr     RAM, read-write, never executable, without the image;
 *                              firmware's tables, read-only, mapped by paging_map_firmware
 *     DEVICE_BASE              registers of devices, uncached, a guard page after each block
 *     STACKS_BASE              stacks of all cores but the first, a guard page below each
 *     KERNEL_BASE + paddr      the image: text R-X, rodata R--, data RW-, guards below the stacks
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include "arch/mmio.h"
#include "arch/types.h"

#define PHYSMAP_BASE  0xFFFF800000000000ull
#define PHYSMAP_BYTES (64ull << 40)
#define DEVICE_BASE   0xFFFFC00000000000ull
#define DEVICE_BYTES  (16ull << 40)
#define STACKS_BASE   0xFFFFE00000000000ull
#define STACKS_BYTES  (1ull << 25)
#define KERNEL_BASE   0xFFFFFFFF80000000ull
/* What boot/entry.asm has mapped at PHYSMAP_BASE until paging_switch. */
#define PAGING_FIRST_BYTES (4ull << 30)

static_assert((PHYSMAP_BASE >> 39 & 511) == 256, "PHYSMAP_SLOT in boot/layout.inc");

/* Convert an address in RAM to a pointer and back. Valid only for RAM that is mapped. */
static inline void *paging_pointer(paddr_t p)
{
    return (void *)(PHYSMAP_BASE + p.v);
}
static inline paddr_t paging_paddr(const void *pointer)
{
    return (paddr_t){(uintptr_t)pointer - PHYSMAP_BASE};
}
/* The same for an object inside the image. */
static inline paddr_t paging_image_paddr(const void *object)
{
    return (paddr_t){(uintptr_t)object - KERNEL_BASE};
}

enum paging_rights {
    PAGING_READ = 0,
    PAGING_WRITE = 1,
    PAGING_EXECUTE = 2, /* never together with WRITE */
    PAGING_DEVICE = 4,  /* uncached */
    PAGING_WRITE_COMBINING =
        8, /* stores may be merged and delayed until cpu_fence; uncached where the
                                 * CPU has no PAT. Not together with DEVICE */
};

/* Start an empty set of tables. take_page returns one zeroed page that is mapped at PHYSMAP_BASE at
 * that time, or {0} when memory is short; later calls here use it too. Boot CPU, once. */
enum err paging_init(paddr_t (*take_page)(void)) MUST_CHECK;

/* Map [paddr, paddr + bytes) at va in the largest pages that fit; all three are multiples of 4 KiB.
 * ERR_BUSY: a page is already mapped there (the part before it stays mapped). ERR_BAD_VALUE: not
 * aligned, not canonical, beyond the CPU's physical addresses, or writable and executable.
 * ERR_NO_MEMORY. Boot CPU. */
enum err paging_map(uint64_t va, paddr_t paddr, uint64_t bytes, unsigned rights) MUST_CHECK;

/* Map the image as linker.ld lays it out: each segment with its rights, stack guards left out. */
enum err paging_map_image(void) MUST_CHECK;

/* Switch this CPU to these tables; those of boot/entry.asm are no longer used. */
void paging_switch(void);

/* Build the tables that a starting core uses before paging_switch, in four zeroed pages below 4
 * GiB: the kernel's half of the address space, and the page `code` at its physical address,
 * read-only and executable. Returns the value for CR3. */
#define PAGING_TRAMPOLINE_PAGES 4u
paddr_t paging_trampoline_tables(void *pages, paddr_t code);

/* Make READ_ONLY_AFTER_BOOT data (arch/image.h) and the page tables read-only. From now on only
 * functions of this file write to tables, with CR0.WP off on this CPU meanwhile; tables that they
 * add are read-only from their first entry on. Boot CPU, when the machine is up, before other cores
 * start. ERR_NO_MEMORY: some tables stay writable. */
enum err paging_seal(void) MUST_CHECK;

/* A zeroed page for data that the CPU reads, which paging_protect makes read-only once it is filled.
 * NULL: memory is short. Boot CPU. */
void *paging_take(void);
/* Make this page of the physmap read-only. A core that runs may have the old right in its TLB. Boot
 * CPU. */
enum err paging_protect(const void *page) MUST_CHECK;

/* Is any byte of [paddr, paddr + bytes) ours? NULL: no. Else text for a log line, "overlaps ...": the
 * image; memory in the physmap (RAM with the page tables and DMA memory, boot modules, tables of
 * firmware that were read); registers or a frame buffer that paging_map_device has mapped. Each
 * address that a card or firmware names is checked by this before it is mapped or granted to a card.
 * Memory that firmware reserves for itself is not ours. The range is neither empty nor wraps. Boot
 * CPU; before paging_init only the image is known. */
const char *paging_ours(paddr_t paddr, uint64_t bytes);

/* Map registers uncached, once their tables exist; any paddr, any length. ERR_BAD_VALUE: the range
 * is empty, wraps, or exceeds the CPU's physical addresses. ERR_BUSY: it is ours (paging_ours), so
 * registers are mapped only once. ERR_NO_MEMORY: no memory for tables, or no address is left. */
enum err paging_map_device(paddr_t paddr, uint64_t bytes, mmio_t *out) MUST_CHECK;

/* The same for a frame buffer, write-combining: stores to 64 adjacent bytes become one transfer. */
enum err paging_map_frame_buffer(paddr_t paddr, uint64_t bytes, mmio_t *out) MUST_CHECK;

/* Make the mapping of registers that was made last `bytes` bytes longer. Errors as above. */
enum err paging_extend_device(uint64_t bytes) MUST_CHECK;

/* Why one of these two refused the range, as text for a log line: "overlaps ...", "is beyond ...". */
const char *paging_refusal(enum err err, paddr_t paddr, uint64_t bytes);

/* Map data that firmware left in memory, read-only, after paging_switch; NULL if it cannot be
 * mapped. Pages that are mapped already (RAM in use) stay as they are. */
const void *paging_map_firmware(paddr_t paddr, uint64_t bytes);

/* The mapping of an address. */
struct paging_entry {
    uint64_t paddr;      /* of the byte asked for */
    uint64_t page_bytes; /* size of the page, or of the hole that the missing entry leaves */
    bool is_present, is_writable, is_executable, is_uncached, is_write_combining;
};
/* Look va up in the live tables. Safe with any address, on any CPU, in any trap. */
struct paging_entry paging_lookup(uint64_t va);

/* Call visit for each run of adjacent pages with equal rights, in address order. */
void paging_walk(void (*visit)(void *context, uint64_t va, uint64_t bytes,
                               const struct paging_entry *first),
                 void *context);

#endif
