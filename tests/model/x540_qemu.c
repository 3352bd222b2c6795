/* SPDX-License-Identifier: GPL-2.0-or-later
 * Joins the X540 model (x540_core.h) to a stock QEMU: a PCI Express device type "x540" that is
 * loaded into the distribution's own qemu-system-x86_64 as a TCG plugin,
 *
 *     qemu-system-x86_64 -M q35 … -plugin build/x540.so -netdev …,id=n0 -device x540,netdev=n0
 *
 * Everything that the card does lives in the core. Here is only what belongs to the slot it sits
 * in: configuration space, BARs, MSI-X, MSI and INTx, DMA through the bus (so that a vIOMMU
 * stands between), the clock, and QEMU's network on the far side of the wire. This file and
 * x540_qemu_left_on.c include QEMU's headers, and so carry QEMU's licence. The words of evil,
 * damage, complaints and truth are x540_text.c's.
 *
 * Properties: netdev, mac, bootindex, model (at2 at1 82599 x550), link-ms reset-us enable-us (the
 * core's times), lan-id, pad (even frames without a whole Ethernet header arrive padded to 60, as
 * by a sender's MAC; off: the core counts them as too short; on), backpressure (a frame that finds
 * no room waits in QEMU, as if the sender were paused, instead of being lost; on). At run time, by
 * qom-set: evil "name:arg" (several joined by +; "none" ends all) and damage "crc:n", "symbol:n" or
 * "length:n" (the next n frames arrive damaged); by qom-get: complaints (a JSON array), truth and
 * registers (JSON objects; registers: name -> value as the register file holds it, nothing is read
 * through the card).
 *
 * Built by qemu_build.py, which also says how QEMU's headers are had. QEMU 7.2 and 10.0 and later.
 */
#include "qemu/osdep.h"
#include "qemu/qemu-plugin.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "qapi/qapi-types-control.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pcie.h"
#include "migration/vmstate.h"
#include "net/net.h"
#if QEMU_VERSION_MAJOR >= 10
#include "system/system.h"
#else
#include "sysemu/sysemu.h"
#endif

#include "x540_core.h"
#include "x540_qemu_compat.h"
#include "x540_qemu_left_on.h"
#include "x540_text.h"

#define TYPE_X540 "x540"
OBJECT_DECLARE_SIMPLE_TYPE(X540State, X540)

/* Where things stand in configuration space, as public dumps of the card show them. */
enum {
    CAP_PM = 0x40,
    CAP_MSI = 0x50,
    CAP_MSIX = 0x70,
    CAP_PCIE = 0xA0,
    CAP_AER = 0x100,
    CAP_ARI = 0x150,
    BAR_REGISTERS = 0,
    BAR_MSIX = 4,
    BAR_MSIX_BYTES = 0x4000,
    HOST_STALL_NS = 2000000000, /* how long a busy host may stop the guest */
    MSIX_TABLE = 0x0000,
    MSIX_PBA = 0x2000,
    FRAME_SHORTEST = 60, /* without CRC */
};

struct X540State {
    PCIDevice parent_obj;
    MemoryRegion registers, msix;
    NICState *nic;
    NICConf conf;
    QEMUTimer *timer;
    struct x540 *card;

    char *model;
    uint32_t link_ms, reset_us, enable_us;
    uint8_t lan_id;
    bool pad, backpressure;

    bool busy; /* the core is running: nothing may enter it a second time */
    bool reentry_told;
    bool wire_is_full; /* QEMU holds one frame of ours that the far side could not take */
    bool frames_wait;  /* the far side holds frames that we could not take */
    bool in_flr;       /* the reset that runs is a function-level one */
    bool d3hot;        /* PMCSR says so */
    bool asleep;       /* since D3hot memory space has not been enabled: registers do not answer */
    bool line;         /* the level of INTx as the core wants it */
    int64_t armed_ns;  /* what the timer is set to; INT64_MAX: it is off */
    uint32_t complaints_told;
    uint64_t evil[X540_EVIL_COUNT];
    enum x540_damage damage;
    uint64_t damage_left;
};

