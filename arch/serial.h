/* SPDX-License-Identifier: BSD-2-Clause
 * The 16550 serial line, usable from the first line of C if it is at an I/O port; without a UART,
 * output is discarded. Output is polled; input may wake core 0 (serial_set_input_irq). Every wait
 * is bounded, so a missing or stuck UART costs time once and never hangs the machine.
 */
#ifndef ARCH_SERIAL_H
#define ARCH_SERIAL_H

#include "arch/types.h"

#define SERIAL_COM1 0x3F8
#define SERIAL_COM2 0x2F8
#define SERIAL_COM3 0x3E8
#define SERIAL_COM4 0x2E8
#define SERIAL_BAUD 115200u /* the most that the UART's clock gives, and our default */

/* Where a UART's registers are. */
struct serial_regs {
    uint64_t base; /* an I/O port, or a physical address */
    bool is_memory;
    uint8_t bytes;  /* in memory, of an access: 1, 2 or 4 */
    uint8_t stride; /* in memory, from one register to the next: at least `bytes` */
};

/* Switch to this UART: 8N1, FIFO enabled, interrupts off. baud: 1..115200, a divisor of 115200; 0: as
 * firmware has set it. Registers in memory are mapped, so only once paging is up. Boot CPU.
 * ERR_NO_DEVICE: no UART answers there. ERR_BAD_VALUE: unsupported baud rate or registers. Or the
 * errors of paging_map_device. On an error the line used so far stays in use. */
enum err serial_init(const struct serial_regs *regs, uint32_t baud);

/* True once serial_init has found a UART. */
bool serial_is_present(void);

/* Send n bytes; a newline is sent as CR LF. Waits for the transmitter for at most about two
 * seconds: bytes that a stuck line does not take are lost, and later calls do not wait again until
 * it moves. One CPU at a time. */
void serial_write(const char *text, size_t n);

/* Send as many of the n bytes as the UART takes at once (a newline needs room for two). Returns how
 * many; 0 while it is busy. Never waits. Without a UART all bytes are taken and discarded. One CPU
 * at a time. */
size_t serial_write_some(const char *text, size_t n);

/* The next byte received, or -1 if there is none. Never waits. One CPU at a time. */
int serial_read(void);

/* Would serial_read return a byte now? */
bool serial_has_input(void);

/* Enable or disable the UART's interrupt for input. Its line stays asserted until all input is read
 * or this is off. */
void serial_set_input_irq(bool is_on);

#endif
