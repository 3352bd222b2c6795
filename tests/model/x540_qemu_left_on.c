/* SPDX-License-Identifier: GPL-2.0-or-later
 * A PCI function that firmware left on, for tests of how ferrule silences it: type "left-on", in the
 * plugin of x540_qemu.c. Once firmware enables its memory space it has bus mastering, and every 100
 * us it
 *
 *  - requests from memory while it may: `requests`; if a bridge above it has lost bus mastering, the
 *    request is refused (`refused`), and counts as an NMI where that bridge reports system errors;
 *  - with usb=on it is an xHCI that firmware's SMM owns: an SMI without bus mastering stalls
 *    (`stalls`). SMM lets go when the operating system's bit is set, with stubborn=on never.
 *
 * By qom-get: truth, a JSON object of these counts, and whether firmware still owns it, SMIs are
 * enabled and bus mastering is on.
 */
#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "hw/pci/pci_bus.h"

#include "x540_qemu_compat.h"
#include "x540_qemu_left_on.h"

#define TYPE_LEFT_ON "left-on"
OBJECT_DECLARE_SIMPLE_TYPE(LeftOnState, LEFT_ON)

enum {
    PERIOD_NS = 100000,
    BAR_BYTES = 0x4000,
    HCCPARAMS1 = 0x10,
    LEGACY = 0x2000,
    LEGACY_CONTROL = 0x2004,
    LEGACY_FIRMWARE = 1 << 16,
    LEGACY_OURS = 1 << 24,
    SMI_ENABLES = 0xE011,
};

struct LeftOnState {
    PCIDevice parent_obj;
    MemoryRegion registers;
    QEMUTimer *timer;
    bool usb, stubborn;
    bool is_on; /* firmware has enabled it */
    uint32_t legacy, control;
    uint64_t requests, refused, nmis, stalls;
};

static bool left_on_is_master(PCIDevice *pci)
{
    return pci_get_word(pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

static void left_on_request(LeftOnState *s)
{
    PCIDevice *pci = PCI_DEVICE(s);
    uint8_t byte;

    for (PCIBus *bus = pci_get_bus(pci); !pci_bus_is_root(bus);) {
        PCIDevice *bridge = bus->parent_dev;

        if (!left_on_is_master(bridge)) {
            s->refused++;
            s->nmis += (pci_get_word(bridge->config + PCI_COMMAND) & PCI_COMMAND_SERR) ||
                       (pci_get_word(bridge->config + PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_SERR);
            return;
        }
        bus = pci_get_bus(bridge);
    }
    s->requests += pci_dma_read(pci, 0, &byte, 1) == MEMTX_OK;
}

static void left_on_tick(void *opaque)
{
    LeftOnState *s = opaque;
    PCIDevice *pci = PCI_DEVICE(s);

    if (s->is_on && left_on_is_master(pci)) {
        left_on_request(s);
    }
    if (s->is_on && s->usb && (s->legacy & LEGACY_FIRMWARE)) {
        s->stalls += !left_on_is_master(pci);
        if ((s->legacy & LEGACY_OURS) && !s->stubborn) {
            s->legacy &= ~LEGACY_FIRMWARE;
        }
    }
    timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + PERIOD_NS);
}

static uint64_t left_on_read(void *opaque, hwaddr at, unsigned size)
{
    LeftOnState *s = opaque;

    return !s->usb                ? 0
           : at == HCCPARAMS1     ? LEGACY / 4 << 16
           : at == LEGACY         ? s->legacy
           : at == LEGACY_CONTROL ? s->control
                                  : 0;
}

static void left_on_write(void *opaque, hwaddr at, uint64_t value, unsigned size)
{
    LeftOnState *s = opaque;

    if (at == LEGACY) {
        s->legacy = 1 | (value & (LEGACY_FIRMWARE | LEGACY_OURS));
    } else if (at == LEGACY_CONTROL) {
        s->control = value & SMI_ENABLES;
    }
}

static const MemoryRegionOps left_on_registers = {
    .read = left_on_read,
    .write = left_on_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = {.min_access_size = 4, .max_access_size = 4},
};

static void left_on_set(PCIDevice *pci, uint16_t bits)
{
    pci_default_write_config(pci, PCI_COMMAND, pci_get_word(pci->config + PCI_COMMAND) | bits, 2);
}

/* Firmware enables the memory space: it leaves bus mastering on, too, here and in the bridges above,
 * which report system errors. */
static void left_on_config_write(PCIDevice *pci, uint32_t at, uint32_t value, int bytes)
{
    LeftOnState *s = LEFT_ON(pci);

    pci_default_write_config(pci, at, value, bytes);
    if (!s->is_on && (pci_get_word(pci->config + PCI_COMMAND) & PCI_COMMAND_MEMORY)) {
        s->is_on = true;
        left_on_set(pci, PCI_COMMAND_MASTER);
        for (PCIBus *bus = pci_get_bus(pci); !pci_bus_is_root(bus);
             bus = pci_get_bus(bus->parent_dev)) {
            left_on_set(bus->parent_dev, PCI_COMMAND_MASTER | PCI_COMMAND_SERR);
        }
    }
}

static void left_on_realize(PCIDevice *pci, Error **errp)
{
    LeftOnState *s = LEFT_ON(pci);

    if (s->usb) {
        pci_config_set_class(pci->config, PCI_CLASS_SERIAL_USB);
        pci_config_set_prog_interface(pci->config, 0x30);
    }
    memory_region_init_io(&s->registers, OBJECT(s), &left_on_registers, s, "left-on", BAR_BYTES);
    pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->registers);
    s->legacy = 1 | LEGACY_FIRMWARE;
    s->control = SMI_ENABLES;
    s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, left_on_tick, s);
    timer_mod(s->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + PERIOD_NS);
}

