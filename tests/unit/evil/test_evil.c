/* SPDX-License-Identifier: BSD-2-Clause
 * A card that writes what it was granted at any time: X540_EVIL_REWRITE between any two loads of the
 * image's code (loads.h), under each application, on three model cards. Covers:
 *  - no byte outside the granted memory is read or written (address sanitizer; a pattern in all
 *    other memory that may not appear on a wire, and in guards that may not change);
 *  - a frame leaves with bytes of its own port's frames only, and what leaves is bounded by what
 *    came;
 *  - every round ends;
 *  - the ledger balances after each batch, and no sum wraps;
 *  - once the card behaves and was reset, traffic passes again.
 * Everything follows from a seed: EVIL_SEED=, EVIL_STEPS= and EVIL_KINDS= (bits of X540_REWRITE_) in
 * the environment, and EVIL_APP= runs the tests of one application alone (make evil). A step is one
 * load at which a card may rewrite: of headers, rings and head words each, of the rest of a frame
 * one in 16. What stands on standard error after a failure repeats it.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/forward.c net/app/echo.c net/app/route.c
 * net/app/generate.c net/app/sink.c $(ROUTER) $(GENERATOR) $(STACK) boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c tests/host/trial_cmd.c
 * tests/unit/evil/traffic.c tests/unit/evil/loads.c $(MODEL) */
#include "tests/unit/net/loop_host.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "boot/cmdline.h"
#include "net/lane/lane_control.h"
#include "net/lane/ledger.h"
#include "net/lane/vlans.h"
#include "net/route/hops.h"
#include "net/route/router.h"
#include "net/stack/netif.h"
#include "net/trial/generator.h"
#include "tests/unit/evil/loads.h"
#include "tests/unit/evil/traffic.h"

extern const struct app app_forward, app_echo, app_route, app_generate, app_sink;
extern uint64_t tsc_now_ns(void);
extern uint32_t machine_cut_off;

#define SECOND      1000000000ull
#define DESCRIPTORS (X540_REWRITE_DESCRIPTOR | X540_REWRITE_BUFFER_ADDRESS)

enum {
    STEPS = 50000,       /* a test of `make unit` */
    BYTES_MOST = 4096,   /* that leave for one frame that came: itself in fragments, an error */
    BYTES_SPARE = 24000, /* and for what waited: a datagram's last fragment, an ARP reply */
    SECRET = 0xE7,       /* fills memory that is not granted */
    SECRET_RUN = 8,      /* bytes of it in a row that are no accident */
    GUARD_BYTES = 4096,
    HEADERS = 14 + 60 + 8,
};

/* Memory from malloc is filled with SECRET, before whoever asked for it clears it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "max_malloc_fill_size=268435456:malloc_fill_byte=231:detect_leaks=0";
}

static struct {
    const struct app *app;
    uint64_t seed, steps, steps_wanted;
    unsigned delay, budget,
        rate; /* steps to the first rewriting; how many are left, and one at each
                                   * rate-th step */
    bool is_evil;
    uint32_t kinds, kinds_allowed, kinds_wanted;
    uint32_t kinds_since;        /* the last restart of all lanes, which writes all rings anew */
    unsigned port;               /* whose frames came last */
    bool is_any_port;            /* frames of others wait inside too */
    uint64_t bytes_out;          /* since the batch began */
    uint64_t frames, frames_out; /* in all */
    uint64_t hash;               /* of all that left: equal seeds give equal hashes */
    uint8_t *guards[4];
    struct {
        uint32_t length;
        uint8_t bytes[2048];
    } crossing[256]; /* sent by one port of a generator, to arrive at the other */
    unsigned crossing_n;
} run;

static __attribute__((noreturn, format(printf, 1, 2))) void failed(const char *format, ...)
{
    va_list values;
    uint64_t rewrites = 0;

    for (unsigned i = 0; i < machine_cards_n; i++)
        rewrites += x540_truth(machine_cards[i].model).rewrites;
    fprintf(stderr, "# %s: step %lu, frame %lu, rewriting %lu, kinds 0x%04x: ", run.app->name,
            run.steps, run.frames, rewrites, run.kinds);
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fprintf(stderr, "\n# again: make evil SEED=%lu STEPS=%lu APP=%s KINDS=0x%04x\n", run.seed,
            run.steps_wanted, run.app->name, run.kinds_wanted);
    _exit(2);
}

/* ---- The card ---- */

