/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/iommu/iommu.c with two simulated units and a few cards: the unit that DMAR assigns to a
 * card gets the card's context entry, reserved memory is mapped only for the card that RMRR names,
 * rights follow the units' ZLR, a card that faults loses its bus mastering, log lines are limited,
 * and a card that cannot be confined is refused, or runs unconfined unless iommu=require. Units of
 * displays and audio devices stay off, reserved memory of other devices is mapped for them, and the
 * faults of a device without a port are recorded once. The simulated units complete every command at
 * once.
 *
 * links: kernel/iommu/iommu.c kernel/iommu/policy.c kernel/firmware/dmar.c
 * kernel/firmware/acpi.c kernel/lib/fmt.c arch/vtd.c arch/vtd_table.c
 */
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
void dma_translate(unsigned bits)
{
    translated_bits = bits;
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
static void load(const char *name)
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

static void confine__unit_that_names_the_card__gets_its_context_entry(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    init(IOMMU_ON);
    assert_int_equal(translated_bits, 39);
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_int_equal(two->map(two, (iova_t){0x5000}, (paddr_t){0x9000}, 4096, DMA_READ), OK);
    assert_int_equal(three->map(three, (iova_t){0x5000}, (paddr_t){0xA000}, 4096, DMA_READ), OK);
    assert_int_equal(translate(0, 2 << 3, 0x5000).paddr, 0x9000);
    assert_int_equal(translate(1, 3 << 3, 0x5000).paddr, 0xA000);
    assert_int_equal(translate(1, 2 << 3, 0x5000).rights, 0);
    assert_int_equal(translate(0, 3 << 3, 0x5000).rights, 0);
    assert_int_equal(translate(1, 4 << 3, 0x5000).rights, 0);
    iommu_release(two);
    assert_int_equal(translate(0, 2 << 3, 0x5000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x5000).rights, DMA_READ);
}

static void confine__reserved_memory__is_mapped_only_for_its_card(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    put_reserved(0x20000000, 0x20002FFF, 3); /* in the hole in our RAM */
    put_reserved(0x8F000000, 0x8F0FFFFF, 2);
    put_reserved(0x1000000, 0x1FFFFFF, 3);   /* our RAM: the firmware is wrong */
    put_reserved(0x200FF000, 0x20100FFF, 3); /* begins in the hole, ends in our RAM */
    put_reserved(0, 0, 3);
    init(IOMMU_ON);
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_int_equal(translate(1, 3 << 3, 0x20000000).paddr, 0x20000000);
    assert_int_equal(translate(1, 3 << 3, 0x20002FFF).rights, DMA_READ_WRITE);
    assert_int_equal(translate(1, 3 << 3, 0x20003000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x1FFFF000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x8F000000).rights, 0);
    assert_int_equal(translate(0, 2 << 3, 0x8F0FFFFF).rights, DMA_READ_WRITE);
    assert_int_equal(translate(0, 2 << 3, 0x20000000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x1000000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x200FF000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0).rights, 0);
    assert_non_null(strstr(log_text, "overlaps RAM in use; not mapped"));
    assert_non_null(strstr(log_text, "is empty or ends before it begins; ignored"));
}

static void map__write_only__needs_zlr(void **state)
{
    (void)state;
    for (unsigned has_zlr = 0; has_zlr < 2; has_zlr++) {
        struct dma_domain *d;
        power_on(NULL);
        fakes[0].cap |= has_zlr ? CAP_ZLR : 0;
        init(IOMMU_ON);
        assert_int_equal(iommu_confine(&card_2, 0, &d), OK);
        assert_int_equal(d->map(d, (iova_t){0x5000}, (paddr_t){0x9000}, 4096, DMA_WRITE), OK);
        assert_int_equal(d->map(d, (iova_t){0x7000}, (paddr_t){0x7000}, 4096, DMA_READ), OK);
        assert_int_equal(translate(0, 2 << 3, 0x5000).rights, has_zlr ? DMA_WRITE : DMA_READ_WRITE);
        assert_int_equal(translate(0, 2 << 3, 0x7000).rights, DMA_READ);
    }
}

static void map__after_start__panics(void **state)
{
    (void)state;
    struct dma_domain *d;
    init(IOMMU_ON);
    assert_int_equal(iommu_confine(&card_2, 0, &d), OK);
    iommu_seal();
    if (setjmp(end) == 0) {
        (void)!d->map(d, (iova_t){0x5000}, (paddr_t){0x9000}, 4096, DMA_READ);
        fail_msg("a mapping after the start was accepted");
    }
}

static void fault(unsigned unit, uint16_t source)
{
    fakes[unit].frcd[0] = 0x1234000;
    fakes[unit].frcd[1] = 1ull << 63 | 5ull << 32 | source;
    fakes[unit].fsts = 2;
}

static void poll__fault__clears_bus_mastering_and_names_the_port(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    init(IOMMU_ON);
    assert_int_equal(iommu_confine(&card_2, 4, &two), OK);
    assert_int_equal(iommu_confine(&card_3, 5, &three), OK);
    enum { AT = 0x5000 };
    assert_int_equal(two->map(two, (iova_t){AT}, (paddr_t){0x9000}, 4096, DMA_READ_WRITE), OK);
    assert_int_equal(three->map(three, (iova_t){AT}, (paddr_t){0xA000}, 4096, DMA_READ_WRITE), OK);
    commands[2 << 3] = commands[3 << 3] = PCI_COMMAND_MASTER;
    assert_int_equal(iommu_poll(), 0);
    fault(0, 2 << 3);
    assert_int_equal(iommu_poll(), 1 << 4);
    assert_int_equal(commands[2 << 3], 0);
    assert_int_equal(commands[3 << 3], PCI_COMMAND_MASTER);
    assert_non_null(strstr(log_text, "port4 (00:02.0) tried to write 0x1234000: no write "
                                     "permission for the page (reason 05h)"));
    fault(0, 2 << 3); /* still in flight: reported already */
    assert_int_equal(iommu_poll(), 0);
    fault(1, 2 << 3); /* of another unit: not one of our ports */
    assert_int_equal(iommu_poll(), 0);
    assert_non_null(strstr(log_text, "00:02.0 (no port) tried"));
    assert_true(iommu_is_cut_off(two));
    assert_false(iommu_is_cut_off(three) || iommu_is_cut_off(NULL));
    assert_int_equal(translate(0, 2 << 3, AT).rights, 0); /* not only by its own command register */
    assert_int_equal(translate(1, 3 << 3, AT).rights, DMA_READ_WRITE);
    assert_int_equal(iommu_readmit(two), OK);
    assert_false(iommu_is_cut_off(two));
    assert_int_equal(translate(0, 2 << 3, AT).rights, DMA_READ_WRITE);
    assert_int_equal(commands[2 << 3], 0); /* the driver enables it once the queues are off */
    fault(0, 2 << 3);
    assert_int_equal(iommu_poll(), 1 << 4);

    /* What is still recorded when a port is put back was done before; another port's counts. */
    assert_int_equal(iommu_readmit(two), OK);
    fault(0, 2 << 3);
    fault(1, 3 << 3);
    assert_int_equal(iommu_readmit(two), OK);
    assert_false(iommu_is_cut_off(two));
    assert_int_equal(translate(0, 2 << 3, AT).rights, DMA_READ_WRITE);
    assert_int_equal(iommu_poll(), 1 << 5);
    assert_int_equal(iommu_poll(), 0);
}

static void poll__many_faults__print_few_lines(void **state)
{
    (void)state;
    struct dma_domain *two;
    init(IOMMU_ON);
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    lines = 0;
    for (unsigned i = 0; i < 1000; i++) {
        fault(0, 2 << 3);
        iommu_poll();
    }
    assert_int_equal(lines, 8);
    assert_int_equal(iommu_units[0].faults, 1000);
    now_ns += 2000000000;
    fault(0, 2 << 3);
    iommu_poll();
    assert_non_null(strstr(log_text, "992 more faults were not printed"));
}

/* They come at once, from as many functions. */
static void poll__many_records__prints_two_lines_and_counts_all(void **state)
{
    (void)state;
    init(IOMMU_ON);
    fakes[1].cap |= CAP_RECORDS;
    iommu_units[1].vtd.cap |= CAP_RECORDS;
    for (unsigned i = 0; i < RECORDS; i++) {
        fakes[1].frcd[2 * i] = 0x1234000;
        fakes[1].frcd[2 * i + 1] = 1ull << 63 | 5ull << 32 | (9 + i) << 3;
    }
    fakes[1].fsts = 2;
    lines = 0;
    iommu_poll();
    assert_int_equal(iommu_units[1].faults, RECORDS);
    assert_int_equal(lines, 2);
}

static void poll__unit_that_vanished__is_logged_once(void **state)
{
    (void)state;
    init(IOMMU_ON);
    lines = 0;
    fakes[1].is_dead = true;
    assert_int_equal(iommu_poll(), 0);
    assert_int_equal(iommu_poll(), 0);
    assert_int_equal(lines, 1);
}

static void confine__unit_that_is_dead__refuses_its_card_if_required(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    fakes[0].is_dead = true;
    init(IOMMU_REQUIRE);
    assert_int_equal(translated_bits, 39);
    assert_int_equal(iommu_confine(&card_2, 0, &two), ERR_NO_DEVICE);
    assert_null(two);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_non_null(strstr(log_text, "00:02.0 cannot be confined: no working unit covers it"));
}

/* All ports share rings, so all addresses are physical then; the other card is still confined. */
static void confine__unit_that_is_dead__lets_its_card_run_with_a_warning(void **state)
{
    (void)state;
    struct dma_domain *two, *three;
    fakes[0].is_dead = true;
    init(IOMMU_ON);
    assert_int_equal(translated_bits, 0);
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    assert_null(two);
    assert_non_null(strstr(log_text,
                           "port0: no working unit covers 00:02.0: it may touch all memory; "
                           "iommu=require would refuse it"));
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_non_null(three);
    assert_int_equal(translate(1, 3 << 3, 0x5000).rights, 0);
}

static bool is_on(unsigned unit)
{
    return fakes[unit].gsts >> 31;
}

static void init__unit_of_displays_or_audio__stays_off_unless_required(void **state)
{
    (void)state;
    static const struct {
        uint8_t class, subclass;
        bool is_on;
        const char *line;
    } rows[] = {
        {DISPLAY, 0, false,
         "unit 0 at 0xfed90000 stays off: only displays are below it; not confined: 00:02.0"},
        {MULTIMEDIA, HD_AUDIO, false,
         "stays off: only audio devices are below it; not confined: 00:02.0"},
        {MULTIMEDIA, AUDIO, false, "stays off: only audio devices are below it"},
        {MULTIMEDIA, VIDEO, true, ""},
        {NETWORK, 0, true, ""},
        {0, 0, false, "stays off: none of its devices is present"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        for (enum iommu_mode mode = IOMMU_REQUIRE; mode <= IOMMU_ON; mode++) {
            power_on(NULL);
            classes[2][0] = rows[i].class, classes[2][1] = rows[i].subclass;
            fakes[0].gsts = 1u << 31; /* a loader's translation ends in any case */
            init(mode);
            assert_int_equal(is_on(0), rows[i].is_on || mode == IOMMU_REQUIRE);
            assert_true(is_on(1));
            assert_int_equal(translated_bits, 39);
            assert_true(mode == IOMMU_REQUIRE || strstr(log_text, rows[i].line));
            bool is_named = mode == IOMMU_ON && !rows[i].is_on && rows[i].class;
            assert_int_equal(!!strstr(found, "; not confined: 00:02.0"), is_named);
        }
}

static void init__display_beside_another_device__is_on(void **state)
{
    (void)state;
    n = DMAR_BYTES;
    put(0, 2), put(32, 2), put(0, 4), put(0xFED90000, 8), put_scope(5), put_scope(2);
    put_unit(1, 0xFED91000, -1);
    classes[5][0] = DISPLAY;
    init(IOMMU_ON);
    assert_true(is_on(0));
    power_on(NULL);
    n = DMAR_BYTES;
    put(0, 2), put(32, 2), put(0, 4), put(0xFED90000, 8), put_scope(5), put_scope(6);
    put_unit(1, 0xFED91000, -1);
    classes[5][0] = DISPLAY, classes[6][0] = MULTIMEDIA, classes[6][1] = HD_AUDIO;
    init(IOMMU_ON);
    assert_false(is_on(0));
    assert_non_null(strstr(found, "; not confined: 00:05.0 00:06.0"));
}

/* A device that only ACPI describes, and one in a segment that configuration space does not reach, may
 * do DMA, so that their units are on. */
static void init__device_that_cannot_be_looked_at__keeps_its_unit_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        power_on(NULL);
        classes[2][0] = DISPLAY;
        n = DMAR_BYTES;
        if (i == 0) {
            put(0, 2), put(32, 2), put(0, 4), put(0xFED90000, 8), put_scope(2);
            put(5 | 8 << 8, 4), put(1, 1), put(0, 1), put(0x15, 2);
        } else {
            put(0, 2), put(24, 2), put(0, 2), put(1, 2), put(0xFED90000, 8), put_scope(2);
        }
        put_unit(1, 0xFED91000, -1);
        init(IOMMU_ON);
        assert_true(is_on(0));
    }
}

static void init__reserved_memory_of_other_devices__is_mapped_for_them(void **state)
{
    (void)state;
    put_reserved(0x8F000000, 0x8F000FFF, USB);
    put_reserved(0x1000000, 0x1000FFF, USB); /* our RAM */
    put_reserved(0x8E000000, 0x8E000FFF, 5); /* absent */
    put_reserved(0x8D000000, 0x8D000FFF, 2); /* below the unit that stays off */
    put_reserved(0x8C000000, 0x8C000FFF, 3); /* may become a port */
    classes[2][0] = DISPLAY;
    init(IOMMU_ON);
    assert_int_equal(translate(1, USB << 3, 0x8F000000).paddr, 0x8F000000);
    assert_int_equal(translate(1, USB << 3, 0x8F000000).rights, DMA_READ_WRITE);
    assert_int_equal(translate(1, USB << 3, 0x8F001000).rights, 0);
    assert_int_equal(translate(1, USB << 3, 0x1000000).rights, 0);
    assert_int_equal(translate(1, 5 << 3, 0x8E000000).rights, 0);
    assert_int_equal(translate(1, 3 << 3, 0x8C000000).rights, 0);
    assert_non_null(strstr(log_text, "00:14.0: firmware reserves 0x8f000000 to 0x8f000fff for it"));
    assert_non_null(strstr(log_text, "00:14.0: reserved memory 0x1000000 to 0x1000fff overlaps"));
    assert_null(strstr(log_text, "0x8d000000"));
    iommu_seal(); /* the network function is no port */
    assert_int_equal(translate(1, 3 << 3, 0x8C000000).rights, DMA_READ_WRITE);
}

static uint64_t *context_at(unsigned unit, uint16_t source)
{
    uint64_t *root = paging_pointer((paddr_t){fakes[unit].rtaddr});
    return (uint64_t *)paging_pointer((paddr_t){root[2 * (source >> 8)] & ~0xFFFull}) +
           2 * (source & 255);
}

static void poll__source_without_a_port__is_named_once_and_recorded_no_more(void **state)
{
    (void)state;
    put_reserved(0x8F000000, 0x8F000FFF, USB);
    init(IOMMU_ON);
    commands[USB << 3] = commands[5 << 3] = PCI_COMMAND_MASTER;
    assert_int_equal(*context_at(1, 5 << 3), 0);
    fault(1, 5 << 3);
    fault(1, 5 << 3);
    assert_int_equal(iommu_poll(), 0);
    assert_int_equal(*context_at(1, 5 << 3), 2); /* FPD, which counts without the present bit too */
    assert_non_null(strstr(log_text,
                           "00:05.0 (no port) tried to write 0x1234000: no write permission "
                           "for the page (reason 05h); more faults of it are not recorded"));
    uint64_t invalidations = iommu_units[1].vtd.invalidations;
    fault(1, USB << 3);
    assert_int_equal(iommu_poll(), 0);
    assert_int_equal(*context_at(1, USB << 3) & 3, 3);
    assert_true(iommu_units[1].vtd.invalidations > invalidations); /* the entry may be cached */
    assert_int_equal(translate(1, USB << 3, 0x8F000000).rights, DMA_READ_WRITE);
    assert_int_equal(commands[USB << 3] & commands[5 << 3], PCI_COMMAND_MASTER);
    fault(1, 0x500); /* a bus without functions: only the line */
    assert_int_equal(iommu_poll(), 0);
    assert_non_null(strstr(log_text,
                           "05:00.0 (no port) tried to write 0x1234000: no write permission "
                           "for the page (reason 05h)"));
}

static void quirks__host_bridges_with_wrong_capabilities__are_known(void **state)
{
    (void)state;
    static const struct {
        uint16_t device;
        uint8_t revision;
        bool wants_flush, remaps;
    } rows[] = {
        {0x1237, 0, false, true},     {0x2A40, 7, true, true},      {0x2E00, 0, true, true},
        {0x2E10, 3, true, true},      {0x2E20, 3, true, true},      {0x2E30, 3, true, true},
        {0x2E40, 3, true, true},      {0x2E90, 3, true, true},      {0x3403, 0x13, false, false},
        {0x3403, 0x22, false, true},  {0x3406, 0x12, false, false}, {0x3406, 0x22, false, true},
        {0x3405, 0x22, false, false},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        power_on(NULL);
        fakes[1].ecap |= 8; /* IR */
        bridge.device = rows[i].device, bridge.revision = rows[i].revision;
        init(IOMMU_ON);
        assert_int_equal(iommu_units[1].vtd.wants_flush, rows[i].wants_flush);
        assert_int_equal(iommu_units[1].vtd.can_remap_interrupts, rows[i].remaps);
    }
}

static void init__unit_for_all_at_0__is_a_warning_or_refuses_the_cards(void **state)
{
    (void)state;
    struct dma_domain *three;
    load("dmar_gfx_ok_include_all_at_0"); /* 00:1d.0 alone has a unit that answers */
    classes[0x1D][0] = DISPLAY;
    init(IOMMU_ON);
    assert_non_null(
        strstr(log_text, "a unit of ACPI's DMAR table has its registers at address 0; not used"));
    assert_non_null(
        strstr(found, "cards may touch all memory: no unit that may have cards below it works; "
                      "iommu=require would refuse that"));
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_null(three);
    assert_int_equal(translated_bits, 0);
    /* The same if the good unit has another device, which is confined. */
    power_on(NULL);
    load("dmar_gfx_ok_include_all_at_0");
    classes[0x1D][0] = 0x0C;
    init(IOMMU_ON);
    assert_true(is_on(0));
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_null(three);
    assert_int_equal(translated_bits, 0);
    power_on(NULL);
    load("dmar_gfx_ok_include_all_at_0");
    classes[0x1D][0] = DISPLAY;
    init(IOMMU_REQUIRE);
    assert_int_equal(iommu_confine(&card_3, 1, &three), ERR_NO_DEVICE);
}

static void init__zeroes_or_damage_behind_the_units__leave_them_in_use(void **state)
{
    (void)state;
    struct dma_domain *three;
    load("dmar_trailing_zeros");
    init(IOMMU_REQUIRE);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_non_null(three);
    assert_null(strstr(log_text, "length"));
    power_on(NULL);
    put(1, 2), put(3, 2);
    init(IOMMU_REQUIRE);
    assert_int_equal(iommu_confine(&card_3, 1, &three), OK);
    assert_non_null(three);
    assert_non_null(
        strstr(log_text, "has a structure with an invalid length at offset 88; what follows is not "
                         "used"));
}

static void init__no_unit_works__is_reported_or_refused(void **state)
{
    (void)state;
    struct dma_domain *two;
    fakes[0].is_dead = fakes[1].is_dead = true;
    init(IOMMU_ON);
    assert_non_null(strstr(found, "cards may touch all memory"));
    assert_int_equal(iommu_confine(&card_2, 0, &two), OK);
    assert_null(two);
    assert_int_equal(translated_bits, 0);
    power_on(NULL);
    n = 0;
    if (setjmp(end) == 0) {
        init(IOMMU_REQUIRE);
        fail_msg("iommu=require went on without an IOMMU");
    }
}

static void init__off__disables_translation(void **state)
{
    (void)state;
    fakes[1].gsts = 1u << 31 | 1u << 30; /* a loader's translation */
    init(IOMMU_OFF);
    assert_int_equal(fakes[1].gsts >> 31, 0);
    assert_int_equal(translated_bits, 0);
    assert_false(iommu_is_on);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, power_on, power_off)
    const struct CMUnitTest tests[] = {
        TEST(confine__unit_that_names_the_card__gets_its_context_entry),
        TEST(confine__reserved_memory__is_mapped_only_for_its_card),
        TEST(map__write_only__needs_zlr),
        TEST(map__after_start__panics),
        TEST(poll__fault__clears_bus_mastering_and_names_the_port),
        TEST(poll__many_faults__print_few_lines),
        TEST(poll__many_records__prints_two_lines_and_counts_all),
        TEST(poll__unit_that_vanished__is_logged_once),
        TEST(confine__unit_that_is_dead__refuses_its_card_if_required),
        TEST(confine__unit_that_is_dead__lets_its_card_run_with_a_warning),
        TEST(init__unit_of_displays_or_audio__stays_off_unless_required),
        TEST(init__display_beside_another_device__is_on),
        TEST(init__device_that_cannot_be_looked_at__keeps_its_unit_on),
        TEST(init__reserved_memory_of_other_devices__is_mapped_for_them),
        TEST(poll__source_without_a_port__is_named_once_and_recorded_no_more),
        TEST(quirks__host_bridges_with_wrong_capabilities__are_known),
        TEST(init__unit_for_all_at_0__is_a_warning_or_refuses_the_cards),
        TEST(init__zeroes_or_damage_behind_the_units__leave_them_in_use),
        TEST(init__no_unit_works__is_reported_or_refused),
        TEST(init__off__disables_translation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
