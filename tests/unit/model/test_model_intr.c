/* SPDX-License-Identifier: BSD-2-Clause
 * The model's interrupts. Covers: IVAR for both directions and 64 vectors, one message each
 * assertion, auto-clear, auto-mask on fire and on read, masks and their _EX twins, re-arming, EITR
 * and its next event, low-latency interrupts, software causes, other causes and their vector, EICR
 * read and write-1-to-clear, EICS as a shadow, the legacy line, the TCP timer, bus mastering.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"

static uint8_t frame[100];

static struct pair msix_pair(uint32_t gpie)
{
    struct pair p = bring_up(LEGACY, true);

    make_frame(frame, 100, 1);
    x540_set_msix_enabled(p.b->card, true);
    mask_interrupts(p.b);
    wr(p.b, GPIE, GPIE_MSIX_MODE | gpie);
    wr(p.b, IVAR, 0x80 | (0x80 | 33) << 8); /* Rx 0: vector 0, Tx 0: vector 33 */
    wr(p.b, IVAR_MISC, (0x80 | 9) << 8 | 0x80 | 8);
    return p;
}

static void in(struct pair *p)
{
    x540_frame_in(p->b->card, frame, 100);
}

static void msix__rx_and_tx__go_to_their_vectors(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIMS_EX, 1);
    wr(p.b, EIMS_EX + 4, 2);
    wr(p.b, EIAC, 0xFFFF);
    in(&p);
    assert_int_equal(p.b->messages[0], 1);
    tx_frame(p.b, &p.tx, frame, 100);
    assert_int_equal(p.b->messages[33], 1);
    wr(p.b, IVAR, (0x80 | 63) << 16); /* Rx 1 only */
    in(&p);
    assert_int_equal(p.b->messages[0], 1);
    rx_ring(p.b, 1, 8, LEGACY);
    wr(p.b, ETQF, ETQF_FILTER_EN | 0x88B5);
    wr(p.b, ETQS, ETQS_QUEUE_EN | 1u << 16);
    wr(p.b, EIMS_EX + 4, BIT(31));
    in(&p);
    assert_int_equal(p.b->messages[63], 1);
    assert_false(p.b->line);
    bench_free(p.b);
}

static void msix__auto_clear__lets_the_next_frame_tell_again(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIMS_EX, 1);
    in(&p);
    in(&p);
    assert_int_equal(p.b->messages[0], 1); /* still pending: one assertion */
    assert_int_equal(rd(p.b, EICS) & 1, 1);
    wr(p.b, EICR, 1);
    in(&p);
    assert_int_equal(p.b->messages[0], 2);
    wr(p.b, EICR, 1);
    wr(p.b, EIAC, 1);
    in(&p);
    in(&p);
    assert_int_equal(p.b->messages[0], 4);
    assert_int_equal(rd(p.b, EICS), 0);
    bench_free(p.b);
}

static void msix__auto_mask__fires_once_until_armed_again(void **state)
{
    struct pair p = msix_pair(GPIE_EIAME);

    (void)state;
    wr(p.b, EIAC, 0xFFFF);
    wr(p.b, EIAM_EX, 0xFFFFFFFF);
    wr(p.b, EIMS_EX, 1);
    in(&p);
    in(&p);
    in(&p);
    assert_int_equal(p.b->messages[0], 1);
    assert_int_equal(rd(p.b, EIMS_EX), 0);
    assert_int_equal(rd(p.b, EIMS), 0);
    wr(p.b, EIMS_EX, 1); /* what came meanwhile is told at once */
    assert_int_equal(p.b->messages[0], 2);
    wr(p.b, EIMS_EX, 1); /* and only once */
    assert_int_equal(p.b->messages[0], 2);
    bench_free(p.b);
}

static void masks__low_sixteen_and_their_twins__are_the_same_bits(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIMS, 0x00F0);
    assert_int_equal(rd(p.b, EIMS_EX), 0x00F0);
    wr(p.b, EIMS_EX, 0x10001);
    assert_int_equal(rd(p.b, EIMS), 0x00F1);
    wr(p.b, EIMC, 0x0001);
    assert_int_equal(rd(p.b, EIMS_EX), 0x100F0);
    wr(p.b, EIMC_EX, 0xFFFFFFFF);
    assert_int_equal(rd(p.b, EIMS), 0);
    wr(p.b, EIAM, 0xF00F);
    assert_int_equal(rd(p.b, EIAM_EX), 0xF00F);
    wr(p.b, EIAM_EX + 4, 5);
    assert_int_equal(rd(p.b, EIAM_EX + 4), 5);
    assert_int_equal(rd(p.b, EIAM), 0xF00F);
    bench_free(p.b);
}

