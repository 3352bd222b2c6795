/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/console/shell.c with commands that give way while they print: input that is read
 * meanwhile, ^C, log lines.
 *
 * links: kernel/console/shell.c kernel/console/words.c kernel/lib/json.c kernel/lib/out.c
 * kernel/console/command.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/console/shell.h"
#include "tests/unit/kernel/terminal.h"

#define PROMPT "ferrule> "

static struct terminal terminal;
static const struct out out = {terminal_write, &terminal};
static struct shell sh;

static enum command_result say(const struct call *call)
{
    out_printf(call->out, "say [%s]\n", call->argv[0]);
    return COMMAND_DONE;
}

/* Gives way to the console between two lines, which may read input. */
static void (*give_way)(void);
static enum command_result lines(const struct call *call)
{
    out_text(call->out, "one\n");
    if (give_way)
        give_way();
    out_text(call->out, "two\n");
    return COMMAND_DONE;
}

static const struct command table[] = {
    {"say", "word", "says the word", say},
    {"lines", "[-j]", "two lines", lines},
};
static const struct commands commands = {table, table + ARRAY_SIZE(table), NULL};

static void settle(void)
{
    for (unsigned i = 0; i < 10000 && shell_poll(&sh); i++)
        ;
}

static void feed(const char *keys)
{
    for (; *keys != 0; keys++)
        shell_feed(&sh, (uint8_t)*keys);
}

static void assert_printed(const char *want)
{
    assert_string_equal(terminal.bytes > 0 ? terminal.text : "", want);
}

static void start(void **state)
{
    (void)state;
    terminal_clear(&terminal);
    shell_init(&sh, &commands, &out, PROMPT);
    assert_true(shell_start(&sh, NULL, NULL));
    settle();
}

static void feed_interrupt(void)
{
    assert_true(shell_is_printing(&sh));
    feed("typed before\x03");
}

/* Its output is cut off by the console, which sees is_interrupted; the shell ends the line. */
static void command__interrupted_while_it_prints__stops_the_line(void **state)
{
    start(state);
    give_way = feed_interrupt;
    feed("lines; say after\n");
    settle();
    assert_printed(PROMPT "lines; say after\none\ntwo\n^C\nnot run: say after\n");
    terminal_clear(&terminal);
    feed("lines -j\n");
    settle();
    assert_non_null(strstr(terminal.text, "one\ntwo\n"));
    assert_null(strstr(terminal.text, "^C"));
    give_way = NULL;
    feed("say again\n");
    settle();
    assert_non_null(strstr(terminal.text, "say [again]\n"));
}

static void log_and_type(void)
{
    shell_interject(&sh, "12.3 a log line\n", 16);
    feed("say b\n");
}

static void command__that_gives_way__lets_log_lines_between_its_lines(void **state)
{
    start(state);
    give_way = log_and_type;
    feed("lines\n");
    settle();
    give_way = NULL;
    assert_printed(PROMPT "lines\none\n12.3 a log line\ntwo\n" PROMPT "say b\nsay [b]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command__interrupted_while_it_prints__stops_the_line),
        cmocka_unit_test(command__that_gives_way__lets_log_lines_between_its_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
