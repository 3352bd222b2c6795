/* SPDX-License-Identifier: BSD-2-Clause
 * The router's slow path; see router.h. In the order of RFC 1812 section 5.2.1: validate the
 * header, deliver to this router or look up the route, check that it may be forwarded; then TTL,
 * options, fragmentation, transmit.
 */
#include "net/route/router.h"

#include "arch/smp.h"
#include "arch/tsc.h"
#include "kernel/lib/str.h"
#include "kernel/grace.h"
#include "kernel/mailbox.h"
#include "kernel/memory/memory.h"
#include "net/lane/lane_control.h"
#include "net/route/fragment.h"
#include "net/route/hops.h"
#include "net/route/ip_option.h"
#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "net/lane/vlans.h"

enum {
    WAITING_SETS = 64, /* per core: frames queued for neighbours, one for each, */
    WAITING_WAYS = 8,  /* in one of the places of a set by its address */
    WAITING_MAX = WAITING_SETS * WAITING_WAYS,
    WANTED_MAX = 256,      /* per core: hosts to be asked for */
    CALL_LIMIT_US = 20000, /* for serve_waiting on another core */
    IP_DONT_FRAGMENT = 0x4000,
};
#define WAITING_NS 3000000000ull /* until ARP's third request, see net/stack/arp.h */

/* A received frame, queued until its next hop's MAC address is known. It is counted as consumed
 * when queued, and as generated when it is sent or dropped. */
struct waiting {
    uint64_t since_ns;
    uint32_t length; /* 0: free */
    uint32_t next;   /* the neighbour of `out` to resolve */
    struct port *in;
    struct port *out;
    uint8_t *frame; /* SLOT_BYTES */
};

/* A host that frames wait for, and that has no next hop. */
struct wanted {
    struct port *out;
    uint32_t ip;
};

/* Per-core state. */
struct core {
    uint32_t waiting_n; /* core 0 reads it too, ten times a second */
    /* A queue from this core to core 0; the positions run free. */
    uint32_t wanted_in, wanted_out;
    struct wanted wanted[WANTED_MAX];
    struct waiting waiting[WAITING_MAX] __attribute__((aligned(CACHE_LINE_BYTES)));
    uint8_t frames[WAITING_MAX][SLOT_BYTES];
    uint8_t fragment[ETH_BUFFER];
};
static struct core *cores;
struct router_quiet router_quiet[QUEUES_MAX];

/* The frame being handled. */
struct packet {
    struct lane *lane;   /* NULL: it comes from the waiting queue */
    struct port *in;     /* that of the VLAN if the frame had a tag, which is removed */
    struct netif *netif; /* of `in` on this core */
    unsigned core;
    bool still_waits;
    struct ip_view ip;
};

/* ---- The ends of a frame; each counts it once ---- */

static struct outcome drop(const struct packet *packet, enum drop why)
{
    if (packet->lane)
        return lane_drop(packet->lane, why);
    struct side *side = port_side(packet->in, packet->core);
    side->generated++;
    side->drops[why]++;
    return outcome_dropped(why);
}

/* Drop the frame and send its sender an ICMP error. */
static struct outcome refuse(const struct packet *packet, const uint8_t *frame, enum drop why,
                             uint8_t type, uint8_t code, uint32_t rest)
{
    (void)netif_error(packet->netif, frame, packet->ip.total_bytes,
                      (struct icmp_error){type, code, rest});
    return drop(packet, why);
}

static struct outcome consume(const struct packet *packet)
{
    return packet->lane ? lane_consume(packet->lane) : (struct outcome){0, FATE_CONSUMED};
}

/* Send by the lane if `out` is its output port, which keeps the order; else, and with the tag of a
 * VLAN, by the side queue. */
static struct outcome send(const struct packet *packet, struct port *out, const uint8_t *frame,
                           uint32_t length)
{
    if (packet->lane && packet->lane->out == out && packet->lane->state == LANE_RUNNING)
        return (struct outcome){length, FATE_SENT};
    (void)side_send(out, frame, length); /* a loss is counted there */
    return consume(packet);
}

