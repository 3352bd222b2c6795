/* SPDX-License-Identifier: BSD-2-Clause
 * app=echo: a reflector for the address of portN.ip=. A UDP datagram to port 7 is returned to its
 * source by swapping its addresses in place; netif_input handles ARP, ping and all other frames.
 *
 * The fast handler takes plain frames: IPv4 and UDP checksums verified by the card, no options,
 * service 0, a TTL of 64, no padding, a source port that neither a service of ours nor a well-known
 * one has. The wide handler takes any service, TTL, padding and source port. The slow path answers
 * all others. The three answer alike, except that the slow one does not keep identification and DF.
 */
#include "arch/bytes.h"
#include "net/app/app.h"
#include "net/lane/lane.h"
#include "net/lane/to_stack.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"

enum {
    AT_SOURCE_MAC = 6,
    AT_TYPE = 12, /* EtherType, then the first two bytes of the IPv4 header */
    AT_IP = 16,   /* total length, identification, fragment, TTL, protocol */
    AT_SOURCE_IP = 26,
    AT_TARGET_IP = 30,
    AT_PORTS = 34, /* source, target, length, checksum */
    HEADERS = 42,
    IP_HEADER = 20,
    AT_TTL = 22,
    AT_CHECKSUM = 24, /* of the IPv4 header */
};

/* Header bytes as a little-endian machine loads them. */
#define PLAIN_IPV4 0x00450008u /* type 0x0800, version 4, 5 words, service 0 */

/* Of the 8 bytes from AT_IP: all but the identification and DF. A plain frame has a total length
 * equal to the frame's, is no fragment, and has TTL 64 and protocol UDP. */
#define IP_CHECKED 0xFFFFFFBF0000FFFFull
#define IP_PLAIN   0x1140000000000000ull
/* Of the 8 bytes from AT_PORTS: the target port, 7, and the length. */
#define UDP_CHECKED 0x0000FFFFFFFF0000ull
#define UDP_PLAIN   0x0000000007000000ull

/* Required of the card: IPv4 and UDP, both checksums present and correct. */
#define CHECKSUMS_CHECKED (RX_UDPCS | RX_L4CS | RX_IPCS | RX_TCPE | RX_IPE)
#define CHECKSUMS_GOOD    (RX_UDPCS | RX_L4CS | RX_IPCS)

/* Indexed by the first byte of a source address: port_bits if it may be a host's (not 0, not
 * loopback, not class D or E). Indexed by the last byte: ones unless one of our addresses or of our
 * subnets' broadcasts ends in it; those sources take the slow path. */
static uint8_t is_host_first[256], is_host_last[256];

/* Indexed by payload bytes: the required value of each header's checked bytes. */
static uint64_t plain_ip[SLOT_BYTES - HEADERS], plain_udp[SLOT_BYTES - HEADERS];

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            return WAY_OTHER;                                                                      \
    } while (0)

/* app.a: our MAC address followed by the EtherType of IPv4; app.b: our IPv4 address. */
static LANE_FAST enum lane_way echo_frame(struct lane_app app, wire_frame_t frame, size_t length)
{
    REQUIRE(wire_is32(frame, AT_TYPE, PLAIN_IPV4));
    REQUIRE(wire_bits64(frame, AT_IP, IP_CHECKED) == plain_ip[length - HEADERS]);
    REQUIRE(wire_bits64(frame, AT_PORTS, UDP_CHECKED) == plain_udp[length - HEADERS]);
    REQUIRE(wire_is32(frame, AT_TARGET_IP, (uint32_t)app.b));
    REQUIRE(!wire_tests8(frame, 0, 1)); /* no answer to broadcast and multicast */
    /* The source must be a host, and its port have one of port_bits. One AND tests all three. */
    REQUIRE(wire_tests8(frame, AT_PORTS,
                        is_host_first[wire_load8(frame, AT_SOURCE_IP)] &
                            is_host_last[wire_load8(frame, AT_SOURCE_IP + 3)]));
    uint64_t source_mac = wire_load64(frame, AT_SOURCE_MAC);
    REQUIRE(!(source_mac & 1)); /* no answer to a group address either */

    /* The swap changes neither checksum, since both are sums of the same words. Identification and
     * DF stay the sender's; the identification remains unique between the same two hosts. */
    wire_store64(frame, 0, source_mac); /* the next store overwrites 2 excess bytes */
    wire_store64(frame, AT_SOURCE_MAC, app.a);
    wire_swap_halves64(frame, AT_SOURCE_IP);
    wire_swap_halves32(frame, AT_PORTS);
    return WAY_LANE;
}

