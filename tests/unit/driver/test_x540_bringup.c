/* SPDX-License-Identifier: BSD-2-Clause
 * The driver's bring-up against the model, whole and in process. Covers:
 *  - every kind of card comes up, with the address that its NVM holds and no rule broken;
 *  - link by cable: up, down, up again, with the speed;
 *  - each way a card can fail to come up costs one line that names the register, and no hang;
 *  - what a dead driver left behind (semaphores, running queues) does not stop us;
 *  - reserved bits and bits of other use are kept; a long NVM is read under several locks;
 *  - a card that vanishes is noticed and its counters do not jump.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c kernel/lib/fmt.c
 * tests/host/machine.c $(MODEL) */
#include "tests/unit/driver/card_host.h"

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
    assert_null(x540_complaint(machine_cards[0].model, 0)); /* no advice ignored either */
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

/* As Linux leaves it at power-off, with standby power on. */
static void probe__card_in_d3hot__is_woken(void **state)
{
    (void)state;
    machine_cards[machine_add_card(NULL)].pm_control = 3;
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_int_equal(machine_cards[0].pm_control, 0);
    assert_non_null(machine_log_has("power state D3 (PMCSR 0x0003): set to D0"));
    wait_for_link(&ports[0], true);
}

/* No_Soft_Reset 0: the change to D0 clears configuration space. */
static void probe__card_in_d3hot_loses_its_bars__they_are_written_again(void **state)
{
    (void)state;
    struct machine_card *card = &machine_cards[machine_add_card(NULL)];
    uint32_t bar = card->bars[0];
    card->pm_control = 3;
    card->loses_bars = true;
    card->device_control = 0x2830;
    card->device_control_2 = 6;
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_int_equal(card->bars[0], bar);
    assert_int_equal(card->device_control, 0x2830);
    assert_int_equal(card->device_control_2, 6);
    assert_non_null(machine_log_has("D0 has cleared 2 BARs: they are written again"));
    wait_for_link(&ports[0], true);
}

/* PXE left it so. Its frames wait since bus mastering went off, and are for memory that nobody may
 * write. */
static void probe__card_left_receiving__writes_no_memory(void **state)
{
    static const uint8_t frame[100] = {0xFF, 0xFF, 0xFF,        0xFF,
                                       0xFF, 0xFF, [12] = 0x08, [13] = 0x06};

    (void)state;
    unsigned i = machine_add_card(NULL);
    x540_set_evil(machine_cards[i].model, X540_EVIL_LEFT_RECEIVING, 0x100000);
    machine_wait_ns(100000000);
    for (unsigned n = 0; n < 10; n++)
        machine_frame_in(i, frame, sizeof(frame));
    assert_int_equal(x540_truth(machine_cards[i].model).frames_waiting, 10);
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_true(machine_cards[i].command & PCI_COMMAND_MASTER);
    assert_int_equal(machine_cards[i].dma_refused, 0);
    assert_int_equal(machine_complaints(), 0);
    wait_for_link(&ports[0], true);
}

static uint32_t reg(uint32_t offset)
{
    return (uint32_t)x540_read(machine_cards[0].model, offset, 4);
}

/* The driver's own, for its card: the model does not keep the MAC's registers over CTRL.RST, as a card
 * does where a BMC shares the port (X550 4.2.3). */
void x540_rx_init(struct x540 *card);

static void probe__mac_left_odd_by_another_driver__is_put_right(void **state)
{
    (void)state;
    unsigned i = machine_add_card(NULL);
    struct x540 *model = machine_cards[i].model;

    drivers_start(NULL);
    x540_write(model, HLREG0,
               (reg(HLREG0) & ~HLREG0_MDCSPD) | HLREG0_PREPEND | HLREG0_RXPADSTRIPEN |
                   HLREG0_JUMBOEN | HLREG0_CONTMDC,
               4);
    x540_write(model, MFLCN, 0xFFF, 4);
    x540_write(model, MACC, MACC_FLU | MACC_RX2TX_LPBK, 4);
    x540_rx_init(ports[0].driver_state);
    assert_int_equal(reg(HLREG0) & (HLREG0_PREPEND | HLREG0_RXPADSTRIPEN | HLREG0_JUMBOEN |
                                    HLREG0_RXLNGTHERREN | HLREG0_CONTMDC),
                     0);
    ports[0].ops->set_promiscuous(&ports[0], true);
    assert_true(reg(HLREG0) & HLREG0_JUMBOEN); /* frames of up to FRAME_LONG bytes pass */
    assert_true(reg(HLREG0) & HLREG0_MDCSPD);
    assert_int_equal(reg(MFLCN), 0); /* no pause obeyed, none handed to the host */
    assert_int_equal(reg(MACC) & (MACC_FLU | MACC_RX2TX_LPBK), 0);
}

