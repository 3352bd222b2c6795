/* SPDX-License-Identifier: BSD-2-Clause
 * kernel/console/shell.c with a small terminal: each editing key, escape sequences complete,
 * truncated and unknown, lines longer than the window and than the buffer, history, Tab and ?,
 * Enter in all its forms; several commands in a line, -j, arguments, each refusal; scripts that
 * stop at the first error; jobs that wait, end, fail and are interrupted; type-ahead; log text
 * during editing; random bytes.
 *
 * links: kernel/console/shell.c kernel/console/words.c kernel/lib/json.c kernel/lib/out.c
 * kernel/console/command.c kernel/lib/fmt.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kernel/console/shell.h"
#include "tests/unit/kernel/terminal.h"

#define UP     "\033[A"
#define DOWN   "\033[B"
#define RIGHT  "\033[C"
#define LEFT   "\033[D"
#define PROMPT "ferrule> "

static struct terminal terminal;
static const struct out out = {terminal_write, &terminal};
static struct shell sh;

/* ---- Commands of the test; say prints its arguments ---- */

static enum command_result say(const struct call *call)
{
    out_printf(call->out, "say%s", call->json ? " -j" : "");
    for (unsigned i = 0; i < call->argc; i++)
        out_printf(call->out, " [%s]", call->argv[i]);
    out_text(call->out, "\n");
    return COMMAND_DONE;
}

static enum command_result quiet(const struct call *call)
{
    (void)call;
    return COMMAND_DONE;
}

static enum command_result broken(const struct call *call)
{
    return command_fail(call, "it is broken");
}

static unsigned waits_left, interrupts;
static enum command_result wait_result;

static enum command_result wait_poll(struct job *job, bool is_interrupted)
{
    if (is_interrupted) {
        interrupts++;
        out_text(job->out, "ended early\n");
        return COMMAND_WAITS; /* not polled again */
    }
    if (waits_left-- > 0)
        return COMMAND_WAITS;
    out_text(job->out, job->json ? "{}\n" : "waited\n");
    return wait_result;
}

static enum command_result wait(const struct call *call)
{
    call->job->poll = wait_poll;
    out_text(call->out, "waiting\n");
    return COMMAND_WAITS;
}

static const char *end_word;
static enum command_result end_poll(struct job *job, bool is_interrupted)
{
    interrupts += is_interrupted;
    return job->is_ended ? COMMAND_DONE : COMMAND_WAITS;
}

static enum command_result until(const struct call *call)
{
    call->job->poll = end_poll;
    call->job->end = end_word;
    return COMMAND_WAITS;
}

static const char *file_text;
static enum command_result file(const struct call *call)
{
    return shell_run_file(&sh, "a.txt", file_text, strlen(file_text))
               ? COMMAND_DONE
               : command_fail(call, "not now");
}

static const struct command table[] = {
    {"until", "", "waits for a word", until},
    {"file", "", "runs a file", file},
    {"say", "[words] [-j]", "say the words", say},
    {"show ports", "[-j]", "ports", quiet},
    {"show ledger", "[-j]", "ledger", quiet},
    {"broken", "[-j]", "fails", broken},
    {"wait", "[-j]", "waits", wait},
    {"poweroff", "", "off", quiet},
    {"internal", "", "shares its start with the next", quiet},
    {"interval", "", "shares its start with the last", quiet},
};
static const struct commands commands = {table, table + ARRAY_SIZE(table), NULL};

/* ---- Driving the shell ---- */

static void settle(void)
{
    for (unsigned i = 0; i < 10000 && shell_poll(&sh); i++)
        ;
}

