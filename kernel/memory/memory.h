/* SPDX-License-Identifier: BSD-2-Clause
 * The machine's memory: from firmware's map to our page tables; allocates pages during start. Not
 * called after start.
 */
#ifndef KERNEL_MEMORY_MEMORY_H
#define KERNEL_MEMORY_MEMORY_H

#include "arch/types.h"
#include "kernel/lib/ranges.h"

struct bootinfo;

/* Read firmware's map, build the page tables, switch to them, and describe the memory in `found`, a
 * buffer of n bytes. Boot modules are kept, mapped read-only; invalid ones get a length of 0. Boot
 * CPU, once, after features_init. ERR_BAD_VALUE: no usable memory in the map. ERR_NO_MEMORY: not
 * enough for the tables. */
enum err memory_init(struct bootinfo *info, char *found, size_t n) MUST_CHECK;

/* Allocate zeroed memory, bytes rounded up to pages, aligned to align (a power of two, at least
 * PAGE_BYTES). NULL: no free range fits. It is never freed. Boot CPU, before the loops start. */
void *memory_alloc(size_t bytes, size_t align);

/* The same, not zeroed: it may hold secrets of firmware or a loader. */
void *memory_alloc_uninitialized(size_t bytes, size_t align);

/* Allocate zeroed pages below 1 MiB, where a CPU can run in real mode. */
void *memory_alloc_low(size_t bytes);

/* The addresses below 4 GiB that are in no range of the loader's map, of any type. Valid from
 * memory_init on. */
const struct ranges *memory_unlisted(void);

/* Bytes that are free, and bytes of all RAM in the map. */
uint64_t memory_free_bytes(void);
uint64_t memory_ram_bytes(void);

#endif
