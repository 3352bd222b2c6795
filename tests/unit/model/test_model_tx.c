/* SPDX-License-Identifier: BSD-2-Clause
 * The model's transmitter. Covers: packets of several descriptors, incomplete packets, advanced
 * descriptors; checksum insertion by offset and by context for TCP, UDP, SCTP over both IPs; TCP and
 * UDP segmentation with header fields, flags and checksums checked by a naive routine, also when the
 * wire refuses in the middle; VLAN insertion; loopback; what stops transmit; refused DMA; RS, DD and
 * head write-back; statistics.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"
#include "tests/unit/model/model_packets.h"

#define TX_IXSM   BIT64(40)
#define TX_TXSM   BIT64(41)
#define PAYLEN(n) ((uint64_t)(n) << 46)

static struct made m;

static uint64_t context_q0(uint32_t mac, uint32_t ip, uint32_t tci)
{
    return ip | mac << 9 | (uint64_t)tci << 16;
}
static uint64_t context_q1(bool v4, uint32_t l4_type, uint32_t l4, uint32_t mss, uint32_t idx)
{
    return TX_CONTEXT | (v4 ? BIT64(10) : 0) | (uint64_t)l4_type << 11 | (uint64_t)l4 << 40 |
           (uint64_t)mss << 48 | (uint64_t)idx << 36;
}
static uint32_t l4_type(uint8_t protocol)
{
    return protocol == TCP ? 1 : protocol == UDP ? 0 : 2;
}

/* ---- Gathering ---- */

static void tx__several_descriptors__are_one_frame(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    make_frame(m.bytes, 600, 4);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 14), 14 | TX_IFCS);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes + 14, 500), 500 | TX_IFCS);
    tx_put(p.b, &p.tx, 0, TX_IFCS); /* empty */
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 0); /* not complete */
    assert_int_equal(rd(p.b, TDH(0)), 0);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes + 514, 86), 86 | TX_USUAL);
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 1);
    assert_int_equal(p.b->wire[0].len, 600);
    assert_memory_equal(p.b->wire[0].bytes, m.bytes, 600);
    assert_int_equal(rd(p.b, TDH(0)), 4);
    assert_int_equal(get64(p.b, p.tx.base + 8) >> 32, 0);
    assert_int_equal(get64(p.b, p.tx.base + 3 * 16 + 8) >> 32, 1);
    bench_free(p.b);
}

static void tx__ring_wraps__keeps_order_and_reports_each(void **state)
{
    struct pair p = bring_up(LEGACY, true);

    (void)state;
    for (uint32_t i = 0; i < 500; i++) {
        make_frame(m.bytes, 80, (uint8_t)i);
        tx_frame(p.b, &p.tx, m.bytes, 80);
        assert_int_equal(p.b->frames, 1);
        assert_memory_equal(p.b->wire[0].bytes, m.bytes, 80);
        assert_int_equal(get32(p.b, p.tx.head_at), (i + 1) % 64);
        p.b->frames = 0;
    }
    expect_no_complaint(p.b);
    bench_free(p.b);
}

static void tx__burst_of_a_ring__is_fetched_in_batches_and_reported_once(void **state)
{
    struct pair p = bring_up(LEGACY, true);

    (void)state;
    make_frame(m.bytes, 80, 1);
    for (uint32_t i = 0; i < 63; i++)
        tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 80),
               80 | TX_EOP | TX_IFCS | (i % 16 == 15 || i == 62 ? TX_RS : 0));
    p.b->dma_reads = p.b->dma_writes = 0;
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 63);
    assert_int_equal(p.b->dma_reads, 63 + 1);
    assert_int_equal(p.b->dma_writes, 1);
    assert_int_equal(get32(p.b, p.tx.head_at), 63);
    bench_free(p.b);
}

