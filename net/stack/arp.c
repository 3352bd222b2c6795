/* SPDX-License-Identifier: BSD-2-Clause
 * ARP; see arp.h.
 */
#include "net/stack/arp.h"

#include "net/stack/eth.h"
#include "net/stack/ip.h"

#define ARP_HARDWARE      0u
#define ARP_PROTOCOL      2u
#define ARP_SIZES         4u /* of a hardware and of a protocol address */
#define ARP_OP            6u
#define ARP_SENDER_MAC    8u
#define ARP_SENDER_IP     14u
#define ARP_TARGET_MAC    18u
#define ARP_TARGET_IP     24u

#define HARDWARE_ETHERNET 1u
#define SIZES_6_4         0x0604u

bool arp_parse(const uint8_t *p, uint32_t bytes, struct arp_packet *packet)
{
    if (bytes < ARP_BYTES || wire_get16(p + ARP_HARDWARE) != HARDWARE_ETHERNET ||
        wire_get16(p + ARP_PROTOCOL) != ETH_IPV4 || wire_get16(p + ARP_SIZES) != SIZES_6_4)
        return false;
    packet->op = wire_get16(p + ARP_OP);
    memcpy(packet->sender_mac, p + ARP_SENDER_MAC, 6);
    packet->sender_ip = wire_get32(p + ARP_SENDER_IP);
    memcpy(packet->target_mac, p + ARP_TARGET_MAC, 6);
    packet->target_ip = wire_get32(p + ARP_TARGET_IP);
    return (packet->op == ARP_REQUEST || packet->op == ARP_REPLY) &&
           !mac_is_group(packet->sender_mac) && !mac_is_zero(packet->sender_mac) &&
           (packet->sender_ip == 0 || ip_is_host(packet->sender_ip));
}

uint32_t arp_build(uint8_t *frame, const uint8_t *eth_dst, const struct arp_packet *packet)
{
    uint8_t *p = frame + ETH_BYTES;

    eth_build(frame, eth_dst, packet->sender_mac, ETH_ARP);
    wire_put16(p + ARP_HARDWARE, HARDWARE_ETHERNET);
    wire_put16(p + ARP_PROTOCOL, ETH_IPV4);
    wire_put16(p + ARP_SIZES, SIZES_6_4);
    wire_put16(p + ARP_OP, packet->op);
    memcpy(p + ARP_SENDER_MAC, packet->sender_mac, 6);
    wire_put32(p + ARP_SENDER_IP, packet->sender_ip);
    memcpy(p + ARP_TARGET_MAC, packet->target_mac, 6);
    wire_put32(p + ARP_TARGET_IP, packet->target_ip);
    return eth_pad(frame, ETH_BYTES + ARP_BYTES);
}

/* ---- The table ---- */

