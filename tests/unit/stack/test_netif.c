/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/netif.c, the stack of one port, through its frames: configuration and its refusals;
 * which frames are answered, at each layer; frames truncated at each byte and with each byte
 * changed; the frames of tests/data/pcap. Every input is counted once: answered, consumed or one
 * drop; an answer is always a valid frame; bytes after a frame's end have no effect.
 * test_netif_self.c covers what the stack sends by itself.
 *
 * links: $(STACK)
 */
#include "tests/unit/stack/netif_host.h"
#include "tests/unit/pcap.h"

/* ---- Configuration ---- */

static void configure__each_mistake__is_named_and_has_no_effect(void **state)
{
    static const struct {
        uint32_t ip;
        unsigned prefix;
        uint32_t gateway;
        bool is_good;
    } rows[] = {
        {US_IP, 24, 0, true},
        {US_IP, 0, 0, false},
        {US_IP, 1, 0, true},
        {US_IP, 32, 0, true},
        {US_IP, 33, 0, false},
        {IP(192, 0, 2, 0), 24, 0, false},
        {IP(192, 0, 2, 255), 24, 0, false},
        {IP(192, 0, 2, 254), 24, 0, true},
        {IP(192, 0, 2, 0), 31, 0, true},
        {IP(192, 0, 2, 1), 31, IP(192, 0, 2, 0), true},
        {IP(192, 0, 2, 255), 32, 0, true},
        {IP(192, 0, 2, 4), 30, 0, false},
        {IP(192, 0, 2, 5), 30, IP(192, 0, 2, 6), true},
        {IP(192, 0, 2, 7), 30, 0, false},
        {0, 24, 0, false},
        {IP(0, 0, 0, 1), 24, 0, false},
        {IP(127, 0, 0, 1), 8, 0, false},
        {IP(224, 0, 0, 5), 24, 0, false},
        {IP(255, 255, 255, 255), 32, 0, false},
        {US_IP, 24, US_IP, false},
        {US_IP, 24, IP(192, 0, 2, 0), false},
        {US_IP, 24, IP(192, 0, 2, 255), false},
        {US_IP, 24, IP(192, 0, 3, 1), false},
        {US_IP, 24, IP(192, 0, 2, 254), true},
        {US_IP, 32, IP(192, 0, 2, 254), true}, /* on the link, though outside of the subnet */
        {US_IP, 32, IP(10, 255, 0, 1), true},
        {US_IP, 32, US_IP, false},
        {US_IP, 32, IP(127, 0, 0, 1), false},
        {US_IP, 31, IP(10, 255, 0, 1), false},
        {IP(126, 0, 0, 1), 1, IP(127, 0, 0, 1), false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_null(configure(IP(10, 0, 0, 1), 8, IP(10, 0, 0, 2)));
        const char *why = configure(rows[i].ip, rows[i].prefix, rows[i].gateway);
        if ((why == NULL) != rows[i].is_good)
            fail_msg("row %zu: %s", i, why != NULL ? why : "accepted");
        assert_int_equal(nif.ip, rows[i].is_good ? rows[i].ip : IP(10, 0, 0, 1));
        assert_int_equal(be32_get(nif.ip_wire), nif.ip);
        assert_int_equal(nif.gateways[0], rows[i].is_good ? rows[i].gateway : IP(10, 0, 0, 2));
        assert_int_equal(nif.prefix, rows[i].is_good ? rows[i].prefix : 8);
    }
    assert_non_null(netif_configure(&nif, (const uint8_t *)ALL_MAC, US_IP, 24, (uint32_t[2]){0}));
    assert_non_null(
        netif_configure(&nif, (const uint8_t *)"\0\0\0\0\0\0", US_IP, 24, (uint32_t[2]){0}));
}

static void input__without_an_address__drops_all(void **state)
{
    (void)state;
    memset(&nif, 0, sizeof(nif));
    dropped(make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", 0), DROP_eth_other);
    dropped(make_icmp(frame, 8, 1, 1, 0, 56), DROP_eth_other);
    assert_int_equal(netif_poll(&nif, SECOND, frame), 0);
    uint8_t mac[6];
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_NO_ROUTE);
}

/* ---- Ethernet ---- */

static void ethernet__each_length__is_safe_and_counted(void **state)
{
    (void)state;
    for (size_t n = 0; n <= ETH_BUFFER; n++) {
        memset(frame, 0, ETH_BUFFER);
        memcpy(frame, US_MAC PEER_MAC, 12);
        dropped(n, DROP_eth_other);
    }
    assert_int_equal(netif_input(&nif, frame, ETH_BUFFER + 1).length, 0);
    assert_int_equal(nif.drops[DROP_eth_other], ETH_BUFFER + 2);
    /* Bytes of a valid frame may remain in the buffer; only the length counts. */
    for (size_t n = 0; n < ETH_BYTES; n++) {
        make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP);
        assert_int_equal(netif_input(&nif, frame, (uint32_t)n).length, 0);
    }
    assert_int_equal(nif.drops[DROP_eth_other], ETH_BUFFER + 2 + ETH_BYTES);
    assert_int_equal(input(make_icmp(frame, 8, 1, 1, 0, ETH_BUFFER - 42)), ETH_BUFFER);
    make_icmp(frame, 8, 1, 1, 0, ETH_BUFFER - 42);
    assert_int_equal(netif_input(&nif, frame, ETH_BUFFER + 1).length, 0);
}

