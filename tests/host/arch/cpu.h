/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for arch/cpu.h: the functions that drivers and net use. A pause advances the
 * simulated time.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "arch/types.h"

uint64_t machine_now_ns(void);
void machine_wait_ns(uint64_t ns);

/* A TSC of 1 GHz, in as many instructions as the real one and one more: benchmarks count them. */
extern uint64_t machine_clock_ns;
static inline uint64_t cpu_tsc(void)
{
    typedef uint32_t __attribute__((may_alias)) half;
    const half *clock = (const half *)&machine_clock_ns;
    uint64_t low, high;
    __asm__ volatile("movl %2, %k0\n\tmovl %3, %k1"
                     : "=&r"(low), "=r"(high)
                     : "m"(clock[0]), "m"(clock[1]));
    return high << 32 | low;
}
static inline void cpu_pause(void)
{
    machine_wait_ns(100);
}

/* A CPU of an unknown family, without known errata. */
struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpu_id(uint32_t leaf, uint32_t subleaf)
{
    (void)leaf, (void)subleaf;
    return (struct cpuid){0, 0, 0, 0};
}
/* Defined by the test of arch/random.c; other programs have machine.c's random_u64. */
bool cpu_rdrand(uint64_t *word);
bool cpu_rdseed(uint64_t *word);
void machine_flush_line(const void *line);
static inline void cpu_flush_line(const void *line)
{
    machine_flush_line(line);
}
static inline void cpu_fence(void)
{
}
/* Page tables are built, and never used. */
static inline void cpu_cr3_write(uint64_t v)
{
    (void)v;
}
static inline uint64_t cpu_cr0_read(void)
{
    return 0;
}
static inline void cpu_cr0_write(uint64_t v)
{
    (void)v;
}
static inline void cpu_flush_page(const void *page)
{
    (void)page;
}

/* Returns v, but hides its origin from the compiler, which then uses the value instead of computing
 * it again. Compiles to no instruction. */
static inline uint64_t opaque(uint64_t v)
{
    __asm__("" : "+r"(v));
    return v;
}

/* v * factor by one instruction, where the compiler would take several shifts and additions. */
static inline __attribute__((always_inline)) uint64_t multiply(uint64_t v, uint32_t factor)
{
    __asm__("imulq %1, %0" : "+r"(v) : "ri"((uint64_t)factor) : "cc");
    return v;
}

#endif
