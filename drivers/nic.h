/* SPDX-License-Identifier: BSD-2-Clause
 * The interface of a network card's driver: ports, their operations, the descriptor. A driver fills
 * in a struct port and starts and stops queues. Frames are handled in net/lane/lane.h without the
 * driver; a port's lanes and side queues are in net/lane/ring.h.
 */
#ifndef DRIVERS_NIC_H
#define DRIVERS_NIC_H

#include "arch/mmio.h"
#include "arch/types.h"
#include "kernel/memory/dma.h"

#define PORTS_MAX     8u
#define SLOT_BYTES    2048u /* that the card may write of a frame buffer, a multiple of 1 KiB */
#define QUEUES_MAX    16u   /* receive queues that RSS can use, and so cores that receive */
#define RSS_KEY_BYTES 40u
#define FRAME_MIN     17u   /* the card cannot send a shorter one */
#define FRAME_TAG     4u    /* bytes of a VLAN tag, by which every frame may be longer */
#define FRAME_USUAL   1514u /* the longest frame of a port whose MTU is MTU_USUAL */
#define FRAME_MAX     (FRAME_USUAL + FRAME_TAG)
/* The longest that a promiscuous port receives at least: room for labels and tags of networks whose
 * hosts send up to FRAME_MAX. */
#define FRAME_LONG    1600u
#define MTU_USUAL     1500u
#define MTU_LEAST     68u   /* RFC 791 section 3.2 */
#define MTU_MOST      2000u /* its frame, with headers and tags, fits a slot */
#define MTU_LONG_MOST 9216u /* the same for a long slot */
#define WIRE_MIN      60u   /* shorter frames are padded to it by the card; CRC not counted */

/* From one frame buffer to the next: an odd number of cache lines, so that the headers of a burst lie
 * in as many sets of a cache, whose number is a power of two. At 2048 bytes they share two sets of an
 * L1 cache of 32 KiB, and a load waits for stores to neighbours that have the same low 12 bits. */
#define SLOT_STRIDE 2112u
/* The same for buffers of longer frames (net/app/app.h, long_poll). */
#define LONG_SLOT_BYTES  10240u
#define LONG_SLOT_STRIDE 10304u
static_assert(SLOT_STRIDE >= SLOT_BYTES && SLOT_STRIDE % (2 * CACHE_LINE_BYTES) == CACHE_LINE_BYTES,
              "the distance of frame buffers");

/* The receive queue of control frames, which RSS never chooses; see set_control_queue. */
#define CONTROL_QUEUE QUEUES_MAX

/* A legacy descriptor, either direction; see drivers/desc.h for the bits of `word`. */
struct descriptor {
    uint64_t address;
    uint64_t word;
};
static_assert(sizeof(struct descriptor) == 16, "descriptor size");

struct port;
struct netif;

/* The card's own statistics, summed since start, with Linux's names. */
struct port_counters {
    uint64_t rx_packets, rx_bytes; /* good frames that reached a queue */
    uint64_t tx_packets, tx_bytes; /* frames put on the wire */
    uint64_t rx_dropped;           /* queue had no descriptor */
    uint64_t rx_missed_errors;     /* the card's packet buffer was full */
    uint64_t rx_crc_errors;
    uint64_t rx_frame_errors;  /* bad symbols inside a frame */
    uint64_t rx_length_errors; /* undersize, oversize, fragment, jabber, length field */
    uint64_t rx_over_errors;   /* of these: longer than the port accepts */
    uint64_t rx_errors;        /* crc + frame + length */
};

/* A register of the card, for `show card`. */
struct port_register {
    const char *name; /* the datasheet's */
    unsigned index;   /* n of name(n); UINT_MAX: it is one of a kind */
    uint32_t offset, value;
};

/* Bits that irq_causes may return. */
enum port_cause {
    CAUSE_LINK_CHANGED = 1,
    CAUSE_NEEDS_RESET = 2, /* memory error in the card */
    CAUSE_TOO_HOT = 4,     /* reported once */
};

