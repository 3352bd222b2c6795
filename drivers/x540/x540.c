/* SPDX-License-Identifier: BSD-2-Clause
 * The X540 from power-on to ready, in the order of the reference drivers (see README.md): quiesce,
 * reset, wait for the card's NVM load, memories, filters, statistics, receive, transmit, PHY.
 * By hand, with the model:
 *
 *     qemu-system-x86_64 -M q35 -nographic -kernel build/ferrule.elf -plugin build/x540.so \
 *         -netdev user,id=n0 -device x540,netdev=n0
 *
 * Read next: link.c, rx.c, tx.c, then net/lane/lane.h for what happens to a frame.
 */
#include "drivers/x540/x540.h"
#include "arch/tsc.h"
#include "drivers/x540/regs.h"
#include "kernel/iommu/iommu.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"

enum {
    INTEL = 0x8086,
    BAR_REGISTERS = 0,
    REGISTERS_BYTES = 0x20000, /* of BAR0; flash follows */
    QUEUES = 128,
    ENABLE_LEAST_MS = 50,
    CTRL_LIMIT_US = 1000,
    POWER_UP_US = 10000,
    MASTER_LIMIT_US = 80000,  /* 800 polls, 100 us apart */
    LOOPBACK_FLUSH_US = 3000, /* flush of a card whose requests have not completed */
    BUFFERS_CLEAR_US = 20,
    RESET_FIRST_LOOK_US = 1000,
    RESET_LIMIT_US = 10000,
    AUTO_READ_LIMIT_US = 1000000,
    PEEK_LIMIT_US = 100000,
    DMA_IDLE_LIMIT_US = 1000000,
    PAUSE_HEADROOM_BYTES = 0x6000,
};

#define X540                                                                                       \
    .rx_buffer_kb = 384, .reset_ms = 100, .has_copper_phy = true, .has_regsmp = true,              \
    .has_eerd = true, .has_82599_bits = true, .rss_entries = 128, .phy_id = PHY_ID_X540,           \
    .phy_id_mask = 0xFFFFFFF0u
static const struct x540_family x540_at2 = {.name = "X540-AT2", X540};
static const struct x540_family x540_at1 = {.name = "X540-AT1", X540};
static const struct x540_family i82599 = {
    .name = "82599",
    .rx_buffer_kb = 512,
    .reset_ms = 50,
    .has_eerd = true,
    .has_82599_bits = true,
    .rss_entries = 128,
};
static const struct x540_family x550 = {
    .name = "X550",
    .rx_buffer_kb = 384,
    .reset_ms = 100,
    .has_copper_phy = true,
    .has_regsmp = true,
    .has_mdd = true,
    .rss_entries = 512,
    .phy_id = PHY_ID_X550,
    .phy_id_mask = 0xFFFFFFF0u,
};

static const struct {
    uint16_t device_id;
    const struct x540_family *family;
} ids[] = {
    {0x1528, &x540_at2}, {0x1560, &x540_at1}, {0x10FB, &i82599}, {0x154D, &i82599},
    {0x1557, &i82599},   {0x1563, &x550},     {0x15D1, &x550},
};

const struct x540_family *x540_match(const struct pci_dev *pci)
{
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        if (pci->vendor_id == INTEL && pci->device_id == ids[i].device_id)
            return ids[i].family;
    return NULL;
}

/* Clearing ENABLE takes effect once the queue's requests have completed, whose time limit is in
 * PCIe Device Control 2 (X550 4.6.7.1.1, 9.2.3.6.11). The wait is at most one second. */
static uint32_t completion_limit_us(const struct pci_dev *pci)
{
    static const uint16_t ms[16] = {
        [5] = 55, [6] = 210, [9] = 900, [10] = 1000, [13] = 1000, [14] = 1000,
    };
    uint16_t control = pci_read16(pci, PCI_DEVICE_CONTROL_2);

    return MAX(ms[FIELD_GET(PCI_DEVICE_CONTROL_2_TIMEOUT, control)], ENABLE_LEAST_MS) * 1000u;
}

