/* SPDX-License-Identifier: BSD-2-Clause
 * The router's slow path; see router.h. In the order of RFC 1812 section 5.2.1: validate the
 * header, deliver to this router or look up the route, check that it may be forwarded; then TTL,
 * options, fragmentation, transmit.
 */
#include "net/route/router.h"

#include "arch/random.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "kernel/lib/str.h"
#include "kernel/grace.h"
#include "kernel/log/log.h"
#include "kernel/mailbox.h"
#include "kernel/memory/memory.h"
#include "net/lane/lane_control.h"
#include "net/route/fragment.h"
#include "net/route/hops.h"
#include "net/route/ip_option.h"
#include "net/route/waiting.h"
#include "net/stack/csum.h"
#include "net/stack/eth.h"
#include "net/stack/ip.h"
#include "net/stack/netif.h"
#include "net/lane/vlans.h"

enum {
    WAITING_PORT = 4096,   /* places for waiting frames on each core: as many for a port; */
    WAITING_LEAST = 64,    /* but, as long as there are so many, ... */
    MEMORY_SHARE = 8,      /* ... only this part of the free memory, half of it for core 0 */
    WANTED_MAX = 256,      /* per core: neighbours to be asked for */
    CALL_LIMIT_US = 20000, /* for serve_waiting on another core */
    /* What is done at a time: a frame or neighbour costs up to 700 instructions. */
    WANTED_STEP = 8,
    SERVE_COST = 96,  /* of looking at so many waiting frames, */
    SERVED_COST = 12, /* of serving one of them */
    IP_DONT_FRAGMENT = 0x4000,
};
#define WAITING_NS 3000000000ull /* until ARP's third request, see net/stack/arp.h */
#define WANTED_NS  1000000000ull /* a neighbour is asked for again while frames wait for it */
static_assert(WAITING_BYTES >= SLOT_BYTES, "any frame can wait");

/* A neighbour that frames wait for. */
struct wanted {
    struct port *out;
    uint32_t ip;
    bool is_host; /* the frames are for it; else by it */
};

/* Per-core state. */
struct core {
    /* Received frames that wait until their next hop's MAC address is known. They are counted as
     * consumed when they begin, and as generated when they are sent or dropped. */
    struct waiting_frames waiting;
    uint32_t serve_at; /* the place to be looked at next */
    bool has_more;     /* serve_waiting is to be called again */
    /* A queue from this core to core 0; the positions run free. */
    uint32_t wanted_in, wanted_out;
    struct wanted wanted[WANTED_MAX];
    uint8_t fragment[ETH_BUFFER];
} __attribute__((aligned(CACHE_LINE_BYTES)));
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

