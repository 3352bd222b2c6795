/* SPDX-License-Identifier: BSD-2-Clause
 * Units, one domain per port, faults. See the header; interrupts are in irq.c, the command in
 * show.c.
 */
#include "kernel/iommu/iommu.h"
#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "kernel/iommu/internal.h"
#include "kernel/iommu/policy.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/panic.h"

enum {
    FAULT_LINES_MAX = 8,         /* lines printed per interval; */
    POLL_LINES_MAX = 2,          /* of them, by one poll: a line takes thousands of instructions */
    FAULT_LINES_NS = 1000000000, /* further faults are counted only */
    RESERVED_BYTES_MAX = 1 << 30 /* per RMRR: page tables for more could take all memory */
};

struct iommu_unit iommu_units[IOMMU_UNITS_MAX];
unsigned iommu_units_n;
struct iommu_domain iommu_domains[IOMMU_DOMAINS_MAX];
bool iommu_is_on, iommu_is_sealed;

struct dmar iommu_dmar;
static bool is_required; /* iommu=require */
static bool is_partial; /* some cards are below no working unit: all iovas are physical addresses */

/* --- pages for tables --- */

static bool take(void *context, paddr_t *table)
{
    struct iommu_unit *unit = context;
    void *page = memory_alloc(PAGE_BYTES, PAGE_BYTES);
    if (!page)
        return false;
    vtd_flush_entries(&unit->vtd, page, PAGE_BYTES); /* the zeroes must reach the unit too */
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
    struct iommu_unit *unit = context;
    vtd_flush_entries(&unit->vtd, entry, bytes);
}

/* --- configuration space, for scopes --- */

/* What is out of reach reads as zeroes: it counts as present, of no known class, so its unit is on. */

static uint8_t config_read8(void *context, struct dmar_function f, uint32_t offset)
{
    struct pci_dev dev;
    (void)context;
    return pci_at(f.segment, f.bus, f.devfn >> 3, f.devfn & 7, &dev) ? pci_read8(&dev, offset) : 0;
}
const struct dmar_pci iommu_pci = {config_read8, NULL};

static struct dmar_function function_of(const struct pci_dev *pci)
{
    return (struct dmar_function){pci->segment, pci->bus,
                                  (uint8_t)(pci->device << 3 | pci->function)};
}

/* --- units --- */

/* Host bridges of Intel whose capabilities are wrong; Linux and Xen know the same ones. */
static const struct {
    uint16_t device;
    uint8_t least_revision; /* from which interrupt remapping works; 0xFF: never */
    bool wants_flush;       /* the write buffer needs flushing, but RWBF is 0 */
} bridges[] = {
    /* clang-format off */
    {0x2A40, 0,    true}, /* Mobile 4 series */
    {0x2E00, 0,    true}, /* 4 series, as the next five */
    {0x2E10, 0,    true},
    {0x2E20, 0,    true},
    {0x2E30, 0,    true},
    {0x2E40, 0,    true},
    {0x2E90, 0,    true},
    {0x3403, 0x22, false}, /* 5500 */
    {0x3405, 0xFF, false}, /* X58 */
    {0x3406, 0x22, false}, /* 5520 */
    /* clang-format on */
};

static void apply_quirks(struct iommu_unit *unit)
{
    struct cpuid id = cpu_id(1, 0);
    uint32_t family = id.eax >> 8 & 15, model = (id.eax >> 4 & 15) | (id.eax >> 12 & 0xF0);
    struct pci_dev host;

    /* Sandy Bridge, both kinds: large pages are reported but do not work. */
    if (family == 6 && (model == 0x2A || model == 0x2D))
        unit->vtd.cap &= ~(BIT64(34) | BIT64(35));
    if (!pci_at(0, 0, 0, 0, &host) || pci_read16(&host, PCI_VENDOR) != 0x8086)
        return;
    uint16_t device = pci_read16(&host, PCI_DEVICE);
    for (size_t i = 0; i < ARRAY_SIZE(bridges); i++) {
        if (bridges[i].device != device)
            continue;
        unit->vtd.wants_flush |= bridges[i].wants_flush;
        unit->vtd.can_remap_interrupts &=
            bridges[i].least_revision != 0xFF &&
            pci_read8(&host, PCI_REVISION) >= bridges[i].least_revision;
    }
}