/* The place in its frame; rings and head words are taken as rows of short frames. */
static uint64_t place_of(uint64_t iova)
{
    for (unsigned i = 0; i < lanes_total(); i++) {
        const struct dma_buf *buf = &lanes[i].frames_buf;
        if (iova - buf->iova.v < buf->bytes)
            return (iova - buf->iova.v) % SLOT_STRIDE;
    }
    return iova % SLOT_BYTES;
}

static void at_load(unsigned card, uint64_t iova)
{
    /* The rest of a frame is only copied and summed. */
    if (!run.is_evil || (place_of(iova) >= HEADERS && traffic_below(16) != 0))
        return;
    run.steps++;
    if (run.budget == 0)
        return;
    if (run.delay > 0) {
        run.delay--;
        return;
    }
    if (traffic_below(run.rate) != 0)
        return;
    run.budget--;
    if (traffic_below(8) == 0)
        x540_rewrite(machine_cards[traffic_below(machine_cards_n)].model, 0);
    else
        x540_rewrite(machine_cards[card].model, iova);
}

static void endless(void)
{
    failed("a round has made %u loads and does not end", LOADS_MAX);
}

/* Until all lanes are restarted again: the kinds of rewriting. Half of the time descriptors stay as
 * they are, so that what leaves can be bounded. */
static void begin_epoch(void)
{
    static const uint32_t masks[] = {X540_REWRITE_ALL & ~DESCRIPTORS,
                                     X540_REWRITE_ALL & ~X540_REWRITE_BUFFER_ADDRESS,
                                     X540_REWRITE_ALL};

    run.kinds_allowed = run.kinds_wanted & masks[traffic_below(2) * (1 + traffic_below(2))];
    run.kinds_since = 0;
}

static void be_evil(void)
{
    static const uint32_t kinds[] = {0x0007, 0x0021, 0x0FFF, 0x0FFF, 0x1FFF,
                                     0x2000, 0x3000, 0x3FFF, 0x7FFF};

    run.kinds = kinds[traffic_below(ARRAY_SIZE(kinds))] & run.kinds_allowed;
    run.kinds = run.kinds ? run.kinds : X540_REWRITE_TOTAL & run.kinds_allowed;
    run.kinds_since |= run.kinds;
    run.is_evil = true;
    run.delay = traffic_below(1u << traffic_below(9));
    run.rate = 1u << traffic_below(6);
    run.budget = traffic_below(2) ? 1 : 1u << traffic_below(9);
    for (unsigned i = 0; run.kinds && i < machine_cards_n; i++)
        x540_set_evil(machine_cards[i].model, X540_EVIL_REWRITE,
                      (uint64_t)run.kinds << 32 | (1 + traffic_below(0xFFFFFFFE)));
}

static void behave(void)
{
    run.is_evil = false;
}

/* ---- The wires ---- */

static void search(unsigned port, const uint8_t *frame, uint32_t length)
{
    unsigned in_row = 0;
    unsigned wanted = run.app == &app_forward ? port ^ 1 : run.app == &app_route ? run.port : port;

    for (uint32_t i = 0; i < length; i++) {
        in_row = frame[i] == SECRET ? in_row + 1 : 0;
        if (in_row == SECRET_RUN)
            failed("port %u has sent memory that was granted to no card, byte %u of %u", port, i,
                   length);
    }
    /* A rewritten address makes a card send what it was granted for another purpose. */
    if (run.is_any_port || (run.kinds_since & X540_REWRITE_BUFFER_ADDRESS))
        return;
    for (uint32_t i = 0; i + TRAFFIC_MARK_BYTES <= length; i++)
        if (traffic_is_mark(frame + i) && traffic_port_of(frame + i) != wanted)
            failed("port %u has sent bytes of a frame of port %u, expected of %u, byte %u of %u",
                   port, traffic_port_of(frame + i), wanted, i, length);
}

static void at_wire(void *opaque, const uint8_t *frame, uint32_t length)
{
    unsigned port = (unsigned)(uintptr_t)opaque;

    /* Receiver and sender share a lane's ring: who writes descriptors decides what is sent of the
     * sender's own memory. */
    if (length > FRAME_MAX && !(run.kinds_since & DESCRIPTORS))
        failed("port %u has sent a frame of %u bytes", port, length);
    run.bytes_out += length;
    run.frames_out++;
    for (uint32_t i = 0; i < length; i++)
        run.hash = (run.hash ^ frame[i]) * 0x100000001B3ull;
    search(port, frame, length);
    traffic_answer_arp(port, frame, length);
    if (run.app == &app_generate && port < 2 && run.crossing_n < ARRAY_SIZE(run.crossing)) {
        run.crossing[run.crossing_n].length = length;
        memcpy(run.crossing[run.crossing_n++].bytes, frame, length);
    }
}

