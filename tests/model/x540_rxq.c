/* SPDX-License-Identifier: BSD-2-Clause
 * Receive queues as the driver sets them up: rings, enable and disable, tails; and the rules that
 * are looked at when receive has been opened. Read next: x540_rx.c.
 */
#include <string.h>

#include "x540_internal.h"

#define RX_CHECK_NS 50000000ull /* a driver that still sets up loopback then is forgiven */

void x540_rx_buffer_size(struct x540 *card)
{
    uint32_t kb = x540_packet_buffers(card, RXPBSIZE, REG(card, MRQC) & MRQC_RT_ENA);
    uint32_t all = card->config.kind == X540_82599 ? 512 : 384, fdir;

    fdir = GET(FDIRCTRL_PBALLOC, REG(card, FDIRCTRL));
    all -= fdir ? 32u << fdir : 0;
    card->rx_buffer_bytes = (kb < all ? kb : all) * 1024;
}

uint32_t x540_rxq_available(const struct rx_queue *queue)
{
    return queue->ring.tail >= queue->ring.head
               ? queue->ring.tail - queue->ring.head
               : queue->ring.size - queue->ring.head + queue->ring.tail;
}

/* ---- On and off ---- */

static void plan_moves(struct x540 *card)
{
    uint64_t first = NEVER;

    for (uint32_t n = 0; n < QUEUES; n++)
        if (bit_test(card->rxq_moving, n) && card->rxq[n].ring.due < first)
            first = card->rxq[n].ring.due;
    if (first != NEVER)
        x540_plan_at(card, EV_RXQ, first);
}

static void move(struct x540 *card, uint32_t n, enum queue_state to)
{
    struct rx_queue *queue = &card->rxq[n];

    x540_ring_move(card, &queue->ring, to);
    queue->cached = 0;
    bit_put(card->rxq_moving, n, true);
    bit_put(card->rx_dry, n, false);
    if (queue->ring.due < card->due[EV_RXQ])
        x540_plan_at(card, EV_RXQ, queue->ring.due);
}

static void check_buffer(struct x540 *card, uint32_t n)
{
    uint32_t srrctl = REG(card, SRRCTL(n)), type = GET(SRRCTL_DESCTYPE, srrctl);
    uint32_t kb = GET(SRRCTL_BSIZEPKT, srrctl);

    if (kb < 1 || kb > 16)
        x540_complain(card, RULE_RX_BUFFER_SIZE, "SRRCTL[%u] = 0x%08x: BSIZEPKT %u, expected 1..16",
                      n, srrctl, kb);
    if (type == 2 || type == 5)
        x540_complain(card, RULE_RX_HEADER_SPLIT, "SRRCTL[%u] = 0x%08x: DESCTYPE %u", n, srrctl,
                      type);
    else if (type > 1)
        x540_complain(card, RULE_RX_DESC_TYPE, "SRRCTL[%u] = 0x%08x: DESCTYPE %u", n, srrctl, type);
    if (REG(card, DCA_RXCTRL(n)) & DCA_RXCTRL_MBZ)
        x540_complain(card, RULE_DCA_RXCTRL_B12, "DCA_RXCTRL[%u] = 0x%08x: bit 12 is 1", n,
                      REG(card, DCA_RXCTRL(n)));
}

static void set_limit(struct rx_queue *queue, uint32_t rxdctl)
{
    queue->strip_vlan = rxdctl & RXDCTL_VME;
    queue->max_bytes = rxdctl & RXDCTL_RLPML_EN ? GET(RXDCTL_RLPML, rxdctl) : 0;
}

static void take_srrctl(struct x540 *card, uint32_t n)
{
    struct rx_queue *queue = &card->rxq[n];
    uint32_t srrctl = REG(card, SRRCTL(n)), kb = GET(SRRCTL_BSIZEPKT, srrctl);

    if (queue->ring.size)
        check_buffer(card, n);
    queue->buffer_bytes = (kb ? kb : 1) * 1024;
    queue->advanced = GET(SRRCTL_DESCTYPE, srrctl) != 0;
    queue->drop = srrctl & SRRCTL_DROP_EN;
}

static void start(struct x540 *card, uint32_t n)
{
    struct rx_queue *queue = &card->rxq[n];

    x540_ring_start(card, &queue->ring, 'R', n, RDBAL(n));
    take_srrctl(card, n);
    queue->was_filled = false;
    REG(card, RXDCTL(n)) &= ~RXDCTL_ENABLE; /* until it is on again */
    move(card, n, QUEUE_STARTING);
}

