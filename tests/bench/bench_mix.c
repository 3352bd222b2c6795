/* SPDX-License-Identifier: BSD-2-Clause
 * A row of the bench of mixes through our image: `bench_mix ROW FRAMES` boots net_start and net_run
 * with a boot line, over the model's cards, answers ARP for the gateways as hosts would, and then
 * inputs a burst for each port before each round of core 0's loop. All that core_loop does in a round
 * is counted, not only the application's loop: the console's poll, which is the end of a round, is
 * where the cards work and frames are made and judged (mixes.h). callgrind counts from there to there
 * (tests/bench/count.py). `bench_mix list` prints the rows as JSON, `bench_mix pcie ROW FRAMES` what
 * the cards' accesses are on a PCIe link, as the model counts them (tests/model/x540_core.h).
 *
 * Printed: frames, then cycles a frame: best, median; then the same with the headers in L3 only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "boot/cmdline.h"
#include "drivers/nic.h"
#include "kernel/start.h"
#include "net/lane/capture.h"
#include "net/lane/ledger.h"
#include "net/run.h"
#include "tests/bench/bar.h"
#include "tests/bench/clock.h"
#include "tests/bench/mixes.h"
#include "tests/bench/routes.h"
#include "tests/host/machine.h"

#define SPAN 0x40000000ull /* of one card's registers in machine.c */
uint64_t machine_read(uintptr_t address, uint32_t bytes);
void machine_write(uintptr_t address, uint64_t value, uint32_t bytes);

enum {
    SET_UP_ROUNDS = 2000, /* of 10 ms: links, ARP probes, announcements, the gateways */
    SET_UP_NS = 10000000,
    QUIET_ROUNDS = 512, /* without time, to end what is due */
    WARM_FRAMES = 4096, /* every slot of every ring is used at least once */
    IDLE_ROUNDS = 2000,
    ROUNDS_MAX = 100, /* to handle one burst */
};

static enum { SETTING_UP, WARMING, COUNTING, COLD } phase;
static uint64_t frames, handled, counted, began, burst_cycles;
static struct ledger before;
static double warm_best, warm_median;
static bool prints_pcie;
static struct x540_pcie pcie_before[MIX_PORTS_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "bench_mix: %s\n", what);
    exit(1);
}

/* ---- The wire ---- */

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static struct {
    unsigned port;
    uint8_t bytes[MIX_BYTES_MIN];
} replies[256];
static unsigned replies_n;

/* While setting up: note the gateway's answer to an ARP request. */
static void answer_arp(unsigned port, const uint8_t *frame, uint32_t length)
{
    uint8_t *reply = replies[replies_n].bytes;
    uint32_t wanted = get32(frame + 38);
    unsigned gateway = wanted - mix_gateway_ip(port, 0);

    if (length < 42 || frame[12] != 8 || frame[13] != 6 || frame[21] != 1 ||
        mix->app != MIX_ROUTE || gateway >= BENCH_GATEWAYS || replies_n == ARRAY_SIZE(replies))
        return;
    memset(reply, 0, MIX_BYTES_MIN);
    memcpy(reply, frame, 32);
    memcpy(reply, frame + 6, 6);
    mix_gateway_mac(port, gateway, reply + 6);
    reply[21] = 2;
    mix_gateway_mac(port, gateway, reply + 22);
    memcpy(reply + 28, frame + 38, 4);
    memcpy(reply + 32, frame + 22, 10);
    replies[replies_n++].port = port;
}

static void frame_out(void *opaque, const uint8_t *frame, uint32_t length)
{
    unsigned port = (unsigned)(uintptr_t)opaque;

    if (phase == SETTING_UP)
        answer_arp(port, frame, length);
    else
        mix_sent(port, frame, length);
}

static void feed_burst(void)
{
    uint8_t bytes[MIX_BYTES_MAX];

    if (mix->kind == MIX_IDLE)
        return;
    for (unsigned p = 0; p < mix_ports(); p++) /* write-backs are gathered, as under load */
        x540_hold(machine_cards[p].model, true);
    for (unsigned k = 0; k < mix_burst(); k++)
        for (unsigned p = 0; p < mix_ports(); p++) {
            uint32_t length = mix_next(p, bytes);
            x540_frame_in(machine_cards[p].model, bytes, length);
        }
    for (unsigned p = 0; p < mix_ports(); p++)
        x540_hold(machine_cards[p].model, false);
}

/* ---- Between two rounds ---- */

static void filter_nothing(void)
{
    /* udp dst port 1, IPv4 only, as tcpdump compiles it. */
    static const char *const words[] = {"11",        "40 0 0 12", "21 0 8 2048",  "48 0 0 23",
                                        "21 0 6 17", "40 0 0 20", "69 4 0 8191",  "177 0 0 14",
                                        "72 0 0 16", "21 0 1 1",  "6 0 0 262144", "6 0 0 0"};
    static struct bpf filter;
    unsigned at;

    if (bpf_read(&filter, ARRAY_SIZE(words), words, &at, NULL))
        fail("the filter is invalid");
    if (!capture_set(&(struct capture_request){.port = &ports[0], .filter = &filter}))
        fail("capture does not start");
}

