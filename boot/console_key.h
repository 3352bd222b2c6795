/* SPDX-License-Identifier: BSD-2-Clause
 * The value of console=, in the forms that Linux takes:
 *
 *     ttyS1,115200n8                     COM1 to COM4, at 115200 baud unless a rate is given
 *     uart,io,0x2f8,9600n8               a 16550 at an I/O port; uart8250 means the same
 *     uart,mmio32,0xfedc9000,115200n8    in memory; mmio, mmio16 and mmio32: 8, 16, 32 bits a register
 *     pciserial,00:16.3,115200n8         a PCI function with a 16550 behind its first BAR; without an
 *                                        address, the first such function
 *
 * Without a rate the last two keep firmware's. Pure. Read next: kernel/console/serial_line.h.
 */
#ifndef BOOT_CONSOLE_KEY_H
#define BOOT_CONSOLE_KEY_H

#include "arch/types.h"

enum console_where { CONSOLE_PORT, CONSOLE_MEMORY, CONSOLE_PCI };

struct console_key {
    enum console_where where;
    uint64_t base; /* of PORT and MEMORY */
    uint8_t bytes; /* of MEMORY: bytes of a register, and from one to the next */
    bool is_any;   /* of PCI: no address was given */
    uint8_t bus, device, function;
    uint32_t baud; /* a divisor of 115200; 0: as firmware has set it */
};

/* False, with *out unchanged, if the value has none of these forms. */
bool console_key_parse(const char *value, struct console_key *out);

#endif
