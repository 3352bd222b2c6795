/* SPDX-License-Identifier: BSD-2-Clause
 * Building the generator's frames; see probe.h.
 */
#include "net/trial/probe.h"

#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/udp.h"

static uint32_t covered(const uint8_t *frame, const struct probe *probe, uint32_t bytes)
{
    uint32_t sum = csum_pseudo(probe->src, probe->dst, IP_UDP, bytes) +
                   csum_bytes(frame + ETH_BYTES + IP_BYTES, bytes);

    return sum % 0xFFFF;
}

uint32_t probe_build(uint8_t *frame, const struct probe *probe, uint32_t length)
{
    const uint32_t headers = ETH_BYTES + IP_BYTES + UDP_BYTES;
    uint32_t data = (length == PROBE_BYTES + 1 ? PROBE_BYTES : length) - headers;
    uint8_t *udp = frame + ETH_BYTES + IP_BYTES;

    memset(frame, 0, length);
    eth_build(frame, probe->dst_mac, probe->src_mac, ETH_IPV4);
    ip_build(frame + ETH_BYTES, UDP_BYTES + data, 0, 0, IP_UDP, probe->src, probe->dst);
    store64(frame + PROBE_AT_TAG, probe->tag);
    wire_put16(udp + UDP_DST, UDP_PORT_DISCARD);

    /* All lengths share the shortest frame's checksum. */
    wire_put16(udp + UDP_LENGTH, (uint16_t)(PROBE_BYTES - headers + UDP_BYTES));
    uint32_t common = covered(frame, probe, PROBE_BYTES - headers + UDP_BYTES);
    wire_put16(udp + UDP_LENGTH, (uint16_t)(UDP_BYTES + data));
    if (data > PROBE_BYTES - headers)
        wire_put16(
            frame + PROBE_BYTES,
            (uint16_t)((common + 0xFFFF - covered(frame, probe, UDP_BYTES + data)) % 0xFFFF));
    return __builtin_bswap16((uint16_t)common);
}

bool probe_is(const uint8_t *frame, uint32_t length)
{
    return length >= PROBE_BYTES && wire_get16(frame + ETH_TYPE) == ETH_IPV4 &&
           frame[ETH_BYTES + IP_VERSION_IHL] == 0x45 && frame[ETH_BYTES + IP_PROTOCOL] == IP_UDP &&
           probe_is_tag(load64(frame + PROBE_AT_TAG));
}
