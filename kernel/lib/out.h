/* SPDX-License-Identifier: BSD-2-Clause
 * A place where text goes, and formatted text for it. What a command prints goes through one of
 * these: to the console, or to a test. Pure.
 */
#ifndef KERNEL_LIB_OUT_H
#define KERNEL_LIB_OUT_H

#include "arch/types.h"

/* Where text goes: whole text, '\n' ends a line. */
struct out {
    void (*write)(void *opaque, const char *text, size_t bytes);
    void *opaque;
};

/* Formatted text, see kernel/lib/fmt.h for what it knows; of one call at most OUT_PRINTF_MAX bytes
 * are written. */
#define OUT_PRINTF_MAX 255u
void out_printf(const struct out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text as it is. */
void out_text(const struct out *out, const char *text);

#endif
