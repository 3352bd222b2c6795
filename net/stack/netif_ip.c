/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port from IPv4 upwards; see netif.h. A datagram in one frame is answered in
 * place; one received in fragments is answered by frames of our own.
 */
#include "net/stack/csum.h"
#include "net/stack/icmp.h"
#include "net/stack/internal.h"
#include "net/stack/ip.h"

/* ---- Sending in frames of our own ---- */

static void send(struct netif *nif, const struct netif_face *face, uint8_t *frame, uint32_t bytes)
{
    nif->send(face->send_context, frame, netif_tag(nif, frame, eth_pad(frame, ETH_BYTES + bytes)));
}

static bool error_by(struct netif *nif, const struct netif_face *face, const uint8_t *frame,
                     uint32_t ip_bytes, struct icmp_error error)
{
    uint8_t out[ETH_BYTES + VLAN_BYTES + ICMP_ERROR_MAX];

    if (nif->send == NULL || mac_is_group(frame + ETH_DST) ||
        !icmp_error_may(frame + ETH_BYTES, ip_bytes))
        return false;
    if (!icmp_limit_take(nif->errors_full_ns ? nif->errors_full_ns : &nif->errors_full_own_ns,
                         netif_clock(nif))) {
        nif->errors_limited++;
        return false;
    }
    ip_bytes = MIN(ip_bytes, nif->mtu - IP_BYTES - ICMP_BYTES);
    uint32_t bytes = icmp_error_build(out + ETH_BYTES, error, nif->ip, netif_ip_id(nif),
                                      frame + ETH_BYTES, ip_bytes);
    eth_build(out, frame + ETH_SRC, face->mac, ETH_IPV4);
    send(nif, face, out, bytes);
    return true;
}

bool netif_error(struct netif *nif, const uint8_t *frame, uint32_t ip_bytes,
                 struct icmp_error error)
{
    const struct netif_face own = netif_own_face(nif);

    return error_by(nif, &own, frame, ip_bytes, error);
}

/* ---- A complete datagram ---- */

struct message {
    const struct netif_face *face;
    const struct ip_view *ip;
    uint8_t *payload; /* of the datagram received */
    uint32_t bytes;
    uint8_t *answer; /* where to write the answer's payload: at `payload` or before it */
    uint32_t room;
    const uint8_t *frame; /* for an error to quote */
    uint32_t quote_bytes;
};

struct verdict {
    uint32_t answer; /* payload bytes to send back; 0: none, see `why` */
    enum drop why;   /* DROP_NONE: consumed */
    uint8_t ttl;     /* of the answer */
};

static struct verdict answered(uint32_t bytes, uint8_t ttl)
{
    return (struct verdict){bytes, DROP_NONE, ttl};
}

static struct verdict settled(enum drop why)
{
    return (struct verdict){0, why, 0};
}

/* Drop the datagram and send an ICMP error to its source. */
static struct verdict refuse(struct netif *nif, const struct message *m, enum drop why,
                             uint8_t type, uint8_t code)
{
    error_by(nif, m->face, m->frame, m->quote_bytes, (struct icmp_error){type, code, 0});
    return settled(why);
}

/* Handle a reply or an error that may be about the pending ping. */
static struct verdict ping_input(struct netif *nif, const struct message *m,
                                 const struct icmp_view *icmp)
{
    struct netif_pinger *ping = &nif->ping;
    bool is_reply = icmp->type == ICMP_ECHO_REPLY;
    uint32_t about = is_reply ? m->ip->src : icmp->about_dst;

    if (!ping->is_on || about != ping->to || icmp->id != ping->id)
        return settled(DROP_icmp_other);
    if (icmp->type == ICMP_REDIRECT)
        netif_take_redirect(nif, m->ip->src, ping->to, wire_get32(m->payload + ICMP_ID));
    /* A gateway that sends a redirect has forwarded the echo, too. */
    if (icmp->sequence != ping->sequence || ping->event != PING_NOTHING ||
        icmp->type == ICMP_REDIRECT) {
        ping->extra += is_reply;
        return settled(DROP_NONE);
    }
    ping->event = is_reply ? PING_REPLY : PING_ERROR;
    ping->event_ns = netif_clock(nif);
    ping->from = m->ip->src;
    ping->ttl = m->ip->ttl;
    ping->type = icmp->type;
    ping->code = icmp->code;
    ping->data_bytes = m->bytes - ICMP_BYTES;
    return settled(DROP_NONE);
}

static struct verdict icmp_input(struct netif *nif, const struct message *m)
{
    struct icmp_view icmp;

