/* SPDX-License-Identifier: BSD-2-Clause
 * Orders that a core does not carry out: for each way in which core 0 makes cores stop, start or
 * report, and for each of its calls in turn, that call fails (withdrawn; the core runs no loop; begun
 * and carried out late), once and for some time. Then:
 *  - the state is shown (lanes_late), told in the log, and ends in the following services;
 *  - every lane that says RUNNING receives: all flows pass in both directions, on all cores;
 *  - the ledger balances, with the cards' counters as well, and no rule of the model is broken;
 *  - a port out of service stays so until the operator puts it back, a reset of its card included;
 *  - lanes that were never made are refused; captures and the ledger keep what was answered.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/forward.c $(STACK)
 * boot/cmdline.c boot/console_key.c kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c
 * $(MODEL) */
#include "kernel/mailbox.h"
#include "net/lane/capture.h"
#include "net/lane/lane_control.h"
#include "net/lane/ledger.h"
#include "tests/unit/net/loop_host.h"

extern const struct app app_forward;

enum { CORES = 3, FLOWS = 48, TICK_NS = 100000000, SETTLE_TICKS = 40 };

static uint64_t out_n[2]; /* frames that left each port */

static void count_frame(void *opaque, const uint8_t *frame, uint32_t length)
{
    (void)frame, (void)length;
    ++*(uint64_t *)opaque;
}

static void poll_all(void)
{
    for (unsigned idle = 0; idle < 3; idle++)
        for (unsigned core = 0; core < CORES; core++) {
            struct core_lanes *own = run_core_lanes(core);
            own->rounds_to_slow = 1;
            if (run_round(own) != 0)
                idle = 0;
        }
}

static void tick(void)
{
    machine_wait_ns(TICK_NS);
    run_service(machine_now_ns());
    poll_all();
}

/* A UDP frame of this flow. */
static void feed(unsigned port, unsigned flow)
{
    uint8_t f[60] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0, 0x45, 0, 0, 46};

    f[22] = 64;
    f[23] = 17;
    f[26] = f[30] = 10;
    f[33] = 1;
    f[34] = 4;
    f[35] = (uint8_t)flow;
    f[37] = (uint8_t)(flow * 7);
    f[39] = 26;
    machine_frame_in(port, f, sizeof(f));
}

static void boot(void)
{
    mailbox_host = (struct mailbox_host){0};
    lanes_cores = CORES;
    start_ports(2);
    for (unsigned i = 0; i < 2; i++) {
        machine_cards[i].on_frame = count_frame;
        machine_cards[i].opaque = &out_n[i];
        out_n[i] = 0;
    }
    capture_prepare();
    run_start_app(&app_forward);
    for (unsigned i = 0; i < 100 && !(ports[0].link_is_up && ports[1].link_is_up); i++)
        tick();
    tick();
    assert_true(ports[0].link_is_up && ports[1].link_is_up);
}

static void assert_balance(void)
{
    for (unsigned i = 0; i < 2; i++)
        ports[i].ops->poll_counters(&ports[i]);
    struct ledger l = ledger_read();
    assert_int_equal(l.cores_silent, 0);
    assert_true(l.is_balanced);
    assert_int_equal(l.heads_bad, 0);
    for (unsigned i = 0; i < 2; i++) {
        struct ledger_port row = ledger_port_read(&ports[i]);
        assert_int_equal(row.received, row.card_rx_packets);
        /* A queue that did not stop is reset at once, but by a core that is late: then the card may
         * still send frames that were counted as dropped. */
        bool may_send = mailbox_host.with == ERR_BUSY && machine_log_has("cannot be stopped");
        uint64_t lost = may_send ? l.drops[DROP_tx_no_link] + l.drops[DROP_port_reset] : 0;
        assert_in_range(row.card_tx_packets, row.sent, row.sent + lost);
    }
}

