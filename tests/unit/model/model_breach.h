/* SPDX-License-Identifier: BSD-2-Clause
 * A breach is one way of breaking one of the model's rules. They stand in two tables: those of
 * queues and the data path in model_breaches.c, the others in test_model_rules.c, which commits
 * them all.
 */
#ifndef TESTS_UNIT_MODEL_BREACH_H
#define TESTS_UNIT_MODEL_BREACH_H

#include "tests/unit/model/model_bench.h"

struct breach {
    const char *rule, *how;
    void (*commit)(struct bench *b);
    bool from_power_on; /* it does reset and init by itself; others begin after these */
};

extern const struct breach queue_breaches[];
extern const uint32_t queue_breach_count;

/* After reset and init; no queues, receive closed. */
static inline struct bench *ready(void)
{
    struct bench *b = bench_new(NULL);

    reset_card(b);
    init_card(b);
    return b;
}

static inline void one_frame(struct bench *b)
{
    uint8_t frame[100];

    x540_frame_in(b->card, frame, make_frame(frame, 100, 1));
}

/* Opens receive with one good queue and lets one frame in: that is when set-up is looked at. */
static inline void receive(struct bench *b)
{
    rx_ring(b, 0, 64, LEGACY);
    open_receive(b);
    link_up(b);
    one_frame(b);
}

/* A ring's registers, good but for what the test then changes. */
static inline struct ring rx_prepared(struct bench *b)
{
    struct ring r = {.size = 64, .base = bench_alloc(b, 4096)};

    rx_ring_registers(b, &r, LEGACY);
    return r;
}
static inline struct ring tx_prepared(struct bench *b, bool head)
{
    struct ring r = {.size = 64, .base = bench_alloc(b, 4096), .head_at = bench_alloc(b, 64)};

    tx_ring_registers(b, &r, head);
    return r;
}
static inline void rx_on(struct bench *b)
{
    set(b, RXDCTL(0), RXDCTL_ENABLE);
}
static inline void tx_on(struct bench *b)
{
    set(b, TXDCTL(0), TXDCTL_ENABLE);
}

#endif
