/* SPDX-License-Identifier: BSD-2-Clause
 * The model's switchboard: making a port, handing each register access to the file that answers
 * for it, and letting what is due happen in the order of its time. Then x540_reset.c shows what a
 * fresh card looks like, and x540_rx.c and x540_tx.c are the data path.
 */
#include <stdlib.h>
#include <string.h>

#include "x540_internal.h"

/* ---- Making and ending ---- */

static void map_registers(struct x540 *card)
{
    uint32_t rows, aliases;
    const struct x540_register *table = x540_registers(&rows);
    const struct x540_alias *alias = x540_aliases(&aliases);

    for (uint32_t i = 0; i < REG_FILE_BYTES / 4; i++)
        card->home[i] = (uint16_t)i;
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < table[r].count; i++)
            card->row[(table[r].offset + i * table[r].stride) >> 2] = (uint16_t)(r + 1);
    for (uint32_t a = 0; a < aliases; a++, alias++)
        for (uint32_t i = 0; i < alias->count; i++)
            card->home[(alias->offset + i * alias->stride) >> 2] =
                (uint16_t)((alias->of + i * alias->of_stride) >> 2);
}

void x540_init(struct x540 *card, const struct x540_config *config, const struct x540_env *env)
{
    x540_fdir_empty(card);
    memset(card, 0, offsetof(struct x540, row));
    card->config = *config;
    card->env = *env;
    if (!card->config.reset_ns)
        card->config.reset_ns = 1000000;
    if (!card->config.enable_ns)
        card->config.enable_ns = 10000;
    if (!card->config.link_ns)
        card->config.link_ns = 10000000;
    for (int e = 0; e < EV_COUNT; e++)
        card->due[e] = NEVER;
    card->next_due = NEVER;
    card->cable = config->link_at_start;
    map_registers(card);
    x540_nvm_image(card);
    x540_sem_power_on(card);
    x540_power_on(card);
}

struct x540 *x540_create(const struct x540_config *config, const struct x540_env *env)
{
    struct x540 *card;

    if (!config || !env || !env->dma_read || !env->dma_write || !env->dma_words ||
        !env->interrupt || !env->frame_out || config->lan_id > 1 ||
        (unsigned)config->kind > X540_X550)
        return NULL;
    card = calloc(1, sizeof(*card));
    if (!card)
        return NULL;
    x540_fdir_create(card);
    if (!x540_sem_create(card) || !card->fdir || !card->fdir_bucket) {
        x540_destroy(card);
        return NULL;
    }
    x540_init(card, config, env);
    return card;
}

void x540_destroy(struct x540 *card)
{
    if (!card)
        return;
    x540_sem_leave(card);
    free(card->fdir);
    free(card->fdir_bucket);
    free(card);
}

/* ---- Time ---- */

void x540_plan_at(struct x540 *card, enum event event, uint64_t at_ns)
{
    card->due[event] = at_ns;
    if (at_ns < card->next_due)
        card->next_due = at_ns;
}

void x540_plan(struct x540 *card, enum event event, uint64_t delay_ns)
{
    x540_plan_at(card, event, delay_ns < NEVER - card->now ? card->now + delay_ns : NEVER);
}

/* next_due may then be too early, which costs one idle look at the list. */
void x540_plan_never(struct x540 *card, enum event event)
{
    card->due[event] = NEVER;
}

static enum event earliest(const struct x540 *card)
{
    enum event first = 0;

    for (int e = 1; e < EV_COUNT; e++)
        if (card->due[e] < card->due[first])
            first = (enum event)e;
    return first;
}

