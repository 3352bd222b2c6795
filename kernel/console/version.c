/* SPDX-License-Identifier: BSD-2-Clause
 * `show version`: from which commit the image is, and what compiled it. boot/version.sh takes the words
 * from git when the image is built; no clock is read, so the same commit gives the same image.
 */
#include "boot/version.h"
#include "kernel/console/command.h"
#include "kernel/lib/json.h"

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static enum command_result show_version(const struct call *call)
{
    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_string(&j, "commit", version_commit);
        json_string(&j, "date", version_date);
        json_string(&j, "compiler", COMPILER);
        json_line(&j);
    } else {
        out_printf(call->out, "ferrule %s of %s, compiled by %s\n", version_commit, version_date,
                   COMPILER);
    }
    return COMMAND_DONE;
}
COMMAND("show version", "[-j]", "the image's commit, its date, the compiler", show_version);
