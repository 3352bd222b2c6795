/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/iommu/irq.c: the serial line is remapped with the requester id that DMAR gives for its
 * IOAPIC: that of the same id, else that of the only one; a line of an IOAPIC that DMAR does not name
 * stays masked, and one whose unit does not answer stays as it was. Units that stay off on purpose
 * remap interrupts, and any other unit that does not work forbids it.
 *
 * links: kernel/iommu/irq.c kernel/firmware/dmar.c kernel/firmware/acpi.c kernel/lib/fmt.c
 * arch/vtd_table.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/ioapic.h"
#include "arch/irq.h"
#include "arch/lapic.h"
#include "arch/paging.h"
#include "arch/smp.h"
#include "kernel/iommu/internal.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/panic.h"

#define MASKED      (1ull << 16)
#define SERIAL      (0x30ull | 3ull << 56) /* vector 30h, to APIC 3 */
#define IS_REMAPPED (1ull << 48)

/* --- the machine: IOAPICs of 24 lines each; line 4 is the serial one --- */

struct iommu_unit iommu_units[IOMMU_UNITS_MAX];
unsigned iommu_units_n;
bool iommu_is_sealed;
static uint8_t page[4096] __attribute__((aligned(4096)));
static uint64_t redirection[48];
static unsigned ioapics, ioapic_first_id;
static char log_text[1024];

static uint8_t read8(void *context, struct dmar_function f, uint32_t offset)
{
    (void)context, (void)f, (void)offset;
    return 0;
}
const struct dmar_pci iommu_pci = {read8, NULL};

unsigned ioapic_count(void)
{
    return ioapics;
}
int ioapic_id_of(uint32_t gsi)
{
    return gsi < 24 * ioapics ? (int)(ioapic_first_id + gsi / 24) : -1;
}
uint64_t ioapic_read(uint32_t gsi)
{
    return redirection[gsi];
}
void ioapic_write(uint32_t gsi, uint64_t entry)
{
    redirection[gsi] = entry;
}
void ioapic_mask(uint32_t gsi)
{
    redirection[gsi] |= MASKED;
}
enum lapic_mode lapic_mode(void)
{
    return LAPIC_XAPIC;
}
enum err msi_compose(unsigned core, uint8_t vector, uint64_t *address, uint32_t *data)
{
    (void)core;
    *address = 0xFEE00000, *data = vector;
    return OK;
}
struct cpu host_cpu;
void *memory_alloc(size_t bytes, size_t align)
{
    assert_true(bytes == sizeof(page) && align == sizeof(page));
    return memset(page, 0, sizeof(page));
}
void vtd_flush_entries(const struct vtd_unit *unit, const void *entry, size_t bytes)
{
    (void)unit, (void)entry, (void)bytes;
}
enum err vtd_invalidate_interrupts(struct vtd_unit *unit)
{
    (void)unit;
    return OK;
}
enum err vtd_remap(struct vtd_unit *unit, paddr_t table, unsigned bits, bool is_x2apic)
{
    (void)table, (void)bits, (void)is_x2apic;
    unit->is_remapping = true;
    return OK;
}
enum err vtd_remap_off(struct vtd_unit *unit)
{
    unit->is_remapping = false;
    return OK;
}
void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;
    size_t n = strlen(log_text);
    (void)level;
    va_start(args, fmt);
    vsnprintf(log_text + n, sizeof(log_text) - n, fmt, args);
    va_end(args);
}
void panic(const char *fmt, ...)
{
    fail_msg("%s", fmt);
    abort();
}

/* --- firmware's table: a unit for all others, with one IOAPIC for each id --- */

enum { UNIT_0 = 0xFED90000, UNIT_1 = 0xFED91000 };
static uint8_t bytes[128];
static struct dmar dmar;

static void name_ioapics(unsigned n, unsigned first_id)
{
    uint8_t *at = bytes + DMAR_BYTES;
    memset(bytes, 0, sizeof(bytes));
    bytes[37] = DMAR_INTR_REMAP;
    at[2] = (uint8_t)(16 + 8 * n), at[4] = 1;
    memcpy(at + 8, &(uint32_t){UNIT_1}, 4);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t scope[] = {3, 8, 0, 0, (uint8_t)(first_id + i), 0xF0, 0x1F, (uint8_t)i};
        memcpy(at + 16 + 8 * i, scope, sizeof(scope));
    }
    assert_true(dmar_open(&dmar, &(struct acpi_table){bytes, DMAR_BYTES + 16 + 8 * n, 0}));
}

