/* SPDX-License-Identifier: BSD-2-Clause
 * The ledger; see ledger.h.
 */
#include "net/lane/ledger.h"

#include "kernel/ask.h"
#include "kernel/slice.h"
#include "net/lane/lane_control.h"
#include "net/stack/netif.h"

static void add_drops(struct ledger *ledger, const uint64_t drops[DROP_COUNT])
{
    for (unsigned i = 0; i < DROP_COUNT; i++) {
        ledger->drops[i] += drops[i];
        ledger->dropped += drops[i];
    }
}

/* The sums of one core, computed by that core between two bursts: `parts` is what the cores write,
 * maybe after the call has timed out, `kept` what each has answered last. */
static struct part {
    struct ledger sum;
    struct {
        uint64_t received, sent;
    } ports[PORTS_MAX];
} parts[QUEUES_MAX], kept[QUEUES_MAX];

enum { CALL_LIMIT_US = 20000 };

static void add_side(struct part *part, unsigned port, const struct side *side)
{
    struct side_ledger made = side_ledger(side);

    part->sum.generated += made.generated;
    part->sum.sent += made.sent;
    part->sum.held += made.held;
    part->sum.heads_bad += side->head_bad;
    add_drops(&part->sum, side->drops);
    part->ports[port].sent += made.sent;
}

static void add_core(void *context)
{
    struct part *part = context;
    unsigned core = (unsigned)(part - parts);
    struct ledger *sum = &part->sum;

    *part = (struct part){0};
    for (unsigned i = 0; i < lanes_total(); i++) {
        if (lanes[i].core != core)
            continue;
        struct lane_ledger lane = lane_ledger(&lanes[i]);
        sum->received += lane.received;
        sum->sent += lane.sent;
        sum->held += lane.held;
        sum->consumed += lane.consumed;
        sum->heads_bad += lanes[i].count.head_bad;
        add_drops(sum, lanes[i].count.drops);
        part->ports[lanes[i].in->index].received += lane.received + lane.waiting;
        part->ports[lanes[i].out->index].sent += lane.sent;
    }
    for (unsigned i = 0; i < ports_n; i++) {
        add_side(part, i, port_side(&ports[i], core));
        if (lanes_feeds[i])
            add_side(part, i, &lanes_feeds[i][core]);
    }
    for (unsigned i = 0; i < ports_all; i++) {
        if (!ports[i].netif)
            continue;
        sum->consumed += ports[i].netif[core].consumed;
        sum->held += netif_held(&ports[i].netif[core]);
        add_drops(sum, ports[i].netif[core].drops);
        sum->errors_limited += ports[i].netif[core].errors_limited;
    }
}

/* A core that does not answer keeps the sums of its last answer. Returns how many did not. */
static unsigned add_cores(void)
{
    (void)slice_end(); /* with many lanes core 0's sums take a slice of their own */
    struct ask ask = ask_cores(0, lanes_cores,
                               &(struct question){.run = add_core,
                                                  .contexts = parts,
                                                  .bytes = sizeof(parts[0]),
                                                  .max_us = CALL_LIMIT_US});

    for (unsigned core = 0; core < lanes_cores; core++) {
        if (ask.absent & BIT64(core))
            add_core(&parts[core]); /* it runs no loop, so its counters are still */
        if (!(ask.silent & BIT64(core)))
            kept[core] = parts[core];
    }
    return ask.silent_n;
}

struct ledger ledger_read(void)
{
    struct ledger ledger = {.cores_silent = add_cores()};

    for (unsigned core = 0; core < lanes_cores; core++) {
        const struct ledger *sum = &kept[core].sum;
        ledger.received += sum->received;
        ledger.generated += sum->generated;
        ledger.sent += sum->sent;
        ledger.held += sum->held;
        ledger.consumed += sum->consumed;
        ledger.errors_limited += sum->errors_limited;
        ledger.heads_bad += sum->heads_bad;
        add_drops(&ledger, sum->drops);
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
    };

    for (unsigned core = 0; core < lanes_cores; core++) {
        row.received += kept[core].ports[port->index].received;
        row.sent += kept[core].ports[port->index].sent;
    }
    return row;
}
