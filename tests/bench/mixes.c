/* SPDX-License-Identifier: BSD-2-Clause
 * The table of mixes, and what they need beforehand. See mixes.h.
 */
#include "tests/bench/mixes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/fib.h"
#include "tests/bench/mix_parts.h"
#include "tests/bench/routes.h"

#define ANY_TTL      .ttl_least = 1, .ttl_most = 255
#define ROUTED_TTL   .ttl_least = 2, .ttl_most = 255
#define ANY_SIZE     .bytes_least = 60, .bytes_most = 1514
#define ALL_OF(size) .bytes_least = size, .bytes_most = size
#define SOURCES      .source_least = 1024, .source_most = 65535
#define DPDK         .has_dpdk = true
#define QUICK        .is_quick = true
#define VARIED       .any_service = true, .any_id = true, SOURCES

/* clang-format off */
const struct mix mixes[] = {
    /* forward: the same frames whatever they hold. */
    {"forward/one", MIX_FORWARD, DPDK, QUICK},
    {"forward/bursts of 1", MIX_FORWARD, .kind = MIX_SPARSE, .burst = 1, DPDK, QUICK},
    {"forward/bursts of 2", MIX_FORWARD, .kind = MIX_SPARSE, .burst = 2, DPDK},
    {"forward/bursts of 4", MIX_FORWARD, .kind = MIX_SPARSE, .burst = 4, DPDK},
    {"forward/bursts of 8", MIX_FORWARD, .kind = MIX_SPARSE, .burst = 8, DPDK},
    {"forward/bursts of 16", MIX_FORWARD, .kind = MIX_SPARSE, .burst = 16, DPDK},
    {"forward/60 to 1,514 bytes", MIX_FORWARD, ANY_SIZE, ANY_TTL, VARIED, DPDK},
    {"forward/IMIX", MIX_FORWARD, .is_imix = true, ANY_TTL, VARIED, DPDK, QUICK},
    {"forward/VLAN tags", MIX_FORWARD, ANY_SIZE, .tag = 0x6005, DPDK},
    {"forward/pings", MIX_FORWARD, .what = MIX_PING, ANY_SIZE, DPDK},
    {"forward/captures", MIX_FORWARD, .what = MIX_CAPTURES},
    {"forward/4 ports", MIX_FORWARD, .ports = 4, ANY_SIZE, DPDK},
    {"forward/capture on", MIX_FORWARD, .kind = MIX_RARE, .has_capture = true, QUICK},
    {"forward/idle", MIX_FORWARD, .kind = MIX_IDLE, QUICK},

    /* echo: UDP to port 7. */
    {"echo/one", MIX_ECHO, DPDK, QUICK},
    {"echo/bursts of 1", MIX_ECHO, .kind = MIX_SPARSE, .burst = 1, DPDK, QUICK},
    {"echo/bursts of 2", MIX_ECHO, .kind = MIX_SPARSE, .burst = 2, DPDK},
    {"echo/bursts of 4", MIX_ECHO, .kind = MIX_SPARSE, .burst = 4, DPDK},
    {"echo/bursts of 8", MIX_ECHO, .kind = MIX_SPARSE, .burst = 8, DPDK},
    {"echo/bursts of 16", MIX_ECHO, .kind = MIX_SPARSE, .burst = 16, DPDK},
    {"echo/60 to 1,514 bytes", MIX_ECHO, ANY_SIZE, DPDK},
    {"echo/ports from 32,768", MIX_ECHO, .source_least = 32768, .source_most = 65535, DPDK},
    {"echo/ports from 1,024", MIX_ECHO, SOURCES, DPDK, QUICK},
    {"echo/any identification, DF or not", MIX_ECHO, .any_id = true, DPDK},
    {"echo/TTL 63", MIX_ECHO, .ttl_least = 63, .ttl_most = 63, DPDK, QUICK},
    {"echo/TTL 128", MIX_ECHO, .ttl_least = 128, .ttl_most = 128, DPDK},
    {"echo/TTL 1 to 255", MIX_ECHO, ANY_TTL, DPDK},
    {"echo/any service", MIX_ECHO, .any_service = true, DPDK, QUICK},
    {"echo/padded", MIX_ECHO, .is_padded = true, DPDK, QUICK},
    {"echo/IMIX", MIX_ECHO, .is_imix = true, ANY_TTL, VARIED, DPDK},
    {"echo/all of these", MIX_ECHO, ANY_SIZE, ANY_TTL, VARIED, DPDK, QUICK},
    {"echo/all of these, bursts of 1", MIX_ECHO, .kind = MIX_SPARSE, .burst = 1, ANY_SIZE, ANY_TTL,
     VARIED, DPDK},
    {"echo/all of these, 4 ports", MIX_ECHO, .ports = 4, ANY_SIZE, ANY_TTL, VARIED, DPDK},
    {"echo/TTL 63, 1,514 bytes", MIX_ECHO, .ttl_least = 63, .ttl_most = 63, ALL_OF(1514),
     DPDK, QUICK},
    {"echo/4 ports", MIX_ECHO, .ports = 4, DPDK},
    {"echo/UDP checksum 0", MIX_ECHO, .kind = MIX_RARE, .has_no_sum = true, QUICK},
    {"echo/IPv4 options", MIX_ECHO, .kind = MIX_RARE, .options_bytes = 4, QUICK},
    {"echo/priority tags", MIX_ECHO, .kind = MIX_RARE, .tag = 0x6000, QUICK},
    {"echo/on a VLAN", MIX_ECHO, .kind = MIX_RARE, .tag = 0x6005,
     .boot_line = "port0.vlan=5 port1.vlan=5"},
    {"echo/fragments", MIX_ECHO, .kind = MIX_RARE, .is_fragmented = true, .bytes_least = 84,
     .bytes_most = 84},
    {"echo/pings of 60 bytes", MIX_ECHO, .kind = MIX_RARE, .what = MIX_PING, QUICK},
    {"echo/pings of 98 bytes", MIX_ECHO, .kind = MIX_RARE, .what = MIX_PING, ALL_OF(98)},
    {"echo/ARP requests", MIX_ECHO, .kind = MIX_RARE, .what = MIX_ARP},
    {"echo/captures", MIX_ECHO, .kind = MIX_RARE, .what = MIX_CAPTURES},
    {"echo/capture on", MIX_ECHO, .kind = MIX_RARE, .has_capture = true, QUICK},
    {"echo/ports below 1,024", MIX_ECHO, .kind = MIX_DROPPED, .source_least = 1,
     .source_most = 1023, .drop = "udp_loop", QUICK},
    {"echo/a closed port", MIX_ECHO, .kind = MIX_DROPPED, .target_port = 4567,
     .drop = "udp_no_port"},
    {"echo/discard's port", MIX_ECHO, .kind = MIX_DROPPED, .target_port = 9, .is_consumed = true},
    {"echo/another host's address", MIX_ECHO, .kind = MIX_DROPPED, .target_ip = 0xC0000280,
     .drop = "ip_not_ours"},
    {"echo/tags of another VLAN", MIX_ECHO, .kind = MIX_DROPPED, .tag = 7, .drop = "eth_vlan"},
    {"echo/idle", MIX_ECHO, .kind = MIX_IDLE},

    /* route: through the router, of whose ports two are partners. */
    {"route/one", MIX_ROUTE, DPDK, QUICK},
    {"route/bursts of 1", MIX_ROUTE, .kind = MIX_SPARSE, .burst = 1, DPDK, QUICK},
    {"route/bursts of 2", MIX_ROUTE, .kind = MIX_SPARSE, .burst = 2, DPDK},
    {"route/bursts of 4", MIX_ROUTE, .kind = MIX_SPARSE, .burst = 4, DPDK},
    {"route/bursts of 8", MIX_ROUTE, .kind = MIX_SPARSE, .burst = 8, DPDK},
    {"route/bursts of 16", MIX_ROUTE, .kind = MIX_SPARSE, .burst = 16, DPDK},
    {"route/1,000,000 routes and targets", MIX_ROUTE, .routes = 1000000, .targets = 1000000, DPDK},
    {"route/60 to 1,514 bytes", MIX_ROUTE, ANY_SIZE, DPDK},
    {"route/IMIX", MIX_ROUTE, .is_imix = true, ROUTED_TTL, VARIED, DPDK},
    {"route/TTL 2 to 255", MIX_ROUTE, ROUTED_TTL, DPDK},
    {"route/any service, identification, DF", MIX_ROUTE, .any_service = true, .any_id = true, DPDK},
    {"route/padded", MIX_ROUTE, .is_padded = true, DPDK, QUICK},
    {"route/UDP checksum 0", MIX_ROUTE, .has_no_sum = true, DPDK},
    {"route/fragments", MIX_ROUTE, .is_fragmented = true, .bytes_least = 84, .bytes_most = 84,
     DPDK},
    {"route/all of these", MIX_ROUTE, ANY_SIZE, ROUTED_TTL, VARIED, DPDK, QUICK},
    {"route/all of these, bursts of 1", MIX_ROUTE, .kind = MIX_SPARSE, .burst = 1, ANY_SIZE,
     ROUTED_TTL, VARIED, DPDK},
    {"route/4 ports, to the partner", MIX_ROUTE, .ports = 4, DPDK},
    {"route/4 ports, to all others", MIX_ROUTE, .ports = 4, .any_output = true, DPDK, QUICK},
    {"route/4 ports, to all others, IMIX", MIX_ROUTE, .ports = 4, .any_output = true,
     .is_imix = true, DPDK},
    {"route/4 ports, all of these, hairpin too", MIX_ROUTE, .ports = 4, .any_output = true,
     .hairpin_percent = 25, ANY_SIZE, ROUTED_TTL, VARIED, DPDK},
    {"route/10% hairpin", MIX_ROUTE, .hairpin_percent = 10, DPDK, QUICK},
    {"route/hairpin", MIX_ROUTE, .hairpin_percent = 100, DPDK, QUICK},
    {"route/hairpin, 594 bytes", MIX_ROUTE, .hairpin_percent = 100, ALL_OF(594), DPDK},
    {"route/hairpin, 1,514 bytes", MIX_ROUTE, .hairpin_percent = 100, ALL_OF(1514), DPDK},
    {"route/IPv4 options", MIX_ROUTE, .kind = MIX_RARE, .options_bytes = 4, QUICK},
    {"route/priority tags", MIX_ROUTE, .kind = MIX_RARE, .tag = 0x6000},
    {"route/echo by the router itself", MIX_ROUTE, .kind = MIX_RARE, .what = MIX_ECHO_UDP, QUICK},
    {"route/pings of 60 bytes", MIX_ROUTE, .kind = MIX_RARE, .what = MIX_PING},
    {"route/ARP requests", MIX_ROUTE, .kind = MIX_RARE, .what = MIX_ARP},
    {"route/captures", MIX_ROUTE, .kind = MIX_RARE, .what = MIX_CAPTURES},
    {"route/capture on", MIX_ROUTE, .kind = MIX_RARE, .has_capture = true, QUICK},
    {"route/TTL 1", MIX_ROUTE, .kind = MIX_DROPPED, .ttl_least = 1, .ttl_most = 1,
     .drop = "route_ttl"},
    {"route/no route", MIX_ROUTE, .kind = MIX_DROPPED, .target_ip = 0xCB002001,
     .drop = "route_none"},
    {"route/idle", MIX_ROUTE, .kind = MIX_IDLE},
};
/* clang-format on */
const unsigned mixes_n = sizeof(mixes) / sizeof(mixes[0]);

