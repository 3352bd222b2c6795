/* SPDX-License-Identifier: BSD-2-Clause
 * Command lines: a line is split into words, and the words are looked up in the table of commands
 * by unique prefixes. Pure; used by shell.c.
 */
#ifndef KERNEL_CONSOLE_WORDS_H
#define KERNEL_CONSOLE_WORDS_H

#include "kernel/console/command.h"

#define WORDS_LINE_MAX 1023u /* bytes of one line; a capture's filter is long */
#define WORDS_MAX      384u  /* words of one command */

/* A split command line; the words point into text. */
struct words {
    unsigned n;
    const char *word[WORDS_MAX];
    char text[WORDS_LINE_MAX + 1];
};

enum words_result {
    WORDS_OK,
    WORDS_QUOTE,    /* a quote is open at the end; the words up to there are valid */
    WORDS_TOO_MANY, /* more than WORDS_MAX, or text longer than WORDS_LINE_MAX */
};

/* Split at spaces. '...' and "..." quote a word or a part of one; an empty pair of quotes alone is
 * an empty word. */
enum words_result words_split(struct words *words, const char *text, size_t bytes);

/* Bytes up to the first ';' outside quotes, or up to the end. */
size_t words_until_semicolon(const char *text);

/* The table of commands. */
struct commands {
    const struct command *first, *end;
    /* Called with the number of instructions that are about to be executed, about once for each command
     * looked at; NULL: no one counts. */
    void (*spend)(uint32_t instructions);
};

enum match_result {
    MATCH_OK,
    MATCH_UNKNOWN,    /* no command has the word at index `words` in that place */
    MATCH_AMBIGUOUS,  /* that word is a prefix of several words */
    MATCH_INCOMPLETE, /* the words are the beginning of longer command names only */
};

struct match {
    enum match_result result;
    const struct command *command; /* with MATCH_OK */
    unsigned words;                /* how many words matched; with MATCH_OK those of the name */
};

/* Find the command whose name the words begin with. Each word may be a prefix that is unique after
 * the words before it; a whole word wins over longer words that it is a prefix of. The words after
 * the name are not examined. */
struct match words_match(const struct commands *commands, unsigned argc, const char *const *argv);

/* The possible words at index argc after the argc words before it, starting with `partial`. */
struct choice {
    unsigned n;          /* how many words are possible */
    const char *letters; /* their common prefix (not NUL-terminated); points into the table */
    size_t bytes;
};
struct choice words_complete(const struct commands *commands, unsigned argc,
                             const char *const *argv, const char *partial);

/* List, sorted, every command that the given words match as prefixes, with usage and help, in 80
 * columns. Returns how many. */
unsigned words_list(const struct commands *commands, const struct out *out, unsigned argc,
                    const char *const *argv);

/* Does the usage text allow -j? Does it allow other arguments? */
bool usage_has_json(const char *usage);
bool usage_has_words(const char *usage);

#endif
