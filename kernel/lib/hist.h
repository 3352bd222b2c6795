/* SPDX-License-Identifier: BSD-2-Clause
 * A histogram in powers of two: bucket b counts values of 2^b to 2^(b+1) - 1, bucket 0 also 0.
 * Adding a value takes a few instructions. Pure.
 */
#ifndef KERNEL_LIB_HIST_H
#define KERNEL_LIB_HIST_H

#include "arch/types.h"

#define HIST_BUCKETS 64u

struct hist {
    uint64_t count[HIST_BUCKETS];
    uint64_t max;
};

static inline unsigned hist_bucket(uint64_t value)
{
    return value ? 63u - (unsigned)__builtin_clzll(value) : 0;
}
static inline void hist_add(struct hist *h, uint64_t value)
{
    h->count[hist_bucket(value)]++;
    if (value > h->max)
        h->max = value;
}

/* The number of values counted. */
static inline uint64_t hist_total(const struct hist *h)
{
    uint64_t n = 0;
    for (unsigned b = 0; b < HIST_BUCKETS; b++)
        n += h->count[b];
    return n;
}

#endif
