/* SPDX-License-Identifier: BSD-2-Clause
 * The generator behind app=generate: one struct generator for each core and port, which makes the
 * core's share of the port's trial in the port's feed (net/lane/ring.h). The loop is in
 * net/app/generate.c; here is what happens before and after a trial.
 *
 * A trial goes IDLE -> WAITING (for a link, for the MAC address to send to) -> RUNNING -> DONE, by
 * request of core 0; each core ends its own share.
 */
#ifndef NET_TRIAL_GENERATOR_H
#define NET_TRIAL_GENERATOR_H

#include "kernel/console/command.h"
#include "net/lane/lane.h"
#include "net/trial/options.h"

/* Owner core alone. */
struct generator {
    struct side *feed;
    uint64_t began_tsc;  /* when the first frame is due; moved on where the schedule was not kept */
    uint64_t end_tsc;    /* no frame after this; UINT64_MAX: no limit */
    uint64_t per_tick;   /* see struct trial_share */
    uint64_t made;       /* frames handed over */
    uint64_t wanted;     /* how many there shall be; TRIAL_FOREVER: no limit */
    uint64_t quantum;
    uint32_t port, number;         /* of the next frame */
    uint32_t port_first, port_end; /* source ports, in the upper half; port_end is no more ours */
    uint32_t sum;        /* see probe_build */
    bool is_on;

    uint64_t skipped;    /* frames that were due and were given up: link or ring did not take them */
    uint64_t tick_q24;
    uint64_t first_tsc, last_tsc; /* when the first frame was due, and the last burst was made */
    uint64_t dropped_before;      /* drops of the feed when the trial began */
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* Those of one core; n_on says how many are on. */
struct generators {
    struct generator port[PORTS_MAX];
    uint32_t n_on;
} __attribute__((aligned(CACHE_LINE_BYTES)));
extern struct generators generators[QUEUES_MAX];

/* Frames that were due more than so many ago are given up: a port that comes back after a second
 * does not send a second's worth at once. */
#define GENERATOR_BACKLOG LANE_SLOTS

/* It has made all its frames, or its time is over. Owner core. */
void generator_end(struct generators *core, struct generator *g);
/* More than GENERATOR_BACKLOG frames are due: give up the oldest. With duration= they are made no
 * more, else later. Owner core. */
void generator_skip(struct generator *g, uint64_t owed);

/* How long until the core has a frame to send; UINT64_MAX: no trial. That core. */
uint64_t generator_idle_ns(unsigned core);

enum trial_state { TRIAL_IDLE, TRIAL_WAITING, TRIAL_RUNNING, TRIAL_DONE };

/* ---- All below: core 0 ---- */

/* Options as they stand, valid from the next trial on; see trial_set. */
bool generator_set(const char *key, const char *value, const char **wanted);
const struct trial_options *generator_options(void);
/* The value of trial_key(i) as it was given; "": it was not. */
const char *generator_text(unsigned i);

/* Take the options of the boot line. A rate there asks for a trial. Boot. */
struct cmdline;
void generator_configure(const struct cmdline *line);

/* Ask for a trial with the present options; one that runs ends first. NULL, or why not. */
const char *generator_request(void);
/* End the trial: what was handed over goes out. */
void generator_stop(void);
/* Take a waiting trial further. NULL: it is no longer waiting, or *why says for what it waits; else
 * what is wrong for good, and the trial is off. For a trial of the boot line the service does that. */
const char *generator_poll(const char **why);
void generator_service(uint64_t now_ns);

/* What a port has made of the present or last trial. */
struct trial_report {
    uint32_t trial; /* its number, as in the tag */
    enum trial_state state;
    bool is_sending;   /* the port takes part */
    uint64_t tag;
    uint64_t wanted;   /* TRIAL_FOREVER: no limit */
    uint64_t sent;     /* handed over, less what a lost link took back */
    uint64_t skipped;
    uint64_t ns;       /* from the first frame to the last burst */
    unsigned cores_silent;
};
struct trial_report generator_report(unsigned port);
/* The tag of that port's present or last trial; 0: it had none. */
uint64_t generator_tag(unsigned port);

/* What `start` and `stop` do; in net/trial/cmd.c. */
enum command_result trial_start(const struct call *call);
enum command_result trial_stop(const struct call *call);

#endif
