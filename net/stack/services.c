/* SPDX-License-Identifier: BSD-2-Clause
 * UDP services; see services.h.
 */
#include "net/stack/services.h"

#include "net/stack/eth.h"

uint32_t udp_echo(void *context, struct udp_datagram *datagram)
{
    (void)context;
    return datagram->data_bytes;
}

uint32_t udp_discard(void *context, struct udp_datagram *datagram)
{
    (void)context;
    (void)datagram;
    return UDP_SILENT;
}

/* An answer, RFC 5357 section 4.2.1; bytes without a name are zero. A test packet begins with the
 * same first three fields. */
#define TWAMP_SEQUENCE 0u
#define TWAMP_SENT     4u /* seconds, then their fraction in units of 2^-32 (RFC 4656, 4.1.2) */
#define TWAMP_ERROR    12u
#define TWAMP_RECEIVED 16u
#define TWAMP_SENDER   24u /* the test packet's first 14 bytes */
#define TWAMP_TTL      40u /* of the test packet as received */

/* Not synchronized (S = 0), NTP format, 1 * 2^12 * 2^-32 s: a microsecond. */
#define TWAMP_ESTIMATE 0x0C01u
#define TWAMP_SEND_TTL 255u

static void put_time(uint8_t *p, uint64_t ns)
{
    wire_put32(p, (uint32_t)(ns / 1000000000));
    wire_put32(p + 4, (uint32_t)((ns % 1000000000 << 32) / 1000000000));
}

/* The answer is as long as the test packet, or TWAMP_BYTES; the padding is kept. */
uint32_t udp_twamp(void *context, struct udp_datagram *datagram)
{
    uint8_t *p = datagram->data;

    (void)context;
    if (datagram->data_bytes < TWAMP_SENDER_BYTES || datagram->room < TWAMP_BYTES)
        return UDP_SILENT;
    memmove(p + TWAMP_SENDER, p, TWAMP_SENDER_BYTES);
    wire_put16(p + TWAMP_ERROR, TWAMP_ESTIMATE);
    wire_put16(p + TWAMP_ERROR + 2, 0);
    put_time(p + TWAMP_RECEIVED, datagram->received_ns);
    wire_put16(p + TWAMP_SENDER + TWAMP_SENDER_BYTES, 0);
    p[TWAMP_TTL] = datagram->ttl;
    datagram->answer_ttl = TWAMP_SEND_TTL;
    put_time(p + TWAMP_SENT, datagram->clock != NULL ? datagram->clock() : datagram->received_ns);
    return MAX(datagram->data_bytes, TWAMP_BYTES);
}
