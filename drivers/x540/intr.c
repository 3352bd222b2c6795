/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts: MSI-X, one vector for each receive queue and vector 0 for all else. A vector masks
 * itself as its message goes out (EIAM_EX) and its queue's cause clears with it (EIAC), so that the
 * handler need not touch the card: the core polls its queue dry and arms the vector again. An event
 * in between is kept as a cause, and fires the moment that the vector is armed: no wake-up is lost.
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
    /* At least 10 us between two messages of a vector: a storm cannot take a core, and a lone frame
     * waits for nothing, since the interval counts from the last message. */
    INTERVAL_UNITS = 5,
};
#define MSIX_CONTROL_SIZE FIELD(10, 0)
#define MSIX_CONTROL_MASK BIT(14)
#define MSIX_CONTROL_ENABLE BIT(15)
#define MSIX_TABLE_BAR FIELD(2, 0)
#define ENTRY_MASKED BIT(0)
#define OTHER_CAUSES (CAUSE_LSC | CAUSE_TS | CAUSE_ECC | CAUSE_RX_MISS)

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
        mmio_write32(regs, EITR(v), FIELD_PUT(EITR_INTERVAL, INTERVAL_UNITS));
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
    return OK;
}

void x540_irq_arm(struct port *port, unsigned vector)
{
    struct x540 *card = port->driver_state;

    if (vector == 0)
        mmio_write32(card->regs, EIMS, OTHER_CAUSES);
    mmio_write32(card->regs, EIMS_EX(vector / 32), 1u << vector % 32);
}

uint32_t x540_irq_causes(struct port *port)
{
    struct x540 *card = port->driver_state;

    /* Not EICR: reading it would clear the queues' causes too, and with them a wake-up. */
    uint32_t causes = mmio_read32(card->regs, EICS) & ~CAUSE_QUEUES;
    if (causes == (0xFFFFFFFFu & ~CAUSE_QUEUES))
        return 0; /* the card is gone; poll_link will say so */
    mmio_write32(card->regs, EICR, causes);
    return (causes & CAUSE_LSC ? CAUSE_LINK_CHANGED : 0) |
           (causes & CAUSE_ECC ? CAUSE_NEEDS_RESET : 0) | (causes & CAUSE_TS ? CAUSE_TOO_HOT : 0) |
           (causes & CAUSE_RX_MISS ? CAUSE_MISSED : 0);
}