    switch (icmp_parse(m->payload, m->bytes, nif->ip, &icmp)) {
    case ICMP_IS_BAD:
        return settled(DROP_icmp_bad);
    case ICMP_IS_REPLY:
    case ICMP_IS_ERROR_ABOUT_ECHO:
        return ping_input(nif, m, &icmp);
    case ICMP_IS_ERROR:
        return settled(DROP_icmp_other);
    case ICMP_IS_ECHO:
        break;
    }
    if (m->answer != m->payload)
        memmove(m->answer, m->payload, m->bytes);
    icmp_echo_to_reply(m->answer);
    return answered(m->bytes, IP_TTL_DEFAULT);
}

static struct verdict udp_input(struct netif *nif, const struct message *m)
{
    struct udp_datagram datagram;
    enum drop bad = udp_parse(m->payload, m->bytes, m->ip->src, m->ip->dst, &datagram);
    if (bad != DROP_NONE)
        return settled(bad);
    const struct netif_binding *binding = netif_binding_of(nif, datagram.dst_port);
    if (binding == NULL)
        return refuse(nif, m, DROP_udp_no_port, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE);

    datagram.received_ns = netif_clock(nif);
    datagram.clock = nif->clock;
    datagram.ttl = m->ip->ttl;
    datagram.answer_ttl = IP_TTL_DEFAULT;
    if (m->answer != m->payload)
        memmove(m->answer + UDP_BYTES, datagram.data, datagram.data_bytes);
    datagram.data = m->answer + UDP_BYTES;
    datagram.room = m->room - UDP_BYTES;
    uint32_t bytes = binding->service(binding->context, &datagram);
    bad = netif_udp_refusal(nif, binding, &datagram, bytes);
    if (bad != DROP_NONE || bytes == UDP_SILENT)
        return settled(bad);
    return answered(
        udp_build(m->answer, bytes, nif->ip, datagram.dst_port, m->ip->src, datagram.src_port),
        datagram.answer_ttl);
}

static struct verdict deliver(struct netif *nif, const struct message *m)
{
    switch (m->ip->protocol) {
    case IP_ICMP:
        return icmp_input(nif, m);
    case IP_UDP:
        return udp_input(nif, m);
    default:
        return refuse(nif, m, DROP_ip_protocol, ICMP_UNREACHABLE, ICMP_PROTOCOL_UNREACHABLE);
    }
}

/* ---- Received in one frame ---- */

static void build_header(struct netif *nif, uint8_t *p, uint32_t bytes, uint16_t id,
                         const struct ip_view *ip, uint8_t ttl)
{
    ip_build(p, bytes, id, ip->tos, ip->protocol, nif->ip, ip->src);
    if (ttl != IP_TTL_DEFAULT)
        ip_set_ttl(p, ttl);
}

static struct outcome frame_input(struct netif *nif, const struct netif_face *face, uint8_t *frame,
                                  const struct ip_view *ip)
{
    const uint32_t headers = ETH_BYTES + IP_BYTES;
    uint32_t bytes = ip->total_bytes - ip->header_bytes;
    const struct message m = {
        .face = face,
        .ip = ip,
        .payload = frame + ETH_BYTES + ip->header_bytes,
        .bytes = bytes,
        /* An answer carries none of the sender's options, and so may lie before the payload. */
        .answer = frame + headers,
        /* What has come in one frame may leave in one. */
        .room = MAX(bytes, nif->mtu - IP_BYTES),
        .frame = frame,
        .quote_bytes = ip->total_bytes,
    };
    struct verdict verdict = deliver(nif, &m);

    if (verdict.answer == 0)
        return verdict.why == DROP_NONE ? netif_consume(nif) : netif_drop(nif, verdict.why);
    build_header(nif, frame + ETH_BYTES, verdict.answer, netif_ip_id(nif), ip, verdict.ttl);
    eth_build(frame, frame + ETH_SRC, face->mac, ETH_IPV4);
    return netif_answer(nif, eth_pad(frame, headers + verdict.answer));
}

/* ---- Received in fragments ---- */

/* Send `bytes` of payload to the source of `ip` via `mac`, in as many fragments as needed. */
static void send_back(struct netif *nif, const struct netif_face *face, const uint8_t *mac,
                      const struct ip_view *ip, const uint8_t *payload, uint32_t bytes, uint8_t ttl)
{
    const uint32_t most = (nif->mtu - IP_BYTES) / 8 * 8;
    uint8_t frame[ETH_BUFFER];
    uint16_t id = netif_ip_id(nif);

    for (uint32_t at = 0; at < bytes; at += most) {
        uint32_t n = MIN(bytes - at, most);
        memcpy(frame + ETH_BYTES + IP_BYTES, payload + at, n);
        build_header(nif, frame + ETH_BYTES, n, id, ip, ttl);
        ip_set_fragment(frame + ETH_BYTES, at, at + n < bytes);
        eth_build(frame, mac, face->mac, ETH_IPV4);
        send(nif, face, frame, IP_BYTES + n);
    }
}

