/* SPDX-License-Identifier: BSD-2-Clause
 * Addresses of one port's subnet, and the first hop to all others (redirects, gateways, ARP). Used
 * by netif.c and netif_ip.c. Pure.
 */
#include "net/stack/internal.h"
#include "net/stack/ip.h"

/* The all-zeroes and all-ones host of a subnet; one of 31 or 32 bits has neither (RFC 3021). */
bool netif_is_broadcast(const struct netif *nif, uint32_t ip)
{
    return nif->prefix <= 30 && ((ip ^ nif->ip) & nif->mask) == 0 &&
           ((ip & ~nif->mask) == 0 || (ip & ~nif->mask) == ~nif->mask);
}

bool netif_is_on_net(const struct netif *nif, uint32_t ip)
{
    return ((ip ^ nif->ip) & nif->mask) == 0 && !netif_is_broadcast(nif, ip);
}

bool netif_is_neighbour(const struct netif *nif, uint32_t ip)
{
    bool is_gateway = ip != 0 && (ip == nif->gateways[0] || ip == nif->gateways[1]);

    return netif_is_on_net(nif, ip) || (nif->prefix == 32 && is_gateway);
}

static struct netif_redirect *redirect_of(struct netif *nif, uint32_t dst)
{
    for (unsigned i = 0; i < NETIF_REDIRECTS; i++)
        if (nif->redirects[i].dst == dst)
            return &nif->redirects[i];
    return NULL;
}

static uint32_t gateway_in_use(const struct netif *nif)
{
    return nif->gateways[nif->uses_second];
}

/* RFC 1122 section 3.2.2.2: only from the current first hop, and only to a host of our subnet. */
void netif_take_redirect(struct netif *nif, uint32_t from, uint32_t dst, uint32_t to)
{
    struct netif_redirect *known = redirect_of(nif, dst);

    if (netif_is_on_net(nif, dst) || from != (known ? known->gateway : gateway_in_use(nif)) ||
        !netif_is_on_net(nif, to) || !ip_is_host(to) || to == nif->ip)
        return;
    if (!known)
        known = &nif->redirects[nif->redirects_n++ % NETIF_REDIRECTS];
    *known = (struct netif_redirect){dst, to};
}

/* Section 3.3.1.5: does the gateway `ip` not answer, but the other one? Then change to that. */
static bool is_gateway_replaced(struct netif *nif, uint32_t ip, uint8_t *mac)
{
    uint32_t other = nif->gateways[!nif->uses_second];
    enum arp_state state;
    uint8_t other_mac[6];

    if (ip != gateway_in_use(nif) || other == 0 ||
        !arp_lookup(&nif->arp, other, nif->now_ns, other_mac, &state) || state == ARP_KEPT)
        return false;
    memcpy(mac, other_mac, 6);
    nif->uses_second = !nif->uses_second;
    return true;
}

enum netif_way netif_resolve(struct netif *nif, uint32_t ip, uint8_t *mac)
{
    struct netif_redirect *redirect = NULL;
    enum arp_state state;

    if (!nif->is_configured || nif->is_refused || !ip_is_host(ip) || ip == nif->ip)
        return NETIF_NO_ROUTE;
    if (!netif_is_neighbour(nif, ip)) {
        if (nif->gateways[0] == 0 || netif_is_broadcast(nif, ip))
            return NETIF_NO_ROUTE;
        redirect = redirect_of(nif, ip);
        ip = redirect ? redirect->gateway : gateway_in_use(nif);
    }
    if (netif_is_silent(nif))
        return NETIF_ASKING;
    bool has_mac = arp_lookup(&nif->arp, ip, nif->now_ns, mac, &state);
    bool has_failed = state == ARP_FAILED;
    if ((has_failed || state == ARP_KEPT) && redirect) {
        redirect->dst = 0; /* section 3.3.1.4: fall back to the default gateway */
        return NETIF_ASKING;
    }
    if (state == ARP_KEPT && is_gateway_replaced(nif, ip, mac))
        return NETIF_READY;
    if (has_mac)
        return NETIF_READY;
    if (has_failed && ip == gateway_in_use(nif) && nif->gateways[1] != 0) { /* section 3.3.1.5 */
        nif->uses_second = !nif->uses_second;
        if (nif->uses_second) /* else neither answers: report it, or this would not end */
            return NETIF_ASKING;
    }
    return has_failed ? NETIF_NO_ANSWER : NETIF_ASKING;
}
