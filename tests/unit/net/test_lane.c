/* SPDX-License-Identifier: BSD-2-Clause
 * The lane with the real driver on the model, two ports, app=forward. Covers:
 *  - every length up to FRAME_LONG passes unchanged and in order, in both directions at once, short
 *    frames padded;
 *  - the ring wraps; a full ring drops at the card and goes on; when the output wire stalls,
 *    no frame that was received is lost;
 *  - the link goes down and up under load, the card is reset or cut off under load, the output
 *    sticks;
 *  - bytes are counted without the CRC;
 *  - frame buffers follow each other at a distance that is no power of two: the headers of a burst lie
 *    in different sets of a cache;
 *  - a head word that is late or never comes is taken from the card; queues that do not start at 0 or
 *    do not start cost one reset; RSS that spreads nothing is told once;
 *  - each lie of the card about a descriptor or a head word is counted under its name;
 *  - a descriptor that is written back after those behind it is waited for, and one that never is
 *    costs a reset;
 *  - core 0's service reads at most 4 registers between two polls, which costs no frame at line rate;
 *  - after each of these the ledger balances against our counters and the cards', no rule of the
 *    model is broken and no DMA went outside what was granted.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/app/forward.c $(STACK)
 * boot/cmdline.c boot/console_key.c kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c
 * $(MODEL) */
#include "tests/unit/net/lane_host.h"

static uint32_t growing_length(uint64_t sequence)
{
    return 22 + (uint32_t)(sequence % (1514 - 22 + 1));
}

static void forward__every_length_both_ways__unchanged_and_in_order(void **state)
{
    (void)state;
    wires[0].length_of = growing_length;
    wires[1].length_of = growing_length;
    for (unsigned i = 0; i < 1514 - 22 + 1; i++) {
        feed(0);
        feed(1);
        if (i % 7 == 0)
            poll_until_idle();
    }
    poll_until_idle();
    assert_all_through(0);
    assert_all_through(1);
    assert_balance();
    assert_clean();
}

/* A frame with labels or tags on top of 1518 bytes passes, up to FRAME_LONG bytes. */
static uint32_t baby_giant_length(uint64_t sequence)
{
    return 1500 + (uint32_t)(sequence % (FRAME_LONG - 1500 + 1));
}

static void forward__baby_giants__pass_unchanged(void **state)
{
    (void)state;
    wires[0].length_of = wires[1].length_of = baby_giant_length;
    for (unsigned i = 0; i < 3 * (FRAME_LONG - 1500 + 1); i++) {
        feed(0);
        feed(1);
        poll_until_idle();
        if (i == FRAME_LONG - 1500) { /* the limit outlives a reset */
            machine_wait_ns(1000000);
            poll_until_idle();
            assert_int_equal(port_restart(&ports[0]), OK);
            wait_for_links(true);
        }
    }
    assert_all_through(0);
    assert_all_through(1);
    assert_balance();
    assert_clean();
}

static void forward__oversize_frames__are_counted_by_the_card(void **state)
{
    (void)state;
    uint8_t frame[4096] = {0x02};

    frame[12] = 0x88;
    frame[13] = 0xB5;
    for (uint32_t length = FRAME_LONG + 1; length < FRAME_LONG + 86; length++) {
        machine_frame_in(0, frame, length);
        poll_until_idle();
    }
    assert_balance();
    assert_int_equal(ports[0].count.rx_over_errors, 85);
    assert_int_equal(ports[1].count.tx_packets, 0);
    assert_clean();
}

static void forward__ring_wraps_a_hundred_times__keeps_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100 * LANE_SLOTS; i++) {
        feed(0);
        if (i % 37 == 0)
            poll_until_idle();
    }
    poll_until_idle();
    assert_all_through(0);
    assert_balance();
    assert_clean();
}

static void forward__single_frames__each_leaves_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        feed(i & 1);
        assert_int_equal(poll_once(), 1);
        assert_all_through(i & 1);
    }
    assert_balance();
    assert_clean();
}