/* Deliver to the stack of the port that has the address. The answer leaves by the port that
 * received the frame. */
static struct outcome to_stack(const struct packet *packet, struct netif *owner, uint8_t *frame,
                               uint32_t length)
{
    struct netif_face in = {.send_context = packet->in};

    memcpy(in.mac, packet->in->mac, 6);
    struct outcome answer = netif_input_by(owner, &in, frame, length);
    return answer.length != 0 ? send(packet, packet->in, frame, answer.length) : answer;
}

/* Have core 0 ask for a host. If the queue is full, serve_waiting tries again. */
static void want(struct core *core, struct port *out, uint32_t ip)
{
    uint32_t in = core->wanted_in;

    if (in - __atomic_load_n(&core->wanted_out, __ATOMIC_ACQUIRE) == WANTED_MAX)
        return;
    core->wanted[in % WANTED_MAX] = (struct wanted){out, ip};
    __atomic_store_n(&core->wanted_in, in + 1, __ATOMIC_RELEASE); /* pairs with take_wanted */
}

static bool take_wanted(struct core *core, struct wanted *wanted)
{
    uint32_t out = core->wanted_out;

    if (__atomic_load_n(&core->wanted_in, __ATOMIC_ACQUIRE) == out)
        return false;
    *wanted = core->wanted[out % WANTED_MAX];
    __atomic_store_n(&core->wanted_out, out + 1, __ATOMIC_RELEASE); /* pairs with want */
    return true;
}

static struct waiting *waiting_set(struct core *core, const struct port *out, uint32_t next)
{
    uint32_t h = (next ^ out->index << 29) * 0x9E3779B1u;

    return &core->waiting[(h >> 16) % WAITING_SETS * WAITING_WAYS];
}

/* The frame that waits for this neighbour; NULL: none. */
static struct waiting *waiting_for(struct core *core, const struct port *out, uint32_t next)
{
    struct waiting *w = waiting_set(core, out, next);

    for (unsigned i = 0; i < WAITING_WAYS; i++)
        if (w[i].length != 0 && w[i].out == out && w[i].next == next)
            return &w[i];
    return NULL;
}

/* A place for a frame: its neighbour's own, a free one, or the oldest frame's. */
static struct waiting *place_for(struct core *core, const struct port *out, uint32_t next)
{
    struct waiting *w = waiting_set(core, out, next), *place = waiting_for(core, out, next);

    if (place)
        return place;
    place = w;
    for (unsigned i = 0; i < WAITING_WAYS && place->length != 0; i++)
        if (w[i].length == 0 || w[i].since_ns < place->since_ns)
            place = &w[i];
    return place;
}

static void set_waiting_n(struct core *core, uint32_t n)
{
    __atomic_store_n(&core->waiting_n, n, __ATOMIC_RELEASE);
}

/* Queue the frame; it takes the place of an earlier one for the same neighbour. */
static struct outcome wait(struct packet *packet, const uint8_t *frame, uint32_t length,
                           struct port *out, uint32_t next)
{
    struct core *core = &cores[packet->core];

    if (!packet->lane) {
        packet->still_waits = true;
        return (struct outcome){0, FATE_KEPT};
    }
    struct waiting *w = place_for(core, out, next);
    if (w->length != 0) {
        const struct packet before = {.in = w->in, .core = packet->core};
        (void)drop(&before, DROP_route_waiting);
    } else {
        set_waiting_n(core, core->waiting_n + 1);
    }
    w->frame = core->frames[w - core->waiting];
    w->since_ns = tsc_now_ns();
    w->in = packet->in;
    w->out = out;
    w->next = next;
    w->length = length;
    memcpy(w->frame, frame, length);
    if (hops_find(out, next) == 0)
        want(core, out, next);
    return consume(packet);
}

/* ---- Forwarding ---- */

static bool is_ours(uint32_t ip)
{
    return hop_kind(route_hop_of(route_entry(routes.table, ip))) == HOP_LOCAL;
}

