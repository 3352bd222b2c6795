/* SPDX-License-Identifier: BSD-2-Clause
 * ARP (RFC 826, RFC 5227): packets, and the neighbours of one port in a table of fixed size.
 *
 * An entry is created only by a look-up of ours, and its MAC address is set only by a reply to a
 * pending request. Unsolicited packets create and change no entry; they can only cause a new
 * request. So another host can fill the table or redirect an entry only by answering a pending
 * request in the place of its owner. Pure; time is passed in as nanoseconds.
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

/* Parse the packet of `bytes` bytes at p. Returns false if it is too short, not for Ethernet and
 * IPv4, has another operation, or an invalid sender (a group or zero MAC address; an IP address of
 * no host, except 0, which is a probe). */
bool arp_parse(const uint8_t *p, uint32_t bytes, struct arp_packet *packet);

/* Write a whole frame to eth_dst. Returns its length. */
uint32_t arp_build(uint8_t *frame, const uint8_t *eth_dst, const struct arp_packet *packet);

/* ---- Neighbours ---- */

#define ARP_ENTRIES        64u
#define ARP_ASKING_MAX     32u             /* of them, entries that await a first reply */
#define ARP_TRIES          3u              /* requests before we give up */
#define ARP_FIRST_WAIT     1000000000ull   /* after the first request; doubles with each */
#define ARP_FRESH_NS       60000000000ull  /* a look-up of an older entry requests it again ... */
#define ARP_KEPT_NS        600000000000ull /* ... and beyond this age is not used until the reply */
#define ARP_HOLD_OFF_NS    5000000000ull   /* no new request after one that failed */
#define ARP_RECHECK_GAP_NS 10000000000ull  /* least time between checks caused by other hosts */

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
    uint8_t tries;       /* requests sent in the current round */
    bool is_refreshing;  /* ARP_KNOWN, and a request is pending */
    uint64_t next_ns;    /* ASKING, refreshing: next request. FAILED: end of the hold-off */
    uint64_t known_ns;   /* time of the last reply */
    uint64_t used_ns;    /* time of the last look-up */
    uint64_t recheck_ns; /* when another host last caused a check */
};

struct arp_cache {
    struct arp_entry entries[ARP_ENTRIES];
    uint64_t requests, replies; /* sent for the table; replies to them */
    uint64_t unsolicited;       /* other replies; they changed nothing */
    uint64_t full;              /* look-ups that found no free entry */
};

/* Look up the MAC address of a neighbour. Returns true with *mac filled in, or false if it is not
 * known yet (arp_due then returns the request to send) or has not answered (*has_failed). */
bool arp_lookup(struct arp_cache *cache, uint32_t ip, uint64_t now_ns, uint8_t *mac,
                bool *has_failed);

/* Is a request due? Returns true with its address in *ip and counts it as sent. Call until false.
 */
bool arp_due(struct arp_cache *cache, uint64_t now_ns, uint32_t *ip);

/* Handle a reply. Returns true if it answers a pending request. */
bool arp_answer(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

/* Handle an unsolicited claim that ip is at mac: if the entry differs, request the address again.
 */
void arp_recheck(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

#endif