static void happen(struct x540 *card, enum event event)
{
    switch (event) {
    case EV_RESET:
        x540_reset_done(card);
        break;
    case EV_LOAD:
        x540_load_done(card);
        break;
    case EV_GIO:
        x540_gio_changed(card);
        break;
    case EV_MDIO:
        x540_mdio_done(card);
        break;
    case EV_NVM:
        x540_nvm_done(card);
        break;
    case EV_FLASH:
        x540_flash_done(card);
        break;
    case EV_FIRMWARE:
        x540_firmware_done(card);
        break;
    case EV_LINK:
        x540_link_event(card);
        break;
    case EV_TCP:
        x540_tcp_timer_due(card);
        break;
    case EV_RX_CHECK:
        x540_rx_check(card);
        break;
    case EV_RXQ:
        x540_rxq_moved(card);
        break;
    case EV_TXQ:
        x540_txq_moved(card);
        break;
    case EV_VECTORS:
        x540_intr_vectors_due(card);
        break;
    case EV_FDIR:
        x540_fdir_init_done(card);
        break;
    case EV_REWRITE:
        x540_rewrite_due(card);
        break;
    case EV_RX_LATE:
        x540_rx_flush_held(card);
        break;
    case EV_TX_RETRY: /* x540_run tries all of transmit at its end */
    case EV_COUNT:
        break;
    }
}

void x540_run(struct x540 *card, uint64_t now_ns)
{
    if (now_ns < card->now)
        now_ns = card->now;
    card->target = now_ns;
    while (card->next_due <= now_ns) {
        enum event event = earliest(card);
        uint64_t due = card->due[event];

        card->next_due = due;
        if (due > now_ns || due == NEVER)
            break;
        if (due > card->now)
            card->now = due;
        card->due[event] = NEVER;
        happen(card, event);
        card->next_due = card->due[earliest(card)];
    }
    card->now = now_ns;
    if (card->sem->smbi || card->sem->regsmp || card->sem->locks)
        x540_sem_age(card);
    if (card->rx_store_frames)
        x540_rx_drain(card);
    if (card->held_back)
        x540_rx_flush_held(card);
    if (card->line_count)
        x540_rx_flush_line(card);
    if (card->tx_work[0] | card->tx_work[1])
        x540_tx_run(card);
    if (card->evil[X540_EVIL_IRQ_STORM])
        x540_intr_storm(card);
    if (card->evil[X540_EVIL_REWRITE])
        x540_rewrite_meanwhile(card);
}

uint64_t x540_next_event_ns(const struct x540 *card)
{
    return card->due[earliest(card)];
}

/* ---- DMA ---- */

bool x540_dma_allowed(const struct x540 *card)
{
    return card->bus_master && !card->gio_off && !card->in_reset && !card->evil[X540_EVIL_ALL_ONES];
}

static void refused(struct x540 *card, const char *way, uint64_t addr, uint32_t len,
                    const char *what)
{
    card->truth.dma_refused++;
    x540_complain(card, RULE_DMA_REFUSED, "%s of %u bytes at 0x%llx (%s) was refused", way, len,
                  (unsigned long long)addr, what);
}

bool x540_fetch(struct x540 *card, uint64_t addr, void *to, uint32_t len, enum x540_pcie_kind what,
                uint32_t most)
{
    bool ok;

    x540_pcie_read(card, what, addr, len, most);
    card->in_dma = true;
    ok = card->env.dma_read(card->env.opaque, addr, to, len);
    card->in_dma = false;
    if (ok)
        return true;
    refused(card, "read", addr, len, x540_pcie_name(what));
    /* The card notices a read that is answered with an error. */
    REG(card, PICAUSE) |= BIT(0);
    x540_intr_other(card, EICR_PCI);
    return false;
}

static bool told(struct x540 *card, bool ok, uint64_t addr, uint32_t len, enum x540_pcie_kind what)
{
    card->in_dma = false;
    x540_pcie_write(card, what, addr, len);
    if (!ok)
        refused(card, "write", addr, len, x540_pcie_name(what));
    return ok;
}

bool x540_post(struct x540 *card, uint64_t addr, const void *from, uint32_t len,
               enum x540_pcie_kind what)
{
    card->in_dma = true;
    return told(card, card->env.dma_write(card->env.opaque, addr, from, len), addr, len, what);
}

