/* SPDX-License-Identifier: BSD-2-Clause
 * `show ports` and `clear counters`. As all commands here they run on core 0, between bursts. The
 * text is for people and fits 80 columns; scripts use the fields of -j, whose counter names are
 * Linux's.
 */
#include "kernel/console/command.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "net/console/collect.h"
#include "net/lane/lane_control.h"
#include "net/lane/ledger.h"
#include "net/lane/rss_key.h"

static const struct {
    const char *name;
    size_t offset;
} port_counters[] = {
/* clang-format off */
#define COUNTER(name) {#name, offsetof(struct port_counters, name)}
    /* clang-format on */
    COUNTER(rx_packets),     COUNTER(rx_bytes),        COUNTER(tx_packets),
    COUNTER(tx_bytes),       COUNTER(rx_dropped),      COUNTER(rx_missed_errors),
    COUNTER(rx_crc_errors),  COUNTER(rx_frame_errors), COUNTER(rx_length_errors),
    COUNTER(rx_over_errors), COUNTER(rx_errors),
#undef COUNTER
};

/* The counters at the last `clear counters`; `show ports` subtracts them. */
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

/* A number in at most `width` columns (5 or more): whole, or in thousands, millions ... */
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
    if (port->no_card)
        return port->no_card;
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
    char key[2 * RSS_KEY_BYTES + 1] = "";

    for (unsigned i = 0; i < 2 * RSS_KEY_BYTES; i++) /* fmt_print would take a whole slice for it */
        key[i] = "0123456789abcdef"[rss_key()[i / 2] >> (i % 2 ? 0 : 4) & 0xF];
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
        for (unsigned k = 0; k < lanes_total(); k++) {
            char name[24];
            fmt_print(name, sizeof(name), "rx_queue_%u_packets", lanes[k].queue);
            if (lanes[k].in == port)
                json_u64(&j, name, lanes[k].received_before + lanes[k].next);
        }
        json_string(&j, "rss_key", key);
        json_array(&j, "late_cores");
        for (unsigned core = 0; core < lanes_cores; core++)
            if (lanes_late(port) & BIT(core))
                json_u64(&j, NULL, core);
        json_end(&j);
        json_string(&j, "step", port->step ? port->step : "");
        json_line(&j);
    }
}

/* Where the port's card is. */
static void place_line(const struct call *call, const struct port *port)
{
    if (!port->pci[0])
        out_printf(call->out, "port%u: no card has this place\n", port->index);
    else if (port->no_card)
        out_printf(call->out, "port%u: %s, not used: the log has the reason\n", port->index,
                   port->pci);
    else
        out_printf(call->out, "port%u: %s %s\n", port->index, port->pci, port->model);
}

static enum command_result print_ports(const struct call *call)
{
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
        if (port->no_card) {
            out_printf(call->out, "port%u %s\n", port->index, port->no_card);
            continue;
        }
        out_printf(call->out, "port%u %-4s %-5s %pM %11s %11s %7s %6s %6s\n", port->index,
                   link_text(port), speed_text(port, speed), port->mac,
                   brief(rx, sizeof(rx), count.rx_packets, 11),
                   brief(tx, sizeof(tx), count.tx_packets, 11),
                   brief(dropped, sizeof(dropped), count.rx_dropped, 7),
                   brief(missed, sizeof(missed), count.rx_missed_errors, 6),
                   brief(crc, sizeof(crc), count.rx_crc_errors, 6));
    }
    for (unsigned i = 0; i < ports_n; i++)
        place_line(call, &ports[i]);
    for (unsigned i = 0; i < ports_n; i++)
        if (ports[i].step)
            out_printf(call->out, "port%u: its card is being changed: %s\n", i, ports[i].step);
    for (unsigned i = 0; i < ports_n; i++) {
        if (!lanes_late(&ports[i]))
            continue;
        out_printf(call->out, "port%u: its queues are not as ordered yet on core", i);
        for (unsigned core = 0; core < lanes_cores; core++)
            if (lanes_late(&ports[i]) & BIT(core))
                out_printf(call->out, " %u", core);
        out_text(call->out, "\n");
    }
    return COMMAND_DONE;
}

static enum command_result show_ports(const struct call *call)
{
    return collect_first(call, print_ports);
}
COMMAND("show ports", "[-j]", "ports, their links and counters", show_ports);

static enum command_result set_to_zero(const struct call *call)
{
    for (unsigned i = 0; i < ports_n; i++)
        cleared[i] = ports[i].count;
    out_text(call->out, "counters of show ports set to zero; those of ledger and queues go on\n");
    return COMMAND_DONE;
}

static enum command_result clear_counters(const struct call *call)
{
    return collect_first(call, set_to_zero);
}
COMMAND("clear counters", "", "set the counters of show ports to zero", clear_counters);
