/* SPDX-License-Identifier: BSD-2-Clause
 * From the MADT to interrupt controllers and cores; see platform.h.
 */
#include "kernel/platform.h"
#include "arch/ioapic.h"
#include "arch/lapic.h"
#include "arch/paging.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "kernel/firmware/dmar.h"
#include "kernel/firmware/madt.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/console/serial_line.h"

#define HPET_BYTES 1024u

static struct madt madt;

/* False if firmware asks not to use x2APIC mode, by a flag of the DMAR table. */
static bool may_x2apic(struct acpi *acpi)
{
    struct acpi_table table = acpi_find(acpi, "DMAR", 0);
    struct dmar dmar;
    return !dmar_open(&dmar, &table) || !(dmar.flags & DMAR_X2APIC_OPT_OUT);
}

void platform_hpet(struct acpi *acpi)
{
    struct acpi_table table = acpi_find(acpi, "HPET", 0);
    struct acpi_hpet hpet;
    mmio_t regs;
    if (!acpi_hpet_read(&table, &hpet))
        return;
    enum err e = paging_map_device((paddr_t){hpet.paddr}, HPET_BYTES, &regs);
    if (e == OK)
        tsc_offer_hpet(regs);
    else
        log_warn("clock: the HPET at 0x%lx, 0x%x bytes, %s; not used", hpet.paddr, HPET_BYTES,
                 paging_refusal(e, (paddr_t){hpet.paddr}, HPET_BYTES));
}

static void warn_about_madt(void)
{
    if (madt.is_broken)
        log_warn("acpi: the MADT has a structure with an invalid length; those before it are used");
    if (madt.n_bad)
        log_warn("acpi: %u structures of the MADT are too short or invalid; ignored", madt.n_bad);
    if (madt.n_lost)
        log_warn("acpi: the MADT has too many structures; %u are ignored", madt.n_lost);
}

/* Configure the pins of this core's LAPIC that deliver NMIs, by which the platform reports errors.
 */
static void set_nmi_pins(uint32_t apic_id)
{
    for (unsigned i = 0; i < madt.n_cpus; i++) {
        if (madt.cpus[i].apic_id != apic_id)
            continue;
        unsigned low, pins = madt_nmi_pins(&madt, madt.cpus[i].acpi_uid, &low);
        for (unsigned pin = 0; pin < 2; pin++)
            if (pins & BIT(pin))
                lapic_nmi_pin(pin, low & BIT(pin));
    }
}

static void set_up_core(struct cpu *cpu)
{
    set_nmi_pins(cpu->apic_id);
}

static void add_ioapic(uint8_t id, uint64_t paddr, uint32_t gsi_first)
{
    enum err e = ioapic_add(id, paddr, gsi_first);
    if (e != OK)
        log_warn("irq: IOAPIC %u at 0x%lx %s; not used", id, paddr,
                 e == ERR_NO_DEVICE ? "does not answer"
                                    : paging_refusal(e, (paddr_t){paddr}, IOAPIC_BYTES));
}

void platform_interrupts(struct acpi *acpi, char *found, size_t n)
{
    struct acpi_table table = acpi_find(acpi, "APIC", 0);
    if (!madt_read(&table, &madt))
        log_warn("acpi: no MADT; one core, no IOAPIC");
    warn_about_madt();
    irq_init();
    paddr_t lapic = {madt.lapic_paddr};
    enum err e = lapic_init(&lapic, may_x2apic(acpi));
    if (e != OK) {
        if (e != ERR_NO_DEVICE)
            log_warn("irq: the LAPIC at 0x%lx %s; not used", lapic.v,
                     paging_refusal(e, lapic, LAPIC_BYTES));
        log_warn("irq: no usable LAPIC; one core, which never sleeps");
        return;
    }
    cpus[0]->apic_id = lapic_id();
    set_nmi_pins(cpus[0]->apic_id);
    for (unsigned i = 0; i < madt.n_ioapics; i++)
        add_ioapic(madt.ioapics[i].id, madt.ioapics[i].paddr, madt.ioapics[i].gsi_first);
    if (lapic_timer_calibrate() != OK)
        log_warn("irq: the LAPIC timer does not count; waits do not halt");
    fmt_print(found, n, "%s, timer at %lu.%03lu MHz, %u IOAPICs with %u lines, 8259s masked",
              lapic_mode() == LAPIC_X2APIC ? "x2APIC" : "xAPIC", lapic_timer_hz() / 1000000,
              lapic_timer_hz() / 1000 % 1000, ioapic_count(), ioapic_lines());
}

static void *take(size_t bytes)
{
    return memory_alloc(bytes, PAGE_BYTES);
}

#define FAILURES_LOGGED 8u

static unsigned failures;

static void core_failed(uint32_t apic_id, const char *why)
{
    if (failures++ < FAILURES_LOGGED)
        log_warn("cores: APIC id %u does not start: %s", apic_id, why);
}

BOOT_KEY("cpus", CMDLINE_COUNT);

void platform_cores(const struct cmdline *line, char *found, size_t n)
{
    uint64_t max = CPUS_MAX;
    if (cmdline_u64(line, "cpus", &max) && max == 0) {
        log_warn("boot line: cpus=0 is invalid; one core is used");
        max = 1;
    }
    uint32_t ids[MADT_CPUS_MAX];
    unsigned others = 0; /* some firmware does not list the core that boots */
    for (unsigned i = 0; i < madt.n_cpus; i++) {
        ids[i] = madt.cpus[i].apic_id;
        others += ids[i] != cpus[0]->apic_id;
    }
    if (max > 1 && others > 0)
        smp_start(&(struct smp_plan){
            .apic_ids = ids,
            .n = madt.n_cpus,
            .max = (unsigned)MIN(max, (uint64_t)CPUS_MAX),
            .take = take,
            .low_pages = memory_alloc_low(SMP_LOW_PAGES * PAGE_BYTES),
            .set_up = set_up_core,
            .failed = core_failed,
        });
    for (unsigned i = 1; i < cpus_n; i++)
        if (cpus[i]->tsc_skew)
            log_warn("cores: the TSC of core %u differs from core 0's by %ld ticks", i,
                     cpus[i]->tsc_skew);
    if (failures > FAILURES_LOGGED)
        log_warn("cores: %u more APIC ids do not start", failures - FAILURES_LOGGED);
    fmt_print(found, n, "%u of %u run", cpus_n, others + 1);
}

void platform_serial_interrupt(void)
{
    serial_line_interrupt(&madt);
}