/* What the terminal must show at any time: the prompt, the visible part of the line, the cursor. */
static void check_display(void)
{
    unsigned width = 79 - (unsigned)strlen(PROMPT);
    char want[TERMINAL_COLUMNS + 1];
    assert_true(sh.len <= SHELL_LINE_MAX);
    assert_true(sh.cursor <= sh.len);
    assert_int_equal(sh.line[sh.len], 0);
    assert_int_equal(strlen(sh.line), sh.len);
    assert_true(sh.shown_from <= sh.cursor && sh.cursor - sh.shown_from <= width);
    snprintf(want, sizeof(want), PROMPT "%.*s", (int)width, sh.line + sh.shown_from);
    size_t n = strlen(terminal.row);
    assert_true(n >= strlen(want) || want[n] == ' ');
    for (size_t i = 0; i < sizeof(want) - 1 && want[i] != 0; i++)
        assert_int_equal(i < n ? terminal.row[i] : ' ', want[i]);
    for (size_t i = strlen(want); i < n; i++)
        assert_int_equal(terminal.row[i], ' ');
    assert_int_equal(terminal.column, strlen(PROMPT) + sh.cursor - sh.shown_from);
}

static void type(const char *keys)
{
    for (; *keys != 0; keys++) {
        shell_feed(&sh, (uint8_t)*keys);
        settle();
        check_display();
    }
}

static void assert_line(const char *line, unsigned cursor)
{
    assert_string_equal(sh.line, line);
    assert_int_equal(sh.cursor, cursor);
}

static void assert_printed(const char *want)
{
    assert_string_equal(terminal.bytes > 0 ? terminal.text : "", want);
}

static int start(void **state)
{
    (void)state;
    terminal_clear(&terminal);
    waits_left = interrupts = 0;
    wait_result = COMMAND_DONE;
    shell_init(&sh, &commands, &out, PROMPT);
    shell_feed(&sh, 'x'); /* no effect before the start */
    assert_false(shell_poll(&sh));
    sh.ahead_out = sh.ahead_in;
    assert_true(shell_start(&sh, NULL, NULL));
    settle();
    check_display();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    terminal_clear(&terminal);
    return 0;
}

/* ---- Editing ---- */

static void edit__each_key__has_its_effect(void **state)
{
    (void)state;
    type("abc");
    assert_line("abc", 3);
    type("\x7F");
    assert_line("ab", 2);
    type("\b");
    assert_line("a", 1);
    type("bcd" LEFT LEFT);
    assert_line("abcd", 2);
    type("X");
    assert_line("abXcd", 3);
    type("\x7F");
    assert_line("abcd", 2);
    type("\x04");
    assert_line("abd", 2);
    type("\033[3~");
    assert_line("ab", 2);
    type("\x01");
    assert_line("ab", 0);
    type(RIGHT "\x05");
    assert_line("ab", 2);
    type("\x02\x06");
    assert_line("ab", 2);
    type(" cd  ef  \x17");
    assert_line("ab cd  ", 7);
    type("\x17\x17");
    assert_line("", 0);
    type("one two" LEFT LEFT LEFT "\x15");
    assert_line("two", 0);
    type(RIGHT "\x0B");
    assert_line("t", 1);
    type("\x0C");
    assert_line("t", 1);
    assert_int_equal(terminal.clears, 1);
    type("\x03");
    assert_line("", 0);
    for (const char *const *key =
             (const char *const[]){"\033[H", "\033[1~", "\033OH", "\033[7~", NULL};
         *key != NULL; key++) {
        type("xy");
        type(*key);
        assert_int_equal(sh.cursor, 0);
        type("\x0B");
    }
    for (const char *const *key =
             (const char *const[]){"\033[F", "\033[4~", "\033OF", "\033[8~", NULL};
         *key != NULL; key++) {
        type("xy\x01");
        type(*key);
        assert_int_equal(sh.cursor, 2);
        type("\x15");
    }
}

static void edit__at_the_ends__rings_and_changes_nothing(void **state)
{
    static const char *const keys[] = {"\x7F", "\b",   "\x04", "\x01", "\x05", "\x02", "\x06",
                                       "\x15", "\x0B", "\x17", UP,     DOWN,   "\x10", "\x0E"};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        unsigned bells = terminal.bells;
        type(keys[i]);
        assert_line("", 0);
        assert_int_equal(terminal.bells, bells + 1);
    }
}

static void edit__plain_typing__echoes_one_byte_each(void **state)
{
    (void)state;
    type("say hello\x7F");
    assert_int_equal(terminal.escape, 0);
    assert_string_equal(terminal.row, PROMPT "say hell "); /* erased with a space, not a sequence */
}

