/* SPDX-License-Identifier: BSD-2-Clause
 * Wrong things to do, for kernel/selftest.c: each should be stopped by an exception.
 */
#ifndef ARCH_DEEDS_H
#define ARCH_DEEDS_H

#include "arch/types.h"

static inline void deed_read(uint64_t address)
{
    uint8_t byte;
    __asm__ volatile("movb (%1), %0" : "=q"(byte) : "r"(address));
}
static inline void deed_write(uint64_t address, uint8_t byte)
{
    __asm__ volatile("movb %0, (%1)" ::"q"(byte), "r"(address) : "memory");
}
static inline void deed_run(uint64_t address)
{
    __asm__ volatile("call *%0" ::"r"(address) : "memory");
}
static inline void deed_use_stack(uint64_t bytes)
{
    __asm__ volatile("mov %%rsp, %%rbx\n"
                     "1: push $0\n\t"
                     "sub $8, %0\n\t"
                     "ja 1b\n\t"
                     "mov %%rbx, %%rsp"
                     : "+r"(bytes)
                     :
                     : "rbx", "memory", "cc");
}
static inline void deed_invalid_opcode(void)
{
    __asm__ volatile("ud2");
}
static inline void deed_divide_by_zero(void)
{
    __asm__ volatile("divl %0" ::"r"(0), "a"(1), "d"(0));
}
static inline void deed_use_sse(void)
{
    __asm__ volatile("xorps %xmm0, %xmm0");
}

#endif
