/* SPDX-License-Identifier: BSD-2-Clause
 * The measuring side of app=generate and app=sink: a stream (net/trial/measure.h) for each core and
 * port that receives. One trial at a time is measured on a port:
 *  - where we generate, only frames of our own present trial, by whichever port they come back;
 *  - else (app=sink) the trial whose frames come, from the first one on. Another one takes its place
 *    once it has been silent for a second, or after `clear sink`.
 * Everything else a port gets is foreign: the stack's, if the port has an address (ARP, ping), else
 * dropped by name.
 */
#ifndef NET_TRIAL_RECEIVER_H
#define NET_TRIAL_RECEIVER_H

#include "net/lane/lane.h"
#include "net/trial/measure.h"

/* Boot, before any lane: memory for streams. false: there is none, after a log line. */
bool receivers_open(bool is_own);
/* Boot: point the lane at its stream. */
void receiver_start(struct lane *lane);

/* Forget what core `core` has measured. Where we generate: wait for these tags, by sending port. On
 * that core. */
void receiver_reset(unsigned core, const uint64_t tags[PORTS_MAX]);

/* The slow handler of a measuring lane: adopts trials, drops others', hands the rest to the stack. */
lane_slow receiver_slow;

/* What all cores together found on this port; valid until the next call. tag 0: nothing. Core 0. */
struct reception {
    const struct stream_count *count;
    uint32_t window;       /* of each flow, in frames */
    bool is_own;           /* our own trial, timed by our clock */
    unsigned cores_silent; /* cores that did not answer; theirs is missing */
};
struct reception receiver_report(unsigned port);

#endif
