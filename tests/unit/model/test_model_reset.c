/* SPDX-License-Identifier: BSD-2-Clause
 * How the model's card begins: CTRL.RST, LRST, bus and function-level resets and what each leaves
 * alone; master disable; the reset values of each kind and what has none; DMATXCTL.TE, which enables
 * transmit queue 0; SRRCTL's value; bits that clear themselves; packet buffers; 64-bit accesses.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"

#include "tests/model/x540_internal.h"

static struct bench *reset_bench(void)
{
    struct bench *b = bench_new(NULL);

    reset_card(b);
    return b;
}

static void reset__mac_address_and_flags__come_with_the_auto_load(void **state)
{
    struct bench *b = bench_new(NULL);

    (void)state;
    assert_int_equal(rd(b, RAL), 0x12005402); /* loaded when the driver first looks */
    assert_int_equal(rd(b, RAH), 0x5634 | RAH_AV);
    wr(b, RAL, 0);
    stop_card(b);
    take(b, SYNC_PHY0);
    set(b, CTRL, CTRL_RST);
    assert_true(rd(b, CTRL) & CTRL_RST);
    assert_true(x540_next_event_ns(b->card) <= b->now + 1000000);
    wait_ns(b, 999999);
    assert_true(rd(b, CTRL) & CTRL_RST);
    wait_ns(b, 1);
    assert_false(rd(b, CTRL) & CTRL_RST);
    assert_true(rd(b, STATUS) & STATUS_GIO);
    assert_false(rd(b, EEC) & EEC_ARD);
    assert_false(rd(b, RDRXCTL) & RDRXCTL_DMAIDONE);
    await(b, EEC, EEC_ARD | EEC_PRES, EEC_ARD | EEC_PRES);
    await(b, RDRXCTL, RDRXCTL_DMAIDONE, RDRXCTL_DMAIDONE);
    assert_int_equal(rd(b, RAL), 0x12005402);
    expect_no_complaint(b);
    bench_free(b);
}

