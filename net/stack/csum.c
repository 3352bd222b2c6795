/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum; see csum.h.
 */
#include "net/stack/csum.h"

uint64_t csum_words(const uint8_t *p, uint32_t n)
{
    const uint8_t *end = p + (n & ~7u), *far = p + (n & ~63u);
    uint64_t sum = 0;

    for (; p != far; p += 64)
#pragma GCC unroll 8
        for (unsigned i = 0; i < 64; i += 8)
            sum = csum_add(sum, load64(p + i));
    for (; p != end; p += 8)
        sum = csum_add(sum, load64(p));
    if ((n & 7) == 0)
        return sum;
    if (n > 8) /* the rest, from the last 8 bytes; missing ones count as zero */
        return csum_add(sum, load64(p + (n & 7) - 8) >> (8 - (n & 7)) * 8);
    for (unsigned i = 0; i < n; i++)
        sum += (uint64_t)p[i] << 8 * i;
    return sum;
}

uint32_t csum_bytes(const uint8_t *p, uint32_t n)
{
    return __builtin_bswap16(csum_fold(csum_words(p, n)));
}
