/* SPDX-License-Identifier: BSD-2-Clause
 * What app=generate sends, and when; test_sink.c covers what returns. Covers:
 *  - contents of the frames: headers, checksums, each flow's numbers, sizes in turn, count;
 *  - pacing: how many frames have been sent at each time, at several rates;
 *  - a link lost in mid-trial, a rate above the line's: every frame is counted, and reported;
 *  - two ports at once; duration; stop; a second trial.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/app/generate.c net/app/sink.c $(GENERATOR)
 * $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c tests/host/trial_cmd.c
 * $(MODEL) */
#include "tests/unit/net/generator_host.h"

/* ---- Contents ---- */

static void generate__sizes_and_flows__every_frame_is_right(void **state)
{
    (void)state;
    static const uint16_t sizes[] = {64, 65, 1518};
    uint32_t next[5] = {0};

    set_up(&app_generate, "");
    /* More than three turns of the ring. */
    ask_for("rate=200kpps size=64,65,1518 flows=5 count=2003");
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

static void generate__list_of_n_sizes__sends_them_in_turn(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 16; n++) {
        char list[128] = "";
        for (unsigned i = 0; i < n; i++)
            sprintf(list + strlen(list), "%s%u", i ? "," : "", 64 + i * 3);
        set_up(&app_generate, "");
        ask_for("rate=1Mpps size=%s count=1400", list);
        begin();
        run_trial();
        assert_int_equal(wires[0].n, 1400);
        for (uint32_t i = 0; i < wires[0].n; i++)
            assert_int_equal(wires[0].length[i], 60 + i % n * 3);
        assert_balance();
    }
}

/* ---- Pacing ---- */

static void generate__each_rate__sends_as_many_as_are_due(void **state)
{
    (void)state;
    static const struct {
        const char *rate;
        uint64_t pps;
    } rates[] = {{"1000", 1000},
                 {"77777", 77777},
                 {"1Mpps", 1000000},
                 {"10%", 1488095},
                 {"100Mbps", 195312}};

    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        set_up(&app_generate, "");
        ask_for("rate=%s count=10000", rates[i].rate);
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

static void generate__idle_time__ends_when_the_next_is_due(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    assert_int_equal(generator_idle_ns(0), UINT64_MAX);
    ask_for("rate=100 count=3");
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
    ask_for("rate=1Mpps duration=7ms");
    begin();
    run_trial();
    assert_int_equal(wires[0].n, 7000);
    assert_int_equal(generator_report(0).wanted, 7000);
    assert_balance();
}

static void generate__stopped_and_started__begins_a_new_trial(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate=1Mpps");
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
    ask_for("count=100");
    begin();
    assert_true(generator_tag(0) != tag);
    run_trial();
    assert_int_equal(wires[0].n, n + 100);
    assert_int_equal(load32(wires[0].bytes[n] + PROBE_AT_NUMBER), 0);
    assert_balance();
}

static void generate__two_ports__both_send(void **state)
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

/* ---- Obstacles ---- */

static void generate__link_lost__counts_losses_and_resumes(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate=100kpps count=4000");
    begin();
    pass(5000000);
    uint64_t made = generators[0].port[0].made;
    assert_true(made > 100);
    x540_set_cable(machine_cards[0].model, false);
    for (unsigned i = 0; i < 5; i++)
        tick();
    assert_false(lanes_feeds[0]->is_running);
    assert_true(generators[0].port[0].skipped > 10000); /* half a second */
    x540_set_cable(machine_cards[0].model, true);
    for (unsigned i = 0; i < 100 && !lanes_feeds[0]->is_running; i++)
        tick();
    run_trial();
    struct trial_report r = generator_report(0);
    uint64_t lost = 0;
    for (unsigned d = 0; d < DROP_COUNT; d++)
        lost += lanes_feeds[0]->drops[d];
    assert_int_equal(r.sent + lost, 4000);
    assert_int_equal(generators[0].port[0].made, 4000);
    assert_int_equal(wires[0].n, r.sent);
    assert_balance();
}

static void generate__rate_above_the_lines__counts_skipped_frames(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    machine_cards[0].wire_is_full = true;
    ask_for("rate=1Mpps duration=10ms");
    begin();
    pass(12100000);
    machine_cards[0].wire_is_full = false;
    pass(112000000); /* and the grace time */
    struct trial_report r = generator_report(0);
    assert_int_equal(r.state, TRIAL_DONE);
    assert_int_equal(r.wanted, 10000);
    assert_int_equal(r.skipped + wires[0].n, 10000);
    assert_true(r.skipped > 8000);
    assert_int_equal(r.sent, wires[0].n);
    assert_balance();
}

static void generate__stuck_card__is_reset_and_logged(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    machine_cards[0].wire_is_full = true;
    ask_for("rate=1Mpps count=1000");
    begin();
    for (unsigned i = 0; i < 15; i++)
        tick();
    assert_non_null(machine_log_has("has sent nothing for"));
    machine_cards[0].wire_is_full = false;
    for (unsigned i = 0; i < 100 && !lanes_feeds[0]->is_running; i++)
        tick();
    run_trial();
    assert_true(lanes_feeds[0]->drops[DROP_tx_stuck] > 0);
    assert_int_equal(generator_report(0).sent, wires[0].n);
    assert_balance();
}

static void generate__invalid_head_word__is_ignored(void **state)
{
    (void)state;
    static const uint32_t heads[] = {511, 512, 504, 0x80000000, UINT32_MAX, 40};

    for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
        set_up(&app_generate, "");
        ask_for("rate=100kpps count=600 size=64,65,66"); /* a ring of 504 slots */
        begin();
        while (generators[0].port[0].made < 20) {
            machine_wait_ns(1000);
            poll_once();
        }
        struct side *feed = lanes_feeds[0];
        uint64_t done = feed->done;
        *(uint32_t *)feed->head_buf.va = heads[i];
        poll_once();
        machine_wait_ns(10000);
        *(uint32_t *)feed->head_buf.va = heads[i];
        poll_once();
        assert_int_equal(feed->slots, 504);
        assert_true(feed->head_bad > 0 && feed->done >= done && feed->done <= feed->next);
        feed->head_bad = 0;
        run_trial(); /* the card's next word is valid */
        assert_int_equal(wires[0].n, 600);
        assert_balance();
    }
}

