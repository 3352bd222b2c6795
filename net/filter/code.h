/* SPDX-License-Identifier: BSD-2-Clause
 * Filter code while it is made: steps whose jumps still lack targets, and what each primitive of
 * an expression checks. Steps are added in the order in which they run. Pure.
 *
 * A `struct test` is a condition that has been coded: two lists of jumps, one taken if it holds,
 * one if not. filter_here gives all jumps of a list the next step as their target, so `a and b`
 * is: code a, filter_here(a.yes), code b; its own lists are b.yes, and a.no joined with b.no.
 */
#ifndef NET_FILTER_CODE_H
#define NET_FILTER_CODE_H

#include "net/filter/cbpf.h"
#include "net/filter/words.h"

struct test {
    uint16_t yes, no; /* 0: empty */
};

enum filter_direction { ANY_DIRECTION, FROM, TO, BOTH }; /* ANY: one of the two */

struct code {
    struct bpf_step step[BPF_STEPS_MAX];
    uint16_t target[BPF_STEPS_MAX]
                   [2];            /* of jumps, if true and if false; until known: next in list */
    uint16_t at[BPF_STEPS_MAX];    /* for filter_code_end: where each step goes */
    uint8_t far[BPF_STEPS_MAX][2]; /* and the jumps that need another one behind them */
    unsigned n;
    /* Where headers are; vlan, mpls and pppoes move them for all that follows, as in libpcap. */
    uint32_t link, type, payload, network; /* network: from payload */
    unsigned labels;                       /* of MPLS */
    bool is_ppp;
    char wrong[96]; /* the first thing that is wrong; "": nothing yet */
    /* Set by the owner: called with the estimated instructions of each part of the work; NULL: not. */
    void (*spend)(uint32_t instructions);
};

static inline void filter_spend(const struct code *code, uint32_t instructions)
{
    if (code->spend)
        code->spend(instructions);
}

void filter_code_begin(struct code *code);
/* End it: frames that reach a jump of `all.yes` match. Writes the program to *out and returns
 * true, or says in code->wrong what is wrong. */
bool filter_code_end(struct code *code, struct test all, struct bpf *out);

/* Note what is wrong, unless something is already. */
void filter_wrong(struct code *code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add a step that is no jump. */
void filter_step(struct code *code, unsigned op, uint32_t k);
/* Add a conditional jump. */
struct test filter_jump(struct code *code, unsigned op, uint32_t k);
/* Let all jumps of a list go to the next step. */
void filter_here(struct code *code, uint16_t list);
/* a was coded before b: with filter_here(a.yes) or (a.no) between the two. */
struct test filter_and(struct code *code, struct test a, struct test b);
struct test filter_or(struct code *code, struct test a, struct test b);
struct test filter_not(struct test a);

/* --- primitives; each notes in code->wrong what does not go together --- */

/* An EtherType above 1500, else a service access point of 802.2. */
struct test filter_link_type(struct code *code, uint32_t type);
/* A protocol by itself: `tcp`. */
struct test filter_protocol_test(struct code *code, const struct filter_protocol *protocol);
/* `proto N` below `protocol`; NULL: IPv4 or IPv6. */
struct test filter_proto(struct code *code, const struct filter_protocol *protocol, uint32_t n);
/* An IPv4 address under a mask, of IPv4, ARP or RARP; NULL: any of these. */
struct test filter_net(struct code *code, const struct filter_protocol *protocol,
                       enum filter_direction direction, uint32_t address, uint32_t mask);
struct test filter_net6(struct code *code, const struct filter_protocol *protocol,
                        enum filter_direction direction, const uint8_t address[16], unsigned bits);
struct test filter_mac(struct code *code, enum filter_direction direction, const uint8_t mac[6]);
/* A port from `least` to `most`. protocol: TCP, UDP or SCTP; 0: any of them. */
struct test filter_ports(struct code *code, uint32_t protocol, enum filter_direction direction,
                         uint32_t least, uint32_t most);
/* `protocol` NULL: of the link. */
struct test filter_broadcast(struct code *code, const struct filter_protocol *protocol);
struct test filter_multicast(struct code *code, const struct filter_protocol *protocol);
/* number NULL: any. */
struct test filter_vlan(struct code *code, const uint32_t *number);
struct test filter_mpls(struct code *code, const uint32_t *label);
struct test filter_pppoes(struct code *code, const uint32_t *session);
struct test filter_byte(struct code *code, uint32_t at, unsigned op, uint32_t value);

/* A first fragment, or a whole datagram, of IPv4. */
struct test filter_first_fragment(struct code *code);
/* The first next header of IPv6 is `n`. */
struct test filter_next_header(struct code *code, uint32_t n);

/* Where the bytes of protocol[...] begin: from the start of the frame, or, if *is_behind_ipv4, from
 * there plus the length of the IPv4 header. */
uint32_t filter_begin(const struct code *code, const struct filter_protocol *protocol,
                      bool *is_behind_ipv4);

#endif
