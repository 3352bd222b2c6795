/* SPDX-License-Identifier: BSD-2-Clause
 * The application by command: `start`, `stop`. Core 0, between bursts.
 */
#include "kernel/config.h"
#include "net/run.h"

static enum command_result start(const struct call *call)
{
    if (run_app()->command_start)
        return run_app()->command_start(call);
    if (call->argc != 0)
        return command_fail(call, "start takes no \"%s\" with app=%s", call->argv[0],
                            run_app()->name);
    if (lanes_are_stopped())
        lanes_start();
    return COMMAND_DONE;
}
COMMAND("start", "[what]", "let the application run (again)", start);

static enum command_result stop(const struct call *call)
{
    if (run_app()->command_stop)
        return run_app()->command_stop(call);
    if (call->argc != 0)
        return command_fail(call, "stop takes no \"%s\" with app=%s", call->argv[0],
                            run_app()->name);
    if (!lanes_are_stopped())
        lanes_stop(run_app()->poll);
    return COMMAND_DONE;
}
COMMAND("stop", "[what]", "take no more frames; those inside go out first", stop);

static void put_app(struct config *config)
{
    config_put(config, "app", "%s", run_app()->name);
}
CONFIG_PART(put_app, "app");
