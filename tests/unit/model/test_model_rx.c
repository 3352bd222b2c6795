/* SPDX-License-Identifier: BSD-2-Clause
 * The model's receiver. Covers: the status bits of both descriptor formats for good and bad
 * checksums, fragments, options, extension headers, UDP without checksum; the fragment checksum;
 * VLAN tags stripped and kept; CRC kept; frames over several buffers; a full ring with and without
 * DROP_EN, the shared packet buffer and its overflow; receive off; a stopped queue; refused DMA; the
 * prefetch never handing out stale descriptors. What the MAC does is in test_model_mac.c.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"
#include "tests/unit/model/model_packets.h"

#define L_DD    BIT64(32)
#define L_EOP   BIT64(33)
#define L_VP    BIT64(35)
#define L_UDPCS BIT64(36)
#define L_L4CS  BIT64(37)
#define L_IPCS  BIT64(38)
#define L_PIF   BIT64(39)
#define L_RXE   BIT64(40)
#define L_TCPE  BIT64(46)
#define L_IPE   BIT64(47)
#define A_DD    BIT64(0)
#define A_EOP   BIT64(1)
#define A_VP    BIT64(3)
#define A_UDPCS BIT64(4)
#define A_L4I   BIT64(5)
#define A_IPCS  BIT64(6)
#define A_UDPV  BIT64(10)
#define A_RXE   BIT64(29)
#define A_L4E   BIT64(30)
#define A_IPE   BIT64(31)

static struct made m;

static void in(struct bench *b)
{
    x540_frame_in(b->card, m.bytes, m.len);
}

/* ---- Status bits ---- */

struct status_case {
    const char *what;
    struct wanted w;
    uint64_t legacy, advanced; /* the bits, without DD and EOP */
    uint32_t type;             /* packet type 16:4 of the advanced format */
    int spoil;                 /* byte to damage: from l3 (positive) or from l4 (negative - 1) */
};

/* clang-format off */
static const struct status_case cases[] = {
    {"no IP", {.payload = 60}, 0, 0, 0, 0},
    {"IPv4 TCP", {.protocol = TCP, .payload = 33}, L_L4CS | L_IPCS, A_L4I | A_IPCS, 0x110, 0},
    {"IPv4 UDP", {.protocol = UDP, .payload = 200}, L_UDPCS | L_L4CS | L_IPCS,
     A_UDPCS | A_L4I | A_IPCS, 0x210, 0},
    {"UDP without checksum", {.protocol = UDP, .payload = 9, .no_udp_checksum = true}, L_IPCS,
     A_IPCS, 0x210, 0},
    {"IPv6 UDP without checksum", {.v6 = true, .protocol = UDP, .payload = 9, .no_udp_checksum = true},
     L_UDPCS | L_L4CS | L_TCPE, A_UDPCS | A_L4I | A_L4E, 0x240, 0},
    {"IPv4 header wrong", {.protocol = TCP, .payload = 33}, L_IPCS | L_IPE, A_IPCS | A_IPE, 0x110,
     8},
    {"TCP wrong", {.protocol = TCP, .payload = 33}, L_L4CS | L_IPCS | L_TCPE,
     A_L4I | A_IPCS | A_L4E, 0x110, -5},
    {"UDP wrong", {.protocol = UDP, .payload = 33}, L_UDPCS | L_L4CS | L_IPCS | L_TCPE,
     A_UDPCS | A_L4I | A_IPCS | A_L4E, 0x210, -10},
    {"IPv4 options", {.protocol = TCP, .payload = 1, .options = 3}, L_L4CS | L_IPCS,
     A_L4I | A_IPCS, 0x130, 0},
    {"first fragment", {.protocol = UDP, .payload = 64, .fragment = 0x2000}, L_IPCS,
     A_IPCS | A_UDPV, 0x010, 0},
    {"first fragment without checksum",
     {.protocol = UDP, .payload = 64, .fragment = 0x2000, .no_udp_checksum = true}, L_IPCS, A_IPCS,
     0x010, 0},
    {"last fragment", {.protocol = UDP, .payload = 64, .fragment = 0x0010}, L_IPCS, A_IPCS, 0x010,
     0},
    {"don't fragment", {.protocol = TCP, .payload = 64, .fragment = 0x4000}, L_L4CS | L_IPCS,
     A_L4I | A_IPCS, 0x110, 0},
    {"IPv4 ICMP", {.protocol = 1, .payload = 64}, L_IPCS, A_IPCS, 0x010, 0},
    {"IPv6 TCP", {.v6 = true, .protocol = TCP, .payload = 77}, L_L4CS, A_L4I, 0x140, 0},
    {"IPv6 UDP", {.v6 = true, .protocol = UDP, .payload = 78}, L_UDPCS | L_L4CS,
     A_UDPCS | A_L4I, 0x240, 0},
    {"IPv6 TCP wrong", {.v6 = true, .protocol = TCP, .payload = 77}, L_L4CS | L_TCPE, A_L4I | A_L4E,
     0x140, -20},
    {"tagged TCP", {.tagged = true, .tci = 5, .protocol = TCP, .payload = 33},
     L_VP | L_L4CS | L_IPCS, A_VP | A_L4I | A_IPCS, 0x110, 0},
    {"tag alone", {.tagged = true, .tci = 5, .payload = 33}, L_VP, A_VP, 0, 0},
};
/* clang-format on */

