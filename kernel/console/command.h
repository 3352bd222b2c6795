/* SPDX-License-Identifier: BSD-2-Clause
 * The console's commands: a table that the linker collects, so that each layer defines its own.
 *
 *     COMMAND("show ports", "[-j]", "ports, links and counters", show_ports);
 *
 * Pure. kernel/console/shell.c looks commands up in the table by unique prefixes of their words; a
 * command that waits (ping) fills in a job and returns COMMAND_WAITS.
 */
#ifndef KERNEL_CONSOLE_COMMAND_H
#define KERNEL_CONSOLE_COMMAND_H

#include "kernel/lib/out.h"

/* The result of running a command or polling its job. */
enum command_result {
    COMMAND_DONE,
    COMMAND_FAILED, /* a message has been printed; a `run` script stops */
    COMMAND_WAITS,  /* call->job is filled in; it owns the console until its poll returns another */
};

/* A command that waits. The command stores its own state; only one job exists at a time. */
struct job {
    /* Called between bursts, repeatedly; each call returns within about a millisecond. With
     * is_interrupted (Ctrl-C) the job must end at once: its result is then ignored. */
    enum command_result (*poll)(struct job *job, bool is_interrupted);
    const struct out *out; /* as in the call; set by the shell */
    bool json;
    /* Set by the command: a word that, typed with Enter, sets is_ended; "": any key sets it. NULL:
     * only Ctrl-C ends the job. */
    const char *end;
    bool is_ended;
};

/* One call of a command: the words after its name, which stay valid until its job ends. */
struct call {
    const struct out *out;
    unsigned argc;
    const char *const *argv;
    bool json; /* -j was given (it is not in argv): print one JSON object per line, nothing else */
    struct job *job;
};

struct command {
    const char *name;  /* one or more words with one space between: "show ports" */
    const char *usage; /* the arguments, "" for none; the shell rejects -j unless this contains
                        * "[-j]", and other words if this is empty or "[-j]" only */
    const char *help;  /* one line, shorter than 50 characters */
    /* Core 0, between bursts; must return within about a millisecond. */
    enum command_result (*run)(const struct call *call);
};

/* Print an error message, as one line or with -j as {"error": "..."}. Returns COMMAND_FAILED. */
enum command_result command_fail(const struct call *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define COMMAND(name_, usage_, help_, run_)                                                        \
    static const struct command command_##run_                                                     \
        __attribute__((used, section("commands"), aligned(8))) = {name_, usage_, help_, run_}

/* The collected table; linker.ld defines the bounds. */
extern const struct command commands_start[], commands_end[];

#endif
