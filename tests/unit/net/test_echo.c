/* SPDX-License-Identifier: BSD-2-Clause
 * The whole of app=echo: driver, model, lane, fast, wide and slow path. All must answer exactly as the
 * stack (netif_input) does: each frame goes through the lane, and a copy of it to a separate
 * reference stack; the port must send what the reference answers. Covers:
 *  - every length of datagram;
 *  - every byte of the headers at its boundary values, checksums stale or recomputed;
 *  - every pair of bytes of the IPv4 and UDP headers at their extremes, checksums recomputed;
 *  - any TTL, service, identification, DF, length, padding and source together, also with a tag and
 *    without a checksum, and every identification, so that the checksum of the header takes each value:
 *    the slow path answers none;
 *  - every source port: answered from 1024 on unless a service of ours is bound to it, with any TTL;
 *  - an address in a VLAN, and one that is not used since another host has it;
 *  - lengths in the headers that do not fit, though the card calls the frame good;
 *  - counters: each frame not answered is consumed or dropped in the port's stack.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/app/echo.c $(STACK)
 * boot/cmdline.c boot/console_key.c kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c
 * $(MODEL) */
#include "net/stack/netif.h"
#include "net/stack/services.h"
#include "net/lane/lane_control.h"
#include "tests/unit/frames.h"
#include "tests/unit/net/loop_host.h"

extern const struct app app_echo;

enum { OUR_IP = 0xC0000201, HEADERS = 42, BUFFER = 2048 };

static struct netif ours, reference;
static uint8_t out[BUFFER];
static uint32_t out_length;
static unsigned out_n;

static void keep_sent_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    (void)opaque;
    memcpy(out, frame, length);
    out_length = length;
    out_n++;
}

static int start(void **state)
{
    (void)state;
    memset(&ours, 0, sizeof(ours));
    memset(&reference, 0, sizeof(reference));
    start_ports(1);
    ports[0].netif = &ours;
    assert_null(netif_configure(&ours, ports[0].mac, OUR_IP, 24, (uint32_t[2]){0}));
    assert_null(netif_configure(&reference, ports[0].mac, OUR_IP, 24, (uint32_t[2]){0}));
    run_start_app(&app_echo);
    for (unsigned i = 0; i < 60; i++) { /* link, announcements */
        machine_wait_ns(100000000);
        run_service(machine_now_ns());
        static uint8_t frame[BUFFER];
        if (i == 5)
            netif_link_up(&reference);
        while (netif_poll(&reference, machine_now_ns(), frame) != 0)
            ;
    }
    assert_true(ports[0].link_is_up);
    machine_cards[0].on_frame = keep_sent_frame;
    return 0;
}

/* Recompute both checksums of the frame. */
static void fix_checksums(uint8_t *f, uint32_t length)
{
    unsigned udp = MIN(get16(f + 38), length - 34);

    put16(f + 24, 0);
    put16(f + 24, slow_check(f + 14, 20));
    put16(f + 40, 0);
    unsigned sum = 0xFFFF ^ slow_sum(f + 34, udp, slow_sum(f + 26, 8, 17 + udp));
    put16(f + 40, sum != 0 ? sum : 0xFFFF);
}

static void make(uint8_t *f, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        f[i] = (uint8_t)(i * 13);
    memcpy(f, ports[0].mac, 6);
    memcpy(f + 6, "\x02\x00\x00\x00\x00\x77\x08\x00\x45\x00\x00\x00\x12\x34\x40\x00\x40\x11", 18);
    memcpy(f + 26, "\xC0\x00\x02\x2A\xC0\x00\x02\x01\x0F\xA0\x00\x07", 12);
    put16(f + 16, length - 14);
    put16(f + 38, length - 34);
    fix_checksums(f, length);
}

/* Input the frame to the lane and to the reference stack: both must answer the same,
 * or not at all. */
