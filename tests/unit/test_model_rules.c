/* SPDX-License-Identifier: BSD-2-Clause
 * Each rule of the model, broken on purpose: the card must tell on the driver by the rule's name,
 * with the severity that x540_rules.h gives, and a good bring-up must break none. The table below
 * has one entry a rule; a rule without an entry fails the last test.
 */
/* links: $(MODEL) */
#include "tests/unit/model_bench.h"

#include <stdio.h>

/* After reset and init; no queues, receive closed. */
static struct bench *ready(void)
{
    struct bench *b = bench_new(NULL);

    reset_card(b);
    init_card(b);
    return b;
}

static void one_frame(struct bench *b)
{
    uint8_t frame[100];

    x540_frame_in(b->card, frame, make_frame(frame, 100, 1));
}

/* Opens receive with one good queue and lets one frame in: that is when set-up is looked at. */
static void receive(struct bench *b)
{
    rx_ring(b, 0, 64, LEGACY);
    open_receive(b);
    link_up(b);
    one_frame(b);
}

/* A ring's registers, good but for what the test then changes. */
static struct ring rx_prepared(struct bench *b)
{
    struct ring r = {.size = 64, .base = bench_alloc(b, 4096)};

    rx_ring_registers(b, &r, LEGACY);
    return r;
}
static struct ring tx_prepared(struct bench *b, bool head)
{
    struct ring r = {.size = 64, .base = bench_alloc(b, 4096), .head_at = bench_alloc(b, 64)};

    tx_ring_registers(b, &r, head);
    return r;
}
static void rx_on(struct bench *b)
{
    set(b, RXDCTL(0), RXDCTL_ENABLE);
}
static void tx_on(struct bench *b)
{
    set(b, TXDCTL(0), TXDCTL_ENABLE);
}

/* ---- Accesses ---- */
static void access_size(struct bench *b)
{
    assert_int_equal(x540_read(b->card, STATUS, 1), 0xFF);
    assert_int_equal(x540_read(b->card, STATUS + 2, 4), 0xFFFFFFFF);
    x540_write(b->card, RXCTRL, 1, 2);
    assert_int_equal(rd(b, RXCTRL), 0);
}
static void access_beyond(struct bench *b)
{
    assert_int_equal(rd(b, 0x20000), 0xFFFFFFFF);
}
static void unknown_register(struct bench *b)
{
    wr(b, 0x1FFF0, 5);
    assert_int_equal(rd(b, 0x1FFF0), 5);
}
static void write_read_only(struct bench *b)
{
    wr(b, LINKS, ~rd(b, LINKS));
}
static void reserved_bits(struct bench *b)
{
    wr(b, RXCTRL, 0x80);
}
static void bus_master_off(struct bench *b)
{
    rx_prepared(b);
    x540_set_bus_master(b->card, false);
    rx_on(b);
}
static void dma_refused(struct bench *b)
{
    struct ring r = tx_ring(b, 0, 64, false);

    link_up(b);
    tx_put(b, &r, 0x1000, 100 | TX_USUAL);
    tx_kick(b, &r);
    assert_int_equal(b->frames, 0);
    assert_true(rd(b, EICR) & EICR_PCI);
}

/* ---- Reset ---- */
static void to_reset(struct bench *b, bool semaphore)
{
    if (semaphore)
        take(b, SYNC_PHY0);
    set(b, CTRL, CTRL_RST);
}
static void quiesce(struct bench *b)
{
    set(b, CTRL, CTRL_GIO_DIS);
    await(b, STATUS, STATUS_GIO, 0);
}
static void reset_interrupts_on(struct bench *b)
{
    wr(b, EIMS, EICR_LSC);
    quiesce(b);
    to_reset(b, true);
}
static void reset_running(struct bench *b)
{
    rx_prepared(b);
    rx_on(b);
    quiesce(b);
    to_reset(b, true);
}
static void reset_master(struct bench *b)
{
    to_reset(b, true);
}
static void reset_master_not_waited(struct bench *b)
{
    set(b, CTRL, CTRL_GIO_DIS);
    to_reset(b, true);
}
static void reset_semaphore(struct bench *b)
{
    quiesce(b);
    to_reset(b, false);
}
static void access_in_reset(struct bench *b)
{
    quiesce(b);
    to_reset(b, true);
    assert_int_equal(rd(b, RAL), 0xFFFFFFFF);
}
static void nvm_not_loaded(struct bench *b)
{
    quiesce(b);
    to_reset(b, true);
    await(b, CTRL, CTRL_RST, 0);
    assert_int_equal(rd(b, RAL), 0);
}
static void nvm_not_loaded_eerd(struct bench *b)
{
    quiesce(b);
    take(b, SYNC_EEP);
    to_reset(b, true);
    await(b, CTRL, CTRL_RST, 0);
    wr(b, EERD, EE_START);
}
static void nothing_polled(struct bench *b)
{
    stop_card(b);
    to_reset(b, true);
    release(b, SYNC_PHY0);
    wait_ms(b, 100);
    wr(b, RDRXCTL, RDRXCTL_CRCSTRIP | RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX);
    receive(b);
}
static void dma_not_ready(struct bench *b)
{
    quiesce(b);
    to_reset(b, true);
    await(b, CTRL, CTRL_RST, 0);
    rx_on(b);
}

