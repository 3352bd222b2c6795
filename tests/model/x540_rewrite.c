/* SPDX-License-Identifier: BSD-2-Clause
 * X540_EVIL_REWRITE: the card writes again what it has delivered. An IOMMU confines a card to the
 * memory it was granted, and does not say when it writes there: a frame's bytes, a descriptor or a
 * head word may change after software has looked at them, and between two looks at the same byte
 * (facts, 18). Everything here follows from a seed.
 */
#include <string.h>

#include "x540_internal.h"

#define BURST       16u /* rewritings at each due time */
#define ETHER_BYTES 14u
#define OPTIONS     20u /* of an IPv4 header: where they begin */

/* xorshift, 64 bits. */
static uint64_t draw(struct x540 *card)
{
    uint64_t x = card->rewrite_state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    card->rewrite_state = x;
    return x * 0x2545F4914F6CDD1Dull;
}

static uint32_t below(struct x540 *card, uint32_t n)
{
    return (uint32_t)((draw(card) >> 32) * n >> 32);
}

#define ONE_OF(card, table) ((table)[below(card, sizeof(table) / sizeof((table)[0]))])

/* Lengths and other numbers of 16 bits: at the edges of headers, frames, buffers and fields. */
static uint32_t number(struct x540 *card)
{
    static const uint16_t edges[] = {
        0,    1,    2,    7,      8,      15,     16,     17,     19,    20,   21,
        24,   27,   28,   29,     36,     45,     46,     47,     59,    60,   61,
        63,   68,   127,  128,    255,    256,    552,    575,    576,   577,  1279,
        1280, 1471, 1472, 1499,   1500,   1501,   1513,   1514,   1515,  1518, 1519,
        2034, 2047, 2048, 0x3FFF, 0x7FFF, 0x8000, 0xFFF8, 0xFFFE, 0xFFFF};

    return below(card, 4) ? ONE_OF(card, edges) : (uint32_t)draw(card) & 0xFFFF;
}

/* Writes that no rule speaks of: the driver has done nothing wrong. */
static void done(struct x540 *card, bool ok)
{
    card->in_dma = false;
    card->truth.dma_refused += !ok;
    card->truth.rewrites += ok;
}

static void put(struct x540 *card, const struct delivered *at, uint32_t offset, const void *bytes,
                uint32_t n)
{
    if (offset >= at->room)
        return;
    if (n > at->room - offset)
        n = at->room - offset;
    card->in_dma = true;
    done(card, card->env.dma_write(card->env.opaque, at->address + offset, bytes, n));
}

static void put_words(struct x540 *card, uint64_t address, uint64_t value, uint32_t n)
{
    card->in_dma = true;
    done(card, card->env.dma_words(card->env.opaque, address, &value, n));
}

static void put8(struct x540 *card, const struct delivered *at, uint32_t offset, uint32_t value)
{
    const uint8_t byte = (uint8_t)value;

    put(card, at, offset, &byte, 1);
}

static void put16(struct x540 *card, const struct delivered *at, uint32_t offset, uint32_t value)
{
    uint8_t bytes[2];

    store16be(bytes, value);
    put(card, at, offset, bytes, 2);
}

static const struct delivered *some_delivered(struct x540 *card)
{
    uint32_t n = card->delivered_n < DELIVERIES ? card->delivered_n : DELIVERIES;

    return &card->delivered[below(card, n)]; /* without room, if there was none */
}

static uint32_t network_header(const struct delivered *at)
{
    return at->kept[12] == 0x81 && at->kept[13] == 0 ? ETHER_BYTES + 4 : ETHER_BYTES;
}

static void address_of_station(struct x540 *card, const struct delivered *at)
{
    uint8_t mac[6];

    for (uint32_t i = 0; i < 6; i++)
        mac[i] = (uint8_t)(i < 4 ? REG(card, RAL) >> 8 * i : REG(card, RAH) >> 8 * (i - 4));
    switch (below(card, 4)) {
    case 0:
        memset(mac, 0xFF, 6);
        break;
    case 1:
        mac[0] ^= 1; /* to a group */
        break;
    case 2:
        mac[below(card, 6)] = (uint8_t)draw(card);
        break;
    }
    put(card, at, below(card, 2) * 6, mac, 6);
}

