/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of the model share: the state of one port, and the functions that one concern
 * offers to the others. x540_core.h is what the outside sees; start reading in x540_core.c, which
 * hands each register access and each due event to the file that answers for it.
 */
#ifndef MODEL_X540_INTERNAL_H
#define MODEL_X540_INTERNAL_H

#include "x540_core.h"
#include "x540_regs.h"
#include "x540_rules.h"

#define QUEUES         128u
#define VECTORS        64u
#define RING_MAX       8192u /* descriptors; on the X550: */
#define RING_MAX_X550  32768u
#define PREFETCH       32u /* descriptors read in one go */
#define NEVER          UINT64_MAX
#define NVM_WORDS      2048u
#define RX_STORE_BYTES (1u << 20)    /* holds the packet buffer, headers and the wrap included */
#define TX_HEADROOM    8u            /* before a gathered packet: room for a VLAN tag */
#define TX_PACKET_MAX  (320u * 1024) /* the largest chain of descriptors that is gathered */
#define DELIVERIES     64u           /* buffers that evil mode remembers */
#define MAC_FRAME_MAX  (X540_FRAME_MAX + 8) /* with a VLAN tag inserted and a CRC appended */

enum event {
    EV_RESET,    /* CTRL.RST clears */
    EV_LOAD,     /* EEC.ARD and RDRXCTL.DMAIDONE set, RAL0/RAH0 loaded */
    EV_GIO,      /* STATUS.GIO follows CTRL.GIO_DIS */
    EV_MDIO,     /* MSCA.MDI_COMMAND clears */
    EV_NVM,      /* EERD or EEWR is done */
    EV_FLASH,    /* EEC.FLUDONE sets */
    EV_FIRMWARE, /* the host interface has answered */
    EV_LINK,     /* autonegotiation ends */
    EV_TCP,      /* TCP timer */
    EV_RX_CHECK, /* time to look whether receive was set up by the rules */
    EV_TX_RETRY, /* the wire refused a frame */
    EV_RXQ,      /* some receive queue starts or stops */
    EV_TXQ,
    EV_VECTORS, /* some throttled interrupt may go */
    EV_FDIR,    /* FDIRCTRL.INIT_DONE sets */
    EV_REWRITE, /* X540_EVIL_REWRITE: the next burst */
    EV_RX_LATE, /* X540_EVIL_RX_LATE: the write-back that waits */
    EV_COUNT
};

enum queue_state { QUEUE_OFF, QUEUE_STARTING, QUEUE_ON, QUEUE_STOPPING };

struct descriptor {
    uint64_t q0, q1;
};

/* What queues of both directions have. */
struct x540_ring {
    uint8_t state; /* enum queue_state */
    bool hung;     /* a descriptor fetch was refused: off and on again cures it */
    uint32_t size, head, tail;
    uint64_t base, due;
    uint32_t raw_base, raw_length; /* as last written, reserved bits included */
};

struct rx_queue {
    struct x540_ring ring;
    bool was_filled, drop, strip_vlan, advanced;
    uint8_t counter;                  /* RQSMR */
    uint32_t buffer_bytes, max_bytes; /* of one buffer; of one packet, 0 = no limit */
    uint32_t cached_at, cached;       /* descriptors cached_at .. + cached - 1 are in cache[] */
    uint32_t written;                 /* write-backs so far, for evil mode */
    struct descriptor cache[PREFETCH];
};

struct tx_context {
    bool valid;
    uint64_t q0, q1;
};

struct tx_queue {
    struct x540_ring ring;
    uint8_t counter; /* TQSM */
    bool head_mode;  /* head write-back instead of DD */
    uint32_t head_writes;
    uint64_t head_at;
    uint32_t since_report;  /* descriptors since the last one with RS */
    uint32_t segments_sent; /* of the TSO packet at head, when the wire refused the next */
    struct tx_context context[2];
};

struct vector {
    uint64_t next;   /* not before this time */
    uint8_t credits; /* low-latency interrupts left */
};