static void ethernet__each_type__only_ipv4_and_arp_are_taken(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 65536; type++) {
        size_t n = make_icmp(frame, 8, 1, 1, 0, 56);
        put16(frame + 12, type);
        if (type == 0x0800)
            assert_int_not_equal(input(n), 0);
        else
            dropped(n, type == 0x0806   ? DROP_arp_bad
                       : type == 0x8100 ? DROP_eth_vlan
                                        : DROP_eth_other);
    }
}

static void ethernet__others_and_groups__are_not_answered(void **state)
{
    (void)state;
    size_t n = make_icmp(frame, 8, 1, 1, 0, 56);
    memcpy(frame, "\x02\x00\x00\x00\x00\x03", 6);
    dropped(n, DROP_eth_other);
    make_icmp(frame, 8, 1, 1, 0, 56);
    memcpy(frame, ALL_MAC, 6);
    dropped(n, DROP_ip_link_group);
    make_icmp(frame, 8, 1, 1, 0, 56);
    memcpy(frame, "\x01\x00\x5E\x00\x00\x01", 6);
    dropped(n, DROP_ip_link_group);
    make_icmp(frame, 8, 1, 1, 0, 56);
    memcpy(frame + 6, ALL_MAC, 6);
    dropped(n, DROP_eth_other);
    make_icmp(frame, 8, 1, 1, 0, 56);
    memcpy(frame + 6, "\x01\x00\x5E\x00\x00\x01", 6);
    dropped(n, DROP_eth_other);
    make_arp(frame, 1, "\x01\x00\x5E\x00\x00\x01", PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP);
    dropped(60, DROP_eth_other);
}

/* ---- ARP ---- */

static void arp__request_for_us__is_answered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        /* Broadcast, unicast to us, and as a probe (sender 0). */
        make_arp(frame, 1, i == 1 ? US_MAC : ALL_MAC, PEER_MAC, i == 2 ? 0 : PEER_IP,
                 "\0\0\0\0\0\0", US_IP);
        assert_int_equal(input(60), 60);
        assert_memory_equal(frame, PEER_MAC, 6);
        assert_int_equal(get16(frame + 20), 2);
        assert_memory_equal(frame + 32, PEER_MAC, 6);
        assert_int_equal(get32(frame + 38), i == 2 ? 0 : PEER_IP);
    }
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        assert_int_equal(nif.arp.own[i].state, ARP_FREE);
    /* The shortest form that a card may deliver. */
    make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP);
    assert_int_equal(input(42), 60);
    make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP);
    dropped(41, DROP_arp_bad);
}

