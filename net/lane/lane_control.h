/* SPDX-License-Identifier: BSD-2-Clause
 * Lanes and side queues from outside of the loop: opening, stopping, looking after them, sending by a
 * side queue, and what the ledger and the taps see. In net/lane/lane.c.
 */
#ifndef NET_LANE_LANE_CONTROL_H
#define NET_LANE_LANE_CONTROL_H

#include "net/lane/lane.h"

/* Take memory for the lane, show it to the cards (buffers: in writes, out reads; ring: in both, out
 * reads; head word: out writes), start both queues `core`; receive alone where out has no link. out
 * NULL: a sink, see ring.h. Boot CPU, before that core's loop. */
enum err lane_open(struct lane *lane, struct port *in, struct port *out, unsigned core) MUST_CHECK;
/* The same for a port's side queue of that core. */
enum err side_open(struct port *port, unsigned core) MUST_CHECK;
/* Take memory for a feed of each core on every port. Boot CPU, before any lane. */
enum err feeds_open(void) MUST_CHECK;
/* Give a feed a ring of `slots` (a multiple of 8, up to LANE_SLOTS): what is queued goes out, then
 * fill writes each frame into its slot (0..slots-1) and returns its length. It runs again if the
 * port has a link, else as soon as it has. Core `core`. ERR_BUSY: the queue did not stop. */
enum err feed_fill(struct port *port, unsigned core, uint32_t slots,
                   uint32_t (*fill)(void *context, uint32_t slot, uint8_t *frame),
                   void *context) MUST_CHECK;
/* The card's head word is now `head`: how many frames it has finished since; more than there are if
 * it makes no sense. */
static inline uint32_t side_finished(const struct side *side, uint32_t head)
{
    uint32_t finished = head - side->done_at;

    if (head >= side->slots)
        return UINT32_MAX;
    return head >= side->done_at ? finished : finished + side->slots;
}
/* Take them up. Bounded: what does not make sense is counted and ignored. Owner core. */
static inline void side_collect(struct side *side, uint32_t head)
{
    uint32_t finished = side_finished(side, head);

    if (finished > side->next - side->done) {
        side->head_bad++;
        return;
    }
    side->done += finished;
    side->done_at = head;
}

/* Copy `length` (FRAME_MIN..FRAME_MAX) bytes to the port's side queue of this core and send them.
 * Never waits; the caller keeps the frame. Any core, its own queue. false: dropped and counted. The
 * frame counts as generated either way. */
bool side_send(struct port *port, const uint8_t *frame, uint32_t length);

/* Look after lanes and side queues: link changes, lanes whose output is stuck; once a second, the
 * counters of the cards. What concerns another core's lane is done by that core, at core 0's request.
 * Core 0, between bursts, about ten times a second. */
void lanes_service(uint64_t now_ns);
/* Receive on this core's draining lanes (their output has no link): frames are counted and dropped,
 * unless the application's slow handler, told by lanes_drain_by before any lane runs, finds another
 * use for them. Returns how many. */
uint32_t lanes_drain(unsigned core);
void lanes_drain_by(lane_slow *slow);
/* The same for one lane, which may be in any state. */
uint32_t lane_drain(struct lane *lane);
/* Collect what the outputs of this core's lanes have finished; every so often, see struct row. */
void lanes_collect(unsigned core);
/* Why all of a core's rounds must be long: one for each of its lanes that drains, and for whatever
 * else is rare and would cost the loop a test of its own. A change is seen in the next long round.
 * The owner core alone writes it. */
struct extras {
    uint32_t n;
    /* For whoever traces frames (net/lane/capture.c); NULL: nobody does. What became of each that
     * left the fast way: in slot i of its ring, notes[i % LANE_BURST]. And a call for each frame
     * that leaves by a side queue. */
    struct lane_note *notes;
    void (*side_sent)(const struct port *port, const uint8_t *frame, uint32_t length);
} __attribute__((aligned(CACHE_LINE_BYTES)));
struct lane_note {
    uint16_t length; /* as it came */
    uint16_t sent;   /* bytes handed to the output card; 0: none */
    uint16_t fate;   /* enum fate; FATE_FAST: nothing was noted */
};
extern struct extras lanes_extras[QUEUES_MAX];

/* The console's `stop`: no lane receives any more; what had come in is handled by `poll`, the
 * application's, and goes out first. Where an output sends nothing it is a drop, by name. The
 * console's `start`: lanes run again as the links allow. Core 0, between bursts. */
void lanes_stop(lane_poll *poll);
void lanes_start(void);
bool lanes_are_stopped(void);
/* Before a core sleeps: has something come in since its last look? And does a card still hold
 * frames of ours, of which no interrupt will tell? */
bool lanes_have_work(unsigned core);
bool lanes_are_in_flight(unsigned core);
/* Reset the port's card and restart every lane and side queue that touches it; what was in their
 * hands is counted as drops. The port stays down if the card does not come back. Core 0. */
enum err port_restart(struct port *port);
/* Take the port out of service until port_restart, and say why: its queues are stopped, what was in
 * their hands is counted as drops, its link is dropped, lanes that lead to it drain. */
void port_take_down(struct port *port, const char *why);

/* The ledger's view of a lane; exact when the owner core is not in a burst. */
struct lane_ledger {
    uint64_t received; /* frames taken from the card; the others but `waiting` add up to it */
    uint64_t sent;     /* frames that the output card has finished */
    uint64_t held;     /* frames handed to the output card and not finished */
    uint64_t waiting;  /* frames that the input card has written and nobody has looked at */
    uint64_t consumed, dropped;
    uint64_t tx_bytes; /* handed to the output card */
};
/* On the owner core, or before its loop runs. */
struct lane_ledger lane_ledger(const struct lane *lane);
struct side_ledger {
    uint64_t generated, sent, held, dropped;
};
struct side_ledger side_ledger(const struct side *side);

#endif
