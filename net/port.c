/* SPDX-License-Identifier: BSD-2-Clause
 * Putting ports into and out of service by command. Core 0, between bursts.
 */
#include "kernel/command.h"
#include "kernel/config.h"
#include "kernel/fmt.h"
#include "kernel/parse.h"
#include "kernel/str.h"
#include "net/lane.h"
#include "net/netif.h"

static enum command_result set_port(const struct call *call)
{
    uint64_t n;

    if (call->argc != 2 || !parse_u64(call->argv[0], &n) || n >= ports_n)
        return command_fail(call, "which port, up or down? There are %u, from 0 on", ports_n);
    struct port *port = &ports[n];
    if (str_equal(call->argv[1], "down")) {
        if (!port->is_down)
            port_take_down(port, "by command");
    } else if (!str_equal(call->argv[1], "up")) {
        return command_fail(call, "\"%s\" is neither up nor down", call->argv[1]);
    } else if (port_restart(port) != OK) {
        return command_fail(call, "port%u did not come back; the log says why", port->index);
    }
    return COMMAND_DONE;
}
COMMAND("set port", "N up|down", "take a port out of service, or put it back", set_port);

static void put_ports(struct config *config)
{
    for (unsigned i = 0; i < ports_n; i++) {
        const struct netif *nif = ports[i].netif;
        char key[16];

        if (nif == NULL || !nif->is_configured)
            continue;
        be32_t ip = be32_of(nif->ip), gateway = be32_of(nif->gateway);
        fmt_print(key, sizeof(key), "port%u.ip", i);
        config_put(config, key, "%pI4/%u", &ip, nif->prefix);
        fmt_print(key, sizeof(key), "port%u.gw", i);
        if (nif->gateway != 0)
            config_put(config, key, "%pI4", &gateway);
    }
}
CONFIG_PART(put_ports, "port#.ip", "port#.gw");