/* ---- Frames that are not plain ---- */

/* Of the 4 bytes from AT_TYPE: all but the service. Of the second 4 of the 8 from AT_IP: no fragment,
 * protocol UDP. */
#define ANY_TYPE_CHECKED 0x00FFFFFFu
#define ANY_IP_CHECKED   0xFF00FFBFu
#define ANY_IP_PLAIN     0x11000000u

#define DECLINED         ((struct outcome){0, FATE_FAST})
#define REQUIRE_OR_DECLINE(condition)                                                              \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            return DECLINED;                                                                       \
    } while (0)

/* A bit for each source port that is answered: not well-known, and bound on none of our ports. */
static uint32_t ports_answered[65536 / 32];

/* What the tables of the fast handler leave open: is the source a host, neither ours nor a broadcast,
 * and its port one that is answered? Looks at both anew, and at nothing that was seen before. False
 * also for the other host of a subnet of 31 bits, which the slow path answers. */
static LANE_FAST bool source_is_answered(const struct netif *nif, wire_frame_t frame)
{
    const uint32_t ip = __builtin_bswap32(wire_load32(frame, AT_SOURCE_IP));
    const uint16_t port = wire_load_be16(frame, AT_PORTS);
    const uint32_t hosts = ~nif->mask;

    if (nif->vlan != 0 || !ip_is_host(ip) || !(ports_answered[port / 32] >> (port % 32) & 1))
        return false;
    return ((ip ^ nif->ip) & nif->mask) != 0 || (ip != nif->ip && (ip & hosts) - 1 < hosts - 1);
}

/* Set the TTL to IP_TTL_DEFAULT, and change the header's checksum as it was computed: a sum of 16-bit
 * words modulo 65,535 (RFC 1624), of which the checksum is never all ones. Decides nothing. */
static LANE_FAST void set_default_ttl(wire_frame_t frame)
{
    const uint32_t was = wire_load32(frame, AT_TTL), ttl = (uint8_t)was;
    const uint32_t less = ttl < IP_TTL_DEFAULT ? 0xFFFF : 0;
    uint32_t sum = (was >> 16) + ttl + less - IP_TTL_DEFAULT;

    wire_store8(frame, AT_TTL, IP_TTL_DEFAULT);
    wire_store16(frame, AT_CHECKSUM, (uint16_t)(sum + ((sum + 1) >> 16)));
}

/* End the answer behind `end` bytes, with zeroes up to the shortest frame. Returns its length. The
 * stores reach beyond, but not beyond the slot; those bytes are not sent. */
static LANE_FAST uint32_t end_of_answer(wire_frame_t frame, uint32_t end)
{
    if (__builtin_expect(end >= ETH_MIN, 1))
        return end;
    for (uint32_t i = 0; i < ETH_MIN - HEADERS; i += 8)
        wire_store64(frame, end + i, 0);
    return ETH_MIN;
}

/* As echo_frame, but for the service, TTL, payload and source; the answer has the default TTL, and ends
 * with the datagram. */
static LANE_FAST struct outcome echo_any(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    const struct netif *nif = lane->netif;
    const uint32_t length = (uint32_t)(checked & RX_LENGTH);
    uint32_t payload = length - HEADERS;

    REQUIRE_OR_DECLINE(!lane->is_traced);
    REQUIRE_OR_DECLINE((wire_load32(frame, AT_TYPE) & ANY_TYPE_CHECKED) == PLAIN_IPV4);
    const uint64_t ip = wire_load64(frame, AT_IP);
    REQUIRE_OR_DECLINE(((uint32_t)(ip >> 32) & ANY_IP_CHECKED) == ANY_IP_PLAIN);
    if ((uint16_t)ip != (uint16_t)plain_ip[payload]) { /* padding, or other bytes, follow */
        uint32_t padded = payload;
        payload = __builtin_bswap16((uint16_t)ip) - (uint32_t)(HEADERS - ETH_BYTES);
        REQUIRE_OR_DECLINE(payload < padded);
    }
    /* Target port and length. */
    REQUIRE_OR_DECLINE(wire_load32(frame, AT_PORTS + 2) ==
                       load32((const uint8_t *)&plain_udp[payload] + 2));
    REQUIRE_OR_DECLINE(wire_load32(frame, AT_TARGET_IP) == (uint32_t)lane->app.b);
    REQUIRE_OR_DECLINE(!wire_tests8(frame, 0, 1));
    if (!wire_tests8(frame, AT_PORTS,
                     is_host_first[wire_load8(frame, AT_SOURCE_IP)] &
                         is_host_last[wire_load8(frame, AT_SOURCE_IP + 3)]))
        REQUIRE_OR_DECLINE(source_is_answered(nif, frame));
    REQUIRE_OR_DECLINE(!netif_is_silent(nif));
    const uint64_t source_mac = wire_load64(frame, AT_SOURCE_MAC);
    REQUIRE_OR_DECLINE(!(source_mac & 1));

    wire_store64(frame, 0, source_mac);
    wire_store64(frame, AT_SOURCE_MAC, lane->app.a);
    set_default_ttl(frame);
    wire_swap_halves64(frame, AT_SOURCE_IP);
    wire_swap_halves32(frame, AT_PORTS);
    return (struct outcome){end_of_answer(frame, payload + HEADERS), FATE_SENT};
}

