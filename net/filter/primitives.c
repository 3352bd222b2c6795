/* SPDX-License-Identifier: BSD-2-Clause
 * What each primitive of a filter expression checks. The order of loads is libpcap's, because a
 * load beyond the end of a frame ends the program without a match. See code.h.
 */
#include "net/filter/code.h"
#include "net/filter/opcode.h"

enum {
    TYPE_IP = 0x0800,
    TYPE_ARP = 0x0806,
    TYPE_RARP = 0x8035,
    TYPE_IP6 = 0x86DD,
    TYPE_MPLS = 0x8847,
    TYPE_PPPOES = 0x8864,
    LENGTH_MAX = 1500, /* a type field up to this is the length of an 802.3 frame */
    SAP_IP = 0x06,
    SAP_SNAP = 0xAA,
    NEXT_FRAGMENT = 44, /* IPv6's fragment header */
};

#define FRAGMENT_OFFSET 0x1FFFu

static struct test compare(struct code *code, uint32_t at, unsigned size, uint32_t value)
{
    filter_step(code, LD | ABS | size, at);
    return filter_jump(code, JEQ, value);
}

static struct test masked(struct code *code, uint32_t at, unsigned size, uint32_t value,
                          uint32_t mask)
{
    filter_step(code, LD | ABS | size, at);
    if (mask != UINT32_MAX)
        filter_step(code, ALU | AND, mask);
    return filter_jump(code, JEQ, value);
}

/* The start of the network header. */
static uint32_t network(const struct code *code)
{
    return code->payload + code->network;
}

/* --- link --- */

/* An 802.3 frame: what follows has a length field in front. */
static struct test has_length(struct code *code)
{
    filter_step(code, LD | ABS | HALF, code->type);
    return filter_not(filter_jump(code, JGT, LENGTH_MAX));
}

static struct test snap(struct code *code, uint32_t organization, uint32_t type)
{
    struct test low = compare(code, code->payload + 4, 0, organization << 16 | type);

    filter_here(code, low.yes);
    return filter_and(
        code, low,
        compare(code, code->payload, 0,
                (uint32_t)SAP_SNAP << 24 | SAP_SNAP << 16 | 3u << 8 | organization >> 16));
}

/* IPX has four encapsulations: by EtherType, by its access point, without any, and by SNAP. */
static struct test ipx(struct code *code, uint32_t type)
{
    struct test ethernet = compare(code, code->type, HALF, 0x8137);

    filter_here(code, ethernet.no);
    struct test length = has_length(code);
    filter_here(code, length.yes);
    struct test found = snap(code, 0, 0x8137);
    filter_here(code, found.no);
    struct test point = compare(code, code->payload, BYTE, type);
    filter_here(code, point.no);
    found =
        filter_or(code, found, filter_or(code, point, compare(code, code->payload, HALF, 0xFFFF)));
    return filter_or(code, ethernet, filter_and(code, length, found));
}

/* AppleTalk and its ARP: by EtherType, or by SNAP. */
static struct test apple(struct code *code, uint32_t type)
{
    struct test ethernet = compare(code, code->type, HALF, type);

    filter_here(code, ethernet.no);
    struct test length = has_length(code);
    filter_here(code, length.yes);
    struct test found = snap(code, type == 0x809B ? 0x080007 : 0, type);
    return filter_or(code, ethernet, filter_and(code, length, found));
}

/* The protocol field of PPP for an EtherType. */
static uint32_t ppp_type(uint32_t type)
{
    switch (type) {
    case TYPE_IP:
        return 0x21;
    case TYPE_IP6:
        return 0x57;
    case TYPE_MPLS:
        return 0x281;
    case 0x6003: /* DECnet */
        return 0x27;
    case 0x809B: /* AppleTalk */
        return 0x29;
    case 0xFE: /* OSI */
        return 0x23;
    case 0x42: /* spanning tree */
        return 0x31;
    case 0xE0: /* IPX */
        return 0x2B;
    default:
        return type;
    }
}

/* Behind MPLS labels there is no type: the last label's mark, then the version of IP. */
static struct test behind_labels(struct code *code, uint32_t type)
{
    if (type != TYPE_IP && type != TYPE_IP6)
        filter_wrong(code, "behind mpls only ip and ip6 can be told apart");
    struct test last = masked(code, network(code) - 2, BYTE, 1, 1);
    filter_here(code, last.yes);
    return filter_and(code, last,
                      masked(code, network(code), BYTE, type == TYPE_IP ? 0x40 : 0x60, 0xF0));
}

