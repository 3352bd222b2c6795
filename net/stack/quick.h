/* SPDX-License-Identifier: BSD-2-Clause
 * The quick way through the stack: pings, and datagrams to UDP services. It decides on the start of
 * a frame, works on a copy of it, and leaves the rest where it is; a sum that the card has verified
 * is not computed again, and a sum over unchanged data is kept. All that is not plain is left to
 * netif_input, which answers and counts plain frames exactly as this does. Pure.
 */
#ifndef NET_STACK_QUICK_H
#define NET_STACK_QUICK_H

#include "net/stack/netif.h"

/* Bytes of a longer frame that should be present: a TWAMP packet's own, or a ping of 64 bytes. */
#define QUICK_BYTES 128u

struct quick {
    uint8_t *frame;   /* ETH_BUFFER bytes of the core's own memory */
    uint32_t length;  /* of the received frame, which has no tag */
    uint32_t present; /* bytes of it in `frame`: all, or an even number from ETH_MIN on */
    uint32_t checked; /* NETIF_IP_CHECKED, NETIF_UDP_CHECKED */
    uint32_t
        changed; /* of an answer: beyond these first bytes of `frame`, the received ones stay */
    /* The partial sum (net/stack/csum.h) of the n bytes at `at` of the frame, at or behind `present`,
     * each of which is looked at once. Not called if all bytes are present. */
    uint32_t (*sum)(const void *rest, uint32_t at, uint32_t n);
    const void *rest;
};

/* Handle the frame, for a stack whose port's MAC address is `mac`: the result is netif_input's. Or
 * leave it to that, with nothing changed or counted: the fate is FATE_FAST. */
struct outcome netif_quick(struct netif *nif, const uint8_t *mac, struct quick *quick);

#endif
