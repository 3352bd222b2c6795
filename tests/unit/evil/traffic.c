/* SPDX-License-Identifier: BSD-2-Clause
 * See traffic.h.
 */
#include "tests/unit/evil/traffic.h"

#include <string.h>

#include "tests/unit/frames.h"

#define MARK                                                                                       \
    "\xC7\x1D\xA9\x5B" /* and 'a' + port, four times: a rewritten byte makes no other mark */

uint8_t traffic_macs[TRAFFIC_PORTS][6];
enum traffic_for traffic_is_for;

const char traffic_routes[] = "10.0.0.0/8 198.51.100.10\n10.1.0.0/16 192.0.2.20\n"
                              "10.2.0.0/16 203.0.113.10\n10.3.0.0/16 reject\n"
                              "10.4.4.0/25 198.51.100.20\n10.5.0.0/16 198.51.100.99\n"
                              "10.6.0.0/16 192.0.2.10\n";

static const uint32_t ips[TRAFFIC_PORTS] = {IP(192, 0, 2, 1), IP(198, 51, 100, 1),
                                            IP(203, 0, 113, 1)};
static uint64_t state;
static uint32_t datagrams;
static struct {
    unsigned port;
    uint8_t bytes[60];
} replies[32];
static unsigned replies_n;

uint32_t traffic_ip(unsigned port)
{
    return ips[port];
}

void traffic_seed(uint64_t seed)
{
    state = seed * 0x9E3779B97F4A7C15ull ^ 0xD1B54A32D192ED03ull;
    state += state == 0;
}

uint32_t traffic_below(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state * 0x2545F4914F6CDD1Dull >> 32) * n >> 32);
}

bool traffic_is_mark(const uint8_t *p)
{
    return memcmp(p, MARK, 4) == 0 && p[4] >= 'a' && p[4] < 'a' + TRAFFIC_PORTS && p[5] == p[4] &&
           p[6] == p[4] && p[7] == p[4];
}

unsigned traffic_port_of(const uint8_t *mark)
{
    return mark[4] - 'a';
}

static void host_mac(unsigned port, uint32_t ip, uint8_t *mac)
{
    memcpy(mac, "\x02\x00\x00\x00", 4);
    mac[4] = (uint8_t)port;
    mac[5] = (uint8_t)ip;
}

static uint32_t host_of(unsigned port)
{
    return (ips[port] & ~0xFFu) | (traffic_below(4) ? 10 : 20);
}

/* Marks from `at` on. */
static void fill(unsigned port, uint8_t *frame, uint32_t at, uint32_t end)
{
    uint8_t mark[TRAFFIC_MARK_BYTES];

    memcpy(mark, MARK, 4);
    memset(mark + 4, 'a' + (int)port, 4);
    for (uint32_t i = at; i < end; i++)
        frame[i] = mark[(i - at) % TRAFFIC_MARK_BYTES];
}

/* Ethernet and IPv4 headers with `options` bytes of options, for a datagram of `payload` bytes. */
static uint32_t header(unsigned port, uint8_t *frame, uint32_t src, uint32_t dst, unsigned protocol,
                       uint32_t options, uint32_t payload)
{
    uint8_t *ip = frame + 14;

    memcpy(frame, traffic_macs[port], 6);
    host_mac(port, src, frame + 6);
    put16(frame + 12, 0x0800);
    ip[0] = (uint8_t)(0x45 + options / 4);
    ip[1] = 0;
    put16(ip + 2, 20 + options + payload);
    put16(ip + 4, ++datagrams & 0xFFFF);
    put16(ip + 6, traffic_below(6) == 0 ? 0x4000 : 0);
    ip[8] = (uint8_t)(traffic_below(12) ? 64 : 1);
    ip[9] = (uint8_t)protocol;
    put32(ip + 12, src);
    put32(ip + 16, dst);
    memset(ip + 20, 1, options);
    return 34 + options;
}

/* Record route, a time stamp or nothing, and no-operations around them. */
static void write_options(uint8_t *p, uint32_t bytes)
{
    uint32_t at = traffic_below(4), size = bytes > at ? bytes - at : 0;

    switch (traffic_below(3)) {
    case 0:
        if (size >= 7)
            memcpy(p + at, (const uint8_t[]){7, (uint8_t)(3 + (size - 3) / 4 * 4), 4}, 3);
        break;
    case 1:
        if (size >= 12)
            memcpy(p + at, (const uint8_t[]){68, (uint8_t)(4 + (size - 4) / 8 * 8), 5, 1}, 4);
        break;
    case 2: /* unknown, some to be copied to fragments */
        for (; size >= 4; at += 4, size -= 4)
            memcpy(p + at, (const uint8_t[]){traffic_below(2) ? 148 : 30, 4, 0, 0}, 4);
        break;
    }
}

