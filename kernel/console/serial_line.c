/* SPDX-License-Identifier: BSD-2-Clause
 * Which serial line is the console's; see serial_line.h.
 */
#include "kernel/console/serial_line.h"
#include "arch/image.h"
#include "arch/ioapic.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "arch/serial.h"
#include "arch/smp.h"
#include "boot/cmdline.h"
#include "boot/console_key.h"
#include "kernel/firmware/acpi.h"
#include "kernel/firmware/madt.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"
#include "kernel/pci.h"

#define NAP_NS       1000000u /* a FIFO of 16 bytes fills in 1.4 ms at 115200 baud */
#define MISSED_MAX   3u       /* sleeps that input did not end, until the interrupt is given up */
#define PCI_BAR0     0x10u
#define BAR_IS_IO    BIT(0)
#define CLASS_SIMPLE 0x07 /* communication controllers; subclass 0: serial */

BOOT_KEY("console", CMDLINE_CONSOLE);

static struct console_key key;
static bool has_key;    /* console= is given and valid */
static bool is_settled; /* the line of console= is in use, or was tried */
static uint64_t port;   /* of the line in use; 0: in memory or on a PCI card */
static uint32_t irq = ACPI_NO_IRQ, gsi = ACPI_NO_IRQ; /* what SPCR says about the line in use */

/* Written in interrupts of core 0. */
static uint32_t interrupts;
static bool is_armed; /* the UART may interrupt */

static bool has_interrupt;
static unsigned missed;

static void write_line(void *context, const char *text, size_t n)
{
    (void)context;
    serial_write(text, n);
}

/* Switch to a line, and repeat the log there. On an error nothing changes. */
static enum err use(const struct serial_regs *regs, uint32_t baud)
{
    enum err e = serial_init(regs, baud);
    if (e != OK)
        return e;
    port = regs->is_memory ? 0 : regs->base;
    if (port != SERIAL_COM1)
        log_tail(UINT32_MAX, write_line, NULL);
    return OK;
}

static const char *why(enum err e, const struct serial_regs *regs)
{
    if (e == ERR_NO_DEVICE)
        return "no UART answers there";
    if (!regs->is_memory)
        return "it cannot be reached";
    return paging_refusal(e, (paddr_t){regs->base}, 8u * regs->stride);
}

static void describe_rate(char *found, size_t n, uint32_t baud)
{
    if (baud)
        fmt_append(found, n, ", %u baud", baud);
    else
        fmt_append(found, n, ", at firmware's rate");
}

static void use_key(char *found, size_t n)
{
    struct serial_regs regs = {key.base, key.where == CONSOLE_MEMORY, key.bytes, key.bytes};
    enum err e = use(&regs, key.baud);
    const char *where = regs.is_memory ? "address" : "port";
    is_settled = true;
    if (e != OK) {
        log_warn("serial: console=: %s 0x%lx: %s; the line stays", where, key.base, why(e, &regs));
        return;
    }
    fmt_print(found, n, "at %s 0x%lx", where, key.base);
    describe_rate(found, n, key.baud);
}

void serial_line_early(const struct cmdline *line, char *found, size_t n)
{
    const char *value = cmdline_get(line, "console");
    port = SERIAL_COM1;
    has_key = value && console_key_parse(value, &key);
    if (has_key && key.where == CONSOLE_PORT)
        use_key(found, n);
    if (!found[0])
        fmt_print(found, n, "ttyS0 at port 0x%x, %u baud%s", SERIAL_COM1, SERIAL_BAUD,
                  serial_is_present() ? "" : ": no UART");
}

void serial_line_firmware(struct acpi *acpi, char *found, size_t n)
{
    struct acpi_table table = acpi_find(acpi, "SPCR", 0);
    struct acpi_spcr spcr;
    bool has_spcr = acpi_spcr_read(&table, &spcr);
    if (has_key && !is_settled && key.where == CONSOLE_MEMORY)
        use_key(found, n);
    if (has_spcr && !has_key) {
        uint32_t baud = spcr.baud ? spcr.baud : SERIAL_BAUD;
        struct serial_regs regs = {spcr.address, spcr.is_memory, spcr.bytes, spcr.stride};
        enum err e = ERR_UNSUPPORTED;
        if (spcr.is_port && spcr.address == SERIAL_COM1 && baud == SERIAL_BAUD &&
            serial_is_present()) {
            fmt_print(found, n, "ACPI's SPCR names the same line");
        } else if (!spcr.is_port && !spcr.is_memory) {
            fmt_print(found, n, "ACPI's SPCR: the UART at 0x%lx is no 16550; not used",
                      spcr.address);
        } else if ((e = use(&regs, spcr.is_memory ? spcr.baud : baud)) == OK) {
            fmt_print(found, n, "at %s 0x%lx", spcr.is_port ? "port" : "address", spcr.address);
            describe_rate(found, n, spcr.is_memory ? spcr.baud : baud);
            fmt_append(found, n, ", by ACPI's SPCR");
        } else {
            fmt_print(found, n, "ACPI's SPCR names the UART at 0x%lx: %s", spcr.address,
                      why(e, &regs));
        }
    }
    if (has_spcr && spcr.is_port && spcr.address == port) {
        irq = spcr.irq;
        gsi = spcr.gsi;
    }
}

