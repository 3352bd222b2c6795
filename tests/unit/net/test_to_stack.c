/* SPDX-License-Identifier: BSD-2-Clause
 * The quick ways of the stack, in a receive buffer (net/lane/to_stack.c) and in the core's memory
 * (net/stack/quick.c), against the slow one (netif_ip_input): each frame goes through all, in stacks of
 * the same state. What a quick way takes must have the same answer, fate and counters; what it leaves
 * must be unchanged. Covers:
 *  - pings and datagrams to each kind of service, of every length, padded and not;
 *  - every byte of the headers at its bounds, with stale and with right checksums;
 *  - random frames with several faults, with a verdict of the card or none;
 *  - checksums of 0 and FFFF, received and sent.
 *
 * links: $(STACK) net/lane/to_stack.c net/lane/wire.c
 */
#include "net/lane/side.h"
#include "net/lane/to_stack.h"
#include "net/stack/internal.h"
#include "net/stack/quick.h"
#include "net/stack/services.h"
#include "tests/unit/random.h"
#include "tests/unit/stack/netif_host.h"

enum {
    REVERSE_PORT = 5000, /* a service that looks at all of the data */
    HEAD_PORT = 5001,    /* one that declares how much it looks at */
    TWAMP_PORT = 862,
    HEAD_BYTES = 5,
};

static struct netif_face face;
static uint64_t now_ns;
static struct lane lane;
static uint64_t taken, taken_in_place, answered;

/* Not reached: only to_stack_by_side has a side queue; see test_router.c. */
bool side_renew(struct side *side)
{
    (void)side;
    return false;
}

static uint32_t below(uint32_t n)
{
    return random_next() % n;
}

static uint64_t tick(void)
{
    return now_ns += 1000;
}

/* Answers with the data reversed; a first byte below 16 chooses another length. */
static uint32_t reverse(void *context, struct udp_datagram *d)
{
    uint32_t n = d->data_bytes;

    (void)context;
    for (uint32_t i = 0; i < n / 2; i++) {
        uint8_t was = d->data[i];
        d->data[i] = d->data[n - 1 - i];
        d->data[n - 1 - i] = was;
    }
    if (n > 0 && d->data[0] < 16) {
        uint32_t more = MIN((uint32_t)d->data[0] * 100, d->room + 1);
        for (uint32_t i = n; i < more && i < d->room; i++)
            d->data[i] = (uint8_t)i;
        n = more;
    }
    d->answer_ttl = d->src_port & 1 ? 64 : 200;
    return n;
}

/* Changes the first HEAD_BYTES; a first byte below 16 chooses another answer, or none. */
static uint32_t change_head(void *context, struct udp_datagram *d)
{
    uint32_t n = MIN(d->data_bytes, (uint32_t)HEAD_BYTES), answer = d->data_bytes;

    (void)context;
    if (n > 0 && d->data[0] < 16)
        answer = (const uint32_t[]){
            0, 1, 4, 5, 6, 700, 2000, UDP_SILENT, UDP_REFUSED, UDP_LOOPS}[d->data[0] % 10];
    for (uint32_t i = 0; i < HEAD_BYTES; i++)
        d->data[i] = (uint8_t)((i < n ? d->data[i] : 0) * 3 + i);
    return answer;
}

static int begin(void **state)
{
    start(state);
    now_ns = 1000 * SECOND;
    nif.clock = tick;
    assert_true(netif_bind_head(&nif, TWAMP_PORT, udp_twamp, NULL, TWAMP_BYTES));
    assert_true(netif_bind(&nif, REVERSE_PORT, reverse, NULL));
    assert_true(netif_bind_head(&nif, HEAD_PORT, change_head, NULL, HEAD_BYTES));
    uint8_t mac[6];
    assert_int_equal(netif_resolve(&nif, PEER_IP, mac), NETIF_ASKING);
    while (netif_poll(&nif, 101 * SECOND, frame) != 0)
        ;
    assert_true(arp_answer(&nif.arp, PEER_IP, (const uint8_t *)PEER_MAC, 101 * SECOND));
    face = netif_own_face(&nif);
    lane = (struct lane){.netif = &nif};
    taken = taken_in_place = answered = 0;
    return 0;
}

