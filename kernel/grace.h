/* SPDX-License-Identifier: BSD-2-Clause
 * Grace periods, without a message to any core or a store by its loop: core 0 has taken something
 * out of what the loops read, and wants to know when no loop can use it any more. A loop keeps nothing
 * from one round to the next, so that is when each core has gone through its loop a few times, or
 * sleeps.
 */
#ifndef KERNEL_GRACE_H
#define KERNEL_GRACE_H

#include "arch/smp.h"

struct grace {
    uint64_t polls[CPUS_MAX]; /* of each core, when the period began */
    bool has_passed[CPUS_MAX];
    unsigned cores;
};

/* Begin a period for the loops of cores 1 to n - 1: what was taken out before the call is unused at its
 * end. Core 0, between two of its rounds. */
void grace_begin(struct grace *grace, unsigned n);
/* Is it over? A core that hangs never ends it. Core 0. */
bool grace_is_over(struct grace *grace);

#endif