void x540_tx_init(struct x540 *card);

/* The bits that stop queues of legacy format; a reset of the model clears them. */
static void probe__malicious_driver_detection_left_on__is_cleared(void **state)
{
    (void)state;
    const struct x540_config config = {.kind = X540_X550, .mac = {2}, .link_at_start = true};
    struct x540 *model = machine_cards[machine_add_card(&config)].model;

    drivers_start(NULL);
    x540_write(model, RDRXCTL, reg(RDRXCTL) | RDRXCTL_MDD, 4);
    x540_write(model, DMATXCTL, reg(DMATXCTL) | DMATXCTL_MDD, 4);
    assert_int_not_equal(reg(RDRXCTL) & RDRXCTL_MDD, 0);
    assert_int_not_equal(reg(DMATXCTL) & DMATXCTL_MDD, 0);
    x540_rx_init(ports[0].driver_state);
    x540_tx_init(ports[0].driver_state);
    assert_int_equal(reg(RDRXCTL) & RDRXCTL_MDD, 0);
    assert_int_equal(reg(DMATXCTL) & DMATXCTL_MDD, 0);
}

/* The bits that the driver does not set up keep their reset values. */
static void probe__other_bits_of_shared_registers__are_kept(void **state)
{
    (void)state;
    machine_add_card(NULL);
    uint32_t hlreg0 = reg(HLREG0), rdrxctl = reg(RDRXCTL), dmatxctl = reg(DMATXCTL);

    drivers_start(NULL);
    assert_int_equal(reg(HLREG0) & ~(HLREG0_TXCRCEN | HLREG0_RXCRCSTRP | HLREG0_TXPADEN |
                                     HLREG0_MDCSPD | HLREG0_RXLNGTHERREN),
                     hlreg0 & ~(HLREG0_TXCRCEN | HLREG0_RXCRCSTRP | HLREG0_TXPADEN | HLREG0_MDCSPD |
                                HLREG0_RXLNGTHERREN));
    const uint32_t ours = RDRXCTL_RSCFRSTSIZE | RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX |
                          RDRXCTL_CRCSTRIP | RDRXCTL_DMAIDONE;
    assert_int_not_equal(rdrxctl & ~ours, 0);
    assert_int_equal(reg(RDRXCTL) & ~ours, rdrxctl & ~ours);
    assert_int_equal(reg(DMATXCTL) & ~DMATXCTL_TE, dmatxctl);
}

static uint32_t longest_under_lock, words_under_lock, words;

static void count_words(unsigned card, uint32_t offset, uint32_t value)
{
    (void)card;
    if (offset == SW_FW_SYNC && !(value & SW_FW_SYNC_EEP))
        words_under_lock = 0;
    if (offset != EERD)
        return;
    words++;
    words_under_lock++;
    longest_under_lock = MAX(longest_under_lock, words_under_lock);
}

#define EEWR         0x10018u
#define EEC_FLUP     BIT(23)
#define NVM_CHECKSUM 0x3Fu

static uint16_t nvm_access(struct x540 *model, uint32_t how, uint32_t address, uint16_t word)
{
    x540_write(model, how, FIELD_PUT(EERD_DATA, word) | FIELD_PUT(EERD_ADDR, address) | EERD_START,
               4);
    machine_wait_ns(100000);
    return (uint16_t)FIELD_GET(EERD_DATA, reg(how));
}

static void probe__long_nvm__lock_is_given_back_between(void **state)
{
    (void)state;
    /* A section of 1,024 words FFFFh, and the checksum that goes with it, in the flash. */
    struct x540 *model = machine_cards[machine_add_card(NULL)].model;
    uint16_t sum = nvm_access(model, EERD, NVM_CHECKSUM, 0);
    nvm_access(model, EEWR, 0x0D, 0x200);
    nvm_access(model, EEWR, 0x200, 1024);
    nvm_access(model, EEWR, NVM_CHECKSUM, (uint16_t)(sum + 0xFFFF - 0x200 + 1024));
    x540_write(model, EEC, reg(EEC) | EEC_FLUP, 4);
    machine_wait_ns(1000000);
    longest_under_lock = words_under_lock = words = 0;
    machine_on_write = count_words;
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
    assert_true(words > 512);
    assert_true(longest_under_lock <= 512);
}

