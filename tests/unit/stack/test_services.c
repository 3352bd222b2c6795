/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/services.c under the stack: the TWAMP-light reflector (RFC 5357, section 4.2.1 and
 * appendix I) field by field, for every length of test packet, while time passes; packets that are
 * too short; two reflectors do not answer each other for ever.
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
    assert_true(netif_bind(&nif, TWAMP_PORT, NULL, NULL));
    assert_int_equal(input(make_udp(frame, TWAMP_PORT, 7, 0, 60)), 102);
}

#define TEST_TWAMP(name) cmocka_unit_test_setup_teardown(name, start_twamp, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_TWAMP(twamp__each_length__answer_has_every_field),
        TEST_TWAMP(twamp__time_passes__received_comes_before_sent),
        TEST_TWAMP(twamp__in_fragments__is_answered_in_fragments),
        TEST_TWAMP(twamp__from_a_reflecting_port__is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
