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

static struct arp_entry *find(struct arp_cache *cache, uint32_t ip)
{
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (cache->entries[i].state != ARP_FREE && cache->entries[i].ip == ip)
            return &cache->entries[i];
    return NULL;
}

/* Start a round of requests; the first is due at once. */
static void start_requests(struct arp_entry *entry, uint64_t now_ns)
{
    entry->tries = 0;
    entry->next_ns = now_ns;
}

/* Replacement order: entries of lower worth go first. Pending ones are kept. */
static unsigned worth(const struct arp_entry *entry)
{
    switch (entry->state) {
    case ARP_FREE:
        return 0;
    case ARP_FAILED:
        return 1;
    case ARP_KNOWN:
        return 2;
    default:
        return 3;
    }
}

/* An entry to replace, or NULL if too many await a reply. Among entries of equal worth it is the
 * least recently used. */
static struct arp_entry *make_room(struct arp_cache *cache)
{
    struct arp_entry *room = &cache->entries[0];
    unsigned asking = 0;
    for (unsigned i = 0; i < ARP_ENTRIES; i++) {
        struct arp_entry *entry = &cache->entries[i];
        asking += entry->state == ARP_ASKING;
        if (worth(entry) < worth(room) ||
            (worth(entry) == worth(room) && entry->used_ns < room->used_ns))
            room = entry;
    }
    return asking < ARP_ASKING_MAX ? room : NULL;
}

bool arp_lookup(struct arp_cache *cache, uint32_t ip, uint64_t now_ns, uint8_t *mac,
                bool *has_failed)
{
    struct arp_entry *entry = find(cache, ip);

    *has_failed = false;
    if (entry == NULL) {
        entry = make_room(cache);
        if (entry == NULL) {
            cache->full++;
            return false;
        }
        *entry = (struct arp_entry){.ip = ip, .state = ARP_ASKING};
        start_requests(entry, now_ns);
    }
    entry->used_ns = now_ns;
    if (entry->state == ARP_KNOWN) {
        uint64_t age_ns = now_ns - entry->known_ns;
        if (age_ns > ARP_FRESH_NS && !entry->is_refreshing) {
            entry->is_refreshing = true;
            start_requests(entry, now_ns);
        }
        if (age_ns <= ARP_KEPT_NS) {
            memcpy(mac, entry->mac, 6);
            return true;
        }
        entry->state = ARP_ASKING; /* the pending round of requests continues */
        entry->is_refreshing = false;
    }
    if (entry->state == ARP_FAILED) {
        if (now_ns < entry->next_ns) {
            *has_failed = true;
            return false;
        }
        entry->state = ARP_ASKING;
        start_requests(entry, now_ns);
    }
    return false;
}

bool arp_due(struct arp_cache *cache, uint64_t now_ns, uint32_t *ip)
{
    for (unsigned i = 0; i < ARP_ENTRIES; i++) {
        struct arp_entry *entry = &cache->entries[i];
        bool is_waiting = entry->state == ARP_ASKING || entry->is_refreshing;
        if (!is_waiting || now_ns < entry->next_ns)
            continue;
        if (entry->tries == ARP_TRIES) {
            entry->state = ARP_FAILED;
            entry->is_refreshing = false;
            entry->next_ns = now_ns + ARP_HOLD_OFF_NS;
            continue;
        }
        entry->next_ns = now_ns + (ARP_FIRST_WAIT << entry->tries);
        entry->tries++;
        cache->requests++;
        *ip = entry->ip;
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
        arp_recheck(cache, ip, mac, now_ns);
        return false;
    }
    memcpy(entry->mac, mac, 6);
    entry->state = ARP_KNOWN;
    entry->is_refreshing = false;
    entry->tries = 0;
    entry->known_ns = now_ns;
    cache->replies++;
    return true;
}

void arp_recheck(struct arp_cache *cache, uint32_t ip, const uint8_t *mac, uint64_t now_ns)
{
    struct arp_entry *entry = find(cache, ip);

    if (entry == NULL || entry->state != ARP_KNOWN || entry->is_refreshing ||
        mac_equal(entry->mac, mac))
        return;
    if (entry->recheck_ns != 0 && now_ns - entry->recheck_ns < ARP_RECHECK_GAP_NS)
        return;
    entry->recheck_ns = now_ns;
    entry->is_refreshing = true;
    start_requests(entry, now_ns);
}
