/* SPDX-License-Identifier: BSD-2-Clause
 * The quick way through the stack; see quick.h. Header words are loaded, compared and stored whole,
 * in the frame's byte order; tests/unit/stack/test_quick.c compares each result with the slow way's.
 */
#include "net/stack/quick.h"

#include "net/stack/csum.h"
#include "net/stack/internal.h"
#include "net/stack/ip.h"

enum {
    AT_SOURCE_MAC = ETH_SRC,
    AT_TYPE = ETH_TYPE, /* then version, header length and service of IPv4 */
    AT_IP = ETH_BYTES,
    AT_TOTAL =
        AT_IP + IP_TOTAL, /* 8 bytes: total length, identification, fragment, TTL, protocol */
    AT_IP_CHECKSUM = AT_IP + IP_CHECKSUM,
    AT_SOURCE_IP = AT_IP + IP_SRC,
    AT_TARGET_IP = AT_IP + IP_DST,
    AT_MESSAGE = AT_IP + IP_BYTES, /* UDP or ICMP; both headers have 8 bytes */
    AT_DATA = AT_MESSAGE + UDP_BYTES,
};

/* Bytes as a little-endian machine loads them. */
#define MAC_BITS       0x0000FFFFFFFFFFFFull /* of 8 bytes */
#define GROUP_BIT      0x01ull
#define TYPE_CHECKED   0x00FFFFFFu           /* all but the service */
#define TYPE_PLAIN     0x00450008u           /* IPv4, version 4, 5 words */
#define FRAGMENT_BITS  0x0000FF3F00000000ull /* at AT_TOTAL: more fragments, offset */
#define ECHO_TYPE_CODE 0x0008u
#define PSEUDO_UDP     ((uint32_t)IP_UDP << 8)

/* What the header says, once it is known to be plain. Addresses are as in the frame. */
struct plain {
    uint64_t at_total; /* the 8 bytes at AT_TOTAL */
    uint32_t src, dst;
    uint32_t bytes; /* of the message behind the header; at least 8 */
};

static const struct outcome left = {0, FATE_FAST};

static uint32_t swapped16(uint32_t value)
{
    return __builtin_bswap16((uint16_t)value);
}

/* ---- Sums ---- */

/* The sum of n bytes of the frame from AT_MESSAGE on, as csum_fold returns it. */
static uint16_t message_sum(const struct quick *q, uint32_t n)
{
    uint32_t here = q->present - AT_MESSAGE;

    if (n <= here)
        return (uint16_t)swapped16(csum_bytes(q->frame + AT_MESSAGE, n));
    uint32_t sum = csum_bytes(q->frame + AT_MESSAGE, here) + q->sum(q->rest, q->present, n - here);
    return (uint16_t)swapped16((uint16_t)~csum_close(sum));
}

static bool is_header_right(const uint8_t *frame)
{
    uint64_t sum = csum_add(load64(frame + AT_IP), load64(frame + AT_IP + 8));

    return csum_fold(csum_add(sum, load32(frame + AT_IP + 16))) == 0xFFFF;
}

/* ---- Headers ---- */

/* Is it a plain IPv4 frame to us: to our MAC address, without options, no fragment, from a host? */
static bool is_plain(const struct netif *nif, const uint8_t *mac, const struct quick *q,
                     struct plain *plain)
{
    const uint8_t *frame = q->frame;

    if (q->length < AT_DATA || q->length > ETH_BUFFER || !nif->is_configured ||
        netif_is_silent(nif))
        return false;
    uint64_t macs = load64(frame);
    if ((uint32_t)macs != load32(mac) || (uint16_t)(macs >> 32) != load16(mac + 4) ||
        (macs >> 48 & GROUP_BIT) || (load32(frame + AT_TYPE) & TYPE_CHECKED) != TYPE_PLAIN)
        return false;
    plain->at_total = load64(frame + AT_TOTAL);
    plain->src = load32(frame + AT_SOURCE_IP);
    plain->dst = load32(frame + AT_TARGET_IP);
    uint32_t total = swapped16((uint32_t)plain->at_total), src = __builtin_bswap32(plain->src);
    plain->bytes = total - IP_BYTES;
    return (plain->at_total & FRAGMENT_BITS) == 0 && plain->dst == nif->ip_wire.v &&
           total >= IP_BYTES + UDP_BYTES && total <= q->length - ETH_BYTES && ip_is_host(src) &&
           src != nif->ip && !netif_is_broadcast(nif, src) &&
           ((q->checked & NETIF_IP_CHECKED) || is_header_right(frame));
}

/* Send `bytes` of message back, whose first bytes up to `changed` of the frame are new: write the
 * headers before it. */
static struct outcome answer(struct netif *nif, const uint8_t *mac, struct quick *q,
                             const struct plain *plain, uint32_t bytes, uint8_t ttl,
                             uint32_t changed)
{
    uint8_t *frame = q->frame;
    uint32_t length = AT_MESSAGE + bytes;
    uint64_t at_total = plain->at_total & 0xFF00000000000000ull; /* the protocol */

    at_total |= swapped16(IP_BYTES + bytes) | (uint64_t)swapped16(netif_ip_id(nif)) << 16 |
                (uint64_t)ttl << 48;
    uint64_t sum = csum_add(at_total, (uint64_t)plain->src + plain->dst + load16(frame + AT_IP));
    store64(frame, (load64(frame + AT_SOURCE_MAC) & MAC_BITS) | (uint64_t)load16(mac) << 48);
    store32(frame + AT_SOURCE_MAC + 2, load32(mac + 2));
    store64(frame + AT_TOTAL, at_total);
    store16(frame + AT_IP_CHECKSUM, (uint16_t)~csum_fold(sum));
    store32(frame + AT_SOURCE_IP, plain->dst);
    store32(frame + AT_TARGET_IP, plain->src);
    if (length < ETH_MIN) {
        for (unsigned i = 0; i < ETH_MIN - AT_DATA; i += 8)
            store64(frame + length + i, 0);
        length = changed = ETH_MIN;
    }
    q->changed = changed;
    return netif_answer(nif, length);
}

