/* SPDX-License-Identifier: BSD-2-Clause
 * MADT and HPET, from bytes to structs. A structure too short for its type is counted and left out.
 * If the walk breaks, the structures before that are kept (some cores are better than one), and the
 * caller warns.
 */
#include "kernel/firmware/madt.h"
#include "kernel/lib/str.h"

#define MADT_LAPIC    36
#define MADT_FLAGS    40
#define MADT_ENTRIES  44u
#define FLAGS_8259    BIT(0)
#define CPU_ENABLED   BIT(0)
#define LAPIC_ID_NONE 255u /* "see the x2APIC entry" */

enum madt_type {
    TYPE_LAPIC = 0,
    TYPE_IOAPIC = 1,
    TYPE_OVERRIDE = 2,
    TYPE_LAPIC_NMI = 4,
    TYPE_LAPIC_BASE = 5,
    TYPE_X2APIC = 9,
    TYPE_X2APIC_NMI = 10,
};

/* The minimum length of each type that is used. */
static const uint8_t bytes_least[] = {
    [TYPE_LAPIC] = 8,       [TYPE_IOAPIC] = 12, [TYPE_OVERRIDE] = 10,   [TYPE_LAPIC_NMI] = 6,
    [TYPE_LAPIC_BASE] = 12, [TYPE_X2APIC] = 16, [TYPE_X2APIC_NMI] = 12,
};

/* Polarity and trigger of an override: 0 = the bus's default. */
#define FLAGS_POLARITY  FIELD(1, 0)
#define FLAGS_TRIGGER   FIELD(3, 2)
#define POLARITY_LOW    3u
#define TRIGGER_LEVEL   3u

#define UID_EVERY_CPU_8 0xFFu

#define HPET_ADDRESS    40 /* generic address: u8 space, 3 bytes, u64 */
#define HPET_NUMBER     52
#define HPET_MIN_TICK   53
#define HPET_BYTES      56u

static void add_cpu(struct madt *m, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
    if (!(flags & CPU_ENABLED)) {
        m->n_disabled++;
        return;
    }
    /* Some firmware lists a core as LAPIC and as x2APIC. */
    for (unsigned i = 0; i < m->n_cpus; i++)
        if (m->cpus[i].apic_id == apic_id)
            return;
    if (m->n_cpus == MADT_CPUS_MAX)
        m->n_lost++;
    else
        m->cpus[m->n_cpus++] = (struct madt_cpu){apic_id, uid};
}

static void add_nmi(struct madt *m, uint32_t uid, uint16_t flags, uint8_t pin)
{
    if (pin > 1)
        m->n_bad++;
    else if (m->n_nmis == MADT_NMIS_MAX)
        m->n_lost++;
    else
        m->nmis[m->n_nmis++] = (struct madt_nmi){uid, flags, pin};
}

static void add_entry(struct madt *m, const struct acpi_entry *e)
{
    const uint8_t *at = e->at;
    if (e->type >= ARRAY_SIZE(bytes_least) || bytes_least[e->type] == 0) {
        m->n_unknown++;
        return;
    }
    if (e->bytes < bytes_least[e->type]) {
        m->n_bad++;
        return;
    }
    switch ((enum madt_type)e->type) {
    case TYPE_LAPIC:
        if (at[3] != LAPIC_ID_NONE)
            add_cpu(m, at[3], at[2], acpi_u32(at + 4));
        break;
    case TYPE_X2APIC:
        add_cpu(m, acpi_u32(at + 4), acpi_u32(at + 12), acpi_u32(at + 8));
        break;
    case TYPE_IOAPIC:
        if (m->n_ioapics == MADT_IOAPICS_MAX)
            m->n_lost++;
        else
            m->ioapics[m->n_ioapics++] =
                (struct madt_ioapic){acpi_u32(at + 4), acpi_u32(at + 8), at[2]};
        break;
    case TYPE_OVERRIDE:
        if (m->n_overrides == MADT_OVERRIDES_MAX)
            m->n_lost++;
        else
            m->overrides[m->n_overrides++] =
                (struct madt_override){acpi_u32(at + 4), acpi_u16(at + 8), at[3]};
        break;
    case TYPE_LAPIC_NMI:
        add_nmi(m, at[2] == UID_EVERY_CPU_8 ? MADT_EVERY_CPU : at[2], acpi_u16(at + 3), at[5]);
        break;
    case TYPE_X2APIC_NMI:
        add_nmi(m, acpi_u32(at + 4), acpi_u16(at + 2), at[8]);
        break;
    case TYPE_LAPIC_BASE:
        m->lapic_paddr = acpi_u64(at + 4);
        break;
    }
}

bool madt_read(const struct acpi_table *table, struct madt *out)
{
    memset(out, 0, sizeof *out);
    if (table->bytes < MADT_ENTRIES)
        return false;
    out->lapic_paddr = acpi_u32(table->at + MADT_LAPIC);
    out->has_8259 = acpi_u32(table->at + MADT_FLAGS) & FLAGS_8259;
    struct acpi_walk walk = acpi_walk(table, MADT_ENTRIES, false);
    struct acpi_entry entry;
    while (acpi_walk_next(&walk, &entry))
        add_entry(out, &entry);
    out->is_broken = walk.is_broken;
    return true;
}

struct madt_line madt_isa_line(const struct madt *madt, uint8_t irq)
{
    for (unsigned i = 0; i < madt->n_overrides; i++) {
        const struct madt_override *o = &madt->overrides[i];
        if (o->irq == irq)
            return (struct madt_line){
                .gsi = o->gsi,
                .is_low_active = FIELD_GET(FLAGS_POLARITY, o->flags) == POLARITY_LOW,
                .is_level = FIELD_GET(FLAGS_TRIGGER, o->flags) == TRIGGER_LEVEL,
            };
    }
    return (struct madt_line){.gsi = irq};
}

unsigned madt_nmi_pins(const struct madt *madt, uint32_t acpi_uid, unsigned *low)
{
    unsigned pins = 0;
    *low = 0;
    for (unsigned i = 0; i < madt->n_nmis; i++) {
        const struct madt_nmi *n = &madt->nmis[i];
        if (n->acpi_uid != acpi_uid && n->acpi_uid != MADT_EVERY_CPU)
            continue;
        pins |= BIT(n->pin);
        if (FIELD_GET(FLAGS_POLARITY, n->flags) == POLARITY_LOW)
            *low |= BIT(n->pin);
    }
    return pins;
}

bool acpi_hpet_read(const struct acpi_table *table, struct acpi_hpet *out)
{
    memset(out, 0, sizeof *out);
    if (table->bytes < HPET_BYTES || table->at[HPET_ADDRESS] != ACPI_MEMORY)
        return false;
    out->paddr = acpi_u64(table->at + HPET_ADDRESS + 4);
    out->number = table->at[HPET_NUMBER];
    out->min_tick = acpi_u16(table->at + HPET_MIN_TICK);
    return out->paddr != 0;
}
