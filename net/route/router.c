/* SPDX-License-Identifier: BSD-2-Clause
 * The router's slow way; see router.h. In the order of RFC 1812 section 5.2.1: is the header good,
 * is it for us, where does it go, may it go there; then TTL, options, fragments, and out.
 */
#include "net/route/router.h"

#include "arch/smp.h"
#include "arch/tsc.h"
#include "kernel/lib/str.h"
#include "kernel/ask.h"
#include "kernel/memory/memory.h"
#include "net/lane/lane_control.h"
#include "net/route/fragment.h"
#include "net/route/hops.h"
#include "net/route/ip_option.h"
#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"

enum {
    WAITING_MAX = 8,          /* frames of one core that may wait for a neighbour */
    CALL_LIMIT_US = 20000,    /* for a core to look after them */
    IP_DONT_FRAGMENT = 0x4000,
};
#define WAITING_NS 3000000000ull /* as long as ARP asks, see net/stack/arp.h */

/* A frame as it came in, kept until its next hop's address is known. It counted as consumed; when it
 * leaves, or is lost, it counts as generated. */
struct waiting {
    uint64_t since_ns;
    uint32_t length; /* 0: free */
    struct port *in;
    struct port *out;
    uint32_t next; /* the neighbour of `out` that it waits for */
    uint8_t frame[SLOT_BYTES];
};

/* What each core has of its own. */
static struct core {
    uint32_t waiting_n; /* core 0 looks at it too, ten times a second */
    struct waiting waiting[WAITING_MAX] __attribute__((aligned(CACHE_LINE_BYTES)));
    uint8_t fragment[ETH_BUFFER];
} *cores;

/* A frame on its way through here. */
struct trip {
    struct lane *lane; /* NULL: it has waited */
    struct port *in;
    struct netif *netif; /* of `in` on this core */
    unsigned core;
    bool waits_on;
    struct ip_view ip;
};

/* ---- What becomes of a frame; each way counts it once ---- */

static struct outcome drop(const struct trip *trip, enum drop why)
{
    if (trip->lane)
        return lane_drop(trip->lane, why);
    struct side *side = port_side(trip->in, trip->core);
    side->generated++;
    side->drops[why]++;
    return outcome_dropped(why);
}

/* Drop it, and tell its sender why. */
static struct outcome refuse(const struct trip *trip, const uint8_t *frame, enum drop why,
                             uint8_t type, uint8_t code, uint32_t rest)
{
    netif_error(trip->netif, frame, trip->ip.total_bytes, (struct icmp_error){type, code, rest});
    return drop(trip, why);
}

static struct outcome consume(const struct trip *trip)
{
    return trip->lane ? lane_consume(trip->lane) : (struct outcome){0, FATE_CONSUMED};
}

/* Out by the lane where it leads there, which keeps the order; else by the port's side queue. */
static struct outcome send(const struct trip *trip, struct port *out, const uint8_t *frame,
                           uint32_t length)
{
    if (trip->lane && trip->lane->out == out && trip->lane->state == LANE_RUNNING)
        return (struct outcome){length, FATE_SENT};
    (void)side_send(out, frame, length); /* a loss is counted there */
    return consume(trip);
}

/* To the stack of the port that has the address; what it answers goes back where the frame came
 * from. */
static struct outcome to_stack(const struct trip *trip, struct netif *owner, uint8_t *frame,
                               uint32_t length)
{
    struct netif_face in = {.send_context = trip->in};

    memcpy(in.mac, trip->in->mac, 6);
    struct outcome answer = netif_input_by(owner, &in, frame, length);
    return answer.length != 0 ? send(trip, trip->in, frame, answer.length) : answer;
}

static struct outcome wait(struct trip *trip, const uint8_t *frame, uint32_t length,
                           struct port *out, uint32_t next)
{
    struct core *core = &cores[trip->core];

    if (!trip->lane) {
        trip->waits_on = true;
        return (struct outcome){0, FATE_KEPT};
    }
    for (unsigned i = 0; i < WAITING_MAX; i++) {
        struct waiting *w = &core->waiting[i];
        if (w->length != 0)
            continue;
        w->since_ns = tsc_now_ns();
        w->in = trip->in;
        w->out = out;
        w->next = next;
        memcpy(w->frame, frame, length);
        __atomic_store_n(&w->length, length, __ATOMIC_RELEASE); /* pairs with want */
        __atomic_store_n(&core->waiting_n, core->waiting_n + 1, __ATOMIC_RELEASE);
        return consume(trip);
    }
    return drop(trip, DROP_route_waiting);
}

/* ---- Where it goes ---- */

static bool is_ours(uint32_t ip)
{
    return hop_kind(route_hop_of(route_entry(routes.table, ip))) == HOP_LOCAL;
}

static struct netif *owner_of(uint32_t ip, unsigned core)
{
    for (unsigned i = 0; i < ports_n; i++)
        if (ports[i].netif && ports[i].netif[core].ip == ip)
            return &ports[i].netif[core];
    return NULL;
}

