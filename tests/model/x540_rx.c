/* SPDX-License-Identifier: BSD-2-Clause
 * Receive, from the wire to the host's memory: the MAC's checks and counts, the shared packet
 * buffer, descriptors fetched in batches, data and write-back. A frame goes straight to its queue
 * when nothing waits before it; otherwise it waits in the packet buffer, in order with all others.
 */
#include <string.h>

#include "x540_internal.h"

#define CRC_BYTES    4
#define SHORTEST     12 /* with CRC: below that the MAC discards a frame as if it had not come */
#define HEADER_BYTES 8  /* of a stored frame: length and flags */

/* ---- Descriptors ---- */

/* The descriptor at index, from the cache or, with all that follow up to the tail, from memory. */
static struct descriptor *descriptor(struct x540 *card, struct rx_queue *queue, uint32_t index)
{
    uint32_t n, at = index - queue->cached_at;

    if (at < queue->cached)
        return &queue->cache[at];
    n = queue->ring.tail > index ? queue->ring.tail - index : queue->ring.size - index;
    if (n > PREFETCH)
        n = PREFETCH;
    if (!x540_fetch(card, queue->ring.base + 16ull * index, queue->cache, 16 * n,
                    X540_PCIE_RX_FETCH, UINT32_MAX)) {
        queue->cached = 0;
        queue->ring.hung = true;
        return NULL;
    }
    queue->cached_at = index;
    queue->cached = n;
    return &queue->cache[0];
}

static void put_back(struct x540 *card, uint64_t address, const struct descriptor *done,
                     bool advanced)
{
    if (advanced)
        x540_post_words(card, address, done, 16, X540_PCIE_RX_DONE);
    else /* the legacy write-back leaves the address word alone */
        x540_post_words(card, address + 8, &done->q1, 8, X540_PCIE_RX_DONE);
}

void x540_rx_flush_held(struct x540 *card)
{
    if (!card->held_back || card->now < card->held_until)
        return;
    card->held_back = false;
    put_back(card, card->held_address, &card->held, card->held_bytes == 16);
}

/* ---- Gathering ---- */

void x540_rx_flush_line(struct x540 *card)
{
    uint32_t n = card->line_count, queue = card->line_queue;
    bool tells = card->line_tells, hurries = card->line_hurries;

    if (!n || !x540_dma_allowed(card))
        return;
    card->line_count = 0;
    card->line_tells = card->line_hurries = false;
    x540_post_words(card, card->rxq[queue].ring.base + 16ull * card->line_first, card->line_done,
                    16 * n, X540_PCIE_RX_DONE);
    if (tells)
        x540_intr_rx(card, queue, hurries);
}

void x540_hold(struct x540 *card, bool hold)
{
    card->hold = hold;
    if (!hold)
        x540_rx_flush_line(card);
}

/* Whole descriptors are written then. In the legacy format the address word is the one that was
 * read, and until now the descriptor has been the card's. */
static void gather(struct x540 *card, uint32_t queue, uint32_t index, const struct descriptor *done)
{
    if (card->line_count && (card->line_queue != queue || (index & 3) == 0 ||
                             card->line_first + card->line_count != index)) {
        x540_rx_flush_line(card);
        card->line_count = 0; /* bus mastering went off meanwhile: lost */
    }
    if (!card->line_count) {
        card->line_queue = queue;
        card->line_first = index;
    }
    card->line_done[card->line_count++] = *done;
}

static bool every(const struct x540 *card, enum x540_evil what, uint32_t count)
{
    return card->evil[what] && count % card->evil[what] == 0;
}

static bool spoils_receive(const struct x540 *card)
{
    return card->evil[X540_EVIL_RX_LENGTH] || card->evil[X540_EVIL_RX_NO_EOP] ||
           card->evil[X540_EVIL_RX_ERROR] || card->evil[X540_EVIL_RX_OUT_OF_ORDER] ||
           card->evil[X540_EVIL_RX_LATE];
}

static void write_back(struct x540 *card, struct rx_queue *queue, uint32_t index,
                       struct descriptor done, uint64_t given_q0)
{
    uint64_t address = queue->ring.base + 16ull * index;
    uint32_t count = ++queue->written;

