/* SPDX-License-Identifier: BSD-2-Clause
 * A second implementation of what the stack must do with a frame, written from the RFCs and the
 * table in net/README.md, in that table's order, without the stack's code. The host is US of
 * frames.h with a 24-bit prefix, echo on 7, discard on 9, a TWAMP reflector on 862, no ping
 * running, no reassembly.
 */
#ifndef TESTS_UNIT_NETIF_ORACLE_H
#define TESTS_UNIT_NETIF_ORACLE_H

#include "net/drops.h"
#include "tests/unit/frames.h"

struct oracle {
    enum { ORACLE_ANSWERS, ORACLE_CONSUMES, ORACLE_DROPS } what;
    enum drop why;
    unsigned error;    /* type << 8 | code of the ICMP error that is sent as well; 0: none */
    unsigned error_at; /* a parameter problem's pointer */
};

static inline struct oracle oracle_drops(enum drop why)
{
    return (struct oracle){.what = ORACLE_DROPS, .why = why};
}

/* RFC 1122 section 3.2.1.3. */
static inline bool oracle_is_host(uint32_t ip)
{
    unsigned first = ip >> 24;
    return first >= 1 && first <= 223 && first != 127;
}

/* The network and the broadcast address of 192.0.2.0/24, which no host has. */
static inline bool oracle_is_net_or_broadcast(uint32_t ip)
{
    return ip == IP(192, 0, 2, 0) || ip == IP(192, 0, 2, 255);
}

static inline struct oracle oracle_arp(const uint8_t *p, size_t n)
{
    if (n < 28 || memcmp(p, "\x00\x01\x08\x00\x06\x04\x00", 7) != 0 || p[7] < 1 || p[7] > 2)
        return oracle_drops(DROP_arp_bad);
    bool has_zero_mac = memcmp(p + 8, "\0\0\0\0\0\0", 6) == 0;
    if (p[8] % 2 == 1 || has_zero_mac || (get32(p + 14) != 0 && !oracle_is_host(get32(p + 14))))
        return oracle_drops(DROP_arp_bad);
    bool is_for_us = p[7] == 1 && get32(p + 24) == US_IP && get32(p + 14) != US_IP;
    return (struct oracle){.what = is_for_us ? ORACLE_ANSWERS : ORACLE_CONSUMES};
}

static inline struct oracle oracle_icmp(const uint8_t *p, size_t n)
{
    if (n < 8 || slow_sum(p, n, 0) != 0xFFFF)
        return oracle_drops(DROP_icmp_bad);
    switch (p[0]) {
    case 8:
        return p[1] == 0 ? (struct oracle){.what = ORACLE_ANSWERS} : oracle_drops(DROP_icmp_bad);
    case 0:
        return oracle_drops(p[1] == 0 ? DROP_icmp_other : DROP_icmp_bad);
    case 3:
    case 4:
    case 5:
    case 11:
    case 12: {
        unsigned header = n >= 9 ? p[8] % 16 * 4u : 0;
        bool is_whole = n >= 28 && p[8] / 16 == 4 && header >= 20 && n >= 8 + header + 8;
        return oracle_drops(is_whole ? DROP_icmp_other : DROP_icmp_bad);
    }
    default:
        return oracle_drops(DROP_icmp_bad);
    }
}

static inline struct oracle oracle_udp(const uint8_t *ip, const uint8_t *p, size_t n)
{
    size_t length = n >= 8 ? get16(p + 4) : 0;
    if (length < 8 || length > n)
        return oracle_drops(DROP_udp_length);
    uint8_t pseudo[12];
    memcpy(pseudo, ip + 12, 8);
    pseudo[8] = 0;
    pseudo[9] = 17;
    put16(pseudo + 10, (unsigned)length);
    if (get16(p + 6) != 0 && slow_sum(p, length, slow_sum(pseudo, 12, 0)) != 0xFFFF)
        return oracle_drops(DROP_udp_checksum);
    unsigned from = get16(p), to = get16(p + 2);
    if (to != 7 && to != 9 && to != 862) {
        struct oracle refused = oracle_drops(DROP_udp_no_port);
        refused.error = 3 << 8 | 3;
        return refused;
    }
    if (to == 9 || (to == 862 && length < 8 + 14))
        return (struct oracle){.what = ORACLE_CONSUMES};
    if (from < 1024) /* a well-known port: net/README.md */
        return oracle_drops(DROP_udp_loop);
    return (struct oracle){.what = ORACLE_ANSWERS};
}