void x540_rx_left_on(struct x540 *card, uint64_t ring)
{
    enum { DESCRIPTORS = 64 };
    struct rx_queue *queue = &card->rxq[0];

    REG(card, RDBAL(0)) = (uint32_t)ring;
    REG(card, RDBAL(0) + 4) = (uint32_t)(ring >> 32);
    REG(card, RDBAL(0) + RING_LENGTH) = DESCRIPTORS * 16;
    REG(card, RDBAL(0) + RING_TAIL) = DESCRIPTORS - 1;
    queue->ring = (struct x540_ring){
        .state = QUEUE_ON, .size = DESCRIPTORS, .tail = DESCRIPTORS - 1, .base = ring};
    queue->buffer_bytes = 2048;
    queue->was_filled = true;
    queue->drop = queue->advanced = false;
    queue->cached = 0;
    REG(card, RXDCTL(0)) |= RXDCTL_ENABLE;
    REG(card, RXCTRL) |= RXCTRL_RXEN;
    REG(card, FCTRL) |= FCTRL_UPE | FCTRL_MPE | FCTRL_BAM;
}

void x540_rxq_moved(struct x540 *card)
{
    for (uint32_t n = 0; n < QUEUES; n++) {
        struct rx_queue *queue = &card->rxq[n];

        if (!bit_test(card->rxq_moving, n) || queue->ring.due > card->now)
            continue;
        bit_put(card->rxq_moving, n, false);
        if (queue->ring.state == QUEUE_STARTING && !card->evil[X540_EVIL_ENABLE_STUCK]) {
            queue->ring.state = QUEUE_ON;
            REG(card, RXDCTL(n)) |= RXDCTL_ENABLE;
        } else if (queue->ring.state == QUEUE_STOPPING) {
            queue->ring.state = QUEUE_OFF;
            REG(card, RXDCTL(n)) &= ~RXDCTL_ENABLE;
        }
    }
    plan_moves(card);
    x540_rx_drain(card);
}

static void rxdctl_write(struct x540 *card, uint32_t n, uint32_t value)
{
    struct rx_queue *queue = &card->rxq[n];
    bool on = x540_ring_is_on(&queue->ring);
    uint32_t enable = REG(card, RXDCTL(n)) & RXDCTL_ENABLE;

    REG(card, RXDCTL(n)) = (value & (0x007FFFFF | RXDCTL_SWFLSH | RXDCTL_VME)) | enable;
    set_limit(queue, value);
    if (value & RXDCTL_ENABLE) {
        if (!on)
            start(card, n);
    } else if (on) {
        x540_rx_flush_line(card);
        move(card, n, QUEUE_STOPPING);
    }
}

/* ---- Registers of a ring ---- */

static void ring_write(struct x540 *card, uint32_t offset, uint32_t value)
{
    struct rx_queue *queue = &card->rxq[rx_queue_of(offset)];
    char name[32];

    if (x540_ring_is_on(&queue->ring)) {
        x540_complain(card, RULE_RING_CHANGED, "%s = 0x%08x while the queue is enabled",
                      x540_register_name(card, offset, name), value);
        return;
    }
    switch (offset & 0x3F) {
    case 0x00:
        queue->ring.raw_base = value;
        REG(card, offset) = value & ~127u;
        break;
    case 0x04:
        REG(card, offset) = value;
        break;
    default:
        queue->ring.raw_length = value;
        REG(card, offset) = value & 0xFFF80;
        break;
    }
}

static void tail_write(struct x540 *card, uint32_t n, uint32_t value)
{
    struct rx_queue *queue = &card->rxq[n];

    if (!x540_ring_tail(card, &queue->ring, 'R', n, RDBAL(n), value))
        return;
    queue->was_filled = true;
    bit_put(card->rx_dry, n, false);
    if (card->rx_store_frames)
        x540_rx_drain(card);
}

static void srrctl_write(struct x540 *card, uint32_t offset, uint32_t value)
{
    uint32_t n = rx_queue_of(offset);
    struct rx_queue *queue = &card->rxq[n];
    bool on = x540_ring_is_on(&queue->ring);
    uint32_t was = REG(card, offset);

    REG(card, offset) = value & 0x1FC03F1F;
    if (on && !queue->was_filled) { /* no descriptor was fetched: iPXE writes it here */
        take_srrctl(card, n);
    } else if (on) {
        if ((was ^ value) & (SRRCTL_BSIZEPKT | SRRCTL_DESCTYPE))
            x540_complain(card, RULE_RING_CHANGED,
                          "SRRCTL[%u] = 0x%08x (was 0x%08x) while the queue is enabled", n, value,
                          was);
        queue->drop = value & SRRCTL_DROP_EN;
        if (!queue->drop)
            bit_put(card->rx_dry, n, false);
    }
}

/* ---- Opening receive ---- */

