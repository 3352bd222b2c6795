/* SPDX-License-Identifier: BSD-2-Clause
 * What the model's MAC and filter unit do with a frame before any queue sees it. Covers: sizes that
 * are refused, RLPML, damaged frames, wrong length fields; pause frames and other control frames;
 * what is counted, whatever becomes of the frame afterwards, and how byte counters are read.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"
#include "tests/unit/model/model_packets.h"

#define L_RXE BIT64(40)

static struct made m;

static void in(struct bench *b)
{
    x540_frame_in(b->card, m.bytes, m.len);
}

static void fill(struct bench *b, uint32_t n, uint32_t len)
{
    for (uint32_t i = 0; i < n; i++) {
        m.len = make_frame(m.bytes, len, (uint8_t)i);
        in(b);
    }
}

/* ---- What the MAC refuses ---- */

static void rx__sizes__follow_the_limits(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    struct x540_truth t;

    (void)state;
    read_statistics(p.b);
    for (uint32_t len = 0; len < 14; len++) {
        m.len = make_frame(m.bytes, len, 1);
        in(p.b);
    }
    assert_int_equal(rd(p.b, MSPDC), 8); /* under 12 bytes with the CRC: discarded in silence */
    assert_int_equal(rd(p.b, RUC), 6);
    assert_int_equal(rd(p.b, TPR), 6);
    assert_int_equal(rd(p.b, TORL), 12 + 13 + 14 + 15 + 16 + 17);
    assert_int_equal(rd(p.b, RXNFGPC), 0);
    m.len = make_frame(m.bytes, 14, 1);
    in(p.b);
    m.len = make_frame(m.bytes, 1514, 1);
    in(p.b);
    m.len = make_frame(m.bytes, 1515, 1);
    in(p.b);
    assert_int_equal(rd(p.b, 0x040AC), 1); /* ROC */
    be16(m.bytes + 12, 0x8100);
    m.len = 1518;
    in(p.b);
    m.len = 1519;
    in(p.b);
    m.len = X540_FRAME_MAX;
    in(p.b);
    m.len = X540_FRAME_MAX + 1;
    in(p.b);
    assert_int_equal(rd(p.b, 0x040AC), 3);
    t = x540_truth(p.b->card);
    assert_int_equal(t.frames_to_host, 3);
    assert_int_equal(t.dropped_undersize, 14);
    assert_int_equal(t.dropped_oversize, 4);
    bench_free(p.b);
}

static void rx__rlpml__limits_the_queue(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    set(p.b, RXDCTL(0), RXDCTL_RLPML_EN | 1000);
    m.len = make_frame(m.bytes, 1000, 1);
    in(p.b);
    m.len = make_frame(m.bytes, 1001, 1);
    in(p.b);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 1);
    assert_int_equal(x540_truth(p.b->card).dropped_oversize, 1);
    assert_int_equal(rd(p.b, QPRDC(0)), 1);
    assert_int_equal(rd(p.b, ROC), 0);
    bench_free(p.b);
}

/* What is stripped is not compared: the tag with VME, and the CRC, which counts where it is kept. */
static void rx__rlpml__is_compared_without_what_is_stripped(void **state)
{
    struct wanted w = {.tagged = true, .tci = 5, .payload = 1000};
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    packet_make(&w, &m);
    set(p.b, RXDCTL(0), RXDCTL_RLPML_EN | (m.len - 4));
    in(p.b);
    assert_int_equal(rd(p.b, QPRDC(0)), 1);
    set(p.b, RXDCTL(0), RXDCTL_VME);
    in(p.b);
    assert_int_equal(rd(p.b, QPRDC(0)), 0);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 1);
    clear(p.b, HLREG0, HLREG0_RXCRCSTRP);
    in(p.b);
    assert_int_equal(rd(p.b, QPRDC(0)), 1);
    bench_free(p.b);
}