/* ---- One frame, all ways ---- */

/* The word of a card that does not lie, or that verifies nothing. */
static uint64_t word_of(const uint8_t *f, uint32_t n, bool is_verified)
{
    uint64_t word = RX_WHOLE | n;

    if (!is_verified || n < 34 || get16(f + 12) != 0x0800 || f[14] != 0x45)
        return word;
    word |= RX_IPCS;
    if (slow_sum(f + 14, 20, 0) != 0xFFFF)
        return word | RX_IPE;
    uint32_t total = get16(f + 16), bytes = get16(f + 38);
    if (f[23] != 17 || total + 14 > n || total < 28 || (get16(f + 20) & 0x3FFF) ||
        get16(f + 40) == 0)
        return word;
    word |= RX_UDPCS | RX_L4CS;
    if (bytes < 8 || bytes > total - 20 ||
        slow_sum(f + 34, total - 20, slow_pseudo(f + 14, bytes)) != 0xFFFF)
        word |= RX_TCPE;
    return word;
}

static uint32_t verdict_of(uint64_t word)
{
    return ((word & (RX_IPCS | RX_IPE)) == RX_IPCS ? NETIF_IP_CHECKED : 0) |
           ((word & RX_SUMS) == (RX_IPCS | RX_L4CS | RX_UDPCS) ? NETIF_UDP_CHECKED : 0);
}

/* The frame's n bytes in `slot` have gone one way, which left `out` and the stack as it is now: the
 * same as the slow way from `before`? Returns whether they were taken. */
static bool equals_the_slow_way(struct outcome out, const uint8_t *slot, uint32_t n,
                                const struct netif *before, uint64_t began_ns)
{
    static struct netif after;
    static uint8_t slow[ETH_BUFFER];

    if (out.fate == FATE_FAST) {
        assert_int_equal(out.length, 0);
        assert_memory_equal(&nif, before, sizeof(nif));
        assert_memory_equal(slot, frame, n);
        assert_int_equal(now_ns, began_ns);
        return false;
    }
    taken++;
    after = nif;
    nif = *before;
    now_ns = began_ns;
    memcpy(slow, frame, n);
    memset(slow + n, 0x33, ETH_BUFFER - n);
    struct outcome expected = netif_ip_input(&nif, &face, slow, n);
    assert_int_equal(out.length, expected.length);
    assert_int_equal(out.fate, expected.fate);
    assert_memory_equal(&nif, &after, sizeof(nif));
    assert_memory_equal(slot, slow, out.length);
    answered += out.length != 0;
    return true;
}

/* In the receive buffer. */
static bool compare_lane(uint32_t n, uint64_t word)
{
    static uint8_t slot[ETH_BUFFER];
    static struct netif before;
    const uint64_t began_ns = now_ns;

    before = nif;
    memcpy(slot, frame, n);
    memset(slot + n, 0x77, ETH_BUFFER - n);
    struct outcome out = to_stack(&lane, wire_frames(slot), word);
    if (out.length == 0) /* what is not sent is not changed, so that taps see it */
        assert_memory_equal(slot, frame, n);
    return equals_the_slow_way(out, slot, n, &before, began_ns);
}

/* In the core's memory. */
static bool compare_quick(uint32_t n, uint32_t checked)
{
    static uint8_t bytes[ETH_BUFFER];
    static struct netif before;
    const uint64_t began_ns = now_ns;

    before = nif;
    memcpy(bytes, frame, n);
    memset(bytes + n, 0x77, ETH_BUFFER - n);
    struct outcome out = netif_quick(&nif, face.mac, checked, bytes, n);
    return equals_the_slow_way(out, bytes, n, &before, began_ns);
}

/* All ways, with the card's verdict and without. Returns whether it was taken in the core's memory. */
static bool compare(uint32_t n)
{
    uint64_t word = word_of(frame, n, true);
    bool is_taken = compare_quick(n, verdict_of(word));

    assert_int_equal(compare_quick(n, 0), is_taken);
    if (n < FRAME_MIN)
        return is_taken;
    if (compare_lane(n, word)) {
        taken_in_place++;
        assert_true(is_taken);
        /* A datagram also without the card's verdict, and a ping only with it. */
        assert_int_equal(compare_lane(n, word_of(frame, n, false)), frame[23] == 17);
    }
    return is_taken;
}