/* ---- Rounds ---- */

/* What a function finds where an earlier one had its variables. */
static __attribute__((noinline, no_sanitize("address"))) void fill_stack(void)
{
    uint8_t below[32768];

    memset(below, SECRET, sizeof(below));
    __asm__ volatile("" ::"r"(below) : "memory");
}

static uint32_t one_round(void)
{
    fill_stack();
    loads_begin_round();
    return poll_once();
}

static void rounds(void)
{
    for (unsigned i = 0; i < 64; i++) {
        uint32_t n = one_round(), length;
        unsigned port;
        const uint8_t *reply = traffic_next_reply(&port, &length);

        if (reply)
            machine_frame_in(port, reply, length);
        else if (n == 0)
            return;
    }
}

static void pass(uint64_t ns)
{
    for (uint64_t t = 0; t < ns; t += SECOND / 10) {
        machine_wait_ns(SECOND / 10);
        fill_stack();
        loads_begin_round();
        run_service(machine_now_ns());
        rounds();
    }
}

/* ---- Setting up ---- */

void test_send(void *context, const uint8_t *frame, uint32_t length);
void test_send(void *context, const uint8_t *frame, uint32_t length)
{
    (void)side_send(context, frame, length);
}

static void ask_for(const char *key, const char *value)
{
    const char *wanted;

    if (!generator_set(key, value, &wanted))
        failed("%s=%s is refused", key, value);
}

static void begin_trial(void)
{
    const char *why;

    run.crossing_n = 0;
    if (generator_request() == NULL)
        (void)generator_poll(&why);
}

static void set_up(const struct app *app)
{
    static struct netif netifs[TRAFFIC_PORTS][QUEUES_MAX], in_vlan[QUEUES_MAX];
    static struct reass reasses[TRAFFIC_PORTS];
    static struct cmdline cmdline;

    lanes_cores = 1;
    start_ports(TRAFFIC_PORTS);
    for (unsigned i = 0; i < TRAFFIC_PORTS; i++) {
        machine_cards[i].on_frame = at_wire;
        machine_cards[i].opaque = (void *)(uintptr_t)i;
        memcpy(traffic_macs[i], ports[i].mac, 6);
        if (app->takes_everything)
            continue;
        ports[i].netif = netifs[i];
        assert_null(
            netif_configure(&netifs[i][0], ports[i].mac, traffic_ip(i), 24, (uint32_t[2]){0}));
        netifs[i][0].clock = tsc_now_ns;
        netifs[i][0].reass = &reasses[i];
        netifs[i][0].send = test_send;
        netifs[i][0].send_context = &ports[i];
    }
    traffic_is_for = app == &app_echo                           ? TRAFFIC_SERVICES
                     : app == &app_sink || app == &app_generate ? TRAFFIC_MEASURE
                                                                : TRAFFIC_ROUTE;
    if (app == &app_route) {
        ports[2].mtu = 576;
        struct port *vlan = vlan_add(&ports[0], 7);
        memset(in_vlan, 0, sizeof(in_vlan));
        vlan->netif = in_vlan;
        assert_null(netif_configure(in_vlan, vlan->mac, 0x0A070001, 24, (uint32_t[2]){0}));
        in_vlan[0].clock = tsc_now_ns;
        in_vlan[0].send = test_send;
        in_vlan[0].send_context = vlan;
        machine_module = traffic_routes;
    }
    if (app->configure) {
        cmdline_parse(&cmdline, "", 0);
        app->configure(&cmdline);
    }
    run_start_app(app);
    run.is_any_port = true;
    pass(10 * SECOND);
    assert_true(ports[0].link_is_up && ports[1].link_is_up && ports[2].link_is_up);
    if (app == &app_generate) {
        ask_for("dstmac", "02:00:00:00:00:99");
        ask_for("rate", "100kpps");
        ask_for("size", "64,65,1518");
        ask_for("count", "2000");
        begin_trial();
    }
    for (unsigned i = 0; i < ARRAY_SIZE(run.guards); i++) {
        run.guards[i] = malloc(GUARD_BYTES);
        memset(run.guards[i], SECRET, GUARD_BYTES);
    }
    loads_learn_grants();
    loads_endless = endless;
    loads_of_card = at_load;
}

