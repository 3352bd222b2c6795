/* SPDX-License-Identifier: BSD-2-Clause
 * The shell with arbitrary bytes: the first is the pace (bytes typed between two polls), the second
 * selects whether the rest is also a run= script, or a file that a command runs. The line stays
 * within its bounds, work always ends, and the terminal gets only text and known escape sequences.
 *
 * links: kernel/console/shell.c kernel/console/words.c kernel/lib/json.c kernel/lib/out.c
 * kernel/console/command.c kernel/lib/fmt.c
 */
#include "kernel/console/shell.h"
#include "kernel/lib/json.h"
#include "tests/unit/kernel/terminal.h"

static struct terminal terminal;
static const struct out out = {terminal_write, &terminal};

static enum command_result say(const struct call *call)
{
    struct json j;
    json_begin(&j, call->out);
    for (unsigned i = 0; i < call->argc; i++)
        json_string(&j, "word", call->argv[i]);
    json_line(&j);
    return call->argc > 3 ? command_fail(call, "%s", call->argv[0]) : COMMAND_DONE;
}

static unsigned left;
static enum command_result wait_poll(struct job *job, bool is_interrupted)
{
    (void)is_interrupted;
    return left-- > 0 && !job->is_ended ? COMMAND_WAITS : COMMAND_DONE;
}
static enum command_result wait(const struct call *call)
{
    left = call->argc * 3;
    call->job->poll = wait_poll;
    call->job->end = call->argc == 1 ? "" : call->argc == 2 ? "stop" : NULL;
    return COMMAND_WAITS;
}

static struct shell sh;
static const char *file;
static size_t file_bytes;
static enum command_result run_file(const struct call *call)
{
    return shell_run_file(&sh, "file", file, file_bytes) ? COMMAND_DONE : command_fail(call, "no");
}

static const struct command table[] = {
    {"file", "", "run it", run_file},     {"say", "[words] [-j]", "say", say},
    {"show ports", "[-j]", "ports", say}, {"show portly", "", "portly", say},
    {"wait", "[words]", "wait", wait},    {"set", "key value", "set", say},
    {"set port up", "", "up", say},
};
static const struct commands commands = {table, table + ARRAY_SIZE(table), NULL};

static void require(bool is_true, const char *what)
{
    if (!is_true)
        terminal_fail(what, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    unsigned pace = data[0] % 32 + 1;
    bool has_script = data[1] & 1, is_file = data[1] & 2;
    data += 2;
    size -= 2;

    file = (const char *)data;
    file_bytes = size;
    terminal_clear(&terminal);
    shell_init(&sh, &commands, &out, "ferrule> ");
    if (has_script) {
        char script[512];
        size_t n = MIN(size, sizeof(script) - 1);
        memcpy(script, data, n);
        script[n] = 0;
        shell_start(&sh, script, NULL);
    } else {
        shell_start(&sh, is_file ? "file" : NULL, NULL);
    }
    for (size_t i = 0; i < size; i++) {
        shell_feed(&sh, data[i]);
        if (i % pace == 0)
            shell_poll(&sh);
        require(sh.len <= SHELL_LINE_MAX && sh.cursor <= sh.len && sh.line[sh.len] == 0, "line");
        require(shell_room(&sh) <= SHELL_AHEAD, "type-ahead");
    }
    unsigned polls = 0;
    while (shell_poll(&sh))
        require(++polls < 100000, "work without end");
    terminal_clear(&terminal);
    return 0;
}