    if (card->hold && !spoils_receive(card)) {
        if (!queue->advanced)
            done.q0 = given_q0;
        gather(card, (uint32_t)(queue - card->rxq), index, &done);
        return;
    }
    x540_rx_flush_line(card);

    if (card->evil[X540_EVIL_RX_LENGTH]) {
        uint32_t shift = queue->advanced ? 32 : 0;
        done.q1 &= ~(0xFFFFull << shift);
        done.q1 |= (card->evil[X540_EVIL_RX_LENGTH] & 0xFFFF) << shift;
    }
    if (every(card, X540_EVIL_RX_NO_EOP, count))
        done.q1 &= ~(queue->advanced ? BIT64(1) : BIT64(33));
    if (every(card, X540_EVIL_RX_ERROR, count))
        done.q1 |= queue->advanced ? BIT64(29) : BIT64(40);
    uint64_t late = card->evil[X540_EVIL_RX_LATE];
    bool is_late = (uint32_t)late && count % (uint32_t)late == 0;
    if ((is_late || every(card, X540_EVIL_RX_OUT_OF_ORDER, count)) && !card->held_back) {
        card->held_back = true;
        card->held_until = !is_late                   ? 0
                           : late >> 32 == UINT32_MAX ? NEVER
                                                      : card->now + (late >> 32);
        if (is_late)
            x540_plan_at(card, EV_RX_LATE, card->held_until);
        card->held_address = address;
        card->held = done;
        card->held_bytes = queue->advanced ? 16 : 8;
        return;
    }
    put_back(card, address, &done, queue->advanced);
    x540_rx_flush_held(card);
}

/* ---- Write-back words (facts, section 13) ---- */

static struct descriptor legacy_done(const struct packet *packet, uint32_t length, bool last,
                                     bool stripped, uint32_t index)
{
    uint64_t q1 = length | BIT64(32), junk = 0x9E3779B97F4A7C15ull * (index + 1);
    uint32_t flags = packet->flags;

    if (!last) /* nothing else is defined */
        q1 |= junk & ~(0xFFFFull | 3ull << 32);
    if (last) {
        q1 |= BIT64(33) | (uint64_t)packet->sum << 16;
        if (flags & PK_TAGGED)
            q1 |= BIT64(35);
        if (stripped)
            q1 |= (uint64_t)packet->tci << 48;
        if (flags & PK_L4_CHECKED)
            q1 |= BIT64(37) | (flags & PK_UDP ? BIT64(36) : 0);
        if (flags & PK_IP_CHECKED)
            q1 |= BIT64(38);
        if (flags & PK_PIF)
            q1 |= BIT64(39);
        if (flags & PK_MAC_ERROR)
            q1 |= BIT64(40);
        if (flags & PK_L4_BAD)
            q1 |= BIT64(46);
        if (flags & PK_IP_BAD)
            q1 |= BIT64(47);
    }
    return (struct descriptor){0, q1};
}

static uint32_t packet_type(const struct packet *packet)
{
    uint32_t flags = packet->flags;

    if (packet->etqf)
        return BIT(15) | (uint32_t)(packet->etqf - 1) << 4;
    return (flags & PK_IPV4 ? BIT(4) : 0) | (flags & PK_IPV4_OPTIONS ? BIT(5) : 0) |
           (flags & PK_IPV6 ? BIT(6) : 0) | (flags & PK_IPV6_EXT ? BIT(7) : 0) |
           (flags & PK_TCP ? BIT(8) : 0) | (flags & PK_UDP ? BIT(9) : 0) |
           (flags & PK_SCTP ? BIT(10) : 0);
}

