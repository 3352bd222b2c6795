/* SPDX-License-Identifier: BSD-2-Clause
 * The semaphores of the card (X550 datasheet 11.8.4). SWSM.SMBI is between drivers, REGSMP (on the
 * 82599: SWESMBI) between driver and firmware; both together guard SW_FW_SYNC, whose bits are the
 * locks for the NVM, the PHYs and so on. Reading SMBI or REGSMP as 0 takes it. Both ports share all
 * of them. An owner that holds a semaphore beyond its time limit is considered dead, and its
 * semaphore is taken: every wait here has a limit.
 */
#include "drivers/x540/x540.h"
#include "arch/tsc.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

enum {
    /* 10 ms, and the 50 ms that the other driver may have to wait for the firmware meanwhile. */
    SMBI_LIMIT_US = 60000,
    REGSMP_LIMIT_US = 50000,
    SEMAPHORE_STEP_US = 50,
    FIRMWARE_LIMIT_US = 50000,   /* then its lock is taken: firmware is known to leave locks set */
    SOFTWARE_LIMIT_US = 1000000, /* then a lock of other software is stale */
    BREAK_LIMIT_US = 100000,     /* the same at probe */
    LOCK_STEP_US = 5000,         /* after a release, before the next try */
    LOCK_ROUNDS = 2,             /* the second one after stale locks were cleared */
};

/* Wait for a semaphore that is taken by reading it as 0 (X550 11.8.4.1). False: still held, logged
 * once per probe. */
static bool take_by_reading(struct x540 *card, uint32_t offset, uint32_t bit, uint32_t limit_us,
                            const char *name, bool *is_reported)
{
    uint32_t value = 0;

    for (uint32_t waited = 0; waited <= limit_us; waited += SEMAPHORE_STEP_US) {
        value = x540_read(card, offset);
        if (!(value & bit))
            return true;
        task_wait_us(SEMAPHORE_STEP_US);
    }
    if (!*is_reported)
        log_warn("x540 p%u: %s still taken after %u ms, reads 0x%08x: its owner is considered dead",
                 card->port->index, name, limit_us / 1000, value);
    *is_reported = true;
    return false;
}

/* Take the semaphore shared with the firmware (X550 8.2.2.20.3). False: the firmware does not
 * release it, so its bits in SW_FW_SYNC are not valid. */
static bool firmware_semaphore_take(struct x540 *card)
{
    uint32_t value = 0;

    if (card->family->has_regsmp)
        return take_by_reading(card, SW_FW_SYNC, SW_FW_SYNC_REGSMP, REGSMP_LIMIT_US,
                               "SW_FW_SYNC.REGSMP", &card->second_is_reported);
    /* 82599: taken once the bit written reads back as 1. */
    for (uint32_t waited = 0; waited <= REGSMP_LIMIT_US; waited += SEMAPHORE_STEP_US) {
        x540_change(card, SWSM, 0, SWSM_SWESMBI);
        value = x540_read(card, SWSM);
        if (value & SWSM_SWESMBI)
            return true;
        task_wait_us(SEMAPHORE_STEP_US);
    }
    if (!card->second_is_reported)
        log_warn("x540 p%u: SWSM.SWESMBI not granted after %u ms, reads 0x%08x: firmware is "
                 "considered dead",
                 card->port->index, REGSMP_LIMIT_US / 1000, value);
    card->second_is_reported = true;
    return false;
}

/* X550 11.8.4.2 */
static void semaphores_give(struct x540 *card)
{
    if (card->family->has_regsmp)
        x540_change(card, SW_FW_SYNC, SW_FW_SYNC_REGSMP, 0);
    x540_change(card, SWSM, SWSM_SWESMBI | SWSM_SMBI, 0);
    card->has_semaphores = false;
}

/* Take both semaphores, each with a time limit after which it counts as taken (X550 11.8.4.1).
 * False: ignore the firmware's bits of SW_FW_SYNC. */
