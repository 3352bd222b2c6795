/* SPDX-License-Identifier: BSD-2-Clause
 * What a receiver finds out about the frames of one trial (net/probe.h), one core at a time.
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
#ifndef NET_MEASURE_H
#define NET_MEASURE_H

#include "net/probe.h"

#define STREAM_FLOWS 4096u
#define STREAM_HOLES (1u << 20) /* bits: a million numbers with one flow, 256 with 4096 */

/* A latency of t ticks falls into a bucket that is at most 1/32 of t wide. */
#define LATENCY_FINE 5u
#define LATENCY_BUCKETS ((PROBE_TIME_BITS - LATENCY_FINE + 1) << LATENCY_FINE)

/* What cores add up. */
struct stream_count {
    uint64_t tag; /* 0: nothing has come */
    uint64_t frames, bytes; /* all frames of the trial, CRC not counted */
    uint64_t last_tsc, first_tsc;
    uint64_t latency_max; /* ticks */
    uint64_t holes;       /* bits that are set now */
    uint64_t lost;        /* jumped over and not come later */
    uint64_t duplicates, reordered, beyond;
    uint64_t backwards;   /* of another clock: sent later than received */
    uint64_t latency[LATENCY_BUCKETS];
};

struct stream {
    struct stream_count count;
    uint32_t flows, window; /* powers of two; both 0 before the first trial */
    uint32_t next[STREAM_FLOWS];
    uint64_t hole[STREAM_HOLES / 64]; /* number s of flow f: bit f * window + s % window */
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* Forget everything and wait for frames of this tag; 0: for none. */
void stream_reset(struct stream *s, uint64_t tag);

/* Number `number` of `flow` has come, and is not simply next, or there are holes. false: it is no
 * first copy. */
bool stream_disorder(struct stream *s, uint32_t flow, uint32_t number);
/* A latency larger than any before, or negative. */
void stream_latency_top(struct stream *s, uint64_t ticks);

static inline unsigned latency_bucket(uint64_t ticks)
{
    unsigned shift = 63u - LATENCY_FINE - (unsigned)__builtin_clzll(ticks | BIT(LATENCY_FINE));
    return (shift << LATENCY_FINE) + (unsigned)(ticks >> shift);
}
/* The highest value in the bucket. */
static inline uint64_t latency_of(unsigned bucket)
{
    unsigned shift = bucket >> LATENCY_FINE;
    shift -= shift != 0;
    return (((uint64_t)(bucket - (shift << LATENCY_FINE)) + 1) << shift) - 1;
}

/* Take a frame of `length` bytes (at least PROBE_BYTES) received at now_tsc. false: it is none of
 * this trial, and nothing has changed. is_timed: the sender's clock is ours. */
static inline __attribute__((always_inline)) bool stream_take(struct stream *s,
                                                              const uint8_t *frame, size_t length,
                                                              uint64_t now_tsc, bool is_timed)
{
    uint32_t number = load32(frame + PROBE_AT_NUMBER);
    uint32_t flow = __builtin_bswap16(load16(frame + PROBE_AT_PORT)) - PROBE_PORT;

    if (__builtin_expect(load64(frame + PROBE_AT_TAG) != s->count.tag || flow >= s->flows, 0))
        return false;
    s->count.frames++;
    s->count.bytes += length;
    s->count.last_tsc = now_tsc;
    if (__builtin_expect(number == s->next[flow] && s->count.holes == 0, 1))
        s->next[flow] = number + 1;
    else if (!stream_disorder(s, flow, number))
        return true;
    if (is_timed) {
        uint64_t ticks = (now_tsc - load64(frame + PROBE_AT_TIME)) << (64 - PROBE_TIME_BITS) >>
                         (64 - PROBE_TIME_BITS);
        if (__builtin_expect(ticks > s->count.latency_max, 0))
            stream_latency_top(s, ticks);
        else
            s->count.latency[latency_bucket(ticks)]++;
    }
    return true;
}

/* Add up what two cores found about the same trial. */
void stream_add(struct stream_count *sum, const struct stream_count *more);
/* Latencies counted. */
uint64_t latency_total(const struct stream_count *count);
/* The latency, in ticks, that `per_mille` of 1000 frames do not exceed; at most 1/32 too high, and
 * never above the maximum. 0 if there are none. */
uint64_t latency_percentile(const struct stream_count *count, unsigned per_mille);

#endif
