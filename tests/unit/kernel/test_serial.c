/* SPDX-License-Identifier: BSD-2-Clause
 * arch/serial.c: a 16550 at an I/O port and in memory, with registers of 8, 16 and 32 bits at
 * several distances; rates; a UART that does not answer; one that is stuck.
 *
 * links: arch/serial.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/cpu.h"
#include "arch/mmio.h"
#include "arch/paging.h"
#include "arch/port.h"
#include "arch/serial.h"

/* --- a 16550 --- */

static struct {
    bool is_absent, is_stuck;
    uint8_t registers[8], divisor[2], sent[256];
    unsigned n_sent, room;
} uart;
static struct serial_regs place, previous; /* where it is, and was before */

static uint8_t uart_read(uint32_t reg)
{
    if (uart.is_absent)
        return 0xFF;
    switch (reg) {
    case 2:
        return 0xC1;
    case 5:
        uart.room = uart.is_stuck ? 0 : 16;
        return uart.is_stuck ? 0 : 0x60;
    default:
        return uart.registers[reg];
    }
}

static void uart_write(uint32_t reg, uint8_t value)
{
    if (reg < 2 && (uart.registers[3] & 0x80)) {
        uart.divisor[reg] = value;
    } else if (reg == 0) {
        assert_true(uart.room-- > 0); /* never more than the FIFO takes */
        uart.sent[uart.n_sent++ % sizeof uart.sent] = value;
    } else {
        uart.registers[reg] = value;
    }
}

static bool is_port_of(const struct serial_regs *regs, uint16_t port)
{
    return !regs->is_memory && regs->base && port >= regs->base && port < regs->base + 8;
}

uint8_t machine_port_in8(uint16_t port)
{
    return is_port_of(&place, port)      ? uart_read((uint32_t)(port - place.base))
           : is_port_of(&previous, port) ? uart_read((uint32_t)(port - previous.base))
                                         : 0xFF;
}
void machine_port_out8(uint16_t port, uint8_t value)
{
    if (is_port_of(&place, port))
        uart_write((uint32_t)(port - place.base), value);
}

#define MAPPED 0x10000u

enum err paging_map_device(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    if (paddr.v == 0x100000)
        return ERR_BUSY;
    assert_int_equal(bytes, 7u * place.stride + place.bytes);
    out->base = MAPPED;
    return OK;
}

static uint32_t reg_at(uintptr_t address, uint32_t bytes)
{
    /* serial_init first waits for what was sent on the line used so far. */
    const struct serial_regs *p = bytes == place.bytes && place.is_memory ? &place : &previous;
    assert_int_equal(bytes, p->bytes);
    if ((address - MAPPED) % p->stride != 0 || (address - MAPPED) / p->stride > 7)
        p = &previous;
    assert_int_equal((address - MAPPED) % p->stride, 0);
    assert_true((address - MAPPED) / p->stride < 8);
    return (uint32_t)((address - MAPPED) / p->stride);
}
uint64_t machine_read(uintptr_t address, uint32_t bytes)
{
    return uart_read(reg_at(address, bytes)) | 0xABCDEF00;
}
void machine_write(uintptr_t address, uint64_t value, uint32_t bytes)
{
    assert_true(value < 256);
    uart_write(reg_at(address, bytes), (uint8_t)value);
}
void machine_write32(uintptr_t address, uint32_t value)
{
    machine_write(address, value, 4);
}

void machine_wait_ns(uint64_t ns)
{
    (void)ns;
}

static enum err start(struct serial_regs regs, uint32_t baud)
{
    memset(&uart, 0, sizeof uart);
    previous = place;
    place = regs;
    return serial_init(&regs, baud);
}

/* --- the tests --- */

static void init__every_kind_of_access__sends_and_receives(void **state)
{
    (void)state;
    static const struct serial_regs rows[] = {
        {.base = 0x3F8},
        {.base = 0xFFF8},
        {0xFE030000, true, 1, 1},
        {0xFE030000, true, 1, 4},
        {0xFE030002, true, 2, 2},
        {0xFE030004, true, 4, 4},
        {0x10FE030004, true, 4, 8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(start(rows[i], 9600), OK);
        assert_int_equal(uart.divisor[0], 12);
        assert_int_equal(uart.registers[3], 3);
        serial_write("twenty letters and\n1\n", 21);
        assert_int_equal(uart.n_sent, 23);
        assert_memory_equal(uart.sent, "twenty letters and\r\n1\r\n", 23);
        serial_set_input_irq(true);
        assert_int_equal(uart.registers[1], 1);
        serial_set_input_irq(false);
        assert_int_equal(uart.registers[1], 0);
    }
}

static void init__no_rate__keeps_firmwares(void **state)
{
    (void)state;
    memset(&uart, 0, sizeof uart);
    previous = place;
    place = (struct serial_regs){0xFE030000, true, 4, 4};
    uart.divisor[0] = 77;
    assert_int_equal(serial_init(&place, 0), OK);
    assert_int_equal(uart.divisor[0], 77);
}

static void init__errors__leave_the_line_that_was_in_use(void **state)
{
    (void)state;
    const struct serial_regs com1 = {.base = 0x3F8};
    assert_int_equal(start(com1, 115200), OK);
    assert_int_equal(serial_init(&com1, 115201), ERR_BAD_VALUE);
    assert_int_equal(serial_init(&com1, 230400), ERR_BAD_VALUE);
    assert_int_equal(serial_init(&(struct serial_regs){.base = 0}, 9600), ERR_BAD_VALUE);
    assert_int_equal(serial_init(&(struct serial_regs){.base = 0xFFF9}, 9600), ERR_BAD_VALUE);
    assert_int_equal(serial_init(&(struct serial_regs){.base = 0x2F8}, 9600), ERR_NO_DEVICE);
    assert_int_equal(serial_init(&(struct serial_regs){0xFE030000, true, 8, 8}, 0), ERR_BAD_VALUE);
    assert_int_equal(serial_init(&(struct serial_regs){0xFE030000, true, 4, 2}, 0), ERR_BAD_VALUE);
    assert_int_equal(serial_init(&(struct serial_regs){0xFE030001, true, 2, 2}, 0), ERR_BAD_VALUE);
    assert_int_equal(serial_init(&(struct serial_regs){0x100000, true, 1, 1}, 0), ERR_BUSY);
    assert_true(serial_is_present());
    serial_write("on", 2);
    assert_memory_equal(uart.sent, "on", 2);
}

static void write__stuck_line__is_waited_for_once(void **state)
{
    (void)state;
    assert_int_equal(start((struct serial_regs){.base = 0x3F8}, 115200), OK);
    uart.is_stuck = true;
    serial_write("lost", 4);
    assert_int_equal(uart.n_sent, 0);
    assert_int_equal(serial_write_some("more", 4), 0);
    uart.is_stuck = false;
    serial_write("back", 4);
    assert_memory_equal(uart.sent, "back", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init__every_kind_of_access__sends_and_receives),
        cmocka_unit_test(init__no_rate__keeps_firmwares),
        cmocka_unit_test(init__errors__leave_the_line_that_was_in_use),
        cmocka_unit_test(write__stuck_line__is_waited_for_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
