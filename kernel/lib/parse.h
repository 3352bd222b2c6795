/* SPDX-License-Identifier: BSD-2-Clause
 * Words to values, for the boot line and the console alike. Each function takes the whole word:
 * anything left over makes it false, and *out is then untouched.
 */
#ifndef KERNEL_LIB_PARSE_H
#define KERNEL_LIB_PARSE_H

#include "arch/types.h"

struct ipv4_prefix {
    be32_t address; /* as written: host bits are kept */
    uint8_t bits;   /* 0..32 */
};

/* Decimal or 0x hexadecimal; one of k, m, g (either case) behind it multiplies by a thousand, a
 * million, 10^9, as in the options of a trial. False if it does not fit into 64 bits. */
bool parse_u64(const char *word, uint64_t *out);
/* Four decimal numbers 0..255 between dots, without leading zeroes. */
bool parse_ipv4(const char *word, be32_t *out);
/* address/bits; without "/bits" it is a single address, 32. */
bool parse_prefix(const char *word, struct ipv4_prefix *out);
/* The position of word in a list such as "halt|reboot|exit". */
bool parse_enum(const char *word, const char *words, unsigned *out);

/* How many letters must change, come or go to make a of b; both at most 31 letters, longer ones
 * are compared by their beginning. For "did you mean". */
unsigned parse_distance(const char *a, const char *b);

#endif
