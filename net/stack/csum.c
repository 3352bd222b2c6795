/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum; see csum.h.
 */
#include "net/stack/csum.h"

uint32_t csum_bytes(const uint8_t *p, uint32_t n)
{
    uint64_t sum = 0;

    for (; n >= 64; n -= 64, p += 64)
#pragma GCC unroll 8
        for (unsigned i = 0; i < 64; i += 8)
            sum = csum_add(sum, load64(p + i));
    for (; n >= 8; n -= 8, p += 8)
        sum = csum_add(sum, load64(p));
    /* The rest: each piece begins at an even byte, and missing bytes count as zero. */
    if (n & 4) {
        sum = csum_add(sum, load32(p));
        p += 4;
    }
    if (n & 2) {
        sum = csum_add(sum, load16(p));
        p += 2;
    }
    if (n & 1)
        sum = csum_add(sum, *p);
    return __builtin_bswap16(csum_fold(sum));
}
