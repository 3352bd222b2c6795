/* SPDX-License-Identifier: BSD-2-Clause
 * The model's count of packets and bytes on a PCIe link. Covers: a received frame, its write-back,
 * alone and in a line of four; a sent frame, its request and completion, the head word; descriptors
 * fetched as HTHRESH says; addresses below and above 4 GiB; frames larger than a packet, across a
 * page and a multiple of 64; registers.
 */
/* links: $(MODEL) */
#include "tests/unit/model/model_bench.h"

#include "tests/model/x540_internal.h"

enum { AROUND_64 = 8 + 16, AROUND_32 = 8 + 12 }; /* of a packet with a long or a short address */

static struct x540_pcie_count difference(struct x540_pcie_count a, struct x540_pcie_count b)
{
    return (struct x540_pcie_count){a.packets_up - b.packets_up, a.bytes_up - b.bytes_up,
                                    a.packets_down - b.packets_down, a.bytes_down - b.bytes_down};
}

static struct x540_pcie before;

static void begin(struct bench *b)
{
    before = x540_pcie(b->card);
}

/* What was counted of this kind since `begin`. */
static void expect(struct bench *b, enum x540_pcie_kind kind, uint64_t packets_up,
                   uint64_t bytes_up, uint64_t packets_down, uint64_t bytes_down)
{
    struct x540_pcie now = x540_pcie(b->card);
    struct x540_pcie_count n = difference(now.kind[kind], before.kind[kind]);

    assert_int_equal(n.packets_up, packets_up);
    assert_int_equal(n.bytes_up, bytes_up);
    assert_int_equal(n.packets_down, packets_down);
    assert_int_equal(n.bytes_down, bytes_down);
}

static void received_frame__alone__is_one_write_and_one_write_back(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[64];

    (void)state;
    begin(p.b);
    x540_frame_in(p.b->card, frame, make_frame(frame, 60, 1));
    expect(p.b, X540_PCIE_RX_FETCH, 1, AROUND_64, 2, 2 * AROUND_32 + 32 * 16);
    expect(p.b, X540_PCIE_RX_FRAME, 1, AROUND_64 + 60, 0, 0);
    expect(p.b, X540_PCIE_RX_DONE, 1, AROUND_64 + 8, 0, 0);
    bench_free(p.b);
}

static void received_frames__gathered__are_written_back_in_lines_of_four(void **state)
{
    struct pair p = bring_up(LEGACY, false);
    uint8_t frame[64];

    (void)state;
    begin(p.b);
    x540_hold(p.b->card, true);
    for (unsigned i = 0; i < 32; i++)
        x540_frame_in(p.b->card, frame, make_frame(frame, 61, 1));
    x540_hold(p.b->card, false);
    expect(p.b, X540_PCIE_RX_FETCH, 1, AROUND_64, 2, 2 * AROUND_32 + 32 * 16);
    expect(p.b, X540_PCIE_RX_FRAME, 32, 32 * (AROUND_64 + 64), 0, 0);
    expect(p.b, X540_PCIE_RX_DONE, 8, 8 * (AROUND_64 + 64), 0, 0);
    bench_free(p.b);
}

