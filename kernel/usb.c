/* SPDX-License-Identifier: BSD-2-Clause
 * See usb.h. xHCI specification 1.2, section 7.1 (USB Legacy Support); EHCI specification 1.0, section
 * 2.1.7 and 5.1; OHCI specification 1.0a, section 5.1.1.3.3; UHCI design guide 1.1, section 5.2.1.
 */
#include "kernel/usb.h"
#include "arch/paging.h"
#include "arch/port.h"
#include "kernel/log/log.h"

#define CLASS_SERIAL        0x0C
#define SUBCLASS_USB        0x03
#define INTERFACE           0x09 /* configuration space: which kind */
#define UHCI                0x00
#define OHCI                0x10
#define EHCI                0x20
#define XHCI                0x30
#define BAR0                0x10
#define BAR0_TYPE           FIELD(2, 1)
#define BAR0_IS_64_BIT      2
#define BAR0_FLAGS          0xFu
#define REGISTERS_BYTES_MAX 0x40000ull /* capabilities of xHCI are at most 256 KiB from its BAR */
#define CAPABILITIES_MAX    64u

/* USBLEGSUP, then USBLEGCTLSTS; the same bits in EHCI and xHCI. */
#define LEGACY_ID           1u
#define LEGACY_FIRMWARE     BIT(16) /* RW  owned by firmware */
#define LEGACY_OURS         BIT(24) /* RW  owned by the operating system */
#define LEGACY_CONTROL      4u

#define XHCI_HCCPARAMS1     0x10u
#define XHCI_FIRST          FIELD(31, 16) /* of its capabilities, in words of 4 bytes; 0: none */
#define XHCI_SMI_ENABLES    (BIT(0) | BIT(4) | BIT(13) | BIT(14) | BIT(15)) /* RW */
#define XHCI_SMI_EVENTS     (7u << 29)                                      /* W1C */

#define EHCI_HCCPARAMS      0x08u
#define EHCI_FIRST          FIELD(15, 8) /* in configuration space */
#define EHCI_SMI_EVENTS     (7u << 29)   /* W1C */

#define OHCI_CONTROL        0x04u
#define OHCI_IS_FIRMWARES   BIT(8) /* InterruptRouting: to SMI */
#define OHCI_COMMAND_STATUS 0x08u
#define OHCI_CHANGE_OWNER   BIT(3)
#define OHCI_INT_ENABLE     0x10u
#define OHCI_INT_DISABLE    0x14u
#define OHCI_INT_OWNER      BIT(30)
#define OHCI_INT_MASTER     BIT(31)

#define UHCI_LEGSUP         0xC0u
#define UHCI_NO_SMI         0x8F00u /* every enable 0; the status bits are W1C */

#define DELAY_PORT          0x80

/* One word of a controller: a register, or with regs.base 0 a word of its configuration space. */
struct word {
    const struct pci_dev *dev;
    mmio_t regs;
    uint32_t offset;
};

static uint32_t get(const struct word *w, uint32_t inside)
{
    return w->regs.base ? mmio_read32(w->regs, w->offset + inside)
                        : pci_read32(w->dev, w->offset + inside);
}
static void set(const struct word *w, uint32_t inside, uint32_t value)
{
    if (w->regs.base)
        mmio_write32(w->regs, w->offset + inside, value);
    else
        pci_write32(w->dev, w->offset + inside, value);
}

static bool wait_clear(const struct word *w, uint32_t bits)
{
    for (uint32_t i = 0; i < USB_WAIT_READS && (get(w, 0) & bits); i++)
        (void)port_in8(DELAY_PORT); /* the TSC's rate is not known yet */
    return !(get(w, 0) & bits);
}

static void complain(const struct pci_dev *dev, uint32_t value)
{
    log_warn("usb %02x:%02x.%u: firmware does not let go of it: reads 0x%08x after 1 s; its SMIs "
             "are switched off",
             dev->bus, dev->device, dev->function, value);
}

/* EHCI and xHCI: claim it by the bit that is ours, until firmware has cleared its own. */
static void claim(const struct word *legacy, uint32_t smi_enables, uint32_t smi_events)
{
    uint32_t before = get(legacy, 0);
    if (before & LEGACY_FIRMWARE) {
        set(legacy, 0, before | LEGACY_OURS);
        if (!wait_clear(legacy, LEGACY_FIRMWARE)) {
            complain(legacy->dev, get(legacy, 0));
            set(legacy, 0, (before | LEGACY_OURS) & ~LEGACY_FIRMWARE);
        }
    }
    uint32_t control = get(legacy, LEGACY_CONTROL);
    set(legacy, LEGACY_CONTROL, (control & ~smi_enables) | smi_events);
}