static struct netif *owner_of(uint32_t ip, unsigned core)
{
    for (unsigned i = 0; i < ports_all; i++)
        if (ports[i].netif && ports[i].netif[core].ip == ip)
            return &ports[i].netif[core];
    return NULL;
}

/* False for sources that are not a host's, or are our own (RFC 1812 section 5.3.7). */
static bool may_be_source(uint32_t ip)
{
    unsigned kind = hop_kind(route_hop_of(route_entry(routes.table, ip)));

    return ip_is_host(ip) && kind != HOP_LOCAL && kind != HOP_BROADCAST && kind != HOP_NEVER;
}

static void send_fragments(const struct packet *packet, struct port *out, const uint8_t *frame,
                           uint32_t mtu)
{
    struct fragmenter f = {.datagram = frame + ETH_BYTES, .ip = &packet->ip, .mtu = mtu};
    uint8_t *to = cores[packet->core].fragment;
    uint32_t bytes;

    memcpy(to, frame, ETH_BYTES);
    while ((bytes = fragment_next(&f, to + ETH_BYTES)) != 0)
        (void)side_send(out, to, eth_pad(to, ETH_BYTES + bytes));
}

/* Rewrite the frame for the next hop and send it. */
static struct outcome pass_on(const struct packet *packet, uint8_t *frame, struct port *out,
                              const struct route_hop *to)
{
    uint8_t *p = frame + ETH_BYTES;
    uint32_t header = packet->ip.header_bytes, total = packet->ip.total_bytes, mtu = out->mtu;
    const struct ip_router us = {out->netif->ip, (uint32_t)(tsc_now_ns() / 1000000), is_ours};

    uint8_t bad_byte = ip_options_forward(p, header, &us);
    if (bad_byte)
        return refuse(packet, frame, DROP_ip_option, ICMP_PARAMETER, 0, (uint32_t)bad_byte << 24);
    p[IP_TTL]--;
    wire_put16(p + IP_CHECKSUM, 0);
    wire_put16(p + IP_CHECKSUM, csum_close(csum_bytes(p, header)));
    memcpy(frame, &to->macs, 8);
    memcpy(frame + 8, &to->our_mac, 4);
    if (total > mtu) {
        send_fragments(packet, out, frame, mtu);
        return consume(packet);
    }
    return send(packet, out, frame, eth_pad(frame, ETH_BYTES + total));
}

/* RFC 1812 section 5.2.7.2: the sender is on the next hop's subnet, so it gets a redirect. */
static void redirect(const struct packet *packet, const uint8_t *frame, uint32_t next)
{
    const struct icmp_error error = {ICMP_REDIRECT, ICMP_REDIRECT_HOST, next};

    if (netif_is_on_net(packet->netif, next) &&
        netif_error(packet->netif, frame, packet->ip.total_bytes, error))
        return;
    struct router_quiet *quiet = &router_quiet[packet->core];
    unsigned port = packet->in->index;
    quiet->n += !quiet->is[port];
    quiet->is[port] = true;
    quiet->until_tsc[port] = cpu_tsc() + tsc_ticks(ROUTER_QUIET_NS);
}

void router_end_quiet(unsigned core)
{
    struct router_quiet *quiet = &router_quiet[core];
    uint64_t now_tsc = cpu_tsc();

    for (unsigned i = 0; i < ports_all; i++)
        if (quiet->is[i] && now_tsc >= quiet->until_tsc[i]) {
            quiet->is[i] = false;
            quiet->n--;
        }
}

static struct outcome forward(struct packet *packet, uint8_t *frame, uint32_t length, unsigned hop)
{
    const struct ip_view *ip = &packet->ip;
    struct port *out = &ports[hop_port(hop)];
    uint32_t next = hops[hop].ip;
    bool is_on_net = hop_kind(hop) == HOP_LINK;

