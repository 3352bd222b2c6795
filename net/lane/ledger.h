/* SPDX-License-Identifier: BSD-2-Clause
 * The ledger: every frame that came in or was made here, and what became of it.
 *
 *     received + generated = sent + consumed + drops + held
 *
 * Received, sent and held are counted by ring positions, consumed and drops where they happen, so
 * that a frame which somebody forgot to count shows.
 */
#ifndef NET_LANE_LEDGER_H
#define NET_LANE_LEDGER_H

#include "net/lane/ring.h"

struct ledger {
    uint64_t received;  /* frames taken from the cards */
    uint64_t generated; /* frames made here */
    uint64_t sent;      /* frames that the output cards have finished */
    uint64_t consumed;  /* frames that ended here, as they should */
    uint64_t held;      /* handed to a card that has not finished them, or fragments that wait */
    uint64_t drops[DROP_COUNT];
    uint64_t dropped; /* their sum */
    uint64_t errors_limited; /* no frames: ICMP errors that were due and not sent, too many at once */
    uint64_t heads_bad; /* no frames: head words of cards that made no sense, and were ignored */
    bool is_balanced;
    unsigned cores_silent; /* cores that were too busy to answer: theirs are the last known numbers */
};

/* All lanes, side queues and stacks together: each core adds up its own between two bursts, so it is
 * exact core by core. Core 0. */
struct ledger ledger_read(void);

/* A way to drop, as the operator reads it. */
const char *ledger_drop_name(enum drop why);

/* As of the last ledger_read: what one port's card counts, beside what we count for the same wire.
 * They agree when no frame is on its way through the card. */
struct ledger_port {
    uint64_t received;        /* ours: taken from this card, and those it has written since */
    uint64_t card_rx_packets; /* the card's: good frames that reached a queue */
    uint64_t sent;            /* ours: finished by this card */
    uint64_t card_tx_packets;
};
struct ledger_port ledger_port_read(const struct port *port);

#endif