static void make_case(const struct status_case *c)
{
    packet_make(&c->w, &m);
    if (c->spoil > 0)
        m.bytes[m.l3 + (uint32_t)c->spoil] ^= 0x40;
    else if (c->spoil < 0)
        m.bytes[m.l4 + (uint32_t)(-1 - c->spoil)] ^= 0x40;
}

static void rx_legacy__each_kind_of_packet__has_its_status_bits(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pair p = bring_up(LEGACY, false);
        uint32_t len;
        uint64_t q1;

        make_case(&cases[i]);
        in(p.b);
        q1 = get64(p.b, p.rx.base + 8);
        if ((q1 & ~0xFFFFFFFFull) != (L_DD | L_EOP | cases[i].legacy))
            fail_msg("%s: q1 = 0x%016llx", cases[i].what, (unsigned long long)q1);
        len = m.len < 60 ? 60 : m.len;
        assert_int_equal(q1 & 0xFFFF, len);
        /* The sum from the IP header's end to the frame's, without the pseudo-header. */
        if (cases[i].w.protocol)
            assert_int_equal(q1 >> 16 & 0xFFFF, naive_sum(m.bytes + m.l4, len - m.l4, 0));
        assert_int_not_equal(q1 >> 16 & 0xFFFF, 0);
        assert_memory_equal(at(p.b, p.rx.buffers), m.bytes, m.len);
        bench_free(p.b);
    }
}

static void rx_advanced__each_kind_of_packet__has_its_status_bits_and_type(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pair p = bring_up(ADVANCED, false);
        uint64_t q0, q1;

        make_case(&cases[i]);
        in(p.b);
        q0 = get64(p.b, p.rx.base);
        q1 = get64(p.b, p.rx.base + 8);
        if ((uint32_t)q1 != (A_DD | A_EOP | cases[i].advanced) || (q0 & 0x1FFFF) != cases[i].type)
            fail_msg("%s: q0 = 0x%016llx, q1 = 0x%016llx", cases[i].what, (unsigned long long)q0,
                     (unsigned long long)q1);
        assert_int_equal(q1 >> 32, m.len < 60 ? 60 : m.len);
        bench_free(p.b);
    }
}

static void rx__checksum_wrong__is_counted_in_xec(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (cases[i].spoil && !cases[i].w.v6) {
            make_case(&cases[i]);
            in(p.b);
        }
    assert_int_equal(rd(p.b, XEC), 3);
    assert_int_equal(rd(p.b, XEC), 0);
    bench_free(p.b);
}

/* An IPv6 packet with one extension header of 8 bytes before its TCP header. */
static void make_extension(uint8_t type, uint8_t third, uint8_t fourth)
{
    struct wanted w = {.v6 = true, .protocol = TCP, .payload = 40};

    packet_make(&w, &m);
    memmove(m.bytes + m.l4 + 8, m.bytes + m.l4, m.l4_len);
    memset(m.bytes + m.l4, 0, 8);
    m.bytes[m.l4] = TCP;
    m.bytes[m.l4 + 2] = third;
    m.bytes[m.l4 + 3] = fourth;
    m.bytes[m.l3 + 6] = type;
    be16(m.bytes + m.l3 + 4, m.l4_len + 8);
    m.len += 8;
}

