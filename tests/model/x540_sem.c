/* SPDX-License-Identifier: BSD-2-Clause
 * The software semaphores (SWSM, SW_FW_SYNC), which are taken by the read that returns 0, and the
 * mailbox to the firmware (HICR, FLEX_MNG), which answers every command with success.
 */
#include <stdlib.h>
#include <string.h>

#include "x540_internal.h"

#define SOFTWARE_BITS    0x00001C0Fu /* NVM, PHY 0 and 1, MAC; host interface; I2C 0 and 1 */
#define FIRMWARE_BITS    0x000063F0u /* FLASH_SM, the FW_* bits and NVM_UPDATE_STARTED */
#define FIRMWARE_LOCKS   0x000061E0u
#define SMBI_NS          1000000000ull
#define REGSMP_NS        10000000ull /* X550 11.8.4.3: after these firmware takes them */
#define LOCK_NS          1000000000ull
#define FIRMWARE_DEAD_NS 50000000ull /* 11.8.4.1: after so long software goes on without REGSMP */
#define FIRMWARE_NS      10000
#define SHARE_NS         50000ull /* how long firmware holds REGSMP to change its locks */
#define SHARE_EVERY_NS   100000ull
#define FIRMWARE_PHYS    0x000000C0u

enum { STUCK_SMBI = 1, STUCK_REGSMP, STUCK_PHY }; /* X540_EVIL_SEMAPHORE_STUCK */

/* ---- One pair for both ports of a card ---- */

bool x540_sem_create(struct x540 *card)
{
    card->sem = calloc(1, sizeof(*card->sem));
    if (card->sem)
        card->sem->cards = 1;
    return card->sem;
}

void x540_sem_leave(struct x540 *card)
{
    if (card->sem && --card->sem->cards == 0)
        free(card->sem);
    card->sem = NULL;
}

void x540_share_semaphores(struct x540 *card, struct x540 *with)
{
    if (card->sem == with->sem)
        return;
    x540_sem_leave(card);
    card->sem = with->sem;
    card->sem->cards++;
}

/* A new card; one whose other port is there already finds what that has made of the semaphores. */
void x540_sem_power_on(struct x540 *card)
{
    if (card->sem->cards == 1)
        *card->sem = (struct x540_semaphores){.cards = 1, .refused_since = NEVER};
}

/* Software's locks survive each reset (X550 11.8.4.1), SMBI does not survive that of PCIe. */
void x540_sem_pci_reset(struct x540 *card)
{
    card->sem->smbi = false;
}

/* ---- Firmware, and a driver that died: evil mode ---- */

static uint64_t until(const struct x540 *card, uint64_t ns)
{
    return ns < NEVER - card->now ? card->now + ns : NEVER;
}

void x540_sem_evil(struct x540 *card, enum x540_evil what, uint64_t arg)
{
    struct x540_semaphores *sem = card->sem;

    switch (what) {
    case X540_EVIL_FIRMWARE_REGSMP:
        sem->firmware_regsmp_until = arg ? until(card, arg) : 0;
        break;
    case X540_EVIL_FIRMWARE_LOCKS:
        sem->firmware_locks_until = arg ? until(card, arg) : 0;
        break;
    case X540_EVIL_FIRMWARE_FLIPS:
        sem->flip_every = arg;
        if (!arg)
            sem->locks &= ~FIRMWARE_LOCKS;
        break;
    case X540_EVIL_FIRMWARE_SHARES:
        sem->share_every = arg && arg < SHARE_EVERY_NS ? SHARE_EVERY_NS : arg;
        sem->share_next = card->now;
        sem->share_until = 0;
        if (!arg)
            sem->locks &= ~FIRMWARE_PHYS;
        break;
    default: /* X540_EVIL_DEAD_LOCKS: no living driver is to blame for how long they are held */
        for (uint32_t n = 0; n < 31; n++)
            if ((arg & SOFTWARE_BITS) >> n & 1)
                sem->lock_since[n] = NEVER;
        sem->locks |= (uint32_t)arg & SOFTWARE_BITS;
        if (arg & SYNC_REGSMP) {
            sem->regsmp = true;
            sem->regsmp_since = NEVER;
        }
        if (arg >> 32 & 1) {
            sem->smbi = true;
            sem->smbi_since = NEVER;
        }
        break;
    }
}

