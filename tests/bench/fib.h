/* SPDX-License-Identifier: BSD-2-Clause
 * The benchmarks' own forwarding table over bench_routes, for DPDK's side and for choosing targets:
 * DIR-24-8 with 16-bit entries, as our router's. It is built by other code than our router's, and
 * mixes.c compares a sample of its answers with bench_route_for.
 */
#ifndef TESTS_BENCH_FIB_H
#define TESTS_BENCH_FIB_H

#include <stdint.h>

#include "tests/bench/routes.h"

enum { BENCH_FIB_GROUP = 0x8000, BENCH_FIB_NONE = 0xFFFF };

/* Indexed by an address' first 24 bits: a next hop, or BENCH_FIB_GROUP and the index of a group, or
 * BENCH_FIB_NONE. Groups are indexed by the last 8 bits. */
extern uint16_t *bench_fib, (*bench_fib_groups)[256];

/* Build it from bench_routes. Ends the program if there is no memory for it. */
void bench_fib_make(void);

/* The next hop for an address, port * BENCH_GATEWAYS + gateway; BENCH_FIB_NONE: no route. */
static inline unsigned bench_fib_hop(uint32_t ip)
{
    unsigned entry = bench_fib[ip >> 8];

    if (entry >= BENCH_FIB_GROUP && entry != BENCH_FIB_NONE)
        entry = bench_fib_groups[entry - BENCH_FIB_GROUP][ip & 0xFF];
    return entry;
}

#endif
