/* SPDX-License-Identifier: BSD-2-Clause
 * PCI functions: finding them, their configuration space, their memory.
 */
#ifndef KERNEL_PCI_H
#define KERNEL_PCI_H

#include "arch/mmio.h"
#include "arch/types.h"
#include "kernel/lib/ranges.h"

#define PCI_VENDOR           0x00
#define PCI_DEVICE           0x02
#define PCI_COMMAND          0x04
#define PCI_COMMAND_IO       BIT(0)
#define PCI_COMMAND_MEMORY   BIT(1)
#define PCI_COMMAND_MASTER   BIT(2)
#define PCI_COMMAND_INTX_OFF BIT(10)
#define PCI_STATUS           0x06
#define PCI_REVISION         0x08
#define PCI_EXTENDED_ACS     0x000D
#define PCI_EXTENDED_ATS     0x000F
#define PCI_CAP_PM           0x01
#define PCI_CAP_MSI          0x05
#define PCI_CAP_EXPRESS      0x10
#define PCI_CAP_MSIX         0x11

/* One function: its location and identity. May be copied. */
struct pci_dev {
    mmio_t ecam; /* its 4 KiB of ECAM; base 0 if only ports CF8h/CFCh reach it */
    uint16_t segment;
    uint8_t bus, device, function;
    uint16_t vendor_id, device_id;
    uint8_t class_code, subclass, revision, header_type;
};

/* The ECAM window of a segment, as MCFG gives it. */
struct pci_ecam {
    paddr_t base; /* of bus 0 of the segment */
    uint16_t segment;
    uint8_t first_bus, last_bus;
};

#define PCI_WINDOWS_MAX 16u

/* Access configuration space through these n windows, and the buses of segment 0 outside of them
 * through the two ports. A window that cannot be used costs a warning. Boot CPU. */
void pci_init(const struct pci_ecam *ecams, unsigned n);
/* Call visit for each function that answers, in bus order, segment 0 first; bounded by the number of
 * buses. */
void pci_scan(void (*visit)(const struct pci_dev *dev, void *context), void *context);
/* Make a pci_dev for a function, present or not, only for access to its configuration space. False:
 * that segment or bus is out of reach. */
bool pci_at(unsigned segment, unsigned bus, unsigned device, unsigned function,
            struct pci_dev *out);

/* The same for one bus of segment 0 through the two ports, before pci_init too. */
void pci_scan_bus_by_ports(unsigned bus, void (*visit)(const struct pci_dev *dev, void *context),
                           void *context);
/* How many ECAM windows are in use; 0: all by the two ports. */
unsigned pci_windows(void);

bool pci_is_bridge(const struct pci_dev *dev);
/* The n-th range of memory addresses (0: plain, 1: prefetchable) that the bridge passes on to the
 * buses below it. False: it is closed, or there is none of that number. */
bool pci_bridge_window(const struct pci_dev *bridge, unsigned n, struct range *out);
/* Is dev on a bus below this bridge? */
bool pci_is_above(const struct pci_dev *bridge, const struct pci_dev *dev);

/* Access configuration space; offset 0..4095 by ECAM, 0..255 by ports (reads beyond return all
 * ones, writes do nothing). */
uint8_t pci_read8(const struct pci_dev *dev, uint32_t offset);
uint16_t pci_read16(const struct pci_dev *dev, uint32_t offset);
uint32_t pci_read32(const struct pci_dev *dev, uint32_t offset);
void pci_write16(const struct pci_dev *dev, uint32_t offset, uint16_t value);
void pci_write32(const struct pci_dev *dev, uint32_t offset, uint32_t value);

/* Offset of a capability, 0 if absent; follows at most 48 list entries. */
uint32_t pci_capability(const struct pci_dev *dev, uint8_t id);

/* Offset of an extended capability, 0 if absent or out of reach; bounded. */
uint32_t pci_extended(const struct pci_dev *dev, uint16_t id);
/* Make all requests of the function pass through the IOMMU: disable ATS, with which it could send
 * addresses as already translated, and enable ACS in the bridges above it, so that they forward its
 * requests upstream and never to another function below them. Returns how many bridges lack
 * ACS, or do not keep it when it is written: each of the latter after one warning. */
unsigned pci_isolate(const struct pci_dev *dev);

/* Map memory BAR n (0..5; of a 64-bit BAR the low half) uncached; *bytes gets its size. Decoding is
 * off while it is sized. ERR_BAD_VALUE: an I/O BAR, size 0 or over 64 MiB, or no address assigned,
 * and the errors of paging_map_device; each after one log line. */
enum err pci_map_bar(const struct pci_dev *dev, unsigned n, mmio_t *out,
                     uint64_t *bytes) MUST_CHECK;

/* Set and clear bits of the command register. Setting PCI_COMMAND_MASTER sets it in the bridges
 * above as well, which otherwise do not forward the function's requests. */
void pci_command(const struct pci_dev *dev, uint16_t set, uint16_t clear);

#endif
