/* SPDX-License-Identifier: BSD-2-Clause
 * DMA memory: what cards may access. It is allocated once, at start, from the arena. A grant lets
 * one card access one piece in one direction. Nothing is ever freed.
 */
#ifndef KERNEL_MEMORY_DMA_H
#define KERNEL_MEMORY_DMA_H

#include "arch/types.h"
#include "kernel/lib/ranges.h"

/* One piece: its address for the CPU and for cards. The iova is the same for every card that it is
 * granted to, so that rings with its address can be shared between ports. */
struct dma_buf {
    void *va;
    iova_t iova;
    size_t bytes;
};

/* What a card may do with a piece. */
enum dma_rights { DMA_READ = 1, DMA_WRITE = 2, DMA_READ_WRITE = 3 };

/* The pages that one card may access: the first member of a struct of the IOMMU driver, which
 * creates it. NULL stands for a card that no IOMMU confines: grants then do nothing. */
struct dma_domain {
    enum err (*map)(struct dma_domain *domain, iova_t iova, paddr_t paddr, size_t bytes,
                    enum dma_rights rights);
};

/* Use iovas of at most address_bits bits, for an IOMMU that is on: those of `first` (no memory, no
 * device; may be empty) while they last, then the upper half of all. From now on the iova of a piece
 * is never its physical address, and large pieces get 2 MiB pages that hold nothing else, as long
 * as half of the memory is free. Without this call iova = physical address. Boot CPU, before the
 * first dma_alloc. */
void dma_translate(unsigned address_bits, struct range first);

/* Allocate `bytes` bytes (rounded up to pages) of zeroed memory, aligned to `align` bytes (a power
 * of two, at least PAGE_BYTES, at most 2 MiB). Boot CPU, before the loops start. ERR_BAD_VALUE,
 * ERR_NO_MEMORY, each after one log line. */
enum err dma_alloc(size_t bytes, size_t align, struct dma_buf *out) MUST_CHECK;

/* The same for frame buffers, of which only bytes that were written are sent: zeroed only if an
 * IOMMU is on. */
enum err dma_alloc_frames(size_t bytes, size_t align, struct dma_buf *out) MUST_CHECK;

/* Give the card of `domain` these rights to the piece. Before start only; grants never change. */
enum err dma_grant(struct dma_domain *domain, const struct dma_buf *buf,
                   enum dma_rights rights) MUST_CHECK;

#endif
