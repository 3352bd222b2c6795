/* SPDX-License-Identifier: BSD-2-Clause
 * The routing table compared with a list that is searched linearly. Covers:
 *  - routes of every length, nested and adjacent, set, changed and cleared in random order:
 *    addresses at the edges of each prefix, and random ones, have the longest route's next hop;
 *  - every pair of lengths, the shorter set first and last, cleared in either order;
 *  - a change in small steps, with routes of 32 bits set and cleared meanwhile;
 *  - during a change every address has either its old or its new next hop;
 *  - groups: reused only after the grace period, refused when exhausted; rules: the table is full;
 *  - next hops that only a group's entries can refer to are refused for shorter routes;
 *  - 1,000,000 prefixes.
 */
/* links: net/route/table.c tests/bench/routes.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/route/table.h"
#include "tests/bench/routes.h"

enum { RULES = 300, GROUPS = 64 };

static struct routes r;
static void *memory;

/* The list. */
static struct {
    uint32_t prefix;
    unsigned bits, hop;
} list[4 * RULES];
static unsigned list_n;

static uint32_t mask_of(unsigned bits)
{
    return bits ? ~0u << (32 - bits) : 0;
}

static uint32_t random32(void)
{
    return (uint32_t)random() << 16 ^ (uint32_t)random();
}

static unsigned list_find(uint32_t prefix, unsigned bits)
{
    unsigned i = 0;
    while (i < list_n && (list[i].prefix != prefix || list[i].bits != bits))
        i++;
    return i;
}

/* The expected entry of an address: next hop times 64 plus prefix length; 0: no route. */
static uint32_t list_entry(uint32_t ip)
{
    unsigned best = list_n;

    for (unsigned i = 0; i < list_n; i++)
        if (((ip ^ list[i].prefix) & mask_of(list[i].bits)) == 0 &&
            (best == list_n || list[i].bits > list[best].bits))
            best = i;
    return best == list_n ? 0 : list[best].hop * 64 | list[best].bits;
}

static void check(uint32_t ip)
{
    if (route_entry(r.table, ip) != list_entry(ip))
        fail_msg("%08x: %04x, expected %04x", ip, route_entry(r.table, ip), list_entry(ip));
}

/* A grace period, and what follows it. */
static void reclaim(void)
{
    routes_begin_grace(&r);
    while (!routes_reclaim(&r))
        ;
}

static void check_all(void)
{
    for (unsigned i = 0; i < list_n; i++) {
        uint32_t first = list[i].prefix, last = first | ~mask_of(list[i].bits);
        check(first - 1);
        check(first);
        check(last);
        check(last + 1);
        check(first + (random32() & ~mask_of(list[i].bits)));
    }
    for (unsigned i = 0; i < 20; i++)
        check(random32());
}

static const char *set(uint32_t prefix, unsigned bits, unsigned hop)
{
    const char *wrong = routes_set(&r, prefix, bits, hop);
    if (wrong)
        return wrong;
    unsigned i = list_find(prefix, bits);
    list[i].prefix = prefix;
    list[i].bits = bits;
    list[i].hop = hop;
    list_n += i == list_n;
    return NULL;
}

static const char *clear(uint32_t prefix, unsigned bits)
{
    const char *wrong = routes_clear(&r, prefix, bits);
    if (wrong)
        return wrong;
    list[list_find(prefix, bits)] = list[list_n - 1];
    list_n--;
    return NULL;
}

static void make(unsigned rules, unsigned groups)
{
    free(memory);
    size_t bytes = (routes_bytes(rules, groups) + ROUTE_ALIGN - 1) & ~(size_t)(ROUTE_ALIGN - 1);
    memory = aligned_alloc(ROUTE_ALIGN, bytes);
    memset(memory, 0, bytes);
    routes_init(&r, memory, rules, groups);
    list_n = 0;
    srandom(1812);
}

static int start(void **state)
{
    (void)state;
    make(RULES, GROUPS);
    return 0;
}

static void done(void)
{
    assert_true(routes_work(&r, ~0u));
}

static void routes__empty__nothing_has_a_route(void **state)
{
    (void)state;
    check(0);
    check(0xFFFFFFFF);
    check_all();
    assert_null(routes_find(&r, 0, 0));
    assert_non_null(routes_clear(&r, 0, 0));
}

static void routes__every_pair_of_lengths__longest_match_decides(void **state)
{
    (void)state;
    const uint32_t ip = 0xC0A8A5A6;

    for (unsigned a = 7; a <= 32; a++)
        for (unsigned b = a + 1; b <= 32; b++)
            for (unsigned order = 0; order < 4; order++) {
                unsigned first = order & 1 ? a : b, second = order & 1 ? b : a;
                unsigned goes = order & 2 ? a : b, stays = order & 2 ? b : a;
                assert_null(set(ip & mask_of(first), first, 10));
                done();
                assert_null(set(ip & mask_of(second), second, 20));
                done();
                check_all();
                assert_null(clear(ip & mask_of(goes), goes));
                done();
                check_all();
                assert_null(clear(ip & mask_of(stays), stays));
                done();
                check_all();
                reclaim();
                assert_int_equal(route_entry(r.table, ip), 0);
            }
    assert_int_equal(r.n, 0);
}