const struct mix *mix;
uint8_t mix_mac[MIX_PORTS_MAX][6];
struct mix_target *mix_targets[MIX_PORTS_MAX];
unsigned mix_targets_n;

enum { ROUTES = 100000, TARGETS = 65536, GATEWAY_FIRST = 100, SAMPLE = 997 };

const struct mix *mix_find(const char *name)
{
    for (unsigned i = 0; i < mixes_n; i++)
        if (strcmp(mixes[i].name, name) == 0)
            return &mixes[i];
    return NULL;
}

const char *mix_app_name(const struct mix *m)
{
    static const char *const names[] = {"forward", "echo", "route"};

    return names[m->app];
}

const char *mix_kind_name(const struct mix *m)
{
    static const char *const names[] = {"ordinary", "sparse", "rare", "dropped", "idle"};

    return names[m->kind];
}

uint32_t mix_port_ip(unsigned port)
{
    static const uint32_t nets[MIX_PORTS_MAX] = {0xC0000200, 0xC6336400, 0xCB007100, 0xC6120000};

    return mix->app == MIX_ROUTE ? nets[port] + 1 : nets[0] + 1 + port;
}

uint32_t mix_gateway_ip(unsigned port, unsigned gateway)
{
    return (mix_port_ip(port) & 0xFFFFFF00) + GATEWAY_FIRST + gateway;
}

