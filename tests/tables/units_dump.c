/* SPDX-License-Identifier: BSD-2-Clause
 * Prints, for units.py, what kernel/iommu/policy.c decides about the DMAR tables named on the command
 * line. The machines' PCI functions are not known, so each has those that Intel's chipsets have at
 * these places; functions of other places count as present, and of a class of their own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/iommu/policy.h"

/* Functions of bus 0 by convention. A bridge's bus has the number of its device. */
static const struct {
    uint8_t device, function, class, subclass;
} known[] = {
    {0x02, 0, 0x03, 0x00}, {0x02, 1, 0x03, 0x80},                        /* graphics */
    {0x1B, 0, 0x04, 0x03}, {0x1F, 3, 0x04, 0x03},                        /* HD audio */
    {0x01, 0, 0x06, 0x04}, {0x03, 0, 0x06, 0x04}, {0x09, 0, 0x06, 0x04}, /* bridges */
    {0x07, 0, 0x06, 0x04}, {0x07, 1, 0x06, 0x04}, {0x07, 2, 0x06, 0x04}, {0x1C, 4, 0x06, 0x04},
    {0x14, 0, 0x0C, 0x03}, {0x15, 0, 0x0C, 0x03}, {0x1A, 0, 0x0C, 0x03}, /* USB */
    {0x1D, 0, 0x0C, 0x03},
};

static uint8_t read8(void *context, struct dmar_function f, uint32_t offset)
{
    uint8_t class = 0xFF, subclass = 0;

    (void)context;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (f.bus == 0 && f.devfn == (known[i].device << 3 | known[i].function))
            class = known[i].class, subclass = known[i].subclass;
    switch (offset) {
    case 0x0A:
        return subclass;
    case 0x0B:
        return class;
    case 0x0E:
        return class == 0x06;
    case 0x19:
    case 0x1A:
        return f.devfn >> 3;
    }
    return 0x86;
}
static const struct dmar_pci pci = {read8, NULL};

static void print_functions(const struct dmar_entry *entry)
{
    struct policy_walk walk = policy_walk(entry, &pci);
    struct dmar_function f;
    bool is_below;

    while (policy_next(&walk, &f, &is_below))
        printf(" %02x:%02x.%u%s", f.bus, f.devfn >> 3, f.devfn & 7, is_below ? "+" : "");
}

static void print_unit(const struct dmar_entry *drhd)
{
    const char *why = drhd->damage ? drhd->damage : policy_why_off(drhd, &pci);

    printf("  %s %8lx ", why ? "off" : "on ", drhd->base);
    print_functions(drhd);
    printf("%s%s%s\n", drhd->is_for_all ? " all others" : "", why ? ": " : "", why ? why : "");
}

static void print_reserved(const struct dmar *dmar, const struct dmar_entry *rmrr)
{
    struct policy_walk walk = policy_walk(rmrr, &pci);
    struct dmar_function f;
    bool is_below;

    if (rmrr->damage)
        printf("  not mapped %lx to %lx: it %s\n", rmrr->base, rmrr->limit, rmrr->damage);
    while (!rmrr->damage && policy_next(&walk, &f, &is_below)) {
        struct dmar_entry unit;
        bool has_unit = dmar_unit_of(dmar, &pci, f, &unit);
        const char *why = !has_unit                     ? "no unit covers it"
                          : policy_why_off(&unit, &pci) ? "its unit stays off"
                                                        : NULL;
        printf("  %s %lx to %lx for %02x:%02x.%u%s%s\n", why ? "not mapped" : "mapped", rmrr->base,
               rmrr->limit, f.bus, f.devfn >> 3, f.devfn & 7, why ? ": " : "", why ? why : "");
    }
}

static void print_table(const struct dmar *dmar)
{
    struct dmar_entry e;

    for (unsigned kind = DMAR_DRHD; kind <= DMAR_RMRR; kind++) {
        struct acpi_walk walk = dmar_walk(dmar);
        while (dmar_next(&walk, &e))
            if (e.kind == kind && kind == DMAR_DRHD)
                print_unit(&e);
            else if (e.kind == kind)
                print_reserved(dmar, &e);
        if (walk.is_broken && kind == DMAR_RMRR)
            printf("  the rest has an invalid length\n");
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        static uint8_t bytes[65536];
        FILE *f = fopen(argv[i], "rb");
        if (!f)
            return 1;
        struct acpi_table table = {bytes, (uint32_t)fread(bytes, 1, sizeof(bytes), f), 0};
        struct dmar dmar;
        fclose(f);
        printf("file %s\n", argv[i]);
        if (dmar_open(&dmar, &table))
            print_table(&dmar);
    }
    return 0;
}
