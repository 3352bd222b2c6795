/* SPDX-License-Identifier: BSD-2-Clause
 * Words and the look-up of commands; see words.h. The table is unsorted and small, so sorted
 * listings and completions search the whole table for each next item.
 */
#include "kernel/console/words.h"

#include "kernel/lib/str.h"

enum words_result words_split(struct words *words, const char *text, size_t bytes)
{
    char quote = 0;
    bool is_in_word = false;
    size_t at = 0;

    words->n = 0;
    if (bytes > WORDS_LINE_MAX)
        return WORDS_TOO_MANY;
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (quote == 0 && c == ' ') {
            if (is_in_word)
                words->text[at++] = 0;
            is_in_word = false;
            continue;
        }
        if (!is_in_word) {
            if (words->n == WORDS_MAX)
                return WORDS_TOO_MANY;
            words->word[words->n++] = words->text + at;
            is_in_word = true;
        }
        if (quote == 0 && (c == '"' || c == '\''))
            quote = c;
        else if (c == quote)
            quote = 0;
        else
            words->text[at++] = c; /* fits: each byte of the line gives at most one byte here */
    }
    words->text[at] = 0;
    return quote != 0 ? WORDS_QUOTE : WORDS_OK;
}

size_t words_until_semicolon(const char *text)
{
    char quote = 0;
    size_t i = 0;
    for (; text[i] != 0 && (quote != 0 || text[i] != ';'); i++) {
        if (quote == 0 && (text[i] == '"' || text[i] == '\''))
            quote = text[i];
        else if (text[i] == quote)
            quote = 0;
    }
    return i;
}

#define LOOK_COST 300u /* instructions to compare a command's name with words */

static void spend(const struct commands *commands, uint32_t instructions)
{
    if (commands->spend != NULL)
        commands->spend(instructions);
}

/* A word of a command's name; points into the table. */
struct part {
    const char *letters; /* NULL: no such word */
    size_t bytes;
};

static struct part name_word(const struct command *command, unsigned i)
{
    const char *from = command->name;
    for (; i > 0; i--) {
        from = strchr(from, ' ');
        if (from == NULL)
            return (struct part){NULL, 0};
        from++;
    }
    const char *to = strchr(from, ' ');
    return (struct part){from, to != NULL ? (size_t)(to - from) : strlen(from)};
}

/* Compare like strcmp. */
static int part_compare(struct part a, struct part b)
{
    int order = memcmp(a.letters, b.letters, MIN(a.bytes, b.bytes));
    return order != 0 ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static bool begins(struct part part, const char *prefix)
{
    size_t bytes = strlen(prefix);
    return part.bytes >= bytes && memcmp(part.letters, prefix, bytes) == 0;
}

/* Are the first n words of both names equal? */
static bool same_path(const struct command *a, const struct command *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct part x = name_word(a, i), y = name_word(b, i);
        if (x.letters == NULL || y.letters == NULL || part_compare(x, y) != 0)
            return false;
    }
    return true;
}

/* A node in the tree of names: after the first n words of this command's name. */
struct path {
    const struct command *command;
    unsigned n;
};

/* The smallest possible next word that starts with prefix and is greater than `after` (if that has
 * letters). *with: a command that has this word there. */
static struct part next_word(const struct commands *commands, struct path path, const char *prefix,
                             struct part after, const struct command **with)
{
    struct part best = {NULL, 0};
    for (const struct command *c = commands->first; c < commands->end; c++) {
        spend(commands, LOOK_COST);
        if (path.n > 0 && !same_path(c, path.command, path.n))
            continue;
        struct part part = name_word(c, path.n);
        if (part.letters == NULL || !begins(part, prefix))
            continue;
        if (after.letters != NULL && part_compare(part, after) <= 0)
            continue;
        if (best.letters == NULL || part_compare(part, best) < 0) {
            best = part;
            *with = c;
        }
    }
    return best;
}

