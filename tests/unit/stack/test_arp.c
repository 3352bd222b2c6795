/* SPDX-License-Identifier: BSD-2-Clause
 * net/stack/arp.c: packets truncated at each byte and with each fixed byte wrong; requests with
 * back-off, up to failure and hold-off; solicited and unsolicited replies; checks (another MAC
 * address claims a known address), also several in a short time; ageing, with replies that are lost;
 * static entries; the full table, and which of its entries give way.
 *
 * links: net/stack/arp.c net/stack/csum.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "net/stack/arp.h"
#include "tests/unit/frames.h"

#define SECOND 1000000000ull
static const uint8_t mac_a[6] = PEER_MAC, mac_b[6] = "\x02\x00\x00\x00\x00\x0B";

static struct arp_cache cache;
static uint8_t frame[2048];
static struct arp_packet packet;

static int start(void **state)
{
    (void)state;
    memset(&cache, 0, sizeof(cache));
    make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP);
    return 0;
}

static bool parse(size_t n)
{
    uint8_t *exact = malloc(n > 0 ? n : 1);
    memcpy(exact, frame + 14, n);
    bool result = arp_parse(exact, (uint32_t)n, &packet);
    free(exact);
    return result;
}

static void parse__good_packet__reads_every_field(void **state)
{
    (void)state;
    make_arp(frame, 2, US_MAC, PEER_MAC, PEER_IP, US_MAC, US_IP);
    assert_true(parse(28));
    assert_int_equal(packet.op, ARP_REPLY);
    assert_memory_equal(packet.sender_mac, PEER_MAC, 6);
    assert_memory_equal(packet.target_mac, US_MAC, 6);
    assert_int_equal(packet.sender_ip, PEER_IP);
    assert_int_equal(packet.target_ip, US_IP);
}

static void parse__cut_at_each_byte__is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < 28; n++)
        assert_false(parse(n));
    assert_true(parse(28));
    assert_true(parse(46));
}

static void parse__each_fixed_byte_wrong__is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        uint8_t was = frame[14 + i];
        for (unsigned v = 0; v < 256; v++) {
            frame[14 + i] = (uint8_t)v;
            bool is_reply = i == 7 && v == 2;
            assert_int_equal(parse(28), v == was || is_reply);
        }
        frame[14 + i] = was;
    }
}

static void parse__impossible_senders__are_refused(void **state)
{
    (void)state;
    static const uint32_t bad[] = {IP(127, 0, 0, 1), IP(224, 0, 0, 1), IP(0, 0, 0, 1),
                                   IP(255, 255, 255, 255), IP(240, 0, 0, 0)};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        put32(frame + 28, bad[i]);
        assert_false(parse(28));
    }
    put32(frame + 28, 0); /* a probe */
    assert_true(parse(28));
    memset(frame + 22, 0, 6);
    assert_false(parse(28));
    memset(frame + 22, 0xFF, 6);
    assert_false(parse(28));
    memcpy(frame + 22, "\x01\x00\x5E\x00\x00\x01", 6);
    assert_false(parse(28));
}

static void build__any_packet__is_read_back_by_parse(void **state)
{
    struct arp_packet made = {.op = ARP_REPLY, .sender_ip = US_IP, .target_ip = PEER_IP};
    (void)state;
    memcpy(made.sender_mac, US_MAC, 6);
    memcpy(made.target_mac, PEER_MAC, 6);
    memset(frame, 0xEE, sizeof(frame));
    assert_int_equal(arp_build(frame, mac_a, &made), 60);
    assert_null(fault_of(frame, 60));
    assert_memory_equal(frame, PEER_MAC, 6);
    assert_true(parse(28));
    assert_memory_equal(&packet, &made, sizeof(made));
    assert_int_equal(frame[60], 0xEE);
}

/* ---- Neighbours ---- */

static bool lookup(uint32_t ip, uint64_t now, uint8_t *mac)
{
    enum arp_state state;
    return arp_lookup(&cache, ip, now, mac, &state);
}
static bool failed(uint32_t ip, uint64_t now)
{
    uint8_t mac[6];
    enum arp_state state;
    return !arp_lookup(&cache, ip, now, mac, &state) && state == ARP_FAILED;
}
static uint8_t asked[6]; /* to whom the last request was sent */