static void tx__burst_with_rs_each__reports_in_few_writes(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    make_frame(m.bytes, 80, 1);
    for (uint32_t i = 0; i < 60; i++) /* beyond the end of the ring in the second round */
        tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 80), 80 | TX_USUAL);
    tx_kick(p.b, &p.tx);
    for (uint32_t i = 0; i < 60; i++)
        tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 80),
               80 | TX_EOP | TX_IFCS | (i & 1 ? TX_RS : 0));
    p.b->dma_writes = 0;
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 120);
    assert_true(p.b->dma_writes <= 2);
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t slot = (60 + i) % 64;

        assert_int_equal(get64(p.b, p.tx.base + 16 * slot + 8) >> 32, i & 1);
        assert_int_equal(get64(p.b, p.tx.base + 16 * slot), p.tx.buffers + slot * BUFFER);
    }
    bench_free(p.b);
}

/* Three descriptors, of which the second has RS. The value may lie beyond that. */
static void tx__head_write_back__is_beyond_the_last_rs_in_some_runs(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    uint32_t beyond = 0;

    (void)state;
    make_frame(m.bytes, 80, 1);
    for (uint32_t run = 0; run < 16; run++) {
        uint32_t rs, end;

        for (uint32_t i = 0; i < 3; i++)
            tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 80),
                   80 | TX_EOP | TX_IFCS | (i == 1 ? TX_RS : 0));
        end = p.tx.next;
        rs = (end + 63) % 64;
        tx_kick(p.b, &p.tx);
        assert_true(get32(p.b, p.tx.head_at) == rs || get32(p.b, p.tx.head_at) == end);
        beyond += get32(p.b, p.tx.head_at) == end;
        assert_true(run || !beyond); /* the first run of a queue reports its last RS */
    }
    assert_int_equal(beyond, 4);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

/* The two lowest bits of the address are not looked at: 16 bytes are its step. */
static void tx__head_address_not_aligned__head_is_written_below_it(void **state)
{
    struct bench *b = bench_new(NULL);
    struct ring r = {.size = 64};

    (void)state;
    reset_card(b);
    init_card(b);
    r.base = bench_alloc(b, 1024);
    r.buffers = bench_alloc(b, 64 * BUFFER);
    r.head_at = bench_alloc(b, 64) + 16 + 12;
    tx_ring_registers(b, &r, true);
    assert_int_equal(rd(b, TDWBAL(0)) & 0xF, TDWBAL_ENABLE);
    set(b, TXDCTL(0), TXDCTL_ENABLE);
    await(b, TXDCTL(0), TXDCTL_ENABLE, TXDCTL_ENABLE);
    link_up(b);
    make_frame(m.bytes, 80, 1);
    tx_frame(b, &r, m.bytes, 80);
    assert_int_equal(get32(b, r.head_at), 0);
    assert_int_equal(get32(b, r.head_at - 12), 1);
    bench_free(b);
}

/* Legacy descriptors send 14 bytes and more, advanced ones 17. */
static void tx__shortest_frames__differ_by_the_format(void **state)
{
    (void)state;
    for (uint32_t len = 12; len < 18; len++) {
        struct pair p = bring_up(LEGACY, false);
        uint32_t legacy;

        make_frame(m.bytes, len, 1);
        tx_frame(p.b, &p.tx, m.bytes, len);
        legacy = p.b->frames;
        assert_int_equal(legacy, len >= 14);
        assert_int_equal(!!complaint(p.b, "tx-too-short"), len < 14);
        tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, len),
               len | TX_USUAL | TX_DATA | PAYLEN(len));
        tx_kick(p.b, &p.tx);
        assert_int_equal(p.b->frames - legacy, len >= 17);
        assert_int_equal(!!complaint(p.b, "tx-too-short"), len < 17);
        assert_int_equal(rd(p.b, TDH(0)), 2); /* done either way */
        bench_free(p.b);
    }
}

