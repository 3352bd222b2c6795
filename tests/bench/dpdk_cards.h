/* SPDX-License-Identifier: BSD-2-Clause
 * Debian's unchanged DPDK, whose ixgbe driver has brought up our models: what bench_dpdk and
 * bench_dpdk_mix share.
 */
#ifndef TESTS_BENCH_DPDK_CARDS_H
#define TESTS_BENCH_DPDK_CARDS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

enum { DPDK_PORTS_MAX = 4, DPDK_BURST_MAX = 32 };

/* Called for each frame that a card sends. */
typedef void dpdk_frame_out(unsigned port, const uint8_t *frame, uint32_t length);

/* Bring up this many ports with one queue each way of `ring` slots (0: 512), by the
 * driver's vector path. Ends the program on failure. */
void dpdk_start(unsigned ports, bool wants_checksums, unsigned ring, dpdk_frame_out *out);
extern struct rte_ether_addr dpdk_macs[DPDK_PORTS_MAX];

/* Input a frame from the wire. */
void dpdk_frame_in(unsigned port, const uint8_t *frame, uint32_t length);
/* Advance the models' time. */
void dpdk_advance(uint64_t ns);

#endif
