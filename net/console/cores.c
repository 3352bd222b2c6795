/* SPDX-License-Identifier: BSD-2-Clause
 * `show cores`: the activity and frame counts of each core. Each core reads its own row, between
 * two bursts. Core 0 reads the row of a core that does not answer in time, whose state is then
 * `silent` or `parked`.
 */
#include "arch/smp.h"
#include "kernel/console/command.h"
#include "kernel/lib/json.h"
#include "kernel/mailbox.h"
#include "net/lane/lane_control.h"

#define ANSWER_US 20000u

struct core_row {
    unsigned core;
    uint64_t rx_packets, tx_packets, polls, empty_polls, interrupts, sleeps;
    struct hist stalls;
    const char *state;
};
static struct core_row rows[CPUS_MAX]; /* static, since a core may answer late */

static void read_row(void *context)
{
    struct core_row *row = context;
    const struct cpu *cpu = cpus[row->core];

    row->rx_packets = row->tx_packets = 0;
    for (unsigned i = 0; i < lanes_total(); i++)
        if (lanes[i].core == row->core && lanes[i].in) {
            struct lane_ledger lane = lane_ledger(&lanes[i]);
            row->rx_packets += lane.received;
            row->tx_packets += lane.sent;
        }
    for (unsigned i = 0; i < ports_n && row->core < lanes_cores; i++) {
        row->tx_packets += side_ledger(port_side(&ports[i], row->core)).sent;
        if (lanes_feeds[i])
            row->tx_packets += side_ledger(&lanes_feeds[i][row->core]).sent;
    }
    row->polls = cpu->polls;
    row->empty_polls = cpu->empty_polls;
    row->interrupts = cpu->interrupts;
    row->sleeps = cpu->sleeps;
    row->stalls = cpu->stalls;
}

static void ask(unsigned core)
{
    struct core_row *row = &rows[core];

    row->core = core;
    switch (mailbox_call(core, read_row, row, ANSWER_US)) {
    case OK:
        row->state = "running";
        return;
    case ERR_NO_DEVICE:
        row->state = "parked";
        break;
    default:
        row->state = "silent";
        break;
    }
    read_row(row);
}

static void json_row(const struct call *call, const struct core_row *row)
{
    struct json j;

    json_begin(&j, call->out);
    json_u64(&j, "core", row->core);
    json_u64(&j, "apic", cpus[row->core]->apic_id);
    json_string(&j, "state", row->state);
    json_u64(&j, "rx_packets", row->rx_packets);
    json_u64(&j, "tx_packets", row->tx_packets);
    json_u64(&j, "polls", row->polls);
    json_u64(&j, "empty_polls", row->empty_polls);
    json_u64(&j, "sleeps", row->sleeps);
    json_u64(&j, "interrupts", row->interrupts);
    json_u64(&j, "stall_max_ns", row->stalls.max);
    json_array(&j, "stalls");
    for (unsigned b = 0; b < HIST_BUCKETS; b++)
        if (row->stalls.count[b] != 0) {
            json_object(&j, NULL);
            json_u64(&j, "from_ns", 1ull << b);
            json_u64(&j, "count", row->stalls.count[b]);
            json_end(&j);
        }
    json_line(&j);
}

static void text_row(const struct call *call, const struct core_row *row)
{
    uint64_t busy = row->polls - row->empty_polls;

    out_printf(call->out, "%4u %4u %-7s %12lu %12lu %11lu %9lu %9lu\n", row->core,
               cpus[row->core]->apic_id, row->state, row->rx_packets, row->tx_packets, busy,
               row->sleeps, row->interrupts);
}

static enum command_result show_cores(const struct call *call)
{
    if (!call->json)
        out_text(call->out, "core apic state     rx_packets   tx_packets  busy polls    sleeps"
                            " interrupts\n");
    for (unsigned i = 0; i < cpus_n; i++) {
        ask(i);
        if (call->json)
            json_row(call, &rows[i]);
        else
            text_row(call, &rows[i]);
    }
    for (unsigned i = 0; i < cpus_n && !call->json; i++) {
        const struct hist *stalls = &rows[i].stalls;
        if (hist_total(stalls) == 0)
            continue;
        out_printf(call->out, "core %u: slow poll rounds (histogram), longest %lu us:", i,
                   stalls->max / 1000);
        for (unsigned b = 0; b < HIST_BUCKETS; b++)
            if (stalls->count[b] != 0)
                out_printf(call->out, "\n%12lu of %lu us or more", stalls->count[b],
                           (UINT64_C(1) << b) / 1000);
        out_text(call->out, "\n");
    }
    return COMMAND_DONE;
}
COMMAND("show cores", "[-j]", "activity and frame counts of each core", show_cores);
