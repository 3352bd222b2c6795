/* SPDX-License-Identifier: BSD-2-Clause
 * The generator's frames. Covers: for every length from 60 to 1514, with flows, numbers and times
 * at their limits and at random, our IPv4 and UDP parsers accept the frame, and a second checksum,
 * computed here, agrees; tags.
 */
/* links: net/trial/probe.c net/stack/csum.c net/stack/ip.c net/stack/udp.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/stack/ip.h"
#include "net/stack/udp.h"
#include "net/trial/probe.h"

static const struct probe probe = {
    .dst_mac = {2, 0, 0, 0, 0, 2},
    .src_mac = {2, 0, 0, 0, 0, 1},
    .dst = 0xC6120101,
    .src = 0xC6120001,
    .tag = PROBE_MAGIC | 0x5CABCDEFull << 32,
};

/* The UDP checksum, one 16-bit word at a time, as RFC 1071 defines it. */
static uint16_t plain_sum(const uint8_t *frame, uint32_t udp_bytes)
{
    uint32_t sum = 17 + udp_bytes;

    for (uint32_t i = 26; i < 34 + udp_bytes; i++)
        sum += i & 1 ? frame[i] : (uint32_t)frame[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

static void check(uint8_t *frame, uint32_t length, uint32_t base, uint64_t time, uint32_t number,
                  uint32_t flow)
{
    struct ip_view ip;
    struct udp_datagram udp;

    probe_stamp(frame, probe_time(time), number, probe_port(flow),
                probe_sum((uint64_t)base + (time & (BIT64(48) - 1)) + number));
    assert_true(probe_is(frame, length));
    assert_int_equal(ip_parse(frame + 14, length - 14, &ip), DROP_NONE);
    assert_true(ip.src == probe.src && ip.dst == probe.dst && ip.protocol == 17 && ip.ttl == 64);
    assert_int_equal(14 + ip.total_bytes, length == 61 ? 60 : length);
    assert_int_equal(udp_parse(frame + 34, ip.total_bytes - 20, ip.src, ip.dst, &udp), DROP_NONE);
    assert_true(frame[40] != 0 || frame[41] != 0);
    assert_int_equal(plain_sum(frame, ip.total_bytes - 20), 0xFFFF);
    assert_int_equal(udp.data_bytes, ip.total_bytes - 28);
    assert_int_equal(udp.src_port, PROBE_PORT + flow);
    assert_int_equal(udp.dst_port, 9);
    assert_int_equal(load64(frame + PROBE_AT_TAG), probe.tag);
    assert_int_equal(load64(frame + PROBE_AT_TIME_WORD) >> 16, time & (BIT64(48) - 1));
    assert_int_equal(load32(frame + PROBE_AT_NUMBER), number);
}

static void probe__every_length__has_right_checksums(void **state)
{
    (void)state;
    static const uint64_t times[] = {
        0, 1, 0xFFFF, 0x10000, BIT64(48) - 1, UINT64_MAX, 12345678901234};
    static const uint32_t numbers[] = {0, 1, 0xFFFE, 0xFFFF, 0x10000, UINT32_MAX};
    static const uint32_t flows[] = {0, 1, 255, 256, 4095};
    uint32_t base = 0;

    for (uint32_t length = 60; length <= 1514; length++) {
        uint8_t *frame = malloc(length); /* of its exact length: ASan detects an overrun */
        memset(frame, 0xA5, length);
        uint32_t sum = probe_build(frame, &probe, length);
        assert_true(sum < 0xFFFF && (base == 0 || sum == base));
        base = sum;
        for (unsigned t = 0; t < ARRAY_SIZE(times); t++)
            for (unsigned n = 0; n < ARRAY_SIZE(numbers); n++)
                for (unsigned f = 0; f < ARRAY_SIZE(flows); f++)
                    check(frame, length, base, times[t], numbers[n], flows[f]);
        free(frame);
    }
}

static void probe__every_number_and_flow__has_right_checksums(void **state)
{
    (void)state;
    uint8_t frame[60];
    uint32_t base = probe_build(frame, &probe, 60);

    for (uint32_t i = 0; i < 140000; i++) /* every value of the checksum occurs */
        check(frame, 60, base, i * 77ull, i, i % 4096);
}

static void probe_tag__fields__are_read_back(void **state)
{
    (void)state;
    uint64_t tag = probe_tag(0xFEABCDEF, 7, 12);
    assert_true(probe_is_tag(tag));
    assert_int_equal(probe_trial(tag), 0xABCDEF);
    assert_int_equal(probe_sender(tag), 7);
    assert_int_equal(probe_flows_log2(tag), 12);
    assert_false(probe_is_tag(tag ^ 1));
    assert_false(probe_is_tag(probe_tag(1, 0, 13)));
    assert_false(probe_is_tag(0));
}

static void probe_is__any_marker_byte_changed__is_false(void **state)
{
    (void)state;
    uint8_t frame[60];

    probe_build(frame, &probe, 60);
    assert_true(probe_is(frame, 60));
    for (uint32_t length = 17; length < 60; length++)
        assert_false(probe_is(frame, length));
    static const unsigned markers[] = {12, 13, 14, 23, 42, 45};
    for (unsigned i = 0; i < ARRAY_SIZE(markers); i++) {
        frame[markers[i]] ^= 1;
        assert_false(probe_is(frame, 60));
        frame[markers[i]] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe__every_length__has_right_checksums),
        cmocka_unit_test(probe__every_number_and_flow__has_right_checksums),
        cmocka_unit_test(probe_tag__fields__are_read_back),
        cmocka_unit_test(probe_is__any_marker_byte_changed__is_false),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
