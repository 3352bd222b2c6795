/* SPDX-License-Identifier: BSD-2-Clause
 * What transmit changes in a packet, besides padding: checksums (legacy by offset, advanced by
 * context), VLAN tags and TCP or UDP segmentation. The packet is in card->tx_packet after
 * TX_HEADROOM bytes, and is gathered again if the wire has refused it.
 */
#include <string.h>

#include "x540_internal.h"

#define SHORTEST_LEGACY   14u
#define SHORTEST_ADVANCED 17u
#define Q1_IFCS           BIT64(25)
#define Q1_IC             BIT64(26)
#define Q1_VLE            BIT64(30)
#define Q1_TSE            BIT64(31)
#define Q1_IXSM           BIT64(40)
#define Q1_TXSM           BIT64(41)

/* A context descriptor, decoded (facts, section 13). */
struct offload {
    uint32_t mac, ip, l4, mss; /* lengths */
    uint16_t tci;
    bool ipv4;
    uint8_t l4_type; /* 0 UDP, 1 TCP, 2 SCTP */
};

static struct offload decode(const struct tx_context *context)
{
    return (struct offload){
        .ip = context->q0 & 0x1FF,
        .mac = context->q0 >> 9 & 0x7F,
        .tci = (uint16_t)(context->q0 >> 16),
        .ipv4 = context->q1 >> 10 & 1,
        .l4_type = context->q1 >> 11 & 3,
        .l4 = context->q1 >> 40 & 0xFF,
        .mss = (uint32_t)(context->q1 >> 48),
    };
}

/* Puts a tag behind the addresses, using the 4 bytes before the frame. Returns its new start. */
static uint8_t *insert_tag(const struct x540 *card, uint8_t *frame, uint32_t *len, uint16_t tci)
{
    memmove(frame - 4, frame, 12);
    frame -= 4;
    store16be(frame + 12, REG(card, DMATXCTL) >> 16);
    store16be(frame + 14, tci);
    *len += 4;
    return frame;
}

static bool fits_wire(struct x540 *card, uint32_t queue, uint32_t len, uint32_t shortest)
{
    if (len < shortest) {
        x540_complain(card, RULE_TX_SHORT, "queue %u: a frame of %u bytes, expected at least %u",
                      queue, len, shortest);
        return false;
    }
    if (len > X540_FRAME_MAX) {
        x540_complain(card, RULE_TX_LONG, "queue %u: a frame of %u bytes, expected at most %u",
                      queue, len, X540_FRAME_MAX);
        return false;
    }
    return true;
}

/* The last steps of every frame. Without IFCS its last 4 bytes take the place of the CRC, and the
 * frame is lost unless they are correct. */
static enum tx_result finish(struct x540 *card, uint32_t queue, uint8_t *frame, uint32_t len,
                             uint64_t q1)
{
    uint32_t crc = 0;

    if (!(q1 & Q1_IFCS) || !(REG(card, HLREG0) & HLREG0_TXCRCEN)) {
        x540_complain(card, RULE_TX_NO_FCS, "queue %u: q1 = 0x%016llx, HLREG0 = 0x%08x", queue,
                      (unsigned long long)q1, REG(card, HLREG0));
        len -= 4;
        for (uint32_t i = 0; i < 4; i++)
            crc |= (uint32_t)frame[len + i] << (8 * i);
        if (len < 14 || crc != x540_crc32(frame, len))
            return TX_DROPPED;
    }
    return x540_mac_transmit(card, queue, frame, len) ? TX_SENT : TX_REFUSED;
}

enum tx_result x540_tx_legacy(struct x540 *card, uint32_t queue, uint64_t q1, uint32_t len)
{
    uint8_t *frame = card->tx_packet + TX_HEADROOM;
    uint32_t css = q1 >> 40 & 0xFF, cso = q1 >> 16 & 0xFF;

