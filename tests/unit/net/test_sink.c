/* SPDX-License-Identifier: BSD-2-Clause
 * How app=generate and app=sink count received frames. A simulated device under test between the
 * ports loses, duplicates and delays a known number of frames. Covers:
 *  - the sink's counts equal those of the simulated device;
 *  - other frames at a sink: ARP, other trials, damaged and foreign frames, adoption of a trial.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/app/generate.c net/app/sink.c $(GENERATOR)
 * $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c tests/host/trial_cmd.c
 * $(MODEL) */
#include "tests/unit/net/generator_host.h"
#include "net/lane/lane_control.h"
#include "tests/unit/frames.h"
#include "tests/unit/random.h"

/* Loses, duplicates and delays the frames sent by port 0 with these percentages, inputs them at
 * port 1, and returns the counts that a receiver must find. */
struct device {
    uint32_t received, duplicates, reordered;
};

static struct device device(uint32_t flows, unsigned drop, unsigned duplicate, unsigned late)
{
    struct device d = {0};
    uint32_t n = wires[0].n, m = 0;
    uint32_t *order = calloc(2 * n + 1, sizeof(*order)), *highest = calloc(flows, sizeof(*highest));
    uint8_t *received_n = calloc(n, 1);

    for (uint32_t i = 0; i < n; i++)
        if (random_next() % 100 >= drop) {
            order[m++] = i;
            if (random_next() % 100 < duplicate)
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
        if (received_n[frame]++) {
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
    free(received_n);
    return d;
}

static void sink__random_devices__counts_match(void **state)
{
    (void)state;
    static const char *const flows[] = {"1", "2", "7", "100", "4096"};
    for (unsigned i = 0; i < 40; i++) {
        set_up(&app_generate, "");
        ask_for("rate=1Mpps size=%s count=3001 flows=%s", i % 2 ? "imix" : "64", flows[i % 5]);
        begin();
        run_trial();
        assert_int_equal(wires[0].n, 3001);
        struct device d = device((uint32_t)atoi(flows[i % 5]), i % 3 * 10, i % 4 * 5, i % 5 * 10);
        struct reception r = receiver_report(1);
        assert_true(r.is_own);
        assert_int_equal(r.count->tag, generator_tag(0));
        assert_int_equal(stream_frames(r.count) - r.count->duplicates - r.count->beyond,
                         d.received);
        assert_int_equal(r.count->duplicates, d.duplicates);
        assert_int_equal(r.count->reordered, d.reordered);
        assert_int_equal(r.count->beyond, 0);
        assert_int_equal(latency_total(r.count), d.received);
        assert_true(latency_percentile(r.count, 1000) <= machine_now_ns() &&
                    r.count->latency_max > 0);
        assert_int_equal(r.count->backwards, 0);
        assert_int_equal(receiver_report(0).count->tag, 0);
        assert_balance();
        assert_int_equal(wires[1].n, 0); /* no answers */
    }
}

static void sink__latency__equals_the_wires_delay(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate=1000 count=50");
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

static void receive(const uint8_t *frame, uint32_t length)
{
    machine_frame_in(1, frame, length);
    while (poll_once() != 0)
        ;
}

static void sink__other_trials__are_adopted_one_at_a_time(void **state)
{
    (void)state;
    uint8_t f[60];
    const uint64_t one = probe_tag(1, 0, 2), two = probe_tag(2, 5, 12);

    set_up(&app_sink, "");
    for (uint32_t i = 0; i < 100; i++)
        receive(f, probe_for_port_1(f, one, i % 4, i / 4));
    struct reception r = receiver_report(1);
    assert_false(r.is_own);
    assert_int_equal(r.count->tag, one);
    assert_int_equal(stream_frames(r.count), 100);
    assert_int_equal(r.count->lost, 0);
    receive(f, probe_for_port_1(f, two, 0, 0));  /* too soon */
    receive(f, probe_for_port_1(f, one, 4, 0));  /* no such flow */
    receive(f, probe_for_port_1(f, one, 3, 30)); /* 5 are missing */
    assert_int_equal(lanes[1].count.drops[DROP_trial_other], 2);
    assert_int_equal(receiver_report(1).count->lost, 5);
    machine_wait_ns(1000000000);
    receive(f, probe_for_port_1(f, two, 4095, 7));
    r = receiver_report(1);
    assert_int_equal(r.count->tag, two);
    assert_int_equal(r.count->lost, 7);
    assert_int_equal(stream_frames(r.count), 1);
    static const uint64_t no_tags[PORTS_MAX];
    receiver_reset(0, no_tags);
    assert_int_equal(receiver_report(1).count->tag, 0);
    receive(f, probe_for_port_1(f, one, 0, 0)); /* adopted at once */
    assert_int_equal(receiver_report(1).count->tag, one);
    assert_int_equal(wires[0].n + wires[1].n, 0);
    assert_balance();
}

static void generate__other_trials__are_never_adopted(void **state)
{
    (void)state;
    uint8_t f[60];

    set_up(&app_generate, "");
    receive(f, probe_for_port_1(f, probe_tag(1, 0, 0), 0, 0));
    ask_for("rate=1Mpps count=10");
    begin();
    run_trial();
    receive(f, probe_for_port_1(f, generator_tag(0) ^ BIT64(40), 0, 0));
    machine_wait_ns(2000000000);
    receive(f, probe_for_port_1(f, generator_tag(0) ^ BIT64(57), 0, 0)); /* "from port 2" */
    assert_int_equal(lanes[1].count.drops[DROP_trial_other], 3);
    assert_int_equal(receiver_report(1).count->tag, 0);
    assert_balance();
}

/* A tag of VLAN 0, which a switch may add, does not count. */
static void measuring__tag_of_vlan_0__counts_as_untagged(void **state)
{
    (void)state;
    for (unsigned is_own = 0; is_own < 2; is_own++) {
        uint8_t f[64], other[64] = {0};
        uint64_t tag = probe_tag(1, 0, 0);
        set_up(is_own ? &app_generate : &app_sink, "");
        if (is_own) {
            ask_for("rate=1Mpps count=10");
            begin();
            run_trial();
            tag = generator_tag(0);
        }
        for (uint32_t i = 0; i < 10; i++) {
            probe_for_port_1(f, tag, 0, i);
            memmove(f + 16, f + 12, 48);
            memcpy(f + 12, "\x81\x00", 2);
            f[14] = (uint8_t)(i << 4);
            f[15] = 0;
            receive(f, 64);
            memcpy(other, ports[1].mac, 6);
            receive(other, 64);
            f[15] = 1; /* of VLAN 1 */
            receive(f, 64);
        }
        struct reception r = receiver_report(1);
        assert_int_equal(r.count->tag, tag);
        assert_int_equal(stream_frames(r.count), 10);
        assert_int_equal(r.count->lost + r.count->duplicates, 0);
        assert_int_equal(r.count->bytes, 10 * 60);
        assert_int_equal(lanes[1].count.drops[DROP_eth_other], 20);
        assert_balance();
    }
}

static void sink__damaged_and_foreign_frames__are_dropped_by_reason(void **state)
{
    (void)state;
    for (unsigned with_ip = 0; with_ip < 2; with_ip++) {
        uint8_t f[60];
        set_up(&app_sink, with_ip ? "ip=" : "");
        probe_for_port_1(f, probe_tag(1, 0, 0), 0, 0);
        f[50] ^= 1; /* its number */
        receive(f, 60);
        probe_for_port_1(f, probe_tag(1, 0, 0), 0, 0);
        f[25] ^= 1;
        receive(f, 60);
        memset(f + 12, 0x88, 2);
        receive(f, 60);
        const uint64_t *drops = with_ip ? ports[1].netif->drops : lanes[1].count.drops;
        assert_int_equal(drops[DROP_udp_checksum] + drops[DROP_ip_not_ours], 1);
        assert_int_equal(drops[DROP_ip_checksum], 1);
        assert_int_equal(drops[DROP_eth_other], 1);
        assert_int_equal(receiver_report(1).count->tag, 0);
        assert_balance();
    }
}

static void sink__arp_for_our_address__is_answered_by_the_side_queue(void **state)
{
    (void)state;
    uint8_t f[60] = "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x77\x08\x06\0\1\x08\0\6\4\0\1"
                    "\x02\0\0\0\0\x77\xC0\0\x02\x63\0\0\0\0\0\0\xC0\0\x02\x02";
    set_up(&app_sink, "ip=");
    uint32_t before = wires[1].n; /* announcements */
    receive(f, 60);
    pass(100000);
    assert_int_equal(wires[1].n, before + 1);
    assert_memory_equal(wires[1].bytes[before], "\x02\0\0\0\0\x77", 6);
    assert_int_equal(wires[1].bytes[before][21], 2); /* a reply */
    assert_balance();
}

/* Pings and datagrams to services, of many lengths, with the card's verdict on them or not; they count
 * as no trial's. */
static void sink__ping_and_services__are_answered_by_the_side_queue(void **state)
{
    (void)state;
    uint8_t f[1514];
    set_up(&app_sink, "ip=");
    uint32_t sent = wires[1].n;
    for (uint32_t n = 60; n <= 1514; n += 61)
        for (unsigned kind = 0; kind < 4; kind++) {
            (void)(kind == 0 ? make_icmp(f, 8, 1, 1, 0, n - 42)
                             : make_udp(f, 40000, kind == 1 ? 9 : 7, 0, n - 42));
            memcpy(f, ports[1].mac, 6);
            put32(f + 30, 0xC0000202);
            put32(f + 26, 0xC0000263);
            fix_payload(f, n);
            fix_ip(f);
            if (kind == 3)
                put16(f + 40, 0);
            receive(f, n);
            pass(100000);
            sent += kind != 1;
            assert_int_equal(wires[1].n, sent);
            if (kind == 1)
                continue;
            const uint8_t *answer = wires[1].bytes[sent - 1];
            assert_int_equal(wires[1].length[sent - 1], n);
            assert_memory_equal(answer, PEER_MAC, 6);
            assert_int_equal(slow_sum(answer + 14, 20, 0), 0xFFFF);
            assert_memory_equal(answer + 42, f + 42, n - 42);
        }
    assert_int_equal(receiver_report(1).count->tag, 0);
    assert_balance();
}

static void sink__rings_wrap__loses_none(void **state)
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
    receive(f, probe_for_port_1(f, probe_tag(9, 0, 0), 0, 5000));
    assert_int_equal(stream_frames(receiver_report(1).count), 5001);
    x540_set_cable(machine_cards[1].model, false); /* a sink's lane needs no link */
    for (unsigned i = 0; i < 3; i++)
        tick();
    assert_int_equal(lanes[1].state, LANE_RUNNING);
    x540_set_cable(machine_cards[1].model, true);
    for (unsigned i = 0; i < 50 && !ports[1].link_is_up; i++)
        tick();
    receive(f, probe_for_port_1(f, probe_tag(9, 0, 0), 0, 5001));
    assert_int_equal(lanes[1].count.drops[DROP_tx_no_link], 0);
    assert_balance();
}

static void receiver__core_with_another_tsc__reports_times_of_core_0(void **state)
{
    (void)state;
    set_up(&app_generate, "");
    ask_for("rate=1Mpps count=10");
    begin();
    run_trial();
    (void)device(1, 0, 0, 0);
    uint64_t last_tsc = receiver_report(1).count->last_tsc;
    assert_true(last_tsc != 0);
    host_cpu.tsc_skew = -3600000000000;
    assert_true(receiver_report(1).count->last_tsc == last_tsc + 3600000000000);
    host_cpu.tsc_skew = 0;
}

static void receiver__silent_core__is_reported(void **state)
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
        cmocka_unit_test(sink__random_devices__counts_match),
        cmocka_unit_test(sink__latency__equals_the_wires_delay),
        cmocka_unit_test(sink__other_trials__are_adopted_one_at_a_time),
        cmocka_unit_test(generate__other_trials__are_never_adopted),
        cmocka_unit_test(measuring__tag_of_vlan_0__counts_as_untagged),
        cmocka_unit_test(sink__damaged_and_foreign_frames__are_dropped_by_reason),
        cmocka_unit_test(sink__arp_for_our_address__is_answered_by_the_side_queue),
        cmocka_unit_test(sink__ping_and_services__are_answered_by_the_side_queue),
        cmocka_unit_test(sink__rings_wrap__loses_none),
        cmocka_unit_test(receiver__core_with_another_tsc__reports_times_of_core_0),
        cmocka_unit_test(receiver__silent_core__is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
