/* SPDX-License-Identifier: BSD-2-Clause
 * See text.h. */
#include "boot/efi/text.h"

/* One byte more than a boot line, so that the kernel warns of a cut. */
#define CONFIG_LINE_BYTES 2049

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

size_t text_length(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

/* Append text to `to`, a buffer of n bytes; what does not fit is left out. */
static void add(char *to, size_t n, const char *text)
{
    size_t at = text_length(to);
    while (*text && at + 1 < n)
        to[at++] = *text++;
    to[at] = 0;
}

/* Characters of `step` bytes each, little-endian, up to a NUL or the end. */
static bool read_text(const uint8_t *from, size_t bytes, size_t step, char *to, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i + step <= bytes; i += step) {
        char c = (char)from[i];
        if (step == 2 && from[i + 1])
            return false;
        if (!c)
            break;
        if ((c < ' ' || c > '~') && !is_blank(c))
            return false;
        if (len + 1 < n)
            to[len++] = c;
    }
    to[len] = 0;
    return len > 0;
}

bool text_from_options(const void *options, size_t bytes, char *line, size_t n)
{
    line[0] = 0;
    if (!options ||
        (!read_text(options, bytes, 2, line, n) && !read_text(options, bytes, 1, line, n))) {
        line[0] = 0;
        return false;
    }
    size_t start = 0, end;
    while (is_blank(line[start]))
        start++;
    bool has_equals = false;
    for (end = start; line[end] && !is_blank(line[end]); end++)
        has_equals |= line[end] == '=';
    if (!has_equals)
        start = end;
    while (is_blank(line[start]))
        start++;
    size_t at = 0;
    while (line[start])
        line[at++] = line[start++];
    line[at] = 0;
    return at > 0;
}

static bool begins(const char *text, const char *with)
{
    while (*with)
        if (*text++ != *with++)
            return false;
    return true;
}

void text_from_config(const char *text, size_t bytes, char *line, size_t n,
                      void (*module)(void *context, const char *words), void *context)
{
    char row[CONFIG_LINE_BYTES];
    line[0] = 0;
    if (bytes >= 3 && begins(text, "\xEF\xBB\xBF")) { /* a byte order mark */
        text += 3;
        bytes -= 3;
    }
    for (size_t at = 0; at < bytes && text[at];) {
        size_t len = 0;
        while (at < bytes && is_blank(text[at]))
            at++;
        for (; at < bytes && text[at] && text[at] != '\n'; at++)
            if (len + 1 < sizeof row)
                row[len++] = text[at];
        if (at < bytes && text[at] == '\n')
            at++;
        while (len > 0 && is_blank(row[len - 1]))
            len--;
        row[len] = 0;
        if (len == 0 || row[0] == '#')
            continue;
        if (begins(row, "module=")) {
            module(context, row + 7);
            continue;
        }
        if (line[0])
            add(line, n, " ");
        add(line, n, row);
    }
}

void text_module(const char *words, char *file, size_t file_n, char *name, size_t name_n)
{
    size_t len = 0;
    for (; *words && !is_blank(*words); words++)
        if (len + 1 < file_n)
            file[len++] = *words;
    file[len] = 0;
    while (is_blank(*words))
        words++;
    name[0] = 0;
    add(name, name_n, *words ? words : file);
}
