/* SPDX-License-Identifier: BSD-2-Clause
 * What a router does to the options of a datagram that it forwards: record route and time stamp get
 * its address and time (RFC 791 section 3.1, RFC 1812 section 4.2.2.6); all others go on unchanged.
 * Pure.
 */
#ifndef NET_ROUTE_IP_OPTION_H
#define NET_ROUTE_IP_OPTION_H

#include "arch/types.h"

struct ip_router {
    uint32_t address;                /* of the port by which the datagram leaves */
    uint32_t time_ms;                /* any clock's: marked as not being of midnight UT */
    bool (*is_ours)(uint32_t ip);    /* an address of any of our ports */
};

/* Do it to the header at p, of `bytes` bytes (20..60), whose option lengths ip_parse has checked;
 * the checksum is the caller's. Returns 0, or the offset of the byte that makes an option wrong:
 * nothing has then been changed at or behind it. */
uint8_t ip_options_forward(uint8_t *p, uint32_t bytes, const struct ip_router *router);

#endif
