/* SPDX-License-Identifier: BSD-2-Clause
 * The ports of VLANs; see vlans.h.
 */
#include "net/lane/vlans.h"

#include "kernel/lib/fmt.h"
#include "net/lane/ring.h"

struct port *vlan_add(struct port *wire, unsigned vlan)
{
    struct port *port = &ports[ports_all];

    if (ports_all == PORTS_MAX || vlan_find(wire, vlan))
        return NULL;
    *port = (struct port){
        .index = ports_all,
        .wire = wire,
        .vlan = (uint16_t)vlan,
        .ops = wire->ops,
        .driver = wire->driver,
        .model = wire->model,
        .mtu = MTU_USUAL,
        .frame_max = FRAME_USUAL,
    };
    memcpy(port->mac, wire->mac, sizeof(port->mac));
    /* It has no side queues of its own: one that asks here for a place is told that there is none. */
    for (unsigned core = 0; core < QUEUES_MAX; core++)
        lanes_sides[port->index][core].queue = (uint16_t)(SIDE_QUEUES + core);
    ports_all++;
    return port;
}

struct port *vlan_find(struct port *wire, unsigned vlan)
{
    if (vlan == 0)
        return wire;
    for (unsigned i = ports_n; i < ports_all; i++)
        if (ports[i].wire == wire && ports[i].vlan == vlan)
            return &ports[i];
    return NULL;
}

bool vlan_is_addressed(const struct port *wire)
{
    for (unsigned i = 0; i < ports_all; i++)
        if (ports[i].wire == wire && ports[i].netif)
            return true;
    return false;
}

const char *port_name(const struct port *port, char text[PORT_NAME_BYTES])
{
    if (port->vlan)
        fmt_print(text, PORT_NAME_BYTES, "port%u.%u", port->wire->index, port->vlan);
    else
        fmt_print(text, PORT_NAME_BYTES, "port%u", port->index);
    return text;
}
