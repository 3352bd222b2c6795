/* SPDX-License-Identifier: BSD-2-Clause
 * Which frames the model takes and which queue gets them. Covers: receive addresses and their
 * aliases, broadcast, multicast hash with each offset, unicast hash, promiscuity, VLAN filter;
 * Toeplitz hashes of Microsoft's verification suite, RETA, types, descriptor fields; EtherType, SYN
 * and 5-tuple filters and their order; pools and traffic classes; flow director in both modes.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"
#include "tests/unit/model/model_packets.h"

static struct made m;

/* Which of the first 16 queues got the frame; -1: none. */
static struct bench *spread(uint32_t srrctl)
{
    struct bench *b = bench_new(NULL);

    reset_card(b);
    init_card(b);
    for (uint32_t q = 0; q < 16; q++)
        rx_ring(b, q, 8, srrctl);
    open_receive(b);
    link_up(b);
    return b;
}

static int send(struct bench *b)
{
    uint32_t before[16];

    for (uint32_t q = 0; q < 16; q++)
        before[q] = rd(b, RDH(q));
    x540_frame_in(b->card, m.bytes, m.len);
    for (uint32_t q = 0; q < 16; q++)
        if (rd(b, RDH(q)) != before[q]) {
            wr(b, RDT(q), before[q]); /* the slot is given back */
            return (int)q;
        }
    return -1;
}

static bool accepted(struct bench *b, const uint8_t *mac)
{
    struct wanted w = {.mac = mac, .payload = 50};

    packet_make(&w, &m);
    return send(b) >= 0;
}

/* ---- Addresses ---- */

static void address__exact__own_and_added_ones_pass(void **state)
{
    static const uint8_t own[6] = {0x02, 0x54, 0x00, 0x12, 0x34, 0x56};
    static const uint8_t other[6] = {0x02, 0x54, 0x00, 0x12, 0x34, 0x57};
    static const uint8_t group[6] = {0x01, 0x00, 0x5E, 0x01, 0x02, 0x03};
    struct bench *b = spread(LEGACY);

    (void)state;
    assert_true(accepted(b, own));
    assert_false(accepted(b, other));
    assert_false(accepted(b, group));
    wr(b, RAL + 8 * 127, 0x12005402);
    wr(b, RAH + 8 * 127, 0x5734);
    assert_false(accepted(b, other)); /* not valid yet */
    wr(b, RAH + 8 * 127, 0x5734 | RAH_AV);
    assert_true(accepted(b, other));
    wr(b, 0x5400 + 8 * 3, 0x015E0001); /* by the alias; a group address is allowed */
    wr(b, 0x5404 + 8 * 3, 0x0302 | RAH_AV);
    assert_int_equal(rd(b, RAL + 8 * 3), 0x015E0001);
    assert_true(accepted(b, group));
    wr(b, RAH, 0);
    assert_false(accepted(b, own));
    assert_int_equal(x540_truth(b->card).dropped_filter, 4);
    bench_free(b);
}

