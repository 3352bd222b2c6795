/* SPDX-License-Identifier: BSD-2-Clause
 * The words of a filter expression. See words.h.
 */
#include "net/filter/words.h"

#include "kernel/lib/str.h"

const struct filter_protocol filter_protocols[] = {
    /* clang-format off */
    {"ether", FILTER_LINK,   0,      true},
    {"link",  FILTER_LINK,   0,      true},
    {"ip",    FILTER_TYPE,   0x0800, true},
    {"arp",   FILTER_TYPE,   0x0806, true},
    {"rarp",  FILTER_TYPE,   0x8035, true},
    {"ip6",   FILTER_TYPE,   0x86DD, true},
    {"atalk", FILTER_TYPE,   0x809B, true},
    {"aarp",  FILTER_TYPE,   0x80F3, false},
    {"decnet", FILTER_TYPE,  0x6003, true},
    {"sca",   FILTER_TYPE,   0x6007, true},
    {"lat",   FILTER_TYPE,   0x6004, true},
    {"mopdl", FILTER_TYPE,   0x6001, true},
    {"moprc", FILTER_TYPE,   0x6002, true},
    {"iso",   FILTER_LLC,    0xFE,   false},
    {"stp",   FILTER_LLC,    0x42,   false},
    {"ipx",   FILTER_LLC,    0xE0,   false},
    {"netbeui", FILTER_LLC,  0xF0,   false},
    {"icmp",  FILTER_IPV4,   1,      true},
    {"igmp",  FILTER_IPV4,   2,      true},
    {"igrp",  FILTER_IPV4,   9,      true},
    {"vrrp",  FILTER_IPV4,   112,    true},
    {"carp",  FILTER_IPV4,   112,    true},
    {"icmp6", FILTER_IPV6,   58,     true},
    {"tcp",   FILTER_IP_ANY, 6,      true},
    {"udp",   FILTER_IP_ANY, 17,     true},
    {"sctp",  FILTER_IP_ANY, 132,    true},
    {"pim",   FILTER_IP_ANY, 103,    true},
    {"ah",    FILTER_IP_ANY, 51,     false},
    {"esp",   FILTER_IP_ANY, 50,     false},
    /* clang-format on */
};

/* A name and what it stands for. */
struct pair {
    const char *name;
    uint32_t value;
};

static const struct pair keywords[] = {
    {"and", FW_AND},
    {"or", FW_OR},
    {"src", FW_SRC},
    {"dst", FW_DST},
    {"host", FW_HOST},
    {"net", FW_NET},
    {"mask", FW_MASK},
    {"port", FW_PORT},
    {"portrange", FW_PORTRANGE},
    {"proto", FW_PROTO},
    {"less", FW_LESS},
    {"greater", FW_GREATER},
    {"byte", FW_BYTE},
    {"broadcast", FW_BROADCAST},
    {"multicast", FW_MULTICAST},
    {"len", FW_LEN},
    {"length", FW_LEN},
    {"vlan", FW_VLAN},
    {"mpls", FW_MPLS},
    {"pppoed", FW_PPPOED},
    {"pppoes", FW_PPPOES},
};

/* Reserved in libpcap, so they cannot be names either. */
static const char *const unsupported[] = {
    "protochain", "gateway", "geneve",     "inbound", "outbound", "ifindex", "llc",     "type",
    "subtype",    "dir",     "direction",  "on",      "ifname",   "rset",    "ruleset", "rnr",
    "rulenum",    "srnr",    "subrulenum", "reason",  "action",   "esis",    "es-is",   "isis",
    "is-is",      "clnp",    "radio",      "fddi",    "tr",       "wlan",    "ppp",     "slip",
};

