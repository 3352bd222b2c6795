/* SPDX-License-Identifier: BSD-2-Clause
 * UDP (RFC 768, RFC 1122 section 4.1): headers, and what a service on a port is. Pure.
 */
#ifndef NET_STACK_UDP_H
#define NET_STACK_UDP_H

#include "arch/types.h"
#include "net/drops.h"

#define UDP_SRC      0u
#define UDP_DST      2u
#define UDP_LENGTH   4u
#define UDP_CHECKSUM 6u
#define UDP_BYTES    8u

#define UDP_PORT_ECHO    7u
#define UDP_PORT_DISCARD 9u

/* A datagram that came in. The data may be changed in place into an answer of up to `room` bytes,
 * which is at least data_bytes. */
struct udp_datagram {
    uint32_t src, dst;
    uint16_t src_port, dst_port;
    uint8_t ttl, answer_ttl; /* with which it came; IP_TTL_DEFAULT unless the service sets it */
    uint8_t *data;
    uint32_t data_bytes, room;
    uint64_t received_ns;    /* when it came */
    uint64_t (*clock)(void); /* nanoseconds now; NULL: received_ns will do */
};

/* What a port is bound to: looks at the datagram and returns the length of the answer that now lies
 * in data, to go back where it came from, or UDP_SILENT. */
#define UDP_SILENT UINT32_MAX
typedef uint32_t udp_service(void *context, struct udp_datagram *datagram);

/* Read the datagram at p in an IP payload of `bytes`, between these addresses, and verify its
 * checksum unless it has none (0). DROP_NONE: *datagram is filled in, but for TTLs, room, times.
 * The length may be below that of the payload; what is beyond is no part of it. */
enum drop udp_parse(uint8_t *p, uint32_t bytes, uint32_t src, uint32_t dst,
                    struct udp_datagram *datagram);

/* Write the header before data_bytes of data, with checksum (which is never sent as 0, RFC 768);
 * returns the length of both. */
uint32_t udp_build(uint8_t *p, uint32_t data_bytes, uint32_t src, uint16_t src_port, uint32_t dst,
                   uint16_t dst_port);

/* A port whose owner answers whatever comes, or 0 (no answer wanted): answering it could go on for
 * ever. */
static inline bool udp_port_would_loop(uint16_t port)
{
    return port == 0 || port == 7 || port == 9 || port == 13 || port == 17 || port == 19 ||
           port == 37;
}

#endif
