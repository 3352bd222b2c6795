/* SPDX-License-Identifier: BSD-2-Clause
 * The breaches of rules about rings, transmit and the set-up of receive: see model_breach.h.
 */
#include "tests/unit/model/model_breach.h"

/* ---- Rings ---- */
static void rx_ring_base(struct bench *b)
{
    rx_prepared(b);
    wr(b, RDBAL(0), rd(b, RDBAL(0)) | 0x40);
    rx_on(b);
}
static void tx_ring_base(struct bench *b)
{
    tx_prepared(b, false);
    wr(b, TDBAL(0), rd(b, TDBAL(0)) | 0x10);
    tx_on(b);
}
static void rx_ring_length(struct bench *b)
{
    rx_prepared(b);
    wr(b, RDLEN(0), 1024 + 64);
    rx_on(b);
}
static void tx_ring_length(struct bench *b)
{
    tx_prepared(b, false);
    wr(b, TDLEN(0), 8193 * 16 + 112);
    tx_on(b);
}
static void ring_without_length(struct bench *b)
{
    rx_on(b);
}
static void ring_changed(struct bench *b)
{
    tx_ring(b, 0, 64, false);
    wr(b, TDLEN(0), 2048);
    assert_int_equal(rd(b, TDLEN(0)), 1024);
}
static void ring_changed_srrctl(struct bench *b)
{
    rx_ring(b, 0, 64, LEGACY);
    wr(b, SRRCTL(0), LEGACY | SRRCTL_DROP_EN); /* allowed */
    expect_no_complaint(b);
    wr(b, SRRCTL(0), ADVANCED);
}
static void head_written(struct bench *b)
{
    tx_ring(b, 0, 64, false);
    wr(b, TDH(0), 0); /* the value that is there: nothing changes */
    expect_no_complaint(b);
    wr(b, TDH(0), 3);
    assert_int_equal(rd(b, TDH(0)), 0);
}
static void tail_disabled(struct bench *b)
{
    rx_prepared(b);
    wr(b, RDT(0), 63);
    assert_int_equal(rd(b, RDT(0)), 0);
}
static void tail_early(struct bench *b)
{
    rx_prepared(b);
    rx_on(b);
    wr(b, RDT(0), 63);
    await(b, RXDCTL(0), RXDCTL_ENABLE, RXDCTL_ENABLE);
    open_receive(b);
    link_up(b);
    one_frame(b); /* the tail was ignored: no descriptors */
    assert_int_equal(x540_truth(b->card).frames_to_host, 0);
}
static void rx_tail_range(struct bench *b)
{
    rx_ring(b, 0, 64, LEGACY);
    wr(b, RDT(0), 64);
    assert_int_equal(rd(b, RDT(0)), 63);
}
static void tx_tail_range(struct bench *b)
{
    tx_ring(b, 0, 64, false);
    wr(b, TDT(0), 64);
    assert_int_equal(rd(b, TDT(0)), 0);
}
static void tail_stale(struct bench *b)
{
    rx_ring(b, 0, 64, LEGACY);
    clear(b, RXDCTL(0), RXDCTL_ENABLE);
    await(b, RXDCTL(0), RXDCTL_ENABLE, 0);
    rx_on(b);
}
static void rx_buffer_size(struct bench *b)
{
    rx_prepared(b);
    wr(b, SRRCTL(0), 0);
    rx_on(b);
}
static void rx_desc_type(struct bench *b)
{
    rx_prepared(b);
    wr(b, SRRCTL(0), 2 | 3u << 25);
    rx_on(b);
}
static void rx_header_split(struct bench *b)
{
    rx_prepared(b);
    wr(b, SRRCTL(0), 2 | 2u << 25);
    rx_on(b);
}
static void rx_desc_dirty_legacy(struct bench *b)
{
    struct ring r = rx_ring(b, 0, 64, LEGACY);

    put64(b, r.base + 8, BIT64(32));
    open_receive(b);
    link_up(b);
    one_frame(b);
}
static void rx_desc_dirty_advanced(struct bench *b)
{
    struct ring r = rx_ring(b, 0, 64, ADVANCED);

    put64(b, r.base + 8, 1);
    open_receive(b);
    link_up(b);
    one_frame(b);
}
static void dca_rxctrl(struct bench *b)
{
    rx_prepared(b);
    set(b, DCA_RXCTRL(0), DCA_RXCTRL_MBZ);
    rx_on(b);
}
static void dca_txctrl(struct bench *b)
{
    tx_prepared(b, false);
    set(b, DCA_TXCTRL(0), DCA_TXCTRL_DESC_WRO);
    tx_on(b);
}

