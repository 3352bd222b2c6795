/* SPDX-License-Identifier: BSD-2-Clause
 * VLAN tags (IEEE 802.1Q) in the stack: every tag with an address without and with a VLAN, answers
 * in place, frames that the stack sends (ARP, pings, errors, fragments), truncated and nested tags.
 *
 * links: $(STACK)
 */
#include "tests/unit/fragments.h"

#define VLAN 100

/* Insert a tag into the frame; returns its new length. */
static size_t tag(unsigned value, size_t n)
{
    memmove(frame + 16, frame + 12, n - 12);
    put16(frame + 12, 0x8100);
    put16(frame + 14, value);
    return n + 4;
}

static uint32_t give(size_t n)
{
    out_n = 0;
    memset(frame + n, 0xA5, ETH_BUFFER - n);
    return netif_input(&nif, frame, (uint32_t)n).length;
}

/* Remove the tag from a frame, which must be this one; returns its new length. */
static uint32_t untag(uint8_t *p, uint32_t n, unsigned value)
{
    assert_int_equal(get16(p + 12), 0x8100);
    assert_int_equal(get16(p + 14), value);
    memmove(p + 12, p + 16, n - 16);
    return n - 4;
}

static void untagged_address__each_tag__answers_only_priority_tags_untagged(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 65536; value++) {
        uint32_t got = give(tag(value, make_icmp(frame, 8, 1, 1, 0, 56)));
        assert_int_equal(got, (value & 0xFFF) == 0 ? 98 : 0);
        if (got != 0)
            assert_null(fault_of(frame, got));
    }
    assert_int_equal(nif.drops[DROP_eth_vlan], 65536 - 16);
    assert_int_equal(
        give(tag(0xE000, make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP))),
        60);
    assert_null(fault_of(frame, 60));
    assert_int_equal(give(tag(0, make_udp(frame, 4000, 7, 4, 1468))), 1510);
    assert_null(fault_of(frame, 1510));
}

static void tagged_address__each_tag__answers_its_own_with_the_same_priority(void **state)
{
    (void)state;
    nif.vlan = VLAN;
    for (unsigned value = 0; value < 65536; value++) {
        uint32_t got = give(tag(value, make_icmp(frame, 8, 1, 1, 0, 56)));
        assert_int_equal(got, (value & 0xFFF) == VLAN ? 102 : 0);
        if (got != 0)
            assert_null(fault_of(frame, untag(frame, got, value)));
    }
    dropped(make_icmp(frame, 8, 1, 1, 0, 56), DROP_eth_vlan);
    dropped(make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP), DROP_eth_vlan);
    uint32_t got =
        give(tag(VLAN, make_arp(frame, 1, ALL_MAC, PEER_MAC, PEER_IP, "\0\0\0\0\0\0", US_IP)));
    assert_int_equal(got, 64);
    assert_null(fault_of(frame, untag(frame, got, VLAN)));
    got = give(tag(VLAN, make_udp(frame, 4000, 7, 0, 1472)));
    assert_int_equal(got, 1518); /* a full frame and its tag */
    assert_null(fault_of(frame, untag(frame, got, VLAN)));
}

/* A tag of VLAN 0 before ours is no VLAN: Linux takes such frames too. */
static void tagged_address__priority_before_its_tag__is_left_out(void **state)
{
    (void)state;
    nif.vlan = VLAN;
    for (unsigned priority = 0; priority < 16; priority++) {
        size_t n = tag(VLAN | 0x2000, make_icmp(frame, 8, 1, 1, 0, 56));
        uint32_t got = give(tag(priority << 12, n));
        assert_int_equal(got, 102);
        assert_null(fault_of(frame, untag(frame, got, VLAN | 0x2000)));
    }
    dropped(tag(0, make_icmp(frame, 8, 1, 1, 0, 56)), DROP_eth_vlan);
    dropped(tag(VLAN, tag(0, make_icmp(frame, 8, 1, 1, 0, 56))), DROP_eth_other);
}

