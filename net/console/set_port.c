/* SPDX-License-Identifier: BSD-2-Clause
 * `set port`: put ports into and out of service, set their addresses. Core 0, between bursts.
 */
#include "kernel/console/command.h"
#include "kernel/console/config.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"
#include "net/lane/lane_control.h"
#include "net/run.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"

/* set port N ip A/B, or gw A. The lanes are stopped meanwhile, since each core's stack changes, and
 * what the application derives from the addresses. */
static enum command_result set_address(const struct call *call, struct port *port)
{
    const struct app *app = run_app();
    struct netif *nif = port->netif;
    bool is_ip = str_equal(call->argv[1], "ip"), was_stopped = lanes_are_stopped();
    struct ipv4_prefix prefix;
    be32_t gateway;
    uint32_t gateways[2];

    if (nif == NULL)
        return command_fail(call, "port%u has no stack; port%u.ip= must be on the boot line",
                            port->index, port->index);
    if (app->start != NULL && app->readdress == NULL)
        return command_fail(call, "app=%s takes addresses from the boot line only", app->name);
    prefix = (struct ipv4_prefix){be32_of(nif->ip), nif->prefix};
    gateway = be32_of(nif->gateways[0]);
    if (!(is_ip ? parse_prefix(call->argv[2], &prefix) : parse_ipv4(call->argv[2], &gateway)))
        return command_fail(call, "\"%.40s\" is invalid; expected A.B.C.D%s", call->argv[2],
                            is_ip ? "/BITS" : "");
    gateways[0] = be32_get(gateway);
    gateways[1] = nif->gateways[1];
    if (is_ip && prefix.bits != 32 &&
        ((be32_get(prefix.address) ^ gateways[0]) & ip_mask(prefix.bits)) != 0)
        gateways[0] = gateways[1] = 0; /* the old ones are not on the new subnet */
    if (!was_stopped)
        lanes_stop(app->poll);
    const char *wrong = NULL;
    for (unsigned core = 0; core < lanes_cores && wrong == NULL; core++)
        wrong =
            netif_configure(&nif[core], port->mac, be32_get(prefix.address), prefix.bits, gateways);
    if (app->readdress)
        app->readdress();
    for (unsigned i = 0; i < lanes_n && app->start; i++)
        app->start(&lanes[i]);
    if (port->link_is_up)
        netif_link_up(nif);
    if (!was_stopped)
        lanes_start();
    return wrong ? command_fail(call, "address not set: %s", wrong) : COMMAND_DONE;
}

static enum command_result set_port(const struct call *call)
{
    static const char words[] = "down|up|ip|gw";
    enum { DOWN, UP };
    unsigned word;
    uint64_t n;

    if (call->argc < 2 || !parse_u64(call->argv[0], &n) || n >= ports_n)
        return command_fail(call, "usage: set port N up, down, ip A/B or gw A; N is below %u",
                            ports_n);
    if (!parse_enum(call->argv[1], words, &word) || call->argc != (word > UP ? 3 : 2))
        return command_fail(call, "usage: set port %lu up, down, ip A.B.C.D/BITS or gw A.B.C.D", n);
    struct port *port = &ports[n];
    if (port->no_card)
        return command_fail(call, "port%lu has no working card; cards are only looked for at boot",
                            n);
    if (word > UP)
        return set_address(call, port);
    if (word == DOWN && !port->is_down)
        port_take_down(port, "by command");
    if (word == UP && port_restart(port) != OK)
        return command_fail(call, "port%u did not restart; the log has the reason", port->index);
    return COMMAND_DONE;
}
COMMAND("set port", "N up|down|ip A/B|gw A", "start or stop a port, set its address", set_port);

static void put_ports(struct config *config)
{
    for (unsigned i = 0; i < ports_n; i++) {
        static const char *const names[] = {"ip", "gw", "gw2", "state"};
        const struct netif *nif = ports[i].netif;
        char key[16];

        /* Without a stack as given: for when a card is back, or of a VLAN's port. The state is known if
         * there is a card. */
        const unsigned given = ARRAY_SIZE(names) - (ports[i].no_card ? 0 : 1);
        for (unsigned k = 0; k < given && !nif; k++) {
            fmt_print(key, sizeof(key), "port%u.%s", i, names[k]);
            config_keep(config, key);
        }
        fmt_print(key, sizeof(key), "port%u.state", i);
        if (ports[i].is_down && !ports[i].is_gone)
            config_put(config, key, "down");
        if (nif == NULL || !nif->is_configured)
            continue;
        be32_t ip = be32_of(nif->ip);
        fmt_print(key, sizeof(key), "port%u.ip", i);
        config_put(config, key, "%pI4/%u", &ip, nif->prefix);
        for (unsigned k = 0; k < 2; k++) {
            be32_t gateway = be32_of(nif->gateways[k]);
            fmt_print(key, sizeof(key), k == 0 ? "port%u.gw" : "port%u.gw2", i);
            if (nif->gateways[k] != 0)
                config_put(config, key, "%pI4", &gateway);
        }
    }
}
CONFIG_PART(2, put_ports, "port#.ip", "port#.gw", "port#.gw2", "port#.state");
