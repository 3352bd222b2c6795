/* SPDX-License-Identifier: BSD-2-Clause
 * The steps of bring-up, in the order of kmain's list; see steps.h. Each one writes its log line to
 * `found`.
 */
#include "kernel/steps.h"
#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/gdt.h"
#include "arch/idt.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "boot/bootinfo.h"
#include "boot/cmdline.h"
#include "kernel/bootlog.h"
#include "kernel/firmware/acpi.h"
#include "kernel/iommu/iommu.h"
#include "kernel/lib/str.h"
#include "kernel/log/screen.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/module.h"
#include "kernel/panic.h"
#include "kernel/pci.h"
#include "kernel/platform.h"
#include "kernel/power.h"
#include "kernel/silence.h"
#include "kernel/console/serial_line.h"
#include "kernel/watchdog.h"

static struct bootinfo info;
static READ_ONLY_AFTER_BOOT struct cmdline line;
static READ_ONLY_AFTER_BOOT struct acpi acpi;

/* --- boot information --- */

static uint32_t entry_eax, entry_ebx;

void steps_begin(uint32_t eax, uint32_t ebx)
{
    entry_eax = eax;
    entry_ebx = ebx;
}

/* Physical memory, through the first page tables of boot/entry.asm. */
static const void *look_early(uint64_t paddr, size_t bytes)
{
    if (paddr >= PAGING_FIRST_BYTES || bytes > PAGING_FIRST_BYTES - paddr)
        return NULL;
    return paging_pointer((paddr_t){paddr});
}

static uint8_t rsdp[ACPI_RSDP_BYTES];
static const char *rsdp_from; /* NULL: none was found */

/* Copy the root pointer of ACPI's tables from the address that the loader gave. */
static bool rsdp_copy(const void *(*look)(uint64_t paddr, size_t bytes))
{
    const void *given = info.rsdp_paddr ? look(info.rsdp_paddr, ACPI_RSDP_BYTES) : NULL;
    if (!given || !acpi_is_rsdp(given, ACPI_RSDP_BYTES))
        return false;
    memcpy(rsdp, given, ACPI_RSDP_BYTES);
    rsdp_from = "the loader";
    return true;
}

/* Copy the root pointer from the loader's boot information or from BIOS memory. The first page tables
 * are used, so that the BIOS memory which is searched is not mapped afterwards: some firmware reserves
 * pages of it for cards (RMRR), and what we map is not granted to a card. */
static void rsdp_find_early(void)
{
    struct acpi bios = {.map = look_early};
    if (info.rsdp_bytes) {
        memcpy(rsdp, info.rsdp, info.rsdp_bytes);
        rsdp_from = "the loader";
    } else if (!rsdp_copy(look_early) && acpi_find_rsdp(&bios, rsdp)) {
        rsdp_from = "BIOS memory";
    }
}

void step_screen(struct found *found)
{
    screen_start(&info, found->text, sizeof found->text);
}

void step_boot_information(struct found *found)
{
    if (!bootinfo_read(entry_eax, entry_ebx, look_early, &info)) {
        step_screen(found); /* a VGA may be present, reported or not */
        panic("booted neither by multiboot2 nor by PVH: eax 0x%08x, ebx 0x%08x%s%s", entry_eax,
              entry_ebx, info.damage ? "; " : "", info.damage ? info.damage : "");
    }
    bootlog_set_loader(bootinfo_path_name(info.path), info.loader);
    if (info.damage)
        log_warn("boot: %s", info.damage);
    rsdp_find_early();
    FOUND("%s, loader \"%s\", %u memory ranges, %u modules", bootinfo_path_name(info.path),
          info.loader, info.n_ranges, info.n_modules);
}

const struct cmdline *steps_line(void)
{
    return &line;
}

static void say_boot_line(void *context, const char *text)
{
    (void)context;
    log_warn("boot line: %s", text);
}

/* The words in the order of enum log_level and of enum panic_end. */
BOOT_KEY("loglevel", CMDLINE_ENUM, .words = "error|warn|info|debug");
BOOT_KEY("panic", CMDLINE_ENUM, .words = "halt|reboot|exit");

void step_boot_line(struct found *found)
{
    cmdline_parse(&line, info.line, sizeof info.line);

    unsigned choice;
    if (cmdline_enum(&line, "loglevel", &choice))
        log_set_level((enum log_level)choice);
    if (cmdline_enum(&line, "panic", &choice))
        panic_set_end((enum panic_end)choice);
    unsigned complaints = cmdline_validate(&line, say_boot_line, NULL);
    FOUND("%u words, %u invalid", line.n, complaints);
}

/* --- the serial line: COM1 from the first line on, then that of console= or of firmware --- */

void step_serial_line(struct found *found)
{
    serial_line_early(&line, found->text, sizeof found->text);
}

/* --- the CPU and its memory --- */

void step_cpu(struct found *found)
{
    const struct features *f = features();
    FOUND("%s, %u address bits,%s%s%s%s%s NX WP", f->brand, f->physical_bits,
          f->has_pages_1g ? " 1G pages" : "", f->has_smep ? " SMEP" : "",
          f->has_smap ? " SMAP" : "", f->has_umip ? " UMIP" : "", f->has_x2apic ? " x2APIC" : "");
}

