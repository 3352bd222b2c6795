/* SPDX-License-Identifier: BSD-2-Clause
 * The X540 as a stranger's driver sees it: a pure C model of one port (one PCI function) of the
 * card. It has its own register table, written from the facts about the card and never from the
 * driver in this project, and it knows nothing of who uses it: host tests, fuzzers and benchmarks
 * call it in process, tests/model/x540_qemu.c joins it to QEMU.
 *
 * The core reaches the world through four callbacks and is handed the time; it has no globals, no
 * threads and no clock of its own, so the same calls give the same bytes every time. It allocates
 * only in x540_create. No call recurses into the caller except through the four callbacks, and no
 * input of any kind (register writes, descriptors, frames) makes it crash, loop without end or
 * touch memory that is not its own.
 */
#ifndef MODEL_X540_CORE_H
#define MODEL_X540_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x540; /* one port */

#define X540_BAR0_BYTES   0x200000u /* 2 MiB: registers in the first 128 KiB, flash behind them */
#define X540_MSIX_VECTORS 64u
#define X540_INTX         0xFFFFu /* the vector number that stands for the legacy line (or MSI) */
#define X540_FRAME_MAX    16384u  /* the largest frame, CRC not included, in either direction */

/* The callbacks. opaque is handed back unchanged. */
struct x540_env {
    void *opaque;
    /* Read or write len bytes of the host's memory at the bus address. false: refused (no such
     * memory, or the IOMMU said no); for a read the buffer's content is then undefined. */
    bool (*dma_read)(void *opaque, uint64_t addr, void *to, uint32_t len);
    bool (*dma_write)(void *opaque, uint64_t addr, const void *from, uint32_t len);
    /* The same for memory that software polls, descriptors and head words: an aligned word of 4
     * bytes, or aligned words of 8. If software runs concurrently, each word must be stored once
     * and in order, as a bus does it: a second store would overwrite what software has written
     * since. */
    bool (*dma_words)(void *opaque, uint64_t addr, const void *from, uint32_t len);
    /* MSI-X: vector 0..63 and asserted = true, one message each call. Legacy line or MSI:
     * vector X540_INTX, called at each change of level. */
    void (*interrupt)(void *opaque, uint32_t vector, bool asserted);
    /* One frame leaves on the wire, len bytes without CRC, padded to 60 where the card pads.
     * false: the wire cannot take it now; the core keeps it and tries again in x540_run. */
    bool (*frame_out)(void *opaque, const uint8_t *frame, uint32_t len);
};

enum x540_kind {
    X540_AT2,   /* 8086:1528 */
    X540_AT1,   /* 8086:1560 */
    X540_82599, /* 8086:10FB, as far as the facts say that it differs */
    X540_X550,  /* 8086:1563, likewise */
};

struct x540_config {
    enum x540_kind kind;
    uint8_t mac[6];     /* what the NVM holds and RAL0/RAH0 show after reset */
    uint8_t lan_id;     /* STATUS.LAN_ID, 0 or 1 */
    bool link_at_start; /* a cable is plugged in; autonegotiation still takes its time */
    /* Times of the model; 0 takes the default in brackets. The card's true times are longer
     * (autonegotiation takes seconds), which only costs patience in tests. */
    uint64_t reset_ns;  /* CTRL.RST to self-clear and registers answering again [1 ms] */
    uint64_t enable_ns; /* RXDCTL/TXDCTL.ENABLE to read back [10 us] */
    uint64_t link_ns;   /* cable or autonegotiation restart to link up [10 ms] */
    /* How long the machine under the driver may stop it, as an emulator's may: rules that limit
     * how long a semaphore is held allow for it. */
    uint64_t stall_ns;
};

/* A new port after power-on, or NULL without memory or on a bad configuration. The environment is
 * copied. Time starts at 0. */
struct x540 *x540_create(const struct x540_config *config, const struct x540_env *env);
void x540_destroy(struct x540 *card);

