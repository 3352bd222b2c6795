/* SPDX-License-Identifier: BSD-2-Clause
 * The frames of the bench of mixes, and what must follow from each. See mixes.h. All numbers that are
 * drawn depend on the port and on the number of the datagram only.
 */
#include "tests/bench/mix_parts.h"

#include <stdlib.h>
#include <string.h>

#include "tests/bench/routes.h"
#include "tests/bench/traffic.h"
#include "tests/unit/pcap.h"

enum {
    AT_TYPE = 12,
    AT_IP = 14,
    IP_BYTES = 20,
    UDP_BYTES = 8,
    NUMBER_BYTES = 8, /* the least data: the datagram's number */
    TAG_BYTES = 4,
    SENDERS = 64,
    SENDER_FIRST = 20,
    SOURCE_PORT = 4000,
    ECHO_PORT = 7,
    TTL = 64,
    DF = 0x40,
    FRAGMENT_BYTES = 24, /* of a datagram's payload in its first fragment */
    CAPTURES_MAX = 2000,
    PADDING = 0x5A, /* not zero: it must not get into a sum */
};
static const uint8_t sender_mac[6] = {2, 0, 0, 0, 0, 0x77};

static void put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
    put16(at, v >> 16);
    put16(at + 2, v);
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static unsigned draw(uint64_t *dice, unsigned least, unsigned most)
{
    return least + (unsigned)(mix_random(dice) % (most - least + 1));
}

static unsigned draw_or(uint64_t *dice, unsigned least, unsigned most, unsigned usual)
{
    return most ? draw(dice, least, most) : usual;
}

/* The internet checksum of n bytes, any number, plus `sum`. */
static void put_sum(uint8_t *at, const uint8_t *bytes, unsigned n, uint32_t sum)
{
    traffic_checksum(at, bytes, n & ~1u, sum + (n & 1 ? (uint32_t)bytes[n - 1] << 8 : 0));
}

static void swap(uint8_t *a, uint8_t *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t was = a[i];
        a[i] = b[i];
        b[i] = was;
    }
}

/* ---- Headers ---- */

/* Ethernet and IPv4 headers of a datagram of `total` bytes; returns where its payload begins. */
static uint8_t *put_headers(const struct mix_frame *f, uint64_t *dice, uint8_t *at, uint32_t total,
                            uint8_t protocol, uint32_t from, uint32_t to)
{
    uint8_t *ip = at + AT_IP;
    unsigned header = IP_BYTES + mix->options_bytes;

    memcpy(at, mix_mac[f->port], 6);
    memcpy(at + 6, sender_mac, 6);
    put16(at + AT_TYPE, 0x0800);
    memset(ip, 0, IP_BYTES);
    memset(ip + IP_BYTES, 1, mix->options_bytes); /* no-operations */
    ip[0] = (uint8_t)(0x40 + header / 4);
    ip[1] = mix->any_service ? (uint8_t)mix_random(dice) : 0;
    put16(ip + 2, total);
    put16(ip + 4, mix->any_id ? (uint16_t)mix_random(dice) : 0);
    ip[6] = mix->any_id ? (uint8_t)(mix_random(dice) & DF) : DF;
    ip[8] = (uint8_t)draw_or(dice, mix->ttl_least, mix->ttl_most, TTL);
    ip[9] = protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    put_sum(ip + 10, ip, header, 0);
    return ip + header;
}

static void put_data(uint8_t *data, uint32_t n, uint64_t number)
{
    memcpy(data, &number, NUMBER_BYTES);
    for (uint32_t i = NUMBER_BYTES; i < n; i++)
        data[i] = (uint8_t)(i * 7 + number);
}

/* The bytes of a frame without its tag. */
static uint32_t draw_bytes(uint64_t *dice)
{
    static const uint16_t imix[12] = {60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1514};

    if (mix->is_imix)
        return imix[draw(dice, 0, 11)];
    return draw_or(dice, mix->bytes_least, mix->bytes_most, MIX_BYTES_MIN);
}

/* ---- What must follow ---- */

/* The frame is sent as it is, or as `make_answer` has changed f->sent. */
static void must_send(struct mix_frame *f, unsigned output, const uint8_t *bytes, uint32_t length)
{
    f->is_sent = mix->kind != MIX_DROPPED;
    f->output = output;
    memcpy(f->sent, bytes, length);
    f->sent_length = length;
}

/* The answer by the port itself: the ends are swapped; `ports` too, if it is UDP. Other fields of the
 * header are the host's choice, and the judge knows which are right. */
