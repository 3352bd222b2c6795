/* SPDX-License-Identifier: BSD-2-Clause
 * What net may see of a network card: ports, their operations, the descriptor. A driver fills in a
 * struct port and starts and stops queues; everything per frame is in net/lane/lane.h and needs no
 * driver, and what net keeps for a port (lanes, side queues) is net/lane/ring.h's.
 */
#ifndef DRIVERS_NIC_H
#define DRIVERS_NIC_H

#include "arch/mmio.h"
#include "arch/types.h"
#include "kernel/memory/dma.h"

#define PORTS_MAX 8u
#define SLOT_BYTES 2048u
#define QUEUES_MAX 16u  /* receive queues that RSS can feed, and so cores that take frames */
#define FRAME_MIN 17u  /* the card cannot send a shorter one */
#define FRAME_MAX 1518u /* 1514 and a VLAN tag */
#define WIRE_MIN 60u   /* what the card pads a shorter frame to, CRC not counted */

/* A legacy descriptor, either direction; see drivers/desc.h for the bits of `word`. */
struct descriptor {
    uint64_t address;
    uint64_t word;
};
static_assert(sizeof(struct descriptor) == 16, "descriptor size");

struct port;
struct netif;

/* The card's own statistics, summed since start, Linux's names. */
struct port_counters {
    uint64_t rx_packets, rx_bytes;     /* good frames that reached a queue */
    uint64_t tx_packets, tx_bytes;     /* frames put on the wire */
    uint64_t rx_dropped;               /* queue had no descriptor */
    uint64_t rx_missed_errors;         /* packet buffer was full */
    uint64_t rx_crc_errors;
    uint64_t rx_frame_errors;          /* bad symbols inside a frame */
    uint64_t rx_length_errors;         /* undersize, oversize, fragment, jabber, length field */
    uint64_t rx_over_errors;           /* of these: longer than the port takes */
    uint64_t rx_errors;                /* crc + frame + length */
};

/* What irq_causes may say. */
enum port_cause {
    CAUSE_LINK_CHANGED = 1,
    CAUSE_NEEDS_RESET = 2, /* memory error in the card */
    CAUSE_TOO_HOT = 4, /* told once */
};

/* What a driver does for its port. Owner core of the port's lanes, or boot CPU; never per frame.
 * Each returns OK or an error after one log line. */
struct port_ops {
    /* Start the stopped queue q on a ring of n legacy descriptors, at index 0. Receive: descriptors
     * 0..n-2 belong to the card at once. Transmit: none does, and the card writes its head index to
     * `head`, 4 bytes on a 16-byte boundary. The tail register is handed back. An error: only a
     * reset of the port helps. After probe or reset
     * receive queues are started upwards from 0, and the last of set_queues lets frames in. */
    enum err (*rx_start)(struct port *port, unsigned q, iova_t ring, uint32_t n, mmio_t *tail);
    enum err (*tx_start)(struct port *port, unsigned q, iova_t ring, uint32_t n, iova_t head,
                         mmio_t *tail);
    /* Stop it; when this returns OK the card touches its memory no more. Transmit: what is queued
     * goes out first, at most for 100 ms; where it does not, nothing is stopped, the result is
     * ERR_BUSY, and only a reset helps. *head becomes the index of the first descriptor that did
     * not go out (left as it was if the card does not say). */
    enum err (*rx_stop)(struct port *port, unsigned q);
    enum err (*tx_stop)(struct port *port, unsigned q, uint32_t *head);
    /* What the card itself says is the index of the next descriptor that a running transmit queue
     * will finish: a register read, for when its head word does not move. All ones: it is gone. */
    uint32_t (*tx_head)(struct port *port, unsigned q);
    /* Look at link state and card health: updates link_is_up, speed_mbps, is_gone. Cheap enough for
     * ten times a second. */
    void (*poll_link)(struct port *port);
    /* Add the card's counters (which clear on read) to port->count. */
    void (*poll_counters)(struct port *port);
    /* Spread received flows over queues 0..n-1 (1..16): both directions of a flow get the same.
     * TCP and UDP go by addresses and ports; other IP by addresses where by_address says so. All
     * the rest goes to queue 0. Before any queue is started. */
    void (*set_queues)(struct port *port, unsigned n, bool by_address);
    /* Interrupt message `vector` (0: link and errors; c + 1: receive queue c) is from now on a write
     * of `data` to `address`; it is masked until armed. */
    enum err (*irq_set)(struct port *port, unsigned vector, uint64_t address, uint32_t data);
    /* Let the vector fire once: at once if something has happened since it last did. It masks itself
     * as it fires. One register write; owner core of the vector. */
    void (*irq_arm)(struct port *port, unsigned vector);
    /* What vector 0 was about; clears it. Core 0. */
    uint32_t (*irq_causes)(struct port *port);
    /* Take every frame that comes (true), or only ours, broadcast and multicast (false). */
    void (*set_promiscuous)(struct port *port, bool everything);
    /* Reset the card and bring it to where probe left it; all queues are then stopped. */
    enum err (*reset)(struct port *port);
    /* Receive nothing and drop the link until the next reset, so that the neighbour sends elsewhere.
     * All queues are stopped. A link that cannot be dropped costs a line that says why. */
    void (*link_off)(struct port *port);
    /* Leave the card: interrupts masked, queues off, no more access to memory, firmware told.
     * Bounded by some 200 ms. Boot CPU; no other core may touch the port any more. */
    void (*quiet)(struct port *port);
};

struct port {
    /* Set before the loops start; what every core reads before it sleeps. */
    unsigned index;          /* N of portN */
    bool is_in_reset;        /* core 0 resets it: no other core may touch its registers */
    const struct port_ops *ops;
    void *driver_state;
    struct dma_domain *domain; /* what the card may touch; NULL: not confined */
    struct netif *netif;       /* addresses and neighbours, net's own: one for each core in use,
                                * core 0's first; NULL on a port without an address */
    const char *driver;      /* "x540" */
    const char *model;       /* "X540-AT2" */
    char pci[16];            /* "0000:01:00.0" */
    uint8_t mac[6];

    /* What core 0 finds out and writes. */
    bool link_is_up __attribute__((aligned(CACHE_LINE_BYTES)));
    bool is_gone;            /* its registers read all ones */
    bool is_down;            /* out of service after a failure or by command */
    uint32_t speed_mbps;     /* 0 while the link is down */
    uint32_t link_changes;
    uint32_t resets;
    bool is_late;            /* its head words have lagged behind, and a line has said so */
    bool spreads;            /* frames have come in by another queue than 0, or a line says that they
                              * do not */
    uint64_t spread_after;   /* frames on queue 0 up to which the spread has been looked at */
    struct port_counters count;
};

/* The ports found, 0..n-1, in PCI order. Filled by drivers_start, never changed after. */
extern struct port ports[PORTS_MAX];
extern unsigned ports_n;

#endif
