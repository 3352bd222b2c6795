/* SPDX-License-Identifier: BSD-2-Clause
 * Names for the register offsets and bits that the model's own code uses, written from the facts
 * about the card (section numbers of those stand beside each group), and the list of behaviours
 * that the table in x540_regs.c points at. A register with behaviour PLAIN is memory: the bits of
 * rw_mask keep what was written, the others keep their reset value.
 */
#ifndef MODEL_X540_REGS_H
#define MODEL_X540_REGS_H

#include "x540_core.h"

/* clang-format off */
#define BIT(n) (1u << (n))
#define BIT64(n) (1ull << (n))
/* FIELD(hi, lo): bits hi..lo, both inclusive. GET: the field of the word v as a number. */
#define FIELD(hi, lo) ((0xFFFFFFFFu >> (31 - (hi))) & (0xFFFFFFFFu << (lo)))
#define GET(field, v) (((v) & (field)) / ((field) & (0u - (field))))

enum x540_behaviour {
    B_UNKNOWN, /* no row: memory too, with a complaint */
    B_PLAIN,
    B_CTRL,
    B_STATUS,
    B_CTRL_EXT,
    B_FRTIMER,
    B_TCPTIMER,
    B_EEC,
    B_ESDP,
    B_EERD,
    B_EEWR,
    B_EEMNGCTL,
    B_FWSM,
    B_MMNGC,
    B_SWSM,
    B_SWFW_SYNC,
    B_HICR,
    B_FLEX_MNG,
    B_MSCA,
    B_MSRWD,
    B_LINKS,
    B_MACC,
    B_HLREG0,
    B_EICR,
    B_EICS,
    B_EIMS,
    B_EIMC,
    B_EIAC,
    B_EIAM,
    B_EICS_EX,
    B_EIMS_EX,
    B_EIMC_EX,
    B_EIAM_EX,
    B_GPIE,
    B_IVAR,
    B_IVAR_MISC,
    B_EITR,
    B_EITR_H,
    B_FCTRL,
    B_FILTER,   /* VLNCTRL, MCSTCTRL */
    B_RAR,      /* RAL, RAH */
    B_CLASSIFY, /* EtherType, SYN and 5-tuple filters */
    B_TABLE,    /* MTA, UTA, VFTA, MPSAR, VLVF, VLVFB: junk until written */
    B_RSS,
    B_FDIR,
    B_RXCTRL,
    B_RDRXCTL,
    B_RXPBSIZE,
    B_RX_RING, /* RDBAL, RDBAH, RDLEN */
    B_RDH,
    B_RDT,
    B_RXDCTL,
    B_SRRCTL,
    B_DCA_RXCTRL,
    B_RX_GATE, /* SECRXCTRL */
    B_DMATXCTL,
    B_TX_RING, /* TDBAL, TDBAH, TDLEN, TDWBAL, TDWBAH */
    B_TDH,
    B_TDT,
    B_TXDCTL,
    B_DCA_TXCTRL,
    B_MTQC,
    B_TX_GATE, /* RTTDCS, SECTXCTRL: may stop all of transmit */
    B_PER_TXQ, /* registers behind RTTDQSEL */
    B_QMAP,    /* RQSMR, TQSM */
    B_STAT,
    B_STAT_LOW,
    B_STAT_HIGH,
    B_VT,
    B_SECSTAT, /* SECTXSTAT, SECRXSTAT: ready once the path is stopped and empty */
};

#define REG_FILE_BYTES 0x20000u
#define X550_REGISTERS_END 0x40000u /* no row is between the two */

/* The value after reset of the row's elements in a card of this kind. */
uint32_t x540_reset_value(const struct x540_register *row, enum x540_kind kind);

