/* SPDX-License-Identifier: BSD-2-Clause
 * ARP (RFC 826, RFC 5227): packets, and the neighbours of one port in a table of fixed size.
 *
 * An entry is created only by a look-up of ours, and its MAC address is set only by a reply to a
 * pending request. Unsolicited packets create and change no entry; they can only cause a new
 * request. So another host can fill the table or redirect an entry only by answering a pending
 * request in the place of its owner. A static entry is the operator's, and no packet concerns it.
 *
 * An entry in use is requested again when it is a minute old: first from its MAC address alone (RFC
 * 1122 section 2.3.2.1, unicast poll), then by broadcast. While that is not answered, the MAC
 * address is kept for ten minutes after the neighbour's last sign of life, and requested again
 * every 12 s: lost replies do not stop traffic.
 *
 * Each function takes a bounded time, however many entries there are. Entries are found by a hash.
 * Each entry in use is in one list of those of equal worth, in the order in which they give way to a
 * new one; and in one list of those that wait equally long for their next request, in the order of
 * their times. Pure; time is passed in as nanoseconds.
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

#define ARP_ENTRIES     64u             /* of a cache's own */
#define ARP_TRIES       3u              /* requests before we give up */
#define ARP_FIRST_WAIT  1000000000ull   /* after the first request; doubles with each */
#define ARP_FRESH_NS    60000000000ull  /* a look-up of an older entry requests it again ... */
#define ARP_KEPT_NS     600000000000ull /* ... and so long after its last sign of life it is kept */
#define ARP_HOLD_OFF_NS 5000000000ull   /* no new request after a round that failed */
/* Other hosts can have an entry checked so often in so long a time. Then it is checked once more, so
 * long after the claim that came too early. */
#define ARP_CHECKS   4u
#define ARP_CHECK_NS 10000000000ull

enum arp_state {
    ARP_FREE,
    ARP_ASKING, /* no MAC address yet */
    ARP_KNOWN,
    ARP_KEPT, /* did not answer when it was requested again: the known MAC address is still used */
    ARP_FAILED, /* did not answer, no MAC address */
    ARP_STATIC, /* set by the operator; never requested, changed or replaced */
};

/* Entries by what becomes of them when room is needed (static ones never give way), and by what they
 * wait for. */
enum arp_order {
    ARP_ORDER_FREE,
    ARP_ORDER_FAILED,
    ARP_ORDER_KNOWN,
    ARP_ORDER_ASKING,
    ARP_ORDER_STATIC,
    ARP_ORDERS,
};
enum arp_timer {
    ARP_TIMER_NOW,                                /* the first request of a round */
    ARP_TIMER_SENT,                               /* the answer to request 1, 2, ... */
    ARP_TIMER_DOUBT = ARP_TIMER_SENT + ARP_TRIES, /* a check that may not be made yet */
    ARP_TIMERS,
    ARP_TIMER_NONE = ARP_TIMERS,
};

/* Numbers of entries plus 1; 0: none. */
struct arp_ends {
    uint16_t first, last;
};
struct arp_links {
    uint16_t before, after;
};

struct arp_entry {
    uint32_t ip;
    uint8_t mac[6];
    uint8_t state;      /* enum arp_state */
    uint8_t tries;      /* requests sent in the current round */
    uint8_t timer;      /* enum arp_timer; NONE: not in such a list */
    uint8_t checks;     /* caused by other hosts since checks_ns */
    bool is_refreshing; /* has a MAC address, and a request is pending */
    bool is_direct;     /* the first request of that round goes to the known MAC address alone */
    uint16_t chain;     /* the next in its hash chain */
    struct arp_links in_order, in_timer;
    uint64_t next_ns;  /* in a timer's list: when it is due. KEPT, FAILED: end of the hold-off */
    uint64_t known_ns; /* time of the last reply */
    uint64_t alive_ns; /* of the last reply or other frame from this IP and MAC address */
    uint64_t checks_ns;
};

