/* SPDX-License-Identifier: BSD-2-Clause
 * PCI configuration space, by ECAM where ACPI names a window, else by ports CF8h and CFCh.
 * PCI Local Bus specification 3.0, chapter 6; PCI Express Base specification, section 7.2.2.
 */
#include "arch/paging.h"
#include "arch/port.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/pci.h"

#define CONFIG_ADDRESS          0xCF8
#define CONFIG_ADDRESS_ENABLE   BIT(31)
#define CONFIG_DATA             0xCFC

#define VENDOR_INTEL            0x8086
#define VENDOR_NONE             0xFFFF /* reads so if no function answers */
#define REVISION_CLASS          0x08
#define HEADER_TYPE             0x0E
#define HEADER_IS_MULTI         0x80
#define HEADER_LAYOUT           0x7F
#define LAYOUT_DEVICE           0
#define LAYOUT_BRIDGE           1
#define BAR(n)                  (0x10u + 4 * (n))
#define BAR_IS_IO               BIT(0)
#define BAR_TYPE                FIELD(2, 1)
#define BAR_TYPE_64_BIT         2
#define BAR_MEMORY_FLAGS        0xFu
#define BAR_BYTES_MAX           (UINT64_C(64) << 20) /* those of network cards have at most 8 MiB */
#define BRIDGE_SECONDARY        0x19
#define BRIDGE_SUBORDINATE      0x1A
#define BRIDGE_WINDOW(n)        (0x20u + 4 * (n)) /* base and limit, 16 bits each */
#define BRIDGE_WINDOW_ADDRESS   0xFFF0u           /* address bits 31:20 */
#define BRIDGE_WINDOW_64        1u                /* of the prefetchable one: bits 63:32 follow */
#define BRIDGE_WINDOW_UPPER     0x28u             /* of the base, then of the limit */
#define STATUS_HAS_CAPABILITIES BIT(4)
#define CAPABILITIES            0x34
#define CAPABILITY_STEPS_MAX    48
#define EXTENDED_FIRST          0x100u
#define EXTENDED_STEPS_MAX      960 /* as many capabilities as fit */
#define ACS_CAPABILITY          4
#define ACS_CONTROL             6
#define ACS_CONTROL_DWORDS      8                                   /* see has_acs_in_dwords */
#define ACS_UPSTREAM            (BIT(0) | BIT(2) | BIT(3) | BIT(4)) /* SV, RR, CR, UF */
#define ATS_CONTROL             6
#define ATS_ENABLE              BIT(15)
#define CONFIG_BYTES_OLD        256u
#define CONFIG_BYTES_ECAM       4096u

/* The ECAM windows that are mapped. Buses of segment 0 that none covers are reached by the ports. */
static struct window {
    mmio_t regs; /* of its first bus */
    uint16_t segment;
    uint8_t first_bus, last_bus;
    bool is_empty[256]; /* by bus: found by the first scan; later scans skip these buses */
} windows[PCI_WINDOWS_MAX];
static unsigned windows_n;
static bool ports_are_empty[256]; /* the same for the buses of segment 0 without a window */

static struct window *window_of(unsigned segment, unsigned bus)
{
    for (struct window *w = windows; w < windows + windows_n; w++)
        if (w->segment == segment && w->first_bus <= bus && bus <= w->last_bus)
            return w;
    return NULL;
}

static void add_window(const struct pci_ecam *ecam)
{
    paddr_t base = {ecam->base.v + ((uint64_t)ecam->first_bus << 20)};
    uint64_t bytes = (uint64_t)(ecam->last_bus - ecam->first_bus + 1) << 20;
    struct window *w = &windows[windows_n];
    if (windows_n == PCI_WINDOWS_MAX) {
        log_warn("pci: more than %u ECAM windows; segment %u, buses %u to %u are not used",
                 PCI_WINDOWS_MAX, ecam->segment, ecam->first_bus, ecam->last_bus);
        return;
    }
    if (window_of(ecam->segment, ecam->first_bus) || window_of(ecam->segment, ecam->last_bus)) {
        log_warn("pci: the ECAM window at 0x%lx repeats buses of segment %u; not used", base.v,
                 ecam->segment);
        return;
    }
    enum err e = paging_map_device(base, bytes, &w->regs);
    if (e != OK) {
        log_warn("pci: the ECAM window 0x%lx to 0x%lx %s; not used%s", base.v, base.v + (bytes - 1),
                 paging_refusal(e, base, bytes),
                 ecam->segment == 0 ? ", but ports CF8h and CFCh" : "");
        return;
    }
    w->segment = ecam->segment;
    w->first_bus = ecam->first_bus;
    w->last_bus = ecam->last_bus;
    windows_n++;
}