static void compare_with_stack(const uint8_t *frame, uint32_t length, const char *what, int a,
                               int b)
{
    static uint8_t expected[BUFFER];
    struct lane_ledger before = lane_ledger(&lanes[0]);
    uint64_t settled = ours.consumed;

    for (unsigned i = 0; i < DROP_COUNT; i++)
        settled += ours.drops[i];
    memset(expected, 0, sizeof(expected));
    memcpy(expected, frame, length);
    /* The wire pads frames to 60 bytes, so the reference gets a padded one too. */
    uint32_t wire_length = MAX(length, 60u);
    out_n = 0;
    machine_frame_in(0, frame, length);
    while (poll_once() != 0)
        ;
    struct lane_ledger after = lane_ledger(&lanes[0]);
    if (memcmp(frame, ports[0].mac, 6) != 0) {
        /* Another MAC address: the card's filter drops it. */
        assert_int_equal(after.received, before.received);
        assert_int_equal(out_n, 0);
        return;
    }
    assert_int_equal(after.received, before.received + 1);
    uint32_t answer = netif_input(&reference, expected, wire_length).length;
    /* The fast path keeps the request's IPv4 identification and DF; the stack sets its own. */
    uint8_t *ip = expected + (out[12] == 0x81 ? 18 : 14), *out_ip = out + (ip - expected);
    if (answer >= HEADERS && out_n == 1 && out_ip[9] == 17) {
        memcpy(ip + 4, out_ip + 4, 2);
        ip[6] = (uint8_t)((ip[6] & ~0x40) | (out_ip[6] & 0x40));
        put16(ip + 10, 0);
        put16(ip + 10, slow_check(ip, 20));
    }
    if (out_n != (answer != 0) ||
        (answer && (out_length != MAX(answer, 60u) || memcmp(out, expected, answer) != 0))) {
        fprintf(stderr, "%s, %d, %d, %u bytes: lane sent %u frames of %u bytes, stack answers %u\n",
                what, a, b, length, out_n, out_length, answer);
        for (unsigned i = 0; i < 48; i++)
            fprintf(stderr, "%02x>%02x/%02x ", frame[i], out[i], expected[i]);
        fail();
    }
    for (unsigned i = 0; i < DROP_COUNT; i++)
        settled -= ours.drops[i];
    settled -= ours.consumed;
    assert_int_equal(-settled, answer == 0 ? 1 : 0); /* counted exactly once */
}

static void echo__every_length__equals_the_stack(void **state)
{
    (void)state;
    uint8_t frame[BUFFER];

    for (uint32_t length = HEADERS; length <= 1514; length++) {
        make(frame, length);
        compare_with_stack(frame, length, "length", (int)length, 0);
    }
    assert_int_equal(machine_complaints(), 0);
}

static const uint8_t extremes[] = {0, 1, 2, 7, 0x0F, 0x7F, 0x80, 0xC0, 0xDF, 0xE0, 0xFE, 0xFF};

static void echo__every_header_byte_at_its_bounds__equals_the_stack(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {HEADERS, HEADERS + 1, 60, 61, 64, 256 + 34, 1514};
    uint8_t frame[BUFFER];

    for (unsigned l = 0; l < ARRAY_SIZE(lengths); l++)
        for (unsigned at = 0; at < HEADERS; at++)
            for (unsigned v = 0; v < ARRAY_SIZE(extremes) + 2; v++)
                for (unsigned is_fixed = 0; is_fixed < 2; is_fixed++) {
                    make(frame, lengths[l]);
                    frame[at] = v < ARRAY_SIZE(extremes) ? extremes[v]
                                                         : (uint8_t)(frame[at] + (v & 1 ? 1 : -1));
                    if (is_fixed)
                        fix_checksums(frame, lengths[l]);
                    compare_with_stack(frame, lengths[l], "byte", (int)at, frame[at]);
                }
    assert_int_equal(machine_complaints(), 0);
}

