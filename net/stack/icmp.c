/* SPDX-License-Identifier: BSD-2-Clause
 * ICMP messages; see icmp.h.
 */
#include "net/stack/icmp.h"

#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"

/* Error types: each quotes the header of the datagram that it is about, and the next eight bytes.
 */
static bool is_error(uint8_t type)
{
    return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED ||
           type == 4 /* source quench */ || type == 5 /* redirect */ ||
           type == 12 /* parameter problem */;
}

/* Parse the quoted datagram of an error. Routers have changed its header since it was sent, so only
 * the fields used are checked, and not the checksum. */
static enum icmp_kind parse_quote(const uint8_t *quote, uint32_t bytes, uint32_t us,
                                  struct icmp_view *view)
{
    if (bytes < IP_BYTES || quote[IP_VERSION_IHL] >> 4 != 4)
        return ICMP_IS_BAD;
    uint32_t header = (quote[IP_VERSION_IHL] & 15u) * 4;
    if (header < IP_BYTES || header + ICMP_BYTES > bytes)
        return ICMP_IS_BAD;
    const uint8_t *inner = quote + header;
    if (wire_get32(quote + IP_SRC) != us || quote[IP_PROTOCOL] != IP_ICMP ||
        inner[ICMP_TYPE] != ICMP_ECHO)
        return ICMP_IS_ERROR;
    view->about_dst = wire_get32(quote + IP_DST);
    view->id = wire_get16(inner + ICMP_ID);
    view->sequence = wire_get16(inner + ICMP_SEQUENCE);
    return ICMP_IS_ERROR_ABOUT_ECHO;
}

enum icmp_kind icmp_parse(const uint8_t *p, uint32_t bytes, uint32_t us, struct icmp_view *view)
{
    if (bytes < ICMP_BYTES || csum_close(csum_bytes(p, bytes)) != 0)
        return ICMP_IS_BAD;
    *view = (struct icmp_view){.type = p[ICMP_TYPE], .code = p[ICMP_CODE]};
    if (is_error(view->type))
        return parse_quote(p + ICMP_BYTES, bytes - ICMP_BYTES, us, view);
    if ((view->type != ICMP_ECHO && view->type != ICMP_ECHO_REPLY) || view->code != 0)
        return ICMP_IS_BAD;
    view->id = wire_get16(p + ICMP_ID);
    view->sequence = wire_get16(p + ICMP_SEQUENCE);
    return view->type == ICMP_ECHO ? ICMP_IS_ECHO : ICMP_IS_REPLY;
}

void icmp_echo_to_reply(uint8_t *p)
{
    uint16_t was = wire_get16(p + ICMP_TYPE);
    p[ICMP_TYPE] = ICMP_ECHO_REPLY;
    uint16_t checksum = csum_update(wire_get16(p + ICMP_CHECKSUM), was, wire_get16(p + ICMP_TYPE));
    /* An all-zero reply needs all ones here; for other replies both forms of zero are correct. */
    wire_put16(p + ICMP_CHECKSUM, checksum != 0 ? checksum : 0xFFFF);
}

uint32_t icmp_build_echo(uint8_t *p, uint16_t id, uint16_t sequence, uint32_t data_bytes)
{
    uint32_t bytes = ICMP_BYTES + data_bytes;

    p[ICMP_TYPE] = ICMP_ECHO;
    p[ICMP_CODE] = 0;
    wire_put16(p + ICMP_CHECKSUM, 0);
    wire_put16(p + ICMP_ID, id);
    wire_put16(p + ICMP_SEQUENCE, sequence);
    for (uint32_t i = 0; i < data_bytes; i++)
        p[ICMP_BYTES + i] = (uint8_t)i;
    wire_put16(p + ICMP_CHECKSUM, csum_close(csum_bytes(p, bytes)));
    return bytes;
}

/* Queries and replies: an error may be sent about these types. */
static bool is_query(uint8_t type)
{
    return type == ICMP_ECHO_REPLY || type == ICMP_ECHO || (type >= 13 && type <= 18);
}

bool icmp_error_may(const uint8_t *p, uint32_t bytes)
{
    uint32_t header = (p[IP_VERSION_IHL] & 15u) * 4, dst = wire_get32(p + IP_DST);

    return ip_is_host(wire_get32(p + IP_SRC)) && !ip_is_multicast(dst) && dst != IP_BROADCAST &&
           (wire_get16(p + IP_FRAGMENT) & IP_FRAGMENT_OFFSET) == 0 &&
           (p[IP_PROTOCOL] != IP_ICMP || (header < bytes && is_query(p[header + ICMP_TYPE])));
}

uint32_t icmp_error_build(uint8_t *out, struct icmp_error error, uint32_t us, uint16_t ip_id,
                          const uint8_t *about, uint32_t bytes)
{
    uint32_t to = wire_get32(about + IP_SRC);
    uint8_t *p = out + IP_BYTES;

    bytes = MIN(bytes, ICMP_ERROR_MAX - IP_BYTES - ICMP_BYTES);
    memmove(p + ICMP_BYTES, about, bytes);
    p[ICMP_TYPE] = error.type;
    p[ICMP_CODE] = error.code;
    wire_put16(p + ICMP_CHECKSUM, 0);
    wire_put32(p + ICMP_ID, error.rest);
    bytes += ICMP_BYTES;
    wire_put16(p + ICMP_CHECKSUM, csum_close(csum_bytes(p, bytes)));
    ip_build(out, bytes, ip_id, ICMP_ERROR_TOS, IP_ICMP, us, to);
    return IP_BYTES + bytes;
}

bool icmp_limit_take(uint64_t *full_ns, uint64_t now_ns)
{
    uint64_t full = __atomic_load_n(full_ns, __ATOMIC_RELAXED);

    do {
        if (full > now_ns + (ICMP_BURST - 1) * ICMP_GAP_NS)
            return false;
    } while (!__atomic_compare_exchange_n(full_ns, &full, MAX(full, now_ns) + ICMP_GAP_NS, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}
