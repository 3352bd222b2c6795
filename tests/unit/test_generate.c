/* SPDX-License-Identifier: BSD-2-Clause
 * app=generate and app=sink, whole: driver, model, feed, lanes. A device under test stands between
 * the wires; what it lost, doubled and held back is known exactly. Covers:
 *  - content of what is sent: headers, checksums, numbers of each flow, sizes in turn, count;
 *  - pacing: how many frames are out at each time, at several rates, on all of the clock;
 *  - what the sink says equals what the device did, by an oracle of its own;
 *  - a link lost in mid-trial, a rate above the line's: nothing unaccounted for, and said;
 *  - a port's whole life as a sink: ARP, other trials, damaged and foreign frames, adoption;
 *  - two ports at once; duration; stop; a trial after a trial.
 */
/* links: drivers/drivers.c drivers/x540/x540.c drivers/x540/lock.c drivers/x540/nvm.c
 * drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/app/generate.c net/app/sink.c $(GENERATOR)
 * $(STACK)
 * boot/cmdline.c kernel/parse.c kernel/fmt.c tests/host/machine.c
 * $(MODEL) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/cmdline.h"
#include "drivers/nic.h"
#include "kernel/mailbox.h"
#include "kernel/start.h"
#include "net/generator.h"
#include "net/ip.h"
#include "net/netif.h"
#include "net/receiver.h"
#include "net/run.h"
#include "tests/host/machine.h"

const struct app apps_start[1], apps_end[1];
extern const struct app app_generate, app_sink;

enum command_result trial_start(const struct call *call)
{
    (void)call;
    return COMMAND_DONE;
}
enum command_result trial_stop(const struct call *call)
{
    (void)call;
    return COMMAND_DONE;
}

enum { FRAMES_MAX = 20000, BYTES = 1600 };

/* What left a port, in order. */
static struct wire {
    uint32_t n;
    uint16_t length[FRAMES_MAX];
    uint8_t (*bytes)[BYTES];
} wires[2];

static void comes_out(void *opaque, const uint8_t *frame, uint32_t length)
{
    struct wire *w = opaque;

    assert_true(w->n < FRAMES_MAX && length <= BYTES);
    memcpy(w->bytes[w->n], frame, length);
    w->length[w->n++] = (uint16_t)length;
}

