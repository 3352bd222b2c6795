/* SPDX-License-Identifier: BSD-2-Clause
 * `show arp`: the ports' addresses and the neighbours found by ARP.
 */
#include "kernel/console/command.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "net/lane/lane.h"
#include "net/stack/netif.h"

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

/* As many neighbours of a port are listed; app=route has up to thousands. */
#define ROWS_MAX 64u

static void more_row(const struct call *call, unsigned port, uint32_t more)
{
    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_u64(&j, "port", port);
        json_u64(&j, "more", more);
        json_line(&j);
    } else {
        out_printf(call->out, "port%-2u %u more; show routes ADDRESS shows one\n", port, more);
    }
}

/* The neighbours of a port in the order of the table. */
static void show_neighbours(const struct call *call, unsigned port, const struct netif *nif)
{
    static const char *const states[] = {"free", "asking", "known", "kept", "failed", "static"};
    const struct arp_entry *entry;
    uint32_t rows = 0;

    for (uint32_t k = 0; rows < ROWS_MAX && (entry = arp_entry(&nif->arp, k)) != NULL; k++) {
        bool is_learned = entry->state == ARP_KNOWN || entry->state == ARP_KEPT;
        if (entry->state == ARP_FREE)
            continue;
        rows++;
        arp_row(call, port, entry->ip, is_learned || entry->state == ARP_STATIC ? entry->mac : NULL,
                states[entry->state],
                is_learned ? (nif->now_ns - entry->known_ns) / 1000000000 : 0);
    }
    if (nif->arp.n > rows)
        more_row(call, port, nif->arp.n - rows);
}

static enum command_result show_arp(const struct call *call)
{
    if (!call->json)
        out_text(call->out, "port   address          mac                state         age\n");
    for (unsigned i = 0; i < ports_n; i++) {
        const struct netif *nif = ports[i].netif;
        if (nif == NULL || !nif->is_configured)
            continue;
        arp_row(call, ports[i].index, nif->ip, nif->mac,
                nif->is_refused        ? "in use"
                : netif_is_silent(nif) ? "probing"
                                       : "ours",
                0);
        show_neighbours(call, ports[i].index, nif);
    }
    return COMMAND_DONE;
}
COMMAND("show arp", "[-j]", "the ports' addresses and their neighbours", show_arp);
