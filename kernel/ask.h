/* SPDX-License-Identifier: BSD-2-Clause
 * Core 0 asks every core for the same thing, one after the other, by their mailboxes.
 */
#ifndef KERNEL_ASK_H
#define KERNEL_ASK_H

#include "kernel/mailbox.h"

/* Who did not answer, a bit for each core, and how many those are. */
struct ask {
    uint64_t silent; /* withdrawn, or begun and not ended: its context must live on */
    uint64_t absent; /* runs no loop (yet) */
    unsigned silent_n, absent_n;
};

/* Cores first..n-1 (n at most 64) run it with an element of contexts, an array of `bytes` for each core
 * that begins with core 0's; of 0 bytes: all with the same. Each has max_us, as in mailbox_call. Core 0
 * only. */
static inline struct ask ask_cores(unsigned first, unsigned n, void (*run)(void *context),
                                   void *contexts, size_t bytes, uint32_t max_us)
{
    struct ask ask = {0};

    for (unsigned core = first; core < n; core++) {
        enum err err = mailbox_call(core, run, (uint8_t *)contexts + core * bytes, max_us);
        if (err == ERR_NO_DEVICE) {
            ask.absent |= BIT64(core);
            ask.absent_n++;
        } else if (err) {
            ask.silent |= BIT64(core);
            ask.silent_n++;
        }
    }
    return ask;
}

#endif
