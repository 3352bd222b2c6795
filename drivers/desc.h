/* SPDX-License-Identifier: BSD-2-Clause
 * The legacy descriptors of the X540: the second 8 bytes, called the word here. The first 8 are the
 * buffer's address, which the card leaves alone in both directions; the lane depends on it.
 */
#ifndef DRIVERS_DESC_H
#define DRIVERS_DESC_H

#include "arch/types.h"

/* Receive, as the card writes it back. */
#define RX_LENGTH 0xFFFFull      /* bytes without CRC */
#define RX_DD BIT64(32)          /* done */
#define RX_EOP BIT64(33)         /* the frame ends here */
#define RX_UDPCS BIT64(36)       /* UDP checksum was checked */
#define RX_L4CS BIT64(37)        /* TCP or UDP checksum was checked */
#define RX_IPCS BIT64(38)        /* IPv4 header checksum was checked */
#define RX_RXE BIT64(40)         /* MAC error */
#define RX_TCPE BIT64(46)        /* TCP or UDP checksum is wrong */
#define RX_IPE BIT64(47)         /* IPv4 header checksum is wrong */

/* Transmit, as the core writes it. DEXT (29) is 0: legacy. */
#define TX_LENGTH 0xFFFFull
#define TX_EOP BIT64(24)
#define TX_IFCS BIT64(25)        /* the card appends the CRC */
#define TX_RS BIT64(27)          /* report: write the head index back after this one */

#endif
