/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts and RSS: the driver against the model, one port with two to sixteen queues. Covers:
 *  - a vector fires once when armed and a frame comes, then not again until it is armed again;
 *  - what came between the last look and the arming fires at once: no lost wake-up;
 *  - messages of a vector keep their distance in a storm;
 *  - link changes come by vector 0, whose handler does not eat the queues' causes, by EICS or, where
 *    that tells of nothing, by EICR; heat is told once and if it is true, lost frames wake no core;
 *  - all of it again after a reset;
 *  - no frame comes in before all queues are on;
 *  - RSS: every queue is used, both directions of a flow meet on one, one flow stays on one, what
 *    has no hash goes to queue 0.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c kernel/lib/fmt.c
 * tests/host/machine.c $(MODEL) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/desc.h"
#include "drivers/nic.h"
#include "drivers/desc.h"
#include "drivers/x540/regs.h"
#include "kernel/memory/dma.h"
#include "kernel/start.h"
#include "tests/host/machine.h"

enum { SLOTS = 512, QUEUES = 16 };

static struct queue {
    struct descriptor *ring;
    struct dma_buf ring_buf, frames_buf;
    mmio_t tail;
    uint32_t next;
} queues[QUEUES];

static struct port *port = &ports[0];
static unsigned queues_n;

static void start_queue(unsigned q)
{
    struct queue *queue = &queues[q];

    if (!queue->ring) {
        assert_int_equal(dma_alloc(SLOTS * 16, 4096, &queue->ring_buf), OK);
        assert_int_equal(dma_alloc(SLOTS * SLOT_BYTES, 4096, &queue->frames_buf), OK);
        assert_int_equal(dma_grant(port->domain, &queue->ring_buf, DMA_READ_WRITE), OK);
        assert_int_equal(dma_grant(port->domain, &queue->frames_buf, DMA_WRITE), OK);
        queue->ring = queue->ring_buf.va;
    }
    for (unsigned i = 0; i < SLOTS; i++)
        queue->ring[i] = (struct descriptor){queue->frames_buf.iova.v + i * SLOT_BYTES, 0};
    queue->next = 0;
    assert_int_equal(port->ops->rx_start(port, q, queue->ring_buf.iova, SLOTS, &queue->tail), OK);
}

static void wait_for_link(void)
{
    machine_wait_ns(100000000);
    port->ops->poll_link(port);
    assert_true(port->link_is_up);
}

/* The bytes 6D 5A, repeated: the same hash in both directions. */
static uint8_t symmetric_key[RSS_KEY_BYTES];
/* Of Microsoft's "Verifying the RSS Hash Calculation". */
static const uint8_t microsoft_key[RSS_KEY_BYTES] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
static const uint8_t *rss_key = symmetric_key;

static void set_queues(unsigned n)
{
    queues_n = n;
    for (unsigned i = 0; i < RSS_KEY_BYTES; i++)
        symmetric_key[i] = i % 2 ? 0x5A : 0x6D;
    port->ops->set_queues(port, n, true, rss_key);
}

static void start_queues(unsigned n)
{
    set_queues(n);
    for (unsigned q = 0; q < n; q++)
        start_queue(q);
    for (unsigned v = 0; v <= n; v++)
        assert_int_equal(port->ops->irq_set(port, v, 0xFEE00000, 0x40 + v), OK);
    wait_for_link();
}

static int start(void **state)
{
    (void)state;
    machine_reset();
    memset(ports, 0, sizeof(ports));
    memset(queues, 0, sizeof(queues));
    ports_n = 0;
    machine_add_card(NULL);
    drivers_start(NULL);
    port->domain = machine_cards[0].domain;
    port->ops->set_promiscuous(port, true);
    return 0;
}

static unsigned look(unsigned q)
{
    struct queue *queue = &queues[q];
    unsigned n = 0;

    while (queue->ring[queue->next % SLOTS].word & RX_DD) {
        queue->ring[queue->next % SLOTS].word = 0;
        queue->next++;
        n++;
    }
    if (n)
        mmio_write32(queue->tail, 0, (queue->next - 1) % SLOTS);
    return n;
}

static uint64_t messages(unsigned vector)
{
    return machine_cards[0].messages[vector];
}