static uint32_t random_next(void)
{
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static uint32_t poll_once(void)
{
    struct row *row = run_row(0);
    row->until_long = 1; /* each a long round: all there is to do is done */
    return run_round(row);
}

static void pass(uint64_t ns)
{
    for (uint64_t end = machine_now_ns() + ns; machine_now_ns() < end;) {
        machine_wait_ns(200);
        poll_once();
    }
}

static void tick(void)
{
    pass(100000);
    machine_wait_ns(100000000);
    run_service(machine_now_ns());
}

static void set_up(const struct app *app, const char *line)
{
    static struct netif netifs[2];
    static struct cmdline cmdline;

    machine_reset();
    memset(ports, 0, sizeof(ports));
    memset(lanes, 0, sizeof(lanes));
    memset(generators, 0, sizeof(generators));
    memset(netifs, 0, sizeof(netifs));
    ports_n = 0;
    lanes_n = 0;
    mailbox_host_answer = OK;
    machine_add_card(NULL);
    machine_add_card(NULL);
    drivers_start(NULL);
    assert_int_equal(ports_n, 2);
    for (unsigned i = 0; i < 2; i++) {
        ports[i].domain = machine_cards[i].domain;
        wires[i].n = 0;
        if (!wires[i].bytes)
            wires[i].bytes = malloc((size_t)FRAMES_MAX * BYTES);
        machine_cards[i].on_frame = comes_out;
        machine_cards[i].opaque = &wires[i];
        if (strstr(line, "ip=")) {
            ports[i].netif = &netifs[i];
            assert_null(netif_configure(&netifs[i], ports[i].mac, 0xC0000201 + i, 24, 0));
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
    assert_int_equal(lanes_n, 2);
}

static void ask_for(const char *key, const char *value)
{
    const char *wanted;
    assert_true(generator_set(key, value, &wanted));
}

static void begin(void)
{
    const char *why;

    assert_null(generator_request());
    assert_null(generator_poll(&why));
    assert_null(why);
}

/* Until no core sends any more. */
static void run_trial(void)
{
    for (unsigned i = 0; i < 100000 && generators[0].n_on != 0; i++)
        pass(10000);
    assert_int_equal(generators[0].n_on, 0);
    pass(2000000);
}

/* All frames that are there, each once, as the ledger says it; and the model has no complaint. */
static void assert_balance(void)
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
        assert_int_equal(ports[i].count.rx_packets, l.received + l.waiting);
        uint64_t out = 0;
        for (unsigned k = 0; k < 2; k++) {
            struct side *side = k == 0 ? &ports[i].side[0] : ports[i].feed;
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

/* ---- What is sent ---- */

static void generate__sizes_and_flows__every_frame_is_right(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {64, 65, 1518};
    uint32_t next[5] = {0};

    set_up(&app_generate, "");
    ask_for("rate", "200kpps");
    ask_for("size", "64,65,1518");
    ask_for("flows", "5");
    ask_for("count", "2003"); /* the ring goes round more than three times */
    begin();
    uint64_t began_ns = machine_now_ns();
    run_trial();
    assert_int_equal(wires[0].n, 2003);
    assert_int_equal(wires[1].n, 0);
    uint64_t tag = generator_tag(0), last = 0;
    for (uint32_t i = 0; i < wires[0].n; i++) {
        uint8_t *f = wires[0].bytes[i];
        uint32_t length = wires[0].length[i];
        struct ip_view ip;
        struct udp_datagram udp;
        assert_int_equal(length, sizes[i % 3] - 4);
        assert_memory_equal(f, ports[1].mac, 6);
        assert_memory_equal(f + 6, ports[0].mac, 6);
        assert_int_equal(ip_parse(f + 14, length - 14, &ip), DROP_NONE);
        assert_int_equal(ip.src, 0xC6120001); /* 198.18.0.1 */
        assert_int_equal(ip.dst, 0xC6120101);
        assert_int_equal(udp_parse(f + 34, ip.total_bytes - 20, ip.src, ip.dst, &udp), DROP_NONE);
        assert_true(f[40] | f[41]);
        assert_true(probe_is(f, length));
        assert_int_equal(load64(f + PROBE_AT_TAG), tag);
        assert_int_equal(udp.src_port, PROBE_PORT + i % 5);
        assert_int_equal(load32(f + PROBE_AT_NUMBER), next[i % 5]++);
        uint64_t sent = load64(f + PROBE_AT_TIME_WORD) >> 16;
        assert_true(sent >= began_ns && sent >= last && sent <= machine_now_ns());
        last = sent;
    }
    struct trial_report r = generator_report(0);
    assert_int_equal(r.state, TRIAL_DONE);
    assert_int_equal(r.sent, 2003);
    assert_int_equal(r.wanted, 2003);
    assert_int_equal(r.skipped, 0);
    assert_false(generator_report(1).is_sending);
    assert_int_equal(probe_trial(tag), r.trial);
    assert_balance();
}

static void generate__every_kind_of_list__whole_rounds_of_sizes(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 16; n++) {
        char list[128] = "";
        for (unsigned i = 0; i < n; i++)
            sprintf(list + strlen(list), "%s%u", i ? "," : "", 64 + i * 3);
        set_up(&app_generate, "");
        ask_for("rate", "1Mpps");
        ask_for("size", list);
        ask_for("count", "1400");
        begin();
        run_trial();
        assert_int_equal(wires[0].n, 1400);
        for (uint32_t i = 0; i < wires[0].n; i++)
            assert_int_equal(wires[0].length[i], 60 + i % n * 3);
        assert_balance();
    }
}

/* ---- When ---- */

static void generate__pacing__as_many_as_are_due(void **state)
{
    (void)state;
    static const struct {
        const char *rate;
        uint64_t pps;
    } rates[] = {{"1000", 1000}, {"77777", 77777}, {"1Mpps", 1000000}, {"10%", 1488095},
                 {"100Mbps", 195312}};

    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        set_up(&app_generate, "");
        ask_for("rate", rates[i].rate);
        ask_for("count", "10000");
        begin();
        const struct generator *g = &generators[0].port[0];
        uint64_t quantum = g->quantum, began = g->began_tsc;
        assert_int_equal(quantum, MIN(MAX(rates[i].pps * 2 / 1000000, 1), 32));
        while (g->is_on) {
            machine_wait_ns(100);
            uint64_t now = machine_now_ns();
            while (poll_once() != 0)
                ;
            uint64_t due = now < began ? 0 : (now - began) * rates[i].pps / 1000000000 + 1;
            due = MIN(due, 10000);
            /* Never early; late by less than a quantum (the last ones do not wait for more). */
            assert_true(g->made <= due + 1 && g->made + quantum >= due);
            if (due == 10000)
                break;
            if (rates[i].pps < 10000)
                machine_wait_ns(7000);
        }
        uint64_t ns = generator_report(0).ns;
        assert_true(ns >= 9960 * 1000000000ull / rates[i].pps &&
                    ns <= 10001 * 1000000000ull / rates[i].pps);
        assert_int_equal(generator_report(0).skipped, 0);
        assert_balance();
    }
}

static void generate__idle_time__until_the_next_is_due(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    assert_int_equal(generator_idle_ns(0), UINT64_MAX);
    ask_for("rate", "100");
    ask_for("count", "3");
    begin();
    for (unsigned i = 0; i < 3; i++) {
        uint64_t idle = generator_idle_ns(0);
        assert_in_range(idle, 1, 10000001);
        machine_wait_ns(idle - 1);
        assert_int_equal(poll_once(), 0);
        machine_wait_ns(2);
        assert_int_equal(poll_once(), 1);
    }
    assert_int_equal(generator_idle_ns(0), UINT64_MAX);
}

static void generate__duration__ends_with_its_frames(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate", "1Mpps");
    ask_for("duration", "7ms");
    begin();
    run_trial();
    assert_int_equal(wires[0].n, 7000);
    assert_int_equal(generator_report(0).wanted, 7000);
    assert_balance();
}

static void generate__stop_and_again__a_new_trial(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate", "1Mpps");
    begin();
    assert_int_equal(generator_report(0).wanted, TRIAL_FOREVER);
    pass(5000000);
    assert_int_equal(generator_report(0).state, TRIAL_RUNNING);
    generator_stop();
    pass(1000000);
    uint32_t n = wires[0].n;
    assert_in_range(n, 2900, 3100); /* it begins 2 ms after the request */
    assert_int_equal(generator_report(0).sent, n);
    pass(1000000);
    assert_int_equal(wires[0].n, n);
    uint64_t tag = generator_tag(0);
    ask_for("count", "100");
    begin();
    assert_true(generator_tag(0) != tag);
    run_trial();
    assert_int_equal(wires[0].n, n + 100);
    assert_int_equal(load32(wires[0].bytes[n] + PROBE_AT_NUMBER), 0);
    assert_balance();
}

static void generate__two_ports__both_loads(void **state)
{
    (void)state;
    set_up(&app_generate, "rate=1Mpps count=500 ports=0,1 size=100");
    for (unsigned i = 0; i < 3; i++)
        tick(); /* the boot line's trial begins by itself */
    run_trial();
    assert_int_equal(wires[0].n, 500);
    assert_int_equal(wires[1].n, 500);
    assert_memory_equal(wires[1].bytes[0], ports[0].mac, 6);
    assert_int_equal(probe_sender(load64(wires[1].bytes[0] + PROBE_AT_TAG)), 1);
    assert_balance();
}

/* ---- When it cannot ---- */

static void generate__link_lost__counted_and_goes_on(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate", "100kpps");
    ask_for("count", "4000");
    begin();
    pass(5000000);
    uint64_t made = generators[0].port[0].made;
    assert_true(made > 100);
    x540_set_cable(machine_cards[0].model, false);
    for (unsigned i = 0; i < 5; i++)
        tick();
    assert_false(ports[0].feed->is_running);
    assert_true(generators[0].port[0].skipped > 10000); /* half a second */
    x540_set_cable(machine_cards[0].model, true);
    for (unsigned i = 0; i < 100 && !ports[0].feed->is_running; i++)
        tick();
    run_trial();
    struct trial_report r = generator_report(0);
    uint64_t lost = 0;
    for (unsigned d = 0; d < DROP_COUNT; d++)
        lost += ports[0].feed->drops[d];
    assert_int_equal(r.sent + lost, 4000);
    assert_int_equal(generators[0].port[0].made, 4000);
    assert_int_equal(wires[0].n, r.sent);
    assert_balance();
}

static void generate__rate_above_the_lines__skips_and_says_so(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    machine_cards[0].wire_is_full = true;
    ask_for("rate", "1Mpps");
    ask_for("duration", "10ms");
    begin();
    pass(12100000);
    machine_cards[0].wire_is_full = false;
    pass(112000000); /* and the time of grace */
    struct trial_report r = generator_report(0);
    assert_int_equal(r.state, TRIAL_DONE);
    assert_int_equal(r.wanted, 10000);
    assert_int_equal(r.skipped + wires[0].n, 10000);
    assert_true(r.skipped > 8000);
    assert_int_equal(r.sent, wires[0].n);
    assert_balance();
}

static void generate__stuck_card__reset_and_told(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    machine_cards[0].wire_is_full = true;
    ask_for("rate", "1Mpps");
    ask_for("count", "1000");
    begin();
    for (unsigned i = 0; i < 15; i++)
        tick();
    assert_non_null(machine_log_has("has sent nothing for"));
    machine_cards[0].wire_is_full = false;
    for (unsigned i = 0; i < 100 && !ports[0].feed->is_running; i++)
        tick();
    run_trial();
    assert_true(ports[0].feed->drops[DROP_tx_stuck] > 0);
    assert_int_equal(generator_report(0).sent, wires[0].n);
    assert_balance();
}

static void generate__head_word_that_makes_no_sense__ignored(void **state)
{
    (void)state;
    static const uint32_t heads[] = {511, 512, 504, 0x80000000, UINT32_MAX, 40};

    for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
        set_up(&app_generate, "");
        ask_for("rate", "100kpps");
        ask_for("count", "600");
        ask_for("size", "64,65,66"); /* a ring of 504 slots */
        begin();
        while (generators[0].port[0].made < 20) {
            machine_wait_ns(1000);
            poll_once();
        }
        struct side *feed = ports[0].feed;
        uint64_t done = feed->done;
        *(uint32_t *)feed->head_buf.va = heads[i];
        poll_once();
        machine_wait_ns(10000);
        *(uint32_t *)feed->head_buf.va = heads[i];
        poll_once();
        assert_int_equal(feed->slots, 504);
        assert_true(feed->head_bad > 0 && feed->done >= done && feed->done <= feed->next);
        feed->head_bad = 0;
        run_trial(); /* the card's next word is a right one */
        assert_int_equal(wires[0].n, 600);
        assert_balance();
    }
}

/* Within what is queued, but behind the ring's end: a ring of 504 slots has no slot 505. */
static void generate__head_word_behind_the_end__ignored(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate", "100kpps");
    ask_for("count", "1000");
    ask_for("size", "64,65,66");
    begin();
    struct side *feed = ports[0].feed;
    while (generators[0].port[0].made < 501) {
        machine_wait_ns(1000);
        poll_once();
    }
    machine_cards[0].wire_is_full = true;
    while (feed->next - feed->done < 20) {
        machine_wait_ns(1000);
        poll_once();
    }
    assert_true(feed->done_at > 490 && feed->done_at + 20 > feed->slots);
    for (uint32_t head = 504; head < 512; head++) {
        *(uint32_t *)feed->head_buf.va = head;
        uint64_t bad = feed->head_bad;
        while (feed->head_bad == bad) {
            machine_wait_ns(1000);
            poll_once();
            assert_true(feed->done_at < feed->slots);
        }
    }
    *(uint32_t *)feed->head_buf.va = feed->done_at;
    feed->head_bad = 0;
    machine_cards[0].wire_is_full = false;
    run_trial();
    assert_int_equal(wires[0].n, 1000);
    assert_balance();
}

static void generate__no_partner_no_target__said(void **state)
{
    (void)state;
    const char *why;
    set_up(&app_generate, "");
    assert_string_equal(generator_request(), "rate= is 0: how fast?");
    ask_for("rate", "1000");
    ask_for("ports", "2");
    assert_non_null(strstr(generator_request(), "ports= names"));
    ask_for("ports", "0");
    ask_for("dst", "192.0.2.9");
    assert_null(generator_request());
    assert_non_null(strstr(generator_poll(&why), "dst= needs an address"));
    ask_for("dstmac", "02:00:00:00:00:99");
    ask_for("count", "1");
    begin();
    run_trial();
    assert_memory_equal(wires[0].bytes[0], "\x02\0\0\0\0\x99", 6);
    assert_memory_equal(wires[0].bytes[0] + 30, "\xC0\0\x02\x09", 4);
}

/* ---- What is received ---- */

/* Does to frames 0..n-1 of port 0 what a bad device may do, hands them to port 1, and says what it
 * did, flow by flow, in the plainest way. */
struct device {
    uint32_t received, duplicates, reordered;
};

static struct device device(uint32_t flows, unsigned drop, unsigned twice, unsigned late)
{
    struct device d = {0};
    uint32_t n = wires[0].n, m = 0;
    uint32_t *order = calloc(2 * n + 1, sizeof(*order)), *highest = calloc(flows, sizeof(*highest));
    uint8_t *came = calloc(n, 1);

    for (uint32_t i = 0; i < n; i++)
        if (random_next() % 100 >= drop) {
            order[m++] = i;
            if (random_next() % 100 < twice)
                order[m++] = i;
        }
    for (uint32_t i = 0; i < m; i++)
        if (random_next() % 100 < late) {
            uint32_t with = i + random_next() % 200;
            with = MIN(with, m - 1);
            uint32_t was = order[i];
            memmove(&order[i], &order[i + 1], (with - i) * sizeof(*order));
            order[with] = was;
        }
    for (uint32_t i = 0; i < m; i++) {
        uint32_t frame = order[i], flow = frame % flows, number = frame / flows + 1;
        if (came[frame]++) {
            d.duplicates++;
        } else {
            d.received++;
            d.reordered += number < highest[flow];
            highest[flow] = MAX(highest[flow], number);
        }
        machine_frame_in(1, wires[0].bytes[frame], wires[0].length[frame]);
        if (i % 7 == 0)
            poll_once();
    }
    while (poll_once() != 0)
        ;
    free(order);
    free(highest);
    free(came);
    return d;
}

static void sink__random_devices__says_what_they_did(void **state)
{
    (void)state;
    static const char *const flows[] = {"1", "2", "7", "100", "4096"};
    for (unsigned i = 0; i < 40; i++) {
        set_up(&app_generate, "");
        ask_for("rate", "1Mpps");
        ask_for("size", i % 2 ? "imix" : "64");
        ask_for("count", "3001");
        ask_for("flows", flows[i % 5]);
        begin();
        run_trial();
        assert_int_equal(wires[0].n, 3001);
        struct device d = device((uint32_t)atoi(flows[i % 5]), i % 3 * 10, i % 4 * 5, i % 5 * 10);
        struct reception r = receiver_report(1);
        assert_true(r.is_own);
        assert_int_equal(r.count->tag, generator_tag(0));
        assert_int_equal(stream_frames(r.count) - r.count->duplicates - r.count->beyond, d.received);
        assert_int_equal(r.count->duplicates, d.duplicates);
        assert_int_equal(r.count->reordered, d.reordered);
        assert_int_equal(r.count->beyond, 0);
        assert_int_equal(latency_total(r.count), d.received);
        assert_true(latency_percentile(r.count, 1000) <= machine_now_ns() && r.count->latency_max > 0);
        assert_int_equal(r.count->backwards, 0);
        assert_int_equal(receiver_report(0).count->tag, 0);
        assert_balance();
        assert_int_equal(wires[1].n, 0); /* nothing is answered */
    }
}

static void sink__latency__as_long_as_the_wire_is(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate", "1000");
    ask_for("count", "50");
    begin();
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < 50; i++) {
        while (wires[0].n == i) {
            machine_wait_ns(1000);
            poll_once();
        }
        uint64_t sent = load64(wires[0].bytes[i] + PROBE_AT_TIME_WORD) >> 16;
        machine_wait_ns(10000 * (i + 1));
        machine_frame_in(1, wires[0].bytes[i], wires[0].length[i]);
        uint64_t took = machine_now_ns() - sent;
        poll_once();
        least = MIN(least, took);
        most = MAX(most, took);
    }
    struct reception r = receiver_report(1);
    assert_in_range(latency_percentile(r.count, 1000), most, most + 1000);
    uint64_t half = latency_percentile(r.count, 500);
    assert_in_range(half, 10000 * 25, 10000 * 26 + 30000);
    assert_true(latency_percentile(r.count, 1) >= least);
}

