/* SPDX-License-Identifier: BSD-2-Clause
 * app=sink: every port receives and measures the frames of a generator (app=generate) on another
 * machine. Loss, order and duplicates are defined in net/trial/measure.h; there is no latency,
 * since the sender's clock is not ours.
 */
#include "net/app/app.h"
#include "net/app/measuring.h"
#include "net/lane/control.h"

static LANE_FAST bool sink_frame(struct lane_app app, wire_frame_t frame, size_t length)
{
    return measure_frame(app, frame, length, false);
}

LANE_LOOP(sink_poll, .fast = sink_frame, MEASURING)

static bool has_streams;

static void sink_prepare(void)
{
    has_streams = receivers_open(false);
}

static struct port *sink_output(struct port *in)
{
    return has_streams ? in : NULL;
}

APP(sink) = {
    .name = "sink",
    .help = "receive and measure the frames of a generator elsewhere",
    .poll = sink_poll,
    .control = control_to_stack,
    .prepare = sink_prepare,
    .output = sink_output,
    .start = receiver_start,
    .is_sink = true,
};
