/* SPDX-License-Identifier: BSD-2-Clause
 * Pseudo-random numbers for tests that try many inputs: the same in every run, so a failure
 * repeats.
 */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stdint.h>

/* The next number of a fixed sequence (xorshift, 64 bits), uniformly distributed. */
static inline uint32_t random_next(void)
{
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

#endif