static void taken_all_ways(uint32_t n)
{
    uint64_t before = taken_in_place;

    assert_true(compare(n));
    assert_int_equal(taken_in_place, before + 1);
}

/* ---- Frames ---- */

static const unsigned service_ports[] = {7, 9, TWAMP_PORT, REVERSE_PORT, HEAD_PORT};

static void scramble_data(uint32_t at, uint32_t n)
{
    for (uint32_t i = at; i < n; i++)
        frame[i] = (uint8_t)below(256);
    fix_payload(frame, n);
}

static void quick__each_length_of_each_service__equals_the_slow_way(void **state)
{
    (void)state;
    for (size_t data = 0; data <= 1472; data++) {
        for (unsigned p = 0; p < ARRAY_SIZE(service_ports); p++) {
            uint32_t n = (uint32_t)make_udp(frame, 40000, service_ports[p], 0, data);
            scramble_data(42, n);
            assert_true(compare(n));
            memset(frame + n, 0, 60);
            taken_all_ways(MAX(n, 60u));
        }
        uint32_t n = (uint32_t)make_icmp(frame, 8, 77, 1, 0, data);
        scramble_data(38, n);
        assert_true(compare(n));
        taken_all_ways(MAX(n, 60u));
    }
    assert_true(answered > taken / 2);
}

/* Header bytes, one after the other, at values that matter; checksums stale, and right. */
static void quick__each_header_byte_at_its_bounds__equals_the_slow_way(void **state)
{
    static const uint8_t values[] = {0,    1,    2,    3,    4,    7,    8,    9,   20,  28,
                                     0x1F, 0x20, 0x3F, 0x40, 0x45, 0x46, 63,   64,  127, 128,
                                     192,  223,  224,  240,  254,  255,  0x5E, 0x13};
    (void)state;
    for (unsigned p = 0; p <= ARRAY_SIZE(service_ports); p++)
        for (uint32_t at = 0; at < 50; at++)
            for (unsigned v = 0; v < ARRAY_SIZE(values); v++)
                for (unsigned fix = 0; fix < 4; fix++) {
                    uint32_t n = p == ARRAY_SIZE(service_ports)
                                     ? (uint32_t)make_icmp(frame, 8, 77, 1, 0, 40)
                                     : (uint32_t)make_udp(frame, 40000, service_ports[p], 0, 40);
                    frame[at] = values[v];
                    if (fix & 1)
                        fix_payload(frame, n);
                    if (fix & 2)
                        fix_ip(frame);
                    (void)compare(n);
                }
    assert_true(answered > 1000);
}

