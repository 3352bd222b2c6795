/* SPDX-License-Identifier: BSD-2-Clause
 * A terminal of 80 columns and unlimited rows, for tests of the shell: it interprets the few escape
 * sequences that the shell sends, fails on any other, and stores all text.
 */
#ifndef TESTS_UNIT_TERMINAL_H
#define TESTS_UNIT_TERMINAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console/command.h"

#define TERMINAL_COLUMNS 80

struct terminal {
    char row[TERMINAL_COLUMNS + 1]; /* the row that the cursor is in, without spaces at its end */
    unsigned column;
    unsigned bells, clears;
    char *text; /* every finished row, each with its '\n' */
    size_t bytes, room;
    int escape; /* 0 none, 1 after ESC, 2 after ESC [ */
    unsigned number;
};

static void terminal_fail(const char *what, int byte)
{
    fprintf(stderr, "terminal: %s, byte 0x%02x\n", what, byte);
    abort();
}

static void terminal_clear(struct terminal *t)
{
    free(t->text);
    memset(t, 0, sizeof(*t));
}

static void terminal_keep(struct terminal *t, const char *text, size_t bytes)
{
    if (t->bytes + bytes + 1 > t->room) {
        t->room = (t->bytes + bytes + 1) * 2;
        t->text = realloc(t->text, t->room);
    }
    memcpy(t->text + t->bytes, text, bytes);
    t->bytes += bytes;
    t->text[t->bytes] = 0;
}

static void terminal_trim(struct terminal *t, unsigned from)
{
    t->row[from] = 0;
    for (size_t n = strlen(t->row); n > t->column && t->row[n - 1] == ' '; n--)
        t->row[n - 1] = 0;
}

static void terminal_byte(struct terminal *t, unsigned char c)
{
    if (t->escape == 1) {
        if (c != '[')
            terminal_fail("unknown escape", c);
        t->escape = 2;
        t->number = 0;
        return;
    }
    if (t->escape == 2) {
        if (c >= '0' && c <= '9') {
            t->number = t->number * 10 + (c - '0');
            return;
        }
        t->escape = 0;
        if (c == 'K') {
            terminal_trim(t, t->column);
        } else if (c == 'D') {
            if (t->number == 0 || t->number > t->column)
                terminal_fail("cursor left of column 0", c);
            t->column -= t->number;
        } else if (c == 'H') {
            t->column = 0;
        } else if (c == 'J' && t->number == 2) {
            t->row[0] = 0;
            t->clears++;
        } else {
            terminal_fail("unknown sequence", c);
        }
        return;
    }
    size_t n = strlen(t->row);
    switch (c) {
    case 0x1B:
        t->escape = 1;
        break;
    case '\a':
        t->bells++;
        break;
    case '\r':
        t->column = 0;
        break;
    case '\b':
        if (t->column == 0)
            terminal_fail("backspace at column 0", c);
        t->column--;
        break;
    case '\n':
        terminal_keep(t, t->row, n);
        terminal_keep(t, "\n", 1);
        t->row[0] = 0;
        t->column = 0;
        break;
    default:
        if (c < 0x20 || c >= 0x7F)
            terminal_fail("not a printable character", c);
        if (t->column == TERMINAL_COLUMNS) { /* long output wraps; the text is kept as one row */
            terminal_keep(t, t->row, n);
            t->row[n = t->column = 0] = 0;
        }
        while (n < t->column)
            t->row[n++] = ' ';
        if (t->column == n)
            t->row[n + 1] = 0;
        t->row[t->column++] = (char)c;
    }
}

static void terminal_write(void *opaque, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        terminal_byte(opaque, (unsigned char)text[i]);
}

#endif