static void set_up_round(void)
{
    static unsigned n;
    unsigned left = replies_n;

    if (n < SET_UP_ROUNDS)
        machine_wait_ns(SET_UP_NS);
    for (unsigned i = 0; i < left; i++)
        machine_frame_in(replies[i].port, replies[i].bytes, MIX_BYTES_MIN);
    replies_n = 0;
    if (++n < SET_UP_ROUNDS + QUIET_ROUNDS)
        return;
    for (unsigned p = 0; p < mix_ports(); p++) {
        if (!ports[p].link_is_up)
            fail("a link is not up");
        bar_tails_are_memory(REGISTERS + p * SPAN);
    }
    if (mix->has_capture)
        filter_nothing();
    before = ledger_read();
    phase = WARMING;
}

/* Every frame is counted once, as the row says. */
static const char *ledger_wrong(void)
{
    static const char *const names[DROP_COUNT] = {
#define NAME(name, text) #name,
        DROP_LIST(NAME)
#undef NAME
    };
    static char text[100];
    struct ledger now = ledger_read();
    uint64_t fed = mix_fed(), sent = now.sent + now.held - before.sent - before.held;
    uint64_t generated = now.generated - before.generated;

    if (!now.is_balanced)
        return "the ledger does not balance";
    if (now.received - before.received != fed)
        return "the ledger has not received every frame";
    if (mix->what != MIX_CAPTURES && sent != mix_right() + mix_errors())
        return "the ledger's number of sent frames is not the wire's";
    for (unsigned i = 0; i < DROP_COUNT; i++) {
        bool is_ours = mix->drop && strcmp(names[i], mix->drop) == 0;
        uint64_t n = now.drops[i] - before.drops[i];
        if (n == (is_ours ? fed : 0) || mix->what == MIX_CAPTURES)
            continue;
        snprintf(text, sizeof(text), "%lu of %lu frames were dropped as %s", n, fed, names[i]);
        return text;
    }
    uint64_t consumed = now.consumed - before.consumed;
    if (mix->is_consumed && consumed != fed)
        return "a frame was not consumed";
    if (mix->what != MIX_CAPTURES && mix_right() + mix_errors() + consumed < generated)
        return "frames were generated that nothing explains";
    return NULL;
}

/* Bytes a frame each way, by kind, of all cards together, as JSON. */
static void print_pcie(void)
{
    double up = 0, down = 0;

    printf("{");
    for (unsigned kind = 0; kind < X540_PCIE_KINDS; kind++) {
        uint64_t bytes_up = 0, bytes_down = 0;
        for (unsigned p = 0; p < mix_ports(); p++) {
            struct x540_pcie now = x540_pcie(machine_cards[p].model);
            bytes_up += now.kind[kind].bytes_up - pcie_before[p].kind[kind].bytes_up;
            bytes_down += now.kind[kind].bytes_down - pcie_before[p].kind[kind].bytes_down;
        }
        up += (double)bytes_up;
        down += (double)bytes_down;
        printf("\"%s\": [%.3f, %.3f], ", x540_pcie_name(kind), (double)bytes_up / (double)handled,
               (double)bytes_down / (double)handled);
    }
    printf("\"all\": [%.3f, %.3f]}\n", up / (double)handled, down / (double)handled);
}

static void end(void)
{
    if (mix_wrong())
        fail(mix_wrong());
    if (ledger_wrong())
        fail(ledger_wrong());
    bool is_judged =
        mix->kind < MIX_DROPPED && (mix->what != MIX_CAPTURES || mix->app == MIX_FORWARD);
    bool is_joined = mix->is_fragmented && mix->app == MIX_ECHO; /* one answer to two fragments */
    if (is_judged && mix_right() << is_joined != mix_fed())
        fail("a frame was not answered");
    if (prints_pcie) {
        print_pcie();
        exit(0);
    }
    printf("%lu %.1f %.1f %.1f %.1f\n", counted, warm_best, warm_median, clock_best(),
           clock_median());
    exit(0);
}

static void next_phase(void)
{
    if (phase == WARMING) {
        phase = COUNTING;
        for (unsigned p = 0; p < mix_ports(); p++)
            pcie_before[p] = x540_pcie(machine_cards[p].model);
        CALLGRIND_START_INSTRUMENTATION;
    } else if (phase == COUNTING) {
        counted = handled;
        warm_best = clock_best();
        warm_median = clock_median();
        phase = COLD;
        if (RUNNING_ON_VALGRIND || prints_pcie)
            end();
    } else {
        end();
    }
    clock_forget();
    handled = 0;
}