static const uint8_t everyone[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

static uint32_t entries_max(const struct arp_cache *cache)
{
    return cache->more ? cache->more_n : ARP_ENTRIES;
}

static struct arp_entry *entry_at(struct arp_cache *cache, uint32_t i)
{
    return cache->more ? &cache->more[i] : &cache->own[i];
}

static uint16_t link_to(struct arp_cache *cache, const struct arp_entry *entry)
{
    return (uint16_t)(entry - entry_at(cache, 0) + 1);
}

const struct arp_entry *arp_entry(const struct arp_cache *cache, uint32_t i)
{
    if (i >= cache->used)
        return NULL;
    return cache->more ? &cache->more[i] : &cache->own[i];
}

/* There are as many hash chains as the largest power of two that is not above the number of
 * entries. */
static uint16_t *chain_of(struct arp_cache *cache, uint32_t ip)
{
    unsigned bits = 31 - (unsigned)__builtin_clz(entries_max(cache));
    uint16_t *heads = cache->more ? (uint16_t *)(cache->more + cache->more_n) : cache->own_heads;

    return &heads[ip * (cache->factor ? cache->factor : 0x9E3779B1u) >> (32 - bits)];
}

static struct arp_entry *find(struct arp_cache *cache, uint32_t ip)
{
    for (uint16_t link = *chain_of(cache, ip); link != 0;) {
        struct arp_entry *entry = entry_at(cache, link - 1u);
        if (entry->ip == ip)
            return entry;
        link = entry->chain;
    }
    return NULL;
}

static void unchain(struct arp_cache *cache, const struct arp_entry *entry)
{
    uint16_t *link = chain_of(cache, entry->ip);

    while (entry_at(cache, *link - 1u) != entry)
        link = &entry_at(cache, *link - 1u)->chain;
    *link = entry->chain;
}

/* ---- The lists ---- */

static struct arp_links *links_of(struct arp_entry *entry, bool is_timer)
{
    return is_timer ? &entry->in_timer : &entry->in_order;
}

static void append(struct arp_cache *cache, struct arp_ends *ends, struct arp_entry *entry,
                   bool is_timer)
{
    uint16_t link = link_to(cache, entry);

    *links_of(entry, is_timer) = (struct arp_links){.before = ends->last};
    if (ends->last != 0)
        links_of(entry_at(cache, ends->last - 1u), is_timer)->after = link;
    else
        ends->first = link;
    ends->last = link;
}

static void take_out(struct arp_cache *cache, struct arp_ends *ends, struct arp_entry *entry,
                     bool is_timer)
{
    struct arp_links links = *links_of(entry, is_timer);

    if (links.before != 0)
        links_of(entry_at(cache, links.before - 1u), is_timer)->after = links.after;
    else
        ends->first = links.after;
    if (links.after != 0)
        links_of(entry_at(cache, links.after - 1u), is_timer)->before = links.before;
    else
        ends->last = links.before;
}

/* Let the entry wait in another list until then; a list's times ascend, since all wait equally long. */
static void set_timer(struct arp_cache *cache, struct arp_entry *entry, enum arp_timer timer,
                      uint64_t until_ns)
{
    if (entry->timer != ARP_TIMER_NONE)
        take_out(cache, &cache->timers[entry->timer], entry, true);
    entry->timer = (uint8_t)timer;
    entry->next_ns = until_ns;
    if (timer != ARP_TIMER_NONE)
        append(cache, &cache->timers[timer], entry, true);
}

static enum arp_order order_of(enum arp_state state)
{
    static const uint8_t orders[] = {
        [ARP_FREE] = ARP_ORDER_FREE,     [ARP_ASKING] = ARP_ORDER_ASKING,
        [ARP_KNOWN] = ARP_ORDER_KNOWN,   [ARP_KEPT] = ARP_ORDER_KNOWN,
        [ARP_FAILED] = ARP_ORDER_FAILED, [ARP_STATIC] = ARP_ORDER_STATIC,
    };

    return orders[state];
}

/* The entry becomes the last to give way among those of equal worth. */
static void put_last(struct arp_cache *cache, struct arp_entry *entry, enum arp_state state)
{
    enum arp_order from = order_of(entry->state), to = order_of(state);

    take_out(cache, &cache->orders[from], entry, false);
    append(cache, &cache->orders[to], entry, false);
}

static bool has_mac(const struct arp_entry *entry)
{
    return entry->state == ARP_KNOWN || entry->state == ARP_KEPT;
}

static void set_state(struct arp_cache *cache, struct arp_entry *entry, enum arp_state state)
{
    put_last(cache, entry, state);
    cache->n -= entry->state != ARP_FREE;
    cache->n += state != ARP_FREE;
    cache->asking -= entry->state == ARP_ASKING;
    cache->asking += state == ARP_ASKING;
    cache->fixed -= entry->state == ARP_STATIC;
    cache->fixed += state == ARP_STATIC;
    cache->changes += entry->state != state;
    entry->state = (uint8_t)state;
}

/* ---- Making and removing entries ---- */

static void free_entry(struct arp_cache *cache, struct arp_entry *entry)
{
    unchain(cache, entry);
    set_timer(cache, entry, ARP_TIMER_NONE, 0);
    set_state(cache, entry, ARP_FREE);
}

/* The entry that gives way in a full table: arp_set leaves half of it. */
static struct arp_entry *least_worth(struct arp_cache *cache)
{
    bool half_ask = cache->asking >= entries_max(cache) / 2;
    uint16_t failed = cache->orders[ARP_ORDER_FAILED].first;
    uint16_t asking = cache->orders[ARP_ORDER_ASKING].first;
    uint16_t known = cache->orders[ARP_ORDER_KNOWN].first;
    uint16_t link = failed ? failed : (half_ask || known == 0) ? asking : known;

    cache->replaced += link == asking;
    return entry_at(cache, link - 1u);
}

/* A new entry for the address, without a state. */
static struct arp_entry *make_entry(struct arp_cache *cache, uint32_t ip)
{
    struct arp_ends *free = &cache->orders[ARP_ORDER_FREE];
    uint16_t *head = chain_of(cache, ip);

    if (free->first == 0 && cache->used == entries_max(cache))
        free_entry(cache, least_worth(cache));
    else if (free->first == 0)
        append(cache, free, entry_at(cache, cache->used++), false);
    struct arp_entry *entry = entry_at(cache, free->first - 1u);
    struct arp_links in_order = entry->in_order;
    *entry =
        (struct arp_entry){.ip = ip, .chain = *head, .timer = ARP_TIMER_NONE, .in_order = in_order};
    *head = link_to(cache, entry);
    return entry;
}

static void make_static(struct arp_cache *cache, struct arp_entry *entry, const uint8_t *mac)
{
    set_timer(cache, entry, ARP_TIMER_NONE, 0);
    entry->is_refreshing = false;
    memcpy(entry->mac, mac, 6);
    cache->changes++;
    set_state(cache, entry, ARP_STATIC);
}

bool arp_set(struct arp_cache *cache, uint32_t ip, const uint8_t *mac)
{
    struct arp_entry *entry = find(cache, ip);

    if ((!entry || entry->state != ARP_STATIC) && cache->fixed >= entries_max(cache) / 2)
        return false;
    make_static(cache, entry ? entry : make_entry(cache, ip), mac);
    return true;
}

bool arp_remove(struct arp_cache *cache, uint32_t ip)
{
    struct arp_entry *entry = find(cache, ip);

    if (entry)
        free_entry(cache, entry);
    return entry != NULL;
}

const struct arp_entry *arp_next_static(const struct arp_cache *cache,
                                        const struct arp_entry *after)
{
    uint16_t link = after ? after->in_order.after : cache->orders[ARP_ORDER_STATIC].first;

    return link != 0 ? arp_entry(cache, link - 1u) : NULL;
}

size_t arp_bytes(uint32_t n)
{
    return n * (sizeof(struct arp_entry) + sizeof(uint16_t));
}

void arp_extend(struct arp_cache *cache, void *memory, uint32_t n, uint32_t factor)
{
    uint32_t used = cache->more ? 0 : cache->used;

    cache->more = memory;
    cache->more_n = n;
    cache->factor = factor;
    cache->used = cache->n = cache->asking = cache->fixed = 0;
    memset(cache->orders, 0, sizeof(cache->orders));
    memset(cache->timers, 0, sizeof(cache->timers));
    for (uint32_t i = 0; i < used; i++)
        if (cache->own[i].state == ARP_STATIC)
            make_static(cache, make_entry(cache, cache->own[i].ip), cache->own[i].mac);
}

uint32_t arp_forget(struct arp_cache *cache, uint32_t most)
{
    static const uint8_t orders[] = {ARP_ORDER_KNOWN, ARP_ORDER_ASKING, ARP_ORDER_FAILED};
    uint32_t n = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++)
        for (; n < most && cache->orders[orders[i]].first != 0; n++)
            free_entry(cache, entry_at(cache, cache->orders[orders[i]].first - 1u));
    if (cache->n == 0) {
        cache->used = 0;
        cache->orders[ARP_ORDER_FREE] = (struct arp_ends){0};
    }
    return n;
}

