/* SPDX-License-Identifier: BSD-2-Clause
 * The boot line: key=value words, split once, then looked up by key and type. A value may be quoted
 * (run="show ports; poweroff"), or the whole word ("run=show ports", as GRUB passes it). \", \' and
 * \\ are literal characters. Known keys are a table that the linker collects: a new one is declared in
 * the file that uses it, read there by a typed getter, and documented by one row of boot/README.md.
 *
 *     BOOT_KEY("port#.gw", CMDLINE_IPV4, .needs_address = true);
 *
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
    char text[CMDLINE_BYTES_MAX]; /* a copy, split into words */
    struct cmdline_param params[CMDLINE_PARAMS_MAX];
    unsigned n;
    bool is_cut;        /* too long for text, or too many words for params: the rest is dropped */
    bool quote_is_open; /* the last quote is not closed; the value ends with the line */
};

/* Split line, of at most max bytes; a NUL ends it earlier. */
void cmdline_parse(struct cmdline *c, const char *line, size_t max);

/* Validate the line: one call of warn for each unknown key (with the nearest known one), invalid
 * value, repeated key, open quote and for a line that is too long. Returns how many. */
unsigned cmdline_validate(const struct cmdline *c, void (*warn)(void *context, const char *text),
                          void *context);

/* The value of a key, NULL if it is absent. If the key is repeated, its last value. */
const char *cmdline_get(const struct cmdline *c, const char *key);
/* The values of a key that may repeat, in order: start with *cursor = 0; NULL after the last. */
const char *cmdline_next(const struct cmdline *c, const char *key, unsigned *cursor);

/* The VLANs of a port that have an address (portN.VLAN.ip=), in order: start with *cursor = 0. False:
 * no more. */
bool cmdline_next_vlan(const struct cmdline *c, unsigned port, unsigned *cursor, unsigned *vlan);

/* Get a value by type. False, with *out unchanged, if the key is absent or its value invalid (of
 * which cmdline_validate has warned): set *out to the default first. */
bool cmdline_u64(const struct cmdline *c, const char *key, uint64_t *out);
bool cmdline_ipv4(const struct cmdline *c, const char *key, be32_t *out);
bool cmdline_prefix(const struct cmdline *c, const char *key, struct ipv4_prefix *out);
bool cmdline_prefixes(const struct cmdline *c, const char *key,
                      struct ipv4_prefix out[PREFIXES_MAX], unsigned *n);
/* *out: the position of the value in the key's list of words in the table. */
bool cmdline_enum(const struct cmdline *c, const char *key, unsigned *out);

enum cmdline_kind {
    CMDLINE_TEXT,      /* anything */
    CMDLINE_COUNT,     /* parse_u64 */
    CMDLINE_ENUM,      /* one of words */
    CMDLINE_IPV4,      /* parse_ipv4 */
    CMDLINE_PREFIX,    /* parse_prefix */
    CMDLINE_PREFIXES,  /* parse_prefixes */
    CMDLINE_ROUTE,     /* prefix,gateway or prefix,portN or prefix,reject */
    CMDLINE_CONSOLE,   /* console_key_parse */
    CMDLINE_CARD,      /* parse_card */
    CMDLINE_NEIGHBOUR, /* parse_neighbour */
};
/* A known key. */
struct cmdline_key {
    const char *name; /* '#': a number 0..31, a port's; '*': 0..4095, a VLAN's, as in port#.*.ip */
    enum cmdline_kind kind;
    bool repeats;       /* may be given more than once */
    const char *words;  /* CMDLINE_ENUM: "a|b|c"; else NULL */
    const char *app;    /* the application that uses it; NULL: all use it */
    bool needs_address; /* no effect unless its port (or any port, if it has none) has an address */
};

/* Register a key: its name and kind, then further fields as designated initializers. Starts a line,
 * and ends with one: tests/lint/commands.py and the host tests find it by that. */
#define BOOT_KEY(name_, kind_, ...) BOOT_KEY_AT(__LINE__, name_, kind_, __VA_ARGS__)
#define BOOT_KEY_AT(line_, ...)     BOOT_KEY_AS(line_, __VA_ARGS__)
#define BOOT_KEY_AS(line_, name_, kind_, ...)                                                      \
    static const struct cmdline_key boot_key_##line_ __attribute__((                               \
        used, section("boot_keys"), aligned(8))) = {.name = name_, .kind = kind_, __VA_ARGS__}

/* The collected table; linker.ld defines the bounds. */
extern const struct cmdline_key boot_keys_start[], boot_keys_end[];

/* Is parameter i valid but without effect when application `app` runs on ports_n ports? Then text
 * says why. */
bool cmdline_has_no_effect(const struct cmdline *c, unsigned i, const char *app, unsigned ports_n,
                           char *text, size_t n);
/* The row that matches a given key ("port#.ip" for "port3.ip"); NULL: unknown. */
const struct cmdline_key *cmdline_find(const char *given);
/* Is parameter i valid: key known, value valid, not overridden by a later one? */
bool cmdline_is_valid(const struct cmdline *c, unsigned i);

#endif
