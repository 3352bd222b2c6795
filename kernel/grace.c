/* SPDX-License-Identifier: BSD-2-Clause
 * Grace periods; see grace.h. Why not one round: a core may have read the old state in a round whose
 * predecessors are not counted yet, because their stores to cpu->polls are still in its store buffer
 * (x86 lets later loads overtake them). The buffer holds fewer stores than ROUNDS rounds make, which is
 * two each: so once the count has grown by ROUNDS, the rounds that could have read the old state are
 * over. A core that says it sleeps has made that store behind all loads of its last round.
 */
#include "kernel/grace.h"

#include "arch/cpu.h"

#define ROUNDS 256u

static uint64_t polls_of(unsigned core)
{
    return __atomic_load_n(&cpus[core]->polls, __ATOMIC_ACQUIRE);
}

void grace_begin(struct grace *grace, unsigned n)
{
    cpu_fence(); /* what was taken out is gone for all cores before their counts are read */
    grace->cores = n;
    for (unsigned core = 1; core < n; core++) {
        grace->polls[core] = polls_of(core);
        grace->has_passed[core] = false;
    }
}

bool grace_is_over(struct grace *grace)
{
    bool is_over = true;

    for (unsigned core = 1; core < grace->cores; core++) {
        grace->has_passed[core] |=
            __atomic_load_n(&cpus[core]->state, __ATOMIC_ACQUIRE) != CPU_RUNNING ||
            __atomic_load_n(&cpus[core]->is_asleep, __ATOMIC_ACQUIRE) ||
            polls_of(core) - grace->polls[core] >= ROUNDS;
        is_over = is_over && grace->has_passed[core];
    }
    return is_over;
}