/* Two ports of one card have one pair of semaphores, SWSM and SW_FW_SYNC: from now on card uses
 * that of with. Either may be destroyed first. */
void x540_share_semaphores(struct x540 *card, struct x540 *with);

/* A bus reset: everything but the NVM's content, the cable and software's locks. */
void x540_pci_reset(struct x540 *card);
/* A function-level reset, also for the change from D3hot to D0: as CTRL.RST, for this port only;
 * the PHY and the link are unchanged. The PCI glue reports bus mastering and MSI-X. */
void x540_function_reset(struct x540 *card);

/* Tell the core the time, which never decreases. Everything that was due by then happens, inside
 * this call: resets end, queues come alive, moderation timers fire. Then work that waits for the
 * outside (frames that frame_out or the ring could not take) is tried again. */
void x540_run(struct x540 *card, uint64_t now_ns);
/* When x540_run should next be called at the latest; UINT64_MAX: only a register access or frame
 * changes anything. */
uint64_t x540_next_event_ns(const struct x540 *card);

/* A register access as the bus makes it: offset into BAR0, 4 bytes aligned is what the card
 * answers. Other sizes and places are reported as a broken rule and read all ones / are ignored. */
uint64_t x540_read(struct x540 *card, uint32_t offset, uint32_t bytes);
void x540_write(struct x540 *card, uint32_t offset, uint64_t value, uint32_t bytes);

/* Bits of configuration space, which the PCI glue reports and reads. */
void x540_set_bus_master(struct x540 *card, bool enabled); /* command bit 2; off: no DMA, no MSI */
void x540_set_msix_enabled(struct x540 *card, bool enabled);
bool x540_transactions_pending(const struct x540 *card); /* Device Status bit 5 */

/* The wire. A frame arrives: len bytes without CRC; over X540_FRAME_MAX it is too long for any
 * setting. The MAC filters and counts it like the card; what does not fit is lost and counted like on
 * the card. The frame is copied. */
void x540_frame_in(struct x540 *card, const uint8_t *frame, uint32_t len);
/* Many frames in a row: while hold is set the card may gather finished receive descriptors, up to a
 * cache line of four, and their interrupts, as it does under load. They are written back when the
 * line is full, in x540_run, and when hold ends. Without hold each frame is written back and
 * signalled inside x540_frame_in. */
void x540_hold(struct x540 *card, bool hold);
/* A frame that arrives damaged. X540_BAD_LENGTH: if the MAC checks it (HLREG0.RXLNGTHERREN). */
enum x540_damage { X540_BAD_CRC, X540_BAD_SYMBOL, X540_BAD_LENGTH };
void x540_frame_in_damaged(struct x540 *card, const uint8_t *frame, uint32_t len,
                           enum x540_damage how);
/* False while the card would drop an arriving frame for lack of descriptors or packet buffer: a
 * simulated wire may wait until it is true, as a paused sender would. */
bool x540_has_room(const struct x540 *card);
/* Plug the cable in or out (the PHY notices, LINKS, EICR.LSC and the MDIO registers follow). */
void x540_set_cable(struct x540 *card, bool plugged);
bool x540_link_is_up(const struct x540 *card);

/* ---- Rules. Everything that the facts require of a driver is a rule with a name. A violation is
 * recorded as a complaint, once per rule, and the model then behaves as the card would. ---- */
struct x540_complaint {
    const char *rule; /* stable short name, e.g. "mtqc-needs-arbdis": list in x540_rules.h */
    bool error;       /* no driver may do it; false: advice, which a working driver violates */
    char text[160];   /* what happened: register, value, what was expected */
    uint64_t count;   /* times seen */
    uint64_t first_ns;
};
/* Complaint i (0..n-1, oldest first), or NULL when there are no more. Pointers stay valid until
 * x540_destroy; counts move. */
const struct x540_complaint *x540_complaint(const struct x540 *card, uint32_t i);
void x540_forget_complaints(struct x540 *card);

