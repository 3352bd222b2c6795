/* SPDX-License-Identifier: BSD-2-Clause
 * A VT-d unit's registers. See the header.
 */
#include "arch/vtd.h"
#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "kernel/lib/fmt.h"

/* Offsets and fields; chapter 11 of the specification. */
/* clang-format off */
#define VER                 0x00 /* RO */
#define VER_MAJOR(v)        ((v) >> 4 & 15)
#define CAP                 0x08 /* RO, 64 bits */
#define CAP_ND(v)           ((v) & 7) /* 4 + 2n bits of domain number */
#define CAP_RWBF            BIT64(4)
#define CAP_PLMR            BIT64(5)
#define CAP_PHMR            BIT64(6)
#define CAP_CM              BIT64(7)
#define CAP_MGAW(v)         (((v) >> 16 & 63) + 1)
#define CAP_ZLR             BIT64(22)
#define CAP_FRO(v)          ((uint32_t)((v) >> 24 & 0x3FF) * 16)
#define CAP_SLLPS(level)    BIT64(34 + (level) - 2)
#define CAP_NFR(v)          ((uint32_t)((v) >> 40 & 0xFF) + 1)
#define ECAP                0x10 /* RO, 64 bits */
#define ECAP_C              BIT64(0)
#define ECAP_QI             BIT64(1)
#define ECAP_IR             BIT64(3)
#define ECAP_EIM            BIT64(4)
#define ECAP_IRO(v)         ((uint32_t)((v) >> 8 & 0x3FF) * 16)
#define GCMD                0x18 /* WO */
#define GSTS                0x1C /* RO; the same bits as GCMD */
#define GSTS_KEPT           0x96FFFFFFu /* a write must repeat these; the others are one-shot */
#define G_TE                BIT(31)
#define G_SRTP              BIT(30)
#define G_WBF               BIT(27)
#define G_QIE               BIT(26)
#define G_IRE               BIT(25)
#define G_SIRTP             BIT(24)
#define G_CFI               BIT(23)
#define RTADDR              0x20 /* RW, 64 bits; [11:10] 0: legacy mode */
#define CCMD                0x28 /* RW, 64 bits */
#define CCMD_ICC            BIT64(63) /* SC */
#define CCMD_GLOBAL         BIT64(61)
#define CCMD_DONE_SHIFT     59 /* 2 bits; 0: nothing was done */
#define FSTS                0x34 /* W1C */
#define FSTS_PFO            BIT(0)
#define FSTS_PPF            BIT(1) /* RO: a fault record is pending */
#define FSTS_IQE            BIT(4)
#define FSTS_QUEUE          FIELD(6, 4) /* IQE, ICE, ITE */
#define FSTS_CLEAR          (FSTS_PFO | FSTS_QUEUE | BIT(2) | BIT(3) | BIT(7))
#define FSTS_FRI(v)         ((v) >> 8 & 0xFF)
#define FECTL               0x38 /* RW; FEDATA 3Ch, FEADDR 40h: the message that reports faults */
#define IECTL               0xA0 /* RW; the same for the invalidation queue */
#define ECTL_IM             BIT(31) /* no message is sent; set by reset */
#define PMEN                0x64
#define PMEN_EPM            BIT(31) /* RW */
#define PMEN_PRS            BIT(0)  /* RO */
#define IQH                 0x80 /* RO, 64 bits, byte offset */
#define IQT                 0x88 /* RW, 64 bits, byte offset */
#define IQA                 0x90 /* RW, 64 bits; [2:0] 0: 256 descriptors */
#define IRTA                0xB8 /* RW, 64 bits */
#define IRTA_EIME           BIT64(11)
#define IOTLB               8 /* from ECAP.IRO; RW, 64 bits */
#define IOTLB_IVT           BIT64(63) /* SC */
#define IOTLB_GLOBAL        BIT64(60)
#define IOTLB_DRAIN         (BIT64(49) | BIT64(48))
#define IOTLB_DONE_SHIFT    57 /* 2 bits; 0: nothing was done */
#define FRCD_BYTES          16 /* from CAP.FRO */
#define FRCD_HIGH           12
#define FRCD_F              BIT(31) /* W1C, in the last word */
/* clang-format on */

/* Descriptors of the queue: low words. */
#define QI_CONTEXT_GLOBAL   0x11
#define QI_IOTLB_GLOBAL     (0x12 | BIT(6) | BIT(7)) /* and drain writes, drain reads */
#define QI_INTERRUPT_GLOBAL 0x04
#define QI_WAIT             (0x05 | BIT(5)) /* write [63:32] to the address in the high word */

enum {
    REGISTERS_FIRST = 4096,
    QUEUE_SLOTS = 256,
    LIMIT_NS = 1000000000, /* of every wait; units need microseconds */
};