static void eitr__second_event_in_the_interval__waits_for_its_end(void **state)
{
    struct pair p = msix_pair(0);
    uint64_t first;

    (void)state;
    wr(p.b, EIAC, 0xFFFF);
    wr(p.b, EITR, 50u << 3); /* 102.4 us */
    wr(p.b, EIMS_EX, 1);
    in(&p);
    first = p.b->now;
    assert_int_equal(p.b->messages[0], 1);
    wait_ns(p.b, 1000);
    in(&p);
    in(&p);
    assert_int_equal(p.b->messages[0], 1);
    assert_int_equal(x540_next_event_ns(p.b->card), first + 50 * 2048);
    wait_ns(p.b, 50 * 2048 - 1000 - 1);
    assert_int_equal(p.b->messages[0], 1);
    wait_ns(p.b, 1);
    assert_int_equal(p.b->messages[0], 2);
    wait_ms(p.b, 10);
    assert_int_equal(p.b->messages[0], 2);
    bench_free(p.b);
}

static void eitr__written_without_cnt_wdis__lets_the_waiting_one_go(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIAC, 0xFFFF);
    wr(p.b, EITR, 50u << 3);
    wr(p.b, EIMS_EX, 1);
    in(&p);
    in(&p);
    wr(p.b, EITR, 60u << 3 | EITR_CNT_WDIS);
    wait_ns(p.b, 10);
    assert_int_equal(p.b->messages[0], 1);
    wr(p.b, EITR, 60u << 3);
    wait_ns(p.b, 10);
    assert_int_equal(p.b->messages[0], 2);
    assert_int_equal(rd(p.b, EITR), 60u << 3);
    bench_free(p.b);
}

static void eitr__high_vectors__stand_in_the_second_block(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EITR_H + 4 * (33 - 24), 100u << 3);
    wr(p.b, EIMS_EX + 4, 2);
    tx_frame(p.b, &p.tx, frame, 100);
    tx_frame(p.b, &p.tx, frame, 100);
    assert_int_equal(p.b->messages[33], 1);
    wait_ns(p.b, 100 * 2048);
    assert_int_equal(p.b->messages[33], 2);
    bench_free(p.b);
}

static void lli__does_not_wait(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIAC, 0xFFFF);
    wr(p.b, EITR, 0xFF8);
    wr(p.b, EIMS_EX, 1);
    wr(p.b, ETQF, ETQF_FILTER_EN | 0x88B5);
    wr(p.b, ETQS, ETQS_QUEUE_EN | ETQS_LLI);
    in(&p);
    in(&p);
    in(&p);
    assert_int_equal(p.b->messages[0], 3);
    bench_free(p.b);
}

static void software__eics_and_ex__assert_vectors_and_others(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIMS, EICR_LSC);
    wr(p.b, EIMS_EX, 0x0000FF01);
    wr(p.b, EIMS_EX + 4, 0x80000000);
    wr(p.b, EICS, 0x0001);
    wr(p.b, EICS_EX, 0x0400);
    wr(p.b, EICS_EX + 4, 0x80000000);
    wr(p.b, EICS, EICR_LSC);
    assert_int_equal(p.b->messages[0], 1);
    assert_int_equal(p.b->messages[10], 1);
    assert_int_equal(p.b->messages[63], 1);
    assert_int_equal(p.b->messages[9], 1);
    assert_int_equal(rd(p.b, EICS), 0x0401 | EICR_LSC | EICR_OTHER);
    bench_free(p.b);
}

static void others__link_change__tells_its_vector_and_is_cleared_by_writing(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIMS, EICR_LSC | EICR_OTHER);
    x540_set_cable(p.b->card, false);
    assert_int_equal(p.b->messages[9], 1);
    x540_set_cable(p.b->card, true);
    wait_ms(p.b, 50);
    assert_int_equal(p.b->messages[9], 1); /* not acknowledged yet */
    assert_true(rd(p.b, EICS) & EICR_LSC); /* reading the shadow clears nothing */
    wr(p.b, EICR, rd(p.b, EICS) & 0xFFFF0000);
    assert_int_equal(rd(p.b, EICS), 0);
    x540_set_cable(p.b->card, false);
    assert_int_equal(p.b->messages[9], 2);
    bench_free(p.b);
}

static void others__pending_when_enabled__tell_at_once(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    x540_set_cable(p.b->card, false);
    assert_int_equal(p.b->messages[9], 0);
    wr(p.b, EIMS, EICR_LSC);
    assert_int_equal(p.b->messages[9], 1);
    bench_free(p.b);
}

