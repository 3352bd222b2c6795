/* SPDX-License-Identifier: BSD-2-Clause
 * The loops that ship, on the model, to be counted: `bench_loop APP BURST FRAMES CORES` brings up
 * two ports with the real driver, starts the application on CORES cores (here one after the other),
 * and feeds each port BURST 64-byte frames for every core before each round of the loops, until
 * FRAMES have been handled. run_round is what callgrind collects (tests/bench/count.py). The run
 * checks itself: every frame must have left once, changed as the application says, and the books
 * must balance, else it fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/nic.h"
#include "kernel/start.h"
#include "net/netif.h"
#include "net/run.h"
#include "tests/host/machine.h"

const struct app apps_start[1], apps_end[1];
extern const struct app app_forward, app_echo;

enum { FRAME_BYTES = 60, TICK_NS = 100000000, SOURCES = 200 };

static bool is_echo;
static unsigned cores;
static uint64_t wrong, seen[2], sum_in[2], sum_out[2];
static uint16_t flow_of_core[2][QUEUES_MAX]; /* a UDP source port whose frames that core gets */

static void fail(const char *what)
{
    fprintf(stderr, "bench_loop: %s\n", what);
    exit(1);
}

static uint16_t sum16(const uint8_t *p, unsigned n, uint32_t sum)
{
    for (unsigned i = 0; i < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)~sum;
}

/* A UDP datagram of 18 bytes from 192.0.2.x port `flow` to 192.0.2.(1 + port) port 7. Its number
 * and flow stand in its data. */
static void make_frame(unsigned port, uint64_t i, uint16_t flow, uint8_t *f)
{
    memset(f, 0, FRAME_BYTES);
    memcpy(f, ports[port].mac, 6);
    memcpy(f + 6, "\x02\x00\x00\x00\x00\x77\x08\x00", 8);
    memcpy(f + 14, "\x45\x00\x00\x2e\x00\x00\x40\x00\x40\x11\x00\x00", 12);
    memcpy(f + 26, "\xc0\x00\x02\x00\xc0\x00\x02", 7);
    f[29] = (uint8_t)(cores == 1 ? 20 + i % SOURCES : 20);
    f[33] = (uint8_t)(1 + port);
    f[34] = (uint8_t)(flow >> 8);
    f[35] = (uint8_t)flow;
    memcpy(f + 36, "\x00\x07\x00\x1a\x00\x00", 6);
    memcpy(f + 42, &i, sizeof(i));
    memcpy(f + 50, &flow, sizeof(flow));
    uint16_t sum = sum16(f + 14, 20, 0);
    f[24] = (uint8_t)(sum >> 8);
    f[25] = (uint8_t)sum;
    sum = sum16(f + 26, 34, 17 + 26);
    f[40] = (uint8_t)(sum >> 8);
    f[41] = (uint8_t)sum;
}

static void comes_out(void *opaque, const uint8_t *frame, uint32_t length)
{
    unsigned out = (unsigned)(uintptr_t)opaque;
    uint8_t expected[FRAME_BYTES];
    uint64_t i;
    uint16_t flow;

    memcpy(&i, frame + 42, sizeof(i));
    memcpy(&flow, frame + 50, sizeof(flow));
    seen[out]++;
    sum_out[is_echo ? out : 1 - out] += i;
    make_frame(is_echo ? out : 1 - out, i, flow, expected);
    if (is_echo) {
        uint8_t was[FRAME_BYTES];
        memcpy(was, expected, sizeof(was));
        memcpy(expected, was + 6, 6);
        memcpy(expected + 6, was, 6);
        memcpy(expected + 26, was + 30, 4);
        memcpy(expected + 30, was + 26, 4);
        memcpy(expected + 34, was + 36, 2);
        memcpy(expected + 36, was + 34, 2);
    }
    wrong += length != FRAME_BYTES || memcmp(frame, expected, FRAME_BYTES) != 0;
}

static uint64_t fed;