static void rx__damaged__is_counted_and_dropped_unless_sbp(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    m.len = make_frame(m.bytes, 100, 1);
    x540_frame_in_damaged(p.b->card, m.bytes, m.len, X540_BAD_CRC);
    x540_frame_in_damaged(p.b->card, m.bytes, m.len, X540_BAD_SYMBOL);
    x540_frame_in_damaged(p.b->card, m.bytes, m.len, X540_BAD_LENGTH);
    x540_frame_in_damaged(p.b->card, m.bytes, 30, X540_BAD_CRC);
    x540_frame_in_damaged(p.b->card, m.bytes, 1600, X540_BAD_CRC);
    assert_int_equal(rd(p.b, 0x04000), 1); /* CRCERRS */
    assert_int_equal(rd(p.b, 0x04004), 1); /* ILLERRC */
    assert_int_equal(rd(p.b, 0x04040), 1); /* RLEC */
    assert_int_equal(rd(p.b, 0x040A8), 1); /* RFC */
    assert_int_equal(rd(p.b, 0x040B0), 1); /* RJC */
    assert_int_equal(rd(p.b, GPRC), 0);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 0);
    set(p.b, FCTRL, FCTRL_SBP);
    x540_frame_in_damaged(p.b->card, m.bytes, m.len, X540_BAD_CRC);
    assert_true(get64(p.b, p.rx.base + 8) & L_RXE);
    assert_int_equal(rd(p.b, GPRC), 0);
    bench_free(p.b);
}

static void rx__too_long__is_posted_with_sbp(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    set(p.b, FCTRL, FCTRL_SBP);
    m.len = make_frame(m.bytes, 1600, 1);
    in(p.b);
    assert_int_equal(rd(p.b, ROC), 1);
    assert_int_equal(rd(p.b, RXNFGPC), 0);
    assert_true(get64(p.b, p.rx.base + 8) & L_RXE);
    assert_int_equal(get64(p.b, p.rx.base + 8) & 0xFFFF, 1600);
    bench_free(p.b);
}

/* A length field that does not fit the frame is a MAC error where HLREG0.RXLNGTHERREN is set. */
static void rx__length_field_lies__is_a_mac_error_with_rxlngtherren(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    read_statistics(p.b);
    m.len = make_frame(m.bytes, 100, 1);
    be16(m.bytes + 12, 200);
    in(p.b);
    assert_int_equal(rd(p.b, RLEC), 1);
    assert_int_equal(rd(p.b, RXNFGPC), 0);
    assert_int_equal(rd(p.b, GPRC), 0);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 0);
    assert_int_equal(x540_truth(p.b->card).dropped_error, 1);
    be16(m.bytes + 12, 86);
    in(p.b);
    m.len = 60;
    be16(m.bytes + 12, 3); /* padded: no lie */
    in(p.b);
    assert_int_equal(rd(p.b, RLEC), 0);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 2);
    m.len = 100;
    set(p.b, FCTRL, FCTRL_SBP);
    in(p.b);
    assert_true(get64(p.b, p.rx.base + 16 * 2 + 8) & L_RXE);
    assert_int_equal(rd(p.b, RLEC), 1);
    clear(p.b, FCTRL, FCTRL_SBP);
    clear(p.b, HLREG0, HLREG0_RXLNGTHERREN);
    in(p.b);
    x540_frame_in_damaged(p.b->card, m.bytes, m.len, X540_BAD_LENGTH);
    assert_false(get64(p.b, p.rx.base + 16 * 3 + 8) & L_RXE);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 5);
    assert_int_equal(rd(p.b, RLEC), 0);
    bench_free(p.b);
}

static void rx__length_field_of_a_tagged_frame__is_not_looked_at(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    struct wanted w = {.tagged = true, .payload = 100};

    (void)state;
    packet_make(&w, &m);
    be16(m.bytes + 16, 700);
    in(p.b);
    assert_int_equal(rd(p.b, RLEC), 0);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 1);
    bench_free(p.b);
}

/* ---- Pause frames ---- */

#define PAUSE          0x0001u
#define PRIORITY_PAUSE 0x0101u

static void make_control(uint32_t opcode, uint32_t first, uint32_t timer)
{
    static const uint8_t group[6] = {0x01, 0x80, 0xC2, 0, 0, 1}, peer[6] = {2, 0, 0, 0, 0, 9};

    memset(m.bytes, 0, 60);
    memcpy(m.bytes, group, 6);
    memcpy(m.bytes + 6, peer, 6);
    be16(m.bytes + 12, 0x8808);
    be16(m.bytes + 14, opcode);
    be16(m.bytes + 16, first);
    be16(m.bytes + 18, timer);
    m.len = 60;
}

