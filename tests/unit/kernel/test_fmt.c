/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/lib/fmt.c. Every conversion it shares with C is compared with the C library's over widths,
 * flags and limits; then its own forms, cut text, and appended text.
 *
 * links: kernel/lib/fmt.c
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/lib/fmt.h"

#define SAME(...)                                                                                  \
    do {                                                                                           \
        char ours[256], theirs[256];                                                               \
        size_t n = fmt_print(ours, sizeof ours, __VA_ARGS__);                                      \
        snprintf(theirs, sizeof theirs, __VA_ARGS__);                                              \
        assert_string_equal(ours, theirs);                                                         \
        assert_int_equal(n, strlen(theirs));                                                       \
    } while (0)

#define GIVES(wanted, ...)                                                                         \
    do {                                                                                           \
        char ours[256];                                                                            \
        fmt_print(ours, sizeof ours, __VA_ARGS__);                                                 \
        assert_string_equal(ours, wanted);                                                         \
    } while (0)

static void print__integers__equal_the_c_library(void **state)
{
    (void)state;
    static const int64_t values[] = {0,    1,     -1,      9,       10,        255,
                                     -256, 65535, INT_MAX, INT_MIN, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        int v = (int)values[i];
        unsigned u = (unsigned)v;
        SAME("%d|%i|%5d|%-5d|%05d|%+d|%+05d|%-+7d|", v, v, v, v, v, v, v, v);
        SAME("%u|%x|%X|%08x|%-8x|%12u|%012u|", u, u, u, u, u, u, u);
        SAME("%ld|%lu|%lx|%lX|%020ld|%-20lu|", values[i], (uint64_t)values[i], (uint64_t)values[i],
             (uint64_t)values[i], values[i], (uint64_t)values[i]);
        SAME("%lld|%llx|%zu|%zx|", (long long)values[i], (unsigned long long)values[i],
             (size_t)values[i], (size_t)values[i]);
        SAME("%hd|%hu|%hhd|%hhu|%hhx|", (short)v, (unsigned short)v, (signed char)v,
             (unsigned char)v, (unsigned char)v);
        SAME("%*d|%-*d|%*d|", 9, v, 9, v, -9, v);
    }
}

static void print__strings__equal_the_c_library(void **state)
{
    (void)state;
    SAME("%s|%8s|%-8s|%.2s|%.0s|%8.2s|%-8.2s|", "abc", "abc", "abc", "abc", "abc", "abc", "abc");
    SAME("%.*s|%.*s|%*.*s|", 2, "abc", -1, "abc", 6, 2, "abc");
    SAME("%c|%3c|%-3c|%%|", 'x', 'y', 'z');
    SAME("%s", "");
}

static void print__precision__bounds_what_is_read(void **state)
{
    (void)state;
    char *text = malloc(3); /* no NUL */
    memcpy(text, "abc", 3);
    GIVES("abc|ab", "%.3s|%.2s", text, text);
    free(text);
}

static void print__own_forms__are_as_documented(void **state)
{
    (void)state;
    static const uint8_t mac[] = {0x02, 0x00, 0x5E, 0x10, 0xAB, 0xFF};
    static const uint8_t ip[] = {192, 0, 2, 254};
    GIVES("02:00:5e:10:ab:ff", "%pM", mac);
    GIVES("192.0.2.254", "%pI4", ip);
    GIVES("     192.0.2.254|192.0.2.254     |", "%16pI4|%-16pI4|", ip, ip);
    GIVES("0x0000000000001234", "%p", (void *)0x1234);
    GIVES("0x0000000000000000 is null", "%p is null", NULL);
}

static void print__null_string_or_unknown_conversion__is_shown_literally(void **state)
{
    (void)state;
    const char *volatile null = NULL;
    const char *volatile odd = "%q %", *volatile star = "%5";
    GIVES("(null)", "%s", null);
    char ours[64];
    fmt_print(ours, sizeof ours, odd);
    assert_string_equal(ours, "%q %");
    fmt_print(ours, sizeof ours, star);
    assert_string_equal(ours, "%5");
}

static void print__short_buffer__is_cut_and_ended(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 12; n++) {
        char *buf = malloc(n);
        size_t len = fmt_print(buf, n, "%s-%d", "abcde", 12345);
        assert_int_equal(len, n - 1 < 11 ? n - 1 : 11);
        assert_int_equal(strlen(buf), len);
        assert_int_equal(memcmp(buf, "abcde-12345", len), 0);
        free(buf);
    }
}

static void append__text_after_text__stays_within_the_buffer(void **state)
{
    (void)state;
    char buf[8] = "abc";
    assert_int_equal(fmt_append(buf, sizeof buf, "%d", 12), 5);
    assert_string_equal(buf, "abc12");
    assert_int_equal(fmt_append(buf, sizeof buf, "%d", 3456), 7);
    assert_string_equal(buf, "abc1234");
    assert_int_equal(fmt_append(buf, sizeof buf, "x"), 7);
    assert_string_equal(buf, "abc1234");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print__integers__equal_the_c_library),
        cmocka_unit_test(print__strings__equal_the_c_library),
        cmocka_unit_test(print__precision__bounds_what_is_read),
        cmocka_unit_test(print__own_forms__are_as_documented),
        cmocka_unit_test(print__null_string_or_unknown_conversion__is_shown_literally),
        cmocka_unit_test(print__short_buffer__is_cut_and_ended),
        cmocka_unit_test(append__text_after_text__stays_within_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
