/* SPDX-License-Identifier: BSD-2-Clause
 * IPv4 headers (RFC 791, checked after RFC 1122 section 3.2.1). Addresses are numbers in the CPU's
 * order, 192.0.2.1 is 0xC0000201. Pure.
 */
#ifndef NET_STACK_IP_H
#define NET_STACK_IP_H

#include "arch/types.h"
#include "net/drops.h"

#define IP_VERSION_IHL     0u
#define IP_TOS             1u
#define IP_TOTAL           2u
#define IP_ID              4u
#define IP_FRAGMENT        6u
#define IP_TTL             8u
#define IP_PROTOCOL        9u
#define IP_CHECKSUM        10u
#define IP_SRC             12u
#define IP_DST             16u
#define IP_BYTES           20u /* without options */

#define IP_FRAGMENT_MORE   0x2000u
#define IP_FRAGMENT_OFFSET 0x1FFFu
#define IP_ICMP            1u
#define IP_UDP             17u
#define IP_TTL_DEFAULT     64u /* RFC 1122 section 3.2.1.7, RFC 1700 */

#define IP_BROADCAST       0xFFFFFFFFu

/* A parsed header, each length checked against the bytes present. */
struct ip_view {
    uint32_t src, dst;
    uint32_t header_bytes; /* 20..60 */
    uint32_t total_bytes;  /* header and payload; further bytes of the frame are padding */
    uint8_t tos, ttl, protocol;
    uint8_t bad_byte;  /* with DROP_ip_option: offset of the malformed byte; 0: a source route */
    uint16_t fragment; /* flags and offset, as in the header */
    bool is_fragment;  /* more follow, or its offset is not 0 */
};

/* Parse the header at p, where `bytes` bytes are present. Returns DROP_NONE with *view filled in;
 * DROP_ip_option, also with *view filled in, for malformed options or a source route; or the reason
 * (version, lengths, checksum). The addresses are not checked. */
enum drop ip_parse(const uint8_t *p, uint32_t bytes, struct ip_view *view);

/* Write a header without options for payload_bytes of payload: no fragment, DF clear. */
void ip_build(uint8_t *p, uint32_t payload_bytes, uint16_t id, uint8_t tos, uint8_t protocol,
              uint32_t src, uint32_t dst);

/* Change the header at p to that of a fragment at payload offset `at` (a multiple of 8 bytes). */
void ip_set_fragment(uint8_t *p, uint32_t at, bool more_follow);

/* Set the TTL of the header at p. */
void ip_set_ttl(uint8_t *p, uint8_t ttl);

/* The mask of a prefix of `bits` (0..32). */
static inline uint32_t ip_mask(unsigned bits)
{
    return bits == 0 ? 0 : UINT32_MAX << (32 - bits);
}
static inline bool ip_is_multicast(uint32_t ip)
{
    return ip >> 28 == 0xE;
}
static inline bool ip_is_loopback(uint32_t ip)
{
    return ip >> 24 == 127;
}
/* 169.254/16: valid on one link, never forwarded (RFC 3927 section 7). */
static inline bool ip_is_link_local(uint32_t ip)
{
    return ip >> 16 == 0xA9FE;
}
/* Can it be the address of a host? Not 0/8 ("this network"), loopback, multicast, nor 240/4,
 * which holds the broadcast address. RFC 1122 section 3.2.1.3. */
static inline bool ip_is_host(uint32_t ip)
{
    return ip >> 24 != 0 && !ip_is_loopback(ip) && ip >> 28 < 0xE;
}

#endif