static void tx_pause__from_software__carries_the_timer_of_fcttv(void **state)
{
    static const uint8_t group[6] = {0x01, 0x80, 0xC2, 0, 0, 1};
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    make_frame(m.bytes, 60, 1);
    memcpy(m.bytes, group, 6);
    be16(m.bytes + 12, 0x8808);
    be16(m.bytes + 14, 0x0001);
    be16(m.bytes + 16, 0x1234);
    tx_frame(p.b, &p.tx, m.bytes, 60);
    assert_int_equal(get_be16(p.b->wire[0].bytes + 16), 0); /* FCTTV's reset value: an XON */
    wr(p.b, FCTTV, 0x56780680);
    tx_frame(p.b, &p.tx, m.bytes, 60);
    assert_int_equal(get_be16(p.b->wire[1].bytes + 16), 0x0680);
    assert_memory_equal(p.b->wire[1].bytes + 18, m.bytes + 18, 42);
    be16(m.bytes + 14, 0x0002); /* another opcode is left alone */
    tx_frame(p.b, &p.tx, m.bytes, 60);
    assert_memory_equal(p.b->wire[2].bytes, m.bytes, 60);
    bench_free(p.b);
}

static void tx_advanced__plain__is_sent_and_dd_set_with_the_rest_kept(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint64_t q1;

    (void)state;
    make_frame(m.bytes, 100, 1);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 100), 100 | TX_USUAL | TX_DATA | PAYLEN(100));
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 1);
    q1 = get64(p.b, p.tx.base + 8);
    assert_true(q1 & BIT64(32));
    assert_int_equal(q1 >> 46, 100);
    expect_no_complaint(p.b);
    bench_free(p.b);
}

/* ---- Checksums ---- */

/* The L4 checksum field holds the pseudo-header's sum, as drivers leave it. */
static void seed(const struct wanted *w, uint32_t with_length)
{
    if (w->protocol != SCTP)
        be16(m.bytes + m.l4 + csum_at(w->protocol), naive_pseudo(w, with_length));
}

static uint32_t naive_crc32c(const uint8_t *p, uint32_t len)
{
    uint32_t crc = 0xFFFFFFFF;

    for (uint32_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            bool one = (crc ^ (uint32_t)(p[i] >> bit)) & 1;
            crc = crc >> 1 ^ (one ? 0x82F63B78 : 0);
        }
    return ~crc;
}

static void expect_l4_good(const struct wanted *w, const uint8_t *frame, uint32_t l4, uint32_t end)
{
    uint8_t copy[2048];
    uint32_t crc;

    if (w->protocol != SCTP) {
        assert_int_equal(naive_sum(frame + l4, end - l4, naive_pseudo(w, end - l4)), 0xFFFF);
        return;
    }
    memcpy(copy, frame + l4, end - l4);
    memset(copy + 8, 0, 4);
    crc = naive_crc32c(copy, end - l4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(frame[l4 + 8 + i], crc >> (8 * i) & 0xFF);
}

static void tx_advanced__checksums_by_context__are_right(void **state)
{
    static const uint8_t protocols[3] = {TCP, UDP, SCTP};

    (void)state;
    for (uint32_t i = 0; i < 12; i++) {
        struct wanted w = {.v6 = i & 1,
                           .tagged = i & 2,
                           .protocol = protocols[i / 4],
                           .payload = 101 + i,
                           .src = {10, 0, 0, 1, 7},
                           .dst = {10, 0, 0, 2, 9}};
        struct pair p = bring_up(LEGACY, false);
        const uint8_t *out = p.b->wire[0].bytes;

        packet_make(&w, &m);
        if (!w.v6)
            be16(m.bytes + m.l3 + 10, 0);
        seed(&w, m.l4_len);
        tx_put(p.b, &p.tx, context_q0(m.l3, m.l4 - m.l3, 0),
               context_q1(!w.v6, l4_type(w.protocol), 0, 0, i & 1));
        tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, m.len),
               m.len | TX_USUAL | TX_DATA | TX_TXSM | (w.v6 ? 0 : TX_IXSM) | PAYLEN(m.len) |
                   (uint64_t)(i & 1) << 36);
        tx_kick(p.b, &p.tx);
        assert_int_equal(p.b->frames, 1);
        assert_int_equal(p.b->wire[0].len, m.len);
        if (!w.v6)
            assert_int_equal(naive_sum(out + m.l3, m.l4 - m.l3, 0), 0xFFFF);
        expect_l4_good(&w, out, m.l4, m.len);
        assert_int_equal(rd(p.b, TDH(0)), 2);
        expect_no_complaint(p.b);
        bench_free(p.b);
    }
}