static void address__broadcast__needs_bam_or_mpe(void **state)
{
    static const uint8_t all[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    struct bench *b = spread(LEGACY);

    (void)state;
    assert_true(accepted(b, all));
    wr(b, FCTRL, FCTRL_UPE);
    assert_false(accepted(b, all));
    wr(b, FCTRL, FCTRL_MPE);
    assert_true(accepted(b, all));
    bench_free(b);
}

static void address__multicast_hash__each_offset(void **state)
{
    static const uint8_t group[6] = {0x01, 0x00, 0x5E, 0x01, 0xA2, 0xC3};
    /* address bits 47:36, 46:35, 45:34, 43:32 with byte 4 in bits 39:32 */
    static const uint32_t index[4] = {0xC3A, (0xC3A2 >> 3) & 0xFFF, (0xC3A2 >> 2) & 0xFFF, 0x3A2};

    (void)state;
    for (uint32_t mo = 0; mo < 4; mo++) {
        struct bench *b = spread(LEGACY);

        wr(b, MTA + 4 * (index[mo] >> 5), BIT(index[mo] & 31));
        assert_false(accepted(b, group));
        wr(b, MCSTCTRL, MCSTCTRL_MFE | mo);
        assert_true(accepted(b, group));
        wr(b, MTA + 4 * (index[mo] >> 5), ~BIT(index[mo] & 31));
        assert_false(accepted(b, group));
        bench_free(b);
    }
}

static void address__promiscuous__unicast_and_multicast_apart(void **state)
{
    static const uint8_t group[6] = {0x01, 0, 0, 0, 0, 1}, other[6] = {0x02, 0, 0, 0, 0, 2};
    struct bench *b = spread(LEGACY);

    (void)state;
    wr(b, FCTRL, FCTRL_UPE);
    assert_true(accepted(b, other));
    assert_false(accepted(b, group));
    wr(b, FCTRL, FCTRL_MPE);
    assert_false(accepted(b, other));
    assert_true(accepted(b, group));
    bench_free(b);
}

static void address__unicast_hash_left_undefined__lets_strangers_in(void **state)
{
    struct bench *b = bench_new(NULL);
    uint32_t strangers = 0;

    (void)state;
    reset_card(b);
    rx_ring(b, 0, 8, LEGACY | SRRCTL_DROP_EN);
    open_receive(b);
    link_up(b);
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t mac[6] = {0x02, 0, 0, 0, 0x10, (uint8_t)i};
        uint64_t dropped = x540_truth(b->card).dropped_filter;
        struct wanted w = {.mac = mac, .payload = 50};

        packet_make(&w, &m);
        x540_frame_in(b->card, m.bytes, m.len);
        strangers += x540_truth(b->card).dropped_filter == dropped;
    }
    assert_true(strangers > 16);
    bench_free(b);
}

static bool vlan_accepted(struct bench *b, bool tagged, uint32_t tci)
{
    struct wanted w = {.tagged = tagged, .tci = (uint16_t)tci, .payload = 50};

    packet_make(&w, &m);
    return send(b) >= 0;
}

static void vlan__filter__passes_listed_ids_and_untagged(void **state)
{
    struct bench *b = spread(LEGACY);

    (void)state;
    assert_true(vlan_accepted(b, true, 100));
    set(b, VLNCTRL, VLNCTRL_VFE);
    assert_false(vlan_accepted(b, true, 100));
    assert_true(vlan_accepted(b, false, 0));
    wr(b, VFTA + 4 * (100 >> 5), BIT(100 & 31));
    assert_true(vlan_accepted(b, true, 0xE000 | 100));
    assert_false(vlan_accepted(b, true, 101));
    set(b, VLNCTRL, VLNCTRL_CFIEN);
    assert_false(vlan_accepted(b, true, 0x1000 | 100));
    assert_true(vlan_accepted(b, true, 100));
    bench_free(b);
}

/* ---- RSS: Microsoft's "Verifying the RSS Hash Calculation" ---- */

