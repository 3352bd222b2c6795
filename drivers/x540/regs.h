/* SPDX-License-Identifier: BSD-2-Clause
 * The registers of the X540 (and of the 82599 and X550 where they are the same) that this driver
 * touches: byte offsets into BAR0, fields by their printed names. Only aligned 32-bit accesses.
 * Grouped as the datasheets group them; README.md here says which documents stand behind a row.
 *
 * "X550 8.2.2.9.7" is the register's section in the datasheet of the X550 (Intel 333369-009), that
 * the X540 shares but where a line says otherwise; tests/model/FACTS.md has what else is known.
 * Access of each field: RO read only, RW, RC clears when read, W1C write 1 to clear, RWS write 1 to
 * set, SC clears itself, WO write only. The model in tests/model has a table of its own, by another
 * hand; tests/unit/driver/test_x540_regs.c compares the two.
 */
#ifndef DRIVERS_X540_REGS_H
#define DRIVERS_X540_REGS_H

#include "arch/types.h"

/* clang-format off */
/* ---- General control ---- */
/* X550 8.2.2.1.1  Device Control; nothing is accessed for 1 ms after RST is set */
#define CTRL 0x00000
#define CTRL_GIO_DIS FIELD(2, 2)   /* RW  stop issuing PCIe requests (master disable) */
#define CTRL_LNK_RST FIELD(3, 3)   /* SC  RST, and MAC and PHY; X550 4.2.1.7 */
#define CTRL_RST FIELD(26, 26)     /* SC  software reset of this port; X550 4.2.1.6 */
/* X550 8.2.2.1.2  Device Status */
#define STATUS 0x00008
#define STATUS_LAN_ID FIELD(3, 2)  /* RO  port number, picks the PHY semaphore */
#define STATUS_GIO FIELD(19, 19)   /* RO  drops to 0 once GIO_DIS has taken effect */
#define STATUS_HOT FIELD(20, 20)   /* RO  the thermal sensor's state now */
/* X550 8.2.2.1.3  Extended Device Control */
#define CTRL_EXT 0x00018
#define CTRL_EXT_NS_DIS FIELD(16, 16)   /* RW  no snoop off; X550: reserved */
#define CTRL_EXT_RO_DIS FIELD(17, 17)   /* RW  relaxed ordering off */
#define CTRL_EXT_DRV_LOAD FIELD(28, 28) /* RW  tells the firmware that a driver owns the port */

/* X550 8.2.2.1.4  Extended SDP Control; bits kept by all but a power-on */
#define ESDP 0x00020
#define ESDP_SDP3 FIELD(3, 3)      /* RW  82599: the laser of an optical module is off */

/* ---- NVM and semaphores ---- */
/* X550 8.2.2.2.1  EEPROM Mode Control */
#define EEC 0x10010
#define EEC_PRES FIELD(8, 8)       /* RO  NVM present, signature valid */
#define EEC_ARD FIELD(9, 9)        /* RO  auto-read after reset is finished */
#define EEC_SIZE FIELD(14, 11)     /* RO  the NVM has 2^(6 + n) words */
/* X550 8.2.2.2.3  Manageability EEPROM-Mode Control */
#define EEMNGCTL 0x10110
#define EEMNGCTL_CFG_DONE0 FIELD(18, 18) /* RO  PHY of port 0 is configured; port 1: one bit up */
/* 82599/X540 only: no X550 section. EEPROM Read; the X550 reads its NVM by firmware, 11.8.3 */
#define EERD 0x10014
#define EERD_START FIELD(0, 0)     /* WO  */
#define EERD_DONE FIELD(1, 1)      /* RO  */
#define EERD_ADDR FIELD(15, 2)     /* RW  word address */
#define EERD_DATA FIELD(31, 16)    /* RO  */
/* X550 8.2.2.20.1  Software Semaphore; one for both ports; how to take it: X550 11.8.4.1 */
#define SWSM 0x10140
#define SWSM_SMBI FIELD(0, 0)      /* RW  a read of 0 takes it; write 0 to give it back */
#define SWSM_SWESMBI FIELD(1, 1)   /* RW  82599: second half, set and read back */
/* X550 8.2.2.20.2  Firmware Semaphore; one for both ports */
#define FWSM 0x10148
#define FWSM_TS_ENABLED FIELD(0, 0)    /* RO  the thermal sensor's events mean something */
#define FWSM_RECOVERY FIELD(5, 5)      /* RO  firmware is damaged and waits for another */
#define FWSM_EXT_ERR_IND FIELD(24, 19) /* RO  0: no error; a reason code */
#define FWSM_PHY0_BAD FIELD(26, 26)    /* RO  PHY of port 0 not configured; port 1: one bit up */
/* X550 8.2.2.20.3  Software-Firmware Synchronization; one for both ports */
#define SW_FW_SYNC 0x10160
#define SW_FW_SYNC_EEP FIELD(0, 0)     /* RW  software owns the NVM */
#define SW_FW_SYNC_PHY0 FIELD(1, 1)    /* RW  PHY of port 0; port 1 is one bit further up */
#define SW_FW_SYNC_MAC FIELD(3, 3)     /* RW  */
#define SW_FW_SYNC_FLASH FIELD(4, 4)   /* RO  hardware is busy with the flash; X550: reserved */
#define SW_FW_SYNC_SW_ALL (FIELD(3, 0) | FIELD(10, 10)) /* all locks that software takes */
#define SW_FW_SYNC_FW_SHIFT 5          /* the firmware's bit of a lock, relative to ours */
#define SW_FW_SYNC_REGSMP FIELD(31, 31) /* RW  X540 on: lock of this register, taken by reading 0 */