bool x540_post_words(struct x540 *card, uint64_t addr, const void *from, uint32_t len,
                     enum x540_pcie_kind what)
{
    card->in_dma = true;
    return told(card, card->env.dma_words(card->env.opaque, addr, from, len), addr, len, what);
}

void x540_set_bus_master(struct x540 *card, bool enabled)
{
    if (card->bus_master == enabled)
        return;
    card->bus_master = enabled;
    if (enabled) {
        x540_rx_drain(card);
        x540_tx_run(card);
    }
}

void x540_set_msix_enabled(struct x540 *card, bool enabled)
{
    if (card->msix_enabled == enabled)
        return;
    x540_intr_line_off(card); /* by the way it was raised */
    card->msix_enabled = enabled;
    x540_intr_line(card);
}

bool x540_transactions_pending(const struct x540 *card)
{
    return card->evil[X540_EVIL_MASTER_STUCK] || card->due[EV_GIO] != NEVER;
}

/* ---- Register accesses ---- */

static const struct x540_register *row_of(const struct x540 *card, uint32_t offset)
{
    uint32_t count;
    const struct x540_register *table = x540_registers(&count);
    uint32_t row = card->row[offset >> 2];

    return row ? &table[row - 1] : NULL;
}

const char *x540_register_name(const struct x540 *card, uint32_t offset, char name[32])
{
    const struct x540_register *row;
    uint32_t at = 0, i = 0, n;
    char digits[8];

    if (offset >= REG_FILE_BYTES || !(row = row_of(card, offset))) {
        memcpy(name, "(unknown)", 10);
        return name;
    }
    while (row->name[at] && at < 20) {
        name[at] = row->name[at];
        at++;
    }
    if (row->count > 1) {
        n = (offset - row->offset) / row->stride;
        name[at++] = '[';
        do
            digits[i++] = (char)('0' + n % 10);
        while ((n /= 10) != 0);
        while (i)
            name[at++] = digits[--i];
        name[at++] = ']';
    }
    name[at] = 0;
    return name;
}

/* What may be touched while CTRL.RST is set (facts, 14.4: RST; flush; release; poll). */
static bool answers_in_reset(uint32_t offset)
{
    return offset == CTRL || offset == STATUS || offset == SWSM || offset == SWFW_SYNC;
}

/* The rules that hold for any access. Returns the offset of the register's storage, or
 * REG_FILE_BYTES if the card does not answer. */
static uint32_t place(struct x540 *card, uint32_t offset, uint32_t bytes, const char *way)
{
    char name[32];

    if (card->config.kind == X540_X550 && offset >= REG_FILE_BYTES && offset < X550_REGISTERS_END) {
        x540_complain(card, RULE_UNKNOWN_REGISTER, "%s at 0x%05x: no register known there", way,
                      offset);
        return REG_FILE_BYTES;
    }
    if (bytes != 4 || (offset & 3)) {
        x540_complain(card, RULE_ACCESS_SIZE, "%s of %u bytes at 0x%05x: expected 4, aligned", way,
                      bytes, offset);
        return REG_FILE_BYTES;
    }
    if (offset >= REG_FILE_BYTES) {
        x540_complain(card, RULE_ACCESS_BEYOND, "%s at 0x%05x: registers end at 0x%05x", way,
                      offset, card->config.kind == X540_X550 ? X550_REGISTERS_END : REG_FILE_BYTES);
        return REG_FILE_BYTES;
    }
    offset = (uint32_t)card->home[offset >> 2] << 2;
    if (card->in_reset && !answers_in_reset(offset)) {
        x540_complain(card, RULE_ACCESS_IN_RESET, "%s of %s (0x%05x) while CTRL.RST is set", way,
                      x540_register_name(card, offset, name), offset);
        return REG_FILE_BYTES;
    }
    if (!card->row[offset >> 2])
        x540_complain(card, RULE_UNKNOWN_REGISTER, "%s at 0x%05x: no register known there", way,
                      offset);
    return offset;
}

