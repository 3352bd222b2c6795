/* SPDX-License-Identifier: BSD-2-Clause
 * `show irqs`: every vector that is allocated or has been raised, core by core. Read next:
 * arch/irq.h. (`show cores` is in net/console/cores.c, because packets are counted there.)
 */
#include "arch/smp.h"
#include "kernel/console/command.h"
#include "kernel/lib/json.h"

static void row(const struct call *call, unsigned core, unsigned vector, const char *name,
                uint64_t count)
{
    if (call->json) {
        struct json j;
        json_begin(&j, call->out);
        json_u64(&j, "core", core);
        json_u64(&j, "vector", vector);
        json_string(&j, "name", name);
        json_u64(&j, "count", count);
        json_line(&j);
    } else {
        out_printf(call->out, "%4u %6u %14lu  %s\n", core, vector, count, name);
    }
}

/* The name of a vector that is not allocated. */
static const char *fixed_name(unsigned vector)
{
    switch (vector) {
    case IRQ_TIMER:
        return "timer";
    case IRQ_WAKE:
        return "wake-up by another core";
    case IRQ_APIC_ERROR:
        return "LAPIC error";
    case IRQ_SPURIOUS:
        return "spurious";
    default:
        return "stray";
    }
}

static enum command_result show_irqs(const struct call *call)
{
    if (!call->json)
        out_text(call->out, "core vector          count  name\n");
    for (unsigned i = 0; i < cpus_n; i++) {
        const struct cpu *cpu = cpus[i];
        for (unsigned v = 0; v < IRQ_VECTORS; v++) { /* from 0: NMIs are counted at vector 2 */
            const struct irq_slot *slot = &cpu->irqs[v];
            if (slot->name || slot->count > 0)
                row(call, i, v, slot->name ? slot->name : fixed_name(v), slot->count);
        }
    }
    return COMMAND_DONE;
}
COMMAND("show irqs", "[-j]", "interrupt vectors, core by core", show_irqs);
