/* SPDX-License-Identifier: BSD-2-Clause
 * The ledger: the sums over all frames received or generated, by what became of them.
 *
 *     received + generated = sent + consumed + drops + held
 *
 * Received, sent and held are computed from ring positions, consumed and drops are counted where
 * they happen, so a frame that the code fails to count makes the sums differ.
 */
#ifndef NET_LANE_LEDGER_H
#define NET_LANE_LEDGER_H

#include "net/lane/ring.h"

struct ledger {
    uint64_t received;  /* frames taken from the cards */
    uint64_t generated; /* frames made here */
    uint64_t sent;      /* frames that the output cards have finished */
    uint64_t consumed;  /* frames delivered to this machine */
    uint64_t held;      /* queued at a card, or fragments awaiting the rest of their datagram */
    uint64_t drops[DROP_COUNT];
    uint64_t dropped;        /* their sum */
    uint64_t errors_limited; /* not frames: ICMP errors not sent because of the rate limit */
    uint64_t heads_bad;      /* not frames: invalid head words written by cards; ignored */
    bool is_balanced;
    unsigned cores_silent; /* cores that did not answer in time; their last answers are summed */
};

/* Sum over all lanes, side queues and stacks. Each core adds up its own between two bursts, so each
 * core's part is exact. Core 0. */
struct ledger ledger_read(void);

/* The text of a drop reason, as the operator reads it. */
const char *ledger_drop_name(enum drop why);

/* As of the last ledger_read: the card's packet counters of one port beside the lanes' for the same
 * wire. They are equal while no frame is inside the card. */
struct ledger_port {
    uint64_t received;        /* lanes: taken from this card, or written by it and waiting */
    uint64_t card_rx_packets; /* the card's: good frames that reached a queue */
    uint64_t sent;            /* lanes: finished by this card */
    uint64_t card_tx_packets;
};
struct ledger_port ledger_port_read(const struct port *port);

#endif