/* All zeroes: empty. */
struct arp_cache {
    struct arp_entry own[ARP_ENTRIES];
    uint16_t own_heads[ARP_ENTRIES]; /* hash chains */
    struct arp_entry *more;          /* used instead of these, see arp_extend; NULL: not */
    uint32_t more_n;
    uint32_t factor; /* of the hash, odd; 0: a constant one */
    struct arp_ends orders[ARP_ORDERS], timers[ARP_TIMERS];
    uint32_t used; /* entries used so far, of which some may be free again */
    uint32_t n, asking,
        fixed;            /* neighbours; of them, those that await a first reply; static ones */
    uint32_t changes;     /* counts changes of a state or MAC address */
    uint32_t answered_ip; /* of the last reply to a request */
    uint64_t requests, replies; /* sent for the table; replies to them */
    uint64_t unsolicited;       /* other replies; they changed nothing */
    uint64_t replaced;          /* entries that gave way before they were answered or had failed */
    /* Called by arp_due when a look-up fails; NULL: not. It may look it up. */
    void (*on_failed)(void *context, uint32_t ip, uint64_t now_ns);
    void *context;
};

/* Make the cache empty but for static entries; the table stays. */
void arp_clear(struct arp_cache *cache);
/* Forget up to `most` neighbours that ARP has found or asks for: of those known, of those asked for
 * and of those that failed the oldest first. Returns how many; 0: there are none. About 100
 * instructions for each. */
uint32_t arp_forget(struct arp_cache *cache, uint32_t most);

/* Give it a larger table, which keeps static entries only: n entries (up to 65,534) in zeroed memory
 * of arp_bytes(n). The hash is by `factor`: with a random one, a stranger who has chosen the
 * addresses cannot make its chains long. */
size_t arp_bytes(uint32_t n);
void arp_extend(struct arp_cache *cache, void *memory, uint32_t n, uint32_t factor);

/* Entry i of those used so far, which may be ARP_FREE; NULL past the last. */
const struct arp_entry *arp_entry(const struct arp_cache *cache, uint32_t i);

/* Enter a static neighbour, or change its MAC address. False: half the table is static. */
bool arp_set(struct arp_cache *cache, uint32_t ip, const uint8_t *mac) MUST_CHECK;
/* Forget a neighbour, static or not. False: there is none. */
bool arp_remove(struct arp_cache *cache, uint32_t ip);
/* The static neighbour after this one, in the order in which they were set; after NULL the first. NULL:
 * there are no more. */
const struct arp_entry *arp_next_static(const struct arp_cache *cache,
                                        const struct arp_entry *after);

/* Look up the MAC address of a neighbour. Returns true with *mac filled in (*state: ARP_KNOWN,
 * ARP_KEPT or ARP_STATIC), or false: ARP_ASKING (arp_due then returns the request to send) or
 * ARP_FAILED. A new neighbour always gets an entry: in a full table those that failed give way first;
 * then the oldest request for a first reply, if such requests have half of the table; else the known
 * neighbour whose last look-up is the longest ago. */
bool arp_lookup(struct arp_cache *cache, uint32_t ip, uint64_t now_ns, uint8_t *mac,
                enum arp_state *state);

/* Is a request due? Returns true with its address in *ip, and in eth_dst to whom to send it, and
 * counts it as sent. Call until false; a few times a second, until arp_is_due is false. */
bool arp_due(struct arp_cache *cache, uint64_t now_ns, uint32_t *ip, uint8_t *eth_dst);
/* Has arp_due something to do? It ends at most ARP_ENDS rounds of requests at a time. */
bool arp_is_due(const struct arp_cache *cache, uint64_t now_ns);
#define ARP_ENDS 4u

/* Handle a reply. Returns true if it answers a pending request. */
bool arp_answer(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

/* A frame to us came from this IP and MAC address: if that is what the entry has, it lives. */
void arp_confirm(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

/* Handle an unsolicited claim that ip is at mac: as arp_confirm, and if the entry differs, request
 * the address again: at once, or, if that was done ARP_CHECKS times in the last ARP_CHECK_NS, so much
 * later. */
void arp_claim(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns);

#endif
