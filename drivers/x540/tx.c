/* SPDX-License-Identifier: BSD-2-Clause
 * Transmit: the path as a whole and single queues. The frames themselves are handled in
 * net/lane/lane.h.
 */
#include "drivers/x540/x540.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

enum {
    /* A full ring takes less than 1 ms; under emulation longer. */
    DRAIN_LIMIT_US = 100000,
    TX_BUFFER_KB = 160,  /* all of it, in one traffic class */
    TX_LARGEST_KB = 10,  /* room kept for the largest frame */
    TX_REQUESTS = 0xFFF, /* outstanding bytes, the maximum */
    /* Descriptors are prefetched when fewer than PTHRESH are on the chip and at least HTHRESH are
     * in the ring. The chip holds 40; Linux uses 32 because more can hang it. Head write-back
     * requires WTHRESH 0: no batched write-back. */
    PREFETCH = 32,
    PREFETCH_LEAST = 4,
};

/* X550 4.6.8, 4.6.11.3.4 */
void x540_tx_init(struct x540 *card)
{
    /* One traffic class, 64 queues; the arbiter is disabled while MTQC changes. */
    x540_change(card, RTTDCS, 0, RTTDCS_ARBDIS);
    x540_write(card, MTQC, 0);
    x540_change(card, RTTDCS, RTTDCS_ARBDIS, 0);

    x540_change(card, DTXMXSZRQ, DTXMXSZRQ_MAX_BYTES, FIELD_PUT(DTXMXSZRQ_MAX_BYTES, TX_REQUESTS));
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t kb = i == 0 ? TX_BUFFER_KB : 0;
        x540_write(card, TXPBSIZE(i), FIELD_PUT(TXPBSIZE_SIZE, kb));
        x540_write(card, TXPBTHRESH(i), FIELD_PUT(TXPBTHRESH_THRESH, kb ? kb - TX_LARGEST_KB : 0));
    }
    /* Write-backs in strict order: one that overtakes another would move the head backwards. */
    for (uint32_t q = 0; q < 128; q++) {
        x540_change(card, DCA_TXCTRL(q), DCA_TXCTRL_DESC_WRO, 0);
        x540_write(card, RTTDQSEL, FIELD_PUT(RTTDQSEL_TXDQ_IDX, q));
        x540_write(card, RTTDT1C, 0);  /* no credits: no weighted sharing */
        x540_write(card, RTTBCNRC, 0); /* no rate limit */
    }
    x540_change(card, DMATXCTL, card->family->has_mdd ? DMATXCTL_MDD : 0, DMATXCTL_TE);
}

/* X550 4.6.8.1 */
enum err x540_tx_start(struct port *port, unsigned q, iova_t ring, uint32_t n, iova_t head,
                       mmio_t *tail)
{
    struct x540 *card = port->driver_state;

    /* DMATXCTL.TE has enabled queue 0 (X550 8.2.2.10.10), and the card loads a ring's registers
     * only when ENABLE goes from 0 to 1 (4.6.8.1). */
    x540_write(card, TXDCTL(q), 0);
    enum err err =
        x540_wait(card, TXDCTL(q), TXDCTL_ENABLE, 0, card->enable_limit_us, "TXDCTL.ENABLE");
    if (err)
        return err;
    x540_write(card, TDBAL(q), (uint32_t)ring.v);
    x540_write(card, TDBAH(q), (uint32_t)(ring.v >> 32));
    x540_write(card, TDLEN(q), n * 16);
    x540_write(card, TDH(q), 0);
    x540_write(card, TDT(q), 0);
    x540_write(card, TDWBAH(q), (uint32_t)(head.v >> 32));
    x540_write(card, TDWBAL(q), (uint32_t)head.v | TDWBAL_HEAD_WB_ENABLE);
    uint32_t thresholds = FIELD_PUT(TXDCTL_PTHRESH, PREFETCH) |
                          FIELD_PUT(TXDCTL_HTHRESH, PREFETCH_LEAST) | FIELD_PUT(TXDCTL_WTHRESH, 0);
    x540_change(card, TXDCTL(q), TXDCTL_PTHRESH | TXDCTL_HTHRESH | TXDCTL_WTHRESH | TXDCTL_SWFLSH,
                thresholds | TXDCTL_ENABLE);
    err = x540_wait(card, TXDCTL(q), TXDCTL_ENABLE, TXDCTL_ENABLE, card->enable_limit_us,
                    "TXDCTL.ENABLE");
    if (!err)
        err = x540_starts_at_0(card, TDH(q), "TDH");
    *tail = mmio_at(card->regs, TDT(q));
    return err;
}

/* X550 4.6.8.1.1 */
enum err x540_tx_stop(struct port *port, unsigned q, uint32_t *head)
{
    struct x540 *card = port->driver_state;

    /* Queued frames are sent first. Without a link they cannot be, and a queue must not be disabled
     * while it holds frames: the caller then resets the card, as the reference drivers do. */
    if (!(x540_read(card, TXDCTL(q)) & TXDCTL_ENABLE))
        return OK; /* off since a reset, which has cleared TDH */
    uint32_t tail = x540_read(card, TDT(q)), stopped_at = x540_read(card, TDH(q));
    enum err err = OK;
    if (stopped_at != tail && port->link_is_up)
        err = x540_wait(card, TDH(q), 0xFFFFFFFFu, tail, DRAIN_LIMIT_US, "TDH");
    stopped_at = x540_read(card, TDH(q));
    if (stopped_at != 0xFFFFFFFFu) /* else the card is gone */
        *head = stopped_at;
    if (err || stopped_at != tail) {
        log_warn("x540 p%u: transmit queue %u cannot be stopped: TDH is %u, TDT %u", port->index, q,
                 stopped_at, tail);
        return ERR_BUSY;
    }
    x540_change(card, TXDCTL(q), TXDCTL_ENABLE, 0);
    return x540_wait(card, TXDCTL(q), TXDCTL_ENABLE, 0, card->enable_limit_us, "TXDCTL.ENABLE");
}

uint32_t x540_tx_head(struct port *port, unsigned q)
{
    struct x540 *card = port->driver_state;

    return x540_read(card, TDH(q));
}
