/* SPDX-License-Identifier: BSD-2-Clause
 * net/console/arp.c: `show arp` with entries of each state and with more than there are lines; `set
 * arp`, `clear arp` and what `show config` says; each way to type them wrong.
 *
 * links: net/console/arp.c net/console/ping.c net/lane/vlans.c $(STACK)
 * kernel/console/shell.c kernel/console/words.c kernel/lib/json.c
 *        kernel/console/command.c kernel/lib/out.c kernel/lib/fmt.c kernel/lib/parse.c
 */
#include "tests/unit/net/cmd_host.h"

static void arp__entries_of_each_state__are_listed(void **state)
{
    uint8_t mac[6];
    (void)state;
    ports[1].netif = &netifs[1]; /* not configured: not shown */
    run("ping 192.0.2.77 1");
    netif_resolve(&netifs[0], IP(192, 0, 2, 200), mac);
    netifs[0].now_ns = netifs[0].arp.own[0].known_ns + 12 * SECOND;
    assert_string_equal(run("show arp"),
                        "port   address          mac                state         age\n"
                        "port0  192.0.2.1        02:00:00:00:00:01  ours          0 s\n"
                        "port0  192.0.2.77       02:00:00:00:00:02  known        12 s\n"
                        "port0  192.0.2.200      -                  asking        0 s\n");
    const char *text = run("show arp -j");
    assert_int_equal(json_lines(text), 3);
    assert_string_equal(text,
                        "{\"port\":0,\"ip\":\"192.0.2.1\",\"mac\":\"02:00:00:00:00:01\","
                        "\"state\":\"ours\",\"age_s\":0}\n"
                        "{\"port\":0,\"ip\":\"192.0.2.77\",\"mac\":\"02:00:00:00:00:02\","
                        "\"state\":\"known\",\"age_s\":12}\n"
                        "{\"port\":0,\"ip\":\"192.0.2.200\",\"mac\":null,\"state\":\"asking\","
                        "\"age_s\":0}\n");
}

static void arp__static_neighbours__are_set_shown_configured_and_cleared(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_string_equal(config(), "");
    assert_string_equal(run("set arp 0 192.0.2.9 02:00:00:00:00:99"), "");
    assert_string_equal(run("set arp 0 192.0.2.7 02:00:00:00:0:7"), "");
    run("ping 192.0.2.77 1");
    assert_string_equal(run("show arp"),
                        "port   address          mac                state         age\n"
                        "port0  192.0.2.1        02:00:00:00:00:01  ours          0 s\n"
                        "port0  192.0.2.9        02:00:00:00:00:99  static        0 s\n"
                        "port0  192.0.2.7        02:00:00:00:00:07  static        0 s\n"
                        "port0  192.0.2.77       02:00:00:00:00:02  known         0 s\n");
    assert_string_equal(config(), " port0.arp=192.0.2.9,02:00:00:00:00:99"
                                  " port0.arp=192.0.2.7,02:00:00:00:00:07");
    ports[1].no_card = "no card";
    assert_non_null(strstr(config(), " port1.arp=kept"));
    arps = 0;
    run("ping 192.0.2.9 1");
    assert_memory_equal(wire, "\x02\0\0\0\0\x99", 6);
    assert_int_equal(arps, 0);
    assert_string_equal(run("set arp 0 192.0.2.9 02:00:00:00:00:9a"), ""); /* changed */
    assert_int_equal(netif_resolve(&netifs[0], IP(192, 0, 2, 9), mac), NETIF_READY);
    assert_int_equal(mac[5], 0x9A);
    assert_string_equal(run("clear arp"), ""); /* what ARP found */
    assert_int_equal(json_lines(run("show arp -j")), 3);
    assert_string_equal(run("clear arp 0 192.0.2.9"), "");
    assert_int_equal(json_lines(run("show arp -j")), 2);
    assert_string_equal(run("clear arp 0"), "");
    assert_int_equal(json_lines(run("show arp -j")), 2);
    assert_string_equal(run("clear arp 0 192.0.2.7; show arp -j"),
                        "{\"port\":0,\"ip\":\"192.0.2.1\",\"mac\":\"02:00:00:00:00:01\","
                        "\"state\":\"ours\",\"age_s\":0}\n");
}

