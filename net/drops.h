/* SPDX-License-Identifier: BSD-2-Clause
 * The drop reasons: every way to lose a frame has a name here, and each name a counter in every
 * lane. The console and the ledger use this one list. Below it: a frame's other fates. Pure.
 */
#ifndef NET_DROPS_H
#define NET_DROPS_H

#include "arch/types.h"

/* X(name as shown to the operator, at most 13 letters; its meaning, at most 47) */
#define DROP_LIST(X)                                                                               \
    /* Invalid receive descriptors. */                                                             \
    X(rx_not_done, "never written back, though later ones were")                                   \
    X(rx_split, "frame continued in the next descriptor (no EOP)")                                 \
    X(rx_error, "card flagged a receive error")                                                    \
    X(rx_length, "length below 17 or beyond the buffer")                                           \
    /* Not sent. */                                                                                \
    X(tx_no_link, "output link is down")                                                           \
    X(tx_stuck, "output made no progress; lane was reset")                                         \
    X(port_reset, "port was reset while it held the frame")                                        \
    X(side_full, "side queue had no free slot")                                                    \
    X(side_length, "side queue: frame too short or too long")                                      \
    /* Not measured. */                                                                            \
    X(trial_other, "generator's frame of another trial, or flow")                                  \
    /* Refused by the stack. */                                                                    \
    X(eth_other, "Ethernet address or type not handled here")                                      \
    X(eth_vlan, "VLAN tag missing or not that of our address")                                     \
    X(arp_bad, "ARP malformed or not for Ethernet and IPv4")                                       \
    X(ip_header, "IPv4 version or a length invalid")                                               \
    X(ip_checksum, "IPv4 header checksum wrong")                                                   \
    X(ip_option, "IPv4 option malformed, or a source route")                                       \
    X(ip_fragment, "IPv4 fragment with invalid offset or length")                                  \
    X(ip_overlap, "IPv4 fragments that contradict each other")                                     \
    X(ip_timeout, "IPv4 fragments not complete after 60 s")                                        \
    X(ip_evicted, "IPv4 fragments evicted by newer ones")                                          \
    X(ip_source, "IPv4 source is not a host address, or is ours")                                  \
    X(ip_not_ours, "IPv4 destination is not ours")                                                 \
    X(ip_broadcast, "IPv4 broadcast or multicast, not handled here")                               \
    X(ip_link_group, "IPv4 unicast inside an Ethernet group frame")                                \
    X(ip_protocol, "IPv4 protocol not handled here")                                               \
    X(icmp_bad, "ICMP too short, bad checksum or type")                                            \
    X(icmp_other, "ICMP reply or error not about our ping")                                        \
    X(udp_length, "UDP length invalid")                                                            \
    X(udp_checksum, "UDP checksum wrong")                                                          \
    X(udp_no_port, "UDP port not in use here")                                                     \
    X(udp_loop, "UDP from a port or reflector that would loop")                                    \
    X(udp_refused, "UDP source is not in twamp.from=")                                             \
    /* Not forwarded by the router. */                                                             \
    X(route_none, "router: no route to the destination")                                           \
    X(route_reject, "router: the route is a reject route")                                         \
    X(route_never, "router: destination is never forwarded")                                       \
    X(route_local, "router: source or destination in 169.254/16")                                  \
    X(route_ttl, "router: time to live expired")                                                   \
    X(route_too_big, "router: exceeds the MTU and DF is set")                                      \
    X(route_waiting, "router: too many frames await a neighbour")                                  \
    X(route_no_host, "router: the neighbour does not answer ARP")                                  \
    X(route_full, "router: the partner is slow, its queue is full")

#define DROP_ENUM(name, text) DROP_##name,
enum drop { DROP_LIST(DROP_ENUM) DROP_COUNT, DROP_NONE = DROP_COUNT };

/* What became of a received frame. */
enum fate {
    FATE_FAST, /* sent as it came, by the fast path */
    FATE_SENT,
    FATE_CONSUMED,
    FATE_KEPT,    /* counted as nothing so far: a fragment whose datagram is not whole */
    FATE_DROPPED, /* as FATE_DROPPED + enum drop */
};

/* What a function of the slow path returns for a frame, which it has counted. */
struct outcome {
    uint32_t length; /* bytes that now lie in the frame's place, to be sent; 0: none */
    uint32_t fate;   /* enum fate */
};

static inline struct outcome outcome_dropped(enum drop why)
{
    return (struct outcome){0, FATE_DROPPED + (uint32_t)why};
}

#endif
