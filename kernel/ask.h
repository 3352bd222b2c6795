/* SPDX-License-Identifier: BSD-2-Clause
 * Core 0 asks one core, or every core, to do something, by their mailboxes. A core that did not
 * answer may do it later: then neither its answer nor its request is touched until it has.
 */
#ifndef KERNEL_ASK_H
#define KERNEL_ASK_H

#include "kernel/lib/str.h"
#include "kernel/mailbox.h"

struct question {
    void (*run)(void *context);
    /* An array with an element of `bytes` for each core, core 0's first; 0: all cores get
     * `contexts` itself. Never on a stack. */
    void *contexts;
    size_t bytes;
    /* Copied to the beginning of a core's element before the call, unless that core still uses the
     * element. NULL: nothing is. */
    const void *request;
    size_t request_bytes;
    uint32_t max_us; /* as for mailbox_call, each core */
};

/* What mailbox_call returned, and how long it took. Only after OK may the core's element be read:
 * until then it is the core's. */
struct answer {
    enum err err;
    uint32_t waited_us;
};

/* Who answered, a bit for each core, and how many did not. */
struct ask {
    uint64_t answered;
    uint64_t silent; /* withdrawn, or begun and not ended */
    uint64_t absent; /* runs no loop (yet) */
    unsigned silent_n, absent_n;
};

/* Ask one core. Core 0 only. */
struct answer ask_core(unsigned core, const struct question *question);

/* Ask cores first..n-1 (n at most 64), one after the other. Core 0 only. */
struct ask ask_cores(unsigned first, unsigned n, const struct question *question);

/* Text for a log line, after "core N ": what became of a call that was not OK. */
const char *ask_error_text(enum err err);

#endif
