/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/console/words.c: splitting with quotes and at the limits; finding the end of a command;
 * unique prefixes, whole words before longer ones, unknown, ambiguous and incomplete names;
 * completion; the sorted list within 80 columns; arguments that a usage text allows.
 *
 * links: kernel/console/words.c kernel/console/command.c kernel/lib/out.c kernel/lib/json.c
 * kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "kernel/console/words.h"
#include "tests/unit/kernel/kept_text.h"

static enum command_result nothing(const struct call *call)
{
    (void)call;
    return COMMAND_DONE;
}

/* Not sorted, as the linker leaves it. */
static const struct command table[] = {
    {"show ports", "[-j]", "ports", nothing},
    {"ping", "<address> [count]", "ping", nothing},
    {"show port", "<n> [-j]", "one port", nothing},
    {"set", "key value", "set", nothing},
    {"set port up", "", "up", nothing},
    {"help", "[words]", "help", nothing},
    {"show arp", "[-j]", "arp", nothing},
    {"poweroff", "", "off", nothing},
};
static const struct commands commands = {table, table + ARRAY_SIZE(table), NULL};

static void assert_split(const char *line, enum words_result result, unsigned n, const char *a,
                         const char *b)
{
    struct words w;
    assert_int_equal(words_split(&w, line, strlen(line)), result);
    assert_int_equal(w.n, n);
    if (n > 0)
        assert_string_equal(w.word[0], a);
    if (n > 1)
        assert_string_equal(w.word[1], b);
}

static void split__spaces_and_quotes__gives_words(void **state)
{
    (void)state;
    assert_split("", WORDS_OK, 0, NULL, NULL);
    assert_split("    ", WORDS_OK, 0, NULL, NULL);
    assert_split("a", WORDS_OK, 1, "a", NULL);
    assert_split("  a   b  ", WORDS_OK, 2, "a", "b");
    assert_split("\"a b\" c", WORDS_OK, 2, "a b", "c");
    assert_split("'a \"b' c", WORDS_OK, 2, "a \"b", "c");
    assert_split("\"it's\" x", WORDS_OK, 2, "it's", "x");
    assert_split("x=\"1 2\"'3 4'5 y", WORDS_OK, 2, "x=1 23 45", "y");
    assert_split("'' \"\"", WORDS_OK, 2, "", "");
    assert_split("a 'b c", WORDS_QUOTE, 2, "a", "b c");
    assert_split("a \"", WORDS_QUOTE, 2, "a", "");
}

static void split__longest_line_and_most_words__is_the_limit(void **state)
{
    struct words w;
    char line[WORDS_LINE_MAX + 2];
    (void)state;
    memset(line, 'x', sizeof(line));
    assert_int_equal(words_split(&w, line, WORDS_LINE_MAX), WORDS_OK);
    assert_int_equal(strlen(w.word[0]), WORDS_LINE_MAX);
    assert_int_equal(words_split(&w, line, WORDS_LINE_MAX + 1), WORDS_TOO_MANY);
    for (unsigned i = 1; i < sizeof(line); i += 2)
        line[i] = ' ';
    assert_int_equal(words_split(&w, line, WORDS_MAX * 2 - 1), WORDS_OK);
    assert_int_equal(w.n, WORDS_MAX);
    assert_int_equal(words_split(&w, line, WORDS_MAX * 2 + 1), WORDS_TOO_MANY);
    /* Densest line: single letters, so that every second byte becomes a NUL. */
    assert_int_equal(words_split(&w, line, WORDS_LINE_MAX), WORDS_TOO_MANY);
}

static void semicolon__in_quotes__does_not_end_a_command(void **state)
{
    (void)state;
    assert_int_equal(words_until_semicolon(""), 0);
    assert_int_equal(words_until_semicolon(";a"), 0);
    assert_int_equal(words_until_semicolon("ab;c"), 2);
    assert_int_equal(words_until_semicolon("a';'b;c"), 5);
    assert_int_equal(words_until_semicolon("a\"';\";c"), 5);
    assert_int_equal(words_until_semicolon("a';"), 3);
}

static void assert_match(enum match_result result, const char *name, unsigned words, const char *a,
                         const char *b, const char *c)
{
    const char *argv[] = {a, b, c};
    unsigned argc = (a != NULL) + (b != NULL) + (c != NULL);
    struct match m = words_match(&commands, argc, argv);
    assert_int_equal(m.result, result);
    assert_int_equal(m.words, words);
    if (name != NULL)
        assert_string_equal(m.command->name, name);
    else
        assert_null(m.command);
}

static void match__unique_prefixes__find_the_command(void **state)
{
    (void)state;
    assert_match(MATCH_OK, "show arp", 2, "show", "arp", NULL);
    assert_match(MATCH_OK, "show arp", 2, "sh", "a", "more");
    assert_match(MATCH_OK, "help", 1, "h", NULL, NULL);
    assert_match(MATCH_OK, "ping", 1, "pi", "192.0.2.1", "3");
    /* A whole word takes precedence over a longer one. */
    assert_match(MATCH_OK, "show port", 2, "sh", "port", "0");
    assert_match(MATCH_OK, "show ports", 2, "sh", "ports", NULL);
}

