/* SPDX-License-Identifier: BSD-2-Clause
 * A 16550 UART, reached through I/O ports or memory.
 */
#include "arch/cpu.h"
#include "arch/mmio.h"
#include "arch/paging.h"
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

/* One UART. */
struct uart {
    uint16_t port; /* 0: in memory */
    mmio_t mmio;
    uint8_t bytes, stride; /* in memory */
};

static struct uart uart;
static bool is_present;
static bool is_stuck; /* the last wait timed out */
static unsigned fifo; /* bytes that the transmitter takes once it is empty: 16, or 1 */
static unsigned room; /* bytes that it still takes before LSR must be read again */

static uint8_t reg_read(const struct uart *u, unsigned reg)
{
    if (u->port)
        return port_in8((uint16_t)(u->port + reg));
    uint32_t offset = reg * u->stride;
    return u->bytes == 1   ? mmio_read8(u->mmio, offset)
           : u->bytes == 2 ? (uint8_t)mmio_read16(u->mmio, offset)
                           : (uint8_t)mmio_read32(u->mmio, offset);
}

static void reg_write(const struct uart *u, unsigned reg, uint8_t value)
{
    if (u->port) {
        port_out8((uint16_t)(u->port + reg), value);
        return;
    }
    uint32_t offset = reg * u->stride;
    if (u->bytes == 1)
        mmio_write8(u->mmio, offset, value);
    else if (u->bytes == 2)
        mmio_write16(u->mmio, offset, value);
    else
        mmio_write32(u->mmio, offset, value);
}

static bool is_answering(const struct uart *u)
{
    static const uint8_t patterns[] = {0x5A, 0xA5};
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        reg_write(u, SCR, patterns[i]);
        if (reg_read(u, SCR) != patterns[i])
            return false;
    }
    return reg_read(u, LSR) != 0xFF;
}

/* Wait until `bit` is set in LSR. Once stuck, read LSR once per byte until the transmitter moves.
 */
static bool has_drained(uint8_t bit)
{
    for (uint32_t i = is_stuck ? 1 : WAIT_READS; i > 0; i--) {
        if (reg_read(&uart, LSR) & bit) {
            is_stuck = false;
            return true;
        }
        cpu_pause();
    }
    is_stuck = true;
    return false;
}

static enum err find(const struct serial_regs *regs, struct uart *out)
{
    *out = (struct uart){.bytes = regs->bytes, .stride = regs->stride};
    if (!regs->is_memory) {
        if (regs->base == 0 || regs->base > 0xFFFF - SCR)
            return ERR_BAD_VALUE;
        out->port = (uint16_t)regs->base;
        return OK;
    }
    if ((regs->bytes != 1 && regs->bytes != 2 && regs->bytes != 4) || regs->stride < regs->bytes ||
        regs->base % regs->bytes != 0)
        return ERR_BAD_VALUE;
    return paging_map_device((paddr_t){regs->base}, SCR * regs->stride + regs->bytes, &out->mmio);
}

enum err serial_init(const struct serial_regs *regs, uint32_t baud)
{
    if (baud > SERIAL_BAUD || (baud && SERIAL_BAUD % baud != 0))
        return ERR_BAD_VALUE;
    struct uart found;
    enum err e = find(regs, &found);
    if (e != OK)
        return e;
    if (!is_answering(&found))
        return ERR_NO_DEVICE;
    if (is_present)
        has_drained(LSR_ALL_SENT); /* the bytes written so far must leave at the old rate */
    uart = found;
    is_present = true;
    is_stuck = false;
    room = 0;
    reg_write(&uart, IER, 0);
    if (baud) {
        uint32_t divisor = SERIAL_BAUD / baud;
        reg_write(&uart, LCR, LCR_DLAB);
        reg_write(&uart, DLL, (uint8_t)divisor);
        reg_write(&uart, DLM, (uint8_t)(divisor >> 8));
    }
    reg_write(&uart, LCR, LCR_8N1);
    reg_write(&uart, FCR, FCR_ENABLE_CLEAR);
    fifo = (reg_read(&uart, IIR) & IIR_FIFO) == IIR_FIFO ? 16 : 1;
    reg_write(&uart, MCR, MCR_DTR_RTS_OUT2);
    return OK;
}

bool serial_is_present(void)
{
    return is_present;
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
    reg_write(&uart, THR, (uint8_t)c);
}

void serial_write(const char *text, size_t n)
{
    if (!is_present)
        return;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            send('\r');
        send(text[i]);
    }
}

size_t serial_write_some(const char *text, size_t n)
{
    if (!is_present)
        return n;
    if (room < fifo && (reg_read(&uart, LSR) & LSR_THR_EMPTY))
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
    if (!is_present || !(reg_read(&uart, LSR) & LSR_DATA_READY))
        return -1;
    return reg_read(&uart, RBR);
}

bool serial_has_input(void)
{
    return is_present && (reg_read(&uart, LSR) & LSR_DATA_READY);
}

void serial_set_input_irq(bool is_on)
{
    if (is_present)
        reg_write(&uart, IER, is_on ? IER_INPUT : 0);
}
