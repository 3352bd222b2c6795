/* SPDX-License-Identifier: BSD-2-Clause
 * The machine that host tests and benchmarks run on: a clock that advances only when code waits or
 * accesses a register, memory that cards reach only through grants, and X540 models in PCI slots.
 * It implements arch/tsc.h, kernel/memory/dma.h, kernel/iommu/iommu.h, kernel/pci.h and
 * kernel/log/log.h and drivers/boot_line.h for the code under test.
 */
#ifndef TESTS_HOST_MACHINE_H
#define TESTS_HOST_MACHINE_H

#include "arch/mmio.h"
#include "drivers/nic.h"
#include "kernel/lib/parse.h"
#include "kernel/pci.h"
#include "tests/model/x540_core.h"

#define MACHINE_CARDS 4

struct machine_card {
    struct x540 *model;
    struct pci_dev pci;
    struct dma_domain *domain;
    /* The far end of the wire: called for each frame if set; else frames are only counted. */
    void (*on_frame)(void *opaque, const uint8_t *frame, uint32_t length);
    void *opaque;
    bool wire_is_full; /* frame_out refuses */
    uint64_t frames_out;
    uint64_t dma_refused;    /* by a missing grant */
    bool is_cut_off;         /* by iommu_poll, for machine_cut_off */
    uint16_t command;        /* PCI command register */
    uint16_t pm_control;     /* PMCSR; state 3: registers do not answer */
    uint64_t awake_ns;       /* nor do they before this time, 10 ms after state 3 */
    bool loses_bars;         /* with the change from state 3 to 0 */
    uint32_t bars[6];        /* cleared: its registers do not answer */
    uint16_t device_control; /* PCIe; lost with the BARs */
    uint16_t device_control_2;
    uint32_t msix[X540_MSIX_VECTORS][4]; /* the MSI-X table, as the driver wrote it */
    uint16_t msix_control;
    uint64_t messages[X540_MSIX_VECTORS]; /* interrupt messages sent, by vector */
    uint64_t messages_masked;             /* not sent: the entry was masked */
};
extern struct machine_card machine_cards[MACHINE_CARDS];
extern unsigned machine_cards_n;

/* Clear cards, memory, log and time. Call first in each test. */
void machine_reset(void);
/* Put a card into the next slot, with its cable plugged in. NULL config: an X540-AT2. Returns its
 * number. */
unsigned machine_add_card(const struct x540_config *config);
/* Input a frame to a card from the wire. */
void machine_frame_in(unsigned card, const uint8_t *frame, uint32_t length);
/* Advance time; the models run. */
void machine_wait_ns(uint64_t ns);
uint64_t machine_now_ns(void);
/* How long a register read takes, and how many there were. machine_reset sets the time to
 * MACHINE_READ_NS. */
enum { MACHINE_READ_NS = 250 };
extern uint64_t machine_read_ns, machine_reads;
/* A frame buffer of 64 MiB from here on (physical 80000000h) keeps nothing; a store takes
 * machine_store_ns, 100 unless a test sets it. Their number. */
#define MACHINE_SCREEN 0xFFFF800080000000ull
extern uint64_t machine_store_ns, machine_stores;
/* console_poll calls it, NULL: not. */
extern void (*machine_on_console)(void);
/* Tasks (arch/task.h). As machine_reset leaves it, task_start runs the function to its end, and waits
 * in it pass time; with machine_tasks_in_steps set, a test calls task_step as a core's loop does. */
extern bool machine_tasks_in_steps;
/* Translate a card's DMA address to a pointer; NULL if the card has no grant of these rights
 * (DMA_READ 1, DMA_WRITE 2) for all of the bytes. */
void *machine_dma(unsigned card, uint64_t iova, uint32_t bytes, unsigned rights);

/* Grant i (0..n-1) of all cards; false: there are no more. rights: as above. */
struct machine_grant {
    unsigned card;
    void *va;
    uint64_t iova;
    size_t bytes;
    unsigned rights;
};
bool machine_grant(unsigned i, struct machine_grant *out);

/* Called before each register write takes effect, NULL: not. It may access the model. */
extern void (*machine_on_write)(unsigned card, uint32_t offset, uint32_t value);

/* What memory_free_bytes returns; it is not really a limit. */
extern uint64_t machine_free_bytes;

/* The text of the boot module, NULL: there is none. */
extern const char *machine_module;

/* portN= of the boot line (drivers/boot_line.h); machine_named: the ports it names, a bit each. */
extern struct card_name machine_names[PORTS_MAX];
extern uint32_t machine_named, machine_forced; /* forced: portN.force=on, a bit each */
/* bringup=verbose */
extern bool machine_is_verbose;

/* The ports that iommu_poll will next report as cut off, a bit each. */
extern uint32_t machine_cut_off;

/* machine_log_has: the newest log line that contains the text, or NULL. machine_log_lines: lines so
 * far. */
const char *machine_log_has(const char *text);
unsigned machine_log_lines(void);
/* Line i, from 0, of the last few thousand. */
const char *machine_log_line(unsigned i);
/* The number of broken rules of severity error that all models reported so far; prints each to
 * stderr. */
unsigned machine_complaints(void);
/* Has the model of this card reported the rule as broken? */
bool machine_complains(unsigned card, const char *rule);

#endif
