/* SPDX-License-Identifier: BSD-2-Clause
 * The slow path of measuring; see measure.h.
 */
#include "net/trial/measure.h"

#include "kernel/lib/str.h"
#include "net/trial/options.h"

static_assert(STREAM_FLOWS == TRIAL_FLOWS_MAX, "every flow that can be sent is measured");
/* The holes of two flows are in different words. */
static_assert(STREAM_HOLES / STREAM_FLOWS >= 64, "a window of whole words");

void stream_reset(struct stream *s, uint64_t tag)
{
    memset(s, 0, sizeof(*s));
    memset(s->next, 0xFF, sizeof(s->next));
    s->count.tag = tag;
    s->fast_tag = ~tag;
    if (tag == 0)
        return;
    s->fast_tag = tag;
    s->flows = BIT(probe_flows_log2(tag));
    s->window = STREAM_HOLES / s->flows;
    memset(&s->next[PROBE_PORT], 0, s->flows * sizeof(s->next[0]));
}

/* The bit of a number. */
static uint32_t hole_at(const struct stream *s, uint32_t flow, uint32_t number)
{
    return flow * s->window + (number & (s->window - 1));
}

static bool hole_close(struct stream *s, uint32_t flow, uint32_t number)
{
    uint32_t at = hole_at(s, flow, number);
    uint16_t *open = &s->open[at / HOLE_GROUP];
    uint64_t bit = BIT64(at % 64), *word = &s->hole[at / 64];

    if (*open == HOLE_GROUP) /* its words were not written */
        memset(&s->hole[at / HOLE_GROUP * (HOLE_GROUP / 64)], 0xFF, HOLE_GROUP / 8);
    bool was_open = *word & bit;
    *word &= ~bit;
    *open = (uint16_t)(*open - was_open);
    s->count.holes -= was_open;
    return was_open;
}

static uint32_t ones(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555ull;
    x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Full;
    return (uint32_t)(x * 0x0101010101010101ull >> 56);
}

/* Set n bits from `at` on, all of one group. */
static void group_open(struct stream *s, uint32_t at, uint32_t n)
{
    uint16_t *open = &s->open[at / HOLE_GROUP];
    uint32_t fresh = 0;

    if (*open == HOLE_GROUP)
        return;
    if (n == HOLE_GROUP) {
        fresh = HOLE_GROUP - *open;
        n = 0;
    }
    for (uint32_t here; n > 0; at += here, n -= here) {
        here = MIN(64 - at % 64, n);
        uint64_t bits = (here == 64 ? UINT64_MAX : BIT64(here) - 1) << at % 64;
        fresh += ones(bits & ~s->hole[at / 64]);
        s->hole[at / 64] |= bits;
    }
    *open = (uint16_t)(*open + fresh);
    s->count.holes += fresh;
}

/* Mark numbers from..from+n-1 as missing; n is at most the window. A group at a time, so that a frame
 * that skips a million numbers costs 256 groups and the words of two, not 16,384 words. */
static void holes_open(struct stream *s, uint32_t flow, uint32_t from, uint32_t n)
{
    const uint32_t unit = MIN(s->window, HOLE_GROUP); /* does not cross a window's or group's end */

    while (n > 0) {
        uint32_t at = hole_at(s, flow, from), here = MIN(unit - at % unit, n);
        group_open(s, at, here);
        from += here;
        n -= here;
    }
}

static enum stream_verdict place(struct stream *s, uint32_t flow, uint32_t number)
{
    uint32_t *next = &s->next[PROBE_PORT + flow], ahead = number - *next;

    if (ahead < BIT(31)) {
        holes_open(s, flow, ahead > s->window ? number - s->window : *next, MIN(ahead, s->window));
        s->count.lost += ahead;
        (void)hole_close(s, flow, number); /* the bit may be set for the number one window before */
        *next = number + 1;
        return STREAM_FIRST;
    }
    if (-ahead > s->window) {
        s->count.beyond++;
        return STREAM_AGAIN;
    }
    if (!hole_close(s, flow, number)) {
        s->count.duplicates++;
        return STREAM_AGAIN;
    }
    s->count.lost--;
    s->count.reordered++;
    return STREAM_FIRST;
}

enum stream_verdict stream_place(struct stream *s, uint64_t tag, uint32_t number, uint32_t port,
                                 uint64_t now_tsc)
{
    uint32_t flow = port - PROBE_PORT;

    if (tag != s->count.tag || flow >= s->flows)
        return STREAM_FOREIGN;
    enum stream_verdict verdict = place(s, flow, number);
    s->count.last_tsc = now_tsc;
    s->count.untimed += verdict == STREAM_AGAIN;
    s->fast_tag = s->count.holes == 0 ? tag : ~tag;
    return verdict;
}

bool stream_take(struct stream *s, const uint8_t *frame, size_t length, uint64_t now_tsc,
                 bool is_timed)
{
    enum stream_verdict verdict =
        stream_place(s, load64(frame + PROBE_AT_TAG), load32(frame + PROBE_AT_NUMBER),
                     __builtin_bswap16(load16(frame + PROBE_AT_PORT)), now_tsc);
    uint64_t latency = probe_time(now_tsc) - load64(frame + PROBE_AT_TIME_WORD);

    if (verdict != STREAM_FOREIGN)
        stream_record(s, verdict, length, latency, is_timed);
    return verdict != STREAM_FOREIGN;
}

void stream_latency_slow(struct stream *s, uint64_t excess)
{
    uint64_t latency = excess + LATENCY_TICK;

    if (latency >> 63) {
        s->count.backwards++;
        s->count.untimed++;
        return;
    }
    latency = MAX(latency, LATENCY_TICK);
    s->count.latency_max = MAX(s->count.latency_max, latency);
    s->fast_span = s->count.latency_max - LATENCY_TICK;
    s->count.latency[latency_bucket(latency)]++;
}

void stream_add(struct stream_count *sum, const struct stream_count *more)
{
    sum->tag = more->tag;
    sum->untimed += more->untimed;
    sum->bytes += more->bytes;
    if (sum->first_tsc == 0 || (more->first_tsc != 0 && more->first_tsc < sum->first_tsc))
        sum->first_tsc = more->first_tsc;
    sum->last_tsc = MAX(sum->last_tsc, more->last_tsc);
    sum->latency_max = MAX(sum->latency_max, more->latency_max);
    sum->lost += more->lost;
    sum->duplicates += more->duplicates;
    sum->reordered += more->reordered;
    sum->beyond += more->beyond;
    sum->backwards += more->backwards;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        sum->latency[i] += more->latency[i];
}

uint64_t latency_total(const struct stream_count *count)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        n += count->latency[i];
    return n;
}

uint64_t stream_frames(const struct stream_count *count)
{
    return count->untimed + latency_total(count);
}

uint64_t latency_percentile(const struct stream_count *count, unsigned per_mille)
{
    uint64_t rank = (latency_total(count) * per_mille + 999) / 1000, seen = 0;
    /* In whole ticks, rounded up: see PROBE_AT_TIME_WORD. */
    uint64_t max = (count->latency_max + LATENCY_TICK - 1) >> PROBE_TICK;

    for (unsigned i = 0; i < LATENCY_BUCKETS && per_mille < 1000; i++) {
        seen += count->latency[i];
        if (seen != 0 && seen >= rank)
            return MIN(latency_of(i) >> PROBE_TICK, max);
    }
    return max;
}
