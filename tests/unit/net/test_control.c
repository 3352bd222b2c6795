/* SPDX-License-Identifier: BSD-2-Clause
 * Control lanes (net/lane/control.c) with the real driver on the model, app=route on three ports:
 *  - ARP reaches the stack while queue 0 has no free slot, at any size of the flood; tagged too;
 *  - its answers find a slot where other frames fill the side queue;
 *  - each frame is counted once, by ledger and card alike, and the answer as generated;
 *  - the lane follows `stop`, `start`, a reset, a port out of service, a lost link; and it is looked
 *    at before core 0 sleeps, which an ARP frame's interrupt ends;
 *  - a capture sees what comes by it, with or without frames on other lanes;
 *  - app=forward, or a port without an address: no filter, ARP goes its way among all frames;
 *  - without memory ARP shares queue 0.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c $(LOOP) net/lane/ledger.c net/app/route.c net/app/forward.c $(ROUTER) $(STACK)
 * boot/cmdline.c boot/console_key.c
 * kernel/lib/parse.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
#include "drivers/x540/regs.h"
#include "net/lane/capture.h"
#include "net/lane/vlans.h"
#include "tests/unit/net/router_host.h"

extern const struct app app_forward;

/* ---- Frames ---- */

/* ARP requests of host .10 of port 0 for our address there, and how many were answered. */
static unsigned answers_n;
static uint8_t answer[64];

static void count_answers(void *opaque, const uint8_t *frame, uint32_t length)
{
    (void)opaque;
    bool is_tagged = wire_get16(frame + ETH_TYPE) == ETH_VLAN;
    const uint8_t *arp = frame + ETH_BYTES + (is_tagged ? VLAN_BYTES : 0);

    if (wire_get16(arp - 2) != ETH_ARP || wire_get16(arp + 6) != ARP_REPLY)
        return;
    answers_n++;
    memcpy(answer, frame, MIN(length, 64u));
}