/* ---- Batches, and what holds after each ---- */

static void check(uint64_t received_before)
{
    struct ledger l = ledger_read();
    uint64_t came = l.received - received_before;

    if (!l.is_balanced)
        failed("the ledger does not balance: received %lu + generated %lu, sent %lu + consumed %lu "
               "+ dropped %lu + held %lu",
               l.received, l.generated, l.sent, l.consumed, l.dropped, l.held);
    if (l.sent > l.received + l.generated || l.consumed > l.received + l.generated ||
        l.held > l.received + l.generated)
        failed("a sum of the ledger is beyond what came: received %lu, generated %lu, sent %lu, "
               "consumed %lu, held %lu",
               l.received, l.generated, l.sent, l.consumed, l.held);
    if (run.app != &app_generate && !(run.kinds_since & DESCRIPTORS) &&
        run.bytes_out > came * BYTES_MOST + BYTES_SPARE)
        failed("%lu bytes have left for %lu frames that came", run.bytes_out, came);
    for (unsigned i = 0; i < ARRAY_SIZE(run.guards); i++)
        for (unsigned k = 0; k < GUARD_BYTES; k++)
            if (run.guards[i][k] != SECRET)
                failed("memory that was granted to no card has changed");
}

static bool holds_frames(void)
{
    if (run.app == &app_route && router_waiting() != 0)
        return true;
    for (unsigned i = 0; i < ports_n; i++)
        if (ports[i].netif && netif_held(ports[i].netif) != 0)
            return true;
    return false;
}

static void batch(void)
{
    static const uint8_t sizes[] = {1, 1, 1, 1, 1, 2, 3, 8, 9, 31, 32, 40};
    static uint8_t frame[2048];
    unsigned n = sizes[traffic_below(ARRAY_SIZE(sizes))];
    unsigned port = traffic_below(run.app == &app_forward ? 2 : TRAFFIC_PORTS);
    uint64_t received = ledger_read().received;

    run.is_any_port = holds_frames() || run.app == &app_generate;
    run.port = port;
    run.bytes_out = 0;
    be_evil();
    for (unsigned i = 0; i < n; i++) {
        uint32_t length = traffic_make(port, frame);

        if (run.crossing_n > 0 && traffic_below(4) != 0) {
            length = run.crossing[--run.crossing_n].length;
            memcpy(frame, run.crossing[run.crossing_n].bytes, length);
        }
        machine_frame_in(port, frame, length);
        run.frames++;
        if (traffic_below(4) == 0)
            (void)one_round();
    }
    rounds();
    if (traffic_below(8) == 0)
        pass(SECOND / 10);
    behave();
    rounds();
    check(received);
}

/* Time passes with a card that behaves again: what was stuck is reset, who is out of service comes
 * back. */
static void recover(bool all)
{
    uint64_t received = ledger_read().received;

    run.is_any_port = true;
    run.bytes_out = 0;
    run.kinds = 0;
    for (unsigned i = 0; i < machine_cards_n; i++) {
        if (machine_cards[i].dma_refused != 0 && traffic_below(2)) /* the IOMMU has seen it */
            machine_cut_off |= BIT(i);
        machine_cards[i].dma_refused = 0;
    }
    pass(traffic_below(4) ? SECOND / 5 : 2 * SECOND);
    for (unsigned i = 0; i < ports_n; i++)
        if ((ports[i].is_down || all) && port_restart(&ports[i]) != OK)
            failed("port %u does not come back", i);
    if (all)
        begin_epoch();
    pass(SECOND);
    if (run.app == &app_generate && generators[0].n_on == 0)
        begin_trial();
    check(received);
}

static void expect_traffic(void)
{
    static uint8_t frame[2048];

    for (unsigned i = 0; i < machine_cards_n; i++)
        x540_set_evil(machine_cards[i].model, X540_EVIL_REWRITE, 0);
    recover(true);
    for (unsigned port = 0; port < 2; port++) {
        uint64_t sent = run.frames_out, received = ledger_read().received;
        uint32_t length = traffic_make_plain(port, frame, run.app == &app_route);

        run.is_any_port = true;
        machine_frame_in(port, frame, length);
        rounds();
        if (ledger_read().received == received)
            failed("port %u receives nothing any more", port);
        if (run.app != &app_sink && run.app != &app_generate && run.frames_out == sent)
            failed("nothing leaves for a frame of port %u any more", port);
    }
}