/* Section 2 */
#define CTRL 0x00000u
#define CTRL_GIO_DIS BIT(2)
#define CTRL_LNK_RST BIT(3)
#define CTRL_RST BIT(26)
#define STATUS 0x00008u
#define STATUS_LINKUP BIT(7) /* software's, for its virtual functions */
#define STATUS_GIO BIT(19)
#define STATUS_THERMAL BIT(20)
#define CTRL_EXT 0x00018u
#define CTRL_EXT_PFRSTD BIT(14)
#define CTRL_EXT_NS_DIS BIT(16)
#define CTRL_EXT_DRV_LOAD BIT(28)
#define FRTIMER 0x00048u
#define TCPTIMER 0x0004Cu
#define TCPTIMER_DURATION FIELD(7, 0)
#define TCPTIMER_KICKSTART BIT(8)
#define TCPTIMER_COUNT_EN BIT(9)
#define TCPTIMER_COUNT_FINISH BIT(10)
#define TCPTIMER_LOOP BIT(11)
#define EEC 0x10010u
#define EEC_REQ BIT(6)
#define EEC_GNT BIT(7)
#define EEC_PRES BIT(8)
#define EEC_ARD BIT(9)
#define EEC_SIZE(value) ((uint32_t)(value) << 11)
#define EEC_FLUP BIT(23)
#define EEC_DONE FIELD(21, 15) /* the parts that are loaded */
#define EEC_FLUDONE BIT(26)
#define EERD 0x10014u
#define EEWR 0x10018u
#define EE_START BIT(0)
#define EE_DONE BIT(1)
#define EE_ADDR FIELD(15, 2)
#define EE_DATA FIELD(31, 16)
#define EEMNGCTL 0x10110u
#define EEMNGCTL_CFG_DONE0 BIT(18)
#define EEMNGCTL_CFG_DONE1 BIT(19)
#define EEMNGCTL_DONE BIT(31)
#define SWSM 0x10140u
#define SWSM_SMBI BIT(0)
#define SWSM_SWESMBI BIT(1)
#define FWSM 0x10148u
#define SWFW_SYNC 0x10160u
#define SYNC_EEP BIT(0)
#define SYNC_PHY0 BIT(1)
#define SYNC_PHY1 BIT(2)
#define SYNC_SW_MNG BIT(10)
#define SYNC_REGSMP BIT(31)
#define HICR 0x15F00u
#define HICR_EN BIT(0)
#define HICR_C BIT(1)
#define HICR_SV BIT(2)
#define FLEX_MNG 0x15800u
#define GCR_EXT 0x11050u
#define GCR_EXT_VT_MODE FIELD(1, 0)
#define PICAUSE 0x110B0u

/* Section 3 */
#define MSCA 0x0425Cu
#define MSCA_NP_ADDR FIELD(15, 0)
#define MSCA_DEV_TYPE FIELD(20, 16)
#define MSCA_PHY_ADDR FIELD(25, 21)
#define MSCA_OP_CODE FIELD(27, 26)
#define MSCA_ST_CODE FIELD(29, 28)
#define MSCA_MDI_COMMAND BIT(30)
#define MSRWD 0x04260u
#define LINKS 0x042A4u
#define LINKS_UP BIT(30)
#define LINKS_SPEED_10G (3u << 28)
#define LINKS_SPEED_1G (2u << 28)
#define LINKS_SPEED_100M (1u << 28)
#define LINKS_LNK_STAT BIT(7)
#define MMNGC 0x042D0u
#define MMNGC_VETO BIT(0)
#define MACC 0x04330u
#define MACC_FLU BIT(0)
#define HLREG0 0x04240u
#define HLREG0_TXCRCEN BIT(0)
#define HLREG0_RXCRCSTRP BIT(1)
#define HLREG0_JUMBOEN BIT(2)
#define HLREG0_TXPADEN BIT(10)
#define HLREG0_MUST FIELD(9, 3) /* 7Fh on the X550, 1 before it; and 14:11 */
#define HLREG0_MUST_5 FIELD(14, 11)
#define HLREG0_LPBK BIT(15)
#define HLREG0_RXLNGTHERREN BIT(27)
#define MAXFRS 0x04268u
#define EEER 0x043A0u
#define RXMTRL 0x05120u
#define TSAUXC 0x08C20u
#define ESDP 0x00020u
#define ESDP_SDP3 0x8u
#define FCTTV 0x03200u
#define MFLCN 0x04294u
#define MFLCN_PMCF BIT(0)  /* pass control frames that are not understood */
#define MFLCN_DPF BIT(1)   /* discard pause frames that are understood */
#define MFLCN_RPFCM BIT(2) /* understand priority pause frames */
#define MFLCN_RFCE BIT(3)
#define FCRTH 0x03260u