/* ---- Semaphores, NVM, MDIO, firmware ---- */
static void sync_without_smbi(struct bench *b)
{
    rd(b, SWFW_SYNC);
}
static void sync_without_regsmp(struct bench *b)
{
    rd(b, SWSM);
    wr(b, SWFW_SYNC, SYNC_EEP);
}
static void sync_stolen(struct bench *b)
{
    rd(b, SWSM);
    rd(b, SWFW_SYNC);
    wr(b, SWFW_SYNC, BIT(5));
}
static void smbi_held(struct bench *b)
{
    rd(b, SWSM);
    wait_ms(b, 1500);
}
static void regsmp_held(struct bench *b)
{
    rd(b, SWSM);
    rd(b, SWFW_SYNC);
    wr(b, SWSM, 0);
    wait_ms(b, 1500);
}
static void mdio_semaphore(struct bench *b)
{
    wr(b, MSCA, MSCA_MDI_COMMAND | 1u << 16 | 2);
}
static void mdio_busy(struct bench *b)
{
    take(b, SYNC_PHY0);
    wr(b, MSCA, MSCA_MDI_COMMAND | 1u << 16 | 2);
    wr(b, MSCA, MSCA_MDI_COMMAND | 3u << 26 | 1u << 16 | 2);
}
static void mdio_address(struct bench *b)
{
    take(b, SYNC_PHY0);
    wr(b, MSCA, MSCA_MDI_COMMAND | 3u << 26 | 1u << 16 | 2);
    await(b, MSCA, MSCA_MDI_COMMAND, 0);
}
static void nvm_semaphore(struct bench *b)
{
    wr(b, EERD, EE_START);
}
static void nvm_busy(struct bench *b)
{
    take(b, SYNC_EEP);
    wr(b, EERD, EE_START);
    wr(b, EERD, 1u << 2 | EE_START);
}
static void host_if_semaphore(struct bench *b)
{
    wr(b, HICR, HICR_C);
}

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
    assert_int_equal(get32(b, r.head_at), 0); /* sent, and not told */
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
    tx_frame(b, &r, frame, 17);
    assert_null(complaint(b, "tx-too-short"));
    tx_frame(b, &r, frame, 16);
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
    wr(b, RXPBSIZE + 4, 1u << 10);
    receive(b);
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
    wr(b, FCTRL, 0);
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

/* ---- Interrupts ---- */
static void eiac_other(struct bench *b)
{
    wr(b, EIAC, EICR_LSC);
}
static void eicr_read(struct bench *b)
{
    x540_set_msix_enabled(b->card, true);
    wr(b, GPIE, GPIE_MSIX_MODE);
    wr(b, IVAR, 0x80);
    wr(b, EIMS_EX, 1);
    receive(b);
    assert_int_equal(b->messages[0], 1);
    rd(b, EICR);
}
static void msix_mode(struct bench *b)
{
    wr(b, GPIE, GPIE_MSIX_MODE);
    wr(b, IVAR, 0x80);
    wr(b, EIMS_EX, 1);
    receive(b);
}

/* ---- Flow director ---- */
static void fdir_init(struct bench *b)
{
    wr(b, FDIRCMD, 1);
}

