/* SPDX-License-Identifier: BSD-2-Clause
 * The operator's shell; see shell.h. First the display, then the line editor, then running.
 *
 * Typing at the end of the line is echoed byte for byte, without escape sequences, so that a log of
 * the serial line is readable; every other edit redraws the line.
 */
#include "kernel/console/shell.h"

#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/lib/str.h"

#define CTRL(letter)   (0x1F & (letter))
#define KEY_ESC        0x1B
#define KEY_DEL        0x7F
#define EDIT_BYTES_MAX 2u /* bytes of input processed per poll: each may redraw the line */

enum escape { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI, ESCAPE_SS3 };
#define ESCAPE_BYTES_MAX 8u /* longer sequences are not supported keys */

/* ---- Display ---- */

static void put(struct shell *sh, const char *text, size_t bytes)
{
    if (bytes > 0)
        sh->out->write(sh->out->opaque, text, bytes);
}

static void bell(struct shell *sh)
{
    put(sh, "\a", 1);
}

/* How many characters of the line fit beside the prompt; the last column stays free. */
static unsigned window(const struct shell *sh)
{
    size_t prompt = strlen(sh->prompt);
    return prompt + 20 < SHELL_COLUMNS ? SHELL_COLUMNS - 1 - (unsigned)prompt : 20;
}

static void redraw(struct shell *sh)
{
    unsigned width = window(sh);
    if (sh->cursor < sh->shown_from)
        sh->shown_from = sh->cursor;
    if (sh->cursor > sh->shown_from + width) /* scroll by more than one: more is likely to follow */
        sh->shown_from = sh->cursor - width * 3 / 4;
    unsigned shown = MIN(sh->len - sh->shown_from, width);
    unsigned right_of_cursor = sh->shown_from + shown - sh->cursor;

    put(sh, "\r", 1);
    out_text(sh->out, sh->prompt);
    put(sh, sh->line + sh->shown_from, shown);
    out_text(sh->out, "\033[K");
    if (right_of_cursor > 0)
        out_printf(sh->out, "\033[%uD", right_of_cursor);
}

static void prompt(struct shell *sh)
{
    sh->len = sh->cursor = sh->shown_from = 0;
    sh->line[0] = 0;
    sh->history_at = sh->history_n;
    out_text(sh->out, sh->prompt);
}

/* ---- The line editor ---- */

static void insert(struct shell *sh, const char *text, size_t bytes)
{
    if (bytes > SHELL_LINE_MAX - sh->len) {
        bell(sh);
        return;
    }
    memmove(sh->line + sh->cursor + bytes, sh->line + sh->cursor, sh->len - sh->cursor + 1);
    memcpy(sh->line + sh->cursor, text, bytes);
    sh->len += (unsigned)bytes;
    sh->cursor += (unsigned)bytes;
    if (sh->cursor == sh->len && sh->cursor - sh->shown_from <= window(sh))
        put(sh, text, bytes);
    else
        redraw(sh);
}

/* Remove the characters from..to-1. */
static void erase(struct shell *sh, unsigned from, unsigned to)
{
    if (from >= to) {
        bell(sh);
        return;
    }
    bool was_last = to == sh->len && sh->cursor == to && to - from == 1 && from > sh->shown_from;
    memmove(sh->line + from, sh->line + to, sh->len - to + 1);
    sh->len -= to - from;
    sh->cursor = from;
    if (was_last)
        put(sh, "\b \b", 3);
    else
        redraw(sh);
}

static void move(struct shell *sh, unsigned cursor)
{
    if (cursor == sh->cursor) {
        bell(sh);
        return;
    }
    sh->cursor = cursor;
    redraw(sh);
}

static void erase_word(struct shell *sh)
{
    unsigned from = sh->cursor;
    while (from > 0 && sh->line[from - 1] == ' ')
        from--;
    while (from > 0 && sh->line[from - 1] != ' ')
        from--;
    erase(sh, from, sh->cursor);
}

static void remember(struct shell *sh)
{
    const char *last = sh->history[(sh->history_n - 1) % SHELL_HISTORY];
    if (sh->history_n > 0 && str_equal(last, sh->line))
        return;
    memcpy(sh->history[sh->history_n % SHELL_HISTORY], sh->line, sh->len + 1);
    sh->history_n++;
}