/* What the parser found in a frame. Offsets are from the frame's first byte, 0 = not there. */
enum {
    PK_TAGGED = BIT(0),
    PK_IPV4 = BIT(1),
    PK_IPV4_OPTIONS = BIT(2),
    PK_IPV6 = BIT(3),
    PK_IPV6_EXT = BIT(4),
    PK_FRAGMENT = BIT(5), /* any fragment, the first too */
    PK_TCP = BIT(6),
    PK_UDP = BIT(7),
    PK_SCTP = BIT(8),
    PK_IP_CHECKED = BIT(9),
    PK_IP_BAD = BIT(10),
    PK_L4_CHECKED = BIT(11),
    PK_L4_BAD = BIT(12),
    PK_PIF = BIT(13), /* X550: multicast or broadcast; else: let in by a hash or promiscuity */
    PK_LOOPBACK = BIT(14),
    PK_MAC_ERROR = BIT(15),     /* damaged, kept because of FCTRL.SBP */
    PK_UDP_FRAGMENT = BIT(16),  /* of IPv4 */
    PK_UDP_SUM_GIVEN = BIT(17), /* the first of these, and its UDP checksum is not 0 */
    PK_FLOW_CONTROL = BIT(18),  /* a pause frame that the MAC understood */
};
struct packet {
    const uint8_t *data;
    uint32_t len; /* without CRC */
    uint32_t flags;
    uint16_t ethertype, tci;
    uint16_t l3, ip_end, l4, l4_end;
    uint16_t sum; /* the fragment checksum: of all behind the IP header */
    uint8_t protocol;
    bool again; /* seen before by the filters, which counted it then */
    /* what the filters decided */
    uint8_t queue, rss_type, etqf; /* etqf: index + 1 of the EtherType filter that matched */
    bool low_latency, drop;
    bool fdir_hit, fdir_queued, fdir_report; /* report: the id takes the place of the RSS hash */
    uint32_t hash, fdir_id;
};

struct fdir_filter {
    bool used, drop, queue_enabled;
    uint8_t queue, flow; /* flow: L4TYPE, and bit 2 for IPv6 */
    uint16_t next;       /* index + 1 in the bucket's chain */
    uint16_t id;         /* the signature, or the driver's index of a perfect filter */
    uint16_t vlan, flex;
    uint32_t saddr, daddr, ports;
};

/* SWSM and SW_FW_SYNC, one pair for both ports of a card. A time of NEVER: taken by a driver that
 * died. */
struct x540_semaphores {
    uint32_t cards;
    bool smbi, swesmbi, regsmp;
    uint32_t locks; /* SW_FW_SYNC without REGSMP */
    uint64_t smbi_since, regsmp_since, lock_since[31];
    /* REGSMP, for the first time since it was last had; NEVER: it was not. */
    uint64_t refused_since;
    uint64_t firmware_regsmp_until, firmware_locks_until, flip_every, reads;
    uint64_t share_every, share_next, share_until; /* firmware that takes REGSMP now and then */
};

/* A buffer that was delivered, and the headers that it had. */
struct delivered {
    uint64_t address;
    uint32_t room; /* 0: none yet */
    uint8_t kept[96];
};

struct x540 {
    struct x540_config config;
    struct x540_env env;
    uint64_t now, target; /* target: where x540_run is going */
    uint64_t next_due, due[EV_COUNT];
    bool bus_master, msix_enabled, in_reset, loaded, gio_off;
    uint64_t secrx_empty_at; /* after SECRXCTRL.RX_DIS was set */
    bool gio_unread;         /* CTRL.GIO_DIS was set, and CTRL not read since */

    uint32_t reg[REG_FILE_BYTES / 4]; /* the register file */

    /* PHY and link */
    bool cable, link_up, link_latched_down, phy_powered, an_done;
    uint8_t speed; /* 3 = 10G, 2 = 1G, 1 = 100M: as LINKS shows it */
    uint32_t mdio_address[32];
    uint16_t phy_ctrl_an, phy_adv, phy_10g, phy_vendor, phy_ctrl_30, phy_lasi[8];
    uint16_t phy_latched; /* 7.1 and 1.1 link bits latched low: bit n = some reader has not seen */
    uint32_t mdio_command;

    /* NVM: the flash, and the shadow RAM that EERD and EEWR reach */
    uint16_t flash[NVM_WORDS], shadow[NVM_WORDS];

    uint64_t phy_reset_at, cfg_done_at; /* a reset after which the PHY, the firmware need time */
    bool cfg_done_cleared;              /* by software */

