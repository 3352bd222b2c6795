/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/reass.c within the whole stack: datagrams of every size in fragments of every size, in
 * any order, repeated, overlapping in each way, too long, too short, never complete, too many at
 * once; concurrent datagrams that differ in one field. After each frame the counts of frames held,
 * consumed, answered and dropped add up. A byte map of a datagram predicts the result of random
 * runs of fragments.
 *
 * links: $(STACK)
 */
#include "tests/unit/fragments.h"

static void assert_whole_answer(uint32_t bytes)
{
    assert_int_equal(gather(1), bytes);
    assert_int_equal(whole[0], 0);
    assert_memory_equal(whole + 4, payload + 4, bytes - 4);
    assert_int_equal(slow_sum(whole, bytes, 0), 0xFFFF);
    out_n = 0;
}

static void echo__each_size_to_the_largest__is_answered_in_full(void **state)
{
    static const uint32_t sizes[] = {1,    8,    9,    1472,  1473,  1480,  1481,  2952, 2953,
                                     4000, 8192, 9000, 16383, 32768, 65000, 65506, 65507};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint32_t bytes = make_big_echo(sizes[i]), step = sizes[i] < 1473 ? 8 : 1480, frames = 0;
        uint64_t consumed = nif.consumed;
        for (uint32_t at = 0; at < bytes; at += step, frames++) {
            assert_int_equal(out_n, 0);
            give_fragment(i, 1, at, MIN(step, bytes - at), at + step < bytes);
        }
        assert_whole_answer(bytes);
        assert_int_equal(nif.consumed - consumed, frames);
        assert_int_equal(netif_held(&nif), 0);
    }
    /* A fragment that ends one byte past the largest payload of IP is dropped. */
    uint32_t bytes = make_big_echo(65507);
    assert_int_equal(bytes, REASS_BYTES);
    uint64_t drops = nif.drops[DROP_ip_fragment];
    give_fragment(99, 1, 65512, 4, false);
    assert_int_equal(nif.drops[DROP_ip_fragment], drops + 1);
    give_fragment(99, 1, 65512, 3, false);
    assert_int_equal(nif.drops[DROP_ip_fragment], drops + 1);
}

static void udp_echo__each_size_to_the_largest__is_answered_with_a_checksum(void **state)
{
    static const uint32_t sizes[] = {0, 1, 1472, 1473, 3000, 9001, 65507};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint32_t bytes = make_big_udp(4000, 7, sizes[i]), step = sizes[i] < 1473 ? 8 : 1480;
        if (bytes <= step)
            continue; /* no fragments */
        for (uint32_t at = 0; at < bytes; at += step)
            give_fragment(i, 17, at, MIN(step, bytes - at), at + step < bytes);
        assert_int_equal(gather(17), bytes);
        assert_int_equal(get16(whole), 7);
        assert_int_equal(get16(whole + 2), 4000);
        assert_memory_equal(whole + 8, payload + 8, bytes - 8);
        assert_int_equal(slow_sum(whole, bytes, slow_pseudo(out[0] + 14, bytes)), 0xFFFF);
        out_n = 0;
    }
}

static void order__each_permutation_of_five__gives_the_same(void **state)
{
    unsigned n = 0, id = 0;
    (void)state;
    uint32_t bytes = make_big_echo(5 * 24 - 8 - 3); /* the last one short */
    for (unsigned code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
        unsigned place[5], seen = 0;
        for (unsigned i = 0, rest = code; i < 5; i++, rest /= 5) {
            place[i] = rest % 5;
            seen |= 1u << place[i];
        }
        if (seen != 0x1F)
            continue;
        id++;
        for (unsigned i = 0; i < 5; i++) {
            uint32_t at = place[i] * 24;
            give_fragment(id, 1, at, MIN(24u, bytes - at), place[i] < 4);
            assert_int_equal(out_n, i == 4);
            assert_int_equal(netif_held(&nif), i == 4 ? 0 : i + 1);
        }
        assert_whole_answer(bytes);
        n++;
    }
    assert_int_equal(n, 120);
}

static void duplicates__same_bytes__are_consumed_and_change_nothing(void **state)
{
    (void)state;
    uint32_t bytes = make_big_echo(100);
    for (unsigned i = 0; i < 3; i++)
        give_fragment(1, 1, 48, 24, true);
    assert_int_equal(nif.consumed, 2);
    assert_int_equal(netif_held(&nif), 1);
    give_fragment(1, 1, 56, 8, true); /* a part of what is there */
    give_fragment(1, 1, 72, bytes - 72, false);
    give_fragment(1, 1, 72, bytes - 72, false);
    give_fragment(1, 1, 0, 48, true);
    assert_whole_answer(bytes);
    assert_int_equal(drops_of(&nif), 0);
    assert_int_equal(nif.consumed, 7);
}

