/* SPDX-License-Identifier: BSD-2-Clause
 * How the driver leaves a card. Covers:
 *  - quiet: interrupts masked, queues off, then receive off, no memory access, DRV_LOAD cleared;
 *    bounded on a card whose requests never end, and on one that is gone;
 *  - a probe or a reset that fails leaves the card so too;
 *  - cut off: bus mastering alone, and no register is touched; a card that is being probed too;
 *  - a port out of service has no link, or a line says why it has one; a reset brings it back.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c kernel/lib/fmt.c
 * tests/host/machine.c $(MODEL) */
#include "kernel/leaving.h"
#include "tests/unit/driver/card_host.h"

#define MS 1000000ull

static uint32_t reg(unsigned card, uint32_t offset)
{
    return (uint32_t)x540_read(machine_cards[card].model, offset, 4);
}

/* Everything on: queues of both ways, receive, interrupts. */
static void run_port(unsigned i)
{
    struct dma_buf ring, head;
    mmio_t tail;
    struct port *port = &ports[i];

    port->domain = machine_cards[i].domain;
    port->ops->set_promiscuous(port, true);
    for (unsigned q = 0; q < 2; q++) {
        assert_int_equal(dma_alloc(4096, 4096, &ring), OK);
        assert_int_equal(dma_alloc(4096, 4096, &head), OK);
        assert_int_equal(dma_grant(port->domain, &ring, DMA_READ_WRITE), OK);
        assert_int_equal(dma_grant(port->domain, &head, DMA_WRITE), OK);
        assert_int_equal(port->ops->rx_start(port, q, ring.iova, 64, &tail), OK);
        assert_int_equal(port->ops->tx_start(port, q, ring.iova, 64, head.iova, &tail), OK);
    }
    assert_int_equal(port->ops->irq_set(port, 0, 0xFEE00000, 0x40), OK);
    port->ops->irq_arm(port, 0);
    assert_true(reg(i, RXCTRL) & RXCTRL_RXEN);
    assert_true(reg(i, EIMS) != 0);
    assert_true(reg(i, CTRL_EXT) & CTRL_EXT_DRV_LOAD);
}

static void assert_quiet(unsigned i)
{
    assert_int_equal(reg(i, RXCTRL) & RXCTRL_RXEN, 0);
    assert_int_equal(reg(i, EIMS), 0);
    for (unsigned q = 0; q < 128; q++) {
        assert_int_equal(reg(i, RXDCTL(q)) & RXDCTL_ENABLE, 0);
        assert_int_equal(reg(i, TXDCTL(q)) & TXDCTL_ENABLE, 0);
    }
    assert_int_equal(reg(i, CTRL_EXT) & CTRL_EXT_DRV_LOAD, 0);
    assert_false(machine_cards[i].command & PCI_COMMAND_MASTER);
}

static void quiet__running_ports__are_all_off(void **state)
{
    (void)state;
    machine_add_card(NULL);
    machine_add_card(NULL);
    drivers_start(NULL);
    for (unsigned i = 0; i < 2; i++)
        run_port(i);
    uint64_t start_ns = machine_now_ns();
    drivers_quiet();
    assert_true(machine_now_ns() - start_ns < 10 * MS);
    for (unsigned i = 0; i < 2; i++) {
        assert_quiet(i);
        assert_int_equal(reg(i, STATUS) & STATUS_GIO, 0);
        assert_null(x540_complaint(machine_cards[i].model, 0)); /* no advice ignored either */
    }
}

static unsigned on_at_rxen; /* receive queues that were on as RXEN went from 1 to 0 */

static void count_queues_at_rxen(unsigned card, uint32_t offset, uint32_t value)
{
    if (offset != RXCTRL || (value & RXCTRL_RXEN) || !(reg(card, RXCTRL) & RXCTRL_RXEN))
        return;
    on_at_rxen = 0;
    for (unsigned q = 0; q < 128; q++)
        on_at_rxen += (reg(card, RXDCTL(q)) & RXDCTL_ENABLE) != 0;
}

/* X550 4.6.7.1.1 */
static void quiet__receive_path__stops_after_its_queues(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    run_port(0);
    on_at_rxen = 99;
    machine_on_write = count_queues_at_rxen;
    drivers_quiet();
    assert_int_equal(on_at_rxen, 0);
}

static bool is_drained_at_rxen;

static void look_at_rxen(unsigned card, uint32_t offset, uint32_t value)
{
    if (offset == RXCTRL && !(value & RXCTRL_RXEN))
        is_drained_at_rxen = reg(card, SECRXSTAT) & SECRXSTAT_RDY;
}

/* X550 8.2.2.24.5-6 */
static void link_off__receive_path__is_drained_before_it_stops(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    run_port(0);
    is_drained_at_rxen = false;
    machine_on_write = look_at_rxen;
    ports[0].ops->link_off(&ports[0]);
    assert_true(is_drained_at_rxen);
}

static void quiet__requests_never_end__is_bounded_and_logged(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    run_port(0);
    x540_set_evil(machine_cards[0].model, X540_EVIL_MASTER_STUCK, 1);
    uint64_t start_ns = machine_now_ns();
    drivers_quiet();
    assert_true(machine_now_ns() - start_ns < 200 * MS);
    assert_non_null(machine_log_has("memory requests may still be pending"));
    assert_quiet(0);
}