static bool security_path_is_empty(const struct x540 *card, uint32_t offset)
{
    if (offset == SECTXSTAT)
        return REG(card, SECTXCTRL) & SECTXCTRL_TX_DIS;
    return (REG(card, SECRXCTRL) & SECRXCTRL_RX_DIS) && card->now >= card->secrx_empty_at;
}

static uint32_t read_register(struct x540 *card, uint32_t offset, uint32_t behaviour)
{
    uint32_t value = REG(card, offset);

    switch (behaviour) {
    case B_CTRL:
        card->gio_unread = false;
        return value;
    case B_STATUS:
        return x540_status(card);
    case B_FRTIMER:
        return (uint32_t)(card->now / 1000);
    case B_EEC:
        return x540_eec_read(card);
    case B_EEMNGCTL:
        return x540_eemngctl_read(card);
    case B_FWSM:
        return card->evil[X540_EVIL_FWSM] ? (uint32_t)card->evil[X540_EVIL_FWSM] : value;
    case B_MMNGC:
        return card->evil[X540_EVIL_VETO] ? value | MMNGC_VETO : value;
    case B_SWSM:
        return x540_swsm_read(card);
    case B_SWFW_SYNC:
        return x540_sync_read(card);
    case B_MSRWD:
        return x540_msrwd_read(card);
    case B_LINKS:
        return x540_links_read(card);
    case B_EICR:
    case B_EICS:
    case B_EIMS:
    case B_EIMC:
    case B_EICS_EX:
    case B_EIMS_EX:
    case B_EIMC_EX:
    case B_EIAM:
    case B_EIAM_EX:
        return x540_intr_read(card, offset, behaviour);
    case B_RAR:
        if (!card->loaded && offset <= RAH)
            x540_complain(card, RULE_NVM_NOT_LOADED,
                          "RAL0/RAH0 read before EEC.ARD is 1: not loaded yet");
        return value;
    case B_RDRXCTL:
        if (card->evil[X540_EVIL_DMAIDONE_STUCK])
            return value & ~RDRXCTL_DMAIDONE;
        card->dmaidone_polled |= (value & RDRXCTL_DMAIDONE) != 0;
        return value;
    case B_RDH:
        return card->rxq[rx_queue_of(offset)].ring.head;
    case B_TDH:
        return card->txq[tx_queue_of(offset)].ring.head;
    case B_PER_TXQ: {
        uint32_t queue = REG(card, RTTDQSEL) & (QUEUES - 1);
        return offset == RTTDT1C ? card->rttdt1c[queue] : card->rttbcnrc[queue];
    }
    case B_SECSTAT:
        return value | (security_path_is_empty(card, offset) ? SECSTAT_RDY : 0);
    case B_FDIR:
        return x540_fdir_read(card, offset);
    case B_STAT:
    case B_STAT_LOW:
    case B_STAT_HIGH:
        return x540_stats_read(card, offset, behaviour);
    default:
        return value;
    }
}

/* What may be accessed as 64 bits: counters of 36 bits (read), the mailbox's memory, and the one
 * pair that Linux writes as one. */
static bool takes_64_bits(const struct x540 *card, uint32_t offset, bool write)
{
    const struct x540_register *row = offset < REG_FILE_BYTES ? row_of(card, offset) : NULL;

    if (offset >= PFMBMEM && offset < PFMBMEM + PFMBMEM_BYTES)
        return true;
    return write ? offset == FDIRHASH : row && row->behaviour == B_STAT_LOW;
}

