/* SPDX-License-Identifier: BSD-2-Clause
 * Two ports with app=forward and numbered frames on both wires, for test_lane.c.
 */
#ifndef TESTS_UNIT_LANE_HOST_H
#define TESTS_UNIT_LANE_HOST_H

#include "net/lane/lane.h"
#include "net/lane/lane_control.h"
#include "tests/unit/net/loop_host.h"

extern const struct app app_forward;

#define TICK_NS 100000000ull

/* One direction: frames that leave a port are compared with those that entered the other. */
struct wire {
    uint64_t next_in, next_out; /* sequence numbers */
    uint64_t missing, reordered, changed;
    uint32_t (*length_of)(uint64_t sequence);
};
static struct wire wires[2]; /* wires[i]: frames that enter at port i and leave at port 1 - i */

static inline uint32_t one_length(uint64_t sequence)
{
    (void)sequence;
    return 60;
}

static inline void make_frame(const struct wire *w, uint64_t sequence, uint8_t *frame,
                              uint32_t *length)
{
    *length = w->length_of(sequence);
    for (uint32_t i = 0; i < *length; i++)
        frame[i] = (uint8_t)(sequence * 7 + i * 31);
    /* An EtherType that no layer interprets, and the sequence number if the length allows it. */
    memcpy(frame, "\x02\x00\x00\x00\x00\x09\x02\x00\x00\x00\x00\x08\x88\xB5", 14);
    memcpy(frame + 14, &sequence, 8);
}

static inline void feed(unsigned port)
{
    uint8_t frame[4096] = {0};
    uint32_t length;

    make_frame(&wires[port], wires[port].next_in++, frame, &length);
    machine_frame_in(port, frame, length);
}

static inline void check_sent_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    struct wire *w = opaque;
    uint8_t expected[4096] = {0};
    uint64_t sequence;
    uint32_t expected_length;

    assert_true(length >= 60);
    memcpy(&sequence, frame + 14, 8);
    if (sequence < w->next_out) {
        w->reordered++;
        return;
    }
    w->missing += sequence - w->next_out;
    w->next_out = sequence + 1;
    make_frame(w, sequence, expected, &expected_length);
    if (length != MAX(expected_length, 60u) || memcmp(frame, expected, length) != 0)
        w->changed++;
}

static inline void poll_until_idle(void)
{
    for (unsigned idle = 0; idle < 3;)
        idle = poll_once() == 0 ? idle + 1 : 0;
}

static inline void tick(void)
{
    machine_wait_ns(TICK_NS);
    run_service(machine_now_ns());
}

static inline void wait_for_links(bool up)
{
    for (unsigned i = 0; i < 100; i++) {
        bool all = true;
        for (unsigned p = 0; p < ports_n; p++)
            all &= ports[p].link_is_up == up;
        if (all)
            break;
        tick();
    }
    tick(); /* lanes follow the links */
    for (unsigned p = 0; p < ports_n; p++)
        assert_int_equal(ports[p].link_is_up, up);
}

static inline int start(void **state)
{
    (void)state;
    memset(wires, 0, sizeof(wires));
    start_ports(2);
    for (unsigned i = 0; i < 2; i++) {
        wires[i].length_of = one_length;
        machine_cards[i].on_frame = check_sent_frame;
        machine_cards[i].opaque = &wires[1 - i];
    }
    run_start_app(&app_forward);
    assert_int_equal(lanes_n, 2);
    wait_for_links(true);
    return 0;
}

/* Our counters balance, and agree with the cards': every frame that the card counts as received is
 * received or waiting, and every frame that it counts as transmitted was sent by us. */
static inline void assert_balance(void)
{
    for (unsigned i = 0; i < ports_n; i++)
        ports[i].ops->poll_counters(&ports[i]);
    for (unsigned i = 0; i < lanes_n; i++) {
        struct lane_ledger l = lane_ledger(&lanes[i]);
        struct side_ledger s = side_ledger(port_side(lanes[i].out, 0));

        assert_int_equal(l.received, l.sent + l.held + l.consumed + l.dropped);
        assert_int_equal(s.generated, s.sent + s.held + s.dropped);
        assert_int_equal(lanes[i].in->count.rx_packets, l.received + l.waiting);
        assert_int_equal(lanes[i].out->count.tx_packets, l.sent + s.sent);
    }
}

static inline uint64_t drops(unsigned lane, enum drop why)
{
    return lanes[lane].count.drops[why];
}

/* No rule broken, no forbidden DMA. */
static inline void assert_clean(void)
{
    assert_int_equal(machine_complaints(), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(machine_cards[i].dma_refused, 0);
}

static inline void assert_all_through(unsigned port)
{
    assert_int_equal(wires[port].next_out, wires[port].next_in);
    assert_int_equal(wires[port].missing, 0);
    assert_int_equal(wires[port].reordered, 0);
    assert_int_equal(wires[port].changed, 0);
}

/* After a loss, both directions forward every new frame. */
static inline void assert_both_ways_again(void)
{
    wait_for_links(true);
    for (unsigned port = 0; port < 2; port++)
        wires[port].next_out = wires[port].next_in;
    for (unsigned k = 0; k < 100; k++) {
        feed(k & 1);
        poll_until_idle();
    }
    assert_int_equal(wires[0].next_out, wires[0].next_in);
    assert_int_equal(wires[1].next_out, wires[1].next_in);
    assert_balance();
}

#endif
