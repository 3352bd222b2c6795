/* SPDX-License-Identifier: BSD-2-Clause
 * RFC 1812, sections 4 and 5: what a router must and must not do. Each test has the number of its
 * section in its name; tests/rfc/rfc1812.tsv lists the requirements. Every frame goes through the
 * whole of app=route: the driver, three model cards, the fast and the slow path.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/route.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "tests/unit/net/router_host.h"

#define FAR       IP(10, 9, 9, 9)
#define GATEWAY   IP(198, 51, 100, 10)
#define SMALL     IP(10, 2, 0, 1) /* via port 2, MTU 576 */
#define SMALL_VIA IP(203, 0, 113, 10)
#define BACK      IP(10, 1, 0, 1) /* via the port where it came in */
#define OUR_IP    IP(192, 0, 2, 1)

static uint8_t frame[2048];

static void silent(enum drop why)
{
    uint64_t before = dropped(why);

    give(frame, 100);
    assert_int_equal(sent_n, 0);
    assert_int_equal(dropped(why), before + 1);
}

/* Make a datagram with an option of `n` bytes. */
static void make_option(uint32_t length, uint32_t dst, const uint8_t *option, uint32_t n)
{
    make(frame, length, dst, (n + 3) & ~3u);
    memset(frame + 34, 0, (n + 3) & ~3u);
    memcpy(frame + 34, option, n);
    fix_ip(frame);
}

/* ---- 4.2.2: the header ---- */

static void rfc1812_4_2_2_1__unknown_options__pass_unchanged(void **state)
{
    (void)state;
    /* Two undefined ones, router alert, and a stream identifier, which is obsolete. */
    static const uint8_t options[][8] = {{0x5E, 8, 1, 2, 3, 4, 5, 6},
                                         {0xDE, 4, 9, 9, 1, 1, 1, 0},
                                         {148, 4, 0, 0, 1, 1, 1, 1},
                                         {136, 4, 7, 7, 1, 1, 1, 0}};

    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        make_option(100, FAR, options[i], 8);
        give(frame, 100);
        is_forwarded(frame, 100, 1, GATEWAY);
    }
}

static void rfc1812_4_2_2_1__source_routes__refused_with_an_error(void **state)
{
    (void)state;
    static const uint8_t loose[] = {131, 7, 4, 10, 9, 9, 9}, strict[] = {137, 7, 4, 10, 9, 9, 9};

    make_option(100, FAR, loose, 7);
    give(frame, 100);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_SOURCE_ROUTE_FAILED, 0);
    make_option(100, FAR, strict, 7);
    give(frame, 100);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_SOURCE_ROUTE_FAILED, 0);
    assert_int_equal(dropped(DROP_ip_option), 2);
}