static void echo__every_pair_of_header_bytes__equals_the_stack(void **state)
{
    (void)state;
    static const uint8_t values[] = {0, 7, 0x80, 0xFF};
    uint8_t frame[BUFFER];

    for (unsigned i = 14; i < HEADERS; i++)
        for (unsigned k = i + 1; k < HEADERS; k++)
            for (unsigned v = 0; v < 16; v++) {
                make(frame, 64);
                frame[i] = values[v & 3];
                frame[k] = values[v >> 2];
                fix_checksums(frame, 64);
                compare_with_stack(frame, 64, "pair", (int)i, (int)k);
            }
}

static void echo__checksum_zero_and_bad__equals_the_stack(void **state)
{
    (void)state;
    uint8_t frame[BUFFER];

    make(frame, 100);
    frame[40] = frame[41] = 0; /* none */
    compare_with_stack(frame, 100, "no checksum", 0, 0);
    make(frame, 100);
    frame[41] ^= 1;
    compare_with_stack(frame, 100, "wrong checksum", 0, 0);
    assert_int_equal(ours.drops[DROP_udp_checksum], 1);
    make(frame, 100);
    frame[25] ^= 1;
    compare_with_stack(frame, 100, "wrong header checksum", 0, 0);
    assert_int_equal(ours.drops[DROP_ip_checksum], 1);
}

static void echo__forbidden_sources__are_not_answered(void **state)
{
    (void)state;
    static const uint8_t sources[][4] = {{0, 0, 0, 0},         {127, 0, 0, 1},   {224, 0, 0, 1},
                                         {255, 255, 255, 255}, {192, 0, 2, 255}, {192, 0, 2, 1},
                                         {192, 0, 2, 0},       {240, 1, 2, 3}};
    uint8_t frame[BUFFER];

    for (unsigned i = 0; i < ARRAY_SIZE(sources); i++) {
        make(frame, 64);
        memcpy(frame + 26, sources[i], 4);
        fix_checksums(frame, 64);
        compare_with_stack(frame, 64, "source", (int)i, 0);
        assert_int_equal(out_n, 0);
    }
}

static uint32_t next_random(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(state >> 33);
}

/* Insert a tag. */
static void tag_frame(uint8_t *frame, uint32_t *length, uint16_t tag)
{
    memmove(frame + 16, frame + 12, *length - 12);
    put16(frame + 12, 0x8100);
    put16(frame + 14, tag);
    *length += 4;
}

/* `tag`: of the frames; 0: none. */
static void any_equal_the_stack(uint16_t tag, bool has_sum)
{
    static const uint8_t sources[][4] = {{192, 0, 2, 42}, {192, 0, 2, 254},    {10, 0, 0, 1},
                                         {10, 1, 2, 0},   {10, 1, 2, 255},     {1, 0, 0, 1},
                                         {126, 0, 0, 77}, {223, 255, 255, 254}};
    uint8_t frame[BUFFER];

    for (unsigned i = 0; i < 50000; i++) {
        uint32_t payload = next_random() % (i & 1 ? 24 : 1472);
        uint32_t length = HEADERS + payload + (i % 3 == 0 ? next_random() % 30 : 0);
        length = MIN(MAX(length, 60u), 1514u);
        make(frame, HEADERS + payload);
        for (uint32_t k = HEADERS + payload; k < length; k++)
            frame[k] = (uint8_t)next_random();
        frame[15] = (uint8_t)next_random();
        put16(frame + 18, next_random() & 0xFFFF);
        frame[20] = next_random() & 0x40;
        frame[22] = (uint8_t)next_random();
        memcpy(frame + 26, sources[next_random() % ARRAY_SIZE(sources)], 4);
        put16(frame + 34, 1024 + next_random() % (65536 - 1024));
        fix_checksums(frame, HEADERS + payload);
        if (!has_sum)
            put16(frame + 40, 0);
        uint8_t ttl = frame[22];
        if (tag != 0)
            tag_frame(frame, &length, tag);
        compare_with_stack(frame, length, "any", (int)i, ttl);
        assert_int_equal(out_n, 1);
    }
    assert_int_equal(ours.answered, 0);
    assert_int_equal(machine_complaints(), 0);
}

