/* SPDX-License-Identifier: BSD-2-Clause
 * What the model is apart from its data path and its resets. Covers: the register table (no overlap,
 * aliases, read-only and plain registers, the masks that a register test walks); NVM checksum, words,
 * writes with and without flash update; semaphores, which both ports share; the firmware mailbox; the
 * PHY's registers; link, autonegotiation and its times; statistics that clear, stick and come in
 * pairs; the second port. Resets and what they leave: test_model_reset.c.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"

#include "tests/model/x540_internal.h" /* to bring a counter near its end */

static struct bench *reset_bench(void)
{
    struct bench *b = bench_new(NULL);

    reset_card(b);
    return b;
}

/* ---- The table ---- */

static void table__rows__do_not_overlap_and_are_aligned(void **state)
{
    static uint8_t taken[REG_FILE_BYTES / 4];
    uint32_t rows, aliases;
    const struct x540_register *table = x540_registers(&rows);
    const struct x540_alias *alias = x540_aliases(&aliases);

    (void)state;
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < table[r].count; i++) {
            uint32_t offset = table[r].offset + i * table[r].stride;

            assert_int_equal(offset & 3, 0);
            assert_true(offset < REG_FILE_BYTES && table[r].section);
            if (taken[offset / 4]++)
                fail_msg("%s: 0x%05x stands in the table twice", table[r].name, offset);
        }
    for (uint32_t a = 0; a < aliases; a++)
        for (uint32_t i = 0; i < alias[a].count; i++) {
            uint32_t offset = alias[a].offset + i * alias[a].stride;

            assert_true(taken[(alias[a].of + i * alias[a].of_stride) / 4]);
            if (taken[offset / 4]++)
                fail_msg("alias of %s: 0x%05x is taken", alias[a].name, offset);
        }
    /* Every row that the facts list for the PF, 9 more for receive queues 64 to 127, WUS, EEMNGCTL
     * and WUC, and 10 counters that Linux and DPDK read. */
    assert_int_equal(rows, 257 + 9 + 3 + 10);
}

static void table__plain_registers__keep_what_the_mask_says(void **state)
{
    struct bench *b = reset_bench();
    uint32_t rows;
    const struct x540_register *table = x540_registers(&rows);

    (void)state;
    for (uint32_t r = 0; r < rows; r++) {
        uint32_t offset = table[r].offset + (table[r].count - 1) * table[r].stride, was;

        if (table[r].behaviour != B_PLAIN || table[r].w1c)
            continue;
        was = rd(b, offset);
        for (uint32_t pattern = 0; pattern < 4; pattern++) {
            static const uint32_t patterns[4] = {0x5A5A5A5A, 0xA5A5A5A5, 0, 0xFFFFFFFF};
            uint32_t value = patterns[pattern];

            wr(b, offset, value);
            assert_int_equal(rd(b, offset), (value & table[r].rw_mask) | (was & ~table[r].rw_mask));
        }
    }
    bench_free(b);
}

static void table__after_reset__registers_hold_their_reset_values(void **state)
{
    struct bench *b = bench_new(NULL);
    uint32_t rows;
    const struct x540_register *table = x540_registers(&rows);

    (void)state;
    wr(b, HLREG0, 0);
    wr(b, DMATXCTL, 0);
    wr(b, RFCTL, 0xFFFFFFFF);
    wr(b, GCR_EXT, 3);
    reset_card(b);
    for (uint32_t r = 0; r < rows; r++)
        switch (table[r].behaviour) {
        case B_PLAIN:
        case B_HLREG0:
        case B_DMATXCTL:
        case B_DCA_RXCTRL:
        case B_DCA_TXCTRL:
        case B_RXCTRL:
        case B_FILTER:
        case B_VT:
            assert_int_equal(rd(b, table[r].offset), table[r].reset);
        }
    bench_free(b);
}

/* The walk that a register test makes over a port that is stopped: what is written under the first
 * mask must read back under the second. */