uint64_t x540_read(struct x540 *card, uint32_t offset, uint32_t bytes)
{
    const struct x540_register *row;

    if (card->evil[X540_EVIL_ALL_ONES] || card->in_dma)
        return bytes >= 8 ? UINT64_MAX : (1ull << (8 * (bytes & 7))) - 1;
    if (bytes == 8 && offset % 8 == 0 && takes_64_bits(card, offset, false)) {
        uint64_t low = x540_read(card, offset, 4);

        return low | x540_read(card, offset + 4, 4) << 32;
    }
    x540_pcie_register(card, true);
    offset = place(card, offset, bytes, "read");
    if (offset == REG_FILE_BYTES)
        return bytes >= 8 ? UINT64_MAX : (1ull << (8 * (bytes & 7))) - 1;
    row = row_of(card, offset);
    return read_register(card, offset, row ? row->behaviour : B_UNKNOWN);
}

/* Registers whose unlisted bits change by themselves or that have their own check. */
static bool has_own_check(uint32_t behaviour)
{
    switch (behaviour) {
    case B_EEC:
    case B_EERD:
    case B_EEWR:
    case B_EEMNGCTL:
    case B_SWSM:
    case B_SWFW_SYNC:
    case B_HICR:
    case B_MSRWD:
    case B_RX_RING:
    case B_TX_RING:
    case B_CTRL:
    case B_EICS:
    case B_EIMC:
    case B_EICS_EX:
    case B_EIMC_EX:
    case B_EITR:
    case B_EITR_H:
    case B_FDIR:
        return true;
    }
    return false;
}

static void check_bits(struct x540 *card, uint32_t offset, const struct x540_register *row,
                       uint32_t value)
{
    uint32_t changed = (value ^ REG(card, offset)) & ~(row->rw_mask | row->w1c);
    char name[32];

    if (offset == RXCSUM && value != REG(card, offset) && (REG(card, RXCTRL) & RXCTRL_RXEN))
        x540_complain(card, RULE_RXCSUM_RXEN, "RXCSUM = 0x%08x (was 0x%08x) while RXEN = 1", value,
                      REG(card, offset));
    if (!changed || has_own_check(row->behaviour))
        return;
    if (!row->rw_mask && !row->w1c)
        x540_complain(card, RULE_WRITE_READ_ONLY, "%s (0x%05x) is read-only; written 0x%08x",
                      x540_register_name(card, offset, name), offset, value);
    else
        x540_complain(card, RULE_RESERVED_BITS, "%s = 0x%08x changes reserved bits 0x%08x",
                      x540_register_name(card, offset, name), value, changed);
}

static void per_txq_write(struct x540 *card, uint32_t offset, uint32_t value)
{
    uint32_t queue = REG(card, RTTDQSEL) & (QUEUES - 1);

    if (offset == RTTDT1C)
        card->rttdt1c[queue] = value & 0x3FFF;
    else
        card->rttbcnrc[queue] = value & 0x80FFFFFF;
    bit_put(card->rate_cleared, queue, value == 0);
}