static void escape__unknown_truncated_or_endless__has_no_effect(void **state)
{
    (void)state;
    type("\033[Z\033[99~\033x\033[1;5Q\033[200~");
    assert_line("", 0);
    type("\033\033[\033[D"); /* ESC restarts a sequence */
    assert_line("", 0);
    type("a\033[1\x7F");
    type("b"); /* 0x7F ended the sequence */
    assert_line("ab", 2);
    type("\033[\x15z"); /* a control key ends a sequence and takes effect */
    assert_line("z", 1);
    type("\x15\033[111111111"
         "11~~"); /* a sequence that is too long is abandoned */
    assert_line("11~~", 4);
}

static void enter__in_all_forms__is_one_enter(void **state)
{
    (void)state;
    type("say 1\r");
    type("say 2\n");
    type("say 3\r\n");
    type("\n\r");
    type(" \r\n");
    type("   \r\n");
    assert_printed(PROMPT "say 1\nsay [1]\n" PROMPT "say 2\nsay [2]\n" PROMPT
                          "say 3\nsay [3]\n" PROMPT "\n" PROMPT "\n" PROMPT " \n" PROMPT "   \n");
    assert_line("", 0);
}

static void line__longer_than_the_window__scrolls_sideways(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        type((char[]){(char)('a' + i % 26), 0});
    assert_int_equal(sh.len, 100);
    assert_true(sh.shown_from >= 30 && sh.shown_from <= 50);
    type("\x01");
    assert_int_equal(sh.shown_from, 0);
    for (unsigned i = 0; i < 100; i++)
        type(RIGHT);
    assert_true(sh.shown_from >= 30 && sh.shown_from <= 50);
    for (unsigned i = 0; i < 100; i++)
        type("\x7F");
    assert_line("", 0);
}

static void line__longer_than_the_buffer__rings_and_keeps_the_line(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHELL_LINE_MAX; i++)
        type("x");
    assert_int_equal(terminal.bells, 0);
    type("y\x01y");
    assert_int_equal(terminal.bells, 2);
    assert_int_equal(sh.len, SHELL_LINE_MAX);
    type("\x7F\x04z");
    assert_int_equal(sh.line[0], 'z');
    assert_int_equal(sh.len, SHELL_LINE_MAX);
    type("\n");
    assert_non_null(strstr(terminal.text, "unknown command: zxxx"));
    type(UP);
    assert_int_equal(sh.len, SHELL_LINE_MAX);
}

static void history__up_and_down__recalls_lines(void **state)
{
    (void)state;
    type("say 1\nsay 2\nsay 2\nsay 3\nunsent");
    type(UP);
    assert_line("say 3", 5);
    type(UP);
    assert_line("say 2", 5);
    type(UP);
    assert_line("say 1", 5); /* the repeated line is kept once */
    type(UP);
    assert_line("say 1", 5);
    type(DOWN DOWN);
    assert_line("say 3", 5);
    type(DOWN);
    assert_line("unsent", 6);
    type(DOWN);
    assert_line("unsent", 6);
    type(UP "4\n" UP);
    assert_line("say 34", 6);
}

static void history__more_lines_than_it_holds__keeps_the_last(void **state)
{
    char line[32];
    (void)state;
    for (unsigned i = 0; i < SHELL_HISTORY * 2 + 3; i++) {
        snprintf(line, sizeof(line), "say %u\n", i);
        type(line);
    }
    for (unsigned i = 0; i < SHELL_HISTORY + 5; i++)
        type(UP);
    snprintf(line, sizeof(line), "say %u", SHELL_HISTORY + 3);
    assert_line(line, (unsigned)strlen(line));
    for (unsigned i = 0; i < SHELL_HISTORY + 5; i++)
        type(DOWN);
    assert_line("", 0);
}

static void tab__one_choice__completes_it(void **state)
{
    (void)state;
    type("sh\tp\t");
    assert_line("show ports ", 11);
    type("\x15sh p\t");
    assert_line("sh ports ", 9);
    type("\x15say a; sho\t");
    assert_line("say a; show ", 12);
    type("\x15ports\x01show \tl\t");
    assert_string_equal(sh.line, "show ledger ports");
    type("\x05\x15say\t");
    assert_line("say ", 4);
    type("\t"); /* nothing to complete */
    assert_line("say ", 4);
}

