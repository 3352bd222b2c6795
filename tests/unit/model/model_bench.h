/* SPDX-License-Identifier: BSD-2-Clause
 * A bench for one model card: memory, a wire and interrupt counters behind its four callbacks, and
 * a driver's steps done by hand, written from the facts about the card. Each test_model_*.c breaks
 * or watches one of these steps.
 */
#ifndef TESTS_UNIT_MODEL_BENCH_H
#define TESTS_UNIT_MODEL_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/model/x540_regs.h"
#include "tests/model/x540_rules.h"

#define MEMORY_BYTES (8u << 20)
#define MEMORY_AT    0x100000000ull /* bus address of the first byte: above 4 GiB */
#define WIRE_MAX     512

struct bench_frame {
    uint32_t len;
    uint8_t bytes[X540_FRAME_MAX + 4];
};

struct bench {
    struct x540 *card;
    uint64_t now;
    uint8_t *memory;
    uint32_t next;        /* first byte that bench_alloc has not given away */
    uint64_t refuse_from; /* DMA at and above this address is refused */
    uint32_t dma_reads, dma_writes;
    uint64_t dma_last; /* address of the last write */
    bool wire_full;
    uint32_t wire_room; /* frames taken before the wire is full; 0 = no limit */
    uint32_t frames;    /* that left */
    struct bench_frame *wire;
    uint32_t messages[64]; /* by vector */
    bool line;
    uint32_t line_rises;
};

static bool bench_dma_read(void *opaque, uint64_t addr, void *to, uint32_t len)
{
    struct bench *b = opaque;

    b->dma_reads++;
    if (addr < MEMORY_AT || addr - MEMORY_AT > MEMORY_BYTES - len || addr >= b->refuse_from)
        return false;
    memcpy(to, b->memory + (addr - MEMORY_AT), len);
    return true;
}

static bool bench_dma_write(void *opaque, uint64_t addr, const void *from, uint32_t len)
{
    struct bench *b = opaque;

    b->dma_writes++;
    b->dma_last = addr;
    if (addr < MEMORY_AT || addr - MEMORY_AT > MEMORY_BYTES - len || addr >= b->refuse_from)
        return false;
    memcpy(b->memory + (addr - MEMORY_AT), from, len);
    return true;
}

static bool bench_dma_words(void *opaque, uint64_t addr, const void *from, uint32_t len)
{
    assert_true((len == 4 && addr % 4 == 0) || (len != 0 && len % 8 == 0 && addr % 8 == 0));
    return bench_dma_write(opaque, addr, from, len);
}

static void bench_interrupt(void *opaque, uint32_t vector, bool asserted)
{
    struct bench *b = opaque;

    if (vector == X540_INTX) {
        b->line = asserted;
        b->line_rises += asserted;
    } else {
        assert_true(vector < 64 && asserted);
        b->messages[vector]++;
    }
}

static bool bench_frame_out(void *opaque, const uint8_t *frame, uint32_t len)
{
    struct bench *b = opaque;

    assert_true(len <= sizeof(b->wire[0].bytes));
    if (b->wire_full || (b->wire_room && b->frames >= b->wire_room) || b->frames >= WIRE_MAX)
        return false;
    b->wire[b->frames].len = len;
    memcpy(b->wire[b->frames++].bytes, frame, len);
    return true;
}

static inline uint32_t rd(struct bench *b, uint32_t offset)
{
    return (uint32_t)x540_read(b->card, offset, 4);
}
static inline void wr(struct bench *b, uint32_t offset, uint32_t value)
{
    x540_write(b->card, offset, value, 4);
}
static inline void set(struct bench *b, uint32_t offset, uint32_t bits)
{
    wr(b, offset, rd(b, offset) | bits);
}
static inline void clear(struct bench *b, uint32_t offset, uint32_t bits)
{
    wr(b, offset, rd(b, offset) & ~bits);
}
static inline void wait_ns(struct bench *b, uint64_t ns)
{
    b->now += ns;
    x540_run(b->card, b->now);
}
static inline void wait_ms(struct bench *b, uint64_t ms)
{
    wait_ns(b, ms * 1000000);
}