/* ---- MDIO, PHY, link, MAC ---- */
/* X550 8.2.2.16.4  MDI Single Command and Address; how to use it: X550 3.7.2 */
#define MSCA 0x0425C
#define MSCA_NP_ADDR FIELD(15, 0)   /* RW  register in the MMD */
#define MSCA_DEV_TYPE FIELD(20, 16) /* RW  MMD */
#define MSCA_PHY_ADDR FIELD(25, 21) /* RW  */
#define MSCA_OP_CODE FIELD(27, 26)  /* RW  */
#define MSCA_OP_ADDRESS 0u
#define MSCA_OP_WRITE 1u
#define MSCA_OP_READ 3u
#define MSCA_MDI_COMMAND FIELD(30, 30) /* SC  start; clears when done */
/* X550 8.2.2.16.5  MDI Single Read and Write Data */
#define MSRWD 0x04260
#define MSRWD_WRITE_DATA FIELD(15, 0)  /* RW  */
#define MSRWD_READ_DATA FIELD(31, 16)  /* RO  */
/* X550 8.2.2.16.7  Link Status; UP and the speed are current, only b7 latches low */
#define LINKS 0x042A4
#define LINKS_UP_SINCE_READ FIELD(7, 7) /* RO  0: the link was or is down since the last read */
#define LINKS_UP FIELD(30, 30)          /* RO  now */
#define LINKS_SPEED FIELD(29, 28)       /* RO  3 10G, 2 1G, 1 100M */
#define LINKS_SPEED_NON_STD FIELD(27, 27) /* RO  X550: 3 is 2.5G, 1 is 5G */
/* X550 8.2.2.16.8  MAC Manageability Control */
#define MMNGC 0x042D0
#define MMNGC_MNG_VETO FIELD(0, 0)      /* RO  the firmware forbids link changes */
/* X550 8.2.2.16.1  MAC Core Control 0; b14..11 and b9..3 must stay as they are */
#define HLREG0 0x04240
#define HLREG0_TXCRCEN FIELD(0, 0)      /* RW  X550: reserved, 1 */
#define HLREG0_RXCRCSTRP FIELD(1, 1)    /* RW  must equal RDRXCTL.CRCSTRIP; X550: reserved, 1 */
#define HLREG0_JUMBOEN FIELD(2, 2)      /* RW  */
#define HLREG0_TXPADEN FIELD(10, 10)    /* RW  pad to 64 bytes with CRC */
#define HLREG0_LPBK FIELD(15, 15)       /* RW  Tx to Rx loopback */
#define HLREG0_MDCSPD FIELD(16, 16)     /* RW  MDIO's clock, 1 after reset */
#define HLREG0_CONTMDC FIELD(17, 17)    /* RW  MDIO's clock runs between cycles */
#define HLREG0_PREPEND FIELD(23, 20)    /* RW  bytes in front of each frame */
#define HLREG0_RXLNGTHERREN FIELD(27, 27) /* RW  a wrong length field is a MAC error */
#define HLREG0_RXPADSTRIPEN FIELD(28, 28) /* RW  strip a received frame's padding */
/* X550 8.2.2.16.6  Max Frame Size; with JUMBOEN, else 1518. A tagged frame may have 4 bytes more */
#define MAXFRS 0x04268
#define MAXFRS_MFS FIELD(31, 16)        /* RW  bytes, CRC included */
/* X550 8.2.2.3.6  MAC Flow Control; which frames reach the host: X550 table 3-43 */
#define MFLCN 0x04294
#define MFLCN_PMCF FIELD(0, 0)          /* RW  pass control frames to the host */
#define MFLCN_DPF FIELD(1, 1)           /* RW  discard pause frames; only with RFCE or RPFCE */
#define MFLCN_RPFCE FIELD(2, 2)         /* RW  obey priority pause; X550: RPFCM */
#define MFLCN_RFCE FIELD(3, 3)          /* RW  obey pause */
#define MFLCN_RPFCE_MASK FIELD(11, 4)   /* RW  which priorities' */
/* X550 8.2.2.16.9  MAC Control */
#define MACC 0x04330
#define MACC_FLU FIELD(0, 0)            /* RW  link up without a partner */
#define MACC_RX2TX_LPBK FIELD(1, 1)     /* RW  X550: received frames are sent back */
/* X550 8.2.2.3.5  Flow Control Configuration; 0: no pause frame is sent */
#define FCCFG 0x03D00                   /* RW  */
/* X550 8.2.2.3.1  Flow Control Transmit Timer Value; also put into pause frames of software */
#define FCTTV(n) (0x03200 + 0x4 * (n))  /* RW  n < 4 */
/* X550 8.2.2.3.2  Flow Control Receive Threshold Low */
#define FCRTL(n) (0x03220 + 0x4 * (n))  /* RW  n < 8 */
/* X550 8.2.2.3.3  Flow Control Receive Threshold High; set even without flow control */
#define FCRTH(n) (0x03260 + 0x4 * (n))  /* RW  n < 8 */
#define FCRTH_RTH FIELD(18, 5)          /* RW  bytes, in units of 32: fits as it is */
/* X550 8.2.2.3.4  Flow Control Refresh Threshold Value */
#define FCRTV 0x032A0                   /* RW  */

