/* SPDX-License-Identifier: BSD-2-Clause
 * Received frames that the card rewrites after it has delivered them (net/lane/wire.h). Covers:
 *  - a slow handler, of a running and of a draining lane, works on a copy outside the lane's memory,
 *    and what it returns is what is sent;
 *  - app=route cuts a datagram as it was checked, though its total length is rewritten while the
 *    first fragment leaves;
 *  - the length of an option that is rewritten to 0 after the check does not stop the core.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/route.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include <unistd.h>

#include "net/app/app.h"
#include "tests/unit/net/router_host.h"

/* ---- Router ---- */

enum { MARK_AT = 200, MARK_BYTES = 64 }; /* bytes by which a frame's slot is found */

/* What a card does to the frame that it has delivered, when port `by` sends its next frame. */
static struct {
    unsigned by;
    uint8_t frame[2048];
    uint32_t at;
    uint16_t value;
    unsigned n; /* buffers rewritten */
} rewrite;

/* Rewrite the frame in each buffer that holds it; the TTL may have changed by now. */
static void rewrite_buffers(void)
{
    for (unsigned i = 0; i < lanes_n; i++)
        for (unsigned slot = 0; slot < LANE_SLOTS; slot++) {
            uint8_t *p = (uint8_t *)lanes[i].frames_buf.va + (size_t)slot * SLOT_STRIDE;
            if (memcmp(p + MARK_AT, rewrite.frame + MARK_AT, MARK_BYTES) != 0)
                continue;
            wire_put16(p + rewrite.at, rewrite.value);
            rewrite.n++;
        }
}

static void keep_and_rewrite(void *opaque, const uint8_t *frame, uint32_t length)
{
    keep_sent_frame(opaque, frame, length);
    if ((unsigned)(uintptr_t)opaque == rewrite.by && rewrite.n == 0)
        rewrite_buffers();
}

static void give_rewritten(const uint8_t *frame, uint32_t length, unsigned by, uint32_t at,
                           uint16_t value)
{
    rewrite.by = by;
    memcpy(rewrite.frame, frame, length);
    rewrite.at = at;
    rewrite.value = value;
    rewrite.n = 0;
    machine_cards[by].on_frame = keep_and_rewrite;
    alarm(20); /* a loop that does not end fails the test */
    give(frame, length);
    alarm(0);
    machine_cards[by].on_frame = keep_sent_frame;
    assert_true(rewrite.n > 0);
}

/* A datagram of 1500 bytes to port 2, whose MTU is 576, is sent in three fragments, though the 16
 * bits at `at` of its buffer are rewritten as the first one leaves. */
static void fragments_though(uint32_t at, uint16_t value)
{
    const uint32_t payload = 1480;
    uint8_t frame[1514];

    make(frame, sizeof(frame), IP(10, 2, 0, 1), 0);
    give_rewritten(frame, sizeof(frame), 2, at, value);
    assert_int_equal(sent_n, 3);
    for (uint32_t n = 0, done = 0; n < 3; n++) {
        const uint8_t *f = sent[n].bytes;
        uint32_t bytes = wire_get16(f + 16) - 20u;

        assert_int_equal(sent[n].port, 2);
        assert_int_equal(f[14], 0x45);
        assert_int_equal(bytes, MIN(payload - done, 552u));
        assert_int_equal(wire_get16(f + 20), (n < 2 ? 0x2000 : 0) | done / 8);
        assert_int_equal(slow_check(f + 14, 20), 0);
        assert_memory_equal(f + 34, frame + 34 + done, bytes);
        done += bytes;
    }
}

static void router__total_length_rewritten_as_fragment_1_leaves__fragments_as_checked(void **state)
{
    (void)state;
    fragments_though(16, 60000);
    fragments_though(16, 577);
    fragments_though(16, 19);
    fragments_though(16, 0);
}

static void router__header_length_rewritten_as_fragment_1_leaves__fragments_as_checked(void **state)
{
    (void)state;
    fragments_though(14, 0x4F00);
    fragments_though(14, 0x4000);
}

static void router__offset_rewritten_as_fragment_1_leaves__fragments_as_checked(void **state)
{
    (void)state;
    fragments_though(20, 0x1FFF);
}

/* The redirect to the sender leaves between the check of the options and the forwarding. */
static void router__option_length_rewritten_to_0_after_the_check__forwards(void **state)
{
    uint8_t frame[400];

    (void)state;
    make(frame, sizeof(frame), IP(10, 1, 0, 1), 4);
    frame[34] = 0x88; /* stream identifier */
    frame[35] = 4;
    fix_ip(frame);
    give_rewritten(frame, sizeof(frame), 0, 34, 0x8800);
    assert_int_equal(sent_n, 2);
    is_error(0, frame, ICMP_REDIRECT, ICMP_REDIRECT_HOST, IP(192, 0, 2, 20));
    sent[0] = sent[1];
    sent_n = 1;
    is_forwarded(frame, sizeof(frame), 0, IP(192, 0, 2, 20));
}

