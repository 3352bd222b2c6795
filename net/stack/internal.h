/* SPDX-License-Identifier: BSD-2-Clause
 * Shared by netif.c (Ethernet, VLAN, ARP, sending), netif_ip.c (IPv4 and the layers above it) and
 * addr.c (addresses). Pure.
 */
#ifndef NET_STACK_INTERNAL_H
#define NET_STACK_INTERNAL_H

#include "net/stack/eth.h"
#include "net/stack/netif.h"

static inline struct outcome netif_drop(struct netif *nif, enum drop why)
{
    nif->drops[why]++;
    return outcome_dropped(why);
}

static inline struct outcome netif_consume(struct netif *nif)
{
    nif->consumed++;
    return (struct outcome){0, FATE_CONSUMED};
}

/* `length` bytes in the frame's place go back. */
static inline struct outcome netif_answer(struct netif *nif, uint32_t length)
{
    nif->answered++;
    return (struct outcome){length, FATE_SENT};
}

/* The service of a port; NULL: none. */
static inline const struct netif_binding *netif_binding_of(const struct netif *nif, uint16_t port)
{
    const struct netif_binding *b = nif->bound[port % 64];

    if (b == NULL || __builtin_expect(b->port == port && b->service != NULL, 1))
        return b;
    for (b = nif->bindings; b != nif->bindings + NETIF_BINDINGS; b++)
        if (b->port == port && b->service != NULL) /* one with that remainder was bound later */
            return b;
    return NULL;
}

/* Would an answer to this port be answered, in an endless loop? A service of ours or a well-known one
 * may be there. */
static inline bool netif_udp_loops(const struct netif *nif, uint16_t port)
{
    return udp_port_would_loop(port) || netif_binding_of(nif, port) != NULL;
}

/* A service has returned `bytes`: why is no answer sent? DROP_NONE: it is, unless UDP_SILENT. */
static inline enum drop netif_udp_refusal(const struct netif *nif,
                                          const struct netif_binding *binding,
                                          const struct udp_datagram *datagram, uint32_t bytes)
{
    if (bytes == UDP_SILENT)
        return DROP_NONE;
    if (bytes == UDP_REFUSED)
        return DROP_udp_refused;
    if (bytes == UDP_LOOPS || netif_udp_loops(nif, datagram->src_port))
        return DROP_udp_loop;
    if (bytes > datagram->room || (bytes > binding->head_bytes && bytes != datagram->data_bytes))
        return DROP_udp_length; /* an error of the service */
    return DROP_NONE;
}

static inline uint64_t netif_clock(const struct netif *nif)
{
    return nif->clock != NULL ? nif->clock() : nif->now_ns;
}

/* The identification of the next datagram that we send. */
static inline uint16_t netif_ip_id(struct netif *nif)
{
    uint16_t id = nif->next_ip_id;

    nif->next_ip_id = (uint16_t)(id + nif->ip_id_step);
    return id;
}

/* The face of the stack's own port. */
static inline struct netif_face netif_own_face(const struct netif *nif)
{
    struct netif_face face = {.send_context = nif->send_context};

    memcpy(face.mac, nif->mac, 6);
    return face;
}

/* Handle an untagged frame of type IPv4, to us or to a group; otherwise as netif_input_by. */
struct outcome netif_ip_input(struct netif *nif, const struct netif_face *face, uint8_t *frame,
                              uint32_t length);

/* Drop datagrams that are incomplete after REASS_NS. */
void netif_expire(struct netif *nif);

/* Handle an ICMP redirect: gateway `from` says that frames for `dst` should go to gateway `to`. */
void netif_take_redirect(struct netif *nif, uint32_t from, uint32_t dst, uint32_t to);

/* Insert our VLAN's tag, if any, into a frame with room for it. Returns the new length. */
static inline uint32_t netif_tag(const struct netif *nif, uint8_t *frame, uint32_t length)
{
    if (nif->vlan == 0)
        return length;
    memmove(frame + ETH_TYPE + VLAN_BYTES, frame + ETH_TYPE, length - ETH_TYPE);
    wire_put16(frame + ETH_TYPE, ETH_VLAN);
    wire_put16(frame + ETH_BYTES, nif->vlan);
    return length + VLAN_BYTES;
}

/* Is it one of the two reserved addresses of our subnet? */
bool netif_is_broadcast(const struct netif *nif, uint32_t ip);

#endif
