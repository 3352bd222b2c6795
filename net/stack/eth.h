/* SPDX-License-Identifier: BSD-2-Clause
 * Ethernet II frames, and access to big-endian numbers at any alignment. Every header in net/ is
 * read and written through these functions: a frame is bytes at offsets, never a struct laid over
 * it. Pure. Read next: net/stack/netif.h.
 */
#ifndef NET_STACK_ETH_H
#define NET_STACK_ETH_H

#include "arch/bytes.h"
#include "arch/types.h"
#include "kernel/lib/str.h"

#define ETH_DST    0u
#define ETH_SRC    6u
#define ETH_TYPE   12u
#define ETH_BYTES  14u
#define ETH_IPV4   0x0800u
#define ETH_ARP    0x0806u
#define ETH_VLAN   0x8100u /* IEEE 802.1Q: two bytes of tag and the real type follow */
#define VLAN_BYTES 4u
#define VLAN_ID    0x0FFFu /* of the tag; the rest is priority */
#define ETH_MIN    60u     /* shortest frame, CRC not counted */
#define ETH_MAX    1514u   /* longest that we send, VLAN tag not counted */
#define ETH_BUFFER 2048u   /* bytes behind every frame pointer in net/ */

static inline uint16_t wire_get16(const uint8_t *p)
{
    be16_t x;
    memcpy(&x, p, sizeof(x));
    return be16_get(x);
}
static inline uint32_t wire_get32(const uint8_t *p)
{
    be32_t x;
    memcpy(&x, p, sizeof(x));
    return be32_get(x);
}
static inline void wire_put16(uint8_t *p, uint16_t value)
{
    be16_t x = be16_of(value);
    memcpy(p, &x, sizeof(x));
}
static inline void wire_put32(uint8_t *p, uint32_t value)
{
    be32_t x = be32_of(value);
    memcpy(p, &x, sizeof(x));
}

static inline bool mac_equal(const uint8_t *a, const uint8_t *b)
{
    return load32(a) == load32(b) && load16(a + 4) == load16(b + 4);
}
/* Broadcast or multicast; as a source address it is invalid. */
static inline bool mac_is_group(const uint8_t *mac)
{
    return mac[0] & 1;
}
static inline bool mac_is_zero(const uint8_t *mac)
{
    return (load32(mac) | load16(mac + 4)) == 0;
}

/* A tag of VLAN id 0 holds a priority only, and its frame belongs to no VLAN (IEEE 802.1Q, table 9-2).
 * Remove one such tag from a received frame of `length` bytes. Returns the new length. */
static inline uint32_t eth_strip_priority(uint8_t *frame, uint32_t length)
{
    if (length < ETH_BYTES + VLAN_BYTES || wire_get16(frame + ETH_TYPE) != ETH_VLAN ||
        (wire_get16(frame + ETH_BYTES) & VLAN_ID) != 0)
        return length;
    length -= VLAN_BYTES;
    memmove(frame + ETH_TYPE, frame + ETH_TYPE + VLAN_BYTES, length - ETH_TYPE);
    return length;
}

static inline void eth_build(uint8_t *frame, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
    uint32_t first = load32(dst); /* dst may be the frame's source field */
    uint16_t last = load16(dst + 4);

    store32(frame + ETH_DST, first);
    store16(frame + ETH_DST + 4, last);
    memcpy(frame + ETH_SRC, src, 6);
    wire_put16(frame + ETH_TYPE, type);
}

/* Pad a short frame with zeroes to ETH_MIN, so that no old bytes are sent. Returns the length to
 * send. */
static inline uint32_t eth_pad(uint8_t *frame, uint32_t bytes)
{
    if (bytes >= ETH_MIN)
        return bytes;
    memset(frame + bytes, 0, ETH_MIN - bytes);
    return ETH_MIN;
}

#endif