static bool due(uint64_t now, uint32_t want)
{
    uint32_t ip = 0;
    bool is_due = arp_due(&cache, now, &ip, asked);
    if (is_due)
        assert_int_equal(ip, want);
    return is_due;
}
static void learn(uint32_t ip, const uint8_t *mac, uint64_t now)
{
    uint8_t got[6];
    assert_false(lookup(ip, now, got));
    assert_true(due(now, ip));
    assert_true(arp_answer(&cache, ip, mac, now));
}

static void lookup__unknown__asks_with_back_off_then_holds_off(void **state)
{
    uint8_t mac[6];
    const uint64_t t = 100 * SECOND;
    (void)state;
    assert_false(due(t, 0)); /* no lookup: no request */
    assert_false(lookup(PEER_IP, t, mac));
    assert_true(due(t, PEER_IP));
    assert_false(due(t, 0));
    assert_false(lookup(PEER_IP, t, mac)); /* looking again asks no sooner */
    assert_false(due(t + SECOND - 1, 0));
    assert_true(due(t + SECOND, PEER_IP));
    assert_false(due(t + 3 * SECOND - 1, 0));
    assert_true(due(t + 3 * SECOND, PEER_IP));
    assert_false(failed(PEER_IP, t + 7 * SECOND - 1));
    assert_false(due(t + 7 * SECOND - 1, 0));
    assert_false(due(t + 7 * SECOND, 0));
    assert_true(failed(PEER_IP, t + 7 * SECOND));
    assert_false(arp_answer(&cache, PEER_IP, mac_a, t + 8 * SECOND)); /* too late: none is open */
    assert_true(failed(PEER_IP, t + 12 * SECOND - 1));
    assert_false(failed(PEER_IP, t + 12 * SECOND)); /* the hold-off is over */
    assert_true(due(t + 12 * SECOND, PEER_IP));
    assert_int_equal(cache.requests, 4);
}

static void answer__solicited__is_accepted_once(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_false(lookup(PEER_IP, 5, mac));
    assert_false(arp_answer(&cache, PEER_IP, mac_b, 5)); /* before the request was sent */
    assert_true(due(5, PEER_IP));
    assert_true(arp_answer(&cache, PEER_IP, mac_a, 6));
    assert_false(arp_answer(&cache, PEER_IP, mac_b, 7)); /* a second reply */
    assert_true(lookup(PEER_IP, 8, mac));
    assert_memory_equal(mac, mac_a, 6);
    assert_int_equal(cache.replies, 1);
    assert_int_equal(cache.unsolicited, 2);
}

static void answer__unsolicited__makes_no_entry(void **state)
{
    uint8_t mac[6];
    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        assert_false(arp_answer(&cache, PEER_IP + i, mac_a, i));
    assert_null(arp_entry(&cache, 0));
    assert_false(lookup(PEER_IP, 2000, mac));
    assert_int_equal(cache.unsolicited, 1000);
}

static void recheck__other_mac_claimed__requests_again_and_keeps_the_old_mac(void **state)
{
    uint8_t mac[6];
    uint64_t t = 50 * SECOND;
    (void)state;
    learn(PEER_IP, mac_a, t);
    arp_claim(&cache, PEER_IP, mac_a, t); /* the known MAC address */
    assert_false(due(t, 0));
    arp_claim(&cache, PEER_IP, mac_b, t);
    assert_true(lookup(PEER_IP, t, mac));
    assert_memory_equal(mac, mac_a, 6);
    assert_true(due(t, PEER_IP));
    arp_claim(&cache, PEER_IP, mac_b, t); /* a request is open already */
    assert_false(due(t, 0));
    assert_true(arp_answer(&cache, PEER_IP, mac_a, t + 1));  /* the owner still answers */
    assert_false(arp_answer(&cache, PEER_IP, mac_b, t + 2)); /* causes a request */
    assert_true(due(t + 2, PEER_IP));
    assert_true(arp_answer(&cache, PEER_IP, mac_b, t + 3)); /* it moved */
    assert_true(lookup(PEER_IP, t + 4, mac));
    assert_memory_equal(mac, mac_b, 6);
}

/* The neighbour claims its address from a new MAC address, and answers from there. Returns after how
 * many milliseconds the new MAC address is in use. */