static void tx_advanced__udp_sum_of_zero__becomes_ffff(void **state)
{
    struct wanted w = {.protocol = UDP, .payload = 30, .src = {10, 0, 0, 1}, .dst = {10, 0, 0, 2}};
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    packet_make(&w, &m);
    be16(m.bytes + m.l4 + 6, 0);
    be16(m.bytes + m.l4 + 8, 0);
    be16(m.bytes + m.l4 + 8, ~naive_sum(m.bytes + m.l4, m.l4_len, naive_pseudo(&w, m.l4_len)));
    seed(&w, m.l4_len);
    tx_put(p.b, &p.tx, context_q0(14, 20, 0), context_q1(true, 0, 0, 0, 0));
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, m.len),
           m.len | TX_USUAL | TX_DATA | TX_TXSM | PAYLEN(m.len));
    tx_kick(p.b, &p.tx);
    assert_int_equal(get_be16(p.b->wire[0].bytes + m.l4 + 6), 0xFFFF);
    bench_free(p.b);
}

static void tx_legacy__ic__sums_from_css_to_cso(void **state)
{
    struct wanted w = {.protocol = TCP, .payload = 51, .src = {10, 0, 0, 1}, .dst = {10, 0, 0, 2}};
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    packet_make(&w, &m);
    seed(&w, m.l4_len);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, m.len),
           m.len | TX_USUAL | TX_IC | (uint64_t)(m.l4 + 16) << 16 | (uint64_t)m.l4 << 40);
    tx_kick(p.b, &p.tx);
    expect_l4_good(&w, p.b->wire[0].bytes, m.l4, m.len);
    bench_free(p.b);
}

/* ---- VLAN ---- */

static void expect_tagged(struct bench *b, uint32_t tci)
{
    const uint8_t *out = b->wire[0].bytes;

    assert_int_equal(b->wire[0].len, m.len + 4);
    assert_memory_equal(out, m.bytes, 12);
    assert_int_equal(get_be16(out + 12), 0x8100);
    assert_int_equal(get_be16(out + 14), tci);
    assert_memory_equal(out + 16, m.bytes + 12, m.len - 12);
}

static void tx__vle__inserts_the_tag(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    m.len = make_frame(m.bytes, 100, 1);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 100),
           100 | TX_USUAL | TX_VLE | 0x2ABCull << 48);
    tx_kick(p.b, &p.tx);
    expect_tagged(p.b, 0x2ABC);
    p.b->frames = 0;
    tx_put(p.b, &p.tx, context_q0(14, 0, 0x3DEF), context_q1(false, 0, 0, 0, 0));
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 100),
           100 | TX_USUAL | TX_DATA | TX_VLE | PAYLEN(100));
    tx_kick(p.b, &p.tx);
    expect_tagged(p.b, 0x3DEF);
    bench_free(p.b);
}

/* ---- Segmentation ---- */

struct tso {
    struct wanted w;
    uint32_t mss, header;
};

