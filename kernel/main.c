/* SPDX-License-Identifier: BSD-2-Clause
 * Bring-up, from the loader's hand-over to the loop: kmain lists the steps, one per line. Each step
 * prints one line with what it found and how long it took. The steps are in kernel/steps.c; the
 * calls after the last step are declared in kernel/start.h.
 */
#include "arch/cpu.h"
#include "arch/features.h"
#include "arch/paging.h"
#include "arch/serial.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "boot/version.h"
#include "kernel/bootlog.h"
#include "kernel/console/console.h"
#include "kernel/iommu/iommu.h"
#include "kernel/memory/memory.h"
#include "kernel/selftest/selftest.h"
#include "kernel/silence.h"
#include "kernel/start.h"
#include "kernel/steps.h"

BOOT_KEY("selftest", CMDLINE_TEXT);

static void step(const char *name, void (*run)(struct found *found))
{
    struct found found = {.text = ""};
    uint64_t start = cpu_tsc();
    run(&found);
    uint64_t took = cpu_tsc() - start;
    bootlog_step(name, cpu_tsc());
    if (!found.text[0])
        return;
    if (tsc_is_known())
        log_info("%-7s %s (%lu us)", name, found.text, tsc_ns(took) / 1000);
    else
        log_info("%-7s %s (%lu k cycles)", name, found.text, took / 1000);
}

_Noreturn void kmain(uint32_t eax, uint32_t ebx);
_Noreturn void kmain(uint32_t eax, uint32_t ebx)
{
    steps_begin(eax, ebx);
    tsc_start();
    smp_init();
    /* Without a UART the log's ring keeps the lines. */
    (void)serial_init(&(struct serial_regs){.base = SERIAL_COM1}, SERIAL_BAUD);
    silence_devices(); /* before the first log line, which may take milliseconds, and the first page */
    log_info("ferrule %s", version_commit);
    features_init();

    step("traps", step_traps);
    step("boot", step_boot_information);
    step("screen", step_screen);
    step("line", step_boot_line);
    step("serial", step_serial_line);
    step("cpu", step_cpu);
    step("memory", step_memory);
    step("acpi", step_acpi_tables);
    step("serial", step_firmware_line);
    step("power", step_power);
    step("clock", step_clock);
    step("irq", step_interrupts);
    step("pci", step_pci);
    step("serial", step_pci_line);
    step("iommu", step_iommu);
    if (paging_seal() != OK)
        log_warn("memory: too little is left to make all page tables read-only");
    step("cores", step_cores);

    const struct cmdline *line = steps_line();
    const char *selftest = cmdline_get(line, "selftest");
    if (selftest)
        selftest_run(selftest);
    log_info("up      %lu us after entry, %lu KiB of memory free", tsc_now_ns() / 1000,
             memory_free_bytes() / 1024);

    drivers_start(line);
    bootlog_step("ports", cpu_tsc());
    net_start(line);
    bootlog_step("lanes", cpu_tsc());
    iommu_seal();
    console_start(line);
    bootlog_step("prompt", cpu_tsc());
    net_run();
}