static struct descriptor advanced_done(const struct x540 *card, const struct packet *packet,
                                       uint32_t length, bool last, bool stripped)
{
    struct descriptor done = {0, BIT64(0) | (uint64_t)length << 32};
    uint32_t flags = packet->flags;

    if (!last)
        return done;
    done.q0 = packet_type(packet);
    if (packet->fdir_report) {
        done.q0 |= 0xF | (uint64_t)packet->fdir_id << 32;
    } else if (REG(card, RXCSUM) & RXCSUM_PCSD) {
        done.q0 |= packet->rss_type | (uint64_t)packet->hash << 32;
    } else if (flags & PK_IPV4) {
        done.q0 |= (uint64_t)load16be(packet->data + packet->l3 + 4) << 32;
        if ((flags & PK_UDP_FRAGMENT) && (REG(card, RXCSUM) & RXCSUM_IPPCSE))
            done.q0 |= (uint64_t)packet->sum << 48;
    }
    done.q1 |= BIT64(1);
    if (packet->fdir_hit)
        done.q1 |= BIT64(2);
    if (flags & PK_TAGGED)
        done.q1 |= BIT64(3);
    if (stripped)
        done.q1 |= (uint64_t)packet->tci << 48;
    if (flags & PK_L4_CHECKED)
        done.q1 |= BIT64(5) | (flags & PK_UDP ? BIT64(4) : 0);
    if (flags & PK_UDP_SUM_GIVEN)
        done.q1 |= BIT64(10);
    if (flags & PK_IP_CHECKED)
        done.q1 |= BIT64(6);
    if (flags & PK_PIF)
        done.q1 |= BIT64(7);
    if (packet->low_latency)
        done.q1 |= BIT64(11);
    if (flags & PK_LOOPBACK)
        done.q1 |= BIT64(18);
    if (flags & PK_MAC_ERROR)
        done.q1 |= BIT64(29);
    if (flags & PK_L4_BAD)
        done.q1 |= BIT64(30);
    if (flags & PK_IP_BAD)
        done.q1 |= BIT64(31);
    return done;
}

/* ---- To the host ---- */

/* What is stored of the frame: without its VLAN tag if that is stripped, with its CRC if that is
 * not. Returns where; *len is its length. */
static const uint8_t *host_bytes(struct x540 *card, const struct packet *packet, bool strip,
                                 uint32_t *len)
{
    bool keep_crc = !(REG(card, HLREG0) & HLREG0_RXCRCSTRP);
    uint32_t crc;

    *len = packet->len;
    if (!strip && !keep_crc)
        return packet->data;
    crc = keep_crc ? x540_crc32(packet->data, packet->len) : 0;
    if (strip) {
        memmove(card->rx_frame, packet->data, 12);
        memmove(card->rx_frame + 12, packet->data + 16, packet->len - 16);
        *len -= 4;
    } else if (packet->data != card->rx_frame) {
        memcpy(card->rx_frame, packet->data, packet->len);
    }
    if (keep_crc) {
        for (uint32_t i = 0; i < CRC_BYTES; i++)
            card->rx_frame[*len + i] = (uint8_t)(crc >> (8 * i));
        *len += CRC_BYTES;
    }
    return card->rx_frame;
}

static void count_delivered(struct x540 *card, const struct rx_queue *queue, uint32_t len,
                            bool stripped)
{
    x540_stats_add(card, RXDGPC, 1);
    x540_stats_add(card, QPRC(queue->counter), 1);
    x540_stats_bytes(card, QBRC_L(queue->counter), len + (stripped ? 4 : 0));
    card->truth.frames_to_host++;
    card->truth.bytes_to_host += len;
}

static bool strips_tag(const struct rx_queue *queue, const struct packet *packet)
{
    return queue->strip_vlan && (packet->flags & PK_TAGGED);
}

static uint32_t posted_length(const struct x540 *card, const struct rx_queue *queue,
                              const struct packet *packet)
{
    return packet->len - (strips_tag(queue, packet) ? 4 : 0) +
           (REG(card, HLREG0) & HLREG0_RXCRCSTRP ? 0 : CRC_BYTES);
}