static struct outcome echo_slow(struct lane *lane, uint8_t *frame, uint32_t length)
{
    return netif_input(lane->netif, frame, length);
}

LANE_LOOP(echo_poll, .choose = echo_frame, .other = echo_any, .wide = to_stack, .slow = echo_slow,
          .status_checked = CHECKSUMS_CHECKED, .status_wanted = CHECKSUMS_GOOD,
          .length_least = HEADERS)

/* The high byte of a source port that the fast path answers has one of these bits: no bit that is
 * set in the high byte of a bound port, and none of the two that ports below UDP_WELL_KNOWN have.
 * So a port that would loop has none. With no bound port above 32767 (twamp=), all ephemeral ports
 * from 32768 on have bit 7. */
static uint8_t port_bits(void)
{
    uint8_t bits = (uint8_t) ~((UDP_WELL_KNOWN - 1) >> 8);

    for (unsigned i = 0; i < ports_n; i++)
        for (unsigned b = 0; ports[i].netif && b < NETIF_BINDINGS; b++)
            bits &= (uint8_t) ~(ports[i].netif->bindings[b].port >> 8);
    return bits;
}

static void fill_ports_answered(void)
{
    memset(ports_answered, 0xFF, sizeof(ports_answered));
    memset(ports_answered, 0, UDP_WELL_KNOWN / 8);
    for (unsigned i = 0; i < ports_n; i++)
        for (unsigned b = 0; ports[i].netif && b < NETIF_BINDINGS; b++) {
            uint16_t port = ports[i].netif->bindings[b].port;
            ports_answered[port / 32] &= ~(1u << port % 32);
        }
}

/* A port without an address gets no lane. */
static struct port *echo_output(struct port *in)
{
    return in->netif ? in : NULL;
}

/* Before any lane runs: fill the tables, which all lanes read. */
static void echo_prepare(void)
{
    const uint8_t bits = port_bits();

    fill_ports_answered();
    for (uint32_t length = HEADERS; length < SLOT_BYTES; length++) {
        uint64_t ip_length = __builtin_bswap16((uint16_t)(length - ETH_BYTES));
        uint64_t udp_length = __builtin_bswap16((uint16_t)(length - ETH_BYTES - IP_HEADER));
        plain_ip[length - HEADERS] = IP_PLAIN | ip_length;
        plain_udp[length - HEADERS] = UDP_PLAIN | udp_length << 32;
    }
    for (unsigned i = 0; i < 256; i++) {
        is_host_first[i] = i > 0 && i < 224 && i != 127 ? bits : 0;
        is_host_last[i] = 0xFF;
    }
    for (unsigned i = 0; i < ports_n; i++) {
        const struct netif *nif = ports[i].netif;
        if (!nif)
            continue;
        if (nif->vlan != 0) /* untagged frames are not ours: the slow path drops them */
            memset(is_host_first, 0, sizeof(is_host_first));
        is_host_last[nif->ip & 0xFF] = 0;
        is_host_last[(nif->ip | ~nif->mask) & 0xFF] = 0;
        is_host_last[nif->ip & nif->mask & 0xFF] = 0; /* the all-zeroes host, once a broadcast */
    }
}

static void echo_start(struct lane *lane)
{
    const uint8_t *mac = lane->in->mac;
    uint8_t our_mac[8] = {mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], 0x08, 0x00};

    lane->app.a = load64(our_mac);
    lane->app.b = lane->in->netif->ip_wire.v;
}

APP(echo) = {
    .name = "echo",
    .help = "answer UDP port 7, ping and ARP on every port that has an address",
    .poll = echo_poll,
    .control = echo_slow,
    .prepare = echo_prepare,
    .readdress = echo_prepare,
    .output = echo_output,
    .start = echo_start,
};
