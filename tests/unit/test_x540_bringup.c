/* SPDX-License-Identifier: BSD-2-Clause
 * The driver's bring-up against the model, whole and in process. Covers:
 *  - every kind of card comes up, with the address that its NVM holds and no rule broken;
 *  - link by cable: up, down, up again, with the speed;
 *  - each way a card can fail to come up costs one line that names the register, and no hang;
 *  - what a dead driver left behind (semaphores, running queues) does not stop us;
 *  - a card that vanishes is noticed and its counters do not jump.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c kernel/lib/fmt.c tests/host/machine.c $(MODEL) */
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

static int reset(void **state)
{
    (void)state;
    machine_reset();
    ports_n = 0;
    return 0;
}

static void wait_for_link(struct port *port, bool up)
{
    uint64_t end_ns = machine_now_ns() + 1000000000;

    while (port->link_is_up != up && machine_now_ns() < end_ns) {
        machine_wait_ns(1000000);
        port->ops->poll_link(port);
    }
    assert_int_equal(port->link_is_up, up);
}

static void bring_up(enum x540_kind kind)
{
    const struct x540_config config = {
        .kind = kind,
        .mac = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55},
        .link_at_start = true,
    };

    machine_add_card(&config);
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_memory_equal(ports[0].mac, config.mac, 6);
    assert_false(ports[0].is_gone);
    wait_for_link(&ports[0], true);
    assert_int_equal(ports[0].speed_mbps, 10000);
    assert_int_equal(machine_complaints(), 0);
}

static void probe__x540_at2__comes_up(void **state)
{
    (void)state;
    bring_up(X540_AT2);
    assert_string_equal(ports[0].model, "X540-AT2");
}

static void probe__x540_at1__comes_up(void **state)
{
    (void)state;
    bring_up(X540_AT1);
    assert_string_equal(ports[0].model, "X540-AT1");
}

static void probe__82599__comes_up(void **state)
{
    (void)state;
    bring_up(X540_82599);
}

static void probe__x550__comes_up(void **state)
{
    (void)state;
    bring_up(X540_X550);
}

static void probe__two_ports__both_come_up(void **state)
{
    (void)state;
    machine_add_card(NULL);
    machine_add_card(NULL);
    drivers_start(NULL);
    assert_int_equal(ports_n, 2);
    wait_for_link(&ports[0], true);
    wait_for_link(&ports[1], true);
    assert_memory_not_equal(ports[0].mac, ports[1].mac, 6);
    assert_int_equal(machine_complaints(), 0);
}

static void probe__no_card__says_so(void **state)
{
    (void)state;
    drivers_start(NULL);
    assert_int_equal(ports_n, 0);
    assert_non_null(machine_log_has("no port"));
}

static void probe__card_after_a_reset_by_us__comes_up_again(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(ports[0].ops->reset(&ports[0]), OK);
        wait_for_link(&ports[0], true);
    }
    assert_int_equal(ports[0].resets, 10);
    assert_int_equal(machine_complaints(), 0);
}

/* A driver died with the semaphores, the PHY lock and a queue in its hands. */
static void probe__left_by_a_dead_driver__comes_up(void **state)
{
    (void)state;
    unsigned i = machine_add_card(NULL);
    struct x540 *model = machine_cards[i].model;
    (void)x540_read(model, SWSM, 4);
    (void)x540_read(model, SW_FW_SYNC, 4);
    x540_write(model, SW_FW_SYNC,
               SW_FW_SYNC_REGSMP | SW_FW_SYNC_EEP | SW_FW_SYNC_PHY0 | SW_FW_SYNC_PHY0 << 1, 4);
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    wait_for_link(&ports[0], true);
}

static void link__cable_out_and_in__is_followed(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    wait_for_link(&ports[0], true);
    x540_set_cable(machine_cards[0].model, false);
    wait_for_link(&ports[0], false);
    assert_int_equal(ports[0].speed_mbps, 0);
    x540_set_cable(machine_cards[0].model, true);
    wait_for_link(&ports[0], true);
    assert_int_equal(ports[0].link_changes, 3);
    assert_non_null(machine_log_has("port0: link down"));
    assert_int_equal(machine_complaints(), 0);
}

/* One row for each promise that the card may break at bring-up: what the log must then say. */
static void probe_of_kind_fails(enum x540_kind kind, enum x540_evil evil, uint64_t arg,
                                const char *line)
{
    const struct x540_config config = {.kind = kind, .mac = {2}, .link_at_start = true};
    unsigned i = machine_add_card(&config);
    x540_set_evil(machine_cards[i].model, evil, arg);
    uint64_t start_ns = machine_now_ns();
    drivers_start(NULL);
    assert_int_equal(ports_n, 0);
    assert_non_null(machine_log_has(line));
    assert_non_null(machine_log_has("card not used"));
    assert_false(machine_cards[i].command & PCI_COMMAND_MASTER);
    assert_true(machine_now_ns() - start_ns < 10000000000ull);
}