/* Words that stand for a number. */
static const struct pair constants[] = {
    {"icmptype", 0},
    {"icmpcode", 1},
    {"icmp-echoreply", 0},
    {"icmp-unreach", 3},
    {"icmp-sourcequench", 4},
    {"icmp-redirect", 5},
    {"icmp-echo", 8},
    {"icmp-routeradvert", 9},
    {"icmp-routersolicit", 10},
    {"icmp-timxceed", 11},
    {"icmp-paramprob", 12},
    {"icmp-tstamp", 13},
    {"icmp-tstampreply", 14},
    {"icmp-ireq", 15},
    {"icmp-ireqreply", 16},
    {"icmp-maskreq", 17},
    {"icmp-maskreply", 18},
    {"icmp6type", 0},
    {"icmp6code", 1},
    {"icmp6-destinationunreach", 1},
    {"icmp6-packettoobig", 2},
    {"icmp6-timeexceeded", 3},
    {"icmp6-parameterproblem", 4},
    {"icmp6-echo", 128},
    {"icmp6-echoreply", 129},
    {"icmp6-multicastlistenerquery", 130},
    {"icmp6-multicastlistenerreportv1", 131},
    {"icmp6-multicastlistenerdone", 132},
    {"icmp6-routersolicit", 133},
    {"icmp6-routeradvert", 134},
    {"icmp6-neighborsolicit", 135},
    {"icmp6-neighboradvert", 136},
    {"icmp6-redirect", 137},
    {"icmp6-routerrenum", 138},
    {"icmp6-nodeinformationquery", 139},
    {"icmp6-nodeinformationresponse", 140},
    {"icmp6-ineighbordiscoverysolicit", 141},
    {"icmp6-ineighbordiscoveryadvert", 142},
    {"icmp6-multicastlistenerreportv2", 143},
    {"icmp6-homeagentdiscoveryrequest", 144},
    {"icmp6-homeagentdiscoveryreply", 145},
    {"icmp6-mobileprefixsolicit", 146},
    {"icmp6-mobileprefixadvert", 147},
    {"icmp6-certpathsolicit", 148},
    {"icmp6-certpathadvert", 149},
    {"icmp6-multicastrouteradvert", 151},
    {"icmp6-multicastroutersolicit", 152},
    {"icmp6-multicastrouterterm", 153},
    {"tcpflags", 13},
    {"tcp-fin", 0x01},
    {"tcp-syn", 0x02},
    {"tcp-rst", 0x04},
    {"tcp-push", 0x08},
    {"tcp-ack", 0x10},
    {"tcp-urg", 0x20},
    {"tcp-ece", 0x40},
    {"tcp-cwr", 0x80},
};

/* Protocols of IP beside filter_protocols. */
static const struct pair ip_numbers[] = {
    {"ip", 0},    {"ipencap", 4}, {"egp", 8},        {"dccp", 33}, {"ipv6", 41},  {"ipv6-frag", 44},
    {"rsvp", 46}, {"gre", 47},    {"ipv6-icmp", 58}, {"ospf", 89}, {"l2tp", 115}, {"udplite", 136},
};

/* A few names of ports; with IP protocol << 16 if only that one has it. */
static const struct pair ports[] = {
    {"echo", 7},
    {"discard", 9},
    {"ftp", 6 << 16 | 21},
    {"ssh", 6 << 16 | 22},
    {"telnet", 6 << 16 | 23},
    {"smtp", 6 << 16 | 25},
    {"domain", 53},
    {"bootps", 17 << 16 | 67},
    {"bootpc", 17 << 16 | 68},
    {"tftp", 17 << 16 | 69},
    {"http", 6 << 16 | 80},
    {"ntp", 17 << 16 | 123},
    {"snmp", 161},
    {"bgp", 6 << 16 | 179},
    {"syslog", 17 << 16 | 514},
};

static bool is_word(const char *name, const char *at, size_t n)
{
    return name[0] == at[0] && strnlen(name, n + 1) == n && memcmp(name, at, n) == 0;
}

static const struct pair *find(const struct pair *pairs, size_t count, const char *at, size_t n)
{
    for (size_t i = 0; i < count; i++)
        if (is_word(pairs[i].name, at, n))
            return &pairs[i];
    return NULL;
}

static const struct filter_protocol *find_protocol(const char *at, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(filter_protocols); i++)
        if (is_word(filter_protocols[i].name, at, n))
            return &filter_protocols[i];
    return NULL;
}

