/* SPDX-License-Identifier: BSD-2-Clause
 * Parsing of words, for the boot line and the console. Each function returns false, with *out
 * unchanged, unless the whole word is valid.
 */
#ifndef KERNEL_LIB_PARSE_H
#define KERNEL_LIB_PARSE_H

#include "arch/types.h"

struct ipv4_prefix {
    be32_t address; /* as written: host bits are kept */
    uint8_t bits;   /* 0..32 */
};

/* Decimal or 0x hexadecimal; a suffix k, m or g (either case) multiplies by 10^3, 10^6 or 10^9.
 * False if the value does not fit into 64 bits. */
bool parse_u64(const char *word, uint64_t *out);
/* "portN" or "portN.VLAN", N below 32, VLAN 1 to 4094; *vlan is 0 without one. */
bool parse_port(const char *word, unsigned *port, unsigned *vlan);
/* Four decimal numbers 0..255 between dots, without leading zeroes. */
bool parse_ipv4(const char *word, be32_t *out);
/* address/bits; without "/bits", bits is 32. */
bool parse_prefix(const char *word, struct ipv4_prefix *out);
/* 1 to PREFIXES_MAX prefixes with commas between them; *n: how many. out[] may change even if false. */
#define PREFIXES_MAX 16u
bool parse_prefixes(const char *word, struct ipv4_prefix out[PREFIXES_MAX], unsigned *n);
/* *out: the position of word in a list such as "halt|reboot|exit". */
bool parse_enum(const char *word, const char *words, unsigned *out);

/* Six bytes of two hexadecimal digits at most, between colons. */
bool parse_mac(const char *word, uint8_t mac[6]);
/* A neighbour: its IPv4 address, a comma, its MAC address. */
bool parse_neighbour(const char *word, be32_t *ip, uint8_t mac[6]);

/* A card, by its place on PCI (0000:03:00.0, or 03:00.0 on segment 0) or by its MAC address
 * (02:00:00:00:00:01), in hexadecimal. */
struct card_name {
    bool is_mac;
    uint8_t mac[6];
    uint16_t segment;
    uint8_t bus, device, function;
};
bool parse_card(const char *word, struct card_name *out);

/* The edit distance (Levenshtein) of a and b, of which the first 31 letters are compared. For "did
 * you mean". */
unsigned parse_distance(const char *a, const char *b);

#endif
