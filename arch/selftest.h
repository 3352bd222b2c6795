/* SPDX-License-Identifier: BSD-2-Clause
 * Accesses that a protection must stop, for kernel/selftest/run.c: each should raise an exception.
 */
#ifndef ARCH_SELFTEST_H
#define ARCH_SELFTEST_H

#include "arch/types.h"

static inline void selftest_read(uint64_t address)
{
    uint8_t byte;
    __asm__ volatile("movb (%1), %0" : "=q"(byte) : "r"(address));
}
static inline void selftest_write(uint64_t address, uint8_t byte)
{
    __asm__ volatile("movb %0, (%1)" ::"q"(byte), "r"(address) : "memory");
}
static inline void selftest_call(uint64_t address)
{
    __asm__ volatile("call *%0" ::"r"(address) : "memory");
}
static inline void selftest_fill(void *at, char c, uint64_t bytes)
{
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(c) : "memory");
}
static inline void selftest_use_stack(uint64_t bytes)
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
static inline void selftest_invalid_opcode(void)
{
    __asm__ volatile("ud2");
}
static inline void selftest_divide_by_zero(void)
{
    __asm__ volatile("divl %0" ::"r"(0), "a"(1), "d"(0));
}
static inline void selftest_use_sse(void)
{
    __asm__ volatile("xorps %xmm0, %xmm0");
}

struct selftest_table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
static inline uint64_t selftest_idt_base(void)
{
    struct selftest_table_register table;
    __asm__ volatile("sidt %0" : "=m"(table));
    return table.base;
}
static inline uint64_t selftest_gdt_base(void)
{
    struct selftest_table_register table;
    __asm__ volatile("sgdt %0" : "=m"(table));
    return table.base;
}
/* The base of the TSS that this core's GDT names. */
static inline uint64_t selftest_tss_base(void)
{
    uint16_t selector;
    __asm__ volatile("str %0" : "=r"(selector));
    const uint64_t *entry = (const uint64_t *)(selftest_gdt_base() + selector);
    return (entry[0] >> 16 & 0xFFFFFF) | (entry[0] >> 56 << 24) | entry[1] << 32;
}
/* Continue at rip in ring 3, without a stack. Does not return. */
static inline void selftest_enter_user(uint64_t rip)
{
    /* The kernel's code and data segments, then data and code of ring 3. */
    const uint64_t gdt[] = {0, 0x00AF9B000000FFFFull, 0x00CF93000000FFFFull, 0x00CFF3000000FFFFull,
                            0x00AFFB000000FFFFull};
    const struct selftest_table_register table = {sizeof gdt - 1, (uintptr_t)gdt};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq $0x1B\n\t" /* ss */
                     "pushq $0\n\t"    /* rsp */
                     "pushq $2\n\t"    /* rflags */
                     "pushq $0x23\n\t" /* cs */
                     "pushq %1\n\t"
                     "iretq" ::"m"(table),
                     "r"(rip), "m"(gdt)
                     : "memory");
}

#endif
