/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for kernel/mailbox.h: every core is this one, and answers at once, unless the
 * test has the n-th call to another core than 0 fail, or all calls.
 */
#ifndef KERNEL_MAILBOX_H
#define KERNEL_MAILBOX_H

#include "arch/smp.h"
#include "arch/types.h"

/* All calls, core 0's too. */
__attribute__((weak)) enum err mailbox_host_answer = OK;

/* Calls to other cores so far, since the test set it to 0; that with the number `fails` (from 1; 0:
 * none) ends with `with`. ERR_TIMEOUT, ERR_NO_DEVICE: it does not run. ERR_BUSY: it runs when the
 * test calls mailbox_host_run_late; until then that core is busy. fails_n: so many from there on. */
struct mailbox_host {
    unsigned calls, fails, fails_n;
    enum err with;
    struct {
        void (*run)(void *context);
        void *context;
    } late[16];
};
__attribute__((weak)) struct mailbox_host mailbox_host;

static inline bool mailbox_is_free(unsigned core)
{
    return core >= 16 || !mailbox_host.late[core].run;
}

static inline void mailbox_host_run_late(void)
{
    for (unsigned core = 0; core < 16; core++)
        if (mailbox_host.late[core].run) {
            mailbox_host.late[core].run(mailbox_host.late[core].context);
            mailbox_host.late[core].run = NULL;
        }
}

static inline void mailbox_wait_for_other(unsigned core, uint32_t max_us)
{
    (void)core, (void)max_us;
}

static inline enum err mailbox_call(unsigned core, void (*run)(void *context), void *context,
                                    uint32_t max_us)
{
    (void)max_us;
    if (mailbox_host_answer != OK)
        return mailbox_host_answer;
    if (!mailbox_is_free(core))
        return ERR_BUSY;
    unsigned n = core == 0 ? 0 : ++mailbox_host.calls, last = mailbox_host.fails_n;
    if (n != 0 && mailbox_host.fails != 0 && n >= mailbox_host.fails &&
        n <= mailbox_host.fails + (last ? last - 1 : 0)) {
        if (mailbox_host.with == ERR_BUSY) {
            mailbox_host.late[core].run = run;
            mailbox_host.late[core].context = context;
        }
        return mailbox_host.with;
    }
    run(context);
    return OK;
}
static inline bool mailbox_poll(void)
{
    return false;
}

#endif