static void tagged_address__frames_of_our_own__have_the_tag(void **state)
{
    uint8_t mac[6];
    (void)state;
    nif.vlan = VLAN;
    netif_link_up(&nif);
    uint64_t t = nif.now_ns;
    unsigned n = 0;
    for (; nif.now_ns < t + 10 * SECOND; nif.now_ns += SECOND / 10)
        for (uint32_t made; (made = netif_poll(&nif, nif.now_ns, frame)) != 0; n++)
            assert_null(fault_of(frame, untag(frame, made, VLAN)));
    assert_int_equal(n, 5);
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    uint32_t made = netif_poll(&nif, nif.now_ns, frame);
    assert_null(fault_of(frame, untag(frame, made, VLAN)));
    made = netif_ping(&nif, frame, (const uint8_t *)PEER_MAC, PEER_IP, 1, 1, NETIF_PING_DATA_MAX);
    assert_int_equal(made, 1518);
    assert_null(fault_of(frame, untag(frame, made, VLAN)));
    /* An error. */
    assert_int_equal(give(tag(VLAN, make_udp(frame, 4000, 53, 0, 5))), 0);
    assert_int_equal(out_n, 1);
    assert_null(fault_of(out[0], untag(out[0], out_bytes[0], VLAN)));
    assert_int_equal(get16(out[0] + 34), 0x303);
    /* Fragments. */
    uint32_t bytes = make_big_echo(4000);
    for (uint32_t at = 0; at < bytes; at += 1480) {
        uint32_t piece = MIN(1480u, bytes - at);
        uint32_t length = make_fragment(PEER_IP, 9, 1, at, piece, at + 1480 < bytes);
        assert_int_equal(give(tag(VLAN, length)), 0);
    }
    assert_int_equal(out_n, 3);
    assert_int_equal(out_bytes[0], 1518);
    for (unsigned i = 0; i < 3; i++)
        out_bytes[i] = untag(out[i], out_bytes[i], VLAN);
    assert_int_equal(gather(1), bytes);
    assert_memory_equal(whole + 4, payload + 4, bytes - 4);
}

static void tags__truncated_or_nested__are_dropped(void **state)
{
    (void)state;
    for (size_t n = 14; n < 18; n++) {
        tag(0, make_icmp(frame, 8, 1, 1, 0, 56));
        assert_int_equal(give(n), 0);
    }
    assert_int_equal(nif.drops[DROP_eth_other], 4);
    tag(0, make_icmp(frame, 8, 1, 1, 0, 56));
    dropped(18, DROP_ip_header);
    size_t n;
    for (unsigned inner = 0; inner < 2; inner++)
        dropped(tag(0x6000, tag(inner, make_icmp(frame, 8, 1, 1, 0, 56))), DROP_eth_vlan);
    n = tag(0, make_icmp(frame, 8, 1, 1, 0, 56));
    put16(frame + 12, 0x88A8); /* a provider's tag */
    dropped(n, DROP_eth_other);
    /* A frame as long as the buffer. */
    n = tag(0, make_icmp(frame, 8, 1, 1, 0, ETH_BUFFER - 46));
    assert_int_equal(n, ETH_BUFFER);
    assert_int_equal(give(n), ETH_BUFFER - 4);
    nif.vlan = VLAN;
    n = tag(VLAN, make_icmp(frame, 8, 1, 1, 0, ETH_BUFFER - 46));
    assert_int_equal(give(n), ETH_BUFFER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_FRAGMENTS(untagged_address__each_tag__answers_only_priority_tags_untagged),
        TEST_FRAGMENTS(tagged_address__each_tag__answers_its_own_with_the_same_priority),
        TEST_FRAGMENTS(tagged_address__priority_before_its_tag__is_left_out),
        TEST_FRAGMENTS(tagged_address__frames_of_our_own__have_the_tag),
        TEST_FRAGMENTS(tags__truncated_or_nested__are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