/* ---- Transmit ---- */
static void te_first(struct bench *b)
{
    clear(b, DMATXCTL, DMATXCTL_TE);
    tx_prepared(b, false);
    tx_on(b);
    wait_ms(b, 10);
    assert_int_equal(rd(b, TXDCTL(0)) & TXDCTL_ENABLE, 0);
}
static void te_starts_queue_0(struct bench *b)
{
    clear(b, DMATXCTL, DMATXCTL_TE);
    set(b, DMATXCTL, DMATXCTL_TE);
    tx_prepared(b, false);
    assert_int_equal(rd(b, TDLEN(0)), 0);
}
static void etqf_ip(struct bench *b)
{
    wr(b, ETQF + 4, ETQF_FILTER_EN | 0x0800);
}
static void etqf_twice(struct bench *b)
{
    wr(b, ETQF, ETQF_FILTER_EN | 0x0806);
    wr(b, ETQF + 4 * 7, ETQF_FILTER_EN | 0x0806);
}
static void mtqc(struct bench *b)
{
    wr(b, MTQC, 2 << 2);
    assert_int_equal(rd(b, MTQC), 0);
}
static void arbdis_left(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);
    uint8_t frame[100];

    link_up(b);
    set(b, RTTDCS, RTTDCS_ARBDIS);
    tx_frame(b, &r, frame, make_frame(frame, 100, 1));
    assert_int_equal(b->frames, 0);
}
static void head_align(struct bench *b)
{
    struct ring r = {.size = 64, .base = bench_alloc(b, 4096), .head_at = bench_alloc(b, 64) + 8};
    uint8_t frame[100];

    r.buffers = bench_alloc(b, 4096);
    tx_ring_registers(b, &r, true);
    tx_on(b);
    await(b, TXDCTL(0), TXDCTL_ENABLE, TXDCTL_ENABLE);
    link_up(b);
    tx_frame(b, &r, frame, make_frame(frame, 100, 1));
    assert_int_equal(b->frames, 1);
    assert_int_equal(get32(b, r.head_at), 0);
    assert_int_equal(get32(b, r.head_at - 8), 1); /* told 8 bytes below */
}
static void head_wthresh(struct bench *b)
{
    tx_prepared(b, true);
    wr(b, TXDCTL(0), 32 | 4u << 16 | TXDCTL_ENABLE);
}
static void head_order(struct bench *b)
{
    struct ring r;
    uint8_t frame[100];

    set(b, DCA_TXCTRL(0), DCA_TXCTRL_DESC_WRO);
    r = tx_ring(b, 0, 64, true);
    link_up(b);
    make_frame(frame, 100, 1);
    tx_put(b, &r, tx_bytes(b, &r, frame, 100), 100 | TX_USUAL);
    tx_put(b, &r, tx_bytes(b, &r, frame, 100), 100 | TX_USUAL);
    tx_kick(b, &r);
    assert_int_equal(get32(b, r.head_at), 1); /* 2, then 1: backwards */
}
static void tx_thresholds(struct bench *b)
{
    tx_prepared(b, false);
    wr(b, TXDCTL(0), 36 | 8u << 16 | TXDCTL_ENABLE);
}
static void tx_no_rs(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);
    uint8_t frame[100];

    link_up(b);
    make_frame(frame, 100, 1);
    for (int i = 0; i < 63; i++)
        tx_put(b, &r, tx_bytes(b, &r, frame, 100), 100 | TX_EOP | TX_IFCS);
    tx_kick(b, &r);
}
static void tx_chain_limit(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);
    uint8_t bytes[20] = {0};

    link_up(b);
    for (int i = 0; i < 38; i++)
        tx_put(b, &r, tx_bytes(b, &r, bytes, 20), 20 | TX_IFCS | (i == 37 ? TX_EOP | TX_RS : 0));
    tx_kick(b, &r);
    expect_no_complaint(b);
    for (int i = 0; i < 39; i++)
        tx_put(b, &r, tx_bytes(b, &r, bytes, 20), 20 | TX_IFCS | (i == 38 ? TX_EOP | TX_RS : 0));
    tx_kick(b, &r);
    assert_int_equal(b->frames, 2); /* sent all the same */
}
static void tx_chain(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);
    uint8_t bytes[20] = {0};

    link_up(b);
    for (int i = 0; i < 40; i++)
        tx_put(b, &r, tx_bytes(b, &r, bytes, 20), 20 | TX_IFCS | (i == 39 ? TX_EOP | TX_RS : 0));
    tx_kick(b, &r);
    assert_int_equal(b->frames, 1); /* 40 are allowed */
    assert_null(complaint(b, "tx-too-many-descriptors"));
    for (int i = 0; i < 41; i++)
        tx_put(b, &r, tx_bytes(b, &r, bytes, 20), 20 | TX_IFCS | (i == 40 ? TX_EOP | TX_RS : 0));
    tx_kick(b, &r);
    assert_int_equal(b->frames, 1); /* 41 hang the queue */
}
static void tx_short(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);
    uint8_t frame[100];

    link_up(b);
    make_frame(frame, 100, 1);
    tx_frame(b, &r, frame, 14);
    assert_null(complaint(b, "tx-too-short"));
    tx_frame(b, &r, frame, 13);
    assert_int_equal(b->frames, 1);
}
static void tx_long(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);

    link_up(b);
    tx_put(b, &r, r.buffers, (X540_FRAME_MAX + 1) | TX_USUAL);
    tx_kick(b, &r);
    assert_int_equal(b->frames, 0);
}
static void tx_no_fcs(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);
    uint8_t frame[100];

    link_up(b);
    make_frame(frame, 100, 1);
    tx_put(b, &r, tx_bytes(b, &r, frame, 100), 100 | TX_EOP | TX_RS);
    tx_kick(b, &r);
    assert_int_equal(b->frames, 0); /* its last four bytes are no good CRC */
}
static void tx_desc(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);

    link_up(b);
    tx_put(b, &r, r.buffers, 100 | TX_USUAL | TX_DEXT | 5ull << 20);
    tx_kick(b, &r);
}
static void tx_context(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);

    link_up(b);
    tx_put(b, &r, r.buffers, 100 | TX_USUAL | TX_DATA | BIT64(41) | 100ull << 46);
    tx_kick(b, &r);
}
static void tx_offload(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);

    link_up(b);
    tx_put(b, &r, 20 | 14 << 9, TX_CONTEXT | BIT64(10) | 1ull << 11 | 20ull << 40);
    tx_put(b, &r, r.buffers, 100 | TX_USUAL | TX_DATA | TX_TSE | 46ull << 46); /* MSS 0 */
    tx_kick(b, &r);
    assert_int_equal(b->frames, 0);
}
static void tx_payload(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);

    link_up(b);
    tx_put(b, &r, r.buffers, 100 | TX_USUAL | TX_DATA | 99ull << 46);
    tx_kick(b, &r);
}
static void tx_disable_busy(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);
    uint8_t frame[100];

    x540_set_cable(b->card, false);
    tx_frame(b, &r, frame, make_frame(frame, 100, 1));
    clear(b, TXDCTL(0), TXDCTL_ENABLE);
}
static void txpbsize(struct bench *b)
{
    wr(b, TXPBSIZE, 161u << 10);
    tx_prepared(b, false);
    tx_on(b);
}
static void txpbthresh(struct bench *b)
{
    wr(b, TXPBTHRESH, 160);
    tx_prepared(b, false);
    tx_on(b);
}
static void dtxmxszrq(struct bench *b)
{
    wr(b, DTXMXSZRQ, 0x10);
    tx_prepared(b, false);
    tx_on(b);
}
static void rate_limiter(struct bench *b)
{
    wr(b, RTTDQSEL, 77);
    wr(b, RTTBCNRC, BIT(31) | 5);
    tx_prepared(b, false);
    tx_on(b);
}
static void drv_load(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);
    uint8_t frame[100];

    clear(b, CTRL_EXT, CTRL_EXT_DRV_LOAD);
    tx_frame(b, &r, frame, make_frame(frame, 100, 1));
}