/* X550 4.6.3.1 */
static void interrupts_off(struct x540 *card)
{
    x540_write(card, EIMC, 0xFFFFFFFFu);
    x540_write(card, EIMC_EX(0), 0xFFFFFFFFu);
    x540_write(card, EIMC_EX(1), 0xFFFFFFFFu);
    (void)x540_read(card, EICR); /* clears every cause */
}

/* Wait until all queues are off (X550 4.6.7.1.1, 4.6.8.1.1). One that stays on is logged; a reset
 * follows. */
static void wait_for_queues(struct x540 *card)
{
    uint64_t end_ns = tsc_now_ns() + card->enable_limit_us * 1000ull;

    for (uint32_t i = 0; i < 2 * QUEUES; i++) {
        bool is_rx = i >= QUEUES;
        uint32_t offset = is_rx ? RXDCTL(i - QUEUES) : TXDCTL(i);
        uint32_t enable = is_rx ? RXDCTL_ENABLE : TXDCTL_ENABLE;
        uint32_t value = x540_read(card, offset);

        if (!(value & enable) || value == 0xFFFFFFFFu)
            continue;
        uint64_t now_ns = tsc_now_ns();
        uint32_t left_us = now_ns < end_ns ? (uint32_t)((end_ns - now_ns) / 1000) : 0;
        if (x540_poll(card, offset, enable, 0, left_us, &value) == OK || value == 0xFFFFFFFFu)
            continue;
        log_warn("x540 p%u: %s[%u] (0x%05x) reads 0x%08x: queue still on after %u us",
                 card->port->index, is_rx ? "RXDCTL" : "TXDCTL", i % QUEUES, offset, value,
                 card->enable_limit_us);
        break;
    }
    task_wait_us(X540_QUEUE_SETTLE_US);
}

/* Disable interrupts, then the queues, then the receive path, from any state (X550 4.6.7.1.1,
 * 5.2.4.3.2). */
static void stop(struct x540 *card)
{
    interrupts_off(card);
    for (uint32_t q = 0; q < QUEUES; q++) {
        x540_write(card, TXDCTL(q), TXDCTL_SWFLSH);
        x540_change(card, RXDCTL(q), RXDCTL_ENABLE,
                    card->family->has_82599_bits ? RXDCTL_SWFLSH : 0);
    }
    wait_for_queues(card);
    /* Pool loopback must be off while RXEN is cleared. This driver does not use it: it stays
     * off. */
    x540_change(card, PFDTXGSWC, PFDTXGSWC_VT_LBEN, 0);
    x540_change(card, RXCTRL, RXCTRL_RXEN, 0);
    card->receive_is_on = false;
    card->rx_started = 0;
}

/* Leave the card with interrupts masked, queues and receive off and no more memory requests, and
 * tell the firmware that no driver is loaded (X550 5.2.4.3.2; DRV_LOAD 8.2.2.1.3). Each wait has a
 * limit; a time-out is logged. */
static void silence(struct x540 *card)
{
    if (x540_read(card, STATUS) == 0xFFFFFFFFu)
        return; /* the card is gone */
    x540_lock_leave(card);
    stop(card);
    x540_change(card, CTRL, 0, CTRL_GIO_DIS);
    if (x540_wait(card, CTRL, CTRL_GIO_DIS, CTRL_GIO_DIS, CTRL_LIMIT_US, "CTRL.GIO_DIS") != OK ||
        x540_wait(card, STATUS, STATUS_GIO, 0, MASTER_LIMIT_US, "STATUS.GIO") != OK)
        log_warn("x540 p%u: memory requests may still be pending", card->port->index);
    x540_change(card, CTRL_EXT, CTRL_EXT_DRV_LOAD, 0);
}

/* X550 5.2.4.3.2 */
static void quiet(struct port *port)
{
    struct x540 *card = port->driver_state;

    silence(card);
    pci_command(&card->pci, 0, PCI_COMMAND_MASTER);
}

/* Stop the card's memory requests (X550 5.2.4.3.2, 8.2.2.1.1). *resets becomes the number of resets
 * to do: two if a request has not completed, because the first then leaves it in the pipeline. */