static bool is_stuck(const struct x540 *card, uint64_t which)
{
    return card->evil[X540_EVIL_SEMAPHORE_STUCK] == which;
}

static bool firmware_has_regsmp(const struct x540 *card)
{
    return is_stuck(card, STUCK_REGSMP) || card->now < card->sem->firmware_regsmp_until ||
           card->now < card->sem->share_until;
}

/* Firmware's visits to SW_FW_SYNC since the last look. While software holds REGSMP it waits. */
static void firmware_visits(struct x540 *card)
{
    struct x540_semaphores *sem = card->sem;
    uint64_t visits;

    if (!sem->share_every || sem->regsmp || card->now < sem->share_next)
        return;
    visits = (card->now - sem->share_next) / sem->share_every + 1;
    if (visits & 1)
        sem->locks ^= FIRMWARE_PHYS;
    sem->share_next += visits * sem->share_every;
    sem->share_until = sem->share_next - sem->share_every + SHARE_NS;
}

/* ---- SWSM ---- */

uint32_t x540_swsm_read(struct x540 *card)
{
    struct x540_semaphores *sem = card->sem;
    uint32_t value = (sem->smbi ? SWSM_SMBI : 0) | (sem->swesmbi ? SWSM_SWESMBI : 0);

    if (is_stuck(card, STUCK_SMBI))
        return value | SWSM_SMBI;
    if (!sem->smbi) {
        sem->smbi = true;
        sem->smbi_since = card->now;
    }
    return value;
}

void x540_swsm_write(struct x540 *card, uint32_t value)
{
    if (!(value & SWSM_SMBI))
        card->sem->smbi = false;
    card->sem->swesmbi = (value & SWSM_SWESMBI) && !firmware_has_regsmp(card);
}

/* ---- SW_FW_SYNC ---- */

/* The X540 guards SW_FW_SYNC by SMBI and REGSMP, the 82599 by SMBI and SWESMBI. */
static bool has_regsmp(const struct x540 *card)
{
    return card->config.kind != X540_82599;
}

static uint32_t phy_lock(const struct x540 *card)
{
    return card->config.lan_id ? SYNC_PHY1 : SYNC_PHY0;
}

uint32_t x540_sync(const struct x540 *card)
{
    return card->sem->locks | (card->now < card->sem->firmware_locks_until ? FIRMWARE_LOCKS : 0) |
           (is_stuck(card, STUCK_PHY) ? phy_lock(card) : 0);
}

uint32_t x540_sync_read(struct x540 *card)
{
    struct x540_semaphores *sem = card->sem;

    firmware_visits(card);
    if (!sem->smbi)
        x540_complain(card, RULE_SYNC_WITHOUT_SMBI, "SW_FW_SYNC read without SWSM.SMBI");
    if (sem->flip_every && ++sem->reads % sem->flip_every == 0)
        sem->locks ^= FIRMWARE_LOCKS;
    if (!has_regsmp(card))
        return x540_sync(card);
    if (sem->regsmp || firmware_has_regsmp(card)) {
        if (sem->refused_since == NEVER)
            sem->refused_since = card->now;
        return x540_sync(card) | SYNC_REGSMP;
    }
    sem->regsmp = true;
    sem->regsmp_since = card->now;
    sem->refused_since = NEVER;
    return x540_sync(card);
}

/* May software write SW_FW_SYNC? Yes if it holds REGSMP (SWESMBI), or was refused it for
 * FIRMWARE_DEAD_NS. */
static bool may_write(const struct x540 *card)
{
    const struct x540_semaphores *sem = card->sem;

    if (!has_regsmp(card))
        return sem->swesmbi || firmware_has_regsmp(card);
    return (sem->regsmp && sem->regsmp_since != NEVER) ||
           (sem->refused_since != NEVER && card->now - sem->refused_since >= FIRMWARE_DEAD_NS);
}