static void rfc1812_4_2_2_5__wrong_checksum__silently_dropped(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        make(frame, 100, FAR, 0);
        frame[24 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        silent(DROP_ip_checksum);
        make(frame, 100, FAR, 4); /* takes the slow path */
        frame[24 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        silent(DROP_ip_checksum);
    }
}

/* Check the fragments sent and reassemble them. Returns the payload's length. */
static uint32_t reassemble(unsigned port, uint32_t mtu, uint8_t *payload, bool *more)
{
    uint32_t end = 0;

    for (unsigned i = 0; i < sent_n; i++) {
        const uint8_t *ip = sent[i].bytes + 14;
        uint32_t header = (ip[0] & 15u) * 4, total = wire_get16(ip + 2), n = total - header;
        uint16_t word = wire_get16(ip + 6);
        assert_int_equal(sent[i].port, port);
        assert_true(total <= mtu && 14 + total <= sent[i].length);
        assert_int_equal(slow_check(ip, header), 0);
        assert_int_equal((word & 0x1FFFu) * 8, end);
        *more = word & 0x2000;
        assert_true(*more ? n % 8 == 0 : i == sent_n - 1);
        memcpy(payload + end, ip + header, n);
        end += n;
    }
    return end;
}

static void rfc1812_4_2_2_7__longer_than_the_mtu__fragmented(void **state)
{
    (void)state;
    uint8_t payload[2048];
    bool more;

    for (uint32_t length = 576 + 14 + 1; length <= 1514; length += 37) {
        make(frame, length, SMALL, 0);
        give(frame, length);
        assert_true(sent_n >= 2);
        assert_int_equal(reassemble(2, 576, payload, &more), length - 34);
        assert_memory_equal(payload, frame + 34, length - 34);
        assert_false(more);
    }
}

static void rfc1812_4_2_2_7__fragment_of_a_fragment__offsets_and_flags_continue(void **state)
{
    (void)state;
    uint8_t payload[2048 + 65536];
    bool more;

    make(frame, 1514, SMALL, 0);
    wire_put16(frame + 20, 0x2000 | 185);
    wire_put16(frame + 16, 1492); /* a multiple of 8 after the header */
    fix_ip(frame);
    give(frame, 1506);
    for (unsigned i = 0; i < sent_n; i++) {
        uint16_t word = wire_get16(sent[i].bytes + 20);
        wire_put16(sent[i].bytes + 20, (uint16_t)(word - 185)); /* as `reassemble` counts them */
        fix_ip(sent[i].bytes);
    }
    assert_int_equal(reassemble(2, 576, payload, &more), 1472);
    assert_memory_equal(payload, frame + 34, 1472);
    assert_true(more); /* it is not the last of the datagram */
}

static void rfc1812_4_2_2_8__fragments_for_us__reassembled(void **state)
{
    (void)state;
    enum { FIRST = 1480, ALL = 2008 };
    static const uint32_t ours[] = {OUR_IP, IP(198, 51, 100, 1)};
    uint8_t echo[ALL], payload[4096];
    bool more;

    for (unsigned i = 0; i < ARRAY_SIZE(ours); i++) {
        for (unsigned k = 0; k < ALL; k++)
            echo[k] = (uint8_t)(k * 7);
        memset(echo, 0, 4);
        echo[0] = 8;
        wire_put16(echo + 2, slow_check(echo, ALL));
        make(frame, 34 + FIRST, ours[i], 0);
        frame[23] = 1;
        frame[20] = 0x20;
        memcpy(frame + 34, echo, FIRST);
        fix_ip(frame);
        give(frame, 34 + FIRST);
        assert_int_equal(sent_n, 0);
        make(frame, 34 + ALL - FIRST, ours[i], 0);
        frame[23] = 1;
        wire_put16(frame + 20, FIRST / 8);
        memcpy(frame + 34, echo + FIRST, ALL - FIRST);
        fix_ip(frame);
        give(frame, 34 + ALL - FIRST);
        assert_int_equal(reassemble(0, 1500, payload, &more), ALL);
        assert_int_equal(wire_get32(sent[0].bytes + 26), ours[i]);
        assert_int_equal(payload[0], 0);
        assert_memory_equal(payload + 4, echo + 4, ALL - 4);
        assert_int_equal(slow_check(payload, ALL), 0);
    }
}

static void rfc1812_4_2_2_9__ttl_0_and_1_to_us__received(void **state)
{
    (void)state;
    for (unsigned ttl = 0; ttl < 2; ttl++)
        for (unsigned port = 0; port < 2; port++) {
            make(frame, 100, port ? IP(198, 51, 100, 1) : OUR_IP, 0);
            frame[22] = (uint8_t)ttl;
            frame[23] = 1; /* an echo */
            memset(frame + 34, 0, 66);
            frame[34] = 8;
            wire_put16(frame + 36, slow_check(frame + 34, 66));
            fix_ip(frame);
            give(frame, 100);
            assert_int_equal(sent_n, 1);
            assert_int_equal(sent[0].bytes[34], 0);
            assert_int_equal(wire_get32(sent[0].bytes + 26), wire_get32(frame + 30));
        }
}

static void rfc1812_4_2_2_9__small_ttl__nothing_sent_with_ttl_0(void **state)
{
    (void)state;
    for (unsigned ttl = 0; ttl < 4; ttl++)
        for (unsigned options = 0; options < 8; options += 4) {
            make(frame, 100, FAR, options);
            frame[22] = (uint8_t)ttl;
            fix_ip(frame);
            give(frame, 100);
            for (unsigned i = 0; i < sent_n; i++)
                assert_true(sent[i].bytes[22] > 0);
        }
}

static void rfc1812_4_2_2_11__invalid_destinations__not_forwarded(void **state)
{
    (void)state;
    static const uint32_t never[] = {IP(0, 0, 0, 1),   IP(0, 255, 1, 1),
                                     IP(127, 0, 0, 1), IP(127, 255, 255, 254),
                                     IP(240, 0, 0, 1), IP(255, 255, 255, 254)};

    for (unsigned i = 0; i < ARRAY_SIZE(never); i++) {
        make(frame, 100, never[i], 0);
        silent(DROP_route_never);
    }
}

/* ---- 4.2.3: broadcasts, path MTU ---- */

static void rfc1812_4_2_3_1__broadcasts_of_our_nets__not_forwarded(void **state)
{
    (void)state;
    static const uint32_t many[] = {IP(192, 0, 2, 255), IP(192, 0, 2, 0), IP(198, 51, 100, 255),
                                    IP(198, 51, 100, 0), IP(255, 255, 255, 255)};

    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        make(frame, 100, many[i], 0);
        silent(DROP_ip_broadcast);
    }
}