/* The 48 bytes at offset 48 are held. A fragment that overlaps them and is not identical ends the
 * datagram, and so does an end that contradicts them. */
static void overlaps__in_each_way__end_the_datagram(void **state)
{
    static const struct {
        uint32_t at, n;
        bool more, changed;
    } ways[] = {
        {40, 16, true, false}, {48, 56, true, false}, {88, 16, true, false},  {40, 64, true, false},
        {48, 48, true, true},  {56, 8, true, true},   {48, 40, false, false}, {40, 8, false, false},
        {8, 8, false, false},  {0, 104, true, false}, {88, 12, false, false}, {48, 47, false, true},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
        uint32_t bytes = make_big_echo(200);
        uint64_t drops = nif.drops[DROP_ip_overlap];
        give_fragment(i, 1, 48, 48, true);
        payload[ways[i].at + 3] ^= ways[i].changed;
        give_fragment(i, 1, ways[i].at, ways[i].n, ways[i].more);
        payload[ways[i].at + 3] ^= ways[i].changed;
        if (nif.drops[DROP_ip_overlap] != drops + 2)
            fail_msg("overlap %u is not detected", i);
        assert_int_equal(netif_held(&nif), 0);
        /* The whole datagram once more, without a fault, is still refused. */
        for (uint32_t at = 0; at < bytes; at += 8)
            give_fragment(i, 1, at, MIN(8u, bytes - at), at + 8 < bytes);
        assert_int_equal(nif.drops[DROP_ip_overlap], drops + 2 + (bytes + 7) / 8);
        assert_int_equal(out_n, 0);
        settle(nif.now_ns + REASS_NS + 20 * SECOND); /* until its time is over */
    }
    /* Two different ends. */
    make_big_echo(200);
    uint64_t drops = nif.drops[DROP_ip_overlap];
    give_fragment(77, 1, 96, 20, false);
    give_fragment(77, 1, 48, 20, false);
    assert_int_equal(nif.drops[DROP_ip_overlap], drops + 2);
    give_fragment(78, 1, 96, 20, false);
    give_fragment(78, 1, 120, 8, true); /* beyond the end */
    assert_int_equal(nif.drops[DROP_ip_overlap], drops + 4);
}

static void fragments__that_fit_no_datagram__are_dropped_alone(void **state)
{
    (void)state;
    uint32_t bytes = make_big_echo(65507);
    give_fragment(1, 1, 0, 24, true);
    for (uint32_t n = 0; n < 24; n++)
        if (n % 8 != 0 || n == 0)
            give_fragment(1, 1, 24, n, true);
    assert_int_equal(nif.drops[DROP_ip_fragment], 22);
    give_fragment(1, 1, 24, 0, false);
    assert_int_equal(nif.drops[DROP_ip_fragment], 23);
    give_fragment(1, 1, 65528, 8, false); /* the ping of death */
    give_fragment(1, 1, 65512, 8, false);
    give_fragment(1, 1, 64800, 1480, false);
    assert_int_equal(nif.drops[DROP_ip_fragment], 26);
    assert_int_equal(netif_held(&nif), 1);
    for (uint32_t at = 24; at < bytes; at += 1480)
        give_fragment(1, 1, at, MIN(1480u, bytes - at), at + 1480 < bytes);
    assert_whole_answer(bytes);
}

static void datagrams__that_differ_in_one_field__are_kept_apart(void **state)
{
    (void)state;
    uint32_t bytes = make_big_echo(40);
    give_fragment(1, 1, 0, 24, true);
    give_fragment(2, 1, 24, bytes - 24, false);
    give_fragment(1, 17, 24, bytes - 24, false);
    give_frame(make_fragment(PEER_IP + 1, 1, 1, 24, bytes - 24, false));
    assert_int_equal(netif_held(&nif), 4);
    assert_int_equal(out_n, 0);
    give_fragment(1, 1, 24, bytes - 24, false);
    assert_whole_answer(bytes);
    give_fragment(2, 1, 0, 24, true);
    assert_whole_answer(bytes);
    assert_int_equal(netif_held(&nif), 2);
}

