/* SPDX-License-Identifier: BSD-2-Clause
 * A route in words, as route=, `set route` and a text file of routes have it. The file is not
 * trusted: any bytes give routes, or a line's number with what is wrong with it. Pure. The format is
 * in net/README.md.
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
};

/* "10.0.0.0/8", with no bits set behind the prefix, to *line. NULL, or what is wrong. */
const char *route_parse_prefix(const char *word, struct route_line *line);
/* An address, "portN" or "reject", to *line. NULL, or what is wrong. */
const char *route_parse_via(const char *word, struct route_line *line);

struct route_text {
    const char *at;
    size_t bytes;    /* what remains; 0 at the end */
    uint32_t number; /* of the last line taken, from 1 on */
};

/* Take the next line that holds more than blanks and a comment ('#' to its end). False: there is
 * none. *wrong becomes NULL, and *line is the route; or what is wrong with the line. */
bool route_text_next(struct route_text *text, struct route_line *line, const char **wrong);

#endif