/* A section that begins inside of EEC.SIZE and ends beyond it, which is in nobody's sum. */
static void probe__nvm_section_beyond_the_size__is_left_out(void **state)
{
    (void)state;
    struct x540 *model = machine_cards[machine_add_card(NULL)].model;
    uint16_t sum = nvm_access(model, EERD, NVM_CHECKSUM, 0);
    nvm_access(model, EEWR, 0x0D, 0x7F0);
    nvm_access(model, EEWR, 0x7F0, 0x100);
    nvm_access(model, EEWR, NVM_CHECKSUM, (uint16_t)(sum + 0xFFFF - 0x7F0));
    x540_write(model, EEC, reg(EEC) | EEC_FLUP, 4);
    machine_wait_ns(1000000);
    drivers_start(NULL);
    assert_int_equal(ports_n, 1);
}

static void probe__nvm_without_a_signature__is_a_warning(void **state)
{
    (void)state;
    probe_warns(X540_EVIL_NVM_ABSENT, 1, "no valid NVM (PRES 0)");
}

/* All that the hash can choose from names a queue that is on. */
static void set_queues__whole_table__is_written(void **state)
{
    (void)state;
    const struct x540_config config = {.kind = X540_X550, .mac = {2}, .link_at_start = true};

    machine_add_card(&config);
    for (uint32_t i = 0; i < 96; i++)
        x540_write(machine_cards[0].model, ERETA(i), 0x3F3F3F3F, 4);
    drivers_start(NULL);
    static const uint8_t key[RSS_KEY_BYTES] = {0x6D, 0x5A};
    ports[0].ops->set_queues(&ports[0], 4, true, key);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(reg(RETA(i)), 0x03020100);
    for (uint32_t i = 0; i < 96; i++)
        assert_int_equal(reg(ERETA(i)), 0x03020100);
}

/* ARP has a queue that no entry of the table names, with RSS and without; a reset keeps that. */
static void set_control_queue__arp_filter__outlives_a_reset(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= QUEUES_MAX; n += QUEUES_MAX - 1) {
        reset(NULL);
        machine_add_card(NULL);
        drivers_start(NULL);
        assert_int_equal(reg(ETQF(0)), 0);
        static const uint8_t key[RSS_KEY_BYTES] = {0x6D, 0x5A};
        ports[0].ops->set_queues(&ports[0], n, false, key);
        ports[0].ops->set_control_queue(&ports[0], true);
        for (unsigned turn = 0; turn < 2; turn++) {
            assert_int_equal(reg(ETQF(0)), 0x80000806);
            assert_int_equal(reg(ETQS(0)), 0x80000000 | 16u << 16);
            for (uint32_t i = 0; i < 32 && n > 1; i++)
                for (uint32_t b = 0; b < 4; b++)
                    assert_true((reg(RETA(i)) >> (8 * b) & 0xFF) < CONTROL_QUEUE);
            assert_int_equal(ports[0].ops->reset(&ports[0]), OK);
        }
        ports[0].ops->set_control_queue(&ports[0], false);
        assert_int_equal(reg(ETQF(0)), 0);
        assert_int_equal(reg(ETQS(0)), 0);
    }
}

static unsigned reserved_writes; /* to FTQF, and of RXDCTL.SWFLSH */

static void count_reserved(unsigned card, uint32_t offset, uint32_t value)
{
    (void)card;
    for (unsigned i = 0; i < 128; i++)
        reserved_writes +=
            offset == FTQF(i) || (offset == RXDCTL(i) && (value & RXDCTL_SWFLSH) != 0);
}

/* What the X550 reserves stays as its reset leaves it; the others have it written. */
static void probe__reserved_on_the_x550__is_not_written(void **state)
{
    (void)state;
    const struct x540_config config = {.kind = X540_X550, .mac = {2}, .link_at_start = true};

    machine_add_card(&config);
    reserved_writes = 0;
    machine_on_write = count_reserved;
    drivers_start(NULL);
    assert_int_equal(reg(CTRL_EXT) & CTRL_EXT_NS_DIS, 0);
    assert_int_equal(reg(DCA_CTRL) & DCA_CTRL_DCA_DISABLE, 0);
    assert_int_equal(reg(RFCTL), RFCTL_NFSW_DIS | RFCTL_NFSR_DIS);
    assert_int_equal(reg(RDRXCTL) & RDRXCTL_CRCSTRIP, 0);
    assert_int_equal(reg(RDRXCTL) & RDRXCTL_MDD, 0);
    assert_int_equal(reg(DMATXCTL) & DMATXCTL_MDD, 0);
    assert_int_equal(reserved_writes, 0);
    reset(NULL);
    machine_add_card(NULL);
    machine_on_write = count_reserved;
    drivers_start(NULL);
    assert_int_not_equal(reserved_writes, 0);
    assert_true(reg(CTRL_EXT) & CTRL_EXT_NS_DIS);
    assert_int_equal(reg(RFCTL), RFCTL_NFSW_DIS | RFCTL_NFSR_DIS | RFCTL_RSC_DIS);
    assert_true(reg(RDRXCTL) & RDRXCTL_CRCSTRIP);
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
static void probe__registers_all_ones__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_ALL_ONES, 1, "STATUS reads 0xffffffff");
}

