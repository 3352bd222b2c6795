/* SPDX-License-Identifier: BSD-2-Clause
 * Commands about ports, neighbours and the ledger. All run on core 0, between bursts. Text is for
 * people and fits 80 columns; fields of -j are what scripts rely on (names of counters: Linux's).
 */
#include "kernel/console/command.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "net/lane/lane.h"
#include "net/lane/ledger.h"
#include "net/stack/netif.h"

/* ---- Ports ---- */

static const struct {
    const char *name;
    size_t offset;
} port_counters[] = {
#define COUNTER(name)                                                                              \
    {                                                                                              \
#name, offsetof(struct port_counters, name)                                                \
    }
    COUNTER(rx_packets),     COUNTER(rx_bytes),        COUNTER(tx_packets),
    COUNTER(tx_bytes),       COUNTER(rx_dropped),      COUNTER(rx_missed_errors),
    COUNTER(rx_crc_errors),  COUNTER(rx_frame_errors), COUNTER(rx_length_errors),
    COUNTER(rx_over_errors), COUNTER(rx_errors),
#undef COUNTER
};

/* What the counters were at `clear counters`: shown is what came since. */
static struct port_counters cleared[PORTS_MAX];

static uint64_t counter(const struct port_counters *count, unsigned i)
{
    return *(const uint64_t *)((const char *)count + port_counters[i].offset);
}

static struct port_counters since(const struct port *port)
{
    struct port_counters count = port->count;
    for (unsigned i = 0; i < sizeof(count) / sizeof(uint64_t); i++)
        ((uint64_t *)&count)[i] -= ((const uint64_t *)&cleared[port->index])[i];
    return count;
}

/* A number in at most `width` columns (5 or more): whole, or cut to thousands, millions ... */
static const char *brief(char *text, size_t room, uint64_t value, int width)
{
    static const char units[] = " kMGTPE";
    unsigned unit = 0;
    for (; unit + 2 < sizeof(units); unit++) {
        if (fmt_print(text, room, "%lu", value) + (unit > 0) <= (size_t)width)
            break;
        value /= 1000;
    }
    if (unit > 0)
        fmt_print(text, room, "%lu%c", value, units[unit]);
    return text;
}

static const char *link_text(const struct port *port)
{
    if (port->is_gone)
        return "gone";
    return port->link_is_up && !port->is_down ? "up" : "down";
}

static const char *speed_text(const struct port *port, char text[8])
{
    if (port->speed_mbps == 0)
        return "-";
    if (port->speed_mbps % 1000 == 0)
        fmt_print(text, 8, "%uG", port->speed_mbps / 1000);
    else
        fmt_print(text, 8, "%uM", port->speed_mbps);
    return text;
}

static void json_ports(const struct call *call)
{
    for (unsigned i = 0; i < ports_n; i++) {
        const struct port *port = &ports[i];
        const struct port_counters count = since(port);
        struct json j;
        char mac[18];
        fmt_print(mac, sizeof(mac), "%pM", port->mac);
        json_begin(&j, call->out);
        json_u64(&j, "port", port->index);
        json_string(&j, "driver", port->driver);
        json_string(&j, "pci", port->pci);
        json_string(&j, "mac", mac);
        json_string(&j, "link", link_text(port));
        json_u64(&j, "speed_mbps", port->speed_mbps);
        for (unsigned k = 0; k < ARRAY_SIZE(port_counters); k++)
            json_u64(&j, port_counters[k].name, counter(&count, k));
        for (unsigned k = 0; k < lanes_n; k++) {
            char name[24];
            fmt_print(name, sizeof(name), "rx_queue_%u_packets", lanes[k].core);
            if (lanes[k].in == port)
                json_u64(&j, name, lanes[k].received_before + lanes[k].next);
        }
        json_line(&j);
    }
}

static enum command_result show_ports(const struct call *call)
{
    for (unsigned i = 0; i < ports_n; i++)
        ports[i].ops->poll_counters(&ports[i]);
    if (call->json) {
        json_ports(call);
        return COMMAND_DONE;
    }
    if (ports_n == 0) {
        out_text(call->out, "no ports\n");
        return COMMAND_DONE;
    }
    out_text(call->out, "port  link speed mac                rx_packets  tx_packets dropped"
                        " missed    crc\n");
    for (unsigned i = 0; i < ports_n; i++) {
        const struct port *port = &ports[i];
        const struct port_counters count = since(port);
        char speed[8], rx[24], tx[24], dropped[24], missed[24], crc[24];
        out_printf(call->out, "port%u %-4s %-5s %pM %11s %11s %7s %6s %6s\n", port->index,
                   link_text(port), speed_text(port, speed), port->mac,
                   brief(rx, sizeof(rx), count.rx_packets, 11),
                   brief(tx, sizeof(tx), count.tx_packets, 11),
                   brief(dropped, sizeof(dropped), count.rx_dropped, 7),
                   brief(missed, sizeof(missed), count.rx_missed_errors, 6),
                   brief(crc, sizeof(crc), count.rx_crc_errors, 6));
    }
    return COMMAND_DONE;
}
COMMAND("show ports", "[-j]", "ports, their links and counters", show_ports);

