/* SPDX-License-Identifier: BSD-2-Clause
 * The quick way through the stack, for pings and datagrams to UDP services: a sum over unchanged data
 * is kept. What is not plain is left to netif_input's own functions, which answer and count plain
 * frames in the same way. Pure.
 *
 * net/lane/to_stack.c does the same for frames in receive buffers, where the card has verified most
 * sums, and calls quick_serve.
 */
#ifndef NET_STACK_QUICK_H
#define NET_STACK_QUICK_H

#include "net/stack/netif.h"

/* Handle the frame of `length` bytes in the core's memory (ETH_BUFFER bytes), as netif_input does.
 * `mac`: of the port that received it. If the frame is left, with nothing changed or counted, the fate
 * is FATE_FAST. */
struct outcome netif_quick(struct netif *nif, const uint8_t *mac, uint8_t *frame, uint32_t length);

/* A datagram to a service, whose checksum is right: header words as a little-endian machine loads
 * them. */
struct quick_request {
    const struct netif_binding *binding;
    uint64_t at_total;   /* total length, identification, fragment, TTL, protocol */
    uint64_t at_message; /* UDP header */
    uint32_t src;
};

/* Bytes of data that the service sees. */
static inline uint32_t quick_seen(const struct quick_request *r)
{
    uint32_t bytes = __builtin_bswap16((uint16_t)(r->at_message >> 32)) - UDP_BYTES;

    return MIN((r->binding->head_bytes + 1) & ~1u, bytes);
}

/* Call the service. `data`: the first quick_seen bytes of the data, with room for every answer. The
 * fate is FATE_SENT if there is an answer: `length` bytes of data, of which the first `changed` are at
 * `data` and the rest are the request's, behind at_message as its UDP header. Else the datagram is
 * counted. */
struct quick_served {
    struct outcome outcome;
    uint32_t changed;
    uint8_t ttl;
    uint64_t at_message;
};
struct quick_served quick_serve(struct netif *nif, const struct quick_request *r, uint8_t *data);

#endif
