/* SPDX-License-Identifier: BSD-2-Clause
 * boot/cmdline.c: words, quotes and escapes as the loaders pass them; typed values; the warnings
 * about unknown keys, bad values, repeated keys, open quotes and cut lines.
 *
 * links: boot/cmdline.c boot/console_key.c build/unit/boot_keys.c kernel/lib/parse.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/cmdline.h"

static struct cmdline c;

static void parse(const char *line)
{
    /* A copy of exactly its bytes, without a NUL: ASan detects an overrun. */
    size_t n = strlen(line);
    char *copy = malloc(n ? n : 1);
    memcpy(copy, line, n);
    cmdline_parse(&c, copy, n);
    free(copy);
}

static char warnings[4096];
static void keep_warning(void *context, const char *text)
{
    (void)context;
    strcat(warnings, text);
    strcat(warnings, "\n");
}
static const char *validate(const char *line, unsigned warnings_n)
{
    warnings[0] = 0;
    parse(line);
    assert_int_equal(cmdline_validate(&c, keep_warning, NULL), warnings_n);
    return warnings;
}

static void words__blanks_between__are_split(void **state)
{
    (void)state;
    parse("  app=forward\tcpus=2  port0.ip=192.0.2.1/24\n");
    assert_int_equal(c.n, 3);
    assert_string_equal(cmdline_get(&c, "app"), "forward");
    assert_string_equal(cmdline_get(&c, "cpus"), "2");
    assert_string_equal(cmdline_get(&c, "port0.ip"), "192.0.2.1/24");
    assert_null(cmdline_get(&c, "port1.ip"));
    assert_null(cmdline_get(&c, "ap"));
    parse("");
    assert_int_equal(c.n, 0);
    parse("   ");
    assert_int_equal(c.n, 0);
}

static void quotes__at_any_position__keep_the_value_whole(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "app=echo run=\"show ports; poweroff\" cpus=1",
        "app=echo \"run=show ports; poweroff\" cpus=1", /* as GRUB passes it */
        "app=echo run=show\" ports; \"poweroff cpus=1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        parse(lines[i]);
        assert_int_equal(c.n, 3);
        assert_string_equal(cmdline_get(&c, "run"), "show ports; poweroff");
        assert_string_equal(cmdline_get(&c, "cpus"), "1");
        assert_false(c.quote_is_open);
    }
}

static void escapes__quotes_and_backslashes__stand_for_themselves(void **state)
{
    (void)state;
    parse("run=\"say \\\"a\\\\b\\\" it\\'s\" app=a\\b cpus=3");
    assert_string_equal(cmdline_get(&c, "run"), "say \"a\\b\" it's");
    assert_string_equal(cmdline_get(&c, "app"), "a\\b");
    assert_string_equal(cmdline_get(&c, "cpus"), "3");
    parse("app=x\\");
    assert_string_equal(cmdline_get(&c, "app"), "x\\");
}

static void equals__second_one__belongs_to_the_value(void **state)
{
    (void)state;
    parse("run=a=b =x app= noise");
    assert_string_equal(cmdline_get(&c, "run"), "a=b");
    assert_string_equal(cmdline_get(&c, ""), "x");
    assert_string_equal(cmdline_get(&c, "app"), "");
    assert_null(cmdline_get(&c, "noise"));
    assert_int_equal(c.n, 4);
}

static void keys__given_twice__last_is_used_and_both_can_be_listed(void **state)
{
    (void)state;
    parse("route=10.0.0.0/8,192.0.2.1 app=a route=10.1.0.0/16,192.0.2.2 app=b");
    assert_string_equal(cmdline_get(&c, "app"), "b");
    unsigned cursor = 0;
    assert_string_equal(cmdline_next(&c, "route", &cursor), "10.0.0.0/8,192.0.2.1");
    assert_string_equal(cmdline_next(&c, "route", &cursor), "10.1.0.0/16,192.0.2.2");
    assert_null(cmdline_next(&c, "route", &cursor));
    assert_null(cmdline_next(&c, "route", &cursor));
}

