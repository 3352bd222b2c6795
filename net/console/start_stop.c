/* SPDX-License-Identifier: BSD-2-Clause
 * Commands about all ports: `start`, `stop`, `set poll`. Core 0, between bursts.
 */
#include "kernel/console/config.h"
#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"
#include "net/lane/lane_control.h"
#include "net/run.h"
#include "net/stack/netif.h"

static enum command_result wait_for_lanes(struct job *job, bool is_interrupted)
{
    (void)job;
    return lanes_are_changing() && !is_interrupted ? COMMAND_WAITS : COMMAND_DONE;
}

static enum command_result start(const struct call *call)
{
    if (run_app()->command_start)
        return run_app()->command_start(call);
    if (call->argc != 0)
        return command_fail(call, "start takes no arguments with app=%s", run_app()->name);
    if (lanes_are_stopped())
        lanes_start();
    call->job->poll = wait_for_lanes;
    return COMMAND_WAITS;
}
COMMAND("start", "[what]", "run the application (again)", start);

static enum command_result stop(const struct call *call)
{
    if (run_app()->command_stop)
        return run_app()->command_stop(call);
    if (call->argc != 0)
        return command_fail(call, "stop takes no arguments with app=%s", run_app()->name);
    if (!lanes_are_stopped())
        lanes_stop(run_poll());
    call->job->poll = wait_for_lanes;
    return COMMAND_WAITS;
}
COMMAND("stop", "[what]", "stop receiving; frames inside are sent first", stop);

static void put_app(struct config *config)
{
    config_put(config, "app", "%s", run_app()->name);
    if (!run_may_sleep())
        config_put(config, "poll", "always");
}
CONFIG_PART(1, put_app, "app", "poll");

static enum command_result set_poll(const struct call *call)
{
    unsigned is_adaptive;

    if (call->argc != 1 || !parse_enum(call->argv[0], "always|adaptive", &is_adaptive))
        return command_fail(call, "usage: set poll always|adaptive");
    run_set_sleep(is_adaptive);
    return COMMAND_DONE;
}
COMMAND("set poll", "always|adaptive", "never sleep, or sleep when idle", set_poll);
