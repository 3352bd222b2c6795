/* SPDX-License-Identifier: BSD-2-Clause
 * Access to the card's registers, used by every file of this folder: change some bits of a
 * register, wait for a value with a limit.
 */
#include "drivers/x540/x540.h"
#include "arch/cpu.h"
#include "arch/tsc.h"
#include "kernel/log/log.h"

void x540_change(struct x540 *card, uint32_t offset, uint32_t clear, uint32_t set)
{
    mmio_write32(card->regs, offset, (mmio_read32(card->regs, offset) & ~clear) | set);
}

enum err x540_poll(struct x540 *card, uint32_t offset, uint32_t mask, uint32_t want,
                   uint32_t limit_us, uint32_t *value)
{
    uint64_t start = cpu_tsc(), limit = tsc_ticks(limit_us * 1000ull);
    bool is_last = false;

    for (;;) {
        *value = mmio_read32(card->regs, offset);
        if (*value != 0xFFFFFFFFu && (*value & mask) == want)
            return OK;
        if (is_last)
            return ERR_TIMEOUT;
        is_last = cpu_tsc() - start >= limit; /* one more read: this core may have been delayed */
        tsc_wait_us(1);
    }
}

enum err x540_wait(struct x540 *card, uint32_t offset, uint32_t mask, uint32_t want,
                   uint32_t limit_us, const char *name)
{
    uint32_t value = 0;
    enum err err = x540_poll(card, offset, mask, want, limit_us, &value);

    if (err)
        log_error("x540 p%u: %s (0x%05x) reads 0x%08x after %u us, 0x%08x of 0x%08x expected",
                  card->port->index, name, offset, value, limit_us, want, mask);
    return err;
}

enum err x540_refuse(struct x540 *card, enum err err)
{
    unsigned port = card->port->index;

    if (!err)
        return OK;
    if (!card->is_forced) {
        log_error("x540 p%u: boot with port%u.force=on to use the card all the same", port, port);
        return err;
    }
    log_warn("x540 p%u: port%u.force=on: the card is used all the same", port, port);
    return OK;
}

/* X550 8.2.2.9.4, 8.2.2.10.8 */
enum err x540_starts_at_0(struct x540 *card, uint32_t head, const char *name)
{
    uint32_t value = mmio_read32(card->regs, head);

    if (value == 0)
        return OK;
    log_error("x540 p%u: %s (0x%05x) reads 0x%08x after the queue was enabled, 0 expected",
              card->port->index, name, head, value);
    return ERR_BAD_VALUE;
}