#define WRONG(...) fmt_print(unit->wrong, sizeof(unit->wrong), __VA_ARGS__)

unsigned vtd_address_bits(const struct vtd_unit *unit)
{
    return MIN((unsigned)CAP_MGAW(unit->cap), 12 + 9 * vtd_levels(unit->cap));
}

unsigned vtd_domains(const struct vtd_unit *unit)
{
    return 1u << MIN(4 + 2 * CAP_ND(unit->cap), 16u);
}

bool vtd_has_pages(const struct vtd_unit *unit, unsigned level)
{
    return unit->cap & CAP_SLLPS(level);
}

/* --- waiting --- */

/* Wait until (register & mask) == want, at most LIMIT_NS. */
static enum err wait(struct vtd_unit *unit, uint32_t offset, uint32_t mask, uint32_t want,
                     const char *name)
{
    uint64_t end_ns = tsc_now_ns() + LIMIT_NS;

    for (;;) {
        bool is_last = tsc_now_ns() >= end_ns;
        uint32_t value = mmio_read32(unit->regs, offset);
        if ((value & mask) == want && value != 0xFFFFFFFFu)
            return OK;
        if (is_last) {
            WRONG("%s (0x%02x) reads 0x%08x after %u ms, 0x%08x of 0x%08x expected", name, offset,
                  value, LIMIT_NS / 1000000, want, mask);
            return ERR_TIMEOUT;
        }
        cpu_pause();
    }
}

struct vtd_words vtd_words(const struct vtd_unit *unit)
{
    return (struct vtd_words){
        .version = mmio_read32(unit->regs, VER),
        .cap = mmio_read64(unit->regs, CAP),
        .ecap = mmio_read64(unit->regs, ECAP),
        .gsts = mmio_read32(unit->regs, GSTS),
        .fsts = mmio_read32(unit->regs, FSTS),
    };
}

/* Set or clear one command bit in GCMD, and wait until GSTS confirms it. */
static enum err command(struct vtd_unit *unit, uint32_t bit, bool on, bool wait_for)
{
    uint32_t now = mmio_read32(unit->regs, GSTS) & GSTS_KEPT;

    mmio_write32(unit->regs, GCMD, on ? now | bit : now & ~bit);
    return wait(unit, GSTS, bit, wait_for ? bit : 0, "GSTS");
}

/* --- opening a unit, and taking it over from a loader --- */

enum err vtd_open(struct vtd_unit *unit, paddr_t base, uint32_t bytes)
{
    *unit = (struct vtd_unit){.base = base};
    enum err err = paging_map_device(base, REGISTERS_FIRST, &unit->regs);
    if (err) {
        WRONG("its page of registers %s", paging_refusal(err, base, REGISTERS_FIRST));
        return err;
    }
    unit->version = mmio_read32(unit->regs, VER);
    unit->cap = mmio_read64(unit->regs, CAP);
    unit->ecap = mmio_read64(unit->regs, ECAP);
    if (unit->version == 0xFFFFFFFFu || unit->cap == UINT64_MAX || unit->ecap == UINT64_MAX ||
        (unit->cap == 0 && unit->ecap == 0)) {
        WRONG("VER reads 0x%08x, CAP 0x%016lx, ECAP 0x%016lx: no unit answers", unit->version,
              unit->cap, unit->ecap);
        return ERR_NO_DEVICE;
    }
    if (vtd_levels(unit->cap) == 0) {
        WRONG("CAP reads 0x%016lx: it supports neither 3 nor 4 levels of tables", unit->cap);
        return ERR_UNSUPPORTED;
    }
    unit->has_queue = unit->ecap & ECAP_QI;
    if (!unit->has_queue && VER_MAJOR(unit->version) >= 6) {
        WRONG("VER 0x%02x without queued invalidation (ECAP 0x%016lx): no way to invalidate",
              unit->version, unit->ecap);
        return ERR_UNSUPPORTED;
    }
    uint32_t end =
        MAX(CAP_FRO(unit->cap) + FRCD_BYTES * CAP_NFR(unit->cap), ECAP_IRO(unit->ecap) + 16);
    bytes = ALIGN_UP(MAX(bytes, end), (uint32_t)PAGE_BYTES);
    if (bytes > REGISTERS_FIRST) {
        paddr_t rest = {base.v + REGISTERS_FIRST};
        err = paging_extend_device(bytes - REGISTERS_FIRST);
        if (err) {
            WRONG("the last of its 0x%x bytes of registers %s", bytes,
                  paging_refusal(err, rest, bytes - REGISTERS_FIRST));
            return err;
        }
    }
    unit->is_coherent = unit->ecap & ECAP_C;
    unit->is_caching = unit->cap & CAP_CM;
    unit->wants_flush = unit->cap & CAP_RWBF;
    unit->has_zlr = unit->cap & CAP_ZLR;
    unit->can_remap_interrupts = unit->has_queue && (unit->ecap & ECAP_IR);
    unit->has_x2apic = unit->ecap & ECAP_EIM;
    return OK;
}

