/* SPDX-License-Identifier: BSD-2-Clause
 * Pings and datagrams to UDP services in receive buffers; see to_stack.h. Each word that is decided
 * on is loaded once; a service gets a copy of the data that it sees. The sum of a ping is taken over
 * bytes that the card may change afterwards: that harms the reply, and nothing else.
 *
 * Words are as a little-endian machine loads them. tests/unit/net/test_to_stack.c compares each result
 * with that of netif_input.
 */
#include "net/lane/to_stack.h"

#include "net/lane/side.h"
#include "net/stack/csum.h"
#include "net/stack/internal.h"
#include "net/stack/ip.h"
#include "net/stack/quick.h"
#include "net/stack/services.h"

enum {
    AT_SOURCE_MAC = ETH_SRC,
    AT_TYPE = ETH_TYPE,
    AT_TOTAL = ETH_BYTES + IP_TOTAL,
    AT_IP_SUM = ETH_BYTES + IP_CHECKSUM,
    AT_SOURCE = ETH_BYTES + IP_SRC,
    AT_TARGET = ETH_BYTES + IP_DST,
    AT_MESSAGE = ETH_BYTES + IP_BYTES,
    AT_DATA = AT_MESSAGE + UDP_BYTES,
};

#define TYPE_BITS     0x00FFFFFFu           /* at AT_TYPE: all but the service */
#define TYPE_PLAIN    0x00450008u           /* IPv4, version 4, 5 words */
#define FRAGMENT_BITS 0x0000FF3F00000000ull /* at AT_TOTAL: more fragments, offset */
#define KEPT_BITS     0xFF0000000000FFFFull /* at AT_TOTAL: protocol, total length */
#define ECHO          0x0008u               /* type and code */

/* Status bits: both checksums are verified and right. A card that lies harms only the frame. */
#define SUMS_GOOD (RX_UDPCS | RX_L4CS | RX_IPCS)

/* A plain frame. */
struct plain {
    uint64_t at_source_mac, at_total;
    uint32_t service; /* the two bytes before at_total */
    uint32_t src;
    uint32_t bytes; /* of the frame without padding */
};

static const struct outcome left = {0, FATE_FAST};

static LANE_FAST uint32_t swap16(uint64_t word)
{
    return __builtin_bswap16((uint16_t)word);
}

/* Our MAC address, and behind it the type of IPv4. */
static LANE_FAST uint64_t our_mac(const struct netif *nif)
{
    static_assert(offsetof(struct netif, type) == offsetof(struct netif, mac) + 6,
                  "the type stands behind the MAC address");
    return load64(nif->mac);
}

/* Has our address a VLAN, is it refused, or to be probed first? One load of three fields. */
static LANE_FAST bool is_special(const struct netif *nif)
{
    static_assert(offsetof(struct netif, probes_first) == offsetof(struct netif, vlan) + 3,
                  "vlan, is_refused, probes_first stand together");
    return load32(&nif->vlan) != 0;
}

/* As ip_is_host, netif_is_broadcast, and the stack itself decide. */
static LANE_FAST bool is_host(const struct netif *nif, uint32_t src)
{
    return src != nif->ip_wire.v && src != nif->first_wire.v && src != nif->last_wire.v &&
           (uint8_t)(src - 1) < 223 && (uint8_t)src != 127;
}

/* Is it IPv4 to us without a tag, options or fragments, from a host, and not longer than the datagram,
 * except by padding? */
static LANE_FAST bool is_plain(const struct netif *nif, wire_frame_t frame, uint32_t length,
                               struct plain *p)
{
    uint64_t at_macs = wire_load64(frame, 0);
    uint32_t type = wire_load32(frame, AT_TYPE);