static unsigned moves(uint8_t last_byte, uint64_t t)
{
    uint8_t to[6] = "\x02\x00\x00\x00\x01", mac[6];
    uint32_t ip;

    to[5] = last_byte;
    arp_claim(&cache, PEER_IP, to, t);
    for (unsigned ms = 0; ms < 60000; ms++) {
        while (arp_due(&cache, t + ms * (SECOND / 1000), &ip, asked))
            if (memcmp(asked, ALL_MAC, 6) == 0 || memcmp(asked, to, 6) == 0)
                (void)arp_answer(&cache, PEER_IP, to, t + ms * (SECOND / 1000));
        if (lookup(PEER_IP, t + ms * (SECOND / 1000), mac) && memcmp(mac, to, 6) == 0)
            return ms;
    }
    return 60000;
}

static void recheck__moves_in_a_row__each_is_found_at_once_and_later_ones_not_forgotten(
    void **state)
{
    uint64_t t = 50 * SECOND;
    (void)state;
    learn(PEER_IP, mac_a, t);
    assert_true(ARP_CHECKS >= 3);
    for (uint8_t i = 0; i < ARP_CHECKS; i++)
        assert_int_equal(moves(i, t + i * 2 * SECOND), 0);
    /* A fifth within ten seconds: the claim is remembered. */
    t += 9 * SECOND;
    assert_int_equal(moves(99, t), ARP_CHECK_NS / (SECOND / 1000));
    t += ARP_CHECK_NS + 9 * SECOND;
    for (uint8_t i = 1; i < ARP_CHECKS; i++)
        assert_int_equal(moves(100 + i, t), 0);
    assert_in_range(moves(120, t), 1, ARP_CHECK_NS / (SECOND / 1000));
}

static void recheck__while_the_old_mac_is_asked_alone__asks_all_at_once(void **state)
{
    uint8_t mac[6];
    uint64_t t = 50 * SECOND;
    (void)state;
    learn(PEER_IP, mac_a, t);
    t += ARP_FRESH_NS + 1;
    assert_true(lookup(PEER_IP, t, mac) && due(t, PEER_IP));
    assert_memory_equal(asked, mac_a, 6);
    arp_claim(&cache, PEER_IP, mac_b, t);
    assert_true(due(t, PEER_IP));
    assert_memory_equal(asked, ALL_MAC, 6);
    assert_true(arp_answer(&cache, PEER_IP, mac_b, t));
}

static void recheck__false_claims_all_the_time__requests_are_few(void **state)
{
    uint64_t t = 50 * SECOND;
    uint32_t ip;
    (void)state;
    learn(PEER_IP, mac_a, t);
    for (unsigned ms = 0; ms < 60000; ms++, t += SECOND / 1000) {
        arp_claim(&cache, PEER_IP, mac_b, t);
        while (arp_due(&cache, t, &ip, asked))
            (void)arp_answer(&cache, PEER_IP, mac_a, t);
    }
    assert_in_range(cache.requests, 1 + 6, 1 + 6 * (ARP_CHECKS + 1));
}

static void age__used_when_old__is_requested_again_and_used_meanwhile(void **state)
{
    uint8_t mac[6];
    uint64_t t = 50 * SECOND;
    (void)state;
    learn(PEER_IP, mac_a, t);
    assert_true(lookup(PEER_IP, t + ARP_FRESH_NS, mac));
    assert_false(due(t + ARP_FRESH_NS, 0));
    assert_false(due(t + ARP_FRESH_NS + 1, 0)); /* not used: not asked for */
    t += ARP_FRESH_NS + 1;
    assert_true(lookup(PEER_IP, t, mac));
    assert_true(due(t, PEER_IP));
    assert_true(lookup(PEER_IP, t, mac));
    assert_false(due(t, 0));
    assert_true(arp_answer(&cache, PEER_IP, mac_a, t));
    assert_false(due(t + SECOND, 0));
}

static bool kept(uint32_t ip, uint64_t now)
{
    uint8_t mac[6];
    enum arp_state state;

    return arp_lookup(&cache, ip, now, mac, &state) && state == ARP_KEPT &&
           memcmp(mac, mac_a, 6) == 0;
}

/* Requests and look-ups each second, without replies, from `t` to `end`. Returns the requests. */
static unsigned silence(uint64_t t, uint64_t end)
{
    unsigned n = 0;

    for (; t < end; t += SECOND) {
        (void)kept(PEER_IP, t);
        while (due(t, PEER_IP))
            n++;
    }
    return n;
}