static void arp__for_others__is_consumed(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++)
        consumed(make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP ^ 1u << bit));
}

static void arp__each_byte_changed__is_answered_only_if_valid(void **state)
{
    (void)state;
    for (size_t at = 0; at < 60; at++) {
        for (unsigned v = 0; v < 256; v += v < 3 || v > 252 ? 1 : 10) {
            size_t n = make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP);
            if (frame[at] == v)
                continue;
            frame[at] = (uint8_t)v;
            bool is_answered = input(n) != 0;
            /* Bytes that may differ in a good request: Ethernet source, the sender, the target's
             * MAC address, padding. Any other must stay. */
            bool is_free = (at >= 6 && at < 12) || (at >= 22 && at < 38) || at >= 42;
            assert_true(!is_answered || is_free);
            if (at >= 42)
                assert_true(is_answered);
        }
    }
}

/* ---- IPv4 ---- */

static void ip__forbidden_sources__are_dropped(void **state)
{
    static const uint32_t bad[] = {0,
                                   IP(0, 1, 2, 3),
                                   IP(127, 0, 0, 1),
                                   IP(224, 0, 0, 1),
                                   IP(239, 255, 255, 255),
                                   IP(240, 0, 0, 1),
                                   IP(255, 255, 255, 255),
                                   US_IP,
                                   IP(192, 0, 2, 0),
                                   IP(192, 0, 2, 255)};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        size_t n = make_icmp(frame, 8, 1, 1, 0, 56);
        put32(frame + 26, bad[i]);
        fix_ip(frame);
        dropped(n, DROP_ip_source);
        n = make_udp(frame, 5000, 7, 0, 10);
        put32(frame + 26, bad[i]);
        fix_ip(frame);
        fix_payload(frame, 2048);
        dropped(n, DROP_ip_source);
    }
}

static void ip__destinations_not_ours__are_dropped_by_kind(void **state)
{
    static const uint32_t groups[] = {IP(255, 255, 255, 255), IP(224, 0, 0, 1),
                                      IP(239, 255, 255, 255), IP(192, 0, 2, 0), IP(192, 0, 2, 255)};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        for (unsigned link = 0; link < 2; link++) {
            size_t n = make_icmp(frame, 8, 1, 1, 0, 56);
            put32(frame + 30, groups[i]);
            fix_ip(frame);
            memcpy(frame, link ? ALL_MAC : US_MAC, 6);
            dropped(n, DROP_ip_broadcast);
        }
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        size_t n = make_icmp(frame, 8, 1, 1, 0, 56);
        put32(frame + 30, US_IP ^ 1u << bit);
        fix_ip(frame);
        uint64_t before = nif.drops[DROP_ip_broadcast];
        assert_int_equal(input(n), 0);
        /* One bit away are 192.0.2.0, the net's own address, and 224.0.2.1, a group. */
        assert_int_equal(nif.drops[DROP_ip_broadcast] - before, bit == 0 || bit == 29);
    }
    assert_int_equal(nif.drops[DROP_ip_not_ours], 30);
}

static void ip__each_protocol__only_icmp_and_udp_are_taken(void **state)
{
    (void)state;
    for (unsigned p = 0; p < 256; p++) {
        size_t n = make_icmp(frame, 8, 1, 1, 0, 56);
        frame[23] = (uint8_t)p;
        fix_ip(frame);
        if (p == 1)
            assert_int_not_equal(input(n), 0);
        else
            dropped(n, p == 17 ? DROP_udp_length : DROP_ip_protocol);
    }
}

static void ip__fragments__are_dropped(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 16; bit++) {
        size_t n = make_icmp(frame, 8, 1, 1, 0, 56);
        put16(frame + 20, 1u << bit);
        fix_ip(frame);
        if (bit < 14)
            dropped(n, DROP_ip_fragment);
        else
            assert_int_not_equal(input(n), 0);
    }
}

/* ---- ICMP ---- */