static bool has(const char *at, size_t n, char c)
{
    for (size_t i = 0; i < n; i++)
        if (at[i] == c)
            return true;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit; 16: it is none. */
static unsigned hex(char c)
{
    return is_digit(c)                          ? (unsigned)(c - '0')
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a' + 10)
                                                : 16;
}

static bool is_alnum(char c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Read a number as C writes it: decimal, 0x and hexadecimal, or 0 and octal. All n bytes are
 * digits of it, or it is none. False: it is none, or above `max`. */
static bool number(const char *at, size_t n, uint32_t max, uint32_t *value)
{
    bool is_hex = n > 2 && at[0] == '0' && (at[1] | 32) == 'x';
    unsigned base = is_hex ? 16 : n > 1 && at[0] == '0' ? 8 : 10;
    uint64_t sum = 0;

    for (size_t i = is_hex ? 2 : 0; i < n; i++) {
        if (hex(at[i]) >= base)
            return false;
        sum = sum * base + hex(at[i]);
        if (sum > max)
            return false;
    }
    *value = (uint32_t)sum;
    return n > 0;
}

/* Two to four decimal numbers with dots between; as libpcap, 10.1 is 10.1.0.0 of 16 bits. */
static bool ipv4(const char *at, size_t n, uint32_t *value, unsigned *bits)
{
    uint32_t sum = 0;
    unsigned parts = 0;

    for (size_t i = 0; parts < 4; i++) {
        uint32_t part = 0;
        size_t first = i;
        for (; i < n && is_digit(at[i]) && part <= 255; i++)
            part = part * 10 + (uint32_t)(at[i] - '0');
        if (i == first || part > 255 || (i < n && at[i] != '.'))
            return false;
        sum = sum << 8 | part;
        parts++;
        if (i >= n) {
            *bits = 8 * parts;
            *value = sum << (32 - *bits);
            return parts > 1;
        }
    }
    return false;
}

/* Six groups of one or two digits with the same sign between, three of four digits with dots, or
 * twelve digits. */
static bool mac(const char *at, size_t n, uint8_t bytes[16])
{
    unsigned parts = 0;
    size_t i = 0;

    while (i < n && hex(at[i]) < 16)
        i++;
    const char sign = i < n ? at[i] : 0;
    const unsigned most = sign == '.' && i == 4 ? 4 : 2;
    if (sign && sign != ':' && sign != '-' && sign != '.')
        return false;
    for (i = 0; parts < 6;) {
        unsigned sum = 0, digits = 0;
        for (; i < n && digits < most && hex(at[i]) < 16; i++, digits++)
            sum = sum << 4 | hex(at[i]);
        if (digits == 0 || ((most == 4 || !sign) && digits != most))
            return false;
        if (most == 4)
            bytes[parts++] = (uint8_t)(sum >> 8);
        bytes[parts++] = (uint8_t)sum;
        if (i == n)
            return parts == 6;
        if (sign && at[i++] != sign)
            return false;
    }
    return false;
}

/* Groups of up to four digits with colons between; one :: stands for groups of zeroes; the last
 * two may be an IPv4 address. */
static bool ipv6(const char *at, size_t n, uint8_t bytes[16])
{
    uint8_t found[16] = {0};
    unsigned used = 0, gap = 17;
    size_t i = 0;

    if (n >= 2 && at[0] == ':' && at[1] == ':') {
        gap = 0;
        i = 2;
    }
    while (i < n) {
        size_t first = i;
        uint32_t group = 0, address;
        unsigned bits;
        for (; i < n && hex(at[i]) < 16 && i - first < 4; i++)
            group = group << 4 | hex(at[i]);
        if (i == first)
            return false;
        if (i < n && at[i] == '.') {
            if (used > 12 || !ipv4(at + first, n - first, &address, &bits) || bits != 32)
                return false;
            for (unsigned k = 0; k < 4; k++)
                found[used++] = (uint8_t)(address >> (24 - 8 * k));
            break;
        }
        if (used > 14)
            return false;
        found[used++] = (uint8_t)(group >> 8);
        found[used++] = (uint8_t)group;
        if (i == n)
            break;
        if (at[i] != ':' || ++i == n) /* a single colon at the end */
            return false;
        if (at[i] == ':') {
            if (gap <= 16)
                return false;
            gap = used;
            i++;
        }
    }
    if (gap > 16 ? used != 16 : used > 14)
        return false;
    memset(bytes, 0, 16);
    gap = MIN(gap, used);
    memcpy(bytes, found, gap);
    memcpy(bytes + 16 - (used - gap), found + gap, used - gap);
    return true;
}

/* The longest MAC or IPv6 address with a colon at `at`; 0: none. */
static size_t with_colons(const char *at, struct filter_word *word)
{
    size_t n = 0;

    while (n < 46 && (hex(at[n]) < 16 || at[n] == ':' || at[n] == '.'))
        n++;
    for (; n > 1 && has(at, n, ':'); n--) {
        word->kind = mac(at, n, word->bytes) ? FW_MAC : FW_IPV6;
        if (word->kind == FW_MAC || ipv6(at, n, word->bytes))
            return n;
    }
    word->kind = FW_END;
    return 0;
}

static void classify(struct filter_word *word)
{
    const char *at = word->at;
    size_t n = word->n;
    const struct pair *pair;
    const struct filter_protocol *protocol;

    if ((pair = find(keywords, ARRAY_SIZE(keywords), at, n))) {
        word->kind = (enum filter_kind)pair->value;
    } else if (is_word("not", at, n)) {
        word->kind = FW_SIGN;
        word->value = '!';
    } else if ((protocol = find_protocol(at, n))) {
        word->kind = FW_PROTOCOL;
        word->value = (uint32_t)(protocol - filter_protocols);
    } else if ((pair = find(constants, ARRAY_SIZE(constants), at, n))) {
        word->kind = FW_NUMBER;
        word->value = pair->value;
    } else if (mac(at, n, word->bytes)) {
        word->kind = FW_MAC;
    } else if (number(at, n, UINT32_MAX, &word->value)) {
        word->kind = FW_NUMBER;
    } else if (ipv4(at, n, &word->value, &word->bits)) {
        word->kind = FW_IPV4;
    } else {
        word->kind = FW_NAME;
        for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
            if (is_word(unsupported[i], at, n))
                word->kind = FW_UNSUPPORTED;
    }
}

static bool is_in(char c, const char *set)
{
    return c && has(set, strnlen(set, 32), c);
}

static void sign(struct filter_word *word)
{
    static const struct {
        char text[2];
        enum filter_kind kind;
        uint32_t value;
    } pairs[] = {{"&&", FW_AND, 0},           {"||", FW_OR, 0},
                 {">=", FW_SIGN, FILTER_GE},  {"<=", FW_SIGN, FILTER_LE},
                 {"!=", FW_SIGN, FILTER_NE},  {"==", FW_SIGN, '='},
                 {"<<", FW_SIGN, FILTER_LSH}, {">>", FW_SIGN, FILTER_RSH}};

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        if (word->at[0] == pairs[i].text[0] && word->at[1] == pairs[i].text[1]) {
            word->kind = pairs[i].kind;
            word->value = pairs[i].value;
            word->n = 2;
            return;
        }
    word->n = 1;
    word->value = (uint8_t)word->at[0];
    word->kind = is_in(word->at[0], "+-*/%:[]!<>()&|^=") ? FW_SIGN : FW_WRONG;
}

struct filter_word filter_word(const char *at)
{
    struct filter_word word = {.kind = FW_END};

    while (is_in(*at, " \t\r\n"))
        at++;
    word.at = at;
    if (*at == 0)
        return word;
    if (*at == '\\') {
        word.at = ++at;
        while (at[word.n] && !is_in(at[word.n], " !()\n\t"))
            word.n++;
        word.kind = word.n ? FW_NAME : FW_WRONG;
        return word;
    }
    word.n = with_colons(at, &word);
    if (word.n)
        return word;
    if (!is_alnum(*at)) {
        sign(&word);
        return word;
    }
    while (is_alnum(at[word.n]) || is_in(at[word.n], "-_."))
        word.n++;
    while (at[word.n - 1] == '-' || at[word.n - 1] == '_')
        word.n--; /* a name ends with a letter, a digit or a dot */
    classify(&word);
    return word;
}

bool filter_ip_number(const struct filter_word *word, uint32_t *number)
{
    const struct filter_protocol *protocol = find_protocol(word->at, word->n);
    const struct pair *pair = find(ip_numbers, ARRAY_SIZE(ip_numbers), word->at, word->n);

    if (pair)
        *number = pair->value;
    else if (protocol && protocol->layer >= FILTER_IPV4)
        *number = protocol->number;
    else
        return false;
    return true;
}

bool filter_ether_number(const struct filter_word *word, uint32_t *number)
{
    const struct filter_protocol *protocol = find_protocol(word->at, word->n);

    if (is_word("loopback", word->at, word->n))
        *number = 0x9000;
    else if (protocol && (protocol->layer == FILTER_TYPE || protocol->layer == FILTER_LLC))
        *number = protocol->number;
    else
        return false;
    return true;
}

bool filter_port_number(const char *name, size_t n, uint32_t *port, uint32_t *protocol)
{
    const struct pair *pair = find(ports, ARRAY_SIZE(ports), name, n);

    *protocol = 0;
    if (!pair) {
        /* A number; libpcap takes decimal ones alone here. */
        uint32_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            if (!is_digit(name[i]) || sum > UINT16_MAX)
                return false;
            sum = sum * 10 + (uint32_t)(name[i] - '0');
        }
        *port = sum;
        return n > 0 && sum <= UINT16_MAX;
    }
    *port = pair->value & UINT16_MAX;
    *protocol = pair->value >> 16;
    return true;
}
