/* SPDX-License-Identifier: BSD-2-Clause
 * Routes for benchmarks, the same in every run: prefixes of 8 to 24 bits, most of them long, as a
 * table of the Internet has them, and one in a hundred longer than that; half of them lead to each
 * of two ports, over many gateways. It answers by itself, slowly, where an address goes.
 */
#ifndef TESTS_BENCH_ROUTES_H
#define TESTS_BENCH_ROUTES_H

#include <stdint.h>

struct bench_route {
    uint32_t prefix;
    uint8_t bits, port, gateway; /* the gateway's number, below BENCH_GATEWAYS, on that port */
};
#define BENCH_GATEWAYS 16u

/* Make `n` routes (2 to 2 million), sorted; from the file that BENCH_ROUTES names, a prefix a line,
 * if it is set. Few of them lead to both ports by turns. */
void bench_routes_make(unsigned n);
extern struct bench_route *bench_routes;
extern unsigned bench_routes_n;

/* The longest route for an address, or NULL. */
const struct bench_route *bench_route_for(uint32_t ip);

#endif
