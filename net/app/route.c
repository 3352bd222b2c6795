/* SPDX-License-Identifier: BSD-2-Clause
 * app=route: an IPv4 router after RFC 1812. A port's lane leads to its partner, 0 to 1 and back, 2
 * to 3; what the table sends there is turned round in place: both MAC addresses, the TTL, the header
 * checksum. All else (other ports, options, fragments to be made, errors, frames for us) is
 * router_input's, in net/route/router.c.
 *
 * The fast way is for the plain case: a frame to one host from one host, whose IPv4 header has no
 * options, a checksum that the card has found right and the length that the frame's says, from a
 * source that may be one, with TTL left, by a next hop behind the lane's output that has answered
 * ARP and takes frames of this length.
 */
#include "arch/bytes.h"
#include "net/app/app.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/stack/eth.h"
#include "net/stack/netif.h"

enum {
    AT_LENGTH = 10, /* two bytes of no interest, EtherType, version, service, total length */
    AT_TTL = 22,
    AT_CHECKSUM = 24,
    AT_SOURCE_IP = 26,
    AT_TARGET_IP = 30,
    HEADERS = ROUTE_PLAIN_HEADERS,
};

/* Wire bytes as this little-endian machine reads them: the bits that say "for many" of both MAC
 * addresses in a frame's first 8 bytes, and of the 8 bytes from AT_LENGTH all but the first two and
 * the service. A plain frame has there EtherType 0x0800, version 4, 5 words, and its own length. */
#define FOR_MANY 0x0001000000000001ull
#define LENGTH_CHECKED 0xFFFF00FFFFFF0000ull
#define LENGTH_PLAIN 0x0000004500080000ull

/* By the bytes of a frame behind its headers: what its checked bytes must be. */
static uint64_t plain[SLOT_BYTES - HEADERS] __attribute__((aligned(CACHE_LINE_BYTES)));

/* By the first byte of a source address: ones where a host can have it (not 0, not loopback, not
 * class D or E). By the last: ones where it is neither the last byte of one of our addresses nor
 * that of a broadcast on one of our nets. Ones but for the lowest bit: of a TTL, 0 and 1 remain. */
static const uint8_t is_host_first[256] = {[1 ... 126] = 0xFE, [128 ... 223] = 0xFE};
static uint8_t is_host_last[256] __attribute__((aligned(CACHE_LINE_BYTES)));

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            return false;                                                                          \
    } while (0)

/* A frame of the least length that Ethernet has may carry less than it could. */
static bool is_padded(const uint8_t *frame, size_t length)
{
    uint32_t total = wire_get16(frame + ETH_BYTES + 2);

    return length == ETH_MIN && total >= 20 && total <= ETH_MIN - ETH_BYTES &&
           ((load64(frame + AT_LENGTH) ^ LENGTH_PLAIN) & LENGTH_CHECKED) << 16 == 0;
}

/* A field of the next hop, at a sum of two registers each time: one addition less than once for all. */
#define HOP(field)                                                                                 \
    (((const struct route_hop *)(app.b + (hop_at = opaque(hop_at))))->field)

/* app.a: the table; app.b: the first of its next hops that lead to the lane's output, whose address
 * ends in the 16 bits that the first entry for it has. */
static LANE_FAST bool route_frame(struct lane_app app, uint8_t *frame, size_t length)
{
    const struct route_table *table = (const struct route_table *)app.a;

    REQUIRE(!(load64(frame) & FOR_MANY));
    if (__builtin_expect((load64(frame + AT_LENGTH) & LENGTH_CHECKED) != plain[length - HEADERS], 0))
        REQUIRE(is_padded(frame, length));
    REQUIRE(is_host_first[frame[AT_SOURCE_IP]] & is_host_last[frame[AT_SOURCE_IP + 3]] &
            frame[AT_TTL]);
    REQUIRE(load16(frame + AT_CHECKSUM) < 0xFFFE); /* one more would carry: not in place */

    uint64_t hop_at =
        opaque(table->first[__builtin_bswap32(load32(frame + AT_TARGET_IP)) >> 8] ^ app.b);
    if (__builtin_expect((uint16_t)hop_at >= ROUTE_PORT_ENTRIES, 0)) {
        uint16_t entry = (uint16_t)(hop_at ^ app.b);
        REQUIRE(entry & ROUTE_GROUP);
        hop_at = route_group_entry(table, entry, frame[AT_TARGET_IP + 3]) ^ app.b;
        REQUIRE((uint16_t)hop_at < ROUTE_PORT_ENTRIES);
    }
    hop_at &= ROUTE_PORT_HOP;
    REQUIRE((int64_t)(length - HEADERS) <= HOP(bytes_max));

    store64(frame, HOP(macs));
    store32(frame + 8, HOP(our_mac));
    /* TTL, protocol and checksum at once: the first one less, the last one more (RFC 1624; in
     * either order of bytes). Neither touches its neighbour, by what was required above. */
    store32(frame + AT_TTL, load32(frame + AT_TTL) + 0x0000FFFF);
    return true;
}

LANE_LOOP(route_poll, .fast = route_frame, .slow = router_input,
          .status_checked = RX_IPCS | RX_IPE, .status_wanted = RX_IPCS, .length_least = HEADERS)

/* A port without an address, or with a VLAN of its own, takes nothing. One without a partner gets its
 * own lane back, by which only answers leave. */
static struct port *route_output(struct port *in)
{
    unsigned partner = in->index ^ 1;

    if (!in->netif || in->netif->vlan || !routes.table)
        return NULL;
    return partner < ports_n && ports[partner].netif && !ports[partner].netif->vlan
               ? &ports[partner]
               : in;
}

/* Before any lane runs: the tables, which all lanes share and none writes. */
static void route_prepare(void)
{
    for (uint32_t length = HEADERS; length < SLOT_BYTES; length++)
        plain[length - HEADERS] =
            LENGTH_PLAIN | (uint64_t)__builtin_bswap16((uint16_t)(length - ETH_BYTES)) << 48;
    for (unsigned i = 0; i < 256; i++)
        is_host_last[i] = 0xFE;
    for (unsigned i = 0; i < ports_n; i++) {
        const struct netif *nif = ports[i].netif;
        if (!nif)
            continue;
        is_host_last[nif->ip & 0xFF] = 0;
        is_host_last[(nif->ip | ~nif->mask) & 0xFF] = 0;
        is_host_last[nif->ip & nif->mask & 0xFF] = 0; /* the net itself, once a broadcast too */
    }
    router_start();
}

static void route_start(struct lane *lane)
{
    lane->app.a = (uintptr_t)routes.table;
    /* Back by the port that it came from is the slow way's: the sender may be told of a better
     * one. */
    lane->app.b = (uintptr_t)(lane->out == lane->in
                                  ? routes.table->nowhere
                                  : &routes.table->hops[lane->out->index * ROUTE_PORT_HOPS]);
}

APP(route) = {
    .name = "route",
    .help = "IPv4 router between all ports that have an address",
    .configure = router_configure,
    .poll = route_poll,
    .slow = router_input,
    .service = router_service,
    .towards = hops_towards,
    .prepare = route_prepare,
    .output = route_output,
    .start = route_start,
};