static void feed(unsigned port, uint16_t flow)
{
    uint8_t frame[FRAME_BYTES];

    make_frame(port, ++fed, flow, frame);
    sum_in[port] += fed;
    machine_frame_in(port, frame, FRAME_BYTES);
}

/* For each port and core a flow that RSS gives to it: found by trying. Outside what is counted. */
static uint64_t find_flows(void)
{
    uint64_t handled = 0;

    for (unsigned p = 0; p < 2; p++)
        for (unsigned flow = 4000, found = 0; found < cores; flow++) {
            if (flow == 60000)
                fail("no flow for some core");
            feed(p, (uint16_t)flow);
            for (unsigned c = 0; c < cores; c++) {
                const struct row row = run_row(c);
                if (run_app()->poll(row.first, row.end) == 0)
                    continue;
                handled++;
                if (flow_of_core[p][c] == 0) {
                    flow_of_core[p][c] = (uint16_t)flow;
                    found++;
                }
            }
        }
    /* Every lane to where a burst begins, so that each burst counted is a whole one. */
    for (unsigned i = 0; i < lanes_n; i++)
        for (; lanes[i].next % LANE_BURST; handled++) {
            feed(lanes[i].in->index, flow_of_core[lanes[i].in->index][lanes[i].core]);
            const struct row row = run_row(lanes[i].core);
            (void)run_app()->poll(row.first, row.end);
        }
    return handled;
}

int main(int argc, char **argv)
{
    static struct netif netifs[2][QUEUES_MAX];

    if (argc != 5)
        fail("usage: bench_loop forward|echo BURST FRAMES CORES");
    is_echo = strcmp(argv[1], "echo") == 0;
    unsigned burst = (unsigned)atoi(argv[2]);
    uint64_t frames = (uint64_t)atoll(argv[3]), handled = 0;
    cores = (unsigned)atoi(argv[4]);
    if (cores < 1 || cores > QUEUES_MAX)
        fail("1 to 16 cores");

    machine_reset();
    machine_add_card(NULL);
    machine_add_card(NULL);
    drivers_start(NULL);
    if (ports_n != 2)
        fail("cards did not come up");
    lanes_cores = cores;
    for (unsigned i = 0; i < 2; i++) {
        ports[i].domain = machine_cards[i].domain;
        ports[i].netif = netifs[i];
        for (unsigned c = 0; c < cores; c++)
            if (netif_configure(&netifs[i][c], ports[i].mac, 0xC0000201 + i, 24, 0))
                fail("address refused");
    }
    run_start_app(is_echo ? &app_echo : &app_forward);
    for (unsigned i = 0; i < 100 && !(ports[0].link_is_up && ports[1].link_is_up); i++) {
        machine_wait_ns(TICK_NS);
        lanes_service(machine_now_ns());
    }
    for (unsigned i = 0; i < 2; i++) {
        machine_cards[i].on_frame = comes_out;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
    }

    uint64_t before = find_flows();
    while (burst && handled < frames) {
        for (unsigned c = 0; c < cores; c++)
            for (unsigned k = 0; k < burst; k++)
                for (unsigned p = 0; p < 2; p++)
                    feed(p, flow_of_core[p][c]);
        for (unsigned c = 0; c < cores; c++) {
            const struct row row = run_row(c);
            uint32_t n = run_round(&row);
            if (n != 2 * MIN(burst, LANE_BURST))
                fail("a core did not get its burst");
            handled += n;
        }
    }
    const struct row row = run_row(0);
    for (uint64_t i = 0; !burst && i < frames; i++)
        run_round(&row);

    struct lane_ledger sum = {0};
    for (unsigned i = 0; i < lanes_n; i++) {
        struct lane_ledger l = lane_ledger(&lanes[i]);
        sum.received += l.received;
        sum.sent += l.sent + l.held;
    }
    if (wrong || seen[0] + seen[1] != fed || sum_in[0] != sum_out[0] || sum_in[1] != sum_out[1])
        fail("frames were lost or changed");
    if (sum.received != fed || sum.sent != fed || fed != handled + before)
        fail("the books do not balance");
    printf("%lu\n", burst ? handled : frames);
    return 0;
}
