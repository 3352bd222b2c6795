/* SPDX-License-Identifier: BSD-2-Clause
 * Mailboxes: core 0's side, and the owner's side when there is a call.
 */
#include "kernel/mailbox.h"
#include "arch/cpu.h"
#include "arch/tsc.h"

struct mailbox mailboxes[CPUS_MAX];

static bool take(struct mailbox *box)
{
    return __atomic_exchange_n(&box->is_open, 0, __ATOMIC_ACQ_REL) == 1;
}

void mailbox_serve(struct mailbox *box)
{
    if (!take(box))
        return; /* just withdrawn, or not yet complete */
    void (*run)(void *context) = box->run;
    run(box->context);
    __atomic_store_n(&box->run, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&box->is_done, 1, __ATOMIC_RELEASE); /* pairs with the acquire below */
}

enum err mailbox_call(unsigned core, void (*run)(void *context), void *context, uint32_t max_us)
{
    if (core == 0) {
        run(context);
        return OK;
    }
    if (core >= cpus_n || __atomic_load_n(&cpus[core]->state, __ATOMIC_ACQUIRE) != CPU_RUNNING)
        return ERR_NO_DEVICE;
    struct mailbox *box = &mailboxes[core];
    if (__atomic_load_n(&box->run, __ATOMIC_ACQUIRE))
        return ERR_BUSY;
    box->context = context;
    box->is_done = 0;
    __atomic_store_n(&box->run, run, __ATOMIC_RELEASE);
    __atomic_store_n(&box->is_open, 1, __ATOMIC_RELEASE); /* last: pairs with the exchange */
    smp_wake(core);

    uint64_t start = cpu_tsc(), limit = tsc_ticks(max_us * 1000ull);
    while (!__atomic_load_n(&box->is_done, __ATOMIC_ACQUIRE)) {
        if (cpu_tsc() - start > limit) {
            if (!take(box))
                return __atomic_load_n(&box->is_done, __ATOMIC_ACQUIRE) ? OK : ERR_BUSY;
            __atomic_store_n(&box->run, NULL, __ATOMIC_RELEASE);
            return ERR_TIMEOUT;
        }
        cpu_pause();
    }
    return OK;
}
