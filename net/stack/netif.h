/* SPDX-License-Identifier: BSD-2-Clause
 * The stack of one port on one core: its addresses and neighbours. netif_input handles received
 * frames and answers them in place; netif_poll makes the frames that the stack sends by itself.
 * Nothing here waits or allocates, and only fragments are kept. Addresses are in CPU byte order.
 * Pure.
 */
#ifndef NET_STACK_NETIF_H
#define NET_STACK_NETIF_H

#include "arch/types.h"
#include "net/drops.h"
#include "net/stack/arp.h"
#include "net/stack/icmp.h"
#include "net/stack/reass.h"
#include "net/stack/udp.h"

#define NETIF_BINDINGS 8u
/* RFC 5227 section 1.1. */
#define NETIF_PROBES          3u
#define NETIF_PROBE_GAP_NS    1000000000ull /* plus up to one second */
#define NETIF_ANNOUNCES       2u
#define NETIF_ANNOUNCE_GAP_NS 2000000000ull
#define NETIF_DEFEND_GAP_NS   10000000000ull
#define NETIF_REFUSED_NS      60000000000ull /* until a refused address is probed again */
#define NETIF_REDIRECTS       4u
#define NETIF_PING_DATA_MAX   1472u /* or less, by the MTU */

struct netif_binding {
    uint16_t port;       /* 0: free */
    uint32_t head_bytes; /* see netif_bind_head */
    udp_service *service;
    void *context;
};

#define NETIF_MTU 1500u

/* Result of the last ping; see netif_ping. */
enum netif_ping_event {
    PING_NOTHING,
    PING_REPLY,
    PING_ERROR, /* an ICMP error about it, with type and code */
};

struct netif_pinger {
    bool is_on;
    uint32_t to;
    uint16_t id, sequence;
    enum netif_ping_event event; /* reset to PING_NOTHING by the caller of netif_ping */
    uint64_t event_ns;           /* by netif->clock, or the time of the last poll */
    uint32_t from;
    uint32_t data_bytes; /* of a reply */
    uint8_t ttl, type, code;
    uint32_t extra; /* further or late replies to our pings */
};

/* A route learned from an ICMP redirect (RFC 1122's route cache); other destinations use the
 * default gateway. */
struct netif_redirect {
    uint32_t dst; /* 0: free */
    uint32_t gateway;
};

struct netif {
    uint8_t mac[6];
    be16_t type;        /* of IPv4; net/lane/to_stack.c loads both */
    uint8_t prefix;     /* 1..32 */
    bool is_configured; /* else no address is set, and all frames are dropped */
    uint16_t vlan;      /* 1..4094: all our frames carry this tag; 0: no VLAN */
    bool is_refused;    /* another host has our address: it is not used, and probed again later */
    bool probes_first;  /* the address is not used until probed; set before netif_configure */
    uint16_t mtu;       /* bytes of the longest datagram to send, 68 or more; 0: NETIF_MTU */
    uint32_t ip, mask;
    uint32_t gateways[2];            /* as configured; 0: none */
    bool uses_second;                /* the first gateway did not answer ARP */
    be32_t ip_wire;                  /* ip in network byte order */
    be32_t first_wire, last_wire;    /* the subnet's two addresses of no host; ip if it has none */
    uint16_t next_ip_id, ip_id_step; /* see netif_share_ids */
    uint64_t now_ns;                 /* of the last poll */
    uint64_t (*clock)(void);         /* current time in ns; NULL: use now_ns */
    /* Sends a frame that is not an answer in place by this port; it counts as generated. NULL: such
     * frames (ICMP errors) are not made. */
    void (*send)(void *context, const uint8_t *frame, uint32_t length);
    void *send_context;
    struct reass *reass; /* initially zero. NULL, or no `send`: fragments are dropped */

    uint64_t answered; /* frames answered in place; neither consumed nor dropped */
    uint64_t consumed;
    uint64_t drops[DROP_COUNT];

    struct arp_cache arp;
    struct netif_redirect redirects[NETIF_REDIRECTS];
    unsigned redirects_n; /* number accepted so far; the oldest is replaced */
    bool is_probing;      /* for other users of our address; used meanwhile unless probes_first */
    unsigned probes_left, announces_left;
    uint64_t announce_ns;    /* when the next probe or announcement is due */
    uint64_t conflicts;      /* claims of our address by other hosts */
    uint64_t defended_ns;    /* when a claim was last answered by an announcement */
    uint8_t conflict_mac[6]; /* of the last claim */

    uint64_t *errors_full_ns; /* the port's limit of ICMP errors, shared by its cores; NULL: own */
    uint64_t errors_full_own_ns;
    uint64_t errors_limited; /* not sent because of the limit */

    struct netif_binding bindings[NETIF_BINDINGS];
    const struct netif_binding *bound[64]; /* by port % 64: the last one bound; NULL: none was */
    struct netif_pinger ping;
};

/* Set the port's addresses and clear its neighbours; counters and bindings stay; echo (7) and
 * discard (9) are bound the first time. gateways: the second is used while the first does not
 * answer ARP; 0: none. They are hosts of the subnet; with a prefix of 32 bits any hosts on the link.
 * Static neighbours stay, except those that are not on the link any more. Returns NULL, or what is
 * invalid, and then nothing has changed. */
