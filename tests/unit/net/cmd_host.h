/* SPDX-License-Identifier: BSD-2-Clause
 * Console commands over ports and lanes made up here, for tests: a wire with a peer that may answer,
 * `show config`, a shell whose terminal has 80 columns, and a strict parser of the JSON that is
 * printed.
 */
#ifndef TESTS_UNIT_CMD_HOST_H
#define TESTS_UNIT_CMD_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ctype.h>

#include "kernel/console/config.h"
#include "kernel/console/shell.h"
#include "kernel/lib/fmt.h"
#include "kernel/mailbox.h"
#include "net/lane/lane_control.h"
#include "net/lane/ledger.h"
#include "net/lane/rss_key.h"
#include "net/run.h"
#include "net/stack/eth.h"
#include "net/stack/netif.h"
#include "tests/unit/frames.h"
#include "tests/unit/kernel/terminal.h"

#define SECOND 1000000000ull

/* The command table, as the host's linker collects it. */
extern const struct command __start_commands[], __stop_commands[];

/* ---- The state that the commands read ---- */

struct port ports[PORTS_MAX];
unsigned ports_n, ports_all;
struct lane lanes[LANES_MAX];
struct side lanes_sides[PORTS_MAX][QUEUES_MAX];
struct side *lanes_feeds[PORTS_MAX];
unsigned lanes_n, lanes_cores = 1, lanes_control_n;

static struct netif netifs[2];
static struct lane_ledger lane_rows[LANES_MAX];
static struct side_ledger side_rows[PORTS_MAX];
static struct app echo_app = {.name = "echo"};
static uint64_t now_ns;
static unsigned polled;

static uint32_t late_cores;
uint32_t lanes_late(const struct port *port)
{
    (void)port;
    return late_cores;
}
struct lane_ledger lane_ledger(const struct lane *lane)
{
    return lane_rows[lane - lanes];
}
struct side_ledger side_ledger(const struct side *side)
{
    for (unsigned i = 0; i < ports_n; i++)
        if (side == port_side(&ports[i], 0))
            return side_rows[i];
    return (struct side_ledger){0};
}
const uint8_t *rss_key(void)
{
    static const uint8_t key[RSS_KEY_BYTES] = {0x0A, 0xF0, [RSS_KEY_BYTES - 1] = 0x5C};
    return key;
}
static bool is_stopped;
bool lanes_are_stopped(void)
{
    return is_stopped;
}
const struct app *run_app(void)
{
    return &echo_app;
}
uint64_t machine_clock_ns; /* read by tests/host/arch/cpu.h */
uint64_t tsc_ns(uint64_t ticks)
{
    return ticks;
}
uint64_t tsc_now_ns(void)
{
    return now_ns;
}
enum { GROUPS = 3 };
static inline bool poll_counter_group(struct port *port, unsigned group)
{
    (void)port;
    assert_int_equal(group, polled % GROUPS); /* in order, and none twice */
    polled++;
    return group + 1 < GROUPS;
}
static const struct port_ops ops = {.poll_counter_group = poll_counter_group};

/* ---- The wire: the last frame sent, and a peer that may answer ---- */

static uint8_t wire[ETH_BUFFER];
static unsigned echoes, arps;
static bool peer_has_arp, peer_answers, peer_repeats, wire_is_full;
static int peer_refuses;   /* code of the error that the peer sends; -1: none */
static uint8_t peer_error; /* type of that error */

bool side_send(struct port *port, const uint8_t *frame, uint32_t length)
{
    uint8_t reply[ETH_BUFFER];
    struct netif *nif = port->netif;
    if (wire_is_full)
        return false;
    memcpy(wire, frame, length);
    assert_null(fault_of(frame, length));
    memcpy(reply, frame, length);
    if (get16(frame + 12) == 0x0806 && get32(frame + 38) != US_IP) {
        arps++;
        if (peer_has_arp)
            netif_input(
                nif, reply,
                (uint32_t)make_arp(reply, 2, US_MAC, PEER_MAC, get32(frame + 38), US_MAC, US_IP));
    } else if (get16(frame + 12) == 0x0800) {
        echoes++;
        if (peer_answers) {
            memcpy(reply, US_MAC PEER_MAC, 12);
            put32(reply + 26, get32(frame + 30));
            put32(reply + 30, US_IP);
            reply[34] = 0;
            fix_payload(reply, ETH_BUFFER);
            fix_ip(reply);
            now_ns += 1234567 * (echoes % 3 + 1);
            uint8_t again[ETH_BUFFER];
            memcpy(again, reply, length);
            netif_input(nif, reply, length);
            if (peer_repeats)
                netif_input(nif, again, length);
        } else if (peer_refuses >= 0) {
            memset(reply + 34, 0, 8);
            reply[34] = peer_error;
            reply[35] = (uint8_t)peer_refuses;
            memcpy(reply + 42, frame + 14, 28);
            netif_input(nif, reply, (uint32_t)make_ip(reply, 1, PEER_IP, US_IP, 0, 36));
        }
    }
    return true;
}

