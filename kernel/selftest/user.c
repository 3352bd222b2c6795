/* SPDX-License-Identifier: BSD-2-Clause
 * A user-accessible page and user code, made for these tests only, as the image has neither. SMEP
 * and SMAP stop the kernel from using such pages, UMIP stops user code from reading the addresses
 * of the kernel's tables. Then writes to tables that the CPU reads, and to firmware's memory.
 */
#include "arch/cpu.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "arch/selftest.h"
#include "kernel/lib/str.h"
#include "kernel/memory/memory.h"
#include "kernel/panic.h"
#include "kernel/selftest/selftest.h"

#define USER_VA    0x70000000u
#define CR0_WP     BIT64(16)
#define PTE_USER   BIT64(2)
#define PTE_TABLE  0x000FFFFFFFFFF000ull
#define BIOS_PADDR 0xF0000u
#define CODE_RET   0xC3

/* Map a page with `code` at USER_VA, and make it accessible to user code on all levels. */
static void expose(const uint8_t *code, size_t n, enum paging_rights rights)
{
    void *page = memory_alloc(PAGE_BYTES, PAGE_BYTES);
    CHECK(page);
    memcpy(page, code, n);
    CHECK(paging_map(USER_VA, paging_paddr(page), PAGE_BYTES, rights) == OK);
    uint64_t entry = cpu_cr3_read(), cr0 = cpu_cr0_read();
    cpu_cr0_write(cr0 & ~CR0_WP); /* the tables are read-only */
    for (unsigned shift = 39; shift >= 12; shift -= 9) {
        uint64_t *table = paging_pointer((paddr_t){entry & PTE_TABLE});
        entry = table[USER_VA >> shift & 511] |= PTE_USER;
    }
    cpu_cr0_write(cr0);
}

void selftest_run_user_page(void)
{
    const uint8_t code[] = {CODE_RET};
    expose(code, sizeof code, PAGING_EXECUTE);
    selftest_call(USER_VA);
}

void selftest_read_user_page(void)
{
    const uint8_t code[] = {CODE_RET};
    expose(code, sizeof code, PAGING_READ);
    selftest_read(USER_VA);
}

/* smsw eax, which UMIP blocks; then an endless loop. The resulting #GP ends as a double fault,
 * since this kernel sets up no stack for entering ring 0 from ring 3. */
void selftest_smsw_from_user_page(void)
{
    const uint8_t code[] = {0x0F, 0x01, 0xE0, 0xEB, 0xFE};
    expose(code, sizeof code, PAGING_EXECUTE);
    selftest_enter_user(USER_VA);
}

void selftest_write_idt(void)
{
    selftest_write(selftest_idt_base(), CODE_RET);
}

void selftest_write_gdt(void)
{
    selftest_write(selftest_gdt_base(), CODE_RET);
}

void selftest_write_tss(void)
{
    selftest_write(selftest_tss_base(), CODE_RET);
}

/* The page of the table at this level (4: the root, 1: holds 4 KiB pages) for va, by the physmap. */
static void write_table(uint64_t va, unsigned level)
{
    uint64_t entry = cpu_cr3_read();
    for (unsigned at = 4; at > level; at--) {
        const uint64_t *table = paging_pointer((paddr_t){entry & PTE_TABLE});
        entry = table[va >> (12 + 9 * (at - 1)) & 511];
    }
    selftest_write((uintptr_t)paging_pointer((paddr_t){entry & PTE_TABLE}), CODE_RET);
}
void selftest_write_root(void)
{
    write_table(0, 4);
}
/* That of the image's constants, built before the tables were sealed. */
void selftest_write_table(void)
{
    write_table((uintptr_t)image_rodata_start, 1);
}
/* One that is made after the tables were sealed. */
void selftest_write_new_table(void)
{
    void *page = memory_alloc(PAGE_BYTES, PAGE_BYTES);
    CHECK(page);
    CHECK(paging_map(USER_VA, paging_paddr(page), PAGE_BYTES, PAGING_READ) == OK);
    write_table(USER_VA, 1);
}
/* The table for the physmap of the page in which that new table lies. */
void selftest_write_table_of_tables(void)
{
    write_table(PHYSMAP_BASE + (cpu_cr3_read() & PTE_TABLE), 1);
}

void selftest_write_firmware(void)
{
    selftest_write((uintptr_t)paging_map_firmware((paddr_t){BIOS_PADDR}, 16), CODE_RET);
}
