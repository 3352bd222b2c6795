/* SPDX-License-Identifier: BSD-2-Clause
 * The words of a filter expression, as pcap-filter(7) has them: the longest match wins, as in
 * libpcap. Pure.
 */
#ifndef NET_FILTER_WORDS_H
#define NET_FILTER_WORDS_H

#include "arch/types.h"

enum filter_kind {
    FW_END,
    FW_WRONG,  /* no word begins with this character, or a number that is too large */
    FW_NUMBER, /* `value` */
    FW_NAME,   /* any other word; one after a backslash is always a name */
    FW_IPV4,   /* two to four numbers with dots: `value`, left-justified, of `bits` */
    FW_IPV6,   /* `bytes`, 16 of them */
    FW_MAC,    /* `bytes`, 6 of them */
    FW_SIGN,   /* `value`: one of + - * / % & | ^ ( ) [ ] : < > = !, or a FILTER_ sign */
    FW_AND,
    FW_OR,
    FW_PROTOCOL, /* `value`: an index of filter_protocols */
    FW_SRC,
    FW_DST,
    FW_HOST,
    FW_NET,
    FW_MASK,
    FW_PORT,
    FW_PORTRANGE,
    FW_PROTO,
    FW_LESS,
    FW_GREATER,
    FW_BYTE,
    FW_BROADCAST,
    FW_MULTICAST,
    FW_LEN,
    FW_VLAN,
    FW_MPLS,
    FW_PPPOED,
    FW_PPPOES,
    FW_UNSUPPORTED, /* a word of pcap-filter(7) that is not for Ethernet, or not built here */
};

/* Signs of two characters. */
enum { FILTER_LSH = 256, FILTER_RSH, FILTER_GE, FILTER_LE, FILTER_NE };

/* How a protocol is recognized. */
enum filter_layer {
    FILTER_LINK,  /* the Ethernet header itself */
    FILTER_TYPE,  /* by its EtherType */
    FILTER_LLC,   /* by its service access point */
    FILTER_IPV4,  /* by its protocol number, over IPv4 alone */
    FILTER_IPV6,  /* by its next header, over IPv6 alone */
    FILTER_IP_ANY /* over both */
};

struct filter_protocol {
    const char *name;
    enum filter_layer layer;
    uint16_t number;
    bool has_bytes; /* name[...] may be asked for */
};
extern const struct filter_protocol filter_protocols[];

struct filter_word {
    enum filter_kind kind;
    const char *at; /* its text, of n bytes, in the expression */
    size_t n;
    uint32_t value;
    unsigned bits;
    uint8_t bytes[16];
};

/* Read the word that begins at `at`, after blanks. The text ends with a zero byte. */
struct filter_word filter_word(const char *at);

/* The number of an IP protocol (`ip proto`), of an EtherType or access point (`ether proto`), or
 * of a port; false: the name is not known. *protocol: 0, or the only IP protocol with such a port. */
bool filter_ip_number(const struct filter_word *word, uint32_t *number);
bool filter_ether_number(const struct filter_word *word, uint32_t *number);
bool filter_port_number(const char *name, size_t n, uint32_t *port, uint32_t *protocol);

#endif
