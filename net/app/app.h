/* SPDX-License-Identifier: BSD-2-Clause
 * What an application is: one struct app in a file of its own in net/app, found by the linker. The boot
 * line's app= chooses one by name.
 */
#ifndef NET_APP_APP_H
#define NET_APP_APP_H

#include "kernel/console/command.h"
#include "net/lane/lane.h"

struct cmdline;

struct app {
    const char *name;
    const char *help;    /* one line */
    lane_poll *poll;     /* made by LANE_LOOP */
    /* Read its keys of the boot line; may be NULL. The line stays. */
    void (*configure)(const struct cmdline *line);
    /* By which port, and by which neighbour there, what we send to an address goes; NULL: by none.
     * Where this is NULL itself, ports' nets and gateways say. */
    struct port *(*towards)(uint32_t ip, uint32_t *next);
    lane_slow *slow;       /* for frames of a lane whose output has no link; NULL: they are dropped */
    void (*service)(uint64_t now_ns); /* ten times a second, core 0; may be NULL */
    void (*prepare)(void); /* once, before any of its lanes; may be NULL */
    /* Where frames of this port go; NULL: it gets no lane. */
    struct port *(*output)(struct port *in);
    void (*start)(struct lane *lane); /* fill in lane->app before it runs; may be NULL */
    void (*readdress)(void); /* an address has changed: as prepare, then start for each lane. NULL, in
                              * an application with `start`: addresses cannot change */
    bool takes_everything; /* ports are promiscuous */
    bool is_sink;          /* frames end here: lanes have no output, whatever `output` says */
    /* How long the core may sleep before the application has something to do; UINT64_MAX: until
     * something comes in. That core; NULL: the same. */
    uint64_t (*idle_ns)(unsigned core);
    /* What the console's `start` and `stop` do, with the words behind them; core 0, between bursts.
     * NULL: lanes_start and lanes_stop of net/lane/lane.h, and no words are taken. */
    enum command_result (*command_start)(const struct call *call);
    enum command_result (*command_stop)(const struct call *call);
};

#define APP(symbol)                                                                                \
    const struct app app_##symbol __attribute__((used, section("apps"), aligned(8)))

/* The collected table: linker.ld keeps it between these two. */
extern const struct app apps_start[], apps_end[];

#endif