/* ---- Any slow handler ---- */

static uint8_t input[100], output[120];
static unsigned handled;

/* Check what it is given, rewrite the lane's memory as a card would, and answer with `output`. */
static struct outcome private_slow(struct lane *lane, uint8_t *frame, uint32_t length)
{
    uint8_t *slots = lane->frames_buf.va;

    handled++;
    assert_true(frame + SLOT_BYTES <= slots || frame >= slots + (size_t)LANE_SLOTS * SLOT_STRIDE);
    for (unsigned card = 0; card < machine_cards_n; card++)
        assert_null(machine_dma(card, (uintptr_t)frame, 1, 2));
    assert_int_equal(length, sizeof(input));
    assert_memory_equal(frame, input, length);
    memset(slots, 0xEE, (size_t)LANE_SLOTS * SLOT_STRIDE);
    assert_memory_equal(frame, input, length);
    memcpy(frame, output, sizeof(output));
    return (struct outcome){sizeof(output), FATE_SENT};
}

static LANE_FAST bool never(struct lane_app app, wire_frame_t frame, size_t length)
{
    (void)app, (void)frame, (void)length;
    return false;
}

lane_poll private_poll;
LANE_LOOP(private_poll, .fast = never, .slow = private_slow, .length_least = FRAME_MIN)

static struct port *to_partner(struct port *in)
{
    return &ports[in->index ^ 1];
}

static const struct app app_private = {
    .name = "private", .poll = private_poll, .slow = private_slow, .output = to_partner};

static int start_private(void **state)
{
    (void)state;
    lanes_cores = 1;
    replies_n = 0;
    start_ports(2);
    for (unsigned i = 0; i < 2; i++) {
        machine_cards[i].on_frame = keep_sent_frame;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
    }
    for (unsigned i = 0; i < sizeof(output); i++)
        output[i] = (uint8_t)(i * 5 + 3);
    for (unsigned i = 0; i < sizeof(input); i++)
        input[i] = (uint8_t)(i * 3 + 1);
    memcpy(input, "\xFF\xFF\xFF\xFF\xFF\xFF\x02\x00\x00\x00\x00\x08\x88\xB5", 14);
    handled = 0;
    run_start_app(&app_private);
    for (unsigned i = 0; i < 100; i++) {
        machine_wait_ns(SECOND / 10);
        run_service(machine_now_ns());
    }
    assert_true(ports[0].link_is_up && ports[1].link_is_up);
    sent_n = 0;
    return 0;
}

static void slow_handler__buffer_rewritten__has_a_copy_and_sends_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LANE_SLOTS + 5; i++) {
        sent_n = 0;
        machine_frame_in(0, input, sizeof(input));
        rounds();
        assert_int_equal(sent_n, 1);
        assert_int_equal(sent[0].port, 1);
        assert_int_equal(sent[0].length, sizeof(output));
        assert_memory_equal(sent[0].bytes, output, sizeof(output));
    }
    assert_int_equal(handled, LANE_SLOTS + 5);
}

static void slow_handler__lane_drains__has_a_copy(void **state)
{
    (void)state;
    x540_set_cable(machine_cards[1].model, false);
    for (unsigned i = 0; i < 20; i++) {
        machine_wait_ns(SECOND / 10);
        run_service(machine_now_ns());
    }
    assert_int_equal(lanes[0].state, LANE_DRAINING);
    machine_frame_in(0, input, sizeof(input));
    rounds();
    assert_int_equal(handled, 1);
    assert_int_equal(sent_n, 0);
    assert_int_equal(lanes[0].count.drops[DROP_tx_no_link], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            router__total_length_rewritten_as_fragment_1_leaves__fragments_as_checked, start, stop),
        cmocka_unit_test_setup_teardown(
            router__header_length_rewritten_as_fragment_1_leaves__fragments_as_checked, start,
            stop),
        cmocka_unit_test_setup_teardown(
            router__offset_rewritten_as_fragment_1_leaves__fragments_as_checked, start, stop),
        cmocka_unit_test_setup_teardown(
            router__option_length_rewritten_to_0_after_the_check__forwards, start, stop),
        cmocka_unit_test_setup_teardown(slow_handler__buffer_rewritten__has_a_copy_and_sends_it,
                                        start_private, stop),
        cmocka_unit_test_setup_teardown(slow_handler__lane_drains__has_a_copy, start_private, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