    p->at_source_mac = wire_load64(frame, AT_SOURCE_MAC);
    p->at_total = wire_load64(frame, AT_TOTAL);
    p->src = wire_load32(frame, AT_SOURCE);
    p->service = type >> 16;
    p->bytes = swap16(p->at_total) + ETH_BYTES;
    return (p->bytes == length || (length == ETH_MIN && p->bytes < ETH_MIN)) &&
           p->bytes >= AT_DATA && !(p->at_total & FRAGMENT_BITS) &&
           (type & TYPE_BITS) == TYPE_PLAIN && (at_macs ^ our_mac(nif)) << 16 == 0 &&
           !(p->at_source_mac & 1) && wire_load32(frame, AT_TARGET) == nif->ip_wire.v &&
           is_host(nif, p->src) && (!is_special(nif) || (nif->vlan == 0 && !netif_is_silent(nif)));
}

/* The frame is a sign of life of its sender. */
static __attribute__((noinline)) void confirm_entry(struct netif *nif, uint32_t src, uint64_t mac)
{
    arp_confirm(&nif->arp, __builtin_bswap32(src), (const uint8_t *)&mac, nif->now_ns);
}
static LANE_FAST void confirm(struct netif *nif, const struct plain *p)
{
    if (__builtin_expect(nif->arp.used != 0, 0))
        confirm_entry(nif, p->src, p->at_source_mac);
}

/* Write the answer's headers, as far as they are not UDP's or ICMP's, and padding. */
static LANE_FAST struct outcome answer(struct netif *nif, wire_frame_t frame, const struct plain *p,
                                       uint8_t ttl)
{
    uint64_t at_total =
        (p->at_total & KEPT_BITS) | swap16(netif_ip_id(nif)) << 16 | (uint64_t)ttl << 48;
    uint64_t sum =
        (uint64_t)p->src + nif->ip_wire.v + p->service + (uint32_t)at_total + (at_total >> 32);

    wire_store64(frame, 0, p->at_source_mac); /* the next store overwrites 2 excess bytes */
    wire_store64(frame, AT_SOURCE_MAC, our_mac(nif));
    wire_store64(frame, AT_TOTAL, at_total);
    wire_store16(frame, AT_IP_SUM, (uint16_t)~csum_fold(sum));
    wire_store32(frame, AT_SOURCE, nif->ip_wire.v);
    wire_store32(frame, AT_TARGET, p->src);
    nif->answered++;
    if (__builtin_expect(p->bytes >= ETH_MIN, 1))
        return (struct outcome){p->bytes, FATE_SENT};
    for (unsigned i = 0; i < ETH_MIN - AT_DATA; i += 8)
        wire_store64(frame, p->bytes + i, 0);
    return (struct outcome){ETH_MIN, FATE_SENT};
}

/* A datagram to a service of which more must be known than that it echoes or discards. */
static __attribute__((noinline)) struct outcome serve(struct lane *lane, wire_frame_t frame,
                                                      struct plain p,
                                                      const struct netif_binding *binding,
                                                      uint64_t at_message)
{
    const struct quick_request r = {binding, p.at_total, at_message, p.src};
    uint8_t *data = wire_copy_part(frame, lane->core, AT_DATA, quick_seen(&r));
    struct quick_served served = quick_serve(lane->netif, &r, data);

    if (served.outcome.fate != FATE_SENT)
        return served.outcome;
    wire_store_part(frame, AT_DATA, data, served.changed);
    wire_store64(frame, AT_MESSAGE, served.at_message);
    p.bytes = AT_DATA + served.outcome.length;
    p.at_total = (p.at_total & ~0xFFFFull) | swap16(p.bytes - ETH_BYTES);
    return answer(lane->netif, frame, &p, served.ttl);
}

/* The card has not verified both checksums: do it. Returns the UDP header, with the checksum that
 * it should have if it has none; 0, which no service's is: a checksum is wrong. */
