/* SPDX-License-Identifier: BSD-2-Clause
 * Power off, reboot, exit. The methods are tried in turn, each with a time limit.
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/mmio.h"
#include "arch/paging.h"
#include "arch/port.h"
#include "arch/tsc.h"
#include "kernel/firmware/acpi.h"
#include "kernel/lib/fmt.h"
#include "kernel/log/log.h"
#include "kernel/power.h"

/* ACPI specification 6.4, section 4.8.3.2: PM1 control. */
#define PM1_SCI_ENABLE       BIT(0)
#define PM1_SLEEP_TYPE(type) ((type) << 10)
#define PM1_SLEEP_TYPE_MASK  FIELD(12, 10)
#define PM1_SLEEP_ENABLE     BIT(13)

/* Section 4.8.3.7: the registers of hardware-reduced ACPI, one byte each. */
#define SLEEP_CONTROL_TYPE(type) ((type) << 2)
#define SLEEP_CONTROL_ENABLE     BIT(5)
#define SLEEP_STATUS_WAKE        BIT(7) /* W1C */

#define DEBUG_EXIT_PORT          0xF4
#define RESET_CONTROL            0xCF9
#define RESET_CONTROL_HARD       0x02
#define RESET_CONTROL_FULL       0x0E
#define KEYBOARD_COMMAND         0x64
#define KEYBOARD_FULL            BIT(1) /* input buffer full: the last byte has not been read */
#define KEYBOARD_PULSE_RESET     0xFE

static READ_ONLY_AFTER_BOOT struct acpi_fadt power;
static READ_ONLY_AFTER_BOOT mmio_t sleep_control, sleep_status; /* those in memory */

/* Map a register that is in memory. One that cannot be mapped is not used. */
static void map_register(struct acpi_register *r, mmio_t *regs)
{
    if (r->address && r->space == ACPI_MEMORY &&
        paging_map_device((paddr_t){r->address}, 1, regs) != OK) {
        log_warn("power: ACPI's sleep register at 0x%lx cannot be mapped; not used", r->address);
        r->address = 0;
    }
}

void power_init(const struct acpi_fadt *fadt)
{
    power = fadt ? *fadt : (struct acpi_fadt){0};
    map_register(&power.sleep_control, &sleep_control);
    map_register(&power.sleep_status, &sleep_status);
}

static bool has_off(void)
{
    return power.has_s5 &&
           (power.is_reduced ? power.sleep_control.address != 0 : power.pm1a_control != 0);
}

void power_describe(char *text, size_t n)
{
    bool is_memory = power.is_reduced && power.sleep_control.space == ACPI_MEMORY;

    if (has_off())
        fmt_print(text, n, "S5 is sleep type %u at %s 0x%lx", power.s5_type_a,
                  is_memory ? "address" : "port",
                  power.is_reduced ? power.sleep_control.address : (uint64_t)power.pm1a_control);
    else
        fmt_print(text, n, "no S5, poweroff unsupported");
}

static void register_write(struct acpi_register r, mmio_t regs, uint8_t value)
{
    if (r.address && r.space == ACPI_IO)
        port_out8((uint16_t)r.address, value);
    else if (r.address)
        mmio_write8(regs, 0, value);
}

/* Switch to ACPI mode, in which the sleep registers work. */
static void acpi_mode_enter(void)
{
    if (!power.smi_port || !power.acpi_enable || (port_in16(power.pm1a_control) & PM1_SCI_ENABLE))
        return;
    port_out8(power.smi_port, power.acpi_enable);
    for (unsigned ms = 0; ms < 300 && !(port_in16(power.pm1a_control) & PM1_SCI_ENABLE); ms++)
        tsc_wait_us(1000);
}

static void sleep_write(uint16_t port, uint8_t type)
{
    uint16_t kept = port_in16(port) & (uint16_t)(~(PM1_SLEEP_TYPE_MASK | PM1_SLEEP_ENABLE));
    port_out16(port, (uint16_t)(kept | PM1_SLEEP_TYPE(type)));
    port_out16(port, (uint16_t)(kept | PM1_SLEEP_TYPE(type) | PM1_SLEEP_ENABLE));
}

_Noreturn void power_halt(void)
{
    for (;;) {
        cpu_interrupts_off();
        cpu_halt();
    }
}

_Noreturn void power_off(void)
{
    cpu_interrupts_off();
    if (!has_off()) {
        log_error("poweroff: unsupported, as ACPI has no S5; halted, it is safe to switch off");
        power_halt();
    }
    if (power.is_reduced) {
        register_write(power.sleep_status, sleep_status, SLEEP_STATUS_WAKE);
        register_write(power.sleep_control, sleep_control,
                       (uint8_t)(SLEEP_CONTROL_TYPE(power.s5_type_a) | SLEEP_CONTROL_ENABLE));
    } else {
        acpi_mode_enter();
        sleep_write(power.pm1a_control, power.s5_type_a);
        if (power.pm1b_control)
            sleep_write(power.pm1b_control, power.s5_type_b);
    }
    tsc_wait_us(1000000);
    char off[64];
    power_describe(off, sizeof off);
    log_error("poweroff: the machine is still on after a second (%s); halted", off);
    power_halt();
}

_Noreturn void power_reboot(void)
{
    cpu_interrupts_off();
    if (power.reset_space == ACPI_IO && power.reset_address && power.reset_address <= 0xFFFF) {
        port_out8((uint16_t)power.reset_address, power.reset_value);
        tsc_wait_us(50000);
    }
    port_out8(RESET_CONTROL, RESET_CONTROL_HARD);
    port_out8(RESET_CONTROL, RESET_CONTROL_FULL);
    tsc_wait_us(50000);
    for (unsigned i = 0; i < 1000 && (port_in8(KEYBOARD_COMMAND) & KEYBOARD_FULL); i++)
        tsc_wait_us(10);
    port_out8(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    tsc_wait_us(50000);
    cpu_triple_fault();
    power_halt();
}

_Noreturn void power_exit(uint8_t code)
{
    cpu_interrupts_off();
    port_out8(DEBUG_EXIT_PORT, code);
    log_error("exit: no isa-debug-exit device at port 0x%x; halted", DEBUG_EXIT_PORT);
    power_halt();
}
