/* SPDX-License-Identifier: BSD-2-Clause
 * Who may touch what: units, one domain a port, faults, `show iommu`. See the header.
 */
#include "kernel/iommu.h"
#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "arch/vtd.h"
#include "kernel/command.h"
#include "kernel/dmar.h"
#include "kernel/fmt.h"
#include "kernel/json.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/str.h"

enum {
    UNITS_MAX = 32,
    DOMAINS_MAX = 32,
    BUSES = 256,
    FAULT_LINES_MAX = 8,        /* printed in each ... */
    FAULT_LINES_NS = 1000000000 /* ... interval; the rest is counted */
};

struct unit {
    struct vtd_unit vtd;
    uint16_t segment;
    bool is_for_all;
    bool works; /* translation is on */
    struct vtd_entry *root;
    struct vtd_entry *contexts[BUSES]; /* 256 entries each, where a bus has any */
    uint64_t invalidations_at_start;
    uint64_t faults, lost;
};
static struct unit units[UNITS_MAX];
static unsigned units_n;

struct domain {
    struct dma_domain dma; /* first: what drivers hold */
    struct pci_dev pci;
    struct unit *unit;
    struct vtd_tables tables;
    unsigned port;
    uint16_t number; /* 0 stays unused: units that cache absent entries keep it for themselves */
    bool is_used, is_cut_off;
    uint64_t faults;
};
static struct domain domains[DOMAINS_MAX];

static struct dmar dmar;
static bool is_on, is_sealed;

/* --- pages for tables --- */

static bool take(void *context, paddr_t *table)
{
    struct unit *unit = context;
    void *page = memory_take(PAGE_BYTES, PAGE_BYTES);
    if (!page)
        return false;
    vtd_changed(&unit->vtd, page, PAGE_BYTES); /* its zeroes too */
    *table = paging_paddr(page);
    return true;
}

static uint64_t *look(void *context, paddr_t table)
{
    (void)context;
    return paging_pointer(table);
}

static void changed(void *context, const void *entry, size_t bytes)
{
    struct unit *unit = context;
    vtd_changed(&unit->vtd, entry, bytes);
}

/* --- configuration space, for scopes --- */

static uint8_t config_read8(void *context, struct dmar_function f, uint32_t offset)
{
    struct pci_dev dev;
    (void)context;
    return pci_at(f.segment, f.bus, f.devfn >> 3, f.devfn & 7, &dev) ? pci_read8(&dev, offset)
                                                                    : 0xFF;
}
static const struct dmar_pci by_config = {config_read8, NULL};

static struct dmar_function function_of(const struct pci_dev *pci)
{
    return (struct dmar_function){pci->segment, pci->bus,
                                  (uint8_t)(pci->device << 3 | pci->function)};
}

/* --- units --- */

/* What parts are known to claim wrongly; Linux's and Xen's experience. */
static void apply_quirks(struct unit *unit)
{
    struct cpuid id = cpu_id(1, 0);
    uint32_t family = id.eax >> 8 & 15, model = (id.eax >> 4 & 15) | (id.eax >> 12 & 0xF0);
    struct pci_dev host;

    /* Sandy Bridge, both kinds: large pages are claimed and do not work. */
    if (family == 6 && (model == 0x2A || model == 0x2D))
        unit->vtd.cap &= ~(BIT64(34) | BIT64(35));
    if (!pci_at(0, 0, 0, 0, &host) || pci_read16(&host, PCI_VENDOR) != 0x8086)
        return;
    uint16_t bridge = pci_read16(&host, PCI_DEVICE);
    if (bridge == 0x2A40) /* Mobile 4: the write buffer needs flushing and does not say so */
        unit->vtd.wants_flush = true;
    if (bridge == 0x3403 || bridge == 0x3405 || bridge == 0x3406) /* 5500, 5520, X58 */
        unit->vtd.can_remap_interrupts = false;
}

static void add_unit(const struct dmar_entry *drhd)
{
    if (drhd->damage) {
        log_warn("iommu: a unit of ACPI's DMAR %s; not used", drhd->damage);
        return;
    }
    if (units_n == UNITS_MAX) {
        log_warn("iommu: the unit at 0x%lx is one too many; not used", drhd->base);
        return;
    }
    struct unit *unit = &units[units_n];
    *unit = (struct unit){.segment = drhd->segment, .is_for_all = drhd->is_for_all};
    if (vtd_open(&unit->vtd, (paddr_t){drhd->base}, drhd->register_bytes) != OK) {
        log_warn("iommu: the unit at 0x%lx is not used: %s", drhd->base, unit->vtd.wrong);
        return;
    }
    apply_quirks(unit);
    units_n++;
}

