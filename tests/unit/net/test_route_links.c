/* SPDX-License-Identifier: BSD-2-Clause
 * app=route on links of special kinds; port 0 is as router_host.h has it. Covers:
 *  - link-local addresses (RFC 3927): not forwarded, neither as source nor as destination, also where
 *    a port's own subnet is one; the router itself answers them;
 *  - a port whose address stands alone (/32), with a gateway outside of it;
 *  - two ports in one subnet, and in subnets of which one contains the other.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/route.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "tests/unit/net/router_host.h"

/* Start as router_host.h does, but with another address and gateway of port 1. */
static void start_with(uint32_t ip, unsigned prefix, uint32_t gateway)
{
    addresses[1].ip = ip;
    addresses[1].prefix = prefix;
    addresses[1].gateway = gateway;
    assert_int_equal(start(NULL), 0);
}

/* The frame, given to port 0, is dropped for this reason, and nothing is sent. */
static void is_dropped(uint8_t *frame, enum drop why)
{
    uint64_t before = dropped(why);

    give(frame, 100);
    assert_int_equal(sent_n, 0);
    assert_int_equal(dropped(why), before + 1);
}

static void link_local__source_or_destination__is_not_forwarded(void **state)
{
    (void)state;
    uint8_t frame[128];
    static const uint32_t not_forwarded[] = {IP(169, 254, 0, 0), IP(169, 254, 1, 2),
                                             IP(169, 254, 255, 255)};

    start_with(IP(198, 51, 100, 1), 24, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(not_forwarded); i++) {
        make(frame, 100, not_forwarded[i], 0);
        is_dropped(frame, DROP_route_local);
        make(frame, 100, IP(10, 0, 0, 1), 0);
        wire_put32(frame + 26, not_forwarded[i]);
        fix_ip(frame);
        is_dropped(frame, DROP_route_local);
    }
    /* A default route does not change it, and the neighbours of the range are forwarded. */
    struct route_line line = {.via = ROUTE_VIA_GATEWAY, .gateway = IP(198, 51, 100, 10)};
    assert_null(router_add(&line));
    routes_work(&routes, ~0u);
    make(frame, 100, IP(169, 254, 1, 2), 0);
    is_dropped(frame, DROP_route_local);
    static const uint32_t forwarded[] = {IP(169, 253, 255, 255), IP(169, 255, 0, 1)};
    for (unsigned i = 0; i < ARRAY_SIZE(forwarded); i++) {
        make(frame, 100, forwarded[i], 0);
        give(frame, 100);
        is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
        make(frame, 100, IP(10, 0, 0, 1), 0);
        wire_put32(frame + 26, forwarded[i]);
        fix_ip(frame);
        give(frame, 100);
        is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
    }
    line.prefix = IP(169, 254, 0, 0);
    line.bits = 17;
    assert_non_null(router_add(&line));
    assert_int_equal(stop(NULL), 0);
}

/* An echo request from `src` to `dst`, received by the port. */
static void make_ping(unsigned port, uint8_t *frame, uint32_t src, uint32_t dst)
{
    make(frame, 100, dst, 0);
    memcpy(frame, ports[port].mac, 6);
    frame[23] = 1;
    wire_put32(frame + 26, src);
    fix_ip(frame);
    memset(frame + 34, 0, 4);
    frame[34] = 8;
    wire_put16(frame + 36, slow_check(frame + 34, 66));
}

static void link_local__subnet_of_a_port__is_answered_and_not_forwarded_to(void **state)
{
    (void)state;
    uint8_t frame[128];
    uint32_t next = 0;

    start_with(IP(169, 254, 7, 1), 16, 0);
    make_ping(1, frame, IP(169, 254, 7, 9), IP(169, 254, 7, 1));
    give_by(1, frame, 100);
    assert_int_equal(sent_n, 1);
    assert_int_equal(sent[0].port, 1);
    assert_int_equal(wire_get32(sent[0].bytes + 30), IP(169, 254, 7, 9));
    make(frame, 100, IP(169, 254, 7, 9), 0);
    is_dropped(frame, DROP_route_local);
    assert_int_equal(router_waiting(), 0);
    make_ping(1, frame, IP(169, 254, 7, 9), IP(192, 0, 2, 20));
    give_by(1, frame, 100);
    assert_int_equal(sent_n, 0);
    /* Its own pings and gateways there are no forwarding. */
    assert_ptr_equal(hops_towards(IP(169, 254, 7, 9), &next), &ports[1]);
    assert_int_equal(next, IP(169, 254, 7, 9));
    struct route_line line = {.prefix = IP(10, 9, 0, 0),
                              .bits = 16,
                              .via = ROUTE_VIA_GATEWAY,
                              .gateway = IP(169, 254, 7, 10)};
    assert_null(router_add(&line));
    routes_work(&routes, ~0u);
    assert_int_equal(stop(NULL), 0);
}

