/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/services.c under the stack: the TWAMP-light reflector (RFC 5357, section 4.2.1 and
 * appendix I) field by field, for every length of test packet, while time passes; packets that are
 * too short; sources that may not use it; two reflectors, and a reflector and an echo service, do not
 * answer each other for ever, whatever their ports.
 *
 * links: $(STACK)
 */
#include "tests/unit/fragments.h"

#include "net/stack/services.h"

#define TWAMP_PORT 862

static uint64_t now, step;
static uint64_t advancing_clock(void)
{
    now += step;
    return now;
}

static int start_twamp(void **state)
{
    start_with_reassembly(state);
    nif.clock = advancing_clock;
    now = 5 * SECOND + SECOND / 4;
    step = 0;
    assert_true(netif_bind(&nif, TWAMP_PORT, udp_twamp, NULL));
    return 0;
}

static void twamp__each_length__answer_has_every_field(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= 1472; n += n < 64 ? 1 : 88) {
        size_t bytes = make_udp(frame, 5000, TWAMP_PORT, 0, n);
        frame[22] = (uint8_t)n; /* TTL */
        fix_ip(frame);
        if (n < TWAMP_SENDER_BYTES) {
            consumed(bytes);
            continue;
        }
        uint32_t got = netif_input(&nif, frame, (uint32_t)bytes).length, data = MAX(n, TWAMP_BYTES);
        const uint8_t *p = frame + 42;
        assert_int_equal(got, 42 + data);
        assert_int_equal(frame[22], 255); /* RFC 5357 section 4.2.1: allows hops to be counted */
        assert_int_equal(slow_sum(frame + 14, 20, 0), 0xFFFF);
        assert_int_equal(slow_sum(frame + 34, 8 + data, slow_pseudo(frame + 14, 8 + data)), 0xFFFF);
        make_udp(out[0], 5000, TWAMP_PORT, 0, n);
        const uint8_t *test = out[0] + 42;
        assert_memory_equal(p, test, 4); /* the sender's sequence number */
        assert_int_equal(get32(p + 4), 5);
        assert_int_equal(get32(p + 8), 0x40000000); /* a quarter */
        assert_int_equal(get16(p + 12), 0x0C01);    /* not synchronized; a microsecond */
        assert_int_equal(get16(p + 14), 0);
        assert_memory_equal(p + 16, p + 4, 8);
        assert_memory_equal(p + 24, test, 14);
        assert_int_equal(get16(p + 38), 0);
        assert_int_equal(p[40], (uint8_t)n);
        if (n > TWAMP_BYTES)
            assert_memory_equal(p + 41, test + 41, n - 41);
    }
}

static void twamp__time_passes__received_comes_before_sent(void **state)
{
    (void)state;
    now = 3 * SECOND - 1000;
    step = 1000;
    size_t bytes = make_udp(frame, 5000, TWAMP_PORT, 0, 60);
    assert_int_equal(netif_input(&nif, frame, (uint32_t)bytes).length, 102);
    const uint8_t *p = frame + 42;
    assert_int_equal(get32(p + 16), 3);
    assert_int_equal(get32(p + 20), 0);
    assert_int_equal(get32(p + 4), 3);
    assert_int_equal(get32(p + 8), 4294); /* a microsecond of 2^32 */
    /* The last nanosecond of a second does not round up to the next. */
    now = 7 * SECOND - 1;
    step = 0;
    bytes = make_udp(frame, 5000, TWAMP_PORT, 0, 60);
    assert_int_equal(netif_input(&nif, frame, (uint32_t)bytes).length, 102);
    assert_int_equal(get32(p + 4), 6);
    assert_true(get32(p + 8) >= 0xFFFFFFF0u);
}

static void twamp__in_fragments__is_answered_in_fragments(void **state)
{
    (void)state;
    uint32_t bytes = make_big_udp(5000, TWAMP_PORT, 4000);
    for (uint32_t at = 0; at < bytes; at += 1480)
        give_fragment(1, 17, at, MIN(1480u, bytes - at), at + 1480 < bytes);
    assert_int_equal(out_n, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(out[i][22], 255);
        assert_int_equal(slow_sum(out[i] + 14, 20, 0), 0xFFFF);
    }
    assert_int_equal(out[0][42 + 40], 63); /* the TTL of make_ip */
    assert_memory_equal(out[0] + 42 + 24, payload + 8, 14);
}

static void twamp__from_a_reflecting_port__is_dropped(void **state)
{
    (void)state;
    dropped(make_udp(frame, TWAMP_PORT, TWAMP_PORT, 0, 60), DROP_udp_loop);
    dropped(make_udp(frame, 7, TWAMP_PORT, 0, 60), DROP_udp_loop);
    dropped(make_udp(frame, TWAMP_PORT, 7, 0, 60), DROP_udp_loop);
    /* Bound: refused on 7 too. */
    assert_true(netif_bind(&nif, 20000, udp_discard, NULL));
    dropped(make_udp(frame, 20000, 7, 0, 60), DROP_udp_loop);
    assert_true(netif_bind(&nif, 20000, NULL, NULL));
    assert_int_equal(input(make_udp(frame, 20000, 7, 0, 60)), 102);
}

