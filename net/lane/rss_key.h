/* SPDX-License-Identifier: BSD-2-Clause
 * The key of receive-side scaling (RSS), one for all ports, chosen at boot by rss= and rss.key=.
 *
 * A Toeplitz hash is the exclusive or, over the bits that are set in addresses and ports, of the 32
 * bits of the key that begin at each such bit's position. Its lowest bits select the queue.
 *
 * rss=random: 320 random bits. Which queue a flow uses cannot be guessed from outside, and every bit
 * of addresses and ports counts for itself.
 * rss=symmetric: 16 random bits, repeated. Exchanging source and destination leaves the hash as it
 * is, so both directions of a flow use one queue. The price: only the exclusive or of the 16-bit
 * words counts. Equal ports cancel (NTP's 123 and 123), and a sender can keep many flows on one
 * queue, though it cannot choose which.
 *
 * Either key spreads 64 flows that differ only in the last six bits of one address or port evenly,
 * to the frame, over 2, 4, 8 or 16 queues.
 */
#ifndef NET_LANE_RSS_KEY_H
#define NET_LANE_RSS_KEY_H

#include "drivers/nic.h"

struct cmdline;

/* Choose the key. Boot CPU, once, before queues are set up. */
void rss_key_choose(const struct cmdline *line);
/* The key: RSS_KEY_BYTES bytes, as on the wire. Until rss_key_choose, a fixed symmetric one. */
const uint8_t *rss_key(void);

enum rss_kind { RSS_RANDOM, RSS_SYMMETRIC }; /* in the order of the key's words */
void rss_key_make(enum rss_kind kind, uint8_t key[RSS_KEY_BYTES]);
/* Parse 80 hexadecimal digits, with or without a colon between bytes (as ethtool prints them). */
bool rss_key_parse(const char *text, uint8_t key[RSS_KEY_BYTES]);
/* Does the key spread as promised above? */
bool rss_key_spreads(const uint8_t key[RSS_KEY_BYTES]);

#endif
