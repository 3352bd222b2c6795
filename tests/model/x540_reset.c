/* SPDX-License-Identifier: BSD-2-Clause
 * Power-on, software reset, master disable: the registers' first values, what survives a reset, and
 * what a driver must have done before it requests one.
 */
#include <string.h>

#include "x540_internal.h"

uint32_t x540_junk(uint32_t seed)
{
    seed = (seed ^ 61) ^ (seed >> 16);
    seed *= 9;
    seed ^= seed >> 4;
    seed *= 0x27D4EB2Du;
    return seed ^ (seed >> 15);
}

/* What a software reset does not change: memories of the filters (undefined only at power-on),
 * statistics, the semaphores and everything of firmware, NVM and PCIe. */
static bool survives_reset(const struct x540_register *row)
{
    switch (row->behaviour) {
    case B_TABLE:
    case B_STAT:
    case B_STAT_LOW:
    case B_STAT_HIGH:
    case B_SWSM:
    case B_SWFW_SYNC:
    case B_EEC:
    case B_HICR:
    case B_FLEX_MNG:
    case B_RAR:
        return true;
    case B_RX_RING: /* the bases have no value of their own, the lengths are 0 */
    case B_TX_RING:
        return (row->offset & 0x3F) <= 4;
    }
    return row->offset == ESDP ||
           (row->offset >= 0x10000 && row->offset < 0x12000 && row->offset != GCR_EXT);
}

static bool has_no_default(const struct x540_register *row)
{
    return row->behaviour == B_TABLE ||
           ((row->behaviour == B_RX_RING || row->behaviour == B_TX_RING) &&
            (row->offset & 0x3F) <= 4);
}

/* Undefined after power-on, so that a driver that does not write them is seen to be wrong. */
static void fill_tables(struct x540 *card)
{
    uint32_t rows;
    const struct x540_register *table = x540_registers(&rows);

    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t i = 0; i < table[r].count && has_no_default(&table[r]); i++) {
            uint32_t offset = table[r].offset + i * table[r].stride;
            REG(card, offset) = x540_junk(offset) & table[r].rw_mask;
        }
    for (uint32_t n = 1; n < QUEUES; n++) {
        REG(card, RAL + 8 * n) = x540_junk(n);
        REG(card, RAH + 8 * n) = x540_junk(n) & 0xFFFF;
    }
    memset(card->touched, 0, sizeof(card->touched));
}

/* The value of the 5-tuple filters after any reset is undefined. Every fourth is on and matches an
 * unused address pair, so that only a test that sends it sees the difference. */
static void fill_ftqf(struct x540 *card)
{
    for (uint32_t n = 0; n < QUEUES; n++) {
        uint32_t junk = x540_junk(0x5EED + n);

        REG(card, SAQF + 4 * n) = junk | 0xF0;
        REG(card, DAQF + 4 * n) = ~junk | 0xF0;
        REG(card, SDPQF + 4 * n) = x540_junk(junk);
        REG(card, L34T_IMIR + 4 * n) = (junk & L34T_RX_QUEUE) | L34T_SIZE_BP;
        REG(card, FTQF + 4 * n) = (junk & (FTQF_PRIORITY | 0x3F00)) | 3u | FTQF_M_SPORT |
                                  FTQF_M_DPORT | FTQF_M_PROTO | FTQF_POOL_MASK |
                                  (n % 4 == 3 ? FTQF_ENABLE : 0);
        card->touched[(FTQF + 4 * n) >> 5] &= (uint8_t)(~(1u << (n & 7)));
    }
}

static void touch_not(struct x540 *card, uint32_t offset, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, offset += 4)
        card->touched[offset >> 5] &= (uint8_t)(~(1u << (offset >> 2 & 7)));
}

/* Undefined after any reset (X550 8.2.2.8.18, .24, 8.2.2.11, 8.2.2.6.10): the redirection table,
 * which must be written before several queues are used, the rates of transmit queues, interrupt
 * vectors. */
static void fill_undefined(struct x540 *card)
{
    uint32_t entries = card->config.kind == X540_X550 ? 0x3F3F3F3F : 0x0F0F0F0F;

    for (uint32_t i = 0; i < 32; i++)
        REG(card, RETA + 4 * i) = x540_junk(RETA + i) & entries;
    for (uint32_t i = 0; i < 96; i++)
        REG(card, ERETA + 4 * i) = x540_junk(ERETA + i) & entries;
    touch_not(card, RETA, 32);
    touch_not(card, ERETA, 96);
    for (uint32_t n = 0; n < QUEUES; n++) {
        card->rttdt1c[n] = x540_junk(RTTDT1C + n) & 0x3FFF;
        card->rttbcnrc[n] = x540_junk(RTTBCNRC + n) & 0x00FFFFFF; /* RS_ENA is 0 */
    }
    for (uint32_t i = 0; i < 64; i++) /* vectors; none is valid but that of other causes */
        REG(card, IVAR + 4 * i) = x540_junk(IVAR + i) & 0x3F3F3F3F;
    REG(card, IVAR_MISC) |= x540_junk(IVAR_MISC) & 0x3F3F;
}

