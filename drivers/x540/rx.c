/* SPDX-License-Identifier: BSD-2-Clause
 * Receive: filters, the receive path as a whole, and single queues. The frames themselves are
 * handled in net/lane/lane.h.
 */
#include "drivers/x540/x540.h"
#include "arch/tsc.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

#define RSS_SYMMETRIC_KEY 0x5A6D5A6Du /* the bytes 6D 5A, over and over */

enum {
    ENABLE_LIMIT_US = 10000,
    SECRX_LIMIT_US = 40000,
    QUEUE_SETTLE_US = 100, /* after ENABLE reads 0, before the memory may be used again */
};

static uint32_t filter_bits(const struct x540 *card)
{
    return FCTRL_BAM | (card->is_promiscuous ? FCTRL_MPE | FCTRL_UPE : 0);
}

/* Receive-side scaling: a Toeplitz hash of addresses and ports chooses the queue. A key of period 16
 * bits gives the same hash when source and target change places, so that both directions of a flow
 * meet on one core. Fragments have no ports and are hashed by addresses alone. */
static void spread(struct x540 *card)
{
    mmio_t regs = card->regs;

    if (card->queues <= 1) {
        mmio_write32(regs, RXCSUM, 0);
        mmio_write32(regs, MRQC, 0);
        return;
    }
    for (uint32_t i = 0; i < 10; i++)
        mmio_write32(regs, RSSRK(i), RSS_SYMMETRIC_KEY);
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t entries = 0;
        for (uint32_t b = 0; b < 4; b++)
            entries |= (4 * i + b) % card->queues << 8 * b;
        mmio_write32(regs, RETA(i), entries);
    }
    mmio_write32(regs, RXCSUM, RXCSUM_PCSD);
    mmio_write32(regs, MRQC,
                 FIELD_PUT(MRQC_MRQE, 1) | MRQC_IPV4_TCP | MRQC_IPV4_UDP | MRQC_IPV6_TCP |
                     MRQC_IPV6_UDP | (card->by_address ? MRQC_IPV4 | MRQC_IPV6 : 0));
}

void x540_set_queues(struct port *port, unsigned n, bool by_address)
{
    struct x540 *card = port->driver_state;

    card->by_address = by_address;
    card->queues = MIN(MAX(n, 1u), QUEUES_MAX);
    spread(card);
}

void x540_rx_init(struct x540 *card)
{
    mmio_t regs = card->regs;

    /* What is accepted. Multicast hash off: all multicast or none is decided by FCTRL.MPE. */
    mmio_write32(regs, FCTRL, filter_bits(card));
    x540_change(card, VLNCTRL, VLNCTRL_VFE, 0); /* tagged frames are frames */
    mmio_write32(regs, MCSTCTRL, 0);

    /* What the MAC does to a frame: strip the CRC here and in the DMA engine alike, add it and the
     * padding on the way out. A length field that disagrees with the frame is not our business:
     * with RXLNGTHERREN the card would keep such frames from a forwarder. */
    x540_change(card, HLREG0, HLREG0_JUMBOEN | HLREG0_LPBK | HLREG0_RXLNGTHERREN,
                HLREG0_TXCRCEN | HLREG0_RXCRCSTRP | HLREG0_TXPADEN);
    x540_change(card, RDRXCTL, RDRXCTL_RSCFRSTSIZE,
                RDRXCTL_CRCSTRIP | RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX);

    /* No coalescing: a frame stays the frame that it was. */
    x540_change(card, RFCTL, 0, RFCTL_RSC_DIS);
    spread(card);

    for (uint32_t q = 0; q < 128; q++)
        x540_change(card, DCA_RXCTRL(q),
                    DCA_RXCTRL_MBZ | DCA_RXCTRL_DATA_WRO | DCA_RXCTRL_HEAD_WRO, 0);
}

enum err x540_rx_pause(struct x540 *card)
{
    /* The data path is stopped and drained before RXEN falls. */
    x540_change(card, SECRXCTRL, 0, SECRXCTRL_RX_DIS);
    enum err err = x540_wait(card, SECRXSTAT, SECRXSTAT_RDY, SECRXSTAT_RDY, SECRX_LIMIT_US,
                             "SECRXSTAT.SECRX_RDY");
    x540_change(card, RXCTRL, RXCTRL_RXEN, 0);
    return err;
}

void x540_rx_resume(struct x540 *card)
{
    x540_change(card, RXCTRL, 0, RXCTRL_RXEN);
    x540_change(card, SECRXCTRL, SECRXCTRL_RX_DIS, 0);
    card->receive_is_on = true;
}

void x540_set_promiscuous(struct port *port, bool everything)
{
    struct x540 *card = port->driver_state;

    card->is_promiscuous = everything;
    /* FCTRL may change only while nothing is received. A path that does not drain in time was
     * named in the log; the filters are set all the same. */
    if (card->receive_is_on)
        (void)x540_rx_pause(card);
    mmio_write32(card->regs, FCTRL, filter_bits(card));
    /* Taking everything includes the frames that the MAC else keeps to itself (pause). */
    x540_change(card, MFLCN, MFLCN_PMCF, everything ? MFLCN_PMCF : 0);
    if (card->receive_is_on)
        x540_rx_resume(card);
}

enum err x540_rx_start(struct port *port, unsigned q, iova_t ring, uint32_t n, mmio_t *tail)
{
    struct x540 *card = port->driver_state;
    mmio_t regs = card->regs;

    mmio_write32(regs, RDBAL(q), (uint32_t)ring.v);
    mmio_write32(regs, RDBAH(q), (uint32_t)(ring.v >> 32));
    mmio_write32(regs, RDLEN(q), n * 16);
    /* Legacy descriptors into 2 KiB buffers. One queue without descriptors drops its own frames
     * and does not block the packet buffer that all share. */
    mmio_write32(regs, SRRCTL(q),
                 FIELD_PUT(SRRCTL_BSIZEPKT, SLOT_BYTES / 1024) | FIELD_PUT(SRRCTL_DESCTYPE, 0) |
                     SRRCTL_DROP_EN);
    x540_change(card, RSCCTL(q), RSCCTL_RSCEN, 0);
    mmio_write32(regs, RDH(q), 0);
    mmio_write32(regs, RDT(q), 0);
    x540_change(card, RXDCTL(q), RXDCTL_VME | RXDCTL_SWFLSH, RXDCTL_ENABLE);
    enum err err = x540_wait(card, RXDCTL(q), RXDCTL_ENABLE, RXDCTL_ENABLE, ENABLE_LIMIT_US,
                             "RXDCTL.ENABLE");
    if (err)
        return err;
    /* The tail is the first descriptor that the card may not use. */
    mmio_write32(regs, RDT(q), n - 1);
    *tail = mmio_at(regs, RDT(q));
    /* With the last one: what the hash gives to a queue that is still off would be lost. */
    if (!card->receive_is_on && q + 1 == card->queues) {
        err = x540_rx_pause(card); /* 82599 erratum: the data path stands still while RXEN rises */
        x540_rx_resume(card);
    }
    return err;
}

enum err x540_rx_stop(struct port *port, unsigned q)
{
    struct x540 *card = port->driver_state;

    x540_change(card, RXDCTL(q), RXDCTL_ENABLE, 0);
    enum err err = x540_wait(card, RXDCTL(q), RXDCTL_ENABLE, 0, ENABLE_LIMIT_US, "RXDCTL.ENABLE");
    tsc_wait_us(QUEUE_SETTLE_US);
    return err;
}
