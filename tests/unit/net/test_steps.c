/* SPDX-License-Identifier: BSD-2-Clause
 * What core 0 does to ports, in steps between its polls, with the driver on four model cards of whose
 * registers a read takes 1 us. Ports 0 and 1 forward, the others are changed. Covers:
 *  - a restart, a reset, taking down and putting back, a link that goes and comes, a PHY that is looked
 *    for: at most 4 reads and 32 writes between two polls, and the port is as after the same in one go;
 *  - all of that together with the counters and with log lines on a screen of 1920x1080, whose stores
 *    take 100 ns: no frame of 14.88 million a second on each of two ports is lost;
 *  - waits (semaphores that nobody gives back, a card that stays in its reset) hold up nothing;
 *  - changes that are ordered while one is under way are made one after the other, the last one counts;
 *  - under load every frame of the ports that are changed is accounted for;
 *  - the machine may leave at any step: no semaphore and no lock of the card stays taken.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/app/forward.c $(STACK)
 * boot/cmdline.c boot/console_key.c kernel/lib/parse.c kernel/lib/fmt.c kernel/log/screen.c
 * tests/host/machine.c $(MODEL) */
#include "arch/paging.h"
#include "arch/task.h"
#include "boot/bootinfo.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"
#include "kernel/log/screen.h"
#include "tests/unit/net/lane_host.h"

enum {
    PORTS = 4,
    FRAME_NS = 67,  /* between two frames of 64 bytes at 10 Gb/s */
    HANDLE_NS = 15, /* what core 0 needs for a frame, about */
    ROUND_NS = 50,
    IDLE_NS = 20000, /* passed at once while core 0 only polls: that costs no frame */
    QUIET_ROUNDS = 100,
    CONSOLE_NS = 100000,
};

/* ---- The screen, on which the log is shown as kernel/console/console.c does it ---- */

uint8_t screen_font[95][5] = {[0 ... 94] = {0x7F, 0x41, 0x41, 0x41, 0x7F}};
enum err paging_map_frame_buffer(paddr_t paddr, uint64_t bytes, mmio_t *out)
{
    (void)paddr, (void)bytes;
    out->base = MACHINE_SCREEN;
    return OK;
}
const char *paging_ours(paddr_t paddr, uint64_t bytes)
{
    (void)paddr, (void)bytes;
    return NULL;
}
const char *paging_refusal(enum err err, paddr_t paddr, uint64_t bytes)
{
    (void)err, (void)paddr, (void)bytes;
    return "";
}
void log_set_mirror(void (*write)(const char *text, size_t n))
{
    (void)write;
}
void log_tail(unsigned max, void (*visit)(void *context, const char *text, size_t n), void *context)
{
    (void)max, (void)visit, (void)context;
}

static unsigned shown_lines;
static uint64_t console_ns;

static void show_log(void)
{
    if (machine_now_ns() < console_ns)
        return;
    console_ns = machine_now_ns() + CONSOLE_NS;
    while (shown_lines < machine_log_lines()) {
        const char *line = machine_log_line(shown_lines++);
        screen_write(line, strlen(line));
        screen_write("\n", 1);
    }
    screen_poll();
}

static void screen_on(void)
{
    static struct bootinfo info;
    char found[100];

    info.framebuffer = (struct boot_framebuffer){.start = 0x80000000,
                                                 .width = 1920,
                                                 .height = 1080,
                                                 .bits = 32,
                                                 .type = 1,
                                                 .pitch_bytes = 1920 * 4,
                                                 .red_at = 16,
                                                 .green_at = 8,
                                                 .red_bits = 8,
                                                 .green_bits = 8,
                                                 .blue_bits = 8};
    screen_slice(false);
    screen_start(&info, found, sizeof(found));
    screen_slice(true);
    shown_lines = machine_log_lines();
    console_ns = 0;
    machine_on_console = show_log;
}

/* ---- Core 0's loop ---- */

static struct {
    uint64_t reads, writes, stores, ns; /* the most between two polls */
} most;
static uint64_t writes;
static struct core_lanes *own;
static uint64_t fed_ns; /* frames have arrived on ports 0 and 1 up to then */
static bool is_fed;
static bool is_loaded; /* frames come on ports 2 and 3 in each round */
static unsigned quiet; /* rounds in which core 0 only polled */

static void count_write(unsigned card, uint32_t offset, uint32_t value)
{
    (void)card, (void)offset, (void)value;
    writes++;
}

static void frames_arrive(void)
{
    if (quiet > QUIET_ROUNDS)
        fed_ns = machine_now_ns(); /* what has come is handled; then time passes at once */
    for (; is_fed && fed_ns + FRAME_NS <= machine_now_ns(); fed_ns += FRAME_NS) {
        feed(0);
        feed(1);
    }
}