/* The driver's operations on a port, none of them per frame. Called on the owner core of the queue,
 * or on the boot CPU. Each returns OK, or an error after one log line.
 *
 * Once the loops run, rx_start, tx_start, rx_stop, tx_stop, receive, tend, reset and link_off are
 * called in a task of their core (arch/task.h): they wait without stopping the loop, and no step of
 * theirs reads more than four registers. The others read at most four. */
struct port_ops {
    /* Start the stopped queue q at index 0 of a ring of n legacy descriptors. Receive: descriptors
     * 0..n-2 belong to the card at once. Transmit: none does, and the card writes its head index to
     * `head`, 4 bytes on a 16-byte boundary. *tail is the tail register. After an error only a
     * reset of the port helps. After probe or reset the port receives once all queues of set_queues
     * run, or after `receive`. */
    enum err (*rx_start)(struct port *port, unsigned q, iova_t ring, uint32_t n, mmio_t *tail);
    enum err (*tx_start)(struct port *port, unsigned q, iova_t ring, uint32_t n, iova_t head,
                         mmio_t *tail);
    /* Stop queue q; after OK the card no longer accesses its memory. Transmit: queued frames are
     * sent first, for at most 100 ms. If some remain, nothing is stopped, the result is ERR_BUSY,
     * and only a reset helps. *head becomes the index of the first descriptor not sent, or is left
     * unchanged if the card does not report it, as for a queue that a reset has switched off. */
    enum err (*rx_stop)(struct port *port, unsigned q);
    enum err (*tx_stop)(struct port *port, unsigned q, uint32_t *head);
    /* Receive with the queues that run, though others of set_queues do not: the card drops frames
     * for those. Core 0. */
    void (*receive)(struct port *port);
    /* The head register of a running transmit queue: the index of the next descriptor to finish. A
     * register read, for use when the head word does not change. All ones: the card is gone. */
    uint32_t (*tx_head)(struct port *port, unsigned q);
    /* Read link state and card health into link_is_up, speed_mbps and is_gone, and set needs_tending
     * if more than four register reads are due. Called ten times a second. */
    void (*poll_link)(struct port *port);
    /* Do what is due, and clear needs_tending. */
    void (*tend)(struct port *port);
    /* Add the card's counters (which clear on read) to port->count. */
    void (*poll_counters)(struct port *port);
    /* The same for one group of them, by at most 4 register reads (one more where a value is all
     * ones), so that a queue can be polled in between. False: it was the last. */
    bool (*poll_counter_group)(struct port *port, unsigned group);
    /* Set up RSS over queues 0..n-1 (1..16) with a key of RSS_KEY_BYTES, which stays in place. TCP
     * and UDP are hashed by addresses and ports, other IP by addresses if by_address is true. All
     * other frames go to queue 0. Before any queue is started. */
    void (*set_queues)(struct port *port, unsigned n, bool by_address, const uint8_t *hash_key);
    /* Deliver ARP frames, VLAN-tagged ones too, to receive queue CONTROL_QUEUE, whatever set_queues
     * says, from now on and after each reset; or no longer. Core 0, or the boot CPU. */
    void (*set_control_queue)(struct port *port, bool is_wanted);
    /* Set interrupt `vector` (0: link and errors; c + 1: receive queue c, and 1 CONTROL_QUEUE too)
     * to write `data` to `address`. It stays masked until armed. */
    enum err (*irq_set)(struct port *port, unsigned vector, uint64_t address, uint32_t data);
    /* Let the vector fire once, immediately if an event is pending; firing masks it again. One
     * register write; owner core of the vector. */
    void (*irq_arm)(struct port *port, unsigned vector);
    /* Return the causes of vector 0 (enum port_cause) and clear them. Core 0. */
    uint32_t (*irq_causes)(struct port *port);
    /* true: receive every frame, of up to FRAME_LONG bytes at least; false: only to our address,
     * broadcast and multicast. In both cases of up to port->frame_max bytes, and of a tag more. */
    void (*set_promiscuous)(struct port *port, bool everything);
    /* Reset the card to the state after probe, with all queues stopped. It may access memory only
     * once they are stopped, not after an error, and not while it is cut off (kernel/iommu). */
    enum err (*reset)(struct port *port);
    /* Disable receive and drop the link until the next reset, so that the neighbour stops sending.
     * All queues must be stopped. Logs one line if the link cannot be dropped. */
    void (*link_off)(struct port *port);
    /* Read the i-th register that reading does not change: the status first, which reads all ones
     * if the card is gone, the others of the whole card, those of queue q. False, with nothing read,
     * past the last and for a port without registers. Core 0, not while is_in_reset. */
    bool (*read_register)(struct port *port, unsigned i, unsigned q, struct port_register *out);
    /* Quiesce the card: interrupts masked, queues off, no DMA, firmware told. Takes at most about
     * 200 ms. Boot CPU; no other core may use the port any more. */
    void (*quiet)(struct port *port);
};