static void tab__several_choices__completes_the_common_prefix(void **state)
{
    (void)state;
    type("i\t");
    assert_line("inter", 5);
    type("n\t");
    assert_line("internal ", 9);
}

static void tab__several_choices__lists_them_and_restores_the_line(void **state)
{
    (void)state;
    type("show \t");
    assert_line("show ", 5);
    assert_printed(PROMPT "show \n"
                          "  show ledger [-j]            ledger\n"
                          "  show ports [-j]             ports\n");
    unsigned bells = terminal.bells;
    type("x\t'\t");
    assert_int_equal(terminal.bells, bells + 2);
}

static void question__anywhere__lists_what_may_follow(void **state)
{
    (void)state;
    type("sho?");
    assert_line("sho", 3);
    type("w po?");
    assert_line("show po", 7);
    type("rts;broken ?");
    assert_line("show ports;broken ", 18);
    type("\x15zz?");
    assert_printed(PROMPT "sho\n"
                          "  show ledger [-j]            ledger\n"
                          "  show ports [-j]             ports\n" PROMPT "show po\n"
                          "  show ports [-j]             ports\n" PROMPT "show ports;broken \n"
                          "  broken [-j]                 fails\n" PROMPT "zz\n"
                          "  no matching command\n");
    type("\x15say 'a?");
    assert_line("say 'a?", 7);
    terminal_clear(&terminal);
    type("\x03?");
    unsigned rows = 0;
    for (size_t i = 0; i < terminal.bytes; i++)
        rows += terminal.text[i] == '\n';
    assert_int_equal(rows, 2 + ARRAY_SIZE(table));
}

/* ---- Running ---- */

static void run__words_and_quotes__reach_the_command(void **state)
{
    (void)state;
    type("say a 'b c;d' \"e?\" ''\n");
    type("sa -j x\n");
    type("say x -j y\n");
    assert_printed(PROMPT "say a 'b c;d' \"e?\" ''\nsay [a] [b c;d] [e?] []\n" PROMPT
                          "sa -j x\nsay -j [x]\n" PROMPT "say x -j y\nsay -j [x] [y]\n");
}

static void assert_refused(const char *line, const char *why)
{
    char want[600];
    terminal_clear(&terminal);
    type("\x03");
    terminal_clear(&terminal);
    sh.out->write(sh.out->opaque, PROMPT, strlen(PROMPT));
    type(line);
    type("\n");
    snprintf(want, sizeof(want), PROMPT "%s\n%s\n", line, why);
    assert_printed(want);
}

static void feed_some(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        shell_feed(&sh, (uint8_t)bytes[i]);
        settle();
    }
}

static void run__each_mistake__is_named(void **state)
{
    (void)state;
    assert_refused("nonsense", "unknown command: nonsense (try: help)");
    assert_refused("show me", "unknown command: show me (try: help)");
    assert_refused("s ports", "ambiguous command: s (try: help)");
    assert_refused("show", "incomplete command: show (try: help)");
    assert_refused("poweroff now", "poweroff takes no \"now\"");
    assert_refused("poweroff -j", "{\"error\":\"poweroff takes no -j\"}");
    assert_refused("show x -j", "{\"error\":\"unknown command: show x (try: help)\"}");
    assert_refused("say 'x", "a quote is not closed");
    assert_refused("broken", "it is broken");
    assert_refused("broken -j", "{\"error\":\"it is broken\"}");
    char words[WORDS_MAX * 2 + 2];
    memset(words, 'a', sizeof(words));
    for (unsigned i = 1; i < sizeof(words); i += 2)
        words[i] = i == sizeof(words) - 1 ? '\n' : ' ';
    terminal_clear(&terminal);
    feed_some(words, sizeof(words));
    assert_non_null(strstr(terminal.text, "\nmore than 384 words\n"));
    memset(words, 'x', 600); /* the message is cut within its buffer */
    feed_some(words, 600);
    type("\n");
    assert_non_null(strstr(terminal.text, "xxx (try: help)\n"));
}

