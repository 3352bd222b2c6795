/* SPDX-License-Identifier: BSD-2-Clause
 * Control lanes; see control.h.
 */
#include "net/lane/control.h"

#include "arch/image.h"
#include "kernel/log/log.h"
#include "net/lane/capture.h"
#include "net/stack/netif.h"

static READ_MOSTLY lane_slow *control_handler;

/* All of them, as a poll takes them. */
static READ_MOSTLY struct core_lanes control_lanes;

static LANE_FAST bool control_frame(struct lane_app app, wire_frame_t frame, size_t length)
{
    (void)app, (void)frame, (void)length;
    return false;
}

/* An answer is another frame, sent by the side queue; the received one is consumed. */
static struct outcome control_slow(struct lane *lane, uint8_t *frame, uint32_t length)
{
    struct outcome answer = control_handler(lane, frame, length);

    if (answer.length == 0)
        return answer;
    (void)side_send(lane->in, frame, answer.length); /* a loss is counted there */
    return lane_consume(lane);
}

static lane_poll control_lanes_poll;
LANE_LOOP(control_lanes_poll, .fast = control_frame, .slow = control_slow,
          .length_least = FRAME_MIN, .is_sink = true)

struct outcome control_to_stack(struct lane *lane, uint8_t *frame, uint32_t length)
{
    return netif_input(lane->netif, frame, length);
}

void control_open(struct port *port, lane_slow *handler)
{
    struct lane *lane = &lanes[lanes_total()];
    bool is_open = lane_open(lane, port, NULL, 0, CONTROL_QUEUE) == OK;

    if (!is_open && !lane->ring) {
        *lane = (struct lane){0};
        log_warn("port%u: no memory for a receive queue of its own for ARP: it shares queue 0",
                 port->index);
        return;
    }
    control_handler = handler;
    lane->netif = port->netif ? &port->netif[0] : NULL;
    lane->poll = control_lanes_poll;
    lanes_control_n++;
    control_lanes = (struct core_lanes){.first = &lanes[lanes_n], .end = &lanes[lanes_total()]};
    /* The queue runs already: no frame is sent to one that does not. */
    port->ops->set_control_queue(port, true);
}

uint32_t control_poll(void)
{
    uint32_t n = 0;

    if (lanes_control_n == 0)
        return 0;
    if (!capture_is_on(0))
        return control_lanes_poll(&control_lanes);
    for (struct lane *lane = control_lanes.first; lane != control_lanes.end; lane++) {
        capture_before(lane);
        n += control_lanes_poll(&(struct core_lanes){.first = lane, .end = lane + 1});
        capture_after(lane);
    }
    return n;
}
