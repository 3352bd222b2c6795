/* SPDX-License-Identifier: BSD-2-Clause
 * Cutting a datagram into fragments that fit (RFC 791 section 3.2, RFC 1812 section 4.2.2.7). Pure.
 */
#ifndef NET_ROUTE_FRAGMENT_H
#define NET_ROUTE_FRAGMENT_H

#include "arch/types.h"

struct fragmenter {
    const uint8_t *datagram; /* its header is good; may be a fragment itself */
    uint32_t mtu;            /* 68 or more: the most bytes that one may have */
    uint32_t at;             /* payload bytes that are done */
};

/* Write the next fragment to `out` (mtu bytes): first with all options, then with those alone that
 * are to be copied. Returns its length, or 0 when all has been taken. */
uint32_t fragment_next(struct fragmenter *f, uint8_t *out);

#endif
