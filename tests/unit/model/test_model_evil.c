/* SPDX-License-Identifier: BSD-2-Clause
 * Each promise that the model can break: it is kept before, broken while the mode is on, and kept
 * again after. The table below has one entry a mode; a mode without an entry fails the last test.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"
#include "tests/unit/model/model_packets.h"

#include <stdio.h>

static uint8_t frame[100];

static void in(struct pair *p, uint32_t n)
{
    make_frame(frame, 100, 1);
    while (n--)
        x540_frame_in(p->b->card, frame, 100);
}
static uint64_t rx_q1(struct pair *p, uint32_t slot)
{
    return get64(p->b, p->rx.base + 16 * slot + 8);
}
static void out(struct pair *p)
{
    make_frame(frame, 100, 1);
    tx_frame(p->b, &p->tx, frame, 100);
}
static void evil(struct pair *p, enum x540_evil what, uint64_t arg)
{
    x540_set_evil(p->b->card, what, arg);
}
/* Does the bit keep the value that it should leave, for all of a second? */
static bool stuck(struct bench *b, uint32_t offset, uint32_t mask, uint32_t at)
{
    for (int i = 0; i < 1000; i++) {
        if ((rd(b, offset) & mask) != at)
            return false;
        wait_ms(b, 1);
    }
    return true;
}