    if (ip->ttl <= 1)
        return refuse(packet, frame, DROP_route_ttl, ICMP_TIME_EXCEEDED, ICMP_TTL_EXCEEDED, 0);
    if (is_on_net) {
        next = ip->dst;
        hop = hops_find(out, next);
    }
    if (!out->wire->link_is_up || out->wire->is_down)
        return refuse(packet, frame, DROP_tx_no_link, ICMP_UNREACHABLE,
                      is_on_net ? ICMP_HOST_UNREACHABLE : ICMP_NET_UNREACHABLE, 0);
    const struct route_hop *to = &routes.table->hops[hop];
    if (__atomic_load_n(&to->bytes_max, __ATOMIC_ACQUIRE) < 0) {
        enum hop_state state = hop_state(hop);
        if (state == HOP_FAILED || state == HOP_CHECKED)
            hops[hop].is_used = true;
        if (state == HOP_FAILED)
            return refuse(packet, frame, DROP_route_no_host, ICMP_UNREACHABLE,
                          ICMP_HOST_UNREACHABLE, 0);
        if (state != HOP_CHECKED)
            return wait(packet, frame, length, out, next);
    }
    if (ip->total_bytes > out->mtu && ip->fragment & IP_DONT_FRAGMENT)
        return refuse(packet, frame, DROP_route_too_big, ICMP_UNREACHABLE, ICMP_TOO_BIG, out->mtu);
    if (out == packet->in && netif_is_on_net(packet->netif, ip->src))
        redirect(packet, frame, next);
    return pass_on(packet, frame, out, to);
}

/* Handle a datagram in a frame addressed to the port's own MAC address. */
static struct outcome route_datagram(struct packet *packet, uint8_t *frame, uint32_t length)
{
    struct ip_view *ip = &packet->ip;
    enum drop bad = ip_parse(frame + ETH_BYTES, length - ETH_BYTES, ip);