static const uint8_t rss_key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                    0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                    0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                    0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static const struct vector_case {
    bool v6;
    uint8_t dst[16], src[16];
    uint16_t dport, sport;
    uint32_t ip_hash, l4_hash;
} vectors[] = {
    {false, {161, 142, 100, 80}, {66, 9, 149, 187}, 1766, 2794, 0x323e8fc2, 0x51ccc178},
    {false, {65, 69, 140, 83}, {199, 92, 111, 2}, 4739, 14230, 0xd718262a, 0xc626b0ea},
    {false, {12, 22, 207, 184}, {24, 19, 198, 95}, 38024, 12898, 0xd2d0a5de, 0x5c2b394a},
    {false, {209, 142, 163, 6}, {38, 27, 205, 30}, 2217, 48228, 0x82989176, 0xafc7327f},
    {false, {202, 188, 127, 2}, {153, 39, 163, 191}, 1303, 44251, 0x5d1809c5, 0x10e828a2},
    {true,
     {0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03, 0, 0, 0, 0, 0, 0, 0, 1},
     {0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7},
     1766,
     2794,
     0x2cc18cd5,
     0x40207d3d},
    {true,
     {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
     {0x3f, 0xfe, 0x05, 0x01, 0x00, 0x08, 0, 0, 0x02, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab},
     4739,
     14230,
     0x0f0c461c,
     0xdde51bbf},
    {true,
     {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x02, 0x00, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf},
     {0x3f, 0xfe, 0x19, 0x00, 0x45, 0x45, 0, 0x03, 0x02, 0x00, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf},
     38024,
     44251,
     0x4b61e985,
     0x02d1feef},
};

#define ALL_TYPES                                                                                  \
    (MRQC_IPV4_TCP | MRQC_IPV4 | MRQC_IPV6 | MRQC_IPV6_TCP | MRQC_IPV4_UDP | MRQC_IPV6_UDP)

static void rss_on(struct bench *b, uint32_t types)
{
    for (uint32_t i = 0; i < 40; i += 4)
        wr(b, RSSRK + i,
           (uint32_t)rss_key[i] | (uint32_t)rss_key[i + 1] << 8 | (uint32_t)rss_key[i + 2] << 16 |
               (uint32_t)rss_key[i + 3] << 24);
    for (uint32_t i = 0; i < 32; i++) /* entry e: queue (e * 5) mod 16 */
        wr(b, RETA + 4 * i,
           (20 * i % 16) | ((20 * i + 5) % 16) << 8 | ((20 * i + 10) % 16) << 16 |
               ((20 * i + 15) % 16) << 24);
    wr(b, MRQC, 1 | types);
    set(b, RXCSUM, RXCSUM_PCSD);
}

static uint64_t ring_q0(struct bench *b, int q)
{
    uint32_t slot = rd(b, RDT((uint32_t)q));

    return get64(b, ((uint64_t)rd(b, RDBAH((uint32_t)q)) << 32 | rd(b, RDBAL((uint32_t)q))) +
                        16 * slot);
}

static void expect_rss(struct bench *b, const struct vector_case *v, uint8_t protocol,
                       uint32_t hash, uint32_t type)
{
    struct wanted w = {.v6 = v->v6, .protocol = protocol, .payload = 20};
    int q;

    memcpy(w.src, v->src, 16);
    memcpy(w.dst, v->dst, 16);
    w.sport = v->sport;
    w.dport = v->dport;
    packet_make(&w, &m);
    q = send(b);
    assert_int_equal(q, (hash & 127) * 5 % 16);
    assert_int_equal(ring_q0(b, q) >> 32, hash);
    assert_int_equal(ring_q0(b, q) & 0xF, type);
}

static void rss__verification_suite__hashes_types_and_queues_are_right(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector_case *v = &vectors[i];
        struct bench *b = spread(ADVANCED);

        rss_on(b, ALL_TYPES);
        expect_rss(b, v, TCP, v->l4_hash, v->v6 ? 3 : 1);
        expect_rss(b, v, UDP, v->l4_hash, v->v6 ? 8 : 7);
        expect_rss(b, v, 89, v->ip_hash, v->v6 ? 5 : 2);
        wr(b, MRQC, 1 | MRQC_IPV4 | MRQC_IPV6);
        expect_rss(b, v, TCP, v->ip_hash, v->v6 ? 5 : 2);
        bench_free(b);
    }
}

static void rss__fragment_and_non_ip__use_addresses_or_nothing(void **state)
{
    struct bench *b = spread(ADVANCED);
    struct wanted w = {.protocol = UDP, .payload = 64, .fragment = 0x2000};

    (void)state;
    rss_on(b, ALL_TYPES);
    wr(b, RETA, 0x0F0F0F0F);
    memcpy(w.src, vectors[0].src, 4);
    memcpy(w.dst, vectors[0].dst, 4);
    w.sport = 2794;
    packet_make(&w, &m);
    assert_int_equal(send(b), (0x323e8fc2 & 127) * 5 % 16);
    w.protocol = 0;
    packet_make(&w, &m);
    assert_int_equal(send(b), 0);
    bench_free(b);
}

static void rss__aliases__are_the_same_registers(void **state)
{
    struct bench *b = spread(ADVANCED);

    (void)state;
    wr(b, 0xEC80, 1 | MRQC_IPV4);
    wr(b, 0xEB00 + 4 * 31, 0x01020304);
    wr(b, 0xEB80 + 4 * 9, 0xAABBCCDD);
    assert_int_equal(rd(b, MRQC), 1 | MRQC_IPV4);
    assert_int_equal(rd(b, RETA + 4 * 31), 0x01020304);
    assert_int_equal(rd(b, RSSRK + 4 * 9), 0xAABBCCDD);
    bench_free(b);
}

/* ---- EtherType, SYN, 5-tuple ---- */

static int tcp_to(struct bench *b, uint8_t flags, uint16_t dport)
{
    struct wanted w = {.protocol = TCP,
                       .tcp_flags = flags,
                       .src = {192, 0, 2, 1},
                       .dst = {198, 51, 100, 7},
                       .sport = 5555,
                       .dport = dport};

    packet_make(&w, &m);
    return send(b);
}