static void add_unit(const struct dmar_entry *drhd)
{
    if (drhd->damage) {
        log_warn("iommu: a unit of ACPI's DMAR table %s; not used", drhd->damage);
        return;
    }
    if (iommu_units_n == IOMMU_UNITS_MAX) {
        log_warn("iommu: the unit at 0x%lx is not used: more than %u units", drhd->base,
                 (unsigned)IOMMU_UNITS_MAX);
        return;
    }
    struct iommu_unit *unit = &iommu_units[iommu_units_n];
    *unit = (struct iommu_unit){.drhd = *drhd};
    if (vtd_open(&unit->vtd, (paddr_t){drhd->base}, drhd->register_bytes) != OK) {
        log_warn("iommu: the unit at 0x%lx is not used: %s", drhd->base, unit->vtd.wrong);
        return;
    }
    if (!is_required)
        unit->why_off = policy_why_off(drhd, &iommu_pci);
    apply_quirks(unit);
    iommu_units_n++;
}

/* Open every unit that DMAR names. Returns NULL, or why there is no usable one. */
static const char *find_units(const struct acpi_table *table)
{
    struct dmar_entry entry;

    if (table->bytes == 0)
        return "there is no DMAR table: no VT-d, or it is disabled in firmware";
    if (!dmar_open(&iommu_dmar, table))
        return "ACPI's DMAR table is too short";
    struct acpi_walk walk = dmar_walk(&iommu_dmar);
    while (dmar_next(&walk, &entry)) {
        if (entry.kind == DMAR_RMRR && entry.damage)
            log_warn("iommu: reserved memory 0x%lx to 0x%lx %s; ignored", entry.base, entry.limit,
                     entry.damage);
    }
    if (walk.is_broken)
        log_warn(
            "iommu: ACPI's DMAR table has a structure with an invalid length at offset %lu; what "
            "follows is not used",
            (uint64_t)(walk.at - iommu_dmar.table.at));
    walk = dmar_walk(&iommu_dmar);
    while (dmar_next(&walk, &entry))
        if (entry.kind == DMAR_DRHD)
            add_unit(&entry);
    return iommu_units_n ? NULL : "ACPI's DMAR table names no unit that answers";
}

/* Disable everything that a loader left on, and enable our queue. */
static enum err take_over(struct iommu_unit *unit)
{
    void *queue = memory_alloc(PAGE_BYTES, PAGE_BYTES);
    void *status = memory_alloc(PAGE_BYTES, PAGE_BYTES);

    if (!queue || !status) {
        fmt_print(unit->vtd.wrong, sizeof(unit->vtd.wrong), "no memory for its queue");
        return ERR_NO_MEMORY;
    }
    enum err err = vtd_take_over(&unit->vtd);
    return err ? err : vtd_start(&unit->vtd, queue, status);
}

/* Empty until the first function below the unit gets a domain. */
static enum err translate(struct iommu_unit *unit)
{
    paddr_t root;

    if (!take(unit, &root)) {
        fmt_print(unit->vtd.wrong, sizeof(unit->vtd.wrong), "no memory for its root table");
        return ERR_NO_MEMORY;
    }
    unit->root = paging_pointer(root);
    enum err err = vtd_set_root(&unit->vtd, root);
    if (!err)
        err = vtd_translate(&unit->vtd);
    unit->works = err == OK;
    return err;
}

/* Append the functions that the unit's scopes name, each after a blank. */
static size_t name_functions(const struct iommu_unit *unit, char *text, size_t n)
{
    struct policy_walk walk = policy_walk(&unit->drhd, &iommu_pci);
    struct dmar_function f;
    size_t at = 0;
    bool is_below;

    text[0] = 0;
    while (at < n && policy_next(&walk, &f, &is_below))
        at += fmt_print(text + at, n - at, " %02x:%02x.%u", f.bus, f.devfn >> 3, f.devfn & 7);
    return at;
}

