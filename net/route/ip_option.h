/* SPDX-License-Identifier: BSD-2-Clause
 * Options of forwarded datagrams: the router adds its address and time to record route and time
 * stamp (RFC 791 section 3.1, RFC 1812 section 4.2.2.6) and leaves all others unchanged. Pure.
 */
#ifndef NET_ROUTE_IP_OPTION_H
#define NET_ROUTE_IP_OPTION_H

#include "arch/types.h"

struct ip_router {
    uint32_t address;             /* of the output port */
    uint32_t time_ms;             /* of any clock; marked as a non-standard time */
    bool (*is_ours)(uint32_t ip); /* is it an address of one of the ports? */
};

/* Update the options of the header at p, of `bytes` bytes (20..60), of which ip_parse has accepted
 * the option lengths; one that does not fit is refused here too. The caller updates the checksum.
 * Returns 0, or the offset of an invalid byte: nothing at or after it has been changed. */
uint8_t ip_options_forward(uint8_t *p, uint32_t bytes, const struct ip_router *router);

#endif
