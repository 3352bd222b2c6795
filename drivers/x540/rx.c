/* SPDX-License-Identifier: BSD-2-Clause
 * Receive: filters, the receive path as a whole, and single queues. The frames themselves are
 * handled in net/lane/lane.h.
 */
#include "drivers/x540/x540.h"
#include "arch/bytes.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

enum {
    SECRX_LIMIT_US = 40000,
    CONTROL_FILTER = 0, /* of the eight EtherType filters */
    TYPE_ARP = 0x0806,
};

/* X550 7.1.2.1, 8.2.2.8.4 */
static uint32_t filter_bits(const struct x540 *card)
{
    return FCTRL_BAM | (card->is_promiscuous ? FCTRL_MPE | FCTRL_UPE : 0);
}

/* The longest frame (X550 8.2.2.16.6). What is longer is counted in ROC. */
static void limit_size(struct x540 *card)
{
    enum { CRC_BYTES = 4 };
    uint32_t most = MAX(card->port->frame_max, card->is_promiscuous ? FRAME_LONG : FRAME_USUAL);

    x540_write(card, MAXFRS, FIELD_PUT(MAXFRS_MFS, most + CRC_BYTES));
    x540_change(card, HLREG0, HLREG0_JUMBOEN, most > FRAME_USUAL ? HLREG0_JUMBOEN : 0);
}

/* Receive-side scaling (X550 7.1.3.7): a Toeplitz hash of addresses and ports selects the queue.
 * Fragments have no ports: they are hashed by addresses if by_address is set (IPv6 perhaps not even
 * then, 7.1.3.7.3), and else go to queue 0. The table is undefined after a reset. */
static void rss_setup(struct x540 *card)
{
    /* PCSD stays off: it puts the hash into the descriptor, of which the legacy format has no field. */
    x540_write(card, RXCSUM, 0);
    if (card->queues <= 1) {
        x540_write(card, MRQC, 0);
        return;
    }
    for (uint32_t i = 0; i < RSS_KEY_BYTES / 4; i++)
        x540_write(card, RSSRK(i), load32(card->hash_key + 4 * i));
    for (uint32_t i = 0; i < card->family->rss_entries / 4; i++) {
        uint32_t entries = 0;
        for (uint32_t b = 0; b < 4; b++)
            entries |= (4 * i + b) % card->queues << 8 * b;
        x540_write(card, i < 32 ? RETA(i) : ERETA(i - 32), entries);
    }
    x540_write(card, MRQC,
               FIELD_PUT(MRQC_MRQE, 1) | MRQC_IPV4_TCP | MRQC_IPV4_UDP | MRQC_IPV6_TCP |
                   MRQC_IPV6_UDP | (card->by_address ? MRQC_IPV4 | MRQC_IPV6 : 0));
}

/* X550 7.1.3.7 */
void x540_set_queues(struct port *port, unsigned n, bool by_address, const uint8_t *hash_key)
{
    struct x540 *card = port->driver_state;

    card->by_address = by_address;
    card->hash_key = hash_key;
    card->queues = MIN(MAX(n, 1u), QUEUES_MAX);
    rss_setup(card);
}

/* EtherType filter (X550 7.1.3.3): it comes before RSS, works without RSS, and is compared with
 * every type field of a frame, so a VLAN-tagged ARP frame matches too. "When possible it is
 * recommended to assign Rx queues not used by the DCB / RSS queues" (table 7-1). */
static void control_filter(struct x540 *card)
{
    x540_write(card, ETQF(CONTROL_FILTER), 0); /* off while the other half changes */
    x540_write(card, ETQS(CONTROL_FILTER),
               card->has_control_queue ? ETQS_QUEUE_ENABLE | FIELD_PUT(ETQS_RX_QUEUE, CONTROL_QUEUE)
                                       : 0);
    if (card->has_control_queue)
        x540_write(card, ETQF(CONTROL_FILTER), ETQF_FILTER_ENABLE | TYPE_ARP);
}

/* X550 7.1.3.3 */
void x540_set_control_queue(struct port *port, bool is_wanted)
{
    struct x540 *card = port->driver_state;

    card->has_control_queue = is_wanted;
    control_filter(card);
}

/* X550 4.6.7 */
void x540_rx_init(struct x540 *card)
{
    /* Filters. The multicast hash is off: FCTRL.MPE accepts all multicast frames or none. */
    x540_write(card, FCTRL, filter_bits(card));
    x540_change(card, VLNCTRL, VLNCTRL_VFE, 0); /* accept tagged frames too */
    x540_write(card, MCSTCTRL, 0);

    /* The MAC strips the CRC (as RDRXCTL tells the DMA engine), and adds it and the padding on
     * transmit. RXLNGTHERREN stays off: with it the card would drop frames whose length field
     * disagrees with their length, which a forwarder must pass on. Under management CTRL.RST does
     * not reset the MAC (X550 4.2.3), so the bits that an earlier driver may have set are
     * cleared. */
    x540_change(card, HLREG0,
                HLREG0_LPBK | HLREG0_CONTMDC | HLREG0_PREPEND | HLREG0_RXLNGTHERREN |
                    HLREG0_RXPADSTRIPEN,
                HLREG0_TXCRCEN | HLREG0_RXCRCSTRP | HLREG0_TXPADEN | HLREG0_MDCSPD);
    limit_size(card);
    /* Pause frames are ignored and not delivered to the host: PMCF decides the latter where neither
     * RPFCE nor RFCE is set (X550 8.2.2.3.6). */
    x540_change(card, MFLCN, MFLCN_PMCF | MFLCN_DPF | MFLCN_RPFCE | MFLCN_RFCE | MFLCN_RPFCE_MASK,
                0);
    x540_change(card, MACC, MACC_FLU | MACC_RX2TX_LPBK, 0);
    x540_change(card, RDRXCTL, RDRXCTL_RSCFRSTSIZE | (card->family->has_mdd ? RDRXCTL_MDD : 0),
                RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX |
                    (card->family->has_82599_bits ? RDRXCTL_CRCSTRIP : 0));

    /* No coalescing: frames are delivered unchanged. The X550 has only RSCCTL for it. No NFS
     * filters either. */
    x540_change(card, RFCTL, 0,
                RFCTL_NFSW_DIS | RFCTL_NFSR_DIS |
                    (card->family->has_82599_bits ? RFCTL_RSC_DIS : 0));
    rss_setup(card);
    control_filter(card);

    for (uint32_t q = 0; q < 128; q++)
        x540_change(card, DCA_RXCTRL(q), DCA_RXCTRL_MBZ | DCA_RXCTRL_DATA_WRO | DCA_RXCTRL_HEAD_WRO,
                    0);
}

