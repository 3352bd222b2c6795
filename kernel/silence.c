/* SPDX-License-Identifier: BSD-2-Clause
 * See silence.h. A bridge whose bus mastering is off refuses the requests from below it, and may
 * report each as a system error (an NMI). So the devices below lose it first, each is read from once,
 * so that what it wrote before has passed the bridges, and the bridges report nothing meanwhile.
 * PCI-to-PCI Bridge Architecture specification 1.2, section 3.2.5; PCI Express Base specification,
 * sections 6.2 and 7.5.3.
 */
#include "kernel/silence.h"
#include "kernel/log/log.h"
#include "kernel/usb.h"

#define CLASS_DISPLAY     0x03
#define SUBCLASS_VGA      0x00
#define COMMAND_SERR      BIT(8)
#define BAR(n)            (0x10u + 4 * (n))
#define BARS              6u
#define BAR_IS_IO         BIT(0)
#define BAR_IS_64_BIT     BIT(2)
#define BAR_FLAGS         0xFu
#define APERTURE_MAX      (256ull << 20) /* a frame buffer lies so near to its BAR's start */
#define VGA_MEMORY        0xA0000ull
#define VGA_MEMORY_END    0xC0000ull
#define BRIDGE_SECONDARY  0x19u
#define BRIDGE_STATUS     0x1Eu /* W1C, of the bus below */
#define BRIDGE_CONTROL    0x3Eu
#define BRIDGE_SERR       BIT(1)  /* passes on system errors from below */
#define STATUS_ERRORS     0xF900u /* W1C, here and in BRIDGE_STATUS */
#define EXPRESS_CONTROL   0x08u
#define EXPRESS_REPORTS   0x000Fu /* correctable, non-fatal, fatal, unsupported request */
#define EXPRESS_STATUS    0x0Au   /* W1C: the same four */
#define EXPRESS_FLAGS     0x02u
#define EXPRESS_TYPE      FIELD(7, 4)
#define EXPRESS_ROOT_PORT 4u
#define EXPRESS_ROOT      0x1Cu
#define EXPRESS_ROOT_SERR 0x0007u
#define BRIDGES_MAX       256u

static unsigned masters_early; /* silenced by silence_devices */

static void silence(const struct pci_dev *dev)
{
    pci_command(dev, 0, PCI_COMMAND_MASTER);
    (void)pci_read16(dev, PCI_COMMAND); /* its answer comes behind what the device wrote before */
}

static bool is_display(const struct pci_dev *dev)
{
    return dev->class_code == CLASS_DISPLAY && (pci_read16(dev, PCI_COMMAND) & PCI_COMMAND_MEMORY);
}

static void silence_early(const struct pci_dev *dev, void *context)
{
    bool *is_wanted = context;
    if (pci_is_bridge(dev)) {
        uint8_t below = pci_read8(dev, BRIDGE_SECONDARY);
        is_wanted[below] |=
            below > dev->bus; /* so that each bus is visited once, and 0 never again */
        return;
    }
    if (usb_is_controller(dev) && usb_is_reachable_early(dev))
        usb_hand_over(dev, true);
    if ((pci_read16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER) && !is_display(dev)) {
        masters_early++;
        silence(dev);
    }
}

void silence_devices(void)
{
    bool is_wanted[256] = {true};
    masters_early = 0;
    for (unsigned bus = 0; bus < ARRAY_SIZE(is_wanted); bus++)
        if (is_wanted[bus])
            pci_scan_bus_by_ports(bus, silence_early, is_wanted);
}

/* --- all functions --- */

static struct bridge {
    struct pci_dev dev;
    uint32_t express; /* offset of that capability, 0: none */
    uint16_t command, control, reports, root;
} bridges[BRIDGES_MAX];

struct scan {
    struct silenced found;
    uint64_t screen;
    unsigned bridges_n;
};

/* Does the display show the frame buffer at this address? */
static bool shows(const struct pci_dev *dev, uint64_t screen)
{
    if (!screen || !is_display(dev))
        return false;
    if (VGA_MEMORY <= screen && screen < VGA_MEMORY_END)
        return dev->subclass == SUBCLASS_VGA && (pci_read16(dev, PCI_COMMAND) & PCI_COMMAND_IO);
    for (unsigned n = 0; n < BARS; n++) {
        uint32_t low = pci_read32(dev, BAR(n));
        if (low & BAR_IS_IO)
            continue;
        uint64_t base = low & ~BAR_FLAGS;
        if ((low & BAR_IS_64_BIT) && n + 1 < BARS)
            base |= (uint64_t)pci_read32(dev, BAR(++n)) << 32;
        if (base && base <= screen && screen - base < APERTURE_MAX)
            return true;
    }
    return false;
}