/* The command whose name ends at this node, or NULL. */
static const struct command *command_at(const struct commands *commands, struct path path)
{
    for (const struct command *c = commands->first; c < commands->end; c++) {
        spend(commands, LOOK_COST);
        if (path.n > 0 && same_path(c, path.command, path.n) &&
            name_word(c, path.n).letters == NULL)
            return c;
    }
    return NULL;
}

/* Descend along the word that `prefix` identifies. A whole word sorts before the longer words that
 * it is a prefix of, so next_word finds it first. */
static enum match_result step(const struct commands *commands, struct path *path,
                              const char *prefix)
{
    const struct part none = {NULL, 0};
    const struct command *with = NULL, *other = NULL;
    struct part word = next_word(commands, *path, prefix, none, &with);
    if (word.letters == NULL)
        return MATCH_UNKNOWN;
    if (word.bytes != strlen(prefix) &&
        next_word(commands, *path, prefix, word, &other).letters != NULL)
        return MATCH_AMBIGUOUS;
    *path = (struct path){with, path->n + 1};
    return MATCH_OK;
}

struct match words_match(const struct commands *commands, unsigned argc, const char *const *argv)
{
    struct match found = {MATCH_INCOMPLETE, NULL, 0};
    struct path path = {NULL, 0};
    enum match_result result = MATCH_INCOMPLETE;

    while (path.n < argc) {
        result = step(commands, &path, argv[path.n]);
        if (result != MATCH_OK)
            break;
        const struct command *command = command_at(commands, path);
        if (command != NULL)
            found = (struct match){MATCH_OK, command, path.n};
        result = MATCH_INCOMPLETE;
    }
    if (found.command != NULL)
        return found;
    return (struct match){result, NULL, path.n};
}

struct choice words_complete(const struct commands *commands, unsigned argc,
                             const char *const *argv, const char *partial)
{
    struct choice choice = {0, NULL, 0};
    struct path path = {NULL, 0};
    struct part word = {NULL, 0};
    const struct command *with;

    while (path.n < argc)
        if (step(commands, &path, argv[path.n]) != MATCH_OK)
            return choice;
    while ((word = next_word(commands, path, partial, word, &with)).letters != NULL) {
        if (choice.n++ == 0) {
            choice.letters = word.letters;
            choice.bytes = word.bytes;
        }
        size_t same = 0;
        while (same < choice.bytes && same < word.bytes &&
               choice.letters[same] == word.letters[same])
            same++;
        choice.bytes = same;
    }
    return choice;
}

unsigned words_list(const struct commands *commands, const struct out *out, unsigned argc,
                    const char *const *argv)
{
    const struct command *last = NULL;
    unsigned n = 0;
    for (;;) {
        const struct command *next = NULL;
        for (const struct command *c = commands->first; c < commands->end; c++) {
            bool fits = true;
            spend(commands, LOOK_COST);
            for (unsigned i = 0; i < argc && fits; i++) {
                struct part part = name_word(c, i);
                if (part.letters == NULL)
                    break; /* these words are arguments */
                fits = begins(part, argv[i]);
            }
            if (fits && (last == NULL || strcmp(c->name, last->name) > 0) &&
                (next == NULL || strcmp(c->name, next->name) < 0))
                next = c;
        }
        if (next == NULL)
            return n;
        size_t bytes = strlen(next->name) + 1 + strlen(next->usage);
        out_printf(out, "  %s %s%*s%s\n", next->name, next->usage,
                   bytes < 28 ? (int)(28 - bytes) : 1, "", next->help);
        last = next;
        n++;
    }
}

bool usage_has_json(const char *usage)
{
    for (; (usage = strchr(usage, '[')) != NULL; usage++)
        if (str_starts(usage, "[-j]"))
            return true;
    return false;
}

bool usage_has_words(const char *usage)
{
    while (*usage != 0) {
        if (str_starts(usage, "[-j]"))
            usage += 4;
        else if (*usage == ' ')
            usage++;
        else
            return true;
    }
    return false;
}
