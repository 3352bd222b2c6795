/* SPDX-License-Identifier: BSD-2-Clause
 * `show ledger`: all frames, each counted once, with a counter for each reason to drop one.
 */
#include "kernel/console/command.h"
#include "kernel/lib/json.h"
#include "net/console/collect.h"
#include "net/lane/lane.h"
#include "net/lane/ledger.h"

static const struct {
    char name[14], text[48]; /* the widths of the printed columns */
} drop_names[] = {
#define NAME(name, text) {#name, text},
    DROP_LIST(NAME)
#undef NAME
};
static_assert(ARRAY_SIZE(drop_names) == DROP_COUNT, "a name for each reason to drop");

const char *ledger_drop_name(enum drop why)
{
    return drop_names[why].name;
}

static void json_ledger(const struct call *call, const struct ledger *ledger)
{
    struct json j;
    json_begin(&j, call->out);
    json_u64(&j, "received", ledger->received);
    json_u64(&j, "generated", ledger->generated);
    json_u64(&j, "sent", ledger->sent);
    json_u64(&j, "consumed", ledger->consumed);
    json_u64(&j, "held", ledger->held);
    json_object(&j, "drops");
    for (unsigned i = 0; i < DROP_COUNT; i++)
        json_u64(&j, drop_names[i].name, ledger->drops[i]);
    json_end(&j);
    json_u64(&j, "icmp_errors_limited", ledger->errors_limited);
    json_u64(&j, "heads_bad", ledger->heads_bad);
    json_bool(&j, "balanced", ledger->is_balanced);
    json_array(&j, "ports");
    for (unsigned i = 0; i < ports_n; i++) {
        struct ledger_port row = ledger_port_read(&ports[i]);
        json_object(&j, NULL);
        json_u64(&j, "port", ports[i].index);
        json_u64(&j, "received", row.received);
        json_u64(&j, "card_rx_packets", row.card_rx_packets);
        json_u64(&j, "sent", row.sent);
        json_u64(&j, "card_tx_packets", row.card_tx_packets);
        json_end(&j);
    }
    json_end(&j);
    json_u64(&j, "cores_silent", ledger->cores_silent);
    json_line(&j);
}

static void text_ledger(const struct out *out, const struct ledger *ledger)
{
    out_printf(out, "received  %20lu   frames taken from the cards\n", ledger->received);
    out_printf(out, "generated %20lu   made by this machine\n", ledger->generated);
    out_printf(out, "sent      %20lu   finished by the cards\n", ledger->sent);
    out_printf(out, "consumed  %20lu   delivered to this machine\n", ledger->consumed);
    out_printf(out, "held      %20lu   in a card's queue, or in reassembly\n", ledger->held);
    out_printf(out, "dropped   %20lu   of these:\n", ledger->dropped);
    for (unsigned i = 0; i < DROP_COUNT; i++)
        if (ledger->drops[i] != 0)
            out_printf(out, "  %-13s%15lu   %s\n", drop_names[i].name, ledger->drops[i],
                       drop_names[i].text);
    out_printf(out, "received + generated = sent + consumed + dropped + held: %s\n",
               ledger->is_balanced ? "balanced" : "NOT BALANCED");
    if (ledger->errors_limited > 0)
        out_printf(out, "%lu ICMP errors were not sent: the limit is 100 per second\n",
                   ledger->errors_limited);
    if (ledger->heads_bad > 0)
        out_printf(out, "%lu invalid head words written by cards\n", ledger->heads_bad);
    if (ledger->cores_silent > 0)
        out_printf(out, "%u cores did not answer in time: their previous counts are used\n",
                   ledger->cores_silent);

    if (ports_n > 0)
        out_text(out, "\nport      received: ours  the card's        sent: ours   the card's\n");
    for (unsigned i = 0; i < ports_n; i++) {
        struct ledger_port row = ledger_port_read(&ports[i]);
        bool agrees = row.received == row.card_rx_packets && row.sent == row.card_tx_packets;
        out_printf(out, "port%u %18lu %13lu %17lu %13lu  %s\n", ports[i].index, row.received,
                   row.card_rx_packets, row.sent, row.card_tx_packets, agrees ? "agree" : "differ");
    }
}

static enum command_result print_ledger(const struct call *call)
{
    struct ledger ledger = ledger_read();
    if (call->json)
        json_ledger(call, &ledger);
    else
        text_ledger(call->out, &ledger);
    return COMMAND_DONE;
}

static enum command_result show_ledger(const struct call *call)
{
    return collect_first(call, print_ledger);
}
COMMAND("show ledger", "[-j]", "all frames by outcome, and whether the sums agree", show_ledger);