static enum err quiesce(struct x540 *card, unsigned *resets)
{
    *resets = 1;
    x540_change(card, CTRL, 0, CTRL_GIO_DIS);
    /* STATUS.GIO is valid once CTRL reads back as written (X550 8.2.2.1.1). */
    if (x540_wait(card, CTRL, CTRL_GIO_DIS, CTRL_GIO_DIS, CTRL_LIMIT_US, "CTRL.GIO_DIS") == OK &&
        x540_wait(card, STATUS, STATUS_GIO, 0, MASTER_LIMIT_US, "STATUS.GIO") == OK)
        return OK;
    if (x540_read(card, STATUS) == 0xFFFFFFFFu)
        return ERR_NO_DEVICE;

    *resets = 2;
    uint64_t end_ns = tsc_now_ns() + MASTER_LIMIT_US * 1000ull;
    for (;;) {
        task_pay(TASK_READ);
        if (!(pci_read16(&card->pci, PCI_DEVICE_STATUS) & PCI_DEVICE_STATUS_PENDING))
            break;
        if (tsc_now_ns() >= end_ns) {
            log_warn("x540 p%u: PCIe Device Status 0x%04x: transactions still pending",
                     card->port->index, pci_read16(&card->pci, PCI_DEVICE_STATUS));
            break; /* the flush below may still complete them */
        }
        task_wait_us(100);
    }
    uint32_t hlreg0 = x540_read(card, HLREG0);
    uint32_t gcr_ext = x540_read(card, GCR_EXT);
    x540_write(card, HLREG0, hlreg0 | HLREG0_LPBK);
    task_wait_us(LOOPBACK_FLUSH_US);
    x540_write(card, GCR_EXT, gcr_ext | GCR_EXT_BUFFERS_CLEAR);
    task_wait_us(BUFFERS_CLEAR_US);
    x540_write(card, HLREG0, hlreg0);
    x540_write(card, GCR_EXT, gcr_ext);
    return OK;
}

/* X550 4.2.1.6.1, 4.6.3.2, 8.2.2.1.1 note */
static enum err reset_once(struct x540 *card)
{
    uint32_t reset = CTRL_RST;

    /* 82599 without a link: the MAC must be reset too. */
    if (!card->family->has_copper_phy && !(x540_read(card, LINKS) & LINKS_UP) &&
        !x540_link_is_vetoed(card))
        reset |= CTRL_LNK_RST;
    /* No MDIO cycle may be in progress during the reset. */
    enum err err = x540_lock(card, x540_phy_lock(card));
    bool is_locked = err == OK;
    err = x540_refuse(card, err);
    if (err)
        return err;
    x540_change(card, CTRL, 0, reset);
    task_wait_us(RESET_FIRST_LOOK_US);
    err = x540_wait(card, CTRL, CTRL_RST | CTRL_LNK_RST, 0, RESET_LIMIT_US, "CTRL.RST");
    if (is_locked)
        x540_unlock(card, x540_phy_lock(card));
    if (!err)
        task_wait_us(card->family->reset_ms * 1000);
    return err;
}

