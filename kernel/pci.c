/* SPDX-License-Identifier: BSD-2-Clause
 * PCI configuration space, by ECAM if ACPI names its window, else by ports CF8h and CFCh.
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
#define STATUS_HAS_CAPABILITIES BIT(4)
#define CAPABILITIES            0x34
#define CAPABILITY_STEPS_MAX    48
#define EXTENDED_FIRST          0x100u
#define EXTENDED_STEPS_MAX      960 /* as many capabilities as fit */
#define ACS_CAPABILITY          4
#define ACS_CONTROL             6
#define ACS_UPSTREAM            (BIT(0) | BIT(2) | BIT(3) | BIT(4)) /* SV, RR, CR, UF */
#define ATS_CONTROL             6
#define ATS_ENABLE              BIT(15)
#define CONFIG_BYTES_OLD        256u
#define CONFIG_BYTES_ECAM       4096u

static mmio_t window; /* base 0: the two ports */
static uint16_t segment;
static uint8_t first_bus, last_bus = 255;
static unsigned masters_silenced;
static bool bus_is_empty[256]; /* found by the first scan; later scans skip these buses */

void pci_init(const struct pci_ecam *ecam)
{
    window = (mmio_t){0};
    segment = 0;
    first_bus = 0;
    last_bus = 255;
    memset(bus_is_empty, 0, sizeof bus_is_empty);
    if (!ecam)
        return;
    paddr_t base = {ecam->base.v + ((uint64_t)ecam->first_bus << 20)};
    uint64_t bytes = (uint64_t)(ecam->last_bus - ecam->first_bus + 1) << 20;
    enum err e = paging_map_device(base, bytes, &window);
    if (e != OK) {
        window = (mmio_t){0};
        log_warn("pci: the ECAM window 0x%lx to 0x%lx %s; not used, but ports CF8h and CFCh",
                 base.v, base.v + (bytes - 1), paging_refusal(e, base, bytes));
        return;
    }
    segment = ecam->segment;
    first_bus = ecam->first_bus;
    last_bus = ecam->last_bus;
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

static struct pci_dev at(unsigned bus, unsigned device, unsigned function)
{
    struct pci_dev dev = {
        .segment = segment,
        .bus = (uint8_t)bus,
        .device = (uint8_t)device,
        .function = (uint8_t)function,
    };
    if (window.base)
        dev.ecam = mmio_at(window, (bus - first_bus) << 20 | device << 15 | function << 12);
    return dev;
}

bool pci_at(unsigned in_segment, unsigned bus, unsigned device, unsigned function,
            struct pci_dev *out)
{
    if (in_segment != segment || bus < first_bus || bus > last_bus)
        return false;
    *out = at(bus, device, function);
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

static bool is_bridge(const struct pci_dev *dev)
{
    return (dev->header_type & HEADER_LAYOUT) == LAYOUT_BRIDGE;
}

/* The first device number of the bus, from `device` on, that may be in use; 32: none. Most of the
 * 8192 device numbers are unused, and by ECAM one load is enough to see that. */
static unsigned next_device(unsigned bus, unsigned device)
{
    if (!window.base)
        return device;
    mmio_t here = mmio_at(window, (bus - first_bus) << 20 | device << 15);
    for (; device < 32 && (uint16_t)mmio_read32(here, PCI_VENDOR) == VENDOR_NONE; device++)
        here.base += 1u << 15;
    return device;
}

/* Visit the functions of one device; false if there is none. */
static bool scan_device(unsigned bus, unsigned device,
                        void (*visit)(const struct pci_dev *dev, void *context), void *context)
{
    bool is_any = false, is_multi = true;
    for (unsigned function = 0; function < 8 && is_multi; function++) {
        struct pci_dev dev = at(bus, device, function);
        bool is_there = identify(&dev);
        if (is_there)
            visit(&dev, context);
        is_any |= is_there;
        if (function == 0)
            is_multi = is_there && (dev.header_type & HEADER_IS_MULTI);
    }
    return is_any;
}

void pci_scan(void (*visit)(const struct pci_dev *dev, void *context), void *context)
{
    /* Every bus, not only those below bridges: a server has a root bus per socket, and its number
     * is known only from AML. */
    for (unsigned bus = first_bus; bus <= last_bus; bus++) {
        bool is_any = false;
        unsigned device = bus_is_empty[bus] ? 32 : 0;
        while ((device = next_device(bus, device)) < 32)
            is_any |= scan_device(bus, device++, visit, context);
        bus_is_empty[bus] = !is_any;
    }
}

static void disable_bus_mastering(const struct pci_dev *dev, void *context)
{
    struct pci_found *found = context;
    found->functions++;
    found->bridges += is_bridge(dev);
    if (pci_read16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER) {
        found->masters++;
        pci_command(dev, 0, PCI_COMMAND_MASTER);
    }
}

/* Devices only: one below a bridge whose bus mastering is off has its writes refused, which some
 * boards report as an error, so bridges come later. */
static void silence(const struct pci_dev *dev, void *context)
{
    bool *is_wanted = context;
    if (is_bridge(dev)) {
        uint8_t below = pci_read8(dev, BRIDGE_SECONDARY);
        is_wanted[below] |=
            below > dev->bus; /* so that each bus is visited once, and 0 never again */
    } else if (pci_read16(dev, PCI_COMMAND) & PCI_COMMAND_MASTER) {
        masters_silenced++;
        pci_command(dev, 0, PCI_COMMAND_MASTER);
    }
}

void pci_silence(void)
{
    bool is_wanted[256] = {true};
    for (unsigned bus = 0; bus < ARRAY_SIZE(is_wanted); bus++)
        for (unsigned device = 0; is_wanted[bus] && device < 32; device++)
            (void)scan_device(bus, device, silence, is_wanted);
}

struct pci_found pci_disable_bus_mastering(void)
{
    struct pci_found found = {.by_ecam = window.base != 0, .masters = masters_silenced};
    pci_scan(disable_bus_mastering, &found);
    return found;
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

static bool is_above(const struct pci_dev *bridge, const struct pci_dev *dev)
{
    return is_bridge(bridge) && bridge->bus < dev->bus &&
           pci_read8(bridge, BRIDGE_SECONDARY) <= dev->bus &&
           pci_read8(bridge, BRIDGE_SUBORDINATE) >= dev->bus;
}

struct isolation {
    const struct pci_dev *dev;
    unsigned lacking;
};

static void isolate_if_above(const struct pci_dev *bridge, void *context)
{
    struct isolation *isolation = context;
    if (!is_above(bridge, isolation->dev))
        return;
    uint32_t acs = pci_extended(bridge, PCI_EXTENDED_ACS);
    uint16_t can = acs ? pci_read16(bridge, acs + ACS_CAPABILITY) & ACS_UPSTREAM : 0;
    if (can)
        pci_write16(bridge, acs + ACS_CONTROL, pci_read16(bridge, acs + ACS_CONTROL) | can);
    isolation->lacking += can != ACS_UPSTREAM;
}

unsigned pci_isolate(const struct pci_dev *dev)
{
    struct isolation isolation = {.dev = dev};
    uint32_t ats = pci_extended(dev, PCI_EXTENDED_ATS);
    if (ats)
        pci_write16(dev, ats + ATS_CONTROL,
                    pci_read16(dev, ats + ATS_CONTROL) & (uint16_t)~ATS_ENABLE);
    if (dev->bus != first_bus) /* on the first bus there is no bridge above */
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
    if (is_above(bridge, dev)) {
        uint16_t command = pci_read16(bridge, PCI_COMMAND);
        pci_write16(bridge, PCI_COMMAND, command | PCI_COMMAND_MASTER);
    }
}

void pci_command(const struct pci_dev *dev, uint16_t set, uint16_t clear)
{
    if ((set & PCI_COMMAND_MASTER) && dev->bus != first_bus) {
        struct pci_dev copy = *dev;
        pci_scan(enable_forwarding_if_above, &copy);
    }
    uint16_t command = pci_read16(dev, PCI_COMMAND);
    pci_write16(dev, PCI_COMMAND, (uint16_t)((command & ~clear) | set));
}