/* Puts the big packet into the ring: context, header, payload in pieces. */
static void tso_put(struct bench *b, struct ring *r, struct tso *t)
{
    uint32_t length = 0, sent, big = bench_alloc(b, 65536) - MEMORY_AT;

    packet_make(&t->w, &m);
    t->header = m.l4 + l4_header(t->w.protocol);
    seed(&t->w, 0);
    if (t->w.v6)
        be16(m.bytes + m.l3 + 4, 0);
    else
        be16(m.bytes + m.l3 + 2, 0);
    memcpy(b->memory + big, m.bytes, m.len);
    tx_put(b, r, context_q0(m.l3, m.l4 - m.l3, 0),
           context_q1(!t->w.v6, l4_type(t->w.protocol), l4_header(t->w.protocol), t->mss, 0));
    for (sent = 0; sent < m.len; sent += length) {
        length = m.len - sent < 4096 ? m.len - sent : 4096;
        tx_put(b, r, MEMORY_AT + big + sent,
               length | TX_IFCS | TX_DATA | TX_TSE | TX_TXSM | TX_IXSM | PAYLEN(m.len - t->header) |
                   (sent + length == m.len ? TX_EOP | TX_RS : 0));
    }
    tx_kick(b, r);
}

static void expect_segments(struct bench *b, const struct tso *t)
{
    uint32_t payload = m.len - t->header, n = (payload + t->mss - 1) / t->mss;
    uint32_t l4_header_bytes = l4_header(t->w.protocol);

    assert_int_equal(b->frames, n);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *out = b->wire[i].bytes, *l4 = out + m.l4;
        uint32_t part = i + 1 < n ? t->mss : payload - i * t->mss;

        assert_int_equal(b->wire[i].len, t->header + part < 60 ? 60 : t->header + part);
        assert_memory_equal(out + t->header, m.bytes + t->header + i * t->mss, part);
        if (t->w.v6) {
            assert_int_equal(get_be16(out + m.l3 + 4), l4_header_bytes + part);
        } else {
            assert_int_equal(get_be16(out + m.l3 + 2), m.l4 - m.l3 + l4_header_bytes + part);
            assert_int_equal(get_be16(out + m.l3 + 4), 0x1234 + i);
            assert_int_equal(naive_sum(out + m.l3, m.l4 - m.l3, 0), 0xFFFF);
        }
        if (t->w.protocol == TCP) {
            assert_int_equal(get_be32(l4 + 4), 0x10203040 + i * t->mss);
            /* FIN and PSH only in the last, CWR only in the first */
            assert_int_equal(l4[13], n == 1 ? 0x99 : i == 0 ? 0x90 : i + 1 < n ? 0x10 : 0x19);
        } else {
            assert_int_equal(get_be16(l4 + 4), 8 + part);
        }
        expect_l4_good(&t->w, out, m.l4, t->header + part);
    }
}

static struct tso tso_of(uint32_t i)
{
    static const uint32_t payloads[4] = {1, 1000, 1001, 9500};

    return (struct tso){.w = {.v6 = i & 1,
                              .protocol = i & 2 ? UDP : TCP,
                              .payload = payloads[i >> 2 & 3],
                              .tcp_flags = 0x99,
                              .src = {10, 0, 0, 1, 5},
                              .dst = {10, 0, 0, 2, 6}},
                        .mss = 1000};
}

static void tx_tso__tcp_and_udp_over_both__segments_are_right(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 16; i++) {
        struct pair p = bring_up(LEGACY, false);
        struct tso t = tso_of(i);

        tso_put(p.b, &p.tx, &t);
        expect_segments(p.b, &t);
        assert_int_equal(rd(p.b, TDH(0)), rd(p.b, TDT(0)));
        expect_no_complaint(p.b);
        bench_free(p.b);
    }
}

