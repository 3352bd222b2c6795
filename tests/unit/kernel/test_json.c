/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/lib/json.c: commas, nesting, numbers, the escape of every byte, too deep a nesting; each
 * line closes all that it opened.
 *
 * links: kernel/lib/json.c kernel/console/command.c kernel/lib/out.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "kernel/console/command.h"
#include "kernel/lib/json.h"
#include "tests/unit/kernel/kept_text.h"

static int empty(void **state)
{
    (void)state;
    used = 0;
    text[0] = 0;
    return 0;
}

static void line__no_values__is_an_empty_object(void **state)
{
    struct json j;
    (void)state;
    json_begin(&j, &out);
    json_line(&j);
    assert_string_equal(text, "{}\n");
}

static void line__all_kinds_nested__puts_commas_between_values_only(void **state)
{
    struct json j;
    (void)state;
    json_begin(&j, &out);
    json_string(&j, "port", "port0");
    json_u64(&j, "n", 0);
    json_object(&j, "drops");
    json_end(&j);
    json_array(&j, "a");
    json_u64(&j, NULL, 1);
    json_bool(&j, NULL, true);
    json_array(&j, NULL);
    json_end(&j);
    json_object(&j, NULL);
    json_bool(&j, "x", false);
    json_string(&j, "y", NULL);
    json_end(&j);
    json_end(&j);
    json_u64(&j, "last", 18446744073709551615ull);
    json_line(&j);
    assert_string_equal(text, "{\"port\":\"port0\",\"n\":0,\"drops\":{},\"a\":[1,true,[],"
                              "{\"x\":false,\"y\":null}],\"last\":18446744073709551615}\n");
}

static void line__levels_left_open__closes_them(void **state)
{
    struct json j;
    (void)state;
    json_begin(&j, &out);
    json_array(&j, "a");
    json_object(&j, NULL);
    json_line(&j);
    assert_string_equal(text, "{\"a\":[{}]}\n");
    json_end(&j); /* nothing is open: no effect */
    assert_string_equal(text, "{\"a\":[{}]}\n");
}

static void u64__powers_of_ten_and_neighbours__prints_all_digits(void **state)
{
    (void)state;
    for (uint64_t p = 1;; p *= 10) {
        for (uint64_t v = p - 1; v <= p + 1; v++) {
            char want[64];
            struct json j;
            used = 0;
            json_begin(&j, &out);
            json_u64(&j, "v", v);
            json_line(&j);
            snprintf(want, sizeof(want), "{\"v\":%llu}\n", (unsigned long long)v);
            assert_string_equal(text, want);
        }
        if (p == 10000000000000000000ull)
            break;
    }
}

static void string__each_byte__is_escaped_as_the_grammar_requires(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char want[64];
        struct json j;
        used = 0;
        json_begin(&j, &out);
        json_string(&j, "k", (char[]){'a', (char)c, 'b', 0});
        json_line(&j);
        if (c == '"' || c == '\\')
            snprintf(want, sizeof(want), "{\"k\":\"a\\%cb\"}\n", c);
        else if (c == '\n')
            snprintf(want, sizeof(want), "{\"k\":\"a\\nb\"}\n");
        else if (c < 0x20 || c >= 0x7F)
            snprintf(want, sizeof(want), "{\"k\":\"a\\u%04xb\"}\n", c);
        else
            snprintf(want, sizeof(want), "{\"k\":\"a%cb\"}\n", c);
        assert_string_equal(text, want);
    }
}

static void object__deeper_than_the_limit__stays_well_formed(void **state)
{
    struct json j;
    (void)state;
    json_begin(&j, &out);
    for (unsigned i = 0; i < JSON_DEPTH_MAX + 3; i++)
        json_object(&j, "o");
    json_line(&j);
    unsigned opened = 0, closed = 0;
    for (size_t i = 0; i < used; i++) {
        opened += text[i] == '{';
        closed += text[i] == '}';
    }
    assert_int_equal(opened, JSON_DEPTH_MAX);
    assert_int_equal(closed, JSON_DEPTH_MAX);
    assert_non_null(strstr(text, "{\"o\":null,\"o\":null,\"o\":null,\"o\":null}"));
}

/* Written in pieces: no character is lost or escaped where they meet, and a quote may be there. */
static void string__of_any_length__is_unchanged(void **state)
{
    (void)state;
    for (size_t n = 0; n < 400; n++) {
        char plain[401], want[420];
        struct json j;

        for (size_t i = 0; i < n; i++)
            plain[i] = (char)('a' + i % 26);
        plain[n] = 0;
        used = 0;
        json_begin(&j, &out);
        json_string(&j, "v", plain);
        json_line(&j);
        snprintf(want, sizeof(want), "{\"v\":\"%s\"}\n", plain);
        assert_string_equal(text, want);
        if (n == 0)
            continue;
        plain[n - 1] = '"';
        used = 0;
        json_begin(&j, &out);
        json_string(&j, "v", plain);
        json_line(&j);
        snprintf(want, sizeof(want), "{\"v\":\"%.*s\\\"\"}\n", (int)n - 1, plain);
        assert_string_equal(text, want);
    }
}

static void fail__with_and_without_json__is_one_line(void **state)
{
    struct call call = {.out = &out};
    (void)state;
    assert_int_equal(command_fail(&call, "no %s", "\"x\""), COMMAND_FAILED);
    assert_string_equal(text, "no \"x\"\n");
    used = 0;
    call.json = true;
    assert_int_equal(command_fail(&call, "no %s", "\"x\""), COMMAND_FAILED);
    assert_string_equal(text, "{\"error\":\"no \\\"x\\\"\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(line__no_values__is_an_empty_object, empty),
        cmocka_unit_test_setup(line__all_kinds_nested__puts_commas_between_values_only, empty),
        cmocka_unit_test_setup(line__levels_left_open__closes_them, empty),
        cmocka_unit_test_setup(u64__powers_of_ten_and_neighbours__prints_all_digits, empty),
        cmocka_unit_test_setup(string__each_byte__is_escaped_as_the_grammar_requires, empty),
        cmocka_unit_test_setup(string__of_any_length__is_unchanged, empty),
        cmocka_unit_test_setup(object__deeper_than_the_limit__stays_well_formed, empty),
        cmocka_unit_test_setup(fail__with_and_without_json__is_one_line, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
