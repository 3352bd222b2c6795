/* SPDX-License-Identifier: BSD-2-Clause
 * Options of a trial and each core's share of it. Covers:
 *  - every key's good values, at their limits; bad ones refused without a change;
 *  - rates: frames, bits and percent for known line rates;
 *  - shares: the cores together have all flows, all frames and the whole rate; core 0 has the
 *    fewest;
 *  - frames due at a time: exact over hours, never one too many.
 */
/* links: net/trial/options.c kernel/lib/parse.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <math.h>

#include <cmocka.h>

#include "net/trial/options.h"

#define HZ 3000000000ull

static struct trial_options set(const char *key, const char *value)
{
    struct trial_options o;
    const char *wanted;

    trial_defaults(&o);
    if (!trial_set(&o, key, value, &wanted))
        fail_msg("%s=%s is refused: %s", key, value, wanted ? wanted : "no such key");
    return o;
}

static void assert_refused(const char *key, const char *value)
{
    struct trial_options o, before;
    const char *wanted = NULL;

    memset(&o, 0, sizeof(o));
    trial_defaults(&o);
    before = o;
    if (trial_set(&o, key, value, &wanted))
        fail_msg("%s=%s is accepted", key, value);
    assert_non_null(wanted);
    assert_memory_equal(&o, &before, sizeof(o));
}

static void trial_set__good_values__are_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum trial_unit unit;
        uint64_t micro;
    } rates[] = {
        {"0", TRIAL_PPS, 0},
        {"1000", TRIAL_PPS, 1000000000},
        {"1000pps", TRIAL_PPS, 1000000000},
        {"0.5", TRIAL_PPS, 500000},
        {"1.488095Mpps", TRIAL_PPS, 1488095000000},
        {"20k", TRIAL_PPS, 20000000000},
        {"2.5Gbps", TRIAL_BPS, 2500000000000000},
        {"64bps", TRIAL_BPS, 64000000},
        {"10%", TRIAL_PERCENT, 10000000},
        {"100%", TRIAL_PERCENT, 100000000},
        {"0.000001%", TRIAL_PERCENT, 1},
        {"1000Gbps", TRIAL_BPS, 1000000000000000000},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        struct trial_options o = set("rate", rates[i].text);
        assert_int_equal(o.unit, rates[i].unit);
        assert_int_equal(o.rate_micro, rates[i].micro);
    }
    assert_int_equal(set("size", "1518").sizes[0], 1518);
    struct trial_options o = set("size", "64,65,1518");
    assert_int_equal(o.sizes_n, 3);
    assert_int_equal(o.sizes[1], 65);
    o = set("size", "imix");
    unsigned of[3] = {0};
    for (unsigned i = 0; i < o.sizes_n; i++)
        of[o.sizes[i] == 64 ? 0 : o.sizes[i] == 594 ? 1 : 2]++;
    assert_true(of[0] == 7 && of[1] == 4 && of[2] == 1);
    assert_int_equal(set("flows", "4096").flows, 4096);
    assert_int_equal(set("count", "2M").count, 2000000);
    assert_int_equal(set("duration", "10s").duration_ns, 10000000000);
    assert_int_equal(set("duration", "1.5ms").duration_ns, 1500000);
    assert_int_equal(set("duration", "0.123456s").duration_ns, 123456000);
    assert_int_equal(set("duration", "1ks").duration_ns, 1000000000000);
    assert_int_equal(set("dst", "198.18.0.1").dst, 0xC6120001);
    assert_memory_equal(set("dstmac", "02:aB:cd:EF:00:99").dst_mac, "\x02\xab\xcd\xef\x00\x99", 6);
    assert_int_equal(set("ports", "0,2,7").ports, 0x85);
}

static void trial_set__bad_values__are_refused_without_a_change(void **state)
{
    (void)state;
    /* clang-format off */
    static const char *const bad[][2] = {
        {"rate", ""},         {"rate", "fast"},     {"rate", "-1"},      {"rate", "1."},
        {"rate", ".5"},       {"rate", "1.0000001"}, {"rate", "1kk"},    {"rate", "1 "},
        {"rate", "101%"},     {"rate", "100.000001%"}, {"rate", "10bits"}, {"rate", "1001Gbps"},
        {"rate", "99999999999999999999"}, {"rate", "1000000001k"}, {"rate", "1ms"}, {"rate", "1%%"},
        {"size", ""},         {"size", "63"},       {"size", "1519"},    {"size", "64,"},
        {"size", ",64"},      {"size", "64;65"},    {"size", "imixx"},   {"size", "99999999999"},
        {"size", "64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64,64"},
        {"flows", "0"},       {"flows", "4097"},    {"flows", "1.5"},    {"flows", "x"},
        {"count", "0"},       {"count", "0.5"},     {"count", "10s"},    {"count", "1001G"},
        {"duration", "10"},   {"duration", "0s"},   {"duration", "s"},   {"duration", "10 s"},
        {"duration", "10min"}, {"duration", "1000001s"}, {"duration", "0.0009ms"},
        {"dst", "198.18.0"},  {"dst", "224.0.0.1"}, {"dst", "0.0.0.0"},  {"dst", "255.255.255.255"},
        {"dst", "127.0.0.1"}, {"dst", "198.18.0.1/24"},
        {"dstmac", ""},       {"dstmac", "02:00:00:00:00"}, {"dstmac", "02:00:00:00:00:01:"},
        {"dstmac", "02:00:00:00:00:0g"}, {"dstmac", "0200:00:00:00:01"},
        {"dstmac", "00:00:00:00:00:00"}, {"dstmac", "2:0:0:0:0:1"}, {"dstmac", "02-00-00-00-00-01"},
        {"ports", ""},        {"ports", "8"},       {"ports", "0,"},     {"ports", ",0"},
        {"ports", "01"},      {"ports", "0 1"},
    };
    /* clang-format on */
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_refused(bad[i][0], bad[i][1]);

    struct trial_options o;
    const char *wanted = "";
    trial_defaults(&o);
    assert_false(trial_set(&o, "rat", "1", &wanted));
    assert_null(wanted);
    assert_false(trial_set(&o, "", "", &wanted));
    for (unsigned i = 0; trial_key(i) != NULL; i++)
        assert_refused(trial_key(i), "?");
}