/* A random prefix; these are often nested. */
static uint32_t some_prefix(unsigned *bits)
{
    static const uint32_t bases[] = {0x0A000000, 0x0A0A0A00, 0xC0A80180, 0xFFFFFF00, 0x00000000};
    *bits = (unsigned)random() % 4 ? 14 + (unsigned)random() % 19 : (unsigned)random() % 33;
    return (bases[random() % 5] + ((uint32_t)random() & 0x3FF)) & mask_of(*bits);
}

/* Any of the ports' next hops that a route of so many bits may have. */
static unsigned some_hop(unsigned bits)
{
    unsigned of = bits > 24 && random() % 2 ? ROUTE_PORT_HOPS : ROUTE_NEAR_HOPS;

    return (unsigned)random() % 8 * ROUTE_PORT_HOPS + 6 + (unsigned)random() % (of - 6);
}

static void routes__random_changes__agree_with_the_list(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        unsigned bits;
        uint32_t prefix = some_prefix(&bits);
        /* Few short prefixes: each rewrites much of the table, which is slow. */
        if (bits < 8 && i % 50 != 0)
            continue;
        if (list_n > RULES / 2 || (list_n && random() % 3 == 0)) {
            unsigned k = (unsigned)random() % list_n;
            assert_null(clear(list[k].prefix, list[k].bits));
        } else {
            (void)set(prefix, bits, some_hop(bits)); /* groups may run out */
        }
        done();
        if (random() % 8 == 0)
            reclaim();
        check_all();
        unsigned n = 0;
        for (unsigned b = 0; b <= 32; b++)
            n += r.n_by_bits[b];
        assert_int_equal(n, list_n);
        assert_int_equal(r.n, list_n);
    }
    while (list_n) {
        assert_null(clear(list[0].prefix, list[0].bits));
        done();
    }
    for (uint32_t i = 0; i < ROUTE_FIRST; i++)
        if (r.table->first[i] != 0)
            assert_int_equal(r.table->first[i] & ROUTE_GROUP, ROUTE_GROUP);
    check(0x0A0A0A0A);
}

static void routes__change_in_steps__each_address_has_old_or_new_hop(void **state)
{
    (void)state;
    const uint32_t net = 0x0A000000, inner = 0x0A020000, host = 0x0A000305;

    assert_null(set(net, 8, 10));
    done();
    assert_null(set(inner, 16, 20));
    done();
    for (unsigned round = 0; round < 4; round++) {
        uint32_t before[512], after;
        for (unsigned i = 0; i < 512; i++)
            before[i] = route_entry(r.table, net + i * 0x8000 + 5);
        assert_null(round & 1 ? clear(net, 8) : set(net, 8, 30 + round));
        assert_non_null(routes_set(&r, 0x0B000000, 8, 40)); /* one at a time */
        assert_non_null(routes_clear(&r, inner, 16));
        unsigned steps = 0;
        while (!routes_work(&r, 1000)) {
            /* A neighbour's route is set and cleared meanwhile. */
            assert_null(steps & 1 ? clear(host, 32) : set(host, 32, 50));
            check(host);
            reclaim();
            steps++;
            for (unsigned i = 0; i < 512; i++) {
                uint32_t ip = net + i * 0x8000 + 5;
                after = route_entry(r.table, ip);
                if (after != before[i])
                    assert_int_equal(after, list_entry(ip));
            }
        }
        assert_true(steps > 50);
        if (steps & 1)
            assert_null(clear(host, 32));
        check_all();
        check(host);
        if (round & 1) {
            assert_null(set(net, 8, 10));
            done();
        }
    }
}

static void routes__freed_groups__are_reused_only_after_the_grace_period(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GROUPS; i++)
        assert_null(set(0x0A000000 + i * 256 + 7, 32, 10));
    assert_non_null(set(0x0B000007, 32, 10));
    assert_int_equal(r.n, GROUPS);
    assert_null(set(0x0A000009, 32, 11)); /* in an existing group */
    assert_null(clear(0x0A000107, 32));
    assert_true(routes_have_retired(&r));
    assert_non_null(set(0x0B000007, 32, 10));
    reclaim();
    assert_false(routes_have_retired(&r));
    assert_null(set(0x0B000007, 32, 10));
    check_all();
}

/* What is freed while a grace period runs is not what it was for. */
static void routes__groups_freed_during_a_grace_period__wait_for_the_next(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GROUPS; i++)
        assert_null(set(0x0A000000 + i * 256 + 7, 32, 10));
    assert_null(clear(0x0A000007, 32));
    routes_begin_grace(&r);
    assert_null(clear(0x0A000107, 32));
    assert_true(routes_reclaim(&r));
    assert_true(routes_have_retired(&r));
    assert_null(set(0x0B000007, 32, 10)); /* the first one's */
    assert_non_null(set(0x0C000007, 32, 10));
    assert_true(routes_reclaim(&r)); /* no period has begun */
    assert_non_null(set(0x0C000007, 32, 10));
    reclaim();
    assert_null(set(0x0C000007, 32, 10));
    check_all();
}