/* What must be left to the slow way, though all else is right. */
static void quick__what_is_not_plain__is_left(void **state)
{
    const struct {
        uint8_t at, value;
    } rows[] = {{0, 0x04},  {5, 0x03},  {0, 0x03},  {6, 0x03},  {12, 0x86}, {13, 0x06},
                {14, 0x55}, {14, 0x46}, {20, 0x20}, {21, 0x01}, {23, 6},    {26, 0},
                {26, 127},  {26, 224},  {26, 255},  {29, 0},    {29, 255},  {29, 1},
                {33, 2},    {33, 255},  {16, 0x08}, {17, 27}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        for (unsigned ping = 0; ping < 2; ping++) {
            uint32_t n = ping ? (uint32_t)make_icmp(frame, 8, 77, 1, 0, 40)
                              : (uint32_t)make_udp(frame, 40000, 7, 0, 40);
            assert_true(compare(n));
            frame[rows[i].at] = rows[i].value;
            fix_payload(frame, n);
            fix_ip(frame);
            assert_false(compare(n));
            frame[rows[i].at] ^= 0xFF; /* and the checksum alone wrong */
        }
    uint32_t n = (uint32_t)make_udp(frame, 40000, 7, 0, 40);
    frame[24] ^= 1; /* the header's checksum, which the card has not verified */
    assert_false(compare_quick(n, 0));
    n = (uint32_t)make_udp(frame, 40000, 7, 0, 40);
    frame[50] ^= 1;
    assert_false(compare_quick(n, NETIF_IP_CHECKED));
    n = (uint32_t)make_udp(frame, 40000, 8, 0, 40); /* no service */
    assert_false(compare(n));
    n = (uint32_t)make_udp(frame, 40000, 7, 0, 40);
    nif.is_refused = true; /* another host has our address */
    assert_false(compare(n));
    nif.is_refused = false;
    nif.is_configured = false;
    assert_false(compare_quick(n, 0));
}

static void quick__random_frames_with_faults__equal_the_slow_way(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60000; round++) {
        uint32_t data = below(4) ? below(120) : below(1473);
        unsigned from = (unsigned[]){40000, 7, 1023, 1024, 5000, 862, 0, below(65536)}[below(8)];
        uint32_t n = below(4) == 0
                         ? (uint32_t)make_icmp(frame, 8, below(65536), below(65536), 0, data)
                         : (uint32_t)make_udp(frame, from, service_ports[below(5)], 0, data);
        scramble_data(42, n);
        frame[15] = (uint8_t)below(256);
        frame[22] = (uint8_t)below(256);
        put32(frame + 26, below(2) ? PEER_IP : below(0xFFFFFFFF));
        for (unsigned faults = below(3); faults > 0; faults--)
            frame[below(MIN(n, 80u))] ^= (uint8_t)(1u << below(8));
        if (below(4) != 0)
            fix_payload(frame, n);
        if (below(8) != 0)
            fix_ip(frame);
        if (below(8) == 0)
            put16(frame + 40, 0);
        if (below(4) == 0) { /* behind the datagram, or a part of it is missing */
            uint32_t other = MAX(60u, n - below(8));
            memset(frame + n, 0x55, 60);
            n = below(2) ? other : n + below(20);
        }
        nif.mtu = (uint16_t)(below(2) ? 1500 : 68 + below(1600));
        (void)compare(n);
    }
    assert_true(answered > 30000 && taken_in_place > 15000);
}

/* All 65,536 values of one data word: among them those with the sums 0 and FFFF. */
static void quick__each_sum__equals_the_slow_way(void **state)
{
    (void)state;
    for (unsigned p = 0; p <= ARRAY_SIZE(service_ports); p++)
        for (unsigned word = 0; word < 65536; word++) {
            uint32_t n = p == ARRAY_SIZE(service_ports)
                             ? (uint32_t)make_icmp(frame, 8, 0, 0, 0, 0)
                             : (uint32_t)make_udp(frame, 40000, service_ports[p], 0, 48);
            if (p == ARRAY_SIZE(service_ports))
                put16(frame + 38, word);
            else
                put16(frame + 60, word);
            fix_payload(frame, n);
            assert_true(compare(n));
            if (p != ARRAY_SIZE(service_ports) && word % 16 == 0) {
                put16(frame + 40, 0);
                assert_true(compare(n));
            }
        }
}

/* The peer's entry in the ARP table lives on, and only by its own MAC address. */
static void quick__frame_of_a_neighbour__confirms_it(void **state)
{
    (void)state;
    uint32_t n = (uint32_t)make_udp(frame, 40000, 7, 0, 40);
    nif.now_ns = 200 * SECOND;
    assert_true(compare(n));
    assert_int_equal(arp_entry(&nif.arp, 0)->alive_ns, 200 * SECOND);
    nif.now_ns = 300 * SECOND;
    frame[11] ^= 1;
    assert_true(compare(n));
    assert_int_equal(arp_entry(&nif.arp, 0)->alive_ns, 200 * SECOND);
}

#define QUICK(name) cmocka_unit_test_setup_teardown(name, begin, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUICK(quick__each_length_of_each_service__equals_the_slow_way),
        QUICK(quick__each_header_byte_at_its_bounds__equals_the_slow_way),
        QUICK(quick__what_is_not_plain__is_left),
        QUICK(quick__random_frames_with_faults__equal_the_slow_way),
        QUICK(quick__each_sum__equals_the_slow_way),
        QUICK(quick__frame_of_a_neighbour__confirms_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
