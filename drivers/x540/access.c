/* SPDX-License-Identifier: BSD-2-Clause
 * Access to the card's registers, used by every file of this folder: change some bits of a
 * register, wait for a value with a limit. And the registers that `show card` reads.
 */
#include "drivers/x540/x540.h"
#include "arch/cpu.h"
#include "arch/tsc.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

void x540_change(struct x540 *card, uint32_t offset, uint32_t clear, uint32_t set)
{
    task_pay(TASK_READ + TASK_WRITE);
    mmio_write32(card->regs, offset, (mmio_read32(card->regs, offset) & ~clear) | set);
}

enum err x540_poll(struct x540 *card, uint32_t offset, uint32_t mask, uint32_t want,
                   uint32_t limit_us, uint32_t *value)
{
    uint64_t start = cpu_tsc(), limit = tsc_ticks(limit_us * 1000ull);
    bool is_last = false;

    for (;;) {
        *value = x540_read(card, offset);
        if (*value != 0xFFFFFFFFu && (*value & mask) == want)
            return OK;
        if (is_last)
            return ERR_TIMEOUT;
        is_last = cpu_tsc() - start >= limit; /* one more read: this core may have been delayed */
        task_wait_us(1);
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
    uint32_t value = x540_read(card, head);

    if (value == 0)
        return OK;
    log_error("x540 p%u: %s (0x%05x) reads 0x%08x after the queue was enabled, 0 expected",
              card->port->index, name, head, value);
    return ERR_BAD_VALUE;
}

/* Not here: what reading changes (statistics, EICR; SWSM and SW_FW_SYNC, whose reader takes a
 * semaphore) and what cannot be read (EIMC). */
/* clang-format off */
#define ONE(name) {#name, name, 0, 1}
#define SOME(name, n) {#name, name(0), name(1) - name(0), n}
static const struct registers {
    char name[12];
    uint32_t offset, step, n;
} of_card[] = {
    ONE(STATUS), ONE(CTRL), ONE(CTRL_EXT), ONE(EEC), ONE(EEMNGCTL), ONE(EERD), ONE(FWSM),
    ONE(GCR_EXT), ONE(MSCA), ONE(MSRWD), ONE(HLREG0), ONE(LINKS), ONE(MMNGC),
    ONE(MFLCN), ONE(MACC), ONE(FCCFG), SOME(FCTTV, 4), SOME(FCRTL, 8), SOME(FCRTH, 8), ONE(FCRTV),
    ONE(EICS), ONE(EIMS), SOME(EIMS_EX, 2), ONE(EIAC), SOME(EIAM_EX, 2), ONE(GPIE), SOME(IVAR, 16),
    ONE(IVAR_MISC), SOME(EITR, 18), ONE(FCTRL), ONE(VLNCTRL), ONE(MCSTCTRL), ONE(RXCSUM), ONE(RFCTL),
    SOME(RAL, 1), SOME(RAH, 1), SOME(ETQF, 8), SOME(ETQS, 8), ONE(MRQC), SOME(RETA, 4),
    ONE(RDRXCTL), ONE(RXCTRL), SOME(RXPBSIZE, 8), ONE(SECRXCTRL), ONE(SECRXSTAT), ONE(DMATXCTL),
    ONE(DTXMXSZRQ), SOME(TXPBSIZE, 8), SOME(TXPBTHRESH, 8), ONE(MTQC), ONE(RTTDCS), ONE(PFDTXGSWC),
}, of_82599[] = {
    ONE(DCA_CTRL),
}, of_queue[] = {
    SOME(RDBAL, 1), SOME(RDBAH, 1), SOME(RDLEN, 1), SOME(RDH, 1), SOME(RDT, 1), SOME(RXDCTL, 1),
    SOME(SRRCTL, 1), SOME(RSCCTL, 1), SOME(DCA_RXCTRL, 1), SOME(TDBAL, 1), SOME(TDBAH, 1),
    SOME(TDLEN, 1), SOME(TDH, 1), SOME(TDT, 1), SOME(TXDCTL, 1), SOME(TDWBAL, 1), SOME(TDWBAH, 1),
    SOME(DCA_TXCTRL, 1),
};
#undef ONE
#undef SOME
/* clang-format on */

/* Is the i-th register in this table? Else *i is reduced by their number. q: of the queue. */
static bool find_register(const struct registers *table, size_t rows, unsigned *i, unsigned q,
                          struct port_register *out)
{
    for (size_t row = 0; row < rows; row++) {
        const struct registers *r = &table[row];
        unsigned at = r->n == 1 ? q : *i;

        if (*i < r->n) {
            *out = (struct port_register){r->name, r->step ? at : UINT32_MAX,
                                          r->offset + r->step * at, 0};
            return true;
        }
        *i -= r->n;
    }
    return false;
}

bool x540_read_register(struct port *port, unsigned i, unsigned q, struct port_register *out)
{
    struct x540 *card = port->driver_state;

    if (!card || !card->is_mapped)
        return false;
    if (!find_register(of_card, ARRAY_SIZE(of_card), &i, 0, out) &&
        (!card->family->has_82599_bits ||
         !find_register(of_82599, ARRAY_SIZE(of_82599), &i, 0, out)) &&
        !find_register(of_queue, ARRAY_SIZE(of_queue), &i, q, out))
        return false;
    /* The queues' rows are in two pieces (X550 8.2.2.9). */
    if (out->index >= 64 && out->index != UINT32_MAX && out->offset < TXQ(0))
        out->offset += RXQ(64) - 64 * (RXQ(1) - RXQ(0)) - RXQ(0);
    out->value = x540_read(card, out->offset);
    return true;
}