static void request(unsigned port, unsigned vlan)
{
    uint8_t plain[60], frame[64];
    struct arp_packet packet = {
        .op = ARP_REQUEST, .sender_ip = HOST_IP, .target_ip = IP(192, 0, 2, 1)};

    mac_of(0, HOST_IP, packet.sender_mac);
    (void)arp_build(plain, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", &packet);
    if (vlan == 0) {
        machine_frame_in(port, plain, 60);
        return;
    }
    memcpy(frame, plain, 12);
    wire_put16(frame + 12, ETH_VLAN);
    wire_put16(frame + 14, (uint16_t)vlan);
    memcpy(frame + 16, plain + 12, 48);
    machine_frame_in(port, frame, 64);
}

/* Port 0's address in VLAN 7 too. */
static void have_vlan_7(void)
{
    static struct netif netif;

    memset(&netif, 0, sizeof(netif));
    assert_null(netif_configure(&netif, ports[0].mac, IP(192, 0, 2, 1), 24, (uint32_t[2]){0}));
    vlan_add(&ports[0], 7)->netif = &netif;
}

/* A frame of no known type. */
static void junk(unsigned port)
{
    uint8_t frame[60] = {0};

    memcpy(frame, ports[port].mac, 6);
    memcpy(frame + 6, "\x02\0\0\0\0\x66\x88\xB5", 8);
    machine_frame_in(port, frame, 60);
}

static void agree(void)
{
    for (unsigned i = 0; i < ports_n; i++)
        ports[i].ops->poll_counters(&ports[i]);
    assert_true(ledger_read().is_balanced);
    for (unsigned i = 0; i < ports_n; i++) {
        struct ledger_port row = ledger_port_read(&ports[i]);
        assert_int_equal(row.received, row.card_rx_packets);
        assert_int_equal(row.sent, row.card_tx_packets);
    }
}

static struct lane *control_of(unsigned port)
{
    return &lanes[lanes_n + port];
}

static int begin(void **state)
{
    int result = start(state);

    machine_cards[0].on_frame = count_answers;
    answers_n = 0;
    return result;
}

/* A request is answered, and came by the control queue. */
static void is_alive(void)
{
    const uint64_t received = lane_ledger(control_of(0)).received;

    answers_n = 0;
    request(0, 0);
    rounds();
    assert_int_equal(answers_n, 1);
    assert_int_equal(lane_ledger(control_of(0)).received, received + 1);
    assert_int_equal(control_of(0)->state, LANE_RUNNING);
}

/* ---- Tests ---- */

static void arp__queue_0_is_full__loses_none(void **state)
{
    (void)state;
    const uint64_t lost = ports[0].count.rx_dropped;

    assert_int_equal(lanes_control_n, 3);
    for (unsigned i = 0; i < 3 * LANE_SLOTS; i++)
        junk(0);
    for (unsigned i = 0; i < LANE_SLOTS - 1; i++) {
        request(0, 0);
        junk(0);
        if (i % 50 == 49)
            (void)control_poll(); /* the answers need room in the side queue */
    }
    rounds();
    assert_int_equal(answers_n, LANE_SLOTS - 1);
    agree();
    /* The junk that found no slot, and nothing else. */
    assert_int_equal(ports[0].count.rx_dropped - lost, 4 * LANE_SLOTS - 1 - (LANE_SLOTS - 1));
    assert_int_equal(ports[0].netif->drops[DROP_eth_other], LANE_SLOTS - 1);
}

static void arp__more_than_the_ring_between_two_polls__is_counted(void **state)
{
    (void)state;
    const uint64_t lost = ports[0].count.rx_dropped;
    const struct lane_ledger before = lane_ledger(control_of(0));

    for (unsigned i = 0; i < LANE_SLOTS + 9; i++)
        request(0, 0);
    rounds();
    agree();
    struct lane_ledger after = lane_ledger(control_of(0));
    assert_int_equal(after.received - before.received, LANE_SLOTS - 1);
    assert_int_equal(after.consumed - before.consumed, LANE_SLOTS - 1);
    assert_int_equal(after.sent, 0);
    assert_int_equal(ports[0].count.rx_dropped - lost, 10);
    /* All are answered, or the answer found no room. */
    assert_int_equal(answers_n + port_side(&ports[0], 0)->drops[DROP_side_full], LANE_SLOTS - 1);
}

static void arp__reply__lets_a_waiting_frame_go_at_once(void **state)
{
    (void)state;
    uint8_t frame[100];

    machine_cards[0].on_frame = keep_sent_frame;
    make(frame, 100, IP(198, 51, 100, 30), 0);
    give(frame, 100);
    is_forwarded(frame, 100, 1, IP(198, 51, 100, 30));
}

/* The side queue is full of other frames, which the card cannot send: ARP has slots of its own. */
static void answer__side_queue_is_full__has_a_slot(void **state)
{
    (void)state;
    const struct side *side = port_side(&ports[0], 0);
    const uint64_t lost = side->drops[DROP_side_full];
    uint8_t frame[60];
    unsigned sent_too = 0, taken = 0;

    for (unsigned tagged = 0; tagged < 2; tagged++) {
        make(frame, 60, IP(192, 0, 2, 20), 0);
        if (tagged)
            memcpy(frame + 12, "\x81\x00\x00\x07\x08\x00", 6);
        machine_cards[0].wire_is_full = true;
        for (unsigned i = 0; i < 2 * SIDE_SLOTS; i++)
            sent_too += side_send(&ports[0], frame, 60);
    }
    taken = 4 * SIDE_SLOTS - sent_too;
    assert_int_equal(side->drops[DROP_side_full] - lost, taken);
    have_vlan_7();
    for (unsigned i = 0; i < SIDE_KEPT; i++) {
        request(0, i < SIDE_KEPT / 2 ? 7 : 0);
        rounds();
    }
    assert_int_equal(side->drops[DROP_side_full] - lost, taken);
    machine_cards[0].wire_is_full = false;
    machine_wait_ns(SECOND);
    rounds();
    assert_int_equal(answers_n, SIDE_KEPT);
    agree();
}

static void arp__tagged__comes_by_the_same_queue(void **state)
{
    (void)state;
    have_vlan_7();
    const uint64_t received = lane_ledger(control_of(0)).received;
    request(0, 7);
    rounds();
    assert_int_equal(lane_ledger(control_of(0)).received, received + 1);
    assert_int_equal(answers_n, 1);
    assert_int_equal(wire_get16(answer + 12), ETH_VLAN);
    assert_int_equal(wire_get16(answer + 14), 7);
    request(0, 8); /* not our VLAN */
    rounds();
    assert_int_equal(answers_n, 1);
    assert_int_equal(control_of(0)->count.drops[DROP_eth_vlan], 1);
    agree();
}

static void lane__stop_and_start__follows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        request(0, 0);
    lanes_stop(app_route.poll); /* those are handled */
    assert_int_equal(control_of(0)->state, LANE_PARKED);
    assert_int_equal(answers_n, 5);
    request(0, 0);
    assert_int_equal(control_poll(), 0);
    assert_int_equal(lane_ledger(control_of(0)).waiting, 0);
    lanes_start();
    is_alive();
    agree();
}

static void lane__reset_or_down_or_no_link__follows(void **state)
{
    (void)state;
    request(0, 0);
    assert_int_equal(port_restart(&ports[0]), OK); /* with a frame inside */
    assert_int_equal(control_of(0)->count.drops[DROP_port_reset], 1);
    pass(10 * SECOND);
    is_alive();

    port_take_down(&ports[0], "by command");
    assert_int_equal(control_of(0)->state, LANE_PARKED);
    assert_int_equal(control_of(1)->state, LANE_RUNNING);
    assert_int_equal(port_restart(&ports[0]), OK);
    pass(10 * SECOND);
    is_alive();

    x540_set_cable(machine_cards[1].model, false); /* the partner's, then its own */
    pass(SECOND);
    is_alive();
    x540_set_cable(machine_cards[0].model, false);
    pass(SECOND);
    x540_set_cable(machine_cards[0].model, true);
    pass(10 * SECOND);
    is_alive();
    agree();
}

