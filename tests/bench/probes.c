/* SPDX-License-Identifier: BSD-2-Clause
 * See probes.h.
 */
#include "tests/bench/probes.h"

#include <stdio.h>
#include <string.h>

#include "boot/cmdline.h"
#include "net/lane/lane_control.h"
#include "net/trial/generator.h"
#include "net/trial/receiver.h"
#include "tests/bench/bar.h"
#include "tests/bench/traffic.h"
#include "tests/host/machine.h"

enum { FRAME_NS = 2000, FLOWS_A_CORE = 64 };

static bool is_sending;
static uint64_t out, wrong;
static uint32_t next[2][TRIAL_FLOWS_MAX];

/* ---- Receiving ---- */

void probes_receive(void)
{
    uint64_t tags[PORTS_MAX] = {0};

    for (unsigned i = 0; i < 2; i++)
        tags[i] = traffic_tag[i] = probe_tag(0x123456, i, 12);
    for (unsigned core = 0; core < lanes_cores; core++)
        receiver_reset(core, tags);
}

static const char *received_wrong(void)
{
    uint64_t frames = 0;

    for (unsigned i = 0; i < 2; i++) {
        struct reception r = receiver_report(i);
        if (r.count->lost || r.count->duplicates || r.count->reordered || r.count->beyond)
            return "the sink counts losses, duplicates or reordering that did not happen";
        if (latency_total(r.count) != stream_frames(r.count))
            return "the sink has not measured the latency of every frame";
        frames += stream_frames(r.count);
    }
    return frames == traffic_fed() ? NULL : "the sink has not counted every frame";
}

/* ---- Sending ---- */

static void check_sent_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    unsigned port = (unsigned)(uintptr_t)opaque;
    uint8_t copy[60], sum[2];
    uint64_t tag;
    uint32_t number, flow = ((uint32_t)frame[34] << 8 | frame[35]) - PROBE_PORT;

    out++;
    memcpy(copy, frame, sizeof(copy));
    memcpy(sum, frame + 40, 2);
    memset(copy + 40, 0, 2);
    traffic_checksum(copy + 40, copy + 26, 34, 17 + 26);
    if (!(copy[40] | copy[41])) /* zero would mean no checksum */
        memset(copy + 40, 0xFF, 2);
    memcpy(&tag, frame + PROBE_AT_TAG, 8);
    memcpy(&number, frame + PROBE_AT_NUMBER, 4);
    wrong += length != 60 || memcmp(copy + 40, sum, 2) != 0 || tag != generator_tag(port) ||
             flow >= TRIAL_FLOWS_MAX || number != next[port][flow % TRIAL_FLOWS_MAX]++;
}

static void set(const char *key, const char *value)
{
    const char *wanted;

    wrong += !generator_set(key, value, &wanted);
}

void probes_send(void)
{
    static struct cmdline line;
    const char *why = NULL;
    char text[24];

    is_sending = true;
    generator_configure(&line);
    sprintf(text, "%u", 1000000000 / FRAME_NS * lanes_cores);
    set("rate", text);
    sprintf(text, "%u", FLOWS_A_CORE * lanes_cores);
    set("flows", text);
    set("ports", "0,1");
    set("dstmac", "02:00:00:00:00:77");
    wrong += generator_request() || generator_poll(&why) || why;
    for (unsigned i = 0; i < 2; i++)
        machine_cards[i].on_frame = check_sent_frame;
}

/* Wait until midway between two frames, so that rounding does not change how many are due. */
void probes_round(unsigned burst)
{
    static uint64_t due;
    uint64_t began = generators[0].port[0].began_tsc, now = machine_now_ns();

    due += burst;
    uint64_t until = began + due * FRAME_NS - FRAME_NS / 2;
    if (until > now)
        machine_wait_ns(until - now);
    else
        wrong++;
}

uint64_t probes_sent(void)
{
    machine_wait_ns(10000000);
    return out;
}

const char *probes_wrong(void)
{
    if (!is_sending)
        return received_wrong();
    uint64_t made = 0;
    for (unsigned core = 0; core < lanes_cores; core++)
        for (unsigned i = 0; i < 2; i++)
            made += side_ledger(&lanes_feeds[i][core]).generated;
    if (made != probes_sent())
        return "the number of frames sent differs from the number generated";
    return wrong ? "frames came out wrong, or not when they were due" : NULL;
}
