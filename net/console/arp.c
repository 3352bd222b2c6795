/* SPDX-License-Identifier: BSD-2-Clause
 * `show arp`, `set arp`, `clear arp`: the ports' addresses, the neighbours found by ARP, and those that
 * the operator names. Only core 0's stack has neighbours. Core 0, between bursts.
 */
#include "kernel/console/command.h"
#include "kernel/console/config.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/lib/parse.h"
#include "kernel/slice.h"
#include "net/lane/lane.h"
#include "net/lane/vlans.h"
#include "net/stack/netif.h"

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

#define LOOK_COST 30u /* instructions to look at an entry */

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

static void entry_row(const struct call *call, const struct port *port, const struct netif *nif,
                      const struct arp_entry *entry)
{
    static const char *const states[] = {"free", "asking", "known", "kept", "failed", "static"};
    bool is_learned = entry->state == ARP_KNOWN || entry->state == ARP_KEPT;

    arp_row(call, port, entry->ip, is_learned || entry->state == ARP_STATIC ? entry->mac : NULL,
            states[entry->state],
            is_learned && nif->now_ns > entry->known_ns
                ? (nif->now_ns - entry->known_ns) / 1000000000
                : 0);
}

/* The neighbours of a port: static ones, then the others in the order of the table. */
static void show_neighbours(const struct call *call, const struct port *port,
                            const struct netif *nif)
{
    const struct arp_cache *arp = &nif->arp;
    const struct arp_entry *entry = NULL;
    uint32_t rows = 0;

    for (; rows < ROWS_MAX && (entry = arp_next_static(arp, entry)) != NULL; rows++)
        entry_row(call, port, nif, entry);
    for (uint32_t k = 0; rows < ROWS_MAX && (entry = arp_entry(arp, k)) != NULL; k++) {
        slice_spend(LOOK_COST);
        if (entry->state != ARP_FREE && entry->state != ARP_STATIC) {
            entry_row(call, port, nif, entry);
            rows++;
        }
    }
    if (arp->n > rows)
        more_row(call, port, arp->n - rows);
}

static enum command_result show_arp(const struct call *call)
{
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
        show_neighbours(call, &ports[i], nif);
    }
    return COMMAND_DONE;
}
COMMAND("show arp", "[-j]", "the ports' addresses and their neighbours", show_arp);

/* The stack of the port that a word names, as 0, port0 or port0.10; NULL, after a message: it has
 * none. */
static struct netif *netif_of(const struct call *call, const char *word)
{
    struct port *port = NULL;
    unsigned number, vlan;
    uint64_t n;

    if (parse_u64(word, &n) && n < ports_n)
        port = &ports[n];
    else if (parse_port(word, &number, &vlan) && number < ports_n)
        port = vlan_find(&ports[number], vlan);
    if (!port)
        command_fail(call, "\"%.20s\" is not a port; expected 0 to %u", word, ports_n - 1);
    else if (!port->netif || !port->netif->is_configured)
        command_fail(call, "port %.20s has no address", word);
    else
        return port->netif;
    return NULL;
}

static enum command_result set_arp(const struct call *call)
{
    struct netif *nif;
    be32_t ip;
    uint8_t mac[6];

    if (call->argc != 3 || !parse_ipv4(call->argv[1], &ip) || !parse_mac(call->argv[2], mac))
        return command_fail(call, "usage: set arp N A.B.C.D MAC, such as 02:00:00:00:00:07");
    nif = netif_of(call, call->argv[0]);
    if (nif == NULL)
        return COMMAND_FAILED;
    const char *wrong = netif_set_neighbour(nif, be32_get(ip), mac);
    return wrong ? command_fail(call, "%s: %s", call->argv[1], wrong) : COMMAND_DONE;
}
COMMAND("set arp", "N A.B.C.D MAC", "a static neighbour of port N, unchanged by ARP", set_arp);

/* In steps. Those found meanwhile stay: the oldest go first. */
static void forget_all(struct arp_cache *arp)
{
    enum { STEP = 32, COST = 100 };
    uint32_t left = arp->n, n;

    for (; left > 0 && (n = arp_forget(arp, MIN(left, (uint32_t)STEP))) != 0; left -= n)
        slice_spend(n * COST);
}

static enum command_result clear_arp(const struct call *call)
{
    struct netif *nif = NULL;
    be32_t ip;

    if (call->argc > 2 || (call->argc == 2 && !parse_ipv4(call->argv[1], &ip)))
        return command_fail(call, "usage: clear arp [N [A.B.C.D]]");
    if (call->argc > 0 && (nif = netif_of(call, call->argv[0])) == NULL)
        return COMMAND_FAILED;
    if (call->argc == 2)
        return arp_remove(&nif->arp, be32_get(ip))
                   ? COMMAND_DONE
                   : command_fail(call, "%s is not a neighbour there", call->argv[1]);
    for (unsigned i = 0; i < ports_all; i++)
        if (ports[i].netif && (!nif || nif == ports[i].netif))
            forget_all(&ports[i].netif->arp);
    return COMMAND_DONE;
}
COMMAND("clear arp", "[N [A.B.C.D]]", "remove neighbours; a named one also if static", clear_arp);

static void put_neighbours(struct config *config)
{
    for (unsigned i = 0; i < ports_all; i++) {
        const struct arp_entry *entry = NULL;
        char name[PORT_NAME_BYTES], key[24];

        fmt_print(key, sizeof(key), "%s.arp", port_name(&ports[i], name));
        if (ports[i].no_card)
            config_keep(config, key); /* for when a card is back */
        while (ports[i].netif && (entry = arp_next_static(&ports[i].netif->arp, entry)) != NULL) {
            be32_t ip = be32_of(entry->ip);
            config_put(config, key, "%pI4,%pM", &ip, entry->mac);
        }
    }
}
CONFIG_PART(2, put_neighbours, "port#.arp", "port#.*.arp");
