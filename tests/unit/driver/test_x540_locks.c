/* SPDX-License-Identifier: BSD-2-Clause
 * The card's semaphores and locks, the driver against the model with a firmware and with dead
 * drivers. Covers:
 *  - a semaphore that is never given up is overruled after its time, with one line;
 *  - a firmware that holds its locks is waited for 50 ms, and one that flips them never for ever;
 *  - locks of a dead driver are broken, at probe and later, those of a driver on the other port are
 *    not, and the NVM lock of one that lives is waited for;
 *  - 5 ms pass between a release and the next try;
 *  - a lock that stays held after it was cleared fails the port.
 */
/* links: drivers/drivers.c drivers/x540/access.c drivers/x540/x540.c drivers/x540/lock.c
 * drivers/x540/nvm.c drivers/x540/link.c drivers/x540/rx.c drivers/x540/tx.c drivers/x540/intr.c
 * drivers/x540/stats.c kernel/lib/fmt.c
 * tests/host/machine.c $(MODEL) */
#include "tests/unit/driver/card_host.h"

#define MS       1000000ull
#define FOR_EVER (UINT64_MAX / 2)

static uint64_t undisturbed_ns(void)
{
    uint64_t took_ns = probe_evil(X540_AT2, X540_EVIL_RX_LENGTH, 0);

    assert_int_equal(ports_n, 1);
    reset(NULL);
    return took_ns;
}

static void semaphore__never_given_up__is_overruled(void **state)
{
    (void)state;
    probe_warns(X540_EVIL_SEMAPHORE_STUCK, 1, "SWSM.SMBI still taken after 60 ms, reads 0x");
}

static void second_half__never_given_up__is_overruled(void **state)
{
    (void)state;
    probe_warns(X540_EVIL_SEMAPHORE_STUCK, 2,
                "SW_FW_SYNC.REGSMP still taken after 50 ms, reads 0x80000000");
}

static void second_half_of_an_82599__never_granted__is_overruled(void **state)
{
    (void)state;
    probe_of_kind_warns(X540_82599, X540_EVIL_SEMAPHORE_STUCK, 2,
                        "SWSM.SWESMBI not granted after 50 ms, reads 0x00000001");
}

/* As of another driver's that never gives it back. */
static void phy_lock__held_again_after_it_was_cleared__says_so(void **state)
{
    (void)state;
    probe_is_refused_unless_forced(
        X540_AT2, X540_EVIL_SEMAPHORE_STUCK, 3,
        "SW_FW_SYNC 0x00000002 wanted, 0x00000002 held again after it was cleared");
    assert_null(machine_log_has("no PHY")); /* it was not looked for */
}

static void firmware__holds_regsmp_for_40_ms__is_waited_for(void **state)
{
    (void)state;
    uint64_t usual_ns = undisturbed_ns();
    uint64_t took_ns = probe_evil(X540_AT2, X540_EVIL_FIRMWARE_REGSMP, 40 * MS);

    assert_int_equal(ports_n, 1);
    assert_null(machine_log_has("REGSMP"));
    assert_in_range(took_ns - usual_ns, 30 * MS, 60 * MS);
    wait_for_link(&ports[0], true);
    assert_int_equal(machine_complaints(), 0);
}

static void firmware__holds_regsmp_for_ever__is_overruled(void **state)
{
    (void)state;
    probe_warns(X540_EVIL_FIRMWARE_REGSMP, FOR_EVER, "SW_FW_SYNC.REGSMP still taken after 50 ms");
}

static void firmware__holds_its_locks_for_30_ms__is_waited_for(void **state)
{
    (void)state;
    uint64_t usual_ns = undisturbed_ns();
    uint64_t took_ns = probe_evil(X540_AT2, X540_EVIL_FIRMWARE_LOCKS, 30 * MS);

    assert_int_equal(ports_n, 1);
    assert_true(took_ns - usual_ns < 60 * MS);
    wait_for_link(&ports[0], true);
    assert_int_equal(machine_complaints(), 0);
}

static void firmware__holds_its_locks_for_ever__they_are_taken_after_50_ms(void **state)
{
    (void)state;
    uint64_t usual_ns = undisturbed_ns();
    uint64_t took_ns = probe_evil(X540_AT2, X540_EVIL_FIRMWARE_LOCKS, FOR_EVER);

    assert_int_equal(ports_n, 1);
    assert_in_range(took_ns - usual_ns, 50 * MS, 1000 * MS);
    wait_for_link(&ports[0], true);
}

static void firmware__flips_its_locks__does_not_hold_us_up(void **state)
{
    (void)state;
    for (uint64_t every = 1; every < 8; every++) {
        reset(NULL);
        (void)probe_evil(X540_AT2, X540_EVIL_FIRMWARE_FLIPS, every);
        assert_int_equal(ports_n, 1);
        wait_for_link(&ports[0], true);
    }
}

/* 50 us each time, as firmware that reads a PHY does; its locks change inside. */
static void firmware__shares_the_semaphores__no_bit_of_its_own_is_lost(void **state)
{
    static const uint64_t every[] = {100000, 130000, 170000, MS, 7 * MS};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(every); i++) {
        reset(NULL);
        (void)probe_evil(X540_AT2, X540_EVIL_FIRMWARE_SHARES, every[i]);
        assert_int_equal(ports_n, 1);
        assert_null(machine_log_has("REGSMP"));
        wait_for_link(&ports[0], true);
        assert_int_equal(machine_complaints(), 0);
    }
}

