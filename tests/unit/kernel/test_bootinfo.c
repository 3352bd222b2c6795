/* SPDX-License-Identifier: BSD-2-Clause
 * boot/bootinfo.c: PVH start info and multiboot2 tags, built here as a loader builds them; then
 * those of a broken loader: none, lengths of zero or past the end, unterminated lists, invalid
 * pointers, ranges that wrap, more entries than fit.
 *
 * links: boot/bootinfo.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/bootinfo.h"
#include "tests/unit/kernel/physical.h"

#define AT 0x9500u

static struct bootinfo info;

static int clear(void **state)
{
    (void)state;
    physical_clear();
    memset(&info, 0xAA, sizeof info);
    return 0;
}

/* The loader's information, under construction. */
static uint8_t block[1 << 17];
static size_t used;

static void put(const void *bytes, size_t n)
{
    assert_true(used + n <= sizeof block);
    memcpy(block + used, bytes, n);
    used += n;
}
static void put32(uint32_t v)
{
    put(&v, 4);
}
static void put64(uint64_t v)
{
    put(&v, 8);
}

/* --- multiboot2 --- */

static void mb2_begin(void)
{
    used = 0;
    put64(0);
}
static void mb2_tag(uint32_t type, const void *body, size_t n)
{
    put32(type);
    put32((uint32_t)(8 + n));
    put(body, n);
    while (used % 8)
        put("", 1);
}
static uint8_t *mb2_end(void)
{
    mb2_tag(0, "", 0);
    uint32_t total = (uint32_t)used;
    memcpy(block, &total, 4);
    return physical_put(AT, block, used);
}
static bool mb2_read(void)
{
    return bootinfo_read(BOOTINFO_MULTIBOOT2_MAGIC, AT, physical_look, &info);
}

static void multiboot2__all_tags__are_copied_out(void **state)
{
    (void)state;
    struct {
        uint32_t entry_bytes, version;
        struct {
            uint64_t start, bytes;
            uint32_t type, reserved;
        } e[3];
    } map = {24, 0, {{0, 0x9F000, 1, 0}, {0x100000, 0x7F00000, 1, 0}, {0xFFFC0000, 0x40000, 2, 0}}};
    struct {
        uint32_t start, end;
        char name[12];
    } module = {0x400000, 0x401234, "routes.txt"};
    struct screen {
        uint64_t start;
        uint32_t pitch, width, height;
        uint8_t bits, type, reserved[2], colour[6];
    } __attribute__((packed));
    struct screen screen = {0xFD000000, 4096, 1024, 768, 32, 1, {0, 0}, {16, 8, 8, 8, 0, 8}};
    mb2_begin();
    mb2_tag(1, "app=echo", 9);
    mb2_tag(2, "GRUB 2.06", 10);
    mb2_tag(3, &module, sizeof module);
    mb2_tag(99, "unknown", 8);
    mb2_tag(6, &map, sizeof map);
    mb2_tag(8, &screen, sizeof screen);
    mb2_tag(15, "RSD PTR new.................12345678", 36);
    mb2_tag(14, "RSD PTR old.........", 20);
    mb2_end();
    assert_true(mb2_read());
    assert_null(info.damage);
    assert_int_equal(info.path, BOOT_MULTIBOOT2);
    assert_string_equal(info.line, "app=echo");
    assert_string_equal(info.loader, "GRUB 2.06");
    assert_int_equal(info.n_modules, 1);
    assert_int_equal(info.modules[0].start, 0x400000);
    assert_int_equal(info.modules[0].bytes, 0x1234);
    assert_string_equal(info.modules[0].name, "routes.txt");
    assert_int_equal(info.n_ranges, 3);
    assert_int_equal(info.ranges[1].start, 0x100000);
    assert_int_equal(info.ranges[1].bytes, 0x7F00000);
    assert_int_equal(info.ranges[2].type, BOOT_MEMORY_RESERVED);
    assert_int_equal(info.framebuffer.start, 0xFD000000);
    assert_int_equal(info.framebuffer.width, 1024);
    assert_int_equal(info.framebuffer.red_at, 16);
    assert_int_equal(info.framebuffer.blue_bits, 8);
    assert_int_equal(info.rsdp_bytes, 36);
    assert_memory_equal(info.rsdp, "RSD PTR new", 11);
}

