/* SPDX-License-Identifier: BSD-2-Clause
 * What is rare in measuring; see measure.h.
 */
#include "net/measure.h"

#include "kernel/str.h"
#include "net/trial.h"

static_assert(STREAM_FLOWS == TRIAL_FLOWS_MAX, "every flow that can be sent is measured");
/* Holes of a flow share no word with another's. */
static_assert(STREAM_HOLES / STREAM_FLOWS >= 64, "a window of whole words");

void stream_reset(struct stream *s, uint64_t tag)
{
    memset(s, 0, sizeof(*s));
    s->count.tag = tag;
    if (tag == 0)
        return;
    s->flows = BIT(probe_flows_log2(tag));
    s->window = STREAM_HOLES / s->flows;
}

/* The bit of a number, and its word. */
static uint64_t *hole_at(struct stream *s, uint32_t flow, uint32_t number, uint64_t *bit)
{
    uint32_t at = flow * s->window + (number & (s->window - 1));

    *bit = BIT64(at % 64);
    return &s->hole[at / 64];
}

static bool hole_close(struct stream *s, uint32_t flow, uint32_t number)
{
    uint64_t bit, *word = hole_at(s, flow, number, &bit);
    bool was_open = *word & bit;

    *word &= ~bit;
    s->count.holes -= was_open;
    return was_open;
}

/* Numbers from..from+n-1 have not come; n is at most the window. Whole words at once where they
 * are whole. */
static void holes_open(struct stream *s, uint32_t flow, uint32_t from, uint32_t n)
{
    while (n > 0) {
        uint64_t first, *word = hole_at(s, flow, from, &first);
        uint32_t at = (uint32_t)__builtin_ctzll(first), here = MIN(64 - at, n);
        uint64_t bits = (here == 64 ? UINT64_MAX : BIT64(here) - 1) << at;

        for (uint64_t fresh = bits & ~*word; fresh != 0; fresh &= fresh - 1)
            s->count.holes++;
        *word |= bits;
        from += here;
        n -= here;
    }
}

bool stream_disorder(struct stream *s, uint32_t flow, uint32_t number)
{
    uint32_t ahead = number - s->next[flow];

    if (ahead < BIT(31)) {
        holes_open(s, flow, ahead > s->window ? number - s->window : s->next[flow],
                   MIN(ahead, s->window));
        s->count.lost += ahead;
        (void)hole_close(s, flow, number); /* of a number one window ago, perhaps */
        s->next[flow] = number + 1;
        return true;
    }
    if (-ahead > s->window) {
        s->count.beyond++;
        return false;
    }
    if (!hole_close(s, flow, number)) {
        s->count.duplicates++;
        return false;
    }
    s->count.lost--;
    s->count.reordered++;
    return true;
}

void stream_latency_top(struct stream *s, uint64_t ticks)
{
    if (ticks >> (PROBE_TIME_BITS - 1)) {
        s->count.backwards++;
        return;
    }
    s->count.latency_max = ticks;
    s->count.latency[latency_bucket(ticks)]++;
}

void stream_add(struct stream_count *sum, const struct stream_count *more)
{
    sum->tag = more->tag;
    sum->frames += more->frames;
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

uint64_t latency_percentile(const struct stream_count *count, unsigned per_mille)
{
    uint64_t rank = (latency_total(count) * per_mille + 999) / 1000, seen = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += count->latency[i];
        if (seen != 0 && seen >= rank)
            return MIN(latency_of(i), count->latency_max);
    }
    return 0;
}
