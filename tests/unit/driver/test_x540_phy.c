/* SPDX-License-Identifier: BSD-2-Clause
 * Firmware, PHY and link as the driver finds them on the model. Covers:
 *  - a firmware that never says that it has configured the PHY is waited for once;
 *  - a PHY that answers late is waited for; one that never does, or stops, leaves a port that
 *    works;
 *  - each port looks for its PHY at its own address first, and waits for a cycle under way;
 *  - what an earlier driver left in the PHY (asleep, pause advertised) is put right, and nothing is
 *    touched while a management controller forbids it;
 *  - each error code of the firmware is refused or warned of, as the datasheet means it;
 *  - ENABLE that follows slowly is waited for, and one that does not is named;
 *  - a link that was down between two looks is counted.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c kernel/lib/fmt.c
 * tests/host/machine.c $(MODEL) */
#include "tests/unit/driver/card_host.h"

#define MS    1000000ull
#define NEVER UINT64_MAX

static void cfg_done__never_set__is_waited_for_once(void **state)
{
    (void)state;
    uint64_t took_ns = probe_warns(X540_EVIL_CFG_DONE_NS, NEVER,
                                   "EEMNGCTL.CFG_DONE (0x10110) reads 0x80080000 after 1000 ms");

    assert_true(took_ns >= 1000 * MS);
    uint64_t start_ns = machine_now_ns();
    assert_int_equal(ports[0].ops->reset(&ports[0]), OK);
    assert_true(machine_now_ns() - start_ns < 500 * MS);
    wait_for_link(&ports[0], true);
    assert_int_equal(machine_complaints(), 0);
}

static void cfg_done__after_700_ms__is_waited_for(void **state)
{
    (void)state;
    assert_true(probe_evil(X540_AT2, X540_EVIL_CFG_DONE_NS, 700 * MS) >= 700 * MS);
    assert_int_equal(ports_n, 1);
    assert_null(machine_log_has("CFG_DONE"));
    assert_int_equal(machine_complaints(), 0);
}

static void phy__dumb_for_200_ms__is_found(void **state)
{
    (void)state;
    (void)probe_evil(X540_AT2, X540_EVIL_PHY_DUMB_NS, 200 * MS);
    assert_int_equal(ports_n, 1);
    assert_null(machine_log_has("no PHY"));
    wait_for_link(&ports[0], true);
    assert_int_equal(machine_complaints(), 0);
}

/* As core 0 does, ten times a second. */
static void poll_until_said(const char *line)
{
    for (unsigned n = 0; n < 60 && !machine_log_has(line); n++) {
        machine_wait_ns(100 * MS);
        for (unsigned i = 0; i < ports_n; i++)
            poll_link(&ports[i]);
    }
    assert_non_null(machine_log_has(line));
}

/* The PHY of one port starts after 3 s; nothing waits for it, and it is woken then. */
static void phy__slow_to_appear__holds_up_no_other_port(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        machine_add_card(NULL);
    x540_set_evil(machine_cards[0].model, X540_EVIL_PHY_DUMB_NS, 3000 * MS);
    x540_set_cable(machine_cards[0].model, false);
    drivers_start(NULL);
    assert_int_equal(ports_n, 2);
    assert_true(machine_now_ns() < 1000 * MS);
    wait_for_link(&ports[1], true);
    for (unsigned n = 0; n < 40; n++) {
        machine_wait_ns(100 * MS);
        uint64_t start_ns = machine_now_ns();
        poll_link(&ports[0]);
        assert_true(machine_now_ns() - start_ns < MS); /* of core 0 */
    }
    ports[0].ops->link_off(&ports[0]); /* can reach it now */
    assert_null(machine_log_has("link stays up"));
    assert_null(machine_log_has("no PHY"));
    assert_int_equal(machine_complaints(), 0);
}