static void write_register(struct x540 *card, uint32_t offset, const struct x540_register *row,
                           uint32_t value)
{
    uint32_t old = REG(card, offset);
    uint32_t kept = (old & ~row->rw_mask & ~(row->w1c & value)) | (value & row->rw_mask);

    card->touched[offset >> 5] |= (uint8_t)(1u << (offset >> 2 & 7));
    switch (row->behaviour) {
    case B_CTRL:
        x540_ctrl_write(card, value);
        break;
    case B_TCPTIMER:
        x540_tcp_timer_write(card, value);
        break;
    case B_EEC:
        x540_eec_write(card, value);
        break;
    case B_ESDP:
        REG(card, offset) = kept;
        if ((old ^ kept) & ESDP_SDP3 && card->config.kind == X540_82599)
            x540_link_restart(card);
        break;
    case B_EERD:
        x540_eerd_write(card, value);
        break;
    case B_EEWR:
        x540_eewr_write(card, value);
        break;
    case B_EEMNGCTL:
        x540_eemngctl_write(card, value);
        break;
    case B_SWSM:
        x540_swsm_write(card, value);
        break;
    case B_SWFW_SYNC:
        x540_sync_write(card, value);
        break;
    case B_HICR:
        x540_hicr_write(card, value);
        break;
    case B_MSCA:
        x540_msca_write(card, value);
        break;
    case B_MSRWD:
        x540_msrwd_write(card, value);
        break;
    case B_EICR:
    case B_EICS:
    case B_EIMS:
    case B_EIMC:
    case B_EIAC:
    case B_EIAM:
    case B_EICS_EX:
    case B_EIMS_EX:
    case B_EIMC_EX:
    case B_EIAM_EX:
    case B_GPIE:
    case B_EITR:
    case B_EITR_H:
        x540_intr_write(card, offset, row->behaviour, value);
        break;
    case B_RXCTRL:
    case B_RX_RING:
    case B_RDH:
    case B_RDT:
    case B_RXDCTL:
    case B_SRRCTL:
    case B_FCTRL:
        x540_rx_write(card, offset, row->behaviour, value);
        break;
    case B_RX_GATE:
        REG(card, offset) = kept;
        card->secrx_empty_at = card->now + card->config.enable_ns;
        x540_rx_drain(card);
        break;
    case B_RXPBSIZE:
        REG(card, offset) = kept;
        x540_rx_buffer_size(card);
        break;
    case B_DMATXCTL:
    case B_TX_RING:
    case B_TDH:
    case B_TDT:
    case B_TXDCTL:
    case B_MTQC:
        x540_tx_write(card, offset, row->behaviour, value);
        break;
    case B_TX_GATE:
    case B_MACC:
    case B_HLREG0:
        REG(card, offset) = kept;
        x540_tx_run(card);
        break;
    case B_PER_TXQ:
        per_txq_write(card, offset, value);
        break;
    case B_RAR:
        REG(card, offset) = kept;
        x540_filter_rar_changed(card);
        break;
    case B_CLASSIFY:
        REG(card, offset) = kept;
        x540_filter_classify_changed(card);
        break;
    case B_RSS:
        REG(card, offset) = kept;
        card->rss_stale = true;
        if (offset == MRQC)
            x540_rx_buffer_size(card);
        break;
    case B_FDIR:
        if (!x540_fdir_write(card, offset, value))
            REG(card, offset) = kept;
        break;
    case B_QMAP:
        REG(card, offset) = kept;
        x540_stats_map_changed(card, offset);
        break;
    case B_CTRL_EXT:
        REG(card, offset) = kept & ~CTRL_EXT_PFRSTD; /* clears itself */
        break;
    case B_LINKS: /* the card's own: writing it changes nothing */
    case B_FRTIMER:
        break;
    default:
        REG(card, offset) = kept;
        break;
    }
}

void x540_write(struct x540 *card, uint32_t offset, uint64_t value, uint32_t bytes)
{
    const struct x540_register *row;

    if (card->evil[X540_EVIL_ALL_ONES] || card->in_dma)
        return; /* removed; or its own DMA was pointed at its own registers */
    if (bytes == 8 && offset % 8 == 0 && takes_64_bits(card, offset, true)) {
        x540_write(card, offset, (uint32_t)value, 4);
        x540_write(card, offset + 4, value >> 32, 4);
        return;
    }
    x540_pcie_register(card, false);
    offset = place(card, offset, bytes, "write");
    if (offset == REG_FILE_BYTES)
        return;
    row = row_of(card, offset);
    if (!row) {
        REG(card, offset) = (uint32_t)value;
        return;
    }
    check_bits(card, offset, row, (uint32_t)value);
    write_register(card, offset, row, (uint32_t)value);
}

struct x540_truth x540_truth(const struct x540 *card)
{
    struct x540_truth truth = card->truth;

    truth.frames_waiting = card->rx_store_frames;
    return truth;
}
