/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of the bench of mixes share, and others do not need. See mixes.h.
 */
#ifndef TESTS_BENCH_MIX_PARTS_H
#define TESTS_BENCH_MIX_PARTS_H

#include <stdint.h>

#include "tests/bench/mixes.h"

/* Destinations that are reached by a port, mix_targets_n for each port. */
struct mix_target {
    uint32_t ip;
    uint8_t gateway;
};
extern struct mix_target *mix_targets[MIX_PORTS_MAX];
extern unsigned mix_targets_n;

/* The next number of a sequence (splitmix64); the same in every run. */
static inline uint64_t mix_random(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15ull;

    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}

/* Read the frames of the captures; start the program at the top of the tree. */
void mix_read_captures(void);
/* End the program with a message. */
void mix_fail(const char *what) __attribute__((noreturn));

#endif