/* A source that no single host can have, or that is ours, goes nowhere (RFC 1812 section 5.3.7). */
static bool may_be_source(uint32_t ip)
{
    unsigned kind = hop_kind(route_hop_of(route_entry(routes.table, ip)));

    return ip_is_host(ip) && kind != HOP_LOCAL && kind != HOP_BROADCAST && kind != HOP_NEVER;
}

static void cut(const struct trip *trip, struct port *out, const uint8_t *frame, uint32_t mtu)
{
    struct fragmenter f = {.datagram = frame + ETH_BYTES, .mtu = mtu};
    uint8_t *to = cores[trip->core].fragment;
    uint32_t bytes;

    memcpy(to, frame, ETH_BYTES);
    while ((bytes = fragment_next(&f, to + ETH_BYTES)) != 0)
        (void)side_send(out, to, eth_pad(to, ETH_BYTES + bytes));
}

/* By the next hop, as it must look there. */
static struct outcome pass_on(const struct trip *trip, uint8_t *frame, struct port *out,
                              const struct route_hop *to)
{
    uint8_t *p = frame + ETH_BYTES;
    uint32_t header = trip->ip.header_bytes, total = trip->ip.total_bytes, mtu = hops_mtu(out);
    const struct ip_router us = {out->netif->ip, (uint32_t)(tsc_now_ns() / 1000000), is_ours};

    uint8_t bad_byte = ip_options_forward(p, header, &us);
    if (bad_byte)
        return refuse(trip, frame, DROP_ip_option, ICMP_PARAMETER, 0, (uint32_t)bad_byte << 24);
    p[IP_TTL]--;
    wire_put16(p + IP_CHECKSUM, 0);
    wire_put16(p + IP_CHECKSUM, csum_close(csum_bytes(p, header)));
    memcpy(frame, &to->macs, 8);
    memcpy(frame + 8, &to->our_mac, 4);
    if (total > mtu) {
        cut(trip, out, frame, mtu);
        return consume(trip);
    }
    return send(trip, out, frame, eth_pad(frame, ETH_BYTES + total));
}

static struct outcome forward(struct trip *trip, uint8_t *frame, uint32_t length, unsigned hop)
{
    const struct ip_view *ip = &trip->ip;
    struct port *out = &ports[hop_port(hop)];
    uint32_t next = hops[hop].ip;
    bool is_on_net = hop_kind(hop) == HOP_LINK;

    if (ip->ttl <= 1)
        return refuse(trip, frame, DROP_route_ttl, ICMP_TIME_EXCEEDED, ICMP_TTL_EXCEEDED, 0);
    if (is_on_net) {
        next = ip->dst;
        hop = hops_find(out, next);
    }
    if (!out->link_is_up || out->is_down)
        return refuse(trip, frame, DROP_tx_no_link, ICMP_UNREACHABLE,
                      is_on_net ? ICMP_HOST_UNREACHABLE : ICMP_NET_UNREACHABLE, 0);
    const struct route_hop *to = &routes.table->hops[hop];
    if (__atomic_load_n(&to->bytes_max, __ATOMIC_ACQUIRE) < 0)
        return wait(trip, frame, length, out, next);
    if (ip->total_bytes > hops_mtu(out) &&
        wire_get16(frame + ETH_BYTES + IP_FRAGMENT) & IP_DONT_FRAGMENT)
        return refuse(trip, frame, DROP_route_too_big, ICMP_UNREACHABLE, ICMP_TOO_BIG,
                      hops_mtu(out));
    /* RFC 1812 section 5.2.7.2: a host of this net could have sent it there itself. */
    if (out == trip->in && netif_is_on_net(trip->netif, ip->src) &&
        netif_is_on_net(trip->netif, next))
        netif_error(trip->netif, frame, ip->total_bytes,
                    (struct icmp_error){ICMP_REDIRECT, ICMP_REDIRECT_HOST, next});
    return pass_on(trip, frame, out, to);
}

/* A datagram in a frame to us alone. */
static struct outcome judge(struct trip *trip, uint8_t *frame, uint32_t length)
{
    struct ip_view *ip = &trip->ip;
    enum drop bad = ip_parse(frame + ETH_BYTES, length - ETH_BYTES, ip);