static void multiboot2__larger_map_entries__are_stepped_over(void **state)
{
    (void)state;
    uint64_t map[1 + 2 * 5] = {40, 0, 0x1000, 1, 0, 0, 0, 0x2000, 1, 0, 0};
    mb2_begin();
    mb2_tag(6, map, sizeof map);
    mb2_end();
    assert_true(mb2_read());
    assert_int_equal(info.n_ranges, 2);
    assert_int_equal(info.ranges[0].bytes, 0x1000);
    assert_int_equal(info.ranges[1].bytes, 0x2000);
}

static void multiboot2__wrong_tag_lengths__end_the_walk(void **state)
{
    (void)state;
    static const uint32_t wrong_lengths[] = {0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFF8};
    for (size_t i = 0; i < sizeof wrong_lengths / sizeof wrong_lengths[0]; i++) {
        physical_clear();
        mb2_begin();
        mb2_tag(1, "app=echo", 9);
        mb2_tag(2, "loader", 7);
        uint8_t *at = mb2_end();
        memcpy(at + 8 + 24 + 4, &wrong_lengths[i], 4); /* the second tag's length */
        assert_true(mb2_read());
        assert_non_null(info.damage);
        assert_string_equal(info.line, "app=echo");
        assert_string_equal(info.loader, "");
    }
}

static void multiboot2__truncated_anywhere__is_reported(void **state)
{
    (void)state;
    uint32_t map[] = {24, 0, 0, 0, 0x1000, 0, 1, 0};
    mb2_begin();
    mb2_tag(3, "\0\0\x40\0\0\0\x41\0mod", 12);
    mb2_tag(6, map, sizeof map);
    mb2_tag(8, "01234567890123456789012345", 26);
    mb2_tag(14, "RSD PTR ", 8);
    mb2_tag(0, "", 0);
    size_t whole = used;
    for (uint32_t total = 0; total < whole; total++) {
        physical_clear();
        memcpy(block, &total, 4);
        physical_put(AT, block, MAX(total, 8u)); /* memory ends after `total` bytes */
        bool is_read = mb2_read();
        assert_int_equal(is_read, total >= 8);
        assert_non_null(info.damage);
    }
}

static void multiboot2__short_tags__are_skipped(void **state)
{
    (void)state;
    for (uint32_t type = 0; type < 20; type++) {
        physical_clear();
        mb2_begin();
        mb2_tag(type ? type : 21, "", 0);
        mb2_tag(type ? type : 21, "\1\2\3", 3);
        mb2_tag(1, "app=x", 6);
        mb2_end();
        assert_true(mb2_read());
        assert_int_equal(info.n_ranges + info.n_modules, 0);
        assert_string_equal(info.line, "app=x");
    }
}

static void multiboot2__entries_of_size_zero__are_refused(void **state)
{
    (void)state;
    uint32_t map[] = {0, 0, 0, 0, 0x1000, 0, 1, 0};
    mb2_begin();
    mb2_tag(6, map, sizeof map);
    mb2_end();
    assert_true(mb2_read());
    assert_non_null(info.damage);
    assert_int_equal(info.n_ranges, 0);
}

static void multiboot2__more_than_fits__is_counted(void **state)
{
    (void)state;
    static uint64_t map[1 + 3 * 300];
    map[0] = 24;
    for (size_t i = 0; i < 300; i++) {
        map[1 + 3 * i] = i << 16;
        map[2 + 3 * i] = 0x1000;
        map[3 + 3 * i] = 1;
    }
    static const uint32_t module[2] = {0x1000, 0x2000};
    char line[3000];
    memset(line, 'a', sizeof line);
    mb2_begin();
    mb2_tag(6, map, sizeof map);
    for (unsigned i = 0; i < 20; i++)
        mb2_tag(3, module, sizeof module);
    mb2_tag(1, line, sizeof line); /* without its NUL */
    mb2_end();
    assert_true(mb2_read());
    assert_int_equal(info.n_ranges, BOOTINFO_RANGES_MAX);
    assert_int_equal(info.n_modules, BOOTINFO_MODULES_MAX);
    assert_int_equal(info.n_lost, 300 - BOOTINFO_RANGES_MAX + 20 - BOOTINFO_MODULES_MAX);
    assert_int_equal(strlen(info.line), CMDLINE_BYTES_MAX);
}