static void reset__semaphores_filters_and_statistics__survive(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[100];

    (void)state;
    wr(p.b, MTA + 40, 0x1234);
    x540_frame_in(p.b->card, frame, make_frame(frame, 100, 1));
    take(p.b, SYNC_PHY0);
    stop_card(p.b);
    set(p.b, CTRL, CTRL_RST);
    await(p.b, CTRL, CTRL_RST, 0);
    await(p.b, EEC, EEC_ARD, EEC_ARD);
    release(p.b, SYNC_PHY0);
    assert_int_equal(rd(p.b, MTA + 40), 0x1234);
    assert_int_equal(rd(p.b, GPRC), 1);
    assert_int_equal(rd(p.b, RXDCTL(0)) | rd(p.b, TXDCTL(0)), 0);
    assert_int_equal(rd(p.b, RDH(0)), 0);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

static void reset__rst__leaves_phy_and_link_alone(void **state)
{
    struct bench *b = bench_new(NULL);

    (void)state;
    wait_ms(b, 5);
    reset_card(b); /* while it negotiates */
    assert_true(x540_link_is_up(b->card));
    take(b, SYNC_PHY0);
    mdio_write(b, 7, 0x10, 0x0D01);
    release(b, SYNC_PHY0);
    reset_card(b);
    link_up(b);
    take(b, SYNC_PHY0);
    assert_int_equal(mdio_read(b, 7, 0x10), 0x0D01);
    expect_no_complaint(b);
    bench_free(b);
}

static void reset__lrst__resets_the_phy_and_negotiates_anew(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    link_up(b);
    take(b, SYNC_PHY0);
    mdio_write(b, 7, 0x10, 0x0D01);
    stop_card(b);
    set(b, CTRL, CTRL_LNK_RST);
    await(b, CTRL, CTRL_LNK_RST, 0);
    assert_false(x540_link_is_up(b->card));
    await(b, EEC, EEC_ARD, EEC_ARD);
    assert_int_equal(mdio_read(b, 7, 0x10), BIT(8) | 1);
    wait_ms(b, 10);
    assert_true(x540_link_is_up(b->card));
    expect_no_complaint(b);
    bench_free(b);
}

static void function_reset__resets_this_port_alone(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    rd(p.b, SWSM);
    x540_function_reset(p.b->card);
    assert_true(x540_link_is_up(p.b->card));
    assert_int_equal(rd(p.b, RXCTRL) | (rd(p.b, RXDCTL(0)) & RXDCTL_ENABLE), 0);
    assert_int_equal(rd(p.b, EEC) & EEC_ARD, EEC_ARD);
    assert_int_equal(rd(p.b, SWSM), SWSM_SMBI);
    bench_free(p.b);
}

static void reset__what_has_no_default__is_kept_or_undefined(void **state)
{
    struct bench *b = bench_new(NULL);
    uint32_t junk = 0;

    (void)state;
    assert_int_not_equal(rd(b, RDBAL(3)), 0);
    assert_int_not_equal(rd(b, TDBAH(3)), 0);
    wr(b, RDBAL(3), 0x12345680);
    wr(b, TDBAH(3), 0x77);
    wr(b, TDLEN(3), 0x400);
    wr(b, RAL + 8 * 5, 0x1234);
    wr(b, RAH + 8 * 5, RAH_AV | 0x56);
    wr(b, 0x00020, 0x0F0F); /* ESDP */
    for (uint32_t i = 0; i < 32; i++)
        wr(b, RETA + 4 * i, 0);
    wr(b, RSSRK + 4, 0x55);
    reset_card(b);
    assert_int_equal(rd(b, RDBAL(3)), 0x12345680);
    assert_int_equal(rd(b, TDBAH(3)), 0x77);
    assert_int_equal(rd(b, TDLEN(3)), 0);
    assert_int_equal(rd(b, RAL + 8 * 5), 0x1234);
    assert_int_equal(rd(b, RAH + 8 * 5), 0x56); /* not valid any more */
    assert_int_equal(rd(b, 0x00020), 0x0F0F);
    assert_int_equal(rd(b, RSSRK + 4), 0);
    for (uint32_t i = 0; i < 32; i++)
        junk |= rd(b, RETA + 4 * i);
    assert_int_not_equal(junk, 0);
    wr(b, RTTDQSEL, 9);
    assert_int_not_equal(rd(b, RTTDT1C), 0);
    assert_int_equal(rd(b, RTTBCNRC) & BIT(31), 0);
    bench_free(b);
}

static void status__link_bit__belongs_to_software(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    link_up(b);
    assert_int_equal(rd(b, STATUS) & STATUS_LINKUP, 0);
    wr(b, STATUS, rd(b, STATUS) | STATUS_LINKUP);
    assert_int_equal(rd(b, STATUS) & STATUS_LINKUP, STATUS_LINKUP);
    expect_no_complaint(b);
    bench_free(b);
}

static void ctrl_ext__pfrstd__clears_itself(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    wr(b, CTRL_EXT, CTRL_EXT_PFRSTD | CTRL_EXT_DRV_LOAD);
    assert_int_equal(rd(b, CTRL_EXT), CTRL_EXT_DRV_LOAD);
    bench_free(b);
}

static void secrx__ready__only_as_the_answer_to_rx_dis(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    assert_int_equal(rd(b, SECRXSTAT) & SECSTAT_RDY, 0);
    set(b, SECRXCTRL, SECRXCTRL_RX_DIS);
    assert_int_equal(rd(b, SECRXSTAT) & SECSTAT_RDY, 0); /* not yet empty */
    await(b, SECRXSTAT, SECSTAT_RDY, SECSTAT_RDY);
    clear(b, SECRXCTRL, SECRXCTRL_RX_DIS);
    assert_int_equal(rd(b, SECRXSTAT) & SECSTAT_RDY, 0);
    bench_free(b);
}

static void access__64_bits__of_counters_and_mailbox_memory(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[100];

    (void)state;
    x540_frame_in(p.b->card, frame, make_frame(frame, 100, 1));
    p.b->card->wide[0] += 5ull << 32;
    assert_int_equal(x540_read(p.b->card, GORCL, 8), (5ull << 32) + 104);
    assert_int_equal(x540_read(p.b->card, GORCL, 8), 0);
    x540_write(p.b->card, PFMBMEM + 8, 0x1122334455667788ull, 8);
    assert_int_equal(rd(p.b, PFMBMEM + 12), 0x11223344);
    assert_int_equal(x540_read(p.b->card, PFMBMEM + 8, 8), 0x1122334455667788ull);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

static void packet_buffers__without_dcb__only_the_first_counts(void **state)
{
    struct bench *b = reset_bench();
    struct x540 *card = b->card;

    (void)state;
    assert_int_equal(card->rx_buffer_bytes, 384 * 1024);
    wr(b, RXPBSIZE, 64u << 10); /* the others still have what they reset to */
    assert_int_equal(card->rx_buffer_bytes, 64 * 1024);
    for (uint32_t i = 1; i < 8; i++)
        wr(b, RXPBSIZE + 4 * i, 20u << 10);
    wr(b, MRQC, 4);
    assert_int_equal(card->rx_buffer_bytes, (64 + 7 * 20) * 1024);
    bench_free(b);
}

static void ctrl__at_its_second_address__is_the_same(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    wr(b, 0x00004, CTRL_GIO_DIS);
    assert_int_equal(rd(b, CTRL), CTRL_GIO_DIS);
    expect_no_complaint(b);
    bench_free(b);
}

static void reset__twice_and_again__brings_up_each_time(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    uint8_t frame[100];

    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        reset_card(p.b);
        init_card(p.b);
        p.b->next = 4096;
        memset(p.b->memory, 0, MEMORY_BYTES);
        p.tx = tx_ring(p.b, 0, 64, true);
        p.rx = rx_ring(p.b, 0, 64, LEGACY);
        open_receive(p.b);
        link_up(p.b);
        make_frame(frame, 100, (uint8_t)i);
        x540_frame_in(p.b->card, frame, 100);
        tx_frame(p.b, &p.tx, frame, 100);
        assert_memory_equal(at(p.b, p.rx.buffers), frame, 100);
        assert_int_equal(p.b->frames, i + 1);
    }
    expect_no_complaint(p.b);
    bench_free(p.b);
}

static void master_disable__takes_its_time_and_stops_dma(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[100];
    uint32_t writes;

    (void)state;
    set(p.b, CTRL, CTRL_GIO_DIS);
    assert_true(rd(p.b, STATUS) & STATUS_GIO);
    assert_true(x540_transactions_pending(p.b->card));
    await(p.b, STATUS, STATUS_GIO, 0);
    assert_false(x540_transactions_pending(p.b->card));
    writes = p.b->dma_writes;
    x540_frame_in(p.b->card, frame, make_frame(frame, 100, 1));
    assert_int_equal(p.b->dma_writes, writes);
    clear(p.b, CTRL, CTRL_GIO_DIS);
    assert_true(rd(p.b, STATUS) & STATUS_GIO);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 1); /* it waited */
    bench_free(p.b);
}

