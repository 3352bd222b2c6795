/* SPDX-License-Identifier: BSD-2-Clause
 * Symbols of the image, in order of address: where each starts, from image_text_start on, and their
 * names one after the other, each with its NUL.
 */
#include "arch/image.h"
#include "kernel/ksym.h"
#include "kernel/lib/str.h"

extern const uint32_t ksym_count;
extern const uint32_t ksym_offsets[];
extern const char ksym_names[];

const char *ksym_find(uint64_t address, uint64_t *offset)
{
    uint64_t start = (uintptr_t)image_text_start;
    if (address < start || address >= (uintptr_t)image_text_end)
        return NULL;
    uint32_t at = (uint32_t)(address - start);
    const char *name = ksym_names, *found = NULL;
    for (uint32_t i = 0; i < ksym_count && ksym_offsets[i] <= at; i++) {
        found = name;
        *offset = at - ksym_offsets[i];
        name += strlen(name) + 1;
    }
    return found;
}
