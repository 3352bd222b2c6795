/* SPDX-License-Identifier: BSD-2-Clause
 * The arena for DMA memory. Pieces are pages of the kernel's memory, which are never freed; the
 * arena adds the iovas, the addresses under which cards access them.
 */
#include "arch/paging.h"
#include "kernel/log/log.h"
#include "kernel/memory/dma.h"
#include "kernel/memory/memory.h"

#define ALIGN_MAX   (2u << 20)
#define LARGE_BYTES (512u << 10) /* from here on a piece gets pages of 2 MiB under an IOMMU */

static bool is_translated;
/* Free iovas: the first range, then the upper half of the IOMMU's address space. With the 39 bits of
 * the smallest tables that starts at 256 GiB, above the RAM of most machines; in the first range
 * there is no RAM. So a physical address given to a card by mistake is not a valid iova. */
static struct range iovas[2];

void dma_translate(unsigned address_bits, struct range first)
{
    is_translated = true;
    iovas[0] = first;
    iovas[1] = (struct range){UINT64_C(1) << (address_bits - 1), UINT64_C(1) << address_bits};
}

static bool take_from(struct range *free, paddr_t paddr, size_t bytes, size_t align, iova_t *out)
{
    uint64_t at = ALIGN_UP(free->start, (uint64_t)align);

    if (at == paddr.v) /* on a machine with that much RAM */
        at += ALIGN_MAX;
    if (at > free->end || bytes > free->end - at)
        return false;
    free->start = at + bytes + PAGE_BYTES; /* a guard page: accesses past the end fault */
    out->v = at;
    return true;
}

static bool iova_take(paddr_t paddr, size_t bytes, size_t align, iova_t *out)
{
    if (!is_translated) {
        out->v = paddr.v;
        return true;
    }
    return take_from(&iovas[0], paddr, bytes, align, out) ||
           take_from(&iovas[1], paddr, bytes, align, out);
}

static enum err alloc(size_t bytes, size_t align, void *(*take)(size_t bytes, size_t align),
                      struct dma_buf *out)
{
    *out = (struct dma_buf){0};
    if (bytes == 0 || align < PAGE_BYTES || align > ALIGN_MAX || (align & (align - 1)) != 0) {
        log_error("dma: invalid request for %zu bytes aligned to %zu", bytes, align);
        return ERR_BAD_VALUE;
    }
    bytes = ALIGN_UP(bytes, (size_t)PAGE_BYTES);
    void *va = NULL;
    size_t large = ALIGN_UP(bytes, (size_t)ALIGN_MAX);
    /* The rest of the last 2 MiB page is wasted, so do this only while half of the memory stays
     * free.
     */
    if (is_translated && bytes >= LARGE_BYTES &&
        memory_free_bytes() >= memory_ram_bytes() / 2 + large) {
        va = take(large, ALIGN_MAX);
        if (va) {
            bytes = large;
            align = ALIGN_MAX;
        }
    }
    if (!va)
        va = take(bytes, align);
    if (!va) {
        log_error("dma: no %zu KiB aligned to %zu KiB left; %lu KiB are free in all", bytes / 1024,
                  align / 1024, memory_free_bytes() / 1024);
        return ERR_NO_MEMORY;
    }
    iova_t iova;
    if (!iova_take(paging_paddr(va), bytes, align, &iova)) {
        log_error("dma: no card addresses left below 0x%lx", iovas[1].end);
        return ERR_NO_MEMORY;
    }
    *out = (struct dma_buf){va, iova, bytes};
    return OK;
}

enum err dma_alloc(size_t bytes, size_t align, struct dma_buf *out)
{
    return alloc(bytes, align, memory_alloc, out);
}

/* With an IOMMU, a card that sends from these buffers must not see data that firmware left in them.
 * Without one, a misbehaving card can read all memory anyway, and any other card sends only bytes
 * that were written: zeroing megabytes would gain nothing. */
enum err dma_alloc_frames(size_t bytes, size_t align, struct dma_buf *out)
{
    return alloc(bytes, align, is_translated ? memory_alloc : memory_alloc_uninitialized, out);
}

enum err dma_grant(struct dma_domain *domain, const struct dma_buf *buf, enum dma_rights rights)
{
    if (!domain)
        return OK;
    return domain->map(domain, buf->iova, paging_paddr(buf->va), buf->bytes, rights);
}