static void rfc1812_4_2_3_3__too_big_with_df__error_has_the_mtu(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {591, 1000, 1514};

    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        make(frame, lengths[i], SMALL, 0);
        frame[20] = 0x40;
        fix_ip(frame);
        give(frame, lengths[i]);
        assert_int_equal(sent_n, 1);
        is_error(0, frame, ICMP_UNREACHABLE, ICMP_TOO_BIG, 576);
    }
    assert_int_equal(dropped(DROP_route_too_big), 3);
    make(frame, 590, SMALL, 0); /* exactly the MTU */
    frame[20] = 0x40;
    fix_ip(frame);
    give(frame, 590);
    is_forwarded(frame, 590, 2, SMALL_VIA);
}

/* ---- 4.3.2: errors in general ---- */

static void rfc1812_4_3_2_3__error__quotes_the_datagram_unchanged(void **state)
{
    (void)state;
    for (uint32_t length = 60; length <= 1514; length += 97) {
        make(frame, length, IP(172, 16, 0, 1), 0);
        give(frame, length);
        is_error(0, frame, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
    }
}

static void rfc1812_4_3_2_4__error__has_the_output_ports_address(void **state)
{
    (void)state;
    make(frame, 100, IP(172, 16, 0, 1), 0);
    memcpy(frame, ports[2].mac, 6);
    mac_of(2, SMALL_VIA, frame + 6);
    wire_put32(frame + 26, IP(10, 2, 7, 7));
    fix_ip(frame);
    give_by(2, frame, 100);
    assert_int_equal(sent_n, 1);
    assert_int_equal(sent[0].port, 2);
    assert_int_equal(wire_get32(sent[0].bytes + 26), IP(203, 0, 113, 1));
    assert_memory_equal(sent[0].bytes, frame + 6, 6);
}

static void rfc1812_4_3_2_7__icmp_error__causes_no_error(void **state)
{
    (void)state;
    static const uint8_t errors[] = {3, 4, 5, 11, 12, 99};

    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        make(frame, 100, IP(172, 16, 0, 1), 0);
        frame[23] = 1;
        frame[34] = errors[i];
        fix_ip(frame);
        silent(DROP_route_none);
    }
    make(frame, 100, IP(172, 16, 0, 1), 0);
    frame[23] = 1;
    frame[34] = 8; /* an error about an echo is allowed */
    fix_ip(frame);
    give(frame, 100);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
}

static void rfc1812_4_3_2_7__bad_header__causes_no_error(void **state)
{
    (void)state;
    make(frame, 100, IP(172, 16, 0, 1), 0);
    frame[25] ^= 1;
    silent(DROP_ip_checksum);
    make(frame, 100, IP(172, 16, 0, 1), 0);
    frame[14] = 0x65;
    fix_ip(frame);
    silent(DROP_ip_header);
}