/* X550 8.2.2.8.4 note, 8.2.2.24.5-6 */
enum err x540_rx_pause(struct x540 *card)
{
    /* The data path is stopped and drained before RXEN is cleared. Queues may be on: the documents
     * require them off first for a stop (X550 4.6.7.1.1), and state nothing about a pause. */
    x540_change(card, SECRXCTRL, 0, SECRXCTRL_RX_DIS);
    enum err err = x540_wait(card, SECRXSTAT, SECRXSTAT_RDY, SECRXSTAT_RDY, SECRX_LIMIT_US,
                             "SECRXSTAT.SECRX_RDY");
    x540_change(card, RXCTRL, RXCTRL_RXEN, 0);
    return err;
}

/* X550 8.2.2.8.4 note, 8.2.2.24.5-6 */
void x540_rx_resume(struct x540 *card)
{
    x540_change(card, RXCTRL, 0, RXCTRL_RXEN);
    x540_change(card, SECRXCTRL, SECRXCTRL_RX_DIS, 0);
    card->receive_is_on = true;
}

/* X550 8.2.2.8.4, table 3-43 */
void x540_set_promiscuous(struct port *port, bool everything)
{
    struct x540 *card = port->driver_state;

    card->is_promiscuous = everything;
    /* FCTRL may change only while receive is off. If the data path does not drain in time,
     * x540_rx_pause has logged it, and the filters are set nevertheless. */
    if (card->receive_is_on)
        (void)x540_rx_pause(card);
    x540_write(card, FCTRL, filter_bits(card));
    limit_size(card);
    if (card->receive_is_on)
        x540_rx_resume(card);
}

static enum err receive_on(struct x540 *card)
{
    enum err err = x540_rx_pause(card); /* 82599 erratum: stop the data path while RXEN is set */

    x540_rx_resume(card);
    return err;
}

/* X550 4.6.7.1 */
enum err x540_rx_start(struct port *port, unsigned q, iova_t ring, uint32_t n, mmio_t *tail)
{
    struct x540 *card = port->driver_state;

    x540_write(card, RDBAL(q), (uint32_t)ring.v);
    x540_write(card, RDBAH(q), (uint32_t)(ring.v >> 32));
    x540_write(card, RDLEN(q), n * 16);
    /* Legacy descriptors. DROP_EN: a queue without descriptors drops its frames
     * instead of blocking the packet buffer that all queues share. */
    x540_write(card, SRRCTL(q),
               FIELD_PUT(SRRCTL_BSIZEPKT, port->slot_bytes / 1024) | FIELD_PUT(SRRCTL_DESCTYPE, 0) |
                   SRRCTL_DROP_EN);
    x540_change(card, RSCCTL(q), RSCCTL_RSCEN, 0);
    x540_write(card, RDH(q), 0);
    x540_write(card, RDT(q), 0);
    x540_change(card, RXDCTL(q), RXDCTL_VME | (card->family->has_82599_bits ? RXDCTL_SWFLSH : 0),
                RXDCTL_ENABLE);
    enum err err = x540_wait(card, RXDCTL(q), RXDCTL_ENABLE, RXDCTL_ENABLE, card->enable_limit_us,
                             "RXDCTL.ENABLE");
    if (!err)
        err = x540_starts_at_0(card, RDH(q), "RDH");
    if (err)
        return err;
    /* The tail is the first descriptor that does not belong to the card. */
    x540_write(card, RDT(q), n - 1);
    *tail = mmio_at(card->regs, RDT(q));
    /* Receive is enabled with the last queue, in whichever order cores start them: frames hashed to
     * a disabled queue would be lost. */
    uint32_t all = (uint32_t)(BIT64(card->queues) - 1);
    bool are_complete =
        (__atomic_or_fetch(&card->rx_started, BIT(q), __ATOMIC_ACQ_REL) & all) == all;
    return are_complete && !card->receive_is_on ? receive_on(card) : OK;
}

void x540_receive(struct port *port)
{
    struct x540 *card = port->driver_state;

    if (!card->receive_is_on)
        (void)receive_on(card); /* a time-out was logged; receive is on nevertheless */
}

/* X550 4.6.7.1.1 */
enum err x540_rx_stop(struct port *port, unsigned q)
{
    struct x540 *card = port->driver_state;

    (void)__atomic_and_fetch(&card->rx_started, ~BIT(q), __ATOMIC_ACQ_REL);
    x540_change(card, RXDCTL(q), RXDCTL_ENABLE, 0);
    enum err err =
        x540_wait(card, RXDCTL(q), RXDCTL_ENABLE, 0, card->enable_limit_us, "RXDCTL.ENABLE");
    task_wait_us(X540_QUEUE_SETTLE_US);
    return err;
}
