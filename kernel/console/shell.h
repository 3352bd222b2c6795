/* SPDX-License-Identifier: BSD-2-Clause
 * The operator's shell: a line editor, a tokeniser and the look-up of commands by unique prefix.
 * Bytes go in one by one, text comes out through struct out, and shell_poll does a bounded piece of
 * work at a time, so that it can be served between two bursts of frames. Any byte at any speed is
 * safe. Pure: no serial line is known here (console.c joins the two).
 *
 * Keys: printable ASCII; Enter; Backspace; Del or ^D; arrows, Home and End or ^B ^F ^A ^E; history
 * by up and down or ^P ^N; ^U kills to the start of the line, ^K to its end, ^W the word before the
 * cursor; ^L redraws; ^C leaves the line, or ends the command that waits. Tab completes a command's
 * word, `?` lists what may stand here (both are plain characters inside quotes).
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
    uint8_t escape;      /* where in an escape sequence we are: enum escape of shell.c */
    uint8_t escape_digit;
    uint8_t escape_bytes;
    bool was_return; /* the last byte was '\r': a '\n' right after it is the same Enter */

    /* Line i, counted from the first ever, is at i % SHELL_HISTORY. */
    char history[SHELL_HISTORY][SHELL_LINE_MAX + 1];
    unsigned history_n;
    unsigned history_at;             /* the one on display; history_n: none */
    char unsent[SHELL_LINE_MAX + 1]; /* what was typed before history was looked at */

    /* Commands under way: what is left of the line, and the one that waits; then, by shell_run_file,
     * what is left of a file. */
    char script[SHELL_LINE_MAX + 1];
    unsigned script_at;
    struct words words; /* of the command that runs, of the line at a Tab: too big for a stack */
    struct {
        char name[32]; /* "": none */
        const char *text;
        size_t bytes;
        unsigned line; /* the present one, from 1 on */
    } file;
    bool is_started;
    bool has_script;
    bool is_echoing; /* the script was not typed: show each command before it runs */
    bool has_job;
    bool is_interrupted;
    struct job job;

    /* Bytes typed that have not been looked at; positions run free. */
    uint8_t ahead[SHELL_AHEAD];
    uint32_t ahead_in, ahead_out;
};

/* Make it ready. Nothing is printed before the first poll after shell_start. What is handed over
 * must outlive it. */
void shell_init(struct shell *sh, const struct commands *commands, const struct out *out,
                const char *prompt);
/* Run these commands, if not NULL, then prompt. False: the text is longer than SHELL_LINE_MAX or
 * holds other than printable ASCII; nothing of it is run. */
bool shell_start(struct shell *sh, const char *commands);
/* A command's call: run the lines of this text next, each shown like a script's, up to the first that
 * fails, which is then named. '#' begins a comment. The text must live on. False: another file is
 * under way, or something follows on the present line. */
bool shell_run_file(struct shell *sh, const char *name, const char *text, size_t bytes);
/* Take one typed byte. It is lost if shell_room is 0. */
void shell_feed(struct shell *sh, uint8_t byte);
unsigned shell_room(const struct shell *sh);
/* Do one piece of work: poll the job, or run one command, or edit by at most 32 bytes. False: there
 * was nothing to do. */
bool shell_poll(struct shell *sh);
/* Text from elsewhere (a log line, whole lines only) comes up: print it above the line being
 * edited and restore that. */
void shell_interject(struct shell *sh, const char *text, size_t bytes);

#endif
