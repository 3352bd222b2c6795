/* SPDX-License-Identifier: BSD-2-Clause
 * Commands about the machine itself; those about ports are in net/cmd.c.
 */
#include "boot/cmdline.h"
#include "kernel/command.h"
#include "kernel/console.h"
#include "kernel/json.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/power.h"
#include "kernel/str.h"
#include "kernel/words.h"

static enum command_result help(const struct call *call)
{
    const struct commands commands = {commands_start, commands_end};
    if (words_list(&commands, call->out, call->argc, call->argv) == 0)
        return command_fail(call, "no command begins so");
    if (call->argc == 0)
        out_text(call->out, "Words may be cut short. Tab completes, ? lists, "
                            "^C interrupts, ; separates.\n");
    return COMMAND_DONE;
}
COMMAND("help", "[words]", "this list, or the commands that begin so", help);

static enum command_result poweroff(const struct call *call)
{
    (void)call;
    console_release();
    log_info("power off");
    power_off();
}
COMMAND("poweroff", "", "switch the machine off; ends QEMU", poweroff);

static enum command_result reboot(const struct call *call)
{
    (void)call;
    console_release();
    log_info("reboot");
    power_reboot();
}
COMMAND("reboot", "", "start the machine again", reboot);

/* A value as the boot line reads it back: in quotes where it needs them. */
static void put_value(const struct out *out, const char *value)
{
    if (*value != 0 && strchr(value, ' ') == NULL && strchr(value, '"') == NULL &&
        strchr(value, '\\') == NULL) {
        out_text(out, value);
        return;
    }
    out_text(out, "\"");
    for (; *value != 0; value++) {
        if (*value == '"' || *value == '\\')
            out_text(out, "\\");
        out->write(out->opaque, value, 1);
    }
    out_text(out, "\"");
}

static enum command_result show_config(const struct call *call)
{
    const struct cmdline *line = console_boot_line();
    struct json j;
    if (call->json)
        json_begin(&j, call->out);
    bool is_first = true;
    for (unsigned i = 0; i < line->n; i++) {
        const struct cmdline_param *param = &line->params[i];
        if (param->value == NULL || str_equal(param->key, "run"))
            continue; /* run= is what was done, not how the machine is set */
        if (call->json) {
            json_string(&j, param->key, param->value);
            continue;
        }
        out_printf(call->out, "%s%s=", is_first ? "" : " ", param->key);
        put_value(call->out, param->value);
        is_first = false;
    }
    if (call->json)
        json_line(&j);
    else
        out_text(call->out, "\n");
    return COMMAND_DONE;
}
COMMAND("show config", "[-j]", "the settings, as a boot line", show_config);

static void put_line(void *context, const char *text, size_t bytes)
{
    const struct out *out = context;
    out->write(out->opaque, text, bytes);
}

static enum command_result show_log(const struct call *call)
{
    uint64_t lines = 20;
    if (call->argc > 1 || (call->argc == 1 && !parse_u64(call->argv[0], &lines)))
        return command_fail(call, "show log [lines]");
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
        out_printf(call->out, "%lu KiB of RAM, %lu KiB of them free\n", ram / 1024, left / 1024);
    }
    return COMMAND_DONE;
}
COMMAND("show memory", "[-j]", "how much there is, and is free", show_memory);
