/* SPDX-License-Identifier: BSD-2-Clause
 * Going through the words of a filter expression. See internal.h.
 */
#include "kernel/lib/fmt.h"
#include "net/filter/internal.h"

void filter_next(struct filter_work *work)
{
    filter_spend(&work->code, 3000); /* with what is coded of it */
    work->word = filter_word(work->word.at + work->word.n);
}

/* Note what is wrong, and read no further. */
void filter_missing(struct filter_work *work, const char *what)
{
    const struct filter_word *word = &work->word;

    if (word->kind == FW_END)
        filter_wrong(&work->code, "%s is missing at the end", what);
    else if (word->kind == FW_UNSUPPORTED)
        filter_wrong(&work->code, "%.*s is not supported", (int)MIN(word->n, (size_t)20), word->at);
    else
        filter_wrong(&work->code, "%s is missing before \"%.*s\"", what,
                     (int)MIN(word->n, (size_t)20), word->at);
    work->word = (struct filter_word){.kind = FW_END, .at = ""};
}

bool filter_is_sign(const struct filter_work *work, uint32_t sign)
{
    return work->word.kind == FW_SIGN && work->word.value == sign;
}

void filter_expect(struct filter_work *work, uint32_t sign, const char *what)
{
    if (filter_is_sign(work, sign))
        filter_next(work);
    else
        filter_missing(work, what);
}