/* Filter n: to 198.51.100.7 port 80, TCP, from anybody. */
static void five_tuple(struct bench *b, uint32_t n, uint32_t priority, uint32_t queue)
{
    wr(b, DAQF + 4 * n, 0x076433C6);              /* as the bytes stand on the wire */
    wr(b, SDPQF + 4 * n, (uint32_t)0x5000 << 16); /* 80, likewise */
    wr(b, L34T_IMIR + 4 * n, queue << 21 | L34T_SIZE_BP);
    wr(b, FTQF + 4 * n,
       FTQF_ENABLE | FTQF_POOL_MASK | FTQF_M_SADDR | FTQF_M_SPORT | priority << 2 | 0);
}

static void five_tuple__matches__by_fields_masks_and_priority(void **state)
{
    struct bench *b = spread(LEGACY);

    (void)state;
    five_tuple(b, 9, 2, 3);
    assert_int_equal(tcp_to(b, 0x10, 80), 3);
    assert_int_equal(tcp_to(b, 0x10, 81), 0);
    five_tuple(b, 100, 5, 4);
    assert_int_equal(tcp_to(b, 0x10, 80), 4); /* the higher priority */
    wr(b, DAQF + 4 * 100, 0x086433C6);
    assert_int_equal(tcp_to(b, 0x10, 80), 3);
    wr(b, FTQF + 4 * 9, 0);
    assert_int_equal(tcp_to(b, 0x10, 80), 0);
    bench_free(b);
}

static void five_tuple__left_undefined__catches_its_junk_address(void **state)
{
    struct bench *b = bench_new(NULL);
    struct wanted w = {.protocol = UDP, .payload = 20};
    uint32_t saqf, daqf;

    (void)state;
    reset_card(b);
    for (uint32_t q = 0; q < 16; q++)
        rx_ring(b, q, 8, LEGACY);
    wr(b, FCTRL, FCTRL_UPE);
    open_receive(b);
    link_up(b);
    assert_true(rd(b, FTQF + 4 * 3) & FTQF_ENABLE);
    saqf = rd(b, SAQF + 4 * 3);
    daqf = rd(b, DAQF + 4 * 3);
    memcpy(w.src, &saqf, 4);
    memcpy(w.dst, &daqf, 4);
    wr(b, L34T_IMIR + 4 * 3, 9u << 21);
    packet_make(&w, &m);
    assert_int_equal(send(b), 9);
    clear(b, FTQF + 4 * 3, FTQF_ENABLE);
    assert_int_equal(send(b), 0);
    bench_free(b);
}

static void syn__filter__takes_first_segments_only(void **state)
{
    struct bench *b = spread(LEGACY);

    (void)state;
    wr(b, SYNQF, SYNQF_QUEUE_EN | 7 << 1);
    assert_int_equal(tcp_to(b, 0x02, 80), 7);
    assert_int_equal(tcp_to(b, 0x12, 80), 0);
    five_tuple(b, 0, 1, 3);
    assert_int_equal(tcp_to(b, 0x02, 80), 3);
    wr(b, SYNQF, SYNQF_QUEUE_EN | 7 << 1 | SYNQF_PRIORITY);
    assert_int_equal(tcp_to(b, 0x02, 80), 7);
    bench_free(b);
}

static void ethertype__filter__comes_first_and_shows_in_the_packet_type(void **state)
{
    struct bench *b = spread(ADVANCED);

    (void)state;
    five_tuple(b, 0, 1, 3);
    wr(b, ETQF + 4 * 5, ETQF_FILTER_EN | 0x0800);
    wr(b, ETQS + 4 * 5, ETQS_QUEUE_EN | 11u << 16);
    assert_int_equal(tcp_to(b, 0x10, 80), 11);
    assert_int_equal(ring_q0(b, 11) & 0x1FFF0, BIT(15) | 5 << 4);
    wr(b, ETQF + 4 * 5, 0x0800);
    assert_int_equal(tcp_to(b, 0x10, 80), 3);
    bench_free(b);
}

static int of_type(struct bench *b, bool tagged)
{
    struct wanted w = {.tagged = tagged, .tci = 7, .payload = 46};

    packet_make(&w, &m);
    return send(b);
}

