/* SPDX-License-Identifier: BSD-2-Clause
 * The model's thin path, driven by hand. Covers: bring-up by the facts without a complaint; legacy
 * receive (length, DD, EOP, q0 untouched, padding, wrap); legacy transmit (DD, head write-back,
 * zero length, padding); a wire that refuses; a link that is down; the ring shared by Rx and Tx; the
 * order of TinyNF, which gives transmit queue 0 its ring before DMATXCTL.TE, with and without the write
 * of ENABLE behind it.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"

static void bring_up__by_the_facts__has_no_complaint(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[100];

    (void)state;
    x540_frame_in(p.b->card, frame, make_frame(frame, 100, 1));
    tx_frame(p.b, &p.tx, frame, 100);
    wait_ms(p.b, 2000);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

static void rx_legacy__one_frame__arrives_with_length_and_leaves_q0(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[100];
    uint64_t q1;

    (void)state;
    x540_frame_in(p.b->card, frame, make_frame(frame, 100, 3));
    q1 = get64(p.b, p.rx.base + 8);
    assert_int_equal(q1 & 0xFFFF, 100);
    assert_int_equal(q1 >> 32 & 3, 3);
    assert_int_equal(get64(p.b, p.rx.base), p.rx.buffers);
    assert_memory_equal(at(p.b, p.rx.buffers), frame, 100);
    assert_int_equal(rd(p.b, RDH(0)), 1);
    bench_free(p.b);
}

static void rx_legacy__short_frame__is_padded_to_60(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[20], zero[40] = {0};

    (void)state;
    memset(at(p.b, p.rx.buffers), 0xEE, 128);
    x540_frame_in(p.b->card, frame, make_frame(frame, 20, 3));
    assert_int_equal(get64(p.b, p.rx.base + 8) & 0xFFFF, 60);
    assert_memory_equal(at(p.b, p.rx.buffers), frame, 20);
    assert_memory_equal(at(p.b, p.rx.buffers) + 20, zero, 40);
    assert_int_equal(at(p.b, p.rx.buffers)[60], 0xEE);
    bench_free(p.b);
}

static void rx_legacy__ring_wraps__keeps_order(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[64];

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t slot = i % 64;

        make_frame(frame, 64, (uint8_t)i);
        x540_frame_in(p.b->card, frame, 64);
        assert_int_equal(get64(p.b, p.rx.base + 16 * slot + 8) >> 32 & 3, 3);
        assert_memory_equal(at(p.b, p.rx.buffers) + slot * BUFFER, frame, 64);
        put64(p.b, p.rx.base + 16 * slot + 8, 0);
        wr(p.b, RDT(0), slot);
    }
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 1000);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

static void tx_legacy__with_rs__sends_and_sets_dd(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[100];

    (void)state;
    make_frame(frame, 100, 9);
    tx_frame(p.b, &p.tx, frame, 100);
    assert_int_equal(p.b->frames, 1);
    assert_int_equal(p.b->wire[0].len, 100);
    assert_memory_equal(p.b->wire[0].bytes, frame, 100);
    assert_int_equal(get64(p.b, p.tx.base + 8) >> 32 & 1, 1);
    assert_int_equal(get64(p.b, p.tx.base), p.tx.buffers);
    assert_int_equal(rd(p.b, TDH(0)), 1);
    bench_free(p.b);
}

static void tx_legacy__head_write_back__writes_the_index_and_no_dd(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    uint8_t frame[100];

    (void)state;
    make_frame(frame, 100, 9);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, frame, 100), 100 | TX_EOP | TX_IFCS);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, frame, 100), 100 | TX_USUAL);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, frame, 100), 100 | TX_EOP | TX_IFCS);
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 3);
    assert_int_equal(get32(p.b, p.tx.head_at), 2); /* only RS reports */
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(get64(p.b, p.tx.base + 16 * i + 8) >> 32, 0);
    bench_free(p.b);
}

static void tx_legacy__zero_length__sends_nothing_but_completes_in_order(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    uint8_t frame[100];

    (void)state;
    make_frame(frame, 100, 9);
    tx_put(p.b, &p.tx, p.tx.buffers, TX_EOP | TX_IFCS);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, frame, 100), 100 | TX_EOP | TX_IFCS);
    tx_put(p.b, &p.tx, p.tx.buffers, TX_USUAL);
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 1);
    assert_int_equal(get32(p.b, p.tx.head_at), 3);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

static void tx_legacy__short_frame__is_padded_to_60(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[20], zero[40] = {0};

    (void)state;
    make_frame(frame, 20, 9);
    tx_frame(p.b, &p.tx, frame, 20);
    assert_int_equal(p.b->wire[0].len, 60);
    assert_memory_equal(p.b->wire[0].bytes, frame, 20);
    assert_memory_equal(p.b->wire[0].bytes + 20, zero, 40);
    bench_free(p.b);
}

static void tx__wire_refuses__frame_is_kept_and_sent_later(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    uint8_t frame[100];

    (void)state;
    make_frame(frame, 100, 9);
    p.b->wire_full = true;
    tx_frame(p.b, &p.tx, frame, 100);
    assert_int_equal(p.b->frames, 0);
    assert_int_equal(get32(p.b, p.tx.head_at), 0);
    assert_true(x540_next_event_ns(p.b->card) <= p.b->now + 1000000);
    p.b->wire_full = false;
    wait_ms(p.b, 1);
    assert_int_equal(p.b->frames, 1);
    assert_int_equal(get32(p.b, p.tx.head_at), 1);
    bench_free(p.b);
}

