/* SPDX-License-Identifier: BSD-2-Clause
 * Which frames the card takes (receive addresses, multicast and unicast hash, broadcast, VLAN) and
 * which queue gets them: EtherType filter, SYN filter, 5-tuple filter, flow director, then RSS or
 * the pool's default queue (facts, section 5).
 */
#include "x540_internal.h"

/* ---- Acceptance ---- */

void x540_filter_rar_changed(struct x540 *card)
{
    card->rar_count = 0;
    for (uint32_t i = 0; i < QUEUES; i++) {
        uint32_t low = REG(card, RAL + 8 * i), high = REG(card, RAH + 8 * i);

        if (!(high & RAH_AV))
            continue;
        card->rar_address[card->rar_count] = (uint64_t)(high & 0xFFFF) << 32 | low;
        card->rar_valid[card->rar_count++] = (uint8_t)i;
    }
}

static bool hash_bit(const struct x540 *card, uint32_t table, const uint8_t *mac)
{
    static const uint8_t shift[4] = {4, 3, 2, 0};
    uint32_t s = shift[GET(MCSTCTRL_MO, REG(card, MCSTCTRL))];
    uint32_t v = ((uint32_t)mac[4] >> s | (uint32_t)mac[5] << (8 - s)) & 0xFFF;

    return REG(card, table + 4 * (v >> 5)) >> (v & 31) & 1;
}

/* RAL, SAQF and DAQF are as the address stands on the wire, first byte in bits 7:0. */
static uint32_t wire32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The receive address that equals the destination, or -1. */
static int exact_match(const struct x540 *card, const uint8_t *mac)
{
    uint64_t address = wire32(mac) | (uint64_t)(mac[4] | mac[5] << 8) << 32;

    for (uint32_t i = 0; i < card->rar_count; i++)
        if (card->rar_address[i] == address)
            return card->rar_valid[i];
    return -1;
}

static bool is_broadcast(const uint8_t *mac)
{
    return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xFF;
}

static bool accept_address(struct x540 *card, struct packet *packet)
{
    const uint8_t *mac = packet->data;
    uint32_t fctrl = REG(card, FCTRL);
    bool x550 = card->config.kind == X540_X550;

    if (x550 && (mac[0] & 1))
        packet->flags |= PK_PIF;
    if (is_broadcast(mac))
        return fctrl & (FCTRL_BAM | FCTRL_MPE);
    if (exact_match(card, mac) >= 0)
        return true;
    if (!x550)
        packet->flags |= PK_PIF;
    if (mac[0] & 1)
        return (fctrl & FCTRL_MPE) ||
               ((REG(card, MCSTCTRL) & MCSTCTRL_MFE) && hash_bit(card, MTA, mac));
    return (fctrl & FCTRL_UPE) || hash_bit(card, UTA, mac);
}

static bool accept_vlan(const struct x540 *card, const struct packet *packet)
{
    uint32_t vlnctrl = REG(card, VLNCTRL), id = packet->tci & 0xFFF;

    if (!(vlnctrl & VLNCTRL_VFE) || !(packet->flags & PK_TAGGED))
        return true;
    if ((vlnctrl & VLNCTRL_CFIEN) && !(packet->tci & 0x1000) != !(vlnctrl & VLNCTRL_CFI))
        return false;
    return REG(card, VFTA + 4 * (id >> 5)) >> (id & 31) & 1;
}

bool x540_filter_accept(struct x540 *card, struct packet *packet)
{
    return accept_address(card, packet) && accept_vlan(card, packet);
}

/* ---- Choosing a queue ---- */

/* What the facts ask of the EtherType filters that are on (X550 7.1.3.3). */
static void check_ethertypes(struct x540 *card)
{
    for (uint32_t n = 0; n < 8; n++) {
        uint32_t etqf = REG(card, ETQF + 4 * n), type = etqf & 0xFFFF;

        if (!(etqf & ETQF_FILTER_EN))
            continue;
        if (type == 0x0800 || type == 0x86DD)
            x540_complain(card, RULE_ETQF_IP, "ETQF[%u] = 0x%08x: the type of IP", n, etqf);
        for (uint32_t i = 0; i < n; i++)
            if ((REG(card, ETQF + 4 * i) & (ETQF_FILTER_EN | 0xFFFF)) == (ETQF_FILTER_EN | type))
                x540_complain(card, RULE_ETQF_TWICE, "ETQF[%u] = 0x%08x: ETQF[%u] has its type", n,
                              etqf, i);
    }
}