static void rx__ipv6_extension_headers__l4_is_checked_where_the_sum_is_known(void **state)
{
    static const struct {
        uint8_t type, third, fourth;
        uint64_t status;
    } headers[] = {
        {0, 1, 4, A_L4I},  /* hop-by-hop options: padding */
        {60, 1, 4, A_L4I}, /* destination options: padding */
        {60, 0xC9, 4, 0},  /* the home address option */
        {60, 0, 0, A_L4I}, /* six options of one byte */
        {43, 0, 0, A_L4I}, /* routing header, segments left 0 */
        {43, 0, 1, 0},     /* 1: the sum is that of another destination */
        {44, 0, 0, 0},     /* fragment */
    };

    (void)state;
    for (uint32_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct pair p = bring_up(ADVANCED, false);
        uint32_t status;

        make_extension(headers[i].type, headers[i].third, headers[i].fourth);
        in(p.b);
        status = (uint32_t)get64(p.b, p.rx.base + 8);
        if (status != (A_DD | A_EOP | headers[i].status))
            fail_msg("header %u (%u): status 0x%08x", headers[i].type, i, status);
        bench_free(p.b);
    }
}

/* What PIF tells of: the X550 of the address, the others of the filter that let it pass. */
static void rx__pif__is_the_non_unicast_address_on_the_x550(void **state)
{
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 2}, all[6] = {255, 255, 255, 255, 255, 255};
    static const uint8_t group[6] = {1, 0, 0x5E, 0, 0, 1};
    static const struct {
        const uint8_t *mac;
        bool x550, x540;
    } pif[] = {{NULL, false, false}, {other, false, true}, {all, true, false}, {group, true, true}};

    (void)state;
    for (uint32_t i = 0; i < 2 * 4 * 2; i++) {
        bool x550 = i & 1, advanced = i & 2;
        struct pair p =
            bring_up_kind(x550 ? X540_X550 : X540_AT2, advanced ? ADVANCED : LEGACY, false);
        struct wanted w = {.mac = pif[i >> 2].mac, .payload = 50};
        uint64_t bit = advanced ? BIT64(7) : L_PIF;

        clear(p.b, RXCTRL, RXCTRL_RXEN);
        wr(p.b, FCTRL, FCTRL_UPE | FCTRL_MPE | FCTRL_BAM);
        set(p.b, RXCTRL, RXCTRL_RXEN);
        packet_make(&w, &m);
        in(p.b);
        assert_int_equal(!!(get64(p.b, p.rx.base + 8) & bit),
                         x550 ? pif[i >> 2].x550 : pif[i >> 2].x540);
        bench_free(p.b);
    }
}

static void rx_advanced__first_fragment_of_udp__carries_the_fragment_checksum(void **state)
{
    struct pair p = bring_up(ADVANCED, false);
    struct wanted w = {.protocol = UDP, .payload = 64, .fragment = 0x2000};

    (void)state;
    wr(p.b, RXCSUM, RXCSUM_IPPCSE);
    packet_make(&w, &m);
    in(p.b);
    assert_int_equal(get64(p.b, p.rx.base) >> 48, naive_sum(m.bytes + m.l4, m.len - m.l4, 0));
    w.fragment = 0;
    packet_make(&w, &m);
    in(p.b);
    assert_int_equal(get64(p.b, p.rx.base + 16) >> 48, 0);
    bench_free(p.b);
}

/* ---- VLAN, CRC, several buffers ---- */

static void rx__vme__strips_the_tag_into_the_descriptor(void **state)
{
    struct wanted w = {.tagged = true, .tci = 0xA123, .protocol = UDP, .payload = 500};

    (void)state;
    for (int advanced = 0; advanced < 2; advanced++) {
        struct pair p = bring_up(advanced ? ADVANCED : LEGACY, false);
        uint64_t q1;

        set(p.b, RXDCTL(0), RXDCTL_VME);
        packet_make(&w, &m);
        in(p.b);
        q1 = get64(p.b, p.rx.base + 8);
        assert_int_equal(q1 >> 48, 0xA123);
        assert_true(q1 & (advanced ? A_VP : L_VP));
        assert_int_equal(q1 >> (advanced ? 32 : 0) & 0xFFFF, m.len - 4);
        assert_memory_equal(at(p.b, p.rx.buffers), m.bytes, 12);
        assert_memory_equal(at(p.b, p.rx.buffers) + 12, m.bytes + 16, m.len - 16);
        /* QBRC counts before the tag is taken off; what the host got is less. */
        assert_int_equal(rd(p.b, QBRC_L(0)), m.len);
        assert_int_equal(x540_truth(p.b->card).bytes_to_host, m.len - 4);
        bench_free(p.b);
    }
}