/* ---- Evil mode: the card misbehaves, one kind at a time, until the kind is set to 0. arg depends
 * on the kind, usually "every n-th time". ---- */
enum x540_evil {
    X540_EVIL_RX_LENGTH,       /* received descriptors claim a length of arg bytes */
    X540_EVIL_RX_NO_EOP,       /* every arg-th received descriptor lacks EOP */
    X540_EVIL_RX_ERROR,        /* every arg-th received descriptor carries RXE */
    X540_EVIL_RX_OUT_OF_ORDER, /* every arg-th write-back is made one late: DD out of order */
    X540_EVIL_HEAD_JUMP,       /* head write-back holds arg instead of the head */
    X540_EVIL_HEAD_STUCK,      /* no head write-back any more (frames still leave) */
    X540_EVIL_TX_STUCK,        /* transmit makes no progress at all */
    X540_EVIL_ALL_ONES,        /* every register reads 0xFFFFFFFF (surprise removal); no DMA */
    X540_EVIL_SEMAPHORE_STUCK, /* 1: SMBI always reads taken; 2: so does REGSMP, and SWESMBI is never
                                * granted; 3: so does the port's PHY lock in SW_FW_SYNC */
    X540_EVIL_RESET_STUCK,     /* CTRL.RST never clears */
    X540_EVIL_MASTER_STUCK,    /* STATUS.GIO never drops; transactions stay pending */
    X540_EVIL_ENABLE_STUCK,    /* RXDCTL/TXDCTL.ENABLE never reads back */
    X540_EVIL_MDIO_STUCK,      /* MSCA.MDI_COMMAND never clears */
    X540_EVIL_EERD_STUCK,      /* EERD.DONE never sets */
    X540_EVIL_DMAIDONE_STUCK,  /* RDRXCTL.DMAIDONE never sets */
    X540_EVIL_EEC_STUCK,       /* EEC.ARD never sets */
    X540_EVIL_NVM_CHECKSUM,    /* the NVM image has a wrong checksum (from the next reset on) */
    X540_EVIL_BAD_MAC,         /* RAL0/RAH0 are all zero after the next reset */
    X540_EVIL_IRQ_STORM,       /* each x540_run asserts every enabled vector */
    X540_EVIL_IRQ_SILENT,      /* no interrupt is ever sent */
    X540_EVIL_LINK_LIES,       /* LINKS says up though no cable is there */
    X540_EVIL_DMA,             /* at once, one DMA of 64 bytes where the driver never asked for one:
                               * arg is the address, a multiple of 64, and X540_EVIL_DMA_ flags */
    X540_EVIL_MSI, /* at once, one message of the card's own making: the 4 bytes arg[31:0]
                               * to the address 0xFEE00000 + arg[51:32] */
    /* The worst behaviour of firmware and hardware that the datasheet allows. */
    X540_EVIL_FIRMWARE_REGSMP, /* firmware holds SW_FW_SYNC.REGSMP (SWESMBI) for arg ns from now on */
    X540_EVIL_FIRMWARE_LOCKS, /* firmware holds all its locks of SW_FW_SYNC for arg ns from now on */
    X540_EVIL_FIRMWARE_FLIPS,  /* firmware's locks of SW_FW_SYNC change with every arg-th read */
    X540_EVIL_FIRMWARE_SHARES, /* each arg ns (at least 100,000) firmware takes REGSMP for 50 us, or
                                * once software gives it back, and flips its PHY locks inside */
    X540_EVIL_DEAD_LOCKS,      /* at once: a driver that died has left the SW_FW_SYNC bits arg[31:0]
                                * taken, and SWSM.SMBI where arg has bit 32 */
    X540_EVIL_CFG_DONE_NS,     /* EEMNGCTL.CFG_DONE rises arg ns after a reset (all ones: never) */
    X540_EVIL_VETO,            /* MMNGC.MNG_VETO reads 1: a BMC's session would lose the link */
    X540_EVIL_ENABLE_NS,       /* RXDCTL/TXDCTL.ENABLE take arg ns to read 1, and to read 0 */
    X540_EVIL_EICS_ZERO,       /* EICS reads 0, as a write-only register may */
    X540_EVIL_PHY_DUMB_NS,     /* MDIO reads bring FFFFh until arg ns after a reset of the PHY */
    X540_EVIL_FWSM,            /* FWSM reads arg[31:0] */
    X540_EVIL_NVM_ABSENT,      /* EEC.PRES reads 0 */
    X540_EVIL_LEFT_RECEIVING,  /* at once, and at each power-on: firmware has left receive and queue
                                * 0 on, with a ring of 64 descriptors at arg */
    X540_EVIL_CAUSES,          /* at once: the causes arg[31:0] of EICR 31:16 are raised */
    X540_EVIL_HOT,             /* STATUS bit 20, the thermal state, reads 1 */
    /* What the documents leave open for queues with legacy descriptors (drivers/x540/README.md). */
    X540_EVIL_NULL_RS_SILENT, /* a null descriptor with RS moves no head word */
    X540_EVIL_LEGACY_SCTP,    /* queues of legacy format lose SCTP frames, uncounted */
    X540_EVIL_RSS_LEGACY, /* RSS sends every frame to queue 0 where that has the legacy format */
    X540_EVIL_RDH_KEPT,   /* RDH and TDH keep their value where a queue starts again */
    X540_EVIL_REWRITE,    /* what was delivered is written again, with other contents: arg[31:0] is
                           * a seed, not 0; arg[47:32] the X540_REWRITE_ kinds, 0 for all;
                           * arg[63:48], if not 0, microseconds from one burst of rewritings to
                           * the next, with further ones at each access and descriptor; if 0, only
                           * x540_rewrite does it */
    X540_EVIL_RX_LATE,    /* every arg[31:0]-th write-back is made arg[63:32] ns late (all ones:
                           * never), though later descriptors are written back meanwhile */
    X540_EVIL_COUNT
};
#define X540_EVIL_DMA_READ  1u
#define X540_EVIL_DMA_WRITE 2u
#define X540_EVIL_DMA_ZERO  4u /* writes zeroes, not X540_EVIL_DMA_BYTE */
#define X540_EVIL_DMA_BYTE  0xE5
void x540_set_evil(struct x540 *card, enum x540_evil what, uint64_t arg);