/* Show line `at` of the history; history_n stands for the edited line. */
static void recall(struct shell *sh, unsigned at)
{
    if (at > sh->history_n || sh->history_n - at > MIN(SHELL_HISTORY, sh->history_n)) {
        bell(sh);
        return;
    }
    if (sh->history_at == sh->history_n)
        memcpy(sh->unsent, sh->line, sh->len + 1);
    const char *text = at == sh->history_n ? sh->unsent : sh->history[at % SHELL_HISTORY];
    sh->history_at = at;
    sh->len = sh->cursor = (unsigned)strlen(text);
    sh->shown_from = 0;
    memcpy(sh->line, text, sh->len + 1);
    redraw(sh);
}

/* Split the command at the cursor into words, up to the cursor. *partial: the word that the cursor
 * touches, "" after a space; it is removed from the words. */
static enum words_result words_before_cursor(const struct shell *sh, struct words *words,
                                             const char **partial)
{
    unsigned from = 0;
    for (;;) {
        size_t bytes = words_until_semicolon(sh->line + from);
        if (from + bytes >= sh->cursor)
            break;
        from += (unsigned)bytes + 1;
    }
    enum words_result result = words_split(words, sh->line + from, sh->cursor - from);
    *partial = "";
    if (words->n > 0 && sh->cursor > from && sh->line[sh->cursor - 1] != ' ')
        *partial = words->word[--words->n];
    return result;
}

static void list(struct shell *sh, const struct words *words, const char *partial)
{
    unsigned argc = words->n + (*partial != 0); /* partial is still stored after the others */
    put(sh, "\n", 1);
    sh->is_listing = true;
    if (words_list(sh->commands, sh->out, argc, words->word) == 0)
        out_text(sh->out, "  no matching command\n");
    sh->is_listing = false;
    redraw(sh);
}

static void complete(struct shell *sh)
{
    struct words *words = &sh->words;
    const char *partial;
    if (words_before_cursor(sh, words, &partial) != WORDS_OK) {
        bell(sh);
        return;
    }
    struct choice choice = words_complete(sh->commands, words->n, words->word, partial);
    size_t typed = strlen(partial);
    if (choice.n == 0) {
        bell(sh);
    } else if (choice.bytes > typed) {
        insert(sh, choice.letters + typed, choice.bytes - typed);
        if (choice.n == 1 && sh->line[sh->cursor] != ' ')
            insert(sh, " ", 1);
    } else if (choice.n == 1) {
        insert(sh, " ", 1);
    } else {
        list(sh, words, partial);
    }
}

static void question(struct shell *sh)
{
    const char *partial;
    enum words_result result = words_before_cursor(sh, &sh->words, &partial);
    if (result == WORDS_QUOTE)
        insert(sh, "?", 1);
    else if (result == WORDS_OK)
        list(sh, &sh->words, partial);
    else
        bell(sh);
}

static void enter(struct shell *sh)
{
    put(sh, "\n", 1);
    size_t blanks = 0;
    while (sh->line[blanks] == ' ')
        blanks++;
    if (sh->line[blanks] == 0) {
        prompt(sh);
        return;
    }
    remember(sh);
    memcpy(sh->script, sh->line, sh->len + 1);
    sh->script_at = 0;
    sh->is_echoing = false;
    sh->has_script = true;
}

static void key_plain(struct shell *sh, uint8_t byte)
{
    switch (byte) {
    case '\r':
    case '\n':
        enter(sh);
        break;
    case '\t':
        complete(sh);
        break;
    case '?':
        question(sh);
        break;
    case '\b':
    case KEY_DEL:
        erase(sh, sh->cursor > 0 ? sh->cursor - 1 : 0, sh->cursor);
        break;
    case CTRL('D'):
        erase(sh, sh->cursor, MIN(sh->cursor + 1, sh->len));
        break;
    case CTRL('U'):
        erase(sh, 0, sh->cursor);
        break;
    case CTRL('K'):
        erase(sh, sh->cursor, sh->len);
        break;
    case CTRL('W'):
        erase_word(sh);
        break;
    case CTRL('A'):
        move(sh, 0);
        break;
    case CTRL('E'):
        move(sh, sh->len);
        break;
    case CTRL('B'):
        move(sh, sh->cursor > 0 ? sh->cursor - 1 : 0);
        break;
    case CTRL('F'):
        move(sh, MIN(sh->cursor + 1, sh->len));
        break;
    case CTRL('P'):
        recall(sh, sh->history_at - 1);
        break;
    case CTRL('N'):
        recall(sh, sh->history_at + 1);
        break;
    case CTRL('L'):
        out_text(sh->out, "\033[H\033[2J");
        redraw(sh);
        break;
    case CTRL('C'):
        put(sh, "^C\n", 3);
        prompt(sh);
        break;
    case 0: /* a break on the line, or padding */
        break;
    default:
        if (byte >= 0x20 && byte < KEY_DEL)
            insert(sh, (const char[]){(char)byte}, 1);
        else
            bell(sh);
    }
}

