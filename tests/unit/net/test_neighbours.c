/* SPDX-License-Identifier: BSD-2-Clause
 * app=route with many neighbours, live and silent, behind port 1 (172.16/12). Covers:
 *  - one silent host, or 300, however busy, keep no frame from a live host that is not known yet;
 *  - one frame waits for each neighbour, the newest; those of a neighbour that fails are dropped and
 *    reported at once, later ones do not wait, and the neighbour is asked for again;
 *  - 4,000 hosts that are all asked for at the same time get each frame, whatever its length; with less
 *    memory as many wait as have room, the newest, and a line says so;
 *  - 10,000 silent hosts, each asked for once in a while or all within a second, keep nothing from live
 *    ones, and a host that answers at last is found;
 *  - up to 4,000 live hosts in turn get every frame; with more than there are next hops, those in
 *    use stay and those not in use give way;
 *  - no next hop and no group is lost: by routes whose gateways change, by hosts that fail together.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/route.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "tests/unit/net/router_host.h"

#define LIVE   IP(172, 16, 0, 0) /* these answer; those from SILENT on do not */
#define SILENT IP(172, 20, 0, 0)

static bool answers(uint32_t ip)
{
    return ip < SILENT;
}

static int start_neighbours(void **state)
{
    int result = start(state);
    struct route_line line = {
        .prefix = IP(172, 16, 0, 0), .bits = 12, .via = ROUTE_VIA_PORT, .port = 1};

    is_live = answers;
    assert_null(router_add(&line));
    routes_work(&routes, ~0u);
    return result;
}

/* One frame to the host. True: exactly that frame has arrived there. */
static bool arrives(uint32_t ip)
{
    uint8_t frame[128], mac[6];
    bool is_there = false;

    make(frame, 100, ip, 0);
    give(frame, 100);
    mac_of(1, ip, mac);
    for (unsigned i = 0; i < sent_n; i++)
        is_there |= sent[i].port == 1 && memcmp(sent[i].bytes, mac, 6) == 0 &&
                    wire_get32(sent[i].bytes + 30) == ip;
    return is_there;
}

static uint64_t ms;

/* A millisecond passes; every 100, the service runs. */
static void tick(void)
{
    machine_wait_ns(SECOND / 1000);
    if (++ms % 100 == 0) {
        run_service(machine_now_ns());
        rounds();
    }
}

/* Frames to `n` silent hosts in turn, `rate` a second in all, and one a second to live hosts, each to
 * a new one. Returns how many of these arrive. */
static unsigned beside_silent(unsigned n, unsigned rate, unsigned seconds)
{
    static uint32_t fresh;
    unsigned arrived = 0, k = 0;

    for (unsigned t = 0; t < seconds * 1000; t++) {
        tick();
        if (t * rate / 1000 != (t + 1) * rate / 1000)
            (void)arrives(SILENT + 1 + k++ % n);
        if (t % 1000 == 500)
            arrived += arrives(LIVE + 1 + fresh++);
    }
    return arrived;
}

/* A machine is up, and its links are, half a second after its entry. */
static void neighbours__in_the_first_second__are_asked_for_at_once(void **state)
{
    (void)state;
    machine_clock_ns = SECOND / 2;
    assert_true(arrives(LIVE + 1));
}

static void neighbours__one_silent_host__keeps_nothing_from_live_ones(void **state)
{
    (void)state;
    static const unsigned rates[] = {0, 5, 100, 1000};

    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
        assert_int_equal(beside_silent(1, rates[i], 55), 55);
}

static void neighbours__many_silent_hosts__keep_nothing_from_live_ones(void **state)
{
    (void)state;
    assert_int_equal(beside_silent(300, 300, 55), 55);
    assert_int_equal(beside_silent(300, 1000, 20), 20);
    assert_int_equal(beside_silent(1500, 1000, 20), 20);
    pass(20 * SECOND);
    assert_int_equal(router_waiting(), 0);
    assert_int_equal(hops_count(true, HOP_ASKING) + hops_count(true, HOP_FAILED), 0);
}