/* What X540_EVIL_REWRITE rewrites: fields of frames that were delivered, by the headers that they
 * had; descriptors of receive rings; the head words of transmit queues. */
enum x540_rewrite {
    X540_REWRITE_VERSION = 1 << 0,         /* IPv4: version and header length */
    X540_REWRITE_TOTAL = 1 << 1,           /* total length */
    X540_REWRITE_FRAGMENT = 1 << 2,        /* flags and fragment offset */
    X540_REWRITE_TTL = 1 << 3,             /* time to live, protocol */
    X540_REWRITE_IP_ADDRESS = 1 << 4,      /* source, destination: another frame's */
    X540_REWRITE_OPTION = 1 << 5,          /* types, lengths and pointers of options */
    X540_REWRITE_TRANSPORT = 1 << 6,       /* ports, length and checksum of UDP; ICMP */
    X540_REWRITE_TYPE = 1 << 7,            /* EtherType */
    X540_REWRITE_ARP = 1 << 8,             /* a field of ARP */
    X540_REWRITE_MAC = 1 << 9,             /* a MAC address */
    X540_REWRITE_HEADERS = 1 << 10,        /* all headers: another frame's */
    X540_REWRITE_ANYTHING = 1 << 11,       /* any bytes of the buffer */
    X540_REWRITE_DESCRIPTOR = 1 << 12,     /* length, status and errors of a descriptor */
    X540_REWRITE_HEAD = 1 << 13,           /* a head word */
    X540_REWRITE_BUFFER_ADDRESS = 1 << 14, /* the address in a descriptor */
};
#define X540_REWRITE_KINDS 15u
#define X540_REWRITE_ALL   0x7FFFu
/* One rewriting now, if the mode is on. near: the bus address that software is about to read, which
 * is preferred; 0: unknown. Called where time passes for software: by a host test at each of its
 * loads. */