static void getters__typed__leave_the_default_where_the_value_is_bad(void **state)
{
    (void)state;
    parse(
        "cpus=4k port0.ip=192.0.2.1/24 port0.gw=192.0.2.254 panic=exit poll=sometimes port1.gw=x");
    uint64_t cpus = 7;
    assert_true(cmdline_u64(&c, "cpus", &cpus));
    assert_int_equal(cpus, 4000);
    struct ipv4_prefix p;
    assert_true(cmdline_prefix(&c, "port0.ip", &p));
    assert_int_equal(be32_get(p.address), 0xC0000201);
    assert_int_equal(p.bits, 24);
    be32_t gw = {5};
    assert_false(cmdline_ipv4(&c, "port1.gw", &gw));
    assert_false(cmdline_ipv4(&c, "port2.gw", &gw));
    assert_int_equal(gw.v, 5);
    assert_true(cmdline_ipv4(&c, "port0.gw", &gw));
    assert_int_equal(be32_get(gw), 0xC00002FE);
    unsigned choice = 9;
    assert_false(cmdline_enum(&c, "poll", &choice));
    assert_false(cmdline_enum(&c, "iommu", &choice));
    assert_false(cmdline_enum(&c, "app", &choice));
    assert_int_equal(choice, 9);
    assert_true(cmdline_enum(&c, "panic", &choice));
    assert_int_equal(choice, 2);
}

static void validate__good_line__gives_no_warning(void **state)
{
    (void)state;
    validate("app=forward port0.ip=192.0.2.1/24 port31.gw=192.0.2.2 route=10.0.0.0/8,192.0.2.254 "
             "route=11.0.0.0/8,192.0.2.254 route=12.0.0.0/8,port1 route=13.0.0.0/8,reject "
             "cpus=4 poll=always iommu=require console=ttyS1,9600 "
             "loglevel=debug panic=reboot run=\"help\" selftest=map",
             0);
    assert_string_equal(warnings, "");
}

static void is_idle__last_parameter__gives_the_reason(void **state)
{
#define IP0 "port0.ip=192.0.2.1/24 "
#define IP1 "port1.ip=192.0.2.1/24 "
    static const struct {
        const char *app;
        unsigned ports_n;
        const char *why; /* NULL: no warning: it has an effect, or was reported as wrong */
        const char *lines[8];
    } rows[] = {
        {"echo",
         2,
         "with app=echo: it is for app=generate",
         {"rate=1k", "size=64", "flows=2", "count=3", "duration=1s", "dst=192.0.2.1",
          "dstmac=52:54:00:00:00:01", "ports=0"}},
        {"generate",
         2,
         NULL,
         {"rate=1k", "size=64", "flows=2", "count=3", "duration=1s", "dst=192.0.2.1",
          "dstmac=52:54:00:00:00:01", "ports=0"}},
        {"echo", 2, "with app=echo: it is for app=route", {"app=echo route=10.0.0.0/8,reject"}},
        {"generate", 2, "with app=generate: it is for app=route", {"route=10.0.0.0/8,reject"}},
        {"route", 2, NULL, {"app=route route=10.0.0.0/8,reject", IP0 "port0.gw=192.0.2.2"}},
        {"forward", 2, NULL, {"app=forward port0.mtu=2000", "port1.mtu=600"}},
        {"route",
         2,
         NULL,
         {"port0.10.ip=10.0.0.1/24 port0.10.gw=10.0.0.2", "port1.4094.ip=10.0.0.1/24 probe=first",
          "port0.1.ip=10.0.0.1/24 port0.1.mtu=600"}},
        {"route",
         2,
         "without an address (port#.ip=)",
         {"port0.10.ip=10.0.0.1/24 port0.gw=10.0.0.2", IP0 "port0.10.gw=10.0.0.2",
          "port0.10.ip=10.0.0.1/24 port0.11.mtu=600", "port0.10.ip=10.0.0.1/24 port1.10.mtu=600",
          "port0.10.ip=10.0.0.1/24 port0.1.gw=10.0.0.2"}},
        {"route", 2, "with 2 ports", {"port2.10.ip=192.0.2.1/24"}},
        {"echo", 2, "with app=echo: it is for app=route", {"port0.10.ip=192.0.2.1/24"}},
        {"echo", 2, "with 2 ports", {"port2.ip=192.0.2.1/24"}},
        {"echo", 12, "with 12 ports", {"port12.state=down"}},
        {"echo", 13, NULL, {"port12.state=down"}},
        {"echo",
         2,
         "without an address (port#.ip=)",
         {IP0 "port1.gw=192.0.2.2", "port1.ip=x port1.vlan=7", "twamp=862", "twamp.from=10.0.0.1"}},
        {"echo", 12, "without an address (port#.ip=)", {"port11.ip=192.0.2.1/24 port1.vlan=7"}},
        {"echo",
         2,
         NULL,
         {IP1, IP1 "port1.gw=192.0.2.2", IP1 "twamp=862", IP1 "twamp.from=10.0.0.1,10.0.0.2",
          "route=nonsense", "colour=blue"}},
        {"echo", 0, NULL, {"cpus=2"}},
    };
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        for (size_t i = 0; i < 8 && rows[r].lines[i]; i++) {
            char text[128], expected[128];
            parse(rows[r].lines[i]);
            bool is_idle =
                cmdline_has_no_effect(&c, c.n - 1, rows[r].app, rows[r].ports_n, text, sizeof text);
            if (is_idle != (rows[r].why != NULL))
                fail_msg("app=%s: %s: %d", rows[r].app, rows[r].lines[i], is_idle);
            if (!is_idle)
                continue;
            snprintf(expected, sizeof expected, "%s= has no effect %s", c.params[c.n - 1].key,
                     rows[r].why);
            assert_string_equal(text, expected);
        }
}