void pci_init(const struct pci_ecam *ecams, unsigned n)
{
    windows_n = 0;
    memset(windows, 0, sizeof windows);
    memset(ports_are_empty, 0, sizeof ports_are_empty);
    for (unsigned i = 0; i < n; i++)
        add_window(&ecams[i]);
}

/* --- configuration space --- */

static bool is_reachable(const struct pci_dev *dev, uint32_t offset, uint32_t bytes)
{
    uint32_t limit = dev->ecam.base ? CONFIG_BYTES_ECAM : CONFIG_BYTES_OLD;
    return offset % bytes == 0 && offset < limit;
}

/* Select the 32-bit word that contains offset; returns the data port of the byte at offset. */
static uint16_t select(const struct pci_dev *dev, uint32_t offset)
{
    port_out32(CONFIG_ADDRESS, CONFIG_ADDRESS_ENABLE | (uint32_t)dev->bus << 16 |
                                   (uint32_t)dev->device << 11 | (uint32_t)dev->function << 8 |
                                   (offset & 0xFC));
    return (uint16_t)(CONFIG_DATA + (offset & 3));
}

uint8_t pci_read8(const struct pci_dev *dev, uint32_t offset)
{
    if (!is_reachable(dev, offset, 1))
        return 0xFF;
    return dev->ecam.base ? mmio_read8(dev->ecam, offset) : port_in8(select(dev, offset));
}

uint16_t pci_read16(const struct pci_dev *dev, uint32_t offset)
{
    if (!is_reachable(dev, offset, 2))
        return 0xFFFF;
    return dev->ecam.base ? mmio_read16(dev->ecam, offset) : port_in16(select(dev, offset));
}

uint32_t pci_read32(const struct pci_dev *dev, uint32_t offset)
{
    if (!is_reachable(dev, offset, 4))
        return 0xFFFFFFFF;
    return dev->ecam.base ? mmio_read32(dev->ecam, offset) : port_in32(select(dev, offset));
}

void pci_write16(const struct pci_dev *dev, uint32_t offset, uint16_t value)
{
    if (!is_reachable(dev, offset, 2))
        return;
    if (dev->ecam.base)
        mmio_write16(dev->ecam, offset, value);
    else
        port_out16(select(dev, offset), value);
}

void pci_write32(const struct pci_dev *dev, uint32_t offset, uint32_t value)
{
    if (!is_reachable(dev, offset, 4))
        return;
    if (dev->ecam.base)
        mmio_write32(dev->ecam, offset, value);
    else
        port_out32(select(dev, offset), value);
}

/* --- finding functions --- */

/* w: the window of its bus, or NULL: by ports. */
static struct pci_dev at(const struct window *w, unsigned bus, unsigned device, unsigned function)
{
    struct pci_dev dev = {
        .segment = w ? w->segment : 0,
        .bus = (uint8_t)bus,
        .device = (uint8_t)device,
        .function = (uint8_t)function,
    };
    if (w)
        dev.ecam = mmio_at(w->regs, (bus - w->first_bus) << 20 | device << 15 | function << 12);
    return dev;
}

bool pci_at(unsigned segment, unsigned bus, unsigned device, unsigned function, struct pci_dev *out)
{
    const struct window *w = window_of(segment, bus);
    if ((!w && segment != 0) || bus > 255)
        return false;
    *out = at(w, bus, device, function);
    return true;
}

/* Read the function's identity; false if no function answers. */
static bool identify(struct pci_dev *dev)
{
    uint32_t id = pci_read32(dev, PCI_VENDOR);
    if ((id & 0xFFFF) == VENDOR_NONE || id == 0)
        return false;
    uint32_t kind = pci_read32(dev, REVISION_CLASS);
    dev->vendor_id = (uint16_t)id;
    dev->device_id = (uint16_t)(id >> 16);
    dev->class_code = (uint8_t)(kind >> 24);
    dev->subclass = (uint8_t)(kind >> 16);
    dev->revision = (uint8_t)kind;
    dev->header_type = pci_read8(dev, HEADER_TYPE);
    return true;
}

