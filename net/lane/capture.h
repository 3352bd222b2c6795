/* SPDX-License-Identifier: BSD-2-Clause
 * Taps: record frames without changing them. While a tap is on, each core records the frames that
 * its lanes receive or send, or the fate of each, in a log of its own, which core 0 prints. With no
 * tap on, the loop has no extra test (run_round tests one word for all rare work).
 *
 * A core fills its log to the end; frames beyond that are counted as missed until core 0 has read
 * the log and restarted it.
 */
#ifndef NET_LANE_CAPTURE_H
#define NET_LANE_CAPTURE_H

#include "net/filter/cbpf.h"
#include "net/lane/lane_control.h"

struct capture_record {
    uint64_t ns;
    uint64_t word;   /* receive descriptor as the card wrote it; 0: not known, the lane drains */
    uint16_t length; /* of the frame as received; capture of sent frames: as sent */
    uint16_t held;   /* capture: bytes of the frame in `bytes`, SLOT_BYTES at most */
    uint16_t sent;   /* trace: bytes handed to the output */
    uint16_t fate;   /* trace: enum fate */
    bool is_sent;    /* capture: a frame sent; else received */
    uint8_t core, output; /* index of the core, of the output port */
    uint8_t bytes[];      /* capture: the frame */
};

/* What to record. */
struct capture_request {
    const struct port *port;  /* NULL: switch the tap off */
    bool is_trace;            /* record fates of received frames; else bytes of frames */
    const struct bpf *filter; /* NULL: every frame. Must not change while the tap is on */
};

/* Allocate the logs: once, at boot, before the loops. If it fails, capture_set returns false. */
void capture_prepare(void);
/* Switch the tap of all cores on or off. Returns false if there is no memory or a core did not
 * answer in time; the others have switched, and capture_service asks that one again. Core 0. */
bool capture_set(const struct capture_request *request);
/* Ask the cores again that have not carried out the last capture_set. Core 0, ten times a second. */
void capture_service(void);
/* The oldest unread record, valid until the next call; NULL: none. Core 0. */
const struct capture_record *capture_next(void);
/* Frames missed since the tap was switched on, mostly because a log was full. Core 0. */
uint64_t capture_missed(void);

/* Is the tap of `core` on? Owner core. */
static inline bool capture_is_on(unsigned core)
{
    return rare_work[core].side_sent != NULL;
}
/* Called before and after a poll of one lane while the tap is on. Owner core. */
void capture_before(struct lane *lane);
void capture_after(struct lane *lane);

#endif
