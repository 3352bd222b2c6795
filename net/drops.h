/* SPDX-License-Identifier: BSD-2-Clause
 * Every way to lose a frame has a name here, and each name a counter in every lane. The console and
 * the ledger walk this one list. Below it: what else may become of a frame. Pure.
 */
#ifndef NET_DROPS_H
#define NET_DROPS_H

#include "arch/types.h"

/* X(name as the operator reads it, at most 13 letters; what it means, at most 47) */
#define DROP_LIST(X)                                                                               \
    /* What the card handed over and the lane refused. */                                          \
    X(rx_not_done, "descriptor unfinished amid finished ones")                                     \
    X(rx_split, "frame went on in the next descriptor (no EOP)")                                   \
    X(rx_error, "card flagged a receive error")                                                    \
    X(rx_length, "length below 17 or beyond the buffer")                                           \
    /* What could not leave. */                                                                    \
    X(tx_no_link, "output link is down")                                                           \
    X(tx_stuck, "output made no progress; lane was reset")                                         \
    X(port_reset, "port was reset with the frame in its hands")                                    \
    X(side_full, "side queue had no free slot")                                                    \
    X(side_length, "side queue: frame too short or too long")                                      \
    /* What a measuring port refused. */                                                           \
    X(trial_other, "generator's frame of another trial, or flow")                                  \
    /* What the stack refused. */                                                                  \
    X(eth_other, "Ethernet address or type that nobody takes")                                     \
    X(eth_vlan, "VLAN tag missing or not that of our address")                                     \
    X(arp_bad, "ARP malformed or not for Ethernet and IPv4")                                       \
    X(ip_header, "IPv4 version or a length wrong")                                                 \
    X(ip_checksum, "IPv4 header checksum wrong")                                                   \
    X(ip_option, "IPv4 option malformed, or a source route")                                       \
    X(ip_fragment, "IPv4 fragment that can be part of no datagram")                                \
    X(ip_overlap, "IPv4 fragments that contradict each other")                                     \
    X(ip_rest, "IPv4 fragments whose rest did not come in time")                                   \
    X(ip_crowded, "IPv4 fragments that gave way to newer ones")                                    \
    X(ip_source, "IPv4 source that no host can have, or ours")                                     \
    X(ip_not_ours, "IPv4 destination is not ours")                                                 \
    X(ip_broadcast, "IPv4 broadcast or multicast: nobody takes it")                                \
    X(ip_link_group, "IPv4 for one host inside a frame for many")                                  \
    X(ip_protocol, "IPv4 protocol that nobody here takes")                                         \
    X(icmp_bad, "ICMP too short, bad checksum or type")                                            \
    X(icmp_unasked, "ICMP about nothing that we sent")                                             \
    X(udp_length, "UDP length wrong")                                                              \
    X(udp_checksum, "UDP checksum wrong")                                                          \
    X(udp_no_port, "UDP port that nobody here listens on")                                         \
    X(udp_loop, "UDP from a port that answers answers")                                            \
    /* What the router did not forward. */                                                         \
    X(route_none, "router: no route to the destination")                                           \
    X(route_reject, "router: the route says to refuse it")                                         \
    X(route_never, "router: a destination that is never forwarded")                                \
    X(route_ttl, "router: its time to live has run out")                                           \
    X(route_too_big, "router: too long, and not to be fragmented")                                 \
    X(route_waiting, "router: too many wait for a neighbour already")                              \
    X(route_no_host, "router: the neighbour does not answer ARP")

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
