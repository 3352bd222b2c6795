/* SPDX-License-Identifier: BSD-2-Clause
 * Output streams; see out.h.
 */
#include "kernel/lib/out.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"

void out_printf(const struct out *out, const char *fmt, ...)
{
    char text[OUT_PRINTF_MAX + 1];
    va_list args;
    va_start(args, fmt);
    size_t bytes = fmt_vprint(text, sizeof(text), fmt, args);
    va_end(args);
    out->write(out->opaque, text, bytes);
}

void out_text(const struct out *out, const char *text)
{
    out->write(out->opaque, text, strlen(text));
}
