/* SPDX-License-Identifier: BSD-2-Clause
 * Memory that cards may see. It is taken once, at start, from the arena; it is shown to a card only
 * by a grant, to that card only and in that direction only. Nothing is ever given back.
 */
#ifndef KERNEL_MEMORY_DMA_H
#define KERNEL_MEMORY_DMA_H

#include "arch/types.h"

/* One piece: the CPU's view and the cards' view of the same bytes. The iova is the same for every
 * card that it is granted to, so that rings holding it can be shared between ports. */
struct dma_buf {
    void *va;
    iova_t iova;
    size_t bytes;
};

/* What a card may do with a piece. */
enum dma_rights { DMA_READ = 1, DMA_WRITE = 2, DMA_READ_WRITE = 3 };

/* The pages that one card may touch; made by whoever brings up the IOMMU, as the first member of a
 * struct of its own. NULL stands for a card that no IOMMU confines: grants then cost and change
 * nothing. */
struct dma_domain {
    enum err (*map)(struct dma_domain *domain, iova_t iova, paddr_t paddr, size_t bytes,
                    enum dma_rights rights);
};

/* An IOMMU is on that takes addresses of so many bits: pieces taken from now on have an iova of
 * their own, never their physical address, and large ones stand in pages of 2 MiB that hold nothing
 * else, as long as half of the memory is free. Until then iova = physical address. Boot CPU, before
 * the first dma_alloc. */
void dma_translate(unsigned address_bits);

/* Take `bytes` (any number; rounded up to pages) of zeroed arena memory, aligned to `align` bytes
 * (a power of two, at least PAGE_BYTES, at most 2 MiB). Boot CPU, before the loops start.
 * ERR_NO_MEMORY after one log line. */
enum err dma_alloc(size_t bytes, size_t align, struct dma_buf *out) MUST_CHECK;

/* The same for buffers of frames, which are sent no further than they were filled: zeroed only if
 * an IOMMU is on. */
enum err dma_alloc_frames(size_t bytes, size_t align, struct dma_buf *out) MUST_CHECK;

/* Let the card of `domain` do `rights` to the piece. Before start only; grants never change. */
enum err dma_grant(struct dma_domain *domain, const struct dma_buf *buf,
                   enum dma_rights rights) MUST_CHECK;

#endif
