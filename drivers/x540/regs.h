/* SPDX-License-Identifier: BSD-2-Clause
 * The registers of the X540 (and of the 82599 and X550 where they are the same) that this driver
 * touches: byte offsets into BAR0, fields by their printed names. Only aligned 32-bit accesses.
 * Grouped as the datasheets group them; README.md here says which documents stand behind a row.
 *
 * Access of each field: RO read only, RW, RC clears when read, W1C write 1 to clear, SC clears
 * itself, WO write only. The model in tests/model has a table of its own, by another hand;
 * tests/unit/test_x540_regs.c compares the two.
 */
#ifndef DRIVERS_X540_REGS_H
#define DRIVERS_X540_REGS_H

#include "arch/types.h"

/* ---- General control ---- */
/* Device Control */
#define CTRL 0x00000
#define CTRL_GIO_DIS FIELD(2, 2)   /* RW  stop issuing PCIe requests (master disable) */
#define CTRL_LNK_RST FIELD(3, 3)   /* SC  82599 only: resets MAC and link */
#define CTRL_RST FIELD(26, 26)     /* SC  software reset of this port */
/* Device Status */
#define STATUS 0x00008
#define STATUS_LAN_ID FIELD(3, 2)  /* RO  port number, picks the PHY semaphore */
#define STATUS_GIO FIELD(19, 19)   /* RO  drops to 0 once GIO_DIS has taken effect */
#define STATUS_HOT FIELD(20, 20)   /* RO  the thermal sensor's state now */
/* Extended Device Control */
#define CTRL_EXT 0x00018
#define CTRL_EXT_NS_DIS FIELD(16, 16)   /* RW  no snoop off */
#define CTRL_EXT_RO_DIS FIELD(17, 17)   /* RW  relaxed ordering off */
#define CTRL_EXT_DRV_LOAD FIELD(28, 28) /* RW  tells the firmware that a driver owns the port */

/* ---- NVM and semaphores ---- */
/* EEPROM/Flash Control */
#define EEC 0x10010
#define EEC_PRES FIELD(8, 8)       /* RO  NVM present, signature valid */
#define EEC_ARD FIELD(9, 9)        /* RO  auto-read after reset is finished */
/* Manageability EEPROM/Flash Control */
#define EEMNGCTL 0x10110
#define EEMNGCTL_CFG_DONE0 FIELD(18, 18) /* RO  PHY of port 0 is configured; port 1: one bit up */
/* EEPROM Read */
#define EERD 0x10014
#define EERD_START FIELD(0, 0)     /* WO  */
#define EERD_DONE FIELD(1, 1)      /* RO  */
#define EERD_ADDR FIELD(15, 2)     /* RW  word address */
#define EERD_DATA FIELD(31, 16)    /* RO  */
/* Software Semaphore */
#define SWSM 0x10140
#define SWSM_SMBI FIELD(0, 0)      /* RW  a read of 0 takes it; write 0 to give it back */
#define SWSM_SWESMBI FIELD(1, 1)   /* RW  82599: second half, set and read back */
/* Firmware Semaphore */
#define FWSM 0x10148
#define FWSM_TS_ENABLED FIELD(0, 0)    /* RO  the thermal sensor's events mean something */
#define FWSM_RECOVERY FIELD(5, 5)      /* RO  firmware is damaged and waits for another */
#define FWSM_EXT_ERR_IND FIELD(24, 19) /* RO  0: no error */
#define FWSM_PHY0_BAD FIELD(26, 26)    /* RO  PHY of port 0 not configured; port 1: one bit up */
/* Software-Firmware Synchronization */
#define SW_FW_SYNC 0x10160
#define SW_FW_SYNC_EEP FIELD(0, 0)     /* RW  software owns the NVM */
#define SW_FW_SYNC_PHY0 FIELD(1, 1)    /* RW  PHY of port 0; port 1 is one bit further up */
#define SW_FW_SYNC_MAC FIELD(3, 3)     /* RW  */
#define SW_FW_SYNC_FLASH FIELD(4, 4)   /* RO  hardware is busy with the flash */
#define SW_FW_SYNC_SW_ALL (FIELD(3, 0) | FIELD(10, 10)) /* all locks that software takes */
#define SW_FW_SYNC_FW_SHIFT 5          /* the firmware's bit of a lock, relative to ours */
#define SW_FW_SYNC_REGSMP FIELD(31, 31) /* RW  X540 on: lock of this register, taken by reading 0 */