static void ranges__more_than_fit__smallest_usable_are_dropped(void **state)
{
    (void)state;
    static uint64_t map[1 + 3 * 500];
    map[0] = 24;
    for (size_t i = 0; i < 500; i++) { /* 250 small RAM ranges, a large one, 249 reserved */
        map[1 + 3 * i] = i << 16;
        map[2 + 3 * i] = i == 250 ? 0x100000000 : 0x1000 + i;
        map[3 + 3 * i] = i <= 250 ? 1 : 2;
    }
    mb2_begin();
    mb2_tag(6, map, sizeof map);
    mb2_end();
    assert_true(mb2_read());
    assert_int_equal(info.n_ranges, BOOTINFO_RANGES_MAX);
    assert_int_equal(info.n_lost, 500 - BOOTINFO_RANGES_MAX);
    unsigned reserved = 0, whole = 0, largest = 0;
    for (unsigned i = 0; i < info.n_ranges; i++) {
        reserved += info.ranges[i].type == 2;
        whole += info.ranges[i].bytes == 0x100000000;
        largest += info.ranges[i].type == 1 && info.ranges[i].bytes - 0x1000 - 244 < 6;
    }
    assert_int_equal(reserved, 249);
    assert_int_equal(whole, 1);
    assert_int_equal(largest, 6);
}

static void ranges__that_wrap_or_are_empty__are_corrected(void **state)
{
    (void)state;
    uint64_t map[] = {24,     0x1000, 0, 1, UINT64_MAX - 0xFFF, 0x1000, 2, UINT64_MAX - 0xFFF,
                      0x1001, 1};
    mb2_begin();
    mb2_tag(6, map, sizeof map);
    uint32_t module[] = {5, 5};
    mb2_tag(3, module, sizeof module);
    mb2_end();
    assert_true(mb2_read());
    assert_int_equal(info.n_ranges, 2);
    assert_int_equal(info.ranges[0].bytes, 0x1000);
    assert_int_equal(info.ranges[1].bytes, 0x1000);
    assert_int_equal(info.n_modules, 0);
    assert_non_null(info.damage);
}

/* --- PVH --- */

struct start_info {
    uint32_t magic, version, flags, n_modules;
    uint64_t modules, line, rsdp, map;
    uint32_t n_map, reserved;
};

static const struct start_info pvh_good = {
    .magic = 0x336EC578,
    .version = 1,
    .n_modules = 1,
    .modules = 0x3000,
    .line = 0x1000,
    .rsdp = 0xF5870,
    .map = 0x2000,
    .n_map = 2,
};

static void pvh_lay(const struct start_info *start)
{
    static const struct {
        uint64_t start, bytes;
        uint32_t type, reserved;
    } map[2] = {{0, 0x9FC00, 1, 0}, {0x100000, 0x10000000, 1, 0}};
    static const uint64_t module[4] = {0x500000, 0x777, 0x1100, 0};
    physical_clear();
    physical_put(AT, start, sizeof *start);
    physical_put(0x1000, "app=forward", 12);
    physical_put(0x1100, "routes", 7);
    physical_put(0x2000, map, sizeof map);
    physical_put(0x3000, module, sizeof module);
}
static bool pvh_read(void)
{
    return bootinfo_read(0, AT, physical_look, &info);
}

static void pvh__complete_info__is_copied_out(void **state)
{
    (void)state;
    pvh_lay(&pvh_good);
    assert_true(pvh_read());
    assert_null(info.damage);
    assert_int_equal(info.path, BOOT_PVH);
    assert_string_equal(info.line, "app=forward");
    assert_int_equal(info.rsdp_paddr, 0xF5870);
    assert_int_equal(info.n_ranges, 2);
    assert_int_equal(info.ranges[1].bytes, 0x10000000);
    assert_int_equal(info.n_modules, 1);
    assert_int_equal(info.modules[0].bytes, 0x777);
    assert_string_equal(info.modules[0].name, "routes");
}