bool x540_rx_deliver(struct x540 *card, struct packet *packet)
{
    struct rx_queue *queue = &card->rxq[packet->queue];
    bool strip = strips_tag(queue, packet);
    uint32_t len, left, needed, at = 0, adjust, room = queue->buffer_bytes;
    const uint8_t *data;

    len = posted_length(card, queue, packet);
    needed = len <= room ? 1 : (len + room - 1) / room;
    if (queue->ring.hung || !x540_dma_allowed(card) || x540_rxq_available(queue) < needed)
        return false;
    x540_verify_checksums(packet, !queue->advanced || (packet->flags & PK_UDP_FRAGMENT));
    if ((packet->flags & (PK_IP_BAD | PK_L4_BAD)) && !(packet->flags & PK_MAC_ERROR))
        x540_stats_add(card, XEC, 1);
    /* If the two strip bits differ, the length includes a CRC that is not there, or omits one that
     * is. */
    adjust = (REG(card, RDRXCTL) & RDRXCTL_CRCSTRIP ? 0 : CRC_BYTES) -
             (REG(card, HLREG0) & HLREG0_RXCRCSTRP ? 0 : CRC_BYTES);
    data = host_bytes(card, packet, strip, &len);
    for (left = len; left > 0;) {
        struct descriptor *given = descriptor(card, queue, queue->ring.head), done;
        uint32_t part = left < room ? left : room;
        bool last = part == left;

        if (!given) { /* the queue hangs, and the frame is lost in it */
            card->truth.dropped_error++;
            return true;
        }
        if (given->q1 & (queue->advanced ? BIT64(0) : BIT64(32)))
            x540_complain(card, RULE_RX_DESC_DIRTY,
                          "queue %u descriptor %u given with q1 = 0x%016llx: DD is set",
                          packet->queue, queue->ring.head, (unsigned long long)given->q1);
        x540_post(card, given->q0, data + at, part, X540_PCIE_RX_FRAME);
        if (queue->advanced)
            done = advanced_done(card, packet, (part + (last ? adjust : 0)) & 0xFFFF, last, strip);
        else
            done = legacy_done(packet, (part + (last ? adjust : 0)) & 0xFFFF, last, strip,
                               queue->ring.head);
        write_back(card, queue, queue->ring.head, done, given->q0);
        if (card->evil[X540_EVIL_REWRITE]) {
            x540_rewrite_note(card, given->q0, room, data + at, part);
            x540_rewrite_meanwhile(card);
        }
        queue->ring.head = queue->ring.head + 1 == queue->ring.size ? 0 : queue->ring.head + 1;
        at += part;
        left -= part;
    }
    count_delivered(card, queue, len, strip);
    if (queue->drop && queue->ring.head == queue->ring.tail)
        bit_put(card->rx_dry, packet->queue, true);
    if (card->line_count) { /* told of with the line */
        card->line_tells = true;
        card->line_hurries |= packet->low_latency;
        if ((queue->ring.head & 3) == 0) /* the line is full */
            x540_rx_flush_line(card);
    } else {
        x540_intr_rx(card, packet->queue, packet->low_latency);
    }
    return true;
}

/* ---- The packet buffer ---- */

static uint32_t stored_bytes(uint32_t len)
{
    return HEADER_BYTES + ((len + 7) & ~7u);
}

static uint32_t buffer_bytes(uint32_t len)
{
    return (len + CRC_BYTES + 31) & ~31u;
}

static void missed(struct x540 *card)
{
    x540_stats_add(card, MPC, 1);
    card->truth.dropped_missed++;
    x540_intr_other(card, EICR_RX_MISS);
}

static bool store(struct x540 *card, const struct packet *packet)
{
    uint32_t bytes = stored_bytes(packet->len), at = card->rx_store_tail;

    if (card->rx_store_used + buffer_bytes(packet->len) > card->rx_buffer_bytes)
        return false;
    if (RX_STORE_BYTES - at < bytes) { /* no room before the end: marked by a length of 0 */
        if (RX_STORE_BYTES - at >= HEADER_BYTES)
            memset(card->rx_store + at, 0, HEADER_BYTES);
        at = 0;
    }
    memcpy(card->rx_store + at, &packet->len, 4);
    memcpy(card->rx_store + at + 4, &packet->flags, 4);
    memcpy(card->rx_store + at + HEADER_BYTES, packet->data, packet->len);
    card->rx_store_tail = at + bytes;
    card->rx_store_used += buffer_bytes(packet->len);
    card->rx_store_frames++;
    return true;
}

