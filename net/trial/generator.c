/* SPDX-License-Identifier: BSD-2-Clause
 * The control side of app=generate; see generator.h. Core 0 starts and stops trials; each core sets
 * up and ends its own generators at core 0's request.
 */
#include "net/trial/generator.h"

#include "arch/smp.h"
#include "arch/tsc.h"
#include "boot/cmdline.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/str.h"
#include "kernel/log/log.h"
#include "kernel/ask.h"
#include "net/lane/lane_control.h"
#include "net/stack/netif.h"
#include "net/trial/probe.h"
#include "net/trial/receiver.h"

#define BENCHMARK_NET 0xC6120000u /* 198.18.0.0/15, RFC 2544: for ports without an address */
#define LEAD_NS       2000000ull  /* from GO to the first frame, so that all cores start together */
#define GRACE_NS      100000000ull /* after duration=, for frames that were due before */
enum { CALL_LIMIT_US = 2000000, ANSWER_US = 50000 };

struct generators generators[QUEUES_MAX];

/* The options, parsed, and as typed for `show config`. */
enum { KEYS = 8, TEXT_BYTES = 96 };
static struct trial_options options;
static char texts[KEYS][TEXT_BYTES];

/* Core 0's state of the current or last trial. */
static struct {
    enum trial_state state; /* stays RUNNING when all cores are done */
    struct trial_options options;
    uint32_t number;
    uint64_t tags[PORTS_MAX];
    struct probe probes[PORTS_MAX];
    uint32_t link_mbps[PORTS_MAX];
    bool is_from_boot_line; /* generator_service starts it and logs errors */
    bool has_logged;        /* why it waits */
} trial;

/* Core 0's request to a core; a late core may still use it, and what of `trial` SET_UP reads. */
static struct order {
    struct request {
        enum { SET_UP, GO, STOP, REPORT } what;
        unsigned port;
        uint64_t began_tsc;
    } request;
    enum err err;               /* out, of SET_UP */
    struct trial_report report; /* out */
} orders[QUEUES_MAX];

static uint64_t unstopped; /* cores that have not carried out STOP, a bit each: asked again */

/* ---- On the core concerned ---- */

void generator_end(struct generators *core, struct generator *g)
{
    g->is_on = false;
    core->n_on--;
}

void generator_skip(struct generator *g, uint64_t owed)
{
    uint64_t due = MIN(owed, g->wanted - g->made);

    if (due <= GENERATOR_BACKLOG)
        return;
    uint64_t late = due - GENERATOR_BACKLOG;
    g->began_tsc += (uint64_t)((unsigned __int128)late * g->tick_q24 >> 24);
    g->skipped += late;
    if (g->end_tsc != UINT64_MAX)
        g->wanted -= late; /* with duration= they are not sent later; with count= they are */
}

static uint64_t dropped(const struct side *feed)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < DROP_COUNT; i++)
        n += feed->drops[i];
    return n;
}

struct filling {
    const struct probe *probe;
    struct generator *g;
};

static uint32_t fill(void *context, uint32_t slot, uint8_t *frame)
{
    const struct filling *f = context;
    uint32_t length = trial.options.sizes[slot % trial.options.sizes_n] - CRC_BYTES;

    f->g->sum = probe_build(frame, f->probe, length);
    return length;
}

static enum err set_up(unsigned core, unsigned port)
{
    struct generator *g = &generators[core].port[port];
    struct filling filling = {&trial.probes[port], g};
    const struct trial_options *o = &trial.options;
    struct trial_share share = trial_share(o, core, lanes_cores, tsc_hz(), trial.link_mbps[port]);
    /* A multiple of the number of sizes and of 8 slots. */
    uint32_t slots = LANE_SLOTS - LANE_SLOTS % (o->sizes_n * 8);

    *g = (struct generator){
        .feed = lanes_feeds[port] ? &lanes_feeds[port][core] : NULL,
        .end_tsc = UINT64_MAX,
        .per_tick = share.per_tick,
        .tick_q24 = share.tick_q24,
        .quantum = share.quantum,
        .port = (PROBE_PORT + share.flow_first) << 16,
        .port_first = (PROBE_PORT + share.flow_first) << 16,
        .port_end = (PROBE_PORT + share.flow_first + share.flows_n) << 16,
        .wanted = share.flows_n != 0 && (o->ports & BIT(port)) ? share.frames : 0,
    };
    if (g->wanted == 0)
        return OK;
    enum err err = feed_fill(&ports[port], core, slots, fill, &filling);
    g->dropped_before = dropped(g->feed);
    return err;
}

