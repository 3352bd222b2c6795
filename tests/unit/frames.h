/* SPDX-License-Identifier: BSD-2-Clause
 * Frames for tests of the stack, built byte by byte with a simple checksum of their own, so that no
 * code under test builds or checks them.
 */
#ifndef TESTS_UNIT_FRAMES_H
#define TESTS_UNIT_FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define US_MAC         "\x02\x00\x00\x00\x00\x01"
#define PEER_MAC       "\x02\x00\x00\x00\x00\x02"
#define ALL_MAC        "\xFF\xFF\xFF\xFF\xFF\xFF"
#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
#define US_IP          IP(192, 0, 2, 1)
#define PEER_IP        IP(192, 0, 2, 77)

static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xFFFF);
}
static inline unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}
static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* RFC 1071's definition: word by word, an odd byte padded, carries folded each time. */
static inline unsigned slow_sum(const uint8_t *p, size_t n, unsigned sum)
{
    for (size_t i = 0; i < n; i += 2) {
        sum += (unsigned)p[i] << 8 | (i + 1 < n ? p[i + 1] : 0);
        if (sum > 0xFFFF)
            sum -= 0xFFFF;
    }
    return sum;
}
/* The checksum that makes the sum of these bytes right; 0 if the sum is right already. */
static inline uint16_t slow_check(const uint8_t *p, size_t n)
{
    return (uint16_t)(0xFFFF ^ slow_sum(p, n, 0));
}
static inline unsigned slow_pseudo(const uint8_t *ip, unsigned bytes)
{
    return slow_sum((const uint8_t[]){0, ip[9], (uint8_t)(bytes >> 8), (uint8_t)bytes}, 4,
                    slow_sum(ip + 12, 8, 0));
}

/* Put the right checksums into an IPv4 frame as far as its own lengths allow. */
static inline void fix_ip(uint8_t *frame)
{
    uint8_t *ip = frame + 14;
    unsigned header = (ip[0] & 15u) * 4;
    put16(ip + 10, 0);
    put16(ip + 10, slow_check(ip, header));
}
static inline void fix_payload(uint8_t *frame, size_t room)
{
    uint8_t *ip = frame + 14;
    unsigned header = (ip[0] & 15u) * 4, total = get16(ip + 2);
    if (header < 20 || total < header + 8 || total + 14 > room)
        return;
    uint8_t *p = ip + header;
    if (ip[9] == 1) {
        put16(p + 2, 0);
        put16(p + 2, slow_check(p, total - header));
    } else if (ip[9] == 17) {
        unsigned bytes = get16(p + 4);
        if (bytes < 8 || bytes > total - header)
            return;
        put16(p + 6, 0);
        unsigned sum = 0xFFFF ^ slow_sum(p, bytes, slow_pseudo(ip, bytes));
        put16(p + 6, sum != 0 ? sum : 0xFFFF);
    }
}

static inline size_t make_arp(uint8_t *frame, unsigned op, const char *dst, const char *sender_mac,
                              uint32_t sender_ip, const char *target_mac, uint32_t target_ip)
{
    memset(frame, 0, 60);
    memcpy(frame, dst, 6);
    memcpy(frame + 6, sender_mac, 6);
    memcpy(frame + 12, "\x08\x06\x00\x01\x08\x00\x06\x04", 8);
    put16(frame + 20, op);
    memcpy(frame + 22, sender_mac, 6);
    put32(frame + 28, sender_ip);
    memcpy(frame + 32, target_mac, 6);
    put32(frame + 38, target_ip);
    return 60;
}

