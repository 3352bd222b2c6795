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
static struct {
    struct port *port;
    uint32_t ip, prefix, gateways[2];
    bool was_stopped, is_set;
    const char *wrong;
} new_address;

/* The lanes are stopped. */
static void change_address(void)
{
    const struct app *app = run_app();
    struct port *port = new_address.port;
    struct netif *nif = port->netif;

    for (unsigned core = 0; core < lanes_cores && !new_address.wrong; core++)
        new_address.wrong = netif_configure(&nif[core], port->mac, new_address.ip,
                                            new_address.prefix, new_address.gateways);
    if (app->readdress)
        app->readdress();
    for (unsigned i = 0; i < lanes_n && app->start; i++)
        app->start(&lanes[i]);
    if (port->link_is_up)
        netif_link_up(nif);
}

static enum command_result address_poll(struct job *job, bool is_interrupted)
{
    const struct call call = {.out = job->out, .json = job->json};

    if (is_interrupted) {
        if (!new_address.is_set && !new_address.was_stopped)
            lanes_start();
        return COMMAND_DONE;
    }
    if (lanes_are_changing())
        return COMMAND_WAITS;
    if (!new_address.is_set) {
        change_address();
        new_address.is_set = true;
        if (!new_address.was_stopped)
            lanes_start();
        return COMMAND_WAITS;
    }
    return new_address.wrong ? command_fail(&call, "address not set: %s", new_address.wrong)
                             : COMMAND_DONE;
}

static enum command_result set_address(const struct call *call, struct port *port)
{
    const struct app *app = run_app();
    struct netif *nif = port->netif;
    bool is_ip = str_equal(call->argv[1], "ip");
    struct ipv4_prefix prefix;
    be32_t gateway;

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
    new_address.port = port;
    new_address.ip = be32_get(prefix.address);
    new_address.prefix = prefix.bits;
    new_address.gateways[0] = be32_get(gateway);
    new_address.gateways[1] = nif->gateways[1];
    if (is_ip && prefix.bits != 32 &&
        ((new_address.ip ^ new_address.gateways[0]) & ip_mask(prefix.bits)) != 0)
        new_address.gateways[0] = new_address.gateways[1] = 0; /* not on the new subnet */
    new_address.was_stopped = lanes_are_stopped();
    new_address.is_set = false;
    new_address.wrong = NULL;
    if (!new_address.was_stopped)
        lanes_stop(run_poll());
    call->job->poll = address_poll;
    return COMMAND_WAITS;
}

/* `set port N up` or `down`: until core 0's task has done it, which goes on after a ^C. */
static struct port *changing;

static enum command_result state_poll(struct job *job, bool is_interrupted)
{
    const struct call call = {.out = job->out, .json = job->json};
    enum err err;

    if (is_interrupted)
        return COMMAND_DONE;
    if (port_is_busy(changing, &err))
        return COMMAND_WAITS;
    if (err)
        return command_fail(&call, "port%u did not restart; the log has the reason",
                            changing->index);
    return COMMAND_DONE;
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
    changing = port;
    call->job->poll = state_poll;
    return COMMAND_WAITS;
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