static void quiet__card_is_gone__is_left_at_once(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    run_port(0);
    x540_set_evil(machine_cards[0].model, X540_EVIL_ALL_ONES, 1);
    uint64_t start_ns = machine_now_ns();
    drivers_quiet();
    assert_true(machine_now_ns() - start_ns < MS);
    assert_false(machine_cards[0].command & PCI_COMMAND_MASTER);
}

static bool was_master, is_master;

static void panic_in_probe(unsigned card, uint32_t offset, uint32_t value)
{
    (void)offset, (void)value;
    if (card != 1 || was_master || !(machine_cards[1].command & PCI_COMMAND_MASTER))
        return;
    was_master = true;
    drivers_cut_off();
    is_master = (machine_cards[0].command | machine_cards[1].command) & PCI_COMMAND_MASTER;
}

/* A card that is not a port yet may master the bus already. */
static void cut_off__during_a_probe__includes_its_card(void **state)
{
    (void)state;
    machine_add_card(NULL);
    machine_add_card(NULL);
    was_master = is_master = false;
    machine_on_write = panic_in_probe;
    drivers_start(NULL);
    assert_true(was_master);
    assert_false(is_master);
}

static void probe__fails__leaves_the_card_quiet(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_NVM_CHECKSUM, 1, "NVM checksum");
    assert_quiet(0);
}

static void reset__fails__leaves_the_card_silent(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    run_port(0);
    x540_set_evil(machine_cards[0].model, X540_EVIL_BAD_MAC, 1);
    assert_int_equal(ports[0].ops->reset(&ports[0]), ERR_BAD_VALUE);
    assert_int_equal(reg(0, CTRL_EXT) & CTRL_EXT_DRV_LOAD, 0);
    assert_int_equal(reg(0, STATUS) & STATUS_GIO, 0);
    x540_set_evil(machine_cards[0].model, X540_EVIL_BAD_MAC, 0);
    assert_int_equal(ports[0].ops->reset(&ports[0]), OK); /* and it can come back */
    assert_true(reg(0, CTRL_EXT) & CTRL_EXT_DRV_LOAD);
    assert_true(reg(0, STATUS) & STATUS_GIO);
}

static void cut_off__running_ports__have_no_access_to_memory(void **state)
{
    (void)state;
    machine_add_card(NULL);
    machine_add_card(NULL);
    drivers_start(NULL);
    for (unsigned i = 0; i < 2; i++)
        run_port(i);
    uint64_t start_ns = machine_now_ns();
    drivers_cut_off();
    assert_int_equal(machine_now_ns(), start_ns); /* each register access takes its time */
    for (unsigned i = 0; i < 2; i++)
        assert_false(machine_cards[i].command & PCI_COMMAND_MASTER);
}

static void link_off__port_runs__drops_the_link_until_a_reset(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    run_port(0);
    wait_for_link(&ports[0], true);
    for (unsigned q = 0; q < 2; q++)
        assert_int_equal(ports[0].ops->rx_stop(&ports[0], q), OK);
    ports[0].ops->link_off(&ports[0]);
    assert_false(x540_link_is_up(machine_cards[0].model));
    assert_int_equal(reg(0, RXCTRL) & RXCTRL_RXEN, 0);
    wait_for_link(&ports[0], false);
    assert_int_equal(ports[0].ops->reset(&ports[0]), OK);
    wait_for_link(&ports[0], true);
    assert_int_equal(machine_complaints(), 0);
}

static void link_off__veto__stays_up_with_a_line(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    wait_for_link(&ports[0], true);
    x540_set_evil(machine_cards[0].model, X540_EVIL_VETO, 1);
    ports[0].ops->link_off(&ports[0]);
    assert_true(x540_link_is_up(machine_cards[0].model));
    assert_non_null(machine_log_has("port0: link stays up: its management controller forbids"));
    assert_false(machine_complains(0, "link-dropped-under-veto"));
}

static void link_off__no_phy_behind_mdio__stays_up_with_a_line(void **state)
{
    (void)state;
    const struct x540_config config = {.kind = X540_82599, .mac = {2}, .link_at_start = true};

    machine_add_card(&config);
    drivers_start(NULL);
    wait_for_link(&ports[0], true);
    ports[0].ops->link_off(&ports[0]);
    assert_non_null(machine_log_has("port0: link stays up: its PHY cannot be reached by MDIO"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(quiet__running_ports__are_all_off, reset),
        cmocka_unit_test_setup(quiet__receive_path__stops_after_its_queues, reset),
        cmocka_unit_test_setup(link_off__receive_path__is_drained_before_it_stops, reset),
        cmocka_unit_test_setup(quiet__requests_never_end__is_bounded_and_logged, reset),
        cmocka_unit_test_setup(quiet__card_is_gone__is_left_at_once, reset),
        cmocka_unit_test_setup(cut_off__during_a_probe__includes_its_card, reset),
        cmocka_unit_test_setup(probe__fails__leaves_the_card_quiet, reset),
        cmocka_unit_test_setup(reset__fails__leaves_the_card_silent, reset),
        cmocka_unit_test_setup(cut_off__running_ports__have_no_access_to_memory, reset),
        cmocka_unit_test_setup(link_off__port_runs__drops_the_link_until_a_reset, reset),
        cmocka_unit_test_setup(link_off__veto__stays_up_with_a_line, reset),
        cmocka_unit_test_setup(link_off__no_phy_behind_mdio__stays_up_with_a_line, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