/* ---- Interrupts ---- */
/* Causes, the same bits in EICR, EICS, EIMS, EIMC; bits 15..0 belong to queues in MSI-X mode */
/* X550 8.2.2.6.1  Extended Interrupt Cause; a read clears all with GPIE.OCD 0, else b29..16 */
#define EICR 0x00800                     /* RC, W1C */
/* X550 8.2.2.6.2  Extended Interrupt Cause Set; read by Linux only */
#define EICS 0x00808                     /* WO  sets causes; in practice reads what is set */
/* X550 8.2.2.6.5  Extended Interrupt Mask Set */
#define EIMS 0x00880                     /* RWS  1 enables a cause */
/* X550 8.2.2.6.6  Extended Interrupt Mask Clear */
#define EIMC 0x00888                     /* WO  1 disables a cause */
#define CAUSE_QUEUES FIELD(15, 0)        /* W1C  not for the other-cause handler to touch */
#define CAUSE_LSC FIELD(20, 20)          /* W1C  link changed */
#define CAUSE_TS FIELD(23, 23)           /* W1C  over-temperature; counts only if FWSM b0 is 1 */
#define CAUSE_ECC FIELD(28, 28)          /* W1C  memory error: reset the port */
/* X550 8.2.2.6.3  Extended Interrupt Auto Clear; b29..16 never */
#define EIAC 0x00810
#define EIAC_RTXQ FIELD(15, 0)           /* RW  queue causes clear as their message is sent */
/* X550 8.2.2.6.18  Extended Interrupt Auto Mask Enable 1 and 2, by vector; needs GPIE.EIAME */
#define EIAM_EX(n) (0x00AD0 + 0x4 * (n)) /* RW  n < 2; vectors masked as their message is sent */
/* X550 8.2.2.6.14  Extended Interrupt Mask Set 1 and 2, by vector */
#define EIMS_EX(n) (0x00AA0 + 0x4 * (n)) /* RWS  n < 2; 1 enables a vector */
/* X550 8.2.2.6.16  Extended Interrupt Mask Clear 1 and 2, by vector */
#define EIMC_EX(n) (0x00AB0 + 0x4 * (n)) /* WO  n < 2; by vector */
/* X550 8.2.2.6.9  General Purpose Interrupt Enable */
#define GPIE 0x00898
#define GPIE_MSIX_MODE FIELD(4, 4)       /* RW  one message a vector */
#define GPIE_OCD FIELD(5, 5)             /* RW  reading EICR clears bits 29:16 only */
#define GPIE_EIAME FIELD(30, 30)         /* RW  auto-mask as a message is sent */
#define GPIE_PBA_SUPPORT FIELD(31, 31)   /* RW  enabling a cause clears its pending bit */
/* X550 8.2.2.6.10  Interrupt Vector Allocation */
#define IVAR(n) (0x00900 + 0x4 * (n))    /* RW  n < 64; bytes: Rx 2n, Tx 2n, Rx 2n+1, Tx 2n+1 */
/* X550 8.2.2.6.11  Miscellaneous Interrupt Vector Allocation; byte 1 is valid at reset */
#define IVAR_MISC 0x00A00                /* RW  byte 1: all other causes */
#define IVAR_VALID 0x80u                 /* of each byte; the vector is in the bits below */
/* X550 8.2.2.6.4  Extended Interrupt Throttle */
#define EITR(n) ((n) < 24 ? 0x00820 + 0x4 * (n) : 0x12300 + 0x4 * ((n)-24)) /* RW  n < 128 */
#define EITR_INTERVAL FIELD(11, 3)       /* RW  least time between messages, 2.048 us units */