static void eicr__read__clears_all_and_auto_masks_without_eiame(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    make_frame(frame, 100, 1);
    mask_interrupts(p.b);
    wr(p.b, IVAR, 0x83);
    wr(p.b, EIAM, EICR_QUEUES);
    wr(p.b, EIMS, EICR_LSC | 8);
    in(&p);
    x540_set_cable(p.b->card, false);
    assert_int_equal(rd(p.b, EICR), EICR_LSC | EICR_OTHER | 8);
    assert_int_equal(rd(p.b, EICR), 0);
    assert_int_equal(rd(p.b, EIMS), EICR_LSC);
    bench_free(p.b);
}

static void eicr__read_with_ocd__clears_other_causes_only(void **state)
{
    struct pair p = msix_pair(GPIE_OCD | GPIE_EIAME);

    (void)state;
    wr(p.b, EIAM, EICR_QUEUES);
    wr(p.b, EIMS, EICR_LSC | 2);
    in(&p);
    x540_set_cable(p.b->card, false);
    assert_int_equal(rd(p.b, EICR), EICR_LSC | EICR_OTHER | 1);
    assert_int_equal(rd(p.b, EICS), 1);
    assert_int_equal(rd(p.b, EIMS), EICR_LSC | 2); /* no queue cause was cleared: none is masked */
    wr(p.b, EICR, 1);
    assert_int_equal(rd(p.b, EICS), 0);
    bench_free(p.b);
}

static void eicr__written__masks_what_it_clears(void **state)
{
    struct pair p = msix_pair(GPIE_OCD);

    (void)state;
    wr(p.b, EIAM, 3);
    wr(p.b, EIMS, 7);
    wr(p.b, EICR, 0xFFFF0006);
    assert_int_equal(rd(p.b, EIMS), 5);
    bench_free(p.b);
}

static void eicr__other__only_with_an_enabled_cause(void **state)
{
    struct pair p = msix_pair(GPIE_OCD);

    (void)state;
    x540_set_cable(p.b->card, false);
    assert_int_equal(rd(p.b, EICS), EICR_LSC);
    wr(p.b, EIMS, EICR_LSC);
    assert_int_equal(rd(p.b, EICS), EICR_LSC | EICR_OTHER);
    wr(p.b, EICR, EICR_OTHER); /* a summary, not a cause */
    assert_int_equal(rd(p.b, EICS), EICR_LSC | EICR_OTHER);
    bench_free(p.b);
}

static void eics__where_eiam_has_the_bit__enables_it(void **state)
{
    struct pair p = msix_pair(GPIE_EIAME);

    (void)state;
    wr(p.b, EIAM_EX, 0x401);
    wr(p.b, EICS_EX, 0x803);
    assert_int_equal(p.b->messages[0], 1); /* and masked itself again */
    assert_int_equal(p.b->messages[1] + p.b->messages[11], 0);
    assert_int_equal(rd(p.b, EIMS_EX), 0);
    wr(p.b, GPIE, GPIE_MSIX_MODE);
    wr(p.b, EICS_EX, 0x400);
    assert_int_equal(p.b->messages[10], 1);
    assert_int_equal(rd(p.b, EIMS_EX), 0x400);
    bench_free(p.b);
}

static void ivar_misc__after_reset__maps_other_causes(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    uint32_t vector;

    (void)state;
    assert_int_equal(rd(p.b, IVAR_MISC) & 0x8080, 0x8000);
    vector = rd(p.b, IVAR_MISC) >> 8 & 0x3F; /* undefined */
    assert_int_not_equal(rd(p.b, IVAR), 0);
    assert_int_equal(rd(p.b, IVAR) & 0x80808080, 0);
    x540_set_msix_enabled(p.b->card, true);
    wr(p.b, GPIE, GPIE_MSIX_MODE | GPIE_OCD);
    wr(p.b, EIMS, EICR_LSC);
    x540_set_cable(p.b->card, false);
    assert_int_equal(p.b->messages[vector], 1);
    wr(p.b, EICR, EICR_LSC);
    wr(p.b, IVAR_MISC, (0x80 | 64) << 8); /* seven bits, but there are 64 vectors */
    assert_int_equal(rd(p.b, IVAR_MISC), 0xC000);
    x540_set_cable(p.b->card, true);
    wait_ms(p.b, 50);
    assert_int_equal(p.b->messages[vector], 1);
    bench_free(p.b);
}

