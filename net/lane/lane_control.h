/* SPDX-License-Identifier: BSD-2-Clause
 * Lanes and side queues outside the data path: opening, starting, stopping and supervising them,
 * sending by a side queue, and what the ledger and the taps read. Implemented in lane.c,
 * side.c and supervise.c of this folder.
 */
#ifndef NET_LANE_LANE_CONTROL_H
#define NET_LANE_LANE_CONTROL_H

#include "net/lane/lane.h"

/* Allocate the lane's memory, grant the cards access (buffers: `in` writes, `out` reads; ring: `in`
 * reads and writes, `out` reads; head word: `out` writes) and start queue `queue` of both (that of
 * the core, or CONTROL_QUEUE); only receive if `out` has no link. `out` NULL: a sink, see ring.h.
 * Boot CPU, before that core's loop. After an error lane->ring is NULL if the lane has no memory; `in`
 * is then down, unless it was a control lane's. */
enum err lane_open(struct lane *lane, struct port *in, struct port *out, unsigned core,
                   unsigned queue) MUST_CHECK;
/* The same for a port's side queue of that core, of SIDE_SLOTS or SIDE_DEEP slots. If memory for
 * SIDE_DEEP is short it has SIDE_SLOTS, and a line is logged. */
enum err side_open(struct port *port, unsigned core, uint32_t slots) MUST_CHECK;
/* Allocate a feed for each core on every port. Boot CPU, before any lane. */
enum err feeds_open(void) MUST_CHECK;
/* Set a feed's ring to `slots` (a multiple of 8, up to LANE_SLOTS). Queued frames are sent first;
 * then `fill` writes the frame of each slot (0..slots-1) and returns its length. The feed restarts
 * at once, or when the port has a link. Core `core`. ERR_BUSY: the queue did not stop. */
enum err feed_fill(struct port *port, unsigned core, uint32_t slots,
                   uint32_t (*fill)(void *context, uint32_t slot, uint8_t *frame),
                   void *context) MUST_CHECK;
/* The number of frames that the card has finished since side->done_at, given its head word `head`;
 * more than are queued if `head` is invalid. */
static inline uint32_t side_finished(const struct side *side, uint32_t head)
{
    uint32_t finished = head - side->done_at;

    if (head >= side->slots)
        return UINT32_MAX;
    return head >= side->done_at ? finished : finished + side->slots;
}
/* Advance `done` by that number. An invalid head word is counted and ignored. Owner core. */
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

/* The number of free slots, as of the last side_collect. */
static inline uint32_t side_room(const struct side *side)
{
    return side->slots - 1 - (uint32_t)(side->next - side->done);
}

/* Is a slot free for this frame? The last SIDE_KEPT are for ARP: frames that take the slow path to
 * this port faster than it sends them must not keep a neighbour's request or answer from it. */
static inline bool side_has_room(const struct side *side, const uint8_t *frame)
{
    const uint8_t *type = frame + 12;

    if (type[0] == 0x81 && type[1] == 0 && frame[16] == 0x08) /* a VLAN tag */
        type += 4;
    bool is_arp = type[0] == 0x08 && type[1] == 0x06;
    return side_room(side) > (is_arp ? 0 : SIDE_KEPT);
}

/* Copy `length` (FRAME_MIN..port_frame_most) bytes to the port's side queue of this core and send them,
 * from a VLAN's port by that of its wire, with the VLAN's tag.
 * Never waits; the caller keeps the frame. Any core, its own queue. Counts the frame as generated.
 * Returns false if it was dropped, which is counted too. */
bool side_send(struct port *port, const uint8_t *frame, uint32_t length);

/* Supervise lanes and side queues: of a port, follow its link; of all queues, reset the ports of
 * stuck ones and ask cores again that are late. A core's lanes are changed by that core, at core 0's
 * request. Core 0, between bursts, about ten times a second. */
void lanes_service_port(struct port *port);
/* Handle what has raised vector 0 of the port's card: a memory error resets it, the third in a minute
 * takes the port down. Then arm the vector. Core 0, not while is_in_reset. */
void lanes_service_causes(struct port *port, uint64_t now_ns);
void lanes_service_queues(uint64_t now_ns);
/* Once a second read the cards' counters, a few at each call. True while more are to be read: call
 * again, and poll in between. Core 0. */
bool lanes_service_counters(uint64_t now_ns);
/* Receive on this core's draining lanes (their output has no link). Frames go to the application's
 * slow handler, if lanes_drain_by has set one before any lane runs; a frame that it does not
 * consume or drop itself is dropped as tx_no_link. Returns the number of frames. */
uint32_t lanes_drain(unsigned core);
void lanes_drain_by(lane_slow *slow);
/* The same for one lane in any state; 0 unless it drains. */
uint32_t lane_drain(struct lane *lane);
/* Collect the frames that outputs of this core's lanes have finished; called in slow rounds (struct
 * core_lanes). Owner core. */
void lanes_collect(unsigned core);
/* The console's `stop`: receive ends on all lanes; frames already received are handled by `poll`,
 * the application's, and sent; frames that an output does not send are counted as drops. The
 * console's `start`: lanes run again as the links allow. Core 0, between bursts. */
void lanes_stop(lane_poll *poll);
void lanes_start(void);
bool lanes_are_stopped(void);
/* Is the last of them still to be carried out by core 0's task? */
bool lanes_are_changing(void);
/* The cores that have not carried out the last order to stop or start their queues of this port, or,
 * with NULL, the last `stop` or `start`: a bit each. lanes_service_queues asks them again. Core 0. */
uint32_t lanes_late(const struct port *port);
/* Before a core sleeps. Has a frame or a head word arrived since the last poll? Does an output
 * still hold frames, for whose completion there is no interrupt? */
bool lanes_have_work(unsigned core);
bool lanes_are_in_flight(unsigned core);
/* Reset the port's card and restart every lane and side queue that uses the port; frames they held
 * are counted as drops. If the reset fails the port is out of service; one that was stays so. Core
 * 0. */
enum err port_reset_card(struct port *port);
/* The same by the operator's command, which alone puts a port back into service, and lets a card
 * that was cut off access memory again. ERR_NO_MEMORY, after a log line: it has no lanes. */
enum err port_restart(struct port *port);
/* Is one of these three still to be done? If not, *err is how the last one has ended. Core 0. */
bool port_is_busy(const struct port *port, enum err *err);
/* Take the port out of service until port_restart, and log why: its queues are stopped, by a reset if
 * need be, frames they held are counted as drops, the link is dropped, lanes to this port drain. Core
 * 0. */
void port_take_down(struct port *port, const char *why);

/* The ledger's view of a lane; exact when the owner core is not in a burst. */
struct lane_ledger {
    uint64_t received; /* frames taken from the card: sent + held + consumed + dropped */
    uint64_t sent;     /* frames that the output card has finished */
    uint64_t held;     /* frames handed to the output card and not finished */
    uint64_t waiting;  /* frames written by the input card, and before them, and not handled yet */
    uint64_t consumed, dropped;
    uint64_t tx_bytes; /* handed to the output card */
};
/* Call on the owner core, or before its loop runs. */
struct lane_ledger lane_ledger(const struct lane *lane);
struct side_ledger {
    uint64_t generated, sent, held, dropped;
};
struct side_ledger side_ledger(const struct side *side);

#endif
