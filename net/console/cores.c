/* SPDX-License-Identifier: BSD-2-Clause
 * `show cores`: the activity and frame counts of each core. Each core fills its own row, between
 * two bursts. Core 0 reads the counters of a core that does not answer in time, whose state is then
 * `silent` or `parked`.
 */
#include "arch/smp.h"
#include "arch/tsc.h"
#include "kernel/console/command.h"
#include "kernel/lib/json.h"
#include "kernel/ask.h"
#include "kernel/slice.h"
#include "net/lane/lane_control.h"

#define ANSWER_US 20000u

struct core_row {
    uint64_t rx_packets, tx_packets, polls, empty_polls, interrupts, sleeps;
    struct hist stalls;
    struct stretch stretch;
};
static struct core_row rows[CPUS_MAX]; /* written by the cores, which may answer late */

static void read_row(struct core_row *row, unsigned core)
{
    const struct cpu *cpu = cpus[core];

    row->rx_packets = row->tx_packets = 0;
    for (unsigned i = 0; i < lanes_total(); i++)
        if (lanes[i].core == core && lanes[i].in) {
            struct lane_ledger lane = lane_ledger(&lanes[i]);
            row->rx_packets += lane.received;
            row->tx_packets += lane.sent;
        }
    for (unsigned i = 0; i < ports_n && core < lanes_cores; i++) {
        row->tx_packets += side_ledger(port_side(&ports[i], core)).sent;
        if (lanes_feeds[i])
            row->tx_packets += side_ledger(&lanes_feeds[i][core]).sent;
    }
    row->polls = cpu->polls;
    row->empty_polls = cpu->empty_polls;
    row->interrupts = cpu->interrupts;
    row->sleeps = cpu->sleeps;
    row->stalls = cpu->stalls;
    row->stretch = cpu->stretch;
}

static void fill_row(void *context)
{
    read_row(context, (unsigned)((struct core_row *)context - rows));
}

/* The core's row, valid until the next call, and its state. */
static const struct core_row *ask(unsigned core, const char **state)
{
    static const struct question question = {
        .run = fill_row, .contexts = rows, .bytes = sizeof(rows[0]), .max_us = ANSWER_US};
    static struct core_row seen; /* of a core that does not answer */
    (void)slice_end();           /* with many lanes an answer of core 0 takes a slice of its own */
    enum err err = ask_core(core, &question).err;

    *state = err == OK ? "running" : err == ERR_NO_DEVICE ? "parked" : "silent";
    if (err == OK)
        return &rows[core];
    read_row(&seen, core);
    return &seen;
}

/* Has the core not carried out the last order about port i, or, for i = ports_n, the last `stop` or
 * `start`? */
static bool is_late(unsigned core, unsigned i)
{
    return core < lanes_cores && (lanes_late(i < ports_n ? &ports[i] : NULL) & BIT(core));
}

static void json_row(const struct call *call, unsigned core, const struct core_row *row,
                     const char *state)
{
    struct json j;

    json_begin(&j, call->out);
    json_u64(&j, "core", core);
    json_u64(&j, "apic", cpus[core]->apic_id);
    json_string(&j, "state", state);
    json_u64(&j, "rx_packets", row->rx_packets);
    json_u64(&j, "tx_packets", row->tx_packets);
    json_u64(&j, "polls", row->polls);
    json_u64(&j, "empty_polls", row->empty_polls);
    json_u64(&j, "sleeps", row->sleeps);
    json_u64(&j, "interrupts", row->interrupts);
    json_u64(&j, "stall_max_ns", tsc_ns(row->stretch.max_ticks));
    json_string(&j, "stall_max_cause", row->stretch.max_part ? row->stretch.max_part : "");
    json_array(&j, "stalls");
    for (unsigned b = 0; b < HIST_BUCKETS; b++)
        if (row->stalls.count[b] != 0) {
            json_object(&j, NULL);
            json_u64(&j, "from_ns", 1ull << b);
            json_u64(&j, "count", row->stalls.count[b]);
            json_end(&j);
        }
    json_end(&j);
    json_array(&j, "late_ports");
    for (unsigned i = 0; i < ports_n; i++)
        if (is_late(core, i))
            json_u64(&j, NULL, i);
    json_end(&j);
    json_bool(&j, "late_stop", is_late(core, ports_n));
    json_line(&j);
}

static void text_row(const struct call *call, unsigned core, const struct core_row *row,
                     const char *state)
{
    uint64_t busy = row->polls - row->empty_polls;

    out_printf(call->out, "%4u %4u %-7s %12lu %12lu %11lu %9lu %9lu\n", core, cpus[core]->apic_id,
               state, row->rx_packets, row->tx_packets, busy, row->sleeps, row->interrupts);
}

static void text_late(const struct out *out, unsigned core)
{
    bool is_first = true;

    for (unsigned i = 0; i <= ports_n; i++) {
        if (!is_late(core, i))
            continue;
        if (is_first)
            out_printf(out, "core %u is asked again to carry out the last order about", core);
        is_first = false;
        if (i < ports_n)
            out_printf(out, "\n    port%u", i);
        else
            out_text(out, "\n    its lanes (stop or start)");
    }
    if (!is_first)
        out_text(out, "\n");
}

static enum command_result show_cores(const struct call *call)
{
    if (!call->json)
        out_text(call->out, "core apic state     rx_packets   tx_packets  busy polls    sleeps"
                            " interrupts\n");
    for (unsigned i = 0; i < cpus_n; i++) {
        const char *state;
        const struct core_row *row = ask(i, &state);

        if (call->json)
            json_row(call, i, row, state);
        else
            text_row(call, i, row, state);
    }
    for (unsigned i = 0; i < cpus_n && !call->json; i++)
        text_late(call->out, i);
    for (unsigned i = 0; i < cpus_n && !call->json; i++) {
        const struct hist *stalls = &cpus[i]->stalls;
        const struct stretch *stretch = &cpus[i]->stretch;
        if (stretch->max_part)
            out_printf(call->out, "core %u: longest time between two polls %lu us: %s\n", i,
                       tsc_ns(stretch->max_ticks) / 1000, stretch->max_part);
        if (hist_total(stalls) == 0)
            continue;
        out_printf(call->out, "core %u: slow poll rounds (histogram):", i);
        for (unsigned b = 0; b < HIST_BUCKETS; b++)
            if (stalls->count[b] != 0)
                out_printf(call->out, "\n%12lu of %lu us or more", stalls->count[b],
                           (UINT64_C(1) << b) / 1000);
        out_text(call->out, "\n");
    }
    return COMMAND_DONE;
}
COMMAND("show cores", "[-j]", "activity and frame counts of each core", show_cores);