static const struct breach {
    const char *rule, *how;
    void (*commit)(struct bench *b);
} breaches[] = {
    {"access-size", "byte, half word, unaligned", access_size},
    {"access-beyond-registers", "read in the flash", access_beyond},
    {"unknown-register", "hole in the map", unknown_register},
    {"write-to-read-only", "LINKS", write_read_only},
    {"reserved-bits", "RXCTRL bit 7", reserved_bits},
    {"bus-master-off", "queue enabled", bus_master_off},
    {"dma-refused", "buffer outside memory", dma_refused},
    {"reset-interrupts-enabled", "EIMS not 0", reset_interrupts_on},
    {"reset-while-running", "a queue is on", reset_running},
    {"reset-without-master-disable", "GIO_DIS not set", reset_master},
    {"reset-without-master-disable", "STATUS.GIO not waited for", reset_master_not_waited},
    {"reset-without-phy-semaphore", "no PHY bit", reset_semaphore},
    {"access-during-reset", "RAL0", access_in_reset},
    {"nvm-not-loaded", "RAL0", nvm_not_loaded},
    {"nvm-not-loaded", "EERD", nvm_not_loaded_eerd},
    {"ard-not-polled", "waits by the clock only", nothing_polled},
    {"dmaidone-not-polled", "waits by the clock only", nothing_polled},
    {"dma-not-ready", "queue enabled at once", dma_not_ready},
    {"sync-without-smbi", "read", sync_without_smbi},
    {"sync-without-regsmp", "write", sync_without_regsmp},
    {"sync-bits-stolen", "FW_EEP_SM", sync_stolen},
    {"semaphore-never-released", "SMBI", smbi_held},
    {"semaphore-never-released", "REGSMP", regsmp_held},
    {"mdio-without-semaphore", "MSCA", mdio_semaphore},
    {"mdio-busy", "MSCA twice", mdio_busy},
    {"mdio-address-cycle", "read without", mdio_address},
    {"nvm-without-semaphore", "EERD", nvm_semaphore},
    {"nvm-busy", "EERD twice", nvm_busy},
    {"host-interface-without-semaphore", "HICR", host_if_semaphore},
    {"ring-base-alignment", "Rx", rx_ring_base},
    {"ring-base-alignment", "Tx", tx_ring_base},
    {"ring-length", "Rx, not of 128", rx_ring_length},
    {"ring-length", "Tx, too long", tx_ring_length},
    {"ring-without-length", "Rx", ring_without_length},
    {"ring-changed-while-enabled", "TDLEN", ring_changed},
    {"ring-changed-while-enabled", "SRRCTL", ring_changed_srrctl},
    {"head-written-while-enabled", "TDH", head_written},
    {"tail-while-disabled", "RDT", tail_disabled},
    {"tail-before-enabled", "RDT", tail_early},
    {"tail-beyond-ring", "RDT", rx_tail_range},
    {"tail-beyond-ring", "TDT", tx_tail_range},
    {"tail-not-head-at-enable", "RDT left over", tail_stale},
    {"rx-buffer-size", "0 KB", rx_buffer_size},
    {"rx-descriptor-type", "3", rx_desc_type},
    {"rx-header-split", "2", rx_header_split},
    {"rx-descriptor-done-set", "legacy", rx_desc_dirty_legacy},
    {"rx-descriptor-done-set", "advanced", rx_desc_dirty_advanced},
    {"dca-rxctrl-bit-12", "left 1", dca_rxctrl},
    {"dca-txctrl-bit-11", "left 1", dca_txctrl},
    {"dmatxctl-te-first", "TE 0", te_first},
    {"mtqc-needs-arbdis", "ARBDIS 0", mtqc},
    {"arbdis-left-on", "then TDT", arbdis_left},
    {"head-write-back-alignment", "8", head_align},
    {"head-write-back-wthresh", "4", head_wthresh},
    {"head-write-back-relaxed", "two reports", head_order},
    {"txdctl-thresholds", "36 + 8", tx_thresholds},
    {"tx-ring-without-rs", "63 of 64", tx_no_rs},
    {"tx-too-many-descriptors", "41", tx_chain},
    {"tx-too-short", "16", tx_short},
    {"tx-too-long", "16385", tx_long},
    {"tx-without-ifcs", "wrong CRC", tx_no_fcs},
    {"tx-bad-descriptor", "DTYP 5", tx_desc},
    {"tx-without-context", "TXSM", tx_context},
    {"tx-bad-offload", "MSS 0", tx_offload},
    {"tx-bad-offload", "PAYLEN", tx_payload},
    {"tx-disable-with-work", "TDH not TDT", tx_disable_busy},
    {"txpbsize", "161", txpbsize},
    {"txpbthresh", "160", txpbthresh},
    {"dtxmxszrq", "0x10", dtxmxszrq},
    {"rate-limiter-not-cleared", "queue 77", rate_limiter},
    {"drv-load", "then TDT", drv_load},
    {"crc-strip-mismatch", "RDRXCTL", crc_strip},
    {"crc-strip-mismatch", "no frame comes", set_up_late},
    {"crc-strip-mismatch", "interrupts come on", set_up_interrupts},
    {"rdrxctl-required-bits", "RSCACKC", rdrxctl_rscackc},
    {"rdrxctl-required-bits", "FCOE_WRFIX", rdrxctl_wrfix},
    {"rdrxctl-required-bits", "RSCFRSTSIZE", rdrxctl_first},
    {"no-snoop-disable", "0", ns_dis},
    {"rxpbsize", "385 KB", rxpbsize},
    {"rxpbsize", "flow director on top", rxpbsize_fdir},
    {"fcrth", "0", fcrth},
    {"rsc-not-off", "RFCTL", rsc_on},
    {"bam-while-receiving", "FCTRL", bam_rxen},
    {"no-receive-address", "RAH0", no_address},
    {"ftqf-not-cleared", "no init", untouched},
    {"table-not-cleared", "no init", untouched},
    {"statistics-not-cleared", "no init", untouched},
    {"vt-mode-mismatch", "GCR_EXT", vt_mode},
    {"eiac-other-cause", "LSC", eiac_other},
    {"eicr-read-in-msix-mode", "after a frame", eicr_read},
    {"msix-mode-mismatch", "GPIE only", msix_mode},
    {"fdir-not-initialised", "add", fdir_init},
};
#define BREACHES (sizeof(breaches) / sizeof(breaches[0]))

