/* SPDX-License-Identifier: BSD-2-Clause
 * boot/console_key.c: the forms of console= that Linux takes, and words that look like them.
 *
 * links: boot/console_key.c kernel/lib/parse.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/console_key.h"

static void parse__forms_that_linux_takes__are_read(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        struct console_key key;
    } rows[] = {
        {"ttyS0", {.base = 0x3F8, .baud = 115200}},
        {"ttyS1,9600", {.base = 0x2F8, .baud = 9600}},
        {"ttyS2,115200n8", {.base = 0x3E8, .baud = 115200}},
        {"ttyS3,300n8", {.base = 0x2E8, .baud = 300}},
        {"uart,io,0x3f8", {.base = 0x3F8, .bytes = 1}},
        {"uart8250,io,0xE000,57600n8", {.base = 0xE000, .bytes = 1, .baud = 57600}},
        {"uart,mmio,0xfe030000", {CONSOLE_MEMORY, .base = 0xFE030000, .bytes = 1}},
        {"uart,mmio16,0xfe030002,1200",
         {CONSOLE_MEMORY, .base = 0xFE030002, .bytes = 2, .baud = 1200}},
        {"uart,mmio32,0x10fe030000,115200n8",
         {CONSOLE_MEMORY, .base = 0x10FE030000, .bytes = 4, .baud = 115200}},
        {"pciserial", {CONSOLE_PCI, .is_any = true}},
        {"pciserial,9600n8", {CONSOLE_PCI, .is_any = true, .baud = 9600}},
        {"pciserial,00:16.3", {CONSOLE_PCI, .device = 0x16, .function = 3}},
        {"pciserial,Fe:1f.7,115200",
         {CONSOLE_PCI, .bus = 0xFE, .device = 0x1F, .function = 7, .baud = 115200}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct console_key key;
        memset(&key, 0, sizeof key);
        assert_true(console_key_parse(rows[i].value, &key));
        assert_int_equal(key.where, rows[i].key.where);
        assert_int_equal(key.base, rows[i].key.base);
        assert_int_equal(key.bytes, rows[i].key.bytes);
        assert_int_equal(key.is_any, rows[i].key.is_any);
        assert_int_equal(key.bus, rows[i].key.bus);
        assert_int_equal(key.device, rows[i].key.device);
        assert_int_equal(key.function, rows[i].key.function);
        assert_int_equal(key.baud, rows[i].key.baud);
    }
}

static void parse__other_words__are_refused(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        ",",
        "ttyS",
        "ttyS4",
        "ttyS0,",
        "ttyS0,0",
        "ttyS0,115201",
        "ttyS0,230400",
        "ttyS0x",
        "ttyS00",
        "tty0",
        "ttyS0,115200e8",
        "ttyS0,115200n7",
        "ttyS0,115200n8r",
        "ttyS0,n8",
        "ttyS0,9600,9600",
        "uart",
        "uart,",
        "uart,io",
        "uart,io,",
        "uart,io,0",
        "uart,io,0xfff9",
        "uart,0x3f8",
        "uart,mmio,0",
        "uart,mmio16,0xfe030001",
        "uart,mmio32,0xfe030002",
        "uart,mmio64,0xfe030000",
        "uart,mmio32,fe030000",
        "uart,io,0x3f8,",
        "pciserial,",
        "pciserial,0:32.0",
        "pciserial,00:1f.8",
        "pciserial,100:1.0",
        "pciserial,00:16.3,",
        "pciserial,00:16",
        "pciserial,00:16.3,9600,1",
        "hvc0",
        "uart,io,0x3f8,9600uart,io,0x3f8,9600uart,io,0x3f8,9600uart,io,0x3f8,9600",
    };
    struct console_key key = {.base = 0x5A};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (console_key_parse(values[i], &key))
            fail_msg("%s was taken", values[i]);
    assert_int_equal(key.base, 0x5A);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__forms_that_linux_takes__are_read),
        cmocka_unit_test(parse__other_words__are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