static void ethertype__filter__sees_both_types_of_a_tagged_frame(void **state)
{
    struct bench *b = spread(LEGACY);

    (void)state;
    wr(b, ETQF, ETQF_FILTER_EN | 0x88B5);
    wr(b, ETQS, ETQS_QUEUE_EN | 9u << 16);
    assert_int_equal(of_type(b, false), 9);
    assert_int_equal(of_type(b, true), 9);
    wr(b, ETQF, ETQF_FILTER_EN | 0x8100);
    assert_int_equal(of_type(b, false), 0);
    assert_int_equal(of_type(b, true), 9);
    wr(b, ETQS, 9u << 16); /* no queue of its own: 0 */
    assert_int_equal(of_type(b, true), 0);
    bench_free(b);
}

/* ---- Traffic classes and pools ---- */

static void classes__vlan_priority__picks_the_block(void **state)
{
    struct bench *b = spread(LEGACY);

    (void)state;
    rx_ring(b, 3 * 16, 8, LEGACY);
    wr(b, MRQC, 2);
    wr(b, RTRUP2TC, 3u << (3 * 6));
    assert_true(vlan_accepted(b, true, 0x2000));
    vlan_accepted(b, true, 0xC000);
    assert_int_equal(rd(b, RDH(48)), 1);
    bench_free(b);
}

static void pools__by_address_or_default(void **state)
{
    struct bench *b = spread(LEGACY);
    static const uint8_t second[6] = {0x02, 0, 0, 0, 0, 0x22};
    struct wanted w = {.mac = second, .payload = 50};

    (void)state;
    wr(b, VT_CTL, VT_CTL_ENABLE | 3 << 7);
    wr(b, MRQC, 8);
    for (uint32_t i = 0; i < 2; i++)
        wr(b, MPSAR + 4 * i, 0);
    wr(b, RAL + 8, 0x00000002);
    wr(b, RAH + 8, 0x2200 | RAH_AV);
    wr(b, MPSAR + 8, BIT(5));
    packet_make(&w, &m);
    assert_int_equal(send(b), 10);
    assert_true(vlan_accepted(b, false, 0));
    assert_int_equal(rd(b, RDH(6)), 1);
    bench_free(b);
}

/* ---- Flow director ---- */

#define CMD_ADD   (1 | BIT(3) | BIT(11) | BIT(15))
#define FLOW_TCP4 (2u << 5)

static void fdir_on(struct bench *b, uint32_t mode)
{
    wr(b, RXPBSIZE, (384u - 64) << 10);
    wr(b, FDIRHKEY, 1u);      /* with these two keys a hash can be worked out by eye: */
    wr(b, FDIRSKEY, BIT(16)); /* see expected_bucket and expected_signature */
    wr(b, FDIRCTRL, 1 | mode | 6u << 16 | 0xAu << 24 | 4u << 28);
    await(b, FDIRCTRL, FDIRCTRL_INIT_DONE, FDIRCTRL_INIT_DONE);
}

/* The XOR of addresses, ports and flexible bytes (here the EtherType) as one big-endian word. */
static uint32_t common_of(uint32_t saddr, uint32_t daddr, uint32_t sport, uint32_t dport,
                          uint32_t flex)
{
    return saddr ^ daddr ^ (sport << 16 | dport) ^ flex << 16;
}
/* Key bit 0 selects the word with its halves swapped, untouched by the flow type. */
static uint32_t expected_bucket(uint32_t common)
{
    return (common >> 16 | common << 16) & 0x7FFF;
}
/* Key bit 16 selects the word as it is, with flow type and VLAN mixed in. */
static uint32_t expected_signature(uint32_t common, uint32_t flow, uint32_t vlan)
{
    uint32_t first = flow << 16 | vlan;

    return (common ^ first ^ first >> 16) & 0x7FFF;
}