/* Poll until (register & mask) == wanted, as a driver would; fails the test after a second. */
static inline void await(struct bench *b, uint32_t offset, uint32_t mask, uint32_t wanted)
{
    for (int i = 0; i < 100000; i++) {
        if ((rd(b, offset) & mask) == wanted)
            return;
        wait_ns(b, 10000);
    }
    fail_msg("register 0x%05x: mask 0x%08x never became 0x%08x", offset, mask, wanted);
}

static inline struct bench *bench_new(const struct x540_config *config)
{
    static const struct x540_config usual = {
        .kind = X540_AT2, .mac = {0x02, 0x54, 0x00, 0x12, 0x34, 0x56}, .link_at_start = true};
    struct bench *b = calloc(1, sizeof(*b));
    struct x540_env env = {
        b, bench_dma_read, bench_dma_write, bench_dma_words, bench_interrupt, bench_frame_out};

    b->memory = calloc(1, MEMORY_BYTES);
    b->wire = calloc(WIRE_MAX, sizeof(b->wire[0]));
    b->next = 4096;
    b->refuse_from = UINT64_MAX;
    b->card = x540_create(config ? config : &usual, &env);
    assert_non_null(b->card);
    x540_set_bus_master(b->card, true);
    return b;
}

static inline void bench_free(struct bench *b)
{
    x540_destroy(b->card);
    free(b->memory);
    free(b->wire);
    free(b);
}

/* Zeroed card memory, page aligned; its bus address. at() is the same place for the CPU. */
static inline uint64_t bench_alloc(struct bench *b, uint32_t bytes)
{
    uint64_t address = MEMORY_AT + b->next;

    b->next += (bytes + 4095) & ~4095u;
    assert_true(b->next <= MEMORY_BYTES);
    return address;
}
static inline uint8_t *at(struct bench *b, uint64_t address)
{
    return b->memory + (address - MEMORY_AT);
}
static inline uint64_t get64(struct bench *b, uint64_t address)
{
    uint64_t v;
    memcpy(&v, at(b, address), 8);
    return v;
}
static inline void put64(struct bench *b, uint64_t address, uint64_t v)
{
    memcpy(at(b, address), &v, 8);
}
static inline uint32_t get32(struct bench *b, uint64_t address)
{
    uint32_t v;
    memcpy(&v, at(b, address), 4);
    return v;
}

/* ---- Complaints ---- */

static inline const struct x540_complaint *complaint(struct bench *b, const char *rule)
{
    const struct x540_complaint *c;

    for (uint32_t i = 0; (c = x540_complaint(b->card, i)); i++)
        if (!strcmp(c->rule, rule))
            return c;
    return NULL;
}

static inline void expect_rule(struct bench *b, const char *rule)
{
    const struct x540_complaint *c;

    if (complaint(b, rule))
        return;
    for (uint32_t i = 0; (c = x540_complaint(b->card, i)); i++)
        print_message("  instead: %s: %s\n", c->rule, c->text);
    fail_msg("rule %s was broken without a complaint", rule);
}

static inline void expect_no_complaint(struct bench *b)
{
    const struct x540_complaint *c = x540_complaint(b->card, 0);

    if (c)
        fail_msg("complaint %s: %s", c->rule, c->text);
}

/* ---- A driver's steps (facts, section 14) ---- */

static inline void take(struct bench *b, uint32_t bits)
{
    await(b, SWSM, SWSM_SMBI, 0);
    await(b, SWFW_SYNC, SYNC_REGSMP, 0);
    wr(b, SWFW_SYNC, (rd(b, SWFW_SYNC) | bits) & ~SYNC_REGSMP);
    wr(b, SWSM, 0);
}
static inline void release(struct bench *b, uint32_t bits)
{
    await(b, SWSM, SWSM_SMBI, 0);
    await(b, SWFW_SYNC, SYNC_REGSMP, 0);
    wr(b, SWFW_SYNC, rd(b, SWFW_SYNC) & ~(bits | SYNC_REGSMP));
    wr(b, SWSM, 0);
}

