/* SPDX-License-Identifier: BSD-2-Clause
 * What the rows sink and generate of bench_loop need: both are loops of app=generate, its receiving
 * half (with latencies) and its sending half.
 */
#ifndef TESTS_BENCH_PROBES_H
#define TESTS_BENCH_PROBES_H

#include <stdint.h>

/* Wait for the probes that traffic.c makes. */
void probes_receive(void);
/* Begin a trial of 64-byte frames out of both ports on every core, which does not end. */
void probes_send(void);
/* Let time go on until `burst` more frames are due on each core and port. */
void probes_round(unsigned burst);
/* Frames that left the cards. */
uint64_t probes_came_out(void);
/* What is wrong with what was received or sent; NULL: nothing. */
const char *probes_wrong(void);

#endif
