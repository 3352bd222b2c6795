/* SPDX-License-Identifier: BSD-2-Clause
 * The control side and slow path of measuring; see receiver.h.
 */
#include "net/trial/receiver.h"

#include "arch/smp.h"
#include "arch/tsc.h"
#include "kernel/log/log.h"
#include "kernel/ask.h"
#include "kernel/memory/memory.h"
#include "kernel/slice.h"
#include "net/lane/lane_control.h"
#include "net/lane/to_stack.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "net/stack/udp.h"

#define SILENT_NS 1000000000ull /* a trial without frames for so long may be replaced */
enum { ANSWER_US = 50000 };

/* Per core; written only by that core. */
static struct receiver {
    struct stream *streams;   /* by receiving port */
    uint64_t tags[PORTS_MAX]; /* of our own trial, by sending port */
    /* Bytes of our own trial are all that the lane has received, less foreign frames and less
     * bytes_before, so that the loop does not count them. */
    const struct lane *lanes[PORTS_MAX];
    uint64_t foreign_bytes[PORTS_MAX], bytes_before[PORTS_MAX];
} __attribute__((aligned(CACHE_LINE_BYTES))) receivers[QUEUES_MAX];

/* A core's copy of one port's counts, made by that core; it outlives the call. */
struct copy {
    unsigned port; /* the request */
    uint32_t window;
    struct stream_count count;
};
static struct copy *copies;

static bool is_own;
static uint64_t silent_tsc;

bool receivers_open(bool own)
{
    is_own = own;
    silent_tsc = tsc_ticks(SILENT_NS);
    copies = memory_alloc(lanes_cores * sizeof(struct copy), PAGE_BYTES);
    for (unsigned core = 0; copies && core < lanes_cores; core++) {
        receivers[core].streams = memory_alloc(ports_n * sizeof(struct stream) + 1, PAGE_BYTES);
        if (!receivers[core].streams)
            copies = NULL;
    }
    if (!copies)
        log_error("no memory for measuring: %u KiB per core and port",
                  (unsigned)sizeof(struct stream) / 1024);
    return copies != NULL;
}

void receiver_start(struct lane *lane)
{
    lane->app.a = (uintptr_t)&receivers[lane->core].streams[lane->in->index];
    receivers[lane->core].lanes[lane->in->index] = lane;
}

static uint64_t bytes_of_trials(const struct receiver *r, unsigned port)
{
    return r->lanes[port] ? r->lanes[port]->count.rx_bytes - r->foreign_bytes[port] : 0;
}

void receiver_reset(unsigned core, const uint64_t tags[PORTS_MAX])
{
    for (unsigned i = 0; i < PORTS_MAX; i++)
        receivers[core].tags[i] = tags[i];
    for (unsigned i = 0; i < ports_n; i++) {
        stream_reset(&receivers[core].streams[i], 0);
        receivers[core].bytes_before[i] = bytes_of_trials(&receivers[core], i);
    }
}

static void clear(void *context)
{
    static const uint64_t no_tags[PORTS_MAX];

    receiver_reset((unsigned)((struct receiver *)context - receivers), no_tags);
}

unsigned receivers_clear(void)
{
    if (!copies)
        return 0;
    struct ask ask = ask_cores(0, lanes_cores,
                               &(struct question){.run = clear,
                                                  .contexts = receivers,
                                                  .bytes = sizeof(receivers[0]),
                                                  .max_us = ANSWER_US});
    return ask.silent_n + ask.absent_n;
}

/* ---- Slow path ---- */

/* Switch the stream to the trial of this tag, if it may be replaced. False: it may not. */
static bool adopt(const struct lane *lane, struct stream *s, uint64_t tag, uint64_t now_tsc)
{
    const struct receiver *r = &receivers[lane->core];

    if (is_own) {
        if (s->count.tag != 0 || tag != r->tags[probe_sender(tag) % PORTS_MAX])
            return false;
    } else if (s->count.tag != 0 && now_tsc - s->count.last_tsc < silent_tsc) {
        return false;
    }
    stream_reset(s, tag);
    s->count.first_tsc = now_tsc;
    return true;
}

/* DROP_NONE: the IPv4 and UDP headers are valid and their checksums correct. */
static enum drop validate(uint8_t *frame, uint32_t length)
{
    struct ip_view ip;
    struct udp_datagram datagram;
    enum drop bad = ip_parse(frame + ETH_BYTES, length - ETH_BYTES, &ip);

