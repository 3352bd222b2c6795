/* SPDX-License-Identifier: BSD-2-Clause
 * The DMAR table. See the header.
 */
#include "kernel/firmware/dmar.h"
#include "kernel/lib/str.h"

#define DMAR_HOST_BITS         36 /* minus one */
#define DMAR_FLAGS             37

#define STRUCT_HEAD_BYTES      4u /* u16 type, u16 length */

#define DRHD_FLAGS             4
#define DRHD_INCLUDE_PCI_ALL   BIT(0)
#define DRHD_SIZE              5 /* low nibble n: 4 KiB << n */
#define DRHD_SEGMENT           6
#define DRHD_BASE              8
#define DRHD_SCOPES            16u

#define RMRR_SEGMENT           6
#define RMRR_BASE              8
#define RMRR_LIMIT             16
#define RMRR_SCOPES            24u

#define SCOPE_BYTES_MIN        8u
#define SCOPE_PATH             6u

#define CONFIG_HEADER_TYPE     0x0E
#define CONFIG_HEADER_LAYOUT   0x7F
#define CONFIG_IS_BRIDGE       1
#define CONFIG_SECONDARY_BUS   0x19
#define CONFIG_SUBORDINATE_BUS 0x1A

bool dmar_open(struct dmar *dmar, const struct acpi_table *table)
{
    *dmar = (struct dmar){0};
    if (table->bytes < DMAR_BYTES)
        return false;
    dmar->table = *table;
    dmar->address_bits = table->at[DMAR_HOST_BITS] + 1u;
    dmar->flags = table->at[DMAR_FLAGS];
    return true;
}

struct acpi_walk dmar_walk(const struct dmar *dmar)
{
    return acpi_walk(&dmar->table, DMAR_BYTES, true);
}

/* Bytes before the scopes. */
static const uint32_t least_bytes[] = {[DMAR_DRHD] = DRHD_SCOPES, [DMAR_RMRR] = RMRR_SCOPES};

static const char *damage_of_registers(uint64_t base)
{
    if (base == 0)
        return "has its registers at address 0";
    if (base == UINT64_MAX || base % 4096 != 0 || base >> 52)
        return "has registers at an invalid address";
    return NULL;
}

static void read_drhd(const uint8_t *at, struct dmar_entry *e)
{
    e->flags = at[DRHD_FLAGS];
    e->is_for_all = e->flags & DRHD_INCLUDE_PCI_ALL;
    e->segment = acpi_u16(at + DRHD_SEGMENT);
    e->base = acpi_u64(at + DRHD_BASE);
    e->register_bytes = 4096u << (at[DRHD_SIZE] & 15);
    e->damage = damage_of_registers(e->base);
}

static void read_rmrr(const uint8_t *at, struct dmar_entry *e)
{
    e->segment = acpi_u16(at + RMRR_SEGMENT);
    e->base = acpi_u64(at + RMRR_BASE);
    e->limit = acpi_u64(at + RMRR_LIMIT);
    if (e->limit <= e->base)
        e->damage = "is empty or ends before it begins";
    else if (e->base % 4096 != 0 || (e->limit + 1) % 4096 != 0 || e->limit >> 52)
        e->damage = "is not page-aligned";
}

static void read_entry(const struct acpi_entry *from, struct dmar_entry *e)
{
    const uint8_t *at = from->at;

    *e = (struct dmar_entry){.kind = (enum dmar_kind)from->type};
    if (from->bytes < least_bytes[e->kind]) {
        e->damage = "is too short";
        return;
    }
    if (e->kind == DMAR_DRHD)
        read_drhd(at, e);
    else
        read_rmrr(at, e);
    e->scopes = at + least_bytes[e->kind];
    e->scope_bytes = from->bytes - least_bytes[e->kind];
}

/* Some tables are longer than their structures, with zeroes at the end: that is where they end. */
static void end_at_padding(struct acpi_walk *walk)
{
    const uint8_t *at = walk->at;

    while (at && at < walk->end && *at == 0)
        at++;
    if (walk->is_broken && at == walk->end) {
        walk->at = walk->end;
        walk->is_broken = false;
    }
}

bool dmar_next(struct acpi_walk *walk, struct dmar_entry *entry)
{
    struct acpi_entry from;

    while (acpi_walk_next(walk, &from))
        if (from.type < ARRAY_SIZE(least_bytes)) {
            read_entry(&from, entry);
            return true;
        }
    end_at_padding(walk);
    return false;
}