static void confirm(struct netif *nif, const struct quick *q, const struct plain *plain)
{
    if (nif->arp.used != 0)
        arp_confirm(&nif->arp, __builtin_bswap32(plain->src), q->frame + AT_SOURCE_MAC,
                    nif->now_ns);
}

/* ---- ICMP ---- */

static struct outcome ping(struct netif *nif, const uint8_t *mac, struct quick *q,
                           const struct plain *plain)
{
    uint8_t *p = q->frame + AT_MESSAGE;

    if (load16(p + ICMP_TYPE) != ECHO_TYPE_CODE || message_sum(q, plain->bytes) != 0xFFFF)
        return left;
    confirm(nif, q, plain);
    /* The reply has type 0: the sum of the rest. All ones, not zero, as in icmp_echo_to_reply. */
    uint16_t sum = (uint16_t)~load16(p + ICMP_CHECKSUM);
    uint16_t checksum = (uint16_t)~csum_fold((uint64_t)sum + (uint16_t)~ECHO_TYPE_CODE);
    p[ICMP_TYPE] = ICMP_ECHO_REPLY;
    store16(p + ICMP_CHECKSUM, checksum != 0 ? checksum : 0xFFFF);
    return answer(nif, mac, q, plain, plain->bytes, IP_TTL_DEFAULT, AT_DATA);
}

/* ---- UDP ---- */

static struct outcome datagram(struct netif *nif, const uint8_t *mac, struct quick *q,
                               const struct plain *plain)
{
    uint8_t *p = q->frame + AT_MESSAGE;
    uint64_t header = load64(p);
    const uint16_t src_port = (uint16_t)swapped16((uint32_t)header);
    const uint32_t bytes = swapped16((uint32_t)(header >> 32));
    uint16_t checksum = (uint16_t)(header >> 48);
    const struct netif_binding *binding =
        netif_binding_of(nif, (uint16_t)swapped16((uint32_t)header >> 16));

    if (binding == NULL || bytes < UDP_BYTES || bytes > plain->bytes)
        return left;
    /* The data that the service sees, in whole words of the sum. */
    const uint32_t data = bytes - UDP_BYTES, seen = MIN((binding->head_bytes + 1) & ~1u, data);
    if (seen > q->present - AT_DATA)
        return left;
    const uint64_t addresses = (uint64_t)plain->src + plain->dst + PSEUDO_UDP;
    /* The card's verdict is about all of the payload. */
    if (checksum == 0 || bytes != plain->bytes || !(q->checked & NETIF_UDP_CHECKED)) {
        uint16_t sum = csum_fold(addresses + swapped16(bytes) + message_sum(q, bytes));
        if (checksum != 0 && sum != 0xFFFF)
            return left;
        checksum = checksum != 0 ? checksum : (uint16_t)~sum;
    }
    confirm(nif, q, plain);

    uint64_t now_ns = netif_clock(nif);
    struct udp_datagram request = {
        .src = __builtin_bswap32(plain->src),
        .dst = __builtin_bswap32(plain->dst),
        .src_port = src_port,
        .dst_port = binding->port,
        .ttl = (uint8_t)(plain->at_total >> 48),
        .answer_ttl = IP_TTL_DEFAULT,
        .data = p + UDP_BYTES,
        .data_bytes = data,
        .room = MAX(plain->bytes, ETH_MAX - AT_MESSAGE) - UDP_BYTES,
        .received_ns = now_ns,
        .clock = nif->clock,
    };
    const uint32_t was = seen != 0 && seen != data ? csum_bytes(p + UDP_BYTES, seen) : 0;
    const uint32_t n = binding->service(binding->context, &request);
    enum drop why = netif_udp_refusal(nif, binding, &request, n);
    if (why != DROP_NONE)
        return netif_drop(nif, why);
    if (n == UDP_SILENT)
        return netif_consume(nif);

    uint64_t sum;
    uint32_t changed = AT_DATA + n;
    if (n == data && (seen == 0 || seen != data)) { /* the sum changes by what the service saw */
        changed = AT_DATA + seen;
        sum = (uint16_t)~checksum;
        if (seen != 0)
            sum += swapped16((uint16_t)~was) + swapped16(csum_bytes(p + UDP_BYTES, seen));
    } else {
        uint32_t length = swapped16(UDP_BYTES + n);
        store16(p + UDP_LENGTH, (uint16_t)length);
        sum = addresses + (uint16_t)header + (uint16_t)(header >> 16) + 2 * length +
              swapped16(csum_bytes(p + UDP_BYTES, n));
    }
    checksum = (uint16_t)~csum_fold(sum);
    store32(p + UDP_SRC, (uint32_t)header << 16 | (uint32_t)header >> 16);
    store16(p + UDP_CHECKSUM, checksum != 0 ? checksum : 0xFFFF);
    return answer(nif, mac, q, plain, UDP_BYTES + n, request.answer_ttl, changed);
}

struct outcome netif_quick(struct netif *nif, const uint8_t *mac, struct quick *q)
{
    struct plain plain;

    if (!is_plain(nif, mac, q, &plain))
        return left;
    switch (plain.at_total >> 56) {
    case IP_UDP:
        return datagram(nif, mac, q, &plain);
    case IP_ICMP:
        return ping(nif, mac, q, &plain);
    default:
        return left;
    }
}
