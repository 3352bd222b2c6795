/* SPDX-License-Identifier: BSD-2-Clause
 * The UDP services that netif_bind can bind to a port. Only udp_twamp uses its context. Pure.
 */
#ifndef NET_STACK_SERVICES_H
#define NET_STACK_SERVICES_H

#include "net/stack/udp.h"

udp_service udp_echo;    /* RFC 862: answers with the same data */
udp_service udp_discard; /* RFC 863: no answer */

/* A TWAMP-light reflector (RFC 5357, appendix I), unauthenticated mode: answers each test packet of
 * a sender with its times of arrival and departure and its content. There is no session: the
 * sequence number is the sender's. Time counts from our boot and is not synchronized, as the error
 * estimate says: round trips and the time spent here are exact, one-way delays are relative.
 *
 * Two reflectors do not answer each other for ever, whatever their ports: the other one's answer to an
 * answer of ours has our time stamp where a sender's belongs, and is not answered (UDP_LOOPS); nor is
 * our own answer that an echo service returns unchanged.
 *
 * The context is a struct twamp_senders; NULL: any source is answered. */
udp_service udp_twamp;

/* Sources that are answered; all others are refused. */
#define TWAMP_SENDERS_MAX 16u
struct twamp_senders {
    unsigned n;
    struct {
        uint32_t ip, mask;
    } net[TWAMP_SENDERS_MAX];
};

#define TWAMP_SENDER_BYTES 14u /* sequence number, time stamp, error estimate; then padding */
#define TWAMP_BYTES        41u /* an answer without padding */

#endif