/* Most breaches begin after reset and init; these do those steps themselves. */
static bool from_power_on(const struct breach *breach)
{
    return breach->commit == nothing_polled || breach->commit == untouched;
}

static void breach__is_told_by_name(void **state)
{
    const struct breach *breach = *state;
    struct bench *b = from_power_on(breach) ? bench_new(NULL) : ready();
    const struct x540_complaint *c;

    expect_no_complaint(b);
    breach->commit(b);
    expect_rule(b, breach->rule);
    c = complaint(b, breach->rule);
    for (uint32_t i = 0; i < RULE_COUNT; i++)
        if (!strcmp(x540_rule_info(i)->name, c->rule))
            assert_int_equal(c->error, x540_rule_info(i)->error);
    assert_true(c->count >= 1 && c->text[0] && c->first_ns <= b->now);
    bench_free(b);
}

static void rules__each_one__has_a_breach_and_a_name_of_its_own(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RULE_COUNT; i++) {
        bool found = false;

        for (uint32_t k = 0; k < BREACHES; k++)
            found |= !strcmp(breaches[k].rule, x540_rule_info(i)->name);
        if (!found)
            fail_msg("rule %s has no test", x540_rule_info(i)->name);
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(x540_rule_info(i)->name, x540_rule_info(k)->name);
    }
    assert_null(x540_rule_info(RULE_COUNT));
}

static void complaints__forgotten__start_again(void **state)
{
    struct bench *b = ready();

    (void)state;
    wr(b, EIAC, EICR_LSC);
    wr(b, EIAC, EICR_LSC);
    assert_int_equal(complaint(b, "eiac-other-cause")->count, 2);
    x540_forget_complaints(b->card);
    expect_no_complaint(b);
    wr(b, EIAC, EICR_LSC);
    assert_int_equal(complaint(b, "eiac-other-cause")->count, 1);
    bench_free(b);
}

int main(void)
{
    static struct CMUnitTest tests[BREACHES + 2];
    static char names[BREACHES][96];

    for (uint32_t i = 0; i < BREACHES; i++) {
        snprintf(names[i], sizeof(names[i]), "%s__%s__is_told", breaches[i].rule, breaches[i].how);
        tests[i].name = names[i];
        tests[i].test_func = breach__is_told_by_name;
        tests[i].initial_state = (void *)&breaches[i];
    }
    tests[BREACHES] =
        (struct CMUnitTest)cmocka_unit_test(rules__each_one__has_a_breach_and_a_name_of_its_own);
    tests[BREACHES + 1] = (struct CMUnitTest)cmocka_unit_test(complaints__forgotten__start_again);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