    if (bad != DROP_NONE && bad != DROP_ip_option)
        return drop(trip, bad);
    if (!may_be_source(ip->src))
        return drop(trip, DROP_ip_source);
    unsigned hop = route_hop_of(route_entry(routes.table, ip->dst)), kind = hop_kind(hop);
    struct netif *owner = kind == HOP_LOCAL ? owner_of(ip->dst, trip->core) : NULL;
    if (owner)
        return to_stack(trip, owner, frame, length);
    if (kind == HOP_BROADCAST)
        return drop(trip, DROP_ip_broadcast);
    if (kind == HOP_NEVER)
        return drop(trip, DROP_route_never);
    if (bad != DROP_NONE && ip->bad_byte != 0)
        return refuse(trip, frame, bad, ICMP_PARAMETER, 0, (uint32_t)ip->bad_byte << 24);
    if (bad != DROP_NONE)
        return refuse(trip, frame, bad, ICMP_UNREACHABLE, ICMP_SOURCE_ROUTE_FAILED, 0);
    if (kind == HOP_NONE)
        return refuse(trip, frame, DROP_route_none, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
    if (kind == HOP_REJECT)
        return refuse(trip, frame, DROP_route_reject, ICMP_UNREACHABLE, ICMP_FILTERED, 0);
    return forward(trip, frame, length, hop);
}

/* ---- Frames that wait ---- */

/* On the core concerned: send those whose neighbour is known now, give up those that are late. */
static void attend(void *context)
{
    struct core *core = context;
    unsigned left = 0;

    for (unsigned i = 0; i < WAITING_MAX; i++) {
        struct waiting *w = &core->waiting[i];
        if (w->length == 0)
            continue;
        const unsigned index = (unsigned)(core - cores);
        struct trip trip = {.in = w->in, .netif = &w->in->netif[index], .core = index};
        uint64_t age_ns = tsc_now_ns() - w->since_ns;

        (void)judge(&trip, w->frame, w->length);
        if (trip.waits_on && age_ns > WAITING_NS) {
            trip.waits_on = false;
            (void)refuse(&trip, w->frame, DROP_route_no_host, ICMP_UNREACHABLE,
                         ICMP_HOST_UNREACHABLE, 0);
        }
        if (trip.waits_on)
            left++;
        else
            w->length = 0;
    }
    __atomic_store_n(&core->waiting_n, left, __ATOMIC_RELEASE);
}

/* What the stack of core 0 has to send, at once. */
static void send_requests(struct port *port, uint64_t now_ns)
{
    static uint8_t frame[ETH_BUFFER];
    uint32_t length;

    while ((length = netif_poll(port->netif, now_ns, frame)) != 0)
        (void)side_send(port, frame, length);
}

/* Core 0 looks what a core waits for; at worst it asks for what is no longer wanted. */
static void want(const struct core *core, uint64_t now_ns)
{
    for (unsigned i = 0; i < WAITING_MAX; i++) {
        const struct waiting *w = &core->waiting[i];
        if (__atomic_load_n(&w->length, __ATOMIC_ACQUIRE) == 0)
            continue;
        hops_want(w->out, w->next, now_ns);
        send_requests(w->out, now_ns);
    }
}

static uint32_t waiting_on(unsigned core)
{
    return __atomic_load_n(&cores[core].waiting_n, __ATOMIC_ACQUIRE);
}

static void nothing(void *context)
{
    (void)context;
}

void router_service(uint64_t now_ns)
{
    if (!routes.table)
        return;
    hops_refresh(now_ns);
    for (unsigned core = 0; core < lanes_cores; core++)
        if (waiting_on(core) > 0) {
            want(&cores[core], now_ns);
            /* A core that is late is asked again next time. */
            (void)(mailbox_call(core, attend, &cores[core], CALL_LIMIT_US) == OK);
        }
    if (!hops_are_unsettled())
        return;
    if (ask_cores(1, lanes_cores, nothing, cores, 0, CALL_LIMIT_US).silent == 0)
        hops_settle();
}

const char *router_open(void)
{
    cores = memory_alloc(lanes_cores * sizeof(struct core), PAGE_BYTES);
    return cores ? NULL : "there is no memory for frames that wait";
}

unsigned router_waiting(void)
{
    unsigned n = 0;

    for (unsigned core = 0; core < lanes_cores && cores; core++)
        n += waiting_on(core);
    return n;
}

/* ---- In ---- */

struct outcome router_input(struct lane *lane, uint8_t *frame, uint32_t length)
{
    struct trip trip = {
        .lane = lane, .in = lane->in, .netif = lane->netif, .core = lane->core};
    uint32_t waited = cores[trip.core].waiting_n;
    struct outcome out;
    uint64_t replies = trip.netif->arp.replies;

    if (length >= ETH_BYTES + IP_BYTES && wire_get16(frame + ETH_TYPE) == ETH_IPV4 &&
        mac_equal(frame + ETH_DST, trip.in->mac) && !mac_is_group(frame + ETH_SRC))
        out = judge(&trip, frame, length);
    else
        out = to_stack(&trip, trip.netif, frame, length);
    /* On core 0, which ARP is at home on, nobody need wait for the service. */
    if (trip.core == 0 && waiting_on(0) > 0 &&
        (waiting_on(0) != waited || trip.netif->arp.replies != replies)) {
        want(&cores[0], tsc_now_ns());
        attend(&cores[0]);
    }
    return out;
}
