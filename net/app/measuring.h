/* SPDX-License-Identifier: BSD-2-Clause
 * Shared by app=generate and app=sink: the fast handler of a measuring port.
 */
#ifndef NET_APP_MEASURING_H
#define NET_APP_MEASURING_H

#include "net/lane/lane.h"
#include "net/trial/measure.h"
#include "net/trial/receiver.h"

/* Required of the card: IPv4 and UDP, both checksums present and correct. Other frames go to the
 * slow handler. */
#define MEASURED_CHECKED (RX_UDPCS | RX_L4CS | RX_IPCS | RX_TCPE | RX_IPE)
#define MEASURED_WANTED  (RX_UDPCS | RX_L4CS | RX_IPCS)

/* app.a: the stream. The time is read for each frame, since a burst takes longer than the accepted
 * error of a latency. */
static LANE_FAST bool measure_frame(struct lane_app app, const uint8_t *frame, size_t length,
                                    bool is_timed)
{
    return stream_take((struct stream *)(uintptr_t)app.a, frame, length, cpu_tsc(), is_timed);
}

#define MEASURING                                                                                  \
    .slow = receiver_slow, .status_checked = MEASURED_CHECKED, .status_wanted = MEASURED_WANTED,   \
    .length_least = PROBE_BYTES, .is_sink = true

#endif