static void pvh__invalid_pointers__leave_the_rest_usable(void **state)
{
    (void)state;
    struct start_info bad = pvh_good;
    bad.line = 0xFFFFFFFFFFFFFFFF;
    bad.modules = 0xFFFFFFFFFFFFFFF0;
    pvh_lay(&bad);
    assert_true(pvh_read());
    assert_string_equal(info.line, "");
    assert_int_equal(info.n_modules, 0);
    assert_int_equal(info.n_ranges, 2);
    assert_non_null(info.damage);

    bad = pvh_good;
    bad.map = 0x777777;
    bad.n_map = 0xFFFFFFFF;
    pvh_lay(&bad);
    assert_true(pvh_read());
    assert_int_equal(info.n_ranges, 0);
    assert_string_equal(info.line, "app=forward");
    assert_non_null(info.damage);
}

static void pvh__unterminated_lists__end_with_memory(void **state)
{
    (void)state;
    struct start_info bad = pvh_good;
    bad.n_map = 0xFFFFFFFF;
    bad.n_modules = 0xFFFFFFFF;
    pvh_lay(&bad);
    assert_true(pvh_read());
    assert_int_equal(info.n_ranges, 2);
    assert_int_equal(info.n_modules, 1);
    assert_non_null(info.damage);
}

static void pvh__version_0__has_no_map_and_reports_it(void **state)
{
    (void)state;
    struct start_info old = pvh_good;
    old.version = 0;
    physical_put(AT, &old, 40); /* memory ends after it */
    physical_put(0x1000, "app=forward", 12);
    assert_true(pvh_read());
    assert_string_equal(info.line, "app=forward");
    assert_int_equal(info.n_ranges, 0);
    assert_non_null(info.damage);
}

static void pvh__unterminated_line__is_cut(void **state)
{
    (void)state;
    struct start_info start = pvh_good;
    start.line = 0x700000;
    pvh_lay(&start);
    char line[CMDLINE_BYTES_MAX + 100];
    memset(line, 'x', sizeof line);
    physical_put(0x700000, line, sizeof line);
    assert_true(pvh_read());
    assert_int_equal(strlen(info.line), CMDLINE_BYTES_MAX);
    start.line = 0x700000 + sizeof line - 10; /* reaches the end of memory */
    pvh_lay(&start);
    physical_put(0x700000, line, sizeof line);
    assert_true(pvh_read());
    assert_string_equal(info.line, "xxxxxxxxxx");
}

static void read__no_magic_or_no_memory__is_refused(void **state)
{
    (void)state;
    struct start_info bad = pvh_good;
    bad.magic = 0;
    pvh_lay(&bad);
    assert_false(pvh_read());
    physical_clear();
    assert_false(pvh_read());
    assert_false(mb2_read());
    assert_int_equal(info.path, BOOT_UNKNOWN);
    assert_int_equal(info.n_ranges, 0);
    assert_string_equal(info.line, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, clear, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(multiboot2__all_tags__are_copied_out),
        TEST(multiboot2__larger_map_entries__are_stepped_over),
        TEST(multiboot2__wrong_tag_lengths__end_the_walk),
        TEST(multiboot2__truncated_anywhere__is_reported),
        TEST(multiboot2__short_tags__are_skipped),
        TEST(multiboot2__entries_of_size_zero__are_refused),
        TEST(multiboot2__more_than_fits__is_counted),
        TEST(ranges__more_than_fit__smallest_usable_are_dropped),
        TEST(ranges__that_wrap_or_are_empty__are_corrected),
        TEST(pvh__complete_info__is_copied_out),
        TEST(pvh__invalid_pointers__leave_the_rest_usable),
        TEST(pvh__unterminated_lists__end_with_memory),
        TEST(pvh__version_0__has_no_map_and_reports_it),
        TEST(pvh__unterminated_line__is_cut),
        TEST(read__no_magic_or_no_memory__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