/* Every unit that DMAR names, opened. NULL, or why the table is of no use. */
static const char *find_units(const struct acpi_table *table)
{
    struct dmar_entry entry;

    if (table->bytes == 0)
        return "there is no DMAR table: no VT-d, or firmware has it switched off";
    if (!dmar_open(&dmar, table))
        return "ACPI's DMAR table is too short";
    struct acpi_walk walk = dmar_walk(&dmar);
    while (dmar_next(&walk, &entry)) {
        if (entry.kind == DMAR_RMRR && entry.damage)
            log_warn("iommu: reserved memory 0x%lx to 0x%lx %s; ignored", entry.base, entry.limit,
                     entry.damage);
    }
    if (walk.is_broken)
        return "ACPI's DMAR table has a structure whose length cannot be right";
    walk = dmar_walk(&dmar);
    while (dmar_next(&walk, &entry))
        if (entry.kind == DMAR_DRHD)
            add_unit(&entry);
    return units_n ? NULL : "ACPI's DMAR table names no unit that answers";
}

/* Everything that a loader left on goes off; our queue is on. */
static enum err take_over(struct unit *unit)
{
    void *queue = memory_take(PAGE_BYTES, PAGE_BYTES);
    void *status = memory_take(PAGE_BYTES, PAGE_BYTES);

    if (!queue || !status) {
        fmt_print(unit->vtd.wrong, sizeof(unit->vtd.wrong), "no memory for its queue");
        return ERR_NO_MEMORY;
    }
    enum err err = vtd_take_over(&unit->vtd);
    return err ? err : vtd_start(&unit->vtd, queue, status);
}

static enum err start_unit(struct unit *unit)
{
    paddr_t root;
    enum err err = take_over(unit);

    if (!err && !take(unit, &root)) {
        fmt_print(unit->vtd.wrong, sizeof(unit->vtd.wrong), "no memory for its root table");
        return ERR_NO_MEMORY;
    }
    if (err)
        return err;
    unit->root = paging_pointer(root);
    err = vtd_set_root(&unit->vtd, root);
    if (!err)
        err = vtd_translate(&unit->vtd);
    unit->works = err == OK;
    return err;
}

static void describe(char *found, size_t n, unsigned working)
{
    const struct vtd_unit *v = &units[0].vtd;
    size_t at = fmt_print(found, n, "%u of %u units translate: VT-d %u.%u, %u levels, %u bits,",
                          working, units_n, v->version >> 4 & 15, v->version & 15,
                          vtd_levels(v->cap), vtd_address_bits(v));
    if (at < n)
        fmt_print(found + at, n - at, " pages of 4K%s%s; nothing is mapped",
                  vtd_has_pages(v, 2) ? " 2M" : "", vtd_has_pages(v, 3) ? " 1G" : "");
}

void iommu_init(const struct acpi_table *table, enum iommu_mode mode, char *found, size_t n)
{
    const char *why = find_units(table);
    unsigned working = 0, bits = 39;

    if (mode == IOMMU_OFF) {
        for (unsigned i = 0; i < units_n; i++)
            if (take_over(&units[i]) != OK)
                log_warn("iommu: unit %u was left on and stays so: %s", i, units[i].vtd.wrong);
        fmt_print(found, n, "iommu=off: cards may touch all memory");
        return;
    }
    for (unsigned i = 0; i < units_n; i++) {
        struct unit *unit = &units[i];
        if (start_unit(unit) != OK) {
            log_warn("iommu: unit %u at 0x%lx is not used: %s", i, unit->vtd.base.v,
                     unit->vtd.wrong);
            continue;
        }
        working++;
        bits = MIN(bits, vtd_address_bits(&unit->vtd));
    }
    if (!why && working == 0)
        why = "no unit works";
    if (why && mode == IOMMU_REQUIRE)
        panic("iommu=require: %s", why);
    if (why) {
        fmt_print(found, n, "cards may touch all memory: %s", why);
        return;
    }
    is_on = true;
    dma_translate(bits);
    describe(found, n, working);
}