static void age__reply_is_lost__mac_is_kept_and_requested_again(void **state)
{
    uint64_t t = 50 * SECOND, known = t;
    uint8_t mac[6];
    (void)state;
    learn(PEER_IP, mac_a, t);
    t += ARP_FRESH_NS + 1;
    /* First from the neighbour alone, then from all. */
    assert_true(lookup(PEER_IP, t, mac) && due(t, PEER_IP));
    assert_memory_equal(asked, mac_a, 6);
    assert_true(due(t + SECOND, PEER_IP));
    assert_memory_equal(asked, ALL_MAC, 6);
    assert_true(due(t + 3 * SECOND, PEER_IP));
    assert_memory_equal(asked, ALL_MAC, 6);
    assert_true(lookup(PEER_IP, t + 4 * SECOND, mac));
    assert_false(due(t + 7 * SECOND, 0));
    assert_true(kept(PEER_IP, t + 7 * SECOND));
    assert_false(due(t + 7 * SECOND, 0)); /* the hold-off */
    assert_true(kept(PEER_IP, t + 12 * SECOND));
    assert_true(due(t + 12 * SECOND, PEER_IP));
    assert_memory_equal(asked, mac_a, 6);
    assert_true(arp_answer(&cache, PEER_IP, mac_a, t + 12 * SECOND)); /* this one is not lost */
    assert_false(kept(PEER_IP, t + 13 * SECOND));
    assert_true(lookup(PEER_IP, t + 13 * SECOND, mac));
    assert_false(due(t + 13 * SECOND, 0));
    known = t + 12 * SECOND;

    /* Silent for long: every 12 s, until it is given up. */
    assert_in_range(silence(known, known + ARP_KEPT_NS), 3 * 43, 3 * 46);
    assert_true(kept(PEER_IP, known + ARP_KEPT_NS));
    silence(known + ARP_KEPT_NS + SECOND, known + ARP_KEPT_NS + 10 * SECOND);
    assert_true(failed(PEER_IP, known + ARP_KEPT_NS + 10 * SECOND));
}

static void confirm__frames_of_the_neighbour__keep_its_entry_and_change_nothing(void **state)
{
    uint64_t t = 50 * SECOND;
    uint8_t mac[6];
    (void)state;
    arp_confirm(&cache, PEER_IP, mac_a, t);
    assert_null(arp_entry(&cache, 0));
    learn(PEER_IP, mac_a, t);
    silence(t, t + ARP_KEPT_NS - SECOND);
    arp_confirm(&cache, PEER_IP, mac_a, t + ARP_KEPT_NS - SECOND);
    arp_confirm(&cache, PEER_IP, mac_b, t + ARP_KEPT_NS + SECOND); /* of another: does not count */
    assert_true(kept(PEER_IP, t + 2 * ARP_KEPT_NS - SECOND));
    assert_true(silence(t + 2 * ARP_KEPT_NS - SECOND, t + 2 * ARP_KEPT_NS) > 0); /* still asked */
    assert_false(lookup(PEER_IP, t + 2 * ARP_KEPT_NS + SECOND, mac));
    /* It does not end a request either. */
    arp_confirm(&cache, PEER_IP, mac_a, t + 2 * ARP_KEPT_NS + SECOND);
    assert_false(lookup(PEER_IP, t + 2 * ARP_KEPT_NS + SECOND, mac));
}

static void age__too_old__is_not_used_until_answered(void **state)
{
    uint8_t mac[6];
    uint64_t t = 50 * SECOND;
    (void)state;
    learn(PEER_IP, mac_a, t);
    assert_true(lookup(PEER_IP, t + ARP_KEPT_NS, mac));
    assert_true(due(t + ARP_KEPT_NS, PEER_IP));
    assert_false(lookup(PEER_IP, t + ARP_KEPT_NS + 1, mac));
    assert_false(due(t + ARP_KEPT_NS + 1, 0)); /* the open request continues */
    assert_true(arp_answer(&cache, PEER_IP, mac_b, t + ARP_KEPT_NS + 2));
    assert_true(lookup(PEER_IP, t + ARP_KEPT_NS + 3, mac));
    assert_memory_equal(mac, mac_b, 6);
    t += 3 * ARP_KEPT_NS;
    assert_false(lookup(PEER_IP, t, mac));
    assert_true(due(t, PEER_IP));
}

static void age__look_up_with_an_earlier_time_than_the_reply__is_known(void **state)
{
    uint8_t mac[6];
    (void)state;
    learn(PEER_IP, mac_a, 50 * SECOND);
    assert_true(lookup(PEER_IP, 50 * SECOND - 1, mac));
    assert_false(due(50 * SECOND, 0));
}