/* ---- Receive filters ---- */
/* X550 8.2.2.8.4  Filter Control; changed with RXCTRL.RXEN 0 only */
#define FCTRL 0x05080
#define FCTRL_SBP FIELD(1, 1)           /* RW  store bad packets */
#define FCTRL_MPE FIELD(8, 8)           /* RW  all multicast, and broadcast */
#define FCTRL_UPE FIELD(9, 9)           /* RW  all unicast */
#define FCTRL_BAM FIELD(10, 10)         /* RW  broadcast */
/* X550 8.2.2.8.6  VLAN Control */
#define VLNCTRL 0x05088
#define VLNCTRL_VFE FIELD(30, 30)       /* RW  VLAN filter */
/* X550 8.2.2.8.7  Multicast Control */
#define MCSTCTRL 0x05090
#define MCSTCTRL_MFE FIELD(2, 2)        /* RW  multicast filter */
/* X550 8.2.2.8.1  Receive Checksum Control; changed with RXCTRL.RXEN 0 only */
#define RXCSUM 0x05000
#define RXCSUM_PCSD FIELD(13, 13)       /* RW  write back the hash, not the fragment checksum */
/* X550 8.2.2.8.2  Receive Filter Control */
#define RFCTL 0x05008
#define RFCTL_RSC_DIS FIELD(5, 5)       /* RW  no receive-side coalescing; X550: reserved */
#define RFCTL_NFSW_DIS FIELD(6, 6)      /* RW  no filter for NFS writes */
#define RFCTL_NFSR_DIS FIELD(7, 7)      /* RW  nor reads */
/* X550 8.2.2.8.9  Multicast Table Array; undefined after power on, kept by resets */
#define MTA(n) (0x05200 + 0x4 * (n))    /* RW  n < 128 */
/* X550 8.2.2.8.14  Receive Address Low; n > 0 undefined after power on, kept by resets */
#define RAL(n) (0x0A200 + 0x8 * (n))    /* RW  n < 128 */
/* X550 8.2.2.8.15  Receive Address High */
#define RAH(n) (0x0A204 + 0x8 * (n))
#define RAH_RAH FIELD(15, 0)            /* RW  address bytes 4 and 5 */
#define RAH_AV FIELD(31, 31)            /* RW  entry is valid */
/* X550 8.2.2.8.16  MAC Pool Select Array; undefined after reset */
#define MPSAR(n) (0x0A600 + 0x4 * (n))  /* RW  n < 256 */
/* X550 8.2.2.8.13  VLAN Filter Table Array; undefined after power on, kept by resets */
#define VFTA(n) (0x0A000 + 0x4 * (n))   /* RW  n < 128 */
/* X550 8.2.2.22.26  Unicast Table Array (PFUTA); undefined after reset */
#define UTA(n) (0x0F400 + 0x4 * (n))    /* RW  n < 128 */
/* 82599/X540 only: no X550 section. Five-Tuple Queue Filter */
#define FTQF(n) (0x0E600 + 0x4 * (n))   /* RW  n < 128 */
#define FTQF_QUEUE_ENABLE FIELD(31, 31) /* RW  undefined at reset */
/* X550 8.2.2.8.8  EType Queue Filter; resets to 0 */
#define ETQF(n) (0x05128 + 0x4 * (n))   /* RW  n < 8; EtherType in b15..0 */
#define ETQF_FILTER_ENABLE FIELD(31, 31) /* RW  */
/* X550 8.2.2.8.20  EType Queue Select; resets to 0 */
#define ETQS(n) (0x0EC00 + 0x4 * (n))   /* RW  n < 8 */
#define ETQS_RX_QUEUE FIELD(22, 16)     /* RW  */
#define ETQS_QUEUE_ENABLE FIELD(31, 31) /* RW  */
/* X550 8.2.2.22.24  VLAN Pool Filter (PFVLVF); its id is undefined after reset */
#define VLVF(n) (0x0F100 + 0x4 * (n))   /* RW  n < 64 */
/* X550 8.2.2.22.25  VLAN Pool Filter Bitmap (PFVLVFB); undefined after reset */
#define VLVFB(n) (0x0F200 + 0x4 * (n))  /* RW  n < 128 */
/* X550 8.2.2.8.23  Multiple Receive Queues Command; RSS is switched on after a reset only */
#define MRQC 0x05818
#define MRQC_MRQE FIELD(3, 0)           /* RW  0 one queue, 1 RSS */
#define MRQC_IPV4_TCP FIELD(16, 16)     /* RW  what is hashed */
#define MRQC_IPV4 FIELD(17, 17)         /* RW  */
#define MRQC_IPV6 FIELD(20, 20)         /* RW  */
#define MRQC_IPV6_TCP FIELD(21, 21)     /* RW  */
#define MRQC_IPV4_UDP FIELD(22, 22)     /* RW  */
#define MRQC_IPV6_UDP FIELD(23, 23)     /* RW  */
/* X550 8.2.2.8.19  RSS Random Key */
#define RSSRK(n) (0x05C80 + 0x4 * (n))  /* RW  n < 10; 40-byte Toeplitz key, byte 0 lowest */
/* X550 8.2.2.8.18  Redirection Table; undefined after reset. X550: 512 entries with ERETA */
#define RETA(n) (0x05C00 + 0x4 * (n))   /* RW  n < 32; 128 entries, one a byte */
/* X550 8.2.2.8.24  Extended Redirection Table; X550 only, undefined after reset */
#define ERETA(n) (0x0EE80 + 0x4 * (n))  /* X550: n < 96; entries 128 to 511 */
/* X550 8.2.2.9.10  Receive DMA Control; b26, b25, b15, b11 stay 1, b21..17 stay 0 */
#define RDRXCTL 0x02F00
#define RDRXCTL_CRCSTRIP FIELD(1, 1)    /* RW  must equal HLREG0.RXCRCSTRP; X550: reserved */
#define RDRXCTL_DMAIDONE FIELD(3, 3)    /* RO  DMA memories are ready after reset */
#define RDRXCTL_RSCFRSTSIZE FIELD(21, 17) /* RW  must be 0 */
#define RDRXCTL_RSCACKC FIELD(25, 25)   /* RW  must be 1, RSC or not */
#define RDRXCTL_FCOE_WRFIX FIELD(26, 26) /* RW  must be 1, FCoE or not */
#define RDRXCTL_MDD FIELD(29, 28)       /* RW  X550: malicious-driver detection and its interrupt */