bool pci_is_bridge(const struct pci_dev *dev)
{
    return (dev->header_type & HEADER_LAYOUT) == LAYOUT_BRIDGE;
}

bool pci_bridge_window(const struct pci_dev *bridge, unsigned n, struct range *out)
{
    if (!pci_is_bridge(bridge) || n > 1)
        return false;
    uint16_t base = pci_read16(bridge, BRIDGE_WINDOW(n));
    uint16_t limit = pci_read16(bridge, BRIDGE_WINDOW(n) + 2);
    uint64_t start = (uint64_t)(base & BRIDGE_WINDOW_ADDRESS) << 16;
    uint64_t last = (uint64_t)(limit & BRIDGE_WINDOW_ADDRESS) << 16 | 0xFFFFF;
    if (n == 1 && (base & BRIDGE_WINDOW_64)) {
        start |= (uint64_t)pci_read32(bridge, BRIDGE_WINDOW_UPPER) << 32;
        last |= (uint64_t)pci_read32(bridge, BRIDGE_WINDOW_UPPER + 4) << 32;
    }
    *out = (struct range){start, last + 1};
    return start <= last;
}

/* The first device number of the bus, from `device` on, that may be in use; 32: none. Most of the
 * 8192 device numbers are unused, and by ECAM one load is enough to see that. */
static unsigned next_device(const struct window *w, unsigned bus, unsigned device)
{
    if (!w)
        return device;
    mmio_t here = mmio_at(w->regs, (bus - w->first_bus) << 20 | device << 15);
    for (; device < 32 && (uint16_t)mmio_read32(here, PCI_VENDOR) == VENDOR_NONE; device++)
        here.base += 1u << 15;
    return device;
}

/* Visit the functions of one device; false if there is none. */
static bool scan_device(const struct window *w, unsigned bus, unsigned device,
                        void (*visit)(const struct pci_dev *dev, void *context), void *context)
{
    bool is_any = false, is_multi = true;
    for (unsigned function = 0; function < 8 && is_multi; function++) {
        struct pci_dev dev = at(w, bus, device, function);
        bool is_there = identify(&dev);
        if (is_there)
            visit(&dev, context);
        is_any |= is_there;
        if (function == 0)
            is_multi = is_there && (dev.header_type & HEADER_IS_MULTI);
    }
    return is_any;
}

static void scan_bus(const struct window *w, unsigned bus, bool *is_empty,
                     void (*visit)(const struct pci_dev *dev, void *context), void *context)
{
    bool is_any = false;
    unsigned device = 0;
    while ((device = next_device(w, bus, device)) < 32)
        is_any |= scan_device(w, bus, device++, visit, context);
    *is_empty = !is_any;
}

void pci_scan(void (*visit)(const struct pci_dev *dev, void *context), void *context)
{
    /* Every bus, not only those below bridges: a server has a root bus per socket, and its number
     * is known only from AML. Segment 0 first, then the others' windows in MCFG's order. */
    struct window *w = NULL;
    for (unsigned bus = 0; bus < 256; bus++) {
        if (!w || bus > w->last_bus)
            w = window_of(0, bus);
        bool *is_empty = w ? &w->is_empty[bus] : &ports_are_empty[bus];
        if (!*is_empty)
            scan_bus(w, bus, is_empty, visit, context);
    }
    for (w = windows; w < windows + windows_n; w++)
        for (unsigned bus = w->first_bus; w->segment != 0 && bus <= w->last_bus; bus++)
            if (!w->is_empty[bus])
                scan_bus(w, bus, &w->is_empty[bus], visit, context);
}

void pci_scan_bus_by_ports(unsigned bus, void (*visit)(const struct pci_dev *dev, void *context),
                           void *context)
{
    for (unsigned device = 0; device < 32; device++)
        (void)scan_device(NULL, bus, device, visit, context);
}

uint32_t pci_capability(const struct pci_dev *dev, uint8_t id)
{
    if (!(pci_read16(dev, PCI_STATUS) & STATUS_HAS_CAPABILITIES))
        return 0;
    uint32_t offset = pci_read8(dev, CAPABILITIES) & ~3u;
    for (unsigned step = 0; step < CAPABILITY_STEPS_MAX && offset >= 0x40; step++) {
        uint16_t head = pci_read16(dev, offset);
        if ((head & 0xFF) == id)
            return offset;
        offset = head >> 8 & ~3u;
    }
    return 0;
}