void mix_gateway_mac(unsigned port, unsigned gateway, uint8_t mac[6])
{
    const uint8_t bytes[6] = {2, 0, 0, 0, (uint8_t)port, (uint8_t)gateway};

    memcpy(mac, bytes, 6);
}

/* Targets all over the table, in an order without a pattern, until each port has `n`. */
static void make_targets(unsigned n)
{
    unsigned found[MIX_PORTS_MAX] = {0}, full = 0;
    uint64_t state = 1;

    mix_targets_n = n;
    for (unsigned p = 0; p < mix_ports(); p++)
        mix_targets[p] = calloc(n, sizeof(**mix_targets));
    while (full < mix_ports()) {
        uint64_t random = mix_random(&state);
        const struct bench_route *r = &bench_routes[(random >> 32) % bench_routes_n];
        uint32_t ip = r->prefix + ((uint32_t)random & (uint32_t)(0xFFFFFFFFull >> r->bits));
        unsigned hop = bench_fib_hop(ip), port = hop / BENCH_GATEWAYS;
        if (hop == BENCH_FIB_NONE || found[port] == n)
            continue;
        if (found[port] % SAMPLE == 0) {
            const struct bench_route *best = bench_route_for(ip);
            if (!best || best->port * BENCH_GATEWAYS + best->gateway != hop)
                mix_fail("two lookups of a target differ");
        }
        mix_targets[port][found[port]++] = (struct mix_target){ip, (uint8_t)(hop % BENCH_GATEWAYS)};
        full += found[port] == n;
    }
}

void mix_fail(const char *what)
{
    fprintf(stderr, "mixes: %s\n", what);
    exit(1);
}

void mix_prepare(const struct mix *row)
{
    mix = row;
    if (mix->what == MIX_CAPTURES)
        mix_read_captures();
    if (mix->app != MIX_ROUTE)
        return;
    bench_routes_ports = mix_ports();
    bench_routes_make(mix->routes ? mix->routes : ROUTES);
    bench_fib_make();
    make_targets(mix->targets ? mix->targets : TARGETS);
}
