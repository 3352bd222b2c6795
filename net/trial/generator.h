/* SPDX-License-Identifier: BSD-2-Clause
 * The generator of app=generate: one struct generator per core and port, which sends the core's
 * share of the port's trial through the port's feed (net/lane/ring.h). The loop is in
 * net/app/generate.c; here a trial is started, stopped and reported.
 *
 * A trial goes IDLE -> WAITING (for a link and the destination's MAC address) -> RUNNING -> DONE,
 * by request of core 0; each core ends its own share.
 */
#ifndef NET_TRIAL_GENERATOR_H
#define NET_TRIAL_GENERATOR_H

#include "kernel/console/command.h"
#include "net/lane/lane.h"
#include "net/trial/options.h"

/* Used by its own core only. */
struct generator {
    struct side *feed;
    uint64_t began_tsc; /* when the first frame is due; advanced when frames are skipped */
    uint64_t end_tsc;   /* no frame after this; UINT64_MAX: no limit */
    uint64_t per_tick;  /* see struct trial_share */
    uint64_t made;      /* frames queued */
    uint64_t wanted;    /* frames to send in all; TRIAL_FOREVER: no limit */
    uint64_t quantum;
    uint32_t port, number;         /* of the next frame */
    uint32_t port_first, port_end; /* source ports, in the upper half; port_end is exclusive */
    uint32_t sum;                  /* see probe_build */
    bool is_on;

    uint64_t skipped; /* frames due but given up, since link or ring did not accept them */
    uint64_t tick_q24;
    uint64_t first_tsc, last_tsc; /* when the first frame was due, and the last burst was made */
    uint64_t dropped_before;      /* drops of the feed when the trial began */
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* The generators of one core, of which n_on are on. */
struct generators {
    struct generator port[PORTS_MAX];
    uint32_t n_on;
} __attribute__((aligned(CACHE_LINE_BYTES)));
extern struct generators generators[QUEUES_MAX];

/* The backlog limit: more overdue frames than this are skipped, so that a port whose link was down
 * for a second does not send a second's frames in one burst. */
#define GENERATOR_BACKLOG LANE_SLOTS

/* End a generator that has made all its frames or whose time is over. Owner core. */
void generator_end(struct generators *core, struct generator *g);
/* Of `owed` frames due, skip all but GENERATOR_BACKLOG. With duration= they are not sent at all,
 * else later. Owner core. */
void generator_skip(struct generator *g, uint64_t owed);

/* Time until the core's next frame is due; UINT64_MAX: no trial. That core. */
uint64_t generator_idle_ns(unsigned core);

enum trial_state { TRIAL_IDLE, TRIAL_WAITING, TRIAL_RUNNING, TRIAL_DONE };

/* ---- All below: core 0 ---- */

/* Set an option, for the next trial on; the current options. See trial_set. */
bool generator_set(const char *key, const char *value, const char **wanted);
const struct trial_options *generator_options(void);
/* The value of trial_key(i) as typed; "": not set. */
const char *generator_text(unsigned i);

/* Read the options of the boot line; rate= there requests a trial. Boot. */
struct cmdline;
void generator_configure(const struct cmdline *line);

/* Request a trial with the current options; a running one is stopped first. NULL, or the error. */
const char *generator_request(void);
/* End the trial; queued frames are still sent. */
void generator_stop(void);
/* Start a waiting trial if it can. NULL: it is no longer waiting, or *why says what it waits for.
 * Else the error that has ended it. For a trial of the boot line generator_service calls it. */
const char *generator_poll(const char **why);
bool generator_service(uint64_t now_ns);

/* The sending side of the current or last trial on a port. */
struct trial_report {
    uint32_t trial; /* its number, as in the tag */
    enum trial_state state;
    bool is_sending; /* the port takes part */
    uint64_t tag;
    uint64_t wanted; /* TRIAL_FOREVER: no limit */
    uint64_t sent;   /* queued, less frames dropped when the link was lost */
    uint64_t skipped;
    uint64_t ns; /* from the first frame to the last burst */
    unsigned cores_silent;
};
struct trial_report generator_report(unsigned port);
/* The tag of the port's current or last trial; 0: none. */
uint64_t generator_tag(unsigned port);

/* The commands `start` and `stop` of app=generate; in net/trial/cmd.c. */
enum command_result trial_start(const struct call *call);
enum command_result trial_stop(const struct call *call);

#endif