static bool is_over(void)
{
    if (mix->kind == MIX_IDLE)
        return handled >= IDLE_ROUNDS;
    return handled >= (phase == WARMING ? WARM_FRAMES : frames);
}

/* The end of a round: a burst is over when every frame of it has been received. */
static void work_round(void)
{
    static uint64_t received, fed_before;
    static unsigned tries;

    bar_sync();
    machine_wait_ns(0);
    received = 0;
    for (unsigned i = 0; i < lanes_total(); i++)
        received += lane_ledger(&lanes[i]).received;
    received -= before.received;
    if (received < mix_fed()) {
        if (++tries == ROUNDS_MAX)
            fail("frames were not received");
        return;
    }
    tries = 0;
    uint64_t n = mix->kind == MIX_IDLE ? 1 : mix_fed() - fed_before;
    if (n != 0)
        clock_count(burst_cycles, (uint32_t)n);
    burst_cycles = 0;
    handled += n;
    fed_before = mix_fed();
    if (is_over())
        next_phase();
    feed_burst();
}

static void between_rounds(void)
{
    if (phase == SETTING_UP) {
        set_up_round();
        return;
    }
    burst_cycles += clock_now() - began;
    if (phase == COUNTING)
        CALLGRIND_TOGGLE_COLLECT;
    machine_holds_models = false;
    work_round();
    machine_holds_models = true;
    if (phase == COLD)
        clock_push_out();
    if (phase == COUNTING)
        CALLGRIND_TOGGLE_COLLECT;
    began = clock_start();
}

/* ---- Set-up ---- */

static void make_module(void)
{
    char *text = malloc(bench_routes_n * 40 + 1);
    size_t at = 0;

    for (unsigned i = 0; i < bench_routes_n; i++) {
        const struct bench_route *r = &bench_routes[i];
        uint32_t p = r->prefix, g = mix_gateway_ip(r->port, r->gateway);
        at += (size_t)sprintf(text + at, "%u.%u.%u.%u/%u %u.%u.%u.%u\n", p >> 24, p >> 16 & 255,
                              p >> 8 & 255, p & 255, r->bits, g >> 24, g >> 16 & 255, g >> 8 & 255,
                              g & 255);
    }
    machine_module = text;
}

static void list(void)
{
    for (unsigned i = 0; i < mixes_n; i++) {
        const struct mix *m = &mixes[i];
        printf("{\"name\": \"%s\", \"app\": \"%s\", \"kind\": \"%s\", \"drop\": \"%s\", "
               "\"dpdk\": %s, \"quick\": %s, \"round\": %u}\n",
               m->name, mix_app_name(m), mix_kind_name(m),
               m->drop          ? m->drop
               : m->is_consumed ? "consumed"
                                : "",
               m->has_dpdk ? "true" : "false", m->is_quick ? "true" : "false",
               (m->ports ? m->ports : 2) * (m->burst ? m->burst : MIX_BURST_MAX));
    }
    exit(0);
}

int main(int argc, char **argv)
{
    static struct cmdline line;
    char text[512];

    if (argc == 2 && strcmp(argv[1], "list") == 0)
        list();
    prints_pcie = argc == 4 && strcmp(argv[1], "pcie") == 0;
    const struct mix *row = argc == 3 + prints_pcie ? mix_find(argv[argc - 2]) : NULL;
    if (!row)
        fail("usage: bench_mix list, or bench_mix [pcie] ROW FRAMES");
    frames = (uint64_t)atoll(argv[argc - 1]);
    mix_prepare(row);
    if (row->app == MIX_ROUTE)
        make_module();

    machine_reset();
    for (unsigned p = 0; p < mix_ports(); p++) {
        bar_trap(REGISTERS + p * SPAN, SPAN, (struct bar_access){machine_read, machine_write});
        machine_add_card(NULL);
        machine_cards[p].on_frame = frame_out;
        machine_cards[p].opaque = (void *)(uintptr_t)p;
    }
    int n = snprintf(text, sizeof(text), "app=%s poll=always %s", mix_app_name(row),
                     row->boot_line ? row->boot_line : "");
    for (unsigned p = 0; p < mix_ports() && row->app != MIX_FORWARD; p++) {
        uint32_t ip = mix_port_ip(p);
        n += snprintf(text + n, sizeof(text) - (size_t)n, " port%u.ip=%u.%u.%u.%u/24", p, ip >> 24,
                      ip >> 16 & 255, ip >> 8 & 255, ip & 255);
    }
    cmdline_parse(&line, text, sizeof(text));
    drivers_start(&line);
    if (ports_n != mix_ports())
        fail("cards did not come up");
    for (unsigned p = 0; p < mix_ports(); p++)
        memcpy(mix_mac[p], ports[p].mac, 6);
    net_start(&line);
    machine_on_console = between_rounds;
    net_run();
}