/* Without polling, the card drops and counts what does not fit; the rest is forwarded. */
/* 100 frames of 60 bytes. */
static void forward__known_lengths__bytes_are_counted_without_the_crc(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        feed(0);
    poll_until_idle();
    for (unsigned i = 0; i < 2; i++)
        ports[i].ops->poll_counters(&ports[i]);
    assert_int_equal(ports[0].count.rx_bytes, 6000);
    assert_int_equal(ports[1].count.tx_bytes, 6000);
}

static void forward__ring_full__card_drops_and_counts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * LANE_SLOTS; i++)
        feed(0);
    poll_until_idle();
    assert_int_equal(wires[0].next_out, LANE_SLOTS - 1);
    assert_balance();
    assert_int_equal(ports[0].count.rx_dropped, 2 * LANE_SLOTS - (LANE_SLOTS - 1));
    wires[0].next_in = wires[0].next_out = 10000;
    for (unsigned i = 0; i < 100; i++) {
        feed(0);
        poll_until_idle();
    }
    assert_all_through(0);
    assert_balance();
    assert_clean();
}

/* The far end takes no frames for a while: they are held, and then sent in order. */
static void forward__output_wire_stalls__holds_then_sends(void **state)
{
    (void)state;
    machine_cards[1].wire_is_full = true;
    for (unsigned i = 0; i < 300; i++)
        feed(0);
    poll_until_idle();
    struct lane_ledger l = lane_ledger(&lanes[0]);
    assert_int_equal(l.received, 300);
    assert_true(l.held > 0);
    assert_int_equal(l.sent + l.held, 300);
    machine_cards[1].wire_is_full = false;
    machine_wait_ns(1000000);
    poll_until_idle();
    assert_all_through(0);
    assert_balance();
    assert_int_equal(lane_ledger(&lanes[0]).held, 0);
    assert_clean();
}

static void link_down__under_load__drains_counts_and_recovers(void **state)
{
    (void)state;
    for (unsigned flap = 0; flap < 5; flap++) {
        for (unsigned i = 0; i < 100; i++) {
            feed(0);
            if (i == 50)
                x540_set_cable(machine_cards[1].model, false);
            if (i % 3 == 0)
                (void)poll_once();
        }
        for (unsigned i = 0; i < 3; i++) {
            tick();
            feed(0);
            poll_until_idle();
        }
        assert_false(ports[1].link_is_up);
        assert_true(lanes[0].state == LANE_DRAINING);
        assert_balance();
        x540_set_cable(machine_cards[1].model, true);
        wait_for_links(true);
        wires[0].next_out = wires[0].next_in;
        for (unsigned i = 0; i < 10; i++) {
            feed(0);
            poll_until_idle();
        }
        assert_int_equal(wires[0].next_out, wires[0].next_in);
        assert_balance();
    }
    assert_true(drops(0, DROP_tx_no_link) > 0);
    assert_int_equal(wires[0].reordered + wires[0].changed, 0);
    assert_clean();
}

static void input_link_down__with_frames_received__loses_none(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        feed(0);
    x540_set_cable(machine_cards[0].model, false);
    tick();
    poll_until_idle();
    assert_all_through(0);
    x540_set_cable(machine_cards[0].model, true);
    wait_for_links(true);
    feed(0);
    feed(1);
    poll_until_idle();
    assert_all_through(0);
    assert_all_through(1);
    assert_balance();
    assert_clean();
}

static void reset__under_load__keeps_the_balance_and_goes_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned k = 0; k < 200; k++) {
            feed(k & 1);
            if (k % 50 == 0)
                (void)poll_once();
        }
        assert_int_equal(port_restart(&ports[i & 1]), OK);
        assert_balance();
        assert_both_ways_again();
    }
    assert_clean();
}

static void card__cut_off_under_load__is_out_until_restarted(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 200; k++) {
        feed(k & 1);
        if (k % 50 == 0)
            (void)poll_once();
    }
    machine_cut_off = 1 << 1;
    tick();
    assert_true(ports[1].is_down);
    assert_non_null(machine_log_has("port1: out of service: its card accessed memory"));
    assert_true(lanes[0].state == LANE_DRAINING);
    assert_true(lanes[1].state == LANE_PARKED);
    for (unsigned i = 0; i < 20; i++) {
        feed(0);
        poll_until_idle();
        tick();
    }
    assert_true(drops(0, DROP_tx_no_link) >= 20);
    assert_true(ports[1].is_down); /* it stays out until it is restarted */
    assert_false(machine_cards[1].command & PCI_COMMAND_MASTER);
    assert_int_equal(port_restart(&ports[1]), OK);
    assert_true(machine_cards[1].command & PCI_COMMAND_MASTER);
    assert_both_ways_again();
    assert_clean();
}