static __attribute__((noinline)) uint64_t with_sum(wire_frame_t frame, struct plain p, uint32_t dst,
                                                   uint64_t at_message, uint64_t checked)
{
    const uint64_t addresses = (uint64_t)p.src + dst;

    if (!(checked & RX_IPCS) || (checked & RX_IPE)) {
        uint64_t header = addresses + p.service + wire_load16(frame, AT_IP_SUM);
        if (csum_fold(csum_add(p.at_total, header)) != 0xFFFF)
            return 0;
    }
    uint64_t pseudo = addresses + swap16(IP_UDP) + (at_message >> 32 & 0xFFFF);
    uint64_t data = wire_sum(frame, AT_DATA, p.bytes - AT_DATA);
    uint16_t sum = csum_fold(csum_add(csum_add(data, at_message), pseudo));
    if (at_message >> 48 == 0) {
        uint16_t checksum = (uint16_t)~sum;
        return at_message | (uint64_t)(checksum != 0 ? checksum : 0xFFFF) << 48;
    }
    return sum == 0xFFFF ? at_message : 0;
}

static LANE_FAST struct outcome datagram(struct lane *lane, wire_frame_t frame,
                                         const struct plain *p, uint64_t checked)
{
    struct netif *nif = lane->netif;
    uint64_t at_message = wire_load64(frame, AT_MESSAGE);

    const struct netif_binding *binding = netif_binding_of(nif, (uint16_t)swap16(at_message >> 16));
    if (!binding || swap16(at_message >> 32) != p->bytes - AT_MESSAGE)
        return left;
    if ((checked >> 32 & RX_SUMS >> 32) != SUMS_GOOD >> 32) {
        at_message = with_sum(frame, *p, nif->ip_wire.v, at_message, checked);
        if (at_message == 0)
            return left;
    }
    confirm(nif, p);
    if (binding->service != udp_echo)
        return binding->service == udp_discard ? netif_consume(nif)
                                               : serve(lane, frame, *p, binding, at_message);
    if (netif_udp_loops(nif, (uint16_t)swap16(at_message)))
        return netif_drop(nif, DROP_udp_loop);
    wire_store64(frame, AT_MESSAGE,
                 at_message >> 32 << 32 | (uint32_t)at_message << 16 |
                     (uint16_t)(at_message >> 16));
    return answer(nif, frame, p, IP_TTL_DEFAULT);
}

static LANE_FAST struct outcome ping(struct netif *nif, wire_frame_t frame, const struct plain *p,
                                     uint64_t checked)
{
    uint32_t at_message = wire_load32(frame, AT_MESSAGE); /* type, code, checksum */

    if ((uint16_t)at_message != ECHO || !(checked & RX_IPCS) || (checked & RX_IPE) ||
        csum_fold(wire_sum(frame, AT_MESSAGE, p->bytes - AT_MESSAGE)) != 0xFFFF)
        return left;
    confirm(nif, p);
    /* The reply has type 0, so its checksum is higher by ECHO. */
    uint32_t sum = (at_message >> 16) + ECHO;
    wire_store32(frame, AT_MESSAGE, (sum + (sum >> 16)) << 16);
    return answer(nif, frame, p, IP_TTL_DEFAULT);
}

struct outcome to_stack(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    struct netif *nif = lane->netif;
    struct plain p;

    if (!is_plain(nif, frame, (uint32_t)(checked & RX_LENGTH), &p))
        return left;
    switch (p.at_total >> 56) {
    case IP_UDP:
        return datagram(lane, frame, &p, checked);
    case IP_ICMP:
        return ping(nif, frame, &p, checked);
    default:
        return left;
    }
}

struct outcome to_stack_by_side(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    struct side *side = lane->sides + lane->in->index * QUEUES_MAX;

    if (!side_has_place(side) && !side_renew(side))
        return left; /* which counts the loss */
    struct outcome out = to_stack(lane, frame, checked);
    if (out.fate != FATE_SENT)
        return out;
    wire_move(side_place(side), frame, 0, out.length);
    side_put(side, out.length);
    return lane_consume(lane);
}