/* --- domains --- */

static enum err map(struct dma_domain *dma, iova_t iova, paddr_t paddr, size_t bytes,
                    enum dma_rights rights)
{
    struct domain *domain = (struct domain *)dma;
    struct vtd_unit *vtd = &domain->unit->vtd;
    unsigned wanted = rights;

    CHECK(!is_sealed);
    /* A unit without ZLR stops zero-length reads of pages that may only be written. */
    if (wanted == DMA_WRITE && !vtd->has_zlr)
        wanted |= DMA_READ;
    enum err err = vtd_map(&domain->tables, iova, paddr, bytes, wanted);
    if (err) {
        log_error("iommu: port%u: 0x%lx bytes at 0x%lx cannot be mapped: %s", domain->port, bytes,
                  iova.v, err == ERR_NO_MEMORY ? "no memory for tables"
                          : err == ERR_BUSY    ? "the address is taken"
                                               : "beyond the unit's addresses");
        return err;
    }
    err = vtd_grown(vtd);
    if (err)
        log_error("iommu: port%u: %s", domain->port, vtd->wrong);
    return err;
}
static_assert((int)DMA_READ == VTD_READ && (int)DMA_WRITE == VTD_WRITE,
              "rights are entry bits");

/* Is any of it RAM that we use? */
static bool is_our_ram(uint64_t start, uint64_t last)
{
    for (uint64_t at = start; at <= last && at < PHYSMAP_BYTES;) {
        struct paging_entry entry = paging_look(PHYSMAP_BASE + at);
        if (entry.is_present && entry.is_writable)
            return true;
        at = (at | (entry.page_bytes - 1)) + 1;
    }
    return false;
}

/* Memory that firmware keeps for the card, at the same addresses. */
static enum err map_reserved(struct domain *domain)
{
    struct acpi_walk walk = dmar_walk(&dmar);
    struct dmar_entry entry;

    while (dmar_next(&walk, &entry)) {
        if (entry.kind != DMAR_RMRR || entry.damage ||
            !dmar_names(&entry, &by_config, function_of(&domain->pci)))
            continue;
        if (is_our_ram(entry.base, entry.limit)) {
            log_warn("iommu: port%u: reserved memory 0x%lx to 0x%lx is RAM of ours; not mapped",
                     domain->port, entry.base, entry.limit);
            continue;
        }
        enum err err = map(&domain->dma, (iova_t){entry.base}, (paddr_t){entry.base},
                           entry.limit - entry.base + 1, DMA_READ_WRITE);
        if (err)
            return err;
        log_info("iommu: port%u: firmware keeps 0x%lx to 0x%lx for it", domain->port, entry.base,
                 entry.limit);
    }
    return OK;
}

static struct unit *unit_of(const struct pci_dev *pci)
{
    struct dmar_entry drhd;

    if (!dmar_unit_of(&dmar, &by_config, function_of(pci), &drhd))
        return NULL;
    for (unsigned i = 0; i < units_n; i++)
        if (units[i].works && units[i].vtd.base.v == drhd.base)
            return &units[i];
    return NULL;
}

/* The context entry of a function. NULL: no memory for the table of its bus. */
static struct vtd_entry *context_of(struct unit *unit, const struct pci_dev *pci)
{
    if (!unit->contexts[pci->bus]) {
        paddr_t table;
        if (!take(unit, &table))
            return NULL;
        unit->contexts[pci->bus] = paging_pointer(table);
        unit->root[pci->bus] = vtd_root_entry(table);
        vtd_changed(&unit->vtd, &unit->root[pci->bus], sizeof(struct vtd_entry));
    }
    return &unit->contexts[pci->bus][pci->device << 3 | pci->function];
}

static enum err attach(struct domain *domain)
{
    struct unit *unit = domain->unit;
    struct vtd_entry *entry = context_of(unit, &domain->pci);

    if (!entry)
        return ERR_NO_MEMORY;
    struct vtd_entry value =
        vtd_context_entry(domain->tables.top, domain->tables.levels, domain->number);
    entry->high = value.high;
    entry->low = value.low; /* present: last */
    vtd_changed(&unit->vtd, entry, sizeof(*entry));
    return vtd_invalidate(&unit->vtd);
}

enum err iommu_confine(const struct pci_dev *pci, unsigned port, struct dma_domain **out)
{
    struct domain *domain = NULL;

