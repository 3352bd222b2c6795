/* SPDX-License-Identifier: BSD-2-Clause
 * net/console/show_ports.c, net/lane/ledger.c and net/console/ping.c over ports and lanes made up
 * here: tables within 80 columns at any counter value, one JSON object a line, the fields that
 * scripts rely on, the ledger's sums; ping with replies, without, with errors, interrupted, and
 * each reason to refuse it.
 *
 * links: net/console/show_ports.c net/console/collect.c net/console/show_ledger.c
 * net/lane/ledger.c kernel/ask.c net/console/ping.c net/lane/vlans.c $(STACK)
 * kernel/console/shell.c kernel/console/words.c kernel/lib/json.c
 *        kernel/console/command.c kernel/lib/out.c kernel/lib/fmt.c kernel/lib/parse.c
 */
#include "tests/unit/net/cmd_host.h"

/* ---- Ports and ledger ---- */

static void ports__any_counter__fits_the_table_and_is_exact_in_json(void **state)
{
    static const uint64_t values[] = {0, 1, 99999, 999999, 1000000, 99999999999ull, UINT64_MAX};
    (void)state;
    for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
        uint64_t *counts = (uint64_t *)&ports[0].count;
        for (size_t i = 0; i < sizeof(struct port_counters) / 8; i++)
            counts[i] = values[v];
        fits_80_columns(run("show ports"));
        assert_int_equal(json_lines(run("show ports -j")), 2);
        char want[64];
        snprintf(want, sizeof(want), "\"rx_missed_errors\":%llu,", (unsigned long long)values[v]);
        assert_non_null(strstr(terminal.text, want));
    }
    assert_int_equal(polled, 2 * 2 * GROUPS * ARRAY_SIZE(values));
}

static void ports__sample_counters__print_this_table(void **state)
{
    (void)state;
    ports[0].count = (struct port_counters){.rx_packets = 99999999999,
                                            .tx_packets = 100000000000,
                                            .rx_dropped = 1234567,
                                            .rx_missed_errors = 1999999,
                                            .rx_crc_errors = 1};
    ports[1].link_is_up = true;
    ports[1].speed_mbps = 100;
    assert_string_equal(
        run("show ports"),
        "port  link speed mac                rx_packets  tx_packets dropped missed    crc\n"
        "port0 up   10G   02:00:00:00:00:01 99999999999  100000000k 1234567  1999k      1\n"
        "port1 up   100M  02:00:00:00:00:01           0           0       0      0      0\n"
        "port0: 0000:01:00.0 X540-AT2\n"
        "port1: 0000:02:00.1 X540-AT2\n");
    ports[0].is_down = true;
    ports[1].link_is_up = false;
    ports[1].speed_mbps = 0;
    assert_non_null(strstr(run("show ports"), "port0 down 10G "));
    assert_non_null(strstr(terminal.text, "port1 down -     "));
    ports[0].count.rx_packets = UINT64_MAX;
    assert_non_null(strstr(run("show ports"), " 18446744T "));
}

static void ports__without_a_card__keep_their_rows(void **state)
{
    (void)state;
    ports[0].no_card = "failed";
    ports[1].no_card = "none";
    ports[1].pci[0] = 0;
    assert_non_null(strstr(run("show ports"), "\nport0 failed\nport1 none\n"
                                              "port0: 0000:01:00.0, not used: the log has the "
                                              "reason\nport1: no card has this place\n"));
    fits_80_columns(terminal.text);
    assert_int_equal(json_lines(run("show ports -j")), 2);
    assert_non_null(strstr(terminal.text, "\"link\":\"failed\""));
    assert_non_null(strstr(terminal.text, "\"pci\":\"\""));
}

static void ports__cleared__count_from_zero_and_the_ledger_continues(void **state)
{
    (void)state;
    ports[0].count.rx_packets = 100;
    ports[0].count.tx_bytes = 5000;
    assert_non_null(strstr(run("clear counters"), "those of ledger and queues go on\n"));
    ports[0].count.rx_packets = 107;
    assert_non_null(strstr(run("show ports"), "port0 up   10G   02:00:00:00:00:01           7  "));
    assert_non_null(strstr(run("show ports -j"), "\"rx_packets\":7,"));
    assert_non_null(strstr(terminal.text, "\"tx_bytes\":0,"));
    assert_non_null(strstr(run("show ledger -j"), "\"card_rx_packets\":107,"));
    ports[0].count = (struct port_counters){0};
    run("clear counters");
}