void x540_filter_classify_changed(struct x540 *card)
{
    check_ethertypes(card);
    card->classify = 0;
    card->ftqf_count = 0;
    for (uint32_t n = 0; n < 8; n++)
        if (REG(card, ETQF + 4 * n) & ETQF_FILTER_EN)
            card->classify |= 1;
    if (REG(card, SYNQF) & SYNQF_QUEUE_EN)
        card->classify |= 2;
    for (uint32_t n = 0; n < QUEUES; n++)
        if (REG(card, FTQF + 4 * n) & FTQF_ENABLE)
            card->ftqf_on[card->ftqf_count++] = (uint8_t)n;
    if (card->ftqf_count)
        card->classify |= 4;
}

/* "Compared against all L2 type fields": the tag's, and the one after it. */
static bool has_type(const struct x540 *card, const struct packet *packet, uint32_t type)
{
    return type == packet->ethertype ||
           ((packet->flags & PK_TAGGED) && type == (uint16_t)REG(card, VLNCTRL));
}

static bool ethertype_filter(struct x540 *card, struct packet *packet)
{
    for (uint32_t n = 0; n < 8; n++) {
        uint32_t etqf = REG(card, ETQF + 4 * n), etqs = REG(card, ETQS + 4 * n);

        if (!(etqf & ETQF_FILTER_EN) || !has_type(card, packet, etqf & 0xFFFF))
            continue;
        packet->etqf = (uint8_t)(n + 1);
        if (!(etqs & ETQS_QUEUE_EN))
            return false;
        packet->queue = (uint8_t)GET(ETQS_RX_QUEUE, etqs);
        packet->low_latency = etqs & ETQS_LLI;
        return true;
    }
    return false;
}

static bool syn_filter(struct x540 *card, struct packet *packet)
{
    uint32_t synqf = REG(card, SYNQF);

    if (!(synqf & SYNQF_QUEUE_EN) || !(packet->flags & PK_TCP) ||
        (packet->data[packet->l4 + 13] & 0x12) != 0x02)
        return false;
    packet->queue = (uint8_t)GET(SYNQF_RX_QUEUE, synqf);
    return true;
}

static bool five_tuple_matches(const struct x540 *card, const struct packet *packet, uint32_t n)
{
    static const uint8_t protocols[3] = {6, 17, 132};
    uint32_t ftqf = REG(card, FTQF + 4 * n), ports, wanted = GET(FTQF_PROTOCOL, ftqf);
    const uint8_t *ip = packet->data + packet->l3;

    if (!(ftqf & FTQF_M_PROTO)) {
        bool known = packet->protocol == 6 || packet->protocol == 17 || packet->protocol == 132;

        if (wanted == 3 ? known : packet->protocol != protocols[wanted])
            return false;
    }
    if (!(ftqf & FTQF_M_SADDR) && wire32(ip + 12) != REG(card, SAQF + 4 * n))
        return false;
    if (!(ftqf & FTQF_M_DADDR) && wire32(ip + 16) != REG(card, DAQF + 4 * n))
        return false;
    if ((ftqf & FTQF_M_SPORT) && (ftqf & FTQF_M_DPORT))
        return true;
    if (!packet->l4)
        return false;
    ports = wire32(packet->data + packet->l4) ^ REG(card, SDPQF + 4 * n);
    return ((ftqf & FTQF_M_SPORT) || !(ports & 0xFFFF)) &&
           ((ftqf & FTQF_M_DPORT) || !(ports >> 16));
}

