/* SPDX-License-Identifier: BSD-2-Clause
 * The rules: everything that the facts about the card require of a driver, each with a stable name,
 * a severity (ERROR: no driver may do it; ADVICE: a driver that works on every X540 violates it),
 * the section of the facts that it comes from, and one sentence. Tests look complaints up by name.
 * Read next: x540_rules.c, which keeps the complaints.
 */
#ifndef MODEL_X540_RULES_H
#define MODEL_X540_RULES_H

#include "x540_core.h"

#define ERROR  true
#define ADVICE false

/* RULE(identifier, name, severity, section, what the driver must do) */
#define X540_RULES(RULE)                                                                           \
    RULE(ACCESS_SIZE, "access-size", ERROR, "conventions",                                         \
         "registers are aligned 32-bit words; 64 bits only of counters and mailbox memory")        \
    RULE(ACCESS_BEYOND, "access-beyond-registers", ERROR, "1",                                     \
         "the register file ends at 128 KiB, on the X550 at 256 KiB")                              \
    RULE(UNKNOWN_REGISTER, "unknown-register", ADVICE, "18",                                       \
         "only offsets at which the facts know a register are touched")                            \
    RULE(WRITE_READ_ONLY, "write-to-read-only", ADVICE, "conventions",                             \
         "read-only registers are not written")                                                    \
    RULE(RESERVED_BITS, "reserved-bits", ADVICE, "conventions",                                    \
         "reserved bits are written back as they were read")                                       \
    RULE(BUS_MASTER_OFF, "bus-master-off", ERROR, "14.1",                                          \
         "PCI bus mastering is on before a queue is given work")                                   \
    RULE(DMA_REFUSED, "dma-refused", ERROR, "18",                                                  \
         "every address given to the card is memory that the card may touch")                      \
    RULE(RESET_INTERRUPTS_ON, "reset-interrupts-enabled", ERROR, "14.2",                           \
         "all interrupts are masked before CTRL.RST")                                              \
    RULE(RESET_RUNNING, "reset-while-running", ADVICE, "14.2",                                     \
         "receive and all queues are off before CTRL.RST")                                         \
    RULE(RESET_MASTER, "reset-without-master-disable", ADVICE, "14.3",                             \
         "CTRL.GIO_DIS is set and STATUS.GIO reads 0 before CTRL.RST")                             \
    RULE(GIO_READ_BACK, "gio-dis-not-read-back", ADVICE, "X550 8.2.2.1.1",                         \
         "CTRL is read until it shows GIO_DIS before STATUS.GIO is believed")                      \
    RULE(LEFT_RUNNING, "left-running", ADVICE, "X550 8.2.2.1.3",                                   \
         "before PCI resets the card RXEN, all ENABLEs and DRV_LOAD are 0")                        \
    RULE(RESET_SEMAPHORE, "reset-without-phy-semaphore", ADVICE, "14.4",                           \
         "the PHY bit of SW_FW_SYNC is held when CTRL.RST is set")                                 \
    RULE(ACCESS_IN_RESET, "access-during-reset", ERROR, "14.4",                                    \
         "while CTRL.RST is set only CTRL, STATUS and the semaphores are touched")                 \
    RULE(NVM_NOT_LOADED, "nvm-not-loaded", ERROR, "14.6",                                          \
         "EEC.ARD is 1 before what the NVM loads (RAL0, RAH0, EERD) is used")                      \
    RULE(ARD_NOT_POLLED, "ard-not-polled", ADVICE, "14.6", "EEC.ARD is polled after a reset")      \
    RULE(DMA_NOT_READY, "dma-not-ready", ERROR, "14.7",                                            \
         "RDRXCTL.DMAIDONE is 1 before a queue or receive is enabled")                             \
    RULE(DMAIDONE_NOT_POLLED, "dmaidone-not-polled", ADVICE, "14.7",                               \
         "RDRXCTL.DMAIDONE is polled after a reset")                                               \
    RULE(SYNC_WITHOUT_SMBI, "sync-without-smbi", ERROR, "14",                                      \
         "SWSM.SMBI is taken (read as 0) before SW_FW_SYNC is read or written")                    \
    RULE(SYNC_WITHOUT_REGSMP, "sync-without-regsmp", ERROR, "14",                                  \
         "SW_FW_SYNC.REGSMP is taken (read as 0) before SW_FW_SYNC is written")                    \
    RULE(SYNC_STOLEN, "sync-bits-stolen", ERROR, "14",                                             \
         "firmware and hardware bits of SW_FW_SYNC are not written by software")                   \
    RULE(SEMAPHORE_HELD, "semaphore-never-released", ERROR, "18",                                  \
         "SWSM.SMBI is released at once after use")                                                \
    RULE(REGSMP_HELD, "regsmp-held", ERROR, "X550 11.8.4.3",                                       \
         "SW_FW_SYNC.REGSMP is given back within 10 ms: then firmware takes it")                   \
    RULE(LOCK_HELD, "lock-held", ERROR, "X550 11.8.4.3",                                           \
         "a lock of SW_FW_SYNC is given back within 1 s: then firmware takes it")                  \
    RULE(MDIO_SEMAPHORE, "mdio-without-semaphore", ERROR, "3",                                     \
         "the PHY bit of SW_FW_SYNC is held while MSCA is used")                                   \
    RULE(MDIO_BUSY, "mdio-busy", ERROR, "3",                                                       \
         "MSCA and MSRWD are left alone until MDI_COMMAND has cleared")                            \
    RULE(MDIO_ADDRESS, "mdio-address-cycle", ERROR, "3",                                           \
         "an address cycle for the same device and register precedes each MDIO read or write")     \
    RULE(VETO, "link-dropped-under-veto", ADVICE, "X550 4.2.1.8",                                  \
         "MMNGC.MNG_VETO is 0 before the PHY is reset, put to sleep or negotiates anew")           \
    RULE(NVM_SEMAPHORE, "nvm-without-semaphore", ERROR, "2",                                       \
         "the EEP bit of SW_FW_SYNC is held while EERD or EEWR is used")                           \
    RULE(NVM_BUSY, "nvm-busy", ERROR, "2", "EERD and EEWR are left alone until DONE is set")       \
    RULE(HOST_IF_SEMAPHORE, "host-interface-without-semaphore", ERROR, "2",                        \
         "the SW_MNG bit of SW_FW_SYNC is held while a firmware command runs")                     \
    RULE(RING_BASE, "ring-base-alignment", ERROR, "6, 7", "a ring base is 128-byte aligned")       \
    RULE(RING_LENGTH, "ring-length", ERROR, "6, 7",                                                \
         "a ring is a multiple of 128 bytes, of at most 8192 descriptors (X550: 32768)")           \
    RULE(RING_EMPTY, "ring-without-length", ADVICE, "6, 7",                                        \
         "a queue is given a ring before it is enabled")                                           \
    RULE(RING_CHANGED, "ring-changed-while-enabled", ERROR, "14.17, 14.18",                        \
         "base, length, format and head write-back address change only while the queue is off")    \
    RULE(HEAD_WRITTEN, "head-written-while-enabled", ERROR, "6, 7",                                \
         "RDH and TDH belong to the card while the queue is on")                                   \
    RULE(TAIL_DISABLED, "tail-while-disabled", ERROR, "18",                                        \
         "a tail is moved only on an enabled queue (before that only to the head's value)")        \
    RULE(TAIL_EARLY, "tail-before-enabled", ERROR, "14.17, 14.18",                                 \
         "ENABLE is polled until it reads 1 before the tail is moved")                             \
    RULE(TAIL_RANGE, "tail-beyond-ring", ERROR, "18", "a tail is less than the ring's size")       \
    RULE(TAIL_STALE, "tail-not-head-at-enable", ERROR, "14.17, 14.18",                             \
         "head and tail are equal when a queue is enabled")                                        \
    RULE(RX_BUFFER_SIZE, "rx-buffer-size", ERROR, "6", "SRRCTL.BSIZEPKT is 1 to 16 KB")            \
    RULE(RX_DESC_TYPE, "rx-descriptor-type", ERROR, "6", "SRRCTL.DESCTYPE is 0, 1, 2 or 5")        \
    RULE(RX_DESC_DIRTY, "rx-descriptor-done-set", ADVICE, "13",                                    \
         "a receive descriptor is given to the card with the future DD bit 0")                     \
    RULE(RX_HEADER_SPLIT, "rx-header-split", ADVICE, "16",                                         \
         "header splitting is not used: it is unreliable, and not modelled")                       \
    RULE(DCA_RXCTRL_B12, "dca-rxctrl-bit-12", ADVICE, "14.14, 16",                                 \
         "DCA_RXCTRL bit 12 resets to 1 and is written 0")                                         \
    RULE(DCA_TXCTRL_B11, "dca-txctrl-bit-11", ADVICE, "14.14",                                     \
         "relaxed ordering of descriptor write-back (DCA_TXCTRL bit 11) is off")                   \
    RULE(ETQF_IP, "ethertype-filter-of-ip", ADVICE, "5",                                           \
         "no EtherType filter has the type of IP: the results are unexpected")                     \
    RULE(ETQF_TWICE, "ethertype-filters-alike", ADVICE, "5",                                       \
         "no frame matches two EtherType filters")                                                 \
    RULE(TX_TE_FIRST, "dmatxctl-te-first", ADVICE, "7",                                            \
         "DMATXCTL.TE is 1 before any TXDCTL.ENABLE")                                              \
    RULE(MTQC_ARBDIS, "mtqc-needs-arbdis", ERROR, "7",                                             \
         "MTQC is written only while RTTDCS.ARBDIS is 1")                                          \
    RULE(ARBDIS_LEFT, "arbdis-left-on", ADVICE, "14.16",                                           \
         "RTTDCS.ARBDIS is cleared again, or nothing is sent")                                     \
    RULE(HEAD_WB_ALIGN, "head-write-back-alignment", ERROR, "16",                                  \
         "TDWBAL is 16-byte aligned, or there is no head write-back")                              \
    RULE(HEAD_WB_WTHRESH, "head-write-back-wthresh", ERROR, "7",                                   \
         "WTHRESH is 0 with head write-back")                                                      \
    RULE(HEAD_WB_ORDER, "head-write-back-relaxed", ERROR, "16",                                    \
         "DCA_TXCTRL bit 11 is 0 with head write-back, or the head may move backwards")            \
    RULE(TX_THRESHOLDS, "txdctl-thresholds", ADVICE, "7", "PTHRESH + WTHRESH is at most 40")       \
    RULE(TX_NO_RS, "tx-ring-without-rs", ERROR, "18",                                              \
         "a full ring holds at least one descriptor with RS")                                      \
    RULE(TX_CHAIN, "tx-too-many-descriptors", ERROR, "13",                                         \
         "a packet has at most 40 - WTHRESH data descriptors")                                     \
    RULE(TX_CHAIN_LIMIT, "tx-chain-limit", ADVICE, "13",                                           \
         "a packet has at most 40 - WTHRESH - 2 data descriptors")                                 \
    RULE(TX_SHORT, "tx-too-short", ADVICE, "13",                                                   \
         "a frame has 14 bytes in legacy descriptors, 17 in advanced ones, or more")               \
    RULE(TX_LONG, "tx-too-long", ERROR, "7", "a frame fits the transmit packet buffer")            \
    RULE(TX_NO_FCS, "tx-without-ifcs", ADVICE, "13",                                               \
         "IFCS is set, or the frame leaves with what software put in place of its CRC")            \
    RULE(TX_DESC, "tx-bad-descriptor", ERROR, "13",                                                \
         "a transmit descriptor is legacy, context (DTYP 2) or data (DTYP 3)")                     \
    RULE(TX_CONTEXT, "tx-without-context", ERROR, "13",                                            \
         "a context descriptor precedes the first packet that needs it")                           \
    RULE(TX_OFFLOAD, "tx-bad-offload", ERROR, "13",                                                \
         "header lengths, MSS and PAYLEN of an offload fit the packet")                            \
    RULE(TX_DISABLE_BUSY, "tx-disable-with-work", ADVICE, "14",                                    \
         "a transmit queue is drained (TDH = TDT) before it is disabled")                          \
    RULE(CRC_STRIP, "crc-strip-mismatch", ADVICE, "3, 6",                                          \
         "HLREG0.RXCRCSTRP equals RDRXCTL.CRCSTRIP (not on the X550)")                             \
    RULE(HLREG0, "hlreg0-reserved", ADVICE, "X550 8.2.2.16.1",                                     \
         "HLREG0 9:3 (7Fh on the X550, else 1) and 14:11 (5) stay as they reset")                  \
    RULE(RDRXCTL_BITS, "rdrxctl-required-bits", ADVICE, "14.15",                                   \
         "RDRXCTL has bits 11, 15, 25 (RSCACKC), 26 (FCOE_WRFIX) = 1, RSCFRSTSIZE = 0")            \
    RULE(NS_DIS, "no-snoop-disable", ADVICE, "14.12",                                              \
         "CTRL_EXT.NS_DIS is set (the X550 has none)")                                             \
    RULE(DRV_LOAD, "drv-load", ADVICE, "14.12",                                                    \
         "CTRL_EXT.DRV_LOAD tells the firmware that a driver is there")                            \
    RULE(RXPBSIZE_TOTAL, "rxpbsize", ERROR, "6",                                                   \
         "the receive packet buffers and the flow director share 384 KB")                          \
    RULE(TXPBSIZE_TOTAL, "txpbsize", ERROR, "7", "the transmit packet buffers share 160 KB")       \
    RULE(TXPBTHRESH, "txpbthresh", ADVICE, "7", "TXPBTHRESH is TXPBSIZE - 10")                     \
    RULE(DTXMXSZRQ, "dtxmxszrq", ADVICE, "14.16", "DTXMXSZRQ is 0xFFF without DCB")                \
    RULE(FCRTH, "fcrth", ADVICE, "14.9", "FCRTH is set below RXPBSIZE even with flow control off") \
    RULE(RSC_ON, "rsc-not-off", ADVICE, "5",                                                       \
         "RFCTL.RSC_DIS is set by who forwards (the X550 has none)")                               \
    RULE(BAM_RXEN, "bam-while-receiving", ADVICE, "5",                                             \
         "FCTRL changes only while RXCTRL.RXEN is 0")                                              \
    RULE(RXCSUM_RXEN, "rxcsum-while-receiving", ADVICE, "X550 8.2.2.8.1",                          \
         "RXCSUM changes only while RXCTRL.RXEN is 0")                                             \
    RULE(PCSD_LEGACY, "pcsd-with-legacy", ADVICE, "5",                                             \
         "RXCSUM.PCSD is 0 where a receive queue has legacy descriptors")                          \
    RULE(SECRX_FIRST, "secrx-not-stopped", ADVICE, "14.19, 16",                                    \
         "on the 82599 SECRXCTRL.RX_DIS is set while RXCTRL.RXEN is being set")                    \
    RULE(NO_ADDRESS, "no-receive-address", ADVICE, "14.8",                                         \
         "RAL0/RAH0 hold a valid address when receive is enabled without promiscuity")             \
    RULE(FTQF_JUNK, "ftqf-not-cleared", ADVICE, "14.10",                                           \
         "bit 31 of all 128 FTQF is cleared: their reset value is undefined")                      \
    RULE(RETA_JUNK, "reta-not-written", ERROR, "X550 8.2.2.8.18",                                  \
         "all of RETA (on the X550 ERETA too) is written before MRQC.MRQE is not 0")               \
    RULE(TABLE_JUNK, "table-not-cleared", ADVICE, "14.10",                                         \
         "RAR 1-127, MPSAR, MTA, UTA, VFTA, VLVF and VLVFB are zeroed")                            \
    RULE(STATS_JUNK, "statistics-not-cleared", ADVICE, "14.11",                                    \
         "all statistics are read once at start")                                                  \
    RULE(RATE_LIMITER, "rate-limiter-not-cleared", ADVICE, "14.13",                                \
         "RTTDQSEL = q, RTTBCNRC or RTTDT1C = 0 for all 128 queues")                               \
    RULE(VT_MODE, "vt-mode-mismatch", ERROR, "4", "GPIE.VTMODE equals GCR_EXT.VT_MODE")            \
    RULE(EIAC_OTHER, "eiac-other-cause", ERROR, "4",                                               \
         "EIAC holds queue causes and the TCP timer only")                                         \
    RULE(EICR_READ, "eicr-read-in-msix-mode", ERROR, "16",                                         \
         "in MSI-X mode EICR is not read: that would clear queue causes too")                      \
    RULE(EICR_READ_OCD, "eicr-read-with-ocd", ADVICE, "X550 7.3.1.3",                              \
         "with GPIE.OCD = 1 a read of EICR clears 29:16 only; Linux reads EICS all the same")      \
    RULE(MSIX_MODE, "msix-mode-mismatch", ADVICE, "4",                                             \
         "GPIE.MSIX_MODE is set when MSI-X is enabled in configuration space, else not")           \
    RULE(FDIR_INIT, "fdir-not-initialised", ERROR, "8",                                            \
         "FDIRCTRL.INIT_DONE is 1 before a flow director command")

enum x540_rule {
#define RULE(id, name, error, section, text) RULE_##id,
    X540_RULES(RULE)
#undef RULE
        RULE_COUNT
};

struct x540_rule_info {
    const char *name;
    bool error;
    const char *section, *text;
};
/* Rule i, i < RULE_COUNT. */
const struct x540_rule_info *x540_rule_info(uint32_t i);

/* The driver has broken the rule. The text says what was read or written and what was expected;
 * only the first time in a row is it formatted. */
void x540_complain(struct x540 *card, enum x540_rule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
