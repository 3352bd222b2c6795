/* SPDX-License-Identifier: BSD-2-Clause
 * Frames put into side queues of two model cards (net/lane/side.h). Covers:
 *  - a flush writes each tail once, however many frames were put, and none where none was;
 *  - frames leave in the order of side_put and side_send, byte by byte, of every length;
 *  - a full queue: what has no place is counted by name, ARP has its own places, and room comes back;
 *  - a queue without a link, and one that loses it with frames queued;
 *  - the copy reads and writes no byte beyond the frame.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/app/forward.c $(STACK) boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "net/lane/side.h"
#include "tests/unit/net/lane_host.h"

enum { TDT = 0x6018, TDT_STEP = 0x40, FRAMES_MAX = 2048 };

static struct side *side[2]; /* those of ports 0 and 1 */
static unsigned tail_writes[2];

/* What left each port. */
static struct {
    uint32_t length;
    uint8_t bytes[2048];
} out[2][FRAMES_MAX];
static unsigned out_n[2];

static void count_tail_write(unsigned card, uint32_t offset, uint32_t value)
{
    (void)value;
    tail_writes[card] += offset == TDT + TDT_STEP * SIDE_QUEUES;
}

static void keep(void *opaque, const uint8_t *frame, uint32_t length)
{
    unsigned port = (unsigned)(uintptr_t)opaque;

    assert_true(out_n[port] < FRAMES_MAX);
    out[port][out_n[port]].length = length;
    memcpy(out[port][out_n[port]++].bytes, frame, length);
}

static void start_with(uint32_t slots)
{
    static struct app app;

    memset(wires, 0, sizeof(wires));
    memset(sides_put, 0, sizeof(sides_put));
    start_ports(2);
    app = app_forward;
    app.side_slots = slots;
    run_start_app(&app);
    wait_for_links(true);
    for (unsigned i = 0; i < 2; i++) {
        side[i] = port_side(&ports[i], 0);
        machine_cards[i].on_frame = keep;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
        out_n[i] = tail_writes[i] = 0;
    }
    machine_on_write = count_tail_write;
}

static int start_deep(void **state)
{
    (void)state;
    start_with(SIDE_DEEP);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    machine_on_write = NULL;
    assert_balance();
    assert_clean();
    return 0;
}

/* Frame number n of `length` bytes. */
static void fill(uint8_t *frame, unsigned n, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        frame[i] = (uint8_t)(n * 7 + i * 31);
    memcpy(frame, "\x02\x00\x00\x00\x00\x09\x02\x00\x00\x00\x00\x08\x88\xB5", 14);
    memcpy(frame + 14, &n, sizeof(n));
}

static bool put(unsigned port, unsigned n, uint32_t length)
{
    static uint64_t slot[SLOT_BYTES / 8];

    if (!side_has_place(side[port]) && !side_renew(side[port])) {
        side_refuse(side[port]);
        return false;
    }
    fill((uint8_t *)slot, n, length);
    wire_move(side_place(side[port]), wire_frames(slot), 0, length);
    side_put(side[port], length);
    return true;
}

static void assert_out(unsigned port, unsigned at, unsigned n, uint32_t length)
{
    uint8_t frame[2048] = {0};

    fill(frame, n, length);
    assert_true(at < out_n[port]);
    assert_int_equal(out[port][at].length, MAX(length, 60u));
    assert_memory_equal(out[port][at].bytes, frame, length);
}

static void flush__many_frames__one_tail_write_a_queue(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 40; n++)
        assert_true(put(0, n, 60));
    assert_true(put(1, 0, 60));
    machine_wait_ns(TICK_NS);
    assert_int_equal(tail_writes[0] + tail_writes[1] + out_n[0] + out_n[1], 0);
    sides_flush(0);
    assert_int_equal(tail_writes[0], 1);
    assert_int_equal(tail_writes[1], 1);
    machine_wait_ns(TICK_NS);
    assert_int_equal(out_n[0], 40);
    assert_int_equal(out_n[1], 1);
    for (unsigned n = 0; n < 40; n++)
        assert_out(0, n, n, 60);
    /* Nothing put since: nothing written. */
    sides_flush(0);
    assert_int_equal(tail_writes[0] + tail_writes[1], 2);
    assert_true(put(1, 1, 60));
    sides_flush(0);
    assert_int_equal(tail_writes[0], 1);
    assert_int_equal(tail_writes[1], 2);
}

static void put__every_length_over_many_turns_of_the_ring__exact_and_in_order(void **state)
{
    (void)state;
    for (uint32_t length = 34; length <= FRAME_MAX; length++) {
        assert_true(put(0, length, length));
        if (length % 32 == 0) {
            sides_flush(0);
            machine_wait_ns(TICK_NS);
        }
    }
    sides_flush(0);
    machine_wait_ns(TICK_NS);
    assert_int_equal(out_n[0], FRAME_MAX - 34 + 1);
    for (uint32_t length = 34; length <= FRAME_MAX; length++)
        assert_out(0, length - 34, length, length);
}

