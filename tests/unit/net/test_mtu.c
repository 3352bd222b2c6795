/* SPDX-License-Identifier: BSD-2-Clause
 * Frames of every length at ports of every MTU (portN.mtu=): what is longer than a port takes is
 * counted by its card, what a port sends is no longer than its MTU, nothing is lost uncounted. Covers:
 *  - app=forward: baby giants, tagged and with labels; larger MTUs; frames longer than these;
 *  - long slots, for an MTU above 2000: every length, a full ring, no output, lengths beyond a slot;
 *  - app=route between ports of different MTUs: whole, in fragments, or refused with the MTU;
 *  - the stack's own datagrams: answers, answers in fragments, errors, pings.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/forward.c net/app/route.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "tests/unit/net/router_host.h"

extern const struct app app_forward;

static const uint32_t mtus[] = {68, 576, 1500, 1501, 1585, 1586, 1587, 1600, 1999, 2000};

/* As portN.mtu= does at boot. */
static void set_mtu(unsigned port, uint32_t mtu, bool takes_everything)
{
    ports[port].mtu = mtu;
    ports[port].frame_max = MAX(FRAME_USUAL, mtu + ETH_BYTES);
    if (ports[port].netif)
        ports[port].netif->mtu = (uint16_t)mtu;
    ports[port].ops->set_promiscuous(&ports[port], takes_everything);
}

/* Frames of each length around the limits, and far beyond. */
static uint32_t next_length(uint32_t length)
{
    bool is_near = length < 80 || (length > 1490 && length < 2060);

    return length + (is_near ? 1 : length < 2060 ? 53 : 1999);
}

static uint64_t too_long(unsigned port)
{
    ports[port].ops->poll_counters(&ports[port]);
    return ports[port].count.rx_over_errors;
}

/* ---- app=forward ---- */

static int start_forward_with(uint32_t mtu)
{
    start_ports(2);
    lanes_cores = 1;
    ports[0].mtu = mtu;
    ports[0].frame_max = MAX(FRAME_USUAL, mtu + ETH_BYTES);
    run_start_app(&app_forward);
    for (unsigned i = 0; i < 2; i++) {
        machine_cards[i].on_frame = keep_sent_frame;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
    }
    pass(SECOND);
    return ports[0].link_is_up && ports[1].link_is_up ? 0 : -1;
}

static int start_forward(void **state)
{
    (void)state;
    return start_forward_with(MTU_USUAL);
}

static int start_forward_long(void **state)
{
    (void)state;
    return start_forward_with(MTU_LONG_MOST);
}

/* Input the frame at port 0: it leaves by port 1 unchanged, or is counted as too long. */
static void passes(const uint8_t *frame, uint32_t length, bool fits)
{
    uint64_t before = too_long(0);

    give(frame, length);
    assert_int_equal(sent_n, fits);
    assert_int_equal(too_long(0) - before, !fits);
    if (!fits)
        return;
    assert_int_equal(sent[0].port, 1);
    assert_int_equal(sent[0].length, MAX(length, 60u));
    assert_memory_equal(sent[0].bytes, frame, length);
}

static void forward__every_length__passes_or_is_counted(void **state)
{
    static const uint8_t types[][2] = {{0x08, 0x00}, {0x81, 0x00}, {0x88, 0xA8}, {0x88, 0x47}};
    static uint8_t frame[16384];
    (void)state;

    for (unsigned m = 0; m < ARRAY_SIZE(mtus); m++) {
        set_mtu(0, mtus[m], true);
        for (unsigned t = 0; t < ARRAY_SIZE(types); t++)
            for (uint32_t length = 17; length <= sizeof(frame); length = next_length(length)) {
                uint32_t most = MAX(mtus[m] + 14, 1600u) + (t == 1 ? 4 : 0);
                for (uint32_t i = 0; i < length; i++)
                    frame[i] = (uint8_t)(i * 7 + length);
                memcpy(frame + 12, types[t], 2);
                passes(frame, length, length <= most);
            }
    }
}