static void table__register_test__passes_while_stopped(void **state)
{
    static const struct {
        uint32_t offset, stride, count, write, mask;
        /* clang-format off */
    } walk[] = {
        {0x03220, 4, 1, 0x8007FFE0, 0x8007FFE0}, {0x03260, 4, 1, 0x8007FFE0, 0x8007FFE0},
        {RDBAL(0), 0x40, 4, 0xFFFFFF80, 0xFFFFFF80}, {RDBAH(0), 0x40, 4, ~0u, ~0u},
        {RDLEN(0), 0x40, 4, 0x000FFFFF, 0x000FFF80}, {TDBAL(0), 0x40, 4, ~0u, 0xFFFFFF80},
        {TDBAH(0), 0x40, 4, ~0u, ~0u}, {TDLEN(0), 0x40, 4, 0x000FFF80, 0x000FFF80},
        {0x05400, 8, 16, ~0u, ~0u}, {0x05404, 8, 16, 0x800CFFFF, 0x8001FFFF & 0x800CFFFF},
        {MTA, 4, 128, ~0u, ~0u},
    };
    /* clang-format on */
    static const uint32_t patterns[4] = {0x5A5A5A5A, 0xA5A5A5A5, 0, 0xFFFFFFFF};
    struct bench *b = reset_bench();

    (void)state;
    for (uint32_t i = 0; i < sizeof(walk) / sizeof(walk[0]); i++)
        for (uint32_t k = 0; k < walk[i].count; k++)
            for (uint32_t p = 0; p < 4; p++) {
                uint32_t offset = walk[i].offset + k * walk[i].stride, was = rd(b, offset);

                wr(b, offset, patterns[p] & walk[i].write);
                assert_int_equal(rd(b, offset) & walk[i].mask,
                                 patterns[p] & walk[i].write & walk[i].mask);
                wr(b, offset, was);
            }
    /* The tail of a queue that has just been enabled, without a ring. */
    for (uint32_t q = 0; q < 4; q++)
        wr(b, RXDCTL(q), RXDCTL_ENABLE);
    for (uint32_t p = 0; p < 4; p++) {
        wr(b, RDT(0), patterns[p] & 0xFFFF);
        assert_int_equal(rd(b, RDT(0)), patterns[p] & 0xFFFF);
    }
    for (uint32_t i = 0; x540_complaint(b->card, i); i++)
        assert_false(x540_complaint(b->card, i)->error);
    bench_free(b);
}

/* ---- NVM ---- */

static void nvm__checksum__is_baba(void **state)
{
    struct bench *b = reset_bench();
    uint32_t sum = 0, words = 1u << ((rd(b, EEC) >> 11 & 15) + 6), sections = 0;

    (void)state;
    take(b, SYNC_EEP);
    for (uint32_t i = 0; i <= 0x3F; i++)
        sum += nvm_word(b, i);
    for (uint32_t i = 3; i <= 0xE; i++) {
        uint32_t pointer = nvm_word(b, i), length;

        if (i == 4 || i == 5 || pointer == 0 || pointer >= words)
            continue;
        length = nvm_word(b, pointer);
        sections++;
        for (uint32_t k = 1; k <= length; k++)
            sum += nvm_word(b, pointer + k);
    }
    assert_int_equal(sum & 0xFFFF, 0xBABA);
    assert_true(sections >= 4); /* so that a driver that leaves them out is found out */
    assert_int_equal(nvm_word(b, words), 0xFFFF);
    release(b, SYNC_EEP);
    expect_no_complaint(b);
    bench_free(b);
}

static void nvm__part_number__is_a_string(void **state)
{
    struct bench *b = reset_bench();
    uint32_t pointer, length;
    char text[32] = {0};

    (void)state;
    take(b, SYNC_EEP);
    assert_int_equal(nvm_word(b, 0x15), 0xFAFA);
    pointer = nvm_word(b, 0x16);
    length = nvm_word(b, pointer);
    assert_true(length > 1 && length < 12);
    for (uint32_t i = 0; i < length - 1; i++) {
        text[2 * i] = (char)(nvm_word(b, pointer + 1 + i) >> 8);
        text[2 * i + 1] = (char)nvm_word(b, pointer + 1 + i);
    }
    assert_string_equal(text, "FERRUL-540");
    bench_free(b);
}

static void nvm__written_without_flash_update__is_gone_after_reset(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    take(b, SYNC_EEP);
    wr(b, EEWR, 0x1234u << 16 | 0x700 << 2 | EE_START);
    await(b, EEWR, EE_DONE, EE_DONE);
    assert_int_equal(nvm_word(b, 0x700), 0x1234);
    release(b, SYNC_EEP);
    reset_card(b);
    take(b, SYNC_EEP);
    assert_int_equal(nvm_word(b, 0x700), 0xFFFF);
    bench_free(b);
}