static const struct kind {
    const char *name;
    enum x540_kind kind;
    uint16_t device_id;
    uint32_t bar_bytes;
    uint16_t link_speed, link_width; /* as the PCIe capability encodes them */
} kinds[] = {
    {"at2", X540_AT2, 0x1528, X540_BAR0_BYTES, 2, 8},
    {"at1", X540_AT1, 0x1560, X540_BAR0_BYTES, 2, 8},
    {"82599", X540_82599, 0x10FB, 0x80000, 2, 8},
    {"x550", X540_X550, 0x1563, X540_BAR0_BYTES, 3, 4},
};

/* ---- Going into the core and coming out again ---- */

static const char *x540_name(X540State *s)
{
    NetClientState *wire = s->conf.peers.ncs[0];

    return wire ? wire->name : DEVICE(s)->id ? DEVICE(s)->id : "?";
}

/* Every call into the core is between these two. Entering sets its time. False: the core is already
 * running (for a ring that points at the card's own registers); it was not entered, and x540_leave
 * must not be called. */
static bool x540_enter(X540State *s)
{
    if (s->busy || !s->card) {
        if (s->busy && !s->reentry_told) {
            s->reentry_told = true;
            error_report("x540 %s: rule dma-into-own-bar: DMA of this card reached its registers",
                         x540_name(s));
        }
        return false;
    }
    s->busy = true;
    x540_run(s->card, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    return true;
}

static void x540_leave(X540State *s)
{
    const struct x540_complaint *complaint;
    uint64_t next_ns = x540_next_event_ns(s->card);
    int64_t due_ns = next_ns > INT64_MAX ? INT64_MAX : (int64_t)next_ns;

    if (due_ns != s->armed_ns) {
        s->armed_ns = due_ns;
        if (due_ns == INT64_MAX) {
            timer_del(s->timer);
        } else {
            timer_mod_ns(s->timer, due_ns);
        }
    }
    while ((complaint = x540_complaint(s->card, s->complaints_told))) {
        error_report("x540 %s: rule %s%s: %s", x540_name(s), complaint->rule,
                     complaint->error ? "" : " (advice)", complaint->text);
        s->complaints_told++;
    }
    s->busy = false;
    if (s->frames_wait && x540_has_room(s->card)) {
        s->frames_wait = false;
        qemu_flush_queued_packets(qemu_get_queue(s->nic));
    }
}

static void x540_timer(void *opaque)
{
    X540State *s = opaque;

    s->armed_ns = INT64_MAX;
    if (x540_enter(s)) {
        x540_leave(s);
    }
}

static uint64_t x540_mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    X540State *s = opaque;
    uint64_t value = UINT64_MAX;

    if (!s->asleep && x540_enter(s)) {
        value = x540_read(s->card, addr, size);
        x540_leave(s);
    }
    return value;
}

static void x540_mmio_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    X540State *s = opaque;

    if (!s->asleep && x540_enter(s)) {
        x540_write(s->card, addr, value, size);
        x540_leave(s);
    }
}

/* Every size and offset is passed on unchanged: the core checks them. */
static const MemoryRegionOps x540_mmio = {
    .read = x540_mmio_read,
    .write = x540_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 8, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 8, .unaligned = true},
};

/* ---- Callbacks of the core ---- */

/* These run for every frame, so they avoid QEMU's checked casts, which look types up by name. Every
 * request carries its requester id, as on a real bus: a write may be an interrupt, which is
 * remapped by its sender. */
static bool x540_dma(X540State *s, uint64_t addr, void *bytes, uint32_t len, DMADirection way)
{
    const MemTxAttrs sender = {.requester_id = pci_requester_id(&s->parent_obj)};

    return pci_dma_rw(&s->parent_obj, addr, bytes, len, way, sender) == MEMTX_OK;
}

static bool x540_dma_read(void *opaque, uint64_t addr, void *to, uint32_t len)
{
    return x540_dma(opaque, addr, to, len, DMA_DIRECTION_TO_DEVICE);
}

static bool x540_dma_write(void *opaque, uint64_t addr, const void *from, uint32_t len)
{
    return x540_dma(opaque, addr, (void *)from, len, DMA_DIRECTION_FROM_DEVICE);
}