static void stored_front(struct x540 *card, struct packet *packet)
{
    memset(packet, 0, sizeof(*packet));
    if (RX_STORE_BYTES - card->rx_store_head < HEADER_BYTES)
        card->rx_store_head = 0;
    memcpy(&packet->len, card->rx_store + card->rx_store_head, 4);
    if (!packet->len) {
        card->rx_store_head = 0;
        memcpy(&packet->len, card->rx_store, 4);
    }
    memcpy(&packet->flags, card->rx_store + card->rx_store_head + 4, 4);
    packet->data = card->rx_store + card->rx_store_head + HEADER_BYTES;
}

static void stored_pop(struct x540 *card, uint32_t len)
{
    card->rx_store_head += stored_bytes(len);
    card->rx_store_used -= buffer_bytes(len);
    if (--card->rx_store_frames == 0)
        card->rx_store_head = card->rx_store_tail = card->rx_store_used = 0;
}

/* ---- Between the buffer and the queues ---- */

enum fate { DELIVERED, LOST, WAITS };

static enum fate to_queue(struct x540 *card, struct packet *packet)
{
    struct rx_queue *queue = &card->rxq[packet->queue];
    uint32_t needed;

    if (packet->drop) { /* by flow director */
        x540_stats_add(card, QPRDC(queue->counter), 1);
        card->truth.dropped_filter++;
        return LOST;
    }
    if (queue->ring.state != QUEUE_ON)
        goto lost;
    if (queue->max_bytes && posted_length(card, queue, packet) > queue->max_bytes) {
        x540_stats_add(card, QPRDC(queue->counter), 1);
        card->truth.dropped_oversize++;
        return LOST;
    }
    if ((packet->flags & PK_SCTP) && !queue->advanced && card->evil[X540_EVIL_LEGACY_SCTP]) {
        card->truth.dropped_error++;
        return LOST;
    }
    if (x540_rx_deliver(card, packet))
        return DELIVERED;
    needed = (packet->len + CRC_BYTES + queue->buffer_bytes - 1) / queue->buffer_bytes;
    if (!queue->drop && needed < queue->ring.size)
        return WAITS;
    bit_put(card->rx_dry, packet->queue, queue->was_filled && queue->drop);
lost:
    x540_stats_add(card, QPRDC(queue->counter), 1);
    card->truth.dropped_no_descriptor++;
    return LOST;
}

static bool stopped(const struct x540 *card)
{
    return REG(card, SECRXCTRL) & SECRXCTRL_RX_DIS;
}

void x540_rx_drain(struct x540 *card)
{
    struct packet packet;
    uint32_t most = card->rx_store_frames, resets = card->resets;

    if (card->in_receive)
        return;
    card->in_receive = true;
    while (most-- && card->rx_store_frames && !stopped(card) && x540_dma_allowed(card)) {
        stored_front(card, &packet);
        packet.again = true;
        x540_parse(&packet, (uint16_t)REG(card, VLNCTRL));
        x540_filter_queue(card, &packet);
        if (to_queue(card, &packet) == WAITS || card->resets != resets)
            break;
        stored_pop(card, packet.len);
    }
    card->in_receive = false;
}

bool x540_has_room(const struct x540 *card)
{
    if (!card->link_up || !(REG(card, RXCTRL) & RXCTRL_RXEN))
        return true; /* waiting would not help: such frames are lost on any card */
    if (card->rx_dry[0] | card->rx_dry[1])
        return false;
    return card->rx_store_used + 2 * buffer_bytes(X540_FRAME_MAX) <= card->rx_buffer_bytes;
}

/* ---- The MAC ---- */

static uint32_t size_limit(const struct x540 *card, const uint8_t *frame)
{
    uint32_t limit = REG(card, HLREG0) & HLREG0_JUMBOEN ? REG(card, MAXFRS) >> 16 : 1518;

    return load16be(frame + 12) == (uint16_t)REG(card, VLNCTRL) ? limit + 4 : limit;
}

