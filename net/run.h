/* SPDX-License-Identifier: BSD-2-Clause
 * The loop of a core and what it was started with; for console commands.
 */
#ifndef NET_RUN_H
#define NET_RUN_H

#include "net/app/app.h"

/* The application that app= chose; never NULL after net_start. */
const struct app *run_app(void);

/* The row of a core, ready for run_round. After run_start_app. */
struct core_lanes *run_core_lanes(unsigned core);

/* One round of a core's loop: a burst of every lane of its own. Returns the number of frames. Owner
 * core only. Benchmarks and host tests call it as net_run does. */
uint32_t run_round(struct core_lanes *own) __attribute__((noinline));

/* What else core 0's loop does, when it is time: links, counters, faults, the stacks' clocks. */
void run_service(uint64_t now_ns);

/* poll=adaptive (true) or always, now. Core 0. */
void run_set_sleep(bool is_wanted);
bool run_may_sleep(void); /* which of the two is wanted */

/* Choose an application by name. NULL: there is none of that name. */
const struct app *run_find_app(const char *name);

/* Make a lane for each port that the application has an output for, and each port's side queue.
 * A port whose lane cannot be made costs a line. */
void run_start_app(const struct app *app);

#endif
