/* SPDX-License-Identifier: BSD-2-Clause
 * PCI functions: finding them, their configuration space, their memory.
 */
#ifndef KERNEL_PCI_H
#define KERNEL_PCI_H

#include "arch/mmio.h"
#include "arch/types.h"

#define PCI_VENDOR           0x00
#define PCI_DEVICE           0x02
#define PCI_COMMAND          0x04
#define PCI_COMMAND_IO       BIT(0)
#define PCI_COMMAND_MEMORY   BIT(1)
#define PCI_COMMAND_MASTER   BIT(2)
#define PCI_COMMAND_INTX_OFF BIT(10)
#define PCI_STATUS           0x06
#define PCI_EXTENDED_ACS     0x000D
#define PCI_EXTENDED_ATS     0x000F
#define PCI_CAP_PM           0x01
#define PCI_CAP_MSI          0x05
#define PCI_CAP_EXPRESS      0x10
#define PCI_CAP_MSIX         0x11

/* One function. Copy freely; it holds no state but where it is. */
struct pci_dev {
    mmio_t ecam; /* its 4 KiB of ECAM; base 0 where only ports 0xCF8/0xCFC reach it */
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

/* Choose the way to configuration space: this window, or with NULL the two ports. Boot CPU. */
void pci_init(const struct pci_ecam *ecam);
/* Call visit for each function that answers, in bus order; bounded by the bus numbers there are. */
void pci_scan(void (*visit)(const struct pci_dev *dev, void *context), void *context);
/* The place of a function, whether or not one is there; only for reading and writing its
 * configuration space. False: no way to that segment or bus. */
bool pci_at(unsigned segment, unsigned bus, unsigned device, unsigned function,
            struct pci_dev *out);

/* Switch bus mastering off in every function, bridges included, and count what is there. Boot CPU,
 * after pci_init, before any driver. */
struct pci_found {
    unsigned functions, bridges, masters; /* masters: had bus mastering on */
    bool by_ecam;
};
struct pci_found pci_silence(void);

/* Configuration space; offset 0..4095 by ECAM, 0..255 by ports (reads beyond give all ones). */
uint8_t pci_read8(const struct pci_dev *dev, uint32_t offset);
uint16_t pci_read16(const struct pci_dev *dev, uint32_t offset);
uint32_t pci_read32(const struct pci_dev *dev, uint32_t offset);
void pci_write16(const struct pci_dev *dev, uint32_t offset, uint16_t value);
void pci_write32(const struct pci_dev *dev, uint32_t offset, uint32_t value);

/* Offset of a capability, 0 if absent; at most 48 steps are taken. */
uint32_t pci_capability(const struct pci_dev *dev, uint8_t id);

/* Offset of an extended capability, 0 if absent or out of reach; bounded. */
uint32_t pci_extended(const struct pci_dev *dev, uint16_t id);
/* Keep the function to the ways that an IOMMU sees: it may not send addresses that it claims to have
 * translated itself (ATS off), and the bridges above it send everything upstream, never sideways to
 * another function (ACS on, as far as they can). Returns how many bridges above lack ACS. */
unsigned pci_isolate(const struct pci_dev *dev);

/* Map memory BAR n (0..5, the low half of a 64-bit one) uncached. Sizes it with decoding off.
 * ERR_BAD_VALUE: an I/O BAR, size 0, or no address assigned, after one log line. */
enum err pci_map_bar(const struct pci_dev *dev, unsigned n, mmio_t *out,
                     uint64_t *bytes) MUST_CHECK;

/* Set and clear bits of the command register. Setting PCI_COMMAND_MASTER sets it in the bridges
 * above as well, which would otherwise hold back what the function sends. */
void pci_command(const struct pci_dev *dev, uint16_t set, uint16_t clear);

#endif