static void ports__json__has_the_fields_that_scripts_rely_on(void **state)
{
    (void)state;
    lanes[0].received_before = 5;
    lanes[0].next = 7;
    const char *text = run("show ports -j");
    assert_ptr_equal(strstr(text, "{\"port\":0,\"driver\":\"x540\",\"pci\":\"0000:01:00.0\","
                                  "\"mac\":\"02:00:00:00:00:01\",\"link\":\"up\","
                                  "\"speed_mbps\":10000,\"rx_packets\":0,\"rx_bytes\":0,"
                                  "\"tx_packets\":0,\"tx_bytes\":0,\"rx_dropped\":0,"
                                  "\"rx_missed_errors\":0,\"rx_crc_errors\":0,"
                                  "\"rx_frame_errors\":0,\"rx_length_errors\":0,"
                                  "\"rx_over_errors\":0,\"rx_errors\":0,"
                                  "\"rx_queue_0_packets\":12,\"rss_key\":\"0af0"
                                  "00000000000000000000000000000000000000"
                                  "000000000000000000000000000000000000"
                                  "5c\",\"late_cores\":[],\"step\":\"\"}\n"),
                     text);
    assert_non_null(strstr(text, "\"link\":\"down\",\"speed_mbps\":0"));
    ports[1].is_gone = true;
    assert_non_null(strstr(run("show ports -j"), "\"link\":\"gone\""));
    late_cores = BIT(0); /* an order that core 0's lanes have not carried out */
    assert_non_null(strstr(run("show ports -j"), ",\"late_cores\":[0],"));
    assert_non_null(
        strstr(run("show ports"), "\nport0: its queues are not as ordered yet on core 0\n"));
    late_cores = 0;
    ports[0].step = "its reset"; /* of a restart that is under way */
    assert_non_null(strstr(run("show ports -j"), ",\"step\":\"its reset\"}"));
    assert_non_null(strstr(run("show ports"), "\nport0: its card is being changed: its reset\n"));
    ports[0].step = NULL;
}

static void ports__none__prints_a_line_or_no_object(void **state)
{
    (void)state;
    ports_n = ports_all = lanes_n = 0;
    assert_string_equal(run("show ports"), "no ports\n");
    assert_string_equal(run("show ports -j"), "");
    assert_int_equal(json_lines(run("show ledger -j")), 1);
    assert_non_null(strstr(terminal.text, "\"balanced\":true,\"ports\":[],\"cores_silent\":0}"));
    fits_80_columns(run("show ledger"));
}