/* ---- MDIO, PHY, link, MAC ---- */
/* MDI Single Command and Address */
#define MSCA 0x0425C
#define MSCA_NP_ADDR FIELD(15, 0)   /* RW  register in the MMD */
#define MSCA_DEV_TYPE FIELD(20, 16) /* RW  MMD */
#define MSCA_PHY_ADDR FIELD(25, 21) /* RW  */
#define MSCA_OP_CODE FIELD(27, 26)  /* RW  */
#define MSCA_OP_ADDRESS 0u
#define MSCA_OP_WRITE 1u
#define MSCA_OP_READ 3u
#define MSCA_MDI_COMMAND FIELD(30, 30) /* SC  start; clears when done */
/* MDI Single Read and Write Data */
#define MSRWD 0x04260
#define MSRWD_WRITE_DATA FIELD(15, 0)  /* RW  */
#define MSRWD_READ_DATA FIELD(31, 16)  /* RO  */
/* Link Status; bit 7 alone latches */
#define LINKS 0x042A4
#define LINKS_UP_SINCE_READ FIELD(7, 7) /* RO  0: the link was or is down since the last read */
#define LINKS_UP FIELD(30, 30)          /* RO  now */
#define LINKS_SPEED FIELD(29, 28)       /* RO  3 10G, 2 1G, 1 100M */
#define LINKS_SPEED_NON_STD FIELD(27, 27) /* RO  X550: 3 is 2.5G, 1 is 5G */
/* Management Control */
#define MMNGC 0x042D0
#define MMNGC_MNG_VETO FIELD(0, 0)      /* RO  the firmware forbids link changes */
/* MAC Core Control 0 */
#define HLREG0 0x04240
#define HLREG0_TXCRCEN FIELD(0, 0)      /* RW  */
#define HLREG0_RXCRCSTRP FIELD(1, 1)    /* RW  must equal RDRXCTL.CRCSTRIP */
#define HLREG0_JUMBOEN FIELD(2, 2)      /* RW  */
#define HLREG0_TXPADEN FIELD(10, 10)    /* RW  pad to 64 bytes with CRC */
#define HLREG0_LPBK FIELD(15, 15)       /* RW  Tx to Rx loopback */
#define HLREG0_MDCSPD FIELD(16, 16)     /* RW  MDIO's clock, 1 after reset */
#define HLREG0_CONTMDC FIELD(17, 17)    /* RW  MDIO's clock runs between cycles */
#define HLREG0_PREPEND FIELD(23, 20)    /* RW  bytes in front of each frame */
#define HLREG0_RXLNGTHERREN FIELD(27, 27) /* RW  frames with a wrong length field are errors */
#define HLREG0_RXPADSTRIPEN FIELD(28, 28) /* RW  strip a received frame's padding */
/* MAC Flow Control */
#define MFLCN 0x04294
#define MFLCN_PMCF FIELD(0, 0)          /* RW  pass control frames to the host */
#define MFLCN_DPF FIELD(1, 1)           /* RW  discard pause frames */
#define MFLCN_RPFCE FIELD(2, 2)         /* RW  obey priority pause */
#define MFLCN_RFCE FIELD(3, 3)          /* RW  obey pause */
#define MFLCN_RPFCE_MASK FIELD(11, 4)   /* RW  which priorities' */
/* MAC Control */
#define MACC 0x04330
#define MACC_FLU FIELD(0, 0)            /* RW  link up without a partner */
#define MACC_RX2TX_LPBK FIELD(1, 1)     /* RW  X550: what comes in goes out */
/* Flow control thresholds and timers */
#define FCCFG 0x03D00
#define FCTTV(n) (0x03200 + 0x4 * (n))  /* n < 4 */
#define FCRTL(n) (0x03220 + 0x4 * (n))  /* n < 8 */
#define FCRTH(n) (0x03260 + 0x4 * (n))  /* n < 8 */
#define FCRTH_RTH FIELD(18, 5)          /* RW  bytes, in units of 32: fits as it is */
#define FCRTV 0x032A0