/* The rate of the first core's share, in frames a second. */
static double pps_of(const struct trial_options *o, uint32_t mbps)
{
    struct trial_share s = trial_share(o, 0, 1, HZ, mbps);
    return ldexp((double)s.per_tick, -64) * (double)HZ;
}

static void trial_share__line_rates__equal_known_ones(void **state)
{
    (void)state;
    static const struct {
        const char *size, *rate;
        uint32_t mbps;
        double pps;
    } known[] = {
        {"64", "100%", 10000, 14880952.380952}, /* RFC 2544's table, times 1000 */
        {"1518", "100%", 10000, 812743.823147},
        {"64", "10%", 1000, 148809.523810},
        {"imix", "100%", 10000, 10e9 * 12 / (8 * (7 * 84 + 4 * 614 + 1538))},
        {"64", "10Gbps", 10000, 10e9 / 512},
        {"64,128", "1Gbps", 10000, 1e9 / (8 * 96)},
        {"1518", "1Mpps", 100, 1e6},
        {"64", "0.5", 10000, 0.5},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        struct trial_options o = set("size", known[i].size);
        const char *wanted;
        assert_true(trial_set(&o, "rate", known[i].rate, &wanted));
        double pps = pps_of(&o, known[i].mbps);
        if (fabs(pps / known[i].pps - 1) > 1e-9)
            fail_msg("size=%s rate=%s: %f, not %f", known[i].size, known[i].rate, pps,
                     known[i].pps);
        struct trial_share s = trial_share(&o, 0, 1, HZ, known[i].mbps);
        assert_true(fabs((double)s.tick_q24 / (1 << 24) * known[i].pps / (double)HZ - 1) < 1e-6);
        double quantum = fmin(fmax(floor(known[i].pps * 2e-6), 1), 32);
        assert_int_equal(s.quantum, quantum);
    }
}

static void trial_frames__duration_and_count__lesser_decides(void **state)
{
    (void)state;
    struct trial_options o = set("rate", "1000");
    assert_int_equal(trial_frames(&o, 10000), TRIAL_FOREVER);
    o.duration_ns = 10000000000;
    assert_int_equal(trial_frames(&o, 10000), 10000);
    o.duration_ns = 10000000001; /* the frame due at second 10 is included */
    assert_int_equal(trial_frames(&o, 10000), 10001);
    o.count = 77;
    assert_int_equal(trial_frames(&o, 10000), 77);
    o.duration_ns = 1000;
    assert_int_equal(trial_frames(&o, 10000), 1);
    o = set("rate", "100%");
    o.duration_ns = 60000000000;
    assert_int_equal(trial_frames(&o, 10000), 892857143);
    o.duration_ns = 1000000000000000; /* the longest, at the highest rate: no overflow */
    o.unit = TRIAL_PPS;
    o.rate_micro = 1000000000000000000;
    assert_int_equal(trial_frames(&o, 10000), 1000000000000000000);
}