static void ledger__lanes_sides_and_stacks__are_added(void **state)
{
    (void)state;
    lane_rows[0] = (struct lane_ledger){.received = 100, .sent = 70, .held = 5, .waiting = 2};
    lanes[0].count.consumed = 3;
    lane_rows[0].consumed = 3;
    lanes[0].count.drops[DROP_rx_error] = 4;
    lane_rows[1] = (struct lane_ledger){.received = 10, .sent = 10};
    netifs[0].consumed = 11;
    netifs[0].drops[DROP_udp_no_port] = 7;
    side_rows[0] = (struct side_ledger){.generated = 9, .sent = 5, .held = 1, .dropped = 3};
    port_side(&ports[0], 0)->drops[DROP_side_full] = 3;
    ports[0].count.rx_packets = 102;
    ports[0].count.tx_packets = 75;
    struct ledger ledger = ledger_read();
    assert_int_equal(ledger.received, 110);
    assert_int_equal(ledger.generated, 9);
    assert_int_equal(ledger.sent, 85);
    assert_int_equal(ledger.consumed, 14);
    assert_int_equal(ledger.held, 6);
    assert_int_equal(ledger.dropped, 14);
    assert_true(ledger.is_balanced);
    const char *text = run("show ledger -j");
    assert_int_equal(json_lines(text), 1);
    assert_non_null(strstr(text, "{\"received\":110,\"generated\":9,\"sent\":85,\"consumed\":14,"
                                 "\"held\":6,\"drops\":{\"rx_not_done\":0,"));
    assert_non_null(strstr(text, "\"udp_no_port\":7"));
    assert_non_null(strstr(text, "\"balanced\":true,\"ports\":[{\"port\":0,\"received\":102,"
                                 "\"card_rx_packets\":102,\"sent\":75,\"card_tx_packets\":75}"));
    lane_rows[1].waiting = 1; /* the card has counted it differently: that port differs */
    const char *table =
        "received                   110   frames taken from the cards\n"
        "generated                    9   made by this machine\n"
        "sent                        85   finished by the cards\n"
        "consumed                    14   delivered to this machine\n"
        "held                         6   in a card's queue, or in reassembly\n"
        "dropped                     14   of these:\n"
        "  rx_error                   4   card flagged a receive error\n"
        "  side_full                  3   side queue had no free slot\n"
        "  udp_no_port                7   UDP port not in use here\n"
        "received + generated = sent + consumed + dropped + held: balanced\n"
        "\n"
        "port      received: ours  the card's        sent: ours   the card's\n"
        "port0                102           102                75            75  agree\n"
        "port1                 11             0                10             0  differ\n";
    polled = 0;
    assert_string_equal(run("show ledger"), table);
    assert_int_equal(polled, 2 * GROUPS);
    fits_80_columns(table);
    ports[1].count.rx_packets = 11; /* received agrees, sent still differs */
    assert_non_null(strstr(run("show ledger"), " 0  differ\n"));
    ports[1].count.tx_packets = 10;
    assert_null(strstr(run("show ledger"), "differ"));

    assert_non_null(strstr(run("show ledger -j"), "\"heads_bad\":0,"));
    lanes[1].count.head_bad = 2; /* invalid head words that cards wrote */
    port_side(&ports[1], 0)->head_bad = 5;
    assert_non_null(strstr(run("show ledger -j"), "\"heads_bad\":7,"));
    assert_non_null(
        strstr(run("show ledger"), "balanced\n7 invalid head words written by cards\n"));
    lanes[1].count.head_bad = port_side(&ports[1], 0)->head_bad = 0;

    assert_non_null(strstr(run("show ledger -j"), "}],\"cores_silent\":0}"));
    mailbox_host_answer = ERR_TIMEOUT; /* a core's stale counters are reported */
    lane_rows[1].received += 5;
    assert_non_null(strstr(run("show ledger -j"), "{\"received\":110,"));
    assert_non_null(strstr(run("show ledger -j"), "}],\"cores_silent\":1}"));
    assert_non_null(strstr(run("show ledger"), "balanced\n1 cores did not answer in time: "));
    fits_80_columns(run("show ledger"));
    mailbox_host_answer = OK;
    lane_rows[1].received -= 5;

    netifs[0].consumed++; /* a frame too many */
    assert_false(ledger_read().is_balanced);
    assert_non_null(strstr(run("show ledger"), "held: NOT BALANCED\n"));
    assert_non_null(strstr(run("show ledger -j"), "\"balanced\":false"));
}

static void ledger__largest_counters__fit_the_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DROP_COUNT; i++)
        lanes[0].count.drops[i] = 999999999999999; /* two years at line rate */
    memset(&lane_rows[0], 0xFF, sizeof(lane_rows[0]));
    const char *text = run("show ledger");
    while (*text != 0 && strncmp(text, "port", 4) != 0) { /* the cards' table may be wider */
        const char *end = strchr(text, '\n');
        assert_true(end - text <= 80);
        text = end + 1;
    }
}

/* ---- Ping ---- */

static void ping__peer_answers__prints_each_and_a_summary(void **state)
{
    (void)state;
    const char *text = run("ping 192.0.2.77 3");
    assert_string_equal(text, "PING 192.0.2.77: 56 data bytes from port0\n"
                              "64 bytes from 192.0.2.77: icmp_seq=1 ttl=64 time=2.469 ms\n"
                              "64 bytes from 192.0.2.77: icmp_seq=2 ttl=64 time=3.703 ms\n"
                              "64 bytes from 192.0.2.77: icmp_seq=3 ttl=64 time=1.234 ms\n"
                              "--- 192.0.2.77 ping statistics ---\n"
                              "3 packets transmitted, 3 received, 0% packet loss\n"
                              "rtt min/avg/max = 1.234/2.469/3.703 ms\n");
    fits_80_columns(text);
    assert_int_equal(echoes, 3);
    assert_int_equal(arps, 1);
    assert_int_not_equal(get16(wire + 38), 0); /* the identifier */
    assert_false(netifs[0].ping.is_on);
    uint64_t before = now_ns;
    run("ping 192.0.2.77");
    assert_int_equal(echoes, 3 + 5);
    assert_true(now_ns - before > 4 * SECOND && now_ns - before < 5 * SECOND);
    run("ping 198.51.100.1 1"); /* via the gateway */
    assert_int_equal(get32(wire + 30), IP(198, 51, 100, 1));
}

