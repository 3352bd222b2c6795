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
/* The longest turn of a loop that is recognized. */
#define TWAMP_LOOP_S 60u

/* Seconds since boot, 32 bits, and their fraction. */
static uint64_t time_of(uint64_t ns)
{
    return ns / 1000000000 << 32 | (ns % 1000000000 << 32) / 1000000000;
}

static void put_time(uint8_t *p, uint64_t ns)
{
    uint64_t time = time_of(ns);

    wire_put32(p, (uint32_t)(time >> 32));
    wire_put32(p + 4, (uint32_t)time);
}

/* Is it a time of the last minute by our clock? */
static bool is_recent(const uint8_t *p, uint64_t now_ns)
{
    uint64_t time = (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4);

    return time != 0 && time_of(now_ns) - time <= (uint64_t)TWAMP_LOOP_S << 32;
}

/* Does a sender's part at p (sequence number, time, error estimate, two zero bytes) come from our
 * clock? No sender's does, and random padding has our error estimate and a time of the last minute
 * once in 2^58 packets. */
static bool is_ours(const uint8_t *p, uint64_t now_ns)
{
    return wire_get16(p + TWAMP_ERROR) == TWAMP_ESTIMATE && wire_get16(p + TWAMP_ERROR + 2) == 0 &&
           is_recent(p + TWAMP_SENT, now_ns);
}

/* Is it a reflector's answer to an answer of ours, or one of ours that has come back unchanged? */
static bool is_loop(const struct udp_datagram *datagram)
{
    const uint8_t *p = datagram->data;
    uint64_t now_ns = datagram->received_ns;

    return datagram->data_bytes >= TWAMP_BYTES &&
           (is_ours(p + TWAMP_SENDER, now_ns) ||
            (is_ours(p, now_ns) && is_recent(p + TWAMP_RECEIVED, now_ns)));
}

static bool may_send(const struct twamp_senders *senders, uint32_t source)
{
    for (unsigned i = 0; senders != NULL && i < senders->n; i++)
        if (((source ^ senders->net[i].ip) & senders->net[i].mask) == 0)
            return true;
    return senders == NULL;
}

/* The answer is as long as the test packet, or TWAMP_BYTES; the padding is kept. */
uint32_t udp_twamp(void *context, struct udp_datagram *datagram)
{
    uint8_t *p = datagram->data;

    if (!may_send(context, datagram->src))
        return UDP_REFUSED;
    if (datagram->data_bytes < TWAMP_SENDER_BYTES || datagram->room < TWAMP_BYTES)
        return UDP_SILENT;
    if (is_loop(datagram))
        return UDP_LOOPS;
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