void arp_clear(struct arp_cache *cache)
{
    cache->changes++;
    cache->requests = cache->replies = cache->unsolicited = cache->replaced = 0;
    while (arp_forget(cache, UINT32_MAX) != 0)
        ;
}

/* ---- Requests ---- */

/* Start a round of requests; the first is due at once, by any clock. */
static void start_requests(struct arp_cache *cache, struct arp_entry *entry)
{
    entry->tries = 0;
    set_timer(cache, entry, ARP_TIMER_NOW, 0);
}

static void ask(struct arp_cache *cache, struct arp_entry *entry)
{
    set_state(cache, entry, ARP_ASKING);
    start_requests(cache, entry);
}

static void ask_again(struct arp_cache *cache, struct arp_entry *entry, bool is_direct)
{
    entry->is_refreshing = true;
    entry->is_direct = is_direct;
    start_requests(cache, entry);
}

/* Callers' times come from clocks that are read at different moments. */
static uint64_t since(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* A MAC address that is in use gets older: does it have to be requested again? False: it is too old to
 * be used. */
static bool use(struct arp_cache *cache, struct arp_entry *entry, uint64_t now_ns)
{
    bool is_due = entry->state == ARP_KEPT ? now_ns >= entry->next_ns
                                           : since(entry->known_ns, now_ns) > ARP_FRESH_NS;

    put_last(cache, entry, entry->state);
    if (is_due && !entry->is_refreshing)
        ask_again(cache, entry, entry->timer != ARP_TIMER_DOUBT);
    if (since(entry->alive_ns, now_ns) <= ARP_KEPT_NS)
        return true;
    if (!entry->is_refreshing)
        start_requests(cache, entry);
    set_state(cache, entry, ARP_ASKING); /* the pending round of requests continues */
    entry->is_refreshing = false;
    return false;
}

bool arp_lookup(struct arp_cache *cache, uint32_t ip, uint64_t now_ns, uint8_t *mac,
                enum arp_state *state)
{
    struct arp_entry *entry = find(cache, ip);

    if (entry == NULL) {
        entry = make_entry(cache, ip);
        ask(cache, entry);
    } else if (entry->state == ARP_STATIC || (has_mac(entry) && use(cache, entry, now_ns))) {
        memcpy(mac, entry->mac, 6);
        *state = entry->state;
        return true;
    } else if (entry->state == ARP_FAILED && now_ns >= entry->next_ns) {
        ask(cache, entry);
    }
    *state = entry->state;
    return false;
}

/* No request of the round was answered. */
static void give_up(struct arp_cache *cache, struct arp_entry *entry, uint64_t now_ns)
{
    set_timer(cache, entry, ARP_TIMER_NONE, now_ns + ARP_HOLD_OFF_NS);
    set_state(cache, entry, has_mac(entry) ? ARP_KEPT : ARP_FAILED);
    entry->is_refreshing = false;
    if (entry->state == ARP_FAILED && cache->on_failed)
        cache->on_failed(cache->context, entry->ip, now_ns);
}

/* The number of an entry whose time has come, plus 1; 0: none. */
static uint16_t first_due(const struct arp_cache *cache, uint64_t now_ns)
{
    for (unsigned i = 0; i < ARP_TIMERS; i++) {
        uint16_t link = cache->timers[i].first;
        if (link != 0 && now_ns >= arp_entry(cache, link - 1u)->next_ns)
            return link;
    }
    return 0;
}

bool arp_is_due(const struct arp_cache *cache, uint64_t now_ns)
{
    return first_due(cache, now_ns) != 0;
}

bool arp_due(struct arp_cache *cache, uint64_t now_ns, uint32_t *ip, uint8_t *eth_dst)
{
    uint16_t link;

    for (unsigned ends = 0; ends < ARP_ENDS && (link = first_due(cache, now_ns)) != 0;) {
        struct arp_entry *entry = entry_at(cache, link - 1u);
        if (entry->timer == ARP_TIMER_DOUBT) {
            entry->checks = 1;
            entry->checks_ns = now_ns;
            ask_again(cache, entry, false);
        }
        if (entry->tries == ARP_TRIES) {
            give_up(cache, entry, now_ns);
            ends++;
            continue;
        }
        bool is_direct = entry->is_refreshing && entry->is_direct && entry->tries == 0;
        memcpy(eth_dst, is_direct ? entry->mac : everyone, 6);
        *ip = entry->ip;
        set_timer(cache, entry, ARP_TIMER_SENT + entry->tries,
                  now_ns + (ARP_FIRST_WAIT << entry->tries));
        entry->tries++;
        cache->requests++;
        return true;
    }
    return false;
}

bool arp_answer(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns)
{
    struct arp_entry *entry = find(cache, ip);

    if (entry == NULL || entry->tries == 0 ||
        !(entry->state == ARP_ASKING || entry->is_refreshing)) {
        cache->unsolicited++;
        arp_claim(cache, ip, mac, now_ns);
        return false;
    }
    cache->changes += !mac_equal(entry->mac, mac);
    memcpy(entry->mac, mac, 6);
    set_timer(cache, entry, ARP_TIMER_NONE, 0);
    set_state(cache, entry, ARP_KNOWN);
    entry->is_refreshing = false;
    entry->tries = 0;
    entry->known_ns = entry->alive_ns = now_ns;
    cache->replies++;
    cache->answered_ip = ip;
    return true;
}

void arp_confirm(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns)
{
    struct arp_entry *entry = find(cache, ip);

    if (entry != NULL && has_mac(entry) && mac_equal(entry->mac, mac))
        entry->alive_ns = now_ns;
}

void arp_claim(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns)
{
    struct arp_entry *entry = find(cache, ip);

    if (entry == NULL || !has_mac(entry))
        return;
    if (mac_equal(entry->mac, mac)) {
        entry->alive_ns = now_ns;
        return;
    }
    if (entry->timer == ARP_TIMER_DOUBT || (entry->is_refreshing && !entry->is_direct))
        return; /* it is going to be requested from all */
    if (since(entry->checks_ns, now_ns) >= ARP_CHECK_NS) {
        entry->checks = 0;
        entry->checks_ns = now_ns;
    }
    if (entry->checks < ARP_CHECKS) {
        entry->checks++;
        ask_again(cache, entry, false);
    } else if (!entry->is_refreshing) {
        set_timer(cache, entry, ARP_TIMER_DOUBT, now_ns + ARP_CHECK_NS);
    }
}