static bool was_written(const struct x540 *card, uint32_t offset)
{
    return card->touched[offset >> 5] >> (offset >> 2 & 7) & 1;
}

/* One complaint a table: its first element that the driver never wrote. */
static void check_written(struct x540 *card, uint32_t offset, uint32_t stride, uint32_t count,
                          enum x540_rule rule)
{
    char name[32];

    for (uint32_t i = 0; i < count; i++, offset += stride)
        if (!was_written(card, offset)) {
            x540_complain(card, rule, "%s = 0x%08x was never written: undefined",
                          x540_register_name(card, offset, name), REG(card, offset));
            return;
        }
}

static void check_tables(struct x540 *card)
{
    uint32_t rows, offset;
    const struct x540_register *table = x540_registers(&rows);
    char name[32];

    for (uint32_t r = 0; r < rows; r++)
        if (table[r].behaviour == B_TABLE)
            check_written(card, table[r].offset, table[r].stride, table[r].count, RULE_TABLE_JUNK);
    check_written(card, RAL + 8, 8, QUEUES - 1, RULE_TABLE_JUNK);
    check_written(card, RAH + 8, 8, QUEUES - 1, RULE_TABLE_JUNK);
    check_written(card, FTQF, 4, QUEUES, RULE_FTQF_JUNK);
    if (REG(card, MRQC) & MRQC_MRQE) {
        check_written(card, RETA, 4, 32, RULE_RETA_JUNK);
        if (card->config.kind == X540_X550)
            check_written(card, ERETA, 4, 96, RULE_RETA_JUNK);
    }
    if (!x540_stats_cleared(card, &offset))
        x540_complain(card, RULE_STATS_JUNK, "%s never read since power-on",
                      x540_register_name(card, offset, name));
}

static void check_buffers(struct x540 *card)
{
    uint32_t kb = x540_packet_buffers(card, RXPBSIZE, REG(card, MRQC) & MRQC_RT_ENA);
    uint32_t all = card->config.kind == X540_82599 ? 512 : 384;
    uint32_t fdir = GET(FDIRCTRL_PBALLOC, REG(card, FDIRCTRL)), fcrth = REG(card, FCRTH);

    fdir = fdir ? 32u << fdir : 0;
    if (kb + fdir > all || !GET(PBSIZE_KB, REG(card, RXPBSIZE)))
        x540_complain(card, RULE_RXPBSIZE_TOTAL,
                      "RXPBSIZE sum %u KB, [0] %u KB, flow director %u KB: the card has %u KB", kb,
                      GET(PBSIZE_KB, REG(card, RXPBSIZE)), fdir, all);
    fcrth &= 0x7FFE0;
    if (!fcrth || fcrth >= kb * 1024)
        x540_complain(card, RULE_FCRTH, "FCRTH[0] = 0x%08x with %u KB of packet buffer",
                      REG(card, FCRTH), kb);
}

/* Check the set-up that the facts require before the first frame; once each time receive is
 * enabled. */