static void rfc1812_4_3_2_7__broadcast_or_multicast__causes_no_error(void **state)
{
    (void)state;
    make(frame, 100, IP(224, 0, 0, 9), 0);
    silent(DROP_ip_broadcast);
    make(frame, 100, IP(198, 51, 100, 255), 0);
    silent(DROP_ip_broadcast);
    make(frame, 100, IP(172, 16, 0, 1), 0);
    memset(frame, 0xFF, 6);
    silent(DROP_ip_not_ours);
}

static void rfc1812_4_3_2_7__invalid_source__causes_no_error(void **state)
{
    (void)state;
    static const uint32_t invalid[] = {0,
                                       IP(0, 1, 2, 3),
                                       IP(127, 0, 0, 1),
                                       IP(224, 0, 0, 1),
                                       IP(255, 255, 255, 255),
                                       IP(192, 0, 2, 255),
                                       IP(198, 51, 100, 255)};

    for (unsigned i = 0; i < ARRAY_SIZE(invalid); i++) {
        make(frame, 100, IP(172, 16, 0, 1), 0);
        wire_put32(frame + 26, invalid[i]);
        fix_ip(frame);
        silent(DROP_ip_source);
    }
}

static void rfc1812_4_3_2_7__later_fragment__causes_no_error(void **state)
{
    (void)state;
    make(frame, 100, IP(172, 16, 0, 1), 0);
    wire_put16(frame + 20, 3);
    fix_ip(frame);
    silent(DROP_route_none);
    make(frame, 100, IP(172, 16, 0, 1), 0);
    wire_put16(frame + 20, 0x2000); /* an error about the first is allowed */
    fix_ip(frame);
    give(frame, 100);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
}

static void rfc1812_4_3_2_8__many_errors__are_rate_limited(void **state)
{
    (void)state;
    unsigned errors = 0;

    for (unsigned i = 0; i < 200; i++) {
        make(frame, 100, IP(172, 16, 0, 1), 0);
        give(frame, 100);
        errors += sent_n;
    }
    assert_in_range(errors, ICMP_BURST, ICMP_BURST + 5);
    assert_int_equal(dropped(DROP_route_none), 200);
}

/* ---- 4.3.3: errors one by one ---- */

static void rfc1812_4_3_3_5__bad_option__parameter_problem_points_at_it(void **state)
{
    (void)state;
    static const struct {
        uint8_t option[8], n, pointer;
    } bad[] = {
        {{0x5E, 1, 0, 0}, 4, 21},              /* a length that no option has */
        {{0x5E, 12, 0, 0}, 4, 21},             /* longer than the header */
        {{7, 7, 3, 0, 0, 0, 0}, 7, 22},        /* record route: before its first slot */
        {{7, 7, 5, 0, 0, 0, 0}, 7, 22},        /* room for half an address */
        {{68, 8, 4, 0, 0, 0, 0, 0}, 8, 22},    /* time stamp: before its first slot */
        {{68, 8, 9, 0xF0, 0, 0, 0, 0}, 8, 23}, /* the overflow counter is full */
        {{68, 8, 5, 0x02, 0, 0, 0, 0}, 8, 23}, /* an undefined kind */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        make_option(100, FAR, bad[i].option, bad[i].n);
        give(frame, 100);
        assert_int_equal(sent_n, 1);
        is_error(0, frame, ICMP_PARAMETER, 0, (uint32_t)bad[i].pointer << 24);
    }
    assert_int_equal(dropped(DROP_ip_option), ARRAY_SIZE(bad));
}

