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

const struct arp_entry *arp_entry(const struct arp_cache *cache, uint32_t i)
{
    if (i >= cache->used)
        return NULL;
    return cache->more ? &cache->more[i] : &cache->own[i];
}

/* The links of the hash chains are entry numbers plus 1; 0 ends a chain. There are as many chains as
 * the largest power of two that is not above the number of entries. */
static uint16_t *chain_of(struct arp_cache *cache, uint32_t ip)
{
    uint32_t chains = 1u << (31 - __builtin_clz(entries_max(cache)));
    uint16_t *heads = cache->more ? (uint16_t *)(cache->more + cache->more_n) : cache->own_heads;

    return &heads[(ip * 0x9E3779B1u) >> 16 & (chains - 1)];
}

static struct arp_entry *find(struct arp_cache *cache, uint32_t ip)
{
    for (uint16_t link = *chain_of(cache, ip); link != 0;) {
        struct arp_entry *entry = entry_at(cache, link - 1u);
        if (entry->ip == ip)
            return entry;
        link = entry->link;
    }
    return NULL;
}

static void unlink_entry(struct arp_cache *cache, const struct arp_entry *entry)
{
    uint16_t *link = chain_of(cache, entry->ip);

    while (entry_at(cache, *link - 1u) != entry)
        link = &entry_at(cache, *link - 1u)->link;
    *link = entry->link;
}

static bool has_mac(const struct arp_entry *entry)
{
    return entry->state == ARP_KNOWN || entry->state == ARP_KEPT;
}

static void set_state(struct arp_cache *cache, struct arp_entry *entry, enum arp_state state)
{
    cache->asking -= entry->state == ARP_ASKING;
    cache->asking += state == ARP_ASKING;
    cache->changes += entry->state != state;
    entry->state = (uint8_t)state;
}

/* Replacement order: entries of lower worth go first. Pending ones are kept. */
static unsigned worth(const struct arp_entry *entry)
{
    return entry->state == ARP_FAILED ? 1 : has_mac(entry) ? 2 : 3;
}

/* A new entry for the address, or NULL if too many await a first reply. It replaces another if the
 * table is full: among those of equal worth the least recently used. */
static struct arp_entry *make_entry(struct arp_cache *cache, uint32_t ip)
{
    uint32_t max = entries_max(cache), i = 0;

    if (cache->asking >= max / 2)
        return NULL;
    if (cache->used < max) {
        i = cache->used++;
    } else {
        for (uint32_t k = 1; k < max; k++) {
            const struct arp_entry *entry = entry_at(cache, k), *room = entry_at(cache, i);
            if (worth(entry) < worth(room) ||
                (worth(entry) == worth(room) && entry->used_ns < room->used_ns))
                i = k;
        }
        unlink_entry(cache, entry_at(cache, i));
    }
    struct arp_entry *entry = entry_at(cache, i);
    uint16_t *head = chain_of(cache, ip);
    *entry = (struct arp_entry){.ip = ip, .link = *head};
    *head = (uint16_t)(i + 1);
    return entry;
}

size_t arp_bytes(uint32_t n)
{
    return n * (sizeof(struct arp_entry) + sizeof(uint16_t));
}

void arp_extend(struct arp_cache *cache, void *memory, uint32_t n)
{
    arp_clear(cache);
    cache->more = memory;
    cache->more_n = n;
}

void arp_clear(struct arp_cache *cache)
{
    struct arp_entry *more = cache->more;
    uint32_t n = cache->more_n, changes = cache->changes + 1;

    if (more)
        memset(more, 0, arp_bytes(n));
    memset(cache, 0, sizeof(*cache));
    cache->more = more;
    cache->more_n = n;
    cache->changes = changes;
}

/* ---- Requests ---- */