void step_memory(struct found *found)
{
    enum err e = memory_init(&info, found->text, sizeof found->text);
    if (e == ERR_BAD_VALUE)
        panic("memory: the loader's map has no usable RAM (%u ranges)", info.n_ranges);
    if (e != OK)
        panic("memory: %lu KiB of RAM do not hold the page tables", memory_ram_bytes() / 1024);
    module_init(&info);
}

void step_traps(struct found *found)
{
    gdt_init();
    idt_init();
    FOUND("256 vectors; double fault, NMI and machine check on stacks of their own");
}

/* --- the platform --- */

static const void *look_firmware(uint64_t paddr, size_t bytes)
{
    return paging_map_firmware((paddr_t){paddr}, bytes);
}

static void say_firmware(const char *text)
{
    log_warn("acpi: %s", text);
}

void step_acpi_tables(struct found *found)
{
    acpi = (struct acpi){.map = look_firmware, .warn = say_firmware};
    if (info.rsdp_paddr >= PAGING_FIRST_BYTES)
        (void)rsdp_copy(look_firmware);
    if (!rsdp_from || !acpi_open(&acpi, rsdp, sizeof rsdp)) {
        log_warn("acpi: no root pointer; without tables: PCI by ports, no poweroff, one CPU");
        return;
    }
    FOUND("%s at 0x%lx, found through %s", acpi.root_is_xsdt ? "XSDT" : "RSDT", acpi.root_paddr,
          rsdp_from);
}

void step_firmware_line(struct found *found)
{
    serial_line_firmware(&acpi, found->text, sizeof found->text);
}

void step_power(struct found *found)
{
    struct acpi_fadt fadt;
    struct acpi_table table = acpi_find(&acpi, "FACP", 0);
    if (!acpi_fadt_read(&table, &fadt)) {
        power_init(NULL);
        return;
    }
    /* The DSDT's code, then that of each SSDT (ACPI 6.4, section 5.2.11.2). */
    struct acpi_table aml = acpi_table_at(&acpi, fadt.dsdt_paddr, "DSDT");
    bool has_s5 = acpi_s5_find(&aml, &fadt);
    for (unsigned i = 0; !has_s5 && (aml = acpi_find(&acpi, "SSDT", i)).bytes; i++)
        has_s5 = acpi_s5_find(&aml, &fadt);
    power_init(&fadt);
    if (fadt.pm_timer)
        tsc_offer_pm_timer(fadt.pm_timer, fadt.pm_timer_is_32_bit);
    char off[64], timer[32] = "no PM timer";
    power_describe(off, sizeof off);
    if (fadt.pm_timer)
        fmt_print(timer, sizeof timer, "PM timer at port 0x%x", fadt.pm_timer);
    FOUND("%s, %s", off, timer);
}

void step_clock(struct found *found)
{
    platform_hpet(&acpi);
    if (tsc_calibrate() != OK)
        log_warn("clock: no timer runs; the TSC is assumed to run at 2 GHz, times are inaccurate");
    FOUND("TSC at %lu.%03lu MHz by %s", tsc_hz() / 1000000, tsc_hz() / 1000 % 1000, tsc_source());
}

void step_interrupts(struct found *found)
{
    platform_interrupts(&acpi, found->text, sizeof found->text);
}

void step_cores(struct found *found)
{
    platform_cores(&line, found->text, sizeof found->text);
    watchdog_init();
}

void step_pci(struct found *found)
{
    struct acpi_table table = acpi_find(&acpi, "MCFG", 0);
    struct acpi_mcfg entry;
    struct pci_ecam ecams[PCI_WINDOWS_MAX + 1]; /* one more: pci_init warns of too many */
    unsigned n = 0;
    for (unsigned i = 0; n < ARRAY_SIZE(ecams) && acpi_mcfg_entry(&table, i, &entry); i++) {
        if (entry.base == 0)
            log_warn("pci: entry %u of ACPI's MCFG is invalid; not used", i);
        else
            ecams[n++] =
                (struct pci_ecam){{entry.base}, entry.segment, entry.first_bus, entry.last_bus};
    }
    pci_init(ecams, n);
    struct silenced all = silence_all(screen_paddr());
    unsigned windows = pci_windows();
    char by[40] = "ports", kept[64] = "";
    if (windows)
        fmt_print(by, sizeof by, windows == 1 ? "ECAM" : "%u ECAM windows", windows);
    if (all.has_display)
        fmt_print(kept, sizeof kept, ", left on in the display %02x:%02x.%u", all.display.bus,
                  all.display.device, all.display.function);
    FOUND("%u functions (%u bridges) by %s; bus mastering switched off in %u%s", all.functions,
          all.bridges, by, all.masters, kept);
}

void step_pci_line(struct found *found)
{
    serial_line_pci(found->text, sizeof found->text);
    platform_serial_interrupt();
}

/* The words in the order of enum iommu_mode. */
BOOT_KEY("iommu", CMDLINE_ENUM, .words = "require|on|off");

void step_iommu(struct found *found)
{
    struct acpi_table dmar = acpi_find(&acpi, "DMAR", 0);
    unsigned mode = IOMMU_ON;
    (void)cmdline_enum(&line, "iommu", &mode);
    iommu_init(&dmar, (enum iommu_mode)mode, found->text, sizeof found->text);
}