static void rfc1812_4_3_3_6__echo_to_any_of_our_addresses__answered(void **state)
{
    (void)state;
    static const uint32_t ours[] = {OUR_IP, IP(198, 51, 100, 1), IP(203, 0, 113, 1)};

    for (unsigned i = 0; i < ARRAY_SIZE(ours); i++) {
        make(frame, 98, ours[i], 0);
        frame[23] = 1;
        frame[34] = 8;
        frame[35] = 0;
        wire_put16(frame + 36, 0);
        wire_put16(frame + 36, slow_check(frame + 34, 64));
        fix_ip(frame);
        give(frame, 98);
        assert_int_equal(sent_n, 1);
        assert_int_equal(sent[0].port, 0);
        assert_memory_equal(sent[0].bytes, frame + 6, 6);
        assert_memory_equal(sent[0].bytes + 6, ports[0].mac, 6);
        assert_int_equal(wire_get32(sent[0].bytes + 26), ours[i]);
        assert_int_equal(wire_get32(sent[0].bytes + 30), HOST_IP);
        assert_int_equal(sent[0].bytes[34], 0);
        assert_memory_equal(sent[0].bytes + 38, frame + 38, 60);
    }
}

/* ---- 5.2: the forwarding steps ---- */

static void rfc1812_5_2_2__bad_headers__discarded(void **state)
{
    (void)state;
    make(frame, 100, FAR, 0);
    frame[14] = 0x65; /* version 6 */
    fix_ip(frame);
    silent(DROP_ip_header);
    make(frame, 100, FAR, 0);
    frame[14] = 0x44; /* a header of 16 bytes */
    silent(DROP_ip_header);
    make(frame, 100, FAR, 0);
    wire_put16(frame + 16, 19); /* shorter than the header */
    fix_ip(frame);
    silent(DROP_ip_header);
    make(frame, 100, FAR, 0);
    wire_put16(frame + 16, 87); /* longer than the frame */
    fix_ip(frame);
    silent(DROP_ip_header);
    make(frame, 100, FAR, 8);
    wire_put16(frame + 16, 24); /* shorter than the header with its options */
    fix_ip(frame);
    silent(DROP_ip_header);
}

static void rfc1812_5_2_4__longest_match__decides(void **state)
{
    (void)state;
    make(frame, 100, IP(10, 4, 4, 1), 0);
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 11));
    make(frame, 100, IP(10, 4, 4, 129), 0);
    give(frame, 100);
    is_forwarded(frame, 100, 1, GATEWAY);
    make(frame, 100, SMALL, 0);
    give(frame, 100);
    is_forwarded(frame, 100, 2, SMALL_VIA);
}

static void rfc1812_5_2_5__reserved_bits__ignored_kept_and_copied(void **state)
{
    (void)state;
    for (unsigned options = 0; options < 8; options += 4) {
        make(frame, 100, FAR, options);
        frame[15] = 0x03;
        frame[20] = 0x80;
        fix_ip(frame);
        give(frame, 100);
        is_forwarded(frame, 100, 1, GATEWAY);
    }
    make(frame, 1000, SMALL, 0);
    frame[15] = 0x01;
    frame[20] = 0x80;
    fix_ip(frame);
    give(frame, 1000);
    assert_int_equal(sent_n, 2);
    for (unsigned i = 0; i < sent_n; i++) {
        assert_int_equal(sent[i].bytes[15], 0x01);
        assert_int_equal(sent[i].bytes[20] & 0x80, 0x80);
    }
}

static void rfc1812_5_2_6__fragments__forwarded_without_reassembly(void **state)
{
    (void)state;
    static const uint16_t words[] = {0x2000, 0x2010, 0x0020, 0x4000, 0x6000};

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        make(frame, 114, FAR, 0);
        wire_put16(frame + 20, words[i]);
        fix_ip(frame);
        give(frame, 114);
        is_forwarded(frame, 114, 1, GATEWAY);
    }
}

static void rfc1812_5_2_6__options_of_fragments__copied_by_copy_flag(void **state)
{
    (void)state;
    static const uint8_t options[] = {0x5E, 4, 1, 1, 0xDE, 4, 2, 2}; /* not copied; copied */

    make_option(1200, SMALL, options, 8);
    give(frame, 1200);
    assert_int_equal(sent_n, 3);
    assert_int_equal(sent[0].bytes[14], 0x47);
    assert_memory_equal(sent[0].bytes + 34, options, 8);
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(sent[i].bytes[14], 0x46);
        assert_memory_equal(sent[i].bytes + 34, options + 4, 4);
    }
}

