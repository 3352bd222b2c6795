/* SPDX-License-Identifier: BSD-2-Clause
 * What enabling a queue and moving its head and tail mean in both directions, and the rules of
 * that. What only one of them has is in x540_rxq.c and x540_txq.c.
 */
#include "x540_internal.h"

bool x540_ring_is_on(const struct x540_ring *ring)
{
    return ring->state == QUEUE_ON || ring->state == QUEUE_STARTING;
}

uint32_t x540_packet_buffers(const struct x540 *card, uint32_t first, bool dcb)
{
    uint32_t kb = 0;

    for (uint32_t n = 0; n < (dcb ? 8 : 1); n++)
        kb += GET(PBSIZE_KB, REG(card, first + 4 * n));
    return kb;
}

static uint32_t ring_max(const struct x540 *card)
{
    return card->config.kind == X540_X550 ? RING_MAX_X550 : RING_MAX;
}

static void check(struct x540 *card, const struct x540_ring *ring, char way, uint32_t n,
                  uint32_t tail)
{
    if (!card->loaded)
        x540_complain(card, RULE_DMA_NOT_READY, "%cXDCTL[%u].ENABLE with RDRXCTL.DMAIDONE = 0", way,
                      n);
    if (!card->bus_master)
        x540_complain(card, RULE_BUS_MASTER_OFF, "%cXDCTL[%u].ENABLE with bus mastering off", way,
                      n);
    if (!ring->size) {
        x540_complain(card, RULE_RING_EMPTY, "%cXDCTL[%u].ENABLE with %cDLEN = 0x%08x", way, n, way,
                      ring->raw_length);
        return;
    }
    if (ring->raw_base & 127)
        x540_complain(card, RULE_RING_BASE, "%cDBAL[%u] = 0x%08x: not 128-byte aligned", way, n,
                      ring->raw_base);
    if ((ring->raw_length & 127) || ring->raw_length > ring_max(card) * 16)
        x540_complain(card, RULE_RING_LENGTH,
                      "%cDLEN[%u] = 0x%08x: expected a multiple of 128, at most 0x%x", way, n,
                      ring->raw_length, ring_max(card) * 16);
    if (tail != ring->head && !card->evil[X540_EVIL_RDH_KEPT])
        x540_complain(card, RULE_TAIL_STALE, "%cXDCTL[%u].ENABLE with %cDH = %u, %cDT = %u", way, n,
                      way, ring->head, way, tail);
}

void x540_ring_start(struct x540 *card, struct x540_ring *ring, char way, uint32_t n, uint32_t at)
{
    uint32_t tail = REG(card, at + RING_TAIL);

    ring->size = (REG(card, at + RING_LENGTH) & ~127u) / 16;
    if (ring->size > ring_max(card))
        ring->size = ring_max(card);
    check(card, ring, way, n, tail);
    ring->base = (uint64_t)REG(card, at + 4) << 32 | REG(card, at);
    ring->head = ring->size ? ring->head % ring->size : 0;
    ring->tail = ring->size ? tail % ring->size : 0;
    if (card->evil[X540_EVIL_RDH_KEPT]) /* no work before a tail is written */
        ring->tail = ring->head;
    ring->hung = false;
}

void x540_ring_move(struct x540 *card, struct x540_ring *ring, enum queue_state to)
{
    ring->state = (uint8_t)to;
    ring->due = card->now + (card->evil[X540_EVIL_ENABLE_NS] ? card->evil[X540_EVIL_ENABLE_NS]
                                                             : card->config.enable_ns);
}

bool x540_ring_tail(struct x540 *card, struct x540_ring *ring, char way, uint32_t n, uint32_t at,
                    uint32_t value)
{
    const uint32_t offset = at + RING_TAIL;

    if (ring->state == QUEUE_ON && ring->size) {
        if (value >= ring->size) {
            x540_complain(card, RULE_TAIL_RANGE, "%cDT[%u] = %u: the ring has %u descriptors", way,
                          n, value, ring->size);
            return false;
        }
        if (!card->bus_master)
            x540_complain(card, RULE_BUS_MASTER_OFF, "%cDT[%u] = %u with bus mastering off", way, n,
                          value);
        ring->tail = value;
        REG(card, offset) = value;
        return true;
    }
    if (x540_ring_is_on(ring) && !ring->size) /* no ring: a register and nothing more */
        REG(card, offset) = value & 0xFFFF;
    else if (value == ring->head || card->evil[X540_EVIL_RDH_KEPT])
        REG(card, offset) = value;
    else if (ring->state == QUEUE_STARTING)
        x540_complain(card, RULE_TAIL_EARLY, "%cDT[%u] = %u before %cXDCTL.ENABLE reads 1", way, n,
                      value, way);
    else
        x540_complain(card, RULE_TAIL_DISABLED, "%cDT[%u] = %u while the queue is off", way, n,
                      value);
    return false;
}

void x540_ring_head(struct x540 *card, struct x540_ring *ring, char way, uint32_t n, uint32_t value)
{
    if (card->evil[X540_EVIL_RDH_KEPT])
        return;
    if (!x540_ring_is_on(ring))
        ring->head = value & 0xFFFF;
    else if (value != ring->head) /* DPDK and ixy write the value that is there */
        x540_complain(card, RULE_HEAD_WRITTEN, "%cDH[%u] = %u while the queue is enabled: it is %u",
                      way, n, value, ring->head);
}
