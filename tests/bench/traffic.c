/* SPDX-License-Identifier: BSD-2-Clause
 * See traffic.h. A frame: Ethernet, IPv4 and UDP headers of 42 bytes, then its number (8 bytes) and
 * its flow (2 bytes), then zeroes.
 */
#include "tests/bench/traffic.h"
#include "tests/bench/routes.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { AT_IP = 14, AT_ADDRESSES = 26, AT_UDP = 34, AT_NUMBER = 42, AT_FLOW = 50 };

const struct traffic *traffic;
uint64_t traffic_tag[2];
uint32_t traffic_bytes = TRAFFIC_BYTES_LEAST;
unsigned traffic_sources = 1;
uint8_t traffic_mac[2][6];
struct traffic_target *traffic_targets[2];
unsigned traffic_targets_n = 1;

enum { FLOW_SENDERS = 100, FLOW_PORT_FIRST = 1024 };
static unsigned flow_ports; /* 0: the caller's flows */
static uint64_t fed, out, wrong, sum_in[2], sum_out[2];

void traffic_checksum(uint8_t *at, const uint8_t *bytes, unsigned n, uint32_t sum)
{
    at[0] = at[1] = 0;
    for (unsigned i = 0; i < n; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    at[0] = (uint8_t)(~sum >> 8);
    at[1] = (uint8_t)~sum;
}

/* The UDP checksum; zero is sent as all ones, since zero means no checksum. */
static void udp_checksum(uint8_t *f)
{
    const uint32_t udp_bytes = traffic_bytes - AT_UDP;

    traffic_checksum(f + 40, f + AT_ADDRESSES, (udp_bytes + 8 + 1) & ~1u, 17 + udp_bytes);
    if (!(f[40] | f[41]))
        memset(f + 40, 0xFF, 2);
}

static void put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

/* ---- Kinds of traffic ---- */

static void swap(uint8_t *a, uint8_t *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t was = a[i];
        a[i] = b[i];
        b[i] = was;
    }
}

static void swap_ends(unsigned port, uint8_t *frame)
{
    (void)port;
    swap(frame, frame + 6, 6);
    swap(frame + AT_ADDRESSES, frame + AT_ADDRESSES + 4, 4);
    swap(frame + AT_UDP, frame + AT_UDP + 2, 2);
}

static void touch(unsigned port, uint8_t *frame)
{
    (void)port;
    frame[0] ^= 2;
}

static void new_macs(unsigned port, uint8_t *frame)
{
    memcpy(frame, "\x02\x00\x00\x00\x00\x77", 6);
    memcpy(frame + 6, traffic_mac[1 - port], 6);
}

/* Address the frame to the next of many destinations, from a host outside this port's net. */
static void address_to_target(unsigned port, uint64_t i, uint16_t flow, uint8_t *frame)
{
    uint32_t ip = traffic_targets[port][i % traffic_targets_n].ip;

    (void)flow;
    frame[AT_ADDRESSES] = 203;
    put16(frame + AT_ADDRESSES + 4, ip >> 16);
    put16(frame + AT_ADDRESSES + 6, ip);
    traffic_checksum(frame + 24, frame + AT_IP, 20, 0);
}

static void forward(unsigned port, uint8_t *frame)
{
    uint64_t i;

    memcpy(&i, frame + AT_NUMBER, sizeof(i));
    memset(frame, 0, 6);
    frame[0] = 2;
    frame[4] = (uint8_t)(1 - port);
    frame[5] = traffic_targets[port][i % traffic_targets_n].gateway;
    memcpy(frame + 6, traffic_mac[1 - port], 6);
    frame[22]--;
    traffic_checksum(frame + 24, frame + AT_IP, 20, 0);
}

/* Make a generator's frame: flows 49152 to 53247, each with its own numbers. It is not sent on, so
 * it need not keep the number and flow of other traffic. */
static void measure(unsigned port, uint64_t i, uint16_t flow, uint8_t *frame)
{
    static uint32_t next[2][4096];

    memset(frame + AT_NUMBER, 0, traffic_bytes - AT_NUMBER);
    put16(frame + AT_UDP, 49152 + flow % 4096);
    put16(frame + AT_UDP + 2, 9);
    memcpy(frame + 42, &traffic_tag[port], 8);
    memcpy(frame + 54, &i, 6); /* any time that is not in the future */
    memcpy(frame + 50, &next[port][flow % 4096], 4);
    next[port][flow % 4096]++;
    memset(frame + 40, 0, 2);
    udp_checksum(frame);
}