static void pci_reset__new_card_with_the_same_flash(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    take(b, SYNC_EEP);
    wr(b, EEWR, 0xBEEFu << 16 | 0x700 << 2 | EE_START);
    await(b, EEWR, EE_DONE, EE_DONE);
    set(b, EEC, EEC_FLUP);
    await(b, EEC, EEC_FLUDONE, EEC_FLUDONE);
    wr(b, HLREG0, 0);
    x540_pci_reset(b->card);
    assert_true(rd(b, HLREG0) & HLREG0_TXPADEN);
    assert_int_equal(rd(b, SWSM), 0);
    assert_int_equal(rd(b, SWFW_SYNC) & 0x7FFF, SYNC_EEP); /* software's locks survive */
    wr(b, SWFW_SYNC, 0);
    wr(b, SWSM, 0);
    x540_set_bus_master(b->card, true);
    take(b, SYNC_EEP);
    assert_int_equal(nvm_word(b, 0x700), 0xBEEF);
    bench_free(b);
}

static void te__rises__enables_queue_0_and_those_that_wait_for_it(void **state)
{
    struct bench *b = reset_bench();
    struct ring r = {
        .q = 3, .size = 64, .base = bench_alloc(b, 4096), .buffers = bench_alloc(b, 64 * BUFFER)};
    uint8_t frame[100];

    (void)state;
    tx_ring_registers(b, &r, false);
    wr(b, TXDCTL(3), 32 | TXDCTL_ENABLE);
    wr(b, TXDCTL(5), 32 | TXDCTL_ENABLE);
    wr(b, TXDCTL(5), 32);
    wait_ms(b, 1);
    assert_int_equal(rd(b, TXDCTL(0)) & TXDCTL_ENABLE, 0);
    assert_int_equal(rd(b, TXDCTL(3)) & TXDCTL_ENABLE, 0);
    set(b, DMATXCTL, DMATXCTL_TE);
    wait_ms(b, 1);
    assert_int_equal(rd(b, TXDCTL(0)) & TXDCTL_ENABLE, TXDCTL_ENABLE);
    assert_int_equal(rd(b, TXDCTL(1)) & TXDCTL_ENABLE, 0);
    assert_int_equal(rd(b, TXDCTL(3)) & TXDCTL_ENABLE, TXDCTL_ENABLE);
    assert_int_equal(rd(b, TXDCTL(5)) & TXDCTL_ENABLE, 0);
    assert_null(complaint(b, "ring-without-length"));
    link_up(b);
    tx_frame(b, &r, frame, make_frame(frame, 100, 1));
    assert_int_equal(b->frames, 1);
    bench_free(b);
}