static void table__full_of_known_entries__replaces_least_recently_used(void **state)
{
    uint8_t mac[6];
    (void)state;
    for (uint32_t i = 0; i < ARP_ENTRIES; i++)
        learn(PEER_IP + i, mac_a, 1000 + i);
    assert_true(lookup(PEER_IP, 2000, mac)); /* now the second is the oldest */
    learn(IP(10, 0, 0, 1), mac_b, 2001);
    for (uint32_t i = 0; i < ARP_ENTRIES; i++)
        if (i != 1)
            assert_true(lookup(PEER_IP + i, 2002, mac));
    assert_true(lookup(IP(10, 0, 0, 1), 2002, mac));
    assert_false(lookup(PEER_IP + 1, 2003, mac));
}

static bool is_known(uint32_t ip)
{
    const struct arp_entry *entry;

    for (uint32_t i = 0; (entry = arp_entry(&cache, i)) != NULL; i++)
        if (entry->ip == ip && entry->state == ARP_KNOWN)
            return true;
    return false;
}

static void table__full_of_requests__oldest_gives_way_and_newest_is_asked(void **state)
{
    uint8_t mac[6];
    uint32_t ip;
    (void)state;
    for (uint32_t i = 0; i < ARP_ENTRIES; i++)
        assert_false(lookup(PEER_IP + i, 1000, mac));
    for (uint32_t i = 0; i < ARP_ENTRIES; i++)
        assert_true(due(1000, PEER_IP + i));
    assert_int_equal(cache.replaced, 0);
    assert_false(lookup(PEER_IP + ARP_ENTRIES, 1001, mac));
    assert_true(due(1001, PEER_IP + ARP_ENTRIES));
    assert_int_equal(cache.replaced, 1);
    assert_false(arp_answer(&cache, PEER_IP, mac_a, 1001)); /* not asked for any more */
    assert_true(arp_answer(&cache, PEER_IP + ARP_ENTRIES, mac_a, 1001));
    for (uint32_t i = 1; i < ARP_ENTRIES; i++)
        assert_true(arp_answer(&cache, PEER_IP + i, mac_a, 1001));
    assert_false(arp_due(&cache, 1001 + 10 * SECOND, &ip, asked));
}

static void table__lookups_of_many_addresses__keep_known_entries(void **state)
{
    uint8_t mac[6];
    uint32_t ip;
    (void)state;
    for (uint32_t i = 0; i < ARP_ENTRIES / 2; i++)
        learn(PEER_IP + i, mac_a, 1000);
    for (uint32_t i = 0; i < 5000; i++) {
        assert_false(lookup(IP(10, 0, 0, 0) + i, 2000 + i * SECOND / 10, mac));
        while (arp_due(&cache, 2000 + i * SECOND / 10, &ip, asked))
            ;
        if (i % 100 == 99) { /* a live one among them, found as if it were alone */
            learn(IP(10, 9, 0, 0), mac_b, 2001 + i * SECOND / 10);
            assert_true(arp_remove(&cache, IP(10, 9, 0, 0)));
        }
    }
    for (uint32_t i = 0; i < ARP_ENTRIES / 2; i++)
        assert_true(is_known(PEER_IP + i));
    /* Requests are bounded too: at most one a second for each pending address. */
    assert_true(cache.requests < 500 * ARP_ENTRIES);
}

static void table__failed_entries__give_way_first(void **state)
{
    uint8_t mac[6];
    uint32_t ip;
    (void)state;
    for (uint32_t i = 0; i < ARP_ENTRIES / 2; i++)
        learn(PEER_IP + i, mac_a, 1000);
    for (uint32_t i = 0; i < ARP_ENTRIES / 2; i++)
        assert_false(lookup(IP(10, 0, 0, 1) + i, 1000, mac));
    for (uint64_t t = 0; t < 20 * SECOND; t += SECOND)
        while (arp_due(&cache, 1000 + t, &ip, asked) || arp_is_due(&cache, 1000 + t))
            ;
    assert_true(failed(IP(10, 0, 0, 1), 1000 + 8 * SECOND));
    for (uint32_t i = 0; i < ARP_ENTRIES / 2; i++)
        learn(IP(10, 1, 0, 1) + i, mac_b, 20 * SECOND);
    for (uint32_t i = 0; i < ARP_ENTRIES / 2; i++)
        assert_true(is_known(PEER_IP + i) && is_known(IP(10, 1, 0, 1) + i));
    assert_int_equal(cache.replaced, 0);
}