static void phy__dumb_for_ever__is_a_warning_and_the_link_is_polled(void **state)
{
    (void)state;
    uint64_t took_ns = probe_evil(X540_AT2, X540_EVIL_PHY_DUMB_NS, NEVER);
    assert_true(took_ns < 1000 * MS);
    poll_until_said("no PHY of id 0x01540200 at MDIO addresses 0..31 after 5000 ms, last id read "
                    "0x00000000");
    assert_in_range(machine_now_ns(), 5000 * MS, 6000 * MS);
    wait_for_link(&ports[0], true);
    x540_set_cable(machine_cards[0].model, false);
    wait_for_link(&ports[0], false);
    assert_int_equal(machine_complaints(), 0);
}

static void phy__mdio_cycle_never_ends__is_a_warning_and_the_link_is_polled(void **state)
{
    (void)state;
    (void)probe_evil(X540_AT2, X540_EVIL_MDIO_STUCK, 1);
    poll_until_said("MSCA.MDI_COMMAND (0x0425c) reads 0x");
    wait_for_link(&ports[0], true);
    assert_int_equal(machine_complaints(), 0);
}

static void go_dumb_once_found(unsigned card, uint32_t offset, uint32_t value)
{
    if (offset == MSCA && FIELD_GET(MSCA_DEV_TYPE, value) != PHY_PMA)
        x540_set_evil(machine_cards[card].model, X540_EVIL_MDIO_STUCK, 1);
}

static void phy__stops_answering_once_found__is_a_warning_and_the_link_is_polled(void **state)
{
    (void)state;
    machine_add_card(NULL);
    machine_on_write = go_dumb_once_found;
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_non_null(machine_log_has("the PHY has stopped answering"));
    wait_for_link(&ports[0], true);
}

static uint32_t first_address[2]; /* of MDIO, by card; 99: no cycle yet */

static void note_address(unsigned card, uint32_t offset, uint32_t value)
{
    if (offset == MSCA && first_address[card] == 99)
        first_address[card] = FIELD_GET(MSCA_PHY_ADDR, value);
}

static void phy__of_each_port__is_looked_for_at_the_ports_own_address(void **state)
{
    (void)state;
    machine_add_card(NULL);
    machine_add_card(NULL);
    first_address[0] = first_address[1] = 99;
    machine_on_write = note_address;
    drivers_start(NULL);
    assert_int_equal(first_address[0], 0);
    assert_int_equal(first_address[1], 1);
}

/* When the driver has taken the PHY lock: an MDIO cycle is still under way. */
static void begin_cycle(unsigned card, uint32_t offset, uint32_t value)
{
    struct x540 *model = machine_cards[card].model;

    if (offset != SWSM || (value & SWSM_SMBI))
        return;
    machine_on_write = NULL;
    x540_write(model, MSCA, FIELD_PUT(MSCA_DEV_TYPE, PHY_AN) | MSCA_MDI_COMMAND, 4);
}

static void phy__cycle_under_way__is_waited_for(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    wait_for_link(&ports[0], true);
    machine_on_write = begin_cycle;
    ports[0].ops->link_off(&ports[0]);
    assert_null(machine_on_write);
    assert_false(x540_link_is_up(machine_cards[0].model));
    assert_int_equal(machine_complaints(), 0);
}

/* One MDIO access by hand, as an earlier driver made it. */
static void mdio(struct x540 *model, uint32_t op, uint32_t mmd, uint32_t number)
{
    x540_write(model, MSCA,
               FIELD_PUT(MSCA_NP_ADDR, number) | FIELD_PUT(MSCA_DEV_TYPE, mmd) |
                   FIELD_PUT(MSCA_OP_CODE, op) | MSCA_MDI_COMMAND,
               4);
    machine_wait_ns(MS);
    assert_false(x540_read(model, MSCA, 4) & MSCA_MDI_COMMAND);
}

static void phy_write(uint32_t mmd, uint32_t number, uint16_t value)
{
    struct x540 *model = machine_cards[0].model;

    mdio(model, MSCA_OP_ADDRESS, mmd, number);
    x540_write(model, MSRWD, value, 4);
    mdio(model, MSCA_OP_WRITE, mmd, number);
}