static void dead_driver__left_everything_taken__is_broken(void **state)
{
    (void)state;
    (void)probe_evil(X540_AT2, X540_EVIL_DEAD_LOCKS,
                     1ull << 32 | SW_FW_SYNC_REGSMP | SW_FW_SYNC_EEP | SW_FW_SYNC_PHY0 |
                         SW_FW_SYNC_MAC);
    assert_int_equal(ports_n, 1);
    assert_non_null(machine_log_has("SWSM.SMBI still taken"));
    assert_non_null(machine_log_has("SW_FW_SYNC 0x0000000b still held after 100 ms"));
    wait_for_link(&ports[0], true);
}

static void other_port__holds_its_phy_lock__it_is_left_alone(void **state)
{
    (void)state;
    (void)probe_evil(X540_AT2, X540_EVIL_DEAD_LOCKS, SW_FW_SYNC_PHY0 << 1);
    assert_int_equal(ports_n, 1);
    assert_null(machine_log_has("still held"));
    struct x540 *model = machine_cards[0].model;
    (void)x540_read(model, SWSM, 4);
    assert_true(x540_read(model, SW_FW_SYNC, 4) & SW_FW_SYNC_PHY0 << 1);
}

/* The other port's driver releases the lock, while the driver under test holds the semaphores. */
static void give_nvm_lock_back(unsigned card, uint32_t offset, uint32_t value)
{
    struct x540 *model = machine_cards[card].model;

    (void)value;
    if (offset != SWSM || machine_now_ns() < 50 * MS)
        return;
    machine_on_write = NULL;
    uint32_t sync = (uint32_t)x540_read(model, SW_FW_SYNC, 4);
    x540_write(model, SW_FW_SYNC, sync & ~(SW_FW_SYNC_EEP | SW_FW_SYNC_REGSMP), 4);
}

static void other_port__holds_the_nvm_lock_for_50_ms__is_waited_for(void **state)
{
    (void)state;
    machine_on_write = give_nvm_lock_back;
    (void)probe_evil(X540_AT2, X540_EVIL_DEAD_LOCKS, SW_FW_SYNC_EEP);
    assert_null(machine_on_write);
    assert_int_equal(ports_n, 1);
    assert_null(machine_log_has("still held"));
    assert_int_equal(machine_complaints(), 0);
}

/* A driver of the other port died after this port's probe. */
static void stale_lock__after_the_probe__is_cleared_and_taken(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    x540_set_evil(machine_cards[0].model, X540_EVIL_DEAD_LOCKS, SW_FW_SYNC_PHY0);
    assert_int_equal(ports[0].ops->reset(&ports[0]), OK);
    assert_non_null(machine_log_has("0x00000002 still held after 1000 ms: cleared"));
    wait_for_link(&ports[0], true);
}

/* The driver's own, for its card. */
enum err x540_lock(struct x540 *card, uint32_t locks);
void x540_unlock(struct x540 *card, uint32_t locks);

/* X550 11.8.4.2 */
static void lock__given_back__is_not_asked_for_within_5_ms(void **state)
{
    (void)state;
    machine_add_card(NULL);
    drivers_start(NULL);
    assert_int_equal(x540_lock(ports[0].driver_state, SW_FW_SYNC_EEP), OK);
    uint64_t start_ns = machine_now_ns();
    x540_unlock(ports[0].driver_state, SW_FW_SYNC_EEP);
    assert_in_range(machine_now_ns() - start_ns, 0, MS); /* who does not ask again does not wait */
    assert_int_equal(x540_lock(ports[0].driver_state, SW_FW_SYNC_EEP), OK);
    assert_in_range(machine_now_ns() - start_ns, 5 * MS, 6 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(semaphore__never_given_up__is_overruled, reset),
        cmocka_unit_test_setup(second_half__never_given_up__is_overruled, reset),
        cmocka_unit_test_setup(second_half_of_an_82599__never_granted__is_overruled, reset),
        cmocka_unit_test_setup(phy_lock__held_again_after_it_was_cleared__says_so, reset),
        cmocka_unit_test_setup(firmware__holds_regsmp_for_40_ms__is_waited_for, reset),
        cmocka_unit_test_setup(firmware__holds_regsmp_for_ever__is_overruled, reset),
        cmocka_unit_test_setup(firmware__holds_its_locks_for_30_ms__is_waited_for, reset),
        cmocka_unit_test_setup(firmware__holds_its_locks_for_ever__they_are_taken_after_50_ms,
                               reset),
        cmocka_unit_test_setup(firmware__flips_its_locks__does_not_hold_us_up, reset),
        cmocka_unit_test_setup(firmware__shares_the_semaphores__no_bit_of_its_own_is_lost, reset),
        cmocka_unit_test_setup(dead_driver__left_everything_taken__is_broken, reset),
        cmocka_unit_test_setup(other_port__holds_the_nvm_lock_for_50_ms__is_waited_for, reset),
        cmocka_unit_test_setup(stale_lock__after_the_probe__is_cleared_and_taken, reset),
        cmocka_unit_test_setup(lock__given_back__is_not_asked_for_within_5_ms, reset),
        cmocka_unit_test_setup(other_port__holds_its_phy_lock__it_is_left_alone, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
