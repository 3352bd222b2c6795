/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port: its addresses, its neighbours, and one way in for frames, netif_input,
 * which answers in place. What the stack sends of itself comes out of netif_poll. Nothing here
 * waits, allocates or keeps a frame. Addresses are numbers in the CPU's order. Pure; one core.
 */
#ifndef NET_STACK_NETIF_H
#define NET_STACK_NETIF_H

#include "arch/types.h"
#include "net/drops.h"
#include "net/stack/arp.h"
#include "net/stack/icmp.h"
#include "net/stack/reass.h"
#include "net/stack/udp.h"

#define NETIF_BINDINGS        8u
/* RFC 5227 section 1.1. */
#define NETIF_PROBES          3u
#define NETIF_PROBE_GAP_NS    1000000000ull /* and up to a second more */
#define NETIF_ANNOUNCES       2u
#define NETIF_ANNOUNCE_GAP_NS 2000000000ull
#define NETIF_DEFEND_GAP_NS   10000000000ull
#define NETIF_REFUSED_NS      60000000000ull /* until an address that is in use is probed again */
#define NETIF_REDIRECTS       4u
#define NETIF_PING_DATA_MAX   1472u          /* 1514 less Ethernet, IP and ICMP headers */

struct netif_binding {
    uint16_t port; /* 0: free */
    udp_service *service;
    void *context;
};

/* What became of our last ping; see netif_ping. */
enum netif_ping_event {
    PING_NOTHING,
    PING_REPLY,
    PING_ERROR, /* an ICMP error about it, with type and code */
};

struct netif_pinger {
    bool is_on;
    uint32_t to;
    uint16_t id, sequence;
    enum netif_ping_event event; /* the owner sets it back to PING_NOTHING */
    uint64_t event_ns;           /* by netif->clock, or of the last poll */
    uint32_t from;
    uint32_t data_bytes; /* of a reply */
    uint8_t ttl, type, code;
    uint32_t extra; /* replies to us beyond the first to the present sequence number */
};

/* What a gateway has told us with an ICMP redirect: RFC 1122's route cache, of which all else is the
 * default. */
struct netif_redirect {
    uint32_t dst; /* 0: free */
    uint32_t gateway;
};

struct netif {
    uint8_t mac[6];
    uint8_t prefix;     /* 1..32 */
    bool is_configured; /* else it has no address, and takes nothing */
    uint16_t vlan;      /* 1..4094: frames carry this tag, and others are not ours. 0: none */
    uint32_t ip, mask;
    uint32_t gateways[2]; /* as configured; 0: none */
    bool uses_second;     /* of them, for the first did not answer */
    be32_t ip_wire;   /* ip as it stands in a frame */
    uint16_t next_ip_id;
    uint64_t now_ns;         /* of the last poll */
    uint64_t (*clock)(void); /* nanoseconds now; NULL: now_ns will do */
    /* Sends a frame that is no answer in place, by this port: it counts as generated. NULL: such
     * frames (ICMP errors) are not made. */
    void (*send)(void *context, const uint8_t *frame, uint32_t length);
    void *send_context;
    struct reass *reass; /* all zeroes at first. NULL, or no `send`: fragments are dropped */

    uint64_t answered; /* frames that went back changed; neither consumed nor dropped */
    uint64_t consumed;
    uint64_t drops[DROP_COUNT];

    struct arp_cache arp;
    struct netif_redirect redirects[NETIF_REDIRECTS];
    unsigned redirects_n; /* ever taken: the oldest gives way */
    bool probes_first; /* set by whoever configures it, where netif_poll is called */
    bool is_probing;   /* whether our address is free; we use it meanwhile, but for probes_first */
    bool is_refused;   /* another host has it: we are silent, and probe again later */
    unsigned probes_left, announces_left;
    uint64_t announce_ns;    /* when the next of either is due */
    uint64_t conflicts;      /* others that said our address is theirs */
    uint64_t defended_ns;    /* when we last answered one */
    uint8_t conflict_mac[6]; /* of the last */

    struct icmp_limit errors;

    struct netif_binding bindings[NETIF_BINDINGS];
    struct netif_pinger ping;
};

/* Give the port its addresses and forget all neighbours; counters and bindings stay, echo (7) and
 * discard (9) are bound the first time. gateways: the second is taken while the first does not answer
 * ARP; 0: none. NULL: done. Else what is wrong with the values, in a few words, and nothing has
 * changed. */
const char *netif_configure(struct netif *nif, const uint8_t *mac, uint32_t ip, unsigned prefix,
                            const uint32_t gateways[2]);

/* Handle one received frame of `length` bytes (any) in a buffer of ETH_BUFFER bytes. Returns the
 * length of the answer that now lies in its place and leaves by the same port (ETH_MIN..ETH_MAX and
 * a tag, or as long as the frame was), or 0: it is counted as consumed or as one drop, or it is a
 * fragment and held (FATE_KEPT) until its datagram is whole, when all its fragments are settled at
 * once. */
struct outcome netif_input(struct netif *nif, uint8_t *frame, uint32_t length);

/* The same for a frame that came by another port (a router's): what answers it leaves by that port's
 * `send_context` and from its MAC address. */
struct netif_face {
    void *send_context;
    uint8_t mac[6];
};
struct outcome netif_input_by(struct netif *nif, const struct netif_face *face, uint8_t *frame,
                              uint32_t length);

/* Send an ICMP error about the datagram of ip_bytes (its header whole, its addresses judged) behind
 * the Ethernet header of `frame`, from our address to where the frame came from; unless the rules
 * forbid it (icmp_error_may; a frame to many) or too many were sent. Whoever calls counts the frame.
 */
void netif_error(struct netif *nif, const uint8_t *frame, uint32_t ip_bytes,
                 struct icmp_error error);

/* Time goes on. Returns the length of a frame to send, made in `frame` (ETH_BUFFER bytes), or 0 if
 * there is none: call until 0. A few times a second is enough. */
uint32_t netif_poll(struct netif *nif, uint64_t now_ns, uint8_t *frame);

/* Is our address not to be used, neither answered for nor sent from? Others have it, or may have it. */
static inline bool netif_is_silent(const struct netif *nif)
{
    return nif->is_refused || (nif->probes_first && nif->is_probing);
}

/* The link came up: probe for our address, then announce it. */
void netif_link_up(struct netif *nif);

/* Bind a UDP port (not 0) to a service; NULL unbinds it. False: no room, or already bound. */
bool netif_bind(struct netif *nif, uint16_t port, udp_service *service, void *context);

/* Is this address on the port's own net, and that of a host there? */
bool netif_is_on_net(const struct netif *nif, uint32_t ip);

/* Where to send what goes to `ip`: its MAC address, or that of the gateway. */
enum netif_way { NETIF_READY, NETIF_ASKING, NETIF_NO_ANSWER, NETIF_NO_ROUTE };
enum netif_way netif_resolve(struct netif *nif, uint32_t ip, uint8_t *mac);

/* Frames that came in and are neither answered, consumed nor dropped yet. */
static inline uint32_t netif_held(const struct netif *nif)
{
    return nif->reass != NULL ? nif->reass->held : 0;
}

/* Make an ICMP echo of up to NETIF_PING_DATA_MAX data bytes to `to` by way of `mac`, and expect its
 * reply in nif->ping; returns the frame's length. One ping is expected at a time. */
uint32_t netif_ping(struct netif *nif, uint8_t *frame, const uint8_t *mac, uint32_t to, uint16_t id,
                    uint16_t sequence, uint32_t data_bytes);

#endif
