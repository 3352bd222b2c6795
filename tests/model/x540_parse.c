/* SPDX-License-Identifier: BSD-2-Clause
 * Looks into a frame as the card's parser does: VLAN tag, IPv4 and IPv6 with extension headers,
 * TCP, UDP, SCTP, and their checksums. Pure functions of the bytes.
 */
#include <string.h>

#include "x540_internal.h"

#define EXT_HEADERS_MAX 8

uint32_t x540_sum(const uint8_t *data, uint32_t len, uint32_t start)
{
    uint64_t sum = 0;
    uint32_t word, folded;

    for (; len >= 4; len -= 4, data += 4) {
        memcpy(&word, data, 4);
        sum += word;
    }
    /* The host is little-endian, or the sum is in its byte order all the same: swapping once at
     * the end is swapping each word (RFC 1071). */
    if (len) {
        word = 0;
        memcpy(&word, data, len);
        sum += word;
    }
    sum = (sum & 0xFFFFFFFF) + (sum >> 32);
    sum = (sum & 0xFFFF) + (sum >> 16 & 0xFFFF) + (sum >> 32);
    folded = (uint32_t)((sum & 0xFFFF) + (sum >> 16));
    folded = (folded & 0xFFFF) + (folded >> 16);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    folded = (folded >> 8) | (folded << 8 & 0xFF00);
#endif
    folded += start;
    folded = (folded & 0xFFFF) + (folded >> 16);
    return (folded & 0xFFFF) + (folded >> 16);
}

static uint32_t crc(const uint8_t *data, uint32_t len, uint32_t polynomial)
{
    uint32_t value = 0xFFFFFFFF;

    while (len--) {
        value ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? polynomial : 0);
    }
    return ~value;
}

uint32_t x540_crc32(const uint8_t *data, uint32_t len)
{
    return crc(data, len, 0xEDB88320);
}

uint32_t x540_crc32c(const uint8_t *data, uint32_t len)
{
    return crc(data, len, 0x82F63B78);
}

static void parse_l4(struct packet *packet)
{
    uint32_t have = packet->l4_end - packet->l4;

    if (packet->protocol == 6 && have >= 20)
        packet->flags |= PK_TCP;
    else if (packet->protocol == 17 && have >= 8)
        packet->flags |= PK_UDP;
    else if (packet->protocol == 132 && have >= 12)
        packet->flags |= PK_SCTP;
    else
        packet->l4 = 0;
}

static void parse_ipv4(struct packet *packet)
{
    const uint8_t *ip = packet->data + packet->l3;
    uint32_t room = packet->len - packet->l3, header, total;

    if (room < 20 || ip[0] >> 4 != 4)
        return;
    header = (ip[0] & 15) * 4u;
    total = load16be(ip + 2);
    if (header < 20 || header > room || total < header)
        return;
    packet->flags |= PK_IPV4 | (header > 20 ? PK_IPV4_OPTIONS : 0);
    packet->protocol = ip[9];
    if (load16be(ip + 6) & 0x3FFF) {
        packet->flags |= PK_FRAGMENT;
        return;
    }
    if (total > room) /* cut short: no header beyond this one is trusted */
        return;
    packet->l4 = (uint16_t)(packet->l3 + header);
    packet->l4_end = (uint16_t)(packet->l3 + total);
    parse_l4(packet);
}

static void parse_ipv6(struct packet *packet)
{
    const uint8_t *ip = packet->data + packet->l3;
    uint32_t room = packet->len - packet->l3, at = 40, end;
    uint8_t next;

    if (room < 40 || ip[0] >> 4 != 6)
        return;
    end = 40u + load16be(ip + 4);
    packet->flags |= PK_IPV6;
    next = ip[6];
    if (end > room)
        return;
    for (int i = 0; i < EXT_HEADERS_MAX; i++) {
        if (next != 0 && next != 43 && next != 60 && next != 44)
            break;
        packet->flags |= PK_IPV6_EXT;
        if (next == 44)
            packet->flags |= PK_FRAGMENT;
        if (next == 44 || next == 43 || at + 8 > end) /* the check sum's address is not the one here */
            return;
        next = ip[at];
        at += 8u + 8u * ip[at + 1];
        if (at > end)
            return;
    }
    packet->protocol = next;
    packet->l4 = (uint16_t)(packet->l3 + at);
    packet->l4_end = (uint16_t)(packet->l3 + end);
    parse_l4(packet);
}

void x540_parse(struct packet *packet, uint16_t vlan_type)
{
    const uint8_t *data = packet->data;

    packet->ethertype = load16be(data + 12);
    packet->l3 = 14;
    if (packet->ethertype == vlan_type && packet->len >= 18) {
        packet->flags |= PK_TAGGED;
        packet->tci = load16be(data + 14);
        packet->ethertype = load16be(data + 16);
        packet->l3 = 18;
    }
    if (packet->ethertype == 0x0800)
        parse_ipv4(packet);
    else if (packet->ethertype == 0x86DD)
        parse_ipv6(packet);
}

static uint32_t pseudo_header(const struct packet *packet, uint32_t l4_bytes)
{
    const uint8_t *ip = packet->data + packet->l3;
    uint32_t start = packet->protocol + l4_bytes;

    if (packet->flags & PK_IPV4)
        return x540_sum(ip + 12, 8, start);
    return x540_sum(ip + 8, 32, start);
}

static void verify_l4(struct packet *packet)
{
    const uint8_t *l4 = packet->data + packet->l4;
    uint32_t bytes = packet->l4_end - packet->l4, crc_given;

    if (packet->flags & PK_SCTP) {
        uint8_t copy[12];
        uint32_t value = 0xFFFFFFFF;

        memcpy(copy, l4, 12);
        memset(copy + 8, 0, 4);
        for (uint32_t i = 0; i < bytes; i++) {
            value ^= i < 12 ? copy[i] : l4[i];
            for (int bit = 0; bit < 8; bit++)
                value = value >> 1 ^ (value & 1 ? 0x82F63B78 : 0);
        }
        memcpy(&crc_given, l4 + 8, 4);
        packet->flags |= PK_L4_CHECKED | (~value == crc_given ? 0 : PK_L4_BAD);
        return;
    }
    if (packet->flags & PK_UDP) {
        uint32_t given = load16be(l4 + 4);

        if (load16be(l4 + 6) == 0 || given < 8 || given > bytes)
            return;
        bytes = given;
    }
    packet->flags |= PK_L4_CHECKED;
    if (x540_sum(l4, bytes, pseudo_header(packet, bytes)) != 0xFFFF)
        packet->flags |= PK_L4_BAD;
}

void x540_verify_checksums(struct packet *packet)
{
    const uint8_t *ip = packet->data + packet->l3;

    if (packet->flags & PK_IPV4) {
        packet->flags |= PK_IP_CHECKED;
        if (x540_sum(ip, (ip[0] & 15) * 4u, 0) != 0xFFFF) {
            packet->flags |= PK_IP_BAD;
            return;
        }
    }
    if (packet->l4)
        verify_l4(packet);
}