static void ping__json__is_an_object_for_each_and_one_for_all(void **state)
{
    (void)state;
    const char *text = run("ping 192.0.2.77 2 -j");
    assert_int_equal(json_lines(text), 3);
    assert_string_equal(
        text, "{\"icmp_seq\":1,\"from\":\"192.0.2.77\",\"bytes\":64,\"ttl\":64,"
              "\"time_ns\":2469134}\n"
              "{\"icmp_seq\":2,\"from\":\"192.0.2.77\",\"bytes\":64,\"ttl\":64,"
              "\"time_ns\":3703701}\n"
              "{\"to\":\"192.0.2.77\",\"transmitted\":2,\"received\":2,\"errors\":0,\"extra\":0,"
              "\"min_ns\":2469134,\"mean_ns\":3086417,\"max_ns\":3703701}\n");
    peer_answers = false;
    peer_refuses = 1;
    text = run("ping 192.0.2.77 1 -j");
    assert_int_equal(json_lines(text), 2);
    assert_string_equal(text,
                        "{\"icmp_seq\":1,\"from\":\"192.0.2.77\","
                        "\"error\":\"Destination Host Unreachable\"}\n"
                        "{\"to\":\"192.0.2.77\",\"transmitted\":1,\"received\":0,\"errors\":1,"
                        "\"extra\":0,\"min_ns\":0,\"mean_ns\":0,\"max_ns\":0}\n");
    peer_refuses = -1;
    assert_int_equal(json_lines(run("ping 192.0.2.77 2 -j")), 3);
    assert_non_null(strstr(terminal.text, "\"from\":null,\"error\":\"no answer\"}\n"));
}

static void ping__duplicate_replies__are_counted_apart(void **state)
{
    (void)state;
    peer_repeats = true;
    assert_non_null(strstr(run("ping 192.0.2.77 3"),
                           "3 packets transmitted, 3 received, 3 unexpected replies, "
                           "0% packet loss\n"));
    peer_repeats = false;
    assert_null(strstr(run("ping 192.0.2.77 1"), "unexpected"));
}

static void ping__no_reply__prints_a_line_for_each_and_ends(void **state)
{
    (void)state;
    peer_answers = false;
    uint64_t before = now_ns;
    assert_string_equal(run("ping 192.0.2.77 2; show ports"),
                        "PING 192.0.2.77: 56 data bytes from port0\n"
                        "192.0.2.77 icmp_seq=1 no answer\n"
                        "192.0.2.77 icmp_seq=2 no answer\n"
                        "--- 192.0.2.77 ping statistics ---\n"
                        "2 packets transmitted, 0 received, 100% packet loss\n"
                        "not run: show ports\n");
    assert_true(now_ns - before >= 2 * SECOND && now_ns - before < 3 * SECOND);
}

static void ping__icmp_errors__are_printed_in_words(void **state)
{
    static const struct {
        uint8_t type, code;
        const char *text;
    } rows[] = {
        {3, 0, "Destination Net Unreachable"},
        {3, 1, "Destination Host Unreachable"},
        {3, 2, "Destination Protocol Unreachable"},
        {3, 3, "Destination Port Unreachable"},
        {3, 4, "Fragmentation needed"},
        {3, 5, "Destination Unreachable"},
        {3, 255, "Destination Unreachable"},
        {11, 0, "Time to live exceeded"},
        {12, 0, "ICMP error"},
    };
    (void)state;
    peer_answers = false;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char want[256];
        peer_error = rows[i].type;
        peer_refuses = rows[i].code;
        snprintf(want, sizeof(want),
                 "PING 192.0.2.77: 56 data bytes from port0\n"
                 "from 192.0.2.77 icmp_seq=1 %s\n--- 192.0.2.77 ping statistics ---\n"
                 "1 packets transmitted, 0 received, +1 errors, 100%% packet loss\n",
                 rows[i].text);
        assert_string_equal(run("ping 192.0.2.77 1"), want);
    }
}

static void ping__no_arp_reply__is_reported_and_ends(void **state)
{
    (void)state;
    peer_has_arp = false;
    uint64_t before = now_ns;
    const char *text = run("ping 192.0.2.200 3");
    assert_non_null(strstr(text, "from 192.0.2.1 icmp_seq=3 Destination Host Unreachable\n"));
    assert_int_equal(echoes, 0);
    assert_true(now_ns - before < 6 * SECOND);
    wire_is_full = true;
    peer_has_arp = true;
    run("ping 192.0.2.77 2");
    wire_is_full = false;
    assert_int_equal(echoes, 0);
}

