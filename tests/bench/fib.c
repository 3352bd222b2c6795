/* SPDX-License-Identifier: BSD-2-Clause
 * See fib.h. Routes are entered by length, the shortest first, so that a longer one replaces what it
 * covers.
 */
#include "tests/bench/fib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOP = 1 << 24, GROUPS_MAX = BENCH_FIB_NONE - BENCH_FIB_GROUP };

uint16_t *bench_fib, (*bench_fib_groups)[256];
static unsigned groups_n;

static void fill(uint16_t *at, uint32_t n, uint16_t hop)
{
    for (uint32_t i = 0; i < n; i++)
        at[i] = hop;
}

/* The group of an address' first 24 bits; made if there is none. */
static uint16_t *group_of(uint32_t top)
{
    uint16_t entry = bench_fib[top];

    if (entry >= BENCH_FIB_GROUP && entry != BENCH_FIB_NONE)
        return bench_fib_groups[entry - BENCH_FIB_GROUP];
    if (groups_n == GROUPS_MAX) {
        fprintf(stderr, "fib: too many routes longer than 24 bits\n");
        exit(1);
    }
    fill(bench_fib_groups[groups_n], 256, entry);
    bench_fib[top] = (uint16_t)(BENCH_FIB_GROUP + groups_n);
    return bench_fib_groups[groups_n++];
}

void bench_fib_make(void)
{
    bench_fib = malloc(TOP * sizeof(*bench_fib));
    bench_fib_groups = calloc(GROUPS_MAX, sizeof(*bench_fib_groups));
    if (!bench_fib || !bench_fib_groups) {
        fprintf(stderr, "fib: no memory\n");
        exit(1);
    }
    fill(bench_fib, TOP, BENCH_FIB_NONE);
    for (unsigned bits = 1; bits <= 32; bits++)
        for (unsigned i = 0; i < bench_routes_n; i++) {
            const struct bench_route *r = &bench_routes[i];
            uint16_t hop = (uint16_t)(r->port * BENCH_GATEWAYS + r->gateway);
            if (r->bits != bits)
                continue;
            if (bits <= 24)
                fill(bench_fib + (r->prefix >> 8), 1u << (24 - bits), hop);
            else
                fill(group_of(r->prefix >> 8) + (r->prefix & 0xFF), 1u << (32 - bits), hop);
        }
}
