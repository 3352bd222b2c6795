/* SPDX-License-Identifier: BSD-2-Clause
 * Stands in for net/trial/cmd.c where there is no console: the commands that app=generate names.
 */
#include "net/trial/generator.h"

enum command_result trial_start(const struct call *call)
{
    (void)call;
    return COMMAND_DONE;
}

enum command_result trial_stop(const struct call *call)
{
    (void)call;
    return COMMAND_DONE;
}