static void echo__any_ttl_service_length_padding_and_source__equals_the_stack(void **state)
{
    (void)state;
    any_equal_the_stack(0, true);
}

static void echo__any_without_a_checksum__equals_the_stack(void **state)
{
    (void)state;
    any_equal_the_stack(0, false);
}

static void echo__any_with_a_priority__equals_the_stack(void **state)
{
    (void)state;
    any_equal_the_stack(0xE000, true);
}

static void echo__any_in_a_vlan__equals_the_stack(void **state)
{
    (void)state;
    ours.vlan = reference.vlan = 100;
    app_echo.prepare();
    any_equal_the_stack(0x6064, true);
    ours.vlan = reference.vlan = 0;
}

static void echo__every_identification__has_the_stack_s_checksum(void **state)
{
    (void)state;
    static const uint8_t ttls[] = {0, 1, 63, 65, 255};
    uint8_t frame[BUFFER];

    for (unsigned t = 0; t < ARRAY_SIZE(ttls); t++)
        for (unsigned id = 0; id < 65536; id++) {
            make(frame, 60);
            put16(frame + 18, id);
            frame[22] = ttls[t];
            fix_ip(frame);
            /* 0 as well as all ones is a correct checksum of these bytes. */
            if (get16(frame + 24) == 0 && (id & 1))
                put16(frame + 24, 0xFFFF);
            compare_with_stack(frame, 60, "identification", (int)id, ttls[t]);
        }
    assert_int_equal(ours.answered, 0);
}

/* Input one datagram from source port `port` with this TTL. Returns whether it was answered. */
static bool is_answered(unsigned port, unsigned ttl)
{
    uint8_t frame[64];

    make(frame, sizeof(frame));
    put16(frame + 34, port);
    frame[22] = (uint8_t)ttl;
    fix_checksums(frame, sizeof(frame));
    out_n = 0;
    machine_frame_in(0, frame, sizeof(frame));
    while (poll_once() != 0)
        ;
    assert_true(out_n <= 1);
    return out_n == 1;
}

/* A reflector that is bound to an ephemeral port, or to a well-known one, must not be answered
 * either. The fast path takes a TTL of 64 only; it and the wide one take all that are answered. */
static void echo__every_source_port__is_answered_alike_by_each_path(void **state)
{
    static const uint16_t bound[] = {0, 862, 20000, 50000, 0xFFFF};
    (void)state;

    for (unsigned b = 0; b < ARRAY_SIZE(bound); b++) {
        if (bound[b] != 0)
            assert_true(netif_bind(&ours, bound[b], udp_twamp, NULL));
        app_echo.prepare();
        uint64_t loops = ours.drops[DROP_udp_loop];
        unsigned answers = 0;
        for (unsigned port = 0; port < 65536; port++) {
            bool is_fine = port >= 1024 && port != bound[b];
            if (is_answered(port, 64) != is_fine || is_answered(port, 63) != is_fine)
                fail_msg("port %u with a service on %u", port, bound[b]);
            answers += is_fine;
        }
        assert_int_equal(ours.drops[DROP_udp_loop] - loops, 2 * (65536 - answers));
        assert_int_equal(ours.answered, 0);
        if (bound[b] != 0)
            assert_true(netif_bind(&ours, bound[b], NULL, NULL));
    }
    assert_int_equal(machine_complaints(), 0);
}

/* An address in a VLAN: a frame without its tag is dropped; one with the tag is answered with the
 * tag. */