uint32_t pci_extended(const struct pci_dev *dev, uint16_t id)
{
    if (!dev->ecam.base)
        return 0;
    uint32_t offset = EXTENDED_FIRST;
    for (unsigned step = 0; step < EXTENDED_STEPS_MAX && offset >= EXTENDED_FIRST; step++) {
        uint32_t head = pci_read32(dev, offset);
        if (head == 0 || head == 0xFFFFFFFF)
            return 0;
        if ((head & 0xFFFF) == id)
            return offset;
        offset = head >> 20 & ~3u;
    }
    return 0;
}

/* --- isolation: PCI Express Base specification, sections 6.12 (ACS) and 10.5 (ATS) --- */

bool pci_is_above(const struct pci_dev *bridge, const struct pci_dev *dev)
{
    return pci_is_bridge(bridge) && bridge->segment == dev->segment && bridge->bus < dev->bus &&
           pci_read8(bridge, BRIDGE_SECONDARY) <= dev->bus &&
           pci_read8(bridge, BRIDGE_SUBORDINATE) >= dev->bus;
}

/* False on a segment's first bus, which saves a scan. */
static bool may_have_bridges_above(const struct pci_dev *dev)
{
    if (dev->segment == 0)
        return dev->bus != 0;
    for (const struct window *w = windows; w < windows + windows_n; w++)
        if (w->segment == dev->segment && w->first_bus < dev->bus)
            return true;
    return false;
}

/* Root ports of Intel's 100 and 200 series and of 7th and 8th generation mobile processors have ACS,
 * but with 32 bits each for capability and control (Linux: pci_quirk_enable_intel_spt_pch_acs). */
static bool has_acs_in_dwords(const struct pci_dev *bridge)
{
    static const uint16_t ids[][2] = {
        {0xA110, 0xA11F}, {0xA167, 0xA16A}, /* 100 series, Sunrise Point */
        {0xA290, 0xA29F}, {0xA2E7, 0xA2EE}, /* 200 series, Union Point */
        {0x9D10, 0x9D1B},                   /* mobile: from memory, not compared with a document */
    };
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        if (bridge->vendor_id == VENDOR_INTEL && bridge->device_id >= ids[i][0] &&
            bridge->device_id <= ids[i][1])
            return true;
    return false;
}

/* Returns which of ACS_UPSTREAM are enabled afterwards. */
static uint32_t enable_acs(const struct pci_dev *bridge)
{
    uint32_t acs = pci_extended(bridge, PCI_EXTENDED_ACS);
    if (!acs)
        return 0;
    uint32_t can = pci_read16(bridge, acs + ACS_CAPABILITY) & ACS_UPSTREAM, now;
    if (has_acs_in_dwords(bridge)) {
        uint32_t at = acs + ACS_CONTROL_DWORDS;
        pci_write32(bridge, at, pci_read32(bridge, at) | can);
        now = pci_read32(bridge, at);
    } else {
        uint32_t at = acs + ACS_CONTROL;
        pci_write16(bridge, at, pci_read16(bridge, at) | (uint16_t)can);
        now = pci_read16(bridge, at);
    }
    if ((now & can) != can)
        log_warn("pci %02x:%02x.%u: ACS control reads 0x%04x, 0x%04x was written", bridge->bus,
                 bridge->device, bridge->function, now, can);
    return now & can;
}

unsigned pci_windows(void)
{
    return windows_n;
}

struct isolation {
    const struct pci_dev *dev;
    unsigned lacking;
};

static void isolate_if_above(const struct pci_dev *bridge, void *context)
{
    struct isolation *isolation = context;
    if (!pci_is_above(bridge, isolation->dev))
        return;
    isolation->lacking += enable_acs(bridge) != ACS_UPSTREAM;
}

unsigned pci_isolate(const struct pci_dev *dev)
{
    struct isolation isolation = {.dev = dev};
    uint32_t ats = pci_extended(dev, PCI_EXTENDED_ATS);
    if (ats)
        pci_write16(dev, ats + ATS_CONTROL,
                    pci_read16(dev, ats + ATS_CONTROL) & (uint16_t)~ATS_ENABLE);
    if (may_have_bridges_above(dev))
        pci_scan(isolate_if_above, &isolation);
    return isolation.lacking;
}