static void must_answer(struct mix_frame *f, const uint8_t *bytes, uint32_t length, bool is_udp)
{
    must_send(f, f->port, bytes, length);
    uint8_t *ip = f->sent + AT_IP, *payload = ip + 4 * (ip[0] & 15);

    swap(f->sent, f->sent + 6, 6);
    swap(ip + 12, ip + 16, 4);
    if (is_udp) {
        swap(payload, payload + 2, 2);
    } else {
        payload[0] = 0; /* echo reply */
        put_sum(payload + 2, payload, get16(ip + 2) - IP_BYTES - mix->options_bytes, 0);
    }
    ip[8] = TTL;
    put_sum(ip + 10, ip, 4 * (ip[0] & 15), 0);
}

static void must_route(struct mix_frame *f, unsigned output, const struct mix_target *target)
{
    must_send(f, output, f->bytes, f->length);
    uint8_t *ip = f->sent + AT_IP;

    mix_gateway_mac(output, target->gateway, f->sent);
    memcpy(f->sent + 6, mix_mac[output], 6);
    ip[8]--;
    put_sum(ip + 10, ip, 4 * (ip[0] & 15), 0);
}

/* ---- UDP ---- */

static unsigned draw_output(uint64_t *dice, unsigned port)
{
    if (draw(dice, 0, 99) < mix->hairpin_percent)
        return port;
    return mix->any_output ? (port + draw(dice, 1, mix_ports() - 1)) % mix_ports()
                           : mix_partner(port);
}

/* Make f->bytes one of the two fragments of a datagram, in a frame of its own. */
static void cut_fragment(struct mix_frame *f, const uint8_t *whole, bool is_second)
{
    uint32_t total = get16(whole + AT_IP + 2);
    uint32_t from = is_second ? FRAGMENT_BYTES : 0;
    uint32_t n = is_second ? total - IP_BYTES - FRAGMENT_BYTES : FRAGMENT_BYTES;
    uint8_t *ip = f->bytes + AT_IP;

    memset(f->bytes, 0, MIX_BYTES_MIN);
    memcpy(f->bytes, whole, AT_IP + IP_BYTES);
    memcpy(ip + IP_BYTES, whole + AT_IP + IP_BYTES + from, n);
    put16(ip + 2, IP_BYTES + n);
    put16(ip + 4, (uint32_t)(f->k / 2));
    put16(ip + 6, is_second ? from / 8 : 0x2000);
    put_sum(ip + 10, ip, IP_BYTES, 0);
    f->length = AT_IP + IP_BYTES + n > MIX_BYTES_MIN ? AT_IP + IP_BYTES + n : MIX_BYTES_MIN;
}

static void make_udp(struct mix_frame *f)
{
    const bool is_routed = mix->app == MIX_ROUTE && mix->what == MIX_UDP;
    const uint64_t number = mix->is_fragmented ? f->k / 2 : f->k;
    uint64_t dice = number << 2 | f->port;
    uint8_t whole[MIX_BYTES_MAX + 2];
    uint32_t bytes = draw_bytes(&dice), headers = IP_BYTES + mix->options_bytes + UDP_BYTES;
    uint32_t total = bytes - AT_IP;
    uint32_t from = (is_routed ? 0xCB000200 : mix_port_ip(f->port) & 0xFFFFFF00) + SENDER_FIRST;
    uint32_t to = mix->target_ip ? mix->target_ip : mix_port_ip(f->port);
    const struct mix_target *target = NULL;
    unsigned output = f->port;

    if (mix->is_padded)
        total = draw(&dice, headers + NUMBER_BYTES, MIX_BYTES_MIN - AT_IP - 1);
    if (is_routed && !mix->target_ip) {
        output = draw_output(&dice, f->port);
        target = &mix_targets[output][(number * mix_ports() + f->port) % mix_targets_n];
        to = target->ip;
    }
    from += (uint32_t)(number % SENDERS);
    f->flow = (unsigned)(number % SENDERS);

    memset(whole, PADDING, bytes);
    uint8_t *udp = put_headers(f, &dice, whole, total, 17, from, to);
    uint32_t udp_bytes = total - headers + UDP_BYTES;
    put16(udp, draw_or(&dice, mix->source_least, mix->source_most, SOURCE_PORT));
    put16(udp + 2, mix->target_port ? mix->target_port : ECHO_PORT);
    put16(udp + 4, udp_bytes);
    put_data(udp + UDP_BYTES, udp_bytes - UDP_BYTES, number);
    memset(udp + 6, 0, 2);
    if (!mix->has_no_sum) {
        uint32_t sum = 17 + udp_bytes + (from >> 16) + (from & 0xFFFF) + (to >> 16) + (to & 0xFFFF);
        put_sum(udp + 6, udp, udp_bytes, sum);
        if (!get16(udp + 6))
            put16(udp + 6, 0xFFFF);
    }

    memcpy(f->bytes, whole, bytes);
    f->length = bytes;
    if (mix->is_fragmented)
        cut_fragment(f, whole, f->k & 1);
    if (is_routed && target)
        must_route(f, output, target);
    else if (mix->app != MIX_FORWARD && !(mix->is_fragmented && !(f->k & 1)) && !mix->is_consumed)
        must_answer(f, whole, bytes, true);
}