/* A round of core_loop. */
static void round_of_loop(void)
{
    uint32_t n = control_poll() + run_round(own);
    uint64_t now_ns = machine_now_ns() + ROUND_NS + HANDLE_NS * n;

    machine_wait_ns(now_ns - machine_now_ns());
    uint64_t reads = machine_reads, stores = machine_stores, began_ns = machine_now_ns();
    for (unsigned i = 2; i < PORTS && is_loaded; i++)
        machine_frame_in(i, (const uint8_t[60]){2, (uint8_t)i}, 60);
    writes = 0;
    run_other_work(now_ns, n);
    most.reads = MAX(most.reads, machine_reads - reads);
    most.writes = MAX(most.writes, writes);
    most.stores = MAX(most.stores, machine_stores - stores);
    most.ns = MAX(most.ns, machine_now_ns() - began_ns);
    bool has_worked = machine_reads != reads || machine_stores != stores || writes != 0;
    quiet = has_worked ? 0 : quiet + 1;
    frames_arrive();
    if (quiet != 0 && n == 0) {
        machine_wait_ns(IDLE_NS);
        fed_ns = machine_now_ns();
    }
}

static bool is_over(void)
{
    enum err err;

    for (unsigned i = 0; i < PORTS; i++)
        if (port_is_busy(&ports[i], &err))
            return false;
    return !task_is_busy() && !lanes_are_changing();
}

/* Run the loop until core 0's task is over, and for ms more. */
static void run_until_over(unsigned ms)
{
    uint64_t limit_ns = machine_now_ns() + 20000000000ull;

    while (!is_over() && machine_now_ns() < limit_ns)
        round_of_loop();
    assert_true(is_over());
    for (uint64_t end_ns = machine_now_ns() + ms * 1000000ull; machine_now_ns() < end_ns;)
        round_of_loop();
}

static int boot(void **state)
{
    (void)state;
    memset(wires, 0, sizeof(wires));
    start_ports(PORTS);
    for (unsigned i = 0; i < 2; i++) {
        wires[i].length_of = one_length;
        machine_cards[i].on_frame = check_sent_frame;
        machine_cards[i].opaque = &wires[1 - i];
    }
    run_start_app(&app_forward);
    wait_for_links(true);
    own = run_core_lanes(0);
    machine_tasks_in_steps = true;
    machine_read_ns = 1000;
    machine_on_write = count_write;
    memset(&most, 0, sizeof(most));
    is_fed = is_loaded = false;
    run_until_over(0);
    return 0;
}

static void begin_feeding(void)
{
    is_fed = true;
    fed_ns = machine_now_ns();
}

/* No frame of ports 0 and 1 was lost, and nothing was done wrong to any card. */
static void assert_nothing_lost(void)
{
    is_fed = false;
    run_until_over(2);
    assert_all_through(0);
    assert_all_through(1);
    for (unsigned i = 0; i < PORTS; i++)
        if (!ports[i].is_down)
            ports[i].ops->poll_counters(&ports[i]);
    assert_int_equal(ports[0].count.rx_dropped + ports[1].count.rx_dropped, 0);
    assert_int_equal(ports[0].count.rx_missed_errors + ports[1].count.rx_missed_errors, 0);
    assert_int_equal(ports[0].count.rx_packets, wires[0].next_in);
    assert_int_equal(machine_complaints(), 0);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(machine_cards[i].dma_refused, 0);
}

/* ---- What is done to ports 2 and 3 ---- */

static void act_restart(void)
{
    assert_int_equal(port_restart(&ports[2]), OK);
    run_until_over(300);
    assert_int_equal(ports[2].resets, 1);
}
static void act_reset(void)
{
    assert_int_equal(port_reset_card(&ports[2]), OK);
    run_until_over(300);
    assert_int_equal(ports[2].resets, 1);
}
static void act_down_and_up(void)
{
    port_take_down(&ports[2], "by command");
    run_until_over(300);
    assert_true(ports[2].is_down && !ports[2].link_is_up);
    assert_int_equal(port_restart(&ports[2]), OK);
    run_until_over(300);
}
static void act_stuck(void)
{
    machine_cards[2].wire_is_full = true; /* what came by port 3 is never sent */
    for (unsigned k = 0; k < 5; k++)
        machine_frame_in(3, (const uint8_t[60]){2, 1}, 60);
    run_until_over(1300);
    machine_cards[2].wire_is_full = false;
    run_until_over(300);
    assert_non_null(machine_log_has("port2: transmit queue 0 has sent nothing for"));
    assert_int_equal(ports[2].resets, 1);
}
static void act_link(void)
{
    x540_set_cable(machine_cards[3].model, false);
    run_until_over(250);
    assert_false(ports[3].link_is_up);
    x540_set_cable(machine_cards[3].model, true);
    run_until_over(300);
}
static void act_phy(void)
{
    x540_set_evil(machine_cards[3].model, X540_EVIL_PHY_DUMB_NS, 2000000000);
    assert_int_equal(port_restart(&ports[3]), OK);
    run_until_over(5500);
    x540_set_evil(machine_cards[3].model, X540_EVIL_PHY_DUMB_NS, 0);
}
static void act_memory_error(void)
{
    run_set_sleep(true);
    x540_set_evil(machine_cards[2].model, X540_EVIL_CAUSES, 0x10000000);
    run_until_over(400);
    run_set_sleep(false);
}
static void act_stop_and_start(void)
{
    lanes_stop(app_forward.poll);
    assert_true(lanes_are_changing());
    run_until_over(0);
    for (unsigned i = 0; i < lanes_n; i++)
        assert_int_equal(lanes[i].state, LANE_PARKED);
    lanes_start();
    run_until_over(0);
}