enum err vtd_take_over(struct vtd_unit *unit)
{
    uint32_t status = mmio_read32(unit->regs, GSTS);
    enum err err = OK;

    if (status & G_TE)
        err = command(unit, G_TE, false, false);
    if (!err && (status & G_QIE)) {
        /* The loader's last requests: the queue may be disabled once it is empty. */
        uint32_t tail = mmio_read32(unit->regs, IQT);
        if (!(mmio_read32(unit->regs, FSTS) & FSTS_IQE))
            err = wait(unit, IQH, 0xFFFFFFFFu, tail, "IQH");
        if (!err)
            err = command(unit, G_QIE, false, false);
    }
    if (err)
        return err;
    /* Faults are polled; the loader's message would raise a vector that is used otherwise now. */
    mmio_write32(unit->regs, FECTL, ECTL_IM);
    if (unit->has_queue)
        mmio_write32(unit->regs, IECTL, ECTL_IM);
    for (uint32_t i = 0; i < CAP_NFR(unit->cap); i++)
        mmio_write32(unit->regs, CAP_FRO(unit->cap) + FRCD_BYTES * i + FRCD_HIGH, FRCD_F);
    mmio_write32(unit->regs, FSTS, FSTS_CLEAR);
    return OK;
}

enum err vtd_start(struct vtd_unit *unit, void *queue, void *status)
{
    enum err err = OK;

    if (unit->has_queue) {
        unit->queue = queue;
        unit->status = status;
        mmio_write64(unit->regs, IQT, 0);
        mmio_write64(unit->regs, IQA, paging_paddr(queue).v);
        err = command(unit, G_QIE, true, true);
    }
    if (err || !(mmio_read32(unit->regs, GSTS) & G_IRE))
        return err;
    /* The loader left interrupt remapping on. Its cache is emptied first, then it is disabled. The
     * entry format (EIME) survives that; vtd_remap sets it together with our table. */
    if (unit->has_queue)
        err = vtd_invalidate_interrupts(unit);
    return err ? err : command(unit, G_IRE, false, false);
}

/* --- invalidation --- */

void vtd_flush_entries(const struct vtd_unit *unit, const void *entry, size_t bytes)
{
    const char *line = (const char *)((uintptr_t)entry & ~(uintptr_t)(CACHE_LINE_BYTES - 1));

    if (unit->is_coherent)
        return;
    for (; line < (const char *)entry + bytes; line += CACHE_LINE_BYTES)
        cpu_flush_line(line);
    cpu_fence();
}

static void put(struct vtd_unit *unit, uint64_t low, uint64_t high)
{
    struct vtd_entry *slot = &unit->queue[unit->tail];

    *slot = (struct vtd_entry){low, high};
    vtd_flush_entries(unit, slot, sizeof(*slot));
    unit->tail = (unit->tail + 1) % QUEUE_SLOTS;
}

/* Submit the descriptors that were put, and wait until the unit has completed them all. The queue
 * is empty before and after, so a batch of fewer than QUEUE_SLOTS always fits. */
static enum err finish(struct vtd_unit *unit)
{
    uint32_t wanted = ++unit->sequence;
    uint64_t end_ns = tsc_now_ns() + LIMIT_NS;

    put(unit, QI_WAIT | (uint64_t)wanted << 32, paging_paddr(unit->status).v);
    mmio_write64(unit->regs, IQT, unit->tail * sizeof(struct vtd_entry));
    for (;;) {
        bool is_last = tsc_now_ns() >= end_ns;
        if (dma_load32(unit->status) == wanted)
            return OK;
        uint32_t faults = mmio_read32(unit->regs, FSTS);
        if (is_last || (faults & FSTS_QUEUE)) {
            WRONG("the queue is stuck: IQH reads 0x%lx, IQT 0x%lx, FSTS 0x%08x",
                  mmio_read64(unit->regs, IQH), mmio_read64(unit->regs, IQT), faults);
            return ERR_TIMEOUT;
        }
        cpu_pause();
    }
}

/* Invalidate through a register, in units without a queue. It then shows what was invalidated. */
static enum err by_register(struct vtd_unit *unit, uint32_t offset, uint64_t value, uint64_t busy,
                            unsigned done_shift, const char *name)
{
    mmio_write64(unit->regs, offset, value | busy);
    enum err err = wait(unit, offset + 4, (uint32_t)(busy >> 32), 0, name);
    if (err)
        return err;
    uint64_t answer = mmio_read64(unit->regs, offset);
    if ((answer >> done_shift & 3) == 0) {
        WRONG("%s (0x%02x) reads 0x%016lx: nothing was invalidated", name, offset, answer);
        return ERR_BAD_VALUE;
    }
    return OK;
}

