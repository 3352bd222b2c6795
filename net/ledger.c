/* SPDX-License-Identifier: BSD-2-Clause
 * The ledger; see ledger.h.
 */
#include "net/ledger.h"

#include "net/lane.h"
#include "net/netif.h"

static void add_drops(struct ledger *ledger, const uint64_t drops[DROP_COUNT])
{
    for (unsigned i = 0; i < DROP_COUNT; i++) {
        ledger->drops[i] += drops[i];
        ledger->dropped += drops[i];
    }
}

struct ledger ledger_read(void)
{
    struct ledger ledger = {0};

    for (unsigned i = 0; i < lanes_n; i++) {
        struct lane_ledger lane = lane_ledger(&lanes[i]);
        ledger.received += lane.received;
        ledger.sent += lane.sent;
        ledger.held += lane.held;
        ledger.consumed += lane.consumed;
        add_drops(&ledger, lanes[i].count.drops);
    }
    for (unsigned i = 0; i < ports_n; i++) {
        struct side_ledger side = side_ledger(&ports[i].side);
        ledger.generated += side.generated;
        ledger.sent += side.sent;
        ledger.held += side.held;
        add_drops(&ledger, ports[i].side.drops);
        const struct netif *nif = ports[i].netif;
        if (nif == NULL)
            continue;
        ledger.consumed += nif->consumed;
        add_drops(&ledger, nif->drops);
    }
    ledger.is_balanced = ledger.received + ledger.generated ==
                         ledger.sent + ledger.consumed + ledger.dropped + ledger.held;
    return ledger;
}

struct ledger_port ledger_port_read(const struct port *port)
{
    struct ledger_port row = {
        .card_rx_packets = port->count.rx_packets,
        .card_tx_packets = port->count.tx_packets,
        .sent = side_ledger(&port->side).sent,
    };

    for (unsigned i = 0; i < lanes_n; i++) {
        struct lane_ledger lane = lane_ledger(&lanes[i]);
        if (lanes[i].in == port)
            row.received += lane.received + lane.waiting;
        if (lanes[i].out == port)
            row.sent += lane.sent;
    }
    return row;
}
