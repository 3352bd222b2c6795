/* SPDX-License-Identifier: BSD-2-Clause
 * A trial is one run of app=generate. Here are its options, as the boot line and `start` spell
 * them, and the arithmetic from a rate to each core's share. Pure. Read next: net/trial/probe.h,
 * net/app/generate.c.
 */
#ifndef NET_TRIAL_OPTIONS_H
#define NET_TRIAL_OPTIONS_H

#include "arch/types.h"

#define TRIAL_SIZES_MAX   16u
#define TRIAL_FLOWS_MAX   4096u
#define TRIAL_QUANTUM_MAX 32u
#define TRIAL_FOREVER     UINT64_MAX

/* Bytes on the wire besides the frame: preamble and start delimiter (8), inter-frame gap (12). */
#define WIRE_EXTRA 20u
#define CRC_BYTES  4u

struct trial_options {
    uint64_t rate_micro; /* millionths of the unit; 0: nothing is sent */
    enum trial_unit {
        TRIAL_PPS,     /* frames per second */
        TRIAL_BPS,     /* bits per second of frames with their CRC */
        TRIAL_PERCENT, /* of the link, with preamble, gap and CRC */
    } unit;
    uint16_t sizes[TRIAL_SIZES_MAX]; /* 64..1518 bytes with the CRC, sent in this order */
    unsigned sizes_n;
    uint32_t flows;       /* 1..TRIAL_FLOWS_MAX */
    uint64_t count;       /* frames of each port; 0: no limit */
    uint64_t duration_ns; /* 0: no limit */
    uint32_t dst;         /* 0: the partner port's address */
    uint8_t dst_mac[6];   /* used if has_dst_mac */
    bool has_dst_mac;
    uint32_t ports; /* a bit for each port that generates */
};

/* size=64 flows=1 ports=0, no rate. */
void trial_defaults(struct trial_options *options);

/* i-th key; NULL past the end. */
const char *trial_key(unsigned i);

/* Set one option. False: nothing has changed; *wanted is the expected value as text, or NULL if
 * there is no such key. */
bool trial_set(struct trial_options *options, const char *key, const char *value,
               const char **wanted);

/* Number of frames that a port sends: the lesser of count= and those due within duration=, the
 * first at once. TRIAL_FOREVER: no limit. link_mbps is used for TRIAL_PERCENT only. */
uint64_t trial_frames(const struct trial_options *options, uint32_t link_mbps);

/* The share of one core of `cores` in a port's trial. Flows are divided evenly; core 0, which has
 * other work, gets the smallest share. Rate and count are divided in proportion to the flows. */
struct trial_share {
    uint32_t flow_first, flows_n; /* flows_n 0: no share */
    uint64_t frames;              /* or TRIAL_FOREVER */
    uint64_t per_tick;            /* frames per TSC tick, in 2^-64 */
    uint64_t tick_q24;            /* ticks per frame, in 2^-24 */
    uint32_t quantum;             /* frames sent together: those due in 2 us, 1..32 */
};
struct trial_share trial_share(const struct trial_options *options, unsigned core, unsigned cores,
                               uint64_t tsc_hz, uint32_t link_mbps);

/* a * b / c with a 128-bit product; UINT64_MAX if it does not fit, or c is 0. */
uint64_t trial_scale(uint64_t a, uint64_t b, uint64_t c);

#endif
