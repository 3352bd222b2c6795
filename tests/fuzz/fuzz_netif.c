/* SPDX-License-Identifier: BSD-2-Clause
 * net/netif.c fed a run of frames: each is counted once, an answer is a right frame. The input is a
 * sequence of [flags, length (2 bytes), frame]; the flags give the frame our addresses and right
 * checksums, or let time pass, so that the fuzzer is not stopped at the first comparison.
 *
 * links: $(STACK)
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/eth.h"
#include "net/netif.h"
#include "tests/unit/frames.h"

#define FLAG_US       1 /* to our MAC address, from somebody's */
#define FLAG_ADDRESS  2 /* to our IP address, or ARP about it */
#define FLAG_CHECKSUM 4
#define FLAG_TIME     8  /* two seconds pass; all that is due is made */
#define FLAG_LOOK_UP  16 /* look up what the frame names as its source; ping it */

static void demand(bool is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "fuzz_netif: %s\n", what);
    abort();
}

static uint64_t counted(const struct netif *nif)
{
    uint64_t sum = nif->answered + nif->consumed;
    for (unsigned i = 0; i < DROP_COUNT; i++)
        sum += nif->drops[i];
    return sum;
}

static void judge(const uint8_t *frame, uint32_t n)
{
    const char *fault = fault_of(frame, n);
    demand(fault == NULL, fault);
}

static void step(struct netif *nif, uint8_t flags, uint8_t *frame, size_t n, uint64_t *now)
{
    uint8_t made[ETH_BUFFER], mac[6];

    if (n >= 34) {
        if (flags & FLAG_US) {
            memcpy(frame, US_MAC, 6);
            frame[6] &= 0xFE;
        }
        if (flags & FLAG_ADDRESS)
            put32(frame + (get16(frame + 12) == 0x0806 && n >= 42 ? 38 : 30), US_IP);
        if (flags & FLAG_CHECKSUM && n >= 14u + (frame[14] & 15u) * 4) {
            fix_payload(frame, n);
            fix_ip(frame);
        }
        if (flags & FLAG_LOOK_UP) {
            uint32_t ip = get32(frame + (get16(frame + 12) == 0x0806 ? 28 : 26));
            if (netif_resolve(nif, ip, mac) == NETIF_READY)
                judge(made, netif_ping(nif, made, mac, ip, 1, 1, n));
        }
    }
    if (flags & FLAG_TIME) {
        *now += 2000000000u;
        unsigned frames = 0;
        for (uint32_t made_n; (made_n = netif_poll(nif, *now, made)) != 0; frames++)
            judge(made, made_n);
        demand(frames <= ARP_ENTRIES + NETIF_ANNOUNCES, "poll makes too many frames");
    }
    uint64_t before = counted(nif);
    uint32_t answer = netif_input(nif, frame, (uint32_t)n);
    demand(counted(nif) == before + 1, "frame not counted once");
    if (answer != 0)
        judge(frame, answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct netif nif;
    uint64_t now = 1000000000;

    memset(&nif, 0, sizeof(nif));
    demand(netif_configure(&nif, (const uint8_t *)US_MAC, US_IP, 24, IP(192, 0, 2, 254)) == NULL,
           "configuration");
    while (size >= 3) {
        uint8_t flags = data[0];
        size_t n = get16(data + 1) % (ETH_BUFFER + 1);
        data += 3;
        size -= 3;
        if (n > size)
            n = size;
        uint8_t *frame = malloc(ETH_BUFFER);
        memset(frame, 0xA5, ETH_BUFFER);
        memcpy(frame, data, n);
        step(&nif, flags, frame, n, &now);
        free(frame);
        data += n;
        size -= n;
    }
    return 0;
}
