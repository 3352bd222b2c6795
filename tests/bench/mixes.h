/* SPDX-License-Identifier: BSD-2-Clause
 * The bench of mixes: for each application a list of kinds of frames that a network brings, from the
 * plainest one to those that must be dropped. Each is a row of `mixes` (mixes.c): it says how frames
 * are made (mix_frames.c) and what must become of each (mix_judge.c). bench_mix.c puts them through
 * our loops, bench_dpdk_mix.c through DPDK's driver; nothing here depends on either.
 */
#ifndef TESTS_BENCH_MIXES_H
#define TESTS_BENCH_MIXES_H

#include <stdbool.h>
#include <stdint.h>

enum { MIX_PORTS_MAX = 4, MIX_BYTES_MIN = 60, MIX_BYTES_MAX = 1518, MIX_BURST_MAX = 32 };

enum mix_app { MIX_FORWARD, MIX_ECHO, MIX_ROUTE };
enum mix_kind {
    MIX_ORDINARY, /* what hosts send all the time: its price must be that of the best row */
    MIX_SPARSE,   /* the same in smaller bursts, over which a round's fixed cost is divided */
    MIX_RARE,     /* answered or forwarded, but seldom met */
    MIX_DROPPED,  /* not answered; the row names the drop */
    MIX_IDLE,     /* no frames at all */
};
enum mix_what {
    MIX_UDP,      /* a datagram: to the echo service, or through the router */
    MIX_ECHO_UDP, /* a datagram to the echo service of the router itself */
    MIX_PING,     /* an echo request to the port's own address */
    MIX_ARP,      /* a request for the port's own address */
    MIX_CAPTURES, /* the frames of tests/data/pcap, one after the other, addressed to the port */
};

/* A row. Of pairs least, most: a number drawn for each frame; 0, 0: the usual one. */
struct mix {
    const char *name; /* the application's, a slash, the row's */
    enum mix_app app;
    enum mix_kind kind;
    enum mix_what what;
    unsigned ports;                     /* 0: 2 */
    unsigned burst;                     /* frames of each port a round; 0: 32 */
    uint16_t bytes_least, bytes_most;   /* of a frame without tag; 60 */
    bool is_imix;                       /* 7 of 60, 4 of 590 and 1 of 1,514 bytes */
    bool is_padded;                     /* frames of 60 bytes around shorter datagrams */
    uint8_t ttl_least, ttl_most;        /* 64 */
    bool any_service;                   /* else 0 */
    bool any_id;                        /* identification and DF; else 0 and DF */
    uint16_t source_least, source_most; /* UDP's source port; 4000 */
    uint16_t target_port;               /* UDP's; 7 */
    uint32_t target_ip;                 /* for the echo: else the port's own address */
    bool has_no_sum;                    /* UDP checksum 0 */
    uint16_t tag;                       /* of a VLAN tag, priority included; 0: untagged */
    unsigned options_bytes;             /* of IPv4 options, no-operations; a multiple of 4 */
    bool is_fragmented;                 /* each datagram in two fragments */
    unsigned routes, targets;           /* route's table, and destinations: 100,000, 65,536 */
    unsigned hairpin_percent;           /* of routed frames: leave by the port they came in by */
    bool any_output;                    /* the others leave by any other port; else the partner */
    const char *drop; /* for MIX_DROPPED: the name in net/drops.h that each must be counted as */
    bool is_consumed; /* for MIX_DROPPED: delivered to this machine and not answered */
    const char *boot_line; /* more for our boot line; NULL: nothing */
    bool has_capture;      /* the console's capture runs, with a filter that no frame matches */
    bool has_dpdk;         /* DPDK's side has a handler for it */
    bool is_quick;         /* measured by make bench-quick */
};
extern const struct mix mixes[];
extern const unsigned mixes_n;
const struct mix *mix_find(const char *name); /* NULL: unknown */
const char *mix_app_name(const struct mix *m);
const char *mix_kind_name(const struct mix *m);

/* ---- Set-up, before the first frame ---- */

extern const struct mix *mix;             /* the row that runs */
extern uint8_t mix_mac[MIX_PORTS_MAX][6]; /* of the ports */
static inline unsigned mix_ports(void)
{
    return mix->ports ? mix->ports : 2;
}
static inline unsigned mix_burst(void)
{
    return mix->burst ? mix->burst : MIX_BURST_MAX;
}
/* The address and net (24 bits) of a port. */
uint32_t mix_port_ip(unsigned port);
/* For route: the address and MAC address of a port's gateway, 0..BENCH_GATEWAYS - 1. */
uint32_t mix_gateway_ip(unsigned port, unsigned gateway);
void mix_gateway_mac(unsigned port, unsigned gateway, uint8_t mac[6]);
/* Make what the row needs: for route, bench_routes, bench_fib and the targets; captures are read. Ends
 * the program with a message on failure. */
void mix_prepare(const struct mix *row);

/* ---- Frames (mix_frames.c) ---- */

/* Frame number i of all, k of its port, and the output that must follow from it. */
struct mix_frame {
    unsigned port;
    uint64_t i, k;
    uint8_t bytes[MIX_BYTES_MAX + 2];
    uint32_t length;
    bool is_sent;    /* an output must follow */
    unsigned output; /* by this port */
    uint8_t sent[MIX_BYTES_MAX + 2];
    uint32_t sent_length;
    unsigned flow; /* below MIX_FLOWS: of one flow, outputs keep the order */
};
enum { MIX_FLOWS = 1024 };
void mix_make(struct mix_frame *f);

/* A port's partner. */
static inline unsigned mix_partner(unsigned port)
{
    return port ^ 1;
}

/* ---- The judge (mix_judge.c) ---- */

/* False: two frames of one sender by the same two ports may come out in another order, if their
 * destinations differ. */
extern bool mix_checks_order;
/* Make the next input frame for this port and note what must follow. Returns its length. */
uint32_t mix_next(unsigned port, uint8_t bytes[MIX_BYTES_MAX]);
/* Judge a frame that this port sent. */
void mix_sent(unsigned port, const uint8_t *bytes, uint32_t length);
/* The numbers of input frames, of outputs judged right, and of ICMP errors sent. */
uint64_t mix_fed(void), mix_right(void), mix_errors(void);
/* At the end: returns NULL, or the fault: frames lost, duplicated, reordered or with wrong contents. */
const char *mix_wrong(void);

#endif