/* With the NVM semaphore held. */
static inline uint16_t nvm_word(struct bench *b, uint32_t word)
{
    wr(b, EERD, word << 2 | EE_START);
    await(b, EERD, EE_DONE, EE_DONE);
    return (uint16_t)(rd(b, EERD) >> 16);
}

/* With the PHY semaphore held. */
static inline uint16_t mdio_read(struct bench *b, uint32_t device, uint32_t reg)
{
    wr(b, MSCA, MSCA_MDI_COMMAND | device << 16 | reg);
    await(b, MSCA, MSCA_MDI_COMMAND, 0);
    wr(b, MSCA, MSCA_MDI_COMMAND | 3u << 26 | device << 16 | reg);
    await(b, MSCA, MSCA_MDI_COMMAND, 0);
    return (uint16_t)(rd(b, MSRWD) >> 16);
}
static inline void mdio_write(struct bench *b, uint32_t device, uint32_t reg, uint16_t value)
{
    wr(b, MSRWD, value);
    wr(b, MSCA, MSCA_MDI_COMMAND | device << 16 | reg);
    await(b, MSCA, MSCA_MDI_COMMAND, 0);
    wr(b, MSCA, MSCA_MDI_COMMAND | 1u << 26 | device << 16 | reg);
    await(b, MSCA, MSCA_MDI_COMMAND, 0);
}

static inline void mask_interrupts(struct bench *b)
{
    wr(b, EIMC, 0xFFFFFFFF);
    wr(b, EIMC_EX, 0xFFFFFFFF);
    wr(b, EIMC_EX + 4, 0xFFFFFFFF);
    rd(b, EICR);
}

static inline void stop_card(struct bench *b)
{
    wr(b, RXCTRL, 0);
    mask_interrupts(b);
    for (uint32_t q = 0; q < 128; q++) {
        wr(b, TXDCTL(q), TXDCTL_SWFLSH);
        wr(b, RXDCTL(q), (rd(b, RXDCTL(q)) & ~RXDCTL_ENABLE) | RXDCTL_SWFLSH);
    }
    wait_ms(b, 2);
    set(b, CTRL, CTRL_GIO_DIS);
    await(b, CTRL, CTRL_GIO_DIS, CTRL_GIO_DIS);
    await(b, STATUS, STATUS_GIO, 0);
}

static inline void reset_card(struct bench *b)
{
    stop_card(b);
    take(b, SYNC_PHY0);
    set(b, CTRL, CTRL_RST);
    rd(b, STATUS);
    release(b, SYNC_PHY0);
    await(b, CTRL, CTRL_RST, 0);
    wait_ms(b, 10);
    mask_interrupts(b);
    await(b, EEC, EEC_ARD, EEC_ARD);
    await(b, RDRXCTL, RDRXCTL_DMAIDONE, RDRXCTL_DMAIDONE);
}

static inline void read_statistics(struct bench *b)
{
    uint32_t rows;
    const struct x540_register *table = x540_registers(&rows);

    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < table[r].count && table[r].section == 9; i++)
            if (table[r].rc)
                rd(b, table[r].offset + i * table[r].stride);
}

