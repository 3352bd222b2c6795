/* SPDX-License-Identifier: BSD-2-Clause
 * What compile.c, arithmetic.c and reader.c share. Pure.
 */
#ifndef NET_FILTER_INTERNAL_H
#define NET_FILTER_INTERNAL_H

#include "net/filter/compile.h"

/* reader.c: go to the next word; is this one that sign? */
void filter_next(struct filter_work *work);
bool filter_is_sign(const struct filter_work *work, uint32_t sign);
/* Note that `what` is missing before this word, and read no further. */
void filter_missing(struct filter_work *work, const char *what);
/* Go behind this sign, or note that `what` is missing. */
void filter_expect(struct filter_work *work, uint32_t sign, const char *what);

/* arithmetic.c: read terms and the operators between them; returns the term that is the whole.
 * `depth`: of parentheses. The second has read `left` already. */
unsigned filter_arithmetic(struct filter_work *work, unsigned depth);
unsigned filter_arithmetic_from(struct filter_work *work, unsigned left, unsigned depth);
/* Code a comparison: `left` was read, an operator and its right side follow. */
struct test filter_comparison(struct filter_work *work, unsigned left, unsigned depth);

#endif