void x540_rewrite(struct x540 *card, uint64_t near);

/* ---- For tests: the true numbers, which no register read changes. At any time
 * frames_in + frames_looped = frames_to_host + all dropped_* + what waits in the packet buffer.
 * ---- */
struct x540_truth {
    uint64_t frames_in, bytes_in;           /* given to x540_frame_in */
    uint64_t frames_looped;                 /* sent back to the receiver by HLREG0.LPBK */
    uint64_t frames_waiting;                /* in the packet buffer now */
    uint64_t frames_to_host, bytes_to_host; /* written back with EOP */
    uint64_t frames_out, bytes_out;         /* taken by frame_out */
    uint64_t dropped_filter, dropped_missed, dropped_no_descriptor, dropped_error;
    uint64_t dropped_link_down, dropped_rx_off, dropped_oversize, dropped_undersize;
    uint64_t dma_refused, interrupts;
    uint64_t stray_bytes; /* bytes other than 0 that reads by X540_EVIL_DMA have brought */
    uint64_t rewrites;    /* writes by X540_EVIL_REWRITE */
};
struct x540_truth x540_truth(const struct x540 *card);

/* ---- What the port's accesses are on a PCIe link: packets (TLPs) and bytes each way, by what they are
 * for. "Up" is from the card. A packet has 8 bytes around it (framing, sequence number, LCRC) and a
 * header of 12 bytes, or 16 if it has an address from 4 GiB on. Assumed: writes of at most 256 bytes
 * (MPS), none across 4 KiB; read requests of at most 512; completions end at multiples of 64 (RCB) and
 * have at most 256 bytes; no digest. Acknowledgements and flow control (DLLPs) are left out. What the
 * model gathers less than a loaded card does counts as the model does it: see x540_hold. ---- */
enum x540_pcie_kind {
    X540_PCIE_RX_FETCH,
    X540_PCIE_RX_FRAME,
    X540_PCIE_RX_DONE,
    X540_PCIE_TX_FETCH,
    X540_PCIE_TX_FRAME,
    X540_PCIE_TX_DONE,
    X540_PCIE_HEAD,
    X540_PCIE_MESSAGE,  /* MSI-X */
    X540_PCIE_REGISTER, /* software's reads and writes */
    X540_PCIE_KINDS
};
struct x540_pcie {
    struct x540_pcie_count {
        uint64_t packets_up, bytes_up, packets_down, bytes_down;
    } kind[X540_PCIE_KINDS];
};
struct x540_pcie x540_pcie(const struct x540 *card);
/* What a kind is, as complaints name it: "receive descriptors". */
const char *x540_pcie_name(enum x540_pcie_kind kind);

/* ---- The register table, for comparing it with a driver's (tests only). ---- */
struct x540_register {
    const char *name;
    uint32_t offset, stride, count;
    uint32_t rw_mask;  /* bits that software may write and read back */
    uint32_t rc, w1c;  /* bits cleared by reading; by writing 1 */
    uint32_t reset;    /* value after reset; where elements differ, that of element 0 */
    uint8_t section;   /* of the facts about the card */
    uint8_t behaviour; /* for the model itself */
};
const struct x540_register *x540_registers(uint32_t *count);
/* Second addresses at which a register of the table answers too. */
struct x540_alias {
    const char *name;
    uint32_t offset, stride;       /* here */
    uint32_t of, of_stride, count; /* is what stands there */
};
const struct x540_alias *x540_aliases(uint32_t *count);

#endif