/* With an MTU of 9216 at port 0: its frames, and those of port 1, which has the usual one. */
static void forward__long_slots__every_length_passes_or_is_counted(void **state)
{
    static uint8_t frame[16384];
    (void)state;

    for (unsigned tagged = 0; tagged < 2; tagged++)
        for (uint32_t length = 17; length <= sizeof(frame);
             length += length % 1000 > 300 ? 37 : 1) {
            for (uint32_t i = 0; i < length; i++)
                frame[i] = (uint8_t)(i * 7 + length);
            memcpy(frame + 12, tagged ? "\x81\x00" : "\x08\x00", 2);
            passes(frame, length, length <= 9230 + 4 * tagged);
            give_by(1, frame, length);
            assert_int_equal(sent_n, length <= 1600 + 4 * tagged);
        }
    for (uint32_t length = 9000; length <= 9231; length++)
        passes(frame, length, length <= 9230 + (frame[12] == 0x81 ? 4 : 0));
}

/* The slots of a whole ring, each filled: no frame changes another's. */
static void forward__long_slots__a_full_ring_keeps_each_frame(void **state)
{
    static uint8_t frame[9230];
    (void)state;

    machine_cards[1].wire_is_full = true;
    sent_n = 0;
    for (unsigned n = 0; n < 200; n++) {
        memset(frame, (int)n, sizeof(frame));
        machine_frame_in(0, frame, sizeof(frame));
    }
    rounds();
    machine_cards[1].wire_is_full = false;
    pass(SECOND);
    assert_int_equal(sent_n, 200);
    for (unsigned n = 0; n < sent_n; n++) {
        memset(frame, (int)n, sizeof(frame));
        assert_int_equal(sent[n].length, sizeof(frame));
        assert_memory_equal(sent[n].bytes, frame, sizeof(frame));
    }
}

static void forward__long_frames_without_an_output__are_dropped_by_name(void **state)
{
    static uint8_t frame[9230];
    (void)state;

    x540_set_cable(machine_cards[1].model, false);
    pass(SECOND);
    give(frame, sizeof(frame));
    assert_int_equal(sent_n, 0);
    assert_int_equal(ledger_read().drops[DROP_tx_no_link], 1);
}

/* A card that reports a length beyond its slot. */
static void forward__length_beyond_the_slot__is_dropped_as_rx_length(void **state)
{
    static const uint32_t lengths[] = {SLOT_BYTES - 1, SLOT_BYTES, LONG_SLOT_BYTES - 1,
                                       LONG_SLOT_BYTES, 65535};
    uint8_t frame[60] = {0};
    (void)state;

    for (unsigned is_long = 0; is_long < 2; is_long++) {
        assert_int_equal(start_forward_with(is_long ? MTU_LONG_MOST : MTU_MOST), 0);
        for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
            bool is_whole = lengths[i] < (is_long ? LONG_SLOT_BYTES : SLOT_BYTES);
            uint64_t before = ledger_read().drops[DROP_rx_length];
            x540_set_evil(machine_cards[0].model, X540_EVIL_RX_LENGTH, lengths[i]);
            give(frame, 60);
            assert_int_equal(ledger_read().drops[DROP_rx_length] - before, !is_whole);
            assert_int_equal(sent_n, is_whole);
        }
    }
}

/* A host's longest datagram with a provider's and a customer's tag, and with nine labels. */
static void forward__datagram_of_1500_with_tags_and_labels__passes(void **state)
{
    static uint8_t frame[2048];
    (void)state;

    for (unsigned tags = 0; tags <= 2; tags++)
        for (unsigned labels = 0; labels <= 9; labels++) {
            uint32_t at = 12;
            for (unsigned i = tags; i-- > 0; at += 4)
                memcpy(frame + at, i ? "\x88\xA8\x00\x64" : "\x81\x00\x00\x0A", 4);
            memcpy(frame + at, labels ? "\x88\x47" : "\x08\x00", 2);
            passes(frame, at + 2 + 4 * labels + 1500, true);
        }
}

/* ---- app=route ---- */