/* ---- Receive DMA ---- */
/* X550 8.2.2.9.11  Receive Control */
#define RXCTRL 0x03000
#define RXCTRL_RXEN FIELD(0, 0)         /* RW  */
/* X550 8.2.2.9.12  Receive Packet Buffer Size */
#define RXPBSIZE(n) (0x03C00 + 0x4 * (n)) /* RW  n < 8 */
#define RXPBSIZE_SIZE FIELD(19, 10)     /* RW  KB */
/* X550 8.2.2.9  Receive queues; order of set-up: X550 4.6.7.1 */
#define RXQ(n) ((n) < 64 ? 0x01000 + 0x40 * (n) : 0x0D000 + 0x40 * ((n)-64)) /* queue n < 128 */
/* X550 8.2.2.9.1  Receive Descriptor Base Address Low; RW, undefined after reset */
#define RDBAL(n) (RXQ(n) + 0x00)
/* X550 8.2.2.9.2  Receive Descriptor Base Address High; RW, undefined after reset */
#define RDBAH(n) (RXQ(n) + 0x04)
/* X550 8.2.2.9.3  Receive Descriptor Length; RW, bytes, a multiple of 128 */
#define RDLEN(n) (RXQ(n) + 0x08)
/* X550 8.2.2.12.1  Rx DCA Control (X550: TPH_RXCTRL) */
#define DCA_RXCTRL(n) (RXQ(n) + 0x0C)
#define DCA_RXCTRL_MBZ FIELD(12, 12)    /* RW  X540: resets to 1, must be written 0 */
#define DCA_RXCTRL_DATA_WRO FIELD(13, 13) /* RW  relaxed ordering of data writes */
#define DCA_RXCTRL_HEAD_WRO FIELD(15, 15) /* RW  of header writes */
/* X550 8.2.2.9.4  Receive Descriptor Head; RO, written 0 before ENABLE as drivers do */
#define RDH(n) (RXQ(n) + 0x10)
/* X550 8.2.2.9.5  Split Receive Control */
#define SRRCTL(n) (RXQ(n) + 0x14)
#define SRRCTL_BSIZEPKT FIELD(4, 0)     /* RW  buffer, KB */
#define SRRCTL_DESCTYPE FIELD(27, 25)   /* RW  0 legacy */
#define SRRCTL_DROP_EN FIELD(28, 28)    /* RW  drop when the ring is empty, do not block others */
/* X550 8.2.2.9.6  Receive Descriptor Tail; RW, first descriptor that is not the card's */
#define RDT(n) (RXQ(n) + 0x18)
/* X550 8.2.2.9.7  Receive Descriptor Control */
#define RXDCTL(n) (RXQ(n) + 0x28)
#define RXDCTL_ENABLE FIELD(25, 25)     /* RW  reads 1 once the ring is live */
#define RXDCTL_SWFLSH FIELD(26, 26)     /* RW  flush write-backs; X550: reserved */
#define RXDCTL_VME FIELD(30, 30)        /* RW  strip VLAN tags */
/* X550 8.2.2.9.8  RSC Control */
#define RSCCTL(n) (RXQ(n) + 0x2C)
#define RSCCTL_RSCEN FIELD(0, 0)        /* RW  */

