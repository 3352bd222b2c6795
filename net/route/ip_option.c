/* SPDX-License-Identifier: BSD-2-Clause
 * Options of forwarded datagrams; see ip_option.h.
 */
#include "net/route/ip_option.h"

#include "net/stack/eth.h"
#include "net/stack/ip.h"

#define OPTION_END          0u
#define OPTION_NOP          1u
#define OPTION_RECORD_ROUTE 7u
#define OPTION_TIMESTAMP    68u

#define AT_LENGTH           1u
#define AT_POINTER          2u /* from 1 on: the first free byte of the option */
#define AT_OVERFLOW         3u /* of a time stamp: hosts without room << 4 | kind */
#define STAMP_ONLY          0u
#define STAMP_ADDRESS       1u
#define STAMP_PRESPECIFIED  3u
#define STAMP_NOT_STANDARD  0x80000000u /* not milliseconds since midnight UT */

/* An option at byte `at` of the header, of `length` bytes (2 or more, all within the header).
 * Returns 0, or the offset of its invalid byte. */
static uint8_t record_route(uint8_t *option, uint32_t length, uint32_t at,
                            const struct ip_router *router)
{
    if (length < 3)
        return (uint8_t)(at + AT_LENGTH);
    uint32_t pointer = option[AT_POINTER];
    if (pointer < 4)
        return (uint8_t)(at + AT_POINTER);
    if (pointer > length)
        return 0; /* no room: leave it unchanged */
    if (pointer + 3 > length)
        return (uint8_t)(at + AT_POINTER); /* room for less than an address: an error */
    wire_put32(option + pointer - 1, router->address);
    option[AT_POINTER] = (uint8_t)(pointer + 4);
    return 0;
}

static uint8_t time_stamp(uint8_t *option, uint32_t length, uint32_t at,
                          const struct ip_router *router)
{
    if (length < 4)
        return (uint8_t)(at + AT_LENGTH);
    uint32_t pointer = option[AT_POINTER];
    if (pointer < 5)
        return (uint8_t)(at + AT_POINTER);
    uint32_t kind = option[AT_OVERFLOW] & 15u, size = kind == STAMP_ONLY ? 4 : 8;

    if (kind != STAMP_ONLY && kind != STAMP_ADDRESS && kind != STAMP_PRESPECIFIED)
        return (uint8_t)(at + AT_OVERFLOW);
    if (pointer > length) { /* no room: increment the overflow count */
        if (option[AT_OVERFLOW] >> 4 == 15)
            return (uint8_t)(at + AT_OVERFLOW);
        if (kind != STAMP_PRESPECIFIED)
            option[AT_OVERFLOW] = (uint8_t)(option[AT_OVERFLOW] + 16);
        return 0;
    }
    if (pointer + size - 1 > length)
        return (uint8_t)(at + AT_POINTER);
    uint8_t *p = option + pointer - 1;
    if (kind == STAMP_PRESPECIFIED && !router->is_ours(wire_get32(p)))
        return 0;
    if (kind == STAMP_ADDRESS)
        wire_put32(p, router->address);
    wire_put32(p + size - 4, router->time_ms | STAMP_NOT_STANDARD);
    option[AT_POINTER] = (uint8_t)(pointer + size);
    return 0;
}

uint8_t ip_options_forward(uint8_t *p, uint32_t bytes, const struct ip_router *router)
{
    for (uint32_t at = IP_BYTES; at < bytes && p[at] != OPTION_END;) {
        uint8_t bad = 0;

        if (p[at] == OPTION_NOP) {
            at++;
            continue;
        }
        if (bytes - at < 2)
            return (uint8_t)at;
        uint32_t length = p[at + AT_LENGTH];
        if (length < 2 || length > bytes - at)
            return (uint8_t)(at + AT_LENGTH);
        if (p[at] == OPTION_RECORD_ROUTE)
            bad = record_route(p + at, length, at, router);
        else if (p[at] == OPTION_TIMESTAMP)
            bad = time_stamp(p + at, length, at, router);
        if (bad)
            return bad;
        at += length;
    }
    return 0;
}
