/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for arch/port.h: every port reads all ones, unless a test defines a device by
 * these two functions.
 */
#ifndef ARCH_PORT_H
#define ARCH_PORT_H

#include "arch/types.h"

uint8_t machine_port_in8(uint16_t port) __attribute__((weak));
void machine_port_out8(uint16_t port, uint8_t value) __attribute__((weak));

static inline uint8_t port_in8(uint16_t port)
{
    return machine_port_in8 ? machine_port_in8(port) : 0xFF;
}
static inline uint16_t port_in16(uint16_t port)
{
    (void)port;
    return 0xFFFF;
}
static inline uint32_t port_in32(uint16_t port)
{
    (void)port;
    return 0xFFFFFFFFu;
}
static inline void port_out8(uint16_t port, uint8_t value)
{
    if (machine_port_out8)
        machine_port_out8(port, value);
}
static inline void port_out16(uint16_t port, uint16_t value)
{
    (void)port, (void)value;
}
static inline void port_out32(uint16_t port, uint32_t value)
{
    (void)port, (void)value;
}

#endif
