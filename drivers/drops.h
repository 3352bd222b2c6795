/* SPDX-License-Identifier: BSD-2-Clause
 * Every way to lose a frame has a name here, and each name a counter in every lane. The console and
 * the ledger walk this one list.
 */
#ifndef DRIVERS_DROPS_H
#define DRIVERS_DROPS_H

/* X(name as the operator reads it, what it means) */
#define DROP_LIST(X)                                                                               \
    /* What the card handed over and the lane refused. */                                          \
    X(rx_not_done, "descriptor in the middle of a finished group was not finished")                \
    X(rx_split, "frame went on in the next descriptor (no EOP)")                                   \
    X(rx_error, "card flagged a receive error")                                                    \
    X(rx_length, "length that the card wrote is below 17 or beyond the buffer")                    \
    /* What could not leave. */                                                                    \
    X(tx_no_link, "output link is down")                                                           \
    X(tx_stuck, "output made no progress; lane was reset")                                         \
    X(port_reset, "port was reset with the frame in its hands")                                    \
    X(side_full, "side queue had no free slot")                                                    \
    X(side_length, "frame for the side queue was too short or too long")                           \
    /* What the stack refused. */                                                                  \
    X(eth_other, "Ethernet destination or type that nobody here takes")                            \
    X(arp_bad, "ARP malformed or not for Ethernet and IPv4")                                       \
    X(ip_header, "IPv4 version, header length or total length wrong")                              \
    X(ip_checksum, "IPv4 header checksum wrong")                                                   \
    X(ip_option, "IPv4 option malformed, or a source route")                                       \
    X(ip_fragment, "IPv4 fragment")                                                                \
    X(ip_source, "IPv4 source that may not be answered (broadcast, multicast, loopback, ours)")    \
    X(ip_not_ours, "IPv4 destination is not ours")                                                 \
    X(ip_broadcast, "IPv4 broadcast or multicast, which nobody here takes")                        \
    X(ip_link_group, "IPv4 for one host inside a frame for many")                                  \
    X(ip_protocol, "IPv4 protocol that nobody here takes")                                         \
    X(icmp_bad, "ICMP too short, checksum wrong or type that nobody here takes")                   \
    X(icmp_unasked, "ICMP reply or error about nothing that was sent here")                        \
    X(udp_length, "UDP length wrong")                                                              \
    X(udp_checksum, "UDP checksum wrong")                                                          \
    X(udp_no_port, "UDP port that nobody here listens on")                                         \
    X(udp_loop, "UDP source port whose owner would answer the answer, without end")

#define DROP_ENUM(name, text) DROP_##name,
enum drop { DROP_LIST(DROP_ENUM) DROP_COUNT, DROP_NONE = DROP_COUNT };

#endif