/* ---- Others ---- */

static void make_ping(struct mix_frame *f)
{
    uint64_t dice = f->k << 2 | f->port;
    uint32_t bytes = draw_bytes(&dice), total = bytes - AT_IP;
    uint32_t to = mix_port_ip(f->port);
    uint8_t *icmp = put_headers(f, &dice, f->bytes, total, 1,
                                (to & 0xFFFFFF00) + SENDER_FIRST + (uint32_t)(f->k % SENDERS), to);

    put16(icmp, 0x0800);
    put16(icmp + 4, 77);
    put16(icmp + 6, (uint32_t)f->k & 0xFFFF);
    put_data(icmp + 8, total - IP_BYTES - 8, f->k);
    put_sum(icmp + 2, icmp, total - IP_BYTES, 0);
    f->flow = (unsigned)(f->k % SENDERS);
    f->length = bytes;
    if (mix->app != MIX_FORWARD)
        must_answer(f, f->bytes, bytes, false);
}

static void make_arp(struct mix_frame *f)
{
    static const uint8_t fixed[10] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    uint32_t ours = mix_port_ip(f->port);
    uint32_t theirs = (ours & 0xFFFFFF00) + SENDER_FIRST + (uint32_t)(f->k % SENDERS);

    memset(f->bytes, 0, MIX_BYTES_MIN);
    memset(f->bytes, 0xFF, 6);
    memcpy(f->bytes + 6, sender_mac, 6);
    memcpy(f->bytes + AT_TYPE, fixed, sizeof(fixed));
    memcpy(f->bytes + 22, sender_mac, 6);
    put32(f->bytes + 28, theirs);
    put32(f->bytes + 38, ours);
    f->length = MIX_BYTES_MIN;
    f->flow = (unsigned)(f->k % SENDERS);

    must_send(f, f->port, f->bytes, f->length);
    memcpy(f->sent, sender_mac, 6);
    memcpy(f->sent + 6, mix_mac[f->port], 6);
    f->sent[21] = 2; /* reply */
    memcpy(f->sent + 22, mix_mac[f->port], 6);
    put32(f->sent + 28, ours);
    memcpy(f->sent + 32, sender_mac, 6);
    put32(f->sent + 38, theirs);
}

static struct {
    uint8_t bytes[MIX_BYTES_MAX];
    uint32_t length;
} * captures;
static unsigned captures_n;

/* Frames longer than a host sends are left out; shorter ones are padded, as a wire pads them. */
static void keep_capture(void *context, const char *file, const uint8_t *frame, size_t n)
{
    (void)context, (void)file;
    if (n < AT_IP || n > MIX_BYTES_MAX - TAG_BYTES || captures_n == CAPTURES_MAX)
        return;
    memcpy(captures[captures_n].bytes, frame, n);
    captures[captures_n++].length = n < MIX_BYTES_MIN ? MIX_BYTES_MIN : (uint32_t)n;
}

void mix_read_captures(void)
{
    captures = calloc(CAPTURES_MAX, sizeof(*captures));
    if (captures)
        pcap_folder("tests/data/pcap", keep_capture, NULL);
    if (captures_n == 0)
        mix_fail("no captures in tests/data/pcap: start it at the top of the tree");
}

static void make_capture(struct mix_frame *f)
{
    unsigned i = (unsigned)(f->k % captures_n);

    f->length = captures[i].length;
    memcpy(f->bytes, captures[i].bytes, f->length);
    if (mix->app != MIX_FORWARD)
        memcpy(f->bytes, mix_mac[f->port], 6);
}

/* ---- All ---- */

static void put_tag(uint8_t *bytes, uint32_t *length)
{
    memmove(bytes + AT_TYPE + TAG_BYTES, bytes + AT_TYPE, *length - AT_TYPE);
    put16(bytes + AT_TYPE, 0x8100);
    put16(bytes + AT_TYPE + 2, mix->tag);
    *length += TAG_BYTES;
}

void mix_make(struct mix_frame *f)
{
    f->is_sent = false;
    f->flow = 0;
    switch (mix->what) {
    case MIX_UDP:
    case MIX_ECHO_UDP:
        make_udp(f);
        break;
    case MIX_PING:
        make_ping(f);
        break;
    case MIX_ARP:
        make_arp(f);
        break;
    case MIX_CAPTURES:
        make_capture(f);
        break;
    }
    if (mix->tag) {
        /* A router's output has no tag for a priority alone. */
        bool is_dropped = mix->app == MIX_ROUTE && (mix->tag & 0xFFF) == 0;
        put_tag(f->bytes, &f->length);
        if (f->is_sent && !is_dropped)
            put_tag(f->sent, &f->sent_length);
    }
    if (mix->app == MIX_FORWARD)
        must_send(f, mix_partner(f->port), f->bytes, f->length);
}
