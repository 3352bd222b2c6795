/* SPDX-License-Identifier: BSD-2-Clause
 * Memory and string functions. The image uses no vector registers, so copies use 8-byte words, four
 * at a time, also unaligned ones, which x86 allows. Built with -fno-tree-loop-distribute-patterns,
 * so that the compiler does not replace these loops by calls of memcpy and memset.
 */
#include "kernel/lib/str.h"

/* A word at any address, which may alias any type. */
typedef uint64_t __attribute__((may_alias, aligned(1))) any_word;

#define WORD sizeof(any_word)

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    for (; n >= 4 * WORD; n -= 4 * WORD, d += 4 * WORD, s += 4 * WORD) {
        const any_word *w = (const any_word *)s;
        uint64_t a = w[0], b = w[1], c = w[2], e = w[3];
        any_word *v = (any_word *)d;
        v[0] = a;
        v[1] = b;
        v[2] = c;
        v[3] = e;
    }
    for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
        *(any_word *)d = *(const any_word *)s;
    while (n-- > 0)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if ((uintptr_t)to - (uintptr_t)from >= n)
        return memcpy(to, from, n); /* `to` does not start inside `from`: copying forward is safe */
    uint8_t *d = to;
    const uint8_t *s = from;
    while (n-- > 0)
        d[n] = s[n];
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    uint8_t *d = to;
    uint64_t pattern = 0x0101010101010101u * (uint8_t)byte;
    for (; n >= 4 * WORD; n -= 4 * WORD, d += 4 * WORD) {
        any_word *v = (any_word *)d;
        v[0] = v[1] = v[2] = v[3] = pattern;
    }
    while (n-- > 0)
        *d++ = (uint8_t)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;
    while (n < max && s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t x = (uint8_t)a[i], y = (uint8_t)b[i];
        if (x != y)
            return x - y;
        if (x == 0)
            break;
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (*s == 0)
            return NULL;
    }
}
