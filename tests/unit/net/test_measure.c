/* SPDX-License-Identifier: BSD-2-Clause
 * Measuring a trial's frames. The oracle is a simple one: a counter for each number received, and
 * the highest number. Covers:
 *  - frames in any order, lost, late, duplicated, over 1 and many flows: counts equal the oracle's;
 *  - numbers that wrap; the window's edge, one inside and one outside;
 *  - a jump of more than a window; frames of another trial or flow change nothing;
 *  - latency: buckets cover all values without gaps, percentiles equal those of a sorted list, a
 *    sender with another clock.
 */
/* links: net/trial/measure.c net/trial/probe.c net/trial/options.c net/stack/csum.c net/stack/ip.c
 * kernel/lib/parse.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/trial/measure.h"
#include "tests/unit/random.h"

enum { NUMBERS = 4000 };

static struct stream stream;

static bool take_at(uint32_t flow, uint32_t number, uint64_t sent, uint64_t now)
{
    uint8_t frame[PROBE_BYTES] = {0};

    store64(frame + PROBE_AT_TAG, stream.count.tag);
    frame[37] = 9;
    probe_stamp(frame, probe_time(sent), number, probe_port(flow), 0);
    return stream_take(&stream, frame, sizeof(frame), now, true);
}

static void take(uint32_t flow, uint32_t number)
{
    assert_true(take_at(flow, number, 100, 200));
}

/* The oracle's state for one flow, for numbers that stay within the window. */
struct oracle {
    uint8_t came[NUMBERS];
    uint32_t next, seen, duplicates, reordered;
};

static void oracle_take(struct oracle *o, uint32_t number)
{
    if (o->came[number]++ != 0) {
        o->duplicates++;
        return;
    }
    o->seen++;
    if (number < o->next)
        o->reordered++;
    else
        o->next = number + 1;
}

static void assert_counts(uint64_t lost, uint64_t duplicates, uint64_t reordered, uint64_t beyond)
{
    assert_int_equal(stream.count.lost, lost);
    assert_int_equal(stream.count.duplicates, duplicates);
    assert_int_equal(stream.count.reordered, reordered);
    assert_int_equal(stream.count.beyond, beyond);
}

static void measure__random_permutations__equal_the_oracle(void **state)
{
    (void)state;
    static struct oracle oracles[64];

    for (unsigned round = 0; round < 300; round++) {
        unsigned log2 = round % 7, flows = 1u << log2;
        /* Up to 4000 numbers of one flow, fewer of many; always within the window. */
        unsigned n = 1 + random_next() % (NUMBERS / flows);
        static uint32_t order[2 * NUMBERS + 64];
        unsigned m = 0;

        memset(oracles, 0, sizeof(oracles));
        stream_reset(&stream, probe_tag(round, 3, log2));
        for (uint32_t i = 0; i < n * flows; i++) {
            unsigned what = random_next() % 16;
            for (unsigned k = what == 0 ? 0 : what == 1 ? 2 : 1; k > 0; k--) /* lost, twice, once */
                order[m++] = i;
        }
        unsigned reach = 1 + random_next() % (round % 3 == 0 ? 2 : round % 3 == 1 ? 20 : n * flows);
        for (unsigned i = 0; i < m; i++) { /* swap with one not too far ahead */
            unsigned with = i + random_next() % reach;
            if (with < m) {
                uint32_t was = order[i];
                order[i] = order[with];
                order[with] = was;
            }
        }
        struct oracle sum = {.next = 0};
        uint32_t seen = 0, missing = 0;
        for (unsigned i = 0; i < m; i++) {
            take(order[i] % flows, order[i] / flows);
            oracle_take(&oracles[order[i] % flows], order[i] / flows);
        }
        for (unsigned f = 0; f < flows; f++) {
            sum.duplicates += oracles[f].duplicates;
            sum.reordered += oracles[f].reordered;
            seen += oracles[f].seen;
            missing += oracles[f].next - oracles[f].seen;
        }
        assert_counts(missing, sum.duplicates, sum.reordered, 0);
        assert_int_equal(stream_frames(&stream.count), m);
        assert_int_equal(latency_total(&stream.count), seen); /* first copies only */
        uint64_t open = 0;
        for (unsigned i = 0; i < STREAM_HOLES / 64; i++)
            open += (uint64_t)__builtin_popcountll(stream.hole[i]);
        assert_int_equal(open, stream.count.holes);
        assert_int_equal(open, missing);
    }
}