static void take_xhci(const struct pci_dev *dev, mmio_t regs, uint64_t bytes)
{
    struct word w = {dev, regs, 0};
    uint64_t at = FIELD_GET(XHCI_FIRST, mmio_read32(regs, XHCI_HCCPARAMS1)) * 4ull;
    for (unsigned i = 0; i < CAPABILITIES_MAX && at && at + 8 <= bytes; i++) {
        w.offset = (uint32_t)at;
        uint32_t head = get(&w, 0);
        if (head == 0xFFFFFFFF)
            return;
        if ((head & 0xFF) == LEGACY_ID) {
            claim(&w, XHCI_SMI_ENABLES, XHCI_SMI_EVENTS);
            return;
        }
        uint32_t next = head >> 8 & 0xFF;
        at = next ? at + next * 4 : 0;
    }
}

static void take_ehci(const struct pci_dev *dev, mmio_t regs)
{
    struct word w = {.dev = dev};
    uint32_t at = FIELD_GET(EHCI_FIRST, mmio_read32(regs, EHCI_HCCPARAMS)) & ~3u;
    for (unsigned i = 0; i < CAPABILITIES_MAX && at >= 0x40; i++) {
        w.offset = at;
        uint32_t head = get(&w, 0);
        if ((head & 0xFF) == LEGACY_ID) {
            claim(&w, ~0u, EHCI_SMI_EVENTS);
            return;
        }
        at = head >> 8 & 0xFC;
    }
}

static void take_ohci(const struct pci_dev *dev, mmio_t regs)
{
    struct word control = {dev, regs, OHCI_CONTROL};
    if (get(&control, 0) & OHCI_IS_FIRMWARES) {
        mmio_write32(regs, OHCI_INT_ENABLE, OHCI_INT_OWNER);
        mmio_write32(regs, OHCI_COMMAND_STATUS, OHCI_CHANGE_OWNER);
        if (!wait_clear(&control, OHCI_IS_FIRMWARES)) {
            complain(dev, get(&control, 0));
            set(&control, 0, get(&control, 0) & ~OHCI_IS_FIRMWARES);
        }
    }
    mmio_write32(regs, OHCI_INT_DISABLE, OHCI_INT_MASTER);
}

bool usb_is_controller(const struct pci_dev *dev)
{
    uint8_t kind = pci_read8(dev, INTERFACE);
    return dev->class_code == CLASS_SERIAL && dev->subclass == SUBCLASS_USB &&
           (kind == UHCI || kind == OHCI || kind == EHCI || kind == XHCI);
}

static uint64_t registers_of(const struct pci_dev *dev)
{
    uint32_t low = pci_read32(dev, BAR0);
    uint64_t high = FIELD_GET(BAR0_TYPE, low) == BAR0_IS_64_BIT ? pci_read32(dev, BAR0 + 4) : 0;
    return high << 32 | (low & ~BAR0_FLAGS);
}

bool usb_is_reachable_early(const struct pci_dev *dev)
{
    return pci_read8(dev, INTERFACE) == UHCI ||
           registers_of(dev) <= PAGING_FIRST_BYTES - REGISTERS_BYTES_MAX;
}

void usb_hand_over(const struct pci_dev *dev, bool is_early)
{
    uint8_t kind = pci_read8(dev, INTERFACE);
    if (kind == UHCI) {
        pci_write16(dev, UHCI_LEGSUP, UHCI_NO_SMI);
        return;
    }
    uint64_t bytes = REGISTERS_BYTES_MAX;
    mmio_t regs = {PHYSMAP_BASE + registers_of(dev)};
    if (!(pci_read16(dev, PCI_COMMAND) & PCI_COMMAND_MEMORY) || registers_of(dev) == 0)
        return; /* firmware does not reach its registers either */
    if (!is_early && pci_map_bar(dev, 0, &regs, &bytes) != OK)
        return;
    if (kind == XHCI)
        take_xhci(dev, regs, bytes);
    else if (kind == EHCI)
        take_ehci(dev, regs);
    else
        take_ohci(dev, regs);
}