static void tx__link_down__stays_in_the_ring_until_it_is_up(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    uint8_t frame[100];

    (void)state;
    make_frame(frame, 100, 9);
    x540_set_cable(p.b->card, false);
    tx_frame(p.b, &p.tx, frame, 100);
    wait_ms(p.b, 100);
    assert_int_equal(p.b->frames, 0);
    assert_int_equal(rd(p.b, TDH(0)), 0);
    x540_set_cable(p.b->card, true);
    wait_ms(p.b, 100);
    assert_int_equal(p.b->frames, 1);
    assert_int_equal(get32(p.b, p.tx.head_at), 1);
    bench_free(p.b);
}

/* One ring in memory, given to an Rx and to a Tx queue at the same base: frames through it in turn. */
static void forward_in_place(struct bench *b, const struct ring *rx, const struct ring *tx)
{
    uint8_t frame[100];

    for (uint32_t i = 0; i < 300; i++) {
        uint32_t slot = i % 64;
        uint64_t q1;

        make_frame(frame, 100, (uint8_t)i);
        x540_frame_in(b->card, frame, 100);
        q1 = get64(b, rx->base + 16 * slot + 8);
        assert_int_equal(q1 >> 32 & 3, 3);
        put64(b, rx->base + 16 * slot + 8, (q1 & 0xFFFF) | TX_USUAL);
        wr(b, TDT(0), (slot + 1) % 64);
        assert_int_equal(get32(b, tx->head_at), (slot + 1) % 64);
        wr(b, RDT(0), slot);
        assert_int_equal(b->frames, 1);
        assert_memory_equal(b->wire[0].bytes, frame, 100);
        b->frames = 0;
    }
}

static void shared_ring__rx_then_tx__sends_what_came(void **state)
{
    struct bench *b = bench_new(NULL);
    struct ring rx, tx;

    (void)state;
    reset_card(b);
    init_card(b);
    rx = rx_ring(b, 0, 64, LEGACY);
    tx = rx;
    tx.head_at = bench_alloc(b, 64);
    tx_ring_registers(b, &tx, true);
    wr(b, TXDCTL(0), TXDCTL_ENABLE);
    await(b, TXDCTL(0), TXDCTL_ENABLE, TXDCTL_ENABLE);
    open_receive(b);
    link_up(b);
    forward_in_place(b, &rx, &tx);
    expect_no_complaint(b);
    bench_free(b);
}

/* As TinyNF, which runs on 82599 cards: receive first, then the ring of transmit queue 0, its
 * thresholds and head write-back, then TE, then ENABLE. */
static void ring_before_te(bool enable_written)
{
    struct bench *b = bench_new(NULL);
    struct ring rx, tx;

    reset_card(b);
    init_card(b);
    clear(b, DMATXCTL, DMATXCTL_TE); /* the steps above have set it, with the queue off */
    rx = rx_ring(b, 0, 64, LEGACY);
    open_receive(b);
    tx = rx;
    tx.head_at = bench_alloc(b, 64);
    tx_ring_registers(b, &tx, true);
    wr(b, TXDCTL(0), 60 | 4u << 8); /* TinyNF's PTHRESH and HTHRESH */
    assert_int_equal(rd(b, TXDCTL(0)) & TXDCTL_ENABLE, 0);
    set(b, DMATXCTL, DMATXCTL_TE);
    if (enable_written)
        set(b, TXDCTL(0), TXDCTL_ENABLE);
    await(b, TXDCTL(0), TXDCTL_ENABLE, TXDCTL_ENABLE);
    link_up(b);
    forward_in_place(b, &rx, &tx);
    assert_null(complaint(b, "ring-changed-while-enabled"));
    assert_null(complaint(b, "dmatxctl-te-first"));
    bench_free(b);
}

static void ring_before_te__then_enable__sends_what_came(void **state)
{
    (void)state;
    ring_before_te(true);
}

static void ring_before_te__te_alone__sends_what_came(void **state)
{
    (void)state;
    ring_before_te(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bring_up__by_the_facts__has_no_complaint),
        cmocka_unit_test(rx_legacy__one_frame__arrives_with_length_and_leaves_q0),
        cmocka_unit_test(rx_legacy__short_frame__is_padded_to_60),
        cmocka_unit_test(rx_legacy__ring_wraps__keeps_order),
        cmocka_unit_test(tx_legacy__with_rs__sends_and_sets_dd),
        cmocka_unit_test(tx_legacy__head_write_back__writes_the_index_and_no_dd),
        cmocka_unit_test(tx_legacy__zero_length__sends_nothing_but_completes_in_order),
        cmocka_unit_test(tx_legacy__short_frame__is_padded_to_60),
        cmocka_unit_test(tx__wire_refuses__frame_is_kept_and_sent_later),
        cmocka_unit_test(tx__link_down__stays_in_the_ring_until_it_is_up),
        cmocka_unit_test(shared_ring__rx_then_tx__sends_what_came),
        cmocka_unit_test(ring_before_te__then_enable__sends_what_came),
        cmocka_unit_test(ring_before_te__te_alone__sends_what_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
