/* SPDX-License-Identifier: BSD-2-Clause
 * What the operator's words mean: a line is split into words, and words are looked up in the table
 * of commands by unique beginnings. Pure; used by shell.c.
 */
#ifndef KERNEL_CONSOLE_WORDS_H
#define KERNEL_CONSOLE_WORDS_H

#include "kernel/console/command.h"

#define WORDS_LINE_MAX 1023u /* bytes of one line: a capture's filter is long */
#define WORDS_MAX      384u  /* words of one command */

/* A command line taken apart; the words lie in text. */
struct words {
    unsigned n;
    const char *word[WORDS_MAX];
    char text[WORDS_LINE_MAX + 1];
};

enum words_result {
    WORDS_OK,
    WORDS_QUOTE,    /* a quote is open at the end; words up to there are in place */
    WORDS_TOO_MANY, /* more than WORDS_MAX, or text longer than WORDS_LINE_MAX */
};

/* Split at spaces. '...' and "..." keep what is between them, also as a part of a word; a pair of
 * quotes alone is an empty word. */
enum words_result words_split(struct words *words, const char *text, size_t bytes);

/* Bytes up to the first ';' outside quotes, or up to the end. */
size_t words_until_semicolon(const char *text);

/* The commands. */
struct commands {
    const struct command *first, *end;
};

enum match_result {
    MATCH_OK,
    MATCH_UNKNOWN,    /* no command has the word at `words` there */
    MATCH_AMBIGUOUS,  /* several have */
    MATCH_INCOMPLETE, /* the words begin commands of more words, and are none themselves */
};

struct match {
    enum match_result result;
    const struct command *command; /* with MATCH_OK */
    unsigned words;                /* how many words were understood; with MATCH_OK its name */
};

/* Find the command that the words begin with. Each word may be any beginning that fits one choice
 * only, given those before it; a whole word wins over a longer one that it begins. What follows the
 * name is left alone. */
struct match words_match(const struct commands *commands, unsigned argc, const char *const *argv);

/* What may stand as word argc, given argc words before it, beginning with `partial`. */
struct choice {
    unsigned n;          /* how many words fit */
    const char *letters; /* what all of them begin with (not terminated); lies in the table */
    size_t bytes;
};
struct choice words_complete(const struct commands *commands, unsigned argc,
                             const char *const *argv, const char *partial);

/* List, sorted, every command whose name's words the given words begin, with usage and help, in 80
 * columns. Returns how many. */
unsigned words_list(const struct commands *commands, const struct out *out, unsigned argc,
                    const char *const *argv);

/* Does the usage text allow -j; does it allow anything else? */
bool usage_has_json(const char *usage);
bool usage_has_words(const char *usage);

#endif
