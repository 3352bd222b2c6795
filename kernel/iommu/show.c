/* SPDX-License-Identifier: BSD-2-Clause
 * `show iommu`: units, interrupts, and every page that a port may access, read from the tables.
 */
#include "kernel/console/command.h"
#include "kernel/iommu/internal.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/slice.h"

struct row {
    const struct call *call;
    const struct iommu_domain *domain;
};

static void show_mapping(void *context, iova_t iova, paddr_t paddr, uint64_t bytes, unsigned rights)
{
    const struct row *row = context;
    const char *access = rights == DMA_READ_WRITE ? "rw" : rights == DMA_READ ? "r" : "w";

    if (row->call->json) {
        struct json j;
        json_begin(&j, row->call->out);
        if (row->domain->has_port)
            json_u64(&j, "port", row->domain->port);
        else
            json_string(&j, "device", row->domain->name);
        json_u64(&j, "iova", iova.v);
        json_u64(&j, "bytes", bytes);
        json_string(&j, "access", access);
        json_u64(&j, "paddr", paddr.v);
        json_line(&j);
    } else {
        out_printf(row->call->out, "%-7s 0x%012lx %8lu KiB  %-6s 0x%012lx\n", row->domain->name,
                   iova.v, bytes / 1024, access, paddr.v);
    }
}

static void show_unit(const struct call *call, unsigned i)
{
    const struct iommu_unit *unit = &iommu_units[i];
    const struct vtd_unit *v = &unit->vtd;
    uint64_t since = iommu_is_sealed ? v->invalidations - unit->invalidations_at_start : 0;

    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_u64(&j, "unit", i);
        json_u64(&j, "base", v->base.v);
        json_bool(&j, "translation", unit->works);
        json_bool(&j, "interrupt_remapping", v->is_remapping);
        json_u64(&j, "levels", vtd_levels(v->cap));
        json_u64(&j, "address_bits", vtd_address_bits(v));
        json_bool(&j, "queue", v->has_queue);
        json_bool(&j, "coherent", v->is_coherent);
        json_bool(&j, "caching_mode", v->is_caching);
        json_bool(&j, "write_only", v->has_zlr);
        json_u64(&j, "faults", unit->faults);
        json_u64(&j, "invalidations", v->invalidations);
        json_u64(&j, "invalidations_since_start", since);
        json_line(&j);
        return;
    }
    out_printf(call->out, "unit %u at 0x%lx: translation %s, interrupt remapping %s\n", i,
               v->base.v, unit->works ? "on" : "off", v->is_remapping ? "on" : "off");
    if (unit->why_off)
        out_printf(call->out, "  %s: they may touch all memory\n", unit->why_off);
    out_printf(call->out, "  CAP 0x%lx ECAP 0x%lx: %u levels, pages of 4K%s%s, %u bits\n", v->cap,
               v->ecap, vtd_levels(v->cap), vtd_has_pages(v, 2) ? " 2M" : "",
               vtd_has_pages(v, 3) ? " 1G" : "", vtd_address_bits(v));
    out_printf(call->out, "  invalidation by %s, page walks %s, absent entries %s\n",
               v->has_queue ? "queue" : "registers", v->is_coherent ? "coherent" : "flushed for",
               v->is_caching ? "cached" : "not cached");
    if (!v->has_zlr)
        out_text(call->out, "  no zero-length reads (ZLR 0): writable pages are readable too\n");
    out_printf(call->out, "  %lu faults (records overflowed %lu times), %lu invalidations, ",
               unit->faults, unit->lost, v->invalidations);
    out_printf(call->out, "%lu since start\n", since);
}

static void show_interrupts(const struct call *call)
{
    struct vtd_irte irte;

    for (unsigned i = 0; iommu_irq_get(i, &irte); i++) {
        char source[8];
        fmt_print(source, sizeof(source), "%02x:%02x.%u", irte.source >> 8, irte.source >> 3 & 31,
                  irte.source & 7);
        if (call->json) {
            struct json j;
            json_begin(&j, call->out);
            json_u64(&j, "interrupt", i);
            json_string(&j, "source", source);
            json_u64(&j, "apic", irte.destination);
            json_u64(&j, "vector", irte.vector);
            json_line(&j);
        } else {
            out_printf(call->out, "%s%s to %u:%-3u", i % 4 == 0 ? "\n" : "   ", source,
                       irte.destination, irte.vector);
        }
    }
    if (!call->json && iommu_irq_get(0, &irte))
        out_text(call->out, "\n");
}

static enum command_result show_iommu(const struct call *call)
{
    if (!iommu_is_on && !call->json)
        out_text(call->out, "no IOMMU in use: cards may touch all memory\n");
    for (unsigned i = 0; i < iommu_units_n && iommu_is_on; i++)
        show_unit(call, i);
    if (iommu_is_on && iommu_irq_get(0, &(struct vtd_irte){0})) {
        if (!call->json)
            out_text(call->out, "\ninterrupts: source, to APIC id and vector");
        show_interrupts(call);
    }
    if (iommu_is_on && !call->json)
        out_text(call->out, "\nport    address             bytes  access memory\n");
    for (unsigned i = 0; i < IOMMU_DOMAINS_MAX; i++)
        if (iommu_domains[i].is_used)
            vtd_visit(&iommu_domains[i].tables, show_mapping,
                      &(struct row){.call = call, .domain = &iommu_domains[i]}, slice_spend);
    return COMMAND_DONE;
}
COMMAND("show iommu", "[-j]", "remapping units, and the pages of each port", show_iommu);