static void routes__any_number_of_groups_freed_at_once__none_is_lost(void **state)
{
    (void)state;
    enum { MANY = 1000 };

    make(2 * MANY, MANY);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++)
            assert_null(routes_set(&r, 0x0A000000 + i * 256 + 7, 32, 10));
        assert_non_null(routes_set(&r, 0x0B000007, 32, 10)); /* each is in use */
        for (unsigned i = 0; i < MANY; i++)
            assert_null(routes_clear(&r, 0x0A000000 + i * 256 + 7, 32));
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(r.table->first[0x0A0000 + i], 0);
        routes_begin_grace(&r);
        for (unsigned i = MANY; i > ROUTE_RECLAIM; i -= ROUTE_RECLAIM)
            assert_false(routes_reclaim(&r)); /* a bounded step each */
        assert_true(routes_reclaim(&r));
    }
}

static void routes__far_next_hops__are_for_routes_longer_than_24_bits(void **state)
{
    (void)state;
    const unsigned last = ROUTE_HOPS - 1;

    assert_null(set(0x0A000000, 8, 7 * ROUTE_PORT_HOPS + 63));
    done();
    assert_non_null(routes_set(&r, 0x0B000000, 24, last));
    assert_non_null(routes_set(&r, 0x0B000000, 24, ROUTE_NEAR_HOPS));
    assert_null(set(0x0A000001, 32, last));
    assert_null(set(0x0A000080, 25, ROUTE_NEAR_HOPS));
    check_all();
    assert_int_equal(route_hop_of(route_entry(r.table, 0x0A000001)), last);
    assert_int_equal(route_hop_of(route_entry(r.table, 0x0A000002)), 7 * ROUTE_PORT_HOPS + 63);
    for (unsigned port = 0; port < 8; port++)
        for (unsigned i = 0; i < 64 * 64; i++) {
            uint32_t wide = port * ROUTE_PORT_BYTES + i;
            assert_int_equal(route_narrow(wide), port * 4096 + i);
            assert_int_equal(route_wide(route_narrow(wide)), wide);
        }
}

static void routes__too_many__the_table_is_full(void **state)
{
    (void)state;
    uint32_t room = r.slots / 2;

    for (uint32_t i = 0; i < room; i++) {
        assert_null(routes_set(&r, 0x0A000000 + i * 256, 24, 10));
        done();
    }
    assert_string_equal(routes_set(&r, 0x0B000000, 24, 10), "the table is full");
    assert_null(routes_set(&r, 0x0A000000, 24, 11)); /* a change needs no room */
    done();
    for (uint32_t i = 0; i < room; i++) {
        assert_non_null(routes_find(&r, 0x0A000000 + i * 256, 24));
        assert_null(routes_clear(&r, 0x0A000000 + i * 256, 24));
        done();
        assert_null(routes_find(&r, 0x0A000000 + i * 256, 24));
    }
    assert_int_equal(r.n, 0);
}

static void routes__a_million_prefixes__agree_with_a_slow_search(void **state)
{
    (void)state;
    bench_routes_make(1000000);
    unsigned longer = 0;
    for (unsigned i = 0; i < bench_routes_n; i++)
        longer += bench_routes[i].bits > 24;
    make(bench_routes_n, longer);
    for (unsigned i = 0; i < bench_routes_n; i++) {
        const struct bench_route *b = &bench_routes[i];
        assert_null(routes_set(&r, b->prefix, b->bits, b->port * ROUTE_PORT_HOPS + 6 + b->gateway));
        done();
    }
    assert_int_equal(r.n, 1000000);
    for (unsigned i = 0; i < 300000; i++) {
        const struct bench_route *some = &bench_routes[i * 3];
        uint32_t ip =
            i & 1 ? random32() & 0x7FFFFFFF : some->prefix + (random32() & ~mask_of(some->bits));
        const struct bench_route *best = bench_route_for(ip);
        unsigned hop = best ? best->port * ROUTE_PORT_HOPS + 6u + best->gateway : 0;
        assert_int_equal(route_hop_of(route_entry(r.table, ip)), hop);
    }
    free(bench_routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(routes__empty__nothing_has_a_route, start),
        cmocka_unit_test_setup(routes__every_pair_of_lengths__longest_match_decides, start),
        cmocka_unit_test_setup(routes__random_changes__agree_with_the_list, start),
        cmocka_unit_test_setup(routes__change_in_steps__each_address_has_old_or_new_hop, start),
        cmocka_unit_test_setup(routes__freed_groups__are_reused_only_after_the_grace_period, start),
        cmocka_unit_test_setup(routes__groups_freed_during_a_grace_period__wait_for_the_next,
                               start),
        cmocka_unit_test_setup(routes__any_number_of_groups_freed_at_once__none_is_lost, start),
        cmocka_unit_test_setup(routes__far_next_hops__are_for_routes_longer_than_24_bits, start),
        cmocka_unit_test_setup(routes__too_many__the_table_is_full, start),
        cmocka_unit_test_setup(routes__a_million_prefixes__agree_with_a_slow_search, start),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);

    free(memory);
    return result;
}
