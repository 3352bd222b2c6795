/* SPDX-License-Identifier: BSD-2-Clause
 * The lanes as a panic shows them: state, positions and counters of each. Their cores were stopped
 * at any instruction, so sums may be off by one burst.
 */
#include "kernel/panic.h"
#include "net/lane/lane_control.h"

static void print_lane(const struct lane *lane, panic_print *print)
{
    static const char *const states[] = {"parked", "running", "draining", "stopping"};
    struct lane_ledger sum = lane_ledger(lane);

    print("core %u, port%u to port%u%s: %s, next %lu, done %u, head %u (last %u), %lu received, "
          "%lu sent, %lu held, %lu consumed, %lu dropped\n",
          lane->core, lane->in->index, lane->out->index,
          lane->queue == CONTROL_QUEUE ? " (ARP)" : "",
          (unsigned)lane->state < ARRAY_SIZE(states) ? states[lane->state] : "?", lane->next,
          lane->done, lane->head ? *lane->head : 0, lane->head_seen, sum.received, sum.sent,
          sum.held, sum.consumed, sum.dropped);
}

static void lanes_view(panic_print *print)
{
    if (lanes_total())
        print("lanes:\n");
    for (unsigned i = 0; i < lanes_total() && i < LANES_MAX; i++)
        if (lanes[i].in && lanes[i].out)
            print_lane(&lanes[i], print);
}
PANIC_VIEW(lanes_view);
