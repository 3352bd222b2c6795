/* SPDX-License-Identifier: BSD-2-Clause
 * The traffic of the benchmarks: numbered frames for two ports, and the check that each came out
 * once, where it should, changed as it should be. It knows nothing of the program under test, so
 * that ours and others get the same frames and the same judgement.
 */
#ifndef TESTS_BENCH_TRAFFIC_H
#define TESTS_BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

enum { TRAFFIC_BYTES_LEAST = 60, TRAFFIC_BYTES_MAX = 1514 };

/* One kind of work: what goes in, and what it must have become. A row of `traffics`. */
struct traffic {
    const char *name;
    bool comes_back;  /* leaves by the port by which it came; else by its partner */
    bool stays;       /* does not leave at all */
    /* Lay out a frame for this port: traffic_bytes bytes, already filled in as a UDP datagram from
     * 192.0.2.x, port `flow`, to 192.0.2.(1 + port), port 7, checksums right. It may change
     * anything but the number and flow in its data. NULL: nothing to change. */
    void (*make)(unsigned port, uint64_t i, uint16_t flow, uint8_t *frame);
    /* What came in by this port, turned into what must go out. NULL: it stays as it was. */
    void (*change)(unsigned port, uint8_t *frame);
};
const struct traffic *traffic_find(const char *name); /* NULL: no such row */

/* Of the frames of sink, which are probes (net/trial/probe.h) of this tag by port. */
extern uint64_t traffic_tag[2];

/* Set before the first frame. */
extern const struct traffic *traffic;
extern uint32_t traffic_bytes;   /* of a frame, CRC not counted; 60 unless set */
extern unsigned traffic_sources; /* how many senders take turns; 1 unless set */
extern uint8_t traffic_mac[2][6];
/* From now on frames come from n flows by turns, whatever flow is asked for: so many senders and source
 * ports. n is 1, or a multiple of 100 up to 6 million. Not for "route", whose flows are destinations,
 * nor for more cores than one, by which RSS would spread them. */
void traffic_flows_make(unsigned n);
/* For "route": where datagrams that come in by each port go, and the last byte of the gateway's MAC
 * address there, 02:00:00:00:<port it leaves by>:<that byte>. */
struct traffic_target {
    uint32_t ip;
    uint8_t gateway;
};
extern struct traffic_target *traffic_targets[2];
extern unsigned traffic_targets_n;
/* Make n for each port, scattered over all of bench_routes. */
void traffic_targets_make(unsigned n);
/* A number from the environment, else `usual`. */
unsigned traffic_number(const char *name, unsigned usual);

/* The next frame for this port, of this flow, in `frame`; it counts as fed. */
void traffic_next(unsigned port, uint16_t flow, uint8_t frame[TRAFFIC_BYTES_MAX]);
/* A frame left by this port. */
void traffic_came_out(unsigned port, const uint8_t *frame, uint32_t length);
/* How many were fed, and how many came out. */
uint64_t traffic_fed(void), traffic_out(void);
/* NULL, or what is wrong: frames lost, doubled or changed otherwise than they should be. */
const char *traffic_wrong(void);

/* The internet checksum over n bytes (an even number), on top of `sum`; put at `at`, in wire order. */
void traffic_checksum(uint8_t *at, const uint8_t *bytes, unsigned n, uint32_t sum);

#endif