static void echo__address_in_a_vlan__equals_the_stack(void **state)
{
    uint8_t frame[BUFFER];
    (void)state;

    ours.vlan = reference.vlan = 100;
    app_echo.prepare();
    make(frame, 100);
    compare_with_stack(frame, 100, "no tag", 0, 0);
    assert_int_equal(out_n, 0);
    assert_int_equal(ours.drops[DROP_eth_vlan], 1);
    make(frame, 100);
    memmove(frame + 16, frame + 12, 88);
    memcpy(frame + 12, "\x81\x00\x00\x64", 4);
    compare_with_stack(frame, 104, "tag", 0, 0);
    assert_int_equal(out_n, 1);
    assert_memory_equal(out + 12, "\x81\x00\x00\x64\x08\x00", 6);
    assert_int_equal(machine_complaints(), 0);
}

/* The fast path is not asked: it takes a TTL of 64 only. */
static void echo__address_of_another_host__equals_the_stack(void **state)
{
    uint8_t frame[BUFFER];
    (void)state;

    make(frame, 100);
    frame[22] = 63;
    fix_ip(frame);
    ours.is_refused = reference.is_refused = true;
    compare_with_stack(frame, 100, "refused", 0, 0);
    assert_int_equal(out_n, 0);
    ours.is_refused = reference.is_refused = false;
    compare_with_stack(frame, 100, "in use", 0, 0);
    assert_int_equal(out_n, 1);
}

static void echo__card_calls_wrong_lengths_good__drops(void **state)
{
    static const uint16_t totals[] = {0, 1, 19, 20, 27, 87, 88, 1500, 2033, 2034, 0x8000, 0xFFFF};
    uint8_t frame[BUFFER];
    (void)state;

    for (unsigned i = 0; i < ARRAY_SIZE(totals); i++)
        for (unsigned k = 0; k < 2; k++) {
            uint64_t dropped = ours.drops[DROP_ip_header] + ours.drops[DROP_udp_length];
            uint64_t *word = &lanes[0].ring[lanes[0].next % LANE_SLOTS].word;

            make(frame, 100);
            put16(frame + 16, totals[i]);
            put16(frame + 38, (uint16_t)(totals[i] - (k ? 20 : 19)));
            frame[22] = 63;
            fix_ip(frame);
            out_n = 0;
            machine_frame_in(0, frame, 100);
            *word = (*word & ~(RX_TCPE | RX_IPE)) | RX_UDPCS | RX_L4CS | RX_IPCS;
            while (poll_once() != 0)
                ;
            assert_int_equal(out_n, 0);
            assert_int_equal(ours.drops[DROP_ip_header] + ours.drops[DROP_udp_length], dropped + 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(echo__every_length__equals_the_stack, start),
        cmocka_unit_test_setup(echo__every_header_byte_at_its_bounds__equals_the_stack, start),
        cmocka_unit_test_setup(echo__every_pair_of_header_bytes__equals_the_stack, start),
        cmocka_unit_test_setup(echo__checksum_zero_and_bad__equals_the_stack, start),
        cmocka_unit_test_setup(echo__forbidden_sources__are_not_answered, start),
        cmocka_unit_test_setup(echo__any_ttl_service_length_padding_and_source__equals_the_stack,
                               start),
        cmocka_unit_test_setup(echo__any_without_a_checksum__equals_the_stack, start),
        cmocka_unit_test_setup(echo__any_with_a_priority__equals_the_stack, start),
        cmocka_unit_test_setup(echo__any_in_a_vlan__equals_the_stack, start),
        cmocka_unit_test_setup(echo__every_identification__has_the_stack_s_checksum, start),
        cmocka_unit_test_setup(echo__every_source_port__is_answered_alike_by_each_path, start),
        cmocka_unit_test_setup(echo__address_in_a_vlan__equals_the_stack, start),
        cmocka_unit_test_setup(echo__address_of_another_host__equals_the_stack, start),
        cmocka_unit_test_setup(echo__card_calls_wrong_lengths_good__drops, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