    *out = NULL;
    if (!is_on)
        return OK;
    for (unsigned i = 0; i < DOMAINS_MAX && !domain; i++)
        if (!domains[i].is_used)
            domain = &domains[i];
    struct unit *unit = unit_of(pci);
    if (!unit || !domain || (unsigned)(domain - domains) + 2 > vtd_domains(&unit->vtd)) {
        log_error("iommu: %02x:%02x.%u cannot be confined: %s", pci->bus, pci->device,
                  pci->function, unit ? "no domain is free" : "no unit that works has it");
        return ERR_NO_DEVICE;
    }
    *domain = (struct domain){
        .dma = {.map = map},
        .pci = *pci,
        .unit = unit,
        .port = port,
        .number = (uint16_t)(domain - domains + 1),
        .is_used = true,
        .tables = {.levels = vtd_levels(unit->vtd.cap),
                   .address_bits = vtd_address_bits(&unit->vtd),
                   .has_2m = vtd_has_pages(&unit->vtd, 2),
                   .has_1g = vtd_has_pages(&unit->vtd, 3),
                   .take = take,
                   .look = look,
                   .changed = changed,
                   .context = unit},
    };
    enum err err = vtd_tables_init(&domain->tables);
    if (!err)
        err = map_reserved(domain);
    if (!err)
        err = attach(domain);
    if (err) {
        log_error("iommu: port%u: no domain: %s", port,
                  err == ERR_NO_MEMORY ? "no memory for tables" : unit->vtd.wrong);
        iommu_release(&domain->dma);
        return err;
    }
    *out = &domain->dma;
    return OK;
}

void iommu_release(struct dma_domain *dma)
{
    struct domain *domain = (struct domain *)dma;

    if (!dma || !domain->is_used)
        return;
    domain->is_used = false;
    struct vtd_entry *entry = context_of(domain->unit, &domain->pci);
    if (entry) {
        *entry = (struct vtd_entry){0};
        vtd_changed(&domain->unit->vtd, entry, sizeof(*entry));
    }
    if (vtd_invalidate(&domain->unit->vtd) != OK)
        log_error("iommu: port%u: %s", domain->port, domain->unit->vtd.wrong);
}

void iommu_assume_zlr(void)
{
    for (unsigned i = 0; i < units_n; i++)
        units[i].vtd.has_zlr = true;
}

void iommu_seal(void)
{
    is_sealed = true;
    for (unsigned i = 0; i < units_n; i++)
        units[i].invalidations_at_start = units[i].vtd.invalidations;
}

/* --- faults --- */

static struct {
    uint64_t since_ns;
    unsigned lines;
    uint64_t unprinted;
} printer;

/* May one more line be printed now? */
static bool may_print(void)
{
    uint64_t now_ns = tsc_now_ns();

    if (now_ns - printer.since_ns >= FAULT_LINES_NS) {
        if (printer.unprinted)
            log_warn("iommu: %lu more faults were not printed", printer.unprinted);
        printer.since_ns = now_ns;
        printer.lines = 0;
        printer.unprinted = 0;
    }
    if (printer.lines < FAULT_LINES_MAX) {
        printer.lines++;
        return true;
    }
    printer.unprinted++;
    return false;
}

struct faulting {
    struct unit *unit;
    uint32_t cut_off;
};

static struct domain *domain_of(const struct unit *unit, uint16_t source)
{
    for (unsigned i = 0; i < DOMAINS_MAX; i++) {
        const struct pci_dev *pci = &domains[i].pci;
        if (domains[i].is_used && domains[i].unit == unit &&
            (pci->bus << 8 | pci->device << 3 | pci->function) == source)
            return &domains[i];
    }
    return NULL;
}

