/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum (RFC 1071): the ones' complement sum of 16-bit words. Partial sums are
 * plain numbers; up to 65536 of them may be added in any order, then finished by csum_close.
 * Pure.
 */
#ifndef NET_STACK_CSUM_H
#define NET_STACK_CSUM_H

#include "arch/bytes.h"
#include "arch/types.h"

/* The sum does not depend on byte order as long as the result is read in the same order (RFC 1071,
 * section 2 (B)), and 2^16, 2^32 and 2^48 count as 1: so whole words of the frame are added as they are
 * loaded. csum_add adds one, with its end-around carry; csum_fold makes 16 bits of the sum, in the
 * frame's byte order. It is 0 only if all that was added is. */
static inline uint64_t csum_add(uint64_t sum, uint64_t word)
{
    bool carry = __builtin_add_overflow(sum, word, &sum); /* two instructions, by this function */

    return sum + carry;
}
static inline uint16_t csum_fold(uint64_t sum)
{
    uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

    return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}

/* The sum of n bytes' words, not folded. The bytes before an odd end count as in csum_bytes. */
uint64_t csum_words(const uint8_t *p, uint32_t n);
static inline __attribute__((always_inline)) uint64_t csum_words_inline(const uint8_t *p,
                                                                        uint32_t n)
{
    const uint8_t *end = p + (n & ~7u);
    const bool is_long = n >= 8;
    uint64_t sum = 0;

    if (n >= 64) {
        const uint8_t *far = p + (n & ~63u);
        do {
#pragma GCC unroll 8
            for (unsigned i = 0; i < 64; i += 8)
                sum = csum_add(sum, load64(p + i));
            p += 64;
        } while (p != far);
    }
    for (; p != end; p += 8)
        sum = csum_add(sum, load64(p));
    n &= 7;
    if (n == 0)
        return sum;
    if (is_long) /* the rest, from the last 8 bytes; missing ones count as zero */
        return csum_add(sum, load64(p + n - 8) >> (-8 * n & 63));
    for (unsigned i = 0; i < n; i++)
        sum += (uint64_t)p[i] << 8 * i;
    return sum;
}

/* The partial sum (0..0xFFFF) of n bytes. An odd last byte counts as the high half of a word, so
 * only the last of several pieces may have an odd length. */
uint32_t csum_bytes(const uint8_t *p, uint32_t n);

/* The pseudo header of TCP and UDP: both addresses, protocol, length of header and data. */
static inline uint32_t csum_pseudo(uint32_t src, uint32_t dst, uint8_t protocol, uint32_t bytes)
{
    return (src >> 16) + (src & 0xFFFF) + (dst >> 16) + (dst & 0xFFFF) + protocol + bytes;
}

/* The checksum of a message with this partial sum, where its checksum field counted as zero. Summed
 * with its checksum field, a correct message gives 0. */
static inline uint16_t csum_close(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xFFFF);
    sum = (sum >> 16) + (sum & 0xFFFF);
    return (uint16_t)~sum;
}

/* The checksum after one 16-bit word of the message changed (RFC 1624, equation 3). If the result
 * is 0, 0xFFFF is correct too, and is the only correct one if the message is now all zeroes. */
static inline uint16_t csum_update(uint16_t checksum, uint16_t was, uint16_t is)
{
    return csum_close((uint16_t)~checksum + (uint32_t)(uint16_t)~was + is);
}

#endif
