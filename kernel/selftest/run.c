/* SPDX-License-Identifier: BSD-2-Clause
 * One selftest per protection. Each must end in a panic that names the violation; one that returns
 * shows that the protection is missing.
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "arch/selftest.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/module.h"
#include "kernel/panic.h"
#include "kernel/selftest/selftest.h"

#define CODE_RET     0xC3
#define PHYSICAL_RAM 0x200000 /* any paddr_t, used as a pointer */

static void write_to(const void *p)
{
    selftest_write((uintptr_t)p, CODE_RET);
}

/* Write code to p, then call it. */
static void run_at(void *p)
{
    write_to(p);
    selftest_call((uintptr_t)p);
}

static void read_null(void)
{
    selftest_read(0);
}
static void read_physical(void)
{
    selftest_read(PHYSICAL_RAM);
}
static void write_text(void)
{
    write_to(image_text_start);
}
static void write_rodata(void)
{
    write_to(image_rodata_start);
}
static void write_sealed(void)
{
    write_to(image_sealed_start);
}
static void write_image_by_physmap(void)
{
    write_to(paging_pointer(paging_image_paddr(image_text_start)));
}
static void write_module(void)
{
    size_t bytes;
    const void *module = module_find("selftest", &bytes);
    CHECK(module);
    write_to(module);
}
static void run_data(void)
{
    static uint8_t code[16];
    run_at(code);
}
static void run_heap(void)
{
    void *page = memory_alloc(PAGE_BYTES, PAGE_BYTES);
    CHECK(page);
    run_at(page);
}
static void run_stack(void)
{
    uint8_t code[16];
    run_at(code);
}
static void overflow_stack(void)
{
    selftest_use_stack(1 << 20);
}

static __attribute__((noinline)) void write_array(size_t n)
{
    char room[16];
    selftest_fill(room, 'A', n);
}
static void smash_canary(void)
{
    write_array(opaque(48)); /* or the compiler refuses it */
}

static void failed_check(void)
{
    CHECK(1 + 1 == 3);
}

static const struct {
    const char *name;
    void (*run)(void);
} violations[] = {
    {"null", read_null},
    {"physical", read_physical},
    {"write-text", write_text},
    {"write-rodata", write_rodata},
    {"write-sealed", write_sealed},
    {"write-physmap", write_image_by_physmap},
    {"write-module", write_module},
    {"run-data", run_data},
    {"run-heap", run_heap},
    {"run-stack", run_stack},
    {"stack", overflow_stack},
    {"canary", smash_canary},
    {"opcode", selftest_invalid_opcode},
    {"divide", selftest_divide_by_zero},
    {"sse", selftest_use_sse},
    {"check", failed_check},
    {"smep", selftest_run_user_page},
    {"smap", selftest_read_user_page},
    {"umip", selftest_smsw_from_user_page},
    {"write-idt", selftest_write_idt},
    {"write-gdt", selftest_write_gdt},
    {"write-tss", selftest_write_tss},
    {"write-root", selftest_write_root},
    {"write-table", selftest_write_table},
    {"write-new-table", selftest_write_new_table},
    {"write-table-of-tables", selftest_write_table_of_tables},
    {"write-firmware", selftest_write_firmware},
    {"nmi", selftest_nmi},
    {"core-null", selftest_core_null},
    {"core-stack", selftest_core_stack},
    {"core-gdt", selftest_core_gdt},
    {"core-tss", selftest_core_tss},
    {"core-idt", selftest_core_idt},
    {"core-silent", selftest_core_silent},
};

static void print_run(void *context, uint64_t va, uint64_t bytes, const struct paging_entry *first)
{
    unsigned *n_bad = context;
    *n_bad += first->is_writable && first->is_executable;
    log_info("selftest: map 0x%016lx %10lu KiB r%c%c%s", va, bytes / 1024,
             first->is_writable ? 'w' : '-', first->is_executable ? 'x' : '-',
             first->is_uncached          ? " uncached"
             : first->is_write_combining ? " combining"
                                         : "");
}

void selftest_run(const char *name)
{
    if (str_equal(name, "map")) {
        unsigned n_bad = 0;
        paging_walk(print_run, &n_bad);
        log_info("selftest: %u runs of pages are writable and executable", n_bad);
        return;
    }
    if (str_equal(name, "wake")) {
        selftest_wake();
        return;
    }
    if (str_equal(name, "nmi-halt")) {
        selftest_nmi_halt();
        return;
    }
    if (str_equal(name, "edu")) {
        selftest_edu();
        return;
    }
    if (str_equal(name, "zlr")) {
        selftest_zlr();
        return;
    }
    if (str_equal(name, "forge")) {
        selftest_forge();
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(violations); i++)
        if (str_equal(name, violations[i].name)) {
            log_info("selftest: %s", name);
            violations[i].run();
            log_error("selftest: %s was not stopped", name);
            return;
        }
    log_error("selftest: \"%s\" is unknown", name);
}
