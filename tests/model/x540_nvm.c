/* SPDX-License-Identifier: BSD-2-Clause
 * The NVM: an image with a valid checksum, read by EERD, written to the shadow RAM by EEWR and from
 * there to the flash by EEC.FLUP. Without that last step a reset loses what was written.
 */
#include <string.h>

#include "x540_internal.h"

#define NVM_NS        1000
#define FLASH_NS      100000
#define NVM_SIZE_CODE 5 /* EEC.SIZE: 1 << (5 + 6) words */
_Static_assert(NVM_WORDS == 1u << (NVM_SIZE_CODE + 6), "EEC.SIZE does not fit NVM_WORDS");

#define WORD_CHECKSUM   0x3F
#define CHECKSUM_TARGET 0xBABA

/* Facts, section 2: words 0x00-0x3E, and the sections behind pointers 0x03-0x0E except 0x04 and
 * 0x05, whose first word is their length (itself not counted). */
static uint16_t checksum(const uint16_t *words)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < WORD_CHECKSUM; i++)
        sum += words[i];
    for (uint32_t i = 0x03; i <= 0x0E; i++) {
        uint32_t at = words[i];

        if (i == 0x04 || i == 0x05 || at == 0 || at >= NVM_WORDS)
            continue;
        if (words[at] == 0 || words[at] == 0xFFFF || at + words[at] >= NVM_WORDS)
            continue;
        for (uint32_t k = 1; k <= words[at]; k++)
            sum += words[at + k];
    }
    return (uint16_t)(CHECKSUM_TARGET - sum);
}

static void put_section(uint16_t *words, uint32_t pointer, uint16_t at, uint16_t length)
{
    words[pointer] = at;
    words[at] = length;
    for (uint16_t k = 1; k <= length; k++)
        words[at + k] = (uint16_t)(x540_junk(pointer << 8 | k) & 0x0FFF);
}

void x540_nvm_image(struct x540 *card)
{
    /* The part number: 0xFAFA in word 0x15 says that word 0x16 points to a string, whose first
     * word is its length in words, itself included. */
    static const char part[] = "FERRUL-540";
    const uint8_t *mac = card->config.mac;
    uint16_t *words = card->flash;

    memset(words, 0xFF, sizeof(card->flash));
    words[0x00] = 0x2040;
    for (uint32_t i = 0x03; i <= 0x0F; i++)
        words[i] = 0xFFFF;
    put_section(words, 0x06, 0x100, 12); /* PCIe general */
    put_section(words, 0x07, 0x110, 6);  /* PCIe configuration, port 0 and 1 */
    put_section(words, 0x08, 0x118, 6);
    put_section(words, 0x09, 0x120, 8); /* core, port 0 and 1: the address stands in words 1-3 */
    put_section(words, 0x0A, 0x130, 8);
    put_section(words, 0x0B, 0x140, 5); /* MAC, port 0 and 1 */
    put_section(words, 0x0C, 0x148, 5);
    for (uint32_t i = 0; i < 3; i++)
        words[0x121 + i] = words[0x131 + i] = (uint16_t)(mac[2 * i] | mac[2 * i + 1] << 8);
    words[0x15] = 0xFAFA;
    words[0x16] = 0x160;
    words[0x160] = 1 + (sizeof(part) - 1) / 2;
    for (uint32_t i = 0; i + 1 < sizeof(part); i += 2)
        words[0x161 + i / 2] = (uint16_t)((uint8_t)part[i] << 8 | (uint8_t)part[i + 1]);
    words[0x17] = words[0x1B] = 0xFFFF; /* no option ROM and no maker's version blocks */
    words[0x28] = 0xFFFF;               /* no SAN address */
    words[0x2C] = 0x0000;               /* device capabilities */
    words[0x2D] = 0x0540;               /* image id, low and high */
    words[0x2E] = 0x8000;
    words[0x37] = 0xFFFF; /* no alternate address */
    words[0x38] = 0x0000; /* no wake-up */
    words[WORD_CHECKSUM] = checksum(words);
}

