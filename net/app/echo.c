/* SPDX-License-Identifier: BSD-2-Clause
 * app=echo: a reflector for the address of portN.ip=. A UDP datagram to port 7 is returned to its
 * source by swapping its addresses in place; netif_input handles ARP, ping and all other frames.
 *
 * The fast handler takes plain frames: IPv4 and UDP checksums verified by the card, no options,
 * service 0, a TTL of 64, no padding, a source port that neither a service of ours nor a well-known
 * one has. echo_any takes any service, TTL, padding and source port. The stack answers all others, in
 * place if it can (net/lane/to_stack.h). All answer alike, except that the stack does not keep
 * identification and DF.
 */
#include "arch/bytes.h"
#include "net/app/app.h"
#include "net/lane/lane.h"
#include "net/lane/to_stack.h"
#include "net/stack/csum.h"
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
    AT_UDP_SUM = 40,
    AT_TTL = 22,
    AT_PROTOCOL = 23,
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
            return false;                                                                          \
    } while (0)

/* app.a: our MAC address followed by the EtherType of IPv4; app.b: our IPv4 address. */
static LANE_FAST bool echo_frame(struct lane_app app, wire_frame_t frame, size_t length)
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
    return true;
}

/* ---- Frames that are not plain ---- */

/* Of the 4 bytes from AT_TYPE: all but the service. Of the second 4 of the 8 from AT_IP: no fragment,
 * protocol UDP. */
#define ANY_TYPE_CHECKED 0x00FFFFFFu
#define ANY_IP_CHECKED   0xFF00FFBFu
#define ANY_IP_PLAIN     0x11000000u

#define DECLINED         ((struct outcome){0, FATE_FAST})

/* A bit for each source port that is answered: not well-known, and bound on none of our ports. */
static uint32_t ports_answered[65536 / 32];

/* What the tables of the fast handler leave open: is the source a host, neither ours nor a broadcast,
 * and its port one that is answered? Both are loaded anew, and decide alone. False also for the other
 * host of a subnet of 31 bits, which the slow path answers. */
