/* SPDX-License-Identifier: BSD-2-Clause
 * app=route: an IPv4 router as RFC 1812 requires. A port's lane leads to its partner (0 to 1 and
 * back, 2 to 3). The fast handler rewrites frames to the partner in place: both MAC addresses, TTL,
 * header checksum. Plain frames to any other port, the one they came in by included, are copied to
 * that port's side queue. Pings and datagrams to a port's own address are answered by to_stack.
 * router_input in net/route/router.c handles all others: options, fragmentation, errors.
 *
 * Plain frames have unicast MAC addresses, an IPv4 header without options, its checksum verified by
 * the card, its length equal to the frame's, a valid source, TTL left, and a next hop that has
 * answered ARP and whose MTU fits.
 */
#include "arch/bytes.h"
#include "net/app/app.h"
#include "net/lane/side.h"
#include "net/lane/to_stack.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "net/lane/vlans.h"

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
            return WAY_ASIDE;                                                                      \
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
static LANE_FAST enum lane_way route_frame(struct lane_app app, wire_frame_t frame, size_t length)
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
        if (!(entry & ROUTE_GROUP))
            return WAY_OTHER;
        uint32_t at =
            route_group_entry(table, entry, (uint8_t)wire_load8(frame, AT_TARGET_IP + 3)) -
            (uint16_t)app.b * ROUTE_GROUP_FACTOR;
        if (at >= ROUTE_PORT_BYTES)
            return WAY_OTHER;
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
    return WAY_LANE;
}

/* A table of 32 MiB is in no cache. */
static LANE_FAST void route_ahead(struct lane_app app, wire_frame_t frame)
{
    const struct route_table *table = (const struct route_table *)app.a;

    __builtin_prefetch(&table->first[__builtin_bswap32(wire_load32(frame, AT_TARGET_IP)) >> 8]);
}

/* ---- The wide way ---- */

/* Nothing was changed: the slow way gets the frame. */
static const struct outcome not_ordinary = {0, FATE_FAST};

/* May a frame with this source be forwarded? As router.c's may_be_source; two bytes tell for most. */
static bool is_source(const struct route_table *table, uint32_t ip)
{
    if (__builtin_expect(is_host_first[ip >> 24] & is_host_last[ip & 0xFF], 1))
        return true;
    unsigned kind = hop_kind(route_hop_of(route_entry(table, ip)));
    return ip_is_host(ip) && kind != HOP_LOCAL && kind != HOP_BROADCAST && kind != HOP_NEVER;
}

/* The 4 bytes from AT_TTL with the TTL less one, the checksum updated (RFC 1624). It is a sum of ones'
 * complement, so a carry is added at its other end; that of one more, as ones stand for 0. */
static uint32_t less_one(uint32_t bytes)
{
    uint32_t sum = (bytes >> 16) + 1;

    sum += (sum + 1) >> 16;
    return (uint16_t)(bytes - 1) | sum << 16;
}

/* Where an address leads: the next hop, and its port's number. */
struct way {
    const struct route_hop *hop;
    unsigned out;
};
static LANE_FAST struct way way_to(const struct route_table *table, uint32_t target)
{
    uint32_t entry = table->first[target >> 8], port, at;

    if (__builtin_expect(entry & ROUTE_GROUP, 0)) {
        entry = route_group_entry(table, (uint16_t)entry, (uint8_t)target);
        port = entry / ROUTE_PORT_BYTES;
        at = entry & ~ROUTE_DEPTH;
    } else {
        port = entry / ROUTE_PORT_ENTRIES;
        at = port * ROUTE_PORT_BYTES + (entry & ROUTE_PORT_HOP);
    }
    return (struct way){(const struct route_hop *)((uintptr_t)table->hops + at), port};
}

/* ---- A slow partner ----
 *
 * The slots of a lane return to the receiver in order, so frames that wait for a slow output keep
 * those behind them, which leave by other ports, from being received. If most slots of a lane wait
 * although it has such frames, it is narrowed: route_frame finds no frame for the partner any more,
 * and route_by takes one only while few slots wait, and drops it otherwise. The lane is widened when
 * it has dropped none for a while.
 */
