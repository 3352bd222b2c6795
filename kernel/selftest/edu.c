/* SPDX-License-Identifier: BSD-2-Clause
 * QEMU's `edu` device as an attacker: a device without a driver gets bus mastering and is made to
 * read and write memory outside its buffers. With an IOMMU every attempt must end in a fault (in
 * the interrupt range: reads return zeroes, writes are messages without effect), and no byte may
 * change. Facts: QEMU docs/specs/edu; start QEMU with -device edu,dma_mask=0xffff…
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "kernel/iommu/iommu.h"
#include "kernel/log/log.h"
#include "kernel/pci.h"
#include "kernel/selftest/selftest.h"

enum {
    EDU_VENDOR = 0x1234,
    EDU_DEVICE = 0x11E8,
    EDU_DMA_FROM = 0x80,
    EDU_DMA_TO = 0x88,
    EDU_DMA_COUNT = 0x90,
    EDU_DMA_COMMAND = 0x98,
    EDU_START = 1,
    EDU_TO_MEMORY = 2,
    EDU_BUFFER = 0x40000, /* its 4 KiB buffer, in its own address space */
    EDU_LIMIT_US = 2000000,
    POLL_US = 1000,
    BYTES = 64,
};

static unsigned tries, unfinished;

/* Make it copy BYTES between its buffer and the bus address. */
static void attempt(const struct pci_dev *pci, mmio_t regs, uint64_t address, bool to_memory)
{
    uint32_t waited_us = 0;

    pci_command(pci, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0); /* the last fault cleared it */
    mmio_write64(regs, EDU_DMA_FROM, to_memory ? EDU_BUFFER : address);
    mmio_write64(regs, EDU_DMA_TO, to_memory ? address : EDU_BUFFER);
    mmio_write64(regs, EDU_DMA_COUNT, BYTES);
    mmio_write64(regs, EDU_DMA_COMMAND, EDU_START | (to_memory ? EDU_TO_MEMORY : 0));
    while (mmio_read64(regs, EDU_DMA_COMMAND) & EDU_START) {
        tsc_wait_us(POLL_US);
        if ((waited_us += POLL_US) >= EDU_LIMIT_US) {
            unfinished++;
            break;
        }
    }
    tries++;
    (void)iommu_poll(); /* logs the fault */
}

static uint64_t sum(paddr_t at)
{
    const uint64_t *words = paging_pointer(at);
    uint64_t all = 0;

    for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
        all = all * 31 + words[i];
    return all;
}

static void attack(const struct pci_dev *pci, void *context)
{
    unsigned *changed = context;
    uint64_t bytes;
    mmio_t regs;
    /* The CPU's page tables, a page of the heap (behind the image), a data page of the image; the
     * iovas of ports' buffers; beyond 39 and 48 bits; the interrupt range. */
    const paddr_t tables = {cpu_cr3_read() & ~(uint64_t)(PAGE_BYTES - 1)}, heap = {0x400000};
    const uint64_t targets[] = {tables.v,
                                heap.v,
                                paging_image_paddr(image_data_start).v,
                                UINT64_C(1) << 38,
                                UINT64_C(1) << 39,
                                UINT64_C(1) << 48,
                                0xFEE00000};

    if (pci->vendor_id != EDU_VENDOR || pci->device_id != EDU_DEVICE ||
        pci_map_bar(pci, 0, &regs, &bytes) != OK)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
        for (unsigned to_memory = 0; to_memory < 2; to_memory++) {
            /* Only the first word of the data page, as counters elsewhere in it change. */
            const uint64_t *word = (const uint64_t *)image_data_start;
            uint64_t before[] = {sum(tables), sum(heap), __atomic_load_n(word, __ATOMIC_RELAXED)};
            attempt(pci, regs, targets[i], to_memory);
            *changed += before[0] != sum(tables) || before[1] != sum(heap) ||
                        before[2] != __atomic_load_n(word, __ATOMIC_RELAXED);
        }
    pci_command(pci, 0, PCI_COMMAND_MASTER);
}

void selftest_edu(void)
{
    unsigned changed = 0;

    tries = unfinished = 0;
    pci_scan(attack, &changed);
    log_info("selftest: edu tried %u times, %u unfinished, %u places changed", tries, unfinished,
             changed);
}