struct test filter_link_type(struct code *code, uint32_t type)
{
    if (code->labels)
        return behind_labels(code, type);
    if (code->is_ppp)
        return compare(code, code->type, HALF, ppp_type(type));
    if (type == 0xE0)
        return ipx(code, type);
    if (type == 0x809B || type == 0x80F3)
        return apple(code, type);
    if (type > LENGTH_MAX)
        return compare(code, code->type, HALF, type);
    struct test length = has_length(code);
    filter_here(code, length.yes);
    bool is_both = type == 0xFE || type == SAP_IP || type == 0xF0; /* both points are checked */
    return filter_and(code, length,
                      is_both ? compare(code, code->payload, HALF, type << 8 | type)
                              : compare(code, code->type + 2, BYTE, type));
}

static struct test mac_at(struct code *code, uint32_t at, const uint8_t mac[6])
{
    struct test low =
        compare(code, code->link + at + 2, 0,
                (uint32_t)mac[2] << 24 | (uint32_t)mac[3] << 16 | mac[4] << 8 | mac[5]);

    filter_here(code, low.yes);
    return filter_and(code, low,
                      compare(code, code->link + at, HALF, (uint32_t)mac[0] << 8 | mac[1]));
}

struct test filter_mac(struct code *code, enum filter_direction direction, const uint8_t mac[6])
{
    if (code->is_ppp)
        filter_wrong(code, "behind pppoes there are no Ethernet addresses");
    struct test from = {0};
    if (direction != TO)
        from = mac_at(code, 6, mac);
    if (direction == FROM)
        return from;
    filter_here(code, direction == BOTH ? from.yes : from.no);
    struct test to = mac_at(code, 0, mac);
    return direction == TO     ? to
           : direction == BOTH ? filter_and(code, from, to)
                               : filter_or(code, from, to);
}

/* --- IP --- */

/* protocol[9] of IPv4. */
static struct test over_ip(struct code *code, uint32_t n)
{
    struct test ip = filter_link_type(code, TYPE_IP);

    filter_here(code, ip.yes);
    return filter_and(code, ip, compare(code, network(code) + 9, BYTE, n));
}

/* The next header of IPv6, also behind a fragment header. */
static struct test over_ip6(struct code *code, uint32_t n)
{
    struct test ip = filter_link_type(code, TYPE_IP6);

    filter_here(code, ip.yes);
    struct test first = filter_next_header(code, n);
    filter_here(code, first.no);
    struct test fragment = filter_next_header(code, NEXT_FRAGMENT);
    filter_here(code, fragment.yes);
    fragment = filter_and(code, fragment, compare(code, network(code) + 40, BYTE, n));
    return filter_and(code, ip, filter_or(code, first, fragment));
}

struct test filter_next_header(struct code *code, uint32_t n)
{
    return compare(code, network(code) + 6, BYTE, n);
}

struct test filter_first_fragment(struct code *code)
{
    filter_step(code, LD | ABS | HALF, network(code) + 6);
    return filter_not(filter_jump(code, JSET, FRAGMENT_OFFSET));
}

static struct test over_both(struct code *code, uint32_t n)
{
    struct test ip = over_ip(code, n);

    filter_here(code, ip.no);
    return filter_or(code, ip, over_ip6(code, n));
}

struct test filter_proto(struct code *code, const struct filter_protocol *protocol, uint32_t n)
{
    if (!protocol)
        return over_both(code, n);
    if (protocol->layer == FILTER_LINK)
        return filter_link_type(code, n);
    if (protocol->layer == FILTER_TYPE && protocol->number == TYPE_IP)
        return over_ip(code, n);
    if (protocol->layer == FILTER_TYPE && protocol->number == TYPE_IP6)
        return over_ip6(code, n);
    filter_wrong(code, "proto may follow ether, ip or ip6, not %s", protocol->name);
    return (struct test){0};
}

struct test filter_protocol_test(struct code *code, const struct filter_protocol *protocol)
{
    switch (protocol->layer) {
    case FILTER_TYPE:
    case FILTER_LLC:
        return filter_link_type(code, protocol->number);
    case FILTER_IPV4:
        return over_ip(code, protocol->number);
    case FILTER_IPV6:
        return over_ip6(code, protocol->number);
    case FILTER_IP_ANY:
        return over_both(code, protocol->number);
    default:
        filter_wrong(code, "%s needs host, proto, broadcast, multicast or [...] behind it",
                     protocol->name);
        return (struct test){0};
    }
}

/* `all` is the condition under which there is an address at one or both of two places. */
static struct test addresses(struct code *code, struct test all, enum filter_direction direction,
                             uint32_t from_at, uint32_t to_at, uint32_t address, uint32_t mask)
{
    struct test from = {0};

    filter_here(code, all.yes);
    if (direction != TO)
        from = masked(code, network(code) + from_at, 0, address, mask);
    if (direction == FROM)
        return filter_and(code, all, from);
    filter_here(code, direction == BOTH ? from.yes : from.no);
    struct test to = masked(code, network(code) + to_at, 0, address, mask);
    if (direction == BOTH)
        to = filter_and(code, from, to);
    else if (direction == ANY_DIRECTION)
        to = filter_or(code, from, to);
    return filter_and(code, all, to);
}