static uint16_t phy_read(uint32_t mmd, uint32_t number)
{
    struct x540 *model = machine_cards[0].model;

    mdio(model, MSCA_OP_ADDRESS, mmd, number);
    mdio(model, MSCA_OP_READ, mmd, number);
    return (uint16_t)FIELD_GET(MSRWD_READ_DATA, (uint32_t)x540_read(model, MSRWD, 4));
}

static void phy__pause_left_advertised__is_withdrawn(void **state)
{
    (void)state;
    machine_add_card(NULL);
    phy_write(PHY_AN, PHY_AN_ADVERTISE, 0x0D01);
    drivers_start(NULL);
    assert_int_equal(phy_read(PHY_AN, PHY_AN_ADVERTISE), 0x0101);
    wait_for_link(&ports[0], true);
}

/* Another driver offered 1 Gb/s only, and took that back without negotiating anew. */
static void phy__link_left_at_1g__is_negotiated_anew(void **state)
{
    (void)state;
    for (unsigned is_restored = 0; is_restored < 2; is_restored++) {
        reset(NULL);
        machine_add_card(NULL);
        phy_write(PHY_AN, PHY_AN_10GBT_CONTROL, 0);
        phy_write(PHY_AN, PHY_AN_CONTROL, PHY_AN_CONTROL_ENABLE | PHY_AN_CONTROL_RESTART);
        machine_wait_ns(100 * MS);
        assert_true(x540_link_is_up(machine_cards[0].model));
        if (is_restored)
            phy_write(PHY_AN, PHY_AN_10GBT_CONTROL, PHY_AN_10GBT_ADVERTISE);
        drivers_start(NULL);
        wait_for_link(&ports[0], true);
        assert_int_equal(ports[0].speed_mbps, 10000);
    }
}

static void phy__1g_not_advertised__is_offered_again(void **state)
{
    (void)state;
    machine_add_card(NULL);
    phy_write(PHY_AN, PHY_AN_VENDOR, 0);
    drivers_start(NULL);
    assert_int_equal(phy_read(PHY_AN, PHY_AN_VENDOR), PHY_AN_VENDOR_1G);
    wait_for_link(&ports[0], true);
}

/* A good link is left alone: no restart at boot. */
static void phy__link_at_10g__stays_up(void **state)
{
    (void)state;
    machine_add_card(NULL);
    machine_wait_ns(100 * MS);
    drivers_start(NULL);
    assert_true(x540_link_is_up(machine_cards[0].model));
    poll_link(&ports[0]);
    assert_int_equal(ports[0].speed_mbps, 10000);
}

static void laser__left_off__is_switched_on(void **state)
{
    const struct x540_config config = {.kind = X540_82599, .mac = {2}, .link_at_start = true};

    (void)state;
    machine_add_card(&config);
    x540_write(machine_cards[0].model, ESDP, ESDP_SDP3, 4);
    machine_wait_ns(100 * MS);
    assert_false(x540_link_is_up(machine_cards[0].model));
    drivers_start(NULL);
    wait_for_link(&ports[0], true);
    assert_non_null(machine_log_has("ESDP (0x00020) reads 0x00000008: laser was off"));
}

static void phy__left_asleep__wakes(void **state)
{
    (void)state;
    machine_add_card(NULL);
    phy_write(PHY_VENDOR, PHY_VENDOR_CONTROL, PHY_VENDOR_CONTROL_LOW_POWER);
    drivers_start(NULL);
    wait_for_link(&ports[0], true);
}

