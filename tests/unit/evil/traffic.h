/* SPDX-License-Identifier: BSD-2-Clause
 * What arrives at three ports with addresses, for tests of a card that lies: valid frames of every
 * kind that the applications distinguish, with payloads that name their port; and neighbours that
 * answer ARP. Port i has the address traffic_ip(i), a /24 with hosts .10 and .20 that answer.
 */
#ifndef TESTS_UNIT_EVIL_TRAFFIC_H
#define TESTS_UNIT_EVIL_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

enum { TRAFFIC_PORTS = 3, TRAFFIC_MARK_BYTES = 8 };

/* The ports' MAC addresses, set by the test. */
extern uint8_t traffic_macs[TRAFFIC_PORTS][6];

/* What most frames are: for the ports' own addresses, to be routed, of a generator. */
enum traffic_for { TRAFFIC_SERVICES, TRAFFIC_ROUTE, TRAFFIC_MEASURE };
extern enum traffic_for traffic_is_for;

/* The routes that the kinds of traffic_make are addressed by: by each port, to a neighbour that
 * never answers, refused. */
extern const char traffic_routes[];

uint32_t traffic_ip(unsigned port);

/* All lots that a test draws come from one generator. */
void traffic_seed(uint64_t seed);
uint32_t traffic_below(uint32_t n);

/* Write a frame for `port`; returns its length. `frame` has room for 2048 bytes. */
uint32_t traffic_make(unsigned port, uint8_t *frame);
/* One that must be answered or forwarded: a UDP datagram to the echo service, or by the other of
 * ports 0 and 1. */
uint32_t traffic_make_plain(unsigned port, uint8_t *frame, bool is_forwarded);

/* A mark in a payload, and the port of its frame. */
bool traffic_is_mark(const uint8_t *p);
unsigned traffic_port_of(const uint8_t *mark);

/* A frame that left: a request of ARP for a neighbour is answered. The next such reply to input; NULL:
 * none. */
void traffic_answer_arp(unsigned port, const uint8_t *frame, uint32_t length);
const uint8_t *traffic_next_reply(unsigned *port, uint32_t *length);

#endif