static void rx__tag_not_stripped__vp_is_set_and_the_tag_field_is_zero(void **state)
{
    struct wanted w = {.tagged = true, .tci = 0xA123, .protocol = UDP, .payload = 500};

    (void)state;
    for (int advanced = 0; advanced < 2; advanced++) {
        struct pair p = bring_up(advanced ? ADVANCED : LEGACY, false);
        uint64_t q1;

        packet_make(&w, &m);
        in(p.b);
        q1 = get64(p.b, p.rx.base + 8);
        assert_int_equal(q1 >> 48, 0);
        assert_true(q1 & (advanced ? A_VP : L_VP));
        assert_memory_equal(at(p.b, p.rx.buffers), m.bytes, m.len);
        bench_free(p.b);
    }
}

static void rx__crc_not_stripped__four_bytes_more(void **state)
{
    struct bench *b = bench_new(NULL);
    struct ring rx;
    /* CRC-32 of "123456789" is 0xCBF43926: here of a frame, checked by the residue. */
    uint32_t crc = 0xFFFFFFFF;

    (void)state;
    reset_card(b);
    init_card(b);
    clear(b, HLREG0, HLREG0_RXCRCSTRP);
    clear(b, RDRXCTL, RDRXCTL_CRCSTRIP);
    rx = rx_ring(b, 0, 64, LEGACY);
    open_receive(b);
    link_up(b);
    m.len = make_frame(m.bytes, 100, 5);
    in(b);
    assert_int_equal(get64(b, rx.base + 8) & 0xFFFF, 104);
    for (uint32_t i = 0; i < 104; i++) {
        crc ^= at(b, rx.buffers)[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    assert_int_equal(crc, 0xDEBB20E3); /* the residue of any frame with its CRC */
    expect_no_complaint(b);
    bench_free(b);
}

static void rx__strip_bits_differ__length_is_wrong_by_four(void **state)
{
    struct bench *b = bench_new(NULL);
    struct ring rx;

    (void)state;
    reset_card(b);
    init_card(b);
    clear(b, RDRXCTL, RDRXCTL_CRCSTRIP);
    rx = rx_ring(b, 0, 64, LEGACY);
    open_receive(b);
    link_up(b);
    m.len = make_frame(m.bytes, 100, 5);
    in(b);
    assert_int_equal(get64(b, rx.base + 8) & 0xFFFF, 104);
    bench_free(b);
}

static void rx__jumbo__spreads_over_buffers(void **state)
{
    (void)state;
    for (int advanced = 0; advanced < 2; advanced++) {
        struct pair p = bring_up(advanced ? ADVANCED : LEGACY, false);
        uint32_t lengths[5], sum = 0;

        set(p.b, HLREG0, HLREG0_JUMBOEN);
        wr(p.b, MAXFRS, 9018u << 16);
        m.len = make_frame(m.bytes, 9014, 77);
        in(p.b);
        for (uint32_t i = 0; i < 5; i++) {
            uint64_t q1 = get64(p.b, p.rx.base + 16 * i + 8);
            bool eop = q1 & (advanced ? A_EOP : L_EOP);

            assert_true(q1 & (advanced ? A_DD : L_DD));
            assert_int_equal(eop, i == 4);
            if (!advanced && !eop) /* only the length is defined without EOP */
                assert_int_not_equal(q1 >> 34, 0);
            lengths[i] = (uint32_t)(q1 >> (advanced ? 32 : 0)) & 0xFFFF;
            assert_memory_equal(at(p.b, p.rx.buffers + i * BUFFER), m.bytes + sum, lengths[i]);
            sum += lengths[i];
        }
        assert_int_equal(lengths[0], 2048);
        assert_int_equal(sum, 9014);
        assert_int_equal(rd(p.b, RDH(0)), 5);
        bench_free(p.b);
    }
}

static void rx__length_exactly_the_buffer__takes_one_descriptor(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    set(p.b, HLREG0, HLREG0_JUMBOEN);
    wr(p.b, MAXFRS, 9018u << 16);
    m.len = make_frame(m.bytes, 2048, 77);
    in(p.b);
    assert_int_equal(rd(p.b, RDH(0)), 1);
    m.len = make_frame(m.bytes, 2049, 77);
    in(p.b);
    assert_int_equal(rd(p.b, RDH(0)), 3);
    assert_int_equal(get64(p.b, p.rx.base + 2 * 16 + 8) & 0xFFFF, 1);
    bench_free(p.b);
}

/* ---- No room ---- */

static void fill(struct bench *b, uint32_t n, uint32_t len)
{
    for (uint32_t i = 0; i < n; i++) {
        m.len = make_frame(m.bytes, len, (uint8_t)i);
        in(b);
    }
}

static void rx__ring_empty_with_drop_en__drops_and_counts_qprdc(void **state)
{
    struct pair p = bring_up(LEGACY | SRRCTL_DROP_EN, false);
    struct x540_truth t;

    (void)state;
    fill(p.b, 63, 100);
    assert_false(x540_has_room(p.b->card));
    fill(p.b, 10, 100);
    t = x540_truth(p.b->card);
    assert_int_equal(t.frames_to_host, 63);
    assert_int_equal(t.dropped_no_descriptor, 10);
    assert_int_equal(rd(p.b, QPRDC(0)), 10);
    assert_int_equal(rd(p.b, QPRDC(0)), 0);
    assert_int_equal(rd(p.b, MPC), 0);
    assert_int_equal(get64(p.b, p.rx.base + 63 * 16 + 8), 0);
    wr(p.b, RDT(0), 10);
    assert_true(x540_has_room(p.b->card));
    bench_free(p.b);
}

static void rx__ring_empty_without_drop_en__waits_in_the_packet_buffer(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    fill(p.b, 63 + 20, 100);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 63);
    assert_int_equal(x540_truth(p.b->card).frames_waiting, 20);
    for (uint32_t i = 0; i < 63; i++)
        put64(p.b, p.rx.base + 16 * i + 8, 0);
    wr(p.b, RDT(0), 19); /* 20 more: 63, 0 .. 18 */
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 83);
    for (uint32_t i = 0; i < 20; i++) {
        make_frame(m.bytes, 100, (uint8_t)(63 + i));
        assert_memory_equal(at(p.b, p.rx.buffers + (63 + i) % 64 * BUFFER), m.bytes, 100);
    }
    bench_free(p.b);
}