static void rfc1812_5_2_7_1__no_route__net_unreachable(void **state)
{
    (void)state;
    make(frame, 100, IP(172, 16, 0, 1), 0);
    give(frame, 100);
    assert_int_equal(sent_n, 1);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
    assert_int_equal(dropped(DROP_route_none), 1);
}

static void rfc1812_5_2_7_1__neighbour_does_not_answer__host_unreachable(void **state)
{
    (void)state;
    make(frame, 100, IP(198, 51, 100, 77), 0);
    give(frame, 100);
    assert_int_equal(sent_n, 0);
    pass(4 * SECOND);
    assert_int_equal(sent_n, 1);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
    assert_int_equal(dropped(DROP_route_no_host), 1);
}

static void rfc1812_5_2_7_1__reject_route__prohibited(void **state)
{
    (void)state;
    make(frame, 100, IP(10, 3, 1, 1), 0);
    give(frame, 100);
    is_error(0, frame, ICMP_UNREACHABLE, ICMP_FILTERED, 0);
    assert_int_equal(dropped(DROP_route_reject), 1);
}

static void rfc1812_5_2_7_2__received_redirect__changes_no_route(void **state)
{
    (void)state;
    const uint32_t dst = IP(10, 9, 9, 9), gateway = IP(198, 51, 100, 10);
    struct netif *nif = ports[1].netif;
    uint8_t quote[28], echo[128];

    for (unsigned code = 0; code < 4; code++) {
        /* About our ping under way, from the gateway that it was sent to. */
        (void)netif_ping(nif, echo, ports[1].mac, dst, 7, 1, 56);
        memcpy(quote, echo + 14, 28);
        make(frame, 70, nif->ip, 0);
        memcpy(frame, ports[1].mac, 6);
        mac_of(1, gateway, frame + 6);
        wire_put32(frame + 26, gateway);
        frame[23] = 1;
        memset(frame + 34, 0, 8);
        frame[34] = ICMP_REDIRECT;
        frame[35] = (uint8_t)code;
        wire_put32(frame + 38, IP(198, 51, 100, 30));
        memcpy(frame + 42, quote, 28);
        wire_put16(frame + 36, slow_check(frame + 34, 36));
        fix_ip(frame);
        give_by(1, frame, 70);
        assert_int_equal(sent_n, 0);
        make(frame, 100, dst, 0);
        give(frame, 100);
        is_forwarded(frame, 100, 1, gateway);
    }
}

static void rfc1812_5_2_7_2__output_is_input_port__redirect_for_the_host(void **state)
{
    (void)state;
    make(frame, 100, BACK, 0);
    give(frame, 100);
    assert_int_equal(sent_n, 2);
    is_error(0, frame, ICMP_REDIRECT, ICMP_REDIRECT_HOST, IP(192, 0, 2, 20));
    sent[0] = sent[1]; /* and the datagram is forwarded */
    sent_n = 1;
    is_forwarded(frame, 100, 0, IP(192, 0, 2, 20));
    /* No redirect to a source outside this net. */
    make(frame, 100, BACK, 0);
    wire_put32(frame + 26, IP(172, 31, 0, 1));
    fix_ip(frame);
    give(frame, 100);
    is_forwarded(frame, 100, 0, IP(192, 0, 2, 20));
}

/* ---- 5.3: details ---- */

static void rfc1812_5_3_1__ttl__decremented_by_one(void **state)
{
    (void)state;
    for (unsigned ttl = 2; ttl < 256; ttl++) {
        make(frame, 100, FAR, 0);
        frame[22] = (uint8_t)ttl;
        fix_ip(frame);
        give(frame, 100);
        is_forwarded(frame, 100, 1, GATEWAY); /* also if the next router must drop it */
    }
}

static void rfc1812_5_3_1__ttl_expired__time_exceeded(void **state)
{
    (void)state;
    for (unsigned ttl = 0; ttl < 2; ttl++) {
        make(frame, 100, FAR, 0);
        frame[22] = (uint8_t)ttl;
        fix_ip(frame);
        give(frame, 100);
        assert_int_equal(sent_n, 1);
        is_error(0, frame, ICMP_TIME_EXCEEDED, ICMP_TTL_EXCEEDED, 0);
    }
    assert_int_equal(dropped(DROP_route_ttl), 2);
}