static void address_alone__gateway_outside_of_it__is_found_and_used(void **state)
{
    (void)state;
    uint8_t frame[128];
    uint32_t next = 0;

    start_with(IP(100, 64, 0, 1), 32, IP(198, 51, 100, 10));
    make(frame, 100, IP(8, 8, 8, 8), 0); /* by the default route that the gateway is */
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
    make(frame, 100, IP(198, 51, 100, 10), 0); /* to the gateway itself */
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
    make(frame, 100, IP(10, 0, 0, 1), 0); /* by a route of the module by that gateway */
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 10));
    assert_ptr_equal(hops_towards(IP(8, 8, 8, 8), &next), &ports[1]);
    assert_int_equal(next, IP(198, 51, 100, 10));
    make_ping(0, frame, HOST_IP, IP(100, 64, 0, 1));
    give(frame, 100);
    assert_int_equal(sent_n, 1);
    assert_int_equal(sent[0].port, 0);
    assert_int_equal(stop(NULL), 0);
}

static void two_ports__one_subnet__first_one_reaches_its_hosts_and_a_line_says_so(void **state)
{
    (void)state;
    uint8_t frame[128];

    start_with(IP(192, 0, 2, 2), 24, 0);
    assert_non_null(machine_log_has("port1: 192.0.2.0/24 is the subnet of port0 too: its hosts are "
                                    "reached by port0"));
    make(frame, 100, IP(192, 0, 2, 20), 0);
    give(frame, 100); /* by port 0 to port 0, with a redirect */
    assert_int_equal(sent_n, 2);
    assert_int_equal(sent[0].port, 0);
    assert_int_equal(sent[1].port, 0);
    make(frame, 100, IP(10, 1, 0, 1), 0); /* by a gateway of the subnet */
    give(frame, 100);
    assert_int_equal(sent[sent_n - 1].port, 0);
    make_ping(1, frame, HOST_IP, IP(192, 0, 2, 2)); /* its address answers */
    give_by(1, frame, 100);
    assert_int_equal(sent_n, 1);
    assert_int_equal(sent[0].port, 1);
    assert_int_equal(stop(NULL), 0);
}

static void two_ports__one_subnet_in_the_other__smaller_one_reaches_its_hosts(void **state)
{
    (void)state;
    uint8_t frame[128];
    struct route_line line = {.prefix = IP(10, 9, 0, 0),
                              .bits = 16,
                              .via = ROUTE_VIA_GATEWAY,
                              .gateway = IP(203, 0, 113, 10)};

    start_with(IP(203, 0, 0, 1), 16, 0);
    assert_null(machine_log_has("is the subnet of"));
    assert_null(router_add(&line));
    routes_work(&routes, ~0u);
    pass(SECOND);
    make(frame, 100, IP(203, 0, 113, 10), 0);
    give(frame, 100);
    is_forwarded(frame, 100, 2, IP(203, 0, 113, 10));
    make(frame, 100, IP(10, 9, 0, 1), 0);
    give(frame, 100);
    is_forwarded(frame, 100, 2, IP(203, 0, 113, 10));
    assert_int_equal(stop(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_local__source_or_destination__is_not_forwarded),
        cmocka_unit_test(link_local__subnet_of_a_port__is_answered_and_not_forwarded_to),
        cmocka_unit_test(address_alone__gateway_outside_of_it__is_found_and_used),
        cmocka_unit_test(two_ports__one_subnet__first_one_reaches_its_hosts_and_a_line_says_so),
        cmocka_unit_test(two_ports__one_subnet_in_the_other__smaller_one_reaches_its_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