static void start_unit(struct iommu_unit *unit)
{
    unsigned i = (unsigned)(unit - iommu_units);
    char names[48];

    unit->is_ready = take_over(unit) == OK;
    if (!unit->is_ready || (!unit->why_off && translate(unit) != OK))
        log_warn("iommu: unit %u at 0x%lx is not used: %s", i, unit->vtd.base.v, unit->vtd.wrong);
    else if (unit->why_off)
        log_info("iommu: unit %u at 0x%lx stays off: %s%s%s", i, unit->vtd.base.v, unit->why_off,
                 name_functions(unit, names, sizeof(names)) ? "; not confined:" : "", names);
}

static struct iommu_unit *unit_of(const struct pci_dev *pci)
{
    struct dmar_entry drhd;

    if (!dmar_unit_of(&iommu_dmar, &iommu_pci, function_of(pci), &drhd))
        return NULL;
    for (unsigned i = 0; i < iommu_units_n; i++)
        if (iommu_units[i].works && iommu_units[i].vtd.base.v == drhd.base)
            return &iommu_units[i];
    return NULL;
}

/* The context entry of a function. NULL: no memory for the table of its bus. */
static struct vtd_entry *context_of(struct iommu_unit *unit, const struct pci_dev *pci)
{
    if (!unit->contexts[pci->bus]) {
        paddr_t table;
        if (!take(unit, &table))
            return NULL;
        unit->contexts[pci->bus] = paging_pointer(table);
        unit->root[pci->bus] = vtd_root_entry(table);
        vtd_flush_entries(&unit->vtd, &unit->root[pci->bus], sizeof(struct vtd_entry));
    }
    return &unit->contexts[pci->bus][pci->device << 3 | pci->function];
}

/* Give each bus in use its context table, in which the faults of a function can be silenced later, and
 * count the functions that may be ports and are below no working unit. */
static void prepare(const struct pci_dev *pci, void *context)
{
    unsigned *unprotected = context;
    struct iommu_unit *unit = unit_of(pci);

    if (unit)
        (void)context_of(unit, pci);
    else if (policy_class(&iommu_pci, function_of(pci)) == POLICY_NETWORK)
        ++*unprotected;
}

static void describe(char *found, size_t n, unsigned working)
{
    const struct iommu_unit *unit = iommu_units;
    char names[48];

    while (!unit->works)
        unit++;
    const struct vtd_unit *v = &unit->vtd;
    size_t at = fmt_print(found, n, "%u of %u units translate: VT-d %u.%u, %u levels, %u bits,",
                          working, iommu_units_n, v->version >> 4 & 15, v->version & 15,
                          vtd_levels(v->cap), vtd_address_bits(v));
    if (at < n)
        at += fmt_print(found + at, n - at, " pages of 4K%s%s", vtd_has_pages(v, 2) ? " 2M" : "",
                        vtd_has_pages(v, 3) ? " 1G" : "");
    for (unit = iommu_units; unit < iommu_units + iommu_units_n; unit++)
        if (unit->why_off && name_functions(unit, names, sizeof(names)) && at < n)
            at += fmt_print(found + at, n - at, "; not confined:%s", names);
}

static void map_for_others(bool is_network);

