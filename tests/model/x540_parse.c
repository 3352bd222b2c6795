/* SPDX-License-Identifier: BSD-2-Clause
 * Looks into a frame as the card's parser does: VLAN tag, IPv4 and IPv6 with extension headers,
 * TCP, UDP, SCTP, and their checksums. Pure functions of the bytes.
 */
#include <string.h>

#include "x540_internal.h"

#define EXT_HEADERS_MAX 8

uint32_t x540_sum(const uint8_t *data, uint32_t len, uint32_t start)
{
    uint64_t sum = 0, eight, carries = 0;
    uint32_t word, folded;

#pragma GCC unroll 4
    for (; len >= 8; len -= 8, data += 8) {
        memcpy(&eight, data, 8);
        sum += eight;
        carries += sum < eight; /* each is worth 1, as 2^16 is */
    }
    sum = (sum & 0xFFFFFFFF) + (sum >> 32) + carries;
    if (len >= 4) {
        memcpy(&word, data, 4);
        sum += word;
        len -= 4;
        data += 4;
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
    packet->ip_end = (uint16_t)(packet->l3 + header);
    if (load16be(ip + 6) & 0x3FFF) {
        packet->flags |= PK_FRAGMENT | (packet->protocol == 17 ? PK_UDP_FRAGMENT : 0);
        if (packet->protocol == 17 && !(load16be(ip + 6) & 0x1FFF) && header + 8 <= room &&
            load16be(ip + header + 6))
            packet->flags |= PK_UDP_SUM_GIVEN;
        return;
    }
    if (total > room) /* cut short: no header beyond this one is trusted */
        return;
    packet->l4 = (uint16_t)(packet->l3 + header);
    packet->l4_end = (uint16_t)(packet->l3 + total);
    parse_l4(packet);
}

/* Does a header of destination options hold a home address? */
static bool has_home_address(const uint8_t *header, uint32_t bytes)
{
    for (uint32_t at = 2; at < bytes;) {
        if (header[at] == 0xC9)
            return true;
        if (header[at] != 0 && at + 1 == bytes)
            return false;
        at += header[at] == 0 ? 1 : 2u + header[at + 1]; /* option 0 is a byte of padding */
    }
    return false;
}

/* A fragment, a routing header on its way and a home address end the parsing: the L4 checksum of
 * such a packet is not the sum of what is here (X550 table 7-26). */
static void parse_ipv6(struct packet *packet)
{
    const uint8_t *ip = packet->data + packet->l3;
    uint32_t room = packet->len - packet->l3, at = 40, end;
    uint8_t next;

    if (room < 40 || ip[0] >> 4 != 6)
        return;
    end = 40u + load16be(ip + 4);
    packet->flags |= PK_IPV6;
    packet->ip_end = (uint16_t)(packet->l3 + at);
    next = ip[6];
    if (end > room)
        return;
    for (int i = 0; i < EXT_HEADERS_MAX; i++) {
        uint32_t bytes;

        if (next != 0 && next != 43 && next != 60 && next != 44)
            break;
        packet->flags |= PK_IPV6_EXT;
        if (next == 44)
            packet->flags |= PK_FRAGMENT;
        if (next == 44 || at + 8 > end || (next == 43 && ip[at + 3]))
            return;
        bytes = 8u + 8u * ip[at + 1];
        if (at + bytes > end || (next == 60 && has_home_address(ip + at, bytes)))
            return;
        next = ip[at];
        at += bytes;
        packet->ip_end = (uint16_t)(packet->l3 + at);
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
        return load16be(ip + 12) + load16be(ip + 14) + load16be(ip + 16) + load16be(ip + 18) +
               start;
    return x540_sum(ip + 8, 32, start);
}

static uint32_t fold(uint32_t sum)
{
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (sum & 0xFFFF) + (sum >> 16);
}

/* The fragment checksum, where the sum of the first `done` bytes behind the IP header is known. */
static void put_sum(struct packet *packet, uint32_t done, uint32_t sum)
{
    uint32_t at = packet->ip_end + done, rest;

    if (at < packet->len) {
        rest = x540_sum(packet->data + at, packet->len - at, 0);
        if (done & 1) /* the rest begins with the low half of a word */
            rest = (rest >> 8) | (rest << 8 & 0xFF00);
        sum = fold(sum + rest);
    }
    packet->sum = (uint16_t)sum;
}

static void verify_sctp(struct packet *packet)
{
    const uint8_t *l4 = packet->data + packet->l4;
    uint32_t bytes = packet->l4_end - packet->l4, crc_given, value = 0xFFFFFFFF;
    uint8_t copy[12];

    memcpy(copy, l4, 12);
    memset(copy + 8, 0, 4);
    for (uint32_t i = 0; i < bytes; i++) {
        value ^= i < 12 ? copy[i] : l4[i];
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0x82F63B78 : 0);
    }
    memcpy(&crc_given, l4 + 8, 4);
    packet->flags |= PK_L4_CHECKED | (~value == crc_given ? 0 : PK_L4_BAD);
}

/* Returns how many bytes behind the IP header were summed up into *sum. */
static uint32_t verify_l4(struct packet *packet, uint32_t *sum)
{
    const uint8_t *l4 = packet->data + packet->l4;
    uint32_t bytes = packet->l4_end - packet->l4;

    if (packet->flags & PK_SCTP) {
        verify_sctp(packet);
        return 0;
    }
    if (packet->flags & PK_UDP) {
        uint32_t given = load16be(l4 + 4);

        if (load16be(l4 + 6) == 0) { /* none: an error over IPv6 alone */
            packet->flags |= packet->flags & PK_IPV6 ? PK_L4_CHECKED | PK_L4_BAD : 0;
            return 0;
        }
        if (given < 8 || given > bytes)
            return 0;
        bytes = given;
    }
    *sum = x540_sum(l4, bytes, 0);
    packet->flags |= PK_L4_CHECKED;
    if (fold(*sum + pseudo_header(packet, bytes)) != 0xFFFF)
        packet->flags |= PK_L4_BAD;
    return bytes;
}

void x540_verify_checksums(struct packet *packet, bool sum_wanted)
{
    const uint8_t *ip = packet->data + packet->l3;
    uint32_t done = 0, sum = 0;

    if (!packet->ip_end) { /* no IP: the field is not 0 all the same */
        packet->sum = (uint16_t)(0x5A5Au + 2 * packet->len) | 1;
        return;
    }
    if (packet->flags & PK_IPV4) {
        packet->flags |= PK_IP_CHECKED;
        if (x540_sum(ip, (ip[0] & 15) * 4u, 0) != 0xFFFF)
            packet->flags |= PK_IP_BAD;
    }
    if (packet->l4 && !(packet->flags & PK_IP_BAD))
        done = verify_l4(packet, &sum);
    if (sum_wanted)
        put_sum(packet, done, sum);
}
