/* SPDX-License-Identifier: BSD-2-Clause
 * A core's loop over the driver on model cards, for tests of lanes and of whole applications.
 */
#ifndef TESTS_UNIT_LOOP_HOST_H
#define TESTS_UNIT_LOOP_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/nic.h"
#include "kernel/start.h"
#include "net/lane/control.h"
#include "net/run.h"
#include "tests/host/machine.h"

/* What the image's linker script supplies. */
const struct app apps_start[1], apps_end[1];

/* Start n model cards with the driver on each, after clearing what an earlier test left. */
static inline void start_ports(unsigned n)
{
    machine_reset();
    memset(ports, 0, sizeof(ports));
    memset(lanes, 0, sizeof(lanes));
    memset(lanes_sides, 0, sizeof(lanes_sides));
    memset(lanes_feeds, 0, sizeof(lanes_feeds));
    ports_n = 0;
    lanes_n = lanes_control_n = 0;
    for (unsigned i = 0; i < n; i++)
        machine_add_card(NULL);
    drivers_start(NULL);
    assert_int_equal(ports_n, n);
    for (unsigned i = 0; i < n; i++)
        ports[i].domain = machine_cards[i].domain;
}

/* Run one slow round of core 0 and poll its control lanes, which does all pending work. Returns how
 * many frames it handled. */
static inline uint32_t poll_once(void)
{
    struct core_lanes *own = run_core_lanes(0);

    own->rounds_to_slow = 1;
    return control_poll() + run_round(own);
}

#endif