static void arp__each_wrong_command__is_refused_in_a_line(void **state)
{
    static const char *const wrong[] = {
        "set arp",
        "set arp 0 192.0.2.9",
        "set arp 0 192.0.2.9 02:00:00:00:00",
        "set arp 0 192.0.2.9 02:00:00:00:00:99:1",
        "set arp 0 192.0.2.9 02:00:00:00:00:199",
        "set arp 0 192.0.2.9.1 02:00:00:00:00:99",
        "set arp 2 192.0.2.9 02:00:00:00:00:99", /* no such port */
        "set arp 1 192.0.2.9 02:00:00:00:00:99", /* no address */
        "set arp 0 192.0.3.9 02:00:00:00:00:99", /* not on the link */
        "set arp 0 192.0.2.1 02:00:00:00:00:99", /* our own */
        "set arp 0 192.0.2.0 02:00:00:00:00:99", /* the subnet's */
        "set arp 0 192.0.2.255 02:00:00:00:00:99",
        "set arp 0 192.0.2.9 00:00:00:00:00:00",
        "set arp 0 192.0.2.9 01:00:5e:00:00:01",
        "set arp 0 192.0.2.9 ff:ff:ff:ff:ff:ff",
        "clear arp 0 192.0.2.9",
        "clear arp 0 192.0.2",
        "clear arp 5",
        "clear arp 1",
        "clear arp 0 192.0.2.9 1",
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        const char *text = run(wrong[i]);
        assert_non_null(strchr(text, '\n'));
        assert_int_equal(strlen(strchr(text, '\n')), 1);
        assert_in_range(strlen(text), 10, 80);
    }
    assert_string_equal(config(), "");
    assert_int_equal(json_lines(run("show arp -j")), 1);
    char line[80];
    for (unsigned i = 0; i < ARP_ENTRIES / 2; i++) {
        snprintf(line, sizeof(line), "set arp 0 192.0.2.%u 02:00:00:00:00:99", 2 + i);
        assert_string_equal(run(line), "");
    }
    assert_non_null(strstr(run("set arp 0 192.0.2.99 02:00:00:00:00:99"), "static already"));
}

static void arp__more_entries_than_lines__are_counted(void **state)
{
    static uint64_t memory[100 * 10];
    uint8_t mac[6];
    (void)state;
    assert_true(sizeof(memory) >= arp_bytes(100));
    memset(memory, 0, sizeof(memory));
    arp_extend(&netifs[0].arp, memory, 100, 1);
    for (uint32_t i = 0; i < 20; i++)
        netif_resolve(&netifs[0], IP(192, 0, 2, 20) + i, mac);
    assert_int_equal(json_lines(run("show arp -j")), 21);
    for (uint32_t i = 0; i < 70; i++) {
        uint32_t ip;
        netif_resolve(&netifs[0], IP(192, 0, 2, 20) + i, mac);
        while (arp_due(&netifs[0].arp, netifs[0].now_ns, &ip, mac))
            (void)arp_answer(&netifs[0].arp, ip, (const uint8_t *)"\2\0\0\0\0\2", netifs[0].now_ns);
    }
    const char *text = run("show arp");
    assert_non_null(strstr(text, "port0  192.0.2.83 "));
    assert_null(strstr(text, "port0  192.0.2.84 "));
    assert_non_null(strstr(text, "port0  6 more; show routes ADDRESS shows one\n"));
    assert_non_null(strstr(run("show arp -j"), "{\"port\":0,\"more\":6}\n"));
    memset(&netifs[0].arp, 0, sizeof(netifs[0].arp));
}

static void commands__each__has_a_help_below_50_characters(void **state)
{
    (void)state;
    for (const struct command *c = commands.first; c < commands.end; c++)
        assert_true(strlen(c->help) > 0 && strlen(c->help) < 50);
    words_list(&commands, &out, 0, NULL);
    fits_80_columns(terminal.text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arp__entries_of_each_state__are_listed),
        TEST(arp__static_neighbours__are_set_shown_configured_and_cleared),
        TEST(arp__each_wrong_command__is_refused_in_a_line),
        TEST(arp__more_entries_than_lines__are_counted),
        TEST(commands__each__has_a_help_below_50_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
