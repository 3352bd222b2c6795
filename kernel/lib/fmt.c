/* SPDX-License-Identifier: BSD-2-Clause
 * The formatter behind every line that the image prints.
 */
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"

struct out {
    char *buf;
    size_t n, len; /* len counts what has been written, at most n - 1 */
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->n)
        o->buf[o->len++] = c;
}

struct spec {
    bool left, zero, plus;
    size_t width;
    bool has_precision;
    size_t precision;
};

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t n)
{
    size_t pad = s->width > n ? s->width - n : 0;
    for (size_t i = 0; !s->left && i < pad; i++)
        put(o, ' ');
    for (size_t i = 0; i < n; i++)
        put(o, text[i]);
    for (size_t i = 0; s->left && i < pad; i++)
        put(o, ' ');
}

/* sign: 0 (none), '-' or '+'. Padding zeroes go between the sign and the digits. */
static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned base, char sign,
                       bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    size_t at = sizeof text;
    do {
        text[--at] = digits[v % base];
        v /= base;
    } while (v);
    if (s->zero && !s->left) {
        size_t n = sizeof text - at + (sign != 0);
        if (sign)
            put(o, sign);
        for (; n < s->width; n++)
            put(o, '0');
        for (; at < sizeof text; at++)
            put(o, text[at]);
        return;
    }
    if (sign)
        text[--at] = sign;
    put_padded(o, s, text + at, sizeof text - at);
}

static void put_pointer(struct out *o, const struct spec *s, const char **fmt, const void *p)
{
    char text[24];
    const uint8_t *b = p;
    if ((*fmt)[0] == 'M') {
        *fmt += 1;
        size_t n = fmt_print(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2],
                             b[3], b[4], b[5]);
        put_padded(o, s, text, n);
    } else if ((*fmt)[0] == 'I' && (*fmt)[1] == '4') {
        *fmt += 2;
        size_t n = fmt_print(text, sizeof text, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
        put_padded(o, s, text, n);
    } else {
        size_t n = fmt_print(text, sizeof text, "0x%016lx", (uint64_t)(uintptr_t)p);
        put_padded(o, s, text, n);
    }
}

static size_t number_or_star(const char **fmt, int star, bool *is_negative)
{
    if (**fmt == '*') {
        ++*fmt;
        *is_negative = star < 0;
        return star < 0 ? 0u - (unsigned)star : (unsigned)star;
    }
    size_t v = 0;
    for (; **fmt >= '0' && **fmt <= '9'; ++*fmt)
        v = v < 10000 ? v * 10 + (size_t)(**fmt - '0') : v;
    return v;
}

/* Parse flags, width and precision. *fmt points just past the '%'. */
static struct spec spec_read(const char **fmt, va_list *args)
{
    struct spec s = {0};
    for (;; ++*fmt) {
        if (**fmt == '-')
            s.left = true;
        else if (**fmt == '0')
            s.zero = true;
        else if (**fmt == '+')
            s.plus = true;
        else
            break;
    }
    bool is_negative = false;
    s.width = number_or_star(fmt, **fmt == '*' ? va_arg(*args, int) : 0, &is_negative);
    s.left |= is_negative;
    if (**fmt == '.') {
        ++*fmt;
        is_negative = false;
        s.precision = number_or_star(fmt, **fmt == '*' ? va_arg(*args, int) : 0, &is_negative);
        s.has_precision = !is_negative; /* as in C: a negative precision is ignored */
    }
    return s;
}

/* Parse h, hh, l, ll or z; returns the size of the integer in bytes. */
static size_t length_read(const char **fmt)
{
    static const struct {
        const char *name;
        size_t bytes;
    } lengths[] = {{"hh", 1}, {"h", 2}, {"ll", 8}, {"l", 8}, {"z", 8}};
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
        if (str_starts(*fmt, lengths[i].name)) {
            *fmt += strlen(lengths[i].name);
            return lengths[i].bytes;
        }
    return 4;
}

static uint64_t unsigned_arg(va_list *args, size_t bytes)
{
    if (bytes == 8)
        return va_arg(*args, uint64_t);
    unsigned v = va_arg(*args, unsigned);
    return bytes == 1 ? (uint8_t)v : bytes == 2 ? (uint16_t)v : v;
}

static int64_t signed_arg(va_list *args, size_t bytes)
{
    if (bytes == 8)
        return va_arg(*args, int64_t);
    int v = va_arg(*args, int);
    return bytes == 1 ? (int8_t)v : bytes == 2 ? (int16_t)v : v;
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    if (!text)
        text = "(null)";
    put_padded(o, s, text, strnlen(text, s->has_precision ? s->precision : SIZE_MAX));
}

/* Print one conversion. *fmt points just past the '%'. */
static void convert(struct out *o, const char **fmt, va_list *args)
{
    const char *start = *fmt;
    struct spec s = spec_read(fmt, args);
    size_t bytes = length_read(fmt);
    char kind = **fmt;
    if (kind)
        ++*fmt;
    switch (kind) {
    case 'd':
    case 'i': {
        int64_t v = signed_arg(args, bytes);
        put_number(o, &s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10,
                   v < 0    ? '-'
                   : s.plus ? '+'
                            : 0,
                   false);
        break;
    }
    case 'u':
        put_number(o, &s, unsigned_arg(args, bytes), 10, 0, false);
        break;
    case 'x':
    case 'X':
        put_number(o, &s, unsigned_arg(args, bytes), 16, 0, kind == 'X');
        break;
    case 'c': {
        char c = (char)va_arg(*args, int);
        put_padded(o, &s, &c, 1);
        break;
    }
    case 's':
        put_string(o, &s, va_arg(*args, const char *));
        break;
    case 'p':
        put_pointer(o, &s, fmt, va_arg(*args, const void *));
        break;
    case '%':
        put(o, '%');
        break;
    default: /* unknown: print it unchanged, and take no argument */
        put(o, '%');
        for (; start < *fmt; start++)
            put(o, *start);
        break;
    }
}

size_t fmt_vprint(char *buf, size_t n, const char *fmt, va_list args)
{
    struct out o = {buf, n, 0};
    va_list copy; /* a va_list parameter may have array type; &args would then have a wrong type */
    va_copy(copy, args);
    while (*fmt) {
        char c = *fmt++;
        if (c == '%')
            convert(&o, &fmt, &copy);
        else
            put(&o, c);
    }
    va_end(copy);
    buf[o.len] = 0;
    return o.len;
}

size_t fmt_print(char *buf, size_t n, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t len = fmt_vprint(buf, n, fmt, args);
    va_end(args);
    return len;
}

size_t fmt_append(char *buf, size_t n, const char *fmt, ...)
{
    size_t len = strnlen(buf, n - 1);
    va_list args;
    va_start(args, fmt);
    len += fmt_vprint(buf + len, n - len, fmt, args);
    va_end(args);
    return len;
}
