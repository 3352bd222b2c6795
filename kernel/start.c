/* SPDX-License-Identifier: BSD-2-Clause
 * What kmain's upward calls do in an image that was linked without drivers or net: they say so. The
 * real ones, being strong symbols, take their place.
 */
#include "arch/cpu.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/start.h"

__attribute__((weak)) void drivers_start(const struct cmdline *line)
{
    (void)line;
    log_info("ports: this image has no drivers");
}

__attribute__((weak)) void net_start(const struct cmdline *line)
{
    (void)line;
}

__attribute__((weak)) _Noreturn void net_run(void)
{
    for (;;) {
        console_poll();
        cpu_pause();
    }
}
