/* SPDX-License-Identifier: BSD-2-Clause
 * What a receiver finds out about the frames of one trial (net/trial/probe.h), one core at a time.
 *
 * The order of a flow is kept as the next number that it should bring, and as holes: a bit for each
 * number below that was jumped over and has not come. So for a frame with number s:
 *
 *     s = next             in order
 *     s > next             in order too; next..s-1 become holes, and count as lost
 *     s < next, a hole     reordered (RFC 4737: lower than the next expected), and lost no more
 *     s < next, no hole    a duplicate: it has come before
 *     s < next - window    beyond the window: late or a duplicate, nobody knows; counted apart
 *
 * Numbers are compared modulo 2^32. The window is STREAM_HOLES / 2^flows_log2 numbers of each flow,
 * and what is said within it is exact. Duplicates count for nothing else; only their first copy has
 * a latency. Pure.
 */
#ifndef NET_TRIAL_MEASURE_H
#define NET_TRIAL_MEASURE_H

#include "net/trial/probe.h"

#define STREAM_FLOWS 4096u
#define STREAM_HOLES (1u << 20) /* bits: a million numbers with one flow, 256 with 4096 */

/* Latencies are counted in 2^-16 ticks, as differences of probe_time; less than a tick is a tick. One
 * of t falls into a bucket that is at most 1/32 of t wide: 32 buckets for each power of two. */
#define LATENCY_TICK (1ull << PROBE_TICK)
#define LATENCY_FINE 5u
#define LATENCY_FIRST (((uint64_t)PROBE_TICK + 1) << LATENCY_FINE)
#define LATENCY_BUCKETS ((64u - PROBE_TICK) << LATENCY_FINE)

/* What cores add up. */
struct stream_count {
    uint64_t tag; /* 0: nothing has come */
    uint64_t untimed;       /* frames of the trial that are not among the latencies */
    uint64_t bytes;         /* of the trial, CRC not counted; if timed see net/trial/receiver.c */
    uint64_t last_tsc, first_tsc;
    uint64_t latency_max;   /* 0: none yet */
    uint64_t holes;         /* bits that are set now */
    uint64_t lost;          /* jumped over and not come later */
    uint64_t duplicates, reordered, beyond;
    uint64_t backwards;     /* of another clock: sent later than received */
    uint64_t latency[LATENCY_BUCKETS];
};

struct stream {
    uint32_t next[65536]; /* the next number by source port; UINT32_MAX for ports that are no flow's */
    uint64_t fast_tag;  /* while there are no holes, the tag; else what is none */
    uint64_t fast_span; /* latency_max - LATENCY_TICK; 0 before the first */
    struct stream_count count;
    uint32_t flows, window; /* powers of two; both 0 before the first trial */
    uint64_t hole[STREAM_HOLES / 64]; /* number s of flow f: bit f * window + s % window */
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* Forget everything and wait for frames of this tag; 0: for none. */
void stream_reset(struct stream *s, uint64_t tag);

/* A frame of another trial, or that is not simply next, or there are holes. */
enum stream_verdict {
    STREAM_FIRST,   /* the first copy */
    STREAM_AGAIN,   /* not the first, or nobody knows; counted */
    STREAM_FOREIGN, /* of another trial, or no flow of this one */
};
enum stream_verdict stream_slow_path(struct stream *s, const uint8_t *frame);
/* A latency below a tick, or not smaller than all before, or negative. */
void stream_latency_slow(struct stream *s, uint64_t latency);

/* 0..LATENCY_BUCKETS - 1, for at least LATENCY_TICK. */
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

/* Take a frame of `length` bytes (at least PROBE_BYTES) received at now_tsc. false: it is none of
 * this trial, and nothing has changed. is_timed: the sender's clock is ours; then bytes are not
 * counted. */
static inline __attribute__((always_inline)) bool stream_take(struct stream *s,
                                                              const uint8_t *frame, size_t length,
                                                              uint64_t now_tsc, bool is_timed)
{
    uint32_t number = load32(frame + PROBE_AT_NUMBER);
    uint32_t *next = &s->next[__builtin_bswap16(load16(frame + PROBE_AT_PORT))];

    if (__builtin_expect(load64(frame + PROBE_AT_TAG) == s->fast_tag && number == *next, 1)) {
        *next = number + 1;
    } else {
        enum stream_verdict verdict = stream_slow_path(s, frame);
        if (verdict == STREAM_FOREIGN)
            return false;
        if (verdict == STREAM_AGAIN) {
            s->count.bytes += is_timed ? 0 : length;
            s->count.last_tsc = now_tsc;
            return true;
        }
    }
    s->count.last_tsc = now_tsc;
    if (is_timed) {
        uint64_t latency = probe_time(now_tsc) - load64(frame + PROBE_AT_TIME_WORD);
        if (__builtin_expect(latency - LATENCY_TICK >= s->fast_span, 0))
            stream_latency_slow(s, latency);
        else
            s->count.latency[latency_bucket(latency)]++;
    } else {
        s->count.untimed++;
        s->count.bytes += length;
    }
    return true;
}

/* Add up what two cores found about the same trial. */
void stream_add(struct stream_count *sum, const struct stream_count *more);
/* All frames of the trial, duplicates too; latencies counted. */
uint64_t stream_frames(const struct stream_count *count);
uint64_t latency_total(const struct stream_count *count);
/* The latency, in whole ticks, that `per_mille` of 1000 frames do not exceed: at most 1/32 too high,
 * never above the maximum, which is exact. 0 if there are none. */
uint64_t latency_percentile(const struct stream_count *count, unsigned per_mille);

#endif
