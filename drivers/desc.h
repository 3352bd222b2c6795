/* SPDX-License-Identifier: BSD-2-Clause
 * The legacy descriptors of the X540: the second 8 bytes, called the word here. The first 8 are the
 * buffer's address, which the lane requires the card to leave unchanged: receive does not write it
 * (X550 7.1.5.1), and with head write-back transmit descriptors are not written (X550 7.2.3.5.2).
 * All bits: tests/model/FACTS.md, section 13.
 */
#ifndef DRIVERS_DESC_H
#define DRIVERS_DESC_H

#include "arch/types.h"

/* X550 7.1.5.1  Receive, as the card writes it back. Bits 31..16 (fragment checksum), VP (35) and
 * PIF (39) may be set too; they are ignored. */
#define RX_LENGTH 0xFFFFull /* bytes without CRC */
#define RX_DD     BIT64(32) /* done */
#define RX_EOP    BIT64(33) /* the frame ends here */
#define RX_UDPCS  BIT64(36) /* the UDP checksum was verified */
#define RX_L4CS   BIT64(37) /* the TCP or UDP checksum was verified */
#define RX_IPCS   BIT64(38) /* the IPv4 header checksum was verified */
#define RX_RXE    BIT64(40) /* MAC error; only with FCTRL.SBP */
#define RX_TCPE   BIT64(46) /* TCP or UDP checksum is wrong */
#define RX_IPE    BIT64(47) /* IPv4 header checksum is wrong */
#define RX_SUMS   (RX_UDPCS | RX_L4CS | RX_IPCS | RX_TCPE | RX_IPE) /* all about checksums */

/* X550 7.2.3.2.2  Transmit, as the core writes it. DEXT (29) is 0: legacy. */
#define TX_LENGTH 0xFFFFull
#define TX_EOP    BIT64(24)
#define TX_IFCS   BIT64(25) /* the card appends the CRC */
#define TX_RS     BIT64(27) /* write the head index back after this one; with EOP only */

#endif