/* The plain key that an escape sequence stands for; 0: none. */
static uint8_t key_of_sequence(uint8_t final, uint8_t digit)
{
    switch (final) {
    case 'A':
        return CTRL('P');
    case 'B':
        return CTRL('N');
    case 'C':
        return CTRL('F');
    case 'D':
        return CTRL('B');
    case 'H':
        return CTRL('A');
    case 'F':
        return CTRL('E');
    case '~':
        if (digit == '1' || digit == '7')
            return CTRL('A');
        if (digit == '4' || digit == '8')
            return CTRL('E');
        return digit == '3' ? CTRL('D') : 0;
    default:
        return 0;
    }
}

static void key(struct shell *sh, uint8_t byte)
{
    if (byte == '\n' && sh->was_return) {
        sh->was_return = false;
        return;
    }
    sh->was_return = byte == '\r';

    if (byte == KEY_ESC) {
        sh->escape = ESCAPE_BEGUN;
        return;
    }
    if (sh->escape != ESCAPE_NONE && byte < 0x20)
        sh->escape = ESCAPE_NONE; /* a control key ends any sequence and is then handled itself */

    switch (sh->escape) {
    case ESCAPE_NONE:
        key_plain(sh, byte);
        return;
    case ESCAPE_BEGUN:
        sh->escape = byte == '[' ? ESCAPE_CSI : byte == 'O' ? ESCAPE_SS3 : ESCAPE_NONE;
        sh->escape_bytes = 0;
        sh->escape_digit = 0;
        return;
    default: /* parameters 0x20..0x3F, then one final byte */
        if (byte < 0x40 && sh->escape == ESCAPE_CSI && sh->escape_bytes < ESCAPE_BYTES_MAX) {
            if (sh->escape_bytes++ == 0)
                sh->escape_digit = byte;
            return;
        }
        sh->escape = ESCAPE_NONE;
        byte = key_of_sequence(byte, sh->escape_bytes <= 1 ? sh->escape_digit : 0);
        if (byte != 0)
            key_plain(sh, byte);
    }
}

/* ---- Running ---- */

#define BYTE_COST  12u /* instructions to look at a byte of a line, to copy it, or to split it */

#define SCAN_BYTES 256u

static void spend(const struct shell *sh, size_t bytes)
{
    if (sh->commands->spend != NULL)
        sh->commands->spend((uint32_t)bytes * BYTE_COST);
}

static const char *match_text(enum match_result result)
{
    switch (result) {
    case MATCH_AMBIGUOUS:
        return "ambiguous command:";
    case MATCH_INCOMPLETE:
        return "incomplete command:";
    default:
        return "unknown command:";
    }
}

/* Fail with "what WORDS", with the first n words. */
static enum command_result reject(const struct call *call, const char *what, unsigned n,
                                  const char *const *argv)
{
    char text[OUT_PRINTF_MAX + 1] = "";
    for (unsigned i = 0; i < n; i++)
        fmt_append(text, sizeof(text), "%s%s", i > 0 ? " " : "", argv[i]);
    return command_fail(call, "%s %.200s (try: help)", what, text);
}

static enum command_result run_command(struct shell *sh, const char *text, size_t bytes)
{
    struct words *words = &sh->words;
    sh->job = (struct job){.out = sh->out};
    struct call call = {.out = sh->out, .job = &sh->job};

    spend(sh, bytes);
    enum words_result split = words_split(words, text, bytes);
    spend(sh, bytes);
    const char **argv = words->word;
    unsigned argc = 0;
    for (unsigned i = 0; i < words->n; i++) {
        if (str_equal(words->word[i], "-j"))
            call.json = true;
        else
            argv[argc++] = words->word[i];
    }
    sh->job.json = call.json;
    if (split == WORDS_QUOTE)
        return command_fail(&call, "a quote is not closed");
    if (split == WORDS_TOO_MANY)
        return command_fail(&call, "more than %u words", WORDS_MAX);
    if (words->n == 0)
        return COMMAND_DONE; /* nothing between two ';' */

