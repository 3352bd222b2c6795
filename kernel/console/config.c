/* SPDX-License-Identifier: BSD-2-Clause
 * `show config`; see config.h.
 */
#include "kernel/console/config.h"

#include <stdarg.h>

#include "boot/cmdline.h"
#include "kernel/console/command.h"
#include "kernel/console/console.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/lib/str.h"
#include "kernel/slice.h"

#define PARAM_COST 3000u /* instructions to find a parameter's key and to check its value */

struct config {
    const struct out *out;
    struct json *json;    /* NULL: as text */
    const char *list;     /* JSON: the key whose array is open; NULL: none */
    size_t bytes, params; /* of the text so far */
};

static void put_text(struct config *config, const char *text, size_t bytes)
{
    config->out->write(config->out->opaque, text, bytes);
    config->bytes += bytes;
}

/* Write a value as the boot line parser reads it back: with quotes if needed. */
static void put_value(struct config *config, const char *value)
{
    bool is_quoted = *value == 0;
    for (const char *c = value; *c != 0; c++)
        is_quoted |= *c == ' ' || *c == '"' || *c == '\\';
    if (is_quoted)
        put_text(config, "\"", 1);
    for (; *value != 0; value++) {
        if (*value == '"' || *value == '\\')
            put_text(config, "\\", 1);
        put_text(config, value, 1);
    }
    if (is_quoted)
        put_text(config, "\"", 1);
}

static void put_json(struct config *config, const char *key, const char *value)
{
    const struct cmdline_key *known = cmdline_find(key);

    if (config->list != NULL && !str_equal(config->list, key)) {
        json_end(config->json);
        config->list = NULL;
    }
    if (known != NULL && known->repeats && config->list == NULL) {
        json_array(config->json, key);
        config->list = key;
    }
    json_string(config->json, config->list != NULL ? NULL : key, value);
}

void config_put(struct config *config, const char *key, const char *fmt, ...)
{
    char value[256];
    va_list args;

    slice_spend(PARAM_COST);
    va_start(args, fmt);
    fmt_vprint(value, sizeof(value), fmt, args);
    va_end(args);
    if (config->json != NULL) {
        put_json(config, key, value);
        return;
    }
    if (config->params++ > 0)
        put_text(config, " ", 1);
    put_text(config, key, strlen(key));
    put_text(config, "=", 1);
    put_value(config, value);
}

void config_keep(struct config *config, const char *key)
{
    const struct cmdline *line = console_boot_line();

    for (unsigned i = 0; i < line->n; i++) {
        if (!str_equal(line->params[i].key, key))
            continue;
        slice_spend(PARAM_COST);
        if (cmdline_is_valid(line, i))
            config_put(config, key, "%s", line->params[i].value);
    }
}

static bool has_part(const struct cmdline_key *key)
{
    for (const struct config_part *part = configs_start; part < configs_end; part++)
        for (unsigned i = 0; i < ARRAY_SIZE(part->keys) && part->keys[i] != NULL; i++)
            if (str_equal(part->keys[i], key->name))
                return true;
    return false;
}

static enum command_result show_config(const struct call *call)
{
    const struct cmdline *line = console_boot_line();
    struct config config = {.out = call->out};
    struct json json;

    if (call->json) {
        config.json = &json;
        json_begin(&json, call->out);
    }
    for (unsigned i = 0; i < line->n; i++) {
        slice_spend(PARAM_COST);
        const struct cmdline_key *key = cmdline_find(line->params[i].key);
        /* run= is not a setting. */
        if (cmdline_is_valid(line, i) && !has_part(key) && !str_equal(key->name, "run"))
            config_put(&config, line->params[i].key, "%s", line->params[i].value);
    }
    for (const struct config_part *part = configs_start; part < configs_end; part++)
        part->put(&config);
    if (call->json)
        json_line(&json);
    else
        out_text(call->out, "\n");
    if (config.bytes >= CMDLINE_BYTES_MAX || config.params > CMDLINE_PARAMS_MAX)
        return command_fail(call, "too long for a boot line: %lu bytes, %lu words (limits: %u, %u)",
                            config.bytes, config.params, CMDLINE_BYTES_MAX - 1, CMDLINE_PARAMS_MAX);
    return COMMAND_DONE;
}
COMMAND("show config", "[-j]", "the current settings, as a boot line", show_config);
