/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/lib/parse.c: words that are accepted, words that are refused (*out stays unchanged), and
 * the edit distance of words.
 *
 * links: kernel/lib/parse.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lib/parse.h"

#define UNTOUCHED 0x5555555555555555u

static void u64__good_words__give_their_value(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        uint64_t value;
    } good[] = {
        {"0", 0},
        {"007", 7},
        {"115200", 115200},
        {"0x0", 0},
        {"0XfF", 255},
        {"4k", 4000},
        {"4K", 4000},
        {"2m", 2000000},
        {"1G", 1000000000},
        {"0x10k", 16000},
        {"18446744073709551615", UINT64_MAX},
        {"0xffffffffffffffff", UINT64_MAX},
        {"18446744073g", 18446744073ull * 1000000000},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t v = UNTOUCHED;
        assert_true(parse_u64(good[i].word, &v));
        assert_int_equal(v, good[i].value);
    }
}

static void u64__bad_words__are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "k",
        "0x",
        "x10",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1kk",
        "1kb",
        "1t",
        "12a",
        "0b1",
        "1.5",
        "18446744073709551616",
        "0x10000000000000000",
        "18446744074g",
        "99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t v = UNTOUCHED;
        assert_false(parse_u64(bad[i], &v));
        assert_int_equal(v, UNTOUCHED);
    }
}

static void ipv4__words__are_accepted_or_refused(void **state)
{
    (void)state;
    be32_t a;
    assert_true(parse_ipv4("192.0.2.1", &a));
    assert_int_equal(be32_get(a), 0xC0000201);
    assert_memory_equal(&a, "\xC0\x00\x02\x01", 4);
    assert_true(parse_ipv4("0.0.0.0", &a));
    assert_true(parse_ipv4("255.255.255.255", &a));
    static const char *const bad[] = {
        "",        "1",        "1.2.3",     "1.2.3.4.5", "256.1.1.1",       "1.2.3.4 ", " 1.2.3.4",
        "1..2.3",  ".1.2.3.4", "1.2.3.",    "01.2.3.4",  "1.2.3.00",        "a.b.c.d",  "1.2.3.4/8",
        "1,2,3,4", "1.2.3.-4", "0x1.2.3.4", "1.2.3.4k",  "4294967297.1.1.1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        a.v = 0x55555555;
        assert_false(parse_ipv4(bad[i], &a));
        assert_int_equal(a.v, 0x55555555);
    }
}

static void card__words__are_accepted_or_refused(void **state)
{
    (void)state;
    struct card_name c;
    assert_true(parse_card("0000:03:00.0", &c));
    assert_false(c.is_mac);
    assert_int_equal(c.segment << 24 | c.bus << 16 | c.device << 8 | c.function, 0x030000);
    assert_true(parse_card("3:1f.7", &c));
    assert_int_equal(c.segment << 24 | c.bus << 16 | c.device << 8 | c.function, 0x031F07);
    assert_true(parse_card("10:fe:02.1", &c));
    assert_int_equal(c.segment, 0x10);
    assert_int_equal(c.bus << 16 | c.device << 8 | c.function, 0xFE0201);
    assert_true(parse_card("02:0A:00:00:00:fF", &c));
    assert_true(c.is_mac);
    assert_memory_equal(c.mac, "\x02\x0A\x00\x00\x00\xFF", 6);
    static const char *const bad[] = {"",
                                      ":",
                                      "03",
                                      "03:00",
                                      "03:00.8",
                                      "03:20.0",
                                      "103:00.0",
                                      "03:00.0 ",
                                      "03:00.00",
                                      "03.00:0",
                                      "0:0:0:0.0",
                                      "00000:03:00.0",
                                      "10000:3:0.0",
                                      "02:00:00:00:00",
                                      "02:00:00:00:00:01:02",
                                      "02:00:00:00:00:100",
                                      "02:00:00:00:00:0g",
                                      "02-00-00-00-00-01",
                                      "x03:00.0",
                                      "0x3:00.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(&c, 0x55, sizeof c);
        assert_false(parse_card(bad[i], &c));
        assert_int_equal(c.bus, 0x55);
    }
}

static void neighbour__words__are_accepted_or_refused(void **state)
{
    static const char *const bad[] = {
        "",
        ",",
        "192.0.2.7",
        "192.0.2.7,",
        ",02:00:00:00:00:07",
        "192.0.2.7 02:00:00:00:00:07",
        "192.0.2.7,02:00:00:00:00",
        "192.0.2.7,02:00:00:00:00:07:08",
        "192.0.2.7,02:00:00:00:00:07,",
        "192.0.2.7,02:00:00:00:00:007",
        "192.0.2.7,02-00-00-00-00-07",
        "192.0.2.256,02:00:00:00:00:07",
        "192.0.2.7/32,02:00:00:00:00:07",
        "192.000.002.007,02:00:00:00:00:07",
        "192.0.2.7.192.0.2.7.192.0.2.7,02:00:00:00:00:07",
    };
    be32_t ip = {0};
    uint8_t mac[6] = {1, 2, 3, 4, 5, 6};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(parse_neighbour(bad[i], &ip, mac));
        assert_int_equal(be32_get(ip), 0);
        assert_memory_equal(mac, "\1\2\3\4\5\6", 6);
    }
    assert_true(parse_neighbour("192.0.2.7,2:0:00:aB:00:07", &ip, mac));
    assert_int_equal(be32_get(ip), 0xC0000207);
    assert_memory_equal(mac, "\x02\0\0\xAB\0\x07", 6);
}

