/* SPDX-License-Identifier: BSD-2-Clause
 * Commands about the machine itself; those about ports are in net/console.
 */
#include "arch/smp.h"
#include "arch/tsc.h"
#include "kernel/console/command.h"
#include "kernel/console/config.h"
#include "kernel/console/console.h"
#include "kernel/console/words.h"
#include "kernel/leaving.h"
#include "kernel/lib/json.h"
#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/power.h"
#include "kernel/slice.h"

#define EXIT_MAX 127u /* a status has 8 bits */

static enum command_result help(const struct call *call)
{
    const struct commands commands = {commands_start, commands_end, slice_spend};
    if (words_list(&commands, call->out, call->argc, call->argv) == 0)
        return command_fail(call, "no matching command");
    if (call->argc == 0)
        out_text(call->out, "Words may be abbreviated. Tab completes, ? lists, "
                            "^C interrupts, ; separates.\n");
    return COMMAND_DONE;
}
COMMAND("help", "[words]", "this list, or commands starting with these words", help);

/* Before poweroff or reboot: stop all other cores and all cards. */
static void leave(const char *what)
{
    console_release();
    log_info("%s", what);
    smp_stop_others();
    drivers_quiet();
}

static enum command_result poweroff(const struct call *call)
{
    (void)call;
    leave("power off");
    power_off();
}
COMMAND("poweroff", "", "switch the machine off; ends QEMU", poweroff);

static enum command_result reboot(const struct call *call)
{
    (void)call;
    leave("reboot");
    power_reboot();
}
COMMAND("reboot", "", "restart the machine", reboot);

static enum command_result exit_qemu(const struct call *call)
{
    uint64_t n = 0;

    if (call->argc > 1 || (call->argc == 1 && (!parse_u64(call->argv[0], &n) || n > EXIT_MAX)))
        return command_fail(call, "usage: exit [N]; N is 0 to %u, and QEMU's status 2 N + 1",
                            EXIT_MAX);
    leave("exit");
    power_exit((uint8_t)n);
}
COMMAND("exit", "[N]", "end QEMU with status 2 N + 1 (isa-debug-exit)", exit_qemu);

static void put_line(void *context, const char *text, size_t bytes)
{
    const struct out *out = context;
    out->write(out->opaque, text, bytes);
}

static enum command_result show_log(const struct call *call)
{
    uint64_t lines = 20;
    if (call->argc > 1 || (call->argc == 1 && !parse_u64(call->argv[0], &lines)))
        return command_fail(call, "usage: show log [LINES]");
    log_tail((unsigned)MIN(lines, 1000u), put_line, (void *)call->out);
    return COMMAND_DONE;
}
COMMAND("show log", "[lines]", "the last lines of the log", show_log);

static enum command_result show_memory(const struct call *call)
{
    uint64_t ram = memory_ram_bytes(), left = memory_free_bytes();
    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_u64(&j, "ram_bytes", ram);
        json_u64(&j, "free_bytes", left);
        json_line(&j);
    } else {
        out_printf(call->out, "%lu KiB of RAM, %lu KiB free\n", ram / 1024, left / 1024);
    }
    return COMMAND_DONE;
}
COMMAND("show memory", "[-j]", "total and free memory", show_memory);

/* In the order of enum log_level. */
static const char levels[] = "error|warn|info|debug";

static void put_level(struct config *config)
{
    static const char names[][6] = {"error", "warn", "info", "debug"};
    if (log_level() != LOG_INFO)
        config_put(config, "loglevel", "%s", names[log_level()]);
}
CONFIG_PART(5, put_level, "loglevel");

static enum command_result set_loglevel(const struct call *call)
{
    unsigned level;
    if (call->argc != 1 || !parse_enum(call->argv[0], levels, &level))
        return command_fail(call, "usage: set loglevel %s", levels);
    log_set_level((enum log_level)level);
    return COMMAND_DONE;
}
COMMAND("set loglevel", "error|warn|info|debug", "which lines of the log are printed",
        set_loglevel);

/* The running watch; at most one. */
static struct {
    const struct command *command;
    struct call call;
    uint64_t interval_ns, next_ns;
    struct job job; /* of the command, if it waits */
    bool is_waiting;
} watched;

static enum command_result watch_again(struct job *job, bool is_interrupted)
{
    uint64_t now_ns = tsc_now_ns();

    enum command_result result;

    if (is_interrupted || job->is_ended) {
        if (watched.is_waiting)
            (void)watched.job.poll(&watched.job, true);
        return COMMAND_DONE;
    }
    if (watched.is_waiting) {
        result = watched.job.poll(&watched.job, false);
    } else {
        if ((int64_t)(now_ns - watched.next_ns) < 0)
            return COMMAND_WAITS;
        watched.next_ns = now_ns + watched.interval_ns;
        if (!job->json)
            out_text(job->out, "\n");
        watched.job = (struct job){.out = job->out, .json = job->json};
        result = watched.command->run(&watched.call);
    }
    watched.is_waiting = result == COMMAND_WAITS;
    return result == COMMAND_FAILED ? COMMAND_FAILED : COMMAND_WAITS;
}

static enum command_result watch(const struct call *call)
{
    const struct commands commands = {commands_start, commands_end, slice_spend};
    uint64_t seconds = 1;
    unsigned argc = call->argc;

    if (argc > 1 && parse_u64(call->argv[argc - 1], &seconds))
        argc--;
    struct match match = words_match(&commands, argc, call->argv);
    if (match.result != MATCH_OK || !str_starts(match.command->name, "show "))
        return command_fail(call, "usage: watch show ... [SECONDS] [-j]");
    if (seconds < 1 || seconds > 3600)
        return command_fail(call, "SECONDS must be 1 to 3600");
    if ((call->json && !usage_has_json(match.command->usage)) ||
        (argc > match.words && !usage_has_words(match.command->usage)))
        return command_fail(call, "usage: %s %s", match.command->name, match.command->usage);
    watched.command = match.command;
    watched.call = *call;
    watched.call.argc = argc - match.words;
    watched.call.argv = call->argv + match.words;
    watched.call.job = &watched.job;
    watched.is_waiting = false;
    watched.interval_ns = seconds * 1000000000;
    watched.next_ns = tsc_now_ns();
    call->job->poll = watch_again;
    call->job->end = "";
    return COMMAND_WAITS;
}
COMMAND("watch", "show ... [seconds] [-j]", "repeat a show command until a key is pressed", watch);
