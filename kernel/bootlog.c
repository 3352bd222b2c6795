/* SPDX-License-Identifier: BSD-2-Clause
 * The steps of the start with their times; see bootlog.h.
 */
#include "kernel/bootlog.h"
#include "arch/cpu.h"
#include "arch/tsc.h"
#include "kernel/console/command.h"
#include "kernel/lib/json.h"
#include "kernel/log/log.h"

#define STEPS_MAX 32
static struct {
    const char *name;
    uint64_t ended_tsc;
} steps[STEPS_MAX];
static unsigned steps_n;

static const char *booted_path = "", *booted_loader = "";

void bootlog_set_loader(const char *path, const char *loader)
{
    booted_path = path;
    booted_loader = loader;
}

void bootlog_step(const char *name, uint64_t ended_tsc)
{
    if (steps_n == STEPS_MAX)
        return;
    steps[steps_n].name = name;
    steps[steps_n++].ended_tsc = ended_tsc;
}

static uint64_t since_entry_ns(uint64_t tsc)
{
    return tsc_now_ns() - tsc_ns(cpu_tsc() - tsc);
}

void bootlog_say(const char *name, const char *what, uint64_t ended_tsc)
{
    bootlog_step(name, ended_tsc);
    log_info("%-7s %s, %lu us after entry", name, what, since_entry_ns(ended_tsc) / 1000);
}

static enum command_result show_boot(const struct call *call)
{
    uint64_t before = 0;
    if (!call->json)
        out_printf(call->out, "%s by \"%s\"\nstep          took us    since entry us\n",
                   booted_path, booted_loader);
    for (unsigned i = 0; i < steps_n; i++) {
        uint64_t at = MAX(before, since_entry_ns(steps[i].ended_tsc));
        if (call->json) {
            struct json j;
            json_begin(&j, call->out);
            json_string(&j, "step", steps[i].name);
            json_u64(&j, "took_ns", at - before);
            json_u64(&j, "since_entry_ns", at);
            json_line(&j);
        } else {
            out_printf(call->out, "%-10s %10lu %17lu\n", steps[i].name, (at - before) / 1000,
                       at / 1000);
        }
        before = at;
    }
    return COMMAND_DONE;
}
COMMAND("show boot", "[-j]", "boot protocol, loader, and the time of each step", show_boot);