static void run__several_in_a_line__stops_at_the_first_error(void **state)
{
    (void)state;
    type("say 1; say 2 ;;say 3;\n");
    type("say 1; broken ; say 2; say 3\n");
    type(";\n");
    assert_printed(
        PROMPT "say 1; say 2 ;;say 3;\nsay [1]\nsay [2]\nsay [3]\n" PROMPT
               "say 1; broken ; say 2; say 3\nsay [1]\nit is broken\nnot run: say 2; say 3\n" PROMPT
               ";\n");
}

static void start_with(const char *script, bool is_good)
{
    terminal_clear(&terminal);
    shell_init(&sh, &commands, &out, PROMPT);
    assert_int_equal(shell_start(&sh, script, NULL), is_good);
    settle();
    check_display();
}

static void script__from_the_boot_line__shows_each_command_and_stops_at_the_first_error(
    void **state)
{
    (void)state;
    start_with("say 1; say 2", true);
    assert_printed(PROMPT "say 1\nsay [1]\n" PROMPT "say 2\nsay [2]\n");
    start_with("say 1;x;say 2", true);
    assert_printed(PROMPT "say 1\nsay [1]\n" PROMPT
                          "x\nunknown command: x (try: help)\nnot run: say 2\n");
    start_with("", true);
    assert_printed("");
    start_with(" ; ", true);
    assert_printed("");
    start_with("say\x01", false);
    start_with("\x01", false);
    start_with("say \x7F", false);
    assert_printed("");
    start_with("say \xC3\xA4", false);
    char longest[SHELL_LINE_MAX + 2];
    memset(longest, ';', sizeof(longest));
    longest[SHELL_LINE_MAX + 1] = 0;
    start_with(longest, false);
    longest[SHELL_LINE_MAX] = 0;
    start_with(longest, true);
}

/* ---- Jobs ---- */

static void feed(const char *keys)
{
    for (; *keys != 0; keys++)
        shell_feed(&sh, (uint8_t)*keys);
}

static void job__waits__owns_the_console_until_it_ends(void **state)
{
    (void)state;
    waits_left = 1000;
    feed("wait; say after\n");
    for (unsigned i = 0; i < 900; i++) {
        assert_true(shell_poll(&sh));
        assert_true(i < sizeof("wait; say after\n") / 2 || sh.has_script);
    }
    assert_printed(PROMPT "wait; say after\nwaiting\n");
    settle();
    assert_printed(PROMPT "wait; say after\nwaiting\nwaited\nsay [after]\n");
    check_display();
    waits_left = 3;
    feed("wait -j\n");
    settle();
    assert_non_null(strstr(terminal.text, "waiting\n{}\n"));
}

static void job__fails__stops_the_line(void **state)
{
    (void)state;
    wait_result = COMMAND_FAILED;
    type("wait; say after\n");
    assert_printed(PROMPT "wait; say after\nwaiting\nwaited\nnot run: say after\n");
}

static void job__interrupted__ends_and_stops_the_line(void **state)
{
    (void)state;
    waits_left = 1u << 30;
    feed("wait; say after\n");
    for (unsigned i = 0; i < 10; i++)
        shell_poll(&sh);
    feed("lost\x03");
    settle();
    assert_int_equal(interrupts, 1);
    assert_printed(PROMPT "wait; say after\nwaiting\n^C\nended early\nnot run: say after\n");
    check_display();
    assert_line("", 0);
    type("say again\n"); /* the interrupt has no further effect */
    assert_non_null(strstr(terminal.text, "say [again]\n"));
}

/* The line and the ^C behind it are in the input before the shell looks at either. */
static void interrupt__typed_before_its_line_is_taken__is_not_kept_for_the_next(void **state)
{
    (void)state;
    waits_left = 1u << 30;
    feed("wait; say after\nlost\x03");
    settle();
    assert_printed(PROMPT "wait; say after\nnot run: wait; say after\n");
    assert_line("", 0);
    type("say again\n");
    assert_non_null(strstr(terminal.text, "say [again]\n"));
}