static void phy__veto__is_left_as_it_is(void **state)
{
    (void)state;
    machine_add_card(NULL);
    phy_write(PHY_AN, PHY_AN_ADVERTISE, 0x0D01);
    machine_wait_ns(100 * MS);
    assert_true(x540_link_is_up(machine_cards[0].model));
    x540_set_evil(machine_cards[0].model, X540_EVIL_VETO, 1);
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_true(x540_link_is_up(machine_cards[0].model));
    assert_non_null(machine_log_has("MMNGC.MNG_VETO is 1"));
    assert_int_equal(phy_read(PHY_AN, PHY_AN_ADVERTISE), 0x0D01);
    assert_false(machine_complains(0, "link-dropped-under-veto"));
}

/* Without a link, the reset of an 82599 includes its MAC, but not while MNG_VETO is 1. */
static void probe__82599_without_a_link_under_veto__mac_is_not_reset(void **state)
{
    (void)state;
    const struct x540_config config = {.kind = X540_82599, .mac = {2}};

    machine_add_card(&config);
    x540_set_cable(machine_cards[0].model, false);
    x540_set_evil(machine_cards[0].model, X540_EVIL_VETO, 1);
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_false(machine_complains(0, "link-dropped-under-veto"));
}

#define FWSM_VALID       0x00008000u
#define ERROR_CODE(code) (FWSM_VALID | FIELD_PUT(FWSM_EXT_ERR_IND, code))

static void firmware__isolated__is_refused(void **state)
{
    (void)state;
    probe_is_refused_unless_forced(
        X540_AT2, X540_EVIL_FWSM, ERROR_CODE(0x03),
        "FWSM (0x10148) reads 0x00188000: isolated by its management controller");
}

static void firmware__in_recovery__is_refused(void **state)
{
    (void)state;
    probe_is_refused_unless_forced(X540_AT2, X540_EVIL_FWSM, FWSM_VALID | FWSM_RECOVERY,
                                   "firmware is in recovery mode");
}

