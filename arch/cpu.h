/* SPDX-License-Identifier: BSD-2-Clause
 * Single instructions that C cannot express. The host build finds tests/host/arch/cpu.h instead
 * (see arch/mmio.h).
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "arch/types.h"

static inline uint64_t cpu_tsc(void)
{
    uint64_t low, high; /* rdtsc clears their upper halves */
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return high << 32 | low;
}
/* The TSC, read after all earlier instructions and before all later ones. */
static inline uint64_t cpu_tsc_ordered(void)
{
    __asm__ volatile("lfence" ::: "memory");
    uint64_t tsc = cpu_tsc();
    __asm__ volatile("lfence" ::: "memory");
    return tsc;
}
/* One round of a loop that waits for a device or another CPU. */
static inline void cpu_pause(void)
{
    __asm__ volatile("pause" ::: "memory");
}
/* Set n words of 8 bytes to zero; faster than a loop. */
static inline void cpu_zero(void *at, size_t n)
{
    __asm__ volatile("rep stosq" : "+D"(at), "+c"(n) : "a"(0ull) : "memory");
}
static inline void cpu_halt(void)
{
    __asm__ volatile("hlt" ::: "memory");
}
/* Enable interrupts and halt, with no window between the two: a pending interrupt ends the halt.
 * All pending interrupts are taken before this returns with interrupts off again. */
static inline void cpu_sleep(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
}
static inline void cpu_interrupts_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}
static inline void cpu_interrupts_on(void)
{
    __asm__ volatile("sti" ::: "memory");
}
static inline bool cpu_interrupts_are_on(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags)::"memory");
    return flags & BIT(9);
}
struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpu_id(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}
/* A word from the CPU's random number generator, or from the entropy source behind it. False: none
 * was ready. Only where CPUID lists the instruction. */
static inline bool cpu_rdrand(uint64_t *word)
{
    bool is_ready;
    __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(is_ready));
    return is_ready;
}
static inline bool cpu_rdseed(uint64_t *word)
{
    bool is_ready;
    __asm__ volatile("rdseed %0" : "=r"(*word), "=@ccc"(is_ready));
    return is_ready;
}
static inline uint64_t cpu_msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline void cpu_msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}
static inline void cpu_flush_page(const void *page)
{
    __asm__ volatile("invlpg (%0)" ::"r"(page) : "memory");
}
static inline void cpu_flush_line(const void *line)
{
    __asm__ volatile("clflush (%0)" ::"r"(line) : "memory");
}
static inline void cpu_fence(void)
{
    __asm__ volatile("mfence" ::: "memory");
}
static inline uint64_t cpu_cr0_read(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}
static inline void cpu_cr0_write(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr0" ::"r"(v) : "memory");
}
static inline uint64_t cpu_cr2_read(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}
static inline uint64_t cpu_cr3_read(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr3, %0" : "=r"(v));
    return v;
}
static inline void cpu_cr3_write(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(v) : "memory");
}
static inline uint64_t cpu_cr4_read(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}
static inline void cpu_cr4_write(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr4" ::"r"(v) : "memory");
}
/* Raise a fault that cannot be handled (empty IDT): the CPU resets the machine. */
static inline void cpu_triple_fault(void)
{
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) none = {0, 0};
    __asm__ volatile("lidt %0\n\tint3" ::"m"(none));
}

/* Returns v, but hides from the compiler how it was computed, so that later expressions start from
 * this value instead of recomputing it. Emits no instruction. */
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