/* Within what is queued, but past the ring's end: a ring of 504 slots has no slot 505. */
static void generate__head_word_past_the_ring__is_ignored(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate=100kpps count=1000 size=64,65,66");
    begin();
    struct side *feed = lanes_feeds[0];
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

/* A core whose TSC is an hour behind core 0's, or ahead: began_tsc is by its own. */
static void generate__core_with_another_tsc__begins_with_the_others(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    static const int64_t skews[] = {0, -3600000000000, 3600000000000};
    uint64_t began = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(skews); i++) {
        ask_for("rate=1Mpps count=10");
        host_cpu.tsc_skew = skews[i];
        uint64_t now = machine_now_ns();
        begin();
        if (i == 0)
            began = generators[0].port[0].began_tsc - now;
        assert_in_range(generators[0].port[0].began_tsc - (uint64_t)skews[i] - now, began - 100000,
                        began + 100000);
        generator_stop();
    }
    host_cpu.tsc_skew = 0;
}

/* Of SET_UP, GO and STOP, one call fails: withdrawn, or begun and carried out late. */
static void generate__call_to_a_core_fails__no_trial_begins_half_and_the_next_is_right(void **state)
{
    const enum err errors[] = {ERR_TIMEOUT, ERR_NO_DEVICE, ERR_BUSY};

    (void)state;
    lanes_cores = 2;
    for (unsigned e = 0; e < ARRAY_SIZE(errors); e++)
        for (unsigned n = 1; n <= 4; n++) {
            const char *why = NULL;

            mailbox_host = (struct mailbox_host){0};
            set_up(&app_generate, "");
            ask_for("rate=100kpps count=200 flows=8 ports=0");
            mailbox_host = (struct mailbox_host){.fails = n, .fails_n = 2, .with = errors[e]};
            const char *wrong = generator_request();
            if (!wrong)
                wrong = generator_poll(&why);
            assert_true(n > 2 || wrong || why);
            ask_for("rate=50kpps count=300 flows=4"); /* not for the trial that a core is late in */
            (void)generator_request();
            pass(500000);
            generator_stop();
            for (unsigned i = 0; i < 10; i++) {
                mailbox_host_run_late();
                tick();
            }
            mailbox_host.fails = 0;
            generator_stop();
            tick();
            assert_int_equal(generators[0].n_on + generators[1].n_on, 0);
            wires[0].n = 0;
            begin();
            for (unsigned i = 0; i < 5000 && generators[0].n_on + generators[1].n_on != 0; i++)
                pass(10000);
            pass(2000000);
            struct trial_report r = generator_report(0);
            assert_int_equal(r.cores_silent, 0);
            assert_int_equal(r.sent, 300);
            assert_int_equal(wires[0].n, 300);
            assert_int_equal(machine_complaints(), 0);
        }
    lanes_cores = 1;
}

static void generate__no_target_address__is_refused(void **state)
{
    (void)state;
    const char *why;
    set_up(&app_generate, "");
    assert_string_equal(generator_request(), "rate= must be set");
    ask_for("rate=1000 ports=2");
    assert_non_null(strstr(generator_request(), "ports= names"));
    ask_for("ports=0 dst=192.0.2.9");
    assert_null(generator_request());
    assert_non_null(strstr(generator_poll(&why), "dst= needs an address"));
    ask_for("dstmac=02:00:00:00:00:99 count=1");
    begin();
    run_trial();
    assert_memory_equal(wires[0].bytes[0], "\x02\0\0\0\0\x99", 6);
    assert_memory_equal(wires[0].bytes[0] + 30, "\xC0\0\x02\x09", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generate__sizes_and_flows__every_frame_is_right),
        cmocka_unit_test(generate__list_of_n_sizes__sends_them_in_turn),
        cmocka_unit_test(generate__each_rate__sends_as_many_as_are_due),
        cmocka_unit_test(generate__idle_time__ends_when_the_next_is_due),
        cmocka_unit_test(generate__duration__ends_with_its_frames),
        cmocka_unit_test(generate__stopped_and_started__begins_a_new_trial),
        cmocka_unit_test(generate__two_ports__both_send),
        cmocka_unit_test(generate__link_lost__counts_losses_and_resumes),
        cmocka_unit_test(generate__rate_above_the_lines__counts_skipped_frames),
        cmocka_unit_test(generate__stuck_card__is_reset_and_logged),
        cmocka_unit_test(generate__invalid_head_word__is_ignored),
        cmocka_unit_test(generate__head_word_past_the_ring__is_ignored),
        cmocka_unit_test(generate__core_with_another_tsc__begins_with_the_others),
        cmocka_unit_test(
            generate__call_to_a_core_fails__no_trial_begins_half_and_the_next_is_right),
        cmocka_unit_test(generate__no_target_address__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
