/* SPDX-License-Identifier: BSD-2-Clause
 * See module.h. A module that memory.c could not keep has a length of 0 and is passed over.
 */
#include "arch/paging.h"
#include "boot/bootinfo.h"
#include "kernel/console/command.h"
#include "kernel/lib/json.h"
#include "kernel/lib/str.h"
#include "kernel/memory/module.h"

static const struct bootinfo *told;

void module_init(const struct bootinfo *info)
{
    told = info;
}

/* Is `name` the first word of `words`, or what stands behind a slash in it? */
static bool is_called(const char *words, const char *name)
{
    size_t n = strlen(name), end = 0;
    while (words[end] && words[end] != ' ')
        end++;
    return n > 0 && end >= n && memcmp(words + end - n, name, n) == 0 &&
           (end == n || words[end - n - 1] == '/');
}

const void *module_find(const char *name, size_t *bytes)
{
    const struct boot_module *found = NULL;
    for (unsigned i = told ? told->n_modules : 0; i-- > 0;) { /* the first of equals wins */
        const struct boot_module *m = &told->modules[i];
        if (m->bytes && (is_called(m->name, name) || (!m->name[0] && !found)))
            found = m;
    }
    if (!found)
        return NULL;
    *bytes = found->bytes;
    return paging_pointer((paddr_t){found->start});
}

static enum command_result show_modules(const struct call *call)
{
    for (unsigned i = 0; told && i < told->n_modules; i++) {
        const struct boot_module *m = &told->modules[i];
        const uint8_t *data = paging_pointer((paddr_t){m->start});
        uint32_t sum = 0;
        for (uint64_t at = 0; at < m->bytes; at++)
            sum = ((sum >> 1) + (sum & 1) * 0x8000 + data[at]) & 0xFFFF; /* as sum(1) prints it */
        if (call->json) {
            struct json j;
            json_begin(&j, call->out);
            json_string(&j, "module", m->name);
            json_u64(&j, "bytes", m->bytes);
            json_u64(&j, "sum", sum);
            json_line(&j);
        } else {
            out_printf(call->out, "%10lu bytes, sum %05u  %s\n", m->bytes, sum, m->name);
        }
    }
    return COMMAND_DONE;
}
COMMAND("show modules", "[-j]", "files that the loader passed", show_modules);