/* Not with memcpy's help, whose stores may overlap: glibc writes 8, 16 and 32 bytes twice over. */
static bool x540_dma_words(void *opaque, uint64_t addr, const void *from, uint32_t len)
{
    X540State *s = opaque;
    AddressSpace *memory = pci_get_address_space(&s->parent_obj);
    const MemTxAttrs sender = {.requester_id = pci_requester_id(&s->parent_obj)};
    MemTxResult result = MEMTX_OK;

    dma_barrier(memory, DMA_DIRECTION_FROM_DEVICE);
    if (len == 4) {
        address_space_stl_le(memory, addr, ldl_le_p(from), sender, &result);
    }
    for (uint32_t at = 0; len != 4 && at < len && result == MEMTX_OK; at += 8) {
        address_space_stq_le(memory, addr + at, ldq_le_p((const uint8_t *)from + at), sender,
                             &result);
    }
    return result == MEMTX_OK;
}

static void x540_interrupt(void *opaque, uint32_t vector, bool asserted)
{
    X540State *s = opaque;
    PCIDevice *pci = &s->parent_obj;

    if (vector != X540_INTX) {
        if (msix_enabled(pci) && vector < X540_MSIX_VECTORS) {
            msix_notify(pci, vector);
        }
        return;
    }
    s->line = asserted;
    if (msi_enabled(pci)) {
        if (asserted) {
            msi_notify(pci, 0);
        }
    } else {
        pci_set_irq(pci, asserted && !msix_enabled(pci));
    }
}

/* The peer has taken the frame that QEMU had queued. If the core is running, it retries by itself:
 * a refused frame has scheduled that. */
static void x540_frame_sent(NetClientState *nc, ssize_t len)
{
    X540State *s = qemu_get_nic_opaque(nc);

    s->wire_is_full = false;
    if (!s->busy && x540_enter(s)) {
        x540_leave(s);
    }
}

static bool x540_frame_out(void *opaque, const uint8_t *frame, uint32_t len)
{
    X540State *s = opaque;

    if (s->wire_is_full) {
        return false;
    }
    /* 0: QEMU has copied the frame and calls x540_frame_sent when it is gone. */
    if (qemu_send_packet_async(qemu_get_queue(s->nic), frame, len, x540_frame_sent) == 0) {
        s->wire_is_full = true;
    }
    return true;
}

/* ---- The wire ---- */

static bool x540_can_receive(NetClientState *nc)
{
    X540State *s = qemu_get_nic_opaque(nc);

    if (s->busy || (s->backpressure && !x540_has_room(s->card))) {
        s->frames_wait = true;
        return false;
    }
    return true;
}

static ssize_t x540_receive(NetClientState *nc, const uint8_t *frame, size_t len)
{
    X540State *s = qemu_get_nic_opaque(nc);
    uint8_t padded[FRAME_SHORTEST] = {0};

    if (!x540_can_receive(nc)) {
        return 0; /* QEMU queues it until x540_leave flushes the queue */
    }
    if (!x540_enter(s)) {
        return 0;
    }
    if (s->damage_left > 0) {
        s->damage_left--;
        x540_frame_in_damaged(s->card, frame, len, s->damage);
    } else if (s->pad && len < FRAME_SHORTEST) {
        memcpy(padded, frame, len);
        x540_frame_in(s->card, padded, FRAME_SHORTEST);
    } else {
        x540_frame_in(s->card, frame, len);
    }
    x540_leave(s);
    return len ? (ssize_t)len : 1; /* 0 would make QEMU queue an empty frame and all after it */
}

static void x540_link_status_changed(NetClientState *nc)
{
    X540State *s = qemu_get_nic_opaque(nc);

    if (x540_enter(s)) {
        x540_set_cable(s->card, !nc->link_down);
        x540_leave(s);
    }
}

static NetClientInfo x540_net = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .can_receive = x540_can_receive,
    .receive = x540_receive,
    .link_status_changed = x540_link_status_changed,
};

/* ---- Configuration space ---- */

static uint32_t x540_config_read(PCIDevice *pci, uint32_t addr, int len)
{
    X540State *s = X540(pci);
    uint8_t *status = pci->config + CAP_PCIE + PCI_EXP_DEVSTA;

    if (ranges_overlap(addr, len, CAP_PCIE + PCI_EXP_DEVSTA, 2)) {
        pci_word_test_and_clear_mask(status, PCI_EXP_DEVSTA_TRPND);
        if (x540_transactions_pending(s->card)) {
            pci_word_test_and_set_mask(status, PCI_EXP_DEVSTA_TRPND);
        }
    }
    return pci_default_read_config(pci, addr, len);
}

