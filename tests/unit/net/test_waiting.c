/* SPDX-License-Identifier: BSD-2-Clause
 * net/route/waiting.c, compared with a plain list after each of many random steps: a frame is found by
 * its neighbour and port; a second one takes the place of the first; without a free place the oldest
 * gives way. With 1 place, with few and with thousands.
 *
 * links: net/route/waiting.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/nic.h"
#include "net/route/waiting.h"

enum { MOST = 4096 };

static struct port out[2] = {{.index = 0}, {.index = 1}}, in[2];

/* The list: oldest first. */
static struct {
    uint32_t next;
    unsigned out;
    uint64_t since_ns;
} list[MOST];
static unsigned listed;

static unsigned find(unsigned port, uint32_t next)
{
    unsigned i = 0;

    while (i < listed && (list[i].next != next || list[i].out != port))
        i++;
    return i;
}

static void take_out(unsigned i)
{
    listed--;
    memmove(&list[i], &list[i + 1], (listed - i) * sizeof(list[0]));
}

static void is_as_listed(const struct waiting_frames *all, unsigned port, uint32_t next)
{
    struct waiting *w = waiting_find(all, &out[port], next);
    unsigned i = find(port, next);

    assert_int_equal(waiting_n(all), listed);
    assert_int_equal(w != NULL, i < listed);
    if (w) {
        assert_int_equal(w->since_ns, list[i].since_ns);
        assert_int_equal(*(uint64_t *)(void *)w->frame, list[i].since_ns);
    }
}

static void add(struct waiting_frames *all, unsigned port, uint32_t next, uint64_t now_ns)
{
    struct port *lost;
    unsigned i = find(port, next);
    bool is_full = listed == all->max;

    struct waiting *w = waiting_add(all, &out[port], next, &lost);
    assert_ptr_equal(lost, i < listed ? &in[list[i].since_ns % 2]
                           : is_full  ? &in[list[0].since_ns % 2]
                                      : NULL);
    w->since_ns = now_ns;
    w->length = 60;
    w->in = &in[now_ns % 2];
    memcpy(w->frame, &now_ns, 8);
    if (i < listed || is_full)
        take_out(i < listed ? i : 0);
    list[listed].next = next;
    list[listed].out = port;
    list[listed++].since_ns = now_ns;
}

/* `addresses` neighbours, `n` places; each step adds a frame, or with a probability of removing/8 takes
 * one out. */
static void run(uint32_t n, uint32_t addresses, unsigned removing, unsigned steps)
{
    void *memory = calloc(1, waiting_bytes(n));
    uint8_t *frames = malloc(waiting_frame_bytes(n));
    struct waiting_frames all;

    srand(n);
    listed = 0;
    waiting_init(&all, memory, frames, n, 0x9E3779B1u);
    for (unsigned i = 0; i < steps; i++) {
        unsigned port = (unsigned)rand() % 2;
        uint32_t next = 0x0A000000 + (uint32_t)rand() % addresses;
        struct waiting *w = waiting_find(&all, &out[port], next);
        if ((unsigned)rand() % 8 >= removing) {
            add(&all, port, next, i + 1);
        } else if (w) {
            waiting_remove(&all, w);
            take_out(find(port, next));
        }
        is_as_listed(&all, port, next);
        is_as_listed(&all, !port, 0x0A000000 + (uint32_t)rand() % addresses);
    }
    while (listed > 0) {
        struct waiting *w = waiting_find(&all, &out[list[0].out], list[0].next);
        assert_non_null(w);
        waiting_remove(&all, w);
        take_out(0);
    }
    assert_int_equal(waiting_n(&all), 0);
    assert_int_equal(all.used, 0);
    free(memory);
    free(frames);
}

static void waiting__one_place__is_as_a_list(void **state)
{
    (void)state;
    run(1, 3, 3, 10000);
}

static void waiting__few_places__are_as_a_list(void **state)
{
    (void)state;
    for (uint32_t n = 2; n < 40; n++) {
        run(n, n, 3, 2000);
        run(n, 4 * n, 1, 2000);
        run(n, 2 * n, 4, 2000);
    }
}

static void waiting__thousands_of_places__are_as_a_list(void **state)
{
    (void)state;
    run(MOST, 10000, 1, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting__one_place__is_as_a_list),
        cmocka_unit_test(waiting__few_places__are_as_a_list),
        cmocka_unit_test(waiting__thousands_of_places__are_as_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
