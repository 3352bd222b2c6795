/* SPDX-License-Identifier: BSD-2-Clause
 * What a UDP port can be bound to (netif_bind). Pure. None of them uses its context.
 */
#ifndef NET_STACK_SERVICES_H
#define NET_STACK_SERVICES_H

#include "net/stack/udp.h"

udp_service udp_echo;    /* RFC 862: what came goes back */
udp_service udp_discard; /* RFC 863: nothing goes back */

/* A TWAMP-light reflector (RFC 5357, appendix I), unauthenticated mode: answers each test packet of
 * a sender with when it came, when it left, and what was in it. It keeps no session: the sequence
 * number is the sender's. Time runs from our start and is synchronized with nobody's, as the error
 * estimate says: round trips and the time spent here are right, one-way delays are relative. */
udp_service udp_twamp;

#define TWAMP_SENDER_BYTES 14u /* sequence number, time stamp, error estimate; then padding */
#define TWAMP_BYTES        41u /* an answer without padding */

#endif