enum err vtd_invalidate(struct vtd_unit *unit)
{
    unit->invalidations += 2;
    if (unit->has_queue) {
        /* In this order: a translation may be cached under a context entry that was removed. */
        put(unit, QI_CONTEXT_GLOBAL, 0);
        put(unit, QI_IOTLB_GLOBAL, 0);
        return finish(unit);
    }
    enum err err = by_register(unit, CCMD, CCMD_GLOBAL, CCMD_ICC, CCMD_DONE_SHIFT, "CCMD");
    if (err)
        return err;
    return by_register(unit, ECAP_IRO(unit->ecap) + IOTLB, IOTLB_GLOBAL | IOTLB_DRAIN, IOTLB_IVT,
                       IOTLB_DONE_SHIFT, "IOTLB");
}

enum err vtd_invalidate_interrupts(struct vtd_unit *unit)
{
    unit->invalidations++;
    put(unit, QI_INTERRUPT_GLOBAL, 0);
    return finish(unit);
}

enum err vtd_entries_added(struct vtd_unit *unit)
{
    if (unit->is_caching)
        return vtd_invalidate(unit); /* it flushes the write buffer as well */
    return unit->wants_flush ? command(unit, G_WBF, true, false) : OK;
}

/* --- translation --- */

enum err vtd_set_root(struct vtd_unit *unit, paddr_t root)
{
    mmio_write64(unit->regs, RTADDR, root.v);
    enum err err = command(unit, G_SRTP, true, true);
    return err ? err : vtd_invalidate(unit);
}

enum err vtd_translate(struct vtd_unit *unit)
{
    enum err err = command(unit, G_TE, true, true);

    if (err)
        return err;
    unit->is_translating = true;
    if (!(unit->cap & (CAP_PLMR | CAP_PHMR)) || !(mmio_read32(unit->regs, PMEN) & PMEN_EPM))
        return OK;
    mmio_write32(unit->regs, PMEN, mmio_read32(unit->regs, PMEN) & ~PMEN_EPM);
    return wait(unit, PMEN, PMEN_PRS, 0, "PMEN");
}

enum err vtd_remap(struct vtd_unit *unit, paddr_t table, unsigned bits, bool is_x2apic)
{
    mmio_write64(unit->regs, IRTA, table.v | (is_x2apic ? IRTA_EIME : 0) | (bits - 1));
    enum err err = command(unit, G_SIRTP, true, true);
    if (!err)
        err = vtd_invalidate_interrupts(unit);
    if (!err && (mmio_read32(unit->regs, GSTS) & G_CFI))
        err = command(unit, G_CFI, false, false);
    if (!err)
        err = command(unit, G_IRE, true, true);
    if (err)
        return err;
    uint32_t status = mmio_read32(unit->regs, GSTS);
    if (status & G_CFI) {
        WRONG("GSTS reads 0x%08x: compatibility-format interrupts still pass (CFIS)", status);
        return ERR_BAD_VALUE;
    }
    unit->is_remapping = true;
    return OK;
}

enum err vtd_remap_off(struct vtd_unit *unit)
{
    unit->is_remapping = false;
    return command(unit, G_IRE, false, false);
}

/* --- faults --- */

unsigned vtd_faults(struct vtd_unit *unit, void (*visit)(void *context, const struct vtd_fault *),
                    void *context, bool *lost, bool *is_gone)
{
    uint32_t status = mmio_read32(unit->regs, FSTS), n = CAP_NFR(unit->cap);
    unsigned found = 0;

    *is_gone = status == 0xFFFFFFFFu;
    *lost = !*is_gone && (status & FSTS_PFO);
    if (*is_gone || !(status & (FSTS_PPF | FSTS_PFO)))
        return 0;
    /* From the record that FSTS.FRI names on, while they are valid; at most once around. */
    for (uint32_t i = FSTS_FRI(status) % n; found < n; i = (i + 1) % n, found++) {
        uint32_t at = CAP_FRO(unit->cap) + FRCD_BYTES * i;
        struct vtd_fault fault;
        if (!vtd_fault_decode(mmio_read64(unit->regs, at), mmio_read64(unit->regs, at + 8), &fault))
            break;
        mmio_write32(unit->regs, at + FRCD_HIGH, FRCD_F);
        visit(context, &fault);
    }
    if (*lost)
        mmio_write32(unit->regs, FSTS, FSTS_PFO);
    return found;
}
