/* SPDX-License-Identifier: BSD-2-Clause
 * Fragmentation of a datagram to an MTU (RFC 791 section 3.2, RFC 1812 section 4.2.2.7). Pure.
 */
#ifndef NET_ROUTE_FRAGMENT_H
#define NET_ROUTE_FRAGMENT_H

#include "arch/types.h"

struct ip_view;

struct fragmenter {
    const uint8_t *datagram;  /* may be a fragment itself */
    const struct ip_view *ip; /* as ip_parse found it; lengths are not read from the header again */
    uint32_t mtu;             /* bytes, 68 or more */
    uint32_t at;              /* payload bytes already written */
};

/* Write the next fragment to `out` (mtu bytes). The first has all options, the others only those
 * with the copied flag. Returns its length; 0: no fragment is left. */
uint32_t fragment_next(struct fragmenter *f, uint8_t *out);

#endif
