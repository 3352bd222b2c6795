/* SPDX-License-Identifier: BSD-2-Clause
 * A route as text, in route=, `set route` and a text file of routes. The file is not trusted: for
 * any bytes, each line gives a route or an error with its line number. Pure. The format is in
 * net/README.md.
 */
#ifndef NET_ROUTE_TEXT_H
#define NET_ROUTE_TEXT_H

#include "arch/types.h"

struct route_line {
    uint32_t prefix;
    unsigned bits;
    enum { ROUTE_VIA_GATEWAY, ROUTE_VIA_PORT, ROUTE_VIA_REJECT } via;
    uint32_t gateway; /* of ROUTE_VIA_GATEWAY */
    unsigned port;    /* of ROUTE_VIA_PORT */
    unsigned vlan;    /* of it; 0: none */
};

/* Parse "10.0.0.0/8", with no bits set after the prefix, to *line. NULL, or the error. */
const char *route_parse_prefix(const char *word, struct route_line *line);
/* Parse an address, "portN", "portN.VLAN" or "reject" to *line. NULL, or the error. */
const char *route_parse_via(const char *word, struct route_line *line);

struct route_text {
    const char *at;
    size_t bytes;    /* what remains; 0 at the end */
    uint32_t number; /* of the last line read, from 1 */
};

/* Read the next line that has more than blanks and a comment ('#' to its end). False: none is left.
 * *wrong becomes NULL, and *line the route; or *wrong becomes the error. */
bool route_text_next(struct route_text *text, struct route_line *line, const char **wrong);

#endif
