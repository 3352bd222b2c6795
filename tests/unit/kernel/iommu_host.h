/* SPDX-License-Identifier: BSD-2-Clause
 * Two simulated units, a few cards and a DMAR table for tests of kernel/iommu/iommu.c. The units
 * complete every command at once.
 */
#ifndef TESTS_UNIT_KERNEL_IOMMU_HOST_H
#define TESTS_UNIT_KERNEL_IOMMU_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/tsc.h"
#include "kernel/iommu/internal.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/panic.h"

/* --- units: 0 at FED90000h for 00:02.0 alone, 1 at FED91000h for all others --- */

enum {
    RECORDS = 8,
    FRCD = 0x220
}; /* fault records; a test sets CAP_RECORDS to have more than one */
#define CAP_ZLR     (1ull << 22)
#define CAP_RECORDS ((RECORDS - 1ull) << 40)
static struct fake {
    uint64_t cap, ecap, rtaddr, iqa, irta, frcd[2 * RECORDS];
    uint32_t gsts, fsts;
    bool is_dead;
} fakes[2];

static void queue(struct fake *u, uint64_t tail)
{
    const uint64_t *d = paging_pointer((paddr_t){u->iqa + (tail + 4096 - 16) % 4096});
    assert_int_equal(d[0] & 15, 5);
    *(uint32_t *)paging_pointer((paddr_t){d[1]}) = (uint32_t)(d[0] >> 32);
}

uint64_t machine_read(uintptr_t at, uint32_t bytes)
{
    struct fake *u = &fakes[at >> 12 & 1];
    uint64_t v = 0;
    if (u->is_dead)
        return UINT64_MAX >> (64 - 8 * bytes);
    /* clang-format off */
    switch (at & 0xFF8) {
    case 0x00: v = 0x10; break;
    case 0x08: v = u->cap; break;
    case 0x10: v = u->ecap; break;
    case 0x18: v = (uint64_t)u->gsts << 32; break;
    case 0x30: v = (uint64_t)u->fsts << 32; break;
    default:
        if ((at & 0xFF8) >= FRCD && (at & 0xFF8) < FRCD + 16 * RECORDS)
            v = u->frcd[((at & 0xFF8) - FRCD) / 8];
    }
    /* clang-format on */
    return at & 4 ? v >> 32 : v;
}
void machine_write(uintptr_t at, uint64_t v, uint32_t bytes)
{
    struct fake *u = &fakes[at >> 12 & 1];
    (void)bytes;
    /* clang-format off */
    switch (at & 0xFFF) {
    case 0x18: u->gsts = (uint32_t)v; break;
    case 0x20: u->rtaddr = v; break;
    case 0x34: u->fsts = 0; break;
    case 0x88:
        if (v)
            queue(u, v);
        break;
    case 0x90: u->iqa = v; break;
    case 0xB8: u->irta = v; break;
    default:
        if ((at & 0xFFF) >= FRCD && (at & 0xFFF) < FRCD + 16 * RECORDS && (at & 0xF) == 0xC)
            u->frcd[((at & 0xFFF) - FRCD) / 8] = 0, u->fsts = 0;
    }
    /* clang-format on */
}
void machine_write32(uintptr_t at, uint32_t v)
{
    machine_write(at, v, 4);
}
enum err paging_map_device(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    (void)bytes;
    out->base = paddr.v;
    return OK;
}

enum err paging_extend_device(uint64_t bytes)
{
    (void)bytes;
    return OK;
}
const char *paging_refusal(enum err err, paddr_t paddr, uint64_t bytes)
{
    (void)err, (void)paddr, (void)bytes;
    return "";
}

