/* SPDX-License-Identifier: BSD-2-Clause
 * app=echo: a reflector for the address of portN.ip=. A UDP datagram to port 7 goes back where it
 * came from, turned round in place; ARP, ping and everything else is netif_input's.
 *
 * The fast way is for the plain case: a frame whose IPv4 and UDP checksums the card has found
 * right, without options, with the usual TTL of 64, without padding and from a high port. What is
 * not plain is answered by the slow way, which gives the same answer for any TTL and any padding.
 */
#include "arch/bytes.h"
#include "net/app.h"
#include "net/eth.h"
#include "net/lane.h"
#include "net/netif.h"

enum {
    AT_SOURCE_MAC = 6,
    AT_TYPE = 12, /* EtherType, then the first two bytes of the IPv4 header */
    AT_IP_LENGTH = 16,
    AT_TTL = 22, /* and protocol */
    AT_SOURCE_IP = 26,
    AT_TARGET_IP = 30,
    AT_PORTS = 34,
    AT_TARGET_PORT = 36,
    AT_UDP_LENGTH = 38,
    HEADERS = 42,
    IP_HEADER = 20,
};

/* Wire bytes as this little-endian machine reads them. */
#define PLAIN_IPV4 0x00450008u /* type 0x0800, version 4, 5 words, service 0 */
#define PLAIN_TTL 0x1140u      /* TTL 64, UDP */
#define PORT_ECHO 0x0700u

static inline uint16_t wire16(uint32_t host)
{
    return __builtin_bswap16((uint16_t)host);
}

/* What the card has to have found: IPv4 and UDP, both checksums there and right. */
#define CHECKSUMS_CHECKED (RX_UDPCS | RX_L4CS | RX_IPCS | RX_TCPE | RX_IPE)
#define CHECKSUMS_GOOD (RX_UDPCS | RX_L4CS | RX_IPCS)

/* By the first byte of a source address: ones where a host can have it (not 0, not loopback, not
 * class D or E). By the last: ones where it is neither the last byte of one of our addresses nor
 * that of a broadcast on one of our nets; others need the slow way's closer look. */
static const uint8_t is_host_first[256] = {[1 ... 126] = 0xFF, [128 ... 223] = 0xFF};
static uint8_t is_host_last[256];

/* By the bytes of a frame behind its headers: what IPv4's total length (low half) and UDP's length
 * (high half) must be in it, in the order of the wire. */
static uint32_t wire_lengths[SLOT_BYTES - HEADERS];

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            return false;                                                                          \
    } while (0)

/* app.a: our MAC with the EtherType of IPv4 behind it; app.b: our IPv4 address. */
static LANE_FAST bool echo_frame(struct lane_app app, uint8_t *frame, size_t length)
{
    uint32_t lengths = wire_lengths[length - HEADERS];

    REQUIRE(load32(frame + AT_TYPE) == PLAIN_IPV4);
    REQUIRE(load16(frame + AT_TTL) == PLAIN_TTL);
    REQUIRE(load16(frame + AT_IP_LENGTH) == (uint16_t)lengths);
    REQUIRE(load16(frame + AT_UDP_LENGTH) == (uint16_t)(lengths >> 16));
    REQUIRE(load32(frame + AT_TARGET_IP) == (uint32_t)app.b);
    REQUIRE(load16(frame + AT_TARGET_PORT) == PORT_ECHO);
    REQUIRE(!(frame[0] & 1)); /* broadcast and multicast are never answered */
    /* A source that is a host's, and its port not below 256: there may be a service that answers
     * answers. The tables hold all ones or none, so that one AND asks all three. */
    REQUIRE(is_host_first[frame[AT_SOURCE_IP]] & is_host_last[frame[AT_SOURCE_IP + 3]] &
            frame[AT_PORTS]);

    /* Turned round, neither checksum changes: both are sums of the same words. */
    store64(frame, load64(frame + AT_SOURCE_MAC)); /* two bytes too many: ours, written next */
    store64(frame + AT_SOURCE_MAC, app.a);
    uint64_t addresses = load64(frame + AT_SOURCE_IP);
    store64(frame + AT_SOURCE_IP, addresses << 32 | addresses >> 32);
    uint32_t udp_ports = load32(frame + AT_PORTS);
    store32(frame + AT_PORTS, udp_ports << 16 | udp_ports >> 16);
    return true;
}

static uint32_t echo_slow(struct lane *lane, uint8_t *frame, uint32_t length)
{
    return netif_input(lane->in->netif, frame, length);
}

LANE_LOOP(echo_poll, .fast = echo_frame, .slow = echo_slow, .status_checked = CHECKSUMS_CHECKED,
          .status_wanted = CHECKSUMS_GOOD, .length_least = HEADERS)

/* A port without an address answers nobody: it gets no lane. */
static struct port *echo_output(struct port *in)
{
    return in->netif ? in : NULL;
}

/* Before any lane runs: the tables, which all lanes share and none writes. */
static void echo_prepare(void)
{
    for (uint32_t length = HEADERS; length < SLOT_BYTES; length++)
        wire_lengths[length - HEADERS] = wire16(length - ETH_BYTES) |
                                         (uint32_t)wire16(length - ETH_BYTES - IP_HEADER) << 16;
    for (unsigned i = 0; i < 256; i++)
        is_host_last[i] = 0xFF;
    for (unsigned i = 0; i < ports_n; i++) {
        const struct netif *nif = ports[i].netif;
        if (!nif)
            continue;
        is_host_last[nif->ip & 0xFF] = 0;
        is_host_last[(nif->ip | ~nif->mask) & 0xFF] = 0;
        is_host_last[nif->ip & nif->mask & 0xFF] = 0; /* the net itself, once a broadcast too */
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
    .prepare = echo_prepare,
    .output = echo_output,
    .start = echo_start,
};
