/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts: MSI-X, one vector for each receive queue and vector 0 for all else. A queue's vector
 * masks itself as its message goes out (EIAM_EX) and its queue's cause clears with it (EIAC), so that
 * the handler need not touch the card: the core polls its queue dry and arms the vector again. An
 * event in between is kept as a cause, and fires the moment that the vector is armed: no wake-up is
 * lost. Vector 0 is not masked by its message (EIAM_EX mirrors the queues' 16 bits of EIAM alone,
 * X550 7.3.1.1); it sends one message an assertion.
 */
#include "drivers/x540/x540.h"
#include "drivers/x540/regs.h"
#include "kernel/log/log.h"

enum {
    MSIX_CONTROL = 2, /* in the capability: message control, table, pending bits */
    MSIX_TABLE = 4,
    MSIX_ENTRY_BYTES = 16,
    ENTRY_ADDRESS = 0,
    ENTRY_ADDRESS_HIGH = 4,
    ENTRY_DATA = 8,
    ENTRY_CONTROL = 12,
    /* 10 us between two messages of a queue's vector, give or take one: a storm cannot take a core,
     * and a lone frame waits for nothing, since the interval counts from the last message. What
     * vector 0 tells of is not urgent: 500 us, as Linux has it. */
    INTERVAL_UNITS = 5,
    INTERVAL_UNITS_OTHER = 244,
};
#define MSIX_CONTROL_SIZE FIELD(10, 0)
#define MSIX_CONTROL_MASK BIT(14)
#define MSIX_CONTROL_ENABLE BIT(15)
#define MSIX_TABLE_BAR FIELD(2, 0)
#define ENTRY_MASKED BIT(0)

/* Find the table, every entry masked, and switch MSI-X on. Once. */
static enum err open_table(struct x540 *card)
{
    uint32_t at = pci_capability(&card->pci, PCI_CAP_MSIX);
    uint64_t bytes = 0;
    mmio_t bar;

    if (at == 0) {
        log_error("x540 p%u: no MSI-X capability", card->port->index);
        return ERR_UNSUPPORTED;
    }
    uint16_t control = pci_read16(&card->pci, at + MSIX_CONTROL);
    uint32_t where = pci_read32(&card->pci, at + MSIX_TABLE);
    uint32_t entries = FIELD_GET(MSIX_CONTROL_SIZE, control) + 1;
    enum err err = pci_map_bar(&card->pci, FIELD_GET(MSIX_TABLE_BAR, where), &bar, &bytes);
    if (err)
        return err;
    if (entries < 1 + QUEUES_MAX ||
        (where & ~MSIX_TABLE_BAR) + (uint64_t)entries * MSIX_ENTRY_BYTES > bytes) {
        log_error("x540 p%u: MSI-X table of %u entries at 0x%x of 0x%lx bytes, %u entries needed",
                  card->port->index, entries, where & ~MSIX_TABLE_BAR, bytes, 1 + QUEUES_MAX);
        return ERR_BAD_VALUE;
    }
    card->msix = mmio_at(bar, where & ~MSIX_TABLE_BAR);
    for (uint32_t i = 0; i < entries; i++)
        mmio_write32(card->msix, i * MSIX_ENTRY_BYTES + ENTRY_CONTROL, ENTRY_MASKED);
    pci_write16(&card->pci, at + MSIX_CONTROL,
                (uint16_t)((control & ~MSIX_CONTROL_MASK) | MSIX_CONTROL_ENABLE));
    card->has_msix = true;
    return OK;
}

void x540_intr_init(struct x540 *card)
{
    mmio_t regs = card->regs;

    if (!card->has_msix)
        return;
    mmio_write32(regs, GPIE, GPIE_MSIX_MODE | GPIE_PBA_SUPPORT | GPIE_OCD | GPIE_EIAME);
    /* Receive queue q to vector q + 1. Transmit queues interrupt nobody: the core that sends looks
     * at their head words anyway. */
    for (uint32_t n = 0; n < QUEUES_MAX / 2; n++)
        mmio_write32(regs, IVAR(n),
                     (IVAR_VALID | (2 * n + 1)) | (IVAR_VALID | (2 * n + 2)) << 16);
    mmio_write32(regs, IVAR_MISC, (IVAR_VALID | 0) << 8);
    mmio_write32(regs, EIAC, EIAC_RTXQ);
    mmio_write32(regs, EIAM_EX(0), 0xFFFFFFFFu);
    mmio_write32(regs, EIAM_EX(1), 0xFFFFFFFFu);
    for (uint32_t v = 0; v <= QUEUES_MAX; v++)
        mmio_write32(regs, EITR(v),
                     FIELD_PUT(EITR_INTERVAL, v == 0 ? INTERVAL_UNITS_OTHER : INTERVAL_UNITS));
    /* Causes of an earlier life are cleared before any is enabled (X550 4.6.6.2). */
    mmio_write32(regs, EICR, 0xFFFFFFFFu);
    card->link_moved = false;
    card->link_cause_seen = true; /* it may have been among them */
}