void iommu_init(const struct acpi_table *table, enum iommu_mode mode, char *found, size_t n)
{
    unsigned working = 0, bits = 39, unprotected = 0;

    is_required = mode == IOMMU_REQUIRE;
    is_partial = false;
    const char *why = find_units(table);
    if (mode == IOMMU_OFF) {
        for (unsigned i = 0; i < iommu_units_n; i++)
            if (take_over(&iommu_units[i]) != OK)
                log_warn("iommu: unit %u cannot be disabled: %s", i, iommu_units[i].vtd.wrong);
        fmt_print(found, n, "iommu=off: cards may touch all memory");
        return;
    }
    for (unsigned i = 0; i < iommu_units_n; i++) {
        struct iommu_unit *unit = &iommu_units[i];
        start_unit(unit);
        if (!unit->works)
            continue;
        working++;
        bits = MIN(bits, vtd_address_bits(&unit->vtd));
    }
    if (!why && working == 0)
        why = "no unit that may have cards below it works";
    if (why && mode == IOMMU_REQUIRE)
        panic("iommu=require: %s", why);
    if (why) {
        fmt_print(found, n, "cards may touch all memory: %s; iommu=require would refuse that", why);
        return;
    }
    iommu_is_on = true;
    pci_scan(prepare, &unprotected);
    is_partial = unprotected > 0 && !is_required;
    if (!is_partial)
        dma_translate(bits);
    why = iommu_irq_start(&iommu_dmar);
    if (why)
        log_warn("iommu: interrupts are not remapped: %s", why);
    map_for_others(false);
    describe(found, n, working);
}

/* --- domains --- */

static enum err map(struct dma_domain *dma, iova_t iova, paddr_t paddr, size_t bytes,
                    enum dma_rights rights)
{
    struct iommu_domain *domain = (struct iommu_domain *)dma;
    struct vtd_unit *vtd = &domain->unit->vtd;
    unsigned wanted = rights;

    CHECK(!iommu_is_sealed);
    /* A unit without ZLR blocks zero-length reads of write-only pages. */
    if (wanted == DMA_WRITE && !vtd->has_zlr)
        wanted |= DMA_READ;
    enum err err = vtd_map(&domain->tables, iova, paddr, bytes, wanted);
    if (err) {
        log_error("iommu: %s: 0x%lx bytes at 0x%lx cannot be mapped: %s", domain->name, bytes,
                  iova.v,
                  err == ERR_NO_MEMORY ? "no memory for tables"
                  : err == ERR_BUSY    ? "the address is taken"
                                       : "beyond the unit's addresses");
        return err;
    }
    err = vtd_entries_added(vtd);
    if (err)
        log_error("iommu: %s: %s", domain->name, vtd->wrong);
    return err;
}
static_assert((int)DMA_READ == VTD_READ && (int)DMA_WRITE == VTD_WRITE, "rights are entry bits");

/* Map the memory that firmware reserves for the function (RMRR), at the same addresses. What is ours is
 * left out: the function would get more than firmware needs. */
static enum err map_reserved(struct iommu_domain *domain)
{
    struct acpi_walk walk = dmar_walk(&iommu_dmar);
    struct dmar_entry entry;

    while (dmar_next(&walk, &entry)) {
        if (entry.kind != DMAR_RMRR || entry.damage ||
            !dmar_covers(&entry, &iommu_pci, function_of(&domain->pci)))
            continue;
        uint64_t bytes = entry.limit - entry.base + 1;
        const char *why = paging_ours((paddr_t){entry.base}, bytes);
        if (!why && bytes > RESERVED_BYTES_MAX)
            why = "is longer than 1 GiB";
        if (why) {
            log_warn("iommu: %s: reserved memory 0x%lx to 0x%lx %s; not mapped", domain->name,
                     entry.base, entry.limit, why);
            continue;
        }
        enum err err =
            map(&domain->dma, (iova_t){entry.base}, (paddr_t){entry.base}, bytes, DMA_READ_WRITE);
        if (err == ERR_NO_MEMORY)
            return err;
        if (!err)
            log_info("iommu: %s: firmware reserves 0x%lx to 0x%lx for it", domain->name, entry.base,
                     entry.limit);
    }
    return OK;
}