/* The face of the port that received the first fragment, which may be another than that of the
 * current frame. */
static struct netif_face face_of_first(const struct reass_slot *slot)
{
    struct netif_face first = {.send_context = slot->way};

    memcpy(first.mac, slot->first + ETH_DST, 6);
    return first;
}

void netif_expire(struct netif *nif)
{
    uint64_t now_ns = netif_clock(nif);

    for (struct reass_slot *slot; (slot = reass_expired(nif->reass, now_ns)) != NULL;) {
        if (slot->first_bytes != 0) { /* RFC 1122 section 3.3.2: only if the first one came */
            const struct netif_face first = face_of_first(slot);
            error_by(nif, &first, slot->first, slot->first_bytes - ETH_BYTES,
                     (struct icmp_error){ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_EXCEEDED, 0});
        }
        nif->drops[DROP_ip_timeout] += slot->frames;
        reass_free(nif->reass, slot);
    }
}

static struct outcome fragment_input(struct netif *nif, const struct netif_face *face,
                                     const uint8_t *frame, const struct ip_view *ip)
{
    if (nif->reass == NULL || nif->send == NULL)
        return netif_drop(nif, DROP_ip_fragment);
    netif_expire(nif);
    uint32_t fate;
    struct reass_slot *slot = reass_add(nif->reass, ip, frame, face->send_context, netif_clock(nif),
                                        &nif->consumed, nif->drops, &fate);
    if (slot == NULL)
        return (struct outcome){0, fate};

    const struct ip_view whole = {
        .src = ip->src,
        .dst = ip->dst,
        .header_bytes = IP_BYTES,
        .total_bytes = IP_BYTES + slot->end,
        .tos = slot->tos,
        .ttl = slot->ttl,
        .protocol = ip->protocol,
    };
    const struct netif_face first = face_of_first(slot);
    const struct message m = {
        .face = &first,
        .ip = &whole,
        .payload = slot->data,
        .bytes = slot->end,
        .answer = slot->data,
        .room = REASS_BYTES,
        .frame = slot->first,
        .quote_bytes = slot->first_bytes - ETH_BYTES,
    };
    struct verdict verdict = deliver(nif, &m);
    if (verdict.answer != 0)
        send_back(nif, &first, slot->first + ETH_SRC, &whole, slot->data, verdict.answer,
                  verdict.ttl);
    if (verdict.why == DROP_NONE)
        nif->consumed += slot->frames;
    else
        nif->drops[verdict.why] += slot->frames;
    reass_free(nif->reass, slot);
    return verdict.why == DROP_NONE ? (struct outcome){0, FATE_CONSUMED}
                                    : outcome_dropped(verdict.why);
}

/* ---- Receiving ---- */

struct outcome netif_ip_input(struct netif *nif, const struct netif_face *face, uint8_t *frame,
                              uint32_t length)
{
    struct ip_view ip;
    enum drop bad = ip_parse(frame + ETH_BYTES, length - ETH_BYTES, &ip);
    if (bad != DROP_NONE && bad != DROP_ip_option)
        return netif_drop(nif, bad);
    /* RFC 1122 section 3.2.1.3: discard invalid sources silently. */
    if (!ip_is_host(ip.src) || ip.src == nif->ip || netif_is_broadcast(nif, ip.src))
        return netif_drop(nif, DROP_ip_source);
    if (ip.dst == IP_BROADCAST || ip_is_multicast(ip.dst) || netif_is_broadcast(nif, ip.dst))
        return netif_drop(nif, DROP_ip_broadcast);
    if (ip.dst != nif->ip || netif_is_silent(nif))
        return netif_drop(nif, DROP_ip_not_ours);
    arp_confirm(&nif->arp, ip.src, frame + ETH_SRC, nif->now_ns);
    /* RFC 1122 section 3.3.6: discard a unicast datagram inside a group frame. */
    if (mac_is_group(frame + ETH_DST))
        return netif_drop(nif, DROP_ip_link_group);
    if (bad != DROP_NONE) {
        if (ip.bad_byte != 0)
            error_by(nif, face, frame, ip.total_bytes,
                     (struct icmp_error){ICMP_PARAMETER, 0, (uint32_t)ip.bad_byte << 24});
        return netif_drop(nif, bad);
    }
    return ip.is_fragment ? fragment_input(nif, face, frame, &ip)
                          : frame_input(nif, face, frame, &ip);
}
