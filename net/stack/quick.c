/* SPDX-License-Identifier: BSD-2-Clause
 * The quick way through the stack; see quick.h. tests/unit/net/test_to_stack.c compares its results
 * with the slow way's.
 */
#include "net/stack/quick.h"

#include "net/stack/csum.h"
#include "net/stack/internal.h"
#include "net/stack/ip.h"

enum {
    AT_TYPE = ETH_TYPE,              /* type; version, header length and service of IPv4 */
    AT_TOTAL = ETH_BYTES + IP_TOTAL, /* and identification, fragment, TTL, protocol */
    AT_IP_SUM = ETH_BYTES + IP_CHECKSUM,
    AT_SOURCE = ETH_BYTES + IP_SRC,
    AT_TARGET = ETH_BYTES + IP_DST,
    AT_MESSAGE = ETH_BYTES + IP_BYTES, /* UDP or ICMP: a header of 8 bytes */
    AT_DATA = AT_MESSAGE + UDP_BYTES,
};

/* Words as a little-endian machine loads them. */
#define TYPE_BITS     0x00FFFFFFu           /* at AT_TYPE: all but the service */
#define TYPE_PLAIN    0x00450008u           /* IPv4, version 4, 5 words */
#define FRAGMENT_BITS 0x0000FF3F00000000ull /* at AT_TOTAL: more fragments, offset */
#define PROTOCOL_BITS 0xFF00000000000000ull
#define ECHO          0x0008u /* type and code */

static uint32_t swap16(uint64_t word)
{
    return __builtin_bswap16((uint16_t)word);
}

struct quick_served quick_serve(struct netif *nif, const struct quick_request *r, uint8_t *data)
{
    const uint32_t bytes = swap16(r->at_message >> 32) - UDP_BYTES, seen = quick_seen(r);
    const uint32_t payload = swap16(r->at_total) - IP_BYTES;
    /* The sum changes by what the service changes, unless it sees everything. */
    const bool is_part = seen != bytes || seen == 0;
    const uint16_t was = is_part && seen != 0 ? csum_fold(csum_words(data, seen)) : 0;
    struct udp_datagram datagram = {
        .src = __builtin_bswap32(r->src),
        .dst = nif->ip,
        .src_port = (uint16_t)swap16(r->at_message),
        .dst_port = r->binding->port,
        .ttl = (uint8_t)(r->at_total >> 48),
        .answer_ttl = IP_TTL_DEFAULT,
        .data = data,
        .data_bytes = bytes,
        .room = MAX(payload, nif->mtu - IP_BYTES) - UDP_BYTES,
        .received_ns = netif_clock(nif),
        .clock = nif->clock,
    };
    const uint32_t n = r->binding->service(r->binding->context, &datagram);
    enum drop why = netif_udp_refusal(nif, r->binding, &datagram, n);

    if (why != DROP_NONE)
        return (struct quick_served){.outcome = netif_drop(nif, why)};
    if (n == UDP_SILENT)
        return (struct quick_served){.outcome = netif_consume(nif)};
    struct quick_served served = {
        .outcome = {n, FATE_SENT}, .changed = n, .ttl = datagram.answer_ttl};
    uint64_t sum = 0, length = swap16(UDP_BYTES + n);
    if (n == bytes && is_part) {
        served.changed = seen;
        sum = (uint16_t) ~(r->at_message >> 48);
        if (seen != 0)
            sum += (uint16_t)~was + (uint64_t)csum_fold(csum_words(data, seen));
    } else {
        sum = (uint64_t)r->src + nif->ip_wire.v + (uint32_t)r->at_message + 2 * length +
              swap16(IP_UDP) + csum_fold(csum_words(data, n));
    }
    uint16_t checksum = (uint16_t)~csum_fold(sum);
    uint32_t ports = (uint32_t)r->at_message;
    served.at_message = (uint32_t)(ports << 16 | ports >> 16) | length << 32 |
                        (uint64_t)(checksum != 0 ? checksum : 0xFFFF) << 48;
    return served;
}

/* ---- netif_input's plain frames ---- */