static void change__of_each_kind__has_short_steps(void **state)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } acts[] = {
        {"restart", act_restart},
        {"reset", act_reset},
        {"down and up", act_down_and_up},
        {"stuck", act_stuck},
        {"link", act_link},
        {"PHY", act_phy},
        {"memory error", act_memory_error},
        {"stop and start", act_stop_and_start},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(acts); i++) {
        (void)boot(state);
        acts[i].run();
        if (most.reads > 4 || most.writes > TASK_STEP_UNITS)
            fail_msg("%s: %lu reads, %lu writes", acts[i].name, most.reads, most.writes);
        assert_in_range(most.reads, 1, 4);
        for (unsigned p = 0; p < PORTS; p++)
            assert_true(ports[p].link_is_up && !ports[p].is_down && !ports[p].step);
        for (unsigned k = 0; k < lanes_n; k++)
            assert_int_equal(lanes[k].state, LANE_RUNNING);
        machine_frame_in(2, (const uint8_t[60]){2, 3}, 60);
        machine_frame_in(3, (const uint8_t[60]){2, 3}, 60);
        uint64_t sent[] = {machine_cards[2].frames_out, machine_cards[3].frames_out};
        run_until_over(1);
        assert_int_equal(machine_cards[2].frames_out, sent[0] + 1);
        assert_int_equal(machine_cards[3].frames_out, sent[1] + 1);
        assert_nothing_lost();
    }
}

static void everything_at_once__line_rate_on_two_ports__loses_no_frame(void **state)
{
    (void)state;
    screen_on();
    machine_wait_ns(1100000000); /* the counters are due */
    begin_feeding();
    x540_set_cable(machine_cards[3].model, false);
    assert_int_equal(port_restart(&ports[2]), OK);
    uint64_t counted = ports[0].count.rx_packets;
    unsigned lines = machine_log_lines();
    for (unsigned i = 0; i < 20; i++)
        log_line(LOG_INFO,
                 "line %u of a burst that core 0 shows on its screen, 80 columns wide: %u", i, i);
    while (screen_is_busy() || shown_lines < machine_log_lines() || !is_over())
        round_of_loop();
    x540_set_cable(machine_cards[3].model, true);
    port_take_down(&ports[2], "by command");
    run_until_over(1200);
    assert_int_equal(port_restart(&ports[2]), OK);
    run_until_over(200);
    assert_int_equal(ports[2].resets, 2);
    assert_true(ports[3].link_is_up && ports[3].link_changes >= 3);
    assert_true(machine_log_lines() > lines + 20);
    assert_true(shown_lines == machine_log_lines() && !screen_is_busy());
    assert_true(machine_stores > 100000);
    assert_true(ports[0].count.rx_packets > counted);
    assert_true(wires[0].next_in > 100000);
    assert_in_range(most.reads, 1, 4);
    assert_in_range(most.stores, 100, SCREEN_STORES_MAX);
    assert_in_range(most.ns, 1000, 34000); /* in which a ring of 512 fills up */
    assert_nothing_lost();
}

/* The frames of ports 0 and 1 pass while a change of port 2 waits. */
static void pass_frames_for(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        uint64_t end_ns = machine_now_ns() + 1000000;
        feed(0);
        feed(1);
        while (machine_now_ns() < end_ns)
            round_of_loop();
        assert_int_equal(wires[0].next_out, wires[0].next_in);
        assert_int_equal(wires[1].next_out, wires[1].next_in);
    }
}