static void job__end_word_or_any_key__ends_it_and_the_line_goes_on(void **state)
{
    (void)state;
    end_word = "stop";
    feed("until; say after\n");
    for (unsigned i = 0; i < 10; i++)
        shell_poll(&sh);
    feed("stopp\nxstop\nstop x\n"); /* not the word: kept as type-ahead */
    for (unsigned i = 0; i < 10; i++)
        shell_poll(&sh);
    assert_true(sh.has_job);
    feed("\x03"); /* also discards the type-ahead */
    settle();
    assert_int_equal(interrupts, 1);
    feed("until; say after\n");
    for (unsigned i = 0; i < 10; i++)
        shell_poll(&sh);
    feed("stop\r");
    settle();
    assert_non_null(strstr(terminal.text, "say [after]\n"));
    end_word = "";
    terminal_clear(&terminal);
    feed("until; say more\n");
    for (unsigned i = 0; i < 10; i++)
        shell_poll(&sh);
    feed("q");
    settle();
    assert_non_null(strstr(terminal.text, "say [more]\n"));
    assert_int_equal(interrupts, 1);
    assert_line("", 0);
}

static void fresh(void)
{
    terminal_clear(&terminal);
    sh.out->write(sh.out->opaque, PROMPT, strlen(PROMPT));
}

static void file__lines_of_any_end__run_up_to_the_first_error(void **state)
{
    char want[400];
    (void)state;
    file_text = "say 1\r\n# a comment\n\nsay 2; say 3\nwait\nsay 4";
    type("file\n");
    assert_printed(PROMPT "file\n" PROMPT "say 1\nsay [1]\n" PROMPT "say 2\nsay [2]\n" PROMPT
                          "say 3\nsay [3]\n" PROMPT "wait\nwaiting\nwaited\n" PROMPT
                          "say 4\nsay [4]\n");
    file_text = "say 1\n\nsay 2; broken; say 3\nsay 4\n";
    fresh();
    feed("file\n");
    settle();
    snprintf(want, sizeof(want), "%s",
             PROMPT "say 1\nsay [1]\n" PROMPT "say 2\nsay [2]\n" PROMPT
                    "broken\nit is broken\nnot run: say 3\na.txt: stopped at line 3\n");
    assert_non_null(strstr(terminal.text, want));
    check_display();
    assert_refused("file; say 1", "not now\nnot run: say 1");
    file_text = "file\n";
    type("file\n");
    assert_non_null(strstr(terminal.text, "not now\na.txt: stopped at line 1\n"));
    file_text = "say 1\nsay\t2\n";
    type("file\n");
    assert_non_null(strstr(terminal.text, "say [1]\na.txt: stopped at line 2\n"));
    static char longer[SHELL_LINE_MAX + 2];
    memset(longer, ' ', SHELL_LINE_MAX + 1);
    file_text = longer;
    fresh();
    type("file\n");
    assert_non_null(strstr(terminal.text, "a.txt: stopped at line 1\n"));
    longer[SHELL_LINE_MAX] = 0;
    file_text = longer;
    fresh();
    type("file\n");
    assert_null(strstr(terminal.text, "stopped"));
}

static void script__interrupted_between_commands__is_aborted(void **state)
{
    (void)state;
    feed("say 1; say 2; say 3\r");
    while (terminal.bytes == 0 || strstr(terminal.text, "say [1]") == NULL)
        shell_poll(&sh);
    feed("lost\x03");
    assert_true(shell_poll(&sh));
    assert_false(shell_poll(&sh));
    assert_printed(PROMPT "say 1; say 2; say 3\nsay [1]\nnot run: say 2; say 3\n");
    check_display();
    assert_line("", 0);
    type("say 4\n"); /* the interrupt has no further effect */
    assert_non_null(strstr(terminal.text, "say [4]\n"));
}

static void ahead__typed_while_a_job_runs__is_edited_after_it(void **state)
{
    (void)state;
    waits_left = 100;
    feed("wait\nsay 1\nsay 2\nx");
    settle();
    assert_printed(PROMPT "wait\nwaiting\nwaited\n" PROMPT "say 1\nsay [1]\n" PROMPT
                          "say 2\nsay [2]\n");
    assert_line("x", 1);
    check_display();
}