    if (bad != DROP_NONE && bad != DROP_ip_option)
        return drop(packet, bad);
    if (!may_be_source(ip->src))
        return drop(packet, DROP_ip_source);
    unsigned hop = route_hop_of(route_entry(routes.table, ip->dst)), kind = hop_kind(hop);
    struct netif *owner = kind == HOP_LOCAL ? owner_of(ip->dst, packet->core) : NULL;
    if (owner)
        return to_stack(packet, owner, frame, length);
    if (kind == HOP_BROADCAST)
        return drop(packet, DROP_ip_broadcast);
    if (kind == HOP_NEVER)
        return drop(packet, DROP_route_never);
    if (bad != DROP_NONE && ip->bad_byte != 0)
        return refuse(packet, frame, bad, ICMP_PARAMETER, 0, (uint32_t)ip->bad_byte << 24);
    if (bad != DROP_NONE)
        return refuse(packet, frame, bad, ICMP_UNREACHABLE, ICMP_SOURCE_ROUTE_FAILED, 0);
    if (kind == HOP_NONE)
        return refuse(packet, frame, DROP_route_none, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
    if (kind == HOP_REJECT)
        return refuse(packet, frame, DROP_route_reject, ICMP_UNREACHABLE, ICMP_FILTERED, 0);
    return forward(packet, frame, length, hop);
}

/* ---- Frames queued for a neighbour ---- */

/* On the core that queued it: send a frame whose neighbour is now known; drop it if that does not
 * answer, or WAITING_NS have passed. */
static void serve_frame(struct core *core, struct waiting *w)
{
    const unsigned index = (unsigned)(core - cores);
    struct packet packet = {.in = w->in, .netif = &w->in->netif[index], .core = index};
    uint64_t age_ns = tsc_now_ns() - w->since_ns;

    (void)route_datagram(&packet, w->frame, w->length);
    if (packet.still_waits && age_ns > WAITING_NS) {
        packet.still_waits = false;
        (void)refuse(&packet, w->frame, DROP_route_no_host, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE,
                     0);
    }
    if (packet.still_waits)
        return;
    w->length = 0;
    set_waiting_n(core, core->waiting_n - 1);
}

static void serve_waiting(void *context)
{
    struct core *core = context;

    for (unsigned i = 0; i < WAITING_MAX; i++) {
        struct waiting *w = &core->waiting[i];
        if (w->length == 0)
            continue;
        serve_frame(core, w);
        if (w->length != 0 && hops_find(w->out, w->next) == 0)
            want(core, w->out, w->next);
    }
}

/* Send at once what core 0's stack has to send (ARP requests). */
static void send_requests(struct port *port, uint64_t now_ns)
{
    static uint8_t frame[ETH_BUFFER];
    uint32_t length;

    while ((length = netif_poll(port->netif, now_ns, frame)) != 0)
        (void)side_send(port, frame, length);
}

/* Core 0: resolve the hosts that a core wants. */
static void resolve_wanted(struct core *core, uint64_t now_ns)
{
    struct wanted wanted;

    for (unsigned i = 0; i < WANTED_MAX && take_wanted(core, &wanted); i++) {
        hops_resolve(wanted.out, wanted.ip, true, now_ns);
        send_requests(wanted.out, now_ns);
        struct waiting *w = core == &cores[0] ? waiting_for(core, wanted.out, wanted.ip) : NULL;
        if (w)
            serve_frame(core, w);
    }
}

/* Core 0: a neighbour of the port has answered. Its frames on this core need not wait for
 * router_service. */
static void serve_answered(struct port *port, uint32_t ip, uint64_t now_ns)
{
    hops_resolve(port, ip, false, now_ns);
    struct waiting *w = waiting_for(&cores[0], port, ip);
    if (w)
        serve_frame(&cores[0], w);
}

static uint32_t waiting_on(unsigned core)
{
    return __atomic_load_n(&cores[core].waiting_n, __ATOMIC_ACQUIRE);
}

/* While a change is in progress, entries that are still to be changed may refer to a retired next hop,
 * so a grace period begins after the change. */
bool router_settle(void)
{
    static struct grace grace;
    static bool is_in_grace;

    if (!is_in_grace) {
        if (!hops_have_retired() || routes.change.is_on)
            return true;
        hops_begin_grace();
        grace_begin(&grace, lanes_cores);
        is_in_grace = true;
    }
    if (!grace_is_over(&grace) || !hops_reclaim())
        return false;
    is_in_grace = false;
    return !hops_have_retired();
}

void router_service(uint64_t now_ns)
{
    if (!routes.table)
        return;
    hops_refresh(now_ns);
    for (unsigned core = 0; core < lanes_cores; core++) {
        resolve_wanted(&cores[core], now_ns);
        /* A core that does not answer in time is called again next time. */
        if (waiting_on(core) > 0)
            (void)(mailbox_call(core, serve_waiting, &cores[core], CALL_LIMIT_US) == OK);
    }
    (void)router_settle();
}

const char *router_open(void)
{
    cores = memory_alloc(lanes_cores * sizeof(struct core), PAGE_BYTES);
    memset(router_quiet, 0, sizeof(router_quiet));
    return cores ? NULL : "no memory for queued frames";
}

unsigned router_waiting(void)
{
    unsigned n = 0;

    for (unsigned core = 0; core < lanes_cores && cores; core++)
        n += waiting_on(core);
    return n;
}

/* ---- Input ---- */

struct outcome router_input(struct lane *lane, uint8_t *frame, uint32_t length)
{
    struct port *in = vlan_find(lane->in, vlan_untag(frame, &length));
    struct outcome out;

    if (!in || !in->netif)
        return lane_drop(lane, DROP_eth_vlan);
    struct packet packet = {
        .lane = lane, .in = in, .netif = &in->netif[lane->core], .core = lane->core};
    uint64_t replies = packet.netif->arp.replies;

    if (length >= ETH_BYTES + IP_BYTES && wire_get16(frame + ETH_TYPE) == ETH_IPV4 &&
        mac_equal(frame + ETH_DST, packet.in->mac) && !mac_is_group(frame + ETH_SRC))
        out = route_datagram(&packet, frame, length);
    else
        out = to_stack(&packet, packet.netif, frame, length);
    if (packet.core == 0) { /* which runs ARP */
        if (packet.netif->arp.replies != replies)
            serve_answered(packet.in, packet.netif->arp.answered_ip, tsc_now_ns());
        resolve_wanted(&cores[0], tsc_now_ns());
    }
    return out;
}
