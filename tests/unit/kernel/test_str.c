/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/lib/str.c compared with the C library: every length up to 200 and every alignment for
 * copies, fills and overlaps, each in a block of exactly that size; the rest over a table of pairs.
 *
 * The file is included with its functions renamed, since a program has one memcpy. links:
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy  our_memcpy
#define memmove our_memmove
#define memset  our_memset
#define memcmp  our_memcmp
#define strlen  our_strlen
#define strnlen our_strnlen
#define strcmp  our_strcmp
#define strncmp our_strncmp
#define strchr  our_strchr
#include "kernel/lib/str.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define LENGTHS 200

static uint8_t *numbered(size_t n, uint8_t first)
{
    uint8_t *p = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(first + i * 7);
    return p;
}

static void copy__every_length_and_alignment__equals_the_c_library(void **state)
{
    (void)state;
    for (size_t n = 0; n < LENGTHS; n++)
        for (size_t shift = 0; shift < 8; shift++) {
            uint8_t *from = numbered(n + shift, 1), *to = calloc(1, n + 8 - shift);
            uint8_t *d = to + (7 - shift);
            assert_ptr_equal(our_memcpy(d, from + shift, n), d);
            assert_memory_equal(d, from + shift, n);
            for (size_t i = 0; i < 7 - shift; i++)
                assert_int_equal(to[i], 0);
            assert_int_equal(d[n], 0);
            free(from);
            free(to);
        }
}

static void move__every_overlap__equals_the_c_library(void **state)
{
    (void)state;
    for (size_t n = 0; n < 80; n++)
        for (size_t from = 0; from < 40; from++)
            for (size_t to = 0; to < 40; to += 3) {
                size_t all = n + 40;
                uint8_t *ours = numbered(all, 3), *theirs = numbered(all, 3);
                our_memmove(ours + to, ours + from, n);
                memmove(theirs + to, theirs + from, n);
                assert_memory_equal(ours, theirs, all);
                free(ours);
                free(theirs);
            }
}

static void fill__every_length__stays_inside(void **state)
{
    (void)state;
    for (size_t n = 0; n < LENGTHS; n++)
        for (size_t shift = 0; shift < 8; shift++) {
            uint8_t *ours = numbered(n + shift, 5), *theirs = numbered(n + shift, 5);
            assert_ptr_equal(our_memset(ours + shift, 0x1A5, n), ours + shift);
            memset(theirs + shift, 0xA5, n);
            assert_memory_equal(ours, theirs, n + shift);
            free(ours);
            free(theirs);
        }
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void compare__pairs__have_the_c_librarys_sign(void **state)
{
    (void)state;
    static const char *const words[] = {"", "a", "b", "ab", "abc", "abd", "ab\xFF", "\x80"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        for (size_t j = 0; j < ARRAY_SIZE(words); j++) {
            const char *a = words[i], *b = words[j];
            assert_int_equal(sign(our_strcmp(a, b)), sign(strcmp(a, b)));
            for (size_t n = 0; n < 5; n++)
                assert_int_equal(sign(our_strncmp(a, b, n)), sign(strncmp(a, b, n)));
            size_t shorter = MIN(strlen(a), strlen(b));
            assert_int_equal(sign(our_memcmp(a, b, shorter)), sign(memcmp(a, b, shorter)));
        }
}

static void length_and_search__text__equals_the_c_library(void **state)
{
    (void)state;
    static const char *const words[] = {"", "a", "key=value=x", "\xFFz"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        assert_int_equal(our_strlen(words[i]), strlen(words[i]));
        for (size_t max = 0; max < 15; max++)
            assert_int_equal(our_strnlen(words[i], max), strnlen(words[i], max));
        for (int c = 0; c < 256; c++)
            assert_ptr_equal(our_strchr(words[i], c), strchr(words[i], c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy__every_length_and_alignment__equals_the_c_library),
        cmocka_unit_test(move__every_overlap__equals_the_c_library),
        cmocka_unit_test(fill__every_length__stays_inside),
        cmocka_unit_test(compare__pairs__have_the_c_librarys_sign),
        cmocka_unit_test(length_and_search__text__equals_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