static void probe__reset_stuck__says_so(void **state)
{
    (void)state;
    probe_fails(X540_EVIL_RESET_STUCK, 1, "CTRL.RST");
}

static void probe__auto_read_stuck__says_so(void **state)
{
    (void)state;
    probe_warns(X540_EVIL_EEC_STUCK, 1, "EEC.ARD");
    assert_non_null(machine_log_has("bring-up goes on without"));
}

static void probe__dma_never_idle__says_so(void **state)
{
    (void)state;
    probe_warns(X540_EVIL_DMAIDONE_STUCK, 1, "RDRXCTL.DMAIDONE");
}

static void probe__nvm_read_stuck__says_so(void **state)
{
    (void)state;
    probe_is_refused_unless_forced(X540_AT2, X540_EVIL_EERD_STUCK, 1, "EERD.DONE");
}

static void probe__nvm_checksum_wrong__says_so(void **state)
{
    (void)state;
    probe_is_refused_unless_forced(X540_AT2, X540_EVIL_NVM_CHECKSUM, 1, "NVM checksum");
}

static void probe__no_mac_address__says_so(void **state)
{
    (void)state;
    probe_is_refused_unless_forced(X540_AT2, X540_EVIL_BAD_MAC, 1, "no usable address");
    assert_memory_equal(ports[0].mac, ((uint8_t[6]){2, 0, 0, 0x40, 1, 0}), 6);
    assert_int_equal(reg(RAL(0)), 0x40000002);
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
    poll_link(&ports[0]);
    ports[0].ops->poll_counters(&ports[0]);
    assert_true(ports[0].is_gone);
    assert_false(ports[0].link_is_up);
    assert_memory_equal(&before, &ports[0].count, sizeof(before));
    unsigned lines = machine_log_lines();
    poll_link(&ports[0]);
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
        cmocka_unit_test_setup(probe__card_in_d3hot__is_woken, reset),
        cmocka_unit_test_setup(probe__card_in_d3hot_loses_its_bars__they_are_written_again, reset),
        cmocka_unit_test_setup(probe__card_left_receiving__writes_no_memory, reset),
        cmocka_unit_test_setup(probe__nvm_section_beyond_the_size__is_left_out, reset),
        cmocka_unit_test_setup(probe__nvm_without_a_signature__is_a_warning, reset),
        cmocka_unit_test_setup(probe__mac_left_odd_by_another_driver__is_put_right, reset),
        cmocka_unit_test_setup(probe__malicious_driver_detection_left_on__is_cleared, reset),
        cmocka_unit_test_setup(probe__other_bits_of_shared_registers__are_kept, reset),
        cmocka_unit_test_setup(probe__long_nvm__lock_is_given_back_between, reset),
        cmocka_unit_test_setup(set_queues__whole_table__is_written, reset),
        cmocka_unit_test_setup(set_control_queue__arp_filter__outlives_a_reset, reset),
        cmocka_unit_test_setup(probe__reserved_on_the_x550__is_not_written, reset),
        cmocka_unit_test_setup(link__cable_out_and_in__is_followed, reset),
        cmocka_unit_test_setup(probe__registers_all_ones__says_so, reset),
        cmocka_unit_test_setup(probe__reset_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__auto_read_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__dma_never_idle__says_so, reset),
        cmocka_unit_test_setup(probe__nvm_read_stuck__says_so, reset),
        cmocka_unit_test_setup(probe__nvm_checksum_wrong__says_so, reset),
        cmocka_unit_test_setup(probe__no_mac_address__says_so, reset),
        cmocka_unit_test_setup(probe__master_stuck__resets_twice_and_comes_up, reset),
        cmocka_unit_test_setup(poll_link__card_vanishes__is_noticed_once, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
