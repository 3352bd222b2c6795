/* SPDX-License-Identifier: BSD-2-Clause
 * The driver's own view of one X540 port. Outside this folder only drivers/drivers.c, which finds
 * the cards, includes it. Start reading at x540.c.
 */
#ifndef DRIVERS_X540_X540_H
#define DRIVERS_X540_X540_H

#include "arch/mmio.h"
#include "arch/task.h"
#include "arch/types.h"
#include "drivers/nic.h"
#include "kernel/pci.h"

/* The known differences between the members of the family. */
struct x540_family {
    const char *name;
    uint32_t rx_buffer_kb; /* receive packet buffer in all */
    uint32_t reset_ms;     /* quiet time after reset */
    bool has_copper_phy;   /* 10GBASE-T PHY behind MDIO; else the link needs no set-up */
    bool has_regsmp;       /* second half of the semaphore: REGSMP (else SWESMBI) */
    bool has_eerd;         /* NVM words are read by EERD (X550: through its firmware) */
    /* Has NS_DIS, DCA_CTRL, FTQF, RFCTL.RSC_DIS, RDRXCTL.CRCSTRIP, RXDCTL.SWFLSH; on the X550 they
     * are reserved or absent. */
    bool has_82599_bits;
    bool has_mdd;         /* malicious-driver detection, which stops queues of legacy format */
    uint32_t rss_entries; /* size of the redirection table */
    uint32_t phy_id;      /* MMD 1 registers 2 and 3, without the revision */
    uint32_t phy_id_mask;
};

#define X540_NO_PHY 32u
/* After RXDCTL.ENABLE reads 0, before the queue's memory may be used again (X550 4.6.7.1.1). */
#define X540_QUEUE_SETTLE_US 100u

struct x540 {
    struct port *port;
    struct pci_dev pci;
    mmio_t regs; /* valid if is_mapped */
    bool is_mapped;
    const struct x540_family *family;
    uint32_t enable_limit_us; /* for a queue's ENABLE to change: the PCIe completion time-out */
    unsigned lan_id;          /* which of the card's two ports this is */
    unsigned phy_address;     /* on MDIO, 0..31, or X540_NO_PHY */
    uint64_t phy_end_ns;      /* until then a PHY that does not answer is looked for; 0: no more */
    uint64_t phy_next_ns;     /* next look */
    uint64_t lock_free_ns;    /* no lock is asked for before this time */
    mmio_t msix;              /* the MSI-X table, valid if has_msix */
    bool has_msix;
    unsigned queues; /* receive queues that RSS uses; 1: no RSS */
    bool by_address; /* RSS also hashes IP packets without ports */
    const uint8_t *hash_key;
    bool has_control_queue; /* ARP goes to CONTROL_QUEUE */
    bool reset_has_failed;  /* the last one: registers may read anything, all ones for instance */
    bool receive_is_on;     /* RXCTRL.RXEN */
    uint32_t rx_started;    /* receive queues that run, a bit each; cores change their own bit */
    bool is_promiscuous;
    bool is_forced; /* boot key portN.force=on: checks that refuse the card are passed over */
    bool nvm_is_checked;
    bool firmware_is_reported;
    bool cfg_done_timed_out; /* EEMNGCTL.CFG_DONE is not waited for again */
    bool has_thermal_events; /* FWSM.TS_ENABLED */
    bool heat_is_reported;
    /* Does EICS report link changes? See read_causes in intr.c. */
    bool link_moved;      /* LINKS has shown a change that EICS has not reported */
    bool link_cause_seen; /* EICS has reported a change that LINKS has not shown yet */
    bool reads_eicr;      /* EICS has missed a change: EICR is read instead */
    bool smbi_is_reported, second_is_reported; /* dead owners are logged once per probe */
    uint32_t locks;                            /* of SW_FW_SYNC that this driver holds */
    bool has_semaphores;                       /* it holds those that guard SW_FW_SYNC */
};

/* The family member that this PCI function is; NULL: not a supported card. */
const struct x540_family *x540_match(const struct pci_dev *pci);
/* Map, reset and bring up the function and fill in *port. *card: zeroes, or as x540_peek_mac left
 * it. Does not wait for the link and starts no queue. Boot CPU. Enables bus mastering: call it only
 * once an IOMMU, if any, confines the card. is_forced: use it even if its NVM, firmware or locks say
 * that it does not work. */
enum err x540_probe(const struct pci_dev *pci, struct x540 *card, struct port *port,
                    bool is_forced) MUST_CHECK;

/* Before its probe: map the card's registers, which the probe then uses, and read the MAC address as
 * it is now; not an address if the card does not answer. Enables memory decoding. Boot CPU. */
void x540_peek_mac(const struct pci_dev *pci, struct x540 *card, uint8_t mac[6]);

