/* SPDX-License-Identifier: BSD-2-Clause
 * The 16550 serial line, usable from the first line of C; without a UART, output is discarded.
 * Output is polled; input may wake core 0 (serial_enable_input_irq). Every wait is bounded, so a
 * missing or stuck UART costs time once and never hangs the machine.
 */
#ifndef ARCH_SERIAL_H
#define ARCH_SERIAL_H

#include "arch/types.h"

#define SERIAL_COM1 0x3F8
#define SERIAL_COM2 0x2F8
#define SERIAL_COM3 0x3E8
#define SERIAL_COM4 0x2E8
#define SERIAL_BAUD 115200u /* the most that the UART's clock gives, and our default */

/* Switch to the UART at this I/O port: 8N1, FIFO enabled, interrupts off. baud: 1..115200, a
 * divisor of 115200. Boot CPU. ERR_NO_DEVICE: no UART answers there; output is then discarded and
 * there is no input. ERR_BAD_VALUE: unsupported baud rate; the line is left as it was. */
enum err serial_init(uint16_t port, uint32_t baud);

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

/* The ISA interrupt line of the UART in use, -1 without one. serial_enable_input_irq enables the
 * UART's input interrupt on that line; reading all input clears it. */
int serial_irq(void);
void serial_enable_input_irq(void);

#endif