    /* Receive */
    struct rx_queue rxq[QUEUES];
    uint64_t rx_dry[2];     /* queues that would lose a frame now; bit per queue */
    uint64_t rxq_moving[2]; /* starting or stopping */
    bool rx_checked;
    uint64_t rx_opened_at;
    uint32_t rx_store_head, rx_store_tail, rx_store_frames, rx_store_used;
    uint32_t rx_buffer_bytes; /* of the packet buffer, from RXPBSIZE */
    uint8_t rar_valid[QUEUES], rar_count;
    uint64_t rar_address[QUEUES];
    uint8_t classify; /* bit 0 EtherType, 1 SYN, 2 5-tuple filters are on; bit 3 flow director */
    uint8_t ftqf_on[QUEUES], ftqf_count;

    /* Transmit */
    struct tx_queue txq[QUEUES];
    uint64_t tx_work[2]; /* queues with head != tail */
    uint64_t txq_moving[2];
    uint64_t txq_wanted[2]; /* ENABLE written while DMATXCTL.TE was 0 */
    uint32_t tx_turn;
    /* A callback may write registers again: the data path is entered once, DMA never answers. */
    bool in_transmit, in_receive, in_dma;
    uint32_t resets;

    /* Interrupts */
    struct vector vector[VECTORS];
    uint64_t vector_cause;    /* pending queue causes by vector; the low 16 are EICR 15:0 */
    uint64_t vector_mask;     /* enabled: EIMS 15:0 and EIMS_EX */
    uint64_t vector_automask; /* EIAM 15:0 and EIAM_EX */
    uint64_t vector_told;     /* pending ones whose message was sent */
    uint64_t vector_wait;     /* throttled: to be sent when its time comes */
    uint32_t other_cause, other_mask, other_automask; /* bits 31:16 of EICR, EIMS, EIAM */
    bool level;                                       /* the legacy line */

    /* RSS and flow director */
    bool rss_stale;
    uint32_t fdir_used, fdir_turn;

    /* Statistics that need more than a register: 36-bit pairs */
    uint64_t wide[5 + 2 * 16];

    /* per-queue registers behind RTTDQSEL, and which tables the driver has initialised */
    uint32_t rttdt1c[QUEUES], rttbcnrc[QUEUES];
    uint64_t rate_cleared[2];
    /* Written (tables) or read (statistics) since power-on. */
    uint8_t touched[REG_FILE_BYTES / 4 / 8];
    bool ard_polled, dmaidone_polled, drv_load_checked;

    uint64_t evil[X540_EVIL_COUNT];
    uint64_t evil_seen[X540_EVIL_COUNT];
    /* Finished receive descriptors not yet in memory: at most a line, of one queue. */
    bool hold, line_tells, line_hurries;
    uint32_t line_queue, line_first, line_count;
    struct descriptor line_done[4];

    bool held_back; /* RX_OUT_OF_ORDER, RX_LATE: one write-back waits */
    uint64_t held_until, held_address;
    struct descriptor held;
    uint32_t held_bytes;

    struct delivered delivered[DELIVERIES]; /* the newest, for X540_EVIL_REWRITE */
    uint32_t delivered_n;
    uint64_t rewrite_state; /* of its generator */

    struct x540_truth truth;
    struct x540_pcie pcie;
    struct x540_complaint complaints[RULE_COUNT];
    uint8_t complaint_order[RULE_COUNT];
    uint32_t complaint_count;

    /* From here on nothing holds state of its own: x540_init clears only what stands above. For
     * each dword of the file its row in the table (0 = none), and where its storage is (aliases
     * share one). */
    uint16_t row[REG_FILE_BYTES / 4], home[REG_FILE_BYTES / 4];
    struct x540_semaphores *sem;
    struct fdir_filter *fdir;
    uint16_t *fdir_bucket;
    uint32_t rss_table[40][256];
    uint8_t rx_frame[MAC_FRAME_MAX];
    uint8_t tx_frame[MAC_FRAME_MAX];
    uint8_t tx_packet[TX_PACKET_MAX];
    uint8_t rx_store[RX_STORE_BYTES];
};

#define REG(card, offset) ((card)->reg[(offset) >> 2])

