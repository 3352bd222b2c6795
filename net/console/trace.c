/* SPDX-License-Identifier: BSD-2-Clause
 * `trace port`: the next frames of a port and the outcome of each. `capture port`: frames in full,
 * as text for text2pcap. Both are jobs that print what net/lane/capture.c has recorded, one frame
 * per poll, so that the loops go on.
 */
#include "kernel/console/command.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/json.h"
#include "kernel/lib/parse.h"
#include "kernel/lib/str.h"
#include "kernel/slice.h"
#include "net/filter/compile.h"
#include "net/lane/capture.h"
#include "net/lane/lane_control.h"
#include "net/lane/ledger.h"

#define COUNT_DEFAULT 10u
#define BYTE_COST     500u /* instructions to print a byte in hexadecimal */
#define WORD_COST     600u /* to join a word of a filter to the others */

/* The running trace or capture; at most one. */
static struct {
    struct capture_request request;
    struct bpf filter;
    struct filter_work compiler;
    char expression[1024]; /* a whole line fits */
    uint64_t left, shown;
} work;

/* Handled by the fast handler, the slow one, or neither, as it was not a whole frame. */
static const char *way_text(const struct capture_record *r)
{
    if (r->fate == FATE_FAST)
        return "fast";
    return r->fate < FATE_DROPPED || r->fate > FATE_DROPPED + DROP_rx_length ? "slow" : "refused";
}

static const char *became_text(const struct capture_record *r)
{
    static const char *const texts[] = {"sent", "sent", "consumed", "kept", "dropped"};
    if (r->fate == FATE_FAST && r->sent == 0)
        return texts[FATE_CONSUMED]; /* by app=sink */
    return texts[MIN(r->fate, FATE_DROPPED)];
}

static const char *drop_text(const struct capture_record *r)
{
    return r->fate < FATE_DROPPED ? NULL : ledger_drop_name(r->fate - FATE_DROPPED);
}

static void json_record(const struct out *out, const struct capture_record *r)
{
    static char hex[2 * SLOT_BYTES + 1];
    const unsigned held = r->held;
    struct json j;

    json_begin(&j, out);
    json_u64(&j, "port", work.request.port->index);
    json_u64(&j, "core", r->core);
    json_u64(&j, "ns", r->ns);
    json_u64(&j, "length", r->length);
    if (!work.request.is_trace) {
        for (unsigned i = 0; i < held; i++) {
            fmt_print(hex + 2 * i, 3, "%02x", r->bytes[i]);
            slice_spend(BYTE_COST);
        }
        hex[2 * held] = 0;
        json_string(&j, "direction", r->is_sent ? "out" : "in");
        json_string(&j, "bytes", hex);
    } else {
        fmt_print(hex, sizeof(hex), "0x%016lx", r->word);
        json_string(&j, "word", r->word ? hex : NULL);
        json_string(&j, "way", way_text(r));
        json_string(&j, "became", became_text(r));
        json_string(&j, "drop", drop_text(r));
        json_u64(&j, "to", r->output);
        json_u64(&j, "sent", r->sent);
    }
    json_line(&j);
}

static void text_trace(const struct out *out, const struct capture_record *r)
{
    char word[20] = "-";

    if (r->word)
        fmt_print(word, sizeof(word), "%08lx", r->word >> 32);
    out_printf(out, "%5lu.%09lu %4u %6u %-8s %-8s %s", r->ns / 1000000000, r->ns % 1000000000,
               r->core, r->length, word, way_text(r), became_text(r));
    if (r->sent)
        out_printf(out, " to port%u, %u bytes\n", r->output, r->sent);
    else
        out_printf(out, "%s%s\n", drop_text(r) ? ": " : "", drop_text(r) ? drop_text(r) : "");
}

static void text_frame(const struct out *out, const struct capture_record *r)
{
    out_printf(out, "%c %lu.%09lu\n", r->is_sent ? 'O' : 'I', r->ns / 1000000000,
               r->ns % 1000000000);
    for (unsigned i = 0; i < r->held; i += 16) {
        char line[64];
        fmt_print(line, sizeof(line), "%06x", i);
        for (unsigned k = i; k < i + 16 && k < r->held; k++) {
            fmt_append(line, sizeof(line), " %02x", r->bytes[k]);
            slice_spend(BYTE_COST);
        }
        out_printf(out, "%s\n", line);
    }
}

static const struct capture_request nothing;

static enum command_result end(const struct job *job)
{
    uint64_t missed = capture_missed();
    bool is_off = capture_set(&nothing); /* if not, the next `begin` reports it */