/* --- scopes --- */

struct dmar_scopes dmar_scopes(const struct dmar_entry *entry)
{
    if (!entry->scopes)
        return (struct dmar_scopes){0};
    return (struct dmar_scopes){entry->scopes, entry->scopes + entry->scope_bytes, false};
}

bool dmar_scope_next(struct dmar_scopes *scopes, struct dmar_scope *scope)
{
    size_t left = (size_t)(scopes->end - scopes->at);

    if (scopes->is_broken || left == 0)
        return false;
    uint32_t bytes = left >= SCOPE_BYTES_MIN ? scopes->at[1] : 0;
    if (bytes < SCOPE_BYTES_MIN || bytes % 2 != 0 || bytes > left) {
        scopes->is_broken = true;
        return false;
    }
    const uint8_t *at = scopes->at;
    *scope = (struct dmar_scope){
        .type = at[0],
        .id = at[4],
        .start_bus = at[5],
        .path = at + SCOPE_PATH,
        .steps = (bytes - SCOPE_PATH) / 2,
    };
    scopes->at += bytes;
    return true;
}

static uint8_t config(const struct dmar_pci *pci, struct dmar_function f, uint32_t offset)
{
    return pci->read8(pci->context, f, offset);
}

static bool is_bridge(const struct dmar_pci *pci, struct dmar_function f)
{
    return (config(pci, f, CONFIG_HEADER_TYPE) & CONFIG_HEADER_LAYOUT) == CONFIG_IS_BRIDGE;
}

/* One step of the path as devfn; false if it is not a valid device and function. */
static bool step_devfn(const uint8_t *pair, uint8_t *devfn)
{
    *devfn = (uint8_t)(pair[0] << 3 | pair[1]);
    return pair[0] < 32 && pair[1] < 8;
}

bool dmar_scope_function(const struct dmar_scope *scope, uint16_t segment,
                         const struct dmar_pci *pci, struct dmar_function *out)
{
    struct dmar_function f = {.segment = segment, .bus = scope->start_bus};

    for (unsigned i = 0; i < scope->steps; i++) {
        if (!step_devfn(scope->path + 2 * i, &f.devfn))
            return false;
        if (i + 1 == scope->steps)
            break;
        if (!is_bridge(pci, f))
            return false;
        f.bus = config(pci, f, CONFIG_SECONDARY_BUS);
    }
    *out = f;
    return scope->steps > 0;
}

static bool scope_names(const struct dmar_scope *scope, const struct dmar_pci *pci,
                        struct dmar_function function)
{
    struct dmar_function f;

    if (scope->type != DMAR_SCOPE_ENDPOINT && scope->type != DMAR_SCOPE_BRIDGE)
        return false; /* the number of an IOAPIC or HPET is not a function that does DMA */
    if (!dmar_scope_function(scope, function.segment, pci, &f))
        return false;
    if (f.bus == function.bus && f.devfn == function.devfn)
        return true;
    /* Also if firmware calls the bridge an endpoint. */
    return is_bridge(pci, f) && config(pci, f, CONFIG_SECONDARY_BUS) > f.bus &&
           config(pci, f, CONFIG_SECONDARY_BUS) <= function.bus &&
           config(pci, f, CONFIG_SUBORDINATE_BUS) >= function.bus;
}

bool dmar_covers(const struct dmar_entry *entry, const struct dmar_pci *pci,
                 struct dmar_function function)
{
    struct dmar_scopes scopes = dmar_scopes(entry);
    struct dmar_scope scope;

    if (entry->segment != function.segment)
        return false;
    while (dmar_scope_next(&scopes, &scope))
        if (scope_names(&scope, pci, function))
            return true;
    return false;
}

bool dmar_unit_of(const struct dmar *dmar, const struct dmar_pci *pci,
                  struct dmar_function function, struct dmar_entry *unit)
{
    struct acpi_walk walk = dmar_walk(dmar);
    struct dmar_entry entry;
    bool is_found = false;

    while (dmar_next(&walk, &entry)) {
        if (entry.kind != DMAR_DRHD || entry.damage || entry.segment != function.segment)
            continue;
        if (dmar_covers(&entry, pci, function)) {
            *unit = entry;
            return true;
        }
        if (entry.is_for_all) {
            *unit = entry;
            is_found = true;
        }
    }
    return is_found;
}
