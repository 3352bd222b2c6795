/* SPDX-License-Identifier: BSD-2-Clause
 * Routes for benchmarks, the same in every run: prefixes of 8 to 24 bits, most of them long, as in
 * a table of the Internet, and one in a hundred longer than that; they lead to two ports, or to
 * bench_routes_ports, in equal parts, over many gateways. bench_route_for is a slow reference
 * lookup.
 */
#ifndef TESTS_BENCH_ROUTES_H
#define TESTS_BENCH_ROUTES_H

#include <stdint.h>

struct bench_route {
    uint32_t prefix;
    uint8_t bits, port, gateway; /* the gateway's number, below BENCH_GATEWAYS, on that port */
};
#define BENCH_GATEWAYS 16u

/* Make `n` routes (2 to 2 million), sorted; if BENCH_ROUTES is set, from the file that it names,
 * with a prefix a line. If n is below 64, routes alternate between the ports. */
extern unsigned bench_routes_ports; /* 2 unless set; a power of two */
void bench_routes_make(unsigned n);
extern struct bench_route *bench_routes;
extern unsigned bench_routes_n;

/* The longest route for an address, or NULL. */
const struct bench_route *bench_route_for(uint32_t ip);

#endif