static void echo__each_size_and_options__is_answered_in_full(void **state)
{
    (void)state;
    for (unsigned options = 0; options <= 40; options += 4) {
        for (size_t data = 0; data + options <= 2048 - 42; data += data < 70 ? 1 : 97) {
            size_t n = make_icmp(frame, 8, 0xABCD, 0x0102, options, data);
            if (data % 3 == 0)
                n = MAX(n, 60u); /* padded, as a wire does */
            uint32_t got = input(n);
            assert_int_equal(got, MAX(42 + data, 60u));
            assert_memory_equal(frame, PEER_MAC, 6);
            assert_int_equal(get32(frame + 30), PEER_IP);
            assert_int_equal(frame[15], 0x10); /* type of service, unchanged */
            assert_int_equal(get16(frame + 16), 28 + data);
            assert_int_equal(frame[34], 0);
            assert_memory_equal(frame + 38, sent + 38 + options, 4 + data);
        }
    }
}

static void echo__cut_at_each_byte__is_not_answered(void **state)
{
    (void)state;
    size_t whole = make_icmp(frame, 8, 1, 1, 0, 56);
    for (size_t n = 0; n < whole; n++) {
        make_icmp(frame, 8, 1, 1, 0, 56);
        assert_int_equal(input(n), 0);
    }
    /* Cut by the IP total length: the ICMP checksum is wrong, or no message is left. */
    for (unsigned total = 20; total < 84; total++) {
        make_icmp(frame, 8, 1, 1, 0, 56);
        put16(frame + 16, total);
        fix_ip(frame);
        dropped(whole, DROP_icmp_bad);
    }
}

static void echo__each_byte_changed__is_answered_only_if_valid(void **state)
{
    (void)state;
    for (size_t at = 0; at < 98; at++) {
        for (unsigned v = 0; v < 256; v += v < 3 || v > 252 ? 1 : 10) {
            size_t n = make_icmp(frame, 8, 1, 1, 0, 56);
            if (frame[at] == v)
                continue;
            frame[at] = (uint8_t)v;
            bool is_answered = input(n) != 0;
            bool is_free = at >= 6 && at < 12; /* the Ethernet source */
            assert_true(!is_answered || is_free);
        }
    }
}

/* Two fields of the headers at once, each at its limits, checksums recomputed. */
static void headers__fields_at_their_limits_together__are_safe_and_counted(void **state)
{
    static const struct {
        uint8_t at, bytes;
    } fields[] = {{14, 1}, {15, 1}, {16, 2}, {20, 2}, {22, 1}, {23, 1}, {26, 4}, {30, 4},
                  {34, 1}, {35, 1}, {34, 2}, {36, 2}, {38, 2}, {40, 2}, {42, 1}, {46, 4}};
    static const uint32_t limits[] = {
        0,    1,    7,    8,      19,     20,     27,         28,         0x45,  0x4F,
        0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, US_IP, US_IP + 1};
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++)
        for (size_t a = 0; a < ARRAY_SIZE(fields); a++)
            for (size_t b = a; b < ARRAY_SIZE(fields); b++)
                for (size_t x = 0; x < ARRAY_SIZE(limits); x++)
                    for (size_t y = 0; y < ARRAY_SIZE(limits); y++) {
                        size_t n = kind ? make_udp(frame, 4000, 7, 4, 30)
                                        : make_icmp(frame, 8, 1, 1, 4, 30);
                        const size_t at[2] = {a, b}, limit[2] = {x, y};
                        for (unsigned i = 0; i < 2; i++) {
                            uint8_t word[4];
                            put32(word, limits[limit[i]]);
                            memcpy(frame + fields[at[i]].at, word + 4 - fields[at[i]].bytes,
                                   fields[at[i]].bytes);
                        }
                        fix_payload(frame, n);
                        fix_ip(frame);
                        input(n);
                    }
    assert_true(nif.answered > 0);
    for (unsigned i = DROP_ip_header; i <= DROP_udp_loop; i++)
        if (i != DROP_ip_checksum && i != DROP_icmp_other && i != DROP_ip_link_group &&
            i != DROP_udp_checksum && i != DROP_ip_overlap && i != DROP_ip_timeout &&
            i != DROP_ip_evicted)
            assert_true(nif.drops[i] > 0);
}

