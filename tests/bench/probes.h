/* SPDX-License-Identifier: BSD-2-Clause
 * Set-up and checks for the rows sink and generate of bench_loop's works: both run the loop of
 * app=generate, sink its receiving half (with latencies) and generate its sending half.
 */
#ifndef TESTS_BENCH_PROBES_H
#define TESTS_BENCH_PROBES_H

#include <stdint.h>

/* Set the receivers to the probes that traffic.c makes. */
void probes_receive(void);
/* Begin an endless trial of 64-byte frames by both ports on every core. */
void probes_send(void);
/* Advance time until `burst` more frames are due on each core and port. */
void probes_round(unsigned burst);
/* The number of frames that the cards sent. */
uint64_t probes_sent(void);
/* Returns the fault in the received or sent frames, or NULL. */
const char *probes_wrong(void);

#endif