static void measure__number_wraps__counts_stay_exact(void **state)
{
    (void)state;
    stream_reset(&stream, probe_tag(1, 0, 0));
    stream.next[PROBE_PORT] = UINT32_MAX - 5;
    for (uint32_t i = 0; i < 20; i++)
        if (i != 3 && i != 7)
            take(0, UINT32_MAX - 5 + i);
    assert_counts(2, 0, 0, 0);
    take(0, UINT32_MAX - 2);
    take(0, UINT32_MAX - 2);
    take(0, 1);
    assert_counts(0, 1, 2, 0);
}

static void measure__window_edge__is_exact(void **state)
{
    (void)state;
    for (unsigned log2 = 0; log2 <= 12; log2 += 4) {
        uint32_t window = STREAM_HOLES >> log2, last = (1u << log2) - 1;
        /* Numbers 0 and 1 are lost; the rest of a window arrives, then one more. */
        for (uint32_t further = 0; further < 2; further++) {
            stream_reset(&stream, probe_tag(9, 1, log2));
            for (uint32_t i = 2; i < window + further; i++)
                take(last, i);
            assert_counts(2, 0, 0, 0);
            take(last, 1); /* next - 1 is window - 1 + further, and so is the distance */
            assert_counts(1, 0, 1, 0);
            take(last, 0);
            if (further == 0)
                assert_counts(0, 0, 2, 0);
            else
                assert_counts(1, 0, 1, 1);
        }
    }
}

static void measure__jump_beyond_window__holes_stay_bounded(void **state)
{
    (void)state;
    stream_reset(&stream, probe_tag(2, 0, 12));
    uint32_t window = STREAM_HOLES / 4096;
    take(5, 10 * window);
    assert_counts(10 * window, 0, 0, 0);
    assert_int_equal(stream.count.holes, window - 1);
    take(5, 9 * window + 1); /* the oldest that is still tracked */
    take(5, 9 * window);
    assert_counts(10 * window - 1, 0, 1, 1);
    take(4, 0); /* neighbouring flows are unaffected */
    take(6, 0);
    assert_counts(10 * window - 1, 0, 1, 1);
    for (uint32_t i = 1; i <= window; i++) /* one window later, all holes are dropped */
        take(5, 10 * window + i);
    assert_int_equal(stream.count.holes, 0);
    assert_counts(10 * window - 1, 0, 1, 1);
}

/* One flow of many, number by number. */
static struct {
    uint8_t is_missing[STREAM_HOLES]; /* by number modulo the window */
    uint32_t next, window;
    uint64_t lost, duplicates, reordered, beyond, missing;
} plain;

static void plain_mark(uint32_t number, bool is_missing)
{
    uint8_t *mark = &plain.is_missing[number % plain.window];

    plain.missing += is_missing;
    plain.missing -= *mark;
    *mark = is_missing;
}

static void plain_take(uint32_t number)
{
    if (number - plain.next < 1u << 31) {
        plain.lost += number - plain.next;
        uint32_t from = number - plain.next > plain.window ? number - plain.window : plain.next;
        for (; from != number; from++)
            plain_mark(from, true);
        plain_mark(number, false);
        plain.next = number + 1;
    } else if (plain.next - number > plain.window) {
        plain.beyond++;
    } else if (plain.is_missing[number % plain.window]) {
        plain_mark(number, false);
        plain.lost--;
        plain.reordered++;
    } else {
        plain.duplicates++;
    }
}

/* Jumps of all sizes, up to several windows, with late frames between them: the counts stay exact
 * where whole groups of numbers are missing, too. */