static void rx__packet_buffer_full__is_missed_and_told(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint32_t fits;

    (void)state;
    rd(p.b, EICR);
    fill(p.b, 63, 1514);
    for (fits = 0; x540_truth(p.b->card).dropped_missed == 0 && fits < 1000; fits++)
        fill(p.b, 1, 1514);
    fits--;
    /* 384 KB of frames that take 1536 bytes each */
    assert_int_equal(fits, 384 * 1024 / 1536);
    assert_int_equal(rd(p.b, MPC), 1);
    assert_true(rd(p.b, EICR) & EICR_RX_MISS);
    assert_false(x540_has_room(p.b->card));
    bench_free(p.b);
}

/* One queue without descriptors and without DROP_EN stops all; with DROP_EN it stops nobody. */
static void rx__one_queue_stuck__blocks_the_others_unless_it_drops(void **state)
{
    static const uint8_t stuck[6] = {0x02, 0, 0, 0, 0, 0x77};
    struct wanted w = {.mac = stuck, .payload = 100};

    (void)state;
    for (int drop = 0; drop < 2; drop++) {
        struct pair p = bring_up(LEGACY, false);

        wr(p.b, FCTRL, rd(p.b, FCTRL) | FCTRL_UPE);
        wr(p.b, ETQF, ETQF_FILTER_EN | 0x9999);
        wr(p.b, ETQS, ETQS_QUEUE_EN | 5u << 16);
        rx_ring(p.b, 5, 64, LEGACY | (drop ? SRRCTL_DROP_EN : 0));
        packet_make(&w, &m);
        be16(m.bytes + 12, 0x9999);
        for (int i = 0; i < 64; i++)
            in(p.b);
        assert_int_equal(x540_truth(p.b->card).frames_to_host, 63);
        m.len = make_frame(m.bytes, 100, 1);
        in(p.b);
        assert_int_equal(x540_truth(p.b->card).frames_to_host, drop ? 64 : 63);
        bench_free(p.b);
    }
}

static void rx__frame_needs_more_than_is_left__waits_whole(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    set(p.b, HLREG0, HLREG0_JUMBOEN);
    wr(p.b, MAXFRS, 9018u << 16);
    fill(p.b, 60, 100);
    fill(p.b, 1, 9000); /* 5 buffers, 3 are left */
    assert_int_equal(rd(p.b, RDH(0)), 60);
    wr(p.b, RDT(0), 10);
    assert_int_equal(rd(p.b, RDH(0)), 1);
    bench_free(p.b);
}

static void rx__frame_that_no_ring_state_could_hold__is_dropped(void **state)
{
    struct bench *b = bench_new(NULL);
    struct ring rx;

    (void)state;
    reset_card(b);
    init_card(b);
    set(b, HLREG0, HLREG0_JUMBOEN);
    wr(b, MAXFRS, 16000u << 16);
    rx = rx_ring(b, 0, 8, 1); /* 7 buffers of 1 KB */
    open_receive(b);
    link_up(b);
    fill(b, 1, 9000);
    fill(b, 1, 100);
    assert_int_equal(x540_truth(b->card).dropped_no_descriptor, 1);
    assert_int_equal(get64(b, rx.base + 8) & 0xFFFF, 100);
    bench_free(b);
}

