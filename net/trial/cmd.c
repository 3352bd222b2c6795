/* SPDX-License-Identifier: BSD-2-Clause
 * Trials by command: `start` and `stop` with app=generate, `show generate`, `show sink`. Core 0,
 * between bursts.
 */
#include "arch/image.h"
#include "arch/tsc.h"
#include "kernel/console/config.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/lib/str.h"
#include "kernel/slice.h"
#include "net/run.h"
#include "net/trial/generator.h"
#include "net/trial/receiver.h"

#define READY_NS  5000000000ull /* how long `start` waits for links and ARP */
#define SETTLE_NS 2000000000ull /* after the last frame, for frames in flight (RFC 2544, 23) */

static bool does_generate(void)
{
    bool has_feeds = false;

    for (unsigned i = 0; i < ports_n; i++)
        has_feeds |= lanes_feeds[i] != NULL;
    return has_feeds;
}

/* ---- start, stop ---- */

static struct {
    bool waits;        /* `start wait`: until the end of the trial */
    uint64_t since_ns; /* start of the current stage */
    enum { GET_READY, RUN, SETTLE } stage;
} job;

static bool is_running(void)
{
    for (unsigned i = 0; i < ports_n; i++)
        if (generator_report(i).state == TRIAL_RUNNING)
            return true;
    return false;
}

static enum command_result start_poll(struct job *console, bool is_interrupted)
{
    const struct call call = {.out = console->out, .json = console->json};
    uint64_t now_ns = tsc_now_ns();
    const char *why, *wrong;

    if (is_interrupted) {
        generator_stop();
        return COMMAND_FAILED;
    }
    switch (job.stage) {
    case GET_READY:
        wrong = generator_poll(&why);
        if (wrong)
            return command_fail(&call, "%s", wrong);
        if (why && now_ns - job.since_ns > READY_NS) {
            generator_stop();
            return command_fail(&call, "waited %u s for %s", (unsigned)(READY_NS / 1000000000),
                                why);
        }
        if (why)
            return COMMAND_WAITS;
        if (!job.waits)
            return COMMAND_DONE;
        job.stage = RUN;
        return COMMAND_WAITS;
    case RUN:
        /* Ten times a second, since the query interrupts every core's loop. */
        if (now_ns - job.since_ns < 100000000)
            return COMMAND_WAITS;
        job.since_ns = now_ns;
        if (!is_running())
            job.stage = SETTLE;
        return COMMAND_WAITS;
    case SETTLE:
        break;
    }
    return now_ns - job.since_ns < SETTLE_NS ? COMMAND_WAITS : COMMAND_DONE;
}

/* Split "key=value"; false if the word has no such form. */
static bool split_key(const char *word, char key[16], const char **value)
{
    const char *equals = strchr(word, '=');

    if (equals == NULL || equals - word >= 16)
        return false;
    memcpy(key, word, (size_t)(equals - word));
    key[equals - word] = 0;
    *value = equals + 1;
    return true;
}

enum command_result trial_start(const struct call *call)
{
    struct trial_options options = *generator_options();
    const char *value, *wanted;
    bool waits = false;
    char key[16];

    for (unsigned i = 0; i < call->argc; i++) {
        wanted = NULL;
        if (str_equal(call->argv[i], "wait"))
            waits = true;
        else if (!split_key(call->argv[i], key, &value) ||
                 !trial_set(&options, key, value, &wanted))
            return command_fail(call, "%s is invalid; expected %s", call->argv[i],
                                wanted ? wanted
                                       : "wait, rate= size= flows= count= duration= dst= "
                                         "dstmac= or ports=");
    }
    if (waits && options.count == 0 && options.duration_ns == 0)
        return command_fail(call, "wait needs count= or duration=: the trial would not end");
    for (unsigned i = 0; i < call->argc; i++)
        if (split_key(call->argv[i], key, &value))
            (void)generator_set(key, value, &wanted); /* validated above */
    const char *wrong = generator_request();
    if (wrong)
        return command_fail(call, "%s", wrong);
    job.waits = waits;
    job.since_ns = tsc_now_ns();
    job.stage = GET_READY;
    call->job->poll = start_poll;
    return COMMAND_WAITS;
}

enum command_result trial_stop(const struct call *call)
{
    if (call->argc != 0)
        return command_fail(call, "usage: stop");
    generator_stop();
    return COMMAND_DONE;
}

static void put(struct config *config, unsigned from, unsigned end)
{
    for (unsigned i = from; i < end; i++)
        if (generator_text(i)[0] != 0)
            config_put(config, trial_key(i), "%s", generator_text(i));
}