/* Nothing is late any more, and every flow passes both ways, by every core. */
static void assert_healthy(void)
{
    uint64_t before[CORES * 2];

    for (unsigned i = 0; i < SETTLE_TICKS; i++) {
        mailbox_host_run_late();
        tick();
    }
    mailbox_host.fails = 0;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(lanes_late(&ports[i]), 0);
        assert_true(ports[i].link_is_up);
        out_n[i] = 0;
    }
    assert_int_equal(lanes_late(NULL), 0);
    for (unsigned i = 0; i < lanes_n; i++) {
        assert_int_equal(lanes[i].state, LANE_RUNNING);
        before[i] = lanes[i].next + lanes[i].received_before;
    }
    for (unsigned flow = 0; flow < FLOWS; flow++) {
        feed(0, flow);
        feed(1, flow);
        poll_all();
    }
    machine_wait_ns(1000000);
    poll_all();
    assert_int_equal(out_n[0], FLOWS);
    assert_int_equal(out_n[1], FLOWS);
    for (unsigned i = 0; i < lanes_n; i++)
        assert_true(lanes[i].next + lanes[i].received_before > before[i]);
    assert_balance();
    /* A core that has missed STOP goes on until START: its frames are counted as dropped. */
    assert_int_equal(machine_complaints(), machine_complains(0, "tail-while-disabled") +
                                               machine_complains(1, "tail-while-disabled"));
    assert_int_equal(machine_cards[0].dma_refused + machine_cards[1].dma_refused, 0);
}

/* ---- What core 0 does ---- */

static void act_restart(void)
{
    (void)port_restart(&ports[0]);
}
static void act_reset(void)
{
    (void)port_reset_card(&ports[1]);
}
static void act_down_and_up(void)
{
    port_take_down(&ports[1], "by command");
    assert_true(ports[1].is_down);
    tick();
    assert_true(ports[1].is_down && !ports[1].link_is_up);
    (void)port_restart(&ports[1]);
}
static void act_stop_and_start(void)
{
    lanes_stop(app_forward.poll);
    for (unsigned i = 0; i < 5; i++) {
        mailbox_host_run_late();
        tick();
    }
    for (unsigned i = 0; i < lanes_n; i++)
        assert_int_equal(lanes[i].state, LANE_PARKED);
    assert_int_equal(lanes_late(NULL), 0);
    lanes_start();
}
static void act_stop_reset_start(void)
{
    lanes_stop(app_forward.poll);
    (void)port_restart(&ports[0]);
    lanes_start();
}
static void act_link_down_and_up(void)
{
    x540_set_cable(machine_cards[1].model, false);
    tick();
    tick();
    x540_set_cable(machine_cards[1].model, true);
}
static void act_cut_off_and_up(void)
{
    machine_cut_off = BIT(1);
    tick();
    assert_true(ports[1].is_down);
    assert_false(machine_cards[1].command & PCI_COMMAND_MASTER);
    (void)port_restart(&ports[1]);
}
static void act_ledger(void)
{
    (void)ledger_read();
}
static void act_capture(void)
{
    static const struct capture_request off;

    (void)capture_set(&(struct capture_request){.port = &ports[0]});
    for (unsigned flow = 0; flow < FLOWS; flow++)
        feed(0, flow);
    poll_all();
    while (capture_next())
        ;
    (void)capture_set(&off);
}

static const struct {
    const char *name;
    void (*run)(void);
} acts[] = {
    {"restart", act_restart},
    {"reset", act_reset},
    {"down and up", act_down_and_up},
    {"stop and start", act_stop_and_start},
    {"stop, reset, start", act_stop_reset_start},
    {"link down and up", act_link_down_and_up},
    {"cut off and up", act_cut_off_and_up},
    {"ledger", act_ledger},
    {"capture", act_capture},
};

static void run_all(enum err with, unsigned fails_n)
{
    for (unsigned a = 0; a < ARRAY_SIZE(acts); a++)
        for (unsigned n = 1, calls = 1; n <= calls; n++) {
            boot();
            for (unsigned flow = 0; flow < FLOWS; flow++) { /* frames everywhere on the way */
                feed(0, flow);
                feed(1, flow);
                if (flow == FLOWS / 2)
                    poll_all();
            }
            mailbox_host = (struct mailbox_host){.fails = n, .fails_n = fails_n, .with = with};
            acts[a].run();
            calls = mailbox_host.calls;
            if (getenv("FERRULE_VERBOSE"))
                fprintf(stderr, "---- %s: call %u of %u has failed (%d)\n", acts[a].name, n, calls,
                        (int)with);
            assert_healthy();
        }
}

