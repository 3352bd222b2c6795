/* SPDX-License-Identifier: BSD-2-Clause
 * The model with a hostile driver, a hostile wire and hostile memory: the input is a list of
 * register accesses, frames, jumps in time, memory contents, evil modes and re-entry from the
 * callbacks. The model must not crash or access foreign memory, and must count every frame once.
 */
/* links: $(MODEL) */
#include <stdlib.h>
#include <string.h>

#include "tests/model/x540_internal.h"

#define MEMORY_BYTES 65536u
#define FRAMES_MAX   4096u /* limits inputs that refill their own rings */

struct world {
    struct x540 *card;
    const uint8_t *at, *end;
    uint64_t now;
    bool wire_full;
    uint32_t frames, depth;
    uint32_t reentry_offset, reentry_value; /* written from the callbacks; offset 0: none */
    uint8_t memory[MEMORY_BYTES];
};

/* ---- The callbacks ---- */

static void reenter(struct world *w)
{
    if (!w->reentry_offset || w->depth > 2)
        return;
    w->depth++;
    x540_write(w->card, w->reentry_offset, w->reentry_value, 4);
    x540_read(w->card, w->reentry_offset, 4);
    w->depth--;
}

/* Memory repeats over the low half of the address space, so that most addresses are valid. */
static bool dma_read(void *opaque, uint64_t addr, void *to, uint32_t len)
{
    struct world *w = opaque;

    reenter(w);
    if (addr >> 63)
        return false;
    for (uint32_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = w->memory[(addr + i) % MEMORY_BYTES];
    return true;
}

static bool dma_write(void *opaque, uint64_t addr, const void *from, uint32_t len)
{
    struct world *w = opaque;

    reenter(w);
    if (addr >> 63)
        return false;
    for (uint32_t i = 0; i < len; i++)
        w->memory[(addr + i) % MEMORY_BYTES] = ((const uint8_t *)from)[i];
    return true;
}

static void interrupt(void *opaque, uint32_t vector, bool asserted)
{
    if (vector != X540_INTX && (vector >= X540_MSIX_VECTORS || !asserted))
        abort();
    reenter(opaque);
}

static bool frame_out(void *opaque, const uint8_t *frame, uint32_t len)
{
    struct world *w = opaque;
    volatile uint8_t last;

    if (!len || len > X540_FRAME_MAX + 4)
        abort();
    last = frame[len - 1];
    (void)last;
    if (w->wire_full || w->frames >= FRAMES_MAX)
        return false;
    w->frames++;
    reenter(w);
    return true;
}

/* ---- Decoding the input ---- */

static uint32_t take(struct world *w, uint32_t bytes)
{
    uint32_t value = 0;

    for (uint32_t i = 0; i < bytes && w->at < w->end; i++)
        value |= (uint32_t)*w->at++ << (8 * i);
    return value;
}

/* A register of the table, or any offset at all. */
static uint32_t take_offset(struct world *w)
{
    uint32_t rows, pick = take(w, 2);
    const struct x540_register *table = x540_registers(&rows), *row;

    if (pick & 0x8000)
        return take(w, 3);
    row = &table[(pick & 0x1FF) % rows];
    return row->offset + (pick >> 9) % row->count * row->stride;
}

static void put(struct world *w, uint32_t offset, uint32_t value)
{
    if (offset == CTRL && (value & 0xF0) != 0xF0) /* resets are slow: allow few */
        value &= ~(CTRL_RST | CTRL_LNK_RST);
    x540_write(w->card, offset, value, 4);
}

/* Set up rings of 64 descriptors with buffers in memory, so that the data path is reached early. */
static void bring_up(struct world *w, uint32_t how)
{
    uint32_t q = how & 3;

    x540_set_bus_master(w->card, true);
    x540_set_msix_enabled(w->card, how & 4);
    put(w, GPIE, how & 4 ? GPIE_MSIX_MODE | GPIE_EIAME : 0);
    put(w, IVAR + 4 * (q >> 1), 0x80818283);
    put(w, EIMS, 0xFFFFFFFF);
    put(w, EIMS_EX, 0xFFFFFFFF);
    put(w, FCTRL, FCTRL_UPE | FCTRL_MPE | FCTRL_BAM);
    put(w, RDBAL(q), 0x1000 * q);
    put(w, RDLEN(q), 1024);
    put(w, SRRCTL(q), 1 | (how & 8 ? 1u << 25 : 0) | (how & 16 ? SRRCTL_DROP_EN : 0));
    put(w, RXDCTL(q), RXDCTL_ENABLE | RXDCTL_VME);
    put(w, DMATXCTL, 0x81000001);
    put(w, TDBAL(q), 0x1000 * q + 0x800);
    put(w, TDLEN(q), 1024);
    put(w, TDWBAL(q), how & 32 ? 0xF001 : 0);
    put(w, TXDCTL(q), TXDCTL_ENABLE);
    put(w, RXCTRL, 1);
    w->now += 100000000;
    x540_run(w->card, w->now);
    put(w, RDT(q), 63);
}

/* Broadcast: VLAN-tagged IPv4 with TCP, and IPv6 with a hop-by-hop header and UDP. */
static const uint8_t headers[2][78] = {
    {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0,  0, 0, 2, 0x81, 0, 0x20, 5, 8,   0,
     0x45, 0,    0,    46,   1,    2,    0, 0, 64, 6, 0, 0, 192,  0, 2,    1, 192, 0,
     2,    2,    0,    80,   1,    2,    0, 0, 0,  1, 0, 0, 0,    2, 0x50, 2, 255, 255},
    {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2,   0,    0,    0, 0, 2, 0x86, 0xDD, 0x60, 0, 0,
     0,    0,    24,   0,    64,   0x20, 1,   0xD,  0xB8, 0, 0, 0, 0,    0,    0,    0, 0,
     0,    0,    0,    1,    0x20, 1,    0xD, 0xB8, 0,    0, 0, 0, 0,    0,    0,    0, 0,
     0,    0,    2,    17,   0,    1,    4,   0,    0,    0, 0, 0, 9,    0,    10,   0, 16},
};

static void frame_in(struct world *w, uint32_t kind)
{
    uint32_t len = take(w, 1) * (kind & 1 ? 64 : 1), have = (uint32_t)(w->end - w->at);
    uint8_t *frame = calloc(1, len + 1); /* of exact size: ASan detects an overrun */

    if (!frame)
        return;
    memcpy(frame, w->at, have < len ? have : len);
    w->at += have < len ? have : len;
    if (kind & 8) /* start from a valid packet, which the input modifies */
        for (uint32_t i = 0; i < sizeof(headers[0]) && i < len; i++)
            frame[i] ^= headers[kind & 1][i];
    if (kind & 6)
        x540_frame_in_damaged(w->card, frame, len, (enum x540_damage)((kind >> 1 & 3) - 1));
    else
        x540_frame_in(w->card, frame, len);
    free(frame);
}

/* Write one descriptor to the transmit ring of bring_up, and its tail. */
static void transmit(struct world *w, uint32_t kind)
{
    uint32_t q = kind & 3, tail = (uint32_t)x540_read(w->card, TDT(q), 4) & 63;
    uint64_t q0 = take(w, 4), q1 = take(w, 4);

    q1 |= (uint64_t)take(w, 4) << 32;
    memcpy(w->memory + 0x1000 * q + 0x800 + 16 * tail, &q0, 8);
    memcpy(w->memory + 0x1000 * q + 0x800 + 16 * tail + 8, &q1, 8);
    put(w, TDT(q), (tail + 1) & 63);
}

static void step(struct world *w)
{
    uint32_t op = take(w, 1), offset, bytes;
    uint64_t wide;

    switch (op % 16) {
    case 0:
    case 1:
        offset = take_offset(w);
        put(w, offset, take(w, 4));
        break;
    case 2:
        x540_read(w->card, take_offset(w), 4);
        break;
    case 3: /* any size, any offset */
        offset = take(w, 4);
        bytes = op >> 4;
        wide = take(w, 4);
        x540_write(w->card, offset, wide << 16 | take(w, 2), bytes);
        x540_read(w->card, offset, bytes);
        break;
    case 4:
        w->now += (uint64_t)take(w, 2) << (op >> 4) * 3;
        x540_run(w->card, w->now);
        break;
    case 5:
        wide = x540_next_event_ns(w->card);
        if (wide < w->now + 10000000000ull) {
            w->now = wide > w->now ? wide : w->now;
            x540_run(w->card, w->now);
        }
        break;
    case 6:
    case 7:
        frame_in(w, op >> 4);
        break;
    case 8:
        offset = take(w, 2);
        bytes = op >> 4;
        for (uint32_t i = 0; i <= bytes; i++)
            w->memory[(offset + i) % MEMORY_BYTES] = (uint8_t)take(w, 1);
        break;
    case 9:
        bring_up(w, take(w, 1));
        break;
    case 10:
        offset = take(w, 1);
        x540_set_evil(w->card, (enum x540_evil)(offset % (X540_EVIL_COUNT + 1)), take(w, 1));
        break;
    case 11:
        w->reentry_offset = op & 0x80 ? 0 : take_offset(w);
        w->reentry_value = take(w, 4);
        break;
    case 12:
        w->wire_full = op & 0x10;
        x540_set_cable(w->card, op & 0x20);
        x540_set_bus_master(w->card, op & 0x40);
        break;
    case 13:
        if (op >> 4 == 15)
            x540_pci_reset(w->card);
        if (op >> 4 == 14)
            x540_function_reset(w->card);
        x540_has_room(w->card);
        x540_transactions_pending(w->card);
        x540_hold(w->card, op & 0x40);
        if (op & 0x20)
            x540_forget_complaints(w->card);
        break;
    case 14:
        transmit(w, op >> 4);
        break;
    case 15:
        put(w, RDT(op >> 4 & 3), (x540_read(w->card, RDH(op >> 4 & 3), 4) - 1) & 63);
        break;
    }
}

static void check(struct world *w)
{
    struct x540_truth t = x540_truth(w->card);
    uint64_t dropped = t.dropped_filter + t.dropped_missed + t.dropped_no_descriptor +
                       t.dropped_error + t.dropped_link_down + t.dropped_rx_off +
                       t.dropped_oversize + t.dropped_undersize;

    if (t.frames_in + t.frames_looped != t.frames_to_host + dropped + t.frames_waiting)
        abort();
    for (uint32_t i = 0; x540_complaint(w->card, i); i++)
        if (!x540_complaint(w->card, i)->rule || !x540_complaint(w->card, i)->text[0])
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A new card of the kind. Creating one takes longer than most inputs, so each kind is created once
 * and its initial state is kept. */
static struct x540 *new_card(struct world *w, enum x540_kind kind)
{
    static struct x540 *card;
    static uint8_t fresh[4][offsetof(struct x540, row)];
    static bool made[4];
    struct x540_config config = {.kind = kind, .mac = {2, 0, 0, 0, 0, 1}, .link_at_start = true};
    struct x540_env env = {w, dma_read, dma_write, dma_write, interrupt, frame_out};

    if (!card && !(card = x540_create(&config, &env)))
        abort();
    x540_fdir_empty(card);
    if (!made[kind]) {
        x540_init(card, &config, &env);
        memcpy(fresh[kind], card, sizeof(fresh[kind]));
        made[kind] = true;
    }
    memcpy(card, fresh[kind], sizeof(fresh[kind]));
    x540_sem_power_on(card);
    return card;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    struct world *w = &world;

    memset(w, 0, sizeof(*w));
    w->at = data;
    w->end = data + size;
    w->card = new_card(w, (enum x540_kind)(take(w, 1) & 3));
    while (w->at < w->end)
        step(w);
    check(w);
    return 0;
}