/* ---- Off ---- */

static void rx__closed_or_link_down__nothing_arrives(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    struct x540_truth t;

    (void)state;
    clear(p.b, RXCTRL, RXCTRL_RXEN);
    fill(p.b, 2, 100);
    set(p.b, RXCTRL, RXCTRL_RXEN);
    x540_set_cable(p.b->card, false);
    fill(p.b, 3, 100);
    t = x540_truth(p.b->card);
    assert_int_equal(t.frames_to_host, 0);
    assert_int_equal(t.dropped_rx_off, 2);
    assert_int_equal(t.dropped_link_down, 3);
    assert_int_equal(rd(p.b, TPR), 2); /* the MAC counts whatever RXEN says */
    bench_free(p.b);
}

static void rx__secrx_stopped__frames_wait(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    wr(p.b, SECRXCTRL, SECRXCTRL_RX_DIS);
    fill(p.b, 2, 100);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 0);
    wr(p.b, SECRXCTRL, 0);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 2);
    bench_free(p.b);
}

static void rx__queue_stopped__stops_after_its_time_and_starts_afresh(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    fill(p.b, 3, 100);
    clear(p.b, RXDCTL(0), RXDCTL_ENABLE);
    assert_true(rd(p.b, RXDCTL(0)) & RXDCTL_ENABLE); /* not yet */
    assert_true(x540_next_event_ns(p.b->card) <= p.b->now + 10000);
    wait_ns(p.b, 10000);
    assert_false(rd(p.b, RXDCTL(0)) & RXDCTL_ENABLE);
    fill(p.b, 1, 100);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 3);
    rx_ring_registers(p.b, &p.rx, LEGACY);
    for (uint32_t i = 0; i < 3; i++)
        put64(p.b, p.rx.base + 16 * i + 8, 0);
    set(p.b, RXDCTL(0), RXDCTL_ENABLE);
    await(p.b, RXDCTL(0), RXDCTL_ENABLE, RXDCTL_ENABLE);
    wr(p.b, RDT(0), 63);
    fill(p.b, 1, 100);
    assert_true(get64(p.b, p.rx.base + 8) & L_DD);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

/* ---- DMA ---- */

static void rx__descriptors_refused__queue_hangs_until_restarted(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    p.b->refuse_from = p.rx.base;
    fill(p.b, 2, 100);
    p.b->refuse_from = UINT64_MAX;
    fill(p.b, 2, 100);
    assert_int_equal(x540_truth(p.b->card).frames_to_host, 0);
    expect_rule(p.b, "dma-refused");
    clear(p.b, RXDCTL(0), RXDCTL_ENABLE);
    await(p.b, RXDCTL(0), RXDCTL_ENABLE, 0);
    rx_ring_registers(p.b, &p.rx, LEGACY | SRRCTL_DROP_EN);
    set(p.b, RXDCTL(0), RXDCTL_ENABLE);
    await(p.b, RXDCTL(0), RXDCTL_ENABLE, RXDCTL_ENABLE);
    wr(p.b, RDT(0), 63);
    fill(p.b, 1, 100);
    assert_true(get64(p.b, p.rx.base + 8) & L_DD);
    bench_free(p.b);
}

static void rx__buffer_refused__is_written_off_and_reported_done(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    put64(p.b, p.rx.base, 0x10); /* no memory there: a posted write tells the card nothing */
    fill(p.b, 1, 100);
    assert_true(get64(p.b, p.rx.base + 8) & L_DD);
    assert_int_equal(x540_truth(p.b->card).dma_refused, 1);
    bench_free(p.b);
}

/* A descriptor beyond the tail at the time of the fetch must be read anew when the tail has moved. */
static void rx__descriptor_written_after_the_prefetch__is_the_one_used(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint64_t elsewhere = bench_alloc(p.b, 2048);

    (void)state;
    clear(p.b, RXDCTL(0), RXDCTL_ENABLE);
    await(p.b, RXDCTL(0), RXDCTL_ENABLE, 0);
    rx_ring_registers(p.b, &p.rx, LEGACY);
    set(p.b, RXDCTL(0), RXDCTL_ENABLE);
    await(p.b, RXDCTL(0), RXDCTL_ENABLE, RXDCTL_ENABLE);
    wr(p.b, RDT(0), 4);
    fill(p.b, 1, 100);
    put64(p.b, p.rx.base + 16 * 4, elsewhere);
    wr(p.b, RDT(0), 8);
    fill(p.b, 4, 100);
    make_frame(m.bytes, 100, 3);
    assert_memory_equal(at(p.b, elsewhere), m.bytes, 100);
    bench_free(p.b);
}