/* Section 4 */
#define EICR 0x00800u
#define EICR_QUEUES FIELD(15, 0)
#define EICR_FLOW_DIR BIT(16)
#define EICR_RX_MISS BIT(17)
#define EICR_PCI BIT(18)
#define EICR_MAILBOX BIT(19)
#define EICR_LSC BIT(20)
#define EICR_TCP_TIMER BIT(30)
#define EICR_OTHER BIT(31)
#define EICS 0x00808u
#define EIAC 0x00810u
#define EIMS 0x00880u
#define EIMC 0x00888u
#define EIAM 0x00890u
#define GPIE 0x00898u
#define GPIE_MSIX_MODE BIT(4)
#define GPIE_OCD BIT(5)
#define GPIE_EIMEN BIT(6)
#define GPIE_VTMODE FIELD(15, 14)
#define GPIE_EIAME BIT(30)
#define EICS_EX 0x00A90u
#define EIMS_EX 0x00AA0u
#define EIMC_EX 0x00AB0u
#define EIAM_EX 0x00AD0u
#define IVAR 0x00900u
#define IVAR_MISC 0x00A00u
#define IVAR_VALID 0x80u
#define EITR 0x00820u
#define EITR_H 0x12300u
#define EITR_INTERVAL FIELD(11, 3)
#define EITR_LLI_MOD BIT(15)
#define EITR_LLI_CREDIT FIELD(20, 16)
#define EITR_COUNTER FIELD(27, 21)
#define EITR_CNT_WDIS BIT(31)
#define LLITHRESH 0x0EC90u

/* Section 5 */
#define FCTRL 0x05080u
#define FCTRL_SBP BIT(1)
#define FCTRL_MPE BIT(8)
#define FCTRL_UPE BIT(9)
#define FCTRL_BAM BIT(10)
#define FCTRL_KEPT 0x3702u /* these, and the pause bits of the 82598 that Linux still sets */
#define VLNCTRL 0x05088u
#define VLNCTRL_VET FIELD(15, 0)
#define VLNCTRL_CFI BIT(28)
#define VLNCTRL_CFIEN BIT(29)
#define VLNCTRL_VFE BIT(30)
#define MCSTCTRL 0x05090u
#define MCSTCTRL_MO FIELD(1, 0)
#define MCSTCTRL_MFE BIT(2)
#define RXCSUM 0x05000u
#define RXCSUM_IPPCSE BIT(12)
#define RXCSUM_PCSD BIT(13)
#define RFCTL 0x05008u
#define RFCTL_RSC_DIS BIT(5)
#define RFCTL_IPV6_DIS BIT(10)
#define RFCTL_IPV6_EX_DIS BIT(16)
#define MTA 0x05200u
#define RAL 0x0A200u
#define RAH 0x0A204u
#define RAH_AV BIT(31)
#define MPSAR 0x0A600u
#define VFTA 0x0A000u
#define UTA 0x0F400u
#define PSRTYPE 0x0EA00u
#define ETQF 0x05128u
#define ETQF_POOL_ENABLE BIT(26)
#define ETQF_FILTER_EN BIT(31)
#define ETQS 0x0EC00u
#define ETQS_RX_QUEUE FIELD(22, 16)
#define ETQS_LLI BIT(29)
#define ETQS_QUEUE_EN BIT(31)
#define SYNQF 0x0EC30u
#define SYNQF_QUEUE_EN BIT(0)
#define SYNQF_RX_QUEUE FIELD(7, 1)
#define SYNQF_PRIORITY BIT(31)
#define SAQF 0x0E000u
#define DAQF 0x0E200u
#define SDPQF 0x0E400u
#define FTQF 0x0E600u
#define FTQF_PROTOCOL FIELD(1, 0)
#define FTQF_PRIORITY FIELD(4, 2)
#define FTQF_M_SADDR BIT(25)
#define FTQF_M_DADDR BIT(26)
#define FTQF_M_SPORT BIT(27)
#define FTQF_M_DPORT BIT(28)
#define FTQF_M_PROTO BIT(29)
#define FTQF_POOL_MASK BIT(30)
#define FTQF_ENABLE BIT(31)
#define L34T_IMIR 0x0E800u
#define L34T_SIZE_BP BIT(12)
#define L34T_LLI BIT(20)
#define L34T_RX_QUEUE FIELD(27, 21)
#define IMIRVP 0x0EC60u