/* Its table exists. */
static enum err set_entry(struct iommu_domain *domain)
{
    struct iommu_unit *unit = domain->unit;
    const struct pci_dev *pci = &domain->pci;
    struct vtd_entry *entry = &unit->contexts[pci->bus][pci->device << 3 | pci->function];
    struct vtd_entry value =
        vtd_context_entry(domain->tables.top, domain->tables.levels, domain->number);
    entry->high = value.high;
    entry->low = value.low; /* last: it holds the present bit */
    vtd_flush_entries(&unit->vtd, entry, sizeof(*entry));
    return vtd_invalidate(&unit->vtd);
}

static enum err clear_entry(struct iommu_domain *domain)
{
    struct iommu_unit *unit = domain->unit;
    const struct pci_dev *pci = &domain->pci;
    struct vtd_entry *entry = &unit->contexts[pci->bus][pci->device << 3 | pci->function];

    entry->low = 0; /* first: it holds the present bit */
    entry->high = 0;
    vtd_flush_entries(&unit->vtd, entry, sizeof(*entry));
    return vtd_invalidate(&unit->vtd);
}

static enum err attach(struct iommu_domain *domain)
{
    return context_of(domain->unit, &domain->pci) ? set_entry(domain) : ERR_NO_MEMORY;
}

/* The domain of a function; NULL: it has none. */
static struct iommu_domain *domain_of(const struct iommu_unit *unit, uint16_t source)
{
    for (unsigned i = 0; i < IOMMU_DOMAINS_MAX; i++) {
        const struct pci_dev *pci = &iommu_domains[i].pci;
        if (iommu_domains[i].is_used && iommu_domains[i].unit == unit &&
            (pci->bus << 8 | pci->device << 3 | pci->function) == source)
            return &iommu_domains[i];
    }
    return NULL;
}

/* A free domain, whose number the unit supports; NULL: none. Ports count from below, other functions
 * from above, so that these never take the last one from a port that comes first. */
static struct iommu_domain *free_domain(const struct iommu_unit *unit, bool has_port)
{
    unsigned n = MIN((unsigned)IOMMU_DOMAINS_MAX, vtd_domains(&unit->vtd) - 1);

    for (unsigned i = 0; i < n; i++) {
        struct iommu_domain *domain = &iommu_domains[has_port ? i : n - 1 - i];
        if (!domain->is_used)
            return domain;
    }
    return NULL;
}

/* Build the domain of a function, with its reserved memory mapped. The caller has set name, port and
 * has_port. */
static enum err open_domain(struct iommu_domain *domain, struct iommu_unit *unit,
                            const struct pci_dev *pci)
{
    domain->dma.map = map;
    domain->pci = *pci;
    domain->unit = unit;
    domain->number = (uint16_t)(domain - iommu_domains + 1);
    domain->is_used = true;
    domain->tables = (struct vtd_tables){.levels = vtd_levels(unit->vtd.cap),
                                         .address_bits = vtd_address_bits(&unit->vtd),
                                         .has_2m = vtd_has_pages(&unit->vtd, 2),
                                         .has_1g = vtd_has_pages(&unit->vtd, 3),
                                         .alloc = take,
                                         .map = look,
                                         .flush = changed,
                                         .context = unit};
    enum err err = vtd_tables_init(&domain->tables);
    if (!err)
        err = map_reserved(domain);
    if (!err)
        err = attach(domain);
    if (err) {
        log_error("iommu: %s: no domain: %s", domain->name,
                  err == ERR_NO_MEMORY ? "no memory for tables" : unit->vtd.wrong);
        iommu_release(&domain->dma);
    }
    return err;
}

/* Reserved memory of functions that are no ports: firmware may still use them, as a keyboard that it
 * translates to PS/2, or a management controller's network function. A network function may become a
 * port, so those follow when the ports are known. */