/* Start a round of requests; the first is due at once. */
static void start_requests(struct arp_cache *cache, struct arp_entry *entry, uint64_t now_ns)
{
    entry->tries = 0;
    entry->next_ns = now_ns;
    cache->due_ns = MIN(cache->due_ns, now_ns);
    cache->least_ns = MIN(cache->least_ns, now_ns);
}

static void ask(struct arp_cache *cache, struct arp_entry *entry, uint64_t now_ns)
{
    set_state(cache, entry, ARP_ASKING);
    start_requests(cache, entry, now_ns);
}

static void ask_again(struct arp_cache *cache, struct arp_entry *entry, bool is_direct,
                      uint64_t now_ns)
{
    entry->is_refreshing = true;
    entry->is_direct = is_direct;
    start_requests(cache, entry, now_ns);
}

bool arp_lookup(struct arp_cache *cache, uint32_t ip, uint64_t now_ns, uint8_t *mac,
                enum arp_state *state)
{
    struct arp_entry *entry = find(cache, ip);

    *state = ARP_FREE;
    if (entry == NULL) {
        entry = make_entry(cache, ip);
        if (entry == NULL) {
            cache->full++;
            return false;
        }
        ask(cache, entry, now_ns);
    }
    entry->used_ns = now_ns;
    if (has_mac(entry)) {
        bool is_due = entry->state == ARP_KEPT ? now_ns >= entry->next_ns
                                               : now_ns - entry->known_ns > ARP_FRESH_NS;
        if (is_due && !entry->is_refreshing)
            ask_again(cache, entry, true, now_ns);
        if (now_ns - entry->alive_ns <= ARP_KEPT_NS) {
            memcpy(mac, entry->mac, 6);
            *state = entry->state;
            return true;
        }
        if (!entry->is_refreshing)
            start_requests(cache, entry, now_ns);
        set_state(cache, entry, ARP_ASKING); /* the pending round of requests continues */
        entry->is_refreshing = false;
    }
    if (entry->state == ARP_FAILED && now_ns >= entry->next_ns)
        ask(cache, entry, now_ns);
    *state = entry->state;
    return false;
}

/* No request of the round was answered. */
static void give_up(struct arp_cache *cache, struct arp_entry *entry, uint64_t now_ns)
{
    set_state(cache, entry, has_mac(entry) ? ARP_KEPT : ARP_FAILED);
    entry->is_refreshing = false;
    entry->next_ns = now_ns + ARP_HOLD_OFF_NS;
}

bool arp_due(struct arp_cache *cache, uint64_t now_ns, uint32_t *ip, uint8_t *eth_dst)
{
    for (;;) {
        if (cache->at == cache->used) { /* end of a pass */
            cache->at = 0;
            cache->due_ns = cache->least_ns;
        }
        if (cache->at == 0) {
            if (now_ns < cache->due_ns || cache->used == 0)
                return false;
            cache->least_ns = UINT64_MAX;
        }
        struct arp_entry *entry = entry_at(cache, cache->at++);
        if (entry->state != ARP_ASKING && !entry->is_refreshing)
            continue;
        bool is_due = now_ns >= entry->next_ns;
        if (is_due && entry->tries == ARP_TRIES) {
            give_up(cache, entry, now_ns);
            continue;
        }
        if (is_due) {
            bool is_direct = entry->is_refreshing && entry->is_direct && entry->tries == 0;
            memcpy(eth_dst, is_direct ? entry->mac : everyone, 6);
            *ip = entry->ip;
            entry->next_ns = now_ns + (ARP_FIRST_WAIT << entry->tries);
            entry->tries++;
            cache->requests++;
        }
        cache->least_ns = MIN(cache->least_ns, entry->next_ns);
        if (is_due)
            return true;
    }
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
    if (entry->is_refreshing ||
        (entry->recheck_ns != 0 && now_ns - entry->recheck_ns < ARP_RECHECK_GAP_NS))
        return;
    entry->recheck_ns = now_ns;
    ask_again(cache, entry, false, now_ns);
}
