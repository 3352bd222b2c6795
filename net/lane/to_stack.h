/* SPDX-License-Identifier: BSD-2-Clause
 * A wide handler for applications whose ports have addresses: pings and datagrams to UDP services take
 * the quick way of the port's stack (net/stack/quick.h), in place.
 */
#ifndef NET_LANE_TO_STACK_H
#define NET_LANE_TO_STACK_H

#include "net/lane/lane.h"

/* Handle a frame to lane->netif, which has an address. FATE_SENT: the answer stands in the frame's
 * place, and is to leave by lane->in. FATE_FAST: left to the slow handler, with nothing changed or
 * counted. */
lane_wide to_stack;

/* The same for a lane that leads elsewhere, or nowhere: the answer is copied to the side queue of
 * lane->in, and the lane has consumed the frame. The application's `flush` calls sides_flush. */
lane_wide to_stack_by_side;

#endif