static void te__queue_0_disabled_and_given_a_ring__sends(void **state)
{
    struct bench *b = reset_bench();
    struct ring r;
    uint8_t frame[100];

    (void)state;
    init_card(b); /* which sets TE, then clears TXDCTL[0].ENABLE */
    r = tx_ring(b, 0, 64, true);
    link_up(b);
    tx_frame(b, &r, frame, make_frame(frame, 100, 1));
    assert_int_equal(b->frames, 1);
    assert_int_equal(get32(b, r.head_at), 1);
    expect_no_complaint(b);
    bench_free(b);
}

static void txdctl__swflsh__clears_itself(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    wr(b, TXDCTL(7), TXDCTL_SWFLSH | 32);
    assert_int_equal(rd(b, TXDCTL(7)), 32);
    bench_free(b);
}

static void queues__enabled_while_they_stop__read_0_until_they_are_on(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    clear(p.b, RXDCTL(0), RXDCTL_ENABLE);
    wr(p.b, TXDCTL(0), 0);
    assert_true(rd(p.b, RXDCTL(0)) & rd(p.b, TXDCTL(0)) & RXDCTL_ENABLE);
    wr(p.b, RDT(0), 0);
    set(p.b, RXDCTL(0), RXDCTL_ENABLE);
    wr(p.b, TXDCTL(0), TXDCTL_ENABLE);
    assert_false((rd(p.b, RXDCTL(0)) | rd(p.b, TXDCTL(0))) & RXDCTL_ENABLE);
    wait_ns(p.b, 10000);
    assert_true(rd(p.b, RXDCTL(0)) & rd(p.b, TXDCTL(0)) & RXDCTL_ENABLE);
    bench_free(p.b);
}

static void srrctl__reset_value__is_402h_on_all_queues(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    for (uint32_t q = 0; q < 128; q++)
        assert_int_equal(rd(b, SRRCTL(q)), 0x402);
    bench_free(b);
}

static void srrctl__written_between_enable_and_first_tail__takes_effect(void **state)
{
    struct bench *b = reset_bench();
    struct ring r = {.size = 64, .base = bench_alloc(b, 4096)};
    uint8_t frame[100];

    (void)state;
    init_card(b);
    put64(b, r.base, bench_alloc(b, 4096));
    rx_ring_registers(b, &r, LEGACY);
    set(b, RXDCTL(0), RXDCTL_ENABLE);
    await(b, RXDCTL(0), RXDCTL_ENABLE, RXDCTL_ENABLE);
    wr(b, SRRCTL(0), ADVANCED);
    wr(b, RDT(0), 1);
    open_receive(b);
    link_up(b);
    x540_frame_in(b->card, frame, make_frame(frame, 100, 1));
    assert_int_equal(get64(b, r.base + 8) & 3, 3); /* DD and EOP of the advanced format */
    expect_no_complaint(b);
    bench_free(b);
}

static void kinds__each_comes_up_with_its_packet_buffer(void **state)
{
    (void)state;
    for (int kind = X540_AT2; kind <= X540_X550; kind++) {
        struct x540_config config = {.kind = (enum x540_kind)kind, .mac = {2, 0, 0, 0, 0, 1}};
        struct bench *b = bench_new(&config);

        assert_int_equal(rd(b, RXPBSIZE) >> 10, kind == X540_82599 ? 512 : 384);
        assert_int_equal(rd(b, RXPBSIZE + 28), rd(b, RXPBSIZE));
        assert_int_equal(rd(b, TXPBSIZE) >> 10, 160);
        assert_int_equal(rd(b, TXPBSIZE + 28), rd(b, TXPBSIZE));
        assert_int_equal(rd(b, TXPBTHRESH), 150);
        assert_int_equal(rd(b, TXPBTHRESH + 28), 0);
        bench_free(b);
    }
}

