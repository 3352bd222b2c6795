/* SPDX-License-Identifier: BSD-2-Clause
 * net/lane/capture.c with the real driver on the model, two ports, app=forward:
 *  - frames pass unchanged while they are captured, over several turns of the ring, and each is
 *    recorded as received and as sent; filters select frames;
 *  - a frame that arrives between the look and the poll is recorded in the next round;
 *  - the fate of each frame: handled, refused, without an output;
 *  - a full log counts missed frames and resumes; after the tap is removed, lanes are as before;
 *  - the ledger balances in each case and no rule of the model is broken.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/app/forward.c $(STACK)
 * boot/cmdline.c boot/console_key.c kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c
 * $(MODEL) */
#include "net/lane/capture.h"
#include "net/lane/lane_control.h"
#include "tests/unit/net/loop_host.h"

extern const struct app app_forward;

#define TICK_NS 100000000ull

/* ---- Frames: each has a number, and a length computed from it ---- */

static uint64_t in_n[2], out_n[2]; /* by input port */

static uint32_t make(uint64_t n, uint8_t *frame)
{
    uint32_t length = 60 + (uint32_t)(n * 37 % 1455);
    for (uint32_t i = 0; i < length; i++)
        frame[i] = (uint8_t)(n * 7 + i * 31);
    memcpy(frame, "\x02\x00\x00\x00\x00\x09\x02\x00\x00\x00\x00\x08\x88\xB5", 14);
    memcpy(frame + 14, &n, 8);
    return length;
}

static void feed(unsigned port)
{
    uint8_t frame[2048];
    uint32_t length = make(in_n[port]++, frame);
    machine_frame_in(port, frame, length);
}

static void check_sent_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    unsigned from = 1 - (unsigned)(uintptr_t)opaque;
    uint8_t expected[2048];
    assert_int_equal(length, make(out_n[from]++, expected));
    assert_memory_equal(frame, expected, length);
}

/* The poll of forward, after `late` more frames arrive. */
static unsigned late;
static uint32_t late_poll(const struct core_lanes *own)
{
    for (; late > 0; late--)
        feed(0);
    return app_forward.poll(own);
}
static struct app app;
static struct core_lanes *own;

static uint32_t round_of_core_0(void)
{
    return run_round(own);
}

static void poll_until_idle(void)
{
    for (unsigned idle = 0; idle < 3;)
        idle = round_of_core_0() == 0 ? idle + 1 : 0;
}

static void wait_for_links(void)
{
    for (unsigned i = 0; i < 100 && !(ports[0].link_is_up && ports[1].link_is_up); i++) {
        machine_wait_ns(TICK_NS);
        run_service(machine_now_ns());
    }
    machine_wait_ns(TICK_NS);
    run_service(machine_now_ns());
}

static int start(void **state)
{
    (void)state;
    memset(in_n, 0, sizeof(in_n));
    memset(out_n, 0, sizeof(out_n));
    late = 0;
    start_ports(2);
    for (unsigned i = 0; i < 2; i++) {
        machine_cards[i].on_frame = check_sent_frame;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
    }
    app = app_forward;
    app.poll = late_poll;
    capture_prepare();
    run_start_app(&app);
    own = run_core_lanes(0);
    memset(rare_work, 0, sizeof(rare_work[0])); /* after a test that failed */
    wait_for_links();
    return 0;
}

static void tap(unsigned port, bool is_trace, const struct bpf *filter)
{
    const struct capture_request request = {&ports[port], is_trace, filter};
    assert_true(capture_set(&request));
    assert_int_equal(rare_work[0].n, 1);
}