/* began_tsc: by core 0's TSC. A generator counts by that of its own core. */
static void go(struct generators *mine, uint64_t began_tsc)
{
    began_tsc += (uint64_t)cpu_this()->tsc_skew;
    for (unsigned i = 0; i < ports_n; i++) {
        struct generator *g = &mine->port[i];
        g->began_tsc = g->first_tsc = g->last_tsc = began_tsc;
        if (trial.options.duration_ns != 0)
            g->end_tsc = began_tsc + tsc_ticks(trial.options.duration_ns + GRACE_NS);
        g->is_on = g->wanted != 0;
        mine->n_on += g->is_on;
    }
}

static void stop(struct generators *mine)
{
    for (unsigned i = 0; i < ports_n; i++)
        if (mine->port[i].is_on)
            generator_end(mine, &mine->port[i]);
}

static void report(const struct generator *g, struct trial_report *r)
{
    *r = (struct trial_report){
        .state = g->is_on ? TRIAL_RUNNING : TRIAL_DONE,
        .wanted = g->wanted + (g->end_tsc != UINT64_MAX ? g->skipped : 0),
        .sent = g->made,
        .skipped = g->skipped,
        .ns = tsc_ns(g->last_tsc - g->first_tsc),
    };
    if (g->feed)
        r->sent -= dropped(g->feed) - g->dropped_before;
}

static void execute_order(void *context)
{
    struct order *order = context;
    unsigned core = (unsigned)(order - orders);
    struct generators *mine = &generators[core];

    switch (order->request.what) {
    case SET_UP:
        stop(mine);
        receiver_reset(core, trial.tags);
        order->err = OK;
        for (unsigned i = 0; i < ports_n && order->err == OK; i++)
            order->err = set_up(core, i);
        break;
    case GO:
        go(mine, order->request.began_tsc);
        break;
    case STOP:
        stop(mine);
        break;
    case REPORT:
        report(&mine->port[order->request.port], &order->report);
        break;
    }
}

uint64_t generator_idle_ns(unsigned core)
{
    const struct generators *mine = &generators[core];
    uint64_t now_tsc = cpu_tsc(), idle_ns = UINT64_MAX;

    for (unsigned i = 0; mine->n_on != 0 && i < ports_n; i++) {
        const struct generator *g = &mine->port[i];
        if (!g->is_on)
            continue;
        uint64_t until = g->made + MIN(g->quantum, g->wanted - g->made) - 1;
        uint64_t due_tsc = g->began_tsc + (uint64_t)((unsigned __int128)until * g->tick_q24 >> 24);
        uint64_t at_tsc = MIN(due_tsc, g->end_tsc);
        uint64_t wait_ns = at_tsc > now_tsc ? tsc_ns(at_tsc - now_tsc) : 0;
        idle_ns = MIN(idle_ns, wait_ns);
    }
    return idle_ns;
}

/* ---- Core 0 ---- */

static struct question question(const struct request *request, uint32_t max_us)
{
    return (struct question){.run = execute_order,
                             .contexts = orders,
                             .bytes = sizeof(orders[0]),
                             .request = request,
                             .request_bytes = sizeof(*request),
                             .max_us = max_us};
}

static struct ask ask(int what, unsigned port, uint64_t began_tsc, uint32_t max_us)
{
    const struct request request = {.what = what, .port = port, .began_tsc = began_tsc};
    const struct question q = question(&request, max_us);

    return ask_cores(0, lanes_cores, &q);
}

/* Have all cores ended all earlier requests, so that `trial` may change, and stopped? */
static bool cores_are_ready(void)
{
    bool are_free = unstopped == 0;

    for (unsigned core = 0; core < lanes_cores; core++)
        are_free &= mailbox_is_free(core);
    return are_free;
}

/* Ask the cores that have not stopped once more. */
static void stop_again(void)
{
    static const struct request request = {.what = STOP};
    const struct question q = question(&request, ANSWER_US);

    for (unsigned core = 0; core < lanes_cores; core++)
        if ((unstopped & BIT64(core)) && ask_core(core, &q).err == OK) {
            unstopped &= ~BIT64(core);
            log_warn("generate: core %u has stopped now", core);
        }
}