static void fdir_signature__right_hashes__send_the_flow_to_its_queue(void **state)
{
    struct bench *b = spread(ADVANCED);
    uint32_t common = common_of(0xC0000201, 0xC6336407, 5555, 80, 0x0800);

    (void)state;
    fdir_on(b, 0);
    assert_int_equal(rd(b, FDIRFREE) & 0xFFFF, 8190);
    assert_int_equal(tcp_to(b, 0x10, 80), 0);
    x540_write(b->card, FDIRHASH, /* as Linux does: both registers in one write */
               (uint64_t)(CMD_ADD | FLOW_TCP4 | 13u << 16) << 32 |
                   expected_signature(common, 2, 0) << 16 | expected_bucket(common),
               8);
    assert_int_equal(rd(b, FDIRCMD) & 3, 0);
    assert_int_equal(tcp_to(b, 0x10, 80), 13);
    assert_true(get64(b, ((uint64_t)rd(b, RDBAH(13)) << 32 | rd(b, RDBAL(13))) + 8) & BIT64(2));
    assert_int_equal(tcp_to(b, 0x10, 81), 0);
    assert_int_equal(rd(b, FDIRMATCH), 1);
    assert_int_equal(rd(b, FDIRMISS), 2);
    assert_int_equal(rd(b, FDIRUSTAT), 1);
    assert_int_equal(rd(b, FDIRUSTAT), 0);
    assert_int_equal(rd(b, FDIRFREE) & 0xFFFF, 8189);
    bench_free(b);
}

/* Key bit 15 selects the swapped word with flow type and VLAN mixed in, shifted by 15. */
static void fdir_signature__other_key_bits__mix_the_flow_in(void **state)
{
    struct bench *b = spread(ADVANCED);
    uint32_t common = common_of(0xC0000201, 0xC6336407, 5555, 80, 0x0800), first = 2u << 16;
    uint32_t low = (common >> 16 | common << 16) ^ first ^ first << 16;

    (void)state;
    fdir_on(b, 0);
    wr(b, FDIRHKEY, BIT(15));
    wr(b, FDIRHASH, expected_signature(common, 2, 0) << 16 | (low >> 15 & 0x7FFF));
    wr(b, FDIRCMD, CMD_ADD | FLOW_TCP4 | 13u << 16);
    assert_int_equal(tcp_to(b, 0x10, 80), 13);
    bench_free(b);
}

static void fdir_signature__wrong_hash__misses(void **state)
{
    struct bench *b = spread(ADVANCED);
    uint32_t common = common_of(0xC0000201, 0xC6336407, 5555, 80, 0x0800);

    (void)state;
    fdir_on(b, 0);
    wr(b, FDIRHASH, expected_signature(common, 2, 0) << 16 | (expected_bucket(common) ^ 1));
    wr(b, FDIRCMD, CMD_ADD | FLOW_TCP4 | 13u << 16);
    wr(b, FDIRHASH, (expected_signature(common, 2, 0) ^ 1) << 16 | expected_bucket(common));
    wr(b, FDIRCMD, CMD_ADD | FLOW_TCP4 | 13u << 16);
    assert_int_equal(tcp_to(b, 0x10, 80), 0);
    bench_free(b);
}

/* To 198.51.100.7 port 80 over TCP, whoever sends; everything else is masked. */
static void perfect_filter(struct bench *b, uint32_t id, uint32_t command)
{
    uint32_t common = common_of(0, 0xC6336407, 0, 80, 0);

    wr(b, FDIRM, 0x37); /* VLAN, pool, flexible bytes, IPv6: all but the protocol */
    wr(b, FDIRSIP4M, 0xFFFFFFFF);
    wr(b, FDIRDIP4M, 0);
    wr(b, FDIRTCPM, 0x0000FFFF); /* source port */
    wr(b, FDIRIPSA, 0);
    wr(b, FDIRIPDA, 0x076433C6);
    wr(b, FDIRPORT, 80u << 16);
    wr(b, FDIRVLAN, 0);
    wr(b, FDIRHASH, id << 16 | (expected_bucket(common) & 0x1FFF));
    wr(b, FDIRCMD, command);
}

static void fdir_perfect__masks_fields_and_life_of_a_filter(void **state)
{
    struct bench *b = spread(ADVANCED);
    uint32_t hash;

    (void)state;
    fdir_on(b, FDIRCTRL_PERFECT | FDIRCTRL_REPORT_STATUS);
    assert_int_equal(rd(b, FDIRFREE) & 0xFFFF, 2046);
    perfect_filter(b, 1234, CMD_ADD | FLOW_TCP4 | 6u << 16);
    hash = rd(b, FDIRHASH);
    assert_int_equal(tcp_to(b, 0x10, 80), 6);
    assert_int_equal(ring_q0(b, 6) & 0xF, 0xF);
    assert_int_equal(ring_q0(b, 6) >> 48, 1234);
    assert_int_equal(tcp_to(b, 0x10, 81), 0);
    wr(b, FDIRCMD, 3);
    assert_true(rd(b, FDIRCMD) & BIT(2));
    wr(b, FDIRHASH, hash);
    wr(b, FDIRCMD, 2);
    wr(b, FDIRCMD, 3);
    assert_false(rd(b, FDIRCMD) & BIT(2));
    assert_int_equal(tcp_to(b, 0x10, 80), 0);
    assert_int_equal(rd(b, FDIRUSTAT), 0x00010001);
    bench_free(b);
}

