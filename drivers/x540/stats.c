/* SPDX-License-Identifier: BSD-2-Clause
 * The card's counters. Each one clears when read and stops at all ones, so they are read every
 * second; the fastest, the byte counters, have 36 bits.
 */
#include "drivers/x540/x540.h"
#include "drivers/x540/regs.h"

enum { QUEUE_COUNTERS = 16, CRC_BYTES = 4 };

/* Counters that are added to one or two fields of struct port_counters. */
static const struct {
    uint32_t offset;
    uint16_t to, also; /* offsets in struct port_counters; 0xFFFF: none */
} simple[] = {
#define TO(field) offsetof(struct port_counters, field)
#define NONE      0xFFFF
    {CRCERRS, TO(rx_crc_errors), NONE},
    {ILLERRC, TO(rx_frame_errors), NONE},
    {ERRBC, TO(rx_frame_errors), NONE},
    {RLEC, TO(rx_length_errors), NONE},
    {RUC, TO(rx_length_errors), NONE},
    {RFC, TO(rx_length_errors), NONE},
    {ROC, TO(rx_length_errors), TO(rx_over_errors)},
    {RJC, TO(rx_length_errors), TO(rx_over_errors)},
};

static void add(struct port_counters *count, uint16_t where, uint64_t n)
{
    if (where != NONE)
        *(uint64_t *)((char *)count + where) += n;
}

/* X550 4.6.5 */
void x540_stats_init(struct x540 *card)
{
    static const struct {
        uint32_t first, last, step;
    } all[] = {
#define RANGE(first, last, step) {first, last, step},
        STATISTICS(RANGE)};

    /* Receive queue q and transmit queue q use counter q mod 16. */
    for (uint32_t n = 0; n < 32; n++) {
        uint32_t map = 0;
        for (uint32_t b = 0; b < 4; b++)
            map |= ((4 * n + b) % QUEUE_COUNTERS) << (8 * b);
        mmio_write32(card->regs, RQSMR(n), map);
        mmio_write32(card->regs, TQSM(n), map);
    }
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        for (uint32_t offset = all[i].first; offset <= all[i].last; offset += all[i].step)
            (void)mmio_read32(card->regs, offset); /* reading clears it */
}

/* Read a 36-bit byte counter, the low half first: reading the high half clears both. */
static uint64_t read_bytes(struct x540 *card, uint32_t low, uint32_t high)
{
    uint64_t bytes = mmio_read32(card->regs, low);
    return bytes | (uint64_t)(mmio_read32(card->regs, high) & 0xF) << 32;
}

/* X550 8.2.2.17 */
void x540_poll_counters(struct port *port)
{
    struct x540 *card = port->driver_state;
    struct port_counters *count = &port->count;

    if (port->is_gone || card->reset_has_failed || mmio_read32(card->regs, STATUS) == 0xFFFFFFFFu)
        return; /* a removed card reads all ones, one in reset may: not to be counted */

    for (size_t i = 0; i < ARRAY_SIZE(simple); i++) {
        uint32_t n = mmio_read32(card->regs, simple[i].offset);
        add(count, simple[i].to, n);
        add(count, simple[i].also, n);
    }
    for (uint32_t i = 0; i < QUEUE_COUNTERS; i++) {
        /* Not GPRC, which counts missed frames too on the 82599. */
        count->rx_packets += mmio_read32(card->regs, QPRC(i));
        count->rx_bytes += read_bytes(card, QBRC_L(i), QBRC_H(i));
        count->rx_dropped += mmio_read32(card->regs, QPRDC(i));
    }
    for (uint32_t i = 0; i < 8; i++)
        count->rx_missed_errors += mmio_read32(card->regs, MPC(i));
    count->rx_errors = count->rx_crc_errors + count->rx_frame_errors + count->rx_length_errors;
    /* GOTC includes the CRC, tx_bytes does not. The frame counter is read first: the CRC of a frame
     * sent between the two reads is then subtracted next time, so no sum is ever too low. */
    uint32_t sent = mmio_read32(card->regs, GPTC);
    count->tx_packets += sent;
    count->tx_bytes += read_bytes(card, GOTCL, GOTCH) - (uint64_t)CRC_BYTES * sent;
}