/* Section 6; n < 128 */
#define RXQ(n) ((n) < 64 ? 0x01000u + 0x40u * (n) : 0x0D000u + 0x40u * ((n)-64))
#define RDBAL(n) (RXQ(n) + 0x00)
#define RDBAH(n) (RXQ(n) + 0x04)
#define RDLEN(n) (RXQ(n) + 0x08)
#define DCA_RXCTRL(n) (RXQ(n) + 0x0C)
#define DCA_RXCTRL_MBZ BIT(12)
#define RDH(n) (RXQ(n) + 0x10)
#define SRRCTL(n) (RXQ(n) + 0x14)
#define SRRCTL_BSIZEPKT FIELD(4, 0)
#define SRRCTL_DESCTYPE FIELD(27, 25)
#define SRRCTL_DROP_EN BIT(28)
#define RDT(n) (RXQ(n) + 0x18)
#define RXDCTL(n) (RXQ(n) + 0x28)
#define RXDCTL_RLPML FIELD(13, 0)
#define RXDCTL_RLPML_EN BIT(15)
#define RXDCTL_ENABLE BIT(25)
#define RXDCTL_SWFLSH BIT(26)
#define RXDCTL_VME BIT(30)
#define RXCTRL 0x03000u
#define RXCTRL_RXEN BIT(0)
#define RDRXCTL 0x02F00u
#define RDRXCTL_MUST (BIT(11) | BIT(15))
#define RDRXCTL_CRCSTRIP BIT(1)
#define RDRXCTL_DMAIDONE BIT(3)
#define RDRXCTL_RSCFRSTSIZE FIELD(21, 17)
#define RDRXCTL_RSCACKC BIT(25)
#define RDRXCTL_FCOE_WRFIX BIT(26)
#define RXPBSIZE 0x03C00u
#define PBSIZE_KB FIELD(19, 10)

/* Section 7; n < 128 */
#define TXQ(n) (0x06000u + 0x40u * (n))
#define TDBAL(n) (TXQ(n) + 0x00)
#define TDBAH(n) (TXQ(n) + 0x04)
#define TDLEN(n) (TXQ(n) + 0x08)
#define DCA_TXCTRL(n) (TXQ(n) + 0x0C)
#define DCA_TXCTRL_DESC_WRO BIT(11)
#define TDH(n) (TXQ(n) + 0x10)
#define TDT(n) (TXQ(n) + 0x18)
#define TXDCTL(n) (TXQ(n) + 0x28)
#define TXDCTL_PTHRESH FIELD(6, 0)
#define TXDCTL_HTHRESH FIELD(14, 8)
#define TXDCTL_WTHRESH FIELD(22, 16)
#define TXDCTL_ENABLE BIT(25)
#define TXDCTL_SWFLSH BIT(26)
#define TDWBAL(n) (TXQ(n) + 0x38)
#define TDWBAL_ENABLE BIT(0)
#define TDWBAH(n) (TXQ(n) + 0x3C)
#define DMATXCTL 0x04A80u
#define DMATXCTL_TE BIT(0)
#define DTXMXSZRQ 0x08100u
#define TXPBSIZE 0x0CC00u
#define TXPBTHRESH 0x04950u
#define MTQC 0x08120u
#define MTQC_RT_ENA BIT(0)
#define RTTDCS 0x04900u
#define RTTDCS_ARBDIS BIT(6)
#define RTTDQSEL 0x04904u
#define RTTDT1C 0x04908u
#define RTTBCNRC 0x04984u
#define DTXTCPFLGL 0x04A88u
#define DTXTCPFLGH 0x04A8Cu
#define SECTXCTRL 0x08800u
#define SECTXCTRL_TX_DIS BIT(1)
#define SECTXSTAT 0x08804u
#define SECRXSTAT 0x08D04u
#define SECSTAT_RDY BIT(0)
#define RTTPCS 0x0CD00u
#define RTRPCS 0x02430u
#define RQTC 0x0EC70u
#define SECRXCTRL 0x08D00u
#define SECRXCTRL_RX_DIS BIT(1)
#define RTRUP2TC 0x03020u

