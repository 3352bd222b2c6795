/* SPDX-License-Identifier: BSD-2-Clause
 * Mailboxes: core 0's side, and the owner's side when there is a call.
 */
#include "kernel/mailbox.h"
#include "arch/cpu.h"
#include "arch/task.h"
#include "arch/tsc.h"
#include "kernel/slice.h"
#include "kernel/watchdog.h"

struct mailbox mailboxes[CPUS_MAX];
static bool is_awaited[CPUS_MAX]; /* core 0 waits for the end of a call to that core */

static bool take(struct mailbox *box)
{
    return __atomic_exchange_n(&box->is_open, 0, __ATOMIC_ACQ_REL) == 1;
}

void mailbox_serve(struct mailbox *box)
{
    if (!take(box))
        return; /* just withdrawn, or not yet complete */
    void (*run)(void *context) = box->run;
    const char *before = watchdog_part("a call by core 0");
    run(box->context);
    (void)watchdog_part(before);
    /* The last access to the box: core 0 may use it for the next call at once. */
    __atomic_store_n(&box->run, NULL, __ATOMIC_RELEASE); /* pairs with mailbox_is_free */
}

/* Between two looks whether a call has ended. */
static void let_time_pass(void)
{
    if (task_is_running())
        task_pause();
    else if (!slice_wait())
        cpu_pause();
}

void mailbox_wait_for_other(unsigned core, uint32_t max_us)
{
    uint64_t start = cpu_tsc(), limit = tsc_ticks(max_us * 1000ull);

    while (core < cpus_n && is_awaited[core] && !mailbox_is_free(core) &&
           cpu_tsc() - start <= limit)
        let_time_pass();
}

/* Wait until the call has ended; withdraw it when max_us have passed. */
static enum err wait_for_end(unsigned core, uint32_t max_us)
{
    struct mailbox *box = &mailboxes[core];
    uint64_t start = cpu_tsc(), limit = tsc_ticks(max_us * 1000ull);
    while (!mailbox_is_free(core)) {
        if (cpu_tsc() - start > limit) {
            if (!take(box))
                return mailbox_is_free(core) ? OK : ERR_BUSY;
            __atomic_store_n(&box->run, NULL, __ATOMIC_RELEASE);
            return ERR_TIMEOUT;
        }
        let_time_pass();
    }
    return OK;
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
    mailbox_wait_for_other(core, max_us);
    if (!mailbox_is_free(core))
        return ERR_BUSY;
    box->context = context;
    __atomic_store_n(&box->run, run, __ATOMIC_RELEASE);
    __atomic_store_n(&box->is_open, 1, __ATOMIC_RELEASE); /* last: pairs with the exchange */
    smp_wake(core);

    is_awaited[core] = true;
    enum err err = wait_for_end(core, max_us);
    is_awaited[core] = false;
    return err;
}
