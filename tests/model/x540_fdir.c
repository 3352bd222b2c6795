/* SPDX-License-Identifier: BSD-2-Clause
 * Flow director.
 */
#include "x540_internal.h"

bool x540_fdir_write(struct x540 *card, uint32_t offset, uint32_t value)
{
    if (offset == FDIRCTRL) {
        REG(card, FDIRCTRL) = value & ~FDIRCTRL_INIT_DONE;
        if (value & FDIRCTRL_PBALLOC)
            x540_plan(card, EV_FDIR, card->config.enable_ns);
        x540_rx_buffer_size(card);
        return true;
    }
    return false;
}

uint32_t x540_fdir_read(struct x540 *card, uint32_t offset)
{
    return REG(card, offset);
}

void x540_fdir_match(struct x540 *card, struct packet *packet)
{
    (void)card;
    (void)packet;
}

void x540_fdir_reset(struct x540 *card)
{
    (void)card;
}

void x540_fdir_init_done(struct x540 *card)
{
    REG(card, FDIRCTRL) |= FDIRCTRL_INIT_DONE;
}
