/* SPDX-License-Identifier: BSD-2-Clause
 * boot/efi/text.c: load options as the shell, firmware's menus and efibootmgr pass them; options
 * that are not text; ferrule.cfg with comments, modules, line ends of every kind, lines too long.
 *
 * links: boot/efi/text.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <uchar.h>

#include <cmocka.h>

#include "boot/efi/text.h"

static char line[64];
static char modules[128];

static void keep_module(void *context, const char *words)
{
    assert_ptr_equal(context, modules);
    strcat(modules, words);
    strcat(modules, "|");
}

static void config(const char *text)
{
    modules[0] = 0;
    text_from_config(text, strlen(text), line, sizeof line, keep_module, modules);
}

static void options__of_the_shell__lose_the_program_name(void **state)
{
    (void)state;
    static const char16_t given[] = u"FS0:\\FERRULE.EFI  app=forward cpus=2";
    assert_true(text_from_options(given, sizeof given, line, sizeof line));
    assert_string_equal(line, "app=forward cpus=2");
}

static void options__name_alone__are_empty(void **state)
{
    (void)state;
    static const char16_t given[] = u"FERRULE.EFI ";
    assert_false(text_from_options(given, sizeof given, line, sizeof line));
    assert_string_equal(line, "");
    assert_false(text_from_options(NULL, 0, line, sizeof line));
}

static void options__without_nul_or_in_ascii__are_read(void **state)
{
    (void)state;
    static const char16_t wide[] = u"app=echo";
    assert_true(text_from_options(wide, sizeof wide - 2, line, sizeof line));
    assert_string_equal(line, "app=echo");
    assert_true(text_from_options("app=sink", 8, line, sizeof line));
    assert_string_equal(line, "app=sink");
}

static void options__not_text__are_ignored(void **state)
{
    (void)state;
    static const uint8_t guid[16] = {0x4E, 0xAC, 0x08, 0x81, 0x11, 0x9F, 0x59, 0x4D};
    assert_false(text_from_options(guid, sizeof guid, line, sizeof line));
    assert_string_equal(line, "");
    assert_false(text_from_options("\xE4=1", 3, line, sizeof line));
    assert_string_equal(line, "");
}

static void options__too_long__are_cut(void **state)
{
    (void)state;
    char given[200];
    memset(given, '=', sizeof given);
    assert_true(text_from_options(given, sizeof given, line, sizeof line));
    assert_int_equal(strlen(line), sizeof line - 1);
}

static void config__lines__are_joined_without_comments(void **state)
{
    (void)state;
    config("\xEF\xBB\xBF# ferrule\r\n\r\n  app=forward  \r\n\t# no\r\ncpus=2 poll=always");
    assert_string_equal(line, "app=forward cpus=2 poll=always");
    config("");
    assert_string_equal(line, "");
    config("\n\n#\n");
    assert_string_equal(line, "");
}

static void config__modules__are_handed_over_in_order(void **state)
{
    (void)state;
    config("module=routes.txt full table\napp=route\nmodule=b\n");
    assert_string_equal(line, "app=route");
    assert_string_equal(modules, "routes.txt full table|b|");
}

static void config__too_long__is_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'a', sizeof text);
    text_from_config(text, sizeof text, line, sizeof line, keep_module, modules);
    assert_int_equal(strlen(line), sizeof line - 1);
}

static void config__line_of_the_greatest_length__is_whole(void **state)
{
    (void)state;
    static char text[2048], whole[2049];
    memset(text, 'a', sizeof text - 1);
    text_from_config(text, sizeof text, whole, sizeof whole, keep_module, modules);
    assert_string_equal(whole, text);
}

static void module__words__are_file_and_name(void **state)
{
    (void)state;
    char file[8], name[12];
    text_module("routes.txt full table", file, sizeof file, name, sizeof name);
    assert_string_equal(file, "routes.");
    assert_string_equal(name, "full table");
    text_module("a", file, sizeof file, name, sizeof name);
    assert_string_equal(name, "a");
    text_module("", file, sizeof file, name, sizeof name);
    assert_string_equal(file, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options__of_the_shell__lose_the_program_name),
        cmocka_unit_test(options__name_alone__are_empty),
        cmocka_unit_test(options__without_nul_or_in_ascii__are_read),
        cmocka_unit_test(options__not_text__are_ignored),
        cmocka_unit_test(options__too_long__are_cut),
        cmocka_unit_test(config__lines__are_joined_without_comments),
        cmocka_unit_test(config__modules__are_handed_over_in_order),
        cmocka_unit_test(config__too_long__is_cut),
        cmocka_unit_test(config__line_of_the_greatest_length__is_whole),
        cmocka_unit_test(module__words__are_file_and_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
