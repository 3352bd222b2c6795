/* SPDX-License-Identifier: BSD-2-Clause
 * app=route: frames that leave by another port than the partner, or by the one they came in by. The
 * machine is that of router_host.h. test_router.c compares each kind of frame with the slow way; here:
 *  - a burst to three outputs: one tail write for each;
 *  - the order of a flow whose frames take all ways, to each output;
 *  - redirects: sent as the limit allows, and otherwise no frame takes the slow way for them;
 *  - a full output, and a slow partner: named drops, the others unharmed, nothing lost uncounted;
 *  - taps see these frames; an output without a link;
 *  - nothing is written behind a frame, where the output's card would find bytes of earlier ones.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/route.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "net/lane/capture.h"
#include "tests/unit/net/router_host.h"

enum { TDT = 0x6018, TDT_STEP = 0x40 };

/* An address that is reached by each port from port 0; 1 is the partner. */
static const uint32_t by_port[PORTS] = {IP(10, 1, 0, 1), IP(10, 9, 9, 9), IP(10, 2, 0, 1)};
static const uint32_t next_of[PORTS] = {IP(192, 0, 2, 20), IP(198, 51, 100, 10),
                                        IP(203, 0, 113, 10)};
static const uint32_t FAR_SOURCE = IP(172, 31, 0, 9); /* outside port 0's net: no redirects */

static unsigned tail_writes[PORTS];

static void count_tail_write(unsigned card, uint32_t offset, uint32_t value)
{
    (void)value;
    tail_writes[card] += offset == TDT || offset == TDT + TDT_STEP * SIDE_QUEUES;
}

static void clear_tail_writes(void)
{
    memset(tail_writes, 0, sizeof(tail_writes));
    machine_on_write = count_tail_write;
}

/* Frame number n. */
static void make_numbered(uint8_t *frame, uint32_t length, uint32_t source, uint32_t target,
                          uint32_t n)
{
    make(frame, length, target, 0);
    wire_put32(frame + 26, source);
    wire_put32(frame + 42, n);
    fix_ip(frame);
}

/* One round of core 0's loop as it usually is, not a slow one. */
static void one_round(void)
{
    struct core_lanes *own = run_core_lanes(0);

    (void)run_round(own);
}

/* Move the lane of port 0 to the start of a burst, so that the next frames are one burst. */
static void align(void)
{
    uint8_t frame[64];

    while (lanes[0].next % LANE_BURST != 0) {
        make_numbered(frame, 60, FAR_SOURCE, by_port[1], 0);
        give(frame, 60);
    }
    sent_n = 0;
    clear_tail_writes();
}

static void burst__to_three_outputs__one_tail_write_each(void **state)
{
    (void)state;
    uint8_t frame[2048];
    uint32_t lengths[] = {60, 61, 64, 65, 128, 300, 590};

    for (unsigned r = 0; r < 3 * SIDE_DEEP / 10; r++) {
        align();
        for (unsigned n = 0; n < LANE_BURST; n++) {
            make_numbered(frame, lengths[(n + r) % ARRAY_SIZE(lengths)], FAR_SOURCE, by_port[n % 3],
                          n);
            machine_frame_in(0, frame, lengths[(n + r) % ARRAY_SIZE(lengths)]);
        }
        one_round();
        for (unsigned i = 0; i < PORTS; i++)
            assert_int_equal(tail_writes[i], 1);
        rounds();
        assert_int_equal(sent_n, LANE_BURST);
        unsigned at[PORTS] = {0, 1, 2};
        for (unsigned i = 0; i < sent_n; i++) {
            unsigned port = sent[i].port, n = at[port];
            uint32_t length = lengths[(n + r) % ARRAY_SIZE(lengths)];
            at[port] += 3;
            make_numbered(frame, length, FAR_SOURCE, by_port[port], n);
            mac_of(port, next_of[port], frame);
            memcpy(frame + 6, ports[port].mac, 6);
            frame[22]--;
            fix_ip(frame);
            assert_int_equal(sent[i].length, length);
            assert_memory_equal(sent[i].bytes, frame, length);
        }
    }
    struct ledger ledger = ledger_read();
    assert_true(ledger.is_balanced);
    assert_int_equal(ledger.dropped, 0);
}