static void call__withdrawn__is_asked_again(void **state)
{
    (void)state;
    run_all(ERR_TIMEOUT, 1);
    run_all(ERR_TIMEOUT, 3);
}

static void call__core_runs_no_loop_yet__is_asked_again(void **state)
{
    (void)state;
    run_all(ERR_NO_DEVICE, 1);
    run_all(ERR_NO_DEVICE, 4);
}

static void call__carried_out_late__its_request_is_still_its_own(void **state)
{
    (void)state;
    run_all(ERR_BUSY, 1);
    run_all(ERR_BUSY, 2);
}

/* The core of the last queue misses everything: the port receives on the others. */
static void last_core__silent_for_long__the_others_receive_and_it_is_shown(void **state)
{
    (void)state;
    boot();
    mailbox_host = (struct mailbox_host){.fails = 2, .with = ERR_TIMEOUT}; /* STOP to core 2 */
    (void)port_restart(&ports[0]);
    assert_int_equal(mailbox_host.calls, 4);
    assert_int_equal(lanes_late(&ports[0]), 0); /* START has settled it */
    assert_healthy();

    boot();
    (void)port_reset_card(&ports[0]);
    mailbox_host = (struct mailbox_host){.fails = 2, .with = ERR_BUSY};
    (void)port_restart(&ports[0]); /* core 2 is at STOP until run_late */
    assert_int_equal(lanes_late(&ports[0]), BIT(2));
    assert_non_null(machine_log_has("port0: core 2 has not stopped its queues: has not ended"));
    for (unsigned i = 0; i < 20; i++)
        tick();
    assert_int_equal(lanes_late(&ports[0]), BIT(2));
    unsigned lines = machine_log_lines();
    for (unsigned i = 0; i < 20; i++)
        tick();
    assert_int_equal(machine_log_lines(), lines);
    uint64_t before = lanes[0].next + lanes[lanes_per_core].next;
    for (unsigned flow = 0; flow < FLOWS; flow++)
        feed(0, flow);
    poll_all();
    assert_true(lanes[0].next + lanes[lanes_per_core].next > before + FLOWS / 3);
    mailbox_host_run_late();
    tick();
    assert_non_null(machine_log_has("port0: core 2 has started its queues now"));
    assert_healthy();
}

/* Frames that the card still holds when it is reset: the head of a queue that is off says nothing. */
static void stop__missed_with_frames_queued__they_are_counted_as_dropped(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 4; n++) {
        boot();
        for (unsigned flow = 0; flow < FLOWS; flow++)
            feed(0, flow);
        poll_all();
        machine_wait_ns(1000000);
        poll_all();
        machine_cards[1].wire_is_full = true;
        for (unsigned flow = 0; flow < FLOWS; flow++)
            feed(0, flow);
        poll_all();
        mailbox_host = (struct mailbox_host){.fails = n, .with = ERR_TIMEOUT};
        (void)port_reset_card(&ports[1]);
        machine_cards[1].wire_is_full = false;
        assert_healthy();
        struct ledger l = ledger_read();
        assert_int_equal(l.received, l.sent + l.dropped);
        assert_in_range(l.dropped, FLOWS / 2, FLOWS);
    }
}

/* ---- Out of service is the operator's to end ---- */

static void port__cut_off_or_down__stays_so_until_the_operator_ends_it(void **state)
{
    (void)state;
    for (unsigned by_command = 0; by_command < 2; by_command++) {
        boot();
        if (by_command)
            port_take_down(&ports[1], "by command");
        else
            machine_cut_off = BIT(1);
        tick();
        assert_true(ports[1].is_down);
        uint32_t resets = ports[1].resets;
        for (unsigned i = 0; i < 50; i++) {
            feed(0, i);
            tick();
            assert_true(ports[1].is_down);
            assert_int_equal(ports[1].resets, resets);
        }
        /* Nor does a queue that must be reset put it back. */
        assert_int_equal(port_reset_card(&ports[1]), OK);
        for (unsigned i = 0; i < 10; i++)
            tick();
        assert_true(ports[1].is_down && !ports[1].link_is_up);
        assert_int_equal((machine_cards[1].command & PCI_COMMAND_MASTER) != 0, by_command);
        assert_int_equal(port_restart(&ports[1]), OK);
        assert_true(machine_cards[1].command & PCI_COMMAND_MASTER);
        assert_healthy();
    }
}

