/* SPDX-License-Identifier: BSD-2-Clause
 * app=generate: sends paced load from some ports and measures the frames that return on all ports,
 * so that one machine on both sides of a device under test runs an RFC 2544 trial.
 *
 * The feed's buffers hold prepared frames (net/trial/probe.h); a burst stores only the fields that
 * differ between frames, and writes the tail once. The number of frames due is the time multiplied
 * by the rate, without division and without drift. All frames of a burst carry the same time stamp,
 * that of their hand-over to the card.
 */
#include "net/app/app.h"
#include "net/app/measuring.h"
#include "net/lane/control.h"
#include "net/run.h"
#include "net/trial/generator.h"

/* ---- Receiving ---- */

static LANE_FAST bool returned_frame(struct lane_app app, wire_frame_t frame, size_t length)
{
    return measure_frame(app, frame, length, true);
}

/* If inlined, generate_poll would save registers in idle rounds, too. */
__attribute__((noinline)) lane_poll returned_poll;
LANE_LOOP(returned_poll, .fast = returned_frame, MEASURING)

/* ---- Sending ---- */

/* Make n frames from the feed's current slot on, not beyond its end. */
static LANE_FAST void make_frames(struct generator *g, uint32_t n, uint64_t now_tsc)
{
    struct side *feed = g->feed;
    struct descriptor *slot = feed->ring + feed->at, *end = slot + n;
    uint8_t *frame = side_frame(feed, feed->at);
    const uint64_t time = probe_time(now_tsc);
    const uint32_t first = g->port_first, last = g->port_end;
    uint32_t port = g->port, number = g->number;
    uint32_t sum = probe_sum(g->sum + (time >> PROBE_TICK) + number);

    do {
        /* Swapped, the upper half is a port in network byte order. */
        probe_stamp(frame, time, number, __builtin_bswap32(port), sum);
        slot->word &= ~TX_RS; /* left from its last use */
        frame += SLOT_STRIDE;
        slot++;
        if ((port += 1 << 16) == last) { /* each flow has sent this number */
            port = first;
            number++;
            sum = sum + 1 == 0xFFFF ? 0 : sum + 1;
        }
    } while (slot != end);
    dma_store64(&slot[-1].word, dma_load64(&slot[-1].word) | TX_RS); /* write the head back */
    g->port = port;
    g->number = number;
}

static __attribute__((noinline)) uint32_t generate_burst(struct generators *mine,
                                                         struct generator *g, uint64_t now_tsc)
{
    struct side *feed = g->feed;
    uint64_t since_tsc = now_tsc - g->began_tsc;

    if ((int64_t)since_tsc < 0)
        return 0;
    if (__builtin_expect(now_tsc > g->end_tsc, 0)) {
        generator_end(mine, g);
        return 0;
    }
    uint64_t owed = (uint64_t)((unsigned __int128)since_tsc * g->per_tick >> 64) + 1 - g->made;
    uint64_t left = g->wanted - g->made, n = MIN(g->quantum, left);
    if ((int64_t)(owed - n) < 0)
        return 0; /* wait until a full quantum is due */
    if (__builtin_expect(owed > GENERATOR_BACKLOG, 0))
        generator_skip(g, owed); /* at least one burst stays due */
    n = MIN(owed, left);
    uint32_t head = dma_load32(feed->head);
    if (head != feed->done_at)
        side_collect(feed, head);
    uint32_t room = feed->slots - 1 - (uint32_t)(feed->next - feed->done);
    n = MIN(n, MIN(MIN(room, LANE_BURST), feed->slots - feed->at));
    if (__builtin_expect(n == 0 || !feed->is_running, 0))
        return 0;

    make_frames(g, (uint32_t)n, now_tsc);
    feed->at = feed->at + n == feed->slots ? 0 : feed->at + (uint32_t)n;
    feed->next += n;
    feed->generated += n;
    mmio_write32(feed->tdt, 0, feed->at);
    g->last_tsc = now_tsc;
    g->made += n;
    if (__builtin_expect(n == left, 0))
        generator_end(mine, g);
    return (uint32_t)n;
}

uint32_t generate_poll(const struct core_lanes *own)
{
    struct generators *mine = &generators[own->core];

    if (mine->n_on == 0)
        return returned_poll(own);
    uint32_t n = returned_poll(own);
    uint64_t now_tsc = cpu_tsc();
    const struct generator *last = mine->port + ports_n;
    for (struct generator *g = mine->port; g != last; g++)
        if (g->is_on)
            n += generate_burst(mine, g, now_tsc);
    return n;
}

/* ---- The application ---- */

static bool has_memory;

static void generate_prepare(void)
{
    has_memory = receivers_open(true) && feeds_open() == OK;
}

static struct port *generate_output(struct port *in)
{
    return has_memory ? in : NULL;
}

APP(generate) = {
    .name = "generate",
    .help = "send paced load, and measure the frames that return",
    .poll = generate_poll,
    .control = control_to_stack,
    .configure = generator_configure,
    .prepare = generate_prepare,
    .output = generate_output,
    .start = receiver_start,
    .is_sink = true,
    .service = generator_service,
    .idle_ns = generator_idle_ns,
    .command_start = trial_start,
    .command_stop = trial_stop,
};