static void map_for_others(bool is_network)
{
    struct acpi_walk entries = dmar_walk(&iommu_dmar);
    struct dmar_entry entry;

    while (dmar_next(&entries, &entry)) {
        struct policy_walk walk = policy_walk(&entry, &iommu_pci);
        struct dmar_function f;
        bool is_below;
        while (entry.kind == DMAR_RMRR && !entry.damage && policy_next(&walk, &f, &is_below)) {
            struct pci_dev pci;
            if ((policy_class(&iommu_pci, f) == POLICY_NETWORK) != is_network ||
                !pci_at(f.segment, f.bus, f.devfn >> 3, f.devfn & 7, &pci))
                continue;
            struct iommu_unit *unit = unit_of(&pci);
            if (!unit || domain_of(unit, (uint16_t)(f.bus << 8 | f.devfn)))
                continue;
            struct iommu_domain *domain = free_domain(unit, false);
            if (!domain) {
                log_warn(
                    "iommu: %02x:%02x.%u: no domain is free: its reserved memory is not mapped",
                    pci.bus, pci.device, pci.function);
                continue;
            }
            *domain = (struct iommu_domain){0};
            fmt_print(domain->name, sizeof(domain->name), "%02x:%02x.%u", pci.bus, pci.device,
                      pci.function);
            (void)open_domain(domain, unit, &pci); /* logged; the function's accesses are blocked */
        }
    }
}

enum err iommu_confine(const struct pci_dev *pci, unsigned port, struct dma_domain **out)
{
    *out = NULL;
    if (!iommu_is_on)
        return OK;
    struct iommu_unit *unit = unit_of(pci);
    if (!unit && is_partial) {
        log_warn("iommu: port%u: no working unit covers %02x:%02x.%u: it may touch all memory; "
                 "iommu=require would refuse it",
                 port, pci->bus, pci->device, pci->function);
        return OK;
    }
    struct iommu_domain *domain = unit ? free_domain(unit, true) : NULL;
    if (!domain) {
        log_error("iommu: %02x:%02x.%u cannot be confined: %s", pci->bus, pci->device,
                  pci->function, unit ? "no domain is free" : "no working unit covers it");
        return ERR_NO_DEVICE;
    }
    *domain = (struct iommu_domain){.port = port, .has_port = true};
    fmt_print(domain->name, sizeof(domain->name), "port%u", port);
    unsigned lacking = pci_isolate(pci);
    if (lacking)
        log_warn("iommu: port%u: %u bridges above it have no ACS: requests may bypass the IOMMU",
                 port, lacking);
    enum err err = open_domain(domain, unit, pci);
    if (!err)
        *out = &domain->dma;
    return err;
}

void iommu_release(struct dma_domain *dma)
{
    struct iommu_domain *domain = (struct iommu_domain *)dma;

    if (!dma || !domain->is_used)
        return;
    domain->is_used = false;
    /* Without a table of its bus, the card was never attached. */
    if (domain->unit->contexts[domain->pci.bus] && clear_entry(domain) != OK)
        log_error("iommu: %s: %s", domain->name, domain->unit->vtd.wrong);
}

void iommu_seal(void)
{
    if (iommu_is_on)
        map_for_others(true);
    iommu_is_sealed = true;
    for (unsigned i = 0; i < iommu_units_n; i++)
        iommu_units[i].invalidations_at_start = iommu_units[i].vtd.invalidations;
}

/* --- faults --- */

static struct {
    uint64_t since_ns;
    unsigned lines;
    uint64_t unprinted;
} printer;

/* May one more line be printed in this interval, after so many in this poll? */
static bool may_print(unsigned lines)
{
    uint64_t now_ns = tsc_now_ns();

    if (now_ns - printer.since_ns >= FAULT_LINES_NS) {
        if (printer.unprinted)
            log_warn("iommu: %lu more faults were not printed", printer.unprinted);
        printer.since_ns = now_ns;
        printer.lines = 0;
        printer.unprinted = 0;
    }
    if (printer.lines < FAULT_LINES_MAX && lines < POLL_LINES_MAX) {
        printer.lines++;
        return true;
    }
    printer.unprinted++;
    return false;
}

struct faulting {
    struct iommu_unit *unit;
    uint32_t cut_off;
    unsigned lines; /* logged by this poll */
};