/* ---- Semaphores, firmware ---- */

static void semaphore__taken_by_reading(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    assert_int_equal(rd(b, SWSM), 0);
    assert_int_equal(rd(b, SWSM), SWSM_SMBI);
    assert_int_equal(rd(b, SWFW_SYNC), 0);
    assert_int_equal(rd(b, SWFW_SYNC), SYNC_REGSMP);
    wr(b, SWFW_SYNC, SYNC_PHY0);
    wr(b, SWSM, 0);
    rd(b, SWSM);
    assert_int_equal(rd(b, SWFW_SYNC), SYNC_PHY0);
    wr(b, SWFW_SYNC, 0);
    wr(b, SWSM, 0);
    expect_no_complaint(b);
    bench_free(b);
}

static void firmware__command__is_answered_with_success(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    assert_true(rd(b, HICR) & HICR_EN);
    take(b, SYNC_SW_MNG);
    wr(b, FLEX_MNG, 0xDD | 5 << 8);
    set(b, HICR, HICR_C);
    await(b, HICR, HICR_C, 0);
    assert_true(rd(b, HICR) & HICR_SV);
    assert_int_equal(rd(b, FLEX_MNG) & 0xFF, 0xDD);
    assert_int_equal(rd(b, FLEX_MNG) >> 16 & 0xFF, 1);
    release(b, SYNC_SW_MNG);
    expect_no_complaint(b);
    bench_free(b);
}

/* ---- PHY and link ---- */

static void phy__identity__at_address_0_only(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    take(b, SYNC_PHY0);
    assert_int_equal(mdio_read(b, 1, 2), 0x0154);
    assert_int_equal(mdio_read(b, 1, 3) & 0xFFF0, 0x0200);
    assert_int_equal(mdio_read(b, 1, 4), BIT(0) | BIT(4) | BIT(5));
    assert_int_equal(mdio_read(b, 1, 8) & 0xC000, 0x8000);
    assert_int_equal(mdio_read(b, 2, 2), 0xFFFF); /* no such device */
    wr(b, MSCA, MSCA_MDI_COMMAND | 1u << 21 | 1u << 16 | 2);
    await(b, MSCA, MSCA_MDI_COMMAND, 0);
    wr(b, MSCA, MSCA_MDI_COMMAND | 1u << 21 | 3u << 26 | 1u << 16 | 2);
    await(b, MSCA, MSCA_MDI_COMMAND, 0);
    assert_int_equal(rd(b, MSRWD) >> 16, 0xFFFF); /* no PHY at address 1 */
    release(b, SYNC_PHY0);
    expect_no_complaint(b);
    bench_free(b);
}

static void link__comes_up_after_its_time__bit_7_is_latched_low(void **state)
{
    struct bench *b = bench_new(NULL);

    (void)state;
    assert_int_equal(x540_next_event_ns(b->card), 10000000);
    assert_false(x540_link_is_up(b->card));
    wait_ms(b, 10);
    assert_true(x540_link_is_up(b->card));
    /* It was down since the last look: bit 7 says so, the others tell of now. */
    assert_int_equal(rd(b, LINKS), LINKS_UP | LINKS_SPEED_10G);
    assert_int_equal(rd(b, LINKS), LINKS_UP | LINKS_SPEED_10G | LINKS_LNK_STAT);
    x540_set_cable(b->card, false);
    assert_int_equal(rd(b, LINKS), 0);
    x540_set_cable(b->card, true);
    wait_ms(b, 10);
    assert_int_equal(rd(b, LINKS), LINKS_UP | LINKS_SPEED_10G);
    assert_int_equal(rd(b, LINKS), LINKS_UP | LINKS_SPEED_10G | LINKS_LNK_STAT);
    bench_free(b);
}