static void time__over__is_reported_only_with_the_first_fragment(void **state)
{
    (void)state;
    uint64_t t = nif.now_ns;
    make_big_echo(3000);
    give_fragment(1, 1, 0, 1480, true);
    give_fragment(2, 1, 1480, 1480, true);
    give_fragment(3, 1, 0, 24, true);
    give_fragment(3, 1, 24, 24, true);
    uint8_t first[548];
    make_fragment(PEER_IP, 1, 1, 0, 1480, true);
    memcpy(first, frame + 14, sizeof(first));
    assert_int_equal(netif_poll(&nif, t + REASS_NS - 1, frame), 0);
    assert_int_equal(netif_held(&nif), 4);
    assert_int_equal(netif_poll(&nif, t + REASS_NS, frame), 0);
    assert_int_equal(netif_held(&nif), 0);
    assert_int_equal(nif.drops[DROP_ip_timeout], 4);
    assert_int_equal(out_n, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_null(fault_of(out[i], out_bytes[i]));
        assert_int_equal(get16(out[i] + 34), 11 << 8 | 1);
        assert_memory_equal(out[i], PEER_MAC, 6);
    }
    unsigned of_1 = get16(out[0] + 46) == 1 ? 0 : 1; /* the identification that it is about */
    assert_int_equal(out_bytes[of_1], 14 + 576);
    assert_memory_equal(out[of_1] + 42, first, 548);
    assert_int_equal(get16(out[!of_1] + 46), 3);
    /* Nor if the slot still holds the first fragment of a datagram that is complete. */
    out_n = 0;
    give_fragment(6, 1, 0, 1480, true);
    give_fragment(6, 1, 1480, 1528, false);
    assert_int_equal(gather(1), 3008);
    out_n = 0;
    give_fragment(7, 1, 1480, 1528, false);
    nif.now_ns += REASS_NS;
    assert_int_equal(netif_poll(&nif, nif.now_ns, frame), 0);
    assert_int_equal(nif.drops[DROP_ip_timeout], 5);
    assert_int_equal(out_n, 0);
    /* Without a poll, the next fragment notices that the time is over. */
    out_n = 0;
    give_fragment(4, 1, 0, 24, true);
    nif.now_ns += REASS_NS;
    give_fragment(5, 1, 0, 24, true);
    assert_int_equal(nif.drops[DROP_ip_timeout], 6);
    assert_int_equal(out_n, 1);
}

static void room__too_many_at_once__drops_oldest_and_limits_each_source(void **state)
{
    (void)state;
    uint32_t bytes = make_big_echo(40);
    for (unsigned i = 0; i < 2 * REASS_SLOTS; i++) { /* one source begins very many */
        give_fragment(100 + i, 1, 0, 24, true);
        nif.now_ns++;
        assert_int_equal(netif_held(&nif), MIN(i + 1, REASS_SOURCE_MAX));
    }
    assert_int_equal(nif.drops[DROP_ip_evicted], 2 * REASS_SLOTS - REASS_SOURCE_MAX);
    /* Other sources still get slots, and complete their datagrams. */
    for (unsigned i = 1; i <= REASS_SLOTS - REASS_SOURCE_MAX; i++, nif.now_ns++)
        give_frame(make_fragment(PEER_IP + i, 7, 1, 0, 24, true));
    assert_int_equal(netif_held(&nif), REASS_SLOTS);
    /* One more source: the oldest datagram is dropped, which is of the first source. */
    uint64_t drops = nif.drops[DROP_ip_evicted];
    give_frame(make_fragment(PEER_IP + 9, 7, 1, 0, 24, true));
    assert_int_equal(nif.drops[DROP_ip_evicted], drops + 1);
    out_n = 0;
    give_frame(make_fragment(PEER_IP + 1, 7, 1, 24, bytes - 24, false));
    assert_int_equal(out_n, 1);
    give_fragment(100 + 2 * REASS_SLOTS - 1, 1, 24, bytes - 24, false);
    assert_int_equal(out_n, 2);
    give_fragment(100 + 2 * REASS_SLOTS - 4, 1, 24, bytes - 24, false); /* the dropped one */
    assert_int_equal(out_n, 2);
}