/* The unit's translation for this requester: walks root, context and tables. */
static struct vtd_page translate(unsigned unit, uint16_t source, uint64_t iova)
{
    struct vtd_page none = {0};
    uint64_t *root = paging_pointer((paddr_t){fakes[unit].rtaddr});
    uint64_t context = root[2 * (source >> 8)];
    if (!(context & 1))
        return none;
    uint64_t *entry =
        (uint64_t *)paging_pointer((paddr_t){context & ~0xFFFull}) + 2 * (source & 255);
    if (!(entry[0] & 1))
        return none;
    uint64_t table = entry[0] & ~0xFFFull;
    unsigned level = (unsigned)(entry[1] & 7) + 2, rights = 3;
    for (;; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t e = ((uint64_t *)paging_pointer((paddr_t){table}))[iova >> shift & 511];
        rights &= (unsigned)e;
        if (!rights)
            return none;
        if (level == 1 || (e & 0x80))
            return (struct vtd_page){(e & 0xFFFFFFFFFF000) + (iova & ((1ull << shift) - 1)),
                                     1ull << shift, rights};
        table = e & 0xFFFFFFFFFF000;
    }
}

/* --- the rest of the machine --- */

static uint64_t now_ns;
static unsigned lines;
static char log_text[16384];
static uint16_t commands[256]; /* of bus 0 */
static uint8_t classes[32][2]; /* class and subclass of 00:n.0; class 0: absent */
static struct {
    uint16_t device;
    uint8_t revision;
} bridge; /* 00:00.0 */
static unsigned translated_bits;
static struct range translated_first,
    window; /* of the bridge that 00:02.0 stands for; start 0: none */
static struct ranges unlisted;
static void *taken[512];
static unsigned taken_n;
static jmp_buf end;

uint64_t machine_now_ns(void)
{
    return now_ns;
}
void machine_wait_ns(uint64_t ns)
{
    now_ns += ns;
}
uint64_t tsc_now_ns(void)
{
    return now_ns += 10;
}
void machine_flush_line(const void *line)
{
    (void)line;
}
void *memory_alloc(size_t bytes, size_t align)
{
    assert_true(taken_n < ARRAY_SIZE(taken));
    void *p = aligned_alloc(align, bytes);
    memset(p, 0, bytes);
    return taken[taken_n++] = p;
}
void *memory_alloc_uninitialized(size_t bytes, size_t align)
{
    return memory_alloc(bytes, align);
}
/* Our RAM: the first 2 GiB except for the MiB that starts at 512 MiB. */
const char *paging_ours(paddr_t paddr, uint64_t bytes_n)
{
    for (uint64_t p = paddr.v; p < paddr.v + bytes_n; p += 4096)
        if (p < 0x80000000 && p >> 20 != 512)
            return "overlaps RAM in use";
    return NULL;
}
void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;
    (void)level;
    size_t n = strlen(log_text);
    va_start(args, fmt);
    vsnprintf(log_text + n, sizeof(log_text) - n, fmt, args);
    va_end(args);
    lines++;
}
void panic(const char *fmt, ...)
{
    (void)fmt;
    longjmp(end, 1);
}
void dma_translate(unsigned bits, struct range first)
{
    translated_bits = bits;
    translated_first = first;
}
const struct ranges *memory_unlisted(void)
{
    return &unlisted;
}
bool pci_bridge_window(const struct pci_dev *dev, unsigned i, struct range *out)
{
    *out = window;
    return dev->device == 2 && i == 1 && window.start;
}
bool pci_at(unsigned segment, unsigned bus, unsigned device, unsigned function, struct pci_dev *out)
{
    *out = (struct pci_dev){.segment = (uint16_t)segment,
                            .bus = (uint8_t)bus,
                            .device = (uint8_t)device,
                            .function = (uint8_t)function};
    return segment == 0;
}
static bool is_here(const struct pci_dev *dev)
{
    return dev->bus == 0 && dev->function == 0 && classes[dev->device][0];
}
uint8_t pci_read8(const struct pci_dev *dev, uint32_t offset)
{
    if (offset == PCI_REVISION && dev->device == 0)
        return bridge.revision;
    if (!is_here(dev))
        return 0xFF;
    return offset == 11 ? classes[dev->device][0] : offset == 10 ? classes[dev->device][1] : 0;
}
uint16_t pci_read16(const struct pci_dev *dev, uint32_t offset)
{
    if (dev->device == 0 && dev->bus == 0 && bridge.device)
        return offset == PCI_VENDOR ? 0x8086 : bridge.device;
    return 0xFFFF;
}
void pci_scan(void (*visit)(const struct pci_dev *dev, void *context), void *context)
{
    for (uint8_t device = 0; device < 32; device++)
        if (classes[device][0])
            visit(&(struct pci_dev){.device = device}, context);
}
unsigned pci_isolate(const struct pci_dev *dev)
{
    (void)dev;
    return 0;
}
void pci_command(const struct pci_dev *dev, uint16_t set, uint16_t clear)
{
    uint16_t *command = &commands[dev->device << 3 | dev->function];
    *command = (uint16_t)((*command & ~clear) | set);
}
const char *iommu_irq_start(const struct dmar *dmar)
{
    (void)dmar;
    return "not here";
}

