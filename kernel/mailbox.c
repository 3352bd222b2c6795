/* SPDX-License-Identifier: BSD-2-Clause
 * Mailboxes: core 0's side, and the owner's side when there is a call.
 */
#include "kernel/mailbox.h"
#include "arch/cpu.h"
#include "arch/tsc.h"
#include "kernel/slice.h"

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
    /* The last access to the box: core 0 may use it for the next call at once. */
    __atomic_store_n(&box->run, NULL, __ATOMIC_RELEASE); /* pairs with mailbox_is_free */
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
    if (!mailbox_is_free(core))
        return ERR_BUSY;
    box->context = context;
    __atomic_store_n(&box->run, run, __ATOMIC_RELEASE);
    __atomic_store_n(&box->is_open, 1, __ATOMIC_RELEASE); /* last: pairs with the exchange */
    smp_wake(core);

    uint64_t start = cpu_tsc(), limit = tsc_ticks(max_us * 1000ull);
    while (!mailbox_is_free(core)) {
        if (cpu_tsc() - start > limit) {
            if (!take(box))
                return mailbox_is_free(core) ? OK : ERR_BUSY;
            __atomic_store_n(&box->run, NULL, __ATOMIC_RELEASE);
            return ERR_TIMEOUT;
        }
        if (!slice_wait())
            cpu_pause();
    }
    return OK;
}