static void probe_fails(enum x540_evil evil, uint64_t arg, const char *line)
{
    probe_of_kind_fails(X540_AT2, evil, arg, line);
}

static void probe__registers_all_ones__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_ALL_ONES, 1, "STATUS reads 0xffffffff");
}

static void probe__semaphore_stuck__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_SEMAPHORE_STUCK, 1, "SWSM.SMBI still taken after 100 ms, reads 0x");
}

static void probe__second_half_of_the_semaphore_stuck__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_SEMAPHORE_STUCK, 2,
                "SW_FW_SYNC.REGSMP still taken after 100 ms, reads 0x80000000");
}

static void probe__semaphore_of_an_82599_stuck__says_so(void **state)
{
    (void)state;
    probe_of_kind_fails(X540_82599, X540_EVIL_SEMAPHORE_STUCK, 2,
                        "SWSM.SWESMBI still taken after 100 ms, reads 0x00000001");
}

/* As of another driver's that never gives it back. */
static void probe__phy_lock_stuck__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_SEMAPHORE_STUCK, 3,
                "SW_FW_SYNC 0x00000002 wanted, 0x00000002 still held after 1000 ms; cleared");
}

static void probe__reset_stuck__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_RESET_STUCK, 1, "CTRL.RST");
}

static void probe__auto_read_stuck__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_EEC_STUCK, 1, "EEC.ARD");
}

static void probe__dma_never_idle__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_DMAIDONE_STUCK, 1, "RDRXCTL.DMAIDONE");
}

static void probe__mdio_stuck__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_MDIO_STUCK, 1, "MSCA.MDI_COMMAND");
}

static void probe__nvm_read_stuck__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_EERD_STUCK, 1, "EERD.DONE");
}

static void probe__nvm_checksum_wrong__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_NVM_CHECKSUM, 1, "NVM checksum");
}

static void probe__no_mac_address__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_BAD_MAC, 1, "no usable address");
}

/* Requests that never complete: two resets and a flush, and the card is back. */
static void probe__master_stuck__resets_twice_and_comes_up(void **state)
{
    (void)state;
    unsigned i = machine_add_card(NULL);
    x540_set_evil(machine_cards[i].model, X540_EVIL_MASTER_STUCK, 1);
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_non_null(machine_log_has("STATUS.GIO"));
    assert_non_null(machine_log_has("still pending"));
}

static void poll_link__card_vanishes__is_noticed_once(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    wait_for_link(&ports[0], true);
    struct port_counters before = ports[0].count;
    x540_set_evil(machine_cards[0].model, X540_EVIL_ALL_ONES, 1);
    ports[0].ops->poll_link(&ports[0]);
    ports[0].ops->poll_counters(&ports[0]);
    assert_true(ports[0].is_gone);
    assert_false(ports[0].link_is_up);
    assert_memory_equal(&before, &ports[0].count, sizeof(before));
    unsigned lines = machine_log_lines();
    ports[0].ops->poll_link(&ports[0]);
    assert_int_equal(machine_log_lines(), lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(probe__x540_at2__comes_up, reset),
        cmocka_unit_test_setup(probe__x540_at1__comes_up, reset),
        cmocka_unit_test_setup(probe__82599__comes_up, reset),
        cmocka_unit_test_setup(probe__x550__comes_up, reset),
        cmocka_unit_test_setup(probe__two_ports__both_come_up, reset),
        cmocka_unit_test_setup(probe__no_card__says_so, reset),
        cmocka_unit_test_setup(probe__card_after_a_reset_by_us__comes_up_again, reset),
        cmocka_unit_test_setup(probe__left_by_a_dead_driver__comes_up, reset),
        cmocka_unit_test_setup(link__cable_out_and_in__is_followed, reset),
        cmocka_unit_test_setup(probe__registers_all_ones__says_so, reset),
        cmocka_unit_test_setup(probe__semaphore_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__second_half_of_the_semaphore_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__semaphore_of_an_82599_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__phy_lock_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__reset_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__auto_read_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__dma_never_idle__says_so, reset),
        cmocka_unit_test_setup(probe__mdio_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__nvm_read_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__nvm_checksum_wrong__says_so, reset),
        cmocka_unit_test_setup(probe__no_mac_address__says_so, reset),
        cmocka_unit_test_setup(probe__master_stuck__resets_twice_and_comes_up, reset),
        cmocka_unit_test_setup(poll_link__card_vanishes__is_noticed_once, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