static void sent_frames__with_hthresh__are_fetched_in_its_batches(void **state)
{
    static const struct {
        uint32_t hthresh, requests;
    } cases[] = {{0, 1}, {4, 8}, {8, 4}, {32, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pair p = bring_up(LEGACY, true);
        uint8_t frame[64];
        wr(p.b, TXDCTL(0), rd(p.b, TXDCTL(0)) | cases[i].hthresh << 8);
        begin(p.b);
        for (unsigned k = 0; k < 32; k++) {
            uint64_t address = tx_bytes(p.b, &p.tx, frame, make_frame(frame, 60, 1));
            tx_put(p.b, &p.tx, address, 60 | TX_EOP | TX_IFCS | (k == 31 ? TX_RS : 0));
        }
        tx_kick(p.b, &p.tx);
        struct x540_pcie now = x540_pcie(p.b->card);
        assert_int_equal(now.kind[X540_PCIE_TX_FETCH].packets_up -
                             before.kind[X540_PCIE_TX_FETCH].packets_up,
                         cases[i].requests);
        expect(p.b, X540_PCIE_TX_FRAME, 32, 32 * AROUND_64, 32, 32 * (AROUND_32 + 60));
        expect(p.b, X540_PCIE_HEAD, 1, AROUND_64 + 4, 0, 0);
        expect(p.b, X540_PCIE_TX_DONE, 0, 0, 0, 0);
        bench_free(p.b);
    }
}

static void addresses__below_4_gib__have_short_headers(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    begin(p.b);
    x540_pcie_write(p.b->card, X540_PCIE_RX_FRAME, 0xFFFFFFC0, 60);
    expect(p.b, X540_PCIE_RX_FRAME, 1, AROUND_32 + 60, 0, 0);
    x540_pcie_read(p.b->card, X540_PCIE_TX_FRAME, 0x1000, 60, UINT32_MAX);
    expect(p.b, X540_PCIE_TX_FRAME, 1, AROUND_32, 1, AROUND_32 + 60);
    begin(p.b);
    x540_pcie_write(p.b->card, X540_PCIE_RX_FRAME, 0x100000000, 60);
    expect(p.b, X540_PCIE_RX_FRAME, 1, AROUND_64 + 60, 0, 0);
    bench_free(p.b);
}

static void long_frames__and_edges__are_split_as_a_bus_splits_them(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    begin(p.b);
    x540_pcie_write(p.b->card, X540_PCIE_RX_FRAME, 0x1000, 1514); /* 5 of 256, then 234 in words */
    expect(p.b, X540_PCIE_RX_FRAME, 6, 6 * AROUND_32 + 1516, 0, 0);
    begin(p.b);
    x540_pcie_write(p.b->card, X540_PCIE_RX_FRAME, 0x1FE0, 64); /* across a page */
    expect(p.b, X540_PCIE_RX_FRAME, 2, 2 * AROUND_32 + 64, 0, 0);
    begin(p.b);
    x540_pcie_read(p.b->card, X540_PCIE_TX_FRAME, 0x1000, 1514, UINT32_MAX); /* 512, 512, 490 */
    expect(p.b, X540_PCIE_TX_FRAME, 3, 3 * AROUND_32, 6, 6 * AROUND_32 + 1516);
    begin(p.b);
    x540_pcie_read(p.b->card, X540_PCIE_TX_FRAME, 0x1020, 256, UINT32_MAX); /* 224, then 32 */
    expect(p.b, X540_PCIE_TX_FRAME, 1, AROUND_32, 2, 2 * AROUND_32 + 256);
    begin(p.b);
    x540_pcie_write(p.b->card, X540_PCIE_RX_FRAME, 0x1002, 3); /* parts of two words */
    expect(p.b, X540_PCIE_RX_FRAME, 1, AROUND_32 + 8, 0, 0);
    bench_free(p.b);
}

static void registers__read_and_written__are_counted(void **state)
{
    struct pair p = bring_up(LEGACY, false);

    (void)state;
    begin(p.b);
    rd(p.b, STATUS);
    expect(p.b, X540_PCIE_REGISTER, 1, AROUND_32 + 4, 1, AROUND_32);
    begin(p.b);
    wr(p.b, RDT(0), 1);
    expect(p.b, X540_PCIE_REGISTER, 0, 0, 1, AROUND_32 + 4);
    bench_free(p.b);
}

static void names__of_every_kind__are_there_and_differ(void **state)
{
    (void)state;
    for (unsigned i = 0; i < X540_PCIE_KINDS; i++) {
        assert_non_null(x540_pcie_name(i));
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(x540_pcie_name(i), x540_pcie_name(k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(received_frame__alone__is_one_write_and_one_write_back),
        cmocka_unit_test(received_frames__gathered__are_written_back_in_lines_of_four),
        cmocka_unit_test(sent_frames__with_hthresh__are_fetched_in_its_batches),
        cmocka_unit_test(addresses__below_4_gib__have_short_headers),
        cmocka_unit_test(long_frames__and_edges__are_split_as_a_bus_splits_them),
        cmocka_unit_test(registers__read_and_written__are_counted),
        cmocka_unit_test(names__of_every_kind__are_there_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
