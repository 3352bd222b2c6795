/* SPDX-License-Identifier: BSD-2-Clause
 * Routes as text; see text.h.
 */
#include "net/route/text.h"

#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"

#define WORD_MAX 24u

const char *route_parse_prefix(const char *word, struct route_line *line)
{
    struct ipv4_prefix prefix;

    if (!parse_prefix(word, &prefix))
        return "the prefix is invalid; expected A.B.C.D/BITS";
    line->prefix = be32_get(prefix.address);
    line->bits = prefix.bits;
    if (line->bits < 32 && line->prefix << line->bits != 0)
        return "bits are set after the prefix";
    return NULL;
}

const char *route_parse_via(const char *word, struct route_line *line)
{
    be32_t gateway;

    if (str_equal(word, "reject")) {
        line->via = ROUTE_VIA_REJECT;
    } else if (parse_port(word, &line->port, &line->vlan)) {
        line->via = ROUTE_VIA_PORT;
    } else if (parse_ipv4(word, &gateway)) {
        line->via = ROUTE_VIA_GATEWAY;
        line->gateway = be32_get(gateway);
    } else {
        return "the gateway is invalid; expected an address, portN, portN.VLAN or reject";
    }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word before `end`, NUL-terminated and truncated to WORD_MAX. False: none. */
static bool take_word(const char **at, const char *end, char word[WORD_MAX])
{
    size_t n = 0;

    while (*at < end && is_blank(**at))
        (*at)++;
    const char *first = *at;
    for (; *at < end && !is_blank(**at) && **at != '#'; (*at)++)
        if (n < WORD_MAX - 1)
            word[n++] = **at;
    word[n] = 0;
    return *at != first;
}

bool route_text_next(struct route_text *text, struct route_line *line, const char **wrong)
{
    char prefix[WORD_MAX], via[WORD_MAX], more[WORD_MAX];

    while (text->bytes > 0) {
        const char *at = text->at, *end = at;

        while (end < at + text->bytes && *end != '\n')
            end++;
        text->bytes -= (size_t)(end - at);
        text->at = end;
        if (text->bytes > 0) {
            text->bytes--;
            text->at++;
        }
        text->number++;
        if (!take_word(&at, end, prefix))
            continue;
        bool has_via = take_word(&at, end, via), has_more = take_word(&at, end, more);
        *line = (struct route_line){0};
        *wrong = route_parse_prefix(prefix, line);
        if (!*wrong)
            *wrong = !has_via   ? "the gateway is missing"
                     : has_more ? "excess words after the gateway"
                                : route_parse_via(via, line);
        return true;
    }
    return false;
}