static void rx__descriptors__are_fetched_in_batches(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    p.b->dma_reads = 0;
    fill(p.b, 60, 100);
    assert_true(p.b->dma_reads <= 2);
    bench_free(p.b);
}

static void rx__ring_of_16384__is_too_long_but_for_the_x550(void **state)
{
    (void)state;
    for (int x550 = 0; x550 < 2; x550++) {
        struct x540_config config = {.kind = x550 ? X540_X550 : X540_AT2, .mac = {2}};
        struct bench *b = bench_new(&config);

        reset_card(b);
        init_card(b);
        wr(b, RDBAL(0), (uint32_t)bench_alloc(b, 16384 * 16));
        wr(b, RDBAH(0), (uint32_t)(MEMORY_AT >> 32));
        wr(b, RDLEN(0), 16384 * 16);
        wr(b, SRRCTL(0), LEGACY);
        set(b, RXDCTL(0), RXDCTL_ENABLE);
        await(b, RXDCTL(0), RXDCTL_ENABLE, RXDCTL_ENABLE);
        wr(b, RDT(0), 16383);
        assert_int_equal(rd(b, RDT(0)), x550 ? 16383 : 0);
        if (x550)
            expect_no_complaint(b);
        else
            expect_rule(b, "ring-length");
        bench_free(b);
    }
}

/* ---- Gathering ---- */

static void hold__four_a_line__in_one_write_with_one_interrupt(void **state)
{
    (void)state;
    for (int advanced = 0; advanced < 2; advanced++) {
        struct pair p = bring_up(advanced ? ADVANCED : LEGACY, false);
        uint64_t done = advanced ? A_DD | A_EOP : L_DD | L_EOP;

        wr(p.b, IVAR, 0x80);
        wr(p.b, GPIE, GPIE_MSIX_MODE);
        x540_set_msix_enabled(p.b->card, true);
        wr(p.b, EIAC, 1);
        wr(p.b, EIMS, 1);
        x540_hold(p.b->card, true);
        p.b->dma_writes = 0;
        fill(p.b, 3, 100);
        assert_int_equal(get64(p.b, p.rx.base + 8), 0); /* not yet */
        assert_int_equal(p.b->messages[0], 0);
        fill(p.b, 1, 100);
        assert_int_equal(p.b->dma_writes, 4 + 1);
        assert_int_equal(p.b->messages[0], 1);
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(get64(p.b, p.rx.base + 16 * i + 8) & done, done);
            if (!advanced)
                assert_int_equal(get64(p.b, p.rx.base + 16 * i), p.rx.buffers + i * BUFFER);
        }
        fill(p.b, 2, 100);
        assert_int_equal(get64(p.b, p.rx.base + 16 * 5 + 8), 0);
        x540_hold(p.b->card, false);
        assert_int_equal(get64(p.b, p.rx.base + 16 * 5 + 8) & done, done);
        assert_int_equal(p.b->messages[0], 2);
        fill(p.b, 1, 100); /* as before */
        assert_int_equal(get64(p.b, p.rx.base + 16 * 6 + 8) & done, done);
        assert_int_equal(p.b->messages[0], 3);
        bench_free(p.b);
    }
}