/* Whether the host gets it, by MFLCN. Multicast promiscuity lets the address pass. */
static bool control_passes(struct bench *b, uint32_t mflcn, uint32_t opcode)
{
    uint64_t before = x540_truth(b->card).frames_to_host;

    wr(b, MFLCN, mflcn);
    make_control(opcode, opcode == PAUSE ? 7 : 1, 7);
    in(b);
    return x540_truth(b->card).frames_to_host != before;
}

static void rx_pause__by_dpf_pmcf_and_what_is_enabled__is_posted_or_not(void **state)
{
    enum { PMCF = MFLCN_PMCF, DPF = BIT(1), RPFCM = BIT(2), RFCE = MFLCN_RFCE };
    static const struct {
        uint32_t mflcn;
        bool pause, priority, other;
    } rows[] = {
        {0, false, false, false},
        {DPF, false, false, false},
        {PMCF, true, true, true}, /* neither is enabled: PMCF alone decides */
        {PMCF | DPF, true, true, true},
        {RFCE, true, false, false},
        {RFCE | DPF, false, false, false},
        {RFCE | PMCF, true, true, true},
        {RFCE | DPF | PMCF, false, true, true},
        {RPFCM, false, true, false},
        {RPFCM | DPF, false, false, false},
        {RPFCM | PMCF, true, true, true},
        {RPFCM | DPF | PMCF, true, false, true},
    };
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    clear(p.b, RXCTRL, RXCTRL_RXEN);
    wr(p.b, FCTRL, FCTRL_BAM | FCTRL_MPE);
    set(p.b, RXCTRL, RXCTRL_RXEN);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (control_passes(p.b, rows[i].mflcn, PAUSE) != rows[i].pause ||
            control_passes(p.b, rows[i].mflcn, PRIORITY_PAUSE) != rows[i].priority ||
            control_passes(p.b, rows[i].mflcn, 0x0002) != rows[i].other)
            fail_msg("MFLCN = 0x%x", rows[i].mflcn);
    }
    bench_free(p.b);
}

static void rx_pause__understood__is_counted_in_16_bits_and_in_nothing_else(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    clear(p.b, RXCTRL, RXCTRL_RXEN);
    wr(p.b, FCTRL, FCTRL_BAM | FCTRL_MPE);
    set(p.b, RXCTRL, RXCTRL_RXEN);
    read_statistics(p.b);
    assert_false(control_passes(p.b, 0, PAUSE)); /* not enabled: ignored, a frame as any other */
    assert_int_equal(rd(p.b, LXOFFRXCNT), 0);
    assert_int_equal(rd(p.b, TPR), 1);
    read_statistics(p.b);
    wr(p.b, MFLCN, MFLCN_RFCE);
    make_control(PAUSE, 7, 0);
    in(p.b);
    make_control(PAUSE, 0, 0);
    in(p.b);
    in(p.b);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 3); /* without DPF the host gets them */
    assert_int_equal(rd(p.b, LXOFFRXCNT), 1);
    assert_int_equal(rd(p.b, LXONRXCNT), 2);
    assert_int_equal(rd(p.b, TPR), 0);
    assert_int_equal(rd(p.b, RXNFGPC), 0);
    assert_int_equal(rd(p.b, GPRC), 0);
    assert_int_equal(rd(p.b, MPRC), 0);
    wr(p.b, MFLCN, MFLCN_RFCE | BIT(1));
    make_control(PAUSE, 7, 0);
    for (uint32_t i = 0; i < 0x10010; i++)
        in(p.b);
    assert_int_equal(rd(p.b, LXOFFRXCNT), 0xFFFF);
    wr(p.b, MFLCN, BIT(2) | BIT(1)); /* priority 0 with a time, priority 3 with none */
    make_control(PRIORITY_PAUSE, 0x09, 5);
    in(p.b);
    assert_int_equal(rd(p.b, LXOFFRXCNT), 1);
    assert_int_equal(rd(p.b, PXOFFRXCNT(0)), 1);
    assert_int_equal(rd(p.b, PXONRXCNT(3)), 1);
    assert_int_equal(rd(p.b, PXONRXCNT(1)), 0);
    bench_free(p.b);
}

