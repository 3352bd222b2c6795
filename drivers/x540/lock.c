/* SPDX-License-Identifier: BSD-2-Clause
 * The semaphores of the card. SWSM.SMBI is between drivers, REGSMP (on the 82599: SWESMBI) between
 * driver and firmware; both together guard SW_FW_SYNC, whose bits are the locks for the NVM, the
 * PHYs and so on. A read of SMBI or REGSMP that returns 0 has taken it.
 */
#include "drivers/x540/x540.h"
#include "arch/tsc.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

enum {
    SEMAPHORE_LIMIT_US = 100000, /* reference drivers: 2000 tries, 50 us apart */
    SEMAPHORE_STEP_US = 50,
    LOCK_TRIES = 200,
    LOCK_STEP_US = 5000,
    SETTLE_US = 2000, /* after a release, before anybody's next try */
};

static enum err still_taken(const struct x540 *card, const char *name, uint32_t value)
{
    log_error("x540 p%u: %s still taken after %u ms, reads 0x%08x", card->port->index, name,
              SEMAPHORE_LIMIT_US / 1000, value);
    return ERR_TIMEOUT;
}

static enum err take_by_reading(struct x540 *card, uint32_t offset, uint32_t bit, const char *name)
{
    uint32_t value = 0;

    for (uint32_t waited = 0; waited < SEMAPHORE_LIMIT_US; waited += SEMAPHORE_STEP_US) {
        value = mmio_read32(card->regs, offset);
        if (!(value & bit))
            return OK;
        tsc_wait_us(SEMAPHORE_STEP_US);
    }
    return still_taken(card, name, value);
}

static enum err second_half_take(struct x540 *card)
{
    uint32_t value = 0;

    if (card->family->has_regsmp)
        return take_by_reading(card, SW_FW_SYNC, SW_FW_SYNC_REGSMP, "SW_FW_SYNC.REGSMP");
    /* 82599: ours once the bit that we set reads back as set. */
    for (uint32_t waited = 0; waited < SEMAPHORE_LIMIT_US; waited += SEMAPHORE_STEP_US) {
        x540_change(card, SWSM, 0, SWSM_SWESMBI);
        value = mmio_read32(card->regs, SWSM);
        if (value & SWSM_SWESMBI)
            return OK;
        tsc_wait_us(SEMAPHORE_STEP_US);
    }
    return still_taken(card, "SWSM.SWESMBI", value);
}

static void both_give(struct x540 *card)
{
    if (card->family->has_regsmp)
        x540_change(card, SW_FW_SYNC, SW_FW_SYNC_REGSMP, 0);
    x540_change(card, SWSM, SWSM_SWESMBI | SWSM_SMBI, 0);
}

static enum err both_take(struct x540 *card)
{
    enum err err = take_by_reading(card, SWSM, SWSM_SMBI, "SWSM.SMBI");
    if (err)
        return err;
    err = second_half_take(card);
    if (err)
        x540_change(card, SWSM, SWSM_SMBI, 0);
    return err;
}

uint32_t x540_phy_lock(const struct x540 *card)
{
    return SW_FW_SYNC_PHY0 << card->lan_id;
}

enum err x540_lock(struct x540 *card, uint32_t locks)
{
    uint32_t theirs = locks << SW_FW_SYNC_FW_SHIFT;
    uint32_t taken = 0;

    if (locks & SW_FW_SYNC_EEP)
        theirs |= SW_FW_SYNC_FLASH;

    for (unsigned try = 0; try <= LOCK_TRIES; try++) {
        enum err err = both_take(card);
        if (err)
            return err;
        taken = mmio_read32(card->regs, SW_FW_SYNC) & (locks | theirs);
        /* On the last try a lock that only the firmware holds is taken all the same: it is known
         * to forget. One that software holds is stale; it is cleared, and this try fails. */
        if (!taken || (try == LOCK_TRIES && !(taken & locks))) {
            x540_change(card, SW_FW_SYNC, 0, locks);
            both_give(card);
            return OK;
        }
        if (try == LOCK_TRIES)
            x540_change(card, SW_FW_SYNC, taken & locks, 0);
        both_give(card);
        if (try < LOCK_TRIES)
            tsc_wait_us(LOCK_STEP_US);
    }
    log_error("x540 p%u: SW_FW_SYNC 0x%08x wanted, 0x%08x still held after %u ms; cleared",
              card->port->index, locks, taken, LOCK_TRIES * LOCK_STEP_US / 1000);
    return ERR_BUSY;
}

void x540_unlock(struct x540 *card, uint32_t locks)
{
    /* Without the semaphore the locks are given back all the same: nobody else writes our bits. */
    enum err err = both_take(card);

    x540_change(card, SW_FW_SYNC, locks, 0);
    if (!err)
        both_give(card);
    tsc_wait_us(SETTLE_US);
}

void x540_lock_break(struct x540 *card)
{
    /* Reading takes a free one, so that what is dropped here is ours or a dead driver's. */
    (void)mmio_read32(card->regs, SWSM);
    if (card->family->has_regsmp)
        (void)mmio_read32(card->regs, SW_FW_SYNC);
    else
        x540_change(card, SWSM, 0, SWSM_SWESMBI);
    x540_change(card, SW_FW_SYNC, SW_FW_SYNC_SW_ALL | SW_FW_SYNC_REGSMP, 0);
    mmio_write32(card->regs, SWSM, 0);
    tsc_wait_us(SETTLE_US);
}