static void rfc1812_5_3_3_2__precedence_and_tos__unchanged(void **state)
{
    (void)state;
    for (unsigned tos = 0; tos < 256; tos++) {
        make(frame, 100, FAR, 0);
        frame[15] = (uint8_t)tos;
        fix_ip(frame);
        give(frame, 100);
        is_forwarded(frame, 100, 1, GATEWAY);
    }
}

static void rfc1812_5_3_4__link_layer_broadcast__not_forwarded(void **state)
{
    (void)state;
    make(frame, 100, FAR, 0);
    memset(frame, 0xFF, 6);
    silent(DROP_ip_not_ours);
}

static void rfc1812_5_3_5_1__limited_broadcast__not_forwarded(void **state)
{
    (void)state;
    make(frame, 100, 0xFFFFFFFF, 0);
    memset(frame, 0xFF, 6);
    silent(DROP_ip_broadcast);
}

static void rfc1812_5_3_5_2__directed_broadcast__not_forwarded(void **state)
{
    (void)state;
    make(frame, 100, IP(203, 0, 113, 255), 0);
    silent(DROP_ip_broadcast);
}

static void rfc1812_5_3_7__invalid_sources__not_forwarded(void **state)
{
    (void)state;
    static const uint32_t invalid[] = {IP(0, 0, 0, 7),   IP(127, 1, 2, 3),      IP(224, 9, 9, 9),
                                       IP(250, 0, 0, 1), IP(198, 51, 100, 255), IP(192, 0, 2, 0)};

    for (unsigned i = 0; i < ARRAY_SIZE(invalid); i++) {
        make(frame, 100, FAR, 0);
        wire_put32(frame + 26, invalid[i]);
        fix_ip(frame);
        silent(DROP_ip_source);
    }
}

static void rfc1812_5_3_13_1__unknown_option__ignored(void **state)
{
    (void)state;
    static const uint8_t option[] = {0x1F, 6, 0xAA, 0xBB, 0xCC, 0xDD};

    make_option(100, FAR, option, 6);
    give(frame, 100);
    is_forwarded(frame, 100, 1, GATEWAY);
}

static void rfc1812_5_3_13_5__record_route__our_address_is_entered(void **state)
{
    (void)state;
    static const uint8_t option[] = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    make_option(100, FAR, option, 12);
    give(frame, 100);
    assert_int_equal(sent_n, 1);
    wire_put32(frame + 37, IP(198, 51, 100, 1)); /* of the output port */
    frame[36] = 8;
    is_forwarded(frame, 100, 1, GATEWAY);
    frame[36] = 8; /* the last slot */
    fix_ip(frame);
    give(frame, 100);
    wire_put32(frame + 41, IP(198, 51, 100, 1));
    frame[36] = 12;
    is_forwarded(frame, 100, 1, GATEWAY);
    fix_ip(frame);
    give(frame, 100); /* no room left: unchanged */
    is_forwarded(frame, 100, 1, GATEWAY);
}

