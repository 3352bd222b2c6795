/* SPDX-License-Identifier: BSD-2-Clause
 * The Internet checksum; see csum.h. The sum does not depend on byte order as long as the result is
 * read in the same order (RFC 1071, section 2 (B)), so eight bytes at a time are added unswapped,
 * and the result is swapped once.
 */
#include "net/stack/csum.h"

#include "kernel/lib/str.h"

uint32_t csum_bytes(const uint8_t *p, uint32_t n)
{
    uint64_t sum = 0, word;

    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        sum += word;
        sum += sum < word; /* end-around carry */
    }
    if (n > 0) {
        word = 0;
        memcpy(&word, p, n); /* missing bytes count as zero */
        sum += word;
        sum += sum < word;
    }
    while (sum >> 16 != 0) /* four times at most */
        sum = (sum >> 16) + (sum & 0xFFFF);
    return __builtin_bswap16((uint16_t)sum);
}