static void kinds__each_has_its_reset_values(void **state)
{
    static const struct {
        uint32_t offset, x540, x550;
        /* clang-format off */
    } values[] = {
        {HLREG0, 0x08012C0B, 0x08012FFB},    {RDRXCTL, 0x00108808, 0x06008808},
        {DMATXCTL, 0x81000004, 0x81000014},  {DCA_RXCTRL(77), 0xB200, 0xA200},
        {DCA_TXCTRL(127), 0x2A00, 0x2200},   {VLNCTRL, 0x8100, 0x08008100},
        {RTTPCS, 0, 0x89000000},             {RTRPCS, 0, 0x60000000},
        {RQTC, 0, 0x44444444},               {MACC, 0, 0x3D00},
        {EEER, 0, 0x00020000},               {TSAUXC, 0, 0xC0000000},
        {RTTDCS, 0x00C00000, 0x00C00000},    {SECRXCTRL, 1, 1},
        {SECTXCTRL, 1, 1},                   {FDIRHKEY, 0x80000001, 0x80000001},
        {FDIRSKEY, 0x80800101, 0x80800101},  {0x00200, 0x05048100, 0x05048100},
        {0x00720, 0xFFFFFFFF, 0xFFFFFFFF},   {DTXTCPFLGL, 0x0F760FF6, 0x0FF60FF6},
    };
    /* clang-format on */

    (void)state;
    for (int kind = X540_AT2; kind <= X540_X550; kind++) {
        struct x540_config config = {.kind = (enum x540_kind)kind, .mac = {2, 0, 0, 0, 0, 1}};
        struct bench *b = bench_new(&config);

        for (uint32_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
            assert_int_equal(rd(b, values[i].offset),
                             kind == X540_X550 ? values[i].x550 : values[i].x540);
        bench_free(b);
    }
}

static void x550__phy__has_its_ports_number_as_address(void **state)
{
    static const struct x540_config second = {
        .kind = X540_X550, .lan_id = 1, .mac = {2, 0, 0, 0, 0, 2}};
    struct bench *b = bench_new(&second);

    (void)state;
    take(b, SYNC_PHY1);
    assert_int_equal(mdio_read(b, 1, 2), 0xFFFF); /* no PHY at 0 */
    assert_int_equal(mdio_read(b, 1u << 5 | 1, 2), 0x0154);
    assert_int_equal(mdio_read(b, 1u << 5 | 1, 3), 0x0221);
    assert_int_equal(mdio_read(b, 1u << 5 | 4, 2), 0); /* no PHY XS: reserved reads 0 */
    assert_int_equal(mdio_read(b, 1u << 5 | 1, 6), BIT(13) | BIT(14) | BIT(15));
    expect_no_complaint(b);
    bench_free(b);
}

static void x550__registers__end_at_256_kb(void **state)
{
    static const struct x540_config config = {.kind = X540_X550, .mac = {2, 0, 0, 0, 0, 2}};
    struct bench *b = bench_new(&config);

    (void)state;
    rd(b, 0x3FFFC);
    assert_null(complaint(b, "access-beyond-registers"));
    expect_rule(b, "unknown-register");
    rd(b, 0x40000);
    expect_rule(b, "access-beyond-registers");
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset__mac_address_and_flags__come_with_the_auto_load),
        cmocka_unit_test(reset__semaphores_filters_and_statistics__survive),
        cmocka_unit_test(reset__rst__leaves_phy_and_link_alone),
        cmocka_unit_test(reset__lrst__resets_the_phy_and_negotiates_anew),
        cmocka_unit_test(function_reset__resets_this_port_alone),
        cmocka_unit_test(reset__what_has_no_default__is_kept_or_undefined),
        cmocka_unit_test(status__link_bit__belongs_to_software),
        cmocka_unit_test(ctrl_ext__pfrstd__clears_itself),
        cmocka_unit_test(secrx__ready__only_as_the_answer_to_rx_dis),
        cmocka_unit_test(access__64_bits__of_counters_and_mailbox_memory),
        cmocka_unit_test(packet_buffers__without_dcb__only_the_first_counts),
        cmocka_unit_test(ctrl__at_its_second_address__is_the_same),
        cmocka_unit_test(reset__twice_and_again__brings_up_each_time),
        cmocka_unit_test(master_disable__takes_its_time_and_stops_dma),
        cmocka_unit_test(pci_reset__new_card_with_the_same_flash),
        cmocka_unit_test(te__rises__enables_queue_0_and_those_that_wait_for_it),
        cmocka_unit_test(te__queue_0_disabled_and_given_a_ring__sends),
        cmocka_unit_test(txdctl__swflsh__clears_itself),
        cmocka_unit_test(queues__enabled_while_they_stop__read_0_until_they_are_on),
        cmocka_unit_test(srrctl__reset_value__is_402h_on_all_queues),
        cmocka_unit_test(srrctl__written_between_enable_and_first_tail__takes_effect),
        cmocka_unit_test(kinds__each_comes_up_with_its_packet_buffer),
        cmocka_unit_test(kinds__each_has_its_reset_values),
        cmocka_unit_test(x550__phy__has_its_ports_number_as_address),
        cmocka_unit_test(x550__registers__end_at_256_kb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