static void fdir_perfect__drop__is_filtered(void **state)
{
    struct bench *b = spread(ADVANCED);

    (void)state;
    fdir_on(b, FDIRCTRL_PERFECT | 127u << 8);
    perfect_filter(b, 1, CMD_ADD | FLOW_TCP4 | BIT(9) | 127u << 16);
    assert_int_equal(tcp_to(b, 0x10, 80), -1);
    assert_int_equal(x540_truth(b->card).dropped_filter, 1);
    assert_int_equal(rd(b, QPRDC(0)), 1); /* RQSMR: every queue counts in 0 */
    assert_int_equal(rd(b, GPRC), 1);
    bench_free(b);
}

/* The X550 can drop all that no filter knows, in the queue for drops. */
static void fdir_perfect__drop_no_match__is_the_x550s(void **state)
{
    (void)state;
    for (int x550 = 0; x550 < 2; x550++) {
        struct x540_config config = {.kind = x550 ? X540_X550 : X540_AT2,
                                     .mac = {0x02, 0x54, 0x00, 0x12, 0x34, 0x56},
                                     .link_at_start = true};
        struct bench *b = bench_new(&config);

        reset_card(b);
        init_card(b);
        for (uint32_t q = 0; q < 16; q++)
            rx_ring(b, q, 8, ADVANCED);
        wr(b, RQSMR + 4 * (127 / 4), 5u << 24);
        open_receive(b);
        link_up(b);
        fdir_on(b, FDIRCTRL_PERFECT | FDIRCTRL_DROP_NO_MATCH | 127u << 8);
        assert_int_equal(tcp_to(b, 0x10, 80), x550 ? -1 : 0); /* no filter at all */
        perfect_filter(b, 1, CMD_ADD | FLOW_TCP4 | 6u << 16);
        assert_int_equal(tcp_to(b, 0x10, 81), x550 ? -1 : 0);
        assert_int_equal(tcp_to(b, 0x10, 80), 6);
        assert_int_equal(rd(b, QPRDC(5)), x550 ? 2 : 0);
        bench_free(b);
    }
}

/* A frame that waits for descriptors is looked up again at each attempt, and counted once. */
static void fdir__frame_that_waits__is_one_match_or_miss(void **state)
{
    struct bench *b = spread(ADVANCED);
    struct wanted w = {
        .protocol = TCP, .src = {192, 0, 2, 1}, .dst = {198, 51, 100, 7}, .dport = 80};

    (void)state;
    fdir_on(b, FDIRCTRL_PERFECT);
    perfect_filter(b, 1, CMD_ADD | FLOW_TCP4 | 6u << 16);
    packet_make(&w, &m);
    for (int i = 0; i < 7 + 3; i++) /* the ring takes 7 */
        x540_frame_in(b->card, m.bytes, m.len);
    w.dport = 81;
    packet_make(&w, &m);
    x540_frame_in(b->card, m.bytes, m.len); /* behind them */
    for (int i = 0; i < 5; i++) {
        wait_ms(b, 1);
        wr(b, RDT(6), (7 + i) % 8);
    }
    assert_int_equal(x540_truth(b->card).frames_to_host, 11);
    assert_int_equal(rd(b, FDIRMATCH), 10);
    assert_int_equal(rd(b, FDIRMISS), 1);
    bench_free(b);
}