enum {
    NARROW_FROM = LANE_SLOTS * 7 / 8,
    NARROW_MOST = 16, /* slots that wait, before a burst */
    ROUNDS_TO_LOOK = 16,
};

static uint32_t waiting(const struct lane *lane)
{
    return (uint32_t)lane->next - lane->done;
}

static uintptr_t hops_of(const struct port *port)
{
    return (uintptr_t)&routes.table->hops[port->index * ROUTE_PORT_HOPS];
}

/* Frames back to their input port are not the fast handler's, since they may cause a redirect; nor are
 * untagged ones of and to a port whose addresses are all in VLANs: the slow path drops the former,
 * and there are none of the latter. */
static bool leads_to_partner(const struct lane *lane)
{
    return lane->out != lane->in && lane->in->netif && lane->out->netif;
}

static bool is_narrow(const struct lane *lane)
{
    return lane->app.b == (uintptr_t)routes.table->nowhere && leads_to_partner(lane);
}

static struct look {
    uint32_t rounds_left;
    struct {
        uint64_t aside, drops;
    } seen[PORTS_MAX]; /* counts of each lane at the last look */
} __attribute__((aligned(CACHE_LINE_BYTES))) looks[QUEUES_MAX];

/* Look at all lanes of a core. */
static __attribute__((noinline)) void narrow_or_widen(unsigned core)
{
    struct look *look = &looks[core];

    look->rounds_left = ROUNDS_TO_LOOK - 1;
    for (unsigned i = 0; i < lanes_per_core; i++) {
        struct lane *lane = &lanes[core * lanes_per_core + i];
        uint64_t aside = lane->count.unsent, drops = lane->count.drops[DROP_route_full];
        if (is_narrow(lane)) {
            if (drops == look->seen[i].drops && waiting(lane) < NARROW_FROM)
                lane->app.b = hops_of(lane->out);
        } else if (waiting(lane) > NARROW_FROM && aside != look->seen[i].aside &&
                   leads_to_partner(lane)) {
            lane->app.b = (uintptr_t)routes.table->nowhere;
        }
        look->seen[i].aside = aside;
        look->seen[i].drops = drops;
    }
}

/* ---- By any port ---- */

/* The queue is full, does not run, or a tap watches it. */
static __attribute__((noinline)) struct outcome without_place(struct lane *lane, struct side *side)
{
    if (!side->is_running || rare_work[lane->core].side_sent)
        return not_ordinary; /* the sender is told; the tap sees the frame */
    side_refuse(side);
    return lane_consume(lane);
}

/* The 4 bytes from AT_TTL as they are sent: of a plain frame in one addition, as in route_frame. */
static LANE_FAST uint32_t ttl_less_one(wire_frame_t frame, uint32_t loaded, bool is_plain)
{
    return is_plain ? wire_load32(frame, AT_TTL) + 0x0000FFFF : less_one(loaded);
}

/* Send a frame that may be forwarded. By the lane if that leads to the port; else it is copied to the
 * port's side queue, behind its new header: the lane has consumed it, the queue generates it.
 * `is_plain`: as the fast handler takes it; else `ttl_bytes` are the 4 bytes from AT_TTL, checked.
 *
 * Order: what leaves by a port is in one queue of this core, the lane or the side queue, whichever of
 * the ways a frame of its flow has taken. */
static LANE_FAST struct outcome route_by(struct lane *lane, wire_frame_t frame, size_t length,
                                         struct way way, uint32_t source, bool is_plain,
                                         uint32_t ttl_bytes)
{
    if ((int64_t)(length - HEADERS) > way.hop->bytes_max)
        return not_ordinary;
    if (way.out == lane->in->index && ((source ^ lane->netif->ip) & lane->netif->mask) == 0 &&
        router_may_redirect(lane->core, way.out))
        return not_ordinary;
    if (__builtin_expect(way.out == lane->out->index, 0)) {
        if (is_narrow(lane) && waiting(lane) >= NARROW_MOST)
            return lane_drop(lane, DROP_route_full);
        wire_store64(frame, 0, way.hop->macs);
        wire_store32(frame, 8, way.hop->our_mac);
        wire_store32(frame, AT_TTL, ttl_less_one(frame, ttl_bytes, is_plain));
        return (struct outcome){(uint32_t)length, FATE_SENT};
    }
    struct side *side = lane->sides + (size_t)way.out * QUEUES_MAX;
    if (__builtin_expect(!side_has_place(side), 0)) {
        if (is_plain)
            return not_ordinary; /* route_ordinary gets it next: no call here, no register saved */
        if (!side_renew(side))
            return without_place(lane, side);
    }
    wire_frame_t to = side_place(side);
    wire_move(to, frame, 8, length);
    wire_store64(to, 0, way.hop->macs);
    wire_store32(to, 8, way.hop->our_mac);
    wire_store32(to, AT_TTL, ttl_less_one(frame, ttl_bytes, is_plain));
    side_put(side, length);
    return lane_consume(lane);
}

