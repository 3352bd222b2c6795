/* SPDX-License-Identifier: BSD-2-Clause
 * Prints, for test_dmar.py, what kernel/firmware/dmar.c reads from the tables named on the command
 * line: one line for each structure, followed by one line for each of its scopes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/firmware/dmar.h"

static void print_scopes(const struct dmar_entry *entry)
{
    struct dmar_scopes scopes = dmar_scopes(entry);
    struct dmar_scope s;

    while (dmar_scope_next(&scopes, &s)) {
        printf("scope %u %u %u", s.type, s.id, s.start_bus);
        for (unsigned i = 0; i < 2 * s.steps; i++)
            printf(" %u", s.path[i]);
        printf("\n");
    }
    if (scopes.is_broken)
        printf("broken scopes\n");
}

static void print_table(const struct dmar *dmar)
{
    struct acpi_walk walk = dmar_walk(dmar);
    struct dmar_entry e;

    printf("dmar %u %u\n", dmar->address_bits, dmar->flags);
    while (dmar_next(&walk, &e)) {
        printf("entry %u flags %u segment %u base %lu limit %lu\n", e.kind, e.flags, e.segment,
               e.base, e.limit);
        if (e.damage)
            printf("damage %s\n", e.damage);
        print_scopes(&e);
    }
    if (walk.is_broken)
        printf("broken\n");
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f)
            return 1;
        fseek(f, 0, SEEK_END);
        size_t n = (size_t)ftell(f);
        rewind(f);
        uint8_t *bytes = malloc(n ? n : 1); /* of exact size: ASan detects an overrun */
        if (!bytes || fread(bytes, 1, n, f) != n)
            return 1;
        fclose(f);
        struct acpi_table table = {bytes, (uint32_t)n, 0};
        struct dmar dmar;
        printf("file %s\n", argv[i]);
        if (dmar_open(&dmar, &table))
            print_table(&dmar);
        free(bytes);
    }
    return 0;
}