/* ---- Receive set-up ---- */
static void crc_strip(struct bench *b)
{
    clear(b, RDRXCTL, RDRXCTL_CRCSTRIP);
    receive(b);
}
static void rdrxctl_rscackc(struct bench *b)
{
    clear(b, RDRXCTL, RDRXCTL_RSCACKC);
    receive(b);
}
static void rdrxctl_wrfix(struct bench *b)
{
    clear(b, RDRXCTL, RDRXCTL_FCOE_WRFIX);
    receive(b);
}
static void rdrxctl_must(struct bench *b)
{
    clear(b, RDRXCTL, BIT(11));
    receive(b);
}
static void rdrxctl_first(struct bench *b)
{
    set(b, RDRXCTL, 8u << 17);
    receive(b);
}
static void ns_dis(struct bench *b)
{
    clear(b, CTRL_EXT, CTRL_EXT_NS_DIS);
    receive(b);
}
static void rxpbsize(struct bench *b)
{
    wr(b, RXPBSIZE, 385u << 10);
    receive(b);
}
static void rxpbsize_dcb(struct bench *b)
{
    wr(b, RXPBSIZE + 4, 1u << 10);
    wr(b, MRQC, 4);
    receive(b);
}
static void hlreg0_14_11(struct bench *b)
{
    clear(b, HLREG0, HLREG0_MUST_5);
    receive(b);
}
static void hlreg0_9_3(struct bench *b)
{
    clear(b, HLREG0, HLREG0_MUST);
    receive(b);
}
static void reta(struct bench *b)
{
    wr(b, MRQC, 1);
    for (uint32_t i = 0; i < 31; i++)
        wr(b, RETA + 4 * i, 0);
    receive(b);
}
static void reta_before_the_reset(struct bench *b)
{
    for (uint32_t i = 0; i < 32; i++)
        wr(b, RETA + 4 * i, 0);
    reset_card(b);
    wr(b, MRQC, 1);
    receive(b);
}
static void ereta_x550(struct bench *b)
{
    struct x540_config config = {.kind = X540_X550, .mac = {2, 0, 0, 0, 0, 1}};
    const struct x540_env env = {
        b, bench_dma_read, bench_dma_write, bench_dma_words, bench_interrupt, bench_frame_out};

    x540_destroy(b->card);
    b->card = x540_create(&config, &env);
    assert_non_null(b->card);
    x540_set_bus_master(b->card, true);
    for (uint32_t i = 0; i < 32; i++)
        wr(b, RETA + 4 * i, 0);
    wr(b, MRQC, 1);
    for (uint32_t i = 0; i < 95; i++)
        wr(b, ERETA + 4 * i, 0);
    open_receive(b);
    wait_ms(b, 60);
}
static void rxpbsize_fdir(struct bench *b)
{
    wr(b, FDIRCTRL, 1);
    receive(b);
}
static void fcrth(struct bench *b)
{
    wr(b, FCRTH, 0);
    receive(b);
}
static void rsc_on(struct bench *b)
{
    wr(b, RFCTL, 0);
    receive(b);
}
static void bam_rxen(struct bench *b)
{
    open_receive(b);
    wr(b, FCTRL, rd(b, FCTRL) | FCTRL_MPE); /* any of its filters */
}
static void rxcsum_rxen(struct bench *b)
{
    open_receive(b);
    wr(b, RXCSUM, 0); /* as it is */
    expect_no_complaint(b);
    wr(b, RXCSUM, RXCSUM_PCSD);
}
static void pcsd_legacy(struct bench *b)
{
    wr(b, RXCSUM, RXCSUM_PCSD);
    receive(b);
}
static void secrx_82599(struct bench *b)
{
    struct x540_config config = {.kind = X540_82599, .mac = {2, 0, 0, 0, 0, 1}};

    x540_destroy(b->card);
    const struct x540_env env = {
        b, bench_dma_read, bench_dma_write, bench_dma_words, bench_interrupt, bench_frame_out};
    b->card = x540_create(&config, &env);
    assert_non_null(b->card);
    set(b, SECRXCTRL, SECRXCTRL_RX_DIS);
    open_receive(b);
    assert_null(complaint(b, "secrx-not-stopped"));
    wr(b, RXCTRL, 0);
    wr(b, SECRXCTRL, 0);
    open_receive(b);
}
static void no_address(struct bench *b)
{
    wr(b, RAH, 0);
    receive(b);
}
static void untouched(struct bench *b)
{
    reset_card(b);
    receive(b);
}
static void vt_mode(struct bench *b)
{
    wr(b, GCR_EXT, 3);
    receive(b);
}
static void set_up_late(struct bench *b) /* without a frame: looked at 50 ms after RXEN */
{
    clear(b, RDRXCTL, RDRXCTL_CRCSTRIP);
    open_receive(b);
    wait_ms(b, 60);
}
static void set_up_interrupts(struct bench *b) /* or when interrupts are enabled */
{
    clear(b, RDRXCTL, RDRXCTL_CRCSTRIP);
    open_receive(b);
    wr(b, EIMS, EICR_LSC);
}