/* Some bytes anywhere in the buffer. */
static void anything(struct x540 *card, const struct delivered *at)
{
    uint8_t bytes[64];
    uint32_t n = below(card, 8) ? 1 + below(card, 8) : sizeof(bytes);

    for (uint32_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(draw(card) >> 24);
    put(card, at, below(card, 2) ? below(card, 64) : below(card, at->room), bytes, n);
}

/* The type, the length or the pointer of an option. */
static uint32_t option_byte(struct x540 *card)
{
    static const uint8_t bytes[] = {0, 0,  0,  0,  0,  1,  1,   2,   3,   4,  5,
                                    7, 11, 39, 40, 41, 68, 131, 137, 148, 255};

    return ONE_OF(card, bytes);
}

static void rewrite_frame(struct x540 *card, const struct delivered *at, enum x540_rewrite kind)
{
    static const uint8_t first[] = {0x45, 0x46, 0x47, 0x4F, 0x44, 0x40, 0x41, 0x55, 0x65, 0, 0xFF};
    static const uint16_t fragment[] = {0,      0x2000, 0x4000, 0x6000, 0x2001, 0x00B9,
                                        0x1FFF, 0x3FFF, 0x20B9, 0x8000, 0xFFFF};
    static const uint8_t lives[] = {0, 1, 2, 64, 255}, protocols[] = {1, 2, 6, 17, 0, 255};
    static const uint16_t types[] = {0x0800, 0x0806, 0x8100, 0x86DD, 0x88A8, 0x8808, 0, 46, 1500};
    const uint32_t ip = network_header(at), l4 = ip + (at->kept[ip] & 15u) * 4;
    const struct delivered *other;
    uint32_t i;

    switch (kind) {
    case X540_REWRITE_VERSION:
        put8(card, at, ip, ONE_OF(card, first));
        break;
    case X540_REWRITE_TOTAL:
        put16(card, at, ip + 2, number(card));
        break;
    case X540_REWRITE_FRAGMENT:
        put16(card, at, ip + 6, ONE_OF(card, fragment));
        break;
    case X540_REWRITE_TTL:
        put8(card, at, ip + 8 + below(card, 2),
             below(card, 2) ? ONE_OF(card, lives) : ONE_OF(card, protocols));
        break;
    case X540_REWRITE_OPTION:
        i = below(card, 2) ? below(card, 4) : below(card, 40);
        put8(card, at, ip + OPTIONS + i, option_byte(card));
        break;
    case X540_REWRITE_TRANSPORT: /* ports, length, checksum, ICMP's type */
        put16(card, at, l4 + below(card, 5) * 2, number(card));
        break;
    case X540_REWRITE_TYPE:
        put16(card, at, 12, ONE_OF(card, types));
        break;
    case X540_REWRITE_ARP:
        put16(card, at, ETHER_BYTES + below(card, 14) * 2,
              below(card, 2) ? number(card) : below(card, 4));
        break;
    case X540_REWRITE_MAC:
        address_of_station(card, at);
        break;
    case X540_REWRITE_IP_ADDRESS: /* of another frame */
        other = some_delivered(card);
        put(card, at, ip + 12 + below(card, 2) * 4,
            other->kept + network_header(other) + 12 + below(card, 2) * 4, 4);
        break;
    case X540_REWRITE_HEADERS: /* another frame's */
        other = some_delivered(card);
        i = below(card, 2) ? 0 : ETHER_BYTES;
        put(card, at, i, other->kept + i, sizeof(other->kept) - i - below(card, 32));
        break;
    default:
        anything(card, at);
        break;
    }
}

/* A descriptor's second word as a write-back could leave it, or not. */
static void rewrite_word(struct x540 *card, const struct rx_queue *queue, uint32_t index)
{
    const uint32_t shift = queue->advanced ? 32 : 0, status = queue->advanced ? 0 : 32;
    uint64_t value = (uint64_t)number(card) << shift | 3ull << status, junk = draw(card);

    switch (below(card, 8)) {
    case 0:
        value = 0;
        break;
    case 1:
        value = junk;
        break;
    case 2:
        value = UINT64_MAX;
        break;
    case 3:
        value ^= (junk & 3) << status; /* DD, EOP */
        break;
    case 4:
        value |= junk & 0xFFFFull << (status + 2); /* checksums, errors */
        break;
    }
    put_words(card, queue->ring.base + 16ull * index + 8, value, 8);
}

/* Its first word: where some card reads or writes next. */
static void rewrite_address(struct x540 *card, const struct rx_queue *queue, uint32_t index)
{
    const struct delivered *other = some_delivered(card);
    uint64_t value = other->address;

    switch (below(card, 8)) {
    case 0:
        value = draw(card);
        break;
    case 1:
        value = 0;
        break;
    case 2:
        value = queue->ring.base + below(card, queue->ring.size) * 16ull;
        break;
    case 3:
        value += below(card, other->room ? other->room : 1);
        break;
    }
    put_words(card, queue->ring.base + 16ull * index, value, 8);
}

static void rewrite_head(struct x540 *card, const struct tx_queue *queue)
{
    uint32_t value = below(card, queue->ring.size + 1);

    if (below(card, 4) == 0)
        value = below(card, 2) ? number(card) : (uint32_t)draw(card);
    put_words(card, queue->head_at, value, 4);
}

/* A queue that is on and is not empty: the one that fits the address, or one by lot. */
static const struct rx_queue *some_rx(struct x540 *card, uint64_t near, uint32_t *index)
{
    uint32_t start = below(card, QUEUES);
    const struct rx_queue *found = NULL;

    for (uint32_t i = 0; i < QUEUES; i++) {
        const struct rx_queue *queue = &card->rxq[(start + i) % QUEUES];
        if (queue->ring.state != QUEUE_ON || queue->ring.size == 0)
            continue;
        if (near - queue->ring.base < queue->ring.size * 16ull) {
            *index = (uint32_t)((near - queue->ring.base) / 16);
            return queue;
        }
        if (!found) {
            found = queue; /* the last few descriptors, or the next few */
            *index =
                (queue->ring.head + queue->ring.size - 16 + below(card, 32)) % queue->ring.size;
        }
    }
    return found;
}

static const struct tx_queue *some_tx(struct x540 *card, uint64_t near)
{
    uint32_t start = below(card, QUEUES);
    const struct tx_queue *found = NULL;

    for (uint32_t i = 0; i < QUEUES; i++) {
        const struct tx_queue *queue = &card->txq[(start + i) % QUEUES];
        if (queue->ring.state != QUEUE_ON || queue->ring.size == 0 || !queue->head_mode)
            continue;
        if (near - queue->head_at < 4)
            return queue;
        found = found ? found : queue;
    }
    return found;
}

static const struct delivered *delivered_at(const struct x540 *card, uint64_t near)
{
    for (uint32_t i = 0; i < DELIVERIES; i++)
        if (near - card->delivered[i].address < card->delivered[i].room)
            return &card->delivered[i];
    return NULL;
}

/* The kind of the field at an offset, by the headers that the frame had. */
static enum x540_rewrite kind_at(const struct delivered *at, uint32_t offset)
{
    const uint32_t ip = network_header(at), l4 = ip + (at->kept[ip] & 15u) * 4;

    if (offset < 12)
        return X540_REWRITE_MAC;
    if (offset < ip)
        return X540_REWRITE_TYPE;
    if (at->kept[12] == 8 && at->kept[13] == 6)
        return X540_REWRITE_ARP;
    if (offset >= l4)
        return X540_REWRITE_TRANSPORT;
    switch ((offset - ip) / 2) {
    case 0:
        return X540_REWRITE_VERSION;
    case 1:
        return X540_REWRITE_TOTAL;
    case 3:
        return X540_REWRITE_FRAGMENT;
    case 4:
        return X540_REWRITE_TTL;
    case 6:
    case 7:
    case 8:
    case 9:
        return X540_REWRITE_IP_ADDRESS;
    }
    return offset - ip < OPTIONS ? X540_REWRITE_ANYTHING : X540_REWRITE_OPTION;
}

/* What software looks at: often the byte itself, or its field. */
static bool rewrite_near(struct x540 *card, uint64_t near, uint32_t kinds)
{
    const struct delivered *at = delivered_at(card, near);
    const struct rx_queue *rx;
    const struct tx_queue *tx;
    uint32_t index;

    if (at) {
        enum x540_rewrite kind = kind_at(at, (uint32_t)(near - at->address));
        if ((kinds & kind) && below(card, 2)) {
            if (kind == X540_REWRITE_OPTION)
                put8(card, at, (uint32_t)(near - at->address), option_byte(card));
            else
                rewrite_frame(card, at, kind);
            return true;
        }
    }
    if (at && (kinds & X540_REWRITE_ANYTHING) && below(card, 2)) {
        uint32_t value = below(card, 2) ? number(card) : (uint32_t)draw(card);
        put(card, at, (uint32_t)(near - at->address), &value, 1 + below(card, 2));
        return true;
    }
    if (at)
        return false;
    rx = some_rx(card, near, &index);
    if (rx && near - rx->ring.base < rx->ring.size * 16ull && (kinds & X540_REWRITE_DESCRIPTOR)) {
        rewrite_word(card, rx, index);
        return true;
    }
    tx = some_tx(card, near);
    if (tx && near - tx->head_at < 4 && (kinds & X540_REWRITE_HEAD)) {
        rewrite_head(card, tx);
        return true;
    }
    return false;
}

void x540_rewrite(struct x540 *card, uint64_t near)
{
    uint32_t kinds = (uint32_t)(card->evil[X540_EVIL_REWRITE] >> 32 & 0xFFFF), n = 0, index = 0;
    enum x540_rewrite kind;
    const struct delivered *at;
    const struct rx_queue *rx;
    const struct tx_queue *tx;

    if (!card->evil[X540_EVIL_REWRITE] || card->in_dma || !x540_dma_allowed(card))
        return;
    kinds = kinds ? kinds : X540_REWRITE_ALL;
    if (near && below(card, 4) && rewrite_near(card, near, kinds))
        return;
    do
        kind = BIT(below(card, X540_REWRITE_KINDS));
    while (!(kinds & kind) && ++n < 256);
    if (!(kinds & kind))
        return;
    switch (kind) {
    case X540_REWRITE_DESCRIPTOR:
        if ((rx = some_rx(card, near, &index)) != NULL)
            rewrite_word(card, rx, index);
        break;
    case X540_REWRITE_BUFFER_ADDRESS:
        if ((rx = some_rx(card, near, &index)) != NULL)
            rewrite_address(card, rx, index);
        break;
    case X540_REWRITE_HEAD:
        if ((tx = some_tx(card, near)) != NULL)
            rewrite_head(card, tx);
        break;
    default:
        at = near ? delivered_at(card, near) : NULL;
        at = at && below(card, 8) ? at : some_delivered(card);
        if (at->room)
            rewrite_frame(card, at, kind);
        break;
    }
}

void x540_rewrite_note(struct x540 *card, uint64_t address, uint32_t room, const uint8_t *bytes,
                       uint32_t n)
{
    struct delivered *at = &card->delivered[card->delivered_n++ % DELIVERIES];

    at->address = address;
    at->room = room;
    memset(at->kept, 0, sizeof(at->kept));
    memcpy(at->kept, bytes, n < sizeof(at->kept) ? n : sizeof(at->kept));
}

static uint64_t period_ns(const struct x540 *card)
{
    return (card->evil[X540_EVIL_REWRITE] >> 48) * 1000;
}

void x540_rewrite_set(struct x540 *card)
{
    card->rewrite_state = 0x9E3779B97F4A7C15ull ^ (uint32_t)card->evil[X540_EVIL_REWRITE];
    if (period_ns(card))
        x540_plan(card, EV_REWRITE, period_ns(card));
    else
        x540_plan_never(card, EV_REWRITE);
}

void x540_rewrite_due(struct x540 *card)
{
    uint64_t period = period_ns(card);

    if (!period)
        return;
    for (uint32_t n = 0; n < BURST; n++)
        x540_rewrite(card, 0);
    x540_plan(card, EV_REWRITE, period / 2 + below(card, (uint32_t)period));
}

void x540_rewrite_meanwhile(struct x540 *card)
{
    if (period_ns(card) && below(card, 2))
        x540_rewrite(card, 0);
}