static void static__set__never_requested_changed_or_replaced(void **state)
{
    uint8_t mac[6];
    uint32_t ip;
    (void)state;
    assert_true(arp_set(&cache, PEER_IP, mac_a));
    learn(PEER_IP + 1, mac_b, 1000);
    assert_true(arp_set(&cache, PEER_IP + 1, mac_a)); /* a known one becomes static */
    assert_false(lookup(PEER_IP + 2, 1000, mac));
    assert_true(due(1000, PEER_IP + 2));
    assert_true(arp_set(&cache, PEER_IP + 2, mac_a)); /* and one that is asked for */
    arp_claim(&cache, PEER_IP, mac_b, 1000);
    assert_false(arp_answer(&cache, PEER_IP, mac_b, 1000));
    assert_false(arp_answer(&cache, PEER_IP + 2, mac_b, 1000));
    for (uint32_t i = 0; i < 1000; i++)
        (void)lookup(IP(10, 0, 0, 1) + i, 1000 + i * SECOND, mac);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(lookup(PEER_IP + i, 2000 * SECOND, mac));
        assert_memory_equal(mac, mac_a, 6);
    }
    while (arp_due(&cache, 3000 * SECOND, &ip, asked) || arp_is_due(&cache, 3000 * SECOND))
        assert_true(ip < PEER_IP || ip > PEER_IP + 2);
    arp_clear(&cache);
    assert_true(lookup(PEER_IP, 3000 * SECOND, mac));
    assert_true(arp_set(&cache, PEER_IP, mac_b)); /* changed by the operator */
    assert_true(lookup(PEER_IP, 3000 * SECOND, mac));
    assert_memory_equal(mac, mac_b, 6);
    assert_true(arp_remove(&cache, PEER_IP));
    assert_false(arp_remove(&cache, PEER_IP));
    assert_false(lookup(PEER_IP, 3000 * SECOND, mac));
}

static void forget__some_at_a_time__oldest_first_and_no_static_ones(void **state)
{
    uint8_t mac[6];
    (void)state;
    assert_true(arp_set(&cache, PEER_IP, mac_a));
    for (uint32_t i = 0; i < 20; i++)
        learn(IP(10, 0, 0, 1) + i, mac_b, 1000 + i);
    assert_int_equal(arp_forget(&cache, 15), 15);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(is_known(IP(10, 0, 0, 1) + i), i >= 15);
    learn(IP(10, 0, 0, 1), mac_b, 2000); /* meanwhile */
    assert_int_equal(arp_forget(&cache, 5), 5);
    assert_true(is_known(IP(10, 0, 0, 1)));
    assert_int_equal(arp_forget(&cache, 5), 1);
    assert_int_equal(arp_forget(&cache, 5), 0);
    assert_true(lookup(PEER_IP, 3000, mac));
    assert_int_equal(cache.n, 1);
}

static void static__half_of_the_table__refuses_one_more(void **state)
{
    uint8_t mac[6];
    (void)state;
    for (uint32_t i = 0; i < ARP_ENTRIES / 2; i++)
        assert_true(arp_set(&cache, PEER_IP + i, mac_a));
    assert_false(arp_set(&cache, PEER_IP + ARP_ENTRIES / 2, mac_a));
    assert_true(arp_set(&cache, PEER_IP, mac_b));
    for (uint32_t i = 0; i < 1000; i++)
        learn(IP(10, 0, 0, 1) + i, mac_b, 1000 + i);
    assert_true(arp_remove(&cache, PEER_IP));
    assert_true(arp_set(&cache, PEER_IP + ARP_ENTRIES / 2, mac_a));
    for (uint32_t i = 1; i <= ARP_ENTRIES / 2; i++)
        assert_true(lookup(PEER_IP + i, 5000, mac));
}