/* Pass the core the bits of configuration space that it uses. */
static void x540_config_changed(X540State *s)
{
    PCIDevice *pci = PCI_DEVICE(s);

    if (x540_enter(s)) {
        x540_set_bus_master(
            s->card, !s->d3hot && (pci_get_word(pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER));
        x540_set_msix_enabled(s->card, msix_enabled(pci));
        x540_leave(s);
    }
}

/* D3hot: entering it clears memory and I/O enable, and registers do not answer until memory is
 * enabled again in D0; leaving it resets the function. Configuration space, with the BARs, stays
 * (PMCSR has No_Soft_Reset). The BARs remain mapped in QEMU, whose holes would read 0 and not all
 * ones. */
static void x540_power_state_changed(X540State *s)
{
    PCIDevice *pci = PCI_DEVICE(s);
    uint8_t *command = pci->config + PCI_COMMAND;
    bool d3hot = (pci_get_word(pci->config + CAP_PM + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK) == 3;

    if (d3hot && !s->d3hot) {
        pci_word_test_and_clear_mask(command, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
        s->asleep = true;
    } else if (!d3hot && s->d3hot && x540_enter(s)) {
        x540_function_reset(s->card);
        x540_leave(s);
    }
    s->d3hot = d3hot;
    if (!d3hot && (pci_get_word(command) & PCI_COMMAND_MEMORY)) {
        s->asleep = false;
    }
}

static void x540_config_write(PCIDevice *pci, uint32_t addr, uint32_t value, int len)
{
    X540State *s = X540(pci);

    pci_default_write_config(pci, addr, value, len);
    pcie_aer_write_config(pci, addr, value, len);
    x540_power_state_changed(s);
    x540_config_changed(s);
    /* May reset the function and with it all of the above. */
    s->in_flr = true;
    pcie_cap_flr_write_config(pci, addr, value, len);
    s->in_flr = false;
}

static bool x540_add_capabilities(X540State *s, const struct kind *kind, Error **errp)
{
    PCIDevice *pci = PCI_DEVICE(s);
    uint32_t link = kind->link_width << 4 | kind->link_speed;

    if (pci_add_capability(pci, PCI_CAP_ID_PM, CAP_PM, PCI_PM_SIZEOF, errp) < 0) {
        return false;
    }
    pci_set_word(pci->config + CAP_PM + PCI_PM_PMC, 3 | PCI_PM_CAP_DSI);
    pci_set_word(pci->config + CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pci->wmask + CAP_PM + PCI_PM_CTRL,
                 PCI_PM_CTRL_STATE_MASK | PCI_PM_CTRL_PME_ENABLE);
    pci_set_word(pci->w1cmask + CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_PME_STATUS);

    if (msi_init(pci, CAP_MSI, 1, true, true, errp) < 0 ||
        msix_init(pci, X540_MSIX_VECTORS, &s->msix, BAR_MSIX, MSIX_TABLE, &s->msix, BAR_MSIX,
                  MSIX_PBA, CAP_MSIX, errp) < 0) {
        return false;
    }
    for (uint32_t i = 0; i < X540_MSIX_VECTORS; i++) {
        msix_vector_use(pci, i);
    }
    if (pcie_endpoint_cap_init(pci, CAP_PCIE) < 0) {
        error_setg(errp, "x540: no room for the PCI Express capability");
        return false;
    }
    pci_set_long(pci->config + CAP_PCIE + PCI_EXP_LNKCAP, link);
    pci_set_word(pci->config + CAP_PCIE + PCI_EXP_LNKSTA, link);
    /* Relaxed ordering is on after reset; time-outs of all ranges, which may be disabled, and
     * LTR. */
    pci_word_test_and_set_mask(pci->config + CAP_PCIE + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN);
    pci_set_long(pci->config + CAP_PCIE + PCI_EXP_DEVCAP2, 0x81F);
    pcie_cap_deverr_init(pci);
    pcie_cap_flr_init(pci);
    if (pcie_aer_init(pci, PCI_ERR_VER, CAP_AER, PCI_ERR_SIZEOF, errp) < 0) {
        return false;
    }
#if QEMU_VERSION_MAJOR >= 9 || (QEMU_VERSION_MAJOR == 8 && QEMU_VERSION_MINOR >= 1)
    pcie_ari_init(pci, CAP_ARI);
#else
    pcie_ari_init(pci, CAP_ARI,
                  PCI_FUNC(pci->devfn) == 0 && (pci->cap_present & QEMU_PCI_CAP_MULTIFUNCTION) ? 1
                                                                                               : 0);
#endif
    return true;
}

/* ---- Birth, reset, death ---- */

static const struct kind *x540_kind_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, name ? name : "at2") == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void x540_pci_exit(PCIDevice *pci)
{
    X540State *s = X540(pci);

    if (s->nic) {
        qemu_del_nic(s->nic);
    }
    if (s->timer) {
        timer_free(s->timer);
    }
    pcie_aer_exit(pci);
    if (pci->exp.exp_cap) {
        pcie_cap_exit(pci);
    }
    msix_unuse_all_vectors(pci);
    msix_uninit(pci, &s->msix, &s->msix);
    msi_uninit(pci);
    x540_destroy(s->card);
    s->card = NULL;
}

/* The functions of one slot are the ports of one card: they share its semaphores. */
static void x540_join_ports(X540State *s)
{
    PCIDevice *pci = PCI_DEVICE(s);
    PCIBus *bus = pci_get_bus(pci);

    for (int function = 0; function < 8; function++) {
        PCIDevice *other =
            pci_find_device(bus, pci_bus_num(bus), PCI_DEVFN(PCI_SLOT(pci->devfn), function));

        if (other && other != pci && object_dynamic_cast(OBJECT(other), TYPE_X540) &&
            X540(other)->card) {
            x540_share_semaphores(s->card, X540(other)->card);
            return;
        }
    }
}

static void x540_realize(PCIDevice *pci, Error **errp)
{
    X540State *s = X540(pci);
    const struct kind *kind = x540_kind_named(s->model);
    const struct x540_env env = {
        s, x540_dma_read, x540_dma_write, x540_dma_words, x540_interrupt, x540_frame_out};
    struct x540_config config = {
        .lan_id = s->lan_id == UINT8_MAX ? PCI_FUNC(pci->devfn) & 1 : s->lan_id,
        .link_at_start = s->conf.peers.ncs[0], /* a stream's own link comes up only later */
        .reset_ns = s->reset_us * 1000ull,
        .enable_ns = s->enable_us * 1000ull,
        .link_ns = s->link_ms * 1000000ull,
        .stall_ns = HOST_STALL_NS,
    };

    if (!kind) {
        error_setg(errp, "x540: no model '%s': at2, at1, 82599 or x550", s->model);
        return;
    }
    if (!pci_bus_is_express(pci_get_bus(pci))) {
        error_setg(errp, "x540: needs a PCI Express bus: start QEMU with -M q35");
        return;
    }
    qemu_macaddr_default_if_unset(&s->conf.macaddr);
    memcpy(config.mac, s->conf.macaddr.a, sizeof(config.mac));
    config.kind = kind->kind;
    s->card = x540_create(&config, &env);
    if (!s->card) {
        error_setg(errp, "x540: the model refused its configuration");
        return;
    }
    x540_join_ports(s);
    for (uint32_t i = 0; i < X540_EVIL_COUNT; i++) {
        if (s->evil[i]) {
            x540_set_evil(s->card, i, s->evil[i]);
        }
    }

    pci_config_set_device_id(pci->config, kind->device_id);
    pci->config[PCI_CACHE_LINE_SIZE] = 0x10;
    pci->config[PCI_INTERRUPT_PIN] = 1 + (PCI_FUNC(pci->devfn) & 3);
    memory_region_init_io(&s->registers, OBJECT(s), &x540_mmio, s, "x540-registers",
                          kind->bar_bytes);
    memory_region_init(&s->msix, OBJECT(s), "x540-msix", BAR_MSIX_BYTES);
    pci_register_bar(pci, BAR_REGISTERS,
                     PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, &s->registers);
    pci_register_bar(pci, BAR_MSIX, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
                     &s->msix);
    if (!x540_add_capabilities(s, kind, errp)) {
        x540_pci_exit(pci);
        return;
    }
    s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, x540_timer, s);
    s->armed_ns = INT64_MAX;
    s->nic = qemu_new_nic(&x540_net, &s->conf, TYPE_X540, DEVICE(s)->id,
#ifdef X540_NIC_HAS_GUARD
                          &DEVICE(s)->mem_reentrancy_guard,
#endif
                          s);
    qemu_format_nic_info_str(qemu_get_queue(s->nic), s->conf.macaddr.a);
    if (x540_enter(s)) {
        x540_leave(s);
    }
}

/* A system, bus or function-level reset; D3hot ends too. PCI's own part (command register, MSI-X)
 * follows. */
#if QEMU_VERSION_MAJOR >= 10
static void x540_reset_hold(Object *obj, ResetType type)
#else
static void x540_reset_hold(Object *obj)
#endif
{
    X540State *s = X540(obj);

    s->d3hot = s->asleep = false;
    if (x540_enter(s)) {
        if (s->in_flr) {
            x540_function_reset(s->card);
        } else {
            x540_pci_reset(s->card);
        }
        x540_set_bus_master(s->card, false);
        x540_set_msix_enabled(s->card, false);
        x540_leave(s);
    }
    if (s->line) {
        s->line = false;
        pci_set_irq(PCI_DEVICE(s), 0);
    }
}

/* ---- Properties that tests set and read while the guest runs ---- */

static char *x540_get_evil(Object *obj, Error **errp)
{
    X540State *s = X540(obj);
    GString *text = g_string_new("");

    for (uint32_t i = 0; i < X540_EVIL_COUNT; i++) {
        if (s->evil[i]) {
            g_string_append_printf(text, "%s%s:%" PRIu64, text->len ? "+" : "", x540_evil_name(i),
                                   s->evil[i]);
        }
    }
    return g_string_free(text, FALSE);
}

static void x540_apply_evil(X540State *s, uint32_t what, uint64_t arg)
{
    s->evil[what] = arg;
    if (s->card && x540_enter(s)) {
        x540_set_evil(s->card, what, arg);
        x540_leave(s);
    }
}

static bool x540_set_one_evil(X540State *s, const char *text, Error **errp)
{
    enum x540_evil what;
    uint64_t arg;
    const char *wrong;

    if (strcmp(text, "none") == 0) {
        for (uint32_t i = 0; i < X540_EVIL_COUNT; i++) {
            x540_apply_evil(s, i, 0);
        }
        return true;
    }
    wrong = x540_evil_parse(text, &what, &arg);
    if (wrong) {
        error_setg(errp, "x540: evil '%s': %s", text, wrong);
        return false;
    }
    x540_apply_evil(s, what, arg);
    return true;
}

static void x540_set_evil_text(Object *obj, const char *value, Error **errp)
{
    g_auto(GStrv) parts = g_strsplit(value, "+", -1);

    for (char **part = parts; *part && x540_set_one_evil(X540(obj), *part, errp); part++) {
    }
}

static char *x540_get_damage(Object *obj, Error **errp)
{
    X540State *s = X540(obj);

    return g_strdup_printf("%s:%" PRIu64, x540_damage_name(s->damage), s->damage_left);
}

static void x540_set_damage(Object *obj, const char *value, Error **errp)
{
    X540State *s = X540(obj);
    const char *wrong = x540_damage_parse(value, &s->damage, &s->damage_left);

    if (wrong) {
        error_setg(errp, "x540: damage '%s': %s", value, wrong);
    }
}

/* What print says of the card, in memory of GLib's. */
static char *x540_printed(X540State *s, void (*print)(const struct x540 *card, FILE *out))
{
    char *text = NULL, *copy;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    print(s->card, out);
    fclose(out);
    copy = g_strdup(text);
    free(text);
    return copy;
}

static char *x540_get_complaints(Object *obj, Error **errp)
{
    X540State *s = X540(obj);

    return s->card ? x540_printed(s, x540_print_complaints) : g_strdup("null");
}

/* Any write clears all complaints, so that a test begins without any. */
static void x540_set_complaints(Object *obj, const char *value, Error **errp)
{
    X540State *s = X540(obj);

    if (s->card) {
        x540_forget_complaints(s->card);
        s->complaints_told = 0;
        s->reentry_told = false;
    }
}

static char *x540_get_truth(Object *obj, Error **errp)
{
    X540State *s = X540(obj);
    g_autofree char *card = s->card ? x540_printed(s, x540_print_truth) : NULL;

    if (!card) {
        return g_strdup("null");
    }
    return g_strdup_printf("{%s}", card);
}

static char *x540_get_registers(Object *obj, Error **errp)
{
    X540State *s = X540(obj);

    return s->card ? x540_printed(s, x540_print_registers) : g_strdup("null");
}

/* ---- The type, and the plugin that registers it ---- */

static void x540_instance_init(Object *obj)
{
    X540State *s = X540(obj);

    device_add_bootindex_property(obj, &s->conf.bootindex, "bootindex", "/ethernet-phy@0",
                                  DEVICE(obj));
}

static PROPERTY_CONST Property x540_properties[] = {
    DEFINE_NIC_PROPERTIES(X540State, conf), DEFINE_PROP_STRING("model", X540State, model),
    DEFINE_PROP_UINT32("link-ms", X540State, link_ms, 0),
    DEFINE_PROP_UINT32("reset-us", X540State, reset_us, 0),
    DEFINE_PROP_UINT32("enable-us", X540State, enable_us, 0),
    DEFINE_PROP_UINT8("lan-id", X540State, lan_id, UINT8_MAX),
    DEFINE_PROP_BOOL("pad", X540State, pad, true),
    DEFINE_PROP_BOOL("backpressure", X540State, backpressure, true),
    /* clang-format off */
    PROPERTY_END
    /* clang-format on */
};

static const VMStateDescription x540_vmstate = {
    .name = TYPE_X540,
    .unmigratable = 1,
};

static void x540_class_init(ObjectClass *class, CLASS_CONST void *data)
{
    DeviceClass *device = DEVICE_CLASS(class);
    PCIDeviceClass *pci = PCI_DEVICE_CLASS(class);

    pci->realize = x540_realize;
    pci->exit = x540_pci_exit;
    pci->config_read = x540_config_read;
    pci->config_write = x540_config_write;
    pci->vendor_id = PCI_VENDOR_ID_INTEL;
    pci->device_id = 0x1528;
    pci->revision = 1;
    pci->class_id = PCI_CLASS_NETWORK_ETHERNET;
    pci->subsystem_vendor_id = PCI_VENDOR_ID_INTEL;
    pci->subsystem_id = 1;
    RESETTABLE_CLASS(class)->phases.hold = x540_reset_hold;
    device->desc = "Intel X540 10 Gb/s Ethernet, modelled";
    device->vmsd = &x540_vmstate;
    set_bit(DEVICE_CATEGORY_NETWORK, device->categories);
    device_class_set_props(device, x540_properties);
    object_class_property_add_str(class, "evil", x540_get_evil, x540_set_evil_text);
    object_class_property_add_str(class, "damage", x540_get_damage, x540_set_damage);
    object_class_property_add_str(class, "complaints", x540_get_complaints, x540_set_complaints);
    object_class_property_add_str(class, "truth", x540_get_truth, NULL);
    object_class_property_add_str(class, "registers", x540_get_registers, NULL);
}

static CLASS_CONST InterfaceInfo x540_interfaces[] = {{INTERFACE_PCIE_DEVICE}, {}};

static const TypeInfo x540_type = {
    .name = TYPE_X540,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(X540State),
    .instance_init = x540_instance_init,
    .class_init = x540_class_init,
    .interfaces = x540_interfaces,
};

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* QEMU's inner interfaces move even inside one release of a distribution, so this object fits one
 * build of QEMU only. It is asked by name, and once more by the size of what we build upon: headers
 * that were generated with a different configuration would corrupt memory silently. */
VersionInfo *qmp_query_version(Error **errp);

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    const char *package = qmp_query_version(NULL)->package;
    /* So does each type begin: name, class size, instance size. Only 7.2 has a function for it. */
    const size_t *parent = (const size_t *)object_class_by_name(TYPE_PCI_DEVICE)->type;

    if (strcmp(package, X540_QEMU_PACKAGE) != 0) {
        fprintf(stderr, "x540.so: built for QEMU '%s', this is '%s': build it again\n",
                X540_QEMU_PACKAGE, package);
        return -1;
    }
    if (strcmp((const char *)parent[0], TYPE_PCI_DEVICE) != 0 ||
        parent[1] != sizeof(PCIDeviceClass) || parent[2] != sizeof(PCIDevice)) {
        fprintf(stderr, "x540.so: a PCIDevice has %zu bytes here, %zu in the headers used\n",
                parent[2], sizeof(PCIDevice));
        return -1;
    }
    type_register_static(&x540_type);
    left_on_register();
    return 0;
}
