/* SPDX-License-Identifier: BSD-2-Clause
 * See rss_check.h. The lanes' counters show whether queue 0 has received all frames; the frames in
 * its buffers show whether RSS should have put some in other queues.
 */
#include "net/lane/rss_check.h"
#include "kernel/log/log.h"
#include "net/lane/lane.h"

enum {
    CHECK_FRAMES = 10000, /* received on queue 0 and on no other: check the flows */
    MANY_FLOWS = 16,      /* with two queues all fall on queue 0 by chance once in 65,536 times */
    IP_AT = 14,
    HEADERS_BYTES = 40, /* Ethernet, IPv4 without options, both ports */
    IS_FLOW = 1 << 16,
};

/* A number for the frame's flow, the same in both directions: the exclusive or of the 16-bit words
 * of addresses and ports. 0: not TCP or UDP over IPv4, or a fragment. */
static uint32_t flow_of(const uint8_t *bytes)
{
    const uint8_t *ip = bytes + IP_AT;
    uint32_t flow = 0;

    if (bytes[12] != 0x08 || bytes[13] != 0 || ip[0] != 0x45 || (ip[9] != 6 && ip[9] != 17) ||
        (ip[6] & 0x3F) != 0 || ip[7] != 0)
        return 0;
    for (unsigned i = 12; i < 24; i += 2)
        flow ^= (uint32_t)ip[i] << 8 | ip[i + 1];
    return flow | IS_FLOW;
}

static bool has_many_flows(const struct lane *lane)
{
    uint32_t flows[MANY_FLOWS];
    unsigned n = 0;

    for (uint32_t i = 0; i < LANE_SLOTS && n < MANY_FLOWS; i++) {
        uint32_t flow = flow_of(wire_copy(lane_frame(lane, i), 0, HEADERS_BYTES));
        bool is_new = flow != 0;

        for (unsigned k = 0; k < n; k++)
            is_new &= flows[k] != flow;
        if (is_new)
            flows[n++] = flow;
    }
    return n == MANY_FLOWS;
}

void rss_check(struct port *port)
{
    const struct lane *first = NULL;

    if (port->rss_is_checked || lanes_cores == 1)
        return;
    for (unsigned i = 0; i < lanes_n; i++) {
        const struct lane *lane = &lanes[i];

        if (lane->in != port)
            continue;
        if (lane->core == 0)
            first = lane;
        else if (lane->received_before + lane->next != 0)
            port->rss_is_checked = true;
    }
    if (port->rss_is_checked || !first)
        return;
    uint64_t received = first->received_before + first->next;
    if (received - port->rss_checked_frames < CHECK_FRAMES)
        return;
    port->rss_checked_frames = received;
    if (!has_many_flows(first))
        return;
    port->rss_is_checked = true; /* warn once */
    log_warn(
        "port%u: all %lu frames were received by queue 0 of %u, though their flows differ: RSS "
        "does not work (RSS-LEGACY in drivers/x540/README.md)",
        port->index, received, lanes_cores);
}