struct port {
    /* Set before the loops start, but for is_in_reset; every core reads it before it sleeps. */
    unsigned index;    /* N of portN */
    uint16_t vlan;     /* 0; else it is the port of this VLAN on `wire`: see net/lane/vlans.h */
    bool is_in_reset;  /* while core 0 resets it, no other core may use its registers */
    struct port *wire; /* the port whose card it uses: itself, unless it is a VLAN's */
    const struct port_ops *ops;
    void *driver_state;
    struct dma_domain *domain; /* memory that the card may access; NULL: not confined */
    struct netif *netif;       /* net's: one stack per core in use; NULL: port has no address */
    const char *driver;        /* "x540" */
    const char *model;         /* "X540-AT2" */
    char pci[16];              /* "0000:01:00.0"; "" if the place is empty */
    /* NULL: a card works here. Else why none does, in a word, "failed" or "none": the operations do
     * nothing, is_gone and is_down stay set, and net makes nothing for the port. */
    const char *no_card;
    uint8_t mac[6];
    uint32_t mtu;       /* bytes of the longest datagram to send; MTU_USUAL unless net sets it */
    uint32_t frame_max; /* bytes of the longest frame of that, without a tag; FRAME_USUAL or more */
    uint32_t slot_bytes; /* of the buffers in the ring of rx_start; SLOT_BYTES unless net sets it */

    /* Written by core 0. */
    bool link_is_up __attribute__((aligned(CACHE_LINE_BYTES)));
    bool is_gone;        /* its registers read all ones */
    bool is_down;        /* out of service after a failure or by command */
    const char *step;    /* of what core 0 does to the card, in words; NULL: nothing */
    uint32_t speed_mbps; /* 0 while the link is down */
    bool needs_tending;  /* see `tend` */
    uint32_t link_changes;
    uint32_t resets;
    bool is_late;                /* its head words have been late, which was logged */
    bool rss_is_checked;         /* RSS has used a queue other than 0, or a warning was logged */
    uint64_t rss_checked_frames; /* frames on queue 0 at the last check */
    struct port_counters count;
};

/* The places 0..n-1: the cards found, working or not, by portN= and then in PCI order. Filled by
 * drivers_start, never changed after. Behind them, up to ports_all - 1, the ports of VLANs, which net
 * adds before the loops start. */
extern struct port ports[PORTS_MAX];
extern unsigned ports_n, ports_all;

/* The longest frame that software sends by the port. */
static inline uint32_t port_frame_most(const struct port *port)
{
    return port->frame_max + FRAME_TAG;
}

/* The port with which `port` is paired, 0 with 1, 2 with 3; NULL: no card works there. */
static inline struct port *port_partner(const struct port *port)
{
    unsigned partner = port->index ^ 1;

    return partner < ports_n && !ports[partner].no_card ? &ports[partner] : NULL;
}

#endif
