/* SPDX-License-Identifier: BSD-2-Clause
 * The operator's shell: a line editor, a tokeniser and the look-up of commands by unique prefix.
 * Input is fed byte by byte, output goes through struct out, and each shell_poll does a bounded
 * step of work, so that it can run between two bursts of frames. Any input at any speed is safe.
 * Pure: it does not know the serial line (console.c connects the two).
 *
 * Keys: printable ASCII; Enter; Backspace; Del or ^D; arrows, Home and End or ^B ^F ^A ^E; history
 * by up and down or ^P ^N; ^U kills to the start of the line, ^K to its end, ^W the word before the
 * cursor; ^L redraws; ^C cancels the line, or ends the running command. Tab completes a command's
 * word, `?` lists the possible commands (both are plain characters inside quotes).
 *
 * A line holds commands with ';' between them. They run in order up to the first that fails. Words
 * are separated by spaces; '...' and "..." keep spaces, ';' and '?' in a word.
 */
#ifndef KERNEL_CONSOLE_SHELL_H
#define KERNEL_CONSOLE_SHELL_H

#include "kernel/console/words.h"

#define SHELL_LINE_MAX WORDS_LINE_MAX
#define SHELL_HISTORY  16u  /* lines kept */
#define SHELL_AHEAD    256u /* bytes typed while a command runs; a power of two */
#define SHELL_COLUMNS  80u  /* width of the terminal; longer lines scroll sideways */

struct shell {
    const struct commands *commands;
    const struct out *out;
    const char *prompt;

    /* The line being edited. It may hold any printable ASCII; line[len] is always 0. */
    char line[SHELL_LINE_MAX + 1];
    unsigned len, cursor;
    unsigned shown_from; /* first character in the visible window */
    uint8_t escape;      /* state of the escape sequence parser: enum escape of shell.c */
    uint8_t escape_digit;
    uint8_t escape_bytes;
    bool was_return; /* the last byte was '\r': a '\n' right after it is the same Enter */

    /* Line i, counted from the first line typed, is at i % SHELL_HISTORY. */
    char history[SHELL_HISTORY][SHELL_LINE_MAX + 1];
    unsigned history_n;
    unsigned history_at;             /* the line on display; history_n: none */
    char unsent[SHELL_LINE_MAX + 1]; /* the edited line while a history line is on display */

    /* Running commands: the rest of the line, and the job; then the rest of the file, if there is
     * one (shell_run_file). */
    char script[SHELL_LINE_MAX + 1];
    unsigned script_at;
    struct words words; /* of the running command, or of the line at a Tab; too big for a stack */
    struct {
        char name[32]; /* "": none */
        const char *text;
        size_t bytes;
        unsigned line; /* number of the current line, from 1 on */
    } file;
    const char *on_failure; /* until the commands of shell_start have ended; NULL: nothing */
    bool is_started;
    bool has_script;
    bool is_echoing; /* the script was not typed: print each command before it runs */
    bool has_job;
    bool is_listing; /* the list of commands is being printed, the edited line is hidden */
    bool is_interrupted;
    struct job job;

    /* Input that has not been processed yet; positions run free. */
    uint8_t ahead[SHELL_AHEAD];
    uint32_t ahead_in, ahead_out;
};

/* Initialize the shell. It prints nothing before the first poll after shell_start. All arguments
 * must stay valid. */
void shell_init(struct shell *sh, const struct commands *commands, const struct out *out,
                const char *prompt);
/* Run these commands, if not NULL, then show the prompt. If one fails, or none can be run, run
 * `on_failure` before the prompt (NULL: nothing); not after Ctrl-C. False: the text is longer than
 * SHELL_LINE_MAX or contains other than printable ASCII; none of it is run. */
bool shell_start(struct shell *sh, const char *commands, const char *on_failure);
/* Called by a command: run the lines of this text next, each printed before it runs, up to the
 * first that fails, whose number is then printed. '#' starts a comment line. The text must stay
 * valid. False: another file is running, or the current line has further commands. */
bool shell_run_file(struct shell *sh, const char *name, const char *text, size_t bytes);
/* Feed one byte of input. It is lost if shell_room is 0. */
void shell_feed(struct shell *sh, uint8_t byte);
/* How many bytes can be fed. */
unsigned shell_room(const struct shell *sh);
/* Do one step of work: poll the job, or run one command, or process at most 2 bytes of input.
 * False: there was no work. If out->write gives way to other work, that may call the functions above
 * and below, but not this one. */
bool shell_poll(struct shell *sh);
/* Print text from elsewhere (whole lines of the log) above the line being edited, and redraw that
 * line. */
void shell_interject(struct shell *sh, const char *text, size_t bytes);
/* Is the output that of a command, or of a list, and not the prompt and an edited line? */
static inline bool shell_is_printing(const struct shell *sh)
{
    return sh->has_script || sh->is_listing;
}

#endif