static void silence_device(const struct pci_dev *dev, void *context)
{
    struct scan *scan = context;
    bool is_master = pci_read16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER;
    scan->found.functions++;
    if (pci_is_bridge(dev)) {
        scan->found.bridges++;
        if (scan->bridges_n < BRIDGES_MAX)
            bridges[scan->bridges_n++] = (struct bridge){.dev = *dev};
        return;
    }
    if (usb_is_controller(dev) && (is_master || !usb_is_reachable_early(dev)))
        usb_hand_over(dev, false);
    if (!is_master)
        return;
    if (!scan->found.has_display && shows(dev, scan->screen)) {
        scan->found.has_display = true;
        scan->found.display = *dev;
        return;
    }
    scan->found.masters++;
    silence(dev);
}

static void clear_bits(const struct pci_dev *dev, uint32_t offset, uint16_t before, uint16_t bits)
{
    if (before & bits)
        pci_write16(dev, offset, before & (uint16_t)~bits);
}

/* Nothing that this bridge sees is reported from now on. */
static void mute(struct bridge *b)
{
    const struct pci_dev *dev = &b->dev;
    b->command = pci_read16(dev, PCI_COMMAND);
    b->control = pci_read16(dev, BRIDGE_CONTROL);
    clear_bits(dev, PCI_COMMAND, b->command, COMMAND_SERR);
    clear_bits(dev, BRIDGE_CONTROL, b->control, BRIDGE_SERR);
    b->express = pci_capability(dev, PCI_CAP_EXPRESS);
    if (!b->express)
        return;
    b->reports = pci_read16(dev, b->express + EXPRESS_CONTROL);
    clear_bits(dev, b->express + EXPRESS_CONTROL, b->reports, EXPRESS_REPORTS);
    if (FIELD_GET(EXPRESS_TYPE, pci_read16(dev, b->express + EXPRESS_FLAGS)) == EXPRESS_ROOT_PORT) {
        b->root = pci_read16(dev, b->express + EXPRESS_ROOT);
        clear_bits(dev, b->express + EXPRESS_ROOT, b->root, EXPRESS_ROOT_SERR);
    }
}

/* Clear what was recorded meanwhile and report again as before. */
static void unmute(const struct bridge *b)
{
    const struct pci_dev *dev = &b->dev;
    pci_write16(dev, PCI_STATUS, STATUS_ERRORS);
    pci_write16(dev, BRIDGE_STATUS, STATUS_ERRORS);
    if (b->express) {
        pci_write16(dev, b->express + EXPRESS_STATUS, EXPRESS_REPORTS);
        if (b->root & EXPRESS_ROOT_SERR)
            pci_write16(dev, b->express + EXPRESS_ROOT, b->root);
        if (b->reports & EXPRESS_REPORTS)
            pci_write16(dev, b->express + EXPRESS_CONTROL, b->reports);
    }
    if (b->control & BRIDGE_SERR)
        pci_write16(dev, BRIDGE_CONTROL, b->control);
    if (b->command & COMMAND_SERR)
        pci_command(dev, COMMAND_SERR, 0);
}

/* The deepest first: a bridge may itself send messages through those above it. */
static void silence_bridges(struct scan *scan)
{
    for (unsigned i = 0; i < scan->bridges_n; i++)
        mute(&bridges[i]);
    for (unsigned i = scan->bridges_n; i-- > 0;) {
        const struct pci_dev *dev = &bridges[i].dev;
        if (!(pci_read16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER) ||
            (scan->found.has_display && pci_is_above(dev, &scan->found.display)))
            continue;
        scan->found.masters++;
        silence(dev);
    }
    for (unsigned i = 0; i < scan->bridges_n; i++)
        unmute(&bridges[i]);
    if (scan->found.bridges > BRIDGES_MAX)
        log_warn("pci: more than %u bridges; %u keep bus mastering", BRIDGES_MAX,
                 scan->found.bridges - BRIDGES_MAX);
}

struct silenced silence_all(uint64_t screen)
{
    struct scan scan = {.found = {.masters = masters_early}, .screen = screen};
    pci_scan(silence_device, &scan);
    silence_bridges(&scan);
    return scan.found;
}