/* Remove the tap: lanes are as without one, and the ledger balances. */
static void untap(void)
{
    const struct capture_request nothing = {0};
    assert_true(capture_set(&nothing));
    assert_false(capture_is_on(0));
    assert_null(rare_work[0].notes);
    poll_until_idle();
    for (unsigned i = 0; i < ports_n; i++)
        ports[i].ops->poll_counters(&ports[i]);
    for (unsigned i = 0; i < lanes_n; i++) {
        struct lane_ledger l = lane_ledger(&lanes[i]);
        assert_ptr_equal(lanes[i].ring, lanes[i].ring_buf.va);
        assert_int_equal(l.received, l.sent + l.held + l.consumed + l.dropped);
        assert_int_equal(lanes[i].in->count.rx_packets, l.received + l.waiting);
    }
    assert_int_equal(machine_complaints(), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(machine_cards[i].dma_refused, 0);
}

/* The next record is of frame n. */
static void assert_record(uint64_t n, bool is_sent)
{
    uint8_t expected[2048];
    const struct capture_record *r = capture_next();
    assert_non_null(r);
    assert_int_equal(r->is_sent, is_sent);
    assert_int_equal(r->length, make(n, expected));
    assert_int_equal(r->held, r->length);
    assert_memory_equal(r->bytes, expected, r->length);
}

static void capture__several_turns_of_the_ring__records_each_frame_unchanged(void **state)
{
    (void)state;
    tap(0, false, NULL);
    for (unsigned i = 0; i < 3 * LANE_SLOTS; i++) {
        feed(0);
        feed(1);
        if (i % 3 == 0)
            feed(0);
        poll_until_idle();
        uint64_t n = in_n[0] - (i % 3 == 0 ? 2 : 1);
        bool is_in_order = lanes[0].in == &ports[0];
        assert_true(is_in_order);
        for (; n < in_n[0]; n++)
            assert_record(n, false);
        assert_record(in_n[1] - 1, true);
        assert_null(capture_next());
        if (i % 100 == 0)
            run_service(machine_now_ns());
    }
    assert_int_equal(capture_missed(), 0);
    assert_int_equal(out_n[0], in_n[0]);
    assert_int_equal(out_n[1], in_n[1]);
    untap();
}

static void capture__frame_between_look_and_poll__is_recorded_next_round(void **state)
{
    (void)state;
    tap(0, false, NULL);
    for (unsigned i = 0; i < 600; i++) {
        if (i % 2 == 0)
            feed(0);
        late = 1 + i % 40; /* also more than a burst takes */
        poll_until_idle();
        uint64_t n = in_n[0] - (1 + i % 40) - (i % 2 == 0);
        for (; n < in_n[0] && capture_missed() == 0; n++)
            assert_record(n, false);
        while (capture_next() != NULL)
            ;
        assert_int_equal(out_n[0], in_n[0]);
        tap(0, false, NULL);
    }
    untap();
}

static void capture__filter__selects_frames(void **state)
{
    (void)state;
    /* Frames longer than 1000 bytes whose byte 14 is odd. */
    const char *const text = "5,128 0 0 0,37 0 2 1000,48 0 0 14,69 1 0 1,6 0 0 0";
    const char *const more = "6,128 0 0 0,37 0 3 1000,48 0 0 14,69 0 1 1,6 0 0 65535,6 0 0 0";
    struct bpf filter;
    unsigned at;
    assert_string_equal(bpf_read(&filter, 1, &text, &at, NULL), "jump beyond the end");
    assert_null(bpf_read(&filter, 1, &more, &at, NULL));
    tap(0, false, &filter);
    for (uint64_t n = 0; n < 200; n++) {
        uint8_t frame[2048];
        uint32_t length = make(n, frame);
        feed(0);
        poll_until_idle();
        if (length > 1000 && n % 2 == 1)
            assert_record(n, false);
        assert_null(capture_next());
    }
    untap();
}

static void capture__full_log__counts_missed_frames_and_resumes(void **state)
{
    (void)state;
    uint64_t seen = 0;
    tap(0, false, NULL);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 300; i++) {
            feed(0);
            round_of_core_0();
        }
        while (capture_next() != NULL)
            seen++;
    }
    poll_until_idle();
    while (capture_next() != NULL)
        seen++;
    assert_true(seen > 30 && capture_missed() > 1000);
    assert_int_equal(seen + capture_missed(), in_n[0]);
    assert_int_equal(out_n[0], in_n[0]);
    untap();
}

static void assert_fate(uint16_t fate, uint16_t length, uint16_t sent)
{
    const struct capture_record *r = capture_next();
    assert_non_null(r);
    assert_int_equal(r->fate, fate);
    assert_int_equal(r->length, length);
    assert_int_equal(r->sent, sent);
    assert_int_equal(r->word & 0xFFFF, r->word ? length : 0);
    assert_int_equal(r->held, 0);
}

static void trace__each_fate__is_recorded(void **state)
{
    (void)state;
    uint8_t frame[2048];
    tap(0, true, NULL);
    uint16_t length = (uint16_t)make(in_n[0], frame);
    feed(0);
    poll_until_idle();
    assert_fate(FATE_FAST, length, length);
    feed(1); /* not tapped */
    poll_until_idle();
    assert_null(capture_next());
    x540_set_evil(machine_cards[0].model, X540_EVIL_RX_LENGTH, 3000);
    feed(0);
    poll_until_idle();
    x540_set_evil(machine_cards[0].model, X540_EVIL_RX_LENGTH, 0);
    assert_fate(FATE_DROPPED + DROP_rx_length, 3000, 0);
    out_n[0]++; /* that frame was dropped */

    x540_set_cable(machine_cards[1].model, false);
    for (unsigned i = 0; i < 5; i++) {
        machine_wait_ns(TICK_NS);
        run_service(machine_now_ns());
    }
    assert_int_equal(lanes[0].state, LANE_DRAINING);
    length = (uint16_t)make(in_n[0], frame);
    feed(0);
    poll_until_idle();
    assert_fate(FATE_DROPPED + DROP_tx_no_link, length, 0);
    assert_null(capture_next());
    out_n[0]++;
    x540_set_cable(machine_cards[1].model, true);
    wait_for_links();
    feed(0);
    poll_until_idle();
    length = (uint16_t)make(in_n[0] - 1, frame);
    assert_fate(FATE_FAST, length, length);
    assert_int_equal(rare_work[0].n, 1);
    untap();
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(capture__several_turns_of_the_ring__records_each_frame_unchanged),
        TEST(capture__frame_between_look_and_poll__is_recorded_next_round),
        TEST(capture__filter__selects_frames),
        TEST(capture__full_log__counts_missed_frames_and_resumes),
        TEST(trace__each_fate__is_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
