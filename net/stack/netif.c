/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port; see netif.h. Here: configuration, ARP, Ethernet and VLAN tags, frames sent
 * by the stack itself. In netif_ip.c: IPv4, ICMP and UDP. In addr.c: addresses and first hops.
 */
#include "net/stack/internal.h"
#include "net/stack/ip.h"
#include "net/stack/quick.h"
#include "net/stack/services.h"

static const uint8_t broadcast_mac[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

/* ---- Addresses ---- */

/* Static ones stay if they are on the link. */
static void clear_neighbours(struct netif *nif)
{
    const struct arp_entry *entry = arp_next_static(&nif->arp, NULL), *next;

    arp_clear(&nif->arp);
    for (; entry != NULL; entry = next) {
        next = arp_next_static(&nif->arp, entry);
        if (!netif_is_neighbour(nif, entry->ip))
            (void)arp_remove(&nif->arp, entry->ip);
    }
}

const char *netif_set_neighbour(struct netif *nif, uint32_t ip, const uint8_t *mac)
{
    if (!nif->is_configured || !ip_is_host(ip) || ip == nif->ip || !netif_is_neighbour(nif, ip))
        return "not another host on the port's link";
    if (mac_is_group(mac) || mac_is_zero(mac))
        return "not the MAC address of a single card";
    if (!arp_set(&nif->arp, ip, mac))
        return "half of the table of neighbours is static already";
    return NULL;
}

const char *netif_configure(struct netif *nif, const uint8_t *mac, uint32_t ip, unsigned prefix,
                            const uint32_t gateways[2])
{
    if (mac_is_group(mac) || mac_is_zero(mac))
        return "the port has no MAC address of its own";
    if (prefix < 1 || prefix > 32)
        return "the prefix must have 1 to 32 bits";
    if (!ip_is_host(ip))
        return "not a host address";
    const struct netif net = {.ip = ip, .mask = ip_mask(prefix), .prefix = (uint8_t)prefix};
    if (!netif_is_on_net(&net, ip))
        return "the subnet's own or broadcast address";
    for (unsigned i = 0; i < 2; i++) {
        bool is_on_link = prefix == 32 || netif_is_on_net(&net, gateways[i]);
        if (gateways[i] != 0 && (!is_on_link || !ip_is_host(gateways[i])))
            return "the gateway is not a host of the port's subnet";
        if (gateways[i] == ip)
            return "the gateway is the port itself";
    }
    if (gateways[1] != 0 && gateways[0] == 0)
        return "a second gateway needs a first";

    memcpy(nif->mac, mac, 6);
    nif->ip = net.ip;
    nif->ip_wire = be32_of(net.ip);
    nif->first_wire = be32_of(prefix <= 30 ? net.ip & net.mask : net.ip);
    nif->last_wire = be32_of(prefix <= 30 ? net.ip | ~net.mask : net.ip);
    nif->type = be16_of(ETH_IPV4);
    nif->mask = net.mask;
    nif->prefix = net.prefix;
    memcpy(nif->gateways, gateways, sizeof(nif->gateways));
    nif->uses_second = false;
    nif->is_configured = true;
    if (nif->mtu == 0)
        nif->mtu = NETIF_MTU;
    if (nif->ip_id_step == 0)
        netif_share_ids(nif, 0, 0, 1);
    clear_neighbours(nif);
    memset(nif->redirects, 0, sizeof(nif->redirects));
    nif->ping.is_on = false;
    nif->is_refused = false;
    (void)netif_bind_head(nif, UDP_PORT_ECHO, udp_echo, NULL, 0); /* false if already bound */
    (void)netif_bind_head(nif, UDP_PORT_DISCARD, udp_discard, NULL, 0);
    netif_link_up(nif);
    return NULL;
}

/* ---- ARP ---- */

/* Pseudo-random, 0 to a second: RFC 5227 wants hosts that start together to probe at different
 * times. */
static uint64_t jitter_ns(const struct netif *nif)
{
    uint32_t mixed = (wire_get32(nif->mac + 2) ^ (uint32_t)(netif_clock(nif) >> 10)) * 2654435761u;

    return (uint64_t)mixed * 1000000000 >> 32;
}

static void probe(struct netif *nif, uint64_t wait_ns)
{
    nif->is_probing = true;
    nif->probes_left = NETIF_PROBES;
    nif->announces_left = NETIF_ANNOUNCES;
    nif->announce_ns = nif->now_ns + wait_ns + jitter_ns(nif);
}

void netif_link_up(struct netif *nif)
{
    probe(nif, 0);
}

/* Another host claims our address. */
static void arp_conflict(struct netif *nif, const uint8_t *mac)
{
    nif->conflicts++;
    memcpy(nif->conflict_mac, mac, 6);
    if (nif->is_probing) { /* RFC 5227 section 2.1.1: it is in use; probe again later */
        nif->is_refused = true;
        probe(nif, NETIF_REFUSED_NS);
    } else if (nif->defended_ns == 0 || nif->now_ns - nif->defended_ns >= NETIF_DEFEND_GAP_NS) {
        /* Section 2.4 (c): defend with one announcement, at a limited rate, so that two hosts that
         * both defend do not flood the subnet. */
        nif->defended_ns = nif->now_ns != 0 ? nif->now_ns : 1;
        nif->announces_left = MAX(nif->announces_left, 1u);
        nif->announce_ns = nif->now_ns;
    }
}

static struct outcome arp_input(struct netif *nif, const struct netif_face *face, uint8_t *frame,
                                uint32_t length)
{
    struct arp_packet packet;
    if (!arp_parse(frame + ETH_BYTES, length - ETH_BYTES, &packet))
        return netif_drop(nif, DROP_arp_bad);

    /* A claim of our address; while we probe for it, another host's probe counts too (RFC 5227,
     * section 2.1.1). */
    bool is_rival = packet.sender_ip == 0 && packet.op == ARP_REQUEST && nif->is_probing &&
                    netif_is_silent(nif) && packet.target_ip == nif->ip;
    if (packet.sender_ip == nif->ip || is_rival) {
        if (!mac_equal(packet.sender_mac, face->mac))
            arp_conflict(nif, packet.sender_mac);
        return netif_consume(nif);
    }
    if (packet.op == ARP_REPLY) {
        if (packet.target_ip == nif->ip && packet.sender_ip != 0)
            arp_answer(&nif->arp, packet.sender_ip, packet.sender_mac, nif->now_ns);
        else
            arp_claim(&nif->arp, packet.sender_ip, packet.sender_mac, nif->now_ns);
        return netif_consume(nif);
    }
    arp_claim(&nif->arp, packet.sender_ip, packet.sender_mac, nif->now_ns);
    if (packet.target_ip != nif->ip || netif_is_silent(nif))
        return netif_consume(nif);

    /* A request for our address, or (sender 0) a probe for it: answer both. */
    struct arp_packet reply = {
        .op = ARP_REPLY, .sender_ip = nif->ip, .target_ip = packet.sender_ip};
    memcpy(reply.sender_mac, face->mac, 6);
    memcpy(reply.target_mac, packet.sender_mac, 6);
    return netif_answer(nif, arp_build(frame, reply.target_mac, &reply));
}

/* ---- Receiving ---- */

static struct outcome untagged_input(struct netif *nif, const struct netif_face *face,
                                     uint8_t *frame, uint32_t length)
{
    bool is_ours = mac_equal(frame + ETH_DST, face->mac);
    bool is_broadcast = mac_equal(frame + ETH_DST, broadcast_mac);
    uint16_t type = wire_get16(frame + ETH_TYPE);

    if (type == ETH_ARP && (is_ours || is_broadcast))
        return arp_input(nif, face, frame, length);
    if (type == ETH_IPV4 && is_ours) {
        struct outcome outcome = netif_quick(nif, face->mac, face->checked, frame, length);
        if (outcome.fate != FATE_FAST)
            return outcome;
    }
    if (type == ETH_IPV4 && (is_ours || mac_is_group(frame + ETH_DST)))
        return netif_ip_input(nif, face, frame, length);
    return netif_drop(nif, DROP_eth_other);
}

struct outcome netif_input_by(struct netif *nif, const struct netif_face *face, uint8_t *frame,
                              uint32_t length)
{
    if (length < ETH_BYTES || length > ETH_BUFFER || !nif->is_configured ||
        mac_is_group(frame + ETH_SRC))
        return netif_drop(nif, DROP_eth_other);
    length = eth_strip_priority(frame, length);
    bool is_tagged = wire_get16(frame + ETH_TYPE) == ETH_VLAN && length >= ETH_BYTES + VLAN_BYTES;
    uint16_t tag = is_tagged ? wire_get16(frame + ETH_BYTES) : 0;

    if (is_tagged != (nif->vlan != 0) || (tag & VLAN_ID) != nif->vlan)
        return netif_drop(nif, DROP_eth_vlan);
    if (!is_tagged)
        return untagged_input(nif, face, frame, length);
    /* Move the MAC addresses over the tag, to get an untagged frame. */
    memmove(frame + VLAN_BYTES, frame, ETH_TYPE);
    struct outcome answer = untagged_input(nif, face, frame + VLAN_BYTES, length - VLAN_BYTES);
    if (answer.length == 0)
        return answer;
    memmove(frame, frame + VLAN_BYTES, ETH_TYPE);
    wire_put16(frame + ETH_TYPE, ETH_VLAN);
    wire_put16(frame + ETH_BYTES, tag); /* with the received priority */
    answer.length += VLAN_BYTES;
    return answer;
}

struct outcome netif_input(struct netif *nif, uint8_t *frame, uint32_t length)
{
    const struct netif_face own = netif_own_face(nif);

    return netif_input_by(nif, &own, frame, length);
}

/* ---- Sending ---- */

bool netif_bind(struct netif *nif, uint16_t port, udp_service *service, void *context)
{
    return netif_bind_head(nif, port, service, context, UDP_ALL);
}

bool netif_bind_head(struct netif *nif, uint16_t port, udp_service *service, void *context,
                     uint32_t head_bytes)
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
    *room = (struct netif_binding){port, head_bytes, service, context};
    nif->bound[port % 64] = room;
    return true;
}