static void result__of_the_whole_datagram__counts_every_fragment(void **state)
{
    static const struct {
        unsigned protocol, port, spoiled;
        enum drop why;
        unsigned error; /* type and code */
        /* clang-format off */
    } rows[] = {{1, 0, 1, DROP_icmp_bad, 0},       {17, 7, 1, DROP_udp_checksum, 0},
                {17, 53, 0, DROP_udp_no_port, 0x303}, {99, 7, 0, DROP_ip_protocol, 0x302}};
    /* clang-format on */
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t bytes =
            rows[i].protocol == 1 ? make_big_echo(2000) : make_big_udp(4000, rows[i].port, 2000);
        payload[100] ^= (uint8_t)rows[i].spoiled;
        uint64_t drops = nif.drops[rows[i].why];
        out_n = 0;
        give_fragment(i, rows[i].protocol, 1480, bytes - 1480, false);
        give_fragment(i, rows[i].protocol, 0, 1480, true);
        assert_int_equal(nif.drops[rows[i].why], drops + 2);
        assert_int_equal(out_n, rows[i].error != 0);
        if (out_n != 0) {
            assert_null(fault_of(out[0], out_bytes[0]));
            assert_int_equal(get16(out[0] + 34), rows[i].error);
            assert_int_equal(get16(out[0] + 42 + 6), 0x2000); /* about the first fragment */
        }
    }
    /* Consumed by the discard service. */
    uint32_t bytes = make_big_udp(4000, 9, 2000);
    uint64_t consumed = nif.consumed;
    give_fragment(50, 17, 0, 1480, true);
    give_fragment(50, 17, 1480, bytes - 1480, false);
    assert_int_equal(nif.consumed, consumed + 2);
    assert_int_equal(netif_held(&nif), 0);
}

/* Random runs over 12 blocks; a byte map predicts the result of each fragment. */
static void random__runs_of_fragments__agree_with_a_byte_map(void **state)
{
    enum { BLOCKS = 12 };
    uint32_t seed = 1, wholes = 0, overlaps = 0;
    (void)state;
    for (unsigned run = 0; run < 3000; run++) {
        uint32_t bytes = make_big_echo(8 * BLOCKS - 8 - run % 8), end = 0, top = 0;
        bool there[8 * BLOCKS] = {0}, is_refused = false, is_done = false;
        uint32_t taken = 0;
        memset(&reass, 0, sizeof(reass));
        out_n = 0;
        for (unsigned step = 0; step < 40 && !is_done; step++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t at = (seed >> 24) % BLOCKS * 8, n = ((seed >> 16 & 0xFF) % 4 + 1) * 8;
            bool more = at + n < bytes, is_odd = (seed >> 8 & 0x3F) == 0;
            n = MIN(n, bytes - at);
            if (run % 3 != 0 && n > 8) { /* mostly without overlaps: pieces of one block */
                n = 8;
                more = at + n < bytes;
            }
            if (is_odd)
                payload[at] ^= 1;
            bool any = false, all = true;
            for (uint32_t k = at; k < at + n; k++) {
                any |= there[k];
                all &= there[k];
            }
            bool bad_end =
                more ? end != 0 && at + n >= end : at + n < top || (end && end != at + n);
            uint64_t consumed = nif.consumed, drops = nif.drops[DROP_ip_overlap];
            give_fragment(run, 1, at, n, more);
            if (!is_refused && all && !bad_end && !is_odd) {
                assert_int_equal(nif.consumed, consumed + 1);
            } else if (is_refused || any || bad_end) {
                assert_int_equal(nif.drops[DROP_ip_overlap], drops + 1 + taken);
                taken = 0;
                is_refused = true;
                overlaps++;
            } else {
                taken++;
                top = MAX(top, at + n);
                end = more ? end : at + n;
                memset(there + at, 1, n);
                is_done = end != 0;
                for (uint32_t k = 0; k < end; k++)
                    is_done &= there[k];
                assert_int_equal(netif_held(&nif), is_done ? 0 : taken);
                if (is_odd)
                    break; /* the changed bytes are held: the checksum will be wrong */
            }
            if (is_odd)
                payload[at] ^= 1;
        }
        if (is_done && out_n == 1) {
            assert_whole_answer(bytes);
            wholes++;
        }
    }
    print_message("%u whole, %u overlaps\n", wholes, overlaps);
    assert_true(wholes > 300 && overlaps > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_FRAGMENTS(echo__each_size_to_the_largest__is_answered_in_full),
        TEST_FRAGMENTS(udp_echo__each_size_to_the_largest__is_answered_with_a_checksum),
        TEST_FRAGMENTS(order__each_permutation_of_five__gives_the_same),
        TEST_FRAGMENTS(duplicates__same_bytes__are_consumed_and_change_nothing),
        TEST_FRAGMENTS(overlaps__in_each_way__end_the_datagram),
        TEST_FRAGMENTS(fragments__that_fit_no_datagram__are_dropped_alone),
        TEST_FRAGMENTS(datagrams__that_differ_in_one_field__are_kept_apart),
        TEST_FRAGMENTS(time__over__is_reported_only_with_the_first_fragment),
        TEST_FRAGMENTS(room__too_many_at_once__drops_oldest_and_limits_each_source),
        TEST_FRAGMENTS(result__of_the_whole_datagram__counts_every_fragment),
        TEST_FRAGMENTS(random__runs_of_fragments__agree_with_a_byte_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
