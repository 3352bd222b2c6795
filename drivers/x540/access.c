/* SPDX-License-Identifier: BSD-2-Clause
 * Registers of the card with a limit and a name: read, change, write; wait for a value. What every file
 * of this folder stands on.
 */
#include "drivers/x540/x540.h"
#include "arch/cpu.h"
#include "arch/tsc.h"
#include "kernel/log/log.h"

void x540_change(struct x540 *card, uint32_t offset, uint32_t clear, uint32_t set)
{
    mmio_write32(card->regs, offset, (mmio_read32(card->regs, offset) & ~clear) | set);
}

enum err x540_wait(struct x540 *card, uint32_t offset, uint32_t mask, uint32_t want,
                   uint32_t limit_us, const char *name)
{
    uint64_t start = cpu_tsc(), limit = tsc_ticks(limit_us * 1000ull);
    bool is_last = false;

    for (;;) {
        uint32_t value = mmio_read32(card->regs, offset);
        if (value != 0xFFFFFFFFu && (value & mask) == want)
            return OK;
        if (is_last) {
            log_error("x540 p%u: %s (0x%05x) reads 0x%08x after %u us, 0x%08x of 0x%08x expected",
                      card->port->index, name, offset, value, limit_us, want, mask);
            return ERR_TIMEOUT;
        }
        is_last = cpu_tsc() - start >= limit; /* one more look, should we have been held up */
        tsc_wait_us(1);
    }
}