void x540_rx_check(struct x540 *card)
{
    uint32_t hlreg0 = REG(card, HLREG0), rdrxctl = REG(card, RDRXCTL);
    uint32_t wanted = RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX | RDRXCTL_MUST;
    bool x550 = card->config.kind == X540_X550; /* has no bits of CRC stripping, NS_DIS, RSC_DIS */
    uint32_t must = x550 ? HLREG0_MUST : BIT(3);

    if (card->rx_checked || !(REG(card, RXCTRL) & RXCTRL_RXEN) || (hlreg0 & HLREG0_LPBK))
        return;
    card->rx_checked = true;
    x540_plan_never(card, EV_RX_CHECK);
    if ((hlreg0 & (HLREG0_MUST | HLREG0_MUST_5)) != (must | 5u << 11))
        x540_complain(card, RULE_HLREG0, "HLREG0 = 0x%08x: expected 9:3 = 0x%02x, 14:11 = 5",
                      hlreg0, must >> 3);
    if (!x550 && !(hlreg0 & HLREG0_RXCRCSTRP) != !(rdrxctl & RDRXCTL_CRCSTRIP))
        x540_complain(card, RULE_CRC_STRIP, "HLREG0 = 0x%08x, RDRXCTL = 0x%08x: strip bits differ",
                      hlreg0, rdrxctl);
    if ((rdrxctl & (wanted | RDRXCTL_RSCFRSTSIZE)) != wanted)
        x540_complain(card, RULE_RDRXCTL_BITS,
                      "RDRXCTL = 0x%08x: expected bits 11, 15, 25, 26 = 1, RSCFRSTSIZE = 0",
                      rdrxctl);
    if (!x550 && !(REG(card, CTRL_EXT) & CTRL_EXT_NS_DIS))
        x540_complain(card, RULE_NS_DIS, "CTRL_EXT = 0x%08x: NS_DIS is 0", REG(card, CTRL_EXT));
    if (!x550 && !(REG(card, RFCTL) & RFCTL_RSC_DIS))
        x540_complain(card, RULE_RSC_ON, "RFCTL = 0x%08x: RSC_DIS is 0", REG(card, RFCTL));
    if (GET(GPIE_VTMODE, REG(card, GPIE)) != GET(GCR_EXT_VT_MODE, REG(card, GCR_EXT)))
        x540_complain(card, RULE_VT_MODE, "GPIE = 0x%08x, GCR_EXT = 0x%08x: VT modes differ",
                      REG(card, GPIE), REG(card, GCR_EXT));
    if (!(REG(card, RAH) & RAH_AV) && !(REG(card, FCTRL) & FCTRL_UPE))
        x540_complain(card, RULE_NO_ADDRESS, "RAH0 = 0x%08x: no valid address, no promiscuity",
                      REG(card, RAH));
    for (uint32_t n = 0; n < QUEUES && (REG(card, RXCSUM) & RXCSUM_PCSD); n++)
        if (card->rxq[n].ring.state == QUEUE_ON && !card->rxq[n].advanced)
            x540_complain(card, RULE_PCSD_LEGACY, "RXCSUM = 0x%08x with queue %u of legacy format",
                          REG(card, RXCSUM), n);
    if (!card->ard_polled)
        x540_complain(card, RULE_ARD_NOT_POLLED, "receive opened; EEC.ARD never seen as 1");
    if (!card->dmaidone_polled)
        x540_complain(card, RULE_DMAIDONE_NOT_POLLED,
                      "receive opened; RDRXCTL.DMAIDONE never seen as 1");
    check_buffers(card);
    check_tables(card);
}

static void rxctrl_write(struct x540 *card, uint32_t value)
{
    bool was = REG(card, RXCTRL) & RXCTRL_RXEN, is = value & RXCTRL_RXEN;

    REG(card, RXCTRL) = value & RXCTRL_RXEN;
    if (is && !was) {
        if (!card->loaded)
            x540_complain(card, RULE_DMA_NOT_READY, "RXCTRL.RXEN with RDRXCTL.DMAIDONE = 0");
        if (card->config.kind == X540_82599 && !(REG(card, SECRXCTRL) & SECRXCTRL_RX_DIS))
            x540_complain(card, RULE_SECRX_FIRST, "RXCTRL.RXEN with SECRXCTRL = 0x%08x",
                          REG(card, SECRXCTRL));
        card->rx_checked = false;
        x540_plan(card, EV_RX_CHECK, RX_CHECK_NS);
    } else if (!is) {
        x540_plan_never(card, EV_RX_CHECK);
    }
}

void x540_rx_write(struct x540 *card, uint32_t offset, uint32_t behaviour, uint32_t value)
{
    switch (behaviour) {
    case B_RDT:
        tail_write(card, rx_queue_of(offset), value);
        break;
    case B_RX_RING:
        ring_write(card, offset, value);
        break;
    case B_RDH:
        x540_ring_head(card, &card->rxq[rx_queue_of(offset)].ring, 'R', rx_queue_of(offset), value);
        break;
    case B_RXDCTL:
        rxdctl_write(card, rx_queue_of(offset), value);
        break;
    case B_SRRCTL:
        srrctl_write(card, offset, value);
        break;
    case B_RXCTRL:
        rxctrl_write(card, value);
        break;
    default: /* FCTRL */
        if (((REG(card, FCTRL) ^ value) & FCTRL_KEPT) && (REG(card, RXCTRL) & RXCTRL_RXEN))
            x540_complain(card, RULE_BAM_RXEN, "FCTRL = 0x%08x (was 0x%08x) while RXEN = 1", value,
                          REG(card, FCTRL));
        REG(card, FCTRL) = value & FCTRL_KEPT;
        break;
    }
}

void x540_rx_reset(struct x540 *card)
{
    for (uint32_t n = 0; n < QUEUES; n++)
        memset(&card->rxq[n], 0, offsetof(struct rx_queue, cache));
    memset(card->rx_dry, 0, sizeof(card->rx_dry));
    memset(card->rxq_moving, 0, sizeof(card->rxq_moving));
    card->truth.dropped_rx_off += card->rx_store_frames;
    card->rx_store_head = card->rx_store_tail = 0;
    card->rx_store_frames = card->rx_store_used = 0;
    card->rx_checked = false;
    card->held_back = false;
    card->line_count = 0;
    card->line_tells = card->line_hurries = false;
}