static void link__renegotiated__gets_the_best_common_speed(void **state)
{
    static const struct {
        uint16_t ten, vendor, adv;
        uint32_t links, status;
    } cases[] = {
        {BIT(12), BIT(15), BIT(8) | 1, LINKS_UP | LINKS_SPEED_10G, 7},
        {0, BIT(15), BIT(8) | 1, LINKS_UP | LINKS_SPEED_1G, 5},
        {0, 0, BIT(8) | 1, LINKS_UP | LINKS_SPEED_100M, 3},
        {0, 0, 1, 0, 0},
    };

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct bench *b = reset_bench();

        wait_ms(b, 20);
        take(b, SYNC_PHY0);
        mdio_write(b, 7, 0x20, cases[i].ten);
        mdio_write(b, 7, 0xC400, cases[i].vendor);
        mdio_write(b, 7, 0x10, cases[i].adv);
        mdio_write(b, 7, 0, mdio_read(b, 7, 0) | BIT(9));
        assert_false(x540_link_is_up(b->card));
        assert_false(mdio_read(b, 7, 0) & BIT(9)); /* restarts clear themselves */
        wait_ms(b, 20);
        rd(b, LINKS);
        assert_int_equal(rd(b, LINKS) & (LINKS_UP | 3u << 28), cases[i].links);
        assert_int_equal(mdio_read(b, 7, 0xC800) & 7, cases[i].status);
        assert_true(mdio_read(b, 7, 1) & BIT(5)); /* autonegotiation is complete */
        assert_int_equal(!!(mdio_read(b, 7, 1) & BIT(2)), cases[i].status != 0);
        assert_true(mdio_read(b, 7, 0xCC01) & 1); /* the link alarm, cleared by reading */
        assert_int_equal(mdio_read(b, 7, 0xCC01), 0);
        bench_free(b);
    }
}

static void phy__low_power__takes_the_link_down(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    wait_ms(b, 20);
    take(b, SYNC_PHY0);
    mdio_write(b, 30, 0, BIT(11));
    wait_ms(b, 50);
    assert_false(x540_link_is_up(b->card));
    mdio_write(b, 30, 0, 0);
    wait_ms(b, 50);
    assert_true(x540_link_is_up(b->card));
    assert_true(mdio_read(b, 30, 1) & BIT(3));
    bench_free(b);
}

static void link__macc_flu__is_forced_up(void **state)
{
    static const struct x540_config dark = {.mac = {2, 0, 0, 0, 0, 1}};
    struct bench *b = bench_new(&dark);

    (void)state;
    wait_ms(b, 100);
    assert_false(rd(b, LINKS) & LINKS_UP);
    assert_int_equal(x540_next_event_ns(b->card), UINT64_MAX);
    set(b, MACC, MACC_FLU);
    assert_true(rd(b, LINKS) & LINKS_UP);
    bench_free(b);
}

/* ---- Statistics ---- */

static void statistics__after_power_on__hold_junk_until_read(void **state)
{
    struct bench *b = bench_new(NULL);

    (void)state;
    assert_int_not_equal(rd(b, GPRC), 0);
    assert_int_equal(rd(b, GPRC), 0);
    assert_int_not_equal(rd(b, GORCL), 0);
    rd(b, GORCL + 4);
    assert_int_equal(rd(b, GORCL), 0);
    bench_free(b);
}

static void statistics__pair__loses_nothing_between_its_reads(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[100];
    uint32_t low;

    (void)state;
    make_frame(frame, 100, 1);
    x540_frame_in(p.b->card, frame, 100);
    low = rd(p.b, GORCL);
    x540_frame_in(p.b->card, frame, 100);
    assert_int_equal(rd(p.b, GORCL + 4), 0);
    assert_int_equal(low, 104);
    assert_int_equal(rd(p.b, GORCL), 104);
    rd(p.b, GORCL + 4);
    assert_int_equal(rd(p.b, GORCL), 0);
    bench_free(p.b);
}

static void statistics__at_their_end__stick(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[100];

    (void)state;
    REG(p.b->card, GPRC) = 0xFFFFFFFE;
    p.b->card->wide[0] = 0xFFFFFFFFFull - 10;
    make_frame(frame, 100, 1);
    for (int i = 0; i < 3; i++)
        x540_frame_in(p.b->card, frame, 100);
    assert_int_equal(rd(p.b, GPRC), 0xFFFFFFFF);
    assert_int_equal(rd(p.b, GORCL), 0xFFFFFFFF);
    assert_int_equal(rd(p.b, GORCL + 4), 0xF);
    bench_free(p.b);
}

