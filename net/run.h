/* SPDX-License-Identifier: BSD-2-Clause
 * The loop of a core and its settings, for console commands and tests.
 */
#ifndef NET_RUN_H
#define NET_RUN_H

#include "net/app/app.h"

/* The application that app= chose; never NULL after net_start. */
const struct app *run_app(void);
/* Its poll, of the slots in use. */
lane_poll *run_poll(void);

/* Initialize and return the lanes of a core, for run_round. After run_start_app. */
struct core_lanes *run_core_lanes(unsigned core);

/* One round of a core's loop: a burst of each of its lanes. Returns the number of frames handled.
 * Owner core only. Called by net_run, benchmarks and host tests. */
uint32_t run_round(struct core_lanes *own) __attribute__((noinline));

/* Core 0's periodic work, ten times a second: links, counters, faults, the stacks' timers. One step of
 * it, 0 on, which reads at most 4 registers of a card while nothing is wrong, so that core 0 can poll
 * in between. False: it was the last. */
bool run_service_step(uint64_t now_ns, unsigned step) __attribute__((noinline));
/* Rounds from one step to the next while they handle frames: a step's four reads of about 1 us each
 * take the time of 60 frames a port, a round handles at most LANE_BURST. */
enum { ROUNDS_A_STEP = 8 };
/* Core 0's other work, one part between two polls: a step of its task, one of its service if that is
 * due, or the console's; n: frames of the last round. Core 0's loop, and host tests. */
void run_other_work(uint64_t now_tsc, uint32_t n);
/* All of the service at once, for host tests. */
static inline void run_service(uint64_t now_ns)
{
    for (unsigned step = 0; run_service_step(now_ns, step); step++)
        ;
}

/* Switch to poll=adaptive (true) or poll=always (false). Core 0. */
void run_set_sleep(bool is_wanted);
bool run_may_sleep(void); /* true: adaptive */

/* Find an application by name. Returns NULL if there is none. */
const struct app *run_find_app(const char *name);

/* Open the lanes of each port for which the application has an output, and each port's side queues.
 * Logs one line for each port whose lanes cannot be opened. Boot CPU, once. */
void run_start_app(const struct app *app);

#endif
