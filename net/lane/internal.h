/* SPDX-License-Identifier: BSD-2-Clause
 * What lane.c, side.c and supervise.c share. A core's lanes and side queues are started and stopped
 * by that core, or at boot.
 */
#ifndef NET_LANE_INTERNAL_H
#define NET_LANE_INTERNAL_H

#include "net/lane/lane_control.h"

enum { HEAD_BYTES = 16 }; /* a head word, alone in its 16 bytes */

/* Can the port send? */
static inline bool port_is_usable(const struct port *port)
{
    return port->link_is_up && !port->is_down && !port->is_gone;
}

/* The first lane of a core; that of core + 1 is the end. */
static inline struct lane *lanes_of(unsigned core)
{
    return &lanes[core * lanes_per_core];
}

/* Lane i of a core: on core 0 first the control lanes; then those that run_round polls. NULL past
 * the last. */
static inline struct lane *lane_at(unsigned core, unsigned i)
{
    unsigned control_n = core == 0 ? lanes_control_n : 0;

    if (i < control_n)
        return &lanes[lanes_n + i];
    return i - control_n < lanes_per_core ? lanes_of(core) + (i - control_n) : NULL;
}

/* Start the queues of a stopped lane: both, or only receive where the output has no link. NULL, or
 * the port whose queue did not start. */
struct port *lane_start(struct lane *lane);
/* Stop the lane's queues and count the frames they held as drops. With `finish` (the application's
 * poll), frames already received are handled first. Returns NULL, or the port whose queue did not
 * stop: only a reset then keeps the card from the lane's memory. */
struct port *lane_stop(struct lane *lane, enum drop why, lane_poll *finish);

/* Start the queue if the port can send. Returns false if it did not start. */
bool side_start(struct port *port, struct side *side);
/* Stop it; frames it held are counted as drops. Returns false if it did not stop. */
bool side_stop(struct port *port, struct side *side, enum drop why);

/* Is the lane's next descriptor not done although one of the LANE_GROUP - 1 behind it is? A lane
 * waits for it. Any core, as a hint while the owner runs. */
bool lane_is_overtaken(const struct lane *lane);

/* May lanes run, or not (the console's `stop`)? Core 0. */
void lanes_set_stopped(bool stopped);

/* A queue did not start, even after a reset: the port is out of service. */
void port_give_up(struct port *port);

#endif
