/* SPDX-License-Identifier: BSD-2-Clause
 * app=route: an IPv4 router as RFC 1812 requires. A port's lane leads to its partner (0 to 1 and
 * back, 2 to 3). The fast handler rewrites frames to the partner in place: both MAC addresses, TTL,
 * header checksum. router_input in net/route/router.c handles all others: frames to other ports or
 * to us, options, fragmentation, errors.
 *
 * The fast handler takes plain frames: unicast MAC addresses, an IPv4 header without options, its
 * checksum verified by the card, its length equal to the frame's, a valid source, TTL left, and a
 * next hop at the lane's output that has answered ARP and whose MTU fits.
 */
#include "arch/bytes.h"
#include "net/app/app.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/stack/eth.h"
#include "net/stack/netif.h"

enum {
    AT_LENGTH = 10, /* two bytes not checked, EtherType, version, service, total length */
    AT_TTL = 22,
    AT_CHECKSUM = 24,
    AT_SOURCE_IP = 26,
    AT_TARGET_IP = 30,
    HEADERS = ROUTE_PLAIN_HEADERS,
};

/* Header bytes as a little-endian machine loads them: the group bits of both MAC addresses in a
 * frame's first 8 bytes; and the 8 bytes from AT_LENGTH but for the first two and the service. Of
 * these, a plain frame has EtherType 0x0800, version 4, 5 words, and its own length. */
#define GROUP_BITS     0x0001000000000001ull
#define LENGTH_CHECKED 0xFFFF00FFFFFF0000ull
#define LENGTH_PLAIN   0x0000004500080000ull

/* Indexed by payload bytes: the required value of the checked bytes. */
static uint64_t plain[SLOT_BYTES - HEADERS] __attribute__((aligned(CACHE_LINE_BYTES)));

/* Indexed by the first byte of a source address: ones if it may be a host's (not 0, not loopback,
 * not class D or E, nor 169, of which 169.254/16 is not forwarded). Indexed by the last byte: ones
 * unless one of our addresses or of our subnets' broadcasts ends in it. Ones except the lowest bit, so
 * that an AND with a TTL of 0 or 1 gives 0.
 */
static const uint8_t is_host_first[256] = {
    [1 ... 126] = 0xFE, [128 ... 168] = 0xFE, [170 ... 223] = 0xFE};
static uint8_t is_host_last[256] __attribute__((aligned(CACHE_LINE_BYTES)));

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            return false;                                                                          \
    } while (0)

/* Is it a valid frame of the minimum length, with padding after the datagram? `checked`: of the 8
 * bytes from AT_LENGTH. */
static bool is_padded(uint64_t checked, size_t length)
{
    uint32_t total = __builtin_bswap16((uint16_t)(checked >> 48));

    return length == ETH_MIN && total >= 20 && total <= ETH_MIN - ETH_BYTES &&
           (checked ^ LENGTH_PLAIN) << 16 == 0;
}

/* A field of the next hop; recomputed at each access so that it folds into the addressing mode. */
#define HOP(field) (((const struct route_hop *)(app.b + (hop_at = opaque(hop_at))))->field)

/* app.a: the table; app.b: its first next hop at the lane's output; the low 16 bits of that address
 * are the table entry for it. */
static LANE_FAST bool route_frame(struct lane_app app, wire_frame_t frame, size_t length)
{
    const struct route_table *table = (const struct route_table *)app.a;

    REQUIRE(!wire_tests64(frame, 0, GROUP_BITS));
    uint64_t checked = wire_bits64(frame, AT_LENGTH, LENGTH_CHECKED);
    if (__builtin_expect(checked != plain[length - HEADERS], 0))
        REQUIRE(is_padded(checked, length));
    REQUIRE(wire_tests8(frame, AT_TTL,
                        is_host_first[wire_load8(frame, AT_SOURCE_IP)] &
                            is_host_last[wire_load8(frame, AT_SOURCE_IP + 3)]));
    REQUIRE(wire_is_below16(frame, AT_CHECKSUM, 0xFFFE)); /* else an increment would carry */

    uint64_t hop_at =
        opaque(table->first[__builtin_bswap32(wire_load32(frame, AT_TARGET_IP)) >> 8] ^ app.b);
    if (__builtin_expect((uint16_t)hop_at >= ROUTE_PORT_ENTRIES, 0)) {
        uint16_t entry = (uint16_t)(hop_at ^ app.b);
        REQUIRE(entry & ROUTE_GROUP);
        uint32_t at =
            route_group_entry(table, entry, (uint8_t)wire_load8(frame, AT_TARGET_IP + 3)) -
            (uint16_t)app.b * ROUTE_GROUP_FACTOR;
        REQUIRE(at < ROUTE_PORT_BYTES);
        hop_at = at & ~ROUTE_DEPTH;
    } else {
        hop_at &= ROUTE_PORT_HOP;
    }
    REQUIRE((int64_t)(length - HEADERS) <= HOP(bytes_max));

    wire_store64(frame, 0, HOP(macs));
    wire_store32(frame, 8, HOP(our_mac));
    /* TTL, protocol and checksum in one addition: TTL - 1, checksum + 1 (RFC 1624; correct in
     * either byte order). The conditions above exclude a carry between fields. */
    wire_add32(frame, AT_TTL, 0x0000FFFF);
    return true;
}

LANE_LOOP(route_poll, .fast = route_frame, .slow = router_input, .status_checked = RX_IPCS | RX_IPE,
          .status_wanted = RX_IPCS, .length_least = HEADERS)

/* A port without an address, or with a VLAN, gets no lane. The lane of a port without a partner
 * leads back to the port itself and sends only answers. */
static struct port *route_output(struct port *in)
{
    struct port *partner = port_partner(in);

    if (!in->netif || in->netif->vlan || !routes.table)
        return NULL;
    return partner && partner->netif && !partner->netif->vlan ? partner : in;
}

/* Before any lane runs: fill the tables, which all lanes read. */
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
        is_host_last[nif->ip & nif->mask & 0xFF] = 0; /* the all-zeroes host, once a broadcast */
    }
    router_start();
}

static void route_start(struct lane *lane)
{
    lane->app.a = (uintptr_t)routes.table;
    /* Frames back to their input port take the slow path, which may send a redirect. */
    lane->app.b = (uintptr_t)(lane->out == lane->in
                                  ? routes.table->nowhere
                                  : &routes.table->hops[lane->out->index * ROUTE_PORT_HOPS]);
}

APP(route) = {
    .name = "route",
    .help = "IPv4 router between all ports that have an address",
    .configure = router_configure,
    .poll = route_poll,
    .control = router_input,
    .slow = router_input,
    .service = router_service,
    .towards = hops_towards,
    .prepare = route_prepare,
    .output = route_output,
    .start = route_start,
};