static void udp_in(uint32_t from, uint32_t to, uint16_t from_port, uint16_t to_port)
{
    uint8_t f[64] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0, 0, 46};

    f[22] = 64;
    f[23] = 17;
    for (unsigned i = 0; i < 4; i++) {
        f[26 + i] = (uint8_t)(from >> (24 - 8 * i));
        f[30 + i] = (uint8_t)(to >> (24 - 8 * i));
    }
    f[34] = (uint8_t)(from_port >> 8);
    f[35] = (uint8_t)from_port;
    f[36] = (uint8_t)(to_port >> 8);
    f[37] = (uint8_t)to_port;
    f[39] = 26;
    machine_frame_in(0, f, 60);
}

static void any_in(void)
{
    udp_in(0x0A000001, 0x0A000002, 1000, 2000);
}

static unsigned look_all(unsigned *where)
{
    unsigned n = 0;

    for (unsigned q = 0; q < queues_n; q++) {
        unsigned k = look(q);
        if (k && where)
            *where = q;
        n += k;
    }
    return n;
}

static void vector__armed__fires_once_until_armed_again(void **state)
{
    (void)state;
    start_queues(1);
    any_in();
    machine_wait_ns(1000000);
    assert_int_equal(messages(1), 0); /* never armed */
    assert_int_equal(look(0), 1);
    port->ops->irq_arm(port, 1);
    machine_wait_ns(1000000);
    uint64_t before = messages(1); /* the frame from before may have left a cause */
    if (before) {
        port->ops->irq_arm(port, 1);
        machine_wait_ns(1000000);
        assert_int_equal(messages(1), before);
    }
    any_in();
    machine_wait_ns(1000000);
    assert_int_equal(messages(1), before + 1);
    for (unsigned i = 0; i < 10; i++)
        any_in();
    machine_wait_ns(1000000);
    assert_int_equal(messages(1), before + 1);
    assert_int_equal(look(0), 11);
    port->ops->irq_arm(port, 1);
    machine_wait_ns(1000000);
    assert_int_equal(messages(1), before + 2); /* the ten left a cause: it fires on arming */
    assert_int_equal(machine_cards[0].messages_masked, 0);
    assert_int_equal(machine_complaints(), 0);
}

/* The order that the loop uses: look until nothing, arm, look once more, sleep until a message. */
static void vector__random_arrivals__no_wake_up_is_lost(void **state)
{
    (void)state;
    start_queues(1);
    uint64_t seen = 0, fed = 0;
    srand(7);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t before = messages(1);
        unsigned n = (unsigned)rand() % 3;
        for (unsigned k = 0; k < n; k++, fed++)
            any_in();
        if (rand() % 2)
            machine_wait_ns((uint64_t)(rand() % 30000));
        port->ops->irq_arm(port, 1);
        if (rand() % 3 == 0) {
            any_in();
            fed++;
        }
        machine_wait_ns(50000);
        /* Whatever is there now must have sent a message, or be seen by the look after arming. */
        unsigned found = look(0);
        seen += found;
        if (n == 0 && found)
            assert_true(messages(1) > before);
    }
    assert_int_equal(seen, fed);
    assert_int_equal(machine_complaints(), 0);
}

static void vector__storm__messages_keep_their_distance(void **state)
{
    (void)state;
    start_queues(1);
    uint64_t start_ns = machine_now_ns(), before = messages(1);
    for (unsigned i = 0; i < 5000; i++) {
        any_in();
        machine_wait_ns(200);
        look(0);
        port->ops->irq_arm(port, 1);
    }
    uint64_t elapsed_us = (machine_now_ns() - start_ns) / 1000;
    assert_true(messages(1) - before <= elapsed_us / 10 + 2);
    assert_true(messages(1) - before > 10);
    assert_int_equal(machine_complaints(), 0);
}

static void vector_0__link_change__is_told_and_queue_causes_stay(void **state)
{
    (void)state;
    start_queues(1);
    (void)port->ops->irq_causes(port);
    port->ops->irq_arm(port, 0);
    uint64_t before = messages(0);
    any_in(); /* a queue cause is pending, its vector not armed */
    x540_set_cable(machine_cards[0].model, false);
    machine_wait_ns(100000000);
    assert_int_equal(messages(0), before + 1);
    assert_true(port->ops->irq_causes(port) & CAUSE_LINK_CHANGED);
    assert_int_equal(port->ops->irq_causes(port), 0);
    before = messages(1);
    port->ops->irq_arm(port, 1);
    machine_wait_ns(1000000);
    assert_int_equal(messages(1), before + 1);
    assert_int_equal(machine_complaints(), 0);
}