    return bad != DROP_NONE ? bad
                            : udp_parse(frame + ETH_BYTES + IP_BYTES, ip.total_bytes - IP_BYTES,
                                        ip.src, ip.dst, &datagram);
}

struct outcome receiver_slow(struct lane *lane, uint8_t *frame, uint32_t received)
{
    uint64_t *foreign = &receivers[lane->core].foreign_bytes[lane->in->index];
    uint32_t length = eth_strip_priority(frame, received);
    enum drop bad = DROP_eth_other;

    *foreign += received - length; /* a probe counts as it was sent */
    if (probe_is(frame, length) && (bad = validate(frame, length)) == DROP_NONE) {
        struct stream *s = (struct stream *)(uintptr_t)lane->app.a;
        uint64_t tag = load64(frame + PROBE_AT_TAG), now_tsc = cpu_tsc();
        if ((tag == s->count.tag || adopt(lane, s, tag, now_tsc)) &&
            stream_take(s, frame, length, now_tsc, is_own)) {
            return lane_consume(lane);
        }
        *foreign += length;
        return lane_drop(lane, DROP_trial_other);
    }
    *foreign += length;
    if (!lane->netif)
        return lane_drop(lane, bad);
    struct outcome answer = netif_input(lane->netif, frame, length);
    if (answer.length == 0)
        return answer;
    (void)side_send(lane->in, frame,
                    answer.length); /* a lane that is a sink sends nothing itself */
    return lane_consume(lane);
}

struct outcome receiver_wide(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    uint64_t *foreign = &receivers[lane->core].foreign_bytes[lane->in->index];

    if (!lane->netif || probe_is_tag(wire_load64(frame, PROBE_AT_TAG)))
        return (struct outcome){0, FATE_FAST};
    struct outcome outcome = to_stack_by_side(lane, frame, checked);
    if (outcome.fate != FATE_FAST)
        *foreign += checked & RX_LENGTH;
    return outcome;
}

/* ---- Report to core 0 ---- */

static void copy_out(void *context)
{
    struct copy *copy = context;
    const struct receiver *r = &receivers[copy - copies];
    const struct stream *s = &r->streams[copy->port];

    copy->count = s->count;
    /* To core 0's TSC, so that the times of several cores can be compared. */
    copy->count.last_tsc -= (uint64_t)cpu_this()->tsc_skew;
    if (copy->count.first_tsc)
        copy->count.first_tsc -= (uint64_t)cpu_this()->tsc_skew;
    if (is_own && s->count.tag != 0)
        copy->count.bytes = bytes_of_trials(r, copy->port) - r->bytes_before[copy->port];
    copy->window = s->window;
}

struct reception receiver_report(unsigned port)
{
    struct reception r = {.is_own = is_own};
    static struct stream_count total;
    struct stream_count *sum = &total;
    uint64_t last_tsc = 0;

    *sum = (struct stream_count){0};
    r.count = sum;
    if (!copies)
        return r;      /* no memory for measuring */
    (void)slice_end(); /* each histogram takes a slice */
    struct ask ask = ask_cores(0, lanes_cores,
                               &(struct question){.run = copy_out,
                                                  .contexts = copies,
                                                  .bytes = sizeof(copies[0]),
                                                  .request = &port,
                                                  .request_bytes = sizeof(port),
                                                  .max_us = ANSWER_US});
    r.cores_silent = ask.silent_n + ask.absent_n;
    /* Cores may have adopted different trials: the one received last is reported. */
    for (unsigned core = 0; core < lanes_cores; core++) {
        const struct copy *copy = &copies[core];
        if ((ask.answered & BIT64(core)) && copy->count.tag != 0 &&
            copy->count.last_tsc >= last_tsc) {
            last_tsc = copy->count.last_tsc;
            sum->tag = copy->count.tag;
            r.window = copy->window;
        }
    }
    for (unsigned core = 0; core < lanes_cores; core++)
        if ((ask.answered & BIT64(core)) && sum->tag != 0 && copies[core].count.tag == sum->tag) {
            (void)slice_end();
            stream_add(sum, &copies[core].count);
        }
    (void)slice_end();
    return r;
}
