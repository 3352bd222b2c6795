/* SPDX-License-Identifier: BSD-2-Clause
 * IPv4 headers; see ip.h.
 */
#include "net/stack/ip.h"

#include "net/stack/csum.h"
#include "net/stack/eth.h"

/* Options: one-byte ones, and those with a length (RFC 791 section 3.1). */
#define OPTION_END           0u
#define OPTION_NOP           1u
#define OPTION_LOOSE_SOURCE  131u
#define OPTION_STRICT_SOURCE 137u

/* RFC 1122 section 3.2.1.8: unknown options are skipped by their length, which must fit. Source
 * routes are refused, since they bypass filters (RFC 7126 sections 4.3 and 4.4). Returns true if
 * valid; else *bad_byte is the offset of the error (RFC 792), 0 for a source route. */
static bool options_are_good(const uint8_t *p, uint32_t header, uint8_t *bad_byte)
{
    uint32_t at = IP_BYTES;

    while (at < header && p[at] != OPTION_END) {
        if (p[at] == OPTION_NOP) {
            at++;
            continue;
        }
        *bad_byte = (uint8_t)(at + 1 < header ? at + 1 : at);
        if (at + 2 > header || p[at + 1] < 2 || p[at + 1] > header - at)
            return false;
        *bad_byte = 0;
        if (p[at] == OPTION_LOOSE_SOURCE || p[at] == OPTION_STRICT_SOURCE)
            return false;
        at += p[at + 1];
    }
    return true;
}

enum drop ip_parse(const uint8_t *p, uint32_t bytes, struct ip_view *view)
{
    if (bytes < IP_BYTES || p[IP_VERSION_IHL] >> 4 != 4)
        return DROP_ip_header;
    uint32_t header = (p[IP_VERSION_IHL] & 15u) * 4;
    uint32_t total = wire_get16(p + IP_TOTAL);
    if (header < IP_BYTES || header > total || total > bytes)
        return DROP_ip_header;
    if (csum_close(csum_bytes(p, header)) != 0)
        return DROP_ip_checksum;
    uint16_t fragment = wire_get16(p + IP_FRAGMENT);
    *view = (struct ip_view){
        .src = wire_get32(p + IP_SRC),
        .dst = wire_get32(p + IP_DST),
        .header_bytes = header,
        .total_bytes = total,
        .tos = p[IP_TOS],
        .ttl = p[IP_TTL],
        .protocol = p[IP_PROTOCOL],
        .fragment = fragment,
        .is_fragment = fragment & (IP_FRAGMENT_MORE | IP_FRAGMENT_OFFSET),
    };
    return options_are_good(p, header, &view->bad_byte) ? DROP_NONE : DROP_ip_option;
}

void ip_build(uint8_t *p, uint32_t payload_bytes, uint16_t id, uint8_t tos, uint8_t protocol,
              uint32_t src, uint32_t dst)
{
    p[IP_VERSION_IHL] = 0x45;
    p[IP_TOS] = tos;
    wire_put16(p + IP_TOTAL, (uint16_t)(IP_BYTES + payload_bytes));
    wire_put16(p + IP_ID, id);
    wire_put16(p + IP_FRAGMENT, 0);
    p[IP_TTL] = IP_TTL_DEFAULT;
    p[IP_PROTOCOL] = protocol;
    wire_put16(p + IP_CHECKSUM, 0);
    wire_put32(p + IP_SRC, src);
    wire_put32(p + IP_DST, dst);
    wire_put16(p + IP_CHECKSUM, csum_close(csum_bytes(p, IP_BYTES)));
}

/* Change one 16-bit word of a header, and its checksum. */
static void change(uint8_t *p, uint32_t at, uint16_t is)
{
    uint16_t checksum = csum_update(wire_get16(p + IP_CHECKSUM), wire_get16(p + at), is);

    wire_put16(p + at, is);
    wire_put16(p + IP_CHECKSUM, checksum);
}

void ip_set_fragment(uint8_t *p, uint32_t at, bool more_follow)
{
    change(p, IP_FRAGMENT, (uint16_t)(at / 8 | (more_follow ? IP_FRAGMENT_MORE : 0)));
}

void ip_set_ttl(uint8_t *p, uint8_t ttl)
{
    change(p, IP_TTL, (uint16_t)(ttl << 8 | p[IP_PROTOCOL]));
}