static void reset__vectors_and_queues__work_again(void **state)
{
    (void)state;
    unsigned q = 99;

    start_queues(4);
    assert_int_equal(port->ops->reset(port), OK);
    start_queues(4);
    any_in();
    assert_int_equal(look_all(&q), 1);
    uint64_t before = messages(q + 1);
    port->ops->irq_arm(port, q + 1); /* fires at once: the frame was there before */
    machine_wait_ns(1000000);
    assert_int_equal(messages(q + 1), before + 1);
    port->ops->irq_arm(port, q + 1);
    any_in();
    machine_wait_ns(1000000);
    assert_int_equal(messages(q + 1), before + 2);
    assert_int_equal(machine_complaints(), 0);
}

static void rss__flows__spread_and_both_directions_meet(void **state)
{
    (void)state;
    for (unsigned n = 2; n <= QUEUES; n *= 2) {
        unsigned used[QUEUES] = {0};

        start(NULL);
        start_queues(n);
        srand(n);
        for (unsigned flow = 0; flow < 500; flow++) {
            uint32_t a = (uint32_t)rand() | 0x01000000, b = (uint32_t)rand() | 0x02000000;
            uint16_t p = (uint16_t)rand(), r = (uint16_t)rand();
            unsigned there = 99, back = 98, again = 97;

            udp_in(a, b, p, r);
            assert_int_equal(look_all(&there), 1);
            udp_in(b, a, r, p);
            assert_int_equal(look_all(&back), 1);
            udp_in(a, b, p, r);
            assert_int_equal(look_all(&again), 1);
            assert_int_equal(there, back);
            assert_int_equal(there, again);
            used[there]++;
        }
        for (unsigned q = 0; q < n; q++)
            assert_in_range(used[q], 500 / n / 3, 500 / n * 3);
        assert_int_equal(machine_complaints(), 0);
    }
}

/* The key reaches the card in the order of its bytes, and again after a reset: flows of the
 * verification suite use the queues of their hashes. */
static void rss__verification_suite__queues_are_those_of_the_hashes(void **state)
{
    static const struct {
        uint32_t src, dst;
        uint16_t src_port, dst_port;
        uint32_t hash;
    } rows[] = {
        {0x420995BB, 0xA18E6450, 2794, 1766, 0x51ccc178},
        {0xC75C6F02, 0x41458C53, 14230, 4739, 0xc626b0ea},
        {0x1813C65F, 0x0C16CFB8, 12898, 38024, 0x5c2b394a},
        {0x261BCD1E, 0xD18EA306, 48228, 2217, 0xafc7327f},
        {0x9927A3BF, 0xCABC7F02, 44251, 1303, 0x10e828a2},
    };
    (void)state;

    rss_key = microsoft_key;
    start_queues(16);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
            unsigned q = 99;
            udp_in(rows[i].src, rows[i].dst, rows[i].src_port, rows[i].dst_port);
            assert_int_equal(look_all(&q), 1);
            assert_int_equal(q, rows[i].hash % 16);
        }
        assert_int_equal(port->ops->reset(port), OK);
        for (unsigned q = 0; q < 16; q++)
            start_queue(q);
        wait_for_link();
    }
    rss_key = symmetric_key;
    assert_int_equal(machine_complaints(), 0);
}

/* Its table has 512 entries, undefined after a reset: each must name a queue that is on. */
static void rss__x550__no_frame_is_given_to_a_queue_that_is_off(void **state)
{
    (void)state;
    const struct x540_config config = {.kind = X540_X550, .mac = {2}, .link_at_start = true};
    unsigned used[4] = {0};

    machine_reset();
    memset(ports, 0, sizeof(ports));
    memset(queues, 0, sizeof(queues));
    ports_n = 0;
    machine_add_card(&config);
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    port->domain = machine_cards[0].domain;
    port->ops->set_promiscuous(port, true);
    start_queues(4);
    srand(550);
    for (unsigned flow = 0; flow < 2000; flow++) {
        unsigned where = 99;

        udp_in((uint32_t)rand() | 0x01000000, (uint32_t)rand() | 0x02000000, (uint16_t)rand(), 9);
        assert_int_equal(look_all(&where), 1);
        used[where]++;
    }
    for (unsigned q = 0; q < 4; q++)
        assert_in_range(used[q], 300, 700);
    assert_int_equal(machine_complaints(), 0);
}

