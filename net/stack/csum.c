/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum; see csum.h.
 */
#include "net/stack/csum.h"

uint64_t csum_words(const uint8_t *p, uint32_t n)
{
    return csum_words_inline(p, n);
}

uint32_t csum_bytes(const uint8_t *p, uint32_t n)
{
    return __builtin_bswap16(csum_fold(csum_words(p, n)));
}
