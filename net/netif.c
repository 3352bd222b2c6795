/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port; see netif.h. In the order that a frame takes: Ethernet, ARP, IPv4, ICMP,
 * UDP; then what we send of ourselves.
 */
#include "net/netif.h"

#include "net/csum.h"
#include "net/eth.h"
#include "net/ip.h"

static const uint8_t broadcast_mac[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

static uint32_t drop(struct netif *nif, enum drop why)
{
    nif->drops[why]++;
    return 0;
}

static uint32_t consume(struct netif *nif)
{
    nif->consumed++;
    return 0;
}

static uint64_t clock_of(const struct netif *nif)
{
    return nif->clock != NULL ? nif->clock() : nif->now_ns;
}

/* ---- Addresses ---- */

/* The two addresses of a net that are no host's; a net of 31 or 32 bits has none (RFC 3021). */
static bool is_net_broadcast(const struct netif *nif, uint32_t ip)
{
    return nif->prefix <= 30 && ((ip ^ nif->ip) & nif->mask) == 0 &&
           ((ip & ~nif->mask) == 0 || (ip & ~nif->mask) == ~nif->mask);
}

bool netif_is_on_net(const struct netif *nif, uint32_t ip)
{
    return ((ip ^ nif->ip) & nif->mask) == 0 && !is_net_broadcast(nif, ip);
}

const char *netif_configure(struct netif *nif, const uint8_t *mac, uint32_t ip, unsigned prefix,
                            uint32_t gateway)
{
    if (mac_is_group(mac) || mac_is_zero(mac))
        return "the port has no MAC address of its own";
    if (prefix < 1 || prefix > 32)
        return "a prefix has 1 to 32 bits";
    if (!ip_is_host(ip))
        return "no host can have this address";
    const struct netif net = {.ip = ip, .mask = ~0u << (32 - prefix), .prefix = (uint8_t)prefix};
    if (!netif_is_on_net(&net, ip))
        return "this is the address of the net itself or its broadcast";
    if (gateway != 0 && (!netif_is_on_net(&net, gateway) || !ip_is_host(gateway)))
        return "the gateway is no host of the port's net";
    if (gateway == ip)
        return "the gateway is the port itself";

    memcpy(nif->mac, mac, 6);
    nif->ip = net.ip;
    nif->ip_wire = be32_of(net.ip);
    nif->mask = net.mask;
    nif->prefix = net.prefix;
    nif->gateway = gateway;
    nif->is_configured = true;
    memset(&nif->arp, 0, sizeof(nif->arp));
    nif->ping.is_on = false;
    (void)netif_bind(nif, UDP_PORT_ECHO, udp_echo, NULL); /* false where they are bound already */
    (void)netif_bind(nif, UDP_PORT_DISCARD, udp_discard, NULL);
    netif_link_up(nif);
    return NULL;
}

/* ---- ARP ---- */

static uint32_t arp_input(struct netif *nif, uint8_t *frame, uint32_t length)
{
    struct arp_packet packet;
    if (!arp_parse(frame + ETH_BYTES, length - ETH_BYTES, &packet))
        return drop(nif, DROP_arp_bad);

    if (packet.sender_ip == nif->ip) {
        if (!mac_equal(packet.sender_mac, nif->mac)) {
            nif->conflicts++;
            memcpy(nif->conflict_mac, packet.sender_mac, 6);
            /* RFC 5227 section 2.4 (b): defend with one announcement, but not again soon, lest two
             * hosts that both insist fill the net. */
            if (nif->defended_ns == 0 || nif->now_ns - nif->defended_ns >= NETIF_DEFEND_GAP_NS) {
                nif->defended_ns = nif->now_ns != 0 ? nif->now_ns : 1;
                nif->announces_left = MAX(nif->announces_left, 1u);
                nif->announce_ns = nif->now_ns;
            }
        }
        return consume(nif);
    }
    if (packet.op == ARP_REPLY) {
        if (packet.target_ip == nif->ip && packet.sender_ip != 0)
            arp_answer(&nif->arp, packet.sender_ip, packet.sender_mac, nif->now_ns);
        else
            arp_doubt(&nif->arp, packet.sender_ip, packet.sender_mac, nif->now_ns);
        return consume(nif);
    }
    arp_doubt(&nif->arp, packet.sender_ip, packet.sender_mac, nif->now_ns);
    if (packet.target_ip != nif->ip)
        return consume(nif);

    /* Somebody asks for us, or (sender 0) probes whether the address is free: it is not. */
    struct arp_packet reply = {
        .op = ARP_REPLY, .sender_ip = nif->ip, .target_ip = packet.sender_ip};
    memcpy(reply.sender_mac, nif->mac, 6);
    memcpy(reply.target_mac, packet.sender_mac, 6);
    nif->answered++;
    return arp_build(frame, reply.target_mac, &reply);
}

/* ---- IPv4 and what is in it ---- */

/* Send `payload_bytes` that lie behind a plain IP header back to whom the frame came from. */
static uint32_t answer(struct netif *nif, uint8_t *frame, const struct ip_view *ip,
                       uint32_t payload_bytes)
{
    ip_build(frame + ETH_BYTES, payload_bytes, nif->next_ip_id++, ip->tos, ip->protocol, nif->ip,
             ip->src);
    eth_build(frame, frame + ETH_SRC, nif->mac, ETH_IPV4);
    nif->answered++;
    return eth_pad(frame, ETH_BYTES + IP_BYTES + payload_bytes);
}

/* A reply or an error that may be about the ping that is out. */
static uint32_t ping_input(struct netif *nif, const struct ip_view *ip,
                           const struct icmp_view *icmp)
{
    struct netif_pinger *ping = &nif->ping;
    bool is_reply = icmp->type == ICMP_ECHO_REPLY;
    uint32_t about = is_reply ? ip->src : icmp->about_dst;

    if (!ping->is_on || about != ping->to || icmp->id != ping->id)
        return drop(nif, DROP_icmp_unasked);
    if (icmp->sequence != ping->sequence || ping->event != PING_NOTHING) {
        ping->extra += is_reply;
        return consume(nif);
    }
    ping->event = is_reply ? PING_REPLY : PING_ERROR;
    ping->event_ns = clock_of(nif);
    ping->from = ip->src;
    ping->ttl = ip->ttl;
    ping->type = icmp->type;
    ping->code = icmp->code;
    ping->data_bytes = ip->total_bytes - ip->header_bytes - 8;
    return consume(nif);
}

static uint32_t icmp_input(struct netif *nif, uint8_t *frame, const struct ip_view *ip)
{
    uint8_t *message = frame + ETH_BYTES + ip->header_bytes;
    uint32_t bytes = ip->total_bytes - ip->header_bytes;
    struct icmp_view icmp;

    switch (icmp_parse(message, bytes, nif->ip, &icmp)) {
    case ICMP_IS_BAD:
        return drop(nif, DROP_icmp_bad);
    case ICMP_IS_REPLY:
    case ICMP_IS_ERROR_ABOUT_ECHO:
        return ping_input(nif, ip, &icmp);
    case ICMP_IS_ERROR:
        return drop(nif, DROP_icmp_unasked);
    case ICMP_IS_ECHO:
        break;
    }
    /* The reply carries no options, so the message moves up to where a plain header ends. */
    memmove(frame + ETH_BYTES + IP_BYTES, message, bytes);
    icmp_echo_to_reply(frame + ETH_BYTES + IP_BYTES);
    return answer(nif, frame, ip, bytes);
}

void netif_error(struct netif *nif, const uint8_t *frame, uint32_t ip_bytes,
                 struct icmp_error error)
{
    uint8_t out[ETH_BYTES + ICMP_ERROR_MAX];

    if (nif->send == NULL || mac_is_group(frame + ETH_DST) ||
        !icmp_error_may(frame + ETH_BYTES, ip_bytes) ||
        !icmp_limit_take(&nif->errors, clock_of(nif)))
        return;
    uint32_t bytes = icmp_error_build(out + ETH_BYTES, error, nif->ip, nif->next_ip_id++,
                                      frame + ETH_BYTES, ip_bytes);
    eth_build(out, frame + ETH_SRC, nif->mac, ETH_IPV4);
    nif->send(nif->send_context, out, eth_pad(out, ETH_BYTES + bytes));
}

/* Drop a datagram that was for us, and tell its sender why. */
static uint32_t refuse(struct netif *nif, const uint8_t *frame, const struct ip_view *ip,
                       enum drop why, struct icmp_error error)
{
    netif_error(nif, frame, ip->total_bytes, error);
    return drop(nif, why);
}

static const struct netif_binding *binding_of(const struct netif *nif, uint16_t port)
{
    for (unsigned i = 0; i < NETIF_BINDINGS; i++)
        if (nif->bindings[i].port == port && nif->bindings[i].service != NULL)
            return &nif->bindings[i];
    return NULL;
}

static uint32_t udp_input(struct netif *nif, uint8_t *frame, const struct ip_view *ip)
{
    const uint32_t headers = ETH_BYTES + IP_BYTES + UDP_BYTES;
    struct udp_datagram datagram;
    enum drop bad = udp_parse(frame + ETH_BYTES + ip->header_bytes,
                              ip->total_bytes - ip->header_bytes, ip->src, ip->dst, &datagram);
    if (bad != DROP_NONE)
        return drop(nif, bad);
    const struct netif_binding *binding = binding_of(nif, datagram.dst_port);
    if (binding == NULL)
        return refuse(nif, frame, ip, DROP_udp_no_port,
                      (struct icmp_error){ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0});

    /* Without the sender's IP options, which an answer does not carry. */
    memmove(frame + headers, datagram.data, datagram.data_bytes);
    datagram.data = frame + headers;
    datagram.room = MAX(datagram.data_bytes, ETH_MAX - headers);
    uint32_t bytes = binding->service(binding->context, &datagram);
    if (bytes == UDP_SILENT)
        return consume(nif);
    if (udp_port_would_loop(datagram.src_port))
        return drop(nif, DROP_udp_loop);
    if (bytes > datagram.room)
        return drop(nif, DROP_udp_length); /* the service's mistake */
    bytes = udp_build(frame + ETH_BYTES + IP_BYTES, bytes, nif->ip, datagram.dst_port, ip->src,
                      datagram.src_port);
    return answer(nif, frame, ip, bytes);
}

static uint32_t ip_input(struct netif *nif, uint8_t *frame, uint32_t length)
{
    struct ip_view ip;
    enum drop bad = ip_parse(frame + ETH_BYTES, length - ETH_BYTES, &ip);
    if (bad != DROP_NONE && bad != DROP_ip_option)
        return drop(nif, bad);
    /* RFC 1122 section 3.2.1.3: one that no host can have is discarded in silence. */
    if (!ip_is_host(ip.src) || ip.src == nif->ip || is_net_broadcast(nif, ip.src))
        return drop(nif, DROP_ip_source);
    if (ip.dst == IP_BROADCAST || ip_is_multicast(ip.dst) || is_net_broadcast(nif, ip.dst))
        return drop(nif, DROP_ip_broadcast);
    if (ip.dst != nif->ip)
        return drop(nif, DROP_ip_not_ours);
    /* RFC 1122 section 3.3.6: to one host, in a frame to many: somebody's mistake or worse. */
    if (mac_is_group(frame + ETH_DST))
        return drop(nif, DROP_ip_link_group);
    if (bad == DROP_ip_option && ip.bad_byte != 0)
        return refuse(nif, frame, &ip, bad,
                      (struct icmp_error){ICMP_PARAMETER, 0, (uint32_t)ip.bad_byte << 24});
    if (bad != DROP_NONE)
        return drop(nif, bad);
    if (ip.is_fragment)
        return drop(nif, DROP_ip_fragment);
    switch (ip.protocol) {
    case IP_ICMP:
        return icmp_input(nif, frame, &ip);
    case IP_UDP:
        return udp_input(nif, frame, &ip);
    default:
        return refuse(nif, frame, &ip, DROP_ip_protocol,
                      (struct icmp_error){ICMP_UNREACHABLE, ICMP_PROTOCOL_UNREACHABLE, 0});
    }
}

uint32_t netif_input(struct netif *nif, uint8_t *frame, uint32_t length)
{
    if (length < ETH_BYTES || length > ETH_BUFFER || !nif->is_configured ||
        mac_is_group(frame + ETH_SRC))
        return drop(nif, DROP_eth_other);
    bool is_ours = mac_equal(frame + ETH_DST, nif->mac);
    bool is_broadcast = mac_equal(frame + ETH_DST, broadcast_mac);
    uint16_t type = wire_get16(frame + ETH_TYPE);

    if (type == ETH_ARP && (is_ours || is_broadcast))
        return arp_input(nif, frame, length);
    if (type == ETH_IPV4 && (is_ours || mac_is_group(frame + ETH_DST)))
        return ip_input(nif, frame, length);
    return drop(nif, DROP_eth_other);
}

/* ---- What we send of ourselves ---- */

bool netif_bind(struct netif *nif, uint16_t port, udp_service *service, void *context)
{
    struct netif_binding *room = NULL;
    if (port == 0)
        return false;
    for (unsigned i = 0; i < NETIF_BINDINGS; i++) {
        struct netif_binding *binding = &nif->bindings[i];
        if (binding->port == port) {
            if (service != NULL)
                return false;
            *binding = (struct netif_binding){0};
            return true;
        }
        if (binding->port == 0 && room == NULL)
            room = binding;
    }
    if (room == NULL || service == NULL)
        return service == NULL;
    *room = (struct netif_binding){port, service, context};
    return true;
}

void netif_link_up(struct netif *nif)
{
    nif->announces_left = NETIF_ANNOUNCES;
    nif->announce_ns = nif->now_ns;
}

uint32_t netif_poll(struct netif *nif, uint64_t now_ns, uint8_t *frame)
{
    nif->now_ns = now_ns;
    if (!nif->is_configured)
        return 0;
    struct arp_packet request = {.op = ARP_REQUEST, .sender_ip = nif->ip};
    memcpy(request.sender_mac, nif->mac, 6);

    if (nif->announces_left > 0 && now_ns >= nif->announce_ns) {
        nif->announces_left--;
        nif->announce_ns = now_ns + NETIF_ANNOUNCE_GAP_NS;
        request.target_ip = nif->ip;
        return arp_build(frame, broadcast_mac, &request);
    }
    if (arp_due(&nif->arp, now_ns, &request.target_ip))
        return arp_build(frame, broadcast_mac, &request);
    return 0;
}

enum netif_way netif_resolve(struct netif *nif, uint32_t ip, uint8_t *mac)
{
    bool has_failed;

    if (!nif->is_configured || !ip_is_host(ip) || ip == nif->ip)
        return NETIF_NO_ROUTE;
    if (!netif_is_on_net(nif, ip)) {
        if (nif->gateway == 0 || is_net_broadcast(nif, ip))
            return NETIF_NO_ROUTE;
        ip = nif->gateway;
    }
    if (arp_lookup(&nif->arp, ip, nif->now_ns, mac, &has_failed))
        return NETIF_READY;
    return has_failed ? NETIF_NO_ANSWER : NETIF_ASKING;
}

uint32_t netif_ping(struct netif *nif, uint8_t *frame, const uint8_t *mac, uint32_t to, uint16_t id,
                    uint16_t sequence, uint32_t data_bytes)
{
    data_bytes = MIN(data_bytes, NETIF_PING_DATA_MAX);
    nif->ping = (struct netif_pinger){
        .is_on = true, .to = to, .id = id, .sequence = sequence, .extra = nif->ping.extra};
    uint32_t bytes = icmp_build_echo(frame + ETH_BYTES + IP_BYTES, id, sequence, data_bytes);
    ip_build(frame + ETH_BYTES, bytes, nif->next_ip_id++, 0, IP_ICMP, nif->ip, to);
    eth_build(frame, mac, nif->mac, ETH_IPV4);
    return eth_pad(frame, ETH_BYTES + IP_BYTES + bytes);
}