/* ---- show config: what its parts put ---- */

static char config_text[1024];

void config_put(struct config *config, const char *key, const char *fmt, ...)
{
    size_t n = strlen(config_text);
    va_list args;

    (void)config;
    va_start(args, fmt);
    n += (size_t)snprintf(config_text + n, sizeof(config_text) - n, " %s=", key);
    fmt_vprint(config_text + n, sizeof(config_text) - n, fmt, args);
    va_end(args);
}
void config_keep(struct config *config, const char *key)
{
    config_put(config, key, "kept");
}
static inline const char *config(void)
{
    config_text[0] = 0;
    for (const struct config_part *part = configs_start; part < configs_end; part++)
        part->put(NULL);
    return config_text;
}

/* ---- The console ---- */

static struct terminal terminal;
static const struct out out = {terminal_write, &terminal};
static struct shell sh;
static struct commands commands;

static inline int start(void **state)
{
    (void)state;
    memset(ports, 0, sizeof(ports));
    memset(lanes, 0, sizeof(lanes));
    memset(lanes_sides, 0, sizeof(lanes_sides));
    memset(lanes_feeds, 0, sizeof(lanes_feeds));
    memset(lane_rows, 0, sizeof(lane_rows));
    memset(side_rows, 0, sizeof(side_rows));
    memset(netifs, 0, sizeof(netifs));
    now_ns = 5 * SECOND;
    echoes = arps = polled = 0;
    peer_has_arp = peer_answers = true;
    peer_repeats = wire_is_full = false;
    peer_refuses = -1;
    peer_error = 3;
    echo_app.takes_everything = false;
    ports_n = ports_all = lanes_n = 2;
    for (unsigned i = 0; i < 2; i++) {
        struct port *port = &ports[i];
        port->index = i;
        port->wire = port;
        port->driver = "x540";
        port->model = "X540-AT2";
        memcpy(port->pci, i ? "0000:02:00.1" : "0000:01:00.0", 13);
        memcpy(port->mac, US_MAC, 6);
        port->link_is_up = i == 0;
        port->speed_mbps = i == 0 ? 10000 : 0;
        port->ops = &ops;
        lanes[i].in = lanes[i].out = port;
    }
    assert_null(netif_configure(&netifs[0], (const uint8_t *)US_MAC, US_IP, 24,
                                (uint32_t[2]){IP(192, 0, 2, 254)}));
    netifs[0].clock = tsc_now_ns;
    ports[0].netif = &netifs[0];
    commands = (struct commands){__start_commands, __stop_commands, NULL};
    terminal_clear(&terminal);
    shell_init(&sh, &commands, &out, "> ");
    assert_true(shell_start(&sh, NULL, NULL));
    shell_poll(&sh);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    terminal_clear(&terminal);
    return 0;
}

/* Type a line and advance time until its commands end. Returns what they printed. */
static inline const char *run(const char *line)
{
    terminal_clear(&terminal);
    for (const char *c = line; *c != 0; c++)
        shell_feed(&sh, (uint8_t)*c);
    shell_feed(&sh, '\r');
    for (unsigned i = 0; i < 1000000 && (shell_poll(&sh) || sh.has_script); i++)
        now_ns += 1000000;
    assert_false(sh.has_script);
    const char *first = strchr(terminal.text, '\n');
    return first + 1;
}

/* ---- A strict JSON parser ---- */

static inline const char *json_value(const char *p)
{
    if (*p == '{' || *p == '[') {
        char end = *p == '{' ? '}' : ']';
        bool is_object = *p++ == '{';
        if (*p == end)
            return p + 1;
        for (;;) {
            if (is_object) {
                assert_int_equal(*p, '"');
                p = json_value(p);
                assert_int_equal(*p++, ':');
            }
            p = json_value(p);
            if (*p == end)
                return p + 1;
            assert_int_equal(*p++, ',');
        }
    }
    if (*p == '"') {
        for (p++; *p != '"'; p++) {
            assert_true(*p >= 0x20);
            if (*p == '\\')
                p++;
        }
        return p + 1;
    }
    if (isdigit((unsigned char)*p)) {
        while (isdigit((unsigned char)*p))
            p++;
        return p;
    }
    static const char *const words[] = {"true", "false", "null"};
    for (unsigned i = 0; i < 3; i++)
        if (strncmp(p, words[i], strlen(words[i])) == 0)
            return p + strlen(words[i]);
    fail_msg("no JSON value: %.20s", p);
    return p;
}

/* Checks that text is JSON objects, one a line; returns how many. */
static inline unsigned json_lines(const char *text)
{
    unsigned n = 0;
    for (; *text != 0; n++) {
        assert_int_equal(*text, '{');
        text = json_value(text);
        assert_int_equal(*text++, '\n');
    }
    return n;
}

static inline void fits_80_columns(const char *text)
{
    while (*text != 0) {
        const char *end = strchr(text, '\n');
        assert_non_null(end);
        if (end - text > 80)
            fail_msg("wider than 80 columns: %.*s", (int)(end - text), text);
        text = end + 1;
    }
}

#endif