/* ---- UDP ---- */

static void udp__echo__answers_each_size_with_both_checksums(void **state)
{
    (void)state;
    for (unsigned options = 0; options <= 40; options += 20) {
        for (size_t data = 0; data + options <= 2048 - 42; data += data < 70 ? 1 : 97) {
            size_t n = make_udp(frame, 0xC001, 7, options, data);
            if (data % 2)
                put16(frame + 40 + options, 0); /* sent without a checksum */
            assert_int_equal(input(n), MAX(42 + data, 60u));
            assert_int_equal(get16(frame + 34), 7);
            assert_int_equal(get16(frame + 36), 0xC001);
            assert_memory_equal(frame + 42, sent + 42 + options, data);
        }
    }
}

static void udp__data_after_its_length__is_not_echoed(void **state)
{
    (void)state;
    size_t n = make_udp(frame, 0xC001, 7, 0, 40);
    put16(frame + 38, 8 + 10);
    fix_payload(frame, 2048);
    assert_int_equal(input(n), 60);
    assert_int_equal(get16(frame + 16), 20 + 8 + 10);
}

static void udp__ports__answer_consume_or_drop(void **state)
{
    static const uint16_t loops[] = {0, 1, 7, 9, 13, 17, 19, 37, 53, 862, 1023};
    (void)state;
    consumed(make_udp(frame, 4000, 9, 0, 5));
    dropped(make_udp(frame, 4000, 53, 0, 5), DROP_udp_no_port);
    dropped(make_udp(frame, 4000, 0, 0, 5), DROP_udp_no_port);
    for (size_t i = 0; i < ARRAY_SIZE(loops); i++)
        dropped(make_udp(frame, loops[i], 7, 0, 5), DROP_udp_loop);
    size_t n = make_udp(frame, 4000, 7, 0, 5);
    frame[46] ^= 1;
    dropped(n, DROP_udp_checksum);
}

/* Answers, errors, fragments and pings of one core take one sequence; no other core of the same
 * address uses any of its numbers. */
static void ip_id__each_number__is_used_by_one_core(void **state)
{
    static uint8_t user[65536];
    (void)state;
    for (unsigned cores = 1; cores <= 16; cores++) {
        memset(user, 0xFF, sizeof(user));
        for (unsigned core = 0; core < cores; core++) {
            netif_share_ids(&nif, 65530, core, cores);
            for (unsigned i = 0; i < 65536 / (2 * cores); i++) {
                uint32_t n;
                if (i % 4 == 0) {
                    n = netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 1, 1, 10);
                } else {
                    n = (uint32_t)make_udp(frame, 4000, i % 4 == 1 ? 53 : 7, 0, 5);
                    nif.now_ns += 20000000; /* the limit of errors */
                    out_n = 0;
                    n = netif_input(&nif, frame, n).length;
                }
                unsigned id = get16(n != 0 ? frame + 18 : out[0] + 18);
                assert_int_equal(out_n, n == 0);
                out_n = 0;
                assert_int_equal(user[id], 0xFF);
                user[id] = (uint8_t)core;
                if (i == 0)
                    assert_int_equal(id, (uint16_t)(65530 + core));
            }
        }
    }
}

static uint32_t answer_bytes;
static uint32_t fill(void *context, struct udp_datagram *d)
{
    assert_ptr_equal(context, &answer_bytes);
    assert_true(d->room >= d->data_bytes && d->room >= 1472);
    assert_int_equal(d->src, PEER_IP);
    assert_int_equal(d->data_bytes, 3);
    assert_memory_equal(d->data, "\x01\x06\x0B", 3); /* as make_udp fills it */
    if (answer_bytes != UDP_SILENT)
        memset(d->data, 0xCC, MIN(answer_bytes, d->room));
    return answer_bytes;
}

