/* SPDX-License-Identifier: BSD-2-Clause
 * The ping command: a job that sends one ICMP echo per second, waits up to a second for each reply,
 * and ends after the last or when it is interrupted. The job is polled and never blocks the lanes.
 */
#include "arch/tsc.h"
#include "kernel/console/command.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/lib/parse.h"
#include "net/lane/lane_control.h"
#include "net/run.h"
#include "net/stack/eth.h"
#include "net/stack/icmp.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "net/lane/vlans.h"

#define COUNT_DEFAULT 5u
#define COUNT_MAX     65535u /* as many as there are sequence numbers */
#define DATA_BYTES    56u
#define INTERVAL_NS   1000000000ull
#define TIMEOUT_NS    1000000000ull

enum stage {
    STAGE_RESOLVE, /* the next echo is due; the MAC address may not be known yet */
    STAGE_WAIT,    /* for the reply */
    STAGE_PAUSE,
};

/* The running ping; at most one. */
static struct {
    struct port *port;
    uint32_t to, next; /* next: the next hop, if the application has chosen one */
    char to_text[16];
    uint32_t count, tried, received, errors;
    uint16_t id;
    enum stage stage;
    uint64_t began_ns; /* the current round */
    uint64_t sent_ns;  /* the current echo */
    uint64_t min_ns, max_ns, sum_ns;
} ping;

static void ip_text(char text[16], uint32_t ip)
{
    be32_t wire = be32_of(ip);
    fmt_print(text, 16, "%pI4", &wire);
}

/* ---- Output ---- */

static void print_reply(const struct job *job, const struct netif_pinger *reply, uint64_t ns)
{
    if (job->json) {
        struct json j;
        json_begin(&j, job->out);
        json_u64(&j, "icmp_seq", reply->sequence);
        json_string(&j, "from", ping.to_text);
        json_u64(&j, "bytes", reply->data_bytes + ICMP_BYTES);
        json_u64(&j, "ttl", reply->ttl);
        json_u64(&j, "time_ns", ns);
        json_line(&j);
        return;
    }
    out_printf(job->out, "%u bytes from %s: icmp_seq=%u ttl=%u time=%lu.%03lu ms\n",
               reply->data_bytes + ICMP_BYTES, ping.to_text, reply->sequence, reply->ttl,
               ns / 1000000, ns / 1000 % 1000);
}

static void print_failure(const struct job *job, const char *from, const char *why)
{
    if (job->json) {
        struct json j;
        json_begin(&j, job->out);
        json_u64(&j, "icmp_seq", ping.tried);
        json_string(&j, "from", from);
        json_string(&j, "error", why);
        json_line(&j);
    } else if (from != NULL) {
        out_printf(job->out, "from %s icmp_seq=%u %s\n", from, ping.tried, why);
    } else {
        out_printf(job->out, "%s icmp_seq=%u %s\n", ping.to_text, ping.tried, why);
    }
}

static enum command_result print_summary(const struct job *job)
{
    uint32_t lost = ping.tried - ping.received;
    uint64_t mean_ns = ping.received != 0 ? ping.sum_ns / ping.received : 0;
    if (job->json) {
        struct json j;
        json_begin(&j, job->out);
        json_string(&j, "to", ping.to_text);
        json_u64(&j, "transmitted", ping.tried);
        json_u64(&j, "received", ping.received);
        json_u64(&j, "errors", ping.errors);
        json_u64(&j, "extra", ping.port->netif->ping.extra);
        json_u64(&j, "min_ns", ping.min_ns);
        json_u64(&j, "mean_ns", mean_ns);
        json_u64(&j, "max_ns", ping.max_ns);
        json_line(&j);
    } else {
        out_printf(job->out, "--- %s ping statistics ---\n", ping.to_text);
        out_printf(job->out, "%u packets transmitted, %u received", ping.tried, ping.received);
        if (ping.errors != 0)
            out_printf(job->out, ", +%u errors", ping.errors);
        if (ping.port->netif->ping.extra != 0)
            out_printf(job->out, ", %u unexpected %s", ping.port->netif->ping.extra,
                       ping.port->netif->ping.extra == 1 ? "reply" : "replies");
        out_printf(job->out, ", %u%% packet loss\n", ping.tried != 0 ? lost * 100 / ping.tried : 0);
        if (ping.received != 0)
            out_printf(job->out, "rtt min/avg/max = %lu.%03lu/%lu.%03lu/%lu.%03lu ms\n",
                       ping.min_ns / 1000000, ping.min_ns / 1000 % 1000, mean_ns / 1000000,
                       mean_ns / 1000 % 1000, ping.max_ns / 1000000, ping.max_ns / 1000 % 1000);
    }
    ping.port->netif->ping.is_on = false;
    return ping.received != 0 ? COMMAND_DONE : COMMAND_FAILED;
}

/* The text of an ICMP error, as other systems' ping prints it. */
static const char *error_text(const struct netif_pinger *error)
{
    static const char *const unreachable[] = {
        "Destination Net Unreachable",
        "Destination Host Unreachable",
        "Destination Protocol Unreachable",
        "Destination Port Unreachable",
        "Fragmentation needed",
    };
    if (error->type == ICMP_TIME_EXCEEDED)
        return "Time to live exceeded";
    if (error->type != ICMP_UNREACHABLE)
        return "ICMP error";
    return error->code < ARRAY_SIZE(unreachable) ? unreachable[error->code]
                                                 : "Destination Unreachable";
}

/* ---- One round ---- */

/* The current echo is done: answered, failed or timed out. */
static enum command_result settle(const struct job *job)
{
    if (ping.tried == ping.count)
        return print_summary(job);
    ping.stage = STAGE_PAUSE;
    return COMMAND_WAITS;
}