    if (!len) /* nothing to send, but it completes in order */
        return TX_DROPPED;
    if (!fits_wire(card, queue, len, SHORTEST_LEGACY))
        return TX_DROPPED;
    if (q1 & Q1_IC) {
        if (css < len && cso + 2 <= len)
            store16be(frame + cso, ~x540_sum(frame + css, len - css, 0));
        else
            x540_complain(card, RULE_TX_OFFLOAD, "queue %u: CSS %u, CSO %u in a frame of %u bytes",
                          queue, css, cso, len);
    }
    if (q1 & Q1_VLE)
        frame = insert_tag(card, frame, &len, (uint16_t)(q1 >> 48));
    return finish(card, queue, frame, len, q1);
}

/* ---- Checksums by context ---- */

static void ip_checksum(uint8_t *ip, uint32_t len)
{
    store16be(ip + 10, 0);
    store16be(ip + 10, ~x540_sum(ip, len, 0));
}

/* The field holds the pseudo-header's sum; length is added to it for segments. */
static void l4_checksum(const struct offload *offload, uint8_t *l4, uint32_t len, uint32_t length)
{
    uint32_t sum, crc;

    switch (offload->l4_type) {
    case 1:
        store16be(l4 + 16, ~x540_sum(l4, len, length));
        break;
    case 0:
        sum = ~x540_sum(l4, len, length) & 0xFFFF;
        store16be(l4 + 6, sum ? sum : 0xFFFF);
        break;
    default:
        memset(l4 + 8, 0, 4);
        crc = x540_crc32c(l4, len);
        for (uint32_t i = 0; i < 4; i++)
            l4[8 + i] = (uint8_t)(crc >> (8 * i));
        break;
    }
}

static uint32_t l4_header_min(uint8_t l4_type)
{
    return l4_type == 1 ? 20 : l4_type == 0 ? 8 : 12;
}

static void insert_checksums(struct x540 *card, uint32_t queue, const struct offload *offload,
                             uint64_t q1, uint8_t *frame, uint32_t len)
{
    uint32_t l3 = offload->mac, l4 = l3 + offload->ip;

    if ((q1 & Q1_IXSM) && offload->ipv4) {
        if (offload->mac < 14 || offload->ip < 20 || l4 > len)
            goto bad;
        ip_checksum(frame + l3, offload->ip);
    }
    if (q1 & Q1_TXSM) {
        if (offload->mac < 14 || offload->l4_type > 2 || l4 + l4_header_min(offload->l4_type) > len)
            goto bad;
        l4_checksum(offload, frame + l4, len - l4, 0);
    }
    return;
bad:
    x540_complain(card, RULE_TX_OFFLOAD, "queue %u: MACLEN %u, IPLEN %u, L4T %u in %u bytes", queue,
                  offload->mac, offload->ip, offload->l4_type, len);
}

/* ---- Segmentation ---- */

/* Which TCP flags survive in the first, the middle and the last of several segments. */
static uint32_t flag_mask(const struct x540 *card, uint32_t i, uint32_t segments)
{
    if (segments == 1)
        return 0xFFF;
    if (i == 0)
        return REG(card, DTXTCPFLGL) & 0xFFF;
    return i + 1 < segments ? REG(card, DTXTCPFLGL) >> 16 & 0xFFF : REG(card, DTXTCPFLGH) & 0xFFF;
}

static void fix_headers(const struct x540 *card, const struct offload *offload, uint64_t q1,
                        uint8_t *frame, uint32_t part, uint32_t i, uint32_t segments)
{
    uint8_t *ip = frame + offload->mac, *l4 = ip + offload->ip;
    uint32_t l4_bytes = offload->l4 + part;

    if (offload->ipv4) {
        store16be(ip + 2, offload->ip + l4_bytes);
        store16be(ip + 4, load16be(ip + 4) + i);
        if (q1 & Q1_IXSM)
            ip_checksum(ip, offload->ip);
    } else {
        store16be(ip + 4, offload->ip - 40 + l4_bytes);
    }
    if (offload->l4_type == 1) {
        store32be(l4 + 4, load32be(l4 + 4) + i * offload->mss);
        store16be(l4 + 12, load16be(l4 + 12) & (0xF000 | flag_mask(card, i, segments)));
    } else {
        store16be(l4 + 4, l4_bytes);
    }
    if (q1 & Q1_TXSM)
        l4_checksum(offload, l4, l4_bytes, l4_bytes);
}