/* ---- Interrupts ---- */
/* Causes, the same bits in EICR, EICS, EIMS, EIMC; bits 15..0 belong to queues in MSI-X mode */
#define EICR 0x00800                     /* RC  all causes; W1C those written */
#define EICS 0x00808                     /* WO  sets causes; in practice reads what is set */
#define EIMS 0x00880                     /* RW  1 enables a cause */
#define EIMC 0x00888                     /* WO  1 disables a cause */
#define CAUSE_QUEUES FIELD(15, 0)        /* not for the other-cause handler to touch */
#define CAUSE_LSC FIELD(20, 20)          /* link changed */
#define CAUSE_TS FIELD(23, 23)           /* over-temperature */
#define CAUSE_ECC FIELD(28, 28)          /* memory error: reset the port */
#define EIAC 0x00810
#define EIAC_RTXQ FIELD(15, 0)           /* RW  queue causes clear as their message is sent */
#define EIAM_EX(n) (0x00AD0 + 0x4 * (n)) /* RW  n < 2; vectors masked as their message is sent */
#define EIMS_EX(n) (0x00AA0 + 0x4 * (n)) /* RW  n < 2; 1 enables a vector */
#define EIMC_EX(n) (0x00AB0 + 0x4 * (n)) /* WO  n < 2; by vector */
#define GPIE 0x00898
#define GPIE_MSIX_MODE FIELD(4, 4)       /* RW  one message a vector */
#define GPIE_OCD FIELD(5, 5)             /* RW  reading EICR clears bits 29:16 only */
#define GPIE_EIAME FIELD(30, 30)         /* RW  auto-mask on */
#define GPIE_PBA_SUPPORT FIELD(31, 31)   /* RW  */
#define IVAR(n) (0x00900 + 0x4 * (n))    /* n < 64; four bytes: Rx 2n, Tx 2n, Rx 2n+1, Tx 2n+1 */
#define IVAR_MISC 0x00A00                /* byte 1: all other causes */
#define IVAR_VALID 0x80u                 /* of each byte; the vector stands below it */
#define EITR(n) ((n) < 24 ? 0x00820 + 0x4 * (n) : 0x12300 + 0x4 * ((n)-24)) /* n < 128 */
#define EITR_INTERVAL FIELD(11, 3)       /* RW  least time between messages, 2.048 us units */

/* ---- Receive filters ---- */
#define FCTRL 0x05080
#define FCTRL_SBP FIELD(1, 1)           /* RW  store bad packets */
#define FCTRL_MPE FIELD(8, 8)           /* RW  all multicast */
#define FCTRL_UPE FIELD(9, 9)           /* RW  all unicast */
#define FCTRL_BAM FIELD(10, 10)         /* RW  broadcast; change only with RXEN 0 */
#define VLNCTRL 0x05088
#define VLNCTRL_VFE FIELD(30, 30)       /* RW  VLAN filter */
#define MCSTCTRL 0x05090
#define MCSTCTRL_MFE FIELD(2, 2)        /* RW  multicast filter */
#define RXCSUM 0x05000
#define RXCSUM_PCSD FIELD(13, 13)       /* RW  write back the hash, not the fragment checksum */
#define RFCTL 0x05008
#define RFCTL_RSC_DIS FIELD(5, 5)       /* RW  no receive-side coalescing; X550: reserved */
#define RFCTL_NFSW_DIS FIELD(6, 6)      /* RW  no filter for NFS writes */
#define RFCTL_NFSR_DIS FIELD(7, 7)      /* RW  nor reads */
#define MTA(n) (0x05200 + 0x4 * (n))    /* n < 128 */
#define RAL(n) (0x0A200 + 0x8 * (n))    /* n < 128 */
#define RAH(n) (0x0A204 + 0x8 * (n))
#define RAH_RAH FIELD(15, 0)            /* RW  address bytes 4 and 5 */
#define RAH_AV FIELD(31, 31)            /* RW  entry is valid */
#define MPSAR(n) (0x0A600 + 0x4 * (n))  /* n < 256 */
#define VFTA(n) (0x0A000 + 0x4 * (n))   /* n < 128 */
#define UTA(n) (0x0F400 + 0x4 * (n))    /* n < 128 */
#define FTQF(n) (0x0E600 + 0x4 * (n))   /* n < 128 */
#define FTQF_QUEUE_ENABLE FIELD(31, 31) /* RW  undefined at reset */
#define VLVF(n) (0x0F100 + 0x4 * (n))   /* n < 64 */
#define VLVFB(n) (0x0F200 + 0x4 * (n))  /* n < 128 */
#define MRQC 0x05818
#define MRQC_MRQE FIELD(3, 0)           /* RW  0 one queue, 1 RSS */
#define MRQC_IPV4_TCP FIELD(16, 16)     /* RW  what is hashed */
#define MRQC_IPV4 FIELD(17, 17)
#define MRQC_IPV6 FIELD(20, 20)
#define MRQC_IPV6_TCP FIELD(21, 21)
#define MRQC_IPV4_UDP FIELD(22, 22)
#define MRQC_IPV6_UDP FIELD(23, 23)
#define RSSRK(n) (0x05C80 + 0x4 * (n))  /* n < 10; 40-byte Toeplitz key, byte 0 lowest */
#define RETA(n) (0x05C00 + 0x4 * (n))   /* n < 32; 128 entries, one a byte */
#define ERETA(n) (0x0EE80 + 0x4 * (n))  /* X550: n < 96; entries 128 to 511 */
#define RDRXCTL 0x02F00
#define RDRXCTL_CRCSTRIP FIELD(1, 1)    /* RW  must equal HLREG0.RXCRCSTRP */
#define RDRXCTL_DMAIDONE FIELD(3, 3)    /* RO  DMA memories are ready after reset */
#define RDRXCTL_RSCFRSTSIZE FIELD(21, 17) /* RW  must be 0 */
#define RDRXCTL_RSCACKC FIELD(25, 25)   /* RW  must be 1, RSC or not */
#define RDRXCTL_FCOE_WRFIX FIELD(26, 26) /* RW  must be 1, FCoE or not */
#define RDRXCTL_MDD FIELD(29, 28)       /* RW  X550: malicious-driver detection and its interrupt */