static void line__follows_causes_and_masks(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    make_frame(frame, 100, 1);
    mask_interrupts(p.b);
    wr(p.b, IVAR, 0x80);
    in(&p);
    assert_false(p.b->line);
    wr(p.b, EIMS, 1);
    assert_true(p.b->line);
    wr(p.b, EIMC, 1);
    assert_false(p.b->line);
    wr(p.b, EIMS, 1);
    assert_int_equal(rd(p.b, EICR), 1);
    assert_false(p.b->line);
    in(&p);
    assert_true(p.b->line);
    assert_int_equal(p.b->line_rises, 3);
    wr(p.b, EICR, 1);
    assert_false(p.b->line);
    x540_pci_reset(p.b->card);
    assert_false(p.b->line);
    bench_free(p.b);
}

static void line__throttled__rises_when_the_interval_is_over(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    make_frame(frame, 100, 1);
    mask_interrupts(p.b);
    wr(p.b, IVAR, 0x80);
    wr(p.b, EITR, 50u << 3);
    wr(p.b, EIMS, 1);
    in(&p);
    rd(p.b, EICR);
    in(&p);
    assert_false(p.b->line);
    wait_ns(p.b, 50 * 2048);
    assert_true(p.b->line);
    assert_int_equal(p.b->line_rises, 2);
    bench_free(p.b);
}

static void tcp_timer__once_and_in_a_loop(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIMS, EICR_TCP_TIMER);
    wr(p.b, EIAC, EICR_TCP_TIMER);
    wr(p.b, TCPTIMER, 5 | TCPTIMER_KICKSTART | TCPTIMER_COUNT_EN);
    wait_ms(p.b, 4);
    assert_int_equal(p.b->messages[8], 0);
    wait_ms(p.b, 20);
    assert_int_equal(p.b->messages[8], 1);
    wr(p.b, TCPTIMER, TCPTIMER_COUNT_FINISH); /* software makes it fire */
    assert_int_equal(p.b->messages[8], 2);
    wr(p.b, TCPTIMER, 5 | TCPTIMER_KICKSTART | TCPTIMER_COUNT_EN | TCPTIMER_LOOP);
    for (int i = 0; i < 5; i++)
        wait_ms(p.b, 5);
    assert_int_equal(p.b->messages[8], 7);
    wait_ns(p.b, UINT64_MAX / 2); /* a jump in time is no endless loop */
    wr(p.b, TCPTIMER, 0);
    wait_ms(p.b, 100);
    bench_free(p.b);
}

static void messages__without_bus_mastering__are_not_sent(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIMS_EX, 1);
    x540_set_bus_master(p.b->card, false);
    wr(p.b, EICS, 1);
    assert_int_equal(p.b->messages[0], 0);
    bench_free(p.b);
}

static void reset__masks_and_causes_are_gone(void **state)
{
    struct pair p = msix_pair(0);

    (void)state;
    wr(p.b, EIMS_EX, 0xFFFFFFFF);
    wr(p.b, EIMS, 0xFFFF0000);
    x540_set_msix_enabled(p.b->card, false);
    reset_card(p.b);
    assert_int_equal(rd(p.b, EIMS) | rd(p.b, EIMS_EX) | rd(p.b, EICS) | rd(p.b, GPIE), 0);
    bench_free(p.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(msix__rx_and_tx__go_to_their_vectors),
        cmocka_unit_test(msix__auto_clear__lets_the_next_frame_tell_again),
        cmocka_unit_test(msix__auto_mask__fires_once_until_armed_again),
        cmocka_unit_test(masks__low_sixteen_and_their_twins__are_the_same_bits),
        cmocka_unit_test(eitr__second_event_in_the_interval__waits_for_its_end),
        cmocka_unit_test(eitr__written_without_cnt_wdis__lets_the_waiting_one_go),
        cmocka_unit_test(eitr__high_vectors__stand_in_the_second_block),
        cmocka_unit_test(lli__does_not_wait),
        cmocka_unit_test(software__eics_and_ex__assert_vectors_and_others),
        cmocka_unit_test(others__link_change__tells_its_vector_and_is_cleared_by_writing),
        cmocka_unit_test(others__pending_when_enabled__tell_at_once),
        cmocka_unit_test(eicr__read__clears_all_and_auto_masks_without_eiame),
        cmocka_unit_test(eicr__read_with_ocd__clears_other_causes_only),
        cmocka_unit_test(eicr__written__masks_what_it_clears),
        cmocka_unit_test(eicr__other__only_with_an_enabled_cause),
        cmocka_unit_test(eics__where_eiam_has_the_bit__enables_it),
        cmocka_unit_test(ivar_misc__after_reset__maps_other_causes),
        cmocka_unit_test(line__follows_causes_and_masks),
        cmocka_unit_test(line__throttled__rises_when_the_interval_is_over),
        cmocka_unit_test(tcp_timer__once_and_in_a_loop),
        cmocka_unit_test(messages__without_bus_mastering__are_not_sent),
        cmocka_unit_test(reset__masks_and_causes_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
