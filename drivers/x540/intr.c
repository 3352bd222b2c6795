/* SPDX-License-Identifier: BSD-2-Clause
 * Interrupts: MSI-X, one vector for each receive queue and vector 0 for all else. CONTROL_QUEUE has
 * the vector of queue 0: core 0 polls both. A queue's vector is masked as its message goes out
 * (EIAM_EX) and its queue's cause clears with it (EIAC), so the handler does not access the card:
 * the core polls its queue until it is empty and arms the vector again. An event in between stays
 * pending as a cause and fires as soon as the vector is armed: no wake-up is lost. Vector 0 is not
 * masked by its message (EIAM_EX covers only the 16 queue bits of EIAM, X550 7.3.1.1); it sends one
 * message per assertion.
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
    /* At least about 10 us between two messages of a queue's vector: an interrupt storm cannot
     * occupy a core, and a single frame is not delayed, since the interval counts from the last
     * message. The causes of vector 0 are not urgent: 500 us, as in Linux. */
    INTERVAL_UNITS = 5,
    INTERVAL_UNITS_OTHER = 244,
};
#define MSIX_CONTROL_SIZE   FIELD(10, 0)
#define MSIX_CONTROL_MASK   BIT(14)
#define MSIX_CONTROL_ENABLE BIT(15)
#define MSIX_TABLE_BAR      FIELD(2, 0)
#define ENTRY_MASKED        BIT(0)

/* Find the table, mask every entry and enable MSI-X. Called once (X550 9.2.3.3, 8.2.4.1). */
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

/* X550 4.6.6.2 */
void x540_intr_init(struct x540 *card)
{

    if (!card->has_msix)
        return;
    x540_write(card, GPIE, GPIE_MSIX_MODE | GPIE_PBA_SUPPORT | GPIE_OCD | GPIE_EIAME);
    /* Receive queue q to vector q + 1. Transmit queues raise no interrupts: the core that sends
     * polls their head words. */
    for (uint32_t n = 0; n < QUEUES_MAX / 2; n++)
        x540_write(card, IVAR(n), (IVAR_VALID | (2 * n + 1)) | (IVAR_VALID | (2 * n + 2)) << 16);
    x540_write(card, IVAR(CONTROL_QUEUE / 2), IVAR_VALID | 1);
    x540_write(card, IVAR_MISC, (IVAR_VALID | 0) << 8);
    x540_write(card, EIAC, EIAC_RTXQ);
    x540_write(card, EIAM_EX(0), 0xFFFFFFFFu);
    x540_write(card, EIAM_EX(1), 0xFFFFFFFFu);
    for (uint32_t v = 0; v <= QUEUES_MAX; v++)
        x540_write(card, EITR(v),
                   FIELD_PUT(EITR_INTERVAL, v == 0 ? INTERVAL_UNITS_OTHER : INTERVAL_UNITS));
    /* Causes from before the reset are cleared before any is enabled. */
    x540_write(card, EICR, 0xFFFFFFFFu);
    card->link_moved = false;
    card->link_cause_seen = true; /* a link change may have been among them */
}

/* X550 3.1.2.5 */
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
    (void)mmio_read32(entry, ENTRY_CONTROL); /* the write is in effect once this read returns */
    return OK;
}

/* Link, memory errors, and overheating where the firmware has enabled its sensor (X550 7.3.1.3).
 * Lost frames are left out: each one raises that cause, and MPC counts them. */
static uint32_t other_causes(const struct x540 *card)
{
    return CAUSE_LSC | CAUSE_ECC | (card->has_thermal_events ? CAUSE_TS : 0);
}

/* X550 7.3.1.5 */
void x540_irq_arm(struct port *port, unsigned vector)
{
    struct x540 *card = port->driver_state;

    if (vector == 0)
        x540_write(card, EIMS, other_causes(card));
    x540_write(card, EIMS_EX(vector / 32), 1u << vector % 32);
}

/* Read the causes (X550 7.3.1.3-4). There are two ways. On the cards where Linux reads EICS, it
 * shows the causes and clears none, but the documents call it write-only. With GPIE.OCD, reading
 * EICR clears only bits 29:16; Linux avoids this read, and on a card that clears more, a queue's
 * wake-up would be lost. So EICS is read until it misses a link change that LINKS has shown. */
static uint32_t read_causes(struct x540 *card)
{
    if (!card->reads_eicr) {
        uint32_t causes = x540_read(card, EICS);

        if (causes & CAUSE_LSC)
            card->link_cause_seen = true;
        if ((causes & CAUSE_LSC) || !card->link_moved)
            return causes;
        log_warn("x540 p%u: EICS (0x%05x) reads 0x%08x after the link has changed: EICR is read "
                 "from now on",
                 card->port->index, EICS, causes);
        card->reads_eicr = true;
    }
    return x540_read(card, EICR);
}

/* True once, when the card overheats; spurious unless STATUS confirms it (X550 5.7.3.1). */
static bool is_new_overheat(struct x540 *card, uint32_t causes)
{
    if (!(causes & CAUSE_TS) || !card->has_thermal_events || card->heat_is_reported ||
        !(x540_read(card, STATUS) & STATUS_HOT))
        return false;
    card->heat_is_reported = true;
    return true;
}

/* X550 7.3.1.3-4 */
uint32_t x540_irq_causes(struct port *port)
{
    struct x540 *card = port->driver_state;
    uint32_t causes = read_causes(card) & ~CAUSE_QUEUES;

    card->link_moved = false;
    if (causes == (0xFFFFFFFFu & ~CAUSE_QUEUES))
        return 0; /* the card is gone; x540_poll_link reports it */
    x540_write(card, EICR, causes);
    return (causes & CAUSE_LSC ? CAUSE_LINK_CHANGED : 0) |
           (causes & CAUSE_ECC ? CAUSE_NEEDS_RESET : 0) |
           (is_new_overheat(card, causes) ? CAUSE_TOO_HOT : 0);
}