/* Section 8 */
#define MRQC 0x05818u
#define MRQC_MRQE FIELD(3, 0)
#define MRQC_RT_ENA BIT(2) /* MRQE 4, 5, 12, 13: DCB */
#define MRQC_IPV4_TCP BIT(16)
#define MRQC_IPV4 BIT(17)
#define MRQC_IPV6 BIT(20)
#define MRQC_IPV6_TCP BIT(21)
#define MRQC_IPV4_UDP BIT(22)
#define MRQC_IPV6_UDP BIT(23)
#define RSSRK 0x05C80u
#define RETA 0x05C00u
#define ERETA 0x0EE80u
#define FDIRCTRL 0x0EE00u
#define FDIRCTRL_PBALLOC FIELD(1, 0)
#define FDIRCTRL_INIT_DONE BIT(3)
#define FDIRCTRL_PERFECT BIT(4)
#define FDIRCTRL_REPORT_STATUS BIT(5)
#define FDIRCTRL_REPORT_ALWAYS BIT(7)
#define FDIRCTRL_DROP_Q FIELD(14, 8)
#define FDIRCTRL_DROP_NO_MATCH BIT(15) /* X550 */
#define FDIRCTRL_FLEX FIELD(20, 16)
#define FDIRSIPV6 0x0EE0Cu
#define FDIRIPSA 0x0EE18u
#define FDIRIPDA 0x0EE1Cu
#define FDIRPORT 0x0EE20u
#define FDIRVLAN 0x0EE24u
#define FDIRHASH 0x0EE28u
#define FDIRCMD 0x0EE2Cu
#define FDIRFREE 0x0EE38u
#define FDIRDIP4M 0x0EE3Cu
#define FDIRSIP4M 0x0EE40u
#define FDIRTCPM 0x0EE44u
#define FDIRUDPM 0x0EE48u
#define FDIRLEN 0x0EE4Cu
#define FDIRUSTAT 0x0EE50u
#define FDIRFSTAT 0x0EE54u
#define FDIRMATCH 0x0EE58u
#define FDIRMISS 0x0EE5Cu
#define FDIRHKEY 0x0EE68u
#define FDIRSKEY 0x0EE6Cu
#define FDIRM 0x0EE70u
#define FDIRIP6M 0x0EE74u
#define FDIRSCTPM 0x0EE78u

/* Section 9 */
#define CRCERRS 0x04000u
#define ILLERRC 0x04004u
#define ERRBC 0x04008u
#define MSPDC 0x04010u
#define RLEC 0x04040u
#define LXONRXCNT 0x041A4u
#define LXOFFRXCNT 0x041A8u
#define PXONRXCNT(n) (0x04140u + 0x4u * (n))
#define PXOFFRXCNT(n) (0x04160u + 0x4u * (n))
#define PRC64 0x0405Cu
#define GPRC 0x04074u
#define BPRC 0x04078u
#define MPRC 0x0407Cu
#define GPTC 0x04080u
#define GORCL 0x04088u
#define GOTCL 0x04090u
#define RUC 0x040A4u
#define RFC 0x040A8u
#define ROC 0x040ACu
#define RJC 0x040B0u
#define TORL 0x040C0u
#define TPR 0x040D0u
#define TPT 0x040D4u
#define PTC64 0x040D8u
#define MPTC 0x040F0u
#define BPTC 0x040F4u
#define XEC 0x04120u
#define RXNFGPC 0x041B0u
#define RXDGPC 0x02F50u
#define TXDGPC 0x087A0u
#define MPC 0x03FA0u
#define RQSMR 0x02300u
#define TQSM 0x08600u
#define QPRC(n) (0x01030u + 0x40u * (n))
#define QPRDC(n) (0x01430u + 0x40u * (n))
#define QBRC_L(n) (0x01034u + 0x40u * (n))
#define QPTC(n) (0x08680u + 0x4u * (n))
#define QBTC_L(n) (0x08700u + 0x8u * (n))

/* Section 10 */
#define VT_CTL 0x051B0u
#define VT_CTL_ENABLE BIT(0)
#define VT_CTL_POOL FIELD(12, 7)
#define VT_CTL_DIS_DEFPL BIT(29)
#define VFRE 0x051E0u
#define VFTE 0x08110u
#define VMOLR 0x0F000u
#define VLVF 0x0F100u
#define VLVFB 0x0F200u
#define PFMBMEM 0x13000u
#define PFMBMEM_BYTES 0x1000u
/* clang-format on */

#endif