static void default_registers(struct x540 *card, bool power_on)
{
    uint32_t rows;
    const struct x540_register *table = x540_registers(&rows);

    for (uint32_t r = 0; r < rows; r++) {
        if (!power_on && survives_reset(&table[r]))
            continue;
        for (uint32_t i = 0; i < table[r].count; i++)
            REG(card, table[r].offset + i * table[r].stride) =
                x540_reset_value(&table[r], card->config.kind);
    }
    for (uint32_t n = 1; n < 8; n++)
        REG(card, TXPBTHRESH + 4 * n) = 0;
    REG(card, RAL) = REG(card, RAH) = 0; /* until the auto-load */
    for (uint32_t n = 1; n < QUEUES; n++)
        REG(card, RAH + 8 * n) &= ~RAH_AV;
    fill_ftqf(card);
    fill_undefined(card);
}

/* Everything that a reset stops at once. Firmware, flash and PHY continue. */
static void stop_everything(struct x540 *card)
{
    for (int e = 0; e < EV_COUNT; e++)
        if (e != EV_FLASH && e != EV_FIRMWARE && e != EV_LINK)
            x540_plan_never(card, (enum event)e);
    x540_rx_reset(card);
    x540_tx_reset(card);
    x540_intr_reset(card);
    x540_fdir_empty(card);
    memset(card->rate_cleared, 0, sizeof(card->rate_cleared));
    card->gio_off = card->gio_unread = false;
    card->resets++;
    card->cfg_done_at = card->now;
    card->cfg_done_cleared = false;
    card->ard_polled = card->dmaidone_polled = card->drv_load_checked = false;
    card->rss_stale = true;
}

void x540_power_on(struct x540 *card)
{
    card->in_reset = false;
    stop_everything(card);
    memset(card->reg, 0, sizeof(card->reg));
    default_registers(card, true);
    fill_tables(card);
    x540_stats_power_on(card);
    x540_rx_buffer_size(card);
    x540_filter_classify_changed(card);
    x540_phy_power_on(card);
    x540_load_done(card); /* the machine's firmware took seconds to get here */
    x540_link_restart(card);
    if (card->evil[X540_EVIL_LEFT_RECEIVING])
        x540_rx_left_on(card, card->evil[X540_EVIL_LEFT_RECEIVING]);
}

/* The part of CTRL.RST that function resets do too. */
static void software_reset(struct x540 *card)
{
    stop_everything(card);
    default_registers(card, false);
    card->loaded = false;
    REG(card, RDRXCTL) &= ~RDRXCTL_DMAIDONE;
    x540_rx_buffer_size(card);
    x540_filter_classify_changed(card);
}

void x540_function_reset(struct x540 *card)
{
    x540_intr_line_off(card);
    software_reset(card);
    card->in_reset = false;
    x540_load_done(card);
}

/* The card writes to memory until PCI resets it: who hands the machine on must have stopped it. */
static void check_quiet(struct x540 *card)
{
    uint32_t on = 0;

    if (card->evil[X540_EVIL_LEFT_RECEIVING])
        return; /* not by a driver */
    for (uint32_t n = 0; n < QUEUES; n++)
        on += x540_ring_is_on(&card->rxq[n].ring) || x540_ring_is_on(&card->txq[n].ring);
    if (on || (REG(card, RXCTRL) & RXCTRL_RXEN) || (REG(card, CTRL_EXT) & CTRL_EXT_DRV_LOAD))
        x540_complain(card, RULE_LEFT_RUNNING,
                      "PCI reset with RXCTRL = 0x%08x, CTRL_EXT = 0x%08x, %u queues enabled",
                      REG(card, RXCTRL), REG(card, CTRL_EXT), on);
}

void x540_pci_reset(struct x540 *card)
{
    check_quiet(card);
    x540_intr_line_off(card);
    card->bus_master = card->msix_enabled = false;
    x540_sem_pci_reset(card);
    x540_power_on(card);
}

uint32_t x540_status(struct x540 *card)
{
    if (card->gio_unread)
        x540_complain(card, RULE_GIO_READ_BACK,
                      "STATUS read after CTRL.GIO_DIS = 1 was written and not read back");
    return (uint32_t)card->config.lan_id << 2 | (REG(card, STATUS) & STATUS_LINKUP) |
           (card->gio_off ? 0 : STATUS_GIO) | (card->evil[X540_EVIL_HOT] ? STATUS_THERMAL : 0);
}

/* What firmware has done for the ports: CFG_DONE of this one after a reset, in time. Software may
 * clear it. The other port is another card's and counts as done. */
