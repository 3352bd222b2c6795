/* SPDX-License-Identifier: BSD-2-Clause
 * Cycles a packet by the time stamp counter: the best round and the median one. For information:
 * the counter runs at the processor's nominal rate, and other programs on the machine interfere.
 */
#ifndef TESTS_BENCH_CLOCK_H
#define TESTS_BENCH_CLOCK_H

#include <stdint.h>
#include <stdlib.h>
#include <valgrind/valgrind.h>
#include <x86intrin.h>

enum { CLOCK_ROUNDS = 1 << 16 };
static float clock_rounds[CLOCK_ROUNDS]; /* cycles a packet; the first CLOCK_ROUNDS rounds */
static uint32_t clock_n;

/* Under Valgrind: evict all data from the L1 cache before a round, as if the card had written it
 * and other work had run in between. L1 misses are then an upper bound. callgrind simulates caches
 * only for collected code, so this function is collected, and count.py subtracts it by its name. */
static __attribute__((noinline)) void clock_cold(void)
{
    static volatile uint8_t other[64 << 10];

    for (unsigned i = 0; i < sizeof(other); i += 64)
        (void)other[i];
}

/* Natively: push what a round uses out of the L1 and L2 caches, but not out of the L3, as where a card
 * writes frames into the L3 (DDIO). */
static inline void clock_push_out(void)
{
    static volatile uint8_t other[3 << 20];

    for (unsigned i = 0; i < sizeof(other); i += 64)
        (void)other[i];
}

static inline uint64_t clock_start(void)
{
    if (RUNNING_ON_VALGRIND)
        clock_cold();
    _mm_lfence();
    return __rdtsc();
}

static inline uint64_t clock_now(void)
{
    _mm_lfence();
    return __rdtsc();
}

/* packets: the number handled in that time; a time of 0 packets is not recorded. */
static inline void clock_count(uint64_t cycles, uint32_t packets)
{
    if (packets && clock_n < CLOCK_ROUNDS)
        clock_rounds[clock_n++] = (float)cycles / (float)packets;
}

static inline void clock_stop(uint64_t began, uint32_t packets)
{
    clock_count(clock_now() - began, packets);
}

static inline void clock_forget(void)
{
    clock_n = 0;
}

static int clock_compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static inline double clock_median(void)
{
    qsort(clock_rounds, clock_n, sizeof(float), clock_compare);
    return clock_n ? clock_rounds[clock_n / 2] : 0;
}

static inline double clock_best(void)
{
    (void)clock_median();
    return clock_n ? clock_rounds[0] : 0;
}

#endif
