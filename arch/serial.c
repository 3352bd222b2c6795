/* SPDX-License-Identifier: BSD-2-Clause
 * A 16550 UART, reached through I/O ports.
 */
#include "arch/cpu.h"
#include "arch/port.h"
#include "arch/serial.h"

/* Registers, as offsets from the port. */
#define THR              0 /* WO  byte to send */
#define RBR              0 /* RO  byte received */
#define DLL              0 /* RW  divisor, while LCR_DLAB */
#define IER              1 /* RW  interrupt enables */
#define IER_INPUT        BIT(0)
#define DLM              1    /* RW  divisor, high byte, while LCR_DLAB */
#define IIR              2    /* RO */
#define IIR_FIFO         0xC0 /* both set: a 16550A or later, with a FIFO that works */
#define FCR              2    /* WO */
#define FCR_ENABLE_CLEAR 0x07
#define LCR              3 /* RW */
#define LCR_8N1          0x03
#define LCR_DLAB         0x80
#define MCR              4    /* RW */
#define MCR_DTR_RTS_OUT2 0x0B /* OUT2 gates the interrupt line on PCs */
#define LSR              5    /* RO */
#define LSR_DATA_READY   BIT(0)
#define LSR_THR_EMPTY    BIT(5)
#define LSR_ALL_SENT     BIT(6)
#define SCR              7 /* RW  no function: reads back what was written if a UART is present */

/* A byte takes 87 us at 115200 baud and 8.7 ms at 1200; a port read takes about a microsecond. An
 * emulated line stalls while the process that reads its far end is not scheduled: tenths of a
 * second on a busy host. */
#define WAIT_READS 2000000u

static uint16_t uart; /* 0: none */
static bool is_stuck; /* the last wait timed out */
static unsigned fifo; /* bytes that the transmitter takes once it is empty: 16, or 1 */
static unsigned room; /* bytes that it still takes before LSR must be read again */

static bool is_answering(uint16_t port)
{
    static const uint8_t patterns[] = {0x5A, 0xA5};
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        port_out8(port + SCR, patterns[i]);
        if (port_in8(port + SCR) != patterns[i])
            return false;
    }
    return port_in8(port + LSR) != 0xFF;
}

/* Wait until `bit` is set in LSR. Once stuck, read LSR once per byte until the transmitter moves.
 */
static bool has_drained(uint8_t bit)
{
    for (uint32_t i = is_stuck ? 1 : WAIT_READS; i > 0; i--) {
        if (port_in8(uart + LSR) & bit) {
            is_stuck = false;
            return true;
        }
        cpu_pause();
    }
    is_stuck = true;
    return false;
}

enum err serial_init(uint16_t port, uint32_t baud)
{
    if (baud == 0 || baud > SERIAL_BAUD || SERIAL_BAUD % baud != 0)
        return ERR_BAD_VALUE;
    if (uart)
        has_drained(LSR_ALL_SENT); /* the bytes written so far must leave at the old rate */
    uart = 0;
    is_stuck = false;
    room = 0;
    if (!is_answering(port))
        return ERR_NO_DEVICE;
    uint32_t divisor = SERIAL_BAUD / baud;
    port_out8(port + IER, 0);
    port_out8(port + LCR, LCR_DLAB);
    port_out8(port + DLL, (uint8_t)divisor);
    port_out8(port + DLM, (uint8_t)(divisor >> 8));
    port_out8(port + LCR, LCR_8N1);
    port_out8(port + FCR, FCR_ENABLE_CLEAR);
    fifo = (port_in8(port + IIR) & IIR_FIFO) == IIR_FIFO ? 16 : 1;
    port_out8(port + MCR, MCR_DTR_RTS_OUT2);
    uart = port;
    return OK;
}

bool serial_is_present(void)
{
    return uart != 0;
}

static void send(char c)
{
    /* Beyond fifo: two cores have written at once, when one came back that had been silent. */
    if (room == 0 || room > fifo) {
        if (!has_drained(LSR_THR_EMPTY))
            return;
        room = fifo;
    }
    room--;
    port_out8(uart + THR, (uint8_t)c);
}

void serial_write(const char *text, size_t n)
{
    if (!uart)
        return;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            send('\r');
        send(text[i]);
    }
}

size_t serial_write_some(const char *text, size_t n)
{
    if (!uart)
        return n;
    if (room < fifo && (port_in8(uart + LSR) & LSR_THR_EMPTY))
        room = fifo;
    size_t done = 0;
    for (; done < n; done++) {
        unsigned needed = text[done] == '\n' && fifo > 1 ? 2 : 1;
        if (room < needed)
            break;
        if (text[done] == '\n')
            send('\r');
        send(text[done]);
    }
    return done;
}

int serial_read(void)
{
    if (!uart || !(port_in8(uart + LSR) & LSR_DATA_READY))
        return -1;
    return port_in8(uart + RBR);
}

bool serial_has_input(void)
{
    return uart && (port_in8(uart + LSR) & LSR_DATA_READY);
}

int serial_irq(void)
{
    if (!uart)
        return -1;
    return uart == SERIAL_COM1 || uart == SERIAL_COM3 ? 4 : 3;
}

void serial_enable_input_irq(void)
{
    if (uart)
        port_out8(uart + IER, IER_INPUT);
}