uint32_t x540_eemngctl_read(const struct x540 *card)
{
    uint32_t own = card->config.lan_id ? EEMNGCTL_CFG_DONE1 : EEMNGCTL_CFG_DONE0;
    uint64_t needs = card->evil[X540_EVIL_CFG_DONE_NS];
    bool done = card->loaded && !card->cfg_done_cleared && card->now - card->cfg_done_at >= needs &&
                needs != UINT64_MAX;

    return EEMNGCTL_DONE | ((EEMNGCTL_CFG_DONE0 | EEMNGCTL_CFG_DONE1) & ~own) | (done ? own : 0);
}

void x540_eemngctl_write(struct x540 *card, uint32_t value)
{
    uint32_t own = card->config.lan_id ? EEMNGCTL_CFG_DONE1 : EEMNGCTL_CFG_DONE0;

    if (!(value & own))
        card->cfg_done_cleared = true;
}

static void check_reset_rules(struct x540 *card)
{
    uint32_t n;

    if (card->vector_mask || card->other_mask)
        x540_complain(card, RULE_RESET_INTERRUPTS_ON,
                      "CTRL.RST with EIMS 0x%08x, EIMS_EX 0x%08x%08x: mask all first",
                      card->other_mask, (unsigned)(card->vector_mask >> 32),
                      (unsigned)card->vector_mask);
    if (REG(card, RXCTRL) & RXCTRL_RXEN)
        x540_complain(card, RULE_RESET_RUNNING, "CTRL.RST with RXCTRL.RXEN = 1");
    for (n = 0; n < QUEUES; n++) {
        if (x540_ring_is_on(&card->rxq[n].ring))
            x540_complain(card, RULE_RESET_RUNNING, "CTRL.RST with RXDCTL[%u].ENABLE = 1", n);
        if (x540_ring_is_on(&card->txq[n].ring))
            x540_complain(card, RULE_RESET_RUNNING, "CTRL.RST with TXDCTL[%u].ENABLE = 1", n);
    }
    if (!card->gio_off && !card->evil[X540_EVIL_MASTER_STUCK])
        x540_complain(card, RULE_RESET_MASTER,
                      "CTRL.RST with CTRL.GIO_DIS = %u and STATUS.GIO = 1: expected 0",
                      REG(card, CTRL) & CTRL_GIO_DIS ? 1 : 0);
    if (card->config.kind != X540_82599 && !x540_holds_phy(card))
        x540_complain(card, RULE_RESET_SEMAPHORE,
                      "CTRL.RST with SW_FW_SYNC = 0x%08x: PHY%u not held", x540_sync(card),
                      card->config.lan_id);
}

void x540_ctrl_write(struct x540 *card, uint32_t value)
{
    uint32_t old = REG(card, CTRL);

    if (card->in_reset)
        return;
    if (value & (CTRL_RST | CTRL_LNK_RST)) {
        check_reset_rules(card);
        if (value & CTRL_LNK_RST)
            x540_check_veto(card, "CTRL", value);
        software_reset(card);
        REG(card, CTRL) = value & (CTRL_RST | CTRL_LNK_RST);
        /* LRST (the 82599's LNK_RST) resets the PHY and the link, RST does not. */
        if (value & CTRL_LNK_RST)
            x540_phy_reset(card);
        card->phy_reset_at = card->now; /* its ids may take 200 ms to be readable even so */
        card->in_reset = true;
        if (!card->evil[X540_EVIL_RESET_STUCK])
            x540_plan(card, EV_RESET, card->config.reset_ns);
        return;
    }
    REG(card, CTRL) = value & CTRL_GIO_DIS;
    if ((old ^ value) & CTRL_GIO_DIS) {
        card->gio_unread = value & CTRL_GIO_DIS;
        if (value & CTRL_GIO_DIS)
            x540_plan(card, EV_GIO, card->config.enable_ns);
        else
            x540_gio_changed(card);
    }
}

void x540_gio_changed(struct x540 *card)
{
    x540_plan_never(card, EV_GIO);
    card->gio_off = (REG(card, CTRL) & CTRL_GIO_DIS) && !card->evil[X540_EVIL_MASTER_STUCK];
    if (!card->gio_off) {
        x540_rx_drain(card);
        x540_tx_run(card);
    }
}

void x540_reset_done(struct x540 *card)
{
    card->in_reset = false;
    REG(card, CTRL) = 0;
    x540_plan(card, EV_LOAD, card->config.reset_ns / 10 + 1);
}

/* The NVM's auto-load is through and the DMA memories are ready. */
void x540_load_done(struct x540 *card)
{
    const uint8_t *mac = card->config.mac;

    card->loaded = true;
    x540_nvm_load(card);
    REG(card, RDRXCTL) |= RDRXCTL_DMAIDONE;
    REG(card, RAL) =
        (uint32_t)mac[0] | (uint32_t)mac[1] << 8 | (uint32_t)mac[2] << 16 | (uint32_t)mac[3] << 24;
    REG(card, RAH) = (uint32_t)mac[4] | (uint32_t)mac[5] << 8 | RAH_AV;
    if (card->evil[X540_EVIL_BAD_MAC])
        REG(card, RAL) = REG(card, RAH) = 0;
    x540_filter_rar_changed(card);
}