/* A UDP datagram. */
static uint32_t datagram(unsigned port, uint8_t *frame, uint32_t dst, unsigned to_port,
                         uint32_t options, uint32_t data)
{
    uint32_t at = header(port, frame, host_of(port), dst, 17, options, 8 + data);

    write_options(frame + 34, options);
    put16(frame + at, 20000 + traffic_below(100));
    put16(frame + at + 2, to_port);
    put16(frame + at + 4, 8 + data);
    fill(port, frame, at + 8, at + 8 + data);
    fix_ip(frame);
    fix_payload(frame, 2048);
    return at + 8 + data;
}

static uint32_t ping(unsigned port, uint8_t *frame, uint32_t dst, uint32_t options, uint32_t data)
{
    uint32_t at = header(port, frame, host_of(port), dst, 1, options, 8 + data);

    write_options(frame + 34, options);
    memcpy(frame + at, (const uint8_t[]){8, 0, 0, 0, 1, 2, 0, 1}, 8);
    fill(port, frame, at + 8, at + 8 + data);
    fix_ip(frame);
    fix_payload(frame, 2048);
    return at + 8 + data;
}

/* Fragments of one datagram to us or through us, one at each call. */
static uint32_t fragment(unsigned port, uint8_t *frame, uint32_t dst)
{
    static struct {
        uint32_t at, end, dst, src, id, size;
    } part[TRAFFIC_PORTS];

    if (part[port].at >= part[port].end) {
        part[port].at = 0;
        part[port].size = 8 + 8 * traffic_below(180);
        part[port].end = part[port].size * (2 + traffic_below(3));
        part[port].dst = dst;
        part[port].src = host_of(port);
        part[port].id = ++datagrams;
    }
    uint32_t at = part[port].at, n = part[port].size, options = 4 * traffic_below(2);
    uint32_t start = header(port, frame, part[port].src, part[port].dst, 17, options, n);
    bool is_last = at + n >= part[port].end;

    fill(port, frame, start, start + n);
    if (at == 0) {
        put16(frame + start, 20000);
        put16(frame + start + 2, 7);
        put16(frame + start + 4, part[port].end);
        put16(frame + start + 6, 0);
    }
    put16(frame + 14 + 4, part[port].id & 0xFFFF);
    put16(frame + 14 + 6, at / 8 | (is_last ? 0 : 0x2000));
    part[port].at += n;
    fix_ip(frame);
    return start + n;
}

static uint32_t arp(unsigned port, uint8_t *frame)
{
    uint8_t mac[6];
    uint32_t host = host_of(port);
    bool is_request = traffic_below(2);

    host_mac(port, host, mac);
    (void)make_arp(frame, is_request ? 1 : 2,
                   is_request ? ALL_MAC : (const char *)traffic_macs[port], (const char *)mac, host,
                   is_request ? "\0\0\0\0\0" : (const char *)traffic_macs[port], ips[port]);
    memcpy(frame + 6, mac, 6);
    return 60;
}

/* A priority, and no VLAN, or VLAN 7, in which app=route has an address, or another. */
static uint32_t tag(uint8_t *frame, uint32_t length)
{
    static const uint16_t tags[] = {0x6000, 7, 0xE007, 9};

    memmove(frame + 16, frame + 12, length - 12);
    put16(frame + 12, 0x8100);
    put16(frame + 14, tags[traffic_below(sizeof(tags) / sizeof(tags[0]))]);
    return length + 4;
}

static uint32_t options_bytes(void)
{
    return traffic_below(2) ? 0 : 4 * traffic_below(11);
}

/* Payload bytes: mostly few, else up to what a frame holds. */
static uint32_t data_bytes(uint32_t options)
{
    uint32_t most = 1514 - 42 - options;

    switch (traffic_below(4)) {
    case 0:
        return traffic_below(60);
    case 1:
        return most - traffic_below(3);
    default:
        return traffic_below(most);
    }
}

/* A generator's frame (net/trial/probe.h), as another machine would send it: flow after flow, in
 * order but for a few. */
