/* SPDX-License-Identifier: BSD-2-Clause
 * The NVM: words of 16 bits, read one at a time through EERD under the NVM lock. The card loads its
 * settings from it at reset; the driver only checks its checksum.
 */
#include "drivers/x540/x540.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

enum {
    EERD_LIMIT_US = 500000,
    NVM_CHECKSUM_WORD = 0x3F,
    NVM_POINTER_FIRST = 0x03,
    NVM_POINTER_LAST = 0x0E,
    NVM_POINTER_PHY = 0x04, /* these two sections are left out of the sum */
    NVM_POINTER_OPTION_ROM = 0x05,
    NVM_SUM = 0xBABA,
    NVM_WORDS_MAX = 0x4000, /* EERD.ADDR has 14 bits */
    NVM_SIZE_SHIFT = 6,
    NVM_WORDS_A_LOCK = 512, /* then the lock is released briefly, for the firmware */
};

/* Read a word under the NVM lock; *left counts the reads until the lock is released briefly. After
 * an error the lock is not held. The X550 has no EERD (X550 11.8.3). */
static enum err read_word(struct x540 *card, uint32_t address, uint32_t *left, uint16_t *word)
{
    if ((*left)-- == 0) {
        x540_unlock(card, SW_FW_SYNC_EEP);
        enum err err = x540_lock(card, SW_FW_SYNC_EEP);
        if (err)
            return err;
        *left = NVM_WORDS_A_LOCK - 1;
    }
    x540_write(card, EERD, FIELD_PUT(EERD_ADDR, address) | EERD_START);
    enum err err = x540_wait(card, EERD, EERD_DONE, EERD_DONE, EERD_LIMIT_US, "EERD.DONE");
    if (err)
        x540_unlock(card, SW_FW_SYNC_EEP);
    else
        *word = (uint16_t)FIELD_GET(EERD_DATA, x540_read(card, EERD));
    return err;
}

/* In words (X550 8.2.2.2.1). */
static uint32_t nvm_size(struct x540 *card)
{
    uint32_t code = FIELD_GET(EEC_SIZE, x540_read(card, EEC));

    return MIN(1u << (code + NVM_SIZE_SHIFT), NVM_WORDS_MAX);
}

/* Sum words 0..0x3E and the sections that words 0x03..0x0E point to, whose first word is their
 * length (tests/model/FACTS.md section 2). A section that does not lie within the NVM is left out,
 * as in the sum of those who write the image. */
static enum err sum_words(struct x540 *card, uint16_t *sum, uint16_t *stored)
{
    uint32_t left = NVM_WORDS_A_LOCK, size = nvm_size(card);
    enum err err = OK;
    uint16_t pointer[NVM_POINTER_LAST + 1] = {0};

    *sum = 0;
    for (uint32_t i = 0; i < NVM_CHECKSUM_WORD && !err; i++) {
        uint16_t word = 0;
        err = read_word(card, i, &left, &word);
        *sum = (uint16_t)(*sum + word);
        if (i >= NVM_POINTER_FIRST && i <= NVM_POINTER_LAST)
            pointer[i] = word;
    }
    for (uint32_t i = NVM_POINTER_FIRST; i <= NVM_POINTER_LAST && !err; i++) {
        uint16_t length = 0;

        if (i == NVM_POINTER_PHY || i == NVM_POINTER_OPTION_ROM)
            continue;
        if (pointer[i] == 0 || pointer[i] >= size) /* 0xFFFF among them: no section */
            continue;
        err = read_word(card, pointer[i], &left, &length);
        if (err || length == 0 || pointer[i] + length >= size)
            continue;
        for (uint32_t w = 1; w <= length && !err; w++) {
            uint16_t word = 0;
            err = read_word(card, pointer[i] + w, &left, &word);
            *sum = (uint16_t)(*sum + word);
        }
    }
    return err ? err : read_word(card, NVM_CHECKSUM_WORD, &left, stored);
}

enum err x540_nvm_check(struct x540 *card)
{
    uint16_t sum = 0, stored = 0;

    if (!card->family->has_eerd) {
        log_debug("x540 p%u: NVM checksum is left to the firmware on this card", card->port->index);
        return OK;
    }
    enum err err = x540_lock(card, SW_FW_SYNC_EEP);
    if (err)
        return err;
    err = sum_words(card, &sum, &stored);
    if (err)
        return err;
    x540_unlock(card, SW_FW_SYNC_EEP);
    if ((uint16_t)(sum + stored) != NVM_SUM) {
        log_error("x540 p%u: NVM checksum word 0x3F is 0x%04x, 0x%04x expected: the card's "
                  "settings cannot be trusted",
                  card->port->index, stored, (uint16_t)(NVM_SUM - sum));
        return ERR_BAD_VALUE;
    }
    return OK;
}

void x540_nvm_log(struct x540 *card)
{
    uint32_t left = NVM_CHECKSUM_WORD + 1;
    enum err err = card->family->has_eerd ? x540_lock(card, SW_FW_SYNC_EEP) : ERR_NO_DEVICE;

    for (uint32_t i = 0; i <= NVM_CHECKSUM_WORD && !err; i += 8) {
        uint16_t word[8] = {0};

        for (uint32_t k = 0; k < 8 && !err; k++)
            err = read_word(card, i + k, &left, &word[k]);
        if (!err)
            log_info("x540 p%u: NVM 0x%02x: %04x %04x %04x %04x %04x %04x %04x %04x",
                     card->port->index, i, word[0], word[1], word[2], word[3], word[4], word[5],
                     word[6], word[7]);
    }
    if (!err)
        x540_unlock(card, SW_FW_SYNC_EEP);
}