void x540_nvm_load(struct x540 *card)
{
    memcpy(card->shadow, card->flash, sizeof(card->shadow));
    if (card->evil[X540_EVIL_NVM_CHECKSUM])
        card->shadow[WORD_CHECKSUM] ^= 0x0100;
    REG(card, EEC) |= EEC_FLUDONE;
}

static bool may_use(struct x540 *card, const char *name, uint32_t value)
{
    if (!(x540_sync(card) & SYNC_EEP))
        x540_complain(card, RULE_NVM_SEMAPHORE,
                      "%s = 0x%08x with SW_FW_SYNC = 0x%08x: EEP not held", name, value,
                      x540_sync(card));
    if (!card->loaded)
        x540_complain(card, RULE_NVM_NOT_LOADED, "%s = 0x%08x before EEC.ARD is 1", name, value);
    if (card->due[EV_NVM] != NEVER) {
        x540_complain(card, RULE_NVM_BUSY, "%s = 0x%08x before DONE of the last access", name,
                      value);
        return false;
    }
    return true;
}

void x540_eerd_write(struct x540 *card, uint32_t value)
{
    if (!may_use(card, "EERD", value))
        return;
    REG(card, EERD) = value & EE_ADDR;
    if (!(value & EE_START) || card->config.kind == X540_X550)
        return; /* the X550 reads its NVM by the host interface */
    REG(card, EERD) |= EE_START;
    x540_plan(card, EV_NVM, NVM_NS);
}

void x540_eewr_write(struct x540 *card, uint32_t value)
{
    if (!may_use(card, "EEWR", value))
        return;
    REG(card, EEWR) = value & ~EE_DONE;
    if (value & EE_START)
        x540_plan(card, EV_NVM, NVM_NS);
}

void x540_nvm_done(struct x540 *card)
{
    uint32_t eerd = REG(card, EERD), eewr = REG(card, EEWR), at;

    if (card->evil[X540_EVIL_EERD_STUCK])
        return;
    if (eerd & EE_START) {
        at = GET(EE_ADDR, eerd);
        REG(card, EERD) = (eerd & EE_ADDR) | EE_DONE |
                          (uint32_t)(at < NVM_WORDS ? card->shadow[at] : 0xFFFF) << 16;
    }
    if (eewr & EE_START) {
        at = GET(EE_ADDR, eewr);
        if (at < NVM_WORDS)
            card->shadow[at] = (uint16_t)(eewr >> 16);
        REG(card, EEWR) = (eewr & ~EE_START) | EE_DONE;
    }
}

uint32_t x540_eec_read(struct x540 *card)
{
    uint32_t value =
        (REG(card, EEC) & (EEC_REQ | EEC_FLUP | EEC_FLUDONE)) | EEC_SIZE(NVM_SIZE_CODE);

    if (!card->evil[X540_EVIL_NVM_ABSENT])
        value |= EEC_PRES;
    if (card->config.kind == X540_X550)
        value |= BIT(27); /* reserved, and 1 */
    if (value & EEC_REQ)
        value |= EEC_GNT;
    if (card->loaded && !card->evil[X540_EVIL_EEC_STUCK]) {
        value |= EEC_ARD | EEC_DONE;
        card->ard_polled = true;
    }
    return value;
}

void x540_eec_write(struct x540 *card, uint32_t value)
{
    REG(card, EEC) = (REG(card, EEC) & ~EEC_REQ) | (value & EEC_REQ);
    if (value & EEC_FLUP) {
        REG(card, EEC) = (REG(card, EEC) | EEC_FLUP) & ~EEC_FLUDONE;
        x540_plan(card, EV_FLASH, FLASH_NS);
    }
}

void x540_flash_done(struct x540 *card)
{
    memcpy(card->flash, card->shadow, sizeof(card->flash));
    REG(card, EEC) = (REG(card, EEC) & ~EEC_FLUP) | EEC_FLUDONE;
}
