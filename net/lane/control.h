/* SPDX-License-Identifier: BSD-2-Clause
 * Control lanes: ARP frames of a port that has an address come by a receive queue of their own
 * (CONTROL_QUEUE in drivers/nic.h), since neighbours are lost when ARP is: frames that the slow path
 * takes (RSS puts all without a TCP or UDP port in queue 0) may fill that queue at any rate, and
 * cost no ARP frame.
 *
 * A control lane is a sink: its slots go back to the card at once, and answers leave by core 0's
 * side queue. Core 0's loop polls it in every round, outside of run_round, which is the same on all
 * cores; so between two polls lie at most one burst of each of core 0's lanes, one run_service_step and
 * a bounded part of the console's work, while LANE_SLOTS - 1 ARP frames find room.
 */
#ifndef NET_LANE_CONTROL_H
#define NET_LANE_CONTROL_H

#include "net/lane/lane_control.h"

/* Open the port's control lane, whose frames go to `handler` with lane->netif set, and switch the
 * card's filter on. Without memory, after one log line, ARP shares queue 0 with all other frames.
 * Boot CPU, after all other lanes: these come first if memory is short. */
void control_open(struct port *port, lane_slow *handler);
/* A burst of each control lane. Returns the number of frames handled. Core 0. */
uint32_t control_poll(void);
/* A handler: the port's stack takes the frame. */
lane_slow control_to_stack;

#endif