static void left_on_exit(PCIDevice *pci)
{
    timer_free(LEFT_ON(pci)->timer);
}

static char *left_on_truth(Object *obj, Error **errp)
{
    LeftOnState *s = LEFT_ON(obj);

    return g_strdup_printf(
        "{\"requests\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"nmis\": %" PRIu64
        ", \"stalls\": %" PRIu64 ", \"firmware_owns\": %d, \"smis\": %d, "
        "\"is_master\": %d}",
        s->requests, s->refused, s->nmis, s->stalls, !!(s->legacy & LEGACY_FIRMWARE),
        s->control != 0, left_on_is_master(PCI_DEVICE(s)));
}

static PROPERTY_CONST Property left_on_properties[] = {
    DEFINE_PROP_BOOL("usb", LeftOnState, usb, false),
    DEFINE_PROP_BOOL("stubborn", LeftOnState, stubborn, false), PROPERTY_END};

static void left_on_class_init(ObjectClass *class, CLASS_CONST void *data)
{
    PCIDeviceClass *pci = PCI_DEVICE_CLASS(class);

    pci->realize = left_on_realize;
    pci->exit = left_on_exit;
    pci->config_write = left_on_config_write;
    pci->vendor_id = PCI_VENDOR_ID_REDHAT;
    pci->device_id = 0x10F0;
    pci->class_id = PCI_CLASS_STORAGE_OTHER;
    DEVICE_CLASS(class)->desc = "a function that firmware left on";
    device_class_set_props(DEVICE_CLASS(class), left_on_properties);
    object_class_property_add_str(class, "truth", left_on_truth, NULL);
}

static CLASS_CONST InterfaceInfo left_on_interfaces[] = {{INTERFACE_CONVENTIONAL_PCI_DEVICE}, {}};

static const TypeInfo left_on_type = {
    .name = TYPE_LEFT_ON,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(LeftOnState),
    .class_init = left_on_class_init,
    .interfaces = left_on_interfaces,
};

void left_on_register(void)
{
    type_register_static(&left_on_type);
}
