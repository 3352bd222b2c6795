/* SPDX-License-Identifier: BSD-2-Clause
 * The software semaphores (SWSM, SW_FW_SYNC), which are taken by the read that returns 0, and the
 * mailbox to the firmware (HICR, FLEX_MNG), which answers every command with success.
 */
#include "x540_internal.h"

#define FIRMWARE_BITS 0x000061F0u /* FLASH_SM and the FW_* bits: not software's */
#define HELD_TOO_LONG_NS 1000000000ull
#define FIRMWARE_NS 10000

enum { STUCK_SMBI = 1, STUCK_REGSMP, STUCK_PHY }; /* X540_EVIL_SEMAPHORE_STUCK */

static bool is_stuck(const struct x540 *card, uint64_t which)
{
    return card->evil[X540_EVIL_SEMAPHORE_STUCK] == which;
}

uint32_t x540_swsm_read(struct x540 *card)
{
    uint32_t value = REG(card, SWSM);

    if (is_stuck(card, STUCK_SMBI))
        return value | SWSM_SMBI;
    REG(card, SWSM) |= SWSM_SMBI;
    if (!(value & SWSM_SMBI)) {
        card->smbi = true;
        card->smbi_since = card->now;
    }
    return value;
}

void x540_swsm_write(struct x540 *card, uint32_t value)
{
    if (!(value & SWSM_SMBI))
        card->smbi = false;
    if (is_stuck(card, STUCK_REGSMP))
        value &= ~SWSM_SWESMBI;
    REG(card, SWSM) = (value & SWSM_SWESMBI) | (card->smbi ? SWSM_SMBI : 0);
}

/* The X540 guards SW_FW_SYNC by SMBI and REGSMP, the 82599 by SMBI and SWESMBI. */
static bool has_regsmp(const struct x540 *card)
{
    return card->config.kind != X540_82599;
}

static uint32_t phy_lock(const struct x540 *card)
{
    return card->config.lan_id ? SYNC_PHY1 : SYNC_PHY0;
}

uint32_t x540_sync_read(struct x540 *card)
{
    uint32_t value = REG(card, SWFW_SYNC);

    if (!card->smbi)
        x540_complain(card, RULE_SYNC_WITHOUT_SMBI, "SW_FW_SYNC read without SWSM.SMBI");
    if (is_stuck(card, STUCK_REGSMP))
        return value | (has_regsmp(card) ? SYNC_REGSMP : 0);
    if (is_stuck(card, STUCK_PHY))
        value |= phy_lock(card);
    if (has_regsmp(card) && !(value & SYNC_REGSMP)) {
        REG(card, SWFW_SYNC) |= SYNC_REGSMP;
        card->regsmp = true;
        card->regsmp_since = card->now;
    }
    return value;
}

void x540_sync_write(struct x540 *card, uint32_t value)
{
    uint32_t old = REG(card, SWFW_SYNC);

    if (!card->smbi)
        x540_complain(card, RULE_SYNC_WITHOUT_SMBI, "SW_FW_SYNC = 0x%08x without SWSM.SMBI", value);
    if (has_regsmp(card) ? !card->regsmp : !(REG(card, SWSM) & SWSM_SWESMBI))
        x540_complain(card, RULE_SYNC_WITHOUT_REGSMP, "SW_FW_SYNC = 0x%08x without %s", value,
                      has_regsmp(card) ? "REGSMP" : "SWESMBI");
    if ((old ^ value) & FIRMWARE_BITS)
        x540_complain(card, RULE_SYNC_STOLEN,
                      "SW_FW_SYNC = 0x%08x: was 0x%08x, bits 0x%08x are not software's", value, old,
                      FIRMWARE_BITS);
    if (!(value & SYNC_REGSMP))
        card->regsmp = false;
    REG(card, SWFW_SYNC) = (value & 0x7FFF) | (card->regsmp ? SYNC_REGSMP : 0);
}

bool x540_holds_phy(const struct x540 *card)
{
    return REG(card, SWFW_SYNC) & phy_lock(card);
}

void x540_sem_age(struct x540 *card)
{
    if (card->smbi && card->now - card->smbi_since > HELD_TOO_LONG_NS)
        x540_complain(card, RULE_SEMAPHORE_HELD, "SWSM.SMBI taken at %llu ns and still held",
                      (unsigned long long)card->smbi_since);
    if (card->regsmp && card->now - card->regsmp_since > HELD_TOO_LONG_NS)
        x540_complain(card, RULE_SEMAPHORE_HELD,
                      "SW_FW_SYNC.REGSMP taken at %llu ns and still held",
                      (unsigned long long)card->regsmp_since);
}

void x540_hicr_write(struct x540 *card, uint32_t value)
{
    uint32_t enabled = REG(card, HICR) & HICR_EN;

    REG(card, HICR) = enabled | (value & (HICR_C | HICR_SV));
    if (!(value & HICR_C))
        return;
    if (!(REG(card, SWFW_SYNC) & SYNC_SW_MNG))
        x540_complain(card, RULE_HOST_IF_SEMAPHORE, "HICR = 0x%08x with SW_FW_SYNC = 0x%08x", value,
                      REG(card, SWFW_SYNC));
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