static void measure__jumps_of_every_size__equal_the_oracle(void **state)
{
    static const unsigned logs[] = {0, 1, 4, 7, 8, 9, 12};
    (void)state;
    for (unsigned l = 0; l < ARRAY_SIZE(logs); l++) {
        unsigned flow = (1u << logs[l]) - 1;
        memset(&plain, 0, sizeof(plain));
        plain.window = STREAM_HOLES >> logs[l];
        stream_reset(&stream, probe_tag(l, 2, logs[l]));
        for (unsigned i = 0; i < 4000u >> (logs[l] < 4 ? 4 : 0); i++) {
            uint32_t reach = 1 + random_next() % (2u << random_next() % (21 - logs[l]));
            uint32_t number = plain.next + (i % 4 == 0 ? reach : i % 4 == 1 ? 0 : -reach);
            take(flow, number);
            plain_take(number);
            assert_counts(plain.lost, plain.duplicates, plain.reordered, plain.beyond);
            assert_int_equal(stream.count.holes, plain.missing);
        }
        assert_true(plain.reordered > 50 && plain.duplicates > 5);
    }
}

/* However far a frame jumps, the work it causes is bounded: at most 600 words change (16,384 would, if
 * each missing number's bit were set). */
static void measure__one_frame__changes_few_words(void **state)
{
    static struct stream before;
    uint32_t number = 0;
    (void)state;
    for (unsigned log2 = 0; log2 <= 12; log2++) {
        uint32_t window = STREAM_HOLES >> log2;
        stream_reset(&stream, probe_tag(6, 0, log2));
        number = 100;
        for (unsigned i = 0; i < 60; i++) {
            number += i % 3 == 0   ? window + 77
                      : i % 3 == 1 ? -(window / 2 + 5 * i) /* late: closes one hole */
                                   : window - 1;
            memcpy(&before, &stream, sizeof(before));
            take(0, number);
            unsigned words = 0;
            for (size_t w = 0; w < sizeof(stream) / 8; w++)
                words += ((uint64_t *)&before)[w] != ((uint64_t *)&stream)[w];
            if (words > 600)
                fail_msg("2^%u flows, frame %u: %u words", log2, i, words);
        }
    }
}

static void measure__frames_of_other_trials__change_nothing(void **state)
{
    (void)state;
    uint8_t frame[PROBE_BYTES] = {0};
    static struct stream before;

    stream_reset(&stream, 0);
    store64(frame + PROBE_AT_TAG, stream.fast_tag); /* the value that marks no trial */
    assert_false(stream_take(&stream, frame, sizeof(frame), 5, true));
    store64(frame + PROBE_AT_TAG, 0);
    probe_stamp(frame, 1, 0, probe_port(0), 0);
    assert_false(stream_take(&stream, frame, sizeof(frame), 5, true)); /* tag 0 matches no frame */
    stream_reset(&stream, probe_tag(7, 0, 2));
    take(3, 0);
    before = stream;
    frame[37] = 9;
    store64(frame + PROBE_AT_TAG, probe_tag(7, 0, 2));
    for (uint32_t port = 0; port < 65536; port++) {
        store16(frame + PROBE_AT_PORT, (uint16_t)port);
        bool is_ours = port >= PROBE_PORT && port < PROBE_PORT + 4;
        store16(frame + PROBE_AT_PORT, __builtin_bswap16((uint16_t)port));
        if (!is_ours)
            assert_false(stream_take(&stream, frame, sizeof(frame), 5, true));
    }
    probe_stamp(frame, 1, 0, probe_port(0), 0);
    for (unsigned bit = 0; bit < 64; bit++) {
        store64(frame + PROBE_AT_TAG, probe_tag(7, 0, 2) ^ BIT64(bit));
        assert_false(stream_take(&stream, frame, sizeof(frame), 5, true));
    }
    assert_memory_equal(&before, &stream, sizeof(stream));
}