static void put_load(struct config *config)
{
    put(config, 0, 4);
}
CONFIG_PART(4, put_load, "rate", "size", "flows", "count");

static void put_target(struct config *config)
{
    put(config, 4, 8);
}
CONFIG_PART(3, put_target, "duration", "dst", "dstmac", "ports");

/* ---- show generate ---- */

/* The rate of n frames whose first and last are ns apart: n - 1 intervals. */
static uint64_t per_second(uint64_t n, uint64_t ns)
{
    return n > 1 && ns != 0 ? trial_scale(n - 1, 1000000000, ns) : 0;
}

static enum command_result show_generate(const struct call *call)
{
    static const char *const states[] = {"idle", "waiting", "running", "done"};

    if (!does_generate())
        return command_fail(call, "app=%s does not generate frames", run_app()->name);
    if (!call->json)
        out_text(call->out, "port  trial  state              sent              of     skipped"
                            "         pps\n");
    for (unsigned i = 0; i < ports_n; i++) {
        struct trial_report r = generator_report(i);
        uint64_t pps = per_second(r.sent, r.ns);
        char trial[8], wanted[24] = "no limit";

        if (!r.is_sending && !(r.state < TRIAL_RUNNING && (generator_options()->ports & BIT(i))))
            continue;
        fmt_print(trial, sizeof(trial), "%06x", r.trial);
        if (r.wanted != TRIAL_FOREVER)
            fmt_print(wanted, sizeof(wanted), "%lu", r.wanted);
        if (!call->json) {
            out_printf(call->out, "port%u %s %-7s %15lu %15s %11lu %11lu\n", i, trial,
                       states[r.state], r.sent, wanted, r.skipped, pps);
            continue;
        }
        struct json j;
        json_begin(&j, call->out);
        json_u64(&j, "port", i);
        json_string(&j, "trial", trial);
        json_string(&j, "state", states[r.state]);
        json_u64(&j, "sent", r.sent);
        if (r.wanted != TRIAL_FOREVER)
            json_u64(&j, "of", r.wanted);
        else
            json_string(&j, "of", NULL);
        json_u64(&j, "skipped", r.skipped);
        json_u64(&j, "ns", r.ns);
        json_u64(&j, "pps", pps);
        json_u64(&j, "cores_silent", r.cores_silent);
        json_line(&j);
    }
    return COMMAND_DONE;
}
COMMAND("show generate", "[-j]", "the frames that the trial has sent", show_generate);

/* ---- show sink ---- */

static const struct {
    const char *name;
    unsigned per_mille;
} percentiles[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}, {"max", 1000}};

/* One trial as received by one port; port -1: not received at all. */
struct result {
    int port;
    unsigned from;
    char trial[8];
    bool is_own;
    uint64_t sent, received, lost, ns, pps, bps;
    const struct stream_count *count;
    uint32_t window;
    unsigned cores_silent;
};

/* Goes through the histogram twice. */
static uint64_t percentile_ns(const struct result *r, unsigned i)
{
    (void)slice_end();
    return tsc_ns(latency_percentile(r->count, percentiles[i].per_mille));
}

static void json_result(const struct call *call, const struct result *r)
{
    struct json j;

    json_begin(&j, call->out);
    if (r->port >= 0)
        json_u64(&j, "port", (uint64_t)r->port);
    else
        json_string(&j, "port", NULL);
    json_u64(&j, "from", r->from);
    json_string(&j, "trial", r->trial);
    json_bool(&j, "own", r->is_own);
    if (r->is_own)
        json_u64(&j, "sent", r->sent);
    else
        json_string(&j, "sent", NULL);
    json_u64(&j, "received", r->received);
    json_u64(&j, "lost", r->lost);
    json_u64(&j, "duplicates", r->count->duplicates);
    json_u64(&j, "reordered", r->count->reordered);
    json_u64(&j, "beyond_window", r->count->beyond);
    json_u64(&j, "window", r->window);
    json_u64(&j, "bytes", r->count->bytes);
    json_u64(&j, "ns", r->ns);
    json_u64(&j, "pps", r->pps);
    json_u64(&j, "bps", r->bps);
    if (r->is_own) {
        json_object(&j, "latency_ns");
        for (unsigned i = 0; i < ARRAY_SIZE(percentiles); i++)
            json_u64(&j, percentiles[i].name, percentile_ns(r, i));
        json_end(&j);
        json_u64(&j, "clock_backwards", r->count->backwards);
    } else {
        json_string(&j, "latency_ns", NULL);
    }
    json_u64(&j, "cores_silent", r->cores_silent);
    json_line(&j);
}