static bool five_tuple_filter(struct x540 *card, struct packet *packet)
{
    int best = -1;
    uint32_t best_priority = 0, imir;

    if (!(packet->flags & PK_IPV4) || (packet->flags & PK_FRAGMENT))
        return false;
    for (uint32_t i = 0; i < card->ftqf_count; i++) {
        uint32_t n = card->ftqf_on[i];
        uint32_t priority = GET(FTQF_PRIORITY, REG(card, FTQF + 4 * n));

        if (five_tuple_matches(card, packet, n) && (best < 0 || priority > best_priority)) {
            best = (int)n;
            best_priority = priority;
        }
    }
    if (best < 0)
        return false;
    imir = REG(card, L34T_IMIR + 4 * (uint32_t)best);
    packet->queue = (uint8_t)GET(L34T_RX_QUEUE, imir);
    packet->low_latency =
        (imir & L34T_LLI) && ((imir & L34T_SIZE_BP) || packet->len + 4 <= REG(card, LLITHRESH));
    return true;
}

static bool classified(struct x540 *card, struct packet *packet)
{
    bool syn_first = REG(card, SYNQF) & SYNQF_PRIORITY;

    if ((card->classify & 1) && ethertype_filter(card, packet))
        return true;
    if (syn_first && syn_filter(card, packet))
        return true;
    if ((card->classify & 4) && five_tuple_filter(card, packet))
        return true;
    return !syn_first && syn_filter(card, packet);
}

/* ---- Pools and traffic classes: which block of queues RSS (or nothing) picks from ---- */

static uint32_t pool_of(const struct x540 *card, const struct packet *packet)
{
    uint32_t vt_ctl = REG(card, VT_CTL);
    int rar = exact_match(card, packet->data);

    if (rar >= 0)
        for (uint32_t p = 0; p < 64; p++)
            if (REG(card, MPSAR + 8 * (uint32_t)rar + 4 * (p >> 5)) >> (p & 31) & 1)
                return p;
    return GET(VT_CTL_POOL, vt_ctl) & 63;
}

static uint32_t traffic_class(const struct x540 *card, const struct packet *packet)
{
    uint32_t priority = packet->flags & PK_TAGGED ? packet->tci >> 13 : 0;

    return REG(card, RTRUP2TC) >> (3 * priority) & 7;
}

static uint32_t default_queue(struct x540 *card, struct packet *packet)
{
    uint32_t mrqe = GET(MRQC_MRQE, REG(card, MRQC));

    switch (mrqe) {
    case 1:
        return x540_rss_queue(card, packet);
    case 2: /* 8 classes of 16 queues, 4 of 32; with RSS in each */
        return traffic_class(card, packet) << 4;
    case 3:
        return (traffic_class(card, packet) & 3) << 5;
    case 4:
        return traffic_class(card, packet) << 4 | (x540_rss_queue(card, packet) & 15);
    case 5:
        return (traffic_class(card, packet) & 3) << 5 | (x540_rss_queue(card, packet) & 31);
    case 8: /* pools */
        return pool_of(card, packet) << 1;
    case 0xA:
        return (pool_of(card, packet) & 31) << 2 | (x540_rss_queue(card, packet) & 3);
    case 0xB:
        return pool_of(card, packet) << 1 | (x540_rss_queue(card, packet) & 1);
    case 0xC:
        return (pool_of(card, packet) & 15) << 3 | traffic_class(card, packet);
    case 0xD:
        return (pool_of(card, packet) & 31) << 2 | (traffic_class(card, packet) & 3);
    }
    return 0;
}

void x540_filter_queue(struct x540 *card, struct packet *packet)
{
    uint32_t mrqe = GET(MRQC_MRQE, REG(card, MRQC));
    bool chosen;

    if (mrqe == 1 || mrqe == 4 || mrqe == 5 || mrqe == 0xA || mrqe == 0xB)
        x540_rss_hash(card, packet);
    chosen = card->classify && classified(card, packet);
    if (!chosen && (REG(card, FDIRCTRL) & FDIRCTRL_INIT_DONE)) {
        x540_fdir_match(card, packet);
        chosen = packet->fdir_queued || packet->drop;
    }
    if (!chosen)
        packet->queue = (uint8_t)(default_queue(card, packet) & (QUEUES - 1));
    packet->queue &= QUEUES - 1;
}
