/* SPDX-License-Identifier: BSD-2-Clause
 * Transmit queues as the driver sets them up: rings, enable and disable, tails, and the rules of
 * that. Read next: x540_tx.c.
 */
#include <string.h>

#include "x540_internal.h"

static void plan_moves(struct x540 *card)
{
    uint64_t first = NEVER;

    for (uint32_t n = 0; n < QUEUES; n++)
        if (bit_test(card->txq_moving, n) && card->txq[n].ring.due < first)
            first = card->txq[n].ring.due;
    if (first != NEVER)
        x540_plan_at(card, EV_TXQ, first);
}

static void move(struct x540 *card, uint32_t n, enum queue_state to)
{
    struct tx_queue *queue = &card->txq[n];

    x540_ring_move(card, &queue->ring, to);
    bit_put(card->txq_moving, n, true);
    bit_put(card->tx_work, n, false);
    if (queue->ring.due < card->due[EV_TXQ])
        x540_plan_at(card, EV_TXQ, queue->ring.due);
}

/* ---- Rules at enable ---- */

static void check_report(struct x540 *card, uint32_t n, uint32_t txdctl)
{
    uint32_t tdwbal = REG(card, TDWBAL(n)), wthresh = GET(TXDCTL_WTHRESH, txdctl);

    if (GET(TXDCTL_PTHRESH, txdctl) + wthresh > 40)
        x540_complain(card, RULE_TX_THRESHOLDS, "TXDCTL[%u] = 0x%08x: PTHRESH + WTHRESH > 40", n,
                      txdctl);
    if (REG(card, DCA_TXCTRL(n)) & DCA_TXCTRL_DESC_WRO) {
        if (tdwbal & TDWBAL_ENABLE)
            x540_complain(card, RULE_HEAD_WB_ORDER,
                          "TDWBAL[%u] = 0x%08x with DCA_TXCTRL = 0x%08x: bit 11 must be 0", n,
                          tdwbal, REG(card, DCA_TXCTRL(n)));
        else
            x540_complain(card, RULE_DCA_TXCTRL_B11, "DCA_TXCTRL[%u] = 0x%08x: bit 11 is 1", n,
                          REG(card, DCA_TXCTRL(n)));
    }
    if (!(tdwbal & TDWBAL_ENABLE))
        return;
    if (wthresh)
        x540_complain(card, RULE_HEAD_WB_WTHRESH,
                      "TXDCTL[%u] = 0x%08x: WTHRESH %u with head write-back", n, txdctl, wthresh);
}

static void check_buffers(struct x540 *card)
{
    uint32_t kb = x540_packet_buffers(card, TXPBSIZE, REG(card, MTQC) & MTQC_RT_ENA);
    uint32_t first = GET(PBSIZE_KB, REG(card, TXPBSIZE));

    if (kb > 160 || !first)
        x540_complain(card, RULE_TXPBSIZE_TOTAL, "TXPBSIZE sum %u KB, [0] %u KB: the card has 160",
                      kb, first);
    else if (first >= 10 && (REG(card, TXPBTHRESH) & 0x3FF) != first - 10)
        x540_complain(card, RULE_TXPBTHRESH, "TXPBTHRESH[0] = %u with TXPBSIZE[0] = %u KB",
                      REG(card, TXPBTHRESH), first);
    if (!(REG(card, MTQC) & 1) && (REG(card, DTXMXSZRQ) & 0xFFF) != 0xFFF)
        x540_complain(card, RULE_DTXMXSZRQ, "DTXMXSZRQ = 0x%03x without DCB: expected 0xFFF",
                      REG(card, DTXMXSZRQ));
    if (~card->rate_cleared[0] | ~card->rate_cleared[1])
        x540_complain(card, RULE_RATE_LIMITER, "a queue is enabled; rate limiters not cleared");
}

/* ---- On and off ---- */

static void begin(struct x540 *card, uint32_t n)
{
    struct tx_queue *queue = &card->txq[n];
    uint32_t tdwbal = REG(card, TDWBAL(n));

    queue->head_mode = tdwbal & TDWBAL_ENABLE;
    queue->head_writes = 0;
    queue->head_at = (uint64_t)REG(card, TDWBAH(n)) << 32 | (tdwbal & ~15u);
    queue->since_report = queue->segments_sent = 0;
    queue->context[0].valid = queue->context[1].valid = false;
    REG(card, TXDCTL(n)) &= ~TXDCTL_ENABLE; /* until it is on again */
    move(card, n, QUEUE_STARTING);
}

static void start(struct x540 *card, uint32_t n, uint32_t txdctl)
{
    struct tx_queue *queue = &card->txq[n];

    if (!(REG(card, DMATXCTL) & DMATXCTL_TE)) {
        x540_complain(card, RULE_TX_TE_FIRST, "TXDCTL[%u] = 0x%08x with DMATXCTL = 0x%08x: TE is 0",
                      n, txdctl, REG(card, DMATXCTL));
        bit_put(card->txq_wanted, n, true); /* and the queue starts when TE rises */
        return;
    }
    x540_ring_start(card, &queue->ring, 'T', n, TDBAL(n));
    check_report(card, n, txdctl);
    check_buffers(card);
    begin(card, n);
}

/* X550 8.2.2.10.10: TE enables queue 0 by itself, with whatever ring it has by then; a ring without
 * length is not the driver's mistake here. Queues whose ENABLE was written before start now too. */
static void te_risen(struct x540 *card)
{
    for (uint32_t n = 0; n < QUEUES; n++) {
        if (x540_ring_is_on(&card->txq[n].ring) || !(n == 0 || bit_test(card->txq_wanted, n)))
            continue;
        bit_put(card->txq_wanted, n, false);
        if (REG(card, TDLEN(n)) & ~127u)
            start(card, n, REG(card, TXDCTL(n)));
        else
            begin(card, n);
    }
}