/* Have core 0 ask for a neighbour. If the queue is full, serve_waiting tries again. */
static void want(struct core *core, struct waiting *w)
{
    uint32_t in = core->wanted_in;

    if (in - __atomic_load_n(&core->wanted_out, __ATOMIC_ACQUIRE) == WANTED_MAX)
        return;
    w->asked_ns = tsc_now_ns();
    core->wanted[in % WANTED_MAX] = (struct wanted){w->out, w->next, w->hop == 0};
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

/* Queue the frame; it takes the place of an earlier one for the same neighbour. `hop`: the
 * gateway's; 0: the neighbour is the destination. */
static struct outcome wait(struct packet *packet, const uint8_t *frame, uint32_t length,
                           struct port *out, uint32_t next, unsigned hop)
{
    struct core *core = &cores[packet->core];
    struct packet lost = {.core = packet->core};

    if (!packet->lane) {
        packet->still_waits = true;
        return (struct outcome){0, FATE_KEPT};
    }
    struct waiting *before = waiting_find(&core->waiting, out, next);
    uint64_t now_ns = tsc_now_ns(), asked_ns = before ? before->asked_ns : 0;
    struct waiting *w = waiting_add(&core->waiting, out, next, &lost.in);
    if (lost.in)
        (void)drop(&lost, DROP_route_waiting);
    w->since_ns = now_ns;
    w->asked_ns = asked_ns;
    w->in = packet->in;
    w->hop = hop;
    w->length = length;
    memcpy(w->frame, frame, length);
    if (!before || now_ns - asked_ns >= WANTED_NS)
        want(core, w);
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

/* False for sources that are not a host's, or are our own (RFC 1812 section 5.3.7). A link-local one
 * may send to us. */
static bool may_be_source(uint32_t ip)
{
    unsigned kind = hop_kind(route_hop_of(route_entry(routes.table, ip)));

    return ip_is_host(ip) && kind != HOP_LOCAL && kind != HOP_BROADCAST &&
           (kind != HOP_NEVER || ip_is_link_local(ip));
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
            return wait(packet, frame, length, out, next, is_on_net ? 0 : hop);
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
    if (ip_is_link_local(ip->src) || ip_is_link_local(ip->dst))
        return drop(packet, DROP_route_local);
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
static void serve_frame(struct core *core, struct waiting *w, bool has_failed)
{
    const unsigned index = (unsigned)(core - cores);
    struct packet packet = {.in = w->in, .netif = &w->in->netif[index], .core = index};

    (void)route_datagram(&packet, w->frame, w->length);
    if (packet.still_waits && (has_failed || tsc_now_ns() - w->since_ns > WAITING_NS)) {
        packet.still_waits = false;
        (void)refuse(&packet, w->frame, DROP_route_no_host, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE,
                     0);
    }
    if (!packet.still_waits)
        waiting_remove(&core->waiting, w);
}

/* Is it useless to look for a route again, since the frame's neighbour is still asked for? */
static bool is_asked_for(const struct waiting *w, uint64_t now_ns)
{
    unsigned hop = w->hop != 0 ? w->hop : hops_find(w->out, w->next);
    enum hop_state state = hop_state(hop);

    return (hop == 0 || state == HOP_ASKING) && now_ns - w->since_ns <= WAITING_NS &&
           w->out->wire->link_is_up && !w->out->wire->is_down;
}

/* Core 0 asks at once: its queue is for new neighbours. */
static void want_again(struct core *core, struct waiting *w, uint64_t now_ns)
{
    if (core != &cores[0]) {
        want(core, w);
        return;
    }
    w->asked_ns = now_ns;
    (void)hops_resolve(w->out, w->next, w->hop == 0, now_ns);
}

/* Serve some of the core's waiting frames; has_more: not all have been looked at. */
static void serve_waiting(void *context)
{
    struct core *core = context;
    struct waiting_frames *all = &core->waiting;
    uint64_t now_ns = tsc_now_ns();
    unsigned cost = 0;

    while (core->serve_at < all->used && cost < SERVE_COST) {
        struct waiting *w = &all->places[core->serve_at++];
        cost++;
        if (w->length == 0)
            continue;
        if (!is_asked_for(w, now_ns)) {
            serve_frame(core, w, false);
            cost += SERVED_COST;
        }
        if (w->length != 0 && now_ns - w->asked_ns >= WANTED_NS)
            want_again(core, w, now_ns);
    }
    core->has_more = core->serve_at < all->used;
    if (!core->has_more)
        core->serve_at = 0;
}

/* Send at once a request that core 0's stack has to send: first come those of new look-ups. */
static void send_request(struct port *port, uint64_t now_ns)
{
    static uint8_t frame[ETH_BUFFER];
    uint32_t length = netif_poll(port->netif, now_ns, frame);

    if (length != 0)
        (void)side_send(port, frame, length);
}

/* Core 0: the neighbour's frame on this core need not wait for router_service. */
static void serve_now(const struct port *port, uint32_t ip, enum arp_state state)
{
    struct waiting *w = waiting_find(&cores[0].waiting, port, ip);

    if (w)
        serve_frame(&cores[0], w, state == ARP_FAILED);
}

/* Core 0: resolve some of the neighbours that a core wants. True: there are more. */
static bool resolve_wanted(struct core *core, uint64_t now_ns)
{
    struct wanted wanted;

    for (unsigned i = 0; i < WANTED_STEP; i++) {
        if (!take_wanted(core, &wanted))
            return false;
        enum arp_state state = hops_resolve(wanted.out, wanted.ip, wanted.is_host, now_ns);
        send_request(wanted.out, now_ns);
        if (core == &cores[0])
            serve_now(wanted.out, wanted.ip, state);
    }
    return true;
}

/* Core 0: a neighbour of the port has answered. */
static void serve_answered(struct port *port, uint32_t ip, uint64_t now_ns)
{
    enum arp_state state = hops_resolve(port, ip, false, now_ns);

    serve_now(port, ip, state);
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

/* What one service has done: first all next hops, then what each core waits for. */
static struct {
    bool is_on;
    unsigned core;
} service;

/* Core 0: some of what a core waits for. True: there is more. */
static bool service_core(struct core *core, uint64_t now_ns)
{
    if (resolve_wanted(core, now_ns))
        return true;
    if (waiting_n(&core->waiting) == 0)
        return false;
    /* A core that does not answer in time is called again next time. */
    return mailbox_call((unsigned)(core - cores), serve_waiting, core, CALL_LIMIT_US) == OK &&
           core->has_more;
}

bool router_service(uint64_t now_ns)
{
    if (!routes.table)
        return false;
    if (!service.is_on) {
        service.is_on = !hops_refresh(now_ns);
        service.core = 0;
        return true;
    }
    if (service.core < lanes_cores) {
        service.core += !service_core(&cores[service.core], now_ns);
        return true;
    }
    (void)router_settle();
    service.is_on = false;
    return false;
}

/* How many frames may wait on a core. */
static uint32_t places_for(unsigned core, uint32_t most)
{
    uint64_t part = memory_free_bytes() / MEMORY_SHARE / 2;

    if (core > 0)
        part /= lanes_cores - 1;
    uint64_t n = part / (WAITING_BYTES + sizeof(struct waiting));
    return (uint32_t)MIN(MAX(n, (uint64_t)WAITING_LEAST), (uint64_t)most);
}

static bool open_core(unsigned core, uint32_t n)
{
    void *places = memory_alloc(waiting_bytes(n), PAGE_BYTES);
    uint8_t *frames = memory_alloc_uninitialized(waiting_frame_bytes(n), PAGE_BYTES);

    if (places && frames)
        waiting_init(&cores[core].waiting, places, frames, n, (uint32_t)random_u64() | 1);
    return places && frames;
}

const char *router_open(void)
{
    uint32_t most = 0, least, n[QUEUES_MAX] = {0};
    bool is_open = true;

    service.is_on = false;
    for (unsigned i = 0; i < ports_all; i++)
        most += ports[i].netif ? WAITING_PORT : 0;
    most = MAX(most, (uint32_t)WAITING_LEAST);
    for (unsigned core = 0; core < lanes_cores; core++)
        n[core] = places_for(core, most);
    cores = memory_alloc(lanes_cores * sizeof(struct core), PAGE_BYTES);
    memset(router_quiet, 0, sizeof(router_quiet));
    for (unsigned core = 0; core < lanes_cores && cores && is_open; core++)
        is_open = open_core(core, n[core]);
    if (!cores || !is_open)
        return "no memory for waiting frames";
    least = n[lanes_cores - 1];
    log_info("route: %u to %u frames of each core can wait for neighbours%s", least, n[0],
             least < most ? ", fewer than neighbours: memory is short" : "");
    return NULL;
}

unsigned router_waiting(void)
{
    unsigned n = 0;

    for (unsigned core = 0; core < lanes_cores && cores; core++)
        n += waiting_n(&cores[core].waiting);
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