static void neighbours__silent_one__newest_frame_waits_then_errors_are_sent(void **state)
{
    (void)state;
    uint8_t frame[128];

    for (unsigned i = 0; i < 12; i++) { /* a gateway */
        make(frame, 100, IP(10, 5, 0, (uint8_t)i), 0);
        give(frame, 100);
        assert_int_equal(sent_n, 1); /* it has failed already: it is always asked for */
        is_error(0, frame, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
    }
    assert_int_equal(router_waiting(), 0);

    uint64_t replaced = dropped(DROP_route_waiting), reported = dropped(DROP_route_no_host);
    for (unsigned i = 0; i < 12; i++) { /* a host */
        make(frame, 100, SILENT + 1, 0);
        wire_put16(frame + 18, (uint16_t)i);
        fix_ip(frame);
        give(frame, 100);
        assert_int_equal(sent_n, 0);
        assert_int_equal(router_waiting(), 1);
        pass(SECOND / 2); /* it fails after 7 s */
    }
    assert_int_equal(router_waiting(), 1);
    assert_int_equal(dropped(DROP_route_waiting) - replaced, 11);
    sent_n = 0;
    pass(SECOND * 13 / 10); /* the newest has waited 1.8 s */
    assert_int_equal(router_waiting(), 0);
    assert_int_equal(dropped(DROP_route_no_host) - reported, 1);
    assert_int_equal(sent_n, 1);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
    assert_int_equal(wire_get16(sent[0].bytes + 14 + 28 + 4), 11);
    give(frame, 100); /* the next one does not wait */
    assert_int_equal(sent_n, 1);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
    assert_int_equal(router_waiting(), 0);
    /* That frame has it asked for again after the hold-off. */
    uint64_t requests = ports[1].netif->arp.requests;
    pass(4 * SECOND);
    assert_int_equal(hops_count(true, HOP_FAILED), 1);
    pass(3 * SECOND);
    assert_true(ports[1].netif->arp.requests > requests);
    assert_int_equal(hops_count(true, HOP_ASKING), 1);
    pass(20 * SECOND); /* no frame in the meantime: it is forgotten */
    assert_int_equal(hops_find(&ports[1], SILENT + 1), 0);
}

static void neighbours__up_to_4000_live_hosts_in_turn__get_every_frame(void **state)
{
    (void)state;
    static const unsigned counts[] = {50, 60, 100, 1000, 4000};

    for (unsigned c = 0; c < ARRAY_SIZE(counts); c++) {
        unsigned arrived = 0, frames = 2 * counts[c] + 1000;
        uint64_t consumed = 0;
        for (unsigned i = 0; i < frames; i++) {
            tick();
            arrived += arrives(LIVE + 1 + i % counts[c]);
            if (i + 1000 == frames)
                consumed = lanes[0].count.consumed;
        }
        assert_int_equal(arrived, frames);
        assert_int_equal(lanes[0].count.consumed, consumed); /* the last ones by the fast path */
        for (unsigned i = 0; i < counts[c]; i++)
            assert_int_not_equal(hops_find(&ports[1], LIVE + 1 + i), 0);
    }
    assert_int_equal(hops_count(true, HOP_KNOWN), 4000);
}

static void neighbours__more_than_next_hops__those_in_use_stay(void **state)
{
    (void)state;
    enum { IN_USE = 100 };
    unsigned arrived = 0, frames = 20000;

    for (unsigned i = 0; i < frames; i++) {
        tick();
        arrived += arrives(LIVE + 1 + i / 2 % IN_USE); /* each ten times a second */
        arrived += i % 2 ? arrives(LIVE + 1000 + i / 2) : 1;
    }
    assert_int_equal(arrived, 2 * frames);
    unsigned hosts = hops_count(true, HOP_KNOWN) + hops_count(true, HOP_CHECKED);
    assert_in_range(hosts, ROUTE_FAR_HOPS - 1024, ROUTE_FAR_HOPS);
    for (unsigned i = 0; i < IN_USE; i++)
        assert_int_not_equal(hops_find(&ports[1], LIVE + 1 + i), 0);
    assert_int_equal(hops_find(&ports[1], LIVE + 1000), 0);
    uint8_t frame[128];
    make(frame, 100, IP(10, 9, 9, 9), 0); /* gateways stay */
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
}

/* Do all of these hosts of port 1 get the frame of `length` bytes that waits for them? */
static void give_to_all(unsigned n, uint32_t length)
{
    uint8_t frame[2048];

    replies_are_held = true;
    sent_n = 0;
    for (unsigned i = 0; i < n; i++) {
        make(frame, length, LIVE + 1 + i, 0);
        machine_frame_in(0, frame, length);
        if (i % 64 == 63)
            rounds();
    }
    rounds();
    assert_int_equal(sent_n, 0);
}

static void release_all(void)
{
    replies_are_held = false;
    rounds();
    pass(SECOND / 5);
}

static void neighbours__4000_asked_for_at_once__each_gets_its_frame(void **state)
{
    (void)state;
    enum { HOSTS = 4000 };
    static bool is_there[HOSTS];

    memset(is_there, 0, sizeof(is_there));
    give_to_all(HOSTS, 1514);
    assert_int_equal(router_waiting(), HOSTS);
    assert_int_equal(ports[1].netif->arp.asking, HOSTS);
    pass(2 * SECOND); /* while nothing answers the requests are repeated */
    assert_in_range(replies_n, 2 * HOSTS, REPLIES_MAX);
    assert_int_equal(router_waiting(), HOSTS);
    release_all();
    assert_int_equal(sent_n, HOSTS);
    for (unsigned i = 0; i < sent_n; i++) {
        uint32_t ip = wire_get32(sent[i].bytes + 30);
        uint8_t mac[6];
        mac_of(1, ip, mac);
        assert_memory_equal(sent[i].bytes, mac, 6);
        assert_int_equal(sent[i].length, 1514);
        assert_in_range(ip, LIVE + 1, LIVE + HOSTS);
        is_there[ip - LIVE - 1] = true;
    }
    for (unsigned i = 0; i < HOSTS; i++)
        assert_true(is_there[i]);
    assert_int_equal(dropped(DROP_route_waiting) + dropped(DROP_route_no_host), 0);
    assert_int_equal(hops_count(true, HOP_KNOWN), HOSTS);
}

static int start_with_little_memory(void **state)
{
    free_bytes = 4 << 20;
    int result = start_neighbours(state);
    free_bytes = 1 << 30;
    return result;
}

static void neighbours__little_memory__newest_frames_wait_and_the_others_are_counted(void **state)
{
    (void)state;
    enum { HOSTS = 500 };
    unsigned places;

    assert_non_null(machine_log_has("fewer than neighbours: memory is short"));
    give_to_all(HOSTS, 100);
    places = router_waiting();
    assert_in_range(places, 64, 256);
    assert_int_equal(dropped(DROP_route_waiting), HOSTS - places);
    release_all();
    assert_int_equal(sent_n, places);
    for (unsigned i = 0; i < sent_n; i++)
        assert_in_range(wire_get32(sent[i].bytes + 30), LIVE + 1 + HOSTS - places, LIVE + HOSTS);
}

/* 20 known live hosts and one new one a millisecond, beside `n` silent ones in turn, `rate` frames a
 * millisecond. */
static void live_beside(unsigned n, unsigned rate, unsigned milliseconds)
{
    unsigned k = 0;

    for (unsigned i = 0; i < 20; i++)
        assert_true(arrives(LIVE + 1 + i));
    for (unsigned t = 0; t < milliseconds; t++) {
        tick();
        for (unsigned i = 0; i < rate; i++)
            (void)arrives(SILENT + 1 + k++ % n);
        uint64_t consumed = lanes[0].count.consumed;
        assert_true(arrives(LIVE + 1 + t % 20));
        assert_int_equal(lanes[0].count.consumed, consumed); /* by the fast path */
        assert_true(arrives(LIVE + 100 + t));
    }
}

static void neighbours__10000_silent_hosts__keep_nothing_from_live_ones(void **state)
{
    (void)state;
    live_beside(10000, 1, 2000);
    live_beside(10000, 10, 2000);
    assert_true(router_waiting() <= 3 * 4096);
    pass(30 * SECOND);
    assert_int_equal(router_waiting(), 0);
    assert_true(arrives(LIVE + 5000));
}

static bool answers_late(uint32_t ip)
{
    return ip < SILENT || machine_now_ns() > 60 * SECOND;
}

static void neighbours__host_that_answers_at_last__gets_the_next_frame(void **state)
{
    (void)state;
    is_live = answers_late;
    for (unsigned t = 0; t < 20; t++) {
        assert_false(arrives(SILENT + 1));
        pass(SECOND);
    }
    while (machine_now_ns() < 60 * SECOND)
        pass(SECOND);
    assert_true(arrives(SILENT + 1));
}

static unsigned gateways(void)
{
    unsigned n = 0;

    for (enum hop_state i = HOP_ASKING; i < HOP_RETIRED; i++)
        n += hops_count(false, i);
    return n;
}

static void neighbours__gateway_of_a_route_changed_often__loses_no_next_hop(void **state)
{
    (void)state;
    struct route_line line = {.prefix = IP(10, 7, 0, 0), .bits = 16, .via = ROUTE_VIA_GATEWAY};
    unsigned before = gateways();

    for (unsigned i = 0; i < 10000; i++) {
        line.gateway = IP(198, 51, 100, 2 + i % 200);
        line.bits = i % 3 ? 16 : 28;
        assert_null(router_add(&line));
        routes_work(&routes, ~0u);
        if (i % 50 == 0) {
            pass(SECOND / 10);
            (void)arrives(IP(198, 51, 100, 30)); /* a host meanwhile */
        }
    }
    assert_int_equal(gateways(), before + 2);
    line.bits = 16;
    assert_null(router_remove(&line));
    routes_work(&routes, ~0u);
    line.bits = 28;
    assert_null(router_remove(&line));
    pass(SECOND / 10);
    assert_int_equal(gateways(), before);
    assert_int_equal(hops_count(false, HOP_RETIRED), 0);
    assert_int_equal(hops_count(true, HOP_KNOWN), 1);
}

static unsigned groups_in_use(void)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < ROUTE_FIRST; i++)
        n += routes.table->first[i] >> 15;
    return n;
}

