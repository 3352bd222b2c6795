/* SPDX-License-Identifier: BSD-2-Clause
 * Shared by app=generate and app=sink: the fast handler of a measuring port.
 */
#ifndef NET_APP_MEASURING_H
#define NET_APP_MEASURING_H

#include "net/lane/lane.h"
#include "net/lane/side.h"
#include "net/trial/measure.h"
#include "net/trial/receiver.h"

/* Required of the card: IPv4 and UDP, both checksums present and correct. Other frames go to the
 * slow handler. */
#define MEASURED_CHECKED (RX_UDPCS | RX_L4CS | RX_IPCS | RX_TCPE | RX_IPE)
#define MEASURED_WANTED  (RX_UDPCS | RX_L4CS | RX_IPCS)

static LANE_FAST void record_frame(struct stream *s, enum stream_verdict verdict,
                                   wire_frame_t frame, size_t length, uint64_t now_tsc,
                                   bool is_timed)
{
    uint64_t latency =
        is_timed ? wire_subtract64(probe_time(now_tsc), frame, PROBE_AT_TIME_WORD) : 0;

    stream_record(s, verdict, length, latency, is_timed);
}

/* A frame that is not the next of its flow, or while there are holes. Decides anew, from what it
 * loads. */
static __attribute__((noinline)) bool measure_other(struct stream *s, wire_frame_t frame,
                                                    size_t length, uint64_t now_tsc, bool is_timed)
{
    enum stream_verdict verdict =
        stream_place(s, wire_load64(frame, PROBE_AT_TAG), wire_load32(frame, PROBE_AT_NUMBER),
                     wire_load_be16(frame, PROBE_AT_PORT), now_tsc);

    if (verdict != STREAM_FOREIGN)
        record_frame(s, verdict, frame, length, now_tsc, is_timed);
    return verdict != STREAM_FOREIGN;
}

/* app.a: the stream. The time is read for each frame, since a burst takes longer than the accepted
 * error of a latency. */
static LANE_FAST bool measure_frame(struct lane_app app, wire_frame_t frame, size_t length,
                                    bool is_timed)
{
    struct stream *s = (struct stream *)(uintptr_t)app.a;
    uint64_t now_tsc = cpu_tsc();

    if (!stream_is_next(s, wire_load64(frame, PROBE_AT_TAG), wire_load32(frame, PROBE_AT_NUMBER),
                        wire_load_be16(frame, PROBE_AT_PORT), now_tsc))
        return measure_other(s, frame, length, now_tsc, is_timed);
    record_frame(s, STREAM_FIRST, frame, length, now_tsc, is_timed);
    return true;
}

static LANE_FAST void flush_answers(const struct lane *lane)
{
    sides_flush(lane->core);
}

#define MEASURING                                                                                  \
    .wide = receiver_wide, .slow = receiver_slow, .flush = flush_answers,                          \
    .status_checked = MEASURED_CHECKED, .status_wanted = MEASURED_WANTED,                          \
    .length_least = PROBE_BYTES, .is_sink = true

#endif