/* ---- Transmit DMA ---- */
/* X550 8.2.2.10.2  DMA Tx Control */
#define DMATXCTL 0x04A80
#define DMATXCTL_TE FIELD(0, 0)         /* RW  before any TXDCTL.ENABLE; enables queue 0 itself */
#define DMATXCTL_MDD FIELD(6, 5)        /* RW  X550: malicious-driver detection and its interrupt */
/* X550 8.2.2.10  Transmit queues; order of set-up: X550 4.6.8.1 */
#define TXQ(n) (0x06000 + 0x40 * (n))   /* queue n < 128 */
/* X550 8.2.2.10.5  Transmit Descriptor Base Address Low; RW, undefined after reset */
#define TDBAL(n) (TXQ(n) + 0x00)
/* X550 8.2.2.10.6  Transmit Descriptor Base Address High; RW, undefined after reset */
#define TDBAH(n) (TXQ(n) + 0x04)
/* X550 8.2.2.10.7  Transmit Descriptor Length; RW, bytes, a multiple of 128 */
#define TDLEN(n) (TXQ(n) + 0x08)
/* X550 8.2.2.12.3  Tx DCA Control (X550: TPH_TXCTRL) */
#define DCA_TXCTRL(n) (TXQ(n) + 0x0C)
#define DCA_TXCTRL_DESC_WRO FIELD(11, 11) /* RW  relaxed ordering of write-backs: must be 0 */
/* X550 8.2.2.10.8  Transmit Descriptor Head; RO, written only between a reset and ENABLE */
#define TDH(n) (TXQ(n) + 0x10)
/* X550 8.2.2.10.9  Transmit Descriptor Tail; RW, on frame boundaries, after ENABLE reads 1 */
#define TDT(n) (TXQ(n) + 0x18)
/* X550 8.2.2.10.10  Transmit Descriptor Control */
#define TXDCTL(n) (TXQ(n) + 0x28)
#define TXDCTL_PTHRESH FIELD(6, 0)      /* RW  prefetch when fewer than this are on the chip */
#define TXDCTL_HTHRESH FIELD(14, 8)     /* RW  and at least this many wait in memory */
#define TXDCTL_WTHRESH FIELD(22, 16)    /* RW  must be 0 with head write-back */
#define TXDCTL_ENABLE FIELD(25, 25)     /* RW  reads 1 once the ring is live */
#define TXDCTL_SWFLSH FIELD(26, 26)     /* SC  flush write-backs */
/* X550 8.2.2.10.11  Tx Descriptor Completion Write Back Address Low; b3..2 are ignored */
#define TDWBAL(n) (TXQ(n) + 0x38)
#define TDWBAL_HEAD_WB_ENABLE FIELD(0, 0) /* RW  */
/* X550 8.2.2.10.12  Tx Descriptor Completion Write Back Address High; RW */
#define TDWBAH(n) (TXQ(n) + 0x3C)
/* X550 8.2.2.10.13  DMA Tx TCP Max Allow Size Requests */
#define DTXMXSZRQ 0x08100
#define DTXMXSZRQ_MAX_BYTES FIELD(11, 0) /* RW  256-byte units */
/* X550 8.2.2.10.15  Transmit Packet Buffer Size */
#define TXPBSIZE(n) (0x0CC00 + 0x4 * (n)) /* RW  n < 8 */
#define TXPBSIZE_SIZE FIELD(19, 10)     /* RW  KB */
/* X550 8.2.2.10.1  Tx Packet Buffer Threshold */
#define TXPBTHRESH(n) (0x04950 + 0x4 * (n)) /* RW  n < 8 */
#define TXPBTHRESH_THRESH FIELD(9, 0)   /* RW  KB */
/* X550 8.2.2.10.14  Multiple Transmit Queues Command */
#define MTQC 0x08120                    /* RW  only while RTTDCS.ARBDIS is 1; 0: 64 queues */
/* 82599/X540 only: no X550 section. DCB Tx Descriptor Plane Control; X550 4.6.8 names it */
#define RTTDCS 0x04900
#define RTTDCS_ARBDIS FIELD(6, 6)       /* RW  stop the arbiter */
/* X550 8.2.2.11.4  DCB Transmit Descriptor Plane Queue Select */
#define RTTDQSEL 0x04904
#define RTTDQSEL_TXDQ_IDX FIELD(6, 0)   /* RW  */
/* X550 8.2.2.11.5  DCB Transmit Descriptor Plane T1 Config; of that queue, undefined at reset */
#define RTTDT1C 0x04908                 /* RW  */
/* X550 8.2.2.11.8  Transmit Rate-Scheduler Config (RTTQCNRC); of that queue */
#define RTTBCNRC 0x04984                /* RW  */
/* X550 8.2.2.24.5  Security Rx Control */
#define SECRXCTRL 0x08D00
#define SECRXCTRL_RX_DIS FIELD(1, 1)    /* RW  stop the receive data path */
/* X550 8.2.2.24.6  Security Rx Status */
#define SECRXSTAT 0x08D04
#define SECRXSTAT_RDY FIELD(0, 0)       /* RO  it has stopped: the answer to RX_DIS */

