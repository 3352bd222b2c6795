/* SPDX-License-Identifier: BSD-2-Clause
 * Core 0 asks another core to run a function between two of its bursts. One slot a core, one
 * producer (core 0), no lock: the word `run` goes from NULL to a function by core 0 alone, and back
 * to NULL by the owner when it has run it, or by core 0 when it gives up before the owner began.
 */
#ifndef KERNEL_MAILBOX_H
#define KERNEL_MAILBOX_H

#include "arch/smp.h"
#include "arch/types.h"

struct mailbox {
    void (*run)(void *context); /* NULL: empty */
    void *context;
    uint32_t is_open; /* who changes it from 1 to 0 has it: the owner, or core 0 to withdraw */
    uint32_t is_done;
} __attribute__((aligned(CACHE_LINE_BYTES)));

extern struct mailbox mailboxes[CPUS_MAX];

/* Run it on that core and wait until it has run, at most max_us. On core 0 itself it is called at
 * once. A sleeping core is woken. Core 0 only. OK: it has run, and all that it wrote is seen here.
 * ERR_TIMEOUT: it was withdrawn and will not run. ERR_BUSY: the core has begun and is still at it
 * (context must therefore live on), or an earlier one never ended. ERR_NO_DEVICE: that core runs no
 * loop. */
enum err mailbox_call(unsigned core, void (*run)(void *context), void *context,
                      uint32_t max_us) MUST_CHECK;

/* Run what is in the box; never inlined into the loop. */
void mailbox_serve(struct mailbox *box);

/* One look, between bursts: a load of a line that only core 0 writes, and only to ask. Returns true
 * if something was run. Also to be done after arming interrupts, before smp_sleep. */
static inline bool mailbox_poll(void)
{
    struct mailbox *box = &mailboxes[cpu_this()->index];
    if (__builtin_expect(__atomic_load_n(&box->run, __ATOMIC_ACQUIRE) == NULL, 1))
        return false;
    mailbox_serve(box);
    return true;
}

#endif