static const char *begin(void)
{
    uint64_t lead_tsc = tsc_ticks(LEAD_NS);

    struct ask set_up = ask(SET_UP, 0, 0, CALL_LIMIT_US);
    if (set_up.silent_n + set_up.absent_n != 0)
        return "a core does not answer";
    for (unsigned core = 0; core < lanes_cores; core++)
        if (orders[core].err != OK)
            return "a transmit queue does not stop";
    trial.state = TRIAL_RUNNING;
    struct ask went = ask(GO, 0, cpu_tsc() + lead_tsc, CALL_LIMIT_US);
    if (went.silent_n + went.absent_n != 0) {
        generator_stop();
        return "a core does not answer";
    }
    return NULL;
}

/* Resolve the port's destination. NULL: it is known, or *why says what it waits for; else the
 * error. */
static const char *find_target(unsigned i, const char **why)
{
    const struct trial_options *o = &trial.options;
    struct probe *probe = &trial.probes[i];
    struct netif *nif = ports[i].netif;
    struct port *partner = port_partner(&ports[i]);
    bool has_partner_ip = partner && partner->netif;

    *why = NULL;
    if (nif && nif->vlan != 0)
        return "a port with a VLAN tag (port#.vlan=) cannot generate";
    memcpy(probe->src_mac, ports[i].mac, 6);
    probe->src = nif ? nif->ip : BENCHMARK_NET + 256 * i + 1;
    probe->dst = o->dst           ? o->dst
                 : has_partner_ip ? partner->netif->ip
                                  : BENCHMARK_NET + 256 * (i ^ 1) + 1;
    if (o->has_dst_mac) {
        memcpy(probe->dst_mac, o->dst_mac, 6);
    } else if (nif && (o->dst || has_partner_ip)) {
        switch (netif_resolve(nif, probe->dst, probe->dst_mac)) {
        case NETIF_READY:
            break;
        case NETIF_ASKING:
            *why = "an ARP reply";
            break;
        case NETIF_NO_ANSWER:
            return "dst= does not answer ARP";
        case NETIF_NO_ROUTE:
            return "dst= is not on the port's subnet, and the port has no gateway";
        }
    } else if (o->dst) {
        return "dst= needs an address on the port (port#.ip=), or dstmac=";
    } else if (partner) {
        memcpy(probe->dst_mac, partner->mac, 6);
    } else {
        return "a port without a partner needs dst= or dstmac=";
    }
    return NULL;
}

const char *generator_poll(const char **why)
{
    *why = NULL;
    if (trial.state != TRIAL_WAITING)
        return NULL;
    if (lanes_n == 0) {
        trial.state = TRIAL_IDLE;
        return "no memory for its lanes";
    }
    for (unsigned i = 0; i < ports_n; i++) {
        if (!(trial.options.ports & BIT(i)))
            continue;
        if (ports[i].is_down)
            *why = "a port that is out of service";
        else if (!port_side(&ports[i], 0)->is_running)
            *why = "a link";
        else {
            const char *wrong = find_target(i, why);
            if (wrong) {
                trial.state = TRIAL_IDLE;
                return wrong;
            }
        }
        if (*why)
            return NULL;
        trial.link_mbps[i] = ports[i].speed_mbps;
    }
    if (!cores_are_ready()) {
        *why = "a core that has not carried out an earlier request";
        return NULL;
    }
    trial.number = (uint32_t)(cpu_tsc() >> 10) & 0xFFFFFF;
    unsigned log2 = 0;
    while (BIT(log2) < trial.options.flows)
        log2++;
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        bool sends = i < ports_n && (trial.options.ports & BIT(i));
        trial.tags[i] = sends ? probe_tag(trial.number, i, log2) : 0;
        trial.probes[i].tag = trial.tags[i];
    }
    const char *wrong = begin();
    if (wrong)
        trial.state = TRIAL_IDLE;
    return wrong;
}