/* A card on which EICS is as write-only as the documents say. */
static void vector_0__eics_reads_0__eicr_is_read_and_queue_causes_stay(void **state)
{
    (void)state;
    start_queues(1);
    (void)port->ops->irq_causes(port);
    x540_set_cable(machine_cards[0].model, false);
    machine_wait_ns(100000000);
    (void)port->ops->irq_causes(port);
    port->ops->poll_link(port);
    assert_null(machine_log_has("EICR is read from now on"));
    x540_set_evil(machine_cards[0].model, X540_EVIL_EICS_ZERO, 1);
    x540_set_cable(machine_cards[0].model, true);
    machine_wait_ns(100000000);
    assert_int_equal(port->ops->irq_causes(port), 0);
    port->ops->poll_link(port);
    assert_true(port->link_is_up);
    any_in(); /* a queue cause is pending, its vector not armed */
    assert_true(port->ops->irq_causes(port) & CAUSE_LINK_CHANGED);
    assert_non_null(machine_log_has("EICS (0x00808) reads 0x00000000 after the link has changed"));
    unsigned lines = machine_log_lines();
    x540_set_cable(machine_cards[0].model, false);
    machine_wait_ns(100000000);
    assert_true(port->ops->irq_causes(port) & CAUSE_LINK_CHANGED);
    assert_int_equal(port->ops->irq_causes(port), 0);
    assert_int_equal(machine_log_lines(), lines);
    uint64_t before = messages(1);
    port->ops->irq_arm(port, 1);
    machine_wait_ns(1000000);
    assert_int_equal(messages(1), before + 1);
    assert_int_equal(machine_complaints(), 0);
}

/* FWSM bit 0 vouches for the sensor, STATUS bit 20 is its state. */
static void vector_0__heat__is_told_once_and_only_if_it_is_true(void **state)
{
    (void)state;
    struct x540 *model = machine_cards[0].model;

    start_queues(1);
    x540_set_evil(model, X540_EVIL_HOT, 1);
    x540_set_evil(model, X540_EVIL_CAUSES, CAUSE_TS);
    assert_false(port->ops->irq_causes(port) & CAUSE_TOO_HOT); /* no sensor */
    x540_set_evil(model, X540_EVIL_FWSM, 0x8001);
    assert_int_equal(port->ops->reset(port), OK);
    start_queues(1);
    x540_set_evil(model, X540_EVIL_HOT, 0);
    x540_set_evil(model, X540_EVIL_CAUSES, CAUSE_TS);
    assert_false(port->ops->irq_causes(port) & CAUSE_TOO_HOT); /* a false alarm */
    x540_set_evil(model, X540_EVIL_HOT, 1);
    x540_set_evil(model, X540_EVIL_CAUSES, CAUSE_TS);
    assert_true(port->ops->irq_causes(port) & CAUSE_TOO_HOT);
    x540_set_evil(model, X540_EVIL_CAUSES, CAUSE_TS);
    assert_false(port->ops->irq_causes(port) & CAUSE_TOO_HOT); /* said */
}

/* Lost frames raise a cause each; none of them may wake a core. */
static void vector_0__frames_are_lost__is_silent(void **state)
{
    (void)state;
    start_queues(1);
    (void)port->ops->irq_causes(port);
    port->ops->irq_arm(port, 0);
    uint64_t before = messages(0);
    x540_set_evil(machine_cards[0].model, X540_EVIL_CAUSES, 1u << 17);
    machine_wait_ns(1000000);
    assert_int_equal(messages(0), before);
}