/* Let the unit record no more faults of a function without a port: one line about it is enough, and a
 * device that firmware left running would fill the records. False: not possible. */
static bool silence(struct iommu_unit *unit, uint16_t source)
{
    struct vtd_entry *table = unit->contexts[source >> 8];

    if (!table)
        return false;
    struct vtd_entry *entry = &table[source & 0xFF];
    entry->low |= VTD_CONTEXT_NO_FAULTS;
    vtd_flush_entries(&unit->vtd, entry, sizeof(*entry));
    bool is_present = entry->low & 1;
    if ((is_present ? vtd_invalidate(&unit->vtd) : vtd_entries_added(&unit->vtd)) != OK)
        log_error("iommu: unit %u: %s", (unsigned)(unit - iommu_units), unit->vtd.wrong);
    return true;
}

static void on_fault(void *context, const struct vtd_fault *fault)
{
    struct faulting *now = context;
    struct iommu_domain *domain = domain_of(now->unit, fault->source);
    const char *last = "";
    char who[40], what[64];

    now->unit->faults++;
    if (domain)
        domain->faults++;
    if (domain && domain->has_port && !domain->is_cut_off) {
        pci_command(&domain->pci, 0, PCI_COMMAND_MASTER);
        domain->is_cut_off = true;
        if (clear_entry(domain) != OK)
            log_error("iommu: %s: %s", domain->name, domain->unit->vtd.wrong);
        now->cut_off |= BIT(domain->port);
    }
    if (!may_print(now->lines++))
        return;
    bool has_port = domain && domain->has_port;
    fmt_print(who, sizeof(who), has_port ? "%s (%02x:%02x.%u)" : "%s%02x:%02x.%u (no port)",
              has_port ? domain->name : "", fault->source >> 8, fault->source >> 3 & 31,
              fault->source & 7);
    if (fault->is_interrupt)
        fmt_print(what, sizeof(what), "sent interrupt %u", fault->index);
    else
        fmt_print(what, sizeof(what), "tried to %s 0x%lx", fault->is_read ? "read" : "write",
                  fault->address);
    if (!has_port && !fault->is_interrupt && silence(now->unit, fault->source))
        last = "; more faults of it are not recorded";
    log_error("iommu: unit %u: %s %s: %s (reason %02xh)%s", (unsigned)(now->unit - iommu_units),
              who, what, vtd_reason_text(fault->reason), fault->reason, last);
}

/* Ports that iommu_readmit has found to be cut off, for the next iommu_poll to return. */
static uint32_t cut_off_meanwhile;

uint32_t iommu_poll(void)
{
    struct faulting now = {.cut_off = cut_off_meanwhile};

    cut_off_meanwhile = 0;

    for (unsigned i = 0; i < iommu_units_n; i++) {
        struct iommu_unit *unit = &iommu_units[i];
        bool lost, is_gone;
        if (!unit->works && !unit->vtd.is_remapping)
            continue;
        now.unit = unit;
        vtd_faults(&unit->vtd, on_fault, &now, &lost, &is_gone);
        unit->lost += lost;
        if (is_gone) {
            log_error("iommu: unit %u: FSTS reads 0xffffffff: the unit does not answer", i);
            unit->works = unit->vtd.is_remapping = false;
        }
    }
    return now.cut_off;
}

bool iommu_is_cut_off(const struct dma_domain *dma)
{
    return dma && ((const struct iommu_domain *)dma)->is_cut_off;
}

enum err iommu_readmit(struct dma_domain *dma)
{
    struct iommu_domain *domain = (struct iommu_domain *)dma;

    if (!dma)
        return OK;
    /* The card's queues are off. What it did before is no reason to cut it off again afterwards. */
    cut_off_meanwhile = iommu_poll() & ~BIT(domain->port);
    if (!domain->is_cut_off)
        return OK;
    enum err err = set_entry(domain);
    if (err)
        log_error("iommu: port%u: %s", domain->port, domain->unit->vtd.wrong);
    else
        domain->is_cut_off = false;
    return err;
}
