/* SPDX-License-Identifier: BSD-2-Clause
 * Error messages of commands; see command.h. Pure.
 */
#include "kernel/console/command.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"

enum command_result command_fail(const struct call *call, const char *fmt, ...)
{
    char text[OUT_PRINTF_MAX + 1];
    va_list args;
    va_start(args, fmt);
    fmt_vprint(text, sizeof(text), fmt, args);
    va_end(args);
    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_string(&j, "error", text);
        json_line(&j);
    } else {
        out_text(call->out, text);
        out_text(call->out, "\n");
    }
    return COMMAND_FAILED;
}