void x540_sync_write(struct x540 *card, uint32_t value)
{
    firmware_visits(card);
    struct x540_semaphores *sem = card->sem;
    uint32_t old = x540_sync(card), risen = value & ~old & SOFTWARE_BITS;

    if (!sem->smbi)
        x540_complain(card, RULE_SYNC_WITHOUT_SMBI, "SW_FW_SYNC = 0x%08x without SWSM.SMBI", value);
    if (!may_write(card))
        x540_complain(card, RULE_SYNC_WITHOUT_REGSMP, "SW_FW_SYNC = 0x%08x without %s", value,
                      has_regsmp(card) ? "REGSMP" : "SWESMBI");
    if ((old ^ value) & FIRMWARE_BITS)
        x540_complain(card, RULE_SYNC_STOLEN,
                      "SW_FW_SYNC = 0x%08x: was 0x%08x, bits 0x%08x are not software's", value, old,
                      FIRMWARE_BITS);
    if (!(value & SYNC_REGSMP)) {
        sem->regsmp = false;
        sem->refused_since = NEVER;
        if (sem->share_next < card->now)
            sem->share_next = card->now;
    }
    for (uint32_t n = 0; risen; n++, risen >>= 1)
        if (risen & 1)
            sem->lock_since[n] = card->now;
    sem->locks = value & 0x7FFF;
    if (card->now < sem->firmware_locks_until)
        sem->locks &= ~FIRMWARE_LOCKS; /* these end by themselves */
}

bool x540_holds_phy(const struct x540 *card)
{
    return x540_sync(card) & phy_lock(card);
}

static bool too_long(const struct x540 *card, uint64_t since, uint64_t limit)
{
    return since != NEVER && card->now > since && card->now - since > limit + card->config.stall_ns;
}

void x540_sem_age(struct x540 *card)
{
    const struct x540_semaphores *sem = card->sem;
    uint32_t locks = sem->locks & SOFTWARE_BITS;

    if (sem->smbi && too_long(card, sem->smbi_since, SMBI_NS))
        x540_complain(card, RULE_SEMAPHORE_HELD, "SWSM.SMBI taken at %llu ns and still held",
                      (unsigned long long)sem->smbi_since);
    if (sem->regsmp && too_long(card, sem->regsmp_since, REGSMP_NS))
        x540_complain(card, RULE_REGSMP_HELD,
                      "SW_FW_SYNC.REGSMP taken at %llu ns and still held at %llu ns",
                      (unsigned long long)sem->regsmp_since, (unsigned long long)card->now);
    for (uint32_t n = 0; locks; n++, locks >>= 1)
        if ((locks & 1) && too_long(card, sem->lock_since[n], LOCK_NS))
            x540_complain(card, RULE_LOCK_HELD,
                          "SW_FW_SYNC bit %u taken at %llu ns and still held at %llu ns", n,
                          (unsigned long long)sem->lock_since[n], (unsigned long long)card->now);
}

void x540_hicr_write(struct x540 *card, uint32_t value)
{
    uint32_t enabled = REG(card, HICR) & HICR_EN;

    REG(card, HICR) = enabled | (value & (HICR_C | HICR_SV));
    if (!(value & HICR_C))
        return;
    if (!(x540_sync(card) & SYNC_SW_MNG))
        x540_complain(card, RULE_HOST_IF_SEMAPHORE, "HICR = 0x%08x with SW_FW_SYNC = 0x%08x", value,
                      x540_sync(card));
    REG(card, HICR) &= ~HICR_SV;
    x540_plan(card, EV_FIRMWARE, FIRMWARE_NS);
}

/* The answer repeats the command's code, carries no data and says success (status 1). */
void x540_firmware_done(struct x540 *card)
{
    uint32_t command = REG(card, FLEX_MNG) & 0xFF;
    uint32_t sum = command + 1;

    REG(card, FLEX_MNG) = command | 1u << 16 | (0x100u - (sum & 0xFF)) << 24;
    REG(card, HICR) = (REG(card, HICR) & ~HICR_C) | HICR_SV;
}
