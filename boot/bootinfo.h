/* SPDX-License-Identifier: BSD-2-Clause
 * The loader's information in one struct for both protocols: PVH start info (QEMU -kernel) and
 * multiboot2 tags (GRUB). Everything is copied, so the loader's memory may be reused afterwards.
 * The loader is not trusted: lengths are checked against what remains, no step of zero is taken.
 * Pure. Read next: kernel/main.c, kernel/memory/memory.c.
 */
#ifndef BOOT_BOOTINFO_H
#define BOOT_BOOTINFO_H

#include "arch/types.h"
#include "boot/cmdline.h"

#define BOOTINFO_MULTIBOOT2_MAGIC 0x36D76289u /* in eax at entry */

enum boot_path { BOOT_UNKNOWN, BOOT_PVH, BOOT_MULTIBOOT2 };

/* Memory types, numbered as by the BIOS's E820 call; both protocols use these numbers. */
enum boot_memory {
    BOOT_MEMORY_USABLE = 1,
    BOOT_MEMORY_RESERVED = 2,
    BOOT_MEMORY_ACPI = 3,
    BOOT_MEMORY_NVS = 4,
    BOOT_MEMORY_BAD = 5,
};

struct boot_range {
    uint64_t start, bytes;
    uint32_t type; /* enum boot_memory, or a number that means reserved */
};

struct boot_module {
    uint64_t start, bytes;
    char name[64]; /* the words that the loader passed with it, truncated */
};

struct boot_framebuffer {
    uint64_t start; /* 0: none */
    uint32_t pitch_bytes, width, height;
    uint8_t bits, type; /* type: multiboot2's number, 1 RGB, 2 EGA text */
    uint8_t red_at, red_bits, green_at, green_bits, blue_at, blue_bits; /* type 1 */
};

#define BOOTINFO_RANGES_MAX  256
#define BOOTINFO_MODULES_MAX 16

struct bootinfo {
    enum boot_path path;
    char loader[48];
    /* The boot line, NUL-terminated; one byte more than cmdline.c takes, so that it notices if the
     * line is too long. */
    char line[CMDLINE_BYTES_MAX + 1];
    struct boot_range ranges[BOOTINFO_RANGES_MAX];
    unsigned n_ranges;
    struct boot_module modules[BOOTINFO_MODULES_MAX];
    unsigned n_modules;
    unsigned n_lost;     /* ranges (the smallest of RAM) and modules that did not fit */
    uint64_t rsdp_paddr; /* 0: unknown */
    uint8_t rsdp[36];    /* multiboot2 carries a copy instead of an address */
    uint32_t rsdp_bytes; /* of the copy; 0: none */
    struct boot_framebuffer framebuffer;
    const char *damage; /* the first error found, as text; NULL: none */
};

/* Map physical memory: returns a pointer to `bytes` bytes at paddr, NULL if they cannot be read. */
typedef const void *(*boot_map_callback)(uint64_t paddr, size_t bytes);

/* Fill *info from eax and ebx at entry. False: there is no information of either protocol; *info is
 * then empty but valid. The first error in it is named in info->damage; the valid rest is used. */
bool bootinfo_read(uint32_t eax, uint32_t ebx, boot_map_callback look, struct bootinfo *info);

const char *bootinfo_path_name(enum boot_path path);

#endif