static void fdir_perfect__port_masks__are_bit_reversed(void **state)
{
    struct bench *b = spread(ADVANCED);

    (void)state;
    fdir_on(b, FDIRCTRL_PERFECT);
    perfect_filter(b, 1, CMD_ADD | FLOW_TCP4 | 6u << 16);
    /* ignore the destination port's bit 0: in the register that is bit 15 of its half */
    wr(b, FDIRTCPM, 0x8000FFFF);
    assert_int_equal(tcp_to(b, 0x10, 81), 6);
    wr(b, FDIRTCPM, 0x0001FFFF);
    assert_int_equal(tcp_to(b, 0x10, 81), 0);
    /* of the source port only bit 0 counts: 5555 is odd, the filter says 0 */
    wr(b, FDIRTCPM, 0x00007FFF);
    assert_int_equal(tcp_to(b, 0x10, 80), 0);
    wr(b, FDIRTCPM, 0x0000FFFE);
    assert_int_equal(tcp_to(b, 0x10, 80), 6); /* bit 15 of 5555 is 0 */
    bench_free(b);
}

static void fdir__full__fails_and_warns(void **state)
{
    struct bench *b = spread(ADVANCED);

    (void)state;
    fdir_on(b, FDIRCTRL_PERFECT);
    rd(b, EICR);
    for (uint32_t i = 0; i < 2046; i++) {
        wr(b, FDIRHASH, i << 16 | i);
        wr(b, FDIRCMD, CMD_ADD | FLOW_TCP4);
        if (i == 2046 - 64 - 1)
            assert_false(rd(b, EICR) & EICR_FLOW_DIR);
    }
    assert_true(rd(b, EICR) & EICR_FLOW_DIR);
    assert_int_equal(rd(b, FDIRFREE) & 0xFFFF, 0);
    wr(b, FDIRHASH, 3000u << 16);
    wr(b, FDIRCMD, CMD_ADD | FLOW_TCP4);
    assert_int_equal(rd(b, FDIRFSTAT), 1);
    for (uint32_t i = 0; i < 260; i++)
        wr(b, FDIRCMD, CMD_ADD | FLOW_TCP4);
    for (uint32_t i = 0; i < 3; i++)
        wr(b, FDIRCMD, 2);                      /* removes what is not there */
    assert_int_equal(rd(b, FDIRFSTAT), 0x03FF); /* two of 8 bits, which stick */
    wr(b, FDIRCTRL, rd(b, FDIRCTRL));           /* a new start empties it */
    await(b, FDIRCTRL, FDIRCTRL_INIT_DONE, FDIRCTRL_INIT_DONE);
    assert_int_equal(rd(b, FDIRFREE) & 0xFFFF, 2046);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address__exact__own_and_added_ones_pass),
        cmocka_unit_test(address__broadcast__needs_bam_or_mpe),
        cmocka_unit_test(address__multicast_hash__each_offset),
        cmocka_unit_test(address__promiscuous__unicast_and_multicast_apart),
        cmocka_unit_test(address__unicast_hash_left_undefined__lets_strangers_in),
        cmocka_unit_test(vlan__filter__passes_listed_ids_and_untagged),
        cmocka_unit_test(rss__verification_suite__hashes_types_and_queues_are_right),
        cmocka_unit_test(rss__fragment_and_non_ip__use_addresses_or_nothing),
        cmocka_unit_test(rss__aliases__are_the_same_registers),
        cmocka_unit_test(five_tuple__matches__by_fields_masks_and_priority),
        cmocka_unit_test(five_tuple__left_undefined__catches_its_junk_address),
        cmocka_unit_test(syn__filter__takes_first_segments_only),
        cmocka_unit_test(ethertype__filter__comes_first_and_shows_in_the_packet_type),
        cmocka_unit_test(ethertype__filter__sees_both_types_of_a_tagged_frame),
        cmocka_unit_test(classes__vlan_priority__picks_the_block),
        cmocka_unit_test(pools__by_address_or_default),
        cmocka_unit_test(fdir_signature__right_hashes__send_the_flow_to_its_queue),
        cmocka_unit_test(fdir_signature__other_key_bits__mix_the_flow_in),
        cmocka_unit_test(fdir_signature__wrong_hash__misses),
        cmocka_unit_test(fdir_perfect__masks_fields_and_life_of_a_filter),
        cmocka_unit_test(fdir_perfect__drop__is_filtered),
        cmocka_unit_test(fdir_perfect__drop_no_match__is_the_x550s),
        cmocka_unit_test(fdir__frame_that_waits__is_one_match_or_miss),
        cmocka_unit_test(fdir_perfect__port_masks__are_bit_reversed),
        cmocka_unit_test(fdir__full__fails_and_warns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