/* A frame that is plain but for its output. */
static struct outcome route_elsewhere(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    uint32_t target = __builtin_bswap32(wire_load32(frame, AT_TARGET_IP));
    uint32_t source = __builtin_bswap32(wire_load32(frame, AT_SOURCE_IP));

    if (!lane->netif) /* all addresses of the port are in VLANs */
        return not_ordinary;
    return route_by(lane, frame, checked & RX_LENGTH,
                    way_to((const struct route_table *)lane->app.a, target), source, true, 0);
}

/* Other frames that the slow way would only forward: a source that ends in a byte of our addresses, a
 * checksum that carries, or no place in the side queue as it was last seen. */
static struct outcome route_ordinary(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    const struct route_table *table = (const struct route_table *)lane->app.a;
    size_t length = checked & RX_LENGTH;

    if (length < HEADERS || !lane->netif)
        return not_ordinary;
    uint32_t source = __builtin_bswap32(wire_load32(frame, AT_SOURCE_IP));
    uint32_t target = __builtin_bswap32(wire_load32(frame, AT_TARGET_IP));
    if (!is_source(table, source))
        return not_ordinary;
    if (target == lane->netif->ip)
        return lane->out == lane->in ? to_stack(lane, frame, checked)
                                     : to_stack_by_side(lane, frame, checked);
    if ((checked & (RX_IPCS | RX_IPE)) != RX_IPCS || wire_tests64(frame, 0, GROUP_BITS))
        return not_ordinary;
    uint64_t header = wire_bits64(frame, AT_LENGTH, LENGTH_CHECKED);
    if (header != plain[length - HEADERS] && !is_padded(header, length))
        return not_ordinary;
    uint32_t ttl_bytes = wire_load32(frame, AT_TTL);
    if ((uint8_t)ttl_bytes <= 1)
        return not_ordinary;
    return route_by(lane, frame, length, way_to(table, target), source, false, ttl_bytes);
}

static void route_flush(const struct lane *lane)
{
    sides_flush(lane->core);
    router_end_round(lane->core);
    if (__builtin_expect(looks[lane->core].rounds_left-- == 0, 0))
        narrow_or_widen(lane->core);
}

LANE_LOOP(route_poll, .choose = route_frame, .ahead = route_ahead, .other = route_elsewhere,
          .wide = route_ordinary, .slow = router_input, .flush = route_flush,
          .status_checked = RX_IPCS | RX_IPE, .status_wanted = RX_IPCS, .length_least = HEADERS)

/* A port without an address, in a VLAN or not, gets no lane. That of a port without a partner leads
 * back to the port itself and sends only answers. */
static struct port *route_output(struct port *in)
{
    struct port *partner = port_partner(in);

    if (!routes.table || !vlan_is_addressed(in))
        return NULL;
    return partner && vlan_is_addressed(partner) ? partner : in;
}

/* Before any lane runs: fill the tables, which all lanes read. */
static void route_prepare(void)
{
    for (uint32_t length = HEADERS; length < SLOT_BYTES; length++)
        plain[length - HEADERS] =
            LENGTH_PLAIN | (uint64_t)__builtin_bswap16((uint16_t)(length - ETH_BYTES)) << 48;
    for (unsigned i = 0; i < 256; i++)
        is_host_last[i] = 0xFE;
    for (unsigned i = 0; i < ports_all; i++) {
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
    lane->app.b = leads_to_partner(lane) ? hops_of(lane->out) : (uintptr_t)routes.table->nowhere;
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
    .side_slots = SIDE_DEEP,
    .has_vlans = true,
};