const char *generator_request(void)
{
    if (options.rate_micro == 0)
        return "rate= must be set";
    if (options.ports >> ports_n != 0)
        return "ports= names a port that does not exist";
    for (unsigned i = 0; i < ports_n; i++)
        if ((options.ports & BIT(i)) && ports[i].no_card)
            return "ports= names a port without a working card";
    generator_stop();
    if (!cores_are_ready())
        return "a core has not carried out an earlier request; try again";
    trial.options = options;
    trial.state = TRIAL_WAITING;
    trial.is_from_boot_line = trial.has_logged = false;
    return NULL;
}

void generator_stop(void)
{
    if (trial.state == TRIAL_WAITING)
        trial.state = TRIAL_IDLE;
    if (trial.state != TRIAL_RUNNING)
        return;
    struct ask stopped = ask(STOP, 0, 0, CALL_LIMIT_US);
    unstopped = stopped.silent | stopped.absent;
    if (unstopped != 0)
        log_error("generate: %u cores do not answer and may continue to send; asked again until "
                  "they have stopped",
                  stopped.silent_n + stopped.absent_n);
    trial.state = TRIAL_DONE;
}

bool generator_service(uint64_t now_ns)
{
    const char *why = NULL;

    stop_again();
    const char *wrong = trial.is_from_boot_line ? generator_poll(&why) : NULL;

    (void)now_ns;
    if (wrong)
        log_error("generate: %s", wrong);
    if (why && !trial.has_logged)
        log_info("generate: waits for %s", why);
    trial.has_logged |= why != NULL;
    return false;
}

uint64_t generator_tag(unsigned port)
{
    return trial.state >= TRIAL_RUNNING ? trial.tags[port] : 0;
}

struct trial_report generator_report(unsigned port)
{
    struct trial_report sum = {
        .state = trial.state,
        .trial = trial.number,
        .tag = generator_tag(port),
        .is_sending = generator_tag(port) != 0,
    };

    if (trial.state < TRIAL_RUNNING)
        return sum;
    sum.state = TRIAL_DONE;
    struct ask reports = ask(REPORT, port, 0, ANSWER_US);
    sum.cores_silent = reports.silent_n + reports.absent_n;
    for (unsigned core = 0; core < lanes_cores; core++) {
        if (!(reports.answered & BIT64(core)))
            continue;
        const struct trial_report *r = &orders[core].report;
        if (r->state == TRIAL_RUNNING)
            sum.state = TRIAL_RUNNING;
        sum.wanted = r->wanted == TRIAL_FOREVER ? TRIAL_FOREVER : sum.wanted + r->wanted;
        sum.sent += r->sent;
        sum.skipped += r->skipped;
        sum.ns = MAX(sum.ns, r->ns);
    }
    return sum;
}

/* ---- Options ---- */

bool generator_set(const char *key, const char *value, const char **wanted)
{
    if (!trial_set(&options, key, value, wanted))
        return false;
    for (unsigned i = 0; i < KEYS; i++)
        if (str_equal(key, trial_key(i)))
            fmt_print(texts[i], TEXT_BYTES, "%s", value);
    return true;
}

/* Those of trial_key(). */
BOOT_KEY("rate", CMDLINE_TEXT, .app = "generate");
BOOT_KEY("size", CMDLINE_TEXT, .app = "generate");
BOOT_KEY("flows", CMDLINE_TEXT, .app = "generate");
BOOT_KEY("count", CMDLINE_TEXT, .app = "generate");
BOOT_KEY("duration", CMDLINE_TEXT, .app = "generate");
BOOT_KEY("dst", CMDLINE_TEXT, .app = "generate");
BOOT_KEY("dstmac", CMDLINE_TEXT, .app = "generate");
BOOT_KEY("ports", CMDLINE_TEXT, .app = "generate");

void generator_configure(const struct cmdline *line)
{
    const char *wanted;

    trial_defaults(&options);
    for (unsigned i = 0; i < KEYS; i++) {
        const char *value = cmdline_get(line, trial_key(i));
        if (value && !generator_set(trial_key(i), value, &wanted))
            log_error("%s=%s is invalid; expected %s", trial_key(i), value, wanted);
    }
    if (options.rate_micro != 0) {
        const char *wrong = generator_request();
        if (wrong)
            log_error("generate: %s", wrong);
        trial.is_from_boot_line = wrong == NULL;
    }
}

const char *generator_text(unsigned i)
{
    return texts[i];
}

const struct trial_options *generator_options(void)
{
    return &options;
}