static enum command_result fail(const struct job *job, const char *from, const char *why)
{
    ping.errors += from != NULL;
    print_failure(job, from, why);
    return settle(job);
}

/* Send the next echo, once the MAC address is known. */
static enum command_result poll_resolve(const struct job *job, uint64_t now_ns)
{
    static uint8_t frame[ETH_BUFFER];
    struct netif *nif = ping.port->netif;
    char our_ip[16];
    uint8_t mac[6];
    uint32_t length;

    enum netif_way way = netif_resolve(nif, ping.next, mac);
    while ((length = netif_poll(nif, now_ns, frame)) != 0) /* send an ARP request at once */
        side_send(ping.port, frame, length);
    if (way == NETIF_ASKING && now_ns - ping.began_ns < TIMEOUT_NS)
        return COMMAND_WAITS;

    ping.tried++;
    if (way != NETIF_READY) {
        ip_text(our_ip, nif->ip);
        return fail(job, our_ip, "Destination Host Unreachable");
    }
    length = netif_ping(nif, frame, mac, ping.to, ping.id, (uint16_t)ping.tried, DATA_BYTES);
    ping.sent_ns = tsc_now_ns();
    if (!side_send(ping.port, frame, length))
        return fail(job, NULL, "not sent (see show ledger)");
    ping.stage = STAGE_WAIT;
    return COMMAND_WAITS;
}

static enum command_result poll_wait(const struct job *job, uint64_t now_ns)
{
    const struct netif_pinger *answer = &ping.port->netif->ping;

    if (answer->event == PING_REPLY) {
        uint64_t ns = answer->event_ns - ping.sent_ns;
        ping.min_ns = ping.received == 0 ? ns : MIN(ping.min_ns, ns);
        ping.max_ns = MAX(ping.max_ns, ns);
        ping.sum_ns += ns;
        ping.received++;
        print_reply(job, answer, ns);
        return settle(job);
    }
    if (answer->event == PING_ERROR) {
        char from[16];
        ip_text(from, answer->from);
        return fail(job, from, error_text(answer));
    }
    if (now_ns - ping.sent_ns >= TIMEOUT_NS)
        return fail(job, NULL, "no answer");
    return COMMAND_WAITS;
}

static enum command_result ping_poll(struct job *job, bool is_interrupted)
{
    uint64_t now_ns = tsc_now_ns();

    if (is_interrupted)
        return print_summary(job);
    if (ping.stage == STAGE_PAUSE && now_ns - ping.began_ns >= INTERVAL_NS) {
        ping.began_ns = now_ns;
        ping.stage = STAGE_RESOLVE;
    }
    switch (ping.stage) {
    case STAGE_RESOLVE:
        return poll_resolve(job, now_ns);
    case STAGE_WAIT:
        return poll_wait(job, now_ns);
    default:
        return COMMAND_WAITS;
    }
}

/* The port on whose subnet the address is, else the first with a gateway. */
static struct port *port_towards(uint32_t ip)
{
    struct port *by_gateway = NULL;
    for (unsigned i = 0; i < ports_all; i++) {
        const struct netif *nif = ports[i].netif;
        if (nif == NULL || !nif->is_configured)
            continue;
        if (netif_is_neighbour(nif, ip))
            return &ports[i];
        if (nif->gateways[0] != 0 && by_gateway == NULL)
            by_gateway = &ports[i];
    }
    return by_gateway;
}

static enum command_result ping_run(const struct call *call)
{
    be32_t address;
    uint64_t count = COUNT_DEFAULT;
    char name[PORT_NAME_BYTES];

    if (call->argc < 1 || call->argc > 2)
        return command_fail(call, "usage: ping ADDRESS [COUNT]; COUNT is %u by default",
                            COUNT_DEFAULT);
    if (!parse_ipv4(call->argv[0], &address))
        return command_fail(call, "%s is not an IPv4 address", call->argv[0]);
    if (call->argc == 2 && (!parse_u64(call->argv[1], &count) || count < 1 || count > COUNT_MAX))
        return command_fail(call, "COUNT must be 1 to %u", COUNT_MAX);
    if (run_app() != NULL && run_app()->takes_everything)
        return command_fail(call, "no ping with app=%s: it forwards every frame, replies included",
                            run_app()->name);
    if (lanes_are_stopped())
        return command_fail(call, "app=%s is stopped: no replies would be received (try: start)",
                            run_app()->name);
    uint32_t to = be32_get(address);
    uint32_t next = to;
    struct port *port = NULL;
    if (ip_is_host(to))
        port = run_app() != NULL && run_app()->towards != NULL ? run_app()->towards(to, &next)
                                                               : port_towards(to);
    if (port == NULL)
        return command_fail(call, "no port with an address leads to %s", call->argv[0]);
    port_name(port, name);
    if (to == port->netif->ip)
        return command_fail(call, "%s is %s itself", call->argv[0], name);
    if (!port->wire->link_is_up || port->wire->is_down)
        return command_fail(call, "%s %s", name,
                            port->wire->is_down ? "is out of service" : "has no link");

    uint64_t now_ns = tsc_now_ns();
    memset(&ping, 0, sizeof(ping));
    ping.port = port;
    ping.to = to;
    ping.next = next;
    ip_text(ping.to_text, to);
    ping.count = (uint32_t)count;
    ping.id = (uint16_t)(now_ns / 1000);
    ping.began_ns = now_ns;
    port->netif->ping.extra = 0;
    if (!call->json)
        out_printf(call->out, "PING %s: %u data bytes from %s\n", ping.to_text, DATA_BYTES, name);
    call->job->poll = ping_poll;
    return COMMAND_WAITS;
}
COMMAND("ping", "<address> [count] [-j]", "send ICMP echoes; ^C ends it", ping_run);
