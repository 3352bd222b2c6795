/* SPDX-License-Identifier: BSD-2-Clause
 * The JSON writer (RFC 8259); see json.h.
 */
#include "kernel/lib/json.h"

static void put(struct json *j, const char *text, size_t bytes)
{
    j->out->write(j->out->opaque, text, bytes);
}

#define RUN_MAX 128

/* Write a string in quotes. Each run of plain characters, up to RUN_MAX of them, is one write. */
static void put_string(struct json *j, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    put(j, "\"", 1);
    const char *run = text;
    for (;; text++) {
        uint8_t c = (uint8_t)*text;
        bool is_plain = c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
        if (is_plain && text - run < RUN_MAX)
            continue;
        if (text > run)
            put(j, run, (size_t)(text - run));
        if (c == 0)
            break;
        if (is_plain) {
            run = text;
            continue;
        }
        if (c == '"' || c == '\\') {
            put(j, (char[]){'\\', (char)c}, 2);
        } else if (c == '\n') {
            put(j, "\\n", 2);
        } else {
            put(j, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        }
        run = text + 1;
    }
    put(j, "\"", 1);
}

/* Write the comma and the name that precede a value. */
static void put_name(struct json *j, const char *name)
{
    if (j->has_value >> j->depth & 1)
        put(j, ",", 1);
    j->has_value |= BIT(j->depth);
    if (j->is_array >> j->depth & 1)
        return;
    put_string(j, name != NULL ? name : "");
    put(j, ":", 1);
}

static void open_level(struct json *j, bool is_array)
{
    j->depth++;
    j->has_value &= ~BIT(j->depth);
    j->is_array = (j->is_array & ~BIT(j->depth)) | (is_array ? BIT(j->depth) : 0);
    put(j, is_array ? "[" : "{", 1);
}

void json_begin(struct json *j, const struct out *out)
{
    *j = (struct json){.out = out};
    open_level(j, false);
}

void json_string(struct json *j, const char *name, const char *text)
{
    put_name(j, name);
    if (text == NULL)
        put(j, "null", 4);
    else
        put_string(j, text);
}

void json_u64(struct json *j, const char *name, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    put_name(j, name);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put(j, digits + at, sizeof(digits) - at);
}

void json_bool(struct json *j, const char *name, bool value)
{
    put_name(j, name);
    put(j, value ? "true" : "false", value ? 4 : 5);
}

static void open_named(struct json *j, const char *name, bool is_array)
{
    put_name(j, name);
    if (j->depth >= JSON_DEPTH_MAX)
        put(j, "null", 4);
    else
        open_level(j, is_array);
}

void json_object(struct json *j, const char *name)
{
    open_named(j, name, false);
}

void json_array(struct json *j, const char *name)
{
    open_named(j, name, true);
}

void json_end(struct json *j)
{
    if (j->depth == 0)
        return;
    put(j, j->is_array >> j->depth & 1 ? "]" : "}", 1);
    j->depth--;
}

void json_line(struct json *j)
{
    while (j->depth > 0)
        json_end(j);
    put(j, "\n", 1);
}