static void validate__unknown_keys__name_the_nearest(void **state)
{
    (void)state;
    assert_non_null(strstr(validate("aap=x", 1), "unknown key \"aap\"; did you mean \"app\"?"));
    assert_non_null(strstr(validate("iomu=on", 1), "did you mean \"iommu\"?"));
    assert_non_null(strstr(validate("prot3.ip=1.2.3.4", 1), "did you mean \"port#.ip\"?"));
    assert_non_null(strstr(validate("port0.pi=1.2.3.4", 1), "did you mean \"port#.ip\"?"));
    /* Equally near, in any order of linking: probe and ports; route and rate. */
    assert_non_null(strstr(validate("prots=0", 1), "did you mean \"ports\"?"));
    assert_non_null(strstr(validate("rote=10.0.0.0/8,reject", 1), "did you mean \"route\"?"));
    assert_string_equal(validate("BOOT_IMAGE=/boot/x", 1), "unknown key \"BOOT_IMAGE\"\n");
    assert_string_equal(validate("qqq=1", 1), "unknown key \"qqq\"\n");
    assert_non_null(strstr(validate("=x", 1), "unknown key \"\""));
    /* Port numbers are 0 to 31, without leading zeroes. */
    validate("port32.ip=1.2.3.4 port00.ip=1.2.3.4 port.ip=1.2.3.4 port001.ip=1.2.3.4", 4);
}

static void validate__bad_values__name_the_expected_form(void **state)
{
    (void)state;
    assert_string_equal(validate("cpus=many", 1), "cpus=many is invalid; expected a number\n");
    assert_string_equal(validate("panic=never", 1),
                        "panic=never is invalid; expected halt|reboot|exit\n");
    assert_string_equal(validate("app", 1), "app has no value; expected a value\n");
    validate("port0.ip=192.0.2.1/33 port0.gw=192.0.2.1/24 cpus=", 3);
    validate("route=10.0.0.0/8 route=10.0.0.0/8, route=,1.2.3.4 route=10.0.0.0/8,1.2.3.4,5 "
             "route=1111111111111111111111111/8,1.2.3.4",
             5);
    assert_non_null(strstr(validate("console=tty0", 1), "expected ttyS0 to ttyS3, uart,io|mmio"));
    assert_string_equal(validate("console=uart,mmio32,0xfedc9000,115200n8", 0), "");
}