static void prefix__words__are_accepted_or_refused(void **state)
{
    (void)state;
    struct ipv4_prefix p;
    assert_true(parse_prefix("192.0.2.1/24", &p));
    assert_int_equal(be32_get(p.address), 0xC0000201);
    assert_int_equal(p.bits, 24);
    assert_true(parse_prefix("0.0.0.0/0", &p));
    assert_int_equal(p.bits, 0);
    assert_true(parse_prefix("10.0.0.1", &p));
    assert_int_equal(p.bits, 32);
    static const char *const bad[] = {"192.0.2.1/",    "192.0.2.1/33", "192.0.2.1/24x",
                                      "/24",           "192.0.2.1/-1", "192.0.2/24",
                                      "192.0.2.1//24", "192.0.2.1/024"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        p.bits = 77;
        assert_false(parse_prefix(bad[i], &p));
        assert_int_equal(p.bits, 77);
    }
}

static void prefixes__words__are_accepted_or_refused(void **state)
{
    (void)state;
    struct ipv4_prefix p[PREFIXES_MAX];
    unsigned n = 77;
    assert_true(parse_prefixes("10.0.0.0/24,192.0.2.1,0.0.0.0/0", p, &n));
    assert_int_equal(n, 3);
    assert_int_equal(be32_get(p[0].address), 0x0A000000);
    assert_int_equal(be32_get(p[1].address), 0xC0000201);
    assert_int_equal(p[0].bits << 16 | p[1].bits << 8 | p[2].bits, 24 << 16 | 32 << 8);
    assert_true(parse_prefixes("192.0.2.1", p, &n));
    assert_int_equal(n, 1);
    assert_true(parse_prefixes("1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5,1.0.0.6,1.0.0.7,1.0.0.8,"
                               "1.0.0.9,1.0.0.10,1.0.0.11,1.0.0.12,1.0.0.13,1.0.0.14,1.0.0.15,"
                               "1.0.0.16",
                               p, &n));
    assert_int_equal(n, PREFIXES_MAX);
    static const char *const bad[] = {
        "",
        ",",
        "10.0.0.0/24,",
        ",10.0.0.0/24",
        "10.0.0.0/24,,10.0.0.1",
        "10.0.0.0/24 10.0.0.1",
        "10.0.0.0/33,10.0.0.1",
        "10.0.0.1,10.0.0.0/24x",
        "10.0.0.1,10.0.0.256",
        "1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5,1.0.0.6,1.0.0.7,1.0.0.8,"
        "1.0.0.9,1.0.0.10,1.0.0.11,1.0.0.12,1.0.0.13,1.0.0.14,1.0.0.15,1.0.0.16,1.0.0.17"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        n = 77;
        assert_false(parse_prefixes(bad[i], p, &n));
        assert_int_equal(n, 77);
    }
}

static void enum__words__match_only_in_full(void **state)
{
    (void)state;
    unsigned v = 77;
    assert_true(parse_enum("halt", "halt|reboot|exit", &v));
    assert_int_equal(v, 0);
    assert_true(parse_enum("exit", "halt|reboot|exit", &v));
    assert_int_equal(v, 2);
    v = 77;
    assert_false(parse_enum("", "halt|reboot|exit", &v));
    assert_false(parse_enum("hal", "halt|reboot|exit", &v));
    assert_false(parse_enum("halts", "halt|reboot|exit", &v));
    assert_false(parse_enum("halt|reboot", "halt|reboot|exit", &v));
    assert_false(parse_enum("Halt", "halt|reboot|exit", &v));
    assert_int_equal(v, 77);
}

static void port__words__are_accepted_or_refused(void **state)
{
    static const char *const bad[] = {
        "",         "port",       "port.1",    "port0.",
        "port0.0",  "port0.4095", "port32",    "port1x",
        "prt1",     "port1.2.3",  "port1.x",   "port-1",
        "port1.1 ", " port1",     "port0.0x1", "port18446744073709551616"};
    unsigned port = 77, vlan = 77;
    (void)state;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(parse_port(bad[i], &port, &vlan));
    assert_true(port == 77 && vlan == 77);
    assert_true(parse_port("port0", &port, &vlan) && port == 0 && vlan == 0);
    assert_true(parse_port("port31.4094", &port, &vlan) && port == 31 && vlan == 4094);
    assert_true(parse_port("port2.1", &port, &vlan) && port == 2 && vlan == 1);
}

static void distance__words__is_levenshteins(void **state)
{
    (void)state;
    assert_int_equal(parse_distance("", ""), 0);
    assert_int_equal(parse_distance("abc", ""), 3);
    assert_int_equal(parse_distance("", "abc"), 3);
    assert_int_equal(parse_distance("kitten", "sitting"), 3);
    assert_int_equal(parse_distance("iomu", "iommu"), 1);
    assert_int_equal(parse_distance("prot0.ip", "port0.ip"), 2);
    assert_int_equal(parse_distance("app", "ppa"), 2);
    char longest[64];
    memset(longest, 'a', 63);
    longest[63] = 0;
    assert_int_equal(parse_distance(longest, "b"), 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u64__good_words__give_their_value),
        cmocka_unit_test(u64__bad_words__are_refused),
        cmocka_unit_test(ipv4__words__are_accepted_or_refused),
        cmocka_unit_test(card__words__are_accepted_or_refused),
        cmocka_unit_test(neighbour__words__are_accepted_or_refused),
        cmocka_unit_test(prefix__words__are_accepted_or_refused),
        cmocka_unit_test(prefixes__words__are_accepted_or_refused),
        cmocka_unit_test(enum__words__match_only_in_full),
        cmocka_unit_test(port__words__are_accepted_or_refused),
        cmocka_unit_test(distance__words__is_levenshteins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
