/* SPDX-License-Identifier: BSD-2-Clause
 * Numbers for tests that try many inputs: the same in every run, so that what fails fails again.
 */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stdint.h>

/* The next of a fixed row of numbers (xorshift, 64 bits), any value equally likely. */
static inline uint32_t random_next(void)
{
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

#endif