static void trial_share__cores_together__cover_the_trial(void **state)
{
    (void)state;
    static const uint32_t flows[] = {1, 2, 3, 15, 16, 17, 1000, 4096};
    for (unsigned cores = 1; cores <= 16; cores++)
        for (unsigned i = 0; i < ARRAY_SIZE(flows); i++) {
            struct trial_options o = set("rate", "1Mpps");
            uint64_t frames = 0;
            uint32_t next = 0, of_core_0 = 0, most = 0;
            double rate = 0;
            o.flows = flows[i];
            o.count = 1000003;
            for (unsigned c = 0; c < cores; c++) {
                struct trial_share s = trial_share(&o, c, cores, HZ, 10000);
                if (s.flows_n == 0)
                    continue;
                assert_int_equal(s.flow_first, next);
                next += s.flows_n;
                frames += s.frames;
                rate += ldexp((double)s.per_tick, -64) * (double)HZ;
                of_core_0 = c == 0 ? s.flows_n : of_core_0;
                most = MAX(most, s.flows_n);
            }
            assert_int_equal(next, flows[i]);
            assert_int_equal(frames, 1000003);
            assert_true(fabs(rate / 1e6 - 1) < 1e-9);
            assert_true(of_core_0 <= most && (flows[i] >= cores || of_core_0 == 0));
        }
}

static void trial_share__clock_runs_for_hours__never_drifts(void **state)
{
    (void)state;
    static const char *const rates[] = {"1", "3pps", "1000", "14880952.38", "33.333333%", "7Gbps"};
    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        struct trial_options o = set("rate", rates[i]);
        struct trial_share s = trial_share(&o, 0, 1, HZ, 10000);
        for (uint64_t seconds = 1; seconds < 100000; seconds = seconds * 3 + 1) {
            o.duration_ns = seconds * 1000000000;
            uint64_t wanted = trial_frames(&o, 10000);
            /* As the loop counts: frames due before the last tick; the first is due at once. */
            uint64_t due = (uint64_t)((unsigned __int128)(seconds * HZ - 1) * s.per_tick >> 64) + 1;
            assert_true(due == wanted || due + 1 == wanted);
        }
    }
}

static void trial_share__extremes__no_overflow(void **state)
{
    (void)state;
    struct trial_options o = set("rate", "0.000001");
    o.flows = 4096;
    struct trial_share s = trial_share(&o, 0, 16, 20000000000, 10000);
    assert_true(s.per_tick > 0 && s.tick_q24 == UINT64_MAX && s.quantum == 1);
    o = set("rate", "1000Gpps");
    s = trial_share(&o, 0, 1, 100000000, 10000);
    assert_true(s.per_tick == UINT64_MAX && s.tick_q24 == 1 << 24 && s.quantum == 32);
    o = set("rate", "0");
    assert_int_equal(trial_share(&o, 0, 1, HZ, 10000).flows_n, 0);
    o = set("rate", "10%");
    assert_int_equal(trial_share(&o, 0, 1, HZ, 0).flows_n, 0); /* a percentage of no link */
    assert_int_equal(trial_scale(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_MAX);
    assert_int_equal(trial_scale(UINT64_MAX, 1000, 7), UINT64_MAX);
    assert_int_equal(trial_scale(UINT64_MAX, 5, 10), UINT64_MAX / 2);
    assert_int_equal(trial_scale(1, 1, 0), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trial_set__good_values__are_accepted),
        cmocka_unit_test(trial_set__bad_values__are_refused_without_a_change),
        cmocka_unit_test(trial_share__line_rates__equal_known_ones),
        cmocka_unit_test(trial_frames__duration_and_count__lesser_decides),
        cmocka_unit_test(trial_share__cores_together__cover_the_trial),
        cmocka_unit_test(trial_share__clock_runs_for_hours__never_drifts),
        cmocka_unit_test(trial_share__extremes__no_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
