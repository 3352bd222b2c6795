/* SPDX-License-Identifier: BSD-2-Clause
 * An application: one struct app in a file of its own in net/app, collected by the linker. The boot
 * line's app= selects one by name.
 */
#ifndef NET_APP_APP_H
#define NET_APP_APP_H

#include "kernel/console/command.h"
#include "net/lane/lane.h"

struct cmdline;

struct app {
    const char *name;
    const char *help; /* one line */
    lane_poll *poll;  /* made by LANE_LOOP */
    /* The same in slots of LONG_SLOT_BYTES, chosen at boot if a port's MTU is above MTU_MOST; then the
     * application's fast handler takes every frame. NULL: no port may have such an MTU. */
    lane_poll *long_poll;
    /* Reads the application's keys of the boot line, which stays valid; may be NULL. */
    void (*configure)(const struct cmdline *line);
    /* Returns the output port for frames of ours to `ip`, with the next hop in *next; NULL: no
     * route. If `towards` is NULL, the ports' subnets and gateways decide. */
    struct port *(*towards)(uint32_t ip, uint32_t *next);
    /* For ARP frames received by ports that have an address: they come by a queue of their own
     * (net/lane/control.h). NULL: they come by the lanes, as all other frames. */
    lane_slow *control;
    lane_slow *slow; /* for frames of draining lanes; NULL: they are dropped */
    /* Ten times a second, core 0; may be NULL. True: there is more to do, it is called again after the
     * next round, so that no call takes long. */
    bool (*service)(uint64_t now_ns);
    void (*prepare)(void); /* once, before any lane is opened; may be NULL */
    /* Returns the port that sends the frames received by `in`; NULL: no lane. */
    struct port *(*output)(struct port *in);
    void (*start)(struct lane *lane); /* sets lane->app before the lane runs; may be NULL */
    /* An address has changed: does what prepare did; then start is called for each lane. NULL in an
     * application with `start`: addresses cannot change. */
    void (*readdress)(void);
    bool takes_everything; /* ports are promiscuous */
    bool has_vlans;        /* addresses in VLANs have ports of their own (net/lane/vlans.h) */
    bool is_sink;          /* lanes have no output, whatever `output` returns */
    uint32_t side_slots;   /* of each side queue: SIDE_DEEP; 0: SIDE_SLOTS */
    /* Returns how long the core may sleep before the application has work; UINT64_MAX: until a
     * frame arrives. Called on that core; NULL: always UINT64_MAX. */
    uint64_t (*idle_ns)(unsigned core);
    /* The console's `start` and `stop` with their arguments; core 0, between bursts. NULL:
     * lanes_start and lanes_stop of net/lane/lane_control.h, without arguments. */
    enum command_result (*command_start)(const struct call *call);
    enum command_result (*command_stop)(const struct call *call);
};

#define APP(symbol) const struct app app_##symbol __attribute__((used, section("apps"), aligned(8)))

/* The collected table; linker.ld defines the bounds. */
extern const struct app apps_start[], apps_end[];

#endif