static uint32_t probe(unsigned port, uint8_t *frame)
{
    static uint32_t made[TRAFFIC_PORTS];
    uint32_t n = made[port]++, number = n / 4 - (traffic_below(8) == 0 ? traffic_below(4) : 0);
    uint32_t length = traffic_below(2) ? 60 : 60 + traffic_below(1455);

    (void)header(port, frame, host_of(port), ips[port], 17, 0, length - 34);
    put16(frame + 34, 0xC000 + n % 4);
    put16(frame + 36, 9);
    put16(frame + 38, length - 34);
    memcpy(frame + 42, "FERL\1\0\0\x20", 8);
    memcpy(frame + 50, (const uint8_t[]){(uint8_t)number, (uint8_t)(number >> 8), 0, 0}, 4);
    fix_ip(frame);
    fix_payload(frame, 2048);
    return length;
}

static uint32_t somewhere(unsigned port)
{
    static const uint32_t nets[] = {IP(10, 0, 9, 9),    IP(10, 1, 0, 9),      IP(10, 2, 0, 9),
                                    IP(10, 2, 0, 9),    IP(10, 2, 7, 7),      IP(10, 3, 0, 9),
                                    IP(10, 4, 4, 9),    IP(10, 5, 0, 9),      IP(10, 6, 0, 9),
                                    IP(172, 16, 0, 1),  IP(198, 51, 100, 10), IP(203, 0, 113, 10),
                                    IP(203, 0, 113, 1), IP(10, 7, 0, 10)};

    if (traffic_is_for != TRAFFIC_ROUTE && traffic_below(4) != 0)
        return ips[port];
    return nets[traffic_below(sizeof(nets) / sizeof(nets[0]))];
}

uint32_t traffic_make(unsigned port, uint8_t *frame)
{
    static const uint16_t services[] = {7, 7, 9, 862, 33434, 1};
    uint32_t options = options_bytes(), data = data_bytes(options), length;

    memset(frame, 0, 2048);
    if (traffic_is_for == TRAFFIC_MEASURE && traffic_below(2))
        return probe(port, frame);
    switch (traffic_below(16)) {
    case 0:
        length = arp(port, frame);
        break;
    case 1:
        length = ping(port, frame, ips[port], options, data);
        break;
    case 2:
        length = fragment(port, frame, ips[port]);
        break;
    case 3:
        length = fragment(port, frame, somewhere(port));
        break;
    case 4:
    case 5:
    case 6:
        length = datagram(port, frame, ips[port],
                          services[traffic_below(sizeof(services) / sizeof(services[0]))], options,
                          data);
        break;
    case 7: /* no headers that we know */
        length = 60 + traffic_below(1455);
        fill(port, frame, 0, length);
        memcpy(frame, traffic_macs[port], 6);
        frame[6] = 2;
        break;
    case 8:
        length = datagram(port, frame, somewhere(port), 7, options, data);
        length = length > 1510 ? length : tag(frame, length);
        break;
    case 9:
    case 10:
    case 11: /* to fragments, by the port of the small MTU */
        length =
            datagram(port, frame, traffic_is_for == TRAFFIC_ROUTE ? IP(10, 2, 0, 9) : ips[port], 7,
                     options, 600 + traffic_below(830));
        frame[20] = 0;
        fix_ip(frame);
        break;
    default:
        length = datagram(port, frame, somewhere(port), 7, options, data);
        break;
    }
    return length < 60 ? 60 : length;
}

uint32_t traffic_make_plain(unsigned port, uint8_t *frame, bool is_forwarded)
{
    uint32_t length;

    memset(frame, 0, 2048);
    do
        length = datagram(port, frame,
                          is_forwarded ? port == 0 ? IP(10, 0, 9, 9) : IP(10, 6, 0, 9) : ips[port],
                          7, 0, 100);
    while (frame[22] == 1);
    return length;
}

void traffic_answer_arp(unsigned port, const uint8_t *frame, uint32_t length)
{
    uint32_t ip = get32(frame + 38), host = ip & 0xFF;
    uint8_t mac[6];

    if (length < 60 || get16(frame + 12) != 0x0806 || get16(frame + 20) != 1 ||
        ((ip ^ ips[port]) >> 8) != 0 || (host != 10 && host != 20) ||
        replies_n == sizeof(replies) / sizeof(replies[0]))
        return;
    host_mac(port, ip, mac);
    replies[replies_n].port = port;
    (void)make_arp(replies[replies_n].bytes, 2, (const char *)frame + 6, (const char *)mac, ip,
                   (const char *)frame + 22, get32(frame + 28));
    memcpy(replies[replies_n++].bytes + 6, mac, 6);
}

const uint8_t *traffic_next_reply(unsigned *port, uint32_t *length)
{
    if (replies_n == 0)
        return NULL;
    *port = replies[--replies_n].port;
    *length = 60;
    return replies[replies_n].bytes;
}