    if (job->json) {
        struct json j;
        json_begin(&j, job->out);
        json_u64(&j, "shown", work.shown);
        json_u64(&j, "missed", missed);
        json_line(&j);
    } else {
        out_printf(job->out, "# %lu frames", work.shown);
        out_printf(job->out, missed ? ", %lu more not shown\n" : "\n", missed);
    }
    return is_off ? COMMAND_DONE : COMMAND_FAILED;
}

/* The next record, copied: a core may begin its log anew while the record is printed. NULL: none
 * yet. */
static const struct capture_record *take_next(void)
{
    static union {
        struct capture_record record;
        uint8_t bytes[sizeof(struct capture_record) + SLOT_BYTES];
    } copy;
    const struct capture_record *r = capture_next();

    if (!r)
        return NULL;
    unsigned held = MIN(r->held, SLOT_BYTES);
    memcpy(&copy, r, offsetof(struct capture_record, bytes) + held);
    copy.record.held = (uint16_t)held;
    return &copy.record;
}

static enum command_result print_next(struct job *job, bool is_interrupted)
{
    const struct capture_record *r;

    if (is_interrupted || job->is_ended)
        return end(job);
    r = take_next();
    if (!r)
        return COMMAND_WAITS;
    if (job->json)
        json_record(job->out, r);
    else if (work.request.is_trace)
        text_trace(job->out, r);
    else
        text_frame(job->out, r);
    work.shown++;
    return --work.left != 0 ? COMMAND_WAITS : end(job);
}

/* The words of a filter, as one text. */
static const char *joined(const struct call *call, unsigned first)
{
    size_t at = 0;

    for (unsigned i = first; i < call->argc && at < sizeof(work.expression); i++) {
        slice_spend(WORD_COST);
        at += fmt_print(work.expression + at, sizeof(work.expression) - at, "%s%s",
                        i > first ? " " : "", call->argv[i]);
    }
    return work.expression;
}

/* Is it a program, as `tcpdump -ddd` prints it: numbers alone? */
static bool is_program(const char *text)
{
    while ((*text >= '0' && *text <= '9') || *text == ' ' || *text == ',')
        text++;
    return *text == 0;
}

/* Read the filter from word 2 on. */
static enum command_result read_filter(const struct call *call)
{
    const char *text = joined(call, 2), *wrong;
    unsigned at;

    if (!is_program(text)) {
        work.compiler.code.spend = slice_spend;
        wrong = filter_compile(&work.compiler, text, &work.filter);
        return wrong ? command_fail(call, "filter: %s", wrong) : COMMAND_DONE;
    }
    wrong = bpf_read(&work.filter, call->argc - 2, call->argv + 2, &at, slice_spend);
    return wrong ? command_fail(call, "filter, step %u: %s", at, wrong) : COMMAND_DONE;
}

static enum command_result begin(const struct call *call, bool is_trace)
{
    uint64_t n;

    work.left = COUNT_DEFAULT;
    if (call->argc < 1 || !parse_u64(call->argv[0], &n) || n >= ports_n)
        return command_fail(call, "usage: %s N [COUNT]%s; N is below %u",
                            is_trace ? "trace port" : "capture port", is_trace ? "" : " [FILTER]",
                            ports_n);
    if (ports[n].no_card)
        return command_fail(call, "port%lu has no working card", n);
    if (call->argc > 1 && (!parse_u64(call->argv[1], &work.left) || work.left == 0))
        return command_fail(call, "%.40s is not a number of frames", call->argv[1]);
    if (!capture_set(&nothing)) /* so that no core reads the filter while it changes */
        return command_fail(call, "not every core answered, or no memory for the records");
    if (call->argc > 2 && is_trace)
        return command_fail(call, "usage: trace port N [COUNT]; it has no filter");
    if (call->argc > 2 && read_filter(call) != COMMAND_DONE)
        return COMMAND_FAILED;
    work.shown = 0;
    work.request = (struct capture_request){
        .port = &ports[n], .is_trace = is_trace, .filter = call->argc > 2 ? &work.filter : NULL};
    if (!capture_set(&work.request)) {
        (void)capture_set(&nothing);
        return command_fail(call, "not every core answered in time");
    }
    if (!call->json)
        out_text(call->out, is_trace ? "        seconds core  bytes status   handled  became\n"
                                     : "# frames in (I) and out (O) follow; Ctrl-C ends it\n");
    call->job->poll = print_next;
    call->job->end = "stop";
    return COMMAND_WAITS;
}

static enum command_result trace(const struct call *call)
{
    return begin(call, true);
}
COMMAND("trace port", "N [count] [-j]", "the next frames received and their outcome", trace);

static enum command_result capture(const struct call *call)
{
    return begin(call, false);
}
COMMAND("capture port", "N [count [filter]] [-j]", "frames in both directions, for text2pcap",
        capture);