static void ping__interrupted__prints_the_summary(void **state)
{
    (void)state;
    terminal_clear(&terminal);
    for (const char *c = "ping 192.0.2.77 1000; show ports\r"; *c != 0; c++)
        shell_feed(&sh, (uint8_t)*c);
    for (unsigned i = 0; i < 3500; i++) {
        shell_poll(&sh);
        now_ns += 1000000;
    }
    shell_feed(&sh, 3);
    shell_poll(&sh);
    assert_false(sh.has_script);
    assert_non_null(strstr(terminal.text, "^C\n--- 192.0.2.77 ping statistics ---\n"
                                          "4 packets transmitted, 4 received, 0% packet loss\n"));
    assert_non_null(strstr(terminal.text, "not run: show ports\n"));
}

static void ping__each_refusal__gives_its_reason(void **state)
{
    (void)state;
    assert_non_null(strstr(run("ping"), "usage: ping ADDRESS"));
    assert_non_null(strstr(run("ping 1.2.3.4 5 6"), "usage: ping ADDRESS"));
    assert_non_null(strstr(run("ping 192.0.2"), "192.0.2 is not an IPv4 address"));
    assert_non_null(strstr(run("ping 192.0.2.77 0"), "COUNT must be 1 to 65535"));
    assert_non_null(strstr(run("ping 192.0.2.77 65536"), "COUNT must be 1"));
    assert_non_null(strstr(run("ping 192.0.2.77 x"), "COUNT must be 1"));
    assert_non_null(strstr(run("ping 192.0.2.1"), "192.0.2.1 is port0 itself"));
    assert_non_null(strstr(run("ping 224.0.0.1"), "no port with an address leads to 224.0.0.1"));
    assert_non_null(strstr(run("ping 255.255.255.255"), "no port with an address leads"));
    ports[0].link_is_up = false;
    assert_non_null(strstr(run("ping 192.0.2.77"), "port0 has no link"));
    assert_null(netif_configure(&netifs[0], (const uint8_t *)US_MAC, US_IP, 24, (uint32_t[2]){0}));
    assert_non_null(strstr(run("ping 198.51.100.1 -j"),
                           "{\"error\":\"no port with an address leads to 198.51.100.1\"}\n"));
    is_stopped = true;
    assert_non_null(strstr(run("ping 192.0.2.77"), "app=echo is stopped: no replies"));
    is_stopped = false;
    ports[0].link_is_up = ports[0].is_down = true;
    assert_non_null(strstr(run("ping 192.0.2.77"), "port0 is out of service"));
    echo_app.takes_everything = true;
    assert_non_null(strstr(run("ping 192.0.2.77"), "forwards every frame"));
    assert_int_equal(echoes, 0);
}

static void commands__each__has_a_help_below_50_characters(void **state)
{
    (void)state;
    unsigned n = 0;
    for (const struct command *c = commands.first; c < commands.end; c++, n++)
        assert_true(strlen(c->help) > 0 && strlen(c->help) < 50);
    assert_int_equal(n, 4);
    words_list(&commands, &out, 0, NULL);
    fits_80_columns(terminal.text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ports__any_counter__fits_the_table_and_is_exact_in_json),
        TEST(ports__sample_counters__print_this_table),
        TEST(ports__without_a_card__keep_their_rows),
        TEST(ports__cleared__count_from_zero_and_the_ledger_continues),
        TEST(ports__json__has_the_fields_that_scripts_rely_on),
        TEST(ports__none__prints_a_line_or_no_object),
        TEST(ledger__lanes_sides_and_stacks__are_added),
        TEST(ledger__largest_counters__fit_the_table),
        TEST(ping__peer_answers__prints_each_and_a_summary),
        TEST(ping__json__is_an_object_for_each_and_one_for_all),
        TEST(ping__duplicate_replies__are_counted_apart),
        TEST(ping__icmp_errors__are_printed_in_words),
        TEST(ping__no_reply__prints_a_line_for_each_and_ends),
        TEST(ping__no_arp_reply__is_reported_and_ends),
        TEST(ping__interrupted__prints_the_summary),
        TEST(ping__each_refusal__gives_its_reason),
        TEST(commands__each__has_a_help_below_50_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