static int set_up(void **state)
{
    (void)state;
    memset(iommu_units, 0, sizeof(iommu_units));
    iommu_units_n = 2;
    for (unsigned i = 0; i < 2; i++)
        iommu_units[i] = (struct iommu_unit){
            .vtd = {.base = {i == 0 ? UNIT_0 : UNIT_1}, .can_remap_interrupts = true},
            .is_ready = true,
            .works = true};
    for (unsigned i = 0; i < ARRAY_SIZE(redirection); i++)
        redirection[i] = MASKED;
    redirection[4] = SERIAL;
    ioapics = 1, ioapic_first_id = 2;
    log_text[0] = 0;
    name_ioapics(1, 2);
    return 0;
}

/* The requester id for which the serial line is remapped; 0: it is not. */
static unsigned source(void)
{
    struct vtd_irte irte;
    unsigned n = 0;
    if (!(redirection[4] & IS_REMAPPED) || (redirection[4] & MASKED))
        return 0;
    while (iommu_irq_get(n, &irte))
        n++;
    assert_true(iommu_irq_get(n - 1, &irte));
    assert_int_equal(irte.vector, 0x30);
    assert_int_equal(irte.destination, 3);
    return irte.source;
}

static void ioapic__named_by_its_id__gives_the_requester(void **state)
{
    (void)state;
    ioapics = 2;
    name_ioapics(2, 1); /* the second has our id */
    assert_null(iommu_irq_start(&dmar));
    assert_int_equal(source(), 0xF000 | 0x1F << 3 | 1);
}

static void ioapic__of_another_id__is_the_only_one(void **state)
{
    (void)state;
    name_ioapics(1, 9);
    assert_null(iommu_irq_start(&dmar));
    assert_int_equal(source(), 0xF000 | 0x1F << 3);
    assert_non_null(strstr(log_text, "IOAPIC 2 is taken for the one that DMAR calls 9"));
}

static void ioapic__of_another_id_among_several__stays_masked(void **state)
{
    (void)state;
    static const unsigned counts[][2] = {{2, 1}, {1, 2}, {1, 0}}; /* in MADT, in DMAR */
    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
        set_up(NULL);
        ioapics = counts[i][0];
        name_ioapics(counts[i][1], 9);
        assert_null(iommu_irq_start(&dmar));
        assert_true(redirection[4] & MASKED);
        assert_non_null(strstr(log_text, "line 4 stays masked: DMAR does not name IOAPIC 2"));
    }
}

static void ioapic__below_a_unit_that_does_not_answer__stays_as_it_was(void **state)
{
    (void)state;
    iommu_units_n = 1; /* UNIT_1 could not be opened */
    assert_null(iommu_irq_start(&dmar));
    assert_true(iommu_units[0].vtd.is_remapping);
    assert_int_equal(redirection[4], SERIAL);
}

static void units__that_stay_off__remap_interrupts(void **state)
{
    (void)state;
    iommu_units[0].works = false;
    iommu_units[0].why_off = "only displays are below it";
    assert_null(iommu_irq_start(&dmar));
    assert_true(iommu_units[0].vtd.is_remapping && iommu_units[1].vtd.is_remapping);
    set_up(NULL);
    iommu_units[0].works = false; /* it failed */
    assert_string_equal(iommu_irq_start(&dmar), "unsupported by a unit");
    assert_int_equal(redirection[4], SERIAL);
    set_up(NULL);
    iommu_units[0].works = iommu_units[0].is_ready = false;
    iommu_units[0].why_off = "only displays are below it";
    assert_string_equal(iommu_irq_start(&dmar), "unsupported by a unit");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(ioapic__named_by_its_id__gives_the_requester),
        TEST(ioapic__of_another_id__is_the_only_one),
        TEST(ioapic__of_another_id_among_several__stays_masked),
        TEST(ioapic__below_a_unit_that_does_not_answer__stays_as_it_was),
        TEST(units__that_stay_off__remap_interrupts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
