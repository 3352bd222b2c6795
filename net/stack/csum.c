/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum; see csum.h.
 */
#include "net/stack/csum.h"

uint64_t csum_words(const uint8_t *p, uint32_t n)
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

uint32_t csum_bytes(const uint8_t *p, uint32_t n)
{
    return __builtin_bswap16(csum_fold(csum_words(p, n)));
}
