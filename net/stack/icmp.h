/* SPDX-License-Identifier: BSD-2-Clause
 * ICMP messages (RFC 792, RFC 1122 section 3.2.2). Pure.
 */
#ifndef NET_STACK_ICMP_H
#define NET_STACK_ICMP_H

#include "arch/types.h"

#define ICMP_TYPE          0u
#define ICMP_CODE          1u
#define ICMP_CHECKSUM      2u
#define ICMP_ID            4u /* of echo */
#define ICMP_SEQUENCE      6u
#define ICMP_BYTES         8u

#define ICMP_ECHO_REPLY    0u
#define ICMP_UNREACHABLE   3u
#define ICMP_REDIRECT      5u
#define ICMP_ECHO          8u
#define ICMP_TIME_EXCEEDED 11u
#define ICMP_PARAMETER     12u

/* Codes of unreachable, redirect, and time exceeded. */
#define ICMP_NET_UNREACHABLE      0u
#define ICMP_HOST_UNREACHABLE     1u
#define ICMP_PROTOCOL_UNREACHABLE 2u
#define ICMP_PORT_UNREACHABLE     3u
#define ICMP_TOO_BIG              4u /* fragmentation needed and DF set; rest: the next hop's MTU */
#define ICMP_SOURCE_ROUTE_FAILED  5u
#define ICMP_FILTERED             13u /* communication administratively prohibited */
#define ICMP_REDIRECT_HOST        1u  /* rest: the better gateway */
#define ICMP_TTL_EXCEEDED         0u
#define ICMP_REASSEMBLY_EXCEEDED  1u

struct icmp_view {
    uint8_t type, code;
    uint16_t id, sequence; /* of an echo or reply, or of the echo that an error quotes */
    uint32_t about_dst;    /* destination of the echo that an error quotes; else 0 */
};

enum icmp_kind {
    ICMP_IS_BAD, /* too short, checksum wrong, type or code not handled here */
    ICMP_IS_ECHO,
    ICMP_IS_REPLY,
    ICMP_IS_ERROR_ABOUT_ECHO, /* unreachable, time exceeded ...: about an echo sent by `us` */
    ICMP_IS_ERROR,            /* about any other datagram */
};

/* Parse the message of `bytes` bytes at p. An error is about our echo if the source in its quoted
 * header is `us`. */
enum icmp_kind icmp_parse(const uint8_t *p, uint32_t bytes, uint32_t us, struct icmp_view *view);

/* Change type and checksum of the echo at p into those of its reply (RFC 1122 section 3.2.2.6). */
void icmp_echo_to_reply(uint8_t *p);

/* Write an echo with data_bytes of data, 0, 1, 2, ... Returns the message's length. */
uint32_t icmp_build_echo(uint8_t *p, uint16_t id, uint16_t sequence, uint32_t data_bytes);

/* ---- Sending errors ---- */

#define ICMP_ERROR_MAX 576u  /* longest error, a datagram; RFC 1812 section 4.3.2.3 */
#define ICMP_ERROR_TOS 0xC0u /* internetwork control, RFC 1812 section 4.3.2.5 */

struct icmp_error {
    uint8_t type, code;
    uint32_t rest; /* the word after the checksum: offset << 24 of a bad byte, an MTU, else 0 */
};

/* May an error be sent about the datagram of `bytes` bytes (20 or more, with a whole header) at p?
 * Not about an ICMP error or an unknown ICMP type, a fragment other than the first, a multicast or
 * broadcast destination, or a source that is not one host (RFC 1122 section 3.2.2, RFC 1812 section
 * 4.3.2.7). The caller checks what the header does not show: Ethernet group addresses and subnet
 * broadcasts. */
bool icmp_error_may(const uint8_t *p, uint32_t bytes);

/* Write a whole datagram to `out` (ICMP_ERROR_MAX bytes): the error about the datagram at `about`,
 * from `us` to its source, quoting as much of its `bytes` as fits. `out` and `about` may overlap.
 * Returns the datagram's length. */
uint32_t icmp_error_build(uint8_t *out, struct icmp_error error, uint32_t us, uint16_t ip_id,
                          const uint8_t *about, uint32_t bytes);

/* Token bucket for errors: ICMP_BURST at once, then one every ICMP_GAP_NS. It is *full_ns, when the
 * bucket will be full again; 0: now. The cores of a port share one, which is written only when an
 * error is sent. */
#define ICMP_BURST  50u
#define ICMP_GAP_NS 10000000ull /* 100 a second */

/* May one more error be sent now? If true, it counts as sent. Any core. */
bool icmp_limit_take(uint64_t *full_ns, uint64_t now_ns);

#endif
