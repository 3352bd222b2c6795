/* SPDX-License-Identifier: BSD-2-Clause
 * Measuring the received frames of one trial (net/trial/probe.h): loss, order and latency, per
 * core.
 *
 * For each flow, `next` is the next expected number, and a bit (hole) is kept for each lower number
 * that is missing. A frame with number s is
 *
 *     s = next             in order
 *     s > next             in order too; next..s-1 become holes and count as lost
 *     s < next, a hole     reordered (RFC 4737: lower than the next expected), no longer lost
 *     s < next, no hole    a duplicate
 *     s < next - window    beyond the window: reordered or duplicate, counted separately
 *
 * Numbers are compared modulo 2^32. The window is STREAM_HOLES / 2^flows_log2 numbers of each flow;
 * counts within it are exact. A duplicate is counted only as such: its latency is not. Pure.
 */
#ifndef NET_TRIAL_MEASURE_H
#define NET_TRIAL_MEASURE_H

#include "net/trial/probe.h"

#define STREAM_FLOWS 4096u
#define STREAM_HOLES (1u << 20) /* bits: a million numbers with one flow, 256 with 4096 */

#define HOLE_GROUP   4096u /* bits that are counted together */

/* The latency histogram, in 2^-16 ticks (differences of probe_time), at least one tick: 32 buckets
 * for each power of two, so a bucket is at most 1/32 of its values wide. */
#define LATENCY_TICK    (1ull << PROBE_TICK)
#define LATENCY_FINE    5u
#define LATENCY_FIRST   (((uint64_t)PROBE_TICK + 1) << LATENCY_FINE)
#define LATENCY_BUCKETS ((64u - PROBE_TICK) << LATENCY_FINE)

/* The counts of one core, or of all. */
struct stream_count {
    uint64_t tag;     /* 0: nothing received */
    uint64_t untimed; /* frames of the trial that are not in the histogram */
    uint64_t bytes;   /* of the trial, without CRC; if timed see net/trial/receiver.c */
    uint64_t last_tsc, first_tsc;
    uint64_t latency_max; /* 0: none yet */
    uint64_t holes;       /* bits that are set now */
    uint64_t lost;        /* missing so far */
    uint64_t duplicates, reordered, beyond;
    uint64_t backwards; /* frames with a send time after their receive time */
    uint64_t latency[LATENCY_BUCKETS];
};

struct stream {
    uint32_t next[65536]; /* the next number, by source port; UINT32_MAX: not a flow */
    uint64_t fast_tag;    /* the tag while there are no holes; else ~tag, which matches no frame */
    uint64_t fast_span;   /* latency_max - LATENCY_TICK; 0 before the first */
    struct stream_count count;
    uint32_t flows, window;           /* powers of two; both 0 before the first trial */
    uint64_t hole[STREAM_HOLES / 64]; /* number s of flow f: bit f * window + s % window */
    /* Bits that are set in each group of them. If all are, their words need not be: many numbers can be
     * marked as missing with few stores. */
    uint16_t open[STREAM_HOLES / HOLE_GROUP];
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* Clear all counts and measure frames of this tag; 0: of none. */
void stream_reset(struct stream *s, uint64_t tag);

/* Find the place in its trial of a frame received at now_tsc, by its tag, number and source port
 * (0..65535). STREAM_FOREIGN: nothing has changed; else stream_record follows. */
enum stream_verdict {
    STREAM_FIRST,   /* the first copy */
    STREAM_AGAIN,   /* a duplicate, or beyond the window; counted */
    STREAM_FOREIGN, /* of another trial, or of no flow of this one */
};
enum stream_verdict stream_place(struct stream *s, uint64_t tag, uint32_t number, uint32_t port,
                                 uint64_t now_tsc);
/* Slow path of stream_record: a latency below a tick, negative, or a new maximum. `excess`: the
 * latency less LATENCY_TICK, modulo 2^64. */
void stream_latency_slow(struct stream *s, uint64_t excess);

/* The bucket of a latency of at least LATENCY_TICK: 0..LATENCY_BUCKETS - 1. */
static inline uint64_t latency_bucket(uint64_t latency)
{
    uint64_t top = 63u ^ (unsigned)__builtin_clzll(latency);
    return (top << LATENCY_FINE) + (latency >> (top - LATENCY_FINE)) - LATENCY_FIRST;
}
/* The highest value in the bucket. */
static inline uint64_t latency_of(uint64_t bucket)
{
    uint64_t shift = (bucket >> LATENCY_FINE) + PROBE_TICK - LATENCY_FINE;
    uint64_t fine = bucket % BIT(LATENCY_FINE) + BIT(LATENCY_FINE);
    return (fine << shift) + (1ull << shift) - 1;
}

/* The usual case of stream_place: the next frame of its flow, and no holes. False: nothing has
 * changed, and stream_place decides. */
static inline __attribute__((always_inline)) bool stream_is_next(struct stream *s, uint64_t tag,
                                                                 uint32_t number, size_t port,
                                                                 uint64_t now_tsc)
{
    uint32_t *next = &s->next[port];

    if (__builtin_expect(tag != s->fast_tag || number != *next, 0))
        return false;
    *next = number + 1;
    s->count.last_tsc = now_tsc;
    return true;
}

/* Count a frame of `length` bytes (at least PROBE_BYTES). is_timed: sender and receiver share a
 * clock; then its latency (probe_time of its arrival less its time) is counted, and its bytes are
 * not. */
static inline __attribute__((always_inline)) void stream_record(struct stream *s,
                                                                enum stream_verdict verdict,
                                                                size_t length, uint64_t latency,
                                                                bool is_timed)
{
    if (verdict == STREAM_AGAIN) {
        s->count.bytes += is_timed ? 0 : length;
    } else if (is_timed) {
        uint64_t excess = latency - LATENCY_TICK;
        if (__builtin_expect(excess >= s->fast_span, 0))
            stream_latency_slow(s, excess);
        else
            s->count.latency[latency_bucket(latency)]++;
    } else {
        s->count.untimed++;
        s->count.bytes += length;
    }
}

/* All of it for a frame in memory of our own. False: it is not of this trial, and nothing has
 * changed. */
bool stream_take(struct stream *s, const uint8_t *frame, size_t length, uint64_t now_tsc,
                 bool is_timed);

/* Add one core's counts to the sum; both are of the same trial. */
void stream_add(struct stream_count *sum, const struct stream_count *more);
/* Number of frames of the trial, duplicates included; number of latencies in the histogram. */
uint64_t stream_frames(const struct stream_count *count);
uint64_t latency_total(const struct stream_count *count);
/* The latency, in whole ticks, that per_mille / 1000 of the frames do not exceed: at most 1/32 too
 * high, never above the maximum, which is exact. 0 if there are no frames. */
uint64_t latency_percentile(const struct stream_count *count, unsigned per_mille);

#endif
