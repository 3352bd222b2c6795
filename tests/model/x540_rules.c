/* SPDX-License-Identifier: BSD-2-Clause
 * Keeps what the driver did wrong: one complaint a rule, with a count, in the order of first sight.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "x540_internal.h"

static const struct x540_rule_info rules[RULE_COUNT] = {
#define RULE(id, name, error, section, text) {name, error, section, text},
    X540_RULES(RULE)
#undef RULE
};

const struct x540_rule_info *x540_rule_info(uint32_t i)
{
    return i < RULE_COUNT ? &rules[i] : NULL;
}

void x540_complain(struct x540 *card, enum x540_rule rule, const char *format, ...)
{
    struct x540_complaint *complaint = &card->complaints[rule];
    va_list args;

    if (complaint->count++ > 0)
        return;
    complaint->rule = rules[rule].name;
    complaint->error = rules[rule].error;
    complaint->first_ns = card->now;
    card->complaint_order[card->complaint_count++] = (uint8_t)rule;
    va_start(args, format);
    vsnprintf(complaint->text, sizeof(complaint->text), format, args);
    va_end(args);
}

const struct x540_complaint *x540_complaint(const struct x540 *card, uint32_t i)
{
    return i < card->complaint_count ? &card->complaints[card->complaint_order[i]] : NULL;
}

void x540_forget_complaints(struct x540 *card)
{
    memset(card->complaints, 0, sizeof(card->complaints));
    card->complaint_count = 0;
}