/* --- firmware's table --- */

enum { NETWORK = 2, DISPLAY = 3, MULTIMEDIA = 4, AUDIO = 1, VIDEO = 0, HD_AUDIO = 3, USB = 0x14 };

static uint8_t bytes[512];
static uint32_t n;

static void put(uint64_t v, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        bytes[n++] = (uint8_t)(v >> (8 * i));
}
static void put_scope(uint8_t device)
{
    put(1 | 8 << 8, 6);
    put(device, 2);
}
static inline void load(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "tests/data/acpi/made/%s.bin", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    n = (uint32_t)fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
}
static void put_unit(uint8_t flags, uint64_t base, int device)
{
    put(0, 2), put(device < 0 ? 16 : 24, 2), put(flags, 4), put(base, 8);
    if (device >= 0)
        put_scope((uint8_t)device);
}
static void put_reserved(uint64_t base, uint64_t limit, uint8_t device)
{
    put(1, 2), put(32, 2), put(0, 4), put(base, 8), put(limit, 8);
    put_scope(device);
}

static struct acpi_table table(void)
{
    return (struct acpi_table){bytes, n, 0};
}

static const struct pci_dev card_2 = {.device = 2}, card_3 = {.device = 3};

static int power_on(void **state)
{
    (void)state;
    memset(iommu_units, 0, sizeof(iommu_units));
    memset(iommu_domains, 0, sizeof(iommu_domains));
    iommu_units_n = 0;
    iommu_is_on = iommu_is_sealed = false;
    for (unsigned i = 0; i < 2; i++)
        fakes[i] = (struct fake){.cap = 0xD2008C222F0606, .ecap = 0xF00F42};
    memset(commands, 0, sizeof(commands));
    memset(classes, 0, sizeof(classes));
    memset(&bridge, 0, sizeof(bridge));
    unlisted = (struct ranges){0};
    window = (struct range){0};
    classes[2][0] = classes[3][0] = NETWORK;
    classes[USB][0] = 0x0C, classes[USB][1] = 3;
    memset(log_text, 0, sizeof(log_text));
    now_ns += 10000000000; /* the rate limit of log lines starts afresh */
    lines = translated_bits = 0;
    memset(bytes, 0, sizeof(bytes));
    n = DMAR_BYTES;
    bytes[36] = 47;
    put_unit(0, 0xFED90000, 2);
    put_unit(1, 0xFED91000, -1);
    return 0;
}

static int power_off(void **state)
{
    (void)state;
    while (taken_n > 0)
        free(taken[--taken_n]);
    return 0;
}

static char found[200];
static void init(enum iommu_mode mode)
{
    struct acpi_table t = table();
    iommu_init(&t, mode, found, sizeof(found));
}

/* --- tests --- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, power_on, power_off)

#endif