static void output_stuck__with_a_link__is_reset_and_counted(void **state)
{
    (void)state;
    x540_set_evil(machine_cards[1].model, X540_EVIL_TX_STUCK, 1);
    for (unsigned i = 0; i < 100; i++)
        feed(0);
    poll_until_idle();
    for (unsigned i = 0; i < 15; i++)
        tick();
    assert_non_null(machine_log_has("has sent nothing for"));
    assert_true(drops(0, DROP_tx_stuck) > 0);
    x540_set_evil(machine_cards[1].model, X540_EVIL_TX_STUCK, 0);
    wait_for_links(true);
    wires[0].next_out = wires[0].next_in;
    feed(0);
    poll_until_idle();
    assert_int_equal(wires[0].next_out, wires[0].next_in);
    assert_balance();
}

/* Frames leave and the card does not say so: its register does. */
static void head__never_written__is_taken_from_the_card(void **state)
{
    (void)state;
    x540_set_evil(machine_cards[1].model, X540_EVIL_HEAD_STUCK, 1);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 100; i++)
            feed(0);
        poll_until_idle();
        for (unsigned i = 0; i < 15; i++) {
            tick();
            poll_until_idle();
        }
        assert_int_equal(lane_ledger(&lanes[0]).held, 0);
    }
    assert_int_equal(ports[1].resets, 0);
    assert_non_null(machine_log_has("transmit queue 0: head word late: memory has 0, the card "));
    assert_null(machine_log_has("has sent nothing"));
    assert_all_through(0);
    assert_balance();
    assert_clean();
}

static struct outcome consume(struct lane *lane, uint8_t *frame, uint32_t length)
{
    (void)frame, (void)length;
    return lane_consume(lane);
}

/* A router that is sent nothing but what is for itself: null descriptors with RS alone, of which the
 * documents disagree whether they move the head word. */
static void null_descriptors__report_nothing__no_reset(void **state)
{
    (void)state;
    x540_set_evil(machine_cards[1].model, X540_EVIL_NULL_RS_SILENT, 1);
    for (unsigned i = 0; i < 30; i++) {
        struct lane *lane = &lanes[0];
        feed(0);
        assert_true(slot_is_done(lane->slot));
        lane_slow_path(lane, lane->slot, dma_load64(&lane->slot->word) & RX_CHECKED, consume, 0);
        lane->slot->word |= TX_RS;
        lane->slot = &lane->ring[++lane->next & (LANE_SLOTS - 1)];
        mmio_write32(lane->tdt, 0, (uint32_t)lane->next & (LANE_SLOTS - 1));
        tick();
        poll_until_idle();
    }
    assert_int_equal(ports[1].resets, 0);
    assert_non_null(machine_log_has("head word late"));
    assert_true((uint32_t)lanes[0].next - lanes[0].done < 15);
    assert_balance();
    assert_clean();
}

/* RDH and TDH are read-only by the documents: a card that keeps them over a stop of the queue. */
static void queue__does_not_start_at_0__port_is_reset_and_goes_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        feed(0);
    poll_until_idle();
    x540_set_evil(machine_cards[1].model, X540_EVIL_RDH_KEPT, 1);
    x540_set_cable(machine_cards[1].model, false);
    tick();
    x540_set_cable(machine_cards[1].model, true);
    wait_for_links(true);
    assert_non_null(machine_log_has("TDH (0x06010) reads 0x0000000a after the queue was enabled"));
    assert_int_equal(ports[1].resets, 1);
    assert_both_ways_again();
}

