/* SPDX-License-Identifier: BSD-2-Clause
 * The machine's memory: from firmware's map to our page tables, and pages for those who start up.
 * After start nothing here is called.
 */
#ifndef KERNEL_MEMORY_MEMORY_H
#define KERNEL_MEMORY_MEMORY_H

#include "arch/types.h"

struct bootinfo;

/* Sort out firmware's map, build the page tables and switch to them, and say what was found in
 * `found`. Boot modules are kept, mapped read-only; those that cannot be get a length of 0. Boot CPU,
 * once, after features_init. ERR_BAD_VALUE: no usable memory in the map. ERR_NO_MEMORY: not even
 * enough for the tables. */
enum err memory_init(struct bootinfo *info, char *found, size_t n) MUST_CHECK;

/* Take zeroed memory, bytes rounded up to pages, aligned to align (a power of two, at least
 * PAGE_BYTES). NULL: there is no such piece. Boot CPU, before the loops start. */
void *memory_take(size_t bytes, size_t align);

/* The same, not zeroed: what firmware and loaders left there may be secrets. */
void *memory_take_as_is(size_t bytes, size_t align);

/* Zeroed pages below 1 MiB, where a CPU that starts in real mode can run. */
void *memory_take_low(size_t bytes);

/* What is left, and all RAM that the map offered. */
uint64_t memory_free_bytes(void);
uint64_t memory_ram_bytes(void);

#endif