/* ---- Receive DMA ---- */
#define RXCTRL 0x03000
#define RXCTRL_RXEN FIELD(0, 0)         /* RW  */
#define RXPBSIZE(n) (0x03C00 + 0x4 * (n)) /* n < 8 */
#define RXPBSIZE_SIZE FIELD(19, 10)     /* RW  KB */
#define RXQ(n) ((n) < 64 ? 0x01000 + 0x40 * (n) : 0x0D000 + 0x40 * ((n)-64)) /* queue n < 128 */
#define RDBAL(n) (RXQ(n) + 0x00)
#define RDBAH(n) (RXQ(n) + 0x04)
#define RDLEN(n) (RXQ(n) + 0x08)
#define DCA_RXCTRL(n) (RXQ(n) + 0x0C)
#define DCA_RXCTRL_MBZ FIELD(12, 12)    /* RW  resets to 1, must be written 0 */
#define DCA_RXCTRL_DATA_WRO FIELD(13, 13) /* RW  relaxed ordering of data writes */
#define DCA_RXCTRL_HEAD_WRO FIELD(15, 15) /* RW  of header writes */
#define RDH(n) (RXQ(n) + 0x10)
#define SRRCTL(n) (RXQ(n) + 0x14)
#define SRRCTL_BSIZEPKT FIELD(4, 0)     /* RW  buffer, KB */
#define SRRCTL_DESCTYPE FIELD(27, 25)   /* RW  0 legacy */
#define SRRCTL_DROP_EN FIELD(28, 28)    /* RW  drop when the ring is empty, do not block others */
#define RDT(n) (RXQ(n) + 0x18)
#define RXDCTL(n) (RXQ(n) + 0x28)
#define RXDCTL_ENABLE FIELD(25, 25)     /* RW  reads 1 once the ring is live */
#define RXDCTL_SWFLSH FIELD(26, 26)     /* RW  flush write-backs */
#define RXDCTL_VME FIELD(30, 30)        /* RW  strip VLAN tags */
#define RSCCTL(n) (RXQ(n) + 0x2C)
#define RSCCTL_RSCEN FIELD(0, 0)        /* RW  */