static void restart__card_cut_off_with_frames_queued__sends_none_of_them(void **state)
{
    (void)state;
    boot();
    machine_cards[1].wire_is_full = true;
    for (unsigned flow = 0; flow < FLOWS; flow++)
        feed(0, flow);
    poll_all();
    machine_cut_off = BIT(1);
    tick();
    machine_cards[1].wire_is_full = false;
    out_n[1] = 0;
    assert_true(ports[1].resets == 1); /* its queues did not stop */
    assert_int_equal(port_restart(&ports[1]), OK);
    assert_int_equal(out_n[1], 0);
    assert_healthy();
}

/* By command, as by a card that is cut off. */
static void take_down__queue_does_not_stop__card_is_reset(void **state)
{
    (void)state;
    boot();
    port_take_down(&ports[1], "by command");
    tick();
    assert_true(ports[1].is_down);
    assert_int_equal(ports[1].resets, 0); /* its queues stopped */
    assert_int_equal(port_restart(&ports[1]), OK);
    assert_healthy();

    const uint64_t before = ports[1].resets;
    x540_set_evil(machine_cards[1].model, X540_EVIL_TX_STUCK, 1);
    for (unsigned flow = 0; flow < FLOWS; flow++)
        feed(0, flow);
    poll_all();
    port_take_down(&ports[1], "by command");
    tick();
    x540_set_evil(machine_cards[1].model, X540_EVIL_TX_STUCK, 0);
    assert_true(ports[1].is_down);
    assert_int_equal(ports[1].resets, before + 1);
    assert_int_equal(port_restart(&ports[1]), OK);
    assert_healthy();
}

static void reset__fails__card_may_not_access_memory_until_it_succeeds(void **state)
{
    (void)state;
    boot();
    x540_set_evil(machine_cards[1].model, X540_EVIL_RESET_STUCK, 1);
    assert_int_not_equal(port_restart(&ports[1]), OK);
    assert_true(ports[1].is_down);
    assert_false(machine_cards[1].command & PCI_COMMAND_MASTER);
    for (unsigned flow = 0; flow < FLOWS; flow++)
        feed(0, flow);
    for (unsigned k = 0; k < 20; k++)
        tick();
    assert_true(ports[1].is_down);
    assert_balance(); /* a card that is still in its reset has registers of all ones */
    x540_set_evil(machine_cards[1].model, X540_EVIL_RESET_STUCK, 0);
    assert_int_equal(port_restart(&ports[1]), OK);
    assert_true(machine_cards[1].command & PCI_COMMAND_MASTER);
}

static void lane__never_made__port_is_refused_with_a_line(void **state)
{
    (void)state;
    boot();
    port_take_down(&ports[1], "by command");
    for (unsigned i = 0; i < lanes_n; i++)
        if (lanes[i].in == &ports[1] && lanes[i].core == 2)
            lanes[i].ring = NULL;
    assert_int_equal(port_restart(&ports[1]), ERR_NO_MEMORY);
    assert_true(ports[1].is_down);
    assert_non_null(machine_log_has("port1: stays out of service: core 2 has no lane for it"));
    lanes_stop(app_forward.poll);
    lanes_start();
    (void)port_reset_card(&ports[1]);
    (void)port_restart(&ports[0]);
    for (unsigned i = 0; i < 10; i++)
        tick();
    assert_true(ports[1].is_down);
    assert_balance();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call__withdrawn__is_asked_again),
        cmocka_unit_test(call__core_runs_no_loop_yet__is_asked_again),
        cmocka_unit_test(call__carried_out_late__its_request_is_still_its_own),
        cmocka_unit_test(last_core__silent_for_long__the_others_receive_and_it_is_shown),
        cmocka_unit_test(stop__missed_with_frames_queued__they_are_counted_as_dropped),
        cmocka_unit_test(port__cut_off_or_down__stays_so_until_the_operator_ends_it),
        cmocka_unit_test(restart__card_cut_off_with_frames_queued__sends_none_of_them),
        cmocka_unit_test(take_down__queue_does_not_stop__card_is_reset),
        cmocka_unit_test(reset__fails__card_may_not_access_memory_until_it_succeeds),
        cmocka_unit_test(lane__never_made__port_is_refused_with_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