/* Is it a plain frame to us: IPv4 without options, no fragment, from a host? */
static bool is_plain(const struct netif *nif, const uint8_t *mac, uint32_t checked,
                     const uint8_t *frame, uint32_t length)
{
    if (length < AT_DATA || length > ETH_BUFFER || !mac_equal(frame, mac) ||
        mac_is_group(frame + ETH_SRC) || (load32(frame + AT_TYPE) & TYPE_BITS) != TYPE_PLAIN ||
        (load64(frame + AT_TOTAL) & FRAGMENT_BITS) != 0 ||
        load32(frame + AT_TARGET) != nif->ip_wire.v || !nif->is_configured || netif_is_silent(nif))
        return false;
    const uint32_t total = wire_get16(frame + AT_TOTAL), src = wire_get32(frame + AT_SOURCE);
    if (total < IP_BYTES + UDP_BYTES || total > length - ETH_BYTES || !ip_is_host(src) ||
        src == nif->ip || netif_is_broadcast(nif, src))
        return false;
    return (checked & NETIF_IP_CHECKED) ||
           csum_fold(csum_words(frame + ETH_BYTES, IP_BYTES)) == 0xFFFF;
}

/* Write the headers of the answer with `bytes` of payload, which is in place. */
static struct outcome answer(struct netif *nif, const uint8_t *mac, uint8_t *frame, uint32_t bytes,
                             uint8_t ttl)
{
    uint64_t at_total = (load64(frame + AT_TOTAL) & PROTOCOL_BITS) | swap16(IP_BYTES + bytes) |
                        swap16(netif_ip_id(nif)) << 16 | (uint64_t)ttl << 48;
    uint32_t src = load32(frame + AT_SOURCE);

    memcpy(frame, frame + ETH_SRC, 6);
    memcpy(frame + ETH_SRC, mac, 6);
    store64(frame + AT_TOTAL, at_total);
    store16(frame + AT_IP_SUM, 0);
    store32(frame + AT_SOURCE, nif->ip_wire.v);
    store32(frame + AT_TARGET, src);
    store16(frame + AT_IP_SUM, (uint16_t)~csum_fold(csum_words(frame + ETH_BYTES, IP_BYTES)));
    return netif_answer(nif, eth_pad(frame, AT_MESSAGE + bytes));
}

static struct outcome datagram_input(struct netif *nif, const uint8_t *mac, uint32_t checked,
                                     uint8_t *frame, uint32_t payload)
{
    const struct outcome left = {0, FATE_FAST};
    struct quick_request r = {
        .at_total = load64(frame + AT_TOTAL),
        .at_message = load64(frame + AT_MESSAGE),
        .src = load32(frame + AT_SOURCE),
    };
    const uint32_t bytes = swap16(r.at_message >> 32);
    const bool has_sum = r.at_message >> 48 != 0;

    r.binding = netif_binding_of(nif, (uint16_t)swap16(r.at_message >> 16));
    if (r.binding == NULL || bytes < UDP_BYTES || bytes > payload)
        return left;
    /* The card's verdict is about all of the payload. */
    if (!has_sum || bytes != payload || !(checked & NETIF_UDP_CHECKED)) {
        uint64_t pseudo = (uint64_t)r.src + nif->ip_wire.v + swap16(bytes) + swap16(IP_UDP);
        uint16_t sum = csum_fold(csum_add(pseudo, csum_words(frame + AT_MESSAGE, bytes)));
        if (has_sum && sum != 0xFFFF)
            return left;
        if (!has_sum) /* what it would be */
            r.at_message |= (uint64_t)(uint16_t)~sum << 48;
    }
    arp_confirm(&nif->arp, wire_get32(frame + AT_SOURCE), frame + ETH_SRC, nif->now_ns);
    struct quick_served served = quick_serve(nif, &r, frame + AT_DATA);
    if (served.outcome.fate != FATE_SENT)
        return served.outcome;
    store64(frame + AT_MESSAGE, served.at_message);
    return answer(nif, mac, frame, UDP_BYTES + served.outcome.length, served.ttl);
}

struct outcome netif_quick(struct netif *nif, const uint8_t *mac, uint32_t checked, uint8_t *frame,
                           uint32_t length)
{
    const struct outcome left = {0, FATE_FAST};

    if (!is_plain(nif, mac, checked, frame, length))
        return left;
    uint8_t *p = frame + AT_MESSAGE;
    const uint32_t payload = wire_get16(frame + AT_TOTAL) - IP_BYTES;
    if (frame[ETH_BYTES + IP_PROTOCOL] == IP_UDP)
        return datagram_input(nif, mac, checked, frame, payload);
    if (frame[ETH_BYTES + IP_PROTOCOL] != IP_ICMP || load16(p) != ECHO ||
        csum_fold(csum_words(p, payload)) != 0xFFFF)
        return left;
    arp_confirm(&nif->arp, wire_get32(frame + AT_SOURCE), frame + ETH_SRC, nif->now_ns);
    icmp_echo_to_reply(p);
    return answer(nif, mac, frame, payload, IP_TTL_DEFAULT);
}