static void side_send__between_two_puts__is_sent_in_between(void **state)
{
    (void)state;
    uint8_t frame[64];

    assert_true(put(0, 1, 60));
    fill(frame, 2, 64);
    assert_true(side_send(&ports[0], frame, 64));
    assert_int_equal(tail_writes[0], 1); /* tells the card of both */
    sides_flush(0);
    assert_int_equal(tail_writes[0], 1);
    assert_true(put(0, 3, 60));
    sides_flush(0);
    machine_wait_ns(TICK_NS);
    assert_int_equal(out_n[0], 3);
    assert_out(0, 0, 1, 60);
    assert_out(0, 1, 2, 64);
    assert_out(0, 2, 3, 60);
}

static void full__refused_frames_are_counted_and_room_comes_back(void **state)
{
    (void)state;
    const unsigned places = SIDE_DEEP - 1 - SIDE_KEPT;
    uint8_t arp[60];
    unsigned taken = 0;

    machine_cards[0].wire_is_full = true;
    fill(arp, 0, 60);
    memcpy(arp + 12, "\x08\x06", 2);
    for (unsigned n = 0; n < 2 * SIDE_DEEP; n++) {
        taken += put(0, n, 60);
        if (n % 32 == 31)
            sides_flush(0);
    }
    sides_flush(0);
    assert_in_range(taken, places, places + 16); /* the card takes a few before it stops */
    assert_int_equal(side[0]->drops[DROP_side_full], 2 * SIDE_DEEP - taken);
    assert_true(put(1, 0, 60)); /* another queue has room */
    assert_false(side_send(&ports[0], out[0][0].bytes, 60));
    for (unsigned i = 0; i < SIDE_KEPT; i++)
        assert_true(side_send(&ports[0], arp, 60));
    assert_false(side_send(&ports[0], arp, 60));
    assert_false(put(0, 0, 60));
    sides_flush(0);
    machine_cards[0].wire_is_full = false;
    machine_wait_ns(TICK_NS);
    assert_int_equal(out_n[0], taken + SIDE_KEPT);
    for (unsigned n = 0; n < places; n++)
        assert_true(put(0, n, 60));
    assert_false(put(0, 0, 60));
    sides_flush(0);
    machine_wait_ns(TICK_NS);
    assert_int_equal(out_n[0], taken + SIDE_KEPT + places);
}

static void no_link__there_is_no_place__and_queued_frames_are_counted(void **state)
{
    (void)state;
    machine_cards[0].wire_is_full = true;
    for (unsigned n = 0; n < 100; n++)
        assert_true(put(0, n, 60));
    sides_flush(0);
    x540_set_cable(machine_cards[0].model, false);
    tick();
    assert_false(side[0]->is_running);
    assert_false(side_has_place(side[0]) || side_renew(side[0]));
    struct side_ledger l = side_ledger(side[0]);
    assert_int_equal(l.generated, 100);
    assert_int_equal(l.sent + l.dropped, 100);
    assert_int_equal(l.dropped, side[0]->drops[DROP_tx_no_link]);
    assert_true(l.dropped > 0);
    machine_cards[0].wire_is_full = false;
    x540_set_cable(machine_cards[0].model, true);
    wait_for_links(true);
    out_n[0] = 0;
    assert_true(put(0, 7, 60));
    sides_flush(0);
    machine_wait_ns(TICK_NS);
    assert_int_equal(out_n[0], 1);
    assert_out(0, 0, 7, 60);
}

static void side_slots__are_what_the_application_asks_for(void **state)
{
    (void)state;
    assert_int_equal(side[0]->slots, SIDE_DEEP);
    start_with(0);
    assert_int_equal(side[0]->slots, SIDE_SLOTS);
}

/* Each buffer ends where the bytes do, so that the address sanitizer sees an access beyond. */
static void dma_copy__every_length__reads_and_writes_no_byte_beyond(void **state)
{
    (void)state;
    for (size_t bytes = 8; bytes < 1700; bytes++) {
        uint8_t *from = malloc(bytes), *to = malloc(bytes);
        assert_true(from && to);
        for (size_t i = 0; i < bytes; i++)
            from[i] = (uint8_t)(i * 37 + bytes);
        memset(to, 0xEE, bytes);
        dma_copy(to, from, bytes);
        assert_memory_equal(to, from, bytes);
        free(from);
        free(to);
        /* The same beside others' bytes, for the instruction that the sanitizer does not see. */
        uint8_t row[2048];
        memset(row, 0xEE, sizeof(row));
        uint8_t source[2048] = {0};
        dma_copy(row + 16, source + 16, bytes);
        assert_true(row[15] == 0xEE && row[16 + bytes] == 0xEE);
        assert_true(row[16] == 0 && row[15 + bytes] == 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_deep, stop)
    const struct CMUnitTest tests[] = {
        TEST(flush__many_frames__one_tail_write_a_queue),
        TEST(put__every_length_over_many_turns_of_the_ring__exact_and_in_order),
        TEST(side_send__between_two_puts__is_sent_in_between),
        TEST(full__refused_frames_are_counted_and_room_comes_back),
        TEST(no_link__there_is_no_place__and_queued_frames_are_counted),
        TEST(side_slots__are_what_the_application_asks_for),
        cmocka_unit_test(dma_copy__every_length__reads_and_writes_no_byte_beyond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
