/* SPDX-License-Identifier: BSD-2-Clause
 * Looking at frames without touching them: while a tap is on, each core looks at what its lanes are
 * about to handle and at what came of it, and keeps records of its own for core 0 to print. With no
 * tap the loop does not know of it (run_round tests one word for all that is rare).
 *
 * A core's records lie in a log that it fills to the end; then what it sees is missed, and counted,
 * until core 0 has read the log and lets it begin again.
 */
#ifndef NET_LANE_CAPTURE_H
#define NET_LANE_CAPTURE_H

#include "net/lane/cbpf.h"
#include "net/lane/lane_control.h"

struct capture_record {
    uint64_t ns;
    uint64_t word;   /* a received frame's, as the card wrote it; 0: not known, the lane drains */
    uint16_t length; /* of the frame */
    uint16_t held;   /* capture: bytes of it that are here: all */
    uint16_t sent;   /* trace: bytes handed to the output */
    uint16_t fate;   /* trace: enum fate */
    bool is_sent;    /* capture: sent, not received */
    uint8_t core, output; /* numbers */
    uint8_t bytes[]; /* capture: the frame */
};

/* What core 0 asks for. */
struct capture_wish {
    const struct port *port;  /* NULL: nothing more */
    bool is_trace;            /* what became of frames received, not their bytes */
    const struct bpf *filter; /* NULL: every frame. Must not change while the tap is on */
};

/* Take memory: once, before the loops. Without it a tap sees nothing. */
void capture_prepare(void);
/* Switch the tap on all cores. false: a core did not answer in time; the others have. Core 0. */
bool capture_set(const struct capture_wish *wish);
/* The oldest record that has not been read, good until the next call; NULL: none so far. Core 0. */
const struct capture_record *capture_next(void);
/* Frames that were missed since the tap was switched on, most for want of room. Core 0. */
uint64_t capture_missed(void);

/* Is this core's tap on? */
static inline bool capture_is_on(unsigned core)
{
    return lanes_extras[core].side_sent != NULL;
}
/* Around a poll of one lane, if it is. Owner core. */
void capture_before(struct lane *lane);
void capture_after(struct lane *lane);

#endif