/* The datagram of this frame, as sent by `port` in one frame or several, none longer than its MTU. */
static void is_whole(const uint8_t *frame, uint32_t length, unsigned port)
{
    uint8_t payload[2048];
    uint32_t bytes = length - 34, had = 0;

    assert_int_equal(sent_n > 1, length - 14 > ports[port].mtu);
    for (unsigned i = 0; i < sent_n; i++) {
        const uint8_t *ip = sent[i].bytes + 14;
        uint32_t total = wire_get16(ip + 2), at = (wire_get16(ip + 6) & 0x1FFFu) * 8;
        assert_int_equal(sent[i].port, port);
        assert_true(total <= ports[port].mtu && at + total - 20 <= bytes);
        assert_int_equal(sent[i].length, MAX(60u, total + 14));
        memcpy(payload + at, ip + 20, total - 20);
        had += total - 20;
    }
    assert_int_equal(had, bytes);
    assert_memory_equal(payload, frame + 34, bytes);
}

static void route__mixed_mtus__whole_or_fragments_or_refused(void **state)
{
    static const uint32_t to[] = {0, IP(10, 9, 9, 9), IP(10, 2, 0, 1)};
    uint8_t frame[2048];
    (void)state;

    for (unsigned in = 0; in < ARRAY_SIZE(mtus); in++)
        for (unsigned out = 0; out < ARRAY_SIZE(mtus); out++) {
            set_mtu(0, mtus[in], false);
            set_mtu(1, mtus[out], false);
            set_mtu(2, mtus[ARRAY_SIZE(mtus) - 1 - out], false);
            pass(SECOND); /* the next hops' limits follow */
            uint32_t most = MAX(mtus[in] + 14, 1514u);
            for (uint32_t length = 60; length <= 2040; length = next_length(length))
                for (unsigned port = 1; port < 3; port++)
                    for (unsigned df = 0; df < 2; df++) {
                        uint64_t before = too_long(0), refused = dropped(DROP_route_too_big);
                        make(frame, length, to[port], 0);
                        frame[20] = df ? 0x40 : 0;
                        fix_ip(frame);
                        machine_wait_ns(20 * ICMP_GAP_NS);
                        give(frame, length);
                        bool fits = length <= most, is_big = length - 14 > ports[port].mtu;
                        assert_int_equal(too_long(0) - before, !fits);
                        assert_int_equal(dropped(DROP_route_too_big) - refused,
                                         fits && is_big && df);
                        if (!fits) {
                            assert_int_equal(sent_n, 0);
                        } else if (is_big && df) {
                            assert_int_equal(sent_n, 1);
                            assert_int_equal(wire_get16(sent[0].bytes + 34), 0x304);
                            assert_int_equal(wire_get32(sent[0].bytes + 38), ports[port].mtu);
                            assert_true(wire_get16(sent[0].bytes + 16) <= ports[0].mtu);
                        } else {
                            is_whole(frame, length, port);
                        }
                    }
        }
}

/* Datagrams a byte shorter than their frame take the slow path, and leave by the lane. */
static void route__slow_path_of_the_lane__sends_up_to_the_mtu(void **state)
{
    uint8_t frame[2048];
    (void)state;

    for (unsigned port = 0; port < 2; port++)
        set_mtu(port, 2000, false);
    pass(SECOND);
    for (uint32_t length = 1500; length <= 2014; length++) {
        make(frame, length, IP(10, 9, 9, 9), 0);
        wire_put16(frame + 16, (uint16_t)(length - 15));
        fix_ip(frame);
        give(frame, length);
        is_whole(frame, length - 1, 1);
    }
}

/* ---- The stack ---- */

/* Change the frame of make() to an ICMP echo request. */
static void make_echo(uint8_t *frame, uint32_t length)
{
    make(frame, length, ports[0].netif->ip, 0);
    frame[23] = 1;
    memset(frame + 34, 0, 8);
    frame[34] = 8;
    wire_put16(frame + 36, slow_check(frame + 34, length - 34));
    fix_ip(frame);
}