static inline uint32_t rx_queue_of(uint32_t offset)
{
    return offset >= 0x0D000 ? 64 + ((offset - 0x0D000) >> 6) : (offset - 0x01000) >> 6;
}
static inline uint32_t tx_queue_of(uint32_t offset)
{
    return (offset - 0x06000) >> 6;
}
static inline bool bit_test(const uint64_t *set, uint32_t n)
{
    return set[n >> 6] >> (n & 63) & 1;
}
static inline void bit_put(uint64_t *set, uint32_t n, bool on)
{
    if (on)
        set[n >> 6] |= BIT64(n & 63);
    else
        set[n >> 6] &= ~BIT64(n & 63);
}
static inline uint16_t load16be(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t load32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void store16be(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void store32be(uint8_t *p, uint32_t v)
{
    store16be(p, v >> 16);
    store16be(p + 2, v);
}

/* ---- x540_core.c ---- */
/* Make a card new again without giving its memory back: what x540_create does after allocating.
 * For fuzzers, which need thousands of new cards a second. */
void x540_init(struct x540 *card, const struct x540_config *config, const struct x540_env *env);
/* Plan an event for the time now + delay_ns, or never. */
void x540_plan(struct x540 *card, enum event event, uint64_t delay_ns);
void x540_plan_at(struct x540 *card, enum event event, uint64_t at_ns);
void x540_plan_never(struct x540 *card, enum event event);
/* DMA as the card makes it: refused without bus mastering, with GIO_DIS in effect, after
 * removal. */
bool x540_dma_allowed(const struct x540 *card);
/* most: bytes of one request, for x540_pcie; UINT32_MAX: as many as a request may have. */
bool x540_fetch(struct x540 *card, uint64_t addr, void *to, uint32_t len, enum x540_pcie_kind what,
                uint32_t most);
/* Posted writes, whose loss the card does not notice: of frames; of memory that software polls. */
bool x540_post(struct x540 *card, uint64_t addr, const void *from, uint32_t len,
               enum x540_pcie_kind what);
bool x540_post_words(struct x540 *card, uint64_t addr, const void *from, uint32_t len,
                     enum x540_pcie_kind what);
/* Count them, and interrupts' messages and accesses to registers. */
void x540_pcie_write(struct x540 *card, enum x540_pcie_kind kind, uint64_t addr, uint32_t len);
void x540_pcie_read(struct x540 *card, enum x540_pcie_kind kind, uint64_t addr, uint32_t len,
                    uint32_t most);
void x540_pcie_register(struct x540 *card, bool is_read);
/* A name for messages: "RXDCTL[3]". Static storage is not used: the caller lends the buffer. */
const char *x540_register_name(const struct x540 *card, uint32_t offset, char name[32]);
/* Deterministic junk for memories that hold nothing defined after power-on. */
uint32_t x540_junk(uint32_t seed);

/* ---- x540_reset.c ---- */
void x540_power_on(struct x540 *card);
void x540_ctrl_write(struct x540 *card, uint32_t value);
void x540_reset_done(struct x540 *card);
void x540_load_done(struct x540 *card);
uint32_t x540_status(struct x540 *card);
uint32_t x540_eemngctl_read(const struct x540 *card);
void x540_eemngctl_write(struct x540 *card, uint32_t value);
void x540_gio_changed(struct x540 *card);

/* ---- x540_nvm.c ---- */
void x540_nvm_image(struct x540 *card);
void x540_nvm_load(struct x540 *card);
void x540_eerd_write(struct x540 *card, uint32_t value);
void x540_eewr_write(struct x540 *card, uint32_t value);
uint32_t x540_eec_read(struct x540 *card);
void x540_eec_write(struct x540 *card, uint32_t value);
void x540_nvm_done(struct x540 *card);
void x540_flash_done(struct x540 *card);

/* ---- x540_sem.c ---- */
bool x540_sem_create(struct x540 *card); /* false: no memory */
void x540_sem_leave(struct x540 *card);
void x540_sem_power_on(struct x540 *card);
void x540_sem_pci_reset(struct x540 *card);
void x540_sem_evil(struct x540 *card, enum x540_evil what, uint64_t arg);
uint32_t x540_sync(const struct x540 *card); /* SW_FW_SYNC without REGSMP, taking nothing */
uint32_t x540_swsm_read(struct x540 *card);
void x540_swsm_write(struct x540 *card, uint32_t value);
uint32_t x540_sync_read(struct x540 *card);
void x540_sync_write(struct x540 *card, uint32_t value);
void x540_sem_age(struct x540 *card);
bool x540_holds_phy(const struct x540 *card);
void x540_hicr_write(struct x540 *card, uint32_t value);
void x540_firmware_done(struct x540 *card);

/* ---- x540_phy.c ---- */
void x540_phy_power_on(struct x540 *card);
void x540_phy_reset(struct x540 *card); /* and autonegotiation starts again */
/* The driver is about to drop the link by writing `value` to the register: may it? */
void x540_check_veto(struct x540 *card, const char *name, uint32_t value);
void x540_msca_write(struct x540 *card, uint32_t value);
void x540_msrwd_write(struct x540 *card, uint32_t value);
uint32_t x540_msrwd_read(struct x540 *card);
void x540_mdio_done(struct x540 *card);
uint32_t x540_links_read(struct x540 *card);
void x540_link_restart(struct x540 *card); /* down now, up after link_ns if it can */
void x540_link_event(struct x540 *card);
bool x540_can_transmit(const struct x540 *card); /* link up, forced up or looped back */

/* ---- x540_intr.c ---- */
void x540_intr_reset(struct x540 *card);
/* Raise the cause of a receive (transmit) queue. */
void x540_intr_rx(struct x540 *card, uint32_t queue, bool low_latency);
void x540_intr_tx(struct x540 *card, uint32_t queue);
/* Other causes, EICR bits 31:16. */
void x540_intr_other(struct x540 *card, uint32_t causes);
uint32_t x540_intr_read(struct x540 *card, uint32_t offset, uint32_t behaviour);
void x540_intr_write(struct x540 *card, uint32_t offset, uint32_t behaviour, uint32_t value);
void x540_intr_line(struct x540 *card);     /* set the legacy line as causes and masks say */
void x540_intr_line_off(struct x540 *card); /* before the way of signalling changes */
void x540_intr_vectors_due(struct x540 *card);
void x540_intr_storm(struct x540 *card);
void x540_tcp_timer_write(struct x540 *card, uint32_t value);
void x540_tcp_timer_due(struct x540 *card);

/* ---- x540_ring.c ---- */

/* Where the registers of a queue lie behind its base address register, in both directions. */
enum { RING_LENGTH = 0x08, RING_TAIL = 0x18 };
bool x540_ring_is_on(const struct x540_ring *ring);
/* The KB of eight packet buffers whose registers begin at `first`: without DCB the first alone. */
uint32_t x540_packet_buffers(const struct x540 *card, uint32_t first, bool dcb);
/* Queue n is being enabled: take its registers, and complain of what is wrong with them. `way` is
 * the letter that their names begin with, R or T; `at` the first of them, its base address. */
void x540_ring_start(struct x540 *card, struct x540_ring *ring, char way, uint32_t n, uint32_t at);
/* From now on it is on its way to on or off: the change is due after config.enable_ns. */
void x540_ring_move(struct x540 *card, struct x540_ring *ring, enum queue_state to);
/* The tail is written. True: it has moved. Else it was refused or means nothing yet. */
bool x540_ring_tail(struct x540 *card, struct x540_ring *ring, char way, uint32_t n, uint32_t at,
                    uint32_t value);
void x540_ring_head(struct x540 *card, struct x540_ring *ring, char way, uint32_t n,
                    uint32_t value);

/* ---- x540_rx.c, x540_rxq.c ---- */
void x540_rx_reset(struct x540 *card);
void x540_rxq_moved(struct x540 *card);
/* Queue 0 is on, as firmware has left it. */
void x540_rx_left_on(struct x540 *card, uint64_t ring);
void x540_rx_write(struct x540 *card, uint32_t offset, uint32_t behaviour, uint32_t value);
void x540_rx_drain(struct x540 *card);
void x540_rx_check(struct x540 *card);
void x540_rx_buffer_size(struct x540 *card);
uint32_t x540_rxq_available(const struct rx_queue *queue);
/* The wire, or the card's own transmitter in loopback. */
void x540_mac_receive(struct x540 *card, const uint8_t *frame, uint32_t len, uint32_t flags);
void x540_rx_flush_held(struct x540 *card);
void x540_rx_flush_line(struct x540 *card);
/* Hand the packet to its queue's buffers. false: the queue lacks descriptors. */
bool x540_rx_deliver(struct x540 *card, struct packet *packet);

/* ---- x540_parse.c ---- */
void x540_parse(struct packet *packet, uint16_t vlan_type);
/* Sets what the checksums of IP and L4 are, and, if wanted, the fragment checksum. */
void x540_verify_checksums(struct packet *packet, bool sum_wanted);
/* Ones-complement sum of bytes, as 16-bit big-endian words, folded to 16 bits, not inverted. */
uint32_t x540_sum(const uint8_t *data, uint32_t len, uint32_t start);
uint32_t x540_crc32(const uint8_t *data, uint32_t len);
uint32_t x540_crc32c(const uint8_t *data, uint32_t len);

/* ---- x540_filter.c ---- */
void x540_filter_rar_changed(struct x540 *card);
void x540_filter_classify_changed(struct x540 *card);
bool x540_filter_accept(struct x540 *card, struct packet *packet);
void x540_filter_queue(struct x540 *card, struct packet *packet);

/* ---- x540_rss.c ---- */
void x540_rss_hash(struct x540 *card, struct packet *packet);
uint32_t x540_rss_queue(struct x540 *card, const struct packet *packet);

/* ---- x540_fdir.c ---- */
void x540_fdir_create(struct x540 *card); /* allocates; the caller looks at card->fdir */
bool x540_fdir_write(struct x540 *card, uint32_t offset, uint32_t value);
uint32_t x540_fdir_read(struct x540 *card, uint32_t offset);
void x540_fdir_match(struct x540 *card, struct packet *packet);
void x540_fdir_empty(struct x540 *card);
void x540_fdir_init_done(struct x540 *card);

/* ---- x540_tx.c, x540_txq.c ---- */
void x540_tx_reset(struct x540 *card);
void x540_txq_moved(struct x540 *card);
void x540_tx_write(struct x540 *card, uint32_t offset, uint32_t behaviour, uint32_t value);
void x540_tx_queue_run(struct x540 *card, uint32_t n);
void x540_tx_run(struct x540 *card); /* all queues that have work */
bool x540_tx_gate_open(const struct x540 *card);
/* One finished frame to the wire or, looped back, to the receiver. false: refused for now. */
bool x540_mac_transmit(struct x540 *card, uint32_t queue, uint8_t *frame, uint32_t len);

/* ---- x540_offload.c ---- */
enum tx_result { TX_SENT, TX_REFUSED, TX_DROPPED };
/* The gathered packet of an advanced data descriptor, with len bytes in card->tx_packet. */
enum tx_result x540_tx_advanced(struct x540 *card, uint32_t queue, uint64_t q1, uint32_t len);
enum tx_result x540_tx_legacy(struct x540 *card, uint32_t queue, uint64_t q1, uint32_t len);

/* ---- x540_rewrite.c ---- */
/* n bytes were delivered to a buffer of `room` bytes. */
void x540_rewrite_note(struct x540 *card, uint64_t address, uint32_t room, const uint8_t *bytes,
                       uint32_t n);
void x540_rewrite_set(struct x540 *card); /* the mode was set or ended */
void x540_rewrite_due(struct x540 *card);
void x540_rewrite_meanwhile(struct x540 *card); /* at an access, at a descriptor */

/* ---- x540_stats.c ---- */
void x540_stats_power_on(struct x540 *card);
static inline void x540_stats_add(struct x540 *card, uint32_t offset, uint32_t n)
{
    uint32_t value = REG(card, offset);

    REG(card, offset) = value + n < value ? UINT32_MAX : value + n;
}

/* The byte counters, pairs of registers, in the order in which card->wide[] keeps them. */
static inline uint32_t x540_stats_wide(uint32_t offset)
{
    switch (offset) {
    case GORCL:
    case GORCL + 4:
        return 0;
    case GOTCL:
    case GOTCL + 4:
        return 1;
    case TORL:
    case TORL + 4:
        return 2;
    }
    if (offset < 0x2000) /* QBRC_L, QBRC_H */
        return 5 + ((offset - QBRC_L(0)) >> 6);
    return 5 + 16 + ((offset - QBTC_L(0)) >> 3);
}

static inline void x540_stats_bytes(struct x540 *card, uint32_t low_offset, uint32_t n)
{
    uint64_t *value = &card->wide[x540_stats_wide(low_offset)];

    *value += n;
    if (*value > 0xFFFFFFFFFull) /* 36 bits */
        *value = 0xFFFFFFFFFull;
}

/* For the counters that have 16 bits. */
void x540_stats_add16(struct x540 *card, uint32_t offset);
void x540_stats_size(struct x540 *card, uint32_t first_offset, uint32_t bytes_with_crc);
uint32_t x540_stats_read(struct x540 *card, uint32_t offset, uint32_t behaviour);
bool x540_stats_cleared(const struct x540 *card, uint32_t *offset);
void x540_stats_map_changed(struct x540 *card, uint32_t offset);

#endif