/* Only sources of twamp.from= are answered; a port of ours, checked later, changes nothing in that. */
static void twamp__senders_are_listed__others_are_refused(void **state)
{
    struct twamp_senders senders = {.n = 2, .net = {{IP(10, 0, 0, 0), 0xFFFFFF00}, {PEER_IP, ~0u}}};
    (void)state;
    assert_true(netif_bind(&nif, TWAMP_PORT, NULL, NULL));
    assert_true(netif_bind(&nif, TWAMP_PORT, udp_twamp, &senders));
    assert_int_equal(input(make_udp(frame, 5000, TWAMP_PORT, 0, 60)), 102);
    static const uint32_t sources[] = {IP(10, 0, 0, 7), IP(10, 0, 1, 7), PEER_IP + 1, PEER_IP - 1};
    for (unsigned i = 0; i < ARRAY_SIZE(sources); i++) {
        size_t n = make_udp(frame, 5000, TWAMP_PORT, 0, 60);
        put32(frame + 26, sources[i]);
        fix_ip(frame);
        fix_payload(frame, 2048);
        if (i == 0)
            assert_int_equal(input(n), 102);
        else
            dropped(n, DROP_udp_refused);
        n = make_udp(frame, 5000, 7, 0, 60); /* other services are not concerned */
        put32(frame + 26, sources[i]);
        fix_ip(frame);
        fix_payload(frame, 2048);
        assert_int_equal(input(n), 102);
    }
    senders.n = 0;
    dropped(make_udp(frame, 5000, TWAMP_PORT, 0, 60), DROP_udp_refused);
}

/* Give a datagram from other:other_port to nif:port, the answer to `other`, the answer to that to
 * nif, until there is none. Returns the number of answers. */
#define TURNS_MAX 1000u
static unsigned turns(struct netif *other, uint16_t other_port, uint16_t port, uint32_t data)
{
    size_t n = make_udp(frame, other_port, port, 0, data);

    memset(frame + 42, 0, data);
    put32(frame + 26, other->ip);
    fix_ip(frame);
    fix_payload(frame, 2048);
    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        struct netif *to = turn % 2 == 0 ? &nif : other;
        memcpy(frame, to->mac, 6);
        now += 50000; /* on the way */
        n = netif_input(to, frame, (uint32_t)n).length;
        if (n == 0)
            return turn;
    }
    return TURNS_MAX;
}

/* One spoofed datagram must not keep two reflectors busy: on a well-known port and another, on two
 * others, on the same one; nor a reflector and an echo service on a port of its own. */
static void twamp__other_end_answers_too__the_loop_ends(void **state)
{
    static const struct {
        uint16_t port, other_port;
        udp_service *other;
        unsigned most; /* answers */
    } rows[] = {
        {862, 20000, udp_twamp, 1},   {20000, 862, udp_twamp, 0},  {20000, 20001, udp_twamp, 3},
        {20001, 20000, udp_twamp, 3}, {20000, 20002, udp_echo, 3}, {862, 20002, udp_echo, 3},
    };
    static const uint32_t data[] = {14, 41, 60, 200, 1472};
    static struct netif other;
    (void)state;

    for (unsigned r = 0; r < ARRAY_SIZE(rows); r++)
        for (unsigned d = 0; d < ARRAY_SIZE(data); d++) {
            memset(&other, 0, sizeof(other));
            assert_null(
                netif_configure(&other, (const uint8_t *)PEER_MAC, PEER_IP, 24, (uint32_t[2]){0}));
            other.clock = advancing_clock;
            assert_true(netif_bind(&other, rows[r].other_port, rows[r].other, NULL));
            assert_true(netif_bind(&nif, TWAMP_PORT, NULL, NULL));
            assert_true(netif_bind(&nif, rows[r].port, udp_twamp, NULL));
            unsigned n = turns(&other, rows[r].other_port, rows[r].port, data[d]);
            if (n > rows[r].most)
                fail_msg("ports %u and %u, %u bytes: %u answers", rows[r].port, rows[r].other_port,
                         data[d], n);
            assert_int_equal(nif.drops[DROP_udp_loop] + other.drops[DROP_udp_loop], 1);
            nif.drops[DROP_udp_loop] = 0;
            assert_true(netif_bind(&nif, rows[r].port, NULL, NULL));
            assert_true(netif_bind(&nif, TWAMP_PORT, udp_twamp, NULL));
        }
}

/* A sender's own fields and padding of any kind are no loop: zeroes, ones, noise, our error estimate
 * with times that are not ours. */
static void twamp__padding_of_any_kind__is_answered(void **state)
{
    (void)state;
    srand(40);
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = make_udp(frame, 5000, TWAMP_PORT, 0, 60);
        for (unsigned k = 0; k < 60; k++)
            frame[42 + k] = i == 0 ? 0 : i == 1 ? 0xFF : (uint8_t)rand();
        if (i % 4 == 2)
            memcpy(frame + 42 + 12, "\x0C\x01\0\0", 4);
        if (i % 4 == 3)
            memcpy(frame + 42 + 36, "\x0C\x01\0\0", 4);
        fix_payload(frame, 2048);
        assert_int_equal(netif_input(&nif, frame, (uint32_t)n).length, 102);
    }
}

#define TEST_TWAMP(name) cmocka_unit_test_setup_teardown(name, start_twamp, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_TWAMP(twamp__each_length__answer_has_every_field),
        TEST_TWAMP(twamp__time_passes__received_comes_before_sent),
        TEST_TWAMP(twamp__in_fragments__is_answered_in_fragments),
        TEST_TWAMP(twamp__from_a_reflecting_port__is_dropped),
        TEST_TWAMP(twamp__senders_are_listed__others_are_refused),
        TEST_TWAMP(twamp__other_end_answers_too__the_loop_ends),
        TEST_TWAMP(twamp__padding_of_any_kind__is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