/* Only to the group address of flow control, or to the port's own, is it a pause frame. */
static void rx_pause__to_another_address__is_another_control_frame(void **state)
{
    static const uint8_t own[6] = {0x02, 0x54, 0x00, 0x12, 0x34, 0x56};
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    wr(p.b, MFLCN, MFLCN_RFCE | MFLCN_PMCF);
    make_control(PAUSE, 7, 0);
    memcpy(m.bytes, own, 6);
    in(p.b);
    assert_int_equal(rd(p.b, LXOFFRXCNT), 1);
    memset(m.bytes, 0xFF, 6);
    in(p.b);
    assert_int_equal(rd(p.b, LXOFFRXCNT), 0);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 2);
    bench_free(p.b);
}

/* ---- Statistics ---- */

static void rx__statistics__count_what_came(void **state)
{
    static const uint32_t lengths[] = {60, 61, 123, 124, 251, 252, 507, 508, 1019, 1020, 1514};
    struct pair p = bring_up(LEGACY, false);
    uint64_t bytes = 0;
    uint32_t buckets[6];

    (void)state;
    read_statistics(p.b);
    for (uint32_t i = 0; i < 11; i++) {
        fill(p.b, 1, lengths[i]);
        bytes += lengths[i] + 4;
    }
    memset(m.bytes, 0xFF, 6);
    m.len = 60;
    in(p.b);
    bytes += 64;
    assert_int_equal(rd(p.b, GPRC), 12);
    assert_int_equal(rd(p.b, TPR), 12);
    assert_int_equal(rd(p.b, BPRC), 1);
    assert_int_equal(rd(p.b, MPRC), 0);
    assert_int_equal(rd(p.b, RXNFGPC), 12);
    assert_int_equal(rd(p.b, RXDGPC), 12);
    assert_int_equal(rd(p.b, QPRC(0)), 12);
    assert_int_equal(rd(p.b, GORCL), bytes);
    assert_int_equal(rd(p.b, GORCL + 4), 0);
    assert_int_equal(rd(p.b, GORCL), 0);
    assert_int_equal(rd(p.b, TORL), bytes);
    assert_int_equal(rd(p.b, QBRC_L(0)), bytes - 12 * 4);
    for (uint32_t i = 0; i < 6; i++)
        buckets[i] = rd(p.b, PRC64 + 4 * i);
    assert_int_equal(buckets[0], 2);
    for (uint32_t i = 1; i < 6; i++)
        assert_int_equal(buckets[i], 2);
    assert_int_equal(rd(p.b, GPRC), 0);
    bench_free(p.b);
}

/* The filter unit counts before the packet buffer and the DMA lose anything. */
static void rx__good_frames__are_counted_before_they_are_lost(void **state)
{
    struct pair p = bring_up(LEGACY | SRRCTL_DROP_EN, false);
    uint32_t sent = 63 + 10;

    (void)state;
    read_statistics(p.b);
    fill(p.b, sent, 100); /* 63 find a descriptor */
    assert_int_equal(rd(p.b, QPRC(0)), 63);
    assert_int_equal(rd(p.b, QPRDC(0)), 10);
    assert_int_equal(rd(p.b, GPRC), sent);
    assert_int_equal(rd(p.b, GORCL), 104 * sent);
    assert_int_equal(rd(p.b, PRC64 + 4), sent);
    bench_free(p.b);
    p = bring_up(LEGACY, false);
    read_statistics(p.b);
    for (sent = 0; !x540_truth(p.b->card).dropped_missed; sent++) {
        m.len = 1000;
        memset(m.bytes, 0xFF, 6);
        be16(m.bytes + 12, 0x88B5);
        in(p.b);
    }
    assert_int_equal(rd(p.b, MPC), 1);
    assert_int_equal(rd(p.b, GPRC), sent);
    assert_int_equal(rd(p.b, BPRC), sent);
    bench_free(p.b);
}