static uint32_t probe_for_port_1(uint8_t *f, uint64_t tag, uint32_t flow, uint32_t number)
{
    struct probe probe = {.src = 0xC6120001, .dst = 0xC6120101, .tag = tag};

    memcpy(probe.dst_mac, ports[1].mac, 6);
    memcpy(probe.src_mac, "\x02\x00\x00\x00\x00\x77", 6);
    uint32_t sum = probe_build(f, &probe, 60);
    probe_stamp(f, probe_time(5), number, probe_port(flow), probe_sum((uint64_t)sum + 5 + number));
    return 60;
}

static void arrives(const uint8_t *frame, uint32_t length)
{
    machine_frame_in(1, frame, length);
    while (poll_once() != 0)
        ;
}

static void sink__others_trials__one_at_a_time(void **state)
{
    (void)state;
    uint8_t f[60];
    const uint64_t one = probe_tag(1, 0, 2), two = probe_tag(2, 5, 12);

    set_up(&app_sink, "");
    for (uint32_t i = 0; i < 100; i++)
        arrives(f, probe_for_port_1(f, one, i % 4, i / 4));
    struct reception r = receiver_report(1);
    assert_false(r.is_own);
    assert_int_equal(r.count->tag, one);
    assert_int_equal(stream_frames(r.count), 100);
    assert_int_equal(r.count->lost, 0);
    arrives(f, probe_for_port_1(f, two, 0, 0)); /* too soon */
    arrives(f, probe_for_port_1(f, one, 4, 0)); /* no such flow */
    arrives(f, probe_for_port_1(f, one, 3, 30)); /* 5 are missing */
    assert_int_equal(lanes[1].count.drops[DROP_trial_other], 2);
    assert_int_equal(receiver_report(1).count->lost, 5);
    machine_wait_ns(1000000000);
    arrives(f, probe_for_port_1(f, two, 4095, 7));
    r = receiver_report(1);
    assert_int_equal(r.count->tag, two);
    assert_int_equal(r.count->lost, 7);
    assert_int_equal(stream_frames(r.count), 1);
    static const uint64_t no_tags[PORTS_MAX];
    receiver_reset(0, no_tags);
    assert_int_equal(receiver_report(1).count->tag, 0);
    arrives(f, probe_for_port_1(f, one, 0, 0)); /* at once */
    assert_int_equal(receiver_report(1).count->tag, one);
    assert_int_equal(wires[0].n + wires[1].n, 0);
    assert_balance();
}

