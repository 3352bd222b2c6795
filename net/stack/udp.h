/* SPDX-License-Identifier: BSD-2-Clause
 * UDP (RFC 768, RFC 1122 section 4.1): headers, and the interface of a service on a port. Pure.
 */
#ifndef NET_STACK_UDP_H
#define NET_STACK_UDP_H

#include "arch/types.h"
#include "net/drops.h"

#define UDP_SRC          0u
#define UDP_DST          2u
#define UDP_LENGTH       4u
#define UDP_CHECKSUM     6u
#define UDP_BYTES        8u

#define UDP_PORT_ECHO    7u
#define UDP_PORT_DISCARD 9u

/* A received datagram. A service may replace its data by an answer of up to `room` bytes, which is
 * at least data_bytes. */
struct udp_datagram {
    uint32_t src, dst;
    uint16_t src_port, dst_port;
    uint8_t ttl, answer_ttl; /* as received; IP_TTL_DEFAULT unless the service sets it */
    uint8_t *data;
    uint32_t data_bytes, room;
    uint64_t received_ns;    /* time of arrival */
    uint64_t (*clock)(void); /* current time in ns; NULL: use received_ns */
};

/* A service: handles the datagram and returns the length of the answer that it has written to data,
 * to be sent to the source, or one of these. */
#define UDP_SILENT UINT32_MAX       /* no answer: the datagram counts as consumed */
#define UDP_LOOPS  (UINT32_MAX - 1) /* dropped as udp_loop: it is an answer to an answer of ours */
#define UDP_REFUSED                                                                                \
    (UINT32_MAX - 2) /* dropped as udp_refused: its source may not use the service */
typedef uint32_t udp_service(void *context, struct udp_datagram *datagram);

/* What a service that looks at all of the data is bound with; see netif_bind_head. */
#define UDP_ALL 65536u

/* Parse the datagram at p in an IP payload of `bytes`, from src to dst, and verify its checksum
 * unless it has none (0). Returns DROP_NONE with *datagram filled in, except TTLs, room and times.
 * Its length may be less than the payload's; the bytes beyond are ignored. */
enum drop udp_parse(uint8_t *p, uint32_t bytes, uint32_t src, uint32_t dst,
                    struct udp_datagram *datagram);

/* Write the header for data_bytes of data, with a checksum, which is never sent as 0 (RFC 768).
 * Returns the length of header and data. */
uint32_t udp_build(uint8_t *p, uint32_t data_bytes, uint32_t src, uint16_t src_port, uint32_t dst,
                   uint16_t dst_port);

/* Is it a well-known port? Services have these, and one that answers every datagram would answer an
 * answer too, for ever. A client that expects an answer sends from an ephemeral port; 0 expects none.
 * FreeBSD's inetd refuses the same ports. */
#define UDP_WELL_KNOWN 1024u
static inline bool udp_port_would_loop(uint16_t port)
{
    return port < UDP_WELL_KNOWN;
}

#endif
