/* SPDX-License-Identifier: BSD-2-Clause
 * What netif.c (Ethernet, VLAN, ARP, what we send of ourselves), netif_ip.c (IPv4 and what is in it)
 * and addr.c (below both) share. Pure.
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

static inline uint64_t netif_clock(const struct netif *nif)
{
    return nif->clock != NULL ? nif->clock() : nif->now_ns;
}

/* The port's own. */
static inline struct netif_face netif_own_face(const struct netif *nif)
{
    struct netif_face face = {.send_context = nif->send_context};

    memcpy(face.mac, nif->mac, 6);
    return face;
}

/* An untagged frame of type IPv4, to us or to a group; as netif_input_by. */
struct outcome netif_ip_input(struct netif *nif, const struct netif_face *face, uint8_t *frame,
                              uint32_t length);

/* Give up datagrams whose fragments did not all come in time. */
void netif_expire(struct netif *nif);

/* `from` has redirected what we sent to `dst` to another gateway, `to`. */
void netif_take_redirect(struct netif *nif, uint32_t from, uint32_t dst, uint32_t to);

/* Put our VLAN's tag into a frame, which has room for it; its length then. */
static inline uint32_t netif_tag(const struct netif *nif, uint8_t *frame, uint32_t length)
{
    if (nif->vlan == 0)
        return length;
    memmove(frame + ETH_TYPE + VLAN_BYTES, frame + ETH_TYPE, length - ETH_TYPE);
    wire_put16(frame + ETH_TYPE, ETH_VLAN);
    wire_put16(frame + ETH_BYTES, nif->vlan);
    return length + VLAN_BYTES;
}

/* Is it one of the two addresses of our net that are no host's? */
bool netif_is_broadcast(const struct netif *nif, uint32_t ip);

#endif
