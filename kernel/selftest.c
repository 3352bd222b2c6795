/* SPDX-License-Identifier: BSD-2-Clause
 * One deed a protection. Each must end in a panic that names it; a deed that returns is a
 * protection that is not there.
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/selftest.h"
#include "kernel/str.h"

#define CODE_RET 0xC3

/* Addresses that the compiler must not reason about. */
static uint8_t *hidden(const void *p)
{
    uintptr_t v = (uintptr_t)p;
    __asm__ volatile("" : "+r"(v));
    return (uint8_t *)v;
}

static void store(const void *p)
{
    *hidden(p) = CODE_RET;
    __asm__ volatile("" ::: "memory");
}

static void run_at(const void *p)
{
    void (*f)(void) = (void (*)(void))(uintptr_t)hidden(p);
    f();
}

static void read_null(void)
{
    __asm__ volatile("" ::"r"(*hidden(NULL)));
}
static void read_physical(void)
{
    __asm__ volatile("" ::"r"(*hidden((const void *)0x200000)));
}
static void write_text(void)
{
    store((const void *)(uintptr_t)selftest_run);
}
static void write_rodata(void)
{
    store(image_rodata_start);
}
static void write_sealed(void)
{
    store(image_sealed_start);
}
static void write_image_by_physmap(void)
{
    store(paging_pointer(paging_image_paddr(image_text_start)));
}
static void run_data(void)
{
    static uint8_t code[16];
    store(code);
    run_at(code);
}
static void run_heap(void)
{
    void *page = memory_take(PAGE_BYTES, PAGE_BYTES);
    CHECK(page);
    store(page);
    run_at(page);
}
static void run_stack(void)
{
    uint8_t code[16];
    store(code);
    run_at(code);
}

/* Deeper until the guard page; the compiler may not make a loop of it. */
static __attribute__((noinline)) unsigned deeper(unsigned depth)
{
    uint8_t room[256];
    store(room);
    return depth == 0 ? 0 : deeper(depth - 1) + *hidden(room);
}
static void overflow_stack(void)
{
    deeper(1000000);
}

static __attribute__((noinline)) void smash(size_t n)
{
    char room[16];
    memset(hidden(room), 'A', n);
}
static void smash_canary(void)
{
    smash(48);
}

static void invalid_opcode(void)
{
    __asm__ volatile("ud2");
}
static void divide(void)
{
    __asm__ volatile("divl %0" ::"r"(0), "a"(1), "d"(0));
}
static void run_sse(void)
{
    __asm__ volatile("xorps %xmm0, %xmm0");
}
static void broken_claim(void)
{
    CHECK(1 + 1 == 3);
}

static const struct {
    const char *name;
    void (*deed)(void);
} deeds[] = {
    {"null", read_null},
    {"physical", read_physical},
    {"write-text", write_text},
    {"write-rodata", write_rodata},
    {"write-sealed", write_sealed},
    {"write-physmap", write_image_by_physmap},
    {"run-data", run_data},
    {"run-heap", run_heap},
    {"run-stack", run_stack},
    {"stack", overflow_stack},
    {"canary", smash_canary},
    {"opcode", invalid_opcode},
    {"divide", divide},
    {"sse", run_sse},
    {"check", broken_claim},
};

static void print_run(void *context, uint64_t va, uint64_t bytes, const struct paging_entry *first)
{
    unsigned *n_bad = context;
    *n_bad += first->is_writable && first->is_executable;
    log_info("selftest: map 0x%016lx %10lu KiB r%c%c%s", va, bytes / 1024,
             first->is_writable ? 'w' : '-', first->is_executable ? 'x' : '-',
             first->is_uncached ? " uncached" : "");
}

void selftest_run(const char *name)
{
    if (str_equal(name, "map")) {
        unsigned n_bad = 0;
        paging_walk(print_run, &n_bad);
        log_info("selftest: %u runs of pages are writable and executable", n_bad);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(deeds); i++)
        if (str_equal(name, deeds[i].name)) {
            log_info("selftest: %s", name);
            deeds[i].deed();
            log_error("selftest: %s came back; nothing stopped it", name);
            return;
        }
    log_error("selftest: \"%s\" is unknown", name);
}