static void hold__queues_change_jumbo_and_time__nothing_stays_behind(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    set(p.b, HLREG0, HLREG0_JUMBOEN);
    wr(p.b, MAXFRS, 16000u << 16);
    x540_hold(p.b->card, true);
    fill(p.b, 1, 100);
    fill(p.b, 1, 15000); /* 8 buffers: lines 1-3, 4-7, and one descriptor more */
    assert_int_equal(get64(p.b, p.rx.base + 8) >> 32 & 3, 3);
    assert_int_equal(get64(p.b, p.rx.base + 16 * 7 + 8) >> 32 & 3, 1);
    assert_int_equal(get64(p.b, p.rx.base + 16 * 8 + 8), 0);
    wait_ns(p.b, 1); /* x540_run */
    assert_int_equal(get64(p.b, p.rx.base + 16 * 8 + 8) >> 32 & 3, 3);
    fill(p.b, 1, 100);
    clear(p.b, RXDCTL(0), RXDCTL_ENABLE); /* a queue that stops leaves nothing */
    assert_int_equal(get64(p.b, p.rx.base + 16 * 9 + 8) >> 32 & 3, 3);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

/* ---- Counters of queues, and what must do no harm ---- */

static void rx__checksum_errors_of_a_damaged_frame__are_not_in_xec(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    set(p.b, FCTRL, FCTRL_SBP);
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (!strcmp(cases[i].what, "TCP wrong"))
            make_case(&cases[i]);
    x540_frame_in_damaged(p.b->card, m.bytes, m.len, X540_BAD_CRC);
    assert_true(get64(p.b, p.rx.base + 8) & L_TCPE);
    assert_int_equal(rd(p.b, XEC), 0);
    in(p.b);
    assert_int_equal(rd(p.b, XEC), 1);
    bench_free(p.b);
}

static void rx__rqsmr__maps_queues_to_counters(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    wr(p.b, RQSMR, 0x0000000B);
    fill(p.b, 3, 100);
    assert_int_equal(rd(p.b, QPRC(11)), 3);
    assert_int_equal(rd(p.b, QPRC(0)), 0);
    assert_int_equal(rd(p.b, QBRC_L(11)), 300);
    bench_free(p.b);
}

static void rx__frames_that_come_before_anything_is_enabled__do_no_harm(void **state)
{
    struct bench *b = bench_new(NULL);

    (void)state;
    wait_ms(b, 20);
    fill(b, 5, 100);
    assert_int_equal(x540_truth(b->card).dropped_rx_off, 5);
    assert_int_equal(b->dma_reads + b->dma_writes, 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rx_legacy__each_kind_of_packet__has_its_status_bits),
        cmocka_unit_test(rx_advanced__each_kind_of_packet__has_its_status_bits_and_type),
        cmocka_unit_test(rx__checksum_wrong__is_counted_in_xec),
        cmocka_unit_test(rx__ipv6_extension_headers__l4_is_checked_where_the_sum_is_known),
        cmocka_unit_test(rx__pif__is_the_non_unicast_address_on_the_x550),
        cmocka_unit_test(rx_advanced__first_fragment_of_udp__carries_the_fragment_checksum),
        cmocka_unit_test(rx__vme__strips_the_tag_into_the_descriptor),
        cmocka_unit_test(rx__tag_not_stripped__vp_is_set_and_the_tag_field_is_zero),
        cmocka_unit_test(rx__crc_not_stripped__four_bytes_more),
        cmocka_unit_test(rx__strip_bits_differ__length_is_wrong_by_four),
        cmocka_unit_test(rx__jumbo__spreads_over_buffers),
        cmocka_unit_test(rx__length_exactly_the_buffer__takes_one_descriptor),
        cmocka_unit_test(rx__ring_empty_with_drop_en__drops_and_counts_qprdc),
        cmocka_unit_test(rx__ring_empty_without_drop_en__waits_in_the_packet_buffer),
        cmocka_unit_test(rx__packet_buffer_full__is_missed_and_told),
        cmocka_unit_test(rx__one_queue_stuck__blocks_the_others_unless_it_drops),
        cmocka_unit_test(rx__frame_needs_more_than_is_left__waits_whole),
        cmocka_unit_test(rx__frame_that_no_ring_state_could_hold__is_dropped),
        cmocka_unit_test(rx__closed_or_link_down__nothing_arrives),
        cmocka_unit_test(rx__secrx_stopped__frames_wait),
        cmocka_unit_test(rx__queue_stopped__stops_after_its_time_and_starts_afresh),
        cmocka_unit_test(rx__descriptors_refused__queue_hangs_until_restarted),
        cmocka_unit_test(rx__buffer_refused__is_written_off_and_reported_done),
        cmocka_unit_test(rx__descriptor_written_after_the_prefetch__is_the_one_used),
        cmocka_unit_test(rx__descriptors__are_fetched_in_batches),
        cmocka_unit_test(rx__ring_of_16384__is_too_long_but_for_the_x550),
        cmocka_unit_test(hold__four_a_line__in_one_write_with_one_interrupt),
        cmocka_unit_test(hold__queues_change_jumbo_and_time__nothing_stays_behind),
        cmocka_unit_test(rx__checksum_errors_of_a_damaged_frame__are_not_in_xec),
        cmocka_unit_test(rx__rqsmr__maps_queues_to_counters),
        cmocka_unit_test(rx__frames_that_come_before_anything_is_enabled__do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
