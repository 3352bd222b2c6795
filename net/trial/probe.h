/* SPDX-License-Identifier: BSD-2-Clause
 * The frame that app=generate sends and app=sink measures: UDP in IPv4 in Ethernet, of 60 to 1514
 * bytes (without CRC), zeroes after the stamp.
 *
 *      0 Ethernet, 14 IPv4 without options, 34 UDP source port: PROBE_PORT + flow, 36: 9 (discard)
 *     42  8 bytes  tag: trial and sending port; the same in all frames of the trial
 *     50  4        number of the frame within its flow, from 0, wraps
 *     54  6        TSC of the sender, low 48 bits: just before the frame's burst was queued
 *
 * All little-endian. A probe is built once in each buffer; for each frame only source port, stamp,
 * number and UDP checksum are stored. The ones' complement sum of the other bytes does not depend
 * on the length, so all buffers share it: frames of 62 bytes and more have a word after the stamp
 * that compensates for their length; one of 61 is a datagram of 60 and a byte of padding. Pure.
 */
#ifndef NET_TRIAL_PROBE_H
#define NET_TRIAL_PROBE_H

#include "arch/bytes.h"

#define PROBE_AT_PORT     34u
#define PROBE_AT_CHECKSUM 40u
#define PROBE_AT_TAG      42u
#define PROBE_AT_NUMBER   50u
#define PROBE_AT_TIME     54u
#define PROBE_BYTES       60u /* the least: all of the above */
#define PROBE_PORT        0xC000u

/* The time is in the upper 48 bits of the eight bytes that end with it. The lower 16, the upper
 * half of the number, reduce a difference of two times by less than one tick. */
#define PROBE_AT_TIME_WORD 52u
#define PROBE_TICK         16u
static inline uint64_t probe_time(uint64_t tsc)
{
    return tsc << PROBE_TICK;
}

/* The tag: magic, trial, sending port, and log2 of the number of flows, rounded up. */
#define PROBE_MAGIC 0x4C524546u /* "FERL" */
static inline uint64_t probe_tag(uint32_t trial, unsigned port, unsigned flows_log2)
{
    return PROBE_MAGIC | (uint64_t)(trial & 0xFFFFFF) << 32 | (uint64_t)(port & 15) << 56 |
           (uint64_t)flows_log2 << 60;
}
static inline bool probe_is_tag(uint64_t tag)
{
    return (uint32_t)tag == PROBE_MAGIC && tag >> 60 <= 12;
}
static inline uint32_t probe_trial(uint64_t tag)
{
    return tag >> 32 & 0xFFFFFF;
}
static inline unsigned probe_sender(uint64_t tag)
{
    return tag >> 56 & 15;
}
static inline unsigned probe_flows_log2(uint64_t tag)
{
    return (unsigned)(tag >> 60);
}

struct probe {
    uint8_t dst_mac[6], src_mac[6];
    uint32_t dst, src;
    uint64_t tag;
};

/* Write a probe of `length` bytes (60..1514), flow 0, number 0, time 0, without its UDP checksum.
 * Returns the sum of the bytes that the checksum covers, 0..0xFFFE, in host byte order. */
uint32_t probe_build(uint8_t *frame, const struct probe *probe, uint32_t length);

/* x modulo 0xFFFF, as it is added to such a sum (RFC 1071: the position of a 16-bit word does not
 * matter). */
static inline uint32_t probe_sum(uint64_t x)
{
    return (uint32_t)(x % 0xFFFF);
}

/* The source port of a flow, in network byte order. */
static inline uint32_t probe_port(uint32_t flow)
{
    return __builtin_bswap16((uint16_t)(PROBE_PORT + flow));
}

/* Stamp a built probe. `time` comes from probe_time, port from probe_port; `sum`, 0..0xFFFE, is
 * that of probe_build plus time and number. */
static inline __attribute__((always_inline)) void probe_stamp(uint8_t *frame, uint64_t time,
                                                              uint32_t number, uint32_t port,
                                                              uint32_t sum)
{
    store64(frame + PROBE_AT_TIME_WORD, time);
    store32(frame + PROBE_AT_NUMBER, number); /* overwrites the two lower bytes of `time` */
    store16(frame + PROBE_AT_PORT, (uint16_t)port);
    sum += port;
    /* Keep it below 0xFFFF, so that the checksum is never 0, which would mean no checksum. */
    sum -= sum >= 0xFFFF ? 0xFFFF : 0;
    store16(frame + PROBE_AT_CHECKSUM, (uint16_t)~sum);
}

/* Does the frame look like a probe? Checksums are not verified. `length` is at least 17. */
bool probe_is(const uint8_t *frame, uint32_t length);

#endif