/* ---- Transmit DMA ---- */
#define DMATXCTL 0x04A80
#define DMATXCTL_TE FIELD(0, 0)         /* RW  before any TXDCTL.ENABLE; enables queue 0 itself */
#define DMATXCTL_MDD FIELD(6, 5)        /* RW  X550: malicious-driver detection and its interrupt */
#define TXQ(n) (0x06000 + 0x40 * (n))   /* queue n < 128 */
#define TDBAL(n) (TXQ(n) + 0x00)
#define TDBAH(n) (TXQ(n) + 0x04)
#define TDLEN(n) (TXQ(n) + 0x08)
#define DCA_TXCTRL(n) (TXQ(n) + 0x0C)
#define DCA_TXCTRL_DESC_WRO FIELD(11, 11) /* RW  relaxed ordering of write-backs: must be 0 */
#define TDH(n) (TXQ(n) + 0x10)
#define TDT(n) (TXQ(n) + 0x18)
#define TXDCTL(n) (TXQ(n) + 0x28)
#define TXDCTL_PTHRESH FIELD(6, 0)      /* RW  prefetch when fewer than this are on the chip */
#define TXDCTL_HTHRESH FIELD(14, 8)     /* RW  and at least this many wait in memory */
#define TXDCTL_WTHRESH FIELD(22, 16)    /* RW  must be 0 with head write-back */
#define TXDCTL_ENABLE FIELD(25, 25)     /* RW  reads 1 once the ring is live */
#define TXDCTL_SWFLSH FIELD(26, 26)     /* RW  */
#define TDWBAL(n) (TXQ(n) + 0x38)
#define TDWBAL_HEAD_WB_ENABLE FIELD(0, 0) /* RW  */
#define TDWBAH(n) (TXQ(n) + 0x3C)
#define DTXMXSZRQ 0x08100
#define DTXMXSZRQ_MAX_BYTES FIELD(11, 0) /* RW  256-byte units */
#define TXPBSIZE(n) (0x0CC00 + 0x4 * (n)) /* n < 8 */
#define TXPBSIZE_SIZE FIELD(19, 10)     /* RW  KB */
#define TXPBTHRESH(n) (0x04950 + 0x4 * (n)) /* n < 8 */
#define TXPBTHRESH_THRESH FIELD(9, 0)   /* RW  KB */
#define MTQC 0x08120                    /* write only while RTTDCS.ARBDIS is 1; 0: 64 queues */
#define RTTDCS 0x04900
#define RTTDCS_ARBDIS FIELD(6, 6)       /* RW  stop the arbiter */
#define RTTDQSEL 0x04904
#define RTTDQSEL_TXDQ_IDX FIELD(6, 0)   /* RW  */
#define RTTDT1C 0x04908
#define RTTBCNRC 0x04984
#define SECRXCTRL 0x08D00
#define SECRXCTRL_RX_DIS FIELD(1, 1)    /* RW  stop the receive data path */
#define SECRXSTAT 0x08D04
#define SECRXSTAT_RDY FIELD(0, 0)       /* RO  it has stopped */

/* ---- PCIe, DCA ---- */
#define GCR_EXT 0x11050
#define GCR_EXT_BUFFERS_CLEAR FIELD(30, 30) /* RW  flush internal buffers */
#define DCA_CTRL 0x11074
#define DCA_CTRL_DCA_DISABLE FIELD(0, 0) /* RW  */
#define PFDTXGSWC 0x08220
#define PFDTXGSWC_VT_LBEN FIELD(0, 0)   /* RW  VM loopback */
/* PCIe Device Status in configuration space */
#define PCI_DEVICE_STATUS 0xAA
#define PCI_DEVICE_STATUS_PENDING BIT(5)
/* Power Management Control/Status, from its capability on */
#define PCI_PM_CONTROL 4
#define PCI_PM_CONTROL_STATE 3u /* 0: D0, 3: D3hot */
/* PCIe Device Control 2 */
#define PCI_DEVICE_CONTROL_2 0xC8
#define PCI_DEVICE_CONTROL_2_TIMEOUT FIELD(3, 0) /* completion time-out, by range */

/* ---- Statistics; each RC and stuck at all ones when full ---- */
#define CRCERRS 0x04000
#define ILLERRC 0x04004
#define ERRBC 0x04008
#define RLEC 0x04040
#define GPRC 0x04074
#define GPTC 0x04080
#define GORCL 0x04088                   /* read low, then high */
#define GORCH 0x0408C
#define GOTCL 0x04090
#define GOTCH 0x04094
#define RUC 0x040A4
#define RFC 0x040A8
#define ROC 0x040AC
#define RJC 0x040B0
#define MPC(n) (0x03FA0 + 0x4 * (n))    /* n < 8 */
#define QPRC(n) (0x01030 + 0x40 * (n))  /* n < 16 */
#define QPRDC(n) (0x01430 + 0x40 * (n)) /* n < 16 */
#define QBRC_L(n) (0x01034 + 0x40 * (n)) /* n < 16 */
#define QBRC_H(n) (0x01038 + 0x40 * (n))
#define RQSMR(n) (0x02300 + 0x4 * (n))  /* n < 32 */
#define TQSM(n) (0x08600 + 0x4 * (n))   /* n < 32 */