/* The same for the input of the lane. */
static void receive_queue__does_not_start_at_0__port_is_reset_and_goes_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        feed(0);
    poll_until_idle();
    x540_set_evil(machine_cards[0].model, X540_EVIL_RDH_KEPT, 1);
    x540_set_cable(machine_cards[1].model, false);
    tick();
    x540_set_cable(machine_cards[1].model, true);
    wait_for_links(true);
    assert_non_null(machine_log_has("RDH (0x01010) reads 0x0000000a after the queue was enabled"));
    assert_int_equal(ports[0].resets, 1);
    assert_both_ways_again();
}

static void queue__never_starts__port_is_out_of_service_after_one_reset(void **state)
{
    (void)state;
    x540_set_cable(machine_cards[1].model, false);
    tick();
    x540_set_evil(machine_cards[1].model, X540_EVIL_ENABLE_STUCK, 1);
    x540_set_cable(machine_cards[1].model, true);
    for (unsigned i = 0; i < 10; i++)
        tick();
    assert_true(ports[1].is_down);
    assert_int_equal(ports[1].resets, 1);
    assert_non_null(machine_log_has("port1: out of service: a queue did not start"));
    unsigned lines = machine_log_lines();
    for (unsigned i = 0; i < 10; i++)
        tick();
    assert_int_equal(machine_log_lines(), lines);
    x540_set_evil(machine_cards[1].model, X540_EVIL_ENABLE_STUCK, 0);
    assert_int_equal(port_restart(&ports[1]), OK);
    assert_both_ways_again();
}

/* 12,000 UDP frames of so many flows into port 0 of two cores. */
static void flows_come(unsigned flows)
{
    for (unsigned i = 0; i < 12000; i++) {
        uint8_t f[60] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0, 0x45, 0, 0, 46};

        f[22] = 64;
        f[23] = 17;
        f[26] = f[30] = 10;
        f[33] = 1;
        f[34] = 4;
        f[35] = (uint8_t)(i % flows);
        f[39] = 26;
        machine_frame_in(0, f, 60);
        for (unsigned core = 0; core < 2; core++) {
            struct core_lanes *own = run_core_lanes(core);
            own->rounds_to_slow = 1;
            (void)run_round(own);
        }
    }
    tick();
}

static int start_two_cores(void **state)
{
    lanes_cores = 2;
    memset(wires, 0, sizeof(wires));
    start_ports(2);
    run_start_app(&app_forward);
    wait_for_links(true);
    (void)state;
    return 0;
}

static int back_to_one_core(void **state)
{
    (void)state;
    lanes_cores = 1;
    return 0;
}

static void rss__all_flows_on_queue_0__is_told_once(void **state)
{
    (void)state;
    x540_set_evil(machine_cards[0].model, X540_EVIL_RSS_LEGACY, 1);
    flows_come(64);
    assert_non_null(machine_log_has("were received by queue 0 of 2, though their flows differ"));
    unsigned lines = machine_log_lines();
    flows_come(64);
    assert_int_equal(machine_log_lines(), lines);
}

static void rss__one_flow_or_a_spread_that_works__is_no_news(void **state)
{
    (void)state;
    x540_set_evil(machine_cards[0].model, X540_EVIL_RSS_LEGACY, 1);
    flows_come(1);
    assert_null(machine_log_has("their flows differ"));
    x540_set_evil(machine_cards[0].model, X540_EVIL_RSS_LEGACY, 0);
    flows_come(64);
    assert_true(lanes[lanes_per_core].next > 0);
    assert_null(machine_log_has("their flows differ"));
    assert_clean(); /* RXCSUM.PCSD is off though RSS is on */
}

static void misbehave(enum x540_evil evil, uint64_t arg, enum drop why, uint64_t expected)
{
    x540_set_evil(machine_cards[0].model, evil, arg);
    for (unsigned i = 0; i < 96; i++)
        feed(0);
    poll_until_idle();
    x540_set_evil(machine_cards[0].model, evil, 0);
    assert_int_equal(drops(0, why), expected);
    wires[0].next_out = wires[0].next_in;
    wires[0].changed = 0;
    for (unsigned i = 0; i < 100; i++) {
        feed(0);
        poll_until_idle();
    }
    assert_int_equal(wires[0].next_out, wires[0].next_in);
    assert_int_equal(wires[0].changed, 0);
    assert_balance();
}

