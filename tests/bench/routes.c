/* SPDX-License-Identifier: BSD-2-Clause
 * See routes.h. The table is a sorted array; a lookup searches it once for each prefix length.
 */
#include "tests/bench/routes.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct bench_route *bench_routes;
unsigned bench_routes_n, bench_routes_ports = 2;

static uint64_t state = 1812;

static uint32_t next_random(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static uint32_t mask_of(unsigned bits)
{
    return bits ? ~0u << (32 - bits) : 0;
}

static int compare(const void *a, const void *b)
{
    const struct bench_route *x = a, *y = b;

    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return x->bits - y->bits;
}

static unsigned some_bits(void)
{
    unsigned dice = next_random() % 100;

    if (dice < 60)
        return 24;
    return dice < 98 ? 16 + dice % 8 : dice == 98 ? 8 + next_random() % 8 : 25 + next_random() % 8;
}

static bool next_listed(FILE *list, struct bench_route *r)
{
    unsigned a, b, c, d, bits;

    if (fscanf(list, "%u.%u.%u.%u/%u", &a, &b, &c, &d, &bits) != 5)
        return false;
    r->prefix = a << 24 | b << 16 | c << 8 | d;
    r->bits = (uint8_t)bits;
    return true;
}

void bench_routes_make(unsigned n)
{
    const char *path = getenv("BENCH_ROUTES");
    FILE *list = path ? fopen(path, "r") : NULL;
    unsigned made = 0;

    bench_routes = calloc(n, sizeof(*bench_routes));
    while (bench_routes && made < n) {
        for (; made < n; made++) {
            struct bench_route *r = &bench_routes[made];
            r->bits = (uint8_t)some_bits();
            /* Unicast, and outside the ports' nets: 1.0.0.0 to 126.255.255.255. */
            r->prefix =
                ((1 + next_random() % 126) << 24 | (next_random() & 0xFFFFFF)) & mask_of(r->bits);
            if (list && !next_listed(list, r)) {
                fprintf(stderr, "routes: %s has no %u prefixes\n", path, n);
                exit(1);
            }
            r->port = (uint8_t)((n < 64 ? made : next_random()) & (bench_routes_ports - 1));
            r->gateway = (uint8_t)(next_random() % BENCH_GATEWAYS);
        }
        qsort(bench_routes, made, sizeof(*bench_routes), compare);
        unsigned kept = 0;
        for (unsigned i = 0; i < made; i++)
            if (kept == 0 || compare(&bench_routes[kept - 1], &bench_routes[i]) != 0)
                bench_routes[kept++] = bench_routes[i];
        made = kept;
    }
    bench_routes_n = made;
    if (list)
        fclose(list);
}

const struct bench_route *bench_route_for(uint32_t ip)
{
    for (int bits = 32; bits >= 0; bits--) {
        struct bench_route wanted = {.prefix = ip & mask_of((unsigned)bits), .bits = (uint8_t)bits};
        const struct bench_route *found =
            bsearch(&wanted, bench_routes, bench_routes_n, sizeof(wanted), compare);
        if (found)
            return found;
    }
    return NULL;
}