static void stack__answers__are_whole_and_not_longer(void **state)
{
    uint8_t frame[2048];
    (void)state;

    for (unsigned m = 0; m < ARRAY_SIZE(mtus); m++) {
        set_mtu(0, mtus[m], false);
        uint32_t most = MAX(mtus[m] + 14, 1514u);
        for (uint32_t length = 60; length <= most; length = next_length(length)) {
            make_echo(frame, length);
            give(frame, length);
            assert_int_equal(sent_n, 1);
            assert_int_equal(sent[0].length, length);
            assert_int_equal(sent[0].bytes[34], 0);
            assert_memory_equal(sent[0].bytes + 38, frame + 38, length - 38);
            /* An error: to a port that nothing is bound to. */
            make(frame, length, ports[0].netif->ip, 0);
            wire_put16(frame + 36, 53);
            wire_put16(frame + 38, (uint16_t)(length - 34));
            wire_put16(frame + 40, 0);
            machine_wait_ns(20 * ICMP_GAP_NS);
            give(frame, length);
            assert_int_equal(sent_n, 1);
            assert_int_equal(wire_get16(sent[0].bytes + 34), 0x303);
            assert_int_equal(wire_get16(sent[0].bytes + 16),
                             MIN(MIN(576u, mtus[m]), length - 14 + 28));
        }
    }
}

static void stack__answer_to_fragments__is_in_fragments_of_the_mtu(void **state)
{
    static uint8_t whole[34 + 4000], frame[2048];
    (void)state;

    for (unsigned m = 0; m < ARRAY_SIZE(mtus); m++) {
        set_mtu(0, mtus[m], false);
        make_echo(whole, sizeof(whole));
        for (uint32_t at = 0; at < 4000; at += 1000) {
            memcpy(frame, whole, 34);
            wire_put16(frame + 16, 1020);
            wire_put16(frame + 20, (uint16_t)(at / 8 | (at < 3000 ? 0x2000 : 0)));
            fix_ip(frame);
            memcpy(frame + 34, whole + 34 + at, 1000);
            give(frame, 1034);
        }
        uint32_t piece = (mtus[m] - 20) / 8 * 8;
        assert_int_equal(sent_n, (4000 + piece - 1) / piece);
        for (unsigned i = 0; i < sent_n; i++) {
            const uint8_t *ip = sent[i].bytes + 14;
            uint32_t total = wire_get16(ip + 2), at = (wire_get16(ip + 6) & 0x1FFFu) * 8;
            assert_true(total <= mtus[m]);
            assert_int_equal(at, i * piece);
            if (i > 0)
                assert_memory_equal(ip + 20, whole + 34 + at, total - 20);
        }
    }
}

static void stack__ping__is_not_longer_than_the_mtu(void **state)
{
    uint8_t frame[2048], mac[6] = {2};
    (void)state;

    for (unsigned m = 0; m < ARRAY_SIZE(mtus); m++) {
        set_mtu(0, mtus[m], false);
        assert_int_equal(netif_ping(ports[0].netif, frame, mac, HOST_IP, 1, 1, 65535),
                         MIN(1514u, MAX(60u, mtus[m] + 14)));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forward__every_length__passes_or_is_counted, start_forward,
                                        stop),
        cmocka_unit_test_setup_teardown(forward__datagram_of_1500_with_tags_and_labels__passes,
                                        start_forward, stop),
        cmocka_unit_test_setup_teardown(forward__long_slots__every_length_passes_or_is_counted,
                                        start_forward_long, stop),
        cmocka_unit_test_setup_teardown(forward__long_slots__a_full_ring_keeps_each_frame,
                                        start_forward_long, stop),
        cmocka_unit_test_setup_teardown(forward__long_frames_without_an_output__are_dropped_by_name,
                                        start_forward_long, stop),
        cmocka_unit_test(forward__length_beyond_the_slot__is_dropped_as_rx_length),
        TEST(route__mixed_mtus__whole_or_fragments_or_refused),
        TEST(route__slow_path_of_the_lane__sends_up_to_the_mtu),
        TEST(stack__answers__are_whole_and_not_longer),
        TEST(stack__answer_to_fragments__is_in_fragments_of_the_mtu),
        TEST(stack__ping__is_not_longer_than_the_mtu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