static void wait__as_long_as_it_may__holds_up_no_frame(void **state)
{
    static const struct {
        unsigned evil;
        uint64_t arg;
    } kinds[] = {
        {X540_EVIL_SEMAPHORE_STUCK, 2}, {X540_EVIL_RESET_STUCK, 1}, {X540_EVIL_MASTER_STUCK, 1},
        {X540_EVIL_ENABLE_STUCK, 1},    {X540_EVIL_MDIO_STUCK, 1},  {X540_EVIL_DMAIDONE_STUCK, 1},
        {X540_EVIL_EEC_STUCK, 1},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        (void)boot(state);
        x540_set_evil(machine_cards[2].model, kinds[i].evil, kinds[i].arg);
        assert_int_equal(port_restart(&ports[2]), OK);
        pass_frames_for(20);
        assert_non_null(ports[2].step);
        run_until_over(0);
        pass_frames_for(2);
        assert_in_range(most.reads, 1, 5); /* all ones are looked at once more */
    }
}

static void changes__ordered_during_another__are_made_one_after_the_other(void **state)
{
    (void)state;
    enum err err;

    assert_int_equal(port_restart(&ports[2]), OK);
    assert_int_equal(port_restart(&ports[3]), OK);
    assert_true(port_is_busy(&ports[2], &err) && port_is_busy(&ports[3], &err));
    assert_string_equal(ports[3].step, "waits for its turn");
    for (unsigned i = 0; i < 20; i++)
        round_of_loop();
    assert_true(ports[2].is_in_reset && !ports[3].is_in_reset);
    port_take_down(&ports[2], "by command"); /* while it restarts */
    assert_int_equal(port_restart(&ports[2]), OK);
    port_take_down(&ports[2], "by command");
    assert_int_equal(port_reset_card(&ports[2]), OK); /* does not replace that */
    run_until_over(300);
    assert_true(ports[2].is_down && !ports[3].is_down);
    assert_int_equal(ports[2].resets, 1);
    assert_int_equal(ports[3].resets, 1);
    assert_int_equal(port_restart(&ports[2]), OK);
    run_until_over(300);
    for (unsigned i = 0; i < PORTS; i++)
        assert_true(ports[i].link_is_up);
    assert_nothing_lost();
}

/* Lanes that stop and start in steps, while frames come and the loop polls. */
static void changes__under_load__every_frame_is_accounted_for(void **state)
{
    static void (*const acts[])(void) = {act_restart, act_down_and_up, act_link,
                                         act_stop_and_start};

    for (unsigned i = 0; i < ARRAY_SIZE(acts); i++) {
        (void)boot(state);
        is_loaded = true;
        acts[i]();
        is_loaded = false;
        run_until_over(5);
        assert_balance();
        assert_int_equal(machine_complaints(), 0);
        assert_true(lane_ledger(&lanes[2]).received > 1000 &&
                    lane_ledger(&lanes[3]).received > 1000);
        for (unsigned p = 0; p < PORTS; p++)
            assert_int_equal(machine_cards[p].dma_refused, 0);
    }
}

static void restart__fails__is_told_at_its_end(void **state)
{
    (void)state;
    enum err err;

    x540_set_evil(machine_cards[2].model, X540_EVIL_RESET_STUCK, 1);
    assert_int_equal(port_restart(&ports[2]), OK);
    assert_true(port_is_busy(&ports[2], &err));
    run_until_over(0);
    assert_false(port_is_busy(&ports[2], &err));
    assert_int_not_equal(err, OK);
    assert_true(ports[2].is_down);
}

static void leaving__at_any_step__leaves_no_semaphore_taken(void **state)
{
    bool is_complete = false;

    for (unsigned steps = 1; !is_complete; steps += 7) {
        (void)boot(state);
        assert_int_equal(port_restart(&ports[2]), OK);
        for (unsigned i = 0; i < steps && task_is_busy(); i++) {
            while (task_is_busy() && !task_step())
                machine_wait_ns(1000);
        }
        is_complete = !task_is_busy();
        struct x540 *card = machine_cards[2].model;
        ports[2].ops->quiet(&ports[2]);
        assert_int_equal(x540_read(card, SWSM, 4) & SWSM_SMBI, 0);
        assert_int_equal(x540_read(card, SW_FW_SYNC, 4) & (SW_FW_SYNC_SW_ALL | SW_FW_SYNC_REGSMP),
                         0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(change__of_each_kind__has_short_steps, boot),
        cmocka_unit_test_setup(everything_at_once__line_rate_on_two_ports__loses_no_frame, boot),
        cmocka_unit_test_setup(wait__as_long_as_it_may__holds_up_no_frame, boot),
        cmocka_unit_test_setup(changes__ordered_during_another__are_made_one_after_the_other, boot),
        cmocka_unit_test_setup(changes__under_load__every_frame_is_accounted_for, boot),
        cmocka_unit_test_setup(restart__fails__is_told_at_its_end, boot),
        cmocka_unit_test_setup(leaving__at_any_step__leaves_no_semaphore_taken, boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