/* ---- PCIe, DCA ---- */
/* X550 8.2.2.4.4  PCIe Control Extended */
#define GCR_EXT 0x11050
#define GCR_EXT_BUFFERS_CLEAR FIELD(30, 30) /* RW  flush internal buffers; X550 5.2.4.3.2 */
/* 82599/X540 only: no X550 section. DCA Control */
#define DCA_CTRL 0x11074
#define DCA_CTRL_DCA_DISABLE FIELD(0, 0) /* RW  */
/* X550 8.2.2.22.20  PF DMA Tx General Switch Control */
#define PFDTXGSWC 0x08220
#define PFDTXGSWC_VT_LBEN FIELD(0, 0)   /* RW  VM loopback */
/* X550 9.2.2  Base address registers */
#define PCI_BAR_0 0x10
#define PCI_BARS 6u
/* X550 9.2.3.6.5  PCIe Device Control: payload and read request sizes */
#define PCI_DEVICE_CONTROL 0xA8
/* X550 9.2.3.6.6  PCIe Device Status in configuration space */
#define PCI_DEVICE_STATUS 0xAA
#define PCI_DEVICE_STATUS_PENDING BIT(5) /* RO  */
/* Power Management Control/Status, from its capability on */
#define PCI_PM_CONTROL 4
#define PCI_PM_CONTROL_STATE 3u /* 0: D0, 3: D3hot */
/* X550 9.2.3.6.11  PCIe Device Control 2 */
#define PCI_DEVICE_CONTROL_2 0xC8
#define PCI_DEVICE_CONTROL_2_TIMEOUT FIELD(3, 0) /* RW  completion time-out, by range */