/* --- a PCI card's line --- */

static void find_card(const struct pci_dev *dev, void *context)
{
    struct pci_dev *found = context;
    bool is_wanted = key.is_any ? dev->class_code == CLASS_SIMPLE && dev->subclass == 0
                                : dev->bus == key.bus && dev->device == key.device &&
                                      dev->function == key.function;
    if (is_wanted && !found->vendor_id)
        *found = *dev;
}

void serial_line_pci(char *found, size_t n)
{
    struct pci_dev dev = {0};
    if (!has_key || is_settled || key.where != CONSOLE_PCI)
        return;
    is_settled = true;
    pci_scan(find_card, &dev);
    if (!dev.vendor_id) {
        if (key.is_any)
            log_warn("serial: console=pciserial: no PCI function of class 07.00; the line stays");
        else
            log_warn("serial: console=pciserial: no function %02x:%02x.%u; the line stays", key.bus,
                     key.device, key.function);
        return;
    }
    uint32_t bar = pci_read32(&dev, PCI_BAR0);
    struct serial_regs regs = {bar & ~3u, false, 1, 1};
    if (!(bar & BAR_IS_IO))
        regs = (struct serial_regs){bar & ~0xFu, true, 1, 1};
    if (regs.is_memory && (bar & 4)) /* a 64-bit BAR */
        regs.base |= (uint64_t)pci_read32(&dev, PCI_BAR0 + 4) << 32;
    pci_command(&dev, regs.is_memory ? PCI_COMMAND_MEMORY : PCI_COMMAND_IO, 0);
    enum err e = regs.base ? use(&regs, key.baud) : ERR_NO_DEVICE;
    if (e != OK) {
        log_warn("serial: console=pciserial: %02x:%02x.%u, BAR0 0x%08x: %s; the line stays",
                 dev.bus, dev.device, dev.function, bar, why(e, &regs));
        return;
    }
    fmt_print(found, n, "PCI %02x:%02x.%u at %s 0x%lx", dev.bus, dev.device, dev.function,
              regs.is_memory ? "address" : "port", regs.base);
    describe_rate(found, n, key.baud);
}

/* --- its interrupt --- */

/* The line may be level-triggered, and input is read after the sleep that this ends: without the
 * UART's silence the interrupt would come again at once, for ever. */
static void note_interrupt(void *context)
{
    (void)context;
    interrupts++;
    serial_set_input_irq(false);
    is_armed = false;
}

void serial_line_interrupt(const struct madt *madt)
{
    struct ioapic_line line = {.gsi = gsi};
    uint8_t vector;
    if (!serial_is_present() || ioapic_count() == 0)
        return;
    if (irq == ACPI_NO_IRQ && gsi == ACPI_NO_IRQ) /* as PCs are wired */
        irq = port == SERIAL_COM1 || port == SERIAL_COM3   ? 4
              : port == SERIAL_COM2 || port == SERIAL_COM4 ? 3
                                                           : ACPI_NO_IRQ;
    if (irq != ACPI_NO_IRQ) {
        struct madt_line wired = madt_isa_line(madt, (uint8_t)irq);
        line = (struct ioapic_line){wired.gsi, wired.is_low_active, wired.is_level};
    } else if (gsi == ACPI_NO_IRQ) {
        return;
    }
    if (irq_alloc(0, note_interrupt, NULL, "serial", &vector) != OK ||
        ioapic_route(line, cpus[0]->apic_id, vector) != OK) {
        log_warn("serial: interrupt %u cannot be routed to core 0; the line is polled", line.gsi);
        return;
    }
    has_interrupt = true;
}

void serial_line_arm(void)
{
    if (!has_interrupt || is_armed)
        return;
    is_armed = true;
    serial_set_input_irq(true);
}

uint64_t serial_line_nap_ns(void)
{
    return has_interrupt || !serial_is_present() ? UINT64_MAX : NAP_NS;
}

void serial_line_woke(void)
{
    if (!has_interrupt || !serial_has_input())
        return;
    /* The interrupt for this input is handled before the sleep ends, or else in the next sleep: only
     * several in a row without one mean that none will come. */
    static uint32_t seen;
    missed = interrupts == seen ? missed + 1 : 0;
    seen = interrupts;
    if (missed < MISSED_MAX)
        return;
    has_interrupt = false;
    serial_set_input_irq(false);
    log_warn("serial: input came %u times without an interrupt; the line is polled", missed);
}
