/* SPDX-License-Identifier: BSD-2-Clause
 * The measuring side of app=generate and app=sink: a stream (net/trial/measure.h) per core and
 * receiving port. One trial at a time is measured on a port:
 *  - with app=generate, frames of this machine's current trial, on any port that receives them;
 *  - with app=sink, the first trial whose frames arrive. Another one replaces it once no frame has
 *    arrived for a second, or after `clear sink`.
 * All other frames are foreign: delivered to the stack if the port has an address (ARP, ping), else
 * dropped and counted.
 */
#ifndef NET_TRIAL_RECEIVER_H
#define NET_TRIAL_RECEIVER_H

#include "net/lane/lane.h"
#include "net/trial/measure.h"

/* Allocate the streams. Boot, before any lane runs. False, after a log line: no memory. */
bool receivers_open(bool is_own);
/* Point the lane at its stream. Boot. */
void receiver_start(struct lane *lane);

/* Clear the measurements of core `core`. With app=generate: then measure these tags, by sending
 * port. On that core. */
void receiver_reset(unsigned core, const uint64_t tags[PORTS_MAX]);

/* Clear the measurements of every core, without a trial of our own. Returns the number of cores that
 * did not answer. Core 0. */
unsigned receivers_clear(void);

/* The slow handler of a measuring lane: adopts trials, drops frames of other trials, delivers the
 * rest to the stack. The wide one answers pings and datagrams to services, of no trial. */
lane_slow receiver_slow;
lane_wide receiver_wide;

/* The sum of all cores' counts of this port; valid until the next call. tag 0: no trial. Core 0. */
struct reception {
    const struct stream_count *count;
    uint32_t window;       /* of each flow, in frames */
    bool is_own;           /* our own trial, timed by our clock */
    unsigned cores_silent; /* cores that did not answer; their counts are missing */
};
struct reception receiver_report(unsigned port);

#endif
