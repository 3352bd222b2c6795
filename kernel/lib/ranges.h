/* SPDX-License-Identifier: BSD-2-Clause
 * Sets of physical memory, as sorted ranges. Ranges are taken from a set during boot only, and
 * never returned. Pure. Read next: kernel/memory/memory.h, which allocates the kernel's memory from
 * one.
 */
#ifndef KERNEL_LIB_RANGES_H
#define KERNEL_LIB_RANGES_H

#include "arch/types.h"

#define RANGES_MAX 128

struct range {
    uint64_t start, end; /* end is exclusive */
};

struct ranges {
    struct range ranges[RANGES_MAX]; /* sorted, disjoint, not adjacent, none empty */
    unsigned n;
    uint64_t lost_bytes; /* dropped because the table was full */
};

/* Add [start, end) to the set, or remove it. start >= end does nothing. */
void ranges_add(struct ranges *m, uint64_t start, uint64_t end);
void ranges_remove(struct ranges *m, uint64_t start, uint64_t end);

/* Remove `bytes` bytes (> 0) from the set, aligned to align (a power of two), ending at or below
 * `below`, and set *start to their address. They come from the smallest range that fits, as high in
 * it as possible, so that low memory and large ranges remain. False if no range fits. */
bool ranges_take(struct ranges *m, uint64_t bytes, uint64_t align, uint64_t below, uint64_t *start);

uint64_t ranges_bytes(const struct ranges *m);

#endif
