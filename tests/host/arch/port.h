/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for arch/port.h: every port reads all ones, unless a test defines a device by
 * the two functions for bytes, or by the two for all widths.
 */
#ifndef ARCH_PORT_H
#define ARCH_PORT_H

#include "arch/types.h"

uint8_t machine_port_in8(uint16_t port) __attribute__((weak));
void machine_port_out8(uint16_t port, uint8_t value) __attribute__((weak));
uint32_t machine_port_in(uint16_t port, unsigned bytes) __attribute__((weak));
void machine_port_out(uint16_t port, uint32_t value, unsigned bytes) __attribute__((weak));

static inline uint32_t machine_port_read(uint16_t port, unsigned bytes)
{
    return machine_port_in ? machine_port_in(port, bytes) : 0xFFFFFFFFu;
}
static inline void machine_port_write(uint16_t port, uint32_t value, unsigned bytes)
{
    if (machine_port_out)
        machine_port_out(port, value, bytes);
}

static inline uint8_t port_in8(uint16_t port)
{
    return machine_port_in8 ? machine_port_in8(port) : (uint8_t)machine_port_read(port, 1);
}
static inline uint16_t port_in16(uint16_t port)
{
    return (uint16_t)machine_port_read(port, 2);
}
static inline uint32_t port_in32(uint16_t port)
{
    return machine_port_read(port, 4);
}
static inline void port_out8(uint16_t port, uint8_t value)
{
    if (machine_port_out8)
        machine_port_out8(port, value);
    else
        machine_port_write(port, value, 1);
}
static inline void port_out16(uint16_t port, uint16_t value)
{
    machine_port_write(port, value, 2);
}
static inline void port_out32(uint16_t port, uint32_t value)
{
    machine_port_write(port, value, 4);
}

#endif
