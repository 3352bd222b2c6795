/* SPDX-License-Identifier: BSD-2-Clause
 * ICMP messages (RFC 792, RFC 1122 section 3.2.2). Pure.
 */
#ifndef NET_ICMP_H
#define NET_ICMP_H

#include "arch/types.h"

#define ICMP_TYPE          0u
#define ICMP_CODE          1u
#define ICMP_CHECKSUM      2u
#define ICMP_ID            4u /* of echo */
#define ICMP_SEQUENCE      6u
#define ICMP_BYTES         8u

#define ICMP_ECHO_REPLY    0u
#define ICMP_UNREACHABLE   3u
#define ICMP_ECHO          8u
#define ICMP_TIME_EXCEEDED 11u

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

#endif