/* A source that ends in a byte of an address of ours is looked up, at no more tail writes. */
static void source__ends_as_an_address_of_ours__is_in_the_burst_too(void **state)
{
    (void)state;
    uint8_t frame[64];

    align();
    for (unsigned n = 0; n < LANE_BURST; n++) {
        make_numbered(frame, 60, n & 1 ? IP(172, 31, 0, 1) : IP(172, 31, 0, 255), by_port[2], n);
        machine_frame_in(0, frame, 60);
    }
    one_round();
    assert_int_equal(tail_writes[2], 1);
    rounds();
    assert_int_equal(sent_n, LANE_BURST);
}

/* What makes the frames of one flow take different ways: the number decides. */
static uint32_t make_any_way(uint8_t *frame, uint32_t source, uint32_t target, uint32_t n)
{
    uint32_t length = 60 + n * 37 % 400;

    make(frame, length, target, n % 7 == 3 ? 8 : 0); /* with options: the slow way */
    wire_put32(frame + 26, source);
    wire_put32(frame + 50, n);
    if (n % 5 == 2) /* a checksum of FFFE: the wide way */
        for (unsigned id = 0; id <= 0xFFFF; id++) {
            wire_put16(frame + 18, (uint16_t)id);
            fix_ip(frame);
            if (wire_get16(frame + 24) == 0xFEFF)
                break;
        }
    if (n % 11 == 5) /* bytes behind the datagram: the slow way */
        wire_put16(frame + 16, (uint16_t)(length - 14 - 1));
    fix_ip(frame);
    return length;
}

static void order__of_a_flow_that_takes_all_ways__is_kept(void **state)
{
    (void)state;
    uint8_t frame[2048];

    for (unsigned port = 0; port < PORTS; port++)
        for (unsigned s = 0; s < 2; s++) { /* 1: a host of port 0's net, so with redirects */
            uint32_t next = 0, redirects = 0;
            for (uint32_t n = 0; n < 600;) {
                sent_n = 0;
                for (unsigned i = 0; i < 40; i++, n++) {
                    uint32_t source = s ? HOST_IP : FAR_SOURCE;
                    uint32_t length = make_any_way(frame, source, by_port[port], n);
                    machine_frame_in(0, frame, length);
                }
                rounds();
                for (unsigned i = 0; i < sent_n; i++) {
                    bool is_redirect = sent[i].bytes[23] == 1 && sent[i].bytes[34] == ICMP_REDIRECT;
                    redirects += is_redirect;
                    if (is_redirect)
                        continue;
                    assert_int_equal(sent[i].port, port);
                    assert_int_equal(wire_get32(sent[i].bytes + 50), next++);
                    assert_int_equal(slow_check(sent[i].bytes + 14, (sent[i].bytes[14] & 15u) * 4),
                                     0);
                }
            }
            assert_int_equal(next, 600);
            assert_int_equal(redirects != 0, s == 1 && port == 0);
            pass(SECOND);
        }
    assert_int_equal(ledger_read().dropped, 0);
}

/* Give a burst of a host's frames back to its own port. Returns the number of redirects sent. */
static unsigned hairpin_burst(void)
{
    uint8_t frame[64];
    unsigned redirects = 0;

    align();
    for (unsigned n = 0; n < LANE_BURST; n++) {
        make_numbered(frame, 60, HOST_IP, by_port[0], n);
        machine_frame_in(0, frame, 60);
    }
    one_round();
    rounds();
    for (unsigned i = 0, next = 0; i < sent_n; i++) {
        if (sent[i].bytes[23] == 1)
            redirects++;
        else
            assert_int_equal(wire_get32(sent[i].bytes + 42), next++);
    }
    assert_int_equal(sent_n, LANE_BURST + redirects);
    return redirects;
}

static void hairpin__redirects_as_the_limit_allows__others_in_one_tail_write(void **state)
{
    (void)state;
    unsigned redirects = 0, quiet = 0;

    for (unsigned i = 0; i < 4; i++)
        redirects += hairpin_burst();
    assert_in_range(redirects, ICMP_BURST, ICMP_BURST + 5);
    uint64_t limited = ports[0].netif->errors_limited;
    for (unsigned i = 0; i < 20; i++)
        if (hairpin_burst() == 0)
            quiet += tail_writes[0] == 1;
    assert_true(quiet >= 15); /* one in ten milliseconds asks the limit */
    assert_true(ports[0].netif->errors_limited <= limited + 5);
    machine_wait_ns(20 * ICMP_GAP_NS);
    (void)hairpin_burst(); /* its round ends the quiet */
    redirects = hairpin_burst();
    assert_in_range(redirects, 20, 22);
}