static void ahead__more_than_it_holds__loses_the_rest_only(void **state)
{
    (void)state;
    waits_left = 1u << 30;
    feed("wait\n");
    for (unsigned i = 0; i < 10; i++)
        shell_poll(&sh);
    for (unsigned i = 0; i < SHELL_AHEAD; i++) {
        assert_int_equal(shell_room(&sh), SHELL_AHEAD - i);
        shell_feed(&sh, 'x');
    }
    assert_int_equal(shell_room(&sh), 0);
    feed("yyyy");
    waits_left = 0;
    settle();
    assert_int_equal(sh.len, SHELL_AHEAD);
    for (unsigned i = 0; i < SHELL_AHEAD; i++)
        assert_int_equal(sh.line[i], 'x');
    check_display();
}

static void interject__while_editing__restores_the_line(void **state)
{
    (void)state;
    type("say hel" LEFT LEFT);
    shell_interject(&sh, "a log line\n", 11);
    check_display();
    assert_line("say hel", 5);
    assert_printed("a log line\n");
    waits_left = 1u << 30;
    type("\x15\x0B");
    feed("wait\n");
    for (unsigned i = 0; i < 10; i++)
        shell_poll(&sh);
    shell_interject(&sh, "another\n", 8);
    assert_printed("a log line\n" PROMPT "wait\nwaiting\nanother\n");
    assert_string_equal(terminal.row, ""); /* no prompt while a command is under way */
}

/* ---- Any bytes ---- */

static void bytes__random_at_any_speed__keep_display_and_line_equal(void **state)
{
    static const char *const pieces[] = {UP,     DOWN,   LEFT,     RIGHT,  "\033[H", "\033[F", "\t",
                                         "?",    "\x17", "\x15",   "say ", "show ",  "; ",     "'",
                                         "\x03", "\r\n", "wait\n", "\x7F", "\x04"};
    uint32_t seed = 1;
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        unsigned n = (seed >> 16) % 40;
        for (unsigned i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t r = seed >> 8;
            if (r % 3 == 0)
                feed(pieces[(r >> 4) % ARRAY_SIZE(pieces)]);
            else if (r % 3 == 1)
                shell_feed(&sh, (uint8_t)(r >> 4));
            else
                shell_feed(&sh, (uint8_t)(0x20 + (r >> 4) % 0x5F));
        }
        waits_left = seed % 50;
        settle();
        assert_int_equal(sh.ahead_in, sh.ahead_out);
        assert_false(sh.has_script);
        check_display();
        if (round % 500 == 0)
            terminal_clear(&terminal), feed("\x03");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(edit__each_key__has_its_effect),
        TEST(edit__at_the_ends__rings_and_changes_nothing),
        TEST(edit__plain_typing__echoes_one_byte_each),
        TEST(escape__unknown_truncated_or_endless__has_no_effect),
        TEST(enter__in_all_forms__is_one_enter),
        TEST(line__longer_than_the_window__scrolls_sideways),
        TEST(line__longer_than_the_buffer__rings_and_keeps_the_line),
        TEST(history__up_and_down__recalls_lines),
        TEST(history__more_lines_than_it_holds__keeps_the_last),
        TEST(tab__one_choice__completes_it),
        TEST(tab__several_choices__completes_the_common_prefix),
        TEST(tab__several_choices__lists_them_and_restores_the_line),
        TEST(question__anywhere__lists_what_may_follow),
        TEST(run__words_and_quotes__reach_the_command),
        TEST(run__each_mistake__is_named),
        TEST(run__several_in_a_line__stops_at_the_first_error),
        TEST(script__from_the_boot_line__shows_each_command_and_stops_at_the_first_error),
        TEST(job__waits__owns_the_console_until_it_ends),
        TEST(job__fails__stops_the_line),
        TEST(job__interrupted__ends_and_stops_the_line),
        TEST(interrupt__typed_before_its_line_is_taken__is_not_kept_for_the_next),
        TEST(job__end_word_or_any_key__ends_it_and_the_line_goes_on),
        TEST(file__lines_of_any_end__run_up_to_the_first_error),
        TEST(script__interrupted_between_commands__is_aborted),
        TEST(ahead__typed_while_a_job_runs__is_edited_after_it),
        TEST(ahead__more_than_it_holds__loses_the_rest_only),
        TEST(interject__while_editing__restores_the_line),
        TEST(bytes__random_at_any_speed__keep_display_and_line_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