static void table__extended__holds_thousands_and_finds_each(void **state)
{
    enum { MANY = 4224 };
    uint8_t mac[6];
    (void)state;
    void *memory = calloc(1, arp_bytes(MANY));
    assert_true(arp_set(&cache, IP(10, 255, 0, 1), mac_a));
    learn(PEER_IP, mac_a, 1000);
    arp_extend(&cache, memory, MANY, 0x12345677);
    assert_true(lookup(IP(10, 255, 0, 1), 1000, mac)); /* only static entries move along */
    assert_true(arp_remove(&cache, IP(10, 255, 0, 1)));
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < MANY; i++)
            learn(IP(10, 0, 0, 1) + i * 7, i & 1 ? mac_a : mac_b, 1000 + i);
        for (uint32_t i = 0; i < MANY; i++) {
            assert_true(lookup(IP(10, 0, 0, 1) + i * 7, 2 * MANY + i, mac));
            assert_memory_equal(mac, i & 1 ? mac_a : mac_b, 6);
        }
        learn(PEER_IP, mac_a, 4 * MANY); /* replaces the first */
        assert_false(lookup(IP(10, 0, 0, 1), 4 * MANY, mac));
        assert_true(lookup(PEER_IP, 4 * MANY, mac));
        assert_true(lookup(IP(10, 0, 0, 1) + 14, 4 * MANY, mac));
        if (round == 0) { /* a part, which leaves the others, then the rest */
            const uint32_t all = cache.n;
            assert_int_equal(arp_forget(&cache, 100), 100);
            assert_int_equal(cache.n, all - 100);
            assert_int_equal(arp_forget(&cache, UINT32_MAX), all - 100);
            assert_int_equal(cache.n, 0);
            assert_false(lookup(PEER_IP, 4 * MANY, mac));
        }
        arp_clear(&cache);
        assert_null(arp_entry(&cache, 0));
        assert_false(due(5 * MANY, 0));
    }
    free(memory);
}

static void table__thousands_of_absent_hosts__requests_come_as_for_one(void **state)
{
    enum { MANY = 5000 };
    uint8_t mac[6];
    uint32_t ip;
    (void)state;
    void *memory = calloc(1, arp_bytes(MANY));
    arp_extend(&cache, memory, MANY, 0x12345677);
    for (uint32_t i = 0; i < MANY; i++)
        assert_false(lookup(IP(10, 0, 0, 1) + i, 1000 + i, mac));
    for (uint32_t i = 0; i < MANY; i++)
        assert_true(due(10000, IP(10, 0, 0, 1) + i));
    for (unsigned s = 1; s <= 8; s++) {
        uint64_t before = cache.requests;
        while (arp_due(&cache, 10000 + s * SECOND, &ip, asked) ||
               arp_is_due(&cache, 10000 + s * SECOND))
            ;
        assert_int_equal(cache.requests - before, s == 1 || s == 3 ? MANY : 0);
    }
    for (uint32_t i = 0; i < MANY; i++)
        assert_true(failed(IP(10, 0, 0, 1) + i, 9 * SECOND));
    free(memory);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parse__good_packet__reads_every_field),
        TEST(parse__cut_at_each_byte__is_refused),
        TEST(parse__each_fixed_byte_wrong__is_refused),
        TEST(parse__impossible_senders__are_refused),
        TEST(build__any_packet__is_read_back_by_parse),
        TEST(lookup__unknown__asks_with_back_off_then_holds_off),
        TEST(answer__solicited__is_accepted_once),
        TEST(answer__unsolicited__makes_no_entry),
        TEST(recheck__other_mac_claimed__requests_again_and_keeps_the_old_mac),
        TEST(recheck__moves_in_a_row__each_is_found_at_once_and_later_ones_not_forgotten),
        TEST(recheck__while_the_old_mac_is_asked_alone__asks_all_at_once),
        TEST(recheck__false_claims_all_the_time__requests_are_few),
        TEST(age__used_when_old__is_requested_again_and_used_meanwhile),
        TEST(age__reply_is_lost__mac_is_kept_and_requested_again),
        TEST(confirm__frames_of_the_neighbour__keep_its_entry_and_change_nothing),
        TEST(age__too_old__is_not_used_until_answered),
        TEST(age__look_up_with_an_earlier_time_than_the_reply__is_known),
        TEST(table__full_of_known_entries__replaces_least_recently_used),
        TEST(table__full_of_requests__oldest_gives_way_and_newest_is_asked),
        TEST(table__failed_entries__give_way_first),
        TEST(table__thousands_of_absent_hosts__requests_come_as_for_one),
        TEST(static__set__never_requested_changed_or_replaced),
        TEST(forget__some_at_a_time__oldest_first_and_no_static_ones),
        TEST(static__half_of_the_table__refuses_one_more),
        TEST(table__extended__holds_thousands_and_finds_each),
        TEST(table__lookups_of_many_addresses__keep_known_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
