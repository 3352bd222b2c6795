/* SPDX-License-Identifier: BSD-2-Clause
 * The UDP services that netif_bind can bind to a port. None of them uses its context. Pure.
 */
#ifndef NET_STACK_SERVICES_H
#define NET_STACK_SERVICES_H

#include "net/stack/udp.h"

udp_service udp_echo;    /* RFC 862: answers with the same data */
udp_service udp_discard; /* RFC 863: no answer */

/* A TWAMP-light reflector (RFC 5357, appendix I), unauthenticated mode: answers each test packet of
 * a sender with its times of arrival and departure and its content. There is no session: the
 * sequence number is the sender's. Time counts from our boot and is not synchronized, as the error
 * estimate says: round trips and the time spent here are exact, one-way delays are relative. */
udp_service udp_twamp;

#define TWAMP_SENDER_BYTES 14u /* sequence number, time stamp, error estimate; then padding */
#define TWAMP_BYTES        41u /* an answer without padding */

#endif