static void descriptor__length_beyond_the_buffer__is_dropped(void **state)
{
    (void)state;
    misbehave(X540_EVIL_RX_LENGTH, 65535, DROP_rx_length, 96);
}

static void descriptor__length_just_beyond_the_buffer__is_dropped(void **state)
{
    (void)state;
    misbehave(X540_EVIL_RX_LENGTH, SLOT_BYTES, DROP_rx_length, 96);
}

static void descriptor__length_below_the_minimum__is_dropped(void **state)
{
    (void)state;
    misbehave(X540_EVIL_RX_LENGTH, FRAME_MIN - 1, DROP_rx_length, 96);
}

static void descriptor__no_end_of_packet__is_dropped(void **state)
{
    (void)state;
    misbehave(X540_EVIL_RX_NO_EOP, 8, DROP_rx_split, 12);
}

static void descriptor__receive_error__is_dropped(void **state)
{
    (void)state;
    misbehave(X540_EVIL_RX_ERROR, 4, DROP_rx_error, 24);
}

/* A write-back that comes 5 us after those behind it: the slot is the card's until then. The slots
 * behind it are not looked at, and the late word must not replace one of ours: its checksum would be
 * the bits of a transmit command. */
static void descriptor__written_back_late__burst_ends_before_it(void **state)
{
    (void)state;
    for (unsigned every = 1; every < 20; every++) {
        x540_set_evil(machine_cards[0].model, X540_EVIL_RX_LATE, 5000ull << 32 | every);
        for (unsigned i = 0; i < 200; i++) {
            feed(0);
            if (i % 21 == 0)
                poll_until_idle();
        }
        machine_wait_ns(100000);
        poll_until_idle();
    }
    x540_set_evil(machine_cards[0].model, X540_EVIL_RX_LATE, 0);
    poll_until_idle();
    assert_all_through(0);
    assert_int_equal(drops(0, DROP_rx_not_done), 0);
    assert_int_equal(lane_ledger(&lanes[0]).waiting, 0);
    assert_balance();
    assert_clean();
}

/* One that never comes: the port is reset after a second, and what was lost is counted. */
static void descriptor__never_written_back__port_is_reset(void **state)
{
    (void)state;
    x540_set_evil(machine_cards[0].model, X540_EVIL_RX_LATE, 0xFFFFFFFFull << 32 | 5);
    for (unsigned i = 0; i < 16; i++)
        feed(0);
    poll_until_idle();
    x540_set_evil(machine_cards[0].model, X540_EVIL_RX_LATE, 0xFFFFFFFFull << 32 | 1u << 30);
    assert_int_equal(wires[0].next_out, 4);
    for (unsigned i = 0; i < 8; i++)
        tick();
    assert_int_equal(ports[0].resets, 0);
    for (unsigned i = 0; i < 8; i++)
        tick();
    assert_int_equal(ports[0].resets, 1);
    assert_non_null(machine_log_has("port0: receive queue 0: slot 4 not written back for 1"));
    assert_int_equal(drops(0, DROP_rx_not_done), 1);
    assert_int_equal(drops(0, DROP_port_reset), 11);
    assert_both_ways_again();
    for (unsigned i = 0; i < 30; i++)
        tick();
    assert_int_equal(ports[0].resets, 1);
    assert_clean();
}

/* Time passes at line rate on both ports: 14.88 million frames a second each. */
static void feed_line_rate(uint64_t *fed_ns)
{
    while (*fed_ns + 67 <= machine_now_ns()) {
        *fed_ns += 67;
        feed(0);
        feed(1);
    }
}