static void statistics__written__stay_as_they_are(void **state)
{
    struct bench *b = reset_bench();

    (void)state;
    read_statistics(b);
    wr(b, GPRC, 5);
    assert_int_equal(rd(b, GPRC), 0);
    bench_free(b);
}

/* ---- Both ports ---- */

static void port_1__uses_its_own_phy_bit(void **state)
{
    static const struct x540_config second = {.lan_id = 1, .mac = {2, 0, 0, 0, 0, 2}};
    struct bench *b = bench_new(&second);

    (void)state;
    assert_int_equal(rd(b, STATUS) >> 2 & 3, 1);
    take(b, SYNC_PHY1);
    mdio_read(b, 1, 2);
    expect_no_complaint(b);
    release(b, SYNC_PHY1);
    take(b, SYNC_PHY0);
    mdio_read(b, 1, 2);
    expect_rule(b, "mdio-without-semaphore");
    bench_free(b);
}

static void semaphores__of_both_ports__are_one_pair(void **state)
{
    static const struct x540_config second = {.lan_id = 1, .mac = {2, 0, 0, 0, 0, 2}};
    struct bench *a = bench_new(NULL), *b = bench_new(&second);

    (void)state;
    rd(b, SWSM);
    assert_int_equal(rd(a, SWSM), 0); /* two cards */
    wr(a, SWSM, 0);
    x540_share_semaphores(b->card, a->card);
    take(a, SYNC_PHY0);
    assert_int_equal(rd(b, SWSM), 0);
    assert_int_equal(rd(a, SWSM), SWSM_SMBI);
    assert_int_equal(rd(b, SWFW_SYNC), SYNC_PHY0);
    assert_int_equal(rd(a, SWFW_SYNC), SYNC_PHY0 | SYNC_REGSMP);
    wr(b, SWFW_SYNC, SYNC_PHY0 | SYNC_PHY1);
    wr(b, SWSM, 0);
    release(a, SYNC_PHY0);
    bench_free(a); /* the first may go */
    mdio_read(b, 1, 2);
    expect_no_complaint(b);
    rd(b, SWSM);
    x540_pci_reset(b->card);
    assert_int_equal(rd(b, SWSM), 0); /* SMBI is free again */
    assert_int_equal(rd(b, SWFW_SYNC), SYNC_PHY1);
    bench_free(b);
}

static void create__bad_configuration__is_refused(void **state)
{
    struct x540_config config = {.lan_id = 2};
    struct x540_env env = {
        NULL, bench_dma_read, bench_dma_write, bench_dma_words, bench_interrupt, bench_frame_out};

    (void)state;
    assert_null(x540_create(&config, &env));
    config.lan_id = 0;
    env.frame_out = NULL;
    assert_null(x540_create(&config, &env));
    assert_null(x540_create(NULL, &env));
    assert_null(x540_create(&config, NULL));
    x540_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table__rows__do_not_overlap_and_are_aligned),
        cmocka_unit_test(table__plain_registers__keep_what_the_mask_says),
        cmocka_unit_test(table__after_reset__registers_hold_their_reset_values),
        cmocka_unit_test(table__register_test__passes_while_stopped),
        cmocka_unit_test(nvm__checksum__is_baba),
        cmocka_unit_test(nvm__part_number__is_a_string),
        cmocka_unit_test(nvm__written_without_flash_update__is_gone_after_reset),
        cmocka_unit_test(semaphore__taken_by_reading),
        cmocka_unit_test(firmware__command__is_answered_with_success),
        cmocka_unit_test(phy__identity__at_address_0_only),
        cmocka_unit_test(link__comes_up_after_its_time__bit_7_is_latched_low),
        cmocka_unit_test(link__renegotiated__gets_the_best_common_speed),
        cmocka_unit_test(phy__low_power__takes_the_link_down),
        cmocka_unit_test(link__macc_flu__is_forced_up),
        cmocka_unit_test(statistics__after_power_on__hold_junk_until_read),
        cmocka_unit_test(statistics__pair__loses_nothing_between_its_reads),
        cmocka_unit_test(statistics__at_their_end__stick),
        cmocka_unit_test(statistics__written__stay_as_they_are),
        cmocka_unit_test(port_1__uses_its_own_phy_bit),
        cmocka_unit_test(semaphores__of_both_ports__are_one_pair),
        cmocka_unit_test(create__bad_configuration__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
