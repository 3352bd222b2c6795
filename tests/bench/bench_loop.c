/* SPDX-License-Identifier: BSD-2-Clause
 * The loops that ship, on the model, to be counted: `bench_loop APP BURST FRAMES` brings up two
 * ports with the real driver, starts the application, and feeds each port BURST 64-byte frames
 * before every round of the loop, until FRAMES have been handled. run_round is what callgrind
 * collects (tests/bench/count.py). The run checks itself: every frame must have left, changed as
 * the application says, and the books must balance, else it fails.
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
static uint64_t wrong, seen[2];

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

/* A UDP datagram of 18 bytes from 192.0.2.x port 4000 to 192.0.2.(1 + port) port 7. */
static void make_frame(unsigned port, uint64_t i, uint8_t *f)
{
    memset(f, 0, FRAME_BYTES);
    memcpy(f, ports[port].mac, 6);
    memcpy(f + 6, "\x02\x00\x00\x00\x00\x77\x08\x00", 8);
    memcpy(f + 14, "\x45\x00\x00\x2e\x00\x00\x40\x00\x40\x11\x00\x00", 12);
    memcpy(f + 26, "\xc0\x00\x02\x00\xc0\x00\x02", 7);
    f[29] = (uint8_t)(20 + i % SOURCES);
    f[33] = (uint8_t)(1 + port);
    memcpy(f + 34, "\x0f\xa0\x00\x07\x00\x1a\x00\x00", 8);
    memcpy(f + 42, &i, sizeof(i));
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

    make_frame(is_echo ? out : 1 - out, seen[out]++, expected);
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

int main(int argc, char **argv)
{
    static struct netif netifs[2];
    static uint8_t frame[FRAME_BYTES];

    if (argc != 4)
        fail("usage: bench_loop forward|echo BURST FRAMES");
    is_echo = strcmp(argv[1], "echo") == 0;
    unsigned burst = (unsigned)atoi(argv[2]);
    uint64_t frames = (uint64_t)atoll(argv[3]), fed = 0, handled = 0;

    machine_reset();
    machine_add_card(NULL);
    machine_add_card(NULL);
    drivers_start(NULL);
    if (ports_n != 2)
        fail("cards did not come up");
    for (unsigned i = 0; i < 2; i++) {
        ports[i].domain = machine_cards[i].domain;
        ports[i].netif = &netifs[i];
        if (netif_configure(&netifs[i], ports[i].mac, 0xC0000201 + i, 24, 0))
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

    const struct row row = run_row(0);
    for (uint64_t i = 0; burst && handled < frames && i < frames; i++) {
        for (unsigned k = 0; k < burst; k++, fed++)
            for (unsigned p = 0; p < 2; p++) {
                make_frame(p, fed, frame);
                machine_frame_in(p, frame, FRAME_BYTES);
            }
        handled += run_round(&row);
    }
    if (burst == 0)
        for (uint64_t i = 0; i < frames; i++)
            run_round(&row);

    struct lane_ledger l[2] = {lane_ledger(&lanes[0]), lane_ledger(&lanes[1])};
    if (burst && (wrong || seen[0] + seen[1] != handled || handled != 2 * fed))
        fail("frames were lost or changed");
    if (l[0].received + l[1].received != handled ||
        l[0].sent + l[0].held + l[1].sent + l[1].held != handled)
        fail("the books do not balance");
    printf("%lu\n", burst ? handled : frames);
    return 0;
}
