/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum (RFC 1071): the ones' complement sum of 16-bit words. Partial sums are
 * plain numbers that may be added in any order and number up to 65536, then closed by csum_close.
 * Pure.
 */
#ifndef NET_STACK_CSUM_H
#define NET_STACK_CSUM_H

#include "arch/types.h"

/* The partial sum (0..0xFFFF) of n bytes. An odd last byte counts as the high half of a word, so
 * only the last of several pieces may have an odd length. */
uint32_t csum_bytes(const uint8_t *p, uint32_t n);

/* What TCP and UDP add from the IP header: both addresses, protocol, length of header and data. */
static inline uint32_t csum_pseudo(uint32_t src, uint32_t dst, uint8_t protocol, uint32_t bytes)
{
    return (src >> 16) + (src & 0xFFFF) + (dst >> 16) + (dst & 0xFFFF) + protocol + bytes;
}

/* The checksum that makes a message of this partial sum right, its own field counted as zero. A
 * message that holds its checksum is right if this gives 0. */
static inline uint16_t csum_close(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xFFFF);
    sum = (sum >> 16) + (sum & 0xFFFF);
    return (uint16_t)~sum;
}

/* The checksum after one 16-bit word of the message changed (RFC 1624, equation 3). Where it comes
 * out as 0, 0xFFFF is right too, and is the only right one if the message is now all zeroes. */
static inline uint16_t csum_update(uint16_t checksum, uint16_t was, uint16_t is)
{
    return csum_close((uint16_t)~checksum + (uint32_t)(uint16_t)~was + is);
}

#endif