static void text_result(const struct out *out, const struct result *r)
{
    if (r->port >= 0)
        out_printf(out, "port%d: ", r->port);
    else
        out_text(out, "no port: ");
    out_printf(out, "trial %s from %sport%u\n", r->trial, r->is_own ? "" : "a generator's ",
               r->from);
    if (r->is_own)
        out_printf(out, "  sent        %20lu\n", r->sent);
    out_printf(out, "  received    %20lu   in %lu.%06lu s: %lu pps, %lu bit/s\n", r->received,
               r->ns / 1000000000, r->ns % 1000000000 / 1000, r->pps, r->bps);
    out_printf(out, "  lost        %20lu   %s\n", r->lost,
               r->is_own ? "sent and not received" : "gaps; losses at the end are not seen");
    out_printf(out, "  duplicates  %20lu   exact for the last %u frames of a flow\n",
               r->count->duplicates, r->window);
    out_printf(out, "  reordered   %20lu   lower number than the next expected\n",
               r->count->reordered);
    if (r->count->beyond != 0)
        out_printf(out, "  beyond      %20lu   reordered or duplicate, older than the window\n",
                   r->count->beyond);
    if (!r->is_own) {
        out_text(out, "  latency      not known: the sender has another clock\n");
    } else if (r->received != 0) {
        out_text(out, "  latency us  ");
        for (unsigned i = 0; i < ARRAY_SIZE(percentiles); i++) {
            uint64_t ns = percentile_ns(r, i);
            out_printf(out, " %s %lu.%lu", percentiles[i].name, ns / 1000, ns % 1000 / 100);
        }
        out_text(out, "\n");
    }
    if (r->cores_silent != 0)
        out_printf(out, "  %u cores did not answer in time: their frames are missing\n",
                   r->cores_silent);
}

static void put_result(const struct call *call, int port, uint64_t tag, const struct reception *in)
{
    const struct stream_count *count = in->count;
    uint64_t frames = stream_frames(count);
    struct result r = {
        .port = port,
        .from = probe_sender(tag),
        .is_own = in->is_own,
        .received = frames - count->duplicates - count->beyond,
        .lost = count->lost,
        .ns = tsc_ns(count->last_tsc - count->first_tsc),
        .count = count,
        .window = in->window,
        .cores_silent = in->cores_silent,
    };

    (void)slice_end();
    if (r.is_own) {
        struct trial_report sender = generator_report(r.from);
        r.sent = sender.sent;
        r.lost = r.sent > r.received ? r.sent - r.received : 0;
        r.cores_silent += sender.cores_silent;
    }
    r.pps = per_second(frames, r.ns);
    if (frames != 0) /* with the CRC */
        r.bps = trial_scale(8 * (count->bytes + frames * CRC_BYTES), r.pps, frames);
    fmt_print(r.trial, sizeof(r.trial), "%06x", probe_trial(tag));
    if (call->json)
        json_result(call, &r);
    else
        text_result(call->out, &r);
}

static enum command_result show_sink(const struct call *call)
{
    uint32_t heard = 0;
    unsigned rows = 0;

    if (!run_app()->is_sink || ports_n == 0)
        return command_fail(call, "app=%s does not measure", run_app()->name);
    for (unsigned i = 0; i < ports_n; i++) {
        struct reception in = receiver_report(i);
        if (in.count->tag == 0)
            continue;
        heard |= BIT(probe_sender(in.count->tag));
        put_result(call, (int)i, in.count->tag, &in);
        rows++;
    }
    /* All zeroes; not const, so that they stay out of the file. */
    static READ_ONLY_AFTER_BOOT struct stream_count nothing;
    const struct reception none = {.count = &nothing, .is_own = true};
    for (unsigned i = 0; does_generate() && i < ports_n; i++)
        if (generator_tag(i) != 0 && !(heard & BIT(i))) {
            put_result(call, -1, generator_tag(i), &none);
            rows++;
        }
    if (rows == 0 && !call->json)
        out_text(call->out, "no frame of a trial received\n");
    return COMMAND_DONE;
}
COMMAND("show sink", "[-j]", "the result of a trial: loss, order, latency", show_sink);

static enum command_result clear_sink(const struct call *call)
{
    if (!run_app()->is_sink || does_generate())
        return command_fail(call, "app=%s: %s", run_app()->name,
                            does_generate() ? "start begins a new trial" : "does not measure");
    unsigned silent_n = receivers_clear();
    if (silent_n != 0)
        return command_fail(call, "%u cores did not answer and may keep their counts", silent_n);
    return COMMAND_DONE;
}
COMMAND("clear sink", "", "clear the result; the next trial is measured", clear_sink);