/* On the X550 the middle segments keep CWR. */
static void tx_tso__flags_of_middle_segments__differ_on_the_x550(void **state)
{
    (void)state;
    for (int x550 = 0; x550 < 2; x550++) {
        struct pair p = bring_up_kind(x550 ? X540_X550 : X540_AT2, LEGACY, false);
        struct tso t = tso_of(12);

        tso_put(p.b, &p.tx, &t);
        assert_int_equal(p.b->wire[0].bytes[m.l4 + 13], 0x90);
        assert_int_equal(p.b->wire[1].bytes[m.l4 + 13], x550 ? 0x90 : 0x10);
        assert_int_equal(p.b->wire[p.b->frames - 1].bytes[m.l4 + 13], 0x19);
        bench_free(p.b);
    }
}

static void tx_tso__wire_refuses_in_the_middle__each_segment_leaves_once(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    struct tso t = tso_of(12);

    (void)state;
    p.b->wire_room = 3;
    tso_put(p.b, &p.tx, &t);
    assert_int_equal(p.b->frames, 3);
    assert_int_equal(get32(p.b, p.tx.head_at), 0);
    p.b->wire_room = 7;
    wait_ms(p.b, 1);
    assert_int_equal(p.b->frames, 7);
    p.b->wire_room = 0;
    wait_ms(p.b, 1);
    expect_segments(p.b, &t);
    assert_int_equal(get32(p.b, p.tx.head_at), rd(p.b, TDT(0)));
    p.b->frames = 0; /* the next packet begins at its own first segment */
    tso_put(p.b, &p.tx, &t);
    expect_segments(p.b, &t);
    bench_free(p.b);
}

static void tx_tso__tagged__each_segment_has_the_tag(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    struct wanted w = {.protocol = TCP, .payload = 1500, .src = {10}, .dst = {11}};

    (void)state;
    packet_make(&w, &m);
    seed(&w, 0);
    tx_put(p.b, &p.tx, context_q0(14, 20, 77), context_q1(true, 1, 20, 1000, 0));
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, m.len),
           m.len | TX_USUAL | TX_DATA | TX_TSE | TX_VLE | TX_TXSM | TX_IXSM | PAYLEN(1500));
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(get_be32(p.b->wire[i].bytes + 12), 0x81000000 | 77);
        assert_int_equal(p.b->wire[i].len, 58 + (i ? 500 : 1000));
    }
    bench_free(p.b);
}

/* ---- Loopback, gates, refusals ---- */

static void tx_loopback__comes_back_without_the_wire(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    set(p.b, HLREG0, HLREG0_LPBK);
    x540_set_cable(p.b->card, false);
    make_frame(m.bytes, 300, 6);
    tx_frame(p.b, &p.tx, m.bytes, 300);
    assert_int_equal(p.b->frames, 0);
    assert_int_equal(get64(p.b, p.rx.base + 8) & 0xFFFF, 300);
    assert_memory_equal(at(p.b, p.rx.buffers), m.bytes, 300);
    assert_int_equal(x540_truth(p.b->card).frames_looped, 1);
    bench_free(p.b);
}

static void stop_by_te(struct bench *b, bool stop)
{
    wr(b, DMATXCTL, stop ? 0x81000000 : 0x81000001);
}
static void stop_by_arbiter(struct bench *b, bool stop)
{
    wr(b, RTTDCS, stop ? RTTDCS_ARBDIS : 0);
}
static void stop_by_sectx(struct bench *b, bool stop)
{
    wr(b, SECTXCTRL, stop ? SECTXCTRL_TX_DIS : 0);
}
static void stop_by_bus_master(struct bench *b, bool stop)
{
    x540_set_bus_master(b->card, !stop);
}
static void stop_by_gio(struct bench *b, bool stop)
{
    wr(b, CTRL, stop ? CTRL_GIO_DIS : 0);
    wait_ns(b, 20000);
}

static void tx__each_gate__stops_and_lets_go_on(void **state)
{
    static void (*const gates[])(struct bench *, bool) = {
        stop_by_te, stop_by_arbiter, stop_by_sectx, stop_by_bus_master, stop_by_gio};

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        struct pair p = bring_up(LEGACY, true);

        gates[i](p.b, true);
        make_frame(m.bytes, 100, 1);
        tx_frame(p.b, &p.tx, m.bytes, 100);
        wait_ms(p.b, 5);
        assert_int_equal(p.b->frames, 0);
        gates[i](p.b, false);
        assert_int_equal(p.b->frames, 1);
        assert_int_equal(get32(p.b, p.tx.head_at), 1);
        bench_free(p.b);
    }
}