/* port_ops.read_register; also for a port whose probe has failed. */
bool x540_read_register(struct port *port, unsigned i, unsigned q, struct port_register *out);
/* Log the raw words of the card, whatever its probe returned: registers, NVM, PHY, MSI-X. */
void x540_log_raw(struct port *port);

/* ---- between the files of this folder ---- */

/* Read or write a register. In a task (arch/task.h), where everything of this folder runs that takes
 * more than a few accesses once the loops run, the step ends first if it is used up. */
static inline uint32_t x540_read(struct x540 *card, uint32_t offset)
{
    task_pay(TASK_READ);
    return mmio_read32(card->regs, offset);
}
static inline void x540_write(struct x540 *card, uint32_t offset, uint32_t value)
{
    task_pay(TASK_WRITE);
    mmio_write32(card->regs, offset, value);
}
/* Wait until (register & mask) == want, at most limit_us. A register that reads all ones counts as
 * absent. ERR_TIMEOUT after one log line with `name` and the value read. */
enum err x540_wait(struct x540 *card, uint32_t offset, uint32_t mask, uint32_t want,
                   uint32_t limit_us, const char *name) MUST_CHECK;
/* The same without a log line; *value is the last value read. */
enum err x540_poll(struct x540 *card, uint32_t offset, uint32_t mask, uint32_t want,
                   uint32_t limit_us, uint32_t *value) MUST_CHECK;
/* Check that the head (RDH or TDH, read-only by the documents) of a queue that was just enabled is
 * 0, where its ring begins. ERR_BAD_VALUE after one log line: only a reset sets it to 0. */
enum err x540_starts_at_0(struct x540 *card, uint32_t head, const char *name) MUST_CHECK;
/* A check that says nothing of whether frames move has ended in err, OK or not. Returns it, after a
 * log line that names the boot key which passes over it; OK after another line if that is given. */
enum err x540_refuse(struct x540 *card, enum err err) MUST_CHECK;
/* Read, change the named bits, write: in one step of a task. */
void x540_change(struct x540 *card, uint32_t offset, uint32_t clear, uint32_t set);

/* lock.c: locks shared by the drivers of both ports and the firmware. `locks` are SW_FW_SYNC bits.
 * A lock of a dead owner is taken; at most 2.3 s. The firmware revokes a lock that is held for
 * 1 s. */
enum err x540_lock(struct x540 *card, uint32_t locks) MUST_CHECK;
void x540_unlock(struct x540 *card, uint32_t locks);
void x540_lock_leave(
    struct x540 *card); /* give back all that is held, also by a task that does not go on */
void x540_lock_break(struct x540 *card); /* once at probe: release the locks of a dead driver */
uint32_t x540_phy_lock(const struct x540 *card);
/* nvm.c */
enum err x540_nvm_check(struct x540 *card) MUST_CHECK;
void x540_nvm_log(struct x540 *card); /* words 0x00..0x3F */
/* link.c */
void x540_phy_start(struct x540 *card);
void x540_phy_log(struct x540 *card);
bool x540_link_is_vetoed(struct x540 *card); /* the management controller forbids link changes */
void x540_poll_link(struct port *port);
void x540_tend(struct port *port);
void x540_link_off(struct port *port);
/* rx.c, tx.c */
void x540_rx_init(struct x540 *card);
enum err x540_rx_start(struct port *port, unsigned q, iova_t ring, uint32_t n, mmio_t *tail);
enum err x540_rx_stop(struct port *port, unsigned q);
void x540_receive(struct port *port);
enum err x540_rx_pause(struct x540 *card); /* stops the receive path, so that FCTRL may change */
void x540_rx_resume(struct x540 *card);
void x540_set_promiscuous(struct port *port, bool everything);
void x540_tx_init(struct x540 *card);
enum err x540_tx_start(struct port *port, unsigned q, iova_t ring, uint32_t n, iova_t head,
                       mmio_t *tail);
enum err x540_tx_stop(struct port *port, unsigned q, uint32_t *head);
uint32_t x540_tx_head(struct port *port, unsigned q);
void x540_set_queues(struct port *port, unsigned n, bool by_address, const uint8_t *hash_key);
void x540_set_control_queue(struct port *port, bool is_wanted);
/* intr.c */
void x540_intr_init(struct x540 *card); /* after each reset: map queues to vectors */
enum err x540_irq_set(struct port *port, unsigned vector, uint64_t address, uint32_t data);
void x540_irq_arm(struct port *port, unsigned vector);
uint32_t x540_irq_causes(struct port *port);
/* stats.c */
void x540_stats_init(struct x540 *card);
void x540_poll_counters(struct port *port);
bool x540_poll_counter_group(struct port *port, unsigned group);

#endif