/* Every statistic that there is, first and last offset and step: read once at init, all of them,
 * because what one of them holds before that is anybody's. */
#define STATISTICS(X)                                                                              \
    X(0x04000, 0x04008, 4)  /* CRCERRS ILLERRC ERRBC */                                            \
    X(0x04010, 0x04010, 4)  /* MSPDC */                                                            \
    X(0x04034, 0x04038, 4)  /* MLFC MRFC */                                                        \
    X(0x04040, 0x04040, 4)  /* RLEC */                                                             \
    X(0x08780, 0x08780, 4)  /* SSVPC */                                                            \
    X(0x03F60, 0x03F60, 4)  /* LXONTXC */                                                          \
    X(0x03F68, 0x03F68, 4)  /* LXOFFTXC */                                                         \
    X(0x041A4, 0x041A8, 4)  /* LXONRXCNT LXOFFRXCNT */                                             \
    X(0x0405C, 0x04080, 4)  /* PRC64 .. PRC1522 GPRC BPRC MPRC GPTC */                             \
    X(0x04088, 0x04094, 4)  /* GORCL GORCH GOTCL GOTCH */                                          \
    X(0x040A4, 0x040B8, 4)  /* RUC RFC ROC RJC MNGPRC MNGPDC */                                    \
    X(0x0CF90, 0x0CF90, 4)  /* MNGPTC */                                                           \
    X(0x040C0, 0x040C4, 4)  /* TORL TORH */                                                        \
    X(0x040D0, 0x040F4, 4)  /* TPR TPT PTC64 .. PTC1522 MPTC BPTC */                               \
    X(0x04120, 0x04120, 4)  /* XEC */                                                              \
    X(0x041B0, 0x041B0, 4)  /* RXNFGPC */                                                          \
    X(0x02F50, 0x02F50, 4)  /* RXDGPC */                                                           \
    X(0x087A0, 0x087A0, 4)  /* TXDGPC */                                                           \
    X(0x0241C, 0x0241C, 4)  /* FCOERPDC */                                                         \
    X(0x03FA0, 0x03FBC, 4)  /* MPC */                                                              \
    X(0x03F00, 0x03F3C, 4)  /* PXONTXC PXOFFTXC */                                                 \
    X(0x04140, 0x0417C, 4)  /* PXONRXCNT PXOFFRXCNT */                                             \
    X(0x01030, 0x013F0, 64) /* QPRC */                                                             \
    X(0x01034, 0x013F4, 64) /* QBRC_L */                                                           \
    X(0x01038, 0x013F8, 64) /* QBRC_H */                                                           \
    X(0x01430, 0x017F0, 64) /* QPRDC */                                                            \
    X(0x08680, 0x086BC, 4)  /* QPTC */                                                             \
    X(0x08700, 0x0877C, 4)  /* QBTC_L QBTC_H */

/* ---- PHY registers by MDIO: MMD and number ---- */
#define PHY_PMA 1u
#define PHY_PMA_ID_HIGH 2u
#define PHY_PMA_ID_LOW 3u
#define PHY_AN 7u
#define PHY_AN_CONTROL 0u
#define PHY_AN_CONTROL_RESTART BIT(9)
#define PHY_AN_CONTROL_ENABLE BIT(12)
#define PHY_AN_ADVERTISE 0x10u
#define PHY_AN_ADVERTISE_PAUSE (BIT(10) | BIT(11))
#define PHY_AN_10GBT_CONTROL 0x20u
#define PHY_AN_10GBT_ADVERTISE BIT(12)
#define PHY_VENDOR 30u
#define PHY_VENDOR_CONTROL 0u
#define PHY_VENDOR_CONTROL_LOW_POWER BIT(11)
#define PHY_ID_X540 0x01540200u         /* without the revision in bits 3..0 */
#define PHY_ID_X550 0x01540220u

#endif
