/* SPDX-License-Identifier: BSD-2-Clause
 * QEMU's `edu` device as a burglar: a card that nobody drives is given bus mastering and told to
 * read and write memory that is not its own. With an IOMMU every attempt must end as a fault, and
 * no byte may change. Facts: QEMU docs/specs/edu; start QEMU with -device edu,dma_mask=0xffff…
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "kernel/iommu.h"
#include "kernel/log.h"
#include "kernel/pci.h"
#include "kernel/selftest.h"

enum {
    EDU_VENDOR = 0x1234,
    EDU_DEVICE = 0x11E8,
    EDU_DMA_FROM = 0x80,
    EDU_DMA_TO = 0x88,
    EDU_DMA_COUNT = 0x90,
    EDU_DMA_COMMAND = 0x98,
    EDU_START = 1,
    EDU_TO_MEMORY = 2,
    EDU_BUFFER = 0x40000, /* its own 4 KiB, as it numbers them */
    EDU_LIMIT_US = 2000000,
    LOOK_US = 1000,
    BYTES = 64,
};

static unsigned tries, unfinished;

/* Let it copy BYTES between its buffer and the bus address. */
static void attempt(const struct pci_dev *pci, mmio_t regs, uint64_t address, bool to_memory)
{
    uint32_t waited_us = 0;

    pci_command(pci, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0); /* a fault took it away */
    mmio_write64(regs, EDU_DMA_FROM, to_memory ? EDU_BUFFER : address);
    mmio_write64(regs, EDU_DMA_TO, to_memory ? address : EDU_BUFFER);
    mmio_write64(regs, EDU_DMA_COUNT, BYTES);
    mmio_write64(regs, EDU_DMA_COMMAND, EDU_START | (to_memory ? EDU_TO_MEMORY : 0));
    while (mmio_read64(regs, EDU_DMA_COMMAND) & EDU_START) {
        tsc_wait_us(LOOK_US);
        if ((waited_us += LOOK_US) >= EDU_LIMIT_US) {
            unfinished++;
            break;
        }
    }
    tries++;
    (void)iommu_poll(); /* tells of the fault, in words */
}

static uint64_t sum(paddr_t at)
{
    const uint64_t *words = paging_pointer(at);
    uint64_t all = 0;

    for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
        all = all * 31 + words[i];
    return all;
}

static void burgle(const struct pci_dev *pci, void *context)
{
    unsigned *changed = context;
    uint64_t bytes;
    mmio_t regs;
    /* RAM: a data page of the image, the tables that the CPU runs on, some page of the heap. */
    const paddr_t ram[] = {paging_image_paddr(image_data_start),
                           {cpu_cr3_read() & ~(uint64_t)(PAGE_BYTES - 1)},
                           {0x200000}};
    /* What is no RAM: where ports' buffers will be, beyond 39 and 48 bits. */
    const uint64_t elsewhere[] = {UINT64_C(1) << 38, UINT64_C(1) << 39, UINT64_C(1) << 48};

    if (pci->vendor_id != EDU_VENDOR || pci->device_id != EDU_DEVICE ||
        pci_map_bar(pci, 0, &regs, &bytes) != OK)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(ram); i++)
        for (unsigned to_memory = 0; to_memory < 2; to_memory++) {
            uint64_t before = i == 0 ? 0 : sum(ram[i]); /* counters live in the first */
            uint64_t word = *(const uint64_t *)image_data_start;
            attempt(pci, regs, ram[i].v, to_memory);
            *changed += i == 0 ? word != *(const uint64_t *)image_data_start
                               : before != sum(ram[i]);
        }
    for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
        for (unsigned to_memory = 0; to_memory < 2; to_memory++)
            attempt(pci, regs, elsewhere[i], to_memory);
    pci_command(pci, 0, PCI_COMMAND_MASTER);
}

void selftest_edu(void)
{
    unsigned changed = 0;

    tries = unfinished = 0;
    pci_scan(burgle, &changed);
    log_info("selftest: edu tried %u times, %u unfinished, %u places changed", tries, unfinished,
             changed);
}