/* FWSM.EXT_ERR_IND as text (X550 8.2.2.20.2); codes between two entries belong to the lower one. */
static const char *firmware_error(uint32_t code)
{
    static const struct {
        uint8_t from;
        const char *text;
    } known[] = {
        /* clang-format off */
        {0x23, "PHY settings in the NVM"}, {0x22, "firmware's header"},
        {0x20, "firmware's memory"},       {0x10, "a checksum in the NVM's management sections"},
        {0x06, "flash"},                   {0x05, "dump of the shadow RAM"},
        {0x03, "isolation"},               {0x02, "no management firmware"},
        /* clang-format on */
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (code >= known[i].from)
            return known[i].text;
    return "not specified";
}

/* Refuse states in which the driver is not expected to work; log errors that only affect
 * management, once per probe (X550 8.2.2.20.2, 8.2.2.4.2). */
static enum err check_firmware(struct x540 *card)
{
    enum { TCO_ISOLATE = 0x03 };
    uint32_t fwsm = x540_read(card, FWSM), code = FIELD_GET(FWSM_EXT_ERR_IND, fwsm);

    if (code == TCO_ISOLATE || (fwsm & FWSM_RECOVERY)) {
        log_error("x540 p%u: FWSM (0x%05x) reads 0x%08x: %s", card->port->index, FWSM, fwsm,
                  code == TCO_ISOLATE ? "isolated by its management controller, writes are ignored"
                                      : "firmware is in recovery mode");
        enum err err = x540_refuse(card, ERR_BAD_VALUE);
        if (err)
            return err;
    }
    card->has_thermal_events = fwsm & FWSM_TS_ENABLED;
    if (card->firmware_is_reported)
        return OK;
    card->firmware_is_reported = true;
    if (code != 0)
        log_warn("x540 p%u: FWSM (0x%05x) reads 0x%08x: firmware reports error 0x%02x (%s)",
                 card->port->index, FWSM, fwsm, code, firmware_error(code));
    if (fwsm & FWSM_PHY0_BAD << card->lan_id)
        log_warn("x540 p%u: FWSM (0x%05x) reads 0x%08x: PHY %u not configured by the firmware",
                 card->port->index, FWSM, fwsm, card->lan_id);
    return OK;
}

/* Wait until the card has loaded its settings, its address and its firmware from the NVM (X550
 * 4.6.3 steps 3, 5). Linux waits for none of these bits: one that stays 0 costs a line. */
static enum err wait_for_load(struct x540 *card)
{
    enum err loaded = x540_wait(card, EEC, EEC_ARD, EEC_ARD, AUTO_READ_LIMIT_US, "EEC.ARD");
    uint32_t eec = x540_read(card, EEC);
    if (!(eec & EEC_PRES)) /* go on: read_mac fails if no address was loaded */
        log_warn("x540 p%u: EEC reads 0x%08x: no valid NVM (PRES 0)", card->port->index, eec);
    enum err err = check_firmware(card);
    if (err)
        return err;
    enum err idle = x540_wait(card, RDRXCTL, RDRXCTL_DMAIDONE, RDRXCTL_DMAIDONE, DMA_IDLE_LIMIT_US,
                              "RDRXCTL.DMAIDONE");
    if (loaded || idle)
        log_warn("x540 p%u: bring-up goes on without", card->port->index);
    return OK;
}

/* A card without an address of its own, used nevertheless: a locally administered address made of
 * its place on PCI. */
static void make_mac(struct x540 *card)
{
    const struct pci_dev *pci = &card->pci;
    const uint8_t made[6] = {0x02,
                             (uint8_t)(pci->segment >> 8),
                             (uint8_t)pci->segment,
                             0x40,
                             pci->bus,
                             (uint8_t)(pci->device << 3 | pci->function)};

    memcpy(card->port->mac, made, sizeof(made));
    x540_write(card, RAL(0),
               made[0] | (uint32_t)made[1] << 8 | (uint32_t)made[2] << 16 |
                   (uint32_t)made[3] << 24);
    x540_write(card, RAH(0), FIELD_PUT(RAH_RAH, made[4] | (uint32_t)made[5] << 8) | RAH_AV);
}

static void get_mac(uint32_t low, uint32_t high, uint8_t mac[6])
{
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (uint8_t)(i < 4 ? low >> (8 * i) : high >> (8 * (i - 4)));
}

/* X550 8.2.2.8.14-15 */
static enum err read_mac(struct x540 *card)
{
    uint32_t low = x540_read(card, RAL(0)), high = x540_read(card, RAH(0));
    uint8_t *mac = card->port->mac;
    bool is_zero = low == 0 && FIELD_GET(RAH_RAH, high) == 0;

    get_mac(low, high, mac);
    if (is_zero || (mac[0] & 1) || !(high & RAH_AV)) { /* bit 0: multicast, and all ones */
        log_error("x540 p%u: RAL0 0x%08x RAH0 0x%08x: no usable address", card->port->index, low,
                  high);
        enum err err = x540_refuse(card, ERR_BAD_VALUE);
        if (err)
            return err;
        make_mac(card);
    }
    return OK;
}

/* One traffic class has the whole receive buffer; no pause frames in either direction (X550
 * 4.6.3.2, 4.6.11.3.4). */
static void packet_buffer(struct x540 *card)
{
    uint32_t kb = card->family->rx_buffer_kb;

    for (uint32_t i = 0; i < 8; i++) {
        x540_write(card, RXPBSIZE(i), FIELD_PUT(RXPBSIZE_SIZE, i == 0 ? kb : 0));
        x540_write(card, FCRTL(i), 0);
        /* The threshold applies even with pause off: the card fills the buffer up to it. */
        x540_write(card, FCRTH(i), i == 0 ? kb * 1024 - PAUSE_HEADROOM_BYTES : 0);
    }
    for (uint32_t i = 0; i < 4; i++)
        x540_write(card, FCTTV(i), 0);
    x540_write(card, FCRTV, 0);
    x540_write(card, FCCFG, 0);
}

/* Clear the tables that a reset leaves unchanged or undefined (X550 4.6.7, table 4-6 note 2). Entry
 * 0 of RAL/RAH is the card's own address. */
static void clear_tables(struct x540 *card)
{

    for (uint32_t i = 1; i < 128; i++) {
        x540_write(card, RAL(i), 0);
        x540_write(card, RAH(i), 0);
    }
    for (uint32_t i = 0; i < 256; i++)
        x540_write(card, MPSAR(i), i == 0 ? 1 : 0); /* own address: pool 0 */
    for (uint32_t i = 0; i < 128; i++) {
        x540_write(card, MTA(i), 0);
        x540_write(card, UTA(i), 0);
        x540_write(card, VFTA(i), 0);
        x540_write(card, VLVFB(i), 0);
        if (card->family->has_82599_bits)
            x540_change(card, FTQF(i), FTQF_QUEUE_ENABLE, 0);
    }
    for (uint32_t i = 0; i < 64; i++)
        x540_write(card, VLVF(i), 0);
}

/* What the operator sees while a task does it (arch/task.h). */
static void step(struct x540 *card, const char *name)
{
    if (task_is_running())
        card->port->step = name;
}

/* From any state to that after a reset (X550 4.6.3). */
static enum err start_over(struct x540 *card)
{
    unsigned resets = 0;

    step(card, "its queues are switched off");
    stop(card);
    step(card, "its memory requests end");
    enum err err = quiesce(card, &resets);
    step(card, "its reset");
    for (unsigned i = 0; i < resets && !err; i++)
        err = reset_once(card);
    if (!err)
        interrupts_off(card); /* the reset leaves them masked, but causes may be pending */
    return err;
}

/* After start_over (X550 4.6.3). */
static enum err set_up(struct x540 *card)
{
    step(card, "it loads its NVM");
    enum err err = wait_for_load(card);

    if (!err && !card->nvm_is_checked)
        err = x540_refuse(card, x540_nvm_check(card));
    if (err)
        return err;
    card->nvm_is_checked = true;
    err = read_mac(card);
    if (err)
        return err;
    step(card, "its tables are cleared");
    packet_buffer(card);
    clear_tables(card);
    step(card, "its counters are cleared");
    x540_stats_init(card);
    step(card, "its receive and transmit paths are set up");
    x540_change(card, CTRL_EXT, 0,
                CTRL_EXT_RO_DIS | (card->family->has_82599_bits ? CTRL_EXT_NS_DIS : 0));
    if (card->family->has_82599_bits)
        x540_write(card, DCA_CTRL, DCA_CTRL_DCA_DISABLE);
    x540_rx_init(card);
    x540_intr_init(card);
    x540_tx_init(card);
    step(card, "its PHY");
    x540_phy_start(card);
    /* Last: before this the firmware may use the port. */
    x540_change(card, CTRL_EXT, 0, CTRL_EXT_DRV_LOAD);
    return OK;
}

static enum err reset(struct port *port)
{
    struct x540 *card = port->driver_state;

    x540_poll_counters(port); /* bring_up clears them */
    port->resets++;
    port->link_is_up = false;
    port->speed_mbps = 0;
    /* start_over switches the queues off: one that still holds frames must not send them when the
     * card may access memory again. */
    enum err err = start_over(card);
    if (!err) {
        if (!iommu_is_cut_off(port->domain))
            pci_command(&card->pci, PCI_COMMAND_MASTER, 0);
        err = set_up(card);
    }
    card->reset_has_failed = err != OK;
    if (err)
        quiet(port);
    return err;
}

static const struct port_ops x540_ops = {
    .rx_start = x540_rx_start,
    .tx_start = x540_tx_start,
    .rx_stop = x540_rx_stop,
    .tx_stop = x540_tx_stop,
    .receive = x540_receive,
    .tx_head = x540_tx_head,
    .poll_link = x540_poll_link,
    .tend = x540_tend,
    .poll_counters = x540_poll_counters,
    .poll_counter_group = x540_poll_counter_group,
    .set_promiscuous = x540_set_promiscuous,
    .set_queues = x540_set_queues,
    .set_control_queue = x540_set_control_queue,
    .irq_set = x540_irq_set,
    .irq_arm = x540_irq_arm,
    .irq_causes = x540_irq_causes,
    .reset = reset,
    .link_off = x540_link_off,
    .read_register = x540_read_register,
    .quiet = quiet,
};

/* A function in D3hot answers only configuration accesses. The change to D0 resets it as CTRL.RST
 * does. The X550 keeps its configuration space (5.2.4.3, 9.2.3.1.4: No_Soft_Reset is 1); a function
 * that does not is given its BARs, payload size and completion time-out again. Returns what PMCSR
 * was, 0 without a change. */
static uint16_t power_up(const struct pci_dev *pci)
{
    uint32_t at = pci_capability(pci, PCI_CAP_PM);
    uint16_t control = at ? pci_read16(pci, at + PCI_PM_CONTROL) : 0;
    uint32_t bars[PCI_BARS];
    unsigned lost = 0;

    if (!(control & PCI_PM_CONTROL_STATE))
        return 0;
    for (unsigned i = 0; i < PCI_BARS; i++)
        bars[i] = pci_read32(pci, PCI_BAR_0 + 4 * i);
    uint16_t device_control = pci_read16(pci, PCI_DEVICE_CONTROL);
    uint16_t device_control_2 = pci_read16(pci, PCI_DEVICE_CONTROL_2);
    pci_write16(pci, at + PCI_PM_CONTROL, (uint16_t)(control & ~PCI_PM_CONTROL_STATE));
    task_wait_us(POWER_UP_US);
    for (unsigned i = 0; i < PCI_BARS; i++)
        lost += pci_read32(pci, PCI_BAR_0 + 4 * i) != bars[i];
    if (!lost)
        return control;
    log_info("x540 %02x:%02x.%u: D0 has cleared %u BARs: they are written again", pci->bus,
             pci->device, pci->function, lost);
    for (unsigned i = 0; i < PCI_BARS; i++)
        pci_write32(pci, PCI_BAR_0 + 4 * i, bars[i]);
    pci_write16(pci, PCI_DEVICE_CONTROL, device_control);
    pci_write16(pci, PCI_DEVICE_CONTROL_2, device_control_2);
    return control;
}

/* Once: the same memory is not mapped twice. */
static enum err map_registers(struct x540 *card, const struct pci_dev *pci)
{
    uint64_t bytes = 0;

    if (card->is_mapped)
        return OK;
    enum err err = pci_map_bar(pci, BAR_REGISTERS, &card->regs, &bytes);
    if (err)
        return err;
    if (bytes < REGISTERS_BYTES) {
        log_error("x540 %02x:%02x.%u: BAR0 has 0x%lx bytes, at least 0x%x expected", pci->bus,
                  pci->device, pci->function, bytes, REGISTERS_BYTES);
        return ERR_BAD_VALUE;
    }
    card->is_mapped = true;
    return OK;
}

/* X550 8.2.2.8.14-15 */
void x540_peek_mac(const struct pci_dev *pci, struct x540 *card, uint8_t mac[6])
{
    get_mac(0xFFFFFFFFu, 0xFFFFFFFFu, mac);
    (void)power_up(pci);
    if (map_registers(card, pci) != OK)
        return;
    pci_command(pci, PCI_COMMAND_MEMORY, PCI_COMMAND_MASTER);
    uint64_t end_ns = tsc_now_ns() + PEEK_LIMIT_US * 1000ull;
    while (!(x540_read(card, EEC) & EEC_ARD) && tsc_now_ns() < end_ns)
        task_wait_us(1000);
    get_mac(x540_read(card, RAL(0)), x540_read(card, RAH(0)), mac);
}

/* X550 4.6.3, 9.2.3.1.4, 5.2.4.2 */
enum err x540_probe(const struct pci_dev *pci, struct x540 *card, struct port *port, bool is_forced)
{
    *card = (struct x540){.port = port,
                          .pci = *pci,
                          .regs = card->regs,
                          .is_mapped = card->is_mapped,
                          .family = x540_match(pci),
                          .is_forced = is_forced,
                          .phy_address = X540_NO_PHY,
                          .queues = 1};
    port->driver = "x540";
    port->model = card->family->name;
    port->ops = &x540_ops;
    port->driver_state = card;

    uint16_t control = power_up(pci);
    if (control)
        log_info("x540 p%u: power state D%u (PMCSR 0x%04x): set to D0", port->index,
                 control & PCI_PM_CONTROL_STATE, control);
    enum err err = map_registers(card, pci);
    if (err)
        return err;
    pci_command(pci, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_OFF, 0);
    uint32_t status = x540_read(card, STATUS);
    if (status == 0xFFFFFFFFu) {
        log_error("x540 p%u: STATUS reads 0xffffffff: the card does not answer", port->index);
        err = ERR_NO_DEVICE;
    } else {
        card->lan_id = FIELD_GET(STATUS_LAN_ID, status) & 1;
        card->enable_limit_us = completion_limit_us(pci);
        x540_lock_break(card);
        err = start_over(card);
        /* Only now: firmware may have left queues on, whose frames would go to memory that is not
         * the card's any more (X550 5.2.4.3.2: queues off, master disable, reset). */
        if (!err) {
            pci_command(pci, PCI_COMMAND_MASTER, 0);
            err = set_up(card);
        }
    }
    if (err)
        quiet(port); /* a card without a driver must not write memory */
    return err;
}

void x540_log_raw(struct port *port)
{
    struct x540 *card = port->driver_state;
    uint32_t at = card ? pci_capability(&card->pci, PCI_CAP_MSIX) : 0;

    if (!card || !card->is_mapped || x540_read(card, STATUS) == 0xFFFFFFFFu) {
        log_info("x540 p%u: no registers to read", port->index);
        return;
    }
    log_info("x540 p%u: STATUS 0x%08x CTRL 0x%08x CTRL_EXT 0x%08x EEC 0x%08x FWSM 0x%08x",
             port->index, x540_read(card, STATUS), x540_read(card, CTRL), x540_read(card, CTRL_EXT),
             x540_read(card, EEC), x540_read(card, FWSM));
    log_info("x540 p%u: LINKS 0x%08x MMNGC 0x%08x EEMNGCTL 0x%08x RAL0 0x%08x RAH0 0x%08x",
             port->index, x540_read(card, LINKS), x540_read(card, MMNGC), x540_read(card, EEMNGCTL),
             x540_read(card, RAL(0)), x540_read(card, RAH(0)));
    log_info("x540 p%u: PCI command 0x%04x, MSI-X at 0x%x: control 0x%04x, table 0x%08x, pending "
             "0x%08x",
             port->index, pci_read16(&card->pci, PCI_COMMAND), at,
             at ? pci_read16(&card->pci, at + 2) : 0, at ? pci_read32(&card->pci, at + 4) : 0,
             at ? pci_read32(&card->pci, at + 8) : 0);
    x540_nvm_log(card);
    x540_phy_log(card);
}
