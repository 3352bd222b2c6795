/* SPDX-License-Identifier: BSD-2-Clause
 * Core 0 makes another core run a function between two of its bursts. One slot per core, one
 * producer (core 0), no lock: only core 0 changes `run` from NULL to a function; the owner sets it
 * back to NULL when the function has run, or core 0 does when it withdraws the call before the
 * owner began.
 */
#ifndef KERNEL_MAILBOX_H
#define KERNEL_MAILBOX_H

#include "arch/smp.h"
#include "arch/types.h"

struct mailbox {
    void (*run)(void *context); /* NULL: empty, all calls have ended */
    void *context;
    uint32_t is_open; /* the owner changes it from 1 to 0 to run the call, core 0 to withdraw it */
} __attribute__((aligned(CACHE_LINE_BYTES)));

extern struct mailbox mailboxes[CPUS_MAX];

/* Run a function on that core and wait until it has returned, at most max_us; the wait of a command
 * of the console is sliced (kernel/slice.h). With core 0 it is called directly. A sleeping core is
 * woken. Core 0 only. OK: it has run, and its writes are visible here. ERR_TIMEOUT: the call was
 * withdrawn and will not run. ERR_BUSY: the function is still running (so context must stay valid),
 * or, at once, that of an earlier call is. ERR_NO_DEVICE: that core runs no loop. A context that a
 * core may still use (!mailbox_is_free) is not to be written: kernel/ask.h writes it at the right
 * time. */
enum err mailbox_call(unsigned core, void (*run)(void *context), void *context,
                      uint32_t max_us) MUST_CHECK;

/* Core 0's task (arch/task.h) lets the loop go on while it waits for a call to end, and the loop may
 * then call too. Wait until a call to that core for whose end something else of core 0 waits has
 * ended, at most max_us: a call is not refused for it. Core 0 only. */
void mailbox_wait_for_other(unsigned core, uint32_t max_us);

/* Have all calls to that core ended or been withdrawn, so that it uses no context? Always true of
 * core 0. Core 0 only. Pairs with the release in mailbox_serve. */
static inline bool mailbox_is_free(unsigned core)
{
    return __atomic_load_n(&mailboxes[core].run, __ATOMIC_ACQUIRE) == NULL;
}

/* Run the call in the box; never inlined into the loop. */
void mailbox_serve(struct mailbox *box);

/* Check for a call, between bursts: one load of a cache line that core 0 writes only to make a
 * call. Returns true if a function was run. To be called also after arming interrupts, before
 * smp_sleep. */
static inline bool mailbox_poll(void)
{
    struct mailbox *box = &mailboxes[cpu_this()->index];
    if (__builtin_expect(__atomic_load_n(&box->run, __ATOMIC_ACQUIRE) == NULL, 1))
        return false;
    mailbox_serve(box);
    return true;
}

#endif