enum err x540_irq_set(struct port *port, unsigned vector, uint64_t address, uint32_t data)
{
    struct x540 *card = port->driver_state;

    if (vector > QUEUES_MAX)
        return ERR_BAD_VALUE;
    if (!card->has_msix) {
        enum err err = open_table(card);
        if (err)
            return err;
        x540_intr_init(card);
    }
    mmio_t entry = mmio_at(card->msix, vector * MSIX_ENTRY_BYTES);
    mmio_write32(entry, ENTRY_CONTROL, ENTRY_MASKED); /* never sent half-written */
    mmio_write32(entry, ENTRY_ADDRESS, (uint32_t)address);
    mmio_write32(entry, ENTRY_ADDRESS_HIGH, (uint32_t)(address >> 32));
    mmio_write32(entry, ENTRY_DATA, data);
    mmio_write32(entry, ENTRY_CONTROL, 0);
    (void)mmio_read32(entry, ENTRY_CONTROL); /* in force once it has been read (X550 3.1.2.5) */
    return OK;
}

/* Link, memory errors, and heat where the firmware vouches for the sensor. Not lost frames: their
 * cause rises with each of them, and MPC counts them. */
static uint32_t other_causes(const struct x540 *card)
{
    return CAUSE_LSC | CAUSE_ECC | (card->has_thermal_events ? CAUSE_TS : 0);
}

void x540_irq_arm(struct port *port, unsigned vector)
{
    struct x540 *card = port->driver_state;

    if (vector == 0)
        mmio_write32(card->regs, EIMS, other_causes(card));
    mmio_write32(card->regs, EIMS_EX(vector / 32), 1u << vector % 32);
}

/* Two ways to learn the causes. EICS shows them and clears nothing on the cards that Linux reads it
 * on, but the documents call it write-only. Reading EICR clears bits 29:16 alone with GPIE.OCD (X550
 * 7.3.1.3); Linux avoids it, and where that were wrong it would cost queues a wake-up. So EICS, until
 * it has failed to tell of a link change that LINKS has shown. */
static uint32_t read_causes(struct x540 *card)
{
    if (!card->reads_eicr) {
        uint32_t causes = mmio_read32(card->regs, EICS);

        if (causes & CAUSE_LSC)
            card->link_cause_seen = true;
        if ((causes & CAUSE_LSC) || !card->link_moved)
            return causes;
        log_warn("x540 p%u: EICS (0x%05x) reads 0x%08x after the link has changed: EICR is read "
                 "from now on",
                 card->port->index, EICS, causes);
        card->reads_eicr = true;
    }
    return mmio_read32(card->regs, EICR);
}

/* Spurious without the sensor's own state (X550 5.7.3.1). */
static bool is_news_of_heat(struct x540 *card, uint32_t causes)
{
    if (!(causes & CAUSE_TS) || !card->has_thermal_events || card->heat_is_said ||
        !(mmio_read32(card->regs, STATUS) & STATUS_HOT))
        return false;
    card->heat_is_said = true;
    return true;
}

uint32_t x540_irq_causes(struct port *port)
{
    struct x540 *card = port->driver_state;
    uint32_t causes = read_causes(card) & ~CAUSE_QUEUES;

    card->link_moved = false;
    if (causes == (0xFFFFFFFFu & ~CAUSE_QUEUES))
        return 0; /* the card is gone; poll_link will say so */
    mmio_write32(card->regs, EICR, causes);
    return (causes & CAUSE_LSC ? CAUSE_LINK_CHANGED : 0) |
           (causes & CAUSE_ECC ? CAUSE_NEEDS_RESET : 0) |
           (is_news_of_heat(card, causes) ? CAUSE_TOO_HOT : 0);
}
