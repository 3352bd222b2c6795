/* SPDX-License-Identifier: BSD-2-Clause
 * `show card`: the card's registers, by the datasheet's names. Core 0, between bursts; only what
 * reading does not change, and a fixed number of reads.
 */
#include "drivers/nic.h"
#include "kernel/console/command.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/lib/parse.h"

enum { QUEUES = 128, REGISTERS_MAX = 256 };

static void json_register(const struct call *call, unsigned port, const char *name,
                          const struct port_register *r)
{
    struct json j;
    char hex[12];

    json_begin(&j, call->out);
    json_u64(&j, "port", port);
    json_string(&j, "register", name);
    fmt_print(hex, sizeof(hex), "0x%05x", r->offset);
    json_string(&j, "offset", hex);
    fmt_print(hex, sizeof(hex), "0x%08x", r->value);
    json_string(&j, "value", hex);
    json_line(&j);
}

/* Two registers a line. */
static enum command_result show_card(const struct call *call)
{
    uint64_t n, queue = 0;
    struct port_register r;
    unsigned i = 0;

    if (call->argc < 1 || call->argc > 2 || !parse_u64(call->argv[0], &n) || n >= ports_n ||
        (call->argc > 1 && (!parse_u64(call->argv[1], &queue) || queue >= QUEUES)))
        return command_fail(call, "usage: show card N [QUEUE]; N is below %u, QUEUE below %u",
                            ports_n, QUEUES);
    struct port *port = &ports[n];
    if (port->is_in_reset)
        return command_fail(call, "port%lu: its card is in reset", n);
    for (; i < REGISTERS_MAX && port->ops->read_register(port, i, (unsigned)queue, &r); i++) {
        char name[24];

        if (i == 0 && r.value == 0xFFFFFFFFu)
            return command_fail(call, "port%lu: the card does not answer: %s reads 0xffffffff", n,
                                r.name);
        fmt_print(name, sizeof(name), r.index == UINT32_MAX ? "%s" : "%s[%u]", r.name, r.index);
        if (call->json)
            json_register(call, port->index, name, &r);
        else
            out_printf(call->out, "%-14s 0x%05x  0x%08x%s", name, r.offset, r.value,
                       i % 2 ? "\n" : "    ");
    }
    if (i == 0)
        return command_fail(call, "port%lu has no registers", n);
    if (i % 2 && !call->json)
        out_text(call->out, "\n");
    return COMMAND_DONE;
}
COMMAND("show card", "N [QUEUE] [-j]", "a card's registers and those of a queue", show_card);
