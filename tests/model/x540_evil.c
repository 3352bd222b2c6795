/* SPDX-License-Identifier: BSD-2-Clause
 * Evil mode: the switch for each kind of misbehaviour, and what happens at once when it is set. The
 * misbehaviour itself is implemented beside the correct behaviour.
 */
#include "x540_internal.h"

#include <string.h>

/* Start the queues whose start was suppressed. */
static void start_queues(struct x540 *card)
{
    for (uint32_t n = 0; n < QUEUES; n++) {
        if (card->rxq[n].ring.state == QUEUE_STARTING) {
            card->rxq[n].ring.due = card->now;
            bit_put(card->rxq_moving, n, true);
            x540_plan(card, EV_RXQ, 0);
        }
        if (card->txq[n].ring.state == QUEUE_STARTING) {
            card->txq[n].ring.due = card->now;
            bit_put(card->txq_moving, n, true);
            x540_plan(card, EV_TXQ, 0);
        }
    }
}

/* One unsolicited request. Like any other it needs bus mastering, and counts as refused if it is;
 * the driver has broken no rule. */
static void stray_dma(struct x540 *card, uint64_t arg)
{
    uint8_t bytes[64];
    uint64_t addr = arg & ~63ull;
    bool ok = true;

    if (!x540_dma_allowed(card))
        return;
    memset(bytes, arg & X540_EVIL_DMA_ZERO ? 0 : X540_EVIL_DMA_BYTE, sizeof(bytes));
    card->in_dma = true;
    if (arg & X540_EVIL_DMA_WRITE)
        ok = card->env.dma_write(card->env.opaque, addr, bytes, sizeof(bytes));
    if (ok && (arg & X540_EVIL_DMA_READ))
        ok = card->env.dma_read(card->env.opaque, addr, bytes, sizeof(bytes));
    card->in_dma = false;
    for (unsigned i = 0; ok && (arg & X540_EVIL_DMA_READ) && i < sizeof(bytes); i++)
        card->truth.stray_bytes += bytes[i] != 0;
    card->truth.dma_refused += !ok;
}

/* An interrupt is nothing but a write: one that no vector of the table stands for. */
static void forge(struct x540 *card, uint64_t arg)
{
    uint8_t bytes[4];

    if (!x540_dma_allowed(card))
        return;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(arg >> 8 * i);
    card->in_dma = true;
    card->truth.dma_refused += !card->env.dma_write(
        card->env.opaque, 0xFEE00000u + (arg >> 32 & 0xFFFFF), bytes, sizeof(bytes));
    card->in_dma = false;
}

void x540_set_evil(struct x540 *card, enum x540_evil what, uint64_t arg)
{
    if ((unsigned)what >= X540_EVIL_COUNT)
        return;
    card->evil[what] = arg;
    if ((what == X540_EVIL_RX_OUT_OF_ORDER || what == X540_EVIL_RX_LATE) && !arg) {
        card->held_until = 0;
        x540_rx_flush_held(card);
    }
    if (what == X540_EVIL_DMA && arg)
        stray_dma(card, arg);
    if (what == X540_EVIL_REWRITE)
        x540_rewrite_set(card);
    if (what == X540_EVIL_MSI && arg)
        forge(card, arg);
    if (what == X540_EVIL_FIRMWARE_REGSMP || what == X540_EVIL_FIRMWARE_LOCKS ||
        what == X540_EVIL_FIRMWARE_FLIPS || what == X540_EVIL_FIRMWARE_SHARES ||
        what == X540_EVIL_DEAD_LOCKS)
        x540_sem_evil(card, what, arg);
    if (what == X540_EVIL_LEFT_RECEIVING && arg)
        x540_rx_left_on(card, arg);
    if (what == X540_EVIL_CAUSES && arg)
        x540_intr_other(card, (uint32_t)arg & 0x7FFF0000u);
    if (arg)
        return;
    /* Correct behaviour again: continue what was stuck. */
    if (what == X540_EVIL_RESET_STUCK && card->in_reset && card->due[EV_RESET] == NEVER)
        x540_plan(card, EV_RESET, card->config.reset_ns);
    if (what == X540_EVIL_ENABLE_STUCK)
        start_queues(card);
    if (what == X540_EVIL_MDIO_STUCK && (REG(card, MSCA) & MSCA_MDI_COMMAND))
        x540_plan(card, EV_MDIO, 0);
    if (what == X540_EVIL_EERD_STUCK && ((REG(card, EERD) | REG(card, EEWR)) & EE_START))
        x540_plan(card, EV_NVM, 0);
    if (what == X540_EVIL_MASTER_STUCK)
        x540_gio_changed(card);
    if (what == X540_EVIL_TX_STUCK)
        x540_tx_run(card);
}