/* FWSM.TS_ENABLED is 0: the cause is not enabled. */
static void vector_0__heat_without_a_sensor__is_silent(void **state)
{
    (void)state;
    start_queues(1);
    (void)port->ops->irq_causes(port);
    port->ops->irq_arm(port, 0);
    uint64_t before = messages(0);
    x540_set_evil(machine_cards[0].model, X540_EVIL_CAUSES, CAUSE_TS);
    machine_wait_ns(1000000);
    assert_int_equal(messages(0), before);
}

static void vector_0__causes_in_a_row__messages_are_500_us_apart(void **state)
{
    (void)state;
    start_queues(1);
    (void)port->ops->irq_causes(port);
    port->ops->irq_arm(port, 0);
    uint64_t before = messages(0);
    for (unsigned i = 0; i < 100; i++) { /* for 5 ms */
        x540_set_evil(machine_cards[0].model, X540_EVIL_CAUSES, CAUSE_ECC);
        machine_wait_ns(50000);
        (void)port->ops->irq_causes(port);
        port->ops->irq_arm(port, 0);
    }
    assert_in_range(messages(0) - before, 5, 12);
}

/* What an earlier driver left as a cause is no news. */
static void vector_0__old_causes__are_cleared_before_the_first_arming(void **state)
{
    (void)state;
    x540_set_evil(machine_cards[0].model, X540_EVIL_CAUSES, CAUSE_ECC);
    start_queues(1);
    port->ops->irq_arm(port, 0);
    machine_wait_ns(1000000);
    assert_false(port->ops->irq_causes(port) & CAUSE_NEEDS_RESET);
}

/* The hash feeds them all from the first frame on, so none may come before the last one is on. */
static void start__frames_come_meanwhile__none_is_given_to_a_queue_that_is_off(void **state)
{
    (void)state;
    set_queues(4);
    wait_for_link();
    for (unsigned q = 0; q < 4; q++) {
        assert_int_equal(x540_truth(machine_cards[0].model).frames_to_host, 0);
        start_queue(q);
        for (unsigned flow = 0; flow < 64; flow++)
            udp_in(0x0A000001, 0x0A000002 + flow, 1000, 2000);
    }
    machine_wait_ns(1000000);
    const struct x540_truth truth = x540_truth(machine_cards[0].model);
    assert_int_equal(truth.dropped_no_descriptor, 0);
    assert_int_equal(truth.dropped_rx_off, 3 * 64);
    assert_int_equal(look_all(NULL), 64);
    assert_int_equal(machine_complaints(), 0);
}

static void rss__no_hash__goes_to_queue_0(void **state)
{
    (void)state;
    uint8_t arp[60] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 1, 0x08, 0x06};
    unsigned q = 99;

    start_queues(8);
    machine_frame_in(0, arp, 60);
    assert_int_equal(look_all(&q), 1);
    assert_int_equal(q, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(vector__armed__fires_once_until_armed_again, start),
        cmocka_unit_test_setup(vector__random_arrivals__no_wake_up_is_lost, start),
        cmocka_unit_test_setup(vector__storm__messages_keep_their_distance, start),
        cmocka_unit_test_setup(vector_0__link_change__is_told_and_queue_causes_stay, start),
        cmocka_unit_test_setup(vector_0__eics_reads_0__eicr_is_read_and_queue_causes_stay, start),
        cmocka_unit_test_setup(vector_0__heat__is_told_once_and_only_if_it_is_true, start),
        cmocka_unit_test_setup(vector_0__frames_are_lost__is_silent, start),
        cmocka_unit_test_setup(vector_0__heat_without_a_sensor__is_silent, start),
        cmocka_unit_test_setup(vector_0__causes_in_a_row__messages_are_500_us_apart, start),
        cmocka_unit_test_setup(vector_0__old_causes__are_cleared_before_the_first_arming, start),
        cmocka_unit_test_setup(reset__vectors_and_queues__work_again, start),
        cmocka_unit_test_setup(rss__flows__spread_and_both_directions_meet, start),
        cmocka_unit_test_setup(rss__verification_suite__queues_are_those_of_the_hashes, start),
        cmocka_unit_test_setup(start__frames_come_meanwhile__none_is_given_to_a_queue_that_is_off,
                               start),
        cmocka_unit_test_setup(rss__x550__no_frame_is_given_to_a_queue_that_is_off, start),
        cmocka_unit_test_setup(rss__no_hash__goes_to_queue_0, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