const char *netif_configure(struct netif *nif, const uint8_t *mac, uint32_t ip, unsigned prefix,
                            const uint32_t gateways[2]);

/* Handle one received frame of `length` bytes (any value) in a buffer of ETH_BUFFER bytes. Returns
 * the length of the answer now in the buffer, to be sent by the same port (ETH_MIN..ETH_MAX and a
 * tag, or the frame's own length), or 0 if the frame was counted as consumed or as a drop, or is a
 * fragment (FATE_KEPT): those are held, and counted together when their datagram is complete or
 * given up. */
struct outcome netif_input(struct netif *nif, uint8_t *frame, uint32_t length);

/* The same for a frame that a router received by another port: answers are sent by that port's
 * `send_context` and from its MAC address, which `face` holds. */
struct netif_face {
    void *send_context;
    uint8_t mac[6];
    uint32_t checked; /* what that port's card has verified of the frame: */
};
#define NETIF_IP_CHECKED  1u /* the IPv4 header's checksum */
#define NETIF_UDP_CHECKED 2u /* the checksum of a UDP datagram that is all of the IPv4 payload */
struct outcome netif_input_by(struct netif *nif, const struct netif_face *face, uint8_t *frame,
                              uint32_t length);

/* Send an ICMP error about the datagram of ip_bytes (valid header, checked addresses) after the
 * Ethernet header of `frame`, from our address to the frame's source. No error is sent if the rules
 * forbid it (icmp_error_may; a group's MAC address) or the rate limit is reached: then the result is
 * false. The caller counts the frame. */
bool netif_error(struct netif *nif, const uint8_t *frame, uint32_t ip_bytes,
                 struct icmp_error error);

/* Run the timers. Returns the length of a frame to send, written to `frame` (ETH_BUFFER bytes), or
 * 0 if there is none; call until 0, a few times a second, until netif_is_due is false. */
uint32_t netif_poll(struct netif *nif, uint64_t now_ns, uint8_t *frame);

/* Is an ARP request due that netif_poll has not made yet? */
bool netif_is_due(const struct netif *nif, uint64_t now_ns);

/* Must our address not be used, since another host has it or may have it? */
static inline bool netif_is_silent(const struct netif *nif)
{
    return nif->is_refused || (nif->probes_first && nif->is_probing);
}

/* The link has come up: probe our address, then announce it. */
void netif_link_up(struct netif *nif);

/* Bind a UDP port (not 0) to a service; NULL unbinds it. Returns false if the table is full or the
 * port is already bound. */
bool netif_bind(struct netif *nif, uint16_t port, udp_service *service, void *context);

/* The same for a service that reads and writes only the first head_bytes of the data. Its answer is
 * as long as the datagram, with the same data behind these bytes, or has at most head_bytes; another
 * one is dropped as udp_length. So frames of any length cost the same: the rest is neither copied
 * nor summed (net/stack/quick.h). */
bool netif_bind_head(struct netif *nif, uint16_t port, udp_service *service, void *context,
                     uint32_t head_bytes);

/* Use every `cores`th identification (rounded up to a power of two) from first + core on, so that no
 * two cores with the same `first` send datagrams from one address with the same one (RFC 6864). Without
 * this call a stack uses all of them from 0 on. */
static inline void netif_share_ids(struct netif *nif, uint16_t first, unsigned core, unsigned cores)
{
    nif->ip_id_step = 1;
    while (nif->ip_id_step < cores)
        nif->ip_id_step = (uint16_t)(2 * nif->ip_id_step);
    nif->next_ip_id = (uint16_t)(first + core);
}

/* Is it a host address of the port's own subnet? */
bool netif_is_on_net(const struct netif *nif, uint32_t ip);

/* Is it on the link: a host of the subnet, or, where that is the address alone (/32), a gateway? */
bool netif_is_neighbour(const struct netif *nif, uint32_t ip);

/* Enter a static neighbour, or change its MAC address. Of core 0's stack: it alone has neighbours.
 * Returns NULL, or why not. */
const char *netif_set_neighbour(struct netif *nif, uint32_t ip, const uint8_t *mac);

/* The first hop to `ip`: with NETIF_READY *mac is its MAC address, or the gateway's. */
enum netif_way { NETIF_READY, NETIF_ASKING, NETIF_NO_ANSWER, NETIF_NO_ROUTE };
enum netif_way netif_resolve(struct netif *nif, uint32_t ip, uint8_t *mac);

/* Received frames not counted as answered, consumed or dropped yet: fragments. */
static inline uint32_t netif_held(const struct netif *nif)
{
    return nif->reass != NULL ? nif->reass->held : 0;
}

/* Write an ICMP echo request of up to NETIF_PING_DATA_MAX data bytes to `to` via `mac`; its reply
 * is reported in nif->ping, for one ping at a time. Returns the frame's length. */
uint32_t netif_ping(struct netif *nif, uint8_t *frame, const uint8_t *mac, uint32_t to, uint16_t id,
                    uint16_t sequence, uint32_t data_bytes);

#endif