static LANE_FAST bool source_is_answered(const struct netif *nif, uint32_t ip, uint16_t port)
{
    const uint32_t hosts = ~nif->mask;

    if (!ip_is_host(ip) || !(ports_answered[port / 32] >> (port % 32) & 1))
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

/* Give a datagram without a checksum one. Decides nothing: bytes that the card changes now make it
 * wrong. */
static LANE_FAST void sum_datagram(wire_frame_t packet, uint32_t payload)
{
    uint64_t sum = wire_sum(packet, AT_PORTS, payload + HEADERS - AT_PORTS);

    sum = csum_add(sum, wire_load64(packet, AT_SOURCE_IP));
    sum = csum_add(sum, (plain_udp[payload] >> 32) + (IP_UDP << 8));
    uint16_t checksum = (uint16_t)~csum_fold(sum);
    wire_store16(packet, AT_UDP_SUM, checksum != 0 ? checksum : 0xFFFF);
}

/* End the answer behind `end` bytes, with zeroes up to `least`, at most 18 more. Returns its length.
 * The stores reach beyond, but not beyond the slot; those bytes are not sent. */
static LANE_FAST uint32_t end_of_answer(wire_frame_t frame, uint32_t end, uint32_t least)
{
    if (__builtin_expect(end >= least, 1))
        return end;
    for (uint32_t i = 0; i < ETH_MIN - HEADERS; i += 8)
        wire_store64(frame, end + i, 0);
    return least;
}

/* As echo_frame, but for the service, TTL, payload and source. `packet` is the frame of `length` bytes
 * without its tag: its own start, or VLAN_BYTES further on. The answer has the default TTL, and ends
 * with the datagram. has_sum: the card has verified the datagram's checksum; else it must have none,
 * and the answer's is computed. Returns where the answer ends in `packet`; 0: declined. */
static LANE_FAST uint32_t echo_packet(struct lane *lane, wire_frame_t frame, wire_frame_t packet,
                                      uint32_t length, uint16_t vlan, bool has_sum)
{
    const struct netif *nif = lane->netif;
    uint32_t payload = length - HEADERS;

    REQUIRE((wire_load32(packet, AT_TYPE) & ANY_TYPE_CHECKED) == PLAIN_IPV4);
    const uint64_t ip = wire_load64(packet, AT_IP);
    REQUIRE(((uint32_t)(ip >> 32) & ANY_IP_CHECKED) == ANY_IP_PLAIN);
    if ((uint16_t)ip != (uint16_t)plain_ip[payload]) { /* padding, or other bytes, follow */
        uint32_t padded = payload;
        payload = __builtin_bswap16((uint16_t)ip) - (uint32_t)(HEADERS - ETH_BYTES);
        REQUIRE(payload < padded);
    }
    /* Target port and length. */
    REQUIRE(wire_load32(packet, AT_PORTS + 2) == load32((const uint8_t *)&plain_udp[payload] + 2));
    REQUIRE(has_sum || wire_load16(packet, AT_UDP_SUM) == 0);
    REQUIRE(wire_load32(packet, AT_TARGET_IP) == (uint32_t)lane->app.b);
    REQUIRE(!wire_tests8(frame, 0, 1));
    if (!wire_tests8(packet, AT_PORTS,
                     is_host_first[wire_load8(packet, AT_SOURCE_IP)] &
                         is_host_last[wire_load8(packet, AT_SOURCE_IP + 3)]))
        REQUIRE(nif->vlan == vlan &&
                source_is_answered(nif, __builtin_bswap32(wire_load32(packet, AT_SOURCE_IP)),
                                   wire_load_be16(packet, AT_PORTS)));
    REQUIRE(!netif_is_silent(nif));
    const uint64_t source_mac = wire_load64(frame, AT_SOURCE_MAC);
    REQUIRE(!(source_mac & 1));

    wire_store64(frame, 0, source_mac);
    wire_store64(frame, AT_SOURCE_MAC, lane->app.a);
    set_default_ttl(packet);
    wire_swap_halves64(packet, AT_SOURCE_IP);
    wire_swap_halves32(packet, AT_PORTS);
    if (!has_sum)
        sum_datagram(packet, payload);
    return payload + HEADERS;
}

/* The frame's word is as echo_frame wants it. */
static LANE_FAST struct outcome echo_any(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    uint32_t end = echo_packet(lane, frame, frame, (uint32_t)(checked & RX_LENGTH), 0, true);

    if (__builtin_expect(end == 0, 0))
        return DECLINED;
    return (struct outcome){end_of_answer(frame, end, ETH_MIN), FATE_SENT};
}

/* ---- Frames with a tag, and datagrams without a checksum ---- */

/* As a little-endian machine loads it: the EtherType of a tag. */
#define TAG_TYPE 0x0081u

/* A frame with one tag, of at least HEADERS bytes without it: that of the port's VLAN, which the answer
 * has too, or one that holds only a priority, without which the answer follows on the MAC addresses. */
static LANE_FAST struct outcome echo_tagged(struct lane *lane, wire_frame_t frame, uint32_t tag,
                                            uint32_t length)
{
    const uint16_t vlan = lane->netif->vlan;
    const wire_frame_t packet = wire_after_tag(frame);

    if ((__builtin_bswap16((uint16_t)(tag >> 16)) & VLAN_ID) != vlan)
        return DECLINED;
    uint32_t end = echo_packet(lane, frame, packet, length, vlan, true);
    if (end == 0)
        return DECLINED;
    if (vlan != 0) {
        wire_store16(frame, AT_TYPE, TAG_TYPE);
        return (struct outcome){end_of_answer(packet, end, ETH_MIN) + VLAN_BYTES, FATE_SENT};
    }
    for (uint32_t i = AT_TYPE; i < end; i += 8)
        wire_store64(frame, i, wire_load64(packet, i));
    return (struct outcome){end_of_answer(frame, end, ETH_MIN), FATE_SENT};
}

/* What is left may also be a ping, or a datagram to another service. */
static __attribute__((noinline)) struct outcome echo_or_stack(struct lane *lane, wire_frame_t frame,
                                                              uint64_t checked)
{
    const uint64_t sums = checked & CHECKSUMS_CHECKED;
    const uint32_t length = (uint32_t)(checked & RX_LENGTH), type = wire_load32(frame, AT_TYPE);
    struct outcome out = DECLINED;

    if ((uint16_t)type != TAG_TYPE && wire_load8(frame, AT_PROTOCOL) == IP_ICMP)
        return to_stack(lane, frame, checked); /* at once: no register is saved yet */
    if ((uint16_t)type == TAG_TYPE && sums == CHECKSUMS_GOOD && length >= HEADERS + VLAN_BYTES) {
        out = echo_tagged(lane, frame, type, length - VLAN_BYTES);
    } else if ((sums & (RX_IPCS | RX_IPE | RX_L4CS)) == RX_IPCS && length >= HEADERS) {
        uint32_t end = echo_packet(lane, frame, frame, length, 0, false);
        if (end != 0)
            out = (struct outcome){end_of_answer(frame, end, ETH_MIN), FATE_SENT};
    }
    return out.fate != FATE_FAST ? out : to_stack(lane, frame, checked);
}

static struct outcome echo_slow(struct lane *lane, uint8_t *frame, uint32_t length)
{
    return netif_input(lane->netif, frame, length);
}

LANE_LOOP(echo_poll, .fast = echo_frame, .other = echo_any, .wide = echo_or_stack,
          .slow = echo_slow, .status_checked = CHECKSUMS_CHECKED, .status_wanted = CHECKSUMS_GOOD,
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
