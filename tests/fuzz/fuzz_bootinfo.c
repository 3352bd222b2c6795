/* SPDX-License-Identifier: BSD-2-Clause
 * Boot information from arbitrary bytes. The first byte selects the protocol; the rest is physical
 * memory from address 0 on, where the information starts at 0. The result must be consistent:
 * counts within their tables, strings terminated, no range that wraps.
 *
 * links: boot/bootinfo.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/bootinfo.h"

static const uint8_t *memory;
static size_t memory_bytes;

static const void *look_up(uint64_t paddr, size_t bytes)
{
    if (paddr > memory_bytes || bytes > memory_bytes - paddr)
        return NULL;
    return memory + paddr;
}

static void assert_terminated(const char *text, size_t n)
{
    if (strnlen(text, n) == n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    static struct bootinfo info;
    /* A copy of exact size: ASan detects an overrun. */
    uint8_t *copy = malloc(size);
    memcpy(copy, data + 1, size - 1);
    memory = copy;
    memory_bytes = size - 1;
    uint32_t eax = data[0] & 1 ? BOOTINFO_MULTIBOOT2_MAGIC : 0;
    if (!bootinfo_read(eax, 0, look_up, &info) && (info.n_ranges || info.n_modules))
        abort();
    if (info.n_ranges > BOOTINFO_RANGES_MAX || info.n_modules > BOOTINFO_MODULES_MAX ||
        info.rsdp_bytes > sizeof info.rsdp)
        abort();
    assert_terminated(info.line, sizeof info.line);
    assert_terminated(info.loader, sizeof info.loader);
    for (unsigned i = 0; i < info.n_modules; i++)
        assert_terminated(info.modules[i].name, sizeof info.modules[i].name);
    for (unsigned i = 0; i < info.n_ranges; i++)
        if (info.ranges[i].bytes == 0 ||
            info.ranges[i].start + (info.ranges[i].bytes - 1) < info.ranges[i].start)
            abort();
    free(copy);
    return 0;
}