static void validate__repeats_open_quotes_and_long_lines__are_reported(void **state)
{
    (void)state;
    assert_string_equal(validate("app=a cpus=1 app=b", 1), "app=a is overridden by a later app=\n");
    assert_string_equal(validate("run=\"show", 1),
                        "a quote is not closed; the value ends with the line\n");
    char line[3 * CMDLINE_BYTES_MAX] = "";
    while (strlen(line) < 2 * CMDLINE_BYTES_MAX)
        strcat(line, "route=10.0.0.0/8,192.0.2.254 ");
    assert_non_null(strstr(validate(line, 1), "too long"));
    assert_true(c.is_cut);
    for (unsigned i = 0; i < c.n; i++) /* nothing is cut in the middle */
        assert_string_equal(c.params[i].value, "10.0.0.0/8,192.0.2.254");
    line[0] = 0;
    for (unsigned i = 0; i < CMDLINE_PARAMS_MAX; i++)
        strcat(line, "app ");
    parse(line);
    assert_false(c.is_cut);
    strcat(line, "app");
    parse(line);
    assert_true(c.is_cut);
    assert_int_equal(c.n, CMDLINE_PARAMS_MAX);
}

static void table__every_key__is_complete_and_declared_once(void **state)
{
    (void)state;
    for (const struct cmdline_key *k = boot_keys_start; k < boot_keys_end; k++) {
        for (const struct cmdline_key *other = boot_keys_start; other < k; other++)
            assert_string_not_equal(k->name, other->name);
        assert_true(strlen(k->name) > 0 && strlen(k->name) < 32);
        assert_true(k->app == NULL || strlen(k->app) > 0);
        assert_int_equal(k->words != NULL, k->kind == CMDLINE_ENUM);
    }
    assert_true(boot_keys_end - boot_keys_start >= 10);
}

static void vlans__of_a_port__come_in_order(void **state)
{
    unsigned cursor = 0, vlan;
    (void)state;

    parse(
        "port0.30.ip=10.0.0.1/24 port1.7.ip=10.0.1.1/24 port0.4095.ip=10.0.2.1/24 "
        "port0.0.ip=10.0.3.1/24 port0.30.mtu=600 port0.8.ip=x port0.010.ip=10.0.4.1/24 "
        "port0.4096.ip=10.0.5.1/24 port0.ip=10.0.6.1/24 port0.2.ip=10.0.7.1/24 port0..ip=1.1.1.1");
    static const unsigned vlans[] = {30, 4095, 0, 2};
    for (unsigned i = 0; i < ARRAY_SIZE(vlans); i++) {
        assert_true(cmdline_next_vlan(&c, 0, &cursor, &vlan));
        assert_int_equal(vlan, vlans[i]);
    }
    assert_false(cmdline_next_vlan(&c, 0, &cursor, &vlan));
    cursor = 0;
    assert_true(cmdline_next_vlan(&c, 1, &cursor, &vlan));
    assert_int_equal(vlan, 7);
    assert_false(cmdline_next_vlan(&c, 1, &cursor, &vlan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words__blanks_between__are_split),
        cmocka_unit_test(quotes__at_any_position__keep_the_value_whole),
        cmocka_unit_test(escapes__quotes_and_backslashes__stand_for_themselves),
        cmocka_unit_test(equals__second_one__belongs_to_the_value),
        cmocka_unit_test(keys__given_twice__last_is_used_and_both_can_be_listed),
        cmocka_unit_test(getters__typed__leave_the_default_where_the_value_is_bad),
        cmocka_unit_test(validate__good_line__gives_no_warning),
        cmocka_unit_test(validate__unknown_keys__name_the_nearest),
        cmocka_unit_test(is_idle__last_parameter__gives_the_reason),
        cmocka_unit_test(validate__bad_values__name_the_expected_form),
        cmocka_unit_test(validate__repeats_open_quotes_and_long_lines__are_reported),
        cmocka_unit_test(vlans__of_a_port__come_in_order),
        cmocka_unit_test(table__every_key__is_complete_and_declared_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