static void service__register_reads_of_1_us__cost_no_frame_at_line_rate(void **state)
{
    (void)state;
    uint64_t most = 0, total = 0, first = machine_reads;

    machine_read_ns = 1000;
    for (unsigned second = 0; second < 2; second++) {
        machine_wait_ns(1100000000); /* the counters are due */
        uint64_t now_ns = machine_now_ns(), fed_ns = now_ns;
        for (unsigned step = 0, again = true; again; step++) {
            uint64_t before = machine_reads;
            again = run_service_step(now_ns, step);
            most = MAX(most, machine_reads - before);
            total += machine_reads - before;
            for (unsigned round = 0; round < ROUNDS_A_STEP; round++) {
                feed_line_rate(&fed_ns);
                machine_wait_ns(15ull * poll_once()); /* what the core needs for them, about */
            }
        }
        poll_until_idle();
        machine_wait_ns(1000000);
        poll_until_idle();
    }
    assert_true(total > 2 * 2 * 80);
    assert_true(machine_reads - first >= total);
    assert_in_range(most, 1, 4);
    assert_true(wires[0].next_in > 2 * 1000);
    assert_all_through(0);
    assert_all_through(1);
    for (unsigned i = 0; i < 2; i++)
        ports[i].ops->poll_counters(&ports[i]);
    assert_int_equal(ports[0].count.rx_dropped + ports[1].count.rx_dropped, 0);
    assert_int_equal(ports[0].count.rx_packets, wires[0].next_in);
    assert_int_equal(ports[1].count.tx_packets, wires[0].next_in);
    assert_balance();
    assert_clean();
}

static void head__outside_the_queued_range__is_ignored_and_counted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++)
        feed(0);
    poll_until_idle();
    x540_set_evil(machine_cards[1].model, X540_EVIL_HEAD_JUMP, 400);
    for (unsigned i = 0; i < 32; i++)
        feed(0);
    poll_until_idle();
    assert_true(lanes[0].count.head_bad > 0);
    assert_true((uint32_t)lanes[0].next - lanes[0].done < LANE_SLOTS);
    x540_set_evil(machine_cards[1].model, X540_EVIL_HEAD_JUMP, 0);
    for (unsigned i = 0; i < 100; i++) {
        feed(0);
        poll_until_idle();
    }
    assert_all_through(0);
    assert_balance();
}

static void card__vanishes_under_load__lane_stops_and_balances(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        feed(0);
    (void)poll_once();
    x540_set_evil(machine_cards[1].model, X540_EVIL_ALL_ONES, 1);
    for (unsigned i = 0; i < 20; i++) {
        feed(0);
        poll_until_idle();
        tick();
    }
    assert_true(ports[1].is_gone);
    for (unsigned i = 0; i < lanes_n; i++) {
        struct lane_ledger l = lane_ledger(&lanes[i]);
        assert_int_equal(l.received, l.sent + l.held + l.consumed + l.dropped);
    }
    assert_true(drops(0, DROP_tx_no_link) > 0);
}

static void side_send__full_queue_and_bad_lengths__are_counted(void **state)
{
    (void)state;
    uint8_t frame[2048] = {0x02};

    machine_cards[0].on_frame = NULL;
    machine_cards[0].wire_is_full = true;
    assert_false(side_send(&ports[0], frame, FRAME_MIN - 1));
    assert_false(side_send(&ports[0], frame, FRAME_MAX + 1));
    unsigned sent = 0;
    for (unsigned i = 0; i < 2 * SIDE_SLOTS; i++)
        sent += side_send(&ports[0], frame, 60);
    assert_in_range(sent, SIDE_SLOTS - 1 - SIDE_KEPT, SIDE_SLOTS - SIDE_KEPT + 16);
    assert_int_equal(port_side(&ports[0], 0)->drops[DROP_side_full], 2 * SIDE_SLOTS - sent);
    assert_int_equal(port_side(&ports[0], 0)->drops[DROP_side_length], 2);
    machine_cards[0].wire_is_full = false;
    machine_wait_ns(1000000);
    assert_true(side_send(&ports[0], frame, FRAME_MAX));
    machine_wait_ns(1000000);
    tick();
    assert_int_equal(machine_cards[0].frames_out, sent + 1);
    x540_set_cable(machine_cards[0].model, false);
    tick();
    assert_false(side_send(&ports[0], frame, 60));
    assert_int_equal(port_side(&ports[0], 0)->drops[DROP_tx_no_link], 1);
    assert_balance();
    assert_clean();
}

/* 64 sets of 64 bytes: an L1 cache of 32 KiB with 8 ways, and 48 KiB with 12. Two places with the
 * same low 12 bits share a set, too. */
