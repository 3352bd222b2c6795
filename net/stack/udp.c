/* SPDX-License-Identifier: BSD-2-Clause
 * UDP; see udp.h.
 */
#include "net/stack/udp.h"

#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"

enum drop udp_parse(uint8_t *p, uint32_t bytes, uint32_t src, uint32_t dst,
                    struct udp_datagram *datagram)
{
    if (bytes < UDP_BYTES)
        return DROP_udp_length;
    uint32_t length = wire_get16(p + UDP_LENGTH);
    if (length < UDP_BYTES || length > bytes)
        return DROP_udp_length;
    if (wire_get16(p + UDP_CHECKSUM) != 0 &&
        csum_close(csum_pseudo(src, dst, IP_UDP, length) + csum_bytes(p, length)) != 0)
        return DROP_udp_checksum;
    *datagram = (struct udp_datagram){
        .src = src,
        .dst = dst,
        .src_port = wire_get16(p + UDP_SRC),
        .dst_port = wire_get16(p + UDP_DST),
        .data = p + UDP_BYTES,
        .data_bytes = length - UDP_BYTES,
    };
    return DROP_NONE;
}

uint32_t udp_build(uint8_t *p, uint32_t data_bytes, uint32_t src, uint16_t src_port, uint32_t dst,
                   uint16_t dst_port)
{
    uint32_t length = UDP_BYTES + data_bytes;

    wire_put16(p + UDP_SRC, src_port);
    wire_put16(p + UDP_DST, dst_port);
    wire_put16(p + UDP_LENGTH, (uint16_t)length);
    wire_put16(p + UDP_CHECKSUM, 0);
    uint16_t checksum = csum_close(csum_pseudo(src, dst, IP_UDP, length) + csum_bytes(p, length));
    wire_put16(p + UDP_CHECKSUM, checksum != 0 ? checksum : 0xFFFF);
    return length;
}
