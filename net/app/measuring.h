/* SPDX-License-Identifier: BSD-2-Clause
 * What app=generate and app=sink have in common: the fast handler of a port that measures.
 */
#ifndef NET_APP_MEASURING_H
#define NET_APP_MEASURING_H

#include "net/lane/lane.h"
#include "net/trial/measure.h"
#include "net/trial/receiver.h"

/* What the card has to have found: IPv4 and UDP, both checksums there and right. Without that the
 * slow handler looks. */
#define MEASURED_CHECKED (RX_UDPCS | RX_L4CS | RX_IPCS | RX_TCPE | RX_IPE)
#define MEASURED_WANTED (RX_UDPCS | RX_L4CS | RX_IPCS)

/* app.a: the stream. The time is read for each frame: a burst takes longer than a latency may be
 * wrong by. */
static LANE_FAST bool measure_frame(struct lane_app app, const uint8_t *frame, size_t length,
                                    bool is_timed)
{
    return stream_take((struct stream *)(uintptr_t)app.a, frame, length, cpu_tsc(), is_timed);
}

#define MEASURING                                                                                  \
    .slow = receiver_slow, .status_checked = MEASURED_CHECKED, .status_wanted = MEASURED_WANTED,   \
    .length_least = PROBE_BYTES, .is_sink = true

#endif
