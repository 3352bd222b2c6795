/* SPDX-License-Identifier: BSD-2-Clause
 * The console's commands: a table that the linker collects, so that each layer brings its own.
 *
 *     COMMAND("show ports", "[-j]", "ports, links and counters", show_ports);
 *
 * Pure. The table is read by kernel/console/shell.c, which finds a command by the unique beginnings
 * of its words; a command that waits (ping) fills in a job and returns COMMAND_WAITS.
 */
#ifndef KERNEL_CONSOLE_COMMAND_H
#define KERNEL_CONSOLE_COMMAND_H

#include "kernel/lib/out.h"

/* What running a command, or polling its job, comes to. */
enum command_result {
    COMMAND_DONE,
    COMMAND_FAILED, /* a message has been printed; a `run` script stops */
    COMMAND_WAITS,  /* call->job is filled in and owns the console until its poll returns another */
};

/* A command that waits for something. It keeps its state itself; only one job exists at a time. */
struct job {
    /* Called between bursts, again and again; each call returns within a millisecond or so. With
     * is_interrupted (Ctrl-C) it must end now: what it returns is then no longer asked. */
    enum command_result (*poll)(struct job *job, bool is_interrupted);
    const struct out *out; /* as in the call; set by the shell */
    bool json;
    /* Set by the command, if not only Ctrl-C is to end it: a word that, typed with Enter, sets
     * is_ended; "": any key does. NULL: none. */
    const char *end;
    bool is_ended;
};

/* One call of a command: the words after its name. They live until its job ends. */
struct call {
    const struct out *out;
    unsigned argc;
    const char *const *argv;
    bool json; /* -j was given (and is not among argv): one JSON object a line and nothing else */
    struct job *job;
};

struct command {
    const char *name;  /* one or more words with one space between: "show ports" */
    const char *usage; /* what may follow, "" for nothing; the shell refuses -j without "[-j]" in it,
                        * and words where nothing or only [-j] stands */
    const char *help;  /* one line, below 50 characters */
    /* Core 0, between bursts; must return within a millisecond or so. */
    enum command_result (*run)(const struct call *call);
};

/* Print why a command failed, as one line or with -j as {"error": "..."}. Returns COMMAND_FAILED. */
enum command_result command_fail(const struct call *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define COMMAND(name_, usage_, help_, run_)                                                        \
    static const struct command command_##run_                                                     \
        __attribute__((used, section("commands"), aligned(8))) = {name_, usage_, help_, run_}

/* The collected table: linker.ld keeps it between these two. */
extern const struct command commands_start[], commands_end[];

#endif
