/* SPDX-License-Identifier: BSD-2-Clause
 * The traffic of the benchmarks: numbered frames for two ports, and the check that each comes out
 * once, by the right port, with the right changes. It does not depend on the program under test, so
 * that ours and DPDK's get the same frames and the same checks.
 */
#ifndef TESTS_BENCH_TRAFFIC_H
#define TESTS_BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

enum { TRAFFIC_BYTES_LEAST = 60, TRAFFIC_BYTES_MAX = 1514 };

/* One kind of traffic: how input frames are made, and how they must be changed. An entry of
 * `traffics`. */
struct traffic {
    const char *name;
    bool comes_back; /* leaves by the input port; else by its partner */
    bool stays;      /* is not sent on */
    /* Modify an input frame for this port: traffic_bytes bytes, a UDP datagram from 192.0.2.x, port
     * `flow`, to 192.0.2.(1 + port), port 7, with right checksums. All except the number and flow
     * in its data may be changed. NULL: no change. */
    void (*make)(unsigned port, uint64_t i, uint16_t flow, uint8_t *frame);
    /* Change a frame that came in by this port into the expected output. NULL: no change. */
    void (*change)(unsigned port, uint8_t *frame);
};
const struct traffic *traffic_find(const char *name); /* NULL: unknown */

/* The tag, by port, of sink's frames, which are probes (net/trial/probe.h). */
extern uint64_t traffic_tag[2];

/* Set before the first frame. */
extern const struct traffic *traffic;
extern uint32_t traffic_bytes;   /* of a frame, CRC not counted; 60 unless set */
extern unsigned traffic_sources; /* the number of senders that take turns; 1 unless set */
extern uint8_t traffic_mac[2][6];
/* From now on frames come from n flows (senders and source ports) in turn; the flow passed to
 * traffic_next is ignored. n is 1, or a multiple of 100 up to 6 million. Not for "route", whose
 * flows are destinations, nor for more than one core, since RSS would distribute the flows. */
void traffic_flows_make(unsigned n);
/* For "route": a destination of datagrams that come in by a port, and the last byte of the
 * gateway's MAC address, 02:00:00:00:<output port>:<that byte>. */
struct traffic_target {
    uint32_t ip;
    uint8_t gateway;
};
extern struct traffic_target *traffic_targets[2];
extern unsigned traffic_targets_n;
/* Make n targets for each port, distributed over all of bench_routes. */
void traffic_targets_make(unsigned n);
/* A number from the environment, or `standard`. */
unsigned traffic_number(const char *name, unsigned standard);

/* Make the next input frame for this port, of this flow; it is counted by traffic_fed. */
void traffic_next(unsigned port, uint16_t flow, uint8_t frame[TRAFFIC_BYTES_MAX]);
/* Check a frame that this port sent. */
void traffic_check_sent(unsigned port, const uint8_t *frame, uint32_t length);
/* The numbers of input frames and of sent frames. */
uint64_t traffic_fed(void), traffic_out(void);
/* Returns NULL, or the fault: frames lost, duplicated or with wrong contents. */
const char *traffic_wrong(void);

/* Store the internet checksum over n bytes (an even number) plus `sum` at `at`, in wire order. */
void traffic_checksum(uint8_t *at, const uint8_t *bytes, unsigned n, uint32_t sum);

#endif
