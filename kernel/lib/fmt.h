/* SPDX-License-Identifier: BSD-2-Clause
 * Formatted text into a bounded buffer.
 */
#ifndef KERNEL_LIB_FMT_H
#define KERNEL_LIB_FMT_H

#include <stdarg.h>

#include "arch/types.h"

/* Write text into buf, at most n - 1 bytes and always a NUL (n >= 1). Returns the length written,
 * which is n - 1 if the text was truncated. Supports %d %i %u %x %X %c %s %p %% with l, ll, z, h
 * and hh, the flags '-', '0' and '+', width and precision (both may be *; precision is used for %s
 * only), and two extensions: %pM prints six bytes as a MAC address, %pI4 four bytes (big-endian) as
 * an IPv4 address. uint64_t is %lu. An unknown conversion is printed unchanged. */
size_t fmt_print(char *buf, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t fmt_vprint(char *buf, size_t n, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Append to the text in buf (NUL-terminated, shorter than n bytes). Returns the whole length. */
size_t fmt_append(char *buf, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