/* Steps 9 to 16: everything but queues, RXEN, interrupts. */
static inline void init_card(struct bench *b)
{
    wr(b, RXPBSIZE, 384u << 10);
    for (uint32_t i = 1; i < 8; i++)
        wr(b, RXPBSIZE + 4 * i, 0);
    wr(b, FCRTH, 384 * 1024 - 0x6000);
    for (uint32_t i = 1; i < 128; i++) {
        wr(b, RAL + 8 * i, 0);
        wr(b, RAH + 8 * i, 0);
    }
    for (uint32_t i = 0; i < 256; i++)
        wr(b, MPSAR + 4 * i, i == 0);
    for (uint32_t i = 0; i < 128; i++) {
        wr(b, MTA + 4 * i, 0);
        wr(b, UTA + 4 * i, 0);
        wr(b, VFTA + 4 * i, 0);
        wr(b, VLVFB + 4 * i, 0);
        clear(b, FTQF + 4 * i, FTQF_ENABLE);
        wr(b, RTTDQSEL, i);
        wr(b, RTTBCNRC, 0);
        clear(b, DCA_TXCTRL(i), DCA_TXCTRL_DESC_WRO);
        clear(b, DCA_RXCTRL(i), DCA_RXCTRL_MBZ | BIT(13) | BIT(15));
    }
    for (uint32_t i = 0; i < 64; i++)
        wr(b, VLVF + 4 * i, 0);
    wr(b, MCSTCTRL, 0);
    read_statistics(b);
    set(b, CTRL_EXT, CTRL_EXT_NS_DIS | CTRL_EXT_DRV_LOAD);
    wr(b, FCTRL, FCTRL_BAM);
    clear(b, RDRXCTL, RDRXCTL_RSCFRSTSIZE);
    set(b, RDRXCTL, RDRXCTL_CRCSTRIP | RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX);
    wr(b, RFCTL, RFCTL_RSC_DIS);
    set(b, RTTDCS, RTTDCS_ARBDIS);
    wr(b, MTQC, 0);
    clear(b, RTTDCS, RTTDCS_ARBDIS);
    wr(b, DTXMXSZRQ, 0xFFF);
    wr(b, TXPBSIZE, 160u << 10);
    wr(b, TXPBTHRESH, 150);
    set(b, DMATXCTL, DMATXCTL_TE);
    wr(b, TXDCTL(0), 0); /* TE has enabled queue 0 */
    await(b, TXDCTL(0), TXDCTL_ENABLE, 0);
}

struct ring {
    uint32_t q, size, next; /* next: first descriptor that the bench has not used */
    uint64_t base, buffers, head_at;
};
#define BUFFER   2048u
#define LEGACY   (2u)
#define ADVANCED (2u | 1u << 25)

static inline void rx_ring_registers(struct bench *b, const struct ring *r, uint32_t srrctl)
{
    wr(b, RDBAL(r->q), (uint32_t)r->base);
    wr(b, RDBAH(r->q), (uint32_t)(r->base >> 32));
    wr(b, RDLEN(r->q), r->size * 16);
    wr(b, SRRCTL(r->q), srrctl);
    wr(b, RDH(r->q), 0);
    wr(b, RDT(r->q), 0);
}

/* An Rx ring with its buffers, enabled and filled. */
static inline struct ring rx_ring(struct bench *b, uint32_t q, uint32_t size, uint32_t srrctl)
{
    struct ring r = {.q = q, .size = size};

    r.base = bench_alloc(b, size * 16);
    r.buffers = bench_alloc(b, size * BUFFER);
    for (uint32_t i = 0; i < size; i++)
        put64(b, r.base + 16 * i, r.buffers + (uint64_t)i * BUFFER);
    rx_ring_registers(b, &r, srrctl);
    set(b, RXDCTL(q), RXDCTL_ENABLE);
    await(b, RXDCTL(q), RXDCTL_ENABLE, RXDCTL_ENABLE);
    wr(b, RDT(q), size - 1);
    return r;
}

static inline void tx_ring_registers(struct bench *b, const struct ring *r, bool head_write_back)
{
    wr(b, TDBAL(r->q), (uint32_t)r->base);
    wr(b, TDBAH(r->q), (uint32_t)(r->base >> 32));
    wr(b, TDLEN(r->q), r->size * 16);
    wr(b, TDH(r->q), 0);
    wr(b, TDT(r->q), 0);
    wr(b, TDWBAH(r->q), (uint32_t)(r->head_at >> 32));
    wr(b, TDWBAL(r->q), head_write_back ? (uint32_t)r->head_at | 1 : 0);
}

