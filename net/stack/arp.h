/* SPDX-License-Identifier: BSD-2-Clause
 * ARP (RFC 826, RFC 5227): packets, and the neighbours of one port in a table of fixed size.
 *
 * An entry is made only when we look an address up, and gets its MAC address only from a reply to a
 * request of ours that is under way; what others say unasked makes and changes nothing, it can only
 * cause us to ask again. So nobody fills the table or redirects an entry from outside but by
 * answering, while we ask, in the place of another. Pure; time comes in as nanoseconds.
 */
#ifndef NET_STACK_ARP_H
#define NET_STACK_ARP_H

#include "arch/types.h"

#define ARP_BYTES   28u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u

struct arp_packet {
    uint16_t op; /* ARP_REQUEST or ARP_REPLY */
    uint8_t sender_mac[6], target_mac[6];
    uint32_t sender_ip, target_ip;
};

/* Read the packet at p, of which `bytes` are there. False: cut short, not Ethernet and IPv4,
 * another operation, or a sender that no host can be (a group's MAC address or zero; an IP address
 * of no host, unless 0, which asks for the sender). */
bool arp_parse(const uint8_t *p, uint32_t bytes, struct arp_packet *packet);

/* Write a whole frame to eth_dst; its length. */
uint32_t arp_build(uint8_t *frame, const uint8_t *eth_dst, const struct arp_packet *packet);

/* ---- Neighbours ---- */

#define ARP_ENTRIES      64u
#define ARP_ASKING_MAX   32u             /* entries of them that wait for a first reply */
#define ARP_TRIES        3u              /* requests before we give up */
#define ARP_FIRST_WAIT   1000000000ull   /* after the first request; doubles with each */
#define ARP_FRESH_NS     60000000000ull  /* used after this age, an entry is asked for again ... */
#define ARP_KEPT_NS      600000000000ull /* ... and after this one it is not used meanwhile */
#define ARP_HOLD_OFF_NS  5000000000ull   /* an address that did not answer is not asked for again */
#define ARP_DOUBT_GAP_NS 10000000000ull  /* least time between two checks that others caused */

enum arp_state {
    ARP_FREE,
    ARP_ASKING, /* no MAC address yet */
    ARP_KNOWN,
    ARP_FAILED, /* did not answer */
};

struct arp_entry {
    uint32_t ip;
    uint8_t mac[6];
    uint8_t state;       /* enum arp_state */
    uint8_t tries;       /* requests sent in the present round */
    bool is_asked_again; /* ARP_KNOWN, and requests are under way */
    uint64_t next_ns;    /* ASKING, asked again: next request. FAILED: end of the hold-off */
    uint64_t known_ns;   /* when the last reply came */
    uint64_t used_ns;    /* when it was last looked up */
    uint64_t doubt_ns;   /* when somebody else last caused a check */
};

struct arp_cache {
    struct arp_entry entries[ARP_ENTRIES];
    uint64_t requests, replies; /* sent by us because of the table; replies that were asked for */
    uint64_t unasked;           /* replies that were not, and changed nothing */
    uint64_t full;              /* look-ups that found no room */
};

/* The MAC address of a neighbour. True: *mac is filled in. False: not known yet (arp_due will say
 * what to send) or not to be had; *has_failed tells which. */
bool arp_lookup(struct arp_cache *cache, uint32_t ip, uint64_t now_ns, uint8_t *mac,
                bool *has_failed);

/* Is a request to be sent now? True: one for *ip, and it counts as sent. Call until false. */
bool arp_due(struct arp_cache *cache, uint64_t now_ns, uint32_t *ip);

/* A reply came in: true if it was asked for and taken. */
bool arp_answer(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

/* Somebody said, unasked, that ip is at mac. If the table says otherwise, ask again. */
void arp_doubt(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

#endif