static bool semaphores_take(struct x540 *card)
{
    (void)take_by_reading(card, SWSM, SWSM_SMBI, SMBI_LIMIT_US, "SWSM.SMBI",
                          &card->smbi_is_reported);
    card->has_semaphores = true; /* from now on they are given back */
    return firmware_semaphore_take(card);
}

/* X550 8.2.2.20.3 */
uint32_t x540_phy_lock(const struct x540 *card)
{
    return SW_FW_SYNC_PHY0 << card->lan_id;
}

/* X550 11.8.4.1 */
enum err x540_lock(struct x540 *card, uint32_t locks)
{
    uint32_t firmware_locks = locks << SW_FW_SYNC_FW_SHIFT;
    uint32_t taken = 0;

    if (tsc_now_ns() < card->lock_free_ns)
        task_wait_us(LOCK_STEP_US); /* all of it: the core halts, and polls shorter waits */
    if (locks & SW_FW_SYNC_EEP)
        firmware_locks |= SW_FW_SYNC_FLASH;

    for (unsigned round = 0; round < LOCK_ROUNDS; round++) {
        uint64_t start_ns = tsc_now_ns();
        bool is_stale = false;

        while (!is_stale) {
            uint32_t conflicts = locks | (semaphores_take(card) ? firmware_locks : 0);
            uint64_t waited_us = (tsc_now_ns() - start_ns) / 1000;
            taken = x540_read(card, SW_FW_SYNC) & conflicts;
            if (!taken || (!(taken & locks) && waited_us >= FIRMWARE_LIMIT_US)) {
                x540_change(card, SW_FW_SYNC, 0, locks);
                card->locks |= locks;
                semaphores_give(card);
                return OK;
            }
            is_stale = waited_us >= SOFTWARE_LIMIT_US;
            if (is_stale) {
                log_warn("x540 p%u: SW_FW_SYNC 0x%08x wanted, 0x%08x still held after %u ms: "
                         "cleared",
                         card->port->index, locks, taken, SOFTWARE_LIMIT_US / 1000);
                x540_change(card, SW_FW_SYNC, taken & locks, 0);
            }
            semaphores_give(card);
            task_wait_us(LOCK_STEP_US);
        }
    }
    log_error("x540 p%u: SW_FW_SYNC 0x%08x wanted, 0x%08x held again after it was cleared",
              card->port->index, locks, taken);
    return ERR_BUSY;
}

/* X550 11.8.4.2 */
void x540_unlock(struct x540 *card, uint32_t locks)
{
    (void)semaphores_take(card);
    x540_change(card, SW_FW_SYNC, locks, 0);
    card->locks &= ~locks;
    semaphores_give(card);
    card->lock_free_ns = tsc_now_ns() + LOCK_STEP_US * 1000ull;
}

/* X550 11.8.4.2 */
void x540_lock_leave(struct x540 *card)
{
    if (card->has_semaphores)
        semaphores_give(card);
    if (card->locks)
        x540_unlock(card, card->locks);
}

/* X550 11.8.4.1 */
void x540_lock_break(struct x540 *card)
{
    /* The other port's PHY lock is left: that port's driver may be running. */
    const uint32_t ours = SW_FW_SYNC_SW_ALL & ~(SW_FW_SYNC_PHY0 << (card->lan_id ^ 1));
    uint64_t start_ns = tsc_now_ns();

    for (;;) {
        (void)semaphores_take(card);
        uint32_t held = x540_read(card, SW_FW_SYNC) & ours;
        bool is_over = (tsc_now_ns() - start_ns) / 1000 >= BREAK_LIMIT_US;
        if (held && is_over) {
            log_warn("x540 p%u: SW_FW_SYNC 0x%08x still held after %u ms, left by a dead driver: "
                     "cleared",
                     card->port->index, held, BREAK_LIMIT_US / 1000);
            x540_change(card, SW_FW_SYNC, held, 0);
        }
        semaphores_give(card);
        task_wait_us(LOCK_STEP_US);
        if (!held || is_over)
            return;
    }
}