struct test filter_net(struct code *code, const struct filter_protocol *protocol,
                       enum filter_direction direction, uint32_t address, uint32_t mask)
{
    if (protocol && (protocol->layer != FILTER_TYPE ||
                     (protocol->number != TYPE_IP && protocol->number != TYPE_ARP &&
                      protocol->number != TYPE_RARP)))
        filter_wrong(code, "an IPv4 address may follow ip, arp or rarp, not %s", protocol->name);
    bool is_ip = protocol && protocol->number == TYPE_IP;
    if (protocol)
        return addresses(code, filter_link_type(code, protocol->number), direction, is_ip ? 12 : 14,
                         is_ip ? 16 : 24, address, mask);
    struct test found =
        addresses(code, filter_link_type(code, TYPE_IP), direction, 12, 16, address, mask);
    if (code->labels)
        return found;
    filter_here(code, found.no);
    struct test arp = filter_link_type(code, TYPE_ARP);
    filter_here(code, arp.no);
    arp = filter_or(code, arp, filter_link_type(code, TYPE_RARP));
    return filter_or(code, found, addresses(code, arp, direction, 14, 24, address, mask));
}

static struct test address6(struct code *code, uint32_t at, const uint8_t address[16],
                            unsigned bits)
{
    struct test all = {0};

    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *p = address + 4 * i;
        unsigned left = bits > 32 * i ? MIN(bits - 32 * i, 32u) : 0;
        uint32_t mask = left == 0 ? 0 : UINT32_MAX << (32 - left);
        struct test word =
            masked(code, network(code) + at + 4 * i, 0,
                   (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | p[2] << 8 | p[3], mask);
        all = i == 0 ? word : filter_and(code, all, word);
        if (i < 3)
            filter_here(code, all.yes);
    }
    return all;
}

struct test filter_net6(struct code *code, const struct filter_protocol *protocol,
                        enum filter_direction direction, const uint8_t address[16], unsigned bits)
{
    if (protocol && (protocol->layer != FILTER_TYPE || protocol->number != TYPE_IP6))
        filter_wrong(code, "an IPv6 address may follow ip6, not %s", protocol->name);
    struct test all = filter_link_type(code, TYPE_IP6), from = {0};
    filter_here(code, all.yes);
    if (direction != TO)
        from = address6(code, 8, address, bits);
    if (direction == FROM)
        return filter_and(code, all, from);
    filter_here(code, direction == BOTH ? from.yes : from.no);
    struct test to = address6(code, 24, address, bits);
    if (direction == BOTH)
        to = filter_and(code, from, to);
    else if (direction == ANY_DIRECTION)
        to = filter_or(code, from, to);
    return filter_and(code, all, to);
}

/* --- ports --- */

/* Load a port: of IPv4 behind a header whose length X has, or of IPv6 without extension headers. */
static struct test port_at(struct code *code, bool is_ip6, uint32_t at, uint32_t least,
                           uint32_t most)
{
    if (is_ip6)
        filter_step(code, LD | ABS | HALF, network(code) + 40 + at);
    else
        filter_step(code, LD | IND | HALF, network(code) + at);
    if (least == most)
        return filter_jump(code, JEQ, least);
    struct test all = filter_jump(code, JGE, least);
    filter_here(code, all.yes);
    return filter_and(code, all, filter_not(filter_jump(code, JGT, most)));
}

static struct test ports_of(struct code *code, bool is_ip6, uint32_t protocol,
                            enum filter_direction direction, uint32_t least, uint32_t most)
{
    struct test all = filter_link_type(code, is_ip6 ? TYPE_IP6 : TYPE_IP), from = {0};

    filter_here(code, all.yes);
    filter_step(code, LD | ABS | BYTE, network(code) + (is_ip6 ? 6 : 9));
    if (protocol) {
        all = filter_and(code, all, filter_jump(code, JEQ, protocol));
    } else {
        struct test any = filter_jump(code, JEQ, 132);
        filter_here(code, any.no);
        any = filter_or(code, any, filter_jump(code, JEQ, 6));
        filter_here(code, any.no);
        all = filter_and(code, all, filter_or(code, any, filter_jump(code, JEQ, 17)));
    }
    filter_here(code, all.yes);
    if (!is_ip6) {
        all = filter_and(code, all, filter_first_fragment(code));
        filter_here(code, all.yes);
        filter_step(code, LDX | BYTE | MSH, network(code));
    }
    if (direction != TO)
        from = port_at(code, is_ip6, 0, least, most);
    if (direction == FROM)
        return filter_and(code, all, from);
    filter_here(code, direction == BOTH ? from.yes : from.no);
    struct test to = port_at(code, is_ip6, 2, least, most);
    if (direction == BOTH)
        to = filter_and(code, from, to);
    else if (direction == ANY_DIRECTION)
        to = filter_or(code, from, to);
    return filter_and(code, all, to);
}

