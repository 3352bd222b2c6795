/* SPDX-License-Identifier: BSD-2-Clause
 * The host's stand-in for kernel/mailbox.h: every core is this one.
 */
#ifndef KERNEL_MAILBOX_H
#define KERNEL_MAILBOX_H

#include "arch/smp.h"
#include "arch/types.h"

static inline enum err mailbox_call(unsigned core, void (*run)(void *context), void *context,
                                    uint32_t max_us)
{
    (void)core, (void)max_us;
    run(context);
    return OK;
}
static inline bool mailbox_poll(void)
{
    return false;
}

#endif