/* Put Ethernet and IP headers before a payload that is in place already, after the options. */
static inline size_t make_ip(uint8_t *frame, unsigned protocol, uint32_t src, uint32_t dst,
                             unsigned options, size_t payload)
{
    memcpy(frame, US_MAC, 6);
    memcpy(frame + 6, PEER_MAC, 6);
    put16(frame + 12, 0x0800);
    uint8_t *ip = frame + 14;
    ip[0] = (uint8_t)(0x45 + options / 4);
    ip[1] = 0x10;
    put16(ip + 2, (unsigned)(20 + options + payload));
    put16(ip + 4, 0x1234);
    put16(ip + 6, 0);
    ip[8] = 63;
    ip[9] = (uint8_t)protocol;
    put32(ip + 12, src);
    put32(ip + 16, dst);
    memset(ip + 20, 1, options); /* no-operation options */
    fix_ip(frame);
    fix_payload(frame, 2048);
    return 14 + 20 + options + payload;
}

static inline size_t make_icmp(uint8_t *frame, unsigned type, unsigned id, unsigned sequence,
                               unsigned options, size_t data)
{
    uint8_t *p = frame + 34 + options;
    p[0] = (uint8_t)type;
    p[1] = 0;
    put16(p + 4, id);
    put16(p + 6, sequence);
    for (size_t i = 0; i < data; i++)
        p[8 + i] = (uint8_t)(i * 7 + 3);
    return make_ip(frame, 1, PEER_IP, US_IP, options, 8 + data);
}

static inline size_t make_udp(uint8_t *frame, unsigned src_port, unsigned dst_port,
                              unsigned options, size_t data)
{
    uint8_t *p = frame + 34 + options;
    put16(p, src_port);
    put16(p + 2, dst_port);
    put16(p + 4, (unsigned)(8 + data));
    for (size_t i = 0; i < data; i++)
        p[8 + i] = (uint8_t)(i * 5 + 1);
    return make_ip(frame, 17, PEER_IP, US_IP, options, 8 + data);
}

/* Check a frame that US sent: addresses, type, lengths, every checksum, padding. Returns NULL, or
 * the name of what is wrong. */
static inline const char *fault_of(const uint8_t *frame, size_t n)
{
    if (n < 60 || n > 2048)
        return "length";
    if (memcmp(frame + 6, US_MAC, 6) != 0)
        return "Ethernet source";
    if (get16(frame + 12) == 0x0806) {
        if (n != 60 || memcmp(frame + 14, "\x00\x01\x08\x00\x06\x04\x00", 7) != 0)
            return "ARP header";
        bool is_probe = get32(frame + 28) == 0 && get32(frame + 38) == US_IP && frame[21] == 1;
        if (memcmp(frame + 22, US_MAC, 6) != 0 || (get32(frame + 28) != US_IP && !is_probe))
            return "ARP sender";
        for (size_t i = 42; i < 60; i++)
            if (frame[i] != 0)
                return "ARP padding";
        return NULL;
    }
    if (get16(frame + 12) != 0x0800)
        return "type";
    if (frame[0] & 1)
        return "IPv4 to a group";
    const uint8_t *ip = frame + 14;
    unsigned total = get16(ip + 2);
    if (ip[0] != 0x45 || total < 28 || total + 14 > n || (n > 60 && total + 14 != n))
        return "IPv4 lengths";
    for (size_t i = total + 14; i < n; i++)
        if (frame[i] != 0)
            return "padding";
    if (slow_sum(ip, 20, 0) != 0xFFFF)
        return "IPv4 checksum";
    bool is_twamp = ip[9] == 17 && get16(ip + 20) == 862; /* RFC 5357 section 4.2.1 */
    if (get32(ip + 12) != US_IP || ip[8] != (is_twamp ? 255 : 64) || get16(ip + 6) != 0)
        return "IPv4 fields";
    if (ip[9] == 1)
        return slow_sum(ip + 20, total - 20, 0) == 0xFFFF ? NULL : "ICMP checksum";
    if (ip[9] != 17)
        return "protocol";
    if (get16(ip + 24) != total - 20 || get16(ip + 26) == 0)
        return "UDP fields";
    return slow_sum(ip + 20, total - 20, slow_pseudo(ip, total - 20)) == 0xFFFF ? NULL
                                                                                : "UDP checksum";
}

#endif