    struct match match = words_match(sh->commands, argc, argv);
    if (match.result != MATCH_OK)
        return reject(&call, match_text(match.result),
                      match.result == MATCH_INCOMPLETE ? match.words : match.words + 1, argv);
    if (call.json && !usage_has_json(match.command->usage))
        return command_fail(&call, "%s takes no -j", match.command->name);
    call.argc = argc - match.words;
    call.argv = argv + match.words;
    if (call.argc > 0 && !usage_has_words(match.command->usage))
        return command_fail(&call, "%s takes no \"%s\"", match.command->name, call.argv[0]);
    return match.command->run(&call);
}

/* Run these commands next. False, and none is run: too long, or not printable ASCII. */
static bool set_script(struct shell *sh, const char *text, size_t bytes)
{
    bool is_good = bytes <= SHELL_LINE_MAX;
    for (size_t i = 0; i < bytes && is_good; i++)
        is_good = text[i] >= 0x20 && text[i] < KEY_DEL;
    if (is_good && bytes > 0)
        memcpy(sh->script, text, bytes);
    sh->script[is_good ? bytes : 0] = 0;
    sh->script_at = 0;
    sh->is_echoing = true;
    return is_good;
}

static const char *rest_of_line(const struct shell *sh)
{
    const char *rest = sh->script + sh->script_at;
    while (*rest == ' ' || *rest == ';')
        rest++;
    return rest;
}

/* Make the next line of the file the script. Returns COMMAND_WAITS if there is one, COMMAND_DONE at
 * the end of the file, COMMAND_FAILED if the line is invalid. */
static enum command_result next_line(struct shell *sh)
{
    const char *text = sh->file.text;
    size_t bytes = 0;
    if (sh->file.bytes == 0)
        return COMMAND_DONE;
    while (bytes < sh->file.bytes && text[bytes] != '\n')
        if (++bytes % SCAN_BYTES == 0)
            spend(sh, SCAN_BYTES);
    spend(sh, bytes % SCAN_BYTES);
    size_t taken = MIN(bytes + 1, sh->file.bytes);
    sh->file.text += taken;
    sh->file.bytes -= taken;
    sh->file.line++;
    if (bytes > 0 && text[bytes - 1] == '\r')
        bytes--;
    if (bytes > 0 && text[0] == '#')
        bytes = 0;
    if (!set_script(sh, text, bytes))
        return COMMAND_FAILED;
    return COMMAND_WAITS;
}

/* A command has ended: continue with the line, or drop the rest of it; at its end show the prompt.
 */
static void command_ended(struct shell *sh, enum command_result result)
{
    const char *rest = rest_of_line(sh);
    if (result == COMMAND_DONE && *rest != 0)
        return;
    if (*rest != 0) {
        out_text(sh->out, "not run: ");
        out_text(sh->out, rest);
        put(sh, "\n", 1);
    }
    if (sh->file.name[0] != 0) {
        if (result == COMMAND_DONE)
            result = next_line(sh);
        if (result == COMMAND_WAITS)
            return;
        if (result == COMMAND_FAILED)
            out_printf(sh->out, "%s: stopped at line %u\n", sh->file.name, sh->file.line);
        sh->file.name[0] = 0;
    }
    const char *next = result == COMMAND_FAILED && !sh->is_interrupted ? sh->on_failure : NULL;
    sh->on_failure = NULL;
    if (next && set_script(sh, next, strnlen(next, SHELL_LINE_MAX + 1)))
        return;
    sh->has_script = false;
    prompt(sh);
}

static void run_next(struct shell *sh)
{
    char *text = sh->script + sh->script_at;
    while (*text == ' ' || *text == ';')
        text++;
    size_t bytes = words_until_semicolon(text);
    sh->script_at = (unsigned)(text - sh->script + bytes);
    if (sh->script[sh->script_at] == ';')
        sh->script_at++;
    if (sh->is_echoing && bytes > 0) {
        out_text(sh->out, sh->prompt);
        put(sh, text, bytes);
        put(sh, "\n", 1);
    }
    enum command_result result = run_command(sh, text, bytes);
    sh->has_job = result == COMMAND_WAITS;
    if (sh->is_interrupted && !sh->has_job) { /* while it ran */
        sh->is_interrupted = false;
        if (!sh->job.json)
            put(sh, "^C\n", 3);
        result = COMMAND_FAILED;
    }
    if (!sh->has_job)
        command_ended(sh, result);
}

