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
#define ICMP_REDIRECT_HOST        1u /* rest: the better gateway */
#define ICMP_TTL_EXCEEDED         0u
#define ICMP_REASSEMBLY_EXCEEDED  1u

struct icmp_view {
    uint8_t type, code;
    uint16_t id, sequence; /* of an echo or its reply, or of the one that an error is about */
    uint32_t about_dst;    /* where the message that an error is about was going; else 0 */
};

enum icmp_kind {
    ICMP_IS_BAD, /* too short, checksum wrong, a type or code that nobody here takes */
    ICMP_IS_ECHO,
    ICMP_IS_REPLY,
    ICMP_IS_ERROR_ABOUT_ECHO, /* unreachable, time exceeded ...: about an echo that `src` sent */
    ICMP_IS_ERROR,            /* about anything else */
};

/* Read the message at p, all `bytes` of it. `us` is the address that an error's quoted header must
 * come from to be about our echo. */
enum icmp_kind icmp_parse(const uint8_t *p, uint32_t bytes, uint32_t us, struct icmp_view *view);

/* Turn the echo at p into its reply: type and checksum; the rest stays (RFC 1122 section
 * 3.2.2.6). */
void icmp_echo_to_reply(uint8_t *p);

/* Write an echo with data_bytes of data, 0, 1, 2, ...; the message's length. */
uint32_t icmp_build_echo(uint8_t *p, uint16_t id, uint16_t sequence, uint32_t data_bytes);

/* ---- Errors of ours ---- */

#define ICMP_ERROR_MAX 576u /* an error is a datagram of at most so many bytes, RFC 1812 4.3.2.3 */
#define ICMP_ERROR_TOS 0xC0u /* internetwork control, RFC 1812 section 4.3.2.5 */

struct icmp_error {
    uint8_t type, code;
    uint32_t rest; /* the word behind the checksum: offset << 24 of a bad byte, an MTU, else 0 */
};

/* May an error be sent about the datagram at p, of which `bytes` (20 or more, its header whole) are
 * there? Not about an error or an ICMP type that may be one, a fragment that is not the first, a
 * group's or the broadcast address, a source that is no single host (RFC 1122 section 3.2.2, RFC
 * 1812 section 4.3.2.7). What the header does not show is the caller's to refuse: a frame that came
 * to many, broadcasts of the nets that it knows. */
bool icmp_error_may(const uint8_t *p, uint32_t bytes);

/* Write a whole datagram to `out` (ICMP_ERROR_MAX bytes): the error about the datagram at `about`,
 * from `us` to its source, quoting as much of its `bytes` as fits. `out` may be `about` or lie
 * across it. Returns the datagram's length. */
uint32_t icmp_error_build(uint8_t *out, struct icmp_error error, uint32_t us, uint16_t ip_id,
                          const uint8_t *about, uint32_t bytes);

/* How many errors may be sent: ICMP_BURST at once, then one every ICMP_GAP_NS. All zeroes: full. */
#define ICMP_BURST  50u
#define ICMP_GAP_NS 10000000ull /* 100 a second */

struct icmp_limit {
    uint64_t due_ns;  /* when the bucket would be full again; it runs ahead of the clock */
    uint64_t limited; /* errors that were due and not sent */
};

/* May one more be sent now? True: it counts as sent. */
bool icmp_limit_take(struct icmp_limit *limit, uint64_t now_ns);

#endif
