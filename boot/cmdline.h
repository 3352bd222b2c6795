/* SPDX-License-Identifier: BSD-2-Clause
 * The boot line: key=value words, split once, then asked for by key and type. A value may be quoted
 * (run="show ports; poweroff"), the whole word too ("run=show ports", as GRUB passes it). \", \' and
 * \\ stand for themselves. The known keys are one table at the top of cmdline.c.
 * Pure. Read next: kernel/lib/parse.h.
 */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include "arch/types.h"
#include "kernel/lib/parse.h"

#define CMDLINE_BYTES_MAX  2048
#define CMDLINE_PARAMS_MAX 96

struct cmdline_param {
    const char *key;   /* NUL-terminated, inside text */
    const char *value; /* NUL-terminated, inside text; NULL where the word had no '=' */
};

struct cmdline {
    char text[CMDLINE_BYTES_MAX]; /* our copy, cut into words */
    struct cmdline_param params[CMDLINE_PARAMS_MAX];
    unsigned n;
    bool is_cut;        /* longer than text, or more words than params: the rest is not there */
    bool quote_is_open; /* the last quote was never closed; it is taken to end with the line */
};

/* Split at most max bytes of line (it ends at a NUL before that). */
void cmdline_parse(struct cmdline *c, const char *line, size_t max);

/* Say what is wrong, one call of say for each unknown key (with the nearest known one), malformed
 * value, repeated key, cut line. Returns how many. */
unsigned cmdline_judge(const struct cmdline *c, void (*say)(void *context, const char *text),
                       void *context);

/* The value of a key, NULL if it is absent. If given more than once, the last one counts. */
const char *cmdline_get(const struct cmdline *c, const char *key);
/* The values of a key that may repeat, in order: start with *cursor = 0; NULL after the last. */
const char *cmdline_next(const struct cmdline *c, const char *key, unsigned *cursor);

/* Typed: false, with *out untouched, if the key is absent or its value malformed (cmdline_judge has
 * then said so): set *out to the default first. */
bool cmdline_u64(const struct cmdline *c, const char *key, uint64_t *out);
bool cmdline_ipv4(const struct cmdline *c, const char *key, be32_t *out);
bool cmdline_prefix(const struct cmdline *c, const char *key, struct ipv4_prefix *out);
/* *out becomes the value's position in the list of words that the table gives for this key. */
bool cmdline_enum(const struct cmdline *c, const char *key, unsigned *out);

/* Take a value of console= apart: ttyS<line>, optionally with ,baud (*baud is left alone without).
 */
bool cmdline_console(const char *value, uint64_t *line, uint64_t *baud);

/* One row of the table of known keys; tests/lint/commands.py reads them too. */
enum cmdline_kind {
    CMDLINE_TEXT,    /* anything */
    CMDLINE_COUNT,   /* parse_u64 */
    CMDLINE_ENUM,    /* one of words */
    CMDLINE_IPV4,    /* parse_ipv4 */
    CMDLINE_PREFIX,  /* parse_prefix */
    CMDLINE_ROUTE,   /* prefix,gateway or prefix,portN or prefix,reject */
    CMDLINE_CONSOLE, /* ttyS0..ttyS3, optionally ,baud */
};
struct cmdline_key {
    const char *name; /* '#' stands for a number 0..31, as in port#.ip */
    enum cmdline_kind kind;
    bool repeats;      /* may be given more than once */
    const char *words; /* CMDLINE_ENUM: "a|b|c"; else NULL */
    const char *app;   /* whose it is: without effect under any other; NULL: everybody's */
    bool needs_address; /* without effect where the port (its own, or any) has none */
};
/* Has parameter i, as far as cmdline_judge lets it pass, no effect where this application runs on so
 * many ports? Then text says why. */
bool cmdline_is_idle(const struct cmdline *c, unsigned i, const char *app, unsigned ports_n,
                     char *text, size_t n);
/* Row i of the table, NULL behind the last. */
const struct cmdline_key *cmdline_key(unsigned i);
/* The row that a key as given belongs to ("port3.ip" to "port#.ip"); NULL: it is not known. */
const struct cmdline_key *cmdline_find(const char *given);
/* Would cmdline_judge let parameter i pass: key known, value understood, no later one in its place? */
bool cmdline_is_good(const struct cmdline *c, unsigned i);

#endif