static void tx__padding_off__short_frames_leave_as_they_are(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    read_statistics(p.b);
    clear(p.b, HLREG0, HLREG0_TXPADEN);
    make_frame(m.bytes, 30, 1);
    tx_frame(p.b, &p.tx, m.bytes, 30);
    assert_int_equal(p.b->wire[0].len, 30);
    assert_int_equal(rd(p.b, TPT), 1);
    assert_int_equal(rd(p.b, GPTC), 0); /* of 64 bytes and more */
    assert_int_equal(rd(p.b, GOTCL), 0);
    bench_free(p.b);
}

static void tx__own_crc__good_one_is_taken_off(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint32_t crc = 0xFFFFFFFF;

    (void)state;
    make_frame(m.bytes, 100, 1);
    for (uint32_t i = 0; i < 100; i++) {
        crc ^= m.bytes[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    crc = ~crc;
    memcpy(m.bytes + 100, &crc, 4);
    tx_put(p.b, &p.tx, tx_bytes(p.b, &p.tx, m.bytes, 104), 104 | TX_EOP | TX_RS);
    tx_kick(p.b, &p.tx);
    assert_int_equal(p.b->frames, 1);
    assert_int_equal(p.b->wire[0].len, 100);
    bench_free(p.b);
}

static void tx__data_refused__queue_hangs_until_restarted_and_others_go_on(void **state)
{
    struct pair p = bring_up(LEGACY, true);
    struct ring other = tx_ring(p.b, 77, 64, true);

    (void)state;
    make_frame(m.bytes, 100, 1);
    tx_put(p.b, &p.tx, 0x40, 100 | TX_USUAL);
    tx_kick(p.b, &p.tx);
    tx_frame(p.b, &p.tx, m.bytes, 100);
    assert_int_equal(p.b->frames, 0);
    assert_int_equal(get32(p.b, p.tx.head_at), 0);
    tx_frame(p.b, &other, m.bytes, 100);
    assert_int_equal(p.b->frames, 1);
    clear(p.b, TXDCTL(0), TXDCTL_ENABLE);
    await(p.b, TXDCTL(0), TXDCTL_ENABLE, 0);
    tx_ring_registers(p.b, &p.tx, true);
    wr(p.b, TXDCTL(0), TXDCTL_ENABLE);
    await(p.b, TXDCTL(0), TXDCTL_ENABLE, TXDCTL_ENABLE);
    p.tx.next = 0;
    tx_frame(p.b, &p.tx, m.bytes, 100);
    assert_int_equal(p.b->frames, 2);
    bench_free(p.b);
}

static void tx__many_queues_and_a_slow_wire__none_is_left_behind(void **state)
{
    struct bench *b = bench_new(NULL);
    struct ring rings[4];
    static const uint32_t q[4] = {0, 31, 64, 127};

    (void)state;
    reset_card(b);
    init_card(b);
    for (uint32_t i = 0; i < 4; i++)
        rings[i] = tx_ring(b, q[i], 64, true);
    link_up(b);
    b->wire_full = true;
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 0; k < 10; k++) {
            m.len = make_frame(m.bytes, 100, (uint8_t)(16 * i + k));
            tx_frame(b, &rings[i], m.bytes, 100);
        }
    assert_int_equal(b->frames, 0);
    b->wire_full = false;
    for (uint32_t room = 1; room < 40; room++) {
        b->wire_room = room;
        wait_ms(b, 1);
        assert_int_equal(b->frames, room);
    }
    b->wire_room = 0;
    wait_ms(b, 1);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(get32(b, rings[i].head_at), 10);
    bench_free(b);
}

static void tx__statistics__count_what_left(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    static const uint8_t group[6] = {1, 0, 0x5E, 0, 0, 1};

    (void)state;
    read_statistics(p.b);
    wr(p.b, TQSM, 0x0000000D);
    make_frame(m.bytes, 1514, 1);
    tx_frame(p.b, &p.tx, m.bytes, 40);
    tx_frame(p.b, &p.tx, m.bytes, 1514);
    memcpy(m.bytes, group, 6);
    tx_frame(p.b, &p.tx, m.bytes, 200);
    memset(m.bytes, 0xFF, 6);
    tx_frame(p.b, &p.tx, m.bytes, 200);
    assert_int_equal(rd(p.b, GPTC), 4);
    assert_int_equal(rd(p.b, TPT), 4);
    assert_int_equal(rd(p.b, TXDGPC), 4);
    assert_int_equal(rd(p.b, MPTC), 1);
    assert_int_equal(rd(p.b, BPTC), 1);
    assert_int_equal(rd(p.b, PTC64), 1);
    assert_int_equal(rd(p.b, PTC64 + 8), 2);
    assert_int_equal(rd(p.b, PTC64 + 20), 1);
    assert_int_equal(rd(p.b, GOTCL), 64 + 1518 + 204 + 204);
    assert_int_equal(rd(p.b, GOTCL + 4), 0);
    assert_int_equal(rd(p.b, QBTC_L(13)), 64 + 1518 + 204 + 204); /* with the CRC */
    assert_int_equal(rd(p.b, 0x06030 + 0x40 * 13), 4); /* QPTC at the address that drivers use */
    assert_int_equal(rd(p.b, QPTC(13)), 0);            /* is the same counter */
    bench_free(p.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tx__several_descriptors__are_one_frame),
        cmocka_unit_test(tx__ring_wraps__keeps_order_and_reports_each),
        cmocka_unit_test(tx__burst_of_a_ring__is_fetched_in_batches_and_reported_once),
        cmocka_unit_test(tx__burst_with_rs_each__reports_in_few_writes),
        cmocka_unit_test(tx__head_write_back__is_beyond_the_last_rs_in_some_runs),
        cmocka_unit_test(tx__head_address_not_aligned__head_is_written_below_it),
        cmocka_unit_test(tx__shortest_frames__differ_by_the_format),
        cmocka_unit_test(tx_pause__from_software__carries_the_timer_of_fcttv),
        cmocka_unit_test(tx_advanced__plain__is_sent_and_dd_set_with_the_rest_kept),
        cmocka_unit_test(tx_advanced__checksums_by_context__are_right),
        cmocka_unit_test(tx_advanced__udp_sum_of_zero__becomes_ffff),
        cmocka_unit_test(tx_legacy__ic__sums_from_css_to_cso),
        cmocka_unit_test(tx__vle__inserts_the_tag),
        cmocka_unit_test(tx_tso__tcp_and_udp_over_both__segments_are_right),
        cmocka_unit_test(tx_tso__flags_of_middle_segments__differ_on_the_x550),
        cmocka_unit_test(tx_tso__wire_refuses_in_the_middle__each_segment_leaves_once),
        cmocka_unit_test(tx_tso__tagged__each_segment_has_the_tag),
        cmocka_unit_test(tx_loopback__comes_back_without_the_wire),
        cmocka_unit_test(tx__each_gate__stops_and_lets_go_on),
        cmocka_unit_test(tx__padding_off__short_frames_leave_as_they_are),
        cmocka_unit_test(tx__own_crc__good_one_is_taken_off),
        cmocka_unit_test(tx__data_refused__queue_hangs_until_restarted_and_others_go_on),
        cmocka_unit_test(tx__many_queues_and_a_slow_wire__none_is_left_behind),
        cmocka_unit_test(tx__statistics__count_what_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