static void assert_different_sets(const struct descriptor *ring, uint32_t slots)
{
    for (uint32_t first = 0; first + LANE_BURST <= slots; first += LANE_BURST) {
        uint64_t sets = 0;

        for (uint32_t i = first; i < first + LANE_BURST; i++) {
            uint64_t set = BIT64(ring[i].address / CACHE_LINE_BYTES % 64);
            assert_int_equal(ring[i].address % CACHE_LINE_BYTES, 0);
            assert_int_equal(sets & set, 0);
            sets |= set;
        }
    }
}

static void lane__headers_of_a_burst__lie_in_different_sets(void **state)
{
    (void)state;
    for (unsigned i = 0; i < lanes_n; i++)
        assert_different_sets(lanes[i].ring, LANE_SLOTS);
    assert_different_sets(port_side(&ports[0], 0)->ring, port_side(&ports[0], 0)->slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lane__headers_of_a_burst__lie_in_different_sets, start),
        cmocka_unit_test_setup(forward__every_length_both_ways__unchanged_and_in_order, start),
        cmocka_unit_test_setup(forward__baby_giants__pass_unchanged, start),
        cmocka_unit_test_setup(forward__oversize_frames__are_counted_by_the_card, start),
        cmocka_unit_test_setup(forward__ring_wraps_a_hundred_times__keeps_order, start),
        cmocka_unit_test_setup(forward__single_frames__each_leaves_at_once, start),
        cmocka_unit_test_setup(forward__known_lengths__bytes_are_counted_without_the_crc, start),
        cmocka_unit_test_setup(forward__ring_full__card_drops_and_counts, start),
        cmocka_unit_test_setup(forward__output_wire_stalls__holds_then_sends, start),
        cmocka_unit_test_setup(link_down__under_load__drains_counts_and_recovers, start),
        cmocka_unit_test_setup(input_link_down__with_frames_received__loses_none, start),
        cmocka_unit_test_setup(reset__under_load__keeps_the_balance_and_goes_on, start),
        cmocka_unit_test_setup(card__cut_off_under_load__is_out_until_restarted, start),
        cmocka_unit_test_setup(head__never_written__is_taken_from_the_card, start),
        cmocka_unit_test_setup(null_descriptors__report_nothing__no_reset, start),
        cmocka_unit_test_setup(queue__does_not_start_at_0__port_is_reset_and_goes_on, start),
        cmocka_unit_test_setup(receive_queue__does_not_start_at_0__port_is_reset_and_goes_on,
                               start),
        cmocka_unit_test_setup(queue__never_starts__port_is_out_of_service_after_one_reset, start),
        cmocka_unit_test_setup_teardown(rss__all_flows_on_queue_0__is_told_once, start_two_cores,
                                        back_to_one_core),
        cmocka_unit_test_setup_teardown(rss__one_flow_or_a_spread_that_works__is_no_news,
                                        start_two_cores, back_to_one_core),
        cmocka_unit_test_setup(output_stuck__with_a_link__is_reset_and_counted, start),
        cmocka_unit_test_setup(descriptor__length_beyond_the_buffer__is_dropped, start),
        cmocka_unit_test_setup(descriptor__length_just_beyond_the_buffer__is_dropped, start),
        cmocka_unit_test_setup(descriptor__length_below_the_minimum__is_dropped, start),
        cmocka_unit_test_setup(descriptor__no_end_of_packet__is_dropped, start),
        cmocka_unit_test_setup(descriptor__receive_error__is_dropped, start),
        cmocka_unit_test_setup(descriptor__written_back_late__burst_ends_before_it, start),
        cmocka_unit_test_setup(descriptor__never_written_back__port_is_reset, start),
        cmocka_unit_test_setup(service__register_reads_of_1_us__cost_no_frame_at_line_rate, start),
        cmocka_unit_test_setup(head__outside_the_queued_range__is_ignored_and_counted, start),
        cmocka_unit_test_setup(card__vanishes_under_load__lane_stops_and_balances, start),
        cmocka_unit_test_setup(side_send__full_queue_and_bad_lengths__are_counted, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