static void generate__others_trials__never_taken(void **state)
{
    (void)state;
    uint8_t f[60];

    set_up(&app_generate, "");
    arrives(f, probe_for_port_1(f, probe_tag(1, 0, 0), 0, 0));
    ask_for("rate", "1Mpps");
    ask_for("count", "10");
    begin();
    run_trial();
    arrives(f, probe_for_port_1(f, generator_tag(0) ^ BIT64(40), 0, 0));
    machine_wait_ns(2000000000);
    arrives(f, probe_for_port_1(f, generator_tag(0) ^ BIT64(57), 0, 0)); /* "from port 2" */
    assert_int_equal(lanes[1].count.drops[DROP_trial_other], 3);
    assert_int_equal(receiver_report(1).count->tag, 0);
    assert_balance();
}

static void sink__damaged_and_foreign_frames__dropped_by_name(void **state)
{
    (void)state;
    for (unsigned with_ip = 0; with_ip < 2; with_ip++) {
        uint8_t f[60];
        set_up(&app_sink, with_ip ? "ip=" : "");
        probe_for_port_1(f, probe_tag(1, 0, 0), 0, 0);
        f[50] ^= 1; /* its number */
        arrives(f, 60);
        probe_for_port_1(f, probe_tag(1, 0, 0), 0, 0);
        f[25] ^= 1;
        arrives(f, 60);
        memset(f + 12, 0x88, 2);
        arrives(f, 60);
        const uint64_t *drops = with_ip ? ports[1].netif->drops : lanes[1].count.drops;
        assert_int_equal(drops[DROP_udp_checksum] + drops[DROP_ip_not_ours], 1);
        assert_int_equal(drops[DROP_ip_checksum], 1);
        assert_int_equal(drops[DROP_eth_other], 1);
        assert_int_equal(receiver_report(1).count->tag, 0);
        assert_balance();
    }
}