static unsigned groups_free(void)
{
    unsigned n = routes.groups_max - routes.groups_n;

    for (uint16_t g = routes.groups_free; g != ROUTE_NONE; g = (uint16_t)routes.table->groups[g][0])
        n++;
    return n;
}

static bool none_answers(uint32_t ip)
{
    (void)ip;
    return false;
}

static void neighbours__hosts_of_many_subnets_fail_together__no_group_is_lost(void **state)
{
    (void)state;
    unsigned in_use = groups_in_use(), free = groups_free();

    for (unsigned round = 0; round < 3; round++) {
        is_live = answers;
        for (uint32_t i = 0; i < 200; i++)
            assert_true(arrives(LIVE + 1 + 256 * i));
        assert_int_equal(groups_in_use(), in_use + 200);
        assert_int_equal(groups_free(), free - 200);
        is_live = none_answers;
        pass(620 * SECOND);
        assert_int_equal(groups_in_use(), in_use);
        assert_int_equal(groups_free(), free);
        assert_int_equal(hops_count(true, HOP_KNOWN), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start_neighbours, stop)
    const struct CMUnitTest tests[] = {
        TEST(neighbours__in_the_first_second__are_asked_for_at_once),
        TEST(neighbours__one_silent_host__keeps_nothing_from_live_ones),
        TEST(neighbours__many_silent_hosts__keep_nothing_from_live_ones),
        TEST(neighbours__silent_one__newest_frame_waits_then_errors_are_sent),
        TEST(neighbours__4000_asked_for_at_once__each_gets_its_frame),
        cmocka_unit_test_setup_teardown(
            neighbours__little_memory__newest_frames_wait_and_the_others_are_counted,
            start_with_little_memory, stop),
        TEST(neighbours__10000_silent_hosts__keep_nothing_from_live_ones),
        TEST(neighbours__host_that_answers_at_last__gets_the_next_frame),
        TEST(neighbours__up_to_4000_live_hosts_in_turn__get_every_frame),
        TEST(neighbours__more_than_next_hops__those_in_use_stay),
        TEST(neighbours__gateway_of_a_route_changed_often__loses_no_next_hop),
        TEST(neighbours__hosts_of_many_subnets_fail_together__no_group_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
