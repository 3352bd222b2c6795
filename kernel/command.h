/* SPDX-License-Identifier: BSD-2-Clause
 * The console's commands: a table that the linker collects, so that each layer brings its own.
 *
 *     COMMAND("show ports", "[-j]", "ports, links and counters", show_ports);
 */
#ifndef KERNEL_COMMAND_H
#define KERNEL_COMMAND_H

#include "arch/types.h"

/* Where a command's output goes: whole text, '\n' ends a line. */
struct out {
    void (*write)(void *opaque, const char *text, size_t bytes);
    void *opaque;
};
void out_printf(const struct out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One call of a command: the words after its name. */
struct call {
    const struct out *out;
    unsigned argc;
    const char *const *argv;
    bool json; /* -j was given (and is not among argv): one JSON object a line and nothing else */
};

struct command {
    const char *name;   /* one or more words: "show ports" */
    const char *usage;  /* what may follow, "" for nothing */
    const char *help;   /* one line, below 50 characters */
    /* 0: done. Else a message has been printed, and a `run` script stops. Core 0, between bursts;
     * must return within a millisecond or so. A command that waits (ping) sets up a job instead. */
    int (*run)(const struct call *call);
};

#define COMMAND(name_, usage_, help_, run_)                                                        \
    static const struct command command_##run_                                                     \
        __attribute__((used, section("commands"), aligned(8))) = {name_, usage_, help_, run_}

/* The collected table: linker.ld keeps it between these two. */
extern const struct command commands_start[], commands_end[];

#endif