static void sink__arp_for_our_address__answered_by_the_side_queue(void **state)
{
    (void)state;
    uint8_t f[60] = "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x77\x08\x06\0\1\x08\0\6\4\0\1"
                    "\x02\0\0\0\0\x77\xC0\0\x02\x63\0\0\0\0\0\0\xC0\0\x02\x02";
    set_up(&app_sink, "ip=");
    uint32_t before = wires[1].n; /* announcements */
    arrives(f, 60);
    pass(100000);
    assert_int_equal(wires[1].n, before + 1);
    assert_memory_equal(wires[1].bytes[before], "\x02\0\0\0\0\x77", 6);
    assert_int_equal(wires[1].bytes[before][21], 2); /* a reply */
    assert_balance();
}

static void sink__rings_wrap__nothing_lost(void **state)
{
    (void)state;
    uint8_t f[60];

    set_up(&app_sink, "");
    for (uint32_t i = 0; i < 5000; i++) {
        machine_frame_in(1, f, probe_for_port_1(f, probe_tag(9, 0, 0), 0, i));
        if (i % 100 == 99)
            while (poll_once() != 0)
                ;
    }
    assert_int_equal(stream_frames(receiver_report(1).count), 5000);
    assert_int_equal(receiver_report(1).count->lost, 0);
    assert_int_equal(lane_ledger(&lanes[1]).consumed, 5000);
    lanes_stop(app_sink.poll); /* stop, with frames inside, and start again */
    lanes_start();
    arrives(f, probe_for_port_1(f, probe_tag(9, 0, 0), 0, 5000));
    assert_int_equal(stream_frames(receiver_report(1).count), 5001);
    x540_set_cable(machine_cards[1].model, false); /* a sink's lane does not care */
    for (unsigned i = 0; i < 3; i++)
        tick();
    assert_int_equal(lanes[1].state, LANE_RUNNING);
    x540_set_cable(machine_cards[1].model, true);
    for (unsigned i = 0; i < 50 && !ports[1].link_is_up; i++)
        tick();
    arrives(f, probe_for_port_1(f, probe_tag(9, 0, 0), 0, 5001));
    assert_int_equal(lanes[1].count.drops[DROP_tx_no_link], 0);
    assert_balance();
}

