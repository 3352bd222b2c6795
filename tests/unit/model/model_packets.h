/* SPDX-License-Identifier: BSD-2-Clause
 * Packets for the model's tests, with checksums by a naive routine that shares nothing with the
 * model's. A struct says what is wanted; packet_make writes the bytes.
 */
#ifndef TESTS_UNIT_MODEL_PACKETS_H
#define TESTS_UNIT_MODEL_PACKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TCP = 6, UDP = 17, SCTP = 132 };

struct wanted {
    const uint8_t *mac; /* destination, NULL: the bench's card */
    bool tagged, v6;
    uint16_t tci;
    uint8_t protocol; /* TCP, UDP, SCTP or any other; 0: no IP at all, EtherType 0x88B5 */
    uint8_t src[16], dst[16];
    uint16_t sport, dport;
    uint32_t payload;     /* bytes behind the L4 header, filled with a pattern */
    uint32_t options;     /* words of IPv4 options */
    uint16_t fragment;    /* flags and offset word of IPv4 */
    bool no_udp_checksum; /* UDP checksum 0 */
    uint8_t tcp_flags;
};

/* Where things ended up. */
struct made {
    uint32_t len, l3, l4, l4_len;
    uint8_t bytes[16384];
};

static inline void be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline uint32_t get_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}
static inline void be32(uint8_t *p, uint32_t v)
{
    be16(p, v >> 16);
    be16(p + 2, v);
}
static inline uint32_t get_be32(const uint8_t *p)
{
    return get_be16(p) << 16 | get_be16(p + 2);
}

static inline uint32_t naive_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
    for (uint32_t i = 0; i < len; i++)
        sum += (i & 1) ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return sum;
}

static inline uint32_t naive_pseudo(const struct wanted *w, uint32_t len)
{
    uint32_t bytes = w->v6 ? 16 : 4;

    return naive_sum(w->src, bytes, naive_sum(w->dst, bytes, w->protocol + len));
}

/* Where the checksum stands in an L4 header. */
static inline uint32_t csum_at(uint8_t protocol)
{
    return protocol == TCP ? 16 : 6;
}

static inline uint32_t l4_header(uint8_t protocol)
{
    return protocol == TCP ? 20 : protocol == UDP ? 8 : protocol == SCTP ? 12 : 0;
}

static inline void make_l4(const struct wanted *w, struct made *m)
{
    uint8_t *l4 = m->bytes + m->l4;
    uint32_t header = l4_header(w->protocol), sum;

    for (uint32_t i = 0; i < w->payload; i++)
        l4[header + i] = (uint8_t)(i * 31 + 7);
    if (!header)
        return;
    be16(l4, w->sport);
    be16(l4 + 2, w->dport);
    if (w->protocol == TCP) {
        be32(l4 + 4, 0x10203040);
        l4[12] = 0x50;
        l4[13] = w->tcp_flags;
        be16(l4 + 14, 1000);
    } else if (w->protocol == UDP) {
        be16(l4 + 4, m->l4_len);
    } else {
        return;
    }
    if (w->no_udp_checksum)
        return;
    sum = ~naive_sum(l4, m->l4_len, naive_pseudo(w, m->l4_len)) & 0xFFFF;
    if (w->protocol == UDP && !sum)
        sum = 0xFFFF;
    be16(l4 + csum_at(w->protocol), sum);
}

static inline void make_v4(const struct wanted *w, struct made *m)
{
    uint8_t *ip = m->bytes + m->l3;
    uint32_t header = 20 + 4 * w->options;

    m->l4 = m->l3 + header;
    ip[0] = (uint8_t)(0x40 | header / 4);
    be16(ip + 2, header + m->l4_len);
    be16(ip + 4, 0x1234);
    be16(ip + 6, w->fragment);
    ip[8] = 64;
    ip[9] = w->protocol;
    memcpy(ip + 12, w->src, 4);
    memcpy(ip + 16, w->dst, 4);
    memset(ip + 20, 1, 4 * w->options);
    be16(ip + 10, ~naive_sum(ip, header, 0));
}

static inline void make_v6(const struct wanted *w, struct made *m)
{
    uint8_t *ip = m->bytes + m->l3;

    m->l4 = m->l3 + 40;
    ip[0] = 0x60;
    be16(ip + 4, m->l4_len);
    ip[6] = w->protocol;
    ip[7] = 64;
    memcpy(ip + 8, w->src, 16);
    memcpy(ip + 24, w->dst, 16);
}

static inline void packet_make(const struct wanted *w, struct made *m)
{
    static const uint8_t own[6] = {0x02, 0x54, 0x00, 0x12, 0x34, 0x56};
    static const uint8_t peer[6] = {0x02, 0, 0, 0, 0, 9};
    uint32_t type = !w->protocol ? 0x88B5 : w->v6 ? 0x86DD : 0x0800, at = 12;

    memset(m, 0, sizeof(*m));
    memcpy(m->bytes, w->mac ? w->mac : own, 6);
    memcpy(m->bytes + 6, peer, 6);
    if (w->tagged) {
        be16(m->bytes + 12, 0x8100);
        be16(m->bytes + 14, w->tci);
        at = 16;
    }
    be16(m->bytes + at, type);
    m->l3 = at + 2;
    m->l4_len = l4_header(w->protocol) + w->payload;
    if (!w->protocol) {
        m->l4 = m->l3;
    } else if (w->v6) {
        make_v6(w, m);
    } else {
        make_v4(w, m);
    }
    make_l4(w, m);
    m->len = m->l4 + m->l4_len;
}

#endif
