/* SPDX-License-Identifier: BSD-2-Clause
 * The wide handler of LANE_LOOP, `flush` and `ahead`. Covers:
 *  - it gets each whole frame that the fast handler did not take, in place, and no descriptor that
 *    holds none; what it declines the slow handler gets unchanged;
 *  - what it answers is sent in its place, whatever its length; what it consumes or drops is not;
 *    the lane's counters of frames and bytes agree with the card's;
 *  - the handler `other` gets these frames first, if their descriptor is as the fast one wants it;
 *  - while the core's trace is on, the slow handler gets all of these frames, and then no more;
 *  - flush is called once a poll that has handled frames, however many lanes have received some;
 *  - ahead sees each frame of the burst's whole groups, before the first of them is handled, and no
 *    other slot.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) $(STACK) boot/cmdline.c boot/console_key.c kernel/lib/parse.c
 * kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "net/app/app.h"
#include "net/lane/capture.h"
#include "tests/unit/net/loop_host.h"

/* A frame's byte AT_KIND decides who handles it. */
enum { AT_KIND = 14, BYTES = 100, LONGER = 120 };
enum kind { FAST, OTHER, WIDE, WIDE_LONGER, WIDE_CONSUMED, WIDE_DROPPED, DECLINED, KINDS };

static unsigned other_n, wide_n, slow_n, flushes_n, fast_n, ahead_n, ahead_late_n;
static unsigned sent_n;
static uint32_t sent_bytes;
static uint8_t sent[FRAME_MAX];

static LANE_FAST bool fast(struct lane_app app, wire_frame_t frame, size_t length)
{
    (void)app, (void)length;
    fast_n++;
    return wire_load8(frame, AT_KIND) == FAST;
}

static LANE_FAST void ahead(struct lane_app app, wire_frame_t frame)
{
    (void)app;
    assert_int_equal(wire_load_be16(frame, 12), 0x88B5);
    ahead_n++;
    ahead_late_n += fast_n != 0;
}

static struct outcome other(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    (void)lane;
    other_n++;
    if (wire_load8(frame, AT_KIND) != OTHER)
        return (struct outcome){0, FATE_FAST};
    return (struct outcome){(uint32_t)(checked & RX_LENGTH), FATE_SENT};
}

static struct outcome wide(struct lane *lane, wire_frame_t frame, uint64_t checked)
{
    wide_n++;
    assert_true(slot_is_whole(checked, SLOT_BYTES));
    assert_int_equal(checked & RX_LENGTH, BYTES);
    switch ((enum kind)wire_load8(frame, AT_KIND)) {
    case WIDE:
        wire_store16(frame, AT_KIND, 0x7777);
        return (struct outcome){BYTES, FATE_SENT};
    case WIDE_LONGER:
        wire_store32(frame, LONGER - 4, 0x01020304);
        return (struct outcome){LONGER, FATE_SENT};
    case WIDE_CONSUMED:
        return lane_consume(lane);
    case WIDE_DROPPED:
        return lane_drop(lane, DROP_side_full);
    default:
        return (struct outcome){0, FATE_FAST};
    }
}

static struct outcome slow(struct lane *lane, uint8_t *frame, uint32_t length)
{
    (void)lane, (void)frame;
    slow_n++;
    return (struct outcome){length, FATE_SENT};
}

static void flush(const struct lane *lane)
{
    assert_int_equal(lane->core, 0);
    flushes_n++;
}

lane_poll wide_poll;
LANE_LOOP(wide_poll, .fast = fast, .other = other, .wide = wide, .slow = slow,
          .length_least = FRAME_MIN, .flush = flush, .ahead = ahead)

static struct port *to_partner(struct port *in)
{
    return &ports[in->index ^ 1];
}

static const struct app app_wide = {.name = "wide",
                                    .poll = wide_poll,
                                    .slow = slow,
                                    .output = to_partner,
                                    .takes_everything = true};

static void keep_sent(void *opaque, const uint8_t *frame, uint32_t length)
{
    (void)opaque;
    sent_n++;
    sent_bytes = length;
    memcpy(sent, frame, length);
}

static int start(void **state)
{
    (void)state;
    start_ports(2);
    for (unsigned i = 0; i < 2; i++)
        machine_cards[i].on_frame = keep_sent;
    run_start_app(&app_wide);
    for (unsigned i = 0; i < 100; i++) {
        machine_wait_ns(100000000);
        run_service(machine_now_ns());
    }
    assert_true(ports[0].link_is_up && ports[1].link_is_up);
    other_n = wide_n = slow_n = flushes_n = sent_n = fast_n = ahead_n = ahead_late_n = 0;
    return 0;
}

static void make(uint8_t *frame, enum kind kind)
{
    for (unsigned i = 0; i < BYTES; i++)
        frame[i] = (uint8_t)(i * 7 + 1);
    frame[0] = 2;
    frame[6] = 2;
    memcpy(frame + 12, "\x88\xB5", 2);
    frame[AT_KIND] = (uint8_t)kind;
}