static const struct traffic traffics[] = {
    {.name = "forward"},
    {.name = "touch", .change = touch},
    {.name = "mac", .change = new_macs},
    {.name = "echo", .comes_back = true, .change = swap_ends},
    {.name = "route", .make = address_to_target, .change = forward},
    {.name = "sink", .stays = true, .make = measure},
    {.name = "generate", .stays = true},
};

const struct traffic *traffic_find(const char *name)
{
    for (size_t i = 0; i < sizeof(traffics) / sizeof(traffics[0]); i++)
        if (strcmp(traffics[i].name, name) == 0)
            return &traffics[i];
    return NULL;
}

/* ---- In and out ---- */

static void fill_frame(unsigned port, uint64_t i, uint16_t flow, uint8_t *f)
{
    const uint32_t ip_bytes = traffic_bytes - AT_IP, udp_bytes = traffic_bytes - AT_UDP;

    memset(f, 0, (traffic_bytes + 1) & ~1u); /* checksums read 16-bit words */
    memcpy(f, traffic_mac[port], 6);
    memcpy(f + 6, "\x02\x00\x00\x00\x00\x77\x08\x00", 8);
    memcpy(f + AT_IP, "\x45\x00\x00\x00\x00\x00\x40\x00\x40\x11\x00\x00", 12);
    put16(f + 16, ip_bytes);
    memcpy(f + AT_ADDRESSES, "\xc0\x00\x02\x00\xc0\x00\x02", 7);
    f[29] = (uint8_t)(20 + i % traffic_sources);
    f[33] = (uint8_t)(1 + port);
    put16(f + AT_UDP, flow);
    put16(f + AT_UDP + 2, 7);
    put16(f + AT_UDP + 4, udp_bytes);
    memcpy(f + AT_NUMBER, &i, sizeof(i));
    memcpy(f + AT_FLOW, &flow, sizeof(flow));
    traffic_checksum(f + 24, f + AT_IP, 20, 0);
    udp_checksum(f);
    if (traffic->make)
        traffic->make(port, i, flow, f);
}

void traffic_flows_make(unsigned n)
{
    traffic_sources = n < FLOW_SENDERS ? n : FLOW_SENDERS;
    flow_ports = n / traffic_sources;
}

void traffic_next(unsigned port, uint16_t flow, uint8_t frame[TRAFFIC_BYTES_MAX])
{
    fed++;
    if (flow_ports)
        flow = (uint16_t)(FLOW_PORT_FIRST + fed / traffic_sources % flow_ports);
    fill_frame(port, fed, flow, frame);
    sum_in[port] += fed;
}

void traffic_check_sent(unsigned port, const uint8_t *frame, uint32_t length)
{
    unsigned in = traffic->comes_back ? port : 1 - port;
    uint8_t expected[TRAFFIC_BYTES_MAX];
    uint64_t i;
    uint16_t flow;

    memcpy(&i, frame + AT_NUMBER, sizeof(i));
    memcpy(&flow, frame + AT_FLOW, sizeof(flow));
    out++;
    sum_out[in] += i;
    fill_frame(in, i, flow, expected);
    if (traffic->change)
        traffic->change(in, expected);
    wrong += length != traffic_bytes || memcmp(frame, expected, traffic_bytes) != 0;
}

uint64_t traffic_fed(void)
{
    return fed;
}

uint64_t traffic_out(void)
{
    return out;
}

const char *traffic_wrong(void)
{
    if (wrong)
        return "frames came out with wrong contents";
    if (out != (traffic->stays ? 0 : fed))
        return "frames came out in a wrong number";
    if (!traffic->stays && (sum_in[0] != sum_out[0] || sum_in[1] != sum_out[1]))
        return "frames came out twice or at the wrong port";
    return NULL;
}

void traffic_targets_make(unsigned n)
{
    traffic_targets_n = n;
    for (unsigned p = 0; p < 2; p++) {
        traffic_targets[p] = calloc(n, sizeof(**traffic_targets));
        for (unsigned i = 0, found = 0; found < n; i++) {
            const struct bench_route *r = &bench_routes[i * 7919ull % bench_routes_n];
            uint32_t ip = r->prefix + (i * 2654435761u & (uint32_t)(0xFFFFFFFFull >> r->bits));
            const struct bench_route *best = bench_route_for(ip);
            if (best && best->port == 1 - p)
                traffic_targets[p][found++] = (struct traffic_target){ip, best->gateway};
        }
    }
}

unsigned traffic_number(const char *name, unsigned standard)
{
    const char *text = getenv(name);

    return text ? (unsigned)atoi(text) : standard;
}