static void rx_length(struct pair *p)
{
    evil(p, X540_EVIL_RX_LENGTH, 5000);
    in(p, 1);
    assert_int_equal(rx_q1(p, 0) & 0xFFFF, 5000);
    evil(p, X540_EVIL_RX_LENGTH, 0);
    in(p, 1);
    assert_int_equal(rx_q1(p, 1) & 0xFFFF, 100);
}
static void rx_no_eop(struct pair *p)
{
    evil(p, X540_EVIL_RX_NO_EOP, 2);
    in(p, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(rx_q1(p, i) >> 32 & 3, i % 2 ? 1 : 3);
}
static void rx_error(struct pair *p)
{
    evil(p, X540_EVIL_RX_ERROR, 3);
    in(p, 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(rx_q1(p, i) >> 40 & 1, i % 3 == 2);
}
static void rx_out_of_order(struct pair *p)
{
    evil(p, X540_EVIL_RX_OUT_OF_ORDER, 2);
    in(p, 2);
    assert_int_equal(rx_q1(p, 0) >> 32 & 1, 1);
    assert_int_equal(rx_q1(p, 1) >> 32 & 1, 0); /* held back */
    in(p, 1);
    assert_int_equal(rx_q1(p, 2) >> 32 & 1, 1); /* the later one was first */
    assert_int_equal(rx_q1(p, 1) >> 32 & 1, 1);
    in(p, 1);
    wait_ms(p->b, 1);
    assert_int_equal(rx_q1(p, 3) >> 32 & 1, 1); /* nothing is held back for ever */
}
static void rx_late(struct pair *p)
{
    evil(p, X540_EVIL_RX_LATE, 2000000ull << 32 | 4);
    in(p, 6);
    wait_ms(p->b, 1);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(rx_q1(p, i) >> 32 & 1, i != 3); /* two later ones are there */
    wait_ms(p->b, 2);
    assert_int_equal(rx_q1(p, 3) >> 32 & 1, 1);
}
static void head_jump(struct pair *p)
{
    evil(p, X540_EVIL_HEAD_JUMP, 7777);
    out(p);
    assert_int_equal(get32(p->b, p->tx.head_at), 7777);
    evil(p, X540_EVIL_HEAD_JUMP, 0);
    out(p);
    assert_int_equal(get32(p->b, p->tx.head_at), 2);
}
static void head_stuck(struct pair *p)
{
    evil(p, X540_EVIL_HEAD_STUCK, 1);
    out(p);
    assert_int_equal(p->b->frames, 1);
    assert_int_equal(get32(p->b, p->tx.head_at), 0);
}
static void tx_stuck(struct pair *p)
{
    evil(p, X540_EVIL_TX_STUCK, 1);
    out(p);
    wait_ms(p->b, 100);
    assert_int_equal(p->b->frames, 0);
    evil(p, X540_EVIL_TX_STUCK, 0);
    assert_int_equal(p->b->frames, 1);
}
static void all_ones(struct pair *p)
{
    evil(p, X540_EVIL_ALL_ONES, 1);
    assert_int_equal(rd(p->b, STATUS), 0xFFFFFFFF);
    p->b->dma_reads = p->b->dma_writes = 0;
    in(p, 1);
    out(p);
    wait_ms(p->b, 100);
    assert_int_equal(p->b->dma_reads + p->b->dma_writes, 0);
}
static void semaphore_stuck(struct pair *p)
{
    evil(p, X540_EVIL_SEMAPHORE_STUCK, 1);
    assert_true(stuck(p->b, SWSM, SWSM_SMBI, SWSM_SMBI));
    evil(p, X540_EVIL_SEMAPHORE_STUCK, 0);
    assert_false(rd(p->b, SWSM) & SWSM_SMBI);
    evil(p, X540_EVIL_SEMAPHORE_STUCK, 2);
    assert_true(stuck(p->b, SWFW_SYNC, SYNC_REGSMP, SYNC_REGSMP));
    evil(p, X540_EVIL_SEMAPHORE_STUCK, 3);
    assert_true(rd(p->b, SWFW_SYNC) & SYNC_PHY0);
    evil(p, X540_EVIL_SEMAPHORE_STUCK, 0);
    wr(p->b, SWFW_SYNC, 0);
    wr(p->b, SWSM, 0);
    take(p->b, SYNC_PHY0);
}
static void reset_stuck(struct pair *p)
{
    evil(p, X540_EVIL_RESET_STUCK, 1);
    set(p->b, CTRL, CTRL_RST);
    assert_true(stuck(p->b, CTRL, CTRL_RST, CTRL_RST));
    evil(p, X540_EVIL_RESET_STUCK, 0);
    await(p->b, CTRL, CTRL_RST, 0);
}
static void master_stuck(struct pair *p)
{
    evil(p, X540_EVIL_MASTER_STUCK, 1);
    set(p->b, CTRL, CTRL_GIO_DIS);
    assert_true(stuck(p->b, STATUS, STATUS_GIO, STATUS_GIO));
    assert_true(x540_transactions_pending(p->b->card));
    evil(p, X540_EVIL_MASTER_STUCK, 0);
    await(p->b, STATUS, STATUS_GIO, 0);
    assert_false(x540_transactions_pending(p->b->card));
}
static void enable_stuck(struct pair *p)
{
    evil(p, X540_EVIL_ENABLE_STUCK, 1);
    wr(p->b, RXDCTL(5), RXDCTL_ENABLE);
    wr(p->b, TXDCTL(5), TXDCTL_ENABLE);
    assert_true(stuck(p->b, RXDCTL(5), RXDCTL_ENABLE, 0));
    assert_int_equal(rd(p->b, TXDCTL(5)) & TXDCTL_ENABLE, 0);
    evil(p, X540_EVIL_ENABLE_STUCK, 0);
    await(p->b, RXDCTL(5), RXDCTL_ENABLE, RXDCTL_ENABLE);
    await(p->b, TXDCTL(5), TXDCTL_ENABLE, TXDCTL_ENABLE);
}
static void mdio_stuck(struct pair *p)
{
    evil(p, X540_EVIL_MDIO_STUCK, 1);
    take(p->b, SYNC_PHY0);
    wr(p->b, MSCA, MSCA_MDI_COMMAND | 1u << 16 | 2);
    assert_true(stuck(p->b, MSCA, MSCA_MDI_COMMAND, MSCA_MDI_COMMAND));
    evil(p, X540_EVIL_MDIO_STUCK, 0);
    await(p->b, MSCA, MSCA_MDI_COMMAND, 0);
}
static void eerd_stuck(struct pair *p)
{
    evil(p, X540_EVIL_EERD_STUCK, 1);
    take(p->b, SYNC_EEP);
    wr(p->b, EERD, EE_START);
    assert_true(stuck(p->b, EERD, EE_DONE, 0));
    evil(p, X540_EVIL_EERD_STUCK, 0);
    await(p->b, EERD, EE_DONE, EE_DONE);
}
static void dmaidone_stuck(struct pair *p)
{
    evil(p, X540_EVIL_DMAIDONE_STUCK, 1);
    assert_true(stuck(p->b, RDRXCTL, RDRXCTL_DMAIDONE, 0));
    evil(p, X540_EVIL_DMAIDONE_STUCK, 0);
    await(p->b, RDRXCTL, RDRXCTL_DMAIDONE, RDRXCTL_DMAIDONE);
}
static void eec_stuck(struct pair *p)
{
    evil(p, X540_EVIL_EEC_STUCK, 1);
    assert_true(stuck(p->b, EEC, EEC_ARD, 0));
    evil(p, X540_EVIL_EEC_STUCK, 0);
    await(p->b, EEC, EEC_ARD, EEC_ARD);
}
static void nvm_checksum(struct pair *p)
{
    uint16_t good, bad;

    take(p->b, SYNC_EEP);
    good = nvm_word(p->b, 0x3F);
    release(p->b, SYNC_EEP);
    evil(p, X540_EVIL_NVM_CHECKSUM, 1);
    reset_card(p->b);
    take(p->b, SYNC_EEP);
    bad = nvm_word(p->b, 0x3F);
    assert_int_not_equal(good, bad);
}
static void bad_mac(struct pair *p)
{
    evil(p, X540_EVIL_BAD_MAC, 1);
    assert_int_not_equal(rd(p->b, RAL), 0);
    reset_card(p->b);
    assert_int_equal(rd(p->b, RAL) | rd(p->b, RAH), 0);
}
static void msix(struct pair *p)
{
    x540_set_msix_enabled(p->b->card, true);
    mask_interrupts(p->b);
    wr(p->b, GPIE, GPIE_MSIX_MODE);
    wr(p->b, IVAR, 0x80);
    wr(p->b, EIMS_EX, 0x11);
}
static void irq_storm(struct pair *p)
{
    msix(p);
    evil(p, X540_EVIL_IRQ_STORM, 1);
    for (int i = 0; i < 10; i++)
        wait_ns(p->b, 100);
    assert_int_equal(p->b->messages[0], 10);
    assert_int_equal(p->b->messages[4], 10);
    assert_int_equal(p->b->messages[1], 0);
}
static void irq_silent(struct pair *p)
{
    msix(p);
    evil(p, X540_EVIL_IRQ_SILENT, 1);
    in(p, 3);
    assert_int_equal(p->b->messages[0], 0);
    assert_int_equal(rd(p->b, EICS) & 1, 1);
    evil(p, X540_EVIL_IRQ_SILENT, 0);
    in(p, 1);
    assert_int_equal(p->b->messages[0], 1);
}
static void link_lies(struct pair *p)
{
    x540_set_cable(p->b->card, false);
    rd(p->b, LINKS);
    assert_false(rd(p->b, LINKS) & LINKS_UP);
    evil(p, X540_EVIL_LINK_LIES, 1);
    assert_true(rd(p->b, LINKS) & LINKS_UP);
    out(p);
    assert_int_equal(p->b->frames, 0);
}
static void stray_dma(struct pair *p)
{
    uint64_t at = bench_alloc(p->b, 256);
    uint64_t nowhere = MEMORY_AT + MEMORY_BYTES;
    uint32_t reads = p->b->dma_reads;

    evil(p, X540_EVIL_DMA, (at + 64) | X540_EVIL_DMA_WRITE);
    for (uint32_t i = 0; i < 32; i++) /* nothing beside it */
        assert_int_equal(get64(p->b, at + 8 * i),
                         i / 8 == 1 ? X540_EVIL_DMA_BYTE * 0x0101010101010101ull : 0);
    evil(p, X540_EVIL_DMA, (at + 64) | X540_EVIL_DMA_WRITE | X540_EVIL_DMA_ZERO);
    assert_int_equal(get64(p->b, at + 64), 0);
    assert_int_equal(p->b->dma_reads, reads);
    evil(p, X540_EVIL_DMA, at | X540_EVIL_DMA_READ);
    assert_int_equal(p->b->dma_reads, reads + 1);
    assert_int_equal(x540_truth(p->b->card).stray_bytes, 0); /* all were 0 */
    evil(p, X540_EVIL_DMA, (at + 128) | X540_EVIL_DMA_WRITE | X540_EVIL_DMA_READ);
    assert_int_equal(x540_truth(p->b->card).stray_bytes, 64);
    assert_int_equal(x540_truth(p->b->card).dma_refused, 0);
    evil(p, X540_EVIL_DMA, nowhere | X540_EVIL_DMA_READ);
    evil(p, X540_EVIL_DMA, nowhere | X540_EVIL_DMA_WRITE);
    assert_int_equal(x540_truth(p->b->card).dma_refused, 2);
    x540_set_bus_master(p->b->card, false);
    evil(p, X540_EVIL_DMA, (at + 64) | X540_EVIL_DMA_WRITE);
    assert_int_equal(get64(p->b, at + 64), 0);
    evil(p, X540_EVIL_DMA, 0);
}
static void forged_message(struct pair *p)
{
    uint32_t writes = p->b->dma_writes;

    /* No memory is there in the bench: refused, and counted. */
    evil(p, X540_EVIL_MSI, 0x00018ull << 32 | 0x4041);
    assert_int_equal(p->b->dma_writes, writes + 1);
    assert_int_equal(p->b->dma_last, 0xFEE00018);
    assert_int_equal(x540_truth(p->b->card).dma_refused, 1);
    x540_set_bus_master(p->b->card, false);
    evil(p, X540_EVIL_MSI, 0x00018ull << 32 | 0x4041);
    assert_int_equal(p->b->dma_writes, writes + 1);
    evil(p, X540_EVIL_MSI, 0);
}

/* The driver's way to a lock while firmware, or a driver that died, is in it. */
static uint32_t sync_now(struct bench *b)
{
    await(b, SWSM, SWSM_SMBI, 0);
    return rd(b, SWFW_SYNC);
}
static void firmware_regsmp(struct pair *p)
{
    evil(p, X540_EVIL_FIRMWARE_REGSMP, 20000000);
    assert_true(sync_now(p->b) & SYNC_REGSMP);
    wait_ms(p->b, 19);
    assert_true(rd(p->b, SWFW_SYNC) & SYNC_REGSMP);
    wait_ms(p->b, 1);
    assert_int_equal(rd(p->b, SWFW_SYNC), 0); /* and now it is ours */
    assert_true(rd(p->b, SWFW_SYNC) & SYNC_REGSMP);
    wr(p->b, SWFW_SYNC, 0);
    expect_no_complaint(p->b);
    evil(p, X540_EVIL_FIRMWARE_REGSMP, UINT64_MAX);
    rd(p->b, SWFW_SYNC);
    wait_ms(p->b, 50); /* firmware counts as dead after this (X550 11.8.4.1) */
    assert_true(rd(p->b, SWFW_SYNC) & SYNC_REGSMP);
    wr(p->b, SWFW_SYNC, SYNC_PHY0);
    expect_no_complaint(p->b);
    evil(p, X540_EVIL_FIRMWARE_REGSMP, 0);
    assert_int_equal(rd(p->b, SWFW_SYNC), SYNC_PHY0);
}
static void firmware_regsmp_too_early(struct pair *p)
{
    evil(p, X540_EVIL_FIRMWARE_REGSMP, 100000000);
    sync_now(p->b);
    wait_ms(p->b, 49);
    wr(p->b, SWFW_SYNC, SYNC_PHY0);
    expect_rule(p->b, "sync-without-regsmp");
}
static void firmware_locks(struct pair *p)
{
    evil(p, X540_EVIL_FIRMWARE_LOCKS, 30000000);
    assert_int_equal(sync_now(p->b), 0x61E0);
    wr(p->b, SWFW_SYNC, 0x61E0 | SYNC_PHY0);
    wait_ms(p->b, 30);
    assert_int_equal(rd(p->b, SWFW_SYNC), SYNC_PHY0);
    wr(p->b, SWFW_SYNC, 0);
    expect_no_complaint(p->b);
}
static void firmware_flips(struct pair *p)
{
    evil(p, X540_EVIL_FIRMWARE_FLIPS, 2);
    assert_int_equal(sync_now(p->b), 0);
    assert_int_equal(rd(p->b, SWFW_SYNC), SYNC_REGSMP | 0x61E0);
    wr(p->b, SWFW_SYNC, 0x61E0 | SYNC_PHY0);
    assert_int_equal(rd(p->b, SWFW_SYNC), 0x61E0 | SYNC_PHY0);
    expect_no_complaint(p->b);
    assert_int_equal(rd(p->b, SWFW_SYNC), SYNC_REGSMP | SYNC_PHY0);
    wr(p->b, SWFW_SYNC, 0x61E0); /* what was read before: stale */
    expect_rule(p->b, "sync-bits-stolen");
    evil(p, X540_EVIL_FIRMWARE_FLIPS, 0);
    assert_int_equal(rd(p->b, SWFW_SYNC), 0);
}
static void firmware_shares(struct pair *p)
{
    evil(p, X540_EVIL_FIRMWARE_SHARES, 1000000);
    assert_int_equal(sync_now(p->b), SYNC_REGSMP | 0xC0); /* its first visit begins */
    wait_ms(p->b, 1);
    wr(p->b, SWFW_SYNC, 0xC0 | SYNC_PHY0); /* and the second one: stale, and without REGSMP */
    expect_rule(p->b, "sync-bits-stolen");
    expect_rule(p->b, "sync-without-regsmp");
    evil(p, X540_EVIL_FIRMWARE_SHARES, 0);
    assert_int_equal(rd(p->b, SWFW_SYNC) & 0xC0, 0);
    evil(p, X540_EVIL_FIRMWARE_SHARES, 1000000); /* software has REGSMP: firmware waits */
    wait_ms(p->b, 3);
    assert_int_equal(rd(p->b, SWFW_SYNC) & 0xC0, 0);
    wr(p->b, SWFW_SYNC, 0);
    assert_int_equal(rd(p->b, SWFW_SYNC), SYNC_REGSMP | 0xC0);
}
static void nvm_absent(struct pair *p)
{
    evil(p, X540_EVIL_NVM_ABSENT, 1);
    assert_int_equal(rd(p->b, EEC) & (EEC_PRES | EEC_ARD), EEC_ARD);
    evil(p, X540_EVIL_NVM_ABSENT, 0);
    assert_true(rd(p->b, EEC) & EEC_PRES);
}
/* A power-on later the card receives, without that anything has been written to it. */
static void left_receiving(struct pair *p)
{
    evil(p, X540_EVIL_LEFT_RECEIVING, 0x7F000000);
    x540_pci_reset(p->b->card);
    assert_true(rd(p->b, RXCTRL) & RXCTRL_RXEN);
    assert_true(rd(p->b, RXDCTL(0)) & RXDCTL_ENABLE);
    wait_ms(p->b, 100);
    in(p, 5);
    assert_int_equal(x540_truth(p->b->card).frames_waiting, 5);
    x540_set_bus_master(p->b->card, true);
    expect_rule(p->b, "dma-refused");
}
static void dead_locks(struct pair *p)
{
    evil(p, X540_EVIL_DEAD_LOCKS, BIT64(32) | SYNC_REGSMP | SYNC_PHY0 | SYNC_EEP);
    assert_true(stuck(p->b, SWSM, SWSM_SMBI, SWSM_SMBI));
    assert_true(stuck(p->b, SWFW_SYNC, ~0u, SYNC_REGSMP | SYNC_PHY0 | SYNC_EEP));
    expect_no_complaint(p->b); /* of the living driver */
    wr(p->b, SWFW_SYNC, 0);
    wr(p->b, SWSM, 0);
    take(p->b, SYNC_PHY0 | SYNC_EEP);
    release(p->b, SYNC_PHY0 | SYNC_EEP);
    expect_no_complaint(p->b);
}
static void cfg_done(struct pair *p)
{
    assert_int_equal(rd(p->b, EEMNGCTL) & 0xC0000, 0xC0000);
    wr(p->b, EEMNGCTL, EEMNGCTL_CFG_DONE1); /* software may clear it */
    assert_int_equal(rd(p->b, EEMNGCTL) & 0xC0000, EEMNGCTL_CFG_DONE1);
    evil(p, X540_EVIL_CFG_DONE_NS, 50000000);
    reset_card(p->b); /* takes 12 ms */
    assert_int_equal(rd(p->b, EEMNGCTL) & 0xC0000, EEMNGCTL_CFG_DONE1);
    wait_ms(p->b, 50);
    assert_int_equal(rd(p->b, EEMNGCTL) & 0xC0000, 0xC0000);
    evil(p, X540_EVIL_CFG_DONE_NS, UINT64_MAX);
    assert_true(stuck(p->b, EEMNGCTL, EEMNGCTL_CFG_DONE0, 0));
}
static void veto(struct pair *p)
{
    assert_int_equal(rd(p->b, MMNGC), 0);
    evil(p, X540_EVIL_VETO, 1);
    wr(p->b, MMNGC, 0); /* read-only to the host */
    assert_int_equal(rd(p->b, MMNGC), MMNGC_VETO);
}
static void enable_ns(struct pair *p)
{
    evil(p, X540_EVIL_ENABLE_NS, 30000000);
    wr(p->b, RXDCTL(0), 0);
    wr(p->b, TXDCTL(0), 0);
    wait_ms(p->b, 29);
    assert_true(rd(p->b, RXDCTL(0)) & rd(p->b, TXDCTL(0)) & RXDCTL_ENABLE);
    wait_ms(p->b, 1);
    assert_false((rd(p->b, RXDCTL(0)) | rd(p->b, TXDCTL(0))) & RXDCTL_ENABLE);
    wr(p->b, TXDCTL(0), 32 | TXDCTL_ENABLE);
    wait_ms(p->b, 29);
    assert_false(rd(p->b, TXDCTL(0)) & TXDCTL_ENABLE);
    wait_ms(p->b, 1);
    assert_true(rd(p->b, TXDCTL(0)) & TXDCTL_ENABLE);
}
static void eics_zero(struct pair *p)
{
    wr(p->b, EICS, EICR_LSC | 1);
    evil(p, X540_EVIL_EICS_ZERO, 1);
    assert_int_equal(rd(p->b, EICS) | rd(p->b, EICS_EX), 0);
    evil(p, X540_EVIL_EICS_ZERO, 0);
    assert_int_equal(rd(p->b, EICS) & (EICR_LSC | 1), EICR_LSC | 1);
}
static void phy_dumb(struct pair *p)
{
    wait_ms(p->b, 300); /* since power-on */
    evil(p, X540_EVIL_PHY_DUMB_NS, 200000000);
    reset_card(p->b);
    take(p->b, SYNC_PHY0);
    assert_int_equal(mdio_read(p->b, 1, 2), 0xFFFF);
    wait_ms(p->b, 200);
    assert_int_equal(mdio_read(p->b, 1, 2), 0x0154);
    mdio_write(p->b, 1, 0, BIT(15)); /* its own reset */
    assert_int_equal(mdio_read(p->b, 1, 2), 0xFFFF);
    wait_ms(p->b, 200);
    assert_int_equal(mdio_read(p->b, 1, 2), 0x0154);
}
static void fwsm(struct pair *p)
{
    uint32_t good = rd(p->b, FWSM);

    evil(p, X540_EVIL_FWSM, 0x0118801F);
    assert_int_equal(rd(p->b, FWSM), 0x0118801F);
    evil(p, X540_EVIL_FWSM, 0);
    assert_int_equal(rd(p->b, FWSM), good);
}
static void causes(struct pair *p)
{
    msix(p);
    wr(p->b, IVAR_MISC, (0x80 | 9) << 8);
    wr(p->b, EIMS, BIT(28));
    rd(p->b, EICR);
    evil(p, X540_EVIL_CAUSES, BIT(28) | BIT(23));
    assert_int_equal(rd(p->b, EICS) & 0x7FFF0000, BIT(28) | BIT(23));
    assert_int_equal(p->b->messages[9], 1);
}
static void hot(struct pair *p)
{
    assert_false(rd(p->b, STATUS) & STATUS_THERMAL);
    evil(p, X540_EVIL_HOT, 1);
    assert_true(rd(p->b, STATUS) & STATUS_THERMAL);
}
/* A UDP frame that RSS sends to queue 1. */
static void rss_legacy(struct pair *p)
{
    static const uint8_t headers[28] = {0x45, 0, 0,  86, 0, 0, 0, 0, 64, 17, 0, 0,  10, 0,
                                        0,    1, 10, 0,  0, 2, 0, 7, 0,  7,  0, 66, 0,  0};

    rx_ring(p->b, 1, 64, LEGACY);
    clear(p->b, RXCTRL, RXCTRL_RXEN);
    for (uint32_t i = 0; i < 10; i++)
        wr(p->b, RSSRK + 4 * i, 0x6D5A6D5A);
    for (uint32_t i = 0; i < 32; i++)
        wr(p->b, RETA + 4 * i, 0x01010101);
    wr(p->b, MRQC, 1 | MRQC_IPV4);
    open_receive(p->b);
    make_frame(frame, 100, 1);
    frame[12] = 8;
    frame[13] = 0;
    memcpy(frame + 14, headers, sizeof(headers));
    wr(p->b, RQSMR, 1 << 8); /* queue 1 counts in counter 1 */
    rd(p->b, QPRC(0));
    rd(p->b, QPRC(1));
    x540_frame_in(p->b->card, frame, 100);
    assert_int_equal(rd(p->b, QPRC(1)), 1);
    evil(p, X540_EVIL_RSS_LEGACY, 1);
    x540_frame_in(p->b->card, frame, 100);
    assert_int_equal(rd(p->b, QPRC(0)), 1);
    assert_int_equal(rd(p->b, QPRC(1)), 0);
}
static void rdh_kept(struct pair *p)
{
    in(p, 5);
    out(p);
    evil(p, X540_EVIL_RDH_KEPT, 1);
    clear(p->b, RXDCTL(0), RXDCTL_ENABLE);
    wr(p->b, TXDCTL(0), 0);
    await(p->b, RXDCTL(0), RXDCTL_ENABLE, 0);
    await(p->b, TXDCTL(0), TXDCTL_ENABLE, 0);
    rx_ring_registers(p->b, &p->rx, LEGACY);
    tx_ring_registers(p->b, &p->tx, true);
    set(p->b, RXDCTL(0), RXDCTL_ENABLE);
    wr(p->b, TXDCTL(0), 32 | TXDCTL_ENABLE);
    await(p->b, RXDCTL(0), RXDCTL_ENABLE, RXDCTL_ENABLE);
    await(p->b, TXDCTL(0), TXDCTL_ENABLE, TXDCTL_ENABLE);
    assert_int_equal(rd(p->b, RDH(0)), 5);
    assert_int_equal(rd(p->b, TDH(0)), 1);
    expect_no_complaint(p->b);
    evil(p, X540_EVIL_RDH_KEPT, 0);
    wr(p->b, TXDCTL(0), 0);
    await(p->b, TXDCTL(0), TXDCTL_ENABLE, 0);
    wr(p->b, TDH(0), 0);
    assert_int_equal(rd(p->b, TDH(0)), 0);
}

static void null_rs_silent(struct pair *p)
{
    tx_put(p->b, &p->tx, p->tx.buffers, TX_USUAL);
    tx_kick(p->b, &p->tx);
    assert_int_equal(get32(p->b, p->tx.head_at), 1);
    evil(p, X540_EVIL_NULL_RS_SILENT, 1);
    for (int i = 0; i < 10; i++) {
        tx_put(p->b, &p->tx, p->tx.buffers, TX_USUAL);
        tx_kick(p->b, &p->tx);
        assert_int_equal(rd(p->b, TDH(0)), 2 + i); /* done, and not told */
        assert_int_equal(get32(p->b, p->tx.head_at), 1);
    }
    out(p);
    assert_int_equal(get32(p->b, p->tx.head_at), 12);
    evil(p, X540_EVIL_NULL_RS_SILENT, 0);
    tx_put(p->b, &p->tx, p->tx.buffers, TX_USUAL);
    tx_kick(p->b, &p->tx);
    assert_int_equal(get32(p->b, p->tx.head_at), 13);
}
static void legacy_sctp(struct pair *p)
{
    struct wanted w = {.protocol = SCTP, .payload = 40};
    struct made sctp;

    packet_make(&w, &sctp);
    x540_frame_in(p->b->card, sctp.bytes, sctp.len);
    assert_int_equal(x540_truth(p->b->card).frames_to_host, 1);
    read_statistics(p->b);
    evil(p, X540_EVIL_LEGACY_SCTP, 1);
    x540_frame_in(p->b->card, sctp.bytes, sctp.len);
    assert_int_equal(x540_truth(p->b->card).frames_to_host, 1);
    assert_int_equal(x540_truth(p->b->card).dropped_error, 1);
    assert_int_equal(rd(p->b, QPRDC(0)) + rd(p->b, MPC) + rd(p->b, QPRC(0)), 0); /* uncounted */
    in(p, 1);
    rx_ring(p->b, 5, 64, ADVANCED); /* queues of the other format keep them */
    wr(p->b, ETQF, ETQF_FILTER_EN | 0x0800);
    wr(p->b, ETQS, ETQS_QUEUE_EN | 5u << 16);
    x540_frame_in(p->b->card, sctp.bytes, sctp.len);
    assert_int_equal(x540_truth(p->b->card).frames_to_host, 3);
}

/* Each kind changes its own field of what was delivered and no other byte of memory. */
static void rewrite(struct pair *p)
{
    const uint64_t frames = p->rx.buffers, ring = p->rx.base, head = p->tx.head_at;
    const struct {
        uint32_t kind;
        uint64_t at, end;
    } fields[] = {
        {X540_REWRITE_VERSION, frames + 14, frames + 15},
        {X540_REWRITE_TOTAL, frames + 16, frames + 18},
        {X540_REWRITE_FRAGMENT, frames + 20, frames + 22},
        {X540_REWRITE_TTL, frames + 22, frames + 24},
        {X540_REWRITE_IP_ADDRESS, frames + 26, frames + 34},
        {X540_REWRITE_OPTION, frames + 34, frames + 74},
        {X540_REWRITE_TRANSPORT, frames + 38, frames + 48}, /* the header has 24 bytes */
        {X540_REWRITE_TYPE, frames + 12, frames + 14},
        {X540_REWRITE_ARP, frames + 14, frames + 42},
        {X540_REWRITE_MAC, frames, frames + 12},
        {X540_REWRITE_HEADERS, frames, frames + 96},
        {X540_REWRITE_ANYTHING, frames, frames + BUFFER},
        {X540_REWRITE_DESCRIPTOR, ring, ring + 64 * 16},
        {X540_REWRITE_BUFFER_ADDRESS, ring, ring + 64 * 16},
        {X540_REWRITE_HEAD, head, head + 4},
    };
    uint8_t *before = malloc(MEMORY_BYTES);
    uint64_t n;

    out(p);
    make_frame(frame, 100, 1);
    memcpy(frame + 12, "\x08\x00\x46", 3);
    evil(p, X540_EVIL_REWRITE, 1);
    x540_frame_in(p->b->card, frame, 100);
    memset(frame + 15, 0x5A, 85);
    x540_frame_in(p->b->card, frame, 100);
    for (uint32_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const uint64_t second = fields[i].at - frames < BUFFER ? BUFFER : 0;
        memcpy(before, p->b->memory, MEMORY_BYTES);
        evil(p, X540_EVIL_REWRITE, (uint64_t)fields[i].kind << 32 | 7);
        for (n = 0; n < 200; n++)
            x540_rewrite(p->b->card, 0);
        uint32_t changed = 0;
        for (uint32_t k = 0; k < MEMORY_BYTES; k++) {
            const uint64_t address = MEMORY_AT + k;
            bool is_word = (fields[i].kind != X540_REWRITE_DESCRIPTOR || address & 8) &&
                           (fields[i].kind != X540_REWRITE_BUFFER_ADDRESS || !(address & 8));
            if (p->b->memory[k] == before[k])
                continue;
            bool is_field = address - fields[i].at < fields[i].end - fields[i].at ||
                            address - second - fields[i].at < fields[i].end - fields[i].at;
            if (!is_field || !is_word)
                fail_msg("kind 0x%x changed 0x%lx", fields[i].kind, (unsigned long)address);
            changed++;
        }
        if (changed == 0)
            fail_msg("kind 0x%x changed nothing", fields[i].kind);
        memcpy(p->b->memory, before, MEMORY_BYTES);
    }
    free(before);

    /* What software is about to read is preferred. */
    evil(p, X540_EVIL_REWRITE, (uint64_t)X540_REWRITE_ANYTHING << 32 | 7);
    for (n = 0; n < 100; n++) {
        at(p->b, frames + 700)[0] = 0xEE;
        x540_rewrite(p->b->card, frames + 700);
        if (at(p->b, frames + 700)[0] != 0xEE)
            break;
    }
    assert_true(n < 50);

    /* By itself, or not. */
    n = x540_truth(p->b->card).rewrites;
    wait_ms(p->b, 10);
    assert_int_equal(x540_truth(p->b->card).rewrites, n);
    evil(p, X540_EVIL_REWRITE, 100ull << 48 | (uint64_t)X540_REWRITE_TOTAL << 32 | 7);
    wait_ms(p->b, 10);
    assert_in_range(x540_truth(p->b->card).rewrites - n, 10 / 0.15 * 16, 10 / 0.05 * 16 + 100);
    evil(p, X540_EVIL_REWRITE, 0);
    n = x540_truth(p->b->card).rewrites;
    wait_ms(p->b, 10);
    x540_rewrite(p->b->card, 0);
    assert_int_equal(x540_truth(p->b->card).rewrites, n);
    assert_int_equal(x540_truth(p->b->card).dma_refused, 0);
}

static const struct mode {
    enum x540_evil what;
    const char *name;
    void (*check)(struct pair *p);
} modes[] = {
    {X540_EVIL_RX_LENGTH, "rx_length__lies", rx_length},
    {X540_EVIL_RX_NO_EOP, "rx_no_eop__every_second", rx_no_eop},
    {X540_EVIL_RX_ERROR, "rx_error__every_third", rx_error},
    {X540_EVIL_RX_OUT_OF_ORDER, "rx_out_of_order__one_late", rx_out_of_order},
    {X540_EVIL_RX_LATE, "rx_late__later_ones_are_there", rx_late},
    {X540_EVIL_HEAD_JUMP, "head_jump__beyond_the_ring", head_jump},
    {X540_EVIL_HEAD_STUCK, "head_stuck__frames_leave", head_stuck},
    {X540_EVIL_TX_STUCK, "tx_stuck__nothing_leaves", tx_stuck},
    {X540_EVIL_ALL_ONES, "all_ones__no_dma", all_ones},
    {X540_EVIL_SEMAPHORE_STUCK, "semaphore__stuck", semaphore_stuck},
    {X540_EVIL_RESET_STUCK, "reset__stuck", reset_stuck},
    {X540_EVIL_MASTER_STUCK, "master_disable__stuck", master_stuck},
    {X540_EVIL_ENABLE_STUCK, "enable__stuck", enable_stuck},
    {X540_EVIL_MDIO_STUCK, "mdio__stuck", mdio_stuck},
    {X540_EVIL_EERD_STUCK, "eerd__stuck", eerd_stuck},
    {X540_EVIL_DMAIDONE_STUCK, "dmaidone__stuck", dmaidone_stuck},
    {X540_EVIL_EEC_STUCK, "eec__stuck", eec_stuck},
    {X540_EVIL_NVM_CHECKSUM, "nvm_checksum__wrong", nvm_checksum},
    {X540_EVIL_BAD_MAC, "mac__zero_after_reset", bad_mac},
    {X540_EVIL_IRQ_STORM, "interrupts__storm", irq_storm},
    {X540_EVIL_IRQ_SILENT, "interrupts__silent", irq_silent},
    {X540_EVIL_LINK_LIES, "link__lies", link_lies},
    {X540_EVIL_DMA, "dma__stray", stray_dma},
    {X540_EVIL_MSI, "message__forged", forged_message},
    {X540_EVIL_FIRMWARE_REGSMP, "firmware__holds_regsmp", firmware_regsmp},
    {X540_EVIL_FIRMWARE_REGSMP, "firmware__overruled_too_early", firmware_regsmp_too_early},
    {X540_EVIL_FIRMWARE_LOCKS, "firmware__holds_its_locks", firmware_locks},
    {X540_EVIL_FIRMWARE_FLIPS, "firmware__changes_its_locks", firmware_flips},
    {X540_EVIL_FIRMWARE_SHARES, "firmware__shares_the_semaphores", firmware_shares},
    {X540_EVIL_NVM_ABSENT, "nvm__without_a_signature", nvm_absent},
    {X540_EVIL_LEFT_RECEIVING, "receive__left_on_by_firmware", left_receiving},
    {X540_EVIL_DEAD_LOCKS, "locks__left_by_a_dead_driver", dead_locks},
    {X540_EVIL_CFG_DONE_NS, "cfg_done__late", cfg_done},
    {X540_EVIL_VETO, "veto__by_management", veto},
    {X540_EVIL_ENABLE_NS, "enable__late", enable_ns},
    {X540_EVIL_EICS_ZERO, "eics__reads_zero", eics_zero},
    {X540_EVIL_PHY_DUMB_NS, "phy__dumb_after_a_reset", phy_dumb},
    {X540_EVIL_FWSM, "fwsm__as_told", fwsm},
    {X540_EVIL_CAUSES, "causes__raised_at_once", causes},
    {X540_EVIL_HOT, "status__too_hot", hot},
    {X540_EVIL_RSS_LEGACY, "rss__not_with_legacy_descriptors", rss_legacy},
    {X540_EVIL_RDH_KEPT, "heads__kept_at_a_new_start", rdh_kept},
    {X540_EVIL_NULL_RS_SILENT, "null_descriptor_with_rs__moves_no_head", null_rs_silent},
    {X540_EVIL_REWRITE, "what_was_delivered__is_written_again", rewrite},
    {X540_EVIL_LEGACY_SCTP, "sctp__lost_by_legacy_queues", legacy_sctp},
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

static void mode__breaks_its_promise(void **state)
{
    const struct mode *mode = *state;
    struct pair p = bring_up(LEGACY, true);

    mode->check(&p);
    bench_free(p.b);
}

static void modes__each_one__has_a_test(void **state)
{
    bool seen[X540_EVIL_COUNT] = {false};

    (void)state;
    for (uint32_t i = 0; i < MODES; i++)
        seen[modes[i].what] = true;
    for (uint32_t i = 0; i < X540_EVIL_COUNT; i++)
        if (!seen[i])
            fail_msg("evil mode %u has no test", i);
}

int main(void)
{
    static struct CMUnitTest tests[MODES + 1];

    for (uint32_t i = 0; i < MODES; i++) {
        tests[i].name = modes[i].name;
        tests[i].test_func = mode__breaks_its_promise;
        tests[i].initial_state = (void *)&modes[i];
    }
    tests[MODES] = (struct CMUnitTest)cmocka_unit_test(modes__each_one__has_a_test);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