/* --- memory and bus mastering --- */

/* Returns the size of a BAR, 0 if there is none: of ones written to it, those of settable
 * address bits read back as ones. The function must not decode meanwhile. */
static uint64_t bar_size(const struct pci_dev *dev, unsigned n, bool is_64_bit)
{
    uint32_t low = pci_read32(dev, BAR(n));
    pci_write32(dev, BAR(n), 0xFFFFFFFF);
    uint64_t mask = pci_read32(dev, BAR(n)) & ~BAR_MEMORY_FLAGS;
    pci_write32(dev, BAR(n), low);
    if (is_64_bit) {
        uint32_t high = pci_read32(dev, BAR(n + 1));
        pci_write32(dev, BAR(n + 1), 0xFFFFFFFF);
        mask |= (uint64_t)pci_read32(dev, BAR(n + 1)) << 32;
        pci_write32(dev, BAR(n + 1), high);
    } else if (mask) {
        mask |= 0xFFFFFFFF00000000ull;
    }
    return mask & (0 - mask); /* the lowest address bit that can be set */
}

enum err pci_map_bar(const struct pci_dev *dev, unsigned n, mmio_t *out, uint64_t *bytes)
{
    uint32_t low = pci_read32(dev, BAR(n));
    bool is_64_bit = FIELD_GET(BAR_TYPE, low) == BAR_TYPE_64_BIT;
    if ((dev->header_type & HEADER_LAYOUT) != LAYOUT_DEVICE || n > 5 || (is_64_bit && n > 4) ||
        (low & BAR_IS_IO)) {
        log_error("pci %02x:%02x.%u: BAR%u reads 0x%08x, not a memory BAR of a device", dev->bus,
                  dev->device, dev->function, n, low);
        return ERR_BAD_VALUE;
    }
    uint64_t address = low & ~BAR_MEMORY_FLAGS;
    if (is_64_bit)
        address |= (uint64_t)pci_read32(dev, BAR(n + 1)) << 32;

    uint16_t command = pci_read16(dev, PCI_COMMAND);
    pci_write16(dev, PCI_COMMAND, command & (uint16_t)(~(PCI_COMMAND_MEMORY | PCI_COMMAND_IO)));
    uint64_t size = bar_size(dev, n, is_64_bit);
    pci_write16(dev, PCI_COMMAND, command);

    if (size == 0 || address == 0) {
        log_error("pci %02x:%02x.%u: BAR%u has size 0x%lx and address 0x%lx, not assigned",
                  dev->bus, dev->device, dev->function, n, size, address);
        return ERR_BAD_VALUE;
    }
    if (size > BAR_BYTES_MAX) { /* page tables for it could take all memory */
        log_error("pci %02x:%02x.%u: BAR%u at 0x%lx has 0x%lx bytes, at most 0x%lx expected",
                  dev->bus, dev->device, dev->function, n, address, size, BAR_BYTES_MAX);
        return ERR_BAD_VALUE;
    }
    enum err e = paging_map_device((paddr_t){address}, size, out);
    if (e != OK) {
        log_error("pci %02x:%02x.%u: BAR%u at 0x%lx, 0x%lx bytes, %s; not mapped", dev->bus,
                  dev->device, dev->function, n, address, size,
                  paging_refusal(e, (paddr_t){address}, size));
        return e;
    }
    *bytes = size;
    return OK;
}

/* Let a bridge above this function forward its requests. */
static void enable_forwarding_if_above(const struct pci_dev *bridge, void *context)
{
    const struct pci_dev *dev = context;
    if (pci_is_above(bridge, dev)) {
        uint16_t command = pci_read16(bridge, PCI_COMMAND);
        pci_write16(bridge, PCI_COMMAND, command | PCI_COMMAND_MASTER);
    }
}

void pci_command(const struct pci_dev *dev, uint16_t set, uint16_t clear)
{
    if ((set & PCI_COMMAND_MASTER) && may_have_bridges_above(dev)) {
        struct pci_dev copy = *dev;
        pci_scan(enable_forwarding_if_above, &copy);
    }
    uint16_t command = pci_read16(dev, PCI_COMMAND);
    pci_write16(dev, PCI_COMMAND, (uint16_t)((command & ~clear) | set));
}