static void receiver__silent_core__said(void **state)
{
    (void)state;
    set_up(&app_sink, "");
    mailbox_host_answer = ERR_TIMEOUT;
    assert_int_equal(receiver_report(1).cores_silent, 1);
    mailbox_host_answer = OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generate__sizes_and_flows__every_frame_is_right),
        cmocka_unit_test(generate__every_kind_of_list__whole_rounds_of_sizes),
        cmocka_unit_test(generate__pacing__as_many_as_are_due),
        cmocka_unit_test(generate__idle_time__until_the_next_is_due),
        cmocka_unit_test(generate__duration__ends_with_its_frames),
        cmocka_unit_test(generate__stop_and_again__a_new_trial),
        cmocka_unit_test(generate__two_ports__both_loads),
        cmocka_unit_test(generate__link_lost__counted_and_goes_on),
        cmocka_unit_test(generate__rate_above_the_lines__skips_and_says_so),
        cmocka_unit_test(generate__stuck_card__reset_and_told),
        cmocka_unit_test(generate__head_word_that_makes_no_sense__ignored),
        cmocka_unit_test(generate__head_word_behind_the_end__ignored),
        cmocka_unit_test(generate__no_partner_no_target__said),
        cmocka_unit_test(sink__random_devices__says_what_they_did),
        cmocka_unit_test(sink__latency__as_long_as_the_wire_is),
        cmocka_unit_test(sink__others_trials__one_at_a_time),
        cmocka_unit_test(generate__others_trials__never_taken),
        cmocka_unit_test(sink__damaged_and_foreign_frames__dropped_by_name),
        cmocka_unit_test(sink__arp_for_our_address__answered_by_the_side_queue),
        cmocka_unit_test(sink__rings_wrap__nothing_lost),
        cmocka_unit_test(receiver__silent_core__said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
