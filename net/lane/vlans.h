/* SPDX-License-Identifier: BSD-2-Clause
 * Addresses in VLANs, several on a port: each VLAN in use is a port of its own, "port0.10", without a
 * card. It stands behind the ports with a card, at ports[ports_n .. ports_all - 1], and sends by the
 * card of port->wire, where side_send inserts its tag. Its stack sees untagged frames. Only an
 * application with `has_vlans` has such ports; all others handle ports[0 .. ports_n - 1] alone.
 *
 *     port0.10.ip=10.0.10.1/24 port0.20.ip=10.0.20.1/24
 */
#ifndef NET_LANE_VLANS_H
#define NET_LANE_VLANS_H

#include "drivers/nic.h"
#include "net/stack/eth.h"

/* Make the port of a VLAN (1..4094) on the wire of a port with a card. NULL: it is there already, or
 * there is no room: at most PORTS_MAX ports of both kinds. Boot CPU. */
struct port *vlan_add(struct port *wire, unsigned vlan);

/* The port that has the frames of this VLAN on the wire; of VLAN 0, untagged ones, the wire's own.
 * NULL: none. Any core. */
struct port *vlan_find(struct port *wire, unsigned vlan);

/* Has the port an address, or a VLAN's port on its wire? */
bool vlan_is_addressed(const struct port *wire);

/* "port0", "port0.10" in `text`. */
#define PORT_NAME_BYTES 12u
const char *port_name(const struct port *port, char text[PORT_NAME_BYTES]);

/* Remove the tag of a received frame of *length bytes, also after one of VLAN id 0, and update the
 * length. Returns the VLAN id; 0: none; VLAN_ID, which no VLAN has: the tag left is of id 0. */
static inline unsigned vlan_untag(uint8_t *frame, uint32_t *length)
{
    *length = eth_strip_priority(frame, *length);
    if (*length < ETH_BYTES + VLAN_BYTES || wire_get16(frame + ETH_TYPE) != ETH_VLAN)
        return 0;
    unsigned vlan = wire_get16(frame + ETH_BYTES) & VLAN_ID;
    if (vlan == 0)
        return VLAN_ID;
    *length -= VLAN_BYTES;
    memmove(frame + ETH_TYPE, frame + ETH_TYPE + VLAN_BYTES, *length - ETH_TYPE);
    return vlan;
}

#endif