static void firmware__other_errors__are_one_warning(void **state)
{
    static const struct {
        uint32_t fwsm;
        const char *line;
    } rows[] = {
        {ERROR_CODE(0x01), "firmware reports error 0x01 (not specified)"},
        {ERROR_CODE(0x02), "firmware reports error 0x02 (no management firmware)"},
        {ERROR_CODE(0x14), "firmware reports error 0x14 (a checksum in the NVM's management"},
        {ERROR_CODE(0x21), "firmware reports error 0x21 (firmware's memory)"},
        {0x0118801F, "firmware reports error 0x23 (PHY settings in the NVM)"},
        {0x8118801B, "firmware reports error 0x23 (PHY settings in the NVM)"},
        {0x8118801F, "firmware reports error 0x23 (PHY settings in the NVM)"},
        {FWSM_VALID | FWSM_PHY0_BAD, "PHY 0 not configured by the firmware"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        reset(NULL);
        probe_warns(X540_EVIL_FWSM, rows[i].fwsm, rows[i].line);
        unsigned lines = machine_log_lines();
        assert_int_equal(ports[0].ops->reset(&ports[0]), OK);
        assert_int_equal(machine_log_lines(), lines);
    }
}

static enum err start_queue_0(void)
{
    struct dma_buf ring;
    mmio_t tail;

    assert_int_equal(dma_alloc(4096, 4096, &ring), OK);
    assert_int_equal(dma_grant(machine_cards[0].domain, &ring, DMA_READ_WRITE), OK);
    return ports[0].ops->rx_start(&ports[0], 0, ring.iova, 64, &tail);
}

static void enable__takes_30_ms__is_waited_for(void **state)
{
    (void)state;
    (void)probe_evil(X540_AT2, X540_EVIL_ENABLE_NS, 30 * MS);
    assert_int_equal(ports_n, 1);
    assert_int_equal(start_queue_0(), OK);
    assert_int_equal(ports[0].ops->rx_stop(&ports[0], 0), OK);
    assert_int_equal(machine_complaints(), 0);
}

/* 65 to 210 ms, in PCIe Device Control 2 (X550 9.2.3.6.11). */
static void enable__takes_150_ms_of_a_long_time_out__is_waited_for(void **state)
{
    (void)state;
    machine_cards[machine_add_card(NULL)].device_control_2 = 6;
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    x540_set_evil(machine_cards[0].model, X540_EVIL_ENABLE_NS, 150 * MS);
    assert_int_equal(start_queue_0(), OK);
    assert_int_equal(ports[0].ops->rx_stop(&ports[0], 0), OK);
}

static void enable__takes_too_long_both_ways__is_named(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    assert_int_equal(start_queue_0(), OK);
    x540_set_evil(machine_cards[0].model, X540_EVIL_ENABLE_NS, 200 * MS);
    assert_int_equal(ports[0].ops->rx_stop(&ports[0], 0), ERR_TIMEOUT);
    assert_non_null(machine_log_has("RXDCTL.ENABLE (0x01028) reads 0x02000000 after 50000 us"));
    assert_int_equal(ports[0].ops->reset(&ports[0]), OK);
    assert_non_null(machine_log_has("TXDCTL[0] (0x06028) reads 0x02000000: queue still on after"));
    assert_int_equal(start_queue_0(), ERR_TIMEOUT);
}

static void link__down_between_two_looks__is_counted(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    wait_for_link(&ports[0], true);
    poll_link(&ports[0]);
    assert_int_equal(ports[0].link_changes, 1);
    x540_set_cable(machine_cards[0].model, false);
    x540_set_cable(machine_cards[0].model, true);
    machine_wait_ns(100 * MS);
    poll_link(&ports[0]);
    assert_true(ports[0].link_is_up);
    assert_int_equal(ports[0].link_changes, 3);
    assert_non_null(machine_log_has("port0: link was down for a moment"));
    poll_link(&ports[0]);
    assert_int_equal(ports[0].link_changes, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(cfg_done__never_set__is_waited_for_once, reset),
        cmocka_unit_test_setup(cfg_done__after_700_ms__is_waited_for, reset),
        cmocka_unit_test_setup(phy__dumb_for_200_ms__is_found, reset),
        cmocka_unit_test_setup(phy__dumb_for_ever__is_a_warning_and_the_link_is_polled, reset),
        cmocka_unit_test_setup(phy__mdio_cycle_never_ends__is_a_warning_and_the_link_is_polled,
                               reset),
        cmocka_unit_test_setup(phy__stops_answering_once_found__is_a_warning_and_the_link_is_polled,
                               reset),
        cmocka_unit_test_setup(phy__of_each_port__is_looked_for_at_the_ports_own_address, reset),
        cmocka_unit_test_setup(phy__cycle_under_way__is_waited_for, reset),
        cmocka_unit_test_setup(phy__pause_left_advertised__is_withdrawn, reset),
        cmocka_unit_test_setup(phy__left_asleep__wakes, reset),
        cmocka_unit_test_setup(phy__slow_to_appear__holds_up_no_other_port, reset),
        cmocka_unit_test_setup(phy__link_left_at_1g__is_negotiated_anew, reset),
        cmocka_unit_test_setup(phy__1g_not_advertised__is_offered_again, reset),
        cmocka_unit_test_setup(phy__link_at_10g__stays_up, reset),
        cmocka_unit_test_setup(laser__left_off__is_switched_on, reset),
        cmocka_unit_test_setup(phy__veto__is_left_as_it_is, reset),
        cmocka_unit_test_setup(probe__82599_without_a_link_under_veto__mac_is_not_reset, reset),
        cmocka_unit_test_setup(firmware__isolated__is_refused, reset),
        cmocka_unit_test_setup(firmware__in_recovery__is_refused, reset),
        cmocka_unit_test_setup(firmware__other_errors__are_one_warning, reset),
        cmocka_unit_test_setup(enable__takes_30_ms__is_waited_for, reset),
        cmocka_unit_test_setup(enable__takes_150_ms_of_a_long_time_out__is_waited_for, reset),
        cmocka_unit_test_setup(enable__takes_too_long_both_ways__is_named, reset),
        cmocka_unit_test_setup(link__down_between_two_looks__is_counted, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
