/* SPDX-License-Identifier: BSD-2-Clause
 * Reading the cards' counters for a command; see collect.h.
 */
#include "net/console/collect.h"
#include "drivers/nic.h"

static struct {
    struct call call;
    enum command_result (*then)(const struct call *call);
    unsigned port, group; /* the next to read */
} collecting;

static enum command_result collect(struct job *job, bool is_interrupted)
{
    (void)job;
    if (is_interrupted)
        return COMMAND_DONE;
    if (collecting.port == ports_n)
        return collecting.then(&collecting.call);
    struct port *port = &ports[collecting.port];
    if (!port->is_in_reset && port->ops->poll_counter_group(port, collecting.group)) {
        collecting.group++;
    } else {
        collecting.group = 0;
        collecting.port++;
    }
    return COMMAND_WAITS;
}

enum command_result collect_first(const struct call *call,
                                  enum command_result (*then)(const struct call *call))
{
    collecting.call = *call;
    collecting.then = then;
    collecting.port = collecting.group = 0;
    call->job->poll = collect;
    call->job->end = NULL;
    return COMMAND_WAITS;
}