static inline struct ring tx_ring(struct bench *b, uint32_t q, uint32_t size, bool head_write_back)
{
    struct ring r = {.q = q, .size = size};

    r.base = bench_alloc(b, size * 16);
    r.buffers = bench_alloc(b, size * BUFFER);
    r.head_at = bench_alloc(b, 64);
    tx_ring_registers(b, &r, head_write_back);
    wr(b, TXDCTL(q), 32 | TXDCTL_ENABLE);
    await(b, TXDCTL(q), TXDCTL_ENABLE, TXDCTL_ENABLE);
    return r;
}

static inline void link_up(struct bench *b)
{
    rd(b, LINKS);
    await(b, LINKS, LINKS_UP, LINKS_UP);
}

static inline void open_receive(struct bench *b)
{
    set(b, RXCTRL, RXCTRL_RXEN);
}

/* The whole bring-up, one ring of 64 each way on queue 0. */
struct pair {
    struct bench *b;
    struct ring rx, tx;
};
static inline struct pair bring_up_kind(enum x540_kind kind, uint32_t srrctl, bool head_write_back)
{
    const struct x540_config config = {
        .kind = kind, .mac = {0x02, 0x54, 0x00, 0x12, 0x34, 0x56}, .link_at_start = true};
    struct pair p = {.b = bench_new(&config)};

    reset_card(p.b);
    init_card(p.b);
    p.tx = tx_ring(p.b, 0, 64, head_write_back);
    p.rx = rx_ring(p.b, 0, 64, srrctl);
    open_receive(p.b);
    link_up(p.b);
    return p;
}
static inline struct pair bring_up(uint32_t srrctl, bool head_write_back)
{
    return bring_up_kind(X540_AT2, srrctl, head_write_back);
}

/* ---- Descriptors and frames ---- */

#define TX_EOP     BIT64(24)
#define TX_IFCS    BIT64(25)
#define TX_IC      BIT64(26)
#define TX_RS      BIT64(27)
#define TX_DEXT    BIT64(29)
#define TX_VLE     BIT64(30)
#define TX_TSE     BIT64(31)
#define TX_USUAL   (TX_EOP | TX_IFCS | TX_RS)
#define TX_DATA    (TX_DEXT | 3ull << 20)
#define TX_CONTEXT (TX_DEXT | 2ull << 20)

/* Put a descriptor at the ring's next place, without moving the tail. */
static inline void tx_put(struct bench *b, struct ring *r, uint64_t q0, uint64_t q1)
{
    put64(b, r->base + 16 * r->next, q0);
    put64(b, r->base + 16 * r->next + 8, q1);
    r->next = (r->next + 1) % r->size;
}
static inline void tx_kick(struct bench *b, struct ring *r)
{
    wr(b, TDT(r->q), r->next);
}
/* Bytes into the buffer of the ring's next descriptor; its bus address. */
static inline uint64_t tx_bytes(struct bench *b, struct ring *r, const void *bytes, uint32_t len)
{
    uint64_t address = r->buffers + (uint64_t)r->next * BUFFER;

    memcpy(at(b, address), bytes, len);
    return address;
}
static inline void tx_frame(struct bench *b, struct ring *r, const void *bytes, uint32_t len)
{
    tx_put(b, r, tx_bytes(b, r, bytes, len), len | TX_USUAL);
    tx_kick(b, r);
}

/* A frame to the card's own address, filled with a pattern; returns len. */
static inline uint32_t make_frame(uint8_t *frame, uint32_t len, uint8_t seed)
{
    static const uint8_t head[14] = {0x02, 0x54, 0x00, 0x12, 0x34, 0x56, 0x02,
                                     0,    0,    0,    0,    1,    0x88, 0xB5};
    for (uint32_t i = 0; i < len; i++)
        frame[i] = (uint8_t)(seed + i * 7);
    memcpy(frame, head, len < 14 ? len : 14);
    return len;
}

#endif