static enum command_result clear_counters(const struct call *call)
{
    for (unsigned i = 0; i < ports_n; i++) {
        ports[i].ops->poll_counters(&ports[i]);
        cleared[i] = ports[i].count;
    }
    out_text(call->out, "show ports counts from now; the ledger and queues go on from start\n");
    return COMMAND_DONE;
}
COMMAND("clear counters", "", "what show ports prints counts from now", clear_counters);

/* ---- The ledger ---- */

static const struct {
    char name[14], text[48]; /* as much as the table has room for */
} drop_names[] = {
#define NAME(name, text) {#name, text},
    DROP_LIST(NAME)
#undef NAME
};
static_assert(ARRAY_SIZE(drop_names) == DROP_COUNT, "a name for each way to drop");

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
    out_printf(out, "generated %20lu   made here\n", ledger->generated);
    out_printf(out, "sent      %20lu   finished by the cards\n", ledger->sent);
    out_printf(out, "consumed  %20lu   ended here, as they should\n", ledger->consumed);
    out_printf(out, "held      %20lu   in a card, or fragments that wait\n", ledger->held);
    out_printf(out, "dropped   %20lu   of these:\n", ledger->dropped);
    for (unsigned i = 0; i < DROP_COUNT; i++)
        if (ledger->drops[i] != 0)
            out_printf(out, "  %-13s%15lu   %s\n", drop_names[i].name, ledger->drops[i],
                       drop_names[i].text);
    out_printf(out, "received + generated = sent + consumed + dropped + held: %s\n",
               ledger->is_balanced ? "balanced" : "NOT BALANCED");
    if (ledger->errors_limited > 0)
        out_printf(out, "%lu ICMP errors were not sent: 100 a second are\n", ledger->errors_limited);
    if (ledger->heads_bad > 0)
        out_printf(out, "%lu head words of cards made no sense\n", ledger->heads_bad);
    if (ledger->cores_silent > 0)
        out_printf(out, "%u cores did not answer in time: theirs are the numbers they last gave\n",
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

static enum command_result show_ledger(const struct call *call)
{
    for (unsigned i = 0; i < ports_n; i++)
        ports[i].ops->poll_counters(&ports[i]);
    struct ledger ledger = ledger_read();
    if (call->json)
        json_ledger(call, &ledger);
    else
        text_ledger(call->out, &ledger);
    return COMMAND_DONE;
}
COMMAND("show ledger", "[-j]", "where every frame went, and if that adds up", show_ledger);

/* ---- Neighbours ---- */

static void arp_row(const struct call *call, unsigned port, uint32_t ip, const uint8_t *mac,
                    const char *state, uint64_t age_s)
{
    char ip_text[16], mac_text[18] = "-";
    be32_t ip_wire = be32_of(ip);
    fmt_print(ip_text, sizeof(ip_text), "%pI4", &ip_wire);
    if (mac != NULL)
        fmt_print(mac_text, sizeof(mac_text), "%pM", mac);
    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_u64(&j, "port", port);
        json_string(&j, "ip", ip_text);
        json_string(&j, "mac", mac != NULL ? mac_text : NULL);
        json_string(&j, "state", state);
        json_u64(&j, "age_s", age_s);
        json_line(&j);
    } else {
        out_printf(call->out, "port%-2u %-15s  %-17s  %-6s %8lu s\n", port, ip_text, mac_text,
                   state, age_s);
    }
}

static enum command_result show_arp(const struct call *call)
{
    static const char *const states[] = {"free", "asking", "known", "failed"};
    if (!call->json)
        out_text(call->out, "port   address          mac                state         age\n");
    for (unsigned i = 0; i < ports_n; i++) {
        const struct netif *nif = ports[i].netif;
        if (nif == NULL || !nif->is_configured)
            continue;
        arp_row(call, ports[i].index, nif->ip, nif->mac,
                nif->is_refused ? "in use" : netif_is_silent(nif) ? "probing" : "ours", 0);
        for (unsigned k = 0; k < ARP_ENTRIES; k++) {
            const struct arp_entry *entry = &nif->arp.entries[k];
            bool is_known = entry->state == ARP_KNOWN;
            if (entry->state != ARP_FREE)
                arp_row(call, ports[i].index, entry->ip, is_known ? entry->mac : NULL,
                        states[entry->state],
                        is_known ? (nif->now_ns - entry->known_ns) / 1000000000 : 0);
        }
    }
    return COMMAND_DONE;
}
COMMAND("show arp", "[-j]", "our addresses and the neighbours' found by ARP", show_arp);