static void bind__service__gets_datagrams_and_answers_up_to_its_room(void **state)
{
    (void)state;
    assert_false(netif_bind(&nif, 0, fill, NULL));
    assert_false(netif_bind(&nif, 7, fill, NULL)); /* bound already */
    assert_true(netif_bind(&nif, 5000, fill, &answer_bytes));
    for (answer_bytes = 0; answer_bytes <= 1472; answer_bytes += 92)
        for (unsigned options = 0; options <= 40; options += 4)
            assert_int_equal(input(make_udp(frame, 4000, 5000, options, 3)),
                             MAX(42 + answer_bytes, 60u));
    answer_bytes = 1473;
    dropped(make_udp(frame, 4000, 5000, 0, 3), DROP_udp_length);
    answer_bytes = UDP_SILENT;
    consumed(make_udp(frame, 4000, 5000, 0, 3));
    assert_true(netif_bind(&nif, 5000, NULL, NULL));
    dropped(make_udp(frame, 4000, 5000, 0, 3), DROP_udp_no_port);
    for (uint16_t i = 0; i < NETIF_BINDINGS - 2; i++)
        assert_true(netif_bind(&nif, 1000 + i, fill, NULL));
    assert_false(netif_bind(&nif, 2000, fill, NULL)); /* full */
    assert_true(netif_bind(&nif, 2000, NULL, NULL));
    assert_null(configure(US_IP, 25, 0)); /* bindings stay */
    dropped(make_udp(frame, 4000, 5000, 0, 3), DROP_udp_no_port);
}

/* ---- Captured frames ---- */

static void input_captured(void *context, const char *file, const uint8_t *bytes, size_t n)
{
    (void)context;
    (void)file;
    if (n > ETH_BUFFER)
        return;
    memcpy(frame, bytes, n);
    input(n);
    /* The same frame, addressed to us, with checksums recomputed. */
    memcpy(frame, bytes, n);
    if (n < 34)
        return;
    memcpy(frame, US_MAC, 6);
    frame[6] &= 0xFE;
    if (get16(frame + 12) == 0x0806 && n >= 42)
        put32(frame + 38, US_IP);
    if (get16(frame + 12) == 0x0800) {
        put32(frame + 30, US_IP);
        if (n >= 14u + (frame[14] & 15u) * 4) {
            fix_payload(frame, n);
            fix_ip(frame);
        }
    }
    input(n);
}

static void captures__every_frame__is_safe_and_counted(void **state)
{
    (void)state;
    unsigned n = pcap_folder("tests/data/pcap", input_captured, NULL);
    print_message("%u frames\n", n);
    assert_true(n > 100);
    assert_true(nif.answered > 0 && nif.consumed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(configure__each_mistake__is_named_and_has_no_effect),
        TEST(input__without_an_address__drops_all),
        TEST(ethernet__each_length__is_safe_and_counted),
        TEST(ethernet__each_type__only_ipv4_and_arp_are_taken),
        TEST(ethernet__others_and_groups__are_not_answered),
        TEST(arp__request_for_us__is_answered),
        TEST(arp__for_others__is_consumed),
        TEST(arp__each_byte_changed__is_answered_only_if_valid),
        TEST(ip__forbidden_sources__are_dropped),
        TEST(ip__destinations_not_ours__are_dropped_by_kind),
        TEST(ip__each_protocol__only_icmp_and_udp_are_taken),
        TEST(ip__fragments__are_dropped),
        TEST(echo__each_size_and_options__is_answered_in_full),
        TEST(echo__cut_at_each_byte__is_not_answered),
        TEST(echo__each_byte_changed__is_answered_only_if_valid),
        TEST(headers__fields_at_their_limits_together__are_safe_and_counted),
        TEST(udp__echo__answers_each_size_with_both_checksums),
        TEST(udp__data_after_its_length__is_not_echoed),
        TEST(udp__ports__answer_consume_or_drop),
        TEST(ip_id__each_number__is_used_by_one_core),
        TEST(bind__service__gets_datagrams_and_answers_up_to_its_room),
        TEST(captures__every_frame__is_safe_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
