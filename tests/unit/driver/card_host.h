/* SPDX-License-Identifier: BSD-2-Clause
 * One model card and the driver's bring-up of it, for tests of both.
 */
#ifndef TESTS_UNIT_CARD_HOST_H
#define TESTS_UNIT_CARD_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic.h"
#include "drivers/x540/regs.h"
#include "kernel/start.h"
#include "tests/host/machine.h"

static inline int reset(void **state)
{
    (void)state;
    machine_reset();
    memset(ports, 0, sizeof(ports));
    ports_n = 0;
    return 0;
}

/* As core 0 does, ten times a second. */
static inline void poll_link(struct port *port)
{
    port->ops->poll_link(port);
    if (port->needs_tending)
        port->ops->tend(port);
}

static inline void wait_for_link(struct port *port, bool up)
{
    uint64_t end_ns = machine_now_ns() + 1000000000;

    while (port->link_is_up != up && machine_now_ns() < end_ns) {
        machine_wait_ns(1000000);
        poll_link(port);
    }
    assert_int_equal(port->link_is_up, up);
}

/* Add a card that breaks one promise, and start the driver. Returns how long that took. */
static inline uint64_t probe_evil(enum x540_kind kind, enum x540_evil evil, uint64_t arg)
{
    const struct x540_config config = {.kind = kind, .mac = {2}, .link_at_start = true};
    unsigned i = machine_add_card(&config);
    x540_set_evil(machine_cards[i].model, evil, arg);
    uint64_t start_ns = machine_now_ns();
    drivers_start(NULL);
    assert_true(machine_now_ns() - start_ns < 10000000000ull);
    return machine_now_ns() - start_ns;
}

/* It comes up all the same, with this line. */
static inline uint64_t probe_of_kind_warns(enum x540_kind kind, enum x540_evil evil, uint64_t arg,
                                           const char *line)
{
    uint64_t took_ns = probe_evil(kind, evil, arg);

    assert_int_equal(ports_n, 1);
    assert_non_null(machine_log_has(line));
    wait_for_link(&ports[0], true);
    return took_ns;
}

static inline uint64_t probe_warns(enum x540_evil evil, uint64_t arg, const char *line)
{
    return probe_of_kind_warns(X540_AT2, evil, arg, line);
}

/* Refused with this line, and with one that names the boot key; with that key it comes up. */
static inline void probe_is_refused_unless_forced(enum x540_kind kind, enum x540_evil evil,
                                                  uint64_t arg, const char *line)
{
    (void)probe_evil(kind, evil, arg);
    assert_non_null(ports[0].no_card); /* it keeps its place */
    assert_non_null(machine_log_has(line));
    assert_non_null(
        machine_log_has("x540 p0: boot with port0.force=on to use the card all the same"));
    assert_false(machine_cards[0].command & PCI_COMMAND_MASTER);
    reset(NULL);
    x540_set_evil(machine_cards[machine_add_card(&(struct x540_config){
                                    .kind = kind, .mac = {2}, .link_at_start = true})]
                      .model,
                  evil, arg);
    machine_forced = 1;
    drivers_start(NULL);
    machine_forced = 0;
    assert_int_equal(ports_n, 1);
    assert_non_null(machine_log_has(line));
    assert_non_null(machine_log_has("x540 p0: port0.force=on: the card is used all the same"));
    wait_for_link(&ports[0], true);
}

static inline void probe_of_kind_fails(enum x540_kind kind, enum x540_evil evil, uint64_t arg,
                                       const char *line)
{
    (void)probe_evil(kind, evil, arg);
    assert_int_equal(ports_n, 1); /* the place, without a card */
    assert_string_equal(ports[0].no_card, "failed");
    assert_non_null(machine_log_has(line));
    assert_non_null(machine_log_has("card not used"));
    assert_false(machine_cards[0].command & PCI_COMMAND_MASTER);
}

static inline void probe_fails(enum x540_evil evil, uint64_t arg, const char *line)
{
    probe_of_kind_fails(X540_AT2, evil, arg, line);
}

#endif