static enum tx_result send_segments(struct x540 *card, uint32_t queue,
                                    const struct offload *offload, uint64_t q1, uint32_t len)
{
    struct tx_queue *txq = &card->txq[queue];
    const uint8_t *packet = card->tx_packet + TX_HEADROOM;
    uint32_t header = offload->mac + offload->ip + offload->l4, payload = len - header, segments;
    uint8_t *room = card->tx_frame + TX_HEADROOM;

    if (offload->mac < 14 || offload->ip < (offload->ipv4 ? 20u : 40u) || offload->l4_type > 1 ||
        offload->l4 < l4_header_min(offload->l4_type) || header > len || !offload->mss ||
        header + offload->mss > X540_FRAME_MAX - 4 || (uint32_t)(q1 >> 46) != payload) {
        x540_complain(card, RULE_TX_OFFLOAD,
                      "queue %u: TSE with MACLEN %u, IPLEN %u, L4LEN %u, MSS %u, PAYLEN %u in %u "
                      "bytes",
                      queue, offload->mac, offload->ip, offload->l4, offload->mss,
                      (uint32_t)(q1 >> 46), len);
        return TX_DROPPED;
    }
    segments = payload ? (payload + offload->mss - 1) / offload->mss : 1;
    for (uint32_t i = txq->segments_sent; i < segments; i++) {
        uint32_t done = i * offload->mss;
        uint32_t part = payload - done < offload->mss ? payload - done : offload->mss;
        uint32_t bytes = header + part, resets = card->resets;
        uint8_t *frame = room;
        enum tx_result result;

        memcpy(frame, packet, header);
        memcpy(frame + header, packet + header + done, part);
        fix_headers(card, offload, q1, frame, part, i, segments);
        if (q1 & Q1_VLE)
            frame = insert_tag(card, frame, &bytes, offload->tci);
        result = finish(card, queue, frame, bytes, q1);
        if (result == TX_REFUSED || card->resets != resets)
            return result;
        txq->segments_sent = i + 1;
    }
    return TX_SENT;
}

enum tx_result x540_tx_advanced(struct x540 *card, uint32_t queue, uint64_t q1, uint32_t len)
{
    const struct tx_context *context = &card->txq[queue].context[q1 >> 36 & 1];
    uint8_t *frame = card->tx_packet + TX_HEADROOM;
    uint64_t needs = q1 & (Q1_VLE | Q1_TSE | Q1_IXSM | Q1_TXSM);
    struct offload offload = {0};

    if (!len)
        return TX_DROPPED;
    if (needs) {
        if (!context->valid) {
            x540_complain(card, RULE_TX_CONTEXT,
                          "queue %u: q1 = 0x%016llx needs context %u, none was given", queue,
                          (unsigned long long)q1, (unsigned)(q1 >> 36 & 1));
            return TX_DROPPED;
        }
        offload = decode(context);
    }
    if (q1 & Q1_TSE)
        return send_segments(card, queue, &offload, q1, len);
    if (!fits_wire(card, queue, len, SHORTEST_ADVANCED))
        return TX_DROPPED;
    if ((uint32_t)(q1 >> 46) != len)
        x540_complain(card, RULE_TX_OFFLOAD, "queue %u: PAYLEN %u in a packet of %u bytes", queue,
                      (uint32_t)(q1 >> 46), len);
    if (needs)
        insert_checksums(card, queue, &offload, q1, frame, len);
    if (q1 & Q1_VLE)
        frame = insert_tag(card, frame, &len, offload.tci);
    return finish(card, queue, frame, len, q1);
}
