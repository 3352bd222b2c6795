/* SPDX-License-Identifier: BSD-2-Clause
 * Random words; see random.h. The pool only ever has something added to it, atomically, so that two
 * cores never start from the same value.
 */
#include "arch/random.h"
#include "arch/cpu.h"
#include "arch/features.h"

#define JITTER_READS 16u

static uint64_t pool;

/* A bijection in which each bit of x changes about half of the bits (the finalizer of SplitMix64).
 */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}

/* All ones and all zeroes are what defective CPUs deliver as random (AMD's erratum after a suspend,
 * which sets the carry flag too). */
static bool is_plausible(uint64_t word)
{
    return word != 0 && word != UINT64_MAX;
}

static bool hardware_word(uint64_t *word)
{
    bool has_seed = features()->has_rdseed, has_rand = features()->has_rdrand;
    for (unsigned i = 0; (has_seed || has_rand) && i < RANDOM_TRIES; i++) {
        if ((has_seed && cpu_rdseed(word) && is_plausible(*word)) ||
            (has_rand && cpu_rdrand(word) && is_plausible(*word)))
            return true;
        cpu_pause();
    }
    return false;
}

static uint64_t jitter(void)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < JITTER_READS; i++) {
        x = mix(x + cpu_tsc());
        cpu_pause();
    }
    return x;
}

uint64_t random_u64(void)
{
    uint64_t word;
    if (!hardware_word(&word))
        word = jitter();
    /* The odd constant makes repeated words add up to different values. */
    return mix(
        __atomic_add_fetch(&pool, mix(word ^ cpu_tsc()) + 0x9E3779B97F4A7C15ull, __ATOMIC_RELAXED));
}
