/* SPDX-License-Identifier: BSD-2-Clause
 * app=forward: frames received by a port are sent by its partner, unchanged. Ports are paired, 0 with
 * 1, 2 with 3; a port without a partner, or whose partner has no working card, gets no lane.
 */
#include "net/app/app.h"
#include "net/lane/lane.h"

static LANE_FAST bool forward_frame(struct lane_app app, wire_frame_t frame, size_t length)
{
    (void)app, (void)frame, (void)length;
    return true;
}

/* Never called: the fast handler takes every frame. */
static struct outcome forward_slow(struct lane *lane, uint8_t *frame, uint32_t length)
{
    (void)lane, (void)frame;
    return (struct outcome){length, FATE_SENT};
}

LANE_LOOP(forward_poll, .fast = forward_frame, .slow = forward_slow, .length_least = FRAME_MIN)

/* For portN.mtu= above 2,000. */
LANE_LOOP(forward_long_poll, .fast = forward_frame, .slow = forward_slow, .length_least = FRAME_MIN,
          .slot_bytes = LONG_SLOT_BYTES)

static struct port *forward_output(struct port *in)
{
    return port_partner(in);
}

APP(forward) = {
    .name = "forward",
    .help = "port 0 to port 1 and back, every frame unchanged",
    .poll = forward_poll,
    .long_poll = forward_long_poll,
    .output = forward_output,
    .takes_everything = true,
};
