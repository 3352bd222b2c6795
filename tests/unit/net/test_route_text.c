/* SPDX-License-Identifier: BSD-2-Clause
 * Route files: each form of a line, blanks, comments and line ends; the error and the number of
 * each wrong line; files truncated anywhere.
 */
/* links: net/route/text.c kernel/lib/parse.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/route/text.h"

static struct route_text text;
static struct route_line line;
static const char *wrong;
static char *copy;

/* Begin with a copy of exactly the text's bytes: ASan detects an overrun. */
static void begin(const char *words)
{
    free(copy);
    size_t n = strlen(words);
    copy = malloc(n ? n : 1);
    memcpy(copy, words, n);
    text = (struct route_text){.at = copy, .bytes = n};
}

static void assert_route(uint32_t number, uint32_t prefix, unsigned bits)
{
    assert_true(route_text_next(&text, &line, &wrong));
    assert_null(wrong);
    assert_int_equal(text.number, number);
    assert_int_equal(line.prefix, prefix);
    assert_int_equal(line.bits, bits);
}

static void lines__each_form__is_read(void **state)
{
    (void)state;
    begin("10.0.0.0/8 192.0.2.254\n"
          "\t203.0.113.0/24\t port1  \r\n"
          "\n   \n# all of it\n"
          "198.18.0.0/15 reject# no blank before\n"
          "0.0.0.0/0 192.0.2.1 # default\n"
          "192.0.2.77 port0");
    assert_route(1, 0x0A000000, 8);
    assert_int_equal(line.via, ROUTE_VIA_GATEWAY);
    assert_int_equal(line.gateway, 0xC00002FE);
    assert_route(2, 0xCB007100, 24);
    assert_int_equal(line.via, ROUTE_VIA_PORT);
    assert_int_equal(line.port, 1);
    assert_route(6, 0xC6120000, 15);
    assert_int_equal(line.via, ROUTE_VIA_REJECT);
    assert_route(7, 0, 0);
    assert_route(8, 0xC000024D, 32);
    assert_false(route_text_next(&text, &line, &wrong));
}

static void lines__wrong__give_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *words, *why;
    } bad[] = {
        {"10.0.0.0/33 192.0.2.1", "the prefix is invalid; expected A.B.C.D/BITS"},
        {"10.0.0/8 192.0.2.1", "the prefix is invalid; expected A.B.C.D/BITS"},
        {"10.0.0.1/8 192.0.2.1", "bits are set after the prefix"},
        {"0.0.0.1/0 192.0.2.1", "bits are set after the prefix"},
        {"10.0.0.0/8", "the gateway is missing"},
        {"10.0.0.0/8 # 192.0.2.1", "the gateway is missing"},
        {"10.0.0.0/8 192.0.2",
         "the gateway is invalid; expected an address, portN, portN.VLAN or reject"},
        {"10.0.0.0/8 port",
         "the gateway is invalid; expected an address, portN, portN.VLAN or reject"},
        {"10.0.0.0/8 port32",
         "the gateway is invalid; expected an address, portN, portN.VLAN or reject"},
        {"10.0.0.0/8 192.0.2.1 metric", "excess words after the gateway"},
        {"10.0.0.0/8000000000000000000000000000000 192.0.2.1",
         "the prefix is invalid; expected A.B.C.D/BITS"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        begin(bad[i].words);
        assert_true(route_text_next(&text, &line, &wrong));
        assert_non_null(wrong);
        assert_string_equal(wrong, bad[i].why);
        assert_false(route_text_next(&text, &line, &wrong));
    }
}

static void file__truncated_anywhere__ends_there(void **state)
{
    (void)state;
    char whole[] = "10.0.0.0/8 192.0.2.254\n# x\n203.0.113.0/24 port1\n";

    for (size_t n = sizeof(whole) - 1; n-- > 0;) {
        whole[n] = 0;
        begin(whole);
        unsigned lines = 0;
        while (route_text_next(&text, &line, &wrong))
            lines++;
        assert_true(lines <= 2 && text.bytes == 0);
    }
}

static void file__bytes_that_are_no_text__are_wrong_lines(void **state)
{
    (void)state;
    static const char bytes[] = "\0\xFF\0 \0\n10.0.0.0/8 \0\n";

    text = (struct route_text){.at = bytes, .bytes = sizeof(bytes) - 1};
    for (unsigned i = 1; i <= 2; i++) {
        assert_true(route_text_next(&text, &line, &wrong));
        assert_non_null(wrong);
        assert_int_equal(text.number, i);
    }
    assert_false(route_text_next(&text, &line, &wrong));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines__each_form__is_read),
        cmocka_unit_test(lines__wrong__give_the_reason),
        cmocka_unit_test(file__truncated_anywhere__ends_there),
        cmocka_unit_test(file__bytes_that_are_no_text__are_wrong_lines),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);

    free(copy);
    return result;
}