/* ---- Statistics; each RC and stuck at all ones when full; X550 8.2.2.17 ---- */
/* X550 8.2.2.17.24  CRC Error Count; 64 bytes and more */
#define CRCERRS 0x04000
/* X550 8.2.2.17.25  Illegal Byte Error Count */
#define ILLERRC 0x04004
/* X550 8.2.2.17.26  Error Byte Count */
#define ERRBC 0x04008
/* X550 8.2.2.17.31  Receive Length Error Count; only with HLREG0.RXLNGTHERREN */
#define RLEC 0x04040
/* X550 8.2.2.17.38  Good Packets Received Count; before packet buffer and DMA */
#define GPRC 0x04074
/* X550 8.2.2.17.41  Good Packets Transmitted Count; 64 bytes and more, pause frames too */
#define GPTC 0x04080
/* X550 8.2.2.17.42  Good Octets Received Count Low; with CRC */
#define GORCL 0x04088                   /* read low, then high */
/* X550 8.2.2.17.43  Good Octets Received Count High */
#define GORCH 0x0408C
/* X550 8.2.2.17.44  Good Octets Transmitted Count Low; with CRC */
#define GOTCL 0x04090
/* X550 8.2.2.17.45  Good Octets Transmitted Count High */
#define GOTCH 0x04094
/* X550 8.2.2.17.46  Receive Undersize Count; good CRC */
#define RUC 0x040A4
/* X550 8.2.2.17.47  Receive Fragment Count; short, bad CRC */
#define RFC 0x040A8
/* X550 8.2.2.17.48  Receive Oversize Count; over MAXFRS, good CRC */
#define ROC 0x040AC
/* X550 8.2.2.17.49  Receive Jabber Count; over MAXFRS, bad CRC */
#define RJC 0x040B0
/* 82599/X540 only: no X550 section. Missed Packets Count; Linux reads it on the X550 too */
#define MPC(n) (0x03FA0 + 0x4 * (n))    /* n < 8 */
/* X550 8.2.2.17.1  Queue Packets Received Count */
#define QPRC(n) (0x01030 + 0x40 * (n))  /* n < 16 */
/* X550 8.2.2.17.4  Queue Packets Received Drop Count: queue off, no descriptor, over RLPML */
#define QPRDC(n) (0x01430 + 0x40 * (n)) /* n < 16 */
/* X550 8.2.2.17.2  Queue Bytes Received Count Low; as posted: no stripped CRC */
#define QBRC_L(n) (0x01034 + 0x40 * (n)) /* n < 16 */
/* X550 8.2.2.17.3  Queue Bytes Received Count High */
#define QBRC_H(n) (0x01038 + 0x40 * (n))
/* X550 8.2.2.17.5  Receive Queue Statistic Mapping; RW, written after each reset */
#define RQSMR(n) (0x02300 + 0x4 * (n))  /* n < 32 */
/* X550 8.2.2.17.88  Transmit Queue Statistic Mapping; RW, written after each reset */
#define TQSM(n) (0x08600 + 0x4 * (n))   /* n < 32 */

/* X550 4.6.5  Every statistic that the X540 is known to have: first and last offset, step. All are
 * read once at init: what a reset leaves in them is not defined. */
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

/* ---- PHY registers by MDIO: MMD and number; X550 10.4, 10.6 ---- */
#define PHY_PMA 1u
#define PHY_PMA_ID_HIGH 2u
#define PHY_PMA_ID_LOW 3u
#define PHY_STATUS 1u                   /* of each MMD */
#define PHY_AN 7u
#define PHY_AN_CONTROL 0u
#define PHY_AN_CONTROL_RESTART BIT(9)   /* SC  */
#define PHY_AN_CONTROL_ENABLE BIT(12)   /* RW  */
#define PHY_AN_ADVERTISE 0x10u
#define PHY_AN_ADVERTISE_PAUSE (BIT(10) | BIT(11))
#define PHY_AN_10GBT_CONTROL 0x20u
#define PHY_AN_10GBT_ADVERTISE BIT(12)  /* RW  */
#define PHY_AN_10GBT_STATUS 0x21u
#define PHY_AN_10GBT_PARTNER BIT(11)    /* RO  the link partner can do 10 Gb/s */
#define PHY_AN_VENDOR 0xC400u
#define PHY_AN_VENDOR_1G BIT(15)        /* RW  1 Gb/s is advertised */
#define PHY_VENDOR 30u
#define PHY_VENDOR_CONTROL 0u
#define PHY_VENDOR_CONTROL_LOW_POWER BIT(11) /* RW  */
#define PHY_ID_X540 0x01540200u         /* without the revision in bits 3..0 */
#define PHY_ID_X550 0x01540220u
/* clang-format on */

#endif