static void poll_job(struct shell *sh)
{
    bool is_interrupted = sh->is_interrupted;
    sh->is_interrupted = false;
    if (is_interrupted && !sh->job.json)
        put(sh, "^C\n", 3);
    enum command_result result = sh->job.poll(&sh->job, is_interrupted);
    if (result == COMMAND_WAITS && !is_interrupted)
        return;
    sh->has_job = false;
    command_ended(sh, is_interrupted ? COMMAND_FAILED : result);
}

void shell_init(struct shell *sh, const struct commands *commands, const struct out *out,
                const char *prompt)
{
    memset(sh, 0, sizeof(*sh));
    sh->commands = commands;
    sh->out = out;
    sh->prompt = prompt;
}

bool shell_start(struct shell *sh, const char *commands, const char *on_failure)
{
    bool is_good = set_script(sh, commands, commands ? strnlen(commands, SHELL_LINE_MAX + 1) : 0);
    if (is_good)
        sh->on_failure = commands ? on_failure : NULL;
    else if (on_failure)
        (void)set_script(sh, on_failure, strnlen(on_failure, SHELL_LINE_MAX + 1));
    sh->has_script = true; /* also if it is empty: its end shows the prompt */
    sh->is_started = true;
    return is_good;
}

bool shell_run_file(struct shell *sh, const char *name, const char *text, size_t bytes)
{
    if (sh->file.name[0] != 0 || *rest_of_line(sh) != 0)
        return false;
    fmt_print(sh->file.name, sizeof(sh->file.name), "%s", name);
    sh->file.text = text;
    sh->file.bytes = bytes;
    sh->file.line = 0;
    return true;
}

/* Does this byte, together with the pending input, end the job? */
static bool ends_job(const struct shell *sh, uint8_t byte)
{
    const char *word = sh->job.end;
    uint32_t at = sh->ahead_out;
    if (!sh->has_job || word == NULL)
        return false;
    if (*word == 0)
        return true;
    while (*word != 0 && at != sh->ahead_in && sh->ahead[at % SHELL_AHEAD] == (uint8_t)*word) {
        word++;
        at++;
    }
    return *word == 0 && at == sh->ahead_in && (byte == '\r' || byte == '\n');
}

void shell_feed(struct shell *sh, uint8_t byte)
{
    if (byte == CTRL('C') && sh->has_script) {
        sh->is_interrupted = true;
        sh->ahead_out = sh->ahead_in;
        return;
    }
    if (ends_job(sh, byte)) {
        sh->job.is_ended = true;
        sh->ahead_out = sh->ahead_in;
        return;
    }
    if (shell_room(sh) > 0)
        sh->ahead[sh->ahead_in++ % SHELL_AHEAD] = byte;
}

unsigned shell_room(const struct shell *sh)
{
    return SHELL_AHEAD - (sh->ahead_in - sh->ahead_out);
}

/* A ^C typed behind a line that has just been taken, before it was: it ends that line's commands, as
 * one typed now would, and what was typed between is dropped. */
static void take_interrupt(struct shell *sh)
{
    for (uint32_t at = sh->ahead_in; at != sh->ahead_out; at--)
        if (sh->ahead[(at - 1) % SHELL_AHEAD] == CTRL('C')) {
            sh->ahead_out = at;
            sh->is_interrupted = true;
            return;
        }
}

bool shell_poll(struct shell *sh)
{
    if (sh->has_job) {
        poll_job(sh);
        return true;
    }
    if (sh->has_script && sh->is_interrupted) {
        sh->is_interrupted = false;
        command_ended(sh, COMMAND_FAILED);
        return true;
    }
    if (sh->has_script) {
        run_next(sh);
        return true;
    }
    if (!sh->is_started || sh->ahead_in == sh->ahead_out)
        return false;
    for (unsigned i = 0; i < EDIT_BYTES_MAX && sh->ahead_in != sh->ahead_out; i++) {
        key(sh, sh->ahead[sh->ahead_out++ % SHELL_AHEAD]);
        if (sh->has_script) {
            take_interrupt(sh);
            break;
        }
    }
    return true;
}

void shell_interject(struct shell *sh, const char *text, size_t bytes)
{
    bool is_editing = sh->is_started && !shell_is_printing(sh);
    if (is_editing)
        out_text(sh->out, "\r\033[K");
    put(sh, text, bytes);
    if (is_editing)
        redraw(sh);
}