static void full_output__named_drops_and_others_unharmed(void **state)
{
    (void)state;
    uint8_t frame[2048];
    unsigned partner = 0, stalled = 0, fed = 0;

    machine_cards[2].wire_is_full = true;
    for (unsigned r = 0; r < 60; r++) {
        sent_n = 0;
        for (unsigned n = 0; n < LANE_BURST; n++) {
            uint32_t length = n & 1 ? 60 : 570;
            make_numbered(frame, length, FAR_SOURCE, by_port[n & 1 ? 1 : 2], fed++);
            machine_frame_in(0, frame, length);
        }
        rounds();
        for (unsigned i = 0; i < sent_n; i++) {
            partner += sent[i].port == 1;
            stalled += sent[i].port == 2;
        }
    }
    assert_int_equal(partner, fed / 2); /* every one */
    assert_int_equal(stalled, 0);
    const struct side *side = port_side(&ports[2], 0);
    struct ledger ledger = ledger_read();
    assert_true(ledger.is_balanced);
    assert_true(side->drops[DROP_side_full] > 0);
    assert_int_equal(ledger.dropped, side->drops[DROP_side_full]);
    assert_int_equal(ledger.held, fed / 2 - ledger.dropped);
    assert_in_range(ledger.held, SIDE_DEEP - 1 - SIDE_KEPT, SIDE_DEEP - 1 - SIDE_KEPT + 16);
    /* What is queued leaves in order once the wire takes frames again, and there is room. */
    machine_cards[2].wire_is_full = false;
    uint32_t last = 0, got = 0;
    for (unsigned r = 0; r < 100 && got < ledger.held; r++) {
        sent_n = 0;
        machine_wait_ns(20000);
        for (unsigned i = 0; i < sent_n; i++, got++) {
            assert_true(got == 0 || wire_get32(sent[i].bytes + 42) > last);
            last = wire_get32(sent[i].bytes + 42);
        }
    }
    assert_int_equal(got, ledger.held);
    make_numbered(frame, 100, FAR_SOURCE, by_port[2], 0);
    give(frame, 100);
    is_forwarded(frame, 100, 2, next_of[2]);
}

static unsigned wire_takes; /* frames until the partner's wire is full */

static void take_a_few(void *opaque, const uint8_t *frame, uint32_t length)
{
    keep_sent_frame(opaque, frame, length);
    machine_cards[1].wire_is_full = --wire_takes == 0;
}

/* A round of core 0 with frames for the partner and for port 2 by turns. *last: the number of the last
 * one that the partner has sent. Returns how many port 2 has sent. */
static unsigned give_both(unsigned takes, uint32_t *fed, uint32_t *last)
{
    uint8_t frame[64];
    unsigned others = 0;

    sent_n = 0;
    wire_takes = takes;
    machine_cards[1].wire_is_full = takes == 0;
    for (unsigned n = 0; n < LANE_BURST / 2; n++) {
        make_numbered(frame, 60, FAR_SOURCE, by_port[1], ++*fed);
        machine_frame_in(0, frame, 60);
        make_numbered(frame, 60, FAR_SOURCE, by_port[2], *fed);
        machine_frame_in(0, frame, 60);
    }
    rounds();
    for (unsigned i = 0; i < sent_n; i++) {
        others += sent[i].port == 2;
        if (sent[i].port != 1)
            continue;
        assert_true(wire_get32(sent[i].bytes + 42) > *last);
        *last = wire_get32(sent[i].bytes + 42);
    }
    return others;
}

static uint64_t not_received(void)
{
    ports[0].ops->poll_counters(&ports[0]);
    return ports[0].count.rx_dropped + ports[0].count.rx_missed_errors;
}

/* The partner sends 2 frames while 16 come for it. What waits for it must not keep the lane's slots
 * from the receiver, once the lane's queue has filled and is narrow. */
static void slow_partner__named_drops_and_every_frame_of_the_others(void **state)
{
    (void)state;
    uint32_t fed = 0, last = 0;

    machine_cards[1].on_frame = take_a_few;
    for (unsigned r = 0; r < 300; r++)
        (void)give_both(2, &fed, &last);
    uint64_t lost = not_received(), drops = lanes[0].count.drops[DROP_route_full];
    assert_true(drops > 0);
    for (unsigned r = 0; r < 500; r++)
        assert_int_equal(give_both(2, &fed, &last), LANE_BURST / 2);
    assert_int_equal(not_received(), lost);
    assert_in_range(lanes[0].count.drops[DROP_route_full] - drops, 500 * 13, 500 * 15);
    struct ledger ledger = ledger_read();
    assert_true(ledger.is_balanced);
    assert_int_equal(ledger.dropped, lanes[0].count.drops[DROP_route_full]);
    /* It catches up: frames for it are plain again. */
    for (unsigned r = 0; r < 40; r++)
        assert_int_equal(give_both(1000, &fed, &last), LANE_BURST / 2);
    assert_int_equal(last, fed);
    assert_int_equal(lanes[0].app.b, (uintptr_t)&routes.table->hops[ROUTE_PORT_HOPS]);
    assert_int_equal(not_received(), lost);
}

