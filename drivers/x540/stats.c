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
        x540_write(card, RQSMR(n), map);
        x540_write(card, TQSM(n), map);
    }
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        for (uint32_t offset = all[i].first; offset <= all[i].last; offset += all[i].step)
            (void)x540_read(card, offset); /* reading clears it */
}

/* Counters that are read in one go, and their values. */
enum { READS_MAX = 4 };
struct reading {
    uint32_t n, offset[READS_MAX], value[READS_MAX];
};

/* False: the card is gone. A removed card reads all ones, one in reset may: not to be counted. */
static bool read_all(struct x540 *card, struct reading *r)
{
    bool may_be_gone = false;

    for (uint32_t i = 0; i < r->n; i++) {
        r->value[i] = x540_read(card, r->offset[i]);
        may_be_gone |= r->value[i] == 0xFFFFFFFFu;
    }
    return !may_be_gone || x540_read(card, STATUS) != 0xFFFFFFFFu;
}

/* A byte counter has 36 bits. The low half is read first: reading the high half clears both. */
static uint64_t bytes_of(uint32_t low, uint32_t high)
{
    return low | (uint64_t)(high & 0xF) << 32;
}

static void add_simple(struct x540 *card, struct port_counters *count, uint32_t first)
{
    struct reading r = {.n = READS_MAX};

    for (uint32_t i = 0; i < READS_MAX; i++)
        r.offset[i] = simple[first + i].offset;
    if (!read_all(card, &r))
        return;
    for (uint32_t i = 0; i < READS_MAX; i++) {
        add(count, simple[first + i].to, r.value[i]);
        add(count, simple[first + i].also, r.value[i]);
    }
    count->rx_errors = count->rx_crc_errors + count->rx_frame_errors + count->rx_length_errors;
}

static void add_missed(struct x540 *card, struct port_counters *count, uint32_t first)
{
    struct reading r = {.n = READS_MAX};

    for (uint32_t i = 0; i < READS_MAX; i++)
        r.offset[i] = MPC(first + i);
    if (!read_all(card, &r))
        return;
    for (uint32_t i = 0; i < READS_MAX; i++)
        count->rx_missed_errors += r.value[i];
}

/* Frames by QPRC: GPRC counts missed frames too on the 82599. */
static void add_queue(struct x540 *card, struct port_counters *count, uint32_t q)
{
    struct reading r = {.n = 4, .offset = {QPRC(q), QBRC_L(q), QBRC_H(q), QPRDC(q)}};

    if (!read_all(card, &r))
        return;
    count->rx_packets += r.value[0];
    count->rx_bytes += bytes_of(r.value[1], r.value[2]);
    count->rx_dropped += r.value[3];
}

/* GOTC includes the CRC, tx_bytes does not. The frame counter is read first: the CRC of a frame sent
 * between the reads is then subtracted next time, so no sum is ever too low. */
static void add_sent(struct x540 *card, struct port_counters *count)
{
    struct reading r = {.n = 3, .offset = {GPTC, GOTCL, GOTCH}};

    if (!read_all(card, &r))
        return;
    count->tx_packets += r.value[0];
    count->tx_bytes += bytes_of(r.value[1], r.value[2]) - (uint64_t)CRC_BYTES * r.value[0];
}

/* The groups, in this order. */
enum {
    SIMPLE_GROUPS = ARRAY_SIZE(simple) / READS_MAX,
    MISSED_GROUPS = 8 / READS_MAX,
    GROUPS = SIMPLE_GROUPS + MISSED_GROUPS + 1 + QUEUE_COUNTERS,
};
static_assert(ARRAY_SIZE(simple) % READS_MAX == 0, "whole groups");

/* X550 8.2.2.17 */
bool x540_poll_counter_group(struct port *port, unsigned group)
{
    struct x540 *card = port->driver_state;

    if (group >= GROUPS || port->is_gone || card->reset_has_failed)
        return false;
    if (group < SIMPLE_GROUPS)
        add_simple(card, &port->count, READS_MAX * group);
    else if (group < SIMPLE_GROUPS + MISSED_GROUPS)
        add_missed(card, &port->count, READS_MAX * (group - SIMPLE_GROUPS));
    else if (group == SIMPLE_GROUPS + MISSED_GROUPS)
        add_sent(card, &port->count);
    else
        add_queue(card, &port->count, group - (SIMPLE_GROUPS + MISSED_GROUPS + 1));
    return group + 1 < GROUPS;
}

void x540_poll_counters(struct port *port)
{
    for (unsigned group = 0; x540_poll_counter_group(port, group); group++)
        ;
}