static void give(unsigned port, enum kind kind)
{
    uint8_t frame[BYTES];

    make(frame, kind);
    machine_frame_in(port, frame, BYTES);
}

static void wide__each_outcome__sent_and_counted(void **state)
{
    (void)state;
    static const struct {
        unsigned wide_n, slow_n, sent_n;
        uint32_t bytes;
    } expected[KINDS] = {
        [FAST] = {0, 0, 1, BYTES},      [OTHER] = {0, 0, 1, BYTES},
        [WIDE] = {1, 0, 1, BYTES},      [WIDE_LONGER] = {1, 0, 1, LONGER},
        [WIDE_CONSUMED] = {1, 0, 0, 0}, [WIDE_DROPPED] = {1, 0, 0, 0},
        [DECLINED] = {1, 1, 1, BYTES},
    };
    uint64_t bytes = 0, frames = 0;

    for (unsigned round = 0; round < LANE_SLOTS; round++) {
        enum kind kind = (enum kind)(round % KINDS);
        uint8_t given[LONGER];

        other_n = wide_n = slow_n = sent_n = 0;
        give(0, kind);
        poll_once();
        assert_int_equal(other_n, kind != FAST);
        assert_int_equal(wide_n, expected[kind].wide_n);
        assert_int_equal(slow_n, expected[kind].slow_n);
        assert_int_equal(sent_n, expected[kind].sent_n);
        frames += sent_n;
        bytes += expected[kind].bytes;
        make(given, kind);
        if (kind == WIDE)
            memset(given + AT_KIND, 0x77, 2);
        if (sent_n != 0) {
            assert_int_equal(sent_bytes, expected[kind].bytes);
            assert_memory_equal(sent, given, BYTES);
        }
        if (kind == WIDE_LONGER)
            assert_memory_equal(sent + LONGER - 4, "\4\3\2\1", 4);
    }
    struct lane_ledger l = lane_ledger(&lanes[0]);
    for (unsigned i = 0; i < 2; i++)
        ports[i].ops->poll_counters(&ports[i]);
    assert_int_equal(l.received, LANE_SLOTS);
    assert_int_equal(l.received, l.sent + l.held + l.consumed + l.dropped);
    assert_int_equal(l.sent, frames);
    assert_int_equal(l.tx_bytes, bytes);
    assert_int_equal(l.dropped, lanes[0].count.drops[DROP_side_full]);
    assert_int_equal(ports[0].count.rx_packets, LANE_SLOTS);
    assert_int_equal(ports[1].count.tx_packets, frames);
    assert_int_equal(lanes[0].count.rx_bytes, LANE_SLOTS * BYTES);
    assert_int_equal(machine_complaints(), 0);
}

static void wide__no_whole_frame__is_not_called(void **state)
{
    (void)state;
    give(0, WIDE);
    lanes[0].ring[0].word |= RX_RXE;
    poll_once();
    assert_int_equal(other_n + wide_n + slow_n + sent_n, 0);
    assert_int_equal(lanes[0].count.drops[DROP_rx_error], 1);
}

static void wide__trace_is_on__the_slow_handler_gets_all(void **state)
{
    (void)state;
    struct capture_request request = {.port = &ports[0], .is_trace = true};

    capture_prepare();
    assert_true(capture_set(&request));
    give(0, WIDE);
    poll_once();
    assert_int_equal(other_n + wide_n, 0);
    assert_int_equal(slow_n, 1);
    assert_true(capture_set(&(struct capture_request){0}));
    give(0, WIDE);
    poll_once();
    assert_int_equal(wide_n, 1);
    assert_int_equal(slow_n, 1);
}

static void flush__both_lanes_have_frames__is_called_once_a_poll(void **state)
{
    (void)state;
    poll_once();
    assert_int_equal(flushes_n, 0);
    for (unsigned i = 0; i < 10; i++) {
        give(0, FAST);
        give(1, WIDE);
    }
    poll_once();
    assert_int_equal(flushes_n, 1);
    assert_int_equal(sent_n, 20);
}

static void ahead__two_groups_and_four_frames__sees_the_groups_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * LANE_GROUP + 4; i++)
        give(0, FAST);
    poll_once();
    assert_int_equal(ahead_n, 2 * LANE_GROUP);
    assert_int_equal(ahead_late_n, 0);
    assert_int_equal(sent_n, 2 * LANE_GROUP + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(wide__each_outcome__sent_and_counted, start),
        cmocka_unit_test_setup(wide__no_whole_frame__is_not_called, start),
        cmocka_unit_test_setup(wide__trace_is_on__the_slow_handler_gets_all, start),
        cmocka_unit_test_setup(flush__both_lanes_have_frames__is_called_once_a_poll, start),
        cmocka_unit_test_setup(ahead__two_groups_and_four_frames__sees_the_groups_first, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
