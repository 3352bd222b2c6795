/* SPDX-License-Identifier: BSD-2-Clause
 * See spread.h. The lanes' counters say whether queue 0 has all the frames; the frames that lie in its
 * ring say whether the hash would have put some elsewhere.
 */
#include "net/lane/spread.h"
#include "kernel/log/log.h"
#include "kernel/lib/str.h"
#include "net/lane/lane.h"

enum {
    SPREAD_FRAMES = 10000, /* on queue 0 and on no other: time to look at them */
    MANY_FLOWS = 16,       /* all on queue 0 of two by chance: once in 65,536 times */
    IP_AT = 14,
    HEADERS_BYTES = 40, /* Ethernet, IPv4 without options, both ports */
    IS_FLOW = 1 << 16,
};

/* What the hash is made of, in one number that does not change as source and destination change
 * places: the exclusive or of the 16-bit words of addresses and ports. 0: not TCP or UDP over IPv4,
 * or a fragment. The card may write the frame meanwhile. */
static uint32_t flow_of(const uint8_t *frame)
{
    uint64_t words[HEADERS_BYTES / 8];
    uint8_t bytes[HEADERS_BYTES];
    const uint8_t *ip = bytes + IP_AT;
    uint32_t flow = 0;

    for (unsigned i = 0; i < HEADERS_BYTES / 8; i++)
        words[i] = dma_load64((const uint64_t *)(const void *)frame + i);
    memcpy(bytes, words, sizeof(bytes));
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
        uint32_t flow = flow_of(lane->frames + (size_t)i * SLOT_BYTES);
        bool is_new = flow != 0;

        for (unsigned k = 0; k < n; k++)
            is_new &= flows[k] != flow;
        if (is_new)
            flows[n++] = flow;
    }
    return n == MANY_FLOWS;
}

void spread_check(struct port *port)
{
    const struct lane *first = NULL;

    if (port->spreads || lanes_cores == 1)
        return;
    for (unsigned i = 0; i < lanes_n; i++) {
        const struct lane *lane = &lanes[i];

        if (lane->in != port)
            continue;
        if (lane->core == 0)
            first = lane;
        else if (lane->received_before + lane->next != 0)
            port->spreads = true;
    }
    if (port->spreads || !first)
        return;
    uint64_t received = first->received_before + first->next;
    if (received - port->spread_after < SPREAD_FRAMES)
        return;
    port->spread_after = received;
    if (!has_many_flows(first))
        return;
    port->spreads = true; /* said once */
    log_warn("port%u: all of %lu frames came in by receive queue 0 of %u, and their flows differ: RSS "
             "does not spread them (RSS-LEGACY in drivers/x540/README.md)",
             port->index, received, lanes_cores);
}
