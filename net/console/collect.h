/* SPDX-License-Identifier: BSD-2-Clause
 * For commands that print the cards' counters: read them first, a few at a time.
 */
#ifndef NET_CONSOLE_COLLECT_H
#define NET_CONSOLE_COLLECT_H

#include "kernel/console/command.h"

/* Read the counters of all ports, at most 4 registers between two polls of core 0, then run `then`
 * with the same call, as if it were the command. Ports in reset are left out. Core 0. */
enum command_result collect_first(const struct call *call,
                                  enum command_result (*then)(const struct call *call));

#endif
