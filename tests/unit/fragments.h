/* SPDX-License-Identifier: BSD-2-Clause
 * For tests of fragments: build a datagram, cut it into fragments, input them in any order, and
 * reassemble what the stack sent with simple code that shares nothing with the stack.
 */
#ifndef TESTS_UNIT_FRAGMENTS_H
#define TESTS_UNIT_FRAGMENTS_H

#include "tests/unit/stack/netif_host.h"

static struct reass reass;
static uint8_t payload[65536 + ETH_BUFFER]; /* of a datagram to us: ICMP or UDP header and data */
static uint8_t whole[65536];                /* the payload of the stack's answer, reassembled */

static inline int start_with_reassembly(void **state)
{
    start(state);
    memset(&reass, 0, sizeof(reass));
    nif.reass = &reass;
    out_n = 0;
    return 0;
}

/* Make an echo request with `data` bytes of data in `payload`; returns its length. */
static inline uint32_t make_big_echo(uint32_t data)
{
    memset(payload, 0, 8);
    payload[0] = 8;
    put32(payload + 4, 0x12340001);
    for (uint32_t i = 0; i < data; i++)
        payload[8 + i] = (uint8_t)(i * 7 + (i >> 8));
    put16(payload + 2, slow_check(payload, 8 + data));
    return 8 + data;
}

static inline uint32_t make_big_udp(unsigned src_port, unsigned dst_port, uint32_t data)
{
    uint8_t ip[20] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17};
    put32(ip + 12, PEER_IP);
    put32(ip + 16, US_IP);
    put16(payload, src_port);
    put16(payload + 2, dst_port);
    put16(payload + 4, 8 + data);
    put16(payload + 6, 0);
    for (uint32_t i = 0; i < data; i++)
        payload[8 + i] = (uint8_t)(i * 11 + (i >> 8));
    unsigned sum = 0xFFFF ^ slow_sum(payload, 8 + data, slow_pseudo(ip, 8 + data));
    put16(payload + 6, sum != 0 ? sum : 0xFFFF);
    return 8 + data;
}

/* Make the frame with bytes at..at+n of the payload, of datagram `id` from `src`; returns its
 * length. */
static inline uint32_t make_fragment(uint32_t src, unsigned id, unsigned protocol, uint32_t at,
                                     uint32_t n, bool more)
{
    memcpy(frame + 34, payload + at, n);
    make_ip(frame, 0xFF, src, US_IP, 0, n); /* no checksum of the payload is touched */
    frame[14 + 9] = (uint8_t)protocol;
    put16(frame + 18, id);
    put16(frame + 20, at / 8 | (more ? 0x2000 : 0));
    fix_ip(frame);
    return 34 + n;
}

static inline uint64_t counted_frames(void)
{
    return nif.answered + nif.consumed + drops_of(&nif);
}

/* Input the frame once. It must be counted or held. */
static inline void give_frame(uint32_t n)
{
    const struct netif nif_before = nif;
    uint64_t before = counted_frames() + netif_held(&nif);
    memset(frame + n, 0xA5, ETH_BUFFER - n);
    struct outcome outcome = netif_input(&nif, frame, n);
    assert_int_equal(outcome.length, 0);
    assert_true(is_fate_since(&nif_before, outcome.fate));
    assert_true(outcome.fate != FATE_KEPT || netif_held(&nif) > 0);
    assert_int_equal(counted_frames() + netif_held(&nif), before + 1);
}

static inline void give_fragment(unsigned id, unsigned protocol, uint32_t at, uint32_t n, bool more)
{
    give_frame(make_fragment(PEER_IP, id, protocol, at, n, more));
}

/* Reassemble the frames in `out`, which must be one datagram to PEER; returns its payload's
 * length. */
static inline uint32_t gather(unsigned protocol)
{
    static uint8_t seen[65536];
    uint32_t end = 0, sum = 0;
    memset(seen, 0, sizeof(seen));
    for (uint32_t i = 0; i < out_n; i++) {
        const uint8_t *ip = out[i] + 14;
        unsigned total = get16(ip + 2), field = get16(ip + 6);
        uint32_t at = (field & 0x1FFF) * 8, n = total - 20;
        assert_memory_equal(out[i], PEER_MAC, 6);
        assert_memory_equal(out[i] + 6, US_MAC "\x08\x00\x45", 9);
        assert_true(out_bytes[i] == MAX(14 + total, 60u) && out_bytes[i] <= 1514);
        assert_int_equal(slow_sum(ip, 20, 0), 0xFFFF);
        assert_int_equal(get16(ip + 4), get16(out[0] + 18));
        assert_true(ip[8] == 64 && ip[9] == protocol && field >> 14 == 0);
        assert_true(get32(ip + 12) == US_IP && get32(ip + 16) == PEER_IP);
        assert_true(!(field & 0x2000) || n % 8 == 0);
        for (uint32_t k = at; k < at + n; k++) {
            assert_int_equal(seen[k], 0);
            seen[k] = 1;
        }
        memcpy(whole + at, ip + 20, n);
        sum += n;
        if (!(field & 0x2000))
            end = at + n;
    }
    assert_int_equal(sum, end);
    return end;
}

#define TEST_FRAGMENTS(name) cmocka_unit_test_setup_teardown(name, start_with_reassembly, stop)

#endif
