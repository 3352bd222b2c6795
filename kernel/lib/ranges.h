/* SPDX-License-Identifier: BSD-2-Clause
 * Sets of physical memory, as sorted ranges: what firmware's map says is RAM, less what is taken.
 * Taking is for boot only; nothing is given back. Pure. Read next: kernel/memory/memory.h, the one
 * set that the kernel lives from.
 */
#ifndef KERNEL_LIB_RANGES_H
#define KERNEL_LIB_RANGES_H

#include "arch/types.h"

#define RANGES_MAX 128

struct range {
    uint64_t start, end; /* end is the first byte behind */
};

struct ranges {
    struct range ranges[RANGES_MAX]; /* sorted, disjoint, not adjoining, none empty */
    unsigned n;
    uint64_t lost_bytes; /* fell out because ranges was full */
};

/* Join [start, end) to the set / take it out. start >= end does nothing. */
void ranges_add(struct ranges *m, uint64_t start, uint64_t end);
void ranges_remove(struct ranges *m, uint64_t start, uint64_t end);

/* Take bytes (> 0), aligned to align (a power of two), ending at or below `below`: from the range
 * that fits tightest, and there as high as possible, so that low memory and large ranges last.
 * False if no range fits. */
bool ranges_take(struct ranges *m, uint64_t bytes, uint64_t align, uint64_t below, uint64_t *start);

uint64_t ranges_bytes(const struct ranges *m);

#endif
