/* SPDX-License-Identifier: BSD-2-Clause
 * ARP (RFC 826, RFC 5227): packets, and the neighbours of one port in a table of fixed size.
 *
 * An entry is created only by a look-up of ours, and its MAC address is set only by a reply to a
 * pending request. Unsolicited packets create and change no entry; they can only cause a new
 * request. So another host can fill the table or redirect an entry only by answering a pending
 * request in the place of its owner.
 *
 * An entry in use is requested again when it is a minute old: first from its MAC address alone (RFC
 * 1122 section 2.3.2.1, unicast poll), then by broadcast. While that is not answered, the MAC
 * address is kept for ten minutes after the neighbour's last sign of life, and requested again
 * every 12 s: lost replies do not stop traffic. Pure; time is passed in as nanoseconds.
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

#define ARP_ENTRIES        64u /* of a cache's own; half of them may await a first reply */
#define ARP_TRIES          3u  /* requests before we give up */
#define ARP_FIRST_WAIT     1000000000ull  /* after the first request; doubles with each */
#define ARP_FRESH_NS       60000000000ull /* a look-up of an older entry requests it again ... */
#define ARP_KEPT_NS        600000000000ull /* ... and so long after its last sign of life it is kept */
#define ARP_HOLD_OFF_NS    5000000000ull  /* no new request after a round that failed */
#define ARP_RECHECK_GAP_NS 10000000000ull /* least time between checks caused by other hosts */

enum arp_state {
    ARP_FREE,
    ARP_ASKING, /* no MAC address yet */
    ARP_KNOWN,
    ARP_KEPT, /* did not answer when it was requested again: the known MAC address is still used */
    ARP_FAILED, /* did not answer, no MAC address */
};

struct arp_entry {
    uint32_t ip;
    uint8_t mac[6];
    uint8_t state;       /* enum arp_state */
    uint8_t tries;       /* requests sent in the current round */
    uint16_t link;       /* of the hash chain */
    bool is_refreshing;  /* has a MAC address, and a request is pending */
    bool is_direct;      /* the first request of that round goes to the known MAC address alone */
    uint64_t next_ns;    /* ASKING, refreshing: next request. KEPT, FAILED: end of the hold-off */
    uint64_t known_ns;   /* time of the last reply */
    uint64_t alive_ns;   /* of the last reply or other frame from this IP and MAC address */
    uint64_t used_ns;    /* time of the last look-up */
    uint64_t recheck_ns; /* when another host last caused a check */
};

/* All zeroes: empty. */
struct arp_cache {
    struct arp_entry own[ARP_ENTRIES];
    uint16_t own_heads[ARP_ENTRIES]; /* hash chains */
    struct arp_entry *more;          /* used instead of these, see arp_extend; NULL: not */
    uint32_t more_n;
    uint32_t used, asking;      /* entries used so far; of them, those that await a first reply */
    uint32_t at;                /* arp_due: the next entry to look at */
    uint64_t due_ns, least_ns;  /* no request is due before due_ns; the same, of a pass not ended */
    uint32_t changes;           /* counts changes of a state or MAC address */
    uint32_t answered_ip;       /* of the last reply to a request */
    uint64_t requests, replies; /* sent for the table; replies to them */
    uint64_t unsolicited;       /* other replies; they changed nothing */
    uint64_t full;              /* look-ups that found no free entry */
};

/* Make the cache empty; the table stays. Give it a larger table: n entries (up to 65,534) in zeroed
 * memory of arp_bytes(n). */
void arp_clear(struct arp_cache *cache);
size_t arp_bytes(uint32_t n);
void arp_extend(struct arp_cache *cache, void *memory, uint32_t n);

/* Entry i of those in use; NULL past the last. */
const struct arp_entry *arp_entry(const struct arp_cache *cache, uint32_t i);

/* Look up the MAC address of a neighbour. Returns true with *mac filled in (*state: ARP_KNOWN or
 * ARP_KEPT), or false: ARP_ASKING (arp_due then returns the request to send), ARP_FAILED, or
 * ARP_FREE if there is no room for another neighbour. */
bool arp_lookup(struct arp_cache *cache, uint32_t ip, uint64_t now_ns, uint8_t *mac,
                enum arp_state *state);

/* Is a request due? Returns true with its address in *ip, and in eth_dst to whom to send it, and
 * counts it as sent. Call until false. */
bool arp_due(struct arp_cache *cache, uint64_t now_ns, uint32_t *ip, uint8_t *eth_dst);

/* Handle a reply. Returns true if it answers a pending request. */
bool arp_answer(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

/* A frame to us came from this IP and MAC address: if that is what the entry has, it lives. */
void arp_confirm(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

/* Handle an unsolicited claim that ip is at mac: as arp_confirm, and if the entry differs, request
 * the address again. */
void arp_claim(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

#endif