static void campaign(const struct app *app)
{
    uint64_t rewrites = 0, began_ns, per_step;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    began_ns = (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
    run.app = app;
    run.hash = 0xCBF29CE484222325ull;
    traffic_seed(run.seed ^ (uint64_t)app->name[0] << 56 ^ (uint64_t)app->name[1] << 48);
    set_up(app);
    begin_epoch();
    alarm(600 + (unsigned)(run.steps_wanted / 1000)); /* a loop without loads */
    for (unsigned n = 1; run.steps < run.steps_wanted; n++) {
        batch();
        if (n % 8 == 0)
            recover(n % 16 == 0);
    }
    for (unsigned i = 0; i < machine_cards_n; i++)
        rewrites += x540_truth(machine_cards[i].model).rewrites;
    if (rewrites < run.steps_wanted / 1000)
        failed("only %lu rewritings", rewrites);
    expect_traffic();
    clock_gettime(CLOCK_MONOTONIC, &now);
    per_step = ((uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec - began_ns) / run.steps;
    fprintf(stderr,
            "# %s: seed %lu, %lu steps, %lu rewritings, %lu frames in, %lu out, %lu ns a step, "
            "hash %016lx\n",
            app->name, run.seed, run.steps, rewrites, run.frames, run.frames_out, per_step,
            run.hash);
}

/* The number in an environment variable that is set, or another. */
static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* In a process of its own: a sanitizer's report ends it, and the other tests go on. */
static void evil(const struct app *app, uint32_t kinds, uint64_t seed, uint64_t steps)
{
    int status;

    run.seed = from_environment("EVIL_SEED", seed);
    run.steps_wanted = from_environment("EVIL_STEPS", steps);
    run.kinds_wanted = (uint32_t)from_environment("EVIL_KINDS", kinds);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        campaign(app);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void forward__card_rewrites_between_loads__keeps_to_its_memory(void **state)
{
    (void)state;
    evil(&app_forward, X540_REWRITE_ALL, 1, STEPS / 4);
}
static void echo__card_rewrites_between_loads__keeps_to_its_memory(void **state)
{
    (void)state;
    evil(&app_echo, X540_REWRITE_ALL, 1, STEPS);
}
static void route__card_rewrites_between_loads__keeps_to_its_memory(void **state)
{
    (void)state;
    evil(&app_route, X540_REWRITE_ALL, 2, STEPS);
}
static void route__card_rewrites_lengths__cuts_what_it_has_checked(void **state)
{
    (void)state;
    evil(&app_route, X540_REWRITE_VERSION | X540_REWRITE_TOTAL | X540_REWRITE_FRAGMENT, 6, STEPS);
}
static void route__card_rewrites_options__every_round_ends(void **state)
{
    (void)state;
    evil(&app_route, X540_REWRITE_OPTION, 1, STEPS);
}
static void generate__card_rewrites_between_loads__keeps_to_its_memory(void **state)
{
    (void)state;
    evil(&app_generate, X540_REWRITE_ALL, 1, STEPS);
}
static void sink__card_rewrites_between_loads__keeps_to_its_memory(void **state)
{
    (void)state;
    evil(&app_sink, X540_REWRITE_ALL, 1, STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward__card_rewrites_between_loads__keeps_to_its_memory),
        cmocka_unit_test(echo__card_rewrites_between_loads__keeps_to_its_memory),
        cmocka_unit_test(route__card_rewrites_between_loads__keeps_to_its_memory),
        cmocka_unit_test(route__card_rewrites_lengths__cuts_what_it_has_checked),
        cmocka_unit_test(route__card_rewrites_options__every_round_ends),
        cmocka_unit_test(generate__card_rewrites_between_loads__keeps_to_its_memory),
        cmocka_unit_test(sink__card_rewrites_between_loads__keeps_to_its_memory),
    };
    static const char *const names[] = {"forward", "echo", "route", "generate", "sink"};
    const char *only = getenv("EVIL_APP");
    char filter[32];

    if (only && *only) {
        unsigned i = 0;
        while (i < ARRAY_SIZE(names) && strcmp(names[i], only) != 0)
            i++;
        if (i == ARRAY_SIZE(names)) {
            fprintf(stderr, "EVIL_APP=%s: no such application\n", only);
            return 2;
        }
        snprintf(filter, sizeof(filter), "%s__*", only);
        cmocka_set_test_filter(filter);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
