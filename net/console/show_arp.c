/* SPDX-License-Identifier: BSD-2-Clause
 * `show arp`: the ports' addresses and the neighbours found by ARP.
 */
#include "kernel/console/command.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "net/lane/lane.h"
#include "net/stack/netif.h"
#include "net/lane/vlans.h"

static void json_port(struct json *j, const struct port *port)
{
    json_u64(j, "port", port->wire->index);
    if (port->vlan)
        json_u64(j, "vlan", port->vlan);
}

static void arp_row(const struct call *call, const struct port *port, uint32_t ip,
                    const uint8_t *mac, const char *state, uint64_t age_s)
{
    char ip_text[16], mac_text[18] = "-", name[PORT_NAME_BYTES];
    be32_t ip_wire = be32_of(ip);
    fmt_print(ip_text, sizeof(ip_text), "%pI4", &ip_wire);
    if (mac != NULL)
        fmt_print(mac_text, sizeof(mac_text), "%pM", mac);
    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_port(&j, port);
        json_string(&j, "ip", ip_text);
        json_string(&j, "mac", mac != NULL ? mac_text : NULL);
        json_string(&j, "state", state);
        json_u64(&j, "age_s", age_s);
        json_line(&j);
    } else {
        out_printf(call->out, "%-6s %-15s  %-17s  %-6s %8lu s\n", port_name(port, name), ip_text,
                   mac_text, state, age_s);
    }
}

/* As many neighbours of a port are listed; app=route has up to thousands. */
#define ROWS_MAX 64u

static void more_row(const struct call *call, const struct port *port, uint32_t more)
{
    char name[PORT_NAME_BYTES];

    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_port(&j, port);
        json_u64(&j, "more", more);
        json_line(&j);
    } else {
        out_printf(call->out, "%-6s %u more; show routes ADDRESS shows one\n",
                   port_name(port, name), more);
    }
}

static enum command_result show_arp(const struct call *call)
{
    static const char *const states[] = {"free", "asking", "known", "kept", "failed"};
    if (!call->json)
        out_text(call->out, "port   address          mac                state         age\n");
    for (unsigned i = 0; i < ports_all; i++) {
        const struct netif *nif = ports[i].netif;
        if (nif == NULL || !nif->is_configured)
            continue;
        arp_row(call, &ports[i], nif->ip, nif->mac,
                nif->is_refused        ? "in use"
                : netif_is_silent(nif) ? "probing"
                                       : "ours",
                0);
        const struct arp_entry *entry;
        for (uint32_t k = 0; k < ROWS_MAX && (entry = arp_entry(&nif->arp, k)) != NULL; k++) {
            bool is_known = entry->state == ARP_KNOWN || entry->state == ARP_KEPT;
            arp_row(call, &ports[i], entry->ip, is_known ? entry->mac : NULL, states[entry->state],
                    is_known ? (nif->now_ns - entry->known_ns) / 1000000000 : 0);
        }
        if (nif->arp.used > ROWS_MAX)
            more_row(call, &ports[i], nif->arp.used - ROWS_MAX);
    }
    return COMMAND_DONE;
}
COMMAND("show arp", "[-j]", "the ports' addresses and their neighbours", show_arp);