static void match__command_that_begins_others__takes_the_rest_as_arguments(void **state)
{
    (void)state;
    assert_match(MATCH_OK, "set", 1, "set", NULL, NULL);
    assert_match(MATCH_OK, "set", 1, "set", "key", "value");
    assert_match(MATCH_OK, "set", 1, "set", "p", NULL);
    assert_match(MATCH_OK, "set port up", 3, "set", "p", "u");
}

static void match__no_command__gives_the_reason(void **state)
{
    (void)state;
    assert_match(MATCH_INCOMPLETE, NULL, 0, NULL, NULL, NULL);
    assert_match(MATCH_INCOMPLETE, NULL, 1, "show", NULL, NULL);
    assert_match(MATCH_UNKNOWN, NULL, 0, "x", NULL, NULL);
    assert_match(MATCH_UNKNOWN, NULL, 0, "showx", "ports", NULL);
    assert_match(MATCH_UNKNOWN, NULL, 1, "show", "x", NULL);
    assert_match(MATCH_UNKNOWN, NULL, 1, "show", "portss", NULL);
    assert_match(MATCH_AMBIGUOUS, NULL, 0, "s", "ports", NULL);
    assert_match(MATCH_AMBIGUOUS, NULL, 0, "p", NULL, NULL);
    assert_match(MATCH_AMBIGUOUS, NULL, 1, "show", "p", NULL);
    assert_match(MATCH_AMBIGUOUS, NULL, 0, "", NULL, NULL);
}

static void match__empty_table__finds_no_command(void **state)
{
    const struct commands none = {table, table, NULL};
    const char *argv[] = {"help"};
    (void)state;
    assert_int_equal(words_match(&none, 1, argv).result, MATCH_UNKNOWN);
    assert_int_equal(words_complete(&none, 0, argv, "h").n, 0);
    assert_int_equal(words_list(&none, &out, 0, argv), 0);
}

static void assert_complete(unsigned argc, const char *before, const char *partial, unsigned n,
                            const char *letters)
{
    struct choice choice = words_complete(&commands, argc, &before, partial);
    assert_int_equal(choice.n, n);
    if (n == 0)
        return;
    assert_int_equal(choice.bytes, strlen(letters));
    assert_memory_equal(choice.letters, letters, choice.bytes);
}

static void complete__some_letters__gives_the_common_prefix(void **state)
{
    (void)state;
    assert_complete(0, NULL, "", 5, "");
    assert_complete(0, NULL, "s", 2, "s");
    assert_complete(0, NULL, "sh", 1, "show");
    assert_complete(0, NULL, "p", 2, "p");
    assert_complete(0, NULL, "po", 1, "poweroff");
    assert_complete(0, NULL, "x", 0, NULL);
    assert_complete(1, "sh", "p", 2, "port");
    assert_complete(1, "sh", "ports", 1, "ports");
    assert_complete(1, "sh", "", 3, "");
    assert_complete(1, "s", "", 0, NULL);
    assert_complete(1, "help", "", 0, NULL);
}

static void list__no_words__is_sorted_complete_and_narrow(void **state)
{
    static const char *const names[] = {"help",        "ping",     "poweroff",  "set",
                                        "set port up", "show arp", "show port", "show ports"};
    (void)state;
    used = 0;
    assert_int_equal(words_list(&commands, &out, 0, NULL), 8);
    char *line = text;
    for (unsigned i = 0; i < 8; i++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_true(end - line < 80);
        assert_memory_equal(line, "  ", 2);
        assert_memory_equal(line + 2, names[i], strlen(names[i]));
        assert_int_equal(line[2 + strlen(names[i])], ' ');
        line = end + 1;
    }
    assert_int_equal(*line, 0);
}

static void list__some_words__keeps_the_commands_they_begin(void **state)
{
    const char *argv[] = {"s", "po"};
    const char *args[] = {"ping", "192.0.2.1", "x"};
    (void)state;
    used = 0;
    assert_int_equal(words_list(&commands, &out, 2, argv), 4); /* set takes arguments */
    assert_int_equal(words_list(&commands, &out, 3, args), 1);
    assert_int_equal(words_list(&commands, &out, 1, (const char *[]){"zz"}), 0);
}

static void usage__each_form__is_recognized(void **state)
{
    (void)state;
    assert_false(usage_has_json(""));
    assert_true(usage_has_json("[-j]"));
    assert_true(usage_has_json("[count] [-j]"));
    assert_false(usage_has_json("[count]"));
    assert_false(usage_has_words(""));
    assert_false(usage_has_words("[-j]"));
    assert_false(usage_has_words(" [-j]   [-j] "));
    assert_true(usage_has_words(" x"));
    assert_true(usage_has_words("[count] [-j]"));
    assert_true(usage_has_words("<a>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split__spaces_and_quotes__gives_words),
        cmocka_unit_test(split__longest_line_and_most_words__is_the_limit),
        cmocka_unit_test(semicolon__in_quotes__does_not_end_a_command),
        cmocka_unit_test(match__unique_prefixes__find_the_command),
        cmocka_unit_test(match__command_that_begins_others__takes_the_rest_as_arguments),
        cmocka_unit_test(match__no_command__gives_the_reason),
        cmocka_unit_test(match__empty_table__finds_no_command),
        cmocka_unit_test(complete__some_letters__gives_the_common_prefix),
        cmocka_unit_test(list__no_words__is_sorted_complete_and_narrow),
        cmocka_unit_test(list__some_words__keeps_the_commands_they_begin),
        cmocka_unit_test(usage__each_form__is_recognized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