const struct breach queue_breaches[] = {
    {"ring-base-alignment", "Rx", rx_ring_base, false},
    {"ring-base-alignment", "Tx", tx_ring_base, false},
    {"ring-length", "Rx, not of 128", rx_ring_length, false},
    {"ring-length", "Tx, too long", tx_ring_length, false},
    {"ring-without-length", "Rx", ring_without_length, false},
    {"ring-changed-while-enabled", "TDLEN", ring_changed, false},
    {"ring-changed-while-enabled", "SRRCTL", ring_changed_srrctl, false},
    {"ring-changed-while-enabled", "queue 0 after TE", te_starts_queue_0, false},
    {"head-written-while-enabled", "TDH", head_written, false},
    {"tail-while-disabled", "RDT", tail_disabled, false},
    {"tail-before-enabled", "RDT", tail_early, false},
    {"tail-beyond-ring", "RDT", rx_tail_range, false},
    {"tail-beyond-ring", "TDT", tx_tail_range, false},
    {"tail-not-head-at-enable", "RDT left over", tail_stale, false},
    {"rx-buffer-size", "0 KB", rx_buffer_size, false},
    {"rx-descriptor-type", "3", rx_desc_type, false},
    {"rx-header-split", "2", rx_header_split, false},
    {"rx-descriptor-done-set", "legacy", rx_desc_dirty_legacy, false},
    {"rx-descriptor-done-set", "advanced", rx_desc_dirty_advanced, false},
    {"dca-rxctrl-bit-12", "left 1", dca_rxctrl, false},
    {"dca-txctrl-bit-11", "left 1", dca_txctrl, false},
    {"ethertype-filter-of-ip", "0800h", etqf_ip, false},
    {"ethertype-filters-alike", "0806h twice", etqf_twice, false},
    {"dmatxctl-te-first", "TE 0", te_first, false},
    {"mtqc-needs-arbdis", "ARBDIS 0", mtqc, false},
    {"arbdis-left-on", "then TDT", arbdis_left, false},
    {"head-write-back-alignment", "8", head_align, false},
    {"head-write-back-wthresh", "4", head_wthresh, false},
    {"head-write-back-relaxed", "two reports", head_order, false},
    {"txdctl-thresholds", "36 + 8", tx_thresholds, false},
    {"tx-ring-without-rs", "63 of 64", tx_no_rs, false},
    {"tx-chain-limit", "39", tx_chain_limit, false},
    {"tx-too-many-descriptors", "41", tx_chain, false},
    {"tx-too-short", "13", tx_short, false},
    {"tx-too-long", "16385", tx_long, false},
    {"tx-without-ifcs", "wrong CRC", tx_no_fcs, false},
    {"tx-bad-descriptor", "DTYP 5", tx_desc, false},
    {"tx-without-context", "TXSM", tx_context, false},
    {"tx-bad-offload", "MSS 0", tx_offload, false},
    {"tx-bad-offload", "PAYLEN", tx_payload, false},
    {"tx-disable-with-work", "TDH not TDT", tx_disable_busy, false},
    {"txpbsize", "161", txpbsize, false},
    {"txpbthresh", "160", txpbthresh, false},
    {"dtxmxszrq", "0x10", dtxmxszrq, false},
    {"rate-limiter-not-cleared", "queue 77", rate_limiter, false},
    {"drv-load", "then TDT", drv_load, false},
    {"crc-strip-mismatch", "RDRXCTL", crc_strip, false},
    {"crc-strip-mismatch", "no frame comes", set_up_late, false},
    {"crc-strip-mismatch", "interrupts come on", set_up_interrupts, false},
    {"rdrxctl-required-bits", "RSCACKC", rdrxctl_rscackc, false},
    {"rdrxctl-required-bits", "FCOE_WRFIX", rdrxctl_wrfix, false},
    {"rdrxctl-required-bits", "bit 11", rdrxctl_must, false},
    {"rdrxctl-required-bits", "RSCFRSTSIZE", rdrxctl_first, false},
    {"no-snoop-disable", "0", ns_dis, false},
    {"rxpbsize", "385 KB", rxpbsize, false},
    {"rxpbsize", "385 KB with DCB", rxpbsize_dcb, false},
    {"hlreg0-reserved", "14:11 lost", hlreg0_14_11, false},
    {"hlreg0-reserved", "9:3 lost", hlreg0_9_3, false},
    {"reta-not-written", "its last word", reta, false},
    {"reta-not-written", "written before the reset", reta_before_the_reset, false},
    {"reta-not-written", "ERETA's last word", ereta_x550, false},
    {"rxpbsize", "flow director on top", rxpbsize_fdir, false},
    {"fcrth", "0", fcrth, false},
    {"rsc-not-off", "RFCTL", rsc_on, false},
    {"bam-while-receiving", "FCTRL", bam_rxen, false},
    {"rxcsum-while-receiving", "PCSD", rxcsum_rxen, false},
    {"pcsd-with-legacy", "one queue", pcsd_legacy, false},
    {"secrx-not-stopped", "82599", secrx_82599, false},
    {"no-receive-address", "RAH0", no_address, false},
    {"ftqf-not-cleared", "no init", untouched, true},
    {"table-not-cleared", "no init", untouched, true},
    {"statistics-not-cleared", "no init", untouched, true},
    {"vt-mode-mismatch", "GCR_EXT", vt_mode, false},
};
const uint32_t queue_breach_count = sizeof(queue_breaches) / sizeof(queue_breaches[0]);
