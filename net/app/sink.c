/* SPDX-License-Identifier: BSD-2-Clause
 * app=sink: every port takes the frames of a generator elsewhere (app=generate on another machine),
 * and answers none of them. Loss, order and duplicates are those of net/trial/measure.h; the time
 * of the way cannot be told, for the sender's clock is another.
 */
#include "net/app/app.h"
#include "net/app/measuring.h"

static LANE_FAST bool sink_frame(struct lane_app app, uint8_t *frame, size_t length)
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
    .help = "take and measure what a generator elsewhere sends",
    .poll = sink_poll,
    .prepare = sink_prepare,
    .output = sink_output,
    .start = receiver_start,
    .is_sink = true,
};