static void latency__buckets__cover_all_values(void **state)
{
    (void)state;
    assert_int_equal(latency_bucket(LATENCY_TICK), 0);
    for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
        uint64_t top = latency_of(b), low = b ? latency_of(b - 1) + 1 : LATENCY_TICK;
        assert_int_equal(latency_bucket(top), b);
        assert_int_equal(latency_bucket(low), b);
        assert_true((top - low) <= top / 32);
    }
    assert_true(latency_of(LATENCY_BUCKETS - 1) == UINT64_MAX);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void latency__percentiles__equal_those_of_a_sorted_list(void **state)
{
    (void)state;
    static uint64_t values[3000];
    static const unsigned wanted[] = {0, 1, 500, 900, 990, 999, 1000};

    for (unsigned n = 1; n <= ARRAY_SIZE(values); n = n * 3 / 2 + 1) {
        stream_reset(&stream, probe_tag(n, 0, 0));
        for (unsigned i = 0; i < n; i++) {
            values[i] = random_next() >> (random_next() % 32);
            uint64_t sent = (uint64_t)random_next() << 30; /* its low 48 bits wrap as well */
            assert_true(take_at(0, i, sent, sent + values[i]));
        }
        qsort(values, n, sizeof(values[0]), by_value);
        assert_int_equal(latency_total(&stream.count), n);
        /* At least one tick; numbers of 65536 and more can cost a tick, but do not occur here. */
        for (unsigned i = 0; i < n; i++)
            values[i] = MAX(values[i], 1);
        assert_int_equal(stream.count.latency_max, probe_time(values[n - 1]));
        for (unsigned p = 0; p < ARRAY_SIZE(wanted); p++) {
            unsigned rank = (n * wanted[p] + 999) / 1000;
            uint64_t exact = values[rank ? rank - 1 : 0];
            uint64_t result = latency_percentile(&stream.count, wanted[p]);
            assert_true(result >= exact && (result - exact) * 32 <= result);
        }
        assert_int_equal(latency_percentile(&stream.count, 1000), values[n - 1]);
    }
    stream_reset(&stream, probe_tag(1, 0, 0));
    assert_int_equal(latency_percentile(&stream.count, 500), 0);
}

static void latency__another_clock__is_counted_apart(void **state)
{
    (void)state;
    stream_reset(&stream, probe_tag(1, 0, 0));
    take_at(0, 0, 1000, 999);
    take_at(0, 1, 1000, 1007);
    assert_int_equal(stream.count.backwards, 1);
    assert_int_equal(latency_percentile(&stream.count, 1000), 7);
    assert_int_equal(latency_total(&stream.count), 1);
}

static void latency__large_numbers__lose_at_most_a_tick(void **state)
{
    (void)state;
    stream_reset(&stream, probe_tag(1, 0, 0));
    stream.next[PROBE_PORT] = UINT32_MAX - 5;
    for (uint64_t i = 0; i < 5; i++)
        take_at(0, UINT32_MAX - 5 + (uint32_t)i, 100, 100 + i);
    assert_int_equal(stream.count.backwards, 1); /* within a tick: seems to arrive early */
    assert_int_equal(latency_total(&stream.count), 4);
    assert_int_equal(latency_percentile(&stream.count, 1000), 4); /* the largest is exact */
    assert_in_range(latency_percentile(&stream.count, 500), 1, 2);
}

static void stream_add__two_cores__adds_sums_and_extremes(void **state)
{
    (void)state;
    static struct stream_count sum, more;

    stream_reset(&stream, probe_tag(1, 0, 0));
    stream.count.first_tsc = 50;
    take_at(0, 0, 100, 200);
    more = stream.count;
    stream_add(&sum, &more);
    stream_reset(&stream, probe_tag(1, 0, 0));
    stream.count.first_tsc = 40;
    take_at(0, 5, 100, 150);
    take_at(0, 5, 100, 150);
    stream_add(&sum, &stream.count);
    assert_int_equal(sum.first_tsc, 40);
    assert_int_equal(sum.last_tsc, 200);
    assert_int_equal(latency_percentile(&sum, 1000), 100);
    assert_int_equal(stream_frames(&sum), 3);
    assert_int_equal(sum.lost, 5);
    assert_int_equal(sum.duplicates, 1);
    assert_int_equal(latency_total(&sum), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measure__random_permutations__equal_the_oracle),
        cmocka_unit_test(measure__number_wraps__counts_stay_exact),
        cmocka_unit_test(measure__window_edge__is_exact),
        cmocka_unit_test(measure__jump_beyond_window__holes_stay_bounded),
        cmocka_unit_test(measure__jumps_of_every_size__equal_the_oracle),
        cmocka_unit_test(measure__one_frame__changes_few_words),
        cmocka_unit_test(measure__frames_of_other_trials__change_nothing),
        cmocka_unit_test(latency__buckets__cover_all_values),
        cmocka_unit_test(latency__percentiles__equal_those_of_a_sorted_list),
        cmocka_unit_test(latency__another_clock__is_counted_apart),
        cmocka_unit_test(latency__large_numbers__lose_at_most_a_tick),
        cmocka_unit_test(stream_add__two_cores__adds_sums_and_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