/* With nobody to protect, all slots may wait for the partner. */
static void slow_partner__alone__is_not_narrowed(void **state)
{
    (void)state;
    uint8_t frame[64];

    machine_cards[1].wire_is_full = true;
    make_numbered(frame, 60, FAR_SOURCE, by_port[1], 0);
    for (unsigned n = 0; n < 2 * LANE_SLOTS; n++)
        give(frame, 60);
    assert_int_equal(lanes[0].count.drops[DROP_route_full], 0);
    machine_cards[1].wire_is_full = false;
}

static void no_link__at_the_output__the_sender_is_told(void **state)
{
    (void)state;
    uint8_t frame[2048];

    x540_set_cable(machine_cards[2].model, false);
    pass(SECOND);
    make(frame, 100, by_port[2], 0);
    give(frame, 100);
    assert_int_equal(sent_n, 1);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
    assert_int_equal(dropped(DROP_tx_no_link), 1);
    x540_set_cable(machine_cards[2].model, true);
    pass(3 * SECOND);
    give(frame, 100);
    is_forwarded(frame, 100, 2, next_of[2]);
}

static void tap(unsigned port, bool is_trace)
{
    const struct capture_request request = {&ports[port], is_trace, NULL};

    assert_true(capture_set(&request));
}

static void tap__sees_frames_to_another_output(void **state)
{
    (void)state;
    uint8_t frame[64];
    const struct capture_record *r;

    capture_prepare();
    make_numbered(frame, 60, FAR_SOURCE, by_port[2], 7);
    give(frame, 60); /* room is known now */
    tap(2, false);
    for (unsigned i = 0; i < 5; i++) {
        give(frame, 60);
        is_forwarded(frame, 60, 2, next_of[2]);
        r = capture_next();
        assert_non_null(r);
        assert_true(r->is_sent);
        assert_int_equal(r->length, 60);
        assert_memory_equal(r->bytes, sent[0].bytes, 60);
        assert_null(capture_next());
    }
    tap(0, true);
    for (unsigned i = 0; i < 5; i++) {
        give(frame, 60);
        r = capture_next();
        assert_non_null(r);
        assert_int_equal(r->fate, FATE_CONSUMED);
        assert_int_equal(r->sent, 0);
    }
    assert_true(capture_set(&(struct capture_request){0}));
    align();
    for (unsigned n = 0; n < LANE_BURST; n++)
        machine_frame_in(0, frame, 60);
    one_round();
    assert_int_equal(tail_writes[2], 1); /* as before the tap */
    rounds();
}

static void side_slot__behind_a_frame__is_not_written(void **state)
{
    (void)state;
    const struct side *side = port_side(&ports[2], 0);
    uint8_t frame[2048], behind[SLOT_BYTES];

    memset(behind, 0xEE, sizeof(behind));
    for (uint32_t length = 60; length < 560; length++) {
        uint8_t *slot = side_frame(side, (uint32_t)side->next & side->last);
        memset(slot, 0xEE, SLOT_BYTES);
        make_numbered(frame, length, FAR_SOURCE, by_port[2], 0);
        give(frame, length);
        is_forwarded(frame, length, 2, next_of[2]);
        assert_memory_equal(slot, sent[0].bytes, length);
        assert_memory_equal(slot + length, behind, SLOT_BYTES - length);
    }
}

static int stop_counting(void **state)
{
    machine_on_write = NULL;
    return stop(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop_counting)
    const struct CMUnitTest tests[] = {
        TEST(burst__to_three_outputs__one_tail_write_each),
        TEST(source__ends_as_an_address_of_ours__is_in_the_burst_too),
        TEST(order__of_a_flow_that_takes_all_ways__is_kept),
        TEST(hairpin__redirects_as_the_limit_allows__others_in_one_tail_write),
        TEST(full_output__named_drops_and_others_unharmed),
        TEST(slow_partner__named_drops_and_every_frame_of_the_others),
        TEST(slow_partner__alone__is_not_narrowed),
        TEST(no_link__at_the_output__the_sender_is_told),
        TEST(tap__sees_frames_to_another_output),
        TEST(side_slot__behind_a_frame__is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
