/* SPDX-License-Identifier: BSD-2-Clause
 * app=generate and app=sink on two model cards, with driver, feed and lanes. Frames that leave a
 * port are recorded; the test hands in those that arrive. Time advances only in pass() and tick().
 */
#ifndef TESTS_UNIT_GENERATOR_HOST_H
#define TESTS_UNIT_GENERATOR_HOST_H

#include "boot/cmdline.h"
#include "kernel/mailbox.h"
#include "net/lane/lane_control.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "net/trial/generator.h"
#include "net/trial/receiver.h"
#include "tests/unit/net/loop_host.h"

extern const struct app app_generate, app_sink;

enum { FRAMES_MAX = 20000, BYTES = 1600 };

/* The frames that left a port, in order. */
static struct wire {
    uint32_t n;
    uint16_t length[FRAMES_MAX];
    uint8_t (*bytes)[BYTES];
} wires[2];

static inline void keep_sent_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    struct wire *w = opaque;

    assert_true(w->n < FRAMES_MAX && length <= BYTES);
    memcpy(w->bytes[w->n], frame, length);
    w->length[w->n++] = (uint16_t)length;
}

static inline void pass(uint64_t ns)
{
    for (uint64_t end = machine_now_ns() + ns; machine_now_ns() < end;) {
        machine_wait_ns(200);
        poll_once();
        for (unsigned core = 1; core < lanes_cores; core++)
            (void)run_round(run_core_lanes(core));
    }
}

static inline void tick(void)
{
    pass(100000);
    machine_wait_ns(100000000);
    run_service(machine_now_ns());
}

static inline void set_up(const struct app *app, const char *line)
{
    static struct netif netifs[2];
    static struct cmdline cmdline;

    memset(generators, 0, sizeof(generators));
    memset(netifs, 0, sizeof(netifs));
    mailbox_host_answer = OK;
    start_ports(2);
    for (unsigned i = 0; i < 2; i++) {
        wires[i].n = 0;
        if (!wires[i].bytes)
            wires[i].bytes = malloc((size_t)FRAMES_MAX * BYTES);
        machine_cards[i].on_frame = keep_sent_frame;
        machine_cards[i].opaque = &wires[i];
        if (strstr(line, "ip=")) {
            ports[i].netif = &netifs[i];
            assert_null(
                netif_configure(&netifs[i], ports[i].mac, 0xC0000201 + i, 24, (uint32_t[2]){0}));
        }
    }
    cmdline_parse(&cmdline, line, strlen(line));
    if (app->configure)
        app->configure(&cmdline);
    run_start_app(app);
    for (unsigned i = 0; i < 100 && !(ports[0].link_is_up && ports[1].link_is_up); i++)
        tick();
    for (unsigned i = 0; i < 5; i++)
        tick();
    assert_int_equal(lanes_n, 2 * lanes_cores);
}

/* Set options of the next trial, written as at the console: "rate=1Mpps count=10". */
static inline __attribute__((format(printf, 1, 2))) void ask_for(const char *format, ...)
{
    char words[256], *rest = words;
    va_list values;

    va_start(values, format);
    vsnprintf(words, sizeof(words), format, values);
    va_end(values);
    for (char *key; (key = strsep(&rest, " ")) != NULL;) {
        char *value = strchr(key, '=');
        const char *wanted;
        *value++ = 0;
        assert_true(generator_set(key, value, &wanted));
    }
}

static inline void begin(void)
{
    const char *why;

    assert_null(generator_request());
    assert_null(generator_poll(&why));
    assert_null(why);
}

/* Run until every core has stopped sending. */
static inline void run_trial(void)
{
    for (unsigned i = 0; i < 100000 && generators[0].n_on != 0; i++)
        pass(10000);
    assert_int_equal(generators[0].n_on, 0);
    pass(2000000);
}

/* The ledger balances: each frame is counted exactly once; and the model reported no broken
 * rule. */
static inline void assert_balance(void)
{
    uint64_t received = 0, generated = 0, sent = 0, consumed = 0, held = 0, dropped = 0;

    for (unsigned i = 0; i < ports_n; i++) {
        ports[i].ops->poll_counters(&ports[i]);
        struct lane_ledger l = lane_ledger(&lanes[i]);
        received += l.received;
        sent += l.sent;
        consumed += l.consumed;
        held += l.held;
        dropped += l.dropped;
        uint64_t in = l.received + l.waiting;
        for (unsigned k = lanes_n; k < lanes_total(); k++) {
            if (lanes[k].in != &ports[i])
                continue;
            struct lane_ledger control = lane_ledger(&lanes[k]);
            received += control.received;
            consumed += control.consumed;
            dropped += control.dropped;
            in += control.received + control.waiting;
        }
        assert_int_equal(ports[i].count.rx_packets, in);
        uint64_t out = 0;
        for (unsigned k = 0; k < 2; k++) {
            struct side *side = k == 0 ? port_side(&ports[i], 0) : lanes_feeds[i];
            if (!side)
                continue;
            struct side_ledger s = side_ledger(side);
            generated += s.generated;
            sent += s.sent;
            held += s.held;
            dropped += s.dropped;
            out += s.sent;
            assert_int_equal(side->head_bad, 0);
        }
        assert_int_equal(ports[i].count.tx_packets, out);
        if (ports[i].netif) {
            consumed += ports[i].netif->consumed;
            for (unsigned d = 0; d < DROP_COUNT; d++)
                dropped += ports[i].netif->drops[d];
        }
    }
    assert_int_equal(received + generated, sent + consumed + held + dropped);
    assert_int_equal(machine_complaints(), 0);
    for (unsigned i = 0; i < machine_cards_n; i++)
        assert_int_equal(machine_cards[i].dma_refused, 0);
}

#endif