void x540_txq_moved(struct x540 *card)
{
    for (uint32_t n = 0; n < QUEUES; n++) {
        struct tx_queue *queue = &card->txq[n];

        if (!bit_test(card->txq_moving, n) || queue->ring.due > card->now)
            continue;
        bit_put(card->txq_moving, n, false);
        if (queue->ring.state == QUEUE_STARTING && !card->evil[X540_EVIL_ENABLE_STUCK]) {
            queue->ring.state = QUEUE_ON;
            REG(card, TXDCTL(n)) |= TXDCTL_ENABLE;
            bit_put(card->tx_work, n, queue->ring.head != queue->ring.tail);
        } else if (queue->ring.state == QUEUE_STOPPING) {
            queue->ring.state = QUEUE_OFF;
            REG(card, TXDCTL(n)) &= ~TXDCTL_ENABLE;
        }
    }
    plan_moves(card);
}

static void txdctl_write(struct x540 *card, uint32_t n, uint32_t value)
{
    struct tx_queue *queue = &card->txq[n];
    uint32_t enable = REG(card, TXDCTL(n)) & TXDCTL_ENABLE;

    REG(card, TXDCTL(n)) = (value & 0x007F7F7F) | enable; /* SWFLSH clears itself */
    if (value & TXDCTL_ENABLE) {
        if (!x540_ring_is_on(&queue->ring))
            start(card, n, value);
        return;
    }
    bit_put(card->txq_wanted, n, false);
    if (x540_ring_is_on(&queue->ring)) {
        if (queue->ring.head != queue->ring.tail)
            x540_complain(card, RULE_TX_DISABLE_BUSY,
                          "TXDCTL[%u].ENABLE cleared with TDH = %u, TDT = %u", n, queue->ring.head,
                          queue->ring.tail);
        move(card, n, QUEUE_STOPPING);
    }
}

/* ---- Registers ---- */

static void ring_write(struct x540 *card, uint32_t offset, uint32_t value)
{
    struct tx_queue *queue = &card->txq[tx_queue_of(offset)];
    char name[32];

    if (x540_ring_is_on(&queue->ring)) {
        x540_complain(card, RULE_RING_CHANGED, "%s = 0x%08x while the queue is enabled",
                      x540_register_name(card, offset, name), value);
        return;
    }
    switch (offset & 0x3F) {
    case 0x00:
        queue->ring.raw_base = value;
        value &= ~127u;
        break;
    case 0x08:
        queue->ring.raw_length = value;
        value &= 0xFFF80;
        break;
    case 0x38: /* bits 3:2 are not there: the head is written below the address that was meant */
        if ((value & TDWBAL_ENABLE) && (value & 0xC))
            x540_complain(card, RULE_HEAD_WB_ALIGN, "%s = 0x%08x: not 16-byte aligned",
                          x540_register_name(card, offset, name), value);
        value &= ~14u;
        break;
    }
    REG(card, offset) = value;
}

static void tail_write(struct x540 *card, uint32_t n, uint32_t value)
{
    struct tx_queue *queue = &card->txq[n];

    if (!x540_ring_tail(card, &queue->ring, 'T', n, TDBAL(n), value))
        return;
    if (REG(card, RTTDCS) & RTTDCS_ARBDIS)
        x540_complain(card, RULE_ARBDIS_LEFT, "TDT[%u] = %u with RTTDCS.ARBDIS = 1", n, value);
    if (!(REG(card, CTRL_EXT) & CTRL_EXT_DRV_LOAD))
        x540_complain(card, RULE_DRV_LOAD, "TDT[%u] = %u with CTRL_EXT = 0x%08x: DRV_LOAD is 0", n,
                      value, REG(card, CTRL_EXT));
    if (queue->ring.head != value) {
        bit_put(card->tx_work, n, true);
        x540_tx_queue_run(card, n);
    }
}

void x540_tx_write(struct x540 *card, uint32_t offset, uint32_t behaviour, uint32_t value)
{
    uint32_t te;

    switch (behaviour) {
    case B_TDT:
        tail_write(card, tx_queue_of(offset), value);
        break;
    case B_TX_RING:
        ring_write(card, offset, value);
        break;
    case B_TDH:
        x540_ring_head(card, &card->txq[tx_queue_of(offset)].ring, 'T', tx_queue_of(offset), value);
        break;
    case B_TXDCTL:
        txdctl_write(card, tx_queue_of(offset), value);
        break;
    case B_MTQC:
        if (REG(card, RTTDCS) & RTTDCS_ARBDIS)
            REG(card, MTQC) = value & 0xF;
        else
            x540_complain(card, RULE_MTQC_ARBDIS,
                          "MTQC = 0x%08x with RTTDCS = 0x%08x: ARBDIS is 0, write ignored", value,
                          REG(card, RTTDCS));
        break;
    default: /* DMATXCTL */
        te = REG(card, DMATXCTL) & DMATXCTL_TE;
        REG(card, DMATXCTL) = (value & 0xFFFF0029) | (REG(card, DMATXCTL) & 0x14);
        if ((value & DMATXCTL_TE) && !te)
            te_risen(card);
        x540_tx_run(card);
        break;
    }
}

void x540_tx_reset(struct x540 *card)
{
    memset(card->txq, 0, sizeof(card->txq));
    memset(card->tx_work, 0, sizeof(card->tx_work));
    memset(card->txq_moving, 0, sizeof(card->txq_moving));
    memset(card->txq_wanted, 0, sizeof(card->txq_wanted));
    card->tx_turn = 0;
}