/* Walk the options: -1 if they are good, 0 for a source route, else the byte that is wrong. */
static inline int oracle_options(const uint8_t *ip, unsigned header)
{
    for (unsigned at = 20; at < header;) {
        unsigned type = ip[at];
        if (type == 0)
            return -1;
        if (type == 1) {
            at++;
            continue;
        }
        if (at + 1 == header)
            return (int)at; /* its length would be beyond the header */
        unsigned length = ip[at + 1];
        if (length < 2 || at + length > header)
            return (int)at + 1;
        if (type == 131 || type == 137)
            return 0;
        at += length;
    }
    return -1;
}

static inline struct oracle oracle_ip(const uint8_t *ip, size_t n, bool is_to_group)
{
    if (n < 20 || ip[0] / 16 != 4)
        return oracle_drops(DROP_ip_header);
    unsigned header = ip[0] % 16 * 4u, total = get16(ip + 2);
    if (header < 20 || total < header || total > n)
        return oracle_drops(DROP_ip_header);
    if (slow_sum(ip, header, 0) != 0xFFFF)
        return oracle_drops(DROP_ip_checksum);
    uint32_t src = get32(ip + 12), dst = get32(ip + 16);
    if (!oracle_is_host(src) || oracle_is_net_or_broadcast(src) || src == US_IP)
        return oracle_drops(DROP_ip_source);
    if (dst == 0xFFFFFFFF || dst >> 28 == 14 || oracle_is_net_or_broadcast(dst))
        return oracle_drops(DROP_ip_broadcast);
    if (dst != US_IP)
        return oracle_drops(DROP_ip_not_ours);
    if (is_to_group)
        return oracle_drops(DROP_ip_link_group);

    /* An ICMP error is sent only about the first fragment of a datagram that is no ICMP error
     * itself. */
    unsigned type = total > header ? ip[header] : 256;
    bool is_query = type == 0 || type == 8 || (type >= 13 && type <= 18);
    bool may_send_error = (get16(ip + 6) & 0x1FFF) == 0 && (ip[9] != 1 || is_query);
    int fault = oracle_options(ip, header);
    if (fault >= 0) {
        struct oracle refused = oracle_drops(DROP_ip_option);
        if (fault > 0 && may_send_error) {
            refused.error = 12 << 8;
            refused.error_at = (unsigned)fault;
        }
        return refused;
    }
    if ((get16(ip + 6) & 0x3FFF) != 0)
        return oracle_drops(DROP_ip_fragment);
    if (ip[9] == 1)
        return oracle_icmp(ip + header, total - header);
    if (ip[9] == 17)
        return oracle_udp(ip, ip + header, total - header);
    struct oracle refused = oracle_drops(DROP_ip_protocol);
    refused.error = 3 << 8 | 2;
    return refused;
}

static inline struct oracle oracle_of(const uint8_t *frame, size_t n, unsigned vlan)
{
    if (n < 14 || frame[6] % 2 == 1)
        return oracle_drops(DROP_eth_other);
    /* A tag of VLAN 0, and then one of our VLAN, if we have one. */
    size_t at = 12;
    if (n >= at + 6 && get16(frame + at) == 0x8100 && get16(frame + at + 2) % 4096 == 0)
        at += 4;
    bool is_tagged = n >= at + 6 && get16(frame + at) == 0x8100;
    if (is_tagged ? vlan == 0 || get16(frame + at + 2) % 4096 != vlan : vlan != 0)
        return oracle_drops(DROP_eth_vlan);
    at += is_tagged ? 6 : 2;
    const uint8_t *payload = frame + at;
    size_t bytes = n - at;
    unsigned type = get16(payload - 2);
    bool is_ours = memcmp(frame, US_MAC, 6) == 0, is_to_all = memcmp(frame, ALL_MAC, 6) == 0;
    if (type == 0x0806 && (is_ours || is_to_all))
        return oracle_arp(payload, bytes);
    if (type == 0x0800 && (is_ours || frame[0] % 2 == 1))
        return oracle_ip(payload, bytes, !is_ours);
    return oracle_drops(DROP_eth_other);
}

#endif