static void on_fault(void *context, const struct vtd_fault *fault)
{
    struct faulting *now = context;
    struct domain *domain = domain_of(now->unit, fault->source);
    char who[40], what[64];

    now->unit->faults++;
    if (domain) {
        domain->faults++;
        if (!domain->is_cut_off) {
            pci_command(&domain->pci, 0, PCI_COMMAND_MASTER);
            domain->is_cut_off = true;
            now->cut_off |= BIT(domain->port);
        }
    }
    if (!may_print())
        return;
    fmt_print(who, sizeof(who), "%02x:%02x.%u%s", fault->source >> 8, fault->source >> 3 & 31,
              fault->source & 7, domain ? "" : " (no port)");
    if (domain)
        fmt_print(who, sizeof(who), "port%u (%02x:%02x.%u)", domain->port, fault->source >> 8,
                  fault->source >> 3 & 31, fault->source & 7);
    if (fault->is_interrupt)
        fmt_print(what, sizeof(what), "sent interrupt %u", fault->index);
    else
        fmt_print(what, sizeof(what), "tried to %s 0x%lx", fault->is_read ? "read" : "write",
                  fault->address);
    log_error("iommu: unit %u: %s %s: %s (reason %02xh)", (unsigned)(now->unit - units), who, what,
              vtd_reason(fault->reason), fault->reason);
}

uint32_t iommu_poll(void)
{
    struct faulting now = {0};

    for (unsigned i = 0; i < units_n; i++) {
        struct unit *unit = &units[i];
        bool lost, is_gone;
        if (!unit->works)
            continue;
        now.unit = unit;
        vtd_faults(&unit->vtd, on_fault, &now, &lost, &is_gone);
        unit->lost += lost;
        if (is_gone) {
            log_error("iommu: unit %u: FSTS reads 0xffffffff: the unit does not answer", i);
            unit->works = false;
        }
    }
    return now.cut_off;
}

void iommu_allow(struct dma_domain *dma)
{
    struct domain *domain = (struct domain *)dma;

    if (!dma)
        return;
    domain->is_cut_off = false;
    pci_command(&domain->pci, PCI_COMMAND_MASTER, 0);
}

/* --- show iommu --- */

struct row {
    const struct call *call;
    const struct domain *domain;
};

static void show_mapping(void *context, iova_t iova, paddr_t paddr, uint64_t bytes, unsigned rights)
{
    const struct row *row = context;
    const char *access = rights == DMA_READ_WRITE ? "rw" : rights == DMA_READ ? "r" : "w";

    if (row->call->json) {
        struct json j;
        json_begin(&j, row->call->out);
        json_u64(&j, "port", row->domain->port);
        json_u64(&j, "iova", iova.v);
        json_u64(&j, "bytes", bytes);
        json_string(&j, "access", access);
        json_u64(&j, "paddr", paddr.v);
        json_line(&j);
    } else {
        out_printf(row->call->out, "port%-3u 0x%012lx %8lu KiB  %-6s 0x%012lx\n", row->domain->port,
                   iova.v, bytes / 1024, access, paddr.v);
    }
}

static void show_unit(const struct call *call, unsigned i)
{
    const struct unit *unit = &units[i];
    const struct vtd_unit *v = &unit->vtd;
    uint64_t since = is_sealed ? v->invalidations - unit->invalidations_at_start : 0;

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
    out_printf(call->out, "  CAP 0x%lx ECAP 0x%lx: %u levels, pages of 4K%s%s, %u bits\n", v->cap,
               v->ecap, vtd_levels(v->cap), vtd_has_pages(v, 2) ? " 2M" : "",
               vtd_has_pages(v, 3) ? " 1G" : "", vtd_address_bits(v));
    out_printf(call->out, "  invalidation by %s, page walks %s, absent entries %s\n",
               v->has_queue ? "queue" : "registers", v->is_coherent ? "coherent" : "flushed for",
               v->is_caching ? "cached" : "not cached");
    if (!v->has_zlr)
        out_text(call->out, "  no zero-length reads (ZLR 0): what may be written may be read\n");
    out_printf(call->out, "  %lu faults (more were lost %lu times), %lu invalidations, ",
               unit->faults, unit->lost, v->invalidations);
    out_printf(call->out, "%lu since start\n", since);
}

static enum command_result show_iommu(const struct call *call)
{
    if (!is_on && !call->json)
        out_text(call->out, "no IOMMU in use: cards may touch all memory\n");
    for (unsigned i = 0; i < units_n && is_on; i++)
        show_unit(call, i);
    if (is_on && !call->json)
        out_text(call->out, "\nport    address             bytes  access memory\n");
    for (unsigned i = 0; i < DOMAINS_MAX; i++)
        if (domains[i].is_used)
            vtd_visit(&domains[i].tables, show_mapping,
                      &(struct row){.call = call, .domain = &domains[i]});
    return COMMAND_DONE;
}
COMMAND("show iommu", "[-j]", "remapping units, and what each port may touch", show_iommu);
