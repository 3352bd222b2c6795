/* SPDX-License-Identifier: BSD-2-Clause
 * An output stream for text. A command prints through one of these: to the console, or to a test.
 * Pure.
 */
#ifndef KERNEL_LIB_OUT_H
#define KERNEL_LIB_OUT_H

#include "arch/types.h"

/* The stream; '\n' ends a line. */
struct out {
    void (*write)(void *opaque, const char *text, size_t bytes);
    void *opaque;
};

/* Write formatted text (conversions: kernel/lib/fmt.h); one call writes at most OUT_PRINTF_MAX
 * bytes, the rest is cut off. */
#define OUT_PRINTF_MAX 255u
void out_printf(const struct out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Write text unchanged. */
void out_text(const struct out *out, const char *text);

#endif