static void count_good(struct x540 *card, const struct packet *packet)
{
    const uint8_t *mac = packet->data;
    uint32_t total = packet->len + CRC_BYTES;
    bool broadcast = (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xFF;

    x540_stats_size(card, PRC64, total);
    if (broadcast)
        x540_stats_add(card, BPRC, 1);
    if ((mac[0] & 1) && (!broadcast || card->config.kind == X540_82599))
        x540_stats_add(card, MPRC, 1);
    x540_stats_add(card, GPRC, 1);
    x540_stats_bytes(card, GORCL, total);
}

/* What the MAC counts of every frame, whatever becomes of it. */
static void count_arrival(struct x540 *card, uint32_t total)
{
    x540_stats_add(card, TPR, 1);
    x540_stats_bytes(card, TORL, total);
}

/* The frame ends here. With receive off it would have ended anyhow. */
static void refuse(struct x540 *card, uint64_t *why)
{
    if (REG(card, RXCTRL) & RXCTRL_RXEN)
        ++*why;
    else
        card->truth.dropped_rx_off++;
}

/* A length field that the frame does not bear out. Tagged frames have a type there. */
static bool length_is_wrong(const struct x540 *card, const uint8_t *frame, uint32_t len)
{
    uint32_t field = load16be(frame + 12);

    if (field >= 0x600 || !(REG(card, HLREG0) & HLREG0_RXLNGTHERREN))
        return false;
    return field + 14 > len || (len > 60 && field + 14 < len);
}

/* ---- MAC control frames ---- */

#define CONTROL_TYPE   0x8808
#define PAUSE          0x0001
#define PRIORITY_PAUSE 0x0101

static bool is_flow_control_address(const struct x540 *card, const uint8_t *mac)
{
    static const uint8_t group[6] = {0x01, 0x80, 0xC2, 0x00, 0x00, 0x01};
    uint32_t low = REG(card, RAL), high = REG(card, RAH);

    if (!memcmp(mac, group, 6))
        return true;
    for (uint32_t i = 0; i < 6; i++)
        if (mac[i] != (uint8_t)((i < 4 ? low : high) >> (8 * (i & 3))))
            return false;
    return true;
}

static void count_pause(struct x540 *card, uint32_t timer, uint32_t xon, uint32_t xoff)
{
    x540_stats_add16(card, timer ? xoff : xon);
}

static void count_priority_pause(struct x540 *card, const uint8_t *frame)
{
    uint32_t classes = load16be(frame + 16), all = 0;

    for (uint32_t n = 0; n < 8; n++) {
        uint32_t timer = load16be(frame + 18 + 2 * n);

        if (!(classes >> n & 1))
            continue;
        count_pause(card, timer, PXONRXCNT(n), PXOFFRXCNT(n));
        all |= timer;
    }
    count_pause(card, all, LXONRXCNT, LXOFFRXCNT);
}

/* True if the frame may be delivered to the host. DPF decides for the pause frames enabled in
 * MFLCN, PMCF for all others (X550 table 3-43). The model never pauses. */
static bool control_frame(struct x540 *card, const uint8_t *frame, uint32_t *flags)
{
    uint32_t mflcn = REG(card, MFLCN), opcode = load16be(frame + 14);
    bool pause = opcode == PAUSE && (mflcn & MFLCN_RFCE);
    bool priority = opcode == PRIORITY_PAUSE && (mflcn & MFLCN_RPFCM);

    if ((!pause && !priority) || !is_flow_control_address(card, frame))
        return mflcn & MFLCN_PMCF;
    *flags |= PK_FLOW_CONTROL;
    if (pause)
        count_pause(card, load16be(frame + 16), LXONRXCNT, LXOFFRXCNT);
    else
        count_priority_pause(card, frame);
    return !(mflcn & MFLCN_DPF);
}

/* ---- All that arrives ---- */

void x540_mac_receive(struct x540 *card, const uint8_t *frame, uint32_t len, uint32_t flags)
{
    struct packet packet = {0};
    bool goes_on = true;
    uint32_t total;

    if (!card->rx_checked && !(flags & PK_LOOPBACK))
        x540_rx_check(card);
    if (len < 14) {
        if (len + CRC_BYTES < SHORTEST) {
            x540_stats_add(card, MSPDC, 1);
        } else {
            count_arrival(card, len + CRC_BYTES);
            x540_stats_add(card, RUC, 1);
        }
        refuse(card, &card->truth.dropped_undersize);
        return;
    }
    if (len < 60) { /* the sender's MAC has padded it */
        memcpy(card->rx_frame, frame, len);
        memset(card->rx_frame + len, 0, 60 - len);
        frame = card->rx_frame;
        len = 60;
    }
    total = len + CRC_BYTES;
    if (load16be(frame + 12) == CONTROL_TYPE && !(flags & PK_MAC_ERROR))
        goes_on = control_frame(card, frame, &flags);
    if (!(flags & PK_FLOW_CONTROL))
        count_arrival(card, total);
    if (total > size_limit(card, frame)) {
        x540_stats_add(card, flags & PK_MAC_ERROR ? RJC : ROC, 1);
        if (!(REG(card, FCTRL) & FCTRL_SBP)) {
            refuse(card, &card->truth.dropped_oversize);
            return;
        }
        flags |= PK_MAC_ERROR;
    }
    if (!(flags & PK_MAC_ERROR) && length_is_wrong(card, frame, len)) {
        x540_stats_add(card, RLEC, 1);
        flags |= PK_MAC_ERROR;
    }
    if (!(flags & (PK_MAC_ERROR | PK_FLOW_CONTROL)))
        x540_stats_add(card, RXNFGPC, 1);
    if ((flags & PK_MAC_ERROR) && !(REG(card, FCTRL) & FCTRL_SBP)) {
        refuse(card, &card->truth.dropped_error);
        return;
    }
    packet.flags = flags;
    packet.data = frame;
    packet.len = len;
    x540_parse(&packet, (uint16_t)REG(card, VLNCTRL));
    if (!goes_on || !x540_filter_accept(card, &packet)) {
        refuse(card, &card->truth.dropped_filter);
        return;
    }
    if (!(flags & (PK_MAC_ERROR | PK_FLOW_CONTROL)))
        count_good(card, &packet);
    if (!(REG(card, RXCTRL) & RXCTRL_RXEN)) {
        card->truth.dropped_rx_off++;
        return;
    }
    x540_filter_queue(card, &packet);
    if (!card->rx_store_frames && !stopped(card) && to_queue(card, &packet) != WAITS)
        return;
    if (!store(card, &packet))
        missed(card);
}

static bool wire_reaches_mac(struct x540 *card, uint32_t len)
{
    card->truth.frames_in++;
    card->truth.bytes_in += len;
    if (card->evil[X540_EVIL_ALL_ONES] || !card->link_up || card->in_reset) {
        card->truth.dropped_link_down++;
        return false;
    }
    if (REG(card, HLREG0) & HLREG0_LPBK) {
        card->truth.dropped_rx_off++;
        return false;
    }
    if (len > X540_FRAME_MAX) {
        count_arrival(card, len + CRC_BYTES);
        x540_stats_add(card, ROC, 1);
        refuse(card, &card->truth.dropped_oversize);
        return false;
    }
    return true;
}

void x540_frame_in(struct x540 *card, const uint8_t *frame, uint32_t len)
{
    if (wire_reaches_mac(card, len))
        x540_mac_receive(card, frame, len, 0);
}

void x540_frame_in_damaged(struct x540 *card, const uint8_t *frame, uint32_t len,
                           enum x540_damage how)
{
    uint32_t flags = PK_MAC_ERROR;

    if (!wire_reaches_mac(card, len))
        return;
    if (len + CRC_BYTES < 64) { /* too short and damaged: a fragment, never padded */
        if (len + CRC_BYTES < SHORTEST) {
            x540_stats_add(card, MSPDC, 1);
        } else {
            count_arrival(card, len + CRC_BYTES);
            x540_stats_add(card, RFC, 1);
        }
        refuse(card, &card->truth.dropped_undersize);
        return;
    }
    if (how == X540_BAD_CRC && len + CRC_BYTES <= size_limit(card, frame))
        x540_stats_add(card, CRCERRS, 1);
    else if (how == X540_BAD_SYMBOL)
        x540_stats_add(card, ILLERRC, 1);
    else if (how == X540_BAD_LENGTH && (REG(card, HLREG0) & HLREG0_RXLNGTHERREN))
        x540_stats_add(card, RLEC, 1);
    else if (how == X540_BAD_LENGTH) /* and the MAC does not look */
        flags = 0;
    x540_mac_receive(card, frame, len, flags);
}
