/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port, for tests: a configured netif, a frame's buffer, and `input`, which passes
 * one frame to the stack and checks what must hold for every frame.
 */
#ifndef TESTS_UNIT_NETIF_HOST_H
#define TESTS_UNIT_NETIF_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "net/stack/eth.h"
#include "net/stack/icmp.h"
#include "net/stack/netif.h"
#include "tests/unit/frames.h"

#define SECOND 1000000000ull

static struct netif nif;
static uint8_t *frame;           /* ETH_BUFFER bytes on the heap: ASan catches an overrun */
static uint8_t sent[ETH_BUFFER]; /* the frame as it went in */

static inline const char *configure(uint32_t ip, unsigned prefix, uint32_t gateway)
{
    return netif_configure(&nif, (const uint8_t *)US_MAC, ip, prefix, (uint32_t[2]){gateway});
}

/* Frames that the stack sent by itself (errors, fragments) while it handled the last input. */
#define OUT_MAX 64
static uint8_t out[OUT_MAX][ETH_BUFFER];
static uint32_t out_bytes[OUT_MAX], out_n;

static inline void collect(void *context, const uint8_t *bytes, uint32_t n)
{
    (void)context;
    assert_true(out_n < OUT_MAX && n <= ETH_MAX + VLAN_BYTES);
    memcpy(out[out_n], bytes, n);
    out_bytes[out_n++] = n;
}

/* Poll the stack through its probes and announcements, until time `t`. */
static inline void settle(uint64_t t)
{
    for (uint64_t at = t - 10 * SECOND; at <= t; at += SECOND / 2)
        while (netif_poll(&nif, at, frame) != 0)
            ;
}

static inline int start(void **state)
{
    (void)state;
    memset(&nif, 0, sizeof(nif));
    frame = malloc(ETH_BUFFER);
    memset(frame, 0, ETH_BUFFER);
    assert_null(configure(US_IP, 24, IP(192, 0, 2, 254)));
    nif.send = collect;
    settle(100 * SECOND);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    free(frame);
    return 0;
}

static inline uint64_t drops_of(const struct netif *n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < DROP_COUNT; i++)
        sum += n->drops[i];
    return sum;
}

/* What became of the frame that was input since `before`, by the counters. More than one counter may
 * have grown: a fragment completes or expires others. */
static inline bool is_fate_since(const struct netif *before, uint32_t fate)
{
    if (fate == FATE_SENT)
        return nif.answered == before->answered + 1;
    if (fate == FATE_CONSUMED)
        return nif.consumed > before->consumed;
    if (fate >= FATE_DROPPED)
        return nif.drops[fate - FATE_DROPPED] > before->drops[fate - FATE_DROPPED];
    return fate == FATE_KEPT && nif.answered == before->answered &&
           nif.consumed == before->consumed;
}

/* Input the frame twice, with different bytes after its end; both results must be the same. */
static inline uint32_t input(size_t n)
{
    struct netif before = nif;
    memcpy(sent, frame, n);
    memset(frame + n, 0xA5, ETH_BUFFER - n);
    out_n = 0;
    struct outcome outcome = netif_input(&nif, frame, (uint32_t)n);
    uint32_t first = outcome.length;
    assert_true(is_fate_since(&before, outcome.fate));
    assert_true((outcome.fate == FATE_SENT) == (first != 0));
    static uint8_t out_before[ETH_BUFFER];
    uint32_t out_before_n = out_n, out_before_bytes = out_bytes[0];
    memcpy(out_before, out[0], out_n > 0 ? out_bytes[0] : 0);
    out_n = 0;
    struct netif after = nif;
    uint8_t answer[ETH_BUFFER];
    memcpy(answer, frame, first);

    nif = before;
    memcpy(frame, sent, n);
    memset(frame + n, 0x5A, ETH_BUFFER - n);
    assert_int_equal(netif_input(&nif, frame, (uint32_t)n).length, first);
    assert_memory_equal(frame, answer, first);
    assert_memory_equal(&nif, &after, sizeof(nif));
    assert_int_equal(out_n, out_before_n);
    assert_true(out_n <= 1 && !(out_n == 1 && first != 0));
    if (out_n == 1) { /* an error about it */
        assert_int_equal(out_bytes[0], out_before_bytes);
        assert_memory_equal(out[0], out_before, out_bytes[0]);
        const char *fault = fault_of(out[0], out_bytes[0]);
        if (fault != NULL)
            fail_msg("error has a wrong %s", fault);
    }

    assert_int_equal((nif.answered - before.answered) + (nif.consumed - before.consumed) +
                         (drops_of(&nif) - drops_of(&before)),
                     1);
    assert_int_equal(nif.answered - before.answered, first != 0);
    if (first != 0) {
        assert_true(first <= MAX(n, ETH_MAX));
        const char *fault = fault_of(frame, first);
        if (fault != NULL)
            fail_msg("answer has a wrong %s", fault);
    }
    return first;
}

static inline void dropped(size_t n, enum drop why)
{
    uint64_t before = nif.drops[why];
    assert_int_equal(input(n), 0);
    assert_int_equal(nif.drops[why], before + 1);
}

static inline void consumed(size_t n)
{
    uint64_t before = nif.consumed;
    assert_int_equal(input(n), 0);
    assert_int_equal(nif.consumed, before + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#endif
