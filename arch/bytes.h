/* SPDX-License-Identifier: BSD-2-Clause
 * Unaligned loads and stores of numbers, little-endian, whatever the type of the memory. Each is
 * one instruction. Pure.
 */
#ifndef ARCH_BYTES_H
#define ARCH_BYTES_H

#include "arch/types.h"

static inline uint16_t load16(const void *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}
static inline uint32_t load32(const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}
static inline uint64_t load64(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}
static inline void store16(void *p, uint16_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}
static inline void store32(void *p, uint32_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}
static inline void store64(void *p, uint64_t v)
{
    __builtin_memcpy(p, &v, sizeof(v));
}

#endif
