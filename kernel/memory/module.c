/* SPDX-License-Identifier: BSD-2-Clause
 * See module.h. A module that memory.c could not keep has a length of 0 and is skipped.
 */
#include "arch/paging.h"
#include "boot/bootinfo.h"
#include "kernel/console/command.h"
#include "kernel/lib/json.h"
#include "kernel/lib/str.h"
#include "kernel/memory/module.h"
#include "kernel/slice.h"

#define SUM_BYTES 256u /* added between two spendings of */
#define SUM_COST  12u  /* instructions for a byte */

static const struct bootinfo *boot;

void module_init(const struct bootinfo *info)
{
    boot = info;
}

/* Is `name` the first word of `words`, or the end of that word after a slash? */
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
    for (unsigned i = boot ? boot->n_modules : 0; i-- > 0;) { /* of equal names, the first module */
        const struct boot_module *m = &boot->modules[i];
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
    for (unsigned i = 0; boot && i < boot->n_modules; i++) {
        const struct boot_module *m = &boot->modules[i];
        const uint8_t *data = paging_pointer((paddr_t){m->start});
        uint32_t sum = 0;
        for (uint64_t at = 0; at < m->bytes; at++) {
            sum = ((sum >> 1) + (sum & 1) * 0x8000 + data[at]) & 0xFFFF; /* as sum(1) prints it */
            if (at % SUM_BYTES == 0)
                slice_spend(SUM_BYTES * SUM_COST);
        }
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