struct test filter_ports(struct code *code, uint32_t protocol, enum filter_direction direction,
                         uint32_t least, uint32_t most)
{
    struct test ip6 = ports_of(code, true, protocol, direction, MIN(least, most), MAX(least, most));

    filter_here(code, ip6.no);
    return filter_or(
        code, ip6, ports_of(code, false, protocol, direction, MIN(least, most), MAX(least, most)));
}

/* --- the rest --- */

struct test filter_broadcast(struct code *code, const struct filter_protocol *protocol)
{
    static const uint8_t all_ones[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

    if (protocol && protocol->layer != FILTER_LINK)
        filter_wrong(code, "%s broadcast: the subnet's mask is not known here", protocol->name);
    return filter_mac(code, TO, all_ones);
}

struct test filter_multicast(struct code *code, const struct filter_protocol *protocol)
{
    if (!protocol || protocol->layer == FILTER_LINK) {
        if (code->is_ppp)
            filter_wrong(code, "behind pppoes there are no Ethernet addresses");
        filter_step(code, LD | ABS | BYTE, code->link);
        return filter_jump(code, JSET, 1);
    }
    bool is_ip = protocol->layer == FILTER_TYPE && protocol->number == TYPE_IP;
    if (!is_ip && !(protocol->layer == FILTER_TYPE && protocol->number == TYPE_IP6))
        filter_wrong(code, "multicast may follow ether, ip or ip6, not %s", protocol->name);
    struct test type = filter_link_type(code, protocol->number);
    filter_here(code, type.yes);
    filter_step(code, LD | ABS | BYTE, network(code) + (is_ip ? 16 : 24));
    return filter_and(code, type,
                      is_ip ? filter_jump(code, JGE, 224) : filter_jump(code, JEQ, 255));
}

struct test filter_vlan(struct code *code, const uint32_t *number)
{
    if (code->labels || code->is_ppp)
        filter_wrong(code, "no vlan behind %s", code->labels ? "mpls" : "pppoes");
    if (number && *number > 4095)
        filter_wrong(code, "vlan %u: at most 4095", *number);
    struct test tag = filter_link_type(code, 0x8100);
    filter_here(code, tag.no);
    tag = filter_or(code, tag, filter_link_type(code, 0x88A8));
    filter_here(code, tag.no);
    tag = filter_or(code, tag, filter_link_type(code, 0x9100));
    if (number) {
        filter_here(code, tag.yes);
        tag = filter_and(code, tag, masked(code, network(code), HALF, *number, 0x0FFF));
    }
    code->payload += 4;
    code->type += 4;
    return tag;
}

struct test filter_mpls(struct code *code, const uint32_t *label)
{
    /* Below another label: that one is not the last. */
    struct test found = code->labels ? masked(code, network(code) - 2, BYTE, 0, 1)
                                     : filter_link_type(code, TYPE_MPLS);

    if (label && *label > 0xFFFFF)
        filter_wrong(code, "mpls %u: at most 1048575", *label);
    if (label) {
        filter_here(code, found.yes);
        found = filter_and(code, found, masked(code, network(code), 0, *label << 12, 0xFFFFF000));
    }
    code->network += 4;
    code->labels++;
    return found;
}

struct test filter_pppoes(struct code *code, const uint32_t *session)
{
    struct test found = filter_link_type(code, TYPE_PPPOES);

    if (session && *session > UINT16_MAX)
        filter_wrong(code, "pppoes %u: at most 65535", *session);
    if (session) {
        filter_here(code, found.yes);
        found = filter_and(code, found, masked(code, network(code), 0, *session, 0xFFFF));
    }
    code->link = code->type = network(code) + 6;
    code->payload = code->link + 2;
    code->network = 0;
    code->is_ppp = true;
    return found;
}

struct test filter_byte(struct code *code, uint32_t at, unsigned op, uint32_t value)
{
    filter_step(code, LD | ABS | BYTE, code->link + at);
    if (op == '=')
        return filter_jump(code, JEQ, value);
    if (op == '>')
        return filter_jump(code, JGT, value);
    if (op != '<')
        filter_wrong(code, "byte N may be followed by <, > or =; write ether[N] for more");
    return filter_not(filter_jump(code, JGE, value));
}

uint32_t filter_begin(const struct code *code, const struct filter_protocol *protocol,
                      bool *is_behind_ipv4)
{
    *is_behind_ipv4 = protocol->layer == FILTER_IPV4 || protocol->layer == FILTER_IP_ANY;
    if (protocol->layer == FILTER_LINK)
        return code->link;
    return network(code) + (protocol->layer == FILTER_IPV6 ? 40 : 0);
}