uint32_t netif_poll(struct netif *nif, uint64_t now_ns, uint8_t *frame)
{
    nif->now_ns = now_ns;
    if (!nif->is_configured)
        return 0;
    if (nif->reass != NULL)
        netif_expire(nif);
    uint8_t eth_dst[6];
    memcpy(eth_dst, broadcast_mac, 6);
    struct arp_packet request = {.op = ARP_REQUEST, .sender_ip = nif->ip, .target_ip = nif->ip};
    memcpy(request.sender_mac, nif->mac, 6);

    if (nif->probes_left > 0 && now_ns >= nif->announce_ns) {
        bool is_last = --nif->probes_left == 0;
        nif->announce_ns =
            now_ns + (is_last ? NETIF_ANNOUNCE_GAP_NS : NETIF_PROBE_GAP_NS + jitter_ns(nif));
        request.sender_ip = 0; /* a probe: must not change caches of other hosts */
    } else if (nif->probes_left == 0 && nif->announces_left > 0 && now_ns >= nif->announce_ns) {
        nif->announces_left--;
        nif->announce_ns = now_ns + NETIF_ANNOUNCE_GAP_NS;
        nif->is_probing = false;
        nif->is_refused = false;
    } else if (netif_is_silent(nif) || !arp_due(&nif->arp, now_ns, &request.target_ip, eth_dst)) {
        return 0;
    }
    return netif_tag(nif, frame, arp_build(frame, eth_dst, &request));
}

bool netif_is_due(const struct netif *nif, uint64_t now_ns)
{
    return nif->is_configured && !netif_is_silent(nif) && arp_is_due(&nif->arp, now_ns);
}

uint32_t netif_ping(struct netif *nif, uint8_t *frame, const uint8_t *mac, uint32_t to, uint16_t id,
                    uint16_t sequence, uint32_t data_bytes)
{
    data_bytes = MIN(data_bytes, MIN(NETIF_PING_DATA_MAX, nif->mtu - IP_BYTES - ICMP_BYTES));
    nif->ping = (struct netif_pinger){
        .is_on = true, .to = to, .id = id, .sequence = sequence, .extra = nif->ping.extra};
    uint32_t bytes = icmp_build_echo(frame + ETH_BYTES + IP_BYTES, id, sequence, data_bytes);
    ip_build(frame + ETH_BYTES, bytes, netif_ip_id(nif), 0, IP_ICMP, nif->ip, to);
    eth_build(frame, mac, nif->mac, ETH_IPV4);
    return netif_tag(nif, frame, eth_pad(frame, ETH_BYTES + IP_BYTES + bytes));
}
