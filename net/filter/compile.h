/* SPDX-License-Identifier: BSD-2-Clause
 * Filter expressions of pcap-filter(7) compiled to classic BPF, for Ethernet: a frame matches the
 * program if, and only if, it matches what libpcap compiles from the same expression. Not built,
 * and refused by their names: protochain, gateway, geneve, inbound, outbound, ifindex, llc, names
 * of hosts and nets, and the words for other links than Ethernet. Pure.
 */
#ifndef NET_FILTER_COMPILE_H
#define NET_FILTER_COMPILE_H

#include "net/filter/code.h"

#define FILTER_DEPTH_MAX 16u /* of parentheses and nots within each other */
#define FILTER_TERMS_MAX 64u /* of arithmetic in one comparison */

/* One number, length, load or operation of arithmetic. */
struct term {
    enum { TERM_NUMBER, TERM_LENGTH, TERM_LOAD, TERM_OPERATION, TERM_NEGATION } kind;
    unsigned op;                            /* OPERATION: of ALU */
    unsigned left, right;                   /* terms; LOAD: `left` is the index */
    unsigned size;                          /* LOAD: of LD */
    const struct filter_protocol *protocol; /* LOAD */
    uint32_t value;                         /* NUMBER */
    bool is_result;                         /* NUMBER: calculated, not written */
};

/* What the compiler needs besides its stack; 20 KiB, so the caller owns it. */
struct filter_work {
    struct code code;
    struct term term[FILTER_TERMS_MAX];
    unsigned terms;
    struct filter_word word;
};

/* Compile a text without line breaks that ends with a zero byte. Returns NULL, or what is wrong
 * with it, in work. An empty text matches every frame. */
const char *filter_compile(struct filter_work *work, const char *text, struct bpf *out);

#endif