/* Each half of a byte counter clears itself alone. */
static void rx__halves_of_a_byte_counter__clear_on_their_own_read(void **state)
{
    struct pair p = bring_up(LEGACY | SRRCTL_DROP_EN, false);

    (void)state;
    read_statistics(p.b);
    fill(p.b, 1, 100);
    assert_int_equal(rd(p.b, GORCL), 104);
    assert_int_equal(rd(p.b, GORCL), 0); /* no read of the high half is needed */
    fill(p.b, 1, 100);
    assert_int_equal(rd(p.b, GORCL + 4), 0);
    assert_int_equal(rd(p.b, GORCL), 104);
    set(p.b, HLREG0, HLREG0_JUMBOEN);
    wr(p.b, MAXFRS, 16300u << 16);
    m.len = make_frame(m.bytes, 16000, 1);
    for (uint64_t bytes = 0; bytes < 0x100000000ull; bytes += 16004)
        in(p.b);
    assert_true(rd(p.b, GORCL) < 16004); /* clears 31:0 */
    assert_int_equal(rd(p.b, GORCL), 0);
    assert_int_equal(rd(p.b, GORCL + 4), 1);
    assert_int_equal(rd(p.b, GORCL + 4), 0);
    bench_free(p.b);
}

static void rx__closed__mac_and_filters_count_all_the_same(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 2};

    (void)state;
    read_statistics(p.b);
    clear(p.b, RXCTRL, RXCTRL_RXEN);
    fill(p.b, 2, 100);
    memcpy(m.bytes, other, 6); /* good, and refused by the address filter */
    in(p.b);
    x540_frame_in_damaged(p.b->card, m.bytes, m.len, X540_BAD_CRC);
    x540_frame_in_damaged(p.b->card, m.bytes, m.len, X540_BAD_SYMBOL);
    x540_frame_in_damaged(p.b->card, m.bytes, 30, X540_BAD_CRC);
    fill(p.b, 1, 1515);
    fill(p.b, 1, 10);
    assert_int_equal(rd(p.b, TPR), 8);
    assert_int_equal(rd(p.b, RXNFGPC), 3);
    assert_int_equal(rd(p.b, GPRC), 2);
    assert_int_equal(rd(p.b, GORCL), 2 * 104);
    assert_int_equal(rd(p.b, PRC64 + 4), 2);
    assert_int_equal(rd(p.b, CRCERRS), 1);
    assert_int_equal(rd(p.b, ILLERRC), 1);
    assert_int_equal(rd(p.b, RFC), 1);
    assert_int_equal(rd(p.b, ROC), 1);
    assert_int_equal(rd(p.b, RUC), 1);
    assert_int_equal(rd(p.b, QPRC(0)), 0);
    assert_int_equal(rd(p.b, MPC), 0);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 0);
    assert_int_equal(x540_truth(p.b->card).dropped_rx_off, 8);
    bench_free(p.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rx__sizes__follow_the_limits),
        cmocka_unit_test(rx__rlpml__limits_the_queue),
        cmocka_unit_test(rx__rlpml__is_compared_without_what_is_stripped),
        cmocka_unit_test(rx__damaged__is_counted_and_dropped_unless_sbp),
        cmocka_unit_test(rx__too_long__is_posted_with_sbp),
        cmocka_unit_test(rx__length_field_lies__is_a_mac_error_with_rxlngtherren),
        cmocka_unit_test(rx__length_field_of_a_tagged_frame__is_not_looked_at),
        cmocka_unit_test(rx_pause__by_dpf_pmcf_and_what_is_enabled__is_posted_or_not),
        cmocka_unit_test(rx_pause__understood__is_counted_in_16_bits_and_in_nothing_else),
        cmocka_unit_test(rx_pause__to_another_address__is_another_control_frame),
        cmocka_unit_test(rx__statistics__count_what_came),
        cmocka_unit_test(rx__good_frames__are_counted_before_they_are_lost),
        cmocka_unit_test(rx__halves_of_a_byte_counter__clear_on_their_own_read),
        cmocka_unit_test(rx__closed__mac_and_filters_count_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