static void rfc1812_5_3_13_6__time_stamp__each_kind(void **state)
{
    (void)state;
    static const uint8_t only[] = {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t address[] = {68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t ours[] = {68, 12, 5, 3, 203, 0, 113, 1, 0, 0, 0, 0};
    static const uint8_t others[] = {68, 12, 5, 3, 203, 0, 113, 2, 0, 0, 0, 0};
    static const uint8_t full[] = {68, 8, 9, 0x10, 1, 2, 3, 4};
    const uint8_t *out = sent[0].bytes + 34;

    make_option(100, FAR, only, 12);
    give(frame, 100);
    assert_int_equal(out[2], 9);
    assert_true(wire_get32(out + 4) >> 31); /* not milliseconds since midnight */
    assert_int_equal(wire_get32(out + 8), 0);
    make_option(100, FAR, address, 12);
    give(frame, 100);
    assert_int_equal(out[2], 13);
    assert_int_equal(wire_get32(out + 4), IP(198, 51, 100, 1));
    assert_true(wire_get32(out + 8) >> 31);
    make_option(100, FAR, ours, 12); /* of a third port */
    give(frame, 100);
    assert_int_equal(out[2], 13);
    assert_true(wire_get32(out + 8) >> 31);
    make_option(100, FAR, others, 12);
    give(frame, 100);
    is_forwarded(frame, 100, 1, GATEWAY);
    make_option(100, FAR, full, 8);
    give(frame, 100);
    frame[37] = 0x20; /* overflow counter */
    is_forwarded(frame, 100, 1, GATEWAY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(rfc1812_4_2_2_1__unknown_options__pass_unchanged),
        TEST(rfc1812_4_2_2_1__source_routes__refused_with_an_error),
        TEST(rfc1812_4_2_2_5__wrong_checksum__silently_dropped),
        TEST(rfc1812_4_2_2_7__longer_than_the_mtu__fragmented),
        TEST(rfc1812_4_2_2_7__fragment_of_a_fragment__offsets_and_flags_continue),
        TEST(rfc1812_4_2_2_8__fragments_for_us__reassembled),
        TEST(rfc1812_4_2_2_9__ttl_0_and_1_to_us__received),
        TEST(rfc1812_4_2_2_9__small_ttl__nothing_sent_with_ttl_0),
        TEST(rfc1812_4_2_2_11__invalid_destinations__not_forwarded),
        TEST(rfc1812_4_2_3_1__broadcasts_of_our_nets__not_forwarded),
        TEST(rfc1812_4_2_3_3__too_big_with_df__error_has_the_mtu),
        TEST(rfc1812_4_3_2_3__error__quotes_the_datagram_unchanged),
        TEST(rfc1812_4_3_2_4__error__has_the_output_ports_address),
        TEST(rfc1812_4_3_2_7__icmp_error__causes_no_error),
        TEST(rfc1812_4_3_2_7__bad_header__causes_no_error),
        TEST(rfc1812_4_3_2_7__broadcast_or_multicast__causes_no_error),
        TEST(rfc1812_4_3_2_7__invalid_source__causes_no_error),
        TEST(rfc1812_4_3_2_7__later_fragment__causes_no_error),
        TEST(rfc1812_4_3_2_8__many_errors__are_rate_limited),
        TEST(rfc1812_4_3_3_5__bad_option__parameter_problem_points_at_it),
        TEST(rfc1812_4_3_3_6__echo_to_any_of_our_addresses__answered),
        TEST(rfc1812_5_2_2__bad_headers__discarded),
        TEST(rfc1812_5_2_4__longest_match__decides),
        TEST(rfc1812_5_2_5__reserved_bits__ignored_kept_and_copied),
        TEST(rfc1812_5_2_6__fragments__forwarded_without_reassembly),
        TEST(rfc1812_5_2_6__options_of_fragments__copied_by_copy_flag),
        TEST(rfc1812_5_2_7_1__no_route__net_unreachable),
        TEST(rfc1812_5_2_7_1__neighbour_does_not_answer__host_unreachable),
        TEST(rfc1812_5_2_7_1__reject_route__prohibited),
        TEST(rfc1812_5_2_7_2__received_redirect__changes_no_route),
        TEST(rfc1812_5_2_7_2__output_is_input_port__redirect_for_the_host),
        TEST(rfc1812_5_3_1__ttl__decremented_by_one),
        TEST(rfc1812_5_3_1__ttl_expired__time_exceeded),
        TEST(rfc1812_5_3_3_2__precedence_and_tos__unchanged),
        TEST(rfc1812_5_3_4__link_layer_broadcast__not_forwarded),
        TEST(rfc1812_5_3_5_1__limited_broadcast__not_forwarded),
        TEST(rfc1812_5_3_5_2__directed_broadcast__not_forwarded),
        TEST(rfc1812_5_3_7__invalid_sources__not_forwarded),
        TEST(rfc1812_5_3_13_1__unknown_option__ignored),
        TEST(rfc1812_5_3_13_5__record_route__our_address_is_entered),
        TEST(rfc1812_5_3_13_6__time_stamp__each_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