static void lane__arp_before_a_sleep__is_seen_and_wakes(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 2; v++)
        assert_int_equal(ports[0].ops->irq_set(&ports[0], v, 0xFEE00000, 0x40 + v), OK);
    rounds();
    assert_false(lanes_have_work(0));
    ports[0].ops->irq_arm(&ports[0], 1);
    const uint64_t messages = machine_cards[0].messages[1];
    request(0, 0);
    machine_wait_ns(1000000);
    assert_true(lanes_have_work(0));
    assert_int_equal(machine_cards[0].messages[1], messages + 1);
    rounds();
    assert_false(lanes_have_work(0));
    assert_false(lanes_are_in_flight(0));
}

static void capture__port__has_the_frames_of_its_control_lane(void **state)
{
    (void)state;
    const struct capture_record *r;
    unsigned received = 0, sent_too = 0;

    capture_prepare();
    assert_true(capture_set(&(struct capture_request){.port = &ports[0]}));
    for (unsigned turn = 0; turn < 40; turn++) { /* more than a turn of the ring */
        for (unsigned i = 0; i < 20; i++)
            request(0, 0);
        junk(0);
        rounds();
        for (; (r = capture_next()) != NULL; sent_too += r->is_sent)
            received += !r->is_sent && wire_get16(r->bytes + ETH_TYPE) == ETH_ARP;
    }
    assert_int_equal(received, 40 * 20);
    assert_int_equal(sent_too, 40 * 20);
    assert_int_equal(answers_n, 40 * 20);
    assert_int_equal(capture_missed(), 0);
    assert_true(capture_set(&(struct capture_request){.port = &ports[0], .is_trace = true}));
    request(0, 0);
    rounds();
    assert_non_null(r = capture_next());
    assert_int_equal(r->fate, FATE_CONSUMED);
    assert_null(capture_next());
    assert_true(capture_set(&(struct capture_request){0}));
    assert_ptr_equal(control_of(0)->ring, control_of(0)->ring_buf.va);
    request(0, 0);
    rounds();
    assert_int_equal(answers_n, 40 * 20 + 2);
    agree();
}

/* What port 1 sends: the numbers of the frames in order. */
static unsigned forwarded_n;
static bool is_in_order;

static void check_order(void *opaque, const uint8_t *frame, uint32_t length)
{
    (void)opaque, (void)length;
    is_in_order &= wire_get16(frame + 40) == forwarded_n++;
}

static void forward__has_addresses__arp_keeps_its_place(void **state)
{
    (void)state;
    static struct netif netifs[2][QUEUES_MAX];
    uint8_t frame[60] = "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x77\x08\x06\0\1\x08\0\6\4\0\1";

    start_ports(2);
    for (unsigned i = 0; i < 2; i++) {
        ports[i].netif = netifs[i];
        assert_null(
            netif_configure(netifs[i], ports[i].mac, IP(192, 0, 2, 1 + i), 24, (uint32_t[2]){0}));
    }
    run_start_app(&app_forward);
    for (unsigned i = 0; i < 100; i++) {
        machine_wait_ns(SECOND / 10);
        run_service(machine_now_ns());
    }
    assert_int_equal(lanes_control_n, 0);
    assert_int_equal(x540_read(machine_cards[0].model, ETQF(0), 4), 0);
    machine_cards[1].on_frame = check_order;
    forwarded_n = 0;
    is_in_order = true;
    for (unsigned i = 0; i < 200; i++) {
        wire_put16(frame + ETH_TYPE, i % 3 ? ETH_ARP : ETH_IPV4);
        wire_put16(frame + 40, (uint16_t)i);
        machine_frame_in(0, frame, 60);
        if (i % 16 == 0)
            rounds();
    }
    rounds();
    assert_int_equal(forwarded_n, 200);
    assert_true(is_in_order);
}

static void open__no_memory__arp_shares_queue_0(void **state)
{
    (void)state;
    struct dma_buf buf;

    while (dma_alloc(PAGE_BYTES, PAGE_BYTES, &buf) == OK)
        ;
    ports[0].ops->set_control_queue(&ports[0], false);
    control_open(&ports[0], router_input);
    assert_non_null(machine_log_has("port0: no memory for a receive queue of its own for ARP"));
    assert_int_equal(lanes_control_n, 3);
    assert_false(ports[0].is_down);
    request(0, 0);
    rounds();
    assert_int_equal(answers_n, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, stop)
    const struct CMUnitTest tests[] = {
        TEST(arp__queue_0_is_full__loses_none),
        TEST(arp__more_than_the_ring_between_two_polls__is_counted),
        TEST(arp__reply__lets_a_waiting_frame_go_at_once),
        TEST(answer__side_queue_is_full__has_a_slot),
        TEST(arp__tagged__comes_by_the_same_queue),
        TEST(lane__stop_and_start__follows),
        TEST(lane__reset_or_down_or_no_link__follows),
        TEST(lane__arp_before_a_sleep__is_seen_and_wakes),
        TEST(capture__port__has_the_frames_of_its_control_lane),
        TEST(forward__has_addresses__arp_keeps_its_place),
        TEST(open__no_memory__arp_shares_queue_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
